//! Large files, read in parts: memory is bounded by what is found and by a few parts, not by the file.
//!
//! JSON is cut between the rows of its lists ([`split`](super::split)), JSON Lines between lines. Parts are read in
//! parallel and merged in order, so the result is that of reading the whole.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::Value;

use super::format::{Found, dispatch_owned, read_row, takes_parts};
use super::progress::Meter;
use super::split::{Part, Plan, Splitter};
use super::syntax::{BadRows, is_json_lines};
use super::{envelope, prompt_log};
use crate::asset::{Document, Error, ErrorKind, pointer_key};

/// Least size of a file that is read in parts, bytes.
pub(super) const LARGE: u64 = 2 << 20;
/// Least size of a part, bytes.
const PART: u64 = 1 << 19;
/// Parts in memory at a time, for each thread.
const WINDOW: usize = 4;
/// Longest text around the rows with which the rows of a broken part are still tried one by one.
const RESCUE_LIMIT: usize = 4096;

/// Reads a large JSON or JSON Lines file in parts; `None` if it must be read whole.
pub(super) fn read(file: &Path, meter: &Meter, found: &mut Found) -> Option<Result<(), Error>> {
    match begin(file).and_then(|head| sequence(file, &head, meter, found)) {
        Ok(true) => Some(Ok(())),
        Ok(false) => None,
        Err(error) => Some(Err(error)),
    }
}

/// The first bytes.
fn begin(file: &Path) -> Result<Vec<u8>, Error> {
    let mut head = Vec::new();
    let reader = File::open(file).map_err(|error| Error::unreadable(file, error))?;
    reader.take(PART).read_to_end(&mut head).map_err(|error| Error::unreadable(file, error))?;
    Ok(head)
}

fn sequence(file: &Path, head: &[u8], meter: &Meter, found: &mut Found) -> Result<bool, Error> {
    // the head may end inside a character
    let valid = std::str::from_utf8(head).or_else(|error| match error.error_len() {
        None => std::str::from_utf8(head.get(..error.valid_up_to()).unwrap_or_default()),
        Some(_) => Err(error),
    });
    match valid.map(|head| head.trim_start_matches('\u{feff}').trim_start()) {
        Ok(head) if is_json_lines(head) => lines(file, meter, found).map(|()| true),
        Ok(head) if head.starts_with(['{', '[']) => document(file, meter, found),
        _ => Ok(false),
    }
}

/// Reads a document part by part, if what reads it takes parts.
fn document(file: &Path, meter: &Meter, found: &mut Found) -> Result<bool, Error> {
    let unreadable = |error| Error::unreadable(file, error);
    let mut reader = File::open(file).map_err(unreadable)?;
    let mut splitter = Splitter::new(PART);
    let mut block = vec![0; 1 << 16];
    loop {
        let read = reader.read(&mut block).map_err(unreadable)?;
        if read == 0 || !splitter.feed(block.get(..read).unwrap_or_default()) {
            break;
        }
    }
    let Some((plan, keys)) = splitter.finish() else { return Ok(false) };
    let whole = Whole { text: Text::File(file), path: file.display().to_string().into(), plan, keys };
    if !whole.takes_parts() {
        return Ok(false);
    }
    let mut bad = BadRows::default();
    let empty = found.beside();
    let mut windows = whole.plan.parts.chunks(window());
    in_order(
        || Ok(windows.next()),
        |part: &Part| {
            meter.read(0, part.range.end - part.range.start);
            whole.read(part, empty.beside())
        },
        found,
        &mut bad,
    )?;
    if whole.plan.cut {
        bad.note(None, "the document ends before its list does");
    }
    bad.into_error().map_or(Ok(true), Err)
}

fn window() -> usize {
    WINDOW * rayon::current_num_threads()
}

/// Reads windows of parts in parallel, each while the one before is merged.
fn in_order<W: AsRef<[P]>, P: Sync>(
    mut next: impl FnMut() -> Result<Option<W>, Error>,
    read: impl Fn(&P) -> (Found, BadRows) + Sync,
    found: &mut Found,
    bad: &mut BadRows,
) -> Result<(), Error> {
    let mut ready: Vec<(Found, BadRows)> = Vec::new();
    loop {
        let window = next();
        let merge = || {
            for (part, rows) in std::mem::take(&mut ready) {
                found.extend(part);
                bad.merge(rows);
            }
        };
        let parts: &[P] = match &window {
            Ok(Some(window)) => window.as_ref(),
            _ => &[],
        };
        let ((), parts) = rayon::join(merge, || parts.par_iter().map(&read).collect());
        ready = parts;
        if window?.is_none() {
            return Ok(());
        }
    }
}

/// A document and where it can be cut.
struct Whole<'f> {
    text: Text<'f>,
    path: Arc<str>,
    plan: Plan,
    keys: Vec<String>,
}

