//! JSON and YAML text as values that still know their lines. Bounded: nesting to 128 levels, aliases expanded to a
//! node budget, so that deep or exploding documents end in an error, never in a stack overflow or out of memory.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event as Yaml, Parser, ScalarStyle, Span};
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

use super::error::DEPTH_LIMIT;
use super::{Error, ErrorKind, Evidence, Result, reading};

/// Most nodes of one YAML stream, alias copies counted.
const NODE_LIMIT: usize = 1_000_000;

/// One parsed document: its value, and for YAML the line of each JSON pointer.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// The content.
    pub value: Value,
    /// Lines and columns by JSON pointer of the file; empty for JSON, where the pointer itself is the place.
    lines: Arc<Lines>,
    path: Arc<str>,
    place: Place,
}

/// A line and a column, both from 1, the column in code points.
type Spot = (u32, u32);

/// A key that stands twice, and where it does so.
type Twice = (String, Spot);

/// Where the value of each JSON pointer begins; that of a field begins with its name.
type Lines = HashMap<String, Spot>;

/// Where a document stands in its file.
#[derive(Debug, Clone, Default)]
enum Place {
    /// It is the file.
    #[default]
    Whole,
    /// It is the value at this pointer.
    At(String),
    /// It is text inside the value at this pointer, e.g. the body of a recorded response.
    Inside(String),
    /// It is a line of the file, from 1.
    Line(u64),
    /// It is the file with only some rows of the list at this pointer, after this many others.
    Rows(String, usize),
}

impl Document {
    /// Parses JSON. Linear in the text.
    pub fn json(path: impl Into<String>, text: &str) -> Result<Self> {
        let path = path.into();
        match serde_json::from_str(text) {
            Ok(value) => Ok(Self { value, path: path.into(), ..Self::default() }),
            Err(error) => Err(Error::from(error).at(&path)),
        }
    }

    /// A row of a JSON Lines file; `line` is counted from 1.
    pub fn row(path: impl Into<Arc<str>>, line: u64, value: Value) -> Self {
        Self { value, path: path.into(), place: Place::Line(line), ..Self::default() }
    }

    /// A document of which only some rows of the list at `pointer` were read, the `first` of them so far from its start;
    /// evidence points at the rows where they really stand.
    #[must_use]
    pub fn rows(path: impl Into<Arc<str>>, pointer: impl Into<String>, first: usize, value: Value) -> Self {
        Self { value, path: path.into(), place: Place::Rows(pointer.into(), first), ..Self::default() }
    }

    /// The value at a pointer as a document of its own, whose evidence still points into this file.
    #[must_use]
    pub fn part(&self, pointer: &str, value: Value) -> Self {
        let place = match &self.place {
            Place::Whole => Place::At(pointer.to_owned()),
            Place::At(base) => Place::At(format!("{base}{pointer}")),
            Place::Rows(list, first) => Place::At(shifted(pointer, list, *first)),
            inside => inside.clone(),
        };
        Self { value, lines: Arc::clone(&self.lines), path: Arc::clone(&self.path), place }
    }

    /// What the text at a pointer holds, e.g. a recorded body; evidence points at that text as a whole.
    #[must_use]
    pub fn inside(&self, pointer: &str, value: Value) -> Self {
        let mut part = self.part(pointer, value);
        if let Place::At(base) = part.place {
            part.place = Place::Inside(base);
        }
        part
    }

    /// Parses a YAML stream: every document before the first error, and that error. Linear in the text and in what its
    /// aliases expand to, up to the node budget.
    pub fn yaml(path: impl Into<String>, text: &str) -> (Vec<Self>, Option<Error>) {
        let (documents, error, _) = Self::load(path.into(), text);
        (documents, error)
    }

    /// As [`yaml`](Self::yaml), with the first key that stands twice in its mapping; the last of the two is kept.
    fn load(path: String, text: &str) -> (Vec<Self>, Option<Error>, Option<Twice>) {
        let mut loader = Loader { parser: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0, twice: None };
        let mut documents = Vec::new();
        let error = loop {
            match loader.document() {
                Ok(Some((value, lines))) => documents.push(Self {
                    value,
                    lines: Arc::new(lines),
                    path: path.as_str().into(),
                    place: Place::Whole,
                }),
                Ok(None) => break None,
                Err(error) => break Some(error.at(&path)),
            }
        };
        (documents, error, loader.twice)
    }

    /// Parses a configuration of ours, YAML or JSON (which is YAML), into a type; errors name file, line and column.
    pub fn config<T: DeserializeOwned>(path: impl Into<String>, text: &str) -> Result<T> {
        Self::one(path, text)?.read()
    }

