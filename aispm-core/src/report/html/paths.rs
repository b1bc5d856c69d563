//! Attack paths: a list to choose from, and of each path its drawing, its steps with their evidence, and where it can be
//! cut. The script shows one at a time, on a stage with a panel beside it.

use std::io;

use super::drawing::Drawing;
use super::{Badge, Out, Safe, heading, left_out, places};
use crate::asset::AssetId;
use crate::path::{AttackPath, Consequence, Patch, PatchFormat};
use crate::report::{Report, certainty, count, loose_conditions, sources};

/// Paths in a page; more make browsers slow, and JSON has all.
const PATHS: usize = 100;

const LEGEND: &str = "<p class=\"legend\"><span><i class=\"entry\"></i>entry</span><span><i class=\"ai\"></i>AI</span>\
    <span><i class=\"identity\"></i>identity</span><span><i class=\"data\"></i>data</span>\
    <span><i class=\"other\"></i>other</span><span><i class=\"maybe\"></i>needs a condition</span></p>";

pub(super) fn write(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let paths = &report.assessment.paths;
    if paths.is_empty() {
        return Ok(());
    }
    heading(out, "paths", "Attack paths", "Worst first. The rank orders paths; it is no probability.")?;
    let shown = paths.get(..PATHS).unwrap_or(paths);
    let (map, drawn) = Drawing::of_paths(shown);
    writeln!(out, "<div class=\"explorer\"><nav class=\"choices\" aria-label=\"Attack paths\"><ol>")?;
    if drawn > 1 {
        let what = if drawn == paths.len() { "all".to_owned() } else { format!("the worst {drawn}") };
        writeln!(out, "<li><a href=\"#map\"><span class=\"title\">Map of {what} paths</span></a></li>")?;
    }
    for (n, path) in (1..).zip(shown) {
        choice(report, out, n, path)?;
    }
    writeln!(out, "</ol></nav><div class=\"panel\" id=\"panel\">")?;
    if drawn > 1 {
        let svg = map.svg(report, "Map of attack paths");
        writeln!(out, "<article class=\"path map\" id=\"map\" tabindex=\"-1\" aria-labelledby=\"map-h\">")?;
        writeln!(
            out,
            "<header><h3 id=\"map-h\">Where the paths meet</h3></header><div class=\"plot\">{svg}</div>{LEGEND}"
        )?;
        writeln!(out, "<p class=\"soft\">The number on an arrow is how many paths take it.</p>")?;
        meeting(report, out)?;
        fixes(report, out)?;
        writeln!(out, "</article>")?;
    }
    for (n, path) in (1..).zip(shown) {
        attack_path(report, out, n, path)?;
    }
    writeln!(out, "</div></div>")?;
    left_out(out, paths.len(), shown.len(), "path")?;
    writeln!(out, "</section>")
}

fn choice(report: &Report<'_>, out: Out<'_>, n: usize, path: &AttackPath) -> io::Result<()> {
    write!(
        out,
        "<li><a href=\"#p{n}\">{}<span class=\"title\">{}</span>",
        Badge(path.severity),
        Safe(&report.title(path))
    )?;
    let (ends, sure, steps) = (consequence(path.consequence), certainty(path.status), count(path.steps.len(), "step"));
    writeln!(out, "<span class=\"more\">{ends} · {sure} · {steps} · rank {:.0}</span></a></li>", path.risk)
}

fn attack_path(report: &Report<'_>, out: Out<'_>, n: usize, path: &AttackPath) -> io::Result<()> {
    let anchor = format!("p{n}");
    let title = report.title(path);
    writeln!(out, "<article class=\"path\" id=\"{anchor}\" tabindex=\"-1\" aria-labelledby=\"{anchor}-h\">")?;
    writeln!(out, "<header><h3 id=\"{anchor}-h\">{}</h3><p class=\"more\">{}", Safe(&title), Badge(path.severity))?;
    let (ends, sure) = (consequence(path.consequence), certainty(path.status));
    writeln!(out, " {ends} · {sure} · rank {:.0}</p></header>", path.risk)?;
    for condition in loose_conditions(path) {
        writeln!(out, "<p class=\"if\">if {}</p>", Safe(condition))?;
    }
    let svg = Drawing::of_path(path, &anchor).svg(report, &title);
    writeln!(out, "<div class=\"plot\">{svg}</div>")?;
    story(report, out, path, &anchor)?;
    cuts(out, path, &anchor)?;
    writeln!(out, "</article>")
}

