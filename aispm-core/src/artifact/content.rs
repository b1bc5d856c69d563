//! What bytes are, and which reader they go to.

use memchr::memmem;

use super::report::Format;
use super::rule::Rule;
use super::scan::Scan;
use super::{
    config, dataset, gguf, hdf5, npy, onnx, packed, pickle, safetensors, saved_model, sevenz, source, tar, template,
    zip,
};
use crate::asset::Severity;

/// How much of a text decides what it is.
const HEAD: usize = 64 << 10;

const MAGIC: &[(&[u8], Format)] = &[
    (b"\x89HDF\r\n\x1a\n", Format::Hdf5),
    (b"GGUF", Format::Gguf),
    (npy::MAGIC, Format::Npy),
    (b"7z\xbc\xaf\x27\x1c", Format::SevenZip),
    (b"Rar!\x1a\x07", Format::Rar),
    (b"\x1f\x8b", Format::Gzip),
    (b"BZh", Format::Bzip2),
    (b"\xfd7zXZ\0", Format::Xz),
    (b"\x28\xb5\x2f\xfd", Format::Zstd),
    (b"\x04\x22\x4d\x18", Format::Lz4),
    (b"\x89PNG", Format::Image),
    (b"\xff\xd8\xff", Format::Image),
    (b"GIF8", Format::Image),
    (b"\x7fELF", Format::Executable),
    (b"\xcf\xfa\xed\xfe", Format::Executable),
    (b"\xce\xfa\xed\xfe", Format::Executable),
    (b"\xca\xfe\xba\xbe", Format::Executable),
];

/// What the bytes are: the whole file, or its first kilobytes. `None` if nothing known.
pub(super) fn sniff(bytes: &[u8]) -> Option<Format> {
    if bytes.is_empty() {
        return Some(Format::Empty);
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return Some(zip_kind(bytes));
    }
    if let Some((_, format)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(*format);
    }
    if is_windows_program(bytes) {
        return Some(Format::Executable);
    }
    if safetensors::starts(bytes) {
        return Some(Format::Safetensors);
    }
    if tar::starts(bytes) {
        return Some(Format::Tar);
    }
    if pickle::starts(bytes) {
        let joblib = memmem::find(bytes.get(..HEAD).unwrap_or(bytes), b"NumpyArrayWrapper").is_some();
        return Some(if joblib { Format::Joblib } else { Format::Pickle });
    }
    if bytes.starts_with(b"\x5d\0\0") && bytes.len() > 13 {
        return Some(Format::Lzma);
    }
    if matches!(bytes, [0x78, flags, ..] if (0x7800 + u16::from(*flags)).is_multiple_of(31) && flags & 0x20 == 0)
        && std::str::from_utf8(bytes.get(..16).unwrap_or(bytes)).is_err()
    {
        return Some(Format::Zlib);
    }
    if saved_model::starts(bytes) {
        return Some(Format::SavedModel);
    }
    if onnx::starts(bytes) {
        return Some(Format::Onnx);
    }
    text_kind(bytes)
}

/// Scans bytes as what they are, and for what else they may be taken for. Returns what they are.
pub(super) fn scan(scan: &mut Scan, name: &str, bytes: &[u8]) -> Format {
    let format = sniff(bytes).unwrap_or(Format::Binary);
    let mut result = format;
    match format {
        Format::Pickle | Format::Joblib => {
            if pickle::scan(scan, bytes) {
                result = Format::Joblib;
            }
        }
        Format::Torch | Format::Npz | Format::Keras | Format::Skops | Format::Zip => zip::scan(scan, bytes),
        Format::Tar => tar::scan(scan, bytes),
        Format::SevenZip => sevenz::scan(scan, bytes),
        Format::Gzip | Format::Zlib | Format::Bzip2 | Format::Xz | Format::Lzma | Format::Zstd | Format::Lz4 => {
            packed::scan(scan, format, name, bytes);
        }
        Format::Rar => scan.unread("RAR archives are not unpacked"),
        Format::Npy => npy::scan(scan, bytes),
        Format::Safetensors => safetensors::scan(scan, bytes, bytes.len() as u64),
        Format::Gguf => gguf::scan(scan, bytes, bytes.len() as u64),
        Format::Onnx => onnx::scan(scan, bytes),
        Format::SavedModel => saved_model::scan(scan, bytes),
        Format::Hdf5 => hdf5::scan(scan, bytes),
        Format::Executable => executable(scan, name),
        Format::Json => config::json(scan, bytes),
        Format::JsonLines => dataset::scan(scan, bytes),
        Format::Yaml => config::yaml(scan, bytes),
        Format::Xml => source::xml(scan, bytes),
        Format::Jinja => template::scan(scan, &String::from_utf8_lossy(bytes)),
        Format::Python => source::python(scan, bytes),
        Format::Text => dataset::text(scan, bytes),
        Format::Image | Format::Empty | Format::Binary => {}
    }
    if is_opaque(format) {
        pickle::hidden(scan, bytes, 0);
    }
    let archive = matches!(format, Format::Torch | Format::Npz | Format::Keras | Format::Skops | Format::Zip);
    if !archive && zip::is_inside(bytes) {
        zip::scan(scan, bytes);
    }
    result
}

