//! What tags, labels and annotations say everywhere alike: the owner, the environment, the purpose, the class of the
//! data.

use super::data_class::{classes, is_class_key, tagged};
use crate::asset::{Asset, Evidence, OwnerClaim, OwnerSource};

const OWNERS: &[&str] = &[
    "owner",
    "team",
    "ownedby",
    "owneremail",
    "ownerteam",
    "serviceowner",
    "dataowner",
    "technicalowner",
    "businessowner",
    "costowner",
    "managedbyteam",
    "mlflowuser",
];

/// Takes over what a tag says; whether it is one of those that say something. Of the same key in any spelling only
/// letters and digits count, and of `example.com/owner` only what stands after the slash.
pub(super) fn label(asset: &mut Asset, key: &str, value: &str, source: OwnerSource, evidence: &Evidence) -> bool {
    let value = value.trim();
    // what a template leaves open says nothing
    if value.is_empty() || value.contains("${") || value.contains("{{") {
        return false;
    }
    let name = key.rsplit('/').next().unwrap_or(key);
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    match name.as_str() {
        name if OWNERS.contains(&name) => asset.claim(OwnerClaim::new(source, value, evidence.clone())),
        // of several the first one counts
        "env" | "environment" | "stage" => drop(asset.environment.get_or_insert_with(|| value.to_owned())),
        "purpose" | "usecase" => drop(asset.purpose.get_or_insert_with(|| value.to_owned())),
        _ if is_class_key(key) => match value.to_ascii_lowercase().as_str() {
            "true" | "yes" => asset.data_classes.extend(classes(&name).map(str::to_owned)),
            "false" | "no" | "none" => {}
            _ => asset
                .data_classes
                .extend(value.split([',', ';', '+', '/', ' ']).filter(|c| !c.is_empty()).flat_map(tagged)),
        },
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::AssetKind;

    #[test]
    fn tags_in_any_spelling() {
        let mut asset = Asset::new("b", AssetKind::Bucket, "b");
        for (key, value) in [
            ("Team", "search"),
            ("app.example.com/data-classification", "PII, customer"),
            ("Environment", "prod"),
            ("env", "dev"),
            ("use_case", "answers"),
            ("owner", "${var.owner}"),
            ("colour", "blue"),
        ] {
            label(&mut asset, key, value, OwnerSource::Tag, &Evidence::file("f"));
        }
        assert_eq!((asset.owner.as_deref(), asset.environment.as_deref()), (Some("search"), Some("prod")));
        assert_eq!(asset.data_classes.iter().collect::<Vec<_>>(), ["customer", "personal"]);
        assert_eq!(asset.purpose.as_deref(), Some("answers"));
    }
}
