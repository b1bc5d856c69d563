//! `aispm paths`.

use std::io::Write;
use std::path::PathBuf;

use super::{Exit, line, print_json, written};
use crate::assess::Assessment;
use crate::asset::{AssetId, Error, ErrorKind, Result};
use crate::discover::{Discovery, Unread};
use crate::path::{self, AttackPath, Change, From, PathStatus, Query, Solution, Target, WhatIf};
use crate::report::{self, Report, count};

/// Show attack paths, choke points and fixes
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Start here instead of at every principal and untrusted entry
    #[arg(long, value_name = "ID")]
    from: Vec<String>,
    /// End here: admin, sensitive, internet or an asset's id
    #[arg(long, value_name = "TARGET")]
    to: Vec<String>,
    /// Paths per source and target
    #[arg(short, default_value_t = 1)]
    k: usize,
    /// What would be left without this: what a fix says after "without", "FROM RELATION TO", "exposure ID", "anonymous ID",
    /// "setting ID PROPERTY", "asset ID" or PATH#POINTER; may be given several times. The input stays as it is
    #[arg(long, value_name = "PREMISE")]
    without: Vec<String>,
    /// Declared facts, instead of aispm.yaml at the root of what is read
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// Also know the AI services, packages and model servers of this file; may be given several times
    #[arg(long = "catalog", value_name = "FILE")]
    catalogs: Vec<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Text,
    Json,
    Mermaid,
    Dot,
    Graphml,
    Cytoscape,
    Html,
}

/// What was found, and what could not be read.
#[derive(Debug, serde::Serialize)]
struct Document {
    #[serde(flatten)]
    solution: Solution,
    /// With `--without`: what is taken away.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    without: Vec<String>,
    /// With `--without`: the paths that no longer exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    gone: Option<Vec<AttackPath>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    incomplete: Vec<Unread>,
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        let query = Query {
            from: self.from.iter().map(AssetId::from).collect(),
            to: self.to.iter().map(|to| target(to)).collect(),
            k: self.k,
            ..Query::default()
        };
        let assessor = self.facts.iter().fold(super::assessor(&self.catalogs)?, |assessor, file| assessor.facts(file));
        let changes = self.without.iter().map(|text| change(text)).collect::<Result<Vec<Change>>>()?;
        let (discovery, mut solution) = assessor.trace(&self.paths, &query)?;
        let mut gone = None;
        if !changes.is_empty() {
            let WhatIf { solution: left, gone: cut, .. } = path::what_if(&discovery.inventory, &query, &changes);
            let warnings = std::mem::replace(&mut solution, left).warnings;
            let new: Vec<String> = warnings.into_iter().filter(|known| !solution.warnings.contains(known)).collect();
            solution.warnings.extend(new);
            gone = Some(cut);
        }
        let exit = match (discovery.files.is_empty() && !discovery.incomplete.is_empty(), solution.paths.is_empty()) {
            (true, _) => Exit::Unreliable,
            (false, false) => Exit::Findings,
            (false, true) => Exit::Clean,
        };
        let mut out = super::output(self.output.as_ref())?;
        match self.format {
            Format::Json => {
                let Discovery { incomplete, .. } = discovery;
                print_json(&mut *out, &Document { solution, without: self.without, gone, incomplete })?;
            }
            Format::Text => {
                if let Some(gone) = &gone {
                    changed(&mut *out, &self.without, gone, &solution).map_err(written)?;
                }
                text(&mut *out, &solution, &discovery.incomplete).map_err(written)?;
            }
            Format::Mermaid => draw(&mut *out, discovery, solution, report::Format::Mermaid)?,
            Format::Dot => draw(&mut *out, discovery, solution, report::Format::Dot)?,
            Format::Graphml => draw(&mut *out, discovery, solution, report::Format::Graphml)?,
            Format::Cytoscape => draw(&mut *out, discovery, solution, report::Format::Cytoscape)?,
            Format::Html => draw(&mut *out, discovery, solution, report::Format::Html)?,
        }
        Ok(exit)
    }
}

/// The paths in a format that draws them.
fn draw(out: &mut dyn Write, discovery: Discovery, solution: Solution, format: report::Format) -> Result<()> {
    let assessment = Assessment::of_paths(discovery, solution);
    Report::new(&assessment).write(format, out).map_err(written)
}

fn target(text: &str) -> Target {
    match text {
        "admin" => Target::Admin,
        "sensitive" => Target::Sensitive,
        id => Target::Asset(AssetId::from(id)),
    }
}

