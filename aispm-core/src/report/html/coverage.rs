//! How the controls of each framework came out, why, and by which findings.

use std::io;

use super::bar::bar;
use super::{Out, ROWS, Safe, heading, left_out};
use crate::policy::controls::{self, Coverage, Framework};
use crate::policy::controls::{ControlResult, ControlStatus};
use crate::report::{Report, count};

/// In the order of bars, with the words for people.
const STATUS: [(ControlStatus, &str); 4] = [
    (ControlStatus::Failed, "failed"),
    (ControlStatus::NoEvidence, "no evidence"),
    (ControlStatus::Passed, "passed"),
    (ControlStatus::NotApplicable, "not applicable"),
];

/// The frameworks in a few lines.
pub(super) fn card(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let coverage = &report.assessment.coverage;
    if coverage.is_empty() {
        return Ok(());
    }
    let frameworks = controls::frameworks().unwrap_or_default();
    write!(out, "<div class=\"card\"><h2>Coverage</h2><table class=\"tally\"><thead><tr>")?;
    for head in ["Framework", "Controls", "Failed"] {
        write!(out, "<th scope=\"col\">{head}</th>")?;
    }
    write!(out, "</tr></thead><tbody>")?;
    for coverage in coverage {
        let (key, name) = (Safe(&coverage.framework), Safe(name(coverage, &frameworks)));
        write!(out, "<tr><th scope=\"row\"><a href=\"#fw-{key}\" title=\"{name}\">{name}</a></th>")?;
        write!(out, "<td>{}</td>", parts(coverage))?;
        let (failed, all) = (coverage.with(ControlStatus::Failed).count(), coverage.controls.len());
        writeln!(out, "<td>{failed}<span class=\"soft\">/{all}</span></td></tr>")?;
    }
    writeln!(out, "</tbody></table></div>")
}

pub(super) fn write(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let coverage = &report.assessment.coverage;
    if coverage.is_empty() {
        return Ok(());
    }
    heading(
        out,
        "coverage",
        "Coverage",
        "Passed means that rules judged and found nothing. That is no proof that a control works.",
    )?;
    let frameworks = controls::frameworks().unwrap_or_default();
    for coverage in coverage {
        framework(out, coverage, &frameworks)?;
    }
    unknown(report, out)?;
    writeln!(out, "</section>")
}

fn framework(out: Out<'_>, coverage: &Coverage, all: &[Framework]) -> io::Result<()> {
    let framework = all.iter().find(|framework| framework.key == coverage.framework);
    let (key, name) = (Safe(&coverage.framework), Safe(name(coverage, all)));
    let version = framework.map_or("", |framework| framework.version.as_str());
    write!(out, "<details class=\"framework\" id=\"fw-{key}\"><summary><span class=\"title\">{name}</span>")?;
    write!(out, "<span class=\"more\">{}</span>{}<span class=\"counts\">", Safe(version), parts(coverage))?;
    for (status, word) in STATUS {
        let n = coverage.with(status).count();
        if n > 0 {
            write!(out, "<span class=\"{status}\">{n} {word}</span> ")?;
        }
    }
    writeln!(out, "</span></summary><div class=\"inside\"><table class=\"controls\"><thead><tr>")?;
    write!(out, "<th scope=\"col\">Control</th><th scope=\"col\">Status</th><th scope=\"col\">Why</th>")?;
    writeln!(out, "<th scope=\"col\">Findings</th></tr></thead><tbody>")?;
    let sorted = STATUS.iter().flat_map(|(status, word)| coverage.with(*status).map(move |control| (control, *word)));
    for (control, word) in sorted.take(ROWS) {
        let title = framework.and_then(|framework| framework.controls.get(&control.id));
        self::control(out, coverage, control, (word, title.map_or("", String::as_str)))?;
    }
    writeln!(out, "</tbody></table>")?;
    left_out(out, coverage.controls.len(), ROWS, "control")?;
    writeln!(out, "</div></details>")
}

fn control(out: Out<'_>, coverage: &Coverage, control: &ControlResult, (word, title): (&str, &str)) -> io::Result<()> {
    let ControlResult { id, status, reason, findings, .. } = control;
    let (framework, id) = (Safe(&coverage.framework), Safe(id));
    write!(out, "<tr><th scope=\"row\">{id} <span class=\"soft\">{}</span></th>", Safe(title))?;
    write!(out, "<td class=\"{status}\">{word}</td><td>{}</td><td>", Safe(reason))?;
    if !findings.is_empty() {
        let n = count(findings.len(), "finding");
        write!(out, "<a href=\"#findings\" data-filter=\"control={framework} {id}\">{n}</a>")?;
    }
    writeln!(out, "</td></tr>")
}

/// Rules that could not judge, and what would let them.
fn unknown(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let unknown = &report.assessment.unknown;
    if unknown.is_empty() {
        return Ok(());
    }
    let rules = count(unknown.len(), "rule");
    write!(
        out,
        "<details class=\"framework\" id=\"unknown\"><summary><span class=\"title\">What could not be judged</span>"
    )?;
    writeln!(
        out,
        "<span class=\"more\">{rules} without the input that they need; they count as neither</span></summary>"
    )?;
    write!(
        out,
        "<div class=\"inside\"><table><thead><tr><th scope=\"col\">Rule</th><th scope=\"col\">Needs</th></tr></thead><tbody>"
    )?;
    for unknown in unknown.iter().take(ROWS) {
        let title = report.rules.get(unknown.rule.as_str()).map_or("", |rule| rule.title.as_str());
        write!(out, "<tr><th scope=\"row\">{} <span class=\"soft\">{}</span></th>", Safe(&unknown.rule), Safe(title))?;
        writeln!(out, "<td>{}</td></tr>", Safe(&unknown.needs))?;
    }
    writeln!(out, "</tbody></table></div></details>")
}

fn name<'a>(coverage: &'a Coverage, frameworks: &'a [Framework]) -> &'a str {
    let framework = frameworks.iter().find(|framework| framework.key == coverage.framework);
    framework.map_or(&coverage.framework, |framework| &framework.name)
}

fn parts(coverage: &Coverage) -> String {
    let parts = STATUS.map(|(status, _)| (status.as_str(), coverage.with(status).count()));
    bar(&parts, coverage.controls.len())
}
