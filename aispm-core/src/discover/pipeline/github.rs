//! GitHub Actions: workflows and composite actions.

use serde_json::Value;

use super::model::{Job, Pipeline, Step};
use super::{body, identities, list, names, script, strings, text, variables};
use crate::asset::{Asset, AssetKind, Document, Evidence, RelationKind, pointer_key};
use crate::discover::container::append;
use crate::discover::format::{Found, Structured};
use crate::discover::kubernetes::beside;
use crate::discover::walk::file_name;

pub(super) const WORKFLOW: Structured = Structured {
    name: "github-workflow",
    critical: false,
    in_parts: false,
    markers: &["jobs:", "runs-on:"],
    matches: |value| {
        let job = |job: &Value| job.get("runs-on").is_some() || job.get("uses").is_some();
        value.get("on").is_some_and(|on| !on.is_boolean() && !on.is_null())
            && value.get("jobs").and_then(Value::as_object).is_some_and(|jobs| jobs.values().any(job))
    },
    read: workflow,
};

pub(super) const ACTION: Structured = Structured {
    name: "github-action",
    critical: false,
    in_parts: false,
    markers: &["runs:", "using:"],
    matches: |value| value.pointer("/runs/using").is_some_and(Value::is_string) && text(value, "name").is_some(),
    read: action,
};

/// A file in the folder that holds `.github`: what paths in workflows are relative to.
fn root(path: &str) -> String {
    match path.split_once(".github/") {
        Some((above, _)) => format!("{above}."),
        None => path.to_owned(),
    }
}

fn workflow(document: &Document, found: &mut Found) {
    let (path, value) = (document.path(), &document.value);
    let name = text(value, "name").unwrap_or_else(|| file_name(path));
    let place = document.evidence(if value.get("name").is_some() { "/name" } else { "/jobs" }).excerpt(name);
    let mut pipeline = Pipeline::new(format!("file:{path}"), name, "github-actions", root(path), place);
    let triggers = names(value.get("on"));
    let untrusted = triggers.iter().any(|trigger| matches!(trigger.as_str(), "pull_request_target" | "workflow_run"));
    pipeline.asset.properties.insert("triggers".into(), triggers.into());
    permissions(value.get("permissions"), &mut pipeline.asset);
    for (name, set, evidence) in variables(document, value.get("env"), "/env") {
        pipeline.variable(&name, set.as_deref(), &evidence, found);
    }
    for (id, job) in value.get("jobs").and_then(Value::as_object).into_iter().flatten() {
        let pointer = format!("/jobs/{}", pointer_key(id));
        permissions(job.get("permissions"), &mut pipeline.asset);
        for (name, set, evidence) in variables(document, job.get("env"), &format!("{pointer}/env")) {
            pipeline.variable(&name, set.as_deref(), &evidence, found);
        }
        runner(job.get("runs-on"), &mut pipeline.asset);
        let mut steps = Vec::new();
        let image = |value: &Value| value.as_str().or_else(|| text(value, "image")).map(str::to_owned);
        let services = super::entries(job, "services", &pointer);
        let services = services.into_iter().map(|(_, service, pointer)| (service, pointer));
        let container = job.get("container").map(|container| (container, format!("{pointer}/container")));
        for (holder, pointer) in services.chain(container) {
            let evidence = document.evidence(&pointer);
            let mut step = Step::new("container", evidence.clone());
            step.image = image(holder).map(|image| (image, evidence));
            steps.push(step);
        }
        if let Some(uses) = text(job, "uses") {
            let evidence = document.evidence(&format!("{pointer}/uses"));
            steps.push(called(uses, &mut pipeline.asset, &evidence, found));
        }
        read_steps(document, job, &pointer, &mut pipeline, &mut steps, found);
        let environment = job.get("environment");
        let environment = environment.and_then(|e| e.as_str().or_else(|| text(e, "name"))).map(str::to_owned);
        if let Some(environment) = &environment {
            append(&mut pipeline.asset, "environments", environment);
        }
        pipeline.jobs.push(Job { name: id.clone(), needs: names(job.get("needs")), steps, environment });
    }
    expressions(document, untrusted, &mut pipeline.asset);
    identities(document, &mut pipeline, found);
    pipeline.finish(found);
}

