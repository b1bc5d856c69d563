//! Kustomization files: which objects they gather, and what they make of images.

use serde_json::Value;

use super::settle::beside;
use super::{list, text};
use crate::asset::{Asset, AssetKind, Document, RelationKind};
use crate::discover::container::{append, known_image};
use crate::discover::format::{Found, Structured};
use crate::discover::walk::{folder_name, parent};

pub(super) const KUSTOMIZATION: Structured = Structured {
    name: "kustomization",
    critical: false,
    in_parts: false,
    markers: &["kustomize.config.k8s.io", "resources"],
    matches: |value| match text(value, "apiVersion") {
        Some(version) => version.starts_with("kustomize.config.k8s.io/"),
        None => value.get("kind").map_or_else(|| bare(value), |kind| kind == "Kustomization"),
    },
    read,
};

/// Whether a document without a kind is one: its resources are manifests or folders above.
fn bare(value: &Value) -> bool {
    let Some(resources) = value.get("resources").and_then(Value::as_array).filter(|list| !list.is_empty()) else {
        return false;
    };
    resources.iter().all(|resource| {
        resource.as_str().is_some_and(|name| {
            name.ends_with(".yaml") || name.ends_with(".yml") || name.starts_with('.') || name.contains("github.com")
        })
    })
}

fn read(document: &Document, found: &mut Found) {
    let (path, value) = (document.path(), &document.value);
    let id = format!("file:{path}");
    let name = folder_name(parent(path));
    let mut asset = Asset::new(&id, AssetKind::Resource, name).seen(document.evidence("").excerpt("Kustomization"));
    for key in ["namespace", "namePrefix", "nameSuffix", "commonLabels", "commonAnnotations"] {
        if let Some(setting) = value.get(key) {
            asset.properties.insert(key.into(), setting.clone());
        }
    }
    for key in ["resources", "bases", "components"] {
        for (i, resource) in list(value, key) {
            let Some(resource) = resource.as_str() else { continue };
            let evidence = document.evidence(&format!("/{key}/{i}")).excerpt(resource);
            if resource.contains("://") || resource.starts_with("github.com/") {
                let source = resource.split(['?']).next().unwrap_or(resource);
                let remote = Asset::new(source, AssetKind::Repository, source);
                found.relate(&id, RelationKind::Uses, remote.id.as_str(), &evidence);
                found.inventory.add(remote.seen(evidence));
                append(&mut asset, "remote_resources", resource);
                continue;
            }
            let file = beside(path, resource);
            append(&mut asset, "kustomize_resources", &file);
            for below in ["kustomization.yaml", "kustomization.yml", "Kustomization"] {
                let below = format!("{file}/{below}");
                if found.tree.holds(&below) {
                    found.relate(&id, RelationKind::Contains, &format!("file:{below}"), &evidence);
                }
            }
        }
    }
    for (i, image) in list(value, "images") {
        let Some(name) = text(image, "newName").or_else(|| text(image, "name")) else { continue };
        let reference = match (text(image, "digest"), image.get("newTag")) {
            (Some(digest), _) => format!("{name}@{digest}"),
            (None, Some(Value::String(tag))) => format!("{name}:{tag}"),
            (None, Some(Value::Number(tag))) => format!("{name}:{tag}"),
            _ => name.to_owned(),
        };
        let evidence = document.evidence(&format!("/images/{i}")).excerpt(&reference);
        let image = known_image(&reference);
        asset.ai |= image.ai;
        append(&mut asset, "images", &reference);
        found.relate(&id, RelationKind::Uses, image.id.as_str(), &evidence);
        found.inventory.add(image.seen(evidence));
    }
    for (i, chart) in list(value, "helmCharts") {
        let Some(name) = text(chart, "name") else { continue };
        let evidence = document.evidence(&format!("/helmCharts/{i}")).excerpt(name);
        let chart = super::helm::chart(name, text(chart, "version"), text(chart, "repo"));
        asset.ai |= chart.ai;
        found.relate(&id, RelationKind::Uses, chart.id.as_str(), &evidence);
        found.inventory.add(chart.seen(evidence));
    }
    for (key, property) in [("secretGenerator", "generated_secrets"), ("configMapGenerator", "generated_config_maps")] {
        for (_, generated) in list(value, key) {
            append(&mut asset, property, text(generated, "name").unwrap_or_default());
        }
    }
    for key in ["patches", "patchesStrategicMerge", "patchesJson6902"] {
        for (_, patch) in list(value, key) {
            let file = patch.as_str().or_else(|| text(patch, "path")).filter(|file| !file.contains('\n'));
            append(&mut asset, "patches", file.unwrap_or("inline"));
        }
    }
    found.inventory.add(asset);
}
