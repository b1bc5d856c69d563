//! `aispm explain`.

use std::path::{Path, PathBuf};

use super::{Exit, print_json, written};
use crate::assess::Assessment;
use crate::asset::Result;
use crate::policy::PolicySet;
use crate::report::Report;

/// Explain a finding, attack path, asset, system, owner, rule, or the score of the whole estate
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Fingerprint of a finding or six digits of it, id of a path, asset, system or rule, an owner, or `estate`
    id: String,
    /// Files and folders, or a saved assessment (JSON)
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// Declared facts, instead of aispm.yaml at the root of what is assessed
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// Also judge by the rules of this file; may be given several times
    #[arg(long = "policy", value_name = "FILE")]
    policies: Vec<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        let assessment = match self.paths.as_slice() {
            [file] => saved(file),
            _ => None,
        };
        let assessment = assessment.map_or_else(|| self.assess(), Ok)?;
        let rules = self.rules()?;
        let mut out = super::output(None)?;
        let report = Report::new(&assessment).rules(&rules).color(super::colored());
        let explanation = report.explain(&self.id)?;
        match self.format {
            Format::Json => print_json(&mut *out, &explanation)?,
            Format::Text => report.write_explanation(&explanation, &mut *out).map_err(written)?,
        }
        Ok(Exit::Clean)
    }

    fn assess(&self) -> Result<Assessment> {
        let assessor = self.facts.iter().fold(super::assessor(&[])?, |assessor, file| assessor.facts(file));
        self.policies.iter().fold(assessor, |assessor, file| assessor.policy(file)).run(&self.paths)
    }

    fn rules(&self) -> Result<Vec<crate::policy::RuleInfo>> {
        let mut builder = PolicySet::builder();
        for path in &self.policies {
            builder = builder.pack(path.display().to_string(), super::input(path)?);
        }
        Ok(builder.build()?.rules())
    }
}

/// The assessment that `aispm assess --format json` wrote to this file, if it is one.
fn saved(file: &Path) -> Option<Assessment> {
    let text = std::fs::read(file).ok()?;
    serde_json::from_slice(&text).ok()
}
