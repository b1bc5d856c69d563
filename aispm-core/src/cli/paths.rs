//! `aispm paths`.

use std::io::Write;
use std::path::PathBuf;

use super::{Exit, line, print_json, written};
use crate::assess::Assessment;
use crate::asset::{AssetId, Result};
use crate::discover::{Discovery, Unread};
use crate::path::{From, PathStatus, Query, Solution, Target};
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
    Html,
}

/// What was found, and what could not be read.
#[derive(Debug, serde::Serialize)]
struct Document {
    #[serde(flatten)]
    solution: Solution,
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
        let (discovery, solution) = assessor.trace(&self.paths, &query)?;
        let exit = match (discovery.files.is_empty() && !discovery.incomplete.is_empty(), solution.paths.is_empty()) {
            (true, _) => Exit::Unreliable,
            (false, false) => Exit::Findings,
            (false, true) => Exit::Clean,
        };
        let mut out = super::output(self.output.as_ref())?;
        match self.format {
            Format::Json => print_json(&mut *out, &Document { solution, incomplete: discovery.incomplete })?,
            Format::Text => text(&mut *out, &solution, &discovery.incomplete).map_err(written)?,
            Format::Mermaid => draw(&mut *out, discovery, solution, report::Format::Mermaid)?,
            Format::Dot => draw(&mut *out, discovery, solution, report::Format::Dot)?,
            Format::Graphml => draw(&mut *out, discovery, solution, report::Format::Graphml)?,
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

/// Each path with its steps, then where they meet and what cuts them.
fn text(out: &mut dyn Write, solution: &Solution, incomplete: &[Unread]) -> std::io::Result<()> {
    for path in &solution.paths {
        let maybe = if path.status == PathStatus::Conditional { ", if its conditions hold" } else { "" };
        line(out, format_args!("{} → {}", path.source, path.target))?;
        line(out, format_args!("  {} (risk {:.1}{maybe})", path.severity, path.risk))?;
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
        writeln!(out)?;
    }
    let (paths, admins) = (solution.paths.len(), solution.admins.len());
    line(out, format_args!("{}; {} already", count(paths, "attack path"), count(admins, "administrator")))?;
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
