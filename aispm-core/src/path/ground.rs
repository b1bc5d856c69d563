//! From rules and an estate to a graph of facts and rule instances, as far as the sources can come.
//!
//! Permission rules never pair principals with targets one by one. A principal's scopes for a rule's actions form a
//! *capability*, shared by all whose policies say the same; principals lead to capabilities and capabilities to
//! targets, so a thousand users of one group and a thousand roles cost two thousand edges, not a million.

mod permit;
mod resource;
mod trust;

use std::collections::HashMap;

pub(super) use permit::OR;

use permit::{Capability, Grants};
use resource::Guarded;

use super::graph::{FactId, InstanceId};
use super::rules::{Builtin, Given, Power, Rule};
use super::world::{Ix, World};
use crate::asset::AssetId;
use crate::identity::Platform;
use crate::identity::aws::{Change, Principal, PrincipalKind, Scopes};

/// What can be true.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Fact {
    /// The attacker has this power over this asset.
    Has(Power, Ix),
    /// He has a principal with this capability.
    Capable(u32),
    /// He has some user of this account.
    UserIn(String),
    /// He is administrator of this account.
    Owns(String),
}

/// A rule applied to assets, or, without a rule, a step of bookkeeping that no path shows.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) rule: Option<&'static Rule>,
    pub(super) premises: Vec<FactId>,
    pub(super) conclusion: FactId,
    pub(super) cost: f64,
    pub(super) conditions: Vec<String>,
    /// By the rule's variables; `p` is [`ANY`] where a capability stands for whoever has it.
    pub(super) binding: Vec<Ix>,
}

/// No particular asset.
pub(super) const ANY: Ix = Ix::MAX;

/// What a permission on something new is asked on, where the caller chooses its place.
pub(super) const ANYWHERE: &str = "*";

/// What a condition adds to the cost: a path without one is better than any path with one.
pub(super) const CONDITION_COST: f64 = 10_000.0;

/// Facts and instances that follow from the sources.
#[derive(Debug)]
pub(super) struct Ground<'w, 'a> {
    pub(super) world: &'w World<'a>,
    pub(super) facts: Vec<Fact>,
    pub(super) instances: Vec<Instance>,
    ids: HashMap<Fact, FactId>,
    rules: &'static [Rule],
    scopes: Scopes,
    grants: Grants,
    guarded: Guarded,
    capabilities: Vec<Capability>,
    capability_ids: HashMap<Capability, u32>,
    /// Users reached and administrator groups joinable, by account: paired as either grows.
    users: HashMap<String, Vec<Ix>>,
    joinable: HashMap<String, Vec<Ix>>,
    todo: Vec<FactId>,
    /// By fact: whether something concludes it, so that what follows from it was or will be looked at.
    reached: Vec<bool>,
    /// Whether only what is of value is a target, besides identities.
    of_value: bool,
    /// Instances and evaluations left.
    budget: u64,
}

impl<'w, 'a> Ground<'w, 'a> {
    pub(super) fn new(world: &'w World<'a>, rules: &'static [Rule], budget: u64) -> Self {
        Self {
            world,
            facts: Vec::new(),
            instances: Vec::new(),
            ids: HashMap::new(),
            rules,
            scopes: Scopes::default(),
            grants: Grants::default(),
            guarded: resource::guarded(world, rules),
            capabilities: Vec::new(),
            capability_ids: HashMap::new(),
            users: HashMap::new(),
            joinable: HashMap::new(),
            todo: Vec::new(),
            reached: Vec::new(),
            of_value: false,
            budget,
        }
    }

    /// The same for targets of value, and identities.
    pub(super) fn of_value(world: &'w World<'a>, rules: &'static [Rule], budget: u64) -> Self {
        Self { of_value: true, ..Self::new(world, rules, budget) }
    }

    /// Adds everything that could follow from controlling these assets.
    pub(super) fn expand(&mut self, sources: &[Ix]) {
        for source in sources {
            self.fact(Fact::Has(Power::Controls, *source));
        }
        while let Some(id) = self.todo.pop() {
            if self.budget == 0 {
                return;
            }
            let Some(fact) = self.facts.get(index(id)).cloned() else { continue };
            match fact {
                Fact::Has(power, ix) => self.follow(id, power, ix),
                Fact::Capable(capability) => self.apply(id, capability),
                Fact::Owns(account) => self.own(id, &account),
                Fact::UserIn(_) => {}
            }
        }
    }

    /// Whether the work budget ran out, so that paths may be missing.
    pub(super) fn is_cut(&self) -> bool {
        self.budget == 0
    }

