//! The best derivation of every fact.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::hypergraph::{FactId, Hypergraph, InstanceId, NONE, at, number};

/// The best derivations of all facts from some sources, in buffers that are reused from source to source.
///
/// Knuth's generalisation of Dijkstra's algorithm (1977): a fact's cost is the least, over the instances that yield it,
/// of the instance's cost plus its premises' costs; an instance counts down the premises it still lacks. What two
/// premises share is paid twice. O(P + F log F) for F facts and P premises that are reached.
///
/// ```
/// use aispm_core::path::graph::{Best, Builder};
///
/// # fn main() -> aispm_core::Result<()> {
/// let mut builder = Builder::with_facts(4);
/// builder.instance(&[0], 1, 2.0)?;
/// builder.instance(&[0], 2, 3.0)?;
/// builder.instance(&[1, 2], 3, 1.0)?;
/// let graph = builder.freeze();
/// let mut best = Best::new();
/// best.run(&graph, &[0], &[], |_| false);
/// assert_eq!(best.cost(3), Some(6.0));
/// assert_eq!(best.derivation(&graph, 3).map(|d| d.steps().to_vec()), Some(vec![0, 1, 2]));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default, Clone)]
pub struct Best {
    reached: Vec<Reached>,
    lacking: Vec<Lack>,
    epoch: u32,
    sources: Vec<FactId>,
    order: Vec<FactId>,
    heap: BinaryHeap<Reverse<(u64, FactId)>>,
    work: u64,
}

#[derive(Debug, Clone, Copy)]
struct Reached {
    epoch: u32,
    /// Position in the order of settling; [`NONE`] until then.
    rank: u32,
    cost: f64,
    via: InstanceId,
}

#[derive(Debug, Clone, Copy, Default)]
struct Lack {
    epoch: u32,
    count: u32,
    sum: f64,
}

impl Best {
    /// Empty buffers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Settles what follows from `sources` without the blocked instances: everything or, if facts are asked for, until
    /// those are settled. Ties fall to the lesser fact and the instance met first, the same in every run.
    pub fn run(
        &mut self,
        graph: &Hypergraph,
        sources: &[FactId],
        until: &[FactId],
        blocked: impl Fn(InstanceId) -> bool,
    ) {
        self.search(graph, sources, until, |_| 0.0, |_, instance| blocked(instance));
    }

    /// The same led by a lower bound of what is still to pay from a fact to the one that is wanted; infinite where it
    /// leads nowhere. A bound must not fall by more than an instance costs from premise to conclusion. `blocked` is
    /// told the conclusion with the instance.
    pub(super) fn search(
        &mut self,
        graph: &Hypergraph,
        sources: &[FactId],
        until: &[FactId],
        bound: impl Fn(FactId) -> f64,
        blocked: impl Fn(FactId, InstanceId) -> bool,
    ) {
        let mut wanted = until.len();
        self.start(graph);
        self.sources.clear();
        self.sources.extend_from_slice(sources);
        for source in sources {
            self.offer(*source, 0.0, bound(*source), NONE);
        }
        while let Some(Reverse((_, fact))) = self.heap.pop() {
            let rank = number(self.order.len());
            let cost = match self.reached.get_mut(at(fact)) {
                Some(reached) if reached.rank == NONE => {
                    reached.rank = rank;
                    reached.cost
                }
                _ => continue,
            };
            self.order.push(fact);
            if until.contains(&fact) {
                wanted -= 1;
                if wanted == 0 {
                    return;
                }
            }
            for (instance, conclusion, own) in graph.edges(fact) {
                self.work += 1;
                if !blocked(conclusion, instance) {
                    self.offer(conclusion, cost + f64::from(own), bound(conclusion), instance);
                }
            }
            for instance in graph.needs(fact) {
                self.work += 1;
                let place = graph.wide_index(*instance);
                let Some(lack) = self.lacking.get_mut(place) else { continue };
                if lack.epoch != self.epoch {
                    *lack = Lack { epoch: self.epoch, count: graph.wide_len(place), sum: graph.cost(*instance) };
                }
                lack.count = lack.count.saturating_sub(1);
                lack.sum += cost;
                if lack.count == 0 {
                    let (sum, conclusion) = (lack.sum, graph.conclusion(*instance));
                    if !blocked(conclusion, *instance) {
                        self.offer(conclusion, sum, bound(conclusion), *instance);
                    }
                }
            }
        }
    }

