//! What the network security groups of Azure let in to machines.
//!
//! A machine is reached from the internet if one of its interfaces has a public address and lets traffic in: the group of
//! the subnet first, then that of the interface, each in the order of its rules' priorities; what no rule is about is
//! kept out. An interface without any group takes everything at a basic address, and nothing at a standard one.

use std::collections::HashMap;

use serde_json::Value;

use super::field::{self, deep, items, strings, text};
use super::firewall::{Rule, ordered};
use super::net::{Addresses, Family, Protocol, Space, ports};
use super::table::{Role, Roles, ServiceTag, role, service_tag};
use super::verdict::{Answer, Verdict};
use super::{Verdicts, evidence_of, name_of};
use crate::asset::{Asset, Inventory, RelationKind};

/// Says of every machine whether the internet reaches it. O(machines · rules of their groups).
pub(super) fn judge(inventory: &Inventory, roles: &Roles<'_>, verdicts: &mut Verdicts) {
    let network = Network::of(inventory, roles);
    for machine in roles.all(Role::AzureMachine) {
        let ways =
            network.related(machine, RelationKind::Uses, Role::AzureInterface).map(|i| network.interface(machine, i));
        if let Some(verdict) = ways.reduce(Verdict::or) {
            verdicts.say(&machine.id, verdict);
        }
    }
}

struct Network<'a> {
    inventory: &'a Inventory,
    /// Groups by what they apply to.
    groups: HashMap<&'a str, Vec<&'a Asset>>,
    /// Rules that stand apart from their group.
    rules: HashMap<&'a str, Vec<&'a Asset>>,
}

impl<'a> Network<'a> {
    fn of(inventory: &'a Inventory, roles: &Roles<'a>) -> Self {
        let mut network = Self { inventory, groups: HashMap::new(), rules: HashMap::new() };
        for (role, asset) in roles.each(&[Role::AzureGroup, Role::AzureGroupAssociation, Role::AzureRule]) {
            let applied = || inventory.outgoing(asset.id.as_str()).filter(|r| r.kind == RelationKind::AppliesTo);
            match role {
                Role::AzureGroup => {
                    applied().for_each(|r| network.groups.entry(r.to.as_str()).or_default().push(asset));
                }
                Role::AzureGroupAssociation => {
                    let group = network.related(asset, RelationKind::Uses, Role::AzureGroup).next();
                    applied().for_each(|r| network.groups.entry(r.to.as_str()).or_default().extend(group));
                }
                Role::AzureRule => {
                    let above = asset.id.as_str().rsplit_once("/securityrules/").map(|(group, _)| group);
                    let named = applied().map(|r| r.to.as_str()).chain(above);
                    named.for_each(|group| network.rules.entry(group).or_default().push(asset));
                }
                _ => {}
            }
        }
        network
    }

    fn related(&self, asset: &Asset, kind: RelationKind, wanted: Role) -> impl Iterator<Item = &'a Asset> + use<'a> {
        let inventory = self.inventory;
        let outgoing = inventory.outgoing(asset.id.as_str()).filter(move |r| r.kind == kind);
        outgoing.filter_map(move |r| inventory.get(r.to.as_str()).filter(|other| role(other) == Some(wanted)))
    }

    fn interface(&self, machine: &Asset, interface: &Asset) -> Verdict {
        let properties = Value::Object(interface.properties.clone());
        let named = deep(&properties, &["publicipaddress", "publicipaddressid"]);
        if named.iter().all(|value| value.as_str().is_some_and(str::is_empty)) {
            return Verdict::no(format!("{} has no public address", machine.name), evidence_of(interface));
        }
        let address = Verdict::yes(format!("{} has a public address", machine.name), evidence_of(interface));
        let subnets: Vec<&str> = self
            .inventory
            .outgoing(interface.id.as_str())
            .filter(|r| r.kind == RelationKind::RunsOn)
            .map(|r| r.to.as_str())
            .collect();
        let of = |id: &str| self.groups.get(id).into_iter().flatten().copied().collect::<Vec<_>>();
        let outer: Vec<&Asset> = subnets.iter().flat_map(|subnet| of(subnet)).collect();
        let inner = of(interface.id.as_str());
        if outer.is_empty() && inner.is_empty() {
            let addresses = self.related(interface, RelationKind::Uses, Role::AzureAddress);
            let skus: Vec<String> = addresses.filter_map(sku).collect();
            return match skus.iter().any(|sku| sku.eq_ignore_ascii_case("basic")) {
                true => address
                    .and(Verdict::yes("no security group stands before its basic address", evidence_of(interface))),
                // a standard address is shut without a group; a group may be among what was not exported
                false => Verdict::no(
                    format!("no security group opens the address of {}", machine.name),
                    evidence_of(interface),
                ),
            };
        }
        let mut space = Space::internet();
        let mut verdict = address;
        for group in outer.into_iter().chain(inner) {
            let rules = self.group_rules(group);
            let shut = format!("security group {} keeps the internet out", name_of(group));
            let own = ordered(&rules, &Space::internet()).verdict(shut.clone(), evidence_of(group));
            space = ordered(&rules, &space).space;
            verdict = verdict.and(own.clone());
            // what one lets in the other may not
            if space.is_empty() && verdict.answer == Answer::Yes {
                return Verdict::no(shut, evidence_of(group));
            }
        }
        verdict
    }

