//! The pipeline: discover, judge, trace, and the result of the three.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::asset::{AssetId, Error, ErrorKind, Event, Finding, Inventory, Result, Severity, Waived};
use crate::discover::declared::Facts;
use crate::discover::{Discoverer, Discovery, FileSeen, Unread};
use crate::identity::usage::{self, Usage};
use crate::path::{self, AttackPath, ChokePoint, Fix, Query, Solution};
use crate::policy::controls::{self, Coverage};
use crate::policy::readiness::{self, Answer};
use crate::policy::{PolicySet, Unknown, Verdict};
use crate::supply::Advisories;
use crate::text::Detectors;

mod baseline;
mod classes;
pub mod data;
mod descriptions;
mod gate;
pub mod ledger;
mod retention;
mod risk;
mod runtime;
mod stale;
mod supply;
#[cfg(feature = "store")]
mod trend;

use baseline::Baseline;
pub use baseline::Comparison;
pub use data::DataInfo;
use data::DataPack;
pub use gate::{Gate, Outcome};
pub use risk::{Factor, Risk, RiskMember, RiskSubject, RiskTerm};
#[cfg(feature = "store")]
pub use trend::{Trend, TrendPoint, TrendScore};

/// How many relations away a run-time hit still bears on an attack path.
const NEIGHBOURHOOD: usize = 2;

/// What is known and wrong of an estate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Assessment {
    /// Counts.
    pub summary: Summary,
    /// What is wrong and nobody has accepted, worst first; with a baseline, what is new of it.
    pub findings: Vec<Finding>,
    /// What is wrong and somebody accepts for a while, worst first; gates do not count it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waived: Vec<Waived>,
    /// How attackers would move, worst first.
    pub paths: Vec<AttackPath>,
    /// Where most paths meet.
    pub choke_points: Vec<ChokePoint>,
    /// The cheapest changes that cut the paths.
    pub fixes: Vec<Fix>,
    /// Identities that effectively hold `*` on `*`.
    pub admins: Vec<AssetId>,
    /// Everything found.
    pub inventory: Inventory,
    /// Files that were understood.
    pub files: Vec<FileSeen>,
    /// Files that are not of a known format.
    pub skipped: Vec<Unread>,
    /// Input that should have been read but could not; the result does not cover it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<Unread>,
    /// AI permissions that identities hold, against what logs show them to use, with narrowed policies. Empty without logs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unused_permissions: Vec<Usage>,
    /// How much what is wrong matters: the estate, systems, owners, then assets, each worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risks: Vec<Risk>,
    /// How the controls of each framework came out, judged by all findings, also those of a baseline.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coverage: Vec<Coverage>,
    /// How it compares with the baseline, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Comparison>,
    /// The plain questions that a security lead starts from, with their answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readiness: Vec<Answer>,
    /// The data pack that it was made with, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_pack: Option<DataInfo>,
    /// Rules that could not judge, and what they need.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<Unknown>,
    /// What the caller should know: declared ids that nothing bears, a used-up budget.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What one run-time event changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Observation {
    /// The asset that the event was taken to mean.
    pub asset: Option<AssetId>,
    /// Detectors that found something.
    pub detectors: Vec<String>,
    /// Ids of the attack paths that pass this asset or its neighbourhood; their risk was raised.
    pub paths: Vec<String>,
}

/// Counts of an assessment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Summary {
    /// Assets in all.
    pub assets: usize,
    /// AI assets.
    pub ai_assets: usize,
    /// Attack paths.
    pub paths: usize,
    /// Findings by severity.
    pub findings: BTreeMap<Severity, usize>,
}

/// Configures and runs assessments; reusable.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Assessor {
    discoverer: Discoverer,
    facts: Option<PathBuf>,
    policies: Vec<PathBuf>,
    baseline: Option<PathBuf>,
    advisories: Vec<PathBuf>,
    builtin_advisories: Option<Advisories>,
    today: Option<String>,
    data: Option<DataPack>,
    detectors: Option<Detectors>,
}

impl Assessor {
    /// With the built-in rules, and declared facts from `aispm.yaml` at the root of what is assessed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads files by this discoverer: with limits of one's own, or telling its progress.
    #[must_use]
    pub fn discoverer(mut self, discoverer: Discoverer) -> Self {
        self.discoverer = discoverer;
        self
    }

    /// Declared facts from this file instead.
    #[must_use]
    pub fn facts(mut self, file: impl Into<PathBuf>) -> Self {
        self.facts = Some(file.into());
        self
    }

    /// Also the rules of this file, and of the files that it extends.
    #[must_use]
    pub fn policy(mut self, file: impl Into<PathBuf>) -> Self {
        self.policies.push(file.into());
        self
    }

