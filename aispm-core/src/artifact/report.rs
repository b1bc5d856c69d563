//! What a scan says: one report a file, findings inside it.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::Rule;
use crate::asset::{Severity, names};

names! {
    /// What a file is, by its content; JSON names are kebab-case.
    Format, "kebab-case" {
        /// A Python pickle, several, or a legacy PyTorch file.
        Pickle = "pickle",
        /// Pickles with raw arrays between them, as joblib writes.
        Joblib = "joblib",
        /// A PyTorch zip: weights, checkpoint or TorchScript.
        Torch = "torch",
        /// A NumPy array.
        Npy = "npy",
        /// A zip of NumPy arrays.
        Npz = "npz",
        /// Tensors behind a JSON header.
        Safetensors = "safetensors",
        /// A llama.cpp model.
        Gguf = "gguf",
        /// An ONNX graph.
        Onnx = "onnx",
        /// A TensorFlow SavedModel or graph.
        SavedModel = "saved-model",
        /// A Keras 3 archive.
        Keras = "keras",
        /// HDF5, Keras models among them.
        Hdf5 = "hdf5",
        /// A skops archive.
        Skops = "skops",
        /// A zip archive.
        Zip = "zip",
        /// A tar archive.
        Tar = "tar",
        /// A 7-Zip archive.
        SevenZip = "7z",
        /// A RAR archive.
        Rar = "rar",
        /// A gzip stream.
        Gzip = "gzip",
        /// A zlib stream.
        Zlib = "zlib",
        /// A bzip2 stream.
        Bzip2 = "bzip2",
        /// An xz stream.
        Xz = "xz",
        /// An LZMA-alone stream.
        Lzma = "lzma",
        /// A Zstandard stream.
        Zstd = "zstd",
        /// An LZ4 frame.
        Lz4 = "lz4",
        /// A JSON document.
        Json = "json",
        /// JSON Lines.
        JsonLines = "json-lines",
        /// A YAML document.
        Yaml = "yaml",
        /// XML, PMML among it.
        Xml = "xml",
        /// A Jinja template.
        Jinja = "jinja",
        /// Python source.
        Python = "python",
        /// A program or library for Windows, Linux or macOS.
        Executable = "executable",
        /// A picture, by its magic number.
        Image = "image",
        /// Other text.
        Text = "text",
        /// Nothing in it.
        Empty = "empty",
        /// Bytes of no format known here.
        Binary = "binary",
    }
}

names! {
    /// How a file was judged. Later is worse.
    Verdict, "snake_case" {
        /// Read in full; nothing found.
        Clean = "clean",
        /// Not read, or not in full; the reason says why.
        Unscanned = "unscanned",
        /// Something a person should look at.
        Suspicious = "suspicious",
        /// Loading it may run code, reach out of its folder or exhaust the machine.
        Malicious = "malicious",
    }
}

/// One thing found in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct ArtifactFinding {
    /// The rule that says so, e.g. `pickle-dangerous-call`.
    pub rule: Rule,
    /// How bad it is: `critical` and `high` make a file malicious, `medium` suspicious, lower changes no verdict.
    pub severity: Severity,
    /// What is wrong, here.
    pub message: String,
    /// Where inside the file: members of archives and pickles within pickles, outermost first, joined with `!`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// Byte offset from 0 in the file or, if there is a member, in the member as unpacked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub byte: Option<u64>,
    /// The callable, path, operator or value at fault, e.g. `os.system`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What was found in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct FileReport {
    /// The argument as given joined with what lies below it.
    pub path: String,
    /// What the content is.
    pub format: Format,
    /// The worst that holds.
    pub verdict: Verdict,
    /// Why the file, or a part of it, was not scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Worst first.
    pub findings: Vec<ArtifactFinding>,
    /// SHA-256 of the file, lower-case hex; absent if it was not read in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl FileReport {
    /// A report on a file of which nothing could be scanned.
    pub(super) fn unscanned(path: &Path, reason: impl Into<String>) -> Self {
        Self {
            path: path.to_string_lossy().into_owned(),
            format: Format::Binary,
            verdict: Verdict::Unscanned,
            reason: Some(reason.into()),
            findings: Vec::new(),
            sha256: None,
        }
    }
}

impl Verdict {
    /// The verdict that a finding of this severity gives.
    pub(super) fn of(severity: Severity) -> Self {
        match severity {
            Severity::Critical | Severity::High => Self::Malicious,
            Severity::Medium => Self::Suspicious,
            _ => Self::Clean,
        }
    }
}
