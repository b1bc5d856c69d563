//! One rule: what it says of itself, what it needs, and its expressions, compiled when they are first needed.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde_json::Value;

use super::RuleInfo;
use super::check::check_path;
use super::expression::{Expression, Flaw, Part, Purpose, Scope, at_node};
use super::field::ACCESS;
use super::param::Params;
use crate::asset::{Asset, AssetKind, Control, Error, ErrorKind, Evidence, Result, Severity};

/// A rule as a pack writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleSource {
    id: String,
    title: String,
    description: String,
    severity: Severity,
    kinds: Vec<AssetKind>,
    when: String,
    because: Option<String>,
    #[serde(default)]
    evidence: Vec<String>,
    message: String,
    fix: String,
    #[serde(default)]
    controls: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    needs: Needs,
    #[serde(default)]
    tests: Value,
}

/// What must be known before a rule can judge.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Needs {
    /// Parameters that must be set.
    pub(super) params: Vec<String>,
    /// Sections of aispm.yaml that must not be empty.
    pub(super) facts: Vec<String>,
    /// A property, `authentication` or a field of `encryption`, or one of several with `|` between them, that an asset of
    /// the rule's kinds must carry…
    pub(super) property: Option<String>,
    /// Identities, so that it can be told who may do what.
    pub(super) identities: bool,
    /// Whether it judges all the same what it can: only that it passed is not said then.
    pub(super) partly: bool,
    /// Whether one of these is enough.
    pub(super) either: bool,
    /// …and what kind of input would bring it, in words.
    pub(super) input: Option<String>,
}

/// A rule, compiled when it is first needed.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) info: RuleInfo,
    pub(super) kinds: Vec<AssetKind>,
    pub(super) needs: Needs,
    pub(super) tests: Value,
    /// Dotted paths of properties that hold evidence of what fires the rule.
    evidence: Vec<String>,
    message: String,
    when: String,
    because: Option<String>,
    /// What its expressions may ask of `params`.
    pub(super) params: Arc<Params>,
    compiled: OnceLock<Result<Compiled, Flawed>>,
    place: Place,
}

#[derive(Debug)]
pub(super) struct Compiled {
    when: Expression,
    because: Option<Expression>,
    message: Vec<Word>,
}

/// The expressions that decide whether a rule fires: its own, or one of them spoilt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expressions<'a> {
    pub(super) when: &'a Expression,
    pub(super) because: Option<&'a Expression>,
}

impl<'a> Expressions<'a> {
    /// The one of this purpose.
    pub(super) fn of(self, purpose: Purpose) -> Option<&'a Expression> {
        match purpose {
            Purpose::Condition => Some(self.when),
            Purpose::Because => self.because,
        }
    }

    /// With another one of this purpose.
    pub(super) fn with(self, purpose: Purpose, expression: &'a Expression) -> Self {
        match purpose {
            Purpose::Condition => Self { when: expression, ..self },
            Purpose::Because => Self { because: Some(expression), ..self },
        }
    }

    /// Whether they fire on an asset, and what took part then. An error says that it could not be told.
    pub(super) fn judge(self, scope: &Scope<'a>) -> Result<Option<Vec<Part>>, String> {
        if !self.when.holds(scope)? {
            return Ok(None);
        }
        match self.because {
            None => Ok(Some(Vec::new())),
            Some(because) => because.parts(scope).map(|parts| Some(parts).filter(|parts| !parts.is_empty())),
        }
    }
}

/// A piece of a message.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    Text(String),
    /// A dotted path, shown as text.
    Path(String),
    /// The names of what took part: all, or those of these kinds.
    Because(Vec<AssetKind>),
}

/// A field of a rule that does not compile.
#[derive(Debug)]
pub(super) struct Flawed {
    field: &'static str,
    flaw: Flaw,
}

/// Where a rule stands.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) path: String,
    /// Lines of `when`, `because` and `message`.
    pub(super) lines: [Option<u64>; 3],
}

/// The fields that hold expressions.
pub(super) const FIELDS: [&str; 3] = ["when", "because", "message"];

impl Rule {
    pub(super) fn new(source: RuleSource, place: Place) -> Self {
        let controls = source.controls.into_iter();
        let controls =
            controls.flat_map(|(framework, ids)| ids.into_iter().map(move |id| Control::new(&framework, id)));
        Self {
            info: RuleInfo {
                id: source.id,
                title: source.title,
                severity: source.severity,
                description: source.description,
                fix: source.fix,
                controls: controls.collect(),
            },
            kinds: each_once(source.kinds),
            needs: source.needs,
            tests: source.tests,
            evidence: source.evidence,
            message: source.message,
            when: source.when,
            because: source.because,
            params: Arc::default(),
            compiled: OnceLock::new(),
            place,
        }
    }

    /// The path of the pack that it stands in.
    pub(super) fn pack(&self) -> &str {
        &self.place.path
    }

    /// Its expressions, or what is wrong with them.
    pub(super) fn compiled(&self) -> Result<&Compiled, &Flawed> {
        self.compiled.get_or_init(|| self.compile()).as_ref()
    }

    fn compile(&self) -> Result<Compiled, Flawed> {
        let expression = |field, source: &str, purpose| {
            Expression::compile(source, purpose, &self.params).map_err(|flaw| Flawed { field, flaw })
        };
        let when = expression("when", &self.when, Purpose::Condition)?;
        let because = self.because.as_deref().map(|source| expression("because", source, Purpose::Because));
        let message = template(&self.message, &self.params)
            .map_err(|message| Flawed { field: "message", flaw: Flaw { line: 1, column: 1, message } })?;
        Ok(Compiled { when, because: because.transpose()?, message })
    }

