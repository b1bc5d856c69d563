//! Agents, tools, prompts and evaluations that are kept as data: by agent frameworks, workflow builders and
//! assistants.

mod card;
mod codex;
mod crew;
mod declared;
mod evaluation;
mod flow;
mod graph;
mod guardrails;
mod instructions;
mod mcp_registry;
mod n8n;
mod openai;
mod rasa;

pub(super) use self::card::{A2A, PLUGIN};
pub(super) use self::codex::TOML_SETTINGS;
pub(super) use self::crew::{AGENTS, TASKS};
pub(super) use self::declared::{AUTOGEN, DECLARATIVE, PERMISSIONS};
pub(super) use self::evaluation::{GARAK, PROMPTFOO};
pub(super) use self::flow::{DIFY, FLOW};
pub(super) use self::graph::LANGGRAPH;
pub(super) use self::guardrails::NEMO;
pub(super) use self::instructions::{INSTRUCTIONS, PROMPT_FILE, SKILL, SUBAGENT};
pub(super) use self::mcp_registry::{BUNDLE, SERVER};
pub(super) use self::n8n::N8N;
pub(super) use self::openai::OPENAI;
pub(super) use self::rasa::{DOMAIN, TRAINING};

use crate::asset::{Asset, AssetKind, Evidence, RelationKind};
use crate::discover::catalog::catalog;
use crate::discover::format::Found;
use crate::discover::model_ref;

/// Longest description that is kept, in characters; poisoned ones are rarely longer.
const DESCRIPTION: usize = 4000;

/// A text that people wrote, short enough to keep.
fn short(text: &str) -> String {
    text.trim().chars().take(DESCRIPTION).collect()
}

/// Relates an asset to the model that a setting names, and the model to its provider. `openai:gpt-4o` and
/// `openai/gpt-4o` name the provider first.
fn uses_model(from: &str, name: &str, evidence: &Evidence, found: &mut Found) {
    let bare = name.split_once([':', '/']).filter(|(provider, _)| provider_named(provider).is_some());
    let model = bare.map_or(name, |(_, model)| model.rsplit([':']).next().unwrap_or(model));
    if let Some(model) = model_ref::model(model, from) {
        let evidence = evidence.clone().excerpt(name);
        found.relate(from, RelationKind::Uses, model.id.as_str(), &evidence);
        found.inventory.add(model.seen(evidence));
    }
    if let Some(provider) = bare.and_then(|(provider, _)| provider_named(provider)) {
        uses_provider(from, provider, evidence, found);
    }
}

fn uses_provider(from: &str, provider: Asset, evidence: &Evidence, found: &mut Found) {
    found.relate(from, RelationKind::Uses, provider.id.as_str(), evidence);
    found.inventory.add(provider.seen(evidence.clone()));
}

/// The provider that a word such as `azure_openai` or `lmChatAnthropic` names: in full, or else by most of its words.
fn provider_named(word: &str) -> Option<Asset> {
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let word = plain(word);
    let named = |name: &str| {
        let full = word.contains(&plain(name)) && name.len() > 3;
        let words = name.split_whitespace().map(plain).filter(|part| part.len() > 3 && word.contains(part.as_str()));
        let length: usize = words.map(|part| part.len()).sum();
        (full || length > 0).then_some((full, length))
    };
    let providers = catalog().providers().iter().filter_map(|provider| Some((named(&provider.name)?, provider)));
    providers.max_by_key(|(score, _)| *score).map(|(_, provider)| provider.asset())
}

/// A tool that an agent of this file may call.
fn has_tool(agent: &str, name: &str, description: Option<&str>, evidence: &Evidence, found: &mut Found) -> String {
    let id = format!("{agent}/{name}");
    let mut tool = Asset::new(&id, AssetKind::Tool, name).ai();
    if let Some(description) = description {
        tool.properties.insert("description".into(), short(description).into());
    }
    found.relate(agent, RelationKind::HasTool, &id, evidence);
    found.inventory.add(tool.seen(evidence.clone().excerpt(name)));
    id
}

#[cfg(test)]
mod tests;
