//! dbt's artefacts: `manifest.json` (models, sources, exposures) and `catalog.json` (what the warehouse holds).

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::names::{table, tag};
use crate::asset::{Asset, AssetKind, Document, Evidence, OwnerClaim, OwnerSource, RelationKind, pointer_key};
use crate::discover::at::{first, items, keep, text, texts};
use crate::discover::format::{Found, Structured};

pub(super) const MANIFEST: Structured = Structured {
    name: "dbt-manifest",
    critical: false,
    in_parts: false,
    markers: &["dbt_schema_version", "\"nodes\"", "\"parent_map\""],
    matches: |value| {
        is_dbt(value)
            && value.get("sources").is_some()
            && (value.get("exposures").is_some() || value.get("parent_map").is_some())
    },
    read: manifest,
};

pub(super) const CATALOG: Structured = Structured {
    name: "dbt-catalog",
    critical: false,
    in_parts: false,
    markers: &["dbt_schema_version", "schemas.getdbt.com/dbt/catalog"],
    matches: |value| {
        is_dbt(value) && text(value, "/metadata/dbt_schema_version").is_some_and(|v| v.contains("/catalog/"))
    },
    read: catalog,
};

fn is_dbt(value: &Value) -> bool {
    value.pointer("/metadata/dbt_schema_version").is_some() && value.get("nodes").is_some_and(Value::is_object)
}

/// Kinds of node that are tables.
const TABLES: &[&str] = &["model", "seed", "snapshot", "source"];

fn entries<'a>(value: &'a Value, list: &'static str) -> impl Iterator<Item = (String, &'a str, &'a Value)> {
    let map = value.get(list).and_then(Value::as_object);
    map.into_iter().flatten().map(move |(key, node)| (format!("/{list}/{}", pointer_key(key)), key.as_str(), node))
}

fn manifest(document: &Document, found: &mut Found) {
    let value = &document.value;
    let adapter = text(value, "/metadata/adapter_type").unwrap_or("dbt");
    let project = text(value, "/metadata/project_name").unwrap_or("dbt");
    let groups: HashMap<&str, &Value> =
        entries(value, "groups").filter_map(|(_, _, g)| Some((text(g, "/name")?, g))).collect();
    let tables = entries(value, "nodes").chain(entries(value, "sources"));
    let ids: BTreeMap<&str, Asset> = tables
        .filter(|(_, _, node)| text(node, "/resource_type").is_none_or(|kind| TABLES.contains(&kind)))
        .filter_map(|(_, key, node)| Some((key, relation(adapter, node)?.alias(format!("dbt:{key}")))))
        .collect();
    for (pointer, key, node) in entries(value, "nodes").chain(entries(value, "sources")) {
        let Some(mut asset) = ids.get(key).cloned() else { continue };
        let evidence = document.evidence(&pointer).excerpt(key);
        describe(&mut asset, node, &evidence);
        if let Some(group) = text(node, "/group").and_then(|name| groups.get(name)) {
            claim(&mut asset, first(group, &["/owner/email", "/owner/name"]), &evidence);
        }
        for parent in texts(node, "/depends_on/nodes").filter_map(|parent| ids.get(parent)) {
            found.relate(asset.id.as_str(), RelationKind::DerivedFrom, parent.id.as_str(), &evidence);
        }
        asset.properties.insert("dbt".to_owned(), key.into());
        if let Some(path) = text(node, "/original_file_path") {
            asset.properties.insert("defined_in".to_owned(), path.into());
        }
        found.inventory.add(asset.seen(evidence));
    }
    for (pointer, key, node) in entries(value, "exposures") {
        let evidence = document.evidence(&pointer).excerpt(key);
        let kind = match text(node, "/type") {
            Some("notebook") => AssetKind::Notebook,
            _ => AssetKind::Application,
        };
        let name = first(node, &["/label", "/name"]).unwrap_or(key);
        let mut asset = Asset::new(format!("dbt:{project}/{key}"), kind, name);
        asset.ai = text(node, "/type") == Some("ml");
        asset.purpose = text(node, "/description").map(str::to_owned);
        for (name, pointer) in [("exposure_type", "/type"), ("url", "/url"), ("maturity", "/maturity")] {
            keep(&mut asset, name, text(node, pointer));
        }
        describe(&mut asset, node, &evidence);
        claim(&mut asset, first(node, &["/owner/email", "/owner/name"]), &evidence);
        for parent in texts(node, "/depends_on/nodes").filter_map(|parent| ids.get(parent)) {
            found.relate(asset.id.as_str(), RelationKind::Reads, parent.id.as_str(), &evidence);
        }
        found.inventory.add(asset.seen(evidence));
    }
}

