//! Logs of prompts and answers: JSON Lines, or a JSON list, whose rows carry messages in one of the usual shapes.

use serde_json::Value;

use super::conversation::{self, choices, content, messages};
use super::format::{Found, Source, Structured, Textual};
use super::syntax::BadRows;
use super::telemetry;
use super::walk::file_name;
use crate::asset::{Asset, AssetId, AssetKind, Document, Error, Evidence, TextRole};

pub(super) const TEXTS: &[Textual] = &[LINES];

pub(super) const FORMATS: &[Structured] = &[DOCUMENT];

const LINES: Textual = Textual {
    name: "prompt-log",
    critical: true,
    matches: |source| {
        let known = |row: &Value| is_row(row) && !telemetry::claims(row);
        rows(source.text).take(8).any(|(_, row)| serde_json::from_str(row).is_ok_and(|row| known(&row)))
            && many_rows(source)
    },
    read: read_lines,
};

const DOCUMENT: Structured = Structured {
    name: "prompt-log",
    critical: true,
    in_parts: true,
    markers: &["\"messages\"", "\"role\""],
    matches: |value| value.as_array().is_some_and(|rows| rows.iter().take(8).any(is_row)),
    read: read_document,
};

/// Fields that hold the user's side, and the model's.
const PROMPTS: &[&str] = &["prompt", "input", "question", "query", "user_input", "user_message", "request"];
const OUTPUTS: &[&str] =
    &["response", "completion", "output", "answer", "generated_text", "assistant_message", "reply"];
/// Those of them that only a conversation has.
const TELLING: &[&str] = &[
    "prompt",
    "question",
    "user_input",
    "user_message",
    "completion",
    "answer",
    "generated_text",
    "assistant_message",
];
/// Fields that name what was asked, most telling first.
const ASSETS: &[&str] =
    &["asset", "app", "application", "service", "endpoint", "project", "deployment", "agent", "model"];
const ACTORS: &[&str] = &["user", "user_id", "actor", "end_user", "username", "caller", "principal", "session_id"];
const TIMES: &[&str] =
    &["timestamp", "time", "ts", "created_at", "start_time", "startTime", "@timestamp", "date", "created"];

/// Lines that are not blank, counted from 1.
fn rows(text: &str) -> impl Iterator<Item = (u64, &str)> {
    text.lines().enumerate().map(|(i, line)| (i as u64 + 1, line.trim())).filter(|(_, line)| !line.is_empty())
}

/// JSON Lines: every line is a row of its own, or the name says so.
fn many_rows(source: &Source<'_>) -> bool {
    source.has_extension(&["jsonl", "ndjson", "log"])
        || rows(source.text).take(2).filter(|(_, row)| row.starts_with('{') && row.len() > 1).count() == 2
}

/// Whether a row carries a conversation: messages, or both sides under known names. `input` and `output` are what any
/// function has, and `request` and `response` any HTTP log: those need a model beside them, or somebody who speaks.
fn is_row(row: &Value) -> bool {
    let messages = |row: &Value| {
        row.get("messages")
            .and_then(Value::as_array)
            .is_some_and(|list| list.first().is_some_and(|m| m.get("role").is_some()))
    };
    let has = |names: &[&str]| {
        names
            .iter()
            .any(|name| row.get(name).is_some_and(|value| value.is_string() || messages(value) || value.is_object()))
    };
    let prompt = row.get("prompt").is_some_and(Value::is_string);
    let spoken = |name: &&str| {
        let words = row.get(name).and_then(Value::as_str).filter(|text| !text.contains(" HTTP/"));
        words.is_some_and(|text| text.split_whitespace().nth(2).is_some())
    };
    let telling = || {
        let model =
            ["/model", "/request/model", "/input/model", "/metadata/model", "/response/choices", "/output/choices"];
        has(TELLING) || PROMPTS.iter().any(&spoken) || model.iter().any(|at| row.pointer(at).is_some())
    };
    let request = row.get("request").is_some_and(messages);
    messages(row) || request || prompt || has(PROMPTS) && has(OUTPUTS) && telling()
}

/// Good rows are kept; the error tells the first bad one and how many there are.
fn read_lines(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let log = log(source.path, &Evidence::file(source.path), found);
    let mut bad = BadRows::default();
    for (line, text) in rows(source.text) {
        match serde_json::from_str::<Value>(text) {
            Ok(row) => read_row(&row, &log, &source.line(line), found),
            Err(error) => bad.note(usize::try_from(line).ok(), &Error::from(error).message),
        }
    }
    bad.into_error().map_or(Ok(()), Err)
}

/// Reads a row of a log that is too large to be read whole, if it is one.
pub(super) fn read_line(row: &Document, found: &mut Found) -> bool {
    if !is_row(&row.value) {
        return false;
    }
    found.name(LINES.name);
    let evidence = row.evidence("");
    let log = log(row.path(), &Evidence::file(row.path()), found);
    read_row(&row.value, &log, &evidence, found);
    true
}

