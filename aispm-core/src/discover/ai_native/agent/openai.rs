//! Objects of the OpenAI API, also as Azure AI returns them: assistants, vector stores, fine-tuning jobs, files, models.

use serde_json::Value;

use super::{has_tool, short, uses_model};
use crate::asset::OwnerSource;
use crate::asset::{Asset, AssetKind, Document, ModelType, RelationKind};
use crate::discover::ai_native::{keep, list, strings, tagged, text};
use crate::discover::format::{Found, Structured};
use crate::discover::model_ref;

const OBJECTS: &[&str] = &["assistant", "vector_store", "fine_tuning.job", "fine-tune", "model", "file"];

pub(in crate::discover::ai_native) const OPENAI: Structured = Structured {
    name: "openai-object",
    critical: true,
    in_parts: false,
    markers: &["\"object\"", "\"assistant\""],
    matches: |value| {
        text(value, "id").is_some()
            && text(value, "object").is_some_and(|object| OBJECTS.contains(&object))
            && (value.get("created_at").is_some() || value.get("owned_by").is_some())
    },
    read: |document, found| match text(&document.value, "object").unwrap_or_default() {
        "assistant" => assistant(document, found),
        "vector_store" => object(document, AssetKind::VectorStore, found),
        "file" => object(document, AssetKind::Dataset, found),
        "model" => model(document, found),
        _ => fine_tuning(document, found),
    },
};

fn id(value: &Value) -> String {
    format!("openai:{}", text(value, "id").unwrap_or_default())
}

fn assistant(document: &Document, found: &mut Found) {
    let value = &document.value;
    let id = id(value);
    let mut asset = Asset::new(&id, AssetKind::Agent, text(value, "name").unwrap_or(&id));
    if let Some(description) = text(value, "description") {
        asset.properties.insert("description".into(), short(description).into());
    }
    asset.properties.insert("instructions".into(), text(value, "instructions").is_some().into());
    keep(value, &["temperature", "top_p"], &mut asset);
    let evidence = document.evidence("").excerpt("assistant");
    if let Some(Value::Object(metadata)) = value.get("metadata") {
        tagged(metadata, OwnerSource::Tag, &evidence, &mut asset);
    }
    if let Some(model) = text(value, "model") {
        uses_model(&id, model, &document.evidence("/model"), found);
    }
    for (i, tool) in list(value, "tools") {
        let function = tool.get("function").unwrap_or(&Value::Null);
        if let Some(name) = text(function, "name").or_else(|| text(tool, "type")) {
            has_tool(&id, name, text(function, "description"), &document.evidence(&format!("/tools/{i}")), found);
        }
    }
    let search = value.pointer("/tool_resources/file_search").unwrap_or(&Value::Null);
    for (pointer, store) in strings(search, "vector_store_ids") {
        let evidence = document.evidence(&format!("/tool_resources/file_search{pointer}"));
        let store_id = format!("openai:{store}");
        found.relate(&id, RelationKind::RetrievesFrom, &store_id, &evidence);
        found.inventory.add(Asset::new(store_id, AssetKind::VectorStore, store).seen(evidence));
    }
    found.inventory.add(asset.seen(evidence));
}

fn object(document: &Document, kind: AssetKind, found: &mut Found) {
    let value = &document.value;
    let id = id(value);
    let name = text(value, "name").or_else(|| text(value, "filename")).unwrap_or(&id);
    let mut asset = Asset::new(&id, kind, name).ai();
    keep(value, &["purpose", "bytes", "status", "usage_bytes", "file_counts", "expires_after"], &mut asset);
    found.inventory.add(asset.seen(document.evidence("").excerpt(name)));
}

fn model(document: &Document, found: &mut Found) {
    let Some(name) = text(&document.value, "id") else { return };
    let Some(mut asset) = model_ref::model(name, "openai") else { return };
    if let Some(owner) = text(&document.value, "owned_by") {
        asset.provenance.publisher.get_or_insert_with(|| owner.to_owned());
    }
    if name.starts_with("ft:") {
        asset.model_type = Some(ModelType::FineTuned);
    }
    found.inventory.add(asset.seen(document.evidence("").excerpt(name)));
}

fn fine_tuning(document: &Document, found: &mut Found) {
    let value = &document.value;
    let id = id(value);
    let mut asset = Asset::new(&id, AssetKind::TrainingJob, &id);
    keep(value, &["status", "model", "fine_tuned_model", "organization_id", "trained_tokens"], &mut asset);
    let tuned = text(value, "fine_tuned_model").and_then(|name| {
        let known = model_ref::model(name, &id);
        known.or_else(|| Some(Asset::new(format!("model:{name}"), AssetKind::Model, name)))
    });
    if let Some(mut tuned) = tuned {
        let evidence = document.evidence("/fine_tuned_model");
        tuned.model_type = Some(ModelType::FineTuned);
        let tuned_id = tuned.id.to_string();
        found.relate(&id, RelationKind::Writes, &tuned_id, &evidence);
        if let Some(base) = text(value, "model").and_then(|name| model_ref::model(name, &id)) {
            let evidence = document.evidence("/model");
            found.relate(&tuned_id, RelationKind::DerivedFrom, base.id.as_str(), &evidence);
            found.inventory.add(base.seen(evidence));
        }
        if let Some(file) = text(value, "training_file") {
            found.relate(
                &tuned_id,
                RelationKind::TrainedOn,
                &format!("openai:{file}"),
                &document.evidence("/training_file"),
            );
        }
        found.inventory.add(tuned.seen(evidence));
    }
    for key in ["training_file", "validation_file"] {
        if let Some(file) = text(value, key) {
            let (file_id, evidence) = (format!("openai:{file}"), document.evidence(&format!("/{key}")));
            found.relate(&id, RelationKind::Reads, &file_id, &evidence);
            found.inventory.add(Asset::new(file_id, AssetKind::Dataset, file).ai().seen(evidence));
        }
    }
    found.inventory.add(asset.seen(document.evidence("").excerpt("fine-tuning job")));
}
