//! IAM policies: who has which role on what. A policy stays verbatim in its resource's `iam_policy`.

use serde_json::Value;

use super::access::access;
use super::field::either_text;
use super::{name, principal, resource};
use crate::asset::{Asset, AssetKind, Authentication, Document, Evidence, Exposure, RelationKind};
use crate::discover::kubernetes::internet;
use crate::discover::walk::file_name;
use crate::discover::{Found, Structured};

/// A policy by itself (`gcloud … get-iam-policy`), or with its resource beside it (`search-all-iam-policies`).
pub(super) const IAM_POLICY: Structured = Structured {
    name: "gcp-iam-policy",
    critical: true,
    in_parts: false,
    markers: &["bindings", "members", "roles/"],
    matches: |value| policy(value).is_some(),
    read,
};

/// `gcloud asset analyze-iam-policy` and `get-effective-iam-policy`.
pub(super) const ANALYSIS: Structured = Structured {
    name: "gcp-iam-analysis",
    critical: true,
    in_parts: false,
    markers: &["attachedResource", "members", "roles/"],
    matches: |value| {
        (either_text(value, "attachedResourceFullName", "attached_resource_full_name").is_some()
            && value.get("iamBinding").or_else(|| value.get("iam_binding")).is_some())
            || (either_text(value, "attachedResource", "attached_resource").is_some()
                && value.get("policy").is_some_and(is_policy))
            || value.pointer("/mainAnalysis/analysisResults").is_some()
            || (value.get("policyResults").is_some_and(Value::is_array))
    },
    read: read_analysis,
};

/// Fields that name a policy's resource, most telling first.
const RESOURCE: &[&str] = &[
    "resource",
    "name",
    "fullResourceName",
    "full_resource_name",
    "resourceName",
    "projectId",
    "project_id",
    "project",
];

/// Whether a value is a policy: a list of bindings, each a role with members.
pub(super) fn is_policy(value: &Value) -> bool {
    value.get("bindings").and_then(Value::as_array).is_some_and(|rows| match rows.first() {
        Some(row) => row.get("role").is_some_and(Value::is_string) && row.get("members").is_none_or(Value::is_array),
        None => value.get("etag").is_some(),
    })
}

/// The policy of a document, with its pointer.
fn policy(value: &Value) -> Option<(&Value, &'static str)> {
    if is_policy(value) {
        return Some((value, ""));
    }
    let at = |key: &str, pointer| value.get(key).filter(|policy| is_policy(policy)).map(|policy| (policy, pointer));
    at("policy", "/policy").or_else(|| at("iamPolicy", "/iamPolicy")).or_else(|| at("iam_policy", "/iam_policy"))
}

fn read(document: &Document, found: &mut Found) {
    let Some((policy, pointer)) = policy(&document.value) else { return };
    let named = RESOURCE.iter().find_map(|key| {
        let text = document.value.get(*key)?.as_str()?;
        let project = matches!(*key, "projectId" | "project_id" | "project") && !text.contains('/');
        if project { Some(name::project(text)) } else { name::id(text, "cloudresourcemanager.googleapis.com") }
    });
    let mut asset = match named {
        Some(id) => resource::stub(&id),
        // the file's name is all that tells whose policy it is
        None => {
            let stem = file_name(document.path());
            let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
            let id = format!("file:{}#iam-policy{}", document.path(), place(document));
            Asset::new(id, AssetKind::Policy, stem).with("gcp_type", "iam.googleapis.com/Policy")
        }
    };
    if let Some(kind) = either_text(&document.value, "assetType", "asset_type") {
        asset.properties.insert("gcp_type".into(), kind.into());
    }
    asset.evidence.push(document.evidence(pointer));
    grant(document, pointer, policy, &mut asset, found);
    found.inventory.add(asset);
}

/// Tells several policies of one file apart.
fn place(document: &Document) -> String {
    let evidence = document.evidence("");
    let line = evidence.line.filter(|line| *line > 1).map(|line| format!(":{line}"));
    evidence.pointer.filter(|pointer| !pointer.is_empty()).or(line).unwrap_or_default()
}

