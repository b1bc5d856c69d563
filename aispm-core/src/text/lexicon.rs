//! Term classes: which words and phrases of which meaning stand where in a canonical text.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::canonical::Canonical;
use super::vocabulary::Vocabulary;
use crate::asset::{Error, ErrorKind, Result};

/// Classes by name, their terms by language.
pub(super) type Classes = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// Every term of every class in one automaton.
#[derive(Debug)]
pub(super) struct Lexicon {
    automaton: AhoCorasick,
    terms: Vec<Term>,
    classes: Vec<String>,
}

/// A phrase; the automaton finds its first piece, the others are verified where it stands.
#[derive(Debug)]
struct Term {
    class: usize,
    /// Pieces that begin the following words.
    pieces: Vec<String>,
    /// The term may begin, or end, within a word.
    open: (bool, bool),
}

/// A term of `class` in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) class: usize,
    /// Canonical bytes.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Places of its first word and behind its last, in thirds of a word.
    pub(super) first: usize,
    pub(super) behind: usize,
    /// The view it stands in.
    pub(super) view: usize,
}

impl Lexicon {
    /// Compiles classes; also gives the words that confirm a decoding.
    pub(super) fn new(classes: &Classes) -> Result<(Self, Vocabulary)> {
        let (mut terms, mut literals) = (Vec::new(), Vec::new());
        let mut vocabulary = Vocabulary::default();
        let none = Vocabulary::default();
        for (class, words) in classes.values().enumerate() {
            for word in words.values().flatten() {
                let (open_start, rest) = word.strip_prefix('*').map_or((false, word.as_str()), |rest| (true, rest));
                let (open_end, rest) = rest.strip_suffix('*').map_or((false, rest), |rest| (true, rest));
                let mut pieces = rest.split("* ").map(|piece| folded(piece, &none)).collect::<Vec<_>>();
                if pieces.iter().any(String::is_empty) {
                    return Err(Error::new(ErrorKind::Invalid, format!("`{word}` has an empty part")));
                }
                learn(&mut vocabulary, &pieces, open_end);
                literals.push(pieces.remove(0));
                terms.push(Term { class, pieces, open: (open_start, open_end) });
            }
        }
        // measured: a DFA doubles the start of a process (16 to 39 ms) and scans no faster, for the canonical form
        // takes most of the time
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&literals)
            .map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()))?;
        Ok((Self { automaton, terms, classes: classes.keys().cloned().collect() }, vocabulary))
    }

    /// The number of a class.
    pub(super) fn class(&self, name: &str) -> Option<usize> {
        self.classes.iter().position(|class| class == name)
    }

    /// How many classes there are.
    pub(super) fn classes(&self) -> usize {
        self.classes.len()
    }

    /// Every term in the text, by start. Linear in the text and in the hits, but for sorting these.
    pub(super) fn hits(&self, canonical: &Canonical) -> Vec<Hit> {
        let text = canonical.text.as_str();
        let places = Places::new(canonical);
        let mut hits = Vec::new();
        for found in self.automaton.find_overlapping_iter(text) {
            let Some(term) = self.terms.get(found.pattern().as_usize()) else { continue };
            let Some(end) = term.verify(text, found.start(), found.end()) else { continue };
            let (first, view) = places.of(found.start());
            let behind = places.behind(end).max(first);
            hits.push(Hit { class: term.class, start: found.start(), end, first, behind, view });
        }
        hits.sort_unstable_by_key(|hit| (hit.start, hit.end, hit.class));
        hits.dedup();
        hits
    }
}

impl Term {
    /// The end of the whole term whose first piece stands at `start..end`, if it does stand there.
    fn verify(&self, text: &str, start: usize, end: usize) -> Option<usize> {
        let (before, found) = text.split_at_checked(start)?;
        if !self.open.0 && joins(before.chars().next_back(), found.chars().next()) {
            return None;
        }
        let mut end = end;
        for piece in &self.pieces {
            let rest = text.get(end..)?;
            let word_end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
            let next = rest.get(word_end..)?.strip_prefix(' ')?.strip_prefix(piece.as_str())?;
            end = text.len() - next.len();
        }
        let (term, after) = text.split_at_checked(end)?;
        (self.open.1 || !joins(term.chars().next_back(), after.chars().next())).then_some(end)
    }
}

/// Whether two neighbours belong to one word. Unspaced scripts have no word ends to respect.
fn joins(left: Option<char>, right: Option<char>) -> bool {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && !super::fold::is_unspaced(c));
    inside(left) && inside(right)
}

/// A term as it stands in canonical texts. No word is known: a term is in no disguise.
fn folded(term: &str, none: &Vocabulary) -> String {
    Canonical::new(term, &[], none).text
}

/// Notes the words of a term.
fn learn(vocabulary: &mut Vocabulary, pieces: &[String], open: bool) {
    for (i, piece) in pieces.iter().enumerate() {
        let mut words = piece.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 2).peekable();
        while let Some(word) = words.next() {
            if words.peek().is_none() && (open || i + 1 < pieces.len()) {
                vocabulary.add_stem(word);
            } else {
                vocabulary.add_word(word);
            }
        }
    }
}

/// Places of words, in thirds of a word: a word takes three, a character of an unspaced script one.
struct Places<'a> {
    canonical: &'a Canonical,
    before: Vec<usize>,
}

impl<'a> Places<'a> {
    fn new(canonical: &'a Canonical) -> Self {
        let mut place = 0;
        let mut before = Vec::with_capacity(canonical.tokens.len() + 1);
        for token in &canonical.tokens {
            before.push(place);
            let unspaced = canonical.word(*token).chars().next().is_some_and(super::fold::is_unspaced);
            place += if unspaced { 1 } else { 3 };
        }
        before.push(place);
        Self { canonical, before }
    }

    /// The place of the word at or behind this byte, and its view.
    fn of(&self, at: usize) -> (usize, usize) {
        let token = self.canonical.tokens.partition_point(|token| token.end <= at);
        (self.place(token), self.canonical.views.partition_point(|first| *first <= token))
    }

    /// The place behind the last word that begins before this byte.
    fn behind(&self, end: usize) -> usize {
        self.place(self.canonical.tokens.partition_point(|token| token.start < end))
    }

    fn place(&self, token: usize) -> usize {
        self.before.get(token).copied().unwrap_or_default()
    }
}
