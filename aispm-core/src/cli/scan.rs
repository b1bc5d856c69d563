//! `aispm scan`.

use super::Exit;
use crate::asset::{Error, ErrorKind, Result};

/// Scan model files without loading them
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        Err(Error::new(ErrorKind::Usage, "`aispm scan` is not there yet"))
    }
}
