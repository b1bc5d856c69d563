//! `aispm lineage`.

use std::io::Write;
use std::path::PathBuf;

use super::{Exit, line, print_json, written};
use crate::asset::{AssetId, AssetKind, Error, ErrorKind, LineageAnswer, LineageQuery, Result};
use crate::discover::{Discovery, Unread};
use crate::report::count;

/// Show what comes from data and models, or what they come from
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Start at this asset
    #[arg(long, value_name = "ID")]
    from: Vec<AssetId>,
    /// Start at the assets that hold this class of data, e.g. customer
    #[arg(long, value_name = "CLASS")]
    class: Vec<String>,
    /// Go against the data: what the start comes from
    #[arg(long)]
    upstream: bool,
    /// Only along chains that pass an asset of this kind, e.g. model
    #[arg(long, value_name = "KIND")]
    through: Option<AssetKind>,
    /// Only assets of this kind, e.g. endpoint
    #[arg(long, value_name = "KIND")]
    kind: Option<AssetKind>,
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
}

/// The answers, and what could not be read.
#[derive(Debug, serde::Serialize)]
struct Document {
    answers: Vec<LineageAnswer>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    incomplete: Vec<Unread>,
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        let Self { paths, from, class, upstream, through, kind, facts, catalogs, format, output } = self;
        if from.is_empty() && class.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "where to start? name assets with --from or data with --class"));
        }
        let assessor = facts.iter().fold(super::assessor(&catalogs)?, |assessor, file| assessor.facts(file));
        let discovery = assessor.discover(&paths)?;
        for id in from.iter().filter(|id| discovery.inventory.get(id.as_str()).is_none()) {
            super::warn(&format!("nothing in the estate has the id {id}"));
        }
        let query = LineageQuery {
            from: from.into_iter().collect(),
            classes: class.into_iter().collect(),
            upstream,
            through,
            kind,
        };
        let answers = discovery.inventory.lineage(&query);
        let read_nothing = discovery.files.is_empty() && !discovery.incomplete.is_empty();
        let mut out = super::output(output.as_ref())?;
        match format {
            Format::Json => print_json(&mut *out, &Document { answers, incomplete: discovery.incomplete })?,
            Format::Text => text(&mut *out, &discovery, &answers).map_err(written)?,
        }
        Ok(if read_nothing { Exit::Unreliable } else { Exit::Clean })
    }
}

/// Each answer with its chain.
fn text(out: &mut dyn Write, discovery: &Discovery, answers: &[LineageAnswer]) -> std::io::Result<()> {
    let name = |id: &AssetId| {
        let known = discovery.inventory.get(id.as_str());
        known.map_or_else(|| id.to_string(), |asset| format!("{} ({})", asset.name, asset.kind))
    };
    for LineageAnswer { asset, chain, .. } in answers {
        let kind = discovery.inventory.get(asset.as_str()).map_or("unknown", |asset| asset.kind.as_str());
        line(out, format_args!("{kind:<16} {asset}"))?;
        line(out, format_args!("                 {}", chain.iter().map(name).collect::<Vec<_>>().join(" → ")))?;
    }
    line(out, format_args!("{}", count(answers.len(), "asset")))?;
    for unread in &discovery.incomplete {
        line(out, format_args!("incomplete  {}: {}", unread.path, unread.reason))?;
    }
    out.flush()
}
