//! Spans of traces, whichever exporter wrote them: OTLP JSON, the console exporters, Jaeger, Zipkin, Datadog-like rows.

use std::collections::HashMap;

use serde_json::Value;

use super::time;

/// One span with its attributes by name.
#[derive(Debug, Default)]
pub(super) struct Span<'a> {
    pub(super) name: &'a str,
    pub(super) id: &'a str,
    pub(super) parent: &'a str,
    pub(super) service: &'a str,
    pub(super) time: Option<String>,
    /// Whether it ended in an error, and how long it took.
    pub(super) failed: bool,
    pub(super) millis: Option<u64>,
    pub(super) pointer: String,
    attributes: HashMap<&'a str, &'a Value>,
    /// Attributes of its resource: service, environment, workload.
    resource: HashMap<&'a str, &'a Value>,
    /// Its events, by name.
    pub(super) events: Vec<(&'a str, HashMap<&'a str, &'a Value>)>,
}

impl<'a> Span<'a> {
    /// The first of these attributes that has a value.
    pub(super) fn value(&self, names: &[&str]) -> Option<&'a Value> {
        names.iter().find_map(|name| self.attributes.get(name).copied())
    }

    /// The first of these attributes that is a text.
    pub(super) fn text(&self, names: &[&str]) -> Option<&'a str> {
        names.iter().find_map(|name| self.attributes.get(name)?.as_str().filter(|text| !text.is_empty()))
    }

    /// The first of these attributes that is a number, also where it is written as text.
    pub(super) fn number(&self, names: &[&str]) -> Option<u64> {
        names.iter().find_map(|name| number(self.attributes.get(name)?))
    }

    /// An attribute of the resource.
    pub(super) fn resource(&self, names: &[&str]) -> Option<&'a str> {
        names.iter().find_map(|name| self.resource.get(name)?.as_str().filter(|text| !text.is_empty()))
    }

    /// Whether any attribute has one of these starts.
    pub(super) fn mentions(&self, starts: &[&str]) -> bool {
        self.attributes.keys().any(|key| starts.iter().any(|start| key.starts_with(start)))
    }

    /// Attributes that start so, with the rest of their names.
    pub(super) fn below<'s>(&'s self, start: &'s str) -> impl Iterator<Item = (&'a str, &'a Value)> + 's {
        self.attributes.iter().filter_map(move |(key, value)| Some((key.strip_prefix(start)?, *value)))
    }
}

/// Whether a document holds spans; cheap.
pub(super) fn is(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.first().is_some_and(is_single),
        value => {
            ["resourceSpans", "resource_spans"].iter().any(|key| value.get(key).is_some_and(Value::is_array))
                || is_single(value)
                || is_jaeger(value)
        }
    }
}

/// One span by itself: it has a trace, and attributes or tags.
fn is_single(value: &Value) -> bool {
    let trace = value.pointer("/context/trace_id").or_else(|| value.get("traceId")).or_else(|| value.get("trace_id"));
    let named = value
        .get("name")
        .or_else(|| value.get("span_name"))
        .or_else(|| value.get("operationName"))
        .is_some_and(Value::is_string);
    let attributes = ["attributes", "tags", "span_attributes"]
        .iter()
        .any(|key| value.get(key).is_some_and(|a| a.is_object() || a.is_array()));
    trace.is_some() && named && attributes
}

/// `{"data": [{"traceID": …, "spans": […], "processes": {…}}]}`.
fn is_jaeger(value: &Value) -> bool {
    let trace = |value: &Value| value.get("spans").is_some_and(Value::is_array) && value.get("processes").is_some();
    trace(value) || value.get("data").and_then(Value::as_array).and_then(|list| list.first()).is_some_and(trace)
}

/// Every span of a document. Linear.
pub(super) fn all(value: &Value) -> Vec<Span<'_>> {
    let mut spans = Vec::new();
    if let Value::Array(list) = value {
        spans.extend(list.iter().enumerate().filter_map(|(i, value)| single(value, format!("/{i}"))));
        return spans;
    }
    for key in ["resourceSpans", "resource_spans"] {
        for (i, resource) in list(value, key) {
            otlp(resource, &format!("/{key}/{i}"), &mut spans);
        }
    }
    match value.get("data").and_then(Value::as_array) {
        Some(traces) if is_jaeger(value) => {
            traces.iter().enumerate().for_each(|(i, trace)| jaeger(trace, &format!("/data/{i}"), &mut spans));
        }
        _ if is_jaeger(value) => jaeger(value, "", &mut spans),
        _ => spans.extend(single(value, String::new())),
    }
    spans
}

fn otlp<'a>(value: &'a Value, pointer: &str, spans: &mut Vec<Span<'a>>) {
    let resource =
        value.get("resource").and_then(|resource| resource.get("attributes")).map(attributes).unwrap_or_default();
    for scopes in ["scopeSpans", "scope_spans", "instrumentationLibrarySpans"] {
        for (i, scope) in list(value, scopes) {
            for (j, value) in list(scope, "spans") {
                let mut span = read(value, format!("{pointer}/{scopes}/{i}/spans/{j}"));
                span.resource.clone_from(&resource);
                span.service = span.resource(&["service.name"]).unwrap_or_default();
                spans.push(span);
            }
        }
    }
}

