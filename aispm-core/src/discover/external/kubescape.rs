//! Kubernetes scanners: Kubescape's results by resource, kube-bench's checks of a cluster's own configuration.

use std::collections::HashMap;

use serde_json::Value;

use super::report::{Report, by_score, severity};
use crate::asset::{Asset, AssetKind, Document, Severity};
use crate::discover::at::{first, items, text};
use crate::discover::format::{Found, Structured};
use crate::discover::resource::{self, Context};

pub(super) const REPORT: Structured = Structured {
    name: "kubescape",
    critical: false,
    in_parts: false,
    markers: &["\"summaryDetails\"", "\"resourceID\""],
    matches: |value| value.get("summaryDetails").is_some() && value.get("results").is_some_and(Value::is_array),
    read,
};

pub(super) const BENCH: Structured = Structured {
    name: "kube-bench",
    critical: false,
    in_parts: false,
    markers: &["\"test_number\"", "\"node_type\""],
    matches: |value| value.get("node_type").is_some() && value.pointer("/tests/0/results").is_some(),
    read: bench,
};

fn read(document: &Document, found: &mut Found) {
    let value = &document.value;
    let cluster = first(value, &["/clusterName", "/metadata/contextMetadata/clusterContextMetadata/contextName"])
        .unwrap_or_default();
    let objects: HashMap<&str, &Value> =
        items(value, "/resources").filter_map(|(_, r)| Some((text(r, "/resourceID")?, r.get("object")?))).collect();
    let controls = value.pointer("/summaryDetails/controls").and_then(Value::as_object);
    for (pointer, result) in items(value, "/results") {
        let Some(id) = text(result, "/resourceID") else { continue };
        let Some(asset) = object(id, objects.get(id).copied(), cluster) else { continue };
        for (below, control) in items(result, "/controls") {
            let rule = text(control, "/controlID").unwrap_or_default();
            let score =
                controls.and_then(|all| all.get(rule)).and_then(|c| c.get("scoreFactor")).and_then(Value::as_f64);
            let report = Report {
                tool: "Kubescape",
                rule,
                title: text(control, "/name").unwrap_or(rule),
                detail: "",
                severity: text(control, "/severity").map(severity).or(score.map(by_score)).unwrap_or(Severity::Medium),
                time: text(value, "/generationTime"),
                fails: first(control, &["/status/status", "/status"]) == Some("failed"),
            };
            report.land(asset.clone(), &document.evidence(&format!("{pointer}{below}")), found);
        }
    }
}

/// `GROUP/VERSION/NAMESPACE/KIND/NAME`, or what the object itself says.
fn object(id: &str, object: Option<&Value>, cluster: &str) -> Option<Asset> {
    let mut parts = id.rsplit('/');
    let (last, kind, namespace) = (parts.next()?, parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let object = object.unwrap_or(&Value::Null);
    let name = first(object, &["/metadata/name", "/name"]).unwrap_or(last);
    let context = Context {
        kind: text(object, "/kind").unwrap_or(kind),
        provider: "kubernetes",
        account: cluster,
        region: first(object, &["/metadata/namespace", "/namespace"]).unwrap_or(namespace),
    };
    resource::by_name(name, context)
}

/// One section of kube-bench: about the cluster as a whole.
fn bench(document: &Document, found: &mut Found) {
    for (pointer, test) in items(&document.value, "/tests") {
        for (below, check) in items(test, "/results") {
            let rule = text(check, "/test_number").unwrap_or_default();
            let report = Report {
                tool: "kube-bench",
                rule,
                title: text(check, "/test_desc").unwrap_or(rule),
                detail: text(check, "/reason").unwrap_or_default(),
                severity: Severity::Medium,
                time: None,
                fails: text(check, "/status") == Some("FAIL"),
            };
            let cluster = Asset::new("k8s://cluster", AssetKind::Cluster, "cluster");
            report.land(cluster, &document.evidence(&format!("{pointer}{below}")), found);
        }
    }
}
