//! What stands before something that is reached: how callers prove who they are, whether there is a limit to how often
//! they may call, and whether calls are logged. Each is yes, no or unknown.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::field::{deep, flag};
use super::table::{Role, Roles, role, words};
use super::{REACHABILITY, is_reached};
use crate::asset::{Asset, AssetId, AssetKind, Authentication, Inventory, RelationKind, flag_of, is_open};

/// Longest chain from a setting to the endpoint that it is about: rule list, stage, API.
const HOPS: usize = 3;

/// Adds `authentication`, `rate_limit` and `logging` to the property `reachability`. O(assets + relations).
pub(super) fn describe(inventory: &mut Inventory) {
    let limits = Limits::of(inventory);
    let mut said = Vec::new();
    for asset in inventory.assets().filter(|asset| is_reached(asset) && asset.properties.contains_key(REACHABILITY)) {
        let limit = limits.of_asset(inventory, asset);
        said.push((asset.id.clone(), authentication(asset), limit, logging(inventory, asset, &limits)));
    }
    for (id, authentication, limit, logging) in said {
        let Some(asset) = inventory.get_mut(id.as_str()) else { continue };
        if limit == Some(true) && asset.kind == AssetKind::Endpoint && !has_limit(asset) {
            asset.properties.insert("rate_limit".into(), true.into());
        }
        if let Some(Value::Object(map)) = asset.properties.get_mut(REACHABILITY) {
            map.insert("authentication".into(), authentication.into());
            map.insert("rate_limit".into(), word(limit).into());
            map.insert("logging".into(), word(logging).into());
        }
    }
}

fn word(answer: Option<bool>) -> &'static str {
    match answer {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    }
}

/// `none`, `key`, `unknown`, or the way in which an identity is proven as far as known: `iam`, `entra`, `oidc`, `mtls`.
fn authentication(asset: &Asset) -> &'static str {
    match asset.authentication {
        None => return "unknown",
        Some(Authentication::None) => return "none",
        Some(Authentication::Key) => return "key",
        Some(Authentication::Identity) => {}
    }
    let properties = Value::Object(asset.properties.clone());
    let named =
        ["authorizationtype", "authtype", "authorizertype", "authmode", "annotations", "methods", "defaultauthorizer"];
    let text: String =
        deep(&properties, &named).into_iter().map(ToString::to_string).collect::<String>().to_ascii_lowercase();
    let speaks = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let of = |starts: &[&str]| {
        let types = ["terraform_type", "aws_type", "gcp_type", "resource_type"];
        types.iter().filter_map(|key| asset.text(key)).any(|kind| starts.iter().any(|start| kind.starts_with(start)))
    };
    match () {
        () if speaks(&["jwt", "oidc", "oauth", "cognito", "openid"]) => "oidc",
        () if speaks(&["mtls", "auth-tls", "mutual"]) => "mtls",
        () if of(&["aws", "AWS::", "google_"]) || asset.text("gcp_type").is_some() => "iam",
        () if of(&["azurerm_", "Microsoft."]) => "entra",
        () => "identity",
    }
}

/// Whether its own description names a limit.
fn has_limit(asset: &Asset) -> bool {
    ["rate_limit", "throttling", "quota"].iter().any(|key| asset.properties.contains_key(*key))
}

/// Which settings limit what.
struct Limits {
    limited: HashSet<AssetId>,
    /// What a stage is described of: there a missing limit is none.
    staged: HashMap<AssetId, Option<bool>>,
}

impl Limits {
    fn of(inventory: &Inventory) -> Self {
        let mut limits = Self { limited: HashSet::new(), staged: HashMap::new() };
        let roles = Roles::of(inventory);
        for (role, asset) in roles.each(&[Role::Limiter, Role::Stage, Role::RuleListAssociation]) {
            let own = limits_calls(asset);
            let used = || linked(inventory, asset, RelationKind::Uses).any(limits_calls);
            let applies = reached(inventory, &asset.id);
            if own || role == Role::RuleListAssociation && used() {
                limits.limited.extend(applies.iter().cloned());
            }
            if role == Role::Stage {
                let logs = logs_itself(inventory, asset);
                for id in applies {
                    let known = limits.staged.entry(id).or_insert(logs);
                    *known = (*known).max(logs);
                }
            }
        }
        limits
    }

