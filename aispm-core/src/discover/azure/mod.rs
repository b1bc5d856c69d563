//! Azure: Resource Manager bodies and templates, Resource Graph rows, role assignments, Entra, activity and diagnostic
//! logs. `data/discover/azure.yaml` says what each resource type is.

mod bicep;
mod body;
mod end;
mod entra;
mod expression;
mod group;
mod id;
mod identity;
mod log;
mod machine_learning;
mod network;
mod posture;
mod program;
mod resource;
mod role;
mod search;
mod setting;
mod table;
mod template;

use super::format::{Structured, Textual};

/// Logs before resources: a record has the id of a resource as well.
pub(super) const FORMATS: &[Structured] = &[
    log::RECORDS,
    log::RECORD,
    body::PAGE,
    body::ROWS,
    template::TEMPLATE,
    body::RESOURCE,
    body::ACCOUNT,
    search::SERVICE,
    entra::DIRECTORY_ROLE,
    entra::ROLE_ASSIGNMENT,
    entra::OBJECT,
];

pub(super) const TEXTS: &[Textual] = &[bicep::BICEP];

#[cfg(test)]
mod tests;
