//! What vector databases say of their own collections: Pinecone, Weaviate, Qdrant, Milvus.

use serde_json::Value;

use super::names::labelled;
use crate::asset::{Asset, AssetKind, Document, RelationKind, flag};
use crate::discover::at::{first, has, items, keep, text};
use crate::discover::format::{Found, Structured};
use crate::discover::model_ref;
use crate::discover::resource;

/// An index as `describe_index` and `list_indexes` give it.
pub(super) const PINECONE: Structured = Structured {
    name: "pinecone",
    critical: false,
    in_parts: false,
    markers: &["\"metric\"", "pinecone.io"],
    matches: |value| {
        has(value, &["name", "metric", "spec"]) && (value.get("dimension").is_some() || value.get("host").is_some())
    },
    read: |document, found| {
        let value = &document.value;
        let mut asset = store(document, "pinecone", text(value, "/name").unwrap_or_default());
        if let Some(host) = text(value, "/host") {
            asset = asset.alias(format!("https://{host}"));
        }
        settings(&mut asset, value, &["metric", "dimension", "deletion_protection", "vector_type"]);
        for (key, pointer) in [
            ("region", "/spec/serverless/region"),
            ("cloud", "/spec/serverless/cloud"),
            ("environment", "/spec/pod/environment"),
        ] {
            keep(&mut asset, key, text(value, pointer));
        }
        let evidence = document.evidence("");
        for (key, word) in value.get("tags").and_then(Value::as_object).into_iter().flatten() {
            labelled(&mut asset, key, word.as_str().unwrap_or_default(), &evidence);
        }
        embed(text(value, "/embed/model"), &asset, document, found);
        found.inventory.add(asset);
    },
};

/// A class of a schema.
pub(super) const WEAVIATE: Structured = Structured {
    name: "weaviate",
    critical: false,
    in_parts: false,
    markers: &["\"vectorizer\"", "\"class\""],
    matches: |value| {
        value.get("class").is_some_and(Value::is_string)
            && (value.get("vectorizer").is_some()
                || value.get("vectorConfig").is_some()
                || value.get("vectorIndexType").is_some())
    },
    read: |document, found| {
        let value = &document.value;
        let mut asset = store(document, "weaviate", text(value, "/class").unwrap_or_default());
        settings(&mut asset, value, &["vectorizer", "vectorIndexType"]);
        if value.pointer("/multiTenancyConfig/enabled").and_then(flag) == Some(true) {
            asset.properties.insert("multi_tenancy".to_owned(), true.into());
        }
        asset.purpose = text(value, "/description").map(str::to_owned);
        let properties: Vec<&str> =
            items(value, "/properties").filter_map(|(_, p)| text(p, "/name")).take(64).collect();
        asset.properties.insert("columns".to_owned(), properties.into());
        let modules = value.get("moduleConfig").and_then(Value::as_object).into_iter().flatten();
        for (_, module) in modules.filter(|(name, _)| {
            name.starts_with("text2vec") || name.starts_with("generative") || name.starts_with("multi2vec")
        }) {
            embed(first(module, &["/model", "/modelVersion"]), &asset, document, found);
        }
        found.inventory.add(asset);
    },
};

/// The list of collections, or one collection's settings, which do not name it.
pub(super) const QDRANT: Structured = Structured {
    name: "qdrant",
    critical: false,
    in_parts: false,
    markers: &["\"collections\"", "\"result\""],
    matches: |value| {
        value.pointer("/result/collections").is_some_and(Value::is_array)
            || value.pointer("/result/config/params/vectors").is_some()
    },
    read: |document, found| {
        let value = &document.value;
        for (pointer, collection) in items(value, "/result/collections") {
            if let Some(name) = text(collection, "/name") {
                let part = document.part(&pointer, Value::Null);
                found.inventory.add(store(&part, "qdrant", name));
            }
        }
        if let Some(result) = value.get("result").filter(|result| result.get("config").is_some()) {
            let file = resource::last(document.path());
            let mut asset = store(document, "qdrant", file.split('.').next().unwrap_or(file));
            for (key, pointer) in [("metric", "/config/params/vectors/distance"), ("status", "/status")] {
                keep(&mut asset, key, text(result, pointer));
            }
            settings(&mut asset, result, &["points_count"]);
            found.inventory.add(asset);
        }
    },
};

pub(super) const MILVUS: Structured = Structured {
    name: "milvus",
    critical: false,
    in_parts: false,
    markers: &["\"collection"],
    matches: |value| {
        let place = value.get("data").filter(|data| data.is_object()).unwrap_or(value);
        (place.get("collection_name").is_some() || place.get("collectionName").is_some())
            && (place.get("fields").is_some() || place.get("schema").is_some())
    },
    read: |document, found| {
        let place = document.value.get("data").filter(|data| data.is_object()).unwrap_or(&document.value);
        let Some(name) = first(place, &["/collection_name", "/collectionName"]) else { return };
        let mut asset = store(document, "milvus", name);
        let fields = items(place, "/fields").chain(items(place, "/schema/fields"));
        let fields: Vec<&str> = fields.filter_map(|(_, field)| text(field, "/name")).take(64).collect();
        asset.properties.insert("columns".to_owned(), fields.into());
        found.inventory.add(asset);
    },
};

fn store(document: &Document, product: &str, name: &str) -> Asset {
    Asset::new(format!("{product}:{name}"), AssetKind::VectorStore, name)
        .with("product", product)
        .seen(document.evidence("").excerpt(name))
}

/// Keeps plain settings as they stand.
fn settings(asset: &mut Asset, value: &Value, keys: &[&str]) {
    for key in keys {
        if let Some(word) = value.get(key).filter(|word| !word.is_null() && !word.is_object()) {
            asset.properties.insert((*key).to_owned(), word.clone());
        }
    }
}

/// The model that makes the vectors, or answers from them.
fn embed(model: Option<&str>, store: &Asset, document: &Document, found: &mut Found) {
    let Some(model) = model.and_then(|name| model_ref::model(name, store.id.as_str())) else { return };
    let evidence = document.evidence("");
    found.relate(store.id.as_str(), RelationKind::Uses, model.id.as_str(), &evidence);
    found.inventory.add(model.seen(evidence));
}
