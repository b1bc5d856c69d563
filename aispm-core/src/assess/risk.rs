//! How much what is wrong matters, asset by asset, for each system, each owner and the whole estate.
//!
//! Each finding has points: **severity × exposure × data × reachability**, at most 0.95.
//!
//! | term | value |
//! |---|---|
//! | severity | critical 0.25, high 0.12, medium 0.05, low 0.02, info 0 |
//! | exposure of the asset | public 2, restricted 1.4, internal or unknown 1, local 0.7 |
//! | data it holds, inherits, or works with over one relation | health, payment, credentials and the like 1.6, other sensitive data 1.4, else 1 |
//! | reachability | 1 + risk of the worst attack path through it ÷ 100, half of that if the path is conditional; × 1.25 if logs show it misused |
//!
//! An asset's score is 100 × (1 − Π(1 − points)), each rule counted once by its heaviest finding: more that is wrong
//! never lowers it, and it stays below 100. A system, an owner and the estate score ¾ of their worst asset and ¼ of the
//! average of all their assets, so that mending any of them lowers it. A score orders what to do first; it is no
//! probability.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::runtime;
use crate::asset::{Asset, AssetId, AssetKind, Exposure, Finding, Inventory, RelationKind, Severity, count, names};
use crate::path::{AttackPath, PathStatus};

/// Most terms and members that one score lists.
const LISTED: usize = 10;
/// Most points of one finding.
const MOST: f64 = 0.95;
/// Classes of data whose loss cannot be made good.
const GRAVE: [&str; 6] = ["biometric", "credentials", "financial", "genetic", "health", "payment"];

names! {
    /// What a score is about.
    RiskSubject, "snake_case" {
        /// The whole estate.
        Estate = "estate",
        /// A declared system with all that it contains.
        System = "system",
        /// All that one owner answers for.
        Owner = "owner",
        /// One asset.
        Asset = "asset",
    }
}

/// A score with what it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Risk {
    /// What it is about.
    pub subject: RiskSubject,
    /// The asset's or system's id, the owner, or `estate`.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// From 0 to 100.
    pub score: f64,
    /// How many findings it comes from.
    pub findings: usize,
    /// Of an asset: its heaviest findings with their points, at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<RiskTerm>,
    /// Of the others: the worst assets with their scores, at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<RiskMember>,
    /// Of the others: the average score of all their assets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average: Option<f64>,
}

/// The points of one finding, term by term.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct RiskTerm {
    /// Fingerprint of the finding.
    pub finding: String,
    /// Its rule.
    pub rule: String,
    /// For its severity.
    pub severity: Factor,
    /// For how far the asset can be reached.
    pub exposure: Factor,
    /// For the data it works with.
    pub data: Factor,
    /// For the attack paths through it and attacks seen.
    pub reachability: Factor,
    /// The product, at most 0.95.
    pub points: f64,
}

/// One term of a product, and why it is so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Factor {
    /// What is multiplied.
    pub value: f64,
    /// Why.
    pub reason: String,
}

/// An asset of a system, owner or estate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct RiskMember {
    /// The asset.
    pub asset: AssetId,
    /// Its score.
    pub score: f64,
}

impl Factor {
    fn new(value: f64, reason: impl Into<String>) -> Self {
        Self { value, reason: reason.into() }
    }
}

