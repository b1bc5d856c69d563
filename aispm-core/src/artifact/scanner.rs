//! The scanner: files and folders in, one report a file out.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::LazyLock;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::report::{FileReport, Format};
use super::scan::{Budget, Scan};
use super::{content, gguf, safetensors};
use crate::asset::hex;

/// How much of a file that is too large is read for its header.
const HEAD: u64 = 128 << 20;

/// Scans model files without loading them. Reusable; `Send + Sync`.
#[derive(Debug, Clone)]
pub struct Scanner {
    budget: Budget,
}

/// Sets what a scan may cost; see [`Scanner::builder`].
#[derive(Debug, Clone)]
pub struct ScannerBuilder {
    budget: Budget,
}

impl Scanner {
    /// The scanner with the usual budgets: files to 2 GiB, 512 MiB unpacked, six levels of nesting.
    #[must_use]
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Scanner> = LazyLock::new(|| Scanner::builder().build());
        &BUILTIN
    }

    /// A scanner with budgets of one's own.
    #[must_use]
    pub fn builder() -> ScannerBuilder {
        ScannerBuilder { budget: Budget::default() }
    }

    /// What the bytes are, by content: the first kilobytes, or all if they are few. `None` if nothing known.
    #[must_use]
    pub fn sniff(bytes: &[u8]) -> Option<Format> {
        content::sniff(bytes)
    }

    /// Scans bytes in memory; `path` only names them, and tells what they claim to be.
    ///
    /// Linear in the bytes and in what they unpack to, within the budget. Never panics.
    #[must_use]
    pub fn scan_bytes(&self, path: &str, bytes: &[u8]) -> FileReport {
        let mut scan = Scan::new(self.budget, bytes.len() as u64);
        let format = content::scan(&mut scan, path, bytes);
        if format == Format::Binary && named_as_model(path) {
            scan.unread("named as a model file, but of no format known here");
        }
        report(path, format, scan, Some(bytes))
    }

    /// Scans one file. What cannot be read is `unscanned`, with the reason. A file over the budget is read at its head
    /// where its format has all that matters there, and is `unscanned` otherwise.
    #[must_use]
    pub fn scan_file(&self, path: &Path) -> FileReport {
        let name = path.to_string_lossy();
        let (total, bytes) = match self.read(path) {
            Ok(read) => read,
            Err(error) => return FileReport::unscanned(path, error.to_string()),
        };
        if bytes.len() as u64 >= total {
            return self.scan_bytes(&name, &bytes);
        }
        let mut scan = Scan::new(self.budget, bytes.len() as u64);
        let format = content::sniff(&bytes).unwrap_or(Format::Binary);
        match format {
            Format::Safetensors => safetensors::scan(&mut scan, &bytes, total),
            Format::Gguf => gguf::scan(&mut scan, &bytes, total),
            _ => scan.unread(format!("{total} bytes are more than the {} that are read", self.budget.file)),
        }
        report(&name, format, scan, None)
    }

    /// Scans a file, or every file below a folder, in parallel; one report a file, sorted by path. Links to
    /// files are followed, as model caches are made of them; links to folders, dead links and pipes are `unscanned`.
    #[must_use]
    pub fn scan_path(&self, path: &Path) -> Vec<FileReport> {
        let (mut files, mut reports) = (Vec::new(), Vec::new());
        for entry in walkdir::WalkDir::new(path).sort_by_file_name() {
            // of what a link leads to
            let kind = entry.as_ref().ok().and_then(|entry| std::fs::metadata(entry.path()).ok());
            match (entry, kind) {
                (Ok(entry), Some(kind)) if kind.is_file() => files.push(entry.into_path()),
                (Ok(entry), Some(kind)) if kind.is_dir() => {
                    if entry.depth() > 0 && entry.path_is_symlink() {
                        reports.push(FileReport::unscanned(entry.path(), "a link to a folder; not followed"));
                    }
                }
                // opening a pipe waits for its writer
                (Ok(entry), Some(_)) => reports.push(FileReport::unscanned(entry.path(), "not a regular file")),
                (Ok(entry), None) => reports.push(FileReport::unscanned(entry.path(), "a link to no file")),
                (Err(error), _) => {
                    let place = error.path().unwrap_or(path);
                    let reason = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                    reports.push(FileReport::unscanned(place, reason));
                }
            }
        }
        reports.par_extend(files.par_iter().map(|file| self.scan_file(file)));
        reports.sort_by(|a, b| a.path.cmp(&b.path));
        reports
    }

    /// The size of a file, and its bytes, or its head if it is too large.
    fn read(&self, path: &Path) -> std::io::Result<(u64, Vec<u8>)> {
        let file = File::open(path)?;
        let total = file.metadata()?.len();
        let wanted = if total > self.budget.file { HEAD.min(self.budget.file) } else { self.budget.file };
        let mut bytes = Vec::new();
        file.take(wanted).read_to_end(&mut bytes)?;
        Ok((total, bytes))
    }
}

impl ScannerBuilder {
    /// Files larger than this many bytes are read only at their head, where the format allows.
    #[must_use]
    pub fn file_limit(mut self, bytes: u64) -> Self {
        self.budget.file = bytes;
        self
    }

    /// All that archives and compressed streams of one file may unpack to, in bytes.
    #[must_use]
    pub fn unpacked_limit(mut self, bytes: u64) -> Self {
        self.budget.unpacked = bytes;
        self
    }

    /// Archives within archives, pickles within pickles; at most 32.
    #[must_use]
    pub fn depth_limit(mut self, levels: usize) -> Self {
        self.budget.depth = levels.min(32);
        self
    }

    /// Pickle operations followed in one file.
    #[must_use]
    pub fn step_limit(mut self, steps: u64) -> Self {
        self.budget.steps = steps;
        self
    }

    /// The scanner.
    #[must_use]
    pub fn build(self) -> Scanner {
        Scanner { budget: self.budget }
    }
}

fn report(path: &str, format: Format, scan: Scan, bytes: Option<&[u8]>) -> FileReport {
    let (verdict, reason, findings) = scan.finish();
    let sha256 = bytes.map(|bytes| hex(&Sha256::digest(bytes)));
    FileReport { path: path.to_owned(), format, verdict, reason, findings, sha256 }
}
/// Whether a file's name says that it is a model: bytes that no reader here knows must not count as clean then.
fn named_as_model(path: &str) -> bool {
    const EXTENSIONS: &[&str] = &[
        "ckpt",
        "dill",
        "gguf",
        "h5",
        "hdf5",
        "joblib",
        "keras",
        "mlmodel",
        "npy",
        "npz",
        "onnx",
        "pickle",
        "pkl",
        "pt",
        "pt2",
        "pth",
        "safetensors",
        "tflite",
    ];
    let extension = Path::new(path).extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Verdict;

    #[test]
    fn bytes_of_no_known_format_are_clean_only_if_no_model_is_claimed() {
        let noise = [0x9b, 0xc3, 0x01, 0xfe, 0x44, 0xa7, 0x00, 0x13];
        let verdict = |name| Scanner::builtin().scan_bytes(name, &noise).verdict;
        assert_eq!((verdict("model.PKL"), verdict("photo.raw")), (Verdict::Unscanned, Verdict::Clean));
    }
}
