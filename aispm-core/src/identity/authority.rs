//! What attack rules ask of a platform's permissions, whichever platform it is.

use std::fmt::Debug;

use super::Decision;
use crate::asset::{AssetId, AssetKind, Evidence};

/// A system that decides who may do what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Platform {
    /// Amazon Web Services.
    Aws,
    /// Google Cloud.
    Gcp,
    /// Microsoft Azure.
    Azure,
    /// Kubernetes RBAC.
    Kubernetes,
}

/// The principals and permissions that one platform has in an inventory. Immutable; built once, asked often.
///
/// Principals and resources are asset ids of the inventory; actions are written as the platform writes them
/// (`create pods/exec`, `iam.serviceAccounts.actAs`, `Microsoft.Compute/virtualMachines/runCommand/action`).
pub(crate) trait Authority: Debug + Send + Sync {
    /// Which platform.
    fn platform(&self) -> Platform;

    /// Whether this asset may hold permissions here.
    fn is_principal(&self, asset: &str) -> bool;

    /// Every principal, also those that only policies name, in the order of their ids.
    fn principals(&self) -> Vec<AssetId>;

    /// What attack rules speak of though no file may hold it: a namespace, a role that always exists.
    fn named(&self) -> Vec<Named> {
        Vec::new()
    }

    /// Whether a principal holds everything in its [`home`](Self::home).
    fn is_admin(&self, principal: &str) -> bool;

    /// What a resource or principal lives in, where new things are made beside it: a namespace, a project, a resource
    /// group. `None` for what is not of this platform.
    fn container(&self, asset: &str) -> Option<String>;

    /// What an administrator administers: a cluster, a project, a subscription.
    fn home(&self, asset: &str) -> Option<String>;

    /// What a principal may do with this action; `None` if nothing grants it anywhere.
    fn grant(&self, principal: &str, action: &str) -> Option<Box<dyn Grant>>;

    /// Whether this knows all that policies give a principal on a resource, so that nothing else speaks of it.
    fn decides(&self, _principal: &str, _resource: &str) -> bool {
        false
    }

    /// The statements that grant this, at most four.
    fn evidence(&self, principal: &str, action: &str, resource: &str) -> Vec<Evidence>;

    /// All places that end this permission, on this resource or on any, if they are taken away together; `None` where
    /// that cannot be told.
    fn supports(&self, principal: &str, action: &str, resource: Option<&str>) -> Option<Vec<Evidence>> {
        let told = self.evidence(principal, action, resource?);
        // as many as are told at most may not be all
        (told.len() < 4).then_some(told)
    }
}

/// Something that a platform has whether or not an export shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) id: AssetId,
    pub(crate) kind: AssetKind,
    /// As rules' `type` names it.
    pub(crate) r#type: &'static str,
    pub(crate) name: String,
}

/// One action of one principal, with everything decided but the resource.
pub(crate) trait Grant: Debug {
    /// The same text for grants that decide alike, so that principals share them.
    fn key(&self) -> String;

    /// The [containers](Authority::container) that it holds in; `None` if it may hold anywhere. What is decided is the
    /// same, but nothing else needs to be asked.
    fn containers(&self) -> Option<Vec<String>> {
        None
    }

    /// Decides for a resource: an asset id, or a [`container`](Authority::container) in which something new is made.
    fn on(&self, resource: &str) -> Decision;

    /// Decides for something new in a place of the caller's choice: he holds the action somewhere.
    fn anywhere(&self) -> Decision {
        Decision::Allowed
    }
}
