//! What a Google Cloud network lets in to its machines.
//!
//! A machine is reached from the internet if it has an external address and the firewall of its network lets traffic in:
//! of the enabled ingress rules that are meant for it, the one of the lowest priority number decides, at the same number
//! one that denies, and what no rule is about is denied. A network without any rule among the files is not judged.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::field::{self, flag, items, list, strings, text};
use super::firewall::{Rule, ordered};
use super::net::{ALL_PORTS, Addresses, Family, Ports, Protocol, Space, ports};
use super::table::{Role, Roles, role};
use super::verdict::Verdict;
use super::{Verdicts, evidence_of};
use crate::asset::{Asset, Inventory, RelationKind};

/// The priority of a rule that gives none.
const PRIORITY: u64 = 1000;

/// Says of every machine whether the internet reaches it. O(machines · rules of their networks).
pub(super) fn judge(inventory: &Inventory, roles: &Roles<'_>, verdicts: &mut Verdicts) {
    armor(inventory, roles, verdicts);
    let mut firewalls: HashMap<String, Vec<&Asset>> = HashMap::new();
    for asset in roles.all(Role::GcpFirewall) {
        if let Some(network) = asset.properties.get("network").and_then(Value::as_str) {
            firewalls.entry(network_of(network, asset)).or_default().push(asset);
        }
    }
    if firewalls.is_empty() {
        return;
    }
    for machine in roles.all(Role::GcpMachine) {
        let interfaces = list(&machine.properties, &["networkinterfaces", "networkinterface"]);
        let ways = interfaces.iter().filter_map(|interface| {
            let network = text(interface, &["network"]).unwrap_or_else(|| "default".to_owned());
            let rules = firewalls.get(&network_of(&network, machine))?;
            Some(address(machine, interface).and(inward(machine, rules)))
        });
        if let Some(verdict) = ways.reduce(Verdict::or) {
            verdicts.say(&machine.id, verdict);
        }
    }
}

/// Lists of rules before the services behind a load balancer hold traffic back from these.
fn armor(inventory: &Inventory, roles: &Roles<'_>, verdicts: &mut Verdicts) {
    for backend in roles.all(Role::GcpBackend) {
        let uses = inventory.outgoing(backend.id.as_str()).filter(|r| r.kind == RelationKind::Uses);
        let lists =
            uses.filter_map(|r| inventory.get(r.to.as_str())).filter(|list| role(list) == Some(Role::GcpRuleList));
        for policy in lists {
            let mut rules: Vec<(u64, Rule)> =
                list(&policy.properties, &["rules", "rule"]).iter().map(|rule| armor_rule(policy, rule)).collect();
            if rules.is_empty() {
                continue;
            }
            rules.sort_by_key(|(priority, _)| *priority);
            let rules: Vec<Rule> = rules.into_iter().map(|(_, rule)| rule).collect();
            let shut = format!("security policy {} keeps the internet out", policy.name);
            let verdict = ordered(&rules, &Space::internet()).verdict(shut, evidence_of(policy));
            for relation in inventory.incoming(backend.id.as_str()).filter(|r| r.kind == RelationKind::Exposes) {
                verdicts.wall(&relation.from, &backend.id, verdict.clone());
            }
        }
    }
}

fn armor_rule(policy: &Asset, rule: &Value) -> (u64, Rule) {
    let priority = text(rule, &["priority"]).and_then(|n| n.parse().ok()).unwrap_or(u64::MAX);
    // throttled and redirected traffic arrives as well
    let allow = !text(rule, &["action"]).is_some_and(|action| action.starts_with("deny"));
    let preview = flag(rule, &["preview"]) == Some(true);
    let ranges = super::field::deep(rule, &["srcipranges"]);
    let words: Vec<&str> = ranges.into_iter().flat_map(|value| strings(value, &[])).collect();
    let anywhere = [Addresses::all(Family::V4), Addresses::all(Family::V6)];
    let mut from: Vec<Addresses> = words.iter().copied().filter_map(Addresses::parse).collect();
    if words.contains(&"*") {
        from.extend(anywhere);
    }
    let of = |from: &[Addresses]| Space::of(from, &Protocol::ALL, ALL_PORTS);
    // an expression may be about anything; one that denies is taken to leave most callers alone
    let perhaps = (words.is_empty() && allow)
        .then(|| (of(&anywhere), format!("rule {priority} of security policy {} is about the caller", policy.name)));
    let about = if preview { Space::default() } else { of(&from) };
    let says = format!(
        "security policy {} {} callers by rule {priority}",
        policy.name,
        if allow { "lets in" } else { "keeps out" }
    );
    (priority, Rule { allow, about, perhaps: perhaps.filter(|_| !preview), says, evidence: evidence_of(policy) })
}

/// One name for a network, whether it is called by its URL, its name or a reference.
fn network_of(network: &str, asset: &Asset) -> String {
    if let Some((_, rest)) = network.split_once("projects/") {
        return format!("projects/{rest}");
    }
    if network.contains("${") {
        let inner = network.trim_start_matches("${").trim_end_matches('}');
        let end = [".id", ".self_link", ".name"].iter().find_map(|end| inner.strip_suffix(end));
        return end.unwrap_or(inner).to_owned();
    }
    let name = network.rsplit('/').next().unwrap_or(network);
    let project = asset.id.as_str().split_once("/projects/").and_then(|(_, rest)| rest.split('/').next());
    format!("projects/{}/global/networks/{name}", project.unwrap_or_default())
}