fn jaeger<'a>(trace: &'a Value, pointer: &str, spans: &mut Vec<Span<'a>>) {
    for (i, value) in list(trace, "spans") {
        let mut span = read(value, format!("{pointer}/spans/{i}"));
        let process = value.get("processID").and_then(Value::as_str).and_then(|id| trace.get("processes")?.get(id));
        span.service = process.and_then(|p| p.get("serviceName")).and_then(Value::as_str).unwrap_or_default();
        span.resource = process.and_then(|p| p.get("tags")).map(attributes).unwrap_or_default();
        spans.push(span);
    }
}

fn single(value: &Value, pointer: String) -> Option<Span<'_>> {
    if !is_single(value) {
        return None;
    }
    let mut span = read(value, pointer);
    let resource = value
        .pointer("/resource/attributes")
        .or_else(|| value.get("resource_attributes"))
        .or_else(|| value.get("resource"));
    span.resource = resource.map(attributes).unwrap_or_default();
    let local = value
        .pointer("/localEndpoint/serviceName")
        .or_else(|| value.get("service_name"))
        .or_else(|| value.get("service"));
    let service = span.resource(&["service.name"]).or_else(|| local.and_then(Value::as_str));
    span.service = service.or_else(|| span.text(&["service.name"])).unwrap_or_default();
    Some(span)
}

/// What all kinds of spans share, each under one of a few names.
fn read(value: &Value, pointer: String) -> Span<'_> {
    let text = |names: &[&str]| names.iter().find_map(|name| value.pointer(name)?.as_str()).unwrap_or_default();
    let times = ["start_time", "startTimeUnixNano", "start_time_unix_nano", "startTime", "timestamp", "start"];
    let mut span = Span {
        name: text(&["/name", "/span_name", "/operationName"]),
        id: text(&["/context/span_id", "/spanId", "/span_id", "/spanID", "/id"]),
        parent: text(&["/parent_id", "/parentSpanId", "/parent_span_id", "/parentId", "/references/0/spanID"]),
        time: times.iter().find_map(|name| time::of(value.get(name)?)),
        failed: failed(value),
        millis: millis(value),
        pointer,
        ..Span::default()
    };
    for key in ["attributes", "tags", "span_attributes"] {
        span.attributes.extend(value.get(key).map(attributes).into_iter().flatten());
    }
    for key in ["events", "logs"] {
        for (_, event) in list(value, key) {
            let inside = event.get("attributes").or_else(|| event.get("fields")).map(attributes).unwrap_or_default();
            let name = event.get("name").and_then(Value::as_str).or_else(|| inside.get("event")?.as_str());
            span.events.push((name.unwrap_or_default(), inside));
        }
    }
    span
}

/// Whether its status is that of an error.
fn failed(value: &Value) -> bool {
    let code = ["/status/code", "/status/status_code", "/status_code"].iter().find_map(|at| value.pointer(at));
    code.is_some_and(|code| match code {
        Value::Number(code) => code.as_u64() == Some(2),
        Value::String(code) => code.to_ascii_uppercase().ends_with("ERROR"),
        _ => false,
    })
}

/// How long it took: from start to end in nanoseconds, or the duration that Jaeger and Zipkin give in microseconds.
fn millis(value: &Value) -> Option<u64> {
    let at = |names: [&str; 2]| names.iter().find_map(|name| number(value.get(*name)?));
    let whole = || {
        let end = at(["endTimeUnixNano", "end_time_unix_nano"])?;
        Some(end.checked_sub(at(["startTimeUnixNano", "start_time_unix_nano"])?)? / 1_000_000)
    };
    whole().or_else(|| Some(value.get("duration")?.as_u64()? / 1_000))
}

/// Attributes as a map, or as a list of keys and values with the value's type around it.
fn attributes(value: &Value) -> HashMap<&str, &Value> {
    match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.as_str(), plain(value))).collect(),
        Value::Array(list) => {
            list.iter().filter_map(|entry| Some((entry.get("key")?.as_str()?, plain(entry.get("value")?)))).collect()
        }
        _ => HashMap::new(),
    }
}

/// OTLP's `{"stringValue": "x"}` without its type.
fn plain(value: &Value) -> &Value {
    let Some(map) = value.as_object().filter(|map| map.len() == 1) else { return value };
    let Some((kind, inside)) = map.iter().next() else { return value };
    match kind.as_str() {
        "stringValue" | "intValue" | "boolValue" | "doubleValue" | "string_value" | "int_value" | "bool_value"
        | "double_value" => inside,
        "arrayValue" | "array_value" | "kvlistValue" => inside.get("values").unwrap_or(inside),
        _ => value,
    }
}

/// A number, also where it is written as text.
fn number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    }
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (usize, &'a Value)> {
    value.get(key).and_then(Value::as_array).into_iter().flatten().enumerate()
}
