//! A small linear model over hashed words, which sees what no relation names. Weights: `data/text/injection_model.*`,
//! fitted by `training/injection/train.py`; what is known of them is in the model card beside them.
//!
//! A text is read in passages, and the best one speaks for it. Words weigh otherwise in data than in what a user says.

use std::collections::HashMap;
use std::ops::Range;

use super::canonical::{Canonical, Token};
use super::gloss::{Gloss, Glosses};
use super::novelty::KINDS;
use super::passage::WINDOW;
use super::sensitivity::{Thresholds, Use};

/// Buckets of the hash table; a power of two.
pub(super) const BUCKETS: u32 = 1 << 18;
/// Features of one word: see [`features`].
pub(super) const FEATURES: usize = 6;
/// No such feature of this word.
pub(super) const ABSENT: u32 = u32::MAX;

/// What stands in a hash for the words before the first of a sentence, and before the second.
const FIRST: u64 = 12_345;
const SECOND: u64 = 54_321;

/// Weights of buckets and of named features.
#[derive(Debug)]
pub(super) struct Model {
    /// Of prompts, of documents.
    tables: (&'static [u8], &'static [u8]),
    scale: f64,
    /// Of passages by their kind.
    kinds: [f64; KINDS],
    named: HashMap<&'static str, f64>,
    pub(super) thresholds: Thresholds,
}

impl Model {
    /// Weights as bytes (one signed byte a bucket, those of prompts first) and as rows `name TAB weight`; `scale` is one
    /// of them.
    pub(super) fn new(tables: &'static [u8], named: &'static str) -> Self {
        let thresholds = Thresholds::new(named);
        let rows = named.lines().filter_map(|row| row.split_once('\t'));
        let named: HashMap<_, f64> = rows.filter_map(|(name, weight)| Some((name, weight.parse().ok()?))).collect();
        let tables = tables.split_at_checked(BUCKETS as usize).unwrap_or_default();
        let weight = |name: &str| named.get(name).copied().unwrap_or_default();
        let kinds = std::array::from_fn(|kind| weight(&format!("passage:{kind}")));
        Self { tables, scale: weight("scale"), kinds, named, thresholds }
    }

    /// The weight of a named feature; what was not seen in training weighs nothing.
    pub(super) fn weight(&self, name: &str) -> f64 {
        self.named.get(name).copied().unwrap_or_default()
    }

    /// What a use adds to the log-odds, and the slope and the offset of its calibration.
    pub(super) fn calibration(&self, usage: Use) -> [f64; 3] {
        let rows = match usage {
            Use::Prompt => ["use:prompt", "platt_slope:prompt", "platt_offset:prompt"],
            Use::Document => ["use:document", "platt_slope:document", "platt_offset:document"],
        };
        rows.map(|row| self.weight(row))
    }

    /// The weight of the best passage, and its words. Linear.
    pub(super) fn best_passage(
        &self,
        usage: Use,
        features: &[[u32; FEATURES]],
        passages: impl Iterator<Item = (Range<usize>, Option<usize>)>,
    ) -> (f64, Range<usize>) {
        let table = self.table(usage);
        // sums and counts of all words before each, and before the end
        let mut before = Vec::with_capacity(features.len() + 1);
        let mut all = (0_i64, 0_i64);
        before.push(all);
        before.extend(features.iter().map(|word| {
            let present = word.iter().filter(|bucket| **bucket != ABSENT);
            all = present.fold(all, |(sum, count), bucket| (sum + weight_at(table, *bucket), count + 1));
            all
        }));
        let at = |word: usize| before.get(word).copied().unwrap_or(all);
        let weigh = |(passage, kind): (Range<usize>, Option<usize>)| {
            let (from, to) = (at(passage.start), at(passage.end));
            let words = self.scale * (to.0 - from.0) as f64 / ((to.1 - from.1).max(1) as f64).sqrt();
            (words + kind.and_then(|kind| self.kinds.get(kind)).copied().unwrap_or_default(), passage)
        };
        passages.map(weigh).max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or_default()
    }

