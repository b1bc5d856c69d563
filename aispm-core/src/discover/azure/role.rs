//! Who may do what: role assignments give a principal a role on a scope, role definitions say what the role holds.

use serde_json::Value;

use super::end::stub;
use super::id::ResourceId;
use super::identity::{principal, system_identity};
use super::resource::{self, Resource};
use super::setting;
use super::table::table;
use crate::asset::{Asset, AssetKind, RelationKind};
use crate::discover::Found;

/// What a template's expression for the identity of one of its resources becomes.
pub(super) const PRINCIPAL_OF: &str = "principal-of:";

/// The assignment is a policy that keeps role, principal and scope as written; what the role grants is a relation from
/// the principal to the scope, unless the principal is only eligible for it.
pub(super) fn assignment(resource: &Resource<'_>, active: bool, found: &mut Found) {
    let mut asset = resource::asset(resource, AssetKind::Policy);
    let definition = resource.text("roleDefinitionId");
    // a built-in role is the same in every subscription
    let guid = definition.map(|id| id.trim_end_matches('/').rsplit('/').next().unwrap_or(id));
    let named = resource.text("roleDefinitionName");
    let role = guid.and_then(|guid| table().role(guid)).or_else(|| table().role(named?));
    let name = role.map(|(name, _)| name).or(named);
    let evidence = resource.at("").excerpt(format!("role {}", name.or(guid).unwrap_or("unknown")));
    for (key, value) in [("role_definition", name.or(guid)), ("role_definition_id", definition)] {
        if let Some(value) = value {
            asset.properties.insert(key.into(), value.into());
        }
    }
    if let Some(name) = name {
        asset.name = name.to_owned();
    }
    if let (Some(definition), Some(guid)) = (definition.and_then(ResourceId::parse), guid) {
        let role = stub(&definition, resource.path());
        found.relate(&resource.id, RelationKind::Uses, role.id.as_str(), &evidence);
        found.inventory.add(Asset { name: name.unwrap_or(guid).to_owned(), ..role }.seen(evidence.clone()));
    }
    // it may be longer than settings are kept
    if let Some(condition) = resource.text("condition") {
        asset.properties.insert("condition".into(), condition.into());
    }
    let scope = scope(resource);
    let holder = holder(resource);
    if let Some(scope) = &scope {
        asset.properties.insert("scope".into(), scope.id.as_str().into());
    }
    asset.properties.insert("active".into(), active.into());
    if let (Some(scope), Some(holder), true) = (&scope, &holder, active) {
        let guessed = || guess(name.unwrap_or_default());
        for kind in role.map_or_else(guessed, |(_, grants)| grants) {
            found.relate(holder.id.as_str(), *kind, scope.id.as_str(), &evidence);
        }
    }
    if let Some(holder) = holder {
        asset.properties.insert("principal".into(), holder.id.as_str().into());
        found.relate(&resource.id, RelationKind::AppliesTo, holder.id.as_str(), &evidence);
        found.inventory.add(holder.seen(evidence.clone()));
    }
    if let Some(scope) = scope {
        found.inventory.add(scope.seen(evidence));
    }
    found.inventory.add(asset);
}

/// What the assignment is for: as it says, or what it is set on.
fn scope(resource: &Resource<'_>) -> Option<Asset> {
    let written = resource.text("scope").and_then(ResourceId::parse);
    let scope = written.or_else(|| resource.arm.parent())?;
    Some(stub(&scope, resource.path()))
}

fn holder(resource: &Resource<'_>) -> Option<Asset> {
    let id = resource.text("principalId")?;
    if let Some(of) = id.strip_prefix(PRINCIPAL_OF) {
        let of = ResourceId::parse(of)?;
        let owner = stub(&of, resource.path());
        return Some(match owner.kind {
            AssetKind::ServiceAccount => owner,
            _ => Asset::new(system_identity(owner.id.as_str()), AssetKind::ServiceAccount, owner.name),
        });
    }
    let kind = match resource.text("principalType").unwrap_or_default() {
        "User" => AssetKind::User,
        "Group" | "ForeignGroup" => AssetKind::Group,
        _ => AssetKind::ServiceAccount,
    };
    let name = resource.text("principalName").unwrap_or(id);
    if id.starts_with('[') {
        return Some(Asset::new(format!("file:{}#{id}", resource.path()), kind, name));
    }
    // a name that says nothing gives way to any other
    let known = if super::id::is_guid(name) { &principal(id) } else { name };
    let asset = Asset::new(principal(id), kind, known);
    // the command line prints mail addresses of people, application ids of programs
    let alias = match kind {
        AssetKind::User if name.contains('@') => Some(format!("user:{name}")),
        AssetKind::ServiceAccount if super::id::is_guid(name) && name != id => Some(format!("oauth-app:{name}")),
        _ => None,
    };
    Some(match alias {
        Some(alias) => asset.alias(alias),
        None => asset,
    })
}