    /// Tells findings that this earlier assessment (JSON) did not have from those that it had; see [`Comparison`].
    #[must_use]
    pub fn baseline(mut self, file: impl Into<PathBuf>) -> Self {
        self.baseline = Some(file.into());
        self
    }

    /// Also what these OSV files, or folders of them, know of packages; they may be packed.
    #[must_use]
    pub fn advisories(mut self, path: impl Into<PathBuf>) -> Self {
        self.advisories.push(path.into());
        self
    }

    /// These advisories in place of those compiled in.
    #[must_use]
    pub fn builtin_advisories(mut self, advisories: Advisories) -> Self {
        self.builtin_advisories = Some(advisories);
        self
    }

    /// The day on which approvals and waivers are judged, RFC 3339; without it no approval has ended and no waiver holds.
    #[must_use]
    pub fn today(mut self, day: impl Into<String>) -> Self {
        self.today = Some(day.into());
        self
    }

    /// With the rules, providers, advisories and catalogues of this pack. If it is out of date on the day given, that is a finding.
    #[must_use]
    pub fn data(mut self, pack: DataPack) -> Self {
        self.data = Some(pack);
        self
    }

    /// Looks at messages in logs and traces with these detectors, such as ones that know data sets.
    #[must_use]
    pub fn detectors(mut self, detectors: Detectors) -> Self {
        self.detectors = Some(detectors);
        self
    }

    /// Assesses files and folders. Errors are of the configuration: facts, policies, baseline. Input that cannot be read
    /// is listed in [`Assessment::incomplete`].
    pub fn run<P: AsRef<Path>>(&self, paths: impl IntoIterator<Item = P>) -> Result<Assessment> {
        let Read { mut discovery, facts } = self.read(paths)?;
        if discovery.files.is_empty() {
            discovery.warnings.push("no file of a known format was read, so nothing was judged".to_owned());
        }
        runtime::settle(&mut discovery);
        let detectors = self.detectors.as_ref().unwrap_or(Detectors::builtin());
        let hits = runtime::hits(&discovery.events, &discovery.inventory, detectors);
        runtime::record(hits, &mut discovery.inventory);
        runtime::describe(&mut discovery, detectors);
        self.judge_by(&facts, discovery)
    }

    /// Judges an inventory as it is, such as one of a history: with the rules, the parameters of the facts file that was
    /// given, and the baseline.
    pub fn judge(&self, inventory: Inventory) -> Result<Assessment> {
        let (_, facts) = self.declared(&[])?;
        self.judge_by(&facts, Discovery { inventory, ..Discovery::default() })
    }

    fn judge_by(&self, facts: &Facts, mut discovery: Discovery) -> Result<Assessment> {
        let policies = self.policies(facts)?;
        let baseline = self.baseline.as_deref().map(Baseline::read).transpose()?;
        descriptions::judge(&mut discovery.inventory);
        descriptions::judge_prompts(&mut discovery.inventory);
        self.note_supply(&mut discovery)?;
        retention::mark(&mut discovery.inventory);
        let differ = classes::settle(&mut discovery.inventory);
        discovery.warnings.extend(differ);
        let used = usage::of(&discovery.inventory);
        stale::mark(&used, &mut discovery.inventory);
        if let Some(today) = &self.today {
            facts.mark_expired(today, &mut discovery.inventory);
        }
        let solution = path::solve(&discovery.inventory, &Query::posture());
        let Verdict { mut findings, waived, warnings } =
            policies.waive(policies.evaluate(&discovery.inventory, &solution));
        discovery.warnings.extend(warnings);
        if let Some(stale) = self.data.as_ref().and_then(|pack| pack.stale(self.today.as_deref())) {
            let worse = findings.partition_point(|finding| finding.severity >= stale.severity);
            findings.insert(worse, stale);
        }
        let unknown = policies.unknown(&discovery.inventory);
        let inventory = &discovery.inventory;
        let readiness = readiness::answers(&policies, inventory, &solution, &discovery.files, &findings, &waived)?;
        let coverage = controls::coverage(&policies, inventory, &findings, &waived, &readiness);
        let risks = risk::of(inventory, &findings, &solution.paths);
        let mut assessment = Assessment::of_paths(discovery, solution);
        assessment.findings = findings;
        assessment.waived = waived;
        if let Some(baseline) = baseline {
            baseline.apply(&mut assessment);
        }
        assessment.summary = Summary::new(&assessment.inventory, &assessment.findings, assessment.paths.len());
        assessment.data_pack = self.data.as_ref().map(|pack| pack.info(self.today.as_deref()));
        assessment.unknown = unknown;
        assessment.coverage = coverage;
        assessment.risks = risks;
        assessment.readiness = readiness;
        assessment.unused_permissions = used;
        Ok(assessment)
    }

