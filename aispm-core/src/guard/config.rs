//! A guard's policy as its YAML file has it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::own::{Files, HostPolicy, KeySource};
use super::recognizers::Recognizers;
use super::{Action, ModelPolicy, Operator, SessionPolicy, operator};
use crate::asset::{Document, Error, ErrorKind, Match, Result, names};
use crate::text::sensitive::sink::Sink;
use crate::text::{Detector, Sensitivity};

names! {
    /// What happens to a text that cannot be checked.
    OnError, "snake_case" {
        /// Stop it.
        Block = "block",
        /// Let it pass unseen.
        Allow = "allow",
    }
}

/// The whole file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Policy {
    /// What happens to a text that cannot be checked.
    pub on_error: OnError,
    /// Longest text checked, in bytes; a longer one cannot be.
    pub max_bytes: usize,
    /// What users write and documents hold.
    pub input: DirectionPolicy,
    /// What the model writes.
    pub output: DirectionPolicy,
    /// What tools say of themselves, take and return.
    pub tool: DirectionPolicy,
    /// Which tools may be called, and with what arguments.
    pub tools: ToolPolicy,
    /// How the conversation around a text counts.
    pub session: SessionPolicy,
    /// Recognizers of personal data, beside the built-in ones.
    pub recognizers: Recognizers,
    /// Hosts that are never suspect, and hosts that always are.
    pub hosts: HostPolicy,
    /// Where the model's output goes: interpreters that it must not reach as more than text.
    pub sinks: BTreeSet<Sink>,
    /// Rules of secrets in the format of gitleaks, beside the built-in ones.
    pub gitleaks_rules: Files,
    /// Data sets to know: indexes that `aispm fingerprint` makes.
    pub known_data: Files,
    /// The key of these indexes; AISPM_KNOWN_KEY in the environment without it.
    pub known_key: Option<KeySource>,
    /// Models beside the built-in detectors.
    pub models: ModelPolicy,
    /// The file as read, for the places of errors.
    #[serde(skip)]
    document: Arc<Document>,
}

/// What counts in one direction.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct DirectionPolicy {
    /// For detectors not named.
    pub default: Action,
    /// By detector.
    pub detectors: BTreeMap<Detector, DetectorPolicy>,
}

/// What one detector's findings lead to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DetectorPolicy {
    /// For types not named.
    pub action: Action,
    /// What is written in place of a finding that is redacted or blocked: `<TYPE>` without it, nothing for invisible
    /// characters.
    #[serde(default, deserialize_with = "operator::read")]
    #[schemars(schema_with = "operator::schema")]
    pub operator: Option<Operator>,
    /// Least score that counts, 0 to 1; without it the detector's own.
    #[serde(default, deserialize_with = "probability")]
    pub threshold: Option<f64>,
    /// Instead of a threshold, of prompt injection and tool poisoning: how readily they are reported, `high` without it.
    #[serde(default)]
    pub sensitivity: Option<Sensitivity>,
    /// By type of finding, or by its rule, which counts first.
    #[serde(default)]
    pub types: BTreeMap<String, TypePolicy>,
    /// Texts that are no finding; `*` stands for anything.
    #[serde(default)]
    pub allow: Vec<String>,
}

/// What findings of one type lead to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TypePolicy {
    /// What to do.
    pub action: Action,
    /// What is written in place of a finding that is redacted or blocked; without it what the detector's says.
    #[serde(default, deserialize_with = "operator::read")]
    #[schemars(schema_with = "operator::schema")]
    pub operator: Option<Operator>,
    /// Least score that counts, 0 to 1; without it the detector's.
    #[serde(default, deserialize_with = "probability")]
    pub threshold: Option<f64>,
}

/// Which tools may be called.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ToolPolicy {
    /// Names of tools; empty for all. `*` stands for anything.
    pub allow: Vec<String>,
    /// Names of tools; stronger than `allow`.
    pub deny: Vec<String>,
    /// Arguments that are not to be passed.
    pub arguments: Vec<ArgumentPolicy>,
}

/// A pattern that arguments must not hold.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ArgumentPolicy {
    /// Name of the tool; `*` stands for anything.
    pub tool: String,
    /// Regular expression, looked for in every string.
    #[serde(deserialize_with = "regular_expression")]
    #[schemars(with = "String")]
    pub pattern: regex::Regex,
    /// What to do.
    pub action: Action,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            on_error: OnError::Block,
            max_bytes: 4 << 20,
            input: DirectionPolicy::default(),
            output: DirectionPolicy::default(),
            tool: DirectionPolicy::default(),
            tools: ToolPolicy::default(),
            session: SessionPolicy::default(),
            recognizers: Recognizers::default(),
            hosts: HostPolicy::default(),
            sinks: BTreeSet::new(),
            gitleaks_rules: Files::default(),
            known_data: Files::default(),
            known_key: None,
            models: ModelPolicy::default(),
            document: Arc::default(),
        }
    }
}

impl Policy {
    /// A policy of this YAML text; files that it names are looked for in the working folder. Errors tell the line.
    pub fn from_yaml(text: &str) -> Result<Self> {
        Self::read(Document::one("guard", text)?)
    }

