//! The `aispm` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(aispm_core::cli::run(std::env::args_os()))
}
