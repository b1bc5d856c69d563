//! MLflow: what its REST API and clients return, the records of its file store, and `MLmodel` files.
//!
//! A run is a training job that reads data sets and writes a model; a version of a registered model is derived from
//! what a run wrote.

mod saved;

pub(super) use self::saved::MLMODEL;

use serde_json::{Map, Value};

use super::{keep, list, tagged, text};
use crate::asset::{Asset, AssetKind, Document, Error, ErrorKind, Evidence, OwnerClaim, OwnerSource, RelationKind};
use crate::discover::format::{Found, Structured};
use crate::discover::model_ref;

/// Answers of the API and exports of them: lists of records by name.
pub(in crate::discover::ai_native) const API: Structured = Structured {
    name: "mlflow-registry",
    critical: true,
    in_parts: false,
    markers: &["\"registered_models\"", "\"model_versions\""],
    matches: |value| !members(value).is_empty(),
    read: |document, found| {
        if text(&document.value, "next_page_token").is_some() {
            let reason = "one page of a longer list (next_page_token); export all pages into one file";
            found.cut.get_or_insert_with(|| Error::new(ErrorKind::Malformed, reason));
        }
        for pointer in members(&document.value) {
            if let Some(value) = document.value.pointer(&pointer) {
                record(&document.part(&pointer, value.clone()), found);
            }
        }
    },
};

/// One record: a `meta.yaml` of the file store or a row of an export.
pub(in crate::discover::ai_native) const RECORD: Structured = Structured {
    name: "mlflow-record",
    critical: true,
    in_parts: false,
    markers: &["creation_timestamp:", "current_stage:"],
    matches: |value| Kind::of(value).is_some(),
    read: record,
};

/// What a record describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    RegisteredModel,
    Version,
    LoggedModel,
    Run,
    Experiment,
    Dataset,
}

impl Kind {
    fn of(value: &Value) -> Option<Self> {
        let has = |key: &str| value.get(key).is_some();
        let info = |key: &str| value.get("info").and_then(|info| info.get(key)).is_some();
        let time = has("creation_timestamp") || has("last_updated_timestamp");
        if info("run_id") && info("experiment_id") || has("artifact_uri") && has("experiment_id") && has("run_id") {
            Some(Self::Run)
        } else if info("model_id") && info("experiment_id") || has("model_id") && has("experiment_id") && time {
            Some(Self::LoggedModel)
        } else if has("name") && has("version") && (has("run_id") || has("source")) && (has("current_stage") || time) {
            Some(Self::Version)
        } else if has("name") && has("creation_timestamp") && has("last_updated_timestamp") && !has("experiment_id") {
            Some(Self::RegisteredModel)
        } else if has("experiment_id") && has("artifact_location") && has("lifecycle_stage") {
            Some(Self::Experiment)
        } else if has("digest") && (has("source_type") || has("dataset_source_type")) && has("source") {
            Some(Self::Dataset)
        } else {
            None
        }
    }
}

/// Pointers to the records that the keys of the API hold.
fn members(value: &Value) -> Vec<String> {
    const LISTS: &[&str] = &["registered_models", "model_versions", "runs", "experiments", "models", "logged_models"];
    const ONES: &[&str] = &[
        "registered_model",
        "model_version",
        "registered_model_databricks",
        "model_version_databricks",
        "run",
        "experiment",
        "model",
    ];
    let known = |value: &Value| Kind::of(value).is_some() || full_name(value).is_some();
    let mut pointers = Vec::new();
    for key in LISTS {
        // these two names are MLflow's own; under the others a record must be one by its content
        let own = matches!(*key, "registered_models" | "model_versions");
        for (i, row) in list(value, key) {
            if if own { known(row) } else { Kind::of(row).is_some() } {
                pointers.push(format!("/{key}/{i}"));
            } else {
                break;
            }
        }
    }
    pointers.extend(
        ONES.iter().filter(|key| value.get(**key).is_some_and(|v| Kind::of(v).is_some())).map(|key| format!("/{key}")),
    );
    pointers
}

