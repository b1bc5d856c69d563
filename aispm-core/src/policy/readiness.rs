//! The plain questions that a security lead starts from, answered yes, no or unknown by what an inventory shows.
//!
//! The questions are data (`data/policy/readiness.yaml`): which assets each is about, what these show that is good or bad
//! news, which rules' findings are bad news. What shows neither is unknown, and the answer names the export that would
//! tell. Nothing is guessed.

use std::collections::{BTreeMap, HashMap, HashSet};

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PolicySet;
use super::controls::{ControlResult, ControlStatus, Framework};
use super::expression::{Expression, Purpose, Scope};
use super::needs::Seen;
use super::view::World;
use crate::asset::{
    Asset, AssetId, AssetKind, Document, Error, ErrorKind, Evidence, Finding, Inventory, Result, Waived, count,
};
use crate::discover::FileSeen;
use crate::path::Solution;

/// The key of these questions as a framework.
pub(super) const KEY: &str = "aispm_readiness";
const QUESTIONS: &str = include_str!("../../data/policy/readiness.yaml");
/// Most assets and pieces of evidence that an answer names.
const NAMED: usize = 10;

crate::asset::names! {
    /// An answer in a word.
    Reply, "snake_case" {
        /// It is so.
        Yes = "yes",
        /// It is not so.
        No = "no",
        /// The input does not show it.
        Unknown = "unknown",
    }
}

/// A question and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Answer {
    /// Stable id, e.g. `open-buckets`.
    pub id: String,
    /// The question.
    pub question: String,
    /// Its answer.
    pub answer: Reply,
    /// Whether that is good news; absent while unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good: Option<bool>,
    /// Why, in a sentence.
    pub reason: String,
    /// How many assets were asked about.
    pub asked: usize,
    /// Those that decide the answer, or leave it open: at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<AssetId>,
    /// Rules whose findings were asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// Fingerprints of the findings that decide the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
    /// Where that was seen: at most 10 places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// The export that would answer it, while it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
    /// Platforms for which `aispm collect` says how to get that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collect: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wanted {
    Every,
    One,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    id: String,
    question: String,
    good: Reply,
    needs: Wanted,
    kinds: Vec<AssetKind>,
    of: Option<String>,
    good_if: String,
    bad_if: Option<String>,
    #[serde(default)]
    rules: Vec<String>,
    #[serde(default)]
    formats: Vec<String>,
    #[serde(default)]
    evidence: Vec<String>,
    export: String,
    #[serde(default)]
    collect: Vec<String>,
}

fn questions() -> Result<Vec<Question>> {
    Document::config("readiness.yaml", QUESTIONS)
}

/// The questions as a framework, whose controls they are.
pub(super) fn framework() -> Result<Framework> {
    let controls = questions()?.into_iter().map(|question| (question.id, question.question)).collect();
    Ok(Framework::of(KEY, "aispm readiness", env!("CARGO_PKG_VERSION"), controls))
}

/// Answers every question, in the order of the data. O(questions · assets of their kinds), in parallel.
pub fn answers(
    policies: &PolicySet,
    inventory: &Inventory,
    solution: &Solution,
    files: &[FileSeen],
    findings: &[Finding],
    waived: &[Waived],
) -> Result<Vec<Answer>> {
    let world = World::new(inventory, solution, &policies.values, &policies.facts, policies.today.as_deref());
    let mut by_rule = HashMap::<&str, Vec<&Finding>>::new();
    // what somebody accepts is so all the same
    for finding in findings.iter().chain(waived.iter().map(|waived| &waived.finding)) {
        by_rule.entry(&finding.rule).or_default().push(finding);
    }
    let ask = Ask { policies, inventory, world: &world, seen: Seen::of(inventory), files, by_rule };
    questions()?.iter().map(|question| ask.answer(question)).collect()
}

struct Ask<'a> {
    policies: &'a PolicySet,
    inventory: &'a Inventory,
    world: &'a World<'a>,
    seen: Seen<'a>,
    files: &'a [FileSeen],
    by_rule: HashMap<&'a str, Vec<&'a Finding>>,
}

