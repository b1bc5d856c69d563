//! Kubernetes manifests and exports: YAML or JSON, several documents, `List`s. Ids are
//! `k8s://CLUSTER/NAMESPACE/KIND/NAME`; what is not in a namespace has `-` for it.

mod aibom;
mod cloud;
mod helm;
mod kustomize;
mod network;
mod rbac;
mod resource;
mod serving;
mod settle;
mod storage;
mod template;
mod workload;

use serde_json::{Map, Value};

pub(super) use cloud::meet;
pub(super) use helm::chart;
pub(super) use network::internet;
pub(super) use rbac::cloud_identity;
pub(super) use resource::{at_path, dataset};
pub(super) use settle::{beside, guard, settle};

use super::catalog::catalog;
use super::format::{Found, Structured, Textual};
use super::label::label;
use super::pipeline;
use crate::asset::{Asset, AssetKind, Document, Error, ErrorKind, Evidence, OwnerSource, RelationKind, pointer_key};

pub(super) const FORMATS: &[Structured] =
    &[kustomize::KUSTOMIZATION, MANIFEST, helm::CHART, helm::REQUIREMENTS, aibom::SCRAPER, aibom::PATTERNS];

pub(super) const TEXTS: &[Textual] = &[template::HELPER, template::TEMPLATE, helm::VALUES];

const MANIFEST: Structured = Structured {
    name: "kubernetes",
    critical: true,
    in_parts: true,
    markers: &["apiVersion", "kind"],
    // other systems' resources have a kind and a version as well, but keep their names elsewhere
    matches: |value| {
        text(value, "apiVersion").is_some()
            && text(value, "kind").is_some()
            && (["metadata", "spec"].iter().any(|key| value.get(key).is_some_and(Value::is_object))
                || ["items", "clusters"].iter().any(|key| value.get(key).is_some_and(Value::is_array)))
    },
    read,
};

/// One Kubernetes object and its place in the document.
struct Object<'a> {
    document: &'a Document,
    value: &'a Value,
    pointer: String,
    group: &'a str,
    kind: &'a str,
    name: &'a str,
}

fn read(document: &Document, found: &mut Found) {
    let Value::Object(_) = &document.value else { return };
    let items = document.value.get("items").and_then(Value::as_array);
    let listed = text(&document.value, "kind").and_then(|kind| kind.strip_suffix("List"));
    match (items, listed) {
        (Some(items), Some(listed)) => {
            for (i, item) in items.iter().enumerate() {
                object(document, item, &format!("/items/{i}"), listed, found);
            }
            if document.value.pointer("/metadata/continue").and_then(Value::as_str).is_some_and(|next| !next.is_empty())
            {
                found.cut = Some(Error::new(ErrorKind::Malformed, "one page of a list: `metadata.continue` is set"));
            }
        }
        _ => object(document, &document.value, "", "", found),
    }
}

