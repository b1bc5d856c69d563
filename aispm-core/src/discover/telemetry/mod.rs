//! Traffic and telemetry: who talks to which AI.

use super::format::{Structured, Textual};

pub(super) const FORMATS: &[Structured] = &[];
pub(super) const TEXTS: &[Textual] = &[];
