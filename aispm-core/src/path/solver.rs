//! The AND/OR solver: facts are OR nodes, rule instances AND nodes, all monotone.
//!
//! Knuth's generalisation of Dijkstra's algorithm (1977): a fact's cost is the least, over the instances that yield
//! it, of the instance's cost plus its premises' costs; an instance counts down the premises it still lacks. O(E + F
//! log F) for one source over F facts and E premise edges, in arrays that are reused between sources.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Facts are numbered from 0.
pub(super) type FactId = u32;
/// Instances are numbered from 0.
pub(super) type InstanceId = u32;

/// A frozen hypergraph: for each fact the instances that need it, in one array.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// Per fact the start of its slice in `uses`; one more at the end.
    starts: Vec<u32>,
    uses: Vec<InstanceId>,
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    conclusion: FactId,
    premises: u32,
    cost: f64,
}

/// The best derivations from one source.
#[derive(Debug, Default)]
pub(super) struct Search {
    best: Vec<Reached>,
    lacking: Vec<Lack>,
    epoch: u32,
    order: Vec<FactId>,
    heap: BinaryHeap<Entry>,
    /// Edges looked at since the search was made.
    pub(super) work: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Reached {
    epoch: u32,
    done: bool,
    /// Position in the order of settling.
    rank: u32,
    cost: f64,
    via: Option<InstanceId>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Lack {
    epoch: u32,
    count: u32,
    sum: f64,
}

#[derive(Debug, PartialEq)]
struct Entry(f64, FactId);

impl Eq for Entry {}

impl Ord for Entry {
    /// Least cost first, then least fact, so that ties are the same in every run.
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.total_cmp(&self.0).then(other.1.cmp(&self.1))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn at(id: u32) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}

impl Graph {
    /// Freezes instances, each `(premises, conclusion, cost)`; premises must be distinct. Linear.
    pub(super) fn new<'a>(facts: usize, instances: impl Iterator<Item = (&'a [FactId], FactId, f64)> + Clone) -> Self {
        let mut counts = vec![0_u32; facts + 1];
        let mut nodes = Vec::new();
        for (premises, conclusion, cost) in instances.clone() {
            for premise in premises {
                if let Some(count) = counts.get_mut(at(*premise)) {
                    *count += 1;
                }
            }
            nodes.push(Node { conclusion, premises: u32::try_from(premises.len()).unwrap_or(u32::MAX), cost });
        }
        let mut total = 0;
        let mut starts = Vec::with_capacity(facts + 1);
        for count in counts {
            starts.push(total);
            total += count;
        }
        let mut next = starts.clone();
        let mut uses = vec![0; at(total)];
        for (id, (premises, ..)) in (0..).zip(instances) {
            for premise in premises {
                if let Some(slot) = next.get_mut(at(*premise)) {
                    if let Some(user) = uses.get_mut(at(*slot)) {
                        *user = id;
                    }
                    *slot += 1;
                }
            }
        }
        Self { starts, uses, nodes }
    }

    fn users(&self, fact: FactId) -> &[InstanceId] {
        let start = self.starts.get(at(fact)).map_or(0, |s| at(*s));
        let end = self.starts.get(at(fact) + 1).map_or(start, |s| at(*s));
        self.uses.get(start..end).unwrap_or_default()
    }
}

impl Search {
    pub(super) fn new(graph: &Graph) -> Self {
        let facts = graph.starts.len();
        Self {
            best: vec![Reached::default(); facts],
            lacking: vec![Lack::default(); graph.nodes.len()],
            ..Self::default()
        }
    }

    /// Settles what follows from `source` without the blocked instances: everything or, if facts are asked for, until
    /// those are settled.
    pub(super) fn run(
        &mut self,
        graph: &Graph,
        source: FactId,
        until: &[FactId],
        blocked: impl Fn(InstanceId) -> bool,
    ) {
        let mut wanted = until.len();
        self.epoch = self.epoch.wrapping_add(1);
        self.order.clear();
        self.heap.clear();
        self.offer(source, 0.0, None);
        while let Some(Entry(cost, fact)) = self.heap.pop() {
            let rank = u32::try_from(self.order.len()).unwrap_or(u32::MAX);
            match self.best.get_mut(at(fact)) {
                Some(reached) if !reached.done => {
                    reached.done = true;
                    reached.rank = rank;
                }
                _ => continue,
            }
            self.order.push(fact);
            if until.contains(&fact) {
                wanted -= 1;
                if wanted == 0 {
                    return;
                }
            }
            for instance in graph.users(fact) {
                self.work += 1;
                let Some(node) = graph.nodes.get(at(*instance)) else { continue };
                if blocked(*instance) {
                    continue;
                }
                let Some(lack) = self.lacking.get_mut(at(*instance)) else { continue };
                if lack.epoch != self.epoch {
                    *lack = Lack { epoch: self.epoch, count: node.premises, sum: node.cost };
                }
                lack.count = lack.count.saturating_sub(1);
                lack.sum += cost;
                if lack.count == 0 {
                    let sum = lack.sum;
                    self.offer(node.conclusion, sum, Some(*instance));
                }
            }
        }
    }

