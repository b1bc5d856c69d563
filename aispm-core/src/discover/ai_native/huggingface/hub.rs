//! Models, data sets and spaces as the hub's API describes them.

use serde_json::Value;

use super::{derived_from, hub_dataset};
use crate::asset::{Asset, AssetKind, Document, ExternalFinding, ModelType, RelationKind, Severity};
use crate::discover::ai_native::{keep, list, strings, text};
use crate::discover::format::{Found, Structured};
use crate::discover::model_ref;

pub(in crate::discover::ai_native) const HUB: Structured = Structured {
    name: "huggingface-hub",
    critical: true,
    in_parts: false,
    markers: &["\"modelId\""],
    matches: |value| {
        let id = text(value, "modelId").or_else(|| text(value, "id"));
        let counted = value.get("downloads").is_some() && value.get("likes").is_some();
        id.is_some_and(|id| !id.contains(char::is_whitespace))
            && value.get("tags").is_some_and(Value::is_array)
            && (counted || value.get("siblings").is_some() && value.get("sha").is_some())
    },
    read,
};

fn read(document: &Document, found: &mut Found) {
    let value = &document.value;
    let Some(name) = text(value, "modelId").or_else(|| text(value, "id")) else { return };
    let tags: Vec<&str> = strings(value, "tags").into_iter().map(|(_, tag)| tag).collect();
    let model =
        value.get("modelId").is_some() || value.get("pipeline_tag").is_some() || value.get("library_name").is_some();
    let data = tags.iter().any(|tag| tag.starts_with("task_categories:") || tag.starts_with("size_categories:"))
        || value.pointer("/cardData/dataset_info").is_some()
        || value.get("description").is_some();
    let mut asset = match text(value, "sdk") {
        Some(sdk) if !model => hub_space(name).with("sdk", sdk),
        None if data && !model => hub_dataset(name),
        _ => model_ref::hugging_face(name),
    };
    let id = asset.id.to_string();
    let evidence = document.evidence("").excerpt(name);
    let keys = [
        "author",
        "pipeline_tag",
        "library_name",
        "gated",
        "private",
        "disabled",
        "downloads",
        "likes",
        "lastModified",
    ];
    keep(value, &keys, &mut asset);
    if let Some(task) = text(value, "pipeline_tag") {
        asset.properties.insert("task".into(), task.into());
    }
    if let Some(sha) = text(value, "sha") {
        // the API says which commit is there now, not which one is used
        asset.properties.insert("sha".into(), sha.into());
    }
    if let Some(author) = text(value, "author") {
        asset.provenance.publisher = Some(author.to_owned());
    }
    let card = value.get("cardData").unwrap_or(&Value::Null);
    let licence = tags.iter().find_map(|tag| tag.strip_prefix("license:")).or_else(|| text(card, "license"));
    asset.provenance.licence = licence.map(str::to_owned);
    let of_card =
        |key: &str| strings(card, key).into_iter().map(|(p, name)| (format!("/cardData{p}"), name)).collect::<Vec<_>>();
    let tagged = |prefix: &str| {
        let tags = strings(value, "tags").into_iter();
        tags.filter_map(|(pointer, tag)| Some((pointer, tag.strip_prefix(prefix)?))).collect::<Vec<_>>()
    };
    let space = asset.kind == AssetKind::Application;
    let learns = if space { RelationKind::Uses } else { RelationKind::TrainedOn };
    for (pointer, name) in of_card("datasets").into_iter().chain(tagged("dataset:")) {
        let dataset = hub_dataset(name);
        let evidence = document.evidence(&pointer).excerpt(name);
        found.relate(&id, learns, dataset.id.as_str(), &evidence);
        found.inventory.add(dataset.seen(evidence));
    }
    if space {
        used(document, &id, found);
    }
    for (pointer, base) in of_card("base_model").into_iter().chain(tagged("base_model:")) {
        // `base_model:finetune:ORG/NAME` says how
        let base = base.rsplit(':').next().unwrap_or(base);
        asset.model_type = Some(ModelType::FineTuned);
        derived_from(&id, base, &pointer, document, found);
    }
    files(document, &mut asset);
    found.inventory.add(asset.seen(evidence));
}

/// An application that runs on the hub.
fn hub_space(name: &str) -> Asset {
    let mut asset = Asset::new(format!("https://huggingface.co/spaces/{name}"), AssetKind::Application, name).ai();
    asset.provenance.source = Some("https://huggingface.co".to_owned());
    asset
}

/// The models that a space says it uses.
fn used(document: &Document, id: &str, found: &mut Found) {
    for (pointer, name) in strings(&document.value, "models") {
        let (model, evidence) = (model_ref::hugging_face(name), document.evidence(&pointer).excerpt(name));
        found.relate(id, RelationKind::Uses, model.id.as_str(), &evidence);
        found.inventory.add(model.seen(evidence));
    }
}

/// Names of the files, and what the hub's own scanners say of them.
fn files(document: &Document, asset: &mut Asset) {
    let names: Vec<&str> = list(&document.value, "siblings").filter_map(|(_, file)| text(file, "rfilename")).collect();
    let weights = |name: &&&str| {
        ["safetensors", "bin", "pt", "pth", "pkl", "ckpt", "gguf", "onnx", "h5", "msgpack", "joblib"]
            .contains(&name.rsplit('.').next().unwrap_or_default())
    };
    let kept: Vec<&str> = names.iter().filter(weights).take(64).copied().collect();
    if !kept.is_empty() {
        asset.properties.insert("files".into(), kept.into());
    }
    if asset.kind == AssetKind::Model && names.iter().any(|name| name.ends_with(".py")) {
        asset.properties.insert("custom_code".into(), true.into());
    }
    let status = document.value.get("securityRepoStatus").unwrap_or(&Value::Null);
    for (i, issue) in list(status, "filesWithIssues") {
        let (Some(path), level) = (text(issue, "path"), text(issue, "level").unwrap_or_default()) else { continue };
        let severity = match level {
            "unsafe" => Severity::Critical,
            "suspicious" => Severity::High,
            _ => Severity::Medium,
        };
        let evidence = document.evidence(&format!("/securityRepoStatus/filesWithIssues/{i}")).excerpt(path);
        asset.report(ExternalFinding::new("Hugging Face", "file-scan", severity, format!("{path}: {level}"), evidence));
    }
}
