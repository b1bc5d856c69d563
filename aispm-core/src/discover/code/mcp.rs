//! MCP servers: those that this program is, and those that it starts or calls.

use std::ops::Range;

use serde_json::{Map, Value};

use super::call::Call;
use super::facts::Facts;
use crate::asset::{Asset, AssetKind, RelationKind};
use crate::discover::catalog::catalog;
use crate::discover::mcp;

impl<'a> Facts<'_, 'a> {
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
            given.find_map(|value| code.text(value.clone()).or_else(|| self.code.field(value, &["name", "Name"])))
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
            let config = self.server(self.code.fields(open..code.pair(open) + 1).into_iter());
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
                    let list = self.code.list(value).into_iter().map(|item| code.text(item));
                    let words: Vec<Value> = list.flatten().map(|text| text.into_owned().into()).collect();
                    server.insert("args".to_owned(), words.into());
                }
                "env" | "headers" => {
                    let names = self.code.fields(value).into_iter().map(|(name, _)| (name.to_owned(), Value::Null));
                    server.insert(key.to_owned(), Value::Object(names.collect()));
                }
                "params" | "server_params" | "connection_params" | "transportConfig" | "tool_config" | "server"
                | "connection" => {
                    server.extend(self.server(self.code.fields(value).into_iter()));
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
        for item in self.code.list(value.clone()) {
            let server = self.server(self.code.fields(item).into_iter());
            if !server.is_empty() {
                servers.push((String::new(), server.into()));
            }
        }
        let fields = self.code.fields(value);
        let own = self.server(fields.iter().cloned());
        if !own.is_empty() {
            servers.push((String::new(), own.into()));
            return;
        }
        for (name, value) in fields {
            let inner = self.code.fields(value);
            let nested = inner.iter().any(|(key, _)| matches!(*key, "command" | "url"));
            if nested {
                servers.push((name.to_owned(), self.server(inner.into_iter()).into()));
            } else if matches!(name, "mcpServers" | "servers") {
                for (name, value) in inner {
                    let server = self.server(self.code.fields(value).into_iter());
                    if !server.is_empty() {
                        servers.push((name.to_owned(), server.into()));
                    }
                }
            }
        }
    }
}
