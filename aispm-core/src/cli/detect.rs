//! `aispm detect`.

use super::Exit;
use crate::asset::{Error, ErrorKind, Result};

/// Look for injections, personal data, secrets and bad links in text
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        Err(Error::new(ErrorKind::Usage, "`aispm detect` is not there yet"))
    }
}
