//! Values inside a resource, found by path, and what of them is kept.

use serde_json::{Map, Value};

use crate::asset::{is_open, own_attributes, pointer_key};

/// Deepest nesting, and most values, of the settings kept of one resource.
const DEPTH: usize = 5;
const KEPT: usize = 256;
/// Longest text kept, bytes.
const TEXT: usize = 400;
/// Most items followed at one path.
const ITEMS: usize = 1024;

/// A value below a resource with its JSON pointer.
pub(super) type Place<'a> = (&'a Value, String);

/// The values at a dotted path below `properties`, or beside them where there are none; lists and `*` are followed.
pub(super) fn at<'a>(resource: &'a Value, path: &str) -> Vec<Place<'a>> {
    let below = resource.get("properties").map(|root| walk(root, "/properties", path)).unwrap_or_default();
    if below.is_empty() { walk(resource, "", path) } else { below }
}

/// The texts at a path.
pub(super) fn texts<'a>(resource: &'a Value, path: &str) -> Vec<(&'a str, String)> {
    let text = |(value, place): Place<'a>| Some((value.as_str().filter(|text| !text.is_empty())?, place));
    at(resource, path).into_iter().filter_map(text).collect()
}

/// The first text at a path.
pub(super) fn text<'a>(resource: &'a Value, path: &str) -> Option<&'a str> {
    texts(resource, path).first().map(|(text, _)| *text)
}

fn walk<'a>(root: &'a Value, pointer: &str, path: &str) -> Vec<Place<'a>> {
    let mut level = vec![(root, pointer.to_owned())];
    for key in path.split('.').filter(|key| !key.is_empty()) {
        let mut below = Vec::new();
        for (value, place) in level.into_iter().flat_map(items).take(ITEMS) {
            match value {
                Value::Object(map) if key == "*" => {
                    below.extend(map.iter().map(|(key, value)| (value, format!("{place}/{}", pointer_key(key)))));
                }
                Value::Object(map) => {
                    below.extend(named(map, key).map(|(k, v)| (v, format!("{place}/{}", pointer_key(k)))))
                }
                _ => {}
            }
        }
        level = below;
    }
    level.into_iter().flat_map(items).filter(|(value, _)| !value.is_null()).take(ITEMS).collect()
}

/// An entry by its name, as written, in another case, or in snake case as some tools print it.
fn named<'a>(map: &'a Map<String, Value>, key: &str) -> Option<(&'a str, &'a Value)> {
    if let Some((name, value)) = map.get_key_value(key) {
        return Some((name, value));
    }
    let plain = |name: &str| name.bytes().filter(|b| *b != b'_').map(|b| b.to_ascii_lowercase()).collect::<Vec<u8>>();
    let wanted = plain(key);
    let same = |name: &str| name.len() >= key.len() && name.len() <= key.len() * 2 && plain(name) == wanted;
    map.iter().find(|(name, _)| same(name)).map(|(name, value)| (name.as_str(), value))
}

/// A list's items, or the value itself.
fn items<'a>((value, place): Place<'a>) -> Vec<Place<'a>> {
    match value {
        Value::Array(list) => list.iter().enumerate().map(|(i, item)| (item, format!("{place}/{i}"))).collect(),
        value => vec![(value, place)],
    }
}

/// The place of the first condition that holds: `path=value`, or a path that is set and not empty.
pub(super) fn first(resource: &Value, conditions: &[String]) -> Option<String> {
    conditions.iter().find_map(|condition| {
        let (path, wanted) = condition.split_once('=').map_or((condition.as_str(), None), |(p, v)| (p, Some(v)));
        at(resource, path).into_iter().find(|(value, _)| holds(value, wanted)).map(|(_, place)| place)
    })
}

/// Whether a value that one of these conditions asks about is open.
pub(super) fn open(resource: &Value, conditions: &[String]) -> bool {
    let path = |condition: &'_ String| condition.split_once('=').map_or(condition.clone(), |(path, _)| path.to_owned());
    conditions.iter().any(|condition| at(resource, &path(condition)).into_iter().any(|(value, _)| is_open(value)))
}

fn holds(value: &Value, wanted: Option<&str>) -> bool {
    match (value, wanted) {
        _ if is_open(value) => false,
        (Value::String(text), Some(wanted)) => text.eq_ignore_ascii_case(wanted),
        (Value::Bool(flag), Some(wanted)) => wanted == if *flag { "true" } else { "false" },
        (Value::String(text), None) => !text.is_empty(),
        (Value::Object(map), None) => !map.is_empty(),
        (value, wanted) => wanted.is_none() && !value.is_null(),
    }
}

