//! Rules as data (YAML + CEL) over assets and paths, and the controls they bear on.
//!
//! A rule looks at one asset of its kinds, at its relations and their other ends, at its lineage, at the attack paths
//! through it, at declared facts and the organisation's parameters. [`PolicySet::builtin`] holds the rules under
//! `data/policy/rules`; the same format serves anybody's own ([`PolicySetBuilder::pack`]).
//!
//! | in an expression | what it is |
//! |---|---|
//! | `asset` | the asset: every field of [`Asset`], `null` where nothing is known |
//! | `asset.sensitive`, `.approved`, `.registered`, `.admin`, `.runs_ai` | holds sensitive data; approved in aispm.yaml and not ended; has an owner or is in a declared system; effectively `*` on `*`; is AI, serves a model or stands before it |
//! | `asset.evidenced`, `asset.declared` | types of evidence declared of it or of its system and in force; the same with `ref`, `date`, `expires`, `age_days` |
//! | `outgoing`, `incoming` | relations: `kind`, `from`, `to`, and `asset`, the other end, an asset like any other |
//! | `lineage` | what it is made from or answers with, nearest first |
//! | `used_by` | what acts as this identity, directly or through identities that may become it |
//! | `paths` | attack paths through it: `source`, `target`, `goal`, `severity`, `status`, `risk`, `rules`, `techniques`, `assets`, and `entry`, what its first step reaches |
//! | `events` | what was found in its messages: `role`, `detector`, how many `messages`, and `types` of match |
//! | `asset.access`, `asset.accessed_by` | what it may do itself to AI assets, what they are made from and sensitive data, after denies, boundaries and resource policies, and who may to it: `power` (`reads`, `writes`, `poisons`, `influences`, `controls`), `rule` (the attack rule), `conditional`, and `asset`, the other end |
//! | `asset.escalations`, `asset.reads_beyond_sources` | of `access`, the stronger identities that it can become by way of an AI service; of `accessed_by`, readers who may not read all that it was made from |
//! | `asset.strangers` | principals of other accounts, or `*`, that its own policy lets in without a condition |
//! | `asset.acts_as` | the identities that it acts as, directly or by becoming them |
//! | `asset.age_days` | days since it was made, where the source says when and the day is given |
//! | `asset.full_access` | services in which an identity, or the holder of a policy, may do everything: `bedrock`, `sagemaker`, `aiplatform`, `s3`, `iam`, … |
//! | `asset.statements` | allowing policy statements found in its properties: `actions`, `resources` |
//! | `params`, `facts`, `today` | the organisation's parameters, aispm.yaml, the day given |
//! | `asset.properties.x == true` | holds for the text `true` too; what a template leaves open is neither, nor is it absent |
//! | `text.like("a*b")` | a pattern over the whole text, letter case aside; `false` on `null` |
//! | `days(from, to)` | whole days from one date or time to another |
//!
//! `because` lists what takes part; a rule that has one fires only where it is not empty. `tests` are small estates on which
//! the rule is to `fire` or to `pass`; one that fires can say what all takes part, by the ids of assets and paths
//! (`because: [ID, …]`), and [`PolicySet::mutate`] tells which mistakes the tests do not notice.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::asset::{Asset, AssetId, AssetKind, Control, Evidence, Finding, Inventory, RelationKind, Result, Severity};
use crate::path::{Access, Solution, has_principals};

mod build;
mod check;
pub mod classify;
pub mod controls;
mod eval;
mod evidence;
mod expression;
mod field;
mod mutation;
mod needs;
mod pack;
mod param;
pub mod readiness;
#[cfg_attr(not(feature = "rego"), path = "rego_absent.rs")]
mod rego;
mod rule;
mod selftest;
mod value;
mod view;
mod waiver;

pub use build::PolicySetBuilder;
pub use mutation::{MutationReport, Survivor};
pub use param::{Param, ParamType};
pub use selftest::{PackTests, TestFailure, TestReport};
pub use waiver::{EXPIRED_WAIVER, Verdict};

