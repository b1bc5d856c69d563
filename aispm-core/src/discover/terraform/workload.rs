//! What runs inside a resource: containers of tasks, services and Deployments, and variables of functions.

use serde_json::{Map, Value};

use super::resource::{Resource, texts, values};
use crate::asset::{Asset, RelationKind};
use crate::discover::Found;
use crate::discover::container::Container;

/// Blocks that hold containers.
const CONTAINERS: &[&str] = &[
    "template.containers",
    "template.container",
    "template.template.containers",
    "template.spec.containers",
    "spec.template.spec.container",
    "spec.template.spec.init_container",
    "spec.job_template.spec.template.spec.container",
    "spec.container",
    "container",
];

/// Blocks and maps that hold environment variables of the resource itself.
const VARIABLES: &[&str] = &[
    "environment.variables",
    "environment_variables",
    "service_config.environment_variables",
    "app_settings",
    "primary_container.environment",
    "source_configuration.image_repository.image_configuration.runtime_environment_variables",
];

/// Adds what the containers and variables of a resource tell.
pub(super) fn read(resource: &Resource<'_>, asset: &mut Asset, found: &mut Found) {
    if resource.kind.starts_with("kubernetes_") {
        service_account(resource, asset, found);
    }
    for path in CONTAINERS {
        for (pointer, list) in values(&resource.values, path) {
            for (i, container) in list.as_array().into_iter().flatten().enumerate() {
                if let Some(map) = container.as_object() {
                    describe(map, &format!("{pointer}/{i}"), resource, asset, found);
                }
            }
        }
    }
    for key in ["container_definitions", "container_properties"] {
        let Some(text) = resource.text(key) else { continue };
        let Ok(definition) = serde_json::from_str::<Value>(text) else { continue };
        for container in super::items(&definition).iter().filter_map(Value::as_object) {
            describe(container, &format!("/{key}"), resource, asset, found);
        }
    }
    for path in VARIABLES {
        for (pointer, variables) in values(&resource.values, path) {
            let env = variables.as_object().into_iter().flatten().map(|(name, value)| {
                (
                    name.clone(),
                    value.as_str().filter(|text| !text.contains("${")).map(str::to_owned),
                    resource.at(&pointer),
                )
            });
            let container = Container { env: env.collect(), ..Container::default() };
            if !container.env.is_empty() {
                container.describe(asset, found);
            }
        }
    }
}

/// The account that a pod acts as.
fn service_account(resource: &Resource<'_>, asset: &Asset, found: &mut Found) {
    let Some((namespace, _)) = asset.id.as_str().strip_prefix("k8s://cluster/").and_then(|rest| rest.split_once('/'))
    else {
        return;
    };
    for path in ["spec.template.spec.service_account_name", "spec.service_account_name"] {
        for (pointer, name) in texts(&resource.values, path).into_iter().filter(|(_, name)| !name.contains("${")) {
            let account = format!("k8s://cluster/{namespace}/ServiceAccount/{name}");
            found.relate(asset.id.as_str(), RelationKind::RunsAs, &account, &resource.at(&pointer));
        }
    }
}

fn describe(map: &Map<String, Value>, pointer: &str, resource: &Resource<'_>, asset: &mut Asset, found: &mut Found) {
    let at = |key: &str| resource.at(&format!("{pointer}/{key}"));
    let closed = |text: &&str| !text.contains("${");
    let image = map.get("image").and_then(Value::as_str).filter(closed).map(|image| (image.to_owned(), at("image")));
    let mut container = Container { image, ..Container::default() };
    for key in ["command", "args", "entryPoint"] {
        let words = map.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        container.words.extend(words.map(|word| (word.to_owned(), at(key))));
    }
    for key in ["env", "environment"] {
        for entry in map.get(key).and_then(Value::as_array).into_iter().flatten() {
            let text = |key| entry.get(key).and_then(Value::as_str);
            if let Some(name) = text("name") {
                container.env.push((name.to_owned(), text("value").filter(closed).map(str::to_owned), at(key)));
            }
        }
    }
    for entry in map.get("secrets").and_then(Value::as_array).into_iter().flatten() {
        if let Some(name) = entry.get("name").and_then(Value::as_str) {
            container.env.push((name.to_owned(), None, at("secrets")));
        }
    }
    for (list, key) in [("port", "container_port"), ("ports", "container_port"), ("portMappings", "containerPort")] {
        let ports = map.get(list).and_then(Value::as_array).into_iter().flatten();
        container.ports.extend(ports.filter_map(|port| port.get(key).and_then(Value::as_u64)));
    }
    container.describe(asset, found);
}
