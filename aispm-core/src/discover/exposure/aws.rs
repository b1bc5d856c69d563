//! What an Amazon VPC lets in: addresses, security groups, network access lists, routes.
//!
//! Something with an address of its own is reached from the internet if its address is public, one of its groups lets
//! traffic in, the access list of its subnet lets it in and the answers out, and the subnet has a route to an internet
//! gateway. What the files do not show is assumed to be as AWS makes it: an access list lets everything through, and who
//! has a public address has a route.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::field::{self, deep, flag, list, strings, text};
use super::firewall::{Passed, Rule, ordered};
use super::net::{ALL_PORTS, Addresses, Ports, Protocol, Space};
use super::table::{Role, Roles, role};
use super::verdict::Verdict;
use super::{Verdicts, evidence_of, name_of};
use crate::asset::{Asset, AssetId, AssetKind, Evidence, Inventory, RelationKind};

/// What networks are made of.
const NETWORK: &[Role] = &[
    Role::SecurityGroup,
    Role::SecurityGroupRule,
    Role::PrefixList,
    Role::Subnet,
    Role::Acl,
    Role::AclRule,
    Role::AclAssociation,
    Role::RouteTable,
    Role::Route,
    Role::RouteAssociation,
    Role::MainRouteAssociation,
    Role::InternetGateway,
    Role::Address,
];

/// Ports that answers go to.
const EPHEMERAL: Ports = (1024, u16::MAX);

/// Says of everything in a VPC whether the internet reaches it. O(assets · rules that apply to each).
pub(super) fn judge(inventory: &Inventory, roles: &Roles<'_>, verdicts: &mut Verdicts) {
    let network = Network::of(inventory, roles);
    for (role, asset) in roles.each(&[Role::Machine, Role::Balancer, Role::Database]) {
        let verdict = match role {
            Role::Machine => network.at_own_address(asset, network.address(asset)),
            Role::Balancer => network.balancer(asset),
            Role::Database => network.database(asset),
            _ => None,
        };
        if let Some(verdict) = verdict {
            verdicts.say(&asset.id, verdict);
        }
    }
    network.behind_balancers(roles, verdicts);
}

/// Everything about networks, by what it is about.
struct Network<'a> {
    inventory: &'a Inventory,
    /// Everything with a role.
    described: HashMap<&'a str, &'a Asset>,
    /// Rules that stand apart from their group or list.
    rules: HashMap<&'a str, Vec<&'a Asset>>,
    acls: HashMap<&'a str, &'a Asset>,
    tables: HashMap<&'a str, &'a Asset>,
    /// The main route tables of VPCs.
    main: HashMap<&'a str, &'a Asset>,
    /// What has an elastic address.
    addressed: HashMap<&'a str, &'a Asset>,
}

impl<'a> Network<'a> {
    fn of(inventory: &'a Inventory, roles: &Roles<'a>) -> Self {
        let mut network = Self {
            inventory,
            described: HashMap::new(),
            rules: HashMap::new(),
            acls: HashMap::new(),
            tables: HashMap::new(),
            main: HashMap::new(),
            addressed: HashMap::new(),
        };
        for (_, asset) in roles.each(NETWORK) {
            let ids = [Some(key(asset.id.as_str())), asset.text("id")];
            ids.into_iter().flatten().for_each(|id| _ = network.described.entry(id).or_insert(asset));
        }
        for (role, asset) in roles.each(NETWORK) {
            let applied = || related(inventory, asset, RelationKind::AppliesTo).map(|id| key(id.as_str()));
            match role {
                Role::SecurityGroupRule | Role::AclRule | Role::Route => {
                    applied().for_each(|id| network.rules.entry(id).or_default().push(asset));
                }
                Role::Acl => network.acls.extend(applied().map(|subnet| (subnet, asset))),
                Role::AclAssociation => {
                    let list = network.used(asset, Role::Acl).next();
                    network.acls.extend(applied().filter_map(|subnet| Some((subnet, list?))));
                }
                Role::RouteTable => {
                    network.tables.extend(applied().map(|subnet| (subnet, asset)));
                    let associations = list(&asset.properties, &["associations"]);
                    if associations.iter().any(|association| flag(association, &["main"]) == Some(true)) {
                        network.main.extend(inside(inventory, asset).map(|vpc| (vpc, asset)));
                    }
                }
                Role::RouteAssociation => {
                    let table = network.used(asset, Role::RouteTable).next();
                    network.tables.extend(applied().filter_map(|subnet| Some((subnet, table?))));
                }
                Role::MainRouteAssociation => {
                    let table = network.used(asset, Role::RouteTable).next();
                    network.main.extend(applied().filter_map(|vpc| Some((vpc, table?))));
                }
                Role::Address => network.addressed.extend(applied().map(|id| (id, asset))),
                _ => {}
            }
        }
        network
    }

