//! Posture at a glance: how bad, where, whose, and what to do first.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::bar::bar;
use super::{Badge, Out, Safe, coverage};
use crate::asset::{Asset, AssetId, Finding, Severity};
use crate::path::PathStatus;
use crate::report::{Report, count};

/// Lines in a card.
const LINES: usize = 6;

pub(super) fn write(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let assessment = report.assessment;
    writeln!(
        out,
        "<section id=\"overview\" aria-labelledby=\"overview-h\"><h1 id=\"overview-h\">AI security posture</h1>"
    )?;
    let (ai, all) = (count(report.ai_assets(), "AI asset"), assessment.inventory.len());
    let (files, skipped) = (count(assessment.files.len(), "file"), assessment.skipped.len());
    writeln!(out, "<p class=\"lead\">{ai} among {all} in all · {files} read, {skipped} skipped</p>")?;
    incomplete(report, out)?;
    if !assessment.findings.is_empty() || !assessment.coverage.is_empty() {
        severities(report, out)?;
    }
    write!(out, "<div class=\"cards\">")?;
    worst_paths(report, out)?;
    fix_first(report, out)?;
    tallies(out, "Systems", &systems(report))?;
    tallies(out, "Owners", &owners(report))?;
    coverage::card(report, out)?;
    writeln!(out, "</div></section>")
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

fn severities(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let tally = Tally::of(report.assessment.findings.iter());
    write!(out, "<div class=\"severities\"><ul>")?;
    for (severity, n) in tally.worst_first() {
        let none = if n == 0 { " none" } else { "" };
        write!(out, "<li class=\"{severity}{none}\"><a href=\"#findings\" data-filter=\"severity={severity}\">")?;
        write!(out, "<b>{n}</b> {severity}</a></li>")?;
    }
    writeln!(out, "</ul>{}</div>", tally.bar(tally.sum()))
}

fn worst_paths(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let paths = &report.assessment.paths;
    if paths.is_empty() {
        return Ok(());
    }
    let confirmed = paths.iter().filter(|path| path.status == PathStatus::Confirmed).count();
    write!(out, "<div class=\"card wide\"><h2>Worst attack paths</h2>")?;
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
    write!(out, "<div class=\"card wide\"><h2>Fix first</h2>")?;
    write!(
        out,
        "<p class=\"soft\">{} cut all paths.</p>",
        count(fixes.len(), "change").replace("1 change", "This change alone")
    )?;
    write!(out, "<ol class=\"lines\">")?;
    for fix in fixes.iter().take(LINES) {
        write!(out, "<li><span class=\"cuts-n\">cuts {} of {all}</span><span>{}", fix.paths_cut, Safe(&fix.action))?;
        if let Some(evidence) = fix.evidence.first() {
            write!(out, " <code>{}</code>", Safe(&evidence.location()))?;
        }
        write!(out, "</span></li>")?;
    }
    writeln!(out, "</ol></div>")
}

/// Findings of one owner or system.
struct Line<'a> {
    name: &'a str,
    /// What the table of findings is set to when it is clicked.
    filter: String,
    tally: Tally,
}

/// Findings by severity, mild to grave.
#[derive(Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

    /// More of the worst comes first.
    fn rank(self) -> impl Ord {
        let Self(mut counts) = self;
        counts.reverse();
        std::cmp::Reverse(counts)
    }
}

fn owners<'a>(report: &Report<'a>) -> Vec<Line<'a>> {
    let mut by_owner = BTreeMap::<Option<&str>, Tally>::new();
    for finding in &report.assessment.findings {
        by_owner.entry(finding.owner.as_deref()).or_default().add(finding);
    }
    let line = |(owner, tally): (Option<&'a str>, Tally)| Line {
        name: owner.unwrap_or("nobody"),
        filter: owner.map_or("owner=-".to_owned(), |owner| format!("owner=+{owner}")),
        tally,
    };
    ranked(by_owner.into_iter().map(line).collect())
}

/// Declared systems with the findings of all that they contain.
fn systems<'a>(report: &Report<'a>) -> Vec<Line<'a>> {
    let mut of_asset = BTreeMap::<&AssetId, Tally>::new();
    for finding in &report.assessment.findings {
        of_asset.entry(&finding.asset).or_default().add(finding);
    }
    let line = |(system, members): (&'a Asset, BTreeSet<&AssetId>)| {
        let mut tally = Tally::default();
        for of_asset in members.into_iter().filter_map(|id| of_asset.get(id)) {
            tally.0.iter_mut().zip(of_asset.0).for_each(|(sum, n)| *sum += n);
        }
        let name = if system.name.is_empty() { system.id.as_str() } else { &system.name };
        Line { name, filter: format!("system={}", system.id), tally }
    };
    ranked(report.systems().into_iter().map(line).collect())
}

fn ranked(mut lines: Vec<Line<'_>>) -> Vec<Line<'_>> {
    lines.retain(|line| line.tally.sum() > 0);
    lines.sort_by_key(|line| line.tally.rank());
    lines
}

fn tallies(out: Out<'_>, title: &str, lines: &[Line<'_>]) -> io::Result<()> {
    let Some(most) = lines.iter().map(|line| line.tally.sum()).max() else { return Ok(()) };
    write!(out, "<div class=\"card\"><h2>{title}</h2><table class=\"tally\"><tbody>")?;
    for line in lines.iter().take(LINES) {
        let (name, filter) = (Safe(line.name), Safe(&line.filter));
        write!(out, "<tr><th scope=\"row\"><a href=\"#findings\" data-filter=\"{filter}\">{name}</a></th>")?;
        let worst = line.tally.worst_first().find(|(_, n)| *n > 0);
        let worst =
            worst.map_or(String::new(), |(severity, n)| format!("<span class=\"{severity}\">{n} {severity}</span>"));
        writeln!(out, "<td>{worst}</td><td>{}</td><td>{}</td></tr>", line.tally.bar(most), line.tally.sum())?;
    }
    write!(out, "</tbody></table>")?;
    if let Some(more @ 1..) = lines.len().checked_sub(LINES) {
        write!(out, "<p class=\"soft\">and {more} more</p>")?;
    }
    writeln!(out, "</div>")
}
