//! Recognizer files with the keys of Presidio, read as they are, and two keys of ours: `validator` and `class`.

use serde::Deserialize;
use serde_json::Value;

use super::super::pii;
use super::pattern::{Flags, Pattern};
use super::{Check, Recognizer};
use crate::asset::{Document, Error, Result, pointer_key};

/// Most patterns and words of one file.
const PATTERNS: usize = 8192;

/// Below this score nothing is reported, unless the file says otherwise: Presidio's weak patterns need a context word.
const LEAST: f64 = super::WITH_CONTEXT;

/// The classes of data.
const CLASSES: [&str; 10] = [
    "personal",
    "government_id",
    "payment",
    "financial",
    "health",
    "organisation",
    "location",
    "network",
    "credentials",
    "link",
];

/// Keys of a file, of a recognizer and of a pattern that are read.
const FILE: &[&str] =
    &["recognizers", "ad_hoc_recognizers", "global_regex_flags", "default_score_threshold", "supported_languages"];
const RECOGNIZER: &[&str] = &[
    "name",
    "supported_entity",
    "patterns",
    "context",
    "deny_list",
    "deny_list_score",
    "allow_list",
    "validator",
    "class",
    "supported_language",
    "supported_languages",
    "type",
    "enabled",
];
const PATTERN: &[&str] = &["name", "regex", "score"];

#[derive(Debug, Deserialize)]
struct Raw {
    name: Option<String>,
    supported_entity: String,
    #[serde(default)]
    patterns: Vec<RawPattern>,
    #[serde(default)]
    context: Vec<String>,
    #[serde(default)]
    deny_list: Vec<String>,
    #[serde(default = "certain")]
    deny_list_score: f64,
    #[serde(default)]
    allow_list: Vec<String>,
    validator: Option<String>,
    #[serde(default = "personal")]
    class: String,
    #[serde(default)]
    supported_languages: Vec<Language>,
}

#[derive(Debug, Deserialize)]
struct RawPattern {
    regex: String,
    score: f64,
}

/// A language, perhaps with context words of its own.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Language {
    Named(#[allow(dead_code, reason = "recognizers look at texts of every language")] String),
    Context {
        #[serde(default)]
        context: Vec<String>,
    },
}

fn certain() -> f64 {
    1.0
}

fn personal() -> String {
    "personal".to_owned()
}

/// Reads the recognizers of a document: a list, or a mapping that holds one. What cannot be taken over goes to
/// `problems`, with its line, and the rest is still read.
pub(in super::super) fn read(document: &Document, problems: &mut Vec<Error>) -> Result<Vec<Recognizer>> {
    let registry = document.value.get("recognizer_registry");
    let base = if registry.is_some() { "/recognizer_registry" } else { "" };
    let registry = document.part(base, registry.unwrap_or(&document.value).clone());
    let key = ["/recognizers", "/ad_hoc_recognizers", ""].into_iter().find(|key| registry.value.pointer(key).is_some());
    let key = key.unwrap_or_default();
    let Some(list) = registry.value.pointer(key).and_then(Value::as_array) else {
        return Err(registry.error(key, "expected a list of `recognizers`"));
    };
    unread(&registry, "", FILE, problems);
    let mut reader = Reader { flags: Flags::USUAL, least: LEAST, left: PATTERNS, problems };
    reader.settings(&registry);
    let mut recognizers = Vec::new();
    let mut notes = Notes::default();
    for (index, value) in list.iter().enumerate() {
        let part = registry.part(&format!("{key}/{index}"), value.clone());
        if notes.predefined(&part) || value.get("enabled") == Some(&Value::Bool(false)) {
            continue;
        }
        notes.language(&part);
        match reader.recognizer(&part) {
            Ok(recognizer) => recognizers.push(recognizer),
            Err(error) => reader.problems.push(error),
        }
    }
    notes.told(problems);
    Ok(recognizers)
}

/// What a file says of all its recognizers, and what is wrong with it.
struct Reader<'p> {
    flags: Flags,
    least: f64,
    /// How many patterns may follow.
    left: usize,
    problems: &'p mut Vec<Error>,
}

