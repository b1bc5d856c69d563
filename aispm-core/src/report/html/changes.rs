//! What changed since the baseline.

use std::io;

use super::{Badge, Out, ROWS, Safe, heading, left_out};
use crate::assess::Comparison;
use crate::asset::Finding;
use crate::report::{Report, count};

/// How much came and went.
pub(super) fn number(report: &Report<'_>) -> usize {
    let new = report.assessment.findings.len();
    report.assessment.baseline.as_ref().map_or(0, |told| new + told.resolved.len() + told.new_paths.len())
}

/// For the overview: what came and went.
pub(super) fn figure(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let Some(told) = &report.assessment.baseline else { return Ok(()) };
    let (new, resolved) = (report.assessment.findings.len(), told.resolved.len());
    write!(out, "<li><a href=\"#changes\"><b>+{new} −{resolved}</b> since the baseline</a></li>")
}

pub(super) fn write(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let Some(told) = &report.assessment.baseline else { return Ok(()) };
    let new = &report.assessment.findings;
    let Comparison { known, resolved, new_paths, .. } = told;
    heading(out, "changes", "Since the baseline", "")?;
    write!(
        out,
        "<ul class=\"figures\"><li><a href=\"#findings\" data-filter=\"state=new\"><b>{}</b> new</a></li>",
        new.len()
    )?;
    write!(out, "<li><b>{}</b> resolved</li><li><a href=\"#findings\" ", resolved.len())?;
    write!(out, "data-filter=\"state=known\"><b>{}</b> as before</a></li>", known.len())?;
    let s = if new_paths.len() == 1 { "" } else { "s" };
    writeln!(out, "<li><b>{}</b> new attack path{s}</li></ul>", new_paths.len())?;
    let mut paths = (1..).zip(&report.assessment.paths).filter(|(_, path)| new_paths.contains(&path.id)).peekable();
    if paths.peek().is_some() {
        open(out, "New attack paths", &count(new_paths.len(), "path"))?;
        for (n, path) in paths.take(ROWS) {
            let title = report.title(path);
            write!(out, "<li>{}<a href=\"#p{n}\">{}</a></li>", Badge(path.severity), Safe(&title))?;
        }
        writeln!(out, "</ol></div></details>")?;
    }
    list(report, out, "New findings", new)?;
    list(report, out, "Resolved findings", resolved)?;
    writeln!(out, "</section>")
}

fn open(out: Out<'_>, title: &str, n: &str) -> io::Result<()> {
    write!(out, "<details class=\"framework\"><summary><span class=\"title\">{title}</span>")?;
    write!(out, "<span class=\"more\">{n}</span></summary><div class=\"inside\"><ol class=\"lines\">")
}

fn list(report: &Report<'_>, out: Out<'_>, title: &str, findings: &[Finding]) -> io::Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    open(out, title, &count(findings.len(), "finding"))?;
    for finding in findings.iter().take(ROWS) {
        let (title, name, rule) = (Safe(&finding.title), Safe(report.name(&finding.asset)), Safe(&finding.rule));
        write!(out, "<li>{}<span>{title} ", Badge(finding.severity))?;
        write!(out, "<span class=\"soft\">{name} · {rule}</span></span></li>")?;
    }
    writeln!(out, "</ol>")?;
    left_out(out, findings.len(), ROWS, "finding")?;
    writeln!(out, "</div></details>")
}
