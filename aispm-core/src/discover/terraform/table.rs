//! What the built-in table says of resource types.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use super::resource::texts;
use crate::asset::{AssetKind, Document, RelationKind, same};

/// The table, loaded once.
pub(super) fn table() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        // checked by a test; an empty one would only lose kinds
        Document::config("terraform.yaml", TEXT).unwrap_or_default()
    });
    &TABLE
}

pub(super) const TEXT: &str = include_str!("../../../data/discover/terraform.yaml");

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    /// Values that hold a resource's name, first found.
    pub(super) names: Vec<String>,
    /// Values by which others name a resource.
    pub(super) handles: Vec<String>,
    /// Values that a setting adds to the resource it is set on.
    pub(super) settings: HashSet<String>,
    /// Values that hold the key that data is encrypted with, wherever they stand.
    pub(super) keys: HashSet<String>,
    /// Values that are secret.
    pub(super) secrets: Vec<String>,
    /// Values that say that the internet reaches a resource, or does not.
    pub(super) public: Vec<Flag>,
    /// Values that say that data is encrypted where it lies.
    pub(super) at_rest: Vec<Flag>,
    /// Values that say that data is encrypted on its way.
    pub(super) in_transit: Vec<Flag>,
    /// Types that take a customer's key.
    pub(super) keyed: HashSet<String>,
    /// Values that say that callers may use a static key.
    pub(super) key_login: Vec<Flag>,
    /// Words of roles, and what those who hold them do.
    pub(super) role_words: Vec<(String, RelationKind)>,
    pub(super) types: HashMap<String, ResourceType>,
}

/// A value and what it means.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Flag {
    /// Where it stands.
    value: String,
    /// What it is when the answer is yes.
    yes: Value,
    /// What it is when the answer is no; anything else, where this is not said.
    #[serde(default)]
    no: Option<Value>,
}

impl Flag {
    /// The answer of these values, if they have one; `Some(None)` where it is open.
    pub(super) fn of(&self, values: &serde_json::Map<String, Value>) -> Option<Option<bool>> {
        let found = super::resource::values(values, &self.value);
        let (_, value) = found.into_iter().find(|(_, value)| !value.is_null())?;
        let open = value.as_str().is_some_and(|text| text.contains("${"));
        match &self.no {
            _ if open => Some(None),
            _ if same(value, &self.yes) => Some(Some(true)),
            Some(no) => same(value, no).then_some(Some(false)),
            None => Some(Some(false)),
        }
    }

    pub(super) fn key(&self) -> &str {
        &self.value
    }
}

/// What the table says of a resource type.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResourceType {
    pub(super) kind: AssetKind,
    #[serde(default)]
    pub(super) ai: bool,
    #[serde(default)]
    pub(super) arn: Option<String>,
    #[serde(default)]
    pub(super) gcp: Option<String>,
    #[serde(default)]
    pub(super) azure: Option<String>,
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) runs_as: Vec<String>,
    #[serde(default)]
    pub(super) profile: Vec<String>,
    #[serde(default)]
    pub(super) links: BTreeMap<RelationKind, Vec<String>>,
    #[serde(default)]
    pub(super) back: BTreeMap<RelationKind, Vec<String>>,
    #[serde(default)]
    pub(super) models: BTreeMap<RelationKind, Vec<String>>,
    #[serde(default)]
    pub(super) images: Vec<String>,
    #[serde(default)]
    pub(super) into: Option<String>,
    /// Whether it is reached from the internet where nothing is said.
    #[serde(default)]
    pub(super) public: Option<bool>,
    /// Whether callers may use a static key where nothing is said.
    #[serde(default)]
    pub(super) key_login: Option<bool>,
}

/// Fills `{path}`, `{path|other}` and `{path|=text}` of a template; `None` where a value is not there or not known.
pub(super) fn fill(template: &str, value: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (keys, tail) = after.split_once('}')?;
        let mut all = keys.split('|');
        let found = all.find_map(|key| match key.strip_prefix('=') {
            Some(text) => Some(text.to_owned()),
            None => value(key).filter(|value| !value.is_empty()),
        })?;
        if found.contains(['{', '}']) {
            return None;
        }
        filled.push_str(before);
        filled.push_str(&found);
        rest = tail;
    }
    filled.push_str(rest);
    Some(filled)
}

/// The first string at a path.
pub(super) fn first(values: &serde_json::Map<String, Value>, path: &str) -> Option<String> {
    texts(values, path).first().map(|(_, text)| (*text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_loads() {
        let table: Table = Document::config("terraform.yaml", TEXT).unwrap();
        assert_eq!(table.types["aws_sagemaker_endpoint"].kind, AssetKind::Endpoint);
        assert!(table.types["aws_sagemaker_endpoint"].ai && !table.types["aws_s3_bucket"].ai);
    }

    #[test]
    fn templates() {
        let value = |key: &str| (key == "a").then(|| "1".to_owned());
        assert_eq!(fill("x/{a}/{b|a}/{b|=z}", value).as_deref(), Some("x/1/1/z"));
        assert_eq!(fill("x/{b}", value), None);
    }
}
