//! Google Cloud exports: Cloud Asset Inventory, the bodies of its APIs, IAM policies, audit logs.
//!
//! `data/discover/gcp.yaml` says what the types of resource are and what their fields mean; a resource is read the
//! same from an inventory, an API or `gcloud`, and under one id.

mod access;
mod acl;
mod asset_inventory;
mod audit_log;
mod deny;
mod field;
mod iam_policy;
mod join;
mod manifest;
mod name;
mod principal;
mod prune;
mod resource;
mod rest;
mod table;
mod vertex_log;

pub(super) use join::join;

use super::format::Structured;

pub(super) const FORMATS: &[Structured] = &[
    audit_log::AUDIT_LOG,
    vertex_log::VERTEX_LOG,
    asset_inventory::FEED,
    deny::POLICY,
    iam_policy::ANALYSIS,
    asset_inventory::ASSET,
    iam_policy::IAM_POLICY,
    rest::WRAPPED,
    rest::RESOURCE,
    rest::LOCATIONS,
    rest::EMPTY,
];

#[cfg(test)]
mod tests;
