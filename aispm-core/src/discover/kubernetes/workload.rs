//! Whatever runs pods, custom resources included: any object with a pod spec inside, and the AI kinds that have none.

use serde_json::{Map, Value};

use super::resource::{at_path, known};
use super::{Object, list, serving, text};
use crate::asset::{Asset, AssetKind, Evidence, RelationKind, flag, pointer_key};
use crate::discover::container::{Container, append, image_asset};
use crate::discover::format::Found;
use crate::discover::model_ref;

/// Deepest place of a pod spec below an object.
const DEPTH: usize = 12;

/// Where AI resources describe a container outside a pod spec.
const LOOSE: &[&str] = &[
    "spec",
    "spec/predictor/*",
    "spec/transformer/*",
    "spec/explainer/*",
    "spec/trainer",
    "spec/deployment",
    "spec/services/*",
    "spec/services/*/extraPodSpec/mainContainer",
    "spec/extraPodSpec/mainContainer",
];

pub(super) fn read(object: &Object<'_>, found: &mut Found) {
    let custom = known(object.kind, object.group);
    let ai = custom.is_some_and(|custom| custom.ai);
    let mut pods = Vec::new();
    if object.kind != "CustomResourceDefinition" {
        for (key, part) in object.value.as_object().into_iter().flatten() {
            if !matches!(key.as_str(), "metadata" | "status") {
                pod_specs(part, &format!("/{key}"), (object.kind == "Pod", ai), DEPTH, &mut pods);
            }
        }
    }
    if pods.is_empty() && !ai {
        found.inventory.add(context(object, custom.map_or(AssetKind::Resource, |custom| custom.is)));
        return;
    }
    let mut workload = object.asset(custom.map_or(AssetKind::Workload, |custom| custom.is));
    workload.ai |= ai;
    let containers = containers(object, &pods, ai);
    let read: Vec<Container> = containers.iter().map(|(pointer, value)| container(object, pointer, value)).collect();
    if matches!(object.kind, "Job" | "CronJob") && read.iter().any(Container::trains) {
        workload.kind = AssetKind::TrainingJob;
        workload.ai = true;
    }
    for (pointer, value) in &containers {
        security(object, pointer, value, &mut workload, found);
    }
    for container in &read {
        container.describe(&mut workload, found);
    }
    for (pointer, spec) in &pods {
        pod(object, pointer, spec, &mut workload, found);
    }
    if ai {
        serving::models(object, &mut workload, found);
    }
    observed(object, &workload, found);
    if object.group == "serving.knative.dev" {
        super::network::knative(object, &mut workload, found);
    }
    found.inventory.add(workload);
}

/// What runs nothing itself, with the few fields that rules ask for.
fn context(object: &Object<'_>, kind: AssetKind) -> Asset {
    let mut asset = object.asset(if object.kind == "Node" { AssetKind::Node } else { kind });
    let mut keep = |key: &str, value: Option<&Value>| {
        if let Some(value) = value.filter(|value| !value.is_null()) {
            asset.properties.insert(key.to_owned(), value.clone());
        }
    };
    let spec = object.spec().unwrap_or(&Value::Null);
    match object.kind {
        "Node" => {
            let capacity = object.value.pointer("/status/capacity").and_then(Value::as_object);
            let gpus: Map<String, Value> = capacity
                .into_iter()
                .flatten()
                .filter(|(name, _)| is_gpu(name))
                .map(|(name, count)| (name.clone(), count.clone()))
                .collect();
            keep("gpu", Some(&gpus.into()).filter(|gpus| **gpus != Value::Object(Map::new())));
            let labels = object.metadata("labels");
            keep("gpu_sharing", labels.and_then(|labels| labels.get("nvidia.com/gpu.sharing-strategy")));
            keep("taints", spec.get("taints"));
            keep("provider_id", spec.get("providerID"));
        }
        "CustomResourceDefinition" => {
            keep("group", spec.get("group"));
            keep("defines", spec.pointer("/names/kind"));
        }
        "ClusterPolicy" => {
            keep("mig_strategy", spec.pointer("/mig/strategy"));
            keep("device_plugin_config", spec.pointer("/devicePlugin/config"));
        }
        "Subscription" => {
            for key in ["name", "channel", "source", "startingCSV", "installPlanApproval"] {
                keep(key, spec.get(key));
            }
        }
        "Application" | "HelmRelease" | "GitRepository" | "HelmRepository" => {
            keep("source", spec.get("source").or_else(|| spec.get("chart")).or_else(|| spec.get("url")));
            keep("destination", spec.get("destination"));
        }
        "ResourceQuota" => keep("hard", spec.get("hard")),
        _ => {}
    }
    asset
}

