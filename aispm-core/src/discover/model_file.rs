//! Files that hold a model, told by their content and judged by the artifact scanner.

use std::path::Path;

use serde_json::Value;

use super::ai_native::describe_model;
use super::format::{Found, Structured};
use super::walk::file_name;
use crate::artifact::{FileReport, Format, Scanner, Verdict};
use crate::asset::{Asset, AssetKind, Evidence};

pub(super) const FORMATS: &[Structured] = &[CONFIG];

/// `config.json` and `tokenizer_config.json` of a Hugging Face model, whose templates and remote code run on loading.
const CONFIG: Structured = Structured {
    name: "huggingface-config",
    critical: true,
    in_parts: false,
    markers: &["\"chat_template\""],
    matches: |value| {
        value.get("chat_template").is_some()
            || value.get("auto_map").is_some()
            || value.get("architectures").is_some_and(Value::is_array)
            || value.get("model_type").is_some() && value.get("transformers_version").is_some()
            || value.get("tokenizer_class").is_some()
    },
    read: |document, found| {
        let text = document.value.to_string();
        let report = Scanner::builtin().scan_bytes(document.path(), text.as_bytes());
        let mut asset = describe(&report);
        for key in ["model_type", "architectures", "_name_or_path", "auto_map", "tokenizer_class"] {
            if let Some(value) = document.value.get(key) {
                asset.properties.insert(key.to_owned(), value.clone());
            }
        }
        // the scan was of the document, not of the file's bytes
        asset.provenance.digests.clear();
        found.inventory.add(asset.seen(document.evidence("")));
        describe_model(document, found);
    },
};

/// Names that say a file is a model, whatever its content: what is under them must be scanned or reported.
const MODEL_NAMES: &[&str] = &[
    "pt",
    "pth",
    "ckpt",
    "pkl",
    "pickle",
    "joblib",
    "dill",
    "skops",
    "safetensors",
    "gguf",
    "onnx",
    "keras",
    "h5",
    "hdf5",
    "npy",
    "npz",
    "mar",
    "nemo",
    "mlmodel",
    "tflite",
];
/// Names of binary files that may be models.
const MAYBE_NAMES: &[&str] = &["bin", "pb", "model", "weights", "dat", "llamafile"];
/// Text whose first words may look like a pickle of the oldest kind.
const SOURCE: &[&str] =
    &["py", "js", "ts", "json", "yaml", "yml", "md", "toml", "tf", "go", "rs", "c", "h", "sh", "html", "csv", "rst"];
/// Names of templates that models bring along.
const TEMPLATES: &[&str] = &["jinja", "jinja2", "j2", "template"];

/// Whether a file's name says that it is a model, or may be.
pub(super) fn is_named(path: &str) -> bool {
    let name = file_name(path).to_ascii_lowercase();
    name.rsplit_once('.').is_some_and(|(_, end)| MODEL_NAMES.contains(&end) || MAYBE_NAMES.contains(&end))
}

/// What name and first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sniffed {
    /// A model file.
    Model,
    /// An archive or binary file: a model if the scanner finds something.
    Maybe,
}

/// Whether a file is a model, or may hold one.
pub(super) fn sniff(path: &str, bytes: &[u8]) -> Option<Sniffed> {
    let name = file_name(path).to_ascii_lowercase();
    let mut extensions = name.split('.').skip(1);
    let last = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let format = Scanner::sniff(bytes);
    match format {
        Some(Format::Empty) => None,
        // the index of sharded weights is no weights
        _ if name.ends_with(".index.json") => None,
        _ if last == "pth" && is_path_file(bytes) => None,
        // a signature or checksum of one, unless it is a model by its content
        None | Some(Format::Json | Format::Text) if super::signature::is_beside(&name) => None,
        // `model.pkl.gz` is one as well
        _ if name.starts_with("model.tar") || extensions.any(|extension| MODEL_NAMES.contains(&extension)) => {
            Some(Sniffed::Model)
        }
        Some(Format::Pickle | Format::Joblib) if bytes.first() != Some(&0x80) && SOURCE.contains(&last) => None,
        Some(
            Format::Pickle
            | Format::Joblib
            | Format::Torch
            | Format::Npy
            | Format::Npz
            | Format::Safetensors
            | Format::Gguf
            | Format::Onnx
            | Format::SavedModel
            | Format::Keras
            | Format::Hdf5
            | Format::Skops,
        ) => Some(Sniffed::Model),
        Some(Format::Jinja) if TEMPLATES.contains(&last) => Some(Sniffed::Model),
        Some(
            Format::Zip
            | Format::Tar
            | Format::SevenZip
            | Format::Gzip
            | Format::Zlib
            | Format::Bzip2
            | Format::Xz
            | Format::Lzma
            | Format::Zstd
            | Format::Lz4,
        ) => Some(Sniffed::Maybe),
        _ => MAYBE_NAMES.contains(&last).then_some(Sniffed::Maybe),
    }
}

