//! AWS Config: snapshots, history, queries and change messages. Each item's `configuration` is read by the same table as
//! the API's own answers.

use serde_json::{Map, Value};

use super::arn::Place;
use super::field::text;
use super::item::{Item, no_names};
use super::table::{Type, table};
use super::{end, keep};
use crate::asset::{Asset, AssetKind, Document, Evidence, RelationKind};
use crate::discover::{Found, Structured};

pub(in crate::discover) const CONFIG: Structured = Structured {
    name: "aws-config",
    critical: true,
    in_parts: true,
    markers: &["resourceType", "AWS::", "configuration"],
    matches: |value| {
        is_item(value)
            || LISTS.iter().any(|list| value.get(list).and_then(Value::as_array).is_some_and(|l| l.iter().any(is_item)))
            || value.get("configurationItem").is_some_and(is_item)
            || value.pointer("/detail/configurationItem").is_some_and(is_item)
            || query(value)
    },
    read,
};

const LISTS: &[&str] = &["configurationItems", "baseConfigurationItems", "resourceIdentifiers"];

fn is_item(value: &Value) -> bool {
    let known = |name: &str| value.get(name).is_some();
    value.get("resourceType").and_then(Value::as_str).is_some_and(|kind| kind.contains("::"))
        && (known("resourceId") || known("resourceName") || known("configuration"))
}

/// `select-resource-config`: rows as text.
fn query(value: &Value) -> bool {
    let rows = value.get("Results").and_then(Value::as_array);
    rows.is_some_and(|rows| {
        let row = rows.first().and_then(Value::as_str);
        row.map_or(rows.is_empty() && value.get("QueryInfo").is_some(), |row| row.contains("\"resourceType\""))
    })
}

fn read(document: &Document, found: &mut Found) {
    let value = &document.value;
    if is_item(value) {
        return configuration_item(document, found);
    }
    for pointer in ["/configurationItem", "/detail/configurationItem"] {
        if let Some(item) = value.pointer(pointer) {
            configuration_item(&document.part(pointer, item.clone()), found);
        }
    }
    for list in LISTS {
        for (i, item) in value.get(list).and_then(Value::as_array).into_iter().flatten().enumerate() {
            if is_item(item) {
                configuration_item(&document.part(&format!("/{list}/{i}"), item.clone()), found);
            }
        }
    }
    for (i, row) in value.get("Results").and_then(Value::as_array).into_iter().flatten().enumerate() {
        if let Some(item) = row.as_str().and_then(|row| serde_json::from_str(row).ok()).filter(is_item) {
            configuration_item(&document.inside(&format!("/Results/{i}"), item), found);
        }
    }
}

