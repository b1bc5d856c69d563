//! The example estate through the command line: what must be found, what must stay silent, and what a gate does when
//! its input is cut short.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const RECORDS: &str = "arn:aws:s3:::acme-customer-records";
const MODEL: &str = "s3://acme-support-models/support-7b";

/// Parts of the estate that are right: nothing may be said about them.
const CLEAN: &[&str] = &[
    "k8s://cluster/support/StatefulSet/docs-index",
    "k8s://cluster/support/Service/docs-index",
    "k8s://cluster/support/ServiceAccount/docs-indexer",
    "k8s://cluster/support/CronJob/ticket-finetune",
    "arn:aws:iam::111122223333:role/support-training",
    "arn:aws:iam::111122223333:role/docs-indexer",
    "arn:aws:iam::111122223333:role/audit-readonly",
    "arn:aws:iam::111122223333:user/ci-release",
    "arn:aws:s3:::acme-product-docs",
    "models/reranker.safetensors",
    "acme-docs-mcp",
];

fn estate() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/estate")
}

fn aispm(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aispm")).args(args).output().unwrap()
}

#[test]
fn a_bill_of_materials_comes_back_as_the_same_inventory() {
    let folder = tempfile::tempdir().unwrap();
    let found = aispm(&["discover", estate().to_str().unwrap(), "--format", "json"]);
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    for version in ["1.6", "1.7"] {
        let bom = folder.path().join(format!("{version}.cdx.json"));
        let bom = bom.to_str().unwrap();
        let format = ["--format", "cyclonedx", "--spec-version", version, "-o", bom];
        assert!(aispm(&[&["discover", estate().to_str().unwrap()], &format[..]].concat()).status.success());
        let back = aispm(&["discover", bom, "--format", "json"]);
        let back: Value = serde_json::from_slice(&back.stdout).unwrap();
        assert_eq!((&back["assets"], &back["relations"]), (&found["assets"], &found["relations"]));
    }
}

