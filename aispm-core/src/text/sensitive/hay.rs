//! The text under examination: bounded, panic-free looks around a position. Of a text that goes on, a look past what is
//! there is noted: what was made of it is not settled then.

use std::cell::Cell;
use std::ops::Range;

use unicode_normalization::char::is_combining_mark;

/// How far back and ahead of a candidate its context words may stand, in bytes.
const BEFORE: usize = 64;
const AFTER: usize = 40;

/// The farthest look back that any verifier takes, in bytes.
pub(super) const LOOK_BACK: usize = 512;

#[cfg(test)]
thread_local! {
    /// Bytes looked at by this thread, so that tests count work and not time.
    pub(super) static LOOKED_AT: Cell<u64> = const { Cell::new(0) };
}

/// Counts bytes looked at, in tests.
#[inline]
fn looked_at(bytes: usize) {
    #[cfg(test)]
    LOOKED_AT.with(|count| count.set(count.get() + bytes as u64));
    let _ = bytes;
}

/// A text and the looks that verifiers take at it. Positions are bytes; reads past an end give 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hay<'t> {
    text: &'t str,
    /// Whether something stood before it.
    cut: bool,
    /// Of a text that goes on, whether a look went past what is there.
    past: Option<&'t Cell<bool>>,
}

impl<'t> Hay<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, cut: false, past: None }
    }

    /// A part of a text: `cut` says that something stood before it, `past` is there if it goes on, and becomes true with
    /// a look past its end.
    pub(super) fn part(text: &'t str, cut: bool, past: Option<&'t Cell<bool>>) -> Self {
        Self { text, cut, past }
    }

    /// Whether more of the text is to come.
    pub(super) fn goes_on(self) -> bool {
        self.past.is_some()
    }

    /// Whether a look has gone past what is there since the last time this was asked.
    pub(super) fn looked_past(self) -> bool {
        self.past.is_some_and(|past| past.replace(false))
    }

    #[cold]
    fn past(self) {
        if let Some(past) = self.past {
            past.set(true);
        }
    }

    pub(super) fn text(self) -> &'t str {
        self.text
    }

    pub(super) fn len(self) -> usize {
        self.text.len()
    }

    pub(super) fn bytes(self) -> &'t [u8] {
        self.text.as_bytes()
    }

    pub(super) fn at(self, at: usize) -> u8 {
        looked_at(1);
        self.bytes().get(at).copied().unwrap_or_else(|| {
            self.past();
            0
        })
    }

    pub(super) fn before(self, at: usize) -> u8 {
        at.checked_sub(1).map_or(0, |i| self.at(i))
    }

    /// The text of `span`; empty where it does not lie on character boundaries.
    pub(super) fn get(self, span: Range<usize>) -> &'t str {
        looked_at(span.len());
        if span.end > self.len() {
            self.past();
        }
        self.text.get(span).unwrap_or("")
    }

    /// `span` widened to character boundaries, within the text.
    pub(super) fn snap(self, span: Range<usize>) -> Range<usize> {
        self.text.floor_char_boundary(span.start)..self.text.ceil_char_boundary(span.end)
    }

    /// The text of at most `most` bytes from `start`, cut back to a character boundary.
    pub(super) fn window(self, start: usize, most: usize) -> &'t str {
        let end = start.saturating_add(most);
        if end > self.len() {
            self.past();
        }
        self.get(start..self.text.floor_char_boundary(end))
    }

    /// The text of at most `most` bytes up to `end`, cut forward to a character boundary.
    pub(super) fn window_before(self, end: usize, most: usize) -> &'t str {
        debug_assert!(most <= LOOK_BACK || !self.cut, "a stream keeps less than this look back reads");
        self.get(self.text.ceil_char_boundary(end.saturating_sub(most))..end)
    }

    /// Where the run of bytes that satisfy `keep` from `start` ends, at most `most` bytes on.
    pub(super) fn run(self, start: usize, most: usize, keep: impl Fn(u8) -> bool) -> usize {
        let rest = self.bytes().get(start..).unwrap_or_default();
        let length = rest.iter().take(most).take_while(|b| keep(**b)).count();
        looked_at(length);
        if length == rest.len() && length < most {
            self.past();
        }
        start + length
    }

    /// Where the run of bytes that satisfy `keep` up to `end` begins, at most `most` bytes back.
    pub(super) fn run_back(self, end: usize, most: usize, keep: impl Fn(u8) -> bool) -> usize {
        debug_assert!(most <= LOOK_BACK || !self.cut, "a stream keeps less than this look back reads");
        let rest = self.bytes().get(..end).unwrap_or_default();
        let length = rest.iter().rev().take(most).take_while(|b| keep(**b)).count();
        looked_at(length);
        end - length
    }

    /// The beginning of the next character at or after `at`.
    pub(super) fn whole(self, at: usize) -> usize {
        self.text.ceil_char_boundary(at)
    }

    /// Whether `span` is all there is: a cell or a field rather than prose.
    pub(super) fn lone(self, span: &Range<usize>) -> bool {
        let idle = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '.' | ',' | ';');
        if self.cut || self.len() >= span.len() + 16 {
            return false;
        }
        self.past();
        self.get(0..span.start).chars().all(idle) && self.get(span.end..self.len()).chars().all(idle)
    }

    /// Whether the text begins at most `most` bytes before `at`.
    pub(super) fn begins_within(self, at: usize, most: usize) -> bool {
        !self.cut && at <= most
    }

    /// Whether a letter, digit or underscore stands on either side of `span`.
    pub(super) fn embedded(self, span: &Range<usize>) -> bool {
        self.joined_before(span.start) || self.joined_after(span.end)
    }

    /// Whether the character before `at` is one that a word goes on with: a letter, digit or underscore, but not of a
    /// script that puts no spaces between words, nor another script's quote or space.
    pub(super) fn joined_before(self, at: usize) -> bool {
        let byte = self.before(at);
        is_word(byte) && (byte < 0x80 || self.text.get(..at).and_then(|t| t.chars().next_back()).is_none_or(joins))
    }

    /// The same of the character at `at`.
    pub(super) fn joined_after(self, at: usize) -> bool {
        let byte = self.at(at);
        is_word(byte) && (byte < 0x80 || self.text.get(at..).and_then(|t| t.chars().next()).is_none_or(joins))
    }

    /// Whether one of `words` (lower case) begins a word near `span`.
    pub(super) fn near<W: AsRef<str>>(self, span: &Range<usize>, words: &[W]) -> bool {
        if self.follows(span.start, words) {
            return true;
        }
        let after = span.end..span.end.saturating_add(AFTER);
        if after.end > self.len() {
            self.past();
        }
        self.mentions(after.start..after.end.min(self.len()), words)
    }

    /// Whether no letter stands in `span` or so near that [`near`](Self::near) would see it; false where the text ends
    /// before that.
    pub(super) fn is_wordless(self, span: &Range<usize>) -> bool {
        let window = span.start.saturating_sub(BEFORE)..span.end.saturating_add(AFTER);
        self.bytes().get(window).is_some_and(|bytes| {
            looked_at(bytes.len());
            !holds_letter(bytes)
        })
    }

    /// Whether one of `words` (lower case) begins a word in the bytes before `at`.
    pub(super) fn follows<W: AsRef<str>>(self, at: usize, words: &[W]) -> bool {
        self.mentions(at.saturating_sub(BEFORE)..at, words)
    }

    /// Whether one of `words`, each of which begins with a letter, begins a word in `window` and fits into it.
    fn mentions<W: AsRef<str>>(self, window: Range<usize>, words: &[W]) -> bool {
        let Some(bytes) = self.bytes().get(window.clone()) else { return false };
        looked_at(bytes.len());
        // Numbers stand among numbers.
        if !holds_letter(bytes) {
            return false;
        }
        let mut inside = self.before(window.start).is_ascii_alphanumeric();
        (window.start..).zip(bytes).any(|(at, b)| {
            // Other scripts may have no spaces: there each character may begin a word.
            let begins = !inside && b.is_ascii_alphabetic() || *b >= 0xC0;
            inside = b.is_ascii_alphanumeric();
            begins && words.iter().any(|w| self.is_word(at..window.end, w.as_ref().as_bytes()))
        })
    }

    /// Whether `room` begins with `word`. A short word must end too: `tin` is not in `tiny`.
    fn is_word(self, room: Range<usize>, word: &[u8]) -> bool {
        let Some(bytes) = self.bytes().get(room.clone()) else { return false };
        let same = |(a, b): (&u8, &u8)| a.eq_ignore_ascii_case(b);
        bytes.len() >= word.len()
            && bytes.iter().zip(word).all(same)
            && (word.len() > 4 || !self.at(room.start + word.len()).is_ascii_alphabetic())
    }
}

/// Whether a letter of any script, without which there is no word, may be there; told without a branch a byte.
fn holds_letter(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |any, b| any | b.is_ascii_alphabetic() | (*b >= 0x80))
}

/// Letters, digits, the underscore, and every byte of a non-ASCII character.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn joins(c: char) -> bool {
    (c.is_alphanumeric() || is_combining_mark(c)) && !is_unspaced(c)
}

/// Whether a character is of a script whose words stand without spaces, or with endings joined to foreign words: Thai,
/// Lao, Burmese, Khmer, Chinese, Japanese and Korean (blocks of Unicode 16; full-width letters and digits are not meant).
pub(super) fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0E00}'..='\u{0EFF}'
        | '\u{1000}'..='\u{109F}'
        | '\u{1100}'..='\u{11FF}'
        | '\u{1780}'..='\u{17FF}'
        | '\u{2E80}'..='\u{9FFF}'
        | '\u{A960}'..='\u{A97F}'
        | '\u{AC00}'..='\u{D7FF}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{FF66}'..='\u{FF9F}'
        | '\u{20000}'..='\u{3FFFF}')
}
