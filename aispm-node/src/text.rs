//! `detect`.

use std::collections::BTreeMap;

use aispm_core::asset::{self, TextRole};
use aispm_core::text::{self, Detectors, Unit, convert_offsets};
use napi::Env;
use napi::bindgen_prelude::AsyncTask;
use napi_derive::napi;
use serde_json::Value;

use crate::convert::{Js, document, object};
use crate::task::{Call, promise, sync};

object! {
    /// A span of text that a detector points at; offsets in UTF-16 units of the text as given.
    Match(asset::Match) {
        detector: String,
        #[napi(js_name = "type")]
        kind: String,
        rule: String,
        score: f64,
        #[napi(ts_type = "Severity")]
        severity: String,
        start: f64,
        end: f64,
        clues: Vec<Clue>,
        techniques: Vec<String>,
    }
}

object! {
    /// A word that speaks for a match; offsets in UTF-16 units of the text as given.
    Clue(asset::Clue) {
        weight: f64,
        start: f64,
        end: f64,
    }
}

/// Matches with byte offsets, in the units of JavaScript and, changed in place, in those of JSON.
pub(crate) fn place(matches: &mut [asset::Match], convert: impl Fn(&mut [asset::Match], Unit)) -> Vec<Match> {
    let mut utf16 = matches.to_vec();
    convert(&mut utf16, Unit::Utf16);
    convert(matches, Unit::CodePoints);
    utf16.js()
}

/// What was found in one text.
#[napi]
#[derive(Debug)]
pub struct Detection {
    inner: text::Detection,
    matches: Vec<Match>,
}

#[napi]
impl Detection {
    /// Every match by start and end, overlaps unresolved.
    #[napi(getter)]
    pub fn matches(&self) -> Vec<Match> {
        self.matches.clone()
    }

    /// Probabilities by detector, 0 to 1.
    #[napi(getter)]
    pub fn scores(&self) -> BTreeMap<String, f64> {
        self.inner.scores.clone()
    }

    /// Disguises undone in the text.
    #[napi(getter)]
    pub fn transforms(&self) -> Vec<String> {
        self.inner.transforms.iter().map(ToString::to_string).collect()
    }

    /// The JSON document: snake_case, offsets in code points.
    #[napi(js_name = "toJSON", ts_return_type = "Record<string, unknown>")]
    pub fn to_json(&self) -> Value {
        document(&self.inner)
    }
}

fn run(text: &str, role: Option<&str>) -> aispm_core::Result<Detection> {
    let role = role.map_or(Ok(TextRole::Prompt), str::parse)?;
    let mut inner = Detectors::builtin().detect(text, role);
    let matches = place(&mut inner.matches, |found, unit| convert_offsets(text, found, unit));
    Ok(Detection { inner, matches })
}

/// Looks for injections, personal data, secrets and bad links in a text.
#[napi(ts_args_type = "text: string, role?: TextRole", ts_return_type = "Promise<Detection>")]
pub fn detect(text: String, role: Option<String>) -> AsyncTask<Call<Detection>> {
    promise(move || run(&text, role.as_deref()))
}

/// `detect` on this thread.
#[napi(ts_args_type = "text: string, role?: TextRole")]
pub fn detect_sync(env: &Env, text: String, role: Option<String>) -> napi::Result<Detection> {
    sync(env, run(&text, role.as_deref()))
}
