//! Databricks Unity Catalog: tables, volumes, external locations, grants, lineage, models, serving endpoints and vector
//! indexes, as the REST API and the system tables give them.

use serde_json::Value;

use super::names::{add, labelled, table, tag};
use crate::asset::{Asset, AssetKind, Document, Evidence, OwnerClaim, OwnerSource, RelationKind};
use crate::discover::at::{first, has, items, keep, text, texts};
use crate::discover::catalog::Provider;
use crate::discover::format::{Found, Structured};
use crate::discover::resource;

pub(super) const TABLE: Structured = Structured {
    name: "unity-table",
    critical: false,
    in_parts: false,
    markers: &["\"full_name\"", "\"catalog_name\"", "\"table_type\""],
    matches: |value| has(value, &["catalog_name", "schema_name", "table_type"]),
    read: |document, found| {
        let value = &document.value;
        let Some(mut asset) = named(value) else { return };
        let evidence = document.evidence("");
        for (key, word) in value.get("properties").and_then(Value::as_object).into_iter().flatten() {
            word.as_str().into_iter().for_each(|word| tag(&mut asset, key, word));
        }
        for (_, label) in
            items(value, "/tags").chain(items(value, "/columns").flat_map(|(_, column)| items(column, "/tags")))
        {
            let key = first(label, &["/key", "/tag_name"]).unwrap_or_default();
            tag(&mut asset, key, first(label, &["/value", "/tag_value"]).unwrap_or_default());
        }
        keep(&mut asset, "table_type", text(value, "/table_type"));
        stored(&mut asset, value, &evidence, found);
        found.inventory.add(asset.seen(evidence));
    },
};

/// Who may do what: a list of assignments beside the name of what they are on, or a row of the information schema.
pub(super) const GRANTS: Structured = Structured {
    name: "unity-grants",
    critical: true,
    in_parts: false,
    markers: &["\"privilege_assignments\""],
    matches: |value| {
        value.get("privilege_assignments").is_some_and(Value::is_array)
            || has(value, &["grantee", "privilege_type", "table_catalog", "table_name"])
    },
    read: grants,
};

/// What a table is made from and what is made from it.
pub(super) const LINEAGE: Structured = Structured {
    name: "unity-lineage",
    critical: false,
    in_parts: false,
    markers: &["\"tableInfo\""],
    matches: |value| ["/upstreams/0/tableInfo", "/downstreams/0/tableInfo"].iter().any(|p| value.pointer(p).is_some()),
    read: |document, found| {
        let value = &document.value;
        let own = first(value, &["/table_name", "/full_name", "/name"]).map(|name| table("unity", name));
        for (list, upstream) in [("/upstreams", true), ("/downstreams", false)] {
            for (pointer, item) in items(value, list) {
                let Some(other) = item.get("tableInfo").and_then(named) else { continue };
                let evidence = document.evidence(&pointer);
                if let Some(own) = &own {
                    let (from, to) = if upstream { (own, &other) } else { (&other, own) };
                    found.relate(from.id.as_str(), RelationKind::DerivedFrom, to.id.as_str(), &evidence);
                }
                found.inventory.add(other.seen(evidence));
            }
        }
        own.into_iter().for_each(|own| found.inventory.add(own.seen(document.evidence(""))));
    },
};

/// A row of `system.access.table_lineage`.
pub(super) const EDGE: Structured = Structured {
    name: "unity-lineage-row",
    critical: false,
    in_parts: false,
    markers: &[],
    matches: |value| has(value, &["source_table_full_name", "target_table_full_name"]),
    read: edge,
};

