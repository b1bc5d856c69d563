//! What the table cannot say of a resource.

use serde_json::{Value, json};

use super::field::{at, field, text, texts};
use super::item::Item;
use super::table::any;
use crate::asset::{Asset, Exposure};

/// Adds to an asset what follows from its type alone.
pub(super) fn describe(item: &Item<'_>, asset: &mut Asset) {
    match item.kind.name.as_str() {
        "AWS::EC2::SecurityGroup" | "AWS::EC2::SecurityGroupIngress" => open_to_internet(item, asset),
        "AWS::EC2::Instance" | "AWS::EC2::NetworkInterface" => public_address(item, asset),
        "AWS::S3::Bucket" => bucket(item, asset),
        "AWS::Lambda::Permission" => permission(item, asset),
        "AWS::ECR::Repository" => repository(item, asset),
        _ => {}
    }
}

/// A group that lets in the whole internet says so, with the ports.
fn open_to_internet(item: &Item<'_>, asset: &mut Asset) {
    let mut ports: Vec<Value> = Vec::new();
    let ingress = field(item.value, "IsEgress").and_then(Value::as_bool) != Some(true);
    let lists = ["IpPermissions", "SecurityGroupIngress"];
    let rules = lists.iter().flat_map(|list| at("", item.value, list)).map(|(_, rule)| rule);
    for rule in rules.chain(std::iter::once(item.value)).filter(|_| ingress) {
        let paths = [
            "IpRanges.CidrIp",
            "Ipv4Ranges.CidrIp",
            "Ipv6Ranges.CidrIpv6",
            "IpRanges",
            "CidrIp",
            "CidrIpv6",
            "CidrIpv4",
        ];
        let everyone = paths
            .iter()
            .any(|path| texts("", rule, path).iter().any(|(_, cidr)| matches!(*cidr, "0.0.0.0/0" | "::/0")));
        if everyone {
            let port = any(rule, "FromPort|IpProtocol").unwrap_or_else(|| "all".to_owned());
            ports.push(if port == "-1" { "all".into() } else { port.into() });
        }
    }
    if !ports.is_empty() {
        asset.properties.insert("open_to_internet".into(), ports.into());
    }
}

fn public_address(item: &Item<'_>, asset: &mut Asset) {
    let paths = ["PublicIpAddress", "PublicIp", "NetworkInterfaces.Association.PublicIp", "Association.PublicIp"];
    let flag = at("", item.value, "NetworkInterfaces.AssociatePublicIpAddress");
    let public = paths.iter().any(|path| !texts("", item.value, path).is_empty())
        || flag.iter().any(|(_, value)| any(&json!({ "v": value }), "v").as_deref() == Some("true"));
    if public {
        asset.properties.insert("public_address".into(), true.into());
    }
}

/// The block of public access in the words that the attack paths ask for, and AWS Config's additions.
fn bucket(item: &Item<'_>, asset: &mut Asset) {
    let block = field(item.value, "PublicAccessBlockConfiguration");
    let names = [
        ("block_public_acls", "BlockPublicAcls"),
        ("block_public_policy", "BlockPublicPolicy"),
        ("ignore_public_acls", "IgnorePublicAcls"),
        ("restrict_public_buckets", "RestrictPublicBuckets"),
    ];
    for (key, name) in names {
        if let Some(set) = block.and_then(|block| any(block, name)) {
            asset.properties.insert(key.into(), (set == "true").into());
        }
    }
    if text(item.value, "AccessControl").is_some_and(|acl| acl.starts_with("PublicRead"))
        && asset.properties.get("ignore_public_acls") == Some(&Value::Bool(true))
    {
        asset.exposure = None;
    }
}

/// A permission for everyone to invoke a function.
fn permission(item: &Item<'_>, asset: &mut Asset) {
    let narrowed = ["SourceArn", "SourceAccount", "PrincipalOrgID", "FunctionUrlAuthType"];
    if text(item.value, "Principal") == Some("*") && !narrowed.iter().any(|name| field(item.value, name).is_some()) {
        asset.exposure = Some(Exposure::Public);
    }
}

/// Whether tags of images stay what they are, and are scanned.
fn repository(item: &Item<'_>, asset: &mut Asset) {
    if let Some(mutability) = text(item.value, "imageTagMutability") {
        asset.provenance.pinned = Some(mutability.starts_with("IMMUTABLE"));
    }
}