fn configuration_item(document: &Document, found: &mut Found) {
    let value = &document.value;
    let gone = |status: &str| matches!(status, "ResourceDeleted" | "ResourceDeletedNotRecorded");
    if text(value, "configurationItemStatus").is_some_and(gone) {
        return;
    }
    let Some(name) = text(value, "resourceType") else { return };
    let account = text(value, "awsAccountId").or(text(value, "accountId")).or(text(value, "sourceAccountId"));
    let region = text(value, "awsRegion").or(text(value, "sourceRegion")).filter(|region| *region != "global");
    let place =
        Place { account: account.unwrap_or_default().to_owned(), region: region.unwrap_or_default().to_owned() };
    let kind = table().get(alias(name));
    let evidence = document.evidence("");
    let id = text(value, "ARN").map(end::canonical).or_else(|| named(kind, name, value, &place));
    let Some(mut id) = id else { return };
    // text is what it is in exports of history and queries
    let configuration = match value.get("configuration") {
        Some(Value::String(text)) => match serde_json::from_str(text) {
            Ok(configuration) => Some((document.inside("/configuration", Value::Null), configuration)),
            Err(_) => None,
        },
        Some(configuration @ Value::Object(_)) => Some((document.clone(), configuration.clone())),
        _ => None,
    };
    let mut asset = match (kind, configuration) {
        (Some(kind), Some((place_of, configuration))) => {
            let configuration = supplemented(configuration, value);
            let item = Item {
                document: &place_of,
                pointer: if place_of.value.is_null() { String::new() } else { "/configuration".to_owned() },
                value: &configuration,
                kind,
                whole: true,
                id: Some(id.clone()),
                place: &place,
                parent: None,
                names: &no_names,
            };
            if let Some(own) = item.add(found) {
                id = own;
            }
            Asset::new(&id, kind.kind, text(value, "resourceName").unwrap_or_default())
        }
        (kind, configuration) => {
            let name = text(value, "resourceName").or(text(value, "resourceId")).unwrap_or(&id);
            let mut asset = Asset::new(&id, kind.map_or(AssetKind::Resource, |kind| kind.kind), name);
            asset.ai |= kind.is_some_and(|kind| kind.ai) || (kind.is_none() && super::template::is_ai(&asset, value));
            asset.properties = configuration.map(|(_, value)| keep::properties(&value)).unwrap_or_default();
            asset
        }
    };
    asset.properties.entry("aws_type").or_insert_with(|| name.into());
    if let Some(tags) = value.get("tags") {
        keep::tags(&mut asset, tags, &evidence);
    }
    found.inventory.add(asset.seen(evidence.clone().excerpt(name)));
    relationships(&id, document, &place, found);
}

/// Config's older names of types.
fn alias(name: &str) -> &str {
    match name {
        "AWS::OpenSearch::Domain" => "AWS::OpenSearchService::Domain",
        "AWS::IAM::Policy" => "AWS::IAM::ManagedPolicy",
        name => name,
    }
}

/// The id of an item without an ARN: by the table, or by what Config calls it.
fn named(kind: Option<&Type>, name: &str, value: &Value, place: &Place) -> Option<String> {
    let called = text(value, "resourceName");
    let id = text(value, "resourceId").or(called)?;
    let best = if name.starts_with("AWS::EC2::") { id } else { called.unwrap_or(id) };
    if best.starts_with("arn:") {
        return Some(end::canonical(best));
    }
    let built = kind.and_then(|kind| kind.arn_of(best, place, value));
    built.or_else(|| Some(format!("arn:aws:config:{}:{}:{name}/{best}", place.region, place.account)))
}

/// The configuration with what Config keeps beside it, by the names that templates have for it.
fn supplemented(mut configuration: Value, item: &Value) -> Value {
    let beside = match item.get("supplementaryConfiguration") {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        Some(value) => value.clone(),
        None => return configuration,
    };
    let parsed = |value: &Value| match value {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| value.clone()),
        value => value.clone(),
    };
    let Some(map) = configuration.as_object_mut() else { return configuration };
    for (key, value) in beside.as_object().into_iter().flatten() {
        let value = parsed(value);
        let (key, value) = match key.as_str() {
            "BucketPolicy" => match value.get("policyText") {
                Some(policy) if !policy.is_null() => ("policy", policy.clone()),
                _ => continue,
            },
            "ServerSideEncryptionConfiguration" => ("BucketEncryption", encryption(&value)),
            "Tags" => continue,
            key => (key, value),
        };
        map.entry(key.to_owned()).or_insert(value);
    }
    configuration
}

/// `rules.applyServerSideEncryptionByDefault` in the words of templates.
fn encryption(value: &Value) -> Value {
    let rules = value.get("rules").and_then(Value::as_array);
    let default = rules.and_then(|rules| rules.first()?.get("applyServerSideEncryptionByDefault")).cloned();
    serde_json::json!({"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": default}]})
}