    /// What each word adds to the weight of its passage, for words that speak for an injection.
    pub(super) fn words<'a>(
        &'a self,
        usage: Use,
        passage: &'a [[u32; FEATURES]],
        tokens: &'a [Token],
    ) -> impl Iterator<Item = (f64, Token)> + 'a {
        let count = passage.iter().flatten().filter(|bucket| **bucket != ABSENT).count();
        let scale = self.scale / (count.max(1) as f64).sqrt();
        let table = self.table(usage);
        let sum = |buckets: &[u32; FEATURES]| buckets.iter().map(|bucket| weight_at(table, *bucket)).sum::<i64>();
        passage
            .iter()
            .zip(tokens)
            .map(move |(buckets, token)| (scale * sum(buckets) as f64, *token))
            .filter(|w| w.0 > 0.0)
    }

    fn table(&self, usage: Use) -> &'static [u8] {
        match usage {
            Use::Prompt => self.tables.0,
            Use::Document => self.tables.1,
        }
    }
}

fn weight_at(table: &[u8], bucket: u32) -> i64 {
    let byte = usize::try_from(bucket).ok().and_then(|bucket| table.get(bucket)).copied().unwrap_or_default();
    i64::from(byte.cast_signed())
}

/// What the best passage of so many words loses: of more, the best stands higher by chance.
pub(super) fn handicap(words: usize) -> f64 {
    0.5 * (words.max(WINDOW) as f64 / WINDOW as f64).ln()
}

/// The buckets of each word: of itself, of it behind its neighbour and behind the next but one, of its beginning and its
/// end, and of it as the first or second word of a sentence. One of another language has its English gloss, alone and behind
/// those of its neighbours, in place of the middle three.
pub(super) fn features(canonical: &Canonical, glosses: &Glosses, begins: &[bool]) -> Vec<[u32; FEATURES]> {
    // the word before and its gloss, and the gloss before that
    let (mut last, mut last_gloss, mut last_but_one) = (0, 0, 0);
    let mut follows_first = false;
    let of = |((token, gloss), begins): ((&Token, Gloss), &bool)| {
        let word = canonical.word(*token);
        let digits = word.bytes().all(|b| b.is_ascii_digit());
        let own = if digits { hash(1, b"0") } else { hash(1, word.as_bytes()) };
        let part = |range: Option<&str>, kind| range.map_or(ABSENT, |part| bucket(hash(kind, part.as_bytes())));
        let pair = bucket(mix(last, own));
        last = own;
        let meant = match gloss {
            Gloss::Part => return [bucket(own), pair, ABSENT, ABSENT, ABSENT, ABSENT],
            Gloss::English(english) => hash(1, english.as_bytes()),
            Gloss::Own => own,
        };
        let (meant_pair, meant_skip) = (bucket(mix(last_gloss, meant)), bucket(mix(mix(last_but_one, 7), meant)));
        let leading = match begins {
            true => bucket(mix(FIRST, meant)),
            false if follows_first => bucket(mix(mix(SECOND, last_gloss), meant)),
            false => ABSENT,
        };
        follows_first = *begins;
        (last_but_one, last_gloss) = (last_gloss, meant);
        if gloss != Gloss::Own {
            return [bucket(own), pair, bucket(meant), meant_pair, meant_skip, leading];
        }
        let cut = |at: usize| word.char_indices().nth(at).map(|(i, _)| i);
        let long = word.chars().count() > 5;
        let tail = word.char_indices().rev().nth(3).map(|(i, _)| i);
        [
            bucket(own),
            meant_pair,
            meant_skip,
            part(cut(4).filter(|_| long).and_then(|at| word.get(..at)), 2),
            part(tail.filter(|_| long).and_then(|at| word.get(at..)), 3),
            leading,
        ]
    };
    canonical.tokens.iter().zip(glosses.of(canonical)).zip(begins).map(of).collect()
}

/// FNV-1a, 64 bits, led by the kind of feature.
fn hash(kind: u8, bytes: &[u8]) -> u64 {
    std::iter::once(&kind)
        .chain(bytes)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn mix(a: u64, b: u64) -> u64 {
    (a.rotate_left(23) ^ b).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn bucket(hash: u64) -> u32 {
    let folded = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    u32::try_from(folded).unwrap_or_default() % BUCKETS
}
