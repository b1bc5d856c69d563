//! The JSON form of a configuration: strings are templates, blocks are objects keyed by their labels.

use hcl_edit::expr::{Expression, Object, ObjectKey};
use hcl_edit::parser::parse_template;
use hcl_edit::template::{Element, StringTemplate};
use serde_json::{Map, Value};

use super::split::ENTRY_LIMIT;
use super::syntax::{Attribute, Block, Body, File, Place};
use crate::asset::{Result, pointer_key};

/// Kinds of top-level blocks and how many labels they have.
const BLOCKS: &[(&str, usize)] = &[
    ("resource", 2),
    ("data", 2),
    ("module", 1),
    ("variable", 1),
    ("output", 1),
    ("provider", 1),
    ("locals", 0),
    ("terraform", 0),
];

/// Parses a `.tf.json` or `.tfvars.json` file.
pub(super) fn parse(path: &str, text: &str) -> Result<File> {
    let value: Value = serde_json::from_str(text)?;
    let mut file = File { path: path.into(), text: text.into(), body: Body::default() };
    for (key, value) in value.as_object().into_iter().flatten() {
        let pointer = format!("/{}", pointer_key(key));
        match BLOCKS.iter().find(|(kind, _)| kind == key) {
            Some((kind, labels)) => block(kind, *labels, Vec::new(), value, &pointer, &mut file.body),
            None => file.body.attributes.push(attribute(key, value, pointer)),
        }
    }
    Ok(file)
}

/// Blocks of a kind; each level of labels is an object, and anything may be a list of its like.
fn block(kind: &str, more: usize, labels: Vec<Box<str>>, value: &Value, pointer: &str, body: &mut Body) {
    match value {
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate().filter(|(_, item)| item.is_object()) {
                block(kind, more, labels.clone(), item, &format!("{pointer}/{i}"), body);
            }
        }
        Value::Object(map) if more > 0 => {
            for (label, value) in map {
                let labels = labels.iter().cloned().chain([label.as_str().into()]).collect();
                block(kind, more - 1, labels, value, &format!("{pointer}/{}", pointer_key(label)), body);
            }
        }
        Value::Object(map) => {
            let attributes =
                map.iter().map(|(key, value)| attribute(key, value, format!("{pointer}/{}", pointer_key(key))));
            let inner = Body { attributes: attributes.collect(), blocks: Vec::new() };
            let place = Place::Pointer(pointer.to_owned());
            body.blocks.push(Block { kind: kind.into(), labels, body: inner, place });
        }
        _ => {}
    }
}

fn attribute(key: &str, value: &Value, pointer: String) -> Attribute {
    Attribute { name: key.into(), value: expression(value), place: Place::Pointer(pointer) }
}

/// A JSON value as an expression; as deep as the JSON reader allows.
fn expression(value: &Value) -> Expression {
    match value {
        Value::Null => Expression::null(),
        Value::Bool(flag) => Expression::from(*flag),
        Value::Number(number) => number
            .as_i64()
            .map(Expression::from)
            .or_else(|| number.as_f64().and_then(hcl_edit::Number::from_f64).map(Expression::from))
            .unwrap_or_else(Expression::null),
        Value::String(text) => template(text),
        Value::Array(items) => Expression::Array(items.iter().map(expression).collect()),
        // adding to an object takes time that grows with its size
        Value::Object(map) if map.len() > ENTRY_LIMIT => Expression::from(value.to_string()),
        Value::Object(map) => object(map),
    }
}

fn object(map: &Map<String, Value>) -> Expression {
    let mut object = Object::with_capacity(map.len());
    for (key, value) in map {
        object.insert(ObjectKey::Expression(Expression::from(key.as_str())), expression(value));
    }
    Expression::Object(object)
}

fn template(text: &str) -> Expression {
    if !text.contains("${") && !text.contains("%{") {
        return Expression::from(text);
    }
    match parse_template(text) {
        Ok(template) => {
            let mut parts = StringTemplate::new();
            template.iter().cloned().for_each(|element: Element| parts.push(element));
            Expression::StringTemplate(parts)
        }
        Err(_) => Expression::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_keyed_by_their_labels() {
        let text = r#"{"resource": {"t": {"a": {"x": 1}, "b": [{"y": "${var.z}"}]}}, "locals": {"l": [1]}}"#;
        let file = parse("m.tf.json", text).unwrap();
        let pointers: Vec<_> = file.body.blocks.iter().filter_map(|b| b.place.evidence("").pointer).collect();
        assert_eq!(pointers, ["/locals", "/resource/t/a", "/resource/t/b/0"]);
        let y = file.body.blocks[2].body.attribute("y").unwrap();
        assert!(matches!(y.value, Expression::StringTemplate(_)));
        assert!(parse("m.tf.json", "{").is_err());
    }
}
