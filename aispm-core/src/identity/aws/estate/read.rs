//! Principals and policies as assets describe them.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::Estate;
use crate::asset::{Asset, AssetId, AssetKind, Evidence, Inventory, pointer_key};
use crate::identity::aws::admin::{covers_everything, covers_identity};
use crate::identity::aws::managed::managed;
use crate::identity::aws::moment::Moment;
use crate::identity::aws::policy::{Policy, Purpose};
use crate::identity::aws::principal::{Boundary, Held, Principal, PrincipalKind, tags};
use crate::identity::aws::request::Request;

/// More tell nobody more.
const WARNINGS: usize = 100;

fn warn(warnings: &mut Vec<String>, message: impl FnOnce() -> String) {
    if warnings.len() < WARNINGS {
        warnings.push(message());
    }
}

/// Tells what AWS would refuse of a policy: by its name, whose it is, and the statement's place.
pub(in crate::identity::aws) fn warned(
    parsed: Option<Policy>,
    name: &str,
    of: &str,
    warnings: &mut Vec<String>,
) -> Option<Policy> {
    let Some(policy) = parsed else {
        warn(warnings, || format!("{name} of {of} is not a policy document; it counts for nothing"));
        return None;
    };
    for fault in &policy.faults {
        let place = if fault.pointer.is_empty() { String::new() } else { format!(", at {}", fault.pointer) };
        warn(warnings, || format!("{name} of {of}{place}: {}", fault.reason));
    }
    Some(policy)
}

impl Estate {
    pub(super) fn principal(&mut self, asset: &Asset, documents: &ManagedPolicies) -> Principal {
        let kind = match asset.kind {
            AssetKind::User => PrincipalKind::User,
            AssetKind::Group => PrincipalKind::Group,
            _ => PrincipalKind::Role,
        };
        let mut principal = Principal::named(asset.id.as_str(), kind);
        principal.tags = tags(asset.properties.get("Tags"));
        let base = asset.evidence.first().cloned().unwrap_or_default();
        // entries that were read from elsewhere say where
        let place = |entry: &Value, pointer: String| {
            let mut evidence = base.clone();
            let own = entry.get("Pointer").and_then(Value::as_str).map(str::to_owned);
            evidence.pointer =
                Some(own.unwrap_or_else(|| format!("{}{pointer}", base.pointer.as_deref().unwrap_or_default())));
            evidence
        };
        let below = |pointer: String| {
            let mut evidence = base.clone();
            evidence.pointer = Some(format!("{}{pointer}", base.pointer.as_deref().unwrap_or_default()));
            evidence
        };
        for list in ["UserPolicyList", "RolePolicyList", "GroupPolicyList"] {
            let entries = asset.properties.get(list).and_then(Value::as_array).into_iter().flatten();
            for (i, entry) in entries.enumerate() {
                let Some(document) = entry.get("PolicyDocument") else { continue };
                let parsed = Policy::parse(document, Purpose::Identity);
                let name =
                    format!("policy {}", entry.get("PolicyName").and_then(Value::as_str).unwrap_or("without name"));
                if let Some(policy) = warned(parsed, &name, asset.id.as_str(), &mut self.warnings) {
                    let evidence = place(entry, format!("/{list}/{i}/PolicyDocument"));
                    principal.policies.push(Held { policy: Arc::new(policy), evidence });
                }
            }
        }
        let attached = asset.properties.get("AttachedManagedPolicies").and_then(Value::as_array);
        for (i, entry) in attached.into_iter().flatten().enumerate() {
            let Some(arn) = entry.get("PolicyArn").and_then(Value::as_str) else { continue };
            principal.attached.push(arn.to_owned());
            match documents.get(arn, || below(format!("/AttachedManagedPolicies/{i}"))) {
                Some(held) => principal.policies.push(held),
                None => warn(&mut self.warnings, || {
                    format!("{arn} is attached to {} but its document is not in the input", asset.id)
                }),
            }
        }
        let boundary = asset.properties.get("PermissionsBoundary");
        let arn = boundary.and_then(|b| b.get("PermissionsBoundaryArn").or(Some(b))).and_then(Value::as_str);
        if let Some(arn) = arn {
            principal.boundary_arn = Some(arn.to_owned());
            let held = documents.get(arn, || below("/PermissionsBoundary".to_owned()));
            principal.boundary = held.map_or_else(|| Boundary::Missing(arn.to_owned()), Boundary::Policy);
        }
        let trust = asset.properties.get("AssumeRolePolicyDocument").and_then(|document| {
            let parsed = Policy::parse(document, Purpose::Trust);
            warned(parsed, "the trust policy", asset.id.as_str(), &mut self.warnings)
        });
        let mut evidence = below("/AssumeRolePolicyDocument".to_owned());
        if let Some(pointer) = asset.text("AssumeRolePolicyPointer") {
            evidence.pointer = Some(pointer.to_owned());
        }
        principal.trust = trust.map(|policy| Held { policy: Arc::new(policy), evidence });
        let profiles = asset.properties.get("InstanceProfileList").and_then(Value::as_array);
        principal.instance_profile = profiles.is_some_and(|list| !list.is_empty());
        let created = asset.properties.get("CreateDate").and_then(Value::as_str).and_then(Moment::parse);
        self.as_of = self.as_of.max(created);
        principal
    }
}

