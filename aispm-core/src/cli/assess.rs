//! `aispm assess`.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use super::fingerprint::Known;
use super::{Exit, format, warn, written};
use crate::assess::{Assessment, Assessor, Gate, Outcome};
use crate::asset::{Error, ErrorKind, Result, Severity};
use crate::monitor;
use crate::policy::{PolicySet, RuleInfo};
use crate::report::{Format, Report};
use crate::text::{Detectors, DetectorsBuilder};

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
    /// Also know the flaws of packages in this OSV file, folder or archive; may be given several times
    #[arg(long, value_name = "PATH")]
    advisories: Vec<PathBuf>,
    #[command(flatten)]
    known: Known,
    #[command(flatten)]
    data: super::data::Data,
    /// Report only what this owner answers for
    #[arg(long, value_name = "OWNER")]
    owner: Option<String>,
    /// Tell what is new from what this earlier assessment (JSON) had; only what is new fails
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Judge approvals and waivers as on this day, YYYY-MM-DD, instead of today
    #[arg(long, value_name = "DAY", value_parser = super::day)]
    today: Option<String>,
    /// Exit with 1 if a finding is at or above this severity: info, low, medium, high, critical
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<Severity>,
    /// Let --fail-on pass although identity or AI-related input could not be read, or nothing was understood
    #[arg(long)]
    allow_incomplete: bool,
    /// Also append the outcome to this log; see `aispm evidence`
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Sign the entry with this Ed25519 key: PKCS#8 in PEM, or 64 hex digits
    #[arg(long, value_name = "FILE", requires = "ledger")]
    ledger_key: Option<PathBuf>,
    /// Output format
    #[arg(long, value_parser = format(), default_value = "text")]
    format: Format,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Also write this format to this file, from the same run; may be given several times
    #[arg(long, value_name = "FORMAT=FILE", value_parser = also)]
    also: Vec<(Format, PathBuf)>,
    /// The time that reports and log entries bear, RFC 3339, instead of now
    #[arg(long, value_name = "TIME", value_parser = time)]
    time: Option<String>,
}

/// A time in UTC, to the second.
fn time(text: &str) -> std::result::Result<String, jiff::Error> {
    Ok(text.parse::<jiff::Timestamp>()?.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// `sarif=aispm.sarif`.
fn also(text: &str) -> Result<(Format, PathBuf)> {
    match text.split_once('=') {
        Some((format, file)) if !file.is_empty() => Ok((format.parse()?, file.into())),
        _ => Err(Error::new(ErrorKind::Usage, "name a format and a file, such as sarif=aispm.sarif")),
    }
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        let data = self.data.load()?;
        let rules = data.iter().try_fold(PolicySet::builder(), |rules, pack| pack.policies(rules))?.build()?.rules();
        let assessment = data.into_iter().fold(self.assessor()?, Assessor::data).run(&self.paths)?;
        if let Some(ledger) = &self.ledger {
            super::evidence::record(ledger, self.ledger_key.clone(), self.time.as_deref(), &assessment)?;
        }
        let assessment = match &self.owner {
            // a gate must not pass for a name that is misspelt
            Some(owner) if !assessment.inventory.assets().any(|asset| asset.owner.as_ref() == Some(owner)) => {
                return Err(Error::new(ErrorKind::Usage, format!("nothing belongs to {owner:?}")));
            }
            Some(owner) => assessment.of_owner(owner),
            None => assessment,
        };
        self.print(&assessment, &rules)?;
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
        let assessor = self.advisories.iter().fold(assessor, Assessor::advisories);
        let assessor = self.policies.iter().fold(assessor, Assessor::policy);
        let known = self.known.load()?;
        let assessor = if known.is_empty() {
            assessor
        } else {
            assessor.detectors(known.into_iter().fold(Detectors::builder(), DetectorsBuilder::known_data).build())
        };
        Ok(assessor.today(self.today.clone().unwrap_or_else(super::today)))
    }

    fn print(&self, assessment: &Assessment, rules: &[RuleInfo]) -> Result<()> {
        let time = self.time.clone().unwrap_or_else(monitor::now);
        let report = Report::new(assessment).rules(rules).time(&time).gate(self.gate());
        for (format, file) in &self.also {
            report.write(*format, &mut *super::output(Some(file))?).map_err(written)?;
        }
        let report = report.color(self.output.is_none() && super::colored());
        report.write(self.format, &mut *super::output(self.output.as_ref())?).map_err(written)?;
        for file in self.output.iter().chain(self.also.iter().map(|(_, file)| file)) {
            if io::stderr().is_terminal() {
                warn(&format!("wrote {}", file.display()));
            }
        }
        Ok(())
    }

    fn gate(&self) -> Option<Gate> {
        self.fail_on.map(|bar| Gate::new(bar).allow_incomplete(self.allow_incomplete))
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
        match self.gate().map(|gate| gate.judge(assessment)) {
            None | Some(Outcome::Passed) => Exit::Clean,
            Some(Outcome::Failed) => Exit::Findings,
            Some(Outcome::Unreliable) => {
                for unread in assessment.blind_spots() {
                    warn(&format!("error: {} was not read: {}", unread.path, unread.reason));
                }
                warn(if assessment.files.is_empty() {
                    "error: no file of a known format, so there is nothing to pass; check the paths, or pass \
                     --allow-incomplete"
                } else {
                    "error: the gate does not pass on half the input; mend these files, or pass --allow-incomplete"
                });
                Exit::Unreliable
            }
        }
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

    #[test]
    fn a_gate_does_not_pass_on_nothing() {
        assert_eq!(verdict("--fail-on high", None, 0, None), Exit::Unreliable);
        assert_eq!(verdict("--fail-on high --allow-incomplete", None, 0, None), Exit::Clean);
    }

    #[test]
    fn a_second_output_needs_a_known_format_and_a_file() {
        let parsed = |text: &str| also(text).map(|(format, file)| (format, file.display().to_string()));
        assert_eq!(parsed("sarif=a=b.sarif").unwrap(), (Format::Sarif, "a=b.sarif".to_owned()));
        for (text, words) in
            [("sarif", "a format and a file"), ("sarif=", "a format and a file"), ("x=f", "known: text")]
        {
            assert!(parsed(text).unwrap_err().to_string().contains(words), "{text}");
        }
    }
}
