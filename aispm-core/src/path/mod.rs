//! How an attacker would move: facts and AND/OR rules, the paths they give, choke points and fixes.
//!
//! 1. `World` numbers the assets and asks [`identity`](crate::identity) who may do what.
//! 2. `Ground` applies the rules of `data/path/` from the sources on, lazily, to a graph of facts (any of several rule
//!    instances yields one) and instances (all premises needed).
//! 3. [`graph`] finds the cheapest derivation of everything from one source; the graph is shared by all sources.
//! 4. `trace` turns derivations into ordered steps with evidence; `fixes` cuts them and solves again to make sure.
//!
//! With `k` above one, further derivations are listed lazily, cheapest first ([`graph::Derivations`]); those that show the
//! same steps, because they differ in bookkeeping alone, are one path.

use std::collections::{BTreeMap, BTreeSet, HashMap};

mod access;
mod choke;
mod fixes;
pub mod graph;
mod ground;
mod model;
mod outcome;
mod patch;
mod place;
mod premise;
mod proof;
mod rules;
mod trace;
mod ways;
mod whatif;
mod world;

#[cfg(test)]
mod tests;

pub(crate) use access::{Access, Right, has_principals};
pub use model::{
    AttackPath, ChokePoint, Consequence, Fix, From, Goal, Patch, PatchFormat, PathFix, PathStatus, Premise,
    PremiseKind, Query, Reach, Solution, Step, Target,
};
pub use place::Place;
pub use whatif::{Change, WhatIf, what_if, without};

use crate::asset::{AssetId, AssetKind, Inventory};
use crate::identity::aws::PrincipalKind;
use graph::{Best, Builder, Derivations, FactId, Hypergraph, Potentials};
use ground::{Fact, Ground};
use rules::Power;
use trace::Trace;
use world::{Ix, World};

/// Rule applications and evaluations while grounding.
const GROUND_BUDGET: u64 = 20_000_000;
/// Edges looked at for further paths and, again, for fixes.
const SEARCH_BUDGET: u64 = 200_000_000;
/// Facts reached while trying what no way avoids.
const CHOKE_BUDGET: usize = 20_000_000;
/// Facts of the targets that are kept prepared, 12 bytes each.
const PREPARED: usize = 20_000_000;
/// Derivations looked at for each path asked for, as several may show the same steps.
const ALIKE: usize = 16;

/// Finds attack paths in an inventory.
///
/// Each source is solved over one shared graph: O(sources · graph), within work budgets whose end is told in
/// [`Solution::warnings`]; paths are then missing, none is wrong.
#[must_use]
pub fn solve(inventory: &Inventory, query: &Query) -> Solution {
    let id = |target: &Target| match target {
        Target::Asset(id) => Some(id.clone()),
        _ => None,
    };
    let asked: Vec<AssetId> = query.to.iter().filter_map(id).collect();
    let blast = !query.from.is_empty() && query.to.is_empty();
    // who asks what one asset reaches wants to know of plain data too
    let data = inventory.assets().filter(|asset| blast && asset.kind.is_data()).map(|asset| asset.id.clone());
    let world = World::new(inventory, &asked.iter().cloned().chain(data).collect::<Vec<_>>());
    let mut solution = Solution { admins: world.estate.admins(), ..Solution::default() };
    let elsewhere = world.authorities().flat_map(|a| a.principals().into_iter().filter(|id| a.is_admin(id.as_str())));
    solution.admins.extend(elsewhere);
    solution.warnings.extend(world.estate.warnings().iter().cloned());
    let unknown = query.from.iter().chain(&asked).filter(|id| world.ix(id.as_str()).is_none());
    solution.warnings.extend(unknown.map(|id| format!("{id} is not in the estate")));
    let taken = world.taken_for();
    solution.warnings.extend(taken.map(|(asked, asset)| format!("{asked} is not in the estate; taken for {asset}")));
    let sources = sources(&world, query);
    let mut ground = Ground::new(&world, rules::builtin(), GROUND_BUDGET);
    ground.expand(&sources);
    if ground.is_cut() {
        solution.warnings.push("the work budget ended before every rule was applied; paths may be missing".to_owned());
    }
    let graph = freeze(&mut ground);
    let mut search = Best::new();
    let targets = targets(&ground, query);
    let mut finder = Further::new(&graph);
    let (mut traces, mut further) = (Vec::<Trace>::new(), Vec::new());
    for source in &sources {
        let Some(start) = ground.id(&Fact::Has(Power::Controls, *source)) else { continue };
        search.run(&graph, &[start], &[], |_| false);
        if blast {
            solution.blast_radius.extend(trace::reach(&ground, &search, start));
        }
        let own = |id: &AssetId| inventory.get(id.as_str()).is_some_and(|asset| asset.kind.is_identity());
        let inside = query.from_outside && world.id(*source).is_some_and(own);
        let mut best = BTreeMap::new();
        for (target, goal) in targets.iter().filter(|(_, goal)| !inside || *goal == Goal::Admin) {
            if let Some(cost) = search.cost(*target).filter(|_| *target != start) {
                best.insert(*target, (cost, *goal));
            }
        }
        nearest_made_admin(&ground, query, &mut best);
        one_fact_per_asset(&ground, query, &mut best);
        for (target, (_, goal)) in best {
            let derivation = search.derivation(&graph, target);
            let Some(found) = derivation.and_then(|d| trace::trace(&ground, &d, start, target, goal)) else { continue };
            if query.k > 1 {
                further.append(&mut finder.paths(&ground, &search, &found, query.k - 1));
            }
            traces.push(found);
        }
    }
    if finder.work == 0 {
        solution.warnings.push("the work budget ended before all further paths were found".to_owned());
    }
    let first = traces.len();
    traces.append(&mut further);
    solution.choke_points = choke::choke_points(&ground, &graph, &traces, CHOKE_BUDGET);
    let best = traces.get(..first).unwrap_or_default();
    let proposed = fixes::fixes(&ground, &graph, best, &mut search, SEARCH_BUDGET);
    solution.fixes = proposed.fixes;
    solution.fixes_lower_bound = proposed.lower_bound;
    if !proposed.complete {
        solution.warnings.push("the proposed fixes do not cut every path".to_owned());
    }
    premise::tell(&ground, &mut traces);
    solution.paths = traces.into_iter().map(|trace| trace.path).collect();
    solution.paths.sort_by(|a, b| {
        b.risk.total_cmp(&a.risk).then_with(|| (&a.source, &a.target, &a.id).cmp(&(&b.source, &b.target, &b.id)))
    });
    solution
}

