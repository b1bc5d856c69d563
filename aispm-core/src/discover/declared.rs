//! `aispm.yaml`: what no export shows. Systems and their owners, purposes, data classes, approvals, lineage, the
//! organisation's parameters, waivers, and evidence that expires.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::asset::{
    Asset, AssetId, AssetKind, Document, Error, Evidence, Exposure, Inventory, OwnerClaim, OwnerSource, Relation,
    RelationKind, Result, RiskClass, Waiver, day,
};

mod classification;
mod evidence;

pub use classification::Classification;

/// What people declare of their estate. Ids may hold `*`, which stands for any text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Facts {
    /// AI systems: use cases with a purpose and an owner.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub systems: Vec<System>,
    /// What is known of single assets or of all that match a pattern.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<AssetFacts>,
    /// Who approved what, and until when.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
    /// What data and models were made from: relations such as `trained_on`, `derived_from`, `retrieves_from`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lineage: Vec<DeclaredRelation>,
    /// Other relations that no export shows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub relations: Vec<DeclaredRelation>,
    /// The organisation's own values for what rules ask: `approved_providers`, `approved_models`, `mcp_allow`,
    /// `regions`, and those of its own rules.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
    /// Assessments, contracts and tests that somebody has done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<DeclaredEvidence>,
    /// Findings that somebody accepts for a while.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<Waiver>,
    #[serde(skip)]
    lines: Lines,
}

/// An AI system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct System {
    /// Stable id, e.g. `support-assistant`.
    pub id: String,
    /// Name for people; the id if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Who answers for it; also for members without an owner of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// EU AI Act risk class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_class: Option<RiskClass>,
    /// `production`, `staging`, `development`, …; also for members that do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Answers that decide its class under the EU AI Act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<Classification>,
    /// Ids or patterns of what it consists of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
}

/// What is known of an asset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AssetFacts {
    /// Id or pattern.
    pub id: String,
    /// What it is: adds an asset that no export shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<AssetKind>,
    /// Name for people of such an asset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// `production`, `staging`, `development`, ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Classes of data it holds: `personal`, `customer`, `health`, `payment`, `credentials`, `confidential`, `public`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub data_classes: BTreeSet<String>,
    /// EU AI Act risk class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_class: Option<RiskClass>,
}

/// An approval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Approval {
    /// Id or pattern of what is approved.
    pub asset: String,
    /// What was approved of it, e.g. `sensitive-data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// Who approved it.
    pub by: String,
    /// Last day on which it holds, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// What exactly was approved: the digest of a model, an image or a tool's description, `sha256:HEX`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// A declared relation; one of its ends may be a pattern.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DeclaredRelation {
    /// The asset that acts.
    pub from: String,
    /// How they relate.
    pub kind: RelationKind,
    /// The asset acted on.
    pub to: String,
}

/// Evidence for a control or system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DeclaredEvidence {
    /// What it is: `impact-assessment`, `red-team`, `dpa`, `model-card`, …; the known types stand in
    /// `data/discover/evidence.yaml`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it is kept: file, link, ticket.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Id or pattern of what it is about; evidence for a system counts for its members too. Left out, it is about the
    /// organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// Day on which it was made, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Last day on which it holds, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// The document that facts were read from, for their lines. Two equal sets of facts may stand in different files.
#[derive(Debug, Clone, Default)]
struct Lines(Document);

impl PartialEq for Lines {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Facts {
    /// The names of the sections.
    pub(crate) const SECTIONS: &[&str] =
        &["systems", "assets", "approvals", "lineage", "relations", "params", "evidence", "waivers"];

    /// Reads `aispm.yaml`. Unknown keys, wrong values and malformed dates are errors with file and line.
    pub fn from_yaml(path: &str, text: &str) -> Result<Self> {
        if text.lines().all(|line| line.trim_start().is_empty() || line.trim_start().starts_with('#')) {
            return Ok(Self::default());
        }
        let document = Document::one(path, text)?;
        let mut facts: Self = document.read()?;
        facts.lines = Lines(document);
        facts.drop_blanks();
        if let Some((pointer, date)) = facts.dates().into_iter().find(|(_, date)| day(date).is_none()) {
            return Err(facts.error(&pointer, format!("{date:?} is no date; write YYYY-MM-DD")));
        }
        facts
            .waivers
            .iter()
            .enumerate()
            .try_for_each(|(i, waiver)| waiver.check(&facts.lines.0, &format!("/waivers/{i}")))?;
        Ok(facts)
    }