impl Whole<'_> {
    /// Whether the first part of each list is of a format that takes parts.
    fn takes_parts(&self) -> bool {
        let mut firsts = self.plan.parts.iter().filter(|part| part.first == 0).peekable();
        firsts.peek().is_some() && firsts.all(|part| self.parse(part).is_ok_and(|whole| takes_parts(&whole.value)))
    }

    fn rows(&self, part: &Part) -> Result<Cow<'_, str>, Error> {
        match self.text {
            Text::File(file) => part_of(file, &part.range).map(Cow::Owned).map_err(|e| Error::unreadable(file, e)),
            Text::Memory(text) => {
                let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
                Ok(Cow::Borrowed(text.get(place(part.range.start)..place(part.range.end)).unwrap_or_default()))
            }
        }
    }

    fn parse(&self, part: &Part) -> Result<Document, Error> {
        let text = self.plan.wrap(part, &self.keys, &self.rows(part)?);
        Ok(self.document(part, part.first, serde_json::from_str(&text)?))
    }

    fn document(&self, part: &Part, first: usize, value: Value) -> Document {
        let key =
            Plan::key(part, &self.keys).and_then(|key| serde_json::from_str::<String>(&format!("\"{key}\"")).ok());
        let pointer = key.map(|key| format!("/{}", pointer_key(&key))).unwrap_or_default();
        Document::rows(Arc::clone(&self.path), pointer, first, value)
    }

    fn read(&self, part: &Part, mut found: Found) -> (Found, BadRows) {
        let mut bad = BadRows::default();
        match self.parse(part) {
            Ok(document) => {
                dispatch_owned(document, &mut found);
            }
            Err(_) => self.rescue(part, &mut found, &mut bad),
        }
        (found, bad)
    }

    /// Reads the rows of a broken part one by one, so that a broken row does not cost its neighbours.
    fn rescue(&self, part: &Part, found: &mut Found, bad: &mut BadRows) {
        let rows = match self.rows(part) {
            Ok(rows) if self.plan.skeleton.as_ref().is_none_or(|skeleton| skeleton.len() <= RESCUE_LIMIT) => rows,
            Ok(_) => return bad.note(None, &format!("rows {} and following do not parse", part.first)),
            Err(error) => return bad.note(None, &error.reason()),
        };
        for row in rows_of(&rows) {
            let first = part.first + row.first;
            match serde_json::from_str(&self.plan.wrap(part, &self.keys, row.text)) {
                Ok(value) => {
                    dispatch_owned(self.document(part, first, value), found);
                }
                Err(error) => bad.note(None, &format!("row {first}: {}", Error::from(error).message)),
            }
        }
    }
}

/// Where a document's text is.
#[derive(Clone, Copy)]
enum Text<'f> {
    File(&'f Path),
    Memory(&'f str),
}

fn part_of(file: &Path, range: &Range<u64>) -> std::io::Result<String> {
    let mut reader = File::open(file)?;
    reader.seek(SeekFrom::Start(range.start))?;
    let mut text = String::new();
    reader.take(range.end.saturating_sub(range.start)).read_to_string(&mut text)?;
    Ok(text)
}

struct Row<'t> {
    first: usize,
    text: &'t str,
}

/// The rows of a part, each alone.
fn rows_of(text: &str) -> Vec<Row<'_>> {
    let mut splitter = Splitter::new(0);
    splitter.feed(b"[");
    splitter.feed(text.as_bytes());
    splitter.feed(b"]");
    let (plan, _) = splitter.finish().unwrap_or_default();
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).saturating_sub(1);
    let row =
        |part: &Part| Some(Row { first: part.first, text: text.get(place(part.range.start)..place(part.range.end))? });
    plan.parts.iter().filter_map(row).collect()
}

/// Reads what is good of a JSON document in memory that does not parse as a whole.
pub(super) fn rescue(path: &str, text: &str, found: &mut Found) {
    let mut splitter = Splitter::new(PART);
    splitter.feed(text.as_bytes());
    if let Some((plan, keys)) = splitter.finish() {
        let whole = Whole { text: Text::Memory(text), path: path.into(), plan, keys };
        let parts = whole.plan.parts.iter().map(|part| whole.read(part, found.beside()).0);
        let parts: Vec<Found> = parts.collect();
        parts.into_iter().for_each(|part| found.extend(part));
    }
}

/// A block of whole lines.
struct Block {
    text: Vec<u8>,
    /// Lines before it.
    before: u64,
}

/// Reads JSON Lines block by block.
fn lines(file: &Path, meter: &Meter, found: &mut Found) -> Result<(), Error> {
    let unreadable = |error| Error::unreadable(file, error);
    let path: Arc<str> = file.display().to_string().into();
    let mut blocks = Blocks { reader: File::open(file).map_err(unreadable)?, rest: Vec::new(), before: 0, done: false };
    let (mut bad, empty) = (BadRows::default(), found.beside());
    let next = || blocks.window().map(|window| (!window.is_empty()).then_some(window)).map_err(unreadable);
    let read = |block: &Block| {
        meter.read(0, block.text.len() as u64);
        block.read(&path, empty.beside())
    };
    in_order(next, read, found, &mut bad)?;
    bad.into_error().map_or(Ok(()), Err)
}

struct Blocks {
    reader: File,
    /// The start of a line whose end is not read yet.
    rest: Vec<u8>,
    before: u64,
    done: bool,
}

