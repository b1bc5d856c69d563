//! `data/discover/exposure.yaml`: which types of resource decide from where something is reached.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::Deserialize;

use crate::asset::{Asset, Document, Inventory};

const TEXT: &str = include_str!("../../../data/discover/exposure.yaml");

/// What a resource is to a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    SecurityGroup,
    SecurityGroupRule,
    PrefixList,
    Subnet,
    Acl,
    AclRule,
    AclAssociation,
    RouteTable,
    Route,
    RouteAssociation,
    MainRouteAssociation,
    InternetGateway,
    Address,
    Machine,
    Balancer,
    Database,
    GcpFirewall,
    GcpMachine,
    AzureGroup,
    AzureGroupAssociation,
    AzureRule,
    AzureInterface,
    AzureAddress,
    AzureMachine,
    PrivateEndpoint,
    AccountBlock,
    GcpRuleList,
    GcpBackend,
    PoliciedService,
    ListedService,
    Limiter,
    Stage,
    RuleList,
    RuleListAssociation,
}

/// What a service tag of Azure stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ServiceTag {
    /// All that is not of a network of one's own.
    Internet,
    /// Nothing that comes from outside.
    Inside,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    roles: BTreeMap<Role, Vec<String>>,
    service_tags: BTreeMap<ServiceTag, Vec<String>>,
    words: BTreeMap<String, Vec<String>>,
}

fn table() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        // a test checks that it loads; an empty table would only judge nothing
        Document::config("exposure.yaml", TEXT).unwrap_or_default()
    });
    &TABLE
}

/// What a word of a rule stands for that is no address.
pub(super) fn service_tag(word: &str) -> Option<ServiceTag> {
    let is = |tags: &Vec<String>| tags.iter().any(|tag| tag.eq_ignore_ascii_case(word));
    table().service_tags.iter().find(|(_, tags)| is(tags)).map(|(tag, _)| *tag)
}

/// A list of words of the table.
pub(super) fn words(list: &str) -> impl Iterator<Item = &'static str> {
    table().words.get(list).into_iter().flatten().map(String::as_str)
}

/// The assets of an inventory by what they are to a network, so that the many that are nothing are looked at once.
#[derive(Debug, Default)]
pub(super) struct Roles<'a>(HashMap<Role, Vec<&'a Asset>>);

impl<'a> Roles<'a> {
    pub(super) fn of(inventory: &'a Inventory) -> Self {
        let mut roles = Self::default();
        for asset in inventory.assets() {
            if let Some(role) = role(asset) {
                roles.0.entry(role).or_default().push(asset);
            }
        }
        roles
    }

    /// Those of a role, by id.
    pub(super) fn all(&self, role: Role) -> impl Iterator<Item = &'a Asset> {
        self.0.get(&role).into_iter().flatten().copied()
    }

    /// Those of each of these roles, by id.
    pub(super) fn each<'r>(&'r self, roles: &'r [Role]) -> impl Iterator<Item = (Role, &'a Asset)> {
        roles.iter().flat_map(move |role| self.all(*role).map(move |asset| (*role, asset)))
    }
}

/// What an asset that some file describes is to a network; nothing for one that is only named.
pub(super) fn role(asset: &Asset) -> Option<Role> {
    static ROLES: LazyLock<HashMap<&str, Role>> = LazyLock::new(|| {
        let pairs = table().roles.iter().flat_map(|(role, types)| types.iter().map(move |name| (name.as_str(), *role)));
        pairs.collect()
    });
    let named = ["terraform_type", "aws_type", "gcp_type", "resource_type"].iter().find_map(|key| asset.text(key))?;
    ROLES.get(named).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_loads() {
        let table: Table = Document::config("exposure.yaml", TEXT).unwrap();
        assert!(table.roles[&Role::Machine].contains(&"aws_instance".to_owned()));
        assert_eq!(
            (service_tag("internet"), service_tag("VirtualNetwork")),
            (Some(ServiceTag::Internet), Some(ServiceTag::Inside))
        );
        assert_eq!(service_tag("AzureFrontDoor.Backend"), None);
    }
}
