//! CloudFormation's functions, as far as a template alone decides them.
//!
//! `Ref` and `Fn::GetAtt` become the id of the resource they mean, or inside longer text its literal name; what is not
//! known stays `${Name}`, so that who reads on still sees which resource is meant, and `${Fn::ImportValue}` where another
//! stack tells.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::asset::flag;

/// Most that substituting adds to a text, so that a short template can't become a long one.
const ADDED: usize = 4096;

/// What names of a template stand for.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Parameters with a default, and pseudo parameters.
    pub(super) values: HashMap<String, Value>,
    /// Ids of resources.
    pub(super) ids: HashMap<String, String>,
    /// Literal names of resources: what `Ref` gives.
    pub(super) physical: HashMap<String, String>,
}

/// Both ways to write a function, JSON's and YAML's.
fn function(map: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (key, argument) = map.iter().next().filter(|_| map.len() == 1)?;
    let name = key.strip_prefix("Fn::").or_else(|| key.strip_prefix('!'));
    name.or((key == "Ref").then_some("Ref")).map(|name| (name, argument))
}

/// What a function gives that this template does not tell.
fn open(function: &str) -> Value {
    format!("${{Fn::{function}}}").into()
}

impl Names {
    /// A value with its functions computed. Linear but for what text they repeat.
    pub(super) fn value(&self, value: &Value) -> Value {
        match value {
            Value::Object(map) => match function(map) {
                Some((name, argument)) => self.call(name, argument, false),
                None => Value::Object(map.iter().map(|(key, value)| (key.clone(), self.value(value))).collect()),
            },
            Value::Array(list) => {
                // what `Fn::If` leaves out is not there
                Value::Array(list.iter().map(|item| self.value(item)).filter(|item| !item.is_null()).collect())
            }
            value => value.clone(),
        }
    }

    /// The same inside longer text.
    fn inline(&self, value: &Value) -> Option<String> {
        let value = match value {
            Value::Object(map) => {
                let (name, argument) = function(map)?;
                self.call(name, argument, true)
            }
            value => value.clone(),
        };
        super::field::scalar(&value)
    }

    fn call(&self, name: &str, argument: &Value, inline: bool) -> Value {
        match (name, argument) {
            ("Ref", Value::String(name)) => self.reference(name, inline),
            ("GetAtt", Value::String(path)) => self.attribute(path, inline),
            ("GetAtt", Value::Array(path)) => {
                let path: Vec<&str> = path.iter().filter_map(Value::as_str).collect();
                self.attribute(&path.join("."), inline)
            }
            ("Sub", Value::String(text)) => self.substitute(text, None).into(),
            ("Sub", Value::Array(list)) => match list.as_slice() {
                [Value::String(text), variables, ..] => self.substitute(text, variables.as_object()).into(),
                [Value::String(text)] => self.substitute(text, None).into(),
                _ => Value::Null,
            },
            ("Join", Value::Array(list)) => self.join(list),
            ("If", Value::Array(list)) => {
                let values: Vec<Value> = list.iter().skip(1).map(|value| self.value(value)).collect();
                let flags: Vec<bool> = values.iter().filter_map(flag).collect();
                // on or off, as the condition says
                if flags.contains(&true) && flags.contains(&false) {
                    return open(name);
                }
                values.into_iter().find(|value| !value.is_null()).unwrap_or_default()
            }
            ("Select", Value::Array(list)) => match list.as_slice() {
                [index, of] => {
                    let index = super::field::scalar(index).and_then(|index| index.parse::<usize>().ok());
                    let of = self.value(of);
                    index.and_then(|index| of.get(index).cloned()).unwrap_or_default()
                }
                _ => Value::Null,
            },
            ("Split", Value::Array(list)) => match list.as_slice() {
                [Value::String(at), text] if !at.is_empty() => {
                    let text = self.inline(text).unwrap_or_default();
                    text.split(at.as_str()).map(Value::from).collect()
                }
                _ => Value::Null,
            },
            ("Base64" | "ToJsonString", argument) => self.value(argument),
            ("FindInMap" | "ImportValue", _) => open(name),
            ("GetAZs" | "Cidr" | "Transform" | "Length" | "Condition", _) => Value::Null,
            // no function but a tag or key that looks like one
            (_, argument) => self.value(argument),
        }
    }