    pub(super) fn id(&self, fact: &Fact) -> Option<FactId> {
        self.ids.get(fact).copied()
    }

    pub(super) fn premises(&self, instance: InstanceId) -> &[FactId] {
        self.instances.get(index(instance)).map_or(&[], |instance| instance.premises.as_slice())
    }

    /// A fact that something concludes.
    fn fact(&mut self, fact: Fact) -> FactId {
        let id = self.premise(fact);
        if let Some(reached) = self.reached.get_mut(index(id)).filter(|reached| !**reached) {
            *reached = true;
            self.todo.push(id);
        }
        id
    }

    /// A fact that something needs, whether or not anything concludes it.
    fn premise(&mut self, fact: Fact) -> FactId {
        if let Some(id) = self.ids.get(&fact) {
            return *id;
        }
        let id = FactId::try_from(self.facts.len()).unwrap_or(FactId::MAX);
        self.ids.insert(fact.clone(), id);
        self.facts.push(fact);
        self.reached.push(false);
        id
    }

    fn spend(&mut self) {
        self.budget = self.budget.saturating_sub(1);
    }

    /// A bookkeeping instance.
    fn imply(&mut self, premises: Vec<FactId>, fact: Fact) {
        self.spend();
        let conclusion = self.fact(fact);
        let (binding, conditions) = (Vec::new(), Vec::new());
        self.instances.push(Instance { rule: None, premises, conclusion, cost: 0.0, conditions, binding });
    }

    /// A rule's instance, unless it gains nothing.
    fn gain(&mut self, rule: &'static Rule, mut premises: Vec<FactId>, binding: Vec<Ix>, conditions: Vec<String>) {
        let Some(target) = rule.slot(&rule.of).and_then(|slot| binding.get(slot)).copied() else { return };
        let useless = match rule.gains {
            Power::Grantable => self.world.is_admin(target),
            Power::Unbounded => !self.world.principal(target).is_some_and(Principal::is_bounded),
            _ => false,
        };
        if useless {
            return;
        }
        for needed in &rule.with {
            let Some(ix) = rule.slot(&needed.of).and_then(|slot| binding.get(slot)).copied() else { return };
            let premise = self.premise(Fact::Has(needed.power, ix));
            if !premises.contains(&premise) {
                premises.push(premise);
            }
        }
        let fact = Fact::Has(rule.gains, target);
        if rule.gains == Power::Joinable {
            return self.imply(premises, fact);
        }
        self.show(rule, premises, fact, binding, conditions);
    }

    fn show(
        &mut self,
        rule: &'static Rule,
        premises: Vec<FactId>,
        fact: Fact,
        binding: Vec<Ix>,
        mut conditions: Vec<String>,
    ) {
        self.spend();
        let conclusion = self.fact(fact);
        if premises.contains(&conclusion) {
            return;
        }
        conditions.extend(rule.conditions.iter().map(|text| self.fill(rule, text, &binding)));
        let cost = rule.cost + if conditions.is_empty() { 0.0 } else { CONDITION_COST };
        self.instances.push(Instance { rule: Some(rule), premises, conclusion, cost, conditions, binding });
    }

    /// Replaces `{var}` by the names of what is bound, led by the kind where two share a name; words of the text itself
    /// begin with a capital, names stand as they are.
    pub(super) fn fill(&self, rule: &Rule, text: &str, binding: &[Ix]) -> String {
        let bound: Vec<_> = binding.iter().map(|ix| self.world.node(*ix)).collect();
        let mut filled = text.to_owned();
        for (slot, var) in rule.variables().enumerate() {
            let Some(node) = bound.get(slot).copied().flatten() else { continue };
            let shared = bound.iter().flatten().any(|other| other.name == node.name && other.id != node.id);
            let name = match shared {
                true => format!("the {} {}", node.kind.as_str().replace('-', " "), node.name),
                false => node.name.to_string(),
            };
            filled = filled.replace(&format!("{{{var}}}"), &name);
        }
        let mut letters = filled.chars();
        match letters.next() {
            Some(first) if !text.starts_with('{') || filled.starts_with("the ") => {
                first.to_uppercase().chain(letters).collect()
            }
            _ => filled,
        }
    }

