//! How far a run has come.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How far a run has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Files read.
    pub files: usize,
    /// Files in all.
    pub of: usize,
    /// Bytes read.
    pub bytes: u64,
}

/// Whom to tell.
#[derive(Clone, Default)]
pub(super) struct Listener(pub(super) Option<Arc<dyn Fn(Progress) + Send + Sync>>);

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Listener").field(&self.0.is_some()).finish()
    }
}

/// Counts, from any thread.
#[derive(Debug, Default)]
pub(super) struct Meter {
    listener: Listener,
    of: usize,
    files: AtomicUsize,
    bytes: AtomicU64,
}

impl Meter {
    pub(super) fn new(listener: Listener, of: usize) -> Self {
        Self { listener, of, ..Self::default() }
    }

    pub(super) fn read(&self, files: usize, bytes: u64) {
        let files = self.files.fetch_add(files, Ordering::Relaxed) + files;
        let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if let Some(tell) = &self.listener.0 {
            tell(Progress { files, of: self.of, bytes });
        }
    }
}
