//! OpenLineage: runs of jobs that read and write data sets, and what their facets say of these.

use std::collections::HashMap;

use serde_json::Value;

use super::names::{add, data_set, derive, tag};
use crate::asset::{Asset, AssetKind, Document, Evidence, OwnerClaim, OwnerSource, RelationKind};
use crate::discover::at::{first, has, items, text};
use crate::discover::catalog::catalog;
use crate::discover::format::{Found, Structured};

/// A run event, or a job event, which tells the same without a run.
pub(super) const RUN: Structured = Structured {
    name: "openlineage",
    critical: false,
    in_parts: false,
    markers: &["\"eventTime\"", "\"job\"", "\"namespace\""],
    matches: |value| {
        has(value, &["job", "eventTime"])
            && value.pointer("/job/namespace").is_some()
            && value.pointer("/job/name").is_some()
            && (value.get("run").is_some() || value.get("schemaURL").is_some())
    },
    read: run,
};

/// A data set event.
pub(super) const DATA_SET: Structured = Structured {
    name: "openlineage-dataset",
    critical: false,
    in_parts: false,
    markers: &[],
    matches: |value| {
        has(value, &["dataset", "eventTime"])
            && value.pointer("/dataset/namespace").is_some()
            && value.get("job").is_none()
    },
    read: |document, found| {
        if let Some((asset, evidence)) =
            set(document, "/dataset", document.value.get("dataset").unwrap_or(&Value::Null))
        {
            add(asset, &evidence, found);
        }
    },
};

fn run(document: &Document, found: &mut Found) {
    let value = &document.value;
    let (Some(namespace), Some(name)) = (text(value, "/job/namespace"), text(value, "/job/name")) else { return };
    let evidence = document.evidence("/job").excerpt(name);
    let words = &catalog().servers.train_words;
    let trains = name.split(['-', '_', '.', '/', ' ']).any(|word| words.contains(word.to_ascii_lowercase().as_str()));
    let kind = if trains { AssetKind::TrainingJob } else { AssetKind::Pipeline };
    let mut job =
        Asset::new(format!("job:{namespace}/{name}"), kind, name).with("namespace", namespace).seen(evidence.clone());
    for (key, pointer) in [
        ("producer", "/producer"),
        ("integration", "/job/facets/jobType/integration"),
        ("job_type", "/job/facets/jobType/jobType"),
    ] {
        if let Some(word) = text(value, pointer) {
            job.properties.insert(key.to_owned(), word.into());
        }
    }
    job.purpose = text(value, "/job/facets/documentation/description").map(str::to_owned);
    job.provenance.source =
        first(value, &["/job/facets/sourceCodeLocation/repoUrl", "/job/facets/sourceCodeLocation/url"])
            .map(str::to_owned);
    owners(&mut job, value.pointer("/job/facets/ownership"), &evidence);
    let id = job.id.clone();
    found.inventory.add(job);
    // a run sends several events; its end is what happened
    let time = text(value, "/eventTime").filter(|_| text(value, "/eventType") == Some("COMPLETE"));
    let mut ends = |list: &str, verb: RelationKind| -> Vec<Asset> {
        let mut sets = Vec::new();
        for (pointer, item) in items(value, list) {
            let Some((mut asset, evidence)) = set(document, &pointer, item) else { continue };
            if verb == RelationKind::Writes && trains && is_model(asset.id.as_str()) {
                asset.kind = AssetKind::Model;
                asset.ai = true;
            }
            match time {
                Some(time) => found.happened(id.as_str(), verb, asset.id.as_str(), Some(time), &evidence),
                None => found.relate(id.as_str(), verb, asset.id.as_str(), &evidence),
            }
            add(asset.clone(), &evidence, found);
            sets.push(asset);
        }
        sets
    };
    let inputs = ends("/inputs", RelationKind::Reads);
    let outputs = ends("/outputs", RelationKind::Writes);
    let by_id: HashMap<&str, &Asset> = inputs.iter().map(|asset| (asset.id.as_str(), asset)).collect();
    for ((pointer, item), output) in items(value, "/outputs").zip(&outputs) {
        let sources = column_sources(item, &by_id);
        let evidence = document.evidence(&pointer);
        let of = if sources.is_empty() { inputs.clone() } else { sources };
        derive(&of, std::slice::from_ref(output), &evidence, found);
    }
}

