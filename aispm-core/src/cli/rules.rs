//! `aispm rules`.

use super::Exit;
use crate::asset::{Error, ErrorKind, Result};

/// List posture rules, or show one
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        Err(Error::new(ErrorKind::Usage, "`aispm rules` is not there yet"))
    }
}
