//! Compiled Kubeflow pipelines, as YAML or inside a Vertex AI pipeline job.

use serde_json::Value;

use super::model::{Job, Pipeline, Step};
use super::table::{Does, rules};
use super::{entries, identities, names, text};
use crate::asset::{Asset, AssetKind, Document, RelationKind, pointer_key};
use crate::discover::format::{Found, Structured};
use crate::discover::model_ref;

pub(super) const PIPELINE: Structured = Structured {
    name: "kubeflow-pipeline",
    critical: false,
    in_parts: false,
    markers: &["deploymentSpec", "pipelineInfo"],
    matches: specification,
    read: |document, found| read(document, "", found),
};

pub(super) const JOB: Structured = Structured {
    name: "vertex-pipeline-job",
    critical: false,
    in_parts: false,
    markers: &["pipelineSpec", "deploymentSpec"],
    matches: |value| {
        let inner = |at: &str| value.pointer(at).is_some_and(specification);
        inner("/pipelineSpec") || inner("/spec/pipelineSpec")
    },
    read: |document, found| {
        let at = if document.value.get("pipelineSpec").is_some() { "/pipelineSpec" } else { "/spec/pipelineSpec" };
        read(document, at, found);
    },
};

fn specification(value: &Value) -> bool {
    value.get("deploymentSpec").is_some() && value.get("components").is_some() && value.pointer("/root/dag").is_some()
        || value.get("pipelineInfo").is_some() && value.get("root").is_some()
}

fn read(document: &Document, at: &str, found: &mut Found) {
    let value = &document.value;
    let Some(spec) = value.pointer(at) else { return };
    let path = document.path();
    let full = text(value, "name").filter(|name| name.starts_with("projects/"));
    let id = full.map_or_else(|| format!("file:{path}"), |name| format!("//aiplatform.googleapis.com/{name}"));
    let name =
        text(value, "displayName").or_else(|| spec.pointer("/pipelineInfo/name")?.as_str()).unwrap_or("pipeline");
    let platform = if at == "/pipelineSpec" { "vertex-pipelines" } else { "kubeflow-pipelines" };
    let place = document.evidence(&format!("{at}/pipelineInfo")).excerpt(name);
    let mut pipeline = Pipeline::new(id.clone(), name, platform, path.to_owned(), place);
    pipeline.asset.ai = true;
    let outputs = ["/runtimeConfig/gcsOutputDirectory", "/defaultPipelineRoot"];
    let outputs = outputs.iter().map(|below| (*below).to_owned()).chain([format!("{at}/defaultPipelineRoot")]);
    for place in outputs {
        let Some(uri) = value.pointer(&place).and_then(Value::as_str) else { continue };
        if let Some(bucket) = model_ref::bucket(uri) {
            let evidence = document.evidence(&place).excerpt(uri);
            found.relate(&id, RelationKind::Writes, bucket.id.as_str(), &evidence);
            found.inventory.add(bucket.seen(evidence));
        }
    }
    if let Some(account) = text(value, "serviceAccount") {
        pipeline.identity("serviceAccount", account, &document.evidence("/serviceAccount").excerpt(account), found);
    }
    if let Some(key) = value.pointer("/encryptionSpec/kmsKeyName") {
        pipeline.asset.encryption.customer_key = Some(true);
        pipeline.asset.properties.insert("kms_key".into(), key.clone());
    }
    let executors = spec.pointer("/deploymentSpec/executors").or_else(|| spec.pointer("/deploymentConfig/executors"));
    let components = spec.get("components");
    let root = spec.get("root").unwrap_or(&Value::Null);
    let mut dags = vec![("root".to_owned(), root, format!("{at}/root"))];
    for (name, component, pointer) in entries(spec, "components", at) {
        if component.get("dag").is_some() {
            dags.push((name.clone(), component, pointer));
        }
    }
    for (scope, holder, pointer) in dags {
        let dag = holder.get("dag").unwrap_or(&Value::Null);
        for (task, value, pointer) in entries(dag, "tasks", &format!("{pointer}/dag")) {
            let component = value.pointer("/componentRef/name").and_then(Value::as_str).unwrap_or_default();
            let label = components.and_then(|all| text(all.get(component)?, "executorLabel")).unwrap_or_default();
            let executor = executors.and_then(|all| all.get(label));
            let mut step = Step::new(task, document.evidence(&pointer).excerpt(task));
            let called = component.trim_start_matches("comp-");
            step.does = does(task).or_else(|| does(called));
            let below = format!("{at}/deploymentSpec/executors/{}", pointer_key(label));
            if let Some(container) = executor.and_then(|executor| executor.get("container")) {
                let evidence = document.evidence(&below);
                step.image = text(container, "image").map(|image| (image.to_owned(), evidence.clone()));
                let words: Vec<String> =
                    names(container.get("command")).into_iter().chain(names(container.get("args"))).collect();
                let plain = |word: &&String| word.len() < 200 && !word.contains(['\n', '{', '\'', '"']);
                step.scripts.push((words.iter().filter(plain).cloned().collect::<Vec<_>>().join(" "), evidence));
            }
            if let Some(uri) =
                executor.and_then(|executor| executor.pointer("/importer/artifactUri/constant")?.as_str())
            {
                let evidence = document.evidence(&below).excerpt(uri);
                let model = executor
                    .and_then(|e| e.pointer("/importer/typeSchema/schemaTitle")?.as_str())
                    .is_some_and(|title| title.contains("Model"));
                let asset = if model { model_ref::model(uri, &id) } else { crate::discover::kubernetes::dataset(uri) };
                if let Some(asset) = asset {
                    let verb = if model { RelationKind::Uses } else { RelationKind::Reads };
                    found.relate(&id, verb, asset.id.as_str(), &evidence);
                    found.inventory.add(asset.seen(evidence));
                }
            }
            parameters(document, value, &pointer, &id, found);
            let needs = names(value.get("dependentTasks")).into_iter().map(|task| format!("{scope}/{task}"));
            // a task that is a group is done when its own tasks are
            let group = components.and_then(|all| all.get(component)?.pointer("/dag/tasks")?.as_object());
            let inner = group.into_iter().flat_map(|tasks| tasks.keys()).map(|task| format!("{component}/{task}"));
            let needs = needs.chain(inner).collect();
            pipeline.jobs.push(Job { name: format!("{scope}/{task}"), needs, steps: vec![step], environment: None });
        }
    }
    for (name, value, pointer) in
        entries(value.get("runtimeConfig").unwrap_or(&Value::Null), "parameterValues", "/runtimeConfig")
    {
        constant(document, (name, value), &pointer, &id, found);
    }
    identities(document, &mut pipeline, found);
    pipeline.finish(found);
}

