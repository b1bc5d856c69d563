//! Posture at a glance: how bad, where, whose, and what to do first.

use std::collections::BTreeMap;
use std::io;

use super::bar::bar;
use super::{Badge, Listed, Out, Safe, changes, coverage, listed, trend};
use crate::assess::RiskSubject;
use crate::asset::{Finding, Severity};
use crate::path::PathStatus;
use crate::report::{Report, count};

/// Lines in a card.
const LINES: usize = 6;

pub(super) fn write(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let assessment = report.assessment;
    write!(out, "<section id=\"overview\" aria-labelledby=\"overview-h\">")?;
    writeln!(out, "<h1 id=\"overview-h\">AI security posture</h1>")?;
    let (ai, all) = (count(report.ai_assets(), "AI asset"), assessment.inventory.len());
    let (files, skipped) = (count(assessment.files.len(), "file"), assessment.skipped.len());
    writeln!(out, "<p class=\"lead\">{ai} among {all} in all · {files} read, {skipped} skipped</p>")?;
    incomplete(report, out)?;
    for warning in &assessment.warnings {
        writeln!(out, "<p class=\"if\">{}</p>", Safe(warning))?;
    }
    figures(report, out)?;
    writeln!(out, "<div class=\"cards\"><div>")?;
    worst_paths(report, out)?;
    fix_first(report, out)?;
    writeln!(out, "</div><div>")?;
    tallies(out, "System", &lines(report, RiskSubject::System))?;
    tallies(out, "Owner", &lines(report, RiskSubject::Owner))?;
    writeln!(out, "</div><div>")?;
    trend::card(report, out)?;
    coverage::card(report, out)?;
    writeln!(out, "</div></div></section>")
}

fn incomplete(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let incomplete = &report.assessment.incomplete;
    if incomplete.is_empty() {
        return Ok(());
    }
    write!(out, "<div class=\"notice\"><p><b class=\"critical\">Incomplete.</b> ")?;
    writeln!(out, "This report does not cover what stands in {}:</p><ul>", count(incomplete.len(), "input"))?;
    for unread in incomplete {
        let critical = if unread.critical { " <b>(identity or AI input)</b>" } else { "" };
        let (path, reason) = (Safe(&unread.path), Safe(&unread.reason));
        writeln!(out, "<li><code>{path}</code>: {reason}{critical}</li>")?;
    }
    writeln!(out, "</ul></div>")
}

/// The numbers in large: risk, findings by severity, paths, what came and went.
fn figures(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let assessment = report.assessment;
    write!(out, "<ul class=\"figures\">")?;
    if let Some(estate) = assessment.risks.iter().find(|risk| risk.subject == RiskSubject::Estate) {
        write!(out, "<li><b>{:.0}</b> risk, of 100</li>", estate.score)?;
    }
    let tally = Tally::of(open(report).map(|listed| listed.finding));
    if tally.sum() > 0 || !assessment.coverage.is_empty() {
        write!(out, "<li class=\"severities\"><ul>")?;
        for (severity, n) in tally.worst_first() {
            let none = if n == 0 { " none" } else { "" };
            write!(out, "<li class=\"{severity}{none}\"><a href=\"#findings\" ")?;
            write!(out, "data-filter=\"severity={severity}\"><b>{n}</b> {severity}</a></li>")?;
        }
        write!(out, "</ul>{}</li>", tally.bar(tally.sum()))?;
    }
    if !assessment.paths.is_empty() {
        let (n, s) = (assessment.paths.len(), if assessment.paths.len() == 1 { "" } else { "s" });
        write!(out, "<li><a href=\"#paths\"><b>{n}</b> attack path{s}</a></li>")?;
    }
    changes::figure(report, out)?;
    if !assessment.waived.is_empty() {
        let n = assessment.waived.len();
        write!(out, "<li><a href=\"#findings\" data-filter=\"state=waived\"><b>{n}</b> waived</a></li>")?;
    }
    writeln!(out, "</ul>")
}

/// What nobody has accepted.
fn open<'a>(report: &Report<'a>) -> impl Iterator<Item = Listed<'a>> + use<'a> {
    listed(report).filter(|listed| listed.waiver.is_none())
}

fn worst_paths(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let paths = &report.assessment.paths;
    if paths.is_empty() {
        return Ok(());
    }
    let confirmed = paths.iter().filter(|path| path.status == PathStatus::Confirmed).count();
    write!(out, "<div class=\"card\"><h2>Worst attack paths</h2>")?;
    write!(out, "<p class=\"soft\">{}, {confirmed} confirmed</p><ol class=\"lines\">", count(paths.len(), "path"))?;
    for (n, path) in (1..).zip(paths.iter().take(LINES)) {
        let title = report.title(path);
        write!(out, "<li>{}<a href=\"#p{n}\">{}</a></li>", Badge(path.severity), Safe(&title))?;
    }
    writeln!(out, "</ol></div>")
}

