//! The models that a guard's policy names.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::config::Policy;
use crate::asset::Result;
use crate::text::DetectorsBuilder;

/// Models beside the built-in detectors, each a folder with `model.onnx` or `onnx/model.onnx`, `tokenizer.json` and
/// `config.json` as Hugging Face exports it. Needs the feature `onnx`, which the Python and Node packages have.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ModelPolicy {
    /// A classifier of tokens, for names.
    pub names: Option<PathBuf>,
    /// Presidio's entity for labels of `names`; null: not reported. What is not listed is named by what is known of
    /// published models.
    pub names_labels: BTreeMap<String, Option<String>>,
    /// A classifier of texts, for prompt injection.
    pub injection: Option<PathBuf>,
    /// Labels of `injection` that mean one, if not those that published models have.
    pub injection_labels: Vec<String>,
    /// ONNX Runtime's shared library, 1.24 or later: without it what `ORT_DYLIB_PATH` names, else in Python the package
    /// `onnxruntime`, in Node `onnxruntime-node`.
    pub runtime: Option<PathBuf>,
    /// Threads of each model: 1 without it, 0 for as many as there are cores.
    pub threads: Option<usize>,
}

#[cfg(not(feature = "onnx"))]
mod loaded {
    use super::{DetectorsBuilder, ModelPolicy, Policy, Result};
    use crate::asset::{Error, ErrorKind};

    /// None.
    #[derive(Debug, Clone, Default)]
    pub(in crate::guard) struct Models;

    impl ModelPolicy {
        pub(in crate::guard) fn load(&self, _: &Policy) -> Result<Models> {
            match self == &Self::default() {
                true => Ok(Models),
                false => Err(Error::new(ErrorKind::Usage, "`models` needs aispm built with the feature `onnx`")),
            }
        }
    }

    impl Models {
        #[expect(clippy::unused_self, reason = "as with the feature")]
        pub(in crate::guard) fn add_to(&self, builder: DetectorsBuilder) -> DetectorsBuilder {
            builder
        }
    }
}

#[cfg(feature = "onnx")]
mod loaded {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::{DetectorsBuilder, ModelPolicy, Policy, Result};
    use crate::text::onnx::{InjectionModel, Options, Runtime, SequenceClassifier, TokenClassifier};

    /// The loaded models.
    #[derive(Debug, Clone, Default)]
    pub(in crate::guard) struct Models {
        names: Option<Arc<TokenClassifier>>,
        injection: Option<Arc<InjectionModel>>,
    }

    impl ModelPolicy {
        pub(in crate::guard) fn load(&self, policy: &Policy) -> Result<Models> {
            if self.names.is_none() && self.injection.is_none() {
                return Ok(Models::default());
            }
            let beside = |path: &PathBuf| policy.beside(path);
            let runtime = self.runtime.as_ref().map(beside).map_or_else(Runtime::find, Runtime::load)?;
            let mut options = Options::default();
            options.threads = self.threads.unwrap_or(options.threads);
            let names = self.names.as_ref().map(beside).map(|folder| {
                TokenClassifier::load(&runtime, &folder, &options)?.rename(&self.names_labels).map_err(|e| e.at(folder))
            });
            let injection = self.injection.as_ref().map(beside).map(|folder| {
                let classifier = SequenceClassifier::load(&runtime, &folder, &options)?;
                let model = match self.injection_labels.as_slice() {
                    [] => InjectionModel::new(classifier),
                    labels => InjectionModel::with_labels(classifier, labels),
                };
                model.map_err(|error| error.at(folder))
            });
            Ok(Models { names: names.transpose()?.map(Arc::new), injection: injection.transpose()?.map(Arc::new) })
        }
    }

    impl Models {
        pub(in crate::guard) fn add_to(&self, builder: DetectorsBuilder) -> DetectorsBuilder {
            let builder = self.names.iter().cloned().fold(builder, DetectorsBuilder::names_model);
            self.injection.iter().cloned().fold(builder, DetectorsBuilder::injection_model)
        }
    }
}

pub(super) use loaded::Models;
