//! Vector stores and buckets.

use std::ops::Range;

use super::call::Call;
use super::facts::Facts;
use super::lexer::Kind;
use super::model::{is_word, without_login};
use crate::asset::{Asset, AssetKind, RelationKind};
use crate::discover::catalog::catalog;
use crate::discover::model_ref;

impl<'a> Facts<'_, 'a> {
    /// A store of vectors that a call makes or opens.
    pub(super) fn store(&mut self, call: &Call<'a>) {
        self.bucket(call);
        let table = &catalog().code;
        let mut products = table.vector_stores.iter();
        let Some(product) = products.find(|(_, calls)| self.is(call, calls).is_some()).map(|(product, _)| product)
        else {
            self.opened(call);
            return;
        };
        let code = self.code;
        let keys = |keys: &[String]| keys.iter().find_map(|key| call.text(code, &[key]).filter(|text| is_word(text)));
        let mut name = keys(&table.store_names);
        let mut place = keys(&table.store_places);
        // `get_or_create_collection("docs")`, `Chroma("docs")`, `QdrantClient("http://…")`
        if let Some(first) = call.first(code).filter(|text| is_word(text)) {
            if first.contains("://") || first.starts_with(['/', '.', ':']) {
                place = place.or(Some(first));
            } else if call.name().contains("collection") {
                name = name.or(Some(first));
            }
        }
        if let (Some(port), Some(host)) = (call.arg(&["port"]), &place)
            && !host.contains("://")
            && let Some(port) = code.get(port.start).filter(|token| token.text.parse::<u16>().is_ok())
        {
            place = Some(format!("{host}:{}", port.text).into());
        }
        // a store on what another one is: its collection
        let holder = call.path.first().and_then(|root| self.named.get(*root)).cloned();
        let given = call.args.iter().find_map(|arg| self.named.get(code.path(arg.value.clone())?).cloned());
        let base = holder.or(given).filter(|named| named.kind == AssetKind::VectorStore);
        if let Some(base) = base.as_ref().filter(|_| name.is_none() && place.is_none()) {
            self.name_store(call, &base.id.clone());
            return;
        }
        let place =
            place.map(|place| without_login(place.split(['?', '#']).next().unwrap_or(&place).trim_end_matches('/')));
        let id = match (&place, &name, &base) {
            (Some(place), _, _) if place.contains("://") => place.clone(),
            (Some(place), _, _) => format!("{product}://{place}"),
            (None, Some(name), Some(base)) if !base.id.starts_with("file:") => format!("{}/{name}", base.id),
            (None, Some(name), _) => self.local(&format!("{product}/{name}")),
            (None, None, _) => self.local(product),
        };
        let label = name.as_deref().or(place.as_deref()).unwrap_or(product).to_owned();
        let mut store = Asset::new(&id, AssetKind::VectorStore, label).with("product", product.as_str());
        if let Some(name) = &name {
            store.properties.insert("collection".into(), (&**name).into());
        }
        if let Some(place) = &place {
            store.properties.insert("host".into(), place.as_str().into());
            if place.contains("://") {
                store.encryption.in_transit = Some(place.starts_with("https://"));
            }
        }
        let models = self.models_of(call, 2);
        self.relate(RelationKind::RetrievesFrom, store, call.line);
        if let Some(base) = base.filter(|base| base.id != id) {
            self.link(&base.id, RelationKind::Contains, &id, call.line);
        }
        for model in models.into_iter().filter(|model| model.text("task") == Some("embedding")) {
            self.link(&id, RelationKind::Uses, model.id.as_str(), call.line);
        }
        self.name_store(call, &id);
    }

    /// What is made of a store is the store under another name: an index, a retriever.
    fn opened(&mut self, call: &Call<'a>) {
        let Some(variable) = call.assigned else { return };
        let made = ["as_retriever", "asRetriever", "Index", "index", "collection", "getOrCreateCollection"];
        let holder = call.path.first().and_then(|root| self.named.get(*root)).filter(|_| made.contains(&call.name()));
        let context = call.class() == "StorageContext";
        let given = call.arg(&["vector_store", "vectorStore"]).filter(|_| context);
        let given = given.and_then(|range| self.named.get(self.code.path(range)?));
        let holder = holder.or(given).filter(|named| named.kind == AssetKind::VectorStore).cloned();
        let Some(holder) = holder else { return };
        let name = call.first(self.code).filter(|text| is_word(text));
        match name {
            Some(name) => {
                let id = if holder.id.starts_with("file:") {
                    self.local(&format!("{}/{name}", holder.id.rsplit('#').next().unwrap_or_default()))
                } else {
                    format!("{}/{name}", holder.id)
                };
                let store = Asset::new(&id, AssetKind::VectorStore, &*name).with("collection", &*name);
                self.relate(RelationKind::RetrievesFrom, store, call.line);
                self.link(&holder.id, RelationKind::Contains, &id, call.line);
                self.name(variable, &id, AssetKind::VectorStore);
            }
            None => self.name(variable, &holder.id, AssetKind::VectorStore),
        }
    }

    fn name_store(&mut self, call: &Call<'a>, id: &str) {
        if let Some(variable) = call.assigned {
            self.name(variable, id, AssetKind::VectorStore);
        }
    }

    /// A bucket that a call reads or writes.
    fn bucket(&mut self, call: &Call<'a>) {
        let table = &catalog().code;
        let relation = match call.name() {
            name if table.writes.contains(name) => RelationKind::Writes,
            name if table.reads.contains(name) => RelationKind::Reads,
            _ => return,
        };
        let code = self.code;
        let named =
            call.text(code, &["Bucket", "bucket", "bucket_name"]).filter(|name| is_word(name) && name.len() >= 3);
        if let Some(name) = named.filter(|name| !name.contains(['/', ':'])) {
            let bucket = Asset::new(format!("arn:aws:s3:::{name}"), AssetKind::Bucket, &*name);
            self.relate(relation, bucket, call.line);
        }
        // `upload_file("file", "bucket", "key")`, `get_bucket("bucket")`
        let place = match call.name() {
            "upload_file" | "upload_fileobj" => Some((1, "arn:aws:s3:::")),
            "download_file" | "download_fileobj" => Some((0, "arn:aws:s3:::")),
            "get_bucket" => Some((0, "gs://")),
            _ => None,
        };
        if let Some((n, scheme)) = place
            && let Some(name) = call.positional(n).and_then(|range| code.text(range))
            && is_word(&name)
            && name.len() >= 3
            && !name.contains(['/', ':', '.'])
            && call.args.len() > n
        {
            self.relate(relation, Asset::new(format!("{scheme}{name}"), AssetKind::Bucket, &*name), call.line);
        }
        for arg in &call.args {
            self.bucket_uri(arg.value.clone(), relation, call.line);
        }
    }

    fn bucket_uri(&mut self, range: Range<usize>, relation: RelationKind, line: u64) {
        let texts: Vec<_> = match self.code.text(range.clone()) {
            Some(text) => vec![text.into_owned()],
            None => self
                .code
                .fields(range)
                .into_iter()
                .filter_map(|(_, value)| Some(self.code.text(value)?.into_owned()))
                .collect(),
        };
        for text in texts {
            if let Some(bucket) = model_ref::bucket(&text) {
                self.relate(relation, bucket, line);
            }
        }
    }

    /// Buckets that strings name, whatever is done with them.
    pub(super) fn addresses(&mut self) {
        let code = self.code;
        for token in code.tokens().iter().filter(|token| token.kind == Kind::Text && token.text.contains("://")) {
            if let Some(bucket) = model_ref::bucket(token.text) {
                let known = self.found.inventory.get(bucket.id.as_str()).is_some();
                if !known {
                    self.uses(bucket, token.line);
                }
            }
        }
    }
}