/// What a task does by its name: in a compiled pipeline everything is about models.
fn does(name: &str) -> Option<(Does, bool)> {
    let known = match name {
        name if name.contains("model-upload") || name.contains("register") => Some(Does::Register),
        name if name.contains("model-deploy") || name.contains("endpoint-create") => Some(Does::Deploy),
        name => rules().script(name),
    };
    known.map(|does| (does, true))
}

fn parameters(document: &Document, task: &Value, pointer: &str, id: &str, found: &mut Found) {
    let inputs = task.get("inputs").unwrap_or(&Value::Null);
    for (name, value, pointer) in entries(inputs, "parameters", &format!("{pointer}/inputs")) {
        if let Some(value) = value.pointer("/runtimeValue/constant") {
            constant(document, (name, value), &pointer, id, found);
        }
    }
}

/// A parameter's value that names data, a model or a bucket.
fn constant(document: &Document, (name, value): (&str, &Value), pointer: &str, id: &str, found: &mut Found) {
    let Some(text) = value.as_str().or_else(|| super::text(value, "stringValue")) else { return };
    let evidence = document.evidence(pointer).excerpt(name);
    let lower = name.to_ascii_lowercase();
    if let Some(bucket) = model_ref::bucket(text) {
        let written =
            ["output", "dest", "export", "artifact", "staging", "root"].iter().any(|word| lower.contains(word));
        let verb = if written { RelationKind::Writes } else { RelationKind::Reads };
        found.relate(id, verb, bucket.id.as_str(), &evidence);
        found.inventory.add(bucket.seen(evidence));
    } else if let Some(table) = text.strip_prefix("bq://") {
        let mut parts = table.splitn(3, '.');
        if let (Some(project), Some(set), Some(table)) = (parts.next(), parts.next(), parts.next()) {
            let full = format!("//bigquery.googleapis.com/projects/{project}/datasets/{set}/tables/{table}");
            found.relate(id, RelationKind::Reads, &full, &evidence);
            found.inventory.add(Asset::new(full, AssetKind::Database, table).seen(evidence));
        }
    } else if lower.contains("model")
        && let Some(model) = model_ref::model(text, id).filter(|model| !model.id.as_str().contains('#'))
        && (model.id.as_str().contains("://") || model.text("provider").is_some())
    {
        found.relate(id, RelationKind::Uses, model.id.as_str(), &evidence);
        found.inventory.add(model.seen(evidence));
    }
}
