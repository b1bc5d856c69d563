//! OSCAL 1.0.6 assessment results (NIST), for tools of governance and audit.
//!
//! What was seen is an `observation` with its places as evidence; what is wrong with it is a `risk` with the fix as a
//! recommended remediation, and so is an attack path; how a control came out is a `finding` that points at both. A control
//! with nothing in the estate to judge is excluded from the review, and one without evidence is not satisfied, for another
//! reason than failing.
//!
//! Ids are made from the content (UUIDv5). OSCAL wants a plan and we have none: `import-ap` points at a note that says so.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use super::reference::framework;
use super::{Report, certainty, count, escape, gain};
use crate::asset::{AssetId, Evidence, Finding, Severity};
use crate::path::AttackPath;
use crate::policy::controls::{ControlResult, ControlStatus, Coverage};

/// Where our ids are made.
const OURS: Uuid = uuid!("6f0a9d2c-55c4-5d0b-9a43-0d7f5b8a1e11");
/// The name space of our own properties and values.
const NS: &str = "urn:aispm:oscal";

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &document(report, None))?;
    writeln!(out)?;
    out.flush()
}

/// The document, of all frameworks or of one.
pub(super) fn document(report: &Report<'_>, only: Option<&str>) -> Value {
    let coverage =
        report.assessment.coverage.iter().filter(|coverage| only.is_none_or(|key| coverage.framework == key));
    let coverage = coverage.collect::<Vec<_>>();
    let results = Results::new(report, only.is_some(), &coverage);
    let told = results.findings.iter().map(|(finding, _)| finding.fingerprint.as_str()).collect::<Vec<_>>().join(" ");
    let time = report.time.rfc3339_millis();
    let plan = made(&["no-plan"]);
    let mut result = results.write(&coverage, &time);
    let unread = report.assessment.incomplete.iter().map(|unread| format!("{}: {}", unread.path, unread.reason));
    let unread = unread.collect::<Vec<_>>();
    if !unread.is_empty() {
        set(
            &mut result,
            "remarks",
            plain(&format!("Not covered, because it could not be read: {}", unread.join("; "))),
        );
    }
    json!({"assessment-results": {
        "uuid": made(&["results", &time, only.unwrap_or_default(), &told]),
        "metadata": {
            "title": "AI security posture",
            "last-modified": time,
            "version": time,
            "oscal-version": "1.0.6",
            "props": [property("tool", concat!("aispm ", env!("CARGO_PKG_VERSION")))],
        },
        "import-ap": {"href": format!("#{plan}")},
        "results": [result],
        "back-matter": {"resources": [{
            "uuid": plan,
            "title": "No assessment plan",
            "description": "The files that were given were examined by rules; no plan was written.",
        }]},
    }})
}

/// What goes into a result.
struct Results<'a> {
    report: &'a Report<'a>,
    /// Findings with the status of their risk.
    findings: Vec<(&'a Finding, Status<'a>)>,
    paths: &'a [AttackPath],
    tool: String,
}

/// How a risk stands.
#[derive(Clone, Copy)]
enum Status<'a> {
    Open,
    /// Accepted until a day, for a reason.
    Accepted(&'a str, &'a str),
}

