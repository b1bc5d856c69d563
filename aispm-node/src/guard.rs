//! `Guard`.

use std::collections::BTreeMap;
use std::sync::Arc;

use aispm_core::asset::TextRole;
use aispm_core::guard;
use napi::Env;
use napi::bindgen_prelude::AsyncTask;
use napi_derive::napi;
use serde_json::Value;

use crate::convert::document;
use crate::task::{Call, promise, sync};
use crate::text::{Match, place};

/// What a guard says about one text.
#[napi]
#[derive(Debug)]
pub struct Decision {
    inner: guard::Decision,
    findings: Vec<Match>,
}

#[napi]
impl Decision {
    /// What to do: `allow`, `warn`, `redact` or `block`.
    #[napi(getter, ts_return_type = "Action")]
    pub fn action(&self) -> String {
        self.inner.action.to_string()
    }

    /// Every match before overlaps are resolved.
    #[napi(getter)]
    pub fn findings(&self) -> Vec<Match> {
        self.findings.clone()
    }

    /// The text with everything replaced that is to be redacted.
    #[napi(getter)]
    pub fn text(&self) -> String {
        self.inner.text.clone()
    }

    /// Why the action is not `allow`, one line each.
    #[napi(getter)]
    pub fn reasons(&self) -> Vec<String> {
        self.inner.reasons.clone()
    }

    /// Probabilities by detector, 0 to 1.
    #[napi(getter)]
    pub fn scores(&self) -> BTreeMap<String, f64> {
        self.inner.scores.clone()
    }

    /// The JSON document: snake_case, offsets in code points.
    #[napi(js_name = "toJSON", ts_return_type = "Record<string, unknown>")]
    pub fn to_json(&self) -> Value {
        document(&self.inner)
    }
}

/// Decides about texts. Built once, used for as many as there are.
#[napi]
#[derive(Debug)]
pub struct Guard {
    inner: Arc<guard::Guard>,
}

#[napi]
impl Guard {
    /// The guard with the built-in policy.
    #[napi(js_name = "default")]
    pub fn builtin() -> Self {
        Self { inner: Arc::new(guard::Guard::builtin().clone()) }
    }

    /// Decides about a text in its role.
    #[napi(ts_args_type = "text: string, role?: TextRole", ts_return_type = "Promise<Decision>")]
    pub fn check(&self, text: String, role: Option<String>) -> AsyncTask<Call<Decision>> {
        let guard = Arc::clone(&self.inner);
        promise(move || check(&guard, &text, role.as_deref()))
    }

    /// `check` on this thread.
    #[napi(ts_args_type = "text: string, role?: TextRole")]
    pub fn check_sync(&self, env: &Env, text: String, role: Option<String>) -> napi::Result<Decision> {
        sync(env, check(&self.inner, &text, role.as_deref()))
    }
}

fn check(guard: &guard::Guard, text: &str, role: Option<&str>) -> aispm_core::Result<Decision> {
    let role = role.map_or(Ok(TextRole::Prompt), str::parse)?;
    let mut inner = guard.check(text, role);
    let findings = place(text, &mut inner.findings);
    Ok(Decision { inner, findings })
}
