//! From derivations to paths that people can follow.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Best, Derivation, FactId, InstanceId};
use super::ground::{ANY, ANYWHERE, CONDITION_COST, Fact, Ground, Instance, index, service, subject};
use super::model::{AttackPath, From, Goal, PathStatus, Reach, Step};
use super::outcome;
use super::rules::{Builtin, May, On, Power, Rule, Test};
use super::world::{Ix, is_one_of};
use crate::asset::{Asset, AssetId, Evidence, RelationKind, Severity, fingerprint};
use crate::identity::Platform;
use crate::identity::aws::{Principal, Trustee};

/// Most pieces of evidence of one step.
const EVIDENCE_LIMIT: usize = 8;

/// A derivation of a target, as a path.
#[derive(Debug)]
pub(super) struct Trace {
    pub(super) path: AttackPath,
    /// The bindings of the instances that are shown, with `p` filled in.
    pub(super) bindings: Vec<(InstanceId, Vec<Ix>)>,
    /// The target.
    pub(super) target: FactId,
    /// Where it starts.
    pub(super) source: FactId,
}

/// A derivation of `target` from `source` as a path.
pub(super) fn trace(
    ground: &Ground<'_, '_>,
    derivation: &Derivation,
    source: FactId,
    target: FactId,
    goal: Goal,
) -> Option<Trace> {
    let reader = Reader { ground, derivation };
    let cost = derivation.cost();
    let instances = derivation.steps();
    let steps: Vec<Step> = instances.iter().filter_map(|id| reader.step(*id)).collect();
    let source_id = reader.asset(source)?.clone();
    let target_id = reader.asset(target)?.clone();
    if steps.is_empty() {
        return None;
    }
    let conditions: BTreeSet<String> = steps.iter().flat_map(|step| step.conditions.iter().cloned()).collect();
    let status = if conditions.is_empty() { PathStatus::Confirmed } else { PathStatus::Conditional };
    let risk = risk(cost % CONDITION_COST, goal, status);
    let power = reader.power(target);
    let title = outcome::title(ground.world, (&source_id, &target_id), (goal, power, status), &steps);
    let consequence = outcome::consequence(ground.world, goal, power, &target_id);
    let rules = steps.iter().flat_map(|step| [step.rule.as_str(), step.to.as_str()]);
    let parts: Vec<&str> = [source_id.as_str(), target_id.as_str()].into_iter().chain(rules).collect();
    let path = AttackPath {
        id: fingerprint(&parts),
        title,
        source: source_id,
        target: target_id,
        goal,
        consequence,
        status,
        conditions: conditions.into_iter().collect(),
        severity: severity(risk),
        risk,
        steps,
        fixes: Vec::new(),
    };
    let bindings = reader.bindings();
    Some(Trace { path, bindings, target, source })
}

/// Everything that a search reached from a source, nearest first: one entry an asset, with all that is had of it. Linear in
/// the facts, and a sort.
pub(super) fn reach(ground: &Ground<'_, '_>, search: &Best, source: FactId) -> Vec<Reach> {
    let Some(Fact::Has(_, start)) = ground.facts.get(index(source)) else { return Vec::new() };
    let mut found: BTreeMap<Ix, (f64, BTreeSet<&str>)> = BTreeMap::new();
    for (id, fact) in (0..).zip(&ground.facts) {
        if let (Fact::Has(power, ix), Some(cost)) = (fact, search.cost(id))
            && ix != start
            && *power != Power::Joinable
        {
            let entry = found.entry(*ix).or_insert((cost, BTreeSet::new()));
            entry.0 = entry.0.min(cost);
            entry.1.insert(outcome::power_name(*power));
        }
    }
    let Some(source) = ground.world.id(*start) else { return Vec::new() };
    let told = |(ix, (cost, powers)): (Ix, (f64, BTreeSet<&str>))| {
        let asset = ground.world.id(ix)?.clone();
        let powers = powers.into_iter().map(str::to_owned).collect();
        // as risks are: what conditions add only orders
        let (cost, conditional) = (cost % CONDITION_COST, cost >= CONDITION_COST);
        Some(Reach { source: source.clone(), asset, powers, cost: (cost * 100.0).round() / 100.0, conditional })
    };
    let mut reached: Vec<Reach> = found.into_iter().filter_map(told).collect();
    reached.sort_by(|a, b| {
        let open = a.conditional.cmp(&b.conditional);
        open.then(a.cost.total_cmp(&b.cost)).then_with(|| a.asset.cmp(&b.asset))
    });
    reached
}

