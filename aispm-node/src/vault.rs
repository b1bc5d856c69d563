//! `Vault` and its `Restorer`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aispm_core::{Error, guard};
use napi::Env;
use napi_derive::napi;
use serde_json::Value;

use crate::task::sync;

/// A vault that calls on other threads share; restorers keep what they began with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Arc<guard::Vault>>>);

impl Shared {
    /// Works on the vault.
    pub(crate) fn change<T>(&self, f: impl FnOnce(&mut guard::Vault) -> T) -> T {
        f(Arc::make_mut(&mut self.lock()))
    }

    fn lock(&self) -> MutexGuard<'_, Arc<guard::Vault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<guard::Vault> for Vault {
    fn from(vault: guard::Vault) -> Self {
        Self { shared: Shared(Arc::new(Mutex::new(Arc::new(vault)))) }
    }
}

/// Holds the values of a session under numbered placeholders and puts them back.
#[napi]
#[derive(Debug)]
pub struct Vault {
    pub(crate) shared: Shared,
}

#[napi]
impl Vault {
    /// An empty vault of at most so many bytes; 8 MiB by default.
    #[napi(constructor)]
    pub fn new(limit: Option<u32>) -> Self {
        limit.map_or_else(guard::Vault::new, |limit| guard::Vault::with_limit(limit as usize)).into()
    }

    /// A vault of what `toJSON` gave.
    #[napi(js_name = "fromJSON", ts_args_type = "document: unknown")]
    pub fn from_json(env: &Env, document: Value) -> napi::Result<Self> {
        let vault: Result<guard::Vault, _> = serde_json::from_value(document);
        sync(env, vault.map(Self::from).map_err(Error::from))
    }

    /// The vault as a JSON document, with its values in clear.
    #[napi(js_name = "toJSON", ts_return_type = "Record<string, unknown>")]
    pub fn to_json(&self) -> Value {
        serde_json::to_value(&**self.shared.lock()).unwrap_or_default()
    }

    /// The placeholder of this value, a new one if it has none; none if the vault is full.
    #[napi]
    pub fn hide(&self, r#type: String, value: String) -> Option<String> {
        self.shared.change(|vault| vault.hide(&r#type, &value))
    }

    /// The text with each placeholder of this vault replaced by its value.
    #[napi]
    pub fn restore(&self, text: String) -> String {
        self.shared.lock().restore(&text)
    }

    /// The same for every string of a JSON value, names of fields aside.
    #[napi(js_name = "restoreJSON", ts_generic_types = "T", ts_args_type = "value: T", ts_return_type = "T")]
    pub fn restore_json(&self, value: Value) -> Value {
        self.shared.lock().restore_json(&value)
    }

    /// Restores a text that comes in pieces, with what the vault holds now.
    #[napi]
    pub fn restorer(&self) -> Restorer {
        Restorer { inner: guard::Restorer::new(Arc::clone(&self.shared.lock())) }
    }

    /// How many values it holds.
    #[napi(getter)]
    pub fn size(&self) -> u32 {
        u32::try_from(self.shared.lock().len()).unwrap_or(u32::MAX)
    }

    /// Whether something did not fit; no new value is taken then.
    #[napi(getter)]
    pub fn is_full(&self) -> bool {
        self.shared.lock().is_full()
    }
}

/// Restores a text that comes in pieces. Holds back at most what may still become a placeholder.
#[napi]
#[derive(Debug)]
pub struct Restorer {
    inner: guard::Restorer<Arc<guard::Vault>>,
}

#[napi]
impl Restorer {
    /// Takes a piece; gives what is decided by now.
    #[napi]
    pub fn push(&mut self, piece: String) -> String {
        self.inner.push(&piece)
    }

    /// Ends the text; gives what was held back.
    #[napi]
    pub fn finish(&mut self) -> String {
        self.inner.finish()
    }
}
