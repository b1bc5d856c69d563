//! The k best derivations.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};
use std::rc::Rc;

use super::best::{Best, Derivation};
use super::hypergraph::{FactId, Hypergraph, InstanceId};
use super::potentials::Potentials;

/// What rounding may add to a sum.
const ROUNDING: f64 = 1e-9;

/// The derivations of a fact, cheapest first, each once, found as they are asked for.
///
/// A [`Derivation`] derives each fact in one way and none from itself, which is what an attacker would do: he needs no
/// second way to what he has. So cycles need no special case, and there are finitely many. (Huang and Chiang's lazy
/// algorithm, 2005, lists trees, which may derive one fact in two ways at once and, in a cyclic graph, through itself.
/// What is taken from it is that nothing is computed before its turn.)
///
/// The derivations are split as Lawler (1972) splits paths: after the best one, for each of its facts, from the target
/// down, those that agree with it above and differ at that fact. A part is judged by a lower bound, the best
/// alternative at that fact and the best derivations below; if these fit together they are the part's best, and only
/// otherwise, and only when its turn comes, a search settles it, led by the target's [`Potentials`]. For derivations of
/// n instances each answer takes O(n²) steps and at worst n searches of the graph; after `work` steps the iterator ends
/// and [`Derivations::is_cut`] says so. Costs are exact to rounding.
///
/// ```
/// use aispm_core::path::graph::{Best, Builder, Derivations, Potentials};
///
/// # fn main() -> aispm_core::Result<()> {
/// let mut builder = Builder::with_facts(4);
/// builder.instance(&[0], 1, 1.0)?;
/// builder.instance(&[0], 1, 3.0)?;
/// builder.instance(&[0], 2, 1.0)?;
/// builder.instance(&[1, 2], 3, 1.0)?;
/// builder.instance(&[2], 3, 3.5)?;
/// let graph = builder.freeze();
/// let (mut best, mut scratch) = (Best::new(), Best::new());
/// best.run(&graph, &[0], &[], |_| false);
/// let prepared = Potentials::new(&graph, 3);
/// let all = Derivations::new(&graph, &best, &mut scratch, &prepared, 10_000);
/// assert_eq!(all.map(|found| found.cost()).collect::<Vec<_>>(), [3.0, 4.5, 5.0]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Derivations<'g> {
    graph: &'g Hypergraph,
    best: &'g Best,
    scratch: &'g mut Best,
    prepared: &'g Potentials,
    heap: BinaryHeap<Reverse<Part>>,
    made: u64,
    work: u64,
    cut: bool,
}

/// The derivations that agree with one down to a fact and differ there.
#[derive(Debug)]
struct Part {
    /// Cost, or a lower bound of it, as ordered bits; then found ones first, then in order of making.
    key: (u64, bool, u64),
    /// What was found, if it was, else what this differs from.
    along: Rc<Found>,
    /// How many of the free facts of `along` are fixed.
    fixed: usize,
    /// What the fact after those must not be derived by.
    forbidden: Vec<InstanceId>,
    /// The best of the alternatives there.
    choice: InstanceId,
}

/// A derivation with what is fixed in its part.
#[derive(Debug)]
struct Found {
    derivation: Derivation,
    /// Facts with what yields them: those fixed already, then the others, each needed by one before it.
    fixed: Vec<(FactId, InstanceId)>,
    free: Vec<(FactId, InstanceId)>,
    /// The first free fact, and what it must not be derived by besides.
    forbidden: (FactId, Vec<InstanceId>),
}

impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Part {}

impl PartialOrd for Part {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Part {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

/// Where a derivation goes on from a fact.
enum Way {
    /// No further: the fact has this cost.
    Leaf(f64),
    By(InstanceId),
}

impl<'g> Derivations<'g> {
    /// Derivations of the target that was prepared, from the sources that `best` was run with; that run must have been
    /// a whole one, with nothing blocked. `scratch` is room for searches, and `work` bounds premises looked at.
    #[must_use]
    pub fn new(
        graph: &'g Hypergraph,
        best: &'g Best,
        scratch: &'g mut Best,
        prepared: &'g Potentials,
        work: u64,
    ) -> Self {
        let heap = BinaryHeap::new();
        let mut all = Self { graph, best, scratch, prepared, heap, made: 0, work, cut: false };
        if let Some(derivation) = best.derivation(graph, prepared.target()) {
            all.push_found(derivation, &[], (prepared.target(), Vec::new()));
        }
        all
    }

    /// Whether the work ended before the derivations did.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// How much work is left.
    #[must_use]
    pub fn work(&self) -> u64 {
        self.work
    }

    fn spend(&mut self, work: u64) {
        self.cut |= self.work < work;
        self.work = self.work.saturating_sub(work);
    }

