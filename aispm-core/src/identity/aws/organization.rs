//! Service and resource control policies of an organisation, by the accounts they bind.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use super::estate::warned;
use super::policy::{Policy, Purpose};
use super::principal::Held;
use crate::asset::{Asset, AssetKind, Document, Inventory, RelationKind};

/// The limits of every account of an organisation.
#[derive(Debug, Clone, Default)]
pub(super) struct Organization(HashMap<String, Limits>);

/// What an account's principals and resources may at most, level by level from the root of the organisation down.
#[derive(Debug, Clone, Default)]
pub(super) struct Limits {
    scps: Vec<Level>,
    rcps: Vec<Level>,
}

/// The policies of one type that are attached to the root, a unit or an account.
#[derive(Debug, Clone)]
pub(super) struct Level {
    policies: Vec<Held>,
    /// No statement allows anything: the full access that AWS attaches by itself is still there.
    open: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Service,
    Resource,
}

/// Property of a policy: `SERVICE_CONTROL_POLICY` or `RESOURCE_CONTROL_POLICY`, as AWS Organizations calls them.
pub(crate) const TYPE: &str = "organization_policy_type";
/// Property of a policy: its document.
pub(crate) const CONTENT: &str = "organization_policy";
/// Property of a policy: the level below the root that it is attached to, where only the account's number is known.
pub(crate) const LEVEL: &str = "organization_level";
/// Property of the root of an organisation: `true`.
pub(crate) const ROOT: &str = "organization_root";

impl Level {
    fn new(policies: Vec<Held>) -> Self {
        let mut statements = policies.iter().flat_map(|held| &held.policy.statements);
        let open = !statements.any(|statement| statement.allow);
        Self { policies, open }
    }

    pub(super) fn policies(&self) -> &[Held] {
        &self.policies
    }

    /// Whether full access stands beside its policies.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }
}

impl Limits {
    pub(super) fn scps(&self) -> &[Level] {
        &self.scps
    }

    /// The levels that bind resources of an action's service.
    pub(super) fn rcps(&self, action: &str) -> impl Iterator<Item = &Level> {
        self.rcps.iter().filter(move |_| supports_rcps(action))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Level> {
        self.scps.iter().chain(&self.rcps)
    }
}

/// Whether resource control policies bind the service of an action.
pub(super) fn supports_rcps(action: &str) -> bool {
    static SERVICES: OnceLock<HashSet<String>> = OnceLock::new();
    let services = SERVICES.get_or_init(|| {
        let text = include_str!("../../../data/identity/aws_rcp_services.yaml");
        // the built-in list is checked by a test
        Document::config("aws_rcp_services.yaml", text).unwrap_or_default()
    });
    services.contains(action.split(':').next().unwrap_or_default())
}

/// Whether an ARN is a role of AWS's own services, which no policy of an organisation binds.
pub(super) fn is_service_linked(arn: &str) -> bool {
    arn.contains(":role/aws-service-role/") || arn.contains(":assumed-role/AWSServiceRoleFor")
}

impl Organization {
    /// Reads policies with a type and content, what they apply to, and which units contain which. Linear in the inventory
    /// and in the depth of the organisation.
    pub(super) fn new(inventory: &Inventory, warnings: &mut Vec<String>) -> Self {
        let mut attached: HashMap<&str, Vec<(Type, u64, Held)>> = HashMap::new();
        let mut management: HashSet<&str> = HashSet::new();
        for asset in inventory.assets().filter(|asset| asset.kind == AssetKind::Policy) {
            let Some((kind, held)) = read(asset, warnings) else { continue };
            management.extend(manager(asset.id.as_str()));
            for relation in inventory.outgoing(asset.id.as_str()).filter(|r| r.kind == RelationKind::AppliesTo) {
                management.extend(manager(relation.to.as_str()));
                let level = asset.properties.get(LEVEL).and_then(serde_json::Value::as_u64).unwrap_or_default();
                attached.entry(entity(relation.to.as_str())).or_default().push((kind, level, held.clone()));
            }
        }
        if attached.is_empty() {
            return Self::default();
        }
        let accounts = || inventory.assets().filter(|asset| asset.kind == AssetKind::Account);
        let mut parents: HashMap<&str, &str> = HashMap::new();
        for asset in accounts() {
            for relation in inventory.incoming(asset.id.as_str()).filter(|r| r.kind == RelationKind::Contains) {
                management.extend(manager(relation.from.as_str()));
                parents.insert(entity(asset.id.as_str()), entity(relation.from.as_str()));
            }
        }
        let is_root = |asset: &&Asset| asset.properties.get(ROOT).and_then(serde_json::Value::as_bool) == Some(true);
        let mut roots = accounts().filter(is_root).map(|asset| entity(asset.id.as_str()));
        let root = roots.next().filter(|root| roots.all(|other| other == *root));
        let mut limits = HashMap::new();
        for asset in accounts() {
            let Some(account) = account_number(asset).filter(|a| !management.contains(a.as_str())) else { continue };
            let mut line = vec![entity(asset.id.as_str())];
            // AWS allows five units below the root
            while let Some(parent) = line.last().and_then(|id| parents.get(id)).filter(|_| line.len() < 10) {
                line.push(parent);
            }
            line.extend(root.filter(|root| !line.contains(root)));
            let levels = |wanted| {
                let mut levels = Vec::new();
                for held in line.iter().rev().filter_map(|id| attached.get(id)) {
                    let mut by_level: BTreeMap<u64, Vec<Held>> = BTreeMap::new();
                    for (_, level, held) in held.iter().filter(|(kind, _, _)| *kind == wanted) {
                        by_level.entry(*level).or_default().push(held.clone());
                    }
                    levels.extend(by_level.into_values().map(Level::new));
                }
                levels
            };
            let own = Limits { scps: levels(Type::Service), rcps: levels(Type::Resource) };
            if own.all().next().is_some() {
                limits.insert(account, own);
            }
        }
        Self(limits)
    }

