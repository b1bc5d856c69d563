//! Who may do what.

pub mod aws;

mod authority;
mod decision;

pub use decision::Decision;

pub(crate) use authority::{Authority, Grant, Platform};

use crate::asset::Inventory;

/// The platforms besides AWS that an inventory shows something of.
pub(crate) fn authorities(_inventory: &Inventory) -> Vec<Box<dyn Authority>> {
    Vec::new()
}
