//! Values from an asset's JSON into CycloneDX's and back. What does not fit is `None`, and stays a property.

use serde_json::{Map, Value, json};

pub(super) fn string(value: &Value) -> Option<Value> {
    value.as_str().map(Into::into)
}

/// CycloneDX limits versions to 1024 characters.
pub(super) fn version(value: &Value) -> Option<Value> {
    value.as_str().filter(|text| text.chars().count() <= 1024).map(Into::into)
}

pub(super) fn approach(value: &Value) -> Option<Value> {
    const APPROACHES: &[&str] =
        &["supervised", "unsupervised", "reinforcement-learning", "semi-supervised", "self-supervised"];
    value.as_str().filter(|text| APPROACHES.contains(text)).map(Into::into)
}

pub(super) fn texts(value: &Value) -> Option<Value> {
    value.as_array().filter(|list| list.iter().all(Value::is_string)).map(|list| list.clone().into())
}

/// A list of objects that hold texts under these keys only.
pub(super) fn records(value: &Value, keys: &[&str]) -> Option<Value> {
    let fits = |record: &Value| {
        record
            .as_object()
            .is_some_and(|map| map.iter().all(|(key, value)| keys.contains(&key.as_str()) && value.is_string()))
    };
    value.as_array().filter(|list| list.iter().all(fits)).map(|list| list.clone().into())
}

/// Licences by their SPDX id where they are well known, as an expression, or by name.
pub(super) fn licences(value: &Value) -> Option<Value> {
    const WELL_KNOWN: &[&str] = &[
        "0BSD",
        "AFL-3.0",
        "AGPL-3.0",
        "AGPL-3.0-only",
        "AGPL-3.0-or-later",
        "Apache-1.1",
        "Apache-2.0",
        "Artistic-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC-BY-3.0",
        "CC-BY-4.0",
        "CC-BY-NC-4.0",
        "CC-BY-NC-ND-4.0",
        "CC-BY-NC-SA-4.0",
        "CC-BY-ND-4.0",
        "CC-BY-SA-3.0",
        "CC-BY-SA-4.0",
        "CC0-1.0",
        "CDLA-Permissive-1.0",
        "CDLA-Permissive-2.0",
        "CDLA-Sharing-1.0",
        "ECL-2.0",
        "EPL-1.0",
        "EPL-2.0",
        "EUPL-1.1",
        "EUPL-1.2",
        "GPL-2.0",
        "GPL-2.0-only",
        "GPL-2.0-or-later",
        "GPL-3.0",
        "GPL-3.0-only",
        "GPL-3.0-or-later",
        "ISC",
        "LGPL-2.1",
        "LGPL-2.1-only",
        "LGPL-2.1-or-later",
        "LGPL-3.0",
        "LGPL-3.0-only",
        "LGPL-3.0-or-later",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "MS-PL",
        "MulanPSL-2.0",
        "NCSA",
        "ODC-By-1.0",
        "ODbL-1.0",
        "OFL-1.1",
        "PDDL-1.0",
        "PSF-2.0",
        "PostgreSQL",
        "Unlicense",
        "WTFPL",
        "Zlib",
    ];
    let text = value.as_str()?;
    let expression = [" OR ", " AND ", " WITH "].iter().any(|word| text.contains(word));
    Some(match text {
        id if WELL_KNOWN.contains(&id) => json!([{ "license": { "id": id } }]),
        text if expression => json!([{ "expression": text }]),
        name => json!([{ "license": { "name": name } }]),
    })
}

