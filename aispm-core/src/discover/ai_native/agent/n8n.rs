//! n8n workflows: agents, models, tools, memory and vector stores as nodes, and what connects them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{provider_named, short, uses_model, uses_provider};
use crate::asset::{
    Asset, AssetId, AssetKind, Authentication, Document, Evidence, Exposure, RelationKind, pointer_key,
};
use crate::discover::ai_native::{keep, list, text};
use crate::discover::format::{Found, Structured};
use crate::discover::model_ref;

pub(in crate::discover::ai_native) const N8N: Structured = Structured {
    name: "n8n-workflow",
    critical: true,
    in_parts: false,
    markers: &["\"nodes\"", "\"connections\"", "n8n-nodes"],
    matches: |value| {
        let node =
            |(_, node): (usize, &Value)| text(node, "type").is_some_and(|t| t.contains('.') || t.starts_with('@'));
        value.get("connections").is_some_and(Value::is_object) && list(value, "nodes").next().is_some_and(node)
    },
    read,
};

/// What a node is, by the end of its type: the first prefix that fits. Nodes of the AI package only.
const AI_NODES: &[(&str, AssetKind)] = &[
    ("agentTool", AssetKind::Agent),
    ("agent", AssetKind::Agent),
    ("openAiAssistant", AssetKind::Agent),
    ("chatTrigger", AssetKind::Endpoint),
    ("manualChatTrigger", AssetKind::Resource),
    ("mcpTrigger", AssetKind::McpServer),
    ("mcpClientTool", AssetKind::Tool),
    ("lm", AssetKind::Application),
    ("embeddings", AssetKind::Application),
    ("vectorStore", AssetKind::VectorStore),
    ("toolVectorStore", AssetKind::Tool),
    ("tool", AssetKind::Tool),
    ("guardrails", AssetKind::Guardrail),
    ("memory", AssetKind::Database),
    ("chain", AssetKind::Application),
    ("openAi", AssetKind::Application),
    ("anthropic", AssetKind::Application),
    ("googleGemini", AssetKind::Application),
    ("ollama", AssetKind::Application),
    ("informationExtractor", AssetKind::Application),
    ("textClassifier", AssetKind::Application),
    ("sentimentAnalysis", AssetKind::Application),
];

struct Workflow<'a> {
    document: &'a Document,
    id: String,
    /// From a node's name to its asset, for the nodes that have one.
    nodes: BTreeMap<&'a str, (String, AssetKind)>,
}

fn read(document: &Document, found: &mut Found) {
    let value = &document.value;
    let id = match value.get("id") {
        Some(Value::String(id)) if !id.is_empty() => format!("n8n:{id}"),
        Some(Value::Number(id)) => format!("n8n:{id}"),
        _ => format!("file:{}", document.path()),
    };
    let ai = list(value, "nodes").any(|(_, node)| text(node, "type").is_some_and(is_ai));
    let mut workflow = Workflow { document, id, nodes: BTreeMap::new() };
    let mut asset = Asset::new(&workflow.id, AssetKind::Application, text(value, "name").unwrap_or("workflow"));
    asset.ai = ai;
    asset.properties.insert("platform".into(), "n8n".into());
    asset.properties.insert("nodes".into(), list(value, "nodes").count().into());
    keep(value, &["active", "tags"], &mut asset);
    let tools = tool_nodes(value);
    for (i, node) in list(value, "nodes") {
        workflow.node(node, i, ai, &tools, found);
    }
    workflow.connections(found);
    found.inventory.add(asset.seen(document.evidence("").excerpt("n8n workflow")));
}

fn is_ai(kind: &str) -> bool {
    kind.contains("langchain") || kind.ends_with(".openAi")
}

/// Names of nodes that an agent has as tools.
fn tool_nodes(value: &Value) -> BTreeSet<&str> {
    let connections = value.get("connections").and_then(Value::as_object).into_iter().flatten();
    connections.filter(|(_, out)| out.get("ai_tool").is_some()).map(|(name, _)| name.as_str()).collect()
}

