//! Dockerfiles: stages and their base images, what is fetched and copied in, and what runs in the end.

use std::collections::HashMap;

use super::filled;
use crate::asset::{Asset, AssetKind, Error, Evidence, OwnerClaim, OwnerSource, RelationKind};
use crate::discover::code;
use crate::discover::container::{Container, append};
use crate::discover::format::{Found, Source, Textual};
use crate::discover::kubernetes::beside;
use crate::discover::model_ref;
use crate::discover::walk::file_name;

pub(super) const DOCKERFILE: Textual = Textual {
    name: "dockerfile",
    critical: false,
    matches: |source| {
        let name = source.name().to_ascii_lowercase();
        let named = name.starts_with("dockerfile")
            || name.starts_with("containerfile")
            || [".dockerfile", ".containerfile", "_dockerfile"].iter().any(|end| name.ends_with(end));
        named && instructions(source.text).any(|(_, word, _)| word.eq_ignore_ascii_case("FROM"))
    },
    read,
};

/// Extensions of files that hold models.
const MODEL_FILES: &[&str] = &[
    "safetensors",
    "gguf",
    "ggml",
    "onnx",
    "pt",
    "pth",
    "ckpt",
    "pkl",
    "pickle",
    "joblib",
    "h5",
    "keras",
    "tflite",
    "pb",
    "mar",
    "engine",
    "plan",
    "mlmodel",
    "llamafile",
    "npz",
];

/// Instructions with their first line; continued lines and here-documents are joined.
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
            if let Some((_, mark)) = whole.split_once("<<") {
                let mark = mark.trim_start_matches('-').split_whitespace().next().unwrap_or_default();
                let mark = mark.trim_matches(['"', '\'']).to_owned();
                for (_, next) in lines.by_ref().take_while(|(_, next)| !mark.is_empty() && next.trim() != mark) {
                    whole.push_str(" ; ");
                    whole.push_str(next.trim());
                }
            }
            return Some((i as u64 + 1, word.to_owned(), whole));
        }
    })
}

/// One stage of a build.
#[derive(Default)]
struct Stage {
    name: Option<String>,
    /// The image or the earlier stage it starts from.
    base: Option<(String, Evidence)>,
    container: Container,
    /// What it runs when started: the last of each.
    entry: Vec<(String, Evidence)>,
    command: Vec<(String, Evidence)>,
    user: Option<(String, Evidence)>,
}

/// The last stage is what runs; every stage's base image and what `RUN` fetches is part of it.
fn read(source: &Source<'_>, found: &mut Found) -> Result<(), Error> {
    let id = format!("file:{}", source.path);
    let mut owner = Asset::new(&id, AssetKind::ContainerImage, source.name());
    let mut variables: HashMap<String, String> = HashMap::new();
    let mut stages: Vec<Stage> = Vec::new();
    for (line, word, raw) in instructions(source.text) {
        let rest = filled(&raw, |name| variables.get(name).map(String::as_str));
        let evidence = source.line(line).excerpt(match word.to_ascii_uppercase().as_str() {
            // a variable's value may be a secret
            "ENV" | "ARG" => format!("{word} {}", raw.split(['=', ' ']).next().unwrap_or_default()),
            _ => format!("{word} {raw}"),
        });
        if owner.evidence.is_empty() {
            owner.evidence.push(evidence.clone());
        }
        let word = word.to_ascii_uppercase();
        if word == "FROM" {
            let mut words = rest.split_whitespace().filter(|word| !word.starts_with("--"));
            let base = words.next().unwrap_or_default().to_owned();
            let name = words.nth(1).map(str::to_owned);
            stages.push(Stage { base: Some((base, evidence)), name, ..Stage::default() });
            continue;
        }
        if matches!(word.as_str(), "ARG" | "ENV") {
            let pairs = pairs(&rest, &evidence);
            for (name, value, _) in &pairs {
                if let Some(value) = value {
                    variables.entry(name.clone()).or_insert_with(|| value.clone());
                }
            }
            if let Some(stage) = stages.last_mut() {
                stage.container.env.extend(pairs);
            }
            continue;
        }
        let Some(stage) = stages.last_mut() else { continue };
        match word.as_str() {
            "CMD" => stage.command = line_of(rest, &evidence),
            "ENTRYPOINT" => stage.entry = line_of(rest, &evidence),
            "RUN" => {
                fetched(source, &rest, &mut owner, &evidence, found);
                stage.container.words.push((rest, evidence));
            }
            "COPY" | "ADD" => copied(source, &rest, &mut owner, &evidence, found),
            "USER" => stage.user = Some((rest.trim().to_owned(), evidence)),
            "EXPOSE" => {
                let ports = rest.split_whitespace().filter_map(|port| port.split('/').next()?.parse::<u64>().ok());
                stage.container.ports.extend(ports);
            }
            "LABEL" | "MAINTAINER" => labels(&word, &rest, &mut owner, &evidence),
            _ => {}
        }
    }
    describe(stages, &mut owner, found);
    found.inventory.add(owner);
    Ok(())
}

