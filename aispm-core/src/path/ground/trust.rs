//! Where both sides of a trust decide together: roles, web identities, groups.

use super::permit::{Capability, Permission};
use super::{ANY, ASSUME, Fact, Ground, subject};
use crate::asset::AssetKind;
use crate::identity::Decision;
use crate::identity::aws::{Principal, Trustee};
use crate::path::graph::FactId;
use crate::path::rules::{Builtin, Power, Rule};
use crate::path::world::Ix;

impl Ground<'_, '_> {
    /// Roles that let this principal in.
    pub(super) fn assume(&mut self, id: FactId, ix: Ix, principal: &Principal, admin: bool) {
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

    pub(super) fn apply_assume(&mut self, id: FactId, rule: &'static Rule, capability: &Capability) {
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
    pub(super) fn exchange_token(&mut self, id: FactId, ix: Ix) {
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

    /// A group that users can be put into: who is in it gains what it may do.
    pub(super) fn join_group(&mut self, id: FactId, group: Ix) {
        let world = self.world;
        let Some(account) = world.node(group).and_then(|node| node.account.clone()) else { return };
        if world.is_admin(group) {
            self.joinable.entry(account.clone()).or_default().push(group);
            for user in self.users.get(&account).cloned().unwrap_or_default() {
                self.pair(group, user);
            }
        } else if let Some(rule) = self.rules.iter().find(|rule| rule.gains == Power::Joinable) {
            let user = self.premise(Fact::UserIn(account));
            self.show(rule, vec![id, user], Fact::Has(Power::Controls, group), vec![ANY, group], Vec::new());
        }
    }

    pub(super) fn pair(&mut self, group: Ix, user: Ix) {
        let Some(rule) = self.rules.iter().find(|rule| rule.gains == Power::Joinable) else { return };
        if self.world.is_admin(user) {
            return;
        }
        let joinable = self.premise(Fact::Has(Power::Joinable, group));
        let controls = self.premise(Fact::Has(Power::Controls, user));
        self.show(rule, vec![joinable, controls], Fact::Has(Power::Grantable, user), vec![ANY, group], Vec::new());
    }
}
