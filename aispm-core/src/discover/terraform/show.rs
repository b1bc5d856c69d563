//! `terraform show -json`: a state, or a plan with what it would make. Values that a plan does not know yet are
//! replaced by the references that its configuration gives.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::estate::Estate;
use super::resource::Resource;
use crate::asset::Document;
use crate::discover::Found;
use crate::discover::format::Structured;

/// Deepest chain of variables and outputs that a reference is followed through.
const DEPTH_LIMIT: usize = 16;

pub(super) const SHOW: Structured = Structured {
    name: "terraform-show",
    critical: true,
    in_parts: false,
    markers: &["terraform_version", "\"values\""],
    matches: |value| value.get("terraform_version").is_some() && root(value).is_some(),
    read,
};

/// The root module and its pointer: `planned_values` of a plan, `values` of a state, else what was before.
fn root(value: &Value) -> Option<(&Value, &'static str)> {
    let at = |pointer: &'static str| value.pointer(pointer).map(|module| (module, pointer));
    at("/planned_values/root_module")
        .or_else(|| at("/values/root_module"))
        .or_else(|| at("/prior_state/values/root_module"))
        .or_else(|| value.get("resource_changes").and_then(Value::as_array).map(|_| (value, "")))
}

fn read(document: &Document, found: &mut Found) {
    let value = &document.value;
    let Some((root, pointer)) = root(value) else { return };
    let changes = value.get("resource_changes").and_then(Value::as_array);
    let mut resources = Vec::new();
    modules(document, root, pointer, &mut resources);
    // data sources and what a plan leaves as it is stand only in the state before it
    if pointer.starts_with("/planned")
        && let Some(before) = value.pointer("/prior_state/values/root_module")
    {
        let known: HashSet<&str> = resources.iter().map(|resource| resource.address).collect();
        let removed: HashSet<&str> = changes
            .into_iter()
            .flatten()
            .filter(|change| change.pointer("/change/actions/0").and_then(Value::as_str) == Some("delete"))
            .filter_map(|change| change.get("address").and_then(Value::as_str))
            .collect();
        let mut more = Vec::new();
        modules(document, before, "/prior_state/values/root_module", &mut more);
        more.retain(|resource| !known.contains(resource.address) && !removed.contains(resource.address));
        resources.extend(more);
    }
    if resources.is_empty() && pointer.is_empty() {
        for (i, change) in changes.into_iter().flatten().enumerate() {
            resources.extend(planned(document, change, &format!("/resource_changes/{i}")));
        }
    }
    if let Some(configuration) = value.pointer("/configuration/root_module") {
        let entries = entries(configuration);
        for resource in &mut resources {
            complete(configuration, &entries, resource);
        }
    }
    let provider = |name: &str, key: &str| {
        let setting = value.pointer(&format!("/configuration/provider_config/{name}/expressions/{key}"));
        let setting = setting.and_then(|setting| match setting.pointer("/references/0").and_then(Value::as_str) {
            Some(variable) => value.pointer(&format!("/variables/{}/value", variable.strip_prefix("var.")?)),
            None => setting.get("constant_value"),
        });
        setting.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let estate = Estate {
        region: provider("aws", "region"),
        project: provider("google", "project"),
        subscription: provider("azurerm", "subscription_id"),
        ..Estate::default()
    };
    super::read(estate.with(resources), found);
}

/// The resources of a module and of those it calls.
fn modules<'a>(document: &Document, root: &'a Value, pointer: &str, resources: &mut Vec<Resource<'a>>) {
    let mut modules = vec![(root, pointer.to_owned())];
    while let Some((module, pointer)) = modules.pop() {
        for (i, child) in module.get("child_modules").and_then(Value::as_array).into_iter().flatten().enumerate() {
            modules.push((child, format!("{pointer}/child_modules/{i}")));
        }
        for (i, entry) in module.get("resources").and_then(Value::as_array).into_iter().flatten().enumerate() {
            resources.extend(Resource::shown(document, entry, &format!("{pointer}/resources/{i}")));
        }
    }
}

/// A resource of a plan that lists only changes.
fn planned<'a>(document: &Document, change: &'a Value, pointer: &str) -> Option<Resource<'a>> {
    let text = |key| change.get(key).and_then(Value::as_str);
    let (kind, address) = (text("type")?, text("address")?);
    let after = change.pointer("/change/after").and_then(Value::as_object)?;
    let mut resource = Resource::new(kind, address, after, document.evidence(pointer), "/change/after");
    resource.id = format!("file:{}#{address}", document.path());
    resource.data = text("mode") == Some("data");
    Some(resource)
}

/// What the configuration says of each resource, by address without indices.
fn entries(root: &Value) -> HashMap<String, &Value> {
    let mut entries = HashMap::new();
    let mut modules = vec![(root, String::new())];
    while let Some((module, prefix)) = modules.pop() {
        for entry in module.get("resources").and_then(Value::as_array).into_iter().flatten() {
            if let Some(address) = entry.get("address").and_then(Value::as_str) {
                entries.insert(format!("{prefix}{address}"), entry);
            }
        }
        for (name, call) in module.get("module_calls").and_then(Value::as_object).into_iter().flatten() {
            modules.extend(call.get("module").map(|module| (module, format!("{prefix}module.{name}."))));
        }
    }
    entries
}

