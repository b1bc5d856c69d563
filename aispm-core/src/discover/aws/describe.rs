//! Answers of the AWS API, as `aws …` prints them and SDKs give them: lists, single descriptions, tags, policies.

use serde_json::Value;

use super::arn::{Arn, Place, place_of};
use super::field::{at, text};
use super::item::{Item, no_names};
use super::listed::{Listed, listed};
use super::table::{Target, Type, table};
use super::{end, keep, policy};
use crate::asset::{Asset, AssetId, AssetKind, Document, Exposure, RelationKind};
use crate::discover::{Found, Structured};

pub(in crate::discover) const DESCRIBE: Structured = Structured {
    name: "aws-describe",
    critical: true,
    in_parts: true,
    markers: &["arn:aws", "\"ResponseMetadata\""],
    matches: |value| tells(value).is_some(),
    read,
};

/// What an answer is.
enum Answer<'a> {
    /// One bare description.
    One(&'a Type),
    /// Descriptions under keys.
    Held,
    /// `get-resources` of the tagging API.
    TagMappings,
    /// Names without descriptions.
    Listed(&'static Listed),
    /// A resource's own policy.
    Policy,
    /// `list-account-aliases`.
    Aliases,
    /// Bedrock's invocation logging.
    Logging,
    /// An empty list, or tags or settings that do not say of what.
    Nothing,
}

/// Keys of answers that tell only a setting, without the resource it is of.
const SETTINGS: &[&str] = &[
    "PublicAccessBlockConfiguration",
    "ServerSideEncryptionConfiguration",
    "LocationConstraint",
    "Grants",
    "LoggingEnabled",
    "TagSet",
    "imageIds",
    "PolicyVersion",
    "PolicyNames",
    "SummaryMap",
    "TableNames",
];

fn tells(value: &Value) -> Option<Answer<'_>> {
    let map = value.as_object()?;
    if map.contains_key("ResourceTagMappingList") {
        return Some(Answer::TagMappings);
    }
    let held = |(key, list): (&String, &Value)| {
        (list.is_object() || list.is_array())
            && table()
                .held(key)
                .any(|(path, _)| first(value, path).is_some_and(|item| table().held_type(key, path, item).is_some()))
    };
    if map.iter().any(held) {
        return Some(Answer::Held);
    }
    if let Some(kind) = table().of(value) {
        return Some(Answer::One(kind));
    }
    if let Some(listed) = listed(value) {
        return Some(Answer::Listed(listed));
    }
    if map.get("AccountAliases").is_some_and(Value::is_array) {
        return Some(Answer::Aliases);
    }
    let logging = |config: &Value| config.get("textDataDeliveryEnabled").is_some() || config.get("s3Config").is_some();
    if map
        .get("loggingConfig")
        .is_some_and(|config| logging(config) || config.as_object().is_some_and(|c| c.is_empty()))
    {
        return Some(Answer::Logging);
    }
    let own_policy = |text: &str| text.trim_start().starts_with('{') && text.contains("\"Statement\"");
    if ["Policy", "ResourcePolicy", "policyText"]
        .iter()
        .any(|key| map.get(*key).and_then(Value::as_str).is_some_and(own_policy))
    {
        return Some(Answer::Policy);
    }
    nothing(value).then_some(Answer::Nothing)
}

/// The first object at a path whose lists may be empty.
fn first<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let mut value = value;
    for step in path.split('.') {
        value = match value {
            Value::Array(list) => list.first()?.get(step),
            value => super::field::field(value, step),
        }?;
    }
    match value {
        Value::Array(list) => list.first(),
        value => Some(value),
    }
}

