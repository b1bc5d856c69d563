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
//! | `outgoing`, `incoming` | relations: `kind`, `from`, `to`, and `asset`, the other end, an asset like any other |
//! | `lineage` | what it is made from or answers with, nearest first |
//! | `used_by` | what acts as this identity, directly or through identities that may become it |
//! | `paths` | attack paths through it: `source`, `target`, `goal`, `severity`, `status`, `risk`, `rules`, `techniques`, `assets`, and `entry`, what its first step reaches |
//! | `asset.access`, `asset.accessed_by` | what it may do itself to AI assets, what they are made from and sensitive data, after denies, boundaries and resource policies, and who may to it: `power` (`reads`, `writes`, `poisons`, `influences`, `controls`), `rule` (the attack rule), `conditional`, and `asset`, the other end |
//! | `asset.strangers` | principals of other accounts, or `*`, that its own policy lets in without a condition |
//! | `asset.acts_as` | the identities that it acts as, directly or by becoming them |
//! | `asset.age_days` | days since it was made, where the source says when and the day is given |
//! | `asset.full_access` | services in which an identity, or the holder of a policy, may do everything: `bedrock`, `sagemaker`, `aiplatform`, `s3`, `iam`, … |
//! | `asset.statements` | allowing policy statements found in its properties: `actions`, `resources` |
//! | `params`, `facts`, `today` | the organisation's parameters, aispm.yaml, the day given |
//! | `text.like("a*b")` | a pattern over the whole text, letter case aside; `false` on `null` |

use std::collections::{BTreeMap, HashMap, HashSet};

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::asset::{
    Asset, AssetId, AssetKind, Control, Error, ErrorKind, Evidence, Finding, Inventory, RelationKind, Result, Severity,
};
use crate::discover::declared::Facts;
use crate::path::{Access, Solution, has_principals};

mod check;
pub mod controls;
mod expression;
mod mutation;
mod rule;
mod selftest;
mod view;

pub use mutation::{MutationReport, Survivor};
pub use selftest::{TestFailure, TestReport};

use expression::{Part, Scope};
use rule::{Pack, Rule};
use view::World;

/// The built-in packs, by category.
const BUILTIN: &[(&str, &str)] = &[
    ("discovery.yaml", include_str!("../../data/policy/rules/discovery.yaml")),
    ("exposure.yaml", include_str!("../../data/policy/rules/exposure.yaml")),
    ("identity.yaml", include_str!("../../data/policy/rules/identity.yaml")),
    ("supply_chain.yaml", include_str!("../../data/policy/rules/supply_chain.yaml")),
    ("data.yaml", include_str!("../../data/policy/rules/data.yaml")),
    ("paths.yaml", include_str!("../../data/policy/rules/paths.yaml")),
    ("agents.yaml", include_str!("../../data/policy/rules/agents.yaml")),
    ("runtime.yaml", include_str!("../../data/policy/rules/runtime.yaml")),
];

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
    params: Map<String, Value>,
    facts: Map<String, Value>,
    today: Option<String>,
}

/// Configures a [`PolicySet`].
#[derive(Debug, Default)]
#[must_use]
pub struct PolicySetBuilder {
    without_builtin: bool,
    packs: Vec<(String, String)>,
    facts: Option<Facts>,
    today: Option<String>,
}

impl PolicySetBuilder {
    /// Whether the built-in rules are part of the set; they are unless told otherwise.
    pub fn builtin(mut self, included: bool) -> Self {
        self.without_builtin = !included;
        self
    }

    /// Also the rules of this YAML text; `path` names it in errors. Later packs may override earlier ones.
    pub fn pack(mut self, path: impl Into<String>, text: impl Into<String>) -> Self {
        self.packs.push((path.into(), text.into()));
        self
    }

    /// Declared facts: parameters for the rules, and the variable `facts`.
    pub fn facts(mut self, facts: &Facts) -> Self {
        self.facts = Some(facts.clone());
        self
    }

    /// The day (RFC 3339) on which approvals are judged; without it no approval has ended.
    pub fn today(mut self, day: Option<&str>) -> Self {
        self.today = day.map(|day| day.get(..10).unwrap_or(day).to_owned());
        self
    }

    /// Reads the packs. What is wrong in one of them, expressions included, is an error with file, line and column.
    pub fn build(self) -> Result<PolicySet> {
        let builtin: &[_] = if self.without_builtin { &[] } else { BUILTIN };
        let mut packs = builtin.par_iter().map(|(path, text)| Pack::read(path, text)).collect::<Result<Vec<_>>>()?;
        for (path, text) in &self.packs {
            let pack = Pack::read(path, text)?;
            pack.compile(text)?;
            packs.push(pack);
        }
        let mut rules = BTreeMap::<String, Rule>::new();
        let mut params = Map::new();
        for pack in packs {
            params.extend(pack.params);
            for rule in pack.rules {
                let id = rule.info.id.clone();
                if rules.insert(id.clone(), rule).is_some() {
                    let message = format!("two rules have the id {id}; to change one, use `overrides`");
                    return Err(Error::new(ErrorKind::Invalid, message));
                }
            }
            for (id, change) in pack.overrides {
                let rule = rules.get_mut(&id).ok_or_else(|| {
                    Error::new(ErrorKind::Invalid, format!("`overrides` names {id}, which is no rule"))
                })?;
                rule.info.severity = change.severity.unwrap_or(rule.info.severity);
                if change.disabled {
                    rules.remove(&id);
                }
            }
        }
        let facts = self.facts.unwrap_or_default();
        for (name, value) in &facts.params {
            let Some(param) = params.get_mut(name) else {
                let known = params.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let message = format!("`params` has {name:?}, which no rule asks for; known: {known}");
                return Err(Error::new(ErrorKind::Invalid, message));
            };
            *param = value.clone();
        }
        let facts = match serde_json::to_value(&facts) {
            Ok(Value::Object(facts)) => facts,
            _ => Map::new(),
        };
        Ok(PolicySet { rules: rules.into_values().collect(), params, facts, today: self.today })
    }
}