/// Every score above nothing: the estate, then systems, owners and assets, worst first.
/// O(findings + path steps + relations near assets with findings + members of systems).
pub(super) fn of<'a>(
    inventory: &Inventory,
    findings: impl IntoIterator<Item = &'a Finding>,
    paths: &[AttackPath],
) -> Vec<Risk> {
    let mut by_asset = BTreeMap::<&str, Vec<&Finding>>::new();
    for finding in findings {
        by_asset.entry(finding.asset.as_str()).or_default().push(finding);
    }
    let worst_paths = worst_paths(paths);
    let of_asset =
        |(id, findings): (&&str, &Vec<&Finding>)| asset(inventory, id, findings, worst_paths.get(id).copied());
    let assets = by_asset.iter().map(of_asset).collect::<Vec<_>>();
    let scores =
        Scores { inventory, of: assets.iter().map(|risk| (risk.id.as_str(), (risk.score, risk.findings))).collect() };
    let estate = scores.group(RiskSubject::Estate, "estate", "The estate", inventory.assets().map(|a| a.id.as_str()));
    let systems = inventory.assets().filter(|asset| asset.kind == AssetKind::System);
    let systems = systems.map(|s| scores.group(RiskSubject::System, s.id.as_str(), &s.name, contained(inventory, s)));
    let mut owned = BTreeMap::<&str, Vec<&str>>::new();
    for asset in inventory.assets() {
        if let Some(owner) = &asset.owner {
            owned.entry(owner).or_default().push(asset.id.as_str());
        }
    }
    let owners = owned.into_iter().map(|(owner, ids)| scores.group(RiskSubject::Owner, owner, owner, ids));
    let mut risks = std::iter::once(estate).chain(systems).chain(owners).collect::<Vec<_>>();
    risks.extend(assets);
    risks.retain(|risk| risk.score > 0.0);
    risks.sort_by(|a, b| a.subject.cmp(&b.subject).then(b.score.total_cmp(&a.score)).then_with(|| a.id.cmp(&b.id)));
    risks
}

/// The attack path of most weight through each asset.
fn worst_paths(paths: &[AttackPath]) -> HashMap<&str, &AttackPath> {
    let mut worst = HashMap::<&str, &AttackPath>::new();
    for path in paths {
        for id in path.assets() {
            let known = worst.entry(id.as_str()).or_insert(path);
            if weight(path) > weight(known) {
                *known = path;
            }
        }
    }
    worst
}

fn weight(path: &AttackPath) -> f64 {
    match path.status {
        PathStatus::Confirmed => path.risk / 100.0,
        PathStatus::Conditional => path.risk / 200.0,
    }
}

/// The score of one asset by its findings.
fn asset(inventory: &Inventory, id: &str, findings: &[&Finding], path: Option<&AttackPath>) -> Risk {
    let asset = inventory.get(id);
    let (exposure, data) = (exposure(asset), data(inventory, id, asset));
    let reachability = reachability(asset, path);
    let term = |finding: &&Finding| {
        let severity = severity(finding.severity);
        let product = severity.value * exposure.value * data.value * reachability.value;
        RiskTerm {
            finding: finding.fingerprint.clone(),
            rule: finding.rule.clone(),
            severity,
            exposure: exposure.clone(),
            data: data.clone(),
            reachability: reachability.clone(),
            points: rounded(product.min(MOST), 4),
        }
    };
    let mut terms = findings.iter().map(term).filter(|term| term.points > 0.0).collect::<Vec<_>>();
    terms.sort_by(|a, b| b.points.total_cmp(&a.points).then_with(|| a.rule.cmp(&b.rule)));
    let mut rules = HashSet::new();
    let heaviest = terms.iter().filter(|term| rules.insert(term.rule.as_str()));
    let spared: f64 = heaviest.map(|term| 1.0 - term.points).product();
    let name = asset.map_or(id, |asset| &asset.name).to_owned();
    let score = rounded(100.0 * (1.0 - spared), 1);
    terms.truncate(LISTED);
    let (subject, id) = (RiskSubject::Asset, id.to_owned());
    Risk { subject, id, name, score, findings: findings.len(), terms, members: Vec::new(), average: None }
}

fn severity(severity: Severity) -> Factor {
    let value = match severity {
        Severity::Critical => 0.25,
        Severity::High => 0.12,
        Severity::Medium => 0.05,
        Severity::Low => 0.02,
        Severity::Info => 0.0,
    };
    Factor::new(value, severity.as_str())
}

fn exposure(asset: Option<&Asset>) -> Factor {
    let exposure = asset.and_then(|asset| asset.exposure);
    let value = match exposure {
        Some(Exposure::Public) => 2.0,
        Some(Exposure::Restricted) => 1.4,
        Some(Exposure::Internal) | None => 1.0,
        Some(Exposure::Local) => 0.7,
    };
    Factor::new(value, exposure.map_or("unknown", Exposure::as_str))
}

