//! What policies on resources give, to principals and to anyone.
//!
//! A resource policy that denies something may deny it to some and not to others, so targets with such a policy are
//! decided for each principal. All others are reached through capabilities, and a resource policy adds what it allows
//! to those whom it names.

use std::collections::BTreeMap;

use super::permit::{Cache, Held, Permission};
use super::{ANY, Fact, Ground, index, permission_rules};
use crate::identity::Platform;
use crate::identity::aws::{Principal, Trustee};
use crate::path::graph::FactId;
use crate::path::rules::{Builtin, May, On, Power, Rule};
use crate::path::world::{Ix, World};

/// Rules that act on a resource with a policy, by resource: the rule and the variable that the resource is.
pub(super) type Guarded = BTreeMap<Ix, Vec<(&'static Rule, &'static str)>>;

/// O(rules · resources with policies).
pub(super) fn guarded(world: &World<'_>, rules: &'static [Rule]) -> Guarded {
    let mut guarded = Guarded::new();
    for (_, rule) in permission_rules(rules, Platform::Aws).filter(|(_, rule)| rule.of != "p") {
        for given in rule.given.iter().filter(|given| given.trusts.is_empty()) {
            let acts = |may: &May| {
                let on_it = matches!(may.on(), On::Var(var) | On::Objects(var) if var == given.var);
                on_it && may.by.is_none()
            };
            let open = given.is.kind.is_empty() && given.is.r#type.is_empty();
            if open || !rule.may.iter().any(acts) {
                continue;
            }
            for target in world.policied().iter().filter(|target| world.passes(**target, &given.is)) {
                guarded.entry(*target).or_default().push((rule, &given.var));
            }
        }
    }
    guarded
}

impl<'w> Ground<'w, '_> {
    /// What the policies on resources themselves give this principal.
    pub(super) fn use_resource_policies(&mut self, id: FactId, ix: Ix, principal: &Principal, cache: &mut Cache<'w>) {
        let world = self.world;
        let guarded = std::mem::take(&mut self.guarded);
        for (target, rules) in &guarded {
            let Some(resource) = world.id(*target) else { continue };
            let elsewhere = world.node(*target).and_then(|node| node.account.as_deref()) != Some(&principal.account);
            let own = world.is_admin(ix) && !elsewhere;
            let concerned = world.restricts(*target) || world.estate.names(principal, resource.as_str(), elsewhere);
            if own || !concerned {
                continue;
            }
            for (rule, var) in rules {
                for binding in self.join_among(rule, ix, None, Some((var, &[*target]))) {
                    self.spend();
                    if let Some(conditions) = self.permits_directly(rule, principal, &binding, cache) {
                        self.gain(rule, vec![id], binding, conditions);
                    }
                }
            }
        }
        self.guarded = guarded;
    }

    /// Conditions under which both sides together let a principal do all that a rule asks.
    fn permits_directly(
        &mut self,
        rule: &'static Rule,
        principal: &Principal,
        binding: &[Ix],
        cache: &mut Cache<'w>,
    ) -> Option<Vec<String>> {
        let world = self.world;
        let mut open = Vec::new();
        let mut named: BTreeMap<&str, Vec<(&May, Held)>> = BTreeMap::new();
        for may in &rule.may {
            if let Some(by) = &may.by {
                open.extend(self.permits_another(rule, may, by, binding)?);
                continue;
            }
            let scopes = self.held(may, principal, cache);
            let target = match may.on() {
                On::Var(var) | On::Objects(var) => rule.slot(var).and_then(|slot| binding.get(slot)).copied(),
                _ => None,
            };
            match (may.on(), target.filter(|target| world.is_policied(*target))) {
                (_, Some(target)) => {
                    let decided = may.action.iter().enumerate().filter_map(|(i, action)| {
                        let scope = scopes.iter().find(|(n, _)| *n == i).and_then(|(_, scope)| match scope {
                            Permission::Aws(scope) => self.scopes.get(*scope),
                            Permission::Elsewhere(_) => None,
                        });
                        world.best(target, |arn| {
                            let resource = match (may.on(), scope) {
                                (On::Objects(_), Some(scope)) => {
                                    scope.within(&format!("{arn}/"), world.estate.home(arn)).1
                                }
                                (On::Objects(_), None) => format!("{arn}/x"),
                                _ => arn.to_owned(),
                            };
                            world.estate.decide(principal, scope, action, &resource)
                        })
                    });
                    open.extend(decided.min_by_key(Vec::len)?);
                }
                (On::New(name), None) if !name.is_empty() => named.entry(name).or_default().push((may, scopes)),
                _ => open.extend(self.permits_one(rule, may, &scopes, &principal.account, binding)?),
            }
        }
        for together in named.values() {
            let together: Vec<_> = together.iter().map(|(may, scopes)| (*may, scopes.as_slice())).collect();
            open.extend(self.permits_new(&together, &principal.account)?);
        }
        Some(open)
    }

    /// What anyone on the internet may do without credentials, or with credentials of his own account.
    pub(super) fn act_as_anyone(&mut self, id: FactId) {
        let world = self.world;
        let Fact::Has(_, internet) = self.facts.get(index(id)).cloned().unwrap_or(Fact::Has(Power::Controls, ANY))
        else {
            return;
        };
        let guarded = std::mem::take(&mut self.guarded);
        for (target, rules) in guarded.iter().filter(|(target, _)| !world.blocks_public(**target)) {
            for (rule, var) in rules {
                let each = rule.may.iter().map(|may| {
                    let object = match may.on() {
                        On::Objects(on) if on == *var => true,
                        On::Var(on) if on == *var => false,
                        // strangers have no part in a customer's key
                        On::Key(on) if on == *var => return world.key_of(*target).is_none().then(Vec::new),
                        _ => return None,
                    };
                    let decided = may.action.iter().filter_map(|action| {
                        world.best(*target, |arn| {
                            let resource = if object { format!("{arn}/x") } else { arn.to_owned() };
                            world.estate.public(action, &resource).decision
                        })
                    });
                    decided.min_by_key(Vec::len)
                });
                let Some(conditions) = each.collect::<Option<Vec<_>>>() else { continue };
                for binding in self.join_among(rule, internet, None, Some((var, &[*target]))) {
                    self.gain(rule, vec![id], binding, conditions.concat());
                }
            }
        }
        self.guarded = guarded;
        let Some((_, rule)) = self.builtin(Builtin::AssumeRole) else { return };
        for role_ix in world.open() {
            let Some(role) = world.principal(*role_ix) else { continue };
            let answer = world.estate.trusts(role, Trustee::Anonymous, None);
            if let Some(conditions) = answer.decision.conditions() {
                self.gain(rule, vec![id], vec![internet, *role_ix], conditions);
            }
        }
    }
}
