//! Two disguises that people read through: words whose inner letters stand in another order, and marks heaped on letters.

use std::collections::HashMap;

/// Shortest and longest word that is told by its letters alone, in bytes.
const SHORTEST: usize = 5;
const LONGEST: usize = 16;
/// So many marks on one letter are none that a language writes.
const STACKED: usize = 3;

/// Words by their first and last letter and what is between, whatever its order.
#[derive(Debug)]
pub(super) struct Scrambled {
    words: HashMap<[u8; LONGEST], Box<str>>,
    /// Bit by first letter, last letter and length: most words are told by these.
    ends: Vec<u64>,
}

impl Default for Scrambled {
    fn default() -> Self {
        Self { words: HashMap::new(), ends: vec![0; 26 * 26] }
    }
}

impl Scrambled {
    /// Adds a word of lower-case ASCII letters; others are passed over.
    pub(super) fn add(&mut self, word: &str) {
        let Some((index, bit)) = ends(word) else { return };
        if let Some(bits) = self.ends.get_mut(index) {
            *bits |= bit;
        }
        self.words.entry(key(word)).or_insert_with(|| word.into());
    }

    /// The word with these ends and these letters between.
    pub(super) fn find(&self, word: &str) -> Option<&str> {
        let (index, bit) = ends(word)?;
        self.ends.get(index).filter(|bits| **bits & bit != 0)?;
        self.words.get(&key(word)).map(|word| &**word)
    }
}

fn ends(word: &str) -> Option<(usize, u64)> {
    let (first, last) = (word.bytes().next()?, word.bytes().next_back()?);
    let fits = (SHORTEST..=LONGEST).contains(&word.len()) && first.is_ascii_lowercase() && last.is_ascii_lowercase();
    fits.then(|| (usize::from(first - b'a') * 26 + usize::from(last - b'a'), 1 << word.len()))
}

fn key(word: &str) -> [u8; LONGEST] {
    let mut letters = [0; LONGEST];
    letters.iter_mut().zip(word.bytes()).for_each(|(to, from)| *to = from);
    if let Some(inner) = letters.get_mut(1..word.len().saturating_sub(1)) {
        inner.sort_unstable();
    }
    letters
}

/// Whether combining marks (U+0300 to U+036F) are heaped somewhere. Looks at nothing else.
pub(super) fn has_stacked_marks(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_mark = |at: usize| match bytes.get(at..at + 2) {
        Some([0xcc, _]) => true,
        Some([0xcd, second]) => *second < 0xb0,
        _ => false,
    };
    let stacked = |at: usize| (0..STACKED).all(|i| is_mark(at + 2 * i));
    !text.is_ascii() && memchr::memchr2_iter(0xcc, 0xcd, bytes).any(stacked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_by_their_letters() {
        let mut scrambled = Scrambled::default();
        ["ignore", "previous", "instructions", "rule"].iter().for_each(|word| scrambled.add(word));
        let found = |word: &str| scrambled.find(word);
        assert_eq!(found("ignroe"), Some("ignore"));
        assert_eq!(found("prevoius"), Some("previous"));
        assert_eq!(found("instructinos"), Some("instructions"));
        assert_eq!(found("ignore"), Some("ignore"));
        for word in ["gnoire", "ignores", "previews", "rlue", "", "é", "İgnore"] {
            assert_eq!(found(word), None, "{word}");
        }
    }

    #[test]
    fn marks_of_languages_are_not_stacked() {
        assert!(has_stacked_marks("z\u{334}\u{327}\u{31b}a"));
        for text in ["plain", "tiê\u{301}ng Viê\u{323}t e\u{302}\u{301}", "हिन्दी", "שָׁלוֹם", "Í Ï ó"]
        {
            assert!(!has_stacked_marks(text), "{text}");
        }
    }
}
