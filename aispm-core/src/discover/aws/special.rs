//! What the table cannot say of a resource.

use serde_json::Value;

use super::field::{field, text};
use super::item::Item;
use crate::asset::{Asset, Exposure, flag};

/// Adds to an asset what follows from its type alone.
pub(super) fn describe(item: &Item<'_>, asset: &mut Asset) {
    match item.kind.name.as_str() {
        "AWS::S3::Bucket" => bucket(item, asset),
        "AWS::Lambda::Permission" => permission(item, asset),
        "AWS::ECR::Repository" => repository(item, asset),
        _ => {}
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
        if let Some(set) = block.and_then(|block| flag(field(block, name)?)) {
            asset.properties.insert(key.into(), set.into());
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
