//! Which changes cut the paths: a greedy cover of the paths by facts that can be taken away, each choice verified by
//! solving again without it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::graph::{Best, FactId, Hypergraph, InstanceId};
use super::ground::{ANY, Fact, Ground, index};
use super::model::{ChokePoint, Fix, From};
use super::rules::{Builtin, Power, Rule};
use super::trace::{Reader, Trace};
use super::world::Ix;
use crate::asset::{AssetId, Evidence, RelationKind};

/// Most fixes proposed.
const FIX_LIMIT: usize = 50;

/// A fact that can be taken away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Lever {
    /// A principal's permission for an action.
    Permission(Ix, String),
    /// What a role's trust policy lets in.
    Trust(Ix),
    /// A relation of the estate.
    Relation(Ix, RelationKind, Ix),
    /// A setting of an asset, as a rule tests it.
    Setting(Ix, &'static str),
}

/// Assets that paths pass, neither as source nor as target, most first.
pub(super) fn choke_points(traces: &[Trace]) -> Vec<ChokePoint> {
    let mut counts: BTreeMap<&AssetId, usize> = BTreeMap::new();
    for Trace { path, .. } in traces {
        let passed: BTreeSet<&AssetId> = path
            .steps
            .iter()
            .flat_map(|step| {
                let from: &[AssetId] = match &step.from {
                    From::One(one) => std::slice::from_ref(one),
                    From::All(all) => all,
                };
                from.iter().chain(std::iter::once(&step.to))
            })
            .filter(|asset| **asset != path.source && **asset != path.target)
            .collect();
        for asset in passed {
            *counts.entry(asset).or_default() += 1;
        }
    }
    let mut points: Vec<ChokePoint> =
        counts.into_iter().map(|(asset, paths)| ChokePoint { asset: asset.clone(), paths }).collect();
    points.sort_by(|a, b| b.paths.cmp(&a.paths).then_with(|| a.asset.cmp(&b.asset)));
    points
}

/// Cuts the traced targets off their sources. Also says whether the work budget ended before all were cut.
pub(super) fn fixes(
    ground: &Ground<'_, '_>,
    graph: &Hypergraph,
    traces: &[Trace],
    search: &mut Best,
    budget: u64,
) -> (Vec<Fix>, bool) {
    let levers = Levers::new(ground);
    let end = search.work().saturating_add(budget);
    let mut blocked: HashSet<InstanceId> = HashSet::new();
    // the uncut pairs of source and target, with the levers on a derivation that still holds
    let mut open: Pairs =
        traces.iter().map(|trace| ((trace.source, trace.target), levers.of(&trace.bindings))).collect();
    let mut fixes = Vec::new();
    let mut complete = true;
    while !open.is_empty() && fixes.len() < FIX_LIMIT {
        let mut votes: BTreeMap<&Lever, usize> = BTreeMap::new();
        for lever in open.values().flatten() {
            *votes.entry(lever).or_default() += 1;
        }
        let rank = |lever: &Lever| (levers.effort(lever), lever.clone());
        let Some(best) = votes.into_iter().max_by_key(|(lever, n)| (*n, std::cmp::Reverse(rank(lever)))) else {
            complete = false;
            break;
        };
        let lever = best.0.clone();
        blocked.extend(levers.instances(&lever));
        let before = open.len();
        let mut hit: BTreeMap<FactId, Vec<FactId>> = BTreeMap::new();
        for ((source, target), _) in open.iter().filter(|(_, levers)| levers.contains(&lever)) {
            hit.entry(*source).or_default().push(*target);
        }
        for (source, targets) in hit {
            if search.work() > end {
                complete = false;
                break;
            }
            search.run(graph, &[source], &targets, |instance| blocked.contains(&instance));
            for target in targets {
                match search.derivation(graph, target) {
                    Some(derivation) => {
                        let bindings = Reader { ground, derivation: &derivation }.bindings();
                        open.insert((source, target), levers.of(&bindings));
                    }
                    None => {
                        open.remove(&(source, target));
                    }
                }
            }
        }
        if let Some(fix) = levers.fix(&lever, before - open.len()) {
            fixes.push(fix);
        }
        if !complete {
            break;
        }
    }
    fixes.sort_by_key(|fix: &Fix| std::cmp::Reverse(fix.paths_cut));
    (fixes, complete && open.is_empty())
}

