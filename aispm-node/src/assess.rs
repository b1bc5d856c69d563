//! `assess`, `discover` and the objects of their results.

use std::collections::BTreeMap;

use aispm_core::assess::Assessor;
use aispm_core::identity::usage;
use aispm_core::monitor::now;
use aispm_core::policy::PolicySet;
use aispm_core::report::{Format, Report};
use aispm_core::{asset, path};
use napi::Env;
use napi::bindgen_prelude::{AsyncTask, Either};
use napi_derive::napi;
use serde_json::{Map, Value};

use crate::convert::{Js, class, object};
use crate::posture::{Answer, Comparison, Coverage, DataInfo, Explanation, Risk, Waived};
use crate::task::{Call, promise, sync};

object! {
    /// A place in the input that shows why something was said.
    Evidence(asset::Evidence) {
        path: String,
        line: Option<f64>,
        pointer: Option<String>,
        excerpt: Option<String>,
    }
}

object! {
    /// A control of a framework.
    Control(asset::Control) { framework: String, id: String }
}

object! {
    /// Something wrong with an asset, with the evidence that shows it.
    Finding(asset::Finding) {
        fingerprint: String,
        rule: String,
        title: String,
        #[napi(ts_type = "Severity")]
        severity: String,
        asset: String,
        owner: Option<String>,
        message: String,
        fix: String,
        related: Vec<String>,
        controls: Vec<Control>,
        evidence: Vec<Evidence>,
    }
}

object! {
    /// What protects data, as far as known.
    Encryption(asset::Encryption) { at_rest: Option<bool>, in_transit: Option<bool>, customer_key: Option<bool> }
}

object! {
    /// Where a model, data set or package comes from.
    Provenance(asset::Provenance) {
        publisher: Option<String>,
        source: Option<String>,
        version: Option<String>,
        revision: Option<String>,
        licence: Option<String>,
        pinned: Option<bool>,
        signed: Option<bool>,
        digests: BTreeMap<String, String>,
    }
}

object! {
    /// One thing in the estate.
    Asset(asset::Asset) {
        id: String,
        kind: String,
        name: String,
        aliases: Vec<String>,
        ai: bool,
        #[napi(ts_type = "'local' | 'internal' | 'restricted' | 'public'")]
        exposure: Option<String>,
        #[napi(ts_type = "'none' | 'key' | 'identity'")]
        authentication: Option<String>,
        encryption: Encryption,
        data_classes: Vec<String>,
        inherited_classes: Vec<InheritedClass>,
        owner: Option<String>,
        owner_claims: Vec<OwnerClaim>,
        purpose: Option<String>,
        environment: Option<String>,
        #[napi(ts_type = "'prohibited' | 'high' | 'limited' | 'minimal'")]
        risk_class: Option<String>,
        #[napi(ts_type = "'foundation' | 'fine_tuned' | 'classical'")]
        model_type: Option<String>,
        provenance: Provenance,
        #[napi(ts_type = "Record<string, unknown>")]
        properties: Map<String, Value>,
        external_findings: Vec<ExternalFinding>,
        evidence: Vec<Evidence>,
    }
}

object! {
    /// A class of data that came to an asset along its lineage.
    InheritedClass(asset::InheritedClass) { class: String, from: String }
}

object! {
    /// One claim of who owns an asset.
    OwnerClaim(asset::OwnerClaim) { source: String, owner: String, evidence: Vec<Evidence> }
}

object! {
    /// What another tool found on an asset.
    ExternalFinding(asset::ExternalFinding) {
        tool: String,
        rule: String,
        title: String,
        #[napi(ts_type = "Severity")]
        severity: String,
        time: Option<String>,
        evidence: Vec<Evidence>,
    }
}

object! {
    /// How often something was seen to happen, and when.
    Activity(asset::Activity) {
        count: f64,
        first: Option<String>,
        last: Option<String>,
        actions: BTreeMap<String, f64>,
    }
}

object! {
    /// An asset that a question to the lineage found, and a shortest chain that shows it.
    LineageAnswer(asset::LineageAnswer) { asset: String, chain: Vec<String> }
}

