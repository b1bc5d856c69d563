//! Findings: what is wrong with an asset, why it matters, and what to do.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::kind::names;
use super::{AssetId, Evidence};

names! {
    /// How bad it is, mild to grave.
    Severity, "snake_case" {
        /// Worth knowing.
        Info = "info",
        /// Fix when convenient.
        Low = "low",
        /// Fix soon.
        Medium = "medium",
        /// Fix now.
        High = "high",
        /// Stop and fix.
        Critical = "critical",
    }
}

/// A control of a framework that a rule or finding bears on, e.g. `OWASP LLM` / `LLM03:2025`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Control {
    /// The framework's key: `owasp`, `mitre_atlas`, `eu_ai_act`, `iso_42001`, `nist_ai_rmf`, `soc2`, `gdpr`.
    pub framework: String,
    /// The control's own id.
    pub id: String,
}

impl Control {
    /// A control of a framework.
    pub fn new(framework: impl Into<String>, id: impl Into<String>) -> Self {
        Self { framework: framework.into(), id: id.into() }
    }
}

/// Something wrong with an asset, with the evidence that shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Finding {
    /// Same for the same problem in every run, also when lines move; 32 hex digits.
    pub fingerprint: String,
    /// The rule that says so.
    pub rule: String,
    /// What is wrong, in general.
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// The asset it is about.
    pub asset: AssetId,
    /// Who answers for the asset, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What is wrong, here.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fix: String,
    /// Other assets that take part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<AssetId>,
    /// Controls it bears on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<Control>,
    /// Where it was seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

impl Finding {
    /// A finding of `rule` on `asset`. `key` tells apart several findings of one rule on one asset (a tool's name, a
    /// package, a digest of the match) and must not hold what may move, such as a line.
    pub fn new(
        rule: impl Into<String>,
        severity: Severity,
        asset: AssetId,
        key: &str,
        title: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        let rule = rule.into();
        // `./estate` and `estate` are one place
        let place = match asset.as_str().strip_prefix("file:./") {
            Some(rest) => Cow::Owned(format!("file:{rest}")),
            None => Cow::Borrowed(asset.as_str()),
        };
        Self {
            fingerprint: fingerprint(&[&rule, &place, key]),
            rule,
            title: title.into(),
            severity,
            asset,
            owner: None,
            message: message.into(),
            fix: String::new(),
            related: Vec::new(),
            controls: Vec::new(),
            evidence: Vec::new(),
        }
    }
}

/// The first 128 bits of SHA-256 over the parts, each led by its length so that no two lists of parts collide.
pub(crate) fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hex(hash.finalize().as_slice().get(..16).unwrap_or_default())
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_ignore_evidence_and_tell_parts_apart() {
        let finding = |key| Finding::new("R-1", Severity::High, "a".into(), key, "t", "m");
        let mut moved = finding("k");
        moved.evidence.push(Evidence::file("f").line(9));
        assert_eq!(finding("k").fingerprint, moved.fingerprint);
        assert_eq!(moved.fingerprint.len(), 32);
        assert_ne!(finding("k").fingerprint, finding("l").fingerprint);
        let at = |asset: &str| Finding::new("R-1", Severity::High, asset.into(), "k", "t", "m").fingerprint;
        assert_eq!(at("file:./a"), at("file:a"));
        assert_ne!(fingerprint(&["ab", "c"]), fingerprint(&["a", "bc"]));
    }

    #[test]
    fn severities_are_ordered_and_parse() {
        assert!(Severity::Critical > Severity::High);
        assert_eq!("medium".parse::<Severity>().unwrap(), Severity::Medium);
        assert!("worst".parse::<Severity>().unwrap_err().to_string().contains("critical"));
    }
}
