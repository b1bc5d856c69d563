//! Azure: role assignments inherited from management groups down to resources, deny assignments first, data actions
//! apart from the rest; and the roles of Entra that lead to Azure.
//!
//! What `discover` keeps of it: role assignments, role definitions and deny assignments as assets, with their principal
//! as `applies_to`; members of groups and of Entra's roles as `member_of`. Actions are written as Azure writes them; data
//! actions begin with `data:`.

mod condition;
mod grant;
mod model;
mod role;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::authority::{Authority, Grant, Platform};
use crate::asset::{AssetId, Evidence, Inventory};
use grant::ScopedGrant;
use model::Model;

/// The action that makes whoever has it an administrator.
const ASSIGN: &str = "Microsoft.Authorization/roleAssignments/write";

/// Statements shown at most.
const SHOWN: usize = 4;

/// Everything that assignments say in an inventory.
#[derive(Debug)]
pub(super) struct Azure {
    model: Arc<Model>,
    /// Administrators with the highest scope that they own.
    admins: BTreeMap<String, String>,
}

impl Azure {
    /// `None` if the inventory shows nothing of Azure.
    pub(super) fn new(inventory: &Inventory) -> Option<Self> {
        let model = Model::new(inventory);
        if model.is_empty() {
            return None;
        }
        let mut this = Self { model: Arc::new(model), admins: BTreeMap::new() };
        for (principal, scope) in this.model.owners().collect::<Vec<_>>() {
            let grant = ScopedGrant::of(&this.model, &principal, ASSIGN);
            if !grant.is_some_and(|grant| grant.reaches(&scope)) {
                continue;
            }
            let known = this.admins.entry(principal).or_insert_with(|| scope.clone());
            if (this.model.depth(&scope), &scope) < (this.model.depth(known), known) {
                *known = scope;
            }
        }
        Some(this)
    }
}

impl Authority for Azure {
    fn platform(&self) -> Platform {
        Platform::Azure
    }

    fn is_principal(&self, asset: &str) -> bool {
        self.model.is_principal(asset)
    }

    fn principals(&self) -> Vec<AssetId> {
        self.model.principals().map(AssetId::from).collect()
    }

    fn is_admin(&self, principal: &str) -> bool {
        self.admins.contains_key(principal)
    }

    fn container(&self, asset: &str) -> Option<String> {
        self.model.group(asset)
    }

    fn home(&self, asset: &str) -> Option<String> {
        self.admins.get(asset).cloned().or_else(|| self.model.subscription(asset))
    }

    fn grant(&self, principal: &str, action: &str) -> Option<Box<dyn Grant>> {
        ScopedGrant::of(&self.model, principal, action).map(|grant| Box::new(grant) as Box<dyn Grant>)
    }

    fn decides(&self, principal: &str, resource: &str) -> bool {
        self.model.decides(principal, resource)
    }

    fn evidence(&self, principal: &str, action: &str, resource: &str) -> Vec<Evidence> {
        ScopedGrant::of(&self.model, principal, action).map_or(Vec::new(), |grant| grant.evidence(resource, SHOWN))
    }

    fn supports(&self, principal: &str, action: &str, resource: Option<&str>) -> Option<Vec<Evidence>> {
        let grant = ScopedGrant::of(&self.model, principal, action);
        Some(grant.map_or(Vec::new(), |grant| grant.evidence(resource.unwrap_or(grant::ANYWHERE), usize::MAX)))
    }
}
