//! `aispm.assess`, `aispm.discover` and the classes of their results.

use std::collections::BTreeSet;
use std::path::PathBuf;

use aispm_core::assess::Assessor;
use aispm_core::identity::usage;
use aispm_core::monitor::now;
use aispm_core::policy::PolicySet;
use aispm_core::report::{Format, Report};
use aispm_core::{asset, path};
use pyo3::prelude::*;

use crate::convert::{Native, call, escape, raise, table, view};

view! {
    /// A place in the input that shows why something was said.
    part Evidence(asset::Evidence) repr(path, line, pointer)
    { path, line, pointer, excerpt, location = |e: &asset::Evidence| e.location() }
}

view! {
    /// A control of a framework.
    part Control(asset::Control) repr(framework, id)
    { framework, id }
}

view! {
    /// Something wrong with an asset, with the evidence that shows it.
    part Finding(asset::Finding) repr(rule, severity, asset, message)
    { fingerprint, rule, title, severity, asset, owner, message, fix, related, controls, evidence }
}

view! {
    /// What protects data, as far as known.
    part Encryption(asset::Encryption) repr(at_rest, in_transit, customer_key)
    { at_rest, in_transit, customer_key }
}

view! {
    /// Where a model, data set or package comes from.
    part Provenance(asset::Provenance) repr(publisher, source, version, revision)
    { publisher, source, version, revision, licence, pinned, signed, digests }
}

view! {
    /// One thing in the estate.
    part Asset(asset::Asset) repr(id, kind, name, ai)
    {
        id, kind, name, aliases, ai, exposure, authentication, encryption, data_classes, inherited_classes, owner,
        owner_claims, purpose, environment, risk_class, model_type, provenance, properties, external_findings,
        evidence,
    }
}

view! {
    /// A class of data that came to an asset along its lineage.
    part InheritedClass(asset::InheritedClass) repr(class_, from_)
    { class_ = |c: &asset::InheritedClass| c.class.clone(), from_ = |c: &asset::InheritedClass| c.from.clone() }
}

view! {
    /// One claim of who owns an asset.
    part OwnerClaim(asset::OwnerClaim) repr(source, owner)
    { source, owner, evidence }
}

view! {
    /// What another tool found on an asset.
    part ExternalFinding(asset::ExternalFinding) repr(tool, rule, severity)
    { tool, rule, title, severity, time, evidence }
}

view! {
    /// How often something was seen to happen, and when.
    part Activity(asset::Activity) repr(count, first, last)
    { count, first, last, actions }
}

view! {
    /// An asset that a question to the lineage found, and a shortest chain that shows it.
    part LineageAnswer(asset::LineageAnswer) repr(asset, chain)
    { asset, chain }
}

view! {
    /// `from_` RELATION `to`.
    part Relation(asset::Relation) repr(from_, kind, to)
    { kind, from_ = |r: &asset::Relation| r.from.clone(), to, activity, evidence }
}

view! {
    /// All assets and relations of an estate.
    part Inventory(asset::Inventory)
    { assets = assets, relations = relations }

    fn __repr__(&self) -> String {
        format!("Inventory({} assets, {} relations)", self.inner.len(), self.inner.relations().len())
    }

    /// The asset of this id, or None.
    fn get(&self, py: Python<'_>, id: &str) -> PyResult<Py<PyAny>> {
        self.inner.get(id).cloned().native(py)
    }

    fn __len__(&self) -> usize {
        self.inner.len()
    }

    /// What comes from assets or data (or, upstream, what they come from), each with a shortest chain.
    #[pyo3(signature = (*, from_ = None, classes = None, upstream = false, through = None, kind = None))]
    fn lineage(
        &self,
        py: Python<'_>,
        from_: Option<Names>,
        classes: Option<Names>,
        upstream: bool,
        through: Option<&str>,
        kind: Option<&str>,
    ) -> PyResult<Py<PyAny>> {
        let query = query(py, from_, classes, upstream, through, kind)?;
        py.detach(|| self.inner.lineage(&query)).native(py)
    }
}

view! {
    /// A file that was understood.
    part FileSeen(aispm_core::discover::FileSeen) repr(path, format, assets)
    { path, format, assets }
}

view! {
    /// A file that was not read, or not to its end.
    part Unread(aispm_core::discover::Unread) repr(path, reason)
    { path, reason, critical }
}

