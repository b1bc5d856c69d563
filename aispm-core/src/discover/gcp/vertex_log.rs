//! Logs of a Vertex AI endpoint: its access log, and the table in which it keeps requests and answers.

use serde_json::Value;

use super::audit_log::{ensure, payload};
use super::name;
use crate::asset::{Document, Event, Evidence, RelationKind, TextRole};
use crate::discover::{Found, Structured};

/// A log entry of an endpoint, or a row of its request log.
pub(super) const VERTEX_LOG: Structured = Structured {
    name: "gcp-vertex-log",
    critical: false,
    in_parts: false,
    markers: &["aiplatform.googleapis.com", "jsonPayload"],
    matches: |value| endpoint(value).is_some(),
    read,
};

const SERVICE: &str = "aiplatform.googleapis.com";

/// The endpoint that a log entry or a row of its request log is about.
fn endpoint(value: &Value) -> Option<String> {
    if let Some(resource) = value.get("resource") {
        let kind = resource.get("type")?;
        if kind != "aiplatform.googleapis.com/Endpoint" || payload(value).is_some() {
            return None;
        }
        let labels = resource.get("labels")?;
        let label = |key: &str| labels.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let project = label("resource_container").or_else(|| label("project_id"))?;
        let project = project.strip_prefix("projects/").unwrap_or(project);
        let path = format!("projects/{project}/locations/{}/endpoints/{}", label("location")?, label("endpoint_id")?);
        return Some(name::full(SERVICE, &path));
    }
    let request = ["request_payload", "full_request"].iter().any(|key| value.get(*key).is_some());
    let endpoint = value.get("endpoint").filter(|_| request && value.get("logging_time").is_some())?;
    name::id(endpoint.as_str()?, SERVICE)
}

fn read(document: &Document, found: &mut Found) {
    let row = &document.value;
    let Some(id) = endpoint(row) else { return };
    let evidence = document.evidence(if row.get("resource").is_some() { "/resource" } else { "/endpoint" });
    ensure(&id, &evidence, found);
    let time = row.get("logging_time").and_then(Value::as_str);
    let model = row.get("model").and_then(Value::as_str).and_then(|model| name::id(model, SERVICE));
    if let Some(model) = model.filter(|model| *model != id) {
        let evidence = document.evidence("/model");
        ensure(&model, &evidence, found);
        found.happened(&id, RelationKind::Serves, &model, time, &evidence);
    }
    if let Some(asset) = found.inventory.get_mut(&id) {
        asset.properties.entry("request_logging").or_insert(true.into());
    }
    for (key, list, role) in
        [("full_request", "/contents", TextRole::Prompt), ("full_response", "/candidates", TextRole::Output)]
    {
        let Some(body) = row.get(key) else { continue };
        let evidence = document.evidence(&format!("/{key}"));
        // the table keeps JSON as text
        match body.as_str().map(serde_json::from_str::<Value>) {
            Some(Ok(body)) => messages(&body, list, role, &id, time, &evidence, found),
            Some(Err(_)) => {}
            None => messages(body, list, role, &id, time, &evidence, found),
        }
    }
}

/// Texts of a request or answer; what the model said before counts as its output.
fn messages(
    body: &Value,
    list: &str,
    role: TextRole,
    id: &str,
    time: Option<&str>,
    evidence: &Evidence,
    found: &mut Found,
) {
    for row in body.pointer(list).and_then(Value::as_array).into_iter().flatten() {
        let content = row.get("content").unwrap_or(row);
        let model = content.get("role").is_some_and(|role| role == "model");
        for part in content.get("parts").and_then(Value::as_array).into_iter().flatten() {
            let Some(text) = part.get("text").and_then(Value::as_str).filter(|text| !text.is_empty()) else { continue };
            let mut event = Event::new(id, if model { TextRole::Output } else { role }, text);
            event.time = time.map(str::to_owned);
            event.evidence = evidence.clone();
            found.events.push(event);
        }
    }
}
