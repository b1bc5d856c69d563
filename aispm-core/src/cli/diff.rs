//! `aispm diff`.

use super::Exit;
use crate::asset::{Error, ErrorKind, Result};

/// Compare two inventories or assessments
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        Err(Error::new(ErrorKind::Usage, "`aispm diff` is not there yet"))
    }
}
