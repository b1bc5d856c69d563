//! How far an assessment covers the controls of each framework.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::crosswalk::Crosswalk;
use super::{Catalogues, Framework};
use crate::asset::{Asset, AssetId, AssetKind, Control, Evidence, Finding, Inventory, Waived, count};
use crate::discover::declared::{DeclaredEvidence, Facts};
use crate::policy::needs::Seen;
use crate::policy::readiness::{self, Answer};
use crate::policy::{PolicySet, Rule};

/// Most rules, needs and the like that a reason names.
const NAMED: usize = 4;

crate::asset::names! {
    /// How a control came out.
    ControlStatus, "snake_case" {
        /// A rule judged it and nothing of what it looks for was seen, or declared evidence speaks for it; that is not
        /// proof that the control works.
        Passed = "passed",
        /// A finding bears on it.
        Failed = "failed",
        /// Nothing in the estate is of a kind that its rules speak of.
        NotApplicable = "not_applicable",
        /// Its rules had nothing to judge by, its evidence has ended, or nothing speaks of it.
        NoEvidence = "no_evidence",
    }
}

/// How the controls of a framework came out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Coverage {
    /// The framework's key.
    pub framework: String,
    /// Its controls that rules, declared evidence or the crosswalk bear on, by id.
    pub controls: Vec<ControlResult>,
}

/// How one control came out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct ControlResult {
    /// Its id in the framework.
    pub id: String,
    /// Its short name.
    #[serde(default)]
    pub name: String,
    /// How it came out.
    pub status: ControlStatus,
    /// Why, in a sentence.
    pub reason: String,
    /// Rules that bear on it, by id.
    pub rules: Vec<String>,
    /// Those of them that could not judge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// How many assets the rules that judged looked at.
    #[serde(default)]
    pub assets: usize,
    /// Fingerprints of the findings that bear on it, worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
    /// Declared evidence that speaks for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<Shown>,
    /// Controls of other frameworks from which it follows by the crosswalk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<Control>,
}

/// Declared evidence for a control.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Shown {
    /// What it is: `impact-assessment`, `red-team`, ….
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it is kept.
    #[serde(rename = "ref")]
    pub reference: String,
    /// What it is about; everything if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// Last day on which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Whether that day has gone by.
    pub expired: bool,
    /// Where that is declared.
    pub evidence: Evidence,
}

impl Coverage {
    /// The controls that came out so.
    pub fn with(&self, status: ControlStatus) -> impl Iterator<Item = &ControlResult> {
        self.controls.iter().filter(move |control| control.status == status)
    }

    /// With the controls of the catalogue that nothing bears on, as without evidence. One that stands above others, such
    /// as an article above its paragraphs, comes out as the worst of these. O(n²) in controls that stand below others,
    /// else O(n log n).
    #[must_use]
    pub fn complete(&self, framework: &Framework) -> Self {
        let known = self.controls.iter().map(|control| (control.id.as_str(), control)).collect::<BTreeMap<_, _>>();
        let result = |(id, name): (&String, &String)| {
            if let Some(known) = known.get(id.as_str()) {
                return (*known).clone();
            }
            let below = self.controls.iter().filter(|control| stands_below(&control.id, id)).collect::<Vec<_>>();
            let mut result = ControlResult {
                id: id.clone(),
                name: name.clone(),
                status: ControlStatus::NoEvidence,
                reason: "no rule or declared evidence speaks of it".to_owned(),
                rules: Vec::new(),
                unknown: Vec::new(),
                assets: 0,
                findings: Vec::new(),
                shown: Vec::new(),
                via: Vec::new(),
            };
            use ControlStatus::{Failed, NoEvidence, NotApplicable, Passed};
            let worst = [Failed, NoEvidence, Passed, NotApplicable];
            if let Some(status) = worst.into_iter().find(|s| below.iter().any(|control| control.status == *s)) {
                let ids = below.iter().filter(|control| control.status == status).map(|control| control.id.as_str());
                result.status = status;
                result.reason = format!("as {}", some(ids));
                let findings = below.iter().flat_map(|control| control.findings.iter().cloned());
                result.findings = findings.collect::<BTreeSet<_>>().into_iter().collect();
            }
            result
        };
        Self { framework: self.framework.clone(), controls: framework.controls.iter().map(result).collect() }
    }
}

/// Whether a control stands below another by its id: `Art.5(1)(f)` and `CC6.1` below `Art.5` and `CC6`, not `Art.50`.
fn stands_below(id: &str, above: &str) -> bool {
    id.strip_prefix(above).is_some_and(|rest| rest.starts_with(['.', '(', ' ']))
}

/// `a, b, c, d and 4 more`.
fn some<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names = names.into_iter().collect::<Vec<_>>();
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Every finding, those that somebody accepts last.
struct Found<'a> {
    all: &'a [&'a Finding],
    waived_from: usize,
}