/// An answer that lists nothing, or is of something it does not name.
fn nothing(value: &Value) -> bool {
    let Some(map) = value.as_object() else { return false };
    let answer = map.contains_key("ResponseMetadata");
    let empty = |(key, list): (&String, &Value)| {
        // only names such as `TrainingJobSummaries` are of AWS alone
        let own = answer || key.chars().skip(1).filter(char::is_ascii_uppercase).count() > 1;
        own && list.as_array().is_some_and(Vec::is_empty) && table().held(key).next().is_some()
    };
    let pair = |tag: &Value| tag.get("Key").is_some() && tag.get("Value").is_some();
    let tags = |key: &str| match map.get(key) {
        Some(Value::Array(list)) => (answer || map.len() == 1) && list.iter().all(pair) && (answer || !list.is_empty()),
        Some(Value::Object(_)) => answer,
        _ => false,
    };
    // routes and methods of an API name it only in the call
    let routes = ["items", "Items"].iter().any(|key| {
        let first = map.get(*key).and_then(|list| list.as_array()?.first());
        first.is_some_and(|item| {
            ["resourceMethods", "RouteKey", "IntegrationType"].iter().any(|key| item.get(*key).is_some())
        })
    });
    let setting = |key: &&str| map.contains_key(*key) && (answer || map.len() <= 2);
    routes
        || map.iter().any(empty)
        || tags("Tags")
        || tags("tags")
        || SETTINGS.iter().any(setting)
        || (answer && map.len() == 1)
}

fn read(document: &Document, found: &mut Found) {
    let value = &document.value;
    let place = place_of(value);
    let item = |kind, pointer: String, value, whole| Item {
        document,
        pointer,
        value,
        kind,
        whole,
        id: None,
        place: &place,
        parent: None,
        names: &no_names,
    };
    match tells(value) {
        Some(Answer::One(kind)) => {
            item(kind, String::new(), value, true).add(found);
        }
        Some(Answer::Held) => {
            for key in value.as_object().into_iter().flatten().map(|(key, _)| key) {
                let mut paths: Vec<&str> = table().held(key).map(|(path, _)| path).collect();
                paths.sort_unstable();
                paths.dedup();
                for path in paths {
                    for (pointer, value) in at("", value, path) {
                        let Some(kind) = table().held_type(key, path, value) else { continue };
                        // a list's items have a number in their place
                        let listed = pointer.ends_with(|c: char| c.is_ascii_digit());
                        item(kind, pointer.clone(), value, kind.whole || !listed).add(found);
                    }
                }
            }
        }
        Some(Answer::TagMappings) => mappings(document, found),
        Some(Answer::Listed(listed)) => listed.read(document, found),
        Some(Answer::Policy) => own_policy(document, found),
        Some(Answer::Aliases) => aliases(document, found),
        Some(Answer::Logging) => logging(document, &place, found),
        Some(Answer::Nothing) => integrations(document, found),
        None => {}
    }
}

/// `get-resources`: what there is, and its tags.
fn mappings(document: &Document, found: &mut Found) {
    let list = document.value.get("ResourceTagMappingList").and_then(Value::as_array);
    for (i, entry) in list.into_iter().flatten().enumerate() {
        let evidence = document.evidence(&format!("/ResourceTagMappingList/{i}"));
        let Some(id) = text(entry, "ResourceARN").and_then(|arn| end::arn(arn, &Target::Any, &evidence, found)) else {
            continue;
        };
        if let (Some(asset), Some(tags)) = (found.inventory.get_mut(&id), entry.get("Tags")) {
            keep::tags(asset, tags, &evidence);
            asset.properties.entry("Tags").or_insert_with(|| tags.clone());
        }
    }
}

