//! AI Search, as its own service lists it: indexes, indexers, data sources, skillsets. From rows to the index that agents
//! retrieve from.

use serde_json::Value;

use super::end::{self, End};
use super::id::ResourceId;
use crate::asset::{Asset, AssetKind, Document, Evidence, RelationKind};
use crate::discover::model_ref;
use crate::discover::{Found, Structured};

pub(super) const SERVICE: Structured = Structured {
    name: "azure-search",
    critical: false,
    in_parts: false,
    markers: &["@odata.context", ".search.windows.net"],
    matches: |value| context(value).is_some(),
    read: |document, found| {
        let Some((service, kind)) = context(&document.value) else { return };
        let evidence = document.evidence("/@odata.context").excerpt(&service);
        let host = service.trim_start_matches("https://");
        found.inventory.add(Asset::new(&service, AssetKind::VectorStore, host).seen(evidence));
        match document.value.get("value").and_then(Value::as_array) {
            Some(list) => {
                for (i, item) in list.iter().enumerate() {
                    object(
                        &Object { document, service: &service, kind, value: item, pointer: format!("/value/{i}") },
                        found,
                    );
                }
            }
            None => object(
                &Object { document, service: &service, kind, value: &document.value, pointer: String::new() },
                found,
            ),
        }
    },
};

/// The service's address and the collection, from `https://NAME.search.windows.net/$metadata#indexes`.
fn context(value: &Value) -> Option<(String, &str)> {
    let (address, collection) = value.get("@odata.context")?.as_str()?.split_once("/$metadata#")?;
    let service = end::address(address).filter(|address| address.ends_with(".search.windows.net"))?;
    Some((service, collection.split(['/', '(']).next()?))
}

struct Object<'a> {
    document: &'a Document,
    service: &'a str,
    kind: &'a str,
    value: &'a Value,
    pointer: String,
}

impl Object<'_> {
    fn at(&self, below: &str) -> Evidence {
        self.document.evidence(&format!("{}{below}", self.pointer))
    }

    fn text(&self, pointer: &str) -> Option<&str> {
        self.value.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
    }

    fn id(&self, kind: &str, name: &str) -> String {
        format!("{}/{kind}/{name}", self.service)
    }

    fn relate(&self, from: &str, relation: RelationKind, to: &str, place: &str, found: &mut Found) {
        found.relate(from, relation, to, &self.at(place));
    }
}

fn object(object: &Object<'_>, found: &mut Found) {
    let Some(name) = object.text("/name") else { return };
    let id = object.id(object.kind, name);
    let kind = match object.kind {
        "indexes" => AssetKind::VectorStore,
        "indexers" => AssetKind::Pipeline,
        "datasources" => AssetKind::Dataset,
        "skillsets" | "aliases" | "synonymmaps" | "knowledgesources" => AssetKind::Resource,
        "agents" | "knowledgebases" => AssetKind::VectorStore,
        _ => return,
    };
    let mut asset = Asset::new(&id, kind, name).seen(object.at("/name").excerpt(name));
    asset.ai |= object.kind != "datasources";
    asset.purpose = object.text("/description").map(str::to_owned);
    object.relate(object.service, RelationKind::Contains, &id, "/name", found);
    match object.kind {
        "indexes" => index(object, &mut asset, found),
        "indexers" => indexer(object, &id, found),
        "datasources" => source(object, &mut asset, found),
        _ => skills(object, &id, found),
    }
    if object.value.get("encryptionKey").is_some_and(Value::is_object) {
        asset.encryption.customer_key = Some(true);
    }
    found.inventory.add(asset);
}

/// Its fields' names, and the models that make its vectors.
fn index(object: &Object<'_>, asset: &mut Asset, found: &mut Found) {
    let fields = object.value.get("fields").and_then(Value::as_array).into_iter().flatten();
    let names: Vec<Value> = fields.filter_map(|field| field.get("name").cloned()).take(64).collect();
    asset.properties.insert("fields".into(), names.into());
    let vectorizers = object.value.pointer("/vectorSearch/vectorizers").and_then(Value::as_array);
    for (i, vectorizer) in vectorizers.into_iter().flatten().enumerate() {
        let parameters = vectorizer.get("azureOpenAIParameters").unwrap_or(vectorizer);
        model(object, asset.id.as_str(), parameters, &format!("/vectorSearch/vectorizers/{i}"), found);
    }
}

/// Reads its data source, writes its index.
fn indexer(object: &Object<'_>, id: &str, found: &mut Found) {
    for (key, kind, relation) in [
        ("dataSourceName", "datasources", RelationKind::Reads),
        ("targetIndexName", "indexes", RelationKind::Writes),
        ("skillsetName", "skillsets", RelationKind::Uses),
    ] {
        if let Some(name) = object.text(&format!("/{key}")) {
            object.relate(id, relation, &object.id(kind, name), &format!("/{key}"), found);
        }
    }
    if let (Some(source), Some(index)) = (object.text("/dataSourceName"), object.text("/targetIndexName")) {
        let (index, source) = (object.id("indexes", index), object.id("datasources", source));
        object.relate(&index, RelationKind::DerivedFrom, &source, "/dataSourceName", found);
    }
}

