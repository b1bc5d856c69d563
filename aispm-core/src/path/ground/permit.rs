//! What a principal's permissions make of a rule: capabilities, and the targets they reach.

use std::collections::HashMap;

use super::{ANY, ASSUME, Fact, Ground, index, permission_rules, service};
use crate::identity::aws::{Principal, ScopeId};
use crate::identity::{Authority, Grant};
use crate::path::graph::FactId;
use crate::path::rules::{Builtin, May, On, Power, Rule};
use crate::path::world::Ix;

/// Between actions of which any suffices.
pub(in crate::path) const OR: &str = " or ";

/// Which scopes a rule's permissions have, per permission and action.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Capability {
    pub(super) rule: usize,
    pub(super) account: String,
    pub(super) scopes: Vec<Vec<(usize, Permission)>>,
}

/// One action of a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Permission {
    Aws(ScopeId),
    Elsewhere(usize),
}

/// Grants of the other platforms, shared by what they decide.
#[derive(Debug, Default)]
pub(super) struct Grants {
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

impl Ground<'_, '_> {
    /// What a principal of another platform may do there.
    pub(super) fn act_on(&mut self, id: FactId, ix: Ix, authority: &dyn Authority) {
        let Some(principal) = self.world.id(ix) else { return };
        if self.world.is_admin(ix) {
            return self.imply(vec![id], Fact::Has(Power::Admin, ix));
        }
        let mut cache = HashMap::new();
        for (n, rule) in permission_rules(self.rules, authority.platform()) {
            let mut scopes = Vec::with_capacity(rule.may.len());
            for may in &rule.may {
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
            if scopes.len() < rule.may.len() {
                continue;
            }
            let capability = self.intern(Capability { rule: n, account: String::new(), scopes });
            if rule.is_personal() {
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
    pub(super) fn capability<'r>(
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

    pub(super) fn intern(&mut self, capability: Capability) -> u32 {
        if let Some(id) = self.capability_ids.get(&capability) {
            return *id;
        }
        let id = u32::try_from(self.capabilities.len()).unwrap_or(u32::MAX);
        self.capability_ids.insert(capability.clone(), id);
        self.capabilities.push(capability);
        id
    }

    /// The targets of a capability.
    pub(super) fn apply(&mut self, id: FactId, capability: u32) {
        let Some(capability) = self.capabilities.get(index(capability)).cloned() else { return };
        let Some(rule) = self.rules.get(capability.rule) else { return };
        if rule.builtin == Some(Builtin::AssumeRole) {
            return self.apply_assume(id, rule, &capability);
        }
        let account = Some(capability.account.as_str()).filter(|account| !account.is_empty());
        let near = self.near(rule, &capability);
        for binding in self.join_near(rule, ANY, account, near.as_deref()) {
            self.spend();
            if let Some(conditions) = self.permitted(rule, &capability, &binding) {
                self.gain(rule, vec![id], binding, conditions);
            }
        }
    }

    /// The only assets that a rule's first variable can stand for, where a permission on it holds in few containers.
    fn near(&self, rule: &Rule, capability: &Capability) -> Option<Vec<Ix>> {
        let first = rule.given.first().filter(|given| given.to.is_none())?;
        let mut own = rule.may.iter().filter(|may| may.by.is_none()).zip(&capability.scopes);
        let about = |may: &May| matches!(may.on(), On::Var(var) | On::Beside(var) if var == first.var);
        let (_, held) = own.find(|(may, _)| about(may))?;
        let mut containers = Vec::new();
        for (_, permission) in held {
            let Permission::Elsewhere(grant) = permission else { return None };
            containers.extend(self.grants.list.get(*grant)?.containers()?);
        }
        containers.sort_unstable();
        containers.dedup();
        Some(containers.iter().flat_map(|container| self.world.inside(container)).copied().collect())
    }

    /// Conditions under which a capability's permissions hold for a binding, or `None`.
    pub(super) fn permitted(&mut self, rule: &Rule, capability: &Capability, binding: &[Ix]) -> Option<Vec<String>> {
        let world = self.world;
        let mut open = Vec::new();
        let mut own = capability.scopes.iter();
        for may in &rule.may {
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
                    On::Beside(var) => grant.on(self.world.container(bound(var)?)?).conditions(),
                    // he holds it somewhere
                    On::New => Some(Vec::new()),
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
    /// Actions that a capability cannot do without.
    pub(in crate::path) fn needed_actions(&self, capability: u32) -> Vec<String> {
        let Some(capability) = self.capabilities.get(index(capability)) else { return Vec::new() };
        let Some(rule) = self.rules.get(capability.rule) else { return Vec::new() };
        if rule.builtin == Some(Builtin::AssumeRole) {
            return vec![ASSUME.to_owned()];
        }
        let own = rule.may.iter().filter(|may| may.by.is_none()).zip(&capability.scopes);
        let each = own.map(|(may, scopes)| {
            let held: Vec<&str> = scopes.iter().filter_map(|(i, _)| may.action.get(*i)).map(String::as_str).collect();
            held.join(OR)
        });
        each.collect()
    }
}
