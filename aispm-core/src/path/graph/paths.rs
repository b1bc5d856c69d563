//! The k best loopless paths of a plain graph.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::rc::Rc;

use super::hypergraph::{FactId, Hypergraph, InstanceId};
use super::potentials::Potentials;

/// The loopless paths from a source to a prepared target, cheapest first, found as they are asked for.
///
/// A path uses instances with one premise; those with several are passed over ([`Derivations`](super::Derivations)
/// takes all). Yen's deviations, each path found once (Lawler 1972), and each deviation judged first by the target's
/// [`Potentials`]: where the cheapest way on from it meets no fact of the prefix, it is the answer and nothing is
/// searched; otherwise an A* search with the same potentials settles it, and only when its turn comes. A path of n steps
/// costs O(n · degree) where no search is needed, and one search that is bounded by the graph for each deviation where
/// it is; `work` edges are looked at in all, then the iterator ends and [`Paths::is_cut`] says so.
///
/// ```
/// use aispm_core::path::graph::{Builder, Paths, Potentials};
///
/// # fn main() -> aispm_core::Result<()> {
/// let mut builder = Builder::with_facts(4);
/// for (from, to, cost) in [(0, 1, 1.0), (0, 2, 2.0), (1, 3, 1.0), (2, 3, 1.0), (1, 2, 0.5)] {
///     builder.instance(&[from], to, cost)?;
/// }
/// let graph = builder.freeze();
/// let prepared = Potentials::new(&graph, 3);
/// let costs: Vec<f64> = Paths::new(&graph, &prepared, 0, 10_000).map(|path| path.cost()).collect();
/// assert_eq!(costs, [2.0, 2.5, 3.0]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Paths<'g> {
    graph: &'g Hypergraph,
    prepared: &'g Potentials,
    source: FactId,
    heap: BinaryHeap<Reverse<Candidate>>,
    made: u64,
    work: u64,
    cut: bool,
}

/// A loopless path.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    cost: f64,
    steps: Vec<InstanceId>,
}

impl Path {
    /// The sum of its steps' costs.
    #[must_use]
    pub fn cost(&self) -> f64 {
        self.cost
    }

    /// Its instances from source to target.
    #[must_use]
    pub fn steps(&self) -> &[InstanceId] {
        &self.steps
    }
}

/// All paths that start with a prefix and go on with none of the forbidden instances.
#[derive(Debug)]
struct Candidate {
    /// Cost, or a lower bound of it, as ordered bits; then whole paths first, then in order of making.
    key: (u64, bool, u64),
    /// The path that this deviates from; the best path itself once a search has found it.
    along: Rc<[InstanceId]>,
    /// How many of its steps are the prefix.
    fixed: usize,
    forbidden: Vec<InstanceId>,
    rest: Rest,
}

/// How the best path goes on after the prefix.
#[derive(Debug, Clone, Copy)]
enum Rest {
    /// By this instance and then as the potentials say.
    Led(InstanceId),
    /// As `along` does.
    Found,
    /// Not known: the potentials lead into the prefix.
    Open,
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

impl<'g> Paths<'g> {
    /// Starts at `source`; looks at no more than `work` edges in all.
    #[must_use]
    pub fn new(graph: &'g Hypergraph, prepared: &'g Potentials, source: FactId, work: u64) -> Self {
        let mut paths = Self { graph, prepared, source, heap: BinaryHeap::new(), made: 0, work, cut: false };
        if prepared.cost(source).is_finite() && source != prepared.target() {
            let spur = Spur { fact: source, paid: 0.0, place: 0 };
            paths.propose(&Rc::from([]), &spur, &HashSet::from([source]), Vec::new());
        }
        paths
    }

    /// Whether the work ended before the paths did.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    fn spend(&mut self, work: usize) -> bool {
        let work = u64::try_from(work).unwrap_or(u64::MAX);
        self.cut |= self.work < work;
        self.work = self.work.saturating_sub(work);
        !self.cut
    }

