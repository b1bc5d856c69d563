//! Microsoft Defender for Cloud: assessments of the REST API and of Resource Graph, sub-assessments, alerts, and the
//! portal's CSV of recommendations.

use serde_json::Value;

use super::report::{Report, severity};
use super::vulnerability;
use crate::asset::{Asset, Document};
use crate::discover::at::{first, has, items, text};
use crate::discover::format::{Found, Structured};
use crate::discover::resource::{self, Context};

const TOOL: &str = "Defender for Cloud";

pub(super) const ASSESSMENT: Structured = Structured {
    name: "defender-for-cloud",
    critical: false,
    in_parts: false,
    markers: &["icrosoft.", "ssessments", "resourceDetails"],
    matches: |value| value.get("properties").is_some_and(Value::is_object) && of_security(value),
    read,
};

pub(super) const EXPORT: Structured = Structured {
    name: "defender-for-cloud-export",
    critical: false,
    in_parts: false,
    markers: &[],
    matches: |value| has(value, &["recommendationId", "resourceId", "state"]),
    read: |document, found| {
        let value = &document.value;
        let rule = text(value, "/recommendationId").map_or("", resource::last);
        let title = first(value, &["/recommendationDisplayName", "/recommendationName"]).unwrap_or(rule);
        let state = text(value, "/state").unwrap_or_default();
        let report = Report {
            tool: TOOL,
            rule,
            title,
            detail: text(value, "/description").unwrap_or_default(),
            severity: severity(text(value, "/severity").unwrap_or_default()),
            time: text(value, "/exportedTimestamp"),
            fails: state.eq_ignore_ascii_case("unhealthy"),
        };
        let context =
            Context { kind: text(value, "/resourceType").unwrap_or_default(), provider: "azure", ..Context::default() };
        if let Some(asset) = text(value, "/resourceId").and_then(|id| resource::by_name(id, context)) {
            report.land(asset, &document.evidence(""), found);
        }
    },
};

/// Whether a row is an assessment, a sub-assessment or an alert.
fn of_security(value: &Value) -> bool {
    let lower = |pointer: &str| text(value, pointer).map(str::to_ascii_lowercase).unwrap_or_default();
    let kind = lower("/type");
    let kind = if kind.is_empty() { lower("/id") } else { kind };
    kind.contains("microsoft.security/")
        && (kind.contains("/assessments") || kind.contains("/subassessments") || kind.contains("/alerts"))
}

fn read(document: &Document, found: &mut Found) {
    let value = &document.value;
    let properties = value.get("properties").unwrap_or(&Value::Null);
    let name = text(value, "/name").unwrap_or_default();
    let code = first(properties, &["/status/code", "/status"]).unwrap_or("Unhealthy").to_ascii_lowercase();
    let title = first(properties, &["/displayName", "/metadata/displayName", "/alertDisplayName"]).unwrap_or(name);
    let description = first(properties, &["/status/description", "/description", "/metadata/description"]);
    let level = first(properties, &["/metadata/severity", "/status/severity", "/severity", "/additionalData/severity"]);
    let rule = first(properties, &["/alertType", "/assessmentKey"]).unwrap_or(name);
    let cve = text(properties, "/additionalData/cve/0/title")
        .or_else(|| text(properties, "/id").filter(|id| id.starts_with("CVE-")));
    let report = Report {
        tool: TOOL,
        rule,
        title,
        detail: description.unwrap_or_default(),
        severity: severity(level.unwrap_or_default()),
        time: first(properties, &["/status/statusChangeDate", "/timeGenerated", "/timeGeneratedUtc"]),
        fails: matches!(code.as_str(), "unhealthy" | "active" | "inprogress" | "new"),
    };
    let evidence = document.evidence("/properties/resourceDetails");
    for mut asset in resources(value, properties) {
        if report.fails {
            vulnerability::note(&mut asset, cve);
        }
        report.land(asset, &evidence, found);
    }
}

/// What a finding is about: a resource of Azure, or by its own name one of a connected cloud.
fn resources(value: &Value, properties: &Value) -> Vec<Asset> {
    let details = properties.get("resourceDetails").unwrap_or(&Value::Null);
    let native = first(details, &["/NativeResourceId", "/nativeResourceId", "/AzureResourceId", "/ResourceId"]);
    let own = || first(details, &["/Id", "/id"]);
    let one = native.and_then(resource::by_id).or_else(|| own().and_then(resource::by_id));
    let alerted = items(properties, "/resourceIdentifiers")
        .filter_map(|(_, place)| first(place, &["/azureResourceId", "/AzureResourceId"]))
        .filter_map(resource::by_id);
    let mut all: Vec<Asset> = one.into_iter().chain(alerted).collect();
    if all.is_empty() {
        // the assessment's own id begins with that of what it assesses
        let id = text(value, "/id").unwrap_or_default();
        let at = id.to_ascii_lowercase().find("/providers/microsoft.security/");
        all.extend(at.and_then(|at| id.get(..at)).and_then(resource::by_id));
    }
    all
}
