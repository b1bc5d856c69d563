//! Assessments as text, JSON, SARIF, Mermaid, DOT, GraphML, Cytoscape JSON and HTML, inventories as CycloneDX, and what
//! changed from one to the next.
//!
//! Everything in an assessment comes from files that others wrote, so each format escapes all of it; see `escape`.
//! Output depends on the assessment alone: no clock, no host, no order but the assessment's own.
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

use crate::assess::Assessment;
pub(crate) use crate::asset::count;
use crate::asset::{Asset, AssetId, AssetKind, Evidence, Finding, Severity};
use crate::path::{AttackPath, ChokePoint, From, Goal, PathStatus, Step};
use crate::policy::RuleInfo;

mod cyclonedx;
mod cytoscape;
mod diff;
mod drawing;
mod escape;
mod explain;
mod graph;
mod html;
mod json;
mod mermaid;
mod sarif;
mod text;

pub use cyclonedx::{CycloneDx, SpecVersion};
pub use diff::{Diff, FindingChanges, PathChanges, Snapshot};
pub use escape::plain;
pub use explain::{Explained, Explanation};
pub use json::write as write_json;

/// The columns that the text report fills at most, where words allow.
const WIDTH: usize = 100;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// For a person at a terminal.
    Text,
    /// The assessment itself, with `"schema": "aispm/1"`.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// A Mermaid flowchart of attack paths and lineage.
    Mermaid,
    /// The graph of attack paths for Graphviz.
    Dot,
    /// The graph of attack paths as GraphML.
    Graphml,
    /// The attack paths as elements of Cytoscape.js, one edge a step.
    Cytoscape,
    /// One self-contained page.
    Html,
    /// The inventory as a CycloneDX 1.6 ML-BOM; see [`CycloneDx`] for more.
    CycloneDx,
}

/// An assessment about to be reported.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report<'a> {
    assessment: &'a Assessment,
    rules: BTreeMap<&'a str, &'a RuleInfo>,
    color: bool,
    width: usize,
}

impl<'a> Report<'a> {
    /// Without colour, 100 columns wide.
    #[must_use]
    pub fn new(assessment: &'a Assessment) -> Self {
        Self { assessment, rules: BTreeMap::new(), color: false, width: WIDTH }
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

    /// Writes the report. Linear in the assessment, but for sorting and for the drawings of HTML, which are bounded.
    pub fn write(&self, format: Format, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Text => text::write(self, out),
            Format::Json => json::write(out, self.assessment),
            Format::Sarif => sarif::write(self, out),
            Format::Mermaid => mermaid::write(self, out),
            Format::Dot => graph::dot(self, out),
            Format::Graphml => graph::graphml(self, out),
            Format::Cytoscape => cytoscape::write(self, out),
            Format::Html => html::write(self, out),
            Format::CycloneDx => CycloneDx::new(&self.assessment.inventory).write(out),
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
        let mut techniques = BTreeMap::<_, BTreeSet<&str>>::new();
        let mut order = Vec::new();
        for step in self.assessment.paths.iter().flat_map(|path| &path.steps) {
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