/// What an asset shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum News {
    Good,
    Bad,
    None,
}

impl Ask<'_> {
    fn answer(&self, question: &Question) -> Result<Answer> {
        let compile = |source: &str| {
            Expression::compile(source, Purpose::Condition, &self.policies.params).map_err(|flaw| {
                let message = format!("{}: {source}: {}", question.id, flaw.message);
                Error::new(ErrorKind::Invalid, message).at("readiness.yaml")
            })
        };
        let of = question.of.as_deref().map(compile).transpose()?;
        let (good_if, bad_if) = (compile(&question.good_if)?, question.bad_if.as_deref().map(compile).transpose()?);
        let news = |asset: &Asset| {
            // what fails to evaluate shows nothing
            let holds =
                |expression: &Expression| expression.holds(&Scope::new(self.world, asset.id.as_str())).unwrap_or(false);
            if !of.as_ref().is_none_or(holds) {
                return None;
            }
            Some(if bad_if.as_ref().is_some_and(holds) {
                News::Bad
            } else if holds(&good_if) {
                News::Good
            } else {
                News::None
            })
        };
        let asked = self.inventory.assets().filter(|asset| question.kinds.contains(&asset.kind)).collect::<Vec<_>>();
        let asked = asked.into_par_iter().filter_map(|asset| Some((asset, news(asset)?))).collect::<Vec<_>>();
        let of_news =
            |wanted| asked.iter().filter(move |(_, news)| *news == wanted).map(|(asset, _)| *asset).collect::<Vec<_>>();
        let (good, bad, open) = (of_news(News::Good), of_news(News::Bad), of_news(News::None));
        let findings = question.rules.iter().filter_map(|rule| self.by_rule.get(rule.as_str())).flatten().copied();
        let findings = findings.collect::<Vec<_>>();
        let found = Found { question, asked: asked.len() };
        if question.needs == Wanted::Every {
            if !findings.is_empty() || !bad.is_empty() {
                return Ok(found.bad(&bad, &findings));
            }
            if let Some(shown) = self.shown(question) {
                return Ok(found.shown(shown));
            }
            let unmet = self.unmet(question);
            return Ok(match (open.as_slice(), unmet) {
                ([], None) if !good.is_empty() => found.good(&good, format!("so for {}", of_all(good.len()))),
                (open, unmet) => found.open(open, unmet),
            });
        }
        let seen = self.files.iter().find(|file| question.formats.contains(&file.format));
        Ok(if let Some(file) = seen {
            let mut answer = found.good(&[], format!("{} events were read", file.format));
            answer.evidence = vec![Evidence::file(file.path.as_str())];
            answer
        } else if !good.is_empty() {
            found.good(&good, format!("shown by {}", names(&good)))
        } else if let Some(shown) = self.shown(question) {
            found.shown(shown)
        } else if !findings.is_empty() || (!bad.is_empty() && open.is_empty()) {
            found.bad(&bad, &findings)
        } else {
            found.open(&open, None)
        })
    }

    /// Declared evidence that answers it and has not ended.
    fn shown(&self, question: &Question) -> Option<&super::controls::Shown> {
        self.policies.shown.iter().find(|shown| question.evidence.contains(&shown.kind) && !shown.expired)
    }

    /// What a rule that answers it lacks.
    fn unmet(&self, question: &Question) -> Option<String> {
        let rules = self.policies.rules.iter().filter(|rule| question.rules.contains(&rule.info.id));
        rules.filter_map(|rule| Some((rule, self.policies.unmet(rule, &self.seen)?))).find_map(|(rule, needs)| {
            let applies = self.inventory.assets().any(|asset| rule.kinds.contains(&asset.kind));
            applies.then(|| format!("{} needs {needs}", rule.info.id))
        })
    }
}

/// `all 4 assets asked about`.
fn of_all(n: usize) -> String {
    if n == 1 { "the one asset asked about".to_owned() } else { format!("all {n} assets asked about") }
}

/// `a, b and 3 more`.
fn names(assets: &[&Asset]) -> String {
    let shown = assets.iter().take(3).map(|asset| asset.name.as_str()).collect::<Vec<_>>().join(", ");
    match assets.len().saturating_sub(3) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// A question of which it is known how many assets it asks about.
struct Found<'a> {
    question: &'a Question,
    asked: usize,
}

