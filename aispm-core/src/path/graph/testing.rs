//! Small random hypergraphs, and answers found the slow way.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Builder, FactId, Hypergraph, InstanceId};

/// Facts of the random graphs.
pub(super) const FACTS: u32 = 9;

/// Premises, conclusion and cost of each instance.
pub(super) type Rules = Vec<(Vec<FactId>, FactId, u8)>;

/// Instances with up to three premises; costs may be zero.
pub(super) fn rules(most: usize) -> impl Strategy<Value = Rules> {
    some_rules(most, 4)
}

/// Instances with one premise.
pub(super) fn edges(most: usize) -> impl Strategy<Value = Rules> {
    some_rules(most, 2)
}

/// Few facts and many instances that lead from fact 0 to fact 5, so that there are many ways.
pub(super) fn dense(premises: usize) -> impl Strategy<Value = Rules> {
    let some = proptest::collection::btree_set(0_u32..6, 1..premises);
    let instance = (some, 1_u32..6, 0_u8..6).prop_map(|(premises, conclusion, cost)| {
        // half of them start from the source alone or next to it
        let premises = if cost % 2 == 0 { premises.into_iter().map(|fact| fact / 3).collect() } else { premises };
        (premises.into_iter().collect(), conclusion, cost)
    });
    proptest::collection::vec(instance, 8..24)
}

fn some_rules(most: usize, premises: usize) -> impl Strategy<Value = Rules> {
    let instance = (proptest::collection::btree_set(0..FACTS, 1..premises), 0..FACTS, 0_u8..6)
        .prop_map(|(premises, conclusion, cost)| (premises.into_iter().collect(), conclusion, cost));
    proptest::collection::vec(instance, 0..most)
}

pub(super) fn graph(rules: &Rules) -> Hypergraph {
    let mut builder = Builder::with_facts(FACTS);
    for (premises, conclusion, cost) in rules {
        builder.instance(premises, *conclusion, f32::from(*cost)).unwrap();
    }
    builder.freeze()
}

/// What follows from the sources without some facts and instances.
pub(super) fn holding(
    graph: &Hypergraph,
    sources: &[FactId],
    impossible: impl Fn(FactId) -> bool,
    blocked: impl Fn(InstanceId) -> bool,
) -> BTreeSet<FactId> {
    let mut known: BTreeSet<FactId> = sources.iter().copied().filter(|fact| !impossible(*fact)).collect();
    loop {
        let before = known.len();
        for instance in (0..graph.instances()).filter(|instance| !blocked(*instance)) {
            let fact = graph.conclusion(instance);
            if !impossible(fact) && graph.premises(instance).iter().all(|premise| known.contains(premise)) {
                known.insert(fact);
            }
        }
        if known.len() == before {
            return known;
        }
    }
}

/// Least costs, by relaxing until nothing changes.
pub(super) fn least(graph: &Hypergraph, sources: &[FactId]) -> Vec<f64> {
    let mut costs = vec![f64::INFINITY; graph.facts() as usize];
    sources.iter().for_each(|fact| costs[*fact as usize] = 0.0);
    for _ in 0..=graph.facts() {
        for instance in 0..graph.instances() {
            let premises = graph.premises(instance).iter().map(|premise| costs[*premise as usize]);
            let sum = graph.cost(instance) + premises.sum::<f64>();
            let known = &mut costs[graph.conclusion(instance) as usize];
            *known = known.min(sum);
        }
    }
    costs
}

/// All derivations of a fact, with costs: every choice of an instance for each fact that is needed.
pub(super) fn derivations(graph: &Hypergraph, source: FactId, target: FactId) -> BTreeMap<Vec<InstanceId>, f64> {
    let mut found = BTreeMap::new();
    let mut todo: Vec<BTreeMap<FactId, InstanceId>> = vec![BTreeMap::new()];
    while let Some(chosen) = todo.pop() {
        // a fact that is needed and has no way yet
        let needed = chosen.values().flat_map(|via| graph.premises(*via)).chain([&target]).copied();
        let open = needed.filter(|fact| *fact != source).find(|fact| !chosen.contains_key(fact));
        let Some(open) = open else {
            if let Some(cost) = cost(graph, &chosen, target, 0) {
                let mut instances: Vec<InstanceId> = chosen.values().copied().collect();
                instances.sort_unstable();
                found.insert(instances, cost);
            }
            continue;
        };
        for via in graph.yielding(open) {
            let mut more = chosen.clone();
            more.insert(open, *via);
            todo.push(more);
        }
    }
    found
}

/// `None` if it goes round in a circle.
fn cost(graph: &Hypergraph, chosen: &BTreeMap<FactId, InstanceId>, fact: FactId, depth: u32) -> Option<f64> {
    if depth > graph.facts() {
        return None;
    }
    let Some(via) = chosen.get(&fact) else { return Some(0.0) };
    let premises = graph.premises(*via).iter().map(|premise| cost(graph, chosen, *premise, depth + 1));
    Some(graph.cost(*via) + premises.sum::<Option<f64>>()?)
}
