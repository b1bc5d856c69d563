//! Model Context Protocol: client configurations and tool lists.
//!
//! Clients agree on a map from a server's name to how it is started or reached, under `mcpServers`, `servers`,
//! `context_servers` or `mcp`; some nest it in their settings or by project.

use serde_json::{Map, Value};

use super::container::image_asset;
use super::format::{Found, Structured};
use super::package::Reference;
use crate::asset::{Asset, AssetKind, Document, Evidence, RelationKind, pointer_key};

pub(super) const FORMATS: &[Structured] = &[CONFIG, TOOLS];

const CONFIG: Structured = Structured {
    name: "mcp-config",
    critical: true,
    in_parts: false,
    markers: &["mcpServers"],
    matches: |value| !server_maps(value).is_empty() || is_settings(value),
    read: config,
};

const TOOLS: Structured = Structured {
    name: "mcp-tools",
    critical: true,
    in_parts: false,
    markers: &["inputSchema"],
    matches: |value| tool_list(value).is_some(),
    read: tools,
};

/// Settings of an editor that speak of MCP, also without any server.
fn is_settings(value: &Value) -> bool {
    value.as_object().is_some_and(|map| map.keys().any(|key| key.starts_with("chat.mcp.")))
}

/// Where servers are listed, and the list.
fn server_maps(value: &Value) -> Vec<(String, &Value)> {
    let mut maps = Vec::new();
    for pointer in ["/mcpServers", "/servers", "/context_servers", "/mcp/servers", "/mcp/mcpServers", "/mcp"] {
        if let Some(map) = value.pointer(pointer).filter(|map| is_server_map(map, pointer == "/mcpServers")) {
            maps.push((pointer.to_owned(), map));
        }
    }
    // settings that list servers by project
    for (name, project) in value.get("projects").and_then(Value::as_object).into_iter().flatten() {
        if let Some(map) = project.get("mcpServers").filter(|map| is_server_map(map, false)) {
            maps.push((format!("/projects/{}/mcpServers", pointer_key(name)), map));
        }
    }
    maps
}

fn is_server_map(map: &Value, empty: bool) -> bool {
    let server = |value: &Value| {
        value.get("command").is_some()
            || ["url", "serverUrl", "httpUrl"].iter().any(|key| value.get(key).is_some_and(Value::is_string))
    };
    match map {
        Value::Object(map) => (empty || !map.is_empty()) && map.values().all(server),
        Value::Array(list) => !list.is_empty() && list.iter().all(|value| server(value) && value.get("name").is_some()),
        _ => false,
    }
}

fn config(document: &Document, found: &mut Found) {
    let id = format!("file:{}", document.path());
    let name = super::walk::file_name(document.path());
    let mut count = 0;
    for (pointer, map) in server_maps(&document.value) {
        let named: Vec<(String, &str, &Value)> = match map {
            Value::Object(map) => map
                .iter()
                .map(|(name, server)| (format!("{pointer}/{}", pointer_key(name)), name.as_str(), server))
                .collect(),
            Value::Array(list) => list
                .iter()
                .enumerate()
                .filter_map(|(i, s)| Some((format!("{pointer}/{i}"), s.get("name")?.as_str()?, s)))
                .collect(),
            _ => Vec::new(),
        };
        for (pointer, name, server) in named {
            count += 1;
            let evidence = document.evidence(&pointer);
            let server_id = format!("{id}#{name}");
            found.relate(&id, RelationKind::Contains, &server_id, &evidence);
            let asset = server_asset(&server_id, name, server, &evidence, found);
            found.inventory.add(asset);
        }
    }
    let asset = Asset::new(id, AssetKind::McpConfig, name).with("format", "mcp-config").with("servers", count);
    found.inventory.add(asset.seen(document.evidence("").excerpt("mcp-config")));
}

