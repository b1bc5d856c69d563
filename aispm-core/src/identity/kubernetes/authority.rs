//! The principals of an inventory's clusters and what they may do.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::name::{NO_NAMESPACE, Object, container, id, is_resource_of};
use super::role::{Role, aggregate, aggregate_defaults, defaults};
use super::rule::{Action, Rule};
use crate::asset::{Asset, AssetId, AssetKind, Evidence, Inventory, RelationKind};
use crate::identity::authority::Named;
use crate::identity::{Authority, Decision, Grant, Platform};

/// Pairs of a namespace and a role that can be bound in it by name, at most, per cluster.
const PAIRS: usize = 10_000;

const MASTERS: &str = "system:masters";

/// RBAC of all clusters of an inventory.
#[derive(Debug, Default)]
pub(crate) struct Rbac {
    clusters: BTreeMap<String, Cluster>,
    principals: BTreeSet<AssetId>,
}

#[derive(Debug, Default)]
struct Cluster {
    /// By their ids.
    roles: HashMap<String, Role>,
    bindings: Vec<Binding>,
    /// Bindings by the user or group they name.
    by_subject: HashMap<Subject, Vec<Held>>,
    namespaces: BTreeSet<String>,
}

/// A role in force somewhere.
#[derive(Debug)]
struct Binding {
    role: String,
    /// The namespace it holds in; `None` for the whole cluster.
    namespace: Option<String>,
}

/// A binding of a subject, and where it names him.
#[derive(Debug)]
struct Held {
    binding: usize,
    evidence: Vec<Evidence>,
}

/// Whom a binding names; service accounts are users.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    User(String),
    Group(String),
}

/// What a principal holds: some rules in some scope.
struct Holding<'a> {
    role: &'a Role,
    namespace: Option<&'a str>,
    evidence: &'a [Evidence],
}

impl Rbac {
    /// Reads the roles and bindings of an inventory. Linear in assets and relations, but for aggregation, which looks at
    /// every ClusterRole for each that aggregates.
    pub(crate) fn new(inventory: &Inventory) -> Self {
        let mut rbac = Self::default();
        let mut cluster_roles: BTreeMap<&str, Vec<&Asset>> = BTreeMap::new();
        for asset in inventory.assets() {
            let Some(object) = Object::parse(asset.id.as_str()) else { continue };
            let cluster = rbac.clusters.entry(object.cluster.to_owned()).or_default();
            if object.home() != NO_NAMESPACE {
                cluster.namespaces.insert(object.home().to_owned());
            }
            match object.kind {
                "Role" | "ClusterRole" => {
                    let known = Role::new(asset);
                    let stands_alone = known.rules.is_empty() && !asset.properties.contains_key("rules");
                    let default = Role::default(object.name).filter(|_| stands_alone && object.kind == "ClusterRole");
                    cluster.roles.insert(asset.id.to_string(), default.unwrap_or(known));
                    if object.kind == "ClusterRole" {
                        cluster_roles.entry(object.cluster).or_default().push(asset);
                    }
                }
                "RoleBinding" | "ClusterRoleBinding" => cluster.bind(asset, &object, inventory),
                // the control plane itself is nobody's way in
                "User" if object.name.starts_with("system:kube-") => {}
                "ServiceAccount" | "User" | "Group" => {
                    rbac.principals.insert(asset.id.clone());
                }
                _ => {}
            }
        }
        for (name, cluster) in &mut rbac.clusters {
            for default in defaults() {
                let id = id(name, NO_NAMESPACE, "ClusterRole", default);
                if let (false, Some(role)) = (cluster.roles.contains_key(&id), Role::default(default)) {
                    cluster.roles.insert(id, role);
                }
            }
            let assets = cluster_roles.get(name.as_str()).map_or(&[][..], Vec::as_slice);
            aggregate(&mut cluster.roles, assets);
            aggregate_defaults(&mut cluster.roles, assets, |role| id(name, NO_NAMESPACE, "ClusterRole", role));
        }
        rbac
    }

    /// Whether the inventory shows any cluster.
    pub(crate) fn is_empty(&self) -> bool {
        self.clusters.is_empty()
    }

