//! Words that confirm a decoding.

use std::collections::HashSet;

use foldhash::fast::FixedState;

use super::scrambled::Scrambled;

/// Known words and beginnings of words. Most unknown words are told by their first letters alone.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    words: HashSet<Box<str>, FixedState>,
    /// Beginnings of words, four letters and more.
    stems: HashSet<Box<str>, FixedState>,
    begins: Begins,
    /// Words of instructions, by their letters.
    scrambled: Scrambled,
}

/// Shortest beginning of a word that counts.
const SHORTEST_STEM: usize = 4;
/// Longest known word, for cutting words out of letters.
const LONGEST: usize = 16;

impl Vocabulary {
    pub(super) fn add_word(&mut self, word: &str) {
        self.begins.mark(word.as_bytes());
        self.words.insert(word.into());
    }

    /// Adds a beginning of words; a short one counts as a word.
    pub(super) fn add_stem(&mut self, stem: &str) {
        if stem.len() < SHORTEST_STEM {
            return self.add_word(stem);
        }
        self.begins.mark(stem.as_bytes());
        self.stems.insert(stem.into());
    }

    /// Whether this folded word is known.
    pub(super) fn knows(&self, word: &str) -> bool {
        self.may_know(word)
            && (self.words.contains(word)
                || (SHORTEST_STEM..=12).any(|length| word.get(..length).is_some_and(|stem| self.stems.contains(stem))))
    }

    /// Whether this very word is known.
    pub(super) fn has_word(&self, word: &str) -> bool {
        self.may_know(word) && self.words.contains(word)
    }

    /// Adds common words; those that the terms of instructions know are also known with their inner letters in another
    /// order.
    pub(super) fn add_common(&mut self, words: &str) {
        let words = || words.split_whitespace();
        let known = words().filter(|word| self.knows(word)).collect::<Vec<_>>();
        known.iter().for_each(|word| self.scrambled.add(word));
        words().for_each(|word| self.add_word(word));
    }

    /// The word of instructions that this unknown word, in lower case, has the letters of.
    pub(super) fn unscrambled(&self, word: &str) -> Option<&str> {
        self.scrambled.find(word).filter(|found| *found != word && !self.knows(word))
    }

    /// Whether the folded word is known that these ASCII letters spell. Few need to be put together for that.
    pub(super) fn knows_spelled<I: Iterator<Item = char>>(&self, letters: impl Fn() -> I) -> bool {
        self.begins.may_begin(letters().map_while(|c| u8::try_from(c).ok()))
            && self.knows(&letters().collect::<String>())
    }

    /// The length of the longest known word of three letters and more that `letters` begins with.
    pub(super) fn longest(&self, letters: &str) -> Option<usize> {
        if !self.may_know(letters) {
            return None;
        }
        (3..=LONGEST).rev().find(|length| letters.get(..*length).is_some_and(|word| self.words.contains(word)))
    }

    fn may_know(&self, word: &str) -> bool {
        self.begins.may_begin(word.bytes())
    }
}

/// How known words begin: a bit by hash of the first three bytes of each, by which most unknown ones are told.
#[derive(Debug)]
pub(super) struct Begins(Vec<u64>);

impl Default for Begins {
    fn default() -> Self {
        Self(vec![0; 1 << 10])
    }
}

impl Begins {
    pub(super) fn mark(&mut self, word: &[u8]) {
        let (index, bit) = place(word.iter().copied());
        if let Some(bits) = self.0.get_mut(index) {
            *bits |= bit;
        }
    }

    pub(super) fn may_begin(&self, word: impl Iterator<Item = u8>) -> bool {
        let (index, bit) = place(word);
        self.0.get(index).is_some_and(|bits| bits & bit != 0)
    }
}

/// One bit of 2^16 for the first three bytes.
fn place(word: impl Iterator<Item = u8>) -> (usize, u64) {
    let begin = word.take(3).fold(0_u32, |begin, byte| begin << 8 | u32::from(byte));
    let hash = begin.wrapping_mul(0x9e37_79b1) >> 16;
    (usize::try_from(hash >> 6).unwrap_or_default(), 1 << (hash & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_words_and_stems() {
        let mut vocabulary = Vocabulary::default();
        vocabulary.add_word("rules");
        vocabulary.add_word("rule");
        vocabulary.add_stem("ignor");
        vocabulary.add_stem("of");
        assert!(["rules", "ignoring", "of"].iter().all(|word| vocabulary.knows(word)));
        assert!(["ruler", "igno", "off", ""].iter().all(|word| !vocabulary.knows(word)));
        assert_eq!(vocabulary.longest("rulesandmore"), Some(5));
        assert_eq!(vocabulary.longest("runes"), None);
    }
}
