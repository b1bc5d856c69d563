//! From rules and an estate to a graph of facts and rule instances, as far as the sources can come.
//!
//! Permission rules never pair principals with targets one by one. A principal's scopes for a rule's actions form a
//! *capability*, shared by all whose policies say the same; principals lead to capabilities and capabilities to
//! targets, so a thousand users of one group and a thousand roles cost two thousand edges, not a million.

use std::collections::HashMap;

use super::rules::{Builtin, May, On, Power, Rule};
use super::solver::{FactId, InstanceId};
use super::world::{Ix, World};
use crate::asset::{AssetId, AssetKind};
use crate::identity::aws::{Change, Principal, PrincipalKind, ScopeId, Scopes, Trustee};
use crate::identity::{Authority, Decision, Grant, Platform};

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
    capabilities: Vec<Capability>,
    capability_ids: HashMap<Capability, u32>,
    /// Users reached and administrator groups joinable, by account: paired as either grows.
    users: HashMap<String, Vec<Ix>>,
    joinable: HashMap<String, Vec<Ix>>,
    todo: Vec<FactId>,
    /// Instances and evaluations left.
    budget: u64,
}

/// Which scopes a rule's permissions have, per permission and action.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Capability {
    rule: usize,
    account: String,
    scopes: Vec<Vec<(usize, Permission)>>,
}

/// One action of a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Permission {
    Aws(ScopeId),
    Elsewhere(usize),
}

/// Grants of the other platforms, shared by what they decide.
#[derive(Debug, Default)]
struct Grants {
    list: Vec<Box<dyn Grant>>,
    ids: HashMap<String, usize>,
}

