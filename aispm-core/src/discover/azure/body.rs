//! Bodies of Resource Manager, what `az … -o json` prints, and rows of Resource Graph: one resource each, whichever list
//! it stands in.

use serde_json::{Map, Value};

use super::id::ResourceId;
use super::resource::describe;
use super::table::table;
use super::template;
use crate::asset::{Asset, AssetKind, Document, Error, ErrorKind};
use crate::discover::format::dispatch;
use crate::discover::{Found, Structured, envelope};

pub(super) const RESOURCE: Structured = Structured {
    name: "azure-resource",
    critical: true,
    in_parts: true,
    markers: &["\"/subscriptions/", "/providers/"],
    matches: |value| arm_id(value).is_some() || template::is_fragment(value),
    read: |document, found| match arm_id(&document.value) {
        Some(id) => describe(document, "", &document.value, &id, found),
        None => template::fragment(document, found),
    },
};

/// One page of a longer list.
pub(super) const PAGE: Structured = Structured {
    name: "azure-page",
    critical: true,
    in_parts: true,
    markers: &["\"nextLink\"", "/subscriptions/"],
    matches: |value| rest(value).is_some(),
    read: |document, found| {
        // a recording goes on with the next page
        if found.depth == 0
            && let Some(key) = rest(&document.value)
        {
            let message = format!("one page of a longer list ({key}); export all pages");
            found.cut.get_or_insert_with(|| Error::new(ErrorKind::Malformed, message));
        }
        envelope::open(document.clone(), found);
    },
};

/// Tables as Log Analytics and Resource Graph answer them: columns once, then rows of values.
pub(super) const ROWS: Structured = Structured {
    name: "azure-table",
    critical: false,
    in_parts: true,
    markers: &["\"columns\"", "\"rows\"", "\"tables\""],
    matches: |value| match value.get("tables").and_then(Value::as_array) {
        Some(tables) => tables.first().is_some_and(is_rows),
        None => value.get("data").is_some_and(is_rows),
    },
    read: |document, found| {
        let tables = match document.value.get("tables").and_then(Value::as_array) {
            Some(tables) => tables.iter().enumerate().map(|(i, t)| (format!("/tables/{i}"), t)).collect(),
            None => document.value.get("data").map(|t| ("/data".to_owned(), t)).into_iter().collect::<Vec<_>>(),
        };
        for (pointer, table) in tables {
            rows(document, &pointer, table, found);
        }
    },
};

/// A subscription as `az account list` prints it.
pub(super) const ACCOUNT: Structured = Structured {
    name: "azure-account",
    critical: false,
    in_parts: true,
    markers: &["\"tenantId\"", "\"isDefault\""],
    matches: |value| {
        ["tenantId", "isDefault", "id"].iter().all(|key| value.get(key).is_some()) && value.get("user").is_some()
    },
    read: |document, found| {
        let text = |key: &str| document.value.get(key).and_then(Value::as_str);
        let Some(id) = text("id") else { return };
        let name = text("name").unwrap_or(id);
        let mut asset = Asset::new(format!("/subscriptions/{}", id.to_lowercase()), AssetKind::Account, name);
        for key in ["tenantId", "state", "isDefault"] {
            asset.properties.extend(document.value.get(key).map(|value| (key.to_owned(), value.clone())));
        }
        found.inventory.add(asset.seen(document.evidence("/id").excerpt(name)));
    },
};

/// The id of a resource that a row describes, if it is one and no finding about one.
pub(super) fn arm_id(row: &Value) -> Option<String> {
    let text = |key: &str| row.get(key).and_then(Value::as_str);
    let id = match text("id") {
        Some(id) if id.starts_with(['/', 'a']) => ResourceId::parse(id)?.to_string(),
        Some(_) => return None,
        None => {
            // a query that leaves the id out
            let kind = text("type").filter(|kind| kind.contains('/') && kind.contains('.'))?;
            let place = (text("subscriptionId")?, text("resourceGroup")?, text("name")?);
            format!("/subscriptions/{}/resourceGroups/{}/providers/{kind}/{}", place.0, place.1, place.2)
        }
    };
    let finding = |kind: &str| table().is_finding(kind);
    let of = ResourceId::parse(&id)?.resource_type();
    let finding = of.as_deref().is_some_and(finding) || text("type").is_some_and(finding);
    (!finding).then_some(id)
}

/// The key that tells that a list goes on.
fn rest(value: &Value) -> Option<&'static str> {
    let list = |key: &str| value.get(key).is_some_and(Value::is_array);
    let set = |key: &str| value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let host = |link: &str| link.contains("management.azure.com");
    if list("value") && set("nextLink").is_some_and(host) {
        return Some("nextLink");
    }
    let tokens = ["$skipToken", "skip_token", "skipToken"];
    tokens.into_iter().find(|key| list("data") && set(key).is_some())
}

fn is_rows(table: &Value) -> bool {
    let list = |key: &str| table.get(key).and_then(Value::as_array);
    let named = |columns: &Vec<Value>| columns.first().is_some_and(|column| column.get("name").is_some());
    list("columns").is_some_and(named) && list("rows").is_some_and(|rows| rows.first().is_none_or(Value::is_array))
}

fn rows(document: &Document, pointer: &str, table: &Value, found: &mut Found) {
    let list = |key: &str| table.get(key).and_then(Value::as_array).into_iter().flatten();
    let columns: Vec<&str> = list("columns").filter_map(|column| column.get("name")?.as_str()).collect();
    for (i, row) in list("rows").enumerate() {
        let values = row.as_array().into_iter().flatten();
        let row: Map<String, Value> = columns.iter().map(|name| (*name).to_owned()).zip(values.cloned()).collect();
        // what a row says points at the row
        dispatch(&document.inside(&format!("{pointer}/rows/{i}"), row.into()), found);
    }
}
