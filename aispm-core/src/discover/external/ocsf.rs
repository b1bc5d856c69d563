//! Findings in the Open Cybersecurity Schema Framework: Prowler, Amazon Security Lake, Security Hub's newer exports and
//! anything else that speaks it. Classes 2001 to 2007.

use serde_json::Value;

use super::report::{Report, classify, severity};
use super::vulnerability::{self, Package};
use crate::asset::{Asset, Document, Evidence, OwnerClaim, OwnerSource, Severity};
use crate::discover::at::{first, items, text, texts};
use crate::discover::format::{Found, Structured};
use crate::discover::label::label;
use crate::discover::resource::{self, Context};

pub(super) const EVENT: Structured = Structured {
    name: "ocsf",
    critical: false,
    in_parts: false,
    markers: &["\"class_uid\"", "\"finding"],
    matches: |value| {
        let class = value.get("class_uid").and_then(number);
        class.is_some_and(|class| (2001..=2007).contains(&class))
    },
    read,
};

/// Rows of a data lake keep numbers as text at times.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn read(document: &Document, found: &mut Found) {
    let value = &document.value;
    let rule = first(
        value,
        &[
            "/metadata/event_code",
            "/compliance/control",
            "/finding_info/analytic/uid",
            "/finding_info/types/0",
            "/finding_info/uid",
            "/finding/uid",
        ],
    );
    let title = first(value, &["/finding_info/title", "/finding/title", "/message", "/compliance/control"]);
    let detail = [
        first(value, &["/status_detail", "/message"]).unwrap_or_default(),
        first(value, &["/finding_info/desc", "/finding/desc"]).unwrap_or_default(),
    ]
    .join(" ");
    let fails = fails(value);
    let report = Report {
        tool: first(value, &["/metadata/product/name", "/metadata/product/vendor_name"]).unwrap_or("OCSF"),
        rule: rule.or(title).unwrap_or_default(),
        title: title.or(rule).unwrap_or_default(),
        detail: &detail,
        severity: level(value),
        time: first(
            value,
            &[
                "/time_dt",
                "/finding_info/last_seen_time_dt",
                "/finding_info/modified_time_dt",
                "/finding_info/created_time_dt",
            ],
        ),
        fails,
    };
    let mut places: Vec<(String, &Value)> = items(value, "/resources").collect();
    for (pointer, place) in
        ["/resource", "/databucket", "/database", "/table"].map(|p| (p.to_owned(), value.pointer(p)))
    {
        places.extend(place.filter(|place| place.is_object()).map(|place| (pointer, place)));
    }
    for (pointer, item) in places {
        let Some(mut asset) = asset(value, item) else { continue };
        let evidence = document.evidence(&pointer);
        if let Some(owner) = first(item, &["/owner/name", "/owner/email_addr", "/owner/uid"]) {
            asset.claim(OwnerClaim::new(OwnerSource::Creator, owner, evidence.clone()));
        }
        labels(&mut asset, item, &evidence);
        if fails {
            for place in [item, value] {
                for pointer in ["/data_classification", "/data_security"] {
                    classes(&mut asset, place.pointer(pointer));
                }
                for (_, class) in items(place, "/data_classifications") {
                    classes(&mut asset, Some(class));
                }
            }
            vulnerabilities(value, &mut asset, &report, document, found);
        }
        report.land(asset, &evidence, found);
    }
}

/// Whether something is wrong and nobody set it aside.
fn fails(value: &Value) -> bool {
    let lower = |pointer: &str| text(value, pointer).map(str::to_ascii_lowercase);
    let passed = |word: String| {
        matches!(
            word.as_str(),
            "pass" | "passed" | "success" | "manual" | "not_available" | "info" | "compliant" | "healthy"
        )
    };
    let aside =
        |word: String| matches!(word.as_str(), "suppressed" | "resolved" | "archived" | "closed" | "muted" | "success");
    let status_id = value.get("status_id").and_then(number);
    let activity_id = value.get("activity_id").and_then(number);
    // 1 is a pass; 2 a warning; 3 a failure
    let compliance = value.pointer("/compliance/status_id").and_then(number);
    let good = [lower("/status_code"), lower("/compliance/status")].into_iter().flatten().any(passed);
    let closed = lower("/status").is_some_and(aside)
        || value.get("finding_info").is_some() && (matches!(status_id, Some(3..=5)) || activity_id == Some(3))
        || value.pointer("/unmapped/muted").and_then(Value::as_bool) == Some(true);
    !good && compliance != Some(1) && !closed
}

