//! Whatever runs pods, custom resources included: any object with a pod spec inside, and the AI kinds that have none.

use serde_json::Value;

use super::{Object, list, text};
use crate::asset::{Asset, AssetKind, Authentication, Evidence, RelationKind, pointer_key};
use crate::discover::catalog::catalog;
use crate::discover::container::{Container, append};
use crate::discover::format::Found;
use crate::discover::model_ref;

/// Deepest place of a pod spec below an object.
const DEPTH: usize = 12;

pub(super) fn read(object: &Object<'_>, found: &mut Found) {
    let tables = &catalog().kubernetes;
    let group = object.group();
    let ai_kind =
        tables.ai_kinds.contains(object.kind) && tables.ai_groups.iter().any(|known| group.contains(known.as_str()));
    let mut pods = Vec::new();
    if let Some(spec) = object.spec() {
        pod_specs(spec, "/spec", object.kind == "Pod", DEPTH, &mut pods);
    }
    if pods.is_empty() && !ai_kind {
        found.inventory.add(object.asset(if object.kind == "Node" { AssetKind::Node } else { AssetKind::Resource }));
        return;
    }
    let mut workload = object.asset(AssetKind::Workload);
    workload.ai |= ai_kind;
    let containers: Vec<Container> =
        pods.iter().flat_map(|(pointer, spec)| containers(object, pointer, spec)).collect();
    let job = matches!(object.kind, "Job" | "CronJob") && containers.iter().any(Container::trains);
    if job || ai_kind && tables.training_kinds.contains(object.kind) {
        workload.kind = AssetKind::TrainingJob;
        workload.ai = true;
    }
    for (pointer, spec) in &pods {
        pod(object, pointer, spec, &mut workload, found);
        security(object, pointer, spec, &mut workload, found);
    }
    for container in &containers {
        container.describe(&mut workload, found);
    }
    if ai_kind {
        kserve(object, &mut workload, found);
    }
    found.inventory.add(workload);
}

/// Objects that hold a list of containers, with their pointers.
fn pod_specs<'a>(value: &'a Value, pointer: &str, pod: bool, depth: usize, out: &mut Vec<(String, &'a Value)>) {
    let holds = ["containers", "initContainers"].iter().any(|key| {
        value
            .get(key)
            .and_then(Value::as_array)
            .is_some_and(|list| list.iter().any(|c| c.get("name").is_some() || c.get("image").is_some()))
    });
    if holds || pod {
        out.push((pointer.to_owned(), value));
    }
    if depth == 0 || pod {
        return;
    }
    match value {
        Value::Object(map) => {
            for (key, child) in map.iter().filter(|(key, _)| !key.to_lowercase().ends_with("containers")) {
                pod_specs(child, &format!("{pointer}/{}", pointer_key(key)), false, depth - 1, out);
            }
        }
        Value::Array(items) => {
            for (i, child) in items.iter().enumerate() {
                pod_specs(child, &format!("{pointer}/{i}"), false, depth - 1, out);
            }
        }
        _ => {}
    }
}

/// What a pod spec says besides its containers: identity, host access, labels.
fn pod(object: &Object<'_>, pointer: &str, spec: &Value, workload: &mut Asset, found: &mut Found) {
    let account = text(spec, "serviceAccountName").or_else(|| text(spec, "serviceAccount"));
    let place = if account.is_some() { "/serviceAccountName" } else { "" };
    let evidence = object.at(&format!("{pointer}{place}")).excerpt(account.unwrap_or("default"));
    let id = object.sibling("ServiceAccount", account.unwrap_or("default"));
    found.inventory.add(
        Asset::new(&id, AssetKind::ServiceAccount, account.unwrap_or("default"))
            .seen(evidence.clone())
            .with("cluster", object.cluster())
            .with("namespace", object.namespace()),
    );
    found.relate(workload.id.as_str(), RelationKind::RunsAs, &id, &evidence);
    for (key, property) in [
        ("hostNetwork", "host_network"),
        ("hostPID", "host_pid"),
        ("hostIPC", "host_ipc"),
        ("automountServiceAccountToken", "automount_service_account_token"),
    ] {
        if let Some(flag) = spec.get(key).and_then(Value::as_bool) {
            workload.properties.insert(property.into(), flag.into());
        }
    }
    for (_, volume) in list(spec, "volumes") {
        if let Some(path) = volume.get("hostPath").and_then(|host| text(host, "path")) {
            append(workload, "host_path", path);
        }
        let secret = volume.get("secret").and_then(|secret| text(secret, "secretName"));
        if let Some(secret) = secret {
            reads_secret(object, workload, secret, &evidence, found);
        }
    }
    // labels that Services select by stand beside the pod spec
    let template = pointer.strip_suffix("/spec").filter(|above| !above.is_empty());
    let labels = match template {
        Some(above) => object.value.pointer(&format!("{above}/metadata/labels")),
        None => object.metadata("labels"),
    };
    if let Some(labels) = labels {
        workload.properties.entry("pod_labels").or_insert_with(|| labels.clone());
    }
}

fn containers(object: &Object<'_>, pointer: &str, spec: &Value) -> Vec<Container> {
    let mut found = Vec::new();
    for key in ["containers", "initContainers"] {
        for (i, value) in list(spec, key) {
            found.push(container(object, &format!("{pointer}/{key}/{i}"), value));
        }
    }
    found
}

