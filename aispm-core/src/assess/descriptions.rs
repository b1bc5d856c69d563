//! What tools say of themselves: descriptions that give orders to the model behind the user's back.

use rayon::prelude::*;
use serde_json::Value;

use crate::asset::{AssetId, AssetKind, Inventory, TextRole};
use crate::text::{Detector, Detectors};

/// Detectors whose match in a description is an attack on the agent that reads it.
const HOSTILE: [Detector; 4] =
    [Detector::ToolPoisoning, Detector::PromptInjection, Detector::InvisibleText, Detector::Exfiltration];

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