    /// What of a principal's holdings allows an action, on a resource or on any.
    fn allowing<'a>(&'a self, principal: &'a str, action: &str, resource: Option<&str>) -> Vec<Holding<'a>> {
        let (Some(object), Some(asked)) = (Object::parse(principal), Action::parse(action)) else { return Vec::new() };
        let mut found = self.held(&object);
        found.retain(|held| {
            held.role.rules.iter().filter(|rule| rule.allows(&asked)).any(|rule| {
                let scope = Scope { namespace: held.namespace.map(str::to_owned), names: rule.names.clone() };
                resource.is_none_or(|resource| scope.covers(object.cluster, asked.resource, resource))
            })
        });
        found
    }

    /// What a principal, or a role as such, holds.
    fn held<'a>(&'a self, object: &Object<'a>) -> Vec<Holding<'a>> {
        let Some(cluster) = self.clusters.get(object.cluster) else { return Vec::new() };
        let namespace = (object.namespace != NO_NAMESPACE).then_some(object.namespace);
        if matches!(object.kind, "Role" | "ClusterRole") {
            let of = if object.kind == "ClusterRole" { NO_NAMESPACE } else { object.namespace };
            let role = cluster.roles.get(&id(object.cluster, of, object.kind, object.name));
            return role.map(|role| Holding { role, namespace, evidence: &[] }).into_iter().collect();
        }
        let mut found = Vec::new();
        for subject in identities(object) {
            for held in cluster.by_subject.get(&subject).into_iter().flatten() {
                let Some(binding) = cluster.bindings.get(held.binding) else { continue };
                let Some(role) = cluster.roles.get(&binding.role) else { continue };
                found.push(Holding { role, namespace: binding.namespace.as_deref(), evidence: &held.evidence });
            }
        }
        found
    }
}

impl Cluster {
    fn bind(&mut self, asset: &Asset, object: &Object<'_>, inventory: &Inventory) {
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let Some(role) = asset.properties.get("roleRef") else { return };
        let Some(name) = text(role, "name") else { return };
        let namespaced = object.kind == "RoleBinding";
        let kind = text(role, "kind").unwrap_or_else(|| "Role".to_owned());
        if !namespaced && kind != "ClusterRole" {
            return; // the API server refuses it
        }
        let of = if kind == "ClusterRole" { NO_NAMESPACE } else { object.namespace };
        let binding = self.bindings.len();
        self.bindings.push(Binding {
            role: id(object.cluster, of, &kind, &name),
            namespace: namespaced.then(|| object.namespace.to_owned()),
        });
        let named: Vec<_> =
            inventory.outgoing(asset.id.as_str()).filter(|r| r.kind == RelationKind::AppliesTo).collect();
        for subject in asset.properties.get("subjects").and_then(Value::as_array).into_iter().flatten() {
            let (Some(kind), Some(name)) = (text(subject, "kind"), text(subject, "name")) else { continue };
            let namespace = text(subject, "namespace");
            let (key, end) = match kind.as_str() {
                "ServiceAccount" => {
                    // without a namespace the API server takes none; manifests mean that of the binding
                    let namespace = namespace.as_deref().unwrap_or(object.namespace);
                    (account(namespace, &name), id(object.cluster, namespace, "ServiceAccount", &name))
                }
                "Group" => (Subject::Group(name.clone()), id(object.cluster, NO_NAMESPACE, "Group", &name)),
                _ => (Subject::User(name.clone()), id(object.cluster, NO_NAMESPACE, &kind, &name)),
            };
            // the binding and its relation say the same; where one of them is taken away it no longer holds
            let Some(relation) = named.iter().find(|relation| relation.to.as_str() == end) else { continue };
            let place = relation.evidence.first().or_else(|| asset.evidence.first());
            self.by_subject
                .entry(key)
                .or_default()
                .push(Held { binding, evidence: place.cloned().into_iter().collect() });
        }
    }
}

/// The user that a service account is.
fn account(namespace: &str, name: &str) -> Subject {
    Subject::User(format!("system:serviceaccount:{namespace}:{name}"))
}