fn fix_first(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let fixes = &report.assessment.fixes;
    if fixes.is_empty() {
        return Ok(());
    }
    let all = report.assessment.paths.len();
    let these = if fixes.len() == 1 { "This change cuts" } else { "Together these changes cut" };
    write!(out, "<div class=\"card\"><h2>Fix first</h2><p class=\"soft\">{these} all paths.</p><ol class=\"lines\">")?;
    for fix in fixes.iter().take(LINES) {
        // a way that others stand in for cuts nothing alone
        let cut = if fix.paths_cut == 0 { "also".to_owned() } else { format!("cuts {} of {all}", fix.paths_cut) };
        write!(out, "<li><span class=\"cuts-n\">{cut}</span><span>{}", Safe(&fix.action))?;
        if let Some(evidence) = fix.evidence.first() {
            write!(out, " <code>{}</code>", Safe(&evidence.location()))?;
        }
        write!(out, "</span></li>")?;
    }
    write!(out, "</ol>")?;
    and_more(out, fixes.len())?;
    writeln!(out, "</div>")
}

fn and_more(out: Out<'_>, all: usize) -> io::Result<()> {
    match all.checked_sub(LINES) {
        Some(more @ 1..) => writeln!(out, "<p class=\"soft\">and {more} more</p>"),
        _ => Ok(()),
    }
}

/// Findings by severity, mild to grave.
#[derive(Default, Clone, Copy)]
struct Tally([usize; Severity::ALL.len()]);

impl Tally {
    fn of<'a>(findings: impl Iterator<Item = &'a Finding>) -> Self {
        let mut tally = Self::default();
        findings.for_each(|finding| tally.add(finding));
        tally
    }

    fn add(&mut self, finding: &Finding) {
        let at = Severity::ALL.iter().position(|severity| *severity == finding.severity);
        at.and_then(|at| self.0.get_mut(at)).into_iter().for_each(|n| *n += 1);
    }

    fn and(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(sum, n)| *sum += n);
        self
    }

    fn worst_first(&self) -> impl Iterator<Item = (Severity, usize)> {
        Severity::ALL.iter().copied().zip(self.0).rev()
    }

    fn sum(&self) -> usize {
        self.0.iter().sum()
    }

    fn bar(&self, most: usize) -> String {
        let parts: Vec<(&str, usize)> = self.worst_first().map(|(severity, n)| (severity.as_str(), n)).collect();
        bar(&parts, most)
    }
}

/// Findings of one owner or system.
struct Line<'a> {
    name: &'a str,
    /// What the table of findings is set to when it is clicked.
    filter: String,
    tally: Tally,
    /// None for what nobody owns.
    score: Option<f64>,
}

/// Owners or systems by their score, worst first, and at the end what nobody owns.
fn lines<'a>(report: &Report<'a>, subject: RiskSubject) -> Vec<Line<'a>> {
    let mut by = BTreeMap::<&str, Tally>::new();
    let mut of_nobody = Tally::default();
    for Listed { finding, .. } in open(report) {
        match (subject, &finding.owner) {
            (RiskSubject::System, _) => by.entry(finding.asset.as_str()).or_default().add(finding),
            (_, Some(owner)) => by.entry(owner).or_default().add(finding),
            (_, None) => of_nobody.add(finding),
        }
    }
    let risks = report.assessment.risks.iter().filter(|risk| risk.subject == subject);
    let line = risks.map(|risk| {
        let (filter, ids) = match subject {
            RiskSubject::System => ("system=", report.assessment.members(&risk.id)),
            _ => ("owner=+", vec![risk.id.as_str()]),
        };
        let tally = ids.iter().filter_map(|id| by.get(id)).fold(Tally::default(), Tally::and);
        Line { name: &risk.name, filter: format!("{filter}{}", risk.id), tally, score: Some(risk.score) }
    });
    let nobody = Line { name: "nobody", filter: "owner=-".to_owned(), tally: of_nobody, score: None };
    line.chain([nobody]).filter(|line| line.tally.sum() > 0).collect()
}

fn tallies(out: Out<'_>, title: &str, lines: &[Line<'_>]) -> io::Result<()> {
    let Some(most) = lines.iter().map(|line| line.tally.sum()).max() else { return Ok(()) };
    write!(out, "<div class=\"card\"><h2>{title}s</h2><table class=\"tally\"><thead><tr>")?;
    for head in [title, "Worst", "Findings", "Risk"] {
        write!(out, "<th scope=\"col\">{head}</th>")?;
    }
    write!(out, "</tr></thead><tbody>")?;
    for line in lines.iter().take(LINES) {
        let (name, filter) = (Safe(line.name), Safe(&line.filter));
        write!(
            out,
            "<tr><th scope=\"row\"><a href=\"#findings\" data-filter=\"{filter}\" title=\"{name}\">{name}</a></th>"
        )?;
        let worst = line.tally.worst_first().find(|(_, n)| *n > 0);
        let worst =
            worst.map_or(String::new(), |(severity, n)| format!("<span class=\"{severity}\">{n} {severity}</span>"));
        let score = line.score.map_or("–".to_owned(), |score| format!("{score:.0}"));
        writeln!(out, "<td>{worst}</td><td>{}</td><td>{score}</td></tr>", line.tally.bar(most))?;
    }
    write!(out, "</tbody></table>")?;
    and_more(out, lines.len())?;
    writeln!(out, "</div>")
}
