//! `aispm schema` prints what follows from the types. `AISPM_BLESS=1` writes the committed files anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

/// A name and what makes its schema.
type Row = (&'static str, fn() -> Schema);

/// Everything with a schema. Documents say `"schema": "aispm/1"`; parts stand inside documents or on lines of their own;
/// configurations are what people write.
const SCHEMAS: &[Row] = &[
    ("assessment", document::<aispm_core::assess::Assessment>),
    ("classification", document::<aispm_core::policy::classify::SystemClass>),
    ("collect", document::<aispm_core::discover::collect::Plan>),
    ("coverage", document::<aispm_core::report::CoverageReport>),
    ("data-pack", config::<aispm_core::assess::data::Manifest>),
    ("datasets", document::<aispm_core::discover::dataset::DatasetReport>),
    ("decision", part::<aispm_core::guard::Decision>),
    ("detection", part::<aispm_core::text::Detection>),
    ("diff", document::<aispm_core::report::Diff>),
    ("discovery", document::<aispm_core::discover::Discovery>),
    ("draft", document::<aispm_core::report::Draft>),
    ("explanation", document::<aispm_core::report::Explanation>),
    ("evidence-entry", part::<aispm_core::assess::ledger::Entry>),
    ("evidence-head", document::<aispm_core::assess::ledger::Head>),
    ("evidence-verification", document::<aispm_core::assess::ledger::Verification>),
    ("facts", config::<aispm_core::discover::declared::Facts>),
    ("finding", part::<aispm_core::asset::Finding>),
    ("guard", config::<aispm_core::guard::Policy>),
    ("inventory", part::<aispm_core::asset::Inventory>),
    ("lineage-answer", part::<aispm_core::asset::LineageAnswer>),
    ("model-file", part::<aispm_core::artifact::FileReport>),
    ("path", part::<aispm_core::path::AttackPath>),
    ("readiness", document::<aispm_core::report::ReadinessReport>),
    ("rule", part::<aispm_core::policy::RuleInfo>),
    ("simulation", part::<aispm_core::identity::aws::Simulation>),
    ("simulation-request", config::<aispm_core::identity::aws::Request>),
    ("solution", document::<aispm_core::path::Solution>),
    ("trend", document::<aispm_core::assess::Trend>),
];

#[test]
fn committed_schemas_are_current() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/schema");
    let bless = std::env::var_os("AISPM_BLESS").is_some();
    let mut known = BTreeSet::new();
    for (name, schema) in SCHEMAS {
        let (file, text) = (folder.join(format!("{name}.json")), format!("{:#}\n", schema().to_value()));
        if bless {
            fs::write(&file, &text).unwrap();
        }
        let committed = fs::read_to_string(&file).unwrap_or_default();
        assert!(committed == text, "data/schema/{name}.json is stale; run the tests with AISPM_BLESS=1");
        known.insert(format!("{name}.json"));
    }
    for entry in fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(known.contains(&name), "data/schema/{name} describes nothing");
    }
}

#[test]
fn the_command_knows_each() {
    assert!(print(&[]).lines().eq(SCHEMAS.iter().map(|(name, _)| *name)));
    for (name, schema) in SCHEMAS {
        assert_eq!(serde_json::from_str::<Value>(&print(&[name])).unwrap(), schema().to_value(), "{name}");
    }
}

#[test]
fn unknown_names_are_refused_with_the_known_ones() {
    let output = Command::new(env!("CARGO_BIN_EXE_aispm")).args(["schema", "nothing"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("assessment"));
}

fn print(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_aispm")).arg("schema").args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The schema of what we write, in draft 2020-12.
fn part<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

/// The schema of what we read.
fn config<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<T>()
}

/// The schema of what we write, with the field that every document starts with.
fn document<T: JsonSchema>() -> Schema {
    let mut schema = part::<T>();
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        let version = json!({"description": "The version of the schema.", "const": aispm_core::SCHEMA});
        properties.insert("schema".to_owned(), version);
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.insert(0, json!("schema"));
    }
    schema
}
