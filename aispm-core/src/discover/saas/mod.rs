//! SaaS AI: grants, app lists, gateway configurations.

use super::format::{Structured, Textual};

pub(super) const FORMATS: &[Structured] = &[];
pub(super) const TEXTS: &[Textual] = &[];