/// Where attackers start.
fn sources(world: &World<'_>, query: &Query) -> Vec<Ix> {
    if !query.from.is_empty() {
        return query.from.iter().filter_map(|id| world.ix(id.as_str())).collect();
    }
    let internet = world.ix(AssetId::INTERNET);
    let principals = world.estate.principals().iter().filter(|p| p.kind != PrincipalKind::Group);
    let named = principals.filter_map(|p| world.ix(p.id.as_str())).filter(|ix| !world.is_admin(*ix));
    let mut sources: Vec<Ix> = internet.into_iter().chain(named).collect();
    // identities of other platforms
    let others = world.all().filter(|(_, node)| node.kind == AssetKind::ServiceAccount).map(|(ix, _)| ix);
    sources.extend(others);
    let named = world.authorities().flat_map(|authority| authority.principals());
    sources.extend(named.filter_map(|id| world.ix(id.as_str())).filter(|ix| !world.is_admin(*ix)));
    let mut seen = BTreeSet::new();
    sources.retain(|ix| seen.insert(*ix));
    sources
}

/// The facts asked for that were grounded at all.
fn targets(ground: &Ground<'_, '_>, query: &Query) -> Vec<(FactId, Goal)> {
    let all = [Target::Admin, Target::Sensitive];
    let wanted = if query.to.is_empty() { &all[..] } else { &query.to };
    let asks = |target: &Target| wanted.contains(target);
    let asked = |ix: Ix| wanted.iter().any(|t| matches!(t, Target::Asset(id) if ground.world.id(ix) == Some(id)));
    let goal = |fact: &Fact| {
        let Fact::Has(power, ix) = fact else { return None };
        let sensitive = || {
            let asset = ground.world.node(*ix).and_then(|node| node.asset);
            asks(&Target::Sensitive) && asset.is_some_and(crate::asset::Asset::is_sensitive)
        };
        let group = || ground.world.node(*ix).is_some_and(|node| node.kind == AssetKind::Group);
        match power {
            Power::Admin if (asks(&Target::Admin) || asked(*ix)) && !group() => Some(Goal::Admin),
            Power::Reads if sensitive() => Some(Goal::Leak),
            Power::Poisons if asks(&Target::Sensitive) => Some(Goal::Poisoning),
            // the consequence says at whose cost
            Power::Hijacks if asks(&Target::Sensitive) => Some(Goal::Access),
            Power::Controls | Power::Reads | Power::Writes | Power::Poisons | Power::Hijacks if asked(*ix) => {
                Some(Goal::Access)
            }
            _ => None,
        }
    };
    (0..).zip(&ground.facts).filter_map(|(id, fact)| Some((id, goal(fact)?))).collect()
}

