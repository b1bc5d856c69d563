//! What spans of AI tell: which service calls which model at which provider, its agents, tools and stores, its tokens;
//! prompts and answers as events. Names of attributes are those of OpenTelemetry's GenAI conventions, old and new, of
//! OpenLLMetry and of OpenInference.

use std::collections::HashMap;

use serde_json::Value;

use super::span::{self, Span};
use super::traffic::{Address, Call, Target, add, count, note_of};
use crate::asset::{Asset, AssetKind, Document, Evidence, ModelCall, RelationKind, TextRole};
use crate::discover::conversation;
use crate::discover::format::{Found, Structured};
use crate::discover::model_ref;
use crate::text::arguments::harm;

pub(super) const SPANS: Structured = Structured {
    name: "otel-genai",
    critical: false,
    in_parts: false,
    markers: &["\"resourceSpans\"", "gen_ai."],
    matches: span::is,
    read,
};

/// Attributes that only spans of AI have.
const AI: &[&str] = &[
    "gen_ai.",
    "llm.",
    "traceloop.",
    "openinference.",
    "ai.model.",
    "ai.telemetry.",
    "mcp.",
    "embedding.",
    "retrieval.",
    "db.vector.",
    "langfuse.",
    "langsmith.",
];
const PROVIDER: &[&str] =
    &["gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "llm.vendor", "ai.model.provider"];
const REQUESTED: &[&str] = &[
    "gen_ai.request.model",
    "llm.request.model",
    "llm.model_name",
    "embedding.model_name",
    "reranker.model_name",
    "ai.model.id",
    "gen_ai.response.model",
    "llm.response.model",
];
const ANSWERED: &[&str] = &["gen_ai.response.model", "llm.response.model", "ai.response.model"];
const AGENT: &[&str] = &["gen_ai.agent.name", "agent.name", "gen_ai.agent.id"];
const TOOL: &[&str] = &["gen_ai.tool.name", "tool.name", "mcp.tool.name", "ai.toolCall.name"];
const ARGUMENTS: &[&str] = &[
    "gen_ai.tool.call.arguments",
    "tool.parameters",
    "ai.toolCall.args",
    "mcp.tool.arguments",
    "traceloop.entity.input",
    "input.value",
];
const BASE: &[&str] = &["gen_ai.openai.api_base", "llm.openai.api_base", "openai.api_base", "url.full", "http.url"];
const SERVER: &[&str] = &["server.address", "net.peer.name", "peer.address"];
const INPUT_TOKENS: &[&str] = &[
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.usage.prompt_tokens",
    "llm.token_count.prompt",
    "ai.usage.promptTokens",
];
const OUTPUT_TOKENS: &[&str] = &[
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.usage.completion_tokens",
    "llm.token_count.completion",
    "ai.usage.completionTokens",
];
const ACTOR: &[&str] = &[
    "enduser.id",
    "user.id",
    "gen_ai.user.id",
    "session.id",
    "gen_ai.conversation.id",
    "traceloop.association.properties.user_id",
];
const STORES: &[&str] = &[
    "pinecone",
    "qdrant",
    "chroma",
    "chromadb",
    "milvus",
    "weaviate",
    "pgvector",
    "lancedb",
    "marqo",
    "vespa",
    "faiss",
    "elasticsearch",
    "opensearch",
    "azure_ai_search",
];

fn read(document: &Document, found: &mut Found) {
    let spans = span::all(&document.value);
    let by_id: HashMap<&str, &Span<'_>> =
        spans.iter().filter(|span| !span.id.is_empty()).map(|span| (span.id, span)).collect();
    for span in &spans {
        let store = span.text(&["db.system", "db.system.name"]).is_some_and(|system| STORES.contains(&system));
        if store || span.mentions(AI) {
            let evidence = document.evidence(&span.pointer).excerpt(span.name);
            Teller { span, by_id: &by_id, evidence }.tell(found);
        }
    }
}

/// Tells what one span says.
struct Teller<'a> {
    span: &'a Span<'a>,
    by_id: &'a HashMap<&'a str, &'a Span<'a>>,
    evidence: Evidence,
}