impl<'a> Results<'a> {
    /// All findings, or those that bear on the controls alone. What the baseline knew is still there.
    fn new(report: &'a Report<'a>, only: bool, coverage: &[&'a Coverage]) -> Self {
        let assessment = report.assessment;
        let controls = coverage.iter().flat_map(|coverage| &coverage.controls);
        let wanted = controls.flat_map(|control| &control.findings).map(String::as_str).collect::<BTreeSet<_>>();
        let known = assessment.baseline.as_ref().map_or(&[][..], |baseline| &baseline.known);
        let open = assessment.findings.iter().chain(known).map(|finding| (finding, Status::Open));
        let waived = assessment.waived.iter().map(|waived| {
            (&waived.finding, Status::Accepted(waived.waiver.expires.as_str(), waived.waiver.reason.as_str()))
        });
        let mut seen = BTreeSet::new();
        let findings = open.chain(waived).filter(|(finding, _)| !only || wanted.contains(finding.fingerprint.as_str()));
        let findings = findings.filter(|(finding, _)| seen.insert(finding.fingerprint.as_str())).collect();
        let paths = if only { &[][..] } else { &assessment.paths };
        Self { report, findings, paths, tool: made(&["tool"]) }
    }

    fn write(&self, coverage: &[&'a Coverage], time: &str) -> Value {
        let there = self.findings.iter().map(|(finding, _)| finding.fingerprint.as_str()).collect::<BTreeSet<_>>();
        let assessment = self.report.assessment;
        let said = format!(
            "{} in {} examined by rules: {} on {}.",
            count(assessment.inventory.len(), "asset"),
            count(assessment.files.len(), "file"),
            count(self.findings.len(), "finding"),
            count(coverage.iter().map(|coverage| coverage.controls.len()).sum(), "control"),
        );
        let observations = self.findings.iter().map(|(finding, _)| self.observation(finding, time));
        let risks = self.findings.iter().map(|(finding, status)| self.risk(finding, *status));
        let controls =
            coverage.iter().flat_map(|of| of.controls.iter().map(|control| (of.framework.as_str(), control)));
        let judged = controls.filter(|(_, control)| control.status != ControlStatus::NotApplicable);
        let mut result = json!({
            "uuid": made(&["result", time, &there.iter().copied().collect::<Vec<_>>().join(" ")]),
            "title": "Posture by exported configuration",
            "description": said,
            "start": time,
            "end": time,
            "local-definitions": self.definitions(),
            "reviewed-controls": {"control-selections": selections(coverage)},
        });
        set_list(&mut result, "observations", observations.collect());
        set_list(&mut result, "risks", risks.chain(self.paths.iter().map(|path| self.path(path))).collect());
        set_list(&mut result, "findings", judged.map(|(key, control)| self.finding(key, control, &there)).collect());
        result
    }

    /// The tool, and the assets that findings are about.
    fn definitions(&self) -> Value {
        let component = |uuid: String, kind: &str, title: &str, description: &str| {
            json!({"uuid": uuid, "type": kind, "title": title, "description": description,
                "status": {"state": "operational"}})
        };
        let assets = self.findings.iter().map(|(finding, _)| &finding.asset).collect::<BTreeSet<_>>();
        let assets = assets.into_iter().map(|id| {
            let kind = self.report.kind(id);
            component(asset(id), kind.as_str(), &escape::plain(self.report.name(id)), &escape::plain(id.as_str()))
        });
        let tool = component(self.tool.clone(), "software", "aispm", "Examines exported configuration by rules.");
        let platform = json!({"uuid": made(&["platform"]), "title": "aispm",
            "uses-components": [{"component-uuid": self.tool}]});
        let mut definitions = json!({"assessment-assets": {"components": [tool], "assessment-platforms": [platform]}});
        set_list(&mut definitions, "components", assets.collect());
        definitions
    }

    fn observation(&self, finding: &Finding, time: &str) -> Value {
        let places = self.report.evidence(finding).iter().map(place).collect();
        let mut observation = json!({
            "uuid": made(&["observation", &finding.fingerprint]),
            "title": escape::plain(&finding.title),
            "description": escape::plain(&finding.message),
            "props": [property("rule", &finding.rule), property("fingerprint", &finding.fingerprint)],
            "methods": ["EXAMINE"],
            "types": ["finding"],
            "origins": [self.origin()],
            "subjects": [{"subject-uuid": asset(&finding.asset), "type": "component",
                "title": escape::plain(self.report.name(&finding.asset))}],
            "collected": time,
        });
        set_list(&mut observation, "relevant-evidence", places);
        observation
    }

    fn risk(&self, finding: &Finding, status: Status<'_>) -> Value {
        let why = Some(self.report.why(&finding.rule)).filter(|why| !why.is_empty()).unwrap_or(&finding.title);
        let mut risk = json!({
            "uuid": made(&["risk", &finding.fingerprint]),
            "title": escape::plain(&finding.title),
            "description": escape::plain(&finding.message),
            "statement": escape::plain(why),
            "props": [property("rule", &finding.rule)],
            "status": "open",
            "characterizations": [self.severity(finding.severity)],
            "related-observations": [{"observation-uuid": made(&["observation", &finding.fingerprint])}],
        });
        if let Status::Accepted(until, reason) = status {
            set(&mut risk, "status", json!("deviation-approved"));
            set(&mut risk, "deadline", json!(format!("{until}T23:59:59Z")));
            let factor = json!({"uuid": made(&["waiver", &finding.fingerprint]), "description": plain(reason)});
            set(&mut risk, "mitigating-factors", json!([factor]));
        }
        if !finding.fix.is_empty() {
            set(&mut risk, "remediations", json!([remedy(&finding.fingerprint, &finding.fix)]));
        }
        risk
    }

    /// An attack path as a risk.
    fn path(&self, path: &AttackPath) -> Value {
        let steps = path.steps.iter().enumerate().map(|(n, step)| format!("{}. {}", n + 1, step.description));
        let steps = steps.collect::<Vec<_>>().join(" ");
        let mut risk = json!({
            "uuid": made(&["path", &path.id]),
            "title": escape::plain(&self.report.title(path)),
            "description": format!("An attack path, {}: the attacker {}.", certainty(path.status), gain(path.goal)),
            "statement": if steps.is_empty() { json!("No steps are known.") } else { plain(&steps) },
            "props": [property("path", &path.id)],
            "status": "open",
            "characterizations": [self.severity(path.severity)],
        });
        let remedies = path.fixes.iter().map(|fix| remedy(&format!("{} {}", path.id, fix.action), &fix.action));
        let mut seen = BTreeSet::new();
        let remedies = remedies.filter(|remedy| seen.insert(remedy.get("uuid").cloned().map(|id| id.to_string())));
        set_list(&mut risk, "remediations", remedies.collect());
        risk
    }

    /// How a control came out.
    fn finding(&self, key: &str, control: &ControlResult, there: &BTreeSet<&str>) -> Value {
        let title = escape::plain(format!("{} {}", control.id, control.name).trim()).into_owned();
        let (state, reason) = match control.status {
            ControlStatus::Passed => ("satisfied", "pass"),
            ControlStatus::Failed => ("not-satisfied", "fail"),
            _ => ("not-satisfied", "other"),
        };
        let mut finding = json!({
            "uuid": made(&["control", key, &control.id]),
            "title": title,
            "description": plain(&control.reason),
            "props": [property("framework", key), property("control-id", &control.id),
                property("status", control.status.as_str())],
            "origins": [self.origin()],
            "target": {
                "type": "objective-id",
                "target-id": token(key, &control.id),
                "title": title,
                "status": {"state": state, "reason": reason, "remarks": plain(&control.reason)},
            },
        });
        let told = control.findings.iter().filter(|fingerprint| there.contains(fingerprint.as_str()));
        let related = |kind: &str, field: &str| {
            told.clone().map(|fingerprint| json!({field: made(&[kind, fingerprint])})).collect::<Vec<_>>()
        };
        set_list(&mut finding, "related-observations", related("observation", "observation-uuid"));
        set_list(&mut finding, "related-risks", related("risk", "risk-uuid"));
        finding
    }

    fn origin(&self) -> Value {
        json!({"actors": [{"type": "tool", "actor-uuid": self.tool}]})
    }

    fn severity(&self, severity: Severity) -> Value {
        json!({"origin": self.origin(), "facets": [{"name": "severity", "system": NS, "value": severity.as_str()}]})
    }
}

/// What was reviewed of each framework, and what was not since there is nothing to review.
fn selections(coverage: &[&Coverage]) -> Vec<Value> {
    let selection = |coverage: &&Coverage| {
        let key = coverage.framework.as_str();
        let title =
            framework(key).map_or(key.to_owned(), |framework| format!("{} ({})", framework.name, framework.version));
        let ids = |applies: bool| {
            let of = coverage.controls.iter().filter(|c| (c.status != ControlStatus::NotApplicable) == applies);
            let ids = of.map(|control| token(key, &control.id)).collect::<BTreeSet<_>>();
            ids.into_iter().map(|id| json!({"control-id": id})).collect::<Vec<_>>()
        };
        let mut selection = json!({"description": plain(&title), "props": [property("framework", key)]});
        set_list(&mut selection, "include-controls", ids(true));
        set_list(&mut selection, "exclude-controls", ids(false));
        selection
    };
    let selections = coverage.iter().map(selection).collect::<Vec<_>>();
    // at least one is demanded
    if selections.is_empty() { vec![json!({"description": "No controls."})] } else { selections }
}

fn remedy(key: &str, text: &str) -> Value {
    json!({"uuid": made(&["remedy", key]), "lifecycle": "recommendation", "title": "Fix", "description": plain(text)})
}

/// A piece of evidence; its address leads to the line or the JSON value.
fn place(evidence: &Evidence) -> Value {
    let mut href = escape::uri(&evidence.path);
    match (evidence.line, &evidence.pointer) {
        (Some(line), _) => href.push_str(&format!("#L{line}")),
        (None, Some(pointer)) => {
            // a leading slash would be taken for an absolute path
            href.push('#');
            href.extend(pointer.split('/').skip(1).flat_map(|key| ["/".to_owned(), escape::uri(key)]));
        }
        (None, None) => {}
    }
    let said = evidence.excerpt.clone().unwrap_or_else(|| evidence.location());
    json!({"href": href, "description": plain(&said)})
}

fn asset(id: &AssetId) -> String {
    made(&["asset", id.as_str()])
}

/// An id made from what it is for.
fn made(parts: &[&str]) -> String {
    let lengths = parts.iter().map(|part| part.len().to_string()).collect::<Vec<_>>().join(",");
    Uuid::new_v5(&OURS, format!("{lengths}:{}", parts.concat()).as_bytes()).to_string()
}

/// A control's id as a token, which holds letters, digits, `.`, `-` and `_` only: `owasp_LLM03-2025`.
fn token(framework: &str, id: &str) -> String {
    let kept = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '-') { c } else { '-' };
    format!("{}_{}", framework.chars().map(kept).collect::<String>(), id.chars().map(kept).collect::<String>())
}

/// A property of ours; its value is one line without space around it, and not empty.
fn property(name: &str, value: &str) -> Value {
    let value = escape::plain(value.trim());
    json!({"name": name, "ns": NS, "value": if value.is_empty() { "-" } else { value.as_ref() }})
}

fn plain(text: &str) -> Value {
    json!(escape::plain(text))
}

fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}