type Reachable = BTreeMap<FactId, (f64, Goal)>;

/// Of the identities that a source could *make* administrator, only the nearest of each account counts: who can
/// rewrite every user's policies would otherwise end in every user.
fn nearest_made_admin(ground: &Ground<'_, '_>, query: &Query, best: &mut Reachable) {
    let mut nearest: BTreeMap<Option<&str>, (f64, FactId)> = BTreeMap::new();
    let mut made = Vec::new();
    for (fact, (cost, goal)) in best.iter() {
        let Some(Fact::Has(Power::Admin, ix)) = ground.facts.get(ground::index(*fact)) else { continue };
        let node = ground.world.node(*ix);
        let asked = node.is_some_and(|n| query.to.iter().any(|t| matches!(t, Target::Asset(id) if *id == n.id)));
        if *goal == Goal::Admin && !ground.world.is_admin(*ix) && !asked {
            made.push(*fact);
            let account = node.and_then(|node| node.account.as_deref());
            let entry = nearest.entry(account).or_insert((*cost, *fact));
            if *cost < entry.0 {
                *entry = (*cost, *fact);
            }
        }
    }
    for fact in made {
        if !nearest.values().any(|(_, kept)| *kept == fact) {
            best.remove(&fact);
        }
    }
}

/// Of several powers over an asset that was asked for, the cheapest counts.
fn one_fact_per_asset(ground: &Ground<'_, '_>, query: &Query, best: &mut Reachable) {
    if !query.to.iter().any(|target| matches!(target, Target::Asset(_))) {
        return;
    }
    let mut cheapest: BTreeMap<Ix, (f64, FactId)> = BTreeMap::new();
    for (fact, (cost, _)) in best.iter() {
        if let Some(Fact::Has(_, ix)) = ground.facts.get(ground::index(*fact)) {
            let entry = cheapest.entry(*ix).or_insert((*cost, *fact));
            if *cost < entry.0 {
                *entry = (*cost, *fact);
            }
        }
    }
    best.retain(|fact, _| cheapest.values().any(|(_, kept)| kept == fact));
}

/// The graph of what was grounded, whose instances are put into its order.
fn freeze(ground: &mut Ground<'_, '_>) -> Hypergraph {
    let mut builder = Builder::with_facts(FactId::try_from(ground.facts.len()).unwrap_or(FactId::MAX));
    let mut kept: Vec<Option<ground::Instance>> = Vec::with_capacity(ground.instances.len());
    for instance in ground.instances.drain(..) {
        #[expect(clippy::cast_possible_truncation, reason = "the graph knowingly keeps costs as f32")]
        let cost = instance.cost as f32;
        if builder.instance(&instance.premises, instance.conclusion, cost).is_ok() {
            kept.push(Some(instance));
        }
    }
    let graph = builder.freeze();
    let given = (0..graph.instances()).map(|id| ground::index(graph.given(id)));
    ground.instances.extend(given.filter_map(|given| kept.get_mut(given).and_then(Option::take)));
    graph
}

/// Finds further paths for traced pairs.
struct Further<'g> {
    graph: &'g Hypergraph,
    scratch: Best,
    /// Targets are prepared once for all sources.
    prepared: HashMap<FactId, Potentials>,
    work: u64,
}

impl<'g> Further<'g> {
    fn new(graph: &'g Hypergraph) -> Self {
        Self { graph, scratch: Best::new(), prepared: HashMap::new(), work: SEARCH_BUDGET }
    }

    /// Up to `more` paths besides this one. Paths that show the same steps are one.
    fn paths(&mut self, ground: &Ground<'_, '_>, best: &Best, first: &Trace, more: usize) -> Vec<Trace> {
        if self.prepared.len() * ground::index(self.graph.facts()) > PREPARED {
            self.prepared.clear();
        }
        let entry = self.prepared.entry(first.target);
        let prepared = entry.or_insert_with(|| Potentials::new(self.graph, first.target));
        let mut all = Derivations::new(self.graph, best, &mut self.scratch, prepared, self.work);
        let mut known = BTreeSet::from([first.path.id.clone()]);
        let new = all.by_ref().take(more.saturating_add(1).saturating_mul(ALIKE)).filter_map(|derivation| {
            let found = trace::trace(ground, &derivation, first.source, first.target, first.path.goal)?;
            known.insert(found.path.id.clone()).then_some(found)
        });
        let new = new.take(more).collect();
        self.work = all.work();
        new
    }
}