fn assess(folder: &Path) -> Value {
    let output = aispm(&["assess", folder.to_str().unwrap(), "--format", "json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A copy of the estate to break.
fn copy() -> tempfile::TempDir {
    fn copy_into(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
            if from.is_dir() {
                copy_into(&from, &to);
            } else {
                fs::copy(&from, &to).unwrap();
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    copy_into(&estate(), folder.path());
    folder
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The ids that a path visits, in order.
fn visits(path: &Value) -> Vec<&str> {
    let mut ids = vec![path["source"].as_str().unwrap()];
    ids.extend(list(path, "steps").iter().map(|step| step["to"].as_str().unwrap()));
    ids
}

#[test]
fn the_internet_reaches_customer_records_and_the_model_trained_on_them() {
    let found = assess(&estate());
    let path_to = |target: &str, goal: &str| {
        list(&found, "paths")
            .iter()
            .find(|p| p["source"] == "internet" && p["target"] == target && p["goal"] == goal)
            .unwrap_or_else(|| panic!("no {goal} path from the internet to {target}"))
    };
    let leak = path_to(RECORDS, "leak");
    let visited = visits(leak);
    for part in ["Service/chat-inference", "ServiceAccount/chat-inference", "role/support-inference", RECORDS] {
        assert!(visited.iter().any(|id| id.ends_with(part)), "{part} is not on the path: {visited:?}");
    }
    let poisoning = path_to(MODEL, "poisoning");
    for path in [leak, poisoning] {
        assert_eq!(path["status"], "confirmed");
        for step in list(path, "steps") {
            let evidence = list(step, "evidence");
            assert!(!evidence.is_empty(), "a step without evidence: {step}");
            assert!(evidence.iter().all(|e| e["line"].is_u64() || e["pointer"].is_string()), "{step}");
        }
    }
}

#[test]
fn what_is_wrong_is_found_and_what_is_right_stays_silent() {
    let found = assess(&estate());
    let rules: Vec<&str> = list(&found, "findings").iter().map(|f| f["rule"].as_str().unwrap()).collect();
    for rule in ["EXP-001", "SUP-002", "SUP-004", "RUN-001", "RUN-005"] {
        assert!(rules.contains(&rule), "{rule} was not found among {rules:?}");
    }
    for finding in list(&found, "findings") {
        let asset = finding["asset"].as_str().unwrap();
        // nothing in the estate is signed
        let wrong = finding["rule"] != "SUP-005" && CLEAN.iter().any(|clean| asset.contains(clean));
        assert!(!wrong, "{} on {asset}", finding["rule"]);
        assert!(!list(finding, "evidence").is_empty(), "no evidence: {finding}");
    }
    for path in list(&found, "paths") {
        let visited = visits(path);
        assert!(!visited.iter().any(|id| CLEAN.iter().any(|clean| id.contains(clean))), "{visited:?}");
    }
    assert!(list(&found, "incomplete").is_empty());
}

#[test]
fn findings_keep_their_fingerprints_when_lines_move() {
    let prints = |found: &Value| {
        let mut all: Vec<String> =
            list(found, "findings").iter().map(|f| f["fingerprint"].as_str().unwrap().to_owned()).collect();
        all.sort();
        all
    };
    let folder = copy();
    let before = prints(&assess(folder.path()));
    for name in ["kubernetes/chat-inference.yaml", "app/chatbot.py", "aispm.yaml"] {
        let file = folder.path().join(name);
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("# moved\n\n{text}")).unwrap();
    }
    assert_eq!(before, prints(&assess(folder.path())));
}

#[test]
fn a_gate_does_not_pass_on_half_an_identity_export() {
    let folder = copy();
    let identity = folder.path().join("aws/account-authorization-details.json");
    let text = fs::read_to_string(&identity).unwrap();
    fs::write(&identity, &text[..text.len() / 2]).unwrap();
    let path = folder.path().to_str().unwrap();

    let gate = aispm(&["assess", path, "--fail-on", "critical"]);
    let said = String::from_utf8_lossy(&gate.stderr).into_owned();
    assert_eq!(gate.status.code(), Some(2), "{said}");
    assert!(said.contains("account-authorization-details.json") && said.contains("line"), "{said}");

    let allowed = aispm(&["assess", path, "--fail-on", "critical", "--allow-incomplete", "--format", "json"]);
    assert_ne!(allowed.status.code(), Some(2));
    let found: Value = serde_json::from_slice(&allowed.stdout).unwrap();
    assert!(list(&found, "incomplete")[0]["path"].as_str().unwrap().ends_with("account-authorization-details.json"));
    assert!(!list(&found, "findings").is_empty(), "everything else is still assessed");
}

#[test]
fn exit_codes_follow_the_bar() {
    let estate = estate();
    let path = estate.to_str().unwrap();
    assert_eq!(aispm(&["assess", path]).status.code(), Some(0));
    assert_eq!(aispm(&["assess", path, "--fail-on", "critical"]).status.code(), Some(1));
    assert_eq!(aispm(&["assess", path, "--fail-on", "grave"]).status.code(), Some(2));
    assert_eq!(aispm(&["assess", "no/such/folder"]).status.code(), Some(2));
    let policy = tempfile::NamedTempFile::new().unwrap();
    fs::write(policy.path(), "rules: [").unwrap();
    assert_eq!(aispm(&["assess", path, "--policy", policy.path().to_str().unwrap()]).status.code(), Some(2));
}

#[test]
fn a_baseline_leaves_only_what_is_new() {
    let folder = copy();
    let (path, baseline) = (folder.path().to_str().unwrap().to_owned(), folder.path().join("../baseline.json"));
    let baseline = tempfile::NamedTempFile::new_in(baseline.parent().unwrap()).unwrap();
    let known = aispm(&["assess", &path, "--format", "json"]);
    fs::write(baseline.path(), &known.stdout).unwrap();
    let gate = |extra: &[&str]| {
        let mut args = vec!["assess", &path, "--baseline", baseline.path().to_str().unwrap(), "--format", "json"];
        args.extend(extra);
        aispm(&args)
    };
    let same = gate(&["--fail-on", "info"]);
    assert_eq!(same.status.code(), Some(0), "{}", String::from_utf8_lossy(&same.stdout));
    let second = fs::read(folder.path().join("models/intent-classifier.pkl")).unwrap();
    fs::write(folder.path().join("models/router.pkl"), second).unwrap();
    let grown: Value = serde_json::from_slice(&gate(&[]).stdout).unwrap();
    assert!(list(&grown, "findings").iter().all(|f| f["asset"].as_str().unwrap().ends_with("router.pkl")));
    assert!(!list(&grown, "findings").is_empty());
}

#[test]
fn the_shell_tells_which_endpoints_serve_models_trained_on_customer_records() {
    let estate = estate();
    let asked = ["--class", "customer", "--through", "model", "--kind", "endpoint", "--format", "json"];
    let output = aispm(&[&["lineage", estate.to_str().unwrap()], asked.as_slice()].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers: Value = serde_json::from_slice(&output.stdout).unwrap();
    let assets: Vec<&str> = list(&answers, "answers").iter().map(|a| a["asset"].as_str().unwrap()).collect();
    assert_eq!(assets, ["k8s://cluster/support/Service/chat-inference"]);
    let nowhere = aispm(&["lineage", estate.to_str().unwrap()]);
    assert_eq!(nowhere.status.code(), Some(2));
}