    fn of_asset(&self, inventory: &Inventory, asset: &Asset) -> Option<bool> {
        let annotations = asset.properties.get("annotations").and_then(Value::as_object);
        let annotated = || {
            annotations
                .is_some_and(|map| map.keys().any(|key| words("rate_limit_annotations").any(|end| key.ends_with(end))))
        };
        let behind = || {
            linked(inventory, asset, RelationKind::Exposes)
                .any(|next| self.limited.contains(&next.id) || guarded(inventory, next))
        };
        let yes = has_limit(asset)
            || self.limited.contains(&asset.id)
            || annotated()
            || guarded(inventory, asset)
            || asset.kind == AssetKind::Endpoint && behind();
        if yes {
            return Some(true);
        }
        self.staged.contains_key(&asset.id).then_some(false)
    }
}

/// Whether a list of rules that it uses limits calls.
fn guarded(inventory: &Inventory, asset: &Asset) -> bool {
    linked(inventory, asset, RelationKind::Uses)
        .any(|list| matches!(role(list), Some(Role::RuleList | Role::GcpRuleList)) && limits_calls(list))
}

fn linked<'a>(
    inventory: &'a Inventory,
    asset: &Asset,
    kind: RelationKind,
) -> impl Iterator<Item = &'a Asset> + use<'a> {
    inventory.outgoing(asset.id.as_str()).filter(move |r| r.kind == kind).filter_map(|r| inventory.get(r.to.as_str()))
}

/// What a setting is about, and what that is about.
fn reached(inventory: &Inventory, from: &AssetId) -> Vec<AssetId> {
    let mut seen: Vec<AssetId> = Vec::new();
    let mut next = vec![from.clone()];
    for _ in 0..HOPS {
        let mut further = Vec::new();
        for id in &next {
            for relation in inventory.outgoing(id.as_str()).filter(|r| r.kind == RelationKind::AppliesTo) {
                if !seen.contains(&relation.to) {
                    seen.push(relation.to.clone());
                    further.push(relation.to.clone());
                }
            }
        }
        next = further;
    }
    seen
}

/// Whether a setting names a limit of calls: a rate or quota that is set, a rule that counts.
fn limits_calls(asset: &Asset) -> bool {
    let properties = Value::Object(asset.properties.clone());
    let names: Vec<&str> = words("rate_limit_fields").collect();
    deep(&properties, &names).into_iter().any(is_set)
}

fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        open if is_open(open) => false,
        Value::String(text) if flag_of(text) == Some(false) => false,
        // -1 is none
        Value::Number(number) => number.as_f64().is_some_and(|number| number > 0.0),
        Value::String(text) => text.parse::<f64>().map_or(!text.is_empty(), |number| number > 0.0),
        Value::Bool(set) => *set,
        Value::Array(list) => list.iter().any(is_set),
        Value::Object(map) => map.values().any(is_set),
    }
}

/// Whether calls are logged.
fn logging(inventory: &Inventory, asset: &Asset, limits: &Limits) -> Option<bool> {
    logs_itself(inventory, asset).or_else(|| {
        limits
            .staged
            .get(&asset.id)
            .copied()
            .flatten()
            .or_else(|| limits.staged.contains_key(&asset.id).then_some(false))
    })
}

fn logs_itself(inventory: &Inventory, asset: &Asset) -> Option<bool> {
    if inventory.outgoing(asset.id.as_str()).any(|r| r.kind == RelationKind::LogsTo) {
        return Some(true);
    }
    if let Some(list) = asset.properties.get("diagnostic_categories").and_then(Value::as_array) {
        return Some(!list.is_empty());
    }
    let properties = Value::Object(asset.properties.clone());
    let settings: Vec<&str> = words("log_fields").collect();
    let found = deep(&properties, &settings);
    let answers = found.into_iter().map(|setting| match setting {
        Value::Object(map) => enabled(map).unwrap_or_else(|| is_set(setting)),
        Value::Array(list) => {
            list.iter().any(|item| item.as_object().is_some_and(|map| enabled(map).unwrap_or_else(|| is_set(item))))
        }
        setting => is_set(setting),
    });
    answers.reduce(|one, other| one || other)
}

fn enabled(map: &Map<String, Value>) -> Option<bool> {
    flag(&Value::Object(map.clone()), &["enabled", "enable", "enablecapture"])
}