    /// That something is wrong at a JSON pointer of the file, with its place.
    pub(crate) fn error(&self, pointer: &str, message: impl Into<String>) -> Error {
        self.lines.0.error(pointer, message)
    }

    /// The document they were read from; empty if they were not read.
    pub(crate) fn document(&self) -> &Document {
        &self.lines.0
    }

    /// Adds what is declared to an inventory: systems as assets that `contain` their members, and to each asset what is
    /// said of it. A declared owner, purpose, environment or risk class replaces a discovered one; data classes add up.
    /// Returns warnings with their places for ids and patterns that match nothing. O(patterns · assets).
    pub fn apply(&self, inventory: &mut Inventory) -> Vec<String> {
        let mut apply = Apply { facts: self, inventory, warnings: Vec::new() };
        apply.assets();
        apply.systems();
        apply.approvals();
        apply.declared_evidence();
        apply.relations("lineage", &self.lineage);
        apply.relations("relations", &self.relations);
        let warnings = apply.warnings;
        // what is declared may hold classes and lineage
        inventory.inherit_classes();
        warnings
    }

    /// An owner or purpose of nothing but spaces is none.
    fn drop_blanks(&mut self) {
        let systems = self.systems.iter_mut().flat_map(|system| [&mut system.owner, &mut system.purpose]);
        let assets = self.assets.iter_mut().flat_map(|asset| [&mut asset.owner, &mut asset.purpose]);
        for text in systems.chain(assets) {
            *text = text.take().filter(|text| !text.trim().is_empty());
        }
    }

    /// Every date with its pointer.
    fn dates(&self) -> Vec<(String, &str)> {
        let approvals = self.approvals.iter().enumerate();
        let approvals = approvals.filter_map(|(i, a)| Some((format!("/approvals/{i}/until"), a.until.as_deref()?)));
        let evidence = self.evidence.iter().enumerate();
        let evidence = evidence.flat_map(|(i, e)| {
            let dates = [("date", e.date.as_deref()), ("expires", e.expires.as_deref())];
            dates.into_iter().filter_map(move |(key, date)| Some((format!("/evidence/{i}/{key}"), date?)))
        });
        approvals.chain(evidence).collect()
    }
}

/// Facts on their way into an inventory.
struct Apply<'a> {
    facts: &'a Facts,
    inventory: &'a mut Inventory,
    warnings: Vec<String>,
}

