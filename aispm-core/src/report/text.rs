//! What a person reads first: the verdict in a line, the paths, what to fix first, the findings, what was not read.

use std::io::{self, Write};

use anstyle::Style;

use super::page::{ALARM, FAINT, HEADING, Page, style};
use super::{Group, Report, certainty, chain, count, escape, loose_conditions};
use crate::path::AttackPath;

/// Paths that are told; the rest is counted.
const PATHS: usize = 20;
/// Findings of one rule that are listed; the rest is counted.
const LISTED: usize = 8;
/// Fixes of one path that are listed; the rest is counted.
const CUTS: usize = 3;

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::new(out, report.color, report.width);
    header(report, &mut page)?;
    attack_paths(report, &mut page)?;
    fix_first(report, &mut page)?;
    findings(report, &mut page)?;
    unread(report, &mut page)?;
    page.out.flush()
}

fn header(report: &Report<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let assessment = report.assessment;
    let severities: Vec<String> = report
        .severities()
        .into_iter()
        .map(|(severity, n)| page.paint(style(severity), &format!("{n} {severity}")))
        .collect();
    let mut parts = vec![format!("{} ({} AI)", count(assessment.inventory.len(), "asset"), report.ai_assets())];
    parts.push(match severities.as_slice() {
        [] => "no findings".to_owned(),
        counts => format!("{}: {}", count(assessment.findings.len(), "finding"), counts.join(", ")),
    });
    parts.push(count(assessment.paths.len(), "attack path"));
    if !assessment.incomplete.is_empty() {
        parts.push(page.paint(ALARM, "INCOMPLETE"));
    }
    writeln!(page.out, "{}", parts.join(" · "))
}

fn attack_paths(report: &Report<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let paths = &report.assessment.paths;
    if paths.is_empty() {
        return Ok(());
    }
    page.heading("Attack paths")?;
    page.wrap(0, 0, FAINT, "worst first; the rank orders paths, it is no probability")?;
    for (n, path) in paths.iter().take(PATHS).enumerate() {
        writeln!(page.out)?;
        attack_path(report, page, n + 1, path)?;
    }
    match paths.len().checked_sub(PATHS) {
        Some(more @ 1..) => {
            writeln!(page.out)?;
            page.wrap(5, 5, FAINT, &format!("… and {}, listed with --format json", count(more, "more path")))
        }
        _ => Ok(()),
    }
}

pub(super) fn attack_path(report: &Report<'_>, page: &mut Page<'_>, n: usize, path: &AttackPath) -> io::Result<()> {
    let risk = format!("risk rank {:.0}", path.risk);
    let end = path.consequence.words();
    let head = [page.severity(path.severity), risk, certainty(path.status).to_owned(), format!("ends in {end}")];
    writeln!(page.out, "{:>3}  {}", n, head.join(" · "))?;
    page.wrap(5, 5, HEADING, &report.title(path))?;
    if !path.title.is_empty() {
        page.wrap(5, 7, FAINT, &report.names(&chain(path)).join(" → "))?;
    }
    for condition in loose_conditions(path) {
        page.item(5, "if ", condition)?;
    }
    for (n, step) in path.steps.iter().enumerate() {
        let lead = format!("{}. ", n + 1);
        let technique = if step.technique.is_empty() { String::new() } else { format!(" [{}]", step.technique) };
        page.item(5, &lead, &format!("{}{technique}", step.description))?;
        for condition in &step.conditions {
            page.item(5 + lead.len(), "if ", condition)?;
        }
        page.places(5 + lead.len(), &step.evidence)?;
    }
    if !path.fixes.is_empty() {
        page.wrap(5, 5, Style::new(), "Any one of these cuts it:")?;
    }
    for fix in path.fixes.iter().take(CUTS) {
        page.item(5, "- ", &format!("{} (step {})", fix.action, fix.step))?;
        page.places(7, fix.evidence.get(..1).unwrap_or_default())?;
    }
    match path.fixes.len().checked_sub(CUTS) {
        Some(more @ 1..) => page.wrap(5, 5, FAINT, &format!("… or {more} more, with patches in --format json")),
        _ => Ok(()),
    }
}

fn fix_first(report: &Report<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let assessment = report.assessment;
    if assessment.fixes.is_empty() {
        return Ok(());
    }
    page.heading("Fix first")?;
    writeln!(page.out)?;
    let all = count(assessment.paths.len(), "path");
    for (n, fix) in assessment.fixes.iter().enumerate() {
        page.item(2, &format!("{}. ", n + 1), &format!("{} (cuts {} of {all})", fix.action, fix.paths_cut))?;
        page.places(5, &fix.evidence)?;
    }
    let points = report.choke_points();
    if points.is_empty() { Ok(()) } else { page.wrap(2, 4, Style::new(), &format!("Most paths meet at {points}.")) }
}

fn findings(report: &Report<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let groups = report.groups();
    if !groups.is_empty() {
        page.heading("Findings")?;
    }
    for group in &groups {
        writeln!(page.out)?;
        finding_group(report, page, group)?;
    }
    Ok(())
}

fn finding_group(report: &Report<'_>, page: &mut Page<'_>, group: &Group<'_>) -> io::Result<()> {
    let first = group.first;
    let lead = format!("  {} {}", page.severity(first.severity), page.paint(HEADING, &first.rule));
    let many = if group.findings.len() > 1 { format!(" ({} times)", group.findings.len()) } else { String::new() };
    writeln!(page.out, "{lead} {}{many}", escape::plain(&first.title))?;
    page.wrap(4, 4, Style::new(), report.why(&first.rule))?;
    for finding in group.findings.iter().take(LISTED) {
        let name = report.name(&finding.asset);
        let lead = if finding.message.starts_with(name) { String::new() } else { format!("{name}: ") };
        page.wrap(4, 6, Style::new(), &format!("{lead}{}", finding.message))?;
        page.places(6, report.evidence(finding))?;
        if group.shared_fix().is_none() {
            page.fix(6, &finding.fix)?;
        }
    }
    if let Some(more) = group.findings.len().checked_sub(LISTED).filter(|more| *more > 0) {
        page.wrap(4, 4, FAINT, &format!("… and {more} more, listed with --format json"))?;
    }
    page.fix(4, group.shared_fix().unwrap_or_default())
}

fn unread(report: &Report<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let assessment = report.assessment;
    if !assessment.incomplete.is_empty() {
        page.heading("Not read")?;
        writeln!(page.out)?;
        for unread in &assessment.incomplete {
            let label = if unread.critical { "INCOMPLETE (identity or AI input)" } else { "INCOMPLETE" };
            let label = page.paint(ALARM, label);
            writeln!(page.out, "  {label} {}: {}", escape::plain(&unread.path), escape::plain(&unread.reason))?;
        }
    }
    let (read, skipped) = (assessment.files.len(), assessment.skipped.len());
    let line = format!("{} read, {skipped} skipped", count(read, "file"));
    writeln!(page.out)?;
    page.wrap(0, 0, FAINT, &line)
}