    /// Whether something has an address on the internet.
    fn address(&self, asset: &Asset) -> Verdict {
        let here = evidence_of(asset);
        let properties = Value::Object(asset.properties.clone());
        let given = deep(&properties, &["publicip", "publicipaddress"]);
        if let Some(address) =
            given.iter().filter_map(|v| v.as_str()).find(|text| !text.is_empty() && !text.contains("${"))
        {
            return Verdict::yes(format!("{} has the public address {address}", asset.name), here);
        }
        if let Some(address) = self.addressed.get(key(asset.id.as_str())) {
            return Verdict::yes(format!("{} has an elastic address", asset.name), evidence_of(address));
        }
        let asked = deep(&properties, &["associatepublicipaddress", "assignpublicip"]);
        match asked.first().map(|value| field::scalar(value).unwrap_or_default().to_ascii_lowercase()).as_deref() {
            Some("true" | "enabled") => return Verdict::yes(format!("{} gets a public address", asset.name), here),
            Some("false" | "disabled") => return Verdict::no(format!("{} has no public address", asset.name), here),
            _ => {}
        }
        let mut subnets = self.used(asset, Role::Subnet);
        if let Some(maps) = subnets.find_map(|subnet| {
            Some((subnet, flag(&Value::Object(subnet.properties.clone()), &["mappubliciponlaunch"])?))
        }) {
            let (subnet, maps) = maps;
            return match maps {
                true => Verdict::yes(format!("subnet {} gives public addresses", name_of(subnet)), evidence_of(subnet)),
                false => {
                    Verdict::no(format!("subnet {} gives no public addresses", name_of(subnet)), evidence_of(subnet))
                }
            };
        }
        // what describes a running machine names every address that it has
        let running = asset.properties.contains_key("public_ip")
            || (asset.properties.contains_key("aws_type") && !asset.id.as_str().starts_with("file:"));
        if running || asset.kind != AssetKind::Node {
            return Verdict::no(format!("{} has no public address", asset.name), here);
        }
        Verdict::only_if(format!("{} gets a public address", asset.name), "", here)
    }

    fn at_own_address(&self, asset: &Asset, address: Verdict) -> Option<Verdict> {
        let inward = match self.groups(asset) {
            Some(passed) => self.inward(asset, &passed),
            // the group that a VPC gives lets in its own members alone
            None => {
                Verdict::no(format!("no security group of {} lets the internet in", asset.name), evidence_of(asset))
            }
        };
        Some(address.and(inward))
    }

    fn balancer(&self, asset: &Asset) -> Option<Verdict> {
        let properties = Value::Object(asset.properties.clone());
        let here = evidence_of(asset);
        let facing = match (flag(&properties, &["internal"]), text(&properties, &["scheme"]).as_deref()) {
            (Some(true), _) | (_, Some("internal")) => {
                return Some(Verdict::no(format!("load balancer {} is internal", asset.name), here));
            }
            (Some(false), _) | (_, Some("internet-facing")) => {
                format!("load balancer {} faces the internet", asset.name)
            }
            _ if asset.exposure.is_some() => {
                format!("load balancer {} faces the internet, as nothing says otherwise", asset.name)
            }
            _ => return None,
        };
        let facing = Verdict::yes(facing, here);
        Some(match self.groups(asset) {
            Some(passed) => facing.and(self.inward(asset, &passed)),
            None => facing.and(self.routed(asset)),
        })
    }

