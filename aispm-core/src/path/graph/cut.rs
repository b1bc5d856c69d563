//! The lightest set of facts and instances without which a target does not follow.

use std::collections::{BTreeMap, BTreeSet};

use super::best::Best;
use super::flow::{ENDLESS, Flow, Flows, Net};
use super::forward::Forward;
use super::hitting::Hitting;
use super::hypergraph::{FactId, Hypergraph, InstanceId, NONE, at};

/// Elements of a cut that are tried for being superfluous.
const TRIED: usize = 64;
/// Rounds of the hitting set, and branchings in each.
const ROUNDS: usize = 64;
const NODES: usize = 500;

/// A fact or instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Node {
    /// A fact that can be made impossible.
    Fact(FactId),
    /// An instance that can be taken away.
    Instance(InstanceId),
}

/// What to remove so that no target follows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cut {
    /// What to remove, in order.
    pub nodes: Vec<Node>,
    /// Its weight.
    pub weight: u64,
    /// Nothing lighter does; where it equals the weight, the cut is a lightest one.
    pub lower_bound: u64,
    /// Whether solving again without the nodes showed that no target follows.
    pub verified: bool,
}

/// Cuts targets off some sources, in buffers that are reused from target to target.
///
/// In a plain graph (each instance with one premise) the answer is a minimum cut, found as maximum flow through facts
/// and instances, and the bound is the flow. In an AND/OR graph that problem is NP-hard. There a cut of the graph that
/// keeps one premise of each instance cuts the whole, because every derivation contains a path along kept premises; and
/// the flow through instances whose other premises nothing can take away is a lower bound, because each of those paths
/// is a derivation. Both are improved by hitting the derivations that are found one by one ([`Hitting`]). Note that the
/// graph in which *any* premise of an instance suffices gives no lower bound: it has more paths than there are
/// derivations.
///
/// Every cut is verified by solving again without it. Flow takes O(w · P) for a cut of weight w and P premises between
/// either end and the cut; the rest is bounded by 64 rounds of the best derivation; `work` premises are looked at in
/// all, after which what there is is returned.
///
/// ```
/// use aispm_core::path::graph::{Builder, Cutter, Node};
///
/// # fn main() -> aispm_core::Result<()> {
/// let mut builder = Builder::with_facts(5);
/// for (from, to) in [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4)] {
///     builder.instance(&[from], to, 1.0)?;
/// }
/// let graph = builder.freeze();
/// // any fact can be removed, no instance can
/// let mut cutter = Cutter::new(&graph, &[0]);
/// let cut = cutter.cut(&[4], |node| matches!(node, Node::Fact(_)).then_some(1), 10_000);
/// let cut = cut.ok_or_else(|| aispm_core::Error::new(aispm_core::ErrorKind::Usage, "nothing can be removed"))?;
/// assert_eq!((cut.nodes, cut.lower_bound, cut.verified), (vec![Node::Fact(3)], 1, true));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Cutter<'g> {
    graph: &'g Hypergraph,
    sources: Vec<FactId>,
    /// Position in the order of chaining from the sources.
    ranks: Vec<u32>,
    /// Of each instance with several premises the one that is reached last, of those that fire.
    last: Vec<Option<FactId>>,
    /// Facts and instances that are taken away while trying.
    gone: (Vec<bool>, Vec<bool>),
    flows: Flows,
    forward: Forward,
    best: Best,
}

/// A hypergraph with the weights of what can be removed.
struct Weighted<'g, W, P> {
    graph: &'g Hypergraph,
    sources: &'g [FactId],
    targets: &'g [FactId],
    weights: W,
    premise: P,
}

impl<W: Fn(Node) -> Option<u32>, P: Fn(InstanceId) -> Option<FactId>> Net for Weighted<'_, W, P> {
    fn graph(&self) -> &Hypergraph {
        self.graph
    }

    fn fact(&self, fact: FactId) -> u32 {
        match self.sources.contains(&fact) || self.targets.contains(&fact) {
            true => ENDLESS,
            false => (self.weights)(Node::Fact(fact)).unwrap_or(ENDLESS),
        }
    }

    fn instance(&self, instance: InstanceId) -> u32 {
        (self.weights)(Node::Instance(instance)).unwrap_or(ENDLESS)
    }

    fn premise(&self, instance: InstanceId) -> Option<FactId> {
        match instance < self.graph.plain() {
            true => self.graph.premises(instance).first().copied(),
            false => (self.premise)(instance),
        }
    }
}