/// Formats whose bytes nobody else has searched for a pickle.
fn is_opaque(format: Format) -> bool {
    matches!(
        format,
        Format::Safetensors
            | Format::Gguf
            | Format::Onnx
            | Format::SavedModel
            | Format::Hdf5
            | Format::Image
            | Format::Binary
            | Format::Text
            | Format::Executable
            | Format::Gzip
            | Format::Zlib
    )
}

/// What kind of zip: by the names of its members, wherever they stand.
fn zip_kind(bytes: &[u8]) -> Format {
    let has = |name: &[u8]| memmem::find(bytes, name).is_some();
    if has(b"data.pkl") || has(b"constants.pkl") {
        Format::Torch
    } else if has(b"config.json") && has(b"metadata.json") {
        Format::Keras
    } else if has(b"schema.json") {
        Format::Skops
    } else if has(b".npy") {
        Format::Npz
    } else {
        Format::Zip
    }
}

fn is_windows_program(bytes: &[u8]) -> bool {
    bytes.starts_with(b"MZ") && memmem::find(bytes.get(..4096).unwrap_or(bytes), b"PE\0\0").is_some()
}

/// A program is expected beside a model as little as inside one; with a model's name it is an attack.
fn executable(scan: &mut Scan, name: &str) {
    const MODEL_NAMES: &[&str] = &[
        "safetensors",
        "bin",
        "pt",
        "pth",
        "ckpt",
        "pkl",
        "pickle",
        "joblib",
        "gguf",
        "ggml",
        "onnx",
        "h5",
        "hdf5",
        "keras",
        "npy",
        "npz",
        "pb",
        "tflite",
        "json",
        "model",
        "dill",
        "nemo",
    ];
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    let severity = if MODEL_NAMES.contains(&extension.as_str()) { Severity::High } else { Severity::Medium };
    scan.found_as(Rule::Executable, severity, Some(0), &extension, "the file is a program or a native library");
}

fn text_kind(bytes: &[u8]) -> Option<Format> {
    let head = bytes.get(..HEAD).unwrap_or(bytes);
    if head.contains(&0) {
        return None;
    }
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // cut inside a character
        Err(error) if head.len() - error.valid_up_to() < 4 && error.valid_up_to() > 0 => {
            std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next()?.trim();
    let object = |line: &str| line.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok();
    if object(first) && lines.next().is_some_and(|line| line.trim_start().starts_with('{')) {
        return Some(Format::JsonLines);
    }
    if (text.starts_with('{') && !text.starts_with("{%") && !text.starts_with("{{")) || text.starts_with('[') {
        return Some(Format::Json);
    }
    if first.starts_with('<') && ["<?xml", "<!DOCTYPE", "<PMML"].iter().any(|tag| first.starts_with(tag)) {
        return Some(Format::Xml);
    }
    if source::is_python(text) {
        return Some(Format::Python);
    }
    if text.contains("!!python/") || text.contains("!!map") {
        return Some(Format::Yaml);
    }
    if config::is_yaml(text) {
        return Some(Format::Yaml);
    }
    if text.contains("{%") || text.contains("{{") {
        return Some(Format::Jinja);
    }
    Some(Format::Text)
}
