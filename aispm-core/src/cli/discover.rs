//! `aispm discover`.

use std::io::Write;
use std::path::PathBuf;

use super::{Exit, line, print_json, written};
use crate::assess::Assessor;
use crate::asset::Result;
use crate::discover::Discovery;
use crate::report::{self, CycloneDx, count};

/// List AI assets and their relations
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Declared facts, instead of aispm.yaml at the root of what is read
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// Also know the AI services, packages and model servers of this file; may be given several times
    #[arg(long = "catalog", value_name = "FILE")]
    catalogs: Vec<PathBuf>,
    #[command(flatten)]
    data: super::data::Data,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Version of the CycloneDX specification
    #[arg(long, value_enum, default_value = "1.6", value_name = "VERSION")]
    spec_version: SpecVersion,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Text,
    Json,
    /// An ML-BOM of the whole inventory, which `aispm` reads back as it was
    Cyclonedx,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum SpecVersion {
    #[value(name = "1.6")]
    V1_6,
    #[value(name = "1.7")]
    V1_7,
}

impl From<SpecVersion> for report::SpecVersion {
    fn from(version: SpecVersion) -> Self {
        match version {
            SpecVersion::V1_6 => Self::V1_6,
            SpecVersion::V1_7 => Self::V1_7,
        }
    }
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        let assessor = self.facts.iter().fold(super::assessor(&self.catalogs)?, |assessor, file| assessor.facts(file));
        let assessor = self.data.load()?.into_iter().fold(assessor, Assessor::data);
        let discovery = assessor.discover(&self.paths)?;
        let mut out = super::output(self.output.as_ref())?;
        match self.format {
            Format::Json => print_json(&mut *out, &discovery)?,
            Format::Cyclonedx => {
                let bom = CycloneDx::new(&discovery.inventory).spec_version(self.spec_version.into());
                bom.write(&mut *out).map_err(written)?;
            }
            Format::Text => text(&mut *out, &discovery).map_err(written)?,
        }
        let read_nothing = discovery.files.is_empty() && !discovery.incomplete.is_empty();
        Ok(if read_nothing { Exit::Unreliable } else { Exit::Clean })
    }
}

/// A line an AI asset, then what was not read.
fn text(out: &mut dyn Write, discovery: &Discovery) -> std::io::Result<()> {
    for asset in discovery.inventory.assets().filter(|asset| asset.ai) {
        let place = asset.evidence.first().map(|evidence| evidence.location()).unwrap_or_default();
        line(out, format_args!("{:<16} {}  {place}", asset.kind, asset.name))?;
    }
    let (assets, ai) = (discovery.inventory.len(), discovery.inventory.assets().filter(|asset| asset.ai).count());
    line(
        out,
        format_args!("{}, {ai} of them AI, in {}", count(assets, "asset"), count(discovery.files.len(), "file")),
    )?;
    for warning in &discovery.warnings {
        line(out, format_args!("warning     {warning}"))?;
    }
    for unread in &discovery.skipped {
        line(out, format_args!("skipped     {}: {}", unread.path, unread.reason))?;
    }
    for unread in &discovery.incomplete {
        line(out, format_args!("incomplete  {}: {}", unread.path, unread.reason))?;
    }
    out.flush()
}