/// Whom the API server takes a principal for: a user and the groups he is in, as far as his name tells.
fn identities(object: &Object<'_>) -> Vec<Subject> {
    let group = |name: &str| Subject::Group(name.to_owned());
    let name = object.name;
    match object.kind {
        "ServiceAccount" => accounts(object.namespace, name),
        "User" if name == "system:anonymous" => vec![Subject::User(name.to_owned()), group("system:unauthenticated")],
        "User" => {
            if let Some((namespace, name)) = name.strip_prefix("system:serviceaccount:").and_then(|n| n.split_once(':'))
            {
                return accounts(namespace, name);
            }
            let mut found = vec![Subject::User(name.to_owned()), group("system:authenticated")];
            found.extend(name.starts_with("system:node:").then(|| group("system:nodes")));
            found
        }
        "Group" if name == "system:unauthenticated" => vec![group(name)],
        "Group" if name == "system:authenticated" => vec![group(name)],
        "Group" => vec![group(name), group("system:authenticated")],
        _ => Vec::new(),
    }
}

fn accounts(namespace: &str, name: &str) -> Vec<Subject> {
    let groups = ["system:serviceaccounts", &format!("system:serviceaccounts:{namespace}"), "system:authenticated"]
        .map(str::to_owned);
    [account(namespace, name)].into_iter().chain(groups.into_iter().map(Subject::Group)).collect()
}

impl Authority for Rbac {
    fn platform(&self) -> Platform {
        Platform::Kubernetes
    }

    fn is_principal(&self, asset: &str) -> bool {
        const KINDS: &[&str] = &["ServiceAccount", "User", "Group", "Role", "ClusterRole"];
        Object::parse(asset).is_some_and(|object| KINDS.contains(&object.kind))
    }

    fn principals(&self) -> Vec<AssetId> {
        self.principals.iter().cloned().collect()
    }

    fn named(&self) -> Vec<Named> {
        let mut found = Vec::new();
        for (name, cluster) in &self.clusters {
            let of =
                |namespace: &str, kind: &str, object: &str| AssetId::from(id(name, namespace, kind, object).as_str());
            let new =
                |id: AssetId, kind, r#type: &'static str, name: &str| Named { id, kind, r#type, name: name.to_owned() };
            for namespace in &cluster.namespaces {
                let id = of(NO_NAMESPACE, "Namespace", namespace);
                found.push(new(id, AssetKind::Resource, "Namespace", namespace));
                let id = of(namespace, "ClusterRole", "cluster-admin");
                let name = format!("everything in the namespace {namespace}");
                found.push(new(id, AssetKind::Role, "BoundClusterRole", &name));
            }
            for (namespace, role) in cluster.bound_by_name() {
                let id = of(namespace, "ClusterRole", role);
                let name = format!("{role} in the namespace {namespace}");
                found.push(new(id, AssetKind::Role, "BoundClusterRole", &name));
            }
            let admin = of(NO_NAMESPACE, "ClusterRole", "cluster-admin");
            found.push(new(admin, AssetKind::Role, "ClusterRole", "cluster-admin"));
            for group in [MASTERS, "system:nodes"] {
                found.push(new(of(NO_NAMESPACE, "Group", group), AssetKind::Group, "Group", group));
            }
            let all = format!("every node of {name}");
            found.push(new(of(NO_NAMESPACE, "Node", "*"), AssetKind::Node, "AllNodes", &all));
            let some = format!("a node of {name}");
            found.push(new(of(NO_NAMESPACE, "Node", "-"), AssetKind::Node, "SomeNode", &some));
        }
        found
    }

    fn is_admin(&self, principal: &str) -> bool {
        let Some(object) = Object::parse(principal) else { return false };
        if matches!(object.kind, "Role" | "ClusterRole") {
            return false; // nobody is a role; who binds one may become administrator by it
        }
        object.kind == "Group" && object.name == MASTERS
            || self
                .held(&object)
                .iter()
                .any(|held| held.namespace.is_none() && held.role.rules.iter().any(Rule::is_all))
    }

    fn container(&self, asset: &str) -> Option<String> {
        let object = Object::parse(asset)?;
        Some(container(object.cluster, object.home()))
    }

    fn home(&self, asset: &str) -> Option<String> {
        let cluster = match Object::parse(asset) {
            Some(object) => object.cluster,
            None => asset.strip_prefix("k8s://")?,
        };
        Some(format!("k8s://{cluster}"))
    }

