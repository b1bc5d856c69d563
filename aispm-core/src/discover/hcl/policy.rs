//! `data "aws_iam_policy_document"` as the policy that it stands for.

use serde_json::{Map, Value, json};

/// The policy document of a data source's values.
pub(super) fn document(values: &Map<String, Value>) -> Value {
    let mut statements = Vec::new();
    for key in ["source_json", "source_policy_documents", "override_json", "override_policy_documents"] {
        for text in values.get(key).map(items).into_iter().flatten().filter_map(Value::as_str) {
            let source: Value = serde_json::from_str(text).unwrap_or_default();
            statements.extend(source.get("Statement").map(items).into_iter().flatten().cloned());
        }
    }
    statements.extend(values.get("statement").map(items).into_iter().flatten().map(statement));
    let mut document =
        Map::from_iter([("Version".to_owned(), values.get("version").cloned().unwrap_or("2012-10-17".into()))]);
    document.insert("Statement".into(), Value::Array(statements));
    Value::Object(document)
}

fn statement(block: &Value) -> Value {
    let mut statement = Map::new();
    if let Some(sid) = block.get("sid").filter(|sid| sid.as_str() != Some("")) {
        statement.insert("Sid".into(), sid.clone());
    }
    statement.insert("Effect".into(), block.get("effect").cloned().unwrap_or("Allow".into()));
    for (from, to) in [
        ("actions", "Action"),
        ("not_actions", "NotAction"),
        ("resources", "Resource"),
        ("not_resources", "NotResource"),
    ] {
        if let Some(list) = block.get(from).filter(|list| list.as_array().is_none_or(|list| !list.is_empty())) {
            statement.insert(to.into(), list.clone());
        }
    }
    for (from, to) in [("principals", "Principal"), ("not_principals", "NotPrincipal")] {
        let mut principals = Map::new();
        for entry in block.get(from).map(items).into_iter().flatten() {
            let Some(kind) = entry.get("type").and_then(Value::as_str) else { continue };
            let list = principals.entry(kind).or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut() {
                list.extend(entry.get("identifiers").map(items).into_iter().flatten().cloned());
            }
        }
        if principals.get("*").is_some() {
            statement.insert(to.into(), "*".into());
        } else if !principals.is_empty() {
            statement.insert(to.into(), principals.into());
        }
    }
    let mut conditions = Map::new();
    for entry in block.get("condition").map(items).into_iter().flatten() {
        let text = |key| entry.get(key).and_then(Value::as_str);
        let (Some(test), Some(variable)) = (text("test"), text("variable")) else { continue };
        let tests = conditions.entry(test).or_insert_with(|| json!({}));
        if let Some(tests) = tests.as_object_mut() {
            tests.insert(variable.to_owned(), entry.get("values").cloned().unwrap_or_default());
        }
    }
    if !conditions.is_empty() {
        statement.insert("Condition".into(), conditions.into());
    }
    Value::Object(statement)
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_take_the_words_of_aws() {
        let values = json!({"statement": [{
            "sid": "", "actions": ["s3:GetObject"], "resources": ["*"],
            "principals": [{"type": "AWS", "identifiers": ["a"]}, {"type": "AWS", "identifiers": ["b"]}],
            "condition": [{"test": "StringEquals", "variable": "k", "values": ["v"]}],
        }, {"effect": "Deny", "not_actions": ["x"], "principals": [{"type": "*", "identifiers": ["*"]}]}]});
        let document = document(values.as_object().unwrap());
        assert_eq!(
            document["Statement"],
            json!([
                {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["*"], "Principal": {"AWS": ["a", "b"]},
                 "Condition": {"StringEquals": {"k": ["v"]}}},
                {"Effect": "Deny", "NotAction": ["x"], "Principal": "*"},
            ])
        );
    }
}
