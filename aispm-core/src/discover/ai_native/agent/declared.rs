//! Agents that are declared whole: AutoGen components, declarative agents, and what a coding assistant may do.

use serde_json::Value;

use super::{has_tool, provider_named, short, uses_model, uses_provider};
use crate::asset::{Asset, AssetKind, Document, RelationKind};
use crate::discover::ai_native::{keep, list, strings, text};
use crate::discover::format::{Found, Structured};
use crate::discover::walk::file_name;

/// A component as AutoGen and its studio export it.
pub(in crate::discover::ai_native) const AUTOGEN: Structured = Structured {
    name: "autogen-component",
    critical: true,
    in_parts: false,
    markers: &["\"component_type\"", "\"provider\""],
    matches: |value| {
        text(value, "component_type").is_some_and(|kind| matches!(kind, "agent" | "team" | "model" | "tool"))
            && text(value, "provider").is_some()
            && value.get("config").is_some_and(Value::is_object)
    },
    read: |document, found| {
        let id = format!("file:{}", document.path());
        component(document, &document.value, "", &id, 0, found);
    },
};

/// A declarative agent of Semantic Kernel, Azure AI or Copilot: a name, instructions, and a model or tools.
pub(in crate::discover::ai_native) const DECLARATIVE: Structured = Structured {
    name: "declarative-agent",
    critical: true,
    in_parts: false,
    markers: &["instructions", "\"tools\""],
    matches: |value| {
        let parts = ["model", "tools", "capabilities", "conversation_starters", "handoffs"];
        text(value, "name").is_some()
            && text(value, "instructions").is_some()
            && value.get("ingredients").is_none()
            && parts.iter().any(|key| value.get(key).is_some_and(|part| !part.is_null()))
    },
    read: declarative,
};

/// Permissions in the settings of a coding assistant.
pub(in crate::discover::ai_native) const PERMISSIONS: Structured = Structured {
    name: "agent-permissions",
    critical: true,
    in_parts: false,
    markers: &["\"permissions\"", "\"allow\"", "Bash("],
    matches: |value| {
        let permissions = value.get("permissions").unwrap_or(&Value::Null);
        let tool = |tool: &str| {
            tool.contains('(')
                || tool.starts_with("mcp__")
                || matches!(tool, "Bash" | "Read" | "Edit" | "Write" | "WebFetch")
        };
        ["allow", "deny", "ask"].iter().any(|key| strings(permissions, key).iter().any(|(_, name)| tool(name)))
    },
    read: |document, found| {
        let permissions = document.value.get("permissions").unwrap_or(&Value::Null);
        let id = format!("file:{}", document.path());
        let mut asset = Asset::new(&id, AssetKind::Agent, file_name(document.path())).with("role", "agent-permissions");
        keep(permissions, &["allow", "deny", "ask", "defaultMode", "additionalDirectories"], &mut asset);
        keep(&document.value, &["enableAllProjectMcpServers", "model"], &mut asset);
        if let Some(hooks) = document.value.get("hooks").and_then(Value::as_object) {
            asset.properties.insert("hooks".into(), hooks.keys().map(String::as_str).collect::<Vec<_>>().into());
        }
        for (pointer, tool) in strings(permissions, "allow") {
            has_tool(&id, tool, None, &document.evidence(&format!("/permissions{pointer}")), found);
        }
        found.inventory.add(asset.seen(document.evidence("/permissions").excerpt("permissions")));
    },
};

/// Deepest nesting of teams and agents.
const DEPTH: usize = 8;

/// A component and those in it; returns its id, if it is an asset.
fn component(
    document: &Document,
    value: &Value,
    pointer: &str,
    owner: &str,
    depth: usize,
    found: &mut Found,
) -> Option<String> {
    let config = value.get("config").filter(|_| depth < DEPTH)?;
    let class = text(value, "provider").unwrap_or_default();
    let class = class.rsplit('.').next().unwrap_or(class);
    let evidence = document.evidence(pointer).excerpt(class);
    let name = text(config, "name").or_else(|| text(value, "label")).unwrap_or(class);
    let kind = match text(value, "component_type").unwrap_or_default() {
        "agent" => AssetKind::Agent,
        "team" => AssetKind::Application,
        "tool" | "workbench" => {
            let id = has_tool(owner, name, text(config, "description"), &evidence, found);
            if let Some(tool) = found.inventory.get_mut(&id).filter(|_| config.get("source_code").is_some()) {
                tool.properties.insert("source_code".into(), true.into());
            }
            return Some(id);
        }
        "model" => {
            if let Some(model) = text(config, "model") {
                uses_model(owner, model, &document.evidence(&format!("{pointer}/config/model")), found);
            }
            if let Some(provider) = provider_named(class) {
                uses_provider(owner, provider, &evidence, found);
            }
            return None;
        }
        _ => return None,
    };
    let id = if pointer.is_empty() { owner.to_owned() } else { format!("file:{}#{name}", document.path()) };
    let mut asset = Asset::new(&id, kind, name).ai().with("framework", "autogen").with("class", class);
    if let Some(description) = text(config, "description").or_else(|| text(value, "description")) {
        asset.properties.insert("description".into(), short(description).into());
    }
    asset.properties.insert("system_prompt".into(), text(config, "system_message").is_some().into());
    for key in ["participants", "tools", "workbench"] {
        for (i, part) in list(config, key) {
            let below = format!("{pointer}/config/{key}/{i}");
            let part = component(document, part, &below, &id, depth + 1, found);
            if let Some(part) = part.filter(|_| key == "participants") {
                found.relate(&id, RelationKind::Contains, &part, &document.evidence(&below));
            }
        }
    }
    if let Some(model) = config.get("model_client") {
        component(document, model, &format!("{pointer}/config/model_client"), &id, depth + 1, found);
    }
    found.inventory.add(asset.seen(evidence));
    Some(id)
}

fn declarative(document: &Document, found: &mut Found) {
    let value = &document.value;
    let name = text(value, "name").unwrap_or_default();
    let id = format!("file:{}#{name}", document.path());
    let mut asset = Asset::new(&id, AssetKind::Agent, name);
    keep(value, &["type", "version", "conversation_starters"], &mut asset);
    if let Some(description) = text(value, "description") {
        asset.properties.insert("description".into(), short(description).into());
    }
    match value.get("model") {
        Some(Value::String(model)) => uses_model(&id, model, &document.evidence("/model"), found),
        Some(model) => {
            for key in ["id", "name", "deployment_name"] {
                if let Some(model) = text(model, key) {
                    uses_model(&id, model, &document.evidence(&format!("/model/{key}")), found);
                }
            }
        }
        None => {}
    }
    for key in ["tools", "capabilities", "actions"] {
        for (i, tool) in list(value, key) {
            let function = tool.get("function").unwrap_or(tool);
            let name = tool.as_str().or_else(|| ["name", "id", "type"].iter().find_map(|key| text(function, key)));
            if let Some(name) = name {
                let evidence = document.evidence(&format!("/{key}/{i}"));
                has_tool(&id, name, text(function, "description"), &evidence, found);
            }
        }
    }
    found.inventory.add(asset.seen(document.evidence("/name").excerpt(name)));
}