fn record(document: &Document, found: &mut Found) {
    let value = &document.value;
    match Kind::of(value) {
        Some(Kind::Run) => run(document, found),
        Some(Kind::Version) => version(document, found),
        Some(Kind::LoggedModel) => logged_model(document, found),
        Some(Kind::Experiment) => experiment(document, found),
        Some(Kind::Dataset) => {
            if let Some(dataset) = dataset(value) {
                found.inventory.add(dataset.seen(document.evidence("")));
            }
        }
        Some(Kind::RegisteredModel) => registered_model(document, found),
        None if value.get("version").is_some() => version(document, found),
        None => registered_model(document, found),
    }
}

/// The name of a model; in Unity Catalog it has three parts.
fn full_name(value: &Value) -> Option<String> {
    let name = text(value, "name").or_else(|| text(value, "model_name"));
    let parts = || Some(format!("{}.{}.{}", text(value, "catalog_name")?, text(value, "schema_name")?, name?));
    text(value, "full_name").map(str::to_owned).or_else(parts).or_else(|| name.map(str::to_owned))
}

/// Tags as the API lists them, or as a map.
fn tags(value: &Value) -> Map<String, Value> {
    match value.get("tags") {
        Some(Value::Object(map)) => map.clone(),
        Some(Value::Array(list)) => {
            let pair = |tag: &Value| Some((text(tag, "key")?.to_owned(), tag.get("value")?.clone()));
            list.iter().filter_map(pair).collect()
        }
        _ => Map::new(),
    }
}

/// Parameters as the API lists them, or as a map.
fn params(value: &Value) -> Vec<(&str, &str)> {
    match value.get("params") {
        Some(Value::Object(map)) => {
            map.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect()
        }
        Some(Value::Array(list)) => {
            list.iter().filter_map(|param| Some((text(param, "key")?, text(param, "value")?))).collect()
        }
        _ => Vec::new(),
    }
}

/// A record's own evidence, and what every record may say of itself.
fn common(value: &Value, document: &Document, asset: &mut Asset) -> Evidence {
    let evidence = document.evidence("").excerpt(&asset.name);
    let tags = tags(value);
    tagged(&tags, OwnerSource::Mlflow, &evidence, asset);
    if let Some(user) = ["owner", "user_id", "user_name", "created_by"].iter().find_map(|key| text(value, key)) {
        asset.claim(OwnerClaim::new(OwnerSource::Mlflow, user, evidence.clone()));
    }
    if !tags.is_empty() {
        asset.properties.insert("tags".into(), tags.into());
    }
    keep(value, &["description", "status", "lifecycle_stage", "workspace"], asset);
    asset.evidence.push(evidence.clone());
    evidence
}

fn registered_model(document: &Document, found: &mut Found) {
    let value = &document.value;
    let Some(name) = full_name(value) else { return };
    let id = format!("models:/{name}");
    let mut asset = Asset::new(&id, AssetKind::Model, &name).with("mlflow_type", "registered_model");
    common(value, document, &mut asset);
    let aliases: Map<String, Value> = match value.get("aliases") {
        Some(Value::Object(map)) => map.clone(),
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(|alias| Some((text(alias, "alias")?.to_owned(), alias.get("version")?.clone())))
            .collect(),
        _ => Map::new(),
    };
    for (alias, version) in &aliases {
        let Some(version) = plain(version) else { continue };
        let version_id = format!("models:/{name}/{version}");
        let known = Asset::new(&version_id, AssetKind::Model, format!("{name} {version}"));
        let evidence = document.evidence("/aliases");
        found.relate(&id, RelationKind::Contains, &version_id, &evidence);
        found.inventory.add(known.alias(format!("models:/{name}@{alias}")).seen(evidence));
    }
    if !aliases.is_empty() {
        asset.properties.insert("aliases".into(), aliases.into());
    }
    found.inventory.add(asset);
    for (i, latest) in list(value, "latest_versions") {
        let part = document.part(&format!("/latest_versions/{i}"), latest.clone());
        version(&part, found);
    }
}

