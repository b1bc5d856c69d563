//! Flows of visual builders: Flowise, Langflow and Dify. Each is a graph whose nodes say by a word what they are.

use std::collections::HashMap;

use serde_json::Value;

use super::{provider_named, uses_model, uses_provider};
use crate::asset::{Asset, AssetKind, Document, RelationKind};
use crate::discover::ai_native::{list, text};
use crate::discover::format::{Found, Structured};
use crate::discover::walk::file_name;

/// Flowise (`nodes` whose `data` has a `category`) and Langflow (`data.nodes` whose `data` has a `node`).
pub(in crate::discover::ai_native) const FLOW: Structured = Structured {
    name: "agent-flow",
    critical: true,
    in_parts: false,
    markers: &["\"nodes\"", "\"edges\"", "\"data\""],
    matches: |value| {
        let graph = value.get("data").filter(|data| data.get("nodes").is_some()).unwrap_or(value);
        let node = |(_, node): (usize, &Value)| {
            let data = node.get("data").unwrap_or(&Value::Null);
            data.get("category").is_some() && data.get("baseClasses").or_else(|| data.get("inputs")).is_some()
                || data.get("node").is_some_and(|node| node.get("template").is_some())
        };
        graph.get("edges").is_some_and(Value::is_array) && list(graph, "nodes").any(node)
    },
    read: |document, found| {
        let inner = document.value.get("data").filter(|data| data.get("nodes").is_some());
        let (graph, pointer) = inner.map_or((&document.value, ""), |data| (data, "/data"));
        let id = format!("file:{}", document.path());
        let name = text(&document.value, "name").unwrap_or(file_name(document.path()));
        read(document, graph, pointer, &Asset::new(id, AssetKind::Application, name).ai(), found);
    },
};

/// Dify: an app as YAML.
pub(in crate::discover::ai_native) const DIFY: Structured = Structured {
    name: "dify-app",
    critical: true,
    in_parts: false,
    markers: &["app:", "mode:", "model_config:"],
    matches: |value| {
        let app = value.get("app").is_some_and(|app| app.get("mode").is_some());
        app && ["workflow", "model_config"].iter().any(|key| value.get(key).is_some())
    },
    read: dify,
};

/// Words in a node's category or type, and what it is; the first that occurs decides.
const WORDS: &[(&str, AssetKind)] = &[
    ("agent", AssetKind::Agent),
    ("assistant", AssetKind::Agent),
    ("mcp", AssetKind::McpServer),
    ("vectorstore", AssetKind::VectorStore),
    ("vector store", AssetKind::VectorStore),
    ("knowledge", AssetKind::VectorStore),
    ("astradb", AssetKind::VectorStore),
    ("chroma", AssetKind::VectorStore),
    ("pinecone", AssetKind::VectorStore),
    ("embedding", AssetKind::Application),
    ("chat model", AssetKind::Application),
    ("llm", AssetKind::Application),
    ("model", AssetKind::Application),
    ("chain", AssetKind::Application),
    ("prompt", AssetKind::PromptTemplate),
    ("moderation", AssetKind::Guardrail),
    ("tool", AssetKind::Tool),
    ("http-request", AssetKind::Tool),
    ("code", AssetKind::Tool),
];