/// Earlier stages give their base images and what they fetched; the last one, and what it starts from, also what runs.
fn describe(mut stages: Vec<Stage>, owner: &mut Asset, found: &mut Found) {
    let mut last = stages.pop().unwrap_or_default();
    let earlier = |name: &str, stages: &[Stage]| {
        let named = |stage: &Stage| stage.name.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name));
        stages.iter().rposition(named)
    };
    // stages are removed as they are inherited, so this ends
    while let Some(at) = last.base.as_ref().and_then(|(base, _)| earlier(base, &stages)) {
        let below = stages.remove(at);
        last.base = below.base;
        last.container.words.splice(0..0, below.container.words);
        last.container.env.splice(0..0, below.container.env);
        last.container.ports.extend(below.container.ports);
        last.user = last.user.or(below.user);
        last.entry = if last.entry.is_empty() { below.entry } else { last.entry };
        last.command = if last.command.is_empty() { below.command } else { last.command };
    }
    let names: Vec<String> = stages.iter().filter_map(|stage| stage.name.clone()).collect();
    let image = |base: Option<(String, Evidence)>| {
        base.filter(|(base, _)| base != "scratch" && !names.iter().any(|name| name.eq_ignore_ascii_case(base)))
    };
    for stage in stages {
        Container { image: image(stage.base), words: stage.container.words, ..Container::default() }
            .describe(owner, found);
    }
    let mut container = Container { image: image(last.base), ..last.container };
    container.words.extend(last.entry);
    container.words.extend(last.command);
    container.describe(owner, found);
    if !container.ports.is_empty() {
        owner.properties.insert("ports".into(), container.ports.clone().into());
    }
    if let Some((user, evidence)) = last.user {
        let root = matches!(user.split(':').next(), Some("root" | "0"));
        owner.properties.insert("user".into(), user.into());
        owner.properties.insert("runs_as_root".into(), root.into());
        owner.evidence.push(evidence);
    }
}

fn line_of(rest: String, evidence: &Evidence) -> Vec<(String, Evidence)> {
    let list: Option<Vec<String>> = serde_json::from_str(&rest).ok();
    list.unwrap_or_else(|| vec![rest]).into_iter().map(|word| (word, evidence.clone())).collect()
}

