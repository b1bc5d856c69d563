//! Elastic Common Schema as JSON Lines, ready for a bulk request or an agent. What ECS has no field for stands below
//! `aispm`.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::reference::{Cloud, Technique};
use super::{Report, State, certainty, escape, family, json, path_rule, steps};
use crate::asset::{AssetId, Evidence, Finding, Severity};
use crate::path::AttackPath;

const VERSION: &str = "8.17.0";

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    for (finding, state) in report.told() {
        json::line(out, &finding_event(report, finding, state))?;
    }
    for path in &report.assessment.paths {
        json::line(out, &path_event(report, path))?;
    }
    out.flush()
}

fn finding_event(report: &Report<'_>, finding: &Finding, state: State<'_>) -> Value {
    let controls = finding.controls.iter().map(|control| format!("{}/{}", control.framework, control.id));
    let mut own = json!({
        "state": state.as_str(),
        "severity": finding.severity,
        "fix": escape::plain(&finding.fix),
        "asset": asset(report, &finding.asset),
        "related": finding.related,
        "controls": controls.collect::<Vec<_>>(),
        "evidence": finding.evidence,
    });
    if let Some(owner) = &finding.owner {
        set(&mut own, "owner", json!(escape::plain(owner)));
    }
    if let Some(waiver) = state.waiver() {
        set(&mut own, "waiver", json!(escape::plain(&waiver)));
    }
    let mut event = event(report, "finding", state, finding.severity, &finding.fingerprint, own);
    set(&mut event, "message", json!(escape::plain(&finding.message)));
    let mut rule = json!({
        "id": escape::plain(&finding.rule),
        "name": escape::plain(&finding.title),
        "category": escape::plain(family(&finding.rule)),
        "ruleset": "aispm",
    });
    let why = report.why(&finding.rule);
    if !why.is_empty() {
        set(&mut rule, "description", json!(escape::plain(why)));
    }
    set(&mut event, "rule", rule);
    placed(report, &mut event, &finding.asset, report.evidence(finding).first());
    threat(&mut event, &Technique::of_finding(finding));
    event
}

fn path_event(report: &Report<'_>, path: &AttackPath) -> Value {
    let state = report.path_state(path);
    let own = json!({
        "state": state.as_str(),
        "severity": path.severity,
        "fix": path.fixes.iter().map(|fix| escape::plain(&fix.action)).collect::<Vec<_>>(),
        "asset": asset(report, &path.target),
        "source": asset(report, &path.source),
        "status": certainty(path.status),
        "conditions": path.conditions,
        "consequence": path.consequence,
        "steps": escape::plain(&steps(path)),
    });
    let mut event = event(report, "attack_path", state, path.severity, &path.id, own);
    set(&mut event, "message", json!(escape::plain(&report.title(path))));
    if let Some(event) = event.get_mut("event") {
        set(event, "risk_score", json!(path.risk));
    }
    let rule = path_rule(path.goal);
    set(&mut event, "rule", json!({"id": rule, "name": rule, "category": "attack-path", "ruleset": "aispm"}));
    placed(report, &mut event, &path.target, path.steps.iter().find_map(|step| step.evidence.first()));
    threat(&mut event, &Technique::of_path(path));
    event
}

fn event(report: &Report<'_>, data: &str, state: State<'_>, severity: Severity, id: &str, own: Value) -> Value {
    // the numbers that Elastic's own rules use
    let number = match severity {
        Severity::Critical => 99,
        Severity::High => 73,
        Severity::Medium => 47,
        Severity::Low => 21,
        Severity::Info => 1,
    };
    json!({
        "@timestamp": report.time.rfc3339_millis(),
        "ecs": {"version": VERSION},
        "event": {
            "kind": if state.is_alert() { "alert" } else { "state" },
            "category": ["configuration"],
            "type": ["info"],
            "module": "aispm",
            "provider": "aispm",
            "dataset": format!("aispm.{data}"),
            "id": id,
            "severity": number,
        },
        "observer": {"vendor": "aispm", "product": "aispm", "type": "posture", "version": env!("CARGO_PKG_VERSION")},
        "tags": ["ai", state.as_str()],
        "aispm": own,
    })
}

fn asset(report: &Report<'_>, id: &AssetId) -> Value {
    json!({"id": id, "name": escape::plain(report.name(id)), "kind": report.kind(id).as_str()})
}

/// Where it is: in which cloud, cluster and file.
fn placed(report: &Report<'_>, event: &mut Value, id: &AssetId, place: Option<&Evidence>) {
    let Cloud { provider, account, region } = Cloud::of(id);
    if let Some(provider) = provider {
        let mut cloud = Map::from_iter([("provider".to_owned(), json!(provider.to_lowercase()))]);
        cloud.extend(account.map(|account| ("account".to_owned(), json!({"id": account}))));
        cloud.extend(region.map(|region| ("region".to_owned(), json!(region))));
        set(event, "cloud", Value::Object(cloud));
    }
    let mut kubernetes = id.as_str().strip_prefix("k8s://").into_iter().flat_map(|rest| rest.splitn(4, '/'));
    if let (Some(cluster), Some(namespace), Some(kind), Some(name)) =
        (kubernetes.next(), kubernetes.next(), kubernetes.next(), kubernetes.next())
    {
        let resource = json!({"type": kind.to_lowercase(), "name": name});
        let orchestrator = json!({"type": "kubernetes", "cluster": {"name": cluster}, "namespace": namespace,
            "resource": resource});
        set(event, "orchestrator", orchestrator);
    }
    if let Some(package) = report.asset(id).filter(|asset| asset.kind == crate::asset::AssetKind::Package) {
        let mut object = json!({"name": escape::plain(&package.name)});
        if let Some(version) = &package.provenance.version {
            set(&mut object, "version", json!(version));
        }
        set(event, "package", object);
    }
    if let Some(place) = place {
        let name = place.path.rsplit(['/', '\\']).next().unwrap_or_default();
        set(event, "file", json!({"path": &*place.path, "name": name}));
    }
}

fn threat(event: &mut Value, techniques: &[Technique<'_>]) {
    let Some(first) = techniques.first() else { return };
    let one = techniques.iter().filter(|technique| technique.framework() == first.framework());
    let (mut ids, mut names, mut pages) = (Vec::new(), Vec::new(), Vec::new());
    for technique in one {
        ids.push(technique.id);
        names.push(technique.name().unwrap_or(technique.id));
        pages.push(technique.url());
    }
    let threat = json!({"framework": first.framework(), "technique": {"id": ids, "name": names, "reference": pages}});
    set(event, "threat", threat);
}

fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}
