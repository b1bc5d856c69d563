//! `aispm.Session`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aispm_core::guard;
use aispm_core::text::known::Key;
use pyo3::prelude::*;

use crate::convert::call;

/// What is known of a conversation: what the user asked for, what the model must not repeat, how often an injection was
/// tried. Used from any thread.
#[pyclass(frozen, module = "aispm")]
pub(crate) struct Session {
    inner: Mutex<guard::Session>,
}

#[pymethods]
impl Session {
    #[new]
    fn new() -> Self {
        Self { inner: Mutex::new(guard::Session::new()) }
    }

    /// What the user asks for from now on.
    fn asked(&self, py: Python<'_>, request: &str) {
        py.detach(|| self.lock().asked(request));
    }

    /// A system prompt, which the model must not repeat.
    fn system_prompt(&self, py: Python<'_>, prompt: &str) -> PyResult<()> {
        call(py, || self.lock().system_prompt(prompt))
    }

    /// A canary to write into a system prompt, the same for the same key and name.
    fn plant(&self, py: Python<'_>, key: &[u8], name: &str) -> PyResult<String> {
        call(py, || self.lock().plant(&Key::new(key)?, name))
    }

    /// How often prompt injection was reported.
    #[getter]
    fn attempts(&self) -> u32 {
        self.lock().attempts()
    }
}

impl Session {
    /// The session for a check, which so need not wait for others.
    pub(crate) fn share(&self) -> guard::Session {
        self.lock().share()
    }

    fn lock(&self) -> MutexGuard<'_, guard::Session> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