fn read_document(document: &Document, found: &mut Found) {
    let log = log(document.path(), &document.evidence(""), found);
    for (i, row) in document.value.as_array().into_iter().flatten().enumerate() {
        read_row(row, &log, &document.evidence(&format!("/{i}")), found);
    }
}

fn log(path: &str, evidence: &Evidence, found: &mut Found) -> AssetId {
    let asset =
        Asset::new(format!("file:{path}"), AssetKind::LogSink, file_name(path)).ai().with("format", "prompt-log");
    let id = asset.id.clone();
    found.inventory.add(asset.seen(evidence.clone()));
    id
}

fn read_row(row: &Value, log: &AssetId, evidence: &Evidence, found: &mut Found) {
    let meta = ["metadata", "meta", "attributes", "request"];
    let field = |names: &[&str]| {
        let places = std::iter::once(row).chain(meta.iter().filter_map(|key| row.get(key)));
        places.into_iter().find_map(|place| {
            names.iter().find_map(|name| match place.get(name)? {
                Value::String(text) if !text.is_empty() => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                Value::Object(map) => map.get("id").or_else(|| map.get("name"))?.as_str().map(str::to_owned),
                _ => None,
            })
        })
    };
    let asset = field(ASSETS).map_or_else(|| log.clone(), AssetId::from);
    let (time, actor) = (field(TIMES), field(ACTORS));
    let mut texts = conversation::Spoken::default();
    for name in ["system", "system_prompt"] {
        row.get(name).and_then(content).into_iter().for_each(|text| texts.instruct(text));
    }
    for place in [Some(row), row.get("request"), row.get("input"), row.get("inputs")].into_iter().flatten() {
        messages(place.get("messages"), &mut texts);
    }
    for (names, role) in [(PROMPTS, TextRole::Prompt), (OUTPUTS, TextRole::Output)] {
        for name in names {
            match row.get(name) {
                Some(Value::String(text)) => texts.push((role, text.clone())),
                Some(value) if value.is_array() => messages(Some(value), &mut texts),
                Some(value) if role == TextRole::Output => choices(value, &mut texts),
                _ => {}
            }
        }
    }
    choices(row, &mut texts);
    for name in ["context", "contexts", "documents", "retrieved", "chunks"] {
        let text = |value: &Value| {
            content(value).or_else(|| content(value.get("text").or_else(|| value.get("page_content"))?))
        };
        match row.get(name) {
            Some(Value::Array(list)) => {
                texts.extend(list.iter().filter_map(text).map(|text| (TextRole::Document, text)))
            }
            Some(value) => texts.extend(text(value).map(|text| (TextRole::Document, text))),
            None => {}
        }
    }
    conversation::keep(texts, asset.as_str(), time.as_deref(), actor.as_deref(), evidence, found);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_several_shapes_and_a_bad_one() {
        let text = concat!(
            "{\"prompt\": \"hi\", \"response\": \"ho\", \"app\": \"bot\", \"user\": \"ann\", \"timestamp\": \"2025-01-01T00:00:00Z\"}\n",
            "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"a\"}]}, {\"role\": \"tool\", \"content\": \"b\"}]}\n",
            "{\"prompt\": \"cut\n",
            "\n{\"request\": {\"messages\": [{\"role\": \"user\", \"content\": \"q\"}]}, \"response\": {\"choices\": [{\"message\": {\"content\": \"r\"}}]}}\n",
        );
        let source = Source { path: "l.jsonl", text };
        assert!((LINES.matches)(&source));
        let mut found = Found::default();
        let error = read_lines(&source, &mut found).unwrap_err();
        assert_eq!(error.line, Some(3));
        let seen: Vec<_> = found
            .events
            .iter()
            .map(|e| (e.asset.as_str(), e.role, e.text.as_str(), e.evidence.line.unwrap()))
            .collect();
        let log = "file:l.jsonl";
        assert_eq!(
            seen,
            [
                ("bot", TextRole::Prompt, "hi", 1),
                ("bot", TextRole::Output, "ho", 1),
                (log, TextRole::Prompt, "a", 2),
                (log, TextRole::ToolResult, "b", 2),
                (log, TextRole::Prompt, "q", 5),
                (log, TextRole::Output, "r", 5),
            ]
        );
        assert_eq!(found.events[0].actor.as_deref(), Some("ann"));
    }

    #[test]
    fn rows_that_are_no_conversation() {
        for text in [
            "{\"a\": 1}\n{\"b\": 2}\n",
            "{\"input\": \"x\"}\n{\"input\": \"y\"}\n",
            "plain\n",
            "{\n\"prompt\": \"x\"\n}\n",
            "{\"input\": \"Pl\", \"output\": \"pl\"}\n{\"input\": \"en\", \"output\": \"en\"}\n",
            "{\"request\": \"GET / HTTP/1.1\", \"response\": \"200\"}\n{\"request\": {\"url\": \"/\"}, \"response\": {\"code\": 200}}\n",
        ] {
            assert!(!(LINES.matches)(&Source { path: "x.json", text }), "{text}");
        }
    }
}
