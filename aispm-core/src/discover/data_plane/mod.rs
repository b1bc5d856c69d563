//! Where data comes from and goes: lineage events, transformation and loading tools, warehouses.

use super::format::{Structured, Textual};

pub(super) const FORMATS: &[Structured] = &[];
pub(super) const TEXTS: &[Textual] = &[];
