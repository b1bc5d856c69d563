//! Evidence for an auditor: each framework as one readable page and as OSCAL, with a digest of every file.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::coverage::natural;
use super::reference::{framework, framework_name};
use super::{Report, count, oscal};
use crate::asset::{Error, ErrorKind, Evidence, Finding, Result, Waived, sha256};
use crate::policy::controls::{ControlResult, ControlStatus, Coverage, Framework, Shown};

const STYLE: &str = include_str!("../../data/report/evidence.css");

/// Findings that a page lists for one control; OSCAL has all.
const FINDINGS: usize = 200;

/// The files of an evidence pack: `KEY.html` and `KEY.oscal.json` for each framework, and `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EvidencePack {
    /// Each file's name and content, in the order in which they are to be written; the manifest last.
    pub files: Vec<(String, String)>,
}

impl EvidencePack {
    /// The evidence for these frameworks, by key. One that no rule or catalogue knows is an error.
    ///
    /// The pages need no network, no script and no other file. Linear in the assessment for each framework, but for sorting.
    pub fn new<K: AsRef<str>>(report: &Report<'_>, frameworks: impl IntoIterator<Item = K>) -> Result<Self> {
        let keys = frameworks.into_iter().map(|key| key.as_ref().to_owned()).collect::<BTreeSet<_>>();
        let mut files = Vec::new();
        for key in &keys {
            let coverage = report.assessment.coverage.iter().find(|coverage| coverage.framework == *key);
            let coverage = coverage.ok_or_else(|| {
                let known = report.assessment.coverage.iter().map(|coverage| coverage.framework.as_str());
                let known = known.collect::<Vec<_>>().join(", ");
                Error::new(ErrorKind::Usage, format!("there is no coverage of {key:?}; known: {known}"))
            })?;
            files.push((format!("{key}.html"), page(report, coverage)));
            files.push((format!("{key}.oscal.json"), format!("{:#}\n", oscal::document(report, Some(key)))));
        }
        let listed =
            files.iter().map(|(name, text)| (name.as_str(), json!({"sha256": sha256(text), "bytes": text.len()})));
        let manifest = json!({
            "schema": crate::SCHEMA,
            "tool": concat!("aispm ", env!("CARGO_PKG_VERSION")),
            "time": report.time.rfc3339_millis(),
            "frameworks": keys,
            "files": listed.collect::<BTreeMap<_, _>>(),
        });
        files.push(("manifest.json".to_owned(), format!("{manifest:#}\n")));
        Ok(Self { files })
    }
}

/// One framework as a page.
fn page(report: &Report<'_>, coverage: &Coverage) -> String {
    let mut page = Page { report, out: String::new(), findings: BTreeMap::new(), waived: BTreeMap::new() };
    let known = report.assessment.baseline.as_ref().map_or(&[][..], |baseline| &baseline.known);
    for finding in report.assessment.findings.iter().chain(known) {
        page.findings.insert(&finding.fingerprint, finding);
    }
    for waived in &report.assessment.waived {
        page.waived.insert(&waived.finding.fingerprint, waived);
    }
    page.write(coverage);
    page.out
}

struct Page<'a> {
    report: &'a Report<'a>,
    out: String,
    findings: BTreeMap<&'a str, &'a Finding>,
    waived: BTreeMap<&'a str, &'a Waived>,
}

