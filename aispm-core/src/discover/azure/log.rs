//! Activity and diagnostic logs: who read, wrote or called what, and when. As Azure Monitor exports them (`records`), as
//! Resource Manager and the command line list them, as Log Analytics answers.

use std::borrow::Cow;

use serde_json::Value;

use super::end::{self, canonical, stub};
use super::id::{ResourceId, is_guid};
use super::identity::principal;
use super::table::table;
use crate::asset::{Asset, AssetKind, Document, Evidence, RelationKind};
use crate::discover::format::dispatch;
use crate::discover::model_ref;
use crate::discover::{Found, Structured};

pub(super) const RECORDS: Structured = Structured {
    name: "azure-log",
    critical: false,
    in_parts: true,
    markers: &["\"records\"", "\"resourceId\"", "\"operationName\""],
    matches: |value| {
        value.get("records").and_then(Value::as_array).and_then(|list| list.first()).is_some_and(is_record)
    },
    read: |document, found| {
        for (i, row) in document.value.get("records").and_then(Value::as_array).into_iter().flatten().enumerate() {
            let pointer = format!("/records/{i}");
            match is_record(row) {
                true => record(document, &pointer, row, found),
                false => {
                    dispatch(&document.part(&pointer, row.clone()), found);
                }
            }
        }
    },
};

pub(super) const RECORD: Structured = Structured {
    name: "azure-log",
    critical: false,
    in_parts: true,
    markers: &["\"resourceId\"", "\"operationName\"", "\"category\""],
    matches: is_record,
    read: |document, found| record(document, "", &document.value, found),
};

const RESOURCES: &[&str] = &["resourceId", "ResourceId", "_ResourceId", "resourceid"];
const TIMES: &[&str] = &["time", "eventTimestamp", "TimeGenerated", "timeGenerated", "TimeGenerated [UTC]"];
const OPERATIONS: &[&str] = &["operationName", "OperationNameValue", "OperationName", "OperationId"];
const CATEGORIES: &[&str] = &["category", "CategoryValue", "Category", "Type"];
const OBJECT_ID: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";

/// Whether a row is a record of a log about a resource: a time, a resource, and an operation or a known category.
fn is_record(row: &Value) -> bool {
    let time = TIMES.iter().any(|key| row.get(key).is_some());
    time && resource_id(row).is_some() && {
        let category = text(row, CATEGORIES).unwrap_or_default();
        // what Application Insights holds are traces, what Defender holds are findings
        let other =
            category.starts_with("Security") || category.starts_with("App") && !category.starts_with("AppService");
        let operation = OPERATIONS.iter().any(|key| row.get(key).is_some());
        !other && (operation || table().operation(category, "").is_some())
    }
}

/// A value that is a text, or an object with one as its `value`.
fn text<'a>(row: &'a Value, keys: &[&str]) -> Option<&'a str> {
    let value = |value: &'a Value| value.as_str().or_else(|| value.get("value")?.as_str());
    keys.iter().find_map(|key| value(row.get(key)?)).filter(|text| !text.is_empty())
}

fn resource_id(row: &Value) -> Option<&str> {
    let id = text(row, RESOURCES)?;
    id.get(..15).is_some_and(|start| start.eq_ignore_ascii_case("/subscriptions/")).then_some(id)
}

fn record(document: &Document, pointer: &str, row: &Value, found: &mut Found) {
    let Some(arm) = resource_id(row).and_then(ResourceId::parse) else { return };
    let body = ["properties", "properties_s", "Properties"].iter().find_map(|key| nested(row.get(key)?));
    let body = body.as_deref().unwrap_or(&Value::Null);
    let category = text(row, CATEGORIES).unwrap_or_default();
    if category.starts_with("kube-audit") {
        cluster(document, pointer, body, found);
        return;
    }
    let operation = text(row, OPERATIONS).unwrap_or_default();
    let evidence = document.evidence(pointer).excerpt(if operation.is_empty() { category } else { operation });
    let target = target(row, body, &arm, document.path(), &evidence, found);
    let Some(kind) = table().operation(category, operation).filter(|_| happened(row)) else { return };
    let Some(caller) = caller(row, body) else { return };
    let time = text(row, TIMES);
    found.happened(caller.id.as_str(), kind, &target, time, &evidence);
    once(caller, &evidence, found);
}

/// JSON, also where it is kept as text.
fn nested(value: &Value) -> Option<Cow<'_, Value>> {
    match value {
        Value::Object(_) => Some(Cow::Borrowed(value)),
        Value::String(text) if text.starts_with('{') => serde_json::from_str(text).ok().map(Cow::Owned),
        _ => None,
    }
}

