//! What changes over time.

mod baseline;
#[cfg(feature = "store")]
mod store;

pub(crate) use baseline::figures;

#[cfg(feature = "store")]
pub use store::{Snapshot, Store};

/// The time now, RFC 3339 in UTC to the second, for callers of [`Store::record`] that have no time of their own.
#[cfg(feature = "store")]
#[must_use]
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
