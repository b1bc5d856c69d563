//! AI security posture management in one library: discover AI assets, judge them, trace attack paths, guard them at
//! run time, and join the four. Offline, in-process, no network.

#![forbid(unsafe_code)]

pub mod artifact;
pub mod assess;
pub mod asset;
#[cfg(feature = "cli")]
pub mod cli;
pub mod discover;
pub mod guard;
pub mod identity;
pub mod path;
pub mod policy;
pub mod report;
pub mod text;

pub use asset::{Error, ErrorKind, Result};

/// What every JSON document says it is: `"schema": "aispm/1"`.
pub const SCHEMA: &str = "aispm/1";
