//! Raw exports → assets. One file or folder per format; a sniffer chooses by content.
//!
//! A folder is walked, its files are read in parallel and merged in path order, so the same input gives the same
//! inventory. What is not understood is listed under `skipped`, what could not be read to its end under `incomplete`.

use std::path::Path;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::asset::{CallLog, Event, Inventory, Result};
use crate::supply::Advisories;

mod advisory;
mod ai_native;
mod at;
mod aws;
mod azure;
mod catalog;
mod code;
pub mod collect;
mod conceal;
mod container;
mod conversation;
mod csv;
mod data_class;
mod data_plane;
pub mod dataset;
pub mod declared;
mod decode;
mod docker;
mod dotenv;
mod envelope;
mod exposure;
mod external;
mod format;
mod gcp;
mod hcl;
mod kubernetes;
mod label;
mod link;
mod mcp;
mod model_file;
mod model_ref;
mod own;
mod ownership;
mod package;
mod packed;
mod pipeline;
mod progress;
mod prompt_log;
mod read;
mod recording;
mod resolve;
mod resource;
mod saas;
mod safeguard;
mod secret;
mod signature;
mod split;
mod stream;
mod syntax;
mod telemetry;
mod terraform;
mod walk;

pub use progress::Progress;

pub(crate) use ai_native::bom::fields as cyclonedx_fields;
pub(crate) use format::{Found, Structured};

/// What a run may spend.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest file read whole, bytes; larger ones are reported as incomplete.
    pub file_bytes: u64,
}

impl Default for Limits {
    /// 512 MiB a file.
    fn default() -> Self {
        Self { file_bytes: 512 << 20 }
    }
}

/// What discovery saw.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Discovery {
    /// Assets and relations.
    #[serde(flatten)]
    pub inventory: Inventory,
    /// Files that were understood.
    pub files: Vec<FileSeen>,
    /// Files that are not of a known format, with the reason.
    pub skipped: Vec<Unread>,
    /// Input that should have been read but could not, wholly or in part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<Unread>,
    /// What the caller should know, e.g. declared ids that nothing bears.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Run-time messages found in logs; kept out of JSON because they may hold personal data.
    #[serde(skip)]
    pub events: Vec<Event>,
    /// What advisories among the input say of packages; what they say of the estate is in an assessment.
    #[serde(skip)]
    pub advisories: Advisories,
    /// Calls to models and tools found in logs, counted.
    #[serde(skip)]
    pub(crate) calls: CallLog,
}

/// A file that was understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct FileSeen {
    /// The argument as given joined with what lies below it.
    pub path: String,
    /// The format's name, e.g. `aws-authorization-details`.
    pub format: String,
    /// How many assets it gave.
    pub assets: usize,
}

/// A file that was not read, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Unread {
    /// The argument as given joined with what lies below it.
    pub path: String,
    /// Why, with line or byte.
    pub reason: String,
    /// Whether it is or may be identity or AI-related input: a gate must not pass without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub critical: bool,
}

/// Reads files and folders with the defaults: see [`Discoverer::run`].
pub fn discover<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Discovery {
    Discoverer::new().run(paths)
}

/// Reads files and folders; reusable.
#[derive(Debug, Clone, Default)]
pub struct Discoverer {
    limits: Limits,
    listener: progress::Listener,
    /// The caller's own tables, by name and text, and what they and the built-in ones give together.
    added: Vec<(String, String)>,
    tables: catalog::Tables,
}

impl Discoverer {
    /// With the default limits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Within these limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Tells how far a run has come, from any thread, a few times a second at the most for large input.
    #[must_use]
    pub fn on_progress(mut self, tell: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.listener = progress::Listener(Some(Arc::new(tell)));
        self
    }

    /// Adds AI services, packages and model servers that the built-in tables do not know; may be called several times.
    ///
    /// YAML with `ai_providers`, `ai_packages` and `model_servers`, each in the shape of the built-in table of that name.
    /// `name` is what errors call the text, as a rule its path.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::asset::ErrorKind::Invalid) and
    /// [`ErrorKind::Malformed`](crate::asset::ErrorKind::Malformed), with the line, for what is not of that shape.
    pub fn catalog(mut self, name: impl Into<String>, text: impl Into<String>) -> Result<Self> {
        self.added.push((name.into(), text.into()));
        self.tables = catalog::Tables::extended(&self.added)?;
        Ok(self)
    }

