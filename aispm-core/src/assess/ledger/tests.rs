use proptest::prelude::*;
use std::sync::LazyLock;

use super::*;
use crate::asset::{Match, Severity};

const KEY: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const OTHER: &str = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";

fn log(entries: u64, key: Option<&str>) -> (Vec<String>, Head) {
    let mut ledger = Ledger::new();
    if let Some(key) = key {
        ledger = ledger.key(SigningKey::parse(key).unwrap());
    }
    let mut log = Vec::new();
    for n in 0..entries {
        let time = format!("2026-01-{:02}T12:00:00Z", n % 28 + 1);
        ledger.append(&mut log, &time, DecisionRecord::new("block", &[]).id(format!("é{n}"))).unwrap();
    }
    (String::from_utf8(log).unwrap().lines().map(str::to_owned).collect(), ledger.head())
}

fn joined(lines: &[String]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect()
}

fn problems(verifier: &Verifier, lines: &[String]) -> Vec<(ProblemKind, Option<u64>, Option<u64>)> {
    let found = verifier.run(joined(lines).as_slice()).unwrap().problems;
    found.into_iter().map(|problem| (problem.what, problem.line, problem.seq)).collect()
}

/// Writes hashes anew from this line on, as an attacker without a key can.
fn rehash(lines: &mut [String], from: usize) {
    let mut previous = None;
    for line in &mut lines[from..] {
        let mut value: Value = serde_json::from_str(line).unwrap();
        if let Some(previous) = previous {
            value["previous"] = Value::String(previous);
        }
        let mut unsealed = value.clone();
        let hash = hash(&mut unsealed);
        value["hash"] = hash.clone().into();
        *line = canonical_json(&value);
        previous = Some(hash);
    }
}

#[test]
fn an_untouched_log_is_intact() {
    for key in [None, Some(KEY)] {
        let (lines, head) = log(5, key);
        let found = Verifier::new().signed_head(head.clone()).run(joined(&lines).as_slice()).unwrap();
        assert_eq!((found.entries, found.problems.as_slice(), found.after_head), (5, &[][..], Some(0)));
        assert_eq!((found.head.entries, &found.head.hash), (5, &head.hash));
        assert!(Verifier::new().head(&head.hash).run(joined(&lines).as_slice()).unwrap().is_intact());
    }
    let empty = Verifier::new().run(&b""[..]).unwrap();
    assert!(empty.is_intact() && empty.entries == 0 && empty.head == Head::default());
}

