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

/// The least score of a match in the text of a skill: instructions are what a skill is made of, and long ones look a
/// little like orders behind the user's back. Of 21 public skills, the worst match in harmless ones scores 0.97.
const IN_SKILL: f64 = 0.99;

/// Counts hostile matches in the `description` and `template` of tools, servers, prompts and agents, and in the
/// `instructions` of skills, into the property `tool_poisoning`; clean ones leave nothing. Linear in the texts, in
/// parallel.
pub(super) fn judge(inventory: &mut Inventory) {
    let described =
        |kind| matches!(kind, AssetKind::Tool | AssetKind::McpServer | AssetKind::PromptTemplate | AssetKind::Agent);
    let assets: Vec<_> = inventory.assets().filter(|asset| described(asset.kind)).collect();
    let hostile = assets.into_par_iter().filter_map(|asset| {
        let texts = ["description", "template"].iter().filter_map(|key| asset.text(key));
        let skill = asset.text("instructions").filter(|_| asset.text("role") == Some("agent-skill"));
        let count: usize = texts.map(|text| hostile_matches(text, 0.0)).sum();
        let count = count + skill.map_or(0, |text| hostile_matches(text, IN_SKILL));
        (count > 0).then(|| (asset.id.clone(), count))
    });
    let hostile: Vec<(AssetId, usize)> = hostile.collect();
    for (id, count) in hostile {
        if let Some(asset) = inventory.get_mut(id.as_str()) {
            asset.properties.insert("tool_poisoning".to_owned(), Value::from(count));
        }
    }
}

/// Hostile matches of at least a score; what is hidden from people counts whatever its score.
fn hostile_matches(text: &str, least: f64) -> usize {
    let found = Detectors::builtin().detect(text, TextRole::ToolDescription);
    let is_hostile = |m: &&Match| {
        let hidden = |detector| detector == Detector::InvisibleText || m.score >= least;
        m.detector.parse().is_ok_and(|detector| HOSTILE.contains(&detector) && hidden(detector))
    };
    found.matches.iter().filter(is_hostile).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::Asset;

    #[test]
    fn personal_data_and_hidden_secrets_in_prompts_are_noted_by_kind() {
        let mut inventory = Inventory::new();
        let prompt = |id: &str, text: &str| Asset::new(id, AssetKind::PromptTemplate, id).with("template", text);
        inventory.add(prompt("people", "Send complaints to jane.doe@acme-corp.de and answer {input}."));
        inventory.add(prompt("key", "Call the API with token *** for {input}."));
        inventory.add(prompt("plain", "You help customers. Answer {input} from {context}."));
        judge_prompts(&mut inventory);
        let noted = |id: &str| inventory.get(id).unwrap().properties.get("sensitive_text").cloned();
        assert_eq!(noted("people"), Some(serde_json::json!(["EMAIL_ADDRESS"])));
        assert_eq!(noted("key"), Some(serde_json::json!(["secret"])));
        assert_eq!(noted("plain"), None);
    }
}
