//! Google Cloud: Cloud Asset Inventory, Vertex AI, IAM policies, audit logs.

use super::format::Structured;

pub(super) const FORMATS: &[Structured] = &[];
