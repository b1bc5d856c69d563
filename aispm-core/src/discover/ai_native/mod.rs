//! Formats of the AI world itself: registries, model cards, bills of materials, agent definitions.

use super::format::{Structured, Textual};

pub(crate) mod bom;

pub(super) const FORMATS: &[Structured] = &[bom::CYCLONEDX, bom::SPDX_3, bom::SPDX_2];
pub(super) const TEXTS: &[Textual] = &[];
