//! The other end of a relation: from an ARN, an address in S3, an image or a name to an asset.

use std::borrow::Cow;

use super::arn::{Arn, Place};
use super::field::text;
use super::table::{Target, table};
use crate::asset::{Asset, AssetKind, Evidence, ModelType, RelationKind};
use crate::discover::{Found, container, model_ref};
use serde_json::Value;

/// What is known where a value stands.
pub(super) struct Around<'a> {
    pub(super) place: &'a Place,
    /// The object that names it: other fields of an ARN.
    pub(super) value: &'a Value,
    /// What a template calls it: `${Name}`.
    pub(super) names: &'a dyn Fn(&str) -> Option<String>,
}

/// Adds the asset that a value names, as far as it tells one; returns its id.
pub(super) fn end(
    text: &str,
    target: &Target,
    around: &Around<'_>,
    evidence: &Evidence,
    found: &mut Found,
) -> Option<String> {
    let text = &*without_place(text.trim());
    if let Some((_, rest)) = text.split_once("${") {
        // a template knows the resource, but not its name
        let name = rest.split(['}', '.']).next()?;
        return (around.names)(name).map(|id| known(&id, target, evidence, found));
    }
    let asset = match target {
        _ if text.starts_with("file:") => return Some(known(text, target, evidence, found)),
        _ if text.starts_with("arn:") => return arn(text, target, evidence, found),
        Target::Image => container::image_asset(text),
        Target::Bucket => model_ref::bucket(&format!("s3://{text}"))?,
        Target::Model => model(text)?,
        Target::Type(name) => {
            let kind = table().get(name).filter(|_| text.len() <= 512 && !text.contains(char::is_whitespace))?;
            let id = kind.arn_of(text, around.place, around.value)?;
            let mut asset = Asset::new(id, kind.kind, text.rsplit('/').next().unwrap_or(text));
            asset.ai |= kind.ai;
            asset
        }
        Target::Any | Target::Artifact | Target::Data => {
            if let Some(uri) = s3_uri(text) {
                return object(&uri, target, evidence, found);
            }
            address(text)?
        }
    };
    let id = asset.id.to_string();
    found.inventory.add(asset.seen(evidence.clone().excerpt(text)));
    Some(id)
}

/// An ARN whose account and region a template leaves to where it is deployed.
fn without_place(text: &str) -> Cow<'_, str> {
    match text.starts_with("arn:") && text.contains("${") {
        true => text.replace(":${AWS::Region}:", "::").replace(":${AWS::AccountId}:", "::").into(),
        false => text.into(),
    }
}

/// A resource known by its id alone.
fn known(id: &str, target: &Target, evidence: &Evidence, found: &mut Found) -> String {
    if found.inventory.get(id).is_none() {
        let (kind, ai) = match target {
            Target::Type(name) => table().get(name).map_or((AssetKind::Resource, false), |kind| (kind.kind, kind.ai)),
            Target::Bucket | Target::Data | Target::Artifact => (AssetKind::Bucket, false),
            _ => (AssetKind::Resource, false),
        };
        let name = id.rsplit(['#', ':', '/']).next().unwrap_or(id);
        let mut asset = Asset::new(id, kind, name).seen(evidence.clone());
        asset.ai |= ai;
        found.inventory.add(asset);
    }
    id.to_owned()
}

