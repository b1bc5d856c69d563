//! Names of models and places of data, as flags, variables and code write them.

use super::catalog::catalog;
use crate::asset::{Asset, AssetKind, ModelType};

/// The model that a value names, as an asset; `None` when the value cannot be a model's name.
///
/// `ORG/NAME` and `hf://…` are Hugging Face ids, URIs stand for themselves, names of a provider's models and tags such
/// as `llama3:8b` get `model:NAME`, a path is one inside `owner`.
pub(super) fn model(value: &str, owner: &str) -> Option<Asset> {
    let value = value.trim().trim_matches(['"', '\'']);
    if value.is_empty() || value.len() > 300 || value.contains(['$', '{', '<', '>', '\n', ' ', '%', '*']) {
        return None;
    }
    if let Some(provider) = catalog().provider_by_model(value) {
        let mut asset =
            Asset::new(format!("model:{value}"), AssetKind::Model, value).with("provider", provider.name.as_str());
        asset.model_type = Some(ModelType::Foundation);
        asset.provenance.publisher = Some(provider.name.clone());
        return Some(asset);
    }
    let hub = value.strip_prefix("hf://").or_else(|| value.strip_prefix("https://huggingface.co/"));
    if let Some(id) = hub.or_else(|| hub_id(value).then_some(value)) {
        return Some(hugging_face(id));
    }
    if let Some((scheme, rest)) = value.split_once("://") {
        let known = matches!(
            scheme,
            "s3" | "gs"
                | "pvc"
                | "https"
                | "http"
                | "oci"
                | "abfs"
                | "abfss"
                | "wasbs"
                | "azureml"
                | "models"
                | "runs"
                | "ngc"
                | "modelscope"
                | "hdfs"
                | "nfs"
                | "r2"
                | "oss"
        );
        let mut asset = Asset::new(value.trim_end_matches('/'), AssetKind::Model, last(rest));
        asset.provenance.source = Some(value.to_owned());
        asset.provenance.pinned = Some(value.contains("@sha256:"));
        return known.then_some(asset);
    }
    if value.starts_with(['/', '.', '~']) {
        return Some(Asset::new(format!("{owner}#{value}"), AssetKind::Model, last(value)));
    }
    let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:@/".contains(c));
    let word = value.contains(|c: char| c.is_ascii_alphabetic()) && !value.ends_with(['/', ':']);
    (plain && word).then(|| Asset::new(format!("model:{value}"), AssetKind::Model, value))
}

/// A model on the Hugging Face hub: `ORG/NAME` or `NAME`, with `:REVISION` or `@REVISION` if it has one.
pub(super) fn hugging_face(id: &str) -> Asset {
    let (name, revision) = match id.split_once(['@', ':']) {
        Some((name, revision)) => (name, Some(revision)),
        None => (id, None),
    };
    // a link into the hub goes on with `/resolve/main/…`
    let name = name.split('/').take(2).collect::<Vec<_>>().join("/");
    let mut asset = Asset::new(format!("https://huggingface.co/{name}"), AssetKind::Model, &name);
    asset.provenance.publisher = name.split_once('/').map(|(publisher, _)| publisher.to_owned());
    asset.provenance.source = Some("https://huggingface.co".to_owned());
    pin(&mut asset, revision);
    asset
}

/// Says at which revision a model is taken; only a commit is one immutable thing.
pub(super) fn pin(asset: &mut Asset, revision: Option<&str>) {
    let commit = |text: &str| text.len() >= 7 && text.bytes().all(|b| b.is_ascii_hexdigit());
    asset.provenance.pinned = Some(revision.is_some_and(commit));
    match revision {
        Some(revision) if commit(revision) => asset.provenance.revision = Some(revision.to_owned()),
        Some(revision) => asset.provenance.version = Some(revision.to_owned()),
        None => {}
    }
}

/// Whether text is an `ORG/NAME` of the hub.
fn hub_id(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part.len() <= 96
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
            && part.starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    let (name, revision) = text.split_once('@').unwrap_or((text, "x"));
    let path =
        [".py", ".json", ".yaml", ".yml", ".txt", ".pt", ".bin", ".pkl", ".gguf", ".onnx", ".safetensors", ".h5"];
    part(revision)
        && name.split_once('/').is_some_and(|(org, name)| part(org) && part(name))
        && !path.iter().any(|extension| name.ends_with(extension))
}

/// The bucket that a URI lies in, as an asset.
pub(super) fn bucket(uri: &str) -> Option<Asset> {
    let (scheme, rest) = uri.split_once("://")?;
    let name = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let valid = name.len() >= 3 && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let id = match scheme {
        "s3" | "s3a" | "s3n" => format!("arn:aws:s3:::{name}"),
        "gs" => format!("gs://{name}"),
        _ => return None,
    };
    valid.then(|| Asset::new(id, AssetKind::Bucket, name))
}

/// Every bucket URI inside a text. Linear.
pub(super) fn bucket_uris(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| c.is_whitespace() || "\"'`,;=()[]{}<>|".contains(c));
    words.filter(|word| ["s3://", "s3a://", "s3n://", "gs://"].iter().any(|scheme| word.starts_with(scheme)))
}

/// The host of a URL, or of `host:port/path` without a scheme; lower case.
pub(super) fn host(url: &str) -> Option<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?;
    host.contains('.').then(|| host.to_ascii_lowercase())
}

fn last(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_names() {
        let id = |value: &str| model(value, "k8s://c/n/Pod/p").map(|asset| asset.id.to_string());
        assert_eq!(id("acme/tiny-7B").as_deref(), Some("https://huggingface.co/acme/tiny-7B"));
        assert_eq!(id("hf://acme/tiny:abc").as_deref(), Some("https://huggingface.co/acme/tiny"));
        assert_eq!(id("s3://models/tiny/").as_deref(), Some("s3://models/tiny"));
        assert_eq!(id("gpt-4o").as_deref(), Some("model:gpt-4o"));
        assert_eq!(id("llama3:8b").as_deref(), Some("model:llama3:8b"));
        assert_eq!(id("/mnt/models").as_deref(), Some("k8s://c/n/Pod/p#/mnt/models"));
        assert_eq!(id("$(MODEL)"), None);
        assert_eq!(id("two words"), None);
    }

    #[test]
    fn only_a_commit_pins() {
        assert_eq!(hugging_face("a/b").provenance.pinned, Some(false));
        assert_eq!(hugging_face("a/b@main").provenance.version.as_deref(), Some("main"));
        let pinned = hugging_face("a/b@0123456789abcdef").provenance;
        assert_eq!((pinned.pinned, pinned.revision.as_deref()), (Some(true), Some("0123456789abcdef")));
    }

    #[test]
    fn buckets_in_text() {
        let found = bucket_uris("cp s3://a-b/c,gs://d-e --x=s3://f-g/").filter_map(bucket).map(|b| b.id.to_string());
        assert_eq!(found.collect::<Vec<_>>(), ["arn:aws:s3:::a-b", "gs://d-e", "arn:aws:s3:::f-g"]);
    }
}