    fn database(&self, asset: &Asset) -> Option<Verdict> {
        let properties = Value::Object(asset.properties.clone());
        let here = evidence_of(asset);
        match flag(&properties, &["publiclyaccessible"])? {
            false => Some(Verdict::no(format!("{} is not publicly accessible", asset.name), here)),
            true => {
                let address = Verdict::yes(format!("{} is publicly accessible", asset.name), here);
                Some(match self.groups(asset) {
                    Some(passed) => address.and(self.inward(asset, &passed)),
                    None => address,
                })
            }
        }
    }

    /// What groups let in, through the lists and routes of the subnets; of several subnets one is enough.
    fn inward(&self, asset: &Asset, passed: &Passed) -> Verdict {
        let shut = || format!("no security group of {} lets the internet in", asset.name);
        let here = evidence_of(asset);
        let ways = self.used(asset, Role::Subnet).map(|subnet| {
            let (filter, list) = self.list(subnet);
            let open = passed.clone().verdict(shut(), here.clone());
            let through = passed.clone().then(filter).verdict(list.says, list.evidence);
            open.and(through).and(self.route(subnet))
        });
        ways.reduce(Verdict::or).unwrap_or_else(|| passed.clone().verdict(shut(), here.clone()))
    }

    /// Whether any of its subnets has a way to the internet.
    fn routed(&self, asset: &Asset) -> Verdict {
        let ways = self.used(asset, Role::Subnet).map(|subnet| self.route(subnet));
        ways.reduce(Verdict::or).unwrap_or_else(|| Verdict::yes("", None))
    }

    /// What its groups let in from the internet; `None` if it has none.
    fn groups(&self, asset: &Asset) -> Option<Passed> {
        let mut all = Passed::default();
        let mut some = false;
        for relation in self.inventory.outgoing(asset.id.as_str()).filter(|r| r.kind == RelationKind::Uses) {
            let id = relation.to.as_str();
            match self.described.get(key(id)).filter(|group| role(group) == Some(Role::SecurityGroup)) {
                Some(group) => {
                    let passed = ordered(&self.group_rules(group), &Space::internet());
                    all.space.extend(&passed.space);
                    all.perhaps.extend(passed.perhaps);
                    all.facts.extend(passed.facts);
                }
                None if id.contains(":security-group/") => {
                    let name = id.rsplit('/').next().unwrap_or(id);
                    all.perhaps.push((
                        Space::internet(),
                        format!("security group {name}, which no file describes, lets the caller in"),
                    ));
                }
                None => continue,
            }
            some = true;
        }
        some.then_some(all)
    }

    fn group_rules(&self, group: &Asset) -> Vec<Rule> {
        let own = list(&group.properties, &["ippermissions", "securitygroupingress", "ingress"]);
        let apart = self.rules.get(key(group.id.as_str())).into_iter().flatten();
        let apart = apart.filter(|rule| {
            let properties = &rule.properties;
            let inward = |map| flag(&Value::Object(map), &["isegress"]) != Some(true);
            properties.get("type").is_none_or(|kind| kind == "ingress") && inward(properties.clone())
        });
        let own = own.iter().map(|rule| (rule.clone(), evidence_of(group)));
        let all = own.chain(apart.map(|rule| (Value::Object(rule.properties.clone()), evidence_of(rule))));
        all.map(|(rule, evidence)| self.group_rule(group, &rule, evidence)).collect()
    }