/// Adds the asset of an ARN under the one id that all sources share.
pub(super) fn arn(text: &str, target: &Target, evidence: &Evidence, found: &mut Found) -> Option<String> {
    let canonical = canonical(text);
    let arn = Arn::parse(&canonical)?;
    let asset = match (arn.service, arn.resource) {
        ("bedrock", resource) if resource.starts_with("foundation-model/") => {
            model(arn.name())?.alias(canonical.as_str())
        }
        ("s3", resource) if resource.contains('/') => {
            let uri = format!("s3://{}", resource.trim_end_matches('*').trim_end_matches('/'));
            return if uri.matches('/').count() > 2 {
                object(&uri, target, evidence, found)
            } else {
                bucket(&uri, evidence, found)
            };
        }
        _ => {
            let kind = table().of_arn(&arn);
            let named = match target {
                Target::Type(name) => table().get(name).map(|kind| kind.kind),
                _ => None,
            };
            let by_arn = || match (arn.service, arn.resource) {
                ("iam", "root") => AssetKind::Account,
                _ => named.unwrap_or(AssetKind::Resource),
            };
            let name = if arn.resource == "root" { arn.account } else { arn.name() };
            let mut asset = Asset::new(&canonical, kind.map_or_else(by_arn, |kind| kind.kind), name);
            asset.ai |= kind.is_some_and(|kind| kind.ai);
            asset
        }
    };
    let (id, serves) = (asset.id.to_string(), profile_model(&arn));
    if found.inventory.get(&id).is_none() {
        found.inventory.add(asset.seen(evidence.clone().excerpt(text)));
        if let Some(served) = serves {
            found.relate(&id, RelationKind::Serves, served.id.as_str(), evidence);
            found.inventory.add(served.seen(evidence.clone()));
        }
    }
    Some(id)
}

/// The model behind a system-defined inference profile.
fn profile_model(arn: &Arn<'_>) -> Option<Asset> {
    (arn.service == "bedrock" && arn.resource.starts_with("inference-profile/")).then(|| model(arn.name()))?
}

/// One spelling of an ARN: without a function's version, a log group's `:*`, a session's name, an invocation path.
pub(super) fn canonical(text: &str) -> String {
    if let Some((_, function)) = text.split_once("/functions/arn:") {
        return canonical(&format!("arn:{}", function.split('/').next().unwrap_or(function)));
    }
    let Some(arn) = Arn::parse(text) else { return text.to_owned() };
    let parts: Vec<&str> = arn.resource.split(':').collect();
    let short = match (arn.service, parts.as_slice()) {
        ("lambda", ["function", name, _, ..]) => Some(format!("function:{name}")),
        ("logs", ["log-group", name, _, ..]) => Some(format!("log-group:{name}")),
        ("sts", [session]) => {
            let role = session.strip_prefix("assumed-role/").and_then(|rest| rest.split('/').next());
            return role.map_or_else(
                || text.to_owned(),
                |role| format!("arn:{}:iam::{}:role/{role}", arn.partition, arn.account),
            );
        }
        ("secretsmanager", ["secret", name, _, ..]) => Some(format!("secret:{name}")),
        _ => None,
    };
    match short {
        Some(short) => {
            format!("arn:{}:{}:{}:{}:{short}", arn.partition, arn.service, arn.region, arn.account)
        }
        None => text.to_owned(),
    }
}

/// A model of Bedrock by its name, also through a profile such as `eu.…`.
pub(super) fn model(name: &str) -> Option<Asset> {
    const REGIONS: &[&str] = &["us", "us-gov", "eu", "apac", "jp", "au", "ca", "sa", "global"];
    let name = name.trim();
    let base = match name.split_once('.') {
        Some((region, rest)) if REGIONS.contains(&region) && rest.contains('.') => rest,
        _ => name,
    };
    let mut asset = model_ref::model(base, "bedrock")?;
    if let Some((publisher, _)) = base.split_once('.').filter(|_| asset.id.as_str().starts_with("model:")) {
        asset.model_type = Some(ModelType::Foundation);
        asset.provenance.publisher.get_or_insert_with(|| publisher.to_owned());
    }
    Some(asset)
}