    fn offer(&mut self, fact: FactId, cost: f64, via: Option<InstanceId>) {
        let epoch = self.epoch;
        let Some(reached) = self.best.get_mut(at(fact)) else { return };
        if reached.epoch != epoch || (!reached.done && cost < reached.cost) {
            *reached = Reached { epoch, done: false, rank: 0, cost, via };
            self.heap.push(Entry(cost, fact));
        }
    }

    /// The cost of a fact, if it was reached.
    pub(super) fn cost(&self, fact: FactId) -> Option<f64> {
        let reached = self.best.get(at(fact))?;
        (reached.epoch == self.epoch && reached.done).then_some(reached.cost)
    }

    /// The instance that yields a fact best; `None` for the source and what was not reached.
    pub(super) fn via(&self, fact: FactId) -> Option<InstanceId> {
        self.cost(fact).and_then(|_| self.best.get(at(fact))?.via)
    }

    /// The instances of the best derivation of a fact, premises before what needs them.
    pub(super) fn derivation<'a>(
        &self,
        fact: FactId,
        premises: impl Fn(InstanceId) -> &'a [FactId],
    ) -> Vec<InstanceId> {
        let mut seen = std::collections::BTreeSet::new();
        let mut todo = vec![fact];
        while let Some(fact) = todo.pop() {
            let rank = self.best.get(at(fact)).map_or(0, |reached| reached.rank);
            if let Some(via) = self.via(fact)
                && seen.insert((rank, via))
            {
                todo.extend(premises(via));
            }
        }
        seen.into_iter().map(|(_, instance)| instance).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    type Hyper = Vec<(Vec<FactId>, FactId, f64)>;

    fn graph(facts: usize, instances: &Hyper) -> Graph {
        Graph::new(facts, instances.iter().map(|(p, c, cost)| (p.as_slice(), *c, *cost)))
    }

    /// All facts that follow, by trying every instance until nothing changes.
    fn naive(source: FactId, instances: &Hyper) -> BTreeSet<FactId> {
        let mut known = BTreeSet::from([source]);
        loop {
            let new: Vec<_> = instances
                .iter()
                .filter(|(premises, conclusion, _)| {
                    !known.contains(conclusion) && premises.iter().all(|p| known.contains(p))
                })
                .map(|(_, conclusion, _)| *conclusion)
                .collect();
            if new.is_empty() {
                return known;
            }
            known.extend(new);
        }
    }

    /// Least costs by relaxing until nothing changes (costs are positive).
    fn naive_cost(facts: usize, source: FactId, instances: &Hyper) -> Vec<f64> {
        let mut cost = vec![f64::INFINITY; facts];
        cost[source as usize] = 0.0;
        for _ in 0..=facts {
            for (premises, conclusion, own) in instances {
                let sum = own + premises.iter().map(|p| cost[*p as usize]).sum::<f64>();
                cost[*conclusion as usize] = cost[*conclusion as usize].min(sum);
            }
        }
        cost
    }

    fn hyper() -> impl Strategy<Value = Hyper> {
        let instance = (proptest::collection::btree_set(0_u32..12, 1..4), 0_u32..12, 1_u32..9)
            .prop_map(|(p, c, cost)| (p.into_iter().collect(), c, f64::from(cost)));
        proptest::collection::vec(instance, 0..40)
    }

    proptest! {
        #[test]
        fn reaches_what_a_naive_fixpoint_reaches_at_least_cost(instances in hyper(), source in 0_u32..12) {
            let graph = graph(12, &instances);
            let mut search = Search::new(&graph);
            search.run(&graph, (source + 1) % 12, &[], |_| false);
            search.run(&graph, source, &[], |_| false);
            let reached: BTreeSet<_> = (0..12).filter(|f| search.cost(*f).is_some()).collect();
            prop_assert_eq!(&reached, &naive(source, &instances));
            let costs = naive_cost(12, source, &instances);
            for fact in reached {
                prop_assert_eq!(search.cost(fact).unwrap(), costs[fact as usize]);
                let mut known = BTreeSet::from([source]);
                for instance in search.derivation(fact, |i| instances[i as usize].0.as_slice()) {
                    let (premises, conclusion, _) = &instances[instance as usize];
                    prop_assert!(premises.iter().all(|p| known.contains(p)), "premises come first");
                    known.insert(*conclusion);
                }
                prop_assert!(known.contains(&fact));
            }
        }

        #[test]
        fn blocking_an_instance_is_leaving_it_out(instances in hyper(), source in 0_u32..12, out in 0_usize..40) {
            let whole = graph(12, &instances);
            let mut search = Search::new(&whole);
            search.run(&whole, source, &[], |i| i as usize == out);
            let reached: BTreeSet<_> = (0..12).filter(|f| search.cost(*f).is_some()).collect();
            let rest: Hyper = instances.iter().enumerate().filter(|(i, _)| *i != out).map(|(_, x)| x.clone()).collect();
            prop_assert_eq!(reached, naive(source, &rest));
        }
    }
}