#[test]
fn each_kind_of_tampering_is_named_with_its_entry() {
    use ProblemKind::*;
    let (lines, head) = log(6, None);
    let told = |edit: &dyn Fn(&mut Vec<String>)| {
        let mut lines = lines.clone();
        edit(&mut lines);
        problems(&Verifier::new(), &lines)
    };
    let changed = |lines: &mut Vec<String>| lines[2] = lines[2].replace("block", "allow");
    assert_eq!(told(&changed), [(Changed, Some(3), Some(2))]);
    assert_eq!(told(&|l| l[5] = l[5].replace("é5", "é4")), [(Changed, Some(6), Some(5))]);
    assert_eq!(told(&|l| l[3] = l[3].replace("\"seq\":3", "\"seq\":4")), [(Changed, Some(4), Some(4))]);
    assert_eq!(told(&|l| drop(l.remove(2))), [(Removed, Some(3), Some(2))]);
    assert_eq!(told(&|l| drop(l.drain(1..4))), [(Removed, Some(2), Some(1))]);
    assert_eq!(told(&|l| drop(l.remove(0))), [(Removed, Some(1), Some(0))]);
    assert_eq!(told(&|l| drop(l.remove(4))), [(Removed, Some(5), Some(4))]);
    assert_eq!(told(&|l| l.swap(1, 4)), [(Reordered, Some(2), Some(4)), (Reordered, Some(5), Some(1))]);
    assert_eq!(told(&|l| l.swap(2, 3)), [(Reordered, Some(3), Some(3))]);
    assert_eq!(
        told(&|l| {
            let moved = l.remove(1);
            l.insert(4, moved);
        }),
        [(Removed, Some(2), Some(1)), (Reordered, Some(5), Some(1))]
    );
    assert_eq!(told(&|l| l.insert(3, l[2].clone())), [(Duplicate, Some(4), Some(2))]);
    assert_eq!(told(&|l| l.insert(5, l[1].clone())), [(Duplicate, Some(6), Some(1))]);
    assert_eq!(told(&|l| l.push(l[1].clone())), [(Duplicate, Some(7), Some(1))]);
    assert_eq!(told(&|l| l.insert(3, "{}".to_owned())), [(Malformed, Some(4), None)]);
    assert_eq!(told(&|l| l[3] = "nothing".to_owned()), [(Malformed, Some(4), None)]);
    assert_eq!(told(&|l| l[3] = l[3].replace("\":", "\": ")), [(Malformed, Some(4), None)]);
    assert_eq!(told(&|l| l[3] = l[3].replace('é', "\\u00e9")), [(Malformed, Some(4), None)]);
    assert_eq!(told(&|l| l[3] = l[3].replacen('{', "{\"seq\":3,", 1)), [(Malformed, Some(4), None)]);
    // one who knows the recipe writes the entry's own hash anew, but not those behind it
    let forged = |lines: &mut Vec<String>, at: usize| {
        changed(lines);
        rehash(&mut lines[..=at], 2);
    };
    assert_eq!(told(&|l| forged(l, 2)), [(Replaced, Some(3), Some(2))]);
    let inserted = |l: &mut Vec<String>| {
        let mut twice = vec![l[2].replace("block", "allow")];
        rehash(&mut twice, 0);
        l.insert(2, twice.remove(0));
    };
    assert_eq!(told(&inserted), [(Inserted, Some(3), Some(2))]);
    // all of them: only a head or a key shows it
    let mut all = lines.clone();
    forged(&mut all, 5);
    assert_eq!(problems(&Verifier::new(), &all), []);
    assert_eq!(problems(&Verifier::new().head(&head.hash), &all), [(Head, None, None)]);
}

#[test]
fn a_cut_tail_shows_against_a_head() {
    let (lines, head) = log(6, Some(KEY));
    let key = SigningKey::parse(KEY).unwrap().verifying_key();
    let cut = &lines[..4];
    assert_eq!(problems(&Verifier::new().key(key.clone()), cut), []);
    let found = Verifier::new().signed_head(head.clone()).key(key.clone()).run(joined(cut).as_slice()).unwrap();
    assert_eq!(found.problems[0].message, "2 entries of 6 missing at the end");
    assert!(!Verifier::new().head(&head.hash).run(joined(cut).as_slice()).unwrap().is_intact());
    assert!(!Verifier::new().head(&head.hash).run(&b""[..]).unwrap().is_intact());
    // a log may have grown since its head was noted
    let (_, before) = log(4, Some(KEY));
    let found = Verifier::new().signed_head(before).key(key.clone()).run(joined(&lines).as_slice()).unwrap();
    assert_eq!((found.is_intact(), found.after_head), (true, Some(2)));
    // a head that was changed, or that another signed
    let forged = Head { entries: 4, ..head.clone() };
    assert!(!Verifier::new().signed_head(forged).run(joined(cut).as_slice()).unwrap().is_intact());
    let other = Head { signed_by: None, signature: None, ..head }.sign(&SigningKey::parse(OTHER).unwrap());
    assert!(Verifier::new().signed_head(other.clone()).run(joined(&lines).as_slice()).unwrap().is_intact());
    assert!(!Verifier::new().signed_head(other).key(key).run(joined(&lines).as_slice()).unwrap().is_intact());
}

