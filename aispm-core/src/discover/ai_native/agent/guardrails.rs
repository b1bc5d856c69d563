//! NeMo Guardrails: `config.yml` with models and rails.

use serde_json::Value;

use super::{provider_named, uses_model, uses_provider};
use crate::asset::{Asset, AssetKind};
use crate::discover::ai_native::{list, text};
use crate::discover::format::Structured;
use crate::discover::walk::{folder_name, parent};

pub(in crate::discover::ai_native) const NEMO: Structured = Structured {
    name: "nemo-guardrails",
    critical: true,
    in_parts: false,
    markers: &["rails:", "flows:"],
    matches: |value| {
        let rails = value.get("rails").and_then(Value::as_object);
        let known = ["input", "output", "dialog", "retrieval", "config", "execution"];
        let engine = |model: &Value| model.get("engine").is_some() && model.get("type").is_some();
        rails.is_some_and(|rails| known.iter().any(|key| rails.contains_key(*key)))
            || value.get("models").and_then(Value::as_array).is_some_and(|list| list.first().is_some_and(engine))
    },
    read: |document, found| {
        let value = &document.value;
        let id = format!("file:{}", document.path());
        let name = folder_name(parent(document.path()));
        let mut asset = Asset::new(&id, AssetKind::Guardrail, name).with("tool", "nemo-guardrails");
        for rail in ["input", "output", "dialog", "retrieval", "execution"] {
            let flows = value.pointer(&format!("/rails/{rail}/flows")).and_then(Value::as_array);
            if let Some(flows) = flows {
                asset.properties.insert(format!("{rail}_flows"), flows.clone().into());
            }
        }
        for (i, model) in list(value, "models") {
            let evidence = document.evidence(&format!("/models/{i}"));
            if let Some(name) = text(model, "model") {
                uses_model(&id, name, &evidence, found);
            }
            if let Some(provider) = text(model, "engine").and_then(provider_named) {
                uses_provider(&id, provider, &evidence, found);
            }
        }
        found.inventory.add(asset.seen(document.evidence("/rails").excerpt("rails")));
    },
};
