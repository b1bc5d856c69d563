//! OCSF 1.8.0 as JSON Lines, which is what collectors and data lakes take in: a Detection Finding (2004) for each finding
//! and attack path, a Compliance Finding (2003) for each control that was judged or could not be.
//!
//! These classes have no place for `ai_model`; the asset, whatever it is, stands in `resources`. They demand `cloud`,
//! whose provider is `Unknown` where the asset's id tells none.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::reference::{self, Cloud, Technique};
use super::{Report, State, chain, escape, family, json, moves_of, path_rule, steps};
use crate::asset::{AssetId, Evidence, Finding, Severity, fingerprint};
use crate::path::{AttackPath, PathStatus};
use crate::policy::controls::{ControlResult, ControlStatus};

const VERSION: &str = "1.8.0";
/// Resources that one compliance finding names at most; `status_detail` counts the findings.
const RESOURCES: usize = 100;

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    for (finding, state) in report.told() {
        json::line(out, &detection(report, finding, state))?;
    }
    for path in &report.assessment.paths {
        json::line(out, &path_detection(report, path))?;
    }
    let findings: HashMap<&str, &Finding> =
        report.told().map(|(finding, _)| (finding.fingerprint.as_str(), finding)).collect();
    for coverage in &report.assessment.coverage {
        let told = coverage.controls.iter().filter(|control| control.status != ControlStatus::NotApplicable);
        for control in told {
            json::line(out, &compliance(report, &coverage.framework, control, &findings))?;
        }
    }
    out.flush()
}

fn detection(report: &Report<'_>, finding: &Finding, state: State<'_>) -> Value {
    let mut info = json!({
        "uid": finding.fingerprint,
        "title": text(&finding.title),
        "desc": text(&finding.message),
        "types": [family(&finding.rule)],
        "analytic": analytic(&finding.rule, &finding.title, report.why(&finding.rule)),
    });
    let mut tags = BTreeMap::<&str, Vec<&str>>::new();
    for control in &finding.controls {
        tags.entry(&control.framework).or_default().push(&control.id);
    }
    put(&mut info, "tags", list(tags.into_iter().map(|(name, values)| json!({"name": name, "values": values}))));
    put(&mut info, "attacks", attacks(Technique::of_finding(finding)));
    put(&mut info, "data_sources", sources(report.evidence(finding)));
    let mut event = event(report, 2004, state, finding.severity, info);
    put(&mut event, "message", text(&finding.message));
    put(&mut event, "status_detail", text(&state.waiver().unwrap_or_default()));
    put(&mut event, "cloud", cloud(&finding.asset));
    let related = finding.related.iter().map(|id| resource(report, id, false));
    put(&mut event, "resources", list(std::iter::once(resource(report, &finding.asset, true)).chain(related)));
    put(&mut event, "evidences", list(report.evidence(finding).iter().map(evidence)));
    if !finding.fix.is_empty() {
        put(&mut event, "remediation", json!({"desc": text(&finding.fix)}));
    }
    event
}