    /// Adds tables as [`catalog`](Self::catalog) does, but below those that were added so far.
    pub(crate) fn below(mut self, mut files: Vec<(String, String)>) -> Result<Self> {
        files.append(&mut self.added);
        self.added = files;
        self.tables = catalog::Tables::extended(&self.added)?;
        Ok(self)
    }

    /// Reads files and folders in parallel; paths that do not exist are reported under `incomplete`, never lost.
    ///
    /// Linear in the input, and O(n log n) in what is found. Memory is bounded by what is found and, for each thread, by
    /// the largest file that must be read whole (at most [`Limits::file_bytes`]); large JSON and JSON Lines are read in
    /// parts of about half a megabyte.
    pub fn run<P: AsRef<Path>>(&self, paths: impl IntoIterator<Item = P>) -> Discovery {
        let walk = walk::walk(paths);
        let mut discovery = Discovery { skipped: walk.skipped, incomplete: walk.unread, ..Discovery::default() };
        self.read(walk.tree, walk.files.len(), &mut discovery, |reader, take| reader.read_all(&walk.files, take));
        discovery
    }

    /// Reads what is in memory, each file under a name that stands for its path; names tell formats as paths do.
    pub fn run_on<N: Into<String>, B: AsRef<[u8]> + Send + Sync>(
        &self,
        files: impl IntoIterator<Item = (N, B)>,
    ) -> Discovery {
        let mut files: Vec<(String, B)> = files.into_iter().map(|(name, bytes)| (name.into(), bytes)).collect();
        files.sort_by(|(one, _), (other, _)| one.cmp(other));
        let tree = walk::Tree::of(files.iter().map(|(name, _)| name.as_str()));
        let mut discovery = Discovery::default();
        self.read(tree, files.len(), &mut discovery, |reader, take| reader.read_memory(&files, take));
        discovery
    }

    fn read(
        &self,
        tree: walk::Tree,
        files: usize,
        discovery: &mut Discovery,
        read: impl FnOnce(&read::Reader<'_>, &mut (dyn FnMut(read::Outcome) + Send)),
    ) {
        let meter = progress::Meter::new(self.listener.clone(), files);
        let reader = read::Reader { limits: &self.limits, tree: Arc::new(tree), tables: &self.tables, meter: &meter };
        let mut configuration = Vec::new();
        read(&reader, &mut |mut outcome: read::Outcome| {
            configuration.append(&mut outcome.found.configuration);
            discovery.take(outcome);
        });
        hcl::join(&configuration, discovery);
        conceal::conceal(&mut discovery.inventory);
        link::join(discovery);
        own::join(&self.tables, &mut discovery.inventory);
    }
}

impl Discovery {
    /// Each file ends in exactly one list; one that was read in part is `incomplete`, and what it gave is kept.
    fn take(&mut self, outcome: read::Outcome) {
        let read::Outcome { path, found, formats, skipped, error } = outcome;
        if let Some((reason, critical)) = error {
            self.incomplete.push(Unread { path, reason, critical });
        } else if formats.is_empty() {
            let reason = skipped.unwrap_or_else(|| "no known format".to_owned());
            self.skipped.push(Unread { path, reason, critical: false });
        } else {
            self.files.push(FileSeen { path, format: formats.join("+"), assets: found.inventory.len() });
        }
        self.inventory.extend(found.inventory);
        self.events.extend(found.events);
        self.advisories.extend(found.advisories);
        self.calls.extend(found.calls);
    }
}

/// What the files of a folder give, by name and text; ids begin with the folder's name, `d`.
#[cfg(test)]
pub(crate) fn discovery_of(files: &[(&str, &str)]) -> Discovery {
    let root = tempfile::tempdir().unwrap_or_else(|error| unreachable!("{error}"));
    for (name, text) in files {
        let path = root.path().join("d").join(name);
        let written = path.parent().map(std::fs::create_dir_all).map(|_| std::fs::write(&path, text));
        assert!(matches!(written, Some(Ok(()))), "{name}");
    }
    let discovery = discover([root.path().join("d")]);
    let text = serde_json::to_string(&discovery).unwrap_or_default();
    let text = text.replace(&format!("{}/", root.path().display()), "");
    serde_json::from_str(&text).unwrap_or_default()
}

/// What one JSON document gives, before files are joined.
#[cfg(test)]
pub(crate) fn inventory_of(path: &str, text: &str) -> Inventory {
    let mut found = Found::default();
    let document = crate::asset::Document::json(path, text).unwrap_or_default();
    format::dispatch(&document, &mut found);
    found.inventory
}

#[cfg(test)]
mod tests;
