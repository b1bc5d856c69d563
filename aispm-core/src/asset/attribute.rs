//! Typed attributes: what posture rules ask of an asset.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kind::names;

names! {
    /// From where an asset can be reached, narrow to wide; the widest known wins.
    Exposure, "snake_case" {
        /// From its own machine or pod.
        Local = "local",
        /// From its network or cluster.
        Internal = "internal",
        /// From the internet, but only from given addresses.
        Restricted = "restricted",
        /// From anywhere on the internet.
        Public = "public",
    }
}

names! {
    /// How callers prove who they are, weak to strong; the weakest known wins.
    Authentication, "snake_case" {
        /// No proof at all.
        None = "none",
        /// A static key or password.
        Key = "key",
        /// Identity-based: IAM, OIDC, mutual TLS.
        Identity = "identity",
    }
}

names! {
    /// What a model is, seen from who trained it.
    ModelType, "snake_case" {
        /// General, trained by its publisher.
        Foundation = "foundation",
        /// A foundation model trained further.
        FineTuned = "fine_tuned",
        /// Trained from scratch for one task: regression, trees, small networks.
        Classical = "classical",
    }
}

names! {
    /// Risk class under the EU AI Act.
    RiskClass, "snake_case" {
        /// Article 5.
        Prohibited = "prohibited",
        /// Article 6 and Annex III.
        High = "high",
        /// Article 50.
        Limited = "limited",
        /// None of the others.
        Minimal = "minimal",
    }
}

/// What protects data, as far as known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Encryption {
    /// Encrypted where stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_rest: Option<bool>,
    /// Encrypted on the wire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_transit: Option<bool>,
    /// With a key the customer controls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_key: Option<bool>,
}

/// Where a model, data set or package comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct Provenance {
    /// Who published it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
    /// Where it was taken from: URL, registry, repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Version as written: tag, range, version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Immutable revision: commit, digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// SPDX licence expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Whether the reference names one immutable thing (digest, commit, exact version with hash).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned: Option<bool>,
    /// Whether a signature was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<bool>,
    /// Digests by algorithm (`sha256`), lower-case hex.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub digests: BTreeMap<String, String>,
}

impl Encryption {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.at_rest = self.at_rest.or(other.at_rest);
        self.in_transit = self.in_transit.or(other.in_transit);
        self.customer_key = self.customer_key.or(other.customer_key);
    }
}

impl Provenance {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn merge(&mut self, other: Self) {
        let Self { publisher, source, version, revision, licence, pinned, signed, digests } = other;
        self.publisher = self.publisher.take().or(publisher);
        self.source = self.source.take().or(source);
        self.version = self.version.take().or(version);
        self.revision = self.revision.take().or(revision);
        self.licence = self.licence.take().or(licence);
        self.pinned = self.pinned.or(pinned);
        self.signed = self.signed.or(signed);
        for (algorithm, digest) in digests {
            self.digests.entry(algorithm).or_insert(digest);
        }
    }
}
