//! Assessments for people, code hosts, build servers, SIEMs and threat-intelligence platforms (see [`Format`]),
//! inventories as CycloneDX, and what changed from one to the next.
//!
//! Everything in an assessment comes from files that others wrote, so each format escapes all of it; see `escape`.
//! Output depends on the assessment and on the time given alone: no clock, no host, no order but the assessment's own.
//! Formats that demand a time and are given none say 1970-01-01T00:00:00Z.
//!
//! ```
//! use aispm_core::assess::Assessment;
//! use aispm_core::report::{Format, Report};
//!
//! let page = Report::new(&Assessment::default()).render(Format::Html);
//! assert!(page.starts_with("<!doctype html>"));
//! ```

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::assess::{Assessment, Gate};
pub(crate) use crate::asset::count;
use crate::asset::{Asset, AssetId, AssetKind, Evidence, Finding, Severity};
use crate::path::{AttackPath, ChokePoint, From, Goal, PathStatus, Step};
use crate::policy::RuleInfo;

mod cef;
mod classification;
mod codequality;
mod coverage;
mod csv;
mod cyclonedx;
mod cytoscape;
mod diff;
mod draft;
mod ecs;
mod escape;
mod explain;
mod graph;
mod html;
mod json;
mod junit;
mod markdown;
mod mermaid;
mod ocsf;
mod oscal;
mod pack;
mod page;
mod readiness;
mod reference;
mod sarif;
mod state;
mod stix;
mod text;
mod time;

pub use classification::classification;
pub use coverage::{CoverageReport, FrameworkCoverage};
pub use cyclonedx::{CycloneDx, SpecVersion};
pub use diff::{Diff, FindingChanges, PathChanges, Snapshot};
pub use draft::{Draft, DraftSection, Gap, Statement, annex_iv, training_data};
pub use escape::plain;
pub use explain::{Explained, Explanation};
pub use json::write as write_json;
pub use pack::EvidencePack;
pub use readiness::ReadinessReport;
use state::State;
use time::Time;

/// The columns that the text report fills at most, where words allow.
const WIDTH: usize = 100;

crate::asset::names! {
    /// How a report is written.
    Format, "lowercase" {
        /// For a person at a terminal.
        Text = "text",
        /// The assessment itself, with `"schema": "aispm/1"`.
        Json = "json",
        /// One self-contained page.
        Html = "html",
        /// A comment on a pull request, in the Markdown of GitHub and GitLab.
        Markdown = "markdown",
        /// SARIF 2.1.0, for code scanning.
        Sarif = "sarif",
        /// JUnit XML, for test reports of continuous integration.
        Junit = "junit",
        /// The Code Quality report of GitLab.
        CodeQuality = "codequality",
        /// OCSF 1.8.0 detection and compliance findings, one JSON object a line.
        Ocsf = "ocsf",
        /// OSCAL 1.0.6 assessment results.
        Oscal = "oscal",
        /// Elastic Common Schema, one JSON object a line.
        Ecs = "ecs",
        /// ArcSight Common Event Format, one event a line.
        Cef = "cef",
        /// A STIX 2.1 bundle.
        Stix = "stix",
        /// Findings and attack paths as a table (RFC 4180).
        Csv = "csv",
        /// The inventory as a CycloneDX 1.6 ML-BOM; see [`CycloneDx`] for more.
        CycloneDx = "cyclonedx",
        /// A Mermaid flowchart of attack paths and lineage.
        Mermaid = "mermaid",
        /// The graph of attack paths for Graphviz.
        Dot = "dot",
        /// The graph of attack paths as GraphML.
        Graphml = "graphml",
        /// The attack paths as elements of Cytoscape.js, one edge a step.
        Cytoscape = "cytoscape",
    }
}

/// An assessment about to be reported.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report<'a> {
    assessment: &'a Assessment,
    rules: BTreeMap<&'a str, &'a RuleInfo>,
    color: bool,
    width: usize,
    time: Time,
    gate: Option<Gate>,
    /// Times and the risk of the estate, oldest first.
    trend: Vec<(&'a str, f64)>,
}

impl<'a> Report<'a> {
    /// Without colour, 100 columns wide.
    #[must_use]
    pub fn new(assessment: &'a Assessment) -> Self {
        Self {
            assessment,
            rules: BTreeMap::new(),
            color: false,
            width: WIDTH,
            time: Time::default(),
            gate: None,
            trend: Vec::new(),
        }
    }

    /// Explains findings with what these rules say of themselves.
    #[must_use]
    pub fn rules(mut self, rules: &'a [RuleInfo]) -> Self {
        self.rules = rules.iter().map(|rule| (rule.id.as_str(), rule)).collect();
        self
    }

    /// Whether text carries ANSI colours.
    #[must_use]
    pub fn color(mut self, color: bool) -> Self {
        self.color = color;
        self
    }

    /// Columns that text fills at most, where words allow; at least 40.
    #[must_use]
    pub fn width(mut self, columns: usize) -> Self {
        self.width = columns.max(40);
        self
    }

