//! Rules that let traffic in, and settings that send logs out.

use serde_json::Value;

use super::end::{canonical, stub};
use super::id::ResourceId;
use super::resource::{Resource, link};
use super::setting;
use crate::asset::{Asset, AssetKind, Exposure, RelationKind, flag};
use crate::discover::Found;
use crate::discover::kubernetes::internet;

/// Whatever of a resource is about networks alone.
pub(super) fn read(resource: &Resource<'_>, asset: &mut Asset, found: &mut Found) {
    let kind = resource.resource_type.to_lowercase();
    match kind.as_str() {
        "microsoft.network/networksecuritygroups" => {
            let lists = ["securityRules", "defaultSecurityRules"];
            let rules = lists.iter().flat_map(|list| setting::at(resource.value, list));
            if let Some((_, place)) = rules.into_iter().find(|(rule, _)| lets_in(rule)) {
                opened(resource, asset, &place, found);
            }
        }
        "microsoft.network/networksecuritygroups/securityrules" if lets_in(resource.value) => {
            opened(resource, asset, "", found);
            of_parent(resource, Exposure::Public, found);
        }
        _ if kind.ends_with("/firewallrules") => {
            let address = |key: &str| resource.text(key).unwrap_or_default().to_owned();
            let exposure = match (address("startIpAddress").as_str(), address("endIpAddress").as_str()) {
                ("0.0.0.0", "255.255.255.255") => Exposure::Public,
                _ => Exposure::Restricted,
            };
            asset.exposure = Some(exposure);
            if let Some(parent) = resource.arm.parent() {
                let id = canonical(&parent, resource.path());
                found.relate(asset.id.as_str(), RelationKind::AppliesTo, &id, &resource.at("/properties"));
            }
            of_parent(resource, exposure, found);
        }
        _ => {}
    }
}

fn opened(resource: &Resource<'_>, asset: &mut Asset, place: &str, found: &mut Found) {
    asset.exposure = Some(Exposure::Public);
    internet(asset.id.as_str(), &resource.at(place).excerpt("inbound from anywhere"), found);
}

fn of_parent(resource: &Resource<'_>, exposure: Exposure, found: &mut Found) {
    let Some(parent) = resource.arm.parent() else { return };
    let evidence = resource.at("").excerpt(resource.arm.name());
    let mut asset = stub(&parent, resource.path()).seen(evidence.clone());
    asset.exposure = Some(exposure);
    internet(asset.id.as_str(), &evidence, found);
    found.inventory.add(asset);
}

/// Whether a security rule lets traffic in from anywhere.
fn lets_in(rule: &Value) -> bool {
    let is = |path: &str, wanted: &[&str]| {
        setting::texts(rule, path).iter().any(|(text, _)| wanted.iter().any(|w| text.eq_ignore_ascii_case(w)))
    };
    let anywhere = &["*", "Internet", "0.0.0.0/0", "Any", "::/0"];
    is("direction", &["Inbound"])
        && is("access", &["Allow"])
        && (is("sourceAddressPrefix", anywhere) || is("sourceAddressPrefixes", anywhere))
}

/// Where the logs of a resource go.
pub(super) fn diagnostic_setting(resource: &Resource<'_>, found: &mut Found) {
    let Some(source) = resource.arm.parent() else { return };
    let evidence = resource.at("").excerpt(format!("diagnostic setting {}", resource.arm.name()));
    let mut asset = stub(&source, resource.path()).seen(evidence.clone());
    let mut categories = Vec::new();
    for (entry, _) in ["logs", "metrics"].iter().flat_map(|list| setting::at(resource.value, list)) {
        let name = ["category", "categoryGroup"].iter().find_map(|key| entry.get(key)?.as_str());
        if let (Some(name), Some(true)) = (name, entry.get("enabled").and_then(flag)) {
            categories.push(Value::from(name));
        }
    }
    let on = !categories.is_empty();
    asset.properties.insert("diagnostic_categories".into(), categories.into());
    let sinks = ["workspaceId", "storageAccountId", "eventHubAuthorizationRuleId", "marketplacePartnerId"];
    for (text, place) in sinks.iter().flat_map(|path| setting::texts(resource.value, path)).filter(|_| on) {
        let Some(mut end) = resource.end(text, AssetKind::LogSink, None) else { continue };
        // an event hub is named by one of its keys
        let key = ResourceId::parse(text).filter(|id| id.to_string().to_lowercase().contains("/authorizationrules/"));
        if let Some(hub) = key.and_then(|key| key.parent()) {
            end.asset = stub(&hub, resource.path());
        }
        link(asset.id.as_str(), RelationKind::LogsTo, false, end, &resource.at(&place), found);
    }
    let setting = Asset::new(&resource.id, AssetKind::Policy, resource.arm.name()).seen(evidence.clone());
    found.relate(&resource.id, RelationKind::AppliesTo, asset.id.as_str(), &evidence);
    found.inventory.add(setting.with("resource_type", resource.resource_type.as_str()));
    found.inventory.add(asset);
}