impl Apply<'_> {
    fn assets(&mut self) {
        for (i, facts) in self.facts.assets.iter().enumerate() {
            let pointer = format!("/assets/{i}");
            if let Some(kind) = facts.kind.filter(|_| !facts.id.contains('*')) {
                let name = facts.name.as_ref().unwrap_or(&facts.id);
                self.inventory.add(Asset::new(&facts.id, kind, name).seen(self.evidence(&pointer)));
            }
            let evidence = self.evidence(&pointer);
            self.each(&facts.id, &pointer, |asset| {
                if let Some(owner) = &facts.owner {
                    asset.claim(OwnerClaim::new(OwnerSource::Declared, owner, evidence.clone()));
                }
                replace(&mut asset.purpose, &facts.purpose);
                replace(&mut asset.environment, &facts.environment);
                replace(&mut asset.risk_class, &facts.risk_class);
                asset.data_classes.extend(facts.data_classes.iter().cloned());
            });
        }
    }

    fn approvals(&mut self) {
        for (i, approval) in self.facts.approvals.iter().enumerate() {
            let pointer = format!("/approvals/{i}");
            self.each(&approval.asset, &pointer, |asset| {
                asset.properties.insert("approved_by".into(), approval.by.as_str().into());
                if let Some(what) = &approval.what {
                    asset.properties.insert("approved_for".into(), what.as_str().into());
                }
                if let Some(digest) = &approval.digest {
                    asset.properties.insert("expected_digest".into(), digest.as_str().into());
                }
                match &approval.until {
                    Some(until) => asset.properties.insert("approved_until".into(), until.as_str().into()),
                    None => asset.properties.remove("approved_until"),
                };
            });
        }
    }

    fn systems(&mut self) {
        for (i, system) in self.facts.systems.iter().enumerate() {
            let mut asset = Asset::new(&system.id, AssetKind::System, system.name.as_ref().unwrap_or(&system.id))
                .seen(self.evidence(&format!("/systems/{i}")));
            let owner = |evidence| Some(OwnerClaim::new(OwnerSource::Declared, system.owner.clone()?, evidence));
            owner(self.evidence(&format!("/systems/{i}"))).into_iter().for_each(|claim| asset.claim(claim));
            asset.purpose.clone_from(&system.purpose);
            asset.risk_class = system.risk_class;
            asset.environment.clone_from(&system.environment);
            let answers = system.classification.as_ref().and_then(|answers| serde_json::to_value(answers).ok());
            asset.properties.extend(answers.map(|answers| ("classification".to_owned(), answers)));
            self.inventory.add(asset);
            for (j, member) in system.members.iter().enumerate() {
                let pointer = format!("/systems/{i}/members/{j}");
                let evidence = self.evidence(&pointer);
                for id in self.resolve(member, &pointer) {
                    if id.as_str() == system.id {
                        continue;
                    }
                    if let Some(asset) = self.inventory.get_mut(id.as_str()) {
                        if asset.owner.is_none() {
                            owner(evidence.clone()).into_iter().for_each(|claim| asset.claim(claim));
                        }
                        asset.purpose = asset.purpose.take().or_else(|| system.purpose.clone());
                        asset.environment = asset.environment.take().or_else(|| system.environment.clone());
                    }
                    let relation = Relation::new(&system.id, RelationKind::Contains, id.as_str());
                    self.inventory.relate(relation.seen(evidence.clone()));
                }
            }
        }
    }

    fn relations(&mut self, section: &str, declared: &[DeclaredRelation]) {
        for (i, declared) in declared.iter().enumerate() {
            let pointer = format!("/{section}/{i}");
            let evidence = self.evidence(&pointer);
            if declared.from.contains('*') && declared.to.contains('*') {
                self.warn(&evidence, "only one end of a relation can be a pattern");
                continue;
            }
            // an unknown end is kept: another export may describe it
            let ends = |found: Vec<AssetId>, id: &str| {
                if found.is_empty() && !id.contains('*') { vec![AssetId::from(id)] } else { found }
            };
            let from = ends(self.resolve(&declared.from, &pointer), &declared.from);
            let to = ends(self.resolve(&declared.to, &pointer), &declared.to);
            for (from, to) in from.iter().flat_map(|from| to.iter().map(move |to| (from, to))) {
                let exposed = declared.kind == RelationKind::Exposes && from.as_str() == AssetId::INTERNET;
                if let Some(asset) = self.inventory.get_mut(to.as_str()).filter(|_| exposed) {
                    asset.exposure.get_or_insert(Exposure::Public);
                }
                let relation = Relation::new(from.as_str(), declared.kind, to.as_str());
                self.inventory.relate(relation.seen(evidence.clone()));
            }
        }
    }

    /// Changes every asset that an id or pattern names, and records where that was said.
    fn each(&mut self, pattern: &str, pointer: &str, change: impl Fn(&mut Asset)) {
        let evidence = self.evidence(pointer);
        for id in self.resolve(pattern, pointer) {
            if let Some(asset) = self.inventory.get_mut(id.as_str()) {
                change(asset);
                if !asset.evidence.contains(&evidence) {
                    asset.evidence.push(evidence.clone());
                }
            }
        }
    }

    fn resolve(&mut self, pattern: &str, pointer: &str) -> Vec<AssetId> {
        let found: Vec<AssetId> = if pattern.contains('*') {
            let matching = self.inventory.assets().filter(|asset| like(pattern, asset.id.as_str()));
            matching.map(|asset| asset.id.clone()).collect()
        } else {
            self.inventory.get(pattern).map(|asset| asset.id.clone()).into_iter().collect()
        };
        if found.is_empty() && pattern != AssetId::INTERNET {
            let evidence = self.evidence(pointer);
            self.warn(&evidence, &format!("nothing in the estate has the id {pattern:?}"));
        }
        found
    }

    fn warn(&mut self, evidence: &Evidence, message: &str) {
        self.warnings.push(format!("{}: {message}", evidence.location()));
    }

    fn evidence(&self, pointer: &str) -> Evidence {
        self.facts.lines.0.evidence(pointer)
    }
}

fn replace<T: Clone>(known: &mut Option<T>, declared: &Option<T>) {
    if declared.is_some() {
        known.clone_from(declared);
    }
}

