//! What only shows when all files are read: a project under its number and its id, and which machines an open
//! firewall rule lets the internet reach.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::name;
use crate::asset::{Asset, AssetId, AssetKind, Exposure, Inventory, Relation, RelationKind};
use crate::discover::Discovery;

/// Joins what was found. Linear, but for open firewall rules and the machines of their network.
pub(in crate::discover) fn join(discovery: &mut Discovery) {
    rename(discovery);
    firewalls(&mut discovery.inventory);
}

/// Some services name projects by number, others by id: where both are known, the id is the one that stays. A service
/// account that a policy names by its number is the one with that address.
fn rename(discovery: &mut Discovery) {
    let inventory = &mut discovery.inventory;
    let mut ids: HashMap<String, String> = HashMap::new();
    for asset in inventory.assets().filter(|asset| asset.kind == AssetKind::Account) {
        let Some(known) = project(asset.id.as_str()) else { continue };
        for alias in asset.aliases.iter().filter_map(|alias| project(alias.as_str())) {
            match (is_number(known), is_number(alias)) {
                (false, true) => ids.insert(alias.to_owned(), known.to_owned()),
                (true, false) => ids.insert(known.to_owned(), alias.to_owned()),
                _ => None,
            };
        }
    }
    let mut accounts: HashMap<AssetId, AssetId> = HashMap::new();
    for asset in inventory.assets().filter(|asset| asset.id.as_str().starts_with("serviceAccount:")) {
        for alias in asset.aliases.iter().filter(|alias| inventory.get(alias.as_str()).is_some()) {
            accounts.insert(alias.clone(), asset.id.clone());
        }
    }
    if ids.is_empty() && accounts.is_empty() {
        return;
    }
    let renamed = |id: &AssetId| -> Option<AssetId> {
        if let Some(account) = accounts.get(id) {
            return Some(account.clone());
        }
        let project = name::project_of(id.as_str())?;
        let (start, rest) = id.as_str().split_once("/projects/")?;
        let rest = rest.strip_prefix(project)?;
        Some(AssetId::from(format!("{start}/projects/{}{rest}", ids.get(project)?)))
    };
    let stays = |id: &AssetId| renamed(id).unwrap_or_else(|| id.clone());
    let old = std::mem::take(inventory);
    // what keeps its id is the better description of it
    let (same, other): (Vec<&Asset>, Vec<&Asset>) = old.assets().partition(|asset| renamed(&asset.id).is_none());
    for asset in same.into_iter().chain(other) {
        let mut asset = asset.clone();
        let id = stays(&asset.id);
        let before = std::mem::replace(&mut asset.id, id);
        asset.aliases.insert(before);
        let own = asset.id.clone();
        asset.aliases.remove(&own);
        inventory.add(asset);
    }
    for relation in old.relations() {
        let mut relation = relation.clone();
        relation.from = stays(&relation.from);
        relation.to = stays(&relation.to);
        if relation.from != relation.to {
            inventory.relate(relation);
        }
    }
    for event in &mut discovery.events {
        event.asset = stays(&event.asset);
    }
}

fn project(id: &str) -> Option<&str> {
    id.strip_prefix("//cloudresourcemanager.googleapis.com/projects/")
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// A machine with an address on the internet is public where a rule of its network lets everyone in.
fn firewalls(inventory: &mut Inventory) {
    let of_type = |kind: &'static str| move |asset: &&Asset| asset.text("gcp_type") == Some(kind);
    let mut machines: HashMap<String, Vec<&Asset>> = HashMap::new();
    for machine in inventory.assets().filter(of_type("compute.googleapis.com/Instance")) {
        for interface in list(machine, "networkInterfaces").filter(|interface| is_external(interface)) {
            if let Some(network) = network(interface.get("network")) {
                machines.entry(network).or_default().push(machine);
            }
        }
    }
    if machines.is_empty() {
        return;
    }
    let mut open = Vec::new();
    for rule in inventory.assets().filter(of_type("compute.googleapis.com/Firewall")) {
        if rule.exposure != Some(Exposure::Public) {
            continue;
        }
        let behind = network(rule.properties.get("network")).and_then(|network| machines.get(&network));
        let tags: HashSet<&str> = list(rule, "targetTags").filter_map(Value::as_str).collect();
        let accounts: HashSet<&str> = list(rule, "targetServiceAccounts").filter_map(Value::as_str).collect();
        for machine in behind.into_iter().flatten() {
            let tagged = || {
                let own = machine.properties.get("tags").and_then(|tags| tags.get("items")).and_then(Value::as_array);
                own.into_iter().flatten().filter_map(Value::as_str).any(|tag| tags.contains(tag))
            };
            let acting = || {
                list(machine, "serviceAccounts")
                    .filter_map(|account| account.get("email")?.as_str())
                    .any(|email| accounts.contains(email))
            };
            if (tags.is_empty() && accounts.is_empty()) || tagged() || acting() {
                let evidence = rule.evidence.first().cloned().unwrap_or_default();
                let relation = Relation::new(rule.id.clone(), RelationKind::Exposes, machine.id.clone());
                open.push((machine.id.clone(), relation.seen(evidence)));
            }
        }
    }
    for (machine, relation) in open {
        if let Some(machine) = inventory.get_mut(machine.as_str()) {
            machine.exposure = Some(Exposure::Public);
        }
        inventory.relate(relation);
    }
}

fn list<'a>(asset: &'a Asset, key: &str) -> impl Iterator<Item = &'a Value> {
    asset.properties.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn network(value: Option<&Value>) -> Option<String> {
    name::id(value?.as_str()?, "compute.googleapis.com")
}

/// Whether an interface has an address on the internet.
fn is_external(interface: &Value) -> bool {
    let address = |config: &Value| {
        ["natIP", "natIp", "externalIpv6"]
            .iter()
            .any(|key| config.get(*key).and_then(Value::as_str).is_some_and(|ip| !ip.is_empty()))
    };
    ["accessConfigs", "ipv6AccessConfigs"]
        .iter()
        .filter_map(|key| interface.get(*key)?.as_array())
        .flatten()
        .any(address)
}
