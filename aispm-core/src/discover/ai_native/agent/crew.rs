//! CrewAI: `agents.yaml` and `tasks.yaml`, maps from a name to a role or to a description.

use serde_json::Value;

use super::{has_tool, short, uses_model};
use crate::asset::{Asset, AssetKind, Document, RelationKind, pointer_key};
use crate::discover::ai_native::{keep, strings, text};
use crate::discover::format::{Found, Structured};
use crate::discover::walk::file_name;

pub(in crate::discover::ai_native) const AGENTS: Structured = Structured {
    name: "crewai-agents",
    critical: true,
    in_parts: false,
    markers: &["role:", "goal:", "backstory:"],
    matches: |value| all(value, &["role", "goal"]),
    read: agents,
};

pub(in crate::discover::ai_native) const TASKS: Structured = Structured {
    name: "crewai-tasks",
    critical: true,
    in_parts: false,
    markers: &["expected_output:", "description:"],
    matches: |value| all(value, &["description", "expected_output"]),
    read: tasks,
};

/// Whether a map has entries, and each of them these keys.
fn all(value: &Value, keys: &[&str]) -> bool {
    value.as_object().is_some_and(|map| {
        !map.is_empty() && map.values().all(|entry| keys.iter().all(|key| entry.get(key).is_some_and(Value::is_string)))
    })
}

fn agents(document: &Document, found: &mut Found) {
    for (name, entry) in document.value.as_object().into_iter().flatten() {
        let pointer = format!("/{}", pointer_key(name));
        let id = format!("file:{}#{name}", document.path());
        let mut asset = Asset::new(&id, AssetKind::Agent, name).with("framework", "crewai");
        for key in ["role", "goal", "backstory"] {
            if let Some(value) = text(entry, key) {
                asset.properties.insert(key.into(), short(value).into());
            }
        }
        keep(
            entry,
            &["allow_delegation", "allow_code_execution", "code_execution_mode", "max_iter", "verbose"],
            &mut asset,
        );
        asset.purpose = text(entry, "goal").map(short);
        for key in ["llm", "function_calling_llm"] {
            if let Some(model) = text(entry, key) {
                uses_model(&id, model, &document.evidence(&format!("{pointer}/{key}")), found);
            }
        }
        for (below, tool) in strings(entry, "tools") {
            has_tool(&id, tool, None, &document.evidence(&format!("{pointer}{below}")), found);
        }
        let role = text(entry, "role").unwrap_or(name);
        found.inventory.add(asset.seen(document.evidence(&pointer).excerpt(role)));
    }
}

fn tasks(document: &Document, found: &mut Found) {
    // the agents stand in the file beside this one
    let file = file_name(document.path());
    let folder = document.path().strip_suffix(file).unwrap_or_default();
    let agents = format!("file:{folder}{}", file.replace("tasks", "agents"));
    for (name, entry) in document.value.as_object().into_iter().flatten() {
        let pointer = format!("/{}", pointer_key(name));
        let id = format!("file:{}#{name}", document.path());
        let mut asset = Asset::new(&id, AssetKind::PromptTemplate, name).with("framework", "crewai");
        for key in ["description", "expected_output"] {
            if let Some(value) = text(entry, key) {
                asset.properties.insert(key.into(), short(value).into());
            }
        }
        keep(entry, &["agent", "context", "async_execution", "human_input", "output_file"], &mut asset);
        if let Some(agent) = text(entry, "agent") {
            let evidence = document.evidence(&format!("{pointer}/agent")).excerpt(agent);
            let agent_id = format!("{agents}#{agent}");
            found.relate(&agent_id, RelationKind::Prompts, &id, &evidence);
            found.inventory.add(Asset::new(agent_id, AssetKind::Agent, agent).seen(evidence));
        }
        found.inventory.add(asset.seen(document.evidence(&pointer).excerpt(name)));
    }
}