impl<'g> Cutter<'g> {
    /// Prepares some sources. Linear.
    #[must_use]
    pub fn new(graph: &'g Hypergraph, sources: &[FactId]) -> Self {
        let mut forward = Forward::new();
        forward.run(graph, sources, |_| false);
        let mut ranks = vec![NONE; at(graph.facts())];
        let mut last = vec![(0, None); graph.wide()];
        for (rank, fact) in (0..).zip(forward.order()) {
            if let Some(place) = ranks.get_mut(at(*fact)) {
                *place = rank;
            }
            for instance in graph.needs(*fact) {
                let place = graph.wide_index(*instance);
                if let Some((seen, last)) = last.get_mut(place) {
                    *seen += 1;
                    *last = (*seen == graph.wide_len(place)).then_some(*fact);
                }
            }
        }
        let last = last.into_iter().map(|(_, last)| last).collect();
        let (flows, best) = (Flows::default(), Best::new());
        Self { graph, sources: sources.to_vec(), ranks, last, gone: Default::default(), flows, forward, best }
    }

    /// A light set that cuts all `targets` off the sources. `weights` says what each node weighs, `None` for what cannot
    /// be removed, and is asked often; a weight of 0 counts as 1. Sources and targets themselves stay. `None` if no set
    /// does, or the work ended before any was found.
    #[must_use]
    pub fn cut(&mut self, targets: &[FactId], weights: impl Fn(Node) -> Option<u32>, work: u64) -> Option<Cut> {
        let weights = |node| weights(node).map(|weight| weight.clamp(1, ENDLESS / 2));
        let graph = self.graph;
        if !graph.is_plain() {
            return self.cut_and_or(targets, &weights, work);
        }
        let net = Weighted { graph, sources: &self.sources, targets, weights, premise: |_| None };
        let flow = self.flows.run(&net, &self.sources, targets, &self.ranks, work);
        let Flow::Cut { value, facts, instances } = flow else { return None };
        let nodes = nodes(facts, instances);
        let verified = self.flows.is_apart(&Without { graph, nodes: &nodes }, &self.sources, targets);
        Some(Cut { nodes, weight: value, lower_bound: value, verified })
    }

    fn cut_and_or(&mut self, targets: &[FactId], weights: &impl Fn(Node) -> Option<u32>, work: u64) -> Option<Cut> {
        let (graph, sources) = (self.graph, self.sources.as_slice());
        let removable = |node| match node {
            Node::Fact(fact) if sources.contains(&fact) || targets.contains(&fact) => None,
            node => weights(node),
        };
        // what follows whatever is removed
        self.forward.search(
            graph,
            sources,
            targets,
            |fact| removable(Node::Fact(fact)).is_some(),
            |instance| removable(Node::Instance(instance)).is_some(),
        );
        if targets.iter().any(|target| self.forward.holds(*target)) {
            return None;
        }
        let lower = {
            let forward = &self.forward;
            let premise = |instance| {
                let mut open = graph.premises(instance).iter().filter(|premise| !forward.holds(**premise));
                let first = open.next().or_else(|| graph.premises(instance).first()).copied();
                first.filter(|_| open.next().is_none())
            };
            let net = Weighted { graph, sources, targets, weights, premise };
            match self.flows.run(&net, sources, targets, &self.ranks, work) {
                Flow::Cut { value, .. } | Flow::Unfinished { value } => value,
                Flow::Endless => return None,
            }
        };
        let upper = {
            let last = &self.last;
            let premise = |instance| last.get(graph.wide_index(instance)).copied().flatten();
            let net = Weighted { graph, sources, targets, weights, premise };
            self.flows.run(&net, sources, targets, &self.ranks, work)
        };
        let mut found = match upper {
            Flow::Cut { value, facts, instances } => Some((value, nodes(facts, instances))),
            _ => None,
        }
        .map(|(value, nodes)| match value == lower {
            true => {
                let verified = self.cuts(targets, &nodes.iter().copied().collect());
                Cut { nodes, weight: value, lower_bound: lower, verified }
            }
            false => Cut { lower_bound: lower, ..self.reduced(targets, nodes, weights) },
        });
        if found.as_ref().is_none_or(|cut| cut.weight > lower)
            && let Some(mut cut) = self.hit(targets, weights, work)
        {
            cut.lower_bound = cut.lower_bound.max(lower);
            match &mut found {
                Some(known) if known.weight <= cut.weight => known.lower_bound = cut.lower_bound.min(known.weight),
                _ => found = Some(cut),
            }
        }
        found
    }

    /// Whether no target follows without the nodes.
    fn cuts(&mut self, targets: &[FactId], nodes: &BTreeSet<Node>) -> bool {
        self.gone.0.resize(at(self.graph.facts()), false);
        self.gone.1.resize(at(self.graph.instances()), false);
        mark(&mut self.gone, nodes, true);
        let (facts, instances) = &self.gone;
        self.forward.search(
            self.graph,
            &self.sources,
            targets,
            |fact| facts.get(at(fact)) == Some(&true),
            |instance| instances.get(at(instance)) == Some(&true),
        );
        mark(&mut self.gone, nodes, false);
        !targets.iter().any(|target| self.forward.holds(*target))
    }