/// OSCAL has no empty lists.
fn set_list(object: &mut Value, key: &str, list: Vec<Value>) {
    if !list.is_empty() {
        set(object, key, Value::Array(list));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::Assessment;
    use crate::policy::controls::frameworks;

    /// Everything under these names, wherever it stands.
    fn all<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(key, value)| match value {
                Value::String(text) if key == name => found.push(text),
                value => all(value, name, found),
            }),
            Value::Array(items) => items.iter().for_each(|item| all(item, name, found)),
            _ => {}
        }
    }

    fn named<'a>(value: &'a Value, name: &str) -> Vec<&'a str> {
        let mut found = Vec::new();
        all(value, name, &mut found);
        found
    }

    fn sample() -> Assessment {
        let mut finding = Finding::new("R-1", Severity::High, "a".into(), "", "<b> \u{202e}t", "m\nn");
        finding.fix = "Close it.".to_owned();
        finding.evidence =
            vec![Evidence::file("a b.tf").line(3).excerpt("x"), Evidence::file("/c.json").pointer("/a/b~1c")];
        let control = |id: &str, status: &str, findings: &[&str]| json!({"id": id, "name": "n", "status": status, "reason": "because", "rules": ["R-1"], "findings": findings});
        let mut assessment = Assessment::default();
        let coverage = json!([{"framework": "owasp", "controls": [
            control("LLM03:2025", "failed", &[&finding.fingerprint, "gone"]),
            control("LLM04:2025", "passed", &[]),
            control("LLM05:2025", "not_applicable", &[]),
            control("LLM06:2025", "no_evidence", &[]),
        ]}]);
        assessment.coverage = serde_json::from_value(coverage).unwrap();
        assessment.findings = vec![finding];
        assessment
    }

    #[test]
    fn references_hold_and_ids_are_one_each() {
        let assessment = sample();
        let report = Report::new(&assessment).time("2026-01-31T12:00:00Z");
        let document = document(&report, None);
        let ids = named(&document, "uuid");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        for reference in ["observation-uuid", "risk-uuid", "actor-uuid", "subject-uuid", "component-uuid"] {
            let named = named(&document, reference);
            assert!(!named.is_empty() && named.iter().all(|id| ids.contains(id)), "{reference}");
        }
        let result = &document["assessment-results"]["results"][0];
        let states = result["findings"].as_array().unwrap().iter().map(|f| &f["target"]["status"]["state"]);
        assert_eq!(states.collect::<Vec<_>>(), ["not-satisfied", "satisfied", "not-satisfied"]);
        let selection = &result["reviewed-controls"]["control-selections"][0];
        assert_eq!(selection["exclude-controls"][0]["control-id"], "owasp_LLM05-2025");
        assert_eq!(named(&document, "href")[1..], ["a%20b.tf#L3", "file:///c.json#/a/b~1c"]);
        assert_eq!(result["start"], "2026-01-31T12:00:00.000Z");
        assert!(!document.to_string().contains('\u{202e}'));
        // one framework alone says the same of it
        let alone = super::document(&report, Some("owasp"));
        assert_eq!(alone["assessment-results"]["results"], document["assessment-results"]["results"]);
        assert!(super::document(&report, Some("gdpr"))["assessment-results"]["results"][0].get("risks").is_none());
    }

    #[test]
    fn an_empty_assessment_is_a_document_too() {
        let assessment = Assessment::default();
        let document = document(&Report::new(&assessment), None);
        let result = &document["assessment-results"]["results"][0];
        assert_eq!(result["reviewed-controls"]["control-selections"].as_array().unwrap().len(), 1);
        assert!(result.get("observations").is_none());
        assert_eq!(result["start"], "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn each_control_has_its_own_token() {
        for framework in frameworks().unwrap() {
            let tokens = framework.controls.keys().map(|id| token(&framework.key, id)).collect::<BTreeSet<_>>();
            assert_eq!(tokens.len(), framework.controls.len(), "{}", framework.key);
            assert!(tokens.iter().all(|token| token.starts_with(char::is_alphabetic)));
        }
    }
}
