//! `aispm readiness`.

use std::path::PathBuf;

use super::estate::{Estate, unreliable};
use super::{Exit, print_json, written};
use crate::asset::Result;
use crate::report::ReadinessReport;

/// Answer the plain questions that a security lead starts from: yes, no, or unknown with the export that would tell
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    estate: Estate,
    /// Exit with 1 if an answer is bad news, or (unknown) also if one is open
    #[arg(long, value_enum)]
    fail_on: Option<Bar>,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Bar {
    Bad,
    Unknown,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        let assessment = self.estate.assess()?;
        let report = ReadinessReport::new(&assessment);
        let mut out = super::output(self.output.as_ref())?;
        match self.format {
            Format::Text => {
                let color = self.output.is_none() && super::colored();
                report.text(&mut *out, color, super::columns()).map_err(written)?;
            }
            Format::Json => print_json(&mut *out, &report)?,
        }
        if let Some(exit) = unreliable(&assessment, self.fail_on.is_some(), self.allow_incomplete) {
            return Ok(exit);
        }
        let fails = |good: Option<bool>| good == Some(false) || good.is_none() && self.fail_on == Some(Bar::Unknown);
        let fails = self.fail_on.is_some() && report.answers.iter().any(|answer| fails(answer.good));
        Ok(if fails { Exit::Findings } else { Exit::Clean })
    }
}