    /// Parses a YAML stream that must be one document, without a key that stands twice in its mapping.
    pub fn one(path: impl Into<String>, text: &str) -> Result<Self> {
        let path = path.into();
        let (documents, error, twice) = Self::load(path.clone(), text);
        if let Some((key, spot)) = twice.filter(|_| error.is_none()) {
            let message = format!("`{key}` stands twice; the first would be lost");
            return Err(placed(Error::new(ErrorKind::Invalid, message), Some(spot)).at(path));
        }
        match (error, <[Self; 1]>::try_from(documents)) {
            (Some(error), _) => Err(error),
            (None, Ok([document])) => Ok(document),
            (None, Err(found)) => {
                let message = format!("expected one YAML document, found {}", found.len());
                Err(Error::new(ErrorKind::Invalid, message).at(path))
            }
        }
    }

    /// The content as a type; an error names file, line and column. Keys are text: a
    /// map whose keys are numbers is an error.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        reading::read(&self.value).map_err(|(pointer, error)| self.error(&pointer, error.to_string()))
    }

    /// That something is wrong at a JSON pointer of this document, with its line and column where known.
    #[must_use]
    pub fn error(&self, pointer: &str, message: impl Into<String>) -> Error {
        let error = placed(Error::new(ErrorKind::Invalid, message), nearest(&self.lines, &self.in_file(pointer)));
        if self.path.is_empty() { error } else { error.at(&*self.path) }
    }

    /// The file this was read from.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Evidence for a JSON pointer of this document: pointer, and line where known.
    #[must_use]
    pub fn evidence(&self, pointer: &str) -> Evidence {
        let mut evidence = Evidence::file(Arc::clone(&self.path));
        if let Place::Line(line) = self.place {
            return evidence.line(line);
        }
        let pointer = self.in_file(pointer);
        evidence.line = nearest(&self.lines, &pointer).map(|(line, _)| line.into());
        if !pointer.is_empty() {
            evidence.pointer = Some(pointer);
        }
        evidence
    }

    /// A pointer of this document as one of its file.
    fn in_file(&self, pointer: &str) -> String {
        match &self.place {
            Place::Whole => pointer.to_owned(),
            Place::At(base) => format!("{base}{pointer}"),
            Place::Inside(base) => base.clone(),
            Place::Rows(list, first) => shifted(pointer, list, *first),
            Place::Line(_) => String::new(),
        }
    }
}

/// A pointer below a list of which the first rows are missing, with the row's real number.
fn shifted(pointer: &str, list: &str, first: usize) -> String {
    let below = pointer.strip_prefix(list).and_then(|rest| rest.strip_prefix('/'));
    let row = below.map(|below| below.split_once('/').map_or((below, ""), |(row, rest)| (row, rest)));
    match row.and_then(|(row, rest)| Some((row.parse::<usize>().ok()?, rest))) {
        Some((row, "")) => format!("{list}/{}", row + first),
        Some((row, rest)) => format!("{list}/{}/{rest}", row + first),
        None => pointer.to_owned(),
    }
}

/// Escapes a key for a JSON pointer (RFC 6901).
#[must_use]
pub fn pointer_key(key: &str) -> std::borrow::Cow<'_, str> {
    if key.contains(['~', '/']) { key.replace('~', "~0").replace('/', "~1").into() } else { key.into() }
}

/// The place of a pointer or of its closest ancestor.
fn nearest(lines: &Lines, pointer: &str) -> Option<Spot> {
    let mut pointer = pointer;
    loop {
        if let Some(spot) = lines.get(pointer) {
            return Some(*spot);
        }
        pointer = pointer.rsplit_once('/')?.0;
    }
}

fn spot(span: Span) -> Spot {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    (number(span.start.line()), number(span.start.col() + 1))
}

/// An error at a place, if that is known.
fn placed(error: Error, spot: Option<Spot>) -> Error {
    match spot {
        Some((line, column)) => error.at_line(line as usize, column as usize),
        None => error,
    }
}

/// Builds values from YAML events.
struct Loader<'a, T: saphyr_parser::Input> {
    parser: Parser<'a, T>,
    anchors: HashMap<usize, (Value, usize)>,
    nodes: usize,
    /// The first key that stood twice in its mapping.
    twice: Option<Twice>,
}

