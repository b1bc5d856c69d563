//! GitLab's Code Quality report: a JSON array of violations, each at a line of a file.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Report, State, escape, path_rule};
use crate::asset::{Evidence, Severity};

/// Findings and attack paths that are there and not waived; GitLab compares branches itself.
pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let findings = report.there().filter(|(_, state)| !matches!(state, State::Waived(_))).map(|(finding, _)| {
        let description = format!("{}: {}", finding.title, finding.message);
        violation(&finding.rule, &description, finding.severity, &finding.fingerprint, &report.place(finding))
    });
    let paths = report.assessment.paths.iter().map(|path| {
        let place = path.steps.iter().find_map(|step| step.evidence.first()).cloned();
        let place = place.unwrap_or_else(|| Evidence::file(report.facts_file()));
        violation(path_rule(path.goal), &report.title(path), path.severity, &path.id, &place)
    });
    serde_json::to_writer_pretty(&mut *out, &findings.chain(paths).collect::<Vec<_>>())?;
    writeln!(out)?;
    out.flush()
}

fn violation(rule: &str, description: &str, severity: Severity, fingerprint: &str, place: &Evidence) -> Value {
    json!({
        "check_name": escape::plain(rule),
        "description": escape::plain(description),
        "fingerprint": escape::plain(fingerprint),
        "severity": match severity {
            Severity::Critical => "blocker",
            Severity::High => "critical",
            Severity::Medium => "major",
            Severity::Low => "minor",
            Severity::Info => "info",
        },
        // from the root of the repository
        "location": {
            "path": escape::plain(place.path.trim_start_matches("./")),
            "lines": {"begin": place.line.unwrap_or(1).max(1)},
        },
    })
}
