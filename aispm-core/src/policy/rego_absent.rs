//! In place of Rego policies where the feature `rego` is off.

use super::view::World;
use crate::asset::{Error, ErrorKind, Finding, Result};

/// A Rego policy, of which there is none.
#[derive(Debug)]
pub(super) enum RegoPolicy {}

impl RegoPolicy {
    pub(super) fn new(path: &str, _: &str) -> Result<Self> {
        let message = "Rego policies need the feature `rego`, which this build does not have";
        Err(Error::new(ErrorKind::Usage, message).at(path))
    }

    pub(super) fn evaluate(&self, _: &World<'_>) -> Vec<Finding> {
        match *self {}
    }
}
