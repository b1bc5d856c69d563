//! What a person reads first: the counts in a line, the paths, what to fix first, the findings, how the frameworks came
//! out, what was not read.

use std::io::{self, Write};

use anstyle::Style;

use super::page::{ALARM, FAINT, HEADING, Page, style};
use super::{Group, Report, State, certainty, chain, count, escape, loose_conditions, reference};
use crate::path::AttackPath;
use crate::policy::controls::{ControlStatus, Coverage};

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
    waived(report, &mut page)?;
    since_the_baseline(report, &mut page)?;
    controls(report, &mut page)?;
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
    let (new, baseline) = (if assessment.baseline.is_some() { "new " } else { "" }, &assessment.baseline);
    parts.push(match severities.as_slice() {
        [] => format!("no {new}findings"),
        counts => format!("{}: {}", count(assessment.findings.len(), &format!("{new}finding")), counts.join(", ")),
    });
    parts.extend(baseline.iter().map(|told| format!("{} known, {} resolved", told.known.len(), told.resolved.len())));
    parts.extend((!assessment.waived.is_empty()).then(|| format!("{} waived", assessment.waived.len())));
    let paths = count(assessment.paths.len(), "attack path");
    parts.push(match baseline {
        Some(told) => format!("{paths} ({} new)", told.new_paths.len()),
        None => paths,
    });
    if !assessment.incomplete.is_empty() {
        parts.push(page.paint(ALARM, "INCOMPLETE"));
    }
    writeln!(page.out, "{}", parts.join(" · "))?;
    let Some(data) = &assessment.data_pack else { return Ok(()) };
    let age = data.age_days.and_then(|days| usize::try_from(days).ok());
    let age = age.map(|days| format!(", {} old", count(days, "day"))).unwrap_or_default();
    let signed = if data.signed_by.is_some() { "" } else { ", signature not checked" };
    page.wrap(0, 0, FAINT, &format!("data pack {} {}{age}{signed}", data.name, data.version))
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
    let mut head =
        vec![page.severity(path.severity), risk, certainty(path.status).to_owned(), format!("ends in {end}")];
    head.extend((report.path_state(path) == State::New).then(|| "new".to_owned()));
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
        page.heading(if report.assessment.baseline.is_some() { "New findings" } else { "Findings" })?;
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
        let owner = finding.owner.as_ref().map(|owner| format!(" (owner: {owner})")).unwrap_or_default();
        page.wrap(4, 6, Style::new(), &format!("{lead}{}{owner}", finding.message))?;
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

fn waived(report: &Report<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let waived: Vec<_> = report.there().filter_map(|(finding, state)| Some((finding, state.waiver()?))).collect();
    if waived.is_empty() {
        return Ok(());
    }
    page.heading("Waived")?;
    writeln!(page.out)?;
    for (finding, waiver) in waived.iter().take(LISTED) {
        let lead = format!("{} {} {}: ", finding.severity, finding.rule, report.name(&finding.asset));
        page.wrap(2, 4, Style::new(), &format!("{lead}{waiver}"))?;
    }
    match waived.len().checked_sub(LISTED) {
        Some(more @ 1..) => page.wrap(2, 2, FAINT, &format!("… and {more} more, listed with --format json")),
        _ => Ok(()),
    }
}

fn since_the_baseline(report: &Report<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let Some(told) = &report.assessment.baseline else { return Ok(()) };
    if told.known.is_empty() && told.resolved.is_empty() {
        return Ok(());
    }
    page.heading("Since the baseline")?;
    writeln!(page.out)?;
    for finding in told.resolved.iter().take(LISTED) {
        page.wrap(2, 4, Style::new(), &format!("resolved: {} {}: {}", finding.rule, finding.title, finding.message))?;
    }
    if let Some(more) = told.resolved.len().checked_sub(LISTED).filter(|more| *more > 0) {
        page.wrap(2, 4, FAINT, &format!("… and {more} more resolved"))?;
    }
    match told.known.len() {
        0 => Ok(()),
        known => {
            page.wrap(2, 4, FAINT, &format!("{} still there, listed with --format json", count(known, "known finding")))
        }
    }
}

/// A line for each framework in which something fails or has no evidence.
fn controls(report: &Report<'_>, page: &mut Page<'_>) -> io::Result<()> {
    let line = |coverage: &Coverage| {
        let (failed, unknown) =
            (coverage.with(ControlStatus::Failed).count(), coverage.with(ControlStatus::NoEvidence).count());
        let told = [(failed, if failed == 1 { "fails" } else { "fail" }), (unknown, "without evidence")];
        let told = told.iter().filter(|(n, _)| *n > 0).enumerate().map(|(i, (n, what))| match i {
            0 => format!("{} {what}", count(*n, "control")),
            _ => format!("{n} {what}"),
        });
        let told: Vec<String> = told.collect();
        (!told.is_empty()).then(|| format!("{}: {}", reference::framework_name(&coverage.framework), told.join(", ")))
    };
    let lines: Vec<String> = report.assessment.coverage.iter().filter_map(line).collect();
    if lines.is_empty() {
        return Ok(());
    }
    page.heading("Controls")?;
    writeln!(page.out)?;
    lines.iter().try_for_each(|line| page.wrap(2, 4, Style::new(), line))
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
    if !assessment.warnings.is_empty() {
        writeln!(page.out)?;
    }
    for warning in &assessment.warnings {
        page.wrap(0, 2, Style::new(), &format!("note: {warning}"))?;
    }
    let (read, skipped) = (assessment.files.len(), assessment.skipped.len());
    let mut line = format!("{} read, {skipped} skipped", count(read, "file"));
    match assessment.unknown.len() {
        0 => {}
        rules => line += &format!(" · {} could not judge; --format json says what each needs", count(rules, "rule")),
    }
    writeln!(page.out)?;
    page.wrap(0, 0, FAINT, &line)
}
