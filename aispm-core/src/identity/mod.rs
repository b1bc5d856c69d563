//! Who may do what.

pub mod aws;
pub mod usage;

mod kubernetes;

mod authority;
mod azure;
mod decision;
mod gcp;
mod glob;

pub use decision::Decision;

pub(crate) use authority::{Authority, Grant, Platform};

use crate::asset::Inventory;

/// The platforms besides AWS that an inventory shows something of.
pub(crate) fn authorities(inventory: &Inventory) -> Vec<Box<dyn Authority>> {
    let mut found: Vec<Box<dyn Authority>> = Vec::new();
    let rbac = kubernetes::Rbac::new(inventory);
    if !rbac.is_empty() {
        found.push(Box::new(rbac));
    }
    found.extend(gcp::Gcp::new(inventory).map(|gcp| Box::new(gcp) as Box<dyn Authority>));
    found.extend(azure::Azure::new(inventory).map(|azure| Box::new(azure) as Box<dyn Authority>));
    found
}
