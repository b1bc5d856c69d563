//! Rego policies over the same input as rules: see [`PolicySetBuilder::rego`](super::PolicySetBuilder::rego).

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use rayon::prelude::*;
use regorus::Engine;
use regorus::utils::limits::ExecutionTimerConfig;
use serde::Deserialize;
use serde_json::{Value, json};

use super::value::Val;
use super::view::{View, World};
use super::{EVIDENCE_LIMIT, fails};
use crate::asset::{Asset, AssetKind, Error, ErrorKind, Finding, Node, Result, Severity};

/// How long a policy may take for one asset.
const TIME_LIMIT: Duration = Duration::from_secs(1);
/// Steps between two looks at the clock.
const CHECK_INTERVAL: NonZeroU32 = match NonZeroU32::new(1000) {
    Some(steps) => steps,
    None => NonZeroU32::MIN,
};
const FINDINGS: &str = "data.aispm.findings";

/// A Rego policy, compiled.
pub(super) struct RegoPolicy {
    /// Of findings that name no other.
    id: String,
    engine: Engine,
    /// Kinds of asset that it looks at; `None` means all.
    kinds: Option<BTreeSet<AssetKind>>,
}

/// A finding as a policy tells it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    severity: Severity,
    title: String,
    message: String,
    #[serde(default)]
    fix: String,
    id: Option<String>,
    #[serde(default)]
    key: String,
}

impl std::fmt::Debug for RegoPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegoPolicy").field("id", &self.id).field("kinds", &self.kinds).finish_non_exhaustive()
    }
}

impl RegoPolicy {
    /// Parses and compiles a policy; mistakes are errors with their place.
    pub(super) fn new(path: &str, text: &str) -> Result<Self> {
        let wrong = |error: &dyn std::fmt::Display| placed(path, &error.to_string());
        let invalid = |message: String| Error::new(ErrorKind::Invalid, message).at(path);
        let mut engine = Engine::new();
        engine.set_strict_builtin_errors(true);
        engine.set_execution_timer_config(ExecutionTimerConfig { limit: TIME_LIMIT, check_interval: CHECK_INTERVAL });
        let package = engine.add_policy(path.to_owned(), text.to_owned()).map_err(|error| wrong(&error))?;
        if package != "data.aispm" {
            return Err(invalid(format!(
                "the package is {:?}; aispm reads `package aispm`",
                package.trim_start_matches("data.")
            )));
        }
        engine.set_input(regorus::Value::new_object());
        let kinds = engine.eval_query("data.aispm.kinds".to_owned(), false).map_err(|error| wrong(&error))?;
        let kinds = kinds.result.first().and_then(|result| Some(result.expressions.first()?.value.clone()));
        let kinds = kinds.map(|kinds| serde_json::to_value(kinds).and_then(serde_json::from_value)).transpose();
        let kinds = kinds.map_err(|error| invalid(format!("`kinds` must be a set of kinds of asset: {error}")))?;
        // compiles everything, and tells whether there is such a rule
        engine.eval_rule(FINDINGS.to_owned()).or_else(|error| match error.to_string().as_str() {
            "not a valid rule path" => Err(invalid("the package has no rule `findings`".to_owned())),
            // what fails without an asset may do with one
            _ => Ok(regorus::Value::Undefined),
        })?;
        let id = Path::new(path).file_stem().map_or("rego".into(), std::ffi::OsStr::to_string_lossy);
        Ok(Self { id: id.into_owned(), engine, kinds })
    }

