//! One resource: its values and where each of them stands.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::{Map, Value};

use super::table::table;
use crate::asset::{Document, Evidence, flag, own_attributes};
use crate::discover::hcl::{Made, Place, Root};

/// Longest text kept of a value that is no policy.
const TEXT_LIMIT: usize = 4096;

/// What stands where a secret stood.
const HIDDEN: &str = "(sensitive)";

/// Texts that may hold anything.
const SCRIPTS: &[&str] = &[
    "container_definitions",
    "container_properties",
    "user_data",
    "user_data_base64",
    "custom_data",
    "metadata_startup_script",
    "startup_script",
];

/// One resource of a document or configuration.
#[derive(Debug)]
pub(super) struct Resource<'a> {
    pub(super) kind: &'a str,
    pub(super) address: &'a str,
    pub(super) values: Cow<'a, Map<String, Value>>,
    /// Values that the document marks as secret: `true` where one is.
    pub(super) sensitive: Cow<'a, Value>,
    pub(super) evidence: Evidence,
    spot: Spot<'a>,
    pub(super) id: String,
    /// Whether it is only looked up.
    pub(super) data: bool,
    /// Whether it comes from configuration, not from a state or plan.
    pub(super) written: bool,
}

/// Where its values stand.
#[derive(Debug)]
enum Spot<'a> {
    /// Below this pointer of the evidence.
    Below(&'static str),
    /// At lines or pointers of this file.
    Places(&'a str, &'a HashMap<String, Place>),
}

impl<'a> Resource<'a> {
    /// A resource of `terraform show -json`.
    pub(super) fn shown(document: &Document, entry: &'a Value, pointer: &str) -> Option<Self> {
        let text = |key| entry.get(key).and_then(Value::as_str);
        let (kind, address) = (text("type")?, text("address")?);
        let values = entry.get("values").and_then(Value::as_object)?;
        let mut resource = Self::new(kind, address, values, document.evidence(pointer), "/values");
        resource.data = text("mode") == Some("data");
        if let Some(marks) = entry.get("sensitive_values") {
            resource.sensitive = Cow::Borrowed(marks);
        }
        resource.id = format!("file:{}#{address}", document.path());
        Some(resource)
    }

    pub(super) fn new(
        kind: &'a str,
        address: &'a str,
        values: &'a Map<String, Value>,
        evidence: Evidence,
        below: &'static str,
    ) -> Self {
        Self {
            kind,
            address,
            values: Cow::Borrowed(values),
            sensitive: Cow::Owned(Value::Null),
            evidence: evidence.excerpt(address),
            spot: Spot::Below(below),
            id: String::new(),
            data: false,
            written: false,
        }
    }

    /// A resource of a configuration.
    pub(super) fn made(made: &'a Made, root: &Root) -> Self {
        let evidence = made.place.evidence(&made.path).excerpt(&made.address);
        let mut resource = Self::new(&made.kind, &made.address, &made.values, evidence, "");
        resource.spot = Spot::Places(&made.path, &made.places);
        resource.id = format!("file:{}#{}", made.root_path, made.address);
        resource.data = made.data;
        resource.written = true;
        let provider = made.kind.split('_').next().unwrap_or_default();
        if let Some(defaults) = root.default_tags.get(provider).filter(|_| !resource.data) {
            let key = if provider == "google" { "labels" } else { "tags" };
            let mut tags = defaults.clone();
            let own = made.values.get(key).and_then(Value::as_object).into_iter().flatten();
            tags.extend(own.map(|(key, value)| (key.clone(), value.clone())));
            resource.values.to_mut().insert(key.into(), tags.into());
        }
        resource
    }

    /// Evidence for a value, by pointer.
    pub(super) fn at(&self, pointer: &str) -> Evidence {
        match &self.spot {
            Spot::Below(base) => {
                let mut evidence = self.evidence.clone();
                if let Some(own) = &mut evidence.pointer {
                    own.push_str(base);
                    own.push_str(pointer);
                }
                evidence
            }
            Spot::Places(path, places) => {
                let mut pointer = pointer;
                loop {
                    if let Some(place) = places.get(pointer) {
                        return place.evidence(path).excerpt(self.address);
                    }
                    match pointer.rsplit_once('/') {
                        Some((above, _)) => pointer = above,
                        None => return self.evidence.clone(),
                    }
                }
            }
        }
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.values.get(key).and_then(flag)
    }

