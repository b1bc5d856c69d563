//! The literals that begin every look: one automaton over the anchors of all rules, all that end at a position reported.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// Whom an anchor calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The secret rule of this index.
    Rule(u16),
    /// The judge of values assigned to names that tell of secrets.
    Name,
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
        Ok(Self { automaton, owners: patterns.into_values().collect() })
    }

    /// Calls `each` with owner, start and end of every anchor in `text`, overlapping ones too.
    pub(super) fn each(&self, text: &str, mut each: impl FnMut(Owner, usize, usize)) {
        for hit in self.automaton.find_overlapping_iter(text) {
            for owner in self.owners.get(hit.pattern().as_usize()).into_iter().flatten() {
                each(*owner, hit.start(), hit.end());
            }
        }
    }
}
