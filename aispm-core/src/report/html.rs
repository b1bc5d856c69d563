//! One self-contained page: no request leaves it, and its content security policy allows none.
//!
//! Styles and the script are constants named in the policy by their SHA-256, so nothing from the input can run even
//! if it escaped; the page holds no data inside the script. All of it is readable without the script.

use std::fmt;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::drawing::Drawing;
use super::{Group, Report, certainty, count, escape, loose_conditions, sources};
use crate::asset::{Asset, AssetId, Authentication, Evidence, Exposure};
use crate::path::{AttackPath, Consequence, PatchFormat, PathStatus};

const PAGE: &str = include_str!("../../data/report/page.html");
const STYLE: &str = include_str!("../../data/report/page.css");
const SCRIPT: &str = include_str!("../../data/report/page.js");

/// What a page shows at most of each; browsers get slow, and JSON has all.
const PATHS: usize = 200;
const HITS: usize = 50;
const ASSETS: usize = 2000;
/// Paths and findings that are open when the page is.
const OPEN: usize = 3;

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    // walks the page rather than replacing in it, so that no text from the input is taken for a placeholder
    for part in PAGE.split("{{") {
        let (name, rest) = part.split_once("}}").unwrap_or(("", part));
        match name {
            "policy" => write!(
                out,
                "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
                hash(STYLE),
                hash(SCRIPT)
            )?,
            "style" => out.write_all(STYLE.as_bytes())?,
            "script" => out.write_all(SCRIPT.as_bytes())?,
            "body" => body(report, out)?,
            _ => {}
        }
        out.write_all(rest.as_bytes())?;
    }
    out.flush()
}

/// A source expression of a content security policy.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

/// Text from the input, escaped where it is written.
pub(super) struct Safe<'a>(pub(super) &'a str);

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape::html(self.0))
    }
}

fn body(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    header(report, out)?;
    paths(report, out)?;
    fixes(report, out)?;
    findings(report, out)?;
    inventory(report, out)?;
    skipped(report, out)?;
    writeln!(out, "<footer>aispm {}</footer>", env!("CARGO_PKG_VERSION"))
}

fn header(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let assessment = report.assessment;
    let read = count(assessment.files.len(), "file");
    writeln!(out, "<h1>AI security posture</h1>\n<p>{read} read, {} skipped</p>", assessment.skipped.len())?;
    writeln!(out, "<div class=\"tiles\">")?;
    let confirmed = assessment.paths.iter().filter(|path| path.status == PathStatus::Confirmed).count();
    let tile = |out: &mut dyn Write, class: &str, n: usize, text: &str| {
        writeln!(out, "<div class=\"tile{class}\"><b>{n}</b><span>{text}</span></div>")
    };
    tile(out, "", report.ai_assets(), &format!("AI assets, of {} in all", assessment.inventory.len()))?;
    tile(out, "", assessment.paths.len(), &format!("attack paths, {confirmed} confirmed"))?;
    write!(out, "<div class=\"tile\"><b>{}</b><span>findings</span><div class=\"counts\">", assessment.findings.len())?;
    for (severity, n) in report.severities() {
        write!(out, "<span class=\"{severity}\">{n} {severity}</span>")?;
    }
    writeln!(out, "</div></div>")?;
    if !assessment.incomplete.is_empty() {
        tile(out, " alarm", assessment.incomplete.len(), "inputs not read: incomplete")?;
    }
    writeln!(out, "</div>")?;
    if !assessment.incomplete.is_empty() {
        write!(out, "<div class=\"notice\" role=\"alert\"><b class=\"critical\">Incomplete.</b> ")?;
        writeln!(out, "What stands in these inputs is not covered by this report:<ul>")?;
        for unread in &assessment.incomplete {
            let critical = if unread.critical { " <b>(identity or AI input)</b>" } else { "" };
            let (path, reason) = (Safe(&unread.path), Safe(&unread.reason));
            writeln!(out, "<li><code>{path}</code>: {reason}{critical}</li>")?;
        }
        writeln!(out, "</ul></div>")?;
    }
    Ok(())
}