fn change(text: &str) -> Result<Change> {
    Change::parse(text).ok_or_else(|| {
        let forms = "PATH#POINTER, FROM RELATION TO, exposure ID, anonymous ID, setting ID PROPERTY or asset ID";
        Error::new(ErrorKind::Usage, format!("{text:?} takes nothing away: write {forms}, as fixes print it"))
    })
}

/// What the changes cut, before what is left.
fn changed(out: &mut dyn Write, without: &[String], gone: &[AttackPath], left: &Solution) -> std::io::Result<()> {
    for premise in without {
        line(out, format_args!("without  {premise}"))?;
    }
    let (cut, left) = (count(gone.len(), "path"), count(left.paths.len(), "path"));
    line(out, format_args!("{cut} cut, {left} left"))?;
    for path in gone {
        line(out, format_args!("cut      {} [{}]", path.title, path.id))?;
    }
    writeln!(out)
}

/// Fixes of one path that are listed.
const CUTS: usize = 4;

/// Each path with its steps, then where they meet and what cuts them.
fn text(out: &mut dyn Write, solution: &Solution, incomplete: &[Unread]) -> std::io::Result<()> {
    for path in &solution.paths {
        let sure = if path.status == PathStatus::Conditional { "conditional" } else { "confirmed" };
        let ends = path.consequence.words();
        line(out, format_args!("{}", path.title))?;
        line(out, format_args!("  {} · risk rank {:.1} · {sure} · ends in {ends}", path.severity, path.risk))?;
        line(out, format_args!("  {} → {}", path.source, path.target))?;
        for (n, step) in (1..).zip(&path.steps) {
            line(out, format_args!("  {n}. {} [{}]", step.description, step.technique))?;
            if let From::All(all) = &step.from {
                let needed = all.iter().map(AssetId::as_str).collect::<Vec<_>>().join(", ");
                line(out, format_args!("     needs {needed}"))?;
            }
            for evidence in &step.evidence {
                line(
                    out,
                    format_args!("     {}  {}", evidence.location(), evidence.excerpt.as_deref().unwrap_or_default()),
                )?;
            }
            for condition in &step.conditions {
                line(out, format_args!("     if {condition}"))?;
            }
        }
        if !path.fixes.is_empty() {
            line(out, format_args!("  any one of these cuts it:"))?;
        }
        for fix in path.fixes.iter().take(CUTS) {
            line(out, format_args!("  - {} (step {})", fix.action, fix.step))?;
            for premise in &fix.premise.without {
                line(out, format_args!("     without {premise}"))?;
            }
        }
        if let Some(more @ 1..) = path.fixes.len().checked_sub(CUTS) {
            line(out, format_args!("  - … and {}, with patches in --format json", count(more, "more way")))?;
        }
        writeln!(out)?;
    }
    reach(out, solution)?;
    let (paths, admins) = (solution.paths.len(), solution.admins.len());
    line(out, format_args!("{}; {} already", count(paths, "attack path"), count(admins, "administrator")))?;
    if paths > 0 {
        line(out, format_args!("The risk rank orders paths from 0 to 100; it is no probability."))?;
    }
    for point in solution.choke_points.iter().take(10) {
        line(out, format_args!("choke point  {} ({})", point.asset, count(point.paths, "path")))?;
    }
    for fix in &solution.fixes {
        line(out, format_args!("fix          {} (cuts {})", fix.action, fix.paths_cut))?;
    }
    for warning in &solution.warnings {
        line(out, format_args!("warning      {warning}"))?;
    }
    for unread in incomplete {
        line(out, format_args!("incomplete   {}: {}", unread.path, unread.reason))?;
    }
    out.flush()
}

/// Everything in reach of the sources asked for.
fn reach(out: &mut dyn Write, solution: &Solution) -> std::io::Result<()> {
    const LISTED: usize = 50;
    let reached = &solution.blast_radius;
    if reached.is_empty() {
        return Ok(());
    }
    line(out, format_args!("Blast radius: {} in reach, nearest first", count(reached.len(), "asset")))?;
    for reach in reached.iter().take(LISTED) {
        let maybe = if reach.conditional { ", if conditions hold" } else { "" };
        line(out, format_args!("  {}  {} (cost {}{maybe})", reach.asset, reach.powers.join(", "), reach.cost))?;
    }
    if let Some(more @ 1..) = reached.len().checked_sub(LISTED) {
        line(out, format_args!("  … and {more} more, listed with --format json"))?;
    }
    writeln!(out)
}
