//! Reads a log from end to end and says what is wrong with it.

use std::io::BufRead;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lines::{Line, Lines};
use super::{ENTRY_LIMIT, Entry, GENESIS, Head, hash};
use crate::asset::{Error, ErrorKind, Purpose, Result, VerifyingKey, canonical_json, is_utc, names};

/// Most problems that are listed; the rest is counted.
const PROBLEMS: usize = 1000;

/// Checks logs. Reusable.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Verifier {
    head: Option<Expected>,
    keys: Vec<VerifyingKey>,
}

/// An end that the log had.
#[derive(Debug, Clone)]
enum Expected {
    Hash(String),
    Head(Head),
}

/// What a log was found to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Verification {
    /// Entries read.
    pub entries: u64,
    /// Entries with a signature.
    pub signed: u64,
    /// Where the log ends.
    pub head: Head,
    /// How many entries follow the expected head, if it was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_head: Option<u64>,
    /// What is wrong, in the order of lines but for a replaced entry, which its successor tells; at most 1,000.
    pub problems: Vec<Problem>,
    /// How many more there are.
    #[serde(default)]
    pub more_problems: u64,
}

/// Something that should not be in a log, or should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Problem {
    /// The line, from 1; none where the log as a whole is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The entry, as far as it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// What kind of problem.
    pub what: ProblemKind,
    /// The same in a sentence.
    pub message: String,
}

names! {
    /// What is wrong with a log.
    ProblemKind, "snake_case" {
        /// A line is no entry in canonical JSON.
        Malformed = "malformed",
        /// An entry does not have the hash that it names.
        Changed = "changed",
        /// Entries are missing.
        Removed = "removed",
        /// An entry does not belong to the chain.
        Inserted = "inserted",
        /// An entry stands again.
        Duplicate = "duplicate",
        /// An entry stands at another place than its own.
        Reordered = "reordered",
        /// An entry has a hash of its own, but its successor names another.
        Replaced = "replaced",
        /// A signature is missing, wrong, or by another key.
        Signature = "signature",
        /// The log does not reach the expected head, or that head is not to be trusted.
        Head = "head",
    }
}

impl Verifier {
    /// Without a head or a key: checks the chain alone.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The log must hold the entry with this hash. It may go on behind it.
    #[must_use]
    pub fn head(mut self, hash: impl Into<String>) -> Self {
        self.head = Some(Expected::Hash(hash.into().to_ascii_lowercase()));
        self
    }

    /// The log must hold the entry that this head names, instead. Where keys are given, one of them must have signed it.
    #[must_use]
    pub fn signed_head(mut self, head: Head) -> Self {
        self.head = Some(Expected::Head(head));
        self
    }

    /// Every entry must be signed by this key, or by another that is given. A log without any signature is as good up to a
    /// [`signed_head`](Self::signed_head).
    #[must_use]
    pub fn key(mut self, key: VerifyingKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Checks a log in one pass with the memory of two entries; errors are of reading only. Linear in the log.
    pub fn run(&self, log: impl BufRead) -> Result<Verification> {
        let mut lines = Lines::new(log, ENTRY_LIMIT);
        let mut walk = Walk::new(self);
        let mut held = None::<Read>;
        let unreadable = |error: std::io::Error| {
            let mut wrapped = Error::new(ErrorKind::Unreadable, error.to_string());
            wrapped.source = Some(error);
            wrapped
        };
        while let Some(line) = lines.next().map_err(unreadable)? {
            let read = walk.read(&line);
            if let Some(held) = held.take() {
                walk.place(held, read.entry.as_ref());
            }
            held = Some(read);
        }
        if let Some(held) = held {
            walk.place(held, None);
        }
        Ok(walk.end())
    }
}

impl Expected {
    fn is(&self, seq: Option<u64>, hash: &str) -> bool {
        match self {
            Self::Hash(expected) => expected == hash,
            Self::Head(head) => head.hash == hash && head.entries == seq.map_or(0, |seq| seq.saturating_add(1)),
        }
    }
}

/// A line, and the entry that it holds, if any.
struct Read {
    line: u64,
    entry: Option<Seen>,
}

/// What is kept of an entry.
struct Seen {
    line: u64,
    seq: u64,
    previous: String,
    hash: String,
    /// The hash that it should have, if it is another.
    changed: Option<String>,
}

/// On the way through a log.
struct Walk<'a> {
    verifier: &'a Verifier,
    found: Verification,
    /// The number of the entry that should come.
    expected: u64,
    /// One more than the highest number seen in place.
    highest: u64,
    /// The entry that the next one is chained to, unless something lies between them.
    before: Option<Seen>,
    /// The line before was no entry, so that it is not known whether it stood for one.
    loose: bool,
    /// Numbers that did not come where they should, and those that came too early.
    missing: Vec<std::ops::Range<u64>>,
    early: Vec<u64>,
}

