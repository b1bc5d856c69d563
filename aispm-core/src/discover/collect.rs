//! What to export, with which rights: the read-only commands that make the files discovery reads. Data under
//! `data/collect/`, one file a platform; nothing here runs a command.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::asset::{Document, Error, ErrorKind, Result};

/// The platforms with a plan, and their files.
const PLANS: &[(&str, &str)] = &[
    ("aws", include_str!("../../data/collect/aws.yaml")),
    ("gcp", include_str!("../../data/collect/gcp.yaml")),
    ("azure", include_str!("../../data/collect/azure.yaml")),
    ("kubernetes", include_str!("../../data/collect/kubernetes.yaml")),
    ("github", include_str!("../../data/collect/github.yaml")),
    ("huggingface", include_str!("../../data/collect/huggingface.yaml")),
];

/// How to export what discovery reads from one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Plan {
    /// Its short name, e.g. `aws`; exports go to `exports/PLATFORM`.
    pub platform: String,
    /// Its name for people.
    pub title: String,
    /// What one run covers and needs.
    pub about: String,
    /// The least rights that all commands together need, ready to paste: a policy, role, manifest or list of scopes.
    pub least_privilege: String,
    /// Variables with their defaults, and functions that the commands share; bash.
    pub setup: String,
    /// In the order to run them.
    pub commands: Vec<Command>,
}

/// One export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Command {
    /// Stable id, unique in its plan.
    pub id: String,
    /// What it exports, in a few words.
    pub title: String,
    /// Bash, after the plan's setup. Lists and describes; changes nothing.
    pub command: String,
    /// The rights it needs, in the platform's words.
    pub needs: Vec<String>,
    /// Names of the formats that read what it writes.
    pub formats: Vec<String>,
    /// The assets and facts it gives.
    pub gives: String,
    /// Built-in rules that stay unknown, or see less, without it.
    pub rules: Vec<String>,
    /// Whether little can be said of the platform without it.
    pub essential: bool,
}

/// Names of the platforms that [`plan`] knows.
pub fn platforms() -> impl Iterator<Item = &'static str> {
    PLANS.iter().map(|(platform, _)| *platform)
}

/// What to export from a platform.
///
/// # Errors
/// [`ErrorKind::Usage`] for a platform without a plan.
pub fn plan(platform: &str) -> Result<Plan> {
    let Some((name, text)) = PLANS.iter().find(|(name, _)| *name == platform) else {
        let known = platforms().collect::<Vec<_>>().join(", ");
        return Err(Error::new(ErrorKind::Usage, format!("no plan for {platform:?}; known: {known}")));
    };
    Document::config(format!("{name}.yaml"), text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::discover::format::{STRUCTURED, TEXTUAL};

    #[test]
    fn every_plan_loads_and_names_known_formats() {
        let structured = STRUCTURED.iter().copied().flatten().map(|format| format.name);
        let known: BTreeSet<_> =
            structured.chain(TEXTUAL.iter().copied().flatten().map(|format| format.name)).collect();
        for platform in platforms() {
            let plan = plan(platform).unwrap();
            assert_eq!(plan.platform, platform);
            for command in &plan.commands {
                for format in &command.formats {
                    assert!(known.contains(format.as_str()), "{platform} {}: no format {format}", command.id);
                }
            }
        }
    }
}
