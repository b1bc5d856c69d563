//! What the tokens of a file are to each other: which brackets belong together, which names stand for what, and where.
//!
//! This is what a parser would be asked for, in one linear pass and without its failures: half a file, a cell of a
//! notebook or a syntax of next year reads as far as it goes.

use std::collections::HashMap;
use std::ops::Range;

use super::lexer::{Kind, Language, Token, tokens};

/// Most tokens looked back for the name that a value is given to.
const BACK: usize = 24;
/// Most values of one name that are tried.
const TRIES: usize = 32;

/// The tokens of a file and how they hang together.
#[derive(Debug)]
pub(super) struct Code<'a> {
    tokens: Vec<Token<'a>>,
    pub(super) language: Language,
    /// Of a bracket, the one it belongs to; of anything else, itself.
    pairs: Vec<usize>,
    /// The bracket that each token stands in; [`usize::MAX`] outside of all.
    outer: Vec<usize>,
    given: HashMap<&'a str, Vec<Given>>,
    /// Classes and functions that the file declares, by name.
    declared: HashMap<&'a str, usize>,
    /// Of each `def` and `class` of Python, where its body ends.
    bodies: HashMap<usize, usize>,
}

/// A value that a name gets.
#[derive(Debug, Clone)]
struct Given {
    /// Where the name stands.
    at: usize,
    /// Where the value starts; a parameter has none.
    value: Option<usize>,
    /// Where the name is known.
    scope: Range<usize>,
}

impl<'a> Code<'a> {
    /// Reads the parts of a file, a notebook's cells, as one; each says how many lines lie before it. What is broken
    /// in one part stays in it.
    pub(super) fn new(parts: impl IntoIterator<Item = (&'a str, u64)>, language: Language) -> Self {
        let (mut all, mut paired) = (Vec::new(), Vec::new());
        for (text, lines) in parts {
            let first = all.len();
            let tokens = tokens(text, language);
            paired.extend(pairs(&tokens).into_iter().map(|at| first + at));
            all.extend(tokens.into_iter().map(|token| Token { line: token.line + lines, ..token }));
        }
        let (given, declared, bodies) = (HashMap::new(), HashMap::new(), HashMap::new());
        let mut code = Self { tokens: all, language, pairs: paired, outer: Vec::new(), given, declared, bodies };
        if language == Language::Python {
            code.bodies = code.bodies();
        }
        code.name_values();
        code
    }

    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(super) fn tokens(&self) -> &[Token<'a>] {
        &self.tokens
    }

    pub(super) fn get(&self, at: usize) -> Option<&Token<'a>> {
        self.tokens.get(at)
    }

    pub(super) fn slice(&self, range: Range<usize>) -> &[Token<'a>] {
        self.tokens.get(range).unwrap_or_default()
    }

