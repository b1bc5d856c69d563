//! Snowflake: rows of `SHOW …` and of ACCOUNT_USAGE, as JSON or CSV, whose columns differ in case only. Ids are
//! `snowflake:database.schema.table` in lower case, `snowflake:role/NAME`, `snowflake:user/NAME`, `snowflake:share/NAME`.

use serde_json::Value;

use super::names::{add, derive, labelled, table};
use crate::asset::{Asset, AssetKind, Document, Evidence, Exposure, OwnerClaim, OwnerSource, RelationKind};
use crate::discover::at::keep;
use crate::discover::format::{Found, Structured};
use crate::discover::{model_ref, resource};

/// A field by its name in either case.
fn field<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    let found = value.get(name).or_else(|| value.get(name.to_ascii_lowercase()))?;
    found.as_str().map(str::trim).filter(|text| !text.is_empty() && !text.eq_ignore_ascii_case("null"))
}

fn has(value: &Value, names: &[&str]) -> bool {
    names.iter().all(|name| value.get(name).is_some() || value.get(name.to_ascii_lowercase()).is_some())
}

/// A privilege of a role, user or share, or a role of a user.
pub(super) const GRANT: Structured = Structured {
    name: "snowflake-grants",
    critical: true,
    in_parts: false,
    markers: &["grantee_name", "granted_on"],
    matches: |value| {
        has(value, &["GRANTEE_NAME", "GRANTED_TO"])
            && (has(value, &["PRIVILEGE", "GRANTED_ON", "NAME"]) || has(value, &["ROLE"]))
    },
    read: grant,
};

