//! Which format a file is, by content, and what reading it gave.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::Value;

use super::{aws, terraform};
use crate::asset::{Document, Error, ErrorKind, Event, Inventory};

/// Largest structured file read whole, bytes.
const SIZE_LIMIT: u64 = 512 << 20;

/// What one file or document adds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Assets and relations.
    pub(crate) inventory: Inventory,
    /// Run-time messages.
    pub(crate) events: Vec<Event>,
}

/// A format that is one JSON or YAML document.
#[derive(Debug)]
pub(crate) struct Structured {
    /// Its name in reports.
    pub(crate) name: &'static str,
    /// Whether it says who may do what or what AI there is, so that a gate must not pass without it.
    pub(crate) critical: bool,
    /// Words that tell a broken file of this format from others; all must occur.
    pub(crate) markers: &'static [&'static str],
    /// Whether this document is of the format.
    pub(crate) matches: fn(&Value) -> bool,
    /// Reads it.
    pub(crate) read: fn(&Document, &mut Found),
}

/// Structured formats, most specific first; the first that matches reads the document.
const STRUCTURED: &[Structured] = &[aws::AUTHORIZATION_DETAILS, terraform::SHOW];

/// What became of one file.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) path: String,
    pub(super) found: Found,
    pub(super) formats: Vec<&'static str>,
    pub(super) skipped: Option<String>,
    pub(super) error: Option<(String, bool)>,
}

/// Reads files in parallel; outcomes in the order of the files.
pub(super) fn read_all(files: &[PathBuf]) -> Vec<Outcome> {
    files.par_iter().map(|file| read(file)).collect()
}

fn read(file: &Path) -> Outcome {
    let mut outcome = Outcome { path: file.display().to_string(), ..Outcome::default() };
    match load(file) {
        Ok(bytes) => interpret(&bytes, &mut outcome),
        // what cannot be opened may be anything, identity included
        Err(error) => outcome.error = Some((error.reason(), true)),
    }
    outcome
}

fn load(file: &Path) -> Result<Vec<u8>, Error> {
    let size = fs::metadata(file).map_err(|error| Error::unreadable(file, error))?.len();
    if size > SIZE_LIMIT {
        return Err(Error::new(ErrorKind::Budget, format!("larger than {SIZE_LIMIT} bytes")).at(file));
    }
    fs::read(file).map_err(|error| Error::unreadable(file, error))
}

fn interpret(bytes: &[u8], outcome: &mut Outcome) {
    let text = match decode(bytes) {
        Ok(text) => text,
        Err(reason) => {
            outcome.skipped = Some(reason);
            return;
        }
    };
    match documents(&outcome.path, &text) {
        Parsed::Documents(documents, error) => {
            for document in &documents {
                if let Some(format) = STRUCTURED.iter().find(|format| (format.matches)(&document.value)) {
                    (format.read)(document, &mut outcome.found);
                    if !outcome.formats.contains(&format.name) {
                        outcome.formats.push(format.name);
                    }
                }
            }
            if let Some(error) = error {
                let critical = broken_format(&text).is_some_and(|format| format.critical);
                outcome.error = Some((error.reason(), critical));
            } else if outcome.formats.is_empty() {
                outcome.skipped = Some("no known format".to_owned());
            }
        }
        Parsed::Unstructured => outcome.skipped = Some("no known format".to_owned()),
    }
}

/// The format a document that does not parse was probably meant to be.
fn broken_format(text: &str) -> Option<&'static Structured> {
    STRUCTURED.iter().find(|format| format.markers.iter().all(|marker| text.contains(marker)))
}

enum Parsed {
    Documents(Vec<Document>, Option<Error>),
    Unstructured,
}

/// Parses JSON or YAML, whichever the text looks like.
fn documents(path: &str, text: &str) -> Parsed {
    let json = text.trim_start().starts_with(['{', '[']);
    if json {
        return match Document::json(path, text) {
            Ok(document) => Parsed::Documents(vec![document], None),
            Err(error) => Parsed::Documents(Vec::new(), Some(error)),
        };
    }
    let extension = Path::new(path).extension().and_then(|e| e.to_str()).unwrap_or_default();
    if matches!(extension, "yaml" | "yml") {
        let (documents, error) = Document::yaml(path, text);
        return Parsed::Documents(documents, error);
    }
    Parsed::Unstructured
}

/// Text in UTF-8 or, with a byte order mark, UTF-16; or why it is not text.
fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok().map(unit));
        char::decode_utf16(units).collect::<Result<String, _>>().map_err(|_| "malformed UTF-16".to_owned())
    };
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes).map(Cow::Owned),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes).map(Cow::Owned),
        _ => utf8(bytes),
    }
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Cow::Borrowed(text)),
        Err(error) => Err(format!("binary or not UTF-8 (byte {})", error.valid_up_to())),
    }
}
