//! JSON and YAML beside a model: chat templates, remote code, Keras layers, Hydra targets, skops nodes.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use super::pickle::{Callables, Grade, Standing};
use super::rule::Rule;
use super::scan::Scan;
use super::{dataset, keras, template, words};
use crate::asset::{Document, ErrorKind, Severity};

/// A JSON document.
pub(super) fn json(scan: &mut Scan, bytes: &[u8]) {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(root) => value(scan, &root),
        Err(error) if [&b"{\""[..], b"[{", b"[[", b"[\""].iter().any(|opening| tight(bytes).starts_with(opening)) => {
            scan.unread(format!("not valid JSON: {error}"));
        }
        // other text begins with a bracket too: TOML, INI
        Err(_) => dataset::text(scan, bytes),
    }
}

/// The first bytes that are no space.
fn tight(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().filter(|b| !b.is_ascii_whitespace()).take(2).copied().collect()
}

/// A YAML stream.
pub(super) fn yaml(scan: &mut Scan, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    static TAG: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?:!!|tag:yaml\.org,2002:)python/(object/apply|object/new|object|name|module)[:\s]?([\w.]*)").ok()
    });
    for tag in TAG.iter().flat_map(|tag| tag.captures_iter(&text)) {
        let kind = tag.get(1).map_or("", |kind| kind.as_str());
        let name = tag.get(2).map_or("", |name| name.as_str());
        let harmless = Callables::builtin().standing(name) == Standing::Allowed;
        let severity = if harmless { Severity::Medium } else { Severity::Critical };
        let message = format!("a YAML tag makes the loader run or import {name} ({kind})");
        scan.found_as(Rule::CodeInModel, severity, tag.get(0).map(|hit| hit.start()), name, message);
    }
    let (documents, error) = Document::yaml("", &text);
    for document in &documents {
        value(scan, &document.value);
    }
    match error {
        Some(error) if error.kind == ErrorKind::Budget => {
            scan.found(
                Rule::DenialOfService,
                None,
                "aliases",
                format!("YAML aliases or nesting explode: {}", error.reason()),
            );
        }
        Some(error) if ["chat_template", "_target_", "class_name", "auto_map"].iter().any(|key| text.contains(key)) => {
            scan.unread(format!("not valid YAML: {}", error.reason()));
        }
        // other text has keys and colons too: package metadata, mail
        Some(_) => dataset::text(scan, bytes),
        None => {}
    }
}

/// Whether most lines are `key: value`, list items or comments, and some are keys.
pub(super) fn is_yaml(text: &str) -> bool {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(50).collect();
    let key = |line: &&&str| {
        let line = line.trim_start().trim_start_matches("- ");
        line.split_once(':').is_some_and(|(key, rest)| {
            !key.is_empty()
                && key.chars().all(|c| c.is_alphanumeric() || "_-./'\"".contains(c))
                && (rest.is_empty() || rest.starts_with(' '))
        })
    };
    let keys = lines.iter().filter(key).count();
    keys > 0 && (text.starts_with("---") || keys * 2 >= lines.len())
}

/// Walks a document. Linear in it; JSON and YAML readers bound its depth.
pub(super) fn value(scan: &mut Scan, root: &Value) {
    match root {
        Value::Object(object) => {
            map(scan, object);
            object.values().for_each(|child| value(scan, child));
        }
        Value::Array(items) => items.iter().for_each(|child| value(scan, child)),
        Value::String(text) => string(scan, text),
        _ => {}
    }
    if let Value::Array(rows) = root
        && rows.len() >= dataset::ROWS_AT_LEAST
        && rows.iter().all(Value::is_object)
    {
        dataset::poison(scan, rows);
    }
}

fn string(scan: &mut Scan, text: &str) {
    if let Some(order) = words::order(text) {
        scan.found(Rule::PromptInjection, None, order, "the text gives orders to a language model");
    }
    if ["os.system(", "__import__(", "subprocess.", "eval(compile("].iter().any(|code| text.contains(code))
        && !text.contains("{%")
        && !text.contains("{{")
    {
        scan.found_as(Rule::CodeInModel, Severity::Medium, None, text, "the text holds Python code that runs commands");
    }
}

