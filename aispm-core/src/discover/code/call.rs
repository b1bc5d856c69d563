//! Calls, and literals of structures, with their arguments: those of nested calls are the nested calls' own.

use std::borrow::Cow;
use std::ops::Range;

use super::lexer::{Kind, Language};
use super::syntax::Code;

/// Most names of one path, and most links of one chain of calls.
const LINKS: usize = 40;
/// Most tokens between the angle brackets of a call.
const GENERIC: usize = 24;
/// Methods that make an instance of their class.
const MAKERS: &[&str] =
    &["builder", "create", "new", "newBuilder", "of", "connect", "default", "build", "init", "load"];

/// One argument.
#[derive(Debug, Clone)]
pub(super) struct Arg<'a> {
    /// Its keyword, the key of an object, the method of a builder.
    pub(super) key: Option<&'a str>,
    pub(super) value: Range<usize>,
}

/// A call with its arguments, and those of the calls that follow it in one chain.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// `a`, `b`, `c` of `a.b.c(…)`.
    pub(super) path: Vec<&'a str>,
    pub(super) args: Vec<Arg<'a>>,
    /// What it is assigned to: a variable, a key, the function that returns it.
    pub(super) assigned: Option<&'a str>,
    /// From its first name to its last bracket.
    pub(super) range: Range<usize>,
    /// Whether it is called on what another call gave.
    pub(super) chained: bool,
    pub(super) line: u64,
}

