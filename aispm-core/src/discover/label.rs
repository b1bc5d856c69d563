//! What tags and labels say everywhere alike: the owner, the environment, the class of the data.

use super::data_class::{is_class_key, tagged};
use crate::asset::{Asset, Evidence, OwnerClaim, OwnerSource};

/// Takes over what a tag says; whether it is one of those that say something.
pub(super) fn label(asset: &mut Asset, key: &str, value: &str, source: OwnerSource, evidence: &Evidence) -> bool {
    let value = value.trim();
    if value.is_empty() {
        return false;
    }
    match key.trim().to_ascii_lowercase().as_str() {
        "owner" | "team" => asset.claim(OwnerClaim::new(source, value, evidence.clone())),
        "env" | "environment" => asset.environment = Some(value.to_lowercase()),
        key if is_class_key(key) => asset.data_classes.extend(tagged(value)),
        _ => return false,
    }
    true
}
