//! Facts that every way to another fact passes.

use std::collections::BTreeSet;

use super::best::Best;
use super::forward::Forward;
use super::hypergraph::{FactId, Hypergraph, InstanceId, NONE, at, number};

/// For every fact that follows from some sources, facts that every derivation of it passes: the dominator tree.
///
/// A fact *dominates* another if every derivation of the other uses it; equally, if without it the other cannot be
/// derived. In a plain graph (each instance with one premise) these are the dominators of control flow, and the tree
/// holds all of them. In an AND/OR graph a fact's dominators are those of *all* premises together and form no tree. The
/// tree then keeps one premise of each instance, the one that forward chaining reaches last, and every derivation
/// contains a path along kept premises: so what the tree names does dominate, but it may miss some. [`necessary`] finds
/// all of one fact's.
///
/// Semi-NCA (Georgiadis and Tarjan): O(P + F²) at worst for F facts and P premises that are reached, close to linear in
/// practice; no recursion.
///
/// ```
/// use aispm_core::path::graph::{Builder, Dominators};
///
/// # fn main() -> aispm_core::Result<()> {
/// let mut builder = Builder::with_facts(6);
/// for (from, to) in [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (4, 5)] {
///     builder.instance(&[from], to, 1.0)?;
/// }
/// let tree = Dominators::new(&builder.freeze(), &[0]);
/// assert_eq!(tree.of(5).collect::<Vec<_>>(), [4, 3, 0]);
/// assert_eq!(tree.immediate(3), Some(0));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Dominators {
    /// Position in depth-first order; [`NONE`] for what does not follow.
    position: Vec<u32>,
    /// By position, with a root at 0 that stands before the sources.
    fact: Vec<FactId>,
    immediate: Vec<u32>,
}

impl Dominators {
    /// Builds the tree of what follows from `sources`.
    #[must_use]
    pub fn new(graph: &Hypergraph, sources: &[FactId]) -> Self {
        let kept = if graph.is_plain() { Kept::default() } else { Kept::new(graph, sources) };
        let mut tree = Self { position: vec![NONE; at(graph.facts())], fact: vec![NONE], immediate: Vec::new() };
        let parent = tree.visit(graph, sources, &kept);
        tree.link(graph, sources, &kept, parent);
        tree
    }

    /// Numbers the facts depth first; returns parents by position.
    fn visit(&mut self, graph: &Hypergraph, sources: &[FactId], kept: &Kept) -> Vec<u32> {
        let mut parent = vec![0];
        // facts to visit with the position that they were seen from; what is seen again later is visited from there
        let mut todo: Vec<(FactId, u32)> = sources.iter().rev().map(|source| (*source, 0)).collect();
        while let Some((fact, from)) = todo.pop() {
            let Some(position) = self.position.get_mut(at(fact)).filter(|position| **position == NONE) else {
                continue;
            };
            *position = number(self.fact.len());
            let here = *position;
            self.fact.push(fact);
            parent.push(from);
            for (_, end, _) in graph.edges(fact) {
                if self.position.get(at(end)) == Some(&NONE) {
                    todo.push((end, here));
                }
            }
            for end in graph.needs(fact).iter().filter(|instance| kept.keeps(graph, **instance, fact)) {
                todo.push((graph.conclusion(*end), here));
            }
        }
        parent
    }

    /// Semidominators bottom up, then immediate dominators top down.
    fn link(&mut self, graph: &Hypergraph, sources: &[FactId], kept: &Kept, parent: Vec<u32>) {
        let own = |(here, parent): (u32, &u32)| Linked { ancestor: *parent, semi: here, label: here };
        let mut forest = Forest { nodes: (0..).zip(&parent).map(own).collect(), path: Vec::new() };
        // each source follows from the root as well
        let mut roots: Vec<u32> = sources.iter().filter_map(|source| self.position.get(at(*source)).copied()).collect();
        roots.sort_unstable();
        roots.dedup();
        for here in (1..number(parent.len())).rev() {
            let fact = self.fact.get(at(here)).copied().unwrap_or(NONE);
            let mut least = parent.get(at(here)).copied().unwrap_or(0);
            for instance in graph.yielding(fact) {
                for premise in graph.premises(*instance) {
                    let from = self.position.get(at(*premise)).copied().unwrap_or(NONE);
                    if from != NONE && (*instance < graph.plain() || kept.keeps(graph, *instance, *premise)) {
                        // what stands before has no semidominator yet and counts itself
                        least = least.min(if from < here { from } else { forest.least(from, here) });
                    }
                }
            }
            if roots.pop_if(|root| *root == here).is_some() {
                least = 0;
            }
            if let Some(node) = forest.nodes.get_mut(at(here)) {
                node.semi = least;
            }
        }
        // the parents are the first guess; the dominator is the nearest above at or before the semidominator
        let mut immediate = parent;
        for here in 1..immediate.len() {
            let semi = forest.nodes.get(here).map_or(0, |node| node.semi);
            let mut up = immediate.get(here).copied().unwrap_or(0);
            while up > semi {
                up = immediate.get(at(up)).copied().unwrap_or(0);
            }
            if let Some(place) = immediate.get_mut(here) {
                *place = up;
            }
        }
        self.immediate = immediate;
    }

    /// Whether a fact follows from the sources.
    #[must_use]
    pub fn holds(&self, fact: FactId) -> bool {
        self.position.get(at(fact)).is_some_and(|position| *position != NONE)
    }

