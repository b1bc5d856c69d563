//! `aispm coverage`.

use std::path::PathBuf;

use super::estate::{Estate, unreliable};
use super::{Exit, print_json, written};
use crate::asset::Result;
use crate::policy::controls::ControlStatus;
use crate::report::CoverageReport;

/// Show which articles and controls of each framework fail, hold or stay open, with the evidence
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    estate: Estate,
    /// Only this framework, e.g. eu_ai_act, iso_42001, nist_ai_rmf, soc2, gdpr, owasp; may be given several times
    #[arg(long = "framework", value_name = "KEY")]
    frameworks: Vec<String>,
    /// Only controls that came out so: failed, passed, no_evidence, not_applicable; may be given several times
    #[arg(long = "status", value_name = "STATUS")]
    statuses: Vec<ControlStatus>,
    /// Also list the controls that no rule or declared evidence speaks of
    #[arg(long)]
    all: bool,
    /// Exit with 1 if a listed control came out so: failed or no_evidence; may be given several times
    #[arg(long, value_name = "STATUS")]
    fail_on: Vec<ControlStatus>,
    /// Let --fail-on pass although identity or AI-related input could not be read
    #[arg(long)]
    allow_incomplete: bool,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Text,
    Json,
    Markdown,
    Csv,
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        let assessment = self.estate.assess()?;
        let report = CoverageReport::new(&assessment, &self.frameworks, &self.statuses, self.all)?;
        let mut out = super::output(self.output.as_ref())?;
        match self.format {
            Format::Text => {
                let color = self.output.is_none() && super::colored();
                report.text(&mut *out, color, super::columns()).map_err(written)?;
            }
            Format::Json => print_json(&mut *out, &report)?,
            Format::Markdown => report.markdown(&mut *out).map_err(written)?,
            Format::Csv => report.csv(&mut *out).map_err(written)?,
        }
        if let Some(exit) = unreliable(&assessment, !self.fail_on.is_empty(), self.allow_incomplete) {
            return Ok(exit);
        }
        Ok(if self.fail_on.iter().any(|status| report.has(*status)) { Exit::Findings } else { Exit::Clean })
    }
}
