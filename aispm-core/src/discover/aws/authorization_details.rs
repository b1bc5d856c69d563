//! `aws iam get-account-authorization-details`: users, groups, roles and policies.
//!
//! Each becomes an asset whose id is its ARN and whose `properties` are the export's own entry, so that inline policies,
//! trust policies and boundaries keep their names and their JSON pointers below the asset's own.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::asset::{Asset, AssetKind, Document, Error, ErrorKind, Relation, RelationKind, own_attributes};
use crate::discover::{Found, Structured};
use crate::identity::aws::misread;

pub(in crate::discover) const AUTHORIZATION_DETAILS: Structured = Structured {
    name: "aws-authorization-details",
    critical: true,
    in_parts: true,
    markers: &["DetailList", "Arn"],
    matches: |value| SECTIONS.iter().any(|(key, _)| value.get(key).is_some_and(Value::is_array)),
    read,
};

const SECTIONS: &[(&str, AssetKind)] = &[
    ("UserDetailList", AssetKind::User),
    ("GroupDetailList", AssetKind::Group),
    ("RoleDetailList", AssetKind::Role),
    ("Policies", AssetKind::Policy),
];

fn read(document: &Document, found: &mut Found) {
    let mut accounts: BTreeSet<String> = BTreeSet::new();
    if document.value.get("IsTruncated") == Some(&Value::Bool(true)) {
        cut(found, "one page of a longer list (IsTruncated); export all pages into one file".to_owned());
    }
    for (section, kind) in SECTIONS {
        let list = document.value.get(section);
        if list.is_some_and(|list| !list.is_array() && !list.is_null()) {
            cut(found, format!("/{section} is not a list"));
        }
        for (i, entry) in list.and_then(Value::as_array).into_iter().flatten().enumerate() {
            let pointer = format!("/{section}/{i}");
            let (Some(arn), Value::Object(properties)) = (entry.get("Arn").and_then(Value::as_str), entry) else {
                // `Policies` is a common word
                if *section != "Policies" {
                    cut(found, format!("{pointer} has no `Arn`"));
                }
                continue;
            };
            if let Some((place, what)) = misread_policy(entry) {
                cut(found, format!("{pointer}{place} is no valid policy: {what}"));
            }
            let evidence = document.evidence(&pointer);
            let list = |key: &str, field: &'static str| {
                let items = entry.get(key).and_then(Value::as_array).into_iter().flatten().enumerate();
                items.filter_map(move |(i, item)| Some((i, item.get(field)?.as_str()?)))
            };
            let mut asset = Asset::new(arn, *kind, last(arn)).seen(evidence.clone().excerpt(arn));
            asset.properties = own_attributes(properties.clone());
            found.inventory.add(asset);
            if let Some(account) = arn.split(':').nth(4).filter(|account| !account.is_empty() && *account != "aws") {
                let id = format!("arn:aws:iam::{account}:root");
                // one place is enough to show that there is such an account
                if found.inventory.get(&id).is_none() {
                    found.inventory.add(Asset::new(&id, AssetKind::Account, account).seen(evidence.clone()));
                }
                found.inventory.relate(Relation::new(&id, RelationKind::Contains, arn).seen(evidence.clone()));
                accounts.insert(id);
            }
            for (i, policy) in list("AttachedManagedPolicies", "PolicyArn") {
                let place = document.evidence(&format!("{pointer}/AttachedManagedPolicies/{i}"));
                found.inventory.relate(Relation::new(policy, RelationKind::AppliesTo, arn).seen(place));
            }
            for (i, profile) in list("InstanceProfileList", "Arn") {
                let place = document.evidence(&format!("{pointer}/InstanceProfileList/{i}"));
                found.inventory.add(Asset::new(profile, AssetKind::Resource, last(profile)).seen(place.clone()));
                found.inventory.relate(Relation::new(profile, RelationKind::RunsAs, arn).seen(place));
            }
            for group in entry.get("GroupList").and_then(Value::as_array).into_iter().flatten() {
                let (Some(group), Some((prefix, _))) = (group.as_str(), arn.split_once(":user/")) else { continue };
                let group = format!("{prefix}:group/{group}");
                found.inventory.relate(Relation::new(arn, RelationKind::MemberOf, group).seen(evidence.clone()));
            }
        }
    }
    super::organization::beside(document, &accounts, found);
}

