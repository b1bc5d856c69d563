//! Assets, relations, and the inventory that joins them on one id.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Activity, AssetKind, Authentication, Encryption, Evidence, Exposure, ExternalFinding, InheritedClass, ModelType,
    OwnerClaim, Provenance, RelationKind, RiskClass,
};

/// Most places kept of one asset, relation or claim, and most of them in one file, so that memory is bounded by what
/// is there and not by how often it was seen.
const EVIDENCE_LIMIT: usize = 64;
const EVIDENCE_PER_FILE: usize = 8;

/// A stable id: ARN, resource URL, `k8s://cluster/ns/kind/name`, purl (`pkg:`), `file:path`, `internet`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct AssetId(Arc<str>);

impl AssetId {
    /// The internet as a place that traffic comes from: the source of every path from outside.
    pub const INTERNET: &'static str = "internet";

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: AsRef<str>> From<T> for AssetId {
    fn from(text: T) -> Self {
        Self(Arc::from(text.as_ref()))
    }
}

impl Borrow<str> for AssetId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AssetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One thing in the estate: what it is, what is known of it, and where that was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Asset {
    /// Stable id; the key of the inventory.
    pub id: AssetId,
    /// What it is.
    pub kind: AssetKind,
    /// A short name for people.
    pub name: String,
    /// Other ids of the same thing: a URL beside an ARN, a digest, the address in a state file.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub aliases: BTreeSet<AssetId>,
    /// Whether it is AI; `false` for what only gives context (a plain bucket, an Express dependency).
    #[serde(default)]
    pub ai: bool,
    /// From where it can be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure: Option<Exposure>,
    /// How callers prove who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Authentication>,
    /// What protects its data.
    #[serde(default, skip_serializing_if = "Encryption::is_empty")]
    pub encryption: Encryption,
    /// Classes of data it holds: `personal`, `customer`, `health`, `payment`, `credentials`, `confidential`, ….
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub data_classes: BTreeSet<String>,
    /// Classes of data that came to it along its lineage, and from where.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub inherited_classes: BTreeSet<InheritedClass>,
    /// Who answers for it: the most binding of the claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Every claim of who owns it, most binding first; more than one name is a conflict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owner_claims: Vec<OwnerClaim>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// `production`, `staging`, `development`, … as the source says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// EU AI Act risk class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_class: Option<RiskClass>,
    /// Foundation, fine-tuned or classical, for models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_type: Option<ModelType>,
    /// Where it comes from, and its digests.
    #[serde(default, skip_serializing_if = "Provenance::is_empty")]
    pub provenance: Provenance,
    /// The source's own tokens, verbatim (Terraform type and values, AWS IAM detail, image, SDK name, version).
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
    /// What other tools found on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub external_findings: Vec<ExternalFinding>,
    /// Where it was seen: at most 64 places, of one file at most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

impl Asset {
    /// An asset with nothing known but its id, kind and name; `ai` as the kind says.
    pub fn new(id: impl Into<AssetId>, kind: AssetKind, name: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            kind,
            name: name.into(),
            aliases: BTreeSet::new(),
            ai: kind.is_ai(),
            exposure: None,
            authentication: None,
            encryption: Encryption::default(),
            data_classes: BTreeSet::new(),
            inherited_classes: BTreeSet::new(),
            owner: None,
            owner_claims: Vec::new(),
            purpose: None,
            environment: None,
            risk_class: None,
            model_type: None,
            provenance: Provenance::default(),
            properties: Map::new(),
            external_findings: Vec::new(),
            evidence: Vec::new(),
        }
    }

    /// With this evidence added.
    #[must_use]
    pub fn seen(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    /// With this property set.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.properties.insert(key.into(), value.into());
        self
    }

    /// Marked as AI.
    #[must_use]
    pub fn ai(mut self) -> Self {
        self.ai = true;
        self
    }

    /// Also known by this id.
    #[must_use]
    pub fn alias(mut self, id: impl Into<AssetId>) -> Self {
        let id = id.into();
        if id != self.id {
            self.aliases.insert(id);
        }
        self
    }

