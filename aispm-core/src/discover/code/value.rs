//! What an expression is worth: literals, constants, variables of the environment with their defaults, and what is put
//! together from these. Nothing is executed.

use std::borrow::Cow;
use std::ops::Range;

use super::lexer::{Kind, Language};
use super::syntax::Code;

/// Longest chain of names that stand for one another.
const HOPS: usize = 8;
/// Most tokens looked at for the name of a variable of the environment.
const REACH: usize = 24;
/// Longest text in which names between braces are replaced.
const FILLED: usize = 200;
/// Longest text that is put together, and most names in it.
const JOINED: usize = 64 << 10;
const NAMES: usize = 16;
/// Calls that are worth their first argument.
const WRAPPERS: &[&str] = &[
    "String",
    "F",
    "from",
    "Path",
    "str",
    "dedent",
    "cleandoc",
    "Ptr",
    "ptr",
    "NewOpt",
    "Some",
    "r",
    "String_",
    "Literal",
    "SecretStr",
    "URL",
    "Uri",
    "Url",
    "ToPtr",
    "To",
    "strip",
    "Arc",
    "Text",
    "ModelId",
];

/// What is known of a value.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Value<'a> {
    /// Its text; unknown parts stand between braces.
    pub(super) text: Option<Cow<'a, str>>,
    /// The variable of the environment that it comes from.
    pub(super) env: Option<&'a str>,
}

