//! What is still to pay, from every fact to one target.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::hypergraph::{FactId, Hypergraph, InstanceId, NONE, at};

/// For every fact a lower bound of what is still to pay until `target` holds, made once for a target and shared by all
/// sources.
///
/// The bound is the cheapest chain of instances from the fact to the target, other premises being free. In a plain
/// graph (each instance with one premise) it is the distance itself. It is infinite exactly where a fact cannot help to
/// derive the target. Dijkstra's algorithm on the reverse adjacency: O(P + F log F) for F facts and P premises that
/// lead to the target; 12 bytes a fact.
#[derive(Debug, Clone)]
pub struct Potentials {
    target: FactId,
    costs: Vec<f64>,
    next: Vec<InstanceId>,
}

impl Potentials {
    /// Prepares a target.
    #[must_use]
    pub fn new(graph: &Hypergraph, target: FactId) -> Self {
        let facts = at(graph.facts());
        let mut made = Self { target, costs: vec![f64::INFINITY; facts], next: vec![NONE; facts] };
        let mut heap = BinaryHeap::new();
        if let Some(cost) = made.costs.get_mut(at(target)) {
            *cost = 0.0;
            heap.push(Reverse((0_u64, target)));
        }
        while let Some(Reverse((bits, fact))) = heap.pop() {
            let cost = f64::from_bits(bits);
            if made.cost(fact) < cost {
                continue;
            }
            for instance in graph.yielding(fact) {
                let sum = cost + graph.cost(*instance);
                for premise in graph.premises(*instance) {
                    let (Some(known), Some(next)) = (made.costs.get_mut(at(*premise)), made.next.get_mut(at(*premise)))
                    else {
                        continue;
                    };
                    if sum < *known {
                        *known = sum;
                        *next = *instance;
                        heap.push(Reverse((sum.to_bits(), *premise)));
                    }
                }
            }
        }
        made
    }

    /// The target that was prepared.
    #[must_use]
    pub fn target(&self) -> FactId {
        self.target
    }

    /// The bound from a fact; infinite if it does not lead to the target.
    #[must_use]
    pub fn cost(&self, fact: FactId) -> f64 {
        self.costs.get(at(fact)).copied().unwrap_or(f64::INFINITY)
    }

    /// The first instance of the cheapest chain from a fact; `None` at the target and where there is none.
    #[must_use]
    pub fn next(&self, fact: FactId) -> Option<InstanceId> {
        self.next.get(at(fact)).copied().filter(|next| *next != NONE)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{FACTS, edges, graph, least, rules};
    use super::*;

    proptest! {
        #[test]
        fn are_distances_in_plain_graphs(rules in edges(30), source in 0..FACTS, target in 0..FACTS) {
            let graph = graph(&rules);
            prop_assert_eq!(Potentials::new(&graph, target).cost(source), least(&graph, &[source])[target as usize]);
        }

        #[test]
        fn never_fall_by_more_than_an_instance_costs(rules in rules(40), target in 0..FACTS) {
            let graph = graph(&rules);
            let prepared = Potentials::new(&graph, target);
            prop_assert_eq!(prepared.cost(target), 0.0);
            for instance in 0..graph.instances() {
                for premise in graph.premises(instance) {
                    let after = prepared.cost(graph.conclusion(instance));
                    prop_assert!(prepared.cost(*premise) <= graph.cost(instance) + after);
                }
            }
            for fact in 0..FACTS {
                if let Some(next) = prepared.next(fact) {
                    let led = graph.cost(next) + prepared.cost(graph.conclusion(next));
                    prop_assert_eq!(prepared.cost(fact), led);
                }
            }
        }
    }
}