    /// Adds a claim of who owns it; the most binding claim is the owner.
    pub fn claim(&mut self, claim: OwnerClaim) {
        match self.owner_claims.iter_mut().find(|known| known.source == claim.source && known.owner == claim.owner) {
            Some(known) => keep(&mut known.evidence, claim.evidence),
            None => {
                self.owner_claims.push(claim);
                self.owner_claims.sort();
            }
        }
        self.owner = self.owner_claims.first().map(|claim| claim.owner.clone());
    }

    /// Adds what another tool found; the same rule of the same tool counts once.
    pub fn report(&mut self, finding: ExternalFinding) {
        let same = |known: &&mut ExternalFinding| {
            (&known.tool, &known.rule, &known.title) == (&finding.tool, &finding.rule, &finding.title)
        };
        match self.external_findings.iter_mut().find(same) {
            Some(known) => {
                known.severity = known.severity.max(finding.severity);
                known.time = known.time.take().max(finding.time);
                keep(&mut known.evidence, finding.evidence);
            }
            None => {
                self.external_findings.push(finding);
                self.external_findings.sort();
            }
        }
    }

    /// A property that is a string.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.properties.get(key).and_then(Value::as_str)
    }

    /// Whether it holds data that must not leak.
    #[must_use]
    pub fn is_sensitive(&self) -> bool {
        self.data_classes.iter().any(|class| !matches!(class.as_str(), "public" | "internal" | "synthetic"))
    }

    /// Takes over what another description of the same asset knows; what is already known stays, the widest
    /// exposure and the weakest authentication win.
    fn merge(&mut self, other: Self) {
        if self.kind == AssetKind::Resource {
            self.kind = other.kind;
        }
        if self.name.is_empty() || (self.name == self.id.as_str() && !other.name.is_empty()) {
            self.name = other.name;
        }
        self.ai |= other.ai;
        self.aliases.extend(other.aliases);
        self.inherited_classes.extend(other.inherited_classes);
        other.owner_claims.into_iter().for_each(|claim| self.claim(claim));
        other.external_findings.into_iter().for_each(|finding| self.report(finding));
        self.exposure = self.exposure.max(other.exposure);
        self.authentication = match (self.authentication, other.authentication) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.encryption.merge(other.encryption);
        self.data_classes.extend(other.data_classes);
        self.owner = self.owner.take().or(other.owner);
        self.purpose = self.purpose.take().or(other.purpose);
        self.environment = self.environment.take().or(other.environment);
        self.risk_class = self.risk_class.or(other.risk_class);
        self.model_type = self.model_type.or(other.model_type);
        self.provenance.merge(other.provenance);
        for (key, value) in other.properties {
            self.properties.entry(key).or_insert(value);
        }
        keep(&mut self.evidence, other.evidence);
    }
}

/// Adds places, the same one once, up to the limits.
fn keep(known: &mut Vec<Evidence>, more: Vec<Evidence>) {
    for evidence in more {
        if known.len() >= EVIDENCE_LIMIT {
            break;
        }
        let of_file = known.iter().rev().filter(|k| k.path == evidence.path).count();
        if of_file < EVIDENCE_PER_FILE && !known.contains(&evidence) {
            known.push(evidence);
        }
    }
}

/// `from` RELATION `to`, with what shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Relation {
    /// What kind of relation.
    pub kind: RelationKind,
    /// The asset that acts.
    pub from: AssetId,
    /// The asset acted on.
    pub to: AssetId,
    /// How often it was seen to happen; only where a log or trace shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<Activity>,
    /// Where it was seen: at most 64 places, of one file at most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

impl Relation {
    /// A relation without evidence.
    pub fn new(from: impl Into<AssetId>, kind: RelationKind, to: impl Into<AssetId>) -> Self {
        Self { kind, from: from.into(), to: to.into(), activity: None, evidence: Vec::new() }
    }

    /// Seen to happen once, at this time.
    #[must_use]
    pub fn happened(mut self, time: Option<&str>) -> Self {
        self.activity = Some(Activity::once(time));
        self
    }

