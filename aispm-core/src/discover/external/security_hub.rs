//! AWS Security Hub's finding format (ASFF): its own checks, and what GuardDuty, Inspector, Macie, Prowler and others
//! send there.

use serde_json::Value;

use super::report::{Report, by_score, classify, severity};
use super::vulnerability;
use crate::asset::{Document, Exposure, OwnerSource, Severity};
use crate::discover::at::{first, has, items, text, texts};
use crate::discover::format::{Found, Structured, dispatch};
use crate::discover::label::label;
use crate::discover::resource::{self, Context};

/// Most envelopes around a finding.
const DEPTH: usize = 4;

pub(super) const FINDING: Structured = Structured {
    name: "security-hub",
    critical: false,
    in_parts: false,
    markers: &["\"ProductArn\"", "\"SchemaVersion\""],
    matches: |value| has(value, &["ProductArn", "SchemaVersion", "Resources"]),
    read,
};

/// An event of the bus that carries findings of Security Hub, or one of Macie.
pub(super) const EVENT: Structured = Structured {
    name: "security-hub-event",
    critical: false,
    in_parts: false,
    markers: &[],
    matches: |value| {
        let source = value.get("source").and_then(Value::as_str);
        matches!(source, Some("aws.securityhub" | "aws.macie" | "aws.macie2")) && value.get("detail").is_some()
    },
    read: |document, found| {
        let Some(detail) = document.value.get("detail").filter(|_| found.depth < DEPTH) else { return };
        found.depth += 1;
        dispatch(&document.part("/detail", detail.clone()), found);
        found.depth -= 1;
    },
};

fn read(document: &Document, found: &mut Found) {
    let value = &document.value;
    let status = text(value, "/Compliance/Status").unwrap_or("FAILED");
    let workflow = first(value, &["/Workflow/Status", "/WorkflowState"]).unwrap_or("NEW");
    let archived = text(value, "/RecordState") == Some("ARCHIVED");
    let fails =
        !archived && !matches!(workflow, "SUPPRESSED" | "RESOLVED") && !matches!(status, "PASSED" | "NOT_AVAILABLE");
    let generator = text(value, "/GeneratorId").unwrap_or_default();
    let rule = first(value, &["/Compliance/SecurityControlId", "/ProductFields/ControlId", "/ProductFields/RuleId"])
        .unwrap_or_else(|| generator.rsplit('/').next().unwrap_or(generator));
    let report = Report {
        tool: tool(value),
        rule: rule.strip_prefix("prowler-").unwrap_or(rule),
        title: text(value, "/Title").unwrap_or(rule),
        detail: text(value, "/Description").unwrap_or_default(),
        severity: level(value),
        time: first(value, &["/LastObservedAt", "/UpdatedAt", "/CreatedAt"]),
        fails,
    };
    for (pointer, item) in items(value, "/Resources") {
        let context = Context {
            kind: text(item, "/Type").unwrap_or_default(),
            provider: "aws",
            account: text(value, "/AwsAccountId").unwrap_or_default(),
            region: text(item, "/Region").unwrap_or_default(),
        };
        let Some(mut asset) = text(item, "/Id").and_then(|id| resource::by_name(id, context)) else { continue };
        let evidence = document.evidence(&pointer);
        for (key, tag) in item.get("Tags").and_then(Value::as_object).into_iter().flatten() {
            label(&mut asset, key, tag.as_str().unwrap_or_default(), OwnerSource::Tag, &evidence);
        }
        if fails {
            for (_, data) in items(item, "/DataClassification/Result/SensitiveData") {
                classify(&mut asset, text(data, "/Category"));
            }
            for kind in texts(value, "/Types").filter(|kind| kind.starts_with("Sensitive Data")) {
                classify(&mut asset, kind);
            }
            if item.pointer("/Details/AwsRdsDbInstance/PubliclyAccessible") == Some(&Value::Bool(true)) {
                asset.exposure = Some(Exposure::Public);
            }
            for (_, cve) in items(value, "/Vulnerabilities") {
                vulnerability::note(&mut asset, text(cve, "/Id"));
            }
        }
        report.land(asset, &evidence, found);
    }
}

fn tool(value: &Value) -> &str {
    let arn = text(value, "/ProductArn").unwrap_or_default();
    let product = arn.rsplit('/').next().unwrap_or_default();
    let name = first(value, &["/ProductName", "/ProductFields/aws~1securityhub~1ProductName"]);
    match name.unwrap_or(product) {
        "securityhub" | "" => "Security Hub",
        "prowler" => "Prowler",
        name => name,
    }
}

fn level(value: &Value) -> Severity {
    match (text(value, "/Severity/Label"), value.pointer("/Severity/Normalized").and_then(Value::as_f64)) {
        (Some(label), _) => severity(label),
        (None, Some(score)) => by_score(score / 10.0),
        (None, None) => Severity::Medium,
    }
}
