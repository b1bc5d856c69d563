//! Agents, teams of agents, and MCP servers on either side.

use std::collections::HashSet;
use std::ops::Range;

use serde_json::{Map, Value};

use super::call::Call;
use super::facts::Facts;
use super::lexer::{Kind, Language};
use crate::asset::{Asset, AssetKind, RelationKind};
use crate::discover::catalog::catalog;
use crate::discover::mcp;
use crate::discover::walk::parent;

/// Most tokens of an argument looked at for what it refers to.
const REFERENCES: usize = 400;
/// Most graphs of one file that take the tools beside them.
const GRAPHS: usize = 8;
/// Arguments that hold what an agent may call.
const TOOLS: &[&str] = &[
    "tools",
    "Tools",
    "functions",
    "toolsets",
    "toolkits",
    "plugins",
    "mcp_servers",
    "mcpServers",
    "workbench",
    "bind_tools",
    "bindTools",
    "with_tools",
    "tool",
    "allowed_tools",
    "builtin_tools",
    "defaultTools",
    "toolCallbacks",
    "function_list",
    "toolNames",
    "tools_list",
    "skills",
    "defaultToolCallbacks",
    "Plugins",
];
/// Arguments that hold other agents.
const MEMBERS: &[&str] = &[
    "agents",
    "handoffs",
    "sub_agents",
    "subAgents",
    "participants",
    "members",
    "managed_agents",
    "children",
    "nodes",
    "crew",
    "groupchat",
    "group_chat",
    "delegates",
    "agent",
    "manager_agent",
    "builder",
    "addEdge",
    "add_edge",
    "subagents",
    "register",
];
/// Arguments that hold what an agent is told.
const ORDERS: &[&str] = &[
    "instructions",
    "Instructions",
    "Instruction",
    "instruction",
    "system_prompt",
    "systemPrompt",
    "system",
    "system_message",
    "systemMessage",
    "prompt",
    "defaultSystem",
    "preamble",
    "global_instruction",
    "context",
    "systemMessageProvider",
    "state_modifier",
    "messages_modifier",
];

