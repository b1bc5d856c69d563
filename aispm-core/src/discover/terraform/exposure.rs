//! What lets the internet in: function URLs, function permissions, security groups, endpoints.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{Module, Resource, items, texts};
use crate::asset::{Asset, AssetId, AssetKind, Authentication, Exposure, Relation, RelationKind};
use crate::discover::Found;

/// Types that only say how something else is exposed.
pub(super) fn is_setting(kind: &str) -> bool {
    matches!(kind, "aws_lambda_function_url" | "aws_lambda_permission")
}

pub(super) fn read(module: &Module<'_>, found: &mut Found) {
    let open = open_groups(module);
    for resource in &module.resources {
        match resource.kind {
            "aws_lambda_function_url" => function_url(module, resource, found),
            "aws_lambda_permission" => permission(module, resource, found),
            "aws_instance" => instance(resource, &open, found),
            _ => {}
        }
    }
}

fn function<'a>(module: &'a Module<'_>, resource: &Resource<'_>) -> Option<&'a str> {
    let name = resource.text("function_arn").or(resource.text("function_name")).or(resource.text("name"))?;
    let named = |r: &&Resource<'_>| {
        r.kind == "aws_lambda_function"
            && (r.id == name || r.text("function_name") == Some(name) || r.text("name") == Some(name))
    };
    module.resources.iter().find(named).map(|r| r.id.as_str())
}

/// A function's address on the internet. One that does not say how callers prove who they are lets everyone in.
fn function_url(module: &Module<'_>, resource: &Resource<'_>, found: &mut Found) {
    let Some(function) = function(module, resource) else { return };
    let id = resource.text("function_url").map_or_else(|| format!("{function}:url"), str::to_owned);
    let closed = resource.text("authorization_type").is_some_and(|kind| kind != "NONE");
    let authentication = if closed { Authentication::Identity } else { Authentication::None };
    expose(resource, &id, "function URL", function, authentication, found);
}

/// A permission for everyone to invoke a function.
fn permission(module: &Module<'_>, resource: &Resource<'_>, found: &mut Found) {
    let narrowed = ["source_arn", "source_account", "principal_org_id"].iter().any(|key| resource.text(key).is_some());
    let url_only = resource.text("function_url_auth_type").is_some();
    if resource.text("principal") != Some("*") || narrowed || url_only {
        return;
    }
    let Some(function) = function(module, resource) else { return };
    let id = format!("{function}:public-invoke");
    expose(resource, &id, "permission for everyone", function, Authentication::None, found);
}

fn expose(
    resource: &Resource<'_>,
    id: &str,
    what: &str,
    behind: &str,
    authentication: Authentication,
    found: &mut Found,
) {
    let name = format!("{what} of {}", behind.rsplit(':').next().unwrap_or(behind));
    let mut endpoint = Asset::new(id, AssetKind::Endpoint, name).seen(resource.evidence.clone());
    endpoint.exposure = Some(Exposure::Public);
    endpoint.authentication = Some(authentication);
    endpoint.properties = Map::from_iter([
        ("terraform_type".to_owned(), Value::from(resource.kind)),
        ("terraform_address".to_owned(), Value::from(resource.address)),
    ]);
    found.inventory.add(endpoint);
    for (from, to) in [(AssetId::INTERNET, id), (id, behind)] {
        found.inventory.relate(Relation::new(from, RelationKind::Exposes, to).seen(resource.evidence.clone()));
    }
}

/// Security groups that let in the whole internet.
fn open_groups<'m>(module: &'m Module<'_>) -> HashSet<&'m str> {
    let everyone = |cidrs: Vec<&str>| cidrs.iter().any(|cidr| matches!(*cidr, "0.0.0.0/0" | "::/0"));
    let group = |resource: &'m Resource<'_>| match resource.kind {
        "aws_security_group" => {
            let open = everyone(texts(resource.values, "ingress.cidr_blocks"))
                || everyone(texts(resource.values, "ingress.ipv6_cidr_blocks"));
            resource.text("id").filter(|_| open)
        }
        "aws_security_group_rule" => {
            let open = resource.text("type") == Some("ingress") && everyone(texts(resource.values, "cidr_blocks"));
            resource.text("security_group_id").filter(|_| open)
        }
        "aws_vpc_security_group_ingress_rule" => {
            let open = everyone(resource.text("cidr_ipv4").into_iter().chain(resource.text("cidr_ipv6")).collect());
            resource.text("security_group_id").filter(|_| open)
        }
        _ => None,
    };
    module.resources.iter().filter_map(group).collect()
}

/// An instance with a public address behind a group that lets in the internet.
fn instance(resource: &Resource<'_>, open: &HashSet<&str>, found: &mut Found) {
    let flag = resource.values.get("associate_public_ip_address").and_then(Value::as_bool) == Some(true);
    let public = flag || resource.text("public_ip").is_some();
    let groups = resource.values.get("vpc_security_group_ids").map_or(&[][..], items);
    if public && groups.iter().filter_map(Value::as_str).any(|group| open.contains(group)) {
        let relation = Relation::new(AssetId::INTERNET, RelationKind::Exposes, &resource.id);
        found.inventory.relate(relation.seen(resource.evidence.clone()));
        if let Some(asset) = found.inventory.get_mut(&resource.id) {
            asset.exposure = Some(Exposure::Public);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{discovered, related};
    use super::*;
    use serde_json::json;

    #[test]
    fn function_urls_expose_unless_they_ask_for_iam() {
        let arn = "arn:aws:lambda:eu-west-1:111111111111:function:f";
        let url = |kind: &str| {
            discovered(&[
                ("aws_lambda_function", json!({"function_name": "f", "arn": arn})),
                ("aws_lambda_function_url", json!({"function_name": "f", "authorization_type": kind})),
            ])
        };
        let open = url("NONE");
        let endpoint = format!("{arn}:url");
        assert!(related(&open, "internet", RelationKind::Exposes, &endpoint));
        assert!(related(&open, &endpoint, RelationKind::Exposes, arn));
        assert_eq!(open.get(&endpoint).unwrap().authentication, Some(Authentication::None));
        assert_eq!(url("AWS_IAM").get(&endpoint).unwrap().authentication, Some(Authentication::Identity));
    }

    #[test]
    fn an_instance_is_public_only_with_address_and_open_group() {
        let instance = |public: bool, cidr: &str| {
            let inventory = discovered(&[
                ("aws_security_group", json!({"id": "sg-1", "ingress": [{"cidr_blocks": [cidr]}]})),
                (
                    "aws_instance",
                    json!({"arn": "arn:aws:ec2:eu-west-1:111111111111:instance/i-1", "id": "i-1",
                    "associate_public_ip_address": public, "vpc_security_group_ids": ["sg-1"]}),
                ),
            ]);
            inventory.outgoing("internet").count()
        };
        assert_eq!(instance(true, "0.0.0.0/0"), 1);
        assert_eq!(instance(false, "0.0.0.0/0") + instance(true, "10.0.0.0/8"), 0);
    }
}