/// A string or number as text.
fn plain(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|number| number.to_string()))
}

fn version(document: &Document, found: &mut Found) {
    let value = &document.value;
    let (Some(name), Some(version)) = (full_name(value), value.get("version").and_then(plain)) else { return };
    let (model, id) = (format!("models:/{name}"), format!("models:/{name}/{version}"));
    let mut asset = Asset::new(&id, AssetKind::Model, format!("{name} {version}")).with("mlflow_type", "model_version");
    let evidence = common(value, document, &mut asset);
    asset.provenance.version = Some(version);
    let stage = text(value, "current_stage").filter(|stage| *stage != "None");
    if let Some(stage) = stage {
        asset.environment.get_or_insert(stage.to_lowercase());
        asset.properties.insert("stage".into(), stage.into());
    }
    let aliases: Vec<&str> = list(value, "aliases").filter_map(|(_, alias)| alias.as_str()).collect();
    for alias in &aliases {
        asset = asset.alias(format!("models:/{name}@{alias}"));
    }
    if !aliases.is_empty() {
        asset.properties.insert("aliases".into(), aliases.into());
    }
    keep(value, &["run_id", "model_id", "source", "storage_location", "approval_status"], &mut asset);
    asset.provenance.source = text(value, "source").map(str::to_owned);
    found.relate(&model, RelationKind::Contains, &id, &evidence);
    found.inventory.add(Asset::new(&model, AssetKind::Model, &name).seen(evidence.clone()));
    if let Some(source) = text(value, "source") {
        derive(&id, source, &document.evidence("/source"), found);
    }
    if let Some(run) = text(value, "run_id") {
        let evidence = document.evidence("/run_id");
        found.inventory.add(training_job(run, run).seen(evidence.clone()));
        found.relate(&format!("runs:/{run}"), RelationKind::Writes, &id, &evidence);
    }
    for (key, value) in params(value).into_iter().filter(|(key, value)| is_data(key, value)) {
        let evidence = document.evidence("/params").excerpt(format!("{key}: {value}"));
        trained_on(&id, located(value, key), &evidence, found);
    }
    found.inventory.add(asset);
}

/// What a version was made from: a logged model, an artifact of a run, or one in storage.
fn derive(id: &str, source: &str, evidence: &Evidence, found: &mut Found) {
    let source = source.trim_end_matches('/');
    if source == id {
        return;
    }
    let mut artifact = Asset::new(source, AssetKind::Model, source.rsplit('/').next().unwrap_or(source));
    artifact.provenance.source = Some(source.to_owned());
    bucket_of(source, evidence, found);
    found.relate(id, RelationKind::DerivedFrom, source, evidence);
    found.inventory.add(artifact.seen(evidence.clone()));
    // `…/RUN/artifacts/model` and `runs:/RUN/model`
    let run = source.strip_prefix("runs:/").and_then(|rest| rest.split('/').next()).or_else(|| {
        let (before, _) = source.split_once("/artifacts")?;
        before.rsplit('/').next().filter(|run| run.len() == 32 && run.bytes().all(|b| b.is_ascii_hexdigit()))
    });
    if let Some(run) = run {
        found.relate(&format!("runs:/{run}"), RelationKind::Writes, source, evidence);
    }
}

/// The bucket that holds an artifact.
fn bucket_of(uri: &str, evidence: &Evidence, found: &mut Found) {
    if let Some(bucket) = model_ref::bucket(uri).filter(|bucket| bucket.id.as_str() != uri) {
        found.relate(bucket.id.as_str(), RelationKind::Contains, uri, evidence);
        found.inventory.add(bucket.seen(evidence.clone()));
    }
}

fn trained_on(model: &str, dataset: Asset, evidence: &Evidence, found: &mut Found) {
    bucket_of(dataset.id.as_str(), evidence, found);
    found.relate(model, RelationKind::TrainedOn, dataset.id.as_str(), evidence);
    found.inventory.add(dataset.seen(evidence.clone()));
}

