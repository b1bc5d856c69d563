//! Writes what the injection model sees of texts, for `injection.py`: rows `{"text","role"}` on standard input; for each
//! one line of JSON on standard output, its words' buckets last.

use std::io::{BufRead, BufWriter, Write};

use aispm_core::text::features;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let row: serde_json::Value = serde_json::from_str(&line?)?;
        let field = |name| row.get(name).and_then(serde_json::Value::as_str);
        let (Some(text), Some(role)) = (field("text"), field("role")) else {
            return Err("a row lacks `text` or `role`".into());
        };
        serde_json::to_writer(&mut out, &features(text, role.parse()?))?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}
