//! `terraform.tfstate`, version 4: the file that Terraform itself keeps.

use std::borrow::Cow;

use serde_json::Value;

use super::estate::Estate;
use super::resource::Resource;
use crate::asset::Document;
use crate::discover::Found;
use crate::discover::format::Structured;

pub(super) const STATE: Structured = Structured {
    name: "terraform-state",
    critical: true,
    in_parts: false,
    markers: &["terraform_version", "\"instances\"", "\"lineage\""],
    matches: |value| {
        value.get("version").is_some_and(Value::is_u64)
            && value.get("terraform_version").is_some()
            && value.get("resources").is_some_and(Value::is_array)
    },
    read,
};

fn read(document: &Document, found: &mut Found) {
    let all = document.value.get("resources").and_then(Value::as_array);
    let instances: Vec<(String, &Value, &Value, String)> = all
        .into_iter()
        .flatten()
        .enumerate()
        .flat_map(|(i, entry)| {
            let instances = entry.get("instances").and_then(Value::as_array).into_iter().flatten().enumerate();
            instances.filter_map(move |(j, instance)| {
                Some((address(entry, instance)?, entry, instance, format!("/resources/{i}/instances/{j}")))
            })
        })
        .collect();
    let resources = instances.iter().filter_map(|(address, entry, instance, pointer)| {
        let kind = entry.get("type").and_then(Value::as_str)?;
        let values = instance.get("attributes").and_then(Value::as_object)?;
        let mut resource = Resource::new(kind, address, values, document.evidence(pointer), "/attributes");
        resource.id = format!("file:{}#{address}", document.path());
        resource.data = entry.get("mode").and_then(Value::as_str) == Some("data");
        resource.sensitive = Cow::Owned(marks(instance));
        Some(resource)
    });
    super::read(Estate::default().with(resources.collect()), found);
}

/// The values that the state marks as secret, by their first key.
fn marks(instance: &Value) -> Value {
    let paths = instance.get("sensitive_attributes").and_then(Value::as_array).into_iter().flatten();
    let keys = paths.filter_map(|path| path.pointer("/0/value").and_then(Value::as_str));
    Value::Object(keys.map(|key| (key.to_owned(), Value::Bool(true))).collect())
}

/// The address that `terraform show` would give an instance.
fn address(entry: &Value, instance: &Value) -> Option<String> {
    let text = |key| entry.get(key).and_then(Value::as_str);
    let module = text("module").map(|module| format!("{module}.")).unwrap_or_default();
    let data = if text("mode") == Some("data") { "data." } else { "" };
    let index = match instance.get("index_key") {
        Some(key) if !key.is_null() => format!("[{key}]"),
        _ => String::new(),
    };
    Some(format!("{module}{data}{}.{}{index}", text("type")?, text("name")?))
}