    /// With this evidence added.
    #[must_use]
    pub fn seen(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }
}

type RelationKey = (AssetId, RelationKind, AssetId);

/// All assets and relations of an estate, joined on asset ids and ordered by them, so that the same input gives the
/// same JSON.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inventory {
    assets: BTreeMap<AssetId, Asset>,
    relations: BTreeMap<RelationKey, Relation>,
    incoming: BTreeMap<AssetId, BTreeSet<RelationKey>>,
}

impl Inventory {
    /// An empty inventory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an asset, or merges it into the one that has its id. O(log n).
    pub fn add(&mut self, asset: Asset) {
        match self.assets.get_mut(&asset.id) {
            Some(known) => known.merge(asset),
            None => {
                self.assets.insert(asset.id.clone(), asset);
            }
        }
    }

    /// Adds a relation, or its evidence to the same one known already. Its ends need not be known. O(log n).
    pub fn relate(&mut self, relation: Relation) {
        let key = (relation.from.clone(), relation.kind, relation.to.clone());
        self.incoming.entry(relation.to.clone()).or_default().insert(key.clone());
        match self.relations.get_mut(&key) {
            Some(known) => {
                keep(&mut known.evidence, relation.evidence);
                known.activity = match (known.activity.take(), relation.activity) {
                    (Some(mut known), Some(more)) => {
                        known.merge(more);
                        Some(known)
                    }
                    (known, more) => known.or(more),
                };
            }
            None => {
                self.relations.insert(key, relation);
            }
        }
    }

    /// Adds everything of another inventory.
    pub fn extend(&mut self, other: Self) {
        for asset in other.assets.into_values() {
            self.add(asset);
        }
        for relation in other.relations.into_values() {
            self.relate(relation);
        }
    }

    /// Every asset and every relation.
    pub(crate) fn into_parts(self) -> (Vec<Asset>, Vec<Relation>) {
        (self.assets.into_values().collect(), self.relations.into_values().collect())
    }

    /// The asset of this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Asset> {
        self.assets.get(id)
    }

    /// The asset of this id, to change; its id must stay.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Asset> {
        self.assets.get_mut(id)
    }

    /// Every asset, by id.
    pub fn assets(&self) -> impl ExactSizeIterator<Item = &Asset> {
        self.assets.values()
    }

    /// Every asset, by id, to change; ids must stay.
    pub(crate) fn assets_mut(&mut self) -> impl Iterator<Item = &mut Asset> {
        self.assets.values_mut()
    }

    /// Every relation, by `from`, kind and `to`.
    pub fn relations(&self) -> impl ExactSizeIterator<Item = &Relation> {
        self.relations.values()
    }

    /// Relations that start at this asset. O(log n + found).
    pub fn outgoing<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a Relation> + use<'a> {
        let from = AssetId::from(id);
        let start = (from.clone(), RelationKind::Uses, AssetId::from(""));
        self.relations.range(start..).take_while(move |((f, _, _), _)| *f == from).map(|(_, relation)| relation)
    }

    /// Relations that end at this asset. O(log n · found).
    pub fn incoming<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a Relation> + use<'a> {
        self.incoming.get(id).into_iter().flatten().filter_map(|key| self.relations.get(key))
    }

    /// Number of assets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.assets.len()
    }

    /// Whether there is no asset.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.assets.is_empty()
    }
}

/// How an inventory stands in JSON.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Inventory")]
struct Document {
    assets: Vec<Asset>,
    relations: Vec<Relation>,
}

impl Serialize for Inventory {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut document = serializer.serialize_struct("Inventory", 2)?;
        document.serialize_field("assets", &Values(&self.assets))?;
        document.serialize_field("relations", &Values(&self.relations))?;
        document.end()
    }
}

/// Serialises a map's values as a list.
struct Values<'a, K, V>(&'a BTreeMap<K, V>);

impl<K, V: Serialize> Serialize for Values<'_, K, V> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.values())
    }
}

