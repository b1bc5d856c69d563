//! A comment on a pull request: the verdict, what is new, what to do, and the rest folded away. It starts with a comment
//! by which a script finds the one to update, and stays below what GitHub takes, saying what it leaves out.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::escape::{markdown, markdown_code as code};
use super::{Report, State, certainty, chain, count, reference};
use crate::assess::Outcome;
use crate::asset::{Evidence, Finding};
use crate::path::AttackPath;
use crate::policy::controls::ControlStatus;

/// GitHub takes 65,536 characters; a byte is never more than a character. The rest is for what is said at the end.
const LIMIT: usize = 60_000;
/// What each part may fill, so that the next ones get a word in.
const PART: usize = 20_000;
/// The longest text of a cell, in code points.
const CELL: usize = 400;
/// Findings of the table that stay unfolded.
const SHOWN: usize = 10;

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page { text: String::from("<!-- aispm -->\n"), left_out: false };
    headline(report, &mut page);
    let of = |name: &str| -> Vec<(&Finding, State<'_>)> {
        report.told().filter(|(_, state)| state.as_str() == name).collect()
    };
    unread(report, &mut page);
    let new: Vec<_> = report.told().filter(|(_, state)| state.is_alert()).collect();
    let (shown, more) = new.split_at(new.len().min(SHOWN));
    page.part(None, TABLE, shown.iter().map(|told| row(report, told)));
    page.part(Some(count(more.len(), "more finding")), TABLE, more.iter().map(|told| row(report, told)));
    page.part(Some("How to fix".to_owned()), "", fixes(report, &new).into_iter());
    let paths = &report.assessment.paths;
    let title = count(paths.len(), "attack path");
    page.part(Some(title), "", paths.iter().enumerate().map(|(n, path)| attack_path(report, n + 1, path)));
    let known = of("known");
    let title = format!("{} since the baseline", count(known.len(), "known finding"));
    page.part(Some(title), TABLE, known.iter().map(|told| row(report, told)));
    let waived = of("waived");
    page.part(Some(count(waived.len(), "waived finding")), TABLE, waived.iter().map(|told| row(report, told)));
    let resolved = of("resolved");
    let title = format!("{} since the baseline", count(resolved.len(), "resolved finding"));
    page.part(Some(title), TABLE, resolved.iter().map(|told| row(report, told)));
    controls(report, &mut page);
    if page.left_out {
        page.text.push_str("\nShortened to fit a comment; `--format json` or `html` has everything.\n");
    }
    out.write_all(page.text.as_bytes())?;
    out.flush()
}

const TABLE: &str = "| Severity | Finding | Asset | Place |\n|---|---|---|---|\n";

fn headline(report: &Report<'_>, page: &mut Page) {
    let assessment = report.assessment;
    let verdict = match report.gate.map(|gate| gate.judge(assessment)) {
        None => "",
        Some(Outcome::Passed) => ": passes",
        Some(Outcome::Failed) => ": fails",
        Some(Outcome::Unreliable) => ": does not pass, input is missing",
    };
    page.text += &format!("## AI security posture{verdict}\n\n");
    let mut parts = Vec::new();
    if let Some(gate) = report.gate {
        let new = if assessment.baseline.is_some() { "new " } else { "" };
        let failing = count(gate.failing(assessment).count(), &format!("{new}finding"));
        parts.push(format!("**{failing} at or above {}**", gate.fail_on));
    }
    let found: Vec<String> = report.severities().iter().map(|(severity, n)| format!("{n} {severity}")).collect();
    let found = if found.is_empty() { String::new() } else { format!(" ({})", found.join(", ")) };
    match &assessment.baseline {
        None => parts.push(format!("{}{found}", count(assessment.findings.len(), "finding"))),
        Some(told) => parts.push(format!(
            "{} new{found}, {} known, {} resolved",
            assessment.findings.len(),
            told.known.len(),
            told.resolved.len()
        )),
    }
    let new = assessment.baseline.as_ref().map(|told| format!(" ({} new)", told.new_paths.len())).unwrap_or_default();
    parts.extend((!assessment.waived.is_empty()).then(|| format!("{} waived", assessment.waived.len())));
    parts.push(format!("{}{new}", count(assessment.paths.len(), "attack path")));
    parts.push(format!("{} ({} AI)", count(assessment.inventory.len(), "asset"), report.ai_assets()));
    page.text += &format!("{}\n\n", parts.join(" · "));
}

