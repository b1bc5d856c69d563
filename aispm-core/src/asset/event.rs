//! What happens at run time: text matches, and events that carry text or calls.

use std::borrow::Cow;
use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kind::names;
use super::{AssetId, Evidence, Severity};

/// A span of text that a detector points at. Offsets are bytes into the text as given; bindings and the command line
/// convert them (code points in Python and CLI JSON, UTF-16 units in Node).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Match {
    /// `prompt_injection`, `pii`, `secrets`, `phishing`, `exfiltration`, `invisible_text`, `tool_poisoning`, `known_data`.
    pub detector: Cow<'static, str>,
    /// Presidio entity type, `PHISHING_URL`, or the rule's id for secrets.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// The rule that matched; for known data, the asset whose data it is.
    pub rule: Cow<'static, str>,
    /// Confidence, 0 to 1.
    pub score: f64,
    /// How bad it is.
    pub severity: Severity,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What speaks most for it, where a model weighed words: a few of them, the weightiest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clues: Vec<Clue>,
    /// What MITRE ATLAS and OWASP call it, for prompt injection and tool poisoning: ids as in `controls`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub techniques: Vec<String>,
}

/// A word that speaks for a match. Where it stands, not what it says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Clue {
    /// What it adds to the log-odds.
    pub weight: f64,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Clue {
    /// A word of this weight.
    pub fn new(weight: f64, span: std::ops::Range<usize>) -> Self {
        Self { weight, start: span.start, end: span.end }
    }
}

impl Match {
    /// The order in which matches are told, and which of two in one place counts: by place, then by names.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        let Self { start, end, detector, kind, rule, .. } = other;
        (self.start, self.end, &self.detector, &self.kind, &self.rule).cmp(&(*start, *end, detector, kind, rule))
    }

    /// A match of `rule` over `start..end`.
    pub fn new(
        detector: impl Into<Cow<'static, str>>,
        kind: impl Into<Cow<'static, str>>,
        rule: impl Into<Cow<'static, str>>,
        score: f64,
        severity: Severity,
        span: std::ops::Range<usize>,
    ) -> Self {
        let (start, end) = (span.start, span.end);
        Self {
            detector: detector.into(),
            kind: kind.into(),
            rule: rule.into(),
            score,
            severity,
            start,
            end,
            clues: Vec::new(),
            techniques: Vec::new(),
        }
    }
}

names! {
    /// What part a text plays in a conversation with a model.
    TextRole, "kebab-case" {
        /// Written by the user.
        Prompt = "prompt",
        /// A document or web page the model reads.
        Document = "document",
        /// Written by the model.
        Output = "output",
        /// Returned by a tool.
        ToolResult = "tool-result",
        /// A tool's own description.
        ToolDescription = "tool-description",
    }
}

/// Something that happened at run time to an asset: a message, as logs and traces record it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Event {
    /// The asset it happened to: application, endpoint, agent.
    pub asset: AssetId,
    /// What the text is.
    pub role: TextRole,
    /// The text.
    pub text: String,
    /// When, RFC 3339, as recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Who, as recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Of an answer: the share of the system prompt, recorded beside it, that it repeats (0 to 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats_system_prompt: Option<f64>,
    /// Where it was recorded.
    #[serde(default)]
    pub evidence: Evidence,
}

impl Event {
    /// A message of this role at this asset.
    pub fn new(asset: impl Into<AssetId>, role: TextRole, text: impl Into<String>) -> Self {
        Self {
            asset: asset.into(),
            role,
            text: text.into(),
            time: None,
            actor: None,
            repeats_system_prompt: None,
            evidence: Evidence::default(),
        }
    }
}
