//! `aispm init`.

use super::Exit;
use crate::asset::{Error, ErrorKind, Result};

/// Draft aispm.yaml from what is found
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        Err(Error::new(ErrorKind::Usage, "`aispm init` is not there yet"))
    }
}