use expression::{Part, Scope};
use needs::Seen;
use param::Params;
use rego::RegoPolicy;
use rule::Rule;
use view::{View, World};
use waiver::Placed;

/// The parameters that rules of several packs ask for.
const PARAMS: (&str, &str) = ("params.yaml", include_str!("../../data/policy/params.yaml"));

/// The built-in packs, by category.
const BUILTIN: &[(&str, &str)] = &[
    ("discovery.yaml", include_str!("../../data/policy/rules/discovery.yaml")),
    ("exposure.yaml", include_str!("../../data/policy/rules/exposure.yaml")),
    ("identity.yaml", include_str!("../../data/policy/rules/identity.yaml")),
    ("supply_chain.yaml", include_str!("../../data/policy/rules/supply_chain.yaml")),
    ("data.yaml", include_str!("../../data/policy/rules/data.yaml")),
    ("paths.yaml", include_str!("../../data/policy/rules/paths.yaml")),
    ("agents.yaml", include_str!("../../data/policy/rules/agents.yaml")),
    ("guardrails.yaml", include_str!("../../data/policy/rules/guardrails.yaml")),
    ("runtime.yaml", include_str!("../../data/policy/rules/runtime.yaml")),
    ("compliance.yaml", include_str!("../../data/policy/rules/compliance.yaml")),
    ("governance.yaml", include_str!("../../data/policy/rules/governance.yaml")),
];

/// The rule of findings about rules that failed.
const POLICY_ERROR: &str = "POLICY-ERROR";

/// Most pieces of evidence that a finding carries.
const EVIDENCE_LIMIT: usize = 10;

/// What a rule says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct RuleInfo {
    /// Id, e.g. `EXP-001`.
    pub id: String,
    /// What is wrong when it fires.
    pub title: String,
    /// How bad that is.
    pub severity: Severity,
    /// Why it matters.
    pub description: String,
    /// What to do.
    pub fix: String,
    /// Controls it bears on.
    pub controls: Vec<Control>,
}

/// A rule that could not judge, because what it needs is not in the input: neither passed nor failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Unknown {
    /// The rule.
    pub rule: String,
    /// What would let it judge.
    pub needs: String,
}

/// A set of rules: built once, compiled as the kinds of assets it meets need it, shared between threads.
#[derive(Debug)]
pub struct PolicySet {
    /// By id.
    rules: Vec<Rule>,
    params: Arc<Params>,
    /// The values of the parameters.
    values: Map<String, Value>,
    facts: Map<String, Value>,
    waivers: Vec<Placed>,
    rego: Vec<RegoPolicy>,
    /// Declared evidence, with its places.
    shown: Vec<controls::Shown>,
    today: Option<String>,
    /// Where they are not the built-in ones.
    catalogues: Option<controls::Catalogues>,
}

impl PolicySet {
    /// The catalogues that rules cite.
    fn catalogues(&self) -> Result<&controls::Catalogues> {
        match &self.catalogues {
            Some(catalogues) => Ok(catalogues),
            None => controls::Catalogues::builtin(),
        }
    }

    /// The built-in rules.
    pub fn builtin() -> Result<Self> {
        Self::builder().build()
    }

    /// A set to configure.
    pub fn builder() -> PolicySetBuilder {
        PolicySetBuilder::default()
    }

    /// What the rules say of themselves, by id.
    #[must_use]
    pub fn rules(&self) -> Vec<RuleInfo> {
        self.rules.iter().map(|rule| rule.info.clone()).collect()
    }

    /// The parameters that rules ask for, by name, with their values.
    #[must_use]
    pub fn params(&self) -> &BTreeMap<String, Param> {
        &self.params.0
    }