/// Whether a pattern, in which `*` stands for any text, matches the whole of a text. O(pattern · text) at worst.
pub(crate) fn like(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*').filter(|piece| !piece.is_empty()) {
        let Some((_, after)) = text.split_once(piece) else { return false };
        text = after;
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = r#"
systems:
  - id: system:help
    name: Help desk assistant
    purpose: Answers customers
    owner: support
    risk_class: limited
    members: ["k8s://prod/help/*", nowhere]
assets:
  - { id: "arn:aws:s3:::crm-*", data_classes: [personal], owner: sales }
approvals:
  - { asset: m, by: risk board, until: 2026-03-31 }
lineage:
  - { from: m, kind: trained_on, to: "arn:aws:s3:::crm-*" }
params:
  mcp_allow: ["npx @ours/*"]
evidence:
  - { type: red-team, ref: "TICKET-1", asset: m, expires: 2026-01-31 }
"#;

    #[test]
    fn sections_are_the_fields() {
        let schema = schemars::schema_for!(Facts).to_value();
        let fields = schema["properties"].as_object().unwrap().keys().map(String::as_str);
        assert_eq!(fields.collect::<BTreeSet<_>>(), Facts::SECTIONS.iter().copied().collect());
    }

    fn estate() -> Inventory {
        let mut inventory = Inventory::new();
        inventory.add(Asset::new("k8s://prod/help/Deployment/bot", AssetKind::Workload, "bot"));
        inventory.add(Asset::new("arn:aws:s3:::crm-export", AssetKind::Bucket, "crm-export"));
        inventory.add(Asset::new("m", AssetKind::Model, "m"));
        inventory
    }

    #[test]
    fn facts_reach_the_assets_they_name() {
        let facts = Facts::from_yaml("aispm.yaml", YAML).unwrap();
        let mut inventory = estate();
        let warnings = facts.apply(&mut inventory);
        assert_eq!(warnings, ["aispm.yaml:8: nothing in the estate has the id \"nowhere\""]);
        let bot = inventory.get("k8s://prod/help/Deployment/bot").unwrap();
        assert_eq!((bot.owner.as_deref(), bot.purpose.as_deref()), (Some("support"), Some("Answers customers")));
        let bucket = inventory.get("arn:aws:s3:::crm-export").unwrap();
        assert!(bucket.is_sensitive() && bucket.evidence[0].line == Some(10));
        assert_eq!(inventory.get("m").unwrap().text("approved_by"), Some("risk board"));
        let system = inventory.get("system:help").unwrap();
        assert_eq!((system.kind, system.risk_class), (AssetKind::System, Some(RiskClass::Limited)));
        let kinds = inventory.relations().map(|r| (r.from.as_str(), r.kind, r.to.as_str())).collect::<Vec<_>>();
        assert_eq!(
            kinds,
            [
                ("m", RelationKind::TrainedOn, "arn:aws:s3:::crm-export"),
                ("system:help", RelationKind::Contains, "k8s://prod/help/Deployment/bot"),
            ]
        );
    }

    #[test]
    fn what_has_ended_is_told_by_the_given_day() {
        let facts = Facts::from_yaml("f", YAML).unwrap();
        assert_eq!(facts.expired("2026-01-31"), [""; 0]);
        assert_eq!(facts.expired("2026-02-01T10:00:00Z"), ["f:18: the red-team \"TICKET-1\" ended on 2026-01-31"]);
        assert_eq!(facts.expired("2027-01-01").len(), 2);
    }

    #[test]
    fn mistakes_are_errors_with_their_line() {
        let error = |text: &str| Facts::from_yaml("f.yaml", text).unwrap_err().to_string();
        assert!(error("systems:\n  - id: s\n    ownr: me\n").starts_with("f.yaml:3:5: unknown field `ownr`"));
        assert!(
            error("approvals:\n  - { asset: a, by: b, until: soon }\n").starts_with("f.yaml:2:24: \"soon\" is no date")
        );
        assert!(error("relations:\n  - { from: a, kind: loves, to: b }\n").contains("loves"));
        assert_eq!(Facts::from_yaml("f", "# nothing yet\n").unwrap(), Facts::default());
    }

    #[test]
    fn patterns_match_whole_texts() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*b", "ab", true),
            ("a*b*c", "a--b--c", true),
            ("a*b*c", "a--c", false),
            ("ab*ba", "aba", false),
            ("*", "", true),
        ] {
            assert_eq!(like(pattern, text), expected, "{pattern} {text}");
        }
    }
}
