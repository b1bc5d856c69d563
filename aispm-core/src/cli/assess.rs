//! `aispm assess`.

use std::io::{self, IsTerminal as _};
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
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Declared facts, instead of aispm.yaml at the root of what is assessed
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// Also know the AI services, packages and model servers of this file; may be given several times
    #[arg(long = "catalog", value_name = "FILE")]
    catalogs: Vec<PathBuf>,
    /// Also judge by the rules of this file; may be given several times
    #[arg(long = "policy", value_name = "FILE")]
    policies: Vec<PathBuf>,
    /// Report only what this owner answers for
    #[arg(long, value_name = "OWNER")]
    owner: Option<String>,
    /// Report only findings that this earlier assessment (JSON) did not have
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Judge approvals and waivers as on this day, YYYY-MM-DD, instead of today
    #[arg(long, value_name = "DAY", value_parser = super::day)]
    today: Option<String>,
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
    /// The inventory as a CycloneDX ML-BOM
    Cyclonedx,
}

impl From<Format> for report::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Text => Self::Text,
            Format::Json => Self::Json,
            Format::Sarif => Self::Sarif,
            Format::Mermaid => Self::Mermaid,
            Format::Html => Self::Html,
            Format::Cyclonedx => Self::CycloneDx,
        }
    }
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        let assessment = self.assessor()?.run(&self.paths)?;
        let assessment = self.owner.iter().fold(assessment, |assessment, owner| assessment.of_owner(owner));
        self.print(&assessment)?;
        Ok(self.verdict(&assessment))
    }

    fn assessor(&self) -> Result<Assessor> {
        let mut assessor = super::assessor(&self.catalogs)?;
        if let Some(facts) = &self.facts {
            assessor = assessor.facts(facts);
        }
        if let Some(baseline) = &self.baseline {
            assessor = assessor.baseline(baseline);
        }
        let assessor = self.policies.iter().fold(assessor, Assessor::policy);
        Ok(assessor.today(self.today.clone().unwrap_or_else(super::today)))
    }

    fn print(&self, assessment: &Assessment) -> Result<()> {
        let rules = PolicySet::builtin()?.rules();
        let report = Report::new(assessment).rules(&rules).color(self.output.is_none() && super::colored());
        report.write(self.format.into(), &mut *super::output(self.output.as_ref())?).map_err(written)?;
        if let Some(file) = self.output.as_ref().filter(|_| io::stderr().is_terminal()) {
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn verdict(flags: &str, severity: Option<&str>, files: usize, unread: Option<bool>) -> Exit {
        let finding = |severity| {
            serde_json::json!({"fingerprint": "0", "rule": "R", "title": "t", "severity": severity, "asset": "a",
                "message": "m"})
        };
        let file = serde_json::json!({"path": "f", "format": "terraform", "assets": 1});
        let unread = unread.map(|critical| serde_json::json!({"path": "g", "reason": "cut", "critical": critical}));
        let assessment = serde_json::json!({
            "summary": {"assets": 0, "ai_assets": 0, "paths": 0, "findings": {}},
            "findings": severity.map(finding).into_iter().collect::<Vec<_>>(),
            "paths": [], "choke_points": [], "fixes": [], "admins": [],
            "inventory": {"assets": [], "relations": []},
            "files": vec![file; files], "skipped": [], "incomplete": unread.into_iter().collect::<Vec<_>>(),
        });
        let line = format!("assess . {flags}");
        let args = Line::try_parse_from(line.split_whitespace()).unwrap().args;
        args.verdict(&serde_json::from_value(assessment).unwrap())
    }

    #[test]
    fn without_a_bar_findings_do_not_fail() {
        assert_eq!(verdict("", Some("critical"), 1, None), Exit::Clean);
        assert_eq!(verdict("", None, 1, Some(true)), Exit::Clean);
        assert_eq!(verdict("", None, 0, Some(false)), Exit::Unreliable);
        assert_eq!(verdict("", None, 0, None), Exit::Clean);
    }

    #[test]
    fn a_bar_fails_at_or_above_it() {
        assert_eq!(verdict("--fail-on high", Some("critical"), 1, None), Exit::Findings);
        assert_eq!(verdict("--fail-on high", Some("high"), 1, None), Exit::Findings);
        assert_eq!(verdict("--fail-on high", Some("medium"), 1, None), Exit::Clean);
    }

    #[test]
    fn a_gate_does_not_pass_on_half_the_input() {
        assert_eq!(verdict("--fail-on high", None, 1, Some(true)), Exit::Unreliable);
        assert_eq!(verdict("--fail-on high --allow-incomplete", None, 1, Some(true)), Exit::Clean);
        assert_eq!(verdict("--fail-on high --allow-incomplete", Some("high"), 1, Some(true)), Exit::Findings);
        assert_eq!(verdict("--fail-on high", None, 1, Some(false)), Exit::Clean);
    }
}
