//! Names of people, organisations, places and street addresses: a small tagger over running text, and rules for what
//! announces itself (a title, a label, a legal form, a house number).

mod lexicon;
mod rule;
mod tagger;
mod token;

use std::ops::Range;

pub use self::tagger::Candidate;
use self::tagger::Tagger;
use super::super::hay::Hay;

pub(in crate::text::sensitive::pii) use self::rule::street;

const LEXICON: &[u8] = include_bytes!("../../../../../data/text/sensitive/lexicon.bin");
const MODEL: &[u8] = include_bytes!("../../../../../data/text/sensitive/names_model.bin");

/// The finder of names.
#[derive(Debug)]
pub(super) struct Names {
    rules: rule::Rules,
    tagger: Tagger,
}

impl Names {
    pub(super) fn parse(source: &'static str) -> Self {
        Self { rules: rule::Rules::parse(source), tagger: Tagger::new(LEXICON, MODEL) }
    }

    /// See [`rule::Rules::tag`].
    pub(super) fn tag(&self, hay: Hay<'_>, at: usize) -> Option<(&'static str, Range<usize>, f64)> {
        self.rules.tag(hay, at)
    }

    /// Calls `each` with type, span and score of every name that the tagger sees.
    pub(super) fn each(&self, text: &str, mut each: impl FnMut(&'static str, Range<usize>, f64)) {
        self.tagger.spans(text, |span| {
            let score = 0.4 + 0.5 * span.lead / (span.lead.abs() + 4.0);
            each(span.entity(), span.range, score);
        });
    }

    /// For training: what the tagger sees of `text` when the lexicon does not know the names in `hide`.
    pub(super) fn candidates(&self, text: &str, hide: &[&str]) -> Vec<Candidate> {
        let hidden: Vec<u64> = hide.iter().map(|word| lexicon::fold(word)).collect();
        self.tagger.candidates(text, &|key| hidden.contains(&key))
    }
}