    fn group_rule(&self, group: &Asset, rule: &Value, evidence: Option<Evidence>) -> Rule {
        let named = text(rule, &["ipprotocol", "protocol"]).unwrap_or_default();
        let (protocols, ports) = (Protocol::named(&named), rule_ports(rule));
        let cidrs =
            ["cidrblocks", "ipv6cidrblocks", "cidripv4", "cidripv6", "cidrip", "ipranges", "ipv4ranges", "ipv6ranges"];
        let inside = ["cidrip", "cidripv6", "cidripv4"];
        let mut words: Vec<&str> =
            cidrs.iter().filter_map(|name| field::field(rule, name)).flat_map(|v| strings(v, &inside)).collect();
        let lists = ["prefixlistids", "prefixlistid", "sourceprefixlistid"];
        let lists =
            lists.iter().filter_map(|name| field::field(rule, name)).flat_map(|v| strings(v, &["prefixlistid"]));
        let mut perhaps = None;
        let unknown = |condition: String| Some((Space::of(&anywhere(), protocols, ports), condition));
        for name in lists {
            let known = self.described.get(name).filter(|known| role(known) == Some(Role::PrefixList));
            match known {
                Some(known) => words
                    .extend(list(&known.properties, &["entry", "entries"]).iter().flat_map(|e| strings(e, &["cidr"]))),
                None => perhaps = unknown(format!("prefix list {name} holds the caller's address")),
            }
        }
        let mut from = Vec::new();
        for word in words {
            match Addresses::parse(word) {
                Some(addresses) => from.push(addresses),
                None if word.contains("${") => {
                    perhaps = unknown(format!("{} holds the caller's address", plain(word)));
                }
                None => {}
            }
        }
        let about = Space::of(&from, protocols, ports);
        let shown = if about.is_empty() { perhaps.as_ref().map_or(&about, |(space, _)| space) } else { &about };
        let says = format!("security group {} lets in {}", name_of(group), shown.to());
        Rule { allow: true, about, perhaps, says, evidence }
    }

    /// What the access list of a subnet does to traffic, and what it says when nothing is left.
    fn list(&self, subnet: &Asset) -> (impl Fn(&Space) -> Space + use<>, Fallen) {
        let acl = self.acls.get(key(subnet.id.as_str())).copied();
        let rules = acl.map(|acl| (self.acl_rules(acl, false), self.acl_rules(acl, true)));
        let fallen = Fallen {
            says: acl.map_or_else(String::new, |acl| format!("network access list {} keeps it out", name_of(acl))),
            evidence: acl.and_then(evidence_of),
        };
        let filter = move |space: &Space| {
            let Some((inward, outward)) = &rules else { return space.clone() };
            let came = ordered(inward, space).space;
            let answers = ordered(outward, &came.to_any_port()).space.to_ports(EPHEMERAL).to_any_port();
            came.and(&answers)
        };
        (filter, fallen)
    }

    fn acl_rules(&self, acl: &Asset, outward: bool) -> Vec<Rule> {
        let properties = &acl.properties;
        let entries = list(properties, &["entries"]);
        let blocks = list(properties, if outward { &["egress"] } else { &["ingress"] });
        let apart = self.rules.get(key(acl.id.as_str())).into_iter().flatten();
        let flagged = entries.iter().cloned().chain(apart.map(|rule| Value::Object(rule.properties.clone())));
        let flagged = flagged.filter(|entry| flag(entry, &["egress"]).unwrap_or(false) == outward);
        let mut numbered: Vec<(u64, Rule)> = flagged
            .chain(blocks.iter().filter(|block| block.is_object()).cloned())
            .map(|entry| {
                let number = text(&entry, &["rulenumber", "ruleno"]).and_then(|n| n.parse().ok()).unwrap_or(u64::MAX);
                let named = text(&entry, &["protocol"]).unwrap_or_default();
                let cidrs =
                    ["cidrblock", "ipv6cidrblock"].iter().filter_map(|name| field::field(&entry, name)?.as_str());
                let from: Vec<Addresses> = cidrs.filter_map(Addresses::parse).collect();
                let range = field::field(&entry, "portrange").unwrap_or(&entry);
                let about = Space::of(&from, Protocol::named(&named), rule_ports(range));
                let allow = text(&entry, &["ruleaction", "action"]).is_some_and(|a| a.eq_ignore_ascii_case("allow"));
                let verb = if allow { "lets through" } else { "stops" };
                let says = format!("network access list {} {verb} {}", name_of(acl), about.to());
                (number, Rule { allow, about, perhaps: None, says, evidence: evidence_of(acl) })
            })
            .collect();
        numbered.sort_by_key(|(number, _)| *number);
        numbered.into_iter().map(|(_, rule)| rule).collect()
    }

