//! Formats that need little: CodeBuild, Cloud Build, MLproject, Prefect, Dagster.

use serde_json::Value;

use super::model::{Job, Pipeline, Step};
use super::{entries, identities, list, names, script, text, variables};
use crate::asset::{Document, Error, RelationKind};
use crate::discover::container::{append, known_image};
use crate::discover::format::{Found, Source, Structured, Textual};
use crate::discover::walk::{folder_name, parent};

pub(super) const BUILDSPEC: Structured = Structured {
    name: "codebuild",
    critical: false,
    in_parts: false,
    markers: &["phases:", "commands:"],
    matches: |value| {
        let phases = value.get("phases").and_then(Value::as_object);
        value.get("version").is_some()
            && phases.is_some_and(|phases| phases.values().any(|phase| phase.get("commands").is_some()))
    },
    read: |document, found| {
        let mut pipeline = start(document, "codebuild", "/phases");
        for (name, set, evidence) in variables(document, document.value.pointer("/env/variables"), "/env/variables") {
            pipeline.variable(&name, set.as_deref(), &evidence, found);
        }
        for (name, ..) in entries(document.value.get("env").unwrap_or(&Value::Null), "secrets-manager", "/env") {
            append(&mut pipeline.asset, "secrets", name);
        }
        for phase in ["install", "pre_build", "build", "post_build"] {
            let Some(value) = document.value.pointer(&format!("/phases/{phase}")) else { continue };
            let mut step = Step::new(phase, document.evidence(&format!("/phases/{phase}")).excerpt(phase));
            step.scripts = script(document, value.get("commands"), &format!("/phases/{phase}/commands"));
            pipeline.jobs.push(Job { name: phase.to_owned(), steps: vec![step], ..Job::default() });
        }
        pipeline.in_sequence();
        identities(document, &mut pipeline, found);
        pipeline.finish(found);
    },
};

pub(super) const CLOUD_BUILD: Structured = Structured {
    name: "cloud-build",
    critical: false,
    in_parts: false,
    markers: &["steps:", "name:", "args:"],
    matches: |value| {
        let step = |step: &Value| {
            text(step, "name").is_some_and(|name| name.contains(['/', ':']))
                && ["args", "entrypoint", "script"].iter().any(|key| step.get(*key).is_some())
        };
        value.get("steps").and_then(Value::as_array).and_then(|list| list.first()).is_some_and(step)
            && value.get("apiVersion").is_none()
    },
    read: |document, found| {
        let mut pipeline = start(document, "cloud-build", "/steps");
        let account = text(&document.value, "serviceAccount").and_then(|name| name.rsplit('/').next());
        if let Some(account) = account {
            pipeline.identity("serviceAccount", account, &document.evidence("/serviceAccount").excerpt(account), found);
        }
        for (i, entry) in list(&document.value, "steps") {
            let pointer = format!("/steps/{i}");
            let image = text(entry, "name").unwrap_or_default();
            let name = text(entry, "id").map_or_else(|| format!("{i} {image}"), str::to_owned);
            let mut step = Step::new(&name, document.evidence(&pointer).excerpt(&name));
            step.image = Some((image.to_owned(), document.evidence(&format!("{pointer}/name"))));
            let args = names(entry.get("args"));
            // a builder's image is named after the program it runs
            let program = text(entry, "entrypoint")
                .or_else(|| image.split([':', '@']).next()?.rsplit('/').next())
                .unwrap_or_default();
            let line = match args.iter().position(|word| word == "-c" || word == "-ec") {
                Some(at) => args.get(at + 1).cloned().unwrap_or_default(),
                None => format!("{} {}", program.replace("cloud-sdk", "gcloud"), args.join(" ")),
            };
            step = step.script(line, document.evidence(&format!("{pointer}/args")));
            step.scripts.extend(script(document, entry.get("script"), &format!("{pointer}/script")));
            let needs = names(entry.get("waitFor")).into_iter().filter(|id| id != "-").collect();
            pipeline.jobs.push(Job { name, needs, steps: vec![step], environment: None });
        }
        if !list(&document.value, "steps").any(|(_, step)| step.get("waitFor").is_some()) {
            pipeline.in_sequence();
        }
        identities(document, &mut pipeline, found);
        pipeline.finish(found);
    },
};

