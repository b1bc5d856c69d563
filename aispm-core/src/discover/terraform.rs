//! `terraform show -json`, state and plan: each resource is an asset, its `properties` the provider's own values with
//! `terraform_type` and `terraform_address`.
//!
//! `data/discover/terraform.yaml` says which type is which kind. Types that only add a policy or setting to another
//! resource are merged into it.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;

use crate::asset::{Asset, AssetKind, Document};
use crate::discover::{Found, Structured};

pub(super) const SHOW: Structured = Structured {
    name: "terraform-show",
    critical: true,
    markers: &["terraform_version", "\"values\""],
    matches: |value| value.get("terraform_version").is_some() && module(value).is_some(),
    read,
};

/// What the table says of a resource type.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResourceType {
    kind: AssetKind,
    #[serde(default)]
    ai: bool,
}

fn types() -> &'static HashMap<String, ResourceType> {
    static TYPES: OnceLock<HashMap<String, ResourceType>> = OnceLock::new();
    // the built-in table is checked by a test; an empty one would only lose kinds
    TYPES.get_or_init(|| {
        Document::config("terraform.yaml", include_str!("../../data/discover/terraform.yaml")).unwrap_or_default()
    })
}

/// The kind of a resource type and whether it is AI, as far as the table knows it.
pub(super) fn known(resource_type: &str) -> Option<(AssetKind, bool)> {
    types().get(resource_type).map(|known| (known.kind, known.ai))
}

/// The root module and its pointer: `values` of a state, `planned_values` of a plan.
fn module(value: &Value) -> Option<(&Value, &'static str)> {
    let at = |pointer: &'static str| value.pointer(pointer).map(|module| (module, pointer));
    at("/planned_values/root_module").or_else(|| at("/values/root_module"))
}

fn read(document: &Document, found: &mut Found) {
    let Some((root, pointer)) = module(&document.value) else { return };
    let mut modules = vec![(root, pointer.to_owned())];
    while let Some((module, pointer)) = modules.pop() {
        for (i, child) in module.get("child_modules").and_then(Value::as_array).into_iter().flatten().enumerate() {
            modules.push((child, format!("{pointer}/child_modules/{i}")));
        }
        for (i, entry) in module.get("resources").and_then(Value::as_array).into_iter().flatten().enumerate() {
            resource(document, entry, &format!("{pointer}/resources/{i}"), found);
        }
    }
}

fn resource(document: &Document, entry: &Value, pointer: &str, found: &mut Found) {
    let text = |key| entry.get(key).and_then(Value::as_str);
    let (Some(kind), Some(address)) = (text("type"), text("address")) else { return };
    let values = entry.get("values").and_then(Value::as_object).cloned().unwrap_or_default();
    let id = ["arn", "self_link", "id"].iter().find_map(|key| values.get(*key).and_then(Value::as_str));
    let id = id.map_or_else(|| format!("terraform:{address}"), str::to_owned);
    let name = ["name", "bucket", "function_name"].iter().find_map(|key| values.get(*key).and_then(Value::as_str));
    let known = types().get(kind);
    let asset_kind = known.map_or(AssetKind::Resource, |known| known.kind);
    let mut asset = Asset::new(id, asset_kind, name.unwrap_or(address));
    asset.ai |= known.is_some_and(|known| known.ai);
    asset.properties = values;
    asset.properties.insert("terraform_type".into(), kind.into());
    asset.properties.insert("terraform_address".into(), address.into());
    asset.evidence.push(document.evidence(pointer).excerpt(address));
    found.inventory.add(asset);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_table_loads() {
        let text = include_str!("../../data/discover/terraform.yaml");
        let table: HashMap<String, ResourceType> = Document::config("terraform.yaml", text).unwrap();
        assert_eq!(table["aws_sagemaker_endpoint"].kind, AssetKind::Endpoint);
        assert!(table["aws_sagemaker_endpoint"].ai && !table["aws_s3_bucket"].ai);
    }
}
