//! Template expressions, `[concat(parameters('a'), '-x')]`, worked out as far as literals and defaults allow. What only a
//! deployment knows stays in brackets as written.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use serde_json::{Map, Value};

use super::id::UNKNOWN;
use super::role::PRINCIPAL_OF;

/// Deepest nesting of calls, of variables in variables, and of values.
const DEPTH: usize = 32;
/// Longest text made, bytes.
const TEXT: usize = 8 << 10;
/// Most values made for one file.
const BUDGET: usize = 1 << 20;

/// What the names in the expressions of a template stand for.
#[derive(Debug)]
pub(super) struct Names<'a> {
    parameters: HashMap<String, Value>,
    variables: Option<&'a Map<String, Value>>,
    known: RefCell<HashMap<String, Option<Value>>>,
    /// Ids of resources by their symbolic names.
    pub(super) symbols: HashMap<String, String>,
    left: Cell<usize>,
}

impl<'a> Names<'a> {
    /// The names of a template; `given` are parameters that its deployment sets.
    pub(super) fn new(template: &'a Value, given: Option<&Map<String, Value>>) -> Self {
        let mut names = Self {
            parameters: HashMap::new(),
            variables: template.get("variables").and_then(Value::as_object),
            known: RefCell::default(),
            symbols: HashMap::new(),
            left: Cell::new(BUDGET),
        };
        for (name, declared) in template.get("parameters").and_then(Value::as_object).into_iter().flatten() {
            let set = given.and_then(|given| given.get(name)?.get("value"));
            if let Some(value) = set.or_else(|| declared.get("defaultValue")) {
                let value = names.resolve(value);
                names.parameters.insert(name.to_lowercase(), value);
            }
        }
        names
    }

    /// A value with every expression in it worked out.
    pub(super) fn resolve(&self, value: &Value) -> Value {
        self.resolve_below(value, DEPTH)
    }

    fn resolve_below(&self, value: &Value, depth: usize) -> Value {
        match value {
            _ if depth == 0 || !self.spend(1) => value.clone(),
            Value::String(text) => self.text(text, depth).unwrap_or_else(|| value.clone()),
            Value::Array(list) => list.iter().map(|item| self.resolve_below(item, depth - 1)).collect(),
            Value::Object(map) => {
                let key = |key: &String| match self.text(key, depth) {
                    Some(Value::String(key)) => key,
                    _ => key.clone(),
                };
                map.iter().map(|(k, item)| (key(k), self.resolve_below(item, depth - 1))).collect()
            }
            value => value.clone(),
        }
    }

    /// What a text that is an expression comes to; `None` for other texts and for what is not known.
    fn text(&self, text: &str, depth: usize) -> Option<Value> {
        let inner = text.strip_prefix('[')?.strip_suffix(']')?;
        if inner.starts_with('[') {
            return None;
        }
        let mut parser = Parser { text: inner, at: 0, names: self };
        let value = parser.value(depth).ok()?;
        (parser.peek().is_none()).then_some(value?)
    }

    fn spend(&self, values: usize) -> bool {
        let left = self.left.get().saturating_sub(values);
        self.left.set(left);
        left > 0
    }

    /// A copy of a value that the budget still allows.
    fn copy(&self, value: &Value) -> Option<Value> {
        self.spend(size(value)).then(|| value.clone())
    }

    fn variable(&self, name: &str, depth: usize) -> Option<Value> {
        let (key, value) = self.variables?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        if let Some(known) = self.known.borrow().get(key) {
            return known.as_ref().and_then(|value| self.copy(value));
        }
        // one that leads back to itself is not known
        self.known.borrow_mut().insert(key.clone(), None);
        let value = self.resolve_below(value, depth.checked_sub(1)?);
        let value = if is_open(&value) { None } else { Some(value) };
        self.known.borrow_mut().insert(key.clone(), value.clone());
        value
    }
}

/// Whether a value is an expression that could not be worked out.
fn is_open(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.starts_with('[') && text.ends_with(']') && !text.starts_with("[["))
}

/// How many values a value holds, long texts counting for more; one that is nested too deep counts for too many.
pub(super) fn size(value: &Value) -> usize {
    size_below(value, 2 * DEPTH)
}