impl Blocks {
    fn window(&mut self) -> std::io::Result<Vec<Block>> {
        let mut window = Vec::new();
        while window.len() < self::window() && !self.done {
            let mut text = std::mem::take(&mut self.rest);
            let read = Read::by_ref(&mut self.reader).take(PART).read_to_end(&mut text)?;
            self.done = read == 0;
            if !self.done {
                let end = memchr::memrchr(b'\n', &text).map_or(0, |at| at + 1);
                self.rest = text.split_off(end);
            }
            let block = Block { before: self.before, text };
            self.before += memchr::memchr_iter(b'\n', &block.text).count() as u64;
            if !block.text.is_empty() {
                window.push(block);
            }
        }
        Ok(window)
    }
}

impl Block {
    fn read(&self, path: &Arc<str>, mut found: Found) -> (Found, BadRows) {
        let mut bad = BadRows::default();
        for (line, text) in (self.before + 1..).zip(self.text.split(|byte| *byte == b'\n')) {
            if text.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match serde_json::from_slice(text) {
                Ok(value) => {
                    let row = Document::row(Arc::clone(path), line, value);
                    if !read_row(&row, &mut found) && !prompt_log::read_line(&row, &mut found) {
                        envelope::open(row, &mut found);
                    }
                }
                Err(error) => bad.note(usize::try_from(line).ok(), &Error::from(error).message),
            }
        }
        (found, bad)
    }
}

/// Why a file over the limit that cannot be read in parts is not read.
pub(super) fn too_large(size: u64, limit: u64) -> Error {
    Error::new(
        ErrorKind::Budget,
        format!("{size} bytes, larger than the limit of {limit} for a file that is read whole"),
    )
}

#[cfg(test)]
#[allow(clippy::string_slice, reason = "a test may fail")]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::discover::{Discoverer, Limits, discover};

    /// A `List` over the size of a large file; row `bad` does not parse.
    fn list(bad: usize) -> String {
        let mut text = String::from("{\"apiVersion\": \"v1\", \"items\": [");
        let filler = "x".repeat(900);
        for i in 0.. {
            let kind = if i == bad { "kind" } else { "\"kind\"" };
            text.push_str(&format!(
                "{{\"apiVersion\": \"v1\", {kind}: \"ServiceAccount\", \"metadata\": {{\"name\": \"s{i}\", \"annotations\": {{\"a\": \"{filler}\"}}}}}}"
            ));
            if text.len() as u64 > LARGE {
                break;
            }
            text.push_str(",\n");
        }
        text.push_str("], \"kind\": \"List\"}");
        text
    }

    #[test]
    fn parts_give_what_the_whole_gives() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list.json");
        let text = list(usize::MAX);
        std::fs::write(&file, &text).unwrap();
        // also where the whole would be too large
        let limits = Limits { file_bytes: 1 << 10, ..Limits::default() };
        let discovery = Discoverer::new().limits(limits).run([&file]);
        assert!(discovery.incomplete.is_empty(), "{:?}", discovery.incomplete);
        let document = Document::json(file.display().to_string(), &text).unwrap();
        let mut whole = Found::default();
        dispatch_owned(document, &mut whole);
        assert!(discovery.inventory.len() > 2000);
        assert_eq!(discovery.inventory, whole.inventory);
    }

    #[test]
    fn a_bad_row_or_a_missing_end_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let whole = list(usize::MAX);
        let all = discover([write(folder.path(), "a.json", &whole)]).inventory.len();
        let bad = discover([write(folder.path(), "b.json", &list(1500))]);
        assert_eq!(bad.inventory.len(), all - 1);
        assert!(bad.incomplete[0].reason.starts_with("bad row: row 1500"), "{:?}", bad.incomplete);
        let cut = discover([write(folder.path(), "c.json", &whole[..whole.len() - 400])]);
        assert_eq!(cut.inventory.len(), all - 1);
        assert!(cut.incomplete[0].critical);
        let small = discover([write(folder.path(), "d.json", &list(0)[..5000])]);
        assert_eq!((small.inventory.len(), small.incomplete.len()), (3, 1), "{small:?}");
    }

    #[test]
    fn json_lines_are_read_block_by_block() {
        let folder = tempfile::tempdir().unwrap();
        let mut rows = String::new();
        for i in 0..3000 {
            let broken = if i == 2500 { "{" } else { "" };
            let filler = "y".repeat(900);
            rows.push_str(&format!(
                "{broken}{{\"apiVersion\": \"v1\", \"kind\": \"ServiceAccount\", \"metadata\": {{\"name\": \"s{i}\", \"annotations\": {{\"a\": \"{filler}\"}}}}}}\n"
            ));
        }
        let discovery = discover([write(folder.path(), "rows.jsonl", &rows)]);
        assert_eq!(discovery.inventory.len(), 2999);
        assert!(discovery.incomplete[0].reason.contains("line 2501"), "{:?}", discovery.incomplete);
        let last = discovery.inventory.get("k8s://cluster/default/ServiceAccount/s2999").unwrap();
        assert_eq!(last.evidence[0].line, Some(3000));
    }

    fn write(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
        let path = folder.join(name);
        File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        path
    }
}
