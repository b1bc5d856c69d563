use super::*;

/// What a folder of these files gives.
pub(super) fn report(files: &[(&str, &[u8])]) -> DatasetReport {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, bytes)| std::fs::write(folder.path().join(name), bytes).unwrap());
    DatasetScanner::new().run([folder.path()])
}

/// The data set in this one file.
pub(super) fn one(name: &str, bytes: &[u8]) -> Dataset {
    report(&[(name, bytes)]).datasets.into_iter().next().unwrap_or_default()
}

/// Each column's name, rows, and types with theirs.
pub(super) fn columns(set: &Dataset) -> Vec<String> {
    let types = |column: &Column| column.types.iter().map(|t| format!("{} {}", t.kind, t.rows)).collect::<Vec<_>>();
    let told = |column: &Column| match types(column) {
        types if types.is_empty() => format!("{} {}", column.name, column.rows),
        types => format!("{} {}: {}", column.name, column.rows, types.join(", ")),
    };
    set.columns.iter().map(told).collect()
}

#[test]
fn a_folder_is_read_file_by_file() {
    let report = report(&[
        ("a.csv", b"mail\nann@mail.example.org\n"),
        ("b.md", b"# Title\n\nWrite to ann@mail.example.org.\n\nOr not.\n"),
        ("c.exe", b"\x7fELF"),
        ("prompt.jinja", b"Answer {{ question }} for bob@mail.example.org"),
    ]);
    let formats: Vec<&str> = report.datasets.iter().map(|set| set.format.as_str()).collect();
    assert_eq!(formats, ["csv", "markdown", "template"]);
    assert_eq!(columns(&report.datasets[1]), ["text 3: EMAIL_ADDRESS 1"]);
    assert_eq!((report.skipped.len(), report.incomplete.len(), report.holds_findings()), (1, 0, true));
    assert_eq!(DatasetScanner::new().run(["/no/such/folder"]).incomplete.len(), 1);
}

#[test]
fn packed_and_wide_texts() {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"mail\nann@mail.example.org\n").unwrap();
    let packed = gzip.finish().unwrap();
    assert_eq!(one("a.csv.gz", &packed).columns[0].types[0].rows, 1);
    let cut = report(&[("a.csv.gz", &packed[..packed.len() - 6])]);
    assert_eq!(cut.incomplete.len(), 1);
    let wide: Vec<u8> = "\u{feff}mail\nann@mail.example.org\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(one("a.csv", &wide).columns[0].types[0].rows, 1);
}

#[test]
fn a_sample_looks_at_fewer_rows_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("mail\n{}", "ann@mail.example.org\n".repeat(5000));
    std::fs::write(folder.path().join("a.csv"), text).unwrap();
    let run = || DatasetScanner::new().sample(100, 3).run([folder.path()]).datasets.remove(0);
    let set = run();
    assert_eq!((set.rows, set.columns[0].rows), (5000, set.rows_read));
    assert!((300..700).contains(&set.rows_read) && set.columns[0].types[0].share == 1.0, "{set:?}");
    assert_eq!(set, run());
}

#[test]
fn what_is_found_becomes_facts_that_an_inventory_takes() {
    let report = report(&[("a.csv", b"mail\nann@mail.example.org\n"), ("b.csv", b"x\nhello\n")]);
    let facts = report.facts(None);
    assert_eq!(facts.assets.len(), 1);
    let mut inventory = crate::asset::Inventory::new();
    assert!(facts.apply(&mut inventory).is_empty());
    let asset = inventory.get(&facts.assets[0].id).unwrap();
    assert_eq!((asset.kind, asset.name.as_str()), (crate::asset::AssetKind::Dataset, "a.csv"));
    assert!(asset.data_classes.contains("personal"));
    assert_eq!(report.facts(Some("s3://acme/train")).assets[0].id, "s3://acme/train");
}
