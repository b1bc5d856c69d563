//! `aispm schema`.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::{Exit, written};
use crate::asset::{Error, ErrorKind, Result};

/// Print a JSON Schema, or the names of all
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to describe
    name: Option<String>,
}

/// A name and what makes its schema.
type Row = (&'static str, fn() -> Schema);

/// Everything with a schema. Documents say `"schema": "aispm/1"`; parts stand inside documents or on lines of their own;
/// configurations are what people write.
const SCHEMAS: &[Row] = &[
    ("assessment", document::<crate::assess::Assessment>),
    ("classification", document::<crate::policy::classify::SystemClass>),
    ("collect", document::<crate::discover::collect::Plan>),
    ("coverage", document::<crate::report::CoverageReport>),
    ("data-pack", config::<crate::assess::data::Manifest>),
    ("datasets", document::<crate::discover::dataset::DatasetReport>),
    ("decision", part::<crate::guard::Decision>),
    ("detection", part::<crate::text::Detection>),
    ("diff", document::<crate::report::Diff>),
    ("discovery", document::<crate::discover::Discovery>),
    ("draft", document::<crate::report::Draft>),
    ("explanation", document::<crate::report::Explanation>),
    ("evidence-entry", part::<crate::assess::ledger::Entry>),
    ("evidence-head", document::<crate::assess::ledger::Head>),
    ("evidence-verification", document::<crate::assess::ledger::Verification>),
    ("facts", config::<crate::discover::declared::Facts>),
    ("finding", part::<crate::asset::Finding>),
    ("guard", config::<crate::guard::Policy>),
    ("inventory", part::<crate::asset::Inventory>),
    ("lineage-answer", part::<crate::asset::LineageAnswer>),
    ("model-file", part::<crate::artifact::FileReport>),
    ("path", part::<crate::path::AttackPath>),
    ("readiness", document::<crate::report::ReadinessReport>),
    ("rule", part::<crate::policy::RuleInfo>),
    ("simulation", part::<crate::identity::aws::Simulation>),
    ("simulation-request", config::<crate::identity::aws::Request>),
    ("solution", document::<crate::path::Solution>),
    ("trend", document::<crate::assess::Trend>),
];

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        let mut out = super::output(None)?;
        match self.name {
            Some(name) => writeln!(out, "{:#}", schema(&name)?.to_value()),
            None => SCHEMAS.iter().try_for_each(|(name, _)| writeln!(out, "{name}")),
        }
        .and_then(|()| out.flush())
        .map_err(written)?;
        Ok(Exit::Clean)
    }
}

fn schema(name: &str) -> Result<Schema> {
    SCHEMAS.iter().find(|(known, _)| *known == name).map(|(_, schema)| schema()).ok_or_else(|| {
        let known = SCHEMAS.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ");
        Error::new(ErrorKind::Usage, format!("there is no schema {name:?}; known: {known}"))
    })
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
        properties
            .insert("schema".to_owned(), json!({"description": "The version of the schema.", "const": crate::SCHEMA}));
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.insert(0, json!("schema"));
    }
    schema
}
