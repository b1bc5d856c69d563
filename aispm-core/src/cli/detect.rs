//! `aispm detect`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use super::fingerprint::Known;
use super::rows::{BadRow, answer_rows, parse};
use super::{Exit, input, output, print_json};
use crate::asset::{Error, Match, Result, TextRole};
use crate::guard::{Action, Decision, Guard, GuardBuilder};
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
    #[command(flatten)]
    known: Known,
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
    /// Why there is an action without a finding, e.g. a text too long to check.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        let configured = self.config.as_ref().map(Guard::from_file).transpose()?;
        let mut guard = configured.unwrap_or_else(|| Guard::builtin().clone());
        let known = self.known.load()?;
        if !known.is_empty() {
            let policy = guard.policy().clone();
            guard = known.into_iter().fold(Guard::builder().policy(policy), GuardBuilder::known_data).build();
        }
        let guard = &guard;
        if self.jsonl {
            return answer_rows(&self.file, |number, line| judge(number, line, guard, self.role));
        }
        let text = input(&self.file)?;
        let row = Row::new(None, &text, guard.check(&text, self.role));
        let exit = exit(row.action != Action::Allow);
        print_json(&mut *output(None)?, &row)?;
        Ok(exit)
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