/// Whether a `.pth` is Python's own, with paths and imports, and not PyTorch's: text that begins with what stops a pickle
/// at its first instruction.
fn is_path_file(bytes: &[u8]) -> bool {
    let begins = |start: &&str| bytes.starts_with(start.as_bytes());
    ["import ", "/", ".", "#"].iter().any(begins) && std::str::from_utf8(bytes).is_ok()
}

/// What became of a model file or archive.
pub(super) enum Read {
    /// It is a model file of this format.
    Model(Format),
    /// It is one, but was not scanned in full.
    Unscanned(String),
    /// An archive in which the scanner saw nothing.
    Archive,
}

/// Scans bytes and adds a model file.
pub(super) fn read(path: &str, sniffed: Sniffed, bytes: &[u8], found: &mut Found) -> Read {
    take(path, sniffed, &Scanner::builtin().scan_bytes(path, bytes), found)
}

/// Scans a file that is too large to be read whole: by its header where that is all that matters.
pub(super) fn read_large(path: &Path, sniffed: Sniffed, limit: u64, found: &mut Found) -> Read {
    let report = Scanner::builder().file_limit(limit).build().scan_file(path);
    take(&path.display().to_string(), sniffed, &report, found)
}

fn take(path: &str, sniffed: Sniffed, report: &FileReport, found: &mut Found) -> Read {
    if sniffed == Sniffed::Maybe && report.findings.is_empty() {
        return match (&report.verdict, &report.reason) {
            (Verdict::Unscanned, Some(reason)) => Read::Unscanned(reason.clone()),
            _ => Read::Archive,
        };
    }
    found.inventory.add(describe(report).seen(Evidence::file(path)));
    match &report.reason {
        Some(reason) => Read::Unscanned(reason.clone()),
        None => Read::Model(report.format),
    }
}

/// A report as an asset.
fn describe(report: &FileReport) -> Asset {
    let mut asset = Asset::new(format!("file:{}", report.path), AssetKind::ModelFile, file_name(&report.path))
        .with("format", report.format.as_str())
        .with("verdict", report.verdict.as_str())
        .with("findings", serde_json::to_value(&report.findings).unwrap_or_default());
    if let Some(reason) = &report.reason {
        asset.properties.insert("reason".into(), reason.as_str().into());
    }
    if let Some(sha256) = &report.sha256 {
        asset.provenance.digests.insert("sha256".to_owned(), sha256.clone());
    }
    asset
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::Document;

    #[test]
    fn a_pickle_is_judged_and_source_is_left_alone() {
        let bytes = b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.";
        let sniffed = sniff("p/m.dat", bytes).unwrap();
        let mut found = Found::default();
        assert!(matches!(read("p/m.dat", sniffed, bytes, &mut found), Read::Model(Format::Pickle)));
        let asset = found.inventory.get("file:p/m.dat").unwrap();
        assert_eq!((asset.ai, asset.text("verdict")), (true, Some("malicious")));
        assert!(asset.provenance.digests.contains_key("sha256"));
        assert_eq!(sniff("p/a.py", b"import os\nprint(1)\n"), None);
        assert_eq!(sniff("p/site.pth", b"import os; os.getcwd()\n"), None);
        assert_eq!(sniff("p/m.pth", b"\x00\x01"), Some(Sniffed::Model));
    }

    #[test]
    fn a_template_that_reaches_out_is_found_in_a_configuration() {
        let text = r#"{"chat_template": "{{ ''.__class__.__mro__[1].__subclasses__() }}"}"#;
        let mut found = Found::default();
        (CONFIG.read)(&Document::json("tokenizer_config.json", text).unwrap(), &mut found);
        let asset = found.inventory.get("file:tokenizer_config.json").unwrap();
        assert_ne!(asset.text("verdict"), Some("clean"), "{asset:?}");
    }
}
