//! What lets the internet in: function URLs, function permissions, security groups, endpoints.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::estate::Estate;
use super::resource::Resource;
use super::{items, words};
use crate::asset::{Asset, AssetId, AssetKind, Authentication, Evidence, Exposure, RelationKind, flag, is_open};
use crate::discover::Found;

/// Types that only say how something else is exposed.
pub(super) fn is_setting(kind: &str) -> bool {
    matches!(kind, "aws_lambda_function_url" | "aws_lambda_permission")
}

pub(super) fn read(estate: &Estate<'_>, found: &mut Found) {
    let closed = Closed::of(estate);
    for resource in &estate.resources {
        match resource.kind {
            "aws_lambda_function_url" => function_url(estate, resource, found),
            "aws_lambda_permission" => permission(estate, resource, found),
            "aws_lb"
            | "aws_alb"
            | "aws_elb"
            | "aws_api_gateway_rest_api"
            | "aws_apigatewayv2_api"
            | "aws_cloudfront_distribution"
            | "google_compute_forwarding_rule"
            | "google_compute_global_forwarding_rule" => {
                front(resource, found);
            }
            "aws_s3_bucket" | "aws_s3_bucket_acl" | "aws_s3_bucket_policy" if !resource.data => {
                bucket(estate, resource, &closed, found);
            }
            _ => {}
        }
    }
}

fn function(estate: &Estate<'_>, resource: &Resource<'_>) -> Option<String> {
    let name = resource.text("function_arn").or(resource.text("function_name")).or(resource.text("name"))?;
    let is_function = |address: &str| estate.at(address).is_some_and(|named| named.kind == "aws_lambda_function");
    let mut named = estate.resolve(name, "lambda_function", resource.address).into_iter();
    named.find(|target| is_function(&target.address)).map(|target| target.id)
}

/// A function's address on the internet. One that does not say how callers prove who they are lets everyone in.
fn function_url(estate: &Estate<'_>, resource: &Resource<'_>, found: &mut Found) {
    let Some(function) = function(estate, resource) else { return super::unplaced(estate, resource, found) };
    let id = resource.text("function_url").map_or_else(|| format!("{function}:url"), str::to_owned);
    let closed = resource.text("authorization_type").is_some_and(|kind| kind != "NONE");
    let authentication = if closed { Authentication::Identity } else { Authentication::None };
    expose(resource, &id, "function URL", &function, authentication, found);
}

/// A permission for everyone to invoke a function.
fn permission(estate: &Estate<'_>, resource: &Resource<'_>, found: &mut Found) {
    if let Some(function) = function(estate, resource) {
        // whoever may change its code need not start it himself
        let mut invoked =
            Asset::new(&function, AssetKind::Function, function.rsplit([':', '#']).next().unwrap_or_default());
        invoked.properties.insert("invoked_by".into(), resource.text("principal").unwrap_or("another").into());
        found.inventory.add(invoked);
    }
    let narrowed = ["source_arn", "source_account", "principal_org_id"].iter().any(|key| resource.text(key).is_some());
    let url_only = resource.text("function_url_auth_type").is_some();
    if resource.text("principal") != Some("*") || narrowed || url_only {
        return;
    }
    let Some(function) = function(estate, resource) else { return };
    let id = format!("{function}:public-invoke");
    expose(resource, &id, "permission for everyone", &function, Authentication::None, found);
}

fn expose(
    resource: &Resource<'_>,
    id: &str,
    what: &str,
    behind: &str,
    authentication: Authentication,
    found: &mut Found,
) {
    let name = format!("{what} of {}", behind.rsplit([':', '#']).next().unwrap_or(behind));
    let mut endpoint = Asset::new(id, AssetKind::Endpoint, name).seen(resource.evidence.clone());
    endpoint.exposure = Some(Exposure::Public);
    endpoint.authentication = Some(authentication);
    endpoint.properties = Map::from_iter([
        ("terraform_type".to_owned(), Value::from(resource.kind)),
        ("terraform_address".to_owned(), Value::from(resource.address)),
    ]);
    found.inventory.add(endpoint);
    for (from, to) in [(AssetId::INTERNET, id), (id, behind)] {
        found.relate(from, RelationKind::Exposes, to, &resource.evidence);
    }
}

