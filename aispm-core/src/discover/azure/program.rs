//! What App Service, Functions, Container Apps and Container Instances run, and which AI their settings point to.

use serde_json::Value;

use super::end;
use super::resource::{Resource, link};
use super::setting;
use super::table::ResourceType;
use crate::asset::{Asset, AssetKind, RelationKind, pointer_key};
use crate::discover::Found;
use crate::discover::container::{Container, append};
use crate::discover::model_ref;

/// Reads the containers and variables at the table's paths.
pub(super) fn read(resource: &Resource<'_>, known: &ResourceType, asset: &mut Asset, found: &mut Found) {
    for path in &known.env {
        let places = setting::at(resource.value, path);
        let mut app = Container::default();
        for (value, place) in &places {
            match value.get("image").or_else(|| value.get("properties")?.get("image")) {
                Some(_) => container(resource, value, place).describe(asset, found),
                None => variables(resource, value, place, &mut app),
            }
        }
        if !app.env.is_empty() {
            app.describe(asset, found);
        }
        let services: Vec<_> = places.iter().flat_map(|(value, place)| addresses(value, place)).collect();
        for (text, place) in services {
            uses(resource, asset, text, &place, found);
        }
    }
    // `DOCKER|registry/image:tag`
    for (text, place) in setting::texts(resource.value, "siteConfig.linuxFxVersion") {
        if let Some((kind, image)) = text.split_once('|').filter(|(kind, _)| kind.eq_ignore_ascii_case("docker")) {
            let evidence = resource.at(&place).excerpt(kind);
            Container { image: Some((image.to_owned(), evidence)), ..Container::default() }.describe(asset, found);
        }
    }
}

fn container(resource: &Resource<'_>, value: &Value, place: &str) -> Container {
    // Container Instances nest what a container is
    let (value, place) = match value.get("properties") {
        Some(inner) => (inner, format!("{place}/properties")),
        None => (value, place.to_owned()),
    };
    let mut container = Container::default();
    if let Some(image) = value.get("image").and_then(Value::as_str) {
        container.image = Some((image.to_owned(), resource.at(&format!("{place}/image"))));
    }
    for key in ["command", "args"] {
        for (i, word) in value.get(key).and_then(Value::as_array).into_iter().flatten().enumerate() {
            if let Some(word) = word.as_str() {
                container.words.push((word.to_owned(), resource.at(&format!("{place}/{key}/{i}"))));
            }
        }
    }
    for key in ["env", "environmentVariables"] {
        for (i, entry) in value.get(key).and_then(Value::as_array).into_iter().flatten().enumerate() {
            variables(resource, entry, &format!("{place}/{key}/{i}"), &mut container);
        }
    }
    container
}

/// One `{name, value}`, or a map of names to values.
fn variables(resource: &Resource<'_>, value: &Value, place: &str, container: &mut Container) {
    let Value::Object(map) = value else { return };
    let shown =
        |value: &Value| value.as_str().filter(|text| !text.starts_with("@Microsoft.KeyVault")).map(str::to_owned);
    match map.get("name").and_then(Value::as_str) {
        Some(name) => {
            let value = map.get("value").and_then(shown);
            container.env.push((name.to_owned(), value, resource.at(place).excerpt(name)));
        }
        None => {
            for (name, value) in map.iter().filter(|(_, value)| value.is_string()) {
                let evidence = resource.at(&format!("{place}/{}", pointer_key(name))).excerpt(name);
                container.env.push((name.clone(), shown(value), evidence));
            }
        }
    }
}

/// Values that are addresses, wherever they stand in a container or among variables.
fn addresses<'a>(value: &'a Value, place: &str) -> Vec<(&'a str, String)> {
    let mut found = Vec::new();
    let mut open = vec![(value, place.to_owned())];
    while let Some((value, place)) = open.pop() {
        match value {
            Value::String(text) if text.starts_with("https://") => found.push((text.as_str(), place)),
            Value::Object(map) => open.extend(map.iter().map(|(k, v)| (v, format!("{place}/{}", pointer_key(k))))),
            Value::Array(list) => open.extend(list.iter().enumerate().map(|(i, v)| (v, format!("{place}/{i}")))),
            _ => {}
        }
    }
    found.sort_by(|a, b| a.1.cmp(&b.1));
    found
}

/// A program calls the AI services, and reads the stores, whose addresses it is given.
fn uses(resource: &Resource<'_>, asset: &mut Asset, text: &str, place: &str, found: &mut Found) {
    let Some(host) = model_ref::host(text) else { return };
    let evidence = resource.at(place).excerpt(&host);
    if let Some(end) = end::storage(text, AssetKind::Dataset) {
        link(asset.id.as_str(), RelationKind::Uses, false, end, &evidence, found);
    } else if host.ends_with(".search.windows.net") {
        asset.ai = true;
        if let Some(end) = end::url(text) {
            link(asset.id.as_str(), RelationKind::RetrievesFrom, false, end, &evidence, found);
        }
    } else if found.tables.provider_by_host(&host).is_some() {
        asset.ai = true;
        append(asset, "ai_endpoints", &host);
        if let Some(end) = end::url(&format!("https://{host}")) {
            link(asset.id.as_str(), RelationKind::Invokes, false, end, &evidence, found);
        }
    }
}
