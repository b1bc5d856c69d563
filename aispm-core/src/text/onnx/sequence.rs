//! Texts to the probabilities of labels.

use std::ops::Range;
use std::path::Path;

use super::model::{Model, Task};
use super::{Labels, Options, Runtime};
use crate::asset::{Error, ErrorKind, Result};

/// A classifier of whole texts.
#[derive(Debug)]
pub struct SequenceClassifier {
    model: Model,
}

/// A part of a text and the probability of each label, in the order of [`SequenceClassifier::labels`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Window {
    /// Bytes of the text.
    pub span: Range<usize>,
    /// They sum to one, or stand each for itself where the model's `problem_type` is `multi_label_classification`.
    pub probabilities: Vec<f64>,
}

impl SequenceClassifier {
    /// Loads `model.onnx` (or `onnx/model.onnx`), `tokenizer.json` and `config.json` of this folder.
    ///
    /// # Errors
    /// `unreadable` if a file is missing, `malformed` or `invalid` if the files are not those of a classifier of texts;
    /// the message says what to do.
    pub fn load(runtime: &Runtime, folder: impl AsRef<Path>, options: &Options) -> Result<Self> {
        Model::load(runtime, folder.as_ref(), options, Task::Sequence).map(|model| Self { model })
    }

    /// The folder's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.model.name
    }

    /// The labels.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.model.labels
    }

    /// The windows of each text: one where it is short enough, else several that overlap.
    ///
    /// # Errors
    /// `invalid` if ONNX Runtime fails.
    pub fn classify(&self, texts: &[impl AsRef<str>]) -> Result<Vec<Vec<Window>>> {
        let tokens = texts.iter().map(|text| self.model.read(text.as_ref())).collect::<Result<Vec<_>>>()?;
        let windows: Vec<_> = tokens.iter().map(|tokens| self.model.windows(tokens)).collect();
        let counts: Vec<usize> = windows.iter().map(Vec::len).collect();
        let windows = windows.concat();
        let probabilities = self.model.probabilities(&windows)?;
        let read = windows.iter().zip(probabilities);
        let mut read = read.map(|(window, probabilities)| Window { span: window.span(), probabilities });
        Ok(counts.into_iter().map(|count| read.by_ref().take(count).collect()).collect())
    }
}

/// A classifier that knows injections.
#[derive(Debug)]
pub struct InjectionModel {
    classifier: SequenceClassifier,
    /// Which of its labels mean an injection.
    positive: Vec<usize>,
}

impl InjectionModel {
    /// With the labels that published models give to injections, such as `INJECTION`, `jailbreak` and `unsafe`.
    ///
    /// # Errors
    /// `usage` if there is none of them.
    pub fn new(classifier: SequenceClassifier) -> Result<Self> {
        let known = Labels::builtin();
        let labels = match classifier.labels() {
            labels if labels == known.unnamed => known.unnamed.get(1..).unwrap_or_default(),
            _ => &known.injection,
        };
        let positive = numbers(&classifier, labels);
        if positive.is_empty() {
            let found = classifier.labels().join(", ");
            let message = format!("none of the labels {found} is known to mean an injection: say which do");
            return Err(Error::new(ErrorKind::Usage, message));
        }
        Ok(Self { classifier, positive })
    }

    /// With these labels for injections, whatever their case.
    ///
    /// # Errors
    /// `usage` if the classifier has one of them not, or none is given.
    pub fn with_labels(classifier: SequenceClassifier, labels: &[impl AsRef<str>]) -> Result<Self> {
        let positive = numbers(&classifier, labels);
        if labels.is_empty() || positive.len() < labels.len() {
            let found = classifier.labels().join(", ");
            let message = format!("labels that mean an injection must be some of {found}");
            return Err(Error::new(ErrorKind::Usage, message));
        }
        Ok(Self { classifier, positive })
    }

    /// The folder's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.classifier.name()
    }

    /// The probability that the text holds an injection, and the window where it is highest.
    ///
    /// # Errors
    /// `invalid` if ONNX Runtime fails.
    pub fn strongest(&self, text: &str) -> Result<(f64, Range<usize>)> {
        let windows = self.classifier.classify(&[text])?.into_iter().flatten();
        // what a model says of nothing means nothing
        let windows = windows.filter(|window| !window.span.is_empty());
        let weighed = windows.map(|window| (self.weigh(&window.probabilities), window.span));
        Ok(weighed.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((0.0, 0..0)))
    }

    fn weigh(&self, probabilities: &[f64]) -> f64 {
        let positive = self.positive.iter().filter_map(|label| probabilities.get(*label));
        match self.classifier.model.is_multi_label() {
            true => positive.copied().fold(0.0, f64::max),
            false => positive.sum::<f64>().min(1.0),
        }
    }
}

/// The classifier's labels among these.
fn numbers(classifier: &SequenceClassifier, labels: &[impl AsRef<str>]) -> Vec<usize> {
    let among = |label: &str| labels.iter().any(|wanted| wanted.as_ref().eq_ignore_ascii_case(label));
    classifier.labels().iter().enumerate().filter(|(_, label)| among(label)).map(|(i, _)| i).collect()
}
