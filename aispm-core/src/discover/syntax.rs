//! Text as documents: JSON with or without comments, JSON Lines, YAML.

use serde::de::IgnoredAny;
use serde_json::Value;

use super::format::Source;
use crate::asset::{Document, Error, ErrorKind};

/// What parsing a text gave.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    /// Every document or row that parses.
    pub(super) documents: Vec<Document>,
    /// The first place that does not.
    pub(super) error: Option<Error>,
    /// Why there is nothing, where the text is neither.
    pub(super) reason: Option<&'static str>,
}

/// Parses JSON, JSON Lines or YAML, whichever the text looks like. Linear.
pub(super) fn parse(source: &Source<'_>) -> Parsed {
    match syntax(source) {
        Syntax::Json => json(source),
        Syntax::Lines => lines(source),
        Syntax::Yaml => {
            let (documents, error) = Document::yaml(source.path, source.text);
            Parsed { documents, error, reason: None }
        }
        Syntax::Other(reason) => Parsed { reason: Some(reason), ..Parsed::default() },
    }
}

/// Whether a text is JSON Lines: its first two rows are JSON objects of their own.
pub(super) fn is_json_lines(text: &str) -> bool {
    let mut rows = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(2);
    let mut object =
        || rows.next().is_some_and(|row| row.starts_with('{') && serde_json::from_str::<IgnoredAny>(row).is_ok());
    object() && object()
}

/// The rows of JSON Lines.
fn lines(source: &Source<'_>) -> Parsed {
    let (mut documents, mut bad) = (Vec::new(), BadRows::default());
    let path: std::sync::Arc<str> = source.path.into();
    for (i, text) in source.text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        match serde_json::from_str::<Value>(text) {
            Ok(value) => documents.push(Document::row(path.clone(), i as u64 + 1, value)),
            Err(error) => bad.note(Some(i + 1), &Error::from(error).message),
        }
    }
    Parsed { documents, error: bad.into_error(), reason: None }
}

/// Rows that do not parse: the first one's line and trouble, and how many there are.
#[derive(Debug, Default)]
pub(super) struct BadRows {
    count: usize,
    first: Option<(Option<usize>, String)>,
}

impl BadRows {
    pub(super) fn note(&mut self, line: Option<usize>, message: &str) {
        self.count += 1;
        self.first.get_or_insert_with(|| (line, message.to_owned()));
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn merge(&mut self, later: Self) {
        self.count += later.count;
        self.first = self.first.take().or(later.first);
    }

    pub(super) fn into_error(self) -> Option<Error> {
        let (line, message) = self.first?;
        let message = match self.count {
            1 => format!("bad row: {message}"),
            count => format!("{count} bad rows, the first: {message}"),
        };
        let mut error = Error::new(ErrorKind::Malformed, message);
        error.line = line;
        Some(error)
    }
}

enum Syntax {
    Json,
    Lines,
    Yaml,
    Other(&'static str),
}

fn syntax(source: &Source<'_>) -> Syntax {
    let mut start = source.text.trim_start().chars();
    let (first, second) = (start.next(), start.find(|c| !c.is_whitespace()));
    let json = match first {
        Some('{') => second.is_none_or(|c| matches!(c, '"' | '}' | '/')),
        Some('[') => second.is_none_or(|c| "{[\"]-0123456789tfn/".contains(c)),
        _ => false,
    };
    let yaml = source.has_extension(&["yaml", "yml"]);
    if source.text.trim().is_empty() {
        Syntax::Other("empty")
    } else if json && (is_json_lines(source.text) || source.has_extension(&["jsonl", "ndjson"])) {
        Syntax::Lines
    } else if json || (source.has_extension(&["json", "jsonc"]) && matches!(first, Some('{' | '['))) {
        Syntax::Json
    } else if yaml || source.text.lines().take(64).any(|line| line.starts_with("apiVersion:")) {
        Syntax::Yaml
    } else {
        Syntax::Other("no known format")
    }
}

/// One JSON document; comments and trailing commas, as editors' settings have them, are tolerated.
fn json(source: &Source<'_>) -> Parsed {
    let plain = Document::json(source.path, source.text);
    match plain.or_else(|error| Document::json(source.path, &without_comments(source.text)).map_err(|_| error)) {
        Ok(document) => Parsed { documents: vec![document], ..Parsed::default() },
        Err(error) => Parsed { error: Some(error), ..Parsed::default() },
    }
}

/// JSON with comments and trailing commas blanked out. Linear.
fn without_comments(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut comma = None;
    while let Some(c) = rest.next() {
        match c {
            '"' => {
                comma = None;
                clean.push(c);
                while let Some(c) = rest.next() {
                    clean.push(c);
                    match c {
                        '"' => break,
                        '\\' => clean.extend(rest.next()),
                        _ => {}
                    }
                }
            }
            '/' if rest.peek() == Some(&'/') => {
                while rest.peek().is_some_and(|c| *c != '\n') {
                    rest.next();
                }
            }
            '/' if rest.peek() == Some(&'*') => {
                let mut last = ' ';
                rest.next();
                for c in rest.by_ref() {
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
            }
            '}' | ']' => {
                if let Some(at) = comma.take() {
                    clean.replace_range(at..=at, " ");
                }
                clean.push(c);
            }
            _ => {
                if c == ',' {
                    comma = Some(clean.len());
                } else if !c.is_whitespace() {
                    comma = None;
                }
                clean.push(c);
            }
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_with_comments() {
        let text = "{ // a\n \"a\": \"//\\\"x\", /* b */ \"b\": [1, 2,\n], }";
        let parsed = parse(&Source { path: "s.json", text });
        assert!(parsed.error.is_none());
        assert_eq!(parsed.documents[0].value, serde_json::json!({"a": "//\"x", "b": [1, 2]}));
    }
}
