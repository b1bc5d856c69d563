//! Dockerfiles and compose files.

use serde_json::Value;

use super::code;
use super::container::{Container, append};
use super::format::{Found, Source, Structured, Textual};
use super::walk::file_name;
use crate::asset::{Asset, AssetKind, Document, Error, Evidence, Exposure, RelationKind, pointer_key};

pub(super) const TEXTS: &[Textual] = &[DOCKERFILE];

pub(super) const FORMATS: &[Structured] = &[COMPOSE];

const DOCKERFILE: Textual = Textual {
    name: "dockerfile",
    critical: false,
    matches: |source| {
        let name = source.name();
        let named = name.starts_with("Dockerfile")
            || name.starts_with("Containerfile")
            || source.has_extension(&["dockerfile", "Dockerfile"]);
        named && instructions(source.text).any(|(_, word, _)| word.eq_ignore_ascii_case("FROM"))
    },
    read: dockerfile,
};

const COMPOSE: Structured = Structured {
    name: "compose",
    critical: false,
    in_parts: false,
    markers: &["services:", "image:"],
    matches: |value| {
        value.get("services").and_then(Value::as_object).is_some_and(|services| {
            services
                .values()
                .any(|service| service.get("image").is_some_and(Value::is_string) || service.get("build").is_some())
        })
    },
    read: compose,
};

/// Instructions with their first line; continued lines are joined.
fn instructions(text: &str) -> impl Iterator<Item = (u64, String, String)> {
    let mut lines = text.lines().enumerate();
    std::iter::from_fn(move || {
        loop {
            let (i, line) = lines.next()?;
            let line = line.trim();
            let Some((word, rest)) = line.split_once(char::is_whitespace) else { continue };
            if word.starts_with('#') {
                continue;
            }
            let mut whole = rest.to_owned();
            while whole.ends_with('\\') {
                whole.pop();
                let Some((_, next)) = lines.next() else { break };
                if !next.trim_start().starts_with('#') {
                    whole.push_str(next.trim_end());
                } else {
                    whole.push('\\');
                }
            }
            return Some((i as u64 + 1, word.to_owned(), whole));
        }
    })
}

/// The last stage is what runs; every stage's base image and what `RUN` fetches is part of it.
fn dockerfile(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let id = format!("file:{}", source.path);
    let mut owner = Asset::new(&id, AssetKind::ContainerImage, source.name());
    let mut stages: Vec<String> = Vec::new();
    let mut container = Container::default();
    for (line, word, rest) in instructions(source.text) {
        let evidence = source.line(line).excerpt(format!("{word} {rest}"));
        if owner.evidence.is_empty() {
            owner.evidence.push(evidence.clone());
        }
        match word.to_ascii_uppercase().as_str() {
            "FROM" => {
                let mut words = rest.split_whitespace().filter(|word| !word.starts_with("--"));
                let image = words.next().unwrap_or_default();
                if !stages.iter().any(|stage| stage == image) && image != "scratch" && !image.contains('$') {
                    let base =
                        Container { image: Some((image.to_owned(), evidence)), ..std::mem::take(&mut container) };
                    base.describe(&mut owner, found);
                }
                stages.extend(words.nth(1).map(str::to_owned));
            }
            "CMD" | "ENTRYPOINT" => {
                let list: Option<Vec<String>> = serde_json::from_str(&rest).ok();
                container
                    .words
                    .extend(list.unwrap_or_else(|| vec![rest]).into_iter().map(|word| (word, evidence.clone())));
            }
            "RUN" => {
                for command in rest.split("&&").flat_map(|part| part.split(';')) {
                    code::installs(source.path, command, &evidence, found);
                }
                container.words.push((rest, evidence));
            }
            "ENV" | "ARG" => container.env.extend(variables(&rest, &evidence)),
            "EXPOSE" => container
                .ports
                .extend(rest.split_whitespace().filter_map(|port| port.split('/').next()?.parse::<u64>().ok())),
            _ => {}
        }
    }
    container.describe(&mut owner, found);
    found.inventory.add(owner);
    Ok(())
}