/// For the classes of an asset and of what it reads, retrieves from, was made from or serves.
fn data(inventory: &Inventory, id: &str, asset: Option<&Asset>) -> Factor {
    use RelationKind::{DerivedFrom, Reads, RetrievesFrom, Serves, TrainedOn, Writes};
    let works_with = [DerivedFrom, Reads, RetrievesFrom, Serves, TrainedOn, Writes];
    let near = inventory.outgoing(id).filter(|relation| works_with.contains(&relation.kind));
    let near = near.filter_map(|relation| inventory.get(relation.to.as_str()));
    let mut classes = BTreeSet::new();
    for asset in asset.into_iter().chain(near) {
        let inherited = asset.inherited_classes.iter().map(|inherited| inherited.class.as_str());
        classes.extend(asset.data_classes.iter().map(String::as_str).chain(inherited));
    }
    classes.retain(|class| !matches!(*class, "public" | "internal" | "synthetic"));
    let value = match () {
        () if classes.iter().any(|class| GRAVE.contains(class)) => 1.6,
        () if !classes.is_empty() => 1.4,
        () => 1.0,
    };
    let names = classes.into_iter().collect::<Vec<_>>().join(", ");
    Factor::new(value, if names.is_empty() { "no sensitive data known".to_owned() } else { names })
}

fn reachability(asset: Option<&Asset>, path: Option<&AttackPath>) -> Factor {
    let attacks = asset.map_or(0, runtime::attacks);
    let times = if attacks > 0 { 1.25 } else { 1.0 };
    let mut reasons = Vec::new();
    if let Some(path) = path {
        let status = if path.status == PathStatus::Confirmed { "confirmed" } else { "conditional" };
        reasons.push(format!("on a {status} attack path of risk {:.0}", path.risk));
    }
    if attacks > 0 {
        reasons.push(format!("misused at run time in {}", count(attacks, "message")));
    }
    let reason = if reasons.is_empty() { "on no attack path found".to_owned() } else { reasons.join("; ") };
    Factor::new(rounded((1.0 + path.map_or(0.0, weight)) * times, 4), reason)
}

/// A system and all that it contains, over any number of containers.
pub(super) fn contained<'a>(inventory: &'a Inventory, system: &'a Asset) -> Vec<&'a str> {
    let mut found = vec![system.id.as_str()];
    let mut seen = HashSet::from([system.id.as_str()]);
    let mut next = 0;
    while let Some(id) = found.get(next).copied() {
        let members = inventory.outgoing(id).filter(|relation| relation.kind == RelationKind::Contains);
        found.extend(members.map(|relation| relation.to.as_str()).filter(|id| seen.insert(id)));
        next += 1;
    }
    found
}

/// The scores of assets, to be put together.
struct Scores<'a> {
    inventory: &'a Inventory,
    of: HashMap<&'a str, (f64, usize)>,
}

impl Scores<'_> {
    fn group<'b>(&self, subject: RiskSubject, id: &str, name: &str, assets: impl IntoIterator<Item = &'b str>) -> Risk {
        let (mut all, mut sum, mut findings) = (0_usize, 0.0, 0);
        let mut members = Vec::new();
        for id in assets.into_iter().filter(|id| self.inventory.get(id).is_some()) {
            all += 1;
            if let Some(&(score, of)) = self.of.get(id) {
                sum += score;
                findings += of;
                members.push(RiskMember { asset: AssetId::from(id), score });
            }
        }
        members.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.asset.cmp(&b.asset)));
        members.truncate(LISTED);
        let worst = members.first().map_or(0.0, |member| member.score);
        #[expect(clippy::cast_precision_loss, reason = "an estate has fewer than 2^52 assets")]
        let average = sum / all.max(1) as f64;
        Risk {
            subject,
            id: id.to_owned(),
            name: name.to_owned(),
            score: rounded(0.75 * worst + 0.25 * average, 1),
            findings,
            terms: Vec::new(),
            members,
            average: Some(rounded(average, 1)),
        }
    }
}

