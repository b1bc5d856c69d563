//! Azure Pipelines, and the YAML of Azure Machine Learning: pipelines, jobs, components, endpoints and deployments.

use serde_json::Value;

use super::model::{Job, Pipeline, Step};
use super::table::{Does, TargetKind};
use super::{body, entries, identities, list, names, script, text, variables};
use crate::asset::{Asset, AssetKind, Authentication, Document, Exposure, RelationKind};
use crate::discover::container::{append, known_image};
use crate::discover::format::{Found, Structured};
use crate::discover::kubernetes::{at_path, dataset};
use crate::discover::model_ref;
use crate::discover::walk::file_name;

pub(super) const PIPELINES: Structured = Structured {
    name: "azure-pipelines",
    critical: false,
    in_parts: false,
    markers: &["steps:", "task:"],
    matches: |value| {
        let first = |key: &str| value.get(key).and_then(Value::as_array).and_then(|list| list.first());
        let has = |item: &Value, keys: &[&str]| keys.iter().any(|key| item.get(*key).is_some());
        let around = ["trigger", "pr", "pool", "resources", "schedules", "parameters", "stages", "variables"];
        let step = |step: &Value| {
            has(step, &["task", "checkout", "bash", "powershell", "pwsh", "template", "publish", "download"])
                || has(step, &["script"])
        };
        first("stages").is_some_and(|stage| has(stage, &["stage", "template"]))
            || first("jobs").is_some_and(|job| has(job, &["job", "deployment", "template"]))
            || first("steps").is_some_and(step)
                && (around.iter().any(|key| value.get(*key).is_some())
                    || first("steps").is_some_and(|s| has(s, &["task"])))
            || value.pointer("/extends/template").is_some()
    },
    read,
};

fn read(document: &Document, found: &mut Found) {
    let (path, value) = (document.path(), &document.value);
    let name = text(value, "name").filter(|name| !name.contains("$(")).unwrap_or_else(|| file_name(path));
    let mut pipeline = Pipeline::new(
        format!("file:{path}"),
        name,
        "azure-pipelines",
        path.to_owned(),
        document.evidence("").excerpt(name),
    );
    for (name, set, evidence) in variables(document, value.get("variables"), "/variables") {
        pipeline.variable(&name, set.as_deref(), &evidence, found);
    }
    for (_, group) in list(value, "variables") {
        append(&mut pipeline.asset, "variable_groups", text(group, "group").unwrap_or_default());
    }
    pool(value, &mut pipeline.asset);
    let mut before: Vec<String> = Vec::new();
    for (i, stage) in list(value, "stages") {
        let pointer = format!("/stages/{i}");
        let id = text(stage, "stage")
            .or_else(|| text(stage, "template"))
            .map_or_else(|| format!("stage {i}"), str::to_owned);
        let needs = match stage.get("dependsOn") {
            Some(needs) => names(Some(needs)),
            None => before.clone(),
        };
        jobs(document, stage, &pointer, (&id, &needs), &mut pipeline);
        before = vec![id];
    }
    jobs(document, value, "", ("", &[]), &mut pipeline);
    identities(document, &mut pipeline, found);
    pipeline.finish(found);
}

/// The jobs of a stage; the stage itself is a job that needs them all, so that others can need it.
fn jobs(
    document: &Document,
    holder: &Value,
    pointer: &str,
    (stage, needs): (&str, &[String]),
    pipeline: &mut Pipeline,
) {
    let mut all = Vec::new();
    for (i, job) in list(holder, "jobs") {
        let pointer = format!("{pointer}/jobs/{i}");
        let id = ["job", "deployment", "template"].iter().find_map(|key| text(job, key));
        let id = format!("{stage}/{}", id.map_or_else(|| i.to_string(), str::to_owned));
        pool(job, &mut pipeline.asset);
        let mut steps = Vec::new();
        read_steps(document, job, &pointer, &mut steps, &mut pipeline.asset);
        for (place, deploy) in at_path(job, "strategy/*/*") {
            read_steps(document, deploy, &format!("{pointer}{place}"), &mut steps, &mut pipeline.asset);
        }
        if let Some(template) = text(job, "template") {
            append(&mut pipeline.asset, "templates", template);
        }
        let environment =
            job.get("environment").and_then(|e| e.as_str().or_else(|| text(e, "name"))).map(str::to_owned);
        if let Some(environment) = &environment {
            append(&mut pipeline.asset, "environments", environment);
        }
        let own = names(job.get("dependsOn")).into_iter().map(|name| format!("{stage}/{name}"));
        let needs = own.chain(needs.iter().cloned()).collect();
        all.push(id.clone());
        pipeline.jobs.push(Job { name: id, needs, steps, environment });
    }
    let mut steps = Vec::new();
    read_steps(document, holder, pointer, &mut steps, &mut pipeline.asset);
    all.extend(needs.iter().cloned());
    pipeline.jobs.push(Job { name: stage.to_owned(), needs: all, steps, environment: None });
}