    /// As of this time, RFC 3339 in UTC such as `2026-01-31T12:00:00Z`; anything else is taken as none given.
    #[must_use]
    pub fn time(mut self, time: &str) -> Self {
        self.time = Time::parse(time).unwrap_or_default();
        self
    }

    /// The gate that the assessment must pass, for formats that tell its verdict.
    #[must_use]
    pub fn gate(mut self, gate: impl Into<Option<Gate>>) -> Self {
        self.gate = gate.into();
        self
    }

    /// How risk moved until now, for formats that draw it.
    #[cfg(feature = "store")]
    #[must_use]
    pub fn trend(mut self, trend: &'a crate::assess::Trend) -> Self {
        self.trend = trend.points.iter().map(|point| (point.time.as_str(), point.risk)).collect();
        self
    }

    /// Writes the report. Linear in the assessment, but for sorting and for the drawings of HTML, which are bounded.
    pub fn write(&self, format: Format, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Text => text::write(self, out),
            Format::Json => json::write(out, self.assessment),
            Format::Html => html::write(self, out),
            Format::Markdown => markdown::write(self, out),
            Format::Sarif => sarif::write(self, out),
            Format::Junit => junit::write(self, out),
            Format::CodeQuality => codequality::write(self, out),
            Format::Ocsf => ocsf::write(self, out),
            Format::Oscal => oscal::write(self, out),
            Format::Ecs => ecs::write(self, out),
            Format::Cef => cef::write(self, out),
            Format::Stix => stix::write(self, out),
            Format::Csv => csv::write(self, out),
            Format::CycloneDx => CycloneDx::new(&self.assessment.inventory).write(out),
            Format::Mermaid => mermaid::write(self, out),
            Format::Dot => graph::dot(self, out),
            Format::Graphml => graph::graphml(self, out),
            Format::Cytoscape => cytoscape::write(self, out),
        }
    }

    /// The report as a string.
    #[must_use]
    pub fn render(&self, format: Format) -> String {
        let mut out = Vec::new();
        // a Vec takes every byte
        let _ = self.write(format, &mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    fn asset(&self, id: &AssetId) -> Option<&'a Asset> {
        self.assessment.inventory.get(id.as_str())
    }

    /// The asset's name, or its id where the inventory has none.
    fn name<'b>(&self, id: &'b AssetId) -> &'b str
    where
        'a: 'b,
    {
        self.asset(id).map(|asset| asset.name.as_str()).filter(|name| !name.is_empty()).unwrap_or(id.as_str())
    }

    /// The assets' names, each followed by its kind where two of them share a name.
    fn names(&self, ids: &[&AssetId]) -> Vec<String> {
        let named = |id: &&AssetId| {
            let name = self.name(id);
            let shared = ids.iter().any(|other| other != id && self.name(other) == name);
            let kind = || self.kind(id).as_str().replace('-', " ");
            if shared { format!("{name} ({})", kind()) } else { name.to_owned() }
        };
        ids.iter().map(named).collect()
    }

    /// The path in a sentence, or the assets that it passes where it has none.
    fn title<'b>(&self, path: &'b AttackPath) -> Cow<'b, str> {
        if path.title.is_empty() { self.names(&chain(path)).join(" → ").into() } else { path.title.as_str().into() }
    }

    fn kind(&self, id: &AssetId) -> AssetKind {
        match self.asset(id) {
            Some(asset) => asset.kind,
            None if id.as_str() == AssetId::INTERNET => AssetKind::NetworkEntry,
            None => AssetKind::Resource,
        }
    }

    /// Why a rule matters, if its author says.
    fn why(&self, rule: &str) -> &'a str {
        self.rules.get(rule).map_or("", |rule| rule.description.as_str())
    }

    /// Where a finding shows: its own evidence, or else that of its asset.
    fn evidence(&self, finding: &'a Finding) -> &'a [Evidence] {
        match finding.evidence.as_slice() {
            [] => self.asset(&finding.asset).map_or(&[], |asset| &asset.evidence),
            own => own,
        }
    }

    /// The first place of a finding, or else the file in which facts about its asset are declared: code hosts take
    /// nothing without a file.
    fn place(&self, finding: &'a Finding) -> Evidence {
        self.evidence(finding).first().cloned().unwrap_or_else(|| Evidence::file(self.facts_file()))
    }

    /// The file of declared facts, whether it is there or could be made.
    fn facts_file(&self) -> &'a str {
        let facts = self.assessment.files.iter().find(|file| file.format == "aispm-facts");
        facts.map_or("aispm.yaml", |file| &file.path)
    }

    /// Findings of one rule and severity together, worst first.
    fn groups(&self) -> Vec<Group<'a>> {
        let mut groups = BTreeMap::<_, Vec<&Finding>>::new();
        for finding in &self.assessment.findings {
            groups.entry((std::cmp::Reverse(finding.severity), finding.rule.as_str())).or_default().push(finding);
        }
        groups.into_values().filter_map(Group::new).collect()
    }

    /// How many findings there are of each severity, worst first; severities without any are left out.
    fn severities(&self) -> Vec<(Severity, usize)> {
        let count = |severity| self.assessment.findings.iter().filter(|finding| finding.severity == severity).count();
        Severity::ALL.iter().rev().map(|&severity| (severity, count(severity))).filter(|(_, n)| *n > 0).collect()
    }

    /// `Role in 3 paths, Bucket in 2 paths`: the assets that most paths pass.
    fn choke_points(&self) -> String {
        let points: Vec<&ChokePoint> = self.assessment.choke_points.iter().take(3).collect();
        let names = self.names(&points.iter().map(|point| &point.asset).collect::<Vec<_>>());
        let named = names.iter().zip(&points).map(|(name, point)| match point.paths {
            1 => format!("{name} in 1 path"),
            n => format!("{name} in {n} paths"),
        });
        named.collect::<Vec<_>>().join(", ")
    }

    /// One move per pair of assets with its techniques, however many paths take it, in the paths' order.
    fn moves(&self) -> Vec<(&'a AssetId, &'a AssetId, String)> {
        moves_of(&self.assessment.paths)
    }

    fn ai_assets(&self) -> usize {
        self.assessment.inventory.assets().filter(|asset| asset.ai).count()
    }
}

