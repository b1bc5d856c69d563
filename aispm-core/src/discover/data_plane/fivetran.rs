//! Fivetran's API: connectors and the destinations of their groups.

use serde_json::Value;

use super::system;
use crate::asset::{Asset, AssetKind, Document, RelationKind};
use crate::discover::at::{has, items, text};
use crate::discover::format::{Found, Structured};

pub(super) const CONNECTOR: Structured = Structured {
    name: "fivetran",
    critical: false,
    in_parts: false,
    markers: &["\"group_id\"", "\"service\""],
    matches: |value| {
        let is = |value: &Value| has(value, &["service", "group_id", "id"]);
        is(value) || value.get("data").is_some_and(|data| is(data) || data.pointer("/items/0").is_some_and(is))
    },
    read: |document, found| {
        let value = &document.value;
        let mut rows: Vec<(String, &Value)> = items(value, "/data/items").collect();
        if rows.is_empty() {
            rows.push(match value.get("data") {
                Some(data) => ("/data".to_owned(), data),
                None => (String::new(), value),
            });
        }
        rows.into_iter().for_each(|(pointer, row)| read(document, &pointer, row, found));
    },
};

fn read(document: &Document, pointer: &str, row: &Value, found: &mut Found) {
    let (Some(id), Some(group), Some(service)) = (text(row, "/id"), text(row, "/group_id"), text(row, "/service"))
    else {
        return;
    };
    let evidence = document.evidence(pointer).excerpt(service);
    let destination = format!("fivetran:{group}");
    let system = system::of(service, row.get("config").unwrap_or(&Value::Null), text(row, "/schema").unwrap_or(id));
    // a destination has the id of its group and no schema
    if row.get("schema").is_none() {
        let asset = Asset::new(&destination, AssetKind::Database, group).with("connector", service);
        if let Some(system) = system {
            found.relate(system.id.as_str(), RelationKind::DerivedFrom, &destination, &evidence);
            found.inventory.add(system.seen(evidence.clone()));
        }
        found.inventory.add(asset.seen(evidence));
        return;
    }
    let pipeline = format!("fivetran:{id}");
    let mut asset =
        Asset::new(&pipeline, AssetKind::Pipeline, text(row, "/schema").unwrap_or(id)).with("tool", "fivetran");
    asset.properties.insert("connector".to_owned(), service.into());
    found.relate(&pipeline, RelationKind::Writes, &destination, &evidence);
    if let Some(system) = system {
        found.relate(&pipeline, RelationKind::Reads, system.id.as_str(), &evidence);
        found.relate(&destination, RelationKind::DerivedFrom, system.id.as_str(), &evidence);
        found.inventory.add(system.seen(evidence.clone()));
    }
    found.inventory.add(asset.seen(evidence));
}