impl Found<'_> {
    fn reply(&self, good: Option<bool>, reason: String, assets: &[&Asset]) -> Answer {
        let question = self.question;
        let answer = match (good, question.good) {
            (None, _) => Reply::Unknown,
            (Some(true), reply) => reply,
            (Some(false), Reply::Yes) => Reply::No,
            (Some(false), _) => Reply::Yes,
        };
        Answer {
            id: question.id.clone(),
            question: question.question.clone(),
            answer,
            good,
            reason,
            asked: self.asked,
            assets: assets.iter().take(NAMED).map(|asset| asset.id.clone()).collect(),
            rules: question.rules.clone(),
            findings: Vec::new(),
            evidence: assets.iter().filter_map(|asset| asset.evidence.first().cloned()).take(NAMED).collect(),
            needs: good.is_none().then(|| question.export.clone()),
            collect: if good.is_none() { question.collect.clone() } else { Vec::new() },
        }
    }

    fn good(&self, assets: &[&Asset], reason: String) -> Answer {
        self.reply(Some(true), reason, assets)
    }

    fn shown(&self, shown: &super::controls::Shown) -> Answer {
        let mut answer = self.good(&[], format!("declared: {} {}", shown.kind, shown.reference));
        answer.evidence = vec![shown.evidence.clone()];
        answer
    }

    fn bad(&self, assets: &[&Asset], findings: &[&Finding]) -> Answer {
        let mut reasons = Vec::new();
        if !assets.is_empty() {
            reasons.push(format!("{} of {}: {}", assets.len(), count(self.asked, "asset"), names(assets)));
        }
        if !findings.is_empty() {
            let mut rules = BTreeMap::<&str, usize>::new();
            findings.iter().for_each(|finding| *rules.entry(&finding.rule).or_default() += 1);
            let rules = rules.into_keys().collect::<Vec<_>>().join(", ");
            reasons.push(format!("{} by {rules}", count(findings.len(), "finding")));
        }
        let mut answer = self.reply(Some(false), reasons.join("; "), assets);
        answer.findings = findings.iter().map(|finding| finding.fingerprint.clone()).collect();
        answer.evidence.extend(findings.iter().filter_map(|finding| finding.evidence.first().cloned()));
        let mut seen = HashSet::new();
        answer.evidence.retain(|place| seen.insert(place.clone()));
        answer.evidence.truncate(NAMED);
        for asset in findings.iter().map(|finding| &finding.asset) {
            if answer.assets.len() < NAMED && !answer.assets.contains(asset) {
                answer.assets.push(asset.clone());
            }
        }
        answer
    }

    fn open(&self, assets: &[&Asset], unmet: Option<String>) -> Answer {
        let reason = match (assets, unmet) {
            ([], Some(unmet)) => unmet,
            ([], None) => "nothing in the input is of that kind".to_owned(),
            (assets, _) => {
                let verb = if assets.len() == 1 { "does" } else { "do" };
                let of = format!("{} of {}", assets.len(), count(self.asked, "asset"));
                format!("{of} {verb} not show it: {}", names(assets))
            }
        };
        self.reply(None, reason, assets)
    }
}

impl Answer {
    /// How it stands in the coverage of `aispm_readiness`.
    pub(super) fn result(&self) -> ControlResult {
        let (status, reason) = match self.good {
            Some(true) => (ControlStatus::Passed, format!("{}: {}", self.answer, self.reason)),
            Some(false) => (ControlStatus::Failed, format!("{}: {}", self.answer, self.reason)),
            None => {
                let needs = self.needs.as_deref().unwrap_or_default();
                (ControlStatus::NoEvidence, format!("{}; needs {needs}", self.reason))
            }
        };
        ControlResult {
            id: self.id.clone(),
            name: self.question.clone(),
            status,
            reason,
            rules: self.rules.clone(),
            unknown: Vec::new(),
            assets: self.asked,
            findings: self.findings.clone(),
            shown: Vec::new(),
            via: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
