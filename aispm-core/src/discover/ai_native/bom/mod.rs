//! Bills of materials: CycloneDX 1.2 to 1.7 in JSON, from anybody or written by aispm itself, and SPDX.

mod convert;
mod cyclonedx;
pub(crate) mod fields;
mod identity;
mod spdx;

pub(super) use self::cyclonedx::CYCLONEDX;
pub(super) use self::spdx::{SPDX_2, SPDX_3};

#[cfg(test)]
mod tests;