    fn reference(&self, name: &str, inline: bool) -> Value {
        if name == "AWS::NoValue" {
            return Value::Null;
        }
        if let Some(value) = self.values.get(name) {
            return value.clone();
        }
        let id = self.ids.get(name).filter(|_| !inline);
        let known = id.or_else(|| self.physical.get(name));
        known.map_or_else(|| format!("${{{name}}}").into(), |text| text.as_str().into())
    }

    /// An attribute of a resource: mostly its ARN.
    fn attribute(&self, path: &str, inline: bool) -> Value {
        let (name, attribute) = path.split_once('.').unwrap_or((path, ""));
        match self.ids.get(name) {
            Some(id) if !inline || (attribute == "Arn" && id.starts_with("arn:")) => id.as_str().into(),
            _ => format!("${{{path}}}").into(),
        }
    }

    fn join(&self, list: &[Value]) -> Value {
        let [separator, parts] = list else { return Value::Null };
        let parts = match parts {
            Value::Array(parts) => parts.iter().filter_map(|part| self.inline(part)).collect::<Vec<_>>(),
            other => match self.value(other) {
                Value::Array(parts) => parts.iter().filter_map(super::field::scalar).collect(),
                _ => return Value::Null,
            },
        };
        parts.join(separator.as_str().unwrap_or_default()).into()
    }

    fn substitute(&self, text: &str, variables: Option<&Map<String, Value>>) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            filled.push_str(before);
            let Some((name, tail)) = after.split_once('}') else {
                filled.push_str("${");
                rest = after;
                continue;
            };
            rest = tail;
            if let Some(literal) = name.strip_prefix('!') {
                filled.push_str(&format!("${{{literal}}}"));
                continue;
            }
            let name = name.trim();
            let whole = before.is_empty() && tail.is_empty() && filled.is_empty();
            let value = match variables.and_then(|variables| variables.get(name)) {
                Some(value) if whole => super::field::scalar(&self.value(value)),
                Some(value) => self.inline(value),
                None if name.contains('.') => super::field::scalar(&self.attribute(name, !whole)),
                None => super::field::scalar(&self.reference(name, !whole)),
            };
            let value = value.filter(|value| filled.len() + value.len() <= text.len() + ADDED);
            filled.push_str(&value.unwrap_or_else(|| format!("${{{name}}}")));
        }
        filled.push_str(rest);
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn functions_of_both_spellings() {
        let pairs = |list: &[(&str, &str)]| list.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let names = Names {
            values: HashMap::from([("Stage".to_owned(), json!("prod"))]),
            ids: pairs(&[("Role", "file:t#Role"), ("Store", "arn:aws:s3:::b-1")]),
            physical: pairs(&[("Store", "b-1")]),
        };
        for (value, computed) in [
            (json!({"Ref": "Role"}), json!("file:t#Role")),
            (json!({"!GetAtt": "Role.Arn"}), json!("file:t#Role")),
            (json!({"Fn::GetAtt": ["Role", "Arn"]}), json!("file:t#Role")),
            (json!({"!Sub": "${Role.Arn}"}), json!("file:t#Role")),
            (json!({"!Sub": "s3://${Store}/${Stage}/${Role}"}), json!("s3://b-1/prod/${Role}")),
            (json!({"!Sub": "${Store.Arn}/*"}), json!("arn:aws:s3:::b-1/*")),
            (json!({"Fn::Sub": ["${x}-${!y}", {"x": {"Ref": "Stage"}}]}), json!("prod-${y}")),
            (json!({"Fn::Join": ["", ["s3://", {"Ref": "Store"}, "/k"]]}), json!("s3://b-1/k")),
            (json!({"!If": ["C", {"Ref": "AWS::NoValue"}, ["a", {"Ref": "Stage"}]]}), json!(["a", "prod"])),
            (json!({"Fn::Select": [1, {"!Split": [",", "a,b"]}]}), json!("b")),
            (json!({"Fn::If": ["C", true, "false"]}), json!("${Fn::If}")),
            (json!({"Fn::If": ["C", true, true]}), json!(true)),
            (json!({"!ImportValue": "a-key"}), json!("${Fn::ImportValue}")),
            (json!({"Fn::FindInMap": ["M", "a", "b"]}), json!("${Fn::FindInMap}")),
        ] {
            assert_eq!(names.value(&value), computed, "{value}");
        }
    }
}
