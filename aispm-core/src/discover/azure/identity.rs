//! Managed identities: what a resource acts as, and who may act as an identity from outside.

use serde_json::Value;

use super::end::stub;
use super::id::ResourceId;
use super::resource::Resource;
use super::setting;
use crate::asset::{Asset, AssetKind, RelationKind};
use crate::discover::Found;

/// The id of a principal of Entra.
pub(super) fn principal(id: &str) -> String {
    format!("entra:{}", id.to_lowercase())
}

/// The identities that a resource acts as; a user-assigned identity is known by its principal as well.
pub(super) fn runs_as(resource: &Resource<'_>, asset: &Asset, found: &mut Found) {
    if resource.resource_type.eq_ignore_ascii_case("Microsoft.ManagedIdentity/userAssignedIdentities") {
        own(resource, found);
    }
    let Some(identity) = resource.value.get("identity").filter(|identity| identity.is_object()) else { return };
    let text = |key: &str| identity.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let system = text("principalId").or_else(|| text("principal_id")).map(|id| (principal(id), "/principalId"));
    // before it is deployed a resource has an identity without a name
    let will_have = || {
        let kind = text("type").unwrap_or_default().to_lowercase();
        kind.contains("system").then(|| (system_identity(&resource.id), "/type"))
    };
    if let Some((id, place)) = system.or_else(will_have) {
        let evidence = resource.at(&format!("/identity{place}")).excerpt(format!("identity of {}", asset.name));
        let account = Asset::new(&id, AssetKind::ServiceAccount, &asset.name).with("identity_type", "SystemAssigned");
        found.inventory.add(account.seen(evidence.clone()));
        found.relate(&resource.id, RelationKind::RunsAs, &id, &evidence);
    }
    let listed = ["userAssignedIdentities", "user_assigned_identities"].iter().find_map(|key| identity.get(key));
    let listed: Vec<(&str, Option<&str>)> = match listed {
        Some(Value::Object(map)) => {
            map.iter().map(|(id, value)| (id.as_str(), value.get("principalId").and_then(Value::as_str))).collect()
        }
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(|item| {
                let id = item.as_str().or_else(|| item.get("resource_id")?.as_str())?;
                Some((id, item.get("principal_id").and_then(Value::as_str)))
            })
            .collect(),
        _ => Vec::new(),
    };
    for (id, principal_id) in listed {
        let Some(arm) = ResourceId::parse(id) else { continue };
        let mut account = stub(&arm, resource.path());
        let evidence = resource.at("/identity").excerpt(&account.name);
        found.relate(&resource.id, RelationKind::RunsAs, account.id.as_str(), &evidence);
        if let Some(id) = principal_id {
            let id = principal(id);
            found.relate(&resource.id, RelationKind::RunsAs, &id, &evidence);
            account = account.alias(id);
        }
        found.inventory.add(account.seen(evidence));
    }
}

/// The identity that Azure gives a resource when it is deployed.
pub(super) fn system_identity(resource: &str) -> String {
    format!("{resource}/identity")
}

/// The other ids of a user-assigned identity.
fn own(resource: &Resource<'_>, found: &mut Found) {
    let mut asset = Asset::new(&resource.id, AssetKind::ServiceAccount, resource.arm.name());
    if let Some(id) = resource.text("principalId") {
        asset = asset.alias(principal(id));
    }
    if let Some(id) = resource.text("clientId") {
        asset = asset.alias(format!("oauth-app:{}", id.to_lowercase()));
    }
    found.inventory.add(asset.seen(resource.at("").excerpt(resource.arm.name())));
}

/// A service account of Kubernetes that may become an identity, as its federated credential says.
pub(super) fn federated(resource: &Resource<'_>, identity: &Asset, found: &mut Found) {
    for (subject, place) in setting::texts(resource.value, "subject") {
        let evidence = resource.at(&place).excerpt(subject);
        let from = match subject.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':')) {
            Some((namespace, name)) => {
                let id = format!("k8s://cluster/{namespace}/ServiceAccount/{name}");
                Asset::new(id, AssetKind::ServiceAccount, name)
            }
            None => Asset::new(format!("oidc:{subject}"), AssetKind::ServiceAccount, subject),
        };
        found.relate(from.id.as_str(), RelationKind::CanAssume, identity.id.as_str(), &evidence);
        let issuer = resource.text("issuer").map(str::to_owned);
        let from = match issuer {
            Some(issuer) => from.with("issuer", issuer),
            None => from,
        };
        found.inventory.add(from.seen(evidence));
    }
}