fn size_below(value: &Value, depth: usize) -> usize {
    let sum = |sizes: &mut dyn Iterator<Item = usize>| sizes.fold(1_usize, usize::saturating_add);
    match (value, depth.checked_sub(1)) {
        (_, None) => usize::MAX,
        (Value::Array(list), Some(depth)) => sum(&mut list.iter().map(|item| size_below(item, depth))),
        (Value::Object(map), Some(depth)) => sum(&mut map.values().map(|item| size_below(item, depth))),
        (Value::String(text), _) => 1 + text.len() / 64,
        _ => 1,
    }
}

/// What is no expression.
#[derive(Debug)]
struct Malformed;

/// What an expression comes to, if that is known.
type Known = Result<Option<Value>, Malformed>;

struct Parser<'a, 'n> {
    text: &'a str,
    at: usize,
    names: &'n Names<'n>,
}

/// An argument: what it comes to, and how it is written.
type Argument<'a> = (Option<Value>, &'a str);

impl<'a> Parser<'a, '_> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&mut self) -> Option<char> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        self.rest().chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.at += wanted.len_utf8();
        }
        there
    }

    fn value(&mut self, depth: usize) -> Known {
        let depth = depth.checked_sub(1).ok_or(Malformed)?;
        let value = match self.peek().ok_or(Malformed)? {
            '\'' => Some(Value::String(self.literal()?)),
            c if c.is_ascii_digit() || c == '-' => Some(Value::from(self.number()?)),
            _ => return self.call(depth),
        };
        Ok(value)
    }

    /// `'it''s'`.
    fn literal(&mut self) -> Result<String, Malformed> {
        let mut text = String::new();
        self.at += 1;
        loop {
            let (part, _) = self.rest().split_once('\'').ok_or(Malformed)?;
            text.push_str(part);
            self.at += part.len() + 1;
            if !self.rest().starts_with('\'') {
                return Ok(text);
            }
            text.push('\'');
            self.at += 1;
        }
    }

    fn number(&mut self) -> Result<i64, Malformed> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).and_then(|digits| digits.parse().ok()).ok_or(Malformed)
    }

    fn word(&mut self) -> Result<&'a str, Malformed> {
        self.peek();
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).filter(|word| !word.is_empty()).ok_or(Malformed)
    }

    /// `name(arguments)` and what follows it: `.property`, `[index]`.
    fn call(&mut self, depth: usize) -> Known {
        let mut name = self.word()?;
        // functions of one's own have a namespace
        while self.take('.') {
            name = self.word()?;
        }
        if !self.take('(') {
            return Err(Malformed);
        }
        let mut arguments: Vec<Argument<'a>> = Vec::new();
        while !self.take(')') {
            self.peek();
            let start = self.at;
            let value = self.value(depth)?;
            arguments.push((value, self.text.get(start..self.at).unwrap_or_default()));
            if !self.take(',') && self.peek() != Some(')') {
                return Err(Malformed);
            }
        }
        let name = name.to_lowercase();
        let mut value = self.apply(&name, &arguments, depth);
        let mut last = "";
        loop {
            if self.take('.') {
                last = self.word()?;
                value = value.as_ref().and_then(|value| property(value, last)).and_then(|value| self.names.copy(value));
            } else if self.take('[') {
                let key = self.value(depth)?;
                value = match (value, key) {
                    (Some(Value::Array(list)), Some(Value::Number(n))) => {
                        n.as_u64().and_then(|n| list.get(usize::try_from(n).ok()?)).cloned()
                    }
                    (Some(value), Some(Value::String(key))) => property(&value, &key).cloned(),
                    _ => None,
                };
                if !self.take(']') {
                    return Err(Malformed);
                }
            } else {
                break;
            }
        }
        if name == "reference" && last.eq_ignore_ascii_case("principalId") {
            value = self.principal(&arguments);
        }
        Ok(value)
    }

    /// The identity of the resource that `reference(…)` is about.
    fn principal(&self, arguments: &[Argument<'a>]) -> Option<Value> {
        let named = arguments.first()?.0.as_ref()?.as_str()?;
        let id = self.names.symbols.get(named).map_or(named, String::as_str);
        id.starts_with('/').then(|| Value::String(format!("{PRINCIPAL_OF}{id}")))
    }

    fn apply(&self, name: &str, arguments: &[Argument<'a>], depth: usize) -> Option<Value> {
        let value = |n: usize| arguments.get(n)?.0.as_ref();
        let text = |n: usize| value(n)?.as_str();
        let all = || arguments.iter().map(|(value, _)| value.clone()).collect::<Option<Vec<Value>>>();
        match name {
            "parameters" => self
                .names
                .parameters
                .get(&text(0)?.to_lowercase())
                .filter(|v| !is_open(v))
                .and_then(|v| self.names.copy(v)),
            "variables" => self.names.variable(text(0)?, depth),
            "concat" if arguments.iter().any(|(value, _)| matches!(value, Some(Value::Array(_)))) => {
                Some(all()?.into_iter().flat_map(|part| part.as_array().cloned().unwrap_or_default()).collect())
            }
            "concat" => short(arguments.iter().map(shown).collect()),
            "format" => format(text(0)?, arguments.get(1..)?),
            "resourceid" => resource_id(arguments, &format!("/subscriptions/{UNKNOWN}/resourceGroups/{UNKNOWN}")),
            "subscriptionresourceid" => resource_id(arguments, &format!("/subscriptions/{UNKNOWN}")),
            "tenantresourceid" | "managementgroupresourceid" => resource_id(arguments, ""),
            "extensionresourceid" => resource_id(arguments.get(1..)?, text(0)?),
            "resourcegroup" => {
                Some(serde_json::json!({"id": format!("/subscriptions/{UNKNOWN}/resourceGroups/{UNKNOWN}")}))
            }
            "subscription" => Some(serde_json::json!({"id": format!("/subscriptions/{UNKNOWN}")})),
            "tolower" => Some(text(0)?.to_lowercase().into()),
            "toupper" => Some(text(0)?.to_uppercase().into()),
            "trim" => Some(text(0)?.trim().into()),
            "replace" => short(text(0)?.replace(Some(text(1)?).filter(|t| !t.is_empty())?, text(2)?)),
            "take" => Some(text(0)?.chars().take(count(value(1)?)?).collect::<String>().into()),
            "substring" => {
                let length = value(2).map_or(Some(usize::MAX), count)?;
                Some(text(0)?.chars().skip(count(value(1)?)?).take(length).collect::<String>().into())
            }
            "string" => match value(0)? {
                Value::String(text) => Some(text.as_str().into()),
                other => short(other.to_string()),
            },
            "int" | "bool" | "array" => value(0).cloned(),
            "json" => serde_json::from_str(text(0)?).ok(),
            "split" => Some(text(0)?.split(text(1)?).map(Value::from).collect()),
            "join" => {
                let parts: Vec<&str> = value(0)?.as_array()?.iter().filter_map(Value::as_str).collect();
                short(parts.join(text(1)?))
            }
            "first" => value(0)?.as_array()?.first().cloned(),
            "last" => value(0)?.as_array()?.last().cloned(),
            "length" => Some(value(0)?.as_array()?.len().into()),
            "createarray" => Some(all()?.into()),
            "createobject" => {
                let mut pairs = arguments.chunks_exact(2);
                let pair = |pair: &[Argument<'a>]| match pair {
                    [(Some(Value::String(key)), _), (value, written)] => {
                        Some((key.clone(), value.clone().unwrap_or_else(|| format!("[{written}]").into())))
                    }
                    _ => None,
                };
                Some(Value::Object(pairs.by_ref().filter_map(pair).collect()))
            }
            "if" => match value(0)? {
                Value::Bool(true) => value(1).cloned(),
                Value::Bool(false) => value(2).cloned(),
                _ => None,
            },
            "coalesce" => arguments.iter().find_map(|(value, _)| value.clone().filter(|value| !value.is_null())),
            "equals" => Some((value(0)? == value(1)?).into()),
            "not" => Some((!value(0)?.as_bool()?).into()),
            "and" => all()?.iter().map(Value::as_bool).collect::<Option<Vec<_>>>().map(|l| l.iter().all(|b| *b).into()),
            "or" => all()?.iter().map(Value::as_bool).collect::<Option<Vec<_>>>().map(|l| l.iter().any(|b| *b).into()),
            "empty" => Some(
                match value(0)? {
                    Value::String(text) => text.is_empty(),
                    Value::Array(list) => list.is_empty(),
                    Value::Object(map) => map.is_empty(),
                    value => value.is_null(),
                }
                .into(),
            ),
            "true" => Some(true.into()),
            "false" => Some(false.into()),
            "null" => Some(Value::Null),
            _ => None,
        }
    }
}

fn property<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    value.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn count(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|n| usize::try_from(n).ok())
}

