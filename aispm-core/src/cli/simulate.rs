//! `aispm simulate`.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use super::rows::{BadRow, answer_rows, parse};
use super::{Exit, input, output, print_json};
use crate::asset::{Error, ErrorKind, Result};
use crate::identity::aws::{Request, Simulation, simulate};

/// Decide AWS requests from the policies they bring along
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Input is requests, one a line; output is one line each, in order
    #[arg(long)]
    jsonl: bool,
    /// Requests, or without --jsonl one; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// The answer to one row.
#[derive(Debug, Serialize)]
struct Row {
    id: Value,
    #[serde(flatten)]
    simulation: Simulation,
}

impl Args {
    /// Denied is an answer, not a finding: what was decided ends clean.
    pub(super) fn run(self) -> Result<Exit> {
        if self.jsonl {
            return answer_rows(&self.file, answer);
        }
        let text = input(&self.file)?;
        let request: Request = serde_json::from_str(&text)
            .map_err(|error| Error::new(ErrorKind::Malformed, error.to_string()).at(&self.file))?;
        print_json(&mut *output(None)?, &simulate(&request))?;
        Ok(Exit::Clean)
    }
}

/// The answer to one line as JSON, and how the command would end if it were the only one.
fn answer(number: usize, line: &[u8]) -> (Exit, Vec<u8>) {
    let (ends, json) = match request(number, line) {
        Ok((id, request)) => (Exit::Clean, serde_json::to_vec(&Row { id, simulation: simulate(&request) })),
        Err(bad) => (Exit::Unreliable, serde_json::to_vec(&bad)),
    };
    // our own rows always serialise
    (ends, json.unwrap_or_default())
}

fn request(number: usize, line: &[u8]) -> Result<(Value, Request), BadRow> {
    let (id, row) = parse(number, line)?;
    match serde_json::from_value::<Request>(row) {
        Ok(request) if request.action.trim().is_empty() => Err(BadRow { id, error: "`action` is empty".to_owned() }),
        Ok(request) => Ok((id, request)),
        Err(error) => Err(BadRow { id, error: error.to_string() }),
    }
}
