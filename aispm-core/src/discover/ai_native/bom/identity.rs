//! Which asset a component of somebody else's is: ids that other formats give it as well, where it has one.

use serde_json::Value;

use super::convert::is_url;
use super::fields::properties;
use crate::asset::{Asset, AssetKind, Authentication};
use crate::discover::catalog::catalog;
use crate::discover::container::{image_asset, image_matches};
use crate::discover::model_ref;

/// What the name, type and addresses of a component or service make it.
pub(super) fn identify(element: &Value, name: &str, path: &str) -> Asset {
    let text = |key: &str| element.get(key).and_then(Value::as_str);
    let reference = text("bom-ref").unwrap_or(name);
    if let Some(asset) = text("purl").and_then(package) {
        return asset;
    }
    let local = |kind| Asset::new(format!("file:{path}#{reference}"), kind, name);
    match text("type") {
        None => service(element, local(AssetKind::Endpoint), name),
        Some("machine-learning-model") => model(element, name).unwrap_or_else(|| local(AssetKind::Model)),
        Some("data") => at_address(element, AssetKind::Dataset, name).unwrap_or_else(|| local(AssetKind::Dataset)),
        Some("container") => container(element, name),
        Some("library" | "framework") => local(AssetKind::Package),
        Some("application") => application(element, local(AssetKind::Application), name),
        Some("file") => local(if is_model_file(name) { AssetKind::ModelFile } else { AssetKind::Resource }),
        Some(_) => local(AssetKind::Resource),
    }
}

/// A data set that a model card describes in place.
pub(super) fn dataset(data: &Value, name: &str, path: &str) -> Asset {
    let url = data.pointer("/contents/url").and_then(Value::as_str).filter(|url| url.contains("://"));
    let id = url.map_or_else(|| format!("file:{path}#{name}"), |url| url.trim_end_matches('/').to_owned());
    Asset::new(id, AssetKind::Dataset, name)
}

/// A package URL as the asset it names: image, hub model, registered model or package.
pub(super) fn package(purl: &str) -> Option<Asset> {
    let rest = purl.strip_prefix("pkg:")?.trim_start_matches('/');
    let rest = rest.split('#').next().unwrap_or_default();
    let (path, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
    let qualifier = |key: &str| {
        let pair = qualifiers.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))?;
        Some(decoded(pair))
    };
    let (ecosystem, path) = path.split_once('/')?;
    // a scope's `@` is written `%40`
    let (name, version) = path.rsplit_once('@').filter(|(name, _)| !name.is_empty()).unwrap_or((path, ""));
    let (name, version) = (decoded(name), decoded(version));
    let version = Some(version).filter(|version| !version.is_empty());
    let of_version = |name: &str| {
        let separator = if version.as_deref().is_some_and(|v| v.starts_with("sha256:")) { '@' } else { ':' };
        version.as_ref().map_or_else(|| name.to_owned(), |version| format!("{name}{separator}{version}"))
    };
    let asset = match ecosystem.to_ascii_lowercase().as_str() {
        "docker" => {
            let registry = qualifier("repository_url").filter(|registry| !registry.contains("docker.io"));
            image_asset(&of_version(&registry.map_or(name.clone(), |registry| format!("{registry}/{name}"))))
        }
        "oci" => image_asset(&of_version(&qualifier("repository_url").unwrap_or(name))),
        "huggingface" => model_ref::hugging_face(&version.map_or(name.clone(), |version| format!("{name}@{version}"))),
        "mlflow" => {
            let id = version.map_or(format!("models:/{name}"), |version| format!("models:/{name}/{version}"));
            Asset::new(id, AssetKind::Model, name)
        }
        ecosystem => {
            let mut id = format!("pkg:{ecosystem}/{}", name.replacen('@', "%40", 1));
            if let Some(version) = &version {
                id.push('@');
                id.push_str(version);
            }
            let mut asset = Asset::new(id, AssetKind::Package, &name).with("package", name.as_str());
            asset.properties.insert("ecosystem".into(), ecosystem.into());
            if let Some(version) = &version {
                asset.properties.insert("version".into(), version.as_str().into());
            }
            asset.provenance.pinned = Some(version.is_some());
            asset.provenance.version = version;
            match catalog().package_role(ecosystem, &name) {
                Some(role) => asset.ai().with("role", role),
                None => asset,
            }
        }
    };
    Some(asset)
}