impl Grants {
    fn of(&mut self, authority: &dyn Authority, principal: &str, action: &str) -> Option<usize> {
        let grant = authority.grant(principal, action)?;
        let next = self.list.len();
        let id = *self.ids.entry(format!("{:?} {}", authority.platform(), grant.key())).or_insert(next);
        if id == next {
            self.list.push(grant);
        }
        Some(id)
    }
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
            capabilities: Vec::new(),
            capability_ids: HashMap::new(),
            users: HashMap::new(),
            joinable: HashMap::new(),
            todo: Vec::new(),
            budget,
        }
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

    fn fact(&mut self, fact: Fact) -> FactId {
        if let Some(id) = self.ids.get(&fact) {
            return *id;
        }
        let id = FactId::try_from(self.facts.len()).unwrap_or(FactId::MAX);
        self.ids.insert(fact.clone(), id);
        self.facts.push(fact);
        self.todo.push(id);
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
    fn gain(&mut self, rule: &'static Rule, premises: Vec<FactId>, binding: Vec<Ix>, conditions: Vec<String>) {
        let Some(target) = rule.slot(&rule.of).and_then(|slot| binding.get(slot)).copied() else { return };
        let useless = match rule.gains {
            Power::Grantable => self.world.is_admin(target),
            Power::Unbounded => !self.world.principal(target).is_some_and(Principal::is_bounded),
            _ => false,
        };
        if useless {
            return;
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
            for binding in self.join(rule, ix, None) {
                self.gain(rule, vec![id], binding, Vec::new());
            }
        }
    }

    fn become_admin(&mut self, ix: Ix, powers: &[Power]) {
        let premises = powers.iter().map(|power| self.fact(Fact::Has(*power, ix))).collect::<Vec<_>>();
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

    /// What a principal of another platform may do there.
    fn act_on(&mut self, id: FactId, ix: Ix, authority: &dyn Authority) {
        let Some(principal) = self.world.id(ix) else { return };
        if self.world.is_admin(ix) {
            self.imply(vec![id], Fact::Has(Power::Admin, ix));
            // an owner of one project or subscription may hold other things elsewhere
            if !matches!(authority.platform(), Platform::Gcp | Platform::Azure) {
                return;
            }
        }
        let mut cache = HashMap::new();
        for (n, rule) in permission_rules(self.rules, authority.platform()) {
            let own = rule.may.iter().filter(|may| may.by.is_none()).count();
            let mut scopes = Vec::with_capacity(own);
            for may in rule.may.iter().filter(|may| may.by.is_none()) {
                let mut held = Vec::new();
                for (i, action) in may.action.iter().enumerate() {
                    let table = &mut self.grants;
                    let ask = || table.of(authority, principal.as_str(), action);
                    let grant = *cache.entry(action.as_str()).or_insert_with(ask);
                    held.extend(grant.map(|grant| (i, Permission::Elsewhere(grant))));
                }
                if held.is_empty() {
                    break;
                }
                scopes.push(held);
            }
            if scopes.len() < own {
                continue;
            }
            let capability = self.intern(Capability { rule: n, account: String::new(), scopes });
            if rule.of == "p" || rule.may.iter().any(|may| may.on == "p") {
                let Some(capability) = self.capabilities.get(index(capability)).cloned() else { continue };
                for binding in self.join(rule, ix, None) {
                    if let Some(conditions) = self.permitted(rule, &capability, &binding) {
                        self.gain(rule, vec![id], binding, conditions);
                    }
                }
            } else {
                self.imply(vec![id], Fact::Capable(capability));
            }
        }
    }

    /// The capability of a principal for a rule, if he has all its permissions somewhere.
    fn capability<'r>(
        &mut self,
        n: usize,
        rule: &'r Rule,
        principal: &Principal,
        cache: &mut HashMap<(&'r str, Option<&'r str>), Option<ScopeId>>,
    ) -> Option<u32> {
        let mut scopes = Vec::with_capacity(rule.may.len());
        for may in rule.may.iter().filter(|may| may.by.is_none()) {
            let mut held = Vec::new();
            for (i, action) in may.action.iter().enumerate() {
                let passed_to = may.passed_to.as_deref();
                let (estate, table) = (&self.world.estate, &mut self.scopes);
                let key = (action.as_str(), passed_to);
                let scope = cache.entry(key).or_insert_with(|| table.of(estate, principal, action, passed_to));
                held.extend(scope.map(|scope| (i, Permission::Aws(scope))));
            }
            if held.is_empty() {
                return None;
            }
            scopes.push(held);
        }
        let capability = Capability { rule: n, account: principal.account.clone(), scopes };
        Some(self.intern(capability))
    }

    fn intern(&mut self, capability: Capability) -> u32 {
        if let Some(id) = self.capability_ids.get(&capability) {
            return *id;
        }
        let id = u32::try_from(self.capabilities.len()).unwrap_or(u32::MAX);
        self.capability_ids.insert(capability.clone(), id);
        self.capabilities.push(capability);
        id
    }

    /// The targets of a capability.
    fn apply(&mut self, id: FactId, capability: u32) {
        let Some(capability) = self.capabilities.get(index(capability)).cloned() else { return };
        let Some(rule) = self.rules.get(capability.rule) else { return };
        if rule.builtin == Some(Builtin::AssumeRole) {
            return self.apply_assume(id, rule, &capability);
        }
        let account = Some(capability.account.as_str()).filter(|account| !account.is_empty());
        for binding in self.join(rule, ANY, account) {
            self.spend();
            if let Some(conditions) = self.permitted(rule, &capability, &binding) {
                self.gain(rule, vec![id], binding, conditions);
            }
        }
    }

    /// Conditions under which a capability's permissions hold for a binding, or `None`.
    fn permitted(&mut self, rule: &Rule, capability: &Capability, binding: &[Ix]) -> Option<Vec<String>> {
        let world = self.world;
        let mut open = Vec::new();
        let mut own = capability.scopes.iter();
        for may in &rule.may {
            if let Some(by) = may.by.as_ref().filter(|_| rule.platform != Platform::Aws) {
                let holder = *binding.get(rule.slot(by)?)?;
                open.extend(self.permitted_elsewhere(rule, may, holder, binding)?);
                continue;
            }
            if let Some(by) = &may.by {
                let holder = world.principal(*binding.get(rule.slot(by)?)?)?;
                let action = may.action.first()?;
                let scope = self.scopes.of(&world.estate, holder, action, None)?;
                let (decision, _) = self.scopes.get(scope)?.anywhere(service(action), &holder.account);
                open.extend(decision.conditions()?);
                continue;
            }
            let scopes = own.next()?.iter();
            let best = scopes.filter_map(|(i, scope)| {
                let action = may.action.get(*i)?;
                self.scope_permits(rule, may, action, *scope, &capability.account, binding)
            });
            open.extend(best.min_by_key(Vec::len)?);
        }
        Some(open)
    }

    /// Whether another than the actor has a permission, on a platform besides AWS.
    fn permitted_elsewhere(&mut self, rule: &Rule, may: &May, holder: Ix, binding: &[Ix]) -> Option<Vec<String>> {
        let world = self.world;
        let id = world.id(holder)?;
        let mut best: Option<Vec<String>> = None;
        for authority in world.authorities_of(holder).filter(|authority| authority.platform() == rule.platform) {
            for action in &may.action {
                let Some(grant) = self.grants.of(authority, id.as_str(), action) else { continue };
                let found = self.scope_permits(rule, may, action, Permission::Elsewhere(grant), "", binding);
                best = best.into_iter().chain(found).min_by_key(Vec::len);
            }
        }
        best
    }

    fn scope_permits(
        &self,
        rule: &Rule,
        may: &May,
        action: &str,
        scope: Permission,
        account: &str,
        binding: &[Ix],
    ) -> Option<Vec<String>> {
        let bound = |var: &str| binding.get(rule.slot(var)?).copied();
        let scope = match scope {
            Permission::Aws(scope) => self.scopes.get(scope)?,
            Permission::Elsewhere(grant) => {
                let grant = self.grants.list.get(grant)?;
                return match may.on() {
                    On::Var(var) => grant.on(self.world.id(bound(var)?)?.as_str()).conditions(),
                    On::Beside(var) => grant.on(&self.world.container(bound(var)?)?).conditions(),
                    On::New => grant.on(ANYWHERE).conditions(),
                    On::Arn(_) | On::Objects(_) => None,
                };
            }
        };
        match may.on() {
            On::Beside(_) => None,
            On::New => scope.anywhere(service(action), account).0.conditions(),
            On::Arn(arn) => scope.on(&arn.replace("{account}", account), Some(account)).conditions(),
            On::Var(var) => {
                let target = bound(var)?;
                let home = self.world.node(target)?.account.as_deref();
                self.world.best(target, |arn| scope.on(arn, home))
            }
            On::Objects(var) => {
                let target = bound(var)?;
                let home = self.world.node(target)?.account.as_deref();
                self.world.best(target, |arn| scope.within(&format!("{arn}/"), home).0)
            }
        }
    }

    /// All bindings of a rule's joins.
    fn join(&mut self, rule: &Rule, p: Ix, account: Option<&str>) -> Vec<Vec<Ix>> {
        let world = self.world;
        let mut bindings = vec![vec![p]];
        for given in &rule.given {
            let mut longer = Vec::new();
            for binding in bindings {
                let bound = |var: &String| rule.slot(var).and_then(|slot| binding.get(slot)).copied();
                let candidates = match (&given.to, given.by) {
                    (Some(to), Some(by)) => bound(to).map_or(Vec::new(), |ix| world.related(ix, by, given.back)),
                    _ => world.candidates(given),
                };
                let assumes = given.assumes.as_ref().and_then(bound);
                // of a principal's own relations
                let repeated = given.by.filter(|_| given.to.as_deref() == Some("p") && !given.back);
                let fits = candidates.into_iter().filter(|ix| {
                    world.passes(*ix, &given.is)
                        && (rule.may.is_empty() || world.is_on(*ix, rule.platform))
                        && account.is_none_or(|account| world.shares_account(*ix, account))
                        && !repeated.is_some_and(|by| world.repeats(p, by, *ix))
                        && assumes.is_none_or(|role| world.assumes(role, *ix).is_some_and(|c| c.is_empty()))
                });
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

    /// Actions that a capability cannot do without.
    pub(super) fn needed_actions(&self, capability: u32) -> Vec<String> {
        let Some(capability) = self.capabilities.get(index(capability)) else { return Vec::new() };
        let Some(rule) = self.rules.get(capability.rule) else { return Vec::new() };
        if rule.builtin == Some(Builtin::AssumeRole) {
            return vec![ASSUME.to_owned()];
        }
        let own = rule.may.iter().filter(|may| may.by.is_none()).zip(&capability.scopes);
        let single = own.filter_map(|(may, scopes)| match scopes.as_slice() {
            [(i, _)] => may.action.get(*i).cloned(),
            _ => may.action.first().cloned().filter(|_| may.action.len() == 1),
        });
        single.collect()
    }

    /// The rule that code applies.
    fn builtin(&self, which: Builtin) -> Option<(usize, &'static Rule)> {
        self.rules.iter().enumerate().find(|(_, rule)| rule.builtin == Some(which))
    }

    /// Roles that let this principal in.
    fn assume(&mut self, id: FactId, ix: Ix, principal: &Principal, admin: bool) {
        let world = self.world;
        let Some((n, rule)) = self.builtin(Builtin::AssumeRole) else { return };
        let scope = self.scopes.of(&world.estate, principal, ASSUME, None);
        // roles that decide alike for the whole account are reached through a capability
        let roles = world.letting_in(principal);
        for role_ix in roles {
            self.spend();
            let Some(role) = world.principal(role_ix) else { continue };
            if role_ix == ix || (admin && role.account == principal.account) {
                continue;
            }
            let scope = scope.and_then(|scope| self.scopes.get(scope));
            let answer = world.estate.trusts(role, Trustee::Principal(principal), scope);
            if let Some(conditions) = answer.decision.conditions() {
                self.gain(rule, vec![id], vec![ix, role_ix], conditions);
            }
        }
        if let Some(scope) = scope.filter(|_| !admin) {
            let scopes = vec![vec![(0, Permission::Aws(scope))]];
            let capability = self.intern(Capability { rule: n, account: principal.account.clone(), scopes });
            self.imply(vec![id], Fact::Capable(capability));
        }
    }

    fn apply_assume(&mut self, id: FactId, rule: &'static Rule, capability: &Capability) {
        let world = self.world;
        let first = capability.scopes.first().and_then(|held| held.first());
        let Some((_, Permission::Aws(scope))) = first.copied() else { return };
        for role_ix in world.delegating(&capability.account) {
            self.spend();
            let Some(role) = world.principal(*role_ix) else { continue };
            let decision = self.scopes.get(scope).map(|scope| scope.on(role.id.as_str(), Some(&role.account)));
            if let Some(conditions) = decision.and_then(Decision::conditions) {
                self.gain(rule, vec![id], vec![ANY, *role_ix], conditions);
            }
        }
    }

    /// A Kubernetes service account that a cloud role is meant for, if the role's trust policy agrees.
    fn exchange_token(&mut self, id: FactId, ix: Ix) {
        let world = self.world;
        let Some((_, rule)) = self.builtin(Builtin::WebIdentity) else { return };
        let Some(node) = world.node(ix).filter(|node| node.kind == AssetKind::ServiceAccount) else { return };
        let Some(subject) = subject(node.id.as_str()) else { return };
        for binding in self.join(rule, ix, None) {
            let Some(role) = binding.get(1).and_then(|role| world.principal(*role)) else { continue };
            let answer = world.estate.trusts(role, Trustee::Subject(&subject), None);
            if let Some(conditions) = answer.decision.conditions() {
                self.gain(rule, vec![id], binding, conditions);
            }
        }
    }

    /// What the policies on resources themselves give this principal.
    fn use_resource_policies(
        &mut self,
        id: FactId,
        ix: Ix,
        principal: &Principal,
        cache: &mut HashMap<(&'static str, Option<&'static str>), Option<ScopeId>>,
    ) {
        let world = self.world;
        let rules = self.rules;
        for rule in rules.iter().filter(|rule| rule.resource_policy) {
            let (Some(given), Some(may)) = (rule.given.first(), rule.may.first()) else { continue };
            for target in world.policied().iter().copied() {
                if !world.passes(target, &given.is) {
                    continue;
                }
                self.spend();
                let best = may.action.iter().filter_map(|action| {
                    let (estate, table) = (&world.estate, &mut self.scopes);
                    let key = (action.as_str(), None);
                    let scope = *cache.entry(key).or_insert_with(|| table.of(estate, principal, action, None));
                    let scope = scope.and_then(|scope| self.scopes.get(scope));
                    world.best(target, |arn| {
                        let resource = match (may.on(), scope) {
                            (On::Objects(_), Some(scope)) => scope.within(&format!("{arn}/"), estate.home(arn)).1,
                            (On::Objects(_), None) => format!("{arn}/x"),
                            _ => arn.to_owned(),
                        };
                        estate.decide(principal, scope, action, &resource)
                    })
                });
                if let Some(conditions) = best.min_by_key(Vec::len) {
                    self.gain(rule, vec![id], vec![ix, target], conditions);
                }
            }
        }
    }

    /// What anyone on the internet may do without credentials, or with credentials of his own account.
    fn act_as_anyone(&mut self, id: FactId) {
        let world = self.world;
        let Fact::Has(_, internet) = self.facts.get(index(id)).cloned().unwrap_or(Fact::Has(Power::Controls, ANY))
        else {
            return;
        };
        let rules = self.rules;
        for rule in rules.iter().filter(|rule| rule.resource_policy) {
            let (Some(given), Some(may)) = (rule.given.first(), rule.may.first()) else { continue };
            for target in world.policied().iter().copied().filter(|target| world.passes(*target, &given.is)) {
                let best = may.action.iter().filter_map(|action| {
                    world.best(target, |arn| {
                        let object = matches!(may.on(), On::Objects(_));
                        let resource = if object { format!("{arn}/x") } else { arn.to_owned() };
                        world.estate.public(action, &resource).decision
                    })
                });
                if let Some(conditions) = best.min_by_key(Vec::len)
                    && !world.blocks_public(target)
                {
                    self.gain(rule, vec![id], vec![internet, target], conditions);
                }
            }
        }
        let Some((_, rule)) = self.builtin(Builtin::AssumeRole) else { return };
        for role_ix in world.open() {
            let Some(role) = world.principal(*role_ix) else { continue };
            let answer = world.estate.trusts(role, Trustee::Anonymous, None);
            if let Some(conditions) = answer.decision.conditions() {
                self.gain(rule, vec![id], vec![internet, *role_ix], conditions);
            }
        }
    }

    /// A group that users can be put into: who is in it gains what it may do.
    fn join_group(&mut self, id: FactId, group: Ix) {
        let world = self.world;
        let Some(account) = world.node(group).and_then(|node| node.account.clone()) else { return };
        if world.is_admin(group) {
            self.joinable.entry(account.clone()).or_default().push(group);
            for user in self.users.get(&account).cloned().unwrap_or_default() {
                self.pair(group, user);
            }
        } else if let Some(rule) = self.rules.iter().find(|rule| rule.gains == Power::Joinable) {
            let user = self.fact(Fact::UserIn(account));
            self.show(rule, vec![id, user], Fact::Has(Power::Controls, group), vec![ANY, group], Vec::new());
        }
    }

    fn pair(&mut self, group: Ix, user: Ix) {
        let Some(rule) = self.rules.iter().find(|rule| rule.gains == Power::Joinable) else { return };
        if self.world.is_admin(user) {
            return;
        }
        let joinable = self.fact(Fact::Has(Power::Joinable, group));
        let controls = self.fact(Fact::Has(Power::Controls, user));
        self.show(rule, vec![joinable, controls], Fact::Has(Power::Grantable, user), vec![ANY, group], Vec::new());
    }

    /// What an administrator of an account has besides himself.
    fn own(&mut self, id: FactId, account: &str) {
        let world = self.world;
        let reads = self.builtin(Builtin::OwnerReads);
        let writes = self.builtin(Builtin::OwnerWrites);
        let controls = self.builtin(Builtin::OwnerControls);
        for (ix, node) in world.all() {
            if !node.interesting || !world.shares_account(ix, account) {
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
