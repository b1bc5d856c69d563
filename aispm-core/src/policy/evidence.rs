//! Declared evidence as rules see it: what is in force for an asset.

use serde_json::{Map, Value};

use super::view::World;
use crate::asset::{AssetKind, Direction, Node, RelationKind, day};

/// Evidence in force for an asset: its own, and that of the systems that contain it. O(relations · evidence).
pub(super) fn in_force<'a>(world: &World<'a>, node: &'a Node) -> Vec<&'a Map<String, Value>> {
    let holders = world.inventory.relations_of(node, Direction::Incoming);
    let holders = holders.filter(|(relation, _)| relation.kind == RelationKind::Contains);
    let systems = holders.filter_map(|(_, holder)| holder.asset()).filter(|holder| holder.kind == AssetKind::System);
    let declared = node.asset().into_iter().chain(systems);
    let declared = declared.filter_map(|asset| asset.properties.get("declared_evidence")?.as_array());
    let ended = |entry: &Map<String, Value>| {
        let until = entry.get("expires").and_then(Value::as_str);
        matches!((until, world.today), (Some(until), Some(today)) if until < today)
    };
    declared.flatten().filter_map(Value::as_object).filter(|entry| !ended(entry)).collect()
}

/// Its type.
pub(super) fn kind(entry: &Map<String, Value>) -> Option<&str> {
    entry.get("type").and_then(Value::as_str)
}

/// Days from when it was made to today.
pub(super) fn age(entry: &Map<String, Value>, today: Option<&str>) -> Option<i64> {
    Some(day(today?)? - day(entry.get("date")?.as_str()?)?)
}
