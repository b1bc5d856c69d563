//! The principals and policies of an inventory, and questions to them.

mod ask;
mod read;
mod scopes;

use std::collections::{BTreeSet, HashMap};

use super::moment::Moment;
use super::organization::{Limits, Organization, is_service_linked};
use super::pattern::account_of;
use super::principal::{Held, Principal, PrincipalKind};
use crate::asset::{AssetId, AssetKind, Evidence, Inventory, RelationKind};
use crate::identity::Decision;

pub(crate) use ask::Trustee;
pub(super) use ask::is_key;
pub(crate) use read::has_broader_version;
pub(super) use read::warned;
pub(super) use scopes::Choices;
pub(crate) use scopes::{ScopeId, Scopes};

use read::ManagedPolicies;

/// A decision and the statements that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// Allowed, conditional or denied.
    pub decision: Decision,
    /// The statements that allow it or, if it is denied, deny it; at most four.
    pub statements: Vec<Evidence>,
}

/// The principals and policies of an inventory. Immutable; build once, ask often.
#[derive(Debug, Clone, Default)]
pub struct Estate {
    principals: Vec<Principal>,
    index: HashMap<AssetId, usize>,
    resource_policies: HashMap<AssetId, Held>,
    homes: HashMap<AssetId, String, foldhash::fast::RandomState>,
    accounts: BTreeSet<String>,
    organization: Organization,
    as_of: Option<Moment>,
    warnings: Vec<String>,
    /// Managed policies that make an administrator of whoever they are attached to.
    strong: Vec<String>,
}

impl Estate {
    /// Reads principals (in the shape of `get-account-authorization-details`), their policies, the policies on resources
    /// (property `policy` or `Policy`), and those of an organisation. Linear in the inventory.
    #[must_use]
    pub fn new(inventory: &Inventory) -> Self {
        let mut estate = Self::default();
        let documents = ManagedPolicies::new(inventory, &mut estate.warnings);
        estate.strong = documents.strong();
        let mut groups: HashMap<AssetId, Vec<Held>> = HashMap::new();
        let identities = || inventory.assets().filter(|asset| read::is_principal(asset));
        for asset in identities().filter(|asset| asset.kind == AssetKind::Group) {
            let principal = estate.principal(asset, &documents);
            groups.insert(asset.id.clone(), principal.policies.clone());
            estate.add(principal);
        }
        for asset in identities().filter(|asset| asset.kind != AssetKind::Group) {
            let mut principal = estate.principal(asset, &documents);
            for group in read::member_of(asset) {
                principal.policies.extend(groups.get(group.as_str()).into_iter().flatten().cloned());
                principal.groups.push(group);
            }
            estate.add(principal);
        }
        estate.accounts = estate.principals.iter().map(|p| p.account.clone()).filter(|a| !a.is_empty()).collect();
        for relation in inventory.relations().filter(|r| r.kind == RelationKind::Contains) {
            // what a unit of an organisation contains is not in the account that manages it
            let unit = relation.from.as_str().contains(":organizations:");
            if let Some(account) = account_of(relation.from.as_str()).filter(|_| !unit) {
                estate.homes.insert(relation.to.clone(), account.to_owned());
            }
        }
        let policied =
            inventory.has_property(&read::RESOURCE_POLICIES).then(|| inventory.assets()).into_iter().flatten();
        for asset in policied.filter(|a| a.kind != AssetKind::Policy && !read::is_principal(a)) {
            if let Some(held) = read::resource_policy(asset, &mut estate.warnings) {
                estate.resource_policies.insert(asset.id.clone(), held);
            }
        }
        estate.organization = Organization::new(inventory, &mut estate.warnings);
        estate.add_external();
        estate
    }

    fn add(&mut self, principal: Principal) {
        self.index.insert(principal.id.clone(), self.principals.len());
        self.principals.push(principal);
    }

    /// Principals of other accounts that policies here name.
    fn add_external(&mut self) {
        let trusts = self.principals.iter().filter_map(|p| p.trust.as_ref());
        let policies = trusts.chain(self.resource_policies.values());
        let statements = policies.flat_map(|held| &held.policy.statements).filter(|statement| statement.allow);
        let named: BTreeSet<String> = statements
            .filter_map(|statement| statement.principals.as_ref().filter(|p| !p.not))
            .flat_map(|principals| principals.aws.iter().map(|name| &name.arn))
            .filter(|arn| account_of(arn).is_some_and(|account| !self.accounts.contains(account)))
            .cloned()
            .collect();
        for arn in named {
            self.add(Principal::named(&arn, PrincipalKind::External));
        }
    }

    /// Every principal: users, roles, groups, and those of other accounts that policies name.
    #[must_use]
    pub fn principals(&self) -> &[Principal] {
        &self.principals
    }

    /// The principal of this ARN.
    #[must_use]
    pub fn principal_of(&self, id: &str) -> Option<&Principal> {
        self.principals.get(*self.index.get(id)?)
    }

    /// What the input lacks, and what AWS would refuse of it: attached policies without documents, statements that count
    /// for nothing.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Resources that carry a policy of their own.
    pub(crate) fn policied(&self) -> impl Iterator<Item = &AssetId> {
        self.resource_policies.keys()
    }

    /// Managed policies that make an administrator of whoever they are attached to, at most sixteen.
    pub(crate) fn strong_policies(&self) -> impl Iterator<Item = &str> {
        self.strong.iter().map(String::as_str)
    }

    /// The account a resource lives in: from its ARN, from what contains it, or the only account there is.
    #[must_use]
    pub fn home<'a>(&'a self, resource: &'a str) -> Option<&'a str> {
        let only = || self.accounts.first().filter(|_| self.accounts.len() == 1).map(String::as_str);
        account_of(resource).or_else(|| self.homes.get(resource).map(String::as_str)).or_else(only)
    }

    /// What an organisation's policies leave a principal.
    pub(super) fn limits(&self, principal: &Principal) -> Option<&Limits> {
        let bound = principal.kind != PrincipalKind::External && !is_service_linked(principal.id.as_str());
        self.organization.limits(&principal.account).filter(|_| bound)
    }
}
