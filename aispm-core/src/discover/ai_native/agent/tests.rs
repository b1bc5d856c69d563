use serde_json::{Value, json};

use crate::asset::{AssetKind, Authentication, Exposure, Inventory};
use crate::discover::{discovery_of, inventory_of};

fn read(value: Value) -> Inventory {
    inventory_of("f.json", &value.to_string())
}

fn relations(inventory: &Inventory) -> Vec<(&str, &str, &str)> {
    inventory.relations().map(|r| (r.from.as_str(), r.kind.as_str(), r.to.as_str())).collect()
}

fn place(inventory: &Inventory, id: &str) -> String {
    inventory.get(id).unwrap().evidence[0].pointer.clone().unwrap()
}

#[test]
fn skills_subagents_instructions_and_prompts() {
    let found = discovery_of(&[
        (
            "pdf/SKILL.md",
            "---\nname: pdf\ndescription: Reads: PDFs\nallowed-tools: Bash(git:*), Read\n---\nRun `scripts/x.py`.\n",
        ),
        ("pdf/scripts/x.py", "print(1)\n"),
        ("agents/rev.md", "---\nname: rev\ndescription: Reviews\ntools: [Read]\nmodel: gpt-4o\n---\nYou review.\n"),
        ("raw/SKILL.md", "# raw\n\nDoes it.\n"),
        ("CLAUDE.md", "Be kind.\n"),
        (
            "ask.prompty",
            "---\nname: ask\nmodel:\n  configuration: {type: azure_openai, azure_deployment: gpt-4o}\n---\nsystem:\n",
        ),
        ("NOTES.md", "Nothing.\n"),
    ]);
    let get = |id: &str| found.inventory.get(id).unwrap();
    let skill = get("file:d/pdf/SKILL.md");
    assert_eq!((skill.kind, skill.text("description")), (AssetKind::Tool, Some("Reads: PDFs")));
    assert_eq!(
        (get("file:d/agents/rev.md").kind, get("file:d/CLAUDE.md").kind),
        (AssetKind::Agent, AssetKind::PromptTemplate)
    );
    let raw = get("file:d/raw/SKILL.md");
    assert_eq!((raw.name.as_str(), raw.text("description")), ("raw", Some("Does it.")));
    assert_eq!(get("file:d/pdf/scripts/x.py").evidence[0].line, Some(6));
    assert_eq!(
        relations(&found.inventory),
        [
            ("file:d/agents/rev.md", "uses", "model:gpt-4o"),
            ("file:d/agents/rev.md", "has_tool", "file:d/agents/rev.md/Read"),
            ("file:d/ask.prompty", "uses", "ai-provider:azure-openai"),
            ("file:d/ask.prompty", "uses", "model:gpt-4o"),
            ("file:d/pdf/SKILL.md", "has_tool", "file:d/pdf/SKILL.md/Bash(git:*)"),
            ("file:d/pdf/SKILL.md", "has_tool", "file:d/pdf/SKILL.md/Read"),
            ("file:d/pdf/SKILL.md", "has_tool", "file:d/pdf/scripts/x.py"),
        ]
    );
    assert!(found.incomplete.is_empty(), "{:?}", found.incomplete);
    assert!(found.skipped.iter().any(|unread| unread.path.ends_with("NOTES.md")));
}

#[test]
fn a_crew() {
    let found = discovery_of(&[
        ("agents.yaml", "writer:\n  role: Writer\n  goal: Write\n  backstory: Old\n  llm: openai/gpt-4o\n"),
        ("tasks.yaml", "draft:\n  description: Draft it\n  expected_output: Text\n  agent: writer\n"),
    ]);
    let agent = found.inventory.get("file:d/agents.yaml#writer").unwrap();
    assert_eq!((agent.kind, agent.evidence[0].line), (AssetKind::Agent, Some(1)));
    assert_eq!(
        relations(&found.inventory),
        [
            ("file:d/agents.yaml#writer", "uses", "ai-provider:openai"),
            ("file:d/agents.yaml#writer", "uses", "model:gpt-4o"),
            ("file:d/agents.yaml#writer", "prompts", "file:d/tasks.yaml#draft"),
        ]
    );
}

