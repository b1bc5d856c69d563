//! Compose files: services and what they run, reach, publish and read.

use serde_json::Value;

use super::filled;
use crate::asset::{Asset, AssetKind, Document, Evidence, Exposure, RelationKind, flag, pointer_key};
use crate::discover::container::{Container, append};
use crate::discover::format::{Found, Structured};
use crate::discover::kubernetes::beside;
use crate::discover::model_ref;
use crate::discover::walk::file_name;

pub(super) const COMPOSE: Structured = Structured {
    name: "compose",
    critical: false,
    in_parts: false,
    markers: &["services:", "image:"],
    matches: |value| {
        let runs = |service: &Value| {
            service.get("image").is_some_and(Value::is_string)
                || service.get("build").is_some()
                || service.get("extends").is_some()
                || service.pointer("/provider/type").is_some()
        };
        value.get("services").and_then(Value::as_object).is_some_and(|services| services.values().any(runs))
    },
    read,
};

/// A service, and the one of this file that it extends.
struct Service<'a> {
    document: &'a Document,
    own: (&'a Value, String),
    base: Option<(&'a Value, String)>,
}

impl<'a> Service<'a> {
    fn new(document: &'a Document, name: &str, own: &'a Value) -> Self {
        let pointer = |name: &str| format!("/services/{}", pointer_key(name));
        let extends = own.get("extends");
        let near = extends.filter(|extends| extends.get("file").is_none());
        let base = near.and_then(|extends| extends.as_str().or_else(|| extends.get("service")?.as_str()));
        let base = base.and_then(|base| Some((document.value.get("services")?.get(base)?, pointer(base))));
        Self { document, own: (own, pointer(name)), base }
    }

    /// A setting and where it stands; its own before what it extends.
    fn get(&self, key: &str) -> Option<(&'a Value, Evidence)> {
        let of = |(value, pointer): &(&'a Value, String)| {
            Some((value.get(key)?, self.document.evidence(&format!("{pointer}/{key}"))))
        };
        of(&self.own).or_else(|| of(self.base.as_ref()?))
    }

    fn value(&self, key: &str) -> Option<&'a Value> {
        self.get(key).map(|(value, _)| value)
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.value(key).and_then(Value::as_str)
    }
}

fn read(document: &Document, found: &mut Found) {
    let path = document.path();
    let services = document.value.get("services").and_then(Value::as_object);
    let id = |name: &str| format!("file:{path}#{name}");
    let mut calls: Vec<(String, String, Evidence)> = Vec::new();
    let mut file = Asset::new(format!("file:{path}"), AssetKind::Resource, file_name(path)).seen(document.evidence(""));
    models(document, found);
    secrets(document, found);
    for (name, value) in services.into_iter().flatten() {
        let service = Service::new(document, name, value);
        let image = service.text("image").map(|image| filled(image, |_| None));
        let evidence =
            document.evidence(&service.own.1).excerpt(format!("{name}: {}", image.as_deref().unwrap_or("build")));
        let mut asset = Asset::new(id(name), AssetKind::Workload, name).seen(evidence);
        let mut container = Container::default();
        if let (Some(image), Some((_, evidence))) = (image, service.get("image")) {
            container.image = Some((image, evidence));
        }
        for key in ["entrypoint", "command"] {
            let Some((value, evidence)) = service.get(key) else { continue };
            let line = words(Some(value)).into_iter().map(|word| (filled(&word, |_| None), evidence.clone()));
            container.words.extend(line);
        }
        if let Some((value, evidence)) = service.get("environment") {
            container.env = environment(Some(value), &evidence);
        }
        ports(&service, &mut asset, &mut container);
        settings(&service, &mut asset);
        container.describe(&mut asset, found);
        uses(&service, &mut asset, found);
        built(&service, &asset, found);
        if let Some((needs, evidence)) = service.get("depends_on") {
            calls.extend(names(Some(needs)).into_iter().map(|other| (name.clone(), other, evidence.clone())));
        }
        let hosts = container.env.iter().filter_map(|(_, value, evidence)| Some((value.as_deref()?, evidence)));
        calls.extend(hosts.filter_map(|(value, evidence)| {
            let host = value.split_once("://").map_or(value, |(_, rest)| rest);
            let host = host.rsplit('@').next()?.split([':', '/']).next()?;
            Some((name.clone(), host.to_owned(), evidence.clone()))
        }));
        found.relate(file.id.as_str(), RelationKind::Contains, &id(name), &document.evidence(&service.own.1));
        found.inventory.add(asset);
    }
    for (from, to, evidence) in calls.into_iter().filter(|(from, to, _)| from != to) {
        let Some(target) = found.inventory.get(&id(&to)) else { continue };
        let kind =
            if target.kind == AssetKind::VectorStore { RelationKind::RetrievesFrom } else { RelationKind::Invokes };
        found.relate(&id(&from), kind, &id(&to), &evidence);
    }
    for (i, included) in document.value.get("include").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let other = included.as_str().or_else(|| included.get("path")?.as_str());
        if let Some(other) = other {
            append(&mut file, "includes", other);
            let other = format!("file:{}", beside(path, other));
            found.relate(file.id.as_str(), RelationKind::Uses, &other, &document.evidence(&format!("/include/{i}")));
        }
    }
    found.inventory.add(file);
}

