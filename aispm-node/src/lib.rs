//! Node binding of `aispm`: convert, call, convert. Every function has a form that returns a promise and works on a
//! thread of libuv's pool, and a `…Sync` form.

#![allow(unreachable_pub, reason = "napi exports items by its own registration, which needs them public")]

mod assess;
mod convert;
mod guard;
mod posture;
mod scan;
mod session;
mod task;
mod text;
mod vault;

use std::ffi::OsString;

use napi_derive::napi;

/// Runs the command line on these arguments, the program's name first, and returns its exit code.
#[napi(skip_typescript)]
pub fn run_cli(args: Vec<String>) -> u8 {
    aispm_core::cli::run(args.into_iter().map(OsString::from))
}

/// The shared library of ONNX Runtime where neither a guard's policy nor the environment names one.
#[napi(skip_typescript)]
pub fn set_onnx_runtime(path: String) {
    aispm_core::text::onnx::Runtime::set_default(path);
}

/// The version of this package.
#[napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
