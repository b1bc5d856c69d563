//! Google Security Command Center: pairs of finding and resource as lists, exports and notifications hold them, and
//! bare findings.

use serde_json::Value;

use super::report::{Report, classify, severity};
use super::vulnerability;
use crate::asset::{Asset, AssetKind, Evidence};
use crate::discover::at::{first, has, items, text};
use crate::discover::format::{Found, Structured};
use crate::discover::resource::{self, Context};

pub(super) const FINDING: Structured = Structured {
    name: "security-command-center",
    critical: false,
    in_parts: false,
    markers: &["\"resourceName\"", "\"category\"", "\"finding"],
    matches: |value| is_finding(value.get("finding").unwrap_or(value)),
    read: |document, found| {
        let value = &document.value;
        match value.get("finding") {
            Some(finding) => read(finding, value.get("resource"), &document.evidence("/finding"), found),
            None => read(value, None, &document.evidence(""), found),
        }
    },
};

fn is_finding(value: &Value) -> bool {
    (has(value, &["category", "state", "resourceName"]) || has(value, &["category", "state", "resource_name"]))
        && text(value, "/name").is_some_and(|name| name.contains("/findings/"))
}

fn read(finding: &Value, resource: Option<&Value>, evidence: &Evidence, found: &mut Found) {
    let resource = resource.unwrap_or(&Value::Null);
    let category = text(finding, "/category").unwrap_or_default();
    let active = text(finding, "/state").is_none_or(|state| state == "ACTIVE");
    let muted = matches!(text(finding, "/mute"), Some("MUTED"));
    let explanation = first(finding, &["/sourceProperties/Explanation", "/description"]).unwrap_or_default();
    let report = Report {
        tool: "Security Command Center",
        rule: category,
        title: category,
        detail: explanation,
        severity: severity(first(finding, &["/severity", "/sourceProperties/SeverityLevel"]).unwrap_or_default()),
        time: first(finding, &["/eventTime", "/event_time", "/createTime"]),
        fails: active && !muted,
    };
    let Some(mut asset) = asset(finding, resource) else { return };
    if report.fails {
        vulnerability::note(&mut asset, first(finding, &["/vulnerability/cve/id"]));
        for (_, kind) in items(finding, "/cloudDlpDataProfile/infoTypes") {
            classify(&mut asset, first(kind, &["/name", "/infoType/name"]));
        }
        classify(&mut asset, text(finding, "/cloudDlpInspection/infoType"));
    }
    report.land(asset, evidence, found);
}

/// The resource by its full name; for those that only an opaque number names, by its display name.
fn asset(finding: &Value, resource: &Value) -> Option<Asset> {
    let full = first(finding, &["/resourceName", "/resource_name"]).or_else(|| text(resource, "/name"))?;
    let kind = first(resource, &["/type", "/gcpMetadata/type"]).unwrap_or_default();
    let mut asset = resource::by_id(full)
        .or_else(|| resource::by_name(full, Context { kind, provider: "gcp", ..Context::default() }))?;
    if let Some(name) = first(resource, &["/displayName", "/display_name"]) {
        asset.name = resource::last(name).to_owned();
    }
    if asset.kind == AssetKind::Resource {
        asset.kind = resource::kind_of(kind).unwrap_or(asset.kind);
    }
    if let Some(project) = first(resource, &["/projectDisplayName", "/gcpMetadata/projectDisplayName"]) {
        asset.properties.insert("project".to_owned(), project.into());
    }
    Some(asset)
}
