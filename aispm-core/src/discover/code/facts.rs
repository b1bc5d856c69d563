//! What a file of code says about AI: its packages, the services it calls, and by way of the other files of this folder
//! its models, agents, tools, stores and prompts.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::LazyLock;

use serde_json::Value;

use super::call::Call;
use super::import::Imports;
use super::lexer::{Kind, Language};
use super::syntax::Code;
use crate::asset::{Asset, AssetKind, Evidence, Match, RelationKind};
use crate::discover::catalog::catalog;
use crate::discover::container::append;
use crate::discover::format::Found;
use crate::discover::model_ref;
use crate::discover::package::{Reference, project};
use crate::text::sensitive::Sensitive;

/// Longest text kept of a prompt or description, in characters.
const KEPT: usize = 4000;
/// Most assignments looked at between a model's answer and where it is run.
const FLOW: usize = 12;

/// One file, or the cells of a notebook.
pub(super) struct Unit<'u, 'a> {
    pub(super) code: &'u Code<'a>,
    pub(super) path: &'u str,
    /// The asset whose code this is.
    pub(super) owner: &'u str,
    pub(super) evidence: &'u dyn Fn(u64) -> Evidence,
}

/// An asset that code has a name for.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) id: String,
    pub(super) kind: AssetKind,
}

/// What a unit gave so far.
pub(super) struct Facts<'u, 'a> {
    pub(super) unit: &'u Unit<'u, 'a>,
    pub(super) code: &'u Code<'a>,
    pub(super) imports: Imports<'a>,
    pub(super) found: &'u mut Found,
    pub(super) owner: Asset,
    /// Tools, agents, servers and stores by the names that code calls them.
    pub(super) named: HashMap<String, Named>,
    /// Tools by the variable whose method takes them: `@server.tool()`.
    pub(super) held: HashMap<&'a str, Vec<String>>,
    /// Tools by the class whose methods they are.
    pub(super) classes: HashMap<&'a str, Vec<String>>,
    /// Addresses and commands of MCP servers.
    pub(super) servers: HashSet<String>,
    ai: bool,
}

/// Adds what a unit says; whether that is AI. Nothing but hosts counts in a file that imports no AI package.
pub(super) fn read<'a>(unit: &Unit<'_, 'a>, found: &mut Found) -> bool {
    let code = unit.code;
    let imports = Imports::of(code, unit.path, &found.tree);
    let mut owner = project(unit.path, found);
    if owner.id.as_str() != unit.owner {
        owner = Asset::new(unit.owner, AssetKind::Notebook, crate::discover::walk::file_name(unit.path));
    }
    let ai = !imports.packages.is_empty();
    let (named, held, classes, servers) = (HashMap::new(), HashMap::new(), HashMap::new(), HashSet::new());
    let mut facts = Facts { unit, code, imports, found, owner, named, held, classes, servers, ai };
    facts.packages();
    facts.hosts();
    facts.kickoff();
    if !facts.ai {
        return false;
    }
    let calls: Vec<Call<'a>> = code.calls().filter(|call| known(call, &facts.imports)).collect();
    facts.declared_tools();
    calls.iter().for_each(|call| facts.store(call));
    calls.iter().for_each(|call| facts.tool_call(call));
    calls.iter().for_each(|call| facts.mcp_client(call));
    facts.mcp_objects();
    calls.iter().for_each(|call| facts.model_call(call));
    facts.training(&calls);
    // agents refer to all of these
    calls.iter().for_each(|call| facts.agent_call(call));
    facts.graphs(&calls);
    facts.mcp_servers(&calls);
    facts.prompts(&calls);
    facts.named_models();
    facts.addresses();
    calls.iter().for_each(|call| facts.setting(call));
    facts.limits();
    facts.sinks(&calls);
    let Facts { found, mut owner, .. } = facts;
    owner.ai = true;
    found.inventory.add(owner);
    true
}

