//! Agents and plugins as they present themselves on the web: A2A agent cards and `ai-plugin.json`.

use serde_json::Value;

use super::{has_tool, short};
use crate::asset::{Asset, AssetKind, Authentication, Document, RelationKind};
use crate::discover::ai_native::{keep, list, text};
use crate::discover::format::{Found, Structured};

/// `/.well-known/agent.json` of the Agent2Agent protocol.
pub(in crate::discover::ai_native) const A2A: Structured = Structured {
    name: "a2a-agent-card",
    critical: true,
    in_parts: false,
    markers: &["\"skills\"", "\"capabilities\""],
    matches: |value| {
        text(value, "name").is_some()
            && value.get("skills").is_some_and(Value::is_array)
            && value.get("capabilities").is_some_and(Value::is_object)
            && (value.get("url").is_some() || value.get("protocolVersion").is_some())
    },
    read: agent_card,
};

/// `ai-plugin.json`: an API that models may call.
pub(in crate::discover::ai_native) const PLUGIN: Structured = Structured {
    name: "ai-plugin",
    critical: true,
    in_parts: false,
    markers: &["\"name_for_model\""],
    matches: |value| value.get("name_for_model").is_some() && value.get("description_for_model").is_some(),
    read: plugin,
};

fn agent_card(document: &Document, found: &mut Found) {
    let value = &document.value;
    let Some(name) = text(value, "name") else { return };
    let url = text(value, "url");
    let id = url.map_or_else(|| format!("file:{}#{name}", document.path()), |url| url.trim_end_matches('/').to_owned());
    let mut asset = Asset::new(&id, AssetKind::Agent, name).with("protocol", "a2a");
    keep(value, &["url", "protocolVersion", "capabilities", "preferredTransport", "documentationUrl"], &mut asset);
    if let Some(description) = text(value, "description") {
        asset.properties.insert("description".into(), short(description).into());
    }
    asset.provenance.version = text(value, "version").map(str::to_owned);
    asset.provenance.publisher = value.pointer("/provider/organization").and_then(Value::as_str).map(str::to_owned);
    asset.provenance.signed = value.get("signatures").and_then(Value::as_array).map(|list| !list.is_empty());
    asset.encryption.in_transit = url.map(|url| url.starts_with("https://"));
    asset.authentication = Some(authentication(value));
    for (i, skill) in list(value, "skills") {
        if let Some(name) = text(skill, "name").or_else(|| text(skill, "id")) {
            has_tool(&id, name, text(skill, "description"), &document.evidence(&format!("/skills/{i}")), found);
        }
    }
    found.inventory.add(asset.seen(document.evidence("").excerpt(name)));
}

/// What an agent card asks of callers; the weakest of its schemes.
fn authentication(card: &Value) -> Authentication {
    let schemes = card.get("securitySchemes").and_then(Value::as_object);
    let named = card.pointer("/authentication/schemes").and_then(Value::as_array);
    let of = |kind: &str| match kind.to_ascii_lowercase().as_str() {
        "apikey" | "basic" => Authentication::Key,
        _ => Authentication::Identity,
    };
    let schemes = schemes.into_iter().flat_map(|map| map.values()).filter_map(|scheme| text(scheme, "type"));
    let named = named.into_iter().flatten().filter_map(Value::as_str);
    schemes.chain(named).map(of).min().unwrap_or(Authentication::None)
}

fn plugin(document: &Document, found: &mut Found) {
    let value = &document.value;
    let Some(name) = text(value, "name_for_model") else { return };
    let id = format!("file:{}#{name}", document.path());
    let evidence = document.evidence("/name_for_model").excerpt(name);
    let mut asset = Asset::new(&id, AssetKind::Tool, text(value, "name_for_human").unwrap_or(name)).ai();
    if let Some(description) = text(value, "description_for_model") {
        asset.properties.insert("description".into(), short(description).into());
    }
    keep(value, &["name_for_model", "contact_email", "legal_info_url"], &mut asset);
    let scheme = value.pointer("/auth/type").and_then(Value::as_str);
    asset.authentication = scheme.map(|scheme| match scheme {
        "none" => Authentication::None,
        "oauth" => Authentication::Identity,
        _ => Authentication::Key,
    });
    if let Some(url) = value.pointer("/api/url").and_then(Value::as_str) {
        let evidence = document.evidence("/api/url");
        let mut endpoint = Asset::new(url, AssetKind::Endpoint, url).ai();
        endpoint.authentication = asset.authentication;
        endpoint.encryption.in_transit = Some(url.starts_with("https://"));
        found.relate(&id, RelationKind::Invokes, url, &evidence);
        found.inventory.add(endpoint.seen(evidence));
    }
    found.inventory.add(asset.seen(evidence));
}