    /// The nearest fact that the tree names for this one; `None` for sources, for what follows in independent ways from
    /// several, and for what does not follow.
    #[must_use]
    pub fn immediate(&self, fact: FactId) -> Option<FactId> {
        let position = self.position.get(at(fact))?;
        let above = self.immediate.get(at(*position))?;
        self.fact.get(at(*above)).copied().filter(|fact| *fact != NONE)
    }

    /// The facts that the tree names for this one, nearest first; a source may be among them.
    pub fn of(&self, fact: FactId) -> impl Iterator<Item = FactId> + '_ {
        std::iter::successors(self.immediate(fact), |above| self.immediate(*above))
    }
}

/// One premise of each instance with several that fires.
#[derive(Debug, Default)]
struct Kept(Vec<FactId>);

impl Kept {
    fn new(graph: &Hypergraph, sources: &[FactId]) -> Self {
        let mut forward = Forward::new();
        forward.run(graph, sources, |_| false);
        // facts come in the order of reaching, so that each overwrites the earlier
        let mut kept = vec![NONE; graph.wide()];
        let mut seen = vec![0; graph.wide()];
        for fact in forward.order() {
            for instance in graph.needs(*fact) {
                let place = graph.wide_index(*instance);
                let (Some(seen), Some(kept)) = (seen.get_mut(place), kept.get_mut(place)) else { continue };
                *seen += 1;
                if *seen == graph.wide_len(place) {
                    *kept = *fact;
                }
            }
        }
        Self(kept)
    }

    fn keeps(&self, graph: &Hypergraph, instance: InstanceId, premise: FactId) -> bool {
        self.0.get(graph.wide_index(instance)) == Some(&premise)
    }
}

/// A position in the forest of those already linked.
#[derive(Debug, Clone, Copy)]
struct Linked {
    ancestor: u32,
    semi: u32,
    /// The one with the least semidominator between here and the ancestor.
    label: u32,
}

#[derive(Debug)]
struct Forest {
    nodes: Vec<Linked>,
    path: Vec<u32>,
}

impl Forest {
    fn node(&self, position: u32) -> Linked {
        self.nodes.get(at(position)).copied().unwrap_or(Linked { ancestor: 0, semi: 0, label: 0 })
    }

    /// The least semidominator on the way up from a position to those after `last`, compressing the way.
    fn least(&mut self, from: u32, last: u32) -> u32 {
        let mut top = from;
        self.path.clear();
        while self.node(top).ancestor > last {
            self.path.push(top);
            top = self.node(top).ancestor;
        }
        let Linked { ancestor, mut label, .. } = self.node(top);
        while let Some(below) = self.path.pop() {
            let here = self.node(below).label;
            if self.node(label).semi >= self.node(here).semi {
                label = here;
            }
            if let Some(node) = self.nodes.get_mut(at(below)) {
                *node = Linked { ancestor, label, ..*node };
            }
        }
        self.node(label).semi
    }
}

/// All facts that every derivation of `target` passes, in order of their numbers, the target itself left out.
///
/// Those on one derivation are candidates; each that the tree does not name is taken away and `target` tried again. O(n ·
/// P) for n facts on a derivation and P premises that are reached. Empty if the target does not follow.
#[must_use]
pub fn necessary(graph: &Hypergraph, sources: &[FactId], target: FactId) -> Vec<FactId> {
    let mut best = Best::new();
    best.run(graph, sources, &[target], |_| false);
    let Some(derivation) = best.derivation(graph, target) else { return Vec::new() };
    let premises = derivation.steps().iter().flat_map(|step| graph.premises(*step)).copied();
    let candidates: BTreeSet<FactId> = premises.filter(|fact| *fact != target).collect();
    let tree = Dominators::new(graph, sources);
    let named: BTreeSet<FactId> = tree.of(target).collect();
    let mut forward = Forward::new();
    let mut needed = |fact: &FactId| {
        named.contains(fact) || {
            forward.run_without(graph, sources, |other| other == *fact);
            !forward.holds(target)
        }
    };
    candidates.into_iter().filter(|fact| needed(fact)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{FACTS, edges, graph, holding, rules};
    use super::*;

    /// Facts without which the target does not follow.
    fn naive(graph: &Hypergraph, sources: &[FactId], target: FactId) -> Vec<FactId> {
        let holds =
            |gone: Option<FactId>| holding(graph, sources, |fact| Some(fact) == gone, |_| false).contains(&target);
        (0..FACTS).filter(|fact| *fact != target && holds(None) && !holds(Some(*fact))).collect()
    }

    proptest! {
        #[test]
        fn the_tree_of_a_plain_graph_is_exact(
            rules in edges(30), sources in proptest::collection::vec(0..FACTS, 1..3),
        ) {
            let graph = graph(&rules);
            let tree = Dominators::new(&graph, &sources);
            for target in 0..FACTS {
                let mut found: Vec<_> = tree.of(target).collect();
                found.sort_unstable();
                prop_assert_eq!(found, naive(&graph, &sources, target));
            }
        }

        #[test]
        fn the_tree_of_any_graph_is_right_as_far_as_it_goes(
            rules in rules(30), sources in proptest::collection::vec(0..FACTS, 1..4),
        ) {
            let graph = graph(&rules);
            let tree = Dominators::new(&graph, &sources);
            for target in 0..FACTS {
                let all = naive(&graph, &sources, target);
                prop_assert!(tree.of(target).all(|fact| all.contains(&fact)));
                prop_assert_eq!(necessary(&graph, &sources, target), all);
            }
        }
    }
}
