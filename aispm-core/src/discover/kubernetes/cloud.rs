//! Where a cluster meets its cloud: the machine that a node is, and cloud identities that name a service account from
//! their side.

use std::collections::HashMap;

use serde_json::Value;

use crate::asset::{Asset, AssetKind, Inventory, RelationKind};
use crate::discover::format::Found;

/// Adds these relations. Linear in assets.
pub(in crate::discover) fn meet(inventory: &Inventory, found: &mut Found) {
    let mut accounts: HashMap<(&str, &str), Vec<&Asset>> = HashMap::new();
    let mut nodes = Vec::new();
    for asset in inventory.assets() {
        if asset.kind == AssetKind::ServiceAccount
            && let Some(place) = account(asset.id.as_str())
        {
            accounts.entry(place).or_default().push(asset);
        }
        if let (Some("Node"), Some(machine)) = (asset.text("kubernetes_kind"), asset.text("provider_id")) {
            nodes.push((asset, machine));
        }
    }
    // which of several clusters is meant nothing tells
    let one = |place: Option<(&str, &str)>| match accounts.get(&place?)?.as_slice() {
        [one] => Some(*one),
        _ => None,
    };
    for asset in inventory.assets() {
        let pool = asset.text("kubernetes_namespace").zip(asset.text("kubernetes_service_account"));
        if let Some(account) = one(pool) {
            relate(account, RelationKind::CanAssume, asset, asset, found);
        }
        if is_association(asset) {
            let service_account = asset.text("service_account").or_else(|| asset.text("serviceAccount"));
            if let Some(account) = one(asset.text("namespace").zip(service_account)) {
                relate(asset, RelationKind::AppliesTo, account, asset, found);
            }
        }
    }
    machines(inventory, &nodes, found);
}

/// An association of EKS Pod Identity: it gives a service account a role.
fn is_association(asset: &Asset) -> bool {
    asset.text("terraform_type") == Some("aws_eks_pod_identity_association")
        || ["aws_type", "cloudformation_type"]
            .iter()
            .any(|key| asset.text(key) == Some("AWS::EKS::PodIdentityAssociation"))
}

/// The virtual machines that nodes say they are: `aws:///ZONE/INSTANCE`, `gce://PROJECT/ZONE/NAME`, `azure://` and the
/// resource's id.
fn machines(inventory: &Inventory, nodes: &[(&Asset, &str)], found: &mut Found) {
    if nodes.is_empty() {
        return;
    }
    let mut instances: HashMap<&str, &Asset> = HashMap::new();
    for asset in inventory.assets().filter(|asset| asset.kind == AssetKind::Node) {
        if let Some((_, instance)) = asset.id.as_str().split_once(":instance/") {
            instances.insert(instance, asset);
        }
        if let Some(instance) = asset.properties.get("InstanceId").and_then(Value::as_str) {
            instances.insert(instance, asset);
        }
    }
    for (node, machine) in nodes {
        let machine = match machine.split_once("://") {
            Some(("aws", rest)) => rest.rsplit('/').next().and_then(|id| instances.get(id).copied()),
            Some(("gce", rest)) => {
                let mut parts = rest.split('/');
                let id = parts.next().zip(parts.next()).zip(parts.next()).map(|((project, zone), name)| {
                    format!("//compute.googleapis.com/projects/{project}/zones/{zone}/instances/{name}")
                });
                id.and_then(|id| inventory.get(&id))
            }
            Some(("azure", id)) => inventory.get(id).or_else(|| inventory.get(&id.to_lowercase())),
            _ => None,
        };
        if let Some(machine) = machine {
            relate(node, RelationKind::RunsOn, machine, node, found);
        }
    }
}

fn relate(from: &Asset, kind: RelationKind, to: &Asset, shown_by: &Asset, found: &mut Found) {
    let evidence = shown_by.evidence.first().cloned().unwrap_or_default();
    found.relate(from.id.as_str(), kind, to.id.as_str(), &evidence);
}

/// Namespace and name of a service account of Kubernetes.
fn account(id: &str) -> Option<(&str, &str)> {
    let mut parts = id.strip_prefix("k8s://")?.rsplit('/');
    let (name, kind, namespace) = (parts.next()?, parts.next()?, parts.next()?);
    (kind == "ServiceAccount").then_some((namespace, name))
}
