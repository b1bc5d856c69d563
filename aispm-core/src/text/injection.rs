//! Prompt injection and tool poisoning: relations between terms, weighed into a probability.

use std::sync::LazyLock;

use serde::Deserialize;

use super::Detector;
use super::canonical::{Canonical, Vocabulary};
use super::invisible::Hidden;
use super::lexicon::{Classes, Lexicon};
use super::relation::{Held, Relation, Relations};
use crate::asset::{Document, Match, Result, TextRole};

/// Log-odds of a text in which nothing is found.
const BIAS: f64 = -4.0;

/// The compiled terms and relations.
#[derive(Debug)]
pub(super) struct Engine {
    lexicon: Lexicon,
    vocabulary: Vocabulary,
    relations: Relations,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    classes: Classes,
    relations: Vec<Relation>,
}

/// A text as the engine sees it.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) canonical: Canonical,
    held: Vec<Held>,
}

impl Engine {
    /// The built-in engine; a test loads it, so that it is always there.
    pub(super) fn builtin() -> Option<&'static Self> {
        static BUILTIN: LazyLock<Option<Engine>> = LazyLock::new(|| {
            Engine::new(
                include_str!("../../data/text/injection.yaml"),
                include_str!("../../data/text/common_words.txt"),
            )
            .ok()
        });
        BUILTIN.as_ref()
    }

    fn new(rules: &str, common_words: &str) -> Result<Self> {
        let File { classes, relations } = Document::config("injection.yaml", rules)?;
        let (lexicon, mut vocabulary) = Lexicon::new(&classes)?;
        vocabulary.words.extend(common_words.split_whitespace().map(Into::into));
        let relations = Relations::new(relations, &lexicon)?;
        Ok(Self { lexicon, vocabulary, relations })
    }

    pub(super) fn read(&self, text: &str, hidden: &[Hidden]) -> Reading {
        let canonical = Canonical::new(text, hidden, &self.vocabulary);
        let held = self.relations.held(&self.lexicon.hits(&canonical));
        Reading { canonical, held }
    }

    /// The log-odds that the text is what `detector` looks for.
    pub(super) fn log_odds(&self, reading: &Reading, detector: Detector, _role: TextRole) -> f64 {
        let mut odds = BIAS;
        let mut last = None;
        for held in &reading.held {
            let Some(relation) = self.relations.list.get(held.relation) else { continue };
            if relation.detector == detector && last != Some(held.relation) {
                odds += relation.weight;
                last = Some(held.relation);
            }
        }
        // more words, more chances to hold a relation
        odds - 0.05 * (1.0 + reading.canonical.tokens.len() as f64).ln()
    }

    /// What holds in the text for this detector, each where the given text says it.
    pub(super) fn matches(&self, reading: &Reading, detector: Detector, score: f64, matches: &mut Vec<Match>) {
        for held in &reading.held {
            let Some(relation) = self.relations.list.get(held.relation) else { continue };
            if relation.detector == detector && relation.weight > 0.0 {
                let span = reading.canonical.source(held.start..held.end);
                let (kind, rule) = (relation.kind.clone(), relation.id.clone());
                matches.push(Match::new(detector.as_str(), kind, rule, score, relation.severity, span));
            }
        }
    }
}

pub(super) fn logistic(odds: f64) -> f64 {
    1.0 / (1.0 + (-odds).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_data_compiles() {
        let rules = include_str!("../../data/text/injection.yaml");
        if let Err(error) = Engine::new(rules, "") {
            panic!("{error}");
        }
        assert!(Engine::new("classes: {}\nrelations: [{id: x}]", "").is_err());
    }
}
