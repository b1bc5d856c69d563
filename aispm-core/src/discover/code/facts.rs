//! What the tokens of a file say about AI.

use std::collections::HashMap;

use super::import::imports;
use super::lexer::{Kind, Language, Token};
use crate::asset::{Asset, AssetKind, Evidence, RelationKind};
use crate::discover::catalog::catalog;
use crate::discover::container::append;
use crate::discover::format::Found;
use crate::discover::model_ref;
use crate::discover::package::{Reference, project};

/// Most tokens of one call or function that are looked at, so that reading stays linear.
const SPAN: usize = 800;
/// Builders of `load_dataset` that read files instead of naming a data set.
const BUILDERS: &[&str] =
    &["csv", "json", "parquet", "text", "arrow", "imagefolder", "audiofolder", "pandas", "webdataset"];

/// One file or cell of code.
pub(super) struct Unit<'a> {
    pub(super) tokens: &'a [Token<'a>],
    pub(super) language: Language,
    pub(super) path: &'a str,
    /// The asset whose code this is.
    pub(super) owner: &'a str,
    pub(super) evidence: &'a dyn Fn(u64) -> Evidence,
}

/// A call: its name in full, its arguments, where it ends.
struct Call<'a> {
    name: String,
    /// `x` of `x = call(…)`, or of the `def x` that returns it.
    assigned: Option<&'a str>,
    positional: Option<&'a str>,
    named: Vec<(&'a str, Token<'a>)>,
    body: &'a [Token<'a>],
    line: u64,
}

/// What a unit gave so far.
struct Facts<'f> {
    found: &'f mut Found,
    owner: Asset,
    ai: bool,
    /// Tools by the names that code calls them.
    tools: HashMap<String, String>,
}

impl<'a> Unit<'a> {
    /// Adds what this code says. Nothing but hosts counts in a file that imports no AI package.
    pub(super) fn read(&self, found: &mut Found) {
        let imports = imports(self.tokens, self.language, self.path, &found.tree);
        let mut owner = project(self.path, found);
        if owner.id.as_str() != self.owner {
            owner = Asset::new(self.owner, AssetKind::Notebook, super::super::walk::file_name(self.path));
        }
        let mut facts = Facts { found, owner, ai: !imports.is_empty(), tools: HashMap::new() };
        for import in &imports {
            let reference = match import.ecosystem {
                "npm" => Reference::npm_parts(&import.package, None),
                ecosystem => {
                    Reference { ecosystem, name: import.package.clone(), written: None, exact: None, source: None }
                }
            };
            let mut package = reference.asset();
            // an import says nothing about the version
            package.provenance.pinned = None;
            self.uses(&mut facts, package, import.line);
        }
        self.hosts(&mut facts);
        if facts.ai {
            let constants = self.constants();
            self.decorated_tools(&mut facts);
            // tools first: agents refer to them
            self.calls(&constants).for_each(|call| self.tool_call(&mut facts, &call));
            self.calls(&constants).for_each(|call| self.call(&mut facts, &call));
            self.named_models(&mut facts);
            let Facts { found, mut owner, .. } = facts;
            owner.ai = true;
            found.inventory.add(owner);
        }
    }

    fn at(&self, line: u64) -> Evidence {
        (self.evidence)(line)
    }

    /// Adds an asset that the owner uses.
    fn uses(&self, facts: &mut Facts<'_>, asset: Asset, line: u64) {
        self.relate(facts, RelationKind::Uses, asset, line);
    }

    fn relate(&self, facts: &mut Facts<'_>, kind: RelationKind, asset: Asset, line: u64) {
        let evidence = self.at(line);
        facts.ai = true;
        facts.found.relate(self.owner, kind, asset.id.as_str(), &evidence);
        facts.found.inventory.add(asset.seen(evidence.clone()));
        if facts.owner.evidence.is_empty() {
            facts.owner.evidence.push(evidence);
        }
    }