pub(super) const PREFECT: Structured = Structured {
    name: "prefect",
    critical: false,
    in_parts: false,
    markers: &["deployments:", "entrypoint:"],
    matches: |value| {
        let first = value.get("deployments").and_then(Value::as_array).and_then(|list| list.first());
        first.is_some_and(|first| text(first, "entrypoint").is_some_and(|entry| entry.contains(".py:")))
            && (value.get("prefect-version").is_some() || first.is_some_and(|first| first.get("work_pool").is_some()))
    },
    read: |document, found| {
        let mut pipeline = start(document, "prefect", "/deployments");
        for (i, deployment) in list(&document.value, "deployments") {
            let (name, entry) =
                (text(deployment, "name").unwrap_or("flow"), text(deployment, "entrypoint").unwrap_or_default());
            let place = document.evidence(&format!("/deployments/{i}/entrypoint"));
            let file = entry.split(':').next().unwrap_or(entry);
            let step = Step::new(name, document.evidence(&format!("/deployments/{i}")).excerpt(name));
            let step = step.script(format!("python {file}"), place);
            pipeline.jobs.push(Job { name: name.to_owned(), steps: vec![step], ..Job::default() });
            append(&mut pipeline.asset, "entrypoints", entry);
        }
        pipeline.finish(found);
    },
};

pub(super) const DAGSTER: Structured = Structured {
    name: "dagster",
    critical: false,
    in_parts: false,
    markers: &["load_from:"],
    matches: |value| {
        let first = value.get("load_from").and_then(Value::as_array).and_then(|list| list.first());
        first.is_some_and(|first| {
            ["python_file", "python_module", "python_package", "grpc_server"]
                .iter()
                .any(|key| first.get(*key).is_some())
        })
    },
    read: |document, found| {
        let mut pipeline = start(document, "dagster", "/load_from");
        for (i, code) in list(&document.value, "load_from") {
            let name = ["python_file", "python_module", "python_package"].iter().find_map(|key| {
                let value = code.get(*key)?;
                value.as_str().or_else(|| text(value, "relative_path")).or_else(|| text(value, "module_name"))
            });
            let Some(name) = name else { continue };
            let step = Step::new(name, document.evidence(&format!("/load_from/{i}")).excerpt(name));
            pipeline.jobs.push(Job { name: name.to_owned(), steps: vec![step], ..Job::default() });
        }
        pipeline.finish(found);
    },
};

/// An MLflow project: entry points with their commands.
pub(super) const MLPROJECT: Textual = Textual {
    name: "mlproject",
    critical: false,
    matches: |source| source.name() == "MLproject",
    read: |source: &Source<'_>, found: &mut Found| -> Result<(), Error> {
        let (documents, error) = Document::yaml(source.path, source.text);
        for document in documents.iter().filter(|document| document.value.is_object()) {
            let mut pipeline = start(document, "mlflow-project", "/entry_points");
            pipeline.asset.ai = true;
            if let Some(name) = text(&document.value, "name") {
                pipeline.asset.name = name.to_owned();
            }
            for key in ["conda_env", "python_env"] {
                if let Some(file) = text(&document.value, key) {
                    pipeline.asset.properties.insert(key.into(), file.into());
                }
            }
            if let Some(image) = document.value.pointer("/docker_env/image").and_then(Value::as_str) {
                let (asset, evidence) = (known_image(image), document.evidence("/docker_env/image").excerpt(image));
                found.relate(pipeline.asset.id.as_str(), RelationKind::RunsOn, asset.id.as_str(), &evidence);
                found.inventory.add(asset.seen(evidence));
            }
            for (name, entry, pointer) in entries(&document.value, "entry_points", "") {
                let mut step = Step::new(name, document.evidence(&pointer).excerpt(name));
                step.scripts = script(document, entry.get("command"), &format!("{pointer}/command"));
                pipeline.jobs.push(Job { name: name.clone(), steps: vec![step], ..Job::default() });
            }
            pipeline.finish(found);
        }
        error.map_or(Ok(()), Err)
    },
};

fn start(document: &Document, platform: &str, at: &str) -> Pipeline {
    let path = document.path();
    let name = format!("{} ({platform})", folder_name(parent(path)));
    Pipeline::new(format!("file:{path}"), &name, platform, path.to_owned(), document.evidence(at).excerpt(platform))
}