/// A server as a client starts or reaches it. Names of variables and headers are kept, their values never.
pub(super) fn server_asset(id: &str, name: &str, server: &Value, evidence: &Evidence, found: &mut Found) -> Asset {
    let text = |key: &str| server.get(key).and_then(Value::as_str);
    let mut asset = Asset::new(id, AssetKind::McpServer, name);
    let mut words: Vec<&str> = match server.get("command") {
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(command)) => command.split_whitespace().collect(),
        Some(Value::Object(command)) => command.get("path").and_then(Value::as_str).into_iter().collect(),
        _ => Vec::new(),
    };
    let nested = server.pointer("/command/args").and_then(Value::as_array);
    words.extend(nested.into_iter().flatten().filter_map(Value::as_str));
    words.extend(server.get("args").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str));
    let url = ["url", "serverUrl", "httpUrl"].iter().find_map(|key| text(key));
    let transport = text("type").or_else(|| text("transport")).filter(|t| !matches!(*t, "local" | "remote"));
    let transport = transport.unwrap_or(match url {
        Some(url) if url.split('?').next().unwrap_or(url).trim_end_matches('/').ends_with("/sse") => "sse",
        Some(_) => "http",
        None => "stdio",
    });
    asset.properties.insert("transport".into(), transport.into());
    if let Some((command, args)) = words.split_first() {
        asset.properties.insert("command".into(), (*command).into());
        asset.properties.insert("args".into(), masked(args).into());
    }
    if let Some(url) = url {
        let bare = url.split(['?', '#']).next().unwrap_or(url);
        asset.properties.insert("url".into(), bare.into());
        asset.encryption.in_transit = Some(url.starts_with("https://"));
    }
    for (key, property) in [("env", "env"), ("environment", "env"), ("headers", "headers")] {
        if let Some(names) = server.get(key).and_then(Value::as_object) {
            let names: Vec<Value> = names.keys().map(|name| name.as_str().into()).collect();
            asset.properties.insert(property.into(), names.into());
        }
    }
    for key in ["disabled", "autoApprove", "alwaysAllow", "trust"] {
        if let Some(value) = server.get(key) {
            asset.properties.insert(key.into(), value.clone());
        }
    }
    if let Some(package) = launched(&words) {
        asset.provenance.pinned = package.provenance.pinned;
        asset.provenance.version.clone_from(&package.provenance.version);
        found.relate(id, RelationKind::Uses, package.id.as_str(), evidence);
        found.inventory.add(package.ai().seen(evidence.clone()));
    }
    asset.seen(evidence.clone().excerpt(format!("{name}: {}", words.first().copied().unwrap_or(transport))))
}

/// The package or image that a launcher fetches.
fn launched(words: &[&str]) -> Option<Asset> {
    let (command, rest) = words.split_first()?;
    let program = command.rsplit(['/', '\\']).next()?.trim_end_matches(".cmd").trim_end_matches(".exe");
    let mut operands = rest.iter().filter(|word| !word.starts_with('-'));
    match program {
        "npx" | "bunx" | "pnpx" => operands.next().map(|spec| Reference::npm(spec).asset()),
        "npm" | "pnpm" | "yarn" | "bun" => {
            operands.next().filter(|verb| matches!(**verb, "exec" | "dlx" | "x"))?;
            operands.next().map(|spec| Reference::npm(spec).asset())
        }
        "uvx" | "pipx" => {
            let from = rest.windows(2).find_map(|pair| match pair {
                ["--from" | "--spec", spec] => Some(*spec),
                _ => None,
            });
            from.or_else(|| operands.find(|word| **word != "run").copied())
                .and_then(Reference::pypi)
                .map(|package| package.asset())
        }
        "docker" | "podman" => {
            let at = rest.iter().position(|word| *word == "run")?;
            docker_image(rest.get(at + 1..)?).map(image_asset)
        }
        _ => None,
    }
}

/// The image among the words after `docker run`: the first word that is neither a flag nor a flag's value.
fn docker_image<'a>(words: &[&'a str]) -> Option<&'a str> {
    const ALONE: &[&str] =
        &["-i", "-t", "-it", "-d", "--rm", "--init", "--interactive", "--tty", "--privileged", "--detach"];
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if !word.starts_with('-') {
            return Some(word);
        }
        if !ALONE.contains(word) && !word.contains('=') {
            words.next();
        }
    }
    None
}

