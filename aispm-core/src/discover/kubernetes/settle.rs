//! What only shows when all files are read: which runtime an inference service means, which objects a kustomization or
//! chart holds, what policies let in.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::id;
use crate::asset::{Asset, AssetId, AssetKind, Authentication, Inventory, RelationKind};
use crate::discover::format::Found;
use crate::discover::walk::parent;

/// Adds the relations between objects of different files. Linear in assets and relations.
pub(in crate::discover) fn settle(inventory: &Inventory, found: &mut Found) {
    let mut charts: HashMap<&str, Vec<&Asset>> = HashMap::new();
    let mut by_file: HashMap<&str, Vec<&Asset>> = HashMap::new();
    let mut by_folder: HashMap<&str, Vec<&Asset>> = HashMap::new();
    for asset in inventory.assets() {
        // where an object is defined its evidence names it; elsewhere it is only referred to
        if let Some(kind) = asset.text("kubernetes_kind")
            && let defined = format!("{kind} {}", asset.name)
            && let Some(evidence) = asset.evidence.iter().find(|e| e.excerpt.as_deref() == Some(&defined))
        {
            by_file.entry(&evidence.path).or_default().push(asset);
            by_folder.entry(parent(&evidence.path)).or_default().push(asset);
        }
        if let Some(folder) = asset.text("chart_of") {
            charts.entry(folder).or_default().push(asset);
        }
    }
    for asset in inventory.assets() {
        runtime(asset, inventory, found);
        if let Some(resources) = asset.properties.get("kustomize_resources").and_then(Value::as_array) {
            for resource in resources.iter().filter_map(Value::as_str) {
                for object in by_file.get(resource).into_iter().flatten() {
                    contains(asset, object, found);
                }
            }
        }
        for file in asset.properties.get("deploys_files").and_then(Value::as_array).into_iter().flatten() {
            let file = file.as_str().unwrap_or_default().trim_end_matches('/');
            for object in by_file.get(file).or_else(|| by_folder.get(file)).into_iter().flatten() {
                deployed(object, asset, found);
            }
        }
        for folder in asset.properties.get("deploys_charts").and_then(Value::as_array).into_iter().flatten() {
            for chart in folder.as_str().and_then(|folder| charts.get(folder)).into_iter().flatten() {
                deployed(chart, asset, found);
            }
        }
        // several charts in one folder cannot be told apart
        if let Some([chart]) = asset.text("chart_folder").and_then(|folder| charts.get(folder)).map(Vec::as_slice) {
            contains(chart, asset, found);
        }
    }
}

fn deployed(part: &Asset, pipeline: &Asset, found: &mut Found) {
    let evidence = pipeline.evidence.first().cloned().unwrap_or_default();
    found.relate(part.id.as_str(), RelationKind::DeployedBy, pipeline.id.as_str(), &evidence);
}

fn contains(whole: &Asset, part: &Asset, found: &mut Found) {
    let evidence = part.evidence.first().cloned().unwrap_or_default();
    found.relate(whole.id.as_str(), RelationKind::Contains, part.id.as_str(), &evidence);
}

/// An inference service takes the runtime of its namespace before that of the cluster.
fn runtime(asset: &Asset, inventory: &Inventory, found: &mut Found) {
    let (Some(name), Some(cluster), Some(namespace)) =
        (asset.text("serving_runtime"), asset.text("cluster"), asset.text("namespace"))
    else {
        return;
    };
    let near = id(cluster, namespace, "ServingRuntime", name);
    let wide = id(cluster, "-", "ClusterServingRuntime", name);
    if let Some(runtime) = inventory.get(&near).or_else(|| inventory.get(&wide)) {
        let evidence = asset.evidence.first().cloned().unwrap_or_default();
        found.relate(asset.id.as_str(), RelationKind::Uses, runtime.id.as_str(), &evidence);
    }
}

/// What relations make of assets: workloads behind a mesh policy that asks for identity ask for it themselves, and a
/// pipeline that deploys AI is AI. Also counts who shares a GPU.
pub(in crate::discover) fn guard(inventory: &mut Inventory) {
    count_tenants(inventory);
    let deploying: Vec<AssetId> = inventory
        .relations()
        .filter(|relation| relation.kind == RelationKind::DeployedBy)
        .filter(|relation| inventory.get(relation.from.as_str()).is_some_and(|asset| asset.ai))
        .map(|relation| relation.to.clone())
        .collect();
    for id in deploying {
        if let Some(pipeline) = inventory.get_mut(id.as_str()).filter(|asset| asset.kind == AssetKind::Pipeline) {
            pipeline.ai = true;
        }
    }
    let guarded: Vec<AssetId> = inventory
        .relations()
        .filter(|relation| relation.kind == RelationKind::AppliesTo)
        .filter(|relation| {
            let policy = inventory.get(relation.from.as_str());
            policy.is_some_and(|p| {
                p.text("kubernetes_kind") == Some("AuthorizationPolicy")
                    && p.properties.contains_key("requires_identity")
            })
        })
        .map(|relation| relation.to.clone())
        .collect();
    for id in guarded {
        if let Some(asset) = inventory.get_mut(id.as_str()) {
            asset.authentication = Some(Authentication::Identity);
        }
    }
}

/// How many namespaces have pods on GPUs that are shared: of a node those on it, of a configuration those of its cluster.
fn count_tenants(inventory: &mut Inventory) {
    let shared: Vec<&Asset> = inventory.assets().filter(|asset| asset.properties.contains_key("gpu_sharing")).collect();
    if shared.is_empty() {
        return;
    }
    let namespace = |asset: &Asset| match asset.text("namespace") {
        Some(namespace) if asset.kind != AssetKind::Node && asset.properties.contains_key("gpu") => {
            Some(namespace.to_owned())
        }
        _ => None,
    };
    let mut by_cluster: HashMap<&str, HashSet<String>> = HashMap::new();
    for asset in inventory.assets() {
        if let (Some(cluster), Some(namespace)) = (asset.text("cluster"), namespace(asset)) {
            by_cluster.entry(cluster).or_default().insert(namespace);
        }
    }
    let tenants = |asset: &Asset| {
        if asset.kind == AssetKind::Node {
            let on = inventory.incoming(asset.id.as_str()).filter(|relation| relation.kind == RelationKind::RunsOn);
            on.filter_map(|relation| namespace(inventory.get(relation.from.as_str())?)).collect::<HashSet<_>>().len()
        } else {
            asset.text("cluster").and_then(|cluster| by_cluster.get(cluster)).map_or(0, HashSet::len)
        }
    };
    let counted: Vec<(AssetId, usize)> = shared.iter().map(|asset| (asset.id.clone(), tenants(asset))).collect();
    for (id, tenants) in counted {
        if let Some(asset) = inventory.get_mut(id.as_str()) {
            asset.properties.insert("gpu_tenants".into(), tenants.into());
        }
    }
}

/// A path relative to the folder of a file, with `.` and `..` resolved.
pub(in crate::discover) fn beside(path: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = parent(path).split('/').collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| !matches!(*last, "" | "." | "..")) => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}