    /// Whether a subnet has a route to an internet gateway.
    fn route(&self, subnet: &Asset) -> Verdict {
        let main = || inside(self.inventory, subnet).find_map(|vpc| self.main.get(vpc).copied());
        let Some(table) = self.tables.get(key(subnet.id.as_str())).copied().or_else(main) else {
            return Verdict::yes("", None);
        };
        let apart = self.rules.get(key(table.id.as_str())).into_iter().flatten();
        let own = list(&table.properties, &["routes", "route"]).iter().map(|route| (route, None));
        let out = |route: &Value| {
            let gateway = text(route, &["gatewayid"]).unwrap_or_default();
            let gone = text(route, &["state"]).is_some_and(|state| state == "blackhole");
            let known = self.inventory.get(&gateway).and_then(role) == Some(Role::InternetGateway);
            let named = gateway.starts_with("igw-")
                || gateway.contains("aws_internet_gateway.")
                || gateway.contains(":internet-gateway/");
            (known || named) && !gone
        };
        let kept: Vec<(Value, &Asset)> = apart.map(|route| (Value::Object(route.properties.clone()), *route)).collect();
        let linked = |route: &Asset| self.used(route, Role::InternetGateway).next().is_some();
        let apart = kept.iter().find(|(route, asset)| out(route) || linked(asset)).map(|(_, asset)| *asset);
        match own.map(|(route, _): (&Value, Option<()>)| route).find(|route| out(route)).map(|_| table).or(apart) {
            Some(by) => {
                Verdict::yes(format!("route table {} leads to an internet gateway", name_of(table)), evidence_of(by))
            }
            None => {
                Verdict::no(format!("route table {} leads to no internet gateway", name_of(table)), evidence_of(table))
            }
        }
    }

    /// Behind a load balancer, something is reached if one of its groups lets the balancer in.
    fn behind_balancers(&self, roles: &Roles<'_>, verdicts: &mut Verdicts) {
        for balancer in roles.all(Role::Balancer) {
            let own: HashSet<&AssetId> = related(self.inventory, balancer, RelationKind::Uses).collect();
            for target in related(self.inventory, balancer, RelationKind::Exposes) {
                for relation in self.inventory.outgoing(target.as_str()).filter(|r| r.kind == RelationKind::Exposes) {
                    let Some(member) = self.inventory.get(relation.to.as_str()) else { continue };
                    if let Some(wall) = self.lets_in(member, balancer, &own) {
                        verdicts.wall(target, &member.id, wall);
                    }
                }
            }
        }
    }