/// An audit record of Kubernetes inside one of Azure.
fn cluster(document: &Document, pointer: &str, body: &Value, found: &mut Found) {
    if let Some(event) = body.get("log").and_then(nested) {
        dispatch(&document.inside(pointer, event.into_owned()), found);
    }
}

/// Whether the record says that it was done, and not that it began or failed.
fn happened(row: &Value) -> bool {
    let status =
        text(row, &["status", "ActivityStatusValue", "resultType", "ResultType", "statusText"]).unwrap_or_default();
    let not = ["start", "started", "accept", "accepted", "failure", "failed", "clienterror", "authorizationerror"];
    if not.iter().any(|word| status.eq_ignore_ascii_case(word)) {
        return false;
    }
    let keys = [
        "resultSignature",
        "ResultSignature",
        "statusCode",
        "StatusCode",
        "ResponseCode",
        "httpStatusCode_d",
        "ResultCode",
    ];
    let code = keys.iter().find_map(|key| {
        let value = row.get(key)?;
        value.as_f64().or_else(|| value.as_str()?.parse().ok())
    });
    code.is_none_or(|code| code < 400.0)
}

/// The id of what the record is about: a deployment of the account, a container of the store, or the resource itself.
fn target(
    row: &Value,
    body: &Value,
    arm: &ResourceId<'_>,
    path: &str,
    evidence: &Evidence,
    found: &mut Found,
) -> String {
    let either = |keys: &[&str]| text(body, keys).or_else(|| text(row, keys));
    let id = canonical(arm, path);
    if found.inventory.get(&id).is_none() {
        once(stub(arm, path), evidence, found);
    }
    let deployment = either(&["modelDeploymentName", "ModelDeploymentName", "DeploymentName", "deploymentName"]);
    let kind = arm.resource_type().unwrap_or_default().to_lowercase();
    if let Some(name) = deployment.filter(|name| kind == "microsoft.cognitiveservices/accounts" && !name.contains('/'))
    {
        return served(&format!("{arm}/deployments/{name}"), &id, path, either, evidence, found).unwrap_or(id);
    }
    let endpoint = either(&["EndpointName", "endpointName"]).filter(|name| !name.contains('/'));
    if let Some(name) = endpoint.filter(|_| kind == "microsoft.machinelearningservices/workspaces") {
        let endpoint = format!("{arm}/onlineEndpoints/{name}");
        return served(&endpoint, &id, path, either, evidence, found).unwrap_or(id);
    }
    // the container, not each blob
    let uri = either(&["uri", "Uri", "objectKey"]).and_then(|uri| end::storage(uri, AssetKind::Dataset));
    match uri.map(|end| end.holder.unwrap_or(end.asset)) {
        Some(container) => {
            let container_id = container.id.to_string();
            found.relate(&id, RelationKind::Contains, &container_id, evidence);
            once(container, evidence, found);
            container_id
        }
        None => id,
    }
}

/// A deployment or endpoint with the model that the record names.
fn served<'a>(
    arm: &str,
    holder: &str,
    path: &str,
    text: impl Fn(&[&str]) -> Option<&'a str>,
    evidence: &Evidence,
    found: &mut Found,
) -> Option<String> {
    let arm = ResourceId::parse(arm)?;
    let id = canonical(&arm, path);
    if found.inventory.get(&id).is_none() {
        found.relate(holder, RelationKind::Contains, &id, evidence);
        once(stub(&arm, path), evidence, found);
    }
    let model = text(&["modelName", "ModelName"]).and_then(|name| model_ref::model(name, &id));
    if let Some(mut model) = model {
        model.provenance.version = text(&["modelVersion", "ModelVersion"]).map(str::to_owned);
        if found.inventory.get(model.id.as_str()).is_none() {
            found.relate(&id, RelationKind::Serves, model.id.as_str(), evidence);
        }
        once(model, evidence, found);
    }
    Some(id)
}

/// Adds what is not known yet; a log says the same of it a million times.
fn once(asset: Asset, evidence: &Evidence, found: &mut Found) {
    if found.inventory.get(asset.id.as_str()).is_none() {
        found.inventory.add(asset.seen(evidence.clone()));
    }
}