view! {
    /// What discovery saw.
    document Discovery(aispm_core::discover::Discovery)
    {
        assets = |d: &aispm_core::discover::Discovery| assets(&d.inventory),
        relations = |d: &aispm_core::discover::Discovery| relations(&d.inventory),
        files, skipped, incomplete, warnings,
    }

    /// What comes from assets or data (or, upstream, what they come from), each with a shortest chain.
    #[pyo3(signature = (*, from_ = None, classes = None, upstream = false, through = None, kind = None))]
    fn lineage(
        &self,
        py: Python<'_>,
        from_: Option<Names>,
        classes: Option<Names>,
        upstream: bool,
        through: Option<&str>,
        kind: Option<&str>,
    ) -> PyResult<Py<PyAny>> {
        let query = query(py, from_, classes, upstream, through, kind)?;
        py.detach(|| self.inner.inventory.lineage(&query)).native(py)
    }

    fn __repr__(&self) -> String {
        let aispm_core::discover::Discovery { inventory, files, incomplete, .. } = &self.inner;
        format!("Discovery({} assets, {} files, {} incomplete)", inventory.len(), files.len(), incomplete.len())
    }

    fn _repr_html_(&self) -> String {
        table("Discovery", &self.inner)
    }
}

impl Native for path::From {
    fn native(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self {
            Self::One(id) => vec![id.clone()].native(py),
            Self::All(ids) => ids.native(py),
            _ => Ok(py.None()),
        }
    }
}

view! {
    /// One move of an attacker; `from_` lists all that it needs.
    part Step(path::Step) repr(technique, from_, to)
    { technique, rule, description, from_ = |s: &path::Step| s.from.clone(), to, conditions, evidence }
}

view! {
    /// A change as text, made for a person to review.
    part Patch(path::Patch) repr(format, title)
    { format, title, text }
}

view! {
    /// What a step needs, and how to say that it is not so.
    part Premise(path::Premise) repr(kind, without)
    { kind, without }
}

view! {
    /// A premise of one path, to be taken away: the path vanishes without it.
    part PathFix(path::PathFix) repr(action, asset, step)
    { action, asset, step, premise, evidence, patch }
}

view! {
    /// A chain of steps from a source to a target; `risk` is a rank, no probability.
    part AttackPath(path::AttackPath) repr(title, source, target, goal, status, risk)
    { id, title, source, target, goal, consequence, status, conditions, severity, risk, steps, fixes }
}

view! {
    /// An asset that many paths pass.
    part ChokePoint(path::ChokePoint) repr(asset, paths)
    { asset, paths }
}

view! {
    /// A change that cuts paths.
    part Fix(path::Fix) repr(action, asset, paths_cut)
    { action, asset, paths_cut, evidence }
}

view! {
    /// A time over which use was observed.
    part Window(usage::Window) repr(from_, until, sources)
    { from_ = |w: &usage::Window| w.from.clone(), until, sources }
}

view! {
    /// An action that was used.
    part Used(usage::Used) repr(action, count)
    { action, count, on }
}

view! {
    /// A policy in place of one that an identity holds.
    part Narrowed(usage::Narrowed) repr(policy)
    { policy, evidence, document }
}

view! {
    /// AI permissions of an identity against their use.
    part Usage(usage::Usage) repr(identity, observed)
    { identity, observed, used, unused, unknown, narrowed }
}

view! {
    /// A rule that could not judge, and what it needs.
    part Unknown(aispm_core::policy::Unknown) repr(rule, needs)
    { rule, needs }
}

view! {
    /// Counts of an assessment.
    part Summary(aispm_core::assess::Summary) repr(assets, ai_assets, paths, findings)
    { assets, ai_assets, paths, findings }
}

