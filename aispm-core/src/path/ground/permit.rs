//! What a principal's permissions make of a rule: capabilities, and the targets they reach.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{ANY, ASSUME, Fact, Ground, index, permission_rules, service};
use crate::identity::aws::{Principal, ScopeId, Shown};
use crate::identity::{Authority, Grant, Platform};
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
    pub(super) scopes: Vec<Held>,
}

/// One action of a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Permission {
    Aws(ScopeId),
    Elsewhere(usize),
}

/// A principal's scopes for the alternatives of a permission, with their places.
pub(super) type Held = Vec<(usize, Permission)>;
/// The same with the permission.
pub(super) type Asked<'a> = (&'a May, &'a [(usize, Permission)]);

/// Scopes of one principal by action and what the call hands over.
pub(super) type Cache<'w> = HashMap<(&'w str, Option<&'w str>), Option<ScopeId>>;

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

impl<'w> Ground<'w, '_> {
    /// What a principal of another platform may do there.
    pub(super) fn act_on(&mut self, id: FactId, ix: Ix, authority: &dyn Authority) {
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
    pub(super) fn capability(
        &mut self,
        n: usize,
        rule: &'static Rule,
        principal: &Principal,
        cache: &mut Cache<'w>,
    ) -> Option<u32> {
        let mut scopes = Vec::with_capacity(rule.may.len());
        for may in rule.may.iter().filter(|may| may.by.is_none()) {
            let held = self.held(may, principal, cache);
            if held.is_empty() && !matches!(may.on(), On::Key(_)) {
                return None;
            }
            scopes.push(held);
        }
        let capability = Capability { rule: n, account: principal.account.clone(), scopes };
        Some(self.intern(capability))
    }

    /// A principal's scopes for the alternatives of a permission, with their places.
    pub(super) fn held(&mut self, may: &'static May, principal: &Principal, cache: &mut Cache<'w>) -> Held {
        let mut held = Vec::new();
        for (i, action) in may.action.iter().enumerate() {
            let estate = &self.world.estate;
            let given = may.passed_to.as_deref();
            let passed: Vec<_> = if may.attaches { estate.strong_policies().map(Some).collect() } else { vec![given] };
            for passed_to in passed {
                let table = &mut self.scopes;
                let key = (action.as_str(), passed_to);
                let scope = cache.entry(key).or_insert_with(|| table.of(estate, principal, action, passed_to));
                let permission = scope.map(|scope| (i, Permission::Aws(scope)));
                held.extend(permission.filter(|permission| !held.contains(permission)));
            }
        }
        held
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
        for binding in self.join_among(rule, ANY, account, near.as_ref().map(|(var, some)| (*var, some.as_slice()))) {
            self.spend();
            if let Some(conditions) = self.permitted(rule, &capability, &binding) {
                self.gain(rule, vec![id], binding, conditions);
            }
        }
    }

    /// The only assets that a rule's first variable can stand for, where a permission on it holds in few containers.
    fn near<'r>(&self, rule: &'r Rule, capability: &Capability) -> Option<(&'r str, Vec<Ix>)> {
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
        let inside = containers.iter().flat_map(|container| self.world.inside(container)).copied();
        Some((first.var.as_str(), inside.collect()))
    }

    /// Conditions under which a capability's permissions hold for a binding, or `None`.
    pub(super) fn permitted(&mut self, rule: &Rule, capability: &Capability, binding: &[Ix]) -> Option<Vec<String>> {
        let mut open = Vec::new();
        let mut own = capability.scopes.iter();
        let mut named: BTreeMap<&str, Vec<Asked<'_>>> = BTreeMap::new();
        for may in &rule.may {
            if let Some(by) = may.by.as_ref().filter(|_| rule.platform != Platform::Aws) {
                let holder = *binding.get(rule.slot(by)?)?;
                open.extend(self.permitted_elsewhere(rule, may, holder, binding)?);
                continue;
            }
            if let Some(by) = &may.by {
                open.extend(self.permits_another(rule, may, by, binding)?);
                continue;
            }
            let scopes = own.next()?;
            match may.on() {
                On::New(name) if !name.is_empty() => named.entry(name).or_default().push((may, scopes)),
                // its policy is asked for each principal
                On::Var(var) | On::Objects(var)
                    if rule
                        .slot(var)
                        .and_then(|slot| binding.get(slot))
                        .is_some_and(|ix| self.world.restricts(*ix)) =>
                {
                    return None;
                }
                _ => open.extend(self.permits_one(rule, may, scopes, &capability.account, binding)?),
            }
        }
        for together in named.values() {
            open.extend(self.permits_new(together, &capability.account)?);
        }
        Some(open)
    }

    /// The best of the alternatives of one permission.
    pub(super) fn permits_one(
        &self,
        rule: &Rule,
        may: &May,
        scopes: &[(usize, Permission)],
        account: &str,
        binding: &[Ix],
    ) -> Option<Vec<String>> {
        if let On::Key(var) = may.on() {
            let target = binding.get(rule.slot(var)?)?;
            return self.permits_key(*target, scopes, account);
        }
        let decided = scopes.iter().filter_map(|(i, scope)| {
            let action = may.action.get(*i)?;
            self.scope_permits(rule, may, action, *scope, account, binding)
        });
        decided.min_by_key(Vec::len)
    }

    /// Whether a principal with these scopes may use the customer's key that an asset is encrypted with, if it is.
    fn permits_key(&self, target: Ix, scopes: &[(usize, Permission)], account: &str) -> Option<Vec<String>> {
        let world = self.world;
        let Some(key) = world.key_of(target) else { return Some(Vec::new()) };
        let decided = scopes.iter().filter_map(|(_, permission)| {
            let Permission::Aws(scope) = permission else { return None };
            let scope = self.scopes.get(*scope)?;
            let Some(key) = key else {
                let name = world.node(target).map_or("", |node| &node.name);
                let mut open = scope.anywhere("kms", account).0.conditions()?;
                open.push(format!("the key that {name} is encrypted with may be used"));
                return Some(open);
            };
            let home = world.node(key)?.account.as_deref();
            let mut open = world.best(key, |arn| scope.on_shown(arn, home, world.shown(key)))?;
            if !world.delegates(key) {
                let name = &world.node(key)?.name;
                open.push(format!("the policy of the key {name} lets identity policies decide"));
            }
            Some(open)
        });
        decided.min_by_key(Vec::len)
    }

    /// What a role bound by the rule may do by its own policies.
    pub(super) fn permits_another(&mut self, rule: &Rule, may: &May, by: &str, binding: &[Ix]) -> Option<Vec<String>> {
        let world = self.world;
        let holder = world.principal(*binding.get(rule.slot(by)?)?)?;
        let decided = may.action.iter().filter_map(|action| {
            let scope = self.scopes.of(&world.estate, holder, action, may.passed_to.as_deref())?;
            self.scope_permits(rule, may, action, Permission::Aws(scope), &holder.account, binding)
        });
        decided.min_by_key(Vec::len)
    }

    /// Whether one new resource can be named that all of these permissions cover.
    pub(super) fn permits_new(&self, together: &[Asked<'_>], account: &str) -> Option<Vec<String>> {
        let scopes = || {
            together.iter().map(|(may, scopes)| {
                scopes.iter().filter_map(|(i, permission)| match permission {
                    Permission::Aws(scope) => Some((may.action.get(*i)?, self.scopes.get(*scope)?)),
                    Permission::Elsewhere(_) => None,
                })
            })
        };
        let names: BTreeSet<String> =
            scopes().flatten().flat_map(|(action, scope)| scope.names(service(action), account)).collect();
        // what exists is not new
        let free = names.iter().filter(|name| self.world.ix(name).is_none());
        let decided = free.filter_map(|name| {
            let each = scopes().map(|alternatives| {
                let decided = alternatives.filter_map(|(_, scope)| scope.on(name, Some(account)).conditions());
                decided.min_by_key(Vec::len)
            });
            each.collect::<Option<Vec<_>>>().map(|all| all.concat())
        });
        decided.min_by_key(Vec::len)
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
        let world = self.world;
        let bound = |var: &str| binding.get(rule.slot(var)?).copied();
        let scope = match scope {
            Permission::Aws(scope) => self.scopes.get(scope)?,
            Permission::Elsewhere(grant) => {
                let grant = self.grants.list.get(grant)?;
                return match may.on() {
                    On::Var(var) => grant.on(world.id(bound(var)?)?.as_str()).conditions(),
                    On::Beside(var) => grant.on(world.container(bound(var)?)?).conditions(),
                    On::New(_) => grant.anywhere().conditions(),
                    On::Arn(_) | On::Objects(_) | On::Key(_) => None,
                };
            }
        };
        match may.on() {
            On::Beside(_) | On::Key(_) => None,
            On::New(_) => scope.anywhere(service(action), account).0.conditions(),
            On::Arn(arn) => {
                let arn = arn.replace("{account}", account);
                scope.on_shown(&arn, Some(account), Some(Shown::Unbounded)).conditions()
            }
            On::Var(var) => {
                let target = bound(var)?;
                let home = world.node(target)?.account.as_deref();
                if action.starts_with("iam:") && action != PASS_ROLE && is_protected(world.id(target)?.as_str()) {
                    return None;
                }
                // `iam:PermissionsBoundary` then speaks of the boundary that is set, not of the one that is there
                let sets_boundary = action.starts_with("iam:Put") && action.ends_with("PermissionsBoundary");
                let shown = if sets_boundary { Some(Shown::Unbounded) } else { world.shown(target) };
                world.best(target, |arn| scope.on_shown(arn, home, shown))
            }
            On::Objects(var) => {
                let target = bound(var)?;
                let home = world.node(target)?.account.as_deref();
                world.best(target, |arn| scope.within(&format!("{arn}/"), home).0)
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

const PASS_ROLE: &str = "iam:PassRole";

/// Whether AWS itself keeps others from changing a role: service-linked roles and those of IAM Identity Center.
fn is_protected(arn: &str) -> bool {
    arn.contains(":role/aws-service-role/") || arn.contains(":role/aws-reserved/")
}
