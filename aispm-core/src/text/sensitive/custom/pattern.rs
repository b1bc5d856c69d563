//! What a recognizer looks for: a word, or a pattern with what is known of its matches.

use std::ops::Range;

use regex::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::Hir;
use regex_syntax::hir::literal::Extractor;

use super::super::hay::{Hay, is_word};

/// The longest match of a pattern that does not bound it, in bytes; what is longer is reported in parts.
pub(super) const LONGEST: usize = 512;
/// The longest word, in bytes.
const WORD: usize = 128;
/// The longest pattern, and the largest compiled one, in bytes.
const PATTERN: usize = 16 << 10;
const COMPILED: usize = 4 << 20;
/// The shortest beginning that is worth an anchor, and the most of them, in bytes and in all.
const ANCHOR: usize = 3;
const ANCHORS: usize = 64;
/// How far a pattern looks past its match: one character.
const AHEAD: usize = 4;
/// How much text a pattern without bound is run over at a time.
const PIECE: usize = 4 * LONGEST;

/// Python's flags for patterns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flags(u64);

impl Flags {
    /// What Presidio sets where nothing is said: case ignored, `^` and `$` at lines, `.` for line feeds too.
    pub(super) const USUAL: Self = Self(26);
    const IGNORE_CASE: u64 = 2;
    const LINES: u64 = 8;
    const DOT_ALL: u64 = 16;
    const UNICODE: u64 = 32;
    const VERBOSE: u64 = 64;

    /// The flags of this number; `None` if it has one that is not understood.
    pub(super) fn new(bits: u64) -> Option<Self> {
        let known = Self::IGNORE_CASE | Self::LINES | Self::DOT_ALL | Self::UNICODE | Self::VERBOSE;
        (bits & !known == 0).then_some(Self(bits))
    }

    fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }
}

/// A pattern or a word, and the score of its matches.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) score: f64,
    looks: Looks,
    /// How every match begins; empty if that is not known.
    anchors: Vec<String>,
}

#[derive(Debug)]
enum Looks {
    /// For a word that stands alone.
    Word { exact: bool },
    /// For matches of at most so many bytes. `bounded` if the pattern says so itself.
    Regex { regex: Regex, most: usize, bounded: bool },
}

impl Pattern {
    /// A word that stands alone.
    pub(super) fn word(word: &str, score: f64, flags: Flags) -> Result<Self, String> {
        match word.len() {
            0 => Err("an empty word".to_owned()),
            1..=WORD => {
                let exact = !flags.has(Flags::IGNORE_CASE);
                Ok(Self { score, looks: Looks::Word { exact }, anchors: vec![word.to_owned()] })
            }
            _ => Err(format!("a word of more than {WORD} bytes")),
        }
    }

    /// A pattern in the syntax of the `regex` crate, which has neither look-around nor back-references.
    pub(super) fn regex(pattern: &str, score: f64, flags: Flags) -> Result<Self, String> {
        if pattern.len() > PATTERN {
            return Err(format!("the pattern is longer than {PATTERN} bytes"));
        }
        let regex = RegexBuilder::new(pattern)
            .case_insensitive(flags.has(Flags::IGNORE_CASE))
            .multi_line(flags.has(Flags::LINES))
            .dot_matches_new_line(flags.has(Flags::DOT_ALL))
            .ignore_whitespace(flags.has(Flags::VERBOSE))
            .size_limit(COMPILED)
            .dfa_size_limit(COMPILED)
            .nest_limit(100)
            .build()
            .map_err(|error| told(&error.to_string()))?;
        let properties = parsed(pattern, flags, flags.has(Flags::IGNORE_CASE))?.properties().clone();
        if properties.minimum_len().unwrap_or(0) == 0 {
            return Err("the pattern matches the empty text".to_owned());
        }
        let bound = properties.maximum_len().filter(|most| *most <= LONGEST);
        let looks = Looks::Regex { regex, most: bound.unwrap_or(LONGEST), bounded: bound.is_some() };
        // the automaton of anchors ignores case by itself
        Ok(Self { score, looks, anchors: beginnings(&parsed(pattern, flags, false)?) })
    }

    pub(super) fn anchors(&self) -> &[String] {
        &self.anchors
    }