pub(super) fn licence(value: &Value) -> Option<Value> {
    let choice = |choice: &Value| {
        let license = choice.get("license");
        let named = |key: &str| license.and_then(|license| license.get(key));
        choice
            .get("expression")
            .or_else(|| named("id"))
            .or_else(|| named("name"))
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let all: Vec<String> = value.as_array()?.iter().filter_map(choice).collect();
    (!all.is_empty()).then(|| all.join(" AND ").into())
}

pub(super) fn references(value: &Value) -> Option<Value> {
    value.as_str().filter(|url| is_url(url)).map(|url| json!([{ "type": "distribution", "url": url }]))
}

/// Where something is taken from, as its references tell.
pub(super) fn source(value: &Value) -> Option<Value> {
    let list = value.as_array()?;
    let of = |kind: &str| list.iter().find(|r| r.get("type").and_then(Value::as_str) == Some(kind));
    let found = ["distribution", "source-distribution", "vcs", "website"].iter().find_map(|kind| of(kind));
    found?.get("url").and_then(string)
}

/// Whether text is surely a URL in the narrowest sense.
pub(super) fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let (authority, path) =
        rest.find(['/', '?', '#']).map_or((rest, ""), |at| rest.split_at_checked(at).unwrap_or((rest, "")));
    let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
    let plain = |text: &str, more: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && plain(scheme, "+-.")
        && !host.is_empty()
        && plain(host, "-._~")
        && port.bytes().all(|b| b.is_ascii_digit())
        && plain(path, "-._~/?#@!$&'()*+,;=:")
        && path.matches('#').count() < 2
}

/// Digests by algorithm: our name, CycloneDX's, hex digits.
const ALGORITHMS: &[(&str, &str, usize)] = &[
    ("md5", "MD5", 32),
    ("sha1", "SHA-1", 40),
    ("sha256", "SHA-256", 64),
    ("sha384", "SHA-384", 96),
    ("sha512", "SHA-512", 128),
    ("sha3-256", "SHA3-256", 64),
    ("sha3-384", "SHA3-384", 96),
    ("sha3-512", "SHA3-512", 128),
    ("blake2b-256", "BLAKE2b-256", 64),
    ("blake2b-384", "BLAKE2b-384", 96),
    ("blake2b-512", "BLAKE2b-512", 128),
    ("blake3", "BLAKE3", 64),
];

pub(super) fn hashes(value: &Value) -> Option<Value> {
    let hash = |(algorithm, digest): (&String, &Value)| {
        let (_, name, digits) = ALGORITHMS.iter().find(|(ours, ..)| ours == algorithm)?;
        let digest = digest.as_str()?;
        let hex = digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (digest.len() == *digits && hex).then(|| json!({ "alg": name, "content": digest }))
    };
    value.as_object()?.iter().map(hash).collect()
}

pub(super) fn digests(value: &Value) -> Option<Value> {
    let digest = |hash: &Value| {
        let (algorithm, content) = (hash.get("alg")?.as_str()?, hash.get("content")?.as_str()?);
        let (ours, ..) = ALGORITHMS.iter().find(|(_, theirs, _)| *theirs == algorithm)?;
        Some(((*ours).to_owned(), content.to_ascii_lowercase().into()))
    };
    let all: Map<String, Value> = value.as_array()?.iter().filter_map(digest).collect();
    (!all.is_empty()).then(|| all.into())
}

/// Places under CycloneDX's names, or back under ours.
pub(super) fn renamed(places: &Value, back: bool) -> Option<Value> {
    const NAMES: &[(&str, &str)] =
        &[("path", "location"), ("line", "line"), ("pointer", "symbol"), ("excerpt", "additionalContext")];
    let rename = |place: &Value| {
        let rename = |(ours, theirs): &(&str, &str)| {
            let (from, to) = if back { (theirs, ours) } else { (ours, theirs) };
            Some(((*to).to_owned(), place.get(from)?.clone()))
        };
        Value::Object(NAMES.iter().filter_map(rename).collect())
    };
    places.as_array().map(|places| places.iter().map(rename).collect())
}

pub(super) fn datasets(value: &Value) -> Option<Value> {
    let data = |class: &Value| json!({ "type": "dataset", "classification": class });
    value.as_array().map(|list| list.iter().map(data).collect())
}

pub(super) fn flows(value: &Value) -> Option<Value> {
    let flow = |class: &Value| json!({ "flow": "unknown", "classification": class });
    value.as_array().map(|list| list.iter().map(flow).collect())
}

pub(super) fn classes(value: &Value) -> Option<Value> {
    let all: Vec<Value> = value.as_array()?.iter().filter_map(|data| string(data.get("classification")?)).collect();
    (!all.is_empty()).then(|| all.into())
}
