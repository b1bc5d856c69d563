//! SARIF from any scanner: Trivy, Semgrep, Checkov, CodeQL, Bandit, ModelScan and their like. What it points at is a
//! file, or the image that was scanned.

use std::collections::HashMap;

use serde_json::Value;

use super::report::{Report, by_score, file, severity};
use super::vulnerability;
use crate::asset::{Document, Evidence, Severity};
use crate::discover::at::{first, items, text};
use crate::discover::container::image_asset;
use crate::discover::format::{Found, Structured};
use crate::discover::resource;

pub(super) const LOG: Structured = Structured {
    name: "sarif",
    critical: false,
    in_parts: false,
    markers: &["\"runs\"", "\"tool\"", "\"driver\""],
    matches: |value| {
        let run = value.get("runs").and_then(Value::as_array).and_then(|runs| runs.first());
        run.is_some_and(|run| run.pointer("/tool/driver/name").is_some())
    },
    read: |document, found| {
        items(&document.value, "/runs").for_each(|(pointer, run)| read(document, &pointer, run, found))
    },
};

fn read(document: &Document, base: &str, run: &Value, found: &mut Found) {
    let tool = text(run, "/tool/driver/name").unwrap_or("SARIF");
    // our own report says nothing new
    if tool.eq_ignore_ascii_case("aispm") {
        return;
    }
    let listed: Vec<&Value> = items(run, "/tool/driver/rules").map(|(_, rule)| rule).collect();
    let rules: HashMap<&str, &Value> = listed.iter().filter_map(|rule| Some((text(rule, "/id")?, *rule))).collect();
    let image = first(run, &["/properties/imageName", "/properties/image"]).map(image_asset);
    for (below, result) in items(run, "/results") {
        let indexed = || listed.get(usize::try_from(result.get("ruleIndex")?.as_u64()?).ok()?).copied();
        let id = first(result, &["/ruleId", "/rule/id"]).or_else(|| text(indexed()?, "/id")).unwrap_or_default();
        let rule = rules.get(id).copied().or_else(indexed).unwrap_or(&Value::Null);
        let message = text(result, "/message/text").unwrap_or_default();
        let title = first(rule, &["/shortDescription/text", "/name", "/fullDescription/text"]).unwrap_or(message);
        let suppressed = items(result, "/suppressions")
            .any(|(_, s)| !matches!(text(s, "/status"), Some("rejected" | "underReview")));
        let kind = text(result, "/kind").unwrap_or("fail");
        let report = Report {
            tool,
            rule: id,
            title,
            detail: message,
            severity: level(result, rule),
            time: text(run, "/invocations/0/endTimeUtc"),
            fails: !suppressed
                && matches!(kind, "fail" | "open" | "review")
                && text(result, "/baselineState") != Some("absent"),
        };
        let pointer = format!("{base}{below}");
        let evidence = document.evidence(&pointer);
        let uri = text(result, "/locations/0/physicalLocation/artifactLocation/uri");
        let named = text(result, "/locations/0/logicalLocations/0/fullyQualifiedName");
        let line = result.pointer("/locations/0/physicalLocation/region/startLine").and_then(Value::as_u64);
        let resource = named.and_then(resource::by_id).or_else(|| uri.and_then(resource::by_id));
        let Some(mut asset) = resource.or_else(|| image.clone()).or_else(|| uri.map(|uri| file(uri, found))) else {
            continue;
        };
        if report.fails {
            if id.starts_with("CVE-") || id.starts_with("GHSA-") {
                vulnerability::note(&mut asset, id);
            }
            if let Some(path) = asset.id.as_str().strip_prefix("file:").filter(|_| line.is_some()) {
                asset.evidence.push(Evidence::file(path).line(line.unwrap_or_default()).excerpt(title));
            }
        }
        report.land(asset, &evidence, found);
    }
}

fn level(result: &Value, rule: &Value) -> Severity {
    let score = |value: &Value| match value.pointer("/properties/security-severity") {
        Some(Value::String(text)) => text.parse().ok(),
        Some(number) => number.as_f64(),
        None => None,
    };
    if let Some(score) = score(result).or_else(|| score(rule)) {
        return by_score(score);
    }
    let named = first(result, &["/properties/severity", "/level"])
        .or_else(|| first(rule, &["/properties/severity", "/defaultConfiguration/level"]));
    severity(named.unwrap_or("warning"))
}