/// Percent-encoding undone; what is no UTF-8 stays as it is.
fn decoded(text: &str) -> String {
    let digit = |byte: Option<&u8>| (*byte? as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = text.as_bytes();
    let (mut out, mut i) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(i) {
        match (byte, digit(bytes.get(i + 1)), digit(bytes.get(i + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                i += 3;
            }
            _ => {
                out.push(*byte);
                i += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

fn urls(element: &Value) -> impl Iterator<Item = &str> {
    let list = element.get("externalReferences").and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|reference| reference.get("url")?.as_str())
}

/// A model of the hub or of a provider.
fn model(element: &Value, name: &str) -> Option<Asset> {
    let hub = urls(element).find_map(|url| url.strip_prefix("https://huggingface.co/"));
    if let Some(hub) = hub.filter(|hub| !hub.starts_with("datasets/") && !hub.starts_with("spaces/")) {
        return Some(model_ref::hugging_face(hub.split(['?', '#']).next().unwrap_or(hub)));
    }
    let supplier = element.pointer("/supplier/name").and_then(Value::as_str).unwrap_or_default();
    let group = element.get("group").and_then(Value::as_str).filter(|group| !group.is_empty());
    match group {
        Some(group) if supplier.to_ascii_lowercase().replace(' ', "").contains("huggingface") => {
            Some(model_ref::hugging_face(&format!("{group}/{name}")))
        }
        Some(_) => None,
        None => model_ref::model(name, "").filter(|asset| {
            asset.id.as_str().starts_with("https://huggingface.co/") || asset.properties.contains_key("provider")
        }),
    }
}

/// Data at an address of its own.
fn at_address(element: &Value, kind: AssetKind, name: &str) -> Option<Asset> {
    let data = element.get("data").and_then(Value::as_array).into_iter().flatten();
    let contents = data.filter_map(|data| data.pointer("/contents/url")?.as_str());
    let address = |url: &&str| {
        ["s3://", "gs://", "https://huggingface.co/datasets/", "abfss://", "dbfs:/"].iter().any(|p| url.starts_with(p))
    };
    let url = contents.chain(urls(element)).find(address)?;
    Some(Asset::new(url.trim_end_matches('/'), kind, name))
}

fn container(element: &Value, name: &str) -> Asset {
    let text = |key: &str| element.get(key).and_then(Value::as_str);
    let given = properties(element).find(|(key, _)| key.ends_with("image.reference")).map(|(_, value)| value);
    let hashes = element.get("hashes").and_then(Value::as_array).into_iter().flatten();
    let digest = hashes
        .filter(|hash| hash.get("alg").and_then(Value::as_str) == Some("SHA-256"))
        .find_map(|hash| hash.get("content")?.as_str());
    let group = text("group").map(|group| format!("{group}/")).unwrap_or_default();
    let version = text("version").filter(|version| !version.is_empty());
    let reference = match (given, version, digest) {
        (Some(given), _, _) => given.to_owned(),
        (None, Some(version), _) if version.starts_with("sha256:") => format!("{group}{name}@{version}"),
        (None, Some(version), _) => format!("{group}{name}:{version}"),
        (None, None, Some(digest)) => format!("{group}{name}@sha256:{digest}"),
        (None, None, None) => format!("{group}{name}"),
    };
    let mut asset = image_asset(&reference);
    asset.ai =
        catalog().servers.servers.iter().any(|server| server.images.iter().any(|i| image_matches(&reference, i)));
    asset
}

/// A workload that an AI-BOM operator describes is the one that the cluster's own exports describe.
fn application(element: &Value, local: Asset, name: &str) -> Asset {
    let property = |key: &str| properties(element).find(|(name, _)| *name == key).map(|(_, value)| value);
    let workload = (property("aibom.workload.kind"), property("aibom.workload.namespace"));
    let mut asset = match workload {
        (Some(kind), Some(namespace)) => {
            let cluster = property("aibom.workload.cluster").unwrap_or("cluster");
            let name = property("aibom.workload.name").unwrap_or(name);
            Asset::new(format!("k8s://{cluster}/{namespace}/{kind}/{name}"), AssetKind::Workload, name).ai()
        }
        _ => local,
    };
    // a runtime such as a model server
    asset.ai |= property("runtime.name").is_some()
        || catalog().servers.servers.iter().any(|server| server.name.eq_ignore_ascii_case(name));
    asset
}

fn service(element: &Value, mut asset: Asset, name: &str) -> Asset {
    let endpoints: Vec<&str> =
        element.get("endpoints").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let words = [name, element.get("description").and_then(Value::as_str).unwrap_or_default()].map(str::to_lowercase);
    if words.iter().any(|text| text.contains("mcp server") || text.contains("model context protocol")) {
        asset.kind = AssetKind::McpServer;
        asset.ai = true;
    }
    asset.ai |= endpoints
        .iter()
        .any(|url| model_ref::host(url).is_some_and(|host| catalog().provider_by_host(&host).is_some()));
    if let Some(url) = endpoints.iter().copied().find(|url| is_url(url)) {
        asset = asset.with("url", url).alias(url.trim_end_matches('/'));
        asset.encryption.in_transit = Some(!url.starts_with("http://"));
    }
    asset.authentication =
        (element.get("authenticated").and_then(Value::as_bool) == Some(false)).then_some(Authentication::None);
    if let Some(crosses) = element.get("x-trust-boundary").and_then(Value::as_bool) {
        asset.properties.insert("x_trust_boundary".into(), crosses.into());
    }
    asset
}

pub(super) fn is_model_file(name: &str) -> bool {
    let last = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    ["safetensors", "gguf", "onnx", "pt", "pth", "pkl", "ckpt", "h5", "keras", "tflite", "joblib"].contains(&last)
}
