//! What the table `kubernetes.yaml` says of custom resources: what they are, and what their fields name.

use serde_json::Value;

use super::{Object, list, text};
use crate::asset::{Asset, AssetKind, RelationKind, pointer_key};
use crate::discover::catalog::{CustomKind, catalog};
use crate::discover::container::image_asset;
use crate::discover::format::Found;
use crate::discover::model_ref;

/// The table's word on a resource of this kind and API group.
pub(super) fn known(kind: &str, group: &str) -> Option<&'static CustomKind> {
    let within = |end: &String| group == end || group.strip_suffix(end.as_str()).is_some_and(|sub| sub.ends_with('.'));
    catalog().kubernetes.kinds.iter().find(|known| known.kinds.contains(kind) && known.groups.iter().any(within))
}

/// What made this object holds it: a ReplicaSet its Pods, a CronJob its Jobs.
pub(super) fn owners(object: &Object<'_>, found: &mut Found) {
    let references = object.value.get("metadata").into_iter().flat_map(|metadata| list(metadata, "ownerReferences"));
    for (i, owner) in references {
        let (Some(kind), Some(name)) = (text(owner, "kind"), text(owner, "name")) else { continue };
        let id = object.stub(kind, None, name).id;
        let evidence = object.at(&format!("/metadata/ownerReferences/{i}"));
        found.relate(id.as_str(), RelationKind::Contains, &object.id(), &evidence);
    }
}

/// Relations to what the fields of the table name.
pub(super) fn references(object: &Object<'_>, found: &mut Found) {
    let id = object.id();
    for reference in catalog().kubernetes.references.iter().filter(|r| r.of.iter().any(|kind| kind == object.kind)) {
        for (pointer, value) in at_path(object.value, &reference.at) {
            let Some(name) = value.as_str().filter(|name| !name.is_empty() && !name.contains("{{")) else { continue };
            let evidence = object.at(&pointer).excerpt(name);
            let target = match reference.to.as_str() {
                "model" => model_ref::model(name, &id),
                "dataset" => dataset(name),
                "image" => (!name.contains('$')).then(|| image_asset(name)),
                "bucket" => model_ref::bucket(name),
                "arn" => name.starts_with("arn:").then(|| Asset::new(name, AssetKind::Role, name)),
                "repository" => Some(Asset::new(name.trim_end_matches(".git"), AssetKind::Repository, name)),
                kind => {
                    let kind = match kind.strip_prefix('*') {
                        Some(path) => at_path(object.value, path).first().and_then(|(_, kind)| kind.as_str()),
                        None => Some(kind),
                    };
                    let namespace = pointer.rsplit_once('/').and_then(|(above, _)| object.value.pointer(above));
                    let namespace = namespace.and_then(|beside| text(beside, "namespace"));
                    kind.map(|kind| object.stub(kind, namespace.filter(|_| pointer != "/metadata/name"), name))
                }
            };
            if let Some(target) = target.filter(|target| target.id.as_str() != id) {
                object.relate(&id, reference.does, target, &evidence, found);
            }
        }
    }
}

/// A data set by its URI: on the hub, in a bucket, or elsewhere.
pub(in crate::discover) fn dataset(uri: &str) -> Option<Asset> {
    if let Some(name) = uri.strip_prefix("hf://") {
        let name = name.trim_start_matches("datasets/");
        return Some(Asset::new(format!("https://huggingface.co/datasets/{name}"), AssetKind::Dataset, name));
    }
    let bucket = model_ref::bucket(uri);
    let (_, place) = uri.split_once("://")?;
    let whole = !place.trim_end_matches('/').contains('/');
    bucket.filter(|_| whole).or_else(|| {
        let name = place.trim_end_matches('/').rsplit('/').next().unwrap_or(place);
        Some(Asset::new(uri.trim_end_matches('/'), AssetKind::Dataset, name))
    })
}

/// The values at a path, with their pointers; `*` stands for each item of a list or value of a map.
pub(in crate::discover) fn at_path<'a>(value: &'a Value, path: &str) -> Vec<(String, &'a Value)> {
    let mut at = vec![(String::new(), value)];
    for step in path.split('/') {
        let mut next = Vec::new();
        for (pointer, value) in at {
            match (step, value) {
                ("*", Value::Array(items)) => {
                    next.extend(items.iter().enumerate().map(|(i, item)| (format!("{pointer}/{i}"), item)));
                }
                ("*", Value::Object(map)) => {
                    next.extend(map.iter().map(|(key, child)| (format!("{pointer}/{}", pointer_key(key)), child)));
                }
                _ => next.extend(value.get(step).map(|child| (format!("{pointer}/{step}"), child))),
            }
        }
        at = next;
    }
    at
}
