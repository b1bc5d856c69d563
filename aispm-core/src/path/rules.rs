//! Attack rules as data: `data/path/*.yaml`.
//!
//! A rule says: whoever has the fact `when` about `p` (by default, controls it), and for whom the `given` joins and the
//! `may` permissions hold, gains the fact in `yields`. Variables are named assets; `p` is the one it starts from.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;

use crate::asset::{AssetKind, Authentication, Document, RelationKind, Result};
use crate::identity::Platform;

/// What an attacker can have of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Power {
    /// Acts as it: has its credentials, runs code in it.
    Controls,
    /// Can give it any permission.
    Grantable,
    /// Can take its permissions boundary away.
    Unbounded,
    /// Can put any user of the account into it.
    Joinable,
    /// Sends it requests.
    Reaches,
    /// Decides what it reads, and with it what it does.
    Influences,
    /// Reads its data.
    Reads,
    /// Changes its data.
    Writes,
    /// Changes what it was trained on or made of.
    Poisons,
    /// Runs his own work on it.
    Hijacks,
    /// Reads files of it: of a machine's disk, which may hold keys.
    Searches,
    /// Is administrator as it.
    Admin,
}

/// One rule, with its variables numbered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) id: String,
    /// ATT&CK or ATLAS.
    pub(super) technique: String,
    /// How hard: 1 trivial, 10 needs skill and luck. Costs of a path's steps add up.
    pub(super) cost: f64,
    #[serde(default = "controls")]
    pub(super) when: Power,
    /// What `p` must be.
    #[serde(default)]
    pub(super) start: Test,
    #[serde(default)]
    pub(super) given: Vec<Given>,
    #[serde(default)]
    pub(super) may: Vec<May>,
    /// Powers over what is bound that the attacker needs besides.
    #[serde(default)]
    pub(super) with: Vec<Needed>,
    /// Conditions that the input cannot show.
    #[serde(default, rename = "if")]
    pub(super) conditions: Vec<String>,
    pub(super) gains: Power,
    /// The variable it is gained of.
    pub(super) of: String,
    /// A sentence; `{var}` is replaced by the asset's name.
    pub(super) describe: String,
    /// How the owner ends it, where that is not plain from what the rule needs.
    #[serde(default)]
    #[allow(dead_code, reason = "read by those who write fixes")]
    pub(super) fix: Option<String>,
    /// Handled by code because both sides of a trust decide together.
    #[serde(default)]
    pub(super) builtin: Option<Builtin>,
    /// Whose permissions `may` speaks of; that of its file.
    #[serde(skip, default = "aws")]
    pub(super) platform: Platform,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Builtin {
    /// A principal assumes a role.
    AssumeRole,
    /// A workload's web identity assumes a role.
    WebIdentity,
    /// An administrator reads what is in his account.
    OwnerReads,
    /// An administrator changes what is in his account.
    OwnerWrites,
    /// An administrator uses what is in his account.
    OwnerControls,
    /// What was asked for is what there is.
    AskedAs,
}

/// A join: binds `var`, or tests it if it is bound.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Given {
    pub(super) var: String,
    /// One is enough, and it takes no part in the path.
    pub(super) exists: bool,
    /// Related to this variable, which is bound …
    pub(super) to: Option<String>,
    /// … as `to BY var`, or with `back` as `var BY to`.
    pub(super) by: Option<RelationKind>,
    pub(super) back: bool,
    /// Nothing is known to be related to it so.
    pub(super) without: Option<RelationKind>,
    /// Roles whose trust policy names one of these services.
    pub(super) trusts: Vec<String>,
    /// A role that another may assume, given as that variable.
    pub(super) assumes: Option<String>,
    /// In the same container as this variable, which is bound: the namespace, project, resource group.
    pub(super) beside: Option<String>,
    /// In the same account as this variable, which is bound: the cluster, project, subscription.
    pub(super) within: Option<String>,
    /// The join to try where this one finds nothing.
    pub(super) otherwise: Option<Box<Given>>,
    #[serde(flatten)]
    pub(super) is: Test,
}

