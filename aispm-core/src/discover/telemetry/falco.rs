//! Falco events: what a rule saw in a workload, kept as another tool's finding, and which AI the process called.

use serde_json::Value;

use super::traffic::{Address, Call, Target, add, pod, workload};
use crate::asset::{Asset, AssetKind, Document, ExternalFinding, Severity};
use crate::discover::container::Container;
use crate::discover::format::{Found, Structured};

pub(super) const EVENT: Structured = Structured {
    name: "falco",
    critical: false,
    in_parts: false,
    markers: &["\"output_fields\"", "\"priority\"", "\"rule\""],
    matches: |value| {
        value.get("output_fields").is_some_and(Value::is_object)
            && value.get("rule").is_some_and(Value::is_string)
            && value.get("priority").is_some()
    },
    read,
};

fn read(document: &Document, found: &mut Found) {
    let event = &document.value;
    let text = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default();
    let fields = event.get("output_fields");
    let field = |key: &str| fields.and_then(|fields| fields.get(key)).and_then(Value::as_str).unwrap_or_default();
    let rule = text("rule");
    let evidence = document.evidence("/rule").excerpt(rule);
    let (namespace, name) = (field("k8s.ns.name"), field("k8s.pod.name"));
    let mut owner = match (field("k8s.deployment.name"), text("hostname")) {
        ("", _) if !name.is_empty() => pod("", namespace, name),
        ("", "") => return,
        ("", host) => Asset::new(format!("host:{}", host.to_lowercase()), AssetKind::Node, host),
        (deployment, _) => workload("", namespace, "Deployment", deployment),
    };
    let image = match (field("container.image.repository"), field("container.image.tag")) {
        ("", _) => None,
        (repository, "") => Some(repository.to_owned()),
        (repository, tag) => Some(format!("{repository}:{tag}")),
    };
    let command = field("proc.cmdline");
    let container = Container {
        image: image.filter(|_| owner.kind == AssetKind::Workload).map(|image| (image, evidence.clone())),
        words: Some(command)
            .filter(|line| !line.is_empty())
            .map(|line| (line.to_owned(), evidence.clone()))
            .into_iter()
            .collect(),
        ..Container::default()
    };
    container.describe(&mut owner, found);
    owner.authentication = None;
    let mut finding = ExternalFinding::new("Falco", rule, severity(text("priority")), rule, evidence.clone());
    finding.time = Some(text("time").to_owned()).filter(|time| !time.is_empty());
    owner.report(finding);
    add(owner.clone(), &evidence, found);
    let port =
        fields.and_then(|fields| fields.get("fd.sport").or_else(|| fields.get("fd.rport"))).and_then(Value::as_u64);
    let words = command.split_whitespace().filter(|word| word.contains("://")).map(Address::url);
    let hosts = ["fd.sip.name", "fd.rip.name", "fd.sip", "fd.rip", "evt.arg.host"].into_iter().map(field);
    let hosts = hosts.filter(|host| !host.is_empty()).map(|host| Address { host, port, ..Address::default() });
    let tables = found.tables.clone();
    if let Some(target) = hosts.chain(words).find_map(|address| Target::of(&tables, address)) {
        let time = Some(text("time")).filter(|time| !time.is_empty());
        Call { source: owner, target, model: None, time, blocked: false }.tell(&evidence, found);
    }
}

fn severity(priority: &str) -> Severity {
    match priority.to_ascii_lowercase().as_str() {
        "emergency" | "alert" | "critical" => Severity::Critical,
        "error" => Severity::High,
        "warning" => Severity::Medium,
        "notice" => Severity::Low,
        _ => Severity::Info,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{lines, relations};
    use super::*;

    #[test]
    fn a_finding_on_the_workload_and_its_call() {
        let found = lines(&[json!({
            "hostname": "n1", "priority": "Warning", "rule": "Outbound connection", "time": "2025-01-01T00:00:00Z", "output": "x",
            "output_fields": {"k8s.ns.name": "ml", "k8s.pod.name": "bot-0", "container.image.repository": "acme/bot", "container.image.tag": "1", "proc.cmdline": "curl https://api.groq.com/openai/v1/models"}
        })]);
        let bot = found.inventory.get("k8s://cluster/ml/Pod/bot-0").unwrap();
        assert_eq!(bot.external_findings[0].severity, Severity::Medium);
        assert!(relations(&found).contains(&"k8s://cluster/ml/Pod/bot-0 invokes ai-provider:groq".to_owned()));
        assert!(!(EVENT.matches)(&json!({"rule": "x", "priority": 1})));
    }
}
