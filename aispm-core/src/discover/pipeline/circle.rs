//! CircleCI.

use serde_json::Value;

use super::model::{Job, Pipeline, Step};
use super::table::Does;
use super::{entries, identities, list, names, script, text, variables};
use crate::asset::{Asset, AssetKind, Document, RelationKind, pointer_key};
use crate::discover::container::append;
use crate::discover::format::{Found, Structured};
use crate::discover::walk::parent;

pub(super) const CONFIG: Structured = Structured {
    name: "circleci",
    critical: false,
    in_parts: false,
    markers: &["version:", "workflows:", "jobs:"],
    matches: |value| {
        let map = |key: &str| value.get(key).is_some_and(Value::is_object);
        value.get("version").is_some()
            && value.get("on").is_none()
            && (map("workflows") && (map("jobs") || map("orbs"))
                || map("jobs") && value.pointer("/jobs/build/steps").is_some())
    },
    read,
};

fn read(document: &Document, found: &mut Found) {
    let (path, value) = (document.path(), &document.value);
    let root =
        if parent(path).ends_with(".circleci") { format!("{}/.", parent(parent(path))) } else { path.to_owned() };
    let mut pipeline = Pipeline::new(
        format!("file:{path}"),
        "CircleCI",
        "circleci",
        root,
        document.evidence("/version").excerpt("CircleCI"),
    );
    for (name, orb, pointer) in entries(value, "orbs", "") {
        let Some(reference) = orb.as_str() else { continue };
        let evidence = document.evidence(&pointer).excerpt(reference);
        append(&mut pipeline.asset, "orbs", reference);
        let mut asset =
            Asset::new(format!("pkg:circleci/{reference}"), AssetKind::Package, name).with("ecosystem", "circleci");
        let version = reference.split_once('@').map(|(_, version)| version);
        asset.provenance.version = version.map(str::to_owned);
        asset.provenance.pinned = Some(version.is_some_and(|version| version.split('.').count() == 3));
        found.relate(pipeline.asset.id.as_str(), RelationKind::Uses, asset.id.as_str(), &evidence);
        found.inventory.add(asset.seen(evidence));
    }
    let mut placed = Vec::new();
    for (workflow, _, pointer) in entries(value, "workflows", "") {
        for (i, entry) in document
            .value
            .pointer(&format!("{pointer}/jobs"))
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .enumerate()
        {
            let (name, settings) = match entry {
                Value::String(name) => (name.as_str(), &Value::Null),
                Value::Object(map) => match map.iter().next() {
                    Some((name, settings)) => (name.as_str(), settings),
                    None => continue,
                },
                _ => continue,
            };
            placed.push((workflow, name, settings, format!("{pointer}/jobs/{i}")));
        }
    }
    let jobs = value.get("jobs");
    for (workflow, name, settings, pointer) in &placed {
        let called = text(settings, "name").unwrap_or(name);
        let evidence = document.evidence(pointer).excerpt(*name);
        let mut steps = Vec::new();
        match jobs.and_then(|jobs| jobs.get(name)) {
            _ if text(settings, "type") == Some("approval") => {
                let mut gate = Step::new(called, evidence);
                gate.does = Some((Does::Approve, false));
                steps.push(gate);
            }
            Some(job) => read_job(document, (name, job), &mut pipeline, &mut steps, found),
            None => {
                let mut step = Step::new(called, evidence.clone());
                step.action = Some(((*name).to_owned(), evidence));
                steps.push(step);
            }
        }
        for context in names(settings.get("context")) {
            append(&mut pipeline.asset, "contexts", &context);
        }
        let scoped = |name: &str| format!("{workflow}/{name}");
        let needs = names(settings.get("requires")).iter().map(|name| scoped(name)).collect();
        pipeline.jobs.push(Job { name: scoped(called), needs, steps, environment: None });
    }
    if placed.is_empty() {
        for (name, job, _) in entries(value, "jobs", "") {
            let mut steps = Vec::new();
            read_job(document, (name, job), &mut pipeline, &mut steps, found);
            pipeline.jobs.push(Job { name: name.clone(), steps, ..Job::default() });
        }
    }
    identities(document, &mut pipeline, found);
    pipeline.finish(found);
}

fn read_job(
    document: &Document,
    (name, job): (&str, &Value),
    pipeline: &mut Pipeline,
    steps: &mut Vec<Step>,
    found: &mut Found,
) {
    let pointer = format!("/jobs/{}", pointer_key(name));
    for (name, set, evidence) in variables(document, job.get("environment"), &format!("{pointer}/environment")) {
        pipeline.variable(&name, set.as_deref(), &evidence, found);
    }
    if let Some(class) = text(job, "resource_class") {
        append(&mut pipeline.asset, "runners", class);
        if class.contains('/') {
            pipeline.asset.properties.insert("self_hosted".into(), true.into());
        }
    }
    for (i, image) in list(job, "docker") {
        let evidence = document.evidence(&format!("{pointer}/docker/{i}/image"));
        let mut step = Step::new("container", evidence.clone());
        step.image = text(image, "image").map(|image| (image.to_owned(), evidence));
        steps.push(step);
    }
    for (i, entry) in list(job, "steps") {
        let pointer = format!("{pointer}/steps/{i}");
        let evidence = document.evidence(&pointer);
        let (command, settings) = match entry {
            Value::String(command) => (command.as_str(), &Value::Null),
            Value::Object(map) => match map.iter().next() {
                Some((command, settings)) => (command.as_str(), settings),
                None => continue,
            },
            _ => continue,
        };
        let named = text(settings, "name").unwrap_or(command);
        let mut step = Step::new(named, evidence.clone().excerpt(named));
        if command == "run" {
            let inline = settings.is_string();
            let (script_, place) = if inline {
                (Some(settings), format!("{pointer}/run"))
            } else {
                (settings.get("command"), format!("{pointer}/run/command"))
            };
            step.scripts = script(document, script_, &place);
            step.env = variables(document, settings.get("environment"), &format!("{pointer}/run/environment"));
        } else {
            step.action = Some((command.to_owned(), evidence));
        }
        steps.push(step);
    }
}