/// The table that a node becomes.
fn relation(adapter: &str, node: &Value) -> Option<Asset> {
    let name = first(node, &["/identifier", "/alias", "/name"])?;
    let parts = [text(node, "/database"), text(node, "/schema"), Some(name)];
    let path = parts.into_iter().flatten().collect::<Vec<_>>().join(".");
    Some(table(adapter, text(node, "/relation_name").unwrap_or(&path)))
}

/// Owners, tags and meta of a node and its columns.
fn describe(asset: &mut Asset, node: &Value, evidence: &Evidence) {
    for place in ["/meta", "/config/meta", "/source_meta"] {
        meta(asset, node.pointer(place), Some(evidence));
    }
    for label in texts(node, "/tags").chain(texts(node, "/config/tags")) {
        tag(asset, label, "");
    }
    let columns = node.get("columns").and_then(Value::as_object);
    for column in columns.into_iter().flat_map(Map::values) {
        for place in ["/meta", "/config/meta"] {
            meta(asset, column.pointer(place), None);
        }
        for label in texts(column, "/tags").chain(texts(column, "/config/tags")) {
            tag(asset, label, "");
        }
    }
}

/// Free fields: owners of the whole (`None` for a column), classes of data.
fn meta(asset: &mut Asset, place: Option<&Value>, evidence: Option<&Evidence>) {
    for (key, value) in place.and_then(Value::as_object).into_iter().flatten() {
        let word = match value {
            Value::String(word) => word.as_str(),
            Value::Bool(true) => "true",
            _ => continue,
        };
        match (key.to_ascii_lowercase().as_str(), evidence) {
            ("owner" | "team", Some(evidence)) => claim(asset, word.trim_start_matches('@'), evidence),
            ("env" | "environment", Some(_)) => asset.environment = Some(word.to_lowercase()),
            _ => tag(asset, key, word),
        }
    }
}

fn claim<'a>(asset: &mut Asset, owner: impl Into<Option<&'a str>>, evidence: &Evidence) {
    if let Some(owner) = owner.into() {
        asset.claim(OwnerClaim::new(OwnerSource::Creator, owner, evidence.clone()));
    }
}

fn catalog(document: &Document, found: &mut Found) {
    for (pointer, key, node) in entries(&document.value, "nodes").chain(entries(&document.value, "sources")) {
        let name = text(node, "/metadata/name").unwrap_or(key);
        let evidence = document.evidence(&pointer).excerpt(key);
        let mut asset = Asset::new(format!("dbt:{key}"), AssetKind::Database, name);
        claim(&mut asset, text(node, "/metadata/owner"), &evidence);
        if let Some(kind) = text(node, "/metadata/type") {
            asset.properties.insert("table_type".to_owned(), kind.into());
        }
        let columns: Vec<&str> = node
            .get("columns")
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(Map::keys)
            .map(String::as_str)
            .take(64)
            .collect();
        asset.properties.insert("columns".to_owned(), columns.into());
        for (_, label) in items(node, "/metadata/tags") {
            label.as_str().into_iter().for_each(|label| tag(&mut asset, label, ""));
        }
        found.inventory.add(asset.seen(evidence));
    }
}
