//! Who may do what: service accounts, roles, bindings.

use serde_json::Value;

use super::{Object, id, list, text};
use crate::asset::{Asset, AssetKind, RelationKind};
use crate::discover::format::Found;

pub(super) fn role(object: &Object<'_>, found: &mut Found) {
    let mut asset = object.asset(AssetKind::Role);
    asset.properties.insert("rules".into(), object.value.get("rules").cloned().unwrap_or(Value::Array(Vec::new())));
    if let Some(aggregation) = object.value.get("aggregationRule") {
        asset.properties.insert("aggregation_rule".into(), aggregation.clone());
    }
    found.inventory.add(asset);
}

/// A binding is a policy that applies to its subjects and uses its role; each subject is a member of the role. A
/// RoleBinding of a ClusterRole holds in its own namespace only: ask the binding, not the role, for the scope.
pub(super) fn binding(object: &Object<'_>, found: &mut Found) {
    let mut asset = object.asset(AssetKind::Policy);
    let cluster_wide = object.kind == "ClusterRoleBinding";
    asset.properties.insert("scope".into(), if cluster_wide { "*" } else { object.namespace() }.into());
    for key in ["roleRef", "subjects"] {
        asset.properties.insert(key.into(), object.value.get(key).cloned().unwrap_or_default());
    }
    let binding = asset.id.to_string();
    found.inventory.add(asset);
    let role = object.value.get("roleRef").and_then(|role| {
        let kind = text(role, "kind").unwrap_or("Role");
        let namespace = if kind == "ClusterRole" { "-" } else { object.namespace() };
        Some((id(object.cluster(), namespace, kind, text(role, "name")?), text(role, "name")?))
    });
    if let Some((role, name)) = &role {
        let evidence = object.at("/roleRef");
        found.inventory.add(Asset::new(role, AssetKind::Role, *name).seen(evidence.clone().excerpt(name)));
        found.relate(&binding, RelationKind::Uses, role, &evidence);
    }
    for (i, subject) in list(object.value, "subjects") {
        let (Some(kind), Some(name)) = (text(subject, "kind"), text(subject, "name")) else { continue };
        let (asset_kind, namespace) = match kind {
            "ServiceAccount" => (AssetKind::ServiceAccount, text(subject, "namespace").unwrap_or(object.namespace())),
            "Group" => (AssetKind::Group, "-"),
            _ => (AssetKind::User, "-"),
        };
        let subject = id(object.cluster(), namespace, kind, name);
        let evidence = object.at(&format!("/subjects/{i}"));
        found.inventory.add(Asset::new(&subject, asset_kind, name).seen(evidence.clone().excerpt(name)));
        found.relate(&binding, RelationKind::AppliesTo, &subject, &evidence);
        if let Some((role, _)) = &role {
            found.relate(&subject, RelationKind::MemberOf, role, &evidence);
        }
    }
}

/// A service account, and the cloud identity it may become.
pub(super) fn service_account(object: &Object<'_>, found: &mut Found) {
    let asset = object.asset(AssetKind::ServiceAccount);
    let account = asset.id.to_string();
    found.inventory.add(asset);
    let annotation = |key: &str| object.metadata("annotations").and_then(|annotations| text(annotations, key));
    let at = |key: &str| object.at(&format!("/metadata/annotations/{}", crate::asset::pointer_key(key)));
    let mut assume = |key: &str, id: &str, kind: AssetKind, name: &str| {
        let evidence = at(key).excerpt(id);
        found.inventory.add(Asset::new(id, kind, name).seen(evidence.clone()));
        found.relate(&account, RelationKind::CanAssume, id, &evidence);
    };
    let aws = "eks.amazonaws.com/role-arn";
    if let Some(arn) = annotation(aws).filter(|arn| arn.starts_with("arn:")) {
        assume(aws, arn, AssetKind::Role, arn.rsplit('/').next().unwrap_or(arn));
    }
    let google = "iam.gke.io/gcp-service-account";
    if let Some(email) = annotation(google) {
        assume(google, &format!("serviceAccount:{email}"), AssetKind::ServiceAccount, email);
    }
    let azure = "azure.workload.identity/client-id";
    if let Some(client) = annotation(azure) {
        assume(azure, &format!("azure-client:{client}"), AssetKind::ServiceAccount, client);
    }
}