/// A registered model or a version of one.
pub(super) const MODEL: Structured = Structured {
    name: "unity-model",
    critical: false,
    in_parts: false,
    markers: &[],
    matches: |value| {
        has(value, &["catalog_name", "schema_name"])
            && value.get("table_type").is_none()
            && value.get("volume_type").is_none()
            && (has(value, &["model_name", "version"])
                || has(value, &["full_name", "storage_location", "name"]) && value.get("columns").is_none())
    },
    read: |document, found| {
        let value = &document.value;
        let evidence = document.evidence("");
        let parts =
            [text(value, "/catalog_name"), text(value, "/schema_name"), first(value, &["/model_name", "/name"])];
        let name = parts.into_iter().flatten().collect::<Vec<_>>().join(".");
        let mut model = Asset::new(format!("models:/{name}"), AssetKind::Model, &name);
        let version = value.get("version").map(|version| version.to_string().trim_matches('"').to_owned());
        if let Some(version) = version {
            let id = format!("models:/{name}/{version}");
            found.relate(&id, RelationKind::DerivedFrom, model.id.as_str(), &evidence);
            found.inventory.add(model.seen(evidence.clone()));
            model = Asset::new(&id, AssetKind::Model, &name);
            model.provenance.version = Some(version);
            if let Some(run) = text(value, "/run_id") {
                found.relate(&id, RelationKind::DerivedFrom, &format!("runs:/{run}"), &evidence);
            }
            for (_, dependency) in items(value, "/model_version_dependencies/dependencies") {
                if let Some(name) = text(dependency, "/table/table_full_name") {
                    found.relate(&id, RelationKind::TrainedOn, table("unity", name).id.as_str(), &evidence);
                }
            }
        }
        stored(&mut model, value, &evidence, found);
        found.inventory.add(model.seen(evidence));
    },
};

pub(super) const ENDPOINT: Structured = Structured {
    name: "databricks-serving",
    critical: true,
    in_parts: false,
    markers: &["\"served_entities\""],
    matches: |value| {
        let config = value.get("config").or_else(|| value.get("pending_config")).unwrap_or(value);
        value.get("name").is_some()
            && (config.get("served_entities").is_some() || config.get("served_models").is_some())
    },
    read: endpoint,
};

pub(super) const VOLUME: Structured = Structured {
    name: "unity-volume",
    critical: false,
    in_parts: false,
    markers: &[],
    matches: |value| {
        has(value, &["volume_type", "storage_location"]) || has(value, &["url", "credential_name", "name"])
    },
    read: |document, found| {
        let value = &document.value;
        let Some(name) = first(value, &["/full_name", "/name"]) else { return };
        let evidence = document.evidence("");
        let mut asset = Asset::new(format!("unity:{}", name.to_lowercase()), AssetKind::Dataset, name);
        stored(&mut asset, value, &evidence, found);
        found.inventory.add(asset.seen(evidence));
    },
};

pub(super) const INDEX: Structured = Structured {
    name: "databricks-vector-search",
    critical: false,
    in_parts: false,
    markers: &["\"delta_sync_index_spec\""],
    matches: |value| has(value, &["name", "index_type", "endpoint_name"]),
    read: |document, found| {
        let value = &document.value;
        let Some(name) = text(value, "/name") else { return };
        let evidence = document.evidence("");
        let id = format!("unity:{}", name.to_lowercase());
        let mut index = Asset::new(&id, AssetKind::VectorStore, name);
        for (key, pointer) in [("index_type", "/index_type"), ("endpoint", "/endpoint_name")] {
            keep(&mut index, key, text(value, pointer));
        }
        if let Some(source) = text(value, "/delta_sync_index_spec/source_table") {
            let source = table("unity", source);
            found.relate(&id, RelationKind::DerivedFrom, source.id.as_str(), &evidence);
            found.inventory.add(source.seen(evidence.clone()));
        }
        for (_, column) in items(value, "/delta_sync_index_spec/embedding_source_columns") {
            if let Some(endpoint) = text(column, "/embedding_model_endpoint_name") {
                found.relate(&id, RelationKind::Uses, &serving(endpoint), &evidence);
            }
        }
        found.inventory.add(index.seen(evidence));
    },
};