    /// `fixed` is in the order of facts.
    fn push_found(
        &mut self,
        derivation: Derivation,
        fixed: &[(FactId, InstanceId)],
        forbidden: (FactId, Vec<InstanceId>),
    ) {
        let is_fixed = |fact: FactId| fixed.binary_search_by_key(&fact, |(fact, _)| *fact).is_ok();
        let down = derivation.steps().iter().rev().map(|step| (self.graph.conclusion(*step), *step));
        let (fixed, mut free): (Vec<_>, Vec<_>) = down.partition(|(fact, _)| is_fixed(*fact));
        // what is forbidden somewhere must come first, lest a part forget it
        free.sort_by_key(|(fact, _)| *fact != forbidden.0);
        let key = (derivation.cost().to_bits(), false, self.made);
        self.made += 1;
        let along = Rc::new(Found { derivation, fixed, free, forbidden });
        self.heap.push(Reverse(Part { key, along, fixed: 0, forbidden: Vec::new(), choice: 0 }));
    }

    /// The parts that a found derivation leaves.
    fn split(&mut self, found: &Rc<Found>) {
        let mut fixed: HashMap<FactId, InstanceId> = found.fixed.iter().copied().collect();
        let (spur, before) = &found.forbidden;
        for (place, (fact, via)) in found.free.iter().enumerate() {
            let before = if fact == spur { before.as_slice() } else { &[] };
            let forbidden: Vec<InstanceId> = before.iter().copied().chain([*via]).collect();
            self.propose(found, &fixed, place, *fact, forbidden);
            fixed.insert(*fact, *via);
            if self.cut {
                return;
            }
        }
    }

    /// Judges a part by its lower bound.
    fn propose(
        &mut self,
        found: &Rc<Found>,
        fixed: &HashMap<FactId, InstanceId>,
        place: usize,
        fact: FactId,
        forbidden: Vec<InstanceId>,
    ) {
        let (graph, target) = (self.graph, self.prepared.target());
        let way = |other: FactId, here: Way| match fixed.get(&other) {
            Some(via) => Way::By(*via),
            None if other == fact => here,
            None => Way::Leaf(self.best.cost(other).unwrap_or(f64::INFINITY)),
        };
        let yielding = graph.yielding(fact);
        let mut work = u64::try_from(yielding.len() + fixed.len()).unwrap_or(u64::MAX);
        // infinite for what needs this fact, so that it is not derived from itself
        let above = expand(graph, target, |other| way(other, Way::Leaf(f64::INFINITY)));
        let above = above.map(|expanded| expanded.costs).unwrap_or_default();
        let cost = |fact: FactId| above.get(&fact).copied().flatten().or_else(|| self.best.cost(fact));
        let mut choice: Option<(f64, InstanceId)> = None;
        for instance in yielding.iter().filter(|instance| !forbidden.contains(instance)) {
            let premises = graph.premises(*instance);
            work += u64::try_from(premises.len()).unwrap_or(u64::MAX);
            let costs: f64 = premises.iter().map(|premise| cost(*premise).unwrap_or(f64::INFINITY)).sum();
            let sum = graph.cost(*instance) + costs;
            if sum < choice.map_or(f64::INFINITY, |(least, _)| least) {
                choice = Some((sum, *instance));
            }
        }
        if let Some((_, choice)) = choice
            && let Some(expanded) = expand(graph, target, |other| way(other, Way::By(choice)))
        {
            let key = (expanded.cost.max(found.derivation.cost()).to_bits(), true, self.made);
            self.made += 1;
            self.heap.push(Reverse(Part { key, along: Rc::clone(found), fixed: place, forbidden, choice }));
        }
        self.spend(work);
    }