type Pairs = BTreeMap<(FactId, FactId), BTreeSet<Lever>>;

/// Which instances each lever takes away.
struct Levers<'g, 'w, 'a> {
    ground: &'g Ground<'w, 'a>,
    index: HashMap<Lever, Vec<InstanceId>>,
}

impl<'g, 'w, 'a> Levers<'g, 'w, 'a> {
    fn new(ground: &'g Ground<'w, 'a>) -> Self {
        let mut levers = Self { ground, index: HashMap::new() };
        for (id, instance) in (0..).zip(&ground.instances) {
            let mut found = Vec::new();
            match instance.rule {
                Some(rule) => {
                    let binding = &instance.binding;
                    let bound = |var: &str| binding.get(rule.slot(var)?).copied().filter(|ix| *ix != ANY);
                    let actor = binding.first().copied().filter(|ix| *ix != ANY);
                    for (actor, action) in actor.into_iter().zip(rule.may.iter().filter_map(|may| may.action.first())) {
                        found.push(Lever::Permission(actor, action.clone()));
                    }
                    found.extend(settings(rule, binding));
                    let trusted = matches!(rule.builtin, Some(Builtin::AssumeRole | Builtin::WebIdentity));
                    let roles = rule.given.iter().filter(|given| trusted || !given.trusts.is_empty());
                    found.extend(roles.filter_map(|given| bound(&given.var)).map(Lever::Trust));
                    for given in &rule.given {
                        if let (Some(to), Some(by)) = (given.to.as_deref().and_then(bound), given.by)
                            && let Some(ix) = bound(&given.var)
                        {
                            let (from, to) = if given.back { (ix, to) } else { (to, ix) };
                            found.push(Lever::Relation(from, by, to));
                        }
                    }
                }
                None => {
                    // a principal's way to a capability: every action that the capability cannot do without
                    let actor = instance.premises.first().and_then(|premise| ground.facts.get(index(*premise)));
                    let capable = match ground.facts.get(index(instance.conclusion)) {
                        Some(Fact::Capable(capability)) => Some(*capability),
                        _ => None,
                    };
                    if let (Some(Fact::Has(Power::Controls, actor)), Some(capability)) = (actor, capable) {
                        let actions = ground.needed_actions(capability);
                        found.extend(actions.into_iter().map(|action| Lever::Permission(*actor, action)));
                    }
                }
            }
            for lever in found {
                levers.index.entry(lever).or_default().push(id);
            }
        }
        levers
    }

    fn instances(&self, lever: &Lever) -> &[InstanceId] {
        self.index.get(lever).map_or(&[], Vec::as_slice)
    }

    /// Levers that cut a derivation.
    fn of(&self, bindings: &[(InstanceId, Vec<Ix>)]) -> BTreeSet<Lever> {
        let mut found = BTreeSet::new();
        for (id, binding) in bindings {
            let Some(rule) = self.ground.instances.get(index(*id)).and_then(|instance| instance.rule) else { continue };
            let bound = |var: &str| binding.get(rule.slot(var)?).copied();
            if let Some(actor) = binding.first() {
                let action = match rule.builtin {
                    Some(Builtin::AssumeRole) => Some("sts:AssumeRole"),
                    _ => rule
                        .may
                        .iter()
                        .find(|may| may.by.is_none())
                        .and_then(|may| may.action.first())
                        .map(String::as_str),
                };
                found.extend(action.map(|action| Lever::Permission(*actor, action.to_owned())));
            }
            found.extend(settings(rule, binding));
            for given in &rule.given {
                let trusted = matches!(rule.builtin, Some(Builtin::AssumeRole | Builtin::WebIdentity));
                if trusted || !given.trusts.is_empty() {
                    found.extend(bound(&given.var).map(Lever::Trust));
                }
                if let (Some(to), Some(by), Some(ix)) =
                    (given.to.as_deref().and_then(bound), given.by, bound(&given.var))
                {
                    let (from, to) = if given.back { (ix, to) } else { (to, ix) };
                    found.insert(Lever::Relation(from, by, to));
                }
            }
        }
        found.retain(|lever| self.index.contains_key(lever));
        found
    }

