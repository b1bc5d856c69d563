//! Resource Manager templates, nested ones too, and single resources of them. Ids are those of the file, since a template
//! may be deployed anywhere: `file:PATH#TYPE/NAME`.

use serde_json::{Map, Value};

use super::expression::Names;
use super::id::UNKNOWN;
use super::resource::describe;
use super::table::table;
use crate::asset::{Document, pointer_key};
use crate::discover::{Found, Structured};

/// Deepest nesting of templates in templates and resources in resources.
const DEPTH: usize = 8;

pub(super) const TEMPLATE: Structured = Structured {
    name: "azure-template",
    critical: true,
    in_parts: false,
    markers: &["deploymentTemplate.json", "\"resources\""],
    matches: |value| is_template(value) || value.get("template").is_some_and(is_template),
    read: |document, found| match document.value.get("template").filter(|_| !is_template(&document.value)) {
        Some(template) => read(document, "/template", template, found),
        None => read(document, "", &document.value, found),
    },
};

fn is_template(value: &Value) -> bool {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let schema = text("$schema").is_some_and(|schema| schema.to_lowercase().contains("deploymenttemplate.json"));
    let first = || match value.get("resources") {
        Some(Value::Array(list)) => list.first().is_some_and(is_fragment),
        _ => false,
    };
    schema || value.get("resources").is_some() && (text("contentVersion").is_some() && !value.is_array() || first())
}

/// Whether a value is a resource as templates write it.
pub(super) fn is_fragment(value: &Value) -> bool {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let kind = text("type").filter(|_| text("name").is_some() && value.get("id").is_none());
    let described = ["apiVersion", "properties", "kind", "sku"].iter().any(|key| value.get(key).is_some());
    let microsoft =
        |kind: &str| kind.contains('/') && kind.get(..10).is_some_and(|s| s.eq_ignore_ascii_case("microsoft."));
    described && kind.is_some_and(|kind| microsoft(kind) && !table().is_finding(kind))
}

/// A resource without its template.
pub(super) fn fragment(document: &Document, found: &mut Found) {
    let names = Names::new(&Value::Null, None);
    resource(document, "", &document.value, None, &names, DEPTH, found);
}

fn read(document: &Document, pointer: &str, template: &Value, found: &mut Found) {
    let mut names = Names::new(template, None);
    resources(document, pointer, template, &mut names, DEPTH, found);
}

/// The resources of a template: a list, or by symbolic name.
fn resources(
    document: &Document,
    pointer: &str,
    template: &Value,
    names: &mut Names<'_>,
    depth: usize,
    found: &mut Found,
) {
    match template.get("resources") {
        Some(Value::Array(list)) => {
            for (i, value) in list.iter().enumerate() {
                resource(document, &format!("{pointer}/resources/{i}"), value, None, names, depth, found);
            }
        }
        Some(Value::Object(map)) => {
            for (symbol, value) in map {
                if let Some(id) = id(value, None, names) {
                    names.symbols.insert(symbol.clone(), id);
                }
            }
            for (symbol, value) in map {
                let pointer = format!("{pointer}/resources/{}", pointer_key(symbol));
                resource(document, &pointer, value, None, names, depth, found);
            }
        }
        _ => {}
    }
}

/// Type and name of the resource that a resource is nested in.
type Parent<'a> = Option<(&'a str, &'a str)>;

fn resource(
    document: &Document,
    pointer: &str,
    value: &Value,
    parent: Parent<'_>,
    names: &Names<'_>,
    depth: usize,
    found: &mut Found,
) {
    let Some(depth) = depth.checked_sub(1) else { return };
    let (Some(own), Some(map)) = (id(value, parent, names), value.as_object()) else { return };
    let Some((kind, name)) = full(value, parent, names) else { return };
    if kind.eq_ignore_ascii_case("Microsoft.Resources/deployments") {
        nested(document, pointer, value, names, depth, found);
        return;
    }
    let own_part: Map<String, Value> =
        map.iter().filter(|(key, _)| key.as_str() != "resources").map(|(k, v)| (k.clone(), v.clone())).collect();
    let mut resolved = names.resolve(&Value::Object(own_part));
    let written = value.get("name").and_then(Value::as_str).filter(|name| name.starts_with('['));
    if let (Some(map), Some(written)) = (resolved.as_object_mut(), written) {
        map.insert("name_expression".into(), written.into());
    }
    describe(document, pointer, &resolved, &own, found);
    for (i, child) in value.get("resources").and_then(Value::as_array).into_iter().flatten().enumerate() {
        resource(document, &format!("{pointer}/resources/{i}"), child, Some((&kind, &name)), names, depth, found);
    }
}