impl<'a, T: saphyr_parser::Input> Loader<'a, T> {
    fn next(&mut self) -> Result<Option<(Yaml<'a>, Span)>> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok(event)) => Ok(Some(event)),
            Some(Err(error)) => {
                let (mark, message) = (error.marker(), error.info());
                let (kind, message) = match message.contains("recursion limit") {
                    true => (ErrorKind::Budget, format!("nested deeper than {DEPTH_LIMIT} levels")),
                    false => (ErrorKind::Malformed, message.to_owned()),
                };
                Err(Error::new(kind, message).at_line(mark.line(), mark.col() + 1))
            }
        }
    }

    /// The next document with its lines, or `None` at the end of the stream.
    fn document(&mut self) -> Result<Option<(Value, Lines)>> {
        loop {
            match self.next()? {
                None | Some((Yaml::StreamEnd, _)) => return Ok(None),
                Some((Yaml::StreamStart | Yaml::DocumentStart(_) | Yaml::DocumentEnd | Yaml::Nothing, _)) => {}
                Some((event, span)) => {
                    self.anchors.clear();
                    let mut lines = Lines::new();
                    let (value, _) = self.node(event, span, &mut String::new(), 0, &mut lines)?;
                    return Ok(Some((value, lines)));
                }
            }
        }
    }

    fn spend(&mut self, nodes: usize, span: Span) -> Result<()> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > NODE_LIMIT {
            let message = format!("more than {NODE_LIMIT} YAML nodes after expanding aliases");
            return Err(Error::new(ErrorKind::Budget, message).at_line(span.start.line(), span.start.col() + 1));
        }
        Ok(())
    }

    /// One node and how many nodes it holds. Recursion is bounded by `DEPTH_LIMIT`.
    fn node(
        &mut self,
        event: Yaml<'a>,
        span: Span,
        pointer: &mut String,
        depth: usize,
        lines: &mut Lines,
    ) -> Result<(Value, usize)> {
        if depth > DEPTH_LIMIT {
            let message = format!("nested deeper than {DEPTH_LIMIT} levels");
            return Err(Error::new(ErrorKind::Budget, message).at_line(span.start.line(), span.start.col() + 1));
        }
        self.spend(1, span)?;
        lines.entry(pointer.clone()).or_insert(spot(span));
        let length = pointer.len();
        let (anchor, value, size) = match event {
            Yaml::Alias(id) => {
                let (value, size) = match self.anchors.get(&id) {
                    Some(known) => known.clone(),
                    None => {
                        let error = Error::new(ErrorKind::Malformed, "alias of an anchor that is not complete");
                        return Err(error.at_line(span.start.line(), span.start.col() + 1));
                    }
                };
                self.spend(size, span)?;
                return Ok((value, size));
            }
            Yaml::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let value = if plain { plain_scalar(&text) } else { Value::String(text.into_owned()) };
                (anchor, tagged(value, tag.as_deref()), 1)
            }
            Yaml::SequenceStart(anchor, tag) => {
                let (mut items, mut size) = (Vec::new(), 1);
                loop {
                    match self.next()? {
                        Some((Yaml::SequenceEnd, _)) | None => break,
                        Some((event, span)) => {
                            pointer.push_str(&format!("/{}", items.len()));
                            let (item, nodes) = self.node(event, span, pointer, depth + 1, lines)?;
                            pointer.truncate(length);
                            items.push(item);
                            size += nodes;
                        }
                    }
                }
                (anchor, tagged(Value::Array(items), tag.as_deref()), size)
            }
            Yaml::MappingStart(anchor, tag) => {
                let (mut map, mut merged, mut size) = (Map::new(), Vec::new(), 1);
                while let Some((event, key_span)) = self.next()? {
                    if event == Yaml::MappingEnd {
                        break;
                    }
                    let plain = matches!(&event, Yaml::Scalar(_, ScalarStyle::Plain, ..));
                    let (key, _) =
                        self.node(event, key_span, &mut String::from("\u{0}"), depth + 1, &mut Lines::new())?;
                    let key = match key {
                        Value::String(key) => key,
                        other => other.to_string(),
                    };
                    let Some((event, span)) = self.next()? else { break };
                    pointer.push('/');
                    pointer.push_str(&pointer_key(&key));
                    lines.insert(pointer.clone(), spot(key_span));
                    let (item, nodes) = self.node(event, span, pointer, depth + 1, lines)?;
                    pointer.truncate(length);
                    size += nodes;
                    match item {
                        Value::Object(base) if plain && key == "<<" => merged.push(base),
                        item => {
                            if self.twice.is_none() && map.contains_key(&key) {
                                self.twice = Some((key.clone(), spot(key_span)));
                            }
                            map.insert(key, item);
                        }
                    }
                }
                for (key, value) in merged.into_iter().flatten() {
                    map.entry(key).or_insert(value);
                }
                (anchor, tagged(Value::Object(map), tag.as_deref()), size)
            }
            _ => (0, Value::Null, 1),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, (value.clone(), size));
        }
        Ok((value, size))
    }
}

/// Local tags such as CloudFormation's `!GetAtt` become `{"!GetAtt": value}`; core-schema tags change nothing.
fn tagged(value: Value, tag: Option<&saphyr_parser::Tag>) -> Value {
    match tag {
        Some(tag) if tag.handle == "!" => Value::Object(Map::from_iter([(format!("!{}", tag.suffix), value)])),
        _ => value,
    }
}