/// To so many decimals.
fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::Relation;

    fn finding(rule: &str, severity: Severity, asset: &str) -> Finding {
        Finding::new(rule, severity, asset.into(), "", "t", "m")
    }

    fn estate() -> Inventory {
        let mut inventory = Inventory::new();
        let mut chat = Asset::new("chat", AssetKind::Endpoint, "chat").ai();
        chat.exposure = Some(Exposure::Public);
        chat.owner = Some("web".to_owned());
        inventory.add(chat);
        let mut notes = Asset::new("notes", AssetKind::Bucket, "notes");
        notes.data_classes.insert("health".to_owned());
        inventory.add(notes);
        inventory.add(Asset::new("s", AssetKind::System, "Support"));
        inventory.relate(Relation::new("s", RelationKind::Contains, "chat"));
        inventory.relate(Relation::new("s", RelationKind::Contains, "notes"));
        inventory
    }

    fn path(risk: f64, status: &str) -> AttackPath {
        let path = serde_json::json!({"id": "p", "source": "chat", "target": "chat", "goal": "leak", "status": status,
            "severity": "high", "risk": risk, "conditions": [], "steps": []});
        serde_json::from_value(path).unwrap()
    }

    fn score(risks: &[Risk], subject: RiskSubject, id: &str) -> f64 {
        risks.iter().find(|risk| risk.subject == subject && risk.id == id).map_or(0.0, |risk| risk.score)
    }

    #[test]
    fn a_score_is_its_terms_multiplied() {
        let findings = [finding("R-1", Severity::High, "chat"), finding("R-2", Severity::Medium, "chat")];
        let risks = of(&estate(), &findings, &[path(50.0, "confirmed")]);
        let chat = risks.iter().find(|risk| risk.subject == RiskSubject::Asset).unwrap();
        let terms = chat.terms.iter().map(|t| (t.rule.as_str(), t.points)).collect::<Vec<_>>();
        // 0.12 × 2 × 1 × 1.5 and 0.05 × 2 × 1 × 1.5
        assert_eq!(terms, [("R-1", 0.36), ("R-2", 0.15)]);
        assert_eq!(chat.score, 45.6);
        assert_eq!(chat.terms[0].reachability.reason, "on a confirmed attack path of risk 50");
        // ¾ of 45.6 and ¼ of the average over three assets, or over one
        assert_eq!(score(&risks, RiskSubject::System, "s"), 38.0);
        assert_eq!(score(&risks, RiskSubject::Owner, "web"), 45.6);
        assert_eq!(score(&risks, RiskSubject::Estate, "estate"), 38.0);
        assert_eq!(risks[0].subject, RiskSubject::Estate);
    }

    #[test]
    fn data_exposure_and_conditions_bear_on_it() {
        let one = |severity, asset| [finding("R-1", severity, asset)];
        let risks = of(&estate(), &one(Severity::High, "notes"), &[]);
        assert_eq!(score(&risks, RiskSubject::Asset, "notes"), 19.2);
        let sure = of(&estate(), &one(Severity::High, "chat"), &[path(80.0, "confirmed")]);
        let doubtful = of(&estate(), &one(Severity::High, "chat"), &[path(80.0, "conditional")]);
        let of_chat = |risks: &[Risk]| score(risks, RiskSubject::Asset, "chat");
        assert!(of_chat(&sure) > of_chat(&doubtful) && of_chat(&doubtful) > 24.0);
        assert_eq!(of(&estate(), &one(Severity::Info, "chat"), &[]), []);
    }

    #[test]
    fn more_that_is_wrong_never_lowers_it_and_one_rule_counts_once() {
        let mut findings = vec![finding("R-1", Severity::Critical, "chat")];
        let once = score(&of(&estate(), &findings, &[]), RiskSubject::Asset, "chat");
        findings.push(finding("R-1", Severity::Critical, "chat"));
        assert_eq!(score(&of(&estate(), &findings, &[]), RiskSubject::Asset, "chat"), once);
        let mut last = once;
        for i in 2..60 {
            findings.push(finding(&format!("R-{i}"), Severity::Critical, "chat"));
            let now = score(&of(&estate(), &findings, &[]), RiskSubject::Asset, "chat");
            assert!(now >= last && now <= 100.0);
            last = now;
        }
    }
}
