//! Tools: functions that a model may call, however a language or framework declares them.

use std::ops::Range;

use super::call::Call;
use super::facts::{Facts, capabilities, capable};
use super::lexer::{Kind, Language};
use crate::asset::{Asset, AssetKind, RelationKind};
use crate::discover::catalog::catalog;

/// Most tokens looked at for what belongs to one declaration.
const SPAN: usize = 800;

impl<'a> Facts<'_, 'a> {
    /// A tool of this file, named by the names that code has for it.
    pub(super) fn add_tool(&mut self, mut tool: Asset, names: &[&str], line: u64) -> String {
        let id = tool.id.to_string();
        tool.ai = true;
        for name in names {
            self.name(name, &id, AssetKind::Tool);
        }
        self.relate(RelationKind::Contains, tool, line);
        id
    }

    fn tool(&self, name: &str) -> Asset {
        Asset::new(self.local(name), AssetKind::Tool, name.trim()).ai()
    }

    /// A tool that is a function of this file, with what it says of itself and what its body does.
    pub(super) fn function_tool(&mut self, name: &'a str, keyword: usize, description: Option<&str>) -> String {
        let mut tool = self.tool(name);
        let body = self.body(keyword);
        let doc = self.code.slice(body.clone()).iter().find(|token| token.kind == Kind::Doc).map(|doc| doc.text);
        if let Some(text) = description.or(doc) {
            tool.properties.insert("description".into(), self.kept(text));
        }
        for capability in capabilities(self.code, body) {
            capable(&mut tool, capability);
        }
        self.add_tool(tool, &[name], self.code.line(keyword))
    }

    /// The tokens of a function or class whose keyword or name stands here.
    fn body(&self, keyword: usize) -> Range<usize> {
        let code = self.code;
        let end = match code.language {
            Language::Python => code.dedent(keyword),
            _ => {
                let mut at = keyword;
                let limit = keyword + SPAN;
                while at < limit && !matches!(code.word(at), "{" | ";" | "") {
                    at = code.next(at);
                }
                if code.word(at) == "{" { code.pair(at) } else { at }
            }
        };
        keyword..end.min(code.len()).min(keyword + SPAN * 4)
    }

    /// Functions and methods that are marked as tools, and classes derived from one of a framework.
    pub(super) fn declared_tools(&mut self) {
        // the class around, and where it ends
        let mut class = ("", 0);
        for at in 0..self.code.len() {
            let code = self.code;
            if matches!(code.word(at), "class" | "object" | "interface" | "impl" | "record") && code.is_name(at + 1) {
                class = (code.word(at + 1), self.body(at).end);
            }
            let tool = match code.language {
                Language::Python => self.python_tool(at),
                Language::Java | Language::Kotlin | Language::CSharp | Language::Rust => {
                    self.system_message(at, class.0);
                    self.annotated_tool(at)
                }
                _ => None,
            };
            if let Some(tool) = tool.filter(|_| at < class.1) {
                self.classes.entry(class.0).or_default().push(tool);
            }
            self.listed_tool(at);
        }
    }

    fn python_tool(&mut self, at: usize) -> Option<String> {
        let code = self.code;
        let table = &catalog().code;
        match code.word(at) {
            "@" if code.get(at).is_some_and(|token| token.indent.is_some()) => {
                let end = (at + 1..at + 12).find(|at| !(code.is_name(*at) || code.word(*at) == ".")).unwrap_or(at);
                let (root, name) = (code.word(at + 1), code.word(end - 1));
                let foreign = self.imports.is_foreign(root) || root == name && code.declares(root);
                if !table.tool_decorators.contains(self.imports.symbol(name)) || foreign {
                    return None;
                }
                let def = (end..end + SPAN).find(|at| code.word(*at) == "def")?;
                let arguments = if code.word(end) == "(" { end + 1..code.pair(end) } else { end..end };
                let mut named: Option<String> = None;
                let mut description = None;
                let mut bounds = Vec::new();
                for part in code.parts(arguments) {
                    let value = part.start + 2..part.end;
                    match (code.word(part.start), code.word(part.start + 1)) {
                        ("description" | "desc", "=") => description = code.text(value),
                        ("name" | "name_override", "=") => named = code.text(value).map(Into::into),
                        (key, "=") if table.bounds.contains(key) => bounds.push((key, self.bound(&value))),
                        (_, "=") => {}
                        _ => named = named.or_else(|| code.text(part).map(Into::into)),
                    }
                }
                let function = code.word(def + 1);
                let id = self.function_tool(function, def, description.as_deref());
                if let Some(tool) = self.found.inventory.get_mut(&id) {
                    bounds.into_iter().for_each(|(key, value)| _ = tool.properties.insert(key.to_owned(), value));
                }
                if root != name {
                    self.held.entry(root).or_default().push(id.clone());
                }
                if let Some(name) = named.filter(|name| name != function && name.len() < 100) {
                    let renamed = self.found.inventory.get_mut(&id);
                    renamed.into_iter().for_each(|tool| tool.name = name.clone());
                }
                Some(id)
            }
            "class" if code.word(at + 2) == "(" => {
                let bases = code.parts(at + 3..code.pair(at + 2).min(at + 40));
                let base = bases.into_iter().filter_map(|base| {
                    let end = (base.start..base.end).find(|at| code.word(*at) == "[").unwrap_or(base.end);
                    code.path(base.start..end)
                });
                let base = base.map(|base| self.imports.symbol(base)).find(|base| table.tool_bases.contains(*base));
                let base = base.filter(|base| !self.imports.is_foreign(base))?;
                let body = self.body(at);
                let class = code.word(at + 1);
                let field = |key: &str| {
                    let equals = body.clone().find(|at| {
                        code.word(*at) == "="
                            && code.target(*at).is_some_and(|(name, at)| name == key && at > body.start)
                    })?;
                    code.text(code.expression(equals + 1))
                };
                let name = field("name").filter(|name| !name.trim().is_empty());
                let mut tool = self.tool(class).with("class", class).with("base", base);
                if let Some(name) = &name {
                    tool.name = name.trim().to_owned();
                }
                let doc =
                    || code.slice(body.clone()).iter().find(|token| token.kind == Kind::Doc).map(|doc| doc.text.into());
                if let Some(text) = field("description").or_else(doc) {
                    tool.properties.insert("description".into(), self.kept(&text));
                }
                for capability in capabilities(code, body.clone()) {
                    capable(&mut tool, capability);
                }
                self.add_tool(tool, &[class], code.line(at));
                None
            }
            _ => None,
        }
    }

    /// `@SystemMessage("…")`: what a service of LangChain4j is told.
    fn system_message(&mut self, at: usize, class: &str) {
        let code = self.code;
        let annotation = code.word(at) == "@" && matches!(code.word(at + 1), "SystemMessage" | "UserMessage");
        if annotation && code.word(at + 2) == "(" && !self.imports.is_foreign(code.word(at + 1)) {
            let part = at + 3..code.pair(at + 2).min(code.len());
            let part = if code.word(part.start + 1) == "=" { part.start + 2..part.end } else { part };
            if let Some(text) = code.text(part) {
                self.prompt(&format!("{class}.{}", code.word(at + 1)), &text, code.word(at + 1), code.line(at));
            }
        }
    }

    /// `@Tool("…") Type name(…)`, `[KernelFunction] … name(…)`, `#[tool(…)] fn name(…)`.
    fn annotated_tool(&mut self, at: usize) -> Option<String> {
        let code = self.code;
        let opens = match code.language {
            Language::CSharp => code.word(at) == "[",
            Language::Rust => code.word(at) == "[" && code.word(at.saturating_sub(1)) == "#",
            _ => code.word(at) == "@",
        };
        let mut name = at + 1;
        while code.is_name(name) && matches!(code.word(name + 1), "." | ":") {
            name += if code.word(name + 1) == "." { 2 } else { 3 };
        }
        let mark = code.word(name);
        if !opens || !catalog().code.tool_decorators.contains(mark) || self.imports.is_foreign(mark) {
            return None;
        }
        let arguments = if code.word(name + 1) == "(" { name + 2..code.pair(name + 1) } else { name..name };
        let end = match code.language {
            Language::CSharp | Language::Rust => code.pair(at) + 1,
            _ => arguments.end.max(name) + 1,
        };
        let mut description = None;
        // C# gives a name there, and says what it does in an attribute of its own, maybe in the same brackets
        let csharp = code.language == Language::CSharp;
        if let Some(at) = (name..end).take(SPAN / 8).find(|at| csharp && code.word(*at) == "Description") {
            description = code.text(at + 2..code.pair(at + 1));
        }
        for part in code.parts(arguments).into_iter().filter(|_| !csharp) {
            let value = match (code.word(part.start), code.word(part.start + 1)) {
                ("description" | "value", "=") => part.start + 2..part.end,
                (_, "=") => continue,
                _ => part,
            };
            // several lines of a description in braces
            let value = if code.word(value.start) == "{" { value.start + 1..value.start + 2 } else { value };
            description = description.or_else(|| code.text(value));
        }
        // the declaration: the first name before a bracket, other annotations left out
        let mut here = end;
        let limit = end + SPAN / 8;
        while here < limit {
            match code.word(here) {
                "@" | "#" => {
                    here += 2;
                    if code.word(here - 1) == "[" {
                        here = code.next(here - 1);
                    } else if code.word(here) == "(" {
                        if description.is_none() {
                            description = code.text(here + 1..code.pair(here));
                        }
                        here = code.next(here);
                    }
                }
                "[" => {
                    if description.is_none() && code.word(here + 1) == "Description" {
                        description = code.text(here + 3..code.pair(here + 2));
                    }
                    here = code.next(here);
                }
                "(" if code.is_name(here - 1) => {
                    let function = code.word(here - 1);
                    return Some(self.function_tool(function, here - 1, description.as_deref()));
                }
                "{" | "}" | ";" | "" | "class" => return None,
                _ => here = code.next(here),
            }
        }
        None
    }

    /// `{"type": "function", "function": {"name": …}}`, `{"name": …, "input_schema": …}`.
    fn listed_tool(&mut self, at: usize) {
        let code = self.code;
        if code.word(at) != "{" {
            return;
        }
        let field = |parts: &[Range<usize>], key: &str| {
            let found = parts.iter().find(|part| {
                code.get(part.start).is_some_and(|token| token.text == key) && code.word(part.start + 1) == ":"
            })?;
            Some(found.start + 2..found.end)
        };
        // the first key tells, so that other objects cost nothing
        let first = code.get(at + 1).map_or("", |token| token.text);
        if !matches!(first, "type" | "name" | "description" | "toolSpec" | "function") {
            return;
        }
        let parts = code.parts(at + 1..code.pair(at).min(code.len()));
        let schema = ["input_schema", "parameters", "inputSchema"].iter().any(|key| field(&parts, key).is_some());
        let (Some(name), Some(description), true) =
            (field(&parts, "name"), field(&parts, "description"), schema && parts.len() < 12)
        else {
            return;
        };
        let (Some(name), description) = (code.text(name), code.text(description)) else { return };
        if name.is_empty() || name.len() > 100 || name.contains(' ') {
            return;
        }
        let mut tool = self.tool(&name).with("declared", "schema");
        if let Some(description) = description {
            tool.properties.insert("description".into(), self.kept(&description));
        }
        self.add_tool(tool, &[&*name], code.line(at));
    }

    /// Tools that are made by a call, ready-made ones among them.
    pub(super) fn tool_call(&mut self, call: &Call<'a>) {
        let table = &catalog().code;
        let ready: Vec<&str> = table
            .capabilities
            .iter()
            .filter(|(_, names)| self.is(call, names).is_some())
            .map(|(capability, _)| capability.as_str())
            .collect();
        let made = self.is(call, &table.tools);
        if ready.is_empty() && made.is_none() {
            return;
        }
        let class = made.unwrap_or_else(|| call.class());
        let code = self.code;
        // `.tool(Adder)` gives an agent a tool; `server.AddTool(tool, …)` a server
        let known = call
            .positional(0)
            .and_then(|range| self.named.get(code.path(range)?))
            .filter(|named| named.kind == AssetKind::Tool);
        if let (Some(known), [root, _, ..]) = (known, call.path.as_slice()) {
            self.held.entry(root).or_default().push(known.id.clone());
            return;
        }
        if call.chained && ready.is_empty() && call.positional(1).is_none() {
            return;
        }
        let named = call.text(code, &["name", "Name", "id", "tool_name"]);
        // `Tool(function)`, `tool(async (…) => …, {…})`, `DefineTool(g, "name", "what it does", function)`
        let first = call.positional(0);
        let function = [call.arg(&["func", "function", "fn", "handler", "coroutine", "execute"]), first.clone()];
        let function =
            function.into_iter().flatten().find_map(|range| code.path(range)).filter(|name| code.declares(name));
        let texts: Vec<_> = (0..5).filter_map(|n| call.positional(n)).filter_map(|range| code.text(range)).collect();
        let by_text = made.is_some() && ready.is_empty();
        let name = named
            .or_else(|| texts.first().filter(|text| by_text && !text.contains(' ') && text.len() < 100).cloned())
            .or_else(|| Some(call.assigned?.into()))
            .or_else(|| Some(function?.into()))
            .unwrap_or_else(|| class.into());
        let lowercase = class.starts_with(|c: char| c.is_lowercase());
        if lowercase && call.args.is_empty() && ready.is_empty() {
            return;
        }
        let mut tool = self.tool(&name).with("class", class);
        ready.iter().for_each(|capability| capable(&mut tool, capability));
        for arg in &call.args {
            if let Some(key) = arg.key.filter(|key| table.bounds.contains(*key)) {
                tool.properties.insert(key.to_owned(), self.bound(&arg.value));
            }
        }
        let description =
            call.text(code, &["description", "Description", "desc", "tool_description", "WithDescription"]);
        let said = description.or_else(|| texts.get(1).filter(|_| by_text).cloned());
        let mut body = call.range.clone();
        let mut doc = None;
        if let Some(keyword) = function.and_then(|name| code.declaration(name)) {
            let of = self.body(keyword);
            doc = code.slice(of.clone()).iter().find(|token| token.kind == Kind::Doc).map(|doc| doc.text);
            for capability in capabilities(code, of) {
                capable(&mut tool, capability);
            }
        }
        body.end = body.end.min(body.start + SPAN * 4);
        capabilities(code, body).into_iter().for_each(|capability| capable(&mut tool, capability));
        if let Some(text) = said.as_deref().or(doc) {
            tool.properties.insert("description".into(), self.kept(text));
        }
        let names: Vec<&str> =
            [Some(class).filter(|_| !ready.is_empty()), call.assigned, function].into_iter().flatten().collect();
        let id = self.add_tool(tool, &names, call.line);
        self.name(&name, &id, AssetKind::Tool);
        for arg in &call.args {
            let given = code.path(arg.value.clone()).and_then(|name| self.named.get(name));
            if let Some(store) = given.filter(|named| named.kind == AssetKind::VectorStore).cloned() {
                self.link(&id, RelationKind::RetrievesFrom, &store.id, call.line);
            }
        }
        // `server.tool(…)`: the server offers it
        if let [root, _, ..] = call.path.as_slice() {
            self.held.entry(root).or_default().push(id);
        }
    }
}
