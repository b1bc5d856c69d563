//! Which articles and controls of each framework fail, hold or stay open, with the findings and their places.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Write};

use anstyle::Style;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::count;
use super::escape::{self, csv, document as md, markdown_code as code};
use super::page::{ALARM, FAINT, FINE, HEADING, Page};
use crate::assess::Assessment;
use crate::asset::{Error, ErrorKind, Finding, Result, Severity};
use crate::discover::Unread;
use crate::policy::controls::{Catalogues, ControlResult, ControlStatus, Coverage};

/// Findings of one control that text and Markdown list; the rest is counted.
const LISTED: usize = 3;
/// The order in which a reader wants them.
const ORDER: [ControlStatus; 4] =
    [ControlStatus::Failed, ControlStatus::NoEvidence, ControlStatus::Passed, ControlStatus::NotApplicable];

/// Coverage for people and auditors: by framework, with the findings that controls name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct CoverageReport {
    /// By framework, by key.
    pub frameworks: Vec<FrameworkCoverage>,
    /// The findings that the controls name, worst first.
    pub findings: Vec<Finding>,
    /// Input that should have been read but could not; the result does not cover it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<Unread>,
}

/// The controls of one framework.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct FrameworkCoverage {
    /// Its key.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Its edition.
    pub version: String,
    /// How many controls came out how, also those that are not listed.
    pub counts: BTreeMap<ControlStatus, usize>,
    /// Its controls, in the framework's own order.
    pub controls: Vec<ControlResult>,
}

impl CoverageReport {
    /// Of an assessment; of these frameworks (keys or names) if any are given, and only controls that came out in one of
    /// these ways if any are given. `whole` also lists what nothing bears on.
    ///
    /// # Errors
    /// A framework that no catalogue has.
    pub fn new(
        assessment: &Assessment,
        frameworks: &[impl AsRef<str>],
        statuses: &[ControlStatus],
        whole: bool,
    ) -> Result<Self> {
        let catalogues = Catalogues::builtin()?;
        let mut wanted = BTreeSet::new();
        for name in frameworks {
            let framework = catalogues.framework(name.as_ref()).ok_or_else(|| {
                let known = catalogues.frameworks().iter().map(|framework| framework.key.as_str());
                let known = known.collect::<Vec<_>>().join(", ");
                Error::new(ErrorKind::Usage, format!("there is no framework {:?}; known: {known}", name.as_ref()))
            })?;
            wanted.insert(framework.key.as_str());
        }
        let mut report = Self { incomplete: assessment.incomplete.clone(), ..Self::default() };
        for framework in catalogues.frameworks() {
            let key = framework.key.as_str();
            if !wanted.is_empty() && !wanted.contains(key) {
                continue;
            }
            let known = assessment.coverage.iter().find(|coverage| coverage.framework == key);
            let empty = Coverage::default();
            let mut controls = match (known, whole) {
                (known, true) => known.unwrap_or(&empty).complete(framework).controls,
                (Some(known), false) => known.controls.clone(),
                (None, false) => continue,
            };
            let mut counts = BTreeMap::new();
            controls.iter().for_each(|control| *counts.entry(control.status).or_default() += 1);
            controls.retain(|control| statuses.is_empty() || statuses.contains(&control.status));
            controls.sort_by_cached_key(|control| natural(&control.id));
            report.frameworks.push(FrameworkCoverage {
                key: key.to_owned(),
                name: framework.name.clone(),
                version: framework.version.clone(),
                counts,
                controls,
            });
        }
        let named = report.frameworks.iter().flat_map(|framework| &framework.controls);
        let named = named.flat_map(|control| &control.findings).collect::<BTreeSet<_>>();
        let findings = assessment.findings.iter().filter(|finding| named.contains(&finding.fingerprint));
        report.findings = findings.cloned().collect();
        Ok(report)
    }

    /// Whether a listed control came out so.
    #[must_use]
    pub fn has(&self, status: ControlStatus) -> bool {
        self.frameworks.iter().any(|framework| framework.controls.iter().any(|control| control.status == status))
    }

    fn by_fingerprint(&self) -> HashMap<&str, &Finding> {
        self.findings.iter().map(|finding| (finding.fingerprint.as_str(), finding)).collect()
    }

    /// For a person at a terminal of so many columns, at least 40: what fails first, with its findings and their places.
    pub fn text(&self, out: &mut dyn Write, color: bool, width: usize) -> io::Result<()> {
        let findings = self.by_fingerprint();
        let mut page = Page::new(out, color, width.max(40));
        for framework in &self.frameworks {
            page.heading(&format!("{} ({})", framework.name, framework.version))?;
            page.wrap(2, 2, FAINT, &framework.summary())?;
            for status in ORDER {
                for control in framework.controls.iter().filter(|control| control.status == status) {
                    let label = page.paint(look(status), words(status));
                    let name = page.paint(HEADING, &control.id);
                    writeln!(page.out, "\n  {label}  {name}  {}", escape::plain(&control.name))?;
                    page.wrap(6, 6, Style::new(), &control.reason)?;
                    list(&mut page, control, &findings)?;
                }
            }
        }
        if !self.incomplete.is_empty() {
            page.heading("Not read; the result does not cover it")?;
            for unread in &self.incomplete {
                page.wrap(2, 4, Style::new(), &format!("{}: {}", unread.path, unread.reason))?;
            }
        }
        page.out.flush()
    }