fn serving(name: &str) -> String {
    format!("databricks:serving-endpoints/{name}")
}

fn named(value: &Value) -> Option<Asset> {
    if let Some(full) = text(value, "/full_name") {
        return Some(table("unity", full));
    }
    let parts = [text(value, "/catalog_name"), text(value, "/schema_name"), text(value, "/name")];
    parts
        .iter()
        .all(Option::is_some)
        .then(|| table("unity", &parts.into_iter().flatten().collect::<Vec<_>>().join(".")))
}

/// Where an object of the catalogue is stored, and whose it is.
fn stored(asset: &mut Asset, value: &Value, evidence: &Evidence, found: &mut Found) {
    if let Some(owner) = text(value, "/owner") {
        asset.claim(OwnerClaim::new(OwnerSource::Creator, owner, evidence.clone()));
    }
    if let Some(place) = first(value, &["/storage_location", "/url"]) {
        asset.properties.insert("storage_location".to_owned(), place.into());
        if let Some(place) = resource::by_id(place.trim_end_matches('/')) {
            found.relate(asset.id.as_str(), RelationKind::DerivedFrom, place.id.as_str(), evidence);
            add(place, evidence, found);
        }
    }
}

fn grants(document: &Document, found: &mut Found) {
    let value = &document.value;
    let row = || {
        let parts = [text(value, "/table_catalog"), text(value, "/table_schema"), text(value, "/table_name")];
        parts.into_iter().flatten().collect::<Vec<_>>().join(".")
    };
    let name = first(value, &["/full_name", "/securable_full_name", "/securable/full_name", "/table_name_full"])
        .map_or_else(row, str::to_owned);
    let target = (!name.is_empty()).then(|| table("unity", &name));
    let give = |principal: &str, privileges: &[&str], evidence: &Evidence, found: &mut Found| {
        let (id, kind) = match principal {
            email if email.contains('@') => (format!("user:{email}"), AssetKind::User),
            id if id.len() == 36 && id.matches('-').count() == 4 => {
                (format!("databricks:service-principal/{id}"), AssetKind::ServiceAccount)
            }
            group => (format!("databricks:group/{group}"), AssetKind::Group),
        };
        let holds = |words: &[&str]| {
            privileges
                .iter()
                .any(|privilege| words.contains(&privilege.to_ascii_uppercase().replace(' ', "_").as_str()))
        };
        let all = holds(&["ALL_PRIVILEGES", "OWN", "MANAGE"]);
        if let Some(target) = &target {
            for (verb, holds) in [
                (RelationKind::Reads, all || holds(&["SELECT", "READ_VOLUME", "READ_FILES"])),
                (RelationKind::Writes, all || holds(&["MODIFY", "WRITE_VOLUME", "WRITE_FILES"])),
                (RelationKind::Invokes, holds(&["EXECUTE", "CAN_QUERY"])),
            ] {
                if holds {
                    found.relate(&id, verb, target.id.as_str(), evidence);
                }
            }
        }
        let mut asset = Asset::new(&id, kind, principal).seen(evidence.clone().excerpt(privileges.join(" ")));
        if principal == "account users" {
            asset.properties.insert("everyone_in_account".to_owned(), true.into());
        }
        found.inventory.add(asset);
    };
    for (pointer, assignment) in items(value, "/privilege_assignments") {
        let privileges: Vec<&str> = texts(assignment, "/privileges").collect();
        if let Some(principal) = text(assignment, "/principal") {
            give(principal, &privileges, &document.evidence(&pointer), found);
        }
    }
    if let (Some(grantee), Some(privilege)) = (text(value, "/grantee"), text(value, "/privilege_type")) {
        give(grantee, &[privilege], &document.evidence(""), found);
    }
    if let Some(target) = target {
        found.inventory.add(target.seen(document.evidence("")));
    }
}