    /// Leaves out what the rest makes superfluous, heaviest first, and verifies.
    fn reduced(&mut self, targets: &[FactId], nodes: Vec<Node>, weights: &impl Fn(Node) -> Option<u32>) -> Cut {
        let weight = |node: &Node| u64::from(weights(*node).unwrap_or(ENDLESS));
        let mut kept: BTreeSet<Node> = nodes.iter().copied().collect();
        let mut heaviest = nodes;
        heaviest.sort_by_key(|node| std::cmp::Reverse(weight(node)));
        for node in heaviest.iter().take(TRIED) {
            kept.remove(node);
            if !self.cuts(targets, &kept) {
                kept.insert(*node);
            }
        }
        let verified = self.cuts(targets, &kept);
        let weight = kept.iter().map(weight).sum();
        Cut { nodes: kept.into_iter().collect(), weight, lower_bound: 0, verified }
    }

    /// By hitting derivations as they are found.
    fn hit(&mut self, targets: &[FactId], weights: &impl Fn(Node) -> Option<u32>, work: u64) -> Option<Cut> {
        let (graph, sources) = (self.graph, self.sources.as_slice());
        let removable = |node| match node {
            Node::Fact(fact) if sources.contains(&fact) || targets.contains(&fact) => None,
            node => weights(node),
        };
        let mut numbers: BTreeMap<Node, u32> = BTreeMap::new();
        let mut named: Vec<Node> = Vec::new();
        let end = self.best.work().saturating_add(work);
        let mut hitting = Hitting::new(Vec::new());
        // one target that is reached is enough
        let until = if let [target] = targets { std::slice::from_ref(target) } else { &[] };
        for _ in 0..ROUNDS {
            let hit = hitting.solve(NODES);
            let chosen: BTreeSet<Node> = hit.chosen.iter().filter_map(|n| named.get(at(*n)).copied()).collect();
            // derivations that avoid what is chosen and each other
            let mut avoided = chosen.clone();
            let mut missed = false;
            loop {
                let gone = |fact: FactId, instance: InstanceId| {
                    avoided.contains(&Node::Instance(instance)) || avoided.contains(&Node::Fact(fact))
                };
                self.best.search(graph, sources, until, |_| 0.0, gone);
                let derivation = targets.iter().find_map(|target| self.best.derivation(graph, *target));
                let Some(derivation) = derivation else { break };
                if self.best.work() > end {
                    return None;
                }
                missed = true;
                let parts = derivation.facts().flat_map(|(fact, via)| [Node::Fact(fact), Node::Instance(via)]);
                let set: Vec<Node> = parts.filter(|node| removable(*node).is_some()).collect();
                if set.is_empty() {
                    return None;
                }
                let mut members = Vec::new();
                for node in &set {
                    members.push(*numbers.entry(*node).or_insert_with(|| {
                        named.push(*node);
                        hitting.element(u64::from(removable(*node).unwrap_or(1)))
                    }));
                }
                hitting.add(members);
                avoided.extend(set);
            }
            if !missed {
                let nodes = chosen.into_iter().collect();
                return Some(Cut { nodes, weight: hit.weight, lower_bound: hit.lower_bound, verified: true });
            }
        }
        None
    }
}

fn mark((facts, instances): &mut (Vec<bool>, Vec<bool>), nodes: &BTreeSet<Node>, to: bool) {
    for node in nodes {
        let (marks, id) = match node {
            Node::Fact(fact) => (&mut *facts, *fact),
            Node::Instance(instance) => (&mut *instances, *instance),
        };
        if let Some(mark) = marks.get_mut(at(id)) {
            *mark = to;
        }
    }
}

fn nodes(facts: Vec<FactId>, instances: Vec<InstanceId>) -> Vec<Node> {
    let nodes: BTreeSet<Node> =
        facts.into_iter().map(Node::Fact).chain(instances.into_iter().map(Node::Instance)).collect();
    nodes.into_iter().collect()
}

/// What is left of a plain graph.
struct Without<'g> {
    graph: &'g Hypergraph,
    nodes: &'g [Node],
}

