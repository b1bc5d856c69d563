//! `aispm assess`.

use super::Exit;
use crate::asset::{Error, ErrorKind, Result};

/// Assess an estate: inventory, findings, attack paths
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        Err(Error::new(ErrorKind::Usage, "`aispm assess` is not there yet"))
    }
}