fn level(value: &Value) -> Severity {
    match (value.get("severity_id").and_then(number), text(value, "/severity")) {
        (Some(1), _) => Severity::Info,
        (Some(2), _) => Severity::Low,
        (Some(3), _) => Severity::Medium,
        (Some(4), _) => Severity::High,
        (Some(5 | 6), _) => Severity::Critical,
        (_, Some(name)) => severity(name),
        _ => Severity::Medium,
    }
}

fn asset(value: &Value, item: &Value) -> Option<Asset> {
    let kind = text(item, "/type").unwrap_or_default();
    let provider = text(value, "/cloud/provider").unwrap_or_else(|| provider(value, item));
    let context = Context {
        kind,
        provider,
        account: first(value, &["/cloud/project_uid", "/cloud/account/uid", "/cloud/account_uid"])
            .or_else(|| text(item, "/cluster/name"))
            .unwrap_or_default(),
        region: first(item, &["/namespace", "/region"]).or_else(|| text(value, "/cloud/region")).unwrap_or_default(),
    };
    let uid = first(item, &["/uid", "/uid_alt"]);
    let name = text(item, "/name");
    if provider.eq_ignore_ascii_case("kubernetes") {
        return resource::by_name(name.or(uid)?, context);
    }
    match (uid.and_then(resource::by_id), name.and_then(resource::by_id)) {
        (Some(asset), _) | (None, Some(asset)) => Some(asset),
        (None, None) => resource::by_name(uid.or(name)?, context),
    }
}

/// The provider, where the cloud object does not say it.
fn provider(value: &Value, item: &Value) -> &'static str {
    match text(value, "/unmapped/provider").unwrap_or_default().to_ascii_lowercase().as_str() {
        "kubernetes" => "kubernetes",
        "gcp" => "gcp",
        "azure" => "azure",
        "aws" => "aws",
        _ if item.get("namespace").is_some() => "kubernetes",
        _ => "",
    }
}

/// Tags as `key:value` texts, as objects with `name` and `value`, or as one map.
fn labels(asset: &mut Asset, item: &Value, evidence: &Evidence) {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for text in texts(item, "/labels") {
        pairs.extend(text.split_once([':', '=']).map(|(key, value)| (key.to_owned(), value.to_owned())));
    }
    for (_, tag) in items(item, "/tags") {
        if let (Some(key), Some(value)) = (first(tag, &["/name", "/key", "/Key"]), first(tag, &["/value", "/Value"])) {
            pairs.push((key.to_owned(), value.to_owned()));
        }
    }
    for (key, value) in pairs {
        label(asset, &key, &value, OwnerSource::Tag, evidence);
    }
    if let Some(criticality) = text(item, "/criticality") {
        asset.properties.insert("criticality".to_owned(), criticality.into());
    }
}

/// What a classifier says of the data.
fn classes(asset: &mut Asset, place: Option<&Value>) {
    let Some(place) = place else { return };
    for pointer in
        ["/category", "/confidentiality", "/policy/name", "/classifier_details/name", "/data_classification/category"]
    {
        classify(asset, text(place, pointer));
    }
    for (_, found) in items(place, "/discovery_details") {
        classify(asset, first(found, &["/type", "/name"]));
    }
}

/// Flaws in packages, each on its package too.
fn vulnerabilities(value: &Value, asset: &mut Asset, report: &Report<'_>, document: &Document, found: &mut Found) {
    for (pointer, flaw) in items(value, "/vulnerabilities") {
        let id = first(flaw, &["/cve/uid", "/advisory/uid", "/title"]).unwrap_or(report.rule);
        vulnerability::note(asset, id);
        let packages = items(flaw, "/affected_packages").chain(items(flaw, "/packages"));
        for (below, package) in packages {
            let Some(name) = text(package, "/name") else { continue };
            let mut package = Package {
                purl: text(package, "/purl"),
                ecosystem: first(package, &["/type", "/package_manager"]).unwrap_or_default(),
                name,
                version: text(package, "/version").unwrap_or_default(),
            }
            .asset();
            let evidence = document.evidence(&format!("{pointer}{below}"));
            vulnerability::note(&mut package, id);
            vulnerability::hold(asset, &package, &evidence, found);
            let flaw =
                Report { rule: id, severity: text(flaw, "/severity").map_or(report.severity, severity), ..*report };
            flaw.land(package, &evidence, found);
        }
    }
}