fn path_detection(report: &Report<'_>, path: &AttackPath) -> Value {
    let title = report.title(path);
    let rule = path_rule(path.goal);
    let nodes = chain(path)
        .into_iter()
        .map(|id| json!({"uid": id, "name": text(report.name(id)), "type": report.kind(id).as_str()}));
    let edges = moves_of(std::slice::from_ref(path)).into_iter().enumerate().map(|(n, (from, to, techniques))| {
        json!({"uid": (n + 1).to_string(), "source": from, "target": to, "relation": text(&techniques), "is_directed": true})
    });
    let mut info = json!({
        "uid": path.id,
        "title": text(&title),
        "desc": text(&steps(path)),
        "types": ["attack path"],
        "analytic": analytic(rule, rule, ""),
        "attack_graph": {"uid": path.id, "is_directed": true, "nodes": list(nodes), "edges": list(edges)},
    });
    put(&mut info, "attacks", attacks(Technique::of_path(path)));
    let places: Vec<Evidence> = path.steps.iter().flat_map(|step| step.evidence.iter().cloned()).collect();
    put(&mut info, "data_sources", sources(&places));
    let mut event = event(report, 2004, report.path_state(path), path.severity, info);
    put(&mut event, "message", text(&title));
    put(&mut event, "cloud", cloud(&path.target));
    put(&mut event, "risk_score", json!(path.risk.clamp(0.0, 100.0).round() as i64));
    let (confidence, name) = match path.status {
        PathStatus::Confirmed => (3, "High"),
        PathStatus::Conditional => (2, "Medium"),
    };
    put(&mut event, "confidence_id", json!(confidence));
    put(&mut event, "confidence", json!(name));
    put(&mut event, "status_detail", text(&path.conditions.join("; ")));
    put(&mut event, "resources", list(chain(path).into_iter().map(|id| resource(report, id, *id == path.target))));
    put(&mut event, "evidences", list(places.iter().map(evidence)));
    let fixes: Vec<&str> = path.fixes.iter().map(|fix| fix.action.as_str()).collect();
    if !fixes.is_empty() {
        put(&mut event, "remediation", json!({"desc": text(&format!("Any one of these: {}", fixes.join("; ")))}));
    }
    event
}

fn compliance(
    report: &Report<'_>,
    framework: &str,
    control: &ControlResult,
    findings: &HashMap<&str, &Finding>,
) -> Value {
    let failed: Vec<&Finding> = control.findings.iter().filter_map(|id| findings.get(id.as_str()).copied()).collect();
    let severity = failed.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Info);
    let name = reference::control_name(framework, &control.id).unwrap_or(&control.id);
    let standard = reference::framework_name(framework);
    let (id, status) = match control.status {
        ControlStatus::Passed => (1, "Pass"),
        ControlStatus::Failed => (3, "Fail"),
        _ => (0, "Unknown"),
    };
    let info = json!({
        "uid": fingerprint(&["control", framework, &control.id]),
        "title": text(&format!("{standard} {}: {name}", control.id)),
        "types": ["compliance"],
    });
    // a control has no baseline of its own
    let mut event = event(report, 2003, State::Open, severity, info);
    put(&mut event, "message", text(&control.reason));
    let checks = control.rules.iter().map(|rule| {
        let title = report.rules.get(rule.as_str()).map_or(rule.as_str(), |info| &info.title);
        json!({"uid": text(rule), "name": text(title)})
    });
    let mut compliance = json!({
        "control": text(&control.id),
        "desc": text(name),
        "standards": [text(standard)],
        "status_id": id,
        "status": status,
        "status_details": [text(&control.reason)],
    });
    put(&mut compliance, "checks", list(checks));
    put(&mut event, "compliance", compliance);
    let mut assets: Vec<&AssetId> = failed.iter().map(|finding| &finding.asset).collect();
    assets.sort();
    assets.dedup();
    put(&mut event, "cloud", assets.first().map_or_else(|| json!({"provider": "Unknown"}), |id| cloud(id)));
    put(&mut event, "resources", list(assets.into_iter().take(RESOURCES).map(|id| resource(report, id, true))));
    event
}

/// What all events have.
fn event(report: &Report<'_>, class: i64, state: State<'_>, severity: Severity, info: Value) -> Value {
    let (activity, activity_name) = match state {
        State::Open | State::New => (1, "Create"),
        State::Known | State::Waived(_) => (2, "Update"),
        State::Resolved => (3, "Close"),
    };
    let (status, status_name) = match state {
        State::Open | State::New => (1, "New"),
        State::Known => (99, "Known"),
        State::Waived(_) => (3, "Suppressed"),
        State::Resolved => (4, "Resolved"),
    };
    let (severity, severity_name) = match severity {
        Severity::Info => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    };
    let class_name = if class == 2003 { "Compliance Finding" } else { "Detection Finding" };
    json!({
        "metadata": {
            "version": VERSION,
            "profiles": ["cloud"],
            "product": {"name": "aispm", "vendor_name": "aispm", "version": env!("CARGO_PKG_VERSION")},
        },
        "time": report.time.millis(),
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": class,
        "class_name": class_name,
        "activity_id": activity,
        "activity_name": activity_name,
        "type_uid": class * 100 + activity,
        "type_name": format!("{class_name}: {activity_name}"),
        "severity_id": severity,
        "severity": severity_name,
        "status_id": status,
        "status": status_name,
        "finding_info": info,
    })
}