/// What an asset must be; what is left out does not matter.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Test {
    pub(super) kind: Vec<AssetKind>,
    /// Terraform resource types.
    pub(super) r#type: Vec<String>,
    pub(super) authentication: Vec<Authentication>,
    /// Nothing is known of its authentication.
    pub(super) authentication_unknown: bool,
    /// The internet itself.
    pub(super) internet: bool,
    pub(super) sensitive: bool,
    /// Whole words in its name, kind of tool or capabilities.
    pub(super) word: Vec<String>,
    /// In an instance profile.
    pub(super) instance_profile: bool,
    /// What another tool found the public may do with it: `read`, `write`, `unknown`.
    pub(super) public_access: Vec<String>,
    /// The source tells one of these of it.
    pub(super) has: Vec<String>,
    /// A managed policy with a broader version than the default.
    pub(super) broader_version: bool,
    /// Called one of these.
    pub(super) name: Vec<String>,
    /// Called none of these.
    pub(super) other_than: Vec<String>,
    /// Properties, or JSON pointers below them, that have one of these values, alone or in a list. Several maps ask
    /// several things of one property.
    pub(super) set: Vec<BTreeMap<String, Vec<Value>>>,
    /// Properties that have none of these values, or are not there.
    pub(super) unset: Vec<BTreeMap<String, Vec<Value>>>,
}

/// Properties that say what something is; none to be ended.
const FIXED: &[&str] = &["kubernetes_kind", "secret_type", "kubernetes_service_account", "issuer", "gpu"];

impl Test {
    /// The settings that it asks for, each of which alone makes it fail if it is taken away.
    pub(super) fn settings(&self) -> impl Iterator<Item = &str> {
        let properties = self.set.iter().flatten().map(|(key, _)| key.as_str());
        properties.filter(|key| !key.starts_with('/') && !FIXED.contains(key))
    }
}

/// A power that a rule needs besides the one it starts from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Needed {
    pub(super) power: Power,
    /// The variable it is over.
    pub(super) of: String,
}

/// A permission that `p`, or the role bound to `by`, must have.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct May {
    /// Any of these.
    pub(super) action: Vec<String>,
    pub(super) on: String,
    /// The service of `iam:PassRole`.
    #[serde(default)]
    pub(super) passed_to: Option<String>,
    #[serde(default)]
    pub(super) by: Option<String>,
    /// What is attached must be a policy that makes an administrator.
    #[serde(default)]
    pub(super) attaches: bool,
}

