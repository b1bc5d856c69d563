//! The words of a text as they are compared, and a hash of any run of the last few, in constant time each.

use crate::text::fold::{fold, is_unspaced, look_alike};
use crate::text::invisible::is_invisible;

/// Words that a run may have.
pub(super) const RUN: usize = 16;
/// Characters of a word; what is longer counts as several.
const WORD: usize = 64;
/// The Mersenne prime that hashes are residues of.
const PRIME: u64 = (1 << 61) - 1;

/// Powers of a secret point: what a polynomial hash needs to cut a run out of a text.
pub(super) struct Powers(Box<[u64]>);

impl Powers {
    pub(super) fn new(point: u64) -> Self {
        // 0 and 1 would hash every text alike
        let point = point % (PRIME - 2) + 2;
        Self(std::iter::successors(Some(1), |power| Some(times(*power, point))).take(RUN * WORD + 1).collect())
    }

    fn of(&self, exponent: usize) -> u64 {
        self.0.get(exponent).copied().unwrap_or_default()
    }
}

/// One word: letters and digits in a row, folded (case, marks, width, look-alikes); in unspaced scripts one character.
#[derive(Debug, Clone, Copy, Default)]
struct Word {
    /// Bytes of the text.
    start: usize,
    end: usize,
    /// Hash of, and characters in, everything before it.
    hash: u64,
    at: usize,
    unspaced: bool,
}

/// The last words in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// Of the characters of its words, with nothing between: where words are parted does not count.
    pub(super) hash: u64,
    /// Letters and digits.
    pub(super) chars: usize,
    /// Bytes of the text, from the first word to the last.
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Where reading stands between two pieces of a text; places in the pieces before mean nothing any more.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct State {
    ring: [Word; RUN],
    /// Words read to their end.
    seen: usize,
    hash: u64,
    at: usize,
}

/// Reads words. Linear; keeps the last [`RUN`] of them and allocates nothing.
pub(super) struct Words<'p> {
    powers: &'p Powers,
    state: State,
    /// The word being read.
    open: Option<Word>,
}

impl<'p> Words<'p> {
    pub(super) fn new(powers: &'p Powers) -> Self {
        Self::resume(powers, State::default())
    }

    /// Goes on behind the pieces of the text read so far.
    pub(super) fn resume(powers: &'p Powers, state: State) -> Self {
        Self { powers, state, open: None }
    }

    /// Where reading stands.
    pub(super) fn state(&self) -> State {
        self.state
    }

    /// Reads a text, or the next piece of one between words, and calls `each` behind every word.
    pub(super) fn read(&mut self, text: &str, mut each: impl FnMut(&Self)) {
        for (at, c) in text.char_indices() {
            let end = at + c.len_utf8();
            if c.is_ascii_alphanumeric() {
                self.push(c.to_ascii_lowercase(), at, end, &mut each);
            } else if c.is_ascii() {
                self.close(&mut each);
            } else if !is_invisible(c) {
                fold(c, |c| {
                    if is_unspaced(c) {
                        self.close(&mut each);
                        self.push(c, at, end, &mut each);
                        self.close(&mut each);
                    } else if c.is_alphanumeric() {
                        self.push(look_alike(c).unwrap_or(c), at, end, &mut each);
                    } else {
                        self.close(&mut each);
                    }
                });
            }
        }
        self.close(&mut each);
    }

    /// How many words were read.
    pub(super) fn seen(&self) -> usize {
        self.state.seen
    }

    /// The last so many words, at most [`RUN`], if there are as many.
    pub(super) fn last(&self, words: usize) -> Option<Run> {
        let first = self.word(words)?;
        let chars = self.state.at - first.at;
        let before = times(first.hash, self.powers.of(chars));
        let hash = if self.state.hash >= before { self.state.hash - before } else { self.state.hash + PRIME - before };
        Some(Run { hash, chars, start: first.start, end: self.word(1)?.end })
    }