impl Teller<'_> {
    fn tell(&self, found: &mut Found) {
        let service = self.service();
        let service_id = service.id.to_string();
        add(service, &self.evidence, found);
        let agent = self.agent(&service_id, found);
        let actor = agent.unwrap_or_else(|| service_id.clone());
        let kind = self.span.text(&[
            "gen_ai.operation.name",
            "openinference.span.kind",
            "traceloop.span.kind",
            "llm.request.type",
        ]);
        let kind = kind.unwrap_or_default().to_ascii_lowercase();
        note_of(&actor, "operations", &kind, found);
        self.tools(&actor, &kind, found);
        self.store(&actor, &kind, found);
        if kind == "guardrail" {
            let name = self.span.name;
            let guard = Asset::new(format!("{service_id}/guardrail/{name}"), AssetKind::Guardrail, name);
            found.relate(guard.id.as_str(), RelationKind::AppliesTo, &actor, &self.evidence);
            add(guard, &self.evidence, found);
        }
        self.model(&actor, &service_id, found);
        self.texts(&actor, found);
    }

    /// The service as an application; with what its resource says of where it runs.
    fn service(&self) -> Asset {
        let name = if self.span.service.is_empty() { "unknown_service" } else { self.span.service };
        let mut service = Asset::new(format!("service:{name}"), AssetKind::Application, name).ai();
        service.environment =
            self.span.resource(&["deployment.environment.name", "deployment.environment"]).map(str::to_owned);
        for (attribute, property) in [
            ("service.version", "version"),
            ("service.namespace", "service_namespace"),
            ("telemetry.sdk.language", "language"),
            ("cloud.account.id", "account"),
            ("cloud.region", "region"),
            ("host.name", "host"),
            ("k8s.cluster.name", "cluster"),
            ("k8s.namespace.name", "namespace"),
            ("k8s.deployment.name", "deployment"),
            ("k8s.pod.name", "pod"),
        ] {
            if let Some(value) = self.span.resource(&[attribute]) {
                service.properties.insert(property.to_owned(), value.into());
            }
        }
        service
    }

    /// The agent that a span is of, by itself or by what called it; the service contains it.
    fn agent(&self, service: &str, found: &mut Found) -> Option<String> {
        let (name, from) = self.named(|span| {
            let entity = || {
                span.text(&["traceloop.entity.name"]).filter(|_| span.text(&["traceloop.span.kind"]) == Some("agent"))
            };
            let named = || Some(span.name).filter(|_| span.text(&["openinference.span.kind"]) == Some("AGENT"));
            span.text(AGENT).or_else(entity).or_else(named)
        })?;
        let mut agent = Asset::new(format!("{service}/agent/{name}"), AssetKind::Agent, name);
        for (attribute, property) in [("gen_ai.agent.description", "description"), ("gen_ai.agent.version", "version")]
        {
            if let Some(text) = from.text(&[attribute]) {
                agent.properties.insert(property.to_owned(), text.into());
            }
        }
        if let Some(id) = from.text(&["gen_ai.agent.id"]).filter(|id| *id != name) {
            agent = agent.with("agent_id", id).alias(id);
        }
        let id = agent.id.to_string();
        found.relate(service, RelationKind::Contains, &id, &self.evidence);
        if std::ptr::eq(from, self.span) {
            let time = self.span.time.as_deref();
            found.happened(service, RelationKind::Invokes, &id, time, &self.evidence);
        }
        add(agent, &self.evidence, found);
        Some(id)
    }

    /// The first span, from this one up, of which something is known.
    fn named<'s>(&'s self, known: impl Fn(&'s Span<'s>) -> Option<&'s str>) -> Option<(&'s str, &'s Span<'s>)> {
        const UP: usize = 16;
        let mut span = self.span;
        for _ in 0..UP {
            if let Some(name) = known(span) {
                return Some((name, span));
            }
            span = self.by_id.get(span.parent)?;
        }
        None
    }

    /// The tool that is called, and those that the model is offered.
    fn tools(&self, actor: &str, kind: &str, found: &mut Found) {
        let span = self.span;
        let entity = || span.text(&["traceloop.entity.name"]).filter(|_| kind == "tool");
        let called = span.text(TOOL).or_else(entity).or_else(|| Some(span.name).filter(|_| kind == "tool"));
        if let Some(name) = called {
            let mut tool = Asset::new(format!("{actor}/tool/{name}"), AssetKind::Tool, name);
            let described = span.text(&["gen_ai.tool.description", "tool.description"]);
            for (key, text) in [("description", described), ("tool_type", span.text(&["gen_ai.tool.type"]))] {
                if let Some(text) = text {
                    tool.properties.insert(key.to_owned(), text.into());
                }
            }
            let id = tool.id.to_string();
            found.relate(actor, RelationKind::HasTool, &id, &self.evidence);
            found.happened(actor, RelationKind::Invokes, &id, span.time.as_deref(), &self.evidence);
            add(tool, &self.evidence, found);
            let arguments =
                span.value(ARGUMENTS).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            found.calls.tool(actor, name, arguments.as_deref().and_then(harm), &self.evidence);
        }
        let offered = span.below("llm.request.functions.").filter(|(rest, _)| rest.ends_with(".name"));
        let offered = offered.filter_map(|(_, value)| value.as_str().map(str::to_owned));
        for name in offered.chain(definitions(span.value(&["gen_ai.tool.definitions", "gen_ai.request.tools"]))) {
            let tool = Asset::new(format!("{actor}/tool/{name}"), AssetKind::Tool, &name);
            found.relate(actor, RelationKind::HasTool, tool.id.as_str(), &self.evidence);
            add(tool, &self.evidence, found);
        }
        if let Some(server) = span.text(&["mcp.server.name", "mcp.server.url"]) {
            let asset = Asset::new(format!("mcp:{server}"), AssetKind::McpServer, server);
            found.happened(actor, RelationKind::HasTool, asset.id.as_str(), span.time.as_deref(), &self.evidence);
            add(asset, &self.evidence, found);
        }
    }

    /// The store that context is retrieved from.
    fn store(&self, actor: &str, kind: &str, found: &mut Found) {
        let span = self.span;
        let system =
            span.text(&["db.system", "db.system.name", "db.vector.system"]).filter(|system| STORES.contains(system));
        let source = span.text(&["gen_ai.data_source.id"]);
        let retrieves = matches!(kind, "retriever" | "retrieval") || span.mentions(&["retrieval.", "db.vector."]);
        if system.is_none() && source.is_none() && !retrieves {
            return;
        }
        let collection = span.text(&["db.collection.name", "db.vector.collection", "db.namespace", "db.name"]);
        let address = span
            .text(SERVER)
            .and_then(|host| Target::of(&found.tables, Address { host, ..Address::default() }))
            .and_then(|target| target.id());
        let system_name = system.or(source).unwrap_or(span.name);
        let id = match (address.filter(|id| !id.starts_with("ai-provider:")), collection) {
            (Some(id), Some(collection)) => format!("{id}/{collection}"),
            (Some(id), None) => id,
            (None, Some(collection)) => format!("{actor}/store/{system_name}/{collection}"),
            (None, None) => format!("{actor}/store/{system_name}"),
        };
        let mut store = Asset::new(id, AssetKind::VectorStore, collection.unwrap_or(system_name));
        if let Some(system) = system {
            store.properties.insert("engine".into(), system.into());
        }
        if let Some(source) = source {
            store = store.alias(source);
        }
        let writes = span.text(&["db.operation", "db.operation.name"]).is_some_and(|operation| {
            ["insert", "upsert", "add", "delete", "update"]
                .iter()
                .any(|verb| operation.to_ascii_lowercase().contains(verb))
        });
        let verb = if writes { RelationKind::Writes } else { RelationKind::RetrievesFrom };
        found.happened(actor, verb, store.id.as_str(), span.time.as_deref(), &self.evidence);
        add(store, &self.evidence, found);
    }

    /// The model that is called, its provider or address, and what it costs in tokens.
    fn model(&self, actor: &str, service: &str, found: &mut Found) {
        let span = self.span;
        let model = span.text(REQUESTED);
        let named = span.text(PROVIDER);
        if model.is_none() && named.is_none() {
            return;
        }
        let url = span.text(BASE).map(Address::url);
        let port = span.number(&["server.port", "net.peer.port"]);
        let host =
            span.text(SERVER).map(|host| Address { host, port, path: "/v1/chat/completions", ..Address::default() });
        // a name in a trace may only be the library's guess: an address of one's own says more
        let tables = found.tables.clone();
        let by_address = [url, host].into_iter().flatten().find_map(|address| Target::of(&tables, address));
        let by_name = || named.and_then(|name| tables.provider_by_name(name)).map(Target::provider);
        let by_model =
            || model.and_then(|name| tables.provider_by_model(name)).filter(|_| named.is_none()).map(Target::provider);
        let target = by_address.or_else(by_name).or_else(by_model).unwrap_or_default();
        let provider = target.known();
        let source = found
            .inventory
            .get(actor)
            .map_or_else(|| self.service(), |known| Asset::new(actor, known.kind, &*known.name));
        let tokens = [INPUT_TOKENS, OUTPUT_TOKENS].into_iter().filter_map(|names| span.number(names)).sum();
        let counted = ModelCall {
            time: span.time.as_deref(),
            caller: span.text(ACTOR),
            model,
            tokens,
            failed: span.failed || span.text(&["error.type"]).is_some(),
            millis: span.millis,
            ..ModelCall::default()
        };
        found.calls.record(actor, counted, &self.evidence);
        let call = Call { source, target, model, time: span.time.as_deref(), blocked: false };
        let (_, model) = call.tell(&self.evidence, found);
        if let (Some(name), None) = (named, provider) {
            note_of(actor, "ai_systems", name, found);
        }
        for (key, names) in [("input_tokens", INPUT_TOKENS), ("output_tokens", OUTPUT_TOKENS)] {
            let tokens = span.number(names);
            for id in [Some(actor), Some(service).filter(|id| *id != actor), model.as_ref().map(|id| id.as_str())]
                .into_iter()
                .flatten()
            {
                count(id, key, tokens, found);
            }
        }
        if let (Some(model), Some(answered)) = (&model, span.text(ANSWERED)) {
            let named = model_ref::model(answered, actor).filter(|answered| answered.id != *model);
            if named.is_some() {
                note_of(model.as_str(), "answered_by", answered, found);
            }
        }
    }

    /// Prompts and answers, where the trace keeps them.
    fn texts(&self, actor: &str, found: &mut Found) {
        let span = self.span;
        let mut texts = conversation::Spoken::default();
        for (names, role) in [
            (["gen_ai.input.messages", "gen_ai.prompt", "ai.prompt.messages"], TextRole::Prompt),
            (["gen_ai.output.messages", "gen_ai.completion", "ai.response.text"], TextRole::Output),
        ] {
            for value in names.iter().filter_map(|name| span.value(&[*name])) {
                spoken(value, role, &mut texts);
            }
        }
        for (starts, default) in [
            (["gen_ai.prompt.", "llm.prompts.", "llm.input_messages."], TextRole::Prompt),
            (["gen_ai.completion.", "llm.completions.", "llm.output_messages."], TextRole::Output),
        ] {
            starts.iter().for_each(|start| indexed(span, start, default, &mut texts));
        }
        let instructions = span.value(&["gen_ai.system_instructions"]);
        instructions.and_then(instruction).into_iter().for_each(|text| texts.instruct(text));
        for (name, attributes) in &span.events {
            let role = match *name {
                "gen_ai.system.message" => {
                    let text = attributes.get("content").and_then(|value| instruction(value));
                    text.into_iter().for_each(|text| texts.instruct(text));
                    continue;
                }
                "gen_ai.user.message" | "gen_ai.content.prompt" => TextRole::Prompt,
                "gen_ai.choice" | "gen_ai.content.completion" | "gen_ai.assistant.message" => TextRole::Output,
                "gen_ai.tool.message" => TextRole::ToolResult,
                "gen_ai.client.inference.operation.details" => {
                    for (key, role) in
                        [("gen_ai.input.messages", TextRole::Prompt), ("gen_ai.output.messages", TextRole::Output)]
                    {
                        attributes.get(key).into_iter().for_each(|value| spoken(value, role, &mut texts));
                    }
                    continue;
                }
                _ => continue,
            };
            let keys = ["gen_ai.prompt", "gen_ai.completion", "content", "gen_ai.event.content", "message"];
            keys.iter().filter_map(|key| attributes.get(key)).for_each(|value| spoken(value, role, &mut texts));
        }
        if texts.is_empty() {
            for (name, role) in [
                ("traceloop.entity.input", TextRole::Prompt),
                ("input.value", TextRole::Prompt),
                ("traceloop.entity.output", TextRole::Output),
                ("output.value", TextRole::Output),
            ] {
                let text = span.text(&[name]).filter(|text| !text.starts_with(['{', '[']));
                texts.extend(text.map(|text| (role, text.to_owned())));
            }
        }
        conversation::keep(texts, actor, span.time.as_deref(), span.text(ACTOR), &self.evidence, found);
    }
}

