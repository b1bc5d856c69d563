//! Airbyte: sources, destinations and the connections between them, as the API lists them and as octavia writes them.
//!
//! A connection names its ends by id only, so each end is an asset of its own: what the destination's system holds is
//! derived from the end, that from the source's end, and that from the source's system.

use serde_json::Value;

use super::system;
use crate::asset::{Asset, AssetKind, Document, RelationKind};
use crate::discover::at::{first, has, items, keep, text};
use crate::discover::format::{Found, Structured};

pub(super) const CONNECTION: Structured = Structured {
    name: "airbyte-connection",
    critical: false,
    in_parts: false,
    markers: &["\"sourceId\"", "\"destinationId\"", "\"connectionId\""],
    matches: |value| {
        has(value, &["sourceId", "destinationId"])
            && (value.get("connectionId").is_some() || value.get("syncCatalog").is_some())
    },
    read: connection,
};

pub(super) const ACTOR: Structured = Structured {
    name: "airbyte",
    critical: false,
    in_parts: false,
    markers: &["connectionConfiguration", "\"workspaceId\""],
    matches: |value| {
        let api = value.get("connectionConfiguration").is_some()
            || value.get("workspaceId").is_some() && value.get("configuration").is_some();
        (api && (value.get("sourceId").is_some() || value.get("destinationId").is_some()))
            || has(value, &["definition_type", "definition_image", "configuration"])
    },
    read: actor,
};

fn end(id: &str) -> String {
    format!("airbyte:{id}")
}

fn connection(document: &Document, found: &mut Found) {
    let value = &document.value;
    let (Some(source), Some(destination)) = (text(value, "/sourceId"), text(value, "/destinationId")) else { return };
    let id = text(value, "/connectionId").map_or_else(|| format!("airbyte:{source}-{destination}"), end);
    let evidence = document.evidence("");
    let mut pipeline =
        Asset::new(&id, AssetKind::Pipeline, text(value, "/name").unwrap_or(&id)).with("tool", "airbyte");
    let configured = items(value, "/syncCatalog/streams").chain(items(value, "/configurations/streams"));
    let selected = configured.filter(|(_, s)| s.pointer("/config/selected").and_then(Value::as_bool) != Some(false));
    let streams: Vec<&str> = selected.filter_map(|(_, s)| first(s, &["/stream/name", "/name"])).take(64).collect();
    pipeline.properties.insert("streams".to_owned(), streams.into());
    keep(&mut pipeline, "status", text(value, "/status"));
    found.relate(&id, RelationKind::Reads, &end(source), &evidence);
    found.relate(&id, RelationKind::Writes, &end(destination), &evidence);
    found.relate(&end(destination), RelationKind::DerivedFrom, &end(source), &evidence);
    found.inventory.add(pipeline.seen(evidence));
}

fn actor(document: &Document, found: &mut Found) {
    let value = &document.value;
    let octavia = text(value, "/definition_type");
    let name = first(value, &["/name", "/resource_name"]).unwrap_or_default();
    let (id, source) = match (text(value, "/sourceId"), text(value, "/destinationId")) {
        (Some(id), _) => (end(id), true),
        (None, Some(id)) => (end(id), false),
        (None, None) => (format!("file:{}", document.path()), octavia == Some("source")),
    };
    let connector = first(
        value,
        &[
            "/definition_image",
            "/sourceType",
            "/destinationType",
            "/sourceName",
            "/destinationName",
            "/configuration/sourceType",
            "/configuration/destinationType",
        ],
    );
    let connector = connector.unwrap_or(name);
    let settings = value.get("connectionConfiguration").or_else(|| value.get("configuration")).unwrap_or(&Value::Null);
    let evidence = document.evidence("").excerpt(connector);
    let system = system::of(connector, settings, name);
    let mut asset = Asset::new(&id, system.as_ref().map_or(AssetKind::Resource, |system| system.kind), name);
    asset.ai = false;
    asset.properties.insert("connector".to_owned(), connector.into());
    if let Some(system) = system {
        asset.data_classes.clone_from(&system.data_classes);
        let (from, to) = if source { (id.as_str(), system.id.as_str()) } else { (system.id.as_str(), id.as_str()) };
        found.relate(from, RelationKind::DerivedFrom, to, &evidence);
        found.inventory.add(system.seen(evidence.clone()));
    }
    found.inventory.add(asset.seen(evidence));
}
