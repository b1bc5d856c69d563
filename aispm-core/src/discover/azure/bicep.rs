//! Bicep: `resource NAME 'TYPE@VERSION' = { … }`, with parameters, variables and interpolation. Each resource becomes what
//! it would be in the template that Bicep compiles to, and is read as that; its evidence is the line it starts at.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::expression::size;
use super::id::UNKNOWN;
use super::resource::describe;
use super::role::PRINCIPAL_OF;
use super::template::place;
use crate::asset::{Document, Error};
use crate::discover::Found;
use crate::discover::format::{Source, Textual};

/// Deepest nesting of values, expressions and resources.
const DEPTH: usize = 32;
/// Longest text made, bytes.
const TEXT: usize = 8 << 10;
/// Most values copied from variables in one file.
const BUDGET: usize = 1 << 20;

pub(super) const BICEP: Textual =
    Textual { name: "bicep", critical: true, matches: |source| source.has_extension(&["bicep"]), read };

fn read(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let mut reader =
        Reader { text: source.text, at: 0, line: 1, names: HashMap::new(), resources: Vec::new(), left: BUDGET };
    // a resource may be named before it is declared
    reader.declarations();
    let symbols: HashMap<String, String> =
        reader.resources.iter().map(|r| (r.symbol.clone(), r.kind.clone())).collect();
    let mut ids: HashMap<String, String> = HashMap::new();
    for _ in 0..DEPTH {
        let before = ids.len();
        for resource in &reader.resources {
            if let Some(id) = resource.id(&ids, &symbols) {
                ids.insert(resource.symbol.clone(), id);
            }
        }
        if ids.len() == before {
            break;
        }
    }
    for resource in &reader.resources {
        let Some(id) = ids.get(&resource.symbol) else { continue };
        let document = Document::row(source.path, resource.line, Value::Null);
        describe(&document, "", &resolve(&resource.body, &ids), id, found);
    }
    Ok(())
}

/// A declared resource; references in its body are texts such as `[account.id]`.
struct Declared {
    symbol: String,
    /// `TYPE` without its version.
    kind: String,
    parent: Option<String>,
    body: Value,
    line: u64,
}

impl Declared {
    /// The id it will have, once those of its parent and scope are known.
    fn id(&self, ids: &HashMap<String, String>, symbols: &HashMap<String, String>) -> Option<String> {
        let name = self.body.get("name").and_then(Value::as_str).unwrap_or(self.symbol.as_str());
        let name = name.replace('/', if name.starts_with('[') { "." } else { "/" });
        let reference = |key: &str| {
            let text = self.body.get(key)?.as_str()?;
            Some(text.strip_prefix('[')?.strip_suffix(']')?.to_owned())
        };
        let parent = self.parent.clone().or_else(|| reference("parent"));
        if let Some(parent) = parent.filter(|parent| symbols.contains_key(parent)) {
            let last = self.kind.rsplit('/').next()?;
            return Some(format!("{}/{last}/{name}", ids.get(&parent)?));
        }
        let scope = match reference("scope").filter(|scope| symbols.contains_key(scope)) {
            Some(scope) => ids.get(&scope)?.clone(),
            None => format!("/subscriptions/{UNKNOWN}/resourceGroups/{UNKNOWN}"),
        };
        Some(place(&scope, &self.kind, &name))
    }
}

/// A body with its references to resources of the file put in.
fn resolve(value: &Value, ids: &HashMap<String, String>) -> Value {
    match value {
        Value::String(text) => reference(text, ids).map_or_else(|| value.clone(), Value::String),
        Value::Array(list) => list.iter().map(|item| resolve(item, ids)).collect(),
        Value::Object(map) => {
            let key = |key: &String| reference(key, ids).unwrap_or_else(|| key.clone());
            map.iter().map(|(k, v)| (key(k), resolve(v, ids))).collect()
        }
        value => value.clone(),
    }
}

