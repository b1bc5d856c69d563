//! IAM resources, brought into the shape of an account's authorization details, so that an estate known by Terraform
//! alone has principals too. Each policy keeps a `Pointer` to where it stands.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use super::estate::Estate;
use super::resource::Resource;
use super::{items, words};
use crate::asset::{Asset, AssetKind, RelationKind};
use crate::discover::Found;

/// Types that this module reads; they become principals and policies.
pub(super) fn is_identity(kind: &str) -> bool {
    kind.starts_with("aws_iam_")
}

pub(super) fn read(estate: &Estate<'_>, found: &mut Found) {
    let mut entries: BTreeMap<String, Asset> = BTreeMap::new();
    let iam = || estate.resources.iter().filter(|resource| is_identity(resource.kind) && !resource.data);
    for resource in iam() {
        if let Some(asset) = principal(estate, resource) {
            entries.insert(asset.id.to_string(), asset);
        }
    }
    let names: HashMap<(AssetKind, String), String> =
        entries.values().rev().map(|asset| ((asset.kind, asset.name.clone()), asset.id.to_string())).collect();
    for resource in iam() {
        add_to(estate, resource, &names, &mut entries, found);
    }
    for asset in entries.into_values() {
        let id = asset.id.clone();
        for arn in asset.properties.get("AttachedManagedPolicies").map_or(&[][..], items) {
            if let Some(arn) = arn.get("PolicyArn").and_then(Value::as_str) {
                let first = asset.evidence.first().cloned().unwrap_or_default();
                found.relate(arn, RelationKind::AppliesTo, id.as_str(), &first);
            }
        }
        if id.as_str().starts_with("arn:") && !estate.account.is_empty() {
            let first = asset.evidence.first().cloned().unwrap_or_default();
            let root = format!("arn:aws:iam::{}:root", estate.account);
            found.inventory.add(Asset::new(&root, AssetKind::Account, &estate.account).seen(first.clone()));
            found.relate(&root, RelationKind::Contains, id.as_str(), &first);
        }
        found.inventory.add(asset);
    }
}

/// A user, role, group or managed policy.
fn principal(estate: &Estate<'_>, resource: &Resource<'_>) -> Option<Asset> {
    let kind = match resource.kind {
        "aws_iam_user" => AssetKind::User,
        "aws_iam_role" => AssetKind::Role,
        "aws_iam_group" => AssetKind::Group,
        "aws_iam_policy" => AssetKind::Policy,
        _ => return None,
    };
    let known = resource.text("name").filter(|name| !name.contains("${"));
    let name = known.unwrap_or(resource.name());
    // in configuration an account need not be known
    let arn = resource.id.clone();
    let mut asset = Asset::new(&arn, kind, name).seen(resource.evidence.clone());
    // lines stand for themselves; pointers lead to the document
    let at = |key: &str| resource.at(&format!("/{key}")).pointer.map_or(Value::Null, Value::from);
    let properties = &mut asset.properties;
    properties.insert("Arn".into(), arn.clone().into());
    properties.insert("terraform_type".into(), resource.kind.into());
    properties.insert("terraform_address".into(), resource.address.into());
    if let Some(trust) = resource.values.get("assume_role_policy") {
        properties.insert("AssumeRolePolicyDocument".into(), trust.clone());
        properties.insert("AssumeRolePolicyPointer".into(), at("assume_role_policy"));
    }
    if let Some(boundary) = resource.text("permissions_boundary") {
        properties.insert("PermissionsBoundary".into(), json!({"PermissionsBoundaryArn": estate.policy(boundary)}));
    }
    if let Some(document) = resource.values.get("policy").filter(|_| kind == AssetKind::Policy) {
        let version =
            json!({"VersionId": "v1", "IsDefaultVersion": true, "Document": document, "Pointer": at("policy")});
        properties.insert("PolicyVersionList".into(), json!([version]));
    }
    let tags = resource.values.get("tags").and_then(Value::as_object).into_iter().flatten();
    let tags: Vec<Value> = tags.map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    if !tags.is_empty() {
        properties.insert("Tags".into(), tags.into());
    }
    for (i, inline) in resource.values.get("inline_policy").map_or(&[][..], items).iter().enumerate() {
        if let Some(document) = inline.get("policy") {
            push(
                properties,
                "RolePolicyList",
                json!({"PolicyDocument": document, "Pointer": at(&format!("inline_policy/{i}/policy"))}),
            );
        }
    }
    for policy in words(&resource.values, "managed_policy_arns") {
        push(properties, "AttachedManagedPolicies", json!({"PolicyArn": estate.policy(policy)}));
    }
    super::posture::tags(resource, &mut asset);
    Some(asset)
}

fn push(properties: &mut Map<String, Value>, key: &str, value: Value) {
    let list = properties.entry(key).or_insert_with(|| json!([]));
    if let Some(list) = list.as_array_mut().filter(|list| !list.contains(&value)) {
        list.push(value);
    }
}