impl<'a> Walk<'a> {
    fn new(verifier: &'a Verifier) -> Self {
        let from_the_start = verifier.head.as_ref().is_some_and(|head| head.is(None, GENESIS));
        Self {
            verifier,
            found: Verification { after_head: from_the_start.then_some(0), ..Verification::default() },
            expected: 0,
            highest: 0,
            before: None,
            loose: false,
            missing: Vec::new(),
            early: Vec::new(),
        }
    }

    fn problem(&mut self, line: Option<u64>, seq: Option<u64>, what: ProblemKind, message: impl Into<String>) {
        if self.found.problems.len() < PROBLEMS {
            self.found.problems.push(Problem { line, seq, what, message: message.into() });
        } else {
            self.found.more_problems = self.found.more_problems.saturating_add(1);
        }
    }

    /// What a line holds by itself: its form, its hash, its signature.
    fn read(&mut self, line: &Line) -> Read {
        let number = line.number;
        let entry = match parse(line) {
            Ok((entry, computed)) => {
                self.found.entries = self.found.entries.saturating_add(1);
                let seq = entry.seq;
                let changed = (entry.hash != computed).then_some(computed);
                if changed.is_some() {
                    let message = format!("entry {seq} does not have the hash that it names");
                    self.problem(Some(number), Some(seq), ProblemKind::Changed, message);
                } else if let Some(message) = self.signature(&entry) {
                    self.problem(Some(number), Some(seq), ProblemKind::Signature, format!("entry {seq} {message}"));
                }
                if !line.ended {
                    let message = format!("entry {seq} does not end in a line feed");
                    self.problem(Some(number), Some(seq), ProblemKind::Malformed, message);
                }
                Some(Seen { line: number, seq, previous: entry.previous, hash: entry.hash, changed })
            }
            Err(message) => {
                self.problem(Some(number), None, ProblemKind::Malformed, message);
                None
            }
        };
        Read { line: number, entry }
    }