    /// The name that its configuration gives it.
    pub(super) fn name(&self) -> &'a str {
        self.address.split('[').next().and_then(|address| address.rsplit('.').next()).unwrap_or(self.address)
    }

    /// Its values without secrets and without long texts.
    pub(super) fn properties(&self) -> Map<String, Value> {
        let mut properties = (*self.values).clone();
        for (key, value) in &mut properties {
            hide(key, value, self.sensitive.get(key));
        }
        let stored = ["secret", "ssm_parameter", "password"].iter().any(|word| self.kind.contains(word));
        if stored && let Some(value) = properties.get_mut("value").filter(|value| is_literal(value)) {
            *value = HIDDEN.into();
        }
        own_attributes(properties)
    }
}

/// Takes secret and long texts out of a value; as deep as values are.
fn hide(key: &str, value: &mut Value, marks: Option<&Value>) {
    let of = |marks: Option<&Value>, own: Option<&Value>| own.or(marks.filter(|marks| marks.is_boolean())).cloned();
    match value {
        Value::String(text) => {
            if is_literal(&Value::from(text.as_str())) && (names_secret(key) || marks == Some(&Value::Bool(true))) {
                *value = HIDDEN.into();
            } else if SCRIPTS.contains(&key) || text.len() > TEXT_LIMIT && !key.contains("policy") {
                *value = short(key, text);
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter_mut().enumerate() {
                hide(key, item, of(marks, marks.and_then(|marks| marks.get(i))).as_ref());
            }
        }
        Value::Object(map) => {
            // a variable of a container
            if map.get("name").and_then(Value::as_str).is_some_and(names_secret)
                && let Some(value) = map.get_mut("value").filter(|value| is_literal(value))
            {
                *value = HIDDEN.into();
            }
            for (key, item) in map {
                hide(key, item, of(marks, marks.and_then(|marks| marks.get(key.as_str()))).as_ref());
            }
        }
        _ => {}
    }
}

/// Whether a value of this name is a secret.
fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    table().secrets.iter().any(|word| name.ends_with(word.as_str()))
}

/// A text that is neither empty nor a reference, which is no secret.
fn is_literal(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty() && !text.starts_with("${"))
}

/// What is kept of a long text: containers without their secrets, or the start of what is no script.
fn short(key: &str, text: &str) -> Value {
    if key.starts_with("container_")
        && let Ok(mut containers) = serde_json::from_str::<Value>(text)
    {
        hide(key, &mut containers, None);
        return containers.to_string().into();
    }
    if SCRIPTS.contains(&key) {
        return format!("(text of {} bytes)", text.len()).into();
    }
    let start: String = text.chars().take(TEXT_LIMIT / 4).collect();
    format!("{start}…").into()
}

/// The values at a dotted path with their pointers; blocks are lists of objects and each is followed.
pub(super) fn values<'v>(values: &'v Map<String, Value>, path: &str) -> Vec<(String, &'v Value)> {
    let mut parts = path.split('.');
    let first = parts.next().and_then(|key| Some((format!("/{key}"), values.get(key)?)));
    let mut level: Vec<(String, &Value)> = first.into_iter().collect();
    for key in parts {
        level = level
            .into_iter()
            .flat_map(spread)
            .filter_map(|(pointer, value)| Some((format!("{pointer}/{key}"), value.get(key)?)))
            .collect();
    }
    level
}

/// The strings at a dotted path, those of lists and sets among them.
pub(super) fn texts<'v>(of: &'v Map<String, Value>, path: &str) -> Vec<(String, &'v str)> {
    let all = values(of, path).into_iter().flat_map(spread);
    all.filter_map(|(pointer, value)| Some((pointer, value.as_str().filter(|text| !text.is_empty())?))).collect()
}

fn spread((pointer, value): (String, &Value)) -> Vec<(String, &Value)> {
    match value {
        Value::Array(items) => items.iter().enumerate().map(|(i, item)| (format!("{pointer}/{i}"), item)).collect(),
        value => vec![(pointer, value)],
    }
}