fn read_analysis(document: &Document, found: &mut Found) {
    let value = &document.value;
    let mut one = |row: &Value, pointer: &str| {
        let Some(text) = either_text(row, "attachedResourceFullName", "attached_resource_full_name")
            .or_else(|| either_text(row, "attachedResource", "attached_resource"))
        else {
            return;
        };
        let Some(id) = name::id(text, "cloudresourcemanager.googleapis.com") else { return };
        let mut asset = resource::stub(&id);
        if let Some(policy) = row.get("policy").filter(|policy| is_policy(policy)) {
            let pointer = format!("{pointer}/policy");
            asset.evidence.push(document.evidence(&pointer));
            grant(document, &pointer, policy, &mut asset, found);
        } else if let Some((key, binding)) = super::field::either(row, "iamBinding", "iam_binding") {
            // one binding of a policy is not the policy
            let pointer = format!("{pointer}/{key}");
            asset.evidence.push(document.evidence(&pointer));
            bind(document, &pointer, binding, &mut asset, found);
        }
        found.inventory.add(asset);
    };
    one(value, "");
    let rows = |value: &Value, pointer: &str| -> Vec<Value> {
        value.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    for (i, row) in rows(value, "/mainAnalysis/analysisResults").iter().enumerate() {
        one(row, &format!("/mainAnalysis/analysisResults/{i}"));
    }
    for (i, result) in rows(value, "/policyResults").iter().enumerate() {
        for (j, row) in rows(result, "/policies").iter().enumerate() {
            one(row, &format!("/policyResults/{i}/policies/{j}"));
        }
    }
}

/// Keeps a policy in its resource and adds what its bindings give.
pub(super) fn grant(document: &Document, pointer: &str, policy: &Value, asset: &mut Asset, found: &mut Found) {
    asset.properties.insert("iam_policy".into(), policy.clone());
    // an asset's evidence may end before the policy's place is seen
    if let Ok(place) = serde_json::to_value(document.evidence(pointer)) {
        asset.properties.insert("iam_policy_at".into(), place);
    }
    for (i, binding) in policy.get("bindings").and_then(Value::as_array).into_iter().flatten().enumerate() {
        bind(document, &format!("{pointer}/bindings/{i}"), binding, asset, found);
    }
}

/// What one binding gives on its resource.
pub(super) fn bind(document: &Document, pointer: &str, binding: &Value, asset: &mut Asset, found: &mut Found) {
    let Some(role) = binding.get("role").and_then(Value::as_str) else { return };
    let conditional = binding.get("condition").is_some_and(|condition| condition.get("expression").is_some());
    let excerpt = if conditional { format!("{role}, on a condition") } else { role.to_owned() };
    let members = binding.get("members").and_then(Value::as_array).into_iter().flatten();
    for (i, text) in members.enumerate().filter_map(|(i, member)| Some((i, member.as_str()?))) {
        let evidence = document.evidence(&format!("{pointer}/members/{i}")).excerpt(&excerpt);
        give(role, text, &evidence, asset, found);
    }
}

/// What a role gives one member.
pub(super) fn give(role: &str, text: &str, evidence: &Evidence, asset: &mut Asset, found: &mut Found) {
    if let Some(authentication) = principal::everyone(text) {
        open(asset, role, authentication, evidence, found);
    } else if let Some(identity) = principal::asset(text) {
        for kind in gives(role, asset.kind) {
            found.relate(identity.id.as_str(), *kind, asset.id.as_str(), evidence);
        }
        found.inventory.add(identity.seen(evidence.clone()));
    }
}

/// Only a service account can be assumed; elsewhere such a role says nothing of the resource itself.
fn gives(role: &str, kind: AssetKind) -> impl Iterator<Item = &'static RelationKind> {
    let account = kind == AssetKind::ServiceAccount;
    access().of_role(role).iter().filter(move |given| **given != RelationKind::CanAssume || account)
}

/// Everyone has a role: the resource is public, unless its bucket refuses that.
fn open(asset: &mut Asset, role: &str, authentication: Authentication, evidence: &Evidence, found: &mut Found) {
    let enforced = |value: Option<&Value>| value.is_some_and(|value| value == "enforced");
    let configuration = asset.properties.get("iamConfiguration");
    if enforced(configuration.and_then(|c| c.get("publicAccessPrevention")))
        || ["public_access_prevention", "publicAccessPrevention"].iter().any(|key| enforced(asset.properties.get(*key)))
    {
        return;
    }
    asset.exposure = Some(Exposure::Public);
    asset.authentication = Some(asset.authentication.map_or(authentication, |known| known.min(authentication)));
    crate::discover::container::append(asset, "public_roles", role);
    internet(asset.id.as_str(), evidence, found);
}