view! {
    /// What is known and wrong of an estate.
    document Assessment(aispm_core::assess::Assessment) repr(summary)
    {
        summary, findings, waived, paths, choke_points, fixes, admins, inventory, files, skipped, incomplete,
        unused_permissions, risks, coverage, baseline, readiness, data_pack, unknown, warnings,
    }

    /// The report in a format of the command line: `text`, `json`, `sarif`, `html`, ….
    fn render(&self, py: Python<'_>, format: &str) -> PyResult<String> {
        let format: Format = format.parse().map_err(|error| raise(py, &error))?;
        call(py, || Ok(Report::new(&self.inner).rules(&PolicySet::builtin()?.rules()).render(format)))
    }

    /// Explains a finding (fingerprint, or six digits of it), an attack path, an asset, a system, an owner, a rule, or
    /// `estate`.
    fn explain(&self, py: Python<'_>, id: &str) -> PyResult<Py<PyAny>> {
        call(py, || Report::new(&self.inner).rules(&PolicySet::builtin()?.rules()).explain(id))?.native(py)
    }

    /// Only what one owner answers for.
    fn of_owner(&self, owner: &str) -> Self {
        self.inner.clone().of_owner(owner).into()
    }

    /// Whether a finding is at or above this severity.
    fn fails(&self, py: Python<'_>, severity: &str) -> PyResult<bool> {
        Ok(self.inner.fails(severity.parse().map_err(|error| raise(py, &error))?))
    }

    fn _repr_html_(&self, py: Python<'_>) -> String {
        // the report is a page of its own, with styles that must not leak into the notebook
        let page = py.detach(|| Report::new(&self.inner).render(Format::Html));
        format!("<iframe srcdoc=\"{}\" sandbox style=\"width:100%;height:40em;border:0\"></iframe>", escape(&page))
    }
}

/// One path or several.
#[derive(Debug, FromPyObject)]
pub(crate) enum Paths {
    One(PathBuf),
    Many(Vec<PathBuf>),
}

impl From<Paths> for Vec<PathBuf> {
    fn from(paths: Paths) -> Self {
        match paths {
            Paths::One(path) => vec![path],
            Paths::Many(paths) => paths,
        }
    }
}

/// Assesses files and folders: what AI there is, what is wrong with it, how an attacker would move. Approvals, evidence
/// and waivers are judged on the day `today` (`YYYY-MM-DD`), by default the system's.
#[pyfunction]
#[pyo3(signature = (path, *, facts = None, policy = None, baseline = None, today = None))]
pub(crate) fn assess(
    py: Python<'_>,
    path: Paths,
    facts: Option<PathBuf>,
    policy: Option<Paths>,
    baseline: Option<PathBuf>,
    today: Option<String>,
) -> PyResult<Assessment> {
    let mut assessor = Assessor::new();
    if let Some(file) = facts {
        assessor = assessor.facts(file);
    }
    for file in policy.map(Vec::from).unwrap_or_default() {
        assessor = assessor.policy(file);
    }
    if let Some(file) = baseline {
        assessor = assessor.baseline(file);
    }
    assessor = assessor.today(today.unwrap_or_else(now));
    call(py, || assessor.run(Vec::from(path))).map(Assessment::from)
}

/// Lists AI assets and their relations, with what is declared of them.
#[pyfunction]
#[pyo3(signature = (path, *, facts = None))]
pub(crate) fn discover(py: Python<'_>, path: Paths, facts: Option<PathBuf>) -> PyResult<Discovery> {
    let assessor = facts.into_iter().fold(Assessor::new(), Assessor::facts);
    call(py, || assessor.discover(Vec::from(path))).map(Discovery::from)
}

/// One name or several.
#[derive(Debug, FromPyObject)]
pub(crate) enum Names {
    One(String),
    Many(Vec<String>),
}

impl Names {
    fn set<T: From<String> + Ord>(names: Option<Self>) -> BTreeSet<T> {
        match names {
            None => BTreeSet::new(),
            Some(Self::One(name)) => BTreeSet::from([T::from(name)]),
            Some(Self::Many(names)) => names.into_iter().map(T::from).collect(),
        }
    }
}

fn query(
    py: Python<'_>,
    from: Option<Names>,
    classes: Option<Names>,
    upstream: bool,
    through: Option<&str>,
    kind: Option<&str>,
) -> PyResult<asset::LineageQuery> {
    let kind_of = |name: Option<&str>| name.map(str::parse).transpose().map_err(|error| raise(py, &error));
    let mut query = asset::LineageQuery::default();
    (query.from, query.classes, query.upstream) = (Names::set(from), Names::set(classes), upstream);
    (query.through, query.kind) = (kind_of(through)?, kind_of(kind)?);
    Ok(query)
}

fn assets(inventory: &asset::Inventory) -> Vec<asset::Asset> {
    inventory.assets().cloned().collect()
}

fn relations(inventory: &asset::Inventory) -> Vec<asset::Relation> {
    inventory.relations().cloned().collect()
}
