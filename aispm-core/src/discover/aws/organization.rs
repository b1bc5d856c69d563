//! AWS Organizations: units, and policies with what they are attached to.
//!
//! The API tells a policy's content (`describe-policy`) and its targets (`list-targets-for-policy`) apart; an export puts
//! `Targets` beside `PolicySummary` and `Content`, and `ParentId` into units and accounts.

use std::collections::BTreeSet;

use serde_json::Value;

use super::arn::is_account;
use super::field::text;
use crate::asset::{Asset, AssetKind, Document, Evidence, RelationKind};
use crate::discover::Found;
use crate::identity::aws::{CONTENT, LEVEL, ROOT, TYPE};

/// A policy with its content, alone or in a list.
pub(super) fn is_policy(value: &Value) -> bool {
    entries(value).next().is_some()
}

/// The policies of an answer with what stands beside them.
fn entries(value: &Value) -> impl Iterator<Item = (String, &Value, &Value)> {
    let whole = |value: &Value| value.get("PolicySummary").is_some() && value.get("Content").is_some();
    let alone = [("", Some(value)), ("/Policy", value.get("Policy"))];
    let alone = alone.into_iter().filter_map(move |(at, policy)| Some((at.to_owned(), policy?, value)));
    let list = value.get("Policies").and_then(Value::as_array).into_iter().flatten().enumerate();
    let listed = list.flat_map(|(i, entry)| {
        let inner = entry.get("Policy").map(|policy| (format!("/Policies/{i}/Policy"), policy, entry));
        [Some((format!("/Policies/{i}"), entry, entry)), inner].into_iter().flatten()
    });
    alone.chain(listed).filter(move |(_, policy, _)| whole(policy))
}

/// The type of policy that says whether AI services may keep and learn from what they are given.
const AI_OPT_OUT: &str = "AISERVICES_OPT_OUT_POLICY";

pub(super) fn policies(document: &Document, found: &mut Found) {
    for (pointer, policy, beside) in entries(&document.value) {
        let Some(summary) = policy.get("PolicySummary") else { continue };
        let (Some(id), Some(kind)) = (text(summary, "Arn").or_else(|| text(summary, "Id")), text(summary, "Type"))
        else {
            continue;
        };
        let evidence = document.evidence(&format!("{pointer}/Content"));
        let mut asset = Asset::new(id, AssetKind::Policy, text(summary, "Name").unwrap_or(id)).seen(evidence.clone());
        asset.properties.insert(TYPE.into(), kind.into());
        let content = policy.get("Content").cloned().unwrap_or_default();
        if kind == AI_OPT_OUT {
            let text = content.as_str().map_or_else(|| content.to_string(), str::to_owned);
            let opted_out = text.contains("\"optOut\"") && !text.contains("\"optIn\"");
            asset.properties.insert("ai_opt_out".into(), opted_out.into());
        }
        asset.properties.insert(CONTENT.into(), content);
        found.inventory.add(asset);
        let targets = policy.get("Targets").or_else(|| beside.get("Targets")).and_then(Value::as_array);
        for target in targets.into_iter().flatten() {
            let Some(target_id) = text(target, "TargetId").or_else(|| target.as_str()) else { continue };
            let end = entity(target_id, text(target, "Arn"));
            if text(target, "Type") == Some("ROOT") || target_id.starts_with("r-") {
                add_root(&end, &evidence, found);
            }
            found.relate(id, RelationKind::AppliesTo, &end, &evidence);
        }
    }
}

/// The organisation's policies, where an account's export has them beside its principals: `scps` and `rcps` as
/// `aispm simulate` takes them, a list for each level from the root down; or one list, as the API's words call them.
pub(super) fn beside(document: &Document, accounts: &BTreeSet<String>, found: &mut Found) {
    let keys = [
        ("scps", "SERVICE_CONTROL_POLICY"),
        ("ServiceControlPolicies", "SERVICE_CONTROL_POLICY"),
        ("rcps", "RESOURCE_CONTROL_POLICY"),
        ("ResourceControlPolicies", "RESOURCE_CONTROL_POLICY"),
    ];
    for (key, kind) in keys {
        let list = document.value.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let flat = !list.iter().any(Value::is_array);
        for (i, level) in list.iter().enumerate() {
            let single = std::slice::from_ref(level);
            for (j, policy) in level.as_array().map_or(single, Vec::as_slice).iter().enumerate() {
                let pointer = if level.is_array() { format!("/{key}/{i}/{j}") } else { format!("/{key}/{i}") };
                let inner = ["Content", "PolicyDocument", "Document", "policy"];
                let inner = inner.iter().find_map(|key| Some((key, policy.get(key)?)));
                let name = text(policy, "Name").or_else(|| text(policy, "PolicyName")).unwrap_or(&pointer).to_owned();
                let below = inner.map(|(key, _)| format!("/{key}")).unwrap_or_default();
                let evidence = document.evidence(&format!("{pointer}{below}"));
                let mut asset = Asset::new(format!("file:{}#{pointer}", document.path()), AssetKind::Policy, name);
                asset.properties.insert(TYPE.into(), kind.into());
                asset.properties.insert(CONTENT.into(), inner.map_or(policy, |(_, content)| content).clone());
                asset.properties.insert(LEVEL.into(), if flat { 0 } else { i }.into());
                let id = asset.id.clone();
                found.inventory.add(asset.seen(evidence.clone()));
                for account in accounts {
                    found.relate(id.as_str(), RelationKind::AppliesTo, account, &evidence);
                }
            }
        }
    }
}

