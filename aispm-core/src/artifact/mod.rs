//! Model files and archives, read and never executed.
//!
//! A [`Scanner`] decides by content, not by name: it follows pickles with a symbolic machine and judges what they call,
//! opens archives as the most forgiving reader would, and reads the headers of safetensors, GGUF, ONNX, HDF5, Keras and
//! TensorFlow files, chat templates, configurations and data rows.
//!
//! ```
//! use aispm_core::artifact::{Scanner, Verdict};
//!
//! let report = Scanner::builtin().scan_bytes("model.pkl", b"cos\nsystem\n(S'true'\ntR.");
//! assert_eq!(report.verdict, Verdict::Malicious);
//! assert_eq!(report.findings[0].detail.as_deref(), Some("os.system"));
//! ```
//!
//! What is promised: no input runs code, panics, or costs more than the budget. What is not: a clean verdict is the
//! absence of everything known here, not a proof.

mod bytes;
mod config;
mod content;
mod dataset;
mod gguf;
mod hdf5;
mod keras;
mod npy;
mod onnx;
mod packed;
mod pickle;
mod protobuf;
mod report;
mod rule;
mod safetensors;
mod saved_model;
mod scan;
mod scanner;
mod sevenz;
mod source;
mod tar;
mod template;
mod words;
mod zip;

#[cfg(test)]
mod tests;

pub(crate) use pickle::texts as pickled_texts;
pub use report::{ArtifactFinding, FileReport, Format, Verdict};
pub use rule::{Rule, RuleText, rules};
pub use scanner::{Scanner, ScannerBuilder};
pub(crate) use zip::members;
