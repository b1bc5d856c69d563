//! `MLmodel`: what loads a saved model, and what made it.

use serde_json::Value;

use super::training_job;
use crate::asset::{Asset, AssetKind, Document, Error, ModelType, RelationKind};
use crate::discover::ai_native::{keep, text};
use crate::discover::format::{Found, Source, Textual};
use crate::discover::model_ref;
use crate::discover::package::Reference;
use crate::discover::walk::{folder_name, parent};

/// `MLmodel`, which every saved model has.
pub(in crate::discover::ai_native) const MLMODEL: Textual = Textual {
    name: "mlflow-model",
    critical: true,
    matches: |source| {
        let named = source.name().ends_with("MLmodel");
        named && source.text.lines().any(|line| line.trim_end() == "flavors:")
    },
    read: mlmodel,
};

pub(super) fn mlmodel(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let (documents, error) = Document::yaml(source.path, source.text);
    for document in &documents {
        saved_model(document, found);
    }
    error.map_or(Ok(()), Err)
}

/// A model as it is saved: what loads it, and what it was made by.
fn saved_model(document: &Document, found: &mut Found) {
    let value = &document.value;
    let Some(flavors) = value.get("flavors").and_then(Value::as_object) else { return };
    let folder = format!("file:{}", parent(document.path()));
    let run = text(value, "run_id");
    let logged = text(value, "model_id").map(|model| format!("models:/{model}"));
    let of_run =
        || Some(format!("runs:/{}/{}", run?, text(value, "artifact_path").filter(|path| !path.contains("://"))?));
    let id = logged.or_else(of_run).unwrap_or_else(|| folder.clone());
    let mut asset = Asset::new(&id, AssetKind::Model, folder_name(parent(document.path()))).alias(folder);
    asset.properties.insert("mlflow_type".into(), "saved_model".into());
    asset.properties.insert("flavors".into(), flavors.keys().map(String::as_str).collect::<Vec<_>>().into());
    let keys = [
        "mlflow_version",
        "model_uuid",
        "run_id",
        "artifact_path",
        "databricks_runtime",
        "model_size_bytes",
        "prompts",
    ];
    keep(value, &keys, &mut asset);
    asset.properties.insert("signature".into(), value.get("signature").is_some_and(|s| !s.is_null()).into());
    let evidence = document.evidence("/flavors");
    for (flavor, settings) in flavors {
        let keys =
            ["loader_module", "python_model", "python_version", "serialization_format", "cloudpickle_version", "task"];
        keep(settings, &keys, &mut asset);
        if settings.get("code").is_some_and(Value::is_string) {
            keep(settings, &["code"], &mut asset);
        }
        let classical =
            ["sklearn", "xgboost", "lightgbm", "catboost", "h2o", "statsmodels", "prophet", "spark", "pmdarima"];
        if classical.contains(&flavor.as_str()) {
            asset.model_type = Some(ModelType::Classical);
        }
        for (key, version) in settings.as_object().into_iter().flatten() {
            let package = match key.strip_suffix("_version") {
                Some("sklearn") => "scikit-learn",
                Some("xgb") => "xgboost",
                Some("lgb") => "lightgbm",
                Some("pytorch") => "torch",
                Some(
                    name @ ("transformers" | "keras" | "catboost" | "onnx" | "langchain" | "openai" | "tensorflow"),
                ) => name,
                _ => continue,
            };
            let requirement = format!("{package}=={}", version.as_str().unwrap_or_default());
            if let Some(package) = Reference::pypi(&requirement) {
                let evidence = document.evidence(&format!("/flavors/{flavor}/{key}"));
                found.relate(&id, RelationKind::Uses, package.asset().id.as_str(), &evidence);
                found.inventory.add(package.asset().seen(evidence));
            }
        }
        for key in ["source_model_name", "base_model", "model"] {
            let base = text(settings, key).and_then(|name| model_ref::model(name, &id));
            if let Some(base) =
                base.filter(|_| matches!(flavor.as_str(), "transformers" | "openai" | "sentence_transformers"))
            {
                let evidence = document.evidence(&format!("/flavors/{flavor}/{key}"));
                found.relate(&id, RelationKind::DerivedFrom, base.id.as_str(), &evidence);
                found.inventory.add(base.seen(evidence));
            }
        }
    }
    if let Some(run) = run {
        let evidence = document.evidence("/run_id");
        found.relate(&format!("runs:/{run}"), RelationKind::Writes, &id, &evidence);
        found.inventory.add(training_job(run, run).seen(evidence));
    }
    found.inventory.add(asset.seen(evidence.excerpt("MLmodel")));
}