    /// AI services that strings point to, and AWS clients of one.
    fn hosts(&self, facts: &mut Facts<'_>) {
        for (i, token) in self.tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Text) {
            let urls = token.text.split_whitespace().filter(|word| word.contains('.')).filter_map(model_ref::host);
            for provider in urls.filter_map(|host| catalog().provider_by_host(host.trim_matches(['"', '\'', ',', ')'])))
            {
                self.uses(facts, provider.asset(), token.line);
            }
            let call = i.checked_sub(2).and_then(|at| self.tokens.get(at..i));
            if let Some([name, open]) = call
                && open.text == "("
                && matches!(name.text, "client" | "resource")
                && let Some(provider) = catalog().provider_by_service(token.text)
            {
                self.uses(facts, provider.asset().with("service", token.text), token.line);
            }
            let variable = self.tokens.get(i + 1).is_some_and(|next| matches!(next.text, ")" | "]" | ","));
            if let Some(provider) = catalog().provider_by_env(token.text).filter(|_| variable && facts.ai) {
                self.uses(facts, provider.asset(), token.line);
            }
        }
    }

    /// `NAME = "text"`, where it is the only value the name gets.
    fn constants(&self) -> HashMap<&'a str, &'a str> {
        let mut constants = HashMap::new();
        for window in self.tokens.windows(3) {
            if let [name, equals, value] = window
                && equals.text == "="
                && name.kind == Kind::Word
                && value.kind == Kind::Text
            {
                constants.entry(name.text).and_modify(|known| *known = "").or_insert(value.text);
            }
        }
        constants.retain(|_, value| !value.is_empty());
        constants
    }

    fn calls(&self, constants: &HashMap<&'a str, &'a str>) -> impl Iterator<Item = Call<'a>> {
        let calls = self.tokens.windows(2).enumerate().filter(|(_, window)| {
            matches!(window, [name, open] if name.kind == Kind::Word && open.text == "(" && open.kind == Kind::Mark)
        });
        calls.filter_map(move |(i, _)| self.parse_call(i, constants))
    }

    fn parse_call(&self, at: usize, constants: &HashMap<&'a str, &'a str>) -> Option<Call<'a>> {
        let mut start = at;
        let mut name = self.tokens.get(at)?.text.to_owned();
        while let Some([before, dot]) = start.checked_sub(2).and_then(|from| self.tokens.get(from..start)) {
            if dot.text != "." || before.kind != Kind::Word || name.len() > 200 {
                break;
            }
            name = format!("{}.{name}", before.text);
            start -= 2;
        }
        let new =
            usize::from(start > 0 && self.tokens.get(start - 1).is_some_and(|t| matches!(t.text, "new" | "await")));
        let assigned = match (start - new).checked_sub(2).and_then(|from| self.tokens.get(from..start - new)) {
            Some([variable, equals]) if equals.text == "=" && variable.kind == Kind::Word => Some(variable.text),
            _ => self.returned_by(start - new),
        };
        let rest = self.tokens.get(at + 2..)?;
        let body = rest.get(..closing(rest)).unwrap_or_default();
        let value = |token: &Token<'a>| match token.kind {
            Kind::Text => Some(token.text),
            Kind::Word => constants.get(token.text).copied(),
            Kind::Doc | Kind::Mark | Kind::End => None,
        };
        let positional = body.first().filter(|_| body.get(1).is_none_or(|next| next.text == ",")).and_then(value);
        let mut named = Vec::new();
        let mut depth = 0_usize;
        for window in body.windows(3) {
            let [key, sign, given] = window else { continue };
            match key.text {
                "(" | "[" => depth += 1,
                ")" | "]" => depth = depth.saturating_sub(1),
                _ => {}
            }
            let key_like = matches!(key.kind, Kind::Word | Kind::Text)
                && matches!(sign.text, "=" | ":")
                && sign.kind == Kind::Mark;
            if depth == 0 && key_like {
                let mut given = *given;
                if let Some(text) = value(&given) {
                    given = Token { kind: Kind::Text, text, ..given };
                }
                named.push((key.text, given));
            }
        }
        let line = self.tokens.get(at)?.line;
        Some(Call { name, assigned, positional, named, body, line })
    }

    /// The function whose `return` stands before this token, as frameworks take agents and tools from methods.
    fn returned_by(&self, at: usize) -> Option<&'a str> {
        let before = self.tokens.get(at.saturating_sub(SPAN / 8)..at)?;
        before.last().filter(|last| last.text == "return")?;
        let def = before.iter().rposition(|token| token.text == "def")?;
        before.get(def + 1).map(|token| token.text)
    }

    /// Functions marked as tools.
    fn decorated_tools(&self, facts: &mut Facts<'_>) {
        let table = &catalog().code;
        for (i, token) in
            self.tokens.iter().enumerate().filter(|(_, token)| token.text == "@" && token.indent.is_some())
        {
            let rest = self.tokens.get(i + 1..).unwrap_or_default();
            let decorator = rest.iter().take_while(|t| t.kind == Kind::Word || t.text == ".").last();
            if decorator.is_none_or(|t| !table.tool_decorators.contains(t.text)) {
                continue;
            }
            let Some(def) = rest.iter().take(SPAN).position(|t| t.text == "def") else { continue };
            let function = rest.get(def + 1..).unwrap_or_default();
            let Some(name) = function.first() else { continue };
            let column = token.indent.unwrap_or(0);
            let end = function.iter().take(SPAN).position(|t| t.indent.is_some_and(|indent| indent <= column));
            let body = function.get(..end.unwrap_or(function.len().min(SPAN))).unwrap_or_default();
            let mut tool = self.tool(name.text);
            let doc = body.iter().find(|t| t.kind == Kind::Doc);
            if let Some(doc) = doc {
                tool.properties.insert("description".into(), doc.text.trim().into());
            }
            for window in (1..body.len()).filter(|at| body.get(*at).is_some_and(|t| t.text == "(")) {
                let called: Vec<&str> =
                    body.get(window.saturating_sub(3)..window).unwrap_or_default().iter().map(|t| t.text).collect();
                for (capability, calls) in &table.body {
                    if calls.iter().any(|call| ends_with_call(&called, call)) {
                        capable(&mut tool, capability);
                    }
                }
            }
            facts.tools.insert(name.text.to_owned(), tool.id.to_string());
            self.relate(facts, RelationKind::Contains, tool, token.line);
        }
    }

    fn tool(&self, name: &str) -> Asset {
        Asset::new(format!("file:{}#{name}", self.path), AssetKind::Tool, name).ai()
    }

    /// Tools that are made by a call, ready-made ones among them.
    fn tool_call(&self, facts: &mut Facts<'_>, call: &Call<'a>) {
        let table = &catalog().code;
        let last = last(&call.name);
        let capabilities: Vec<&String> = table
            .capabilities
            .iter()
            .filter(|(_, names)| names.contains(last))
            .map(|(capability, _)| capability)
            .collect();
        if capabilities.is_empty() && !table.tools.contains(last) {
            return;
        }
        let name = call.text("name").or(call.assigned).unwrap_or(last);
        let mut tool = self.tool(name).with("class", last);
        for capability in capabilities {
            capable(&mut tool, capability);
        }
        if let Some(description) = call.text("description") {
            tool.properties.insert("description".into(), description.into());
        }
        for alias in [Some(last), call.assigned].into_iter().flatten() {
            facts.tools.insert(alias.to_owned(), tool.id.to_string());
        }
        self.relate(facts, RelationKind::Contains, tool, call.line);
    }

    /// Agents, servers, models, data sets and dangerous settings.
    fn call(&self, facts: &mut Facts<'_>, call: &Call<'a>) {
        let table = &catalog().code;
        let last = last(&call.name);
        let trust = call.named.iter().any(|(key, value)| matches!(*key, "trust_remote_code") && value.text == "True");
        for (key, value) in call.named.iter().filter(|(key, _)| table.flags.contains(*key)) {
            if matches!(value.kind, Kind::Word | Kind::Text) {
                let value = match value.text {
                    "True" | "true" => true.into(),
                    "False" | "false" => false.into(),
                    other => serde_json::Value::from(other),
                };
                facts.owner.properties.insert((*key).to_owned(), value);
                facts.owner.evidence.push(self.at(call.line));
            }
        }
        let mut models = Vec::new();
        let hub_call = table.model_calls.contains(last) || table.dataset_calls.contains(last) || last == "pipeline";
        if table.dataset_calls.contains(last) {
            if let Some(name) = call.positional.or_else(|| call.text("path")).filter(|name| !BUILDERS.contains(name)) {
                self.uses(facts, dataset(name, call), call.line);
            }
        } else if table.model_calls.contains(last) || table.model_factories.contains(last) {
            models.extend(call.positional);
        }
        models.extend(
            call.named
                .iter()
                .filter(|(key, value)| table.model_keywords.contains(*key) && value.kind == Kind::Text)
                .map(|(_, value)| value.text),
        );
        let agent = table.agents.contains(last).then(|| self.agent(facts, call));
        for name in models {
            let bare = !name.contains(['/', ':']) && catalog().provider_by_model(name).is_none();
            let model =
                if bare && hub_call { Some(model_ref::hugging_face(name)) } else { model_ref::model(name, self.owner) };
            let Some(mut model) = model else { continue };
            if model.id.as_str().starts_with("https://huggingface.co/") && call.text("revision").is_some() {
                model_ref::pin(&mut model, call.text("revision"));
            }
            if trust {
                model.properties.insert("trust_remote_code".into(), true.into());
            }
            if let Some(agent) = &agent {
                facts.found.relate(agent, RelationKind::Uses, model.id.as_str(), &self.at(call.line));
            }
            self.uses(facts, model, call.line);
        }
        if table.mcp_servers.contains(last) {
            let name = call.positional.or_else(|| call.text("name")).or(call.assigned).unwrap_or(last);
            let server = Asset::new(format!("file:{}#{name}", self.path), AssetKind::McpServer, name);
            for tool in facts.tools.values() {
                facts.found.relate(server.id.as_str(), RelationKind::HasTool, tool, &self.at(call.line));
            }
            self.relate(facts, RelationKind::Contains, server, call.line);
        }
        if table.mcp_clients.contains(last) {
            let name = call.text("command").or_else(|| call.text("url")).unwrap_or(last);
            let mut server =
                Asset::new(format!("file:{}#{}", self.path, call.assigned.unwrap_or(name)), AssetKind::McpServer, name);
            for key in ["command", "url"] {
                if let Some(value) = call.text(key) {
                    server.properties.insert(key.into(), value.into());
                }
            }
            self.uses(facts, server, call.line);
        }
    }

    /// An agent and the tools among its arguments; returns its id.
    fn agent(&self, facts: &mut Facts<'_>, call: &Call<'a>) -> String {
        let last = last(&call.name);
        let name = call.text("name").or_else(|| call.text("role")).or(call.assigned).unwrap_or(last).trim();
        let mut agent = Asset::new(format!("file:{}#{name}", self.path), AssetKind::Agent, name).with("class", last);
        if let Some(instructions) = ["instructions", "system_prompt", "system_message", "backstory", "prompt"]
            .iter()
            .find_map(|key| call.text(key))
        {
            agent.properties.insert("instructions".into(), instructions.into());
        }
        let id = agent.id.to_string();
        for token in call.body.iter().filter(|token| token.kind == Kind::Word) {
            if let Some(tool) = facts.tools.get(token.text) {
                facts.found.relate(&id, RelationKind::HasTool, tool, &self.at(call.line));
            }
        }
        if call.body.iter().any(|token| token.text == "tools") {
            agent.properties.insert("tools".into(), true.into());
        }
        self.relate(facts, RelationKind::Contains, agent, call.line);
        id
    }

    /// Models that are named outside calls: `model_id = "org/name"`, `"model": "gpt-4"`.
    fn named_models(&self, facts: &mut Facts<'_>) {
        for window in self.tokens.windows(3) {
            let [key, sign, value] = window else { continue };
            let key_name = key.text.to_ascii_lowercase();
            let named = catalog().code.model_keywords.contains(key.text)
                || key_name.contains("model")
                || key_name.contains("llm");
            if !named || value.kind != Kind::Text || !matches!(sign.text, "=" | ":") || key.kind == Kind::Doc {
                continue;
            }
            let model = model_ref::model(value.text, self.owner).filter(|model| {
                model.text("provider").is_some() || model.id.as_str().starts_with("https://huggingface.co/")
            });
            if let Some(model) = model {
                self.uses(facts, model, value.line);
            }
        }
    }
}

