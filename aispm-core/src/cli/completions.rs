//! `aispm completions`.

use super::Exit;
use crate::asset::{Error, ErrorKind, Result};

/// Print shell completions
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        Err(Error::new(ErrorKind::Usage, "`aispm completions` is not there yet"))
    }
}
