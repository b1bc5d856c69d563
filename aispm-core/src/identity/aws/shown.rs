//! What an estate shows of the thing that a request is about, where conditions ask for more than its ARN.

use std::borrow::Cow;

use serde_json::Value;

use super::principal::Principal;
use super::request::Known;
use crate::asset::Asset;

/// The user, role or resource that a request is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shown<'a> {
    /// A user or role of the estate.
    Principal(&'a Principal),
    /// Another asset.
    Asset(&'a Asset),
    /// A user or role made by the request itself, which the attacker wants unbounded.
    Unbounded,
}

impl<'a> Shown<'a> {
    /// The value of a key in lower case; `None` where this says nothing of it.
    pub(super) fn value(&self, key: &str) -> Option<Known<'a>> {
        if key == "iam:permissionsboundary" {
            return match self {
                Self::Principal(principal) => Some(principal.boundary_arn.as_deref().map_or(Known::Absent, is)),
                Self::Unbounded => Some(Known::Absent),
                Self::Asset(_) => None,
            };
        }
        let (_, name) = key.split_once("resourcetag/")?;
        match self {
            Self::Principal(principal) => Some(principal.tag(name).map_or(Known::Absent, is)),
            Self::Asset(asset) => tag(asset, name),
            Self::Unbounded => None,
        }
    }
}

/// Whether the thing that a request is about has to be known to decide this key, given in lower case.
pub(super) fn is_about_resource(key: &str) -> bool {
    key.starts_with("aws:resource")
        || matches!(key, "s3:resourceaccount" | "iam:permissionsboundary")
        || key.contains(":resourcetag/")
}

fn is(text: &str) -> Known<'_> {
    Known::Is(Cow::Borrowed(text))
}

/// A tag of a resource; `None` where its tags are not shown at all.
fn tag<'a>(asset: &'a Asset, name: &str) -> Option<Known<'a>> {
    let tags = ["tags_all", "tags", "Tags"].iter().find_map(|key| asset.properties.get(*key))?;
    let text = match tags {
        Value::Object(map) => map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).and_then(|(_, v)| v.as_str()),
        Value::Array(list) => list.iter().find_map(|tag| {
            let key = tag.get("Key").or_else(|| tag.get("key"))?.as_str()?;
            key.eq_ignore_ascii_case(name).then(|| tag.get("Value").or_else(|| tag.get("value"))?.as_str())?
        }),
        _ => return None,
    };
    Some(text.map_or(Known::Absent, is))
}
