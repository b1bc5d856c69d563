//! How much of a passage its document says nowhere else: what was planted speaks of other things than the text around it.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::FixedState;

/// Kinds of passages: by the fifths of their words that are new, and by the length of the document.
pub(super) const KINDS: usize = 5 * LENGTHS;
/// Documents of less than twice `SHORT` words, of less than four times as many, of less than eight times, and longer ones.
const LENGTHS: usize = 4;
const SHORT: usize = 24;

/// Where each word of a text stands before, and where last.
#[derive(Debug)]
pub(super) struct Novelty(Vec<Place>);

#[derive(Debug, Clone, Copy)]
struct Place {
    before: Option<usize>,
    last: usize,
}

impl Novelty {
    /// Reads words by their numbers. Linear.
    pub(super) fn new(words: impl Iterator<Item = u32>) -> Self {
        let mut latest: HashMap<u32, usize, FixedState> = HashMap::default();
        let mut places: Vec<_> =
            words.enumerate().map(|(at, word)| (word, Place { before: latest.insert(word, at), last: at })).collect();
        for (word, place) in &mut places {
            place.last = latest.get(word).copied().unwrap_or(place.last);
        }
        Self(places.into_iter().map(|(_, place)| place).collect())
    }

    /// The kind of a passage; none if it is most of the text. Linear in the passage.
    pub(super) fn kind(&self, passage: &Range<usize>) -> Option<usize> {
        let length = self.0.len();
        if 2 * length <= 3 * passage.len() {
            return None;
        }
        let (mut different, mut new) = (0, 0);
        for place in self.0.get(passage.clone())? {
            different += usize::from(place.before.is_none_or(|before| before < passage.start));
            new += usize::from(place.before.is_none() && place.last < passage.end);
        }
        let fifth = (5 * new / different.max(1)).min(4);
        let doubled = (length / SHORT).max(1).ilog2();
        Some(fifth * LENGTHS + usize::try_from(doubled).unwrap_or_default().min(LENGTHS - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_nowhere_else_is_new() {
        let novelty = Novelty::new([1, 2, 3, 1, 2, 3, 7, 8, 7, 1, 2].into_iter());
        let fifths = |passage| novelty.kind(&passage).map(|kind| kind / LENGTHS);
        assert_eq!(fifths(0..3), Some(0));
        assert_eq!(fifths(6..9), Some(4));
        assert_eq!(fifths(5..9), Some(3));
        assert_eq!(fifths(7..9), Some(2));
        assert_eq!(fifths(0..8), None);
    }

    #[test]
    fn kinds_are_told_apart_by_length() {
        let lengths = [10, 47, 48, 96, 192, 10_000].map(|length| Novelty::new(0..length).kind(&(0..4)));
        assert_eq!(lengths.map(|kind| kind.map(|kind| kind % LENGTHS)), [0, 0, 1, 2, 3, 3].map(Some));
        assert!(lengths.into_iter().flatten().all(|kind| kind < KINDS));
        assert_eq!(Novelty::new(0..0).kind(&(0..0)), None);
    }
}
