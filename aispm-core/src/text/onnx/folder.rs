//! What the files beside a model say of it, as Hugging Face exports them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokenizers::Tokenizer;

use super::Options;
use super::windows::Reader;
use crate::asset::{Error, ErrorKind, Result};

/// Where exports keep the graph.
const GRAPHS: [&str; 2] = ["model.onnx", "onnx/model.onnx"];

/// Models that count positions from behind their padding's number.
const SHIFTED: [&str; 5] = ["camembert", "longformer", "mpnet", "roberta", "xlm-roberta"];

/// `config.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    id2label: BTreeMap<String, String>,
    problem_type: Option<String>,
    model_type: String,
    max_position_embeddings: Option<usize>,
    pad_token_id: Option<i64>,
}

/// `tokenizer_config.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TokenizerConfig {
    /// As large as 1e30 where there is no limit.
    model_max_length: Option<f64>,
}

impl Config {
    pub(super) fn read(folder: &Path) -> Result<Self> {
        json(&folder.join("config.json"))
    }

    /// The labels by number. Exports leave out two labels without a name.
    pub(super) fn labels(&self) -> Result<Vec<String>> {
        if self.id2label.is_empty() {
            return Ok(vec!["LABEL_0".to_owned(), "LABEL_1".to_owned()]);
        }
        let labels = (0..self.id2label.len()).map(|i| self.id2label.get(&i.to_string()).cloned());
        labels.collect::<Option<_>>().ok_or_else(|| {
            Error::new(ErrorKind::Invalid, "`id2label` does not number the labels from \"0\" on without a gap")
        })
    }

    /// Whether labels stand for themselves instead of excluding each other.
    pub(super) fn is_multi_label(&self) -> bool {
        self.problem_type.as_deref() == Some("multi_label_classification")
    }

    /// Most tokens at once, as far as known.
    fn longest(&self) -> Option<usize> {
        let shift = if SHIFTED.contains(&self.model_type.as_str()) { 2 } else { 0 };
        self.max_position_embeddings.map(|positions| positions.saturating_sub(shift))
    }

    pub(super) fn padding(&self) -> i64 {
        self.pad_token_id.filter(|id| *id >= 0).unwrap_or_default()
    }
}

/// The graph's file.
pub(super) fn graph(folder: &Path) -> Result<PathBuf> {
    GRAPHS.iter().map(|name| folder.join(name)).find(|path| path.is_file()).ok_or_else(|| {
        let message = "holds neither model.onnx nor onnx/model.onnx: export the model as ONNX with its tokenizer \
                       (`optimum-cli export onnx`) and name that folder";
        Error::new(ErrorKind::Unreadable, message).at(folder)
    })
}

/// The tokenizer, and the longest windows that both the options and the model bear.
pub(super) fn reader(folder: &Path, config: &Config, options: &Options) -> Result<Reader> {
    let path = folder.join("tokenizer.json");
    let bytes = std::fs::read(&path).map_err(|error| {
        let message = format!("{error}: the model needs its fast tokenizer (`tokenizer.save_pretrained` writes it)");
        Error::new(ErrorKind::Unreadable, message).at(&path)
    })?;
    let tokenizer =
        Tokenizer::from_bytes(bytes).map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()).at(&path))?;

    let beside = folder.join("tokenizer_config.json");
    let said: TokenizerConfig = if beside.is_file() { json(&beside)? } else { TokenizerConfig::default() };
    // a float turns into the nearest integer there is
    let most = [config.longest(), said.model_max_length.map(|length| length as usize)].into_iter().flatten().min();
    let window = options.window.min(most.unwrap_or(usize::MAX));
    Reader::new(tokenizer, window, options.overlap).map_err(|why| Error::new(ErrorKind::Usage, why).at(folder))
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read(path).map_err(|error| Error::unreadable(path, error))?;
    serde_json::from_slice(&text).map_err(|error| Error::from(error).at(path))
}
