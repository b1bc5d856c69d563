//! A STIX 2.1 bundle, for threat-intelligence platforms.
//!
//! An asset is `infrastructure`, or `software` if it is a package; a rule that found something is a `vulnerability` that
//! assets have, and its fix a `course-of-action`; techniques are `attack-pattern`s that target what they reach; an attack
//! path is a `report` on all that takes part (the published schema of bundles has no place for a `grouping`). What the baseline knew or somebody waived is still there and so in it; what is gone is not.
//!
//! Ids are made from the content (UUIDv5), so that a platform updates what it has. `modified` is the report's time;
//! `created` is always 1970-01-01T00:00:00.000Z, since no run knows which was the first.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use super::reference::Technique;
use super::{Report, State, Time, certainty, chain, escape, steps};
use crate::asset::{AssetId, AssetKind, Evidence, Finding};
use crate::path::AttackPath;

/// Where the ids of our own objects are made.
const OURS: Uuid = uuid!("a0c1316a-b483-4a5f-8f30-4635736690ef");
/// Where the specification has ids of observables made.
const OBSERVABLES: Uuid = uuid!("00abedb4-aa42-466c-9c01-fed23315a9b7");

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut bundle = Bundle::new(report);
    for (finding, state) in report.there() {
        bundle.finding(finding, state);
    }
    for path in &report.assessment.paths {
        bundle.path(path);
    }
    let ids: Vec<&str> = bundle.objects.keys().map(String::as_str).collect();
    let id = made("bundle", &[&bundle.modified, &ids.join(" ")]);
    let objects: Vec<&Value> = bundle.objects.values().collect();
    serde_json::to_writer_pretty(&mut *out, &json!({"type": "bundle", "id": id, "objects": objects}))?;
    writeln!(out)?;
    out.flush()
}

struct Bundle<'a> {
    report: &'a Report<'a>,
    /// By id, each once.
    objects: BTreeMap<String, Value>,
    author: String,
    modified: String,
}

impl<'a> Bundle<'a> {
    fn new(report: &'a Report<'a>) -> Self {
        let author = made("identity", &["aispm"]);
        let modified = report.time.rfc3339_millis();
        let mut bundle = Self { report, objects: BTreeMap::new(), author, modified };
        bundle.add(&bundle.author.clone(), json!({"name": "aispm", "identity_class": "system"}));
        bundle
    }

    fn finding(&mut self, finding: &Finding, state: State<'_>) {
        let report = self.report;
        let asset = self.asset(&finding.asset);
        let weakness = made("vulnerability", &[&finding.rule, &finding.title]);
        let why = Some(report.why(&finding.rule)).filter(|why| !why.is_empty()).unwrap_or(&finding.title);
        self.add(
            &weakness,
            json!({
                "name": text(&finding.title, &finding.rule),
                "description": escape::plain(why),
                "external_references": [reference("aispm", &finding.rule)],
            }),
        );
        let places: Vec<String> = report.evidence(finding).iter().map(Evidence::location).collect();
        let description = format!("{} ({})", finding.message, places.join(", "));
        let labels = [finding.severity.as_str(), state.as_str()];
        self.relate("has", &asset, &weakness, &finding.fingerprint, &labels, &description);
        for related in &finding.related {
            let related = self.asset(related);
            self.relate("related-to", &related, &asset, &finding.fingerprint, &[], &finding.message);
        }
        if !finding.fix.is_empty() {
            let fix = self.course_of_action(&finding.fix);
            self.relate("mitigates", &fix, &weakness, "", &[], "");
        }
        for technique in Technique::of_finding(finding) {
            let pattern = self.attack_pattern(&technique);
            self.relate("targets", &pattern, &weakness, "", &[], "");
        }
    }

    fn path(&mut self, path: &AttackPath) {
        let mut parts: Vec<String> = chain(path).into_iter().map(|id| self.asset(id)).collect();
        for step in &path.steps {
            let Some(technique) = Technique::of(&step.technique) else { continue };
            let (pattern, target) = (self.attack_pattern(&technique), self.asset(&step.to));
            self.relate("targets", &pattern, &target, &step.rule, &[], &step.description);
            parts.push(pattern);
        }
        parts.extend(path.fixes.iter().map(|fix| self.course_of_action(&fix.action)));
        parts.sort();
        parts.dedup();
        let conditions = match path.conditions.as_slice() {
            [] => String::new(),
            conditions => format!(" If {}.", conditions.join("; ")),
        };
        self.add(
            &made("report", &[&path.id]),
            json!({
                "name": escape::plain(&self.report.title(path)),
                "description": escape::plain(&format!("{}{conditions}", steps(path))),
                "report_types": ["attack-pattern", "vulnerability"],
                "published": self.modified,
                "labels": ["attack-path", path.severity.as_str(), certainty(path.status)],
                "external_references": [reference("aispm", &path.id)],
                "object_refs": parts,
            }),
        );
    }

