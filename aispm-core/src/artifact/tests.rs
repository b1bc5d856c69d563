//! What the room promises as a whole: verdicts on small files made here, and no panic on any bytes.

use std::io::Write;

use proptest::prelude::*;

use super::*;

fn scan(bytes: &[u8]) -> FileReport {
    Scanner::builtin().scan_bytes("model.bin", bytes)
}

fn verdict(bytes: &[u8]) -> Verdict {
    scan(bytes).verdict
}

/// `c` module, name, one string argument, REDUCE, STOP.
fn call(module: &str, name: &str) -> Vec<u8> {
    format!("c{module}\n{name}\n(S'x'\ntR.").into_bytes()
}

fn short(text: &str) -> Vec<u8> {
    [&[0x8c, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

/// A stored zip of one member, by hand, so that each field can be bent.
fn zip(name: &str, data: &[u8], flags: u16, crc: u32) -> Vec<u8> {
    let len = u32::try_from(data.len()).unwrap().to_le_bytes();
    let fields = |out: &mut Vec<u8>| {
        out.extend(20_u16.to_le_bytes());
        out.extend(flags.to_le_bytes());
        out.extend([0; 6]);
        out.extend(crc.to_le_bytes());
        out.extend(len);
        out.extend(len);
        out.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        out.extend([0, 0]);
    };
    let mut out = b"PK\x03\x04".to_vec();
    fields(&mut out);
    out.extend(name.as_bytes());
    out.extend(data);
    let directory = u32::try_from(out.len()).unwrap();
    out.extend(b"PK\x01\x02\x14\x03");
    fields(&mut out);
    out.extend([0; 14]);
    out.extend(name.as_bytes());
    let size = u32::try_from(out.len()).unwrap() - directory;
    out.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    out.extend(size.to_le_bytes());
    out.extend(directory.to_le_bytes());
    out.extend([0, 0]);
    out
}

fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

#[test]
fn calls_are_judged_by_what_is_called() {
    assert_eq!(verdict(&call("os", "system")), Verdict::Malicious);
    assert_eq!(verdict(&call("__builtin__", "execfile")), Verdict::Malicious);
    assert_eq!(verdict(&call("random", "seed")), Verdict::Malicious);
    assert_eq!(verdict(&call("some_package", "load_thing")), Verdict::Malicious);
    assert_eq!(verdict(&call("some_package", "Thing")), Verdict::Suspicious);
    assert_eq!(verdict(&call("collections", "OrderedDict")), Verdict::Clean);
    assert_eq!(verdict(b"cos\nsystem\n."), Verdict::Malicious);
    assert_eq!(verdict(b"c__builtin__\nlen\n."), Verdict::Clean);
}

#[test]
fn names_are_followed_through_attributes_memo_and_registry() {
    let stack_global = |module: &str, name: &str| [b"\x80\x04", &short(module)[..], &short(name), b"\x93)R."].concat();
    for (module, name) in [("posixpath", "os.system"), ("numpy", "__builtins__"), ("builtins", "eval.__call__")] {
        assert_eq!(verdict(&stack_global(module, name)), Verdict::Malicious, "{module} {name}");
    }
    // getattr(os, 'system')
    assert_eq!(verdict(b"c__builtin__\ngetattr\n(cshutil\nos\nS'system'\ntR(S'x'\ntR."), Verdict::Malicious);
    // an extension registered and used in one stream
    let extension = b"ccopyreg\nadd_extension\n(S'os'\nS'system'\nK\x05tR0\x82\x05(S'x'\ntR.";
    assert!(scan(extension).findings.iter().any(|f| f.detail.as_deref() == Some("os.system")));
    // state given to an imported function
    assert_eq!(verdict(b"ctorch\nsave\n}S'a'\nK\x01sb."), Verdict::Malicious);
}

#[test]
fn what_ran_before_the_break_counts() {
    let mut broken = call("os", "system");
    broken.pop();
    broken.extend(b"\xff\xff\xff");
    assert_eq!(verdict(&broken), Verdict::Malicious);
}

#[test]
fn pickles_are_found_behind_data_and_inside_strings() {
    let inner = [&b"\x80\x04"[..], &call("os", "system")].concat();
    assert_eq!(verdict(&[&[7; 300][..], &inner].concat()), Verdict::Malicious);
    let length = u8::try_from(inner.len()).unwrap();
    assert_eq!(verdict(&[b"\x80\x04C", &[length][..], &inner, b"."].concat()), Verdict::Malicious);
}

#[test]
fn prose_is_no_pickle() {
    assert_eq!(Scanner::sniff(b"comments here\nnumber 2\n. end\n"), Some(Format::Text));
    assert_eq!(verdict(b"I am a text.\nNothing more.\n"), Verdict::Clean);
}

#[test]
fn costly_constructs_are_malicious_and_large_files_unscanned() {
    assert_eq!(verdict(b"\x80\x04K\x01r\xf0\xff\xff\xff."), Verdict::Malicious);
    assert_eq!(verdict(&[&b"\x80\x04"[..], &[b'('; 50_000], b"N."].concat()), Verdict::Malicious);
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![0; 2 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    let small = Scanner::builder().unpacked_limit(1 << 20).build();
    assert_eq!(small.scan_bytes("x.gz", &bomb).verdict, Verdict::Malicious);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.pkl");
    std::fs::write(&path, vec![b'N'; 4096]).unwrap();
    let report = Scanner::builder().file_limit(1024).build().scan_file(&path);
    assert_eq!((report.verdict, report.reason.is_some()), (Verdict::Unscanned, true));
}

#[test]
fn archives_are_read_however_they_are_bent() {
    let evil = call("os", "system");
    assert_eq!(verdict(&zip("archive/data.pkl", &evil, 0, 0xdead)), Verdict::Malicious);
    assert_eq!(verdict(&zip("a/data.pkl", &evil, 0x21, 0)), Verdict::Malicious);
    assert_eq!(verdict(&zip("a/data.pkl", b"N.", 0, 0)), Verdict::Clean);
    assert_eq!(verdict(&zip("..\\evil", b"x", 0, 0)), Verdict::Malicious);
    let both = [zip("a.pkl", b"N.", 0, 0), zip("a.pkl", &evil, 0, 0)].concat();
    assert_eq!(verdict(&both), Verdict::Malicious);
    assert_eq!(verdict(&[&evil[..], &zip("a/data.pkl", b"N.", 0, 0)].concat()), Verdict::Malicious);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&evil).unwrap();
    assert_eq!(verdict(&gz.finish().unwrap()), Verdict::Malicious);
}

#[test]
fn safetensors_headers_must_add_up() {
    let tensor =
        |from: u64, to: u64| format!(r#"{{"dtype":"U8","shape":[{}],"data_offsets":[{from},{to}]}}"#, to - from);
    let ok = format!(r#"{{"a":{},"b":{}}}"#, tensor(0, 4), tensor(4, 8));
    assert_eq!(verdict(&safetensors(&ok, &[0; 8])), Verdict::Clean);
    assert_eq!(verdict(&safetensors(&ok, &[0; 4])), Verdict::Malicious);
    assert_eq!(verdict(&safetensors(&ok, &[0; 9])), Verdict::Malicious);
    let overlap = format!(r#"{{"a":{},"b":{}}}"#, tensor(0, 6), tensor(4, 8));
    assert_eq!(verdict(&safetensors(&overlap, &[0; 8])), Verdict::Malicious);
    let twice = format!(r#"{{"a":{},"a":{}}}"#, tensor(0, 4), tensor(4, 8));
    assert_eq!(verdict(&safetensors(&twice, &[0; 8])), Verdict::Malicious);
}

#[test]
fn configurations_are_judged_by_what_they_load() {
    let lambda = br#"{"class_name":"Lambda","config":{}}"#;
    assert_eq!(verdict(lambda), Verdict::Malicious);
    assert_eq!(verdict(br#"{"module":"keras.layers","class_name":"Dense","config":{}}"#), Verdict::Clean);
    assert_eq!(verdict(br#"{"_target_":"os.system"}"#), Verdict::Malicious);
    assert_eq!(verdict(br#"{"auto_map":{"AutoModel":"a/b--m.M"}}"#), Verdict::Malicious);
    assert_eq!(verdict(br#"{"auto_map":{"AutoModel":"m.M"}}"#), Verdict::Suspicious);
    assert_eq!(verdict(b"a: !!python/object/apply:os.system ['x']\n"), Verdict::Malicious);
    assert_eq!(verdict(b"a: !!python/tuple [1, 2]\n"), Verdict::Clean);
}

#[test]
fn folders_give_one_sorted_report_a_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("b.pkl"), call("os", "system")).unwrap();
    std::fs::write(folder.path().join("a.json"), b"{}").unwrap();
    let reports = Scanner::builtin().scan_path(folder.path());
    let verdicts: Vec<Verdict> = reports.iter().map(|report| report.verdict).collect();
    assert_eq!(verdicts, [Verdict::Clean, Verdict::Malicious]);
    let missing = Scanner::builtin().scan_file(&folder.path().join("none"));
    assert_eq!(missing.verdict, Verdict::Unscanned);
}

#[test]
fn the_scanner_is_shared_between_threads() {
    fn shared<T: Send + Sync + std::panic::UnwindSafe>() {}
    shared::<Scanner>();
    shared::<FileReport>();
}

/// Beginnings of every binary format, so that mutations reach their readers.
fn seeds() -> Vec<Vec<u8>> {
    let joblib = b"\x80\x04cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(S'shape'\nK\x04\x85S'dtype'\ncnumpy\ndtype\n(S'f8'\ntRub";
    vec![
        call("os", "system"),
        [&joblib[..], &[0; 32], b"."].concat(),
        b"\x80\x04]\x94(K\x01G\0\0\0\0\0\0\0\0\x8c\x02os\x94\x8c\x06system\x94\x93\x94h\x01\x85\x94R\x94e.".to_vec(),
        zip("a/data.pkl", &call("os", "system"), 0, 0),
        safetensors(r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#, &[0; 4]),
        b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0k\x08\0\0\0\x01\0\0\0\0\0\0\0vXXXX".to_vec(),
        b"\x93NUMPY\x01\0\x10\0{'descr': '|O'}\n\x80\x04N.".to_vec(),
        b"\x08\x08\x12\x03gen\x3a\x07\x2a\x05\x08\x04\x10\x01\x42\x02\x10\x0f".to_vec(),
        b"\x89HDF\r\n\x1a\n\x01\x08@\x03ext\x10\0\0/etc/passwd\0/x\0{\"class_name\": \"Lambda\"}".to_vec(),
        b"7z\xbc\xaf\x27\x1c\0\x04\0\0\0\0\x04\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0N.aa\x01\x04\x06\0\x01\x09\x04\0\x07\x0b\x01\0\x01\x01\0\x0c\x04".to_vec(),
        b"{% for m in x %}{{ m['\\x5f'] }}{% endfor %}".to_vec(),
        b"a: &a [1]\nb: [*a, *a]\n_target_: os.system\n".to_vec(),
    ]
}

#[cfg(unix)]
#[test]
fn links_to_files_are_scanned_and_nothing_else_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(path("snapshot/up")).unwrap();
    std::fs::write(path("blob"), call("os", "system")).unwrap();
    std::os::unix::fs::symlink("../blob", path("snapshot/model.bin")).unwrap();
    std::os::unix::fs::symlink("nowhere", path("snapshot/dead")).unwrap();
    std::os::unix::fs::symlink("/", path("snapshot/up/root")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(path("snapshot/pipe")).unwrap();

    let reports = Scanner::builtin().scan_path(&path("snapshot"));
    let verdicts: Vec<_> =
        reports.iter().map(|r| (r.path.rsplit('/').next().unwrap(), r.verdict, r.reason.is_some())).collect();
    assert_eq!(
        verdicts,
        [
            ("dead", Verdict::Unscanned, true),
            ("model.bin", Verdict::Malicious, false),
            ("pipe", Verdict::Unscanned, true),
            ("root", Verdict::Unscanned, true),
        ]
    );
    assert_eq!(Scanner::builtin().scan_path(&path("snapshot/pipe"))[0].verdict, Verdict::Unscanned);
    assert_eq!(Scanner::builtin().scan_path(&path("missing"))[0].verdict, Verdict::Unscanned);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
        let _ = scan(&bytes);
    }

    #[test]
    fn no_opcodes_make_it_panic(ops in proptest::collection::vec(
        proptest::sample::select(&b"\x80\x04(.012FNILJKMGSVTUXCB])}aeltdsughjpqrciobRPQ\x81\x82\x85\x86\x87\x8a\x8b\x8c\x8f\x90\x91\x92\x93\x94\x95\x96\n\0\x01\x02os"[..]),
        0..512,
    )) {
        let _ = scan(&[b"\x80\x04", &ops[..]].concat());
    }

    #[test]
    fn no_mutation_makes_it_panic(
        seed in proptest::sample::select(seeds()),
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<proptest::sample::Index>(),
        repeat in 1_usize..3,
    ) {
        let mut bytes = seed.repeat(repeat);
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = scan(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        let _ = scan(&bytes);
    }
}
