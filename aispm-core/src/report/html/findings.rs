//! Findings: the controls and the empty table that the script fills, and without it the worst of each rule.

use std::io;

use super::{Badge, Out, Safe, heading, places};
use crate::asset::Finding;
use crate::report::{Group, Report, count};

/// Findings written out of one rule, and in all, for those who read without the script.
const HITS: (usize, usize) = (20, 300);

pub(super) fn write(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let assessment = report.assessment;
    if assessment.findings.is_empty() && assessment.coverage.is_empty() {
        return Ok(());
    }
    heading(out, "findings", "Findings", "")?;
    if assessment.findings.is_empty() {
        return writeln!(out, "<p>None.</p></section>");
    }
    table(report, out)?;
    writeln!(out, "<div class=\"static\">")?;
    let mut left = HITS.1;
    for group in report.groups() {
        let shown = group.findings.len().min(HITS.0).min(left);
        left -= shown;
        self::group(report, out, &group, shown)?;
    }
    writeln!(out, "</div></section>")
}

/// What the script works on.
fn table(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    write!(out, "<form class=\"filters dynamic\" role=\"search\" aria-label=\"Filter findings\">")?;
    write!(out, "<label class=\"field grow\"><span>Search</span><input type=\"search\" name=\"text\" ")?;
    writeln!(out, "placeholder=\"words, ids, files\" autocomplete=\"off\"></label>")?;
    for (name, label) in
        [("rule", "Rule"), ("owner", "Owner"), ("kind", "Kind"), ("framework", "Framework"), ("system", "System")]
    {
        write!(
            out,
            "<label class=\"field\" hidden><span>{label}</span><select name=\"{name}\"><option value=\"\">any</option>"
        )?;
        writeln!(out, "</select></label>")?;
    }
    write!(out, "<fieldset><legend>Severity</legend>")?;
    for (severity, n) in report.severities() {
        write!(
            out,
            "<label class=\"chip {severity}\"><input type=\"checkbox\" name=\"severity\" value=\"{severity}\" checked>"
        )?;
        write!(out, "{severity} {n}</label>")?;
    }
    write!(out, "</fieldset><label class=\"chip\" hidden><input type=\"checkbox\" name=\"new\">new only</label>")?;
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

fn group(report: &Report<'_>, out: Out<'_>, group: &Group<'_>, shown: usize) -> io::Result<()> {
    let first = group.first;
    let (title, rule, n) = (Safe(&first.title), Safe(&first.rule), count(group.findings.len(), "finding"));
    write!(out, "<details open><summary>{}<span class=\"title\">{title}</span>", Badge(first.severity))?;
    writeln!(out, "<span class=\"more\">{rule} · {n}</span></summary><div class=\"inside\">")?;
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