#[test]
fn an_n8n_workflow() {
    let node =
        |name: &str, kind: &str, parameters: Value| json!({"name": name, "type": kind, "parameters": parameters});
    let mut model =
        node("Model", "@n8n/n8n-nodes-langchain.lmChatOpenAi", json!({"model": {"__rl": true, "value": "gpt-4o"}}));
    model["credentials"] = json!({"openAiApi": {"id": "1", "name": "Acme key"}});
    let to = |name: &str, kind: &str| json!({kind: [[{"node": name, "type": kind, "index": 0}]]});
    let inventory = read(json!({"id": "w1", "name": "Help", "nodes": [
        node("Hook", "n8n-nodes-base.webhook", json!({"path": "x"})),
        node("Set", "n8n-nodes-base.set", json!({})),
        node("Agent", "@n8n/n8n-nodes-langchain.agent", json!({})),
        model,
        node("Code", "@n8n/n8n-nodes-langchain.toolCode", json!({})),
        node("Store", "@n8n/n8n-nodes-langchain.vectorStoreQdrant", json!({})),
    ], "connections": {
        "Hook": to("Set", "main"), "Set": to("Agent", "main"), "Model": to("Agent", "ai_languageModel"),
        "Code": to("Agent", "ai_tool"), "Store": to("Agent", "ai_vectorStore")}}));
    let hook = inventory.get("n8n:w1#Hook").unwrap();
    assert_eq!((hook.exposure, hook.authentication), (Some(Exposure::Public), Some(Authentication::None)));
    assert_eq!(place(&inventory, "n8n:w1#Code"), "/nodes/4");
    let all = relations(&inventory);
    for expected in [
        ("internet", "exposes", "n8n:w1#Hook"),
        ("n8n:w1#Hook", "invokes", "n8n:w1#Agent"),
        ("n8n:w1#Agent", "uses", "n8n:w1#Model"),
        ("n8n:w1#Agent", "uses", "model:gpt-4o"),
        ("n8n:w1#Agent", "has_tool", "n8n:w1#Code"),
        ("n8n:w1#Agent", "retrieves_from", "n8n:w1#Store"),
        ("n8n:w1#Model", "uses", "model:gpt-4o"),
        ("n8n:w1#Model", "uses", "ai-provider:openai"),
        ("n8n:w1#Model", "uses", "n8n-credential:Acme key"),
    ] {
        assert!(all.contains(&expected), "{expected:?} {all:?}");
    }
}

#[test]
fn flows_of_builders() {
    let node = |id: &str, category: &str| json!({"id": id, "data": {"name": id, "category": category, "inputs": {"modelName": "gpt-4o"}}});
    let inventory = read(
        json!({"nodes": [node("a", "Agents"), node("m", "Chat Models")], "edges": [{"source": "m", "target": "a"}]}),
    );
    assert_eq!(inventory.get("file:f.json#a").unwrap().kind, AssetKind::Agent);
    assert!(relations(&inventory).contains(&("file:f.json#a", "uses", "file:f.json#m")));
    let inventory = read(
        json!({"app": {"name": "x", "mode": "chat"}, "model_config": {"model": {"provider": "openai", "name": "gpt-4o"}}}),
    );
    assert!(relations(&inventory).contains(&("file:f.json", "uses", "model:gpt-4o")));
}

#[test]
fn agents_and_tools_that_present_themselves() {
    let inventory = read(
        json!({"name": "Acme", "url": "https://a.example/", "capabilities": {}, "skills": [{"id": "s", "name": "sum", "description": "Adds"}]}),
    );
    let agent = inventory.get("https://a.example").unwrap();
    assert_eq!((agent.kind, agent.authentication), (AssetKind::Agent, Some(Authentication::None)));
    assert_eq!(place(&inventory, "https://a.example/sum"), "/skills/0");
    let inventory = read(
        json!({"name_for_model": "t", "description_for_model": "d", "auth": {"type": "none"}, "api": {"url": "https://a.example/o.yaml"}}),
    );
    assert_eq!(relations(&inventory), [("file:f.json#t", "invokes", "https://a.example/o.yaml")]);
    let inventory = read(json!({"graphs": {"g": "./a.py:graph"}}));
    assert_eq!(relations(&inventory), [("file:f.json", "contains", "file:f.json#g")]);
}

#[test]
fn mcp_servers_as_packages() {
    let inventory = read(json!({"servers": [{"server": {"name": "io.acme/x", "description": "d", "version": "1.0.0",
        "packages": [{"registryType": "npm", "identifier": "@acme/x", "version": "1.0.0"}],
        "remotes": [{"type": "sse", "url": "https://x.example/sse"}]}}]}));
    assert_eq!(
        relations(&inventory),
        [
            ("https://x.example/sse", "exposes", "mcp-server:io.acme/x"),
            ("mcp-server:io.acme/x", "uses", "pkg:npm/%40acme/x@1.0.0"),
        ]
    );
    assert_eq!(place(&inventory, "mcp-server:io.acme/x"), "/servers/0/server/name");
    let inventory = read(json!({"dxt_version": "0.1", "name": "b", "version": "1", "tools": [{"name": "t"}],
        "server": {"type": "node", "mcp_config": {"command": "node", "args": ["x.js"]}}}));
    assert_eq!(relations(&inventory), [("file:f.json", "has_tool", "file:f.json/t")]);
}

#[test]
fn servers_in_toml() {
    let found = discovery_of(&[(
        "config.toml",
        "model = \"x\"\n\n[mcp_servers.docs]\ncommand = \"npx\"\nargs = [\"-y\", \"@acme/docs\"]\n",
    )]);
    let server = found.inventory.get("file:d/config.toml#docs").unwrap();
    assert_eq!((server.evidence[0].line, server.provenance.pinned), (Some(3), Some(false)));
}

