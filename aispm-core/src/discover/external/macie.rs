//! Amazon Macie: which classes of data lie in which object and bucket, and buckets that are open.

use serde_json::Value;

use super::report::{Report, add, classify, severity};
use crate::asset::{Asset, AssetKind, Document, OwnerSource, RelationKind};
use crate::discover::at::{has, items, text};
use crate::discover::format::{Found, Structured};
use crate::discover::label::label;
use crate::discover::resource;

pub(super) const FINDING: Structured = Structured {
    name: "macie",
    critical: false,
    in_parts: false,
    markers: &["\"resourcesAffected\"", "\"s3Bucket\""],
    matches: |value| has(value, &["resourcesAffected", "category", "type"]),
    read,
};

fn read(document: &Document, found: &mut Found) {
    let value = &document.value;
    let kind = text(value, "/type").unwrap_or_default();
    let report = Report {
        tool: "Macie",
        rule: kind,
        title: text(value, "/title").unwrap_or(kind),
        detail: text(value, "/description").unwrap_or_default(),
        severity: severity(text(value, "/severity/description").unwrap_or_default()),
        time: text(value, "/updatedAt"),
        fails: value.get("archived").and_then(Value::as_bool) != Some(true),
    };
    let Some(name) = text(value, "/resourcesAffected/s3Bucket/name") else { return };
    let evidence = document.evidence("/resourcesAffected/s3Bucket");
    let mut bucket = Asset::new(format!("arn:aws:s3:::{name}"), AssetKind::Bucket, name);
    bucket.encryption.at_rest = text(value, "/resourcesAffected/s3Bucket/defaultServerSideEncryption/encryptionType")
        .map(|kind| kind != "NONE");
    for (_, tag) in items(value, "/resourcesAffected/s3Bucket/tags") {
        let (key, tag) = (text(tag, "/key").unwrap_or_default(), text(tag, "/value").unwrap_or_default());
        label(&mut bucket, key, tag, OwnerSource::Tag, &evidence);
    }
    let object =
        text(value, "/resourcesAffected/s3Object/key").and_then(|key| resource::store(&format!("s3://{name}/{key}")));
    let Some(mut object) = object else {
        // a policy finding, about the bucket itself
        report.land(bucket, &evidence, found);
        return;
    };
    // what was classified stays so when the finding is put away
    for (_, data) in items(value, "/classificationDetails/result/sensitiveData") {
        classify(&mut object, text(data, "/category"));
        for (_, detection) in items(data, "/detections") {
            classify(&mut object, text(detection, "/type"));
        }
    }
    for (_, custom) in items(value, "/classificationDetails/result/customDataIdentifiers/detections") {
        classify(&mut object, text(custom, "/name"));
    }
    if object.data_classes.is_empty() && kind.starts_with("SensitiveData:") {
        object.data_classes.insert("confidential".to_owned());
    }
    bucket.data_classes.extend(object.data_classes.iter().cloned());
    found.relate(bucket.id.as_str(), RelationKind::Contains, object.id.as_str(), &evidence);
    add(bucket.seen(evidence.clone()), &evidence, found);
    report.land(object, &document.evidence("/resourcesAffected/s3Object"), found);
}
