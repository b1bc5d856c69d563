//! What vouches for a model file: signatures beside it, attestations that name its digest, lists of checksums.
//!
//! A signature is noted, not verified: that takes the signer's identity and a trust root, which no export holds. The
//! digest that a statement names is compared with the file's own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::at::{items, text};
use super::format::{Found, Source, Structured, Textual};
use super::walk::{file_name, parent};
use crate::asset::{Asset, AssetKind, Document, Error, Evidence, hex};

/// Most files that one statement or list vouches for.
const SUBJECTS: usize = 4096;
/// Ends of the names of files that only hold a signature.
const DETACHED: [&str; 4] = [".sig", ".asc", ".minisig", ".p7s"];
/// Ends of the names of files that hold a signature and what it is over.
const BUNDLES: [&str; 7] = [".sigstore.json", ".sigstore", ".bundle.json", ".bundle", ".intoto.jsonl", ".att", ".sig"];

/// Ends of the names of files that hold the digest of one file.
const CHECKSUMS: [&str; 2] = [".sha256", ".sha256sum"];

pub(super) const FORMATS: &[Structured] = &[
    Structured {
        name: "sigstore",
        critical: false,
        in_parts: false,
        markers: &["application/vnd.dev.sigstore.bundle"],
        matches: |value| {
            text(value, "/mediaType").is_some_and(|name| name.starts_with("application/vnd.dev.sigstore.bundle"))
        },
        read: |document, found| {
            let value = &document.value;
            if let Some(payload) = text(value, "/dsseEnvelope/payload") {
                return envelope(document, payload, "/dsseEnvelope", found);
            }
            let digest =
                text(value, "/messageSignature/messageDigest/digest").and_then(|text| STANDARD.decode(text).ok());
            if let Some(file) = signed(document.path(), &BUNDLES) {
                vouch(&file, digest.map(|bytes| hex(&bytes)), true, document.evidence("/messageSignature"), found);
            }
        },
    },
    Structured {
        name: "in-toto",
        critical: false,
        in_parts: false,
        markers: &["application/vnd.in-toto+json"],
        matches: |value| {
            text(value, "/payloadType") == Some("application/vnd.in-toto+json") && value.get("payload").is_some()
                || text(value, "/_type").is_some_and(|name| name.starts_with("https://in-toto.io/Statement"))
        },
        read: |document, found| match text(&document.value, "/payload") {
            Some(payload) => envelope(document, payload, "", found),
            None => statement(&document.value, document.path(), false, &document.evidence(""), found),
        },
    },
];

pub(super) const TEXTS: &[Textual] = &[
    Textual {
        name: "signature",
        critical: false,
        // a bundle may bear such a name
        matches: |source| signed(source.path, &DETACHED).is_some() && !source.text.trim_start().starts_with('{'),
        read: |source, found| {
            if let Some(file) = signed(source.path, &DETACHED) {
                vouch(&file, None, true, source.line(1), found);
            }
            Ok(())
        },
    },
    Textual {
        name: "checksums",
        critical: false,
        matches: |source| {
            let name = source.name().to_ascii_lowercase();
            CHECKSUMS.iter().any(|end| name.ends_with(end)) || name == "sha256sums" || name == "sha256sums.txt"
        },
        read: checksums,
    },
];

/// Whether a name is that of a signature or checksum.
pub(super) fn is_beside(name: &str) -> bool {
    DETACHED.iter().chain(&BUNDLES).chain(&CHECKSUMS).any(|end| name.ends_with(end))
}

/// The file that one of these names is about.
fn signed(path: &str, ends: &[&str]) -> Option<String> {
    ends.iter().find_map(|end| path.strip_suffix(end)).filter(|file| !file_name(file).is_empty()).map(str::to_owned)
}

fn envelope(document: &Document, payload: &str, pointer: &str, found: &mut Found) {
    let statement_ = STANDARD.decode(payload).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let has_signature = items(document.value.pointer(pointer).unwrap_or(&Value::Null), "/signatures").next().is_some();
    if let Some(value) = statement_ {
        statement(&value, document.path(), has_signature, &document.evidence(pointer), found);
    }
}