/// The pointer, below an entry, of the first part of its policies that AWS would refuse, and what is wrong with it.
fn misread_policy(entry: &Value) -> Option<(String, String)> {
    let key = "AssumeRolePolicyDocument";
    let trust = entry.get(key).map(|policy| (format!("/{key}"), None, policy, true));
    let listed = [
        ("UserPolicyList", "PolicyDocument"),
        ("GroupPolicyList", "PolicyDocument"),
        ("RolePolicyList", "PolicyDocument"),
        ("PolicyVersionList", "Document"),
    ];
    let listed = listed.into_iter().flat_map(|(list, key)| {
        let items = entry.get(list).and_then(Value::as_array).into_iter().flatten().enumerate();
        items.filter_map(move |(i, item)| {
            Some((format!("/{list}/{i}/{key}"), item.get("PolicyName"), item.get(key)?, false))
        })
    });
    let name = |own: Option<&Value>| own.or_else(|| entry.get("PolicyName"))?.as_str().map(str::to_owned);
    trust.into_iter().chain(listed).find_map(|(place, own, policy, trust)| {
        let fault = misread(policy, trust).into_iter().next()?;
        let name = name(own).map(|name| format!(" (policy {name})")).unwrap_or_default();
        Some((place + &fault.pointer, fault.reason + &name))
    })
}

/// Notes the first reason why this document is not the whole.
fn cut(found: &mut Found, reason: String) {
    found.cut.get_or_insert_with(|| Error::new(ErrorKind::Malformed, reason));
}

/// The last part of an ARN.
fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn attachments_and_instance_profiles_are_relations() {
        let value = json!({"RoleDetailList": [{
            "Arn": "arn:aws:iam::111111111111:role/r",
            "AttachedManagedPolicies": [{"PolicyArn": "arn:aws:iam::111111111111:policy/p"}],
            "InstanceProfileList": [{"Arn": "arn:aws:iam::111111111111:instance-profile/i"}]
        }]});
        let document = Document::json("a.json", &value.to_string()).unwrap();
        let mut found = Found::default();
        read(&document, &mut found);
        let relations: Vec<_> = found.inventory.relations().map(|r| (r.from.as_str(), r.kind)).collect();
        assert!(relations.contains(&("arn:aws:iam::111111111111:policy/p", RelationKind::AppliesTo)));
        assert!(relations.contains(&("arn:aws:iam::111111111111:instance-profile/i", RelationKind::RunsAs)));
    }

    #[test]
    fn what_counts_for_nothing_is_told() {
        let reason = |value: Value| {
            let mut found = Found::default();
            read(&Document::json("a.json", &value.to_string()).unwrap(), &mut found);
            found.cut.map(|error| error.message)
        };
        let user =
            |policy: Value| json!({"UserDetailList": [{"Arn": "u", "UserPolicyList": [{"PolicyDocument": policy}]}]});
        let allow = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
        assert_eq!(reason(user(json!({"Statement": [allow]}))), None);
        let told = reason(user(json!({"Statement": [allow, {"Effect": "allow"}]}))).unwrap();
        assert!(told.starts_with("/UserDetailList/0/UserPolicyList/0/PolicyDocument/Statement/1 "), "{told}");
        assert_eq!(reason(json!({"RoleDetailList": [7]})).unwrap(), "/RoleDetailList/0 has no `Arn`");
        assert_eq!(reason(json!({"Policies": {}, "UserDetailList": null})).unwrap(), "/Policies is not a list");
    }
}
