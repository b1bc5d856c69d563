//! Findings and data classes of other posture tools.

use super::format::Structured;

pub(super) const FORMATS: &[Structured] = &[];
