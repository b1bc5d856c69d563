//! `aispm draft`.

use std::path::PathBuf;

use super::estate::{Estate, unreliable};
use super::{Exit, print_json, written};
use crate::asset::Result;
use crate::report;

/// Draft a document that the EU AI Act asks for, filled from an assessment, with gaps marked
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    document: Document,
}

#[derive(Debug, clap::Subcommand)]
enum Document {
    /// Technical documentation of a system, Article 11 and Annex IV
    AnnexIv(Of),
    /// Summary of what a system's models were trained on, Article 53(1)(d)
    TrainingData(Of),
}

#[derive(Debug, clap::Args)]
struct Of {
    /// Id of a system in aispm.yaml
    system: String,
    #[command(flatten)]
    estate: Estate,
    /// Output format
    #[arg(long, value_enum, default_value = "markdown")]
    format: Format,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Markdown,
    Json,
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        let (of, draft): (Of, fn(&_, &str) -> _) = match self.document {
            Document::AnnexIv(of) => (of, report::annex_iv),
            Document::TrainingData(of) => (of, report::training_data),
        };
        let assessment = of.estate.assess()?;
        let draft = draft(&assessment, &of.system)?;
        let mut out = super::output(of.output.as_ref())?;
        match of.format {
            Format::Markdown => draft.markdown(&mut *out).map_err(written)?,
            Format::Json => print_json(&mut *out, &draft)?,
        }
        Ok(unreliable(&assessment, false, false).unwrap_or(Exit::Clean))
    }
}