/// `[account.id]`, `[account.name]`, `[account.identity.principalId]`, `[account]`.
fn reference(text: &str, ids: &HashMap<String, String>) -> Option<String> {
    let path = text.strip_prefix('[')?.strip_suffix(']')?;
    let (symbol, rest) = path.split_once('.').unwrap_or((path, "id"));
    let id = ids.get(symbol.trim_end_matches(['!', '?']))?;
    match rest.rsplit('.').next()? {
        "id" => Some(id.clone()),
        "name" => id.rsplit('/').next().map(str::to_owned),
        "principalId" => Some(format!("{PRINCIPAL_OF}{id}")),
        _ => None,
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: u64,
    names: HashMap<&'a str, Value>,
    resources: Vec<Declared>,
    /// Values that may still be copied from variables.
    left: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, bytes: usize) -> &'a str {
        let taken = self.rest().get(..bytes).unwrap_or_else(|| self.rest());
        self.line += taken.bytes().filter(|b| *b == b'\n').count() as u64;
        self.at += taken.len();
        taken
    }

    /// Moves past blanks and comments, and line ends if they do not matter.
    fn blank(&mut self, lines: bool) {
        loop {
            let rest = self.rest();
            let space = rest.find(|c: char| !c.is_whitespace() || (!lines && c == '\n')).unwrap_or(rest.len());
            if space > 0 {
                self.skip(space);
            } else if rest.starts_with("//") {
                self.skip(rest.find('\n').unwrap_or(rest.len()));
            } else if rest.starts_with("/*") {
                self.skip(rest.find("*/").map_or(rest.len(), |end| end + 2));
            } else {
                return;
            }
        }
    }

    fn take(&mut self, sign: &str) -> bool {
        self.blank(false);
        let there = self.rest().starts_with(sign);
        if there {
            self.skip(sign.len());
        }
        there
    }

    fn word(&mut self) -> &'a str {
        self.blank(false);
        let rest = self.rest();
        self.skip(rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len()))
    }

    fn rest_of_line(&mut self) {
        let rest = self.rest();
        self.skip(rest.find('\n').unwrap_or(rest.len()));
    }

    /// Every declaration of the file.
    fn declarations(&mut self) {
        loop {
            self.blank(true);
            if self.rest().is_empty() {
                return;
            }
            let before = self.at;
            match self.word() {
                "param" => {
                    let name = self.word();
                    // its type
                    let rest = self.rest();
                    let line = rest.split('\n').next().unwrap_or_default();
                    if let Some((before, _)) = line.split_once('=').filter(|(before, _)| !before.contains('{')) {
                        self.skip(before.len() + 1);
                        let value = self.expression(DEPTH);
                        self.names.insert(name, value);
                    }
                }
                "var" => {
                    let name = self.word();
                    if self.take("=") {
                        let value = self.expression(DEPTH);
                        self.names.insert(name, value);
                    }
                }
                "resource" => {
                    self.resource(None, DEPTH);
                }
                _ => {}
            }
            self.rest_of_line();
            if self.at == before {
                self.skip(self.rest().chars().next().map_or(1, char::len_utf8));
            }
        }
    }

    /// What follows the word `resource`.
    fn resource(&mut self, parent: Option<&str>, depth: usize) {
        let line = self.line;
        let symbol = self.word().to_owned();
        self.blank(false);
        let Value::String(kind) = self.primary(depth) else { return };
        let existing = self.take("existing");
        if !self.take("=") {
            return;
        }
        self.blank(true);
        if self.rest().starts_with("if") {
            self.word();
            self.balanced('(', ')');
        }
        self.blank(true);
        // a loop: one resource stands for all it makes
        let looped = self.rest().starts_with('[');
        if looped {
            let rest = self.rest();
            self.skip(rest.find(':').map_or(rest.len(), |colon| colon + 1));
            self.blank(true);
            if self.rest().starts_with("if") {
                self.word();
                self.balanced('(', ')');
            }
        }
        let kind = kind.split('@').next().unwrap_or_default().to_owned();
        // a nested type is written without its parent's
        let whole = parent.and_then(|of| self.resources.iter().find(|r| r.symbol == of)).map(|of| of.kind.clone());
        let kind = match whole {
            Some(of) if !kind.contains('.') => format!("{of}/{kind}"),
            _ => kind,
        };
        let at = self.resources.len();
        let parent = parent.map(str::to_owned);
        self.resources.push(Declared { symbol: symbol.clone(), kind, parent, body: Value::Null, line });
        let mut body = match self.object(Some(&symbol), depth) {
            Some(Value::Object(body)) => body,
            _ => Map::new(),
        };
        if existing {
            body.insert("existing".into(), true.into());
        }
        if let Some(declared) = self.resources.get_mut(at) {
            declared.body = Value::Object(body);
        }
        if looped {
            self.blank(true);
            self.take("]");
        }
    }

    /// What stands between two signs, left out.
    fn balanced(&mut self, open: char, close: char) -> &'a str {
        self.blank(false);
        let rest = self.rest();
        let mut depth = 0_usize;
        let mut quoted = false;
        for (i, c) in rest.char_indices() {
            match c {
                '\'' => quoted = !quoted,
                c if c == open && !quoted => depth += 1,
                c if c == close && !quoted => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return self.skip(i + c.len_utf8());
                    }
                }
                '\n' if depth == 0 => return self.skip(i),
                _ => {}
            }
        }
        self.skip(rest.len())
    }

    /// `{ key: value … }`, with resources inside that of `owner`.
    fn object(&mut self, owner: Option<&str>, depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        self.blank(true);
        if !self.take("{") {
            return None;
        }
        let mut map = Map::new();
        loop {
            self.blank(true);
            if self.rest().starts_with(',') {
                self.skip(1);
                continue;
            }
            if self.rest().is_empty() || self.take("}") {
                return Some(Value::Object(map));
            }
            let before = self.at;
            if self.rest().starts_with('@') {
                self.rest_of_line();
                continue;
            }
            let key = match self.rest().starts_with('\'') {
                true => match self.primary(depth) {
                    Value::String(key) => key,
                    _ => String::new(),
                },
                false => self.word().to_owned(),
            };
            if self.take(":") {
                let value = self.expression(depth);
                map.insert(key, value);
            } else if let Some(owner) = owner.filter(|_| key == "resource") {
                self.resource(Some(owner), depth);
            } else if self.at == before {
                self.skip(self.rest().chars().next().map_or(1, char::len_utf8));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Value {
        let Some(depth) = depth.checked_sub(1) else { return Value::Null };
        let start = self.at;
        self.skip(1);
        self.blank(true);
        if self.rest().starts_with("for ") {
            self.at = start;
            let text = self.balanced('[', ']');
            return open(text);
        }
        let mut list = Vec::new();
        loop {
            self.blank(true);
            if self.rest().starts_with(',') {
                self.skip(1);
                continue;
            }
            if self.rest().is_empty() || self.take("]") {
                return Value::Array(list);
            }
            let before = self.at;
            list.push(self.expression(depth));
            if self.at == before {
                self.skip(self.rest().chars().next().map_or(1, char::len_utf8));
            }
        }
    }

    /// A value; one that is more than a literal or a name is `[as written]`.
    fn expression(&mut self, depth: usize) -> Value {
        self.blank(true);
        let start = self.at;
        let value = self.primary(depth);
        self.blank(false);
        let next = self.rest().chars().next();
        let ends = next.is_none_or(|c| matches!(c, '\n' | ',' | '}' | ']' | ')' | ':'));
        if ends {
            return value;
        }
        // a condition, a comparison, an index: as written to its end
        let mut signs = 0_usize;
        let mut quoted = false;
        let rest = self.rest();
        let end = rest.char_indices().find(|(_, c)| {
            match c {
                '\'' => quoted = !quoted,
                '(' | '[' | '{' if !quoted => signs += 1,
                ')' | ']' | '}' | ',' if !quoted && signs == 0 => return true,
                ')' | ']' | '}' if !quoted => signs -= 1,
                '\n' if signs == 0 => return true,
                _ => {}
            }
            false
        });
        self.skip(end.map_or(rest.len(), |(at, _)| at));
        open(self.text.get(start..self.at).unwrap_or_default())
    }

    /// A literal, a list, an object, a name, a call.
    fn primary(&mut self, depth: usize) -> Value {
        let Some(depth) = depth.checked_sub(1) else { return Value::Null };
        let rest = self.rest();
        match rest.chars().next() {
            Some('\'') if rest.starts_with("'''") => {
                let end = rest.get(3..).and_then(|text| text.find("'''")).map_or(rest.len(), |end| end + 6);
                let text = self.skip(end);
                Value::String(text.trim_matches('\'').trim_start_matches('\n').to_owned())
            }
            Some('\'') => Value::String(self.string(depth)),
            Some('{') => self.object(None, depth).unwrap_or(Value::Null),
            Some('[') => self.array(depth),
            Some(c) if c.is_ascii_digit() || c == '-' => {
                let end = rest.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(rest.len());
                self.skip(end).parse::<i64>().map_or(Value::Null, Value::from)
            }
            Some(c) if c.is_alphabetic() || c == '_' => self.name(depth),
            _ => Value::Null,
        }
    }

    /// `a.b.c`, a variable's value, or a call.
    fn name(&mut self, depth: usize) -> Value {
        let start = self.at;
        let first = self.word();
        let mut path = first.to_owned();
        while self.rest().starts_with(['.', '!', '?']) && !self.rest().starts_with("? ") {
            let step = if self.rest().starts_with(".?") { 2 } else { 1 };
            let dot = self.skip(step).starts_with('.');
            if dot {
                path.push('.');
                path.push_str(self.word());
            }
        }
        if self.rest().starts_with('(') {
            return self.call(&path, start, depth);
        }
        match path.as_str() {
            "true" => return true.into(),
            "false" => return false.into(),
            "null" => return Value::Null,
            _ => {}
        }
        let mut value = self.names.get(first);
        for key in path.split('.').skip(1) {
            value = value.and_then(|value| value.get(key));
        }
        let size = value.map_or(0, size);
        let copied = value.filter(|_| size <= self.left).cloned();
        self.left = self.left.saturating_sub(size);
        copied.unwrap_or_else(|| open(&path))
    }

    /// The calls that name resources and join texts; others stay as written.
    fn call(&mut self, name: &str, start: usize, depth: usize) -> Value {
        self.skip(1);
        let mut arguments = Vec::new();
        loop {
            self.blank(true);
            if self.rest().is_empty() || self.take(")") {
                break;
            }
            let before = self.at;
            arguments.push(self.expression(depth));
            self.blank(true);
            self.take(",");
            if self.at == before {
                self.skip(self.rest().chars().next().map_or(1, char::len_utf8));
            }
        }
        let written = self.text.get(start..self.at).unwrap_or_default();
        let texts: Vec<&str> = arguments.iter().filter_map(Value::as_str).collect();
        let known = |text: &&str| !text.starts_with('[');
        match (name.rsplit('.').next().unwrap_or(name), texts.as_slice()) {
            ("subscriptionResourceId", [kind, names @ ..]) => {
                place(&format!("/subscriptions/{UNKNOWN}"), kind, &names.join("/")).into()
            }
            ("resourceId", [kind, names @ ..]) if kind.contains('.') => {
                place(&format!("/subscriptions/{UNKNOWN}/resourceGroups/{UNKNOWN}"), kind, &names.join("/")).into()
            }
            ("toLower", [text]) if known(text) => text.to_lowercase().into(),
            ("toUpper", [text]) if known(text) => text.to_uppercase().into(),
            ("replace", [text, from, to]) if known(text) && !from.is_empty() => {
                let text = text.replace(from, to);
                if text.len() <= TEXT { text.into() } else { open(written) }
            }
            // what is cut to a length begins the same
            ("take", [text]) if !text.contains('[') => text.to_owned().into(),
            _ => open(written),
        }
    }

    /// `'a-${b}'`: what is not known stays in brackets.
    fn string(&mut self, depth: usize) -> String {
        let mut text = String::new();
        self.skip(1);
        loop {
            let rest = self.rest();
            match rest.find(['\'', '\\', '$', '\n']) {
                None => {
                    self.skip(rest.len());
                    return text;
                }
                Some(at) => {
                    text.push_str(self.skip(at));
                }
            }
            let rest = self.rest();
            if rest.starts_with("${") {
                self.skip(2);
                let value = self.expression(depth);
                match value {
                    Value::String(part) if text.len() + part.len() <= TEXT => text.push_str(&part),
                    Value::String(_) => {}
                    value => text.push_str(&value.to_string().chars().take(64).collect::<String>()),
                }
                self.blank(true);
                self.take("}");
            } else if rest.starts_with('\\') {
                let escaped = rest.chars().nth(1);
                self.skip(1 + escaped.map_or(0, char::len_utf8));
                text.extend(escaped);
            } else if rest.starts_with('$') {
                text.push('$');
                self.skip(1);
            } else {
                // the end, or a string that nobody closed
                if rest.starts_with('\'') {
                    self.skip(1);
                }
                return text;
            }
        }
    }
}

/// What only a deployment knows, in brackets as written.
fn open(text: &str) -> Value {
    let short: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(160).collect();
    format!("[{}]", short.replace('/', ".")).into()
}

#[cfg(test)]
mod tests {
    use super::super::tests::assert_all;
    use super::*;
    use crate::asset::{Authentication, Exposure};

    const FILE: &str = r#"
@description('the name')
param name string = 'acme'
param tags object = { owner: 'ml' }
param location string = resourceGroup().location
var full = '${name}-ai' // joined
resource account 'Microsoft.CognitiveServices/accounts@2024-10-01' = if (deploy) {
  name: full
  kind: 'OpenAI'
  tags: tags
  identity: { type: 'SystemAssigned' }
  properties: {
    publicNetworkAccess: open ? 'Enabled' : 'Disabled'
    disableLocalAuth: true
    networkAcls: {
      defaultAction: 'Deny'
      ipRules: []
    }
  }

  resource chat 'deployments' = {
    name: 'chat'
    properties: { model: { format: 'OpenAI', name: 'gpt-4o', version: '2024-08-06' } }
  }
}

resource role 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(store.id, account.id)
  scope: store
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1')
    principalId: account.identity.principalId
  }
}
resource store 'Microsoft.Storage/storageAccounts@2023-01-01' existing = {
  name: '${toLower('ROWS')}${uniqueString(resourceGroup().id)}'
}
resource embed 'Microsoft.CognitiveServices/accounts/deployments@2024-10-01' = {
  parent: account
  name: 'embed'
  properties: { model: { name: 'text-embedding-3-large', format: 'OpenAI' } }
}
"#;

    fn found(text: &str) -> Found {
        let mut found = Found::default();
        read(&Source { path: "m.bicep", text }, &mut found).unwrap();
        found
    }

    #[test]
    fn resources_references_and_roles() {
        let found = found(FILE);
        let account = "file:m.bicep#Microsoft.CognitiveServices/accounts/acme-ai";
        let deployment = "file:m.bicep#Microsoft.CognitiveServices/accounts/deployments/acme-ai";
        let store = "file:m.bicep#Microsoft.Storage/storageAccounts/rows[uniqueString(resourceGroup().id)]";
        assert_all(
            &found,
            &[
                &format!("{deployment}/chat serves model:gpt-4o").replace("microsoft.", ""),
                &format!("{deployment}/embed serves model:text-embedding-3-large"),
                &format!("{account} contains {deployment}/embed"),
                &format!("{account}/identity reads {store}"),
            ],
        );
        let asset = found.inventory.get(account).unwrap();
        assert_eq!((asset.exposure, asset.authentication), (Some(Exposure::Internal), Some(Authentication::Identity)));
        assert_eq!((asset.evidence[0].line, asset.owner.as_deref()), (Some(7), Some("ml")));
    }

    #[test]
    fn broken_and_deep_files_end() {
        found(&FILE.replace('}', ""));
        found(&format!("var a = {}", "[".repeat(100_000)));
        found(&format!("var a = {}", "'${".repeat(100_000)));
        let double = |i: usize| format!("var v{i} = [v{0}, v{0}, v{0}, v{0}]\n", i.saturating_sub(1));
        found(&(0..64).map(double).collect::<String>());
        let wrap = |i: usize| format!("var v{i} = [v{}]\n", i.saturating_sub(1));
        found(
            &((0..5000).map(wrap).collect::<String>()
                + "resource r 'Microsoft.X/y@1' = {\n  name: 'n'\n  properties: v4999\n}"),
        );
        found("resource a 'Microsoft.X/y@1' = {\n  name: 'é\n  properties: \u{0}");
    }
}
