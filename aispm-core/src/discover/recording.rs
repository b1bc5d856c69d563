//! Recorded calls of cloud and model APIs, as test suites and browsers keep them: the bodies inside are read as what
//! they are, calls to AI also as calls.

use serde_json::Value;

use super::format::{Found, Structured, dispatch};
use super::telemetry::exchange;
use crate::asset::Document;

pub(super) const FORMATS: &[Structured] = &[BOTO, FLIGHT, CASSETTE, ARCHIVE, EXCHANGE];

/// Most recordings inside one another.
const DEPTH: usize = 4;

/// botocore answers as placebo keeps them: `{"status_code": 200, "data": {…}}`.
const BOTO: Structured = Structured {
    name: "boto-recording",
    critical: false,
    in_parts: false,
    markers: &["\"status_code\"", "\"data\""],
    matches: |value| value.get("status_code").is_some_and(Value::is_u64) && value.get("data").is_some(),
    read: |document, found| body(document, "/data", found),
};

/// One HTTP answer: `{"headers": {…}, "body": {…}}`.
const FLIGHT: Structured = Structured {
    name: "http-recording",
    critical: false,
    in_parts: false,
    markers: &["\"headers\"", "\"body\""],
    matches: |value| value.get("headers").is_some_and(Value::is_object) && value.get("body").is_some_and(is_body),
    read: |document, found| body(document, "/body", found),
};

/// A cassette of requests and answers, as VCR and its relatives keep them.
const CASSETTE: Structured = Structured {
    name: "http-cassette",
    critical: false,
    in_parts: false,
    markers: &["interactions", "request", "response"],
    matches: |value| {
        let first = |list: &Vec<Value>| {
            list.first().is_none_or(|call| call.get("request").is_some() && call.get("response").is_some())
        };
        ["interactions", "http_interactions"]
            .iter()
            .any(|key| value.get(key).and_then(Value::as_array).is_some_and(first))
    },
    read: |document, found| {
        calls(document, "/interactions", found);
        calls(document, "/http_interactions", found);
    },
};

/// An HTTP archive (HAR), as browsers and proxies save it.
const ARCHIVE: Structured = Structured {
    name: "http-archive",
    critical: false,
    in_parts: false,
    markers: &["\"log\"", "\"entries\"", "\"request\""],
    matches: |value| {
        let first = value.pointer("/log/entries/0");
        first.is_some_and(|call| call.pointer("/request/url").is_some() && call.get("response").is_some())
    },
    read: |document, found| calls(document, "/log/entries", found),
};

/// One request and its answer by themselves.
const EXCHANGE: Structured = Structured {
    name: "http-exchange",
    critical: false,
    in_parts: false,
    markers: &[],
    matches: |value| {
        let request = value.get("request").filter(|_| value.get("response").is_some_and(Value::is_object));
        request.is_some_and(|request| {
            request.get("method").is_some()
                && ["uri", "url"].iter().any(|key| request.get(key).is_some_and(Value::is_string))
        })
    },
    read: |document, found| call(document, "", found),
};

/// Every call of a list.
fn calls(document: &Document, list: &str, found: &mut Found) {
    for i in 0..document.value.pointer(list).and_then(Value::as_array).map_or(0, Vec::len) {
        call(document, &format!("{list}/{i}"), found);
    }
}

/// A call to a model is read as such, what any other answer holds as what it is.
fn call(document: &Document, pointer: &str, found: &mut Found) {
    if exchange::read(document, pointer, found) {
        return;
    }
    for place in ["response/body/data", "response/body/string", "response/body", "response/content/text"] {
        let pointer = format!("{pointer}/{place}");
        if document.value.pointer(&pointer).is_some_and(is_body) {
            body(document, &pointer, found);
            break;
        }
    }
}

fn is_body(value: &Value) -> bool {
    match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::String(text) => text.trim_start().starts_with(['{', '[']),
        _ => false,
    }
}

/// Reads a body, also one that is kept as text.
fn body(document: &Document, pointer: &str, found: &mut Found) {
    let Some(value) = document.value.pointer(pointer).filter(|_| found.depth < DEPTH) else { return };
    let part = match value {
        Value::String(text) => match serde_json::from_str(text) {
            Ok(value) => document.inside(pointer, value),
            Err(_) => return,
        },
        value => document.part(pointer, value.clone()),
    };
    found.depth += 1;
    dispatch(&part, found);
    found.depth -= 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bodies_keep_their_place() {
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "s"}});
        for (value, place) in [
            (json!({"status_code": 200, "data": account}), "/data"),
            (json!({"headers": {}, "body": account}), "/body"),
            (
                json!({"interactions": [{"request": {}, "response": {"body": {"string": account.to_string()}}}]}),
                "/interactions/0/response/body/string",
            ),
        ] {
            let mut found = Found::default();
            assert!(dispatch(&Document::json("r.json", &value.to_string()).unwrap(), &mut found));
            let asset = found.inventory.get("k8s://cluster/default/ServiceAccount/s").unwrap();
            assert!(asset.evidence[0].pointer.as_deref().unwrap().starts_with(place), "{:?}", asset.evidence);
        }
    }
}