    /// A policy of this YAML file; files that it names are looked for beside it. Errors tell file and line.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| Error::unreadable(path, error))?;
        Self::read(Document::one(path.to_string_lossy(), &text)?)
    }

    fn read(document: Document) -> Result<Self> {
        let policy: Self = document.read()?;
        let policy = Self { document: Arc::new(document), ..policy };
        match policy.idle_sensitivity() {
            Some(pointer) => {
                let message = "`sensitivity` is for prompt_injection and tool_poisoning, without `threshold`";
                Err(policy.error(&pointer, &Error::new(ErrorKind::Invalid, message)))
            }
            None => Ok(policy),
        }
    }

    /// Where a sensitivity stands that would change nothing.
    fn idle_sensitivity(&self) -> Option<String> {
        self.directions().into_iter().find_map(|(direction, policy)| {
            let idle = |detector: &Detector, policy: &DetectorPolicy| {
                let named = Detector::SENSITIVE_BY_NAME.contains(detector) && policy.threshold.is_none();
                policy.sensitivity.is_some() && !named
            };
            let (detector, _) = policy.detectors.iter().find(|(detector, policy)| idle(detector, policy))?;
            Some(format!("/{direction}/detectors/{detector}/sensitivity"))
        })
    }

    fn directions(&self) -> [(&'static str, &DirectionPolicy); 3] {
        [("input", &self.input), ("output", &self.output), ("tool", &self.tool)]
    }

    /// A file that the policy names.
    pub(super) fn beside(&self, file: &Path) -> PathBuf {
        Path::new(self.document.path()).parent().unwrap_or(Path::new("")).join(file)
    }

    /// The file as read.
    pub(super) fn document(&self) -> &Document {
        &self.document
    }

    /// What is wrong with what stands at a pointer of the policy.
    pub(super) fn error(&self, pointer: &str, error: &Error) -> Error {
        Error { kind: error.kind, ..self.document.error(pointer, error.to_string()) }
    }

    /// That a file could not be read that the policy names at a pointer.
    pub(super) fn unread(&self, pointer: &str, file: &Path, error: &std::io::Error) -> Error {
        let error = Error::new(ErrorKind::Unreadable, error.to_string()).at(file);
        self.error(pointer, &error)
    }

    /// The first operator that needs a key.
    #[must_use]
    pub fn keyed_operator(&self) -> Option<&'static str> {
        self.keyed().map(|(operator, _)| operator)
    }

    /// Where an operator stands that needs a key: the name of the operator and a JSON pointer.
    pub(super) fn keyed(&self) -> Option<(&'static str, String)> {
        self.directions().into_iter().find_map(|(direction, policy)| {
            policy.detectors.iter().find_map(|(detector, policy)| {
                let own = (String::new(), &policy.operator);
                let typed = policy.types.iter().map(|(kind, rule)| (format!("/types/{kind}"), &rule.operator));
                let mut operators = std::iter::once(own).chain(typed);
                operators.find_map(|(below, operator)| {
                    let operator = operator.as_ref().filter(|operator| operator.is_keyed())?;
                    Some((operator.name(), format!("/{direction}/detectors/{detector}{below}/operator")))
                })
            })
        })
    }
}

impl Default for DirectionPolicy {
    fn default() -> Self {
        Self { default: Action::Warn, detectors: BTreeMap::new() }
    }
}

impl DetectorPolicy {
    /// What is said of findings of this rule, else of this type.
    fn by_type(&self, found: &Match) -> Option<&TypePolicy> {
        self.types.get(&*found.rule).or_else(|| self.types.get(&*found.kind))
    }
}

impl DirectionPolicy {
    /// What a finding leads to, and the least score for it.
    pub(super) fn rule(&self, found: &Match) -> (Action, f64) {
        let Some(policy) = self.of(found) else { return (self.default, 0.0) };
        match policy.by_type(found) {
            Some(rule) => (rule.action, rule.threshold.or(policy.threshold).unwrap_or_default()),
            None => (policy.action, policy.threshold.unwrap_or_default()),
        }
    }

    /// What is written in place of a finding of this detector and type, if the policy says.
    pub(super) fn operator(&self, found: &Match) -> Option<&Operator> {
        let policy = self.of(found)?;
        policy.by_type(found).and_then(|rule| rule.operator.as_ref()).or(policy.operator.as_ref())
    }

    fn of(&self, found: &Match) -> Option<&DetectorPolicy> {
        self.detectors.get(&found.detector.parse::<Detector>().ok()?)
    }

    /// Whether a finding of the detector can lead to replacing or stopping.
    pub(super) fn replaces(&self, detector: Detector) -> bool {
        match self.detectors.get(&detector) {
            Some(policy) => {
                let types = policy.types.values().map(|rule| rule.action);
                types.chain([policy.action]).any(|action| action >= Action::Redact)
            }
            None => self.default >= Action::Redact,
        }
    }

    /// Whether the detector can lead to anything.
    pub(super) fn runs(&self, detector: Detector) -> bool {
        match self.detectors.get(&detector) {
            Some(policy) => policy.action != Action::Allow || !policy.types.is_empty(),
            None => self.default != Action::Allow,
        }
    }
}

/// Whether `name` is what `pattern` says, `*` standing for anything. O(pattern · name) at worst.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut rest) = name.strip_prefix(head) else { return false };
    let mut parts = tail.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    true
}

// errors begin with the offending value in backticks, by which its line is found

fn probability<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<f64>, D::Error> {
    let value = Option::<f64>::deserialize(deserializer)?;
    match value {
        Some(p) if !(0.0..=1.0).contains(&p) => Err(D::Error::custom(format!("`threshold` is {p}, not from 0 to 1"))),
        _ => Ok(value),
    }
}

fn regular_expression<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<regex::Regex, D::Error> {
    let pattern = String::deserialize(deserializer)?;
    // the last line of the message says what is wrong, those before draw it
    regex::Regex::new(&pattern).map_err(|error| {
        let message = error.to_string();
        D::Error::custom(format!("`{pattern}`: {}", message.lines().last().unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, name, expected) in [
            ("read", "read", true),
            ("read*", "read_file", true),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b", "a-b-c", false),
            ("read", "reads", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
