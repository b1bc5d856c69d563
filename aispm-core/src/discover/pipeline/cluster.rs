//! Pipelines that are objects of a cluster: Argo Workflows and Tekton.

use serde_json::Value;

use super::model::{Job, Pipeline, Step};
use super::table::{Does, TargetKind};
use super::{body, identities, list, names, text, variables};
use crate::asset::{Asset, AssetKind, Document, RelationKind};
use crate::discover::container::append;
use crate::discover::format::{Found, Structured};
use crate::discover::kubernetes::at_path;

/// Deepest chain of templates that call each other.
const DEPTH: usize = 8;
/// Most jobs of one workflow.
const JOBS: usize = 512;

pub(super) const ARGO: Structured = Structured {
    name: "argo-workflow",
    critical: false,
    in_parts: false,
    markers: &["apiVersion: argoproj.io", "templates:"],
    matches: |value| of(value, argo),
    read: read_argo,
};

pub(super) const TEKTON: Structured = Structured {
    name: "tekton",
    critical: false,
    in_parts: false,
    markers: &["apiVersion: tekton.dev", "kind:"],
    matches: |value| of(value, tekton),
    read: read_tekton,
};

fn of(value: &Value, known: fn(&str, &str) -> bool) -> bool {
    let group = text(value, "apiVersion").and_then(|version| version.split_once('/')).map(|(group, _)| group);
    group.zip(text(value, "kind")).is_some_and(|(group, kind)| known(kind, group))
}

fn argo(kind: &str, group: &str) -> bool {
    let kinds = ["Workflow", "CronWorkflow", "WorkflowTemplate", "ClusterWorkflowTemplate"];
    group == "argoproj.io" && kinds.contains(&kind)
}

fn tekton(kind: &str, group: &str) -> bool {
    let kinds = ["Pipeline", "PipelineRun", "Task", "TaskRun", "ClusterTask"];
    group == "tekton.dev" && kinds.contains(&kind)
}

/// Whether an object of a cluster is a pipeline.
pub(in crate::discover) fn in_cluster(kind: &str, group: &str) -> bool {
    argo(kind, group) || tekton(kind, group)
}

/// A pipeline with the id of its object, and the account it runs as.
fn start(document: &Document, platform: &str, accounts: &[&str], found: &mut Found) -> Option<Pipeline> {
    let value = &document.value;
    let metadata = value.get("metadata")?;
    let (kind, name) = (text(value, "kind")?, text(metadata, "name").or_else(|| text(metadata, "generateName"))?);
    let wide = kind.starts_with("Cluster");
    let namespace = if wide { "-" } else { text(metadata, "namespace").unwrap_or("default") };
    let id = format!("k8s://cluster/{namespace}/{kind}/{name}");
    let place = document.evidence("/metadata/name").excerpt(format!("{kind} {name}"));
    let mut pipeline = Pipeline::new(id.clone(), name, platform, document.path().to_owned(), place);
    pipeline.asset = pipeline.asset.alias(format!("file:{}", document.path()));
    for (key, set) in [("kubernetes_kind", kind), ("cluster", "cluster"), ("namespace", namespace)] {
        pipeline.asset.properties.insert(key.into(), set.into());
    }
    for key in ["labels", "annotations"] {
        if let Some(Value::Object(map)) = metadata.get(key) {
            // a compiled pipeline keeps its whole specification in an annotation
            let short = map.iter().filter(|(_, value)| value.as_str().is_some_and(|text| text.len() < 512));
            let short: serde_json::Map<String, Value> = short.map(|(k, v)| (k.clone(), v.clone())).collect();
            pipeline.asset.ai |= map.keys().any(|name| name.starts_with("pipelines.kubeflow.org/"));
            pipeline.asset.properties.insert(key.into(), short.into());
        }
    }
    let account = accounts.iter().find_map(|at| Some((*at, value.pointer(at)?.as_str()?)));
    let (at, account) = account.unwrap_or(("/spec", "default"));
    let target =
        Asset::new(format!("k8s://cluster/{namespace}/ServiceAccount/{account}"), AssetKind::ServiceAccount, account);
    let evidence = document.evidence(at).excerpt(account);
    found.relate(&id, RelationKind::RunsAs, target.id.as_str(), &evidence);
    found.inventory.add(target.seen(evidence));
    Some(pipeline)
}

