//! From a file to what it gave: decoded, sniffed, read by its format.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::catalog::Tables;
use super::decode::decode;
use super::format::{Found, Source, TEXTUAL, critical, dispatch_owned};
use super::progress::Meter;
use super::syntax::{Parsed, parse};
use super::walk::Tree;
use super::{Limits, model_file, packed, secret, stream};
use crate::asset::Error;

/// What became of one file: exactly one of understood (`formats`), `skipped` and `error` is reported.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) path: String,
    pub(super) found: Found,
    pub(super) formats: Vec<&'static str>,
    pub(super) skipped: Option<String>,
    pub(super) error: Option<(String, bool)>,
}

impl Outcome {
    fn model_file(&mut self, read: model_file::Read) {
        match read {
            model_file::Read::Model(format) => self.formats.push(format.as_str()),
            model_file::Read::Unscanned(reason) => self.error = Some((reason, true)),
            model_file::Read::Archive => {
                self.skipped = Some("an archive or binary file; no model seen in it".to_owned())
            }
        }
    }
}

/// Most files, and for each thread about most bytes of them, whose outcomes are in memory before they are merged.
const WINDOW_FILES: usize = 512;
const WINDOW_BYTES: u64 = 8 << 20;

/// What reading takes besides the files.
pub(super) struct Reader<'a> {
    pub(super) limits: &'a Limits,
    pub(super) tree: Arc<Tree>,
    pub(super) tables: &'a Tables,
    pub(super) meter: &'a Meter,
}

impl Reader<'_> {
    /// Reads files in parallel and hands their outcomes over in order, each window of files while the next is read.
    pub(super) fn read_all(&self, files: &[PathBuf], mut take: impl FnMut(Outcome) + Send) {
        let mut ready: Vec<Outcome> = Vec::new();
        let mut rest = files;
        while !rest.is_empty() {
            let window;
            (window, rest) = rest.split_at_checked(window_length(rest)).unwrap_or((rest, &[]));
            let last = std::mem::take(&mut ready);
            let read = || window.par_iter().map(|file| self.read(file)).collect();
            ((), ready) = rayon::join(|| last.into_iter().for_each(&mut take), read);
        }
        ready.into_iter().for_each(take);
    }

    /// Reads files that are in memory.
    pub(super) fn read_memory<B: AsRef<[u8]> + Sync>(&self, files: &[(String, B)], take: impl FnMut(Outcome) + Send) {
        let read = |(name, bytes): &(String, B)| {
            let mut outcome = Outcome { path: name.clone(), ..Outcome::default() };
            outcome.found.tree = Arc::clone(&self.tree);
            outcome.found.tables = self.tables.clone();
            interpret(bytes.as_ref(), self.limits, &mut outcome);
            self.meter.read(1, bytes.as_ref().len() as u64);
            outcome
        };
        let outcomes: Vec<Outcome> = files.par_iter().map(read).collect();
        outcomes.into_iter().for_each(take);
    }

    fn read(&self, file: &Path) -> Outcome {
        let mut outcome = Outcome { path: file.display().to_string(), ..Outcome::default() };
        outcome.found.tree = Arc::clone(&self.tree);
        outcome.found.tables = self.tables.clone();
        match self.load(file, &mut outcome.found) {
            Ok(Loaded::Whole(bytes)) => {
                self.meter.read(0, bytes.len() as u64);
                interpret(&bytes, self.limits, &mut outcome);
            }
            Ok(Loaded::Parts(result)) => {
                outcome.formats = std::mem::take(&mut outcome.found.formats);
                outcome.error = result.err().or(outcome.found.cut.take()).map(|error| (error.reason(), true));
            }
            Ok(Loaded::Head(head, size)) => match model_file::sniff(&outcome.path, &head) {
                Some(sniffed) => {
                    let read = model_file::read_large(file, sniffed, self.limits.file_bytes, &mut outcome.found);
                    outcome.model_file(read);
                }
                None => outcome.error = Some((stream::too_large(size, self.limits.file_bytes).reason(), true)),
            },
            // what cannot be opened may be anything, identity included
            Err(error) => outcome.error = Some((error.reason(), true)),
        }
        self.meter.read(1, 0);
        outcome
    }

    fn load(&self, file: &Path, found: &mut Found) -> Result<Loaded, Error> {
        let unreadable = |error| Error::unreadable(file, error);
        let size = fs::metadata(file).map_err(unreadable)?.len();
        if size >= stream::LARGE
            && let Some(result) = stream::read(file, self.meter, found)
        {
            return Ok(Loaded::Parts(result));
        }
        let reader = fs::File::open(file).map_err(unreadable)?;
        let over = size > self.limits.file_bytes;
        let mut bytes = Vec::new();
        // a file may grow while it is read
        reader.take(if over { 4096 } else { self.limits.file_bytes }).read_to_end(&mut bytes).map_err(unreadable)?;
        Ok(if over { Loaded::Head(bytes, size) } else { Loaded::Whole(bytes) })
    }
}

