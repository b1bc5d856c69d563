//! Findings and attack paths as one table in RFC 4180, with a header and CRLF.
//!
//! A cell that a spreadsheet would take for a formula, because it starts with `=`, `+`, `-`, `@` or one of their wide
//! forms, gets an apostrophe before it; take it off to have the text as it was.

use std::io::{self, Write};

use super::{Report, State, certainty, chain, escape, path_rule, steps};
use crate::asset::{Evidence, Finding};
use crate::path::AttackPath;

const HEADER: [&str; 17] = [
    "state",
    "severity",
    "rule",
    "title",
    "message",
    "fix",
    "asset",
    "asset_name",
    "asset_kind",
    "owner",
    "path",
    "line",
    "pointer",
    "related",
    "controls",
    "fingerprint",
    "waiver",
];

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    row(out, HEADER.map(str::to_owned))?;
    for (finding, state) in report.told() {
        row(out, finding_row(report, finding, state))?;
    }
    for path in &report.assessment.paths {
        row(out, path_row(report, path))?;
    }
    out.flush()
}

fn finding_row(report: &Report<'_>, finding: &Finding, state: State<'_>) -> [String; 17] {
    let place = report.evidence(finding).first().cloned().unwrap_or_default();
    let controls = finding.controls.iter().map(|control| format!("{}:{}", control.framework, control.id));
    [
        state.as_str().to_owned(),
        finding.severity.to_string(),
        finding.rule.clone(),
        finding.title.clone(),
        finding.message.clone(),
        finding.fix.clone(),
        finding.asset.to_string(),
        report.name(&finding.asset).to_owned(),
        report.kind(&finding.asset).to_string(),
        finding.owner.clone().unwrap_or_default(),
        place.path.to_string(),
        place.line.map(|line| line.to_string()).unwrap_or_default(),
        place.pointer.unwrap_or_default(),
        finding.related.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        controls.collect::<Vec<_>>().join("; "),
        finding.fingerprint.clone(),
        state.waiver().unwrap_or_default(),
    ]
}

fn path_row(report: &Report<'_>, path: &AttackPath) -> [String; 17] {
    let place: Evidence = path.steps.iter().find_map(|step| step.evidence.first()).cloned().unwrap_or_default();
    let techniques: Vec<&str> = path.steps.iter().map(|step| step.technique.as_str()).collect();
    [
        report.path_state(path).as_str().to_owned(),
        path.severity.to_string(),
        path_rule(path.goal).to_owned(),
        report.title(path).into_owned(),
        format!("{}: {}", certainty(path.status), steps(path)),
        path.fixes.first().map(|fix| fix.action.clone()).unwrap_or_default(),
        path.target.to_string(),
        report.name(&path.target).to_owned(),
        report.kind(&path.target).to_string(),
        report.asset(&path.target).and_then(|asset| asset.owner.clone()).unwrap_or_default(),
        place.path.to_string(),
        place.line.map(|line| line.to_string()).unwrap_or_default(),
        place.pointer.unwrap_or_default(),
        chain(path).into_iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        techniques.join("; "),
        path.id.clone(),
        String::new(),
    ]
}

fn row(out: &mut dyn Write, cells: [String; 17]) -> io::Result<()> {
    let cells = cells.map(|cell| escape::csv(&cell));
    write!(out, "{}\r\n", cells.join(","))
}
