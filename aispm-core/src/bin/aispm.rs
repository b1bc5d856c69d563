//! The `aispm` command.

use std::process::ExitCode;

/// Reading exports is mostly allocating: this allocator halves its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(aispm_core::cli::run(std::env::args_os()))
}
