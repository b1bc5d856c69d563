//! What only shows when all files are read: which pods a Service or policy selects, from where they are reached, and
//! which asset a log is about.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::format::Found;
use super::gcp;
use super::kubernetes::{self, internet};
use super::ownership;
use super::resolve::resolve;
use super::walk::folder_name;
use super::{Discovery, aws};
use crate::asset::{Asset, AssetId, AssetKind, Authentication, Evidence, Exposure, Inventory, Relation, RelationKind};

/// Longest chain of gateway, route, ingress and Service before a workload.
const HOPS: usize = 6;

/// Most folders above an address that are looked at.
const FOLDERS: usize = 64;

/// Adds the relations between files. O(n log n) in assets and relations, but for selectors, which are compared with
/// the workloads of their namespace.
pub(super) fn join(discovery: &mut Discovery) {
    let renamed = resolve(&mut discovery.inventory);
    for event in &mut discovery.events {
        if let Some(id) = renamed.get(&event.asset) {
            event.asset = id.clone();
        }
    }
    let mut found = Found::default();
    gcp::join(&mut discovery.inventory);
    select(&discovery.inventory, &mut found);
    kubernetes::settle(&discovery.inventory, &mut found);
    kubernetes::meet(&discovery.inventory, &mut found);
    routes(&mut discovery.inventory, &mut found);
    discovery.inventory.extend(found.inventory);
    kubernetes::guard(&mut discovery.inventory);
    reach(&mut discovery.inventory);
    made_from(&mut discovery.inventory);
    aws::join(&mut discovery.inventory);
    projects(&mut discovery.inventory);
    within(&mut discovery.inventory);
    ownership::claim(&mut discovery.inventory);
    name_events(discovery);
    discovery.inventory.inherit_classes();
}

/// Services expose, and network policies apply to, the pods that their selectors match.
fn select(inventory: &Inventory, found: &mut Found) {
    type Pods<'a> = Vec<(&'a Asset, &'a Map<String, Value>)>;
    let mut pods: HashMap<(&str, &str), Pods<'_>> = HashMap::new();
    for asset in inventory.assets() {
        if let (Some(place), Some(Value::Object(labels))) = (place(asset), asset.properties.get("pod_labels")) {
            pods.entry(place).or_default().push((asset, labels));
        }
    }
    for asset in inventory.assets() {
        let (selector, kind, everything) = match (asset.text("kubernetes_kind"), asset.kind) {
            (Some("Service" | "InferencePool"), AssetKind::Endpoint) => {
                (asset.properties.get("selector"), RelationKind::Exposes, false)
            }
            (Some("NetworkPolicy" | "AuthorizationPolicy" | "RequestAuthentication" | "PeerAuthentication"), _) => {
                let selector = asset.properties.get("podSelector");
                // expressions are not evaluated: better no policy than one taken to cover what it does not
                if selector.is_some_and(|s| s.get("matchExpressions").is_some()) {
                    continue;
                }
                let labels = selector.map(|s| s.get("matchLabels").unwrap_or(&Value::Null));
                (labels, RelationKind::AppliesTo, true)
            }
            _ => continue,
        };
        let empty = Map::new();
        let selector = selector.and_then(Value::as_object).unwrap_or(&empty);
        if selector.is_empty() && !everything {
            continue;
        }
        let Some(place) = place(asset) else { continue };
        for (pod, labels) in pods.get(&place).into_iter().flatten() {
            if selector.iter().all(|(key, value)| labels.get(key) == Some(value)) {
                found.relate(asset.id.as_str(), kind, pod.id.as_str(), &first_evidence(asset));
            }
        }
    }
}

/// Cluster and namespace.
fn place(asset: &Asset) -> Option<(&str, &str)> {
    Some((asset.text("cluster")?, asset.text("namespace")?))
}

fn first_evidence(asset: &Asset) -> Evidence {
    asset.evidence.first().cloned().unwrap_or_default()
}

/// A route is reached from where its gateways are; from anywhere when they are not among the files.
fn routes(inventory: &mut Inventory, found: &mut Found) {
    let mut exposures = Vec::new();
    for asset in inventory.assets() {
        let Some(gateways) = asset.properties.get("gateways").and_then(Value::as_array) else { continue };
        let of = |gateway: &Value| gateway.as_str().and_then(|id| inventory.get(id)?.exposure);
        let widest = gateways.iter().map(|gateway| of(gateway).unwrap_or(Exposure::Public)).max();
        exposures.push((asset.id.clone(), widest.unwrap_or(Exposure::Internal)));
    }
    for (id, exposure) in exposures {
        let Some(asset) = inventory.get_mut(id.as_str()) else { continue };
        asset.exposure = Some(exposure);
        if exposure > Exposure::Internal {
            internet(id.as_str(), &first_evidence(asset), found);
        }
    }
}

