//! `aispm discover`.

use super::Exit;
use crate::asset::{Error, ErrorKind, Result};

/// List AI assets and their relations
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        Err(Error::new(ErrorKind::Usage, "`aispm discover` is not there yet"))
    }
}
