//! Links.
pub(super) mod host;