impl PolicySet {
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

    /// Judges an inventory and its attack paths: findings worst first, then by rule and asset. A rule that fails on an
    /// asset for another reason than an absent field gives a finding `POLICY-ERROR` of its own severity, so that it
    /// never passes by failing. O(assets · rules of their kind), in parallel.
    #[must_use]
    pub fn evaluate(&self, inventory: &Inventory, solution: &Solution) -> Vec<Finding> {
        let access = self.asked_access(inventory);
        let world = World::new(inventory, solution, &self.params, &self.facts, self.today.as_deref());
        let world = world.with_access(access.as_ref());
        let mut by_kind = HashMap::<AssetKind, Vec<&Rule>>::new();
        for rule in self.rules.iter().filter(|rule| self.unmet(rule, inventory).is_none()) {
            rule.kinds.iter().for_each(|kind| by_kind.entry(*kind).or_default().push(rule));
        }
        let judged = inventory.assets().filter_map(|asset| Some((asset, by_kind.get(&asset.kind)?)));
        let mut findings: Vec<Finding> = judged
            .collect::<Vec<_>>()
            .into_par_iter()
            .flat_map_iter(|(asset, rules)| {
                let scope = Scope::new(&world, asset.id.as_str());
                rules.iter().filter_map(|rule| judge(rule, asset, &scope, inventory)).collect::<Vec<_>>()
            })
            .collect();
        findings.sort_by(|a, b| {
            b.severity.cmp(&a.severity).then_with(|| a.rule.cmp(&b.rule)).then_with(|| a.asset.cmp(&b.asset))
        });
        findings
    }

    /// What every principal may do, if there is one and a rule that asks has something to judge.
    fn asked_access<'a>(&self, inventory: &'a Inventory) -> Option<Access<'a>> {
        let asking = self.rules.iter().filter(|rule| rule.asks_access() && self.unmet(rule, inventory).is_none());
        let kinds: HashSet<AssetKind> = asking.flat_map(|rule| rule.kinds.iter().copied()).collect();
        let asked = inventory.assets().any(|asset| kinds.contains(&asset.kind));
        (asked && has_principals(inventory)).then(|| Access::new(inventory))
    }

    /// Rules that cannot judge this inventory, and what they need, by id.
    #[must_use]
    pub fn unknown(&self, inventory: &Inventory) -> Vec<Unknown> {
        let unmet = self
            .rules
            .iter()
            .filter_map(|rule| Some(Unknown { rule: rule.info.id.clone(), needs: self.unmet(rule, inventory)? }));
        unmet.collect()
    }

    /// What a rule needs and does not have.
    fn unmet(&self, rule: &Rule, inventory: &Inventory) -> Option<String> {
        let needs = &rule.needs;
        let unset = |name: &String| self.params.get(name).is_none_or(Value::is_null);
        let params = needs.params.iter().map(|name| unset(name).then(|| format!("`params.{name}` in aispm.yaml")));
        let undeclared = |section: &String| !self.facts.contains_key(section);
        let facts = needs.facts.iter().map(|name| undeclared(name).then(|| format!("`{name}` in aispm.yaml")));
        let property = needs.property.as_deref().map(|property| {
            let has = |a: &Asset| property.split('|').any(|property| a.properties.contains_key(property));
            let shown = inventory.assets().any(|a| rule.kinds.contains(&a.kind) && has(a));
            let input = || needs.input.clone().unwrap_or_else(|| format!("input that shows `{property}`"));
            (!shown).then(input)
        });
        let all = params.chain(facts).chain(property);
        if !needs.either {
            return all.flatten().next();
        }
        // one that is met is enough
        let missing = all.collect::<Option<Vec<_>>>()?;
        (!missing.is_empty()).then(|| missing.join(", or "))
    }
}

/// The finding of a rule on an asset, if it fires.
fn judge(rule: &Rule, asset: &Asset, scope: &Scope<'_>, inventory: &Inventory) -> Option<Finding> {
    let info = &rule.info;
    let parts = match rule.judge(scope) {
        Ok(parts) => parts?,
        Err(error) => {
            let message = format!("rule {} cannot judge {}: {error}", info.id, asset.name);
            let title = "A rule fails on an asset";
            let id = asset.id.clone();
            let mut finding = Finding::new("POLICY-ERROR", info.severity, id, &info.id, title, message);
            finding.fix = format!("Correct the expression of {}.", info.id);
            finding.owner.clone_from(&asset.owner);
            finding.evidence.clone_from(&asset.evidence);
            return Some(finding);
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
                evidence.extend(scope.world().proof(from, power, to));
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
mod tests;
