//! `aispm completions`.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Exit, written};
use crate::asset::Result;

/// Print shell completions
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell that will read them
    shell: Shell,
}

impl Args {
    pub(super) fn run(self) -> Result<Exit> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "aispm", &mut script);
        let mut out = super::output(None)?;
        out.write_all(&script).and_then(|()| out.flush()).map_err(written)?;
        Ok(Exit::Clean)
    }
}