impl Page<'_> {
    /// A line of the page. Writing to a String cannot fail.
    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.out, "{text}");
    }

    fn write(&mut self, coverage: &Coverage) {
        let key = &coverage.framework;
        let title = format!("Evidence: {}", framework_name(key));
        let title = safe(&title);
        let style = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
        let policy = format!("default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'");
        self.line(format_args!("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">"));
        self.line(format_args!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">"));
        self.line(format_args!("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"));
        self.line(format_args!("<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>"));
        self.head(coverage, &title);
        self.line(format_args!("<main>"));
        let coverage = whole(coverage);
        let mut controls = coverage.controls.iter().collect::<Vec<_>>();
        controls.sort_by_cached_key(|control| natural(&control.id));
        let (open, judged): (Vec<_>, Vec<_>) = controls.into_iter().partition(|control| is_open(control));
        self.overview(&judged, &open);
        for (n, control) in judged.into_iter().enumerate() {
            self.control(n, control);
        }
        self.open(&open);
        self.line(format_args!("</main>\n</body>\n</html>"));
    }

    /// What was judged, when, and by what.
    fn head(&mut self, coverage: &Coverage, title: &str) {
        let assessment = self.report.assessment;
        let edition = framework(&coverage.framework).map_or("", |framework| framework.version.as_str());
        self.line(format_args!("<header>\n<h1>{title}</h1>"));
        let read = count(assessment.files.len(), "file");
        let assets = count(assessment.inventory.len(), "asset");
        let time = self.report.time.rfc3339_millis().replace(".000Z", "Z");
        let edition = if edition.is_empty() { String::new() } else { format!("Edition {} · ", safe(edition)) };
        self.line(format_args!("<p class=\"soft\">{edition}{time} · aispm {}</p>", env!("CARGO_PKG_VERSION")));
        self.line(format_args!(
            "<p>{read} read, {assets} found. A passed control means that nothing was found against it,"
        ));
        self.line(format_args!("not that it works; what no file shows is not judged.</p>"));
        if !assessment.incomplete.is_empty() {
            self.line(format_args!("<div class=\"notice\"><b>Incomplete.</b> These inputs could not be read:<ul>"));
            for unread in &assessment.incomplete {
                self.line(format_args!("<li><code>{}</code>: {}</li>", safe(&unread.path), safe(&unread.reason)));
            }
            self.line(format_args!("</ul></div>"));
        }
        self.line(format_args!("</header>"));
    }

    /// The controls in a table, those that ask for something first.
    fn overview(&mut self, judged: &[&ControlResult], open: &[&ControlResult]) {
        let with =
            |status: ControlStatus| judged.iter().enumerate().filter(move |(_, control)| control.status == status);
        let counts = ORDER.iter().map(|status| (with(*status).count(), words(*status).to_lowercase()));
        let counts = counts.chain([(open.len(), "not judged".to_owned())]).filter(|(n, _)| *n > 0);
        let counts = counts.map(|(n, words)| format!("{n} {words}")).collect::<Vec<_>>().join(", ");
        let all = count(judged.len() + open.len(), "control");
        self.line(format_args!("<p><b>{all}</b>: {counts}.</p>"));
        self.line(format_args!(
            "<div class=\"scroll\"><table>\n<thead><tr><th>Control</th><th>Status</th><th>Findings</th></tr></thead>"
        ));
        self.line(format_args!("<tbody>"));
        for status in ORDER {
            for (n, control) in with(*status) {
                let (id, name, status) = (safe(&control.id), safe(&control.name), badge(control.status));
                let found = control.findings.len();
                self.line(format_args!(
                    "<tr><td><a href=\"#c{n}\">{id}</a> {name}</td><td>{status}</td><td>{found}</td></tr>"
                ));
            }
        }
        self.line(format_args!("</tbody>\n</table></div>"));
    }

    /// Controls that nothing speaks of: what remains to be shown by other means.
    fn open(&mut self, open: &[&ControlResult]) {
        if open.is_empty() {
            return;
        }
        self.line(format_args!(
            "<section>\n<h2>Not judged</h2>\n<p>No rule and no declared evidence speaks of these.</p>\n<ul>"
        ));
        for control in open {
            self.line(format_args!("<li>{} {}</li>", safe(&control.id), safe(&control.name)));
        }
        self.line(format_args!("</ul>\n</section>"));
    }

    fn control(&mut self, n: usize, control: &ControlResult) {
        self.line(format_args!("<section>\n<h2 id=\"c{n}\">{} {}</h2>", safe(&control.id), safe(&control.name)));
        self.line(format_args!("<p>{}: {}</p>", badge(control.status), safe(&control.reason)));
        if !control.rules.is_empty() {
            self.line(format_args!("<p class=\"soft\">Rules: {}</p>", safe(&control.rules.join(", "))));
        }
        let assessment = self.report.assessment;
        let unknown = assessment.unknown.iter().filter(|unknown| control.rules.contains(&unknown.rule));
        let unknown = unknown.collect::<Vec<_>>();
        if !unknown.is_empty() {
            self.line(format_args!("<h3>What is missing</h3>\n<ul>"));
            for unknown in unknown {
                self.line(format_args!("<li><code>{}</code> needs {}</li>", safe(&unknown.rule), safe(&unknown.needs)));
            }
            self.line(format_args!("</ul>"));
        }
        if !control.via.is_empty() {
            let via =
                control.via.iter().map(|control| format!("{} {}", framework_name(&control.framework), control.id));
            self.line(format_args!("<p>Follows from {}.</p>", safe(&via.collect::<Vec<_>>().join(", "))));
        }
        self.declared(&control.shown);
        for fingerprint in control.findings.iter().take(FINDINGS) {
            match (self.findings.get(fingerprint.as_str()), self.waived.get(fingerprint.as_str())) {
                (Some(finding), _) => self.finding(finding, None),
                (None, Some(waived)) => self.finding(&waived.finding, Some(waived)),
                (None, None) => {}
            }
        }
        if let Some(more @ 1..) = control.findings.len().checked_sub(FINDINGS) {
            self.line(format_args!("<p>… and {}, in the OSCAL file.</p>", count(more, "more finding")));
        }
        self.line(format_args!("</section>"));
    }

    /// What people say is there to show.
    fn declared(&mut self, shown: &[Shown]) {
        if shown.is_empty() {
            return;
        }
        self.line(format_args!("<h3>Declared evidence</h3>\n<ul>"));
        for shown in shown {
            let until = shown.until.as_deref().map(|day| format!(" until {}", safe(day))).unwrap_or_default();
            let ended = if shown.expired { " <b class=\"failed\">(ended)</b>" } else { "" };
            let about =
                shown.asset.as_deref().map(|asset| format!(" for <code>{}</code>", safe(asset))).unwrap_or_default();
            let (kind, reference, place) =
                (safe(&shown.kind), safe(&shown.reference), safe(&shown.evidence.location()));
            self.line(format_args!(
                "<li>{kind}: {reference}{about}{until}{ended}<span class=\"place\">{place}</span></li>"
            ));
        }
        self.line(format_args!("</ul>"));
    }

    fn finding(&mut self, finding: &Finding, waived: Option<&Waived>) {
        let report = self.report;
        self.line(format_args!("<div class=\"finding\">\n<h3>{} ({})</h3>", safe(&finding.title), finding.severity));
        self.line(format_args!("<p>{}</p>", safe(&finding.message)));
        let owner = finding.owner.as_deref().map(|owner| format!(" · owner {}", safe(owner))).unwrap_or_default();
        let (name, id) = (safe(report.name(&finding.asset)), safe(finding.asset.as_str()));
        self.line(format_args!("<p class=\"soft\">{name} (<code>{id}</code>){owner}</p>"));
        if let Some(waived) = waived {
            let (owner, reason) = (safe(&waived.waiver.owner), safe(&waived.waiver.reason));
            let until = safe(&waived.waiver.expires);
            self.line(format_args!("<p><b>Accepted</b> until {until} by {owner}: {reason}</p>"));
        }
        self.places(report.evidence(finding));
        if !finding.fix.is_empty() {
            self.line(format_args!("<p><b>Fix</b>: {}</p>", safe(&finding.fix)));
        }
        let (rule, print) = (safe(&finding.rule), safe(&finding.fingerprint));
        self.line(format_args!("<p class=\"soft\">Rule {rule}, fingerprint <code>{print}</code></p>\n</div>"));
    }

    fn places(&mut self, evidence: &[Evidence]) {
        for evidence in evidence {
            let excerpt = evidence.excerpt.as_deref().map(|text| format!("  {}", safe(text))).unwrap_or_default();
            self.line(format_args!("<span class=\"place\">{}{excerpt}</span>", safe(&evidence.location())));
        }
    }
}

