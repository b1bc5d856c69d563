//! Who may do what on Google Cloud and Azure: IAM members and role assignments as relations from principal to resource.

use serde_json::Value;

use super::estate::Estate;
use super::exposure::internet;
use super::resource::{Resource, texts};
use super::table::table;
use crate::asset::{Asset, AssetKind, Authentication, Evidence, RelationKind};
use crate::discover::Found;

/// Types that only grant a role.
pub(super) fn is_grant(kind: &str) -> bool {
    kind.starts_with("google_") && ["_iam_member", "_iam_binding", "_iam_policy"].iter().any(|end| kind.ends_with(end))
        || kind == "azurerm_role_assignment"
        || kind == "google_iam_policy"
}

pub(super) fn read(estate: &Estate<'_>, found: &mut Found) {
    for resource in estate.resources.iter().filter(|resource| is_grant(resource.kind)) {
        if resource.kind == "azurerm_role_assignment" {
            assignment(estate, resource, found);
        } else if resource.kind != "google_iam_policy" {
            grant(estate, resource, found);
        }
    }
    identities(estate, found);
}

/// `google_…_iam_member`, `_binding` and `_policy`.
fn grant(estate: &Estate<'_>, resource: &Resource<'_>, found: &mut Found) {
    let on = granted(estate, resource).unwrap_or_else(|| resource.id.clone());
    // a stub for what only the grant names
    if found.inventory.get(&on).is_none() {
        let name = on.rsplit(['/', '#']).next().unwrap_or(&on);
        let kind = match resource.kind {
            _ if on == resource.id => AssetKind::Resource,
            kind if kind.starts_with("google_project_") => AssetKind::Account,
            kind if kind.starts_with("google_storage_bucket") => AssetKind::Bucket,
            _ => AssetKind::Resource,
        };
        found.inventory.add(Asset::new(&on, kind, name).seen(resource.evidence.clone()));
    }
    let condition = texts(&resource.values, "condition.expression").into_iter().next().map(|(_, text)| text);
    for (n, (role, member, pointer)) in members(estate, resource).into_iter().enumerate() {
        let evidence = resource.at(&pointer).excerpt(format!("{member} {role}"));
        let role = match role.contains("${") {
            true => estate.resolve(&role, "role", resource.address).into_iter().next().map_or(role, |target| target.id),
            false => role,
        };
        let mut binding = Asset::new(format!("{}#{n}", resource.id), AssetKind::Policy, &role)
            .with("gcp_type", "iam.googleapis.com/Binding")
            .with("role", role.as_str())
            .with("scope", on.as_str())
            .seen(evidence.clone());
        binding.properties.extend(condition.map(|text| ("condition".to_owned(), text.into())));
        if matches!(member.as_str(), "allUsers" | "allAuthenticatedUsers") {
            found.inventory.add(binding.with("member", member.as_str()));
            let everyone = member == "allUsers";
            let login = if everyone { Authentication::None } else { Authentication::Identity };
            internet(&on, login, &evidence, true, found);
            continue;
        }
        let Some(principal) = principal(estate, &member, resource, &evidence, found) else { continue };
        found.relate(&principal, verb(&role), &on, &evidence);
        found.relate(binding.id.as_str(), RelationKind::AppliesTo, &principal, &evidence);
        found.inventory.add(binding);
    }
}

/// Roles and members with the pointer of the member.
fn members(estate: &Estate<'_>, resource: &Resource<'_>) -> Vec<(String, String, String)> {
    let role = resource.text("role").unwrap_or_default().to_owned();
    let mut all: Vec<(String, String, String)> = ["member", "members"]
        .iter()
        .flat_map(|key| texts(&resource.values, key))
        .map(|(pointer, member)| (role.clone(), member.to_owned(), pointer))
        .collect();
    let Some(policy) = resource.text("policy_data") else { return all };
    let document: Value = serde_json::from_str(policy).unwrap_or_default();
    let at = "/policy_data".to_owned();
    for binding in document.get("bindings").and_then(Value::as_array).into_iter().flatten() {
        let role = binding.get("role").and_then(Value::as_str).unwrap_or_default();
        for member in binding.get("members").map_or(&[][..], super::items).iter().filter_map(Value::as_str) {
            all.push((role.to_owned(), member.to_owned(), at.clone()));
        }
    }
    // in configuration the policy is a data source of its own
    for target in estate.resolve(policy, "iam_policy", resource.address) {
        let data = estate.at(&target.address).filter(|data| data.kind == "google_iam_policy");
        for binding in data.and_then(|data| data.values.get("binding")).map_or(&[][..], super::items) {
            let role = binding.get("role").and_then(Value::as_str).unwrap_or_default();
            for member in binding.get("members").map_or(&[][..], super::items).iter().filter_map(Value::as_str) {
                all.push((role.to_owned(), member.to_owned(), at.clone()));
            }
        }
    }
    all
}

