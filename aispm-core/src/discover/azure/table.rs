//! `data/discover/azure.yaml`: what resource types, settings, roles and operations mean.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::Deserialize;

use crate::asset::{AssetKind, Authentication, Document, Exposure, RelationKind};

/// The built-in table, indexed once.
pub(super) fn table() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| Table::index(load().unwrap_or_default()));
    &TABLE
}

// the built-in table is checked by a test; an empty one would only lose kinds
fn load() -> crate::asset::Result<Table> {
    Document::config("azure.yaml", include_str!("../../../data/discover/azure.yaml"))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    types: HashMap<String, ResourceType>,
    /// The table's spelling of a type by its lower-case name.
    #[serde(skip)]
    spelled: HashMap<String, String>,
    ai_namespaces: Vec<String>,
    plain_types: Vec<String>,
    findings: Vec<String>,
    pub(super) domains: Vec<String>,
    pub(super) settings: Settings,
    pub(super) connections: BTreeMap<RelationKind, Vec<String>>,
    roles: HashMap<String, Role>,
    #[serde(skip)]
    role_ids: HashMap<String, String>,
    operations: Vec<Operation>,
}

/// What the table says of a resource type.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResourceType {
    pub(super) kind: AssetKind,
    #[serde(default)]
    pub(super) ai: bool,
    #[serde(default)]
    pub(super) by: Option<String>,
    #[serde(default)]
    pub(super) kinds: BTreeMap<String, AssetKind>,
    #[serde(default)]
    pub(super) exposure: Option<Exposure>,
    #[serde(default)]
    pub(super) auth: Option<Authentication>,
    #[serde(default)]
    pub(super) cmk: bool,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    pub(super) subdomain: Option<String>,
    #[serde(default)]
    pub(super) alias: Vec<String>,
    #[serde(default)]
    pub(super) links: BTreeMap<RelationKind, Vec<String>>,
    #[serde(default)]
    pub(super) linked: BTreeMap<RelationKind, Vec<String>>,
    #[serde(default)]
    pub(super) env: Vec<String>,
    #[serde(default)]
    pub(super) image: Vec<String>,
    #[serde(default)]
    pub(super) through: bool,
}

impl ResourceType {
    /// The address of a resource of this type, from its name and those above it.
    pub(super) fn address(&self, names: &str) -> Option<String> {
        // what only a deployment knows makes no address
        let mut url = self.url.clone().filter(|_| !names.contains('['))?;
        for (n, name) in names.split('/').enumerate() {
            url = url.replace(&format!("{{{n}}}"), &name.to_lowercase());
        }
        (!url.contains('{')).then_some(url)
    }
}

/// Conditions that settings are read by.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) closed: Vec<String>,
    pub(super) open: Vec<String>,
    pub(super) denied: Vec<String>,
    pub(super) allowed: Vec<String>,
    pub(super) addresses: Vec<String>,
    pub(super) anonymous: Vec<String>,
    pub(super) keys: Vec<String>,
    pub(super) identities: Vec<String>,
    pub(super) customer_key: Vec<String>,
    pub(super) platform_key: Vec<String>,
    pub(super) encrypted_wire: Vec<String>,
    pub(super) plain_wire: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Role {
    id: String,
    grants: Vec<RelationKind>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Operation {
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default)]
    ends: Vec<String>,
    is: RelationKind,
}

impl Table {
    fn index(mut self) -> Self {
        self.spelled = self.types.keys().map(|name| (name.to_lowercase(), name.clone())).collect();
        self.types = self.types.into_iter().map(|(name, known)| (name.to_lowercase(), known)).collect();
        self.role_ids = self.roles.iter().map(|(name, role)| (role.id.clone(), name.clone())).collect();
        for list in [&mut self.ai_namespaces, &mut self.plain_types, &mut self.findings] {
            list.iter_mut().for_each(|name| name.make_ascii_lowercase());
        }
        self
    }

    /// What is known of a type; its name in any case.
    pub(super) fn resource_type(&self, name: &str) -> Option<&ResourceType> {
        self.types.get(&name.to_lowercase())
    }