fn is_data(key: &str, value: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["data", "train", "corpus"].iter().any(|word| key.contains(word)) && value.contains("://")
}

/// Data at a URI.
fn located(uri: &str, name: &str) -> Asset {
    let uri = uri.trim_end_matches('/');
    Asset::new(uri, AssetKind::Dataset, uri.rsplit('/').next().filter(|last| !last.is_empty()).unwrap_or(name))
}

fn training_job(run: &str, name: &str) -> Asset {
    Asset::new(format!("runs:/{run}"), AssetKind::TrainingJob, name).with("mlflow_type", "run")
}

fn run(document: &Document, found: &mut Found) {
    let value = &document.value;
    let info = value.get("info").unwrap_or(value);
    let Some(run) = text(info, "run_id").or_else(|| text(info, "run_uuid")) else { return };
    let id = format!("runs:/{run}");
    let mut asset = training_job(run, text(info, "run_name").unwrap_or(run));
    let data = value.get("data").unwrap_or(value);
    let evidence = common(data, document, &mut asset);
    if let Some(user) = text(info, "user_id") {
        asset.claim(OwnerClaim::new(OwnerSource::Mlflow, user, evidence.clone()));
    }
    keep(info, &["status", "lifecycle_stage", "artifact_uri", "source_name", "entry_point_name"], &mut asset);
    let params: Map<String, Value> =
        params(data).into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
    let mut datasets: Vec<(Asset, Evidence)> = Vec::new();
    for (key, value) in params.iter().filter_map(|(key, value)| Some((key, value.as_str()?))) {
        if is_data(key, value) {
            datasets.push((located(value, key), document.evidence("/data/params").excerpt(format!("{key}: {value}"))));
        }
        if ["model_name", "base_model", "model", "pretrained_model", "model_name_or_path"].contains(&key.as_str())
            && let Some(base) = model_ref::model(value, &id)
        {
            let evidence = document.evidence("/data/params").excerpt(format!("{key}: {value}"));
            found.relate(&id, RelationKind::Reads, base.id.as_str(), &evidence);
            found.inventory.add(base.seen(evidence));
        }
    }
    if !params.is_empty() {
        asset.properties.insert("params".into(), params.into());
    }
    for (i, input) in value.get("inputs").map(|inputs| list(inputs, "dataset_inputs")).into_iter().flatten() {
        let Some(mut dataset) = input.get("dataset").and_then(dataset) else { continue };
        if let Some(context) = tags(input).get("mlflow.data.context") {
            dataset.properties.insert("context".into(), context.clone());
        }
        datasets.push((dataset, document.evidence(&format!("/inputs/dataset_inputs/{i}"))));
    }
    let mut written: Vec<String> = value
        .get("outputs")
        .map(|outputs| list(outputs, "model_outputs"))
        .into_iter()
        .flatten()
        .filter_map(|(_, output)| Some(format!("models:/{}", text(output, "model_id")?)))
        .collect();
    // each model that the run logged, as JSON in a tag
    let history = tags(data).get("mlflow.log-model.history").and_then(Value::as_str).map(str::to_owned);
    let history: Value = serde_json::from_str(&history.unwrap_or_default()).unwrap_or_default();
    let paths = history.as_array().into_iter().flatten().filter_map(|model| text(model, "artifact_path"));
    written.extend(paths.map(|path| format!("{id}/{path}")));
    asset.properties.remove("tags");
    for model in &written {
        let name = model.rsplit('/').next().unwrap_or(model);
        found.relate(&id, RelationKind::Writes, model, &evidence);
        found.inventory.add(Asset::new(model, AssetKind::Model, name).seen(evidence.clone()));
    }
    for (dataset, evidence) in datasets {
        let dataset_id = dataset.id.to_string();
        found.relate(&id, RelationKind::Reads, &dataset_id, &evidence);
        for model in &written {
            found.relate(model, RelationKind::TrainedOn, &dataset_id, &evidence);
        }
        bucket_of(&dataset_id, &evidence, found);
        found.inventory.add(dataset.seen(evidence));
    }
    let tags =
        tags(data).into_iter().filter(|(key, _)| key != "mlflow.log-model.history" && key != "mlflow.loggedArtifacts");
    let tags: Map<String, Value> = tags.collect();
    if !tags.is_empty() {
        asset.properties.insert("tags".into(), tags.into());
    }
    if let Some(experiment) = text(info, "experiment_id") {
        found.relate(&format!("mlflow-experiment:{experiment}"), RelationKind::Contains, &id, &evidence);
    }
    found.inventory.add(asset);
}