/// Whether a call is in any of the tables, or has an argument that is.
fn known<'a>(call: &Call<'a>, imports: &Imports<'a>) -> bool {
    static NAMES: LazyLock<HashSet<&str>> = LazyLock::new(|| {
        let code = &catalog().code;
        let sets = [
            &code.agents,
            &code.teams,
            &code.generators,
            &code.mcp_servers,
            &code.mcp_clients,
            &code.tools,
            &code.generation,
            &code.pages,
            &code.model_calls,
            &code.dataset_calls,
            &code.model_factories,
            &code.prompts,
            &code.trainers,
            &code.reads,
            &code.writes,
        ];
        let groups = code.clients.values().chain(code.vector_stores.values()).chain(code.capabilities.values());
        let names = sets.into_iter().chain(groups).flatten().chain(code.body.values().flatten());
        names.map(|name| name.rsplit('.').next().unwrap_or(name)).collect()
    });
    static KEYS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
        let code = &catalog().code;
        code.model_keywords
            .iter()
            .chain(&code.flags)
            .chain(&code.bounds)
            .chain(&code.place_args)
            .map(String::as_str)
            .collect()
    });
    NAMES.contains(imports.symbol(call.name()))
        || NAMES.contains(call.name())
        || NAMES.contains(call.class())
        || catalog().code.other_calls.contains(call.name())
        || call.args.iter().any(|arg| arg.key.is_some_and(|key| KEYS.contains(key)))
}

impl<'u, 'a> Facts<'u, 'a> {
    pub(super) fn at(&self, line: u64) -> Evidence {
        let mut evidence = (self.unit.evidence)(line);
        evidence.excerpt = evidence.excerpt.map(|text| without_secrets(&text));
        evidence
    }

    /// Adds an asset that the owner uses.
    pub(super) fn uses(&mut self, asset: Asset, line: u64) {
        self.relate(RelationKind::Uses, asset, line);
    }

    /// Adds an asset and the owner's relation to it.
    pub(super) fn relate(&mut self, kind: RelationKind, asset: Asset, line: u64) {
        let evidence = self.at(line);
        self.ai = true;
        self.found.relate(self.unit.owner, kind, asset.id.as_str(), &evidence);
        self.found.inventory.add(asset.seen(evidence.clone()));
        if self.owner.evidence.is_empty() {
            self.owner.evidence.push(evidence);
        }
    }

    /// Adds a relation between two assets.
    pub(super) fn link(&mut self, from: &str, kind: RelationKind, to: &str, line: u64) {
        let evidence = self.at(line);
        self.found.relate(from, kind, to, &evidence);
    }

    /// Remembers what code calls an asset.
    pub(super) fn name(&mut self, name: &str, id: &str, kind: AssetKind) {
        self.named.insert(name.to_owned(), Named { id: id.to_owned(), kind });
    }

    /// The id of something that stands in this file only.
    pub(super) fn local(&self, name: &str) -> String {
        format!("file:{}#{}", self.unit.path, name.trim())
    }

