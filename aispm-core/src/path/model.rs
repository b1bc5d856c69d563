//! What the solver is asked and what it answers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::asset::{AssetId, Evidence, Severity};

/// What an attacker gains at the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Goal {
    /// Administrator of an account or cluster.
    Admin,
    /// Reads sensitive data.
    Leak,
    /// Changes what a model is trained on, retrieves or is made of.
    Poisoning,
    /// Controls or reads the asset asked for.
    Access,
}

/// Whether every premise of a path is known to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PathStatus {
    /// All premises are facts of the input.
    Confirmed,
    /// Holds if the listed conditions do.
    Conditional,
}

/// One source, or all that a step needs together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[non_exhaustive]
pub enum From {
    /// One asset.
    One(AssetId),
    /// Several, all needed.
    All(Vec<AssetId>),
}

/// One move: from what the attacker has to what the move gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Step {
    /// ATLAS or ATT&CK technique id, e.g. `T1078.004`.
    pub technique: String,
    /// The attack rule that was applied, e.g. `lambda-pass-role`.
    pub rule: String,
    /// What the move does, in a short sentence with the assets' names.
    pub description: String,
    /// What it starts from; reached before this step.
    pub from: From,
    /// What it gives.
    pub to: AssetId,
    /// What must hold besides, if it is not known to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
    /// What in the input shows that the move works.
    pub evidence: Vec<Evidence>,
}

/// A chain of steps from a source to a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct AttackPath {
    /// Same for the same path in every run.
    pub id: String,
    /// Where the attacker starts: `internet`, a principal.
    pub source: AssetId,
    /// Where the path ends; the last step's `to`.
    pub target: AssetId,
    /// What is gained there.
    pub goal: Goal,
    /// Whether all premises are known.
    pub status: PathStatus,
    /// What must hold besides.
    pub conditions: Vec<String>,
    /// How bad it is.
    pub severity: Severity,
    /// 0 to 100: likelihood from the steps' costs times impact at the target.
    pub risk: f64,
    /// The moves, in order, chained.
    pub steps: Vec<Step>,
}

impl AttackPath {
    /// The source and everything that the steps start from or reach, in order; repeats are possible.
    pub fn assets(&self) -> impl Iterator<Item = &AssetId> {
        let steps = self.steps.iter().flat_map(|step| {
            let from = match &step.from {
                From::One(id) => std::slice::from_ref(id),
                From::All(ids) => ids.as_slice(),
            };
            from.iter().chain([&step.to])
        });
        [&self.source].into_iter().chain(steps)
    }
}

/// An asset or fact that many paths pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct ChokePoint {
    /// The asset.
    pub asset: AssetId,
    /// How many of the reported paths pass it, neither as source nor as target.
    pub paths: usize,
}

/// A change that cuts paths.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Fix {
    /// What to do.
    pub action: String,
    /// The asset to change.
    pub asset: AssetId,
    /// How many reported paths no longer exist after it, found by solving again without the fact.
    pub paths_cut: usize,
    /// Where to change it.
    pub evidence: Vec<Evidence>,
}

/// What the solver found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Solution {
    /// Identities that effectively hold `*` on `*`.
    pub admins: Vec<AssetId>,
    /// Paths, worst first.
    pub paths: Vec<AttackPath>,
    /// Where most paths meet, most first.
    pub choke_points: Vec<ChokePoint>,
    /// The cheapest set of changes that cuts all reported paths, best first.
    pub fixes: Vec<Fix>,
    /// What the caller should know: ids that are not in the estate, a used-up budget.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What to look for.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Query {
    /// Where attackers start; empty: the internet and every principal that is not an administrator already.
    pub from: Vec<AssetId>,
    /// Where they want to go; empty: everything of value.
    pub to: Vec<Target>,
    /// Paths per source and target; 0 means 1.
    pub k: usize,
    /// Identities of the estate itself may only go for administrator: that a training role reads its training data is
    /// its job. Everything else starts outside: the internet, and identities that only a trust policy names.
    pub from_outside: bool,
}

impl Query {
    /// What an assessment asks: from outside to everything of value, and from everybody to administrator.
    #[must_use]
    pub fn posture() -> Self {
        Self { from_outside: true, ..Self::default() }
    }
}

/// A place attackers want to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// An identity that is administrator.
    Admin,
    /// Sensitive data, and models that can be poisoned.
    Sensitive,
    /// One asset.
    Asset(AssetId),
}