/// What a resource adds to principals: policies, attachments, memberships, profiles.
fn add_to(
    estate: &Estate<'_>,
    resource: &Resource<'_>,
    names: &HashMap<(AssetKind, String), String>,
    entries: &mut BTreeMap<String, Asset>,
    found: &mut Found,
) {
    let mut placed = false;
    let mut holder = |kind: &str, name: &str, key: &str, value: Value| {
        // by ARN, or by name whatever its path
        let arn = estate.identity(kind, name);
        let name = name.rsplit('/').next().unwrap_or(name);
        let known = arn.filter(|arn| entries.contains_key(arn)).or_else(|| {
            let kind = kind.parse().ok()?;
            names.get(&(kind, name.to_owned())).cloned()
        });
        if let Some(asset) = known.and_then(|id| entries.get_mut(&id)) {
            push(&mut asset.properties, key, value);
            placed = true;
        }
    };
    let inline = || json!({"PolicyDocument": resource.values.get("policy"), "Pointer": resource.at("/policy").pointer});
    let attached = || resource.text("policy_arn").map(|arn| json!({"PolicyArn": estate.policy(arn)}));
    for (kind, list) in [("role", "RolePolicyList"), ("user", "UserPolicyList"), ("group", "GroupPolicyList")] {
        let name = resource.text(kind);
        if resource.kind == format!("aws_iam_{kind}_policy") {
            name.into_iter().for_each(|name| holder(kind, name, list, inline()));
        } else if resource.kind == format!("aws_iam_{kind}_policy_attachment") {
            for (name, policy) in name.into_iter().zip(attached()) {
                holder(kind, name, "AttachedManagedPolicies", policy);
            }
        } else if resource.kind == "aws_iam_policy_attachment" {
            for name in words(&resource.values, &format!("{kind}s")) {
                attached().into_iter().for_each(|policy| holder(kind, name, "AttachedManagedPolicies", policy));
            }
        }
    }
    let mut join = |user: &str, group: &str| {
        holder("user", user, "GroupList", group.into());
        if let (Some(user), Some(group)) = (estate.identity("user", user), estate.identity("group", group)) {
            found.relate(&user, RelationKind::MemberOf, &group, &resource.evidence);
        }
    };
    match resource.kind {
        "aws_iam_user_group_membership" => {
            for group in words(&resource.values, "groups") {
                resource.text("user").into_iter().for_each(|user| join(user, group));
            }
        }
        "aws_iam_group_membership" => {
            for user in words(&resource.values, "users") {
                resource.text("group").into_iter().for_each(|group| join(user, group));
            }
        }
        "aws_iam_instance_profile" => {
            let profile = resource.id.clone();
            if let Some(role) = resource.text("role") {
                holder("role", role, "InstanceProfileList", json!({"Arn": profile}));
                if let Some(role) = estate.identity("role", role) {
                    let name = resource.text("name").unwrap_or(resource.name());
                    let asset = Asset::new(&profile, AssetKind::Resource, name).seen(resource.evidence.clone());
                    found.inventory.add(asset);
                    found.relate(&profile, RelationKind::RunsAs, &role, &resource.at("/role"));
                }
            }
        }
        _ => {}
    }
    let principal = entries.contains_key(&resource.id);
    let member = resource.kind.ends_with("_membership") || resource.kind == "aws_iam_instance_profile";
    if !placed && !principal && !member {
        super::unplaced(estate, resource, found);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{discovered, related};
    use super::*;

    #[test]
    fn principals_take_the_shape_of_authorization_details() {
        let inventory = discovered(&[
            (
                "aws_iam_role",
                json!({"name": "r", "arn": "arn:aws:iam::111111111111:role/r", "assume_role_policy": "{}"}),
            ),
            ("aws_iam_role_policy", json!({"role": "r", "policy": "{\"Statement\": []}"})),
            (
                "aws_iam_role_policy_attachment",
                json!({"role": "r", "policy_arn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
            ),
            ("aws_iam_instance_profile", json!({"name": "ip", "role": "r"})),
            ("aws_iam_user", json!({"name": "u", "arn": "arn:aws:iam::111111111111:user/u"})),
            ("aws_iam_user_group_membership", json!({"user": "u", "groups": ["g"]})),
        ]);
        let role = inventory.get("arn:aws:iam::111111111111:role/r").unwrap();
        assert_eq!(role.properties["RolePolicyList"][0]["Pointer"], "/values/root_module/resources/1/values/policy");
        assert_eq!(
            role.properties["AttachedManagedPolicies"][0]["PolicyArn"],
            "arn:aws:iam::aws:policy/AdministratorAccess"
        );
        assert_eq!(role.properties["InstanceProfileList"].as_array().unwrap().len(), 1);
        let user = "arn:aws:iam::111111111111:user/u";
        assert!(related(&inventory, user, RelationKind::MemberOf, "arn:aws:iam::111111111111:group/g"));
        let profile = "arn:aws:iam::111111111111:instance-profile/ip";
        assert!(related(&inventory, profile, RelationKind::RunsAs, "arn:aws:iam::111111111111:role/r"));
    }
}
