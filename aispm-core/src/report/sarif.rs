//! SARIF 2.1.0 (OASIS): findings and attack paths as results, with rules, controls as taxonomies, places and code flows.
//!
//! Code hosts refuse a result without a line of a file, so a place without a line is given line 1, and a finding without
//! a place that of the file in which facts are declared. Relative paths are relative to `%SRCROOT%`, the root of the
//! repository. What a baseline knew is `unchanged`, what is waived suppressed; what is gone is left out, since code hosts
//! would show it.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{Report, State, certainty, escape, gain, path_rule, reference};
use crate::asset::{AssetId, Control, Evidence, Finding, Severity};
use crate::path::{AttackPath, Step};

/// The key of our fingerprints; its number rises when their recipe changes.
const FINGERPRINT: &str = "aispm/v1";
/// Tags of a rule that GitHub takes.
const TAGS: usize = 20;

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
                "supportedTaxonomies": rules.taxonomies.references(),
            }}),
            taxonomies: rules.taxonomies.components(),
            original_uri_base_ids: json!({"%SRCROOT%": {"description": {"text": "The root of the repository."}}}),
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
    taxonomies: Value,
    original_uri_base_ids: Value,
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
        let findings = report.there().map(|(finding, state)| finding_result(report, rules, finding, state));
        let paths = report.assessment.paths.iter().map(|path| path_result(report, rules, path));
        serializer.collect_seq(findings.chain(paths))
    }
}

/// Rule descriptors in id order, each id's place among them, and the controls that they bear on.
struct Rules {
    descriptors: Vec<Value>,
    index: BTreeMap<String, usize>,
    taxonomies: Taxonomies,
}

impl Rules {
    fn of(report: &Report<'_>) -> Self {
        let findings: BTreeMap<&str, &Finding> =
            report.there().map(|(finding, _)| (finding.rule.as_str(), finding)).collect();
        let taxonomies = Taxonomies::of(findings.values().flat_map(|finding| &finding.controls));
        let mut descriptors = BTreeMap::<String, Value>::new();
        for (id, finding) in &findings {
            descriptors.insert((*id).to_owned(), finding_descriptor(report, finding, &taxonomies));
        }
        for path in &report.assessment.paths {
            descriptors.entry(path_rule(path.goal).to_owned()).or_insert_with(|| path_descriptor(path));
        }
        let index = descriptors.keys().cloned().enumerate().map(|(n, id)| (id, n)).collect();
        Self { descriptors: descriptors.into_values().collect(), index, taxonomies }
    }

    /// A result's reference to its rule, its severity, and how it compares with the baseline.
    fn result(&self, rule: &str, severity: Severity, state: State<'_>) -> Value {
        let mut result = json!({"ruleId": rule, "ruleIndex": self.index.get(rule), "level": level(severity)});
        match state {
            State::New => set(&mut result, "baselineState", json!("new")),
            State::Known => set(&mut result, "baselineState", json!("unchanged")),
            State::Open | State::Waived(_) | State::Resolved => {}
        }
        result
    }
}

/// The frameworks that rules bear on, with their controls, both in order.
struct Taxonomies(BTreeMap<String, Vec<String>>);

impl Taxonomies {
    fn of<'a>(controls: impl Iterator<Item = &'a Control>) -> Self {
        let mut taxonomies = BTreeMap::<String, Vec<String>>::new();
        for control in controls {
            taxonomies.entry(control.framework.clone()).or_default().push(control.id.clone());
        }
        for taxa in taxonomies.values_mut() {
            taxa.sort();
            taxa.dedup();
        }
        Self(taxonomies)
    }

    fn components(&self) -> Value {
        let component = |(key, ids): (&String, &Vec<String>)| {
            let taxon = |id: &String| {
                let name = reference::control_name(key, id).unwrap_or(id);
                json!({"id": id, "shortDescription": {"text": escape::sarif(name)}})
            };
            let mut component = json!({
                "name": escape::plain(reference::framework_name(key)),
                "taxa": ids.iter().map(taxon).collect::<Vec<_>>(),
            });
            if let Some(framework) = reference::framework(key) {
                set(&mut component, "version", json!(framework.version));
            }
            component
        };
        self.0.iter().map(component).collect()
    }

    fn references(&self) -> Value {
        let name = |(index, key): (usize, &String)| component(key, index);
        self.0.keys().enumerate().map(name).collect()
    }

    /// A rule's relationships to its controls.
    fn relationships(&self, controls: &[Control]) -> Value {
        let mut controls: Vec<&Control> = controls.iter().collect();
        controls.sort();
        controls.dedup();
        let relationship = |control: &Control| {
            let (index, (key, taxa)) = self.0.iter().enumerate().find(|(_, (key, _))| **key == control.framework)?;
            let taxon = taxa.binary_search(&control.id).ok()?;
            let target = json!({"id": control.id, "index": taxon, "toolComponent": component(key, index)});
            Some(json!({"target": target, "kinds": ["relevant"]}))
        };
        controls.into_iter().filter_map(relationship).collect()
    }
}

fn component(key: &str, index: usize) -> Value {
    json!({"name": escape::plain(reference::framework_name(key)), "index": index})
}

