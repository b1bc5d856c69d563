//! Hubble and Cilium flows: which workload talks to which workload, name and model.

use serde_json::Value;

use super::traffic::{Address, Call, Caller, Target, add, is_blocked, pod, workload};
use crate::asset::{Asset, Document, RelationKind};
use crate::discover::format::{Found, Structured};

pub(super) const FLOW: Structured = Structured {
    name: "hubble",
    critical: false,
    in_parts: false,
    markers: &["\"verdict\"", "\"traffic_direction\""],
    matches: |value| flow(value).is_some(),
    read,
};

/// The flow, alone or inside `flow`, and its pointer.
fn flow(value: &Value) -> Option<(&Value, &'static str)> {
    let is = |flow: &Value| {
        flow.get("verdict").is_some() && (flow.get("IP").is_some() || flow.get("source").is_some_and(Value::is_object))
    };
    match value.get("flow") {
        Some(flow) if is(flow) => Some((flow, "/flow")),
        None if is(value) && value.get("destination").is_some_and(Value::is_object) => Some((value, "")),
        _ => None,
    }
}

fn read(document: &Document, found: &mut Found) {
    let Some((flow, pointer)) = flow(&document.value) else { return };
    if flow.get("is_reply").and_then(Value::as_bool) == Some(true) {
        return;
    }
    let text = |pointer: &str| flow.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (from, to) = (side(flow.get("source")), side(flow.get("destination")));
    let port = ["/l4/TCP/destination_port", "/l4/UDP/destination_port"].iter().find_map(|p| flow.pointer(p)?.as_u64());
    let names = flow.get("destination_names").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut addresses: Vec<Address<'_>> = names.map(|host| Address { host, port, ..Address::default() }).collect();
    let (query, url) = (text("/l7/dns/query"), text("/l7/http/url"));
    if !query.is_empty() {
        addresses.push(Address { host: query, ..Address::default() });
    }
    if !url.is_empty() {
        addresses.push(Address { port: Address::url(url).port.or(port), ..Address::url(url) });
    }
    let server = to.as_ref().map(|asset| asset.id.to_string()).unwrap_or_default();
    let tables = found.tables.clone();
    let target = addresses.into_iter().find_map(|address| Target::of(&tables, address));
    let target = target.or_else(|| match to.is_some() || server.is_empty() {
        true => None,
        false => Target::of(&tables, Address { host: text("/IP/destination"), port, ..Address::default() }),
    });
    if target.is_none() && (from.is_none() || to.is_none()) {
        return;
    }
    let time = Some(text("/time")).filter(|time| !time.is_empty());
    let blocked = is_blocked(text("/verdict"));
    let evidence = document.evidence(pointer);
    let caller = || Caller { ip: text("/IP/source"), ..Caller::default() }.asset();
    let Some(from) = from.or_else(caller) else { return };
    if let Some(target) = target {
        Call { source: from.clone(), target, model: None, time, blocked }.tell(&evidence, found);
    }
    if let Some(to) = to.filter(|to| !blocked && to.id != from.id) {
        found.happened(from.id.as_str(), RelationKind::Invokes, to.id.as_str(), time, &evidence);
        add(from, &evidence, found);
        add(to, &evidence, found);
    }
}

/// The workload at one end, where it has an identity.
fn side(end: Option<&Value>) -> Option<Asset> {
    let end = end?;
    let text = |key: &str| end.get(key).and_then(Value::as_str).unwrap_or_default();
    let first = |key: &str| end.pointer(&format!("/workloads/0/{key}")).and_then(Value::as_str).unwrap_or_default();
    match (first("kind"), first("name"), text("pod_name")) {
        ("", _, "") | (_, "", "") => None,
        ("" | "ReplicaSet", _, name) | (_, "", name) => Some(pod(text("cluster_name"), text("namespace"), name)),
        (kind, name, _) => Some(workload(text("cluster_name"), text("namespace"), kind, name)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{lines, relations};

    #[test]
    fn flows_between_workloads_and_to_ai() {
        let bot =
            json!({"namespace": "ml", "pod_name": "bot-0", "workloads": [{"kind": "StatefulSet", "name": "bot"}]});
        let llm = json!({"namespace": "ml", "pod_name": "llm-7d9f8c6b5-x2x4k"});
        let found = lines(&[
            json!({"flow": {"time": "2025-01-01T00:00:00Z", "verdict": "FORWARDED", "IP": {"source": "10.0.0.1", "destination": "203.0.113.1"}, "source": bot, "destination": {"labels": ["reserved:world"]}, "destination_names": ["api.anthropic.com"], "l4": {"TCP": {"destination_port": 443}}}}),
            json!({"flow": {"verdict": "FORWARDED", "IP": {}, "source": bot, "destination": llm, "l4": {"TCP": {"destination_port": 8000}}}}),
            json!({"flow": {"verdict": "FORWARDED", "is_reply": true, "IP": {}, "source": llm, "destination": bot}}),
            json!({"flow": {"verdict": "DROPPED", "IP": {}, "source": bot, "destination": {}, "destination_names": ["api.deepseek.com"]}}),
        ]);
        assert_eq!(
            relations(&found),
            [
                "k8s://cluster/ml/StatefulSet/bot invokes ai-provider:anthropic",
                "k8s://cluster/ml/StatefulSet/bot invokes k8s://cluster/ml/Deployment/llm",
            ]
        );
        let bot = found.inventory.get("k8s://cluster/ml/StatefulSet/bot").unwrap();
        assert_eq!(bot.properties["blocked_ai"], json!(["DeepSeek"]));
    }
}
