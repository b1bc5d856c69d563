//! The formats: what tells one, and what reads it. A format is one file or folder; its table stands here.

use std::sync::Arc;

use serde_json::Value;

use super::catalog::Tables;
use super::walk::{Tree, file_name};
use super::{
    advisory, ai_native, aws, azure, code, csv, data_plane, docker, dotenv, envelope, external, gcp, hcl, kubernetes,
    mcp, model_file, ownership, package, pipeline, prompt_log, recording, saas, signature, telemetry, terraform,
};
use crate::asset::{CallLog, Document, Error, Event, Evidence, Inventory, Relation, RelationKind};
use crate::supply::Advisories;

/// What one file or document adds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Assets and relations.
    pub(crate) inventory: Inventory,
    /// Run-time messages.
    pub(crate) events: Vec<Event>,
    /// What advisories say of packages.
    pub(crate) advisories: Advisories,
    /// Calls to models and tools, counted.
    pub(crate) calls: CallLog,
    /// How the files of this run lie to each other.
    pub(crate) tree: Arc<Tree>,
    /// What is known of AI services, packages and servers in this run.
    pub(super) tables: Tables,
    /// Why a document that parses is not the whole of what it lists, if so.
    pub(crate) cut: Option<Error>,
    /// Terraform configuration, whose values other files help to tell; see [`hcl::join`].
    pub(super) configuration: Vec<hcl::File>,
    /// Names of the formats that were read, in order.
    pub(super) formats: Vec<&'static str>,
    /// How many envelopes and recordings lie around what is read now.
    pub(super) depth: usize,
    /// What read the row before, which most likely reads the next one, too.
    last: Option<&'static Structured>,
}

impl Found {
    /// Adds a relation with its evidence.
    pub(crate) fn relate(&mut self, from: &str, kind: RelationKind, to: &str, evidence: &Evidence) {
        self.inventory.relate(Relation::new(from, kind, to).seen(evidence.clone()));
    }

    /// Adds a relation that was seen to happen at this time; the same one again counts up.
    pub(crate) fn happened(
        &mut self,
        from: &str,
        kind: RelationKind,
        to: &str,
        time: Option<&str>,
        evidence: &Evidence,
    ) {
        self.inventory.relate(Relation::new(from, kind, to).happened(time).seen(evidence.clone()));
    }

    /// An empty one, for another part of the same file.
    pub(super) fn beside(&self) -> Self {
        Self { tree: Arc::clone(&self.tree), tables: self.tables.clone(), ..Self::default() }
    }

    /// Adds what another part of the same file gave.
    pub(super) fn extend(&mut self, other: Self) {
        self.inventory.extend(other.inventory);
        self.events.extend(other.events);
        self.advisories.extend(other.advisories);
        self.calls.extend(other.calls);
        self.cut = self.cut.take().or(other.cut);
        other.formats.into_iter().for_each(|format| self.name(format));
    }

    /// Notes that a format was read.
    pub(super) fn name(&mut self, format: &'static str) {
        if !self.formats.contains(&format) {
            self.formats.push(format);
        }
    }
}

/// A format that is one JSON or YAML document, or a row of a list or of JSON Lines.
#[derive(Debug)]
pub(crate) struct Structured {
    /// Its name in reports.
    pub(crate) name: &'static str,
    /// Whether it says who may do what or what AI there is, so that a gate must not pass without it.
    pub(crate) critical: bool,
    /// Whether its lists may be read some rows at a time, each row for itself.
    pub(crate) in_parts: bool,
    /// Words that tell a broken file of this format from others; all must occur.
    pub(crate) markers: &'static [&'static str],
    /// Whether this document or row is of the format; cheap, since it is asked for every row.
    pub(crate) matches: fn(&Value) -> bool,
    /// Reads it.
    pub(crate) read: fn(&Document, &mut Found),
}

/// A format that is lines of text or a language of its own.
#[derive(Debug)]
pub(super) struct Textual {
    /// Its name in reports.
    pub(super) name: &'static str,
    /// As for [`Structured`].
    pub(super) critical: bool,
    /// Whether this text is of the format.
    pub(super) matches: fn(&Source<'_>) -> bool,
    /// Reads it; an error tells where reading stopped or what was left out, what was found before it stays.
    pub(super) read: fn(&Source<'_>, &mut Found) -> Result<(), Error>,
}

/// A text file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) path: &'a str,
    pub(super) text: &'a str,
}

impl<'a> Source<'a> {
    /// The file's name without its folder, and without what only says that it is packed.
    pub(super) fn name(&self) -> &'a str {
        file_name(self.path).trim_end_matches(".gz")
    }