/// Findings of one rule and severity; never empty.
struct Group<'a> {
    first: &'a Finding,
    findings: Vec<&'a Finding>,
}

impl<'a> Group<'a> {
    fn new(findings: Vec<&'a Finding>) -> Option<Self> {
        Some(Self { first: findings.first()?, findings })
    }

    /// The fix, if one says it for all.
    fn shared_fix(&self) -> Option<&'a str> {
        let fix = self.first.fix.as_str();
        self.findings.iter().all(|finding| finding.fix == fix).then_some(fix)
    }
}

/// The assets that a step starts from.
fn sources(step: &Step) -> &[AssetId] {
    match &step.from {
        From::One(id) => std::slice::from_ref(id),
        From::All(ids) => ids,
    }
}

/// One move per pair of assets with its techniques, however many of the paths take it, in the paths' order.
fn moves_of(paths: &[AttackPath]) -> Vec<(&AssetId, &AssetId, String)> {
    let mut techniques = BTreeMap::<_, BTreeSet<&str>>::new();
    let mut order = Vec::new();
    for step in paths.iter().flat_map(|path| &path.steps) {
        for from in sources(step) {
            let known = techniques.entry((from, &step.to)).or_default();
            if known.is_empty() {
                order.push((from, &step.to));
            }
            known.insert(&step.technique);
        }
    }
    let named = |(from, to)| {
        let listed = techniques.get(&(from, to)).into_iter().flatten().copied().collect::<Vec<_>>();
        (from, to, listed.join(", "))
    };
    order.into_iter().map(named).collect()
}

/// The assets of a path in the order in which they are reached, each once.
fn chain(path: &AttackPath) -> Vec<&AssetId> {
    let mut seen = std::collections::BTreeSet::new();
    std::iter::once(&path.source)
        .chain(path.steps.iter().flat_map(|step| sources(step).iter().chain([&step.to])))
        .filter(|id| seen.insert(*id))
        .collect()
}

/// Conditions of a path that none of its steps tells.
fn loose_conditions(path: &AttackPath) -> impl Iterator<Item = &str> {
    let told = |condition: &String| path.steps.iter().any(|step| step.conditions.contains(condition));
    path.conditions.iter().filter(move |condition| !told(condition)).map(String::as_str)
}

/// The part of a rule's id that its family shares: `EXP` of `EXP-001`.
fn family(rule: &str) -> &str {
    rule.split_once('-').map_or(rule, |(family, _)| family)
}

/// A path in one line: its steps, numbered.
fn steps(path: &AttackPath) -> String {
    let step = |(n, step): (usize, &Step)| format!("{}. {}", n + 1, step.description);
    path.steps.iter().enumerate().map(step).collect::<Vec<_>>().join(" ")
}

/// What a path is called where findings have a rule.
fn path_rule(goal: Goal) -> &'static str {
    match goal {
        Goal::Admin => "attack-path/admin",
        Goal::Leak => "attack-path/leak",
        Goal::Poisoning => "attack-path/poisoning",
        Goal::Access => "attack-path/access",
    }
}

/// What the attacker does at the end of a path.
fn gain(goal: Goal) -> &'static str {
    match goal {
        Goal::Admin => "becomes administrator",
        Goal::Leak => "reads sensitive data",
        Goal::Poisoning => "poisons a model or its data",
        Goal::Access => "gains access",
    }
}

fn certainty(status: PathStatus) -> &'static str {
    match status {
        PathStatus::Confirmed => "confirmed",
        PathStatus::Conditional => "conditional",
    }
}
