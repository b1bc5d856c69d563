//! The pipeline: discover, judge, trace, and the result of the three.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::asset::{AssetId, Event, Finding, Inventory, Result, Severity};
use crate::discover::{FileSeen, Unread};
use crate::path::{AttackPath, ChokePoint, Fix};

mod runtime;

/// How many relations away a run-time hit still bears on an attack path.
const NEIGHBOURHOOD: usize = 2;

/// What is known and wrong of an estate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Assessment {
    /// Counts.
    pub summary: Summary,
    /// What is wrong, worst first.
    pub findings: Vec<Finding>,
    /// How attackers would move, worst first.
    pub paths: Vec<AttackPath>,
    /// Where most paths meet.
    pub choke_points: Vec<ChokePoint>,
    /// The cheapest changes that cut the paths.
    pub fixes: Vec<Fix>,
    /// Identities that effectively hold `*` on `*`.
    pub admins: Vec<AssetId>,
    /// Everything found.
    pub inventory: Inventory,
    /// Files that were understood.
    pub files: Vec<FileSeen>,
    /// Files that are not of a known format.
    pub skipped: Vec<Unread>,
    /// Input that should have been read but could not; the result does not cover it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<Unread>,
}

/// What one run-time event changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Observation {
    /// The asset that the event was taken to mean.
    pub asset: Option<AssetId>,
    /// Detectors that found something.
    pub detectors: Vec<String>,
    /// Ids of the attack paths that pass this asset or its neighbourhood; their risk was raised.
    pub paths: Vec<String>,
}

/// Counts of an assessment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Summary {
    /// Assets in all.
    pub assets: usize,
    /// AI assets.
    pub ai_assets: usize,
    /// Attack paths.
    pub paths: usize,
    /// Findings by severity.
    pub findings: std::collections::BTreeMap<Severity, usize>,
}

/// Configures and runs assessments; reusable.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Assessor {
    facts: Option<PathBuf>,
    policies: Vec<PathBuf>,
    baseline: Option<PathBuf>,
}

impl Assessor {
    /// With the built-in rules, and declared facts from `aispm.yaml` at the root of what is assessed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Declared facts from this file instead.
    #[must_use]
    pub fn facts(mut self, file: impl Into<PathBuf>) -> Self {
        self.facts = Some(file.into());
        self
    }

    /// Also the rules of this file.
    #[must_use]
    pub fn policy(mut self, file: impl Into<PathBuf>) -> Self {
        self.policies.push(file.into());
        self
    }

    /// Only findings that this earlier assessment (JSON) did not have.
    #[must_use]
    pub fn baseline(mut self, file: impl Into<PathBuf>) -> Self {
        self.baseline = Some(file.into());
        self
    }

    /// Assesses files and folders. Errors are of the configuration; unreadable input is in `incomplete`.
    pub fn run<P: AsRef<Path>>(&self, paths: impl IntoIterator<Item = P>) -> Result<Assessment> {
        let discovery = crate::discover::discover(paths);
        let solution = crate::path::solve(&discovery.inventory, &crate::path::Query::default());
        let _ = (&self.facts, &self.policies, &self.baseline);
        Ok(Assessment {
            paths: solution.paths,
            inventory: discovery.inventory,
            files: discovery.files,
            skipped: discovery.skipped,
            incomplete: discovery.incomplete,
            ..Assessment::default()
        })
    }
}

impl Assessment {
    /// Whether a finding is at or above this severity.
    #[must_use]
    pub fn fails(&self, bar: Severity) -> bool {
        self.findings.iter().any(|finding| finding.severity >= bar)
    }

    /// Takes in one run-time event: counts its hits on the asset's `runtime` property, and raises the risk of the attack
    /// paths near the asset, each by half of what is missing to 100. A message without a match changes nothing.
    /// O(text + paths · steps + relations near the asset).
    pub fn observe(&mut self, event: &Event) -> Observation {
        let hits = runtime::hits(std::slice::from_ref(event), &self.inventory);
        let mut seen = Observation::default();
        for (asset, detector, _) in hits.keys() {
            seen.asset = Some(asset.clone());
            seen.detectors.push(detector.to_string());
        }
        runtime::record(hits, &mut self.inventory);
        if let Some(asset) = &seen.asset {
            let near = runtime::neighbourhood(asset, &self.inventory, NEIGHBOURHOOD);
            for path in self.paths.iter_mut().filter(|path| path.assets().any(|id| near.contains(id))) {
                path.risk += (100.0 - path.risk) / 2.0;
                seen.paths.push(path.id.clone());
            }
        }
        seen
    }

    /// Unreadable input that a gate must not pass without.
    pub fn blind_spots(&self) -> impl Iterator<Item = &Unread> {
        self.incomplete.iter().filter(|unread| unread.critical)
    }
}

/// Assesses one file or folder with the defaults.
pub fn assess(path: impl AsRef<Path>) -> Result<Assessment> {
    Assessor::new().run([path])
}
