//! Google Cloud: allow policies inherited down the hierarchy, deny policies first, conditions as far as the inventory
//! decides them.
//!
//! What `discover` keeps of it: a resource's policy verbatim in `iam_policy`, its place in `iam_policy_at`; deny
//! policies and an organisation's own roles as assets of their own; who is above whom as `contains`.

mod condition;
mod grant;
mod hierarchy;
mod member;
mod model;
mod policy;
mod role;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::authority::{Authority, Grant, Platform};
use crate::asset::{AssetId, Evidence, Inventory};
use grant::CloudGrant;
use model::Model;

/// The permission that makes whoever has it on a project its administrator.
const SET_POLICY: &str = "resourcemanager.projects.setIamPolicy";

/// Statements shown at most.
const SHOWN: usize = 4;

/// Everything that policies of Google Cloud say in an inventory.
#[derive(Debug)]
pub(super) struct Gcp {
    model: Arc<Model>,
    admins: BTreeSet<(String, String)>,
}

impl Gcp {
    /// `None` if the inventory shows nothing of Google Cloud.
    pub(super) fn new(inventory: &Inventory) -> Option<Self> {
        let model = Model::new(inventory);
        if model.is_empty() {
            return None;
        }
        let mut this = Self { model: Arc::new(model), admins: BTreeSet::new() };
        let owners: Vec<(String, String)> = this.model.owners().collect();
        for (principal, scope) in owners {
            let grant = CloudGrant::of(&this.model, &principal, SET_POLICY);
            if grant.is_some_and(|grant| grant.reaches(&scope)) {
                this.admins.insert((principal, scope));
            }
        }
        Some(this)
    }

    /// The highest place where a principal is owner.
    fn owned(&self, principal: &str) -> Option<&str> {
        let own = self.admins.iter().filter(|(owner, _)| owner == principal).map(|(_, scope)| scope.as_str());
        own.min_by_key(|scope| (self.model.depth(scope), *scope))
    }
}

impl Authority for Gcp {
    fn platform(&self) -> Platform {
        Platform::Gcp
    }

    fn is_principal(&self, asset: &str) -> bool {
        self.model.holds_anything(asset) || member::is_member(asset)
    }

    fn principals(&self) -> Vec<AssetId> {
        self.model.principals().map(AssetId::from).collect()
    }

    fn is_admin(&self, principal: &str) -> bool {
        self.owned(principal).is_some()
    }

    fn container(&self, asset: &str) -> Option<String> {
        self.model.project(asset)
    }

    fn home(&self, asset: &str) -> Option<String> {
        self.owned(asset).map(str::to_owned).or_else(|| self.model.project(asset))
    }

    fn grant(&self, principal: &str, action: &str) -> Option<Box<dyn Grant>> {
        CloudGrant::of(&self.model, principal, action).map(|grant| Box::new(grant) as Box<dyn Grant>)
    }

    fn decides(&self, principal: &str, resource: &str) -> bool {
        self.model.decides(principal, resource)
    }

    fn evidence(&self, principal: &str, action: &str, resource: &str) -> Vec<Evidence> {
        CloudGrant::of(&self.model, principal, action).map_or(Vec::new(), |grant| grant.evidence(resource, SHOWN))
    }

    fn supports(&self, principal: &str, action: &str, resource: Option<&str>) -> Option<Vec<Evidence>> {
        CloudGrant::of(&self.model, principal, action).map_or(Some(Vec::new()), |grant| grant.supports(resource))
    }
}
