//! Configurations of evaluation and red-team tools: promptfoo and garak.

use serde_json::Value;

use super::uses_model;
use crate::asset::{Asset, AssetKind, Document};
use crate::discover::ai_native::{keep, list, text};
use crate::discover::format::{Found, Structured};
use crate::discover::walk::file_name;

pub(in crate::discover::ai_native) const PROMPTFOO: Structured = Structured {
    name: "promptfoo",
    critical: false,
    in_parts: false,
    markers: &["providers:", "prompts:"],
    matches: |value| {
        let targets = ["providers", "targets"].iter().any(|key| value.get(key).is_some());
        let what =
            ["prompts", "tests", "redteam", "defaultTest", "scenarios"].iter().filter(|key| value.get(**key).is_some());
        targets
            && what.count() >= 1
            && value.get("resource").is_none()
            && value.get("kind").is_none()
            && (value.get("prompts").is_some() || value.get("redteam").is_some())
    },
    read: promptfoo,
};

pub(in crate::discover::ai_native) const GARAK: Structured = Structured {
    name: "garak",
    critical: false,
    in_parts: false,
    markers: &["plugins:", "probe_spec:"],
    matches: |value| {
        let plugins = value.get("plugins").unwrap_or(&Value::Null);
        ["probe_spec", "detector_spec", "model_type", "target_type"].iter().any(|key| plugins.get(key).is_some())
    },
    read: garak,
};

fn promptfoo(document: &Document, found: &mut Found) {
    let value = &document.value;
    let id = format!("file:{}", document.path());
    let name = text(value, "description").unwrap_or(file_name(document.path()));
    let mut asset = Asset::new(&id, AssetKind::Evaluation, name).with("tool", "promptfoo");
    asset.properties.insert("tests".into(), list(value, "tests").count().into());
    if let Some(redteam) = value.get("redteam") {
        asset.properties.insert("red_team".into(), true.into());
        let named = |plugin: &Value| plugin.as_str().or_else(|| text(plugin, "id")).map(str::to_owned);
        for key in ["plugins", "strategies"] {
            let names: Vec<String> = list(redteam, key).filter_map(|(_, plugin)| named(plugin)).collect();
            asset.properties.insert(key.to_owned(), names.into());
        }
        asset.purpose = text(redteam, "purpose").map(str::to_owned);
    }
    for key in ["providers", "targets"] {
        let entries: Vec<(String, &Value)> = match value.get(key) {
            Some(Value::Array(list)) => {
                list.iter().enumerate().map(|(i, entry)| (format!("/{key}/{i}"), entry)).collect()
            }
            Some(one) => vec![(format!("/{key}"), one)],
            None => Vec::new(),
        };
        for (pointer, entry) in entries {
            // a map from the provider to its options is also allowed
            let first = || entry.as_object().and_then(|map| map.keys().next()).map(String::as_str);
            let provider = entry.as_str().or_else(|| text(entry, "id")).or_else(first);
            if let Some(provider) =
                provider.filter(|p| p.contains(':') && !p.starts_with("file:") && !p.starts_with("exec:"))
            {
                uses_model(&id, provider, &document.evidence(&pointer), found);
            }
        }
    }
    found.inventory.add(asset.seen(document.evidence("").excerpt("promptfoo")));
}

fn garak(document: &Document, found: &mut Found) {
    let plugins = document.value.get("plugins").unwrap_or(&Value::Null);
    let id = format!("file:{}", document.path());
    let mut asset = Asset::new(&id, AssetKind::Evaluation, file_name(document.path())).with("tool", "garak");
    asset.properties.insert("red_team".into(), true.into());
    keep(plugins, &["probe_spec", "detector_spec", "buff_spec", "model_type", "target_type"], &mut asset);
    for key in ["model_name", "target_name"] {
        if let Some(model) = text(plugins, key) {
            uses_model(&id, model, &document.evidence(&format!("/plugins/{key}")), found);
        }
    }
    found.inventory.add(asset.seen(document.evidence("/plugins").excerpt("garak")));
}