pub(super) fn is_gpu(resource: &str) -> bool {
    resource.ends_with("/gpu")
        || [
            "nvidia.com/mig",
            "nvidia.com/gpu",
            "habana.ai/",
            "aws.amazon.com/neuron",
            "google.com/tpu",
            "gpu.intel.com/",
        ]
        .iter()
        .any(|known| resource.contains(known))
}

/// Objects that hold a list of containers, with their pointers; of AI kinds also those that only name an account.
fn pod_specs<'a>(
    value: &'a Value,
    pointer: &str,
    (pod, ai): (bool, bool),
    depth: usize,
    out: &mut Vec<(String, &'a Value)>,
) {
    let holds = ["containers", "initContainers"].iter().any(|key| {
        value
            .get(key)
            .and_then(Value::as_array)
            .is_some_and(|list| list.iter().any(|c| c.get("name").is_some() || c.get("image").is_some()))
    });
    if holds || pod || ai && text(value, "serviceAccountName").is_some() {
        out.push((pointer.to_owned(), value));
    }
    if depth == 0 || pod {
        return;
    }
    match value {
        Value::Object(map) => {
            for (key, child) in map.iter().filter(|(key, _)| !key.to_lowercase().ends_with("containers")) {
                pod_specs(child, &format!("{pointer}/{}", pointer_key(key)), (false, ai), depth - 1, out);
            }
        }
        Value::Array(items) => {
            for (i, child) in items.iter().enumerate() {
                pod_specs(child, &format!("{pointer}/{i}"), (false, ai), depth - 1, out);
            }
        }
        _ => {}
    }
}

/// What a pod spec says besides its containers: identity, host access, volumes, labels.
fn pod(object: &Object<'_>, pointer: &str, spec: &Value, workload: &mut Asset, found: &mut Found) {
    let account = text(spec, "serviceAccountName").or_else(|| text(spec, "serviceAccount"));
    let place = if account.is_some() { "/serviceAccountName" } else { "" };
    let evidence = object.at(&format!("{pointer}{place}")).excerpt(account.unwrap_or("default"));
    let stub = object.stub("ServiceAccount", None, account.unwrap_or("default"));
    object.relate(workload.id.as_str(), RelationKind::RunsAs, stub, &evidence, found);
    for (key, property) in [
        ("hostNetwork", "host_network"),
        ("hostPID", "host_pid"),
        ("hostIPC", "host_ipc"),
        ("shareProcessNamespace", "share_process_namespace"),
        ("automountServiceAccountToken", "automount_service_account_token"),
    ] {
        if let Some(flag) = spec.get(key).and_then(flag) {
            workload.properties.insert(property.into(), flag.into());
            shown(workload, property, &flag, object.at(&format!("{pointer}/{key}")));
        }
    }
    let context = spec.get("securityContext");
    profiles(context, workload);
    for (key, property) in [("runAsNonRoot", "run_as_non_root"), ("runAsUser", "run_as_user")] {
        if let Some(value) = context.and_then(|context| context.get(key)) {
            // a container's own setting was read first and wins
            workload.properties.entry(property).or_insert_with(|| value.clone());
        }
    }
    for (key, property) in [("runtimeClassName", "runtime_class"), ("schedulerName", "scheduler")] {
        if let Some(name) = text(spec, key) {
            workload.properties.insert(property.into(), name.into());
        }
    }
    if let Some(node) = text(spec, "nodeName") {
        let node = Asset { kind: AssetKind::Node, ..object.stub("Node", None, node) };
        object.relate(
            workload.id.as_str(),
            RelationKind::RunsOn,
            node,
            &object.at(&format!("{pointer}/nodeName")),
            found,
        );
    }
    volumes(object, pointer, spec, workload, found);
    // labels that Services select by stand beside the pod spec
    let template = pointer.strip_suffix("/spec").filter(|above| !above.is_empty());
    let beside = |key: &str| match template {
        Some(above) => object.value.pointer(&format!("{above}/metadata/{key}")),
        None => object.metadata(key),
    };
    for (key, profile) in beside("annotations").and_then(Value::as_object).into_iter().flatten() {
        // as clusters before 1.30 name the profile of a container
        if key.starts_with("container.apparmor.security.beta.kubernetes.io/") && profile == "unconfined" {
            append(workload, "app_armor", "Unconfined");
        }
    }
    if let Some(labels) = beside("labels") {
        workload.properties.entry("pod_labels").or_insert_with(|| labels.clone());
    }
}

