//! Coverage, readiness, classification and drafts of the example estate, through the command line as people use it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const DAY: [&str; 2] = ["--today", "2026-11-27"];

fn estate() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/estate").display().to_string()
}

fn aispm(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aispm")).args(args).args(DAY).output().unwrap()
}

fn text(args: &[&str]) -> String {
    let output = aispm(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(args: &[&str]) -> Value {
    let value: Value = serde_json::from_str(&text(&[args, &["--format", "json"]].concat())).unwrap();
    assert_eq!(value["schema"], "aispm/1");
    value
}

/// The estate with these answers about its system.
fn answered(answers: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let facts = fs::read_to_string(PathBuf::from(estate()).join("aispm.yaml")).unwrap();
    let with = format!("    risk_class: limited\n    classification: {{ {answers} }}\n");
    let file = folder.path().join("aispm.yaml");
    fs::write(&file, facts.replace("    risk_class: limited\n", &with)).unwrap();
    (folder, file.display().to_string())
}

#[test]
fn coverage_says_of_every_control_what_came_of_it_and_why() {
    let report = json(&["coverage", &estate()]);
    let frameworks = report["frameworks"].as_array().unwrap();
    let keys = frameworks.iter().map(|framework| framework["key"].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(keys.len(), 12, "{keys:?}");
    let findings = report["findings"].as_array().unwrap();
    let known = findings.iter().map(|finding| finding["fingerprint"].as_str().unwrap()).collect::<BTreeSet<_>>();
    assert!(findings.iter().all(|finding| !finding["evidence"].as_array().unwrap().is_empty()));
    for control in frameworks.iter().flat_map(|framework| framework["controls"].as_array().unwrap()) {
        let text = |field: &str| control[field].as_str().unwrap();
        assert!(!text("reason").is_empty() && !text("name").is_empty(), "{control}");
        let named = control["findings"].as_array().into_iter().flatten().map(|id| id.as_str().unwrap());
        assert!(named.clone().all(|id| known.contains(id)), "{control}");
        let ready = control["rules"].as_array().is_none_or(Vec::is_empty);
        assert!(text("status") != "failed" || named.count() > 0 || ready, "{control}");
        assert!(control.get("via").is_none() || text("reason").contains("by the crosswalk from"), "{control}");
    }
    let of = |key: &str, id: &str| {
        let framework = frameworks.iter().find(|framework| framework["key"] == key).unwrap();
        let controls = framework["controls"].as_array().unwrap();
        controls.iter().find(|control| control["id"] == id).unwrap_or_else(|| panic!("{key} {id}")).clone()
    };
    assert_eq!(of("eu_ai_act", "Art.15")["status"], "failed");
    assert_eq!(of("csa_aicm", "MDS-02")["status"], "failed", "the crosswalk brings findings to other frameworks");
}

#[test]
fn coverage_is_narrowed_listed_whole_and_gated() {
    let failed = text(&["coverage", &estate(), "--framework", "EU AI Act", "--status", "failed"]);
    assert!(failed.contains("Art.15") && !failed.contains("  passed  "), "{failed}");
    assert!(failed.contains("examples/estate/kubernetes/chat-inference.yaml:"), "findings show their place");
    let order = ["Art.10 ", "Art.15 "].map(|id| failed.find(id).unwrap());
    assert!(order[0] < order[1]);
    let whole = json(&["coverage", &estate(), "--framework", "gdpr", "--all"]);
    let controls = whole["frameworks"][0]["controls"].as_array().unwrap();
    let silent = controls.iter().find(|control| control["id"] == "Art.17").unwrap();
    assert_eq!(silent["reason"], "no rule or declared evidence speaks of it");
    let code = |args: &[&str]| aispm(&[&["coverage", &estate()], args].concat()).status.code();
    assert_eq!(code(&["--fail-on", "failed"]), Some(1));
    assert_eq!(code(&["--fail-on", "failed", "--status", "passed"]), Some(0));
    assert_eq!(code(&["--framework", "nothing"]), Some(2));
    assert_eq!(code(&["--status", "fine"]), Some(2));
    let csv = text(&["coverage", &estate(), "--framework", "soc2", "--format", "csv"]);
    assert!(csv.starts_with("framework,version,control,") && csv.contains("\r\nsoc2,"), "{csv}");
    let markdown = text(&["coverage", &estate(), "--framework", "soc2", "--format", "markdown"]);
    assert!(markdown.starts_with("## SOC 2") && markdown.contains("| CC6.1 |"), "{markdown}");
}

#[test]
fn readiness_answers_what_the_estate_shows_and_names_the_export_for_the_rest() {
    let report = json(&["readiness", &estate()]);
    let answers = report["answers"].as_array().unwrap();
    assert_eq!(answers.len(), 12);
    let of = |id: &str| answers.iter().find(|answer| answer["id"] == id).unwrap();
    assert_eq!((&of("open-inference")["answer"], &of("open-inference")["good"]), (&"yes".into(), &false.into()));
    assert_eq!((&of("open-buckets")["answer"], &of("open-buckets")["good"]), (&"no".into(), &true.into()));
    for answer in answers {
        let unknown = answer["answer"] == "unknown";
        assert_eq!(answer.get("good").is_none(), unknown, "{answer}");
        assert_eq!(answer.get("needs").is_some(), unknown, "{answer}");
        assert!(unknown || answer["evidence"].as_array().is_some_and(|places| !places.is_empty()), "{answer}");
    }
    assert!(text(&["readiness", &estate()]).contains("aispm collect "));
    assert_eq!(aispm(&["readiness", &estate(), "--fail-on", "bad"]).status.code(), Some(1));
}

#[test]
fn a_class_follows_from_answers_and_open_questions_keep_it_open() {
    let open = json(&["classify", "support-chatbot", &estate()]);
    assert!(open.get("class").is_none() && !open["missing"].as_array().unwrap().is_empty());
    let no = "prohibited_practices: [], annex_i_product: false, general_purpose_model: false, \
              emotion_or_categorisation: false, deep_fakes: false, generates_content: true, interacts_with_people: true";
    let class = |more: &str| {
        let (_folder, facts) = answered(&format!("{no}, {more}"));
        json(&["classify", "support-chatbot", &estate(), "--facts", &facts])
    };
    let limited = class("annex_iii_uses: []");
    assert_eq!(
        (&limited["class"], &limited["controls"]),
        (&"transparency".into(), &serde_json::json!(["Art.50(1)", "Art.50(2)"]))
    );
    assert!(limited.get("conflicts").is_none(), "it agrees with the declared risk class");
    let high = class("annex_iii_uses: [recruitment], profiling: true");
    assert_eq!(
        (&high["class"], &high["controls"]),
        (&"high".into(), &serde_json::json!(["Art.6(2)", "Annex III(4)(a)"]))
    );
    assert!(high["conflicts"][0]["text"].as_str().unwrap().contains("declared as limited"));
    let (_folder, wrong) = answered("annex_iii_uses: [hiring]");
    let refused = aispm(&["classify", "support-chatbot", &estate(), "--facts", &wrong]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("has \"hiring\"; known: "));
    let gate = aispm(&["classify", "support-chatbot", &estate(), "--fail-on-open"]);
    assert_eq!(gate.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&gate.stdout).contains("it can be reached from the internet"), "hints ask");
}

#[test]
fn drafts_show_places_and_mark_gaps() {
    for (document, sections) in [("annex-iv", 25), ("training-data", 15)] {
        let draft = json(&["draft", document, "support-chatbot", &estate()]);
        assert_eq!(draft["sections"].as_array().unwrap().len(), sections, "{document}");
        let markdown = text(&["draft", document, "support-chatbot", &estate()]);
        assert_eq!(markdown.matches("**[GAP: ").count() as u64, draft["gaps"].as_u64().unwrap());
        assert!(markdown.contains("examples/estate/"), "{markdown}");
    }
    assert_eq!(aispm(&["draft", "annex-iv", "nothing", &estate()]).status.code(), Some(2));
}
