//! `aispm assess`.

use std::path::PathBuf;

use super::{Exit, warn, written};
use crate::assess::{Assessment, Assessor};
use crate::asset::{Result, Severity};
use crate::policy::PolicySet;
use crate::report::{self, Report};

/// Assess an estate: inventory, findings, attack paths
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files and folders
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Declared facts, instead of aispm.yaml at the root of what is assessed
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// Also judge by the rules of this file; may be given several times
    #[arg(long = "policy", value_name = "FILE")]
    policies: Vec<PathBuf>,
    /// Report only findings that this earlier assessment (JSON) did not have
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Exit with 1 if a finding is at or above this severity: info, low, medium, high, critical
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<Severity>,
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
    Sarif,
    Mermaid,
    Html,
}

impl From<Format> for report::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Text => Self::Text,
            Format::Json => Self::Json,
            Format::Sarif => Self::Sarif,
            Format::Mermaid => Self::Mermaid,
            Format::Html => Self::Html,
        }
    }
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        let assessment = self.assessor().run(&self.paths)?;
        self.print(&assessment)?;
        Ok(self.verdict(&assessment))
    }

    fn assessor(&self) -> Assessor {
        let mut assessor = Assessor::new();
        if let Some(facts) = &self.facts {
            assessor = assessor.facts(facts);
        }
        if let Some(baseline) = &self.baseline {
            assessor = assessor.baseline(baseline);
        }
        self.policies.iter().fold(assessor, Assessor::policy)
    }

    fn print(&self, assessment: &Assessment) -> Result<()> {
        let rules = PolicySet::builtin()?.rules();
        let report = Report::new(assessment).rules(&rules).color(self.output.is_none() && super::colored());
        report.write(self.format.into(), &mut *super::output(self.output.as_ref())?).map_err(written)?;
        if let Some(file) = &self.output {
            warn(&format!("wrote {}", file.display()));
        }
        Ok(())
    }

    /// A gate that has read half the input must not say that all is well.
    fn verdict(&self, assessment: &Assessment) -> Exit {
        if assessment.files.is_empty() && !assessment.incomplete.is_empty() {
            for unread in &assessment.incomplete {
                warn(&format!("error: {}: {}", unread.path, unread.reason));
            }
            warn("error: nothing could be read");
            return Exit::Unreliable;
        }
        let Some(bar) = self.fail_on else { return Exit::Clean };
        let mut blind = assessment.blind_spots().peekable();
        if blind.peek().is_some() && !self.allow_incomplete {
            for unread in blind {
                warn(&format!("error: {} was not read: {}", unread.path, unread.reason));
            }
            warn("error: the gate does not pass on half the input; mend these files, or pass --allow-incomplete");
            return Exit::Unreliable;
        }
        if assessment.fails(bar) { Exit::Findings } else { Exit::Clean }
    }
}
