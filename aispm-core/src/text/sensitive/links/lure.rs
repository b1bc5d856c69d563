//! Lures without a link: messages that ask for credentials, one-time codes or money under pressure.

use std::ops::Range;

use aho_corasick::AhoCorasick;
use serde::Deserialize;

use super::super::anchors::Owner;
use super::super::hay::{Hay, is_word};
use crate::asset::{Match, Severity};

const DATA: &str = include_str!("../../../../data/text/sensitive/lures.toml");

/// How far from an anchor a word that gives it meaning may stand, in bytes.
const NEAR: usize = 56;

/// How far apart the parts of one lure stand at most, and how long it is at most, in bytes.
const GAP: usize = 400;
const LONGEST: usize = 2400;

/// What a link that hides where it leads adds.
const VEILED: f64 = 2.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Class {
    Credential,
    Code,
    Payment,
    Prize,
    Account,
    Urgency,
    Threat,
    Action,
    Secrecy,
    Brand,
    Calm,
    #[serde(skip)]
    Link,
}

/// How many classes there are, and the rules of those that say what the sender wants, in their order.
const CLASSES: usize = 12;
const WANTS: [&str; 4] = ["lure-for-credentials", "lure-for-code", "lure-for-payment", "lure-by-prize"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    bar: f64,
    group: Vec<Group>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    class: Class,
    weight: f64,
    anchors: Vec<String>,
    near: Vec<String>,
}

/// The phrases, compiled.
#[derive(Debug)]
pub(in super::super) struct Lures {
    bar: f64,
    groups: Vec<(Group, Option<AhoCorasick>)>,
}

/// The lure that is being read: what of each class was found, and where.
#[derive(Debug, Default)]
pub(in super::super) struct Stretch {
    span: Range<usize>,
    best: [f64; CLASSES],
}

impl Lures {
    pub(in super::super) fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let data: Data = toml::from_str(DATA)?;
        let compile = |words: &[String]| AhoCorasick::builder().ascii_case_insensitive(true).build(words);
        let group = |g: Group| {
            let near = if g.near.is_empty() { None } else { Some(compile(&g.near)?) };
            Ok::<_, aho_corasick::BuildError>((g, near))
        };
        Ok(Self { bar: data.bar, groups: data.group.into_iter().map(group).collect::<Result<_, _>>()? })
    }

    /// The literals that announce parts of lures.
    pub(in super::super) fn anchors(&self) -> impl Iterator<Item = (String, Owner)> {
        let numbered = self.groups.iter().zip(0_u16..);
        numbered.flat_map(|((group, _), index)| group.anchors.iter().map(move |a| (a.clone(), Owner::Lure(index))))
    }

    /// Adds what `anchor` of group `index` tells.
    pub(in super::super) fn phrase(
        &self,
        hay: Hay<'_>,
        index: u16,
        anchor: Range<usize>,
        stretch: &mut Stretch,
        matches: &mut Vec<Match>,
    ) {
        let Some((group, near)) = self.groups.get(usize::from(index)) else { return };
        // A short word must end too: `tan` is not in `tangible`.
        if is_word(hay.before(anchor.start)) || (anchor.len() < 6 && is_word(hay.at(anchor.end))) {
            return;
        }
        if let Some(near) = near {
            let begins = |text: &str| {
                let word = |at: usize| text.as_bytes().get(at.wrapping_sub(1)).copied().is_some_and(is_word);
                near.find_overlapping_iter(text).any(|hit| !word(hit.start()))
            };
            if !begins(hay.window_before(anchor.start, NEAR)) && !begins(hay.window(anchor.end, NEAR)) {
                return;
            }
        }
        self.add(group.class, group.weight, anchor, stretch, matches);
    }

    /// Adds a link at `span` that hides where it leads.
    pub(in super::super) fn link(&self, span: Range<usize>, stretch: &mut Stretch, matches: &mut Vec<Match>) {
        self.add(Class::Link, VEILED, span, stretch, matches);
    }

    fn add(&self, class: Class, weight: f64, at: Range<usize>, stretch: &mut Stretch, matches: &mut Vec<Match>) {
        let far = at.start > stretch.span.end + GAP || at.end > stretch.span.start + LONGEST;
        if far {
            self.close(stretch, matches);
        }
        if stretch.span.is_empty() {
            stretch.span = at.clone();
        }
        stretch.span.end = stretch.span.end.max(at.end);
        if let Some(best) = stretch.best.get_mut(class as usize)
            && weight.abs() > best.abs()
        {
            *best = weight;
        }
    }

    /// Ends the stretch and pushes it if it is a lure.
    pub(in super::super) fn close(&self, stretch: &mut Stretch, matches: &mut Vec<Match>) {
        let Stretch { span, best } = std::mem::take(stretch);
        let sum: f64 = best.iter().sum();
        let classes = best.iter().filter(|b| **b > 0.0).count();
        let want = best.iter().zip(WANTS).filter(|(b, _)| **b > 0.0).max_by(|a, b| a.0.total_cmp(b.0));
        if let Some((_, rule)) = want
            && sum >= self.bar
            && classes >= 3
        {
            let score = (0.5 + (sum - self.bar) * 0.07).min(0.95);
            let severity = if score >= 0.65 { Severity::High } else { Severity::Medium };
            matches.push(Match::new("phishing", "PHISHING_LURE", rule, score, severity, span));
        }
    }
}
