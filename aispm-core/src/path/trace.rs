//! From derivations to paths that people can follow.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Best, Derivation, FactId, InstanceId};
use super::ground::{ANY, CONDITION_COST, Fact, Ground, Instance, index};
use super::model::{AttackPath, From, Goal, PathStatus, Reach, Step};
use super::outcome;
use super::proof::Proof;
use super::rules::Power;
use super::world::Ix;
use crate::asset::{AssetId, Severity, fingerprint};

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
            evidence: Proof::new(self.ground.world).of(rule, &binding, &to),
            to,
        })
    }
}