    /// The best derivation of a part.
    fn settle(&mut self, part: Part) {
        let Part { key: (bits, ..), along, fixed: place, forbidden, choice } = part;
        let bound = f64::from_bits(bits);
        let newly = along.free.get(..place).unwrap_or_default();
        let mut fixed: Vec<(FactId, InstanceId)> = along.fixed.iter().chain(newly).copied().collect();
        fixed.sort_unstable();
        let Some((fact, _)) = along.free.get(place).copied() else { return };
        let by = |fact: FactId| {
            let found = fixed.binary_search_by_key(&fact, |(fact, _)| *fact).ok()?;
            fixed.get(found).map(|(_, via)| *via)
        };
        let best = self.best;
        let way = |other: FactId| match by(other) {
            Some(via) => Way::By(via),
            None if other == fact => Way::By(choice),
            None => best.via(other).map_or(Way::Leaf(0.0), Way::By),
        };
        let target = self.prepared.target();
        let expanded = expand(self.graph, target, way);
        self.spend(u64::try_from(expanded.as_ref().map_or(0, |expanded| expanded.order.len())).unwrap_or(u64::MAX));
        let fits = expanded.filter(|expanded| expanded.cost <= bound + ROUNDING * (1.0 + bound));
        let derivation = match fits {
            Some(expanded) => Some(Derivation::new(expanded.cost.max(bound), expanded.order)),
            None => {
                let before = self.scratch.work();
                let prepared = self.prepared;
                self.scratch.search(
                    self.graph,
                    best.sources(),
                    &[target],
                    |fact| prepared.cost(fact),
                    |conclusion, instance| match by(conclusion) {
                        Some(via) => via != instance,
                        None => conclusion == fact && forbidden.contains(&instance),
                    },
                );
                self.spend(self.scratch.work() - before);
                self.scratch.derivation(self.graph, target)
            }
        };
        if let Some(derivation) = derivation {
            self.push_found(derivation, &fixed, (fact, forbidden));
        }
    }
}

impl Iterator for Derivations<'_> {
    type Item = Derivation;

    fn next(&mut self) -> Option<Derivation> {
        while let Some(Reverse(part)) = self.heap.pop() {
            if self.cut {
                return None;
            }
            if part.key.1 {
                self.settle(part);
                continue;
            }
            let found = part.along;
            self.split(&found);
            return Some(found.derivation.clone());
        }
        None
    }
}

/// A derivation as far as it was followed.
struct Expanded {
    cost: f64,
    costs: HashMap<FactId, Option<f64>>,
    /// Facts with what yields them, premises first.
    order: Vec<(FactId, InstanceId)>,
}

/// Follows a derivation down from a fact. `None` if a fact would be derived from itself. Linear.
fn expand(graph: &Hypergraph, target: FactId, way: impl Fn(FactId) -> Way) -> Option<Expanded> {
    // `None` while a fact is on the way to itself
    let mut costs: HashMap<FactId, Option<f64>> = HashMap::new();
    let mut order = Vec::new();
    let mut todo = vec![(target, false)];
    while let Some((fact, below)) = todo.pop() {
        match (costs.get(&fact), way(fact)) {
            (Some(None), Way::By(via)) if below => {
                let mut sum = graph.cost(via);
                for premise in graph.premises(via) {
                    sum += costs.get(premise).copied().flatten().unwrap_or(f64::INFINITY);
                }
                costs.insert(fact, Some(sum));
                order.push((fact, via));
            }
            (Some(None), _) => return None,
            (Some(Some(_)), _) => {}
            (None, Way::Leaf(cost)) => {
                costs.insert(fact, Some(cost));
            }
            (None, Way::By(via)) => {
                costs.insert(fact, None);
                todo.push((fact, true));
                todo.extend(graph.premises(via).iter().map(|premise| (*premise, false)));
            }
        }
    }
    let cost = costs.get(&target).copied().flatten()?;
    Some(Expanded { cost, costs, order })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::testing::{dense, derivations, graph};
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]
        #[test]
        fn are_all_derivations_in_order(rules in dense(4)) {
            let (source, target) = (0, 5);
            let graph = graph(&rules);
            let (mut best, mut scratch) = (Best::new(), Best::new());
            best.run(&graph, &[source], &[], |_| false);
            let prepared = Potentials::new(&graph, target);
            let found: Vec<Derivation> =
                Derivations::new(&graph, &best, &mut scratch, &prepared, 10_000_000).collect();
            let all = derivations(&graph, source, target);
            prop_assert!(found.is_sorted_by(|a, b| a.cost() <= b.cost()));
            let mut distinct = BTreeSet::new();
            for derivation in &found {
                let mut steps = derivation.steps().to_vec();
                steps.sort_unstable();
                prop_assert_eq!(all.get(&steps), Some(&derivation.cost()));
                prop_assert!(distinct.insert(steps), "none comes twice");
                let mut known = BTreeSet::from([source]);
                for step in derivation.steps() {
                    prop_assert!(graph.premises(*step).iter().all(|premise| known.contains(premise)));
                    known.insert(graph.conclusion(*step));
                }
            }
            prop_assert_eq!(distinct.len(), all.len());
        }
    }

    #[test]
    fn work_that_ends_is_told() {
        let graph = graph(&vec![(vec![0], 1, 1), (vec![0], 1, 2), (vec![1], 2, 1)]);
        let (mut best, mut scratch) = (Best::new(), Best::new());
        best.run(&graph, &[0], &[], |_| false);
        let prepared = Potentials::new(&graph, 2);
        let mut all = Derivations::new(&graph, &best, &mut scratch, &prepared, 1);
        assert_eq!(all.by_ref().count(), 1);
        assert!(all.is_cut());
    }
}