/// With the controls that nothing bears on, where the catalogue is the one that the results are of.
fn whole(coverage: &Coverage) -> Cow<'_, Coverage> {
    let listed = |framework: &&Framework| coverage.controls.iter().all(|c| framework.controls.contains_key(&c.id));
    match framework(&coverage.framework).filter(listed) {
        Some(framework) => Cow::Owned(coverage.complete(framework)),
        None => Cow::Borrowed(coverage),
    }
}

/// Whether nothing speaks of a control.
fn is_open(control: &ControlResult) -> bool {
    let ControlResult { rules, findings, shown, via, .. } = control;
    control.status == ControlStatus::NoEvidence
        && rules.is_empty()
        && findings.is_empty()
        && shown.is_empty()
        && via.is_empty()
}

/// What asks for something first.
const ORDER: &[ControlStatus] =
    &[ControlStatus::Failed, ControlStatus::NoEvidence, ControlStatus::Passed, ControlStatus::NotApplicable];

fn badge(status: ControlStatus) -> String {
    format!("<span class=\"status {}\">{}</span>", status.as_str(), words(status))
}

fn words(status: ControlStatus) -> &'static str {
    match status {
        ControlStatus::Failed => "Failed",
        ControlStatus::NoEvidence => "No evidence",
        ControlStatus::Passed => "Passed",
        ControlStatus::NotApplicable => "Not applicable",
    }
}

