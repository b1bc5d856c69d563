//! Helm charts: their name and what they depend on, and what their values say before any template is rendered.

use serde_json::{Map, Value};

use super::{list, network, text};
use crate::asset::{Asset, AssetKind, Document, Error, Evidence, Exposure, RelationKind, flag, pointer_key};
use crate::discover::container::{Container, append, known_image};
use crate::discover::format::{Found, Source, Structured, Textual};
use crate::discover::model_ref;
use crate::discover::walk::{folder_name, parent};

/// Deepest place of an image below the values.
const DEPTH: usize = 10;

/// Keys of values that name a model, where the value looks like one.
const MODEL_KEYS: &[&str] = &[
    "model",
    "modelname",
    "modelid",
    "modelurl",
    "modeluri",
    "modelpath",
    "modelsource",
    "model_id",
    "model_name",
    "hfmodel",
    "hfmodelid",
    "huggingfacemodel",
    "basemodel",
    "embeddingmodel",
    "embeddingsmodel",
    "llmmodel",
    "chatmodel",
    "defaultmodel",
    "storageuri",
    "servedmodelname",
    "models",
];

pub(super) const CHART: Structured = Structured {
    name: "helm-chart",
    critical: false,
    in_parts: false,
    markers: &["apiVersion:", "appVersion:"],
    matches: |value| {
        matches!(text(value, "apiVersion"), Some("v1" | "v2"))
            && value.get("kind").is_none()
            && text(value, "name").is_some()
            && value.get("version").is_some_and(|version| version.is_string() || version.is_number())
    },
    read: read_chart,
};

/// `Chart.lock`, and `requirements.yaml` of Helm 2.
pub(super) const REQUIREMENTS: Structured = Structured {
    name: "helm-requirements",
    critical: false,
    in_parts: false,
    markers: &[],
    matches: |value| {
        let first = value.get("dependencies").and_then(Value::as_array).and_then(|list| list.first());
        value.get("apiVersion").is_none()
            && first.is_some_and(|first| {
                text(first, "name").is_some() && text(first, "repository").is_some() && first.get("version").is_some()
            })
    },
    read: |document, found| {
        let id = format!("file:{}", document.path());
        let name = folder_name(parent(document.path()));
        let mut file = Asset::new(&id, AssetKind::Resource, name).seen(document.evidence("/dependencies"));
        file.properties.insert("chart_folder".into(), parent(document.path()).into());
        dependencies(document, &mut file, found);
        found.inventory.add(file);
    },
};

pub(super) const VALUES: Textual = Textual {
    name: "helm-values",
    critical: false,
    matches: |source| {
        let named = source.name().to_ascii_lowercase();
        source.has_extension(&["yaml", "yml"])
            && (named.starts_with("values") || named.rsplit_once('.').is_some_and(|(stem, _)| stem.ends_with("values")))
            && !source.text.lines().any(|line| line.starts_with("apiVersion:") || line.starts_with("kind:"))
            && matches!(Document::yaml(source.path, source.text), (documents, None) if documents.iter().any(|d| d.value.is_object()))
    },
    read: read_values,
};

/// A chart as an asset, by its package URL; AI when it is named after what serves or keeps models.
pub(in crate::discover) fn chart(name: &str, version: Option<&str>, repository: Option<&str>) -> Asset {
    let mut id = format!("pkg:helm/{name}");
    let exact = version.filter(|version| !version.contains(['*', '^', '~', '<', '>', ' ', '|']));
    if let Some(version) = exact {
        id.push('@');
        id.push_str(version);
    }
    let mut asset = Asset::new(id, AssetKind::Package, name).with("ecosystem", "helm");
    asset.provenance.version = version.map(str::to_owned);
    asset.provenance.source = repository.map(str::to_owned);
    asset.provenance.pinned = version.map(|_| exact.is_some_and(|v| v.split('.').count() > 2));
    let image = known_image(name);
    if let Some(server) = image.text("model_server") {
        asset.properties.insert("model_server".into(), server.into());
        asset.ai = true;
    }
    asset
}

