//! Which models AI resources serve: URIs wherever they stand, adapters and their base, applications of Ray Serve.

use serde_json::Value;

use super::resource::at_path;
use super::{Object, text};
use crate::asset::{
    Asset, AssetKind, Authentication, Document, Evidence, Exposure, ModelType, RelationKind, pointer_key,
};
use crate::discover::container::append;
use crate::discover::format::Found;
use crate::discover::model_ref;

/// Deepest place of a model's URI below an object.
const DEPTH: usize = 12;

/// Fields that hold a model's URI.
const URI_KEYS: &[&str] = &["storageUri", "modelUri", "uri", "modelURI", "storage_uri", "modelUrl", "modelURL"];

/// Fields that name a model in what Ray Serve and others keep as text.
const NAME_KEYS: &[&str] = &["model_id", "model_source", "model", "MODEL_ID", "model_name_or_path", "hf_model_id"];

/// Resources that serve at an address of their own, without a login unless told.
const SERVERS: &[&str] = &["InferenceService", "LLMInferenceService", "SeldonDeployment", "NIMService"];

pub(super) fn models(object: &Object<'_>, workload: &mut Asset, found: &mut Found) {
    if SERVERS.contains(&object.kind) {
        workload.properties.entry("model_server").or_insert_with(|| object.kind.into());
        let enabled = object.metadata("annotations").and_then(|a| text(a, "security.opendatahub.io/enable-auth"));
        let authentication = if enabled == Some("true") { Authentication::Identity } else { Authentication::None };
        workload.authentication.get_or_insert(authentication);
    }
    if workload.kind == AssetKind::TrainingJob {
        return;
    }
    let Some(spec) = object.spec() else { return };
    let mut named = Vec::new();
    uris(spec, "/spec", DEPTH, &mut named);
    for (pointer, path) in at_path(object.value, "spec/predictor/model/storage") {
        named.extend(in_storage(path).map(|uri| (format!("{pointer}/path"), uri)));
    }
    for (pointer, value) in &named {
        served(object, workload, value, &object.at(pointer), found);
    }
    for place in ["spec/model/lora/adapters/*/uri", "spec/adapters/*/url"] {
        for (pointer, adapter) in at_path(object.value, place) {
            let evidence = object.at(&pointer);
            let Some(adapter) = adapter.as_str() else { continue };
            let Some(id) = served(object, workload, adapter, &evidence, found) else { continue };
            adapted(object, &id, workload, &evidence, found);
        }
    }
    ray_serve(object, spec, workload, found);
    for (pointer, format) in at_path(object.value, "spec/predictor/model/modelFormat/name") {
        if let Some(format) = format.as_str() {
            workload.properties.insert("model_format".into(), format.into());
            workload.evidence.push(object.at(&pointer).excerpt(format));
        }
    }
    if let Some(runtime) = object.value.pointer("/spec/predictor/model/runtime").and_then(Value::as_str) {
        // which of the two kinds of runtime it is shows when all files are read
        workload.properties.insert("serving_runtime".into(), runtime.into());
    }
    address(object, workload, found);
}

/// Relates a model by its URI or name; its id.
fn served(
    object: &Object<'_>,
    workload: &mut Asset,
    value: &str,
    evidence: &Evidence,
    found: &mut Found,
) -> Option<String> {
    let model = model_ref::model(value, workload.id.as_str())?;
    let evidence = evidence.clone().excerpt(value);
    append(workload, "models", value);
    let id = model.id.to_string();
    if let Some(bucket) = model_ref::bucket(value) {
        found.relate(bucket.id.as_str(), RelationKind::Contains, &id, &evidence);
        object.relate(workload.id.as_str(), RelationKind::Reads, bucket, &evidence, found);
    }
    if let Some(claim) = value.strip_prefix("pvc://").and_then(|rest| rest.split('/').next()) {
        let claim = object.stub("PersistentVolumeClaim", None, claim);
        found.relate(claim.id.as_str(), RelationKind::Contains, &id, &evidence);
        object.relate(workload.id.as_str(), RelationKind::Reads, claim, &evidence, found);
    }
    object.relate(workload.id.as_str(), RelationKind::Serves, model, &evidence, found);
    Some(id)
}

