//! Prowler's own rows: the JSON of versions 2 and 3, and the CSV of 3 and later, whose headers differ in case and
//! underscores only.

use super::report::{Report, severity};
use crate::asset::Document;
use crate::discover::at::has;
use crate::discover::format::{Found, Structured};
use crate::discover::resource::{self, Context};

pub(super) const FINDING: Structured = Structured {
    name: "prowler",
    critical: false,
    in_parts: false,
    markers: &["\"CheckID\"", "\"StatusExtended\""],
    matches: |value| {
        has(value, &["CheckID", "Status"])
            || has(value, &["CHECK_ID", "STATUS"])
            || has(value, &["Control ID", "Control", "Status"]) && value.get("Account Number").is_some()
    },
    read,
};

fn read(document: &Document, found: &mut Found) {
    let value = &document.value;
    let field = |names: &[&'static str]| {
        names.iter().find_map(|name| value.get(name)?.as_str()).map(str::trim).filter(|text| !text.is_empty())
    };
    let status = field(&["Status", "STATUS"]).unwrap_or_default();
    let muted = field(&["Muted", "MUTED"]).is_some_and(|muted| muted.eq_ignore_ascii_case("true"));
    let rule = field(&["CheckID", "CHECK_ID", "Control ID"]).unwrap_or_default();
    let report = Report {
        tool: "Prowler",
        rule,
        title: field(&["CheckTitle", "CHECK_TITLE", "Control"]).unwrap_or(rule),
        detail: field(&["StatusExtended", "STATUS_EXTENDED", "Message"]).unwrap_or_default(),
        severity: severity(field(&["Severity", "SEVERITY"]).unwrap_or_default()),
        time: field(&["Timestamp", "TIMESTAMP", "AssessmentStartTime", "ASSESSMENT_START_TIME"]),
        fails: status.eq_ignore_ascii_case("FAIL") && !muted,
    };
    let context = Context {
        kind: field(&["ResourceType", "RESOURCE_TYPE"]).unwrap_or_default(),
        provider: field(&["Provider", "PROVIDER"]).unwrap_or("aws"),
        account: field(&[
            "ProjectId",
            "AccountId",
            "ACCOUNT_UID",
            "ACCOUNT_ID",
            "PROJECT_ID",
            "Subscription",
            "SUBSCRIPTION",
            "Context",
            "Account Number",
        ])
        .unwrap_or_default(),
        region: field(&["Namespace", "Region", "REGION", "Location"]).unwrap_or_default(),
    };
    let arn = field(&["ResourceArn", "RESOURCE_ARN"]);
    let id = field(&["ResourceId", "RESOURCE_ID", "RESOURCE_UID"]);
    let name = field(&["ResourceName", "RESOURCE_NAME"]);
    let by_id = [arn, id].into_iter().flatten().find_map(resource::by_id);
    let kubernetes = context.provider.eq_ignore_ascii_case("kubernetes");
    let by_name = || resource::by_name(if kubernetes { name.or(id) } else { id.or(name) }?, context);
    if let Some(asset) = by_id.or_else(by_name) {
        report.land(asset, &document.evidence(""), found);
    }
}
