//! Addresses that a service's own settings let in: source conditions of resource policies, lists of networks.

use serde_json::{Map, Value};

use super::Verdicts;
use super::evidence_of;
use super::field::{deep, items, strings};
use super::net::{ALL_PORTS, Addresses, Protocol, Reach, Space};
use super::table::{Role, Roles};
use super::verdict::Verdict;
use crate::asset::{Asset, Exposure};

/// Narrows what is public to the networks that it lets in. Linear.
pub(super) fn judge(roles: &Roles<'_>, verdicts: &mut Verdicts) {
    let services = roles.each(&[Role::PoliciedService, Role::ListedService]);
    for (role, asset) in services.filter(|(_, asset)| asset.exposure == Some(Exposure::Public)) {
        let verdict = match role {
            Role::PoliciedService => asset.properties.get("policy").and_then(|policy| by_policy(asset, policy)),
            _ => by_list(asset),
        };
        if let Some(verdict) = verdict {
            verdicts.say(&asset.id, verdict);
        }
    }
}

/// Lists of networks that may call, beside a public address.
fn by_list(asset: &Asset) -> Option<Verdict> {
    let properties = Value::Object(asset.properties.clone());
    let lists = deep(&properties, &["publicaccesscidrs", "authorizedipranges"]);
    let words: Vec<&str> = lists.into_iter().flat_map(|list| strings(list, &[])).collect();
    let from: Vec<Addresses> = words.iter().copied().filter_map(Addresses::parse).collect();
    if from.is_empty() || from.len() < words.len() {
        return None;
    }
    let says = |list: &str| format!("{} lets in {list}", asset.name);
    Some(by_reach(&Space::of(&from, &Protocol::ALL, ALL_PORTS), says, asset))
}

fn by_reach(space: &Space, says: impl Fn(&str) -> String, asset: &Asset) -> Verdict {
    let here = evidence_of(asset);
    match Space::internet().and(space).reach() {
        Reach::Anyone => Verdict::yes(says("everyone"), here),
        Reach::Some(from) => Verdict::from_addresses(&from, says(&from), here),
        Reach::Nobody => Verdict::no(says("only private addresses"), here),
    }
}

/// What the source conditions of a resource's own policy leave of the internet; `None` where the policy has none.
fn by_policy(asset: &Asset, policy: &Value) -> Option<Verdict> {
    let parsed: Value = match policy {
        Value::String(text) => serde_json::from_str(text).ok()?,
        policy => policy.clone(),
    };
    let statements = items(parsed.get("Statement")?);
    let mut space = Space::default();
    let mut narrowed = false;
    for statement in statements.iter().filter(|s| s.get("Effect").and_then(Value::as_str) == Some("Allow")) {
        match statement.get("Condition").and_then(Value::as_object) {
            None => space.extend(&Space::internet()),
            Some(conditions) => match sources(conditions, "IpAddress") {
                Some(from) => {
                    narrowed = true;
                    space.extend(&Space::of(&from, &Protocol::ALL, ALL_PORTS));
                }
                None if names_network(conditions, &["StringEquals", "StringLike"]) => narrowed = true,
                // other conditions are about who calls, not from where
                None => space.extend(&Space::internet()),
            },
        }
    }
    for statement in statements.iter().filter(|s| s.get("Effect").and_then(Value::as_str) == Some("Deny")) {
        let Some(conditions) = statement.get("Condition").and_then(Value::as_object) else { continue };
        // a denial with several conditions holds only where all of them do
        if conditions.len() > 1 {
            continue;
        }
        if let Some(from) = sources(conditions, "NotIpAddress") {
            narrowed = true;
            space = space.and(&Space::of(&from, &Protocol::ALL, ALL_PORTS));
        } else if let Some(from) = sources(conditions, "IpAddress") {
            space = space.without(&Space::of(&from, &Protocol::ALL, ALL_PORTS));
        } else if names_network(conditions, &["StringNotEquals", "StringNotLike"]) {
            narrowed = true;
            space = Space::default();
        }
    }
    let says = |list: &str| format!("the policy of {} lets in {list}", asset.name);
    narrowed.then(|| by_reach(&space, says, asset))
}

/// The addresses of `aws:SourceIp` under an operator, where all of them are understood.
fn sources(conditions: &Map<String, Value>, operator: &str) -> Option<Vec<Addresses>> {
    let keys = conditions.get(operator)?.as_object()?;
    let (_, value) = keys.iter().find(|(key, _)| key.eq_ignore_ascii_case("aws:SourceIp"))?;
    strings(value, &[]).into_iter().map(Addresses::parse).collect()
}

/// Whether a condition asks for a VPC or one of its endpoints, through which the internet does not come.
fn names_network(conditions: &Map<String, Value>, operators: &[&str]) -> bool {
    let keys = operators.iter().filter_map(|operator| conditions.get(*operator)?.as_object()).flatten();
    keys.into_iter().any(|(key, _)| {
        ["aws:sourcevpce", "aws:sourcevpc", "aws:vpcsourceip"].iter().any(|name| key.eq_ignore_ascii_case(name))
    })
}