/// Words of the developer, perhaps as JSON in a text.
fn instruction(value: &Value) -> Option<String> {
    let parsed = value.as_str().filter(|text| text.starts_with('[')).and_then(|text| serde_json::from_str(text).ok());
    conversation::content(parsed.as_ref().unwrap_or(value))
}

/// Names of tools in a list of their definitions, perhaps as text.
fn definitions(value: Option<&Value>) -> Vec<String> {
    let parsed;
    let list = match value {
        Some(Value::String(text)) => {
            parsed = serde_json::from_str::<Value>(text).unwrap_or_default();
            &parsed
        }
        Some(value) => value,
        None => return Vec::new(),
    };
    let name = |tool: &Value| tool.get("name").or_else(|| tool.pointer("/function/name"))?.as_str().map(str::to_owned);
    list.as_array().into_iter().flatten().filter_map(name).collect()
}

/// A message, or messages as JSON in a text.
fn spoken(value: &Value, role: TextRole, texts: &mut conversation::Spoken) {
    let parsed = value
        .as_str()
        .filter(|text| text.starts_with(['[', '{']))
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    let value = parsed.as_ref().unwrap_or(value);
    let before = texts.len();
    conversation::messages(Some(value), texts);
    conversation::messages(value.get("messages"), texts);
    if texts.len() == before && !matches!(value, Value::Array(_)) {
        let text = conversation::content(value).or_else(|| conversation::content(value.get("content")?));
        texts.extend(text.map(|text| (role, text)));
    }
}

