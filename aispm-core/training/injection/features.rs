//! Writes what the injection model sees of texts, for `train.py`: rows `{"text"}` on standard input; for each
//! one line of JSON on standard output, its words' buckets last.

use std::io::{BufRead, BufWriter, Write};

use aispm_core::text::features;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let row: serde_json::Value = serde_json::from_str(&line?)?;
        let text = row.get("text").and_then(serde_json::Value::as_str).ok_or("a row lacks `text`")?;
        serde_json::to_writer(&mut out, &features(text))?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}