/// Whether an interface has an address on the internet: one is given by an access configuration, also where it does not
/// say which.
fn address(machine: &Asset, interface: &Value) -> Verdict {
    let here = evidence_of(machine);
    let configured = ["accessconfigs", "accessconfig", "ipv6accessconfigs", "ipv6accessconfig"];
    let some = configured.iter().filter_map(|name| field::field(interface, name)).any(|value| match value {
        Value::Array(list) => !list.is_empty(),
        value => value.is_object(),
    });
    // a list of one is read as its item, and an empty block is an access configuration too
    let raw = interface.as_object().into_iter().flatten().any(|(key, value)| {
        key.to_ascii_lowercase().replace('_', "").contains("accessconfig")
            && !items(value).is_empty()
            && !value.is_null()
    });
    match some || raw {
        true => Verdict::yes(format!("{} has an external address", machine.name), here),
        false => Verdict::no(format!("{} has no external address", machine.name), here),
    }
}

fn inward(machine: &Asset, firewalls: &[&Asset]) -> Verdict {
    let mut rules: Vec<((u64, bool), Rule)> = Vec::new();
    for firewall in firewalls.iter().filter(|firewall| is_for(firewall, machine)) {
        let value = Value::Object(firewall.properties.clone());
        let outward = text(&value, &["direction"]).is_some_and(|way| way.eq_ignore_ascii_case("EGRESS"));
        if outward || flag(&value, &["disabled"]) == Some(true) {
            continue;
        }
        let priority = text(&value, &["priority"]).and_then(|n| n.parse().ok()).unwrap_or(PRIORITY);
        let denied = list(&firewall.properties, &["denied", "deny"]);
        let allowed = list(&firewall.properties, &["allowed", "allow"]);
        for (allow, entries) in [(false, denied), (true, allowed)] {
            if let Some(rule) = rule(firewall, &value, allow, entries) {
                rules.push(((priority, allow), rule));
            }
        }
    }
    rules.sort_by_key(|(order, _)| *order);
    let rules: Vec<Rule> = rules.into_iter().map(|(_, rule)| rule).collect();
    let shut = format!("no firewall rule lets the internet in to {}", machine.name);
    ordered(&rules, &Space::internet()).verdict(shut, evidence_of(machine))
}

fn rule(firewall: &Asset, value: &Value, allow: bool, entries: &[Value]) -> Option<Rule> {
    if entries.is_empty() {
        return None;
    }
    let ranges: Vec<&str> = field::field(value, "sourceranges").map_or_else(Vec::new, |v| strings(v, &[]));
    let inside =
        ["sourcetags", "sourceserviceaccounts"].iter().any(|name| !list(&firewall.properties, &[name]).is_empty());
    let mut from: Vec<Addresses> = ranges.iter().copied().filter_map(Addresses::parse).collect();
    let unknown = ranges.iter().copied().find(|range| range.contains("${"));
    if ranges.is_empty() && !inside {
        from = vec![Addresses::all(Family::V4), Addresses::all(Family::V6)];
    }
    let mut about = Space::default();
    let mut perhaps = Space::default();
    for entry in entries {
        let named = text(entry, &["ipprotocol", "protocol"]).unwrap_or_default();
        let listed: Vec<Ports> = list_of(entry, "ports").iter().filter_map(|text| ports(text)).collect();
        let listed = if listed.is_empty() { vec![ALL_PORTS] } else { listed };
        for range in listed {
            about.extend(&Space::of(&from, Protocol::named(&named), range));
            let anywhere = [Addresses::all(Family::V4), Addresses::all(Family::V6)];
            perhaps.extend(&Space::of(&anywhere, Protocol::named(&named), range));
        }
    }
    let verb = if allow { "lets in" } else { "keeps out" };
    let shown = if about.is_empty() { &perhaps } else { &about };
    let says = format!("firewall rule {} {verb} {}", firewall.name, shown.to());
    let perhaps = unknown.map(|range| {
        let range = range.trim_start_matches("${").trim_end_matches('}');
        (perhaps, format!("{range} {} the caller's address", if allow { "holds" } else { "does not hold" }))
    });
    Some(Rule { allow, about, perhaps, says, evidence: evidence_of(firewall) })
}

fn list_of(value: &Value, name: &str) -> Vec<String> {
    let found = field::field(value, name).map_or(&[][..], items);
    found.iter().filter_map(field::scalar).collect()
}

/// Whether a rule is meant for a machine: for all, for a tag that it bears, or for an account that it acts as.
fn is_for(firewall: &Asset, machine: &Asset) -> bool {
    let of = |asset: &Asset, name: &str| list_of(&Value::Object(asset.properties.clone()), name);
    let (tags, accounts) = (of(firewall, "targettags"), of(firewall, "targetserviceaccounts"));
    if tags.is_empty() && accounts.is_empty() {
        return true;
    }
    let tagged: Vec<String> = match machine.properties.get("tags") {
        Some(tags @ Value::Object(_)) => list_of(tags, "items"),
        Some(tags) => items(tags).iter().filter_map(field::scalar).collect(),
        None => Vec::new(),
    };
    let acting = list(&machine.properties, &["serviceaccounts", "serviceaccount"]);
    let acting: HashSet<String> = acting.iter().filter_map(|account| text(account, &["email"])).collect();
    tags.iter().any(|tag| tagged.contains(tag)) || accounts.iter().any(|account| acting.contains(account))
}