/// What a permission is asked on.
#[derive(Debug, Clone, Copy)]
pub(super) enum On<'a> {
    /// The asset bound to this variable.
    Var(&'a str),
    /// Some object below it.
    Objects(&'a str),
    /// A resource the caller names himself: the same one for all permissions of a rule that call it the same.
    New(&'a str),
    /// The customer's key that the asset bound to this variable is encrypted with, if it is with one.
    Key(&'a str),
    /// Something new in the container of the asset bound to this variable: a pod in a service account's namespace.
    Beside(&'a str),
    /// This ARN, in which `{account}` is the caller's.
    Arn(&'a str),
}

impl May {
    pub(super) fn on(&self) -> On<'_> {
        match self.on.split_once(' ') {
            Some(("objects", var)) => On::Objects(var),
            Some(("beside", var)) => On::Beside(var),
            Some(("key", var)) => On::Key(var),
            Some(("new", name)) => On::New(name),
            _ if self.on == "new" => On::New(""),
            _ if self.on.starts_with("arn:") => On::Arn(&self.on),
            _ => On::Var(&self.on),
        }
    }
}

fn controls() -> Power {
    Power::Controls
}

fn aws() -> Platform {
    Platform::Aws
}

impl Rule {
    /// Variables in the order they are bound; `p` first.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        std::iter::once("p").chain(self.given.iter().map(|given| given.var.as_str()))
    }

    /// Whether its permissions are asked for each principal, not once for all who hold the same.
    pub(super) fn is_personal(&self) -> bool {
        let about_p = |given: &Given| {
            [&given.to, &given.beside, &given.within].into_iter().any(|var| var.as_deref() == Some("p"))
        };
        self.of == "p" || self.may.iter().any(|may| may.on == "p") || self.given.iter().any(about_p)
    }

    /// The place of a variable in a binding.
    pub(super) fn slot(&self, var: &str) -> Option<usize> {
        self.variables().position(|name| name == var)
    }
}

/// Each file with the platform whose permissions its rules speak of.
const FILES: &[(&str, Platform, &str)] = &[
    ("iam.yaml", Platform::Aws, include_str!("../../data/path/iam.yaml")),
    ("compute.yaml", Platform::Aws, include_str!("../../data/path/compute.yaml")),
    ("data.yaml", Platform::Aws, include_str!("../../data/path/data.yaml")),
    ("ai.yaml", Platform::Aws, include_str!("../../data/path/ai.yaml")),
    ("gcp.yaml", Platform::Gcp, include_str!("../../data/path/gcp.yaml")),
    ("azure.yaml", Platform::Azure, include_str!("../../data/path/azure.yaml")),
    ("kubernetes.yaml", Platform::Kubernetes, include_str!("../../data/path/kubernetes.yaml")),
];

/// The built-in rules.
pub(super) fn builtin() -> &'static [Rule] {
    static RULES: OnceLock<Vec<Rule>> = OnceLock::new();
    // each file is checked by a test
    let load = |(name, platform, text): &(&str, Platform, &str)| load(name, *platform, text).unwrap_or_default();
    RULES.get_or_init(|| FILES.iter().flat_map(load).collect())
}

fn load(name: &str, platform: Platform, text: &str) -> Result<Vec<Rule>> {
    let mut rules: Vec<Rule> = Document::config(name, text)?;
    rules.iter_mut().for_each(|rule| rule.platform = platform);
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_loads_and_binds_what_it_names() {
        let mut ids = std::collections::BTreeSet::new();
        for (name, platform, text) in FILES {
            for rule in load(name, *platform, text).unwrap() {
                assert!(rule.slot(&rule.of).is_some(), "{}: {} is not bound", rule.id, rule.of);
                for may in &rule.may {
                    if let On::Var(var) | On::Objects(var) | On::Beside(var) | On::Key(var) = may.on() {
                        assert!(rule.slot(var).is_some(), "{}: {var} is not bound", rule.id);
                    }
                    assert!(*platform != Platform::Aws || may.action.iter().all(|a| a.contains(':')), "{}", rule.id);
                }
                for (i, given) in rule.given.iter().enumerate() {
                    let before: Vec<_> = rule.variables().take(i + 1).collect();
                    for var in given.to.iter().chain(&given.assumes).chain(&given.beside).chain(&given.within) {
                        assert!(before.contains(&var.as_str()), "{}: {var} is used before it is bound", rule.id);
                    }
                    assert!(
                        *platform != Platform::Aws || rule.may.is_empty() || given.to.as_deref() != Some("p"),
                        "{}: permission rules share",
                        rule.id
                    );
                }
                for needed in &rule.with {
                    assert!(rule.slot(&needed.of).is_some(), "{}: {} is not bound", rule.id, needed.of);
                }
                for part in rule.describe.split('{').skip(1) {
                    let var = part.split('}').next().unwrap();
                    assert!(rule.slot(var).is_some(), "{}: {{{var}}} in its description", rule.id);
                }
                assert!(rule.cost > 0.0 && !rule.technique.is_empty());
                assert!(ids.insert(rule.id.clone()), "{} twice", rule.id);
            }
        }
    }
}