    /// The text of a word or mark, nothing for a string and outside the file.
    pub(super) fn word(&self, at: usize) -> &'a str {
        self.get(at).filter(|token| matches!(token.kind, Kind::Word | Kind::Mark)).map_or("", |token| token.text)
    }

    pub(super) fn is_name(&self, at: usize) -> bool {
        self.get(at)
            .is_some_and(|token| token.kind == Kind::Word && !token.text.starts_with(|c: char| c.is_ascii_digit()))
    }

    pub(super) fn line(&self, at: usize) -> u64 {
        self.get(at).map_or(1, |token| token.line)
    }

    /// The bracket that belongs to this one; the end of the file for one that is never closed.
    pub(super) fn pair(&self, at: usize) -> usize {
        self.pairs.get(at).copied().unwrap_or(at)
    }

    /// The bracket that a token stands in.
    pub(super) fn outer(&self, at: usize) -> Option<usize> {
        self.outer.get(at).copied().filter(|open| *open != usize::MAX)
    }

    /// That bracket's text; nothing outside of brackets.
    pub(super) fn inside(&self, at: usize) -> &'a str {
        self.outer(at).map_or("", |open| self.word(open))
    }

    /// Where the token after this one stands, brackets with what they hold taken as one.
    pub(super) fn next(&self, at: usize) -> usize {
        self.pair(at).max(at) + 1
    }

    /// The parts of a range between commas, those inside brackets left alone.
    pub(super) fn parts(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        let (mut start, mut at) = (range.start, range.start);
        while at < range.end {
            if self.word(at) == "," {
                parts.push(start..at);
                start = at + 1;
            }
            at = self.next(at);
        }
        if start < range.end {
            parts.push(start..range.end);
        }
        parts
    }

    /// Where the expression that starts here ends.
    pub(super) fn expression(&self, start: usize) -> Range<usize> {
        let mut at = start;
        for _ in 0..64 {
            let Some(token) = self.get(at) else { break };
            let new_line = token.indent.is_some() && at > start;
            let goes_on = || {
                let after = self.word(at.saturating_sub(1));
                matches!(token.text, "." | "?" | "+" | "|" | "&" | ":")
                    || matches!(after, "+" | "=" | "?" | ":" | "|" | "&" | "(" | "or" | "new" | "await" | "return")
            };
            let end = match token.kind {
                Kind::End => at > start,
                Kind::Mark => matches!(token.text, ")" | "]" | "}" | "," | ";"),
                _ => false,
            };
            if end || new_line && self.language != Language::Python && !goes_on() {
                break;
            }
            at = self.next(at);
        }
        start..at.min(self.len())
    }

    /// The value that a name has at a place: the nearest one before it that is known there, else one given later, as
    /// functions use constants that stand below them.
    pub(super) fn value_of(&self, name: &str, at: usize, attribute: bool) -> Option<Range<usize>> {
        let given = self.given.get(name)?;
        let before = given.partition_point(|given| given.at < at);
        let known = |given: &&Given| attribute || given.scope.contains(&at);
        let (earlier, later) = given.split_at_checked(before)?;
        let nearest = earlier.iter().rev().take(TRIES).find(known);
        let found = match nearest {
            Some(found) => found,
            None => later.iter().take(TRIES).find(|given| known(given) && given.value.is_some())?,
        };
        // `x = x or y` and the argument `model=model` say nothing of their own name
        found.value.map(|value| self.expression(value)).filter(|value| !value.contains(&at))
    }

    /// Whether the file declares a class or function of this name.
    pub(super) fn declares(&self, name: &str) -> bool {
        self.declared.contains_key(name)
    }

    /// Where the file declares a class or function of this name: its keyword.
    pub(super) fn declaration(&self, name: &str) -> Option<usize> {
        self.declared.get(name).copied()
    }

    /// Every place where a name gets a value: the name's and the value's.
    pub(super) fn values(&self) -> impl Iterator<Item = (&'a str, usize, usize)> {
        self.given.iter().flat_map(|(name, all)| all.iter().filter_map(|g| Some((*name, g.at, g.value?))))
    }

    /// Notes `name = value`, parameters, and what is declared.
    fn name_values(&mut self) {
        let python = self.language == Language::Python;
        let mut given: Vec<(&'a str, Given)> = Vec::new();
        // the functions of Python, or blocks of other languages, and the brackets around each token, innermost last
        let (mut blocks, mut brackets): (Vec<Range<usize>>, Vec<usize>) = (Vec::new(), Vec::new());
        for at in 0..self.len() {
            while blocks.last().is_some_and(|range| range.end <= at) {
                blocks.pop();
            }
            while brackets.last().is_some_and(|open| self.pair(*open) <= at) {
                brackets.pop();
            }
            let scope = blocks.last().cloned().unwrap_or(0..usize::MAX);
            let word = self.word(at);
            self.outer.push(brackets.last().copied().unwrap_or(usize::MAX));
            match word {
                "=" if self.assigns(at) => {
                    let inside = brackets.last().map_or("", |open| self.word(*open));
                    let named = matches!(inside, "(" | "[") || python && inside == "{";
                    if let Some((name, name_at)) = self.target(at).filter(|_| !named) {
                        given.push((name, Given { at: name_at, value: Some(at + 1), scope }));
                    }
                }
                "for" if python && self.is_name(at + 1) => {
                    given.push((self.word(at + 1), Given { at: at + 1, value: None, scope }));
                }
                "(" => self.parameters(at, &mut given),
                "class" | "struct" | "interface" | "enum" | "record" | "trait" | "def" | "function" | "func"
                | "fun" | "fn"
                    if self.is_name(at + 1) =>
                {
                    self.declared.entry(self.word(at + 1)).or_insert(at);
                    if word == "def" {
                        blocks.push(at..self.dedent(at));
                    }
                }
                "{" if !python => blocks.push(at..self.pair(at)),
                _ => {}
            }
            if self.pair(at) > at {
                brackets.push(at);
            }
        }
        given.sort_by_key(|(_, given)| given.at);
        for (name, value) in given {
            self.given.entry(name).or_default().push(value);
        }
    }

    /// Whether this `=` gives a value outside of an argument list.
    fn assigns(&self, at: usize) -> bool {
        let before = at.checked_sub(1).map_or("", |before| self.word(before));
        let compares = matches!(before, "=" | "!" | "<" | ">" | "+" | "-" | "*" | "/" | "%" | "|" | "&" | "^" | "~");
        // `??=` and `?` of a Kotlin type
        let next = self.word(at + 1);
        !compares && next != "=" && next != ">"
    }

    /// The name before `=`, its type left out.
    pub(super) fn target(&self, equals: usize) -> Option<(&'a str, usize)> {
        let mut at = equals.checked_sub(1)?;
        if self.word(at) == ":" {
            at = at.checked_sub(1)?;
        }
        let plain = at;
        // `name: Type = value`
        for _ in 0..BACK {
            match self.word(at) {
                ":" if at > 0 && self.is_name(at - 1) => return Some((self.word(at - 1), at - 1)),
                "" | ";" | "," | "{" | "(" | "}" => break,
                _ if self.get(at).is_some_and(|token| token.indent.is_some()) => break,
                _ => at = self.pair(at).min(at).checked_sub(1)?,
            }
        }
        self.is_name(plain).then(|| (self.word(plain), plain))
    }

    /// The parameters of a function that is declared here, known in its body.
    fn parameters(&self, open: usize, given: &mut Vec<(&'a str, Given)>) {
        let close = self.pair(open);
        let Some(name) = open.checked_sub(1) else { return };
        let keyword = name.checked_sub(1).map_or("", |before| self.word(before));
        let declares = match self.language {
            Language::Python => keyword == "def",
            Language::Java | Language::CSharp => {
                self.word(close + 1) == "{"
                    && self.is_name(name)
                    && !matches!(
                        self.word(name),
                        "if" | "for" | "while" | "switch" | "catch" | "synchronized" | "using"
                    )
            }
            _ => {
                matches!(keyword, "function" | "func" | "fun" | "fn" | "async")
                    || self.word(close + 1) == "="
                    || self.word(name) == "function"
            }
        };
        if !declares {
            return;
        }
        let body = (close..close.saturating_add(BACK)).find(|at| matches!(self.word(*at), "{" | ";"));
        let end = match self.language {
            Language::Python => self.dedent(name - 1),
            _ => body.map_or(close, |body| self.pair(body)),
        };
        for part in self.parts(open + 1..close.min(self.len())) {
            let equals = part.clone().take(BACK).find(|at| self.word(*at) == "=" && self.assigns(*at));
            let typed = matches!(self.language, Language::Java | Language::CSharp);
            let name = match equals {
                Some(equals) => self.target(equals),
                None if typed => part.clone().last().map(|at| (self.word(at), at)),
                None => part.clone().find(|at| self.is_name(*at)).map(|at| (self.word(at), at)),
            };
            if let Some((name, at)) = name.filter(|(_, at)| part.contains(at)) {
                given.push((name, Given { at, value: equals.map(|equals| equals + 1), scope: open..end }));
            }
        }
    }

    /// Where the body of a Python function or class ends, which this `def` or `class` starts.
    pub(super) fn dedent(&self, keyword: usize) -> usize {
        self.bodies.get(&keyword).copied().unwrap_or(self.len())
    }

    fn bodies(&self) -> HashMap<usize, usize> {
        let mut bodies = HashMap::new();
        let mut open: Vec<(usize, usize)> = Vec::new();
        for at in 0..self.len() {
            let first = at == 0 || self.get(at - 1).is_some_and(|before| before.kind == Kind::End);
            let Some(column) = self.get(at).and_then(|token| token.indent).filter(|_| first) else { continue };
            while let Some((_, keyword)) = open.pop_if(|(indent, _)| *indent >= column) {
                bodies.insert(keyword, at);
            }
            let keyword = if self.word(at) == "async" { at + 1 } else { at };
            if matches!(self.word(keyword), "def" | "class") {
                open.push((column, keyword));
            }
        }
        bodies
    }
}

/// Which brackets belong together. A closing one that nothing opened stands for itself; one that closes an outer
/// bracket ends those inside it.
fn pairs(tokens: &[Token<'_>]) -> Vec<usize> {
    let mut pairs: Vec<usize> = (0..tokens.len()).collect();
    let mut open: Vec<(usize, &str)> = Vec::new();
    // how many of each kind are open
    let mut counts = [0_usize; 3];
    let count = |text: &str| "([{)]}".find(text).map_or(0, |at| at % 3);
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Mark) {
        let closes = match token.text {
            "(" | "[" | "{" => {
                open.push((at, token.text));
                if let Some(count) = counts.get_mut(count(token.text)) {
                    *count += 1;
                }
                continue;
            }
            ")" => "(",
            "]" => "[",
            "}" => "{",
            _ => continue,
        };
        if counts.get(count(closes)).is_none_or(|count| *count == 0) {
            continue;
        }
        while let Some((opened, text)) = open.pop() {
            if let Some(count) = counts.get_mut(count(text)) {
                *count -= 1;
            }
            if let Some(pair) = pairs.get_mut(opened) {
                *pair = at;
            }
            if text == closes {
                if let Some(pair) = pairs.get_mut(at) {
                    *pair = opened;
                }
                break;
            }
        }
    }
    for (opened, _) in open {
        if let Some(pair) = pairs.get_mut(opened) {
            *pair = tokens.len();
        }
    }
    pairs
}
