//! What only shows when all files are read: which pods a Service or policy selects, from where they are reached, and
//! which asset a log is about.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::format::Found;
use super::kubernetes::{self, internet};
use super::ownership;
use super::resolve::resolve;
use super::walk::folder_name;
use super::{Discovery, aws, exposure, gcp, safeguard};
use crate::asset::{Asset, AssetId, AssetKind, Evidence, Exposure, Inventory, Relation, RelationKind};

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
    discovery.calls.rename(|id, _| renamed.get(id).cloned());
    let mut found = Found::default();
    select(&discovery.inventory, &mut found);
    kubernetes::settle(&discovery.inventory, &mut found);
    kubernetes::meet(&discovery.inventory, &mut found);
    routes(&mut discovery.inventory, &mut found);
    discovery.inventory.extend(found.inventory);
    kubernetes::guard(&mut discovery.inventory);
    made_from(&mut discovery.inventory);
    aws::join(&mut discovery.inventory);
    gcp::join(&mut discovery.inventory);
    exposure::join(&mut discovery.inventory);
    projects(&mut discovery.inventory);
    within(&mut discovery.inventory);
    safeguard::join(&mut discovery.inventory);
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
        let (selector, kind) = match (asset.text("kubernetes_kind"), asset.kind) {
            (Some("Service" | "InferencePool"), AssetKind::Endpoint) => {
                let labels = asset.properties.get("selector").and_then(Value::as_object);
                let Some(labels) = labels.filter(|labels| !labels.is_empty()) else { continue };
                (serde_json::json!({ "matchLabels": labels }), RelationKind::Exposes)
            }
            (Some("NetworkPolicy" | "AuthorizationPolicy" | "RequestAuthentication" | "PeerAuthentication"), _) => {
                (asset.properties.get("podSelector").cloned().unwrap_or_default(), RelationKind::AppliesTo)
            }
            _ => continue,
        };
        let Some(place) = place(asset) else { continue };
        for (pod, labels) in pods.get(&place).into_iter().flatten() {
            if exposure::selects(&selector, labels) {
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
    let id = |name: &AssetId| names.get(name.as_str()).copied().flatten().cloned();
    discovery.calls.rename(|name, _| id(name).filter(|_| discovery.inventory.get(name.as_str()).is_none()));
}