/// The steps from top to bottom, each asset in its box between them, and what they end in.
fn story(report: &Report<'_>, out: Out<'_>, path: &AttackPath, anchor: &str) -> io::Result<()> {
    writeln!(out, "<h4>How it goes</h4><ol class=\"story\">")?;
    write!(out, "<li class=\"stop source\">")?;
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
            write!(out, "<p class=\"if\">if {}</p>", Safe(condition))?;
        }
        places(out, &step.evidence)?;
        if let Some((f, _)) = (1..).zip(&path.fixes).find(|(_, fix)| fix.step == n) {
            write!(out, "<a class=\"cut\" href=\"#{anchor}c{f}\">can be cut here</a>")?;
        }
        let target = if n == path.steps.len() { " target" } else { "" };
        write!(out, "</div></li>\n<li class=\"stop{target}\">")?;
        stop(report, out, &step.to)?;
        writeln!(out, "</li>")?;
        here = &step.to;
    }
    writeln!(out, "<li class=\"ends\">Ends in {}</li></ol>", path.consequence.words())
}

fn stop(report: &Report<'_>, out: Out<'_>, id: &AssetId) -> io::Result<()> {
    let (kind, name) = (report.kind(id).as_str().replace('-', " "), report.name(id));
    write!(out, "<b title=\"{}\">{}</b> <span class=\"soft\">{kind}</span>", Safe(id.as_str()), Safe(name))
}

/// Where the path can be cut, easiest first, with patches to review.
fn cuts(out: Out<'_>, path: &AttackPath, anchor: &str) -> io::Result<()> {
    if path.fixes.is_empty() {
        return Ok(());
    }
    writeln!(out, "<h4>Where it can be cut</h4><p class=\"soft\">Any one of these makes this path vanish.</p>")?;
    writeln!(out, "<ol class=\"cuts\">")?;
    for (n, fix) in (1..).zip(&path.fixes) {
        let (action, step) = (Safe(&fix.action), fix.step);
        write!(
            out,
            "<li id=\"{anchor}c{n}\" tabindex=\"-1\"><p>{action} <a href=\"#{anchor}s{step}\">step {step}</a></p>"
        )?;
        places(out, &fix.evidence)?;
        fix.patch.as_ref().map_or(Ok(()), |it| patch(out, it))?;
        writeln!(out, "</li>")?;
    }
    writeln!(out, "</ol>")
}

fn patch(out: Out<'_>, patch: &Patch) -> io::Result<()> {
    let (format, title) = (patch.format.as_str(), Safe(&patch.title));
    write!(out, "<details class=\"patch\"><summary>{title} <span class=\"soft\">{format}</span></summary>")?;
    write!(out, "<pre tabindex=\"0\" aria-label=\"{title}\">")?;
    for line in patch.text.lines() {
        let tag = match line {
            line if line.starts_with("--- ") || line.starts_with("+++ ") => "span",
            line if line.starts_with('+') => "ins",
            line if line.starts_with('-') && patch.format == PatchFormat::AwsPolicy => "del",
            _ => "span",
        };
        writeln!(out, "<{tag}>{}</{tag}>", Safe(line))?;
    }
    write!(out, "</pre></details>")
}

fn meeting(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let points = report.choke_points();
    if points.is_empty() { Ok(()) } else { writeln!(out, "<p>Most paths meet at {}.</p>", Safe(&points)) }
}

/// The changes that cut all paths together.
fn fixes(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let fixes = &report.assessment.fixes;
    if fixes.is_empty() {
        return Ok(());
    }
    let all = count(report.assessment.paths.len(), "path");
    writeln!(out, "<h4>What cuts them all</h4><ol class=\"cuts\">")?;
    for fix in fixes {
        write!(out, "<li><p>{} <span class=\"soft\">cuts {} of {all}</span></p>", Safe(&fix.action), fix.paths_cut)?;
        places(out, &fix.evidence)?;
        writeln!(out, "</li>")?;
    }
    writeln!(out, "</ol>")
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