/// How many of the next files make a window; at least one.
fn window_length(files: &[PathBuf]) -> usize {
    let most = WINDOW_BYTES * rayon::current_num_threads() as u64;
    let mut bytes = 0;
    let size = |file: &PathBuf| fs::metadata(file).map_or(0, |metadata| metadata.len());
    let fit = files.iter().take(WINDOW_FILES).take_while(|file| {
        let before = bytes;
        bytes += size(file);
        before < most
    });
    fit.count().max(1)
}

enum Loaded {
    Whole(Vec<u8>),
    /// Read in parts, to the end or to an error.
    Parts(Result<(), Error>),
    /// The first bytes of a file over the limit, and its size.
    Head(Vec<u8>, u64),
}

fn interpret(bytes: &[u8], limits: &Limits, outcome: &mut Outcome) {
    if packed::holds_json(bytes) {
        return unpack(bytes, limits, outcome);
    }
    if let Some(sniffed) = model_file::sniff(&outcome.path, bytes) {
        match model_file::read(&outcome.path, sniffed, bytes, &mut outcome.found) {
            model_file::Read::Archive if packed::is_gzip(bytes) => unpack(bytes, limits, outcome),
            model_file::Read::Archive | model_file::Read::Unscanned(_) if packed::is_zip_of_json(bytes) => {
                unzip(bytes, limits, outcome)
            }
            read => outcome.model_file(read),
        }
        return;
    }
    text(bytes, outcome);
}

/// Reads what a gzip stream holds.
fn unpack(bytes: &[u8], limits: &Limits, outcome: &mut Outcome) {
    let (unpacked, error) = packed::gunzip(bytes, limits.file_bytes);
    text(&unpacked, outcome);
    if let Some(error) = error {
        outcome.error = Some((error.reason(), true));
    }
}

/// Reads each file of a zip as if it lay in a folder of the zip's name.
fn unzip(bytes: &[u8], limits: &Limits, outcome: &mut Outcome) {
    let path = outcome.path.clone();
    let (mut formats, mut error) = (Vec::new(), None);
    let cut = packed::unzip(bytes, limits.file_bytes, |name, content| {
        outcome.path = format!("{path}/{name}");
        text(content, outcome);
        for format in std::mem::take(&mut outcome.formats) {
            if !formats.contains(&format) {
                formats.push(format);
            }
        }
        error = error.take().or(outcome.error.take().map(|(reason, critical)| (format!("{name}: {reason}"), critical)));
    });
    outcome.path = path;
    outcome.formats = formats;
    outcome.error = cut.map(|error| (error.reason(), true)).or(error);
}

fn text(bytes: &[u8], outcome: &mut Outcome) {
    let Some(decoded) = decode(bytes) else {
        outcome.skipped = Some("binary, of no known format".to_owned());
        return;
    };
    let path = outcome.path.clone();
    let source = Source { path: &path, text: &decoded.text };
    match TEXTUAL.iter().copied().flatten().find(|format| (format.matches)(&source)) {
        Some(format) => {
            outcome.found.name(format.name);
            let error = (format.read)(&source, &mut outcome.found).err();
            let ai = outcome.found.inventory.assets().any(|asset| asset.ai);
            outcome.error = error.or(decoded.error).map(|error| (error.reason(), format.critical || ai));
        }
        None => {
            structured(&source, outcome);
            if let (Some(error), None) = (decoded.error, &outcome.error) {
                outcome.error = Some((error.reason(), critical(&decoded.text)));
            }
        }
    }
    outcome.formats = std::mem::take(&mut outcome.found.formats);
    // what a log's messages hold is the log's own matter
    if outcome.found.events.is_empty() {
        secret::read(&path, &decoded.text, &mut outcome.found);
    }
}

/// Reads JSON, JSON Lines or YAML, whichever the text looks like.
fn structured(source: &Source<'_>, outcome: &mut Outcome) {
    let Parsed { documents, error, reason } = parse(source);
    let none = documents.is_empty();
    for document in documents {
        dispatch_owned(document, &mut outcome.found);
    }
    if error.is_some() && none {
        stream::rescue(source.path, source.text, &mut outcome.found);
    }
    let unknown = outcome.found.formats.is_empty();
    match error.or_else(|| outcome.found.cut.take()) {
        Some(_) if unknown && template(source.text) => {
            outcome.skipped = Some("a template, not a manifest: render it first (`helm template`)".to_owned());
        }
        Some(error) => outcome.error = Some((error.reason(), critical(source.text) || !unknown)),
        None if unknown => outcome.skipped = Some(reason.unwrap_or("no known format").to_owned()),
        None => {}
    }
}

/// Whether a text has what only a template engine understands.
fn template(text: &str) -> bool {
    ["{{ .Values", "{{- ", "{{ include", "{{ .Release", "{{.Values", "{{ if", "{%"]
        .iter()
        .any(|sign| text.contains(sign))
}