    /// Everything that starts from a power over an asset.
    fn follow(&mut self, id: FactId, power: Power, ix: Ix) {
        let world = self.world;
        if let Some((asked, (_, rule))) = world.asked_as(ix).zip(self.builtin(Builtin::AskedAs)) {
            self.show(rule, vec![id], Fact::Has(power, asked), vec![ix, asked], Vec::new());
        }
        match power {
            Power::Controls => self.act_as(id, ix),
            Power::Grantable => {
                if world.authorities_of(ix).next().is_some() {
                    self.become_admin(ix, &[Power::Controls, Power::Grantable]);
                } else if let Some(principal) = world.principal(ix).filter(|p| p.kind != PrincipalKind::Group) {
                    let granted = Change { granted: true, unbounded: false };
                    if world.estate.is_admin(principal, granted) {
                        self.become_admin(ix, &[Power::Controls, Power::Grantable]);
                    } else if world.estate.is_admin(principal, Change { granted: true, unbounded: true }) {
                        self.become_admin(ix, &[Power::Controls, Power::Grantable, Power::Unbounded]);
                    }
                }
            }
            Power::Unbounded => {
                let principal = world.principal(ix).filter(|p| p.kind != PrincipalKind::Group);
                let change = Change { granted: false, unbounded: true };
                if principal.is_some_and(|p| world.estate.is_admin(p, change)) {
                    self.become_admin(ix, &[Power::Controls, Power::Unbounded]);
                }
            }
            Power::Joinable => self.join_group(id, ix),
            Power::Admin => {
                if let Some(account) = world.node(ix).and_then(|node| node.account.clone()) {
                    self.imply(vec![id], Fact::Owns(account));
                }
            }
            _ => {}
        }
        for rule in self.rules.iter().filter(|rule| rule.when == power && rule.may.is_empty() && rule.builtin.is_none())
        {
            if !world.passes_start(ix, rule) {
                continue;
            }
            let outside = power == Power::Reaches || rule.start.kind == [crate::asset::AssetKind::NetworkEntry];
            for binding in self.join(rule, ix, None) {
                let arrives = if outside { world.arrival(rule, &binding) } else { Some(Vec::new()) };
                if let Some(conditions) = arrives {
                    self.gain(rule, vec![id], binding, conditions);
                }
            }
        }
    }

    fn become_admin(&mut self, ix: Ix, powers: &[Power]) {
        let premises = powers.iter().map(|power| self.premise(Fact::Has(*power, ix))).collect::<Vec<_>>();
        self.imply(premises, Fact::Has(Power::Admin, ix));
    }

    /// Everything that follows from acting as an asset.
    fn act_as(&mut self, id: FactId, ix: Ix) {
        let world = self.world;
        if world.id(ix).is_some_and(|id| id.as_str() == AssetId::INTERNET) {
            self.act_as_anyone(id);
            for authority in world.authorities_of(ix) {
                self.act_on(id, ix, authority);
            }
            return;
        }
        self.exchange_token(id, ix);
        for authority in world.authorities_of(ix) {
            self.act_on(id, ix, authority);
        }
        let Some(principal) = world.principal(ix) else { return };
        let admin = world.is_admin(ix);
        if admin {
            // a group is none, but who is put into it is
            self.imply(vec![id], Fact::Has(Power::Admin, ix));
        }
        if principal.kind == PrincipalKind::User {
            self.imply(vec![id], Fact::UserIn(principal.account.clone()));
            let groups = self.joinable.get(&principal.account).cloned().unwrap_or_default();
            self.users.entry(principal.account.clone()).or_default().push(ix);
            for group in groups {
                self.pair(group, ix);
            }
        }
        self.assume(id, ix, principal, admin);
        if admin || principal.kind == PrincipalKind::External {
            return self.use_resource_policies(id, ix, principal, &mut HashMap::new());
        }
        let mut cache = HashMap::new();
        let rules = self.rules;
        for (n, rule) in permission_rules(rules, Platform::Aws) {
            let Some(capability) = self.capability(n, rule, principal, &mut cache) else { continue };
            if rule.of == "p" {
                // what a principal gains of himself is not shared
                let Some(capability) = self.capabilities.get(index(capability)).cloned() else { continue };
                if let Some(conditions) = self.permitted(rule, &capability, &[ix]) {
                    self.gain(rule, vec![id], vec![ix], conditions);
                }
            } else {
                self.imply(vec![id], Fact::Capable(capability));
            }
        }
        self.use_resource_policies(id, ix, principal, &mut cache);
    }

    /// All bindings of a rule's joins.
    fn join(&mut self, rule: &Rule, p: Ix, account: Option<&str>) -> Vec<Vec<Ix>> {
        self.join_among(rule, p, account, None)
    }