/// A policy answered alone stands on the resources that it names.
fn own_policy(document: &Document, found: &mut Found) {
    for key in ["Policy", "ResourcePolicy", "policyText"] {
        let Some(text) = document.value.get(key) else { continue };
        let Some(parsed) = policy::parse(text) else { continue };
        let evidence = document.evidence(&format!("/{key}"));
        for subject in policy::subjects(&parsed) {
            let Some(id) = end::arn(&subject, &Target::Any, &evidence, found) else { continue };
            let mut public = policy::lets_everyone_in(&parsed);
            if let Some(asset) = found.inventory.get_mut(&id) {
                // a bucket may block what its policy allows
                public &= asset.kind != AssetKind::Bucket;
                asset.properties.insert("policy".into(), text.clone());
                asset.properties.insert("policy_pointer".into(), evidence.pointer.clone().unwrap_or_default().into());
                if public {
                    asset.exposure = Some(Exposure::Public);
                }
            }
            if public {
                found.relate(AssetId::INTERNET, RelationKind::Exposes, &id, &evidence);
            }
        }
    }
}

/// An account by the address of its sign-in page, which is all that this answer tells.
fn aliases(document: &Document, found: &mut Found) {
    let list = document.value.get("AccountAliases").and_then(Value::as_array);
    for (i, alias) in list.into_iter().flatten().filter_map(Value::as_str).enumerate() {
        let evidence = document.evidence(&format!("/AccountAliases/{i}")).excerpt(alias);
        let id = format!("https://{alias}.signin.aws.amazon.com");
        found.inventory.add(Asset::new(id, AssetKind::Account, alias).with("aws_type", "account-alias").seen(evidence));
    }
}

/// Where Bedrock logs what models are asked and answer; nothing set means that it does not.
fn logging(document: &Document, place: &Place, found: &mut Found) {
    let evidence = document.evidence("/loggingConfig");
    let config = document.value.get("loggingConfig").cloned().unwrap_or_default();
    let id = format!("arn:aws:bedrock:{}:{}:model-invocation-logging", place.region, place.account);
    let mut sink = Asset::new(&id, AssetKind::LogSink, "Bedrock model invocation logging").ai().seen(evidence.clone());
    let enabled = config.as_object().is_some_and(|config| !config.is_empty());
    sink.properties = keep::properties(&config);
    sink.properties.insert("aws_type".into(), "AWS::Bedrock::ModelInvocationLoggingConfiguration".into());
    sink.properties.insert("logging_enabled".into(), enabled.into());
    found.inventory.add(sink);
    let around = end::Around { place, value: &config, names: &no_names };
    let ends = [
        ("s3Config.bucketName", Target::Bucket, RelationKind::Writes),
        ("cloudWatchConfig.logGroupName", Target::Type("AWS::Logs::LogGroup".into()), RelationKind::LogsTo),
        ("cloudWatchConfig.largeDataDeliveryS3Config.bucketName", Target::Bucket, RelationKind::Writes),
        ("cloudWatchConfig.roleArn", Target::Type("AWS::IAM::Role".into()), RelationKind::RunsAs),
    ];
    for (path, target, kind) in ends {
        for (pointer, name) in super::field::texts("/loggingConfig", &config, path) {
            let evidence = document.evidence(&pointer).excerpt(name);
            if let Some(other) = end::end(name, &target, &around, &evidence, found) {
                found.relate(&id, kind, &other, &evidence);
            }
        }
    }
    let provider = super::super::catalog::catalog().provider_by_service("bedrock-runtime");
    if let Some(provider) = provider.filter(|_| enabled).map(super::super::catalog::Provider::asset) {
        found.relate(provider.id.as_str(), RelationKind::LogsTo, &id, &evidence);
        found.inventory.add(provider.seen(evidence));
    }
}

/// Functions behind a REST API, as `get-resources --embed methods` tells them; which API it is stands only in the call.
fn integrations(document: &Document, found: &mut Found) {
    let list = document.value.get("items").and_then(Value::as_array);
    for (i, resource) in list.into_iter().flatten().enumerate() {
        for (pointer, uri) in
            super::field::texts(&format!("/items/{i}"), resource, "resourceMethods.*.methodIntegration.uri")
        {
            let evidence = document.evidence(&pointer);
            if Arn::parse(uri).is_some() {
                end::arn(uri, &Target::Any, &evidence, found);
            }
        }
    }
}