    /// Markdown: a table a framework, then the findings of what fails.
    pub fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        let findings = self.by_fingerprint();
        for framework in &self.frameworks {
            writeln!(out, "## {} ({})\n\n{}\n", md(&framework.name), md(&framework.version), framework.summary())?;
            writeln!(out, "| control | | result | why |\n|---|---|---|---|")?;
            let failed = framework.controls.iter().filter(|control| control.status == ControlStatus::Failed);
            for status in ORDER {
                for control in framework.controls.iter().filter(|control| control.status == status) {
                    let [id, name, reason] = [&control.id, &control.name, &control.reason].map(|text| md(text));
                    writeln!(out, "| {id} | {name} | {} | {reason} |", words(status))?;
                }
            }
            for control in failed {
                writeln!(out, "\n### {} {}\n", md(&control.id), md(&control.name))?;
                for finding in control.findings.iter().filter_map(|id| findings.get(id.as_str())) {
                    let places = finding.evidence.iter().map(|place| code(&place.location()));
                    let places = places.collect::<Vec<_>>().join(", ");
                    let Finding { severity, rule, message, .. } = finding;
                    writeln!(out, "- **{severity}** {}: {} ({places})", md(rule), md(message))?;
                }
            }
            writeln!(out)?;
        }
        out.flush()
    }

    /// CSV (RFC 4180), a control a row. A cell that a spreadsheet would take for a formula starts with an apostrophe.
    pub fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let findings = self.by_fingerprint();
        write!(out, "framework,version,control,name,status,reason,rules,findings,evidence\r\n")?;
        for framework in &self.frameworks {
            for control in &framework.controls {
                let found = control.findings.iter().filter_map(|id| findings.get(id.as_str()));
                let places = found.flat_map(|finding| finding.evidence.first()).map(|place| place.location());
                let places = places.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
                let lists = [control.rules.join(" "), control.findings.join(" "), places.join(" ")];
                let cells = [&framework.key, &framework.version, &control.id, &control.name];
                let status = control.status.as_str().to_owned();
                let cells = cells.into_iter().chain([&status, &control.reason]).chain(&lists);
                let row = cells.map(|cell| csv(cell)).collect::<Vec<_>>().join(",");
                write!(out, "{row}\r\n")?;
            }
        }
        out.flush()
    }
}

/// The findings of a control, worst first, with their places.
fn list(page: &mut Page<'_>, control: &ControlResult, findings: &HashMap<&str, &Finding>) -> io::Result<()> {
    let found = control.findings.iter().filter_map(|id| findings.get(id.as_str())).collect::<Vec<_>>();
    for finding in found.iter().take(LISTED) {
        let lead = format!("{} {}: ", finding.severity, finding.rule);
        let style = if finding.severity >= Severity::High { ALARM } else { Style::new() };
        page.wrap(6, 8, style, &format!("{lead}{}", finding.message))?;
        page.places(8, finding.evidence.get(..finding.evidence.len().min(2)).unwrap_or_default())?;
    }
    match found.len().checked_sub(LISTED) {
        Some(more @ 1..) => page.wrap(6, 6, FAINT, &format!("… and {more} more, listed with --format json")),
        _ => Ok(()),
    }
}

impl FrameworkCoverage {
    /// `12 failed · 3 passed`.
    fn summary(&self) -> String {
        let counts = ORDER.iter().filter_map(|status| Some(format!("{} {}", self.counts.get(status)?, words(*status))));
        let counts = counts.collect::<Vec<_>>();
        if counts.is_empty() { count(0, "control") } else { counts.join(" · ") }
    }
}

fn words(status: ControlStatus) -> &'static str {
    match status {
        ControlStatus::Failed => "failed",
        ControlStatus::Passed => "passed",
        ControlStatus::NotApplicable => "not applicable",
        ControlStatus::NoEvidence => "no evidence",
    }
}

fn look(status: ControlStatus) -> Style {
    match status {
        ControlStatus::Failed => ALARM,
        ControlStatus::Passed => FINE,
        ControlStatus::NotApplicable => FAINT,
        ControlStatus::NoEvidence => HEADING,
    }
}

/// An id's words and numbers, so that `Art.4` comes before `Art.10`.
pub(super) fn natural(id: &str) -> Vec<(u64, String)> {
    let mut parts = Vec::new();
    let mut rest = id;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let end = if digits > 0 { digits } else { rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len()) };
        let (part, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        parts.push((part.parse().unwrap_or(0), if digits > 0 { String::new() } else { part.to_owned() }));
        rest = after;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_their_own_order() {
        let mut ids = ["Art.10", "Art.4", "Art.5(1)(f)", "Art.5", "Annex IV", "A.10.2", "A.6.2.4"];
        ids.sort_by_cached_key(|id| natural(id));
        assert_eq!(ids, ["A.6.2.4", "A.10.2", "Annex IV", "Art.4", "Art.5", "Art.5(1)(f)", "Art.10"]);
    }
}
