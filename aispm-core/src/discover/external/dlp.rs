//! Google Sensitive Data Protection (DLP): inspection jobs, inspection results, saved findings and data profiles. The
//! quotes that findings hold are never kept.

use serde_json::Value;

use super::report::{add, classify};
use crate::asset::{Asset, AssetId, AssetKind, Document, Exposure, RelationKind};
use crate::discover::at::{first, has, items, text};
use crate::discover::format::{Found, Structured};
use crate::discover::resource;

/// What a job looked at, and how often it found what.
pub(super) const JOB: Structured = Structured {
    name: "dlp-job",
    critical: false,
    in_parts: false,
    markers: &["\"inspectDetails\"", "\"infoTypeStats\""],
    matches: |value| value.get("inspectDetails").is_some() && value.get("name").is_some(),
    read: |document, found| {
        let value = &document.value;
        let base = "/inspectDetails/requestedOptions/jobConfig/storageConfig";
        let Some(mut asset) = value.pointer(base).and_then(storage) else { return };
        for (_, stat) in items(value, "/inspectDetails/result/infoTypeStats") {
            classify(&mut asset, text(stat, "/infoType/name"));
        }
        let evidence = document.evidence(base);
        add(asset.seen(evidence.clone()), &evidence, found);
    },
};

/// The answer to an inspection of content.
pub(super) const RESULT: Structured = Structured {
    name: "dlp-result",
    critical: false,
    in_parts: false,
    markers: &["\"infoType\"", "\"likelihood\""],
    matches: |value| value.pointer("/result/findings/0").is_some_and(is_finding),
    read: |document, found| {
        for (pointer, finding) in items(&document.value, "/result/findings") {
            read_finding(&document.part(&pointer, finding.clone()), found);
        }
    },
};

/// One finding, of a list or as a row of the table that a job saves to.
pub(super) const FINDING: Structured = Structured {
    name: "dlp-finding",
    critical: false,
    in_parts: false,
    markers: &[],
    matches: is_finding,
    read: read_finding,
};

/// The profile of a table, column or file store.
pub(super) const PROFILE: Structured = Structured {
    name: "dlp-profile",
    critical: false,
    in_parts: false,
    markers: &["\"sensitivityScore\"", "DataProfiles/"],
    matches: |value| {
        text(value, "/name").is_some_and(|name| name.contains("DataProfiles/"))
            && (value.get("sensitivityScore").is_some() || value.get("profileStatus").is_some())
    },
    read: profile,
};

fn is_finding(value: &Value) -> bool {
    (has(value, &["infoType", "likelihood"]) || has(value, &["info_type", "likelihood"]))
        && value.get("location").is_some()
}

fn read_finding(document: &Document, found: &mut Found) {
    let value = &document.value;
    let Some(kind) = first(value, &["/infoType/name", "/info_type/name"]) else { return };
    let place = first(
        value,
        &[
            "/location/contentLocations/0/containerName",
            "/location/content_locations/0/container_name",
            "/location/container/fullPath",
            "/location/container/full_path",
        ],
    );
    let table =
        value.pointer("/location/contentLocations/0/recordLocation/recordKey/bigQueryKey/tableReference").or_else(
            || value.pointer("/location/content_locations/0/record_location/record_key/big_query_key/table_reference"),
        );
    let asset = table.and_then(self::table).or_else(|| place.and_then(container));
    let Some(mut asset) =
        asset.or_else(|| first(value, &["/resourceName", "/resource_name"]).and_then(resource::by_id))
    else {
        return;
    };
    if classify(&mut asset, kind) {
        let evidence = document.evidence("/infoType").excerpt(kind);
        add(asset.seen(evidence.clone()), &evidence, found);
    }
}

/// `gs://…`, or `project:dataset.table` and its variants.
fn container(name: &str) -> Option<Asset> {
    resource::by_id(name).or_else(|| {
        let (project, rest) = name.split_once([':', '.'])?;
        let (dataset, table) = rest.split_once(['.', ':'])?;
        Some(big_query(project, dataset, table))
    })
}

fn storage(config: &Value) -> Option<Asset> {
    if let Some(table) = config.pointer("/bigQueryOptions/tableReference") {
        return self::table(table);
    }
    let files =
        first(config, &["/cloudStorageOptions/fileSet/url", "/cloudStorageOptions/fileSet/regexFileSet/bucketName"])?;
    let files = files.trim_end_matches(['*', '/']);
    if files.contains("://") { resource::by_id(files) } else { resource::store(&format!("gs://{files}")) }
}

fn table(reference: &Value) -> Option<Asset> {
    let part = |names: [&str; 2]| first(reference, &names);
    Some(big_query(
        part(["/projectId", "/project_id"])?,
        part(["/datasetId", "/dataset_id"])?,
        part(["/tableId", "/table_id"])?,
    ))
}

fn big_query(project: &str, dataset: &str, table: &str) -> Asset {
    let id = format!("//bigquery.googleapis.com/projects/{project}/datasets/{dataset}/tables/{table}");
    Asset::new(id, AssetKind::Database, table)
}

fn profile(document: &Document, found: &mut Found) {
    let value = &document.value;
    let by_parts = || {
        let part = |names: [&str; 2]| first(value, &names);
        Some(big_query(
            part(["/datasetProjectId", "/tableProjectId"])?,
            text(value, "/datasetId")?,
            text(value, "/tableId")?,
        ))
    };
    let by_path = || resource::by_id(first(value, &["/fullResource", "/fileStorePath", "/tableFullResource"])?);
    let Some(mut asset) = by_parts().or_else(by_path) else { return };
    for list in ["/predictedInfoTypes", "/otherInfoTypes", "/fileStoreInfoTypeSummaries"] {
        for (_, kind) in items(value, list) {
            classify(&mut asset, text(kind, "/infoType/name"));
        }
    }
    classify(&mut asset, text(value, "/columnInfoType/infoType/name"));
    for (key, pointer) in [
        ("sensitivity", "/sensitivityScore/score"),
        ("data_risk", "/dataRiskLevel/score"),
        ("visibility", "/resourceVisibility"),
    ] {
        if let Some(word) = text(value, pointer) {
            asset.properties.insert(key.to_owned(), word.into());
        }
    }
    let evidence = document.evidence("");
    if text(value, "/encryptionStatus") == Some("ENCRYPTION_CUSTOMER_MANAGED") {
        asset.encryption.customer_key = Some(true);
    }
    if text(value, "/resourceVisibility") == Some("RESOURCE_VISIBILITY_PUBLIC") {
        asset.exposure = Some(Exposure::Public);
        asset.properties.insert("public_access".to_owned(), "read".into());
        found.relate(AssetId::INTERNET, RelationKind::Exposes, asset.id.as_str(), &evidence);
        found.relate(AssetId::INTERNET, RelationKind::Reads, asset.id.as_str(), &evidence);
    }
    add(asset.seen(evidence.clone()), &evidence, found);
}