/// What a role is granted on.
fn granted(estate: &Estate<'_>, resource: &Resource<'_>) -> Option<String> {
    const SCOPES: &[&str] = &["project", "region", "location", "zone", "role", "member", "etag", "id", "policy_data"];
    let end = ["_iam_member", "_iam_binding", "_iam_policy"].iter().find_map(|end| resource.kind.strip_suffix(end))?;
    let project = resource.text("project").filter(|p| !p.contains("${")).unwrap_or(&estate.project);
    let account = |project: &str| {
        let project = project.rsplit('/').next().unwrap_or(project);
        (!project.is_empty()).then(|| format!("//cloudresourcemanager.googleapis.com/projects/{project}"))
    };
    match end {
        "google_project" => {
            let given = resource.text("project").unwrap_or(&estate.project);
            let own = estate.resolve(given, "project", resource.address).into_iter().next().map(|target| target.id);
            return own.or_else(|| account(given).filter(|id| !id.contains("${")));
        }
        "google_folder" | "google_organization" => {
            let key = if end == "google_folder" { "folder" } else { "org_id" };
            let id = resource.text(key)?.rsplit('/').next()?.to_owned();
            return Some(format!(
                "//cloudresourcemanager.googleapis.com/{}/{id}",
                if key == "folder" { "folders" } else { "organizations" }
            ));
        }
        _ => {}
    }
    let stem = end.strip_prefix("google_")?;
    let named = |key: &str, value: &str| {
        if value.contains("${") || !["service_account_id"].contains(&key) {
            let pointer = stem.to_owned();
            return estate.resolve(value, &pointer, resource.address).into_iter().next().map(|target| target.id);
        }
        None
    };
    let mut keys: Vec<(&String, &str)> = resource
        .values
        .iter()
        .filter(|(key, _)| !SCOPES.contains(&key.as_str()))
        .filter_map(|(key, value)| Some((key, value.as_str().filter(|text| !text.is_empty())?)))
        .collect();
    // the value that is named as the type ends, e.g. `bucket` of `google_storage_bucket_iam_member`
    keys.sort_by_key(|(key, _)| !stem.contains(key.trim_end_matches("_id").trim_end_matches("_name")));
    let own = keys.iter().find_map(|(key, value)| named(key, value));
    own.or_else(|| {
        let (_, value) = keys.first().filter(|(_, value)| !value.contains("${"))?;
        match stem {
            "storage_bucket" => Some(format!("gs://{value}")),
            "service_account" => Some(format!("serviceAccount:{}", value.rsplit('/').next().unwrap_or(value))),
            _ => {
                let known = table().types.get(end)?;
                let (service, template) = known.gcp.as_deref()?.split_once(':')?;
                if value.starts_with("projects/") {
                    return Some(format!("//{service}.googleapis.com/{value}"));
                }
                let filled = super::table::fill(template, |key| match key {
                    "project" => Some(project.to_owned()),
                    "location" | "region" | "zone" => resource.text(key).map(str::to_owned),
                    _ => Some((*value).to_owned()),
                })?;
                Some(format!("//{service}.googleapis.com/{filled}"))
            }
        }
    })
}

/// A principal as IAM writes it, or the resource that it is.
fn principal(
    estate: &Estate<'_>,
    member: &str,
    resource: &Resource<'_>,
    evidence: &Evidence,
    found: &mut Found,
) -> Option<String> {
    if member.contains("${") {
        return estate.resolve(member, "service_account", resource.address).into_iter().next().map(|target| target.id);
    }
    let (kind, name) = member.split_once(':')?;
    let kind = match kind {
        "user" => AssetKind::User,
        "serviceAccount" => AssetKind::ServiceAccount,
        _ => AssetKind::Group,
    };
    found.inventory.add(Asset::new(member, kind, name).seen(evidence.clone()));
    Some(member.to_owned())
}

