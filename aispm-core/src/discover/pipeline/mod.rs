//! Build, training and deployment pipelines: what their steps do and in which order, as whom they act, and what they
//! put in place.

mod azure;
mod bitbucket;
mod circle;
mod cluster;
mod dvc;
mod github;
mod gitlab;
mod jenkins;
mod kubeflow;
mod light;
mod model;
mod sagemaker;
mod shell;
mod table;

use serde_json::Value;

use super::format::{Found, Structured, Textual};
use crate::asset::{Document, Evidence, pointer_key};

pub(super) use cluster::in_cluster;

pub(super) const FORMATS: &[Structured] = &[
    cluster::ARGO,
    cluster::TEKTON,
    kubeflow::PIPELINE,
    kubeflow::JOB,
    sagemaker::PIPELINE,
    azure::ML,
    github::WORKFLOW,
    github::ACTION,
    circle::CONFIG,
    azure::PIPELINES,
    bitbucket::PIPELINES,
    dvc::STAGES,
    dvc::POINTER,
    light::BUILDSPEC,
    light::CLOUD_BUILD,
    light::PREFECT,
    light::DAGSTER,
    gitlab::CI,
];

pub(super) const TEXTS: &[Textual] = &[jenkins::JENKINSFILE, light::MLPROJECT, dvc::FILES];

/// A string below a value.
fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// The items of a list below a value, with their index.
fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (usize, &'a Value)> {
    value.get(key).and_then(Value::as_array).into_iter().flatten().enumerate()
}

/// The entries of a map below a value, with their pointers.
fn entries<'a>(value: &'a Value, key: &str, pointer: &str) -> Vec<(&'a String, &'a Value, String)> {
    let map = value.get(key).and_then(Value::as_object).into_iter().flatten();
    map.map(|(name, child)| (name, child, format!("{pointer}/{key}/{}", pointer_key(name)))).collect()
}

/// One name, or a list of names.
fn names(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(name)) => vec![name.clone()],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::Object(map)) => map.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

/// A script that is one text or a list of lines, each with its place.
fn script(document: &Document, value: Option<&Value>, pointer: &str) -> Vec<(String, Evidence)> {
    match value {
        Some(Value::String(text)) => vec![(text.clone(), body(document, text, pointer))],
        Some(Value::Array(lines)) => {
            let lines = lines.iter().enumerate();
            lines
                .filter_map(|(i, line)| Some((line.as_str()?.to_owned(), document.evidence(&format!("{pointer}/{i}")))))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Where a text starts: a block of several lines begins below its key.
fn body(document: &Document, text: &str, pointer: &str) -> Evidence {
    let mut evidence = document.evidence(pointer);
    if text.trim_end().contains('\n') {
        evidence.line = evidence.line.map(|line| line.saturating_add(1));
    }
    evidence
}

/// Variables of a map or a list of `{name, value}`, with their places.
fn variables(document: &Document, value: Option<&Value>, pointer: &str) -> Vec<(String, Option<String>, Evidence)> {
    let plain = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Object(map) => map.get("value").and_then(Value::as_str).map(str::to_owned),
        _ => None,
    };
    match value {
        Some(Value::Object(map)) => map
            .iter()
            .map(|(name, value)| {
                (name.clone(), plain(value), document.evidence(&format!("{pointer}/{}", pointer_key(name))))
            })
            .collect(),
        Some(Value::Array(list)) => list
            .iter()
            .enumerate()
            .filter_map(|(i, entry)| {
                let evidence = document.evidence(&format!("{pointer}/{i}"));
                Some((text(entry, "name")?.to_owned(), text(entry, "value").map(str::to_owned), evidence))
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Every string below a value, with its key. Linear; documents are at most 128 deep.
fn strings<'a>(value: &'a Value, key: &'a str, pointer: &str, each: &mut impl FnMut(&'a str, &'a str, &str)) {
    match value {
        Value::String(text) => each(key, text, pointer),
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                strings(item, key, &format!("{pointer}/{i}"), each);
            }
        }
        Value::Object(map) => {
            for (key, child) in map {
                strings(child, key, &format!("{pointer}/{}", pointer_key(key)), each);
            }
        }
        _ => {}
    }
}

/// Cloud identities that any value of a document names by its key.
fn identities(document: &Document, pipeline: &mut model::Pipeline, found: &mut Found) {
    let mut named = Vec::new();
    strings(&document.value, "", "", &mut |key, text, pointer| {
        let key_ = key.to_ascii_lowercase();
        if text.len() < 300 && ["role", "account", "client"].iter().any(|word| key_.contains(word)) {
            named.push((key.to_owned(), text.to_owned(), pointer.to_owned()));
        }
    });
    for (key, value, pointer) in named {
        pipeline.identity(&key, &value, &document.evidence(&pointer).excerpt(&key), found);
    }
}

#[cfg(test)]
mod tests;
