//! `aispm.scan_model`.

use std::path::PathBuf;

use aispm_core::artifact::{ArtifactFinding, FileReport, Scanner};
use pyo3::prelude::*;

use crate::convert::{table, view};

view! {
    /// One thing found in a model file.
    part ModelFinding(ArtifactFinding) repr(rule, severity, detail)
    { rule, severity, message, member, byte, detail }
}

view! {
    /// What a model file would do when loaded.
    document ModelReport(FileReport) repr(path, format, verdict, reason)
    { path, format, verdict, reason, findings, sha256 }

    fn _repr_html_(&self) -> String {
        table("Model file", &self.inner)
    }
}

/// Judges a model file without loading it. One that cannot be read is `unscanned`, with the reason.
#[pyfunction]
pub(crate) fn scan_model(py: Python<'_>, path: PathBuf) -> ModelReport {
    py.detach(|| Scanner::builtin().scan_file(&path)).into()
}

/// Judges every file below a folder, in parallel and in the order of their paths.
#[pyfunction]
pub(crate) fn scan_models(py: Python<'_>, path: PathBuf) -> Vec<ModelReport> {
    py.detach(|| Scanner::builtin().scan_path(&path)).into_iter().map(ModelReport::from).collect()
}
