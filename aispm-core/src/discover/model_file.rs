//! Files that hold a model, told by their first bytes.

use super::format::Found;
use super::walk::file_name;
use crate::asset::{Asset, AssetKind, Evidence};

/// The format of a model file, or `None` for any other file.
pub(super) fn sniff(path: &str, bytes: &[u8]) -> Option<&'static str> {
    let name = file_name(path).to_ascii_lowercase();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let pickled = ["pkl", "pickle", "joblib", "pt", "pth", "ckpt", "bin", "dill"].contains(&extension);
    match bytes {
        [b'G', b'G', b'U', b'F', ..] => Some("gguf"),
        [0x89, b'H', b'D', b'F', b'\r', b'\n', 0x1A, b'\n', ..] => Some("hdf5"),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Some("numpy"),
        [0x80, 2..=5, ..] => Some("pickle"),
        [0x08, 1..=12, 0x12, ..] if extension == "onnx" => Some("onnx"),
        [b'P', b'K', 3, 4, ..] if ["pt", "pth", "ckpt", "bin"].contains(&extension) => Some("pytorch"),
        [b'P', b'K', 3, 4, ..] if extension == "keras" => Some("keras"),
        [b'P', b'K', 3, 4, ..] if extension == "npz" => Some("numpy"),
        [a, b, c, d, 0, 0, 0, 0, b'{', b'"', ..] if u32::from_le_bytes([*a, *b, *c, *d]) > 1 => Some("safetensors"),
        [_, ..] if pickled && !bytes.is_ascii() => Some("pickle"),
        _ => None,
    }
}

/// Adds a model file; returns why it could not be scanned, if so.
pub(super) fn read(path: &str, bytes: &[u8], found: &mut Found) -> Option<String> {
    let reason = "no scanner for model files yet";
    unscanned(path, bytes, reason, found);
    Some(reason.to_owned())
}

/// Adds a model file that was not scanned.
pub(super) fn unscanned(path: &str, head: &[u8], reason: &str, found: &mut Found) {
    let asset = Asset::new(format!("file:{path}"), AssetKind::ModelFile, file_name(path))
        .with("format", sniff(path, head))
        .with("verdict", "unscanned")
        .with("reason", reason);
    found.inventory.add(asset.seen(Evidence::file(path)));
}