impl<'a> Call<'a> {
    /// A named argument that is a string.
    fn text(&self, key: &str) -> Option<&'a str> {
        self.named.iter().find(|(name, value)| *name == key && value.kind == Kind::Text).map(|(_, value)| value.text)
    }
}

fn dataset(name: &str, call: &Call<'_>) -> Asset {
    let local = name.starts_with(['/', '.']);
    let id = if local { format!("dataset:{name}") } else { format!("https://huggingface.co/datasets/{name}") };
    let mut asset = Asset::new(id, AssetKind::Dataset, name).ai();
    if !local {
        asset.provenance.publisher = name.split_once('/').map(|(publisher, _)| publisher.to_owned());
        asset.provenance.source = Some("https://huggingface.co/datasets".to_owned());
        model_ref::pin(&mut asset, call.text("revision"));
    }
    asset
}

/// Notes what a tool lets a model do; the most dangerous one is `capability`.
fn capable(tool: &mut Asset, capability: &str) {
    append(tool, "capabilities", capability);
    let rank = |capability: &str| {
        ["shell", "code", "sql", "file", "mail", "http", "search"].iter().position(|known| *known == capability)
    };
    if tool.text("capability").is_none_or(|known| rank(capability) < rank(known)) {
        tool.properties.insert("capability".into(), capability.into());
    }
}

/// Whether tokens before a bracket spell this call: `subprocess . run`.
fn ends_with_call(before: &[&str], call: &str) -> bool {
    let before = before.concat();
    match before.strip_suffix(call) {
        Some(rest) => !rest.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.')),
        None => false,
    }
}

fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Where the bracket that was just opened closes.
fn closing(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0_usize;
    for (i, token) in tokens.iter().take(SPAN).enumerate().filter(|(_, token)| token.kind == Kind::Mark) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" if depth == 0 => return i,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
    }
    tokens.len().min(SPAN)
}