/// Arguments without the values of those that are named like a secret.
fn masked(args: &[&str]) -> Vec<Value> {
    let secret = |name: &str| {
        let name = name.to_ascii_lowercase();
        ["key", "token", "secret", "password", "passwd", "authorization", "credential"]
            .iter()
            .any(|word| name.contains(word))
    };
    // the next argument is hidden, in whole or after its `=`
    let (mut hide, mut variable) = (false, false);
    let mut mask = |arg: &str| -> Value {
        if std::mem::take(&mut hide) {
            return "***".into();
        }
        if std::mem::replace(&mut variable, matches!(arg, "-e" | "--env" | "-H" | "--header")) {
            let name = arg.split(['=', ':']).next().unwrap_or_default();
            return format!("{name}=***").into();
        }
        if arg.contains("://") {
            return arg.split(['?', '#']).next().unwrap_or_default().into();
        }
        match arg.split_once(['=', ':']) {
            Some((name, _)) if secret(name) => format!("{name}=***").into(),
            None if arg.starts_with('-') && secret(arg) => {
                hide = true;
                arg.into()
            }
            _ => arg.into(),
        }
    };
    args.iter().map(|arg| mask(arg)).collect()
}

/// A list of tools, as servers and SDKs give it.
fn tool_list(value: &Value) -> Option<(String, &Vec<Value>)> {
    let tool = |value: &Value| {
        let function = value.get("function").unwrap_or(value);
        function.get("name").is_some_and(Value::is_string)
            && ["inputSchema", "input_schema", "parameters"].iter().any(|key| function.get(key).is_some())
    };
    let pointers = ["/tools", "/result/tools", "/signature/tools", ""];
    pointers.into_iter().find_map(|pointer| {
        let list = value.pointer(pointer)?.as_array()?;
        (!list.is_empty() && list.iter().all(tool)).then(|| (pointer.to_owned(), list))
    })
}

fn tools(document: &Document, found: &mut Found) {
    let Some((pointer, list)) = tool_list(&document.value) else { return };
    let name = ["/metadata/serverInfo/name", "/serverInfo/name", "/server/name", "/name"];
    let name = name.iter().find_map(|pointer| document.value.pointer(pointer)?.as_str());
    let server = format!("file:{}", document.path());
    let asset = Asset::new(&server, AssetKind::McpServer, name.unwrap_or(super::walk::file_name(document.path())));
    found.inventory.add(asset.seen(document.evidence("").excerpt(name.unwrap_or("tools"))));
    offered(document, &server, found);
    for (i, entry) in list.iter().enumerate() {
        let function = entry.get("function").unwrap_or(entry);
        let Some(name) = function.get("name").and_then(Value::as_str) else { continue };
        let evidence = document.evidence(&format!("{pointer}/{i}"));
        let id = format!("{server}#{name}");
        let mut asset = Asset::new(&id, AssetKind::Tool, name).ai().seen(evidence.clone().excerpt(name));
        asset.properties.extend(signature(function));
        found.relate(&server, RelationKind::HasTool, &id, &evidence);
        found.inventory.add(asset);
    }
}

/// Prompts and resources that a server offers beside its tools.
fn offered(document: &Document, server: &str, found: &mut Found) {
    let kinds = [
        ("prompts", AssetKind::PromptTemplate, RelationKind::Contains),
        ("resources", AssetKind::Resource, RelationKind::Reads),
    ];
    for base in ["", "/result", "/signature"] {
        for (key, kind, verb) in kinds {
            let pointer = format!("{base}/{key}");
            let list = document.value.pointer(&pointer).and_then(Value::as_array);
            for (i, entry) in list.into_iter().flatten().enumerate() {
                let Some(name) = entry.get("name").and_then(Value::as_str) else { continue };
                let evidence = document.evidence(&format!("{pointer}/{i}"));
                let id = format!("{server}#{key}/{name}");
                let mut asset = Asset::new(&id, kind, name).seen(evidence.clone().excerpt(name));
                for key in ["description", "uri", "mimeType"] {
                    if let Some(value) = entry.get(key).filter(|value| value.is_string()) {
                        asset.properties.insert(key.to_owned(), value.clone());
                    }
                }
                found.relate(server, verb, &id, &evidence);
                found.inventory.add(asset);
            }
        }
    }
}

