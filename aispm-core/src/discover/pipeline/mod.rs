//! Build, training and deployment pipelines.

use super::format::{Structured, Textual};

pub(super) const FORMATS: &[Structured] = &[];
pub(super) const TEXTS: &[Textual] = &[];
