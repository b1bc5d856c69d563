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
    let kubernetes = || Some(kubernetes::Rbac::new(inventory)).filter(|rbac| !rbac.is_empty());
    let (rbac, (gcp, azure)) =
        rayon::join(kubernetes, || rayon::join(|| gcp::Gcp::new(inventory), || azure::Azure::new(inventory)));
    let rbac = rbac.map(|rbac| Box::new(rbac) as Box<dyn Authority>);
    let gcp = gcp.map(|gcp| Box::new(gcp) as Box<dyn Authority>);
    let azure = azure.map(|azure| Box::new(azure) as Box<dyn Authority>);
    [rbac, gcp, azure].into_iter().flatten().collect()
}
