//! `aispm diff`.

use std::path::{Path, PathBuf};

use super::{Exit, print_json, written};
use crate::asset::Result;
use crate::report::{Diff, Snapshot};

/// Compare two inventories or assessments
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// JSON of an earlier `aispm assess` or `aispm discover`; `-` is standard input
    old: PathBuf,
    /// JSON of a later one
    new: PathBuf,
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
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        let diff = Diff::between(&snapshot(&self.old)?, &snapshot(&self.new)?);
        let mut out = super::output(self.output.as_ref())?;
        match self.format {
            Format::Text => diff.write_text(&mut *out).map_err(written)?,
            Format::Json => print_json(&mut *out, &diff)?,
        }
        Ok(Exit::Clean)
    }
}

fn snapshot(path: &Path) -> Result<Snapshot> {
    Snapshot::from_json(&super::input(path)?).map_err(|error| error.at(path))
}
