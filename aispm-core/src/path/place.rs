//! From a place in the input, as evidence shows it, to what an inventory keeps of it.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use crate::asset::{Asset, Evidence, pointer_key};
use crate::identity::aws::decoded;

/// A place in the input: `path#pointer`, `path:line` or `path:line#pointer`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Place {
    /// The file.
    pub path: String,
    /// Line from 1.
    pub line: Option<u64>,
    /// JSON pointer; empty for all of the document.
    pub pointer: String,
}

/// A place by file, line and segments.
type Order<'p> = (&'p str, Option<u64>, Vec<(Option<u64>, &'p str)>);

impl Place {
    /// Where a piece of evidence lies.
    #[must_use]
    pub fn of(evidence: &Evidence) -> Self {
        let (line, pointer) = (evidence.line, evidence.pointer.clone().unwrap_or_default());
        Self { path: evidence.path.to_string(), line, pointer }
    }

    /// Reads what [`Display`](fmt::Display) writes; `None` for text that names neither line nor pointer.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (file, pointer) = match text.find("#/") {
            Some(at) => (text.get(..at)?, text.get(at + 1..)?),
            None => (text, ""),
        };
        let line = file.rsplit_once(':').and_then(|(path, line)| Some((path, line.parse::<u64>().ok()?)));
        let (path, line) = line.map_or((file, None), |(path, line)| (path, Some(line)));
        let known = (line.is_some() || !pointer.is_empty()) && !path.is_empty();
        known.then(|| Self { path: path.to_owned(), line, pointer: pointer.to_owned() })
    }

    /// Segments, numbers as such: places sorted by them backwards can be removed one after the other.
    pub(super) fn order(&self) -> Order<'_> {
        let segments = self.pointer.split('/').map(|segment| (segment.parse().ok(), segment)).collect();
        (&self.path, self.line, segments)
    }

    /// Takes away what an asset keeps of this place; whether there was anything.
    pub(super) fn remove(&self, asset: &mut Asset) -> bool {
        for (root, rest) in self.roots(asset) {
            let Some((parent, last)) = rest.rsplit_once('/') else { continue };
            let top = Value::Object(std::mem::take(&mut asset.properties));
            let mut top = top;
            let removed = walk(&mut top, &format!("{root}{parent}")).is_some_and(|parent| take(parent, last));
            if let Value::Object(properties) = top {
                asset.properties = properties;
            }
            if removed {
                return true;
            }
        }
        false
    }

    /// Puts these statements where one stands; whether there was one.
    #[cfg(test)]
    pub(super) fn put(&self, asset: &mut Asset, statements: &[Value]) -> bool {
        let mut top = Value::Object(asset.properties.clone());
        let put = self.roots(asset).into_iter().any(|(root, rest)| {
            let (parent, last) = rest.rsplit_once('/').unwrap();
            match walk(&mut top, &format!("{root}{parent}")) {
                Some(Value::Object(map)) if last == "Statement" => map.insert(last.into(), statements.into()).is_some(),
                Some(Value::Array(list)) if last.parse::<usize>().is_ok_and(|i| i < list.len()) => {
                    let i = last.parse::<usize>().unwrap();
                    list.splice(i..=i, statements.iter().cloned());
                    true
                }
                _ => false,
            }
        });
        if let (true, Value::Object(properties)) = (put, top) {
            asset.properties = properties;
        }
        put
    }

    /// What an asset keeps of this place.
    pub(super) fn value(&self, asset: &Asset) -> Option<Value> {
        self.roots(asset).into_iter().find_map(|(root, rest)| look(&asset.properties, &format!("{root}{rest}")))
    }

    /// Whether the asset was seen here and nowhere else.
    pub(super) fn is_all_of(&self, asset: &Asset) -> bool {
        !asset.evidence.is_empty() && asset.evidence.iter().all(|evidence| Self::of(evidence) == *self)
    }

    /// The places of an asset that this one may lie below: each as a pointer into the asset's properties, with what is
    /// left of ours. Documents that were read from elsewhere say where; they come first.
    fn roots(&self, asset: &Asset) -> Vec<(String, String)> {
        let mut roots = Vec::new();
        let base = asset.evidence.first().filter(|evidence| *evidence.path == *self.path);
        if base.is_some_and(|evidence| evidence.line == self.line) {
            for (own, root) in documents(asset) {
                roots.extend(below(own, &self.pointer).map(|rest| (root, rest.to_owned())));
            }
        }
        // a policy of Google Cloud, which may stand in a file of its own
        let policy = asset.properties.get("iam_policy_at").and_then(|at| Evidence::deserialize(at).ok());
        if let Some(at) = policy.filter(|at| *at.path == *self.path && at.line == self.line) {
            let rest = below(at.pointer.as_deref().unwrap_or_default(), &self.pointer);
            roots.extend(rest.map(|rest| ("/iam_policy".to_owned(), rest.to_owned())));
        }
        for (own, root) in kept(asset, self) {
            roots.extend(below(own, &self.pointer).map(|rest| (root, rest.to_owned())));
        }
        let here = asset.evidence.iter().filter(|evidence| *evidence.path == *self.path && evidence.line == self.line);
        let own = here.filter_map(|evidence| below(evidence.pointer.as_deref().unwrap_or_default(), &self.pointer));
        roots.extend(own.map(|rest| (String::new(), rest.to_owned())));
        roots
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if self.pointer.is_empty() { Ok(()) } else { write!(f, "#{}", self.pointer) }
    }
}

