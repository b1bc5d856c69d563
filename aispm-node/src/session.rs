//! `Session`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aispm_core::guard;
use aispm_core::text::known::Key;
use napi::Env;
use napi_derive::napi;

use crate::task::sync;

/// A session that calls on other threads share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<guard::Session>>);

impl Shared {
    /// The session for a check, which so need not wait for others.
    pub(crate) fn share(&self) -> guard::Session {
        self.lock().share()
    }

    fn lock(&self) -> MutexGuard<'_, guard::Session> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of a conversation: what the user asked for, what the model must not repeat, how often an injection was
/// tried.
#[napi]
#[derive(Debug, Default)]
pub struct Session {
    pub(crate) shared: Shared,
}

#[napi]
impl Session {
    /// A session of which nothing is known.
    #[napi(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What the user asks for from now on.
    #[napi]
    pub fn asked(&self, request: String) {
        self.shared.lock().asked(&request);
    }

    /// A system prompt, which the model must not repeat.
    #[napi]
    pub fn system_prompt(&self, env: &Env, prompt: String) -> napi::Result<()> {
        sync(env, self.shared.lock().system_prompt(&prompt))
    }

    /// A canary to write into a system prompt, the same for the same key and name.
    #[napi]
    pub fn plant(&self, env: &Env, key: &[u8], name: String) -> napi::Result<String> {
        sync(env, Key::new(key).and_then(|key| self.shared.lock().plant(&key, &name)))
    }

    /// How often prompt injection was reported.
    #[napi(getter)]
    pub fn attempts(&self) -> u32 {
        self.shared.lock().attempts()
    }
}
