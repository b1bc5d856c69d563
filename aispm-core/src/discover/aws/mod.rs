//! Amazon Web Services exports.

mod authorization_details;

use super::format::Structured;

pub(super) const FORMATS: &[Structured] = &[authorization_details::AUTHORIZATION_DETAILS];
