//! Models of the user's own beside the built-in detectors: any classifier of texts or of tokens that was exported as
//! ONNX with its `tokenizer.json` and `config.json`, run by the user's own ONNX Runtime.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use aispm_core::asset::TextRole;
//! use aispm_core::text::Detectors;
//! use aispm_core::text::onnx::{InjectionModel, Options, Runtime, SequenceClassifier, TokenClassifier};
//!
//! # fn main() -> aispm_core::Result<()> {
//! let runtime = Runtime::load("/usr/lib/libonnxruntime.so")?;
//! let names = TokenClassifier::load(&runtime, "models/names", &Options::default())?;
//! let injection = SequenceClassifier::load(&runtime, "models/injection", &Options::default())?;
//! let detectors = Detectors::builder()
//!     .names_model(Arc::new(names))
//!     .injection_model(Arc::new(InjectionModel::new(injection)?))
//!     .build();
//! let found = detectors.detect("Ask Marta Kowalczyk.", TextRole::Prompt);
//! # Ok(())
//! # }
//! ```
//!
//! Time is linear in the text, and milliseconds a window: what a guard may spend is bounded by its `max_bytes`. Memory
//! is bounded by [`Options::batch`] windows of [`Options::window`] tokens, beside about 200 bytes a token of the text.
//! Nothing is downloaded. A model file is data to ONNX Runtime, a library is code: see `SECURITY.md`.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde::Deserialize;

use super::{Detection, Detector};
use crate::asset::{Document, Match, Severity, TextRole};

mod folder;
mod model;
mod runtime;
mod sequence;
mod token;
mod windows;

pub use runtime::Runtime;
pub use sequence::{InjectionModel, SequenceClassifier, Window};
pub use token::{Entity, TokenClassifier};

/// How a model reads.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Most tokens read at once, those that the tokenizer adds among them; a model that bears fewer gets fewer.
    pub window: usize,
    /// Tokens that two neighbouring windows of a long text share; half a window at most.
    pub overlap: usize,
    /// Most windows read at once.
    pub batch: usize,
    /// Threads of one model; 0 for as many as there are cores.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { window: 512, overlap: 64, batch: 8, threads: 1 }
    }
}

/// What labels of published models mean: `data/text/onnx_labels.yaml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Labels {
    injection: Vec<String>,
    unnamed: [String; 2],
    entities: BTreeMap<String, Option<String>>,
}

impl Labels {
    /// A test reads them, so that the default never stands in.
    fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Labels> = LazyLock::new(|| {
            Document::config("onnx_labels.yaml", include_str!("../../../data/text/onnx_labels.yaml"))
                .unwrap_or_default()
        });
        &BUILTIN
    }
}

/// The models of a set of detectors.
#[derive(Debug, Clone, Default)]
pub(super) struct Models {
    pub(super) names: Vec<Arc<TokenClassifier>>,
    pub(super) injection: Option<Arc<InjectionModel>>,
}

impl Models {
    /// What the models for names find.
    pub(super) fn find_names(&self, text: &str, found: &mut Detection) {
        for model in &self.names {
            match model.entities(text) {
                Ok(entities) => found.matches.extend(entities.into_iter().map(|entity| {
                    let severity = super::sensitive::pii::severity_of(&entity.kind);
                    let (kind, rule) = (entity.kind, model.name().to_owned());
                    Match::new(Detector::Pii.as_str(), kind, rule, entity.probability, severity, entity.span)
                })),
                Err(error) => found.incomplete.push(error.to_string()),
            }
        }
    }

    /// The probability of an injection by its model, and where it sees it, if that reaches `threshold`.
    ///
    /// The model's even chance counts as the built-in detector's own threshold for the role, so that one threshold
    /// speaks for both.
    pub(super) fn find_injection(
        &self,
        text: &str,
        role: TextRole,
        threshold: f64,
        found: &mut Detection,
    ) -> Option<f64> {
        let model = self.injection.as_ref()?;
        match model.strongest(text) {
            Ok((probability, span)) => {
                let score = shift(probability, Detector::PromptInjection.threshold(role));
                if score >= threshold {
                    let detector = Detector::PromptInjection.as_str();
                    let rule = model.name().to_owned();
                    found.matches.push(Match::new(detector, "PROMPT_INJECTION", rule, score, Severity::Medium, span));
                }
                Some(score)
            }
            Err(error) => {
                found.incomplete.push(error.to_string());
                None
            }
        }
    }
}

/// The probability moved so that one half becomes `middle`: odds times its odds.
fn shift(probability: f64, middle: f64) -> f64 {
    let yes = probability * middle;
    yes / (yes + (1.0 - probability) * (1.0 - middle))
}

#[cfg(test)]
mod tests;
