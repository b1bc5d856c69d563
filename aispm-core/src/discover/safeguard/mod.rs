//! What guards AI, said in one way whoever says it, for rules to ask.
//!
//! Clouds write the same setting in three spellings and several shapes. Once all files are read, their guardrails,
//! logging, monitors, limits and approvals come down to a few properties:
//!
//! | property | on | says |
//! |---|---|---|
//! | `prompt_attack_filter` | guardrails | `HIGH`, `MEDIUM`, `LOW` or `NONE` |
//! | `sensitive_information_filter`, `grounding_check` | guardrails | whether there is one |
//! | `invocation_logging` | log sinks, endpoints and gateways | whether what is asked and answered is kept |
//! | `monitored` | endpoints of trained models | whether drift and data quality are watched |
//! | `effect` | tools | what calling it does to the world: `send`, `pay`, `write`, `delete` |
//! | `human_approval` | tools and agents | whether a person must agree |
//! | `sandbox` | agents | where the code that they write runs, if a setting says so |
//! | `loop_limit` | agents | whether steps, turns, time or money are bounded |
//!
//! Where the input does not show it, the property is absent. O(assets + relations).

mod agent;
mod guardrail;
mod service;

use serde_json::{Map, Value};

use crate::asset::{Asset, AssetId, AssetKind, Inventory, flag};

/// Checks of other tools that fail where model invocations are not logged.
const LOGGING_CHECKS: [&str; 1] = ["bedrock_model_invocation_logging_enabled"];

pub(super) fn join(inventory: &mut Inventory) {
    let mut facts: Vec<(AssetId, Vec<(&'static str, Value)>)> = Vec::new();
    let watched = service::Watched::of(inventory);
    for asset in inventory.assets() {
        let mut told = match asset.kind {
            AssetKind::Guardrail => guardrail::facts(asset),
            AssetKind::LogSink | AssetKind::Endpoint => service::facts(asset, &watched, inventory),
            AssetKind::NetworkEntry => service::gateway(asset),
            AssetKind::Tool => agent::tool(asset),
            AssetKind::Agent => agent::agent(asset, inventory),
            _ => Vec::new(),
        };
        // other tools look where no export does
        if asset.external_findings.iter().any(|finding| LOGGING_CHECKS.contains(&finding.rule.as_str())) {
            told.push(("invocation_logging", false.into()));
        }
        if !told.is_empty() {
            facts.push((asset.id.clone(), told));
        }
    }
    for (id, told) in facts {
        if let Some(asset) = inventory.get_mut(id.as_str()) {
            told.into_iter().for_each(|(key, value)| _ = asset.properties.entry(key).or_insert(value));
        }
    }
}

/// The type that the source gives an asset.
fn type_of(asset: &Asset) -> &str {
    let keys = ["terraform_type", "aws_type", "cloudformation_type", "gcp_type", "resource_type"];
    keys.iter().find_map(|key| asset.text(key)).unwrap_or_default()
}

/// Whether an asset is described by configuration, which shows all that is set.
fn is_configured(asset: &Asset) -> bool {
    ["terraform_type", "cloudformation_type"].iter().any(|key| asset.text(key).is_some())
}

/// `contentPolicy`, `ContentPolicyConfig` and `content_policy_config` are one word.
fn plain(key: &str) -> String {
    let word: String = key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    word.strip_suffix("config").map(str::to_owned).unwrap_or(word)
}

/// A field in any spelling; Terraform's blocks are lists of one.
fn field<'v>(map: &'v Map<String, Value>, key: &str) -> Option<&'v Value> {
    let value = map.iter().find(|(name, value)| !value.is_null() && plain(name) == key)?.1;
    match value {
        Value::Array(items) if items.len() == 1 && items.first().is_some_and(Value::is_object) => items.first(),
        value => Some(value),
    }
}

/// A field below fields.
fn at<'v>(map: &'v Map<String, Value>, path: &[&str]) -> Option<&'v Value> {
    let (last, above) = path.split_last()?;
    above.iter().try_fold(map, |map, key| field(map, key)?.as_object()).and_then(|map| field(map, last))
}

/// The objects of a list, or the one object.
fn objects(value: Option<&Value>) -> impl Iterator<Item = &Map<String, Value>> {
    let (list, one) = match value {
        Some(Value::Array(list)) => (list.as_slice(), None),
        value => (&[][..], value),
    };
    list.iter().chain(one).filter_map(Value::as_object)
}

/// `true`, `"true"`, `"ENABLED"`.
fn is_on(value: &Value) -> bool {
    let says = |word: &str| ["enabled", "enable", "on", "always"].iter().any(|on| word.eq_ignore_ascii_case(on));
    flag(value).unwrap_or_else(|| value.as_str().is_some_and(says))
}

#[cfg(test)]
mod tests;