    /// Only the attack paths, for any question; what was discovered comes with them.
    pub fn trace<P: AsRef<Path>>(
        &self,
        paths: impl IntoIterator<Item = P>,
        query: &Query,
    ) -> Result<(Discovery, Solution)> {
        let mut discovery = self.discover(paths)?;
        let mut solution = path::solve(&discovery.inventory, query);
        solution.warnings.append(&mut discovery.warnings);
        Ok((discovery, solution))
    }

    /// Only what is there, with what is declared of it.
    pub fn discover<P: AsRef<Path>>(&self, paths: impl IntoIterator<Item = P>) -> Result<Discovery> {
        Ok(self.read(paths)?.discovery)
    }

    /// What is there, with what is declared of it.
    fn read<P: AsRef<Path>>(&self, paths: impl IntoIterator<Item = P>) -> Result<Read> {
        let paths: Vec<PathBuf> = paths.into_iter().map(|path| path.as_ref().to_path_buf()).collect();
        let (file, facts) = self.declared(&paths)?;
        let discoverer = self.discoverer.clone();
        let discoverer = match &self.data {
            Some(pack) => pack.discoverer(discoverer)?,
            None => discoverer,
        };
        let mut discovery = discoverer.run(&paths);
        if let Some(file) = file {
            let path = file.display().to_string();
            discovery.skipped.retain(|unread| unread.path != path);
            discovery.files.push(FileSeen { path, format: "aispm-facts".to_owned(), assets: 0 });
            discovery.files.sort_by(|a, b| a.path.cmp(&b.path));
        }
        discovery.warnings = facts.apply(&mut discovery.inventory);
        Ok(Read { discovery, facts })
    }

    /// The facts given, or those of the argument that is an `aispm.yaml` or a folder with one; and their file.
    fn declared(&self, paths: &[PathBuf]) -> Result<(Option<PathBuf>, Facts)> {
        let named = |path: &PathBuf| path.is_file() && path.file_name().is_some_and(|name| name == FACTS_FILE);
        let found = paths.iter().map(|path| if named(path) { path.clone() } else { path.join(FACTS_FILE) });
        let found = found.filter(|file| self.facts.is_none() && file.is_file());
        let mut files: Vec<PathBuf> = self.facts.iter().cloned().chain(found).collect();
        // a folder and the file in it, or a folder given twice
        let mut seen = HashSet::new();
        files.retain(|file| seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())));
        match files.as_slice() {
            [] => Ok((None, Facts::default())),
            [file] => Ok((Some(file.clone()), Facts::from_yaml(&file.display().to_string(), &load(file)?)?)),
            [_, second, ..] => {
                let message = format!("two folders hold an {FACTS_FILE}; name the one to use with --facts");
                Err(Error::new(ErrorKind::Usage, message).at(second))
            }
        }
    }

    fn policies(&self, facts: &Facts) -> Result<PolicySet> {
        let mut builder = PolicySet::builder().facts(facts).today(self.today.as_deref());
        if let Some(pack) = &self.data {
            builder = pack.policies(builder)?;
        }
        for file in &self.policies {
            builder = builder.file(file)?;
        }
        builder.build()
    }
}

struct Read {
    discovery: Discovery,
    facts: Facts,
}

/// Where declared facts stand at the root of what is assessed.
const FACTS_FILE: &str = "aispm.yaml";

fn load(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(|error| Error::unreadable(file, error))
}

impl Summary {
    fn new(inventory: &Inventory, findings: &[Finding], paths: usize) -> Self {
        let mut by_severity = BTreeMap::new();
        for finding in findings {
            *by_severity.entry(finding.severity).or_default() += 1;
        }
        let ai_assets = inventory.assets().filter(|asset| asset.ai).count();
        Self { assets: inventory.len(), ai_assets, paths, findings: by_severity }
    }
}

impl Assessment {
    /// What is there and how attackers would move, not judged.
    pub(crate) fn of_paths(discovery: Discovery, solution: Solution) -> Self {
        Self {
            summary: Summary::new(&discovery.inventory, &[], solution.paths.len()),
            paths: solution.paths,
            choke_points: solution.choke_points,
            fixes: solution.fixes,
            admins: solution.admins,
            warnings: discovery.warnings.into_iter().chain(solution.warnings).collect(),
            inventory: discovery.inventory,
            files: discovery.files,
            skipped: discovery.skipped,
            incomplete: discovery.incomplete,
            ..Self::default()
        }
    }

    /// Whether a finding is at or above this severity.
    #[must_use]
    pub fn fails(&self, bar: Severity) -> bool {
        self.findings.iter().any(|finding| finding.severity >= bar)
    }