/// Models that Docker Model Runner serves.
fn models(document: &Document, found: &mut Found) {
    for (name, model) in document.value.get("models").and_then(Value::as_object).into_iter().flatten() {
        let Some(reference) = model.get("model").and_then(Value::as_str) else { continue };
        let evidence = document.evidence(&format!("/models/{}", pointer_key(name))).excerpt(reference);
        found.inventory.add(runner_model(reference).seen(evidence));
    }
}

/// `hf.co/ORG/NAME` of the hub, else an artifact of a container registry.
fn runner_model(reference: &str) -> Asset {
    let reference = filled(reference, |_| None);
    if let Some(name) = ["hf.co/", "huggingface.co/"].iter().find_map(|host| reference.strip_prefix(host)) {
        return model_ref::hugging_face(name);
    }
    let host = reference.split('/').next().is_some_and(|first| first.contains('.') && reference.contains('/'));
    let whole = if host { reference.clone() } else { format!("docker.io/{reference}") };
    let mut asset = Asset::new(format!("oci://{whole}"), AssetKind::Model, &reference);
    let (name, tag) = whole.rsplit_once(':').map_or((whole.as_str(), None), |(name, tag)| (name, Some(tag)));
    asset.provenance.source = Some(name.to_owned());
    asset.provenance.version = tag.map(str::to_owned);
    asset.provenance.pinned = Some(whole.contains("@sha256:"));
    asset
}

fn secrets(document: &Document, found: &mut Found) {
    for (name, secret) in document.value.get("secrets").and_then(Value::as_object).into_iter().flatten() {
        let evidence = document.evidence(&format!("/secrets/{}", pointer_key(name))).excerpt(name);
        let id = format!("file:{}#secret/{name}", document.path());
        let mut asset = Asset::new(id, AssetKind::Secret, name).seen(evidence);
        for key in ["file", "environment", "external"] {
            if let Some(source) = secret.get(key) {
                asset.properties.insert(key.into(), source.clone());
            }
        }
        found.inventory.add(asset);
    }
}

/// Secrets, configurations, models and services elsewhere.
fn uses(service: &Service<'_>, asset: &mut Asset, found: &mut Found) {
    let path = service.document.path();
    let id = asset.id.to_string();
    if let Some((value, evidence)) = service.get("secrets") {
        for name in names(Some(value)) {
            found.relate(&id, RelationKind::Reads, &format!("file:{path}#secret/{name}"), &evidence);
        }
    }
    let declared = service.document.value.get("models");
    if let Some((value, evidence)) = service.get("models") {
        for name in names(Some(value)) {
            let reference = declared.and_then(|models| models.get(&name)?.get("model")?.as_str());
            let Some(reference) = reference else { continue };
            asset.ai = true;
            append(asset, "models", reference);
            found.relate(&id, RelationKind::Uses, runner_model(reference).id.as_str(), &evidence);
        }
    }
    let provided =
        service.value("provider").filter(|provider| provider.get("type").is_some_and(|kind| kind == "model"));
    if let Some(reference) = provided.and_then(|provider| provider.pointer("/options/model")?.as_str()) {
        let (model, evidence) =
            (runner_model(reference), service.document.evidence(&format!("{}/provider", service.own.1)));
        asset.ai = true;
        append(asset, "models", reference);
        found.relate(&id, RelationKind::Serves, model.id.as_str(), &evidence);
        found.inventory.add(model.seen(evidence));
    }
    let extends = service.own.0.get("extends");
    let other = extends.and_then(|extends| Some((extends.get("file")?.as_str()?, extends.get("service")?.as_str()?)));
    if let Some((file, other)) = other {
        let target = format!("file:{}#{other}", beside(path, file));
        found.relate(
            &id,
            RelationKind::DerivedFrom,
            &target,
            &service.document.evidence(&format!("{}/extends", service.own.1)),
        );
    }
}

/// The Dockerfile that a service is built from, where it is among the files.
fn built(service: &Service<'_>, asset: &Asset, found: &mut Found) {
    let Some((build, evidence)) = service.get("build") else { return };
    let context = build.as_str().or_else(|| build.get("context")?.as_str()).unwrap_or(".");
    let file = build.get("dockerfile").and_then(Value::as_str).unwrap_or("Dockerfile");
    let file = beside(service.document.path(), &format!("{context}/{file}"));
    if found.tree.holds(&file) {
        found.relate(asset.id.as_str(), RelationKind::RunsOn, &format!("file:{file}"), &evidence);
    }
}