fn pool(holder: &Value, pipeline: &mut Asset) {
    let Some(pool) = holder.get("pool") else { return };
    let own = pool.as_str().or_else(|| text(pool, "name"));
    if let Some(name) = own.filter(|name| *name != "Azure Pipelines") {
        pipeline.properties.insert("self_hosted".into(), true.into());
        append(pipeline, "runners", name);
    }
    append(pipeline, "runners", text(pool, "vmImage").unwrap_or_default());
}

fn read_steps(document: &Document, holder: &Value, pointer: &str, steps: &mut Vec<Step>, pipeline: &mut Asset) {
    for (i, entry) in list(holder, "steps") {
        let pointer = format!("{pointer}/steps/{i}");
        let kinds = ["task", "script", "bash", "powershell", "pwsh", "template", "checkout", "publish", "download"];
        let Some((kind, value)) = kinds.iter().find_map(|kind| Some((*kind, text(entry, kind)?))) else { continue };
        let first = value.lines().next().unwrap_or_default();
        let name = text(entry, "displayName").unwrap_or(first);
        let mut step = Step::new(name, document.evidence(&pointer).excerpt(name));
        match kind {
            "task" => {
                step.action = Some((value.to_owned(), document.evidence(&format!("{pointer}/task"))));
                append(pipeline, "tasks", value);
            }
            "template" => append(pipeline, "templates", value),
            "script" | "bash" | "powershell" | "pwsh" => {
                step.scripts = script(document, Some(&Value::from(value)), &format!("{pointer}/{kind}"));
            }
            _ => {}
        }
        for key in ["inlineScript", "script", "arguments", "command"] {
            if let Some(text) = entry.get("inputs").and_then(|inputs| text(inputs, key)) {
                let place = body(document, text, &format!("{pointer}/inputs/{key}"));
                step = step.script(text, place);
            }
        }
        for key in [
            "azureSubscription",
            "connectedServiceNameARM",
            "kubernetesServiceConnection",
            "awsCredentials",
            "ConnectedServiceName",
        ] {
            if let Some(connection) = entry.get("inputs").and_then(|inputs| text(inputs, key)) {
                append(pipeline, "service_connections", connection);
            }
        }
        let manifests = entry.get("inputs").and_then(|inputs| text(inputs, "manifests"));
        step.targets =
            manifests.into_iter().flat_map(str::lines).map(|file| (TargetKind::File, file.trim().to_owned())).collect();
        step.env = variables(document, entry.get("env"), &format!("{pointer}/env"));
        steps.push(step);
    }
}

pub(super) const ML: Structured = Structured {
    name: "azure-ml",
    critical: false,
    in_parts: false,
    markers: &["$schema", "azuremlschemas"],
    matches: |value| text(value, "$schema").is_some_and(|schema| schema.contains("azuremlschemas")),
    read: read_ml,
};

