//! `data/identity/ai_actions.yaml`: the AI services of AWS and their actions.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::Deserialize;

use crate::asset::Document;

const TEXT: &str = include_str!("../../../data/identity/ai_actions.yaml");

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    pub(super) services: BTreeMap<String, Service>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Service {
    pub(super) actions: Vec<String>,
    #[serde(default)]
    unlogged: Vec<String>,
    #[serde(default)]
    resource: Vec<String>,
    #[serde(default)]
    same: HashMap<String, String>,
}

pub(super) fn table() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        // a test checks that it loads; an empty table would only know no AI
        Document::config("ai_actions.yaml", TEXT).unwrap_or_default()
    });
    &TABLE
}

impl Table {
    /// The service of an action such as `bedrock:InvokeModel`, and its name there.
    fn of<'a>(&self, action: &'a str) -> Option<(&Service, &'a str)> {
        let (service, name) = action.split_once(':')?;
        Some((self.services.get(&service.to_ascii_lowercase())?, name))
    }

    /// Every action, with its service.
    pub(super) fn actions(&self) -> impl Iterator<Item = String> {
        self.services.iter().flat_map(|(name, service)| service.actions.iter().map(move |a| format!("{name}:{a}")))
    }

    /// The action that a policy knows a call by; `None` for what is not AI.
    pub(super) fn permission(&self, call: &str) -> Option<String> {
        let (service, name) = self.of(call)?;
        let prefix = call.split(':').next().unwrap_or_default();
        Some(format!("{prefix}:{}", service.same.get(name).map_or(name, String::as_str)))
    }

    pub(super) fn is_unlogged(&self, action: &str) -> bool {
        self.of(action).is_some_and(|(service, name)| service.unlogged.iter().any(|known| known == name))
    }

    pub(super) fn names_resource(&self, action: &str) -> bool {
        self.of(action).is_some_and(|(service, name)| service.resource.iter().any(|known| known == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_loads() {
        let table: Table = Document::config("ai_actions.yaml", TEXT).unwrap();
        for (name, service) in &table.services {
            for listed in service.unlogged.iter().chain(&service.resource).chain(service.same.values()) {
                assert!(service.actions.contains(listed), "{name}: {listed}");
            }
        }
        assert_eq!(table.permission("bedrock:Converse").as_deref(), Some("bedrock:InvokeModel"));
        assert_eq!(table.permission("s3:GetObject"), None);
    }
}