impl Reader<'_> {
    fn settings(&mut self, registry: &Document) {
        if let Some(value) = registry.value.get("global_regex_flags") {
            match value.as_u64().and_then(Flags::new) {
                Some(flags) => self.flags = flags,
                None => self.problem(registry, "/global_regex_flags", "only flags 2, 8, 16, 32 and 64 are understood"),
            }
        }
        if let Some(value) = registry.value.get("default_score_threshold") {
            match value.as_f64().filter(is_score) {
                Some(least) => self.least = least,
                None => self.problem(registry, "/default_score_threshold", "not from 0 to 1"),
            }
        }
    }

    fn problem(&mut self, document: &Document, pointer: &str, message: impl Into<String>) {
        self.problems.push(document.error(pointer, message));
    }

    fn recognizer(&mut self, part: &Document) -> Result<Recognizer> {
        let raw: Raw = part.read()?;
        unread(part, "", RECOGNIZER, self.problems);
        if !CLASSES.contains(&raw.class.as_str()) {
            return Err(part.error("/class", format!("no class `{}`: one of {}", raw.class, CLASSES.join(", "))));
        }
        let check = match &raw.validator {
            Some(name) => match Check::named(name) {
                Some(check) => Some(check),
                None => return Err(part.error("/validator", format!("no validator `{name}`"))),
            },
            None => None,
        };
        let patterns = self.patterns(part, &raw);
        let by_language = raw.supported_languages.into_iter().flat_map(|language| match language {
            Language::Context { context } => context,
            Language::Named(_) => Vec::new(),
        });
        let context = raw.context.into_iter().chain(by_language).map(|word| word.trim().to_lowercase());
        let context: Vec<String> = context.filter(|word| !word.is_empty()).collect();
        if context.is_empty() && patterns.iter().any(|pattern| pattern.score < self.least) {
            let message = format!("a score below {} is not reported without `context`", self.least);
            self.problem(part, "/patterns", message);
        }
        Ok(Recognizer {
            name: raw.name.unwrap_or_else(|| raw.supported_entity.clone()),
            kind: raw.supported_entity,
            severity: pii::severity(&raw.class),
            class: raw.class,
            patterns,
            context,
            allow: raw.allow_list,
            check,
            least: self.least,
        })
    }

    /// The patterns and words of a recognizer; those that cannot be run are told.
    fn patterns(&mut self, part: &Document, raw: &Raw) -> Vec<Pattern> {
        let flags = self.flags;
        let patterns = raw.patterns.iter().enumerate().map(|(i, raw)| {
            (format!("/patterns/{i}/regex"), is_score(&raw.score), Pattern::regex(&raw.regex, raw.score, flags))
        });
        let score = raw.deny_list_score;
        let words =
            raw.deny_list.iter().enumerate().map(|(i, word)| {
                (format!("/deny_list/{i}"), is_score(&score), Pattern::word(word.trim(), score, flags))
            });
        let mut compiled = Vec::new();
        for (pointer, scored, pattern) in patterns.chain(words) {
            match pattern {
                Ok(_) if !scored => self.problem(part, &pointer, "its score is not from 0 to 1"),
                Ok(_) if self.left == 0 => {
                    self.problem(
                        part,
                        &pointer,
                        format!("more than {PATTERNS} patterns and words; the rest is left out"),
                    );
                    break;
                }
                Ok(pattern) => {
                    self.left -= 1;
                    compiled.push(pattern);
                }
                Err(message) => self.problem(part, &pointer, message),
            }
        }
        for index in 0..raw.patterns.len() {
            unread(part, &format!("/patterns/{index}"), PATTERN, self.problems);
        }
        if raw.patterns.is_empty() && raw.deny_list.is_empty() {
            self.problem(part, "", "it has neither `patterns` nor `deny_list`");
        }
        compiled
    }
}

/// What is told once for a file.
#[derive(Default)]
struct Notes {
    predefined: Option<Error>,
    language: Option<Error>,
}

impl Notes {
    /// Notes a recognizer that is code of Presidio.
    fn predefined(&mut self, part: &Document) -> bool {
        let named = part.value.is_string() || part.value.get("type").is_some_and(|kind| kind == "predefined");
        if named {
            let message = "predefined recognizers are not read: the built-in detectors are always on";
            self.predefined.get_or_insert_with(|| part.error("", message));
        }
        named
    }

    fn language(&mut self, part: &Document) {
        let key = ["supported_language", "supported_languages"].into_iter().find(|key| part.value.get(key).is_some());
        if let Some(key) = key.filter(|_| self.language.is_none()) {
            let message = format!("`{key}` is not heeded: recognizers look at texts of every language");
            self.language = Some(part.error(&format!("/{key}"), message));
        }
    }

    fn told(self, problems: &mut Vec<Error>) {
        problems.extend(self.language);
        problems.extend(self.predefined);
    }
}

/// Tells the keys of the mapping at `pointer` that are not read.
fn unread(document: &Document, pointer: &str, read: &[&str], problems: &mut Vec<Error>) {
    let keys = document.value.pointer(pointer).and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key);
    problems.extend(
        keys.filter(|key| !read.contains(&key.as_str()))
            .map(|key| document.error(&format!("{pointer}/{}", pointer_key(key)), format!("`{key}` is not read"))),
    );
}

fn is_score(score: &f64) -> bool {
    (0.0..=1.0).contains(score)
}