fn paths(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let paths = &report.assessment.paths;
    if paths.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<h2 id=\"paths\">Attack paths <small>worst first; the risk rank orders paths, it is no probability\
         </small></h2>"
    )?;
    let shown = paths.get(..PATHS).unwrap_or(paths);
    let (map, drawn) = Drawing::of_paths(shown);
    if drawn > 1 {
        let svg = map.svg(report, "map of attack paths");
        let what =
            if drawn == paths.len() { "All".to_owned() } else { format!("The worst {drawn} of {}", paths.len()) };
        writeln!(
            out,
            "<div class=\"card\"><p class=\"soft\">{what} paths in one map; the number on an arrow is how many take it.\
             </p>"
        )?;
        write!(out, "<label class=\"pick\" hidden>Show <select><option value=\"\">all</option>")?;
        for (n, path) in (1..).zip(shown.iter().take(drawn)) {
            write!(out, "<option value=\"p{n}\">{}</option>", Safe(&report.title(path)))?;
        }
        writeln!(out, "</select></label><div class=\"scroll map\">{svg}</div>{LEGEND}</div>")?;
    }
    for (n, path) in shown.iter().enumerate() {
        attack_path(report, out, n, path)?;
    }
    left_out(out, paths.len(), shown.len(), "path")
}

const LEGEND: &str = "<p class=\"legend\"><span><i class=\"entry\"></i>entry</span><span><i class=\"ai\"></i>AI</span>\
    <span><i class=\"identity\"></i>identity</span><span><i class=\"data\"></i>data</span>\
    <span><i class=\"other\"></i>other</span></p>";

fn attack_path(report: &Report<'_>, out: &mut dyn Write, n: usize, path: &AttackPath) -> io::Result<()> {
    let anchor = format!("p{}", n + 1);
    let title = report.title(path);
    let open = if n < OPEN { " open" } else { "" };
    writeln!(
        out,
        "<details class=\"path\" id=\"{anchor}\"{open}><summary><span class=\"badge {0}\">{0}</span>\
         <span class=\"title\">{1}</span><span class=\"more\">{2} · {3} · risk rank {4:.0}</span></summary>\
         <div class=\"inside\">",
        path.severity,
        Safe(&title),
        consequence(path.consequence),
        certainty(path.status),
        path.risk
    )?;
    for condition in loose_conditions(path) {
        writeln!(out, "<p class=\"medium\">if {}</p>", Safe(condition))?;
    }
    let svg = Drawing::of_path(path, &anchor).svg(report, &title);
    writeln!(out, "<div class=\"scroll\">{svg}</div>")?;
    story(report, out, path, &anchor)?;
    cuts(out, path, &anchor)?;
    writeln!(out, "</div></details>")
}

/// The steps from top to bottom, each asset in its box between them, and what they end in.
fn story(report: &Report<'_>, out: &mut dyn Write, path: &AttackPath, anchor: &str) -> io::Result<()> {
    write!(out, "<p class=\"walk\" hidden><button type=\"button\" value=\"-1\">‹ back</button>")?;
    writeln!(out, "<button type=\"button\" value=\"1\">step ›</button><span role=\"status\"></span></p>")?;
    writeln!(out, "<ol class=\"story\">")?;
    write!(out, "<li class=\"stop source\"><span class=\"soft\">starts at</span> ")?;
    stop(report, out, &path.source)?;
    writeln!(out, "</li>")?;
    let mut here = &path.source;
    for (n, step) in (1..).zip(&path.steps) {
        write!(out, "<li class=\"step\" id=\"{anchor}s{n}\" tabindex=\"-1\"><b class=\"number\">{n}</b><div>")?;
        write!(out, "<p>{} <code>{}</code></p>", Safe(&step.description), Safe(&step.technique))?;
        let from = sources(step);
        if !matches!(from, [one] if one == here) {
            let names: Vec<String> = from.iter().map(|id| Safe(report.name(id)).to_string()).collect();
            write!(out, "<p class=\"soft\">from {}</p>", names.join(" and "))?;
        }
        for condition in &step.conditions {
            write!(out, "<p class=\"medium\">if {}</p>", Safe(condition))?;
        }
        places(out, &step.evidence)?;
        for (f, _) in path.fixes.iter().enumerate().filter(|(_, fix)| fix.step == n).take(1) {
            write!(out, "<a class=\"cut\" href=\"#{anchor}c{}\">can be cut here</a>", f + 1)?;
        }
        let target = if n == path.steps.len() { " target" } else { "" };
        write!(out, "</div></li>\n<li class=\"stop{target}\">")?;
        stop(report, out, &step.to)?;
        writeln!(out, "</li>")?;
        here = &step.to;
    }
    writeln!(out, "<li class=\"ends\">Ends in <b>{}</b></li></ol>", path.consequence.words())
}

fn stop(report: &Report<'_>, out: &mut dyn Write, id: &AssetId) -> io::Result<()> {
    let (kind, name) = (report.kind(id).as_str().replace('-', " "), report.name(id));
    write!(out, "<b title=\"{}\">{}</b> <span class=\"soft\">{kind}</span>", Safe(id.as_str()), Safe(name))
}

