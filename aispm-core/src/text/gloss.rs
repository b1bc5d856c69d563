//! Words of other languages counted as the English word that means the same, so that what the model learned of one
//! language holds in the others: `data/text/glosses.tsv`.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::FixedState;

use super::canonical::{Canonical, Token};
use super::fold::is_unspaced;
use super::vocabulary::Begins;

/// Words of a phrase, and characters of a word of an unspaced script, at most.
const LONGEST: usize = 4;
const LONGEST_UNSPACED: usize = 8;
/// Letters that the beginning of a word may have beyond the least.
const LONGEST_STEM: usize = 18;

/// So many words to either side tell whether a word stands among others of its language.
const NEAR: usize = 2;

type Table = HashMap<&'static str, &'static str, FixedState>;

/// English words by what means them, in canonical form.
#[derive(Debug, Default)]
pub(super) struct Glosses {
    /// Words, phrases, and characters of unspaced scripts in a row.
    whole: Table,
    /// Beginnings of words.
    stems: Table,
    begins: Begins,
}

/// What a token counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gloss {
    /// Itself.
    Own,
    /// This English word.
    English(&'static str),
    /// Nothing: the word before stands for both.
    Part,
}

impl Glosses {
    pub(super) fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Glosses> = LazyLock::new(|| Glosses::new(include_str!("../../data/text/glosses.tsv")));
        &BUILTIN
    }

    /// Rows `language TAB English word TAB term | term`; `term*` is the beginning of a word. The first to name a term has
    /// it.
    fn new(rows: &'static str) -> Self {
        let mut glosses = Self::default();
        for row in rows.lines() {
            let Some((english, terms)) = row.split_once('\t').and_then(|(_, row)| row.split_once('\t')) else {
                continue;
            };
            for term in terms.split(" | ") {
                let stem = term.strip_suffix('*');
                let first = match term.chars().next() {
                    Some(c) if is_unspaced(c) => c.len_utf8(),
                    _ => term.find([' ', '*']).unwrap_or(term.len()),
                };
                glosses.begins.mark(term.as_bytes().get(..first).unwrap_or_default());
                let table = if stem.is_some() { &mut glosses.stems } else { &mut glosses.whole };
                table.entry(stem.unwrap_or(term)).or_insert(english);
            }
        }
        glosses
    }

    /// What each token counts as. Linear: a bounded number of look-ups for each.
    pub(super) fn of(&self, canonical: &Canonical) -> Vec<Gloss> {
        let mut found = Vec::with_capacity(canonical.tokens.len());
        while let Some(rest) = canonical.tokens.get(found.len()..).filter(|rest| !rest.is_empty()) {
            match self.first(canonical, rest) {
                Some((english, tokens)) => {
                    found.push(Gloss::English(english));
                    found.extend(std::iter::repeat_n(Gloss::Part, tokens - 1));
                }
                None => found.push(Gloss::Own),
            }
        }
        let lone = |at: &usize| Self::is_lone(canonical, &found, *at);
        let lone: Vec<usize> = (0..found.len()).filter(lone).collect();
        for gloss in lone {
            if let Some(gloss) = found.get_mut(gloss) {
                *gloss = Gloss::Own;
            }
        }
        found
    }

    /// Whether an ASCII word has a gloss, but none near it has one: in English text it is an English word.
    fn is_lone(canonical: &Canonical, found: &[Gloss], at: usize) -> bool {
        let has_gloss = |at: usize| found.get(at).is_some_and(|gloss| *gloss != Gloss::Own);
        let near = (at.saturating_sub(NEAR)..=at + NEAR).filter(|near| *near != at);
        let is_ascii = canonical.tokens.get(at).is_some_and(|token| canonical.word(*token).is_ascii());
        has_gloss(at) && is_ascii && !near.into_iter().any(has_gloss)
    }

    /// The gloss of the first tokens, the most that have one, and how many these are.
    fn first(&self, canonical: &Canonical, tokens: &[Token]) -> Option<(&'static str, usize)> {
        let (start, word) = (tokens.first()?.start, canonical.word(*tokens.first()?));
        if !self.begins.may_begin(word.bytes()) {
            return None;
        }
        let unspaced = word.chars().next().is_some_and(is_unspaced);
        let longest = if unspaced { LONGEST_UNSPACED } else { LONGEST };
        let phrases = tokens.iter().take(longest).enumerate().rev().find_map(|(i, last)| {
            let english = self.whole.get(canonical.text.get(start..last.end)?)?;
            Some((*english, i + 1))
        });
        phrases.or_else(|| {
            let shortest = if word.is_ascii() { 4 } else { 2 };
            let ends = word.char_indices().map(|(at, _)| at).skip(shortest).take(LONGEST_STEM);
            let stem = |end: usize| self.stems.get(word.get(..end)?).copied();
            if unspaced { None } else { ends.chain([word.len()]).filter_map(stem).last().map(|english| (english, 1)) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::vocabulary::Vocabulary;

    fn canonical(text: &str) -> Canonical {
        Canonical::new(text, &[], &Vocabulary::default())
    }

    #[test]
    fn words_and_phrases_count_as_english_ones() {
        let glosses = Glosses::new("de\tignore\tignorier* | beachte nicht\nzh\tinstruction\t指令\nes\tyour\ttu");
        let of = |text: &str| {
            let canonical = canonical(text);
            let shown = |(token, gloss): (&Token, Gloss)| match gloss {
                Gloss::Own => canonical.word(*token).to_owned(),
                Gloss::English(english) => english.to_uppercase(),
                Gloss::Part => "-".to_owned(),
            };
            canonical.tokens.iter().zip(glosses.of(&canonical)).map(shown).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of("Ignoriere hm tu"), "IGNORE hm YOUR");
        assert_eq!(of("the tu is lone, 指令"), "the tu is lone INSTRUCTION -");
        assert_eq!(of("beachte NICHT tut ignorie"), "IGNORE - tut ignorie");
        assert_eq!(of("的指令"), "的 INSTRUCTION -");
        assert_eq!(of(""), "");
    }

    #[test]
    fn the_file_holds_canonical_forms() {
        let rows = include_str!("../../data/text/glosses.tsv");
        for row in rows.lines() {
            let [language, english, terms] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row}") };
            assert!(!language.is_empty() && english.bytes().all(|b| b.is_ascii_alphanumeric()), "{row}");
            for term in terms.split(" | ") {
                let word = term.strip_suffix('*').unwrap_or(term);
                let found = canonical(word);
                assert!(found.text == word && found.tokens.len() <= LONGEST_UNSPACED, "{term}: {:?}", found.text);
                // amid text of its language
                let amid = canonical(&format!("指令 {word} 指令"));
                let glosses = Glosses::builtin().of(&amid);
                let own = |at: usize| glosses.get(at + 2) == Some(&Gloss::Own);
                assert!(!(0..found.tokens.len()).any(own), "{term}: {glosses:?}");
            }
        }
    }
}