    /// Whether the rule fires on an asset, and what took part then. An error says that it could not be told.
    pub(super) fn judge<'a>(&'a self, scope: &Scope<'a>) -> Result<Option<Vec<Part>>, String> {
        self.expressions()?.judge(scope)
    }

    /// Whether it asks who may do what; a word of the same name may be taken for it.
    pub(super) fn asks_access(&self) -> bool {
        let sources = [Some(self.when.as_str()), self.because.as_deref()];
        sources
            .into_iter()
            .flatten()
            .any(|source| ACCESS.iter().any(|field| source.contains(&format!(".{}", field.name()))))
    }

    /// Its expressions, compiled.
    pub(super) fn expressions(&self) -> Result<Expressions<'_>, String> {
        let compiled = self.compiled().map_err(|flawed| flawed.flaw.message.clone())?;
        Ok(Expressions { when: &compiled.when, because: compiled.because.as_ref() })
    }

    /// `LINE:COLUMN: what` at a node of the condition, `because LINE:COLUMN: what` at one of `because`.
    pub(super) fn place_in(&self, purpose: Purpose, node: u64, what: String) -> String {
        let (field, source) = match purpose {
            Purpose::Condition => ("", self.when.as_str()),
            Purpose::Because => ("because ", self.because.as_deref().unwrap_or_default()),
        };
        let Flaw { line, column, message } = at_node(source, node, what);
        format!("{field}{line}:{column}: {message}")
    }

    /// The evidence that the properties named by `evidence` hold.
    pub(super) fn shown(&self, asset: &Asset) -> Vec<Evidence> {
        let listed = self.evidence.iter().filter_map(|path| {
            let mut keys = path.split('.');
            let first = asset.properties.get(keys.next()?)?;
            let value = keys.try_fold(first, |value, key| value.get(key))?;
            serde_json::from_value::<Vec<Evidence>>(value.clone()).ok()
        });
        listed.flatten().collect()
    }

    /// The message for an asset; `related` are the names and kinds of what took part.
    pub(super) fn message(&self, scope: &Scope<'_>, related: &[(&str, Option<AssetKind>)]) -> String {
        let Ok(compiled) = self.compiled() else { return self.info.title.clone() };
        let words = compiled.message.iter().map(|word| match word {
            Word::Text(text) => text.clone(),
            Word::Path(path) => scope.show(path).unwrap_or_else(|| "unknown".to_owned()),
            Word::Because(kinds) => {
                let of_kind = |kind: &Option<AssetKind>| kinds.is_empty() || kind.is_some_and(|k| kinds.contains(&k));
                let names = related.iter().filter(|(_, kind)| of_kind(kind)).map(|(name, _)| *name);
                name_some(&names.collect::<Vec<_>>())
            }
        });
        words.collect()
    }

    /// A flaw as an error with its place in the pack's text.
    pub(super) fn error(&self, flawed: &Flawed, text: &str) -> Error {
        let Flawed { field, flaw } = flawed;
        let source = match *field {
            "when" => self.when.as_str(),
            "because" => self.because.as_deref().unwrap_or_default(),
            _ => self.message.as_str(),
        };
        let start = FIELDS.iter().zip(self.place.lines).find(|(name, _)| *name == field).and_then(|(_, line)| line);
        let start = start.and_then(|line| usize::try_from(line).ok()).unwrap_or(1);
        let message = format!("rule {}: `{field}`: {}", self.info.id, flaw.message);
        let error = Error::new(ErrorKind::Invalid, message).at(&self.place.path);
        // YAML's style may have moved or folded the expression: look for its line in the file, then for its word
        let line = source.lines().nth(flaw.line.saturating_sub(1)).unwrap_or_default();
        let indent = line.chars().count() - line.trim_start().chars().count();
        let before = flaw.column.saturating_sub(1);
        let word = line.chars().skip(before).take_while(|c| !c.is_whitespace()).collect::<String>();
        let found = find(text, start, line.trim()).map(|(line, column)| (line, column + before.saturating_sub(indent)));
        match found.or_else(|| find(text, start, &word)) {
            Some((line, column)) => error.at_line(line, column),
            None => error.at_line(start, 1),
        }
    }
}

/// Without what is named again.
fn each_once(kinds: Vec<AssetKind>) -> Vec<AssetKind> {
    let mut once = Vec::with_capacity(kinds.len());
    for kind in kinds {
        if !once.contains(&kind) {
            once.push(kind);
        }
    }
    once
}

/// Line and column, from 1, of the first occurrence of a piece of a line at or after a line.
fn find(text: &str, from: usize, piece: &str) -> Option<(usize, usize)> {
    let mut lines = text.lines().enumerate().skip(from.saturating_sub(1)).filter(|_| !piece.is_empty());
    lines.find_map(|(i, line)| Some((i + 1, line.split_once(piece)?.0.chars().count() + 1)))
}

/// Parses `text {path} text`; `{because.model|dataset}` are those of these kinds that took part.
fn template(source: &str, params: &Params) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = source;
    while let Some((before, after)) = rest.split_once('{') {
        let (path, after) = after.split_once('}').ok_or("a `{` is not closed")?;
        words.push(Word::Text(before.to_owned()));
        words.push(if path == "because" {
            Word::Because(Vec::new())
        } else if let Some(kinds) = path.strip_prefix("because.") {
            let kinds = kinds.split('|').map(|kind| kind.parse().map_err(|error: Error| error.message));
            Word::Because(kinds.collect::<Result<_, _>>()?)
        } else {
            check_path(path, params).map_err(|message| format!("`{{{path}}}`: {message}"))?;
            Word::Path(path.to_owned())
        });
        rest = after;
    }
    words.push(Word::Text(rest.to_owned()));
    Ok(words)
}

/// `a, b, c and 4 more`.
fn name_some(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