/// A deployment inside a template: its own template, with names of its own where it says so.
fn nested(document: &Document, pointer: &str, value: &Value, names: &Names<'_>, depth: usize, found: &mut Found) {
    let Some(properties) = value.get("properties") else { return };
    let Some(template) = properties.get("template").filter(|template| template.is_object()) else { return };
    let pointer = format!("{pointer}/properties/template");
    let scope = properties.pointer("/expressionEvaluationOptions/scope").and_then(Value::as_str);
    if scope.is_some_and(|scope| scope.eq_ignore_ascii_case("inner")) {
        let given = names.resolve(properties.get("parameters").unwrap_or(&Value::Null));
        let mut inner = Names::new(template, given.as_object());
        resources(document, &pointer, template, &mut inner, depth, found);
        return;
    }
    let list: Vec<(String, &Value)> = match template.get("resources") {
        Some(Value::Array(list)) => list.iter().enumerate().map(|(i, value)| (i.to_string(), value)).collect(),
        Some(Value::Object(map)) => map.iter().map(|(key, value)| (pointer_key(key).into_owned(), value)).collect(),
        _ => Vec::new(),
    };
    for (key, value) in list {
        resource(document, &format!("{pointer}/resources/{key}"), value, None, names, depth, found);
    }
}

/// A resource's whole type and name.
fn full(value: &Value, parent: Parent<'_>, names: &Names<'_>) -> Option<(String, String)> {
    // `Microsoft.X/a@2024-01-01`, as some write type and version in one
    let kind = value.get("type")?.as_str()?.split('@').next()?.to_owned();
    let name = match names.resolve(value.get("name")?) {
        Value::String(name) => name,
        _ => return None,
    };
    Some(match parent.filter(|_| !kind.split('/').next().is_some_and(|first| first.contains('.'))) {
        Some((above, of)) => (format!("{above}/{kind}"), format!("{of}/{name}")),
        None => (kind, name),
    })
}

/// The id that a resource will have, as far as a template tells.
fn id(value: &Value, parent: Parent<'_>, names: &Names<'_>) -> Option<String> {
    let (kind, name) = full(value, parent, names)?;
    let group = format!("/subscriptions/{UNKNOWN}/resourceGroups/{UNKNOWN}");
    let scope = match value.get("scope").map(|scope| names.resolve(scope)) {
        Some(Value::String(scope)) if scope.starts_with("/subscriptions/") => scope,
        // `Microsoft.X/a/NAME`
        Some(Value::String(scope)) if scope.contains('/') && !scope.starts_with(['/', '[']) => {
            let (kinds, names) = halves(&scope);
            place(&group, &kinds, &names)
        }
        _ => match parent {
            // a role assignment or setting nested in what it is about
            Some((above, of)) if kind.split('/').next() != above.split('/').next() => place(&group, above, of),
            _ => group,
        },
    };
    Some(place(&scope, &kind, &name))
}

/// `NAMESPACE/TYPE/NAME/TYPE/NAME` as types and names.
fn halves(scope: &str) -> (String, String) {
    let (namespace, rest) = scope.split_once('/').unwrap_or((scope, ""));
    let parts: Vec<&str> = rest.split('/').collect();
    let every = |skip: usize| parts.iter().skip(skip).step_by(2).copied().collect::<Vec<_>>().join("/");
    (format!("{namespace}/{}", every(0)), every(1))
}

/// An id of types and names below a scope: `A.B/c/d` and `x/y` give `SCOPE/providers/A.B/c/x/d/y`.
pub(super) fn place(scope: &str, kind: &str, name: &str) -> String {
    // `A.B/c/providers/roleAssignments` named `x/Microsoft.Authorization/y`
    if let Some((above, extension)) = kind.split_once("/providers/") {
        let levels = above.matches('/').count();
        let parts: Vec<&str> = name.split('/').collect();
        if let Some((of, [namespace, rest @ ..])) = parts.split_at_checked(levels) {
            let scope = place(scope, above, &of.join("/"));
            return place(&scope, &format!("{namespace}/{extension}"), &rest.join("/"));
        }
    }
    let (namespace, kinds) = kind.split_once('/').unwrap_or((kind, ""));
    let kinds: Vec<&str> = kinds.split('/').collect();
    let names: Vec<&str> = name.split('/').filter(|name| !name.is_empty()).collect();
    let mut id = format!("{scope}/providers/{namespace}");
    let missing = kinds.len().saturating_sub(names.len());
    let padded = std::iter::repeat_n(UNKNOWN, missing).chain(names.iter().copied());
    for (n, (kind, name)) in kinds.iter().zip(padded).enumerate() {
        id.push_str(&format!("/{kind}/{name}"));
        // names that have more parts than the type has levels
        if n + 1 == kinds.len() {
            names.iter().skip(kinds.len()).for_each(|more| id.push_str(&format!("-{more}")));
        }
    }
    id
}