/// `A=b C="d e"`, or the old `A b`.
fn variables(rest: &str, evidence: &Evidence) -> Vec<(String, Option<String>, Evidence)> {
    let pair =
        |name: &str, value: &str| (name.to_owned(), Some(value.trim_matches(['"', '\'']).to_owned()), evidence.clone());
    match rest.split_once(char::is_whitespace) {
        Some((name, value)) if !name.contains('=') => vec![pair(name, value.trim())],
        _ => rest
            .split_whitespace()
            .filter_map(|word| word.split_once('='))
            .map(|(name, value)| pair(name, value))
            .collect(),
    }
}

fn compose(document: &Document, found: &mut Found) {
    let path = document.path();
    let services = document.value.get("services").and_then(Value::as_object);
    let id = |name: &str| format!("file:{path}#{name}");
    let mut calls: Vec<(String, String, Evidence)> = Vec::new();
    for (name, service) in services.into_iter().flatten() {
        let pointer = format!("/services/{}", pointer_key(name));
        let at = |below: &str| document.evidence(&format!("{pointer}{below}"));
        let image = service.get("image").and_then(Value::as_str);
        let evidence = document.evidence(&pointer).excerpt(format!("{name}: {}", image.unwrap_or("build")));
        let mut asset = Asset::new(id(name), AssetKind::Workload, name).seen(evidence);
        let mut container =
            Container { image: image.map(|image| (image.to_owned(), at("/image"))), ..Container::default() };
        for key in ["entrypoint", "command"] {
            container.words.extend(words(service.get(key)).into_iter().map(|word| (word, at(&format!("/{key}")))));
        }
        container.env = environment(service.get("environment"), &at("/environment"));
        for port in service.get("ports").and_then(Value::as_array).into_iter().flatten() {
            let (inside, exposure) = published(port);
            container.ports.extend(inside);
            asset.exposure = asset.exposure.max(Some(exposure));
            append(&mut asset, "published_ports", &port.as_str().map_or_else(|| port.to_string(), str::to_owned));
        }
        asset.exposure = asset.exposure.or(Some(Exposure::Internal));
        if service.get("privileged").and_then(Value::as_bool) == Some(true) {
            asset.properties.insert("privileged".into(), true.into());
        }
        if service.get("network_mode").and_then(Value::as_str) == Some("host") {
            asset.properties.insert("host_network".into(), true.into());
        }
        for volume in words(service.get("volumes")).iter().filter(|volume| volume.starts_with('/')) {
            append(&mut asset, "host_path", volume.split(':').next().unwrap_or(volume));
        }
        if service.pointer("/deploy/resources/reservations/devices").is_some()
            || service.get("runtime").and_then(Value::as_str) == Some("nvidia")
        {
            append(&mut asset, "gpu", "nvidia");
        }
        container.describe(&mut asset, found);
        let needs = match service.get("depends_on") {
            Some(Value::Object(map)) => map.keys().cloned().collect(),
            other => words(other),
        };
        calls.extend(needs.into_iter().map(|other| (name.clone(), other, at("/depends_on"))));
        let hosts = container.env.iter().filter_map(|(_, value, _)| value.as_deref()).filter_map(|value| {
            let host = value.split_once("://").map_or(value, |(_, rest)| rest);
            host.rsplit('@').next()?.split([':', '/']).next().map(str::to_owned)
        });
        calls.extend(hosts.map(|host| (name.clone(), host, at("/environment"))));
        found.inventory.add(asset);
    }
    for (from, to, evidence) in calls.into_iter().filter(|(from, to, _)| from != to) {
        let Some(target) = found.inventory.get(&id(&to)) else { continue };
        let kind =
            if target.kind == AssetKind::VectorStore { RelationKind::RetrievesFrom } else { RelationKind::Invokes };
        found.relate(&id(&from), kind, &id(&to), &evidence);
    }
    let file = Asset::new(format!("file:{path}"), AssetKind::Resource, file_name(path)).seen(document.evidence(""));
    for name in services.into_iter().flat_map(|services| services.keys()) {
        found.relate(file.id.as_str(), RelationKind::Contains, &id(name), &document.evidence("/services"));
    }
    found.inventory.add(file);
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

fn environment(value: Option<&Value>, evidence: &Evidence) -> Vec<(String, Option<String>, Evidence)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Some(Value::Object(map)) => map
            .iter()
            .map(|(name, value)| (name.clone(), (!value.is_null()).then(|| text(value)), evidence.clone()))
            .collect(),
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(Value::as_str)
            .map(|entry| entry.split_once('=').map_or((entry, None), |(name, value)| (name, Some(value.to_owned()))))
            .map(|(name, value)| (name.to_owned(), value, evidence.clone()))
            .collect(),
        _ => Vec::new(),
    }
}

