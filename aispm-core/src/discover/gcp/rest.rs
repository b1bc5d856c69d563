//! Resources as the APIs and `gcloud … list|describe --format=json` give them: one body, a row of a list, or the list.
//!
//! A body does not say what it is. Its resource name (`projects/…/endpoints/7`), its link into the API (`selfLink`) or
//! its `kind` (`compute#instance`) does.

use std::borrow::Cow;

use serde_json::Value;

use super::field::either_text;
use super::resource::{self, Resource};
use super::table::{service_of, table};
use super::{iam_policy, name};
use crate::asset::{Document, pointer_key};
use crate::discover::format::dispatch;
use crate::discover::{Found, Structured};

/// One resource.
pub(super) const RESOURCE: Structured = Structured {
    name: "gcp-resource",
    critical: true,
    in_parts: true,
    markers: &["\"projects/", "/locations/"],
    matches: |value| identify(value).is_some(),
    read,
};

/// A compute list by place (`aggregatedList`), and the answer of a finished operation.
pub(super) const WRAPPED: Structured = Structured {
    name: "gcp-list",
    critical: true,
    in_parts: true,
    markers: &["AggregatedList", "googleapis.com"],
    matches: |value| aggregated(value) || operation(value),
    read: read_wrapped,
};

/// The places in which an API serves a project.
pub(super) const LOCATIONS: Structured = Structured {
    name: "gcp-list",
    critical: false,
    in_parts: true,
    markers: &[],
    matches: |value| location(value).is_some(),
    read: |document, found| {
        if let Some(id) = location(&document.value) {
            found.inventory.add(resource::stub(&id).seen(document.evidence("/name")));
        }
    },
};

/// A list with nothing in it.
pub(super) const EMPTY: Structured = Structured {
    name: "gcp-list",
    critical: false,
    in_parts: true,
    markers: &[],
    matches: is_empty_list,
    read: |_, _| {},
};

/// Most rows that a wrapped list may be nested in others.
const DEPTH: usize = 4;

/// What a body is.
#[derive(Debug)]
struct Identity {
    asset_type: Cow<'static, str>,
    id: String,
}

impl Identity {
    fn new(asset_type: impl Into<Cow<'static, str>>, id: String) -> Self {
        Self { asset_type: asset_type.into(), id }
    }
}

fn read(document: &Document, found: &mut Found) {
    let Some(Identity { asset_type, id }) = identify(&document.value) else { return };
    let data = &document.value;
    let mut asset = Resource { id, asset_type: &asset_type, data, document, pointer: "", whole: true }.read(found);
    for key in ["iamPolicy", "iam_policy"] {
        if let Some(policy) = data.get(key).filter(|policy| iam_policy::is_policy(policy)) {
            iam_policy::grant(document, &format!("/{key}"), policy, &mut asset, found);
        }
    }
    found.inventory.add(asset);
}

