//! `aispm history`.

use std::io::Write;
use std::path::PathBuf;

use super::{Exit, line, print_json, written};
use crate::assess::{Assessor, Trend};
use crate::asset::{Error, ErrorKind, InventoryDiff, Result};
use crate::monitor::{Snapshot, Store, now};
use crate::report::{Diff, count};

/// Keep inventories over time, and show what changed
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Record what is there now
    Record {
        /// The file that keeps the history; made if it is not there
        store: PathBuf,
        /// Files and folders
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// A name for this snapshot
        #[arg(long)]
        label: Option<String>,
        /// As of this time, RFC 3339 in UTC, instead of now
        #[arg(long)]
        time: Option<String>,
        /// Declared facts, instead of aispm.yaml at the root of what is read
        #[arg(long, value_name = "FILE")]
        facts: Option<PathBuf>,
        /// Also know the AI services, packages and model servers of this file; may be given several times
        #[arg(long = "catalog", value_name = "FILE")]
        catalogs: Vec<PathBuf>,
        /// Record also where identity or AI-related input could not be read
        #[arg(long)]
        allow_incomplete: bool,
    },
    /// List the snapshots
    List {
        /// The file that keeps the history
        store: PathBuf,
        /// Output format
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Compare two snapshots, by default the last two
    Diff {
        /// The file that keeps the history
        store: PathBuf,
        /// Number of the older snapshot
        #[arg(requires = "new")]
        old: Option<i64>,
        /// Number of the newer snapshot
        new: Option<i64>,
        /// Output format
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Judge the snapshots by today's rules: findings and risk over time, of the estate, systems and owners
    Trend {
        /// The file that keeps the history
        store: PathBuf,
        /// Only the newest so many snapshots
        #[arg(long, value_name = "N", default_value_t = 12)]
        last: usize,
        /// Declared facts, for their parameters
        #[arg(long, value_name = "FILE")]
        facts: Option<PathBuf>,
        /// Also judge by the rules of this file; may be given several times
        #[arg(long = "policy", value_name = "FILE")]
        policies: Vec<PathBuf>,
        /// Output format
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Show what changed since a time
    Since {
        /// The file that keeps the history
        store: PathBuf,
        /// A day or time, RFC 3339 in UTC
        time: String,
        /// Output format
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        match self.command {
            Command::Record { store, paths, label, time, facts, catalogs, allow_incomplete } => {
                let assessor = facts.into_iter().fold(super::assessor(&catalogs)?, Assessor::facts);
                let discovery = assessor.discover(&paths)?;
                discovery.warnings.iter().for_each(|warning| super::warn(warning));
                if let Some(unread) = discovery.incomplete.iter().find(|unread| unread.critical && !allow_incomplete) {
                    let message = format!("{}; pass --allow-incomplete to record without it", unread.reason);
                    return Err(Error::new(ErrorKind::Malformed, message).at(&unread.path));
                }
                let time = time.unwrap_or_else(now);
                let snapshot = Store::open(store)?.record(&discovery.inventory, &time, label.as_deref())?;
                list(&[snapshot], Format::Text)
            }
            Command::List { store, format } => list(&opened(store)?.list()?, format),
            Command::Diff { store, old, new, format } => {
                let store = opened(store)?;
                let (old, new) = match (old, new, store.list()?.as_slice()) {
                    (Some(old), Some(new), _) => (old, new),
                    (_, _, [.., before, last]) => (before.id, last.id),
                    _ => return Err(Error::new(ErrorKind::Usage, "the store holds fewer than two snapshots")),
                };
                show(store.compare(old, new)?, format)
            }
            Command::Trend { store, last, facts, policies, format } => {
                let assessor = facts.into_iter().fold(super::assessor(&[])?, Assessor::facts);
                let assessor = policies.into_iter().fold(assessor, Assessor::policy);
                trend(&assessor.trend(&opened(store)?, last)?, format)
            }
            Command::Since { store, time, format } => show(opened(store)?.since(&time)?, format),
        }
    }
}

/// A store that is there: only `record` makes one.
fn opened(path: PathBuf) -> Result<Store> {
    match std::fs::metadata(&path) {
        Ok(_) => Store::open(path),
        Err(error) => Err(Error::unreadable(path, error)),
    }
}

fn list(snapshots: &[Snapshot], format: Format) -> Result<Exit> {
    #[derive(serde::Serialize)]
    struct Document<'a> {
        snapshots: &'a [Snapshot],
    }
    let mut out = super::output(None)?;
    match format {
        Format::Json => print_json(&mut *out, &Document { snapshots })?,
        Format::Text => snapshots
            .iter()
            .try_for_each(|snapshot| {
                let Snapshot { id, time, label, assets, relations } = snapshot;
                let (assets, relations) = (count(*assets, "asset"), count(*relations, "relation"));
                let label = label.as_deref().unwrap_or_default();
                line(&mut *out, format_args!("{id:<4} {time}  {assets}, {relations}  {label}"))
            })
            .and_then(|()| out.flush())
            .map_err(written)?,
    }
    Ok(Exit::Clean)
}

fn trend(trend: &Trend, format: Format) -> Result<Exit> {
    let mut out = super::output(None)?;
    match format {
        Format::Json => print_json(&mut *out, trend)?,
        Format::Text => trend
            .points
            .iter()
            .try_for_each(|point| {
                let findings = point.findings.iter().rev().map(|(severity, n)| format!("{n} {severity}"));
                let findings = findings.collect::<Vec<_>>().join(", ");
                let label = point.label.as_deref().unwrap_or_default();
                let (time, risk) = (&point.time, point.risk);
                line(
                    &mut *out,
                    format_args!("{time}  risk {risk:5.1}  {}: {findings}  {label}", count(point.assets, "asset")),
                )?;
                point.scores.iter().try_for_each(|score| {
                    let since = score.change.filter(|change| *change != 0.0);
                    let since = since.map_or_else(String::new, |change| format!("  {change:+.1}"));
                    line(&mut *out, format_args!("    {:5.1}{since:8}  {} {}", score.score, score.subject, score.name))
                })
            })
            .and_then(|()| out.flush())
            .map_err(written)?,
    }
    Ok(Exit::Clean)
}

fn show(inventory: InventoryDiff, format: Format) -> Result<Exit> {
    let diff = Diff { inventory, ..Diff::default() };
    let mut out = super::output(None)?;
    match format {
        Format::Json => print_json(&mut *out, &diff)?,
        Format::Text => diff.write_text(&mut *out).map_err(written)?,
    }
    Ok(Exit::Clean)
}
