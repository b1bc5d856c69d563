//! Descriptions of data sets that lie beside them: Croissant metadata, and plain manifests that list files.

use super::names::add;
use crate::asset::{Asset, AssetKind, RelationKind};
use crate::discover::at::{first, items, text, texts};
use crate::discover::format::Structured;
use crate::discover::resource;

pub(super) const CROISSANT: Structured = Structured {
    name: "croissant",
    critical: false,
    in_parts: false,
    markers: &["\"distribution\"", "mlcommons.org/croissant"],
    matches: |value| {
        let set = texts(value, "/@type").any(|kind| matches!(kind, "Dataset" | "sc:Dataset" | "schema:Dataset"));
        set && (value.get("distribution").is_some() || value.get("recordSet").is_some())
    },
    read: |document, found| {
        let value = &document.value;
        let Some(name) = text(value, "/name") else { return };
        let evidence = document.evidence("").excerpt(name);
        let url = text(value, "/url");
        let mut asset = Asset::new(
            url.map_or_else(|| format!("file:{}", document.path()), str::to_owned),
            AssetKind::Dataset,
            name,
        );
        asset.purpose = text(value, "/description").map(|text| text.chars().take(300).collect());
        asset.provenance.licence = first(value, &["/license", "/license/name", "/license/0"]).map(str::to_owned);
        asset.provenance.publisher =
            first(value, &["/creator/name", "/creator/0/name", "/publisher/name"]).map(str::to_owned);
        asset.provenance.version = text(value, "/version").map(str::to_owned);
        asset.provenance.source = url.map(str::to_owned);
        for label in texts(value, "/rai:personalSensitiveInformation") {
            asset.properties.insert("personal_sensitive_information".to_owned(), label.into());
            asset.data_classes.insert("personal".to_owned());
        }
        let id = asset.id.clone();
        for (pointer, file) in items(value, "/distribution") {
            if let Some(place) = text(file, "/contentUrl").and_then(resource::by_id) {
                let evidence = document.evidence(&pointer);
                found.relate(id.as_str(), RelationKind::DerivedFrom, place.id.as_str(), &evidence);
                add(place, &evidence, found);
            }
        }
        found.inventory.add(asset.seen(evidence));
    },
};

pub(super) const MANIFEST: Structured = Structured {
    name: "dataset-manifest",
    critical: false,
    in_parts: false,
    markers: &[],
    matches: |value| {
        let place = [
            "/files/0/uri",
            "/files/0/url",
            "/files/0/path",
            "/entries/0/url",
            "/fileLocations/0/URIs/0",
            "/fileLocations/0/URIPrefixes/0",
        ]
        .iter()
        .find_map(|p| text(value, p));
        place.is_some_and(|place| ["s3://", "gs://", "s3a://"].iter().any(|scheme| place.starts_with(scheme)))
    },
    read: |document, found| {
        let value = &document.value;
        let evidence = document.evidence("");
        let name = text(value, "/name").unwrap_or_else(|| resource::last(document.path()));
        let mut asset = Asset::new(format!("file:{}", document.path()), AssetKind::Dataset, name);
        asset.provenance.version = text(value, "/version").map(str::to_owned);
        let id = asset.id.clone();
        let listed = items(value, "/files").chain(items(value, "/entries"));
        let listed = listed.filter_map(|(_, file)| first(file, &["/uri", "/url", "/path"]));
        let prefixes = items(value, "/fileLocations")
            .flat_map(|(_, place)| texts(place, "/URIs").chain(texts(place, "/URIPrefixes")).collect::<Vec<_>>());
        // the buckets say enough; there may be a file for each row
        let buckets: std::collections::BTreeMap<String, Asset> = listed
            .chain(prefixes)
            .filter_map(|uri| crate::discover::model_ref::bucket(uri).map(|bucket| (bucket.id.to_string(), bucket)))
            .collect();
        for bucket in buckets.into_values() {
            found.relate(id.as_str(), RelationKind::DerivedFrom, bucket.id.as_str(), &evidence);
            found.inventory.add(bucket.seen(evidence.clone()));
        }
        found.inventory.add(asset.seen(evidence));
    },
};