fn identify(value: &Value) -> Option<Identity> {
    let body = value.as_object()?;
    let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let name = text("name");
    if let Some(name) = name.filter(|name| name::is_relative(name)) {
        let known = table().of_body(name, value)?;
        return Some(Identity::new(known.name.as_str(), name::full(known.service(), name)));
    }
    if let Some(kind) = text("kind").filter(|kind| kind.contains('#')) {
        return by_kind(kind, value);
    }
    if let Some(link) = text("selfLink").or_else(|| text("self_link")).filter(|link| link.starts_with("https://")) {
        let id = name::id(link, "")?;
        let known = table().of_id(&id)?;
        return Some(Identity::new(known.name.as_str(), id));
    }
    if let Some(url) = text("storage_url").filter(|url| url.starts_with("gs://")) {
        return Some(Identity::new("storage.googleapis.com/Bucket", name::id(url, "")?));
    }
    if let Some(reference) =
        body.get("datasetReference").or_else(|| body.get("tableReference")).filter(|r| r.is_object())
    {
        return big_query(reference);
    }
    let project = || either_text(value, "projectId", "project_id");
    if let Some(project) =
        project().filter(|_| body.contains_key("projectNumber") && body.contains_key("lifecycleState"))
    {
        return Some(Identity::new("cloudresourcemanager.googleapis.com/Project", name::project(project)));
    }
    if let (Some(cluster), Some(project)) =
        (text("clusterName").filter(|_| body.contains_key("clusterUuid")), project())
    {
        let region = value.pointer("/labels/goog-dataproc-location").and_then(Value::as_str).unwrap_or("global");
        let id = format!("//dataproc.googleapis.com/projects/{project}/regions/{region}/clusters/{cluster}");
        return Some(Identity::new("dataproc.googleapis.com/Cluster", id));
    }
    if let (Some(job), Some(project), Some(place)) = (
        text("id").filter(|_| text("type").is_some_and(|kind| kind.starts_with("JOB_TYPE_"))),
        project(),
        text("location"),
    ) {
        let id = format!("//dataflow.googleapis.com/projects/{project}/locations/{place}/jobs/{job}");
        return Some(Identity::new("dataflow.googleapis.com/Job", id));
    }
    if body.contains_key("writerIdentity") {
        let sink = text("resourceName").filter(|name| name.contains("/sinks/"))?;
        return Some(Identity::new("logging.googleapis.com/LogSink", name::full("logging.googleapis.com", sink)));
    }
    knative(value)
}

/// `compute#instance`, `storage#bucket`, `bigquery#table`, `sql#instance`; lists are not one resource.
fn by_kind(kind: &str, value: &Value) -> Option<Identity> {
    let (api, what) = kind.split_once('#')?;
    if what.ends_with("List") || value.get("items").is_some() {
        return None;
    }
    let text = |key: &str| value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    match (api, what) {
        ("bigquery", _) => {
            let key = ["tableReference", "modelReference", "datasetReference"]
                .into_iter()
                .find(|key| value.get(*key).is_some())?;
            return big_query(value.get(key)?);
        }
        ("storage", "bucket") => {
            let id = name::id(&format!("gs://{}", text("name").or_else(|| text("id"))?), "")?;
            return Some(Identity::new("storage.googleapis.com/Bucket", id));
        }
        _ => {}
    }
    let mut letters = what.chars();
    let first = letters.next()?.to_ascii_uppercase();
    let api = if api == "sql" { "sqladmin" } else { api };
    let id = match text("selfLink").and_then(|link| name::id(link, "")) {
        Some(id) => id,
        // Cloud SQL without its link
        None if api == "sqladmin" => {
            format!("//cloudsql.googleapis.com/projects/{}/instances/{}", text("project")?, text("name")?)
        }
        None => return None,
    };
    Some(Identity::new(format!("{api}.googleapis.com/{first}{}", letters.as_str()), id))
}

/// A data set, table or model by its reference.
fn big_query(reference: &Value) -> Option<Identity> {
    let text = |key: &str| reference.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let mut id = format!("//bigquery.googleapis.com/projects/{}/datasets/{}", text("projectId")?, text("datasetId")?);
    let asset_type = match (text("tableId"), text("modelId")) {
        (Some(table), _) => {
            id.push_str(&format!("/tables/{table}"));
            "bigquery.googleapis.com/Table"
        }
        (None, Some(model)) => {
            id.push_str(&format!("/models/{model}"));
            "bigquery.googleapis.com/Model"
        }
        (None, None) => "bigquery.googleapis.com/Dataset",
    };
    Some(Identity::new(asset_type, id))
}

/// A Cloud Run service or job in the form it shares with Knative; told from one in a cluster by Google's own marks.
fn knative(value: &Value) -> Option<Identity> {
    let version = value.get("apiVersion")?.as_str()?;
    let kind = value.get("kind")?.as_str()?;
    let meta = value.get("metadata")?;
    let place = meta.pointer("/labels/cloud.googleapis.com~1location")?.as_str()?;
    let (asset_type, collection) = match (version, kind) {
        ("serving.knative.dev/v1", "Service") => ("run.googleapis.com/Service", "services"),
        ("run.googleapis.com/v1", "Job") => ("run.googleapis.com/Job", "jobs"),
        ("run.googleapis.com/v1", "WorkerPool") => ("run.googleapis.com/WorkerPool", "workerpools"),
        ("serving.knative.dev/v1", "Revision") => ("run.googleapis.com/Revision", "revisions"),
        _ => return None,
    };
    let (project, name) = (meta.get("namespace")?.as_str()?, meta.get("name")?.as_str()?);
    let id = format!("//run.googleapis.com/projects/{project}/locations/{place}/{collection}/{name}");
    Some(Identity::new(asset_type, id))
}