/// `START.N.role` and `START.N.content`, in order; OpenInference has `message.` between.
fn indexed(span: &Span<'_>, start: &str, default: TextRole, texts: &mut conversation::Spoken) {
    let mut found: Vec<(usize, Option<&str>, &str)> = Vec::new();
    for (rest, value) in span.below(start) {
        let Some((index, field)) = rest.split_once('.') else { continue };
        let (Ok(index), Some(text)) = (index.parse::<usize>(), value.as_str()) else { continue };
        if matches!(field, "content" | "message.content" | "message.contents.0.message_content.text") {
            let role = |name: &str| span.text(&[&format!("{start}{index}.{name}")]);
            found.push((index, role("role").or_else(|| role("message.role")), text));
        }
    }
    found.sort_unstable();
    for (_, role, text) in found {
        match role {
            Some(name) => match conversation::role(Some(name)) {
                Some(role) => texts.push((role, text.to_owned())),
                None => texts.instruct(text.to_owned()),
            },
            None => texts.push((default, text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{lines, read, relations};
    use super::*;

    #[test]
    fn otlp_with_an_agent_its_tool_and_its_store() {
        let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
        let span = |id: &str, parent: &str, attributes: Vec<Value>| json!({"traceId": "t", "spanId": id, "parentSpanId": parent, "name": id, "startTimeUnixNano": "1700000000000000000", "attributes": attributes});
        let chat = json!([
            attribute("gen_ai.operation.name", "chat"), attribute("gen_ai.system", "az.ai.openai"),
            attribute("server.address", "acme.openai.azure.com"), attribute("gen_ai.request.model", "gpt-4o"),
            {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "7"}},
            attribute("gen_ai.prompt.0.role", "user"), attribute("gen_ai.prompt.0.content", "hi"),
            attribute("gen_ai.completion.0.content", "ho"),
        ]);
        let found = read(
            &json!({"resourceSpans": [{"resource": {"attributes": [attribute("service.name", "desk")]}, "scopeSpans": [{"spans": [
                span("run", "", vec![attribute("gen_ai.operation.name", "invoke_agent"), attribute("gen_ai.agent.name", "helper")]),
                span("chat", "run", chat.as_array().unwrap().clone()),
                span("look", "run", vec![attribute("gen_ai.operation.name", "execute_tool"), attribute("gen_ai.tool.name", "lookup")]),
                span("find", "run", vec![attribute("db.system", "qdrant"), attribute("db.collection.name", "docs")]),
                span("http", "", vec![attribute("http.request.method", "GET")]),
            ]}]}]}),
        );
        let relations = relations(&found);
        for relation in [
            "service:desk contains service:desk/agent/helper",
            "service:desk/agent/helper has_tool service:desk/agent/helper/tool/lookup",
            "service:desk/agent/helper retrieves_from service:desk/agent/helper/store/qdrant/docs",
            "service:desk/agent/helper invokes https://acme.openai.azure.com",
            "service:desk/agent/helper invokes model:gpt-4o",
            "service:desk/agent/helper invokes ai-provider:azure-openai",
            "https://acme.openai.azure.com serves model:gpt-4o",
        ] {
            assert!(relations.contains(&relation.to_owned()), "{relation}: {relations:#?}");
        }
        assert_eq!(found.inventory.get("service:desk").unwrap().properties["input_tokens"], 7);
        let evidence = &found.inventory.get("model:gpt-4o").unwrap().evidence[0];
        assert_eq!(evidence.pointer.as_deref(), Some("/resourceSpans/0/scopeSpans/0/spans/1"));
        let texts: Vec<_> = found.events.iter().map(|event| (event.role, event.text.as_str())).collect();
        assert_eq!(texts, [(TextRole::Prompt, "hi"), (TextRole::Output, "ho")]);
        assert_eq!(found.events[0].time.as_deref(), Some("2023-11-14T22:13:20Z"));
    }

    #[test]
    fn spans_of_other_exporters() {
        for (row, relation) in [
            (
                json!({"name": "c", "context": {"trace_id": "1", "span_id": "2"}, "attributes": {"gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-x"}, "resource": {"attributes": {"service.name": "a"}}}),
                "service:a invokes model:claude-x",
            ),
            (
                json!({"traceId": "1", "id": "2", "name": "c", "tags": {"llm.vendor": "Cohere", "llm.request.model": "command-r"}, "localEndpoint": {"serviceName": "a"}}),
                "service:a invokes ai-provider:cohere",
            ),
            (
                json!({"data": [{"spans": [{"traceID": "1", "spanID": "2", "operationName": "c", "processID": "p1", "tags": [{"key": "gen_ai.system", "value": "openai"}]}], "processes": {"p1": {"serviceName": "a"}}}]}),
                "service:a invokes ai-provider:openai",
            ),
            (
                json!({"trace_id": "1", "span_id": "2", "name": "c", "service_name": "a", "attributes": {"openinference.span.kind": "LLM", "llm.model_name": "gemini-x"}}),
                "service:a invokes ai-provider:google-gemini",
            ),
        ] {
            let found = lines(std::slice::from_ref(&row));
            assert!(relations(&found).contains(&relation.to_owned()), "{row}: {:?}", relations(&found));
        }
        let plain = json!({"name": "GET", "context": {"trace_id": "1"}, "attributes": {"http.method": "GET"}});
        assert!(lines(&[plain]).inventory.is_empty());
        assert!(!(SPANS.matches)(&json!({"name": "x", "tags": ["a"], "traceable": true})));
    }

    #[test]
    fn messages_in_attributes_and_events() {
        let found = lines(&[json!({
            "name": "c", "context": {"trace_id": "1", "span_id": "2"},
            "attributes": {"gen_ai.system": "openai", "enduser.id": "ann", "gen_ai.input.messages": "[{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"content\": \"q\"}]}, {\"role\": \"system\", \"parts\": [{\"content\": \"s\"}]}]"},
            "events": [{"name": "gen_ai.choice", "attributes": {"message": "{\"content\": \"r\"}"}}],
        })]);
        let texts: Vec<_> = found.events.iter().map(|e| (e.role, e.text.as_str(), e.actor.as_deref())).collect();
        assert_eq!(texts, [(TextRole::Prompt, "q", Some("ann")), (TextRole::Output, "r", Some("ann"))]);
    }
}