/// What a role that nobody knows grants, as its name has it.
fn guess(name: &str) -> &'static [RelationKind] {
    let name = name.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if has(&["contributor", "owner", "administrator", "operator", "officer", "writer", "admin"]) {
        &[RelationKind::Writes]
    } else if has(&["reader"]) {
        &[RelationKind::Reads]
    } else {
        &[RelationKind::Uses]
    }
}

/// The access policies of a key vault: who reads and who changes what it holds.
pub(super) fn access_policies(resource: &Resource<'_>, found: &mut Found) {
    for (policy, place) in setting::at(resource.value, "accessPolicies") {
        let Some(id) = policy.get("objectId").and_then(Value::as_str).filter(|id| !id.starts_with('[')) else {
            continue;
        };
        let verbs = ["secrets", "keys", "certificates"]
            .iter()
            .flat_map(|kind| setting::texts(policy, &format!("permissions.{kind}")));
        let verbs: Vec<String> = verbs.map(|(verb, _)| verb.to_lowercase()).collect();
        let evidence = resource.at(&place).excerpt("access policy");
        let holder = match id.strip_prefix(PRINCIPAL_OF).and_then(ResourceId::parse) {
            Some(of) => system_identity(stub(&of, resource.path()).id.as_str()),
            None => principal(id),
        };
        let may = |known: &[&str]| verbs.iter().any(|verb| verb == "all" || known.contains(&verb.as_str()));
        if may(&["get", "list", "decrypt", "unwrapkey", "sign"]) {
            found.relate(&holder, RelationKind::Reads, &resource.id, &evidence);
        }
        if may(&["set", "delete", "create", "import", "update", "purge"]) {
            found.relate(&holder, RelationKind::Writes, &resource.id, &evidence);
        }
        found.inventory.add(Asset::new(&holder, AssetKind::ServiceAccount, id).seen(evidence));
    }
}

/// What nobody may do however roles allow it, verbatim.
pub(super) fn denial(resource: &Resource<'_>, found: &mut Found) {
    let mut asset = resource::asset(resource, AssetKind::Policy);
    let body = resource.value.get("properties").unwrap_or(resource.value);
    for key in ["permissions", "principals", "excludePrincipals", "doNotApplyToChildScopes"] {
        asset.properties.extend(body.get(key).map(|value| (key.to_owned(), value.clone())));
    }
    if let Some(name) = resource.text("denyAssignmentName") {
        asset.name = name.to_owned();
    }
    if let Some(scope) = scope(resource) {
        let evidence = resource.at("").excerpt(&asset.name);
        asset.properties.insert("scope".into(), scope.id.as_str().into());
        found.relate(&resource.id, RelationKind::AppliesTo, scope.id.as_str(), &evidence);
        found.inventory.add(scope.seen(evidence));
    }
    found.inventory.add(asset);
}

/// A role with its permissions, verbatim.
pub(super) fn definition(resource: &Resource<'_>, found: &mut Found) {
    let mut asset = resource::asset(resource, AssetKind::Policy);
    if let Some(name) = resource.text("roleName") {
        asset.name = name.to_owned();
    }
    let body = resource.value.get("properties").unwrap_or(resource.value);
    if let Some(permissions) = body.get("permissions").filter(|list| list.is_array()) {
        asset.properties.insert("permissions".into(), permissions.clone());
    }
    for (scope, place) in setting::texts(resource.value, "assignableScopes") {
        if let Some(scope) = ResourceId::parse(scope) {
            let scope = stub(&scope, resource.path());
            found.relate(&resource.id, RelationKind::AppliesTo, scope.id.as_str(), &resource.at(&place));
            found.inventory.add(scope.seen(resource.at(&place)));
        }
    }
    if let Some(kind) = ["type", "roleType"].iter().find_map(|key| body.get(key).and_then(Value::as_str)) {
        asset.properties.insert("role_type".into(), kind.into());
    }
    found.inventory.add(asset);
}
