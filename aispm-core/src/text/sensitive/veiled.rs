//! Sensitive data in code: runs of base64 and hex, and stretches with percent codes, entities or escapes, are decoded and
//! looked at again, two layers deep.
//!
//! Where code may begin is found by a scan that looks at a few bytes of each word. Every byte belongs to one run and one
//! stretch at most, each is at most [`LONGEST`] bytes and gives less text than it has itself, so the work is linear and a
//! text in pieces gives what the whole gives. What decodes to anything but printable text is left alone.

use std::ops::Range;

use super::super::Transform;
use super::super::decode::Unescape;
use super::super::runs::encoded_runs;
use super::hay::Hay;
use super::{HostLists, Place, Read as Reads, Sensitive};
use crate::asset::{Match, TextRole};

/// The longest run or stretch that is decoded as one, in bytes.
const LONGEST: usize = 4096;
/// The shortest run of code.
const SHORTEST: usize = 16;
/// Layers of code.
const DEPTH: usize = 2;
/// How far a stretch reaches before its first escape and after its last one, and the longest word at its ends.
const AROUND: usize = 64;
const WORD: usize = 256;
/// The least score that counts: no guesses in decoded text.
const LEAST: f64 = 0.7;
/// Types that are too common to count where text was decoded.
const COMMON: [&str; 5] = ["PERSON", "ORGANIZATION", "LOCATION", "DATE_TIME", "URL"];

/// What was found behind code, and which code.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) found: Match,
    pub(super) by: Vec<Transform>,
}

/// How far a text has been read for runs and for escapes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Read {
    pub(super) runs: usize,
    pub(super) escapes: usize,
    /// Where the last stretch ends.
    pub(super) floor: usize,
}

impl Sensitive {
    /// Appends what code hides in `hay`, from where it was `read` to, until a run or stretch cannot be settled; gives
    /// where that one begins.
    pub(super) fn veiled(&self, hay: Hay<'_>, read: &mut Read, found: &mut Vec<Found>) -> Option<usize> {
        let run = self.runs(hay, &mut read.runs, found);
        let escape = self.escapes(hay, read, found);
        run.into_iter().chain(escape).min()
    }

    fn runs(&self, hay: Hay<'_>, read: &mut usize, found: &mut Vec<Found>) -> Option<usize> {
        while let Some(start) = next_run(hay.bytes(), read) {
            let mut end = hay.run(start, LONGEST, is_code);
            let joined = hay.run(end, 2, |b| b == b'=');
            let dotted = is_dotted(hay, start, joined);
            if hay.looked_past() {
                return Some(start);
            }
            *read = end;
            // the parts of a signed token are told as that token
            if !dotted {
                end = joined;
                self.encoded(hay.get(start..end), start, 1, found);
            }
        }
        hay.goes_on().then_some(*read)
    }

    fn escapes(&self, hay: Hay<'_>, read: &mut Read, found: &mut Vec<Found>) -> Option<usize> {
        while let Some(mark) = next_mark(hay.bytes(), read.escapes) {
            read.escapes = mark;
            let is_escape = is_escape(hay, mark);
            let span = if is_escape { stretch(hay, mark, read.floor) } else { mark..mark };
            if hay.looked_past() {
                return Some(stretch_back(hay, mark, read.floor));
            }
            read.escapes = span.end.max(mark + 1);
            if is_escape {
                read.floor = read.escapes;
                self.escaped(hay.get(span.clone()), span.start, 1, found);
            }
        }
        read.escapes = hay.len();
        // an escape that is to come reaches back
        hay.goes_on().then(|| stretch_back(hay, hay.len(), read.floor))
    }

    /// Appends what runs of code in `text`, which stands at `at`, hide.
    fn encoded(&self, text: &str, at: usize, depth: usize, found: &mut Vec<Found>) {
        for run in encoded_runs(text) {
            let known = found.len();
            self.revealed(&run.decoded, depth, found);
            for Found { found, by } in found.iter_mut().skip(known) {
                let span = run.source(found.start..found.end);
                (found.start, found.end) = (at + span.start, at + span.end);
                by.push(run.transform);
            }
        }
    }

    /// Appends what `text`, which stands at `at`, holds once its escapes are resolved; only what an escape is part of.
    fn escaped(&self, text: &str, at: usize, depth: usize, found: &mut Vec<Found>) {
        let mut plain = String::with_capacity(text.len());
        // from where on in `plain` characters come from where in `text`, and the escape they were written as
        let mut places = Vec::new();
        for letter in Unescape::new(text) {
            places.push((plain.len(), letter.source, letter.escape));
            plain.push(letter.c);
        }
        let known = found.len();
        self.revealed(&plain, depth, found);
        let mut index = known;
        while let Some(Found { found: m, by }) = found.get_mut(index) {
            let first = places.partition_point(|(at, ..)| *at <= m.start).saturating_sub(1);
            let last = places.partition_point(|(at, ..)| *at < m.end);
            let letters = places.get(first..last).unwrap_or_default();
            let escapes: Vec<Transform> = letters.iter().filter_map(|(.., escape)| *escape).collect();
            let span = letters.first().zip(letters.last()).map(|(first, last)| first.1.start..last.1.end);
            match span.filter(|_| !escapes.is_empty()) {
                Some(span) => {
                    (m.start, m.end) = (at + span.start, at + span.end);
                    by.extend(escapes);
                    by.dedup();
                    index += 1;
                }
                None => drop(found.swap_remove(index)),
            }
        }
    }

