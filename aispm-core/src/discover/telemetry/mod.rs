//! Traffic and telemetry: who talks to which AI.

use serde_json::Value;

use super::format::{Structured, Textual};

mod access_log;
mod bedrock_invocation;
mod call_log;
mod columns;
mod detection_rule;
mod dns_log;
pub(super) mod exchange;
mod falco;
mod genai;
mod hubble;
mod json_stream;
mod network_log;
mod provider_audit;
pub(super) mod shape;
mod span;
mod tetragon;
pub(super) mod time;
pub(super) mod traffic;

pub(super) const FORMATS: &[Structured] = &[
    tetragon::EVENT,
    falco::EVENT,
    hubble::FLOW,
    bedrock_invocation::INVOCATION,
    provider_audit::OPENAI,
    provider_audit::ANTHROPIC,
    detection_rule::RULE,
    network_log::AZURE_FLOWS,
    call_log::ROW,
    genai::SPANS,
    network_log::ROW,
];
pub(super) const TEXTS: &[Textual] = &[json_stream::STREAM, columns::COLUMNS, dns_log::QUERIES, access_log::ACCESS];

/// Whether a row is of one of these formats, so that it is no mere log of prompts.
pub(super) fn claims(row: &Value) -> bool {
    FORMATS.iter().any(|format| (format.matches)(row)) && !call_log::is_any(row)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::format::{Found, Source, TEXTUAL, dispatch};
    use super::*;
    use crate::asset::Document;

    /// Reads rows as JSON Lines are read.
    pub(in crate::discover) fn lines(rows: &[Value]) -> Found {
        let mut found = Found::default();
        for (i, row) in rows.iter().enumerate() {
            assert!(dispatch(&Document::row("log.jsonl", i as u64 + 1, row.clone()), &mut found), "{row}");
        }
        found
    }

    /// Reads one document.
    pub(in crate::discover) fn read(value: &Value) -> Found {
        let mut found = Found::default();
        assert!(dispatch(&Document::json("x.json", &value.to_string()).unwrap(), &mut found));
        found
    }

    /// Reads a text file by the first format of text that it is of.
    pub(super) fn text(path: &str, text: &str) -> Found {
        let (mut found, source) = (Found::default(), Source { path, text });
        let format = TEXTUAL.iter().copied().flatten().find(|format| (format.matches)(&source));
        (format.unwrap_or_else(|| panic!("no format: {text}")).read)(&source, &mut found).unwrap();
        found
    }

    /// Relations as `from KIND to`.
    pub(in crate::discover) fn relations(found: &Found) -> Vec<String> {
        found.inventory.relations().map(|r| format!("{} {} {}", r.from, r.kind, r.to)).collect()
    }
}
