//! Feast: a feature store's configuration, and the views of its registry's dump.

use serde_json::Value;

use super::names::{add, labelled, table};
use super::system;
use crate::asset::{Asset, AssetKind, Authentication, Document, OwnerClaim, OwnerSource, RelationKind};
use crate::discover::at::{first, has, items, keep, text, texts};
use crate::discover::format::{Found, Structured};
use crate::discover::resource;

pub(super) const CONFIG: Structured = Structured {
    name: "feast",
    critical: false,
    in_parts: false,
    markers: &["registry:", "provider:", "online_store:"],
    matches: |value| {
        has(value, &["project", "registry", "provider"])
            && (value.get("online_store").is_some()
                || value.get("offline_store").is_some()
                || value.get("entity_key_serialization_version").is_some())
    },
    read: config,
};

/// A feature view of `feast registry-dump`.
pub(super) const VIEW: Structured = Structured {
    name: "feast-view",
    critical: false,
    in_parts: false,
    markers: &["\"batchSource\"", "\"features\""],
    matches: |value| {
        value.pointer("/spec/name").is_some()
            && value.pointer("/spec/features").is_some()
            && (value.pointer("/spec/batchSource").is_some() || value.pointer("/spec/sources").is_some())
    },
    read: view,
};

fn config(document: &Document, found: &mut Found) {
    let value = &document.value;
    let Some(project) = text(value, "/project") else { return };
    let evidence = document.evidence("/project");
    let id = format!("feast:{project}");
    let mut store = Asset::new(&id, AssetKind::FeatureStore, project).with("product", "feast");
    keep(&mut store, "provider", text(value, "/provider"));
    store.authentication = match text(value, "/auth/type") {
        Some("oidc" | "kubernetes") => Some(Authentication::Identity),
        // without a word about it there is none
        _ => Some(Authentication::None),
    };
    if let Some(registry) = first(value, &["/registry/path", "/registry"]).and_then(resource::by_id) {
        let evidence = document.evidence("/registry");
        found.relate(&id, RelationKind::Uses, registry.id.as_str(), &evidence);
        add(registry, &evidence, found);
    }
    for (key, verb) in [("offline_store", RelationKind::DerivedFrom), ("online_store", RelationKind::Writes)] {
        let Some(settings) = value.get(key) else { continue };
        let kind = text(settings, "/type").or_else(|| settings.as_str()).unwrap_or_default();
        store.properties.insert(key.to_owned(), kind.into());
        if let Some(system) = system::of(kind, settings, project) {
            let evidence = document.evidence(&format!("/{key}"));
            found.relate(&id, verb, system.id.as_str(), &evidence);
            found.inventory.add(system.seen(evidence));
        }
    }
    found.inventory.add(store.seen(evidence));
}

fn view(document: &Document, found: &mut Found) {
    let value = &document.value;
    let Some(name) = text(value, "/spec/name") else { return };
    let evidence = document.evidence("/spec");
    let project = text(value, "/spec/project").unwrap_or("feast");
    let id = format!("feast:{project}/{name}");
    let mut asset = Asset::new(&id, AssetKind::FeatureStore, name);
    let features: Vec<&str> =
        items(value, "/spec/features").filter_map(|(_, feature)| text(feature, "/name")).take(64).collect();
    asset.properties.insert("features".to_owned(), features.into());
    for (key, word) in value.pointer("/spec/tags").and_then(Value::as_object).into_iter().flatten() {
        labelled(&mut asset, key, word.as_str().unwrap_or_default(), &evidence);
    }
    if let Some(owner) = text(value, "/spec/owner") {
        asset.claim(OwnerClaim::new(OwnerSource::Creator, owner, evidence.clone()));
    }
    found.relate(&format!("feast:{project}"), RelationKind::Contains, &id, &evidence);
    let batch = value.pointer("/spec/batchSource").into_iter();
    for source in batch.chain(items(value, "/spec/sources").map(|(_, source)| source)) {
        let warehouse = [
            ("bigquery", "/bigqueryOptions/table"),
            ("snowflake", "/snowflakeOptions/table"),
            ("redshift", "/redshiftOptions/table"),
            ("unity", "/sparkOptions/table"),
        ];
        let tables = warehouse.iter().filter_map(|(system, pointer)| Some(table(system, text(source, pointer)?)));
        let files =
            texts(source, "/fileOptions/uri").chain(texts(source, "/fileOptions/fileUrl")).filter_map(resource::by_id);
        for asset in tables.chain(files).collect::<Vec<_>>() {
            found.relate(&id, RelationKind::DerivedFrom, asset.id.as_str(), &evidence);
            add(asset, &evidence, found);
        }
    }
    found.inventory.add(asset.seen(evidence));
}