/// Packages, and models from the hub, that a command brings in.
fn fetched(source: &Source<'_>, rest: &str, owner: &mut Asset, evidence: &Evidence, found: &mut Found) {
    for command in rest.split("&&").flat_map(|part| part.split(';')) {
        code::installs(source.path, command, evidence, found);
    }
    let loaded = rest.split("from_pretrained(").skip(1).chain(rest.split("snapshot_download(").skip(1));
    let loaded = loaded.filter_map(|call| call.split(['"', '\'']).nth(1));
    let linked =
        rest.split_whitespace().filter(|word| word.contains("://huggingface.co/") && !word.contains("/datasets/"));
    for name in loaded.chain(linked) {
        let name = name.trim_matches(['"', '\'', ';', ')', ',']);
        if let Some(model) =
            model_ref::model(name, owner.id.as_str()).filter(|model| model.id.as_str().contains("huggingface.co/"))
        {
            owner.ai = true;
            append(owner, "models", name);
            found.relate(owner.id.as_str(), RelationKind::Contains, model.id.as_str(), evidence);
            found.inventory.add(model.seen(evidence.clone().excerpt(name)));
        }
    }
}

/// Model files that are copied in from beside, or fetched by `ADD`.
fn copied(source: &Source<'_>, rest: &str, owner: &mut Asset, evidence: &Evidence, found: &mut Found) {
    let words: Vec<String> = match serde_json::from_str(rest) {
        Ok(list) => list,
        Err(_) => rest.split_whitespace().map(str::to_owned).collect(),
    };
    // files of another stage lie nowhere beside
    if words.iter().any(|word| word.starts_with("--from")) {
        return;
    }
    let operands: Vec<&String> = words.iter().filter(|word| !word.starts_with("--")).collect();
    let Some((_, sources)) = operands.split_last() else { return };
    for file in sources {
        let held = file.rsplit_once('.').is_some_and(|(_, extension)| MODEL_FILES.contains(&extension));
        if !held {
            continue;
        }
        owner.ai = true;
        let asset = match file.contains("://") {
            true => match model_ref::model(file, owner.id.as_str()) {
                Some(model) => model,
                None => continue,
            },
            false => Asset::new(format!("file:{}", beside(source.path, file)), AssetKind::ModelFile, file_name(file)),
        };
        found.relate(owner.id.as_str(), RelationKind::Contains, asset.id.as_str(), evidence);
        found.inventory.add(asset.seen(evidence.clone()));
    }
}

fn labels(word: &str, rest: &str, owner: &mut Asset, evidence: &Evidence) {
    if word == "MAINTAINER" {
        owner.claim(OwnerClaim::new(OwnerSource::Creator, rest.trim(), evidence.clone()));
    }
    for (name, value, _) in pairs(rest, evidence) {
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        match name.trim_matches('"') {
            "maintainer" | "org.opencontainers.image.authors" => {
                owner.claim(OwnerClaim::new(OwnerSource::Creator, value, evidence.clone()));
            }
            "owner" | "team" => owner.claim(OwnerClaim::new(OwnerSource::Label, value, evidence.clone())),
            "org.opencontainers.image.source" => owner.provenance.source = Some(value),
            "org.opencontainers.image.licenses" => owner.provenance.licence = Some(value),
            "org.opencontainers.image.version" => owner.provenance.version = Some(value),
            _ => {}
        }
    }
}

/// `A=b C="d e"`, or the old `A b`; a bare `A` has no value.
fn pairs(rest: &str, evidence: &Evidence) -> Vec<(String, Option<String>, Evidence)> {
    let pair = |name: &str, value: Option<&str>| {
        let value = value.map(|value| value.trim_matches(['"', '\'']).to_owned());
        (name.to_owned(), value, evidence.clone())
    };
    if let Some((name, value)) = rest.split_once(char::is_whitespace).filter(|(name, _)| !name.contains('=')) {
        return vec![pair(name, Some(value.trim()))];
    }
    let mut found = Vec::new();
    let mut rest = rest.trim_start();
    while !rest.is_empty() {
        let mut quote = None;
        let end = rest.find(|c: char| {
            match quote {
                Some(open) if c == open => quote = None,
                None if matches!(c, '"' | '\'') => quote = Some(c),
                _ => {}
            }
            quote.is_none() && c.is_whitespace()
        });
        let (word, next) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, ""));
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        found.push(pair(name, value));
        rest = next.trim_start();
    }
    found
}
