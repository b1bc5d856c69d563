//! What would be left of the paths if something were not so.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::model::{AttackPath, Query, Solution};
use super::place::Place;
use crate::asset::{AssetId, Authentication, Exposure, Inventory, Relation, RelationKind};

/// One thing that is taken away. As text, what [`Display`](fmt::Display) writes and [`Change::parse`] reads:
///
/// | text | takes away |
/// |---|---|
/// | `iam.json#/RoleDetailList/0/…/Statement/1` | what stands there: a statement, an attachment, an asset |
/// | `main.tf:12` | the asset or the relation that stands there |
/// | `internet exposes k8s://c/ns/Service/x` | that relation; of a group, the membership |
/// | `exposure k8s://c/ns/Service/x` | every way from the internet to it |
/// | `anonymous k8s://c/ns/Service/x` | that callers need no proof of who they are |
/// | `asset arn:aws:iam::111122223333:role/x` | the asset with its relations |
/// | `setting k8s://c/ns/Pod/x privileged` | that property of the asset |
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Change {
    /// What stands at a place.
    Place(Place),
    /// A relation, or a membership.
    Relation {
        /// Where it starts.
        from: AssetId,
        /// What it says.
        kind: RelationKind,
        /// Where it ends.
        to: AssetId,
    },
    /// Every relation from the internet to an asset.
    Exposure(AssetId),
    /// That an asset asks callers for nothing: it asks for their identity then.
    Anonymous(AssetId),
    /// An asset and its relations.
    Asset(AssetId),
    /// A property of an asset.
    Setting {
        /// The asset.
        asset: AssetId,
        /// The property's name.
        property: String,
    },
}

impl Change {
    /// Reads a change; `None` for text that is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        match text.split_once(' ') {
            Some(("exposure", id)) => return Some(Self::Exposure(id.into())),
            Some(("anonymous", id)) => return Some(Self::Anonymous(id.into())),
            Some(("asset", id)) => return Some(Self::Asset(id.into())),
            Some(("setting", rest)) => {
                let (asset, property) = rest.rsplit_once(' ')?;
                return Some(Self::Setting { asset: asset.into(), property: property.to_owned() });
            }
            _ => {}
        }
        let related = RelationKind::ALL.iter().find_map(|kind| {
            let (from, to) = text.split_once(&format!(" {kind} "))?;
            Some(Self::Relation { from: from.into(), kind: *kind, to: to.into() })
        });
        related.or_else(|| Place::parse(text).map(Self::Place))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place(place) => place.fmt(f),
            Self::Relation { from, kind, to } => write!(f, "{from} {kind} {to}"),
            Self::Exposure(id) => write!(f, "exposure {id}"),
            Self::Anonymous(id) => write!(f, "anonymous {id}"),
            Self::Asset(id) => write!(f, "asset {id}"),
            Self::Setting { asset, property } => write!(f, "setting {asset} {property}"),
        }
    }
}

/// What is left, and what is gone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct WhatIf {
    /// What the solver finds after the changes; its warnings name changes that met nothing.
    pub solution: Solution,
    /// Paths of before that no longer exist.
    pub gone: Vec<AttackPath>,
}

/// Asks the same question of the estate as it is and as it would be after these changes. The inventory stays as it is.
/// O(inventory · changes), and twice the solver.
#[must_use]
pub fn what_if(inventory: &Inventory, query: &Query, changes: &[Change]) -> WhatIf {
    let before = super::solve(inventory, query);
    let (changed, unmet) = without(inventory, changes);
    let mut solution = super::solve(&changed, query);
    solution.warnings.extend(unmet.iter().map(|change| format!("nothing to take away: {change}")));
    let gone = before.paths.into_iter().filter(|path| solution.paths.iter().all(|left| left.id != path.id)).collect();
    WhatIf { solution, gone }
}

