//! Formats of the AI world itself: registries, model cards, bills of materials, agent definitions.

use super::format::{Structured, Textual};

pub(super) const FORMATS: &[Structured] = &[];
pub(super) const TEXTS: &[Textual] = &[];