/// The data set of an input or output, with what its facets say.
fn set(document: &Document, pointer: &str, item: &Value) -> Option<(Asset, Evidence)> {
    let (namespace, name) = (text(item, "/namespace")?, text(item, "/name")?);
    let evidence = document.evidence(pointer).excerpt(name);
    let mut asset = data_set(namespace, name);
    for (_, link) in items(item, "/facets/symlinks/identifiers") {
        if let (Some(namespace), Some(name)) = (text(link, "/namespace"), text(link, "/name")) {
            asset = asset.alias(data_set(namespace, name).id);
        }
    }
    owners(&mut asset, item.pointer("/facets/ownership"), &evidence);
    for (_, label) in items(item, "/facets/tags/tags") {
        tag(&mut asset, text(label, "/key").unwrap_or_default(), text(label, "/value").unwrap_or_default());
    }
    let mut columns = Vec::new();
    for (_, field) in items(item, "/facets/schema/fields") {
        if let Some(name) = text(field, "/name") {
            columns.push(name);
        }
        for (_, label) in items(field, "/tags") {
            tag(
                &mut asset,
                label.as_str().or_else(|| text(label, "/key")).unwrap_or_default(),
                text(label, "/value").unwrap_or_default(),
            );
        }
    }
    if !columns.is_empty() {
        columns.truncate(64);
        asset.properties.insert("columns".to_owned(), columns.into());
    }
    if let Some(version) = text(item, "/facets/version/datasetVersion") {
        asset.provenance.version = Some(version.to_owned());
    }
    if item.pointer("/facets/dataQualityMetrics").or_else(|| item.pointer("/facets/dataQualityAssertions")).is_some()
        || item
            .pointer("/inputFacets/dataQualityMetrics")
            .or_else(|| item.pointer("/inputFacets/dataQualityAssertions"))
            .is_some()
    {
        asset.properties.insert("data_quality".to_owned(), true.into());
    }
    Some((asset, evidence))
}

fn owners(asset: &mut Asset, facet: Option<&Value>, evidence: &Evidence) {
    for (_, owner) in facet.into_iter().flat_map(|facet| items(facet, "/owners")) {
        if let Some(name) = text(owner, "/name") {
            let name = name.split_once(':').map_or(name, |(_, name)| name);
            asset.claim(OwnerClaim::new(OwnerSource::Creator, name, evidence.clone()));
        }
    }
}

/// The inputs that an output's columns are said to come from.
fn column_sources(output: &Value, inputs: &HashMap<&str, &Asset>) -> Vec<Asset> {
    let mut sources: Vec<Asset> = Vec::new();
    let fields = output.pointer("/facets/columnLineage/fields").and_then(Value::as_object);
    for (_, field) in fields.into_iter().flatten().flat_map(|(_, field)| items(field, "/inputFields")) {
        let (Some(namespace), Some(name)) = (text(field, "/namespace"), text(field, "/name")) else { continue };
        let asset = data_set(namespace, name);
        if inputs.contains_key(asset.id.as_str()) && !sources.iter().any(|known| known.id == asset.id) {
            sources.push(asset);
        }
    }
    sources
}

/// Whether what a training job writes is a model by its name.
fn is_model(id: &str) -> bool {
    let name = id.to_ascii_lowercase();
    name.starts_with("models:/")
        || name
            .split(['/', '.', '-', '_'])
            .any(|word| matches!(word, "model" | "models" | "checkpoint" | "checkpoints"))
        || [".pkl", ".pt", ".onnx", ".safetensors", ".h5", ".joblib", ".tar.gz"].iter().any(|end| name.ends_with(end))
}
