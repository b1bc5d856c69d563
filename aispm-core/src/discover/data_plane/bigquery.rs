//! BigQuery: jobs, and rows of INFORMATION_SCHEMA. Data sets and tables are resources of Google Cloud and read there.

use serde_json::Value;

use super::names::{add, derive, table, tag};
use crate::asset::{Asset, AssetId, AssetKind, Authentication, Document, Evidence, Exposure, RelationKind};
use crate::discover::at::{first, has, items, text, texts};
use crate::discover::format::{Found, Structured};
use crate::discover::resource;

pub(super) const JOB: Structured = Structured {
    name: "bigquery-job",
    critical: false,
    in_parts: false,
    markers: &["\"jobReference\"", "\"configuration\""],
    matches: |value| {
        has(value, &["jobReference", "configuration"]) || has(value, &["job_type", "referenced_tables", "project_id"])
    },
    read: job,
};

/// Rows of INFORMATION_SCHEMA about tables, columns and grants.
pub(super) const COLUMN: Structured = Structured {
    name: "bigquery-information-schema",
    critical: false,
    in_parts: false,
    markers: &[],
    matches: |value| {
        has(value, &["table_catalog", "table_schema", "table_name"])
            && ["policy_tags", "ddl", "is_typed", "is_insertable_into", "base_table_catalog"]
                .iter()
                .any(|key| value.get(key).is_some())
            || has(value, &["object_catalog", "object_schema", "object_name", "grantee", "privilege_type"])
    },
    read: row,
};

fn named(reference: &Value) -> Option<Asset> {
    let project = first(reference, &["/projectId", "/project_id"])?;
    let set = first(reference, &["/datasetId", "/dataset_id"])?;
    if let Some(model) = text(reference, "/modelId") {
        let id = format!("//bigquery.googleapis.com/projects/{project}/datasets/{set}/models/{model}");
        return Some(Asset::new(id, AssetKind::Model, model));
    }
    Some(match first(reference, &["/tableId", "/table_id"]) {
        Some(name) => table("bigquery", &format!("{project}.{set}.{}", name.replace('.', "_"))),
        None => table("bigquery", &format!("{project}.{set}")),
    })
}

/// One entry of who may use a data set.
fn reader(asset: &mut Asset, entry: &Value, evidence: &Evidence, found: &mut Found) {
    let special = first(entry, &["/specialGroup", "/iamMember"]).unwrap_or_default();
    if special.eq_ignore_ascii_case("allUsers") || special.eq_ignore_ascii_case("allAuthenticatedUsers") {
        asset.exposure = Some(Exposure::Public);
        asset.authentication = Some(if special.eq_ignore_ascii_case("allUsers") {
            Authentication::None
        } else {
            Authentication::Identity
        });
        asset.properties.insert("public_access".to_owned(), "read".into());
        found.relate(AssetId::INTERNET, RelationKind::Exposes, asset.id.as_str(), evidence);
        found.relate(AssetId::INTERNET, RelationKind::Reads, asset.id.as_str(), evidence);
        return;
    }
    let who = |email: &str| match () {
        () if email.ends_with(".gserviceaccount.com") => (format!("serviceAccount:{email}"), AssetKind::ServiceAccount),
        () => (format!("user:{email}"), AssetKind::User),
    };
    let (id, kind) = match (
        text(entry, "/userByEmail"),
        text(entry, "/groupByEmail"),
        entry.get("iamMember").and_then(Value::as_str),
    ) {
        (Some(email), _, _) => who(email),
        (_, Some(group), _) => (format!("group:{group}"), AssetKind::Group),
        (_, _, Some(member)) => match member.split_once(':') {
            Some(("group", _)) => (member.to_owned(), AssetKind::Group),
            Some(("serviceAccount", _)) => (member.to_owned(), AssetKind::ServiceAccount),
            Some(("user", _)) => (member.to_owned(), AssetKind::User),
            _ => return,
        },
        _ => return,
    };
    let role = text(entry, "/role").unwrap_or("READER").to_ascii_lowercase();
    let writes = ["writer", "owner", "editor", "admin"].iter().any(|word| role.contains(word));
    let name = id.split_once(':').map_or(id.as_str(), |(_, name)| name).to_owned();
    for verb in [Some(RelationKind::Reads), writes.then_some(RelationKind::Writes)].into_iter().flatten() {
        found.relate(&id, verb, asset.id.as_str(), evidence);
    }
    found.inventory.add(Asset::new(id, kind, name).seen(evidence.clone().excerpt(role)));
}