fn analytic(uid: &str, name: &str, desc: &str) -> Value {
    let mut analytic = json!({"uid": text(uid), "name": text(name), "type_id": 1, "type": "Rule"});
    put(&mut analytic, "desc", text(desc));
    analytic
}

fn attacks(techniques: Vec<Technique<'_>>) -> Value {
    list(techniques.into_iter().map(|technique| {
        let entry = |technique: &Technique<'_>| {
            let mut entry = json!({"uid": technique.id, "src_url": technique.url()});
            put(&mut entry, "name", json!(technique.name().unwrap_or_default()));
            entry
        };
        let main = technique.parent();
        let mut attack = json!({"technique": entry(main.as_ref().unwrap_or(&technique))});
        if main.is_some() {
            put(&mut attack, "sub_technique", entry(&technique));
        }
        put(&mut attack, "version", json!(technique.version().unwrap_or_default()));
        attack
    }))
}

fn cloud(id: &AssetId) -> Value {
    let Cloud { provider, account, region } = Cloud::of(id);
    let mut cloud = json!({"provider": provider.unwrap_or("Unknown")});
    put(&mut cloud, "region", json!(region.unwrap_or_default()));
    if let Some(account) = account {
        put(&mut cloud, "account", json!({"uid": account}));
    }
    cloud
}

fn resource(report: &Report<'_>, id: &AssetId, affected: bool) -> Value {
    let (role, name) = if affected { (3, "Affected") } else { (4, "Related") };
    let mut resource = json!({
        "uid": id,
        "name": text(report.name(id)),
        "type": report.kind(id).as_str(),
        "role_id": role,
        "role": name,
    });
    if let Some(asset) = report.asset(id) {
        put(&mut resource, "labels", if asset.ai { json!(["ai"]) } else { json!([]) });
        let classes = asset.data_classes.iter().map(|class| text(class)).collect::<Vec<_>>();
        if !classes.is_empty() {
            put(&mut resource, "tags", json!([{"name": "data_classes", "values": classes}]));
        }
        if let Some(owner) = &asset.owner {
            put(&mut resource, "owner", json!({"name": text(owner)}));
        }
    }
    put(&mut resource, "region", json!(Cloud::of(id).region.unwrap_or_default()));
    resource
}

fn evidence(evidence: &Evidence) -> Value {
    let name = evidence.path.rsplit(['/', '\\']).next().unwrap_or_default();
    let file = json!({"name": text(name), "path": text(&evidence.path), "type_id": 1, "type": "Regular File"});
    json!({"name": text(&evidence.location()), "file": file, "data": evidence})
}

fn sources(places: &[Evidence]) -> Value {
    let mut paths: Vec<&str> = places.iter().map(|place| &*place.path).collect();
    paths.sort_unstable();
    paths.dedup();
    list(paths.into_iter().map(text))
}

fn text(text: &str) -> Value {
    json!(escape::plain(text))
}

fn list(values: impl Iterator<Item = Value>) -> Value {
    values.collect()
}

/// Adds a field to an object, unless it says nothing.
fn put(object: &mut Value, key: &str, value: Value) {
    let empty = value.as_str().is_some_and(str::is_empty)
        || value.as_array().is_some_and(Vec::is_empty)
        || value.as_object().is_some_and(Map::is_empty);
    if let Some(fields) = object.as_object_mut().filter(|_| !empty) {
        fields.insert(key.to_owned(), value);
    }
}
