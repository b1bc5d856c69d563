//! DVC: stages of `dvc.yaml` and `dvc.lock`, and pointers to data (`*.dvc`).

use std::collections::HashMap;

use serde_json::Value;

use super::model::{Job, Pipeline, Step};
use super::table::{Does, rules};
use super::{entries, list, names, script, text};
use crate::asset::{Asset, AssetKind, Document, Error, Evidence, RelationKind};
use crate::discover::format::{Found, Source, Structured, Textual, dispatch};
use crate::discover::kubernetes::beside;
use crate::discover::walk::{file_name, folder_name, parent};

pub(super) const STAGES: Structured = Structured {
    name: "dvc",
    critical: false,
    in_parts: false,
    markers: &["stages:", "cmd:"],
    matches: |value| {
        let cmd = |stage: &Value| {
            let stage = stage.get("do").unwrap_or(stage);
            stage.get("cmd").is_some_and(|cmd| cmd.is_string() || cmd.is_array())
        };
        value.get("stages").and_then(Value::as_object).is_some_and(|stages| stages.values().any(cmd))
    },
    read,
};

pub(super) const POINTER: Structured = Structured {
    name: "dvc-data",
    critical: false,
    in_parts: false,
    markers: &["outs:", "md5:"],
    matches: |value| {
        let first = value.get("outs").and_then(Value::as_array).and_then(|outs| outs.first());
        first.is_some_and(|out| {
            text(out, "path").is_some()
                && (out.get("md5").is_some() || out.get("hash").is_some() || out.get("etag").is_some())
        })
    },
    read: pointer,
};

/// `dvc.lock` and `*.dvc` are YAML under other names.
pub(super) const FILES: Textual = Textual {
    name: "dvc-file",
    critical: false,
    matches: |source| source.name() == "dvc.lock" || source.has_extension(&["dvc"]),
    read: |source: &Source<'_>, found: &mut Found| -> Result<(), Error> {
        let (documents, error) = Document::yaml(source.path, source.text);
        for document in &documents {
            dispatch(document, found);
        }
        error.map_or(Ok(()), Err)
    },
};

/// Most inputs that one output is said to be made from.
const LINKS: usize = 64;

/// Extensions and words of paths that hold models.
const MODELS: &[&str] =
    &["pkl", "joblib", "pt", "pth", "onnx", "h5", "keras", "safetensors", "gguf", "ckpt", "model", "bin", "cbm", "pb"];

fn read(document: &Document, found: &mut Found) {
    let path = document.path();
    // the lock tells of the pipeline beside it
    let file = if file_name(path) == "dvc.lock" { beside(path, "dvc.yaml") } else { path.to_owned() };
    let id = format!("file:{file}");
    let name = format!("{} (DVC)", folder_name(parent(path)));
    let mut pipeline =
        Pipeline::new(id.clone(), &name, "dvc", path.to_owned(), document.evidence("/stages").excerpt("stages"));
    let mut made: HashMap<String, String> = HashMap::new();
    let stages = entries(&document.value, "stages", "");
    for (name, stage, _) in &stages {
        let stage = stage.get("do").unwrap_or(stage);
        made.extend(paths(stage, "outs").into_iter().map(|(path, ..)| (path, (*name).clone())));
    }
    for (name, stage, pointer) in stages {
        let (stage, pointer) =
            stage.get("do").map_or((stage, pointer.clone()), |inner| (inner, format!("{pointer}/do")));
        let mut step = Step::new(name, document.evidence(&pointer).excerpt(name));
        step.scripts = script(document, stage.get("cmd"), &format!("{pointer}/cmd"));
        let trains = rules().script(name) == Some(Does::Train);
        let trains = trains
            || step.scripts.iter().any(|(line, _)| {
                line.split_whitespace().any(|word| word.ends_with(".py") && rules().script(word) == Some(Does::Train))
            });
        if trains {
            step.does = Some((Does::Train, true));
        }
        let mut needs = Vec::new();
        let mut inputs = Vec::new();
        for (dep, i, digest) in paths(stage, "deps") {
            needs.extend(made.get(&dep).cloned());
            if [".py", ".sh", ".ipynb", ".yaml", ".R"].iter().any(|end| dep.ends_with(end)) {
                continue;
            }
            let asset = artifact(path, &dep, digest);
            let evidence = document.evidence(&format!("{pointer}/deps/{i}")).excerpt(&dep);
            inputs.push((asset.id.to_string(), asset.kind));
            found.relate(&id, RelationKind::Reads, asset.id.as_str(), &evidence);
            found.inventory.add(asset.seen(evidence));
        }
        for (out, i, digest) in paths(stage, "outs") {
            let asset = artifact(path, &out, digest);
            let evidence = document.evidence(&format!("{pointer}/outs/{i}")).excerpt(&out);
            found.relate(&id, RelationKind::Writes, asset.id.as_str(), &evidence);
            lineage((&asset, &inputs), trains, &evidence, found);
            found.inventory.add(asset.seen(evidence));
        }
        pipeline.jobs.push(Job { name: name.clone(), needs, steps: vec![step], environment: None });
    }
    pipeline.finish(found);
}