    /// The same with one variable that can be only some assets.
    fn join_among(&mut self, rule: &Rule, p: Ix, account: Option<&str>, among: Option<(&str, &[Ix])>) -> Vec<Vec<Ix>> {
        let mut bindings = vec![vec![p]];
        for given in &rule.given {
            let only = among.filter(|(var, _)| *var == given.var).map(|(_, some)| some);
            let mut longer = Vec::new();
            for binding in bindings {
                let bound = |var: &String| rule.slot(var).and_then(|slot| binding.get(slot)).copied();
                let mut fits = self.fitting(rule, given, &bound, account, only);
                if let Some(otherwise) = given.otherwise.as_deref().filter(|_| fits.is_empty()) {
                    fits = self.fitting(rule, otherwise, &bound, account, only);
                }
                for ix in fits {
                    self.budget = self.budget.saturating_sub(1);
                    if self.budget == 0 {
                        return Vec::new();
                    }
                    let mut next = binding.clone();
                    next.push(ix);
                    longer.push(next);
                    if given.exists {
                        break;
                    }
                }
            }
            bindings = longer;
        }
        bindings
    }

    /// What fits a join, given what is bound so far.
    fn fitting(
        &self,
        rule: &Rule,
        given: &Given,
        bound: &dyn Fn(&String) -> Option<Ix>,
        account: Option<&str>,
        only: Option<&[Ix]>,
    ) -> Vec<Ix> {
        let world = self.world;
        let mut candidates = match (&given.to, given.by) {
            (None, _) if only.is_some() => only.unwrap_or_default().to_vec(),
            (Some(to), Some(by)) => bound(to).map_or(Vec::new(), |ix| world.related(ix, by, given.back)),
            _ => world.candidates(given, given.beside.as_ref().and_then(bound)),
        };
        let home = given.within.as_ref().and_then(bound).and_then(|ix| world.node(ix)?.account.as_deref());
        let assumes = given.assumes.as_ref().and_then(bound);
        // of a principal's own relations
        let repeated = given.by.filter(|_| given.to.as_deref() == Some("p") && !given.back);
        let repeated = repeated.zip(given.to.as_ref().and_then(bound));
        candidates.retain(|ix| {
            (given.to.is_none() || only.is_none_or(|only| only.contains(ix)))
                && (!self.of_value || given.var != rule.of || world.is_of_value(*ix))
                && world.passes(*ix, &given.is)
                && given.without.is_none_or(|kind| world.related(*ix, kind, false).is_empty())
                && !repeated.is_some_and(|(by, p)| world.repeats(p, by, *ix))
                && (given.within.is_none() || world.is_at_home(*ix, home))
                && (given.trusts.is_empty() || given.to.is_none() || world.trusts(*ix, &given.trusts))
                && (rule.may.is_empty() || world.is_on(*ix, rule.platform))
                && account.is_none_or(|account| world.shares_account(*ix, account))
                && assumes.is_none_or(|role| world.assumes(role, *ix).is_some_and(|c| c.is_empty()))
        });
        candidates
    }

    /// The rule that code applies.
    fn builtin(&self, which: Builtin) -> Option<(usize, &'static Rule)> {
        self.rules.iter().enumerate().find(|(_, rule)| rule.builtin == Some(which))
    }

    /// What an administrator of an account has besides himself.
    fn own(&mut self, id: FactId, account: &str) {
        let world = self.world;
        let reads = self.builtin(Builtin::OwnerReads);
        let writes = self.builtin(Builtin::OwnerWrites);
        let controls = self.builtin(Builtin::OwnerControls);
        for (ix, node) in world.all() {
            // of another platform only what is known to be in it
            let there = node.account.is_some() || account.bytes().all(|b| b.is_ascii_digit());
            if !node.interesting || !there || !world.shares_account(ix, account) {
                continue;
            }
            let rules = if node.kind.is_data() { [reads, writes] } else { [controls, None] };
            for (_, rule) in rules.into_iter().flatten() {
                self.gain(rule, vec![id], vec![ANY, ix], Vec::new());
            }
        }
    }
}

/// Rules that ask for permissions of this platform, with their places.
fn permission_rules(rules: &'static [Rule], platform: Platform) -> impl Iterator<Item = (usize, &'static Rule)> {
    rules.iter().enumerate().filter(move |(_, rule)| rule.platform == platform && !rule.may.is_empty())
}

const ASSUME: &str = "sts:AssumeRole";

pub(super) fn service(action: &str) -> &str {
    action.split(':').next().unwrap_or(action)
}

/// The token subject of a Kubernetes service account: `k8s://cluster/namespace/kind/name`.
pub(super) fn subject(id: &str) -> Option<String> {
    let mut parts = id.strip_prefix("k8s://")?.rsplit('/');
    let (name, _kind, namespace) = (parts.next()?, parts.next()?, parts.next()?);
    Some(format!("system:serviceaccount:{namespace}:{name}"))
}

pub(super) fn index(id: u32) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}