/// Where the path can be cut, easiest first, with patches to review.
fn cuts(out: &mut dyn Write, path: &AttackPath, anchor: &str) -> io::Result<()> {
    if path.fixes.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<h3>Where it can be cut <small>any one of these makes this path vanish</small></h3><ul class=\"cuts\">"
    )?;
    for (n, fix) in (1..).zip(&path.fixes) {
        let (action, step) = (Safe(&fix.action), fix.step);
        write!(out, "<li id=\"{anchor}c{n}\"><a href=\"#{anchor}s{step}\">step {step}</a> <b>{action}</b>")?;
        places(out, &fix.evidence)?;
        if let Some(patch) = &fix.patch {
            let (format, title) = (patch.format.as_str(), Safe(&patch.title));
            write!(
                out,
                "<details class=\"patch\"><summary>{title} <span class=\"soft\">{format}</span></summary><pre>"
            )?;
            for line in patch.text.lines() {
                let tag = match line {
                    line if line.starts_with("--- ") || line.starts_with("+++ ") => "span",
                    line if line.starts_with('+') => "ins",
                    line if line.starts_with('-') && patch.format == PatchFormat::AwsPolicy => "del",
                    _ => "span",
                };
                writeln!(out, "<{tag}>{}</{tag}>", Safe(line))?;
            }
            write!(out, "</pre></details>")?;
        }
        writeln!(out, "</li>")?;
    }
    writeln!(out, "</ul>")
}

fn consequence(consequence: Consequence) -> &'static str {
    match consequence {
        Consequence::Poisoning => "poisoning",
        Consequence::Misuse => "misuse",
        Consequence::Extraction => "extraction",
        Consequence::DataLeak => "data leak",
        Consequence::DenialOfWallet => "denial of wallet",
        Consequence::Takeover => "takeover",
    }
}

fn fixes(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let fixes = &report.assessment.fixes;
    if fixes.is_empty() {
        return Ok(());
    }
    let all = count(report.assessment.paths.len(), "path");
    writeln!(out, "<h2 id=\"fixes\">Fix first</h2>\n<div class=\"card\"><ol class=\"fixes\">")?;
    for fix in fixes {
        let (cut, action) = (fix.paths_cut, Safe(&fix.action));
        write!(out, "<li><span class=\"cuts\">cuts {cut} of {all}</span><span>{action}")?;
        places(out, &fix.evidence)?;
        writeln!(out, "</span></li>")?;
    }
    writeln!(out, "</ol></div>")?;
    let points = report.choke_points();
    if points.is_empty() {
        Ok(())
    } else {
        writeln!(out, "<p class=\"soft\">Most paths meet at {}.</p>", Safe(&points))
    }
}

fn findings(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let groups = report.groups();
    writeln!(out, "<h2 id=\"findings\">Findings <small>worst first, one entry a rule</small></h2>")?;
    if groups.is_empty() {
        return writeln!(out, "<p class=\"soft\">None.</p>");
    }
    write!(out, "<div class=\"filters\" hidden>")?;
    for (severity, n) in report.severities() {
        write!(out, "<button class=\"{severity}\" value=\"{severity}\" aria-pressed=\"true\">{severity} {n}</button>")?;
    }
    writeln!(out, "<input type=\"search\" placeholder=\"Filter\" aria-label=\"Filter findings\"></div>")?;
    for (n, group) in groups.iter().enumerate() {
        finding_group(report, out, group, n < OPEN)?;
    }
    writeln!(out, "<p class=\"soft no-match\" hidden>No finding matches.</p>")
}

