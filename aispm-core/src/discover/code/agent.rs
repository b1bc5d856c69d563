//! Agents and teams of agents: what they are told, which models they ask, what they may call.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use serde_json::Value;

use super::call::Call;
use super::facts::{Facts, capable};
use super::lexer::{Kind, Language};
use crate::asset::{Asset, AssetKind, RelationKind};
use crate::discover::catalog::catalog;
use crate::discover::walk::parent;

/// Most tokens of an argument looked at for what it refers to.
const REFERENCES: usize = 400;
/// Most graphs of one file that take the tools beside them.
const GRAPHS: usize = 8;

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
        if let Some(text) = self.first_text(call, &table.order_args).or_else(|| call.text(code, &["backstory"])) {
            agent.properties.insert("instructions".into(), self.kept(&text));
        }
        for key in ["goal", "description", "role", "backstory"] {
            if let Some(text) = call.text(code, &[key]) {
                agent.properties.insert(key.into(), self.kept(&text));
            }
        }
        for arg in &call.args {
            let known = |key: &&str| table.flags.contains(*key) || table.bounds.contains(*key);
            let Some(key) = arg.key.filter(known) else { continue };
            let value = match code.word(arg.value.start) {
                "True" | "true" => true.into(),
                "False" | "false" => false.into(),
                word if arg.value.len() == 1 && !word.is_empty() => word.into(),
                _ if table.bounds.contains(key) => self.bound(&arg.value),
                _ => code.text(arg.value.clone()).map_or(Value::Null, |text| text.into_owned().into()),
            };
            if !value.is_null() {
                agent.properties.insert(key.into(), value);
            }
        }
        // these run what their model writes
        if matches!(class, "CodeAgent" | "CodeExecutorAgent" | "CodeAct" | "CodeActAgent") {
            capable(&mut agent, "code");
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

    fn first_text(&self, call: &Call<'a>, keys: &[String]) -> Option<Cow<'a, str>> {
        keys.iter().find_map(|key| call.text(self.code, &[key]))
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
    pub(super) fn tools_of(&self, call: &Call<'a>) -> Option<Vec<Range<usize>>> {
        let named = call.args.iter().filter(|arg| arg.key.is_some_and(|key| catalog().code.tool_args.contains(key)));
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
    pub(super) fn give_tools(&mut self, agent: &str, range: Range<usize>, line: u64) {
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
            let members = arg.key.is_none_or(|key| catalog().code.member_args.contains(key) || key.starts_with("add"));
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
}
