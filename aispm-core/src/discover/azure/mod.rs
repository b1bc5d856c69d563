//! Azure: Resource Manager bodies and templates, Resource Graph rows, role assignments, Entra, activity and diagnostic
//! logs. `data/discover/azure.yaml` says what each resource type is.

mod body;
mod end;
mod expression;
mod id;
mod identity;
mod machine_learning;
mod network;
mod posture;
mod program;
mod resource;
mod role;
mod setting;
mod table;
mod template;

use super::format::Structured;

/// Logs before resources: a record has the id of a resource as well.
pub(super) const FORMATS: &[Structured] =
    &[body::PAGE, body::ROWS, template::TEMPLATE, body::RESOURCE, body::ACCOUNT];

#[cfg(test)]
mod tests;
