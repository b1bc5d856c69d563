//! Policies of resources: which resource they stand on, and whether they let everyone in.

use serde_json::Value;

use super::arn::Arn;
use super::end::canonical;

/// A policy as a value, also one kept as text.
pub(super) fn parse(policy: &Value) -> Option<Value> {
    match policy {
        Value::String(text) if text.len() < 1 << 20 => serde_json::from_str(text).ok(),
        Value::Object(_) => Some(policy.clone()),
        _ => None,
    }
}

fn statements(policy: &Value) -> Vec<&Value> {
    match policy.get("Statement") {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(text)) => vec![text],
        _ => Vec::new(),
    }
}

/// Whether a policy allows something to everybody, without a condition.
pub(super) fn lets_everyone_in(policy: &Value) -> bool {
    let Some(policy) = parse(policy) else { return false };
    statements(&policy).into_iter().any(|statement| {
        let principal = statement.get("Principal");
        let aws = principal.and_then(|principal| principal.get("AWS"));
        let everyone = texts(principal).contains(&"*") || texts(aws).contains(&"*");
        let free =
            statement.get("Condition").is_none_or(|condition| condition.as_object().is_some_and(|c| c.is_empty()));
        statement.get("Effect").and_then(Value::as_str) == Some("Allow") && everyone && free
    })
}

/// The resources that a resource's own policy names: buckets, functions, secrets, repositories, queues.
pub(super) fn subjects(policy: &Value) -> Vec<String> {
    let mut subjects: Vec<String> = statements(policy)
        .into_iter()
        .flat_map(|statement| texts(statement.get("Resource")))
        .filter_map(|text| {
            let arn = Arn::parse(text).filter(|arn| !arn.resource.starts_with('*'))?;
            Some(match arn.service {
                "s3" => format!("arn:{}:s3:::{}", arn.partition, arn.resource.split('/').next()?),
                _ => canonical(text),
            })
        })
        .filter(|subject| !subject.contains('*'))
        .collect();
    subjects.sort();
    subjects.dedup();
    subjects
}