fn read_argo(document: &Document, found: &mut Found) {
    let accounts = ["/spec/serviceAccountName", "/spec/workflowSpec/serviceAccountName"];
    let Some(mut pipeline) = start(document, "argo-workflows", &accounts, found) else { return };
    let at = if document.value.pointer("/spec/workflowSpec").is_some() { "/spec/workflowSpec" } else { "/spec" };
    let spec = document.value.pointer(at).cloned().unwrap_or_default();
    for key in ["schedule", "schedules", "suspend"] {
        if let Some(value) = document.value.pointer(&format!("/spec/{key}")) {
            pipeline.asset.properties.insert(key.into(), value.clone());
        }
    }
    if let Some(other) = spec.pointer("/workflowTemplateRef/name").and_then(Value::as_str) {
        let namespace = pipeline.asset.text("namespace").unwrap_or("default");
        let target = format!("k8s://cluster/{namespace}/WorkflowTemplate/{other}");
        found.relate(
            pipeline.asset.id.as_str(),
            RelationKind::Uses,
            &target,
            &document.evidence(&format!("{at}/workflowTemplateRef")),
        );
    }
    let templates: Vec<(&str, &Value, String)> = list(&spec, "templates")
        .filter_map(|(i, t)| Some((text(t, "name")?, t, format!("{at}/templates/{i}"))))
        .collect();
    match text(&spec, "entrypoint") {
        Some(entry) => {
            expand(document, &templates, (entry, "main"), &[], DEPTH, &mut pipeline);
        }
        None => {
            for (name, ..) in &templates {
                expand(document, &templates, (name, name), &[], 1, &mut pipeline);
            }
        }
    }
    identities(document, &mut pipeline, found);
    pipeline.finish(found);
}

/// Adds the jobs that a template stands for; the names of those after which it is done.
fn expand(
    document: &Document,
    templates: &[(&str, &Value, String)],
    (template, name): (&str, &str),
    needs: &[String],
    depth: usize,
    pipeline: &mut Pipeline,
) -> Vec<String> {
    if pipeline.jobs.len() >= JOBS {
        return needs.to_vec();
    }
    // every call counts, so that templates that call each other without end or work stop at the limit
    pipeline.jobs.push(Job::default());
    let known = templates.iter().find(|(known, ..)| *known == template).filter(|_| depth > 0);
    let Some((_, value, pointer)) = known else { return needs.to_vec() };
    if let Some(tasks) = value.pointer("/dag/tasks").and_then(Value::as_array) {
        return dag(document, templates, (tasks, name), needs, depth, pipeline);
    }
    let mut before = needs.to_vec();
    if let Some(groups) = value.get("steps").and_then(Value::as_array) {
        for (i, group) in groups.iter().enumerate() {
            // one step may stand without a list of its own
            let together = group.as_array().map_or_else(|| vec![group], |group| group.iter().collect());
            let mut after = Vec::new();
            for step in together {
                let called = text(step, "name").unwrap_or("step");
                let inner = text(step, "template")
                    .or_else(|| step.pointer("/templateRef/template")?.as_str())
                    .unwrap_or_default();
                after.extend(expand(
                    document,
                    templates,
                    (inner, &format!("{name}/{i}.{called}")),
                    &before,
                    depth - 1,
                    pipeline,
                ));
            }
            before = after;
        }
        return before;
    }
    let mut step = Step::new(template, document.evidence(&format!("{pointer}/name")).excerpt(template));
    if value.get("suspend").is_some() {
        step.does = Some((Does::Approve, false));
    }
    let mut steps = Vec::new();
    for key in ["container", "script"] {
        if let Some(container) = value.get(key) {
            contained(document, container, &format!("{pointer}/{key}"), &mut step);
        }
    }
    if let Some(manifest) = value.pointer("/resource/manifest").and_then(Value::as_str) {
        resource(manifest, &mut step);
    }
    steps.push(step);
    for (place, container) in at_path(value, "containerSet/containers/*") {
        let mut step =
            Step::new(text(container, "name").unwrap_or("container"), document.evidence(&format!("{pointer}{place}")));
        contained(document, container, &format!("{pointer}{place}"), &mut step);
        steps.push(step);
    }
    pipeline.jobs.push(Job { name: name.to_owned(), needs: needs.to_vec(), steps, environment: None });
    vec![name.to_owned()]
}

fn dag(
    document: &Document,
    templates: &[(&str, &Value, String)],
    (tasks, name): (&[Value], &str),
    needs: &[String],
    depth: usize,
    pipeline: &mut Pipeline,
) -> Vec<String> {
    // what a task stands for is done when a job of its own name is
    let scoped = |task: &str| format!("{name}/{task}");
    let mut all = Vec::new();
    for task in tasks {
        let Some(called) = text(task, "name") else { continue };
        let mut before: Vec<String> = names(task.get("dependencies")).iter().map(|task| scoped(task)).collect();
        let depends = text(task, "depends").unwrap_or_default();
        let words = depends.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.'));
        before.extend(words.filter(|word| !word.is_empty()).map(|word| scoped(word.split('.').next().unwrap_or(word))));
        if before.is_empty() {
            before.extend(needs.iter().cloned());
        }
        let inner =
            text(task, "template").or_else(|| task.pointer("/templateRef/template")?.as_str()).unwrap_or_default();
        let done = expand(document, templates, (inner, &format!("{}#", scoped(called))), &before, depth - 1, pipeline);
        pipeline.jobs.push(Job { name: scoped(called), needs: done, ..Job::default() });
        all.push(scoped(called));
    }
    all
}