/// `s3://bucket/key` from any of the ways to write it.
fn s3_uri(text: &str) -> Option<String> {
    if let Some(rest) = ["s3://", "s3a://", "s3n://"].iter().find_map(|scheme| text.strip_prefix(scheme)) {
        return Some(format!("s3://{}", rest.trim_end_matches('/')));
    }
    let rest = text.strip_prefix("https://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if !host.ends_with(".amazonaws.com") {
        return None;
    }
    match host.split_once(".s3") {
        Some((bucket, _)) => Some(format!("s3://{bucket}/{path}")),
        None => (host.starts_with("s3.") || host.starts_with("s3-")).then(|| format!("s3://{path}")),
    }
    .map(|uri| uri.trim_end_matches('/').to_owned())
}

fn bucket(uri: &str, evidence: &Evidence, found: &mut Found) -> Option<String> {
    let bucket = model_ref::bucket(uri)?;
    let id = bucket.id.to_string();
    if found.inventory.get(&id).is_none() {
        found.inventory.add(bucket.seen(evidence.clone().excerpt(uri)));
    }
    Some(id)
}

/// An object or prefix, with the bucket that contains it; the bucket alone where there is no key.
fn object(uri: &str, target: &Target, evidence: &Evidence, found: &mut Found) -> Option<String> {
    let bucket = bucket(uri, evidence, found)?;
    let (_, key) = uri.strip_prefix("s3://")?.split_once('/').unwrap_or_default();
    if key.is_empty() {
        return Some(bucket);
    }
    let kind = if *target == Target::Artifact { AssetKind::Model } else { AssetKind::Dataset };
    let mut asset = Asset::new(uri, kind, key.rsplit('/').next().unwrap_or(key));
    asset.provenance.source = Some(uri.to_owned());
    found.relate(&bucket, RelationKind::Contains, uri, evidence);
    found.inventory.add(asset.seen(evidence.clone().excerpt(uri)));
    Some(uri.to_owned())
}

/// Any other address or id: a URL, a git repository, a domain name.
fn address(text: &str) -> Option<Asset> {
    let plain = !text.is_empty() && text.len() <= 300 && !text.contains(char::is_whitespace);
    let url = text.contains("://") || text.contains('.');
    let text = text.trim_end_matches('/');
    let kind = match text.starts_with("https://") || text.starts_with("http://") {
        true if text.ends_with("/mcp") => AssetKind::McpServer,
        true => AssetKind::Endpoint,
        false => AssetKind::Resource,
    };
    (plain && url).then(|| Asset::new(text, kind, text.rsplit('/').next().unwrap_or(text)))
}

/// The account in an object that names one, for ARNs built from names.
pub(super) fn place_in(value: &Value, around: &Place) -> Place {
    let mut place = around.clone();
    let account = ["OwnerId", "AWSAccountId", "accountId", "awsAccountId"].iter().find_map(|name| text(value, name));
    if let Some(account) = account.filter(|account| super::arn::is_account(account)) {
        place.account = account.to_owned();
    }
    let zone = super::field::texts("", value, "Placement.AvailabilityZone");
    if let Some((_, zone)) = zone.first() {
        place.region = zone.trim_end_matches(|c: char| c.is_ascii_lowercase()).to_owned();
    }
    if let Some(region) = text(value, "awsRegion") {
        place.region = region.to_owned();
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_for_arns_and_addresses() {
        let function = "arn:aws:lambda:eu-west-1:111111111111:function:f";
        assert_eq!(canonical(&format!("{function}:live")), function);
        let path = format!("arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{function}/invocations");
        assert_eq!(canonical(&path), function);
        let session = "arn:aws:sts::111111111111:assumed-role/r/s";
        assert_eq!(canonical(session), "arn:aws:iam::111111111111:role/r");
        for uri in ["s3://b-1/k/", "https://b-1.s3.eu-west-1.amazonaws.com/k", "https://s3.amazonaws.com/b-1/k"] {
            assert_eq!(s3_uri(uri).as_deref(), Some("s3://b-1/k"), "{uri}");
        }
        assert_eq!(model("eu.acme.tiny-v1:0").unwrap().id.as_str(), "model:acme.tiny-v1:0");
    }
}