fn read(document: &Document, graph: &Value, pointer: &str, app: &Asset, found: &mut Found) {
    let mut nodes: HashMap<&str, (String, AssetKind)> = HashMap::new();
    for (i, node) in list(graph, "nodes") {
        let data = node.get("data").unwrap_or(&Value::Null);
        let described = data.get("node").unwrap_or(data);
        let field = |key: &str| text(data, key).or_else(|| text(described, key));
        let words = [field("category"), field("type"), field("display_name"), field("name")];
        let words = words.into_iter().flatten().collect::<Vec<_>>().join(" ").to_lowercase();
        let Some((_, kind)) = WORDS.iter().find(|(word, _)| words.contains(word)) else { continue };
        let node_id = text(node, "id").unwrap_or_default();
        let name = field("label").or_else(|| field("title")).or_else(|| field("display_name")).unwrap_or(node_id);
        let id = format!("{}#{node_id}", app.id);
        let at = format!("{pointer}/nodes/{i}");
        let evidence = document.evidence(&at).excerpt(name);
        let mut asset = Asset::new(&id, *kind, name).ai();
        if let Some(node_type) = field("type") {
            asset.properties.insert("node_type".into(), node_type.into());
        }
        for place in [
            "inputs/modelName",
            "inputs/model",
            "node/template/model_name/value",
            "node/template/model/value",
            "model/name",
        ] {
            if let Some(model) =
                data.pointer(&format!("/{place}")).and_then(Value::as_str).filter(|m| !m.starts_with('{'))
            {
                uses_model(&id, model, &document.evidence(&format!("{at}/data/{place}")), found);
            }
        }
        let provider = data.pointer("/model/provider").and_then(Value::as_str).and_then(provider_named);
        let provider = provider.or_else(|| field("type").or_else(|| field("name")).and_then(provider_named));
        if let Some(provider) = provider.filter(|_| *kind == AssetKind::Application) {
            uses_provider(&id, provider, &evidence, found);
        }
        found.relate(app.id.as_str(), RelationKind::Contains, &id, &evidence);
        nodes.insert(node_id, (id, *kind));
        found.inventory.add(asset.seen(evidence));
    }
    for (i, edge) in list(graph, "edges") {
        let end = |key: &str| text(edge, key).and_then(|id| nodes.get(id));
        let (Some((from, kind)), Some((to, _))) = (end("source"), end("target")) else { continue };
        let evidence = document.evidence(&format!("{pointer}/edges/{i}"));
        // a part points to what uses it
        let verb = match kind {
            AssetKind::Tool | AssetKind::McpServer => RelationKind::HasTool,
            AssetKind::VectorStore => RelationKind::RetrievesFrom,
            AssetKind::PromptTemplate => RelationKind::Prompts,
            _ => RelationKind::Uses,
        };
        found.relate(to, verb, from, &evidence);
    }
    found.inventory.add(app.clone().seen(document.evidence("").excerpt(&app.name)));
}

fn dify(document: &Document, found: &mut Found) {
    let value = &document.value;
    let app = value.get("app").unwrap_or(&Value::Null);
    let mode = text(app, "mode").unwrap_or_default();
    let kind = if mode.contains("agent") { AssetKind::Agent } else { AssetKind::Application };
    let id = format!("file:{}", document.path());
    let mut asset = Asset::new(&id, kind, text(app, "name").unwrap_or(file_name(document.path()))).ai();
    asset.properties.insert("platform".into(), "dify".into());
    asset.properties.insert("mode".into(), mode.into());
    asset.purpose = text(app, "description").map(str::to_owned);
    if let Some(config) = value.get("model_config") {
        if let Some(model) = config.pointer("/model/name").and_then(Value::as_str) {
            uses_model(&id, model, &document.evidence("/model_config/model/name"), found);
        }
        if let Some(provider) = config.pointer("/model/provider").and_then(Value::as_str).and_then(provider_named) {
            uses_provider(&id, provider, &document.evidence("/model_config/model/provider"), found);
        }
        for (i, tool) in config.get("agent_mode").map(|mode| list(mode, "tools")).into_iter().flatten() {
            if let Some(name) = text(tool, "tool_name") {
                let evidence = document.evidence(&format!("/model_config/agent_mode/tools/{i}"));
                super::has_tool(&id, name, None, &evidence, found);
            }
        }
    }
    match value.pointer("/workflow/graph") {
        Some(graph) => read(document, graph, "/workflow/graph", &asset, found),
        None => found.inventory.add(asset.seen(document.evidence("/app").excerpt("dify"))),
    }
}
