//! The table of log formats: which a row is of, and where it keeps what.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use crate::asset::Document;

/// The built-in table.
pub(super) fn tables() -> &'static Tables {
    static TABLES: LazyLock<Tables> = LazyLock::new(|| Document::config("traffic.yaml", TRAFFIC).unwrap_or_default());
    &TABLES
}

const TRAFFIC: &str = include_str!("../../../data/discover/traffic.yaml");

/// See `traffic.yaml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tables {
    pub(super) paths: Vec<String>,
    pub(super) blocked: HashSet<String>,
    pub(super) network: Shapes,
    pub(super) calls: Shapes,
    pub(super) columns: BTreeMap<Role, Vec<String>>,
}

/// One format of rows.
#[derive(Debug, Deserialize)]
pub(in crate::discover) struct Shape {
    pub(in crate::discover) name: String,
    keys: Vec<String>,
    #[serde(default)]
    is: BTreeMap<String, Vec<String>>,
    /// The product whose apps and data the rows are about.
    #[serde(default)]
    pub(in crate::discover) product: String,
    /// Whether rows only count that are about AI.
    #[serde(default)]
    pub(in crate::discover) ai_only: bool,
    #[serde(flatten)]
    fields: BTreeMap<Role, Vec<String>>,
}

/// What a field tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::discover) enum Role {
    Time,
    Ip,
    User,
    Device,
    Process,
    Instance,
    Account,
    Region,
    Cluster,
    Namespace,
    Pod,
    Host,
    Url,
    Path,
    /// The first line of an HTTP request.
    Request,
    Method,
    Address,
    Port,
    ToNamespace,
    ToService,
    Action,
    Provider,
    Model,
    AnsweredBy,
    App,
    Key,
    InputTokens,
    OutputTokens,
    UserAgent,
    /// A status, level or message that tells whether a call failed.
    Error,
    /// How long a call took.
    Millis,
    AppId,
    AppAlias,
    AppName,
    Homepage,
    Publisher,
    Scopes,
    Consent,
    Org,
}

/// Formats in the order of the table, found by the keys of a row: a row has few, the table has many.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "Vec<Shape>")]
pub(in crate::discover) struct Shapes {
    all: Vec<Shape>,
    /// By the first step of each shape's first key.
    by_key: HashMap<String, Vec<usize>>,
}

impl From<Vec<Shape>> for Shapes {
    fn from(all: Vec<Shape>) -> Self {
        let mut by_key: HashMap<String, Vec<usize>> = HashMap::new();
        for (i, shape) in all.iter().enumerate() {
            let key = shape.keys.first().map(String::as_str).unwrap_or_default();
            // a key with dots is written as it is, or is a path
            by_key.entry(key.to_owned()).or_default().push(i);
            if let Some((head, _)) = key.split_once('.') {
                by_key.entry(head.to_owned()).or_default().push(i);
            }
        }
        Self { all, by_key }
    }
}

impl Shapes {
    /// The first shape that a row is of.
    pub(in crate::discover) fn of(&self, row: &Value) -> Option<&Shape> {
        let keys = row.as_object()?.keys();
        let candidates = keys.filter_map(|key| self.by_key.get(key)).flatten();
        let known = candidates.filter(|at| self.all.get(**at).is_some_and(|shape| shape.matches(row)));
        self.all.get(*known.min()?)
    }

    #[cfg(test)]
    pub(in crate::discover) fn iter(&self) -> impl Iterator<Item = &Shape> {
        self.all.iter()
    }
}

impl Shape {
    fn matches(&self, row: &Value) -> bool {
        let is = |(key, values): (&String, &Vec<String>)| {
            at(row, key).and_then(Value::as_str).is_some_and(|text| values.iter().any(|value| value == text))
        };
        self.keys.iter().all(|key| at(row, key).is_some()) && self.is.iter().all(is)
    }

    /// The field of this role, if it says anything.
    pub(in crate::discover) fn value<'a>(&self, row: &'a Value, role: Role) -> Option<&'a Value> {
        let said = |value: &&Value| match value {
            Value::String(text) => !matches!(text.as_str(), "" | "-" | "None" | "null" | "N/A"),
            Value::Null => false,
            _ => true,
        };
        self.fields.get(&role)?.iter().find_map(|key| at(row, key).filter(said))
    }

    /// The text of this role; `:text` in the table stands for itself.
    pub(in crate::discover) fn text<'a>(&'a self, row: &'a Value, role: Role) -> Option<&'a str> {
        let fixed = || {
            self.fields
                .get(&role)?
                .first()?
                .strip_prefix(':')
                .filter(|_| matches!(role, Role::Provider | Role::AppName))
        };
        self.value(row, role).and_then(Value::as_str).or_else(fixed)
    }

    /// The text of this role, also where it is written as a number.
    pub(in crate::discover) fn written(&self, row: &Value, role: Role) -> Option<String> {
        match self.value(row, role)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// The number of this role, also where it is written as text.
    pub(in crate::discover) fn number(&self, row: &Value, role: Role) -> Option<u64> {
        match self.value(row, role)? {
            Value::String(text) => text.parse().ok(),
            value => value.as_u64(),
        }
    }
}

/// The value at a key as written, or at a path with dots.
pub(super) fn at<'a>(row: &'a Value, key: &str) -> Option<&'a Value> {
    if let Some(value) = row.get(key) {
        return Some(value);
    }
    let (mut value, mut rest) = (row, key);
    loop {
        let (head, tail) = rest.split_once('.').map_or((rest, None), |(head, tail)| (head, Some(tail)));
        value = match value {
            Value::Array(list) => list.get(head.parse::<usize>().ok()?)?,
            value => value.get(head)?,
        };
        match tail {
            Some(tail) => rest = tail,
            None => return Some(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_loads() {
        let tables: Tables = Document::config("traffic.yaml", TRAFFIC).unwrap();
        for shape in tables.network.iter().chain(tables.calls.iter()) {
            assert!(shape.keys.len() > 1 || shape.keys.iter().any(|key| key.contains('.')), "{}", shape.name);
        }
    }

    #[test]
    fn keys_and_paths() {
        let row = serde_json::json!({"id.orig_h": 1, "a": {"b": [{"c": "x"}]}});
        assert_eq!(at(&row, "id.orig_h"), Some(&1.into()));
        assert_eq!(at(&row, "a.b.0.c"), Some(&"x".into()));
        assert_eq!(at(&row, "a.b.c"), None);
    }
}
