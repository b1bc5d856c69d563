//! Which changes cut the paths: the smallest set found of facts that can be taken away, verified by solving again
//! without them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::graph::{Best, FactId, Hitting, Hypergraph, InstanceId};
use super::ground::{ANY, Fact, Ground, OR, index};
use super::model::Fix;
use super::rules::{Builtin, Power, Rule};
use super::trace::Trace;
use super::world::Ix;
use crate::asset::{AssetId, Evidence, RelationKind};

/// Most fixes proposed.
const FIX_LIMIT: usize = 500;

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

/// What a change weighs, so that fewer changes come before easier ones.
const CHANGE: u64 = 1 << 20;
/// More than effort and order add to that.
const MORE: u64 = 8;
/// Rounds of solving again with all changes chosen so far, and branchings while choosing.
const ROUNDS: usize = 64;
const NODES: usize = 2_000;

/// What to change.
#[derive(Debug, Default)]
pub(super) struct Proposed {
    /// Best first.
    pub(super) fixes: Vec<Fix>,
    /// Fewer changes of these kinds cannot cut every path.
    pub(super) lower_bound: usize,
    /// Whether every path is cut.
    pub(super) complete: bool,
}

/// Cuts the traced targets off their sources by the smallest set of changes found.
///
/// Each way that is found must be hit by a change; the lightest set that hits all found so far ([`Hitting`]) is applied
/// and everything solved again, until no way is left. Every round's set is a lower bound. O(rounds · sources · graph)
/// within `budget` premises; a source is solved again only if a change that mattered to it was dropped. What is open when
/// the rounds or the budget end is cut greedily.
pub(super) fn fixes(
    ground: &Ground<'_, '_>,
    graph: &Hypergraph,
    traces: &[Trace],
    search: &mut Best,
    budget: u64,
) -> Proposed {
    let end = search.work().saturating_add(budget);
    let mut cutter = Chooser::new(Levers::new(ground), graph, traces);
    let mut chosen = BTreeSet::new();
    let mut lower_bound = 0;
    for _ in 0..ROUNDS {
        let hit = cutter.hitting.solve(NODES);
        chosen = hit.chosen.into_iter().collect();
        lower_bound = hit.lower_bound.div_ceil(CHANGE + MORE);
        if !cutter.refine(search, &chosen, end) {
            break;
        }
    }
    let (fixes, complete) = cutter.apply(search, &chosen, end);
    Proposed { fixes, lower_bound: usize::try_from(lower_bound).unwrap_or(usize::MAX), complete }
}

/// A source with its targets.
#[derive(Debug, Default)]
struct Pairs {
    targets: Vec<FactId>,
    /// Which of those chosen were in the way when all targets were cut.
    cut_by: Option<BTreeSet<u32>>,
}

/// Chooses levers, numbered as met.
struct Chooser<'g, 'w, 'a> {
    levers: Levers<'g, 'w, 'a>,
    graph: &'g Hypergraph,
    hitting: Hitting,
    named: Vec<Lever>,
    /// By instance, the levers that take it away.
    by_instance: Vec<Vec<u32>>,
    pairs: BTreeMap<FactId, Pairs>,
    /// Pairs that no lever cuts.
    stuck: BTreeSet<(FactId, FactId)>,
}

impl<'g, 'w, 'a> Chooser<'g, 'w, 'a> {
    fn new(levers: Levers<'g, 'w, 'a>, graph: &'g Hypergraph, traces: &[Trace]) -> Self {
        let mut pairs: BTreeMap<FactId, Pairs> = BTreeMap::new();
        for trace in traces {
            pairs.entry(trace.source).or_default().targets.push(trace.target);
        }
        // what the shown steps rest on first, then by effort
        let primary: BTreeSet<Lever> = traces.iter().flat_map(|trace| levers.of(&trace.bindings)).collect();
        let mut named: Vec<Lever> = levers.index.keys().cloned().collect();
        named.sort_by_cached_key(|lever| (!primary.contains(lever), levers.effort(lever), lever.clone()));
        let mut hitting = Hitting::new(Vec::new());
        let mut by_instance: Vec<Vec<u32>> = vec![Vec::new(); levers.ground.instances.len()];
        for lever in &named {
            let extra = 2 * u64::from(levers.effort(lever)) + u64::from(!primary.contains(lever));
            let number = hitting.element(CHANGE + extra);
            for instance in levers.instances(lever) {
                if let Some(levers) = by_instance.get_mut(index(*instance)) {
                    levers.push(number);
                }
            }
        }
        Self { levers, graph, hitting, named, by_instance, pairs, stuck: BTreeSet::new() }
    }

    /// Marks the instances that a lever takes away.
    fn block(&self, blocked: &mut [bool], lever: u32) {
        let taken = self.named.get(index(lever)).map_or(&[][..], |lever| self.levers.instances(lever));
        for instance in taken {
            if let Some(blocked) = blocked.get_mut(index(*instance)) {
                *blocked = true;
            }
        }
    }

    fn levers_of(&self, instance: InstanceId) -> &[u32] {
        self.by_instance.get(index(instance)).map_or(&[], Vec::as_slice)
    }

