//! Fields by their letters alone: `FromPort`, `fromPort` and `from_port` are one, whoever wrote them.

use serde_json::{Map, Value};

/// Deepest nesting that is looked into.
const DEPTH: usize = 6;

/// Whether a key has these lower-case letters.
fn is(key: &str, name: &str) -> bool {
    key.bytes().filter(|b| *b != b'_' && *b != b'-').map(|b| b.to_ascii_lowercase()).eq(name.bytes())
}

/// The field of an object. `name` is in lower case without hyphens and underscores.
pub(super) fn of<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    map.iter().find(|(key, value)| is(key, name) && !value.is_null()).map(|(_, value)| value)
}

/// The field of a value that is an object, or a list of one as Terraform writes its blocks.
pub(super) fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) => of(map, name),
        Value::Array(list) => list.first().filter(|_| list.len() == 1).and_then(|item| field(item, name)),
        _ => None,
    }
}

/// A list's items, or the value itself.
pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// The items of the first of these fields that is there.
pub(super) fn list<'a>(map: &'a Map<String, Value>, names: &[&str]) -> &'a [Value] {
    names.iter().find_map(|name| of(map, name)).map_or(&[], items)
}

/// Text of a scalar.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Array(list) if list.len() == 1 => list.first().and_then(scalar),
        _ => None,
    }
}

/// The scalar in the first of these fields.
pub(super) fn text(value: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| scalar(field(value, name)?)).filter(|text| !text.is_empty())
}

/// A flag, also where it is written as a word.
pub(super) fn flag(value: &Value, names: &[&str]) -> Option<bool> {
    match text(value, names)?.to_ascii_lowercase().as_str() {
        "true" | "enabled" | "yes" | "1" => Some(true),
        "false" | "disabled" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// Every value of these fields, however deep.
pub(super) fn deep<'a>(value: &'a Value, names: &[&str]) -> Vec<&'a Value> {
    fn walk<'a>(value: &'a Value, names: &[&str], depth: usize, found: &mut Vec<&'a Value>) {
        match value {
            Value::Object(map) if depth < DEPTH => {
                for (key, inner) in map {
                    if names.iter().any(|name| is(key, name)) && !inner.is_null() {
                        found.push(inner);
                    } else {
                        walk(inner, names, depth + 1, found);
                    }
                }
            }
            Value::Array(list) if depth < DEPTH => list.iter().for_each(|item| walk(item, names, depth + 1, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(value, names, 0, &mut found);
    found
}

/// The strings of a value: itself, a list's, and of objects those in these fields.
pub(super) fn strings<'a>(value: &'a Value, inside: &[&str]) -> Vec<&'a str> {
    match value {
        Value::String(text) => vec![text.as_str()],
        Value::Array(list) => list.iter().flat_map(|item| strings(item, inside)).collect(),
        Value::Object(map) => inside.iter().filter_map(|name| of(map, name)?.as_str()).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_letters() {
        for key in ["FromPort", "fromPort", "from_port", "from-port"] {
            assert_eq!(text(&json!({ key: 80 }), &["fromport"]).as_deref(), Some("80"), "{key}");
        }
        assert_eq!(flag(&json!([{"AssignPublicIp": "ENABLED"}]), &["assignpublicip"]), Some(true));
        assert_eq!(text(&json!({"ports": 80}), &["port"]), None);
        let value = json!({"NetworkInterfaces": [{"Association": {"PublicIp": "198.51.100.7"}}]});
        assert_eq!(deep(&value, &["publicip"]), [&json!("198.51.100.7")]);
        assert_eq!(
            strings(&json!([{"CidrIp": "10.0.0.0/8", "Description": "web"}, "::/0"]), &["cidrip"]),
            ["10.0.0.0/8", "::/0"]
        );
    }
}