/// What the holder of a role does, by the words in the role's name.
fn verb(role: &str) -> RelationKind {
    let name = role.to_ascii_lowercase();
    table()
        .role_words
        .iter()
        .find(|(word, _)| name.contains(word.as_str()))
        .map_or(RelationKind::Uses, |(_, verb)| *verb)
}

/// `azurerm_role_assignment`.
fn assignment(estate: &Estate<'_>, resource: &Resource<'_>, found: &mut Found) {
    let (Some(scope), Some(principal)) = (resource.text("scope"), resource.text("principal_id")) else { return };
    let role = resource.text("role_definition_name").or(resource.text("role_definition_id")).unwrap_or_default();
    let evidence = resource.at("/role_definition_name").excerpt(role);
    let mut scopes: Vec<String> =
        estate.resolve(scope, "scope", resource.address).into_iter().map(|target| target.id).collect();
    if scopes.is_empty() {
        super::unplaced(estate, resource, found);
        scopes.push(resource.id.clone());
    }
    let holder = if principal.contains("${") {
        estate.resolve(principal, "identity", resource.address).into_iter().next().map(|target| target.id)
    } else {
        let id = format!("entra:{principal}");
        let kind = match resource.text("principal_type") {
            Some("User") => AssetKind::User,
            Some("Group") => AssetKind::Group,
            _ => AssetKind::ServiceAccount,
        };
        found.inventory.add(Asset::new(&id, kind, principal).seen(resource.at("/principal_id")));
        Some(id)
    };
    let Some(holder) = holder else { return };
    for (n, scope) in scopes.iter().enumerate() {
        found.relate(&holder, verb(role), scope, &evidence);
        let mut asset = Asset::new(format!("{}#{n}", resource.id), AssetKind::Policy, role)
            .with("resource_type", "Microsoft.Authorization/roleAssignments")
            .with("scope", scope.as_str())
            .with("active", true)
            .seen(evidence.clone());
        for (key, from) in [
            ("role_definition", "role_definition_name"),
            ("role_definition_id", "role_definition_id"),
            ("condition", "condition"),
        ] {
            asset.properties.extend(resource.text(from).map(|text| (key.to_owned(), text.into())));
        }
        found.relate(asset.id.as_str(), RelationKind::AppliesTo, &holder, &evidence);
        let definition = resource.text("role_definition_id").filter(|text| text.contains("${"));
        for target in definition.into_iter().flat_map(|text| estate.resolve(text, "role_definition", resource.address))
        {
            found.relate(asset.id.as_str(), RelationKind::Uses, &target.id, &evidence);
        }
        found.inventory.add(asset);
    }
}

/// Identities of Azure resources: those that they are given, and their own.
fn identities(estate: &Estate<'_>, found: &mut Found) {
    for resource in estate.resources.iter().filter(|r| r.kind.starts_with("azurerm_") && !r.data) {
        for (pointer, identity) in texts(&resource.values, "identity.identity_ids") {
            for target in estate.resolve(identity, "user_assigned_identity", resource.address) {
                found.relate(&resource.id, RelationKind::RunsAs, &target.id, &resource.at(&pointer));
            }
        }
        for (pointer, principal) in texts(&resource.values, "identity.principal_id") {
            if !principal.contains("${") {
                let id = format!("entra:{principal}");
                let evidence = resource.at(&pointer);
                let name = resource.text("name").unwrap_or(resource.address);
                found.inventory.add(Asset::new(&id, AssetKind::ServiceAccount, name).seen(evidence.clone()));
                found.relate(&resource.id, RelationKind::RunsAs, &id, &evidence);
            }
        }
        if resource.kind == "azurerm_user_assigned_identity"
            && let Some(principal) = resource.text("principal_id").filter(|id| !id.contains("${"))
            && let Some(asset) = found.inventory.get_mut(&resource.id)
        {
            asset.aliases.insert(format!("entra:{principal}").into());
        }
    }
}
