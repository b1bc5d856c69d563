//! Text of policies with variables: `arn:aws:s3:::home/${aws:username}/*`.

use std::borrow::Cow;

use super::pattern::{Pattern, wild};
use super::request::{Known, Request};

/// A text whose variables are found once. Without variables it is its pattern.
#[derive(Debug, Clone)]
pub(super) struct Template {
    /// As written, wildcards and all.
    pattern: Pattern,
    /// Empty without variables.
    parts: Box<[Part]>,
}

#[derive(Debug, Clone)]
enum Part {
    Text(Box<str>),
    /// `${*}`, `${?}` and `${$}`: the character itself.
    Literal(char),
    Variable {
        /// Lower case.
        key: Box<str>,
        default: Option<Box<str>>,
    },
}

/// What a template comes to for a request.
pub(super) enum Filled<'t> {
    Pattern(Cow<'t, Pattern>),
    /// A variable has no value: nothing matches.
    Absent,
    /// A variable has a value that nobody here knows.
    Unknown,
}

impl Template {
    /// `variables` is false in documents of version 2008-10-17, where `${…}` is plain text.
    pub(super) fn new(text: &str, variables: bool) -> Self {
        let parts = if variables && text.contains("${") { split(text) } else { Vec::new() };
        Self { pattern: Pattern::new(text), parts: parts.into() }
    }

    pub(super) fn text(&self) -> &str {
        self.pattern.text()
    }

    /// The pattern, if no variable stands in it.
    pub(super) fn plain(&self) -> Option<&Pattern> {
        self.parts.is_empty().then_some(&self.pattern)
    }

    /// The keys of its variables.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable { key, .. } => Some(&**key),
            _ => None,
        })
    }

    pub(super) fn fill(&self, request: &Request<'_>) -> Filled<'_> {
        if let Some(pattern) = self.plain() {
            return Filled::Pattern(Cow::Borrowed(pattern));
        }
        let (mut text, mut code) = (String::new(), Vec::new());
        // the value of a variable is never a wildcard
        let literal = |value: &str, text: &mut String, code: &mut Vec<u8>| {
            text.push_str(value);
            code.extend_from_slice(value.as_bytes());
        };
        for part in &self.parts {
            match part {
                Part::Text(written) => {
                    text.push_str(written);
                    code.extend(written.bytes().map(wild));
                }
                Part::Literal(character) => literal(character.encode_utf8(&mut [0; 4]), &mut text, &mut code),
                Part::Variable { key, default } => match (request.value(key), default) {
                    (Known::Is(value), _) => literal(&value, &mut text, &mut code),
                    (Known::Absent | Known::Many(_), Some(default)) => literal(default, &mut text, &mut code),
                    (Known::Absent | Known::Many(_), None) => return Filled::Absent,
                    (Known::Chosen | Known::After(_) | Known::Unknown, _) => return Filled::Unknown,
                },
            }
        }
        Filled::Pattern(Cow::Owned(Pattern::compiled(&text, code)))
    }

    /// Whether the text is this one, without wildcards; `None` if that is not known.
    pub(super) fn equals(&self, actual: &str, ignore_case: bool, request: &Request<'_>) -> Option<bool> {
        let same = |text: &str| if ignore_case { same_letters(actual, text) } else { actual == text };
        if self.parts.is_empty() {
            return Some(same(self.text()));
        }
        match self.fill(request) {
            Filled::Pattern(pattern) => Some(same(pattern.text())),
            Filled::Absent => Some(false),
            Filled::Unknown => None,
        }
    }

    /// Whether the text fits; `None` if that is not known.
    pub(super) fn matches(&self, actual: &str, request: &Request<'_>) -> Option<bool> {
        match self.fill(request) {
            Filled::Pattern(pattern) => Some(pattern.matches(actual)),
            Filled::Absent => Some(false),
            Filled::Unknown => None,
        }
    }
}

impl From<Pattern> for Template {
    fn from(pattern: Pattern) -> Self {
        Self { pattern, parts: Box::default() }
    }
}

fn same_letters(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || (!(a.is_ascii() && b.is_ascii()) && a.to_lowercase() == b.to_lowercase())
}

fn split(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        // what is not closed is text
        let Some((inside, tail)) = after.split_once('}') else { break };
        if !before.is_empty() {
            parts.push(Part::Text(before.into()));
        }
        parts.push(match inside {
            "*" => Part::Literal('*'),
            "?" => Part::Literal('?'),
            "$" => Part::Literal('$'),
            _ => {
                let (key, default) = match inside.split_once(',') {
                    Some((key, default)) => (key, Some(default.trim().trim_matches('\'').into())),
                    None => (inside, None),
                };
                Part::Variable { key: key.trim().to_ascii_lowercase().into(), default }
            }
        });
        rest = tail;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.into()));
    }
    parts
}
