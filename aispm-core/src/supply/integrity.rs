//! Whether things are still what somebody approved, signed or recorded: their digests beside those expected.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::asset::{Asset, AssetId, AssetKind, Inventory, hex};

/// What makes a tool what it is to the model that calls it.
const DEFINITION: [&str; 6] = ["title", "description", "instructions", "input_schema", "output_schema", "annotations"];

/// Notes on tools and their servers the digest of what they say of themselves, and on whatever an `expected_digest` was
/// declared or recorded of, the `digest` that was seen. Linear in the inventory.
pub(crate) fn note(inventory: &mut Inventory) {
    for asset in inventory.assets_mut() {
        let digest = match asset.kind {
            AssetKind::Tool | AssetKind::McpServer | AssetKind::PromptTemplate => definition(asset),
            _ if asset.properties.contains_key("expected_digest") => content(asset),
            _ => None,
        };
        if let Some(digest) = digest {
            asset.properties.insert("digest".to_owned(), digest.into());
        }
    }
}

/// Expects of tools what an earlier inventory saw of them, where nothing else was declared.
pub(crate) fn recall(earlier: &Inventory, inventory: &mut Inventory) {
    let seen: Vec<(AssetId, Value)> = earlier
        .assets()
        .filter(|asset| matches!(asset.kind, AssetKind::Tool | AssetKind::McpServer | AssetKind::PromptTemplate))
        .filter_map(|asset| Some((asset.id.clone(), asset.properties.get("digest")?.clone())))
        .collect();
    for (id, digest) in seen {
        if let Some(asset) = inventory.get_mut(id.as_str()) {
            asset.properties.entry("expected_digest").or_insert(digest);
        }
    }
}

/// SHA-256 over the name and what describes the tool, as JSON with sorted keys.
fn definition(asset: &Asset) -> Option<String> {
    let mut parts: Map<String, Value> =
        DEFINITION.iter().filter_map(|key| Some(((*key).to_owned(), asset.properties.get(*key)?.clone()))).collect();
    if parts.is_empty() {
        return None;
    }
    parts.insert("name".to_owned(), asset.name.as_str().into());
    let mut text = String::new();
    canonical(&Value::Object(parts), &mut text);
    Some(format!("sha256:{}", hex(Sha256::digest(text.as_bytes()).as_slice())))
}

/// JSON without spaces, keys in order, whatever order the maps keep. As deep as documents may be.
fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (i, (key, value)) in entries.into_iter().enumerate() {
                // writing to a String cannot fail
                let _ = write!(text, "{}{}:", if i > 0 { "," } else { "" }, Value::from(key.as_str()));
                canonical(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                canonical(item, text);
            }
            text.push(']');
        }
        plain => _ = write!(text, "{plain}"),
    }
}

/// The SHA-256 of a file or image, as far as it was seen.
fn content(asset: &Asset) -> Option<String> {
    let own = asset.provenance.digests.get("sha256").map(|hex| format!("sha256:{hex}"));
    own.or_else(|| asset.provenance.revision.clone().filter(|revision| revision.starts_with("sha256:")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tool(description: &str, schema: Value) -> Inventory {
        let mut inventory = Inventory::new();
        let tool = Asset::new("t", AssetKind::Tool, "t").with("description", description).with("input_schema", schema);
        inventory.add(tool.with("capability", "http"));
        note(&mut inventory);
        inventory
    }

    fn digests(inventory: &Inventory) -> (Option<&str>, Option<&str>) {
        let asset = inventory.get("t").unwrap();
        (asset.text("digest"), asset.text("expected_digest"))
    }

    #[test]
    fn a_tool_is_what_it_says() {
        let before = tool("adds", json!({"a": 1, "b": [true, null]}));
        let mut same = tool("adds", json!({"b": [true, null], "a": 1}));
        let mut other = tool("adds, and reads ~/.ssh", json!({"a": 1, "b": [true, null]}));
        for now in [&mut same, &mut other] {
            recall(&before, now);
        }
        let (digest, expected) = digests(&same);
        assert!(digest.is_some() && digest == expected);
        let (digest, expected) = digests(&other);
        assert!(digest != expected && expected == digests(&before).0);
    }

    #[test]
    fn what_was_expected_is_compared_with_what_is_there() {
        let mut inventory = Inventory::new();
        let mut file = Asset::new("f", AssetKind::ModelFile, "f").with("expected_digest", "sha256:aa");
        file.provenance.digests.insert("sha256".into(), "bb".into());
        inventory.add(file);
        let mut image = Asset::new("i", AssetKind::ContainerImage, "i").with("expected_digest", "sha256:aa");
        image.provenance.revision = Some("sha256:cc".into());
        inventory.add(image);
        inventory.add(Asset::new("m", AssetKind::Model, "m").with("expected_digest", "sha256:aa"));
        inventory.add(Asset::new("t", AssetKind::Tool, "t"));
        note(&mut inventory);
        let digest = |id: &str| inventory.get(id).unwrap().text("digest");
        assert_eq!(
            [digest("f"), digest("i"), digest("m"), digest("t")],
            [Some("sha256:bb"), Some("sha256:cc"), None, None]
        );
    }
}