    /// The levers that cut a derivation.
    fn cutting(&self, steps: &[InstanceId]) -> BTreeSet<u32> {
        steps.iter().flat_map(|step| self.levers_of(*step)).copied().collect()
    }

    /// Solves again without what is chosen, and adds the ways that are left; `false` if there are none or the work ends.
    fn refine(&mut self, search: &mut Best, chosen: &BTreeSet<u32>, end: u64) -> bool {
        let mut more = false;
        let mut blocked = vec![false; self.by_instance.len()];
        chosen.iter().for_each(|lever| self.block(&mut blocked, *lever));
        for source in self.pairs.keys().copied().collect::<Vec<_>>() {
            let Some(pairs) = self.pairs.get(&source) else { continue };
            if pairs.cut_by.as_ref().is_some_and(|by| by.is_subset(chosen)) {
                continue;
            }
            if search.work() > end {
                return false;
            }
            let targets = pairs.targets.clone();
            let met = RefCell::new(Vec::new());
            search.run(self.graph, &[source], &targets, |instance| {
                let is_blocked = blocked.get(index(instance)) == Some(&true);
                if is_blocked {
                    met.borrow_mut().push(instance);
                }
                is_blocked
            });
            let mut cut = true;
            for target in targets {
                let Some(derivation) = search.derivation(self.graph, target) else { continue };
                let set = self.cutting(derivation.steps());
                if set.is_empty() {
                    self.stuck.insert((source, target));
                    continue;
                }
                self.hitting.add(set);
                cut = false;
            }
            more |= !cut;
            // nothing else that is chosen was in the way
            let met = met.into_inner();
            let cut_by = cut.then(|| self.cutting(&met).intersection(chosen).copied().collect());
            let stuck = &self.stuck;
            if let Some(pairs) = self.pairs.get_mut(&source) {
                pairs.targets.retain(|target| !stuck.contains(&(source, *target)));
                pairs.cut_by = cut_by;
            }
        }
        more
    }

    /// Applies what was chosen one by one, each time what cuts most, and solves again after each; then whatever else it
    /// takes.
    fn apply(&self, search: &mut Best, chosen: &BTreeSet<u32>, end: u64) -> (Vec<Fix>, bool) {
        let mut complete = self.stuck.is_empty();
        let mut blocked = vec![false; self.by_instance.len()];
        // the uncut pairs with the levers on a derivation that still holds
        let mut open: BTreeMap<(FactId, FactId), BTreeSet<u32>> = BTreeMap::new();
        for (source, Pairs { targets, .. }) in &self.pairs {
            search.run(self.graph, &[*source], targets, |_| false);
            for target in targets {
                if let Some(derivation) = search.derivation(self.graph, *target) {
                    open.insert((*source, *target), self.cutting(derivation.steps()));
                }
            }
        }
        let mut fixes = Vec::new();
        while !open.is_empty() && fixes.len() < FIX_LIMIT {
            let mut votes: BTreeMap<u32, usize> = BTreeMap::new();
            for lever in open.values().flatten() {
                *votes.entry(*lever).or_default() += 1;
            }
            let rank = |(lever, votes): &(u32, usize)| (chosen.contains(lever), *votes, std::cmp::Reverse(*lever));
            let Some((lever, _)) = votes.into_iter().max_by_key(rank) else { break };
            self.block(&mut blocked, lever);
            let is_blocked = |instance: InstanceId| blocked.get(index(instance)) == Some(&true);
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
                search.run(self.graph, &[source], &targets, is_blocked);
                for target in targets {
                    match search.derivation(self.graph, target) {
                        Some(derivation) => open.insert((source, target), self.cutting(derivation.steps())),
                        None => open.remove(&(source, target)),
                    };
                }
            }
            let fix = self.named.get(index(lever)).and_then(|lever| self.levers.fix(lever, before - open.len()));
            fixes.extend(fix);
            if search.work() > end {
                break;
            }
        }
        fixes.sort_by_key(|fix: &Fix| std::cmp::Reverse(fix.paths_cut));
        (fixes, complete && open.is_empty())
    }
}

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
            let needed = self.ground.instances.get(index(*id)).and_then(|instance| instance.premises.first());
            let capable = match needed.and_then(|premise| self.ground.facts.get(index(*premise))) {
                Some(Fact::Capable(capability)) => self.ground.needed_actions(*capability),
                _ => Vec::new(),
            };
            if let Some(actor) = binding.first() {
                found.extend(capable.into_iter().map(|action| Lever::Permission(*actor, action)));
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
                let asked = world.authorities_of(*ix).flat_map(|a| action.split(OR).map(move |action| (a, action)));
                let found = asked.filter_map(|(authority, action)| authority.supports(id.as_str(), action, None));
                let mut evidence: Vec<Evidence> = found.flatten().collect();
                evidence.dedup();
                (node(ix)?, format!("Take {action} from {} or narrow where it holds", node(ix)?.name), evidence)
            }
            Lever::Permission(ix, action) => {
                let evidence = match world.principal(*ix) {
                    Some(holder) => {
                        let shown = action.split(OR).flat_map(|action| {
                            let any = world.estate.example(holder, action, super::ground::service(action));
                            world.estate.evidence(holder, action, any.as_deref().unwrap_or("*"), None)
                        });
                        shown.collect()
                    }
                    // of another platform
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