fn action(document: &Document, found: &mut Found) {
    let (path, value) = (document.path(), &document.value);
    let name = text(value, "name").unwrap_or_else(|| file_name(path));
    let place = document.evidence("/name").excerpt(name);
    let mut pipeline = Pipeline::new(format!("file:{path}"), name, "github-action", root(path), place);
    let using = value.pointer("/runs/using").cloned().unwrap_or_default();
    pipeline.asset.properties.insert("using".into(), using);
    let mut steps = Vec::new();
    if let Some(image) = value.pointer("/runs/image").and_then(Value::as_str) {
        let evidence = document.evidence("/runs/image");
        let mut step = Step::new(name, evidence.clone());
        step.image = image.strip_prefix("docker://").map(|image| (image.to_owned(), evidence));
        steps.push(step);
    }
    let runs = value.get("runs").cloned().unwrap_or_default();
    read_steps(document, &runs, "/runs", &mut pipeline, &mut steps, found);
    pipeline.jobs.push(Job { name: "runs".to_owned(), steps, ..Job::default() });
    expressions(document, false, &mut pipeline.asset);
    identities(document, &mut pipeline, found);
    pipeline.finish(found);
}

fn read_steps(
    document: &Document,
    job: &Value,
    pointer: &str,
    pipeline: &mut Pipeline,
    steps: &mut Vec<Step>,
    found: &mut Found,
) {
    for (i, entry) in list(job, "steps") {
        let pointer = format!("{pointer}/steps/{i}");
        let (uses, run) = (text(entry, "uses"), text(entry, "run"));
        let first = run.and_then(|run| run.lines().next()).map(str::trim);
        let name = text(entry, "name").or_else(|| text(entry, "id")).or(uses).or(first).unwrap_or("step");
        let mut step = match uses {
            Some(uses) => {
                let evidence = document.evidence(&format!("{pointer}/uses"));
                Step { name: name.to_owned(), ..called(uses, &mut pipeline.asset, &evidence, found) }
            }
            None => Step::new(name, document.evidence(&pointer)),
        };
        step.evidence = document.evidence(&pointer).excerpt(name);
        step.scripts = script(document, entry.get("run"), &format!("{pointer}/run"));
        for key in ["script", "inlineScript", "command"] {
            if let Some(text) = entry.get("with").and_then(|with| text(with, key)) {
                step.scripts.push((text.to_owned(), body(document, text, &format!("{pointer}/with/{key}"))));
            }
        }
        step.env = variables(document, entry.get("env"), &format!("{pointer}/env"));
        if let Some(with) = entry.get("with") {
            credentials(uses.unwrap_or_default(), with, &mut pipeline.asset);
        }
        steps.push(step);
    }
}

/// An action or reusable workflow: a package by its repository and revision, or a file of this repository.
fn called(uses: &str, pipeline: &mut Asset, evidence: &Evidence, found: &mut Found) -> Step {
    let mut step = Step::new(uses, evidence.clone());
    let evidence = evidence.clone().excerpt(uses);
    append(pipeline, "actions", uses);
    let asset = if let Some(image) = uses.strip_prefix("docker://") {
        step.image = Some((image.to_owned(), evidence));
        return step;
    } else if let Some(local) = uses.strip_prefix("./") {
        let path = pipeline.id.as_str().trim_start_matches("file:");
        let target = format!("file:{}", beside(&root(path), local));
        found.relate(pipeline.id.as_str(), RelationKind::Invokes, &target, &evidence);
        return step;
    } else {
        let (name, revision) = uses.split_once('@').map_or((uses, None), |(name, revision)| (name, Some(revision)));
        let mut parts = name.splitn(3, '/');
        let repository = [parts.next(), parts.next()].into_iter().flatten().collect::<Vec<_>>().join("/");
        let path = parts.next().map_or(String::new(), |path| format!("#{path}"));
        let version = revision.map_or(String::new(), |revision| format!("@{revision}"));
        let mut asset = Asset::new(format!("pkg:github/{repository}{version}{path}"), AssetKind::Package, name)
            .with("ecosystem", "github");
        let commit = |text: &str| text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let pinned = revision.is_some_and(commit);
        asset.provenance.pinned = Some(pinned);
        asset.provenance.publisher = repository.split('/').next().map(str::to_owned);
        asset.provenance.source = Some(format!("https://github.com/{repository}"));
        match revision {
            Some(revision) if pinned => asset.provenance.revision = Some(revision.to_owned()),
            revision => asset.provenance.version = revision.map(str::to_owned),
        }
        if !pinned {
            append(pipeline, "unpinned_actions", uses);
        }
        asset
    };
    found.relate(pipeline.id.as_str(), RelationKind::Uses, asset.id.as_str(), &evidence);
    step.action = Some((uses.to_owned(), evidence.clone()));
    found.inventory.add(asset.seen(evidence));
    step
}