/// Subjects of an in-toto statement, and the files that a signed model lists.
fn statement(value: &Value, path: &str, signed: bool, evidence: &Evidence, found: &mut Found) {
    let folder = parent(path);
    let subjects = items(value, "/subject").map(|(_, entry)| (entry, text(entry, "/digest/sha256")));
    let resources = items(value, "/predicate/resources")
        .filter(|(_, entry)| text(entry, "/algorithm").is_none_or(|name| name.eq_ignore_ascii_case("sha256")))
        .map(|(_, entry)| (entry, text(entry, "/digest")));
    for (entry, digest) in subjects.chain(resources).take(SUBJECTS) {
        if let Some(name) = text(entry, "/name").or_else(|| text(entry, "/uri")) {
            vouch(&format!("{folder}/{name}"), digest.map(str::to_ascii_lowercase), signed, evidence.clone(), found);
        }
    }
}

/// `DIGEST  FILE` a line, or one digest in a file named after the other.
fn checksums(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let folder = parent(source.path);
    for (line, text) in (1..).zip(source.text.lines()).take(SUBJECTS) {
        let (digest, name) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
        if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            continue;
        }
        let name = name.trim_start_matches([' ', '*']).trim_start_matches("./");
        let file = match name {
            "" => signed(source.path, &CHECKSUMS),
            name => Some(format!("{folder}/{name}")),
        };
        if let Some(file) = file {
            vouch(&file, Some(digest.to_ascii_lowercase()), false, source.line(line).excerpt(text), found);
        }
    }
    Ok(())
}

/// Notes on a model file that lies among the input what vouches for it.
fn vouch(file: &str, digest: Option<String>, signed: bool, evidence: Evidence, found: &mut Found) {
    if !found.tree.holds(file) || !super::model_file::is_named(file) {
        return;
    }
    let mut asset = Asset::new(format!("file:{file}"), AssetKind::ModelFile, file_name(file)).seen(evidence);
    asset.provenance.signed = signed.then_some(true);
    if let Some(digest) = digest {
        asset.properties.insert("expected_digest".to_owned(), format!("sha256:{digest}").into());
    }
    found.inventory.add(asset);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::discover::discovery_of;

    const DIGEST: &str = "aa00000000000000000000000000000000000000000000000000000000000000";

    #[test]
    fn signatures_and_digests_reach_the_files_they_are_about() {
        let statement = json!({"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "m.onnx", "digest": {"sha256": DIGEST}}],
            "predicate": {"resources": [{"name": "n.pkl", "algorithm": "sha256", "digest": DIGEST}, {"name": "gone.pkl", "digest": DIGEST}]}});
        let signed = json!({"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "dsseEnvelope": {"payload": STANDARD.encode(statement.to_string()), "payloadType": "application/vnd.in-toto+json", "signatures": [{"sig": "eA=="}]}});
        let bundle = json!({"mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.2",
            "messageSignature": {"messageDigest": {"algorithm": "SHA2_256", "digest": STANDARD.encode([0xAB; 32])}, "signature": "eA=="}});
        let discovery = discovery_of(&[
            ("m.onnx", "x"),
            ("n.pkl", "N."),
            ("model.sig", &signed.to_string()),
            ("o.pkl", "N."),
            ("o.pkl.sigstore.json", &bundle.to_string()),
            ("p.pkl", "N."),
            ("p.pkl.asc", "-----BEGIN PGP SIGNATURE-----\n"),
            ("q.pkl", "N."),
            ("SHA256SUMS", &format!("{DIGEST}  q.pkl\n{DIGEST} *README.md\nnonsense\n")),
        ]);
        let of = |name: &str| {
            let asset = discovery.inventory.get(&format!("file:d/{name}")).unwrap();
            (
                asset.provenance.signed,
                asset.text("expected_digest").map(|text| text.get(7..9).unwrap_or_default().to_owned()),
            )
        };
        let aa = Some("aa".to_owned());
        assert_eq!(of("m.onnx"), (Some(true), aa.clone()));
        assert_eq!(of("n.pkl"), (Some(true), aa.clone()));
        assert_eq!(of("o.pkl"), (Some(true), Some("ab".to_owned())));
        assert_eq!(of("p.pkl"), (Some(true), None));
        assert_eq!(of("q.pkl"), (None, aa));
        assert!(discovery.inventory.get("file:d/gone.pkl").is_none());
        assert!(discovery.inventory.get("file:d/README.md").is_none());
    }
}
