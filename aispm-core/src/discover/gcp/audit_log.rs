//! Cloud Audit Logs: who called what. Entries are many and resources few, so that objects count as their bucket and
//! jobs as their project.

use serde_json::Value;

use super::access::access;
use super::field::either_text;
use super::{name, principal, resource};
use crate::asset::{Document, Evidence, OwnerClaim, OwnerSource, RelationKind};
use crate::discover::{Found, Structured};

/// `LogEntry` with a `protoPayload`, also as the export to BigQuery calls it.
pub(super) const AUDIT_LOG: Structured = Structured {
    name: "gcp-audit-log",
    critical: false,
    in_parts: false,
    markers: &["protoPayload", "methodName", "serviceName"],
    matches: |value| {
        payload(value).is_some_and(|(payload, _)| either_text(payload, "methodName", "method_name").is_some())
    },
    read,
};

/// Where the audit record of an entry stands.
pub(super) fn payload(entry: &Value) -> Option<(&Value, &'static str)> {
    let at = |key: &'static str| entry.get(key).map(|payload| (payload, key));
    at("protoPayload").or_else(|| at("protopayload_auditlog")).or_else(|| at("proto_payload"))
}

fn read(document: &Document, found: &mut Found) {
    let entry = &document.value;
    let Some((payload, key)) = payload(entry) else { return };
    // a refused or failed call did not happen
    if payload.pointer("/status/code").and_then(Value::as_i64).is_some_and(|code| code != 0) {
        return;
    }
    let (Some(method), Some(target)) = (either_text(payload, "methodName", "method_name"), target(payload)) else {
        return;
    };
    let Some(caller) = caller(payload) else { return };
    let Some(kind) = access().of_method(method) else { return };
    let time = either_text(entry, "timestamp", "receiveTimestamp");
    let evidence = document.evidence(&format!("/{key}")).excerpt(method);
    ensure(&target, &evidence, found);
    if found.inventory.get(&caller).is_none() {
        match principal::asset(&caller) {
            Some(asset) => found.inventory.add(asset.seen(evidence.clone())),
            None => return,
        }
    }
    found.happened(&caller, kind, &target, time, &evidence);
    delegation(payload, &caller, time, &evidence, found);
    created(method, payload, &caller, &evidence, found);
}

/// Adds what a log names, once.
pub(super) fn ensure(id: &str, evidence: &Evidence, found: &mut Found) {
    if found.inventory.get(id).is_none() {
        let asset = resource::stub(id).seen(evidence.clone());
        resource::contained(&asset, evidence, found);
        found.inventory.add(asset);
    }
}

/// The IAM name of who called.
fn caller(payload: &Value) -> Option<String> {
    let info = payload.get("authenticationInfo").or_else(|| payload.get("authentication_info"))?;
    let email = either_text(info, "principalEmail", "principal_email").filter(|email| email.contains('@'));
    match email {
        Some(email) => Some(name::principal(email)),
        None => either_text(info, "principalSubject", "principal_subject").map(str::to_owned),
    }
}

/// What was called: the resource, its bucket for an object, its project for a query or job.
fn target(payload: &Value) -> Option<String> {
    let service = either_text(payload, "serviceName", "service_name")?;
    let named = either_text(payload, "resourceName", "resource_name").or_else(|| {
        payload.pointer("/authorizationInfo/0/resource").and_then(Value::as_str).filter(|text| !text.is_empty())
    })?;
    let named = match service {
        "storage.googleapis.com" => named.split("/objects/").next().unwrap_or(named),
        "bigquery.googleapis.com" => named.split("/jobs/").next().unwrap_or(named),
        // who a token was made for stands in the name of the service account
        "iamcredentials.googleapis.com" | "iam.googleapis.com" => {
            return name::id(named, "iam.googleapis.com");
        }
        _ => named,
    };
    let named = named.split("/operations/").next().unwrap_or(named);
    if name::is_relative(named) {
        return Some(name::full(service, named));
    }
    name::id(named, service)
}

/// A service account that someone else acted through.
fn delegation(payload: &Value, caller: &str, time: Option<&str>, evidence: &Evidence, found: &mut Found) {
    let chain = payload.pointer("/authenticationInfo/serviceAccountDelegationInfo").and_then(Value::as_array);
    for link in chain.into_iter().flatten() {
        let Some(email) = link.pointer("/firstPartyPrincipal/principalEmail").and_then(Value::as_str) else { continue };
        let from = name::principal(email);
        if from == caller {
            continue;
        }
        if found.inventory.get(&from).is_none()
            && let Some(asset) = principal::asset(&from)
        {
            found.inventory.add(asset.seen(evidence.clone()));
        }
        found.happened(&from, RelationKind::CanAssume, caller, time, evidence);
    }
}

/// Who created an asset has a claim on it.
fn created(method: &str, payload: &Value, caller: &str, evidence: &Evidence, found: &mut Found) {
    let word = method.rsplit('.').next().unwrap_or(method);
    let service = either_text(payload, "serviceName", "service_name").unwrap_or_default();
    let new = payload.pointer("/response/name").and_then(Value::as_str).filter(|name| !name.contains("/operations/"));
    let Some(new) = new.filter(|name| word.starts_with("Create") && name::is_relative(name)) else { return };
    let id = name::full(service, new);
    ensure(&id, evidence, found);
    found.relate(&id, RelationKind::DeployedBy, caller, evidence);
    if let Some(asset) = found.inventory.get_mut(&id) {
        let owner = caller.split_once(':').map_or(caller, |(_, email)| email);
        asset.claim(OwnerClaim::new(OwnerSource::Creator, owner, evidence.clone()));
    }
}
