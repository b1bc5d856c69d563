//! The passages of a text that the injection model judges each on its own, so that one planted sentence in a long document
//! counts as much as in a short one: windows that overlap by half, and in documents each sentence beside these.

use std::ops::Range;

use super::canonical::{Canonical, Token};
use super::sensitivity::Use;

/// Words of a window, and from one to the next.
pub(super) const WINDOW: usize = 64;
const STRIDE: usize = 32;
/// A sentence is at most so many words long; a longer one is read in windows of its own.
const LONGEST: usize = 32;
const FINE_WINDOW: usize = 24;
const FINE_STRIDE: usize = 12;
/// A sentence of fewer words goes with the one after, or before the end with the one before.
const SHORTEST: usize = 6;

/// Of each word whether it begins a sentence or a line. Linear.
pub(super) fn beginnings(canonical: &Canonical) -> Vec<bool> {
    let ends = |c| matches!(c, '.' | '?' | '!' | '\n' | '。' | '？' | '！' | '।');
    let mut last = None;
    let begins = |token: &Token| {
        let before = last.replace(token.end);
        before.is_none_or(|end| canonical.text.get(end..token.start).is_some_and(|gap| gap.contains(ends)))
    };
    canonical.tokens.iter().map(begins).collect()
}

/// The passages of some words, of which `begins` tells those that begin a sentence. Linear.
pub(super) fn passages(usage: Use, begins: &[bool]) -> impl Iterator<Item = Range<usize>> {
    let sentences = if usage == Use::Document { sentences(begins) } else { Vec::new() };
    let fine = sentences.into_iter().flat_map(|sentence| match sentence.len() {
        ..=LONGEST => windows(sentence, LONGEST, LONGEST),
        _ => windows(sentence, FINE_WINDOW, FINE_STRIDE),
    });
    windows(0..begins.len(), WINDOW, STRIDE).chain(fine)
}

fn sentences(begins: &[bool]) -> Vec<Range<usize>> {
    let mut sentences: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    for (at, _) in begins.iter().enumerate().filter(|(_, begins)| **begins) {
        if at - start >= SHORTEST {
            sentences.push(start..at);
            start = at;
        }
    }
    match sentences.last_mut() {
        Some(last) if begins.len() - start < SHORTEST => last.end = begins.len(),
        _ => sentences.push(start..begins.len()),
    }
    sentences
}

/// At least one; a last window of one stride would only repeat the end of the one before.
fn windows(words: Range<usize>, length: usize, stride: usize) -> impl Iterator<Item = Range<usize>> {
    let number = words.len().div_ceil(stride).saturating_sub(1).max(1);
    (0..number).map(move |i| words.start + i * stride).map(move |start| start..(start + length).min(words.end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::vocabulary::Vocabulary;

    fn of(usage: Use, text: &str) -> Vec<Range<usize>> {
        let canonical = Canonical::new(text, &[], &Vocabulary::default());
        passages(usage, &beginnings(&canonical)).collect()
    }

    #[test]
    fn documents_are_read_by_sentences() {
        let text = "One two three four five six. Seven! Eight nine ten eleven twelve thirteen\nFourteen 十五。";
        assert_eq!(of(Use::Prompt, text), vec![0..16]);
        assert_eq!(of(Use::Document, text), vec![0..16, 0..6, 6..16]);
        assert_eq!(of(Use::Document, ""), vec![0..0, 0..0]);
        let words = "word ".repeat(70);
        assert_eq!(of(Use::Prompt, &words), vec![0..64, 32..70]);
        let fine = [0..24, 12..36, 24..48, 36..60, 48..70];
        assert_eq!(of(Use::Document, &words), [vec![0..64, 32..70], fine.to_vec()].concat());
    }

    #[test]
    fn every_word_is_in_a_passage() {
        for length in 0..200 {
            for every in [1, 5, 6, 7, 33, 60] {
                let begins: Vec<bool> = (0..length).map(|at| at % every == 0).collect();
                let wide = windows(0..length, WINDOW, STRIDE).count();
                let mut next = 0;
                for passage in passages(Use::Document, &begins).skip(wide) {
                    assert!(passage.start <= next && passage.end >= next && passage.len() <= LONGEST);
                    next = passage.end;
                }
                assert_eq!(next, length);
            }
        }
    }
}
