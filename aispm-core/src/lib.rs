//! AI security posture management in one library: discover AI assets, judge them, trace attack paths, guard them at
//! run time, and join the four. Offline, in-process, no network.
//!
//! Judge an estate from the exports it already has:
//!
//! ```
//! use aispm_core::assess::Assessor;
//! use aispm_core::asset::Severity;
//!
//! # fn main() -> aispm_core::Result<()> {
//! let assessment = Assessor::new().run(["../examples/estate"])?;
//! assert!(assessment.fails(Severity::Critical));
//! for path in &assessment.paths {
//!     println!("{} reaches {} in {} steps", path.source, path.target, path.steps.len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Decide about a text before a model or a person sees it:
//!
//! ```
//! use aispm_core::guard::{Action, Guard};
//!
//! let decision = Guard::builtin().check_output("Write to marta.kowalczyk@mail.example.org.");
//! assert_eq!(decision.action, Action::Redact);
//! assert_eq!(decision.text, "Write to <EMAIL_ADDRESS>.");
//! ```
//!
//! Look into a model file without loading it:
//!
//! ```
//! use aispm_core::artifact::{Scanner, Verdict};
//!
//! let report = Scanner::builtin().scan_bytes("model.pkl", b"cos\nsystem\n(S'true'\ntR.");
//! assert_eq!(report.verdict, Verdict::Malicious);
//! ```
//!
//! # Features
//! - `dataset`: data sets in Parquet, Arrow and PDF, [`discover::dataset`]; other formats are read without it.
//! - `onnx`: models of the user's own beside the built-in detectors, `text::onnx`, in the user's own ONNX Runtime.
//! - `store`: a history of inventories, [`monitor::Store`] (SQLite, compiled in).
//! - `onnx`: classifiers of your own in your own ONNX Runtime, `text::onnx`; off by default.
//! - `cli`: the command line, `cli::run`, and the binary `aispm`. Off by default; changes nothing else.

#![forbid(unsafe_code)]

pub mod artifact;
pub mod assess;
pub mod asset;
#[cfg(feature = "cli")]
pub mod cli;
pub mod discover;
pub mod guard;
pub mod identity;
pub mod monitor;
pub mod path;
pub mod policy;
pub mod report;
pub mod supply;
pub mod text;

pub use asset::{Error, ErrorKind, Result};

/// What every JSON document says it is: `"schema": "aispm/1"`.
pub const SCHEMA: &str = "aispm/1";

/// The Rust of the README compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