impl<'a> Workflow<'a> {
    fn node(&mut self, node: &'a Value, i: usize, ai: bool, tools: &BTreeSet<&str>, found: &mut Found) {
        let (Some(name), Some(kind)) = (text(node, "name"), text(node, "type")) else { return };
        let short_type = kind.rsplit('.').next().unwrap_or(kind);
        let parameters = node.get("parameters").unwrap_or(&Value::Null);
        let evidence = self.document.evidence(&format!("/nodes/{i}")).excerpt(format!("{name}: {kind}"));
        let asset_kind = if is_ai(kind) {
            AI_NODES
                .iter()
                .find(|(prefix, _)| short_type.starts_with(prefix))
                .map_or(AssetKind::Resource, |(_, kind)| *kind)
        } else if tools.contains(name) || short_type.ends_with("Tool") {
            AssetKind::Tool
        } else if ["webhook", "formTrigger", "form"].contains(&short_type) {
            AssetKind::Endpoint
        } else if ai && ["httpRequest", "code", "executeWorkflow", "executeCommand", "ssh"].contains(&short_type) {
            AssetKind::Resource
        } else {
            return;
        };
        let id = format!("{}#{name}", self.id);
        let mut asset = Asset::new(&id, asset_kind, name).with("node_type", kind);
        asset.ai = ai && (is_ai(kind) || matches!(asset_kind, AssetKind::Tool | AssetKind::Endpoint));
        keep(node, &["disabled", "typeVersion"], &mut asset);
        keep(
            parameters,
            &["agentType", "agent", "url", "path", "httpMethod", "toolDescription", "description", "tableName"],
            &mut asset,
        );
        if parameters.get("systemMessage").or_else(|| parameters.pointer("/options/systemMessage")).is_some() {
            asset.properties.insert("system_prompt".into(), true.into());
        }
        if ["toolCode", "code", "executeCommand", "ssh"].iter().any(|code| short_type.starts_with(code)) {
            asset.properties.insert("capability".into(), "code_execution".into());
        }
        self.models(&id, short_type, parameters, i, is_ai(kind), found);
        self.entry(&mut asset, short_type, parameters, &evidence, found);
        self.reach(&id, short_type, parameters, i, found);
        credentials(self.document, node, i, &id, found);
        found.relate(&self.id, RelationKind::Contains, &id, &evidence);
        self.nodes.insert(name, (id, asset.kind));
        found.inventory.add(asset.seen(evidence));
    }

    /// The model that a node calls, and its provider.
    fn models(&self, id: &str, short_type: &str, parameters: &Value, i: usize, ai: bool, found: &mut Found) {
        if !ai {
            return;
        }
        for key in ["model", "modelName", "modelId", "options/model"] {
            // pickers keep the choice as `{"__rl": true, "value": …}`
            let setting = parameters.pointer(&format!("/{key}"));
            let name = setting.and_then(|s| s.as_str().or_else(|| s.get("value")?.as_str()));
            if let Some(name) = name.filter(|name| !name.starts_with('=')) {
                let evidence = self.document.evidence(&format!("/nodes/{i}/parameters/{key}"));
                uses_model(id, name.trim_start_matches("models/"), &evidence, found);
            }
        }
        if let Some(provider) = provider_named(short_type) {
            uses_provider(id, provider, &self.document.evidence(&format!("/nodes/{i}/type")), found);
        }
    }

    /// Webhooks, forms, public chats and MCP triggers are reached from the internet.
    fn entry(&self, asset: &mut Asset, short_type: &str, parameters: &Value, evidence: &Evidence, found: &mut Found) {
        let open = match short_type {
            "webhook" | "formTrigger" | "mcpTrigger" => true,
            "chatTrigger" => parameters.get("public").and_then(Value::as_bool) == Some(true),
            _ => false,
        };
        if !open {
            return;
        }
        asset.exposure = Some(Exposure::Public);
        asset.authentication = Some(match text(parameters, "authentication") {
            None | Some("none") => Authentication::None,
            Some("n8nUserAuth" | "jwtAuth") => Authentication::Identity,
            Some(_) => Authentication::Key,
        });
        found.relate(AssetId::INTERNET, RelationKind::Exposes, asset.id.as_str(), evidence);
    }

