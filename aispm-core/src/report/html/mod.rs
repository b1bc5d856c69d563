//! One self-contained page: no request leaves it, and its content security policy allows none.
//!
//! Styles and script are constants named in the policy by their SHA-256, so nothing from the input can run even if it
//! escaped. The page is written out and can be read without the script; with it, attack paths are drawn on a stage
//! beside their steps, and all findings stand in a table that is made of a JSON block (`data`).

use std::fmt;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::state::State;
use super::{Report, count, escape};
use crate::asset::{Evidence, Finding, Severity, Waiver};

mod bar;
mod changes;
mod coverage;
mod data;
mod drawing;
mod findings;
mod inventory;
mod layout;
mod overview;
mod paths;
mod trend;

const PAGE: &str = include_str!("../../../data/report/page.html");
const STYLE: &str =
    concat!(include_str!("../../../data/report/page.css"), include_str!("../../../data/report/print.css"));
const SCRIPT: &str = concat!(
    include_str!("../../../data/report/page.js"),
    include_str!("../../../data/report/paths.js"),
    include_str!("../../../data/report/findings.js")
);

/// What a page shows at most of assets, files and controls; browsers get slow, and JSON has all.
const ROWS: usize = 2000;

type Out<'a> = &'a mut dyn Write;

pub(super) fn write(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    // walks the page rather than replacing in it, so that no text from the input is taken for a placeholder
    for part in PAGE.split("{{") {
        let (name, rest) = part.split_once("}}").unwrap_or(("", part));
        match name {
            "policy" => write!(
                out,
                "default-src 'none'; style-src '{}'; script-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
                hash(STYLE),
                hash(SCRIPT)
            )?,
            "style" => out.write_all(STYLE.as_bytes())?,
            "script" => out.write_all(SCRIPT.as_bytes())?,
            "contents" => contents(report, out)?,
            "body" => body(report, out)?,
            "data" => data::write(report, out)?,
            "version" => out.write_all(env!("CARGO_PKG_VERSION").as_bytes())?,
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

fn body(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    overview::write(report, out)?;
    changes::write(report, out)?;
    paths::write(report, out)?;
    findings::write(report, out)?;
    coverage::write(report, out)?;
    inventory::write(report, out)
}

/// The links at the top: what the page holds, and how much of it.
fn contents(report: &Report<'_>, out: Out<'_>) -> io::Result<()> {
    let assessment = report.assessment;
    let sections = [
        ("changes", "Changes", changes::number(report)),
        ("paths", "Attack paths", assessment.paths.len()),
        ("findings", "Findings", listed(report).filter(|it| it.waiver.is_none()).count()),
        ("coverage", "Coverage", assessment.coverage.len()),
        ("inventory", "Inventory", report.ai_assets()),
    ];
    for (id, name, n) in sections {
        if n > 0 {
            write!(out, "<li><a href=\"#{id}\">{name} <span>{n}</span></a></li>")?;
        }
    }
    Ok(())
}

/// A finding of the page: what is there, and what somebody lives with.
struct Listed<'a> {
    finding: &'a Finding,
    state: &'static str,
    waiver: Option<&'a Waiver>,
}

/// All findings of the page, those that are waived last.
fn listed<'a>(report: &Report<'a>) -> impl Iterator<Item = Listed<'a>> + use<'a> {
    let there = report.told().filter(|(_, state)| matches!(state, State::Open | State::New | State::Known));
    let waived = report.assessment.waived.iter();
    there
        .map(|(finding, state)| Listed { finding, state: state.as_str(), waiver: None })
        .chain(waived.map(|it| Listed { finding: &it.finding, state: "waived", waiver: Some(&it.waiver) }))
}

/// Text from the input, escaped where it is written.
pub(super) struct Safe<'a>(pub(super) &'a str);

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape::html(self.0))
    }
}

/// How bad it is, as a word with its colour.
struct Badge(Severity);

impl fmt::Display for Badge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<span class=\"badge {0}\">{0}</span>", self.0)
    }
}

/// A heading that names its section, with a remark.
fn heading(out: Out<'_>, id: &str, text: &str, remark: &str) -> io::Result<()> {
    writeln!(out, "<section id=\"{id}\" aria-labelledby=\"{id}-h\"><h2 id=\"{id}-h\">{text}</h2>")?;
    if remark.is_empty() { Ok(()) } else { writeln!(out, "<p class=\"lead\">{remark}</p>") }
}

/// Where it was seen, with what stands there.
fn places(out: Out<'_>, evidence: &[Evidence]) -> io::Result<()> {
    if evidence.is_empty() {
        return Ok(());
    }
    write!(out, "<ul class=\"places\">")?;
    for evidence in evidence {
        write!(out, "<li><code>{}</code>", Safe(&evidence.location()))?;
        if let Some(excerpt) = &evidence.excerpt {
            write!(out, " <q>{}</q>", Safe(excerpt))?;
        }
        write!(out, "</li>")?;
    }
    write!(out, "</ul>")
}

/// Says what a page leaves out.
fn left_out(out: Out<'_>, all: usize, shown: usize, what: &str) -> io::Result<()> {
    match all.checked_sub(shown) {
        Some(more @ 1..) => {
            writeln!(out, "<p class=\"soft\">… and {}; the JSON has all.</p>", count(more, &format!("more {what}")))
        }
        _ => Ok(()),
    }
}