fn map(scan: &mut Scan, object: &Map<String, Value>) {
    for (key, value) in object {
        match key.as_str() {
            key if key.contains("chat_template") => templates(scan, value),
            "auto_map" => auto_map(scan, value),
            "trust_remote_code" if value == &Value::Bool(true) => {
                let message = "asks for code from the model's repository to be run";
                scan.found_as(Rule::RemoteCode, Severity::Medium, None, "trust_remote_code", message);
            }
            "custom_pipelines" if value.as_object().is_some_and(|pipelines| !pipelines.is_empty()) => {
                let message = "pipelines come as code in the model's repository";
                scan.found_as(Rule::RemoteCode, Severity::Medium, None, "custom_pipelines", message);
            }
            "_target_" | "__target__" => {
                if let Some(name) = value.as_str() {
                    target(scan, name, "is instantiated");
                }
            }
            _ => {}
        }
    }
    if object.contains_key("class_name") {
        keras::node(scan, object);
    }
    skops(scan, object);
}

/// One template, or several with names.
fn templates(scan: &mut Scan, value: &Value) {
    match value {
        Value::String(text) => template::scan(scan, text),
        Value::Array(items) => items.iter().for_each(|item| {
            if let Some(text) = item.get("template").and_then(Value::as_str) {
                template::scan(scan, text);
            }
        }),
        Value::Object(named) => named.values().filter_map(Value::as_str).for_each(|text| template::scan(scan, text)),
        _ => {}
    }
}

/// `{"AutoModel": "repo--module.Class"}`: code of this or, with `--`, another repository.
fn auto_map(scan: &mut Scan, value: &Value) {
    let mut queue = vec![value];
    while let Some(value) = queue.pop() {
        match value {
            Value::Object(object) => queue.extend(object.values()),
            Value::Array(items) => queue.extend(items),
            Value::String(name) => {
                let (severity, message) = if name.contains("--") {
                    (Severity::High, format!("loads {name}, code of another repository"))
                } else {
                    (Severity::Medium, format!("loads {name}, code of the model's repository"))
                };
                scan.found_as(Rule::RemoteCode, severity, None, name, message);
            }
            _ => {}
        }
    }
}

/// A dotted name that a loader imports and calls.
fn target(scan: &mut Scan, name: &str, how: &str) {
    match Callables::builtin().standing(name) {
        Standing::Denied(Grade::Code | Grade::Reach | Grade::Call, what) => {
            scan.found(Rule::CodeInModel, None, name, format!("{name} {how}, which {what}"));
        }
        Standing::Stdlib => {
            scan.found(Rule::CodeInModel, None, name, format!("{name} of the standard library {how}"));
        }
        _ => {}
    }
}

/// skops: `{"__module__", "__class__", "__loader__", …}`.
fn skops(scan: &mut Scan, object: &Map<String, Value>) {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let (Some(module), Some(class)) = (text("__module__"), text("__class__")) else { return };
    let loader = text("__loader__").unwrap_or_default();
    // these import by what their content says, whatever class they claim to be of
    let by_content = match loader {
        "OperatorFuncNode" => module != "operator" || !matches!(class, "itemgetter" | "attrgetter" | "methodcaller"),
        "MethodNode" => object.pointer_text("/content/func").is_some_and(|name| name.starts_with('_')),
        _ => false,
    };
    if by_content {
        let message = format!("a {loader} of {module}.{class} runs what its content names");
        scan.found(Rule::CodeInModel, None, loader, message);
    }
    target(scan, &format!("{module}.{class}"), "is loaded");
}

trait PointerText {
    fn pointer_text(&self, pointer: &str) -> Option<&str>;
}

impl PointerText for Map<String, Value> {
    /// The string at a two-part pointer.
    fn pointer_text(&self, pointer: &str) -> Option<&str> {
        let (first, rest) = pointer.strip_prefix('/')?.split_once('/')?;
        self.get(first)?.get(rest)?.as_str()
    }
}