/// The port inside the container, and from where the published one is reached: a published port is open to the
/// machine's network unless it is bound to the loopback address.
fn published(port: &Value) -> (Option<u64>, Exposure) {
    let (inside, host) = match port {
        Value::String(text) => {
            let mut parts = text.split('/').next().unwrap_or(text).rsplitn(3, ':');
            (parts.next().and_then(|port| port.parse().ok()), parts.nth(1).map(str::to_owned))
        }
        Value::Number(number) => (number.as_u64(), None),
        other => (
            other.get("target").and_then(Value::as_u64),
            other.get("host_ip").and_then(Value::as_str).map(str::to_owned),
        ),
    };
    let local = host.is_some_and(|host| host.starts_with("127.") || host == "localhost" || host == "[::1]");
    (inside, if local { Exposure::Local } else { Exposure::Internal })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_image_and_the_model_of_a_dockerfile() {
        let text = "# x\nFROM vllm/vllm-openai:v1 AS base\nRUN pip install \\\n  openai==1.2.3 && true\nFROM base\nCMD [\"--model\",\"acme/m\"]\n";
        let mut found = Found::default();
        let source = Source { path: "p/Dockerfile", text };
        assert!((DOCKERFILE.matches)(&source));
        dockerfile(&source, &mut found).unwrap();
        let image = found.inventory.get("file:p/Dockerfile").unwrap();
        assert_eq!((image.ai, image.text("model_server")), (true, Some("vLLM")));
        assert_eq!(found.inventory.get("https://huggingface.co/acme/m").unwrap().evidence[0].line, Some(6));
        assert_eq!(found.inventory.get("pkg:pypi/openai@1.2.3").unwrap().evidence[0].line, Some(3));
    }

    #[test]
    fn services_of_a_compose_file() {
        let text = "services:\n  llm:\n    image: ollama/ollama:1\n    ports: [\"127.0.0.1:1:11434\"]\n  db:\n    image: qdrant/qdrant\n    ports: [\"6333:6333\"]\n  app:\n    build: .\n    environment:\n      - OPENAI_API_KEY=hunter2\n      - URL=http://db:6333\n    depends_on: [llm]\n";
        let mut found = Found::default();
        compose(&Document::yaml("c.yml", text).0[0], &mut found);
        let get = |name: &str| found.inventory.get(&format!("file:c.yml#{name}")).unwrap();
        assert_eq!(get("llm").exposure, Some(Exposure::Local));
        assert_eq!((get("db").exposure, get("db").kind), (Some(Exposure::Internal), AssetKind::VectorStore));
        assert_eq!(get("db").evidence[0].line, Some(5));
        let out: Vec<_> = found.inventory.outgoing("file:c.yml#app").map(|r| format!("{} {}", r.kind, r.to)).collect();
        assert_eq!(out, ["uses ai-provider:openai", "invokes file:c.yml#llm", "retrieves_from file:c.yml#db"]);
        assert!(!serde_json::to_string(&found.inventory).unwrap().contains("hunter2"));
    }
}