    fn group_rules(&self, group: &Asset) -> Vec<Rule> {
        let properties = Value::Object(group.properties.clone());
        let own = deep(&properties, &["securityrules", "securityrule"]).into_iter().flat_map(items).cloned();
        let own = own.map(|rule| (rule, evidence_of(group)));
        let apart = self.rules.get(group.id.as_str()).into_iter().flatten();
        let apart = apart.map(|rule| (Value::Object(rule.properties.clone()), evidence_of(rule)));
        let mut numbered: Vec<(u64, Rule)> = Vec::new();
        for (rule, evidence) in own.chain(apart) {
            let inner = rule.get("properties").unwrap_or(&rule);
            if text(inner, &["direction"]).is_some_and(|way| !way.eq_ignore_ascii_case("Inbound")) {
                continue;
            }
            let priority = text(inner, &["priority"]).and_then(|n| n.parse().ok()).unwrap_or(u64::MAX);
            let mut made = rule_of(group, inner);
            made.evidence = evidence;
            numbered.push((priority, made));
        }
        numbered.sort_by_key(|(priority, _)| *priority);
        numbered.into_iter().map(|(_, rule)| rule).collect()
    }
}

fn sku(address: &Asset) -> Option<String> {
    let properties = Value::Object(address.properties.clone());
    let found = deep(&properties, &["sku"]);
    found.into_iter().find_map(|sku| field::scalar(sku).or_else(|| text(sku, &["name"])))
}

fn rule_of(group: &Asset, rule: &Value) -> Rule {
    let all = |names: [&str; 2]| -> Vec<String> {
        let found = names.iter().filter_map(|name| field::field(rule, name));
        found.flat_map(|value| strings(value, &[])).filter(|text| !text.is_empty()).map(str::to_owned).collect()
    };
    let allow = text(rule, &["access"]).is_some_and(|access| access.eq_ignore_ascii_case("Allow"));
    let named = text(rule, &["protocol"]).unwrap_or_default();
    let mut ranges: Vec<_> =
        all(["destinationportrange", "destinationportranges"]).iter().filter_map(|text| ports(text)).collect();
    if ranges.is_empty() {
        ranges.push(super::net::ALL_PORTS);
    }
    let anywhere = [Addresses::all(Family::V4), Addresses::all(Family::V6)];
    let mut from = Vec::new();
    let mut condition = None;
    for source in all(["sourceaddressprefix", "sourceaddressprefixes"]) {
        match (Addresses::parse(&source), service_tag(&source)) {
            (Some(addresses), _) => from.push(addresses),
            (None, Some(ServiceTag::Internet)) => from.extend(anywhere),
            (None, Some(ServiceTag::Inside)) => {}
            (None, None) if source.contains("${") => {
                let source = source.trim_start_matches("${").trim_end_matches('}');
                condition =
                    Some(format!("{source} {} the caller's address", if allow { "holds" } else { "does not hold" }));
            }
            (None, None) if allow => condition = Some(format!("the caller sends from addresses of {source}")),
            (None, None) => {}
        }
    }
    let space = |from: &[Addresses]| {
        let mut space = Space::default();
        ranges.iter().for_each(|range| space.extend(&Space::of(from, Protocol::named(&named), *range)));
        space
    };
    let (about, perhaps) = (space(&from), condition.map(|condition| (space(&anywhere), condition)));
    let verb = if allow { "lets in" } else { "keeps out" };
    let shown = if about.is_empty() { perhaps.as_ref().map_or(&about, |(space, _)| space) } else { &about };
    let says = format!("security group {} {verb} {}", name_of(group), shown.to());
    Rule { allow, about, perhaps, says, evidence: None }
}
