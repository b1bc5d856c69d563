//! JSON documents, and JSON Lines.

use std::io::{self, Write};

use serde::Serialize;

/// Writes a document as pretty JSON with `"schema": "aispm/1"` first. The document must be a struct or map.
pub fn write(out: &mut dyn Write, document: &impl Serialize) -> io::Result<()> {
    #[derive(Serialize)]
    struct Envelope<'a, T> {
        schema: &'static str,
        #[serde(flatten)]
        document: &'a T,
    }
    serde_json::to_writer_pretty(&mut *out, &Envelope { schema: crate::SCHEMA, document })?;
    writeln!(out)?;
    out.flush()
}

/// Writes one object as a line. Characters that some readers take for the end of a line are written as escapes.
pub(super) fn line(out: &mut dyn Write, object: &serde_json::Value) -> io::Result<()> {
    let text = object.to_string();
    if !text.contains(['\u{85}', '\u{2028}', '\u{2029}']) {
        return writeln!(out, "{text}");
    }
    let text = text.replace('\u{85}', "\\u0085").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    writeln!(out, "{text}")
}