    fn is_internet(&self, ix: Ix) -> bool {
        self.ground.world.id(ix).is_some_and(|id| id.as_str() == AssetId::INTERNET)
    }

    /// Of changes that cut as much, which is the easiest and does most besides: closing a door to the internet first,
    /// taking apart what belongs together last.
    fn effort(&self, lever: &Lever) -> u8 {
        match lever {
            Lever::Relation(from, RelationKind::Exposes | RelationKind::Reads | RelationKind::Writes, _)
                if self.is_internet(*from) =>
            {
                0
            }
            Lever::Permission(..) | Lever::Setting(..) => 1,
            Lever::Trust(_) => 2,
            Lever::Relation(..) => 3,
        }
    }

    fn fix(&self, lever: &Lever, paths_cut: usize) -> Option<Fix> {
        let world = self.ground.world;
        let node = |ix: &Ix| world.node(*ix);
        let (asset, action, evidence): (_, _, Vec<Evidence>) = match lever {
            Lever::Setting(ix, property) => {
                let action = format!("Run {} without {}", node(ix)?.name, property.replace('_', " "));
                (node(ix)?, action, node(ix)?.asset.map(|asset| asset.evidence.clone()).unwrap_or_default())
            }
            Lever::Permission(ix, action) if world.principal(*ix).is_none() => {
                let id = &node(ix)?.id;
                let mut evidence = world.authorities_of(*ix).filter_map(|a| a.supports(id.as_str(), action, None));
                let evidence = evidence.find(|found| !found.is_empty()).unwrap_or_default();
                (node(ix)?, format!("Take {action} from {} or narrow where it holds", node(ix)?.name), evidence)
            }
            Lever::Permission(ix, action) => {
                let evidence = match world.principal(*ix) {
                    Some(holder) => {
                        let any = world.estate.example(holder, action, super::ground::service(action));
                        world.estate.evidence(holder, action, any.as_deref().unwrap_or("*"), None)
                    }
                    None => node(ix)?.asset.map(|asset| asset.evidence.clone()).unwrap_or_default(),
                };
                (node(ix)?, format!("Take {action} from {} or narrow its resources", node(ix)?.name), evidence)
            }
            Lever::Trust(ix) => {
                let action = format!("Narrow whom the trust policy of {} lets in", node(ix)?.name);
                (node(ix)?, action, node(ix)?.asset.map(|asset| asset.evidence.clone()).unwrap_or_default())
            }
            Lever::Relation(from, kind, to) => {
                let (from, to) = (node(from)?, node(to)?);
                let relation = world.inventory.outgoing(from.id.as_str()).find(|r| r.kind == *kind && r.to == to.id);
                let evidence = relation.map(|relation| relation.evidence.clone()).unwrap_or_default();
                if from.id.as_str() == AssetId::INTERNET {
                    let action = match kind {
                        RelationKind::Exposes => {
                            format!("Close {} to the internet, or let it ask for authentication", to.name)
                        }
                        _ => format!("Block public access to {}", to.name),
                    };
                    return Some(Fix { action, asset: to.id.clone(), paths_cut, evidence });
                }
                (from, format!("End that {} {} {}", from.name, kind.as_str().replace('_', " "), to.name), evidence)
            }
        };
        Some(Fix { action, asset: asset.id.clone(), paths_cut, evidence })
    }
}

/// The settings that a rule's tests rest on, by what is bound.
fn settings<'b>(rule: &'static Rule, binding: &'b [Ix]) -> impl Iterator<Item = Lever> + use<'b> {
    let tests = [&rule.start].into_iter().chain(rule.given.iter().map(|given| &given.is));
    let bound = tests.zip(binding.iter().copied()).filter(|(_, ix)| *ix != ANY);
    bound.flat_map(|(test, ix)| test.settings().map(move |property| Lever::Setting(ix, property)))
}