/// Policy documents that say where they were read: their pointers in the file and in the asset's properties.
fn documents(asset: &Asset) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let lists = [
        ("UserPolicyList", "PolicyDocument"),
        ("RolePolicyList", "PolicyDocument"),
        ("GroupPolicyList", "PolicyDocument"),
        ("PolicyVersionList", "Document"),
    ];
    for (list, document) in lists {
        let entries = asset.properties.get(list).and_then(Value::as_array).into_iter().flatten().enumerate();
        let pointed = entries.filter_map(|(i, entry)| Some((i, entry.get("Pointer")?.as_str()?)));
        found.extend(pointed.map(|(i, pointer)| (pointer, format!("/{list}/{i}/{document}"))));
    }
    for (key, document) in [("AssumeRolePolicyPointer", "AssumeRolePolicyDocument"), ("policy_pointer", "policy")] {
        let kept = if asset.properties.contains_key(document) { document } else { "Policy" };
        found.extend(asset.text(key).map(|pointer| (pointer, format!("/{kept}"))));
    }
    found
}

/// Properties whose places are kept beside them: `iam_policy` with `iam_policy_at`.
fn kept<'a>(asset: &'a Asset, place: &Place) -> Vec<(&'a str, String)> {
    let places = asset.properties.iter().filter_map(|(key, at)| {
        let own = key.strip_suffix("_at").filter(|own| asset.properties.contains_key(*own))?;
        let text = |key: &str| at.get(key).and_then(Value::as_str);
        let line = at.get("line").and_then(Value::as_u64);
        let here = text("path") == Some(place.path.as_str()) && line == place.line;
        here.then(|| (text("pointer").unwrap_or_default(), format!("/{}", pointer_key(own))))
    });
    places.collect()
}

/// What is left of `pointer` below `root`.
fn below<'p>(root: &str, pointer: &'p str) -> Option<&'p str> {
    pointer.strip_prefix(root).filter(|rest| rest.starts_with('/'))
}

/// Goes down a pointer; documents that are kept as text are opened on the way and stay open.
fn walk<'v>(value: &'v mut Value, pointer: &str) -> Option<&'v mut Value> {
    let mut here = value;
    for segment in pointer.split('/').skip(1) {
        open(here);
        here = match here {
            Value::Object(map) => map.get_mut(key(segment).as_ref())?,
            Value::Array(list) => list.get_mut(segment.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    open(here);
    Some(here)
}

fn look(properties: &serde_json::Map<String, Value>, pointer: &str) -> Option<Value> {
    let (first, rest) = pointer.strip_prefix('/')?.split_once('/').unwrap_or((pointer.strip_prefix('/')?, ""));
    let mut here = Cow::Borrowed(properties.get(key(first).as_ref())?);
    for segment in rest.split('/').filter(|segment| !segment.is_empty()) {
        if here.is_string() {
            here = Cow::Owned(decoded(&here)?.into_owned());
        }
        let next = match here.as_ref() {
            Value::Object(map) => map.get(key(segment).as_ref())?,
            Value::Array(list) => list.get(segment.parse::<usize>().ok()?)?,
            _ => return None,
        };
        here = Cow::Owned(next.clone());
    }
    Some(here.into_owned())
}

fn open(value: &mut Value) {
    if value.is_string()
        && let Some(Cow::Owned(document)) = decoded(value)
    {
        *value = document;
    }
}

fn take(parent: &mut Value, last: &str) -> bool {
    match parent {
        // a document without any statement is still a policy
        Value::Object(map) if last == "Statement" => map.insert(last.to_owned(), Value::Array(Vec::new())).is_some(),
        Value::Object(map) => map.remove(key(last).as_ref()).is_some(),
        Value::Array(list) => match last.parse::<usize>() {
            Ok(i) if i < list.len() => {
                list.remove(i);
                true
            }
            _ => false,
        },
        _ => false,
    }
}

/// A pointer's segment as the key it stands for.
fn key(segment: &str) -> Cow<'_, str> {
    if segment.contains('~') { Cow::Owned(segment.replace("~1", "/").replace("~0", "~")) } else { segment.into() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::asset::AssetKind;

    #[test]
    fn places_come_back_as_they_were_written() {
        for text in ["a.json#/x/0", "a.tf:12", "a.tf:12#/x/0", "C:/a b.json#/x~1y"] {
            assert_eq!(Place::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Place::parse("arn:aws:s3:::b"), None);
        assert_eq!(Place::parse("internet exposes x"), None);
    }

    #[test]
    fn a_statement_is_found_below_its_asset_in_text_and_where_it_was_read_from() {
        let document = json!({"Statement": [{"Sid": "a"}, {"Sid": "b"}]});
        let policies = json!([
            {"PolicyDocument": document},
            {"PolicyDocument": document.to_string()},
            {"PolicyDocument": document, "Pointer": "/resources/7/policy"},
        ]);
        let seen = Evidence::file("e.json").pointer("/roles/0");
        let mut asset = Asset::new("r", AssetKind::Role, "r").with("RolePolicyList", policies).seen(seen);
        let places = [
            "e.json#/roles/0/RolePolicyList/0/PolicyDocument/Statement/1",
            "e.json#/roles/0/RolePolicyList/1/PolicyDocument/Statement/1",
            "e.json#/resources/7/policy/Statement/1",
        ];
        for place in places.map(|text| Place::parse(text).unwrap()) {
            assert_eq!(place.value(&asset).unwrap(), json!({"Sid": "b"}));
            assert!(place.remove(&mut asset), "{place}");
            assert!(!place.remove(&mut asset) && place.value(&asset).is_none());
        }
        let left = asset.properties["RolePolicyList"].as_array().unwrap();
        assert!(left.iter().all(|entry| entry["PolicyDocument"] == json!({"Statement": [{"Sid": "a"}]})));
        assert!(!Place::parse("other.json#/roles/0/Arn").unwrap().remove(&mut asset));
    }
}