    fn lets_in(&self, member: &Asset, balancer: &Asset, balancers: &HashSet<&AssetId>) -> Option<Verdict> {
        let groups: Vec<&Asset> = self.used(member, Role::SecurityGroup).collect();
        let of_balancer = self.used(balancer, Role::SecurityGroup).next().is_some();
        // a group that no file describes may let it in, and so may a balancer whose addresses nothing tells
        let all = related(self.inventory, member, RelationKind::Uses).filter(|id| {
            let known = self.described.get(key(id.as_str())).copied().and_then(role);
            known == Some(Role::SecurityGroup) || known.is_none() && id.as_str().contains(":security-group/")
        });
        let all = all.count();
        if groups.is_empty() || !of_balancer || all > groups.len() {
            return None;
        }
        for group in &groups {
            let own = list(&group.properties, &["ippermissions", "securitygroupingress", "ingress"]).iter().cloned();
            let apart = self.rules.get(key(group.id.as_str())).into_iter().flatten();
            let mut rules = own.chain(apart.map(|rule| Value::Object(rule.properties.clone())));
            let open = rules.any(|rule| {
                let named =
                    deep(&rule, &["groupid", "securitygroups", "sourcesecuritygroupid", "referencedsecuritygroupid"]);
                let mut named = named.into_iter().flat_map(|value| strings(value, &["groupid"]));
                let by_group = named.any(|name| balancers.iter().any(|own| self.is_named(own, name)));
                let parsed = self.group_rule(group, &rule, None);
                by_group || !parsed.about.is_empty() || parsed.perhaps.is_some()
            });
            if open {
                return Some(Verdict::yes(
                    format!("security group {} lets load balancer {} in", name_of(group), balancer.name),
                    evidence_of(group),
                ));
            }
        }
        let says = format!("no security group of {} lets load balancer {} in", member.name, balancer.name);
        Some(Verdict::no(says, groups.first().and_then(|group| evidence_of(group))))
    }

    /// Whether a rule's word for a group means this one.
    fn is_named(&self, id: &AssetId, name: &str) -> bool {
        let own = self.inventory.get(id.as_str());
        let given = own.and_then(|group| group.text("id")) == Some(name);
        let address = own.and_then(|group| group.text("terraform_address"));
        given
            || id.as_str() == name
            || id.as_str().rsplit('/').next() == Some(name)
            || address.is_some_and(|address| name.contains("${") && plain(name).starts_with(address))
    }

    fn used(&self, asset: &Asset, wanted: Role) -> impl Iterator<Item = &'a Asset> {
        let uses = related(self.inventory, asset, RelationKind::Uses);
        uses.filter_map(move |id| self.described.get(key(id.as_str())).copied())
            .filter(move |other| role(other) == Some(wanted))
    }
}

/// What is said when nothing is left.
struct Fallen {
    says: String,
    evidence: Option<Evidence>,
}

fn anywhere() -> Vec<Addresses> {
    ["0.0.0.0/0", "::/0"].into_iter().filter_map(Addresses::parse).collect()
}

/// `var.allowed` of `${var.allowed}`.
fn plain(text: &str) -> &str {
    text.trim_start_matches("${").trim_end_matches('}')
}

fn rule_ports(rule: &Value) -> Ports {
    let port = |names: &[&str]| text(rule, names).and_then(|text| text.parse::<i64>().ok());
    let (low, high) = (port(&["fromport", "from"]), port(&["toport", "to"]));
    let protocol = text(rule, &["ipprotocol", "protocol"]).unwrap_or_default();
    match (low, high) {
        _ if matches!(protocol.as_str(), "-1" | "all") => ALL_PORTS,
        (Some(low), high) => {
            let fits = |port: i64| u16::try_from(port).ok();
            fits(low).zip(fits(high.unwrap_or(low))).filter(|(low, high)| low <= high).unwrap_or(ALL_PORTS)
        }
        _ => ALL_PORTS,
    }
}

fn related<'a>(
    inventory: &'a Inventory,
    asset: &Asset,
    kind: RelationKind,
) -> impl Iterator<Item = &'a AssetId> + use<'a> {
    inventory.outgoing(asset.id.as_str()).filter(move |r| r.kind == kind).map(|r| &r.to)
}

/// What an id is known by: EC2's own id, which is unique, where sources differ in how much of the ARN they tell.
fn key(id: &str) -> &str {
    match id.starts_with("arn:") && id.contains(":ec2:") {
        true => id.rsplit('/').next().unwrap_or(id),
        false => id,
    }
}

/// What contains it: its VPC.
fn inside<'a>(inventory: &'a Inventory, asset: &Asset) -> impl Iterator<Item = &'a str> + use<'a> {
    let into = inventory.incoming(asset.id.as_str()).filter(|r| r.kind == RelationKind::Contains);
    into.map(|r| key(r.from.as_str()))
}