/// Keys beside the settings of a resource, and those that hold programs or lists read elsewhere.
const FRAME: &[&str] =
    &["id", "name", "type", "properties", "tags", "systemData", "etag", "resources", "dependsOn", "template"];
/// Ends of names, lower case, whose values are credentials.
const SECRET: &[&str] = &[
    "password",
    "secret",
    "secrets",
    "connectionstring",
    "connectionstrings",
    "accesskey",
    "accountkey",
    "sharedkey",
    "primarykey",
    "secondarykey",
    "key1",
    "key2",
    "apikey",
    "insightskey",
    "insightkey",
    "instrumentationkey",
    "sastoken",
    "accesstoken",
    "credentials",
    "customdata",
    "protectedsettings",
    "appsettings",
];

/// What a resource's settings hold, without credentials and without what is long: its properties.
pub(super) fn kept(resource: &Value) -> Map<String, Value> {
    let mut left = KEPT;
    let mut kept = Map::new();
    let beside = resource.as_object().into_iter().flatten().filter(|(key, _)| !FRAME.contains(&key.as_str()));
    let below = resource.get("properties").and_then(Value::as_object).into_iter().flatten();
    for (key, value) in below.chain(beside).filter(|(key, _)| !is_secret(key)) {
        if let Some(value) = prune(value, DEPTH, &mut left) {
            kept.entry(key.as_str()).or_insert(value);
        }
    }
    own_attributes(kept)
}

fn is_secret(key: &str) -> bool {
    let key = key.replace('_', "").to_ascii_lowercase();
    SECRET.iter().any(|end| key.ends_with(end))
}

fn prune(value: &Value, depth: usize, left: &mut usize) -> Option<Value> {
    *left = left.checked_sub(1)?;
    match value {
        Value::Null => None,
        Value::String(text) => (text.len() <= TEXT).then(|| value.clone()),
        Value::Array(_) | Value::Object(_) if depth == 0 => None,
        Value::Array(list) => Some(list.iter().filter_map(|item| prune(item, depth - 1, left)).collect()),
        Value::Object(map) => {
            // the value of a named setting may be anything
            let setting = map.contains_key("name") && map.contains_key("value");
            let shown = map.iter().filter(|(key, _)| !(is_secret(key) || setting && key.as_str() == "value"));
            let shown = shown.filter_map(|(key, value)| Some((key.clone(), prune(value, depth - 1, left)?)));
            Some(Value::Object(shown.collect()))
        }
        value => Some(value.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_lists_and_other_spellings() {
        let nested = json!({"properties": {"a": [{"b": "x"}, {"b": "y"}], "m": {"k": {"u": "z"}}}});
        assert_eq!(
            texts(&nested, "a.b"),
            [("x", "/properties/a/0/b".to_owned()), ("y", "/properties/a/1/b".to_owned())]
        );
        assert_eq!(texts(&nested, "m.*.u"), [("z", "/properties/m/k/u".to_owned())]);
        let flat = json!({"public_network_access": "Disabled", "Other": 1});
        assert_eq!(texts(&flat, "publicNetworkAccess"), [("Disabled", "/public_network_access".to_owned())]);
        let conditions = ["x=1".to_owned(), "publicNetworkAccess=disabled".to_owned()];
        assert_eq!(first(&flat, &conditions).as_deref(), Some("/public_network_access"));
        assert_eq!(first(&flat, &["other".to_owned()]).as_deref(), Some("/Other"));
    }

    #[test]
    fn credentials_are_not_kept() {
        let kept = kept(&json!({"id": "x", "kind": "OpenAI", "properties": {
            "disableLocalAuth": true, "developerAppInsightKey": "s", "adminPassword": "s", "list": [{"name": "n", "value": "s"}],
            "encryption": {"keySource": "Microsoft.KeyVault"}, "deep": {"primaryKey": "s", "ok": 1}
        }}));
        assert_eq!(
            Value::Object(kept),
            json!({"disableLocalAuth": true, "list": [{"name": "n"}], "encryption": {"keySource": "Microsoft.KeyVault"},
                   "deep": {"ok": 1}, "kind": "OpenAI"})
        );
    }
}