/// Who did it: a principal, a person, a program, or else an address.
fn caller(row: &Value, body: &Value) -> Option<Asset> {
    let identity = row.get("identity").and_then(nested);
    let identity = identity.as_deref().unwrap_or(&Value::Null);
    let claims =
        [row.get("claims"), identity.get("claims"), identity.get("claim"), row.get("Claims"), row.get("Claims_d")];
    let claims = claims.into_iter().flatten().find_map(nested);
    let claims = claims.as_deref().unwrap_or(&Value::Null);
    let object = text(claims, &[OBJECT_ID, "oid"])
        .or_else(|| text(identity.get("requester")?, &["objectId"]))
        .or_else(|| text(row, &["RequesterObjectId", "identity_claim_oid_g", "CallerObjectId"]))
        .or_else(|| text(body, &["objectId", "ObjectId", "requesterObjectId"]));
    let written = text(row, &["caller", "Caller", "UserPrincipalName"]).or_else(|| text(claims, &["upn", "name"]));
    let mail = written.filter(|name| name.contains('@'));
    if let Some(object) = object.filter(|id| is_guid(id)) {
        let person = mail.is_some() || text(claims, &["upn", "unique_name"]).is_some();
        let kind = if person { AssetKind::User } else { AssetKind::ServiceAccount };
        let asset = Asset::new(principal(object), kind, written.unwrap_or(object));
        return Some(match (mail, text(claims, &["appid", "azp"])) {
            (Some(mail), _) => asset.alias(format!("user:{mail}")),
            (None, Some(app)) if !person => asset.alias(format!("oauth-app:{}", app.to_lowercase())),
            _ => asset,
        });
    }
    if let Some(mail) = mail {
        return Some(Asset::new(format!("user:{mail}"), AssetKind::User, mail));
    }
    if let Some(id) = written.filter(|id| is_guid(id)) {
        return Some(Asset::new(principal(id), AssetKind::ServiceAccount, id));
    }
    let address =
        text(row, &["callerIpAddress", "CallerIPAddress", "CallerIpAddress", "clientIp", "ClientIp", "SourceIP"])?;
    // an address may come with its port
    let address = match address.split_once(':') {
        Some((address, port)) if !port.contains(':') => address,
        _ => address,
    };
    Some(Asset::new(format!("ip:{address}"), AssetKind::NetworkEntry, address))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_all, read};
    use super::*;
    use serde_json::json;

    const ACCOUNT: &str = "/SUBSCRIPTIONS/S/RESOURCEGROUPS/G/PROVIDERS/MICROSOFT.COGNITIVESERVICES/ACCOUNTS/ACME";
    const WHO: &str = "00000000-0000-0000-0000-00000000000a";

    #[test]
    fn calls_of_models_and_changes() {
        let call = |status: u64| {
            json!({
                "time": "2026-05-01T10:00:00Z", "resourceId": ACCOUNT, "category": "RequestResponse", "operationName": "ChatCompletions_Create",
                "resultSignature": status.to_string(), "callerIpAddress": "10.0.0.***",
                "properties": json!({"modelDeploymentName": "chat", "modelName": "gpt-4o", "modelVersion": "1", "objectId": WHO}).to_string()
            })
        };
        let change = json!({
            "eventTimestamp": "2026-05-01T11:00:00Z", "resourceId": ACCOUNT, "id": format!("{ACCOUNT}/events/1"), "category": {"value": "Administrative"},
            "operationName": {"value": "Microsoft.CognitiveServices/accounts/write"}, "caller": "ana@acme.example", "status": {"value": "Succeeded"}
        });
        let found = read(&json!({"records": [call(200), call(200), call(403), change]}));
        let account = "/subscriptions/s/resourcegroups/g/providers/cognitiveservices/accounts/acme";
        assert_all(
            &found,
            &[
                &format!("entra:{WHO} invokes {account}/deployments/chat"),
                &format!("{account}/deployments/chat serves model:gpt-4o"),
                &format!("user:ana@acme.example writes {account}"),
            ],
        );
        let calls = found.inventory.outgoing(&format!("entra:{WHO}")).next().unwrap();
        assert_eq!(calls.activity.as_ref().unwrap().count, 2);
        assert_eq!(calls.evidence[0].pointer.as_deref(), Some("/records/0"));
    }

    #[test]
    fn tables_and_data_planes() {
        let store = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acme";
        let columns =
            ["TimeGenerated", "OperationName", "Category", "Uri", "RequesterObjectId", "_ResourceId", "StatusCode"];
        let columns = columns.map(|name| json!({"name": name, "type": "string"}));
        let found = read(&json!({"tables": [{"name": "PrimaryResult",
            "columns": columns,
            "rows": [["2026-05-01T10:00:00Z", "GetBlob", "StorageRead", "https://acme.blob.core.windows.net:443/rows/a.csv?sig=hidden", WHO, store, "200"]]
        }]}));
        assert_all(&found, &[&format!("entra:{WHO} reads https://acme.blob.core.windows.net/rows")]);
        assert!(!serde_json::to_string(&found.inventory).unwrap().contains("hidden"));
        for other in [
            json!({"TimeGenerated": "t", "_ResourceId": store, "Type": "AppDependencies", "OperationName": "x"}),
            json!({"resourceId": store, "operationName": "x"}),
            json!({"time": "t", "operationName": "x", "resourceId": "projects/acme"}),
        ] {
            assert!(!is_record(&other), "{other}");
        }
    }
}