    /// Whether the last word is a character of an unspaced script.
    pub(super) fn ends_unspaced(&self) -> bool {
        self.word(1).is_some_and(|word| word.unspaced)
    }

    /// The word so many from the end, from 1.
    fn word(&self, back: usize) -> Option<&Word> {
        let index = self.state.seen.checked_sub(back).filter(|_| (1..=RUN).contains(&back))?;
        self.state.ring.get(index % RUN)
    }

    fn push(&mut self, c: char, start: usize, end: usize, each: &mut impl FnMut(&Self)) {
        if self.open.is_some_and(|word| self.state.at - word.at >= WORD) {
            self.close(each);
        }
        let new = Word { start, end, hash: self.state.hash, at: self.state.at, unspaced: is_unspaced(c) };
        self.open.get_or_insert(new).end = end;
        let point = self.powers.of(1);
        let sum = times(self.state.hash, point) + u64::from(u32::from(c)) + 1;
        self.state.hash = if sum >= PRIME { sum - PRIME } else { sum };
        self.state.at += 1;
    }

    fn close(&mut self, each: &mut impl FnMut(&Self)) {
        let Some(word) = self.open.take() else { return };
        if let Some(slot) = self.state.ring.get_mut(self.state.seen % RUN) {
            *slot = word;
        }
        self.state.seen += 1;
        each(self);
    }
}

/// A product modulo [`PRIME`].
fn times(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    let low = u64::try_from(product & u128::from(PRIME)).unwrap_or_default();
    let high = u64::try_from(product >> 61).unwrap_or_default();
    let sum = low + high;
    if sum >= PRIME { sum - PRIME } else { sum }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The hash of the whole of a short text, and its words.
    fn hash(text: &str) -> (u64, usize) {
        let powers = Powers::new(7_777_777_777);
        let mut words = Words::new(&powers);
        words.read(text, |_| {});
        (words.last(words.seen()).map_or(0, |run| run.hash), words.seen())
    }

    #[test]
    fn writing_does_not_count_and_spelling_does() {
        let plain = hash("marta kowalczyk 42").0;
        for same in
            ["Marta KOWALCZYK, 42", "marta\n\tkowalczyk—42", "ｍarta k\u{200b}owalczyk '42'", "mаrta kowálczyk 4 2"]
        {
            assert_eq!(hash(same).0, plain, "{same}");
        }
        for other in ["marta kowalczyk 43", "kowalczyk marta 42", "marta kowalczyk", "marta kowalczyk 420"] {
            assert_ne!(hash(other).0, plain, "{other}");
        }
        assert_eq!((hash("规则 a-b").1, hash("").1, hash(" .,\u{301}").1), (4, 0, 0));
        assert_eq!(hash(&"x".repeat(WORD * 3 + 1)).1, 4);
    }

    #[test]
    fn runs_point_into_the_text() {
        let powers = Powers::new(99);
        let text = "… Ａnn, b\u{301}ob — 規則";
        let mut words = Words::new(&powers);
        let mut found = Vec::new();
        words.read(text, |words| found.extend(words.last(2).map(|run| text.get(run.start..run.end).unwrap())));
        assert_eq!(found, ["Ａnn, b\u{301}ob", "b\u{301}ob — 規", "規則"]);
    }

    proptest! {
        #[test]
        fn a_run_has_the_hash_of_its_text(head in "\\PC{0,60}", text in "[a-zß ñ規.]{1,60}", tail in "\\PC{0,60}") {
            let whole = format!("{head} {text} {tail}");
            let (expected, length) = hash(&text);
            let powers = Powers::new(7_777_777_777);
            let mut words = Words::new(&powers);
            let mut met = length == 0 || length > RUN;
            words.read(&whole, |words| met |= words.last(length).is_some_and(|run| run.hash == expected));
            prop_assert!(met);
        }
    }
}