    /// Judges an inventory and its attack paths: findings worst first, then by rule and asset. A rule that fails on an
    /// asset for another reason than an absent field gives a finding `POLICY-ERROR` of its own severity, so that it
    /// never passes by failing. O(assets · rules of their kind), in parallel.
    #[must_use]
    pub fn evaluate(&self, inventory: &Inventory, solution: &Solution) -> Vec<Finding> {
        let seen = Seen::of(inventory);
        let access = self.asked_access(inventory, &seen);
        let world = World::new(inventory, solution, &self.values, &self.facts, self.today.as_deref());
        let world = world.with_access(access.as_ref());
        let by_kind = self.by_kind(&seen);
        let judged = inventory.nodes().filter_map(|(asset, node)| Some((asset, node, by_kind.get(&asset.kind)?)));
        let mut findings: Vec<Finding> = judged
            .collect::<Vec<_>>()
            .into_par_iter()
            .flat_map_iter(|(asset, node, rules)| {
                let scope = Scope::of(&world, View::Asset(&world, node));
                rules.iter().filter_map(move |rule| judge(rule, asset, &scope, inventory))
            })
            .collect();
        findings.extend(self.rego.iter().flat_map(|policy| policy.evaluate(&world)));
        sort(&mut findings);
        findings
    }

    /// How many conditions hold on this inventory: what [`evaluate`](Self::evaluate) does but for what took part and for
    /// findings. To measure conditions alone.
    #[doc(hidden)]
    #[must_use]
    pub fn holding(&self, inventory: &Inventory, solution: &Solution) -> usize {
        let seen = Seen::of(inventory);
        let access = self.asked_access(inventory, &seen);
        let world = World::new(inventory, solution, &self.values, &self.facts, self.today.as_deref());
        let world = world.with_access(access.as_ref());
        let by_kind = self.by_kind(&seen);
        let judged = inventory.nodes().filter_map(|(asset, node)| Some((node, by_kind.get(&asset.kind)?)));
        let judged = judged.collect::<Vec<_>>().into_par_iter();
        let holding = judged.map(|(node, rules)| {
            let scope = Scope::of(&world, View::Asset(&world, node));
            let conditions = rules.iter().filter_map(|rule| Some(rule.expressions().ok()?.when));
            conditions.filter(|condition| condition.holds(&scope) == Ok(true)).count()
        });
        holding.sum()
    }

    /// How many conditions [`evaluate`](Self::evaluate) executes on this inventory: an asset's are those of the rules of
    /// its kind that have all they need.
    #[must_use]
    pub fn conditions(&self, inventory: &Inventory) -> usize {
        let by_kind = self.by_kind(&Seen::of(inventory));
        inventory.assets().filter_map(|asset| by_kind.get(&asset.kind)).map(Vec::len).sum()
    }

    /// The rules that can judge, by the kinds of asset that they look at.
    fn by_kind(&self, seen: &Seen<'_>) -> HashMap<AssetKind, Vec<&Rule>> {
        let mut by_kind = HashMap::<AssetKind, Vec<&Rule>>::new();
        for rule in self.rules.iter().filter(|rule| self.can_judge(rule, seen)) {
            rule.kinds.iter().for_each(|kind| by_kind.entry(*kind).or_default().push(rule));
        }
        by_kind
    }

    /// What every principal may do, if there is one and a rule that asks has something to judge.
    fn asked_access<'a>(&self, inventory: &'a Inventory, seen: &Seen<'_>) -> Option<Access<'a>> {
        let asking = self.rules.iter().filter(|rule| rule.asks_access() && self.can_judge(rule, seen));
        let kinds: HashSet<AssetKind> = asking.flat_map(|rule| rule.kinds.iter().copied()).collect();
        let asked = inventory.assets().any(|asset| kinds.contains(&asset.kind));
        (asked && has_principals(inventory)).then(|| Access::new(inventory))
    }

    /// Rules that cannot judge this inventory, and what they need, by id.
    #[must_use]
    pub fn unknown(&self, inventory: &Inventory) -> Vec<Unknown> {
        let seen = Seen::of(inventory);
        let unmet = |rule: &Rule| Some(Unknown { rule: rule.info.id.clone(), needs: self.unmet(rule, &seen)? });
        self.rules.iter().filter_map(unmet).collect()
    }
}