/// Host paths, secrets, claims, buckets and images that are mounted; a model below a claim's mount lies in it.
fn volumes(object: &Object<'_>, pointer: &str, spec: &Value, workload: &mut Asset, found: &mut Found) {
    let id = workload.id.to_string();
    for (i, volume) in list(spec, "volumes") {
        let at = |below: &str| object.at(&format!("{pointer}/volumes/{i}{below}"));
        if let Some(path) = volume.get("hostPath").and_then(|host| text(host, "path")) {
            append(workload, "host_path", path);
            shown(workload, "host_path", &path, at("/hostPath"));
            host_path(spec, (volume, path), workload, &at("/hostPath"));
        }
        let tokens = volume.get("projected").into_iter().flat_map(|projected| list(projected, "sources"));
        for token in tokens.filter_map(|(_, source)| source.get("serviceAccountToken")) {
            // without an audience the API server itself takes the token
            append(workload, "projected_token", text(token, "audience").unwrap_or("api"));
        }
        let projected = volume.get("projected").into_iter().flat_map(|projected| list(projected, "sources"));
        let sources = projected.filter_map(|(_, source)| source.get("secret").and_then(|secret| text(secret, "name")));
        let secrets = volume.get("secret").and_then(|secret| text(secret, "secretName")).into_iter().chain(sources);
        for secret in secrets {
            let evidence = at("").excerpt(secret);
            object.relate(&id, RelationKind::Reads, object.stub("Secret", None, secret), &evidence, found);
        }
        if let Some(map) = volume.get("configMap").and_then(|map| text(map, "name")) {
            object.relate(&id, RelationKind::Uses, object.stub("ConfigMap", None, map), &at("").excerpt(map), found);
        }
        if let Some(claim) = volume.get("persistentVolumeClaim").and_then(|claim| text(claim, "claimName")) {
            claimed(object, spec, (volume, claim), workload, &at("").excerpt(claim), found);
        }
        if let Some(image) = volume.get("image").and_then(|image| text(image, "reference")) {
            object.relate(&id, RelationKind::Uses, image_asset(image), &at("/image").excerpt(image), found);
        }
        if let Some(csi) = volume.get("csi") {
            let attribute = |key: &str| csi.get("volumeAttributes").and_then(|attributes| text(attributes, key));
            if let Some(class) = attribute("secretProviderClass") {
                let stub = object.stub("SecretProviderClass", None, class);
                object.relate(&id, RelationKind::Reads, stub, &at("/csi").excerpt(class), found);
            }
            let bucket = attribute("bucketName").and_then(|name| model_ref::bucket(&format!("gs://{name}")));
            if let Some(bucket) = bucket {
                let evidence = at("/csi").excerpt(bucket.id.as_str());
                object.relate(&id, RelationKind::Reads, bucket, &evidence, found);
            }
        }
    }
}

/// The paths of the host that containers can write.
fn host_path(spec: &Value, (volume, path): (&Value, &str), workload: &mut Asset, evidence: &Evidence) {
    let containers =
        ["containers", "initContainers", "ephemeralContainers"].into_iter().flat_map(|key| list(spec, key));
    let mounts = containers.flat_map(|(_, container)| list(container, "volumeMounts"));
    for (_, mount) in
        mounts.filter(|(_, mount)| text(mount, "name").is_some() && text(mount, "name") == text(volume, "name"))
    {
        let only = mount.get("readOnly").and_then(flag) == Some(true);
        let path = match text(mount, "subPath").map(|below| below.trim_matches('/')).filter(|below| !below.is_empty()) {
            Some(below) => format!("{}/{below}", path.trim_end_matches('/')),
            None if path.len() > 1 => path.trim_end_matches('/').to_owned(),
            None => path.to_owned(),
        };
        if !only {
            append(workload, "host_path_writable", &path);
            shown(workload, "host_path_writable", &path, evidence.clone());
        }
    }
}