fn ports(service: &Service<'_>, asset: &mut Asset, container: &mut Container) {
    for port in service.value("ports").and_then(Value::as_array).into_iter().flatten() {
        let (inside, exposure) = published(port);
        container.ports.extend(inside);
        asset.exposure = asset.exposure.max(Some(exposure));
        append(asset, "published_ports", &port.as_str().map_or_else(|| port.to_string(), str::to_owned));
    }
    let exposed = words(service.value("expose"));
    container.ports.extend(exposed.iter().filter_map(|port| port.parse::<u64>().ok()));
    asset.exposure = asset.exposure.or(Some(Exposure::Internal));
}

/// What a service may do to its machine, and how it is set up.
fn settings(service: &Service<'_>, asset: &mut Asset) {
    for (key, property) in [("privileged", "privileged"), ("read_only", "read_only_root_filesystem")] {
        if let Some(flag) = service.value(key).and_then(flag) {
            asset.properties.insert(property.into(), flag.into());
        }
    }
    for (key, property) in [("network_mode", "host_network"), ("pid", "host_pid"), ("ipc", "host_ipc")] {
        if service.text(key) == Some("host") {
            asset.properties.insert(property.into(), true.into());
        }
    }
    if let Some(user) = service.value("user") {
        let user = user.as_str().map_or_else(|| user.to_string(), str::to_owned);
        asset.properties.insert("user".into(), user.into());
    }
    for (key, property) in [
        ("cap_add", "capabilities"),
        ("profiles", "profiles"),
        ("security_opt", "security_opt"),
        ("env_file", "env_files"),
    ] {
        for word in names(service.value(key)) {
            append(asset, property, &word);
        }
    }
    for volume in service.value("volumes").and_then(Value::as_array).into_iter().flatten() {
        let source = match volume {
            Value::String(text) => text.split(':').next(),
            bind => {
                bind.get("source").and_then(Value::as_str).filter(|_| bind.get("type").is_some_and(|t| t == "bind"))
            }
        };
        if let Some(path) = source.filter(|path| path.starts_with('/')) {
            append(asset, "host_path", path);
        }
    }
    let devices = service.value("deploy").and_then(|deploy| deploy.pointer("/resources/reservations/devices"));
    for device in devices.and_then(Value::as_array).into_iter().flatten() {
        append(asset, "gpu", device.get("driver").and_then(Value::as_str).unwrap_or("gpu"));
        if let Some(count) = device.get("count") {
            asset.properties.insert("gpu_count".into(), count.clone());
        }
    }
    if devices.is_none() && (service.text("runtime") == Some("nvidia") || service.value("gpus").is_some()) {
        append(asset, "gpu", "nvidia");
    }
    let declared = service.document.value.get("networks");
    let networks = names(service.value("networks"));
    let inner = |name: &String| declared.and_then(|all| flag(all.get(name)?.get("internal")?)) == Some(true);
    if !networks.is_empty() {
        // what is only in networks without a way out is not reached by its published ports either
        if networks.iter().all(inner) {
            asset.properties.insert("internal_network".into(), true.into());
            asset.exposure = Some(Exposure::Internal);
        }
        asset.properties.insert("networks".into(), networks.into());
    }
}

/// A string split into words, or a list of strings.
fn words(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
        Some(Value::Array(list)) => {
            list.iter().map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}

/// The names in a list of names or of objects that have one, or the keys of a map.
fn names(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(name)) => vec![name.clone()],
        Some(Value::Array(list)) => {
            let name = |item: &Value| {
                let named = || ["source", "path", "name"].iter().find_map(|key| item.get(*key)?.as_str());
                item.as_str().or_else(named).map(str::to_owned)
            };
            list.iter().filter_map(name).collect()
        }
        Some(Value::Object(map)) => map.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

fn environment(value: Option<&Value>, evidence: &Evidence) -> Vec<(String, Option<String>, Evidence)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), |text| filled(text, |_| None));
    match value {
        Some(Value::Object(map)) => map
            .iter()
            .map(|(name, value)| (name.clone(), (!value.is_null()).then(|| text(value)), evidence.clone()))
            .collect(),
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(Value::as_str)
            .map(|entry| entry.split_once('=').map_or((entry, None), |(name, value)| (name, Some(value))))
            .map(|(name, value)| (name.to_owned(), value.map(|value| filled(value, |_| None)), evidence.clone()))
            .collect(),
        _ => Vec::new(),
    }
}

/// The port inside the container, and from where the published one is reached: a published port is open to the
/// machine's network unless it is bound to the loopback address.
fn published(port: &Value) -> (Option<u64>, Exposure) {
    let (inside, host) = match port {
        Value::String(text) => {
            let text = filled(text, |_| None);
            let mut parts = text.split('/').next().unwrap_or(&text).rsplitn(3, ':');
            (parts.next().and_then(|port| port.parse().ok()), parts.nth(1).map(str::to_owned))
        }
        Value::Number(number) => (number.as_u64(), None),
        other => (
            other.get("target").and_then(Value::as_u64),
            other.get("host_ip").and_then(Value::as_str).map(str::to_owned),
        ),
    };
    let local =
        host.is_some_and(|host| host.starts_with("127.") || host == "localhost" || host == "[::1]" || host == "::1");
    (inside, if local { Exposure::Local } else { Exposure::Internal })
}