impl Net for Without<'_> {
    fn graph(&self) -> &Hypergraph {
        self.graph
    }

    fn fact(&self, fact: FactId) -> u32 {
        if self.nodes.binary_search(&Node::Fact(fact)).is_ok() { 0 } else { ENDLESS }
    }

    fn instance(&self, instance: InstanceId) -> u32 {
        if self.nodes.binary_search(&Node::Instance(instance)).is_ok() { 0 } else { ENDLESS }
    }

    fn premise(&self, instance: InstanceId) -> Option<FactId> {
        self.graph.premises(instance).first().copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{dense, graph, holding};
    use super::*;

    /// The lightest cut, by trying all.
    fn lightest(graph: &Hypergraph, weights: &impl Fn(Node) -> Option<u32>) -> Option<u64> {
        let facts = (1..5).map(Node::Fact);
        let nodes: Vec<Node> = facts.chain((0..graph.instances()).map(Node::Instance)).collect();
        let nodes: Vec<Node> = nodes.into_iter().filter(|node| weights(*node).is_some()).collect();
        let cuts = |chosen: &Vec<Node>| {
            let gone = |node| chosen.contains(&node);
            let rest = holding(graph, &[0], |fact| gone(Node::Fact(fact)), |instance| gone(Node::Instance(instance)));
            !rest.contains(&5)
        };
        let chosen = (0_u32..1 << nodes.len()).map(|bits| {
            nodes.iter().enumerate().filter(|(n, _)| bits >> n & 1 == 1).map(|(_, node)| *node).collect::<Vec<_>>()
        });
        let weight = |chosen: Vec<Node>| chosen.iter().map(|node| u64::from(weights(*node).unwrap())).sum();
        chosen.filter(cuts).map(weight).min()
    }

    /// Some nodes can be removed, at some weight.
    fn weights(dice: &[u32]) -> impl Fn(Node) -> Option<u32> {
        move |node| {
            let n = match node {
                Node::Fact(fact) => fact,
                Node::Instance(instance) => 6 + instance,
            };
            let rolled = dice[n as usize % dice.len()];
            (rolled > 0).then_some(rolled)
        }
    }

    fn check(graph: &Hypergraph, dice: &[u32], exact: bool) -> Result<(), TestCaseError> {
        let weights = weights(dice);
        let found = Cutter::new(graph, &[0]).cut(&[5], &weights, 1_000_000);
        let least = lightest(graph, &weights);
        prop_assert_eq!(found.is_some(), least.is_some());
        if let (Some(found), Some(least)) = (found, least) {
            prop_assert!(found.verified);
            let gone = |node| found.nodes.contains(&node);
            let rest = holding(graph, &[0], |fact| gone(Node::Fact(fact)), |instance| gone(Node::Instance(instance)));
            prop_assert!(!rest.contains(&5), "it cuts");
            prop_assert_eq!(
                found.nodes.iter().map(|node| u64::from(weights(*node).unwrap())).sum::<u64>(),
                found.weight
            );
            prop_assert!(found.lower_bound <= least && least <= found.weight);
            prop_assert!(!exact || found.weight == least, "{} for {}", found.weight, least);
            prop_assert!(!exact || found.lower_bound == least);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
        #[test]
        fn a_plain_graph_is_cut_at_least_weight(
            rules in dense(2), dice in proptest::collection::vec(prop_oneof![2 => Just(0_u32), 1 => 1_u32..5], 30),
        ) {
            check(&graph(&rules), &dice, true)?;
        }

        /// So small ones are, too, because the hitting set is exact there.
        #[test]
        fn an_and_or_graph_is_cut_within_its_bound(
            rules in dense(4), dice in proptest::collection::vec(prop_oneof![2 => Just(0_u32), 1 => 1_u32..5], 30),
        ) {
            check(&graph(&rules), &dice, true)?;
        }
    }

    #[test]
    fn what_does_not_follow_needs_no_cut() {
        let plain = graph(&vec![(vec![1], 5, 1)]);
        let cut = Cutter::new(&plain, &[0]).cut(&[5], |_| Some(1), 100).unwrap();
        assert_eq!((cut.nodes.len(), cut.weight, cut.lower_bound, cut.verified), (0, 0, 0, true));
    }

    #[test]
    fn one_cutter_cuts_again_and_again() {
        let plain = graph(&vec![(vec![0], 1, 1), (vec![1], 5, 1), (vec![0], 5, 1), (vec![1], 2, 1)]);
        let mut cutter = Cutter::new(&plain, &[0]);
        for _ in 0..3 {
            let cut = cutter.cut(&[5], |node| matches!(node, Node::Instance(_)).then_some(1), 100).unwrap();
            assert_eq!((cut.weight, cut.verified), (2, true));
            let cut = cutter.cut(&[2], |_| Some(3), 100).unwrap();
            assert_eq!((cut.weight, cut.verified), (3, true));
            assert_eq!(cutter.cut(&[0], |_| Some(3), 100), None);
        }
    }
}
