//! A policy with of its AI permissions only those that were used, everything else as it was.
//!
//! What is allowed shrinks and never grows: a used action stays only where its statement allowed it, with the statement's
//! conditions, and on its resources or fewer. Denials stay as they are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::table::table;
use crate::identity::aws::Pattern;

/// What an identity did: for each action the resources as policies name them, or `None` where these are not known.
pub(super) type Kept = BTreeMap<String, Option<BTreeSet<String>>>;

/// The narrowed document; `None` where it would be the same. Linear in the policy and what was used.
pub(super) fn narrow(document: &Value, kept: &Kept) -> Option<Value> {
    let text;
    let document = match document {
        Value::String(given) => {
            text = serde_json::from_str::<Value>(given).ok()?;
            &text
        }
        document => document,
    };
    let statements: Vec<&Value> = match document.get("Statement")? {
        Value::Array(list) => list.iter().collect(),
        one => vec![one],
    };
    let mut sids: BTreeSet<String> =
        statements.iter().filter_map(|s| s.get("Sid").and_then(Value::as_str)).map(str::to_owned).collect();
    let mut narrowed = Vec::new();
    for statement in &statements {
        match statement.as_object().filter(|map| map.get("Effect").and_then(Value::as_str) == Some("Allow")) {
            Some(map) => narrowed.extend(split(map, kept, &mut sids)),
            None => narrowed.push((*statement).clone()),
        }
    }
    if narrowed.iter().collect::<Vec<_>>() == statements {
        return None;
    }
    let mut whole = document.as_object()?.clone();
    whole.insert("Statement".into(), narrowed.into());
    Some(whole.into())
}

/// One allowing statement as those that take its place.
fn split(statement: &Map<String, Value>, kept: &Kept, sids: &mut BTreeSet<String>) -> Vec<Value> {
    let listed = |key: &str| statement.get(key).map(|value| words(value).map(str::to_owned).collect::<Vec<_>>());
    let all = || table().services.keys().map(|service| format!("{service}:*"));
    let mut rest = statement.clone();
    let allowed: Vec<&String>;
    let mut left = true;
    if let Some(actions) = listed("Action") {
        let (ai, other): (Vec<String>, Vec<String>) =
            actions.into_iter().partition(|action| is_ai(action) || is_all(action));
        if ai.is_empty() {
            return vec![Value::Object(rest)];
        }
        let patterns: Vec<Pattern> = ai.iter().map(|text| Pattern::new(&text.to_ascii_lowercase())).collect();
        allowed = kept.keys().filter(|action| any(&patterns, action)).collect();
        if ai.iter().all(|action| !action.contains(['*', '?']))
            && ai.len() == allowed.len()
            && !narrows(statement, &allowed, kept)
        {
            return vec![Value::Object(rest)];
        }
        if ai.iter().any(|action| is_all(action)) {
            rest.remove("Action");
            rest.insert("NotAction".into(), all().collect::<Vec<_>>().into());
        } else if other.is_empty() {
            left = false;
        } else {
            rest.insert("Action".into(), other.into());
        }
    } else if let Some(mut excluded) = listed("NotAction") {
        let patterns: Vec<Pattern> = excluded.iter().map(|text| Pattern::new(&text.to_ascii_lowercase())).collect();
        allowed = kept.keys().filter(|action| !any(&patterns, action)).collect();
        let missing: Vec<String> = all().filter(|service| !any(&patterns, service)).collect();
        if missing.is_empty() {
            return vec![Value::Object(rest)];
        }
        excluded.extend(missing);
        rest.insert("NotAction".into(), excluded.into());
    } else {
        return vec![Value::Object(rest)];
    }
    let mut made = if left { vec![Value::Object(rest)] } else { Vec::new() };
    let mut by_resource: BTreeMap<Option<&BTreeSet<String>>, Vec<&String>> = BTreeMap::new();
    for action in allowed {
        by_resource.entry(resources(statement, action, kept)).or_default().push(action);
    }
    for (resources, actions) in by_resource {
        let mut used = statement.clone();
        used.remove("NotAction");
        used.insert("Action".into(), json!(actions));
        if let Some(resources) = resources {
            used.insert("Resource".into(), json!(resources));
        }
        if let Some(sid) = statement.get("Sid").and_then(Value::as_str) {
            used.insert("Sid".into(), free(sid, sids).into());
        }
        made.push(used.into());
    }
    made
}

/// The resources to which an action comes down, where its statement names all and the log names each.
fn resources<'k>(statement: &Map<String, Value>, action: &str, kept: &'k Kept) -> Option<&'k BTreeSet<String>> {
    let everything = statement.get("Resource").is_some_and(|value| words(value).any(|word| word == "*"));
    kept.get(action)?.as_ref().filter(|resources| everything && !resources.is_empty())
}

fn narrows(statement: &Map<String, Value>, actions: &[&String], kept: &Kept) -> bool {
    actions.iter().any(|action| resources(statement, action, kept).is_some())
}

fn is_ai(action: &str) -> bool {
    action.split_once(':').is_some_and(|(service, _)| table().services.contains_key(&service.to_ascii_lowercase()))
}

fn is_all(action: &str) -> bool {
    matches!(action, "*" | "*:*")
}

fn any(patterns: &[Pattern], action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    patterns.iter().any(|pattern| pattern.matches(&action))
}

/// A string, or a list's strings.
fn words(value: &Value) -> impl Iterator<Item = &str> {
    value.as_str().into_iter().chain(value.as_array().into_iter().flatten().filter_map(Value::as_str))
}