    fn push(&mut self, cost: f64, along: Rc<[InstanceId]>, fixed: usize, forbidden: Vec<InstanceId>, rest: Rest) {
        self.made += 1;
        let key = (cost.to_bits(), matches!(rest, Rest::Open), self.made);
        self.heap.push(Reverse(Candidate { key, along, fixed, forbidden, rest }));
    }

    /// The best way on from a spur by the potentials alone: a lower bound, and if it meets no fact passed before, the
    /// path itself. `passed` includes the spur.
    fn propose(&mut self, along: &Rc<[InstanceId]>, spur: &Spur, passed: &HashSet<FactId>, forbidden: Vec<InstanceId>) {
        let graph = self.graph;
        let mut looked = 1;
        let mut best: Option<(f64, InstanceId, FactId)> = None;
        for (instance, end, cost) in graph.edges(spur.fact) {
            looked += 1;
            let bound = spur.paid + f64::from(cost) + self.prepared.cost(end);
            if bound < best.map_or(f64::INFINITY, |(least, ..)| least)
                && !forbidden.contains(&instance)
                && !passed.contains(&end)
            {
                best = Some((bound, instance, end));
            }
        }
        let Some((bound, first, mut fact)) = best else {
            self.spend(looked);
            return;
        };
        let mut rest = Rest::Led(first);
        while let Some(next) = self.prepared.next(fact) {
            looked += 1;
            fact = graph.conclusion(next);
            if next >= graph.plain() || passed.contains(&fact) {
                rest = Rest::Open;
                break;
            }
        }
        self.spend(looked);
        self.push(bound, Rc::clone(along), spur.place, forbidden, rest);
    }

    /// The best path of a candidate by A*.
    fn search(&mut self, candidate: Candidate) {
        let Candidate { along, fixed, forbidden, .. } = candidate;
        let graph = self.graph;
        let prefix = along.get(..fixed).unwrap_or_default();
        let mut spur = Spur { fact: self.source, paid: 0.0, place: fixed };
        let mut passed = HashSet::new();
        for step in prefix {
            passed.insert(spur.fact);
            spur.go(graph, *step);
        }
        let mut known: HashMap<FactId, (f64, Option<InstanceId>)> = HashMap::from([(spur.fact, (spur.paid, None))]);
        let mut settled = HashSet::new();
        let mut heap = BinaryHeap::from([Reverse((spur.paid.to_bits(), spur.fact))]);
        while let Some(Reverse((_, fact))) = heap.pop() {
            let Some(&(cost, _)) = known.get(&fact).filter(|_| settled.insert(fact)) else { continue };
            if fact == self.prepared.target() {
                let mut steps = Vec::new();
                let mut back = fact;
                while let Some((_, Some(via))) = known.get(&back) {
                    steps.push(*via);
                    back = graph.premises(*via).first().copied().unwrap_or(spur.fact);
                }
                steps.extend(prefix.iter().rev());
                steps.reverse();
                return self.push(cost, steps.into(), fixed, forbidden, Rest::Found);
            }
            let mut looked = 1;
            for (instance, end, own) in graph.edges(fact) {
                looked += 1;
                let (sum, bound) = (cost + f64::from(own), self.prepared.cost(end));
                let better = known.get(&end).is_none_or(|(known, _)| sum < *known);
                if better && bound.is_finite() && !passed.contains(&end) && !settled.contains(&end) {
                    if fact == spur.fact && forbidden.contains(&instance) {
                        continue;
                    }
                    known.insert(end, (sum, Some(instance)));
                    heap.push(Reverse(((sum + bound).to_bits(), end)));
                }
            }
            if !self.spend(looked) {
                return;
            }
        }
    }
}

/// Where a path deviates.
#[derive(Debug, Clone, Copy)]
struct Spur {
    fact: FactId,
    /// The cost of the prefix.
    paid: f64,
    /// The number of its steps.
    place: usize,
}