impl<'a> Code<'a> {
    /// The value of the expression in a range.
    pub(super) fn value(&self, range: Range<usize>) -> Value<'a> {
        self.evaluate(range, HOPS)
    }

    /// The text of the expression in a range, if it is known.
    pub(super) fn text(&self, range: Range<usize>) -> Option<Cow<'a, str>> {
        self.value(range).text
    }

    /// `a.b.c`, also with `::`, as the last of its names.
    pub(super) fn path(&self, range: Range<usize>) -> Option<&'a str> {
        let range = self.trimmed(range);
        let named = |at| self.is_name(at) || matches!(self.word(at), "." | ":" | "?" | "!");
        (!range.is_empty() && range.clone().all(named) && self.is_name(range.end - 1)).then(|| self.word(range.end - 1))
    }

    fn evaluate(&self, range: Range<usize>, hops: usize) -> Value<'a> {
        let range = self.trimmed(range);
        let Some(first) = self.get(range.start).filter(|_| !range.is_empty()) else { return Value::default() };
        let env = self.environment(range.clone());
        if let Some(env) = env {
            let texts = range.clone().take(REACH).filter_map(|at| self.get(at)).filter(|t| t.kind == Kind::Text);
            let default = texts.map(|token| token.text).find(|text| *text != env);
            return Value { text: default.map(Cow::Borrowed), env: Some(env) };
        }
        if range.len() == 1 && first.kind == Kind::Text {
            return Value { text: Some(self.filled(first.text, range.start, hops)), env: None };
        }
        if let Some(name) = self.path(range.clone()) {
            return match self.value_of(name, range.start, range.len() > 1).filter(|_| hops > 0) {
                Some(given) => self.evaluate(given, hops - 1),
                None => Value::default(),
            };
        }
        // `a or b`, `a || b`, `a ?? b`, `a ?: b`: the default is what is known
        if let Some(at) = self.alternative(range.clone()) {
            let Some(hops) = hops.checked_sub(1) else { return Value::default() };
            let (left, right) = (self.evaluate(range.start..at, hops), self.evaluate(at + 1..range.end, hops));
            return Value { text: left.text.or(right.text), env: left.env.or(right.env) };
        }
        let method = first.kind == Kind::Text && self.word(range.start + 1) == ".";
        if method {
            return Value { text: Some(self.filled(first.text, range.start, hops)), env: None };
        }
        self.joined(range.clone(), hops).or_else(|| self.wrapped(range, hops)).unwrap_or_default()
    }

    /// A range without what does not change its value: brackets around it, `await`, `&`.
    fn trimmed(&self, mut range: Range<usize>) -> Range<usize> {
        for _ in 0..HOPS {
            let last = range.end.saturating_sub(1);
            match self.word(range.start) {
                _ if range.is_empty() => break,
                "await" | "&" | "*" | "return" => range.start += 1,
                "(" if self.pair(range.start) == last => range = range.start + 1..last,
                _ if matches!(self.word(last), "!" | ";" | ",")
                    || self.get(last).is_some_and(|t| t.kind == Kind::End) =>
                {
                    range.end = last;
                }
                _ if self.get(range.start).is_some_and(|token| token.kind == Kind::End) => range.start += 1,
                _ => break,
            }
        }
        // `x as const`, `x as string`
        let cast = range.clone().take(4).find(|at| *at > range.start && self.word(*at) == "as");
        range.start..cast.unwrap_or(range.end)
    }

    /// The variable of the environment that an expression reads.
    fn environment(&self, range: Range<usize>) -> Option<&'a str> {
        let mut reach = range.clone().take(REACH);
        let at = reach.find(|at| {
            let before = at.checked_sub(1).map_or("", |before| self.word(before));
            match self.word(*at) {
                "getenv" | "environ" | "Getenv" | "GetEnvironmentVariable" | "get_env" | "LookupEnv" => true,
                "env" => *at == range.start || matches!(before, "." | ":"),
                _ => false,
            }
        })?;
        if self.word(at + 1) == "." && self.is_name(at + 2) && self.word(at + 3) != "(" {
            return Some(self.word(at + 2));
        }
        let name = (at + 1..range.end.min(at + 8)).find_map(|at| self.get(at).filter(|t| t.kind == Kind::Text))?;
        let plain = name.text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        plain.then_some(name.text)
    }

    /// Where the last operand of a choice starts, less one.
    fn alternative(&self, range: Range<usize>) -> Option<usize> {
        let mut at = range.start;
        let mut found = None;
        while at < range.end {
            let twice = self.word(at + 1) == self.word(at);
            match self.word(at) {
                "or" => found = Some(at),
                "|" | "?" if twice => found = Some(at + 1),
                "?" if self.word(at + 1) == ":" => found = Some(at + 1),
                _ => {}
            }
            at = self.next(at);
        }
        found.filter(|found| *found > range.start)
    }

    /// Texts beside each other, or with `+` between them.
    fn joined(&self, range: Range<usize>, hops: usize) -> Option<Value<'a>> {
        let mut all = String::new();
        let (mut at, mut known, mut names) = (range.start, false, 0_usize);
        while at < range.end {
            let token = self.get(at).filter(|_| all.len() < JOINED && names < NAMES)?;
            match token.kind {
                Kind::Text | Kind::Doc => {
                    known = true;
                    all.push_str(token.text);
                }
                Kind::Mark if token.text == "+" => {}
                Kind::End => {}
                Kind::Word if hops > 0 && (at + 1 == range.end || self.word(at + 1) == "+") => {
                    names += 1;
                    let inner = self.value_of(token.text, at, false).map(|given| self.evaluate(given, hops / 3));
                    match inner.and_then(|value| value.text) {
                        Some(text) => all.push_str(&text),
                        None => all.extend(["{", token.text, "}"]),
                    }
                }
                _ => return None,
            }
            at += 1;
        }
        known.then_some(Value { text: Some(Cow::Owned(all)), env: None })
    }

    /// `Wrapper("text")`, `aws.String("text")`.
    fn wrapped(&self, range: Range<usize>, hops: usize) -> Option<Value<'a>> {
        let open = range.clone().take(8).find(|at| self.word(*at) == "(")?;
        let name = self.word(open.checked_sub(1)?);
        let known = WRAPPERS.contains(&name) && range.contains(&open) && hops > 0;
        let inner = self.parts(open + 1..self.pair(open).min(range.end)).into_iter().next()?;
        known.then(|| self.evaluate(inner, hops - 1))
    }

    /// A text with the names between its braces replaced where they are known.
    fn filled(&self, text: &'a str, at: usize, hops: usize) -> Cow<'a, str> {
        // only at the top, so that texts which name each other stay cheap
        if hops + 2 < HOPS || text.len() > FILLED || !text.contains('{') {
            return Cow::Borrowed(text);
        }
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, tail)) = after.split_once('}') else { break };
            let given = self.value_of(name.trim(), at, false);
            let value = given.and_then(|given| self.evaluate(given, hops / 3).text);
            match value {
                Some(value) => {
                    filled.push_str(before.strip_suffix('$').unwrap_or(before));
                    filled.push_str(&value);
                }
                None => filled.extend([before, "{", name, "}"]),
            }
            rest = tail;
        }
        filled.push_str(rest);
        Cow::Owned(filled)
    }

    /// The fields of the object, or keywords of the call, that an expression is or stands for.
    pub(super) fn fields(&self, range: Range<usize>) -> Vec<(&'a str, Range<usize>)> {
        let range = match self.path(range.clone()) {
            Some(name) => self.value_of(name, range.start, range.len() > 1).unwrap_or(range),
            None => range,
        };
        let open = range.clone().take(8).find(|at| matches!(self.word(*at), "{" | "("));
        let Some(open) = open else { return Vec::new() };
        let parts = self.parts(open + 1..self.pair(open).min(range.end));
        let parts = parts.into_iter().map(|mut part| {
            while self.get(part.start).is_some_and(|token| token.kind == Kind::End) && !part.is_empty() {
                part.start += 1;
            }
            part
        });
        let fields = parts.filter_map(|part| {
            let key = self.get(part.start).filter(|token| matches!(token.kind, Kind::Text | Kind::Word))?;
            matches!(self.word(part.start + 1), ":" | "=").then(|| (key.text, part.start + 2..part.end))
        });
        fields.collect()
    }

    /// The text of a field of an object.
    pub(super) fn field(&self, range: Range<usize>, keys: &[&str]) -> Option<Cow<'a, str>> {
        let fields = self.fields(range);
        fields.into_iter().find(|(key, _)| keys.contains(key)).and_then(|(_, value)| self.text(value))
    }

    /// The items of the list that an expression is or stands for.
    pub(super) fn list(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let range = match self.path(range.clone()) {
            Some(name) => self.value_of(name, range.start, range.len() > 1).unwrap_or(range),
            None => range,
        };
        let open = range.clone().take(8).find(|at| matches!(self.word(*at), "[" | "{" | "("));
        match open {
            Some(open) if self.word(open) == "[" || self.language != Language::Python && open > range.start => {
                self.parts(open + 1..self.pair(open).min(range.end))
            }
            _ => Vec::new(),
        }
    }
}