fn finding_group(report: &Report<'_>, out: &mut dyn Write, group: &Group<'_>, open: bool) -> io::Result<()> {
    let first = group.first;
    writeln!(
        out,
        "<details data-severity=\"{0}\"{4}><summary><span class=\"badge {0}\">{0}</span><span class=\"title\">{1}</span>\
         <span class=\"more\">{2} · {3}</span></summary><div class=\"inside\">",
        first.severity,
        Safe(&first.title),
        Safe(&first.rule),
        count(group.findings.len(), "finding"),
        if open { " open" } else { "" }
    )?;
    let why = report.why(&first.rule);
    if !why.is_empty() {
        writeln!(out, "<p>{}</p>", Safe(why))?;
    }
    for finding in group.findings.iter().take(HITS) {
        let (name, id) = (Safe(report.name(&finding.asset)), Safe(finding.asset.as_str()));
        write!(out, "<div class=\"hit\"><b title=\"{id}\">{name}</b> ")?;
        write!(out, "<span class=\"soft\">{}</span><p>{}</p>", report.kind(&finding.asset), Safe(&finding.message))?;
        places(out, report.evidence(finding))?;
        if group.shared_fix().is_none() && !finding.fix.is_empty() {
            write!(out, "<p class=\"fix\">{}</p>", Safe(&finding.fix))?;
        }
        writeln!(out, "</div>")?;
    }
    left_out(out, group.findings.len(), HITS, "finding")?;
    if let Some(fix) = group.shared_fix().filter(|fix| !fix.is_empty()) {
        writeln!(out, "<p class=\"fix\">{}</p>", Safe(fix))?;
    }
    for control in &first.controls {
        write!(out, "<span class=\"tag\">{} {}</span>", Safe(&control.framework), Safe(&control.id))?;
    }
    writeln!(out, "</div></details>")
}

fn inventory(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let inventory = &report.assessment.inventory;
    let ai = report.ai_assets();
    let rest = count(inventory.len() - ai, "more asset");
    writeln!(out, "<h2 id=\"inventory\">AI inventory <small>{rest} give context</small></h2>")?;
    if ai == 0 {
        return writeln!(out, "<p class=\"soft\">No AI assets.</p>");
    }
    write!(out, "<div class=\"card scroll\"><table class=\"inventory\"><thead><tr><th>Name</th><th>Kind</th>")?;
    writeln!(out, "<th>Exposure</th><th>Callers</th><th>Data</th><th>Owner</th><th>Seen</th></tr></thead><tbody>")?;
    for asset in inventory.assets().filter(|asset| asset.ai).take(ASSETS) {
        asset_row(out, asset)?;
    }
    writeln!(out, "</tbody></table></div>")?;
    left_out(out, ai, ASSETS, "asset")
}

fn asset_row(out: &mut dyn Write, asset: &Asset) -> io::Result<()> {
    let Asset { id, kind, name, .. } = asset;
    let exposure = asset.exposure.map_or("", |exposure| exposure.as_str());
    let callers = match asset.authentication {
        Some(Authentication::None) => "anyone",
        other => other.map_or("", |authentication| authentication.as_str()),
    };
    let class = match (asset.exposure, asset.authentication) {
        (Some(Exposure::Public), Some(Authentication::None)) => "critical",
        (Some(Exposure::Public), _) => "high",
        _ => "",
    };
    let data = asset.data_classes.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let name = if name.is_empty() { id.as_str() } else { name };
    write!(out, "<tr><td title=\"{}\">{}</td><td>{kind}</td>", Safe(id.as_str()), Safe(name))?;
    write!(out, "<td class=\"{class}\">{exposure}</td><td class=\"{class}\">{callers}</td>")?;
    write!(out, "<td>{}</td><td>{}</td><td>", Safe(&data), Safe(asset.owner.as_deref().unwrap_or_default()))?;
    places(out, asset.evidence.get(..1).unwrap_or_default())?;
    writeln!(out, "</td></tr>")
}

fn skipped(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let skipped = &report.assessment.skipped;
    if skipped.is_empty() {
        return Ok(());
    }
    let files = count(skipped.len(), "file");
    writeln!(
        out,
        "<h2 id=\"skipped\">Skipped</h2>\n<details><summary><span>{files} of no known format</span></summary>"
    )?;
    writeln!(out, "<div class=\"inside\">")?;
    for unread in skipped.iter().take(ASSETS) {
        writeln!(out, "<span class=\"place\">{}: {}</span>", Safe(&unread.path), Safe(&unread.reason))?;
    }
    left_out(out, skipped.len(), ASSETS, "file")?;
    writeln!(out, "</div></details>")
}

fn places(out: &mut dyn Write, evidence: &[Evidence]) -> io::Result<()> {
    for evidence in evidence {
        let excerpt = Safe(evidence.excerpt.as_deref().unwrap_or_default());
        write!(out, "<span class=\"place\" title=\"{excerpt}\">{}</span>", Safe(&evidence.location()))?;
    }
    Ok(())
}

/// Says what a page leaves out.
fn left_out(out: &mut dyn Write, all: usize, shown: usize, what: &str) -> io::Result<()> {
    match all.checked_sub(shown) {
        Some(more @ 1..) => {
            writeln!(out, "<p class=\"soft\">… and {}; the JSON has all.</p>", count(more, &format!("more {what}")))
        }
        _ => Ok(()),
    }
}