    /// What a node calls: another workflow, an address, an MCP server.
    fn reach(&self, id: &str, short_type: &str, parameters: &Value, i: usize, found: &mut Found) {
        let at = |key: &str| self.document.evidence(&format!("/nodes/{i}/parameters/{key}"));
        let workflow = parameters.get("workflowId");
        if let Some(other) = workflow.and_then(|w| w.as_str().or_else(|| w.get("value")?.as_str())) {
            found.relate(id, RelationKind::Invokes, &format!("n8n:{other}"), &at("workflowId"));
        }
        for key in ["endpointUrl", "sseEndpoint"] {
            if let Some(url) = text(parameters, key).filter(|url| url.contains("://")) {
                let mut server = Asset::new(url.trim_end_matches('/'), AssetKind::McpServer, url).with("url", url);
                server.encryption.in_transit = Some(url.starts_with("https://"));
                found.relate(id, RelationKind::Uses, server.id.as_str(), &at(key));
                found.inventory.add(server.seen(at(key)));
            }
        }
        if let Some(url) =
            text(parameters, "url").filter(|url| url.contains("://") && short_type.contains("ttpRequest"))
        {
            let provider = model_ref::host(url).and_then(|host| Some(found.tables.provider_by_host(&host)?.asset()));
            if let Some(provider) = provider {
                uses_provider(id, provider, &at("url"), found);
            }
        }
    }

    /// Edges between nodes; a trigger invokes the AI nodes that lie behind it.
    fn connections(&self, found: &mut Found) {
        let Some(connections) = self.document.value.get("connections").and_then(Value::as_object) else { return };
        let mut main: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (from, outputs) in connections {
            for (kind, ports) in outputs.as_object().into_iter().flatten() {
                let evidence =
                    self.document.evidence(&format!("/connections/{}/{}", pointer_key(from), pointer_key(kind)));
                let ports = ports.as_array().into_iter().flatten().filter_map(Value::as_array).flatten();
                for to in ports.filter_map(|target| text(target, "node")) {
                    if kind == "main" {
                        main.entry(from).or_default().push(to);
                    } else if let (Some((part, _)), Some((user, _))) =
                        (self.nodes.get(from.as_str()), self.nodes.get(to))
                    {
                        let verb = match kind.as_str() {
                            "ai_tool" => RelationKind::HasTool,
                            "ai_vectorStore" | "ai_retriever" => RelationKind::RetrievesFrom,
                            _ => RelationKind::Uses,
                        };
                        found.relate(user, verb, part, &evidence);
                        // what a model node calls, its agent calls
                        let models = found.inventory.outgoing(part).map(|relation| relation.to.to_string());
                        let model = |id: &String| found.inventory.get(id).is_some_and(|a| a.kind == AssetKind::Model);
                        let models: Vec<String> = models.filter(model).collect();
                        for model in models.iter().filter(|_| kind == "ai_languageModel") {
                            found.relate(user, RelationKind::Uses, model, &evidence);
                        }
                    }
                }
            }
        }
        for (name, (id, kind)) in &self.nodes {
            if matches!(kind, AssetKind::Endpoint | AssetKind::Agent) {
                self.behind(name, id, &main, found);
            }
        }
    }

    /// The nearest nodes of ours that the flow reaches from a node, through others.
    fn behind(&self, name: &str, id: &str, main: &BTreeMap<&str, Vec<&str>>, found: &mut Found) {
        let (mut seen, mut next) = (BTreeSet::from([name]), vec![name]);
        while let Some(here) = next.pop() {
            for to in main
                .get(here)
                .into_iter()
                .flatten()
                .filter(|to| seen.len() < 1000 && !seen.contains(*to))
                .copied()
                .collect::<Vec<_>>()
            {
                seen.insert(to);
                match self.nodes.get(to) {
                    Some((target, _)) => {
                        let evidence = self.document.evidence(&format!("/connections/{}", pointer_key(here)));
                        found.relate(id, RelationKind::Invokes, target, &evidence);
                    }
                    None => next.push(to),
                }
            }
        }
    }
}

/// Credentials by name; n8n keeps their values elsewhere.
fn credentials(document: &Document, node: &Value, i: usize, id: &str, found: &mut Found) {
    for (kind, credential) in node.get("credentials").and_then(Value::as_object).into_iter().flatten() {
        let Some(name) = text(credential, "name") else { continue };
        let evidence = document.evidence(&format!("/nodes/{i}/credentials/{}", pointer_key(kind)));
        let secret = Asset::new(format!("n8n-credential:{name}"), AssetKind::Secret, short(name));
        found.relate(id, RelationKind::Uses, secret.id.as_str(), &evidence);
        found.inventory.add(secret.with("credential_type", kind.as_str()).seen(evidence.excerpt(kind)));
    }
}