fn edge(document: &Document, found: &mut Found) {
    let value = &document.value;
    let end = |name: &str, path: &str| {
        first(value, &[name])
            .map(|name| table("unity", name))
            .or_else(|| resource::by_id(text(value, path)?.trim_end_matches('/')))
    };
    let source = end("/source_table_full_name", "/source_path");
    let target = end("/target_table_full_name", "/target_path");
    let evidence = document.evidence("");
    if let (Some(source), Some(target)) = (&source, &target) {
        found.relate(target.id.as_str(), RelationKind::DerivedFrom, source.id.as_str(), &evidence);
    }
    let entity = value
        .get("entity_id")
        .map(|id| id.to_string().trim_matches('"').to_owned())
        .filter(|id| id != "null" && !id.is_empty());
    if let Some(entity) = entity {
        let kind = text(value, "/entity_type").unwrap_or("JOB");
        let id = format!("databricks:{}/{entity}", kind.to_lowercase());
        let of = if kind.eq_ignore_ascii_case("NOTEBOOK") { AssetKind::Notebook } else { AssetKind::Pipeline };
        for (end, verb) in [(&source, RelationKind::Reads), (&target, RelationKind::Writes)] {
            if let Some(end) = end {
                found.happened(&id, verb, end.id.as_str(), text(value, "/event_time"), &evidence);
            }
        }
        found.inventory.add(Asset::new(id, of, entity).seen(evidence.clone()));
    }
    source.into_iter().chain(target).for_each(|end| add(end, &evidence, found));
}

fn endpoint(document: &Document, found: &mut Found) {
    let value = &document.value;
    let Some(name) = text(value, "/name") else { return };
    let id = serving(name);
    let evidence = document.evidence("");
    let mut asset = Asset::new(&id, AssetKind::Endpoint, name).ai();
    if let Some(creator) = text(value, "/creator") {
        asset.claim(OwnerClaim::new(OwnerSource::Creator, creator, evidence.clone()));
    }
    for (_, label) in items(value, "/tags") {
        let key = text(label, "/key").unwrap_or_default();
        labelled(&mut asset, key, text(label, "/value").unwrap_or_default(), &evidence);
    }
    for (key, pointer) in [
        ("guardrails", "/ai_gateway/guardrails"),
        ("rate_limit", "/ai_gateway/rate_limits/0"),
        ("rate_limit", "/rate_limits/0"),
        ("inference_table", "/ai_gateway/inference_table_config/table_name_prefix"),
    ] {
        if value.pointer(pointer).is_some_and(|setting| !setting.is_null()) {
            asset.properties.insert(key.to_owned(), true.into());
        }
    }
    let lists =
        ["/config/served_entities", "/config/served_models", "/served_entities", "/pending_config/served_entities"];
    for (pointer, served) in lists.iter().flat_map(|list| items(value, list)) {
        let evidence = document.evidence(&pointer);
        let model = match (
            first(served, &["/external_model/name", "/foundation_model/name"]),
            first(served, &["/entity_name", "/model_name"]),
        ) {
            (Some(name), _) => {
                if let Some(provider) = found.tables.provider_by_model(name).map(Provider::asset) {
                    let provider = provider.seen(evidence.clone());
                    found.relate(&id, RelationKind::Uses, provider.id.as_str(), &evidence);
                    found.inventory.add(provider);
                }
                Asset::new(format!("model:{name}"), AssetKind::Model, name)
            }
            (None, Some(name)) => {
                let version = first(served, &["/entity_version", "/model_version"]);
                let mut model = Asset::new(
                    version.map_or_else(|| format!("models:/{name}"), |v| format!("models:/{name}/{v}")),
                    AssetKind::Model,
                    name,
                );
                model.provenance.version = version.map(str::to_owned);
                model
            }
            (None, None) => continue,
        };
        found.relate(&id, RelationKind::Serves, model.id.as_str(), &evidence);
        found.inventory.add(model.seen(evidence));
    }
    found.inventory.add(asset.seen(evidence));
}
