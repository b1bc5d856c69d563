//! JSON rows of network, DNS, proxy and endpoint logs, by the table in `traffic.yaml`; and network flow logs of Azure.

use serde_json::Value;

use super::shape::{Role, tables};
use super::time;
use super::traffic::{Address, Call, Caller, Target, is_blocked, note_of};
use crate::asset::Document;
use crate::discover::format::{Found, Structured};

pub(super) const ROW: Structured = Structured {
    name: "network-log",
    critical: false,
    in_parts: false,
    markers: &[],
    matches: |value| tables().network.of(value).is_some(),
    read,
};

pub(super) const AZURE_FLOWS: Structured = Structured {
    name: "azure-flow-log",
    critical: false,
    in_parts: false,
    markers: &["\"flowTuples\"", "\"macAddress\""],
    matches: |value| {
        value.pointer("/properties/flows").is_some_and(Value::is_array)
            || value.pointer("/flowRecords/flows").is_some_and(Value::is_array)
    },
    read: read_tuples,
};

fn read(document: &Document, found: &mut Found) {
    let row = &document.value;
    let Some(shape) = tables().network.of(row) else { return };
    found.name("network-log");
    let text = |role: Role| shape.text(row, role).unwrap_or_default();
    let request = text(Role::Request).split(' ').nth(1).unwrap_or_default();
    let path = if request.is_empty() { text(Role::Path) } else { request };
    let port = shape.number(row, Role::Port);
    let address = match text(Role::Url) {
        "" => Address { host: text(Role::Host), port, path, ..Address::default() },
        url => Address { port, ..Address::url(url) },
    };
    // a name says more than an address, a port of its own only counts with the latter
    let known = found.tables.clone();
    let target = Target::of(&known, address)
        .or_else(|| Target::of(&known, Address { host: text(Role::Host), port, ..Address::default() }))
        .or_else(|| Target::of(&known, Address { host: text(Role::Address), port, path, ..Address::default() }));
    let Some(target) = target else { return };
    let caller = Caller {
        user: text(Role::User),
        device: text(Role::Device),
        ip: text(Role::Ip),
        process: text(Role::Process),
        instance: text(Role::Instance),
        account: text(Role::Account),
        region: text(Role::Region),
        cluster: text(Role::Cluster),
        namespace: text(Role::Namespace),
        pod: text(Role::Pod),
    };
    let Some(source) = caller.asset() else { return };
    let time = shape.value(row, Role::Time).and_then(time::of);
    let blocked = is_blocked(text(Role::Action));
    let evidence = document.evidence("").excerpt(&shape.name);
    let call = Call { source, target, model: None, time: time.as_deref(), blocked };
    let (source, _) = call.tell(&evidence, found);
    note_of(source.as_str(), "processes", caller.process, found);
    note_of(source.as_str(), "devices", caller.device, found);
}

