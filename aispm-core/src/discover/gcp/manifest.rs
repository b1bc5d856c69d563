//! Kubernetes objects among the assets of an inventory: the body is the manifest but for its type, which the row tells.

use serde_json::{Map, Value};

use super::name;
use crate::asset::{Document, RelationKind};
use crate::discover::Found;
use crate::discover::format::dispatch;

/// Reads a body of an asset type such as `apps.k8s.io/Deployment` as the manifest that it is; whether it was one.
pub(super) fn read(
    asset_type: &str,
    id: &str,
    version: Option<&str>,
    data: &Value,
    document: &Document,
    pointer: &str,
    found: &mut Found,
) -> bool {
    let Some((group, kind)) = asset_type.split_once('/').filter(|(group, _)| group.ends_with("k8s.io")) else {
        return false;
    };
    let (Some(body), Some((cluster, path))) = (data.as_object(), id.split_once("/k8s/")) else { return false };
    let version = version.unwrap_or("v1");
    let api = match group.strip_suffix(".k8s.io").filter(|group| !group.contains('.')) {
        // the older groups have no domain
        Some(group @ ("apps" | "batch" | "autoscaling" | "policy" | "extensions")) => format!("{group}/{version}"),
        None if group == "k8s.io" => version.to_owned(),
        _ => format!("{group}/{version}"),
    };
    let mut metadata = body.get("metadata").and_then(Value::as_object).cloned().unwrap_or_else(Map::new);
    metadata.insert("clusterName".to_owned(), name::last(cluster).into());
    metadata.entry("name").or_insert_with(|| name::last(path).into());
    let object = metadata.get("name").and_then(Value::as_str).unwrap_or_default();
    let namespace = metadata.get("namespace").and_then(Value::as_str).unwrap_or("default");
    let inner = format!("k8s://{}/{namespace}/{kind}/{object}", name::last(cluster));
    let mut manifest = body.clone();
    manifest.insert("metadata".to_owned(), Value::Object(metadata));
    manifest.insert("apiVersion".to_owned(), api.into());
    manifest.insert("kind".to_owned(), kind.into());
    let known = dispatch(&document.part(pointer, Value::Object(manifest)), found);
    if found.inventory.get(&inner).is_some() {
        found.relate(cluster, RelationKind::Contains, &inner, &document.evidence(pointer));
    }
    known
}
