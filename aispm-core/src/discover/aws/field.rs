//! Fields by path, whatever the case of their names: one API writes `roleArn`, another and CloudFormation `RoleArn`.

use serde_json::Value;

use crate::asset::pointer_key;

/// A field of an object, by its exact name or else by the same name in another case.
pub(super) fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    entry(value, name).map(|(_, value)| value)
}

/// A field that is text and not empty.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    field(value, name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn entry<'a>(value: &'a Value, name: &str) -> Option<(&'a str, &'a Value)> {
    let map = value.as_object()?;
    let found = map.get_key_value(name).or_else(|| map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)));
    found.map(|(key, value)| (key.as_str(), value))
}

/// Every value at a dotted path with its pointer below `base`. Lists are followed into each item, `*` into each field.
pub(super) fn at<'a>(base: &str, value: &'a Value, path: &str) -> Vec<(String, &'a Value)> {
    let mut level = vec![(base.to_owned(), value)];
    for step in path.split('.') {
        let mut next = Vec::new();
        for (pointer, value) in level.drain(..).flat_map(items) {
            match (step, value.as_object()) {
                ("*", Some(map)) => {
                    next.extend(map.iter().map(|(key, value)| (format!("{pointer}/{}", pointer_key(key)), value)));
                }
                _ => next
                    .extend(entry(value, step).map(|(key, value)| (format!("{pointer}/{}", pointer_key(key)), value))),
            }
        }
        level = next;
    }
    level.into_iter().flat_map(items).collect()
}

/// Every text at a path, with its pointer.
pub(super) fn texts<'a>(base: &str, value: &'a Value, path: &str) -> Vec<(String, &'a str)> {
    let texts = at(base, value, path).into_iter();
    texts.filter_map(|(pointer, value)| Some((pointer, value.as_str()?))).filter(|(_, text)| !text.is_empty()).collect()
}

/// A list's items, or the value itself.
fn items((pointer, value): (String, &Value)) -> Vec<(String, &Value)> {
    match value {
        Value::Array(list) => list.iter().enumerate().map(|(i, item)| (format!("{pointer}/{i}"), item)).collect(),
        value => vec![(pointer, value)],
    }
}

/// A scalar as text, for comparing with what the table says.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_follow_lists_fields_and_either_case() {
        let value = json!({"Parts": [{"a/b": {"roleArn": "x"}}, {"c": {"RoleArn": ["y", 1]}}]});
        let found = texts("/v", &value, "parts.*.RoleArn");
        assert_eq!(found, [("/v/Parts/0/a~1b/roleArn".to_owned(), "x"), ("/v/Parts/1/c/RoleArn/0".to_owned(), "y")]);
    }
}
