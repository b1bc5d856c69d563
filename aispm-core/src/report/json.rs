//! JSON documents.

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