fn lineage((output, inputs): (&Asset, &[(String, AssetKind)]), trains: bool, evidence: &Evidence, found: &mut Found) {
    for (input, kind) in inputs.iter().take(LINKS) {
        let does = match (output.kind, kind) {
            (AssetKind::ModelFile, AssetKind::Dataset) if trains => RelationKind::TrainedOn,
            _ => RelationKind::DerivedFrom,
        };
        found.relate(output.id.as_str(), does, input, evidence);
    }
}

/// The paths of `deps` or `outs` with their place and digest: `- path`, `- path: {…}` or `- {path, md5}`.
fn paths<'a>(stage: &'a Value, key: &str) -> Vec<(String, usize, Option<&'a str>)> {
    let each = list(stage, key).filter_map(|(i, entry)| {
        let path = entry.as_str().or_else(|| text(entry, "path")).map(str::to_owned);
        let path = path.or_else(|| entry.as_object()?.keys().next().cloned())?;
        Some((path, i, text(entry, "md5")))
    });
    each.filter(|(path, ..)| !path.contains("${")).collect()
}

/// A tracked file: a model by its extension or name, else data.
fn artifact(owner: &str, path: &str, digest: Option<&str>) -> Asset {
    let model = path.rsplit_once('.').is_some_and(|(_, extension)| MODELS.contains(&extension))
        || path.split(['/', '_', '-', '.']).any(|word| matches!(word, "model" | "models" | "weights" | "checkpoint"));
    let kind = if model { AssetKind::ModelFile } else { AssetKind::Dataset };
    let id = if path.contains("://") {
        path.trim_end_matches('/').to_owned()
    } else {
        format!("file:{}", beside(owner, path))
    };
    let mut asset = Asset::new(id, kind, file_name(path.trim_end_matches('/')));
    if let Some(digest) = digest.map(|digest| digest.trim_end_matches(".dir")) {
        asset.provenance.digests.insert("md5".to_owned(), digest.to_owned());
        asset.provenance.pinned = Some(true);
    }
    asset
}

fn pointer(document: &Document, found: &mut Found) {
    for (path, i, digest) in paths(&document.value, "outs") {
        let evidence = document.evidence(&format!("/outs/{i}")).excerpt(&path);
        let mut asset = artifact(document.path(), &path, digest);
        for key in ["desc", "type"] {
            if let Some(value) = text(&document.value, key) {
                asset.properties.insert(key.into(), value.into());
            }
        }
        for (dep, j, _) in paths(&document.value, "deps") {
            let source = artifact(document.path(), &dep, None);
            found.relate(
                asset.id.as_str(),
                RelationKind::DerivedFrom,
                source.id.as_str(),
                &document.evidence(&format!("/deps/{j}")),
            );
            found.inventory.add(source.seen(document.evidence(&format!("/deps/{j}"))));
        }
        for label in names(document.value.pointer("/meta/labels")) {
            crate::discover::container::append(&mut asset, "labels", &label);
        }
        found.inventory.add(asset.seen(evidence));
    }
}