/// A copy of the inventory without what the changes take away, and the changes that met nothing.
#[must_use]
pub fn without<'c>(inventory: &Inventory, changes: &'c [Change]) -> (Inventory, Vec<&'c Change>) {
    let mut met = vec![false; changes.len()];
    let mut assets: Vec<_> = inventory.assets().cloned().collect();
    let mut relations: Vec<Relation> = inventory.relations().cloned().collect();
    let mut order: Vec<(&Change, &mut bool)> = changes.iter().zip(&mut met).collect();
    // later elements of a list first, so that the places of the others stay true
    order.sort_by(|(a, _), (b, _)| match (a, b) {
        (Change::Place(a), Change::Place(b)) => b.order().cmp(&a.order()),
        _ => a.cmp(b),
    });
    for (change, met) in order {
        let (all, ends) = (assets.len(), relations.len());
        match change {
            Change::Place(place) => {
                let inside = assets.iter_mut().map(|asset| place.remove(asset)).filter(|found| *found).count() > 0;
                if !inside {
                    // what was seen nowhere else goes with it
                    let only = |id: &AssetId| inventory.get(id.as_str()).is_some_and(|asset| place.is_all_of(asset));
                    relations.retain(|relation| !relation.evidence.iter().any(|seen| Place::of(seen) == *place));
                    assets.retain(|asset| !only(&asset.id));
                    if assets.len() < all {
                        relations.retain(|relation| !only(&relation.from) && !only(&relation.to));
                    }
                }
                *met |= inside;
            }
            Change::Relation { from, kind, to } => {
                relations.retain(|r| (&r.from, r.kind, &r.to) != (from, *kind, to));
                let member = assets.iter_mut().find(|asset| *kind == RelationKind::MemberOf && asset.id == *from);
                let groups = member.and_then(|asset| asset.properties.get_mut("GroupList")?.as_array_mut());
                if let Some(groups) = groups {
                    let name = to.as_str().rsplit(['/', ':']).next().unwrap_or_default();
                    let before = groups.len();
                    groups.retain(|group| group.as_str().map(|g| g.rsplit('/').next().unwrap_or(g)) != Some(name));
                    *met |= groups.len() < before;
                }
                // a policy that no longer applies is attached no more
                let holder = assets.iter_mut().find(|asset| *kind == RelationKind::AppliesTo && asset.id == *to);
                let attached = holder.and_then(|a| a.properties.get_mut("AttachedManagedPolicies")?.as_array_mut());
                if let Some(attached) = attached {
                    let arn = |entry: &Value| entry.get("PolicyArn").and_then(Value::as_str).map(str::to_owned);
                    attached.retain(|entry| arn(entry).as_deref() != Some(from.as_str()));
                }
                let binding = assets.iter_mut().find(|asset| *kind == RelationKind::AppliesTo && asset.id == *from);
                let subjects = binding.and_then(|asset| {
                    let home = asset.text("namespace").unwrap_or_default().to_owned();
                    Some((asset.properties.get_mut("subjects")?.as_array_mut()?, home))
                });
                if let Some((subjects, home)) = subjects {
                    subjects.retain(|subject| !is_subject(subject, &home, to.as_str()));
                }
                // what the public could do by another tool's word ends with the last way there
                if from.as_str() == AssetId::INTERNET {
                    let open = relations.iter().any(|r| r.from == *from && r.to == *to);
                    assets.iter_mut().filter(|asset| asset.id == *to && !open).for_each(close);
                }
            }
            Change::Exposure(id) => {
                relations.retain(|r| r.from.as_str() != AssetId::INTERNET || r.to != *id);
                for asset in assets.iter_mut().filter(|asset| asset.id == *id) {
                    *met |= matches!(asset.exposure, Some(Exposure::Public | Exposure::Restricted));
                    close(asset);
                }
            }
            Change::Anonymous(id) => {
                for asset in assets.iter_mut().filter(|asset| asset.id == *id) {
                    *met |= asset.authentication != Some(Authentication::Identity);
                    asset.authentication = Some(Authentication::Identity);
                }
            }
            Change::Setting { asset: id, property } => {
                for asset in assets.iter_mut().filter(|asset| asset.id == *id) {
                    *met |= asset.properties.remove(property).is_some();
                }
            }
            Change::Asset(id) => {
                assets.retain(|asset| asset.id != *id);
                relations.retain(|relation| relation.from != *id && relation.to != *id);
            }
        }
        *met |= assets.len() < all || relations.len() < ends;
    }
    let mut left = Inventory::new();
    assets.into_iter().for_each(|asset| left.add(asset));
    relations.into_iter().for_each(|relation| left.relate(relation));
    let unmet = changes.iter().zip(met).filter(|(_, met)| !met).map(|(change, _)| change).collect();
    (left, unmet)
}

/// Whether a binding's subject is this asset: `k8s://CLUSTER/NAMESPACE/KIND/NAME`.
fn is_subject(subject: &Value, home: &str, id: &str) -> bool {
    let text = |key: &str| subject.get(key).and_then(Value::as_str);
    let (Some(kind), Some(name)) = (text("kind"), text("name")) else { return false };
    let namespace = if kind == "ServiceAccount" { text("namespace").unwrap_or(home) } else { "-" };
    id.starts_with("k8s://") && id.ends_with(&format!("/{namespace}/{kind}/{name}"))
}

fn close(asset: &mut crate::asset::Asset) {
    asset.exposure = asset.exposure.map(|exposure| exposure.min(Exposure::Internal));
    if asset.properties.get("public_access").is_some_and(Value::is_string) {
        asset.properties.remove("public_access");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::{Asset, AssetKind, Evidence};

    #[test]
    fn changes_come_back_as_they_were_written() {
        let texts = [
            "iam.json#/RoleDetailList/0/RolePolicyList/0",
            "internet exposes k8s://c/ns/Service/x",
            "arn:aws:iam::1:user/a b member_of arn:aws:iam::1:group/g",
            "exposure e",
            "anonymous e",
            "asset e",
            "main.tf:12",
            "setting k8s://c/ns/Pod/x privileged",
        ];
        for text in texts {
            assert_eq!(Change::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Change::parse("nonsense"), None);
    }

    #[test]
    fn places_of_one_list_go_together_and_what_is_not_there_is_told() {
        let seen = Evidence::file("a.json").pointer("/0");
        let mut inventory = Inventory::new();
        let list = serde_json::json!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        inventory.add(Asset::new("a", AssetKind::Resource, "a").with("list", list).seen(seen));
        let changes = ["a.json#/0/list/2", "a.json#/0/list/10", "a.json#/0/list/9", "asset b"];
        let changes = changes.map(|text| Change::parse(text).unwrap());
        let (left, unmet) = without(&inventory, &changes);
        assert_eq!(left.get("a").unwrap().properties["list"], serde_json::json!([0, 1, 3, 4, 5, 6, 7, 8]));
        assert_eq!(unmet, [&changes[3]]);
        assert_eq!(inventory.get("a").unwrap().properties["list"].as_array().unwrap().len(), 11);
    }
}