/// Where a setting that decides what a container may do to its node was seen.
fn shown(workload: &mut Asset, property: &str, value: &dyn std::fmt::Display, evidence: Evidence) {
    let evidence = evidence.excerpt(format!("{property}: {value}"));
    if !workload.evidence.contains(&evidence) {
        workload.evidence.push(evidence);
    }
}

/// What confines a container's system calls and files.
fn profiles(context: Option<&Value>, workload: &mut Asset) {
    for (key, property) in [("appArmorProfile", "app_armor"), ("seccompProfile", "seccomp")] {
        if let Some(profile) = context.and_then(|context| context.get(key)).and_then(|profile| text(profile, "type")) {
            append(workload, property, profile);
        }
    }
}

fn claimed(
    object: &Object<'_>,
    spec: &Value,
    (volume, claim): (&Value, &str),
    workload: &Asset,
    evidence: &Evidence,
    found: &mut Found,
) {
    let (id, stub) = (workload.id.as_str(), object.stub("PersistentVolumeClaim", None, claim));
    let claim = stub.id.to_string();
    let only = volume.pointer("/persistentVolumeClaim/readOnly").and_then(flag) == Some(true);
    let fills = workload.kind == AssetKind::TrainingJob || workload.text("role") == Some("loader");
    if fills && !only {
        found.relate(id, RelationKind::Writes, &claim, evidence);
    }
    object.relate(id, RelationKind::Reads, stub, evidence, found);
    let mounts = ["containers", "initContainers"]
        .into_iter()
        .flat_map(|key| list(spec, key))
        .flat_map(|(_, container)| list(container, "volumeMounts"))
        .filter(|(_, mount)| text(mount, "name").is_some() && text(mount, "name") == text(volume, "name"))
        .filter_map(|(_, mount)| text(mount, "mountPath"));
    for mount in mounts {
        let below = format!("{id}#{}", mount.trim_end_matches('/'));
        let models: Vec<String> = found
            .inventory
            .outgoing(id)
            .map(|relation| relation.to.as_str())
            .filter(|to| to.strip_prefix(&below).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
            .map(str::to_owned)
            .collect();
        for model in models {
            found.relate(&claim, RelationKind::Contains, &model, evidence);
        }
    }
}

/// The containers of pod specs and, for AI kinds, those that stand alone, with their pointers.
fn containers<'a>(object: &Object<'a>, pods: &[(String, &'a Value)], ai: bool) -> Vec<(String, &'a Value)> {
    let mut all = Vec::new();
    for (pointer, spec) in pods {
        for key in ["containers", "initContainers", "ephemeralContainers"] {
            all.extend(list(spec, key).map(|(i, value)| (format!("{pointer}/{key}/{i}"), value)));
        }
    }
    if ai {
        let alone = LOOSE.iter().flat_map(|path| at_path(object.value, path));
        all.extend(alone.filter(|(_, value)| {
            let told = ["image", "args", "command", "env", "resources"].iter().any(|key| value.get(key).is_some());
            told && value.get("containers").is_none()
        }));
    }
    all
}

fn container(object: &Object<'_>, pointer: &str, value: &Value) -> Container {
    let mut container = Container::default();
    let image = match value.get("image") {
        Some(Value::String(image)) => Some(image.clone()),
        // `{repository, tag}`, as operators write it
        Some(image) => text(image, "repository").map(|repository| match text(image, "tag") {
            Some(tag) if !tag.is_empty() => format!("{repository}:{tag}"),
            _ => repository.to_owned(),
        }),
        None => None,
    };
    container.image = image.map(|image| (image, object.at(&format!("{pointer}/image"))));
    for key in ["command", "args"] {
        for (i, word) in list(value, key) {
            let word = word.as_str().map_or_else(|| word.to_string(), str::to_owned);
            container.words.push((word, object.at(&format!("{pointer}/{key}/{i}"))));
        }
    }
    for key in ["entrypoint", "cmd", "command"] {
        if let Some(line) = text(value, key) {
            container.words.push((line.to_owned(), object.at(&format!("{pointer}/{key}"))));
        }
    }
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for (i, entry) in list(value, "env") {
        let Some(name) = text(entry, "name") else { continue };
        let place = object.at(&format!("{pointer}/env/{i}"));
        container.env.push((name.to_owned(), entry.get("value").map(plain), place));
    }
    for (name, value) in value.get("env").and_then(Value::as_object).into_iter().flatten() {
        let place = object.at(&format!("{pointer}/env/{}", pointer_key(name)));
        container.env.push((name.clone(), Some(plain(value)), place));
    }
    container.ports = list(value, "ports").filter_map(|(_, port)| port.get("containerPort")?.as_u64()).collect();
    container
}

/// What a container may do to its node, which devices it asks for, and which secrets and settings it takes.
fn security(object: &Object<'_>, pointer: &str, value: &Value, workload: &mut Asset, found: &mut Found) {
    let context = value.get("securityContext");
    let set = |name: &str| context.and_then(|context| context.get(name)).and_then(flag);
    for (name, property, bad) in [
        ("privileged", "privileged", true),
        ("allowPrivilegeEscalation", "allow_privilege_escalation", true),
        ("runAsNonRoot", "run_as_non_root", false),
        ("readOnlyRootFilesystem", "read_only_root_filesystem", false),
    ] {
        // of several containers the weakest counts
        if let Some(flag) = set(name).filter(|flag| *flag == bad || !workload.properties.contains_key(property)) {
            workload.properties.insert(property.into(), flag.into());
            if flag && bad {
                shown(workload, property, &flag, object.at(&format!("{pointer}/securityContext/{name}")));
            }
        }
    }
    profiles(context, workload);
    let ports = list(value, "ports").filter_map(|(_, port)| port.get("hostPort")?.as_u64());
    for port in ports.filter(|port| *port != 0) {
        append(workload, "host_port", &port.to_string());
    }
    let added = context.and_then(|context| context.pointer("/capabilities/add"));
    for capability in added.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        append(workload, "capabilities", capability);
        shown(workload, "capabilities", &capability, object.at(&format!("{pointer}/securityContext/capabilities/add")));
    }
    for resources in ["/resources/requests", "/resources/limits"] {
        let resources = value.pointer(resources).and_then(Value::as_object);
        for (name, count) in resources.into_iter().flatten().filter(|(name, _)| is_gpu(name)) {
            append(workload, "gpu", name);
            let counts = workload.properties.entry("gpu_count").or_insert_with(|| Value::Object(Map::new()));
            if let Some(counts) = counts.as_object_mut() {
                counts.insert(name.clone(), count.clone());
            }
        }
    }
    let id = workload.id.to_string();
    for (key, source, kind, does) in [
        ("env", "/valueFrom/secretKeyRef", "Secret", RelationKind::Reads),
        ("envFrom", "/secretRef", "Secret", RelationKind::Reads),
        ("env", "/valueFrom/configMapKeyRef", "ConfigMap", RelationKind::Uses),
        ("envFrom", "/configMapRef", "ConfigMap", RelationKind::Uses),
    ] {
        for (j, entry) in list(value, key) {
            let Some(name) = entry.pointer(source).and_then(|reference| text(reference, "name")) else { continue };
            let evidence = object.at(&format!("{pointer}/{key}/{j}")).excerpt(name);
            object.relate(&id, does, object.stub(kind, None, name), &evidence, found);
        }
    }
}

/// What the cluster reports of a pod: the digests its images were resolved to.
fn observed(object: &Object<'_>, workload: &Asset, found: &mut Found) {
    for key in ["containerStatuses", "initContainerStatuses"] {
        for (i, status) in object.value.get("status").into_iter().flat_map(|status| list(status, key)) {
            let (Some(image), Some(resolved)) = (text(status, "image"), text(status, "imageID")) else { continue };
            let Some((_, digest)) = resolved.rsplit_once("@sha256:") else { continue };
            let evidence = object.at(&format!("/status/{key}/{i}/imageID"));
            let mut asset = image_asset(image);
            asset.provenance.digests.insert("sha256".to_owned(), digest.to_ascii_lowercase());
            asset.provenance.revision.get_or_insert_with(|| format!("sha256:{digest}"));
            object.relate(workload.id.as_str(), RelationKind::RunsOn, asset, &evidence, found);
        }
    }
}