    /// Judges all assets, in parallel. O(assets · (policy + relations and lineage of the asset)).
    pub(super) fn evaluate(&self, world: &World<'_>) -> Vec<Finding> {
        let wanted = |asset: &&Asset| self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&asset.kind));
        let assets = world.inventory.assets().filter(wanted).collect::<Vec<_>>();
        let params = json!({"params": world.params, "facts": world.facts, "today": world.today});
        let judge = |engine: &mut Engine, asset: &Asset| {
            self.judge(engine, asset, input(world, asset, &params)).unwrap_or_else(|error| {
                let error = error.lines().last().unwrap_or_default().to_owned();
                vec![fails(&self.id, Severity::High, asset, &error)]
            })
        };
        let found = assets.into_par_iter().map_init(|| self.engine.clone(), judge);
        found.flatten_iter().collect()
    }

    fn judge(&self, engine: &mut Engine, asset: &Asset, input: Value) -> Result<Vec<Finding>, String> {
        engine.set_input(regorus::Value::from(input));
        let told = engine.eval_rule(FINDINGS.to_owned()).map_err(|error| error.to_string())?;
        if told == regorus::Value::Undefined {
            return Ok(Vec::new());
        }
        let told = serde_json::to_value(&told).map_err(|error| error.to_string())?;
        let told: Vec<Told> = serde_json::from_value(told).map_err(|error| format!("a finding of it: {error}"))?;
        let findings = told.into_iter().map(|told| {
            let id = told.id.unwrap_or_else(|| self.id.clone());
            let mut finding = Finding::new(id, told.severity, asset.id.clone(), &told.key, told.title, told.message);
            finding.fix = told.fix;
            finding.owner.clone_from(&asset.owner);
            finding.evidence = asset.evidence.iter().take(EVIDENCE_LIMIT).cloned().collect();
            finding
        });
        Ok(findings.collect())
    }
}

/// What a policy sees of an asset.
fn input(world: &World<'_>, asset: &Asset, params: &Value) -> Value {
    let view = world.asset(asset.id.as_str());
    let mut own = shown(asset);
    for name in ["sensitive", "approved", "registered", "admin", "runs_ai"] {
        if let (Some(fields), Some(Val::Bool(flag))) = (own.as_object_mut(), view.get(name.into())) {
            fields.insert(name.to_owned(), flag.into());
        }
    }
    let mut input = params.clone();
    if let Some(input) = input.as_object_mut() {
        input.insert("asset".to_owned(), own);
        for name in ["outgoing", "incoming", "lineage", "used_by", "paths"] {
            let listed = view.get(name.into()).unwrap_or(Val::Null);
            let items = (0..listed.length().unwrap_or(0)).filter_map(|i| item(&listed.item(i)?));
            input.insert(name.to_owned(), items.collect());
        }
    }
    input
}

/// A relation, asset or path as JSON.
fn item(item: &Val<'_>) -> Option<Value> {
    Some(match item {
        Val::View(View::Relation(_, relation, other)) => json!({
            "kind": relation.kind, "from": relation.from, "to": relation.to, "asset": of_node(other),
        }),
        Val::View(View::Asset(_, node)) => of_node(node),
        Val::View(View::Named(_, id)) => json!({"id": id}),
        Val::View(View::Path(_, path)) => serde_json::to_value(path).ok()?,
        _ => return None,
    })
}

fn of_node(node: &Node) -> Value {
    node.asset().map_or_else(|| json!({"id": node.id()}), shown)
}

fn shown(asset: &Asset) -> Value {
    serde_json::to_value(asset).unwrap_or_default()
}

/// An error of the engine, which writes `--> path:line:column`, a picture, and `error: what`.
fn placed(path: &str, text: &str) -> Error {
    let what = text.lines().last().unwrap_or_default().trim();
    let error = Error::new(ErrorKind::Invalid, what.strip_prefix("error: ").unwrap_or(what)).at(path);
    let place = text.lines().find_map(|line| line.trim().strip_prefix("--> "));
    let mut numbers = place.into_iter().flat_map(|place| place.rsplit(':')).map_while(|number| number.parse().ok());
    match (numbers.next(), numbers.next()) {
        (Some(column), Some(line)) => error.at_line(line, column),
        _ => error,
    }
}
