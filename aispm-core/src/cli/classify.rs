//! `aispm classify`.

use std::path::PathBuf;

use super::estate::Estate;
use super::{Exit, print_json, warn, written};
use crate::asset::Result;
use crate::policy::classify::{Holds, classify};
use crate::report;

/// Tell the EU AI Act class of a declared system, how it follows from the answers, and which answers are missing
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Id of a system in aispm.yaml
    system: String,
    #[command(flatten)]
    estate: Estate,
    /// Exit with 1 while an answer that decides the class is missing
    #[arg(long)]
    fail_on_open: bool,
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
        let discovery = self.estate.discover()?;
        let class = classify(&discovery.inventory, &self.system)?;
        for unread in discovery.incomplete.iter().filter(|unread| unread.critical) {
            warn(&format!("{} was not read: {}; hints may be missing", unread.path, unread.reason));
        }
        let mut out = super::output(self.output.as_ref())?;
        match self.format {
            Format::Text => {
                let color = self.output.is_none() && super::colored();
                report::classification(&class, &mut *out, color, super::columns()).map_err(written)?;
            }
            Format::Json => print_json(&mut *out, &class)?,
        }
        let open = class.class.is_none() || class.steps.iter().any(|step| step.holds == Holds::Unknown);
        Ok(if self.fail_on_open && open { Exit::Findings } else { Exit::Clean })
    }
}
