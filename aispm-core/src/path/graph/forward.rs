//! What follows from a set of facts.

use super::hypergraph::{FactId, Hypergraph, InstanceId, at};

/// All facts that follow from some: counter-based chaining in linear time, in buffers that are reused.
///
/// ```
/// use aispm_core::path::graph::{Builder, Forward};
///
/// # fn main() -> aispm_core::Result<()> {
/// let mut builder = Builder::with_facts(4);
/// builder.instance(&[0, 1], 2, 1.0)?; // 2 needs both
/// builder.instance(&[2], 3, 1.0)?;
/// let graph = builder.freeze();
/// let mut forward = Forward::new();
/// forward.run(&graph, &[0], |_| false);
/// assert!(!forward.holds(3));
/// forward.run(&graph, &[0, 1], |_| false);
/// assert!(forward.holds(3));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default, Clone)]
pub struct Forward {
    holds: Vec<bool>,
    /// Premises still lacking, by instance with several; 0: not seen yet.
    lacking: Vec<u32>,
    touched: Vec<u32>,
    order: Vec<FactId>,
}

impl Forward {
    /// Empty buffers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Finds what follows from `sources` without the blocked instances. O(facts and premises that are reached).
    pub fn run(&mut self, graph: &Hypergraph, sources: &[FactId], blocked: impl Fn(InstanceId) -> bool) {
        self.search(graph, sources, &[], |_| false, blocked);
    }

    /// The same with some facts made impossible.
    pub fn run_without(&mut self, graph: &Hypergraph, sources: &[FactId], impossible: impl Fn(FactId) -> bool) {
        self.search(graph, sources, &[], impossible, |_| false);
    }

    /// Until one of `enough` is reached, if any is.
    pub(super) fn search(
        &mut self,
        graph: &Hypergraph,
        sources: &[FactId],
        enough: &[FactId],
        impossible: impl Fn(FactId) -> bool,
        blocked: impl Fn(InstanceId) -> bool,
    ) {
        self.clear(graph);
        let Self { holds, lacking, touched, order } = self;
        let mut reach = |order: &mut Vec<FactId>, fact: FactId| {
            if let Some(known) = holds.get_mut(at(fact))
                && !*known
                && !impossible(fact)
            {
                *known = true;
                order.push(fact);
            }
        };
        for source in sources {
            reach(order, *source);
        }
        let mut next = 0;
        while let Some(fact) = order.get(next).copied() {
            next += 1;
            if enough.contains(&fact) {
                return;
            }
            for (instance, conclusion, _) in graph.edges(fact) {
                if !blocked(instance) {
                    reach(order, conclusion);
                }
            }
            for instance in graph.needs(fact) {
                let place = graph.wide_index(*instance);
                let Some(lack) = lacking.get_mut(place) else { continue };
                if *lack == 0 {
                    *lack = graph.wide_len(place);
                    touched.push(u32::try_from(place).unwrap_or(u32::MAX));
                }
                *lack = lack.saturating_sub(1);
                if *lack == 0 && !blocked(*instance) {
                    reach(order, graph.conclusion(*instance));
                }
            }
        }
    }

    /// Only what the last run touched is cleared.
    fn clear(&mut self, graph: &Hypergraph) {
        for fact in self.order.drain(..) {
            if let Some(known) = self.holds.get_mut(at(fact)) {
                *known = false;
            }
        }
        for place in self.touched.drain(..) {
            if let Some(lack) = self.lacking.get_mut(at(place)) {
                *lack = 0;
            }
        }
        self.holds.resize(at(graph.facts()), false);
        self.lacking.resize(graph.wide(), 0);
    }

    /// Whether a fact holds after the last run.
    #[must_use]
    pub fn holds(&self, fact: FactId) -> bool {
        self.holds.get(at(fact)).copied().unwrap_or(false)
    }

    /// The facts that hold, nearest first.
    #[must_use]
    pub fn order(&self) -> &[FactId] {
        &self.order
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::testing::{FACTS, graph, holding, rules};
    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_naive_fixpoint_finds(
            rules in rules(40), sources in proptest::collection::vec(0..FACTS, 0..4), out in 0_u32..40, gone in 0..FACTS,
        ) {
            let graph = graph(&rules);
            let mut forward = Forward::new();
            let found = |forward: &Forward| forward.order().iter().copied().collect::<BTreeSet<_>>();
            forward.run(&graph, &sources, |_| false);
            prop_assert_eq!(found(&forward), holding(&graph, &sources, |_| false, |_| false));
            forward.run(&graph, &sources, |instance| instance == out);
            prop_assert_eq!(found(&forward), holding(&graph, &sources, |_| false, |instance| instance == out));
            forward.run_without(&graph, &sources, |fact| fact == gone);
            prop_assert_eq!(found(&forward), holding(&graph, &sources, |fact| fact == gone, |_| false));
            prop_assert!((0..FACTS).all(|fact| forward.holds(fact) == forward.order().contains(&fact)));
        }
    }
}
