//! The committed JSON Schemas are those that `aispm schema` prints. `AISPM_BLESS=1` writes them anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

#[test]
fn committed_schemas_are_current() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/schema");
    let bless = std::env::var_os("AISPM_BLESS").is_some();
    let mut known = BTreeSet::new();
    for name in schema(&[]).lines() {
        let (file, text) = (folder.join(format!("{name}.json")), schema(&[name]));
        if bless {
            fs::write(&file, &text).unwrap();
        }
        let committed = fs::read_to_string(&file).unwrap_or_default();
        assert!(committed == text, "tests/schema/{name}.json is stale; run the tests with AISPM_BLESS=1");
        known.insert(format!("{name}.json"));
    }
    assert!(known.len() > 5);
    for entry in fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(known.contains(&name), "tests/schema/{name} describes nothing");
    }
}

#[test]
fn unknown_names_are_refused_with_the_known_ones() {
    let output = Command::new(env!("CARGO_BIN_EXE_aispm")).args(["schema", "nothing"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("assessment"));
}

fn schema(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_aispm")).arg("schema").args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
