//! LiteLLM: the models that a gateway offers, and where it sends requests.

use serde_json::Value;

use super::{provider_named, uses_model, uses_provider};
use crate::asset::{Asset, AssetKind, Authentication};
use crate::discover::ai_native::{list, text};
use crate::discover::format::Structured;
use crate::discover::walk::{folder_name, parent};

pub(in crate::discover::ai_native) const LITELLM: Structured = Structured {
    name: "litellm",
    critical: true,
    markers: &["model_list:", "litellm_params:"],
    matches: |value| list(value, "model_list").next().is_some_and(|(_, model)| model.get("litellm_params").is_some()),
    read: |document, found| {
        let value = &document.value;
        let id = format!("file:{}", document.path());
        let name = folder_name(parent(document.path()));
        let mut asset = Asset::new(&id, AssetKind::Endpoint, name).ai().with("gateway", "litellm");
        let key = value.pointer("/general_settings/master_key").is_some();
        asset.authentication = Some(if key { Authentication::Key } else { Authentication::None });
        let mut names = Vec::new();
        for (i, model) in list(value, "model_list") {
            names.extend(text(model, "model_name").map(str::to_owned));
            let parameters = model.get("litellm_params").unwrap_or(&Value::Null);
            let evidence = document.evidence(&format!("/model_list/{i}"));
            if let Some(model) = text(parameters, "model") {
                uses_model(&id, model, &evidence, found);
                // `azure/…` and `bedrock/…` are names of services
                let service = model.split_once('/').and_then(|(service, _)| match service {
                    "azure" => provider_named("azure openai"),
                    _ => None,
                });
                if let Some(provider) = service {
                    uses_provider(&id, provider, &evidence, found);
                }
            }
        }
        asset.properties.insert("models".into(), names.into());
        let guardrails: Vec<&str> = list(value, "guardrails").filter_map(|(_, g)| text(g, "guardrail_name")).collect();
        if !guardrails.is_empty() {
            asset.properties.insert("guardrails".into(), guardrails.into());
        }
        found.inventory.add(asset.seen(document.evidence("/model_list").excerpt("litellm")));
    },
};