    /// Whether the file's name ends in one of these extensions.
    pub(super) fn has_extension(&self, extensions: &[&str]) -> bool {
        self.name().rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
    }

    /// Evidence for a line of this file.
    pub(super) fn line(&self, line: u64) -> Evidence {
        Evidence::file(self.path).line(line)
    }
}

/// Structured formats by family, most specific first; the first that matches reads the document.
pub(super) const STRUCTURED: &[&[Structured]] = &[
    recording::FORMATS,
    ownership::FORMATS,
    advisory::FORMATS,
    signature::FORMATS,
    // before the clouds: a finding names a resource, it does not describe one
    external::FORMATS,
    data_plane::CONNECTORS,
    aws::FORMATS,
    gcp::FORMATS,
    azure::FORMATS,
    terraform::FORMATS,
    telemetry::FORMATS,
    data_plane::FORMATS,
    saas::FORMATS,
    pipeline::FORMATS,
    kubernetes::FORMATS,
    ai_native::FORMATS,
    mcp::FORMATS,
    package::FORMATS,
    code::FORMATS,
    docker::FORMATS,
    prompt_log::FORMATS,
    model_file::FORMATS,
];

/// Formats of text by family, most specific first; tried before the text is parsed as JSON or YAML.
pub(super) const TEXTUAL: &[&[Textual]] = &[
    signature::TEXTS,
    prompt_log::TEXTS,
    telemetry::TEXTS,
    data_plane::TEXTS,
    saas::TEXTS,
    pipeline::TEXTS,
    kubernetes::TEXTS,
    ai_native::TEXTS,
    package::TEXTS,
    docker::TEXTS,
    azure::TEXTS,
    dotenv::TEXTS,
    hcl::TEXTS,
    code::TEXTS,
    ownership::TEXTS,
    csv::TEXTS,
];

fn format(value: &Value) -> Option<&'static Structured> {
    STRUCTURED.iter().copied().flatten().find(|format| (format.matches)(value))
}

/// Whether a document like this may be read some rows at a time.
pub(super) fn takes_parts(value: &Value) -> bool {
    format(value).is_none_or(|format| format.in_parts)
}

/// Reads a document by the first format that matches it, or its rows by theirs; whether one did.
pub(super) fn dispatch(document: &Document, found: &mut Found) -> bool {
    read_known(document, found) || envelope::open(document.clone(), found)
}

/// [`dispatch`] of a document that is not needed any more: its rows are not copied.
pub(super) fn dispatch_owned(document: Document, found: &mut Found) -> bool {
    read_known(&document, found) || envelope::open(document, found)
}

/// [`dispatch_owned`] of a row of a list or log, whose rows are of one kind as a rule: what read the row before is asked
/// first.
pub(super) fn dispatch_row(row: Document, found: &mut Found) -> bool {
    read_row(&row, found) || envelope::open(row, found)
}

/// Reads a row by what read the row before or else by the first format that matches it; whether one did.
pub(super) fn read_row(row: &Document, found: &mut Found) -> bool {
    let last = found.last.filter(|format| (format.matches)(&row.value));
    let Some(format) = last.or_else(|| format(&row.value)) else { return false };
    found.name(format.name);
    (format.read)(row, found);
    found.last = Some(format);
    true
}

/// Reads a document by the first format that matches it; whether one did.
fn read_known(document: &Document, found: &mut Found) -> bool {
    let Some(format) = format(&document.value) else { return false };
    found.name(format.name);
    (format.read)(document, found);
    true
}

/// Whether a text that does not parse was probably meant to be of a critical format.
pub(super) fn critical(text: &str) -> bool {
    let meant =
        |format: &Structured| !format.markers.is_empty() && format.markers.iter().all(|marker| text.contains(marker));
    STRUCTURED.iter().copied().flatten().any(|format| format.critical && meant(format))
}