    /// The name in a table that a call stands for. A class of the same name from elsewhere is none of it.
    pub(super) fn is(&self, call: &Call<'a>, table: &HashSet<String>) -> Option<&'a str> {
        let symbol = |name: &'a str| if call.path.len() == 1 { self.imports.symbol(name) } else { name };
        let names = [symbol(call.name()), call.class()];
        let name = names.into_iter().find(|name| table.contains(*name)).or_else(|| {
            let pair = call.path.len().checked_sub(2).and_then(|from| call.path.get(from..))?;
            table.contains(&pair.join(".")).then(|| call.name())
        })?;
        self.is_ours(call).then_some(name)
    }

    /// Whether a call may be to an AI package.
    fn is_ours(&self, call: &Call<'a>) -> bool {
        let Some(root) = call.path.first().copied() else { return false };
        if call.chained || self.imports.package(root).is_some() {
            return true;
        }
        let plain = call.path.len() == 1;
        match self.code.language {
            Language::Python | Language::JavaScript => {
                !(self.imports.is_foreign(root) || plain && self.code.declares(root))
            }
            Language::CSharp => !(plain && self.code.declares(root)),
            // what is not imported is of the same package, or a variable
            _ => !plain && root.starts_with(|c: char| c.is_lowercase()) && !self.imports.is_foreign(root),
        }
    }

    /// A text for a property: cut, without secrets.
    pub(super) fn kept(&self, text: &str) -> Value {
        let text: String = text.trim().replace("\\n", "\n").chars().take(KEPT).collect();
        without_secrets(&text).into()
    }

    fn packages(&mut self) {
        for import in std::mem::take(&mut self.imports.packages) {
            let reference = match import.ecosystem {
                "npm" => Reference::npm_parts(&import.package, None),
                ecosystem => {
                    Reference { ecosystem, name: import.package.clone(), written: None, exact: None, source: None }
                }
            };
            let mut package = reference.asset().ai();
            // an import says nothing about the version
            package.provenance.pinned = None;
            self.uses(package, import.line);
            let provider = catalog().code.package_providers.get(&import.package);
            if let Some(provider) = provider.and_then(|name| catalog().provider(name)) {
                self.uses(provider.asset(), import.line);
            }
        }
    }

    /// AI services that strings point to, AWS clients of one, and variables that hold their keys.
    fn hosts(&mut self) {
        let code = self.code;
        for (i, token) in code.tokens().iter().enumerate().filter(|(_, token)| token.kind == Kind::Text) {
            let urls = token.text.split_whitespace().filter(|word| word.contains('.')).filter_map(model_ref::host);
            for provider in urls.filter_map(|host| catalog().provider_by_host(host.trim_matches(['"', '\'', ',', ')'])))
            {
                self.uses(provider.asset(), token.line);
            }
            let before = |n: usize| i.checked_sub(n).map_or("", |at| code.word(at));
            // `client("bedrock")`, `client(service_name="bedrock")`
            let first = before(1) == "(" || before(1) == "=" && before(2) == "service_name";
            let callee = code.outer(i).and_then(|open| open.checked_sub(1)).map_or("", |at| code.word(at));
            let opened = first && matches!(callee, "client" | "resource");
            if opened && let Some(provider) = catalog().provider_by_service(token.text) {
                self.uses(provider.asset().with("service", token.text), token.line);
            }
            let variable = matches!(code.word(i + 1), ")" | "]" | "," | ":" | "=");
            if self.ai
                && variable
                && let Some(provider) = catalog().provider_by_env(token.text)
            {
                self.variable(token.text);
                self.uses(provider.asset(), token.line);
            }
        }
        for at in 0..code.len() {
            // `process.env.NAME`
            if self.ai && code.word(at) == "env" && code.word(at + 1) == "." {
                let name = code.word(at + 2);
                if let Some(provider) = catalog().provider_by_env(name) {
                    self.variable(name);
                    self.uses(provider.asset(), code.line(at));
                }
            }
        }
    }

    /// Notes a variable of the environment that holds a credential.
    pub(super) fn variable(&mut self, name: &str) {
        append(&mut self.owner, "credential_env", name);
    }

    /// A program that only starts a crew defined elsewhere: `Team().crew().kickoff(…)`.
    fn kickoff(&mut self) {
        for at in 1..self.code.len() {
            let words = [".", "crew", "(", ")", ".", "kickoff", "("];
            let starts = |words: &[&str]| words.iter().enumerate().all(|(n, word)| self.code.word(at + n) == *word);
            if self.code.word(at + 1) == "crew" && (starts(&words)) {
                self.owner.properties.insert("framework".into(), "crewai".into());
                let package =
                    Reference { ecosystem: "pypi", name: "crewai".into(), written: None, exact: None, source: None };
                let mut package = package.asset();
                package.provenance.pinned = None;
                self.uses(package, self.code.line(at));
            }
        }
    }

    /// Settings that say how careful the code is.
    fn setting(&mut self, call: &Call<'a>) {
        for arg in &call.args {
            let table = &catalog().code;
            // what bounds one agent or tool does not bound the others of the program
            let bounds = |key: &str| {
                let one = [&table.agents, &table.teams, &table.tools];
                table.bounds.contains(key) && !one.into_iter().any(|names| self.is(call, names).is_some())
            };
            let Some(key) = arg.key.filter(|key| table.flags.contains(*key) || bounds(key)) else { continue };
            let value = match (arg.value.len(), self.code.word(arg.value.start)) {
                (1, "True" | "true") => true.into(),
                (1, "False" | "false") => false.into(),
                (1, number) if number.parse::<i64>().is_ok() => number.into(),
                _ => match self.code.text(arg.value.clone()) {
                    Some(text) => text.into_owned().into(),
                    None if table.bounds.contains(key) => true.into(),
                    None => continue,
                },
            };
            self.owner.properties.insert(key.to_owned(), value);
            self.owner.evidence.push(self.at(call.line));
        }
    }

    /// A limit or an approval as it is written, or that there is one.
    pub(super) fn bound(&self, value: &Range<usize>) -> Value {
        match self.code.word(value.start) {
            "False" | "false" | "None" | "null" | "undefined" if value.len() == 1 => false.into(),
            number if value.len() == 1 && number.parse::<i64>().is_ok() => number.into(),
            _ => self.code.text(value.clone()).map_or_else(|| true.into(), |text| text.into_owned().into()),
        }
    }

    /// Limits that stand in a map: `config={"recursion_limit": 10}`.
    fn limits(&mut self) {
        let code = self.code;
        for (at, token) in code.tokens().iter().enumerate().filter(|(_, token)| token.kind == Kind::Text) {
            if code.word(at + 1) == ":" && catalog().code.bounds.contains(token.text) {
                let value = self.bound(&(at + 2..at + 3));
                self.owner.properties.insert(token.text.to_owned(), value);
            }
        }
    }

    /// Interpreters and pages that run or show what a model said.
    fn sinks(&mut self, calls: &[Call<'a>]) {
        self.owner.properties.insert("ai_code".into(), true.into());
        for call in calls {
            let page = catalog().code.pages.iter().any(|name| ends(&call.dotted(), name)).then_some("html");
            let Some(sink) = page.or_else(|| capability(&call.dotted())) else { continue };
            if !matches!(sink, "shell" | "code" | "sql" | "html") || self.imports.package(call.name()).is_some() {
                continue;
            }
            // values beside a statement are bound, not read as SQL
            let read = if sink == "sql" { 1 } else { call.args.len() };
            let mut budget = FLOW;
            let said = call.args.iter().take(read).any(|arg| self.is_said(arg.value.clone(), &mut budget));
            if said {
                append(&mut self.owner, "model_output_sinks", sink);
                let place = self.at(call.line);
                if let (Value::Array(places), Ok(at)) = (
                    self.owner.properties.entry("model_output_places").or_insert_with(|| Value::Array(Vec::new())),
                    serde_json::to_value(&place),
                ) {
                    places.push(at);
                }
                self.owner.evidence.push(place);
            }
        }
    }

    /// Whether an expression holds what a model gave.
    fn is_said(&self, range: Range<usize>, budget: &mut usize) -> bool {
        let code = self.code;
        range.take(64).any(|at| {
            if code.word(at + 1) == "(" {
                let name = code.word(at);
                let asks = catalog().code.generation.contains(name) && code.word(at.saturating_sub(1)) == ".";
                let dotted = || {
                    let before = (at.saturating_sub(2)..=at).map(|at| code.word(at)).collect::<String>();
                    catalog().code.dotted_generation.iter().any(|call| before.ends_with(call.as_str()))
                };
                if asks || dotted() {
                    return true;
                }
            }
            let variable = code.is_name(at) && code.word(at.saturating_sub(1)) != ".";
            let value = if variable && *budget > 0 { code.value_of(code.word(at), at, false) } else { None };
            value.is_some_and(|value| {
                *budget -= 1;
                self.is_said(value, budget)
            })
        })
    }
}

/// What a call lets the program do that makes it.
pub(super) fn capability(dotted: &str) -> Option<&'static str> {
    let bodies = catalog().code.body.iter();
    bodies
        .into_iter()
        .find(|(_, calls)| calls.iter().any(|call| ends(dotted, call)))
        .map(|(capability, _)| capability.as_str())
}

/// Whether a path of names is a call of the table, or ends in one that has dots.
fn ends(dotted: &str, call: &str) -> bool {
    dotted.strip_suffix(call).is_some_and(|rest| rest.is_empty() || call.contains('.') && rest.ends_with('.'))
}

/// Everything that the calls in a range let a program do.
pub(super) fn capabilities(code: &Code<'_>, range: Range<usize>) -> BTreeSet<&'static str> {
    let opens = range.filter(|at| code.word(*at) == "(");
    opens
        .filter_map(|open| {
            let mut start = open.checked_sub(1)?;
            let mut dotted = code.word(start).to_owned();
            for _ in 0..2 {
                if start < 2 || code.word(start - 1) != "." && code.word(start - 1) != ":" {
                    break;
                }
                start -= if code.word(start - 1) == ":" { 3 } else { 2 };
                dotted = format!("{}.{dotted}", code.word(start));
            }
            capability(&dotted)
        })
        .collect()
}

/// Notes what a tool lets a model do; the most dangerous one is `capability`.
pub(super) fn capable(tool: &mut Asset, capability: &str) {
    append(tool, "capabilities", capability);
    let rank = |capability: &str| {
        ["shell", "code", "sql", "file", "mail", "http", "search"].iter().position(|known| *known == capability)
    };
    if tool.text("capability").is_none_or(|known| rank(capability) < rank(known)) {
        tool.properties.insert("capability".into(), capability.into());
    }
}

/// A text with its credentials blotted out.
fn without_secrets(text: &str) -> String {
    let mut matches: Vec<Match> = Vec::new();
    Sensitive::builtin().find_secrets(text, &mut matches);
    matches.sort_by_key(|m| m.start);
    let (mut kept, mut at) = (String::with_capacity(text.len()), 0);
    for m in matches.iter().filter(|m| m.end > m.start) {
        if m.start >= at {
            kept.push_str(text.get(at..m.start).unwrap_or_default());
            kept.push_str("***");
        }
        at = at.max(m.end);
    }
    kept.push_str(text.get(at..).unwrap_or_default());
    kept
}