fn unread(report: &Report<'_>, page: &mut Page) {
    let rows = report.assessment.incomplete.iter().map(|unread| {
        let matters = if unread.critical { " (identity or AI input)" } else { "" };
        format!("- {}{matters}: {}\n", code(&cut(&unread.path)), markdown(&cut(&unread.reason)))
    });
    page.part(None, "Not read, so nothing is said of it:\n\n", rows);
    let rows = report.assessment.warnings.iter().map(|warning| format!("- {}\n", markdown(&cut(warning))));
    page.part(None, "Note:\n\n", rows);
}

fn row(report: &Report<'_>, (finding, state): &(&Finding, State<'_>)) -> String {
    let place = report.evidence(finding).first().map(Evidence::location).unwrap_or_default();
    let owner = finding.owner.as_ref().map(|owner| format!("<br>owner {}", markdown(&cut(owner)))).unwrap_or_default();
    let waiver = state.waiver().map(|waiver| format!("<br>{}", markdown(&cut(&waiver)))).unwrap_or_default();
    format!(
        "| {} | **{}** {}<br>{}{waiver} | {}{owner} | {} |\n",
        finding.severity,
        markdown(&cut(&finding.rule)),
        markdown(&cut(&finding.title)),
        markdown(&cut(&finding.message)),
        markdown(&cut(report.name(&finding.asset))),
        code(&cut(&place))
    )
}

/// What to do, each said once with the rules that say it.
fn fixes(report: &Report<'_>, findings: &[(&Finding, State<'_>)]) -> Vec<String> {
    let mut fixes = BTreeMap::<(&str, &str), ()>::new();
    findings.iter().filter(|(finding, _)| !finding.fix.is_empty()).for_each(|(finding, _)| {
        fixes.insert((&finding.rule, &finding.fix), ());
    });
    let rules = fixes.keys().map(|(rule, fix)| format!("- **{}** {}\n", markdown(&cut(rule)), markdown(&cut(fix))));
    let paths = report.assessment.fixes.iter().map(|fix| {
        let all = count(report.assessment.paths.len(), "attack path");
        format!("- {} (cuts {} of {all})\n", markdown(&cut(&fix.action)), fix.paths_cut)
    });
    paths.chain(rules).collect()
}

fn attack_path(report: &Report<'_>, n: usize, path: &AttackPath) -> String {
    let new = if report.path_state(path) == State::New { ", new" } else { "" };
    let mut text = format!(
        "{n}. **{}** ({}, {}{new}, ends in {})\n",
        markdown(&cut(&report.title(path))),
        path.severity,
        certainty(path.status),
        path.consequence.words()
    );
    text += &format!("   - {}\n", markdown(&cut(&report.names(&chain(path)).join(" → "))));
    for condition in &path.conditions {
        text += &format!("   - if {}\n", markdown(&cut(condition)));
    }
    if let Some(fix) = path.fixes.first() {
        let place =
            fix.evidence.first().map(|place| format!(", {}", code(&cut(&place.location())))).unwrap_or_default();
        text += &format!("   - cut it: {}{place}\n", markdown(&cut(&fix.action)));
    }
    text
}

fn controls(report: &Report<'_>, page: &mut Page) {
    let rows = report.assessment.coverage.iter().map(|coverage| {
        let count = |status| coverage.with(status).count();
        format!(
            "| {} | {} | {} | {} | {} |\n",
            markdown(&cut(reference::framework_name(&coverage.framework))),
            count(ControlStatus::Failed),
            count(ControlStatus::Passed),
            count(ControlStatus::NoEvidence),
            count(ControlStatus::NotApplicable)
        )
    });
    let head = "| Framework | Failed | Nothing found | No evidence | Not applicable |\n|---|---|---|---|---|\n";
    page.part(Some("Controls".to_owned()), head, rows);
}

/// A text that grows up to its limit.
struct Page {
    text: String,
    left_out: bool,
}

impl Page {
    /// Adds rows below a head, folded if they have a title. Rows that do not fit are counted.
    fn part(&mut self, title: Option<String>, head: &str, rows: impl ExactSizeIterator<Item = String>) {
        let all = rows.len();
        if all == 0 {
            return;
        }
        if let Some(title) = &title {
            self.text += &format!("<details><summary>{title}</summary>\n\n");
        }
        self.text += head;
        let end = LIMIT.min(self.text.len() + PART);
        let mut told = 0;
        for row in rows {
            if self.text.len() + row.len() > end {
                break;
            }
            self.text += &row;
            told += 1;
        }
        if told < all {
            self.left_out = true;
            self.text += &format!("\n… and {} more\n", all - told);
        }
        self.text += if title.is_some() { "\n</details>\n\n" } else { "\n" };
    }
}

/// Cut to what a cell may hold.
fn cut(text: &str) -> String {
    match text.char_indices().nth(CELL) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