fn experiment(document: &Document, found: &mut Found) {
    let value = &document.value;
    let Some(experiment) = value.get("experiment_id").and_then(plain) else { return };
    let name = text(value, "name").unwrap_or(&experiment);
    let mut asset = Asset::new(format!("mlflow-experiment:{experiment}"), AssetKind::Pipeline, name).ai();
    asset.properties.insert("mlflow_type".into(), "experiment".into());
    let evidence = common(value, document, &mut asset);
    keep(value, &["artifact_location"], &mut asset);
    if let Some(bucket) = text(value, "artifact_location").and_then(model_ref::bucket) {
        found.relate(asset.id.as_str(), RelationKind::Writes, bucket.id.as_str(), &evidence);
        found.inventory.add(bucket.seen(evidence));
    }
    found.inventory.add(asset);
}

/// A model of MLflow 3 that a run logged.
fn logged_model(document: &Document, found: &mut Found) {
    let value = &document.value;
    let info = value.get("info").unwrap_or(value);
    let Some(model) = text(info, "model_id") else { return };
    let id = format!("models:/{model}");
    let mut asset = Asset::new(&id, AssetKind::Model, text(info, "name").unwrap_or(model));
    asset.properties.insert("mlflow_type".into(), "logged_model".into());
    let evidence = common(info, document, &mut asset);
    keep(info, &["model_type", "artifact_uri", "artifact_location"], &mut asset);
    if let Some(run) = text(info, "source_run_id") {
        found.relate(&format!("runs:/{run}"), RelationKind::Writes, &id, &evidence);
        found.inventory.add(training_job(run, run).seen(evidence.clone()));
    }
    if let Some(uri) = text(info, "artifact_uri").or_else(|| text(info, "artifact_location")) {
        asset = asset.alias(uri);
        bucket_of(uri, &evidence, found);
    }
    found.inventory.add(asset);
}

/// A data set as a run logs it; its source is JSON in a string.
fn dataset(value: &Value) -> Option<Asset> {
    let (name, digest) = (text(value, "name").unwrap_or("dataset"), text(value, "digest").unwrap_or_default());
    let kind = text(value, "source_type").or_else(|| text(value, "dataset_source_type")).unwrap_or_default();
    let source = match value.get("source") {
        Some(Value::String(json)) => serde_json::from_str(json).unwrap_or_else(|_| Value::String(json.clone())),
        Some(source) => source.clone(),
        None => Value::Null,
    };
    let place =
        ["uri", "url", "path", "delta_table_name", "table_name", "name"].iter().find_map(|key| text(&source, key));
    let place = place.or_else(|| source.as_str()).unwrap_or_default();
    let id = match kind {
        "hugging_face" if !place.is_empty() => format!("https://huggingface.co/datasets/{place}"),
        _ if place.contains("://") => place.trim_end_matches('/').to_owned(),
        _ if source.get("delta_table_name").is_some() && place.split('.').count() == 3 => format!("unity:{place}"),
        _ => format!("mlflow-dataset:{name}@{digest}"),
    };
    let mut asset = Asset::new(id, AssetKind::Dataset, name).with("mlflow_type", "dataset");
    keep(value, &["digest", "source_type", "dataset_source_type"], &mut asset);
    asset.provenance.source = Some(place.to_owned()).filter(|place| !place.is_empty());
    asset.provenance.revision = Some(digest.to_owned()).filter(|digest| !digest.is_empty());
    Some(asset)
}

#[cfg(test)]
mod tests;
