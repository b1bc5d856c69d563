//! Which format a file is, by content, and what reading it gave.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::Value;

use super::decode::decode;
use super::walk::{Tree, file_name};
use super::{
    Limits, aws, code, docker, dotenv, hcl, kubernetes, mcp, model_file, package, prompt_log, secret, terraform,
};
use crate::asset::{Document, Error, Event, Evidence, Inventory, Relation, RelationKind};

/// What one file or document adds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Assets and relations.
    pub(crate) inventory: Inventory,
    /// Run-time messages.
    pub(crate) events: Vec<Event>,
    /// How the files of this run lie to each other.
    pub(crate) tree: Arc<Tree>,
    /// Why a document that parses is not the whole of what it lists, if so.
    pub(crate) cut: Option<Error>,
}

impl Found {
    /// Adds a relation with its evidence.
    pub(crate) fn relate(&mut self, from: &str, kind: RelationKind, to: &str, evidence: &Evidence) {
        self.inventory.relate(Relation::new(from, kind, to).seen(evidence.clone()));
    }
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
    /// The file's name without its folder.
    pub(super) fn name(&self) -> &'a str {
        file_name(self.path)
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

/// Structured formats, most specific first; the first that matches reads the document.
const STRUCTURED: &[Structured] = &[
    aws::AUTHORIZATION_DETAILS,
    terraform::SHOW,
    kubernetes::MANIFEST,
    mcp::CONFIG,
    mcp::TOOLS,
    package::PACKAGE_JSON,
    package::PACKAGE_LOCK,
    code::NOTEBOOK,
    docker::COMPOSE,
    prompt_log::DOCUMENT,
    model_file::CONFIG,
];

/// Formats of text, most specific first; tried before the text is parsed as JSON or YAML.
const TEXTUAL: &[Textual] = &[
    prompt_log::LINES,
    package::REQUIREMENTS,
    package::PYPROJECT,
    package::PIPFILE,
    package::PYTHON_LOCK,
    package::CARGO,
    package::GO_MOD,
    docker::DOCKERFILE,
    dotenv::DOTENV,
    hcl::HCL,
    code::PYTHON,
    code::JAVASCRIPT,
    code::GO,
];

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

/// Reads files in parallel; outcomes in the order of the files.
pub(super) fn read_all(files: &[PathBuf], tree: &Arc<Tree>, limits: &Limits) -> Vec<Outcome> {
    files.par_iter().map(|file| read(file, tree, limits)).collect()
}

fn read(file: &Path, tree: &Arc<Tree>, limits: &Limits) -> Outcome {
    let mut outcome = Outcome { path: file.display().to_string(), ..Outcome::default() };
    outcome.found.tree = Arc::clone(tree);
    match load(file, limits) {
        Ok(Loaded::Whole(bytes)) => interpret(&bytes, &mut outcome),
        Ok(Loaded::Head(head, size)) => match model_file::sniff(&outcome.path, &head) {
            Some(sniffed) => {
                let read = model_file::read_large(file, sniffed, limits.file_bytes, &mut outcome.found);
                outcome.model_file(read);
            }
            None => {
                let reason = format!("{size} bytes, larger than the limit of {}", limits.file_bytes);
                outcome.error = Some((reason, true));
            }
        },
        // what cannot be opened may be anything, identity included
        Err(error) => outcome.error = Some((error.reason(), true)),
    }
    outcome
}

enum Loaded {
    Whole(Vec<u8>),
    /// The first bytes of a file over the limit, and its size.
    Head(Vec<u8>, u64),
}

fn load(file: &Path, limits: &Limits) -> Result<Loaded, Error> {
    let unreadable = |error| Error::unreadable(file, error);
    let size = fs::metadata(file).map_err(unreadable)?.len();
    let reader = fs::File::open(file).map_err(unreadable)?;
    let over = size > limits.file_bytes;
    let mut bytes = Vec::new();
    // a file may grow while it is read
    reader.take(if over { 4096 } else { limits.file_bytes }).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(if over { Loaded::Head(bytes, size) } else { Loaded::Whole(bytes) })
}

fn interpret(bytes: &[u8], outcome: &mut Outcome) {
    if let Some(sniffed) = model_file::sniff(&outcome.path, bytes) {
        let read = model_file::read(&outcome.path, sniffed, bytes, &mut outcome.found);
        outcome.model_file(read);
        return;
    }
    let Some(decoded) = decode(bytes) else {
        outcome.skipped = Some("binary, of no known format".to_owned());
        return;
    };
    let path = outcome.path.clone();
    let source = Source { path: &path, text: &decoded.text };
    match TEXTUAL.iter().find(|format| (format.matches)(&source)) {
        Some(format) => {
            outcome.formats.push(format.name);
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
    // what a log's messages hold is the log's own matter
    if outcome.found.events.is_empty() {
        secret::read(&path, &decoded.text, &mut outcome.found);
    }
}

/// Reads JSON or YAML, whichever the text looks like.
fn structured(source: &Source<'_>, outcome: &mut Outcome) {
    let (documents, error) = match syntax(source) {
        Syntax::Json => json(source),
        Syntax::Yaml => Document::yaml(source.path, source.text),
        Syntax::Other(reason) => {
            outcome.skipped = Some(reason.to_owned());
            return;
        }
    };
    for document in &documents {
        if let Some(format) = STRUCTURED.iter().find(|format| (format.matches)(&document.value)) {
            (format.read)(document, &mut outcome.found);
            if !outcome.formats.contains(&format.name) {
                outcome.formats.push(format.name);
            }
        }
    }
    match error.or_else(|| outcome.found.cut.take()) {
        Some(_) if outcome.formats.is_empty() && template(source.text) => {
            outcome.skipped = Some("a template, not a manifest: render it first (`helm template`)".to_owned());
        }
        Some(_) if outcome.formats.is_empty() && json_lines(source.text) => {
            outcome.skipped = Some("JSON Lines, of no known format".to_owned());
        }
        Some(error) => outcome.error = Some((error.reason(), critical(source.text))),
        None if outcome.formats.is_empty() => outcome.skipped = Some("no known format".to_owned()),
        None => {}
    }
}

/// Whether a text that does not parse was probably meant to be of a critical format.
fn critical(text: &str) -> bool {
    let meant =
        |format: &Structured| !format.markers.is_empty() && format.markers.iter().all(|marker| text.contains(marker));
    STRUCTURED.iter().any(|format| format.critical && meant(format))
}

/// Whether the first two lines are JSON objects of their own.
fn json_lines(text: &str) -> bool {
    let mut rows = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(2);
    let mut object =
        || rows.next().is_some_and(|row| serde_json::from_str::<serde_json::Map<String, Value>>(row).is_ok());
    object() && object()
}

enum Syntax {
    Json,
    Yaml,
    Other(&'static str),
}

fn syntax(source: &Source<'_>) -> Syntax {
    let mut start = source.text.trim_start().chars();
    let (first, second) = (start.next(), start.find(|c| !c.is_whitespace()));
    let json = match first {
        Some('{') => second.is_none_or(|c| matches!(c, '"' | '}' | '/')),
        Some('[') => second.is_none_or(|c| "{[\"]-0123456789tfn/".contains(c)),
        _ => false,
    };
    let yaml = source.has_extension(&["yaml", "yml"]);
    if source.text.trim().is_empty() {
        Syntax::Other("empty")
    } else if json || (source.has_extension(&["json", "jsonc"]) && matches!(first, Some('{' | '['))) {
        Syntax::Json
    } else if yaml || source.text.lines().take(64).any(|line| line.starts_with("apiVersion:")) {
        Syntax::Yaml
    } else {
        Syntax::Other("no known format")
    }
}

/// Whether a text has what only a template engine understands.
fn template(text: &str) -> bool {
    ["{{ .Values", "{{- ", "{{ include", "{{ .Release", "{{.Values", "{{ if", "{%"]
        .iter()
        .any(|sign| text.contains(sign))
}

/// One JSON document; comments and trailing commas, as editors' settings have them, are tolerated.
fn json(source: &Source<'_>) -> (Vec<Document>, Option<Error>) {
    match Document::json(source.path, source.text) {
        Ok(document) => (vec![document], None),
        Err(error) => match Document::json(source.path, &without_comments(source.text)) {
            Ok(document) => (vec![document], None),
            Err(_) => (Vec::new(), Some(error)),
        },
    }
}

/// JSON with comments and trailing commas blanked out. Linear.
fn without_comments(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut comma = None;
    while let Some(c) = rest.next() {
        match c {
            '"' => {
                comma = None;
                clean.push(c);
                while let Some(c) = rest.next() {
                    clean.push(c);
                    match c {
                        '"' => break,
                        '\\' => clean.extend(rest.next()),
                        _ => {}
                    }
                }
            }
            '/' if rest.peek() == Some(&'/') => {
                while rest.peek().is_some_and(|c| *c != '\n') {
                    rest.next();
                }
            }
            '/' if rest.peek() == Some(&'*') => {
                let mut last = ' ';
                rest.next();
                for c in rest.by_ref() {
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
            }
            '}' | ']' => {
                if let Some(at) = comma.take() {
                    clean.replace_range(at..=at, " ");
                }
                clean.push(c);
            }
            _ => {
                if c == ',' {
                    comma = Some(clean.len());
                } else if !c.is_whitespace() {
                    comma = None;
                }
                clean.push(c);
            }
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_with_comments() {
        let text = "{ // a\n \"a\": \"//\\\"x\", /* b */ \"b\": [1, 2,\n], }";
        let (documents, error) = json(&Source { path: "s.json", text });
        assert!(error.is_none());
        assert_eq!(documents[0].value, serde_json::json!({"a": "//\"x", "b": [1, 2]}));
    }
}
