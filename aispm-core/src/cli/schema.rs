//! `aispm schema`.

use super::Exit;
use crate::asset::{Error, ErrorKind, Result};

/// Print a JSON Schema
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        Err(Error::new(ErrorKind::Usage, "`aispm schema` is not there yet"))
    }
}
