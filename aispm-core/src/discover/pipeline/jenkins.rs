//! Jenkinsfiles, declarative and scripted: stages, shell steps, inputs, images and credentials, in the order they stand.

use super::model::{Job, Pipeline, Step};
use super::table::Does;
use crate::asset::Error;
use crate::discover::container::append;
use crate::discover::format::{Found, Source, Textual};
use crate::discover::walk::{folder_name, parent};

pub(super) const JENKINSFILE: Textual = Textual {
    name: "jenkinsfile",
    critical: false,
    matches: |source| {
        let named = source.name().to_ascii_lowercase().contains("jenkinsfile") || source.has_extension(&["groovy"]);
        let text = source.text;
        named
            && (text.contains("pipeline {")
                || text.contains("pipeline{")
                || text.contains("node") && text.contains("stage"))
    },
    read,
};

fn read(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let name = format!("{} {}", folder_name(parent(source.path)), source.name());
    let place = source.line(1).excerpt(source.name());
    let mut pipeline = Pipeline::new(format!("file:{}", source.path), &name, "jenkins", source.path.to_owned(), place);
    let mut step: Option<Step> = None;
    let mut steps = Vec::new();
    for Call { name, line, texts } in calls(source.text) {
        let evidence = source.line(line);
        let first = texts.first().map(String::as_str).unwrap_or_default();
        match name.as_str() {
            "stage" => {
                steps.extend(step.take());
                step = Some(Step::new(first, evidence.excerpt(format!("stage {first}"))));
            }
            "sh" | "bat" | "powershell" | "pwsh" | "script" if !texts.is_empty() => {
                let script = texts.into_iter().max_by_key(String::len).unwrap_or_default();
                let own = step.get_or_insert_with(|| Step::new(name, evidence.clone()));
                own.scripts.push((script, evidence));
            }
            "input" => {
                let mut gate = Step::new(if first.is_empty() { "input" } else { first }, evidence.excerpt("input"));
                gate.does = Some((Does::Approve, false));
                // what stands before the input in its stage runs before it
                steps.extend(step.take());
                steps.push(gate);
            }
            "image" | "inside" | "docker.image" if !first.is_empty() => {
                let mut used = Step::new("container", evidence.clone());
                used.image = Some((first.to_owned(), evidence));
                steps.push(used);
            }
            "credentials" | "credentialsId" | "usernamePassword" | "sshagent" | "file" | "string"
                if !first.is_empty() =>
            {
                append(&mut pipeline.asset, "secrets", first);
            }
            "role" | "roleArn" | "withAWS" => {
                texts.iter().for_each(|text| pipeline.identity("role", text, &evidence.clone().excerpt("role"), found));
            }
            "variable" => pipeline.variable(first, None, &evidence.excerpt(first), found),
            "build" => append(&mut pipeline.asset, "triggers_jobs", first),
            "library" | "@Library" => append(&mut pipeline.asset, "libraries", first),
            "label" => append(&mut pipeline.asset, "runners", first),
            _ if name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_') => {
                pipeline.variable(&name, Some(first), &evidence.excerpt(&name), found);
            }
            _ => {}
        }
    }
    steps.extend(step);
    pipeline.jobs.push(Job { name: "pipeline".to_owned(), steps, ..Job::default() });
    pipeline.finish(found);
    Ok(())
}

/// A word and the strings that follow it on its line, or in its brackets.
struct Call {
    name: String,
    line: u64,
    texts: Vec<String>,
}

/// Words with the strings behind them; comments are left out, text in triple quotes is one string. Linear.
fn calls(text: &str) -> Vec<Call> {
    let mut found: Vec<Call> = Vec::new();
    let (mut line, mut word) = (1_u64, String::new());
    let mut open = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '/' if chars.peek() == Some(&'/') && word.is_empty() => {
                while chars.peek().is_some_and(|c| *c != '\n') {
                    chars.next();
                }
            }
            '/' if chars.peek() == Some(&'*') => {
                let mut last = ' ';
                for c in chars.by_ref() {
                    line += u64::from(c == '\n');
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
            }
            '"' | '\'' => {
                let started = line;
                let mut string = String::new();
                let second = chars.next_if_eq(&c).is_some();
                let triple = second && chars.next_if_eq(&c).is_some();
                let mut quotes = 0;
                // two quotes with no third are an empty string
                let empty = second && !triple;
                while let Some(next) = (!empty).then(|| chars.next()).flatten() {
                    line += u64::from(next == '\n');
                    if next == '\\' && !triple {
                        string.extend(chars.next());
                    } else if next == c {
                        quotes += 1;
                        if !triple || quotes == 3 {
                            break;
                        }
                    } else {
                        string.extend(std::iter::repeat_n(c, quotes));
                        quotes = 0;
                        string.push(next);
                    }
                }
                if !word.is_empty() {
                    found.push(Call { name: std::mem::take(&mut word), line: started, texts: Vec::new() });
                    open = true;
                }
                if let Some(call) = found.last_mut().filter(|_| open) {
                    call.texts.push(string);
                }
            }
            c if c.is_alphanumeric() || matches!(c, '_' | '.' | '@') => word.push(c),
            c => {
                if !word.is_empty() && !matches!(c, '{' | '}' | ';') {
                    found.push(Call { name: std::mem::take(&mut word), line, texts: Vec::new() });
                    open = true;
                } else if !word.is_empty() {
                    found.push(Call { name: std::mem::take(&mut word), line, texts: Vec::new() });
                    open = false;
                }
                if matches!(c, '{' | '}' | ';') {
                    open = false;
                }
                line += u64::from(c == '\n');
            }
        }
    }
    found
}
