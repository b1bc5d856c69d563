//! Tetragon events: which workload runs which program, listens where and connects to what.

use serde_json::Value;

use super::traffic::{Address, Call, Target, add, note_of, pod, workload};
use crate::asset::{Asset, AssetKind, Document, Evidence, RelationKind};
use crate::discover::catalog::Catalog;
use crate::discover::container::{Container, image_asset};
use crate::discover::format::{Found, Structured};

pub(super) const EVENT: Structured = Structured {
    name: "tetragon",
    critical: false,
    in_parts: false,
    markers: &["\"process_", "\"exec_id\"", "\"node_name\""],
    matches: |value| event(value).is_some(),
    read,
};

/// The event's key and content. An event has few fields beside it.
fn event(value: &Value) -> Option<(&str, &Value)> {
    let map = value.as_object().filter(|map| map.len() <= 8)?;
    map.iter()
        .find(|(key, event)| key.starts_with("process_") && event.pointer("/process/binary").is_some())
        .map(|(key, event)| (key.as_str(), event))
}

fn read(document: &Document, found: &mut Found) {
    let Some((kind, event)) = event(&document.value) else { return };
    let Some(process) = event.get("process") else { return };
    let text = |key: &str| document.value.get(key).and_then(Value::as_str);
    let evidence = document.evidence(&format!("/{kind}/process"));
    let binary = field(process, "binary");
    let evidence = evidence.excerpt(binary);
    let cluster = text("cluster_name").unwrap_or_default();
    let Some(mut owner) = owner(process, cluster, text("node_name"), &evidence, found) else { return };
    let id = owner.id.to_string();
    describe(kind, process, &mut owner, &evidence, found);
    let port = |key: &str| event.get(key).and_then(Value::as_u64);
    let tables = found.tables.clone();
    if kind == "process_listen"
        && let Some(server) = port("port").and_then(|port| tables.server_by_port(port))
    {
        owner.ai = true;
        owner.properties.entry("model_server").or_insert_with(|| server.into());
    }
    add(owner.clone(), &evidence, found);
    note_of(&id, "binaries", binary, found);
    if let Some(function) = event.get("function_name").and_then(Value::as_str) {
        note_of(&id, "kprobes", function, found);
    }
    let time = text("time").filter(|_| kind == "process_connect" || kind == "process_exec");
    let Some(target) = target(&tables, kind, event, process) else { return };
    Call { source: owner, target, model: None, time, blocked: false }.tell(&evidence, found);
}

/// The workload of a process, or its machine where it is in no pod; with the node that it runs on.
fn owner(process: &Value, cluster: &str, node: Option<&str>, evidence: &Evidence, found: &mut Found) -> Option<Asset> {
    let Some(inside) = process.get("pod").filter(|pod| pod.get("name").is_some()) else {
        return node.map(|name| Asset::new(format!("host:{}", name.to_lowercase()), AssetKind::Node, name));
    };
    let (namespace, name) = (field(inside, "namespace"), field(inside, "name"));
    let mut owner = match (field(inside, "workload_kind"), field(inside, "workload")) {
        ("", _) | (_, "") | ("ReplicaSet", _) => pod(cluster, namespace, name),
        (kind, owner) => workload(cluster, namespace, kind, owner),
    };
    owner.properties.insert("pod".into(), name.into());
    if let Some(container) = inside.pointer("/container/name").and_then(Value::as_str) {
        owner.properties.insert("container".into(), container.into());
    }
    if let Some(labels) = inside.get("pod_labels").filter(|labels| labels.is_object()) {
        owner.properties.insert("pod_labels".into(), labels.clone());
    }
    if let Some(node) = node {
        let cluster = if cluster.is_empty() { "cluster" } else { cluster };
        let machine = Asset::new(format!("k8s://{cluster}/-/Node/{node}"), AssetKind::Node, node);
        found.relate(owner.id.as_str(), RelationKind::RunsOn, machine.id.as_str(), evidence);
        add(machine, evidence, found);
    }
    Some(owner)
}

