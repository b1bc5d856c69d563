//! Findings: the controls and the empty table that the script fills, and without it the worst of each rule.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io;

use super::{Badge, Listed, Out, Safe, heading, listed, places};
use crate::asset::{Finding, Severity};
use crate::report::{Group, Report, count};

/// Findings written out of one rule, and in all, for those who read without the script.
const HITS: (usize, usize) = (20, 300);

/// What findings can be chosen by.
const SELECTS: [(&str, &str); 6] = [
    ("state", "State"),
    ("rule", "Rule"),
    ("owner", "Owner"),
    ("kind", "Kind"),
    ("framework", "Framework"),
    ("system", "System"),
];

pub(super) fn write(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let mut groups = BTreeMap::<_, Vec<&Finding>>::new();
    for Listed { finding, waiver, .. } in listed(report) {
        let key = (waiver.is_some(), Reverse(finding.severity), finding.rule.as_str());
        groups.entry(key).or_default().push(finding);
    }
    if groups.is_empty() && report.assessment.coverage.is_empty() {
        return Ok(());
    }
    heading(out, "findings", "Findings", "")?;
    if groups.is_empty() {
        return writeln!(out, "<p>None.</p></section>");
    }
    table(out)?;
    writeln!(out, "<div class=\"static\">")?;
    let mut left = HITS.1;
    for ((is_waived, ..), findings) in groups {
        let shown = findings.len().min(HITS.0).min(left);
        left -= shown;
        if let Some(group) = Group::new(findings) {
            self::group(report, out, &group, shown, is_waived)?;
        }
    }
    writeln!(out, "</div></section>")
}

/// What the script works on.
fn table(out: Out<'_>) -> io::Result<()> {
    write!(out, "<form class=\"filters dynamic\" role=\"search\" aria-label=\"Filter findings\">")?;
    write!(out, "<label class=\"field grow\"><span>Search</span><input type=\"search\" name=\"text\" ")?;
    writeln!(out, "placeholder=\"words, ids, files\" autocomplete=\"off\"></label>")?;
    for (name, label) in SELECTS {
        write!(out, "<label class=\"field\" hidden><span>{label}</span><select name=\"{name}\">")?;
        writeln!(out, "<option value=\"\">any</option></select></label>")?;
    }
    write!(out, "<fieldset><legend>Severity</legend>")?;
    for severity in Severity::ALL.iter().rev() {
        write!(out, "<label class=\"chip {severity}\"><input type=\"checkbox\" name=\"severity\" ")?;
        write!(out, "value=\"{severity}\" checked>{severity}</label>")?;
    }
    write!(out, "</fieldset>")?;
    write!(out, "<label class=\"chip\" hidden><input type=\"checkbox\" name=\"control\"><span></span></label>")?;
    writeln!(out, "<button type=\"reset\">Clear</button></form>")?;
    writeln!(out, "<p class=\"count dynamic\" role=\"status\"></p><table class=\"findings dynamic\"><thead><tr>")?;
    for (key, label) in
        [("severity", "Severity"), ("title", "Finding"), ("asset", "Asset"), ("owner", "Owner"), ("rule", "Rule")]
    {
        let sort = if key == "severity" { " aria-sort=\"descending\"" } else { "" };
        write!(out, "<th scope=\"col\"{sort}><button type=\"button\" value=\"{key}\">{label}</button></th>")?;
    }
    writeln!(
        out,
        "</tr></thead><tbody></tbody></table><nav class=\"pages dynamic\" aria-label=\"Pages of findings\">"
    )?;
    write!(out, "<button type=\"button\" value=\"-1\">‹ Previous</button><span></span>")?;
    writeln!(out, "<button type=\"button\" value=\"1\">Next ›</button></nav>")
}

fn group(report: &Report<'_>, out: Out<'_>, group: &Group<'_>, shown: usize, is_waived: bool) -> io::Result<()> {
    let first = group.first;
    let (title, rule, n) = (Safe(&first.title), Safe(&first.rule), count(group.findings.len(), "finding"));
    write!(out, "<details open><summary>{}<span class=\"title\">{title}</span>", Badge(first.severity))?;
    let waived = if is_waived { ", waived" } else { "" };
    writeln!(out, "<span class=\"more\">{rule} · {n}{waived}</span></summary><div class=\"inside\">")?;
    let why = report.why(&first.rule);
    if !why.is_empty() {
        writeln!(out, "<p>{}</p>", Safe(why))?;
    }
    for finding in group.findings.iter().take(shown) {
        hit(report, out, finding, group.shared_fix().is_none())?;
    }
    super::left_out(out, group.findings.len(), shown, "finding")?;
    if let Some(fix) = group.shared_fix().filter(|fix| !fix.is_empty()) {
        writeln!(out, "<p class=\"fix\">{}</p>", Safe(fix))?;
    }
    for control in &first.controls {
        write!(out, "<span class=\"tag\">{} {}</span> ", Safe(&control.framework), Safe(&control.id))?;
    }
    writeln!(out, "</div></details>")
}

fn hit(report: &Report<'_>, out: Out<'_>, finding: &Finding, own_fix: bool) -> io::Result<()> {
    let (name, id) = (Safe(report.name(&finding.asset)), Safe(finding.asset.as_str()));
    write!(out, "<div class=\"hit\"><b title=\"{id}\">{name}</b> ")?;
    write!(out, "<span class=\"soft\">{}</span><p>{}</p>", report.kind(&finding.asset), Safe(&finding.message))?;
    places(out, report.evidence(finding))?;
    if own_fix && !finding.fix.is_empty() {
        write!(out, "<p class=\"fix\">{}</p>", Safe(&finding.fix))?;
    }
    writeln!(out, "</div>")
}
