//! What policies on resources give, to principals and to anyone.

use std::collections::HashMap;

use super::{ANY, Fact, Ground, index};
use crate::identity::aws::{Principal, ScopeId, Trustee};
use crate::path::graph::FactId;
use crate::path::rules::{Builtin, On, Power};
use crate::path::world::Ix;

impl Ground<'_, '_> {
    /// What the policies on resources themselves give this principal.
    pub(super) fn use_resource_policies(
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
    pub(super) fn act_as_anyone(&mut self, id: FactId) {
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
}