/// Where the rows are: named by a resource id; a key is never kept.
fn source(object: &Object<'_>, asset: &mut Asset, found: &mut Found) {
    asset.properties.extend(object.text("/type").map(|kind| ("type".to_owned(), kind.into())));
    let connection = object.text("/credentials/connectionString").unwrap_or_default();
    let part = |key: &str| {
        let mut parts = connection.split(';').filter_map(|part| part.split_once('='));
        parts.find(|(name, _)| name.trim().eq_ignore_ascii_case(key)).map(|(_, value)| value.trim())
    };
    let account = part("ResourceId").and_then(ResourceId::parse);
    let container = object.text("/container/name");
    let account_name = part("AccountName").or_else(|| account.as_ref().map(ResourceId::name));
    if let Some(account) = &account {
        let account = end::stub(account, object.document.path());
        object.relate(asset.id.as_str(), RelationKind::DerivedFrom, account.id.as_str(), "/credentials", found);
        found.inventory.add(account.seen(object.at("/credentials")));
    }
    let blob = object
        .text("/type")
        .is_some_and(|kind| kind.eq_ignore_ascii_case("azureblob") || kind.eq_ignore_ascii_case("adlsgen2"));
    if let (Some(account), Some(container), true) = (account_name, container, blob)
        && let Some(End { asset: bucket, .. }) =
            end::storage(&format!("https://{account}.blob.core.windows.net/{container}"), AssetKind::Dataset)
    {
        object.relate(asset.id.as_str(), RelationKind::DerivedFrom, bucket.id.as_str(), "/container", found);
        found.inventory.add(bucket.seen(object.at("/container/name").excerpt(container)));
    }
}

fn skills(object: &Object<'_>, id: &str, found: &mut Found) {
    for (i, skill) in object.value.get("skills").and_then(Value::as_array).into_iter().flatten().enumerate() {
        model(object, id, skill, &format!("/skills/{i}"), found);
        if let Some(End { asset, .. }) = skill.get("uri").and_then(Value::as_str).and_then(end::url) {
            object.relate(id, RelationKind::Invokes, asset.id.as_str(), &format!("/skills/{i}"), found);
            found.inventory.add(asset.seen(object.at(&format!("/skills/{i}/uri"))));
        }
    }
    for (i, source) in object.value.get("knowledgeSources").and_then(Value::as_array).into_iter().flatten().enumerate()
    {
        if let Some(name) = source.get("name").and_then(Value::as_str) {
            let place = format!("/knowledgeSources/{i}");
            object.relate(id, RelationKind::RetrievesFrom, &object.id("knowledgesources", name), &place, found);
        }
    }
    if let Some(index) = object.text("/searchIndexParameters/searchIndexName") {
        object.relate(id, RelationKind::DerivedFrom, &object.id("indexes", index), "/searchIndexParameters", found);
    }
}

/// `resourceUri`, `deploymentId` and `modelName` of an embedding or chat model.
fn model(object: &Object<'_>, id: &str, value: &Value, place: &str, found: &mut Found) {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    if let Some(End { asset, .. }) = text("resourceUri").and_then(end::url) {
        object.relate(id, RelationKind::Invokes, asset.id.as_str(), place, found);
        found.inventory.add(asset.seen(object.at(place)));
    }
    if let Some(model) = text("modelName").and_then(|name| model_ref::model(name, id)) {
        object.relate(id, RelationKind::Uses, model.id.as_str(), place, found);
        found.inventory.add(model.seen(object.at(place)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_all, read};
    use super::*;
    use serde_json::json;

    fn listed(kind: &str, item: Value) -> Found {
        read(&json!({"@odata.context": format!("https://Acme.search.windows.net/$metadata#{kind}"), "value": [item]}))
    }

    #[test]
    fn from_rows_to_index() {
        let service = "https://acme.search.windows.net";
        let found = listed("indexers", json!({"name": "i", "dataSourceName": "d", "targetIndexName": "x"}));
        assert_all(
            &found,
            &[
                &format!("{service} contains {service}/indexers/i"),
                &format!("{service}/indexers/i reads {service}/datasources/d"),
                &format!("{service}/indexers/i writes {service}/indexes/x"),
                &format!("{service}/indexes/x derived_from {service}/datasources/d"),
            ],
        );
        let connection = "ResourceId=/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acme;AccountKey=hidden;";
        let found = listed(
            "datasources",
            json!({"name": "d", "type": "azureblob", "container": {"name": "rows"}, "credentials": {"connectionString": connection}}),
        );
        assert_all(&found, &[&format!("{service}/datasources/d derived_from https://acme.blob.core.windows.net/rows")]);
        assert!(!serde_json::to_string(&found.inventory).unwrap().contains("hidden"));
        let found = listed(
            "indexes",
            json!({"name": "x", "fields": [{"name": "text"}], "vectorSearch": {"vectorizers": [
            {"azureOpenAIParameters": {"resourceUri": "https://acme.openai.azure.com", "modelName": "text-embedding-3-large"}}]}}),
        );
        assert_all(&found, &[&format!("{service}/indexes/x uses model:text-embedding-3-large")]);
        let index = found.inventory.get(&format!("{service}/indexes/x")).unwrap();
        assert_eq!((index.kind, index.evidence[0].pointer.as_deref()), (AssetKind::VectorStore, Some("/value/0/name")));
        assert!(context(&json!({"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users"})).is_none());
    }
}
