//! An organisation of AWS: its root, units and accounts, and the policies attached to them.

use serde_json::{Value, json};

use super::estate::Estate;
use super::items;
use super::resource::Resource;
use crate::asset::{Asset, AssetKind, RelationKind};
use crate::discover::Found;
use crate::identity::aws::{CONTENT, ROOT, TYPE};

/// Types that this module reads.
pub(super) fn is_organization(kind: &str) -> bool {
    kind.starts_with("aws_organizations_")
}

pub(super) fn read(estate: &Estate<'_>, found: &mut Found) {
    for resource in estate.resources.iter().filter(|resource| is_organization(resource.kind) && !resource.data) {
        match resource.kind {
            "aws_organizations_organization" => {
                found.inventory.add(asset(&root(resource), AssetKind::Account, resource).with(ROOT, true));
            }
            "aws_organizations_organizational_unit" => {
                found.inventory.add(asset(&resource.id, AssetKind::Account, resource));
                contained(estate, resource, &resource.id, found);
            }
            "aws_organizations_account" => {
                let id = account(resource);
                let mut asset = asset(&id, AssetKind::Account, resource);
                for key in ["id", "email", "status"] {
                    if let Some(value) = resource.text(key) {
                        asset.properties.insert(key.into(), value.into());
                    }
                }
                found.inventory.add(asset);
                contained(estate, resource, &id, found);
            }
            "aws_organizations_policy" => {
                let mut asset = asset(&resource.id, AssetKind::Policy, resource);
                // the provider's default
                let kind = resource.text("type").unwrap_or("SERVICE_CONTROL_POLICY");
                asset.properties.insert(TYPE.into(), kind.into());
                asset.properties.insert(CONTENT.into(), resource.values.get("content").cloned().unwrap_or_default());
                found.inventory.add(asset);
            }
            "aws_organizations_policy_attachment" => {
                let end = |key| resource.text(key).and_then(|value| entity(estate, value, key, resource));
                if let (Some(policy), Some(target)) = (end("policy_id"), end("target_id")) {
                    found.relate(&policy, RelationKind::AppliesTo, &target, &resource.at("/target_id"));
                }
            }
            _ => {}
        }
    }
}

fn asset(id: &str, kind: AssetKind, resource: &Resource<'_>) -> Asset {
    let name = resource.text("name").filter(|name| !name.contains("${")).unwrap_or(resource.name());
    let asset = Asset::new(id, kind, name).seen(resource.evidence.clone());
    asset.with("terraform_type", json!(resource.kind)).with("terraform_address", json!(resource.address))
}

/// What is directly below another unit or the root.
fn contained(estate: &Estate<'_>, resource: &Resource<'_>, id: &str, found: &mut Found) {
    let parent = resource.text("parent_id").and_then(|value| entity(estate, value, "parent_id", resource));
    if let Some(parent) = parent {
        found.relate(&parent, RelationKind::Contains, id, &resource.at("/parent_id"));
    }
}

/// The root below an organisation, which other resources name.
fn root(resource: &Resource<'_>) -> String {
    let roots = resource.values.get("roots").map_or(&[][..], items);
    let text = |key: &str| roots.first().and_then(|root| root.get(key)).and_then(Value::as_str);
    text("arn").or_else(|| text("id")).map_or_else(|| resource.id.clone(), str::to_owned)
}

fn account(resource: &Resource<'_>) -> String {
    let number = resource.text("id").filter(|id| is_number(id));
    number.map_or_else(|| resource.id.clone(), |id| format!("arn:aws:iam::{id}:root"))
}

fn is_number(id: &str) -> bool {
    id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit())
}

/// The asset that a value names: a root, unit, account or policy.
fn entity(estate: &Estate<'_>, value: &str, key: &str, from: &Resource<'_>) -> Option<String> {
    if is_number(value) {
        return Some(format!("arn:aws:iam::{value}:root"));
    }
    let target = estate.resolve(value, key, from.address).into_iter().next();
    let known = target.as_ref().and_then(|target| estate.at(&target.address));
    match known {
        Some(resource) if resource.kind == "aws_organizations_organization" => Some(root(resource)),
        Some(resource) if resource.kind == "aws_organizations_account" => Some(account(resource)),
        Some(resource) => Some(resource.id.clone()),
        None if value.contains("${") => target.map(|target| target.id),
        // the root's id is a value of the organisation's own
        None => {
            let organisations = estate.resources.iter().filter(|r| r.kind == "aws_organizations_organization");
            let roots = organisations.filter(|organisation| {
                let ids = organisation.values.get("roots").map_or(&[][..], items).iter();
                ids.filter_map(|root| root.get("id")).any(|id| id.as_str() == Some(value))
            });
            Some(roots.map(root).next().unwrap_or_else(|| value.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{discovered, related};
    use super::*;
    use crate::identity::aws::Estate as Permissions;

    #[test]
    fn policies_of_an_organisation_bind_its_accounts() {
        let manager = "arn:aws:organizations::999999999999";
        let user = |account: &str| {
            let arn = format!("arn:aws:iam::{account}:user/u");
            ("aws_iam_user", json!({"name": "u", "arn": arn}))
        };
        let full = r#"{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
        let content = r#"{"Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}"#;
        let inventory = discovered(&[
            (
                "aws_organizations_organization",
                json!({"id": "o-1", "arn": format!("{manager}:organization/o-1"), "roots": [{"id": "r-1"}]}),
            ),
            (
                "aws_organizations_organizational_unit",
                json!({"id": "ou-1", "name": "ml", "parent_id": "r-1", "arn": format!("{manager}:ou/o-1/ou-1")}),
            ),
            (
                "aws_organizations_account",
                json!({"id": "111111111111", "name": "dev", "parent_id": "ou-1", "arn": format!("{manager}:account/o-1/111111111111")}),
            ),
            (
                "aws_organizations_policy",
                json!({"id": "p-1", "name": "no-s3", "content": content, "type": "SERVICE_CONTROL_POLICY", "arn": format!("{manager}:policy/o-1/service_control_policy/p-1")}),
            ),
            ("aws_organizations_policy_attachment", json!({"policy_id": "p-1", "target_id": "ou-1"})),
            user("111111111111"),
            ("aws_iam_user_policy", json!({"user": "u", "policy": full})),
        ]);
        assert!(related(
            &inventory,
            &format!("{manager}:ou/o-1/ou-1"),
            RelationKind::Contains,
            "arn:aws:iam::111111111111:root"
        ));
        let estate = Permissions::new(&inventory);
        let ann = estate.principal_of("arn:aws:iam::111111111111:user/u").unwrap();
        let ask = |action: &str| estate.allows(ann, action, "arn:aws:s3:::b", None).decision;
        assert_eq!(ask("s3:ListBucket"), crate::identity::Decision::Denied);
        assert_eq!(ask("ec2:RunInstances"), crate::identity::Decision::Allowed);
        assert!(estate.admins().is_empty());
    }
}