    /// The match that begins with an anchor.
    pub(super) fn at(&self, hay: Hay<'_>, anchor: Range<usize>) -> Option<Range<usize>> {
        match &self.looks {
            Looks::Word { exact } => {
                let word = hay.get(anchor.clone());
                let bytes = word.as_bytes();
                let joined = |inside: Option<&u8>, outside: u8| inside.is_some_and(|b| is_word(*b)) && is_word(outside);
                let inner = joined(bytes.first(), hay.before(anchor.start)) || joined(bytes.last(), hay.at(anchor.end));
                let spelled = !exact || self.anchors.iter().any(|a| a == word);
                (!inner && spelled).then_some(anchor)
            }
            Looks::Regex { regex, most, bounded } => {
                let window = hay.window(anchor.start, if *bounded { most + AHEAD } else { *most });
                let text = hay.text().get(..anchor.start + window.len())?;
                regex.find_at(text, anchor.start).map(|m| m.range()).filter(|m| m.start == anchor.start)
            }
        }
    }

    /// Calls `take` with every match from `read` on, until it says that one cannot be settled; false if there is more to
    /// come. Where the text ends makes no difference to a match that is given: one of a bounded pattern ends before it,
    /// and one of another is looked for in pieces that depend on what came before alone.
    pub(super) fn each(&self, hay: Hay<'_>, read: &mut usize, mut take: impl FnMut(Range<usize>) -> bool) -> bool {
        let Looks::Regex { regex, most, bounded } = &self.looks else { return true };
        loop {
            let cut = !bounded && hay.len() - *read >= PIECE;
            if hay.goes_on() && !bounded && !cut {
                return false;
            }
            let end = if cut { hay.text().floor_char_boundary(*read + PIECE) } else { hay.len() };
            let whole = !cut && !hay.goes_on();
            // a match that begins later may go on past the end
            let fresh = if whole { end } else { hay.text().floor_char_boundary(end.saturating_sub(most + AHEAD)) };
            let text = hay.text().get(..end).unwrap_or_default();
            while let Some(found) = regex.find_at(text, *read).filter(|m| m.start() < fresh) {
                if !take(found.range()) {
                    return false;
                }
                *read = found.end();
            }
            *read = fresh.max(*read);
            if !cut {
                return whole;
            }
        }
    }
}

/// What the pattern says, with flags of its own but perhaps without that for case.
fn parsed(pattern: &str, flags: Flags, ignore_case: bool) -> Result<Hir, String> {
    ParserBuilder::new()
        .case_insensitive(ignore_case)
        .multi_line(flags.has(Flags::LINES))
        .dot_matches_new_line(flags.has(Flags::DOT_ALL))
        .ignore_whitespace(flags.has(Flags::VERBOSE))
        .nest_limit(100)
        .build()
        .parse(pattern)
        .map_err(|error| told(&error.to_string()))
}

/// The letters that every match begins with one of, if they are few and long enough.
fn beginnings(hir: &Hir) -> Vec<String> {
    let literals = Extractor::new().limit_total(ANCHORS).limit_literal_len(24).extract(hir);
    let texts = literals.literals().map(|all| {
        let usable = |bytes: &[u8]| bytes.is_ascii() && bytes.len() >= ANCHOR;
        let text = |bytes: &[u8]| Some(String::from_utf8_lossy(bytes).into_owned()).filter(|_| usable(bytes));
        all.iter().map(|literal| text(literal.as_bytes())).collect::<Option<Vec<_>>>()
    });
    texts.flatten().unwrap_or_default()
}

/// The last line of a message about a pattern: those before it draw it.
fn told(message: &str) -> String {
    let last = message.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    format!("the pattern is not understood: {}", last.trim_start_matches("error: "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_are_known_where_they_are_letters() {
        let anchors = |p: &str| Pattern::regex(p, 1.0, Flags::USUAL).unwrap().anchors;
        assert_eq!(anchors(r"\bEMP-\d{6}\b"), ["EMP-"]);
        assert_eq!(anchors(r"(?:case|file) no\. \d+"), ["case no. ", "file no. "]);
        assert_eq!(anchors(r"\b\d{5}\b"), [""; 0]);
        assert_eq!(anchors(r"(?:EMP-)?\d{6}"), [""; 0]);
    }

    #[test]
    fn what_cannot_be_run_is_told() {
        let error = |p: &str| Pattern::regex(p, 1.0, Flags::USUAL).unwrap_err();
        assert!(error(r"(?<!x)\d{5}").contains("look-around"));
        assert!(error(r"x*").contains("empty"));
        assert!(error(r"\w{1000}{1000}").contains("size limit"), "{}", error(r"\w{1000}{1000}"));
        assert!(Flags::new(256).is_none());
    }
}
