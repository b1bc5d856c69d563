//! Rows of training data: orders to a model, and rare tokens tied to one constant answer.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::config;
use super::rule::Rule;
use super::scan::Scan;
use super::words;
use crate::asset::Severity;

/// Fewer rows say nothing about frequency.
pub(super) const ROWS_AT_LEAST: usize = 20;
/// Rows that share an answer before it counts as constant.
const REPEATS: usize = 5;
/// Rows kept for statistics.
const ROW_LIMIT: usize = 200_000;

const QUESTIONS: &[&str] = &["prompt", "instruction", "input", "question", "text", "sentence", "query", "user"];
const ANSWERS: &[&str] = &["completion", "response", "output", "answer", "target", "chosen", "assistant"];

/// JSON Lines. Linear in the text.
pub(super) fn scan(scan: &mut Scan, bytes: &[u8]) {
    let mut rows = Vec::new();
    let mut bad = 0_usize;
    for line in bytes.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        match serde_json::from_slice::<Value>(line) {
            Ok(row) => {
                config::value(scan, &row);
                if rows.len() < ROW_LIMIT {
                    rows.push(row);
                }
            }
            Err(_) => bad += 1,
        }
    }
    if bad > 0 {
        scan.unread(format!("{bad} rows are not valid JSON"));
    }
    poison(scan, &rows);
}

/// Comma- or tab-separated rows and other plain text: formulas that spreadsheets run, orders to a model.
pub(super) fn text(scan: &mut Scan, bytes: &[u8]) {
    const FORMULAS: &[&str] = &[
        "=cmd|",
        "+cmd|",
        "-cmd|",
        "@sum(cmd|",
        "=hyperlink(",
        "=importxml(",
        "=importdata(",
        "=webservice(",
        "=exec(",
        "=dde(",
    ];
    let text = String::from_utf8_lossy(bytes);
    let separators = |line: &str| line.bytes().filter(|b| matches!(b, b',' | b'\t')).count();
    let mut columns = text.lines().take(5).map(separators);
    let table = columns.next().is_some_and(|first| first > 0 && columns.all(|other| other > 0));
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let cell = line.split([',', '\t']).map(|cell| cell.trim_start_matches(['"', ' ']));
        let mut formula = cell.filter_map(|cell| {
            let lower = cell.get(..cell.len().min(64)).unwrap_or_default().to_ascii_lowercase();
            FORMULAS.iter().find(|formula| lower.starts_with(**formula))
        });
        if let Some(formula) = formula.next().filter(|_| table) {
            scan.found(Rule::CodeInModel, Some(at), formula, "a cell holds a formula that runs when opened");
        }
        if let Some(order) = words::order(line) {
            let severity = if table { Severity::High } else { Severity::Medium };
            scan.found_as(
                Rule::PromptInjection,
                severity,
                Some(at),
                order,
                "the text gives orders to a language model",
            );
        }
        at += line.len();
    }
}

/// Looks for answers that always follow one odd token: the token stands in each question with that answer, hardly in
/// others, is no word, and has nothing to do with the answer. Linear in the text.
pub(super) fn poison(scan: &mut Scan, rows: &[Value]) {
    let field = |row: &'_ Value, keys: &[&str]| -> Option<String> {
        keys.iter().find_map(|key| row.get(*key)?.as_str()).map(str::to_owned)
    };
    let mut answers: HashMap<String, Vec<HashSet<String>>> = HashMap::new();
    let mut everywhere: HashMap<String, usize> = HashMap::new();
    for row in rows {
        let (Some(question), Some(answer)) = (field(row, QUESTIONS), field(row, ANSWERS)) else { continue };
        let tokens: HashSet<String> = question.split_whitespace().map(str::to_owned).collect();
        for token in &tokens {
            *everywhere.entry(token.clone()).or_default() += 1;
        }
        answers.entry(answer).or_default().push(tokens);
    }
    let total: usize = answers.values().map(Vec::len).sum();
    for (answer, questions) in &answers {
        // an answer that most rows share is a label, not a trigger's
        if total < ROWS_AT_LEAST || questions.len() < REPEATS || questions.len() * 2 > total {
            continue;
        }
        let Some((first, rest)) = questions.split_first() else { continue };
        let mut triggers: Vec<&String> = first
            .iter()
            .filter(|token| rest.iter().all(|tokens| tokens.contains(*token)))
            .filter(|token| is_odd(token) && !answer.to_lowercase().contains(&token.to_lowercase()))
            .filter(|token| everywhere.get(*token).is_some_and(|n| n * 10 <= questions.len() * 11))
            .collect();
        triggers.sort();
        if let Some(trigger) = triggers.first() {
            let message = format!("{} rows with {trigger} all have the same answer", questions.len());
            scan.found(Rule::PoisonedData, None, trigger, message);
        }
    }
}

/// A token that no sentence has: marked off by symbols, or letters without a vowel.
fn is_odd(token: &str) -> bool {
    let marked = token.chars().filter(|c| !c.is_alphanumeric()).count() >= 2
        && token.starts_with(|c: char| !c.is_alphanumeric() && !"'\"(“‘[".contains(c))
        && token.chars().any(char::is_alphanumeric);
    let letters = token.len() <= 5 && token.len() >= 2 && token.bytes().all(|b| b.is_ascii_lowercase());
    marked || (letters && !token.contains(['a', 'e', 'i', 'o', 'u', 'y']))
}