fn read_ml(document: &Document, found: &mut Found) {
    let value = &document.value;
    let schema = text(value, "$schema").unwrap_or_default().rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let schema = schema.split('.').next().unwrap_or_default();
    let id = format!("file:{}", document.path());
    let name = ["name", "display_name", "experiment_name"].iter().find_map(|key| text(value, key));
    let name = name.unwrap_or_else(|| file_name(document.path())).to_owned();
    if schema.contains("pipeline") {
        ml_pipeline(document, &name, found);
        return;
    }
    let kind = match schema {
        s if s.contains("deployment") => AssetKind::Workload,
        s if s.contains("endpoint") => AssetKind::Endpoint,
        s if s.contains("sweep")
            || s.contains("automl")
            || s.contains("commandjob")
            || s.contains("sparkjob")
            || s.contains("finetuning") =>
        {
            AssetKind::TrainingJob
        }
        s if s.contains("component") => AssetKind::Resource,
        s if s.contains("model") => AssetKind::Model,
        s if s.contains("data") && !s.contains("datastore") => AssetKind::Dataset,
        s if s.contains("registry") || s.contains("workspace") || s.contains("hub") || s.contains("project") => {
            AssetKind::ModelRegistry
        }
        s if s.contains("featurestore") || s.contains("featureset") => AssetKind::FeatureStore,
        _ => AssetKind::Resource,
    };
    let version = value.get("version").map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
    let own = matches!(kind, AssetKind::Model | AssetKind::Dataset).then(|| text(value, "name")).flatten();
    let id = own.map_or(id, |own| match &version {
        Some(version) => format!("azureml:{own}:{version}"),
        None => format!("azureml:{own}"),
    });
    let mut asset =
        Asset::new(&id, kind, &name).seen(document.evidence("").excerpt(schema)).with("azureml_schema", schema);
    asset.ai |= matches!(kind, AssetKind::Workload | AssetKind::Endpoint) || schema.contains("component");
    asset.provenance.version = version;
    for key in [
        "type",
        "instance_type",
        "instance_count",
        "auth_mode",
        "public_network_access",
        "compute",
        "egress_public_network_access",
        "description",
    ] {
        if let Some(setting) = value.get(key).filter(|setting| !setting.is_object()) {
            asset.properties.insert(key.into(), setting.clone());
        }
    }
    asset.authentication = match text(value, "auth_mode") {
        Some("key") => Some(Authentication::Key),
        Some("aml_token" | "aad_token") => Some(Authentication::Identity),
        _ => None,
    };
    match (kind, text(value, "public_network_access")) {
        (AssetKind::Endpoint, Some("disabled" | "Disabled")) => asset.exposure = Some(Exposure::Internal),
        (AssetKind::Endpoint, _) if schema.contains("online") => {
            asset.exposure = Some(Exposure::Public);
            crate::discover::kubernetes::internet(&id, &document.evidence(""), found);
        }
        _ => {}
    }
    if let Some(path) = text(value, "path") {
        asset.provenance.source = Some(path.to_owned());
        if let Some(bucket) = model_ref::bucket(path) {
            found.relate(&id, RelationKind::DerivedFrom, bucket.id.as_str(), &document.evidence("/path"));
            found.inventory.add(bucket.seen(document.evidence("/path")));
        }
        if let Some(job) = path.strip_prefix("azureml://jobs/").and_then(|rest| rest.split('/').next()) {
            asset.properties.insert("produced_by".into(), job.into());
        }
    }
    let endpoint = text(value, "endpoint_name").filter(|_| kind == AssetKind::Workload);
    if let Some(endpoint) = endpoint {
        let evidence = document.evidence("/endpoint_name").excerpt(endpoint);
        let target = Asset::new(format!("azureml-endpoint:{endpoint}"), AssetKind::Endpoint, endpoint).ai();
        found.relate(target.id.as_str(), RelationKind::Exposes, &id, &evidence);
        found.inventory.add(target.seen(evidence));
    }
    if kind == AssetKind::Endpoint {
        asset = asset.alias(format!("azureml-endpoint:{name}"));
    }
    touched(document, &id, found);
    found.inventory.add(asset);
}

/// `azureml:NAME:VERSION` and other references of a job, deployment or component.
fn touched(document: &Document, id: &str, found: &mut Found) {
    let value = &document.value;
    let model = value.get("model").map(|model| model.as_str().or_else(|| text(model, "path")));
    if let Some(model) = model.flatten().and_then(|model| registered(model, id)) {
        let evidence = document.evidence("/model").excerpt(&model.name);
        found.relate(id, RelationKind::Serves, model.id.as_str(), &evidence);
        found.inventory.add(model.seen(evidence));
    }
    let image = value.pointer("/environment/image").or_else(|| value.get("image")).and_then(Value::as_str);
    if let Some(image) = image {
        let (asset, evidence) = (known_image(image), document.evidence("/environment").excerpt(image));
        found.relate(id, RelationKind::RunsOn, asset.id.as_str(), &evidence);
        found.inventory.add(asset.seen(evidence));
    }
    for (name, input, pointer) in entries(value, "inputs", "") {
        data(document, id, (name, input), &pointer, false, found);
    }
    for (name, output, pointer) in entries(value, "outputs", "") {
        data(document, id, (name, output), &pointer, true, found);
    }
}

