//! What others say of an asset: who owns it, and what other tools found. Claims are kept side by side, so that a
//! conflict shows.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kind::names;
use super::{AssetId, Evidence, Severity};

names! {
    /// Who says that somebody owns an asset, most binding first.
    OwnerSource, "kebab-case" {
        /// `aispm.yaml`.
        Declared = "declared",
        /// A Backstage `catalog-info.yaml`.
        Backstage = "backstage",
        /// A `CODEOWNERS` file.
        Codeowners = "codeowners",
        /// A cloud tag.
        Tag = "tag",
        /// A label or annotation.
        Label = "label",
        /// An MLflow tag or user.
        Mlflow = "mlflow",
        /// The creator or contact that another source names.
        Creator = "creator",
    }
}

/// One claim of who owns an asset.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct OwnerClaim {
    /// Who says so.
    pub source: OwnerSource,
    /// The person or team.
    pub owner: String,
    /// Where it was seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

impl OwnerClaim {
    /// A claim with its evidence.
    pub fn new(source: OwnerSource, owner: impl Into<String>, evidence: Evidence) -> Self {
        Self { source, owner: owner.into(), evidence: vec![evidence] }
    }
}

/// What another tool found on an asset: Security Hub, Prowler, Defender, Trivy, ….
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct ExternalFinding {
    /// The product, e.g. `Prowler`.
    pub tool: String,
    /// Its own id of the rule or check, e.g. `s3_bucket_public_access`.
    pub rule: String,
    /// What it says is wrong.
    pub title: String,
    /// How bad it says it is.
    pub severity: Severity,
    /// When it saw it last, RFC 3339 as the source writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Where it was seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

impl ExternalFinding {
    /// A finding of `rule` by `tool`.
    pub fn new(
        tool: impl Into<String>,
        rule: impl Into<String>,
        severity: Severity,
        title: impl Into<String>,
        evidence: Evidence,
    ) -> Self {
        let (tool, rule, title) = (tool.into(), rule.into(), title.into());
        Self { tool, rule, title, severity, time: None, evidence: vec![evidence] }
    }
}

/// How often something was seen to happen, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Activity {
    /// How often.
    pub count: u64,
    /// First time, RFC 3339 as the source writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// Last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// What was done how often, as the log calls it: `bedrock:InvokeModel`. At most 256 different ones.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub actions: BTreeMap<String, u64>,
}

/// Most different actions that are kept of one activity.
const ACTIONS: usize = 256;

impl Activity {
    /// One occurrence.
    #[must_use]
    pub fn once(time: Option<&str>) -> Self {
        Self { count: 1, first: time.map(str::to_owned), last: time.map(str::to_owned), actions: BTreeMap::new() }
    }

    /// Adds what another record counted.
    pub(crate) fn merge(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.first = match (self.first.take(), other.first) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.last = self.last.take().max(other.last);
        for (action, count) in other.actions {
            if self.actions.len() < ACTIONS || self.actions.contains_key(&action) {
                let known = self.actions.entry(action).or_default();
                *known = known.saturating_add(count);
            }
        }
    }
}

/// A class of data that came to an asset along its lineage.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct InheritedClass {
    /// The class, e.g. `customer`.
    pub class: String,
    /// The asset that holds it itself.
    pub from: AssetId,
}

impl InheritedClass {
    /// A class that comes from an asset.
    pub fn new(class: impl Into<String>, from: impl Into<AssetId>) -> Self {
        Self { class: class.into(), from: from.into() }
    }
}