    fn grant(&self, principal: &str, action: &str) -> Option<Box<dyn Grant>> {
        let object = Object::parse(principal)?;
        let asked = Action::parse(action)?;
        let mut scopes: BTreeSet<Scope> = BTreeSet::new();
        for held in self.held(&object) {
            for rule in held.role.rules.iter().filter(|rule| rule.allows(&asked)) {
                scopes.insert(Scope { namespace: held.namespace.map(str::to_owned), names: rule.names.clone() });
            }
        }
        if scopes.is_empty() {
            return None;
        }
        let (cluster, resource) = (object.cluster.to_owned(), asked.resource.to_owned());
        Some(Box::new(Allowed { cluster, resource, scopes }))
    }

    fn evidence(&self, principal: &str, action: &str, resource: &str) -> Vec<Evidence> {
        let allowing = self.allowing(principal, action, Some(resource));
        let shown = |held: Holding<'_>| held.evidence.iter().chain(&held.role.evidence).cloned().collect::<Vec<_>>();
        allowing.into_iter().flat_map(shown).take(4).collect()
    }

    fn supports(&self, principal: &str, action: &str, resource: Option<&str>) -> Option<Vec<Evidence>> {
        let mut found = Vec::new();
        for held in self.allowing(principal, action, resource) {
            // a role as such ends with its file; what every cluster has does not end
            let place =
                held.evidence.first().or_else(|| held.role.evidence.as_ref().filter(|_| held.evidence.is_empty()));
            found.push(place?.clone());
        }
        Some(found)
    }
}

impl Cluster {
    /// Namespaces with the ClusterRoles that some rule lets be bound by name.
    fn bound_by_name(&self) -> impl Iterator<Item = (&str, &str)> {
        let bind = Action::parse("bind clusterroles.rbac.authorization.k8s.io");
        let rules = self.roles.values().flat_map(|role| &role.rules);
        let named = rules.filter(move |rule| !rule.names.is_empty() && bind.is_some_and(|bind| rule.allows(&bind)));
        let roles: BTreeSet<&str> = named.flat_map(|rule| rule.names.iter().map(String::as_str)).collect();
        let known = roles.into_iter().filter(|role| *role != "cluster-admin").collect::<Vec<_>>();
        let pairs = self
            .namespaces
            .iter()
            .flat_map(move |namespace| known.clone().into_iter().map(move |role| (namespace.as_str(), role)));
        pairs.take(PAIRS)
    }
}

/// An action that is allowed in these scopes.
#[derive(Debug)]
struct Allowed {
    cluster: String,
    resource: String,
    scopes: BTreeSet<Scope>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Scope {
    /// `None`: everywhere.
    namespace: Option<String>,
    /// Only objects of these names; empty for all.
    names: Vec<String>,
}

impl Scope {
    fn covers(&self, cluster: &str, resource: &str, asset: &str) -> bool {
        let is_in = |namespace: &str| self.namespace.as_deref().is_none_or(|own| own == namespace);
        let Some(object) = Object::parse(asset) else {
            // something new in a namespace
            let place = asset.strip_prefix("k8s://").and_then(|rest| rest.strip_prefix(cluster)?.strip_prefix('/'));
            return place.is_some_and(|namespace| self.names.is_empty() && is_in(namespace));
        };
        if object.cluster != cluster || !is_in(object.home()) {
            return false;
        }
        if is_resource_of(resource, object.kind) {
            return self.names.is_empty() || self.names.iter().any(|name| name == object.name);
        }
        // what runs pods stands for them; their names are not known
        resource == "pods" && self.names.is_empty()
    }
}

impl Grant for Allowed {
    fn key(&self) -> String {
        let resource = &self.resource;
        self.scopes.iter().fold(format!("{} {resource}", self.cluster), |key, scope| {
            let names = scope.names.join(",");
            format!("{key};{}:{names}", scope.namespace.as_deref().unwrap_or("*"))
        })
    }

    fn containers(&self) -> Option<Vec<String>> {
        let place = |scope: &Scope| scope.namespace.as_deref().map(|namespace| container(&self.cluster, namespace));
        self.scopes.iter().map(place).collect()
    }

    fn on(&self, resource: &str) -> Decision {
        match self.scopes.iter().any(|scope| scope.covers(&self.cluster, &self.resource, resource)) {
            true => Decision::Allowed,
            false => Decision::Denied,
        }
    }
}
