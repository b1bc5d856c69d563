//! Rows of JSON Lines: read in batches, answered in parallel, written in order, so that memory stays with a batch.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;
use serde_json::Value;

use super::{Exit, output, written};
use crate::asset::{Error, Result};

/// A row that could not be read, in place of its answer.
#[derive(Debug, Serialize)]
pub(super) struct BadRow {
    pub(super) id: Value,
    pub(super) error: String,
}

/// Answers every row of a file, `-` for standard input, with one line of JSON each. `answer` takes the line's number.
pub(super) fn answer_rows(file: &Path, answer: impl Fn(usize, &[u8]) -> (Exit, Vec<u8>) + Sync) -> Result<Exit> {
    let mut lines = open(file)?;
    let mut out = output(None)?;
    let (mut number, mut worst) = (0, None);
    loop {
        let batch = next_batch(&mut lines, &mut number).map_err(|error| Error::unreadable(file, error))?;
        if batch.is_empty() {
            break;
        }
        let answers: Vec<(Exit, Vec<u8>)> = batch.par_iter().map(|(number, line)| answer(*number, line)).collect();
        for (exit, line) in answers {
            // findings before clean rows before bad ones
            worst = match (worst, exit) {
                (Some(Exit::Findings), _) | (_, Exit::Findings) => Some(Exit::Findings),
                (Some(Exit::Clean), _) | (_, Exit::Clean) => Some(Exit::Clean),
                _ => Some(Exit::Unreliable),
            };
            out.write_all(&line).and_then(|()| out.write_all(b"\n")).map_err(written)?;
        }
    }
    out.flush().map_err(written)?;
    Ok(worst.unwrap_or(Exit::Clean))
}

/// The row on this line of the input, and its id.
pub(super) fn parse(number: usize, line: &[u8]) -> Result<(Value, Value), BadRow> {
    let mut row: Value = serde_json::from_slice(line).map_err(|error| {
        let mut error = Error::from(error);
        error.line = Some(number);
        BadRow { id: Value::Null, error: error.reason() }
    })?;
    let id = row.get_mut("id").map(Value::take).unwrap_or_default();
    Ok((id, row))
}

/// Lines up to about 8 MiB together with their numbers, blank ones left out; empty at the end.
pub(super) fn next_batch(lines: &mut impl BufRead, number: &mut usize) -> std::io::Result<Vec<(usize, Vec<u8>)>> {
    const BATCH_BYTES: usize = 8 << 20;
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while bytes < BATCH_BYTES {
        let mut line = Vec::new();
        let read = lines.read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        bytes += read;
        *number += 1;
        if !line.trim_ascii().is_empty() {
            batch.push((*number, line));
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
