//! Who may do what: service accounts, roles, bindings.

use serde_json::Value;

use super::{Object, id, list, text};
use crate::asset::{Asset, AssetKind, RelationKind, flag, pointer_key};
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
    let mut asset = object.asset(AssetKind::ServiceAccount);
    if let Some(flag) = object.value.get("automountServiceAccountToken").and_then(flag) {
        asset.properties.insert("automount_service_account_token".into(), flag.into());
    }
    let account = asset.id.to_string();
    found.inventory.add(asset);
    for key in ["secrets", "imagePullSecrets"] {
        for (i, secret) in list(object.value, key) {
            let Some(name) = text(secret, "name") else { continue };
            let evidence = object.at(&format!("/{key}/{i}")).excerpt(name);
            object.relate(&account, RelationKind::Reads, object.stub("Secret", None, name), &evidence, found);
        }
    }
    for (key, value) in object.metadata("annotations").and_then(Value::as_object).into_iter().flatten() {
        let Some(identity) = value.as_str().and_then(|value| cloud_identity(key, value)) else { continue };
        let evidence = object.at(&format!("/metadata/annotations/{}", pointer_key(key))).excerpt(&identity.name);
        object.relate(&account, RelationKind::CanAssume, identity, &evidence, found);
    }
}

/// The cloud identity that an annotation lets a service account or pod become.
pub(in crate::discover) fn cloud_identity(key: &str, value: &str) -> Option<Asset> {
    match key {
        "eks.amazonaws.com/role-arn" | "iam.amazonaws.com/role" if value.starts_with("arn:") => {
            Some(Asset::new(value, AssetKind::Role, value.rsplit('/').next().unwrap_or(value)))
        }
        "iam.gke.io/gcp-service-account" if value.contains('@') => {
            Some(Asset::new(format!("serviceAccount:{value}"), AssetKind::ServiceAccount, value))
        }
        "azure.workload.identity/client-id" if !value.is_empty() && !value.contains('$') => {
            Some(Asset::new(format!("oauth-app:{}", value.to_lowercase()), AssetKind::ServiceAccount, value))
        }
        _ => None,
    }
}