object! {
    /// `from` RELATION `to`.
    Relation(asset::Relation) {
        kind: String,
        from: String,
        to: String,
        activity: Option<Activity>,
        evidence: Vec<Evidence>,
    }
}

object! {
    /// All assets and relations of an estate.
    Inventory(asset::Inventory) { assets: Vec<Asset> = assets, relations: Vec<Relation> = relations }
}

object! {
    /// A file that was understood.
    FileSeen(aispm_core::discover::FileSeen) { path: String, format: String, assets: f64 }
}

object! {
    /// A file that was not read, or not to its end.
    Unread(aispm_core::discover::Unread) { path: String, reason: String, critical: bool }
}

object! {
    /// One move of an attacker; `from` lists all that it needs.
    Step(path::Step) {
        technique: String,
        rule: String,
        description: String,
        from: Vec<String>,
        to: String,
        conditions: Vec<String>,
        evidence: Vec<Evidence>,
    }
}

object! {
    /// A change as text, made for a person to review.
    Patch(path::Patch) {
        #[napi(ts_type = "'aws-policy' | 'kubernetes' | 'terraform'")]
        format: String,
        title: String,
        text: String,
    }
}

object! {
    /// What a step needs, and how to say that it is not so.
    Premise(path::Premise) { kind: String, without: Vec<String> }
}

object! {
    /// A premise of one path, to be taken away: the path vanishes without it.
    PathFix(path::PathFix) {
        action: String,
        asset: String,
        step: f64,
        premise: Premise,
        evidence: Vec<Evidence>,
        patch: Option<Patch>,
    }
}

object! {
    /// A chain of steps from a source to a target; `risk` is a rank, no probability.
    AttackPath(path::AttackPath) {
        id: String,
        title: String,
        source: String,
        target: String,
        goal: String,
        #[napi(ts_type = "'poisoning' | 'misuse' | 'extraction' | 'data_leak' | 'denial_of_wallet' | 'takeover'")]
        consequence: String,
        #[napi(ts_type = "'confirmed' | 'conditional'")]
        status: String,
        conditions: Vec<String>,
        #[napi(ts_type = "Severity")]
        severity: String,
        risk: f64,
        steps: Vec<Step>,
        fixes: Vec<PathFix>,
    }
}

object! {
    /// An asset that many paths pass.
    ChokePoint(path::ChokePoint) { asset: String, paths: f64 }
}

object! {
    /// A change that cuts paths.
    Fix(path::Fix) { action: String, asset: String, paths_cut: f64, evidence: Vec<Evidence> }
}

object! {
    /// A rule that could not judge, and what it needs.
    Unknown(aispm_core::policy::Unknown) { rule: String, needs: String }
}

object! {
    /// A time over which use was observed.
    Window(usage::Window) { from: Option<String>, until: Option<String>, sources: Vec<String> }
}

object! {
    /// An action that was used.
    Used(usage::Used) { action: String, count: f64, on: Vec<String> }
}

object! {
    /// A policy in place of one that an identity holds.
    Narrowed(usage::Narrowed) { policy: String, evidence: Evidence, document: Value }
}

object! {
    /// AI permissions of an identity against their use.
    Usage(usage::Usage) {
        identity: String,
        observed: Window,
        used: Vec<Used>,
        unused: Vec<String>,
        unknown: Vec<String>,
        narrowed: Vec<Narrowed>,
    }
}

object! {
    /// Counts of an assessment.
    Summary(aispm_core::assess::Summary) {
        assets: f64,
        ai_assets: f64,
        paths: f64,
        #[napi(ts_type = "Partial<Record<Severity, number>>")]
        findings: BTreeMap<String, f64>,
    }
}

class! {
    /// What discovery saw.
    Discovery(aispm_core::discover::Discovery) {
        /// Assets by id.
        assets: Vec<Asset> = |found: &aispm_core::discover::Discovery| assets(&found.inventory),
        /// Relations by their ends.
        relations: Vec<Relation> = |found: &aispm_core::discover::Discovery| relations(&found.inventory),
        /// Files that were understood.
        files: Vec<FileSeen>,
        /// Files that are not of a known format.
        skipped: Vec<Unread>,
        /// Input that should have been read but could not.
        incomplete: Vec<Unread>,
        /// What the caller should know.
        warnings: Vec<String>,
    }
}