    /// Takes in one run-time event: counts its hits on the asset's `observed` property, raises the risk of the attack
    /// paths near the asset, each by half of what is missing to 100, and with it the [`risks`](Self::risks). A message
    /// without a match changes nothing. O(text + paths · steps + relations near the asset + findings).
    pub fn observe(&mut self, event: &Event) -> Observation {
        self.observe_with(event, Detectors::builtin())
    }

    /// [`observe`](Self::observe) with detectors of one's own. What repeats a known data set that is in the inventory is
    /// a hit on that asset as well, and raises the risk around it.
    pub fn observe_with(&mut self, event: &Event, detectors: &Detectors) -> Observation {
        let hits = runtime::hits(std::slice::from_ref(event), &self.inventory, detectors);
        let mut seen = Observation::default();
        let mut near = BTreeSet::new();
        for (asset, detector, _) in hits.keys() {
            near.extend(runtime::neighbourhood(asset, &self.inventory, NEIGHBOURHOOD));
            if !seen.detectors.iter().any(|known| known == detector.as_str()) {
                seen.detectors.push(detector.to_string());
            }
        }
        runtime::record(hits, &mut self.inventory);
        if !seen.detectors.is_empty() {
            seen.asset = Some(runtime::resolve(&event.asset, &self.inventory));
            for path in self.paths.iter_mut().filter(|path| path.assets().any(|id| near.contains(id))) {
                path.risk += (100.0 - path.risk) / 2.0;
                seen.paths.push(path.id.clone());
            }
            let known = self.baseline.iter().flat_map(|baseline| &baseline.known);
            self.risks = risk::of(&self.inventory, self.findings.iter().chain(known), &self.paths);
        }
        seen
    }

    /// Only what one owner answers for: findings of his assets, attack paths through them, and his own scores. The
    /// inventory and the coverage stay those of the estate.
    #[must_use]
    pub fn of_owner(mut self, owner: &str) -> Self {
        let owns = |id: &AssetId| self.inventory.get(id.as_str()).is_some_and(|a| a.owner.as_deref() == Some(owner));
        self.findings.retain(|finding| owns(&finding.asset));
        self.paths.retain(|path| path.assets().any(owns));
        if let Some(told) = &mut self.baseline {
            told.known.retain(|finding| owns(&finding.asset));
            // the asset may be gone as well
            told.resolved.retain(|finding| finding.owner.as_deref() == Some(owner));
            told.new_paths.retain(|id| self.paths.iter().any(|path| path.id == *id));
        }
        self.risks.retain(|risk| match risk.subject {
            RiskSubject::Owner => risk.id == owner,
            RiskSubject::System | RiskSubject::Asset => owns(&AssetId::from(risk.id.as_str())),
            RiskSubject::Estate => false,
        });
        self.summary = Summary::new(&self.inventory, &self.findings, self.paths.len());
        self
    }

    /// The ids of a system and of all that it contains, over any number of containers. O(relations met · log n).
    #[must_use]
    pub fn members(&self, system: &str) -> Vec<&str> {
        self.inventory.get(system).map_or_else(Vec::new, |system| risk::contained(&self.inventory, system))
    }

    /// Unreadable input that a gate must not pass without.
    pub fn blind_spots(&self) -> impl Iterator<Item = &Unread> {
        self.incomplete.iter().filter(|unread| unread.critical)
    }
}

/// Assesses one file or folder with the defaults.
pub fn assess(path: impl AsRef<Path>) -> Result<Assessment> {
    Assessor::new().run([path])
}

#[cfg(test)]
mod tests {
    use crate::asset::STATED;

    /// What looks at an inventory, not at files, states nothing but facts.
    #[test]
    fn every_fact_has_a_name_of_its_own() {
        // sources have this one under the same name and meaning
        let shared = "retention_days";
        let sources = [
            include_str!("../supply/integrity.rs"),
            include_str!("../supply/flaw.rs"),
            include_str!("runtime.rs"),
            include_str!("stale.rs"),
            include_str!("retention.rs"),
            include_str!("descriptions.rs"),
            include_str!("../discover/declared.rs"),
            include_str!("../discover/declared/evidence.rs"),
            include_str!("../discover/safeguard/mod.rs"),
            include_str!("../discover/signature.rs"),
        ];
        let set = ["properties.insert(\"", "properties.entry(\""];
        let names = sources.iter().flat_map(|source| {
            let after = set.iter().flat_map(|set| source.split(set).skip(1));
            after.filter_map(|rest| rest.split('"').next())
        });
        let names: Vec<&str> = names.collect();
        assert!(names.len() > 10);
        for name in names {
            assert!(STATED.contains(&name) || name == shared, "{name}");
        }
    }
}
