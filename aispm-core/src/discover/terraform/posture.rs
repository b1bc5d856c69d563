//! What protects a resource, who owns it, what data it holds: typed attributes from its values and tags.

use serde_json::{Map, Value};

use super::estate::Estate;
use super::exposure::internet;
use super::resource::Resource;
use super::table::{Flag, ResourceType, table};
use crate::asset::{Asset, AssetId, Authentication, Exposure, OwnerSource, RelationKind, is_open};
use crate::discover::Found;
use crate::discover::label::label;

/// Deepest block in which a key is looked for.
const KEY_DEPTH: usize = 8;

/// Exposure, authentication and encryption, as the table tells them from a resource's values.
pub(super) fn read(
    estate: &Estate<'_>,
    resource: &Resource<'_>,
    known: &ResourceType,
    asset: &mut Asset,
    found: &mut Found,
) {
    if resource.data {
        return;
    }
    let (public, at) = answer(&table().public, resource);
    let key = answer(&table().key_login, resource).0.unwrap_or(known.key_login);
    if let Some(key) = key {
        asset.authentication = Some(if key { Authentication::Key } else { Authentication::Identity });
    }
    if let Some(public) = public.unwrap_or(known.public) {
        let firewalls = ["network_acls", "network_rules", "network_rule_set"];
        let any = |below: &str| {
            firewalls
                .iter()
                .flat_map(|key| super::words(&resource.values, &format!("{key}.{below}")))
                .collect::<Vec<_>>()
        };
        let ruled = any("default_action").iter().any(|action| action.eq_ignore_ascii_case("deny"));
        let listed = !any("ip_rules").is_empty() || !any("ip_rule.ip_range").is_empty();
        asset.exposure = Some(match (public, ruled, listed) {
            (true, false, _) => Exposure::Public,
            (true, true, true) => Exposure::Restricted,
            _ => Exposure::Internal,
        });
        match asset.exposure {
            Some(Exposure::Public) => {
                internet(asset.id.as_str(), Authentication::None, &resource.at(&at), false, found);
            }
            Some(Exposure::Restricted) => {
                let evidence = resource.at(&at);
                found.relate(AssetId::INTERNET, RelationKind::Exposes, asset.id.as_str(), &evidence);
            }
            _ => {}
        }
    }
    asset.encryption.at_rest = answer(&table().at_rest, resource).0.flatten();
    asset.encryption.in_transit = answer(&table().in_transit, resource).0.flatten();
    if table().keyed.contains(resource.kind) {
        asset.encryption.customer_key = Some(false);
    }
    let mut keys = Vec::new();
    find_keys(&resource.values, "", 0, &mut keys);
    for (pointer, key) in keys {
        let targets = estate.resolve(key, "kms_key", resource.address);
        // whether a variable names a key is not known
        if targets.is_empty() && is_open(&Value::from(key)) {
            asset.encryption.customer_key = asset.encryption.customer_key.filter(|customer| *customer);
            continue;
        }
        asset.encryption.at_rest = Some(true);
        // a key of the provider's own is none of the customer's
        if key.starts_with("alias/aws/") || key.contains(":alias/aws/") {
            continue;
        }
        asset.encryption.customer_key = Some(true);
        for target in targets {
            found.relate(asset.id.as_str(), RelationKind::Uses, &target.id, &resource.at(&pointer));
        }
    }
}

/// The first answer of a list of flags, `Some(None)` where it is open, and where it stands.
fn answer(flags: &[Flag], resource: &Resource<'_>) -> (Option<Option<bool>>, String) {
    let found = flags.iter().find_map(|flag| Some((flag.of(&resource.values)?, flag.key())));
    found.map_or((None, String::new()), |(answer, key)| (Some(answer), format!("/{}", key.replace('.', "/0/"))))
}

fn find_keys<'v>(values: &'v Map<String, Value>, pointer: &str, depth: usize, found: &mut Vec<(String, &'v str)>) {
    for (key, value) in values {
        let pointer = format!("{pointer}/{key}");
        match value {
            Value::String(text) if table().keys.contains(key) && !text.is_empty() => found.push((pointer, text)),
            Value::Object(map) if depth < KEY_DEPTH => find_keys(map, &pointer, depth + 1, found),
            Value::Array(items) if depth < KEY_DEPTH => {
                for (i, item) in items.iter().enumerate() {
                    if let Value::Object(map) = item {
                        find_keys(map, &format!("{pointer}/{i}"), depth + 1, found);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Owner, environment and data classes from tags and labels.
pub(super) fn tags(resource: &Resource<'_>, asset: &mut Asset) {
    // of the same tag in several lists the first one counts
    for tags in ["tags", "labels", "user_labels", "tags_all", "effective_labels"] {
        for (key, value) in resource.values.get(tags).and_then(Value::as_object).into_iter().flatten() {
            let source = if tags.contains("label") { OwnerSource::Label } else { OwnerSource::Tag };
            label(asset, key, value.as_str().unwrap_or_default(), source, &resource.at(&format!("/{tags}")));
        }
    }
}