#[napi]
impl Discovery {
    /// What comes from assets or data (or, upstream, what they come from), each with a shortest chain.
    #[napi]
    pub fn lineage(&self, env: &Env, question: LineageQuestion) -> napi::Result<Vec<LineageAnswer>> {
        sync(env, question.ask(&self.inner.inventory))
    }
}

/// Where a question to the lineage starts, and which assets it asks for.
#[napi(object, object_to_js = false)]
#[derive(Debug, Default)]
pub struct LineageQuestion {
    /// Start at these assets.
    #[napi(ts_type = "string | string[]")]
    pub from: Option<Either<String, Vec<String>>>,
    /// Start at the assets that hold one of these classes of data.
    #[napi(ts_type = "string | string[]")]
    pub classes: Option<Either<String, Vec<String>>>,
    /// Against the data: what it comes from.
    pub upstream: Option<bool>,
    /// Only along chains that pass an asset of this kind.
    pub through: Option<String>,
    /// Only assets of this kind.
    pub kind: Option<String>,
}

impl LineageQuestion {
    fn ask(self, inventory: &asset::Inventory) -> aispm_core::Result<Vec<LineageAnswer>> {
        let kind = |name: Option<String>| name.map(|name| name.parse()).transpose();
        let mut query = asset::LineageQuery::default();
        query.from = self.from.map(many).unwrap_or_default().into_iter().map(asset::AssetId::from).collect();
        query.classes = self.classes.map(many).unwrap_or_default().into_iter().collect();
        query.upstream = self.upstream.unwrap_or_default();
        (query.through, query.kind) = (kind(self.through)?, kind(self.kind)?);
        Ok(inventory.lineage(&query).js())
    }
}

class! {
    /// What is known and wrong of an estate.
    Assessment(aispm_core::assess::Assessment) {
        /// Counts.
        summary: Summary,
        /// What is wrong, worst first.
        findings: Vec<Finding>,
        /// What is wrong and somebody accepts for a while, worst first.
        waived: Vec<Waived>,
        /// How attackers would move, worst first.
        paths: Vec<AttackPath>,
        /// Where most paths meet.
        choke_points: Vec<ChokePoint>,
        /// The cheapest changes that cut the paths.
        fixes: Vec<Fix>,
        /// Identities that may do everything.
        admins: Vec<String>,
        /// Everything found.
        inventory: Inventory,
        /// Files that were understood.
        files: Vec<FileSeen>,
        /// Files that are not of a known format.
        skipped: Vec<Unread>,
        /// Input that should have been read but could not.
        incomplete: Vec<Unread>,
        /// AI permissions that identities hold, against what logs show them to use, with narrowed policies.
        unused_permissions: Vec<Usage>,
        /// How much what is wrong matters: the estate, systems, owners, then assets, each worst first.
        risks: Vec<Risk>,
        /// How the controls of each framework came out.
        coverage: Vec<Coverage>,
        /// What came and went since the baseline, if one was given.
        baseline: Option<Comparison>,
        /// Plain questions of a security lead, answered.
        readiness: Vec<Answer>,
        /// The data pack that was used, if any.
        data_pack: Option<DataInfo>,
        /// Rules that could not judge, and what they need.
        unknown: Vec<Unknown>,
        /// What the caller should know.
        warnings: Vec<String>,
    }
}

#[napi]
impl Assessment {
    /// Whether a finding is at or above this severity.
    #[napi(ts_args_type = "severity: Severity")]
    pub fn fails(&self, env: &Env, severity: String) -> napi::Result<bool> {
        sync(env, severity.parse().map(|bar| self.inner.fails(bar)))
    }

    /// What comes from assets or data (or, upstream, what they come from), each with a shortest chain.
    #[napi]
    pub fn lineage(&self, env: &Env, question: LineageQuestion) -> napi::Result<Vec<LineageAnswer>> {
        sync(env, question.ask(&self.inner.inventory))
    }

    /// The report in a format of the command line: `text`, `json`, `sarif`, `html`, ….
    #[napi]
    pub fn render(&self, env: &Env, format: String) -> napi::Result<String> {
        let rules = PolicySet::builtin().map(|policies| policies.rules());
        let rendered =
            format.parse::<Format>().and_then(|format| Ok(Report::new(&self.inner).rules(&rules?).render(format)));
        sync(env, rendered)
    }

