//! What changed between two inventories.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Asset, AssetId, Inventory, Relation};

/// Additions, removals and changes from an old inventory to a new one, each list in id order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct InventoryDiff {
    /// Assets only in the new one.
    pub added: Vec<Asset>,
    /// Assets only in the old one.
    pub removed: Vec<Asset>,
    /// Assets in both whose description differs, evidence aside.
    pub changed: Vec<Change>,
    /// Relations only in the new one.
    pub relations_added: Vec<Relation>,
    /// Relations only in the old one.
    pub relations_removed: Vec<Relation>,
}

/// One asset that differs, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Change {
    /// The asset.
    pub id: AssetId,
    /// What differs, by field.
    pub fields: Vec<FieldChange>,
}

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct FieldChange {
    /// A top-level JSON field or `properties.KEY`.
    pub field: String,
    /// Its old value; `null` where there was none.
    pub old: Value,
    /// Its new value; `null` where there is none.
    pub new: Value,
}

impl Inventory {
    /// What changed from this inventory to a newer one: see [`InventoryDiff::between`].
    #[must_use]
    pub fn diff(&self, newer: &Self) -> InventoryDiff {
        InventoryDiff::between(self, newer)
    }
}

impl InventoryDiff {
    /// Compares two inventories by asset id and by relation; evidence does not count, so that moved lines are no
    /// change. O(n log n).
    #[must_use]
    pub fn between(old: &Inventory, new: &Inventory) -> Self {
        let mut diff = Self::default();
        for asset in new.assets() {
            match old.get(asset.id.as_str()) {
                None => diff.added.push(asset.clone()),
                Some(before) => {
                    let fields = differing_fields(before, asset);
                    if !fields.is_empty() {
                        diff.changed.push(Change { id: asset.id.clone(), fields });
                    }
                }
            }
        }
        diff.removed.extend(old.assets().filter(|a| new.get(a.id.as_str()).is_none()).cloned());
        diff.relations_added = missing_relations(new, old);
        diff.relations_removed = missing_relations(old, new);
        diff
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Relations of `here` that `there` lacks.
fn missing_relations(here: &Inventory, there: &Inventory) -> Vec<Relation> {
    let known = there.relations().map(key).collect::<BTreeSet<_>>();
    here.relations().filter(|relation| !known.contains(&key(relation))).cloned().collect()
}

fn key(relation: &Relation) -> (&str, super::RelationKind, &str) {
    (relation.from.as_str(), relation.kind, relation.to.as_str())
}

fn differing_fields(old: &Asset, new: &Asset) -> Vec<FieldChange> {
    // most assets are the same, evidence included
    if old == new {
        return Vec::new();
    }
    let (mut old, mut new) = (fields(old), fields(new));
    let names: BTreeSet<String> =
        old.keys().chain(new.keys()).filter(|k| old.get(*k) != new.get(*k)).cloned().collect();
    let change = |field: String| {
        let (old, new) = (old.remove(&field).unwrap_or_default(), new.remove(&field).unwrap_or_default());
        FieldChange { field, old, new }
    };
    names.into_iter().map(change).collect()
}

/// What counts of an asset, by field: all but where it was seen.
fn fields(asset: &Asset) -> Map<String, Value> {
    let Ok(Value::Object(mut map)) = serde_json::to_value(asset) else { return Map::new() };
    map.remove("evidence");
    if let Some(Value::Object(properties)) = map.remove("properties") {
        map.extend(properties.into_iter().map(|(key, value)| (format!("properties.{key}"), value)));
    }
    for list in ["owner_claims", "external_findings"] {
        for entry in map.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            entry.as_object_mut().map(|entry| entry.remove("evidence"));
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::{AssetKind, Evidence, Exposure};

    #[test]
    fn sees_what_changed_but_not_moved_evidence() {
        let mut old = Inventory::new();
        old.add(Asset::new("same", AssetKind::Model, "same").seen(Evidence::file("a").line(1)));
        old.add(Asset::new("gone", AssetKind::Model, "gone"));
        old.add(Asset::new("wider", AssetKind::Endpoint, "wider").with("port", 80));
        let mut new = Inventory::new();
        new.add(Asset::new("same", AssetKind::Model, "same").seen(Evidence::file("a").line(7)));
        new.add(Asset::new("fresh", AssetKind::Model, "fresh"));
        let mut wider = Asset::new("wider", AssetKind::Endpoint, "wider").with("port", 8080);
        wider.exposure = Some(Exposure::Public);
        new.add(wider);
        let diff = InventoryDiff::between(&old, &new);
        assert_eq!(diff.added.iter().map(|a| a.id.as_str()).collect::<Vec<_>>(), ["fresh"]);
        assert_eq!(diff.removed.iter().map(|a| a.id.as_str()).collect::<Vec<_>>(), ["gone"]);
        assert_eq!(diff.changed.len(), 1);
        let change = |field: &str, old: Value, new: Value| FieldChange { field: field.to_owned(), old, new };
        let fields =
            [change("exposure", Value::Null, "public".into()), change("properties.port", 80.into(), 8080.into())];
        assert_eq!(diff.changed[0].fields, fields);
        assert!(InventoryDiff::between(&new, &new).is_empty());
    }
}
