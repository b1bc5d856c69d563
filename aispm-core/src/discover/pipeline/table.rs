//! What commands, actions and images do, by `data/discover/pipeline.yaml`.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::discover::catalog::table;

/// What a step does; where it does several things, the last of these counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Does {
    Other,
    Build,
    Test,
    Approve,
    Scan,
    Evaluate,
    Train,
    Register,
    Deploy,
}

impl Does {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Build => "build",
            Self::Test => "test",
            Self::Approve => "approve",
            Self::Scan => "scan",
            Self::Evaluate => "evaluate",
            Self::Train => "train",
            Self::Register => "register",
            Self::Deploy => "deploy",
        }
    }

    /// Whether it can stop what comes after it.
    pub(super) const fn is_gate(self) -> bool {
        matches!(self, Self::Scan | Self::Evaluate | Self::Approve)
    }
}

/// What the word that a deploying or registering command names is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TargetKind {
    /// An inference endpoint, agent or the like.
    Endpoint,
    /// A model by name or URI.
    Model,
    /// An entry of a model registry.
    Registry,
    /// A file or folder of manifests.
    File,
    /// `deployment/NAME` of a cluster.
    Workload,
    /// A Helm chart.
    Chart,
    /// A service or function of a cloud.
    Service,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) does: Does,
    #[serde(default)]
    pub(super) ai: bool,
    #[serde(default)]
    commands: Vec<String>,
    #[serde(default)]
    actions: Vec<String>,
    #[serde(default)]
    pub(super) images: Vec<String>,
    #[serde(default)]
    pub(super) flags: Vec<String>,
    #[serde(default)]
    pub(super) word: Option<usize>,
    #[serde(default)]
    pub(super) target: Option<TargetKind>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rules: Vec<Rule>,
    scripts: BTreeMap<Does, Vec<String>>,
}

/// The rules, with the commands indexed by their first word.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) rules: Vec<Rule>,
    /// First word → rule and the words that follow.
    commands: HashMap<String, Vec<(usize, Vec<String>)>>,
    scripts: HashMap<String, Does>,
}

const TEXT: &str = include_str!("../../../data/discover/pipeline.yaml");

pub(super) fn rules() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| Table::index(table("pipeline.yaml", TEXT)));
    &TABLE
}

impl Table {
    fn index(file: File) -> Self {
        let File { rules, scripts } = file;
        let mut commands: HashMap<String, Vec<(usize, Vec<String>)>> = HashMap::new();
        for (i, rule) in rules.iter().enumerate() {
            for command in &rule.commands {
                let mut words = command.split(' ').map(str::to_owned);
                let Some(first) = words.next() else { continue };
                commands.entry(first).or_default().push((i, words.collect()));
            }
        }
        let scripts = scripts.into_iter().flat_map(|(does, words)| words.into_iter().map(move |word| (word, does)));
        Self { commands, scripts: scripts.collect(), rules }
    }

    /// Rules whose command a simple command starts with, and what follows it.
    pub(super) fn command<'a>(&self, words: &'a [String]) -> Vec<(&Rule, &'a [String])> {
        let Some(program) = words.first() else { return Vec::new() };
        let program = program.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(program);
        let known = self.commands.get(program).into_iter().flatten();
        known
            .filter_map(|(rule, wanted)| {
                let mut at = 1;
                for word in wanted {
                    at += words.get(at..)?.iter().position(|have| have == word)? + 1;
                }
                Some((self.rules.get(*rule)?, words.get(at..)?))
            })
            .collect()
    }

    /// The rule of an action, orb, task or pipe.
    pub(super) fn action(&self, name: &str) -> Option<&Rule> {
        let name = name.to_ascii_lowercase();
        self.rules.iter().find(|rule| rule.actions.iter().any(|action| name.starts_with(action.as_str())))
    }

    /// What a script or a step with such a name does.
    pub(super) fn script(&self, name: &str) -> Option<Does> {
        let words = name.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_ascii_lowercase);
        words.filter_map(|word| self.scripts.get(&word).copied()).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::Document;

    #[test]
    fn the_table_loads_and_commands_are_told() {
        Document::config::<File>("pipeline.yaml", TEXT).unwrap();
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let line = words("aws --region x sagemaker create-endpoint --endpoint-name e");
        let (rule, rest) = rules().command(&line)[0];
        assert_eq!((rule.does, rule.ai, rest.len()), (Does::Deploy, true, 2));
        assert!(rules().command(&words("aws s3 ls")).is_empty());
        assert_eq!(rules().script("scripts/train_model.py"), Some(Does::Train));
        assert_eq!(rules().script("constrain.py"), None);
    }
}
