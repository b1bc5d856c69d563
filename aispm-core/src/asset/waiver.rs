//! Waivers: findings that somebody has decided to live with for a while.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::day::is_day;
use super::{Document, Evidence, Finding, Result};

/// Who accepts which findings, why, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Waiver {
    /// The rule's id; `*` stands for any text.
    pub rule: String,
    /// The asset's id; `*` stands for any text.
    pub asset: String,
    /// Who answers for the decision.
    pub owner: String,
    /// Why the risk is accepted.
    pub reason: String,
    /// Last day on which it holds, `YYYY-MM-DD`.
    pub expires: String,
    /// Where the decision is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}

/// A finding that a waiver covers: it is known, and no gate counts it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Waived {
    /// What is wrong.
    pub finding: Finding,
    /// Who lives with it, and until when.
    pub waiver: Waiver,
    /// Where the waiver is written.
    pub place: Evidence,
}

impl Waived {
    /// A finding with the waiver that covers it.
    pub(crate) fn new(finding: Finding, waiver: Waiver, place: Evidence) -> Self {
        Self { finding, waiver, place }
    }
}

impl Waiver {
    /// Whether every word is there and the day exists; what is wrong is an error at the waiver's place in a document.
    pub(crate) fn check(&self, document: &Document, pointer: &str) -> Result<()> {
        let fields = [
            ("rule", &self.rule),
            ("asset", &self.asset),
            ("owner", &self.owner),
            ("reason", &self.reason),
            ("expires", &self.expires),
        ];
        if let Some((name, _)) = fields.iter().find(|(_, text)| text.trim().is_empty()) {
            return Err(document.error(&format!("{pointer}/{name}"), format!("a waiver needs `{name}`")));
        }
        if !is_day(&self.expires) {
            let message = format!("{:?} is no date; write YYYY-MM-DD", self.expires);
            return Err(document.error(&format!("{pointer}/expires"), message));
        }
        Ok(())
    }
}
