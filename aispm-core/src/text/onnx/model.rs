//! One model: a tokenizer before a graph.

use std::fmt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ort::logging::LogLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::{Outlet, Tensor, TensorElementType, ValueType};
use tokenizers::Encoding;

use super::windows::{Reader, Window};
use super::{Options, Runtime, folder};
use crate::asset::{Error, ErrorKind, Result};

/// What a graph is fed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Input {
    Ids,
    Mask,
    Types,
}

impl Input {
    fn named(name: &str) -> Option<Self> {
        match name {
            "input_ids" => Some(Self::Ids),
            "attention_mask" => Some(Self::Mask),
            "token_type_ids" => Some(Self::Types),
            _ => None,
        }
    }
}

/// What one probability speaks of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Task {
    Sequence,
    Token,
}

impl Task {
    /// Dimensions of the logits.
    const fn rank(self) -> usize {
        match self {
            Self::Sequence => 2,
            Self::Token => 3,
        }
    }
}

/// A loaded model.
pub(super) struct Model {
    pub(super) name: String,
    pub(super) labels: Vec<String>,
    task: Task,
    is_multi_label: bool,
    padding: i64,
    batch: usize,
    reader: Reader,
    /// In the order of the graph.
    inputs: Vec<(String, Input)>,
    /// Runs one batch at a time.
    session: Mutex<Session>,
}

impl Model {
    pub(super) fn load(runtime: &Runtime, folder: &Path, options: &Options, task: Task) -> Result<Self> {
        let config = folder::Config::read(folder)?;
        let labels = config.labels().map_err(|error| error.at(folder.join("config.json")))?;
        let reader = folder::reader(folder, &config, options)?;
        let graph = folder::graph(folder)?;
        let invalid = |message: String| Error::new(ErrorKind::Invalid, message).at(&graph);

        let session = session(runtime, &graph, options.threads).map_err(|error| invalid(error.to_string()))?;
        let inputs =
            session.inputs().iter().map(|input| input_of(input).map_err(invalid)).collect::<Result<Vec<_>>>()?;
        if !inputs.iter().any(|(_, input)| *input == Input::Ids) {
            return Err(invalid("takes no `input_ids`, so it is no text classifier".to_owned()));
        }
        let output = session.outputs().first().ok_or_else(|| invalid("gives nothing".to_owned()))?;
        check_output(output, task, labels.len()).map_err(invalid)?;

        let full = folder.canonicalize().map_err(|error| Error::unreadable(folder, error))?;
        let name = full.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (is_multi_label, padding) = (task == Task::Sequence && config.is_multi_label(), config.padding());
        let batch = options.batch.max(1);
        Ok(Self { name, labels, task, is_multi_label, padding, batch, reader, inputs, session: Mutex::new(session) })
    }

    /// The text in tokens.
    pub(super) fn read(&self, text: &str) -> Result<Encoding> {
        self.reader.read(text).map_err(|error| self.failed(&error.to_string()))
    }

