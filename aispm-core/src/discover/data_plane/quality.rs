//! Checks of data quality: Great Expectations' suites and results, Soda's checks. Each is a policy over its data set.

use serde_json::Value;

use crate::asset::{Asset, AssetKind, Document, RelationKind};
use crate::discover::at::{first, text};
use crate::discover::format::{Found, Structured};

pub(super) const EXPECTATIONS: Structured = Structured {
    name: "great-expectations",
    critical: false,
    in_parts: false,
    markers: &["expectation", "great_expectations_version"],
    matches: |value| {
        let suite = value.get("expectations").is_some_and(Value::is_array)
            && (value.get("expectation_suite_name").is_some()
                || value.pointer("/meta/great_expectations_version").is_some());
        suite || value.pointer("/meta/active_batch_definition").is_some() && value.get("results").is_some()
    },
    read: |document, found| {
        let value = &document.value;
        let name = first(value, &["/expectation_suite_name", "/suite_name", "/meta/expectation_suite_name", "/name"])
            .unwrap_or("suite");
        let of = first(
            value,
            &["/meta/active_batch_definition/data_asset_name", "/data_asset_name", "/meta/batch_spec/table_name"],
        );
        let count = ["expectations", "results"].iter().find_map(|key| value.get(key)?.as_array()).map_or(0, Vec::len);
        let passed = value.get("success").and_then(Value::as_bool);
        check(document, "great-expectations", name, of, count, passed, "", found);
    },
};

/// Soda: each key `checks for TABLE` holds a list of checks.
pub(super) const SODA: Structured = Structured {
    name: "soda",
    critical: false,
    in_parts: false,
    markers: &["checks for "],
    matches: |value| {
        value.as_object().is_some_and(|map| {
            map.len() < 64 && map.iter().any(|(key, list)| key.starts_with("checks for ") && list.is_array())
        })
    },
    read: |document, found| {
        for (key, list) in document.value.as_object().into_iter().flatten() {
            if let Some(table) = key.strip_prefix("checks for ") {
                let pointer = format!("/{}", crate::asset::pointer_key(key));
                check(document, "soda", key, Some(table), list.as_array().map_or(0, Vec::len), None, &pointer, found);
            }
        }
    },
};

#[allow(clippy::too_many_arguments, reason = "one private function for two short formats")]
fn check(
    document: &Document,
    tool: &str,
    name: &str,
    of: Option<&str>,
    count: usize,
    passed: Option<bool>,
    pointer: &str,
    found: &mut Found,
) {
    let evidence = document.evidence(pointer);
    let id = format!("file:{}#{name}", document.path());
    let mut asset = Asset::new(&id, AssetKind::Policy, name).with("tool", tool).with("checks", count);
    if let Some(passed) = passed {
        asset.properties.insert("passed".to_owned(), passed.into());
    }
    if let Some(of) = of {
        let set = Asset::new(format!("dataset:{of}"), AssetKind::Dataset, of).with("data_quality", true);
        found.relate(&id, RelationKind::AppliesTo, set.id.as_str(), &evidence);
        found.inventory.add(set.seen(evidence.clone()));
    }
    if let Some(version) = text(&document.value, "/meta/great_expectations_version") {
        asset.provenance.version = Some(version.to_owned());
    }
    found.inventory.add(asset.seen(evidence));
}
