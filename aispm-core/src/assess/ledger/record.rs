//! What entries record: the outcome and digests, never a text that a guard looked at.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::EntryKind;
use crate::assess::{Assessment, Summary};
use crate::asset::{Finding, Match, Severity, Waiver, names};
use crate::policy::controls::{ControlStatus, Coverage};

/// Most findings that an entry lists, worst first; the document's digest covers the rest.
const FINDINGS: usize = 5000;
/// Most matches that a decision lists.
const MATCHES: usize = 200;

/// What an entry is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    kind: EntryKind,
    body: Value,
}

/// The outcome of an assessment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct AssessmentRecord {
    /// The version of the schema of the document.
    pub schema: String,
    /// What assessed: name and version.
    pub tool: String,
    /// SHA-256 of the document as `aispm assess --format json` writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_sha256: Option<String>,
    /// Counts.
    pub summary: Summary,
    /// Files that were understood.
    pub files: usize,
    /// Inputs that should have been read but could not.
    pub incomplete: usize,
    /// What was wrong, worst first in each status; at most 5,000.
    pub findings: Vec<FindingRecord>,
    /// How the controls of each framework came out.
    pub coverage: Vec<ControlCounts>,
}

names! {
    /// How a finding stood.
    FindingStatus, "snake_case" {
        /// There; no earlier assessment was given.
        Open = "open",
        /// There, and not in the earlier assessment.
        New = "new",
        /// There, as in the earlier assessment.
        Known = "known",
        /// There, and accepted for a while.
        Waived = "waived",
    }
}

/// A finding as an entry lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct FindingRecord {
    /// Same for the same problem in every run.
    pub fingerprint: String,
    /// The rule.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// How it stands.
    pub status: FindingStatus,
}

/// How the controls of a framework came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct ControlCounts {
    /// The framework's key.
    pub framework: String,
    /// Controls on which nothing was found.
    pub passed: usize,
    /// Controls that a finding bears on.
    pub failed: usize,
    /// Controls of which the estate has nothing.
    pub not_applicable: usize,
    /// Controls that could not be judged.
    pub no_evidence: usize,
}

/// What a guard decided. The text is not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct DecisionRecord {
    /// What the caller calls the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `allow`, `warn`, `redact`, `block`.
    pub action: String,
    /// What was found; at most 200.
    pub findings: Vec<MatchRecord>,
    /// SHA-256 of the decision's document. Whoever can guess a short text can confirm it by this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_sha256: Option<String>,
}

/// A match as an entry lists it: without its place and its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct MatchRecord {
    /// The detector.
    pub detector: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The rule that matched.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
}

impl Record {
    /// The outcome of an assessment.
    #[must_use]
    pub fn assessment(assessment: &Assessment) -> Self {
        AssessmentRecord::new(assessment).into()
    }

    pub(super) fn into_parts(self) -> (EntryKind, Value) {
        (self.kind, self.body)
    }

    fn new(kind: EntryKind, body: &impl Serialize) -> Self {
        // plain fields always become a value
        Self { kind, body: serde_json::to_value(body).unwrap_or_default() }
    }
}

impl AssessmentRecord {
    /// What is kept of an assessment.
    #[must_use]
    pub fn new(assessment: &Assessment) -> Self {
        let known = assessment.baseline.as_ref().map(|baseline| baseline.known.as_slice());
        let there = if known.is_some() { FindingStatus::New } else { FindingStatus::Open };
        let findings = assessment.findings.iter().map(|finding| FindingRecord::new(finding, there));
        let known = known.unwrap_or_default().iter().map(|finding| FindingRecord::new(finding, FindingStatus::Known));
        let waived = assessment.waived.iter().map(|w| FindingRecord::new(&w.finding, FindingStatus::Waived));
        Self {
            schema: crate::SCHEMA.to_owned(),
            tool: concat!("aispm ", env!("CARGO_PKG_VERSION")).to_owned(),
            document_sha256: None,
            summary: assessment.summary.clone(),
            files: assessment.files.len(),
            incomplete: assessment.incomplete.len(),
            findings: findings.chain(known).chain(waived).take(FINDINGS).collect(),
            coverage: assessment.coverage.iter().map(ControlCounts::new).collect(),
        }
    }

    /// With the digest of the whole document.
    #[must_use]
    pub fn document(mut self, sha256: impl Into<String>) -> Self {
        self.document_sha256 = Some(sha256.into());
        self
    }
}

impl FindingRecord {
    fn new(finding: &Finding, status: FindingStatus) -> Self {
        let Finding { fingerprint, rule, severity, .. } = finding;
        Self { fingerprint: fingerprint.clone(), rule: rule.clone(), severity: *severity, status }
    }
}

impl ControlCounts {
    fn new(coverage: &Coverage) -> Self {
        let count = |status| coverage.with(status).count();
        Self {
            framework: coverage.framework.clone(),
            passed: count(ControlStatus::Passed),
            failed: count(ControlStatus::Failed),
            not_applicable: count(ControlStatus::NotApplicable),
            no_evidence: count(ControlStatus::NoEvidence),
        }
    }
}

impl DecisionRecord {
    /// What is kept of a decision.
    pub fn new(action: impl Into<String>, findings: &[Match]) -> Self {
        let findings = findings.iter().take(MATCHES).map(|found| MatchRecord {
            detector: found.detector.to_string(),
            kind: found.kind.to_string(),
            rule: found.rule.to_string(),
            severity: found.severity,
        });
        Self { action: action.into(), findings: findings.collect(), ..Self::default() }
    }

    /// With the caller's name for the message.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// With the digest of the decision's document.
    #[must_use]
    pub fn document(mut self, sha256: impl Into<String>) -> Self {
        self.document_sha256 = Some(sha256.into());
        self
    }
}

impl From<AssessmentRecord> for Record {
    fn from(record: AssessmentRecord) -> Self {
        Self::new(EntryKind::Assessment, &record)
    }
}

impl From<DecisionRecord> for Record {
    fn from(record: DecisionRecord) -> Self {
        Self::new(EntryKind::Decision, &record)
    }
}

impl From<&Waiver> for Record {
    fn from(waiver: &Waiver) -> Self {
        Self::new(EntryKind::Waiver, waiver)
    }
}