/// Managed policies by ARN, each parsed once.
pub(super) struct ManagedPolicies(HashMap<AssetId, Held>);

impl ManagedPolicies {
    pub(super) fn new(inventory: &Inventory, warnings: &mut Vec<String>) -> Self {
        let policies = inventory.assets().filter(|asset| asset.kind == AssetKind::Policy);
        Self(policies.filter_map(|asset| Some((asset.id.clone(), default_version(asset, warnings)?))).collect())
    }

    /// Those that cover everything, or everything of IAM, which soon is the same; the ones that every account has first.
    pub(super) fn strong(&self) -> Vec<String> {
        const LIMIT: usize = 16;
        let known = ["AdministratorAccess", "IAMFullAccess"].map(|name| format!("arn:aws:iam::aws:policy/{name}"));
        let own = self
            .0
            .iter()
            .filter(|(arn, held)| !known.iter().any(|known| *known == arn.as_str()) && covers_identity(&held.policy));
        let mut own: Vec<String> = own.map(|(arn, _)| arn.to_string()).collect();
        own.sort_unstable();
        known.into_iter().chain(own).take(LIMIT).collect()
    }

    pub(super) fn get(&self, arn: &str, attached_at: impl FnOnce() -> Evidence) -> Option<Held> {
        self.0.get(arn).cloned().or_else(|| {
            let name = arn.strip_prefix("arn:aws:iam::aws:policy/")?;
            let policy = managed(name.rsplit('/').next()?)?;
            Some(Held { policy, evidence: attached_at() })
        })
    }
}

/// The default version of a managed policy.
fn default_version(asset: &Asset, warnings: &mut Vec<String>) -> Option<Held> {
    let versions = asset.properties.get("PolicyVersionList")?.as_array()?;
    let is_default = |v: &Value| v.get("IsDefaultVersion").and_then(Value::as_bool) == Some(true);
    let (i, version) = versions.iter().enumerate().find(|(_, v)| is_default(v))?;
    let parsed = Policy::parse(version.get("Document")?, Purpose::Identity);
    let policy = warned(parsed, "the default version", asset.id.as_str(), warnings)?;
    let mut evidence = asset.evidence.first().cloned().unwrap_or_default();
    let base = evidence.pointer.take().unwrap_or_default();
    let own = version.get("Pointer").and_then(Value::as_str).map(str::to_owned);
    evidence.pointer = Some(own.unwrap_or_else(|| format!("{base}/PolicyVersionList/{i}/Document")));
    Some(Held { policy: Arc::new(policy), evidence })
}

/// Whether another version of this managed policy than the default allows `*` on `*`.
pub(crate) fn has_broader_version(asset: &Asset) -> bool {
    let versions = asset.properties.get("PolicyVersionList").and_then(Value::as_array).into_iter().flatten();
    let others = versions.filter(|v| v.get("IsDefaultVersion").and_then(Value::as_bool) != Some(true));
    let parse = |version: &Value| Policy::parse(version.get("Document")?, Purpose::Identity);
    others.filter_map(parse).any(|policy| covers_everything(&[&policy], &Request::default()))
}

/// Properties that hold the policy of a resource.
pub(super) const RESOURCE_POLICIES: [&str; 3] = ["policy", "Policy", "resource_policy"];

pub(super) fn resource_policy(asset: &Asset, warnings: &mut Vec<String>) -> Option<Held> {
    let key = RESOURCE_POLICIES.into_iter().find(|key| asset.properties.contains_key(*key))?;
    // the property may be something else altogether
    let policy = Policy::parse(asset.properties.get(key)?, Purpose::Resource)?;
    let policy = warned(Some(policy), "the policy", asset.id.as_str(), warnings)?;
    let mut evidence = asset.evidence.first().cloned().unwrap_or_default();
    // a policy merged in from a resource of its own says where it stood
    match asset.text("policy_pointer") {
        Some(pointer) => evidence.pointer = Some(pointer.to_owned()),
        None => {
            let base = evidence.pointer.take().unwrap_or_default();
            evidence.pointer = Some(format!("{base}/{}", pointer_key(key)));
        }
    }
    Some(Held { policy: Arc::new(policy), evidence })
}

pub(super) fn is_principal(asset: &Asset) -> bool {
    matches!(asset.kind, AssetKind::User | AssetKind::Role | AssetKind::Group)
        && asset.id.as_str().starts_with("arn:")
        && asset.id.as_str().contains(":iam:")
}

pub(super) fn member_of(asset: &Asset) -> Vec<AssetId> {
    let names = asset.properties.get("GroupList").and_then(Value::as_array).into_iter().flatten();
    let prefix = asset.id.as_str().split_once(":user/").map(|(prefix, _)| prefix);
    names
        .filter_map(Value::as_str)
        .filter_map(|name| Some(AssetId::from(format!("{}:group/{name}", prefix?))))
        .collect()
}