impl<'a> Facts<'_, 'a> {
    /// An agent, a team, or a call that gives a model tools.
    pub(super) fn agent_call(&mut self, call: &Call<'a>) {
        let table = &catalog().code;
        let generator = self.is(call, &table.generators).filter(|_| self.tools_of(call).is_some());
        // builders that are no class: of Spring AI, of rig
        let told = |key: &str| call.args.iter().any(|arg| arg.key == Some(key));
        let builder = match self.code.language {
            Language::Java | Language::Kotlin if told("defaultTools") || told("defaultToolCallbacks") => {
                Some("ChatClient")
            }
            Language::Rust if call.name() == "agent" && told("build") => Some("agent"),
            _ => None,
        };
        let class = self.is(call, &table.agents).or_else(|| self.is(call, &table.teams)).or(generator).or(builder);
        let Some(class) = class else { return };
        // `create_agent()` of one's own, and a type in a signature
        if call.args.is_empty() && call.assigned.is_none() {
            return;
        }
        let code = self.code;
        let given = call.text(code, &["name", "Name", "role", "id", "agent_name", "agentName", "title", "defaultName"]);
        let first = call.positional(0).and_then(|range| code.text(range));
        let named_first = matches!(class, "AssistantAgent" | "UserProxyAgent" | "ConversableAgent" | "DefineAgent")
            || matches!(class, "MultimodalWebSurfer" | "FileSurfer" | "CodeExecutorAgent")
            || class == "Agent" && call.arg(&["instructions", "tools", "handoffs"]).is_some();
        let first = first.filter(|text| named_first && !text.contains(':') && text.len() < 100);
        // `AiServices.builder(Type.class)`
        let interface = || {
            let range = call.positional(0).filter(|_| class == "AiServices")?;
            Some(code.word(range.start)).filter(|word| !word.is_empty())
        };
        let name = given.or(first).or_else(|| Some(interface()?.into())).or_else(|| Some(call.assigned?.into()));
        let name = name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| class.into());
        let mut agent = Asset::new(self.local(&name), AssetKind::Agent, name.trim()).with("class", class);
        let package = call.path.first().and_then(|root| self.imports.package(root));
        if let Some(package) = package {
            agent.properties.insert("framework".into(), package.into());
        }
        if let Some(text) = call.text(code, ORDERS).or_else(|| call.text(code, &["backstory"])) {
            agent.properties.insert("instructions".into(), self.kept(&text));
        }
        for key in ["goal", "description", "role", "backstory"] {
            if let Some(text) = call.text(code, &[key]) {
                agent.properties.insert(key.into(), self.kept(&text));
            }
        }
        for arg in &call.args {
            let Some(key) = arg.key.filter(|key| table.flags.contains(*key)) else { continue };
            let value = match code.word(arg.value.start) {
                "True" | "true" => true.into(),
                "False" | "false" => false.into(),
                word if arg.value.len() == 1 && !word.is_empty() => word.into(),
                _ => code.text(arg.value.clone()).map_or(Value::Null, |text| text.into_owned().into()),
            };
            if !value.is_null() {
                agent.properties.insert(key.into(), value);
            }
        }
        if let Some(alias) = self.configured(call) {
            agent = agent.alias(alias);
        }
        let tools = self.tools_of(call);
        if tools.is_some() {
            agent.properties.insert("tools".into(), true.into());
        }
        let id = agent.id.to_string();
        self.relate(RelationKind::Contains, agent, call.line);
        for name in call.assigned.into_iter().chain([&*name]) {
            self.name(name, &id, AssetKind::Agent);
        }
        for range in tools.into_iter().flatten() {
            self.give_tools(&id, range, call.line);
        }
        for model in self.models_of(call, 3) {
            self.link(&id, RelationKind::Uses, model.id.as_str(), call.line);
            self.uses(model, call.line);
        }
        self.refer(&id, call);
    }

    /// Tools and models that the nodes of a graph call, which stand beside it.
    pub(super) fn graphs(&mut self, calls: &[Call<'a>]) {
        let graph = |call: &&Call<'_>| matches!(call.class(), "StateGraph" | "MessageGraph" | "Workflow");
        let graphs: Vec<String> = calls
            .iter()
            .filter(graph)
            .filter_map(|call| self.named.get(call.assigned?).map(|named| named.id.clone()))
            .collect();
        for id in graphs.iter().take(GRAPHS) {
            for call in calls {
                if matches!(call.name(), "bind_tools" | "bindTools" | "ToolNode") {
                    call.args.iter().for_each(|arg| self.give_tools(id, arg.value.clone(), call.line));
                }
                for model in self.models_of(call, 0) {
                    self.link(id, RelationKind::Uses, model.id.as_str(), call.line);
                }
            }
        }
    }

    /// What the arguments of an agent give it to call; `None` where none is about tools.
    fn tools_of(&self, call: &Call<'a>) -> Option<Vec<Range<usize>>> {
        let named = call.args.iter().filter(|arg| arg.key.is_some_and(|key| TOOLS.contains(&key)));
        let mut ranges: Vec<Range<usize>> = named.map(|arg| arg.value.clone()).collect();
        // `initialize_agent(tools, llm)`, `create_react_agent(model, [search])`, `Agent(tools)`
        for n in 0..3 {
            let Some(range) = call.positional(n) else { break };
            let word = self.code.word(range.start);
            let team = catalog().code.teams.contains(call.class());
            if range.len() == 1 && word.to_ascii_lowercase().ends_with("tools") || word == "[" && n < 2 && !team {
                ranges.push(range);
            }
        }
        ranges.retain(|range| !range.is_empty());
        (!ranges.is_empty()).then_some(ranges)
    }

    /// Tools, servers and functions that a list of tools names.
    fn give_tools(&mut self, agent: &str, range: Range<usize>, line: u64) {
        let code = self.code;
        let mut seen = HashSet::new();
        // a variable stands for its list
        let list = code.path(range.clone()).filter(|name| !self.named.contains_key(*name));
        let value = list.and_then(|name| code.value_of(name, range.start, range.len() > 1));
        let range = value.filter(|value| value.len() > 1).unwrap_or(range);
        for at in range.take(REFERENCES) {
            let Some(token) = code.get(at) else { break };
            // what a call is given is no tool: the class is, or its result
            let key = code.word(at + 1) == "=" || code.word(at + 1) == ":" && code.language != Language::JavaScript;
            if token.kind == Kind::End
                || key
                || code.word(at.saturating_sub(1)) == "." && code.word(at.saturating_sub(2)) != "self"
            {
                continue;
            }
            let known = self.named.get(token.text).cloned();
            // an instance of a class stands for the tools that are its methods
            for tool in self.classes.get(token.text).cloned().unwrap_or_default() {
                if seen.insert(tool.clone()) {
                    self.link(agent, RelationKind::HasTool, &tool, line);
                }
            }
            match known {
                Some(named) if seen.insert(named.id.clone()) && named.id != agent => {
                    let kind = match named.kind {
                        AssetKind::VectorStore => RelationKind::RetrievesFrom,
                        AssetKind::Agent => RelationKind::Invokes,
                        AssetKind::Tool | AssetKind::McpServer => RelationKind::HasTool,
                        _ => continue,
                    };
                    self.link(agent, kind, &named.id, line);
                }
                None if token.kind == Kind::Word => {
                    let function = code.declaration(token.text).filter(|keyword| {
                        matches!(code.word(*keyword), "def" | "function") && code.word(at + 1) != "("
                    });
                    if let Some(keyword) = function {
                        let id = self.function_tool(token.text, keyword, None);
                        self.link(agent, RelationKind::HasTool, &id, line);
                    }
                }
                _ => {}
            }
        }
    }

    /// Members of a team, stores that an agent reads, its prompts.
    fn refer(&mut self, agent: &str, call: &Call<'a>) {
        let code = self.code;
        let mut seen = HashSet::new();
        for arg in &call.args {
            let members = arg.key.is_none_or(|key| MEMBERS.contains(&key) || key.starts_with("add"));
            for at in arg.value.clone().take(REFERENCES) {
                let name = code.word(at);
                let Some(named) = self.named.get(name).cloned().filter(|_| code.is_name(at)) else { continue };
                if named.id == agent || code.word(at + 1) == "=" || !seen.insert(named.id.clone()) {
                    continue;
                }
                match named.kind {
                    AssetKind::Agent if members => self.link(agent, RelationKind::Invokes, &named.id, call.line),
                    AssetKind::VectorStore => self.link(agent, RelationKind::RetrievesFrom, &named.id, call.line),
                    _ => {}
                }
            }
            // `agents=self.agents`: all that the class declares
            let all = self.code.language == Language::Python
                && code.word(arg.value.start) == "self"
                && code.path(arg.value.clone()) == Some("agents");
            let agents = self.named.values().filter(|named| named.kind == AssetKind::Agent && named.id != agent);
            let mut agents: Vec<String> = if all { agents.map(|named| named.id.clone()).collect() } else { Vec::new() };
            agents.sort();
            agents.dedup();
            for id in agents {
                self.link(agent, RelationKind::Invokes, &id, call.line);
            }
            // a list of agents in a variable
            if let Some(list) = code.path(arg.value.clone()).filter(|_| members)
                && let Some(value) = code.value_of(list, arg.value.start, false)
            {
                for at in value.take(REFERENCES) {
                    let named = self.named.get(code.word(at)).cloned();
                    if let Some(named) = named.filter(|named| named.kind == AssetKind::Agent && named.id != agent)
                        && seen.insert(named.id.clone())
                    {
                        self.link(agent, RelationKind::Invokes, &named.id, call.line);
                    }
                }
            }
        }
    }

    /// The agent of a YAML file that `config=self.agents_config["name"]` names.
    fn configured(&self, call: &Call<'a>) -> Option<String> {
        let code = self.code;
        let range = call.arg(&["config"])?;
        let table = range.clone().find(|at| code.word(*at).ends_with("agents_config"))?;
        let key = range.filter_map(|at| code.get(at)).find(|token| token.kind == Kind::Text)?;
        let file = code.text(code.value_of(code.word(table), table, true)?)?;
        let folder = parent(self.unit.path);
        let plain = !file.contains("..") && !file.starts_with('/') && folder != ".";
        plain.then(|| format!("file:{folder}/{file}#{}", key.text))
    }

    /// MCP servers that this program is.
    pub(super) fn mcp_servers(&mut self, calls: &[Call<'a>]) {
        let transport = self.transport();
        let mut first = true;
        for call in calls {
            let Some(id) = self.mcp_server(call, transport.as_deref()) else { continue };
            let held = call.assigned.and_then(|variable| self.held.get(variable)).cloned();
            // a server made elsewhere than its tools are
            let all = || {
                let tools = self.named.values().filter(|named| named.kind == AssetKind::Tool);
                tools.map(|named| named.id.clone()).collect::<Vec<String>>()
            };
            let mut tools = held.unwrap_or_else(|| if first { all() } else { Vec::new() });
            tools.sort();
            tools.dedup();
            tools.iter().for_each(|tool| self.link(&id, RelationKind::HasTool, tool, call.line));
            for range in self.tools_of(call).into_iter().flatten() {
                self.give_tools(&id, range, call.line);
            }
            first = false;
        }
        // agents that take their tools by a method: `@agent.tool`
        let mut held: Vec<(&str, Vec<String>)> = self.held.drain().collect();
        held.sort();
        for (variable, tools) in held {
            let holder = self.named.get(variable).filter(|named| named.kind == AssetKind::Agent).cloned();
            let Some(holder) = holder else { continue };
            for tool in tools {
                let line = self.found.inventory.get(&tool).and_then(|tool| tool.evidence.first()?.line).unwrap_or(1);
                self.link(&holder.id, RelationKind::HasTool, &tool, line);
            }
        }
    }

    fn mcp_server(&mut self, call: &Call<'a>, transport: Option<&str>) -> Option<String> {
        let table = &catalog().code.mcp_servers;
        let root = call.path.first().copied().unwrap_or_default();
        let of_mcp = |package: &str| package.contains("mcp") || package.contains("modelcontextprotocol");
        let plain = matches!(call.class(), "Server" | "NewServer") && self.imports.package(root).is_some_and(of_mcp);
        if self.is(call, table).is_none() && !plain {
            return None;
        }
        let code = self.code;
        let named = call.text(code, &["name", "Name"]);
        let info = || {
            // `&mcp.Implementation{Name: "x"}`, `.serverInfo("x", "1")`
            let mut given = call.args.iter().take(4).map(|arg| arg.value.clone());
            given.find_map(|value| code.text(value.clone()).or_else(|| self.field(value, &["name", "Name"])))
        };
        let name = call.first(code).or(named).or_else(info).filter(|name| name.len() < 100);
        let name = name.or_else(|| Some(call.assigned?.into())).unwrap_or_else(|| call.class().into());
        let mut server = Asset::new(self.local(&name), AssetKind::McpServer, &*name);
        if let Some(text) = call.text(code, &["instructions", "description"]) {
            server.properties.insert("description".into(), self.kept(&text));
        }
        if let Some(transport) = transport {
            server.properties.insert("transport".into(), transport.into());
        }
        let id = server.id.to_string();
        self.relate(RelationKind::Contains, server, call.line);
        if let Some(variable) = call.assigned {
            self.name(variable, &id, AssetKind::McpServer);
        }
        Some(id)
    }

    /// How a server is reached: `.run(transport="sse")`.
    fn transport(&self) -> Option<String> {
        let code = self.code;
        let at = (0..code.len()).find(|at| code.word(*at) == "transport" && code.word(at + 1) == "=")?;
        code.text(code.expression(at + 2)).map(Into::into)
    }

    /// An MCP server that this program starts or calls.
    pub(super) fn mcp_client(&mut self, call: &Call<'a>) {
        let Some(class) = self.is(call, &catalog().code.mcp_clients) else { return };
        let code = self.code;
        let mut servers: Vec<(String, Value)> = Vec::new();
        let config = self.server(call.args.iter().filter_map(|arg| Some((arg.key?, arg.value.clone()))));
        if config.is_empty() {
            for arg in &call.args {
                self.server_maps(arg.value.clone(), &mut servers);
            }
            let url = call.args.iter().filter_map(|arg| self.address(arg.value.clone())).next();
            if let (Some(url), true) = (url, servers.is_empty()) {
                servers.push((String::new(), Value::Object(Map::from_iter([("url".to_owned(), url.into())]))));
            }
        } else {
            servers.push((String::new(), Value::Object(config)));
        }
        // a server whose command is not known is one all the same
        let named = call.arg(&["command", "url", "server_params", "params"]);
        if servers.is_empty()
            && named.is_some_and(|range| code.path(range).is_none_or(|name| !self.named.contains_key(name)))
        {
            servers.push((String::new(), Value::Object(Map::new())));
        }
        let none = servers.is_empty();
        for (name, config) in servers {
            let given = call.text(code, &["name"]).map(|text| text.into_owned());
            let of = |key: &str| config.get(key).and_then(Value::as_str).map(str::to_owned);
            let label =
                Some(name).filter(|name| !name.is_empty()).or(given).or_else(|| call.assigned.map(str::to_owned));
            let label = label.or_else(|| of("command")).or_else(|| of("url")).unwrap_or_else(|| class.to_owned());
            let id = self.local(&label);
            self.servers.extend(of("url").into_iter().chain(of("command")));
            let evidence = self.at(call.line);
            let server = mcp::server_asset(&id, &label, &config, &evidence, self.found).with("class", class);
            self.uses(server, call.line);
            for name in call.assigned.into_iter().chain([&*label, class]) {
                self.name(name, &id, AssetKind::McpServer);
            }
        }
        // what takes over another's parameters stands for the same server
        let given = call.args.iter().filter_map(|arg| code.path(arg.value.clone()));
        let known =
            given.filter_map(|name| self.named.get(name)).find(|named| named.kind == AssetKind::McpServer).cloned();
        if let (Some(known), Some(name), true) = (known, call.assigned, none) {
            self.named.insert(name.to_owned(), known);
        }
    }

    /// Servers that objects describe, whoever is given them: `{"transport": "sse", "url": …}`.
    pub(super) fn mcp_objects(&mut self) {
        let code = self.code;
        for at in 0..code.len() {
            let Some(key) = code.get(at).map(|token| token.text).filter(|_| code.inside(at) == "{") else { continue };
            let told = match key {
                "transport" => &["sse", "stdio", "streamable-http", "streamable_http", "http"][..],
                "type" => &["mcp"],
                _ => continue,
            };
            let value = matches!(code.word(at + 1), ":" | "=").then(|| code.text(code.expression(at + 2))).flatten();
            let known = value.is_some_and(|text| told.contains(&&*text));
            let Some(open) = code.outer(at).filter(|_| known) else { continue };
            let config = self.server(self.fields(open..code.pair(open) + 1).into_iter());
            let label = config.get("url").or_else(|| config.get("command")).and_then(Value::as_str).map(str::to_owned);
            let Some(label) = label else { continue };
            if !self.servers.insert(label.clone()) {
                continue;
            }
            let id = self.local(&label);
            let evidence = self.at(code.line(at));
            let server = mcp::server_asset(&id, &label, &Value::Object(config), &evidence, self.found);
            self.uses(server, code.line(at));
        }
    }

    /// A server from its fields: `command`, `args`, `url`, names of variables.
    fn server(&self, fields: impl Iterator<Item = (&'a str, Range<usize>)>) -> Map<String, Value> {
        let code = self.code;
        let mut server = Map::new();
        for (key, value) in fields {
            match key {
                "command" | "url" | "serverUrl" | "server_url" | "transport" | "type" | "uri" | "sseUrl" => {
                    if let Some(text) = code.text(value) {
                        let key = if matches!(key, "server_url" | "uri" | "sseUrl") { "url" } else { key };
                        server.insert(key.to_owned(), text.into_owned().into());
                    }
                }
                "args" | "arguments" => {
                    let list = self.list(value).into_iter().map(|item| code.text(item));
                    let words: Vec<Value> = list.flatten().map(|text| text.into_owned().into()).collect();
                    server.insert("args".to_owned(), words.into());
                }
                "env" | "headers" => {
                    let names = self.fields(value).into_iter().map(|(name, _)| (name.to_owned(), Value::Null));
                    server.insert(key.to_owned(), Value::Object(names.collect()));
                }
                "params" | "server_params" | "connection_params" | "transportConfig" | "tool_config" | "server"
                | "connection" => {
                    server.extend(self.server(self.fields(value).into_iter()));
                }
                _ => {}
            }
        }
        if server.contains_key("command") || server.contains_key("url") || server.contains_key("serverUrl") {
            server
        } else {
            Map::new()
        }
    }

    /// `{"name": {"command": …}}`, `[{"url": …}]`, `{"url": …}`.
    fn server_maps(&self, value: Range<usize>, servers: &mut Vec<(String, Value)>) {
        for item in self.list(value.clone()) {
            let server = self.server(self.fields(item).into_iter());
            if !server.is_empty() {
                servers.push((String::new(), server.into()));
            }
        }
        let fields = self.fields(value);
        let own = self.server(fields.iter().cloned());
        if !own.is_empty() {
            servers.push((String::new(), own.into()));
            return;
        }
        for (name, value) in fields {
            let inner = self.fields(value);
            let nested = inner.iter().any(|(key, _)| matches!(*key, "command" | "url"));
            if nested {
                servers.push((name.to_owned(), self.server(inner.into_iter()).into()));
            } else if matches!(name, "mcpServers" | "servers") {
                for (name, value) in inner {
                    let server = self.server(self.fields(value).into_iter());
                    if !server.is_empty() {
                        servers.push((name.to_owned(), server.into()));
                    }
                }
            }
        }
    }

    /// The fields of the object, or keywords of the call, that an expression is or stands for.
    pub(super) fn fields(&self, range: Range<usize>) -> Vec<(&'a str, Range<usize>)> {
        let code = self.code;
        let range = match code.path(range.clone()) {
            Some(name) => code.value_of(name, range.start, range.len() > 1).unwrap_or(range),
            None => range,
        };
        let open = range.clone().take(8).find(|at| matches!(code.word(*at), "{" | "("));
        let Some(open) = open else { return Vec::new() };
        let parts = code.parts(open + 1..code.pair(open).min(range.end));
        let parts = parts.into_iter().map(|mut part| {
            while code.get(part.start).is_some_and(|token| token.kind == Kind::End) && !part.is_empty() {
                part.start += 1;
            }
            part
        });
        let fields = parts.filter_map(|part| {
            let key = code.get(part.start).filter(|token| matches!(token.kind, Kind::Text | Kind::Word))?;
            matches!(code.word(part.start + 1), ":" | "=").then(|| (key.text, part.start + 2..part.end))
        });
        fields.collect()
    }

    /// The text of a field of an object.
    pub(super) fn field(&self, range: Range<usize>, keys: &[&str]) -> Option<std::borrow::Cow<'a, str>> {
        let fields = self.fields(range);
        fields.into_iter().find(|(key, _)| keys.contains(key)).and_then(|(_, value)| self.code.text(value))
    }

    /// The items of the list that an expression is or stands for.
    pub(super) fn list(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let code = self.code;
        let range = match code.path(range.clone()) {
            Some(name) => code.value_of(name, range.start, range.len() > 1).unwrap_or(range),
            None => range,
        };
        let open = range.clone().take(8).find(|at| matches!(code.word(*at), "[" | "{" | "("));
        match open {
            Some(open) if code.word(open) == "[" || code.language != Language::Python && open > range.start => {
                code.parts(open + 1..code.pair(open).min(range.end))
            }
            _ => Vec::new(),
        }
    }
}
