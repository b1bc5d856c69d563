//! The literals that begin every look: one automaton over the anchors of all rules, all that end at a position reported.

use std::collections::BTreeMap;
use std::ops::Range;

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::dfa::DFA;
use aho_corasick::{Anchored, MatchKind};

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

/// Bytes of a lane; see [`Anchors::each`].
const LANE: usize = 512;

/// The automaton and, for each of its patterns, whom it calls. It is walked here and not by its own iterator: with case
/// folded on the way its table is half as large, and no match makes it begin again.
#[derive(Debug)]
pub(super) struct Anchors {
    automaton: DFA,
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
        let automaton = DFA::builder().match_kind(MatchKind::Standard).build(patterns.keys())?;
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
        let start = self.automaton.start_state(Anchored::No).ok()?;
        let next = |state, byte: &u8| self.automaton.next_state(Anchored::No, state, byte.to_ascii_lowercase());
        let hit = |state| self.automaton.is_special(state) && self.automaton.is_match(state);
        let mut at = read.end.saturating_sub(self.longest).min(text.len());
        let mut rest = text.as_bytes().get(at..).unwrap_or_default();
        let (mut state, mut hits) = (start, [(0, start); LANE]);
        // The table is larger than the fastest memory: while one lane waits for it, the other goes on.
        while let Some((left, (right, tail))) =
            rest.split_at_checked(LANE).and_then(|(left, rest)| Some((left, rest.split_at_checked(LANE)?)))
            && self.longest <= LANE
        {
            let before = left.get(LANE - self.longest..).unwrap_or_default();
            let (mut ahead, mut count) = (before.iter().fold(start, next), 0);
            for (end, (one, other)) in (at + 1..).zip(left.iter().zip(right)) {
                (state, ahead) = (next(state, one), next(ahead, other));
                if hit(state)
                    && let Some(unsettled) = self.call(state, end, read, &mut each)
                {
                    return Some(unsettled);
                }
                if hit(ahead)
                    && let Some(place) = hits.get_mut(count)
                {
                    *place = (end + LANE, ahead);
                    count += 1;
                }
            }
            for (end, state) in hits.iter().take(count) {
                if let Some(unsettled) = self.call(*state, *end, read, &mut each) {
                    return Some(unsettled);
                }
            }
            (state, at, rest) = (ahead, at + 2 * LANE, tail);
        }
        for (end, byte) in (at + 1..).zip(rest) {
            state = next(state, byte);
            if hit(state)
                && let Some(unsettled) = self.call(state, end, read, &mut each)
            {
                return Some(unsettled);
            }
        }
        *read = Read { end: text.len() + 1, here: 0 };
        None
    }

    /// Calls `each` for the anchors that end at `end`, which `state` tells, but for those that were read.
    fn call(
        &self,
        state: StateID,
        end: usize,
        read: &mut Read,
        mut each: impl FnMut(Owner, Range<usize>) -> bool,
    ) -> Option<usize> {
        if end < read.end {
            return None;
        }
        if end > read.end {
            *read = Read { end, here: 0 };
        }
        let patterns = (0..self.automaton.match_len(state)).map(|index| self.automaton.match_pattern(state, index));
        let owners = patterns.filter_map(|pattern| {
            let owners = self.owners.get(pattern.as_usize())?;
            Some(owners.iter().map(move |owner| (*owner, end - self.automaton.pattern_len(pattern))))
        });
        for (owner, start) in owners.flatten().skip(read.here) {
            if !each(owner, start..end) {
                return Some(start);
            }
            read.here += 1;
        }
        None
    }
}
