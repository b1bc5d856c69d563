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

/// What a path ends in, for those who answer for it. Derived from the goal, from the power gained over the target and
/// from what the target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Consequence {
    /// What a model is trained on, retrieves or is made of is changed: its answers are the attacker's.
    Poisoning,
    /// People or programs act on answers that an attacker made wrong: of a poisoned endpoint, of a steered agent.
    Misuse,
    /// A model's weights are copied.
    Extraction,
    /// Data is read by who must not.
    DataLeak,
    /// Paid AI services are used at the owner's cost.
    DenialOfWallet,
    /// The attacker acts as an identity, a workload or the administrator.
    #[default]
    Takeover,
}

impl Consequence {
    /// Every consequence.
    pub const ALL: &'static [Self] =
        &[Self::Poisoning, Self::Misuse, Self::Extraction, Self::DataLeak, Self::DenialOfWallet, Self::Takeover];

    /// In plain words, to stand behind "ends in".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Poisoning => "poisoning: answers made by the attacker",
            Self::Misuse => "misuse: people and programs act on wrong answers",
            Self::Extraction => "extraction: the model is copied",
            Self::DataLeak => "data leak",
            Self::DenialOfWallet => "denial of wallet: AI services used at the owner's cost",
            Self::Takeover => "takeover",
        }
    }
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
    /// The path in a sentence: who can do what, through what.
    #[serde(default)]
    pub title: String,
    /// Where the attacker starts: `internet`, a principal.
    pub source: AssetId,
    /// Where the path ends; the last step's `to`.
    pub target: AssetId,
    /// What is gained there.
    pub goal: Goal,
    /// What that means for the owner; documents of before it was named are taken for a takeover.
    #[serde(default)]
    pub consequence: Consequence,
    /// Whether all premises are known.
    pub status: PathStatus,
    /// What must hold besides.
    pub conditions: Vec<String>,
    /// How bad it is: a band of the risk.
    pub severity: Severity,
    /// A rank from 0 to 100, to order paths by: lower for each hard step, by half for open conditions, by what is gained
    /// at the target. It is no probability, and twice the rank is not twice as likely.
    pub risk: f64,
    /// The moves, in order, chained.
    pub steps: Vec<Step>,
    /// Where this path can be cut: each of these changes alone makes it vanish. Another path between the same ends may
    /// remain; the fixes of the [`Solution`] cut all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<PathFix>,
}

/// A premise of one path, to be taken away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct PathFix {
    /// What to do.
    pub action: String,
    /// The asset to change.
    pub asset: AssetId,
    /// Which step it makes impossible, from 1.
    pub step: usize,
    /// What is taken away.
    pub premise: Premise,
    /// Where it stands.
    pub evidence: Vec<Evidence>,
    /// The change as text to review, where it can be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<Patch>,
}

/// What a step needs, and how to say that it is not so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Premise {
    /// What kind of fact it is.
    pub kind: PremiseKind,
    /// The changes that take it away, all of them together; each as `--without` and [`Change`](super::Change) read it.
    pub without: Vec<String>,
}

/// What a premise is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PremiseKind {
    /// A policy statement, or several that say the same, gives a permission.
    Statement,
    /// A managed policy whose text is not in the input is attached.
    Attachment,
    /// A trust policy lets someone in.
    Trust,
    /// A user is in a group.
    Membership,
    /// Two assets are related.
    Relation,
    /// The internet reaches it.
    Exposure,
    /// It asks callers for nothing.
    Anonymous,
    /// A role or binding of another platform gives a permission.
    Grant,
    /// A setting of an asset: that a container is privileged.
    Setting,
}

impl PremiseKind {
    /// The name used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Attachment => "attachment",
            Self::Trust => "trust",
            Self::Membership => "membership",
            Self::Relation => "relation",
            Self::Exposure => "exposure",
            Self::Anonymous => "anonymous",
            Self::Grant => "grant",
            Self::Setting => "setting",
        }
    }
}

/// A change as text, made for a person to review; nothing applies it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Patch {
    /// What the text is for.
    pub format: PatchFormat,
    /// What it does, in a few words.
    pub title: String,
    /// A unified diff for what the input holds, the text of a new file or block for what it does not.
    pub text: String,
}

/// What a [`Patch`] is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PatchFormat {
    /// A diff of a policy document.
    AwsPolicy,
    /// A manifest.
    Kubernetes,
    /// A block of HCL.
    Terraform,
}

impl PatchFormat {
    /// The name used in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwsPolicy => "aws-policy",
            Self::Kubernetes => "kubernetes",
            Self::Terraform => "terraform",
        }
    }
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

/// An asset that no way from a source to a target avoids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct ChokePoint {
    /// The asset.
    pub asset: AssetId,
    /// How many of the reported paths pass it and could not do otherwise; it is neither their source nor their target.
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

/// What can be had from a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Reach {
    /// Where from.
    pub source: AssetId,
    /// What is reached.
    pub asset: AssetId,
    /// What the attacker has there: `controls`, `admin`, `reads`, `writes`, `poisons`, `influences`, `reaches`, ….
    pub powers: Vec<String>,
    /// The least sum of step costs; with open conditions, that of the best way that has them.
    pub cost: f64,
    /// Whether it needs conditions that are not known to hold.
    pub conditional: bool,
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
    /// The smallest set found of changes that cuts all reported paths, best first; verified by solving again.
    pub fixes: Vec<Fix>,
    /// Fewer changes of these kinds cannot do it: where it equals the number of fixes, no smaller set exists.
    #[serde(default)]
    pub fixes_lower_bound: usize,
    /// Everything in reach of the sources asked for, nearest first; only when sources and no targets were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blast_radius: Vec<Reach>,
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