/// `time,source,destination,sourcePort,destinationPort,…`, several levels down.
fn read_tuples(document: &Document, found: &mut Found) {
    let mut lists = Vec::new();
    tuples(&document.value, String::new(), 8, &mut lists);
    let known = found.tables.clone();
    for (pointer, tuple) in lists {
        let mut parts = tuple.split(',');
        let (time, ip, host) = (parts.next(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let port = parts.nth(1).and_then(|port| port.parse().ok());
        let denied = parts.nth(2) == Some("D");
        let Some(target) = Target::of(&known, Address { host, port, ..Address::default() }) else { continue };
        let Some(source) = (Caller { ip, ..Caller::default() }).asset() else { continue };
        let evidence = document.evidence(&pointer).excerpt("flow");
        Call { source, target, model: None, time, blocked: denied }.tell(&evidence, found);
    }
}

fn tuples<'a>(value: &'a Value, pointer: String, depth: usize, out: &mut Vec<(String, &'a str)>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    match value {
        Value::Object(map) => {
            for (key, child) in map.iter().filter(|(_, child)| child.is_object() || child.is_array()) {
                let below = format!("{pointer}/{}", crate::asset::pointer_key(key));
                match (key.as_str(), child) {
                    ("flowTuples", Value::Array(list)) => {
                        let tuples =
                            list.iter().enumerate().filter_map(|(i, t)| Some((format!("{below}/{i}"), t.as_str()?)));
                        out.extend(tuples);
                    }
                    _ => tuples(child, below, depth, out),
                }
            }
        }
        Value::Array(list) => {
            for (i, child) in list.iter().enumerate() {
                tuples(child, format!("{pointer}/{i}"), depth, out);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{lines, read, relations};

    #[test]
    fn rows_of_many_makes() {
        for (row, relation) in [
            (
                json!({"event_type": "tls", "src_ip": "10.0.0.1", "timestamp": "t", "tls": {"sni": "api.openai.com"}}),
                "ip:10.0.0.1 invokes ai-provider:openai",
            ),
            (
                json!({"ts": 1_700_000_000.5, "id.orig_h": "10.0.0.1", "id.resp_h": "10.0.0.2", "query": "claude.ai"}),
                "ip:10.0.0.1 invokes ai-provider:claude",
            ),
            (
                json!({"query_name": "api.mistral.ai.", "query_type": "A", "srcaddr": "10.0.0.1", "srcids": {"instance": "i-1"}, "account_id": "111111111111", "region": "eu-west-1"}),
                "arn:aws:ec2:eu-west-1:111111111111:instance/i-1 invokes ai-provider:mistral-ai",
            ),
            (
                json!({"authority": "llm.acme.test", "downstream_remote_address": "10.0.0.1:5", "path": "/v1/chat/completions", "method": "POST"}),
                "ip:10.0.0.1 invokes http://llm.acme.test",
            ),
            (
                json!({"RemoteUrl": "https://chatgpt.com/x", "DeviceName": "LAP-1", "InitiatingProcessAccountUpn": "ann@acme.test"}),
                "user:ann@acme.test invokes ai-provider:chatgpt",
            ),
            (
                json!({"@timestamp": "t", "source": {"ip": "10.0.0.1"}, "destination": {"ip": "10.0.0.2", "port": 11434}}),
                "ip:10.0.0.1 invokes http://10.0.0.2:11434",
            ),
            (
                json!({"jsonPayload": {"connection": {"src_ip": "10.0.0.1", "dest_ip": "10.0.0.2", "dest_port": 6333}, "reporter": "SRC"}}),
                "ip:10.0.0.1 invokes http://10.0.0.2:6333",
            ),
        ] {
            assert_eq!(relations(&lines(std::slice::from_ref(&row))), [relation], "{row}");
        }
    }

    #[test]
    fn rows_without_ai_and_blocked_ones() {
        let found = lines(&[
            json!({"event_type": "dns", "src_ip": "10.0.0.1", "dns": {"rrname": "example.com"}}),
            json!({"event_type": "flow", "src_ip": "10.0.0.1", "dest_ip": "10.0.0.2", "dest_port": 443}),
        ]);
        assert!(found.inventory.is_empty());
        let found = lines(&[json!({"url": "chatgpt.com/", "login": "ann@acme.test", "action": "Blocked"})]);
        assert_eq!(relations(&found), [""; 0]);
        assert_eq!(found.inventory.get("user:ann@acme.test").unwrap().properties["blocked_ai"], json!(["ChatGPT"]));
        assert_eq!(found.inventory.get("ai-provider:chatgpt").unwrap().properties["seen_in_traffic"], true);
    }

    #[test]
    fn azure_tuples() {
        let found = read(
            &json!({"records": [{"properties": {"Version": 2, "flows": [{"rule": "r", "flows": [{"mac": "m", "flowTuples": ["1700000000,10.0.0.1,10.0.0.2,4000,11434,T,O,A,B,,,,"]}]}]}}]}),
        );
        assert_eq!(relations(&found), ["ip:10.0.0.1 invokes http://10.0.0.2:11434"]);
        let evidence = &found.inventory.relations().next().unwrap().evidence[0];
        assert_eq!(evidence.pointer.as_deref(), Some("/records/0/properties/flows/0/flows/0/flowTuples/0"));
    }
}
