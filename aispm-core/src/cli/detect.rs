//! `aispm detect`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::fingerprint::Known;
use super::rows::{BadRow, answer_rows, parse};
use super::{Exit, datasets, input, output, print_json, warn};
use crate::asset::{Error, ErrorKind, Match, Result, TextRole};
use crate::discover::dataset::is_table;
use crate::guard::{Action, Decision, Guard, GuardBuilder, Key, Policy};
use crate::text::{Unit, convert_offsets};

/// Look for injections, personal data, secrets and bad links in text, or by column in data sets
///
/// The key that --key-file or --key-env name is that of --known and of the operators `hash`, `fake` and `encrypt` of the
/// guard file. One file is a text, unless it is a table or a binary format (CSV, JSON Lines, Parquet, Arrow, SQLite, PDF, …); a folder
/// or several files are data sets.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What the text is: prompt, document, output, tool-result or tool-description [default: prompt]
    #[arg(long = "as", value_name = "ROLE", value_parser = role)]
    role: Option<TextRole>,
    /// Guard file that says what to look for and what to do
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    known: Known,
    /// Input is rows {"id", "text"}, one a line; output is one line each, in order
    #[arg(long)]
    jsonl: bool,
    /// Text to look at, - for standard input; or data sets and folders of them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    data: datasets::Options,
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
    /// Why there is an action without a finding, e.g. a text too long to check.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        let of_text = self.jsonl || self.config.is_some() || self.role.is_some() || self.known.is_given();
        match self.paths.as_slice() {
            [file] if !self.data.forced() && !file.is_dir() && (of_text || !is_table(file)) => self.text(file),
            _ if of_text => Err(datasets::for_texts()),
            paths => self.data.run(paths),
        }
    }

    fn text(&self, file: &Path) -> Result<Exit> {
        let role = self.role.unwrap_or(TextRole::Prompt);
        let guard = &self.guard()?;
        if self.jsonl {
            return answer_rows(file, |number, line| judge(number, line, guard, role));
        }
        let text = input(file)?;
        let row = Row::new(None, &text, guard.check(&text, role));
        let exit = exit(row.action != Action::Allow);
        print_json(&mut *output(None)?, &row)?;
        Ok(exit)
    }

    /// The guard of the file or the built-in one, with the key and the data sets of the command line.
    fn guard(&self) -> Result<Guard> {
        let policy = match &self.config {
            Some(file) => Policy::from_file(file)?,
            None => Guard::builtin().policy().clone(),
        };
        let mut builder = Guard::builder();
        match (policy.keyed_operator(), self.known.key.given()) {
            (Some(_), Some(source)) => builder = builder.key(Key::new(source.read()?)?),
            (Some(operator), None) => {
                let message = format!("the operator `{operator}` needs a key: give --key-file or --key-env");
                return Err(Error::new(ErrorKind::Usage, message));
            }
            (None, _) => {}
        }
        let guard = self.known.load()?.into_iter().fold(builder.policy(policy), GuardBuilder::known_data).build()?;
        guard.problems().iter().for_each(|problem| warn(&problem.to_string()));
        Ok(guard)
    }
}

impl Row {
    fn new(id: Option<Value>, text: &str, decision: Decision) -> Self {
        let Decision { action, mut findings, text: redacted, scores, mut reasons, .. } = decision;
        convert_offsets(text, &mut findings, Unit::CodePoints);
        if !findings.is_empty() {
            reasons.clear();
        }
        Self { id, action, scores, findings, redacted, reasons }
    }
}

/// The verdict on one line as JSON, and how the command would end if it were the only one.
fn judge(number: usize, line: &[u8], guard: &Guard, role: TextRole) -> (Exit, Vec<u8>) {
    let (ends, json) = match text(number, line) {
        Ok((id, text)) => {
            let row = Row::new(Some(id), &text, guard.check(&text, role));
            (exit(row.action != Action::Allow), serde_json::to_vec(&row))
        }
        Err(bad) => (Exit::Unreliable, serde_json::to_vec(&bad)),
    };
    // our own rows always serialise
    (ends, json.unwrap_or_default())
}

/// The id and text of the row on this line of the input.
fn text(number: usize, line: &[u8]) -> Result<(Value, String), BadRow> {
    let (id, mut row) = parse(number, line)?;
    match row.get_mut("text").map(Value::take) {
        Some(Value::String(text)) => Ok((id, text)),
        Some(_) => Err(BadRow { id, error: "`text` is not a string".to_owned() }),
        None => Err(BadRow { id, error: "the row has no `text`".to_owned() }),
    }
}

fn role(name: &str) -> Result<TextRole, String> {
    name.parse().map_err(|error: Error| error.message)
}

fn exit(found: bool) -> Exit {
    if found { Exit::Findings } else { Exit::Clean }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::rows::next_batch;

    #[test]
    fn a_bad_row_names_its_line_and_is_no_clean_row() {
        let mut input = &b"{\"id\": \"a\", \"text\": \"hello\"}\r\n\n{oops\n{\"id\": 7}"[..];
        let mut number = 0;
        let batch = next_batch(&mut input, &mut number).unwrap();
        let verdicts: Vec<(Exit, String)> = batch
            .iter()
            .map(|(number, line)| judge(*number, line, Guard::builtin(), TextRole::Prompt))
            .map(|(exit, json)| (exit, String::from_utf8(json).unwrap()))
            .collect();
        assert_eq!(verdicts.iter().map(|v| v.0).collect::<Vec<_>>(), [Exit::Clean, Exit::Unreliable, Exit::Unreliable]);
        assert!(verdicts[1].1.contains("(line 3, column 2)"), "{}", verdicts[1].1);
        assert_eq!(verdicts[2].1, r#"{"id":7,"error":"the row has no `text`"}"#);
    }

    #[test]
    fn a_text_too_long_to_check_says_so() {
        let guard = Guard::from_yaml("max_bytes: 4").unwrap();
        let row = Row::new(None, "hello", guard.check("hello", TextRole::Prompt));
        assert!(row.reasons[0].starts_with("not checked"), "{:?}", row.reasons);
        assert!(Row::new(None, "hell", guard.check("hell", TextRole::Prompt)).reasons.is_empty());
    }
}
