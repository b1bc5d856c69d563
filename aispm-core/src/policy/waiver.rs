//! Waivers over findings: which are covered, which waivers have ended, and which cover nothing.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{POLICY_ERROR, PolicySet, sort};
use crate::asset::{AssetId, Document, Evidence, Finding, Result, Severity, Waived, Waiver, count};
use crate::discover::declared::like;

/// The rule of findings about waivers that have ended.
pub const EXPIRED_WAIVER: &str = "GOV-WAIVER";

/// Findings, sorted by whether a waiver covers them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Verdict {
    /// What nobody has accepted, worst first; waivers that have ended among them.
    pub findings: Vec<Finding>,
    /// What somebody lives with, worst first.
    pub waived: Vec<Waived>,
    /// Waivers that cover nothing, with their places.
    pub warnings: Vec<String>,
}

/// A waiver and where it is written.
#[derive(Debug)]
pub(super) struct Placed {
    waiver: Waiver,
    place: Evidence,
}

impl Placed {
    /// The `i`-th waiver of a document, if it is whole and for a rule that is known.
    pub(super) fn new(waiver: &Waiver, document: &Document, i: usize, known: impl Fn(&str) -> bool) -> Result<Self> {
        waiver.check(document, &format!("/waivers/{i}"))?;
        if !known(&waiver.rule) {
            let message = format!("the waiver is for {:?}, which is no rule or is disabled", waiver.rule);
            return Err(document.error(&format!("/waivers/{i}/rule"), message));
        }
        Ok(Self { waiver: waiver.clone(), place: document.evidence(&format!("/waivers/{i}")) })
    }

    fn covers(&self, finding: &Finding) -> bool {
        like(&self.waiver.rule, &finding.rule) && like(&self.waiver.asset, finding.asset.as_str())
    }

    /// That it has ended; `back` findings are no longer covered.
    fn expired(&self, back: &[&Finding]) -> Finding {
        let Waiver { rule, asset, owner, reason, expires, .. } = &self.waiver;
        let message = match back.len() {
            0 => format!("the waiver of {rule} on {asset} ended on {expires}; it covers nothing any more"),
            n => format!("the waiver of {rule} on {asset} ended on {expires}; {} back", count_back(n)),
        };
        let id = AssetId::from(asset.as_str());
        let title = "A waiver has expired";
        // the reason tells apart two that ended on one day
        let key = format!("{rule} {expires} {reason}");
        let mut finding = Finding::new(EXPIRED_WAIVER, Severity::Medium, id, &key, title, message);
        "Mend what it covered, or decide again with a new reason and date; remove it if nothing is left to cover."
            .clone_into(&mut finding.fix);
        finding.owner = Some(owner.clone());
        let related = back.iter().map(|finding| &finding.asset).filter(|id| **id != finding.asset);
        finding.related = related.collect::<BTreeSet<_>>().into_iter().cloned().collect();
        finding.evidence = vec![self.place.clone().excerpt(format!("{owner}: {reason}"))];
        finding
    }
}

fn count_back(n: usize) -> String {
    format!("{} {}", count(n, "finding"), if n == 1 { "is" } else { "are" })
}

impl PolicySet {
    /// Takes out the findings that a waiver covers, each by the first that does; never those about rules or waivers. A waiver that ended
    /// before [`today`](super::PolicySetBuilder::today) covers nothing and is itself a finding ([`EXPIRED_WAIVER`]); if
    /// no day was given, none covers anything. O(findings · waivers).
    #[must_use]
    pub fn waive(&self, findings: Vec<Finding>) -> Verdict {
        let mut verdict = Verdict::default();
        let Some(today) = self.today.as_deref() else {
            verdict.findings = findings;
            if let Some(first) = self.waivers.first() {
                let message = "no day is given to judge waivers by, so none covers anything";
                verdict.warnings.push(format!("{}: {message}", first.place.location()));
            }
            return verdict;
        };
        let (ended, valid): (Vec<_>, Vec<_>) = self.waivers.iter().partition(|w| w.waiver.expires.as_str() < today);
        // no pattern reaches what reports on rules and waivers themselves
        let of_rule = |finding: &Finding| ![POLICY_ERROR, EXPIRED_WAIVER].contains(&finding.rule.as_str());
        for ended in ended {
            let back = findings.iter().filter(|finding| of_rule(finding) && ended.covers(finding)).collect::<Vec<_>>();
            verdict.findings.push(ended.expired(&back));
        }
        let mut used = vec![false; valid.len()];
        for finding in findings {
            let by = valid.iter().position(|waiver| of_rule(&finding) && waiver.covers(&finding));
            match by.and_then(|i| Some((valid.get(i)?, used.get_mut(i)?))) {
                Some((by, used)) => {
                    *used = true;
                    verdict.waived.push(Waived::new(finding, by.waiver.clone(), by.place.clone()));
                }
                None => verdict.findings.push(finding),
            }
        }
        for (waiver, _) in valid.iter().zip(used).filter(|(_, used)| !used) {
            let Waiver { rule, asset, .. } = &waiver.waiver;
            let message =
                format!("the waiver of {rule} on {asset:?} covers no finding; remove it, or correct its pattern");
            verdict.warnings.push(format!("{}: {message}", waiver.place.location()));
        }
        sort(&mut verdict.findings);
        verdict
    }
}
