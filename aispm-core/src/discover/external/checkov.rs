//! Checkov's JSON, one framework or a list of them.

use super::report::{Report, file, severity};
use super::trivy::terraform;
use crate::asset::Document;
use crate::discover::at::{first, items, text};
use crate::discover::format::{Found, Structured};
use crate::discover::resource::{self, Context};

pub(super) const REPORT: Structured = Structured {
    name: "checkov",
    critical: false,
    in_parts: false,
    markers: &["\"check_type\"", "\"failed_checks\""],
    matches: |value| value.get("check_type").is_some() && value.pointer("/results/failed_checks").is_some(),
    read,
};

fn read(document: &Document, found: &mut Found) {
    let value = &document.value;
    let framework = text(value, "/check_type").unwrap_or_default();
    for (list, fails) in
        [("/results/failed_checks", true), ("/results/passed_checks", false), ("/results/skipped_checks", false)]
    {
        for (pointer, check) in items(value, list) {
            let rule = text(check, "/check_id").unwrap_or_default();
            let report = Report {
                tool: "Checkov",
                rule,
                title: text(check, "/check_name").unwrap_or(rule),
                detail: "",
                severity: severity(text(check, "/severity").unwrap_or_default()),
                time: None,
                fails,
            };
            let path = first(check, &["/repo_file_path", "/file_path"]).unwrap_or_default().trim_start_matches('/');
            let name = text(check, "/resource").unwrap_or_default();
            // `Deployment.namespace.name`
            let object = || {
                let mut parts = name.splitn(3, '.');
                let (kind, region, name) = (parts.next()?, parts.next()?, parts.next()?);
                let context = Context { kind, provider: "kubernetes", account: "", region };
                resource::by_name(name, context).filter(|_| framework == "kubernetes" || framework == "helm")
            };
            let asset = object().or_else(|| terraform(path, name, found)).unwrap_or_else(|| file(path, found));
            report.land(asset, &document.evidence(&pointer), found);
        }
    }
}