/// YAML 1.2 core schema for plain scalars.
fn plain_scalar(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
    if !numeric {
        return Value::String(text.to_owned());
    }
    if let Ok(number) = text.parse::<i64>() {
        return Value::Number(number.into());
    }
    if let Some(number) = text.strip_prefix("0x").and_then(|hex| i64::from_str_radix(hex, 16).ok()) {
        return Value::Number(number.into());
    }
    let float = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E'));
    match text.parse::<f64>() {
        Ok(number) if float => Number::from_f64(number).map_or_else(|| Value::String(text.to_owned()), Value::Number),
        _ => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn one(text: &str) -> Document {
        let (mut documents, error) = Document::yaml("f.yaml", text);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(documents.len(), 1);
        documents.remove(0)
    }

    #[test]
    fn yaml_values_and_lines() {
        let doc = one("a: 1\nb:\n  - x: 'yes'\n    y: true\n  - ~\nc/d: 1.5\n");
        assert_eq!(doc.value, json!({"a": 1, "b": [{"x": "yes", "y": true}, null], "c/d": 1.5}));
        assert_eq!(doc.evidence("/b/0/y").line, Some(4));
        assert_eq!(doc.evidence("/c~1d").line, Some(6));
        assert_eq!(doc.evidence("/b/0/nowhere").line, Some(3));
    }

    #[test]
    fn parts_point_into_their_file() {
        let whole = one("a:\n  b:\n    c: 1\n");
        let part = whole.part("/a", whole.value["a"].clone());
        assert_eq!(part.evidence("/b").line, Some(2));
        assert_eq!(part.part("/b", Value::Null).evidence("/c").pointer.as_deref(), Some("/a/b/c"));
        assert_eq!(part.inside("/b", Value::Null).evidence("/x").pointer.as_deref(), Some("/a/b"));
        let row = Document::row("f.jsonl", 7, Value::Null);
        assert_eq!(row.part("/x", Value::Null).evidence("/y"), Evidence::file("f.jsonl").line(7));
        let rows = Document::rows("f.json", "/items", 40, Value::Null);
        let pointer = |document: &Document, pointer: &str| document.evidence(pointer).pointer.unwrap_or_default();
        assert_eq!(pointer(&rows, "/items/2/a"), "/items/42/a");
        assert_eq!(pointer(&rows, "/kind"), "/kind");
        assert_eq!(pointer(&rows.part("/items/0", Value::Null), "/a"), "/items/40/a");
        assert_eq!(pointer(&Document::rows("f.json", "", 1, Value::Null), "/1"), "/2");
    }

    #[test]
    fn anchors_merge_keys_and_local_tags() {
        let doc =
            one("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\nrole: !GetAtt [R, Arn]\nof: !Ref R\nn: !!str 1\n");
        assert_eq!(doc.value["use"], json!({"x": 1, "y": 3}));
        assert_eq!(doc.value["role"], json!({"!GetAtt": ["R", "Arn"]}));
        assert_eq!((&doc.value["of"], &doc.value["n"]), (&json!({"!Ref": "R"}), &json!("1")));
    }

    #[test]
    fn good_documents_before_a_bad_one_are_kept() {
        let (documents, error) = Document::yaml("f.yaml", "a: 1\n---\nb: 2\n---\nc: [1\nd: }\n");
        assert_eq!(documents.len(), 2);
        let error = error.unwrap();
        assert_eq!(error.kind, ErrorKind::Malformed);
        assert!(error.line.unwrap() >= 5, "{error}");
    }

    #[test]
    fn alias_bombs_and_deep_nesting_end_in_an_error() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..12 {
            let aliases = vec![format!("*a{}", i - 1); 10].join(", ");
            bomb.push_str(&format!("a{i}: &a{i} [{aliases}]\n"));
        }
        assert_eq!(Document::yaml("f", &bomb).1.unwrap().kind, ErrorKind::Budget);
        assert_eq!(Document::yaml("f", &"[".repeat(100_000)).1.unwrap().kind, ErrorKind::Budget);
        let deep = Document::json("f", &"[".repeat(100_000)).unwrap_err();
        assert_eq!((deep.kind, deep.message.as_str()), (ErrorKind::Budget, "nested deeper than 128 levels"));
        assert_eq!(Document::yaml("f", "a: &a [*a]").1.unwrap().kind, ErrorKind::Malformed);
    }

    #[test]
    fn config_errors_name_file_and_line() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Config {
            #[serde(rename = "name")]
            _name: String,
        }
        let error = Document::config::<Config>("c.yaml", "name: x\n\nnmae: y\n").unwrap_err();
        assert_eq!(error.to_string(), "c.yaml:3:1: unknown field `nmae`, expected `name`");
        let error = Document::config::<Config>("c.yaml", "name: x\nname: y\n").unwrap_err();
        assert_eq!(error.to_string(), "c.yaml:2:1: `name` stands twice; the first would be lost");
    }
}