    /// What is wrong with the signature of an entry. Without keys the first entry says whether there must be one.
    fn signature(&mut self, entry: &Entry) -> Option<&'static str> {
        let keys = &self.verifier.keys;
        let before = self.found.entries > 1;
        match (&entry.signed_by, &entry.signature) {
            (Some(by), Some(signature)) => {
                let all_before = !before || self.found.signed > 0;
                self.found.signed = self.found.signed.saturating_add(1);
                match VerifyingKey::parse(by).ok() {
                    Some(key) if !key.verifies(Purpose::Entry, entry.hash.as_bytes(), signature) => {
                        Some("has a signature that does not hold")
                    }
                    Some(key) if !keys.is_empty() && !keys.contains(&key) => {
                        Some("is signed by a key that was not given")
                    }
                    Some(_) if !all_before => Some("is signed, unlike those before it"),
                    Some(_) => None,
                    None => Some("names a key that is none"),
                }
            }
            // a log without signatures can be vouched for by a signed head
            (None, None) if !keys.is_empty() && !self.vouched() => Some("is not signed"),
            (None, None) if self.found.signed > 0 => Some("is not signed, unlike those before it"),
            (None, None) => None,
            _ => Some("has half a signature"),
        }
    }

    fn vouched(&self) -> bool {
        self.found.signed == 0 && matches!(self.verifier.head, Some(Expected::Head(_)))
    }

    /// Where an entry stands among the others. The number of the next one tells an entry that stands out of the row from
    /// the place where the row jumps.
    fn place(&mut self, Read { line, entry }: Read, next: Option<&Seen>) {
        let Some(entry) = entry else { return self.skip() };
        let (seq, expected) = (entry.seq, self.expected);
        if seq == expected || (std::mem::take(&mut self.loose) && seq.saturating_add(1) == expected) {
            self.loose = false;
            return self.take(entry);
        }
        if entry.changed.is_some() {
            // its number is not to be trusted, and it was told of
            return self.skip();
        }
        let following = next.map(|next| next.seq);
        if following == Some(expected) {
            self.extra(entry, next);
        } else if following == Some(expected.saturating_add(1)) {
            self.note_place(seq, expected);
            self.missing(expected..expected.saturating_add(1));
            let message = format!("entry {seq} stands where entry {expected} should");
            self.problem(Some(line), Some(seq), ProblemKind::Reordered, message);
            self.skip();
            self.loose = false;
        } else if seq > expected {
            self.gap(expected.max(self.highest)..seq, line);
            self.before = None;
            self.take(entry);
        } else {
            let moved = self.was_missing(seq);
            let (what, how) =
                if moved { (ProblemKind::Reordered, "too late") } else { (ProblemKind::Duplicate, "again") };
            self.problem(Some(line), Some(seq), what, format!("entry {seq} and what follows it stand {how}"));
            self.before = None;
            self.take(entry);
        }
    }

    /// An entry in its place.
    fn take(&mut self, entry: Seen) {
        if entry.changed.is_none() {
            self.chain(&entry);
            if let Some(after) = &mut self.found.after_head {
                *after = after.saturating_add(1);
            } else if self.verifier.head.as_ref().is_some_and(|head| head.is(Some(entry.seq), &entry.hash)) {
                self.found.after_head = Some(0);
            }
        }
        self.expected = entry.seq.saturating_add(1);
        self.highest = self.highest.max(self.expected);
        self.found.head = Head { entries: self.expected, hash: entry.hash.clone(), ..Head::default() };
        self.before = Some(entry);
    }

    /// Whether the entry names the hash of the one before it.
    fn chain(&mut self, entry: &Seen) {
        match &self.before {
            Some(before) if before.changed.is_none() && before.hash != entry.previous => {
                let (line, seq) = (before.line, before.seq);
                let message = format!("entry {seq} is not the one that entry {} follows", entry.seq);
                self.problem(Some(line), Some(seq), ProblemKind::Replaced, message);
            }
            None if entry.seq == 0 && entry.previous != GENESIS => {
                let message = "entry 0 names a hash before it, as if the log did not begin here";
                self.problem(Some(entry.line), Some(0), ProblemKind::Replaced, message);
            }
            _ => {}
        }
    }

    /// Something stands in the place of an entry.
    fn skip(&mut self) {
        self.expected = self.expected.saturating_add(1);
        self.before = None;
        self.loose = true;
    }

    /// An entry that stands between two that belong together.
    fn extra(&mut self, entry: Seen, next: Option<&Seen>) {
        let Seen { line, seq, .. } = entry;
        let before = self.before.as_ref();
        if seq > self.expected {
            self.note_place(seq, self.expected);
            let message = format!("entry {seq} stands before entry {}", self.expected);
            return self.problem(Some(line), Some(seq), ProblemKind::Reordered, message);
        }
        if self.was_missing(seq) {
            let message = format!("entry {seq} stands behind entry {}", self.expected.saturating_sub(1));
            return self.problem(Some(line), Some(seq), ProblemKind::Reordered, message);
        }
        match before {
            Some(before) if before.seq == seq && before.hash != entry.hash => {
                // of two that claim one number, the next entry tells which belongs
                let belongs = next.is_some_and(|next| next.previous == entry.hash);
                let line = if belongs { before.line } else { line };
                let message = format!("entry {seq} stands twice, and this one does not belong to the chain");
                self.problem(Some(line), Some(seq), ProblemKind::Inserted, message);
                if belongs {
                    self.before = Some(entry);
                }
            }
            _ => self.problem(Some(line), Some(seq), ProblemKind::Duplicate, format!("entry {seq} stands again")),
        }
    }

    /// Entries that should stand before this line. What came too early is not missing.
    fn gap(&mut self, range: std::ops::Range<u64>, line: u64) {
        let absent = |seq: &u64| !self.early.contains(seq);
        // as many as came too early can be skipped at either end
        let Some(first) = range.clone().find(absent) else { return };
        let last = range.clone().rev().find(absent).unwrap_or(first);
        let message = match last - first {
            0 => format!("entry {first} is missing before this line"),
            more => format!("{} are missing before this line: {first} to {last}", count(more.saturating_add(1))),
        };
        self.problem(Some(line), Some(first), ProblemKind::Removed, message);
        self.missing(range);
    }

    fn missing(&mut self, range: std::ops::Range<u64>) {
        if self.missing.len() < PROBLEMS {
            self.missing.push(range);
        }
    }

    fn note_place(&mut self, seq: u64, expected: u64) {
        if seq > expected && self.early.len() < PROBLEMS {
            self.early.push(seq);
        }
    }

    fn was_missing(&self, seq: u64) -> bool {
        self.missing.iter().any(|range| range.contains(&seq))
    }

    fn end(mut self) -> Verification {
        if let Some(after @ 1..) = self.found.after_head.filter(|_| !self.verifier.keys.is_empty() && self.vouched()) {
            let message = format!("{} at the end are neither signed nor covered by the signed head", count(after));
            self.problem(None, None, ProblemKind::Signature, message);
        }
        match &self.verifier.head {
            Some(Expected::Head(head)) if !head.is_signed_by(&self.verifier.keys) => {
                let message = "the expected head is not signed by the key given, or was changed";
                self.problem(None, None, ProblemKind::Head, message);
            }
            Some(expected) if self.found.after_head.is_none() => {
                let last = self.found.head.entries;
                let message = match expected {
                    Expected::Head(head) if head.entries > last => {
                        let (cut, all) = (head.entries - last, head.entries);
                        format!("{} of {all} missing at the end", count(cut))
                    }
                    Expected::Head(head) => {
                        format!("entry {} is not the expected head", head.entries.saturating_sub(1))
                    }
                    Expected::Hash(_) => {
                        format!("the expected head is none of {}: the end was cut, or the log replaced", count(last))
                    }
                };
                self.problem(None, None, ProblemKind::Head, message);
            }
            _ => {}
        }
        self.found.problems.sort_by_key(|problem| problem.line.unwrap_or(u64::MAX));
        self.found
    }
}

impl Verification {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.problems.is_empty()
    }
}

/// The entry of a line, and the hash that it should have.
fn parse(line: &Line) -> std::result::Result<(Entry, String), String> {
    if line.too_long {
        return Err(format!("longer than {ENTRY_LIMIT} bytes"));
    }
    let text = std::str::from_utf8(&line.bytes).map_err(|_| "not UTF-8".to_owned())?;
    let mut value: Value = serde_json::from_str(text).map_err(|error| format!("no entry: {error}"))?;
    if canonical_json(&value) != text {
        return Err("not in canonical form: white space, order, spelling or a member twice".to_owned());
    }
    let entry = Entry::deserialize(&value).map_err(|error| format!("no entry: {error}"))?;
    // `null` for what may be absent would be a second spelling that no hash covers
    if serde_json::to_value(&entry).ok().as_ref() != Some(&value) {
        return Err("not in canonical form: a member is null or of another spelling".to_owned());
    }
    if !is_utc(&entry.time) {
        return Err("no entry: `time` is not a time in UTC".to_owned());
    }
    Ok((entry, hash(&mut value)))
}

/// `1 entry`, `2 entries`.
fn count(n: u64) -> String {
    format!("{n} {}", if n == 1 { "entry" } else { "entries" })
}