/// A load balancer or API that the internet reaches.
fn front(resource: &Resource<'_>, found: &mut Found) {
    let public = match resource.kind {
        "aws_lb" | "aws_alb" | "aws_elb" => match resource.values.get("internal") {
            Some(open) if is_open(open) => false,
            Some(internal) => flag(internal) != Some(true),
            None => resource.written,
        },
        "aws_api_gateway_rest_api" => {
            let kinds = words(&resource.values, "endpoint_configuration.types");
            !kinds.contains(&"PRIVATE")
        }
        "aws_apigatewayv2_api" | "aws_cloudfront_distribution" => true,
        "google_compute_forwarding_rule" | "google_compute_global_forwarding_rule" => {
            resource.text("load_balancing_scheme").is_none_or(|scheme| scheme.starts_with("EXTERNAL"))
        }
        _ => false,
    };
    if public {
        internet(&resource.id, Authentication::None, &resource.evidence, false, found);
    }
}

/// Buckets whose access lists or policies open them to no one.
#[derive(Default)]
struct Closed {
    lists: HashSet<String>,
    policies: HashSet<String>,
}

impl Closed {
    fn of(estate: &Estate<'_>) -> Self {
        let mut closed = Self::default();
        for block in estate.resources.iter().filter(|resource| resource.kind == "aws_s3_bucket_public_access_block") {
            let Some(bucket) = estate.target(block, "bucket", AssetKind::Bucket) else { continue };
            if block.flag("ignore_public_acls") == Some(true) {
                closed.lists.insert(bucket.clone());
            }
            if block.flag("restrict_public_buckets") == Some(true) {
                closed.policies.insert(bucket);
            }
        }
        closed
    }
}

/// A bucket that an access list or a policy opens to everyone.
fn bucket(estate: &Estate<'_>, resource: &Resource<'_>, closed: &Closed, found: &mut Found) {
    let by_list = matches!(resource.text("acl"), Some("public-read" | "public-read-write" | "website"));
    let by_policy = || {
        let document = resource.values.get("policy").and_then(|policy| match policy {
            Value::String(text) => serde_json::from_str(text).ok(),
            document => Some(document.clone()),
        });
        document.is_some_and(|document: Value| {
            document.get("Statement").map_or(&[][..], items).iter().any(|statement| {
                let everyone = |principal: &Value| {
                    let aws = principal.get("AWS").unwrap_or(principal);
                    items(aws).iter().any(|name| name.as_str() == Some("*"))
                };
                statement.get("Effect").and_then(Value::as_str) == Some("Allow")
                    && statement.get("Principal").is_some_and(everyone)
                    && statement.get("Condition").is_none()
            })
        })
    };
    if !by_list && !by_policy() {
        return;
    }
    let name = if resource.kind == "aws_s3_bucket" {
        Some(resource.id.clone())
    } else {
        estate.target(resource, "bucket", AssetKind::Bucket)
    };
    let Some(name) = name else { return };
    let kept = if by_list { closed.lists.contains(&name) } else { closed.policies.contains(&name) };
    if !kept {
        let pointer = if by_list { "/acl" } else { "/policy" };
        internet(&name, Authentication::None, &resource.at(pointer), true, found);
    }
}

/// Notes that the internet reaches an asset that is already there.
pub(super) fn internet(id: &str, authentication: Authentication, evidence: &Evidence, proven: bool, found: &mut Found) {
    found.relate(AssetId::INTERNET, RelationKind::Exposes, id, evidence);
    if let Some(asset) = found.inventory.get_mut(id) {
        asset.exposure = Some(Exposure::Public);
        if proven {
            asset.authentication = Some(asset.authentication.map_or(authentication, |known| known.min(authentication)));
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
}
