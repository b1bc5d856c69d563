//! Formats of the AI world itself: registries, model cards, bills of materials, agent definitions.

use serde_json::{Map, Value};

use super::format::{Structured, Textual};
use super::label::label;
use crate::asset::{Asset, Evidence, OwnerSource, own_name};

mod agent;
pub(crate) mod bom;
mod huggingface;
mod mlflow;

pub(super) const FORMATS: &[Structured] = &[
    bom::CYCLONEDX,
    bom::SPDX_3,
    bom::SPDX_2,
    mlflow::API,
    mlflow::RECORD,
    agent::BUNDLE,
    agent::SERVER,
    agent::N8N,
    agent::FLOW,
    agent::DIFY,
    agent::LANGGRAPH,
    agent::A2A,
    agent::PLUGIN,
    agent::OPENAI,
    agent::AUTOGEN,
    agent::PERMISSIONS,
    agent::DECLARATIVE,
    agent::GARAK,
    agent::NEMO,
    agent::PROMPTFOO,
    agent::DOMAIN,
    agent::TRAINING,
    agent::AGENTS,
    agent::TASKS,
    huggingface::ADAPTER,
    huggingface::PIPELINE,
    huggingface::MODULES,
    huggingface::TRAINING_DATA,
    huggingface::DATASET_INFO,
    huggingface::PART,
    huggingface::HUB,
];
pub(super) const TEXTS: &[Textual] = &[
    mlflow::MLMODEL,
    agent::TOML_SETTINGS,
    agent::SKILL,
    agent::SUBAGENT,
    agent::INSTRUCTIONS,
    agent::PROMPT_FILE,
    huggingface::CARD,
];

pub(super) use self::huggingface::describe as describe_model;

/// A string below a value.
fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The items of a list below a value, with their index.
fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (usize, &'a Value)> {
    value.get(key).and_then(Value::as_array).into_iter().flatten().enumerate()
}

/// The strings of a list below a value, or the one string that stands there, with their pointers.
fn strings<'a>(value: &'a Value, key: &str) -> Vec<(String, &'a str)> {
    match value.get(key) {
        Some(Value::String(one)) => vec![(format!("/{key}"), one.as_str())],
        Some(Value::Array(all)) => {
            all.iter().enumerate().filter_map(|(i, item)| Some((format!("/{key}/{i}"), item.as_str()?))).collect()
        }
        _ => Vec::new(),
    }
}

/// Copies what stands under these keys, null and empty values aside, as the source's own attributes.
fn keep(value: &Value, keys: &[&str], asset: &mut Asset) {
    for key in keys {
        let kept = value.get(*key).filter(|v| !matches!(v, Value::Null) && *v != "" && !is_empty(v));
        if let Some(kept) = kept {
            asset.properties.insert(own_name(key).into_owned(), kept.clone());
        }
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty)
}

/// What tags say of owner, environment and classes of data, whatever the source calls them.
fn tagged(tags: &Map<String, Value>, source: OwnerSource, evidence: &Evidence, asset: &mut Asset) {
    for (key, value) in tags.iter().filter_map(|(key, value)| Some((key, value.as_str()?))) {
        label(asset, key, value, source, evidence);
    }
}

#[cfg(test)]
mod tests;
