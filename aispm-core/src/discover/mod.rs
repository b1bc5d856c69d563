//! Raw exports → assets. One file or folder per format; a sniffer chooses by content.
//!
//! A folder is walked, its files are read in parallel and merged in path order, so the same input gives the same
//! inventory. What is not understood is listed under `skipped`, what could not be read to its end under `incomplete`.

use std::path::Path;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::asset::{Event, Inventory};

mod ai_native;
mod aws;
mod azure;
mod catalog;
mod code;
mod container;
mod data_plane;
pub mod declared;
mod decode;
mod docker;
mod dotenv;
mod envelope;
mod external;
mod format;
mod gcp;
mod hcl;
mod kubernetes;
mod link;
mod mcp;
mod model_file;
mod model_ref;
mod package;
mod pipeline;
mod prompt_log;
mod read;
mod recording;
mod saas;
mod secret;
mod syntax;
mod telemetry;
mod terraform;
mod walk;

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
    /// Run-time messages found in logs; kept out of JSON because they may hold personal data.
    #[serde(skip)]
    pub events: Vec<Event>,
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

/// Reads files and folders. Paths that do not exist are reported under `incomplete`, never lost.
pub fn discover<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Discovery {
    discover_within(&Limits::default(), paths)
}

/// [`discover`] with limits of one's own. Linear in the input; memory is bounded by the largest file for each thread
/// and by what is found.
pub fn discover_within<P: AsRef<Path>>(limits: &Limits, paths: impl IntoIterator<Item = P>) -> Discovery {
    let walk = walk::walk(paths);
    let mut discovery = Discovery { skipped: walk.skipped, incomplete: walk.unread, ..Discovery::default() };
    for outcome in read::read_all(&walk.files, &Arc::new(walk.tree), limits) {
        discovery.take(outcome);
    }
    link::join(&mut discovery);
    discovery
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
