//! Microsoft Purview: entities of the data map and rows of its search, with their classifications and labels.

use serde_json::Value;

use super::report::classify;
use crate::asset::{Asset, AssetKind, Document, OwnerClaim, OwnerSource};
use crate::discover::at::{first, has, items, text, texts};
use crate::discover::format::{Found, Structured};
use crate::discover::resource;

/// An entity as the data map's API gives it: alone, or as one of `entities`.
pub(super) const ENTITY: Structured = Structured {
    name: "purview-entity",
    critical: false,
    in_parts: false,
    markers: &["\"typeName\"", "\"qualifiedName\"", "\"classifications\""],
    matches: |value| {
        let entity = value.get("entity").unwrap_or(value);
        entity.get("typeName").is_some() && entity.pointer("/attributes/qualifiedName").is_some()
    },
    read: |document, found| {
        let (entity, base) = match document.value.get("entity") {
            Some(entity) => (entity, "/entity"),
            None => (&document.value, ""),
        };
        let labels = items(entity, "/classifications").filter_map(|(_, class)| text(class, "/typeName"));
        let name = first(entity, &["/attributes/name", "/displayText"]);
        let row =
            Row { name, kind: text(entity, "/typeName"), labels: labels.chain(texts(entity, "/labels")).collect() };
        if let Some(id) = text(entity, "/attributes/qualifiedName") {
            let owner = first(entity, &["/contacts/Owner/0/info", "/contacts/Owner/0/id", "/attributes/owner"]);
            row.land(id, owner, document, base, found);
        }
        for (guid, column) in document.value.get("referredEntities").and_then(Value::as_object).into_iter().flatten() {
            let labels: Vec<&str> =
                items(column, "/classifications").filter_map(|(_, class)| text(class, "/typeName")).collect();
            let Some(id) = text(column, "/attributes/qualifiedName").filter(|_| !labels.is_empty()) else { continue };
            let row = Row { name: None, kind: None, labels };
            row.land(id, None, document, &format!("/referredEntities/{}", crate::asset::pointer_key(guid)), found);
        }
    },
};

/// A row of a search.
pub(super) const ROW: Structured = Structured {
    name: "purview-search",
    critical: false,
    in_parts: false,
    markers: &["\"qualifiedName\"", "\"entityType\""],
    matches: |value| has(value, &["qualifiedName", "entityType"]),
    read: |document, found| {
        let value = &document.value;
        let labels =
            texts(value, "/classification").chain(texts(value, "/label")).chain(texts(value, "/sensitivityLabelId"));
        let row = Row { name: text(value, "/name"), kind: text(value, "/entityType"), labels: labels.collect() };
        let owner = items(value, "/contact").find_map(|(_, contact)| {
            first(contact, &["/info", "/id"]).filter(|_| text(contact, "/contactType") == Some("Owner"))
        });
        if let Some(id) = text(value, "/qualifiedName") {
            row.land(id, owner, document, "", found);
        }
    },
};

struct Row<'a> {
    name: Option<&'a str>,
    kind: Option<&'a str>,
    labels: Vec<&'a str>,
}

impl Row<'_> {
    fn land(&self, qualified: &str, owner: Option<&str>, document: &Document, base: &str, found: &mut Found) {
        // a column's name follows that of its table
        let whole = qualified.split('#').next().unwrap_or(qualified);
        let kind = self.kind.unwrap_or_default().to_ascii_lowercase();
        let guessed = || {
            let stored = ["table", "view", "column", "sql", "database", "schema", "snowflake", "cosmos", "postgres"];
            let files = ["blob", "path", "resource_set", "file", "object"];
            let kind = match kind.as_str() {
                kind if stored.iter().any(|word| kind.contains(word)) => AssetKind::Database,
                kind if files.iter().any(|word| kind.contains(word)) => AssetKind::Dataset,
                kind if kind.contains("container") || kind.contains("bucket") || kind.contains("storage_account") => {
                    AssetKind::Bucket
                }
                _ => AssetKind::Resource,
            };
            Asset::new(data_set(whole), kind, self.name.unwrap_or_else(|| resource::last(whole)))
        };
        let mut asset = match resource::by_id(whole) {
            Some(mut known) if known.id.as_str().starts_with("https://") => {
                let depth = known.id.as_str().matches('/').count();
                known.kind = if depth > 3 { AssetKind::Dataset } else { AssetKind::Bucket };
                known
            }
            Some(known) => known,
            None => guessed(),
        };
        for label in &self.labels {
            classify(&mut asset, *label);
        }
        let evidence = document.evidence(base).excerpt(self.labels.join(", "));
        if let Some(owner) = owner {
            asset.claim(OwnerClaim::new(OwnerSource::Creator, owner, evidence.clone()));
        }
        if !self.labels.is_empty() {
            asset.properties.insert("classifications".to_owned(), self.labels.clone().into());
        }
        super::report::add(asset.seen(evidence.clone()), &evidence, found);
    }
}

/// Purview's `mssql://host/db/schema/table` in the naming of lineage events.
fn data_set(qualified: &str) -> String {
    let Some((scheme, rest)) = qualified.split_once("://") else { return qualified.to_owned() };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let parts: Vec<&str> =
        path.split('/').filter(|part| !matches!(*part, "databases" | "schemas" | "tables" | "views" | "")).collect();
    match scheme {
        "mssql" | "snowflake" | "postgresql" | "postgres" | "mysql" => {
            let scheme = if scheme == "postgresql" { "postgres" } else { scheme };
            format!("{scheme}://{host}/{}", parts.join("."))
        }
        _ => qualified.to_owned(),
    }
}