impl<'a> Call<'a> {
    /// The last of its names.
    pub(super) fn name(&self) -> &'a str {
        self.path.last().copied().unwrap_or_default()
    }

    /// The class it makes an instance of: the name before `.builder` and the like, else its last name.
    pub(super) fn class(&self) -> &'a str {
        let name = self.name();
        let maker = MAKERS.contains(&name)
            || ["from", "load", "get_or_create", "with_"].iter().any(|prefix| name.starts_with(prefix));
        match self.path.as_slice() {
            [.., class, _] if maker && class.starts_with(|c: char| c.is_uppercase()) => class,
            _ => name,
        }
    }

    /// The names with dots.
    pub(super) fn dotted(&self) -> String {
        self.path.join(".")
    }

    /// The value of a named argument.
    pub(super) fn arg(&self, keys: &[&str]) -> Option<Range<usize>> {
        let named = |key: &&str| self.args.iter().find(|arg| arg.key == Some(*key));
        keys.iter().find_map(named).map(|arg| arg.value.clone())
    }

    /// The n-th argument without a name.
    pub(super) fn positional(&self, n: usize) -> Option<Range<usize>> {
        self.args.iter().filter(|arg| arg.key.is_none()).nth(n).map(|arg| arg.value.clone())
    }

    /// The text of the first of these named arguments that is known.
    pub(super) fn text(&self, code: &Code<'a>, keys: &[&str]) -> Option<Cow<'a, str>> {
        keys.iter().find_map(|key| code.text(self.arg(&[key])?))
    }

    /// The text of the first argument without a name.
    pub(super) fn first(&self, code: &Code<'a>) -> Option<Cow<'a, str>> {
        code.text(self.positional(0)?)
    }
}

impl<'a> Code<'a> {
    /// Every call and literal of a structure. Linear: what stands between two brackets is looked at for their call only.
    pub(super) fn calls(&self) -> impl Iterator<Item = Call<'a>> {
        (1..self.len()).filter_map(|open| self.call(open))
    }

    pub(super) fn call(&self, open: usize) -> Option<Call<'a>> {
        let call = match self.word(open) {
            "(" => true,
            "{" => false,
            _ => return None,
        };
        if !call && !self.is_structure(open) {
            return None;
        }
        let mut at = self.before_generic(open)?;
        if !self.is_name(at)
            || matches!(self.word(at), "if" | "for" | "while" | "switch" | "catch" | "return" | "match")
        {
            return None;
        }
        let mut path = vec![self.word(at)];
        let mut chained = false;
        while path.len() < LINKS {
            let Some(joint) = self.joint_before(at) else { break };
            if self.is_name(joint) {
                path.push(self.word(joint));
                at = joint;
            } else {
                chained = matches!(self.word(joint), ")" | "]");
                break;
            }
        }
        path.reverse();
        let before = at.checked_sub(1).map_or("", |before| self.word(before));
        let attribute = before == "@" || before == "[" && at > 1 && self.word(at - 2) == "#";
        if attribute
            || matches!(
                before,
                "def" | "class" | "function" | "func" | "fn" | "fun" | "interface" | "struct" | "impl" | "enum"
            )
        {
            return None;
        }
        let close = self.pair(open);
        let mut args = self.arguments(open);
        // `client.agent("model").preamble("…")`: the first link is one as well
        let links = !matches!(self.language, Language::Python | Language::JavaScript | Language::Go);
        if let (true, [_, .., method]) = (links && !args.is_empty(), path.as_slice()) {
            let first: Vec<Arg<'a>> = args.iter().filter(|arg| arg.key.is_none()).cloned().collect();
            args.extend(first.into_iter().map(|arg| Arg { key: Some(method), ..arg }));
        }
        let end = if chained { close } else { self.chain(close, &mut args) };
        let assigned = self.assigned(at, end);
        Some(Call { path, args, assigned, range: at..end, chained, line: self.line(at) })
    }

    /// Where the name before this one in a path stands: over `.`, `?.`, `!.`, `::`, `->`.
    fn joint_before(&self, at: usize) -> Option<usize> {
        let mut joint = at.checked_sub(1)?;
        match self.word(joint) {
            "." => joint = joint.checked_sub(1)?,
            ":" if joint > 0 && self.word(joint - 1) == ":" => joint = joint.checked_sub(2)?,
            _ => return None,
        }
        if matches!(self.word(joint), "?" | "!") {
            joint = joint.checked_sub(1)?;
        }
        Some(joint)
    }

    /// The name before a bracket, over `<T>` and `::<T>`.
    fn before_generic(&self, open: usize) -> Option<usize> {
        let at = open.checked_sub(1)?;
        if self.word(at) != ">" || self.language == Language::Python {
            return Some(at);
        }
        let mut depth = 0_usize;
        for back in 0..GENERIC {
            let here = at.checked_sub(back)?;
            match self.word(here) {
                ">" => depth += 1,
                "<" if depth == 1 => {
                    let colons = if self.word(here.checked_sub(1)?) == ":" { 3 } else { 1 };
                    return here.checked_sub(colons);
                }
                "<" => depth -= 1,
                ";" | "{" | "}" => return None,
                _ => {}
            }
        }
        None
    }

    /// `Name{Key: value}`, `Name { key: value }`, `new Name { Key = value }`.
    fn is_structure(&self, open: usize) -> bool {
        let sign = match self.language {
            Language::Go | Language::Rust => ":",
            Language::CSharp => "=",
            _ => return false,
        };
        let first = (open + 1..open + 3).find(|at| self.get(*at).is_some_and(|token| token.kind != Kind::End));
        first.is_some_and(|at| self.is_name(at) && self.word(at + 1) == sign && self.word(at + 2) != ":")
    }

    /// The arguments in a bracket. Keys of objects that are arguments are named arguments.
    fn arguments(&self, open: usize) -> Vec<Arg<'a>> {
        let mut args = Vec::new();
        for part in self.parts(open + 1..self.pair(open).min(self.len())) {
            let part = self.significant(part);
            if self.word(part.start) == "{" && self.pair(part.start) + 1 == part.end {
                if self.language == Language::JavaScript {
                    let fields = self.parts(part.start + 1..part.end - 1);
                    args.extend(fields.into_iter().map(|field| self.argument(field)).filter(|arg| arg.key.is_some()));
                }
                args.push(Arg { key: None, value: part });
            } else if !part.is_empty() {
                args.push(self.argument(part));
            }
        }
        args
    }

    /// A part without ends of lines around it.
    fn significant(&self, mut part: Range<usize>) -> Range<usize> {
        let end = |at: usize| self.get(at).is_some_and(|token| token.kind == Kind::End);
        while !part.is_empty() && end(part.start) {
            part.start += 1;
        }
        while !part.is_empty() && end(part.end - 1) {
            part.end -= 1;
        }
        part
    }

    fn argument(&self, part: Range<usize>) -> Arg<'a> {
        let part = self.significant(part);
        let key = self.get(part.start).filter(|token| matches!(token.kind, Kind::Word | Kind::Text));
        let sign = self.word(part.start + 1);
        let equals = sign == "=" && !matches!(self.word(part.start + 2), "=" | ">");
        let named = equals || sign == ":" && self.word(part.start + 2) != ":";
        let object = self.language == Language::JavaScript && part.len() == 1;
        match key {
            Some(key) if named && part.len() > 2 => Arg { key: Some(key.text), value: part.start + 2..part.end },
            // `{ model }`, `execute(…) {…}` in an object
            Some(key) if object && key.kind == Kind::Word && self.inside(part.start) == "{" => {
                Arg { key: Some(key.text), value: part }
            }
            // `mcp.WithDescription("…")`
            _ if self.language == Language::Go => self.option(part),
            _ => Arg { key: None, value: part },
        }
    }

    /// An argument of Go that is a call which sets an option.
    fn option(&self, part: Range<usize>) -> Arg<'a> {
        let open = part.clone().take(4).find(|at| self.word(*at) == "(");
        match open.filter(|open| self.pair(*open) + 1 == part.end) {
            Some(open) if self.word(open - 1).starts_with("With") => {
                Arg { key: Some(self.word(open - 1)), value: open + 1..part.end - 1 }
            }
            _ => Arg { key: None, value: part },
        }
    }

    /// Adds the arguments of the calls that follow: `.modelName("x").build()`. Where the chain ends.
    fn chain(&self, close: usize, args: &mut Vec<Arg<'a>>) -> usize {
        let mut end = close;
        for _ in 0..LINKS {
            let mut at = end + 1;
            while self.get(at).is_some_and(|token| token.kind == Kind::End) || matches!(self.word(at), "?" | "!") {
                at += 1;
            }
            let link = self.word(at) == "." && self.is_name(at + 1);
            let open = at + 2;
            if !link || self.word(open) != "(" {
                break;
            }
            let key = self.word(at + 1);
            let close = self.pair(open).min(self.len());
            let inner = self.parts(open + 1..close);
            match inner.as_slice() {
                [] => args.push(Arg { key: Some(key), value: open + 1..open + 1 }),
                parts => {
                    for part in parts {
                        args.push(Arg { key: Some(key), value: self.significant(part.clone()) });
                    }
                    args.extend(self.arguments(open).into_iter().filter(|arg| arg.key.is_some()));
                }
            }
            end = close;
        }
        end
    }

    /// What takes the value of the expression that starts and ends here.
    fn assigned(&self, start: usize, end: usize) -> Option<&'a str> {
        let mut at = start.checked_sub(1)?;
        while matches!(self.word(at), "new" | "await" | "&" | "*" | "(" | "yield") {
            at = at.checked_sub(1)?;
        }
        match self.word(at) {
            // a keyword argument is no variable
            "=" if self.inside(at) == "(" => None,
            "=" => {
                let (name, place) = self.target(at)?;
                // `agent, err := …`
                let first = if self.language == Language::Go && place > 1 && self.word(place - 1) == "," {
                    self.word(place - 2)
                } else {
                    name
                };
                Some(first)
            }
            // `name: tool({…})`
            ":" if at > 0 && self.language == Language::JavaScript => {
                self.get(at - 1).filter(|token| matches!(token.kind, Kind::Word | Kind::Text)).map(|token| token.text)
            }
            "return" => self.returned(at),
            _ if self.word(end + 1) == "as" && self.is_name(end + 2) => Some(self.word(end + 2)),
            _ => None,
        }
    }

    /// The function that returns here.
    fn returned(&self, at: usize) -> Option<&'a str> {
        let from = at.saturating_sub(200);
        let keyword =
            (from..at).rev().find(|at| matches!(self.word(*at), "def" | "function" | "func" | "fun" | "fn"))?;
        Some(self.word(keyword + 1)).filter(|name| !name.is_empty() && *name != "(")
    }
}
