//! What k8s-aibom keeps beside its bills of materials: a scraper's answer of what a workload runs, and the patterns by
//! which it tells runtimes.

use serde_json::Value;

use super::{list, text};
use crate::asset::{Asset, AssetKind, Document, RelationKind};
use crate::discover::container::{append, known_image};
use crate::discover::format::{Found, Structured};
use crate::discover::model_ref;
use crate::discover::walk::file_name;

pub(super) const SCRAPER: Structured = Structured {
    name: "k8s-aibom-scrape",
    critical: false,
    in_parts: false,
    markers: &["\"scraperName\"", "\"components\""],
    matches: |value| text(value, "scraperName").is_some() && value.get("components").is_some_and(Value::is_array),
    read: scrape,
};

pub(super) const PATTERNS: Structured = Structured {
    name: "k8s-aibom-patterns",
    critical: false,
    in_parts: false,
    markers: &[],
    matches: |value| value.get("runtimeImagePatterns").is_some_and(Value::is_array),
    read: |document, found| {
        let path = document.path();
        let mut file = Asset::new(format!("file:{path}"), AssetKind::Resource, file_name(path));
        file.evidence.push(document.evidence("/runtimeImagePatterns"));
        for (_, pattern) in list(&document.value, "runtimeImagePatterns") {
            append(&mut file, "runtimes", text(pattern, "runtime").unwrap_or_default());
        }
        found.inventory.add(file);
    },
};

fn scrape(document: &Document, found: &mut Found) {
    let path = document.path();
    let mut owner = Asset::new(format!("file:{path}"), AssetKind::Workload, file_name(path));
    owner.evidence.push(document.evidence("/scraperName"));
    for (i, component) in list(&document.value, "components") {
        let Some(name) = text(component, "name") else { continue };
        let evidence = document.evidence(&format!("/components/{i}")).excerpt(name);
        let (does, asset) = match text(component, "type").unwrap_or_default() {
            "application" => {
                owner.properties.entry("model_server").or_insert_with(|| name.into());
                owner.ai = true;
                continue;
            }
            "container" => {
                let reference = component.pointer("/properties/image.reference").and_then(Value::as_str);
                let mut image = known_image(reference.unwrap_or(name));
                if let Some(digest) = component.pointer("/hashes/sha256").and_then(Value::as_str) {
                    image.provenance.digests.insert("sha256".to_owned(), digest.to_ascii_lowercase());
                }
                (RelationKind::RunsOn, image)
            }
            "machine-learning-model" | "model" => match model_ref::model(name, owner.id.as_str()) {
                Some(model) => (RelationKind::Serves, model),
                None => continue,
            },
            "data" => (RelationKind::Reads, Asset::new(format!("{}#{name}", owner.id), AssetKind::Resource, name)),
            _ => (RelationKind::Uses, Asset::new(format!("{}#{name}", owner.id), AssetKind::Resource, name)),
        };
        owner.ai |= asset.ai;
        found.relate(owner.id.as_str(), does, asset.id.as_str(), &evidence);
        found.inventory.add(asset.seen(evidence));
    }
    found.inventory.add(owner);
}
