//! Access that a resource lists itself, besides its IAM policy: the access entries of a BigQuery data set and the
//! ACLs of a bucket, read as the bindings they stand for.

use serde_json::Value;

use super::{iam_policy, name};
use crate::asset::{Asset, Document};
use crate::discover::Found;

/// Adds what the entries in a body give.
pub(super) fn read(document: &Document, pointer: &str, data: &Value, asset: &mut Asset, found: &mut Found) {
    for key in ["access", "acl", "defaultObjectAcl", "default_acl"] {
        for (i, row) in data.get(key).and_then(Value::as_array).into_iter().flatten().enumerate() {
            let member = if key == "access" { entry(row) } else { rule(row) };
            let (Some(role), Some(member)) = (row.get("role").and_then(Value::as_str), member) else { continue };
            let evidence = document.evidence(&format!("{pointer}/{key}/{i}")).excerpt(role);
            iam_policy::give(role, &member, &evidence, asset, found);
        }
    }
}

/// `{"role": "READER", "userByEmail": "…"}` of a data set.
fn entry(row: &Value) -> Option<String> {
    let text = |key: &str| row.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    text("userByEmail")
        .map(name::principal)
        .or_else(|| text("groupByEmail").map(|group| format!("group:{group}")))
        .or_else(|| text("domain").map(|domain| format!("domain:{domain}")))
        .or_else(|| text("specialGroup").or_else(|| text("iamMember")).map(str::to_owned))
}

/// `{"role": "READER", "entity": "user-…"}` of a bucket.
fn rule(row: &Value) -> Option<String> {
    let entity = row.get("entity")?.as_str()?;
    match entity.split_once('-') {
        Some(("user", email)) => Some(name::principal(email)),
        Some((kind @ ("group" | "domain"), name)) => Some(format!("{kind}:{name}")),
        Some(_) => None,
        None => Some(entity.to_owned()),
    }
}