/// The image and the command line of a container.
fn contained(document: &Document, container: &Value, pointer: &str, step: &mut Step) {
    step.image =
        text(container, "image").map(|image| (image.to_owned(), document.evidence(&format!("{pointer}/image"))));
    let mut words = Vec::new();
    let mut place = None;
    for key in ["command", "args"] {
        if container.get(key).is_some() {
            place.get_or_insert_with(|| document.evidence(&format!("{pointer}/{key}")));
        }
        words.extend(names(container.get(key)));
    }
    // `sh -c TEXT` is the text
    let shell = words.iter().position(|word| word == "-c" || word == "-ec" || word == "-exc" || word == "-lc");
    let inner = shell.and_then(|at| words.get(at + 1).cloned());
    if let Some(place) = place {
        let line = inner.unwrap_or_else(|| {
            words
                .iter()
                .map(|word| if word.contains(' ') { format!("'{word}'") } else { word.clone() })
                .collect::<Vec<_>>()
                .join(" ")
        });
        step.scripts.push((line, place));
    }
    for key in ["source", "script"] {
        if let Some(source) = text(container, key) {
            let python = words.iter().any(|word| word.contains("python"))
                || source.starts_with("#!") && source.lines().next().is_some_and(|line| line.contains("python"));
            if !python {
                step.scripts.push((source.to_owned(), body(document, source, &format!("{pointer}/{key}"))));
            }
        }
    }
    step.env.extend(variables(document, container.get("env"), &format!("{pointer}/env")));
}

/// A manifest that a step creates.
fn resource(manifest: &str, step: &mut Step) {
    let field = |name: &str| {
        let line = manifest.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.trim().trim_matches(['"', '\'']).to_owned())
    };
    let kind = field("kind").unwrap_or_default();
    let training = ["PyTorchJob", "TFJob", "MPIJob", "TrainJob", "RayJob", "Experiment"].contains(&kind.as_str());
    let serving = ["InferenceService", "LLMInferenceService", "SeldonDeployment", "RayService", "NIMService"]
        .contains(&kind.as_str());
    step.does = Some((if training { Does::Train } else { Does::Deploy }, training || serving));
    if let Some(name) = field("name").filter(|_| serving) {
        step.targets.push((TargetKind::Endpoint, name));
    }
}

fn read_tekton(document: &Document, found: &mut Found) {
    let accounts = ["/spec/taskRunTemplate/serviceAccountName", "/spec/serviceAccountName"];
    let Some(mut pipeline) = start(document, "tekton", &accounts, found) else { return };
    let spec = document.value.get("spec").cloned().unwrap_or_default();
    let (tasks, at) = match spec.get("pipelineSpec") {
        Some(inner) => (inner, "/spec/pipelineSpec"),
        None => (&spec, "/spec"),
    };
    for key in ["tasks", "finally"] {
        for (i, task) in list(tasks, key) {
            let pointer = format!("{at}/{key}/{i}");
            let name = text(task, "name").unwrap_or("task");
            let mut steps = Vec::new();
            if let Some(called) = task.pointer("/taskRef/name").and_then(Value::as_str) {
                let evidence = document.evidence(&format!("{pointer}/taskRef")).excerpt(called);
                let mut step = Step::new(name, evidence.clone());
                step.action = Some((called.to_owned(), evidence));
                step.does = super::table::rules().script(called).map(|does| (does, does == Does::Train));
                append(&mut pipeline.asset, "tasks", called);
                steps.push(step);
            }
            if let Some(inner) = task.get("taskSpec") {
                task_steps(document, inner, &format!("{pointer}/taskSpec"), &mut steps);
            }
            let mut needs = names(task.get("runAfter"));
            super::strings(task, "", "", &mut |_, text, _| {
                needs.extend(
                    text.split("$(tasks.").skip(1).filter_map(|rest| rest.split('.').next()).map(str::to_owned),
                );
            });
            pipeline.jobs.push(Job { name: name.to_owned(), needs, steps, environment: None });
        }
    }
    let mut steps = Vec::new();
    task_steps(document, &spec, "/spec", &mut steps);
    if let Some(inner) = spec.get("taskSpec") {
        task_steps(document, inner, "/spec/taskSpec", &mut steps);
    }
    pipeline.jobs.push(Job { name: "steps".to_owned(), steps, ..Job::default() });
    if let Some(other) = spec.pointer("/pipelineRef/name").and_then(Value::as_str) {
        let namespace = pipeline.asset.text("namespace").unwrap_or("default");
        let target = format!("k8s://cluster/{namespace}/Pipeline/{other}");
        found.relate(pipeline.asset.id.as_str(), RelationKind::Uses, &target, &document.evidence("/spec/pipelineRef"));
    }
    identities(document, &mut pipeline, found);
    pipeline.finish(found);
}

fn task_steps(document: &Document, task: &Value, pointer: &str, steps: &mut Vec<Step>) {
    for (i, entry) in list(task, "steps") {
        let pointer = format!("{pointer}/steps/{i}");
        let name = text(entry, "name").unwrap_or("step");
        let mut step = Step::new(name, document.evidence(&pointer).excerpt(name));
        contained(document, entry, &pointer, &mut step);
        steps.push(step);
    }
}
