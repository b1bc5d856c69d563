//! `aispm schema`.

use super::{Exit, written};
use crate::asset::{Error, ErrorKind, Result};

/// Print a JSON Schema, or the names of all
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to describe
    name: Option<String>,
}

/// Names and texts of files that `tests/schema.rs` keeps as the types are; derived at run time they would take 0.2 MB.
macro_rules! schemas {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../data/schema/", $name, ".json")))),+]
    };
}

/// Everything with a schema.
const SCHEMAS: &[(&str, &str)] = schemas![
    "assessment",
    "classification",
    "collect",
    "coverage",
    "data-pack",
    "datasets",
    "decision",
    "detection",
    "diff",
    "discovery",
    "draft",
    "explanation",
    "evidence-entry",
    "evidence-head",
    "evidence-verification",
    "facts",
    "finding",
    "guard",
    "inventory",
    "lineage-answer",
    "model-file",
    "path",
    "readiness",
    "rule",
    "simulation",
    "simulation-request",
    "solution",
    "trend",
];

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        let mut out = super::output(None)?;
        match self.name {
            Some(name) => out.write_all(schema(&name)?.as_bytes()),
            None => SCHEMAS.iter().try_for_each(|(name, _)| writeln!(out, "{name}")),
        }
        .and_then(|()| out.flush())
        .map_err(written)?;
        Ok(Exit::Clean)
    }
}

fn schema(name: &str) -> Result<&'static str> {
    SCHEMAS.iter().find(|(known, _)| *known == name).map(|(_, schema)| *schema).ok_or_else(|| {
        let known = SCHEMAS.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ");
        Error::new(ErrorKind::Usage, format!("there is no schema {name:?}; known: {known}"))
    })
}