/// Whether a login takes a stored key instead of a token of the run.
fn credentials(uses: &str, with: &Value, pipeline: &mut Asset) {
    let has = |keys: &[&str]| keys.iter().any(|key| with.get(key).is_some());
    let stored = uses.starts_with("aws-actions/configure-aws-credentials") && has(&["aws-access-key-id"])
        || uses.starts_with("google-github-actions/auth") && has(&["credentials_json"])
        || uses.starts_with("azure/login") && has(&["creds", "client-secret"])
        || uses.starts_with("Azure/login") && has(&["creds", "client-secret"]);
    if stored {
        pipeline.properties.insert("static_credentials".into(), true.into());
    }
    for key in ["role-to-assume", "workload_identity_provider", "service_account", "client-id", "audience"] {
        if let Some(value) = text(with, key) {
            append(pipeline, "assumes", &format!("{key}={value}"));
        }
    }
}

fn permissions(value: Option<&Value>, pipeline: &mut Asset) {
    let Some(value) = value else { return };
    if value.get("id-token").is_some_and(|level| level == "write") || value == "write-all" {
        pipeline.properties.insert("id_token_write".into(), true.into());
    }
    match value {
        Value::Object(map) => {
            for (scope, level) in map.iter().filter_map(|(scope, level)| Some((scope, level.as_str()?))) {
                append(pipeline, "permissions", &format!("{scope}: {level}"));
            }
        }
        other => append(pipeline, "permissions", other.as_str().unwrap_or_default()),
    }
}

fn runner(value: Option<&Value>, pipeline: &mut Asset) {
    let labels = match value {
        Some(Value::Object(map)) => names(map.get("labels").or_else(|| map.get("group"))),
        other => names(other),
    };
    for label in labels {
        if label == "self-hosted" {
            pipeline.properties.insert("self_hosted".into(), true.into());
        }
        append(pipeline, "runners", &label);
    }
}

/// The names of secrets, and whether a run that outsiders can start takes their code or words.
fn expressions(document: &Document, untrusted: bool, pipeline: &mut Asset) {
    let (mut checkout, mut injected) = (false, Vec::new());
    strings(&document.value, "", "", &mut |key, text, _| {
        for (_, rest) in
            text.match_indices("secrets.").filter_map(|(at, found)| text.split_at_checked(at + found.len()))
        {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            if let Some(name) = rest.get(..end).filter(|name| !name.is_empty() && text.contains("${{")) {
                append(pipeline, "secrets", name);
            }
        }
        checkout |= key == "ref" && text.contains("github.event.pull_request.head");
        let outside = [
            "github.event.issue.",
            "github.event.comment.body",
            "github.event.pull_request.title",
            "github.event.pull_request.body",
            "github.head_ref",
        ];
        if key == "run" {
            injected.extend(outside.iter().filter(|field| text.contains(**field)).map(|field| (*field).to_owned()));
        }
    });
    if untrusted && checkout {
        pipeline.properties.insert("untrusted_checkout".into(), true.into());
    }
    for field in injected {
        append(pipeline, "script_injection", &field);
    }
}