fn container(object: &Object<'_>, pointer: &str, value: &Value) -> Container {
    let mut container = Container {
        image: text(value, "image").map(|image| (image.to_owned(), object.at(&format!("{pointer}/image")))),
        ..Container::default()
    };
    for key in ["command", "args"] {
        for (i, word) in list(value, key) {
            let word = word.as_str().map_or_else(|| word.to_string(), str::to_owned);
            container.words.push((word, object.at(&format!("{pointer}/{key}/{i}"))));
        }
    }
    for (i, entry) in list(value, "env") {
        let Some(name) = text(entry, "name") else { continue };
        let value = entry.get("value").map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        container.env.push((name.to_owned(), value, object.at(&format!("{pointer}/env/{i}"))));
    }
    container.ports = list(value, "ports").filter_map(|(_, port)| port.get("containerPort")?.as_u64()).collect();
    container
}

fn reads_secret(object: &Object<'_>, workload: &Asset, name: &str, evidence: &Evidence, found: &mut Found) {
    let id = object.sibling("Secret", name);
    found.inventory.add(Asset::new(&id, AssetKind::Secret, name).seen(evidence.clone().excerpt(name)));
    found.relate(workload.id.as_str(), RelationKind::Reads, &id, evidence);
}

/// `storageUri` and `uri` of KServe, `modelUri` of Seldon, `model` of others, wherever they stand in the spec.
fn kserve(object: &Object<'_>, workload: &mut Asset, found: &mut Found) {
    let Some(spec) = object.spec() else { return };
    let mut named = Vec::new();
    model_fields(spec, "/spec", DEPTH, &mut named);
    for (pointer, value) in named {
        let Some(model) = model_ref::model(value, workload.id.as_str()) else { continue };
        let evidence = object.at(&pointer).excerpt(value);
        append(workload, "models", value);
        found.relate(workload.id.as_str(), RelationKind::Serves, model.id.as_str(), &evidence);
        if let Some(bucket) = model_ref::bucket(value) {
            found.relate(workload.id.as_str(), RelationKind::Reads, bucket.id.as_str(), &evidence);
            found.relate(bucket.id.as_str(), RelationKind::Contains, model.id.as_str(), &evidence);
            found.inventory.add(bucket.seen(evidence.clone()));
        }
        found.inventory.add(model.seen(evidence));
    }
    if matches!(object.kind, "InferenceService" | "LLMInferenceService" | "SeldonDeployment") {
        workload.properties.entry("model_server").or_insert_with(|| object.kind.into());
        let enabled = object.metadata("annotations").and_then(|a| text(a, "security.opendatahub.io/enable-auth"));
        let authentication = if enabled == Some("true") { Authentication::Identity } else { Authentication::None };
        workload.authentication.get_or_insert(authentication);
    }
}

fn model_fields<'a>(value: &'a Value, pointer: &str, depth: usize, out: &mut Vec<(String, &'a str)>) {
    if depth == 0 {
        return;
    }
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                let below = format!("{pointer}/{}", pointer_key(key));
                match child.as_str() {
                    Some(text)
                        if matches!(key.as_str(), "storageUri" | "modelUri" | "uri" | "modelURI" | "storage_uri")
                            && text.contains("://") =>
                    {
                        out.push((below, text));
                    }
                    Some(_) => {}
                    None => model_fields(child, &below, depth - 1, out),
                }
            }
        }
        Value::Array(items) => {
            for (i, child) in items.iter().enumerate() {
                model_fields(child, &format!("{pointer}/{i}"), depth - 1, out);
            }
        }
        _ => {}
    }
}

/// What each container may do to its node, and which secrets it takes.
fn security(object: &Object<'_>, pointer: &str, spec: &Value, workload: &mut Asset, found: &mut Found) {
    for key in ["containers", "initContainers"] {
        for (i, value) in list(spec, key) {
            let context = value.get("securityContext");
            let flag = |name: &str| context.and_then(|context| context.get(name)).and_then(Value::as_bool);
            for (name, property) in [
                ("privileged", "privileged"),
                ("allowPrivilegeEscalation", "allow_privilege_escalation"),
                ("runAsNonRoot", "run_as_non_root"),
                ("readOnlyRootFilesystem", "read_only_root_filesystem"),
            ] {
                if let Some(flag) = flag(name) {
                    workload.properties.insert(property.into(), flag.into());
                }
            }
            let added = context.and_then(|context| context.pointer("/capabilities/add"));
            for capability in added.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
                append(workload, "capabilities", capability);
            }
            for resources in ["/resources/limits", "/resources/requests"] {
                let names = value.pointer(resources).and_then(Value::as_object).into_iter().flat_map(|map| map.keys());
                for name in names.filter(|name| name.ends_with("/gpu") || name.contains("nvidia.com/mig")) {
                    append(workload, "gpu", name);
                }
            }
            let from = list(value, "env")
                .filter_map(|(j, e)| Some((format!("env/{j}"), e.pointer("/valueFrom/secretKeyRef")?)));
            let all = list(value, "envFrom").filter_map(|(j, e)| Some((format!("envFrom/{j}"), e.get("secretRef")?)));
            for (place, reference) in from.chain(all) {
                if let Some(name) = text(reference, "name") {
                    let evidence = object.at(&format!("{pointer}/{key}/{i}/{place}"));
                    reads_secret(object, workload, name, &evidence, found);
                }
            }
        }
    }
}
