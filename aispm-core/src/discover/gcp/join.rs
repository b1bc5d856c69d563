//! What only shows when all files are read: which machines an open firewall rule lets the internet reach, and which
//! account a resource acts with that names none.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::{name, principal, resource};
use crate::asset::{Asset, AssetId, AssetKind, Exposure, Inventory, Relation, RelationKind};

/// Joins what lies in different files.
pub(in crate::discover) fn join(inventory: &mut Inventory) {
    expose(inventory);
    act(inventory);
}

/// Whoever names no account acts with the one that Google makes for its project.
fn act(inventory: &mut Inventory) {
    let mut projects: HashMap<String, (Option<String>, Option<String>)> = HashMap::new();
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    for project in inventory.assets().filter(|asset| asset.kind == AssetKind::Account) {
        let ids = [&project.id].into_iter().chain(&project.aliases).map(AssetId::as_str);
        let names: Vec<&str> =
            ids.filter_map(|id| id.strip_prefix("//cloudresourcemanager.googleapis.com/projects/")).collect();
        let number = names.iter().find(|name| is_number(name)).map(|name| (*name).to_owned());
        let word = names.iter().find(|name| !is_number(name)).map(|name| (*name).to_owned());
        projects.extend(names.iter().map(|name| ((*name).to_owned(), (number.clone(), word.clone()))));
    }
    let mut acts = Vec::new();
    for asset in inventory.assets() {
        let Some(account) = asset.text(resource::ACTS_AS) else { continue };
        let project = asset.text("project").or_else(|| name::project_of(asset.id.as_str()));
        let Some(project) = project else { continue };
        let (number, word) = projects.get(project).cloned().unwrap_or_default();
        let own = Some(project.to_owned());
        let number = number.or_else(|| own.clone().filter(|own| is_number(own)));
        let word = word.or_else(|| own.filter(|own| !is_number(own)));
        let hole = if account.contains("{number}") { ("{number}", number) } else { ("{project}", word) };
        let (hole, Some(value)) = hole else { continue };
        let evidence = asset.evidence.first().cloned().unwrap_or_default();
        let member = format!("serviceAccount:{}", account.replace(hole, &value));
        if let Some(account) = principal::asset(&member) {
            let relation = Relation::new(asset.id.clone(), RelationKind::RunsAs, account.id.clone());
            acts.push((account.seen(evidence.clone()), relation.seen(evidence)));
        }
    }
    for (account, relation) in acts {
        inventory.add(account);
        inventory.relate(relation);
    }
}

/// A machine with an address on the internet is public where a rule of its network lets everyone in.
fn expose(inventory: &mut Inventory) {
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
