//! Assets, relations, and the inventory that joins them on one id.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    AssetKind, Authentication, Encryption, Evidence, Exposure, ModelType, Provenance, RelationKind, RiskClass,
};

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
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
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
    /// Where it was seen.
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
            ai: kind.is_ai(),
            exposure: None,
            authentication: None,
            encryption: Encryption::default(),
            data_classes: BTreeSet::new(),
            owner: None,
            purpose: None,
            environment: None,
            risk_class: None,
            model_type: None,
            provenance: Provenance::default(),
            properties: Map::new(),
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
        for evidence in other.evidence {
            if !self.evidence.contains(&evidence) {
                self.evidence.push(evidence);
            }
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
    /// Where it was seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

impl Relation {
    /// A relation without evidence.
    pub fn new(from: impl Into<AssetId>, kind: RelationKind, to: impl Into<AssetId>) -> Self {
        Self { kind, from: from.into(), to: to.into(), evidence: Vec::new() }
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
                for evidence in relation.evidence {
                    if !known.evidence.contains(&evidence) {
                        known.evidence.push(evidence);
                    }
                }
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
