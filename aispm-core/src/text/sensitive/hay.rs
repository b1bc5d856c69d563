//! The text under examination: bounded, panic-free looks around a position.

use std::ops::Range;

/// How far back and ahead of a candidate its context words may stand, in bytes.
const BEFORE: usize = 64;
const AFTER: usize = 40;

/// A text and the looks that verifiers take at it. Positions are bytes; reads past an end give 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hay<'t> {
    text: &'t str,
}

impl<'t> Hay<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text }
    }

    pub(super) fn len(self) -> usize {
        self.text.len()
    }

    pub(super) fn bytes(self) -> &'t [u8] {
        self.text.as_bytes()
    }

    pub(super) fn at(self, at: usize) -> u8 {
        self.bytes().get(at).copied().unwrap_or(0)
    }

    pub(super) fn before(self, at: usize) -> u8 {
        at.checked_sub(1).map_or(0, |i| self.at(i))
    }

    /// The text of `span`; empty where it does not lie on character boundaries.
    pub(super) fn get(self, span: Range<usize>) -> &'t str {
        self.text.get(span).unwrap_or("")
    }

    /// `span` widened to character boundaries, within the text.
    pub(super) fn snap(self, span: Range<usize>) -> Range<usize> {
        self.text.floor_char_boundary(span.start)..self.text.ceil_char_boundary(span.end)
    }

    /// The text of at most `most` bytes from `start`, cut back to a character boundary.
    pub(super) fn window(self, start: usize, most: usize) -> &'t str {
        self.get(start..self.text.floor_char_boundary(start.saturating_add(most)))
    }

    /// The text of at most `most` bytes up to `end`, cut forward to a character boundary.
    pub(super) fn window_before(self, end: usize, most: usize) -> &'t str {
        self.get(self.text.ceil_char_boundary(end.saturating_sub(most))..end)
    }

    /// Where the run of bytes that satisfy `keep` from `start` ends, at most `most` bytes on.
    pub(super) fn run(self, start: usize, most: usize, keep: impl Fn(u8) -> bool) -> usize {
        let rest = self.bytes().get(start..).unwrap_or_default();
        start + rest.iter().take(most).take_while(|b| keep(**b)).count()
    }

    /// Where the run of bytes that satisfy `keep` up to `end` begins, at most `most` bytes back.
    pub(super) fn run_back(self, end: usize, most: usize, keep: impl Fn(u8) -> bool) -> usize {
        let rest = self.bytes().get(..end).unwrap_or_default();
        end - rest.iter().rev().take(most).take_while(|b| keep(**b)).count()
    }

    /// Whether `span` is all there is: a cell or a field rather than prose.
    pub(super) fn lone(self, span: &Range<usize>) -> bool {
        let idle = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '.' | ',' | ';');
        self.len() < span.len() + 16
            && self.get(0..span.start).chars().all(idle)
            && self.get(span.end..self.len()).chars().all(idle)
    }

    /// Whether a letter, digit or underscore stands on either side of `span`.
    pub(super) fn embedded(self, span: &Range<usize>) -> bool {
        is_word(self.before(span.start)) || is_word(self.at(span.end))
    }

    /// Whether one of `words` (lower case) begins a word near `span`.
    pub(super) fn near<W: AsRef<str>>(self, span: &Range<usize>, words: &[W]) -> bool {
        let before = span.start.saturating_sub(BEFORE)..span.start;
        let after = span.end..span.end.saturating_add(AFTER).min(self.len());
        words.iter().any(|w| self.has(&before, w.as_ref()) || self.has(&after, w.as_ref()))
    }

    /// Whether one of `words` (lower case) begins a word in the bytes before `at`.
    pub(super) fn follows<W: AsRef<str>>(self, at: usize, words: &[W]) -> bool {
        let before = at.saturating_sub(BEFORE)..at;
        words.iter().any(|w| self.has(&before, w.as_ref()))
    }

    fn has(self, window: &Range<usize>, word: &str) -> bool {
        let word = word.as_bytes();
        let Some(bytes) = self.bytes().get(window.clone()) else { return false };
        let first = word.first().copied().unwrap_or(0).to_ascii_lowercase();
        bytes.windows(word.len().max(1)).enumerate().any(|(i, w)| {
            w.first().is_some_and(|b| b.to_ascii_lowercase() == first)
                && w.eq_ignore_ascii_case(word)
                && !self.before(window.start + i).is_ascii_alphanumeric()
                // A short word must end too: `tin` is not in `tiny`.
                && (word.len() > 4 || !self.at(window.start + i + word.len()).is_ascii_alphabetic())
        })
    }
}

/// Letters, digits, the underscore, and every byte of a non-ASCII character.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}
