//! Tables of text: each row becomes an object keyed by the header and is read by the structured format that knows it,
//! so that an export reads alike as CSV and as JSON.

use serde_json::{Map, Value};

use super::format::{Found, STRUCTURED, Source, Textual, dispatch_owned};
use super::syntax::BadRows;
use crate::asset::{Document, Error};

pub(super) const TEXTS: &[Textual] = &[CSV];

const CSV: Textual = Textual { name: "csv", critical: false, matches, read };

/// Rows that are tried before the file is left to others.
const TRIED: usize = 16;
/// Most columns of a table.
const COLUMNS: usize = 4096;

/// Whether a structured format knows one of the first rows.
fn matches(source: &Source<'_>) -> bool {
    let Some(mut table) = source.has_extension(&["csv", "tsv", "txt"]).then(|| Table::open(source.text)).flatten()
    else {
        return false;
    };
    let known = |row: &Value| STRUCTURED.iter().copied().flatten().any(|format| (format.matches)(row));
    std::iter::from_fn(|| table.row()).take(TRIED).any(|(_, row)| row.is_ok_and(|row| known(&row)))
}

fn read(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let Some(mut table) = Table::open(source.text) else { return Ok(()) };
    // the rows say what they are
    found.formats.clear();
    let path: std::sync::Arc<str> = source.path.into();
    let mut bad = BadRows::default();
    while let Some((line, row)) = table.row() {
        match row {
            Ok(row) => {
                dispatch_owned(Document::row(path.clone(), line, row), found);
            }
            Err(message) => {
                bad.note(usize::try_from(line).ok(), message);
            }
        }
    }
    bad.into_error().map_or(Ok(()), Err)
}

/// The rows of RFC 4180 text with any of the usual separators.
struct Table<'a> {
    fields: Fields<'a>,
    header: Vec<String>,
}

impl<'a> Table<'a> {
    /// Reads the header; `None` if the first line is none.
    fn open(text: &'a str) -> Option<Self> {
        let first = text.lines().next()?;
        let count = |c: &char| first.matches(*c).count();
        let separator = [',', ';', '\t', '|'].into_iter().rev().max_by_key(count).filter(|c| count(c) > 0)?;
        if first.trim_start().starts_with(['{', '[']) {
            return None;
        }
        let mut fields = Fields { rest: text, separator, line: 1 };
        let header = fields.record()?.1;
        let named = header.iter().all(|name| !name.trim().is_empty()) && header.len() <= COLUMNS;
        named.then(|| Self { fields, header: header.into_iter().map(|name| name.trim().to_owned()).collect() })
    }

    /// The next row and its line; an error if it has too many fields.
    fn row(&mut self) -> Option<(u64, Result<Value, &'static str>)> {
        loop {
            let (line, record) = self.fields.record()?;
            if record.iter().all(|field| field.is_empty()) {
                continue;
            }
            let row = if record.len() > self.header.len() {
                Err("more fields than the header names")
            } else {
                let fields = self.header.iter().cloned().zip(record.into_iter().map(Value::String));
                Ok(Value::Object(Map::from_iter(fields)))
            };
            return Some((line, row));
        }
    }
}

/// Splits text into records of fields.
struct Fields<'a> {
    rest: &'a str,
    separator: char,
    line: u64,
}

impl Fields<'_> {
    /// The next record and the line it begins on.
    fn record(&mut self) -> Option<(u64, Vec<String>)> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, mut record) = (self.line, Vec::new());
        loop {
            let (field, end) = self.field();
            record.push(field);
            if end != Some(self.separator) {
                return Some((line, record));
            }
        }
    }

    /// One field and what ends it: the separator, a line feed, or nothing.
    fn field(&mut self) -> (String, Option<char>) {
        let mut field = String::new();
        if let Some(quoted) = self.rest.strip_prefix('"') {
            self.rest = quoted;
            loop {
                // a quote that nothing closes ends with the text
                let (text, after) = self.rest.split_once('"').unwrap_or((self.rest, ""));
                field.push_str(text);
                self.rest = after;
                match after.strip_prefix('"') {
                    Some(after) => {
                        field.push('"');
                        self.rest = after;
                    }
                    None => break,
                }
            }
            self.line += field.matches('\n').count() as u64;
        }
        let at = self.rest.find([self.separator, '\n']).unwrap_or(self.rest.len());
        let (text, after) = self.rest.split_at_checked(at).unwrap_or((self.rest, ""));
        field.push_str(text.trim_end_matches('\r'));
        let mut after = after.chars();
        let end = after.next();
        self.rest = after.as_str();
        self.line += u64::from(end == Some('\n'));
        (field, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rows(text: &str) -> Vec<(u64, Result<Value, &'static str>)> {
        let mut table = Table::open(text).unwrap();
        std::iter::from_fn(|| table.row()).collect()
    }

    #[test]
    fn quotes_separators_and_lines() {
        let text = "a;b\r\n\"x;\"\"y\"\"\nz\";2\n\n3;4;5\n6\n";
        assert_eq!(
            rows(text),
            [
                (2, Ok(json!({"a": "x;\"y\"\nz", "b": "2"}))),
                (5, Err("more fields than the header names")),
                (6, Ok(json!({"a": "6"}))),
            ]
        );
        assert!(Table::open("one column\nx\n").is_none());
        assert!(Table::open("{\"a\": 1, \"b\": 2}\n").is_none());
    }

    #[test]
    fn an_open_quote_ends_with_the_text() {
        assert_eq!(rows("a,b\n\"x,1\n2,3\n").len(), 1);
    }

    #[test]
    fn linear_in_quotes() {
        let text = format!("a,b\n{}", "\"\"\"\",".repeat(100_000));
        assert_eq!(rows(&text).len(), 1);
    }
}
