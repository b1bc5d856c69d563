//! `scanModel`.

use std::path::Path;

use aispm_core::artifact::{ArtifactFinding, FileReport, Scanner};
use napi::bindgen_prelude::AsyncTask;
use napi_derive::napi;

use crate::convert::{class, object};
use crate::task::{Call, promise};

object! {
    /// One thing found in a model file.
    ModelFinding(ArtifactFinding) {
        rule: String,
        #[napi(ts_type = "Severity")]
        severity: String,
        message: String,
        member: Option<String>,
        byte: Option<f64>,
        detail: Option<String>,
    }
}

class! {
    /// What a model file would do when loaded.
    ModelReport(FileReport) {
        /// The file as named.
        path: String,
        /// What the content is.
        format: String,
        /// How it was judged, mild to grave.
        verdict: String as "'clean' | 'unscanned' | 'suspicious' | 'malicious'",
        /// Why the file, or a part of it, was not scanned.
        reason: Option<String>,
        /// Worst first.
        findings: Vec<ModelFinding>,
        /// SHA-256 of the file, if it was read in full.
        sha256: Option<String>,
    }
}

/// Judges a model file without loading it. One that cannot be read is `unscanned`, with the reason.
#[napi(ts_return_type = "Promise<ModelReport>")]
pub fn scan_model(path: String) -> AsyncTask<Call<ModelReport>> {
    promise(move || Ok(scan_model_sync(path)))
}

/// `scanModel` on this thread.
#[napi]
pub fn scan_model_sync(path: String) -> ModelReport {
    Scanner::builtin().scan_file(Path::new(&path)).into()
}

/// Judges every file below a folder, in parallel and in the order of their paths.
#[napi(ts_return_type = "Promise<Array<ModelReport>>")]
pub fn scan_models(path: String) -> AsyncTask<Call<Vec<ModelReport>>> {
    promise(move || Ok(scan_models_sync(path)))
}

/// `scanModels` on this thread.
#[napi]
pub fn scan_models_sync(path: String) -> Vec<ModelReport> {
    Scanner::builtin().scan_path(Path::new(&path)).into_iter().map(ModelReport::from).collect()
}