fn short(text: String) -> Option<Value> {
    (text.len() <= TEXT).then_some(Value::String(text))
}

/// An argument inside a text: its value, or in brackets how it is written, as one segment of a name.
fn shown((value, written): &Argument<'_>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => format!("[{}]", written.chars().take(120).collect::<String>().replace('/', ".")),
    }
}

/// `format('{0}-{1}', …)`.
fn format(pattern: &str, arguments: &[Argument<'_>]) -> Option<Value> {
    let mut text = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let (index, tail) = after.split_once('}')?;
        text.push_str(before);
        text.push_str(&shown(arguments.get(index.split(':').next()?.parse::<usize>().ok()?)?));
        if text.len() > TEXT {
            return None;
        }
        rest = tail;
    }
    text.push_str(rest);
    short(text)
}

/// `resourceId([subscription, [group,]] type, name…)`, below a scope if none is given.
fn resource_id(arguments: &[Argument<'_>], scope: &str) -> Option<Value> {
    let is_type = |(value, _): &Argument<'_>| {
        value.as_ref().and_then(Value::as_str).is_some_and(|text| text.contains('/') && text.contains('.'))
    };
    let at = arguments.iter().position(is_type)?;
    let (before, rest) = arguments.split_at(at);
    let ((kind, _), names) = rest.split_first()?;
    let scope = match before {
        [] => scope.to_owned(),
        [group] => format!("/subscriptions/{UNKNOWN}/resourceGroups/{}", shown(group)),
        [subscription, group, ..] => format!("/subscriptions/{}/resourceGroups/{}", shown(subscription), shown(group)),
    };
    let names = names.iter().map(shown).collect::<Vec<_>>().join("/");
    short(super::template::place(&scope, kind.as_ref()?.as_str()?, &names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn resolved(text: &str) -> Value {
        let template = json!({
            "parameters": {"name": {"defaultValue": "acme"}, "open": {"type": "string"}, "o": {"defaultValue": {"k": ["x"]}}},
            "variables": {"full": "[concat(parameters('name'), '-ai')]", "loop": "[variables('loop')]", "half": "[parameters('open')]"}
        });
        Names::new(&template, None).resolve(&json!(text))
    }

    #[test]
    fn what_literals_allow() {
        for (text, wanted) in [
            ("[parameters('name')]", json!("acme")),
            ("[VARIABLES('full')]", json!("acme-ai")),
            ("[format('{0}/it''s', variables('full'))]", json!("acme-ai/it's")),
            (
                "[concat('a-', uniqueString(resourceGroup().id), '-', parameters('name'))]",
                json!("a-[uniqueString(resourceGroup().id)]-acme"),
            ),
            ("[parameters('o').k[0]]", json!("x")),
            ("[if(equals(parameters('name'), 'acme'), 'Enabled', 'Disabled')]", json!("Enabled")),
            ("[toLower(concat('A', 'B'))]", json!("ab")),
            ("[createArray('a', 1)]", json!(["a", 1])),
            (
                "[resourceId('Microsoft.X/a/b', parameters('name'), 'n')]",
                json!("/subscriptions/[]/resourceGroups/[]/providers/Microsoft.X/a/acme/b/n"),
            ),
            (
                "[resourceId('g', 'Microsoft.X/a', 'n')]",
                json!("/subscriptions/[]/resourceGroups/g/providers/Microsoft.X/a/n"),
            ),
            (
                "[reference(resourceId('Microsoft.X/a', 'n'), '2024-01-01', 'full').identity.principalId]",
                json!("principal-of:/subscriptions/[]/resourceGroups/[]/providers/Microsoft.X/a/n"),
            ),
        ] {
            assert_eq!(resolved(text), wanted, "{text}");
        }
        // what is not known, no expression, or broken stays
        for text in [
            "[parameters('open')]",
            "[variables('loop')]",
            "[variables('half')]",
            "[[x]",
            "[concat('a'",
            "plain",
            "[listKeys('x', 'y').key1]",
        ] {
            assert_eq!(resolved(text), json!(text));
        }
    }

    #[test]
    fn exploding_and_deep_templates_are_bounded() {
        let mut variables = Map::new();
        variables.insert("v0".into(), json!("xxxxxxxx"));
        for i in 1..64 {
            let part = format!("variables('v{}')", i - 1);
            variables.insert(format!("v{i}"), json!(format!("[createArray({part}, {part}, {part}, {part})]")));
        }
        let template = json!({"variables": variables});
        let names = Names::new(&template, None);
        names.resolve(&json!("[variables('v63')]"));
        names.resolve(&json!(format!("[{}1{}]", "string(".repeat(100_000), ")".repeat(100_000))));
    }
}