#[test]
fn a_signed_head_vouches_for_a_log_without_signatures() {
    let key = SigningKey::parse(KEY).unwrap();
    let (lines, head) = log(4, None);
    let signed = Verifier::new().signed_head(head.clone().sign(&key)).key(key.verifying_key());
    assert_eq!(problems(&signed, &lines), []);
    assert_eq!(problems(&Verifier::new().signed_head(head).key(key.verifying_key()), &lines).len(), 1);
    assert_eq!(problems(&signed, &lines[..3]), [(ProblemKind::Head, None, None)]);
    let (more, _) = log(5, None);
    assert_eq!(problems(&signed, &more), [(ProblemKind::Signature, None, None)]);
}

#[test]
fn signatures_bind_a_log_to_its_key() {
    use ProblemKind::Signature;
    let (lines, _) = log(4, Some(KEY));
    let key = SigningKey::parse(KEY).unwrap().verifying_key();
    let other = SigningKey::parse(OTHER).unwrap().verifying_key();
    assert_eq!(problems(&Verifier::new().key(key.clone()), &lines), []);
    assert_eq!(problems(&Verifier::new().key(other.clone()), &lines).len(), 4);
    assert_eq!(problems(&Verifier::new().key(other).key(key.clone()), &lines), []);
    // hashes written anew do not fit the signatures
    let mut forged = lines.clone();
    forged[1] = forged[1].replace("block", "allow");
    rehash(&mut forged, 1);
    assert_eq!(problems(&Verifier::new(), &forged).len(), 3);
    // taking the signatures off changes what is hashed, and an unsigned log is not what was asked for
    let bare = |line: &String| {
        let mut value: Value = serde_json::from_str(line).unwrap();
        value.as_object_mut().unwrap().retain(|name, _| name != "signature" && name != "signed_by");
        canonical_json(&value)
    };
    let mut stripped: Vec<String> = lines.iter().map(bare).collect();
    rehash(&mut stripped, 0);
    assert_eq!(problems(&Verifier::new(), &stripped), []);
    assert_eq!(problems(&Verifier::new().key(key), &stripped).len(), 4);
    let mut half = lines;
    half[3] = stripped[3].clone();
    assert!(problems(&Verifier::new(), &half).iter().any(|(what, ..)| *what == Signature));
}

#[test]
fn only_a_sound_log_is_gone_on_with() {
    let (lines, head) = log(3, None);
    let mut ledger = Ledger::resume(joined(&lines).as_slice(), &Verifier::new()).unwrap();
    assert_eq!(ledger.head(), head);
    let mut more = joined(&lines);
    ledger.append(&mut more, "2026-02-01T00:00:00Z", DecisionRecord::new("allow", &[])).unwrap();
    let found = Verifier::new().signed_head(ledger.head()).run(more.as_slice()).unwrap();
    assert_eq!((found.is_intact(), found.entries), (true, 4));
    // half a line, as a crash leaves it
    more.truncate(more.len() - 10);
    let error = Ledger::resume(more.as_slice(), &Verifier::new()).unwrap_err();
    assert_eq!(error.line, Some(4));
    assert!(Ledger::resume(&b"# a diary\n"[..], &Verifier::new()).is_err());
    // signed from the first entry, or not at all
    let key = || SigningKey::parse(KEY).unwrap();
    let mut ledger = Ledger::resume(joined(&lines).as_slice(), &Verifier::new()).unwrap().key(key());
    assert!(ledger.append(&mut Vec::new(), "2026-02-01T00:00:00Z", DecisionRecord::default()).is_err());
    let mut signed = Ledger::resume(joined(&log(2, Some(KEY)).0).as_slice(), &Verifier::new()).unwrap();
    assert!(signed.append(&mut Vec::new(), "2026-02-01T00:00:00Z", DecisionRecord::default()).is_err());
    assert!(Ledger::new().append(&mut Vec::new(), "today", DecisionRecord::default()).is_err());
}

