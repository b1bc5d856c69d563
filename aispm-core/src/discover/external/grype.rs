//! Grype's JSON: flaws of the packages in an image or folder.

use serde_json::Value;

use super::report::{Report, severity};
use super::vulnerability::{self, Package};
use crate::asset::{Asset, AssetKind, Document};
use crate::discover::at::{items, text};
use crate::discover::container::image_asset;
use crate::discover::format::{Found, Structured};
use crate::discover::resource;

pub(super) const REPORT: Structured = Structured {
    name: "grype",
    critical: false,
    in_parts: false,
    markers: &["\"matches\"", "\"vulnerability\"", "\"artifact\""],
    matches: |value| {
        value.get("matches").is_some_and(Value::is_array)
            && (text(value, "/descriptor/name") == Some("grype")
                || value.pointer("/matches/0/vulnerability/id").is_some())
    },
    read,
};

fn read(document: &Document, found: &mut Found) {
    let value = &document.value;
    let target = match value.pointer("/source/target") {
        Some(Value::String(path)) => Asset::new(format!("file:{path}"), AssetKind::Resource, resource::last(path)),
        Some(image) => {
            let mut asset = image_asset(text(image, "/userInput").unwrap_or_default());
            for (_, digest) in items(image, "/repoDigests") {
                if let Some(reference) = digest.as_str() {
                    asset = asset.alias(image_asset(reference).id);
                }
            }
            asset
        }
        None => Asset::new(format!("file:{}", document.path()), AssetKind::Resource, resource::last(document.path())),
    };
    for (pointer, hit) in items(value, "/matches") {
        let (Some(id), Some(name)) = (text(hit, "/vulnerability/id"), text(hit, "/artifact/name")) else { continue };
        let mut package = Package {
            purl: text(hit, "/artifact/purl"),
            ecosystem: text(hit, "/artifact/type").unwrap_or_default(),
            name,
            version: text(hit, "/artifact/version").unwrap_or_default(),
        }
        .asset();
        let report = Report {
            tool: "Grype",
            rule: id,
            title: text(hit, "/vulnerability/description").unwrap_or(id),
            detail: "",
            severity: severity(text(hit, "/vulnerability/severity").unwrap_or_default()),
            time: text(value, "/descriptor/timestamp"),
            fails: true,
        };
        let evidence = document.evidence(&pointer);
        vulnerability::note(&mut package, id);
        vulnerability::hold(&target, &package, &evidence, found);
        report.land(package, &evidence, found);
    }
    found.inventory.add(target.seen(document.evidence("/source")));
}