/// A statement id that no other statement has.
fn free(sid: &str, sids: &mut BTreeSet<String>) -> String {
    let mut name = format!("{sid}Used");
    let mut n = 2_u32;
    while !sids.insert(name.clone()) {
        name = format!("{sid}Used{n}");
        n += 1;
    }
    name
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kept(all: &[(&str, Option<&[&str]>)]) -> Kept {
        let set = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        all.iter().map(|(action, on)| ((*action).to_owned(), on.map(set))).collect()
    }

    #[test]
    fn only_what_was_used_stays() {
        let document = json!({"Version": "2012-10-17", "Statement": [
            {"Sid": "Ai", "Effect": "Allow", "Action": ["bedrock:*", "s3:GetObject"], "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
            {"Effect": "Deny", "Action": "bedrock:DeleteGuardrail", "Resource": "*"},
        ]});
        let model = "arn:aws:bedrock:*::foundation-model/acme.tiny";
        let used = kept(&[("bedrock:InvokeModel", Some(&[model])), ("bedrock:ListAgents", None)]);
        let narrowed = narrow(&document, &used).unwrap();
        assert_eq!(narrowed["Version"], "2012-10-17");
        assert_eq!(
            narrowed["Statement"],
            json!([
                {"Sid": "Ai", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
                {"Sid": "AiUsed", "Effect": "Allow", "Action": ["bedrock:ListAgents"], "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
                {"Sid": "AiUsed2", "Effect": "Allow", "Action": ["bedrock:InvokeModel"], "Resource": [model], "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
                {"Effect": "Deny", "Action": "bedrock:DeleteGuardrail", "Resource": "*"},
            ])
        );
        assert_eq!(narrow(&narrowed, &used), None, "it is narrow already");
    }

    #[test]
    fn everything_but_ai_stays_of_everything() {
        let star = narrow(
            &json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}),
            &kept(&[("sagemaker:ListModels", None)]),
        )
        .unwrap();
        assert!(star["Statement"][0]["NotAction"].as_array().unwrap().contains(&json!("bedrock:*")));
        assert_eq!(star["Statement"][1]["Action"], json!(["sagemaker:ListModels"]));
        let but =
            narrow(&json!({"Statement": [{"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}]}), &kept(&[]))
                .unwrap();
        assert_eq!(but["Statement"].as_array().unwrap().len(), 1);
        assert!(but["Statement"][0]["NotAction"].as_array().unwrap().contains(&json!("sagemaker:*")));
        assert_eq!(
            narrow(&json!({"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}), &kept(&[])),
            None
        );
        assert_eq!(narrow(&json!("no policy"), &kept(&[])), None);
        let gone = narrow(
            &json!({"Statement": [{"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": "*"}]}),
            &kept(&[]),
        )
        .unwrap();
        assert_eq!(gone["Statement"], json!([]));
    }

    /// Whether a policy allows an action on a resource, conditions aside.
    fn allows(document: &Value, action: &str, resource: &str) -> bool {
        let matches = |value: &Value, text: &str, fold: bool| {
            let text = if fold { text.to_ascii_lowercase() } else { text.to_owned() };
            words(value).any(|w| Pattern::new(&if fold { w.to_ascii_lowercase() } else { w.to_owned() }).matches(&text))
        };
        let says = |effect: &str| {
            document["Statement"].as_array().unwrap().iter().any(|s| {
                let about = match (s.get("Action"), s.get("NotAction")) {
                    (Some(list), _) => matches(list, action, true),
                    (_, Some(list)) => !matches(list, action, true),
                    _ => false,
                };
                s["Effect"] == effect && about && matches(&s["Resource"], resource, false)
            })
        };
        says("Allow") && !says("Deny")
    }

    proptest! {
        #[test]
        fn nothing_is_added_and_nothing_that_was_used_is_lost(
            statements in prop::collection::vec((
                prop::bool::weighted(0.8),
                prop::bool::weighted(0.2),
                prop::collection::vec(prop::sample::select(vec!["*", "bedrock:*", "bedrock:Invoke*", "Bedrock:InvokeModel", "sagemaker:CreateModel", "s3:*", "s3:GetObject", "iam:*"]), 1..3),
                prop::sample::select(vec!["*", "arn:a", "arn:b"]),
            ), 1..4),
            used in prop::collection::btree_map(
                prop::sample::select(vec!["bedrock:InvokeModel", "bedrock:ListAgents", "sagemaker:CreateModel"]).prop_map(str::to_owned),
                prop::option::of(prop::collection::btree_set(prop::sample::select(vec!["arn:a", "arn:b"]).prop_map(str::to_owned), 1..2)),
                0..3,
            ),
        ) {
            let all: Vec<Value> = statements.iter().map(|(allow, not, actions, resource)| {
                let key = if *not { "NotAction" } else { "Action" };
                json!({"Effect": if *allow { "Allow" } else { "Deny" }, key: actions, "Resource": resource})
            }).collect();
            let before = json!({ "Statement": all });
            let after = narrow(&before, &used).unwrap_or_else(|| before.clone());
            for action in ["bedrock:InvokeModel", "bedrock:ListAgents", "bedrock:InvokeAgent", "sagemaker:CreateModel", "s3:GetObject", "iam:GetRole", "ec2:RunInstances"] {
                for resource in ["arn:a", "arn:b", "arn:c"] {
                    let (old, new) = (allows(&before, action, resource), allows(&after, action, resource));
                    prop_assert!(old || !new, "{action} on {resource} was added: {after}");
                    if !is_ai(action) {
                        prop_assert_eq!(old, new, "{} on {}", action, resource);
                    }
                    let did = used.get(action).is_some_and(|on| on.as_ref().is_none_or(|on| on.contains(resource)));
                    prop_assert!(!did || old == new, "{action} on {resource} was used: {after}");
                }
            }
        }
    }
}