/// An input that is read, or an output that is written: a model when it says so.
fn data(document: &Document, id: &str, (name, value): (&str, &Value), pointer: &str, written: bool, found: &mut Found) {
    let path = value.as_str().or_else(|| text(value, "path"));
    let Some(path) = path.filter(|path| !path.contains("${{")) else { return };
    let is_model = text(value, "type").is_some_and(|kind| kind.contains("model")) || name.contains("model");
    let asset = if is_model {
        registered(path, id)
    } else if path.starts_with("azureml:") && !path.starts_with("azureml://") {
        registered(path, id).map(|a| Asset { kind: AssetKind::Dataset, ai: false, ..a })
    } else {
        dataset(path)
    };
    let Some(asset) = asset else { return };
    let evidence = document.evidence(pointer).excerpt(path);
    let does = match (written, is_model) {
        (true, _) => RelationKind::Writes,
        (false, true) => RelationKind::Uses,
        (false, false) => RelationKind::Reads,
    };
    found.relate(id, does, asset.id.as_str(), &evidence);
    found.inventory.add(asset.seen(evidence));
}

/// `azureml:NAME:VERSION`, or any other way to name a model.
fn registered(reference: &str, owner: &str) -> Option<Asset> {
    let Some(name) = reference.strip_prefix("azureml:").filter(|rest| !rest.starts_with("//")) else {
        return model_ref::model(reference, owner);
    };
    let version = name.split_once([':', '@']).map(|(_, version)| version);
    let short = name.split([':', '@']).next().unwrap_or(name);
    let mut asset = Asset::new(reference, AssetKind::Model, short);
    asset.provenance.version = version.map(str::to_owned);
    asset.provenance.pinned = Some(version.is_some_and(|v| v != "latest") && !name.contains('@'));
    Some(asset)
}

fn ml_pipeline(document: &Document, name: &str, found: &mut Found) {
    let (path, value) = (document.path(), &document.value);
    let id = format!("file:{path}");
    let mut pipeline =
        Pipeline::new(id.clone(), name, "azure-ml", path.to_owned(), document.evidence("").excerpt(name));
    pipeline.asset.ai = true;
    for (name, input, pointer) in entries(value, "inputs", "") {
        data(document, &id, (name, input), &pointer, false, found);
    }
    for (name, output, pointer) in entries(value, "outputs", "") {
        data(document, &id, (name, output), &pointer, true, found);
    }
    for (name, job, pointer) in entries(value, "jobs", "") {
        let mut step = Step::new(name, document.evidence(&pointer).excerpt(name));
        step.scripts = script(document, job.get("command"), &format!("{pointer}/command"));
        let component = text(job, "component").or_else(|| text(job, "type"));
        let words = [Some(name.as_str()), component]
            .into_iter()
            .flatten()
            .filter_map(|word| super::table::rules().script(word))
            .max();
        step.does =
            words.map(|does| (does, matches!(does, Does::Train | Does::Evaluate | Does::Register | Does::Deploy)));
        if matches!(component, Some("sweep" | "automl" | "finetuning")) {
            step.does = Some((Does::Train, true));
        }
        let image = job.pointer("/environment/image").and_then(Value::as_str);
        step.image = image.map(|image| (image.to_owned(), document.evidence(&format!("{pointer}/environment/image"))));
        for (name, input, pointer) in entries(job, "inputs", &pointer) {
            data(document, &id, (name, input), &pointer, false, found);
        }
        // `${{parent.jobs.NAME.outputs.X}}` is how one job needs another
        let mut needs = Vec::new();
        super::strings(job, "", "", &mut |_, text, _| {
            needs.extend(
                text.split("parent.jobs.").skip(1).filter_map(|rest| rest.split('.').next()).map(str::to_owned),
            );
        });
        pipeline.jobs.push(Job { name: name.clone(), needs, steps: vec![step], environment: None });
    }
    identities(document, &mut pipeline, found);
    pipeline.finish(found);
}