/// Puts references where values are not known yet.
fn complete(root: &Value, entries: &HashMap<String, &Value>, resource: &mut Resource<'_>) {
    let Some((modules, own)) = split_address(resource.address) else { return };
    let Some(calls) = calls(root, &modules) else { return };
    let prefix: String = modules.iter().map(|name| format!("module.{name}.")).collect();
    let entry = entries.get(&format!("{prefix}{own}"));
    let Some(expressions) = entry.and_then(|entry| entry.get("expressions")?.as_object()) else { return };
    let missing = expressions.iter().any(|(key, _)| !resource.values.contains_key(key))
        || expressions.values().any(|expression| expression.is_array());
    if missing {
        let own_name = if resource.kind == "aws_s3_bucket" { "bucket" } else { "name" };
        merge(&calls, &modules, expressions, resource.values.to_mut(), own_name, 0);
    }
}

/// The modules from the root to the one that a resource stands in.
fn calls<'a>(root: &'a Value, modules: &[&str]) -> Option<Vec<&'a Value>> {
    let mut calls = vec![root];
    for name in modules.iter().take(DEPTH_LIMIT) {
        calls.push(calls.last()?.get("module_calls")?.get(*name)?.get("module")?);
    }
    Some(calls)
}

/// `module.a["k"].module.b.TYPE.NAME[0]` as its modules and `TYPE.NAME`.
fn split_address(address: &str) -> Option<(Vec<&str>, &str)> {
    let (mut modules, mut rest) = (Vec::new(), address);
    while let Some(after) = rest.strip_prefix("module.") {
        let end = after.find(['.', '['])?;
        modules.push(after.get(..end)?);
        rest = after.get(end..)?;
        if rest.starts_with('[') {
            rest = rest.get(rest.find(']')? + 1..)?;
        }
        rest = rest.strip_prefix('.')?;
    }
    Some((modules, rest.split('[').next().unwrap_or(rest)))
}

fn merge(
    calls: &[&Value],
    modules: &[&str],
    expressions: &Map<String, Value>,
    values: &mut Map<String, Value>,
    own_name: &str,
    depth: usize,
) {
    if depth > DEPTH_LIMIT {
        return;
    }
    for (key, expression) in expressions.iter().filter(|(key, _)| *key != own_name && !key.ends_with("_prefix")) {
        match expression {
            Value::Array(blocks) => {
                let list = values.entry(key.as_str()).or_insert_with(|| Value::Array(Vec::new()));
                let Some(list) = list.as_array_mut() else { continue };
                for (i, block) in blocks.iter().enumerate() {
                    if list.len() <= i {
                        list.push(Value::Object(Map::new()));
                    }
                    if let (Some(block), Some(Value::Object(values))) = (block.as_object(), list.get_mut(i)) {
                        merge(calls, modules, block, values, "", depth + 1);
                    }
                }
            }
            // known as nothing stays nothing
            expression if !values.contains_key(key) => {
                let mut found = Vec::new();
                references(calls, modules, expression, 0, &mut found);
                match <[String; 1]>::try_from(found) {
                    Ok([only]) => drop(values.insert(key.clone(), only.into())),
                    Err(all) if !all.is_empty() => drop(values.insert(key.clone(), all.into())),
                    Err(_) => {}
                }
            }
            _ => {}
        }
    }
}

/// The resources that an expression refers to, as `${ADDRESS.value}`, through variables and outputs.
fn references(calls: &[&Value], modules: &[&str], expression: &Value, depth: usize, found: &mut Vec<String>) {
    const MOST: usize = 64;
    let all = expression.get("references").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut last = "";
    for reference in all {
        // `a.b.id` comes with `a.b`
        if last.starts_with(reference) || depth > DEPTH_LIMIT || found.len() >= MOST {
            continue;
        }
        last = reference;
        let (root, rest) = reference.split_once('.').unwrap_or((reference, ""));
        match root {
            "var" => {
                let (Some((_, outer)), Some((name, above))) = (calls.split_last(), modules.split_last()) else {
                    continue;
                };
                let caller = outer.last().and_then(|module| {
                    module.get("module_calls")?.get(*name)?.get("expressions")?.get(rest.split(['.', '[']).next()?)
                });
                if let Some(expression) = caller {
                    references(outer, above, expression, depth + 1, found);
                }
            }
            "module" => {
                let mut parts = rest.split('.');
                let name = parts.next().map(|name| name.split('[').next().unwrap_or(name));
                let (Some(name), Some(output)) = (name, parts.next()) else { continue };
                let module = calls.last().and_then(|module| module.get("module_calls")?.get(name)?.get("module"));
                let output = module.and_then(|module| module.get("outputs")?.get(output)?.get("expression"));
                if let (Some(module), Some(output)) = (module, output) {
                    let calls: Vec<&Value> = calls.iter().copied().chain([module]).collect();
                    let modules: Vec<&str> = modules.iter().copied().chain([name]).collect();
                    references(&calls, &modules, output, depth + 1, found);
                }
            }
            "local" | "each" | "count" | "path" | "self" | "terraform" => {}
            _ => {
                let prefix: String = modules.iter().map(|name| format!("module.{name}.")).collect();
                found.push(format!("${{{prefix}{reference}}}"));
            }
        }
    }
}