fn finding_descriptor(report: &Report<'_>, finding: &Finding, taxonomies: &Taxonomies) -> Value {
    let why = Some(report.why(&finding.rule)).filter(|why| !why.is_empty()).unwrap_or(&finding.title);
    let info = report.rules.get(finding.rule.as_str());
    let severity = info.map_or(finding.severity, |rule| rule.severity);
    let fix = info.map_or(&finding.fix, |rule| &rule.fix);
    let mut descriptor = descriptor(&finding.rule, &finding.title, why, fix, severity, &finding.controls);
    if !finding.controls.is_empty() {
        set(&mut descriptor, "relationships", taxonomies.relationships(&finding.controls));
    }
    descriptor
}

fn path_descriptor(path: &AttackPath) -> Value {
    let title = format!("Attacker {}", gain(path.goal));
    let why = "An attacker can chain the steps of the code flow from its source to its target.";
    let fix = "Break any step that every flow needs; the report's fixes name the cheapest.";
    descriptor(path_rule(path.goal), &title, why, fix, path.severity, &[])
}

fn descriptor(id: &str, title: &str, why: &str, fix: &str, severity: Severity, controls: &[Control]) -> Value {
    let mut tags: Vec<String> =
        controls.iter().map(|control| format!("{}/{}", control.framework, control.id)).collect();
    tags.sort();
    tags.dedup();
    tags.splice(..0, ["security".to_owned(), "ai".to_owned()]);
    tags.truncate(TAGS);
    let mut help = format!("{}\n", escape::markdown(why));
    if !fix.is_empty() {
        help += &format!("\n**Fix**: {}\n", escape::markdown(fix));
    }
    if !controls.is_empty() {
        help += "\n**Bears on**:\n";
    }
    for control in controls {
        let name = reference::control_name(&control.framework, &control.id).unwrap_or_default();
        let framework = reference::framework_name(&control.framework);
        help += &format!("- {}\n", escape::markdown(format!("{framework} {} {name}", control.id).trim_end()));
    }
    json!({
        "id": id,
        "name": pascal_case(title),
        "shortDescription": {"text": escape::sarif(title)},
        "fullDescription": {"text": escape::sarif(why)},
        "help": {"text": escape::sarif(if fix.is_empty() { why } else { fix }), "markdown": help},
        "defaultConfiguration": {"level": level(severity)},
        "properties": {"security-severity": score(severity), "precision": "high", "tags": tags},
    })
}

fn finding_result(report: &Report<'_>, rules: &Rules, finding: &Finding, state: State<'_>) -> Value {
    let mut result = rules.result(&finding.rule, finding.severity, state);
    let evidence = report.evidence(finding);
    if let Some(waiver) = state.waiver() {
        let suppression = json!({"kind": "external", "status": "accepted", "justification": escape::plain(&waiver)});
        set(&mut result, "suppressions", json!([suppression]));
        if report.assessment.baseline.is_some() {
            set(&mut result, "baselineState", json!("unchanged"));
        }
    }
    set(&mut result, "message", message(&finding.message));
    set(&mut result, "locations", json!(locations(report, &finding.asset, evidence)));
    set(&mut result, "partialFingerprints", json!({FINGERPRINT: finding.fingerprint}));
    let related: Vec<Value> = finding.related.iter().map(|id| json!(id.as_str())).collect();
    let properties = json!({"asset": finding.asset, "severity": finding.severity, "fix": finding.fix,
        "owner": finding.owner, "related": related, "security-severity": score(finding.severity)});
    set(&mut result, "properties", properties);
    result
}

fn path_result(report: &Report<'_>, rules: &Rules, path: &AttackPath) -> Value {
    let mut result = rules.result(path_rule(path.goal), path.severity, report.path_state(path));
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

/// A location for each piece of evidence, all naming the asset; without evidence the file of declared facts.
fn locations(report: &Report<'_>, asset: &AssetId, evidence: &[Evidence]) -> Vec<Value> {
    let named = json!({"name": escape::plain(report.name(asset)), "fullyQualifiedName": asset, "kind": report.kind(asset).as_str()});
    let location = |evidence: &Evidence| {
        let mut logical = vec![named.clone()];
        let mut region = json!({"startLine": evidence.line.unwrap_or(1).max(1)});
        if let Some(excerpt) = evidence.excerpt.as_ref().filter(|_| evidence.line.is_some()) {
            set(&mut region, "snippet", json!({"text": escape::plain(excerpt)}));
        }
        let physical = json!({"artifactLocation": artifact(&evidence.path), "region": region});
        let mut location = json!({"physicalLocation": physical});
        if let Some(pointer) = &evidence.pointer {
            logical.push(json!({"fullyQualifiedName": pointer, "kind": "value"}));
            set(&mut location, "properties", json!({"pointer": pointer}));
        }
        set(&mut location, "logicalLocations", json!(logical));
        location
    };
    if evidence.is_empty() {
        return vec![location(&Evidence::file(report.facts_file()))];
    }
    evidence.iter().map(location).collect()
}

/// Where a file is: below the root of the repository, or anywhere on the machine.
fn artifact(path: &str) -> Value {
    let uri = escape::uri(path.trim_start_matches("./"));
    if uri.starts_with("file:") { json!({"uri": uri}) } else { json!({"uri": uri, "uriBaseId": "%SRCROOT%"}) }
}

fn notifications(report: &Report<'_>) -> Vec<Value> {
    let entry = |unread: &crate::discover::Unread| {
        json!({
            "level": if unread.critical { "error" } else { "warning" },
            "message": message(&format!("not read: {}", unread.reason)),
            "locations": [{"physicalLocation": {"artifactLocation": artifact(&unread.path)}}],
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