    /// A type as Azure spells it, as far as known.
    pub(super) fn spelled<'a>(&'a self, name: &'a str) -> &'a str {
        self.spelled.get(&name.to_lowercase()).map_or(name, String::as_str)
    }

    /// The kind of a type and whether it is AI.
    pub(super) fn kind(&self, name: &str) -> (AssetKind, bool) {
        let name = name.to_lowercase();
        match self.types.get(&name) {
            Some(known) => (known.kind, known.ai || known.kind.is_ai()),
            None => {
                let last = name.rsplit('/').next().unwrap_or_default();
                let plain = self.plain_types.iter().any(|plain| plain == last);
                (AssetKind::Resource, !plain && within(&name, &self.ai_namespaces))
            }
        }
    }

    /// Whether rows of this type are findings, which another reader takes.
    pub(super) fn is_finding(&self, name: &str) -> bool {
        within(&name.to_lowercase(), &self.findings)
    }

    /// The name of a built-in role by its GUID, and what it grants.
    pub(super) fn role(&self, name: &str) -> Option<(&str, &[RelationKind])> {
        let name = self.role_ids.get(&name.to_lowercase()).map_or(name, String::as_str);
        self.roles.get_key_value(name).map(|(name, role)| (name.as_str(), role.grants.as_slice()))
    }

    /// What a record says happened.
    pub(super) fn operation(&self, category: &str, operation: &str) -> Option<RelationKind> {
        let operation = operation.to_lowercase();
        let means = |known: &&Operation| {
            known.categories.iter().any(|name| name.eq_ignore_ascii_case(category))
                || known.ends.iter().any(|end| match end.starts_with(['/', '_']) {
                    true => operation.ends_with(end.as_str()),
                    false => verb(&operation, end),
                })
        };
        self.operations.iter().find(means).map(|known| known.is)
    }
}

/// Whether a data-plane operation such as `SecretGet` or `GetBlob` starts or ends with this word.
fn verb(operation: &str, word: &str) -> bool {
    !operation.contains('/') && (operation.starts_with(word) || operation.ends_with(word))
}

fn within(name: &str, namespaces: &[String]) -> bool {
    let namespace = name.split('/').next().unwrap_or_default();
    namespaces.iter().any(|known| known == namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_loads_and_answers() {
        load().unwrap();
        let table = table();
        assert_eq!(table.kind("microsoft.cognitiveservices/ACCOUNTS"), (AssetKind::Endpoint, true));
        assert_eq!(table.kind("Microsoft.CognitiveServices/accounts/new"), (AssetKind::Resource, true));
        let connection = "Microsoft.CognitiveServices/accounts/privateEndpointConnections";
        assert_eq!(table.kind(connection), (AssetKind::Resource, false));
        assert_eq!(table.kind("Microsoft.Storage/storageAccounts"), (AssetKind::Bucket, false));
        assert!(table.is_finding("microsoft.security/assessments"));
        let (name, grants) = table.role("5E0BD9BD-7B93-4F28-AF87-19FC36AD61BD").unwrap();
        assert_eq!((name, grants), ("Cognitive Services OpenAI User", &[RelationKind::Invokes][..]));
        assert!(table.roles.values().all(|role| super::super::id::is_guid(&role.id)));
        assert_eq!(table.role_ids.len(), table.roles.len());
    }

    #[test]
    fn operations_by_category_and_by_name() {
        let is = |category, operation| table().operation(category, operation);
        assert_eq!(is("RequestResponse", "ChatCompletions_Create"), Some(RelationKind::Invokes));
        assert_eq!(is("Administrative", "MICROSOFT.X/ACCOUNTS/WRITE"), Some(RelationKind::Writes));
        assert_eq!(is("Administrative", "Microsoft.X/accounts/listKeys/action"), Some(RelationKind::Reads));
        assert_eq!(is("Administrative", "Microsoft.X/accounts/restart/action"), Some(RelationKind::Invokes));
        assert_eq!(is("AuditEvent", "SecretGet"), Some(RelationKind::Reads));
        assert_eq!(is("", "Something"), None);
    }
}