    /// Explains a finding (fingerprint, or six digits of it), an attack path, an asset, a system, an owner, a rule, or
    /// `estate`.
    #[napi]
    pub fn explain(&self, env: &Env, id: String) -> napi::Result<Explanation> {
        let rules = PolicySet::builtin().map(|policies| policies.rules());
        sync(env, rules.and_then(|rules| Report::new(&self.inner).rules(&rules).explain(&id)).map(Js::js))
    }

    /// Only what one owner answers for.
    #[napi]
    pub fn of_owner(&self, owner: String) -> Self {
        self.inner.clone().of_owner(&owner).into()
    }
}

/// What an assessment takes besides the built-in rules.
#[napi(object, object_to_js = false)]
#[derive(Debug, Default)]
pub struct AssessOptions {
    /// Declared facts; by default `aispm.yaml` at the root of what is assessed.
    pub facts: Option<String>,
    /// Further rules.
    #[napi(ts_type = "string | string[]")]
    pub policy: Option<Either<String, Vec<String>>>,
    /// An earlier assessment (JSON); only findings that it did not have are reported.
    pub baseline: Option<String>,
    /// The day approvals, evidence and waivers are judged on, `YYYY-MM-DD`; by default the system's.
    pub today: Option<String>,
}

fn run(paths: Either<String, Vec<String>>, options: Option<AssessOptions>) -> aispm_core::Result<Assessment> {
    let AssessOptions { facts, policy, baseline, today } = options.unwrap_or_default();
    let mut assessor = Assessor::new();
    if let Some(file) = facts {
        assessor = assessor.facts(file);
    }
    for file in policy.map(many).unwrap_or_default() {
        assessor = assessor.policy(file);
    }
    if let Some(file) = baseline {
        assessor = assessor.baseline(file);
    }
    assessor = assessor.today(today.unwrap_or_else(now));
    assessor.run(many(paths)).map(Assessment::from)
}

/// Assesses files and folders: what AI there is, what is wrong with it, how an attacker would move.
#[napi(ts_return_type = "Promise<Assessment>")]
pub fn assess(path: Either<String, Vec<String>>, options: Option<AssessOptions>) -> AsyncTask<Call<Assessment>> {
    promise(move || run(path, options))
}

/// `assess` on this thread.
#[napi]
pub fn assess_sync(
    env: &Env,
    path: Either<String, Vec<String>>,
    options: Option<AssessOptions>,
) -> napi::Result<Assessment> {
    sync(env, run(path, options))
}

/// What discovery takes.
#[napi(object, object_to_js = false)]
#[derive(Debug, Default)]
pub struct DiscoverOptions {
    /// Declared facts; by default `aispm.yaml` at the root of what is read.
    pub facts: Option<String>,
}

fn read(paths: Either<String, Vec<String>>, options: Option<DiscoverOptions>) -> aispm_core::Result<Discovery> {
    let facts = options.unwrap_or_default().facts;
    facts.into_iter().fold(Assessor::new(), Assessor::facts).discover(many(paths)).map(Discovery::from)
}

/// Lists AI assets and their relations, with what is declared of them.
#[napi(ts_return_type = "Promise<Discovery>")]
pub fn discover(path: Either<String, Vec<String>>, options: Option<DiscoverOptions>) -> AsyncTask<Call<Discovery>> {
    promise(move || read(path, options))
}

/// `discover` on this thread.
#[napi]
pub fn discover_sync(
    env: &Env,
    path: Either<String, Vec<String>>,
    options: Option<DiscoverOptions>,
) -> napi::Result<Discovery> {
    sync(env, read(path, options))
}

fn many(paths: Either<String, Vec<String>>) -> Vec<String> {
    match paths {
        Either::A(path) => vec![path],
        Either::B(paths) => paths,
    }
}

fn assets(inventory: &asset::Inventory) -> Vec<Asset> {
    inventory.assets().map(|asset| asset.clone().js()).collect()
}

fn relations(inventory: &asset::Inventory) -> Vec<Relation> {
    inventory.relations().map(|relation| relation.clone().js()).collect()
}