fn job(document: &Document, found: &mut Found) {
    let value = &document.value;
    let evidence = document.evidence("");
    let project = first(value, &["/jobReference/projectId", "/project_id"]).unwrap_or_default();
    let Some(name) = first(value, &["/jobReference/jobId", "/job_id"]) else { return };
    let id = format!("//bigquery.googleapis.com/projects/{project}/jobs/{name}");
    let configuration = value.get("configuration").unwrap_or(&Value::Null);
    let at = |pointers: &[&str]| {
        pointers.iter().find_map(|p| configuration.pointer(p).or_else(|| value.pointer(p)).and_then(named))
    };
    let mut inputs: Vec<Asset> = items(value, "/statistics/query/referencedTables")
        .chain(items(value, "/referenced_tables"))
        .chain(items(configuration, "/copy/sourceTables"))
        .filter_map(|(_, reference)| named(reference))
        .collect();
    inputs.extend(at(&["/extract/sourceTable", "/copy/sourceTable"]));
    let mut outputs: Vec<Asset> =
        at(&["/query/destinationTable", "/load/destinationTable", "/copy/destinationTable", "/destination_table"])
            .into_iter()
            .collect();
    // what a query answers lies in a nameless table
    outputs.retain(|output| !output.name.starts_with("anon"));
    let uri = |uri: &str| resource::by_id(uri.trim_end_matches(['*', '/']));
    inputs.extend(texts(configuration, "/load/sourceUris").filter_map(uri));
    outputs.extend(texts(configuration, "/extract/destinationUris").filter_map(uri));
    let job = Asset::new(&id, AssetKind::Pipeline, name).with("tool", "bigquery");
    for (list, verb) in [(&inputs, RelationKind::Reads), (&outputs, RelationKind::Writes)] {
        for asset in list {
            found.relate(&id, verb, asset.id.as_str(), &evidence);
            add(asset.clone(), &evidence, found);
        }
    }
    derive(&inputs, &outputs, &evidence, found);
    if let Some(email) = text(value, "/user_email") {
        let service = email.ends_with(".gserviceaccount.com");
        let (kind, prefix) =
            if service { (AssetKind::ServiceAccount, "serviceAccount") } else { (AssetKind::User, "user") };
        let user = format!("{prefix}:{email}");
        found.relate(&id, RelationKind::RunsAs, &user, &evidence);
        found.inventory.add(Asset::new(user, kind, email).seen(evidence.clone()));
    }
    found.inventory.add(job.seen(evidence));
}

fn row(document: &Document, found: &mut Found) {
    let value = &document.value;
    let part = |names: [&str; 2]| first(value, &names);
    let (Some(project), Some(set), Some(name)) = (
        part(["/table_catalog", "/object_catalog"]),
        part(["/table_schema", "/object_schema"]),
        part(["/table_name", "/object_name"]),
    ) else {
        return;
    };
    let mut asset = table("bigquery", &format!("{project}.{set}.{name}"));
    let evidence = document.evidence("");
    for label in texts(value, "/policy_tags") {
        tag(&mut asset, resource::last(label), "");
    }
    if let (Some(grantee), Some(role)) = (text(value, "/grantee"), text(value, "/privilege_type")) {
        let entry = serde_json::json!({"iamMember": grantee, "role": role});
        reader(&mut asset, &entry, &evidence, found);
    }
    found.inventory.add(asset.seen(evidence));
}