/// `list-organizational-units-for-parent`.
pub(super) fn units(document: &Document, found: &mut Found) {
    let list = document.value.get("OrganizationalUnits").and_then(Value::as_array).into_iter().flatten();
    for (i, unit) in list.enumerate() {
        let Some(arn) = text(unit, "Arn") else { continue };
        let evidence = document.evidence(&format!("/OrganizationalUnits/{i}"));
        let asset = Asset::new(arn, AssetKind::Account, text(unit, "Name").unwrap_or(arn)).seen(evidence.clone());
        found.inventory.add(asset);
        contained(unit, &document.value, arn, &evidence, found);
    }
}

/// What a unit or account is directly below, if its entry or the whole answer says so.
pub(super) fn contained(entry: &Value, answer: &Value, id: &str, evidence: &Evidence, found: &mut Found) {
    let parents = [entry.get("ParentId"), entry.pointer("/Parents/0/Id"), answer.get("ParentId")];
    if let Some(parent) = parents.into_iter().flatten().find_map(Value::as_str) {
        let parent = entity(parent, None);
        if parent.starts_with("r-") {
            add_root(&parent, evidence, found);
        }
        found.relate(&parent, RelationKind::Contains, id, evidence);
    }
}

fn entity(id: &str, arn: Option<&str>) -> String {
    if is_account(id) { format!("arn:aws:iam::{id}:root") } else { arn.unwrap_or(id).to_owned() }
}

fn add_root(id: &str, evidence: &Evidence, found: &mut Found) {
    let name = id.rsplit('/').next().unwrap_or(id);
    found.inventory.add(Asset::new(id, AssetKind::Account, name).with(ROOT, true).seen(evidence.clone()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Decision;
    use crate::identity::aws::Estate;
    use serde_json::json;

    #[test]
    fn policies_beside_an_account_bind_it_level_by_level() {
        let allow = |action: &str| json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}});
        let export = json!({
            "UserDetailList": [{"Arn": "arn:aws:iam::111111111111:user/u",
                "UserPolicyList": [{"PolicyName": "p", "PolicyDocument": allow("*")}]}],
            "scps": [[allow("*")], [allow("s3:*"), allow("ec2:*")]],
        });
        let mut found = Found::default();
        assert!(crate::discover::format::dispatch(&Document::json("a.json", &export.to_string()).unwrap(), &mut found));
        let estate = Estate::new(&found.inventory);
        let user = estate.principal_of("arn:aws:iam::111111111111:user/u").unwrap();
        let ask = |action: &str| estate.allows(user, action, "*", None).decision;
        assert_eq!((ask("s3:ListAllMyBuckets"), ask("iam:ListUsers")), (Decision::Allowed, Decision::Denied));
    }

    #[test]
    fn policies_bind_the_accounts_below_their_targets() {
        let manager = "arn:aws:organizations::999999999999";
        let user = |account: &str| {
            let statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
            json!({"UserDetailList": [{"Arn": format!("arn:aws:iam::{account}:user/u"), "UserPolicyList": [
                {"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": statement}}]}]})
        };
        let content =
            json!({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}});
        let summary = json!({"Arn": format!("{manager}:policy/o-1/service_control_policy/p-1"), "Name": "no-s3", "Type": "SERVICE_CONTROL_POLICY"});
        let inventory = |target: &str| {
            let mut found = Found::default();
            for value in [
                user("111111111111"),
                user("222222222222"),
                user("999999999999"),
                json!({"Policy": {"PolicySummary": summary, "Content": content.to_string()}, "Targets": [{"TargetId": target}]}),
                json!({"OrganizationalUnits": [{"Id": "ou-1", "Arn": format!("{manager}:ou/o-1/ou-1"), "Name": "ml"}], "ParentId": "r-1"}),
                json!({"Accounts": [{"Id": "111111111111", "Name": "dev", "Arn": format!("{manager}:account/o-1/111111111111"), "ParentId": "ou-1"}]}),
            ] {
                let document = Document::json("a.json", &value.to_string()).unwrap();
                assert!(crate::discover::format::dispatch(&document, &mut found));
            }
            found.inventory
        };
        for (target, bound) in [("111111111111", [true, false]), ("ou-1", [true, false]), ("r-1", [true, true])] {
            let estate = Estate::new(&inventory(target));
            let denied = |account: &str| {
                let user = estate.principal_of(&format!("arn:aws:iam::{account}:user/u")).unwrap();
                estate.allows(user, "s3:ListBucket", "arn:aws:s3:::b", None).decision == Decision::Denied
            };
            assert_eq!([denied("111111111111"), denied("222222222222")], bound, "{target}");
            assert!(!denied("999999999999"), "the account that manages the organisation");
            let admins = estate.admins().len();
            assert_eq!(admins, 3 - bound.iter().filter(|b| **b).count(), "{target}");
        }
    }
}