#[test]
fn objects_of_the_openai_api() {
    let inventory = read(json!({"object": "list", "data": [
        {"id": "asst_1", "object": "assistant", "created_at": 1, "name": "Help", "model": "gpt-4o",
         "tools": [{"type": "code_interpreter"}], "tool_resources": {"file_search": {"vector_store_ids": ["vs_1"]}}},
        {"id": "ft-1", "object": "fine_tuning.job", "created_at": 1, "model": "gpt-4o", "fine_tuned_model": "ft:gpt-4o:acme", "training_file": "file-1"}]}));
    assert_eq!(
        relations(&inventory),
        [
            ("model:ft:gpt-4o:acme", "trained_on", "openai:file-1"),
            ("model:ft:gpt-4o:acme", "derived_from", "model:gpt-4o"),
            ("openai:asst_1", "uses", "model:gpt-4o"),
            ("openai:asst_1", "retrieves_from", "openai:vs_1"),
            ("openai:asst_1", "has_tool", "openai:asst_1/code_interpreter"),
            ("openai:ft-1", "reads", "openai:file-1"),
            ("openai:ft-1", "writes", "model:ft:gpt-4o:acme"),
        ]
    );
}

#[test]
fn evaluations_guardrails_and_assistants() {
    for (value, kind) in [
        (json!({"prompts": ["a"], "providers": ["openai:gpt-4o"], "tests": []}), AssetKind::Evaluation),
        (
            json!({"plugins": {"model_type": "openai", "model_name": "gpt-4o", "probe_spec": "all"}}),
            AssetKind::Evaluation,
        ),
        (
            json!({"models": [{"type": "main", "engine": "openai", "model": "gpt-4o"}], "rails": {"input": {"flows": ["a"]}}}),
            AssetKind::Guardrail,
        ),
    ] {
        let inventory = read(value);
        assert_eq!(inventory.get("file:f.json").unwrap().kind, kind);
        assert!(relations(&inventory).contains(&("file:f.json", "uses", "model:gpt-4o")));
    }
    let inventory =
        inventory_of("bot/domain.json", &json!({"intents": ["hi"], "responses": {}, "actions": ["a"]}).to_string());
    assert_eq!(relations(&inventory), [("file:bot", "has_tool", "file:bot/a")]);
}

#[test]
fn agents_that_are_declared_whole() {
    let inventory = read(
        json!({"provider": "autogen_agentchat.teams.RoundRobinGroupChat", "component_type": "team", "config": {
        "participants": [{"provider": "autogen_agentchat.agents.AssistantAgent", "component_type": "agent", "config": {
            "name": "writer",
            "model_client": {"provider": "autogen_ext.models.openai.OpenAIChatCompletionClient", "component_type": "model", "config": {"model": "gpt-4o"}},
            "tools": [{"provider": "x.FunctionTool", "component_type": "tool", "config": {"name": "add"}}]}}]}}),
    );
    assert_eq!(
        relations(&inventory),
        [
            ("file:f.json", "contains", "file:f.json#writer"),
            ("file:f.json#writer", "uses", "ai-provider:openai"),
            ("file:f.json#writer", "uses", "model:gpt-4o"),
            ("file:f.json#writer", "has_tool", "file:f.json#writer/add"),
        ]
    );
    assert_eq!(place(&inventory, "file:f.json#writer"), "/config/participants/0");
    let inventory = read(
        json!({"name": "help", "instructions": "Help.", "model": {"id": "gpt-4o"}, "tools": [{"type": "search"}]}),
    );
    assert_eq!(
        relations(&inventory),
        [("file:f.json#help", "uses", "model:gpt-4o"), ("file:f.json#help", "has_tool", "file:f.json#help/search")]
    );
    let inventory = read(json!({"permissions": {"allow": ["Bash(ls:*)"], "defaultMode": "plan"}}));
    assert_eq!(relations(&inventory), [("file:f.json", "has_tool", "file:f.json/Bash(ls:*)")]);
}

#[test]
fn what_is_none_of_these() {
    for value in [
        json!({"nodes": [{"type": "x.y", "name": "n"}]}),
        json!({"nodes": [], "edges": []}),
        json!({"name": "x", "skills": ["go"]}),
        json!({"id": "1", "object": "charge", "created": 1}),
        json!({"id": "1", "object": "file", "created": 1, "purpose": "dispute_evidence"}),
        json!({"packages": [{"name": "x"}], "name": "y"}),
        json!({"providers": {"aws": {}}, "tests": []}),
        json!({"a": {"role": "admin"}}),
        json!({"plugins": ["x"]}),
        json!({"name": "soup", "instructions": "Boil.", "ingredients": [], "tools": ["pot"]}),
        json!({"permissions": {"allow": ["read"]}}),
        json!({"component_type": "agent", "config": {}}),
        json!({"graphs": {"a": "b"}}),
    ] {
        assert!(read(value.clone()).is_empty(), "{value}");
    }
}
