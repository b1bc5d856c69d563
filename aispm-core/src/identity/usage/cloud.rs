//! The same for Google Cloud and Azure, as far as relations tell: access to an AI asset that a role gives and that audit
//! logs of its project or subscription do not show used.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Usage, Used, Window};
use crate::asset::{AssetKind, Inventory, Relation, RelationKind};

/// What access to an asset comes to.
const ACCESS: [RelationKind; 4] =
    [RelationKind::Invokes, RelationKind::Reads, RelationKind::RetrievesFrom, RelationKind::Writes];

/// Compares access with use. O(relations).
pub(super) fn of(inventory: &Inventory) -> Vec<Usage> {
    let about_ai = |relation: &&Relation| {
        ACCESS.contains(&relation.kind) && inventory.get(relation.to.as_str()).is_some_and(|asset| asset.ai)
    };
    // the time over which logs of a place show this kind of access
    let mut logged: HashMap<(String, RelationKind), Window> = HashMap::new();
    for relation in inventory.relations().filter(about_ai) {
        let (Some(activity), Some(place)) = (&relation.activity, place(relation.to.as_str())) else { continue };
        let window = logged.entry((place, relation.kind)).or_default();
        window.sources.insert("audit-log".to_owned());
        let earlier = |a: &String, b: &String| a.min(b).clone();
        window.from = match (&window.from, &activity.first) {
            (Some(a), Some(b)) => Some(earlier(a, b)),
            (a, b) => a.clone().or_else(|| b.clone()),
        };
        window.until = window.until.take().max(activity.last.clone());
    }
    if logged.is_empty() {
        return Vec::new();
    }
    let identity = |kind: AssetKind| matches!(kind, AssetKind::User | AssetKind::ServiceAccount);
    let holders = inventory.assets().filter(|asset| identity(asset.kind) && !asset.id.as_str().starts_with("arn:"));
    let usages = holders.filter_map(|asset| {
        let mut used: BTreeMap<RelationKind, Used> = BTreeMap::new();
        let (mut unused, mut unknown, mut observed) = (Vec::new(), Vec::new(), None::<Window>);
        for relation in inventory.outgoing(asset.id.as_str()).filter(about_ai) {
            let Some(place) = place(relation.to.as_str()) else { continue };
            let window = logged.get(&(place, relation.kind));
            match (&relation.activity, window) {
                (Some(activity), _) => {
                    let none = || Used { action: relation.kind.to_string(), count: 0, on: BTreeSet::new() };
                    let entry = used.entry(relation.kind).or_insert_with(none);
                    entry.count = entry.count.saturating_add(activity.count);
                    entry.on.insert(relation.to.clone());
                }
                (None, Some(_)) => unused.push(format!("{} {}", relation.kind, relation.to)),
                (None, None) => unknown.push(format!("{} {}", relation.kind, relation.to)),
            }
            if let Some(window) = window {
                // what holds for all that was watched is the shortest of the times
                observed = Some(match observed {
                    Some(known) => Window { from: known.from.max(window.from.clone()), ..known },
                    None => window.clone(),
                });
            }
        }
        let observed = observed.filter(|_| !unused.is_empty() || !used.is_empty())?;
        let used = used.into_values().collect();
        Some(Usage { identity: asset.id.clone(), observed, used, unused, unknown, narrowed: Vec::new() })
    });
    usages.collect()
}

/// The project or subscription of a resource, which has logs of its own.
fn place(id: &str) -> Option<String> {
    if let Some((_, rest)) = id.strip_prefix("//").and_then(|rest| rest.split_once("/projects/")) {
        return Some(format!("projects/{}", rest.split('/').next()?));
    }
    let rest = id.strip_prefix("/subscriptions/")?;
    Some(format!("/subscriptions/{}", rest.split('/').next()?.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::Asset;

    const ONE: &str = "//aiplatform.googleapis.com/projects/acme/locations/eu/endpoints/1";
    const TWO: &str = "//aiplatform.googleapis.com/projects/acme/locations/eu/endpoints/2";
    const OTHER: &str = "//aiplatform.googleapis.com/projects/other/locations/eu/endpoints/3";
    const APP: &str = "serviceAccount:app@acme.iam.gserviceaccount.com";

    fn inventory(used: &[(RelationKind, &str)]) -> Inventory {
        let mut inventory = Inventory::new();
        inventory.add(Asset::new(APP, AssetKind::ServiceAccount, "app"));
        for id in [ONE, TWO, OTHER] {
            inventory.add(Asset::new(id, AssetKind::Endpoint, id).ai());
            inventory.relate(Relation::new(APP, RelationKind::Invokes, id));
        }
        for (kind, id) in used {
            inventory.relate(Relation::new(APP, *kind, *id).happened(Some("2026-01-01T00:00:00Z")));
        }
        inventory
    }

    #[test]
    fn only_what_logs_of_the_project_would_show_is_unused() {
        assert_eq!(of(&inventory(&[])), [], "no logs");
        let found = of(&inventory(&[(RelationKind::Invokes, ONE)]));
        assert_eq!(found[0].used[0].on.iter().map(|id| id.as_str()).collect::<Vec<_>>(), [ONE]);
        assert_eq!(found[0].unused, [format!("invokes {TWO}")]);
        assert_eq!(found[0].unknown, [format!("invokes {OTHER}")]);
        // logs of changes say nothing of calls
        let found = of(&inventory(&[(RelationKind::Writes, ONE)]));
        assert_eq!((found[0].unused.len(), found[0].unknown.len()), (0, 3));
    }
}
