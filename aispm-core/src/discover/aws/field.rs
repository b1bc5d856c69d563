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
    let mut found = Vec::new();
    Walk { base, below: String::new(), found: &mut found }.items(value, Some(path));
    found
}

/// The way down a path. Most paths of a table lead nowhere in a value, so pointers are written as far as they lead.
struct Walk<'b, 'a> {
    base: &'b str,
    below: String,
    found: &'b mut Vec<(String, &'a Value)>,
}

impl<'a> Walk<'_, 'a> {
    /// Goes on with a list's items, or with the value itself.
    fn items(&mut self, value: &'a Value, path: Option<&str>) {
        let Value::Array(list) = value else { return self.step(value, path) };
        for (i, item) in list.iter().enumerate() {
            self.within(&i.to_string(), |walk| walk.step(item, path));
        }
    }

    /// Takes the first step of a path; at its end the value is found. Recursion is bounded by the path.
    fn step(&mut self, value: &'a Value, path: Option<&str>) {
        let Some(path) = path else {
            self.found.push((format!("{}{}", self.base, self.below), value));
            return;
        };
        let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
        match (step, value.as_object()) {
            ("*", Some(map)) => {
                for (key, value) in map {
                    self.within(&pointer_key(key), |walk| walk.items(value, rest));
                }
            }
            _ => {
                if let Some((key, value)) = entry(value, step) {
                    self.within(&pointer_key(key), |walk| walk.items(value, rest));
                }
            }
        }
    }

    fn within(&mut self, key: &str, walk: impl FnOnce(&mut Self)) {
        let length = self.below.len();
        self.below.push('/');
        self.below.push_str(key);
        walk(self);
        self.below.truncate(length);
    }
}

/// Every text at a path, with its pointer.
pub(super) fn texts<'a>(base: &str, value: &'a Value, path: &str) -> Vec<(String, &'a str)> {
    let texts = at(base, value, path).into_iter();
    texts.filter_map(|(pointer, value)| Some((pointer, value.as_str()?))).filter(|(_, text)| !text.is_empty()).collect()
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