#[test]
fn entries_and_problems_are_bounded() {
    let (mut out, mut ledger) = (Vec::new(), Ledger::new());
    let record = || DecisionRecord::new("block", &[]).id("x".repeat(ENTRY_LIMIT));
    let error = ledger.append(&mut out, "2026-02-01T00:00:00Z", record()).unwrap_err();
    assert_eq!((error.kind, out.len(), ledger.head().entries), (ErrorKind::Budget, 0, 0));
    let (mut lines, _) = log(2, None);
    lines.insert(1, "x".repeat(3 * ENTRY_LIMIT));
    assert_eq!(problems(&Verifier::new(), &lines), [(ProblemKind::Malformed, Some(2), None)]);
    let found = Verifier::new().run("\n".repeat(1500).as_bytes()).unwrap();
    assert_eq!((found.problems.len(), found.more_problems), (1000, 500));
    let deep = format!("{}\n", "[".repeat(100_000));
    assert!(!Verifier::new().run(deep.as_bytes()).unwrap().is_intact());
}

#[test]
fn nothing_of_a_text_is_recorded() {
    let found = Match::new("pii", "EMAIL_ADDRESS", "email", 1.0, Severity::Medium, 3..9);
    let (_, body) = Record::from(DecisionRecord::new("redact", &[found])).into_parts();
    assert_eq!(
        canonical_json(&body),
        r#"{"action":"redact","findings":[{"detector":"pii","rule":"email","severity":"medium","type":"EMAIL_ADDRESS"}]}"#
    );
}

/// A log of a thousand entries, and its head.
static THOUSAND: LazyLock<(Vec<u8>, Head)> = LazyLock::new(|| {
    let (lines, head) = log(1000, None);
    (joined(&lines), head)
});

/// Whether a change, if it is one, is found with the head known.
fn tampered(log: &[u8], head: &Head, tamper: impl FnOnce(&mut Vec<u8>)) -> bool {
    let mut changed = log.to_vec();
    tamper(&mut changed);
    changed == log || !Verifier::new().head(&head.hash).run(changed.as_slice()).unwrap().is_intact()
}

#[test]
fn no_byte_of_a_log_can_change() {
    // checking a signature takes long without optimisation
    for (entries, key, step) in [(3, None, 1), (1, Some(KEY), if cfg!(debug_assertions) { 7 } else { 1 })] {
        let (lines, head) = log(entries, key);
        let log = joined(&lines);
        for at in (0..log.len()).step_by(step) {
            for to in [log[at] ^ 1, log[at] ^ 0x20, b' ', b'\n'] {
                assert!(tampered(&log, &head, |log| log[at] = to), "byte {at} to {to}");
            }
            assert!(tampered(&log, &head, |log| _ = log.remove(at)), "byte {at} removed");
            assert!(tampered(&log, &head, |log| log.insert(at, log[at])), "byte {at} doubled");
            assert!(tampered(&log, &head, |log| log[at..].rotate_left(1)), "byte {at} moved to the end");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 8 } else { 256 }))]

    #[test]
    fn any_change_to_a_byte_of_a_thousand_entries_is_found(at: prop::sample::Index, to: u8) {
        let (log, head) = &*THOUSAND;
        let at = at.index(log.len());
        prop_assert!(tampered(log, head, |log| log[at] = to));
    }

    #[test]
    fn any_removal_or_swap_of_bytes_is_found(one: prop::sample::Index, other: prop::sample::Index, remove: bool) {
        let (log, head) = &*THOUSAND;
        let (one, other) = (one.index(log.len()), other.index(log.len()));
        let found = tampered(log, head, |log| if remove { _ = log.remove(one) } else { log.swap(one, other) });
        prop_assert!(found);
    }

    #[test]
    fn any_removal_swap_or_doubling_of_entries_is_found(one: prop::sample::Index, other: prop::sample::Index, how in 0..3) {
        let (log, head) = &*THOUSAND;
        let found = tampered(log, head, |log| {
            let mut lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
            let (one, other) = (one.index(lines.len()), other.index(lines.len()));
            match how {
                0 => drop(lines.remove(one)),
                1 => lines.swap(one, other),
                _ => lines.insert(other, lines[one]),
            }
            *log = lines.concat();
        });
        prop_assert!(found);
    }
}