/// Reads one object; the items of a typed list take their kind and API version from it.
fn object(document: &Document, value: &Value, pointer: &str, listed: &str, found: &mut Found) {
    let Some(kind) = text(value, "kind").or(Some(listed)).filter(|kind| !kind.is_empty()) else { return };
    if kind == "Config" && value.get("clusters").is_some() {
        kubeconfig(document, value, found);
        return;
    }
    let metadata = value.get("metadata");
    let Some(name) = metadata.and_then(|m| text(m, "name").or_else(|| text(m, "generateName"))) else { return };
    let version = text(value, "apiVersion").or_else(|| text(&document.value, "apiVersion"));
    let group = version.and_then(|version| version.rsplit_once('/')).map_or("", |(group, _)| group);
    if !pointer.is_empty() && pipeline::in_cluster(kind, group) {
        super::format::dispatch(&document.part(pointer, value.clone()), found);
        return;
    }
    let object = Object { document, value, pointer: pointer.to_owned(), group, kind, name };
    match (kind, group) {
        ("Role" | "ClusterRole", _) => rbac::role(&object, found),
        ("RoleBinding" | "ClusterRoleBinding", _) => rbac::binding(&object, found),
        ("ServiceAccount", _) => rbac::service_account(&object, found),
        ("Service", "") => network::service(&object, found),
        ("Ingress" | "IngressRoute", _) => network::ingress(&object, found),
        ("HTTPRoute" | "GRPCRoute" | "TCPRoute" | "TLSRoute" | "UDPRoute" | "AIGatewayRoute" | "MCPRoute", _) => {
            network::route(&object, found);
        }
        ("Route", "route.openshift.io") => network::openshift(&object, found),
        ("VirtualService", _) => network::virtual_service(&object, found),
        ("Gateway", _) => network::gateway(&object, found),
        ("InferencePool", _) => network::pool(&object, found),
        ("ServiceEntry" | "Backend", _) => network::outside(&object, found),
        ("NetworkPolicy", _) => network::policy(&object, found),
        ("AuthorizationPolicy" | "RequestAuthentication" | "PeerAuthentication", _) => network::mesh(&object, found),
        ("SecurityPolicy", _) => network::security_policy(&object, found),
        ("Secret" | "ConfigMap", _) => storage::store(&object, found),
        ("ExternalSecret" | "SealedSecret" | "SecretProviderClass", _) => storage::external_secret(&object, found),
        ("PersistentVolumeClaim" | "PersistentVolume", _) => storage::volume(&object, found),
        _ => workload::read(&object, found),
    }
    resource::owners(&object, found);
    resource::references(&object, found);
}

impl<'a> Object<'a> {
    fn metadata(&self, key: &str) -> Option<&'a Value> {
        self.value.get("metadata")?.get(key)
    }

    fn cluster(&self) -> &'a str {
        self.metadata("clusterName").and_then(Value::as_str).filter(|name| !name.is_empty()).unwrap_or("cluster")
    }

    fn namespace(&self) -> &'a str {
        if catalog().kubernetes.cluster_wide.contains(self.kind) {
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
        for part in ["labels", "annotations"] {
            for (key, value) in self.metadata(part).and_then(Value::as_object).into_iter().flatten() {
                let evidence = self.at(&format!("/metadata/{part}/{}", pointer_key(key)));
                label(&mut asset, key, value.as_str().unwrap_or_default(), OwnerSource::Label, &evidence);
            }
        }
        asset
    }

    /// Names another asset, with a stub of it so that both ends are known.
    fn relate(&self, from: &str, does: RelationKind, to: Asset, evidence: &Evidence, found: &mut Found) {
        // a name that a controller fills in later names nothing yet
        if !to.id.as_str().contains("{{") {
            found.relate(from, does, to.id.as_str(), evidence);
            found.inventory.add(to.seen(evidence.clone()));
        }
    }

    /// Another object of this namespace as far as its name tells.
    fn stub(&self, kind: &str, namespace: Option<&str>, name: &str) -> Asset {
        let wide = catalog().kubernetes.cluster_wide.contains(kind);
        let namespace = if wide { "-" } else { namespace.unwrap_or(self.namespace()) };
        let known = match kind {
            "Secret" => AssetKind::Secret,
            "Service" | "InferencePool" => AssetKind::Endpoint,
            "ServiceAccount" => AssetKind::ServiceAccount,
            "Gateway" => AssetKind::NetworkEntry,
            "Deployment" | "StatefulSet" | "DaemonSet" | "InferenceService" | "NIMService" => AssetKind::Workload,
            "Dataset" => AssetKind::Dataset,
            "MCPServer" | "ToolServer" | "RemoteMCPServer" => AssetKind::McpServer,
            _ => AssetKind::Resource,
        };
        Asset::new(id(self.cluster(), namespace, kind, name), known, name)
            .with("kubernetes_kind", kind)
            .with("cluster", self.cluster())
            .with("namespace", namespace)
    }
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