impl<'de> Deserialize<'de> for Inventory {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Document { assets, relations } = Document::deserialize(deserializer)?;
        let mut inventory = Self::new();
        assets.into_iter().for_each(|asset| inventory.add(asset));
        relations.into_iter().for_each(|relation| inventory.relate(relation));
        Ok(inventory)
    }
}

impl JsonSchema for Inventory {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Inventory".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Document::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::{OwnerSource, Severity};

    fn sample() -> Inventory {
        let mut inventory = Inventory::new();
        inventory.add(Asset::new("arn:aws:s3:::records", AssetKind::Bucket, "records"));
        inventory.add(Asset::new("m", AssetKind::Model, "m").seen(Evidence::file("a.json").pointer("/m")));
        inventory.relate(Relation::new("m", RelationKind::TrainedOn, "arn:aws:s3:::records"));
        inventory.relate(Relation::new("m", RelationKind::Uses, "zz"));
        inventory.relate(Relation::new("n", RelationKind::Uses, "m"));
        inventory
    }

    #[test]
    fn json_round_trips() {
        let inventory = sample();
        let text = serde_json::to_string(&inventory).unwrap();
        assert_eq!(serde_json::from_str::<Inventory>(&text).unwrap(), inventory);
    }

    #[test]
    fn relations_are_found_from_both_ends() {
        let inventory = sample();
        let to = |id: &str| inventory.outgoing(id).map(|r| r.to.to_string()).collect::<Vec<_>>();
        assert_eq!(to("m"), ["zz", "arn:aws:s3:::records"]);
        assert_eq!(to("n"), ["m"]);
        assert!(to("none").is_empty());
        assert_eq!(inventory.incoming("m").map(|r| r.from.as_str()).collect::<Vec<_>>(), ["n"]);
    }

    #[test]
    fn claims_and_findings_are_kept_side_by_side() {
        let mut inventory = Inventory::new();
        let place = |line| Evidence::file("f").line(line);
        for (source, owner, line) in
            [(OwnerSource::Tag, "b", 1), (OwnerSource::Declared, "a", 2), (OwnerSource::Tag, "b", 3)]
        {
            let mut asset = Asset::new("x", AssetKind::Bucket, "x");
            asset.claim(OwnerClaim::new(source, owner, place(line)));
            asset.report(ExternalFinding::new("Prowler", "r", Severity::High, "t", place(line)));
            inventory.add(asset);
        }
        let asset = inventory.get("x").unwrap();
        assert_eq!((asset.owner.as_deref(), asset.owner_claims.len()), (Some("a"), 2));
        assert_eq!((asset.external_findings.len(), asset.external_findings[0].evidence.len()), (1, 3));
    }

    #[test]
    fn evidence_is_bounded_and_activity_adds_up() {
        let mut inventory = Inventory::new();
        for file in 0..100 {
            for line in 0..100 {
                let evidence = Evidence::file(format!("{file}")).line(line);
                inventory.add(Asset::new("x", AssetKind::Bucket, "x").seen(evidence.clone()));
                let relation =
                    Relation::new("a", RelationKind::Invokes, "x").happened(Some("2026-01-01")).seen(evidence);
                inventory.relate(relation);
            }
        }
        let relation = inventory.relations().next().unwrap();
        assert_eq!((inventory.get("x").unwrap().evidence.len(), relation.evidence.len()), (64, 64));
        assert_eq!(relation.activity.as_ref().unwrap().count, 10_000);
    }

    #[test]
    fn merging_keeps_the_wider_exposure_and_the_weaker_authentication() {
        let mut inventory = Inventory::new();
        let mut narrow = Asset::new("e", AssetKind::Endpoint, "e");
        narrow.exposure = Some(Exposure::Internal);
        narrow.authentication = Some(Authentication::Identity);
        let mut wide = narrow.clone();
        wide.exposure = Some(Exposure::Public);
        wide.authentication = Some(Authentication::None);
        inventory.add(wide);
        inventory.add(narrow);
        let merged = inventory.get("e").unwrap();
        assert_eq!((merged.exposure, merged.authentication), (Some(Exposure::Public), Some(Authentication::None)));
    }
}
