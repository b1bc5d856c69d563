//! A body as properties: the source's own tokens, without values that may be secrets and without what is only bulk.

use serde_json::{Map, Value};

use crate::asset::own_attributes;

/// Longest text kept.
const TEXT: usize = 2048;
/// Most rows kept of a list.
const ROWS: usize = 256;
/// Most permissions kept of a role; Google allows 3000.
const PERMISSIONS: usize = 4096;
/// Deepest level kept.
const DEPTH: usize = 12;

/// Fields that hold a secret or bulk.
const DROPPED: &[&str] = &[
    "etag",
    "pipelineSpec",
    "privateKeyData",
    "publicKeyData",
    "clientKey",
    "clientCertificate",
    "clusterCaCertificate",
    "keyString",
    "password",
    "rootPassword",
    "sourceContents",
    "startupScript",
];
/// Variables: their names are kept, their values only where these are mere switches.
const VARIABLES: &[&str] = &["env", "environmentVariables", "buildEnvironmentVariables", "envVariables"];
/// Words in the keys of instance metadata whose values may be secrets, or are scripts.
const SECRET: &[&str] = &["secret", "token", "passw", "key", "credential", "script", "user-data", "kube-env", "config"];

/// The fields of a body.
pub(super) fn properties(data: &Value) -> Map<String, Value> {
    match prune(data, 0) {
        Some(Value::Object(map)) => own_attributes(map),
        _ => Map::new(),
    }
}

fn prune(value: &Value, depth: usize) -> Option<Value> {
    match value {
        Value::String(text) if text.len() > TEXT => None,
        Value::Array(_) | Value::Object(_) if depth >= DEPTH => None,
        Value::Array(rows) => Some(rows.iter().take(ROWS).filter_map(|row| prune(row, depth + 1)).collect()),
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, _)| !DROPPED.contains(&key.as_str()));
            Some(Value::Object(
                kept.filter_map(|(key, value)| Some((key.clone(), field(key, value, depth)?))).collect(),
            ))
        }
        scalar => Some(scalar.clone()),
    }
}

fn field(key: &str, value: &Value, depth: usize) -> Option<Value> {
    if key == "includedPermissions" {
        // a role is what it holds
        let rows = value.as_array()?.iter().filter(|row| row.is_string()).take(PERMISSIONS);
        return Some(rows.cloned().collect());
    }
    let value = prune(value, depth + 1)?;
    Some(match key {
        "metadata" => hide(value, &|key| SECRET.iter().any(|word| key.contains(word))),
        key if VARIABLES.contains(&key) => hide(value, &|_| true),
        _ => value,
    })
}

/// A map, or a list of `{name, value}`, without the values that `secret` says may be secrets.
fn hide(value: Value, secret: &dyn Fn(&str) -> bool) -> Value {
    let hidden = |key: &str, value: &Value| {
        value.as_str().is_some_and(|text| !switch(text) && secret(&key.to_ascii_lowercase()))
    };
    match value {
        Value::Array(rows) => rows.into_iter().map(|row| hide(row, secret)).collect(),
        Value::Object(mut map) => {
            let key = ["name", "key"].iter().find_map(|key| map.get(*key)?.as_str()).map(str::to_owned);
            if let (Some(key), Some(value)) = (key, map.get("value")) {
                if hidden(&key, value) {
                    map.remove("value");
                }
                return Value::Object(map);
            }
            if let Some(items) = map.remove("items") {
                map.insert("items".to_owned(), hide(items, secret));
            }
            let shown = |(key, value): (String, Value)| {
                let value = if hidden(&key, &value) { Value::Null } else { value };
                (key, value)
            };
            Value::Object(map.into_iter().map(shown).collect())
        }
        value => value,
    }
}

fn switch(text: &str) -> bool {
    ["true", "false", "on", "off", "yes", "no", "0", "1"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_that_may_be_secrets_are_not_kept() {
        let body = json!({
            "template": {"containers": [{"env": [{"name": "A", "value": "hunter2"}, {"name": "B", "value": "true"}]}]},
            "environmentVariables": {"C": "hunter2"},
            "metadata": {"items": [{"key": "startup-script", "value": "hunter2"}, {"key": "enable-oslogin", "value": "TRUE"}]},
            "rootPassword": "hunter2",
            "description": "x".repeat(TEXT + 1),
        });
        let kept = Value::Object(properties(&body));
        assert_eq!(
            kept,
            json!({
                "template": {"containers": [{"env": [{"name": "A"}, {"name": "B", "value": "true"}]}]},
                "environmentVariables": {"C": null},
                "metadata": {"items": [{"key": "startup-script"}, {"key": "enable-oslogin", "value": "TRUE"}]},
            })
        );
    }
}
