//! The frameworks that rules cite: their controls by id, with short names, and how far an assessment covers them.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PolicySet;
use crate::asset::{Document, Finding, Inventory, Result, Waived};

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

crate::asset::names! {
    /// How a control came out.
    ControlStatus, "snake_case" {
        /// A rule judged it and nothing of what it looks for was seen; that is not proof that the control works.
        Passed = "passed",
        /// A finding bears on it.
        Failed = "failed",
        /// Nothing in the estate is of a kind that its rules speak of.
        NotApplicable = "not_applicable",
        /// Its rules had nothing to judge by.
        NoEvidence = "no_evidence",
    }
}

/// How the controls of a framework came out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Coverage {
    /// The framework's key.
    pub framework: String,
    /// Its controls that rules bear on, by id.
    pub controls: Vec<ControlResult>,
}

/// How one control came out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct ControlResult {
    /// Its id in the framework.
    pub id: String,
    /// How it came out.
    pub status: ControlStatus,
    /// Why, in a sentence.
    pub reason: String,
    /// Rules that bear on it, by id.
    pub rules: Vec<String>,
    /// Fingerprints of the findings that bear on it, worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
}

impl Coverage {
    /// The controls that came out so.
    pub fn with(&self, status: ControlStatus) -> impl Iterator<Item = &ControlResult> {
        self.controls.iter().filter(move |control| control.status == status)
    }
}

/// What is known of a control while rules are gone through.
#[derive(Default)]
struct Tally<'a> {
    rules: Vec<&'a str>,
    judged: bool,
    needs: Vec<String>,
    findings: Vec<&'a Finding>,
    /// How many of the findings somebody accepts.
    waived: usize,
}

/// The coverage of each framework that the rules cite, by key. A rule judged if the inventory has an asset of its kinds
/// and all that the rule needs. A waived finding fails its controls all the same. O(rules · (assets + controls) + findings · controls).
#[must_use]
pub fn coverage(policies: &PolicySet, inventory: &Inventory, findings: &[Finding], waived: &[Waived]) -> Vec<Coverage> {
    let kinds = inventory.assets().map(|asset| asset.kind).collect::<BTreeSet<_>>();
    let mut by_framework = BTreeMap::<&str, BTreeMap<&str, Tally<'_>>>::new();
    for rule in &policies.rules {
        let unmet = policies.unmet(rule, inventory);
        let applies = rule.kinds.iter().any(|kind| kinds.contains(kind));
        for control in &rule.info.controls {
            let tally = by_framework.entry(&control.framework).or_default().entry(&control.id).or_default();
            tally.rules.push(&rule.info.id);
            tally.judged |= applies && unmet.is_none();
            tally
                .needs
                .extend(unmet.as_ref().filter(|_| applies).map(|needs| format!("{} needs {needs}", rule.info.id)));
        }
    }
    let accepted = waived.iter().map(|waived| (&waived.finding, 1));
    for (finding, waived) in findings.iter().map(|finding| (finding, 0)).chain(accepted) {
        for control in &finding.controls {
            let tally = by_framework.entry(&control.framework).or_default().entry(&control.id).or_default();
            tally.findings.push(finding);
            tally.waived += waived;
        }
    }
    let coverage = |(key, controls): (&str, BTreeMap<&str, Tally<'_>>)| Coverage {
        framework: key.to_owned(),
        controls: controls.into_iter().map(|(id, tally)| tally.result(id)).collect(),
    };
    by_framework.into_iter().map(coverage).collect()
}

impl Tally<'_> {
    fn result(self, id: &str) -> ControlResult {
        let status = match &self {
            Self { findings, .. } if !findings.is_empty() => ControlStatus::Failed,
            Self { judged: true, .. } => ControlStatus::Passed,
            Self { needs, .. } if !needs.is_empty() => ControlStatus::NoEvidence,
            _ => ControlStatus::NotApplicable,
        };
        let reason = match status {
            ControlStatus::Failed => {
                let rules = self.findings.iter().map(|finding| finding.rule.as_str()).collect::<BTreeSet<_>>();
                let rules = rules.into_iter().collect::<Vec<_>>().join(", ");
                let waived = if self.waived > 0 { format!(", {} waived", self.waived) } else { String::new() };
                format!("{} by {rules}{waived}", crate::asset::count(self.findings.len(), "finding"))
            }
            ControlStatus::Passed => format!("nothing found by {}", self.rules.join(", ")),
            ControlStatus::NoEvidence => self.needs.join("; "),
            ControlStatus::NotApplicable => "the estate has nothing that its rules speak of".to_owned(),
        };
        ControlResult {
            id: id.to_owned(),
            status,
            reason,
            rules: self.rules.iter().map(|&rule| rule.to_owned()).collect(),
            findings: self.findings.iter().map(|finding| finding.fingerprint.clone()).collect(),
        }
    }
}
