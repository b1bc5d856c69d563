//! SARIF 2.1.0 (OASIS): findings and attack paths as results, with rules, places and code flows.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{Report, certainty, escape, gain};
use crate::asset::{AssetId, Control, Evidence, Finding, Severity};
use crate::path::{AttackPath, Goal, Step};

/// The key of our fingerprints; its number rises when their recipe changes.
const FINGERPRINT: &str = "aispm/v1";

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let rules = Rules::of(report);
    let log = Log {
        schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: json!({"driver": {
                "name": "aispm",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.descriptors,
            }}),
            column_kind: "unicodeCodePoints",
            invocations: json!([{
                "executionSuccessful": report.assessment.incomplete.is_empty(),
                "toolExecutionNotifications": notifications(report),
            }]),
            results: Results { report, rules: &rules },
        }],
    };
    serde_json::to_writer_pretty(&mut *out, &log)?;
    writeln!(out)?;
    out.flush()
}

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Value,
    column_kind: &'static str,
    invocations: Value,
    results: Results<'a>,
}

/// Results, made one at a time while they are written: an estate has many.
struct Results<'a> {
    report: &'a Report<'a>,
    rules: &'a Rules,
}

impl Serialize for Results<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { report, rules } = self;
        let findings = report.assessment.findings.iter().map(|finding| finding_result(report, rules, finding));
        let paths = report.assessment.paths.iter().map(|path| path_result(report, rules, path));
        serializer.collect_seq(findings.chain(paths))
    }
}

/// Rule descriptors in id order, and each id's place among them.
struct Rules {
    descriptors: Vec<Value>,
    index: BTreeMap<String, usize>,
}

impl Rules {
    fn of(report: &Report<'_>) -> Self {
        let mut descriptors = BTreeMap::<String, Value>::new();
        for finding in &report.assessment.findings {
            descriptors.entry(finding.rule.clone()).or_insert_with(|| finding_rule(report, finding));
        }
        for path in &report.assessment.paths {
            descriptors.entry(path_rule_id(path.goal)).or_insert_with(|| path_rule(path));
        }
        let index = descriptors.keys().cloned().enumerate().map(|(n, id)| (id, n)).collect();
        Self { descriptors: descriptors.into_values().collect(), index }
    }

    /// A result's reference to its rule, and its severity.
    fn result(&self, rule: &str, severity: Severity) -> Value {
        json!({"ruleId": rule, "ruleIndex": self.index.get(rule), "level": level(severity)})
    }
}

fn finding_rule(report: &Report<'_>, finding: &Finding) -> Value {
    let why = Some(report.why(&finding.rule)).filter(|why| !why.is_empty()).unwrap_or(&finding.title);
    let help = if finding.fix.is_empty() { why } else { &finding.fix };
    let severity = report.rules.get(finding.rule.as_str()).map_or(finding.severity, |rule| rule.severity);
    rule(&finding.rule, &finding.title, why, help, severity, &finding.controls)
}

fn path_rule_id(goal: Goal) -> String {
    let goal = match goal {
        Goal::Admin => "admin",
        Goal::Leak => "leak",
        Goal::Poisoning => "poisoning",
        Goal::Access => "access",
    };
    format!("attack-path/{goal}")
}

fn path_rule(path: &AttackPath) -> Value {
    let title = format!("Attacker {}", gain(path.goal));
    let why = "An attacker can chain the steps of the code flow from its source to its target.";
    let help = "Break any step that every flow needs; the report's fixes name the cheapest.";
    rule(&path_rule_id(path.goal), &title, why, help, path.severity, &[])
}

fn rule(id: &str, title: &str, why: &str, help: &str, severity: Severity, controls: &[Control]) -> Value {
    let mut tags = vec!["security".to_owned(), "ai".to_owned()];
    tags.extend(controls.iter().map(|control| format!("{}/{}", control.framework, control.id)));
    tags.sort();
    tags.dedup();
    json!({
        "id": id,
        "name": pascal_case(title),
        "shortDescription": {"text": escape::sarif(title)},
        "fullDescription": {"text": escape::sarif(why)},
        "help": {"text": escape::sarif(help)},
        "defaultConfiguration": {"level": level(severity)},
        "properties": {"security-severity": score(severity), "tags": tags},
    })
}