    fn start(&mut self, graph: &Hypergraph) {
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            // after 2³² runs old marks would look new
            self.reached.clear();
            self.lacking.clear();
            self.epoch = 1;
        }
        self.reached.resize(at(graph.facts()), Reached { epoch: 0, rank: NONE, cost: 0.0, via: NONE });
        self.lacking.resize(graph.wide(), Lack::default());
        self.order.clear();
        self.heap.clear();
    }

    fn offer(&mut self, fact: FactId, cost: f64, bound: f64, via: InstanceId) {
        let epoch = self.epoch;
        let Some(reached) = self.reached.get_mut(at(fact)) else { return };
        // costs only grow, so that what is settled is never offered for less
        if (reached.epoch != epoch || cost < reached.cost) && bound.is_finite() {
            *reached = Reached { epoch, rank: NONE, cost, via };
            // the bits of floats that are not negative are in the order of the floats
            self.heap.push(Reverse(((cost + bound).to_bits(), fact)));
        }
    }

    fn settled(&self, fact: FactId) -> Option<&Reached> {
        self.reached.get(at(fact)).filter(|reached| reached.epoch == self.epoch && reached.rank != NONE)
    }

    /// The cost of a fact, if it was settled in the last run.
    #[must_use]
    pub fn cost(&self, fact: FactId) -> Option<f64> {
        self.settled(fact).map(|reached| reached.cost)
    }

    /// The instance that yields a fact best; `None` for sources and what was not settled.
    #[must_use]
    pub fn via(&self, fact: FactId) -> Option<InstanceId> {
        self.settled(fact).map(|reached| reached.via).filter(|via| *via != NONE)
    }

    /// A fact's position in the order of settling; premises come before what they yield.
    #[must_use]
    pub fn rank(&self, fact: FactId) -> Option<u32> {
        self.settled(fact).map(|reached| reached.rank)
    }

    /// The facts that were settled, cheapest first.
    #[must_use]
    pub fn order(&self) -> &[FactId] {
        &self.order
    }

    /// Where the last run started.
    #[must_use]
    pub fn sources(&self) -> &[FactId] {
        &self.sources
    }

    /// Premises looked at since these buffers were made: what a caller's work budget counts.
    #[must_use]
    pub fn work(&self) -> u64 {
        self.work
    }

    /// The best derivation of a fact, if it was settled. O(n log n) for n instances in it.
    #[must_use]
    pub fn derivation(&self, graph: &Hypergraph, fact: FactId) -> Option<Derivation> {
        let cost = self.cost(fact)?;
        let mut seen = BTreeSet::new();
        let mut todo = vec![fact];
        while let Some(fact) = todo.pop() {
            if let (Some(via), Some(rank)) = (self.via(fact), self.rank(fact))
                && seen.insert((rank, fact, via))
            {
                todo.extend(graph.premises(via));
            }
        }
        Some(Derivation::new(cost, seen.into_iter().map(|(_, fact, via)| (fact, via)).collect()))
    }
}

/// How a fact comes about: an instance for each fact on the way, each fact derived in one way and none from itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Derivation {
    cost: f64,
    steps: Vec<InstanceId>,
    /// By fact, for lookup.
    vias: Vec<(FactId, InstanceId)>,
}

impl Derivation {
    /// From facts and what yields them, premises first.
    pub(super) fn new(cost: f64, mut vias: Vec<(FactId, InstanceId)>) -> Self {
        let steps = vias.iter().map(|(_, via)| *via).collect();
        vias.sort_unstable();
        Self { cost, steps, vias }
    }

    /// The sum of the instances' costs, where what is needed twice is paid twice.
    #[must_use]
    pub fn cost(&self) -> f64 {
        self.cost
    }

    /// The instances, premises before what needs them.
    #[must_use]
    pub fn steps(&self) -> &[InstanceId] {
        &self.steps
    }

    /// The instance that yields a fact here; `None` for sources and facts that have no part in it.
    #[must_use]
    pub fn via(&self, fact: FactId) -> Option<InstanceId> {
        let found = self.vias.binary_search_by_key(&fact, |(fact, _)| *fact).ok()?;
        self.vias.get(found).map(|(_, via)| *via)
    }

    /// The facts that are derived here, in order of their numbers, each with the instance that yields it.
    pub fn facts(&self) -> impl Iterator<Item = (FactId, InstanceId)> + '_ {
        self.vias.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::testing::{FACTS, graph, holding, least, rules};
    use super::*;

    proptest! {
        #[test]
        fn reaches_what_a_naive_fixpoint_reaches_at_least_cost(rules in rules(40), source in 0..FACTS) {
            let graph = graph(&rules);
            let mut best = Best::new();
            best.run(&graph, &[(source + 1) % FACTS], &[], |_| false);
            best.run(&graph, &[source], &[], |_| false);
            let reached: BTreeSet<_> = best.order().iter().copied().collect();
            prop_assert_eq!(&reached, &holding(&graph, &[source], |_| false, |_| false));
            let costs = least(&graph, &[source]);
            for fact in reached {
                prop_assert_eq!(best.cost(fact).unwrap(), costs[fact as usize]);
                let derivation = best.derivation(&graph, fact).unwrap();
                let mut known = BTreeSet::from([source]);
                for instance in derivation.steps() {
                    prop_assert!(graph.premises(*instance).iter().all(|p| known.contains(p)), "premises come first");
                    let new = known.insert(graph.conclusion(*instance));
                    prop_assert!(new, "each fact is derived once");
                    prop_assert_eq!(derivation.via(graph.conclusion(*instance)), Some(*instance));
                }
                prop_assert!(known.contains(&fact));
            }
        }

        #[test]
        fn blocking_an_instance_is_leaving_it_out(rules in rules(40), source in 0..FACTS, out in 0_u32..40) {
            let graph = graph(&rules);
            let mut best = Best::new();
            best.run(&graph, &[source], &[], |instance| instance == out);
            let reached: BTreeSet<_> = best.order().iter().copied().collect();
            prop_assert_eq!(reached, holding(&graph, &[source], |_| false, |instance| instance == out));
        }
    }
}
