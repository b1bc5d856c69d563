//! Assets that no way from a source to its target avoids.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::graph::{Dominators, FactId, Forward, Hypergraph};
use super::ground::{Fact, Ground, index};
use super::model::ChokePoint;
use super::trace::Trace;
use super::world::Ix;

/// The assets that the targets of these paths cannot be reached without, neither sources nor targets themselves, those of
/// most paths first.
///
/// The dominator tree of each source names most of them in linear time. An asset of which several facts are used in turn
/// is in no tree; where one lies on a path, everything about it is taken away and the graph is chained again: O(sources ·
/// assets on their paths · graph), within `budget` facts reached, after which only what the trees name is told.
pub(super) fn choke_points(
    ground: &Ground<'_, '_>,
    graph: &Hypergraph,
    traces: &[Trace],
    mut budget: usize,
) -> Vec<ChokePoint> {
    let mut about: HashMap<Ix, Vec<FactId>> = HashMap::new();
    for (id, fact) in (0..).zip(&ground.facts) {
        if let Fact::Has(_, ix) = fact {
            about.entry(*ix).or_default().push(id);
        }
    }
    let mut by_source: BTreeMap<FactId, Vec<&Trace>> = BTreeMap::new();
    for trace in traces {
        by_source.entry(trace.source).or_default().push(trace);
    }
    let mut counts: BTreeMap<Ix, usize> = BTreeMap::new();
    let mut forward = Forward::new();
    let mut gone = vec![false; ground.facts.len()];
    for (source, traces) in by_source {
        // what lies on each path, and how many paths lead to its target
        let mut passed: BTreeMap<Ix, BTreeMap<FactId, usize>> = BTreeMap::new();
        for trace in traces {
            let ends = [&trace.path.source, &trace.path.target];
            let assets: BTreeSet<Ix> = trace
                .path
                .assets()
                .filter(|id| !ends.contains(id))
                .filter_map(|id| ground.world.ix(id.as_str()))
                .collect();
            for asset in assets {
                *passed.entry(asset).or_default().entry(trace.target).or_default() += 1;
            }
        }
        if passed.is_empty() {
            continue;
        }
        let tree = Dominators::new(graph, &[source]);
        for (asset, targets) in passed {
            let facts = about.get(&asset).map_or(&[][..], Vec::as_slice);
            let named = |target: FactId| tree.of(target).any(|fact| facts.contains(&fact));
            let mut left: Vec<(FactId, usize)> = Vec::new();
            for (target, paths) in targets {
                if named(target) {
                    *counts.entry(asset).or_default() += paths;
                } else {
                    left.push((target, paths));
                }
            }
            if left.is_empty() || budget == 0 || (facts.len() < 2 && graph.is_plain()) {
                continue;
            }
            mark(&mut gone, facts, true);
            forward.run_without(graph, &[source], |fact| gone.get(index(fact)).copied().unwrap_or(false));
            budget = budget.saturating_sub(forward.order().len());
            let cut: usize = left.iter().filter(|(target, _)| !forward.holds(*target)).map(|(_, paths)| paths).sum();
            if cut > 0 {
                *counts.entry(asset).or_default() += cut;
            }
            mark(&mut gone, facts, false);
        }
    }
    let point = |(asset, paths)| Some(ChokePoint { asset: ground.world.id(asset)?.clone(), paths });
    let mut points: Vec<ChokePoint> = counts.into_iter().filter_map(point).collect();
    points.sort_by(|a, b| b.paths.cmp(&a.paths).then_with(|| a.asset.cmp(&b.asset)));
    points
}

fn mark(gone: &mut [bool], facts: &[FactId], to: bool) {
    for fact in facts {
        if let Some(mark) = gone.get_mut(index(*fact)) {
            *mark = to;
        }
    }
}
