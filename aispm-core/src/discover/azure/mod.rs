//! Azure: Resource Manager bodies and templates, Resource Graph rows, activity and diagnostic logs.

use super::format::Structured;

pub(super) const FORMATS: &[Structured] = &[];