fn finding_result(report: &Report<'_>, rules: &Rules, finding: &Finding) -> Value {
    let mut result = rules.result(&finding.rule, finding.severity);
    let evidence = report.evidence(finding);
    set(&mut result, "message", message(&finding.message));
    set(&mut result, "locations", json!(locations(report, &finding.asset, evidence)));
    set(&mut result, "partialFingerprints", json!({FINGERPRINT: finding.fingerprint}));
    let related: Vec<Value> = finding.related.iter().map(|id| json!(id.as_str())).collect();
    let properties = json!({"asset": finding.asset, "severity": finding.severity, "fix": finding.fix,
        "related": related, "security-severity": score(finding.severity)});
    set(&mut result, "properties", properties);
    result
}

fn path_result(report: &Report<'_>, rules: &Rules, path: &AttackPath) -> Value {
    let mut result = rules.result(&path_rule_id(path.goal), path.severity);
    set(&mut result, "message", message(&report.title(path)));
    // code scanning shows a result at its first place: where the path can first be seen
    let shown = path.steps.iter().find(|step| !step.evidence.is_empty());
    let place = match shown {
        Some(step) => locations(report, &step.to, step.evidence.get(..1).unwrap_or_default()),
        None => locations(report, &path.target, report.asset(&path.target).map_or(&[], |asset| &asset.evidence)),
    };
    set(&mut result, "locations", json!(place));
    set(&mut result, "partialFingerprints", json!({FINGERPRINT: path.id}));
    let flow: Vec<Value> = path.steps.iter().flat_map(|step| flow_locations(report, step)).collect();
    if !flow.is_empty() {
        set(&mut result, "codeFlows", json!([{"threadFlows": [{"id": path.id, "locations": flow}]}]));
    }
    let fixes: Vec<&str> = path.fixes.iter().map(|fix| fix.action.as_str()).collect();
    let properties = json!({"source": path.source, "target": path.target, "severity": path.severity,
        "consequence": path.consequence, "fixes": fixes,
        "risk": path.risk, "status": certainty(path.status), "conditions": path.conditions,
        "security-severity": score(path.severity)});
    set(&mut result, "properties", properties);
    result
}

/// One place of the flow for each piece of evidence, or one without a file.
fn flow_locations(report: &Report<'_>, step: &Step) -> Vec<Value> {
    let mut places = locations(report, &step.to, &step.evidence);
    for place in &mut places {
        set(place, "message", message(&step.description));
    }
    let properties = json!({"technique": step.technique, "rule": step.rule, "from": step.from, "to": step.to,
        "conditions": step.conditions});
    places
        .into_iter()
        .map(|location| json!({"location": location, "importance": "essential", "properties": properties}))
        .collect()
}

/// A location for each piece of evidence, all naming the asset; without evidence one that names the asset alone.
fn locations(report: &Report<'_>, asset: &AssetId, evidence: &[Evidence]) -> Vec<Value> {
    let named = json!({"name": escape::plain(report.name(asset)), "fullyQualifiedName": asset, "kind": report.kind(asset).as_str()});
    if evidence.is_empty() {
        return vec![json!({"logicalLocations": [named]})];
    }
    evidence
        .iter()
        .map(|evidence| {
            let mut logical = vec![named.clone()];
            let mut physical = json!({"artifactLocation": {"uri": escape::uri(&evidence.path)}});
            if let Some(line) = evidence.line.filter(|line| *line > 0) {
                let mut region = json!({"startLine": line});
                if let Some(excerpt) = &evidence.excerpt {
                    set(&mut region, "snippet", json!({"text": escape::plain(excerpt)}));
                }
                set(&mut physical, "region", region);
            }
            let mut location = json!({"physicalLocation": physical});
            if let Some(pointer) = &evidence.pointer {
                logical.push(json!({"fullyQualifiedName": pointer, "kind": "value"}));
                set(&mut location, "properties", json!({"pointer": pointer}));
            }
            set(&mut location, "logicalLocations", json!(logical));
            location
        })
        .collect()
}

fn notifications(report: &Report<'_>) -> Vec<Value> {
    let entry = |unread: &crate::discover::Unread| {
        json!({
            "level": if unread.critical { "error" } else { "warning" },
            "message": message(&format!("not read: {}", unread.reason)),
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": escape::uri(&unread.path)}}}],
        })
    };
    report.assessment.incomplete.iter().map(entry).collect()
}

fn message(text: &str) -> Value {
    json!({"text": escape::sarif(text)})
}

/// Adds a field to an object.
fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// The middle of the band that code scanning gives each severity (critical from 9.0, high 7.0, medium 4.0, low 0.1).
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
        Severity::Info => "0.0",
    }
}

/// `Model is not pinned` → `ModelIsNotPinned`.
fn pascal_case(title: &str) -> String {
    let words = title.split(|c: char| !c.is_alphanumeric());
    words.fold(String::new(), |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        name.push_str(letters.as_str());
        name
    })
}
