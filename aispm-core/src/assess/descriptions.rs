//! What tools and prompts say: descriptions that give orders to the model behind the user's back, and templates that
//! hold what everybody who talks the model into repeating them can read.

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde_json::Value;

use crate::asset::{AssetId, AssetKind, Inventory, Match, Severity, TextRole};
use crate::text::{Detector, Detectors};

/// Detectors whose match in a description is an attack on the agent that reads it.
const HOSTILE: [Detector; 4] =
    [Detector::ToolPoisoning, Detector::PromptInjection, Detector::InvisibleText, Detector::Exfiltration];

/// What stands where discovery hid a credential.
const HIDDEN: &str = "***";

/// Notes the kinds of personal data, and `secret`, in templates and instructions as the property `sensitive_text`. Linear
/// in the texts, in parallel.
pub(super) fn judge_prompts(inventory: &mut Inventory) {
    let prompts = |kind| matches!(kind, AssetKind::PromptTemplate | AssetKind::Agent);
    let assets: Vec<_> = inventory.assets().filter(|asset| prompts(asset.kind)).collect();
    let held = assets.into_par_iter().filter_map(|asset| {
        let texts = TEMPLATES.iter().filter_map(|key| asset.text(key));
        let kinds: BTreeSet<String> = texts.flat_map(sensitive_kinds).collect();
        (!kinds.is_empty()).then(|| (asset.id.clone(), kinds))
    });
    let held: Vec<(AssetId, BTreeSet<String>)> = held.collect();
    for (id, kinds) in held {
        if let Some(asset) = inventory.get_mut(id.as_str()) {
            asset.properties.insert("sensitive_text".to_owned(), Value::from_iter(kinds));
        }
    }
}

/// Where formats keep the text that a model is given before its user's.
const TEMPLATES: [&str; 4] = ["template", "instructions", "instruction", "system_prompt"];

fn sensitive_kinds(text: &str) -> BTreeSet<String> {
    let found = Detectors::builtin().detect(text, TextRole::Prompt);
    let sensitive = |m: &&Match| {
        m.severity >= Severity::Medium
            && m.detector.parse().is_ok_and(|detector| matches!(detector, Detector::Pii | Detector::Secrets))
    };
    let mut kinds: BTreeSet<String> = found.matches.iter().filter(sensitive).map(|m| m.kind.to_string()).collect();
    if text.contains(HIDDEN) {
        kinds.insert("secret".to_owned());
    }
    kinds
}

/// Counts hostile matches in the `description` and `template` of tools, servers, prompts and agents into the property
/// `tool_poisoning`; clean descriptions leave nothing. Linear in the texts, in parallel.
pub(super) fn judge(inventory: &mut Inventory) {
    let described =
        |kind| matches!(kind, AssetKind::Tool | AssetKind::McpServer | AssetKind::PromptTemplate | AssetKind::Agent);
    let assets: Vec<_> = inventory.assets().filter(|asset| described(asset.kind)).collect();
    let hostile = assets.into_par_iter().filter_map(|asset| {
        let texts = ["description", "template"].iter().filter_map(|key| asset.text(key));
        let count: usize = texts.map(hostile_matches).sum();
        (count > 0).then(|| (asset.id.clone(), count))
    });
    let hostile: Vec<(AssetId, usize)> = hostile.collect();
    for (id, count) in hostile {
        if let Some(asset) = inventory.get_mut(id.as_str()) {
            asset.properties.insert("tool_poisoning".to_owned(), Value::from(count));
        }
    }
}

fn hostile_matches(text: &str) -> usize {
    let found = Detectors::builtin().detect(text, TextRole::ToolDescription);
    found.matches.iter().filter(|m| m.detector.parse().is_ok_and(|detector| HOSTILE.contains(&detector))).count()
}