/// An adapter is made from the model that it is loaded onto.
fn adapted(object: &Object<'_>, adapter: &str, workload: &Asset, evidence: &Evidence, found: &mut Found) {
    let base = ["/spec/model/uri", "/spec/url"].iter().find_map(|at| object.value.pointer(at)?.as_str());
    let Some(base) = base.and_then(|base| model_ref::model(base, workload.id.as_str())) else { return };
    if base.id.as_str() != adapter {
        found.relate(adapter, RelationKind::DerivedFrom, base.id.as_str(), evidence);
        if let Some(adapter) = found.inventory.get_mut(adapter) {
            adapter.model_type = Some(ModelType::FineTuned);
            adapter.properties.insert("adapter".into(), true.into());
        }
    }
}

/// `storage: {path, parameters: {type: s3, bucket}}` as a URI.
fn in_storage(storage: &Value) -> Option<String> {
    let (path, parameters) = (text(storage, "path")?, storage.get("parameters")?);
    let scheme = match text(parameters, "type").unwrap_or("s3") {
        "gs" | "gcs" => "gs",
        _ => "s3",
    };
    Some(format!("{scheme}://{}/{}", text(parameters, "bucket")?, path.trim_start_matches('/')))
}

fn uris(value: &Value, pointer: &str, depth: usize, out: &mut Vec<(String, String)>) {
    if depth == 0 {
        return;
    }
    match value {
        Value::Object(map) => {
            for (key, child) in map.iter().filter(|(key, _)| *key != "lora") {
                let below = format!("{pointer}/{}", pointer_key(key));
                match child.as_str() {
                    Some(text) if URI_KEYS.contains(&key.as_str()) && text.contains("://") => {
                        out.push((below, text.to_owned()));
                    }
                    Some(_) => {}
                    None => uris(child, &below, depth - 1, out),
                }
            }
        }
        Value::Array(items) => {
            for (i, child) in items.iter().enumerate() {
                uris(child, &format!("{pointer}/{i}"), depth - 1, out);
            }
        }
        _ => {}
    }
}

/// The applications that a RayService or RayJob keeps as YAML text.
fn ray_serve(object: &Object<'_>, spec: &Value, workload: &mut Asset, found: &mut Found) {
    let Some(config) = text(spec, "serveConfigV2") else { return };
    let evidence = object.at("/spec/serveConfigV2");
    let (documents, _) = Document::yaml(object.document.path(), config);
    let mut named = Vec::new();
    for document in &documents {
        names(&document.value, DEPTH, &mut named);
        for (_, path) in at_path(&document.value, "applications/*/import_path") {
            append(workload, "applications", path.as_str().unwrap_or_default());
        }
        for (_, code) in at_path(&document.value, "applications/*/runtime_env/working_dir") {
            append(workload, "code", code.as_str().unwrap_or_default());
        }
    }
    for name in named {
        served(object, workload, &name, &evidence, found);
    }
}

fn names(value: &Value, depth: usize, out: &mut Vec<String>) {
    match value {
        Value::Object(map) if depth > 0 => {
            for (key, child) in map {
                match child.as_str() {
                    Some(name) if NAME_KEYS.contains(&key.as_str()) => out.push(name.to_owned()),
                    _ => names(child, depth - 1, out),
                }
            }
        }
        Value::Array(items) if depth > 0 => items.iter().for_each(|child| names(child, depth - 1, out)),
        _ => {}
    }
}

/// The address that the cluster gave it.
fn address(object: &Object<'_>, workload: &Asset, found: &mut Found) {
    let Some(url) = object.value.pointer("/status/url").and_then(Value::as_str) else { return };
    let Some(host) = model_ref::host(url) else { return };
    let evidence = object.at("/status/url").excerpt(url);
    let mut endpoint = Asset::new(url.trim_end_matches('/'), AssetKind::Endpoint, &host).ai().seen(evidence.clone());
    endpoint.encryption.in_transit = Some(url.starts_with("https://"));
    endpoint.exposure = host.ends_with(".cluster.local").then_some(Exposure::Internal);
    found.relate(endpoint.id.as_str(), RelationKind::Exposes, workload.id.as_str(), &evidence);
    found.inventory.add(endpoint);
}