    fn asset(&mut self, id: &AssetId) -> String {
        let (name, kind) = (text(self.report.name(id), id.as_str()), self.report.kind(id));
        if kind == AssetKind::Package {
            let version = self.report.asset(id).and_then(|asset| asset.provenance.version.as_deref());
            let mut object: BTreeMap<&str, &str> = BTreeMap::from([("name", name.as_str())]);
            object.extend(version.map(|version| ("version", version)));
            // what the specification has the id made from, as canonical JSON
            let key = json!(object).to_string();
            let id = format!("software--{}", Uuid::new_v5(&OBSERVABLES, key.as_bytes()));
            let mut object = json!(object);
            set(&mut object, "type", json!("software"));
            set(&mut object, "spec_version", json!("2.1"));
            set(&mut object, "id", json!(id));
            self.objects.insert(id.clone(), object);
            return id;
        }
        let stix = made("infrastructure", &[id.as_str()]);
        let mut labels = vec![kind.as_str()];
        labels.extend(self.report.asset(id).filter(|asset| asset.ai).map(|_| "ai"));
        self.add(
            &stix,
            json!({"name": name, "labels": labels, "external_references": [reference("aispm", id.as_str())]}),
        );
        stix
    }

    fn attack_pattern(&mut self, technique: &Technique<'_>) -> String {
        let id = made("attack-pattern", &[technique.id]);
        let source = if technique.is_atlas() { "mitre-atlas" } else { "mitre-attack" };
        let reference = json!({"source_name": source, "external_id": technique.id, "url": technique.url()});
        let name = technique.name().unwrap_or(technique.id);
        self.add(&id, json!({"name": name, "external_references": [reference]}));
        id
    }

    fn course_of_action(&mut self, action: &str) -> String {
        let id = made("course-of-action", &[action]);
        self.add(&id, json!({"name": text(action, "fix")}));
        id
    }

    fn relate(&mut self, kind: &str, from: &str, to: &str, key: &str, labels: &[&str], description: &str) {
        let mut relation = json!({"relationship_type": kind, "source_ref": from, "target_ref": to});
        if !labels.is_empty() {
            set(&mut relation, "labels", json!(labels));
        }
        if !description.is_empty() {
            set(&mut relation, "description", json!(escape::plain(description)));
        }
        self.add(&made("relationship", &[kind, from, to, key]), relation);
    }

    /// Adds what all objects have; the type is what the id starts with.
    fn add(&mut self, id: &str, mut object: Value) {
        let kind = id.split_once("--").map_or(id, |(kind, _)| kind);
        for (key, value) in [
            ("type", json!(kind)),
            ("spec_version", json!("2.1")),
            ("id", json!(id)),
            ("created", json!(Time::default().rfc3339_millis())),
            ("modified", json!(self.modified)),
        ] {
            set(&mut object, key, value);
        }
        if id != self.author {
            set(&mut object, "created_by_ref", json!(self.author));
        }
        self.objects.insert(id.to_owned(), object);
    }
}

/// An id made from the content: the same in every run.
fn made(kind: &str, parts: &[&str]) -> String {
    let mut key = kind.to_owned();
    for part in parts {
        // led by its length, so that no two lists of parts are one
        key += &format!("\n{} {part}", part.len());
    }
    format!("{kind}--{}", Uuid::new_v5(&OURS, key.as_bytes()))
}

/// What is called so by somebody. Ids of vulnerabilities and of attack patterns may only stand under their own sources.
fn reference(source: &str, id: &str) -> Value {
    let field = if id.starts_with("CVE-") || id.starts_with("CAPEC-") { "description" } else { "external_id" };
    json!({"source_name": source, field: escape::plain(id)})
}

/// The text made safe, or another where there is none.
fn text(text: &str, or: &str) -> String {
    escape::plain(if text.is_empty() { or } else { text }).into_owned()
}

fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}
