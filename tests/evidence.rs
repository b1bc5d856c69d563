//! `aispm evidence` and signed logs through the command line.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on must stop")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const KEY: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60\n";
const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\n";

fn aispm(folder: &Path, args: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aispm")).args(args.split_whitespace()).current_dir(folder).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn ok(folder: &Path, args: &str) -> String {
    let output = aispm(folder, args);
    assert_eq!(output.status.code(), Some(0), "{args}: {}", told(&output));
    told(&output)
}

#[test]
fn a_signed_log_is_written_checked_and_tampered_with() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("key"), KEY).unwrap();
    fs::write(at("public"), PUBLIC).unwrap();
    fs::write(at("main.tf"), "resource \"aws_sagemaker_model\" \"m\" {\n  name = \"m\"\n}\n").unwrap();
    ok(folder.path(), "assess main.tf --ledger log --ledger-key key --format json -o assessment.json");
    ok(folder.path(), "evidence append log --assessment assessment.json --key key");
    fs::write(
        at("rows"),
        "{\"id\":\"m1\",\"action\":\"block\",\"scores\":{},\"findings\":[],\"redacted\":\"TEXT\"}\n".repeat(2),
    )
    .unwrap();
    ok(folder.path(), "evidence append log --decision rows --key key");
    fs::write(at("waiver"), "rule: EXP-001\nasset: \"*\"\nowner: ana\nreason: closed on Monday\nexpires: 2026-12-31\n")
        .unwrap();
    ok(folder.path(), "evidence append log --waiver waiver --key key --time 2026-01-31T00:00:00Z");

    let log = fs::read_to_string(at("log")).unwrap();
    assert_eq!(log.lines().count(), 5);
    assert!(!log.contains("TEXT"));
    let entries: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // the digest that `assess` notes is that of the file it writes
    assert_eq!(entries[0]["body"], entries[1]["body"]);
    assert_eq!(entries[2]["body"]["id"], "m1");

    fs::write(at("head"), ok(folder.path(), "evidence head log --key key")).unwrap();
    assert!(ok(folder.path(), "evidence verify log --head head --public-key public").contains("intact: 5 entries"));
    assert!(ok(folder.path(), "evidence show log").contains("EXP-001 until 2026-12-31 by ana"));
    assert!(ok(folder.path(), "evidence show log 4").contains("closed on Monday"));

    // the key is needed, and another process may be writing
    assert_eq!(aispm(folder.path(), "evidence append log --waiver waiver").status.code(), Some(2));
    let held = fs::File::open(at("log")).unwrap();
    held.lock().unwrap();
    let refused = aispm(folder.path(), "evidence append log --waiver waiver --key key");
    assert!(refused.status.code() == Some(2) && told(&refused).contains("another process"));
    drop(held);
    assert_eq!(fs::read_to_string(at("log")).unwrap(), log);

    let cut: String = log.split_inclusive('\n').take(3).collect();
    fs::write(at("log"), cut).unwrap();
    ok(folder.path(), "evidence verify log --public-key public");
    let found = aispm(folder.path(), "evidence verify log --head head");
    assert!(found.status.code() == Some(1) && told(&found).contains("2 entries of 5 missing at the end"));

    fs::write(at("log"), log.replacen("block", "allow", 1)).unwrap();
    let found = aispm(folder.path(), "evidence verify log");
    assert!(found.status.code() == Some(1) && told(&found).contains("line 3: entry 2"), "{}", told(&found));
    assert_eq!(aispm(folder.path(), "evidence append log --waiver waiver --key key").status.code(), Some(2));
    assert_eq!(aispm(folder.path(), "evidence head log").status.code(), Some(2));
    assert_eq!(aispm(folder.path(), "evidence verify nothing").status.code(), Some(2));
    assert_eq!(aispm(folder.path(), "evidence verify log --head nothing").status.code(), Some(2));
}

#[test]
fn evidence_of_a_framework_is_a_page_and_oscal() {
    let folder = tempfile::tempdir().unwrap();
    let estate = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/estate");
    ok(
        folder.path(),
        &format!("evidence pack {estate} --framework owasp --framework gdpr --time 2026-01-31T12:00:00Z -o out"),
    );
    let file = |name: &str| fs::read_to_string(folder.path().join("out").join(name)).unwrap();
    assert!(file("owasp.html").starts_with("<!doctype html>") && file("gdpr.html").contains("Failed"));
    assert!(file("owasp.oscal.json").contains("\"last-modified\": \"2026-01-31T12:00:00.000Z\""));
    assert!(file("manifest.json").contains("owasp.oscal.json"));
    let refused = aispm(folder.path(), &format!("evidence pack {estate} --framework nothing -o out"));
    assert!(refused.status.code() == Some(2) && told(&refused).contains("known: "), "{}", told(&refused));
}

#[test]
fn a_data_pack_replaces_the_rules_and_adds_providers() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("pack/rules")).unwrap();
    fs::create_dir_all(at("pack/providers")).unwrap();
    fs::write(
        at("pack/rules/own.yaml"),
        "rules:\n  - id: OWN-1\n    title: An application\n    severity: low\n    description: For the test.\n    \
         kinds: [application]\n    when: 'true'\n    message: '{asset.name} is there'\n    fix: None.\n    controls: { own_list: [A-1] }\n",
    )
    .unwrap();
    fs::write(at("pack/providers/own.yaml"), "ai_providers:\n  - name: Own AI\n    env: [OWN_AI_TOKEN]\n").unwrap();
    fs::create_dir_all(at("pack/advisories")).unwrap();
    fs::create_dir_all(at("pack/catalogues")).unwrap();
    fs::write(
        at("pack/catalogues/own_list.yaml"),
        "name: Our list\nversion: '1'\ncontrols: { A-1: First, A-2: Second }\n",
    )
    .unwrap();
    fs::write(at("pack/advisories/own.yaml"), "- { id: OWN-1, package: pypi/own, severity: high, fixed: '2.0' }\n")
        .unwrap();
    fs::write(at("key"), KEY).unwrap();
    fs::write(at("public"), PUBLIC).unwrap();
    fs::write(at(".env"), "OWN_AI_TOKEN=x\n").unwrap();
    ok(folder.path(), "data build pack --name own --version 7 --created 2026-01-31 --key key");
    assert!(ok(folder.path(), "data verify pack --public-key public --today 2026-02-01").contains("1 days ago"));
    assert_eq!(aispm(folder.path(), "data verify pack --today 2027-02-01").status.code(), Some(1));
    assert!(ok(folder.path(), "rules --data pack").contains("1 rules"));
    assert!(ok(folder.path(), "discover .env --data pack").contains("Own AI"));
    let text = ok(folder.path(), "assess .env --data pack --data-key public --today 2026-02-01");
    assert!(text.contains("data pack own 7, 1 day old") && !text.contains("GOV-DATA"), "{text}");
    let json = ok(folder.path(), "assess .env --data pack --today 2026-12-01 --format json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["data_pack"]["age_days"], 304);
    let own = json["coverage"].as_array().unwrap().iter().find(|coverage| coverage["framework"] == "own_list").unwrap();
    assert_eq!((&own["controls"][0]["id"], &own["controls"][0]["name"]), (&"A-1".into(), &"First".into()));
    assert!(json["findings"].as_array().unwrap().iter().any(|finding| finding["rule"] == "GOV-DATA"));
    fs::write(at("pack/rules/own.yaml"), "rules: []\n").unwrap();
    let refused = aispm(folder.path(), "assess .env --data pack");
    assert!(refused.status.code() == Some(2) && told(&refused).contains("its SHA-256 is another"));
}
