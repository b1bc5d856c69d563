//! Carries traffic inwards along `exposes`: from what the internet reaches to what stands behind it.

use std::collections::{BTreeMap, HashSet};

use super::kubernetes::Walls;
use super::verdict::{Answer, Verdict};
use super::{Verdicts, evidence_of};
use crate::asset::{Asset, AssetId, AssetKind, Authentication, Exposure, Inventory, RelationKind};

/// Longest chain of gateway, route, ingress and Service before a workload.
const HOPS: usize = 6;

/// Carries exposure inwards and AI and authentication outwards along `exposes`; gives what the internet reaches, by
/// whatever way. O(hops · relations · policies of each).
///
/// Endpoints keep the exposure of their own; what stands behind them takes the widest that no login stops. An
/// endpoint without a login of its own is as protected as the weakest AI asset behind it.
pub(super) fn carry(inventory: &mut Inventory, verdicts: &Verdicts) -> BTreeMap<AssetId, Verdict> {
    let mut edges: Vec<(AssetId, AssetId)> = Vec::new();
    let mut entries: HashSet<AssetId> = HashSet::new();
    for relation in inventory.relations().filter(|r| r.kind == RelationKind::Exposes) {
        if relation.from.as_str() == AssetId::INTERNET {
            entries.insert(relation.to.clone());
        } else {
            edges.push((relation.from.clone(), relation.to.clone()));
        }
    }
    let guarded = |asset: &Asset| {
        asset.kind == AssetKind::Endpoint && asset.authentication.is_some_and(|a| a != Authentication::None)
    };
    let guards: BTreeMap<AssetId, bool> = edges
        .iter()
        .filter_map(|(from, _)| inventory.get(from.as_str()))
        .map(|asset| (asset.id.clone(), guarded(asset)))
        .collect();
    let walls = Walls::of(inventory);
    let mut own: BTreeMap<AssetId, Verdict> = verdicts.own.clone();
    for asset in inventory.assets() {
        if let Some(verdict) = by_itself(inventory, asset, &entries) {
            own.entry(asset.id.clone()).or_insert(verdict);
        }
    }
    let mut through: BTreeMap<AssetId, Verdict> = BTreeMap::new();
    let mut arriving: BTreeMap<AssetId, Exposure> = BTreeMap::new();
    for _ in 0..HOPS {
        let mut changed = false;
        for (from, to) in &edges {
            let (Some(source), Some(target)) = (inventory.get(from.as_str()), inventory.get(to.as_str())) else {
                continue;
            };
            let between = verdicts.walls.get(&(from.clone(), to.clone()));
            let wall = |direct: bool| {
                let policies = walls.between(inventory, source, target, direct);
                match (policies, between) {
                    (Some(one), Some(other)) => Some(one.and(other.clone())),
                    (one, other) => one.or_else(|| other.cloned()),
                }
            };
            let (direct, forwarded) = (wall(true), wall(false));
            let past = |way: Option<&Verdict>, wall: &Option<Verdict>| {
                let way = way?.clone();
                Some(wall.iter().cloned().fold(way, Verdict::and))
            };
            let ways = [past(own.get(from), &direct), past(through.get(from), &forwarded)];
            if let Some(way) = ways.into_iter().flatten().reduce(Verdict::or) {
                let known = through.get(to);
                let better = known.is_none_or(|known| {
                    (way.answer, way.restricted) > (known.answer, known.restricted)
                        || way.answer == known.answer && way.conditions.len() < known.conditions.len()
                });
                if better {
                    through.insert(to.clone(), way);
                    changed = true;
                }
            }
            let (mine, arrived) = (source.exposure, arriving.get(from).copied());
            let least = |exposure: Option<Exposure>, wall: &Option<Verdict>| {
                exposure.map(|exposure| wall.as_ref().map_or(exposure, |wall| exposure.min(width(wall))))
            };
            let open = least(mine, &direct).max(least(arrived, &forwarded));
            let (ai, Some(exposure)) = (target.ai, open) else { continue };
            let passed = if guards.get(from) == Some(&true) { exposure.min(Exposure::Internal) } else { exposure };
            let outwards = ai && !source.ai && source.kind == AssetKind::Endpoint;
            if arriving.get(to).is_none_or(|known| *known < passed) {
                arriving.insert(to.clone(), passed);
                changed = true;
            }
            if outwards {
                changed = true;
                if let Some(source) = inventory.get_mut(from.as_str()) {
                    source.ai = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
    for (id, exposure) in arriving {
        if let Some(asset) = inventory.get_mut(id.as_str()).filter(|asset| asset.kind != AssetKind::Endpoint) {
            asset.exposure = asset.exposure.max(Some(exposure));
        }
    }
    prove(inventory, &edges, &guards);
    for (id, way) in through {
        let verdict = match own.remove(&id) {
            Some(known) => known.or(way),
            None => way,
        };
        own.insert(id, verdict);
    }
    own
}

/// How far what passes a wall has come. What may pass counts as open, as before anything is known.
fn width(wall: &Verdict) -> Exposure {
    match wall.answer {
        Answer::No => Exposure::Internal,
        Answer::Conditional if wall.restricted => Exposure::Restricted,
        _ => Exposure::Public,
    }
}

/// Whether the internet reaches an asset as its own description says.
fn by_itself(inventory: &Inventory, asset: &Asset, entries: &HashSet<AssetId>) -> Option<Verdict> {
    if !entries.contains(&asset.id) {
        // what only stands behind something is where that lets traffic through
        let mut before = inventory.incoming(asset.id.as_str()).filter(|r| r.kind == RelationKind::Exposes);
        if asset.kind != AssetKind::Endpoint && before.next().is_some() {
            return None;
        }
        let place = if asset.exposure == Some(Exposure::Local) { "its own machine" } else { "its own network" };
        let says = format!("{} is reached only from {place}", asset.name);
        return asset.exposure.filter(|e| *e < Exposure::Restricted).map(|_| Verdict::no(says, evidence_of(asset)));
    }
    let mut into = inventory.incoming(asset.id.as_str());
    let relation = into.find(|r| r.kind == RelationKind::Exposes && r.from.as_str() == AssetId::INTERNET);
    let evidence = relation.and_then(|relation| relation.evidence.first().cloned()).or_else(|| evidence_of(asset));
    let says = format!("{} is open to the internet", asset.name);
    Some(match asset.exposure {
        Some(Exposure::Restricted) => {
            let condition = format!("the caller's address is among those that {} lets in", asset.name);
            let limited = Verdict::only_if(condition, format!("{} lets in only some addresses", asset.name), evidence);
            Verdict { restricted: true, ..limited }
        }
        _ => Verdict::yes(says, evidence),
    })
}

/// Carries authentication outwards.
fn prove(inventory: &mut Inventory, edges: &[(AssetId, AssetId)], guards: &BTreeMap<AssetId, bool>) {
    for _ in 0..HOPS {
        for (from, to) in edges {
            let behind = inventory.get(to.as_str()).filter(|a| a.ai).and_then(|a| a.authentication);
            let Some(source) = inventory.get_mut(from.as_str()).filter(|a| a.kind == AssetKind::Endpoint) else {
                continue;
            };
            if guards.get(from) != Some(&true) {
                source.authentication = match (source.authentication, behind) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
            }
        }
    }
    for (from, _) in edges {
        if let Some(source) = inventory.get_mut(from.as_str()).filter(|a| a.ai && a.exposure > Some(Exposure::Internal))
        {
            source.authentication.get_or_insert(Authentication::None);
        }
    }
}