    /// The windows of a text in tokens.
    pub(super) fn windows<'t>(&self, tokens: &'t Encoding) -> Vec<Window<'t>> {
        self.reader.cut(tokens)
    }

    /// The probabilities of each window: one of each label, for each of its tokens or for all of it. Windows are read
    /// in batches, each padded to its longest.
    pub(super) fn probabilities(&self, windows: &[Window<'_>]) -> Result<Vec<Vec<f64>>> {
        let batches = windows.chunks(self.batch).map(|batch| self.run(batch));
        batches.collect::<Result<Vec<_>>>().map(|batches| batches.into_iter().flatten().collect())
    }

    fn run(&self, windows: &[Window<'_>]) -> Result<Vec<Vec<f64>>> {
        let longest = windows.iter().map(Window::len).max().unwrap_or_default();
        let failed = |error: ort::Error| self.failed(&error.to_string());
        let inputs = self.inputs.iter().map(|(name, input)| {
            let values: Vec<i64> = windows.iter().flat_map(|window| self.values(window, *input, longest)).collect();
            let tensor = Tensor::from_array(([windows.len(), longest], values)).map_err(failed)?;
            Ok((name.as_str(), SessionInputValue::from(tensor)))
        });
        let inputs = inputs.collect::<Result<Vec<_>>>()?;

        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let outputs = session.run(inputs).map_err(failed)?;
        let (_, logits) = outputs.iter().next().ok_or_else(|| self.failed("it gave nothing"))?;
        let (shape, logits) = logits.try_extract_tensor::<f32>().map_err(failed)?;

        let labels = self.labels.len();
        let rows = if self.task == Task::Token { longest } else { 1 };
        let expected = [windows.len(), longest, labels];
        let expected =
            expected.iter().enumerate().filter(|(i, _)| self.task == Task::Token || *i != 1).map(|(_, n)| *n);
        if !shape.iter().map(|n| usize::try_from(*n).unwrap_or_default()).eq(expected) {
            return Err(self.failed(&format!("it gave {shape} for {} windows and {labels} labels", windows.len())));
        }
        let of = |(window, logits): (&Window<'_>, &[f32])| {
            let rows = if self.task == Task::Token { window.len() } else { 1 };
            logits.chunks(labels).take(rows).flat_map(|row| self.weigh(row)).collect()
        };
        Ok(windows.iter().zip(logits.chunks(rows * labels)).map(of).collect())
    }

    /// What the graph is fed of one window, padded.
    fn values(&self, window: &Window<'_>, input: Input, length: usize) -> Vec<i64> {
        let (mut values, padding): (Vec<i64>, i64) = match input {
            Input::Ids => (window.ids().map(i64::from).collect(), self.padding),
            Input::Mask => (vec![1; window.len()], 0),
            Input::Types => (window.types().map(i64::from).collect(), 0),
        };
        values.resize(length, padding);
        values
    }

    /// Probabilities of logits.
    fn weigh(&self, logits: &[f32]) -> Vec<f64> {
        let logits = logits.iter().map(|logit| f64::from(*logit));
        if self.is_multi_label {
            return logits.map(|logit| 1.0 / (1.0 + (-logit).exp())).collect();
        }
        let most = logits.clone().fold(f64::NEG_INFINITY, f64::max);
        let powers: Vec<f64> = logits.map(|logit| (logit - most).exp()).collect();
        let sum: f64 = powers.iter().sum();
        powers.iter().map(|power| power / sum).collect()
    }

    /// Whether more than one label can hold.
    pub(super) fn is_multi_label(&self) -> bool {
        self.is_multi_label
    }

    fn failed(&self, why: &str) -> Error {
        Error::new(ErrorKind::Invalid, format!("the model {} could not read the text: {why}", self.name))
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("name", &self.name).field("labels", &self.labels).finish_non_exhaustive()
    }
}

fn session(runtime: &Runtime, graph: &Path, threads: usize) -> ort::Result<Session> {
    // lengths change from text to text, so that patterns of memory would only pile up; errors are returned, not printed
    let builder =
        Session::builder(&runtime.environment)?.with_memory_pattern(false)?.with_log_level(LogLevel::Fatal)?;
    let builder = builder.with_intra_threads(threads)?.with_inter_threads(1)?;
    builder.with_intra_op_spinning(false)?.commit_from_file(graph)
}

fn input_of(outlet: &Outlet) -> std::result::Result<(String, Input), String> {
    let name = outlet.name();
    let input = Input::named(name).ok_or_else(|| {
        format!("takes `{name}`; a text classifier takes `input_ids`, `attention_mask` and `token_type_ids` at most")
    })?;
    match outlet.dtype() {
        ValueType::Tensor { ty: TensorElementType::Int64, .. } => Ok((name.to_owned(), input)),
        other => Err(format!("takes {other} as `{name}`, not int64")),
    }
}

/// What a graph gives must be logits of the task, as far as its shape is known before it runs.
fn check_output(outlet: &Outlet, task: Task, labels: usize) -> std::result::Result<(), String> {
    let name = outlet.name();
    let ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } = outlet.dtype() else {
        return Err(format!("gives {} as `{name}`; export it with logits in float32", outlet.dtype()));
    };
    let (wanted, found) = (task.rank(), shape.len());
    if found != wanted {
        let kind = match found {
            2 => "it is a sequence classifier",
            3 => "it is a token classifier, or no classifier",
            _ => "it is no classifier",
        };
        return Err(format!("gives `{name}` in {found} dimensions where {wanted} are needed: {kind}"));
    }
    match shape.last().map(|last| usize::try_from(*last)) {
        Some(Ok(found)) if found != labels => {
            Err(format!("gives {found} values as `{name}`, but config.json names {labels} labels in `id2label`"))
        }
        _ => Ok(()),
    }
}
