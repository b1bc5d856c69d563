//! Cloud Asset Inventory: exports, lists, searches and feeds, one asset a row, in either spelling of the keys.

use serde_json::Value;

use super::field::{either, either_text};
use super::resource::{self, Resource};
use super::{iam_policy, manifest, name, table};
use crate::asset::{Asset, Document, RelationKind};
use crate::discover::{Found, Structured};

/// `gcloud asset list|export|search-all-resources`, and rows of the export to BigQuery.
pub(super) const ASSET: Structured = Structured {
    name: "gcp-asset-inventory",
    critical: true,
    in_parts: false,
    markers: &["\"//", ".googleapis.com/"],
    matches: is_asset,
    read: |document, found| read(document, &document.value, "", found),
};

/// What a feed publishes when an asset changes.
pub(super) const FEED: Structured = Structured {
    name: "gcp-asset-feed",
    critical: true,
    in_parts: false,
    markers: &["\"//", ".googleapis.com/", "\"window\""],
    matches: |value| {
        value.get("asset").is_some_and(is_asset) && (value.get("window").is_some() || value.get("deleted").is_some())
    },
    read: read_feed,
};

fn is_asset(value: &Value) -> bool {
    let full = |name: &str| name.starts_with("//") && name.contains(".googleapis.com/");
    either_text(value, "assetType", "asset_type").is_some()
        && value.get("name").and_then(Value::as_str).is_some_and(full)
}

fn read_feed(document: &Document, found: &mut Found) {
    let deleted = document.value.get("deleted").is_some_and(|deleted| deleted == true);
    if let Some(asset) = document.value.get("asset").filter(|_| !deleted) {
        read(document, asset, "/asset", found);
    }
}

fn read(document: &Document, row: &Value, pointer: &str, found: &mut Found) {
    let (Some(full), Some(asset_type)) =
        (row.get("name").and_then(Value::as_str), either_text(row, "assetType", "asset_type"))
    else {
        return;
    };
    let Some(id) = name::id(full, table::service(asset_type)) else { return };
    let body = body(document, row, pointer);
    if let Body::Value(data, place) = &body {
        let version = row.pointer("/resource/version").and_then(Value::as_str);
        if manifest::read(asset_type, &id, version, data, document, place, found) {
            return;
        }
    }
    let mut asset = match body {
        // a body that is kept as text has a document of its own
        Body::Text(inner) => {
            Resource { id, asset_type, data: &inner.value, document: &inner, pointer: "", whole: true }.read(found)
        }
        Body::Value(data, place) => {
            Resource { id, asset_type, data, document, pointer: &place, whole: true }.read(found)
        }
        Body::None => {
            let empty = Value::Null;
            let (data, whole) = if is_search(row) { (row, false) } else { (&empty, false) };
            Resource { id, asset_type, data, document, pointer, whole }.read(found)
        }
    };
    asset.evidence = vec![document.evidence(pointer)];
    asset = asset.alias(full);
    for key in ["state", "location", "createTime", "updateTime", "orgPolicy", "org_policy"] {
        if let Some(value) = row.get(key) {
            asset.properties.entry(key).or_insert_with(|| value.clone());
        }
    }
    if let Some((key, policy)) = either(row, "iamPolicy", "iam_policy").filter(|(_, policy)| policy.is_object()) {
        iam_policy::grant(document, &format!("{pointer}/{key}"), policy, &mut asset, found);
    }
    place(document, row, pointer, &asset, found);
    found.inventory.add(asset);
}

enum Body<'a> {
    Text(Document),
    Value(&'a Value, String),
    None,
}

/// The body of a row: an object, text in the export to BigQuery, or a version among search results.
fn body<'a>(document: &Document, row: &'a Value, pointer: &str) -> Body<'a> {
    let at = |path: &str| row.pointer(path).map(|value| (value, format!("{pointer}{path}")));
    let versioned = |key: &str| at(&format!("/{key}/0/resource"));
    let found =
        at("/resource/data").or_else(|| versioned("versionedResources")).or_else(|| versioned("versioned_resources"));
    match found {
        Some((Value::String(text), place)) => match serde_json::from_str(text) {
            Ok(value) => Body::Text(document.inside(&place, value)),
            Err(_) => Body::None,
        },
        Some((data @ Value::Object(_), place)) => Body::Value(data, place),
        _ => Body::None,
    }
}

/// A result of `search-all-resources`, which has fields of its own in place of a body.
fn is_search(row: &Value) -> bool {
    ["displayName", "display_name", "additionalAttributes", "additional_attributes", "labels"]
        .iter()
        .any(|key| row.get(*key).is_some())
}

/// The organisation, folders and project above it.
fn place(document: &Document, row: &Value, pointer: &str, asset: &Asset, found: &mut Found) {
    let ancestors: Vec<(usize, String)> = row
        .get("ancestors")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
        .filter_map(|(i, text)| Some((i, name::id(text.as_str()?, "cloudresourcemanager.googleapis.com")?)))
        .collect();
    for pair in ancestors.windows(2) {
        let [(i, below), (_, above)] = pair else { continue };
        let evidence = document.evidence(&format!("{pointer}/ancestors/{i}"));
        found.relate(above, RelationKind::Contains, below, &evidence);
        for id in [above, below] {
            if found.inventory.get(id).is_none() {
                found.inventory.add(resource::stub(id).seen(evidence.clone()));
            }
        }
    }
    same_project(document, pointer, asset.id.as_str(), &ancestors, found);
    // a name without a project: its parent, or the lowest of what is above
    let id = asset.id.as_str();
    if name::project_of(id).is_some() && !id.starts_with("//cloudresourcemanager") {
        return;
    }
    let parent = row
        .pointer("/resource/parent")
        .map(|parent| (parent, "/resource/parent"))
        .or_else(|| {
            either(row, "parentFullResourceName", "parent_full_resource_name").map(|(_, parent)| (parent, "/name"))
        })
        .and_then(|(parent, at)| Some((name::id(parent.as_str()?, "cloudresourcemanager.googleapis.com")?, at)));
    let lowest = || {
        ancestors
            .iter()
            .map(|(_, above)| above)
            .find(|above| above.as_str() != id)
            .map(|above| (above.clone(), "/ancestors"))
    };
    if let Some((above, at)) = parent.or_else(lowest).filter(|(above, _)| above != id) {
        let evidence = document.evidence(&format!("{pointer}{at}"));
        found.relate(&above, RelationKind::Contains, id, &evidence);
        if found.inventory.get(&above).is_none() {
            found.inventory.add(resource::stub(&above).seen(evidence));
        }
    }
}

/// A row names its project by id, and by number among what is above it.
fn same_project(document: &Document, pointer: &str, id: &str, ancestors: &[(usize, String)], found: &mut Found) {
    let (Some(project), Some((i, above))) = (name::project_of(id), ancestors.first()) else { return };
    let Some(other) = name::project_of(above) else { return };
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if number(project) || !number(other) {
        return;
    }
    let project = name::project(project);
    if found.inventory.get(&project).is_some_and(|known| known.aliases.contains(above.as_str())) {
        return;
    }
    let evidence = document.evidence(&format!("{pointer}/ancestors/{i}"));
    found.inventory.add(resource::stub(&project).alias(above).seen(evidence));
}