fn read_chart(document: &Document, found: &mut Found) {
    let value = &document.value;
    let Some(name) = text(value, "name") else { return };
    let version = value.get("version").map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
    let evidence = document.evidence("/name").excerpt(name);
    let mut asset = chart(name, version.as_deref(), None).seen(evidence);
    asset.provenance.pinned = None;
    for key in ["appVersion", "description", "type", "kubeVersion", "home", "keywords"] {
        if let Some(field) = value.get(key) {
            asset.properties.insert(key.into(), field.clone());
        }
    }
    let sources: Vec<&str> = list(value, "sources").filter_map(|(_, source)| source.as_str()).collect();
    asset.provenance.source = sources.first().map(|source| (*source).to_owned());
    asset.properties.insert("chart_of".into(), parent(document.path()).into());
    dependencies(document, &mut asset, found);
    found.inventory.add(asset);
}

fn dependencies(document: &Document, owner: &mut Asset, found: &mut Found) {
    for (i, entry) in list(&document.value, "dependencies") {
        let Some(name) = text(entry, "name") else { continue };
        let version = entry.get("version").map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
        let evidence = document.evidence(&format!("/dependencies/{i}")).excerpt(name);
        let chart = chart(name, version.as_deref(), text(entry, "repository"));
        owner.ai |= chart.ai;
        found.relate(owner.id.as_str(), RelationKind::Uses, chart.id.as_str(), &evidence);
        found.inventory.add(chart.seen(evidence));
    }
}

/// Each group of values with an image is a component of the chart: what it runs, serves and is reached from.
fn read_values(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let (documents, error) = Document::yaml(source.path, source.text);
    let Some(document) = documents.into_iter().find(|document| document.value.is_object()) else {
        return error.map_or(Ok(()), Err);
    };
    let id = format!("file:{}", source.path);
    let name = folder_name(parent(source.path));
    let mut file = Asset::new(&id, AssetKind::Resource, format!("{name} values"))
        .seen(document.evidence("").excerpt("Helm values"))
        .with("chart_folder", parent(source.path));
    let mut values = Values { document: &document, file: &mut file, chart: name, found };
    values.group(&document.value, "", DEPTH);
    found.inventory.add(file);
    error.map_or(Ok(()), Err)
}

struct Values<'a> {
    document: &'a Document,
    file: &'a mut Asset,
    chart: String,
    found: &'a mut Found,
}

