//! The frameworks that rules cite: their controls by id, with short names, and how far an assessment covers them.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PolicySet;
use crate::asset::{Document, Finding, Inventory, Result};

/// The catalogues, by framework key.
const CATALOGUES: &[(&str, &str)] = &[
    ("eu_ai_act", include_str!("../../data/policy/catalogues/eu_ai_act.yaml")),
    ("gdpr", include_str!("../../data/policy/catalogues/gdpr.yaml")),
    ("iso_42001", include_str!("../../data/policy/catalogues/iso_42001.yaml")),
    ("mitre_atlas", include_str!("../../data/policy/catalogues/mitre_atlas.yaml")),
    ("nist_ai_rmf", include_str!("../../data/policy/catalogues/nist_ai_rmf.yaml")),
    ("owasp", include_str!("../../data/policy/catalogues/owasp.yaml")),
    ("soc2", include_str!("../../data/policy/catalogues/soc2.yaml")),
];

/// A framework of controls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Framework {
    /// Key used in [`Control`](crate::asset::Control).
    #[serde(default)]
    pub key: String,
    /// Name for people.
    pub name: String,
    /// Edition.
    pub version: String,
    /// Short names by control id. Where the standard's text is protected, the names are ours.
    pub controls: BTreeMap<String, String>,
}

/// Every framework that the built-in rules cite, by key.
pub fn frameworks() -> Result<Vec<Framework>> {
    let read = |(key, text): &(&str, &str)| {
        let mut framework: Framework = Document::config(format!("{key}.yaml"), text)?;
        (*key).clone_into(&mut framework.key);
        Ok(framework)
    };
    CATALOGUES.iter().map(read).collect()
}

/// How the controls of a framework that rules bear on came out. A rule without a finding shows that nothing of what it
/// looks for was seen, not that a control works.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Coverage {
    /// The framework's key.
    pub framework: String,
    /// Controls that a rule judged and no finding bears on.
    pub passed: BTreeSet<String>,
    /// Controls that a finding bears on.
    pub failed: BTreeSet<String>,
    /// Controls whose rules had nothing to judge.
    pub no_evidence: BTreeSet<String>,
}

/// The coverage of each framework that the rules cite, by key. A rule judged if the inventory has an asset of its kinds
/// and all that the rule needs. O(rules · (assets + controls)).
#[must_use]
pub fn coverage(policies: &PolicySet, inventory: &Inventory, findings: &[Finding]) -> Vec<Coverage> {
    let kinds = inventory.assets().map(|asset| asset.kind).collect::<BTreeSet<_>>();
    let mut by_framework = BTreeMap::<&str, Coverage>::new();
    for rule in &policies.rules {
        let judged = rule.kinds.iter().any(|kind| kinds.contains(kind)) && policies.unmet(rule, inventory).is_none();
        for control in &rule.info.controls {
            let coverage = by_framework.entry(&control.framework).or_default();
            let outcome = if judged { &mut coverage.passed } else { &mut coverage.no_evidence };
            outcome.insert(control.id.clone());
        }
    }
    for control in findings.iter().flat_map(|finding| &finding.controls) {
        by_framework.entry(&control.framework).or_default().failed.insert(control.id.clone());
    }
    let settle = |(key, mut coverage): (&str, Coverage)| {
        coverage.passed.retain(|id| !coverage.failed.contains(id));
        coverage.no_evidence.retain(|id| !coverage.failed.contains(id) && !coverage.passed.contains(id));
        Coverage { framework: key.to_owned(), ..coverage }
    };
    by_framework.into_iter().map(settle).collect()
}