/// What is known of a control while rules are gone through.
#[derive(Debug, Clone, Default)]
struct Tally<'a> {
    rules: BTreeSet<&'a str>,
    judged: BTreeSet<&'a str>,
    kinds: BTreeSet<AssetKind>,
    needs: BTreeMap<&'a str, String>,
    /// Places in the list of findings, which is by severity.
    findings: BTreeSet<usize>,
    shown: BTreeSet<Shown>,
    via: Vec<Control>,
}

impl<'a> Tally<'a> {
    fn take(&mut self, other: &Self) {
        self.rules.extend(&other.rules);
        self.judged.extend(&other.judged);
        self.kinds.extend(&other.kinds);
        self.needs.extend(other.needs.iter().map(|(rule, needs)| (*rule, needs.clone())));
        self.findings.extend(&other.findings);
        self.shown.extend(other.shown.iter().cloned());
    }

    fn speaks(&self) -> bool {
        !(self.rules.is_empty() && self.findings.is_empty() && self.shown.is_empty())
    }
}

/// The coverage of each framework that rules, declared evidence or the crosswalk bear on, by key; of `aispm_readiness` by
/// the answers. A rule judged if the inventory has an asset of its kinds that bears on AI, and all that the rule needs; a control of
/// which some rules could not judge has not passed. A waived finding
/// fails its controls all the same.
/// O(assets + rules · controls + findings · controls + rows of the crosswalk · rules and findings behind them).
#[must_use]
pub fn coverage(
    policies: &PolicySet,
    inventory: &Inventory,
    findings: &[Finding],
    waived: &[Waived],
    answers: &[Answer],
) -> Vec<Coverage> {
    let Ok(catalogues) = policies.catalogues() else { return Vec::new() };
    let mut assets = HashMap::<AssetKind, usize>::new();
    for asset in inventory.assets().filter(|asset| bears_on_ai(asset, inventory)) {
        *assets.entry(asset.kind).or_default() += 1;
    }
    if assets.is_empty() {
        // what people declare of the organisation says nothing where there is no AI
    } else if let organisations @ 1.. = inventory.assets().filter(|asset| asset.kind == AssetKind::Team).count() {
        assets.insert(AssetKind::Team, organisations);
    }
    let mut tallies = BTreeMap::<Control, Tally<'_>>::new();
    let seen = Seen::of(inventory);
    for rule in &policies.rules {
        let tally = judge(policies, rule, &seen, &assets);
        for control in &rule.info.controls {
            tallies.entry(control.clone()).or_default().take(&tally);
        }
        tallies.insert(Control::new(Crosswalk::RULE, &rule.info.id), tally);
    }
    let all = findings.iter().chain(waived.iter().map(|waived| &waived.finding)).collect::<Vec<_>>();
    let found = Found { all: &all, waived_from: findings.len() };
    for (place, finding) in all.iter().enumerate() {
        let rule = Control::new(Crosswalk::RULE, &finding.rule);
        for control in finding.controls.iter().chain([&rule]) {
            tallies.entry(control.clone()).or_default().findings.insert(place);
        }
    }
    for shown in &policies.shown {
        for control in catalogues.crosswalk.evidence.get(&shown.kind).into_iter().flatten() {
            tallies.entry(control.clone()).or_default().shown.insert(shown.clone());
        }
    }
    for (control, from) in &catalogues.crosswalk.rows {
        let mut derived = Tally::default();
        for source in from {
            if let Some(tally) = tallies.get(source).filter(|tally| tally.speaks()) {
                derived.take(tally);
                derived.via.push(source.clone());
            }
        }
        if derived.speaks() {
            let tally = tallies.entry(control.clone()).or_default();
            tally.take(&derived);
            tally.via.extend(derived.via);
        }
    }
    let mut by_framework = BTreeMap::<String, Vec<ControlResult>>::new();
    for (control, tally) in tallies {
        if control.framework != Crosswalk::RULE {
            let result = tally.result(&control, catalogues, &assets, &found);
            by_framework.entry(control.framework).or_default().push(result);
        }
    }
    if !answers.is_empty() {
        by_framework.insert(readiness::KEY.to_owned(), answers.iter().map(Answer::result).collect());
    }
    by_framework.into_iter().map(|(framework, controls)| Coverage { framework, controls }).collect()
}

/// Whether an asset is AI, or one relation away from what is: the rest of an estate shows nothing about AI.
fn bears_on_ai(asset: &Asset, inventory: &Inventory) -> bool {
    let ai = |id: &AssetId| inventory.get(id.as_str()).is_some_and(|asset| asset.ai);
    let id = asset.id.as_str();
    asset.ai || inventory.outgoing(id).any(|r| ai(&r.to)) || inventory.incoming(id).any(|r| ai(&r.from))
}

/// What a rule says by itself.
fn judge<'a>(policies: &PolicySet, rule: &'a Rule, seen: &Seen<'_>, assets: &HashMap<AssetKind, usize>) -> Tally<'a> {
    let id = rule.info.id.as_str();
    let mut tally = Tally { rules: BTreeSet::from([id]), ..Tally::default() };
    if rule.kinds.iter().any(|kind| assets.contains_key(kind)) {
        match policies.unmet(rule, seen) {
            Some(needs) => {
                tally.needs.insert(id, needs);
            }
            None => {
                tally.judged.insert(id);
                tally.kinds.extend(&rule.kinds);
            }
        }
    }
    tally
}