impl Values<'_> {
    fn at(&self, pointer: &str) -> Evidence {
        self.document.evidence(pointer)
    }

    fn group(&mut self, value: &Value, pointer: &str, depth: usize) {
        if depth == 0 {
            return;
        }
        match value {
            Value::Object(map) => {
                if let Some((reference, place)) = image(map) {
                    self.component(map, pointer, (&reference, place));
                }
                for (key, child) in map {
                    let below = format!("{pointer}/{}", pointer_key(key));
                    self.model(key, child, &below, None);
                    // an image group is read with what it is the image of
                    if key != "image" || !child.is_object() {
                        self.group(child, &below, depth - 1);
                    }
                }
            }
            Value::Array(items) => {
                for (i, child) in items.iter().enumerate() {
                    self.group(child, &format!("{pointer}/{i}"), depth - 1);
                }
            }
            _ => {}
        }
    }

    fn component(&mut self, map: &Map<String, Value>, pointer: &str, (reference, place): (&str, &str)) {
        let path = pointer.trim_start_matches('/').replace('/', ".");
        let part = match path.rsplit(['.']).next().unwrap_or_default() {
            "" => self.chart.clone(),
            last if last.bytes().all(|b| b.is_ascii_digit()) => {
                map.get("name").and_then(Value::as_str).unwrap_or(&path).to_owned()
            }
            last => last.to_owned(),
        };
        let id = format!("{}#{}", self.file.id, if path.is_empty() { "chart" } else { &path });
        let evidence = self.at(&format!("{pointer}{place}")).excerpt(reference);
        let mut asset = Asset::new(&id, AssetKind::Workload, part).seen(evidence.clone()).with("templated", true);
        let mut container = Container { image: Some((reference.to_owned(), evidence)), ..Container::default() };
        for key in ["command", "args", "extraArgs", "vllmArgs", "serverArgs"] {
            let at = format!("{pointer}/{key}");
            match map.get(key) {
                Some(Value::String(line)) => container.words.push((line.clone(), self.at(&at))),
                Some(Value::Array(words)) => {
                    let words = words.iter().enumerate().filter_map(|(i, word)| Some((i, word.as_str()?)));
                    container.words.extend(words.map(|(i, word)| (word.to_owned(), self.at(&format!("{at}/{i}")))));
                }
                _ => {}
            }
        }
        self.environment(map, pointer, &mut asset, &mut container);
        for (key, child) in map {
            self.model(key, child, &format!("{pointer}/{}", pointer_key(key)), Some(&mut asset));
        }
        container.describe(&mut asset, self.found);
        self.reach(map, pointer, &mut asset);
        self.account(map, pointer, &mut asset);
        let host = map.get("hostPath").and_then(Value::as_str);
        if let Some(path) = host {
            append(&mut asset, "host_path", path);
        }
        let privileged = ["securityContext", "containerSecurityContext"]
            .iter()
            .any(|key| map.get(*key).and_then(|context| context.get("privileged")).and_then(flag) == Some(true));
        if privileged {
            asset.properties.insert("privileged".into(), true.into());
        }
        for place in ["/limits", "/requests"] {
            let resources = map.get("resources").and_then(|resources| resources.pointer(place)?.as_object());
            for (name, _) in resources.into_iter().flatten().filter(|(name, _)| super::workload::is_gpu(name)) {
                append(&mut asset, "gpu", name);
            }
        }
        self.file.ai |= asset.ai;
        let evidence = asset.evidence.first().cloned().unwrap_or_default();
        self.found.relate(self.file.id.as_str(), RelationKind::Contains, &id, &evidence);
        self.found.inventory.add(asset);
    }

    /// Variables by name and the names of the Secrets they come from; never a value.
    fn environment(&mut self, map: &Map<String, Value>, pointer: &str, asset: &mut Asset, container: &mut Container) {
        for key in ["env", "extraEnv", "extraEnvVars", "environment"] {
            let at = format!("{pointer}/{key}");
            match map.get(key) {
                Some(Value::Array(entries)) => {
                    for (i, entry) in entries.iter().enumerate() {
                        let Some(name) = text(entry, "name") else { continue };
                        let place = self.at(&format!("{at}/{i}"));
                        container.env.push((name.to_owned(), text(entry, "value").map(str::to_owned), place.clone()));
                        if let Some(secret) = entry.pointer("/valueFrom/secretKeyRef/name").and_then(Value::as_str) {
                            self.secret(secret, &place, asset);
                        }
                    }
                }
                Some(Value::Object(entries)) => {
                    for (name, value) in entries {
                        let value = value.as_str().map(str::to_owned);
                        container.env.push((name.clone(), value, self.at(&format!("{at}/{}", pointer_key(name)))));
                    }
                }
                _ => {}
            }
        }
        for (key, value) in map.iter().filter(|(key, _)| key.to_ascii_lowercase().ends_with("existingsecret")) {
            if let Some(name) = value.as_str().filter(|name| !name.is_empty()) {
                let place = self.at(&format!("{pointer}/{}", pointer_key(key)));
                self.secret(name, &place, asset);
            }
        }
        if let Some(Value::Object(secrets)) = map.get("secrets") {
            for name in secrets.keys() {
                append(asset, "secret_keys", name);
            }
        }
    }

    fn secret(&mut self, name: &str, place: &Evidence, asset: &Asset) {
        if name.contains("{{") {
            return;
        }
        let id = format!("k8s://cluster/default/Secret/{name}");
        let secret = Asset::new(&id, AssetKind::Secret, name).seen(place.clone().excerpt(name));
        self.found.inventory.add(secret);
        self.found.relate(asset.id.as_str(), RelationKind::Reads, &id, place);
    }

    /// A value whose key says that it names a model.
    fn model(&mut self, key: &str, value: &Value, pointer: &str, owner: Option<&mut Asset>) {
        let plain: String = key.to_ascii_lowercase().chars().filter(|c| *c != '-').collect();
        let flat: String = plain.chars().filter(|c| *c != '_').collect();
        let Some(name) =
            value.as_str().filter(|_| MODEL_KEYS.contains(&plain.as_str()) || MODEL_KEYS.contains(&flat.as_str()))
        else {
            return;
        };
        let owner_id = owner.as_ref().map_or(self.file.id.to_string(), |asset| asset.id.to_string());
        let Some(model) = model_ref::model(name, &owner_id) else { return };
        // a bare word may be anything
        if model.id.as_str().starts_with("model:") && model.text("provider").is_none()
            || model.id.as_str().contains('#')
        {
            return;
        }
        let remote = model.text("provider").is_some();
        let evidence = self.at(pointer).excerpt(name);
        let does = if owner.is_some() && !remote { RelationKind::Serves } else { RelationKind::Uses };
        let asset = owner.unwrap_or(self.file);
        asset.ai = true;
        append(asset, "models", name);
        self.found.relate(&owner_id, does, model.id.as_str(), &evidence);
        self.found.inventory.add(model.seen(evidence));
    }

    /// An enabled ingress, and a Service that is more than internal.
    fn reach(&mut self, map: &Map<String, Value>, pointer: &str, asset: &mut Asset) {
        let mut open = None;
        for key in ["ingress", "route"] {
            let Some(ingress) = map.get(key) else { continue };
            if ingress.get("enabled").and_then(flag) != Some(true) {
                continue;
            }
            let class = text(ingress, "className").or_else(|| text(ingress, "ingressClassName")).unwrap_or_default();
            let internal = class.contains("internal") || class.contains("private");
            for (_, host) in list(ingress, "hosts") {
                append(asset, "hosts", host.as_str().or_else(|| text(host, "host")).unwrap_or_default());
            }
            asset.encryption.in_transit = Some(list(ingress, "tls").count() > 0);
            open = open.or((!internal).then(|| format!("{pointer}/{key}")));
        }
        for key in ["service", "service_type", "serviceType"] {
            let kind = map.get(key).and_then(|service| service.as_str().or_else(|| text(service, "type")));
            if let Some(kind) = kind {
                asset.properties.insert("service_type".into(), kind.into());
                if matches!(kind, "LoadBalancer" | "NodePort") {
                    open = open.or(Some(format!("{pointer}/{key}")));
                }
            }
        }
        asset.exposure = Some(if open.is_some() { Exposure::Public } else { Exposure::Internal });
        if let Some(place) = open {
            network::internet(asset.id.as_str(), &self.at(&place), self.found);
        }
    }

    /// The cloud identity that the service account's annotations name.
    fn account(&mut self, map: &Map<String, Value>, pointer: &str, asset: &mut Asset) {
        let annotations = map.get("serviceAccount").and_then(|account| account.get("annotations")?.as_object());
        for (key, value) in annotations.into_iter().flatten() {
            let Some(identity) = value.as_str().and_then(|value| super::rbac::cloud_identity(key, value)) else {
                continue;
            };
            let place = self.at(&format!("{pointer}/serviceAccount/annotations/{}", pointer_key(key)));
            self.found.relate(asset.id.as_str(), RelationKind::RunsAs, identity.id.as_str(), &place);
            self.found.inventory.add(identity.seen(place));
        }
    }
}

