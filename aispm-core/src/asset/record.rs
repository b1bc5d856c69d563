//! Assets and relations: what an inventory is made of.

use std::borrow::Borrow;
use std::collections::BTreeSet;
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
        see(&mut self.evidence, evidence);
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
    pub(super) fn merge(&mut self, other: Self) {
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

/// Adds a place. Most of what there is was seen once, so the first takes no room for more.
fn see(known: &mut Vec<Evidence>, evidence: Evidence) {
    if known.is_empty() {
        known.reserve_exact(1);
    }
    known.push(evidence);
}

/// Adds places, the same one once, up to the limits.
pub(super) fn keep(known: &mut Vec<Evidence>, more: Vec<Evidence>) {
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

    /// What it was that happened, once.
    #[must_use]
    pub fn doing(mut self, action: impl Into<String>) -> Self {
        if let Some(activity) = &mut self.activity {
            activity.actions.insert(action.into(), 1);
        }
        self
    }

    /// Takes over what another description of the same relation knows.
    pub(super) fn merge(&mut self, other: Self) {
        keep(&mut self.evidence, other.evidence);
        self.activity = match (self.activity.take(), other.activity) {
            (Some(mut known), Some(more)) => {
                known.merge(more);
                Some(known)
            }
            (known, more) => known.or(more),
        };
    }

    /// With this evidence added.
    #[must_use]
    pub fn seen(mut self, evidence: Evidence) -> Self {
        see(&mut self.evidence, evidence);
        self
    }
}