impl Tally<'_> {
    fn result(
        self,
        control: &Control,
        catalogues: &Catalogues,
        assets: &HashMap<AssetKind, usize>,
        found: &Found<'_>,
    ) -> ControlResult {
        let looked = self.kinds.iter().filter_map(|kind| assets.get(kind)).sum();
        let findings = self.findings.iter().filter_map(|place| found.all.get(*place)).collect::<Vec<_>>();
        let waived = self.findings.iter().filter(|place| **place >= found.waived_from).count();
        // evidence that ended is made good by newer evidence of its type
        let holds = |kind: &str| self.shown.iter().any(|shown| shown.kind == kind && !shown.expired);
        let (lapsed, current): (Vec<&Shown>, Vec<&Shown>) = self.shown.iter().partition(|shown| shown.expired);
        let lapsed = lapsed.into_iter().filter(|shown| !holds(&shown.kind)).collect::<Vec<_>>();
        let status = if !findings.is_empty() {
            ControlStatus::Failed
        } else if !lapsed.is_empty() {
            ControlStatus::NoEvidence
        } else if !current.is_empty() || !self.judged.is_empty() && self.needs.is_empty() {
            ControlStatus::Passed
        } else if !self.needs.is_empty() {
            ControlStatus::NoEvidence
        } else {
            ControlStatus::NotApplicable
        };
        let mut reasons = Vec::new();
        if !findings.is_empty() {
            let rules = findings.iter().map(|finding| finding.rule.as_str()).collect::<BTreeSet<_>>();
            let waived = if waived > 0 { format!(", {waived} waived") } else { String::new() };
            reasons.push(format!("{} by {}{waived}", count(findings.len(), "finding"), some(rules)));
        } else if !self.judged.is_empty() {
            let rules = some(self.judged.iter().copied());
            reasons.push(format!("nothing found by {rules} on {}", count(looked, "asset")));
        }
        reasons.extend(current.iter().map(|shown| shown.sentence()));
        reasons.extend(lapsed.iter().map(|shown| shown.sentence()));
        if !self.needs.is_empty() && status != ControlStatus::Failed {
            let could_not = if self.judged.is_empty() { "" } else { "could not judge: " };
            let needs = self.needs.iter().map(|(rule, needs)| format!("{rule} needs {needs}")).collect::<Vec<_>>();
            reasons.push(format!("{could_not}{}", some(needs.iter().map(String::as_str))));
        }
        if reasons.is_empty() {
            reasons.push("the estate has nothing that its rules speak of".to_owned());
        }
        if !self.via.is_empty() {
            let via = self.via.iter().map(|control| format!("{} {}", control.framework, control.id));
            let via = via.collect::<Vec<_>>();
            reasons.push(format!("by the crosswalk from {}", some(via.iter().map(String::as_str))));
        }
        ControlResult {
            id: control.id.clone(),
            name: catalogues.name(control).to_owned(),
            status,
            reason: reasons.join("; "),
            rules: self.rules.iter().map(|&rule| rule.to_owned()).collect(),
            unknown: self.needs.keys().map(|&rule| rule.to_owned()).collect(),
            assets: looked,
            findings: findings.iter().map(|finding| finding.fingerprint.clone()).collect(),
            shown: self.shown.iter().cloned().collect(),
            via: self.via,
        }
    }
}

impl Shown {
    /// What is declared, with its places; without a day nothing has ended.
    pub(in crate::policy) fn of(facts: &Facts, today: Option<&str>) -> Vec<Self> {
        let shown = |(i, declared): (usize, &DeclaredEvidence)| Self {
            kind: declared.kind.clone(),
            reference: declared.reference.clone(),
            asset: declared.asset.clone(),
            until: declared.expires.clone(),
            expired: declared.expires.as_deref().zip(today).is_some_and(|(until, today)| until < today),
            evidence: facts.document().evidence(&format!("/evidence/{i}")),
        };
        facts.evidence.iter().enumerate().filter(|(_, declared)| declared.counts()).map(shown).collect()
    }

    /// `shown by red-team TICKET-1 for m (aispm.yaml:18), until 2026-12-31`.
    fn sentence(&self) -> String {
        let Self { kind, reference, asset, until, expired, evidence } = self;
        let about = asset.as_ref().map(|asset| format!(" for {asset}")).unwrap_or_default();
        let place = evidence.location();
        let until = until.as_deref().unwrap_or_default();
        match (*expired, until.is_empty()) {
            (true, _) => format!("the {kind} {reference}{about} ({place}) ended on {until}"),
            (false, true) => format!("shown by {kind} {reference}{about} ({place})"),
            (false, false) => format!("shown by {kind} {reference}{about} ({place}), until {until}"),
        }
    }
}