    /// Appends what is found in a text that was decoded, and in what is decoded from it.
    fn revealed(&self, text: &str, depth: usize, found: &mut Vec<Found>) {
        static NONE: std::sync::LazyLock<HostLists> = std::sync::LazyLock::new(HostLists::default);
        let (hay, mut reads, mut matches) = (Hay::new(text), Reads::default(), Vec::new());
        self.pii.find(hay, &mut reads.pii, &mut matches);
        let place = Place { hay, role: TextRole::Output, hosts: &NONE };
        self.announced(place, &mut reads.anchors, &mut reads.announced, &mut matches);
        self.secrets.finish(hay, &mut reads.announced.seen, &mut matches);
        self.custom.scan(hay, &mut reads.custom, &mut matches);
        let counts =
            |m: &Match| matches!(&*m.detector, "pii" | "secrets") && m.score >= LEAST && !COMMON.contains(&&*m.kind);
        found.extend(matches.into_iter().filter(counts).map(|found| Found { found, by: Vec::new() }));
        if depth < DEPTH {
            self.encoded(text, 0, depth + 1, found);
            if is_escaped(text) {
                self.escaped(text, 0, depth + 1, found);
            }
        }
    }
}

/// Drops what was found in plain sight too: what overlaps a match of the same detector, other than a common one. O((v + m) log m).
pub(super) fn drop_seen(veiled: &mut Vec<Found>, plain: &[Match]) {
    if veiled.is_empty() {
        return;
    }
    for detector in ["pii", "secrets"] {
        let mut spans: Vec<(usize, usize)> = plain
            .iter()
            .filter(|m| m.detector == detector && !COMMON.contains(&&*m.kind))
            .map(|m| (m.start, m.end))
            .collect();
        spans.sort_unstable();
        let mut farthest = 0;
        for (_, end) in &mut spans {
            farthest = farthest.max(*end);
            *end = farthest;
        }
        veiled.retain(|Found { found, .. }| {
            let before = spans.partition_point(|(start, _)| *start < found.end);
            let end = before.checked_sub(1).and_then(|i| spans.get(i)).map_or(0, |(_, end)| *end);
            found.detector != detector || end <= found.start
        });
    }
}

/// Where a run of code may begin that is long enough; what is passed by is noted in `at`. Most bytes are not looked at.
fn next_run(bytes: &[u8], at: &mut usize) -> Option<usize> {
    loop {
        let window = bytes.get(*at..*at + SHORTEST)?;
        match window.iter().rposition(|b| !is_code(*b)) {
            None => return Some(*at),
            Some(other) => *at += other + 1,
        }
    }
}

fn is_code(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Whether a run is joined to another by a point.
fn is_dotted(hay: Hay<'_>, start: usize, end: usize) -> bool {
    hay.before(start) == b'.' && is_code(hay.before(start.saturating_sub(1)))
        || hay.at(end) == b'.' && is_code(hay.at(end + 1))
}

/// Whether an escape stands at `at` that is not a matter of course in markup.
fn is_escape(hay: Hay<'_>, at: usize) -> bool {
    match hay.at(at) {
        b'%' => hay.at(at + 1).is_ascii_hexdigit() && hay.at(at + 2).is_ascii_hexdigit(),
        b'&' => hay.at(at + 1) == b'#' || hay.window(at, 6) == "&nbsp;",
        _ => matches!(hay.at(at + 1), b'x' | b'u'),
    }
}

/// Where the next character stands that may begin an escape, from `from` on.
fn next_mark(bytes: &[u8], from: usize) -> Option<usize> {
    memchr::memchr3(b'%', b'&', b'\\', bytes.get(from..)?).map(|at| from + at)
}

fn is_escaped(text: &str) -> bool {
    memchr::memchr3_iter(b'%', b'&', b'\\', text.as_bytes()).any(|at| is_escape(Hay::new(text), at))
}

/// The words around an escape and those near it, from `floor` on.
fn stretch(hay: Hay<'_>, mark: usize, floor: usize) -> Range<usize> {
    let start = stretch_back(hay, mark, floor);
    let most = start + LONGEST;
    let (mut last, mut end) = (mark, mark + 1);
    while end < most {
        let next = hay.run(end, AROUND.min(most - end), |b| !is_mark(b));
        if next >= most || !is_mark(hay.at(next)) {
            break;
        }
        (last, end) = (next, next + 1);
    }
    let end = hay.run((last + AROUND).min(most), WORD, is_word).min(hay.len());
    start..hay.whole(end)
}

/// Where the words begin that are near an escape: whole ones, as a part of a number may look like another.
fn stretch_back(hay: Hay<'_>, mark: usize, floor: usize) -> usize {
    let near = mark.saturating_sub(AROUND);
    let own = hay.run_back(mark, WORD, is_word);
    let start = if own <= near {
        own
    } else if near == 0 {
        0
    } else {
        hay.run(near, own - near, is_word)
    };
    hay.whole(start.max(floor))
}

fn is_mark(byte: u8) -> bool {
    matches!(byte, b'%' | b'&' | b'\\')
}

fn is_word(byte: u8) -> bool {
    !byte.is_ascii_whitespace()
}

#[cfg(test)]
mod tests;