/// The image that a group of values names, and where: `image: {registry, repository, tag, digest}`, `image: a` with
/// `tag: b` beside it, or `repository` and `tag` themselves.
fn image(map: &Map<String, Value>) -> Option<(String, &'static str)> {
    let part = |group: &Map<String, Value>, keys: &[&str]| {
        keys.iter().find_map(|key| match group.get(*key)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    };
    let (group, place) = match map.get("image") {
        Some(Value::Object(group)) => (group, "/image"),
        Some(Value::String(_)) => (map, "/image"),
        _ if map.contains_key("tag") && map.contains_key("repository") => (map, "/repository"),
        _ => return None,
    };
    let name = part(group, &["repository", "image", "name"])?;
    let valid = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:@".contains(&b)) && !name.contains("://");
    if !valid || name.starts_with(['.', '/', '-']) {
        return None;
    }
    let registry = part(group, &["registry"]).filter(|_| !name.contains('@'));
    let whole = registry.map_or_else(|| name.clone(), |registry| format!("{}/{name}", registry.trim_end_matches('/')));
    let tagged = whole.rsplit('/').next().is_some_and(|last| last.contains([':', '@']));
    let reference = match (part(group, &["digest", "sha"]), part(group, &["tag"])) {
        _ if tagged => whole,
        (Some(digest), _) if digest.contains(':') => format!("{whole}@{digest}"),
        (_, Some(tag)) => format!("{whole}:{tag}"),
        _ => whole,
    };
    Some((reference, place))
}
