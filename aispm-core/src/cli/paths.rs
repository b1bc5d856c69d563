//! `aispm paths`.

use super::Exit;
use crate::asset::{Error, ErrorKind, Result};

/// Show attack paths, choke points and fixes
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        Err(Error::new(ErrorKind::Usage, "`aispm paths` is not there yet"))
    }
}