fn safe(text: &str) -> String {
    super::escape::html(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::Assessment;
    use crate::asset::Severity;

    fn assessment() -> Assessment {
        let hostile = "<script>alert(1)</script>\"'";
        let mut finding = Finding::new("R-1", Severity::High, hostile.into(), "", hostile, hostile);
        finding.fix = hostile.to_owned();
        finding.owner = Some(hostile.to_owned());
        finding.evidence = vec![Evidence::file(hostile).line(3).excerpt(hostile)];
        let coverage = json!([{"framework": "owasp", "controls": [
            {"id": "LLM03:2025", "name": "", "status": "failed", "reason": hostile, "rules": ["R-1"],
                "findings": [finding.fingerprint], "shown": [{"type": hostile, "ref": hostile, "until": "2026-01-01",
                "expired": true, "evidence": {"path": hostile}}]},
            {"id": "LLM04:2025", "name": "", "status": "no_evidence", "reason": "R-2 needs logs", "rules": ["R-2"]},
        ]}]);
        Assessment {
            coverage: serde_json::from_value(coverage).unwrap(),
            unknown: serde_json::from_value(json!([{"rule": "R-2", "needs": hostile}])).unwrap(),
            incomplete: serde_json::from_value(json!([{"path": hostile, "reason": hostile, "critical": true}]))
                .unwrap(),
            findings: vec![finding],
            ..Assessment::default()
        }
    }

    #[test]
    fn a_pack_says_what_its_files_are() {
        let assessment = assessment();
        let report = Report::new(&assessment).time("2026-01-31T12:00:00Z");
        let pack = EvidencePack::new(&report, ["owasp", "owasp"]).unwrap();
        let names = pack.files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
        assert_eq!(names, ["owasp.html", "owasp.oscal.json", "manifest.json"]);
        let manifest: serde_json::Value = serde_json::from_str(&pack.files[2].1).unwrap();
        for (name, text) in &pack.files[..2] {
            assert_eq!(manifest["files"][name]["sha256"], sha256(text));
        }
        assert!(EvidencePack::new(&report, ["nist"]).unwrap_err().to_string().contains("known: owasp"));
    }

    #[test]
    fn nothing_from_the_input_becomes_markup() {
        let assessment = assessment();
        let pack = EvidencePack::new(&Report::new(&assessment), ["owasp"]).unwrap();
        let page = &pack.files[0].1;
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;"));
        // the only style is the one that the policy names
        let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        let digest = STANDARD.encode(Sha256::digest(style.as_bytes()));
        assert!(page.contains(&format!("style-src 'sha256-{digest}'")) && !page.contains("style=\""));
        for word in [
            "Failed",
            "No evidence",
            "What is missing",
            "Incomplete",
            "Declared evidence",
            "Not judged",
            "(ended)",
            "href=\"#c0\"",
            "id=\"c1\"",
        ] {
            assert!(page.contains(word), "{word}");
        }
    }
}
