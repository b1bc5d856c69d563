//! From where a resource is reached, how callers prove who they are, and what protects its data, as its settings say.

use serde_json::{Value, json};

use super::resource::Resource;
use super::setting;
use super::table::table;
use crate::asset::{Asset, AssetKind, Authentication, Exposure};
use crate::discover::Found;
use crate::discover::kubernetes::internet;

pub(super) fn read(resource: &Resource<'_>, asset: &mut Asset, found: &mut Found) {
    if let Some((exposure, place)) = exposure(resource, asset.kind) {
        asset.exposure = Some(exposure);
        if exposure > Exposure::Internal {
            let evidence = resource.at(&place).excerpt(format!("{} is {exposure}", asset.name));
            internet(asset.id.as_str(), &evidence, found);
        }
    }
    asset.authentication = authentication(resource);
    encryption(resource, asset);
    let denied = |_: &String| json!([{ "default_action": "Deny" }]);
    if let Some(rules) = setting::first(resource.value, &table().settings.denied).as_ref().map(denied) {
        asset.properties.insert("network_acls".into(), rules);
    }
    let connections = resource.value.pointer("/properties/privateEndpointConnections");
    let connections = connections.or_else(|| resource.value.get("privateEndpointConnections"));
    if let Some(list) = connections.and_then(Value::as_array) {
        asset.properties.insert("private_endpoint".into(), (!list.is_empty()).into());
        // only whose they are is kept: each is an asset of its own
        asset.properties.remove("privateEndpointConnections");
    }
}

/// The exposure and the place that says so.
fn exposure(resource: &Resource<'_>, kind: AssetKind) -> Option<(Exposure, String)> {
    let settings = &table().settings;
    let first = |conditions| setting::first(resource.value, conditions);
    if kind == AssetKind::Bucket {
        return bucket(resource);
    }
    if let Some(place) = first(&settings.closed) {
        return Some((Exposure::Internal, place));
    }
    let listed = addresses(resource);
    if let Some(place) = first(&settings.denied) {
        return Some(listed.map_or((Exposure::Internal, place), |listed| (Exposure::Restricted, listed)));
    }
    if let Some(place) = first(&settings.allowed) {
        return Some((Exposure::Public, place));
    }
    let open = first(&settings.open);
    // what is open is not what it is by default
    let unknown = || [&settings.closed, &settings.denied].into_iter().any(|it| setting::open(resource.value, it));
    let default = resource.known.and_then(|known| known.exposure).filter(|_| resource.is_whole() && !unknown());
    match listed {
        Some(listed) if open.is_some() || default == Some(Exposure::Public) => Some((Exposure::Restricted, listed)),
        // a firewall of its own lets nobody in by itself
        _ => match open {
            Some(place) => Some((default.unwrap_or(Exposure::Public), place)),
            None => Some((default?, String::new())),
        },
    }
}

/// Stores count as public where anybody can read them; that their address is on the internet is no more than usual.
fn bucket(resource: &Resource<'_>) -> Option<(Exposure, String)> {
    let settings = &table().settings;
    let anonymous = ["publicAccess=Container", "publicAccess=Blob", "allowBlobPublicAccess=true"].map(str::to_owned);
    let first = |conditions| setting::first(resource.value, conditions);
    if let Some(place) = first(&settings.closed) {
        return Some((Exposure::Internal, place));
    }
    if let Some(place) = first(&settings.denied) {
        return Some(addresses(resource).map_or((Exposure::Internal, place), |place| (Exposure::Restricted, place)));
    }
    first(&anonymous).map(|place| (Exposure::Public, place))
}

/// The place of a list of addresses that are let in, if it names any but all.
fn addresses(resource: &Resource<'_>) -> Option<String> {
    let all = |item: &Value| {
        let keys = ["value", "ipAddressOrRange", "ipAddress", "ipAddressRange"];
        let address = item.as_str().or_else(|| keys.iter().find_map(|key| item.get(key)?.as_str()));
        let denies = item.get("action").and_then(Value::as_str).is_some_and(|action| action == "Deny");
        !denies && address.is_none_or(|address| matches!(address, "Any" | "*" | "0.0.0.0/0" | "::/0"))
    };
    table().settings.addresses.iter().find_map(|path| {
        let list = setting::at(resource.value, path);
        let open = list.iter().any(|(item, _)| all(item));
        list.into_iter().next().map(|(_, place)| place).filter(|_| !open)
    })
}

fn authentication(resource: &Resource<'_>) -> Option<Authentication> {
    let settings = &table().settings;
    let says = |conditions| setting::first(resource.value, conditions).is_some();
    if says(&settings.anonymous) {
        Some(Authentication::None)
    } else if says(&settings.keys) {
        Some(Authentication::Key)
    } else if says(&settings.identities) {
        Some(Authentication::Identity)
    } else {
        resource.known?.auth.filter(|_| resource.is_whole() && !setting::open(resource.value, &settings.keys))
    }
}

fn encryption(resource: &Resource<'_>, asset: &mut Asset) {
    let settings = &table().settings;
    let says = |conditions| setting::first(resource.value, conditions).is_some();
    let default = resource.known.is_some_and(|known| known.cmk) && resource.is_whole();
    if says(&settings.customer_key) {
        asset.encryption.customer_key = Some(true);
    } else if !setting::open(resource.value, &settings.customer_key) && (default || says(&settings.platform_key)) {
        asset.encryption.customer_key = Some(false);
    }
    // what Azure keeps is always encrypted, with one key or the other
    asset.encryption.at_rest = asset.encryption.customer_key.map(|_| true);
    if says(&settings.plain_wire) {
        asset.encryption.in_transit = Some(false);
    } else if says(&settings.encrypted_wire) {
        asset.encryption.in_transit = Some(true);
    }
}