/// Worst first, then by rule and asset.
fn sort(findings: &mut [Finding]) {
    findings.par_sort_by(|a, b| {
        b.severity.cmp(&a.severity).then_with(|| a.rule.cmp(&b.rule)).then_with(|| a.asset.cmp(&b.asset))
    });
}

/// That a rule could not judge an asset.
fn fails(id: &str, severity: Severity, asset: &Asset, error: &str) -> Finding {
    let message = format!("rule {id} cannot judge {}: {error}", asset.name);
    let title = "A rule fails on an asset";
    let mut finding = Finding::new(POLICY_ERROR, severity, asset.id.clone(), id, title, message);
    finding.fix = format!("Correct the expression of {id}.");
    finding.owner.clone_from(&asset.owner);
    finding.evidence.clone_from(&asset.evidence);
    finding
}

/// The finding of a rule on an asset, if it fires.
fn judge<'a>(rule: &'a Rule, asset: &Asset, scope: &Scope<'a>, inventory: &Inventory) -> Option<Finding> {
    let info = &rule.info;
    let parts = match rule.judge(scope) {
        Ok(parts) => parts?,
        Err(error) => {
            return Some(fails(&info.id, info.severity, asset, &error));
        }
    };
    let mut evidence = rule.shown(asset);
    let (related, others) = took_part(&parts, asset, scope);
    evidence.extend(others);
    let names = related.iter().map(|id| match inventory.get(id.as_str()) {
        Some(asset) => (asset.name.as_str(), Some(asset.kind)),
        None => (id.as_str(), None),
    });
    let message = rule.message(scope, &names.collect::<Vec<_>>());
    let mut finding = Finding::new(&info.id, info.severity, asset.id.clone(), "", &info.title, message);
    let mut seen = HashSet::new();
    evidence.retain(|evidence| seen.insert(evidence.clone()));
    evidence.truncate(EVIDENCE_LIMIT);
    finding.fix.clone_from(&info.fix);
    finding.owner.clone_from(&asset.owner);
    finding.controls.clone_from(&info.controls);
    finding.related = related;
    finding.evidence = evidence;
    Some(finding)
}

/// Other assets that took part, each once, and the evidence of the asset, then of the relations, then of the others.
fn took_part(parts: &[Part], asset: &Asset, scope: &Scope<'_>) -> (Vec<AssetId>, Vec<Evidence>) {
    let inventory = scope.world().inventory;
    let mut related = Vec::<AssetId>::new();
    let mut evidence = asset.evidence.iter().take(EVIDENCE_LIMIT / 2).cloned().collect::<Vec<_>>();
    for part in parts {
        let ends = match part {
            Part::Relation { from, kind, to } => {
                let kind = kind.parse::<RelationKind>().ok();
                let same = inventory.outgoing(from).find(|r| Some(r.kind) == kind && r.to.as_str() == to.as_str());
                evidence.extend(same.into_iter().flat_map(|relation| relation.evidence.first().cloned()));
                [from, to]
            }
            Part::Right { from, power, to } => {
                // more is not shown
                if evidence.len() < EVIDENCE_LIMIT {
                    evidence.extend(scope.world().proof(from, power, to));
                }
                [from, to]
            }
            Part::Asset(id) => [id, id],
            Part::Path { id, source, target } => {
                evidence.extend(scope.world().steps(source, id).cloned());
                [source, target]
            }
        };
        for id in ends.into_iter().filter(|id| id.as_str() != asset.id.as_str()) {
            if !related.iter().any(|known| known.as_str() == id.as_str()) {
                related.push(AssetId::from(id));
            }
        }
    }
    let others = related.iter().filter_map(|id| inventory.get(id.as_str())?.evidence.first().cloned());
    evidence.extend(others);
    (related, evidence)
}

#[cfg(test)]
mod peer;
#[cfg(test)]
mod tests;
