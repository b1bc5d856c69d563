//! `aispm.Vault` and its `Restorer`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aispm_core::guard;
use pyo3::prelude::*;

use crate::convert::{AispmError, dumps, loads, raise};

/// Holds the values of a session under numbered placeholders and puts them back. Used from any thread.
#[pyclass(frozen, module = "aispm")]
pub(crate) struct Vault {
    /// Shared with restorers, which keep what they began with.
    inner: Mutex<Arc<guard::Vault>>,
}

#[pymethods]
impl Vault {
    #[new]
    #[pyo3(signature = (limit = None))]
    fn new(limit: Option<usize>) -> Self {
        limit.map_or_else(guard::Vault::new, guard::Vault::with_limit).into()
    }

    /// A vault of what `to_json` gave.
    #[staticmethod]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        let vault: Result<guard::Vault, _> = serde_json::from_str(text);
        vault.map(Self::from).map_err(|error| raise(py, &error.into()))
    }

    /// The vault as JSON, with its values in clear.
    fn to_json(&self) -> PyResult<String> {
        serde_json::to_string(&**self.lock()).map_err(|error| AispmError::new_err(error.to_string()))
    }

    /// The placeholder of this value, a new one if it has none; none if the vault is full.
    fn hide(&self, r#type: &str, value: &str) -> Option<String> {
        self.change(|vault| vault.hide(r#type, value))
    }

    /// The text with each placeholder of this vault replaced by its value.
    fn restore(&self, py: Python<'_>, text: &str) -> String {
        py.detach(|| self.lock().restore(text))
    }

    /// The same for every string of JSON-like values, names of fields aside.
    fn restore_json<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let (py, value) = (value.py(), dumps(value)?);
        let restored = py.detach(|| self.lock().restore_json(&value).to_string());
        loads(py, &restored)
    }

    /// Restores a text that comes in pieces, with what the vault holds now.
    fn restorer(&self) -> Restorer {
        Restorer { inner: Mutex::new(guard::Restorer::new(Arc::clone(&self.lock()))) }
    }

    /// Whether something did not fit; no new value is taken then.
    #[getter]
    fn is_full(&self) -> bool {
        self.lock().is_full()
    }

    fn __len__(&self) -> usize {
        self.lock().len()
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.lock())
    }
}

impl Vault {
    /// Works on the vault; restorers keep the old one.
    pub(crate) fn change<T>(&self, f: impl FnOnce(&mut guard::Vault) -> T) -> T {
        f(Arc::make_mut(&mut self.lock()))
    }

    fn lock(&self) -> MutexGuard<'_, Arc<guard::Vault>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<guard::Vault> for Vault {
    fn from(vault: guard::Vault) -> Self {
        Self { inner: Mutex::new(Arc::new(vault)) }
    }
}

/// Restores a text that comes in pieces. Holds back at most what may still become a placeholder.
#[pyclass(frozen, module = "aispm")]
pub(crate) struct Restorer {
    inner: Mutex<guard::Restorer<Arc<guard::Vault>>>,
}

#[pymethods]
impl Restorer {
    /// Takes a piece; gives what is decided by now.
    fn push(&self, piece: &str) -> String {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).push(piece)
    }

    /// Ends the text; gives what was held back.
    fn finish(&self) -> String {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).finish()
    }
}