impl Spur {
    fn go(&mut self, graph: &Hypergraph, step: InstanceId) {
        self.paid += graph.cost(step);
        self.fact = graph.conclusion(step);
    }
}

impl Iterator for Paths<'_> {
    type Item = Path;

    fn next(&mut self) -> Option<Path> {
        while let Some(Reverse(candidate)) = self.heap.pop() {
            if self.cut {
                return None;
            }
            let graph = self.graph;
            let cost = f64::from_bits(candidate.key.0);
            let fixed = candidate.fixed;
            let steps: Rc<[InstanceId]> = match candidate.rest {
                Rest::Open => {
                    self.search(candidate);
                    continue;
                }
                Rest::Found => Rc::clone(&candidate.along),
                Rest::Led(first) => {
                    let mut steps: Vec<InstanceId> = candidate.along.get(..fixed).unwrap_or_default().to_vec();
                    steps.push(first);
                    while let Some(next) = steps.last().and_then(|last| self.prepared.next(graph.conclusion(*last))) {
                        steps.push(next);
                    }
                    steps.into()
                }
            };
            let mut forbidden = candidate.forbidden;
            let mut passed = HashSet::new();
            let mut spur = Spur { fact: self.source, paid: 0.0, place: 0 };
            for (place, step) in steps.iter().enumerate() {
                passed.insert(spur.fact);
                if place >= fixed && !self.cut {
                    // further deviations at the old spur go on forbidding; later ones start anew
                    let mut forbidden = std::mem::take(&mut forbidden);
                    forbidden.push(*step);
                    self.propose(&steps, &Spur { place, ..spur }, &passed, forbidden);
                }
                spur.go(graph, *step);
            }
            return Some(Path { cost, steps: steps.to_vec() });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::testing::{dense, derivations, graph};
    use super::*;

    proptest! {
        /// In a plain graph a derivation is a loopless path.
        #[test]
        fn are_all_loopless_paths_in_order(rules in dense(2)) {
            let (source, target) = (0, 5);
            let graph = graph(&rules);
            let prepared = Potentials::new(&graph, target);
            let found: Vec<Path> = Paths::new(&graph, &prepared, source, 1_000_000).collect();
            let all = derivations(&graph, source, target);
            prop_assert_eq!(found.len(), all.keys().filter(|steps| !steps.is_empty()).count());
            prop_assert!(found.is_sorted_by(|a, b| a.cost() <= b.cost()));
            let distinct: BTreeSet<_> = found.iter().map(Path::steps).collect();
            prop_assert_eq!(distinct.len(), found.len());
            for path in &found {
                let mut sorted = path.steps().to_vec();
                sorted.sort_unstable();
                prop_assert_eq!(all.get(&sorted), Some(&path.cost()));
                let mut at = source;
                for step in path.steps() {
                    prop_assert_eq!(graph.premises(*step), &[at]);
                    at = graph.conclusion(*step);
                }
                prop_assert_eq!(at, target);
            }
        }

        /// Elsewhere the paths are those of the plain part.
        #[test]
        fn pass_over_instances_with_several_premises(rules in dense(4)) {
            let (source, target) = (0, 5);
            let whole = graph(&rules);
            let part = graph(&rules.into_iter().filter(|(premises, ..)| premises.len() == 1).collect());
            let costs = |graph: &Hypergraph| -> Vec<f64> {
                let prepared = Potentials::new(graph, target);
                Paths::new(graph, &prepared, source, 1_000_000).map(|path| path.cost()).collect()
            };
            prop_assert_eq!(costs(&whole), costs(&part));
        }
    }

    #[test]
    fn work_that_ends_is_told() {
        let graph = graph(&vec![(vec![0], 1, 1), (vec![1], 2, 1), (vec![0], 2, 5)]);
        let prepared = Potentials::new(&graph, 2);
        let mut paths = Paths::new(&graph, &prepared, 0, 4);
        assert_eq!(paths.by_ref().count(), 1);
        assert!(paths.is_cut());
    }
}
