//! `aispm detect`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;
use serde_json::Value;

use super::{Exit, input, output, print_json, written};
use crate::asset::{Error, Match, Result, TextRole};
use crate::guard::{Action, Decision, Guard};
use crate::text::{Unit, convert_offsets};

/// Look for injections, personal data, secrets and bad links in text
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What the text is: prompt, document, output, tool-result or tool-description
    #[arg(long = "as", value_name = "ROLE", default_value = "prompt", value_parser = role)]
    role: TextRole,
    /// Guard file that says what to look for and what to do
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Input is rows {"id", "text"}, one a line; output is one line each, in order
    #[arg(long)]
    jsonl: bool,
    /// Text to look at; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// One verdict; offsets in code points.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Value>,
    action: Action,
    scores: BTreeMap<String, f64>,
    findings: Vec<Match>,
    redacted: String,
}

/// A row that could not be read, in place of its verdict.
#[derive(Debug, Serialize)]
struct BadRow {
    id: Value,
    error: String,
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        let configured = self.config.as_ref().map(Guard::from_file).transpose()?;
        let guard = configured.as_ref().unwrap_or(Guard::builtin());
        if self.jsonl {
            return self.rows(guard);
        }
        let text = input(&self.file)?;
        let row = Row::new(None, &text, guard.check(&text, self.role));
        let exit = exit(row.action != Action::Allow);
        print_json(&mut *output(None)?, &row)?;
        Ok(exit)
    }

    /// Reads batches of lines, judges each batch in parallel and writes it in order, so that memory stays with a batch.
    fn rows(&self, guard: &Guard) -> Result<Exit> {
        let mut lines = open(&self.file)?;
        let mut out = output(None)?;
        let mut found = false;
        loop {
            let batch = next_batch(&mut lines).map_err(|error| Error::unreadable(&self.file, error))?;
            if batch.is_empty() {
                break;
            }
            let verdicts: Vec<(bool, Vec<u8>)> = batch.par_iter().map(|line| judge(line, guard, self.role)).collect();
            for (bad, verdict) in verdicts {
                found |= bad;
                out.write_all(&verdict).and_then(|()| out.write_all(b"\n")).map_err(written)?;
            }
        }
        out.flush().map_err(written)?;
        Ok(exit(found))
    }
}

impl Row {
    fn new(id: Option<Value>, text: &str, decision: Decision) -> Self {
        let Decision { action, mut findings, text: redacted, scores, .. } = decision;
        convert_offsets(text, &mut findings, Unit::CodePoints);
        Self { id, action, scores, findings, redacted }
    }
}

/// The verdict on one line as JSON, and whether it is anything but `allow`.
fn judge(line: &[u8], guard: &Guard, role: TextRole) -> (bool, Vec<u8>) {
    let verdict = match parse(line) {
        Ok((id, text)) => {
            let row = Row::new(Some(id), &text, guard.check(&text, role));
            serde_json::to_vec(&row).map(|json| (row.action != Action::Allow, json))
        }
        Err(bad) => serde_json::to_vec(&bad).map(|json| (false, json)),
    };
    // our own rows always serialise
    verdict.unwrap_or_default()
}

/// The id and text of a row.
fn parse(line: &[u8]) -> Result<(Value, String), BadRow> {
    let mut row: Value =
        serde_json::from_slice(line).map_err(|error| BadRow { id: Value::Null, error: Error::from(error).reason() })?;
    let id = row.get_mut("id").map(Value::take).unwrap_or_default();
    match row.get_mut("text").map(Value::take) {
        Some(Value::String(text)) => Ok((id, text)),
        Some(_) => Err(BadRow { id, error: "`text` is not a string".to_owned() }),
        None => Err(BadRow { id, error: "the row has no `text`".to_owned() }),
    }
}

/// Lines up to about 8 MiB together, blank ones left out; empty at the end.
fn next_batch(lines: &mut impl BufRead) -> std::io::Result<Vec<Vec<u8>>> {
    const BATCH_BYTES: usize = 8 << 20;
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while bytes < BATCH_BYTES {
        let mut line = Vec::new();
        let read = lines.read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        bytes += read;
        if !line.trim_ascii().is_empty() {
            batch.push(line);
        }
    }
    Ok(batch)
}

fn open(path: &Path) -> Result<impl BufRead> {
    let file: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).map_err(|error| Error::unreadable(path, error))?)
    };
    Ok(BufReader::with_capacity(1 << 16, file))
}

fn role(name: &str) -> Result<TextRole, String> {
    name.parse().map_err(|error: Error| error.message)
}

fn exit(found: bool) -> Exit {
    if found { Exit::Findings } else { Exit::Clean }
}