/// What the image and the command line tell, as for any container; how the server is protected they do not.
fn describe(kind: &str, process: &Value, owner: &mut Asset, evidence: &Evidence, found: &mut Found) {
    let name = process.pointer("/pod/container/image/name").and_then(Value::as_str);
    let known = |image: &&str| {
        let listed = |asset: &Asset| {
            asset.properties.get("images").and_then(Value::as_array).map(|list| list.iter().any(|i| i == image))
        };
        found.inventory.get(owner.id.as_str()).and_then(listed) != Some(true)
    };
    let image = name.filter(|name| !name.is_empty()).filter(known);
    let started = kind == "process_exec";
    if image.is_none() && !started {
        return;
    }
    let words = if started { [field(process, "binary"), field(process, "arguments")] } else { ["", ""] };
    let container = Container {
        image: image.map(|image| (image.to_owned(), evidence.clone())),
        words: words
            .iter()
            .filter(|word| !word.is_empty())
            .map(|word| ((*word).to_owned(), evidence.clone()))
            .collect(),
        ..Container::default()
    };
    container.describe(owner, found);
    owner.authentication = None;
    let digest =
        process.pointer("/pod/container/image/id").and_then(Value::as_str).and_then(|id| id.rsplit_once("@sha256:"));
    if let (Some(image), Some((_, digest))) = (image, digest) {
        let mut asset = image_asset(image);
        asset.provenance.digests.insert("sha256".to_owned(), digest.to_ascii_lowercase());
        add(asset, evidence, found);
    }
}

/// What AI a connection or a command line goes to.
fn target<'a>(tables: &'a Catalog, kind: &str, event: &'a Value, process: &'a Value) -> Option<Target<'a>> {
    let names =
        event.get("destination_names").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_u64);
    match kind {
        "process_connect" => {
            let host = field(event, "destination_ip");
            let port = number(event, "destination_port");
            let by_name = names.map(|host| Address { host, port, ..Address::default() });
            by_name
                .chain([Address { host, port, ..Address::default() }])
                .find_map(|address| Target::of(tables, address))
        }
        "process_kprobe" => {
            let args = event.get("args").and_then(Value::as_array)?;
            let socket = args.iter().find_map(|arg| arg.get("sock_arg"))?;
            let (host, port) = (field(socket, "daddr"), number(socket, "dport"));
            Target::of(tables, Address { host, port, ..Address::default() })
        }
        "process_exec" => {
            let words = field(process, "arguments").split_whitespace().take(64);
            let words = words.map(|word| word.trim_matches(['"', '\'']));
            words
                .filter(|word| word.contains("://") || word.contains('.'))
                .map(Address::url)
                .find_map(|address| Target::of(tables, address))
        }
        _ => None,
    }
}

fn field<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{lines, relations};
    use super::*;

    #[test]
    fn a_model_server_and_its_caller() {
        let pod = |name: &str, image: &str| json!({"namespace": "ml", "name": name, "container": {"name": "main", "image": {"id": format!("{image}@sha256:ab"), "name": image}}});
        let found = lines(&[
            json!({"process_exec": {"process": {"exec_id": "a", "binary": "/usr/bin/python3", "arguments": "-m vllm.entrypoints.openai.api_server --model acme/tiny", "pod": pod("llm-7d9f8c6b5-x2x4k", "acme/base:1")}}, "node_name": "n1", "time": "2025-01-01T00:00:00Z"}),
            json!({"process_connect": {"process": {"exec_id": "b", "binary": "/app/bot", "pod": pod("bot-0", "acme/bot:2")}, "destination_ip": "203.0.113.9", "destination_port": 443, "destination_names": ["api.openai.com"]}, "node_name": "n1", "time": "2025-01-01T00:00:01Z"}),
            json!({"process_exit": {"process": {"exec_id": "c", "binary": "/bin/sh"}}, "node_name": "N2", "time": "2025-01-01T00:00:02Z"}),
        ]);
        let server = found.inventory.get("k8s://cluster/ml/Deployment/llm").unwrap();
        assert_eq!((server.ai, server.text("model_server")), (true, Some("vLLM")));
        assert_eq!(server.evidence[0].line, Some(1));
        for relation in [
            "k8s://cluster/ml/Deployment/llm serves https://huggingface.co/acme/tiny",
            "k8s://cluster/ml/Deployment/llm runs_on k8s://cluster/-/Node/n1",
            "k8s://cluster/ml/Pod/bot-0 invokes ai-provider:openai",
            "k8s://cluster/ml/Pod/bot-0 runs_on pkg:docker/acme/bot@2",
        ] {
            assert!(relations(&found).contains(&relation.to_owned()), "{relation}: {:#?}", relations(&found));
        }
        assert!(!found.inventory.get("host:n2").unwrap().ai);
        assert!(!(EVENT.matches)(&json!({"process_exec": 1, "node_name": "n"})));
    }
}
