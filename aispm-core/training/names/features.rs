//! Writes what the tagger of names sees of texts, for `train.py`: rows `{"text","hide"}` on standard input, `hide` the
//! words that its lexicon shall not know as names; for each row, 32-bit little-endian numbers on standard output: how
//! many candidates, and for each of them start and end in bytes, whether it begins a stretch, its buckets.

use std::io::{BufRead, BufWriter, Write};

use aispm_core::text::sensitive::Sensitive;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut put = |number: u32| out.write_all(&number.to_le_bytes());
    for line in std::io::stdin().lock().lines() {
        let row: serde_json::Value = serde_json::from_str(&line?)?;
        let text = row.get("text").and_then(serde_json::Value::as_str).ok_or("a row lacks `text`")?;
        let hide = row.get("hide").and_then(serde_json::Value::as_array).ok_or("a row lacks `hide`")?;
        let hide: Vec<&str> = hide.iter().filter_map(serde_json::Value::as_str).collect();
        let all = Sensitive::builtin().candidates(text, &hide);
        put(u32::try_from(all.len())?)?;
        for candidate in all {
            put(u32::try_from(candidate.range.start)?)?;
            put(u32::try_from(candidate.range.end)?)?;
            put(u32::from(candidate.begins))?;
            candidate.buckets.into_iter().try_for_each(&mut put)?;
        }
    }
    Ok(out.flush()?)
}