    /// The limits of an account.
    pub(super) fn limits(&self, account: &str) -> Option<&Limits> {
        self.0.get(account)
    }
}

/// What a root, unit or account is called whichever ARN names it: `r-…`, `ou-…`, twelve digits.
fn entity(id: &str) -> &str {
    if id.contains(":organizations:") {
        return id.rsplit('/').next().unwrap_or(id);
    }
    id.strip_suffix(":root").and_then(super::pattern::account_of).unwrap_or(id)
}

/// The account that manages the organisation, which no policy of it binds, from an ARN of something in it.
fn manager(id: &str) -> Option<&str> {
    super::pattern::account_of(id).filter(|_| id.contains(":organizations:"))
}

/// The number of an account, from its id or, where a template gave that, its properties.
fn account_number(asset: &Asset) -> Option<String> {
    let by_arn = asset.id.as_str().strip_suffix(":root").and_then(super::pattern::account_of).map(str::to_owned);
    by_arn.or_else(|| {
        let texts = ["account_id", "id"].into_iter().filter_map(|key| asset.text(key));
        texts.filter(|id| id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit())).map(str::to_owned).next()
    })
}

fn read(asset: &Asset, warnings: &mut Vec<String>) -> Option<(Type, Held)> {
    let (kind, purpose) = match asset.text(TYPE)? {
        "SERVICE_CONTROL_POLICY" => (Type::Service, Purpose::Identity),
        "RESOURCE_CONTROL_POLICY" => (Type::Resource, Purpose::Resource),
        _ => return None,
    };
    let parsed = Policy::parse(asset.properties.get(CONTENT)?, purpose);
    let name = format!("organisation policy {}", asset.name);
    let policy = warned(parsed, &name, asset.id.as_str(), warnings)?;
    Some((kind, Held { policy: Arc::new(policy), evidence: asset.evidence.first().cloned().unwrap_or_default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_loads() {
        assert!(supports_rcps("s3:getobject") && !supports_rcps("ec2:runinstances"));
    }
}