pub(super) const TABLE: Structured = Structured {
    name: "snowflake-tables",
    critical: false,
    in_parts: false,
    markers: &[],
    matches: |value| {
        has(value, &["TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "TABLE_OWNER"])
            && value.get("data_source_format").is_none()
    },
    read: |document, found| {
        let Some(mut asset) = object(&document.value, "TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME") else { return };
        let evidence = document.evidence("");
        if let Some(owner) = field(&document.value, "TABLE_OWNER") {
            asset.claim(OwnerClaim::new(OwnerSource::Creator, owner, evidence.clone()));
            found.relate(&role(owner), RelationKind::Reads, asset.id.as_str(), &evidence);
        }
        keep(&mut asset, "table_type", field(&document.value, "TABLE_TYPE"));
        found.inventory.add(asset.seen(evidence));
    },
};

/// A tag on an object or column.
pub(super) const TAG: Structured = Structured {
    name: "snowflake-tags",
    critical: false,
    in_parts: false,
    markers: &[],
    matches: |value| has(value, &["TAG_NAME", "TAG_VALUE", "OBJECT_NAME"]),
    read: |document, found| {
        let value = &document.value;
        let Some(mut asset) = object(value, "OBJECT_DATABASE", "OBJECT_SCHEMA", "OBJECT_NAME") else { return };
        let evidence = document.evidence("");
        let (name, word) =
            (field(value, "TAG_NAME").unwrap_or_default(), field(value, "TAG_VALUE").unwrap_or_default());
        labelled(&mut asset, name, word, &evidence);
        found.inventory.add(asset.seen(evidence.excerpt(format!("{name} {word}"))));
    },
};

/// A stage: a place in a bucket that tables are loaded from.
pub(super) const STAGE: Structured = Structured {
    name: "snowflake-stages",
    critical: false,
    in_parts: false,
    markers: &[],
    matches: |value| {
        has(value, &["STAGE_NAME", "STAGE_URL"]) || has(value, &["URL", "HAS_CREDENTIALS", "DATABASE_NAME", "NAME"])
    },
    read: |document, found| {
        let value = &document.value;
        let stage = object(value, "STAGE_CATALOG", "STAGE_SCHEMA", "STAGE_NAME")
            .or_else(|| object(value, "DATABASE_NAME", "SCHEMA_NAME", "NAME"));
        let Some(mut stage) = stage else { return };
        let evidence = document.evidence("");
        stage.kind = AssetKind::Dataset;
        let url = field(value, "STAGE_URL").or_else(|| field(value, "URL")).unwrap_or_default();
        let url = url.strip_prefix("gcs://").map_or_else(|| url.to_owned(), |rest| format!("gs://{rest}"));
        if let Some(place) = resource::by_id(url.trim_end_matches('/')) {
            found.relate(stage.id.as_str(), RelationKind::DerivedFrom, place.id.as_str(), &evidence);
            add(place, &evidence, found);
        }
        found.inventory.add(stage.with("snowflake_type", "stage").seen(evidence));
    },
};

/// A share: other accounts read what is in it.
pub(super) const SHARE: Structured = Structured {
    name: "snowflake-shares",
    critical: false,
    in_parts: false,
    markers: &[],
    matches: |value| has(value, &["KIND", "NAME", "TO", "DATABASE_NAME"]),
    read: |document, found| {
        let value = &document.value;
        let (Some(name), Some(database)) = (field(value, "NAME"), field(value, "DATABASE_NAME")) else { return };
        let evidence = document.evidence("");
        let outbound = field(value, "KIND").is_some_and(|kind| kind.eq_ignore_ascii_case("OUTBOUND"));
        let id = format!("snowflake:share/{name}");
        let database = table("snowflake", database);
        let (from, verb, to) = if outbound {
            (id.as_str(), RelationKind::Reads, database.id.as_str())
        } else {
            (database.id.as_str(), RelationKind::DerivedFrom, id.as_str())
        };
        found.relate(from, verb, to, &evidence);
        let mut share = Asset::new(&id, AssetKind::Resource, name)
            .with("snowflake_type", "share")
            .with("direction", if outbound { "outbound" } else { "inbound" });
        for account in
            field(value, "TO").into_iter().flat_map(|to| to.split(',')).map(str::trim).filter(|to| !to.is_empty())
        {
            let reader = format!("snowflake:account/{account}");
            found.relate(&reader, RelationKind::Reads, &id, &evidence);
            found
                .inventory
                .add(Asset::new(&reader, AssetKind::Account, account).with("foreign", true).seen(evidence.clone()));
            share.exposure = Some(Exposure::Restricted);
        }
        found.inventory.add(database.seen(evidence.clone()));
        found.inventory.add(share.seen(evidence));
    },
};

/// One query of the access history: who read and wrote what, and when.
pub(super) const ACCESS: Structured = Structured {
    name: "snowflake-access-history",
    critical: false,
    in_parts: false,
    markers: &[],
    matches: |value| {
        has(value, &["QUERY_ID", "USER_NAME"])
            && (has(value, &["DIRECT_OBJECTS_ACCESSED"]) || has(value, &["BASE_OBJECTS_ACCESSED"]))
    },
    read: access,
};

/// Cortex: search services over a table, and functions that call a model.
pub(super) const SERVICE: Structured = Structured {
    name: "snowflake-cortex",
    critical: false,
    in_parts: false,
    markers: &[],
    matches: |value| has(value, &["SEARCH_COLUMN", "NAME"]) || has(value, &["FUNCTION_NAME", "MODEL_NAME", "TOKENS"]),
    read: cortex,
};

fn role(name: &str) -> String {
    format!("snowflake:role/{name}")
}

fn object(value: &Value, database: &str, schema: &str, name: &str) -> Option<Asset> {
    let name = field(value, name)?;
    let parts = [field(value, database), field(value, schema), Some(name)];
    Some(table("snowflake", &parts.into_iter().flatten().collect::<Vec<_>>().join(".")))
}

fn grant(document: &Document, found: &mut Found) {
    let value = &document.value;
    // a grant that was taken back stays in the history
    if field(value, "DELETED_ON").is_some() {
        return;
    }
    let Some(grantee) = field(value, "GRANTEE_NAME") else { return };
    let evidence = document.evidence("");
    let (id, kind) = match field(value, "GRANTED_TO").unwrap_or("ROLE").to_ascii_uppercase().as_str() {
        "USER" => (format!("snowflake:user/{grantee}"), AssetKind::User),
        "SHARE" => (format!("snowflake:share/{grantee}"), AssetKind::Resource),
        _ => (role(grantee), AssetKind::Role),
    };
    let mut holder = Asset::new(&id, kind, grantee);
    if matches!(grantee, "ACCOUNTADMIN" | "SECURITYADMIN") {
        holder.properties.insert("admin_privileges".to_owned(), true.into());
    }
    let on = field(value, "GRANTED_ON").unwrap_or("ROLE").to_ascii_uppercase();
    let privilege = field(value, "PRIVILEGE").unwrap_or("USAGE").to_ascii_uppercase();
    let evidence = evidence.excerpt(format!("{privilege} on {on} to {grantee}"));
    let name = field(value, "ROLE").or_else(|| field(value, "NAME")).unwrap_or_default();
    if on == "ROLE" {
        found.relate(&id, RelationKind::MemberOf, &role(name), &evidence);
        found.inventory.add(Asset::new(role(name), AssetKind::Role, name).seen(evidence.clone()));
    } else if let Some(mut target) = target(value, &on, name) {
        let reads = matches!(privilege.as_str(), "SELECT" | "READ" | "OWNERSHIP" | "ALL");
        let writes =
            matches!(privilege.as_str(), "INSERT" | "UPDATE" | "DELETE" | "TRUNCATE" | "WRITE" | "OWNERSHIP" | "ALL");
        let uses = privilege == "USAGE" && !matches!(on.as_str(), "DATABASE" | "SCHEMA" | "WAREHOUSE");
        for (verb, holds) in [(RelationKind::Reads, reads), (RelationKind::Writes, writes), (RelationKind::Uses, uses)]
        {
            if holds {
                found.relate(&id, verb, target.id.as_str(), &evidence);
            }
        }
        if reads || writes || uses {
            target.properties.insert("snowflake_type".to_owned(), on.to_lowercase().into());
            if grantee == "PUBLIC" {
                target.properties.insert("readable_by_all_users".to_owned(), true.into());
            }
            found.inventory.add(target.seen(evidence.clone()));
        }
    }
    found.inventory.add(holder.seen(evidence));
}

/// What a privilege is on.
fn target(value: &Value, on: &str, name: &str) -> Option<Asset> {
    let mut asset = match (field(value, "TABLE_CATALOG"), field(value, "TABLE_SCHEMA")) {
        (Some(_), Some(_)) if !name.contains('.') => object(value, "TABLE_CATALOG", "TABLE_SCHEMA", "NAME")?,
        _ => table("snowflake", name),
    };
    asset.kind = match on {
        "TABLE" | "VIEW" | "MATERIALIZED VIEW" | "EXTERNAL TABLE" | "DYNAMIC TABLE" | "DATABASE" | "SCHEMA" => {
            AssetKind::Database
        }
        "STAGE" => AssetKind::Dataset,
        "MODEL" => AssetKind::Model,
        "CORTEX SEARCH SERVICE" => AssetKind::VectorStore,
        "FUNCTION" | "PROCEDURE" => AssetKind::Function,
        _ => AssetKind::Resource,
    };
    asset.ai = asset.kind.is_ai();
    Some(asset)
}

fn access(document: &Document, found: &mut Found) {
    let value = &document.value;
    let Some(user) = field(value, "USER_NAME") else { return };
    let evidence = document.evidence("");
    let time = field(value, "QUERY_START_TIME");
    let id = format!("snowflake:user/{user}");
    let mut ends = |names: [&str; 2], verb: RelationKind| -> Vec<Asset> {
        let list = names.iter().find_map(|name| value.get(name).or_else(|| value.get(name.to_ascii_lowercase())));
        let parsed = list.and_then(Value::as_str).and_then(|text| serde_json::from_str::<Value>(text).ok());
        let list = parsed.as_ref().or(list).and_then(Value::as_array).cloned().unwrap_or_default();
        let named = list.iter().filter_map(|item| Some(table("snowflake", item.get("objectName")?.as_str()?)));
        let assets: Vec<Asset> = named.collect();
        for asset in &assets {
            found.happened(&id, verb, asset.id.as_str(), time, &evidence);
            found.inventory.add(asset.clone().seen(evidence.clone()));
        }
        assets
    };
    let inputs = ends(["BASE_OBJECTS_ACCESSED", "DIRECT_OBJECTS_ACCESSED"], RelationKind::Reads);
    let outputs = ends(["OBJECTS_MODIFIED", "OBJECTS_MODIFIED"], RelationKind::Writes);
    derive(&inputs, &outputs, &evidence, found);
    found.inventory.add(Asset::new(&id, AssetKind::User, user).seen(evidence));
}

fn cortex(document: &Document, found: &mut Found) {
    let value = &document.value;
    let evidence = document.evidence("");
    if let (Some(function), Some(name)) = (field(value, "FUNCTION_NAME"), field(value, "MODEL_NAME")) {
        let id = format!("snowflake:cortex/{function}");
        found.happened(&id, RelationKind::Invokes, &format!("model:{name}"), field(value, "START_TIME"), &evidence);
        found.inventory.add(Asset::new(&id, AssetKind::Function, function).ai().seen(evidence.clone()));
        let model =
            model_ref::model(name, "").unwrap_or_else(|| Asset::new(format!("model:{name}"), AssetKind::Model, name));
        found.inventory.add(Asset::new(format!("model:{name}"), AssetKind::Model, model.name).seen(evidence));
        return;
    }
    let Some(mut service) = object(value, "DATABASE_NAME", "SCHEMA_NAME", "NAME") else { return };
    service.kind = AssetKind::VectorStore;
    service.ai = true;
    for key in ["search_column", "embedding_model", "warehouse", "service_query_url"] {
        keep(&mut service, key, field(value, &key.to_ascii_uppercase()));
    }
    if let Some(definition) = field(value, "DEFINITION") {
        for source in from_tables(definition) {
            found.relate(service.id.as_str(), RelationKind::DerivedFrom, source.id.as_str(), &evidence);
            found.inventory.add(source.seen(evidence.clone()));
        }
    }
    owner(&mut service, value, &evidence);
    found.inventory.add(service.seen(evidence));
}

fn owner(asset: &mut Asset, value: &Value, evidence: &Evidence) {
    if let Some(owner) = field(value, "OWNER") {
        asset.claim(OwnerClaim::new(OwnerSource::Creator, owner, evidence.clone()));
    }
}

/// The tables after FROM and JOIN of a query.
fn from_tables(query: &str) -> Vec<Asset> {
    let words: Vec<&str> = query.split_whitespace().collect();
    let pairs = words.windows(2).filter_map(|pair| match pair {
        [verb, name] if verb.eq_ignore_ascii_case("from") || verb.eq_ignore_ascii_case("join") => Some(*name),
        _ => None,
    });
    pairs
        .map(|name| name.trim_matches(|c: char| "(),;".contains(c)))
        .filter(|name| name.contains('.'))
        .map(|name| table("snowflake", name))
        .collect()
}
