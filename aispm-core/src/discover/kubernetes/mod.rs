//! Kubernetes manifests and exports: YAML or JSON, several documents, `List`s. Ids are
//! `k8s://CLUSTER/NAMESPACE/KIND/NAME`; what is not in a namespace has `-` for it.

mod network;
mod rbac;
mod workload;

use serde_json::{Map, Value};

pub(super) use network::internet;

use super::format::{Found, Structured, Textual};
use crate::asset::{Asset, AssetKind, Document, Evidence};

pub(super) const FORMATS: &[Structured] = &[MANIFEST];

pub(super) const TEXTS: &[Textual] = &[];

const MANIFEST: Structured = Structured {
    name: "kubernetes",
    critical: true,
    in_parts: true,
    markers: &["apiVersion", "kind"],
    matches: |value| text(value, "apiVersion").is_some() && text(value, "kind").is_some(),
    read,
};

/// Kinds that are in no namespace.
const CLUSTER_WIDE: &[&str] = &[
    "ClusterRole",
    "ClusterRoleBinding",
    "ClusterServingRuntime",
    "CustomResourceDefinition",
    "IngressClass",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "StorageClass",
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "GatewayClass",
];

/// One Kubernetes object and its place in the document.
struct Object<'a> {
    document: &'a Document,
    value: &'a Value,
    pointer: String,
    kind: &'a str,
    name: &'a str,
}

fn read(document: &Document, found: &mut Found) {
    let Value::Object(_) = &document.value else { return };
    let items = document.value.get("items").and_then(Value::as_array);
    match items.filter(|_| text(&document.value, "kind").is_some_and(|kind| kind.ends_with("List"))) {
        Some(items) => {
            for (i, item) in items.iter().enumerate() {
                object(document, item, format!("/items/{i}"), found);
            }
        }
        None => object(document, &document.value, String::new(), found),
    }
}

fn object(document: &Document, value: &Value, pointer: String, found: &mut Found) {
    let Some(kind) = text(value, "kind") else { return };
    if kind == "Config" && value.get("clusters").is_some() {
        kubeconfig(document, value, found);
        return;
    }
    let metadata = value.get("metadata");
    let Some(name) = metadata.and_then(|m| text(m, "name").or_else(|| text(m, "generateName"))) else { return };
    let object = Object { document, value, pointer, kind, name };
    match kind {
        "Role" | "ClusterRole" => rbac::role(&object, found),
        "RoleBinding" | "ClusterRoleBinding" => rbac::binding(&object, found),
        "ServiceAccount" => rbac::service_account(&object, found),
        "Service" if object.group() == "" => network::service(&object, found),
        "Ingress" => network::ingress(&object, found),
        "HTTPRoute" | "GRPCRoute" | "TCPRoute" | "TLSRoute" => network::route(&object, found),
        "VirtualService" => network::virtual_service(&object, found),
        "Gateway" => network::gateway(&object, found),
        "NetworkPolicy" => network::policy(&object, found),
        "Secret" | "ConfigMap" => store(&object, found),
        _ => workload::read(&object, found),
    }
}

impl<'a> Object<'a> {
    /// The API group, empty for the core group.
    fn group(&self) -> &'a str {
        text(self.value, "apiVersion").and_then(|version| version.rsplit_once('/')).map_or("", |(group, _)| group)
    }

    fn metadata(&self, key: &str) -> Option<&'a Value> {
        self.value.get("metadata")?.get(key)
    }

    fn cluster(&self) -> &'a str {
        self.metadata("clusterName").and_then(Value::as_str).filter(|name| !name.is_empty()).unwrap_or("cluster")
    }

    fn namespace(&self) -> &'a str {
        if CLUSTER_WIDE.contains(&self.kind) {
            return "-";
        }
        self.metadata("namespace").and_then(Value::as_str).unwrap_or("default")
    }

    fn id(&self) -> String {
        self.sibling(self.kind, self.name)
    }

    /// The id of another object of this namespace.
    fn sibling(&self, kind: &str, name: &str) -> String {
        id(self.cluster(), self.namespace(), kind, name)
    }

    fn at(&self, below: &str) -> Evidence {
        self.document.evidence(&format!("{}{below}", self.pointer))
    }

    fn spec(&self) -> Option<&'a Value> {
        self.value.get("spec")
    }

    /// An asset for this object, with the metadata that others select it by.
    fn asset(&self, kind: AssetKind) -> Asset {
        let excerpt = format!("{} {}", self.kind, self.name);
        let evidence = self.at(if self.pointer.is_empty() { "/metadata/name" } else { "" }).excerpt(excerpt);
        let mut asset = Asset::new(self.id(), kind, self.name)
            .seen(evidence)
            .with("kubernetes_kind", self.kind)
            .with("cluster", self.cluster())
            .with("namespace", self.namespace());
        for key in ["labels", "annotations"] {
            if let Some(Value::Object(map)) = self.metadata(key) {
                let kept = map.iter().filter(|(name, _)| !name.ends_with("last-applied-configuration"));
                let kept: Map<String, Value> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
                if !kept.is_empty() {
                    asset.properties.insert(key.to_owned(), kept.into());
                }
            }
        }
        let label = |names: &[&str]| {
            let labels = self.metadata("labels")?;
            names.iter().find_map(|name| text(labels, name)).map(str::to_owned)
        };
        asset.owner = label(&["owner", "team", "app.kubernetes.io/managed-by-team"]);
        asset.environment = label(&["environment", "env", "app.kubernetes.io/environment"]);
        asset
    }
}

/// A Secret or ConfigMap: the names of its keys, never their values.
fn store(object: &Object<'_>, found: &mut Found) {
    let kind = if object.kind == "Secret" { AssetKind::Secret } else { AssetKind::Resource };
    let parts = ["data", "stringData", "binaryData"].iter().filter_map(|key| object.value.get(key)?.as_object());
    let keys: Vec<Value> = parts.flat_map(Map::keys).map(|key| key.as_str().into()).collect();
    let mut asset = object.asset(kind).with("keys", keys);
    if let Some(type_) = text(object.value, "type") {
        asset.properties.insert("secret_type".into(), type_.into());
    }
    found.inventory.add(asset);
}

/// A kubeconfig: its clusters; never its credentials.
fn kubeconfig(document: &Document, value: &Value, found: &mut Found) {
    for (i, entry) in value.get("clusters").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let Some(name) = text(entry, "name") else { continue };
        let evidence = document.evidence(&format!("/clusters/{i}")).excerpt(name);
        let mut asset = Asset::new(format!("k8s://{name}"), AssetKind::Cluster, name).seen(evidence);
        if let Some(server) = entry.get("cluster").and_then(|cluster| text(cluster, "server")) {
            asset.properties.insert("server".into(), server.into());
        }
        found.inventory.add(asset);
    }
}

/// The id of a Kubernetes object.
fn id(cluster: &str, namespace: &str, kind: &str, name: &str) -> String {
    format!("k8s://{cluster}/{namespace}/{kind}/{name}")
}

/// A string below a value.
fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// The items of a list below a value, with their index.
fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (usize, &'a Value)> {
    value.get(key).and_then(Value::as_array).into_iter().flatten().enumerate()
}

#[cfg(test)]
mod tests;