/// What Config says an item is contained in, attached to or associated with.
fn relationships(id: &str, document: &Document, place: &Place, found: &mut Found) {
    let list = document.value.get("relationships").and_then(Value::as_array);
    for (i, other) in list.into_iter().flatten().enumerate() {
        let Some(name) = text(other, "resourceType") else { continue };
        let evidence: Evidence = document.evidence(&format!("/relationships/{i}"));
        let kind = table().get(alias(name));
        let Some(to) = named(kind, name, other, place) else { continue };
        if found.inventory.get(&to).is_none() {
            let called = text(other, "resourceName").or(text(other, "resourceId")).unwrap_or(&to);
            let mut asset = Asset::new(&to, kind.map_or(AssetKind::Resource, |kind| kind.kind), called);
            asset.ai |= kind.is_some_and(|kind| kind.ai);
            asset.properties = Map::from_iter([("aws_type".to_owned(), name.into())]);
            found.inventory.add(asset.seen(evidence.clone()));
        }
        let words = text(other, "relationshipName").or(text(other, "name")).unwrap_or_default();
        match words.trim_start().split(' ').collect::<Vec<_>>().as_slice() {
            ["Is", "contained", ..] => found.relate(&to, RelationKind::Contains, id, &evidence),
            ["Contains", ..] => found.relate(id, RelationKind::Contains, &to, &evidence),
            _ if name == "AWS::IAM::Role" && !id.contains(":iam:") => {
                found.relate(id, RelationKind::RunsAs, &to, &evidence);
            }
            _ => found.relate(id, RelationKind::Uses, &to, &evidence),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::format::dispatch;
    use serde_json::json;

    fn read(value: Value) -> Found {
        let mut found = Found::default();
        assert!(dispatch(&Document::json("c.json", &value.to_string()).unwrap(), &mut found));
        found
    }

    #[test]
    fn items_become_what_the_api_describes() {
        let arn = "arn:aws:sagemaker:eu-west-1:111111111111:notebook-instance/n";
        let key = "arn:aws:kms:eu-west-1:111111111111:key/k";
        let item = json!({"resourceType": "AWS::SageMaker::NotebookInstance", "resourceId": "n", "ARN": arn,
            "awsAccountId": "111111111111", "awsRegion": "eu-west-1", "tags": {"Owner": "ml"},
            "configuration": {"NotebookInstanceName": "n", "KmsKeyId": key, "DirectInternetAccess": "Enabled",
                "RoleArn": "arn:aws:iam::111111111111:role/r"},
            "relationships": [{"resourceType": "AWS::EC2::Subnet", "resourceId": "subnet-1", "relationshipName": "Is contained in Subnet"}]});
        let text = {
            let mut item = item.clone();
            item["configuration"] = item["configuration"].to_string().into();
            item
        };
        for (value, pointer) in [
            (
                json!({"fileVersion": "1.0", "configurationItems": [item]}),
                "/configurationItems/0/configuration/KmsKeyId",
            ),
            (json!({"configurationItems": [text]}), "/configurationItems/0/configuration"),
            (json!({"Results": [text.to_string()], "QueryInfo": {}}), "/Results/0"),
        ] {
            let found = read(value);
            let asset = found.inventory.get(arn).unwrap();
            assert_eq!((asset.kind, asset.ai, asset.owner.as_deref()), (AssetKind::Notebook, true, Some("ml")));
            assert_eq!(asset.encryption.customer_key, Some(true));
            let uses = found.inventory.outgoing(arn).find(|r| r.to.as_str() == key).unwrap();
            assert_eq!(uses.evidence[0].pointer.as_deref(), Some(pointer));
            assert!(found.inventory.outgoing(arn).any(|r| r.kind == RelationKind::RunsAs));
            let subnet = "arn:aws:ec2:eu-west-1:111111111111:subnet/subnet-1";
            assert!(found.inventory.outgoing(subnet).any(|r| r.kind == RelationKind::Contains));
        }
    }

    #[test]
    fn what_was_deleted_is_not_there() {
        let found = read(json!({"configurationItems": [{"resourceType": "AWS::S3::Bucket", "resourceId": "b",
            "configurationItemStatus": "ResourceDeleted"}]}));
        assert!(found.inventory.is_empty());
    }
}
