//! ArcSight Common Event Format, version 0: one event a line, for collectors that speak nothing newer.

use std::io::{self, Write};

use super::{Report, escape, path_rule, steps};
use crate::asset::{AssetId, Evidence, Severity};

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    for (finding, state) in report.told() {
        let mut event = Event::new(report, &finding.rule, &finding.title, finding.severity, &finding.fingerprint);
        event.asset(report, &finding.asset, report.evidence(finding).first());
        event.put("msg", &finding.message);
        event.put("outcome", state.as_str());
        event.label(3, "fix", &finding.fix);
        event.label(4, "owner", finding.owner.as_deref().unwrap_or_default());
        event.label(5, "waiver", &state.waiver().unwrap_or_default());
        event.write(out)?;
    }
    for path in &report.assessment.paths {
        let mut event = Event::new(report, path_rule(path.goal), &report.title(path), path.severity, &path.id);
        event.asset(report, &path.target, path.steps.iter().find_map(|step| step.evidence.first()));
        event.put("msg", &steps(path));
        event.put("outcome", report.path_state(path).as_str());
        event.label(3, "fix", path.fixes.first().map(|fix| fix.action.as_str()).unwrap_or_default());
        event.write(out)?;
    }
    out.flush()
}

/// A line that grows.
struct Event(String);

impl Event {
    fn new(report: &Report<'_>, rule: &str, title: &str, severity: Severity, id: &str) -> Self {
        let severity = match severity {
            Severity::Critical => 10,
            Severity::High => 8,
            Severity::Medium => 5,
            Severity::Low => 3,
            Severity::Info => 0,
        };
        let (version, rule, title) = (env!("CARGO_PKG_VERSION"), escape::cef_header(rule), escape::cef_header(title));
        let mut event = Self(format!("CEF:0|aispm|aispm|{version}|{rule}|{title}|{severity}|"));
        event.put("externalId", id);
        event.put("rt", &report.time.millis().to_string());
        event
    }

    fn asset(&mut self, report: &Report<'_>, id: &AssetId, place: Option<&Evidence>) {
        self.label(1, "asset", id.as_str());
        self.label(2, "kind", report.kind(id).as_str());
        self.put("filePath", &place.map(Evidence::location).unwrap_or_default());
    }

    /// A custom string with its label.
    fn label(&mut self, n: u8, label: &str, value: &str) {
        if !value.is_empty() {
            self.put(&format!("cs{n}Label"), label);
            self.put(&format!("cs{n}"), value);
        }
    }

    fn put(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            let space = if self.0.ends_with('|') { "" } else { " " };
            self.0 += &format!("{space}{key}={}", escape::cef(value));
        }
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.0)
    }
}
