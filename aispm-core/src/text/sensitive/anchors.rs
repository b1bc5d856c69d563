//! The literals that begin every look: one automaton over the anchors of all rules, all that end at a position reported.

use std::collections::BTreeMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};

use super::secrets::Expect;

/// Whom an anchor calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The secret rule of this index.
    Rule(u16),
    /// The user's rule of this index.
    Given(u16),
    /// The pattern of this index in the user's recognizers.
    Custom(u16),
    /// The judge of values assigned to names that tell of secrets.
    Name(Expect),
    /// The reader of addresses: `://`, `www.` or a scheme.
    Address,
    /// Links that run a script.
    Script,
    /// The phrases of lures, by group.
    Lure(u16),
    /// The reader of Markdown and HTML links and images.
    Markup,
}

/// The automaton and, for each of its patterns, whom it calls.
#[derive(Debug)]
pub(super) struct Anchors {
    automaton: AhoCorasick,
    owners: Vec<Vec<Owner>>,
    longest: usize,
}

/// How far a text has been read for anchors.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Read {
    /// Every anchor that ends before this has been called…
    pub(super) end: usize,
    /// …and so many that end here.
    here: usize,
}

impl Anchors {
    /// Compiles `anchors`; equal literals share a pattern. ASCII case is ignored: verifiers look at case themselves.
    pub(super) fn new(anchors: impl Iterator<Item = (String, Owner)>) -> Result<Self, aho_corasick::BuildError> {
        let mut patterns = BTreeMap::<String, Vec<Owner>>::new();
        for (literal, owner) in anchors {
            patterns.entry(literal.to_ascii_lowercase()).or_default().push(owner);
        }
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .build(patterns.keys())?;
        let longest = patterns.keys().map(String::len).max().unwrap_or(0);
        Ok(Self { automaton, owners: patterns.into_values().collect(), longest })
    }

    /// The length of the longest anchor.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// Calls `each` with owner and span of every anchor in `text` that was not read yet, overlapping ones too, until it
    /// says that one cannot be settled; gives the start of that one.
    pub(super) fn each(
        &self,
        text: &str,
        read: &mut Read,
        mut each: impl FnMut(Owner, Range<usize>) -> bool,
    ) -> Option<usize> {
        let input = Input::new(text).range(read.end.saturating_sub(self.longest).min(text.len())..);
        let mut here = 0;
        for hit in self.automaton.find_overlapping_iter(input) {
            if hit.end() < read.end {
                continue;
            }
            if hit.end() > read.end {
                (*read, here) = (Read { end: hit.end(), here: 0 }, 0);
            }
            for owner in self.owners.get(hit.pattern().as_usize()).into_iter().flatten() {
                here += 1;
                if here <= read.here {
                    continue;
                }
                if !each(*owner, hit.range()) {
                    return Some(hit.start());
                }
                read.here = here;
            }
        }
        *read = Read { end: text.len() + 1, here: 0 };
        None
    }
}