/// What a tool says of itself: where poisoning hides.
fn signature(tool: &Value) -> Map<String, Value> {
    let keys = [
        ("description", "description"),
        ("title", "title"),
        ("inputSchema", "input_schema"),
        ("input_schema", "input_schema"),
        ("parameters", "input_schema"),
        ("outputSchema", "output_schema"),
        ("annotations", "annotations"),
    ];
    let kept = keys.iter().filter_map(|(key, property)| Some(((*property).to_owned(), tool.get(key)?.clone())));
    kept.filter(|(_, value)| !value.is_null()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> Found {
        let document = Document::json("d/mcp.json", &value.to_string()).unwrap();
        let mut found = Found::default();
        let format = [CONFIG, TOOLS].into_iter().find(|format| (format.matches)(&document.value)).unwrap();
        (format.read)(&document, &mut found);
        found
    }

    #[test]
    fn servers_their_packages_and_no_secrets() {
        let found = read(json!({"mcpServers": {
            "a": {"command": "npx", "args": ["-y", "@acme/server@1.2.3", "--api-key", "hunter2"], "env": {"TOKEN": "hunter2"}},
            "b": {"command": "npx", "args": ["-y", "@acme/server"]},
            "c": {"url": "http://mcp.example.com/sse?key=hunter2", "headers": {"Authorization": "hunter2"}},
            "e": {"command": {"path": "npx", "args": ["@acme/zed@2.0.0"]}},
            "d": {"command": "docker", "args": ["run", "-i", "--rm", "-e", "X=hunter2", "acme/mcp:1"]},
        }}));
        let get = |id: &str| found.inventory.get(id).unwrap();
        assert_eq!(get("file:d/mcp.json").kind, AssetKind::McpConfig);
        assert_eq!(get("file:d/mcp.json#a").provenance.pinned, Some(true));
        assert_eq!(get("file:d/mcp.json#b").provenance.pinned, Some(false));
        assert_eq!(get("file:d/mcp.json#c").text("transport"), Some("sse"));
        assert_eq!(get("file:d/mcp.json#b").evidence[0].pointer.as_deref(), Some("/mcpServers/b"));
        assert!(found.inventory.get("pkg:npm/%40acme/server@1.2.3").is_some());
        assert!(found.inventory.get("pkg:docker/acme/mcp@1").is_some());
        assert!(found.inventory.get("pkg:npm/%40acme/zed@2.0.0").is_some());
        let text = serde_json::to_string(&found.inventory).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn other_shapes_and_what_is_none() {
        let server = json!({"command": "x"});
        for value in [
            json!({"servers": {"a": server}}),
            json!({"mcp": {"servers": {"a": server}}}),
            json!({"projects": {"/p": {"mcpServers": {"a": server}}}}),
        ] {
            assert!((CONFIG.matches)(&value), "{value}");
        }
        for value in
            [json!({"mcp": {}}), json!({"servers": [{"url": "https://x"}]}), json!({"servers": {"a": {"port": 1}}})]
        {
            assert!(!(CONFIG.matches)(&value), "{value}");
        }
    }

    #[test]
    fn tools_keep_their_descriptions() {
        let found = read(
            json!({"metadata": {"serverInfo": {"name": "Math"}}, "tools": [{"name": "add", "description": "Add.", "inputSchema": {}}]}),
        );
        let found_prompt = read(json!({"tools": [{"name": "a", "inputSchema": {}}], "prompts": [{"name": "p"}]}));
        let prompt = found_prompt.inventory.get("file:d/mcp.json#prompts/p").unwrap();
        assert_eq!(
            (prompt.kind, prompt.evidence[0].pointer.as_deref()),
            (AssetKind::PromptTemplate, Some("/prompts/0"))
        );
        let tool = found.inventory.get("file:d/mcp.json#add").unwrap();
        assert_eq!((tool.text("description"), tool.ai), (Some("Add."), true));
    }
}
