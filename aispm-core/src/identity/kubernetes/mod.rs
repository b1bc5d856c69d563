//! Kubernetes: what RBAC allows.
//!
//! [`Rbac`] is built once from an inventory: roles with what they aggregate, bindings with their scope, and who is in
//! which of the built-in groups. A principal's grant for an action is the list of scopes in which some rule of some
//! binding allows it; RBAC has no denials, so that is all. Service accounts are the users that the API server takes them
//! for, `system:serviceaccount:NAMESPACE:NAME`.
//!
//! Besides the principals that bindings name, a role can be asked what it holds: whoever may bind a role to himself has
//! what the role has. `k8s://CLUSTER/NAMESPACE/ClusterRole/NAME` is a ClusterRole as a RoleBinding of that namespace
//! grants it.

mod authority;
mod name;
mod role;
mod rule;

#[cfg(test)]
mod tests;

pub(crate) use authority::Rbac;