/// Carries exposure inwards and AI and authentication outwards along `exposes`.
///
/// Endpoints keep the exposure of their own; what stands behind them takes the widest that no login stops. An
/// endpoint without a login of its own is as protected as the weakest AI asset behind it.
fn reach(inventory: &mut Inventory) {
    let mut edges: Vec<(AssetId, AssetId)> = Vec::new();
    for relation in inventory.relations().filter(|r| r.kind == RelationKind::Exposes) {
        if relation.from.as_str() != AssetId::INTERNET {
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
    let walls = kubernetes::walls(inventory);
    let mut arriving: BTreeMap<AssetId, Exposure> = BTreeMap::new();
    for _ in 0..HOPS {
        let mut changed = false;
        for (from, to) in &edges {
            let Some(source) = inventory.get(from.as_str()) else { continue };
            let (own, through) = (source.exposure, arriving.get(from).copied());
            let open = match walls.get(to) {
                Some(wall) => own.map(|e| e.min(wall.direct)).max(through.map(|e| e.min(wall.forwarded))),
                None => own.max(through),
            };
            let (ai, Some(exposure)) = (inventory.get(to.as_str()).is_some_and(|a| a.ai), open) else { continue };
            let passed = if guards.get(from) == Some(&true) { exposure.min(Exposure::Internal) } else { exposure };
            if arriving.get(to).is_none_or(|known| *known < passed) {
                arriving.insert(to.clone(), passed);
                changed = true;
            }
            if ai && !source.ai && source.kind == AssetKind::Endpoint {
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
    for _ in 0..HOPS {
        for (from, to) in &edges {
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
    for (from, _) in &edges {
        if let Some(source) = inventory.get_mut(from.as_str()).filter(|a| a.ai && a.exposure > Some(Exposure::Internal))
        {
            source.authentication.get_or_insert(Authentication::None);
        }
    }
}

/// The addresses above an address, nearest first, without its scheme and host.
fn folders(id: &str) -> impl Iterator<Item = &str> {
    fn above(id: &str) -> Option<&str> {
        id.rsplit_once('/').map(|(folder, _)| folder).filter(|folder| !folder.ends_with('/'))
    }
    std::iter::successors(above(id), |folder| above(folder)).take(FOLDERS)
}

/// A served model at a URI is derived from the one a training job wrote there or above.
fn made_from(inventory: &mut Inventory) {
    let written: BTreeMap<AssetId, Evidence> = inventory
        .relations()
        .filter(|r| r.kind == RelationKind::Writes && r.to.as_str().contains("://"))
        .filter(|r| inventory.get(r.to.as_str()).is_some_and(|a| a.kind == AssetKind::Model))
        .map(|r| (r.to.clone(), r.evidence.first().cloned().unwrap_or_default()))
        .collect();
    let mut derived = Vec::new();
    for model in inventory.assets().filter(|a| a.kind == AssetKind::Model && a.id.as_str().contains("://")) {
        for folder in folders(model.id.as_str()) {
            if let Some(evidence) = written.get(folder) {
                derived.push(Relation::new(model.id.clone(), RelationKind::DerivedFrom, folder).seen(evidence.clone()));
            }
        }
    }
    derived.into_iter().for_each(|relation| inventory.relate(relation));
}

/// A data set or model at a storage address holds what lies below its address, so lineage goes on there.
fn within(inventory: &mut Inventory) {
    let stored =
        |id: &str| ["s3://", "gs://", "abfs://", "abfss://", "wasbs://", "hdfs://"].iter().any(|s| id.starts_with(s));
    let mut held = Vec::new();
    for asset in inventory.assets().filter(|asset| stored(asset.id.as_str()) && asset.kind != AssetKind::Bucket) {
        let holds = |folder: &&str| inventory.get(folder).is_some_and(|holder| holder.kind != AssetKind::Bucket);
        if let Some(folder) = folders(asset.id.as_str()).find(holds) {
            held.push(Relation::new(folder, RelationKind::Contains, asset.id.clone()).seen(first_evidence(asset)));
        }
    }
    held.into_iter().for_each(|relation| inventory.relate(relation));
}

/// A project that uses packages is an asset, also where none of them is AI.
fn projects(inventory: &mut Inventory) {
    let missing: Vec<(AssetId, Evidence)> = inventory
        .relations()
        .filter(|r| r.kind == RelationKind::Uses && r.from.as_str().starts_with("file:"))
        .filter(|r| inventory.get(r.from.as_str()).is_none())
        .map(|r| (r.from.clone(), r.evidence.first().cloned().unwrap_or_default()))
        .collect();
    for (id, evidence) in missing {
        let name = folder_name(id.as_str().trim_start_matches("file:"));
        // only the first of its relations gives evidence
        if inventory.get(id.as_str()).is_none() {
            inventory.add(Asset::new(id, AssetKind::Application, name).seen(evidence));
        }
    }
}

/// Logs name assets as people do: a name that only one AI asset has becomes its id.
fn name_events(discovery: &mut Discovery) {
    let mut names: HashMap<&str, Option<&AssetId>> = HashMap::new();
    for asset in discovery.inventory.assets().filter(|asset| asset.ai) {
        names.entry(asset.name.as_str()).and_modify(|id| *id = None).or_insert(Some(&asset.id));
    }
    for event in &mut discovery.events {
        if discovery.inventory.get(event.asset.as_str()).is_none()
            && let Some(Some(id)) = names.get(event.asset.as_str())
        {
            event.asset = (*id).clone();
        }
    }
}