/// A rank, not a probability. 0 to 100: each unit of cost takes a twelfth of the likelihood, conditions half of it; impact by goal. Rounded to one
/// decimal.
fn risk(cost: f64, goal: Goal, status: PathStatus) -> f64 {
    let impact = match goal {
        Goal::Admin => 100.0,
        Goal::Leak => 95.0,
        Goal::Poisoning => 90.0,
        Goal::Access => 70.0,
    };
    let doubt = if status == PathStatus::Conditional { 0.5 } else { 1.0 };
    (impact * doubt * (-cost / 12.0).exp() * 10.0).round() / 10.0
}

fn severity(risk: f64) -> Severity {
    match risk {
        r if r >= 70.0 => Severity::Critical,
        r if r >= 40.0 => Severity::High,
        r if r >= 20.0 => Severity::Medium,
        _ => Severity::Low,
    }
}

/// Reads steps out of a ground graph and a derivation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'r, 'w, 'a> {
    pub(super) ground: &'r Ground<'w, 'a>,
    pub(super) derivation: &'r Derivation,
}

impl<'r> Reader<'r, '_, '_> {
    /// The asset a fact is about, if it is about one that paths show.
    fn asset(&self, fact: FactId) -> Option<&'r AssetId> {
        match self.ground.facts.get(index(fact))? {
            Fact::Has(Power::Joinable, _) | Fact::Capable(_) | Fact::UserIn(_) | Fact::Owns(_) => None,
            Fact::Has(_, ix) => self.ground.world.id(*ix),
        }
    }

    fn power(&self, fact: FactId) -> Power {
        match self.ground.facts.get(index(fact)) {
            Some(Fact::Has(power, _)) => *power,
            _ => Power::Controls,
        }
    }

    /// The assets that bookkeeping facts rest on, nearest first.
    fn support(&self, fact: FactId) -> Vec<&'r AssetId> {
        let mut found = Vec::new();
        let mut todo = vec![fact];
        while let Some(fact) = todo.pop() {
            match self.asset(fact) {
                Some(asset) if !found.contains(&asset) => found.push(asset),
                Some(_) => {}
                None => {
                    let via = self.derivation.via(fact);
                    todo.extend(via.map_or(&[][..], |via| self.ground.premises(via)).iter().rev());
                }
            }
        }
        found
    }

    fn instance(&self, id: InstanceId) -> Option<&'r Instance> {
        self.ground.instances.get(index(id))
    }

    /// What stands for `p` in an instance: bound, or whoever has its capability.
    fn actor(&self, instance: &Instance) -> Option<Ix> {
        match instance.binding.first() {
            Some(&ix) if ix != ANY => Some(ix),
            _ => {
                let first = self.support(*instance.premises.first()?);
                self.ground.world.ix(first.first()?.as_str())
            }
        }
    }

    /// An instance's binding with `p` filled in.
    fn binding(&self, instance: &Instance) -> Vec<Ix> {
        let mut binding = instance.binding.clone();
        if let (Some(first), Some(actor)) = (binding.first_mut(), self.actor(instance)) {
            *first = actor;
        }
        binding
    }

    /// The bindings of the shown instances.
    pub(super) fn bindings(&self) -> Vec<(InstanceId, Vec<Ix>)> {
        let shown = self
            .derivation
            .steps()
            .iter()
            .filter_map(|id| self.instance(*id).filter(|i| i.rule.is_some()).map(|i| (*id, i)));
        shown.map(|(id, instance)| (id, self.binding(instance))).collect()
    }

    fn step(&self, id: InstanceId) -> Option<Step> {
        let instance = self.instance(id)?;
        let rule = instance.rule?;
        let to = self.asset(instance.conclusion)?.clone();
        let mut from: Vec<AssetId> = Vec::new();
        for asset in instance.premises.iter().flat_map(|premise| self.support(*premise)) {
            if !from.contains(asset) {
                from.push(asset.clone());
            }
        }
        let binding = self.binding(instance);
        Some(Step {
            technique: rule.technique.clone(),
            rule: rule.id.clone(),
            description: self.ground.fill(rule, &rule.describe, &binding),
            from: match <[AssetId; 1]>::try_from(from) {
                Ok([one]) => From::One(one),
                Err(several) => From::All(several),
            },
            conditions: instance.conditions.clone(),
            evidence: self.evidence(rule, &binding, &to),
            to,
        })
    }

    /// Policy statements, trust statements and relations that the rule's premises rest on.
    fn evidence(&self, rule: &Rule, binding: &[Ix], to: &AssetId) -> Vec<Evidence> {
        let world = self.ground.world;
        let estate = &world.estate;
        let bound = |var: &str| binding.get(rule.slot(var)?).copied();
        let mut found = Vec::new();
        let actor = binding.first().and_then(|p| world.principal(*p));
        for may in &rule.may {
            let holder = may.by.as_deref().map_or(actor, |by| bound(by).and_then(|ix| world.principal(ix)));
            match (rule.platform, holder, binding.first()) {
                (Platform::Aws, Some(holder), _) => found.extend(self.permission(rule, may, holder, binding)),
                (Platform::Aws, None, _) | (_, _, None) => {}
                (_, _, Some(actor)) => {
                    let actor = may.by.as_deref().and_then(bound).unwrap_or(*actor);
                    found.extend(self.grants(may, rule, actor, binding));
                }
            }
        }
        match (rule.builtin, bound("role").and_then(|ix| world.principal(ix)), actor) {
            (Some(Builtin::AssumeRole), Some(role), Some(actor)) => {
                found.extend(estate.trust_evidence(role, Trustee::Principal(actor)));
                found.extend(estate.evidence(actor, "sts:AssumeRole", role.id.as_str(), None));
            }
            (Some(Builtin::AssumeRole), Some(role), None) => {
                found.extend(estate.trust_evidence(role, Trustee::Anonymous));
            }
            (Some(Builtin::WebIdentity), Some(role), _) => {
                let subject = binding.first().and_then(|p| world.id(*p)).and_then(|id| subject(id.as_str()));
                found.extend(subject.map_or(Vec::new(), |s| estate.trust_evidence(role, Trustee::Subject(&s))));
            }
            (Some(_), _, Some(owner)) => found.extend(estate.evidence(owner, "iam:CreateUser", "*", None)),
            _ => {}
        }
        for given in &rule.given {
            let Some(ix) = bound(&given.var) else { continue };
            for service in &given.trusts {
                if let Some(role) = world.principal(ix) {
                    found.extend(estate.trust_evidence(role, Trustee::Service(service)));
                }
            }
            if let (Some(to), Some(by)) = (given.to.as_deref().and_then(bound), given.by) {
                let (from, to) = if given.back { (ix, to) } else { (to, ix) };
                found.extend(self.relation(from, by, to));
            }
        }
        let tests = [("p", &rule.start)].into_iter().chain(rule.given.iter().map(|g| (g.var.as_str(), &g.is)));
        for (var, test) in tests {
            let asset = bound(var).and_then(|ix| world.node(ix)?.asset);
            found.extend(asset.map_or(Vec::new(), |asset| settings(asset, test)));
        }
        if found.is_empty() {
            let ids = [world.inventory.get(to.as_str()), binding.first().and_then(|p| world.node(*p)?.asset)];
            found.extend(ids.into_iter().flatten().flat_map(|asset| asset.evidence.iter().take(1).cloned()));
        }
        if found.is_empty() {
            // what every cluster has no file shows, but something else of it
            let shown = binding.iter().filter_map(|ix| world.witness(*ix));
            found.extend(shown.flat_map(|asset| asset.evidence.iter().take(1).cloned()));
        }
        let mut seen = BTreeSet::new();
        found.retain(|evidence| seen.insert((evidence.path.clone(), evidence.pointer.clone(), evidence.line)));
        found.truncate(EVIDENCE_LIMIT);
        found
    }

    fn permission(&self, rule: &Rule, may: &May, holder: &Principal, binding: &[Ix]) -> Vec<Evidence> {
        let world = self.ground.world;
        let target = |var: &str| binding.get(rule.slot(var)?).copied();
        let mut found = Vec::new();
        for action in &may.action {
            let ask = |resource: &str| world.estate.evidence(holder, action, resource, may.passed_to.as_deref());
            let statements = match may.on() {
                On::New(_) => {
                    let resource = world.estate.example(holder, action, service(action));
                    resource.map_or(Vec::new(), |resource| ask(&resource))
                }
                On::Beside(_) => Vec::new(),
                On::Key(var) => {
                    let key = target(var).and_then(|ix| world.key_of(ix)).flatten();
                    key.map_or(Vec::new(), |key| world.arns(key).flat_map(ask).collect())
                }
                On::Arn(arn) => ask(&arn.replace("{account}", &holder.account)),
                On::Var(var) => target(var).map_or(Vec::new(), |ix| world.arns(ix).flat_map(ask).collect()),
                On::Objects(var) => target(var).map_or(Vec::new(), |ix| {
                    world.arns(ix).flat_map(|arn| ask(&world.estate.object(holder, action, arn))).collect()
                }),
            };
            found.extend(statements);
            if !found.is_empty() {
                break;
            }
        }
        found
    }

    /// The same on the other platforms.
    fn grants(&self, may: &May, rule: &Rule, actor: Ix, binding: &[Ix]) -> Vec<Evidence> {
        let world = self.ground.world;
        let Some(id) = world.id(actor) else { return Vec::new() };
        let bound = |var: &str| binding.get(rule.slot(var)?).copied();
        let resource = match may.on() {
            On::Var(var) => bound(var).and_then(|ix| world.id(ix)).map(|id| id.as_str().to_owned()),
            On::Beside(var) => bound(var).and_then(|ix| world.container(ix)).map(str::to_owned),
            On::New(_) => Some(ANYWHERE.to_owned()),
            On::Arn(_) | On::Objects(_) | On::Key(_) => None,
        };
        let Some(resource) = resource else { return Vec::new() };
        let authorities: Vec<_> =
            world.authorities_of(actor).filter(|authority| authority.platform() == rule.platform).collect();
        let actions = may.action.iter().flat_map(|action| authorities.iter().map(move |a| (a, action)));
        let mut found = actions.map(|(authority, action)| authority.evidence(id.as_str(), action, &resource));
        found.find(|evidence| !evidence.is_empty()).unwrap_or_default()
    }

    fn relation(&self, from: Ix, kind: RelationKind, to: Ix) -> Vec<Evidence> {
        let world = self.ground.world;
        let (Some(from), Some(to)) = (world.id(from), world.id(to)) else { return Vec::new() };
        let relations = || world.inventory.outgoing(from.as_str()).filter(|r| r.kind == kind);
        // an instance's role is two relations away
        let near = || relations().next().filter(|_| kind == RelationKind::RunsAs);
        let found = relations().find(|r| r.to == *to).or_else(near);
        found.map(|r| r.evidence.clone()).unwrap_or_default()
    }
}

/// Where an asset was seen to have the properties that a test asks for; discovery writes `PROPERTY: VALUE` there.
fn settings(asset: &Asset, test: &Test) -> Vec<Evidence> {
    let shows = |evidence: &&Evidence| {
        let excerpt = evidence.excerpt.as_deref().and_then(|excerpt| excerpt.split_once(": "));
        excerpt.is_some_and(|(property, value)| {
            let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
            test.set.iter().any(|set| set.get(property).is_some_and(|wanted| is_one_of(&value, wanted)))
        })
    };
    asset.evidence.iter().filter(shows).cloned().collect()
}
