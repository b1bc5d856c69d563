//! Connectors that bring SaaS products and knowledge bases to a retrieval system: Bedrock's and Kendra's data sources,
//! and the settings of LlamaIndex, LangChain, Onyx, Glean and their like, which name a connector and its configuration.

use serde_json::Value;

use super::system;
use crate::asset::{Asset, AssetKind, Document, RelationKind};
use crate::discover::at::{first, has, text};
use crate::discover::format::{Found, Structured};
use crate::discover::resource;

/// A data source of a Bedrock knowledge base.
pub(super) const BEDROCK: Structured = Structured {
    name: "bedrock-data-source",
    critical: false,
    in_parts: false,
    markers: &["\"dataSourceConfiguration\"", "\"knowledgeBaseId\""],
    matches: |value| {
        let source = value.get("dataSource").unwrap_or(value);
        has(source, &["knowledgeBaseId", "dataSourceConfiguration"])
    },
    read: |document, found| {
        let (source, base) = match document.value.get("dataSource") {
            Some(source) => (source, "/dataSource"),
            None => (&document.value, ""),
        };
        let (Some(base_id), Some(kind)) =
            (text(source, "/knowledgeBaseId"), text(source, "/dataSourceConfiguration/type"))
        else {
            return;
        };
        let evidence = document.evidence(&format!("{base}/dataSourceConfiguration"));
        let bucket = text(source, "/dataSourceConfiguration/s3Configuration/bucketArn").and_then(resource::by_id);
        let key = format!("/dataSourceConfiguration/{}Configuration/sourceConfiguration", kind.to_ascii_lowercase());
        let product =
            || system::of(kind, source.pointer(&key).unwrap_or(&Value::Null), text(source, "/name").unwrap_or(kind));
        let store = Asset::new(format!("arn:aws:bedrock:::knowledge-base/{base_id}"), AssetKind::VectorStore, base_id);
        if let Some(system) = bucket.or_else(product) {
            found.relate(store.id.as_str(), RelationKind::DerivedFrom, system.id.as_str(), &evidence);
            found.inventory.add(system.seen(evidence.clone()));
        }
        found.inventory.add(store.seen(evidence));
    },
};

/// A data source of a Kendra index.
pub(super) const KENDRA: Structured = Structured {
    name: "kendra-data-source",
    critical: false,
    in_parts: false,
    markers: &["\"IndexId\"", "\"Configuration\""],
    matches: |value| has(value, &["IndexId", "Configuration", "Type"]),
    read: |document, found| {
        let value = &document.value;
        let (Some(index), Some(kind)) = (text(value, "/IndexId"), text(value, "/Type")) else { return };
        let evidence = document.evidence("/Configuration");
        let bucket = first(
            value,
            &[
                "/Configuration/S3Configuration/BucketName",
                "/Configuration/TemplateConfiguration/Template/connectionConfiguration/repositoryEndpointMetadata/BucketName",
            ],
        );
        let bucket = bucket.and_then(|name| resource::store(&format!("s3://{name}")));
        let configured = value.get("Configuration").and_then(Value::as_object).into_iter().flatten().next();
        let settings = configured.map_or(&Value::Null, |(_, settings)| settings);
        let name = text(value, "/Name").unwrap_or(kind);
        let connector = if kind == "TEMPLATE" { first(settings, &["/Template/type"]).unwrap_or(kind) } else { kind };
        let account = text(value, "/RoleArn").and_then(|role| role.split(':').nth(4)).unwrap_or_default();
        let store = Asset::new(format!("arn:aws:kendra::{account}:index/{index}"), AssetKind::VectorStore, index);
        if let Some(system) = bucket.or_else(|| system::of(connector, settings, name)) {
            found.relate(store.id.as_str(), RelationKind::DerivedFrom, system.id.as_str(), &evidence);
            found.inventory.add(system.seen(evidence.clone()));
        }
        if let Some(role) = text(value, "/RoleArn") {
            found.relate(store.id.as_str(), RelationKind::RunsAs, role, &evidence);
        }
        found.inventory.add(store.seen(evidence));
    },
};

/// Where the connector's name stands, and where its settings do.
const NAMES: &[&str] = &[
    "/connector_type",
    "/connectorType",
    "/source_type",
    "/sourceType",
    "/connector",
    "/reader",
    "/loader",
    "/datasource",
    "/component/class_name",
];
const SETTINGS: &[&str] = &[
    "/connector_specific_config",
    "/connector_config",
    "/connectorConfig",
    "/component",
    "/configuration",
    "/config",
    "/args",
    "/kwargs",
    "/params",
    "/settings",
];

pub(super) const GENERIC: Structured = Structured {
    name: "connector",
    critical: false,
    in_parts: false,
    markers: &[],
    matches: |value| settings(value).is_some() && connector(value).is_some(),
    read: generic,
};

fn connector(value: &Value) -> Option<&str> {
    // a plain word, which counts beside settings that are a connector's for certain
    let source = || text(value, "/source").filter(|_| value.get("connector_specific_config").is_some());
    first(value, NAMES).or_else(source).filter(|name| name.len() < 100 && system::is_known(name))
}

fn settings(value: &Value) -> Option<&Value> {
    SETTINGS.iter().find_map(|pointer| value.pointer(pointer).filter(|settings| settings.is_object()))
}

fn generic(document: &Document, found: &mut Found) {
    let value = &document.value;
    let (Some(connector), Some(settings)) = (connector(value), settings(value)) else { return };
    let name = first(value, &["/name", "/display_name", "/displayName", "/id"]).unwrap_or(connector);
    let evidence = document.evidence("").excerpt(connector);
    let Some(system) = system::of(connector, settings, name) else { return };
    let id = format!("file:{}#{name}", document.path());
    let pipeline = Asset::new(&id, AssetKind::Pipeline, name).with("connector", connector);
    found.relate(&id, RelationKind::Reads, system.id.as_str(), &evidence);
    let target = first(
        value,
        &[
            "/index_name",
            "/index",
            "/vector_store",
            "/collection",
            "/collection_name",
            "/knowledge_base",
            "/pipeline_id",
            "/document_set",
        ],
    );
    if let Some(target) = target {
        let store = Asset::new(format!("vector-store:{target}"), AssetKind::VectorStore, target);
        found.relate(&id, RelationKind::Writes, store.id.as_str(), &evidence);
        found.relate(store.id.as_str(), RelationKind::DerivedFrom, system.id.as_str(), &evidence);
        found.inventory.add(store.seen(evidence.clone()));
    }
    found.inventory.add(system.seen(evidence.clone()));
    found.inventory.add(pipeline.seen(evidence));
}