fn aggregated(value: &Value) -> bool {
    let kind = value.get("kind").and_then(Value::as_str);
    kind.is_some_and(|kind| kind.contains('#') && kind.ends_with("AggregatedList"))
        && value.get("items").is_some_and(Value::is_object)
}

fn operation(value: &Value) -> bool {
    let named = |name: &str| name::is_relative(name) && name.contains("/operations/");
    value.get("name").and_then(Value::as_str).is_some_and(named)
        && (value.get("done").is_some() || value.get("metadata").is_some())
}

/// The project of `{"name": "projects/…/locations/…", "locationId": "…"}`.
fn location(value: &Value) -> Option<String> {
    let name = value.get("name").filter(|_| value.get("locationId").is_some())?.as_str()?;
    let place = name.split_once("/locations/").is_some_and(|(_, place)| !place.contains('/'));
    (place && name::is_relative(name)).then(|| name::full("", name))
}

fn read_wrapped(document: &Document, found: &mut Found) {
    if found.depth >= DEPTH {
        return;
    }
    found.depth += 1;
    // what an operation is on stands in its name
    let on = document.value.get("name").and_then(Value::as_str).and_then(|name| name.split_once("/operations/"));
    if let Some((on, service)) = on.and_then(|(on, _)| Some((on, service_of(on, "")?))) {
        let evidence = document.evidence("/name");
        let asset = resource::stub(&name::full(service, on)).seen(evidence.clone());
        resource::contained(&asset, &evidence, found);
        found.inventory.add(asset);
    }
    if let Some(response) = document.value.get("response").filter(|response| response.is_object()) {
        dispatch(&document.part("/response", response.clone()), found);
    }
    for (place, lists) in document.value.get("items").and_then(Value::as_object).into_iter().flatten() {
        for (key, rows) in lists.as_object().into_iter().flatten() {
            for (i, row) in rows.as_array().into_iter().flatten().enumerate().filter(|(_, row)| row.is_object()) {
                let pointer = format!("/items/{}/{}/{i}", pointer_key(place), pointer_key(key));
                dispatch(&document.part(&pointer, row.clone()), found);
            }
        }
    }
    found.depth -= 1;
}

/// Lists as the APIs answer them where there is nothing.
const LISTS: &[&str] = &[
    "batchPredictionJobs",
    "customJobs",
    "dataStores",
    "endpoints",
    "engines",
    "featureGroups",
    "featureOnlineStores",
    "featurestores",
    "hyperparameterTuningJobs",
    "indexEndpoints",
    "indexes",
    "modelDeploymentMonitoringJobs",
    "notebookRuntimeTemplates",
    "notebookRuntimes",
    "pipelineJobs",
    "ragCorpora",
    "reasoningEngines",
    "trainingPipelines",
    "tuningJobs",
];

fn is_empty_list(value: &Value) -> bool {
    let Some(body) = value.as_object() else { return false };
    let empty = |key: &str| body.get(key).and_then(Value::as_array).is_some_and(Vec::is_empty);
    let alone =
        body.keys().all(|key| LISTS.contains(&key.as_str()) || matches!(key.as_str(), "nextPageToken" | "unreachable"));
    let list = body.get("kind").and_then(Value::as_str).is_some_and(|kind| {
        kind.split_once('#').is_some_and(|(api, what)| {
            matches!(api, "compute" | "storage" | "bigquery" | "sql" | "dns")
                && (what.ends_with("List") || what.ends_with('s'))
        })
    });
    (alone && LISTS.iter().any(|key| empty(key)))
        || (list && body.get("items").is_none_or(|items| items.as_array().is_some_and(Vec::is_empty)))
}
