//! Ids of Kubernetes objects, taken apart: `k8s://CLUSTER/NAMESPACE/KIND/NAME`.

/// Stands for the namespace of what is in none.
pub(super) const NO_NAMESPACE: &str = "-";

/// An object, by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Object<'a> {
    pub(super) cluster: &'a str,
    pub(super) namespace: &'a str,
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
}

impl<'a> Object<'a> {
    /// Names of clusters and of users may hold slashes; namespaces and kinds do not, and a kind begins with a capital.
    pub(super) fn parse(id: &'a str) -> Option<Self> {
        let rest = id.strip_prefix("k8s://")?;
        for (at, _) in rest.match_indices('/') {
            let (cluster, below) = rest.split_at_checked(at)?;
            let mut parts = below.strip_prefix('/')?.splitn(3, '/');
            let (namespace, kind, name) = (parts.next()?, parts.next()?, parts.next()?);
            if is_label(namespace) && kind.starts_with(|c: char| c.is_ascii_uppercase()) && !name.is_empty() {
                return Some(Self { cluster, namespace, kind, name });
            }
        }
        None
    }

    /// The namespace that an authorizer sees: a Namespace is in itself.
    pub(super) fn home(&self) -> &'a str {
        if self.kind == "Namespace" { self.name } else { self.namespace }
    }
}

/// `k8s://CLUSTER/NAMESPACE`, where new things are made.
pub(super) fn container(cluster: &str, namespace: &str) -> String {
    format!("k8s://{cluster}/{namespace}")
}

pub(super) fn id(cluster: &str, namespace: &str, kind: &str, name: &str) -> String {
    format!("k8s://{cluster}/{namespace}/{kind}/{name}")
}

fn is_label(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Whether a resource, as rules name it, is this kind: `networkpolicies` is `NetworkPolicy`.
pub(super) fn is_resource_of(resource: &str, kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    let plural = match kind.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if kind.ends_with(['s', 'x']) || kind.ends_with("ch") => format!("{kind}es"),
        _ => format!("{kind}s"),
    };
    // `endpoints` is its own plural
    resource == plural || resource == kind
}
