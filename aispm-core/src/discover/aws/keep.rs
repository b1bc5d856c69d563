//! What of a description is kept as properties: the source's own tokens, bounded, without secrets and blobs.

use serde_json::{Map, Value};

use crate::asset::{Asset, Evidence, OwnerSource, own_attributes};
use crate::discover::label::label;

/// Most values kept of one description, its deepest nesting, its longest list and text.
const NODES: usize = 1500;
const DEPTH: usize = 12;
const ITEMS: usize = 100;
const TEXT: usize = 512;
/// Longest policy kept, which counts whole or not at all.
const POLICY: usize = 64 << 10;

/// Fields of answers that say nothing of the resource.
const DROPPED: &[&str] = &["ResponseMetadata", "clientToken", "basePromptTemplate", "NextToken", "ZipFile", "UserData"];
/// Words in a field's name that say that its text is a secret.
const SECRET: &[&str] =
    &["password", "secretstring", "secretaccesskey", "sessiontoken", "apikey", "api_key", "authtoken"];

/// A description as properties.
pub(super) fn properties(value: &Value) -> Map<String, Value> {
    let mut budget = NODES;
    match keep("", value, 0, &mut budget) {
        Value::Object(map) => own_attributes(map),
        _ => Map::new(),
    }
}

fn keep(name: &str, value: &Value, depth: usize, budget: &mut usize) -> Value {
    *budget = budget.saturating_sub(1);
    if depth > DEPTH || *budget == 0 {
        return Value::Null;
    }
    match value {
        Value::Object(map) if map.get("__class__").and_then(Value::as_str) == Some("datetime") => time(map),
        Value::Object(map) if is_environment(name) && map.values().all(|value| !value.is_array()) => {
            match map.get("Variables").or_else(|| map.get("variables")).and_then(Value::as_object) {
                Some(variables) => Value::Object(Map::from_iter([("Variables".to_owned(), names(variables))])),
                None if map.values().all(Value::is_string) => names(map),
                None => object(map, depth, budget),
            }
        }
        Value::Object(map) => object(map, depth, budget),
        Value::Array(list) if is_environment(name) => {
            // `[{name, value}]`
            let name = |item: &Value| item.get("name").or_else(|| item.get("Name")).cloned();
            Value::Array(list.iter().take(ITEMS).filter_map(name).collect())
        }
        Value::Array(list) => {
            Value::Array(list.iter().take(ITEMS).map(|item| keep(name, item, depth + 1, budget)).collect())
        }
        Value::String(text) if text.len() > TEXT => {
            let policy = text.len() <= POLICY && text.trim_start().starts_with('{') && text.contains("Statement");
            if policy {
                value.clone()
            } else {
                format!("{}…", text.chars().take(TEXT / 4).collect::<String>()).into()
            }
        }
        value => value.clone(),
    }
}

fn object(map: &Map<String, Value>, depth: usize, budget: &mut usize) -> Value {
    let kept = map.iter().filter(|(key, value)| !DROPPED.contains(&key.as_str()) && !is_secret(key, value));
    Value::Object(kept.map(|(key, value)| (key.clone(), keep(key, value, depth + 1, budget))).collect())
}

fn is_environment(name: &str) -> bool {
    name.eq_ignore_ascii_case("environment") || name.eq_ignore_ascii_case("environmentVariables")
}

/// The names of variables; their values may be secrets.
fn names(map: &Map<String, Value>) -> Value {
    Value::Array(map.keys().take(ITEMS).map(|key| key.as_str().into()).collect())
}

fn is_secret(key: &str, value: &Value) -> bool {
    let named = |key: &str| SECRET.iter().any(|word| key.contains(word));
    value.as_str().is_some_and(|text| !text.starts_with("arn:")) && named(&key.to_ascii_lowercase())
}

/// How botocore recordings write a time, as RFC 3339.
fn time(map: &Map<String, Value>) -> Value {
    let part = |key: &str| map.get(key).and_then(Value::as_u64).unwrap_or_default();
    let [year, month, day] = ["year", "month", "day"].map(part);
    let [hour, minute, second] = ["hour", "minute", "second"].map(part);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z").into()
}

/// Owner, environment and data classes from tags: `[{Key, Value}]` in any case, or a map.
pub(super) fn tags(asset: &mut Asset, value: &Value, evidence: &Evidence) {
    let mut tag = |key: &str, value: &str| {
        label(asset, key, value, OwnerSource::Tag, evidence);
    };
    match value {
        Value::Array(list) => {
            for item in list {
                let text = |names: [&str; 2]| names.iter().find_map(|name| item.get(*name)?.as_str());
                if let (Some(key), Some(value)) = (text(["Key", "key"]), text(["Value", "value"])) {
                    tag(key, value);
                }
            }
        }
        Value::Object(map) => map.iter().for_each(|(key, value)| tag(key, value.as_str().unwrap_or_default())),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_and_blobs_are_left_out() {
        let kept = properties(&json!({
            "Environment": {"Variables": {"TOKEN": "s3cr3t"}}, "MasterUserPassword": "s3cr3t",
            "containers": [{"environment": [{"name": "KEY", "value": "s3cr3t"}]}],
            "CredentialsSecretArn": "arn:aws:secretsmanager:::secret:x", "Note": "x".repeat(10_000),
            "CreatedAt": {"__class__": "datetime", "year": 2026, "month": 1, "day": 2, "hour": 3, "minute": 4, "second": 5},
        }));
        let text = serde_json::to_string(&kept).unwrap();
        assert!(!text.contains("s3cr3t") && text.len() < 1000, "{text}");
        assert_eq!(kept["Environment"], json!({"Variables": ["TOKEN"]}));
        assert_eq!(kept["CreatedAt"], "2026-01-02T03:04:05Z");
    }
}
