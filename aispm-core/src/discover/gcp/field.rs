//! Fields of a resource by path, however the export spells them: `displayName` as REST does, `display_name` as the
//! Python clients do.

use serde::Deserialize;
use serde_json::Value;

use crate::asset::{flag, is_open, pointer_key};

/// `deployedModels.model`: keys from the top, through every row of a list. `*` is any key, a key with dots stands in
/// brackets, and `path:collection` says that a bare name is one in this collection beside the resource.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(super) struct Path {
    keys: Vec<Key>,
    pub(super) collection: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    camel: String,
    /// The other spelling, where it differs.
    snake: Option<String>,
}

impl From<String> for Path {
    fn from(text: String) -> Self {
        let mut keys = vec![String::new()];
        let (mut bracket, mut collection) = (false, None);
        for c in text.chars() {
            match (c, keys.last_mut(), &mut collection) {
                (c, _, Some(collection)) => String::push(collection, c),
                ('[', ..) => bracket = true,
                (']', ..) => bracket = false,
                (':', ..) if !bracket => collection = Some(String::new()),
                ('.', ..) if !bracket => keys.push(String::new()),
                (c, Some(key), _) => key.push(c),
                _ => {}
            }
        }
        Self { keys: keys.into_iter().map(Key::from).collect(), collection }
    }
}

impl From<String> for Key {
    fn from(camel: String) -> Self {
        let snake = snake(&camel);
        Self { snake: (snake != camel).then_some(snake), camel }
    }
}

impl Path {
    /// Every value at the path, with its JSON pointer below `data`.
    pub(super) fn values<'a>(&self, data: &'a Value) -> Vec<(String, &'a Value)> {
        let mut found = Vec::new();
        collect(&self.keys, data, &mut String::new(), &mut found);
        found
    }

    /// Every text at the path that is not empty.
    pub(super) fn texts<'a>(&self, data: &'a Value) -> impl Iterator<Item = (String, &'a str)> {
        self.values(data)
            .into_iter()
            .filter_map(|(pointer, value)| value.as_str().filter(|text| !text.is_empty()).map(|text| (pointer, text)))
    }

    /// Whether something is set there.
    pub(super) fn is_set(&self, data: &Value) -> bool {
        self.values(data).into_iter().any(|(_, value)| set(value))
    }
}

/// Walks down as deep as the path is long.
fn collect<'a>(keys: &[Key], value: &'a Value, pointer: &mut String, found: &mut Vec<(String, &'a Value)>) {
    let length = pointer.len();
    if let Value::Array(rows) = value {
        for (i, row) in rows.iter().enumerate().filter(|(_, row)| !row.is_array()) {
            pointer.push_str(&format!("/{i}"));
            collect(keys, row, pointer, found);
            pointer.truncate(length);
        }
        return;
    }
    let Some((key, below)) = keys.split_first() else {
        found.push((pointer.clone(), value));
        return;
    };
    if key.camel == "*" {
        for (name, value) in value.as_object().into_iter().flatten() {
            pointer.push('/');
            pointer.push_str(&pointer_key(name));
            collect(below, value, pointer, found);
            pointer.truncate(length);
        }
    } else if let Some((name, value)) = entry(value, &key.camel, key.snake.as_deref()) {
        pointer.push('/');
        pointer.push_str(&pointer_key(name));
        collect(below, value, pointer, found);
        pointer.truncate(length);
    }
}

fn entry<'a, 'k>(value: &'a Value, camel: &'k str, snake: Option<&'k str>) -> Option<(&'k str, &'a Value)> {
    let at = |key: &'k str| value.get(key).map(|value| (key, value));
    at(camel).or_else(|| at(snake?))
}

/// A field under either of its spellings, with the one it has.
pub(super) fn either<'a>(
    value: &'a Value,
    camel: &'static str,
    snake: &'static str,
) -> Option<(&'static str, &'a Value)> {
    entry(value, camel, Some(snake))
}

/// A text under either of its spellings.
pub(super) fn either_text<'a>(value: &'a Value, camel: &'static str, snake: &'static str) -> Option<&'a str> {
    either(value, camel, snake).and_then(|(_, value)| value.as_str()).filter(|text| !text.is_empty())
}

/// Whether a value says something: neither nothing, nor empty, nor `false`, nor what a template leaves open.
fn set(value: &Value) -> bool {
    flag(value) != Some(false)
        && !is_open(value)
        && match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(rows) => !rows.is_empty(),
            Value::Object(map) => !map.is_empty(),
            Value::Bool(_) | Value::Number(_) => true,
        }
}

fn snake(camel: &str) -> String {
    let mut snake = String::with_capacity(camel.len() + 4);
    for c in camel.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_go_through_lists_and_either_spelling() {
        let data = json!({"deployed_models": [{"model": "a"}, {"model": "b"}], "annotations": {"x.y/z": "c"}});
        let at = |path: &str| {
            let path = Path::from(path.to_owned());
            path.texts(&data).map(|(pointer, text)| format!("{pointer} {text}")).collect::<Vec<_>>()
        };
        assert_eq!(at("deployedModels.model"), ["/deployed_models/0/model a", "/deployed_models/1/model b"]);
        assert_eq!(at("annotations.[x.y/z]"), ["/annotations/x.y~1z c"]);
        assert_eq!(at("annotations.*"), ["/annotations/x.y~1z c"]);
        assert!(at("deployedModels.id").is_empty());
        assert_eq!(Path::from("a.b:datasets".to_owned()).collection.as_deref(), Some("datasets"));
    }
}
