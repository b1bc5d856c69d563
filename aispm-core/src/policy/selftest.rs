//! A rule's own tests: small inventories on which it must fire, and on which it must not.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::PolicySet;
use super::expression::Scope;
use super::rule::Rule;
use super::view::World;
use crate::asset::{Asset, AssetId, AssetKind, Evidence, Inventory, Relation, RelationKind};
use crate::discover::declared::Facts;
use crate::path::{AttackPath, Solution};

/// What came of the tests that rules carry.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct TestReport {
    /// Rules in the set.
    pub rules: usize,
    /// Tests run.
    pub tests: usize,
    /// Tests that did not end as they say.
    pub failures: Vec<TestFailure>,
    /// Rules with fewer than two tests of either sort.
    pub thin: Vec<String>,
}

/// A test that did not end as it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct TestFailure {
    /// The rule.
    pub rule: String,
    /// Which test, e.g. `fire 2`, from 1.
    pub test: String,
    /// What happened instead.
    pub message: String,
}

/// The tests of a rule.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Tests {
    fire: Vec<Case>,
    pass: Vec<Case>,
}

/// A small estate. `asset` is the one judged, with the id `it` if it has none; others are known by id.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    asset: Map<String, Value>,
    #[serde(default)]
    others: BTreeMap<String, Map<String, Value>>,
    /// `FROM KIND TO`.
    #[serde(default)]
    relations: Vec<String>,
    #[serde(default)]
    admins: Vec<AssetId>,
    #[serde(default)]
    paths: Vec<Map<String, Value>>,
    #[serde(default)]
    params: Map<String, Value>,
    #[serde(default)]
    facts: Facts,
    #[serde(default)]
    today: Option<String>,
}

impl PolicySet {
    /// Runs the tests that the rules carry.
    #[must_use]
    pub fn test(&self) -> TestReport {
        let mut report = TestReport { rules: self.rules.len(), ..TestReport::default() };
        for rule in &self.rules {
            let failure = |test: String, message: String| TestFailure { rule: rule.info.id.clone(), test, message };
            let tests = if rule.tests.is_null() { Value::Object(Map::new()) } else { rule.tests.clone() };
            let tests = match serde_json::from_value::<Tests>(tests) {
                Ok(tests) => tests,
                Err(error) => {
                    report.failures.push(failure("all".to_owned(), error.to_string()));
                    continue;
                }
            };
            if tests.fire.len() < 2 || tests.pass.len() < 2 {
                report.thin.push(rule.info.id.clone());
            }
            for (sort, wanted, cases) in [("fire", true, tests.fire), ("pass", false, tests.pass)] {
                for (i, case) in cases.into_iter().enumerate() {
                    report.tests += 1;
                    let message = match self.run(rule, case) {
                        Ok(fired) if fired == wanted => continue,
                        Ok(true) => "it fires".to_owned(),
                        Ok(false) => "it does not fire".to_owned(),
                        Err(error) => error,
                    };
                    report.failures.push(failure(format!("{sort} {}", i + 1), message));
                }
            }
        }
        report
    }

    /// Whether a rule fires on the asset of a case.
    fn run(&self, rule: &Rule, case: Case) -> Result<bool, String> {
        let mut inventory = Inventory::new();
        let subject = asset("it", case.asset)?;
        let id = subject.id.clone();
        let of_kind = rule.kinds.contains(&subject.kind);
        inventory.add(subject);
        for (id, fields) in case.others {
            inventory.add(asset(&id, fields)?);
        }
        for relation in &case.relations {
            let words = relation.split_whitespace().collect::<Vec<_>>();
            let [from, kind, to] = words.as_slice() else { return Err(format!("{relation:?} is no relation")) };
            let kind = kind.parse::<RelationKind>().map_err(|error| error.message)?;
            inventory.relate(Relation::new(from, kind, to).seen(Evidence::file("test")));
        }
        let mut solution = Solution { admins: case.admins, ..Solution::default() };
        solution.paths = case.paths.into_iter().map(path).collect::<Result<_, _>>()?;
        case.facts.apply(&mut inventory);
        let mut params = self.params.clone();
        params.extend(case.facts.params.clone());
        params.extend(case.params);
        let facts = match serde_json::to_value(&case.facts) {
            Ok(Value::Object(facts)) => facts,
            _ => Map::new(),
        };
        let world = World::new(&inventory, &solution, &params, &facts, case.today.as_deref());
        Ok(of_kind && rule.judge(&Scope::new(&world, id.as_str()))?.is_some())
    }
}

/// An asset from the fields that a test gives; `ai` as the kind says unless given.
fn asset(id: &str, mut fields: Map<String, Value>) -> Result<Asset, String> {
    let kind = fields.get("kind").cloned().unwrap_or_default();
    let kind: AssetKind = serde_json::from_value(kind).map_err(|error| error.to_string())?;
    fields.entry("id").or_insert_with(|| id.into());
    fields.entry("name").or_insert_with(|| id.into());
    fields.entry("ai").or_insert_with(|| kind.is_ai().into());
    let known = serde_json::from_value::<Asset>(Value::Object(fields.clone())).map_err(|error| error.to_string())?;
    // a misspelt field would test nothing
    let shown = serde_json::to_value(&known).map_err(|error| error.to_string())?;
    match fields.keys().find(|key| shown.get(key.as_str()).is_none()) {
        Some(key) => Err(format!("an asset has no field `{key}`, or it is empty")),
        None => Ok(known),
    }
}

/// A path from the fields that a test gives: `source`, `target`, `goal`.
fn path(mut fields: Map<String, Value>) -> Result<AttackPath, String> {
    let defaults = [
        ("id", "p".into()),
        ("status", "confirmed".into()),
        ("severity", "high".into()),
        ("risk", 50.0.into()),
        ("conditions", Value::Array(Vec::new())),
        ("steps", Value::Array(Vec::new())),
    ];
    for (key, value) in defaults {
        fields.entry(key).or_insert(value);
    }
    serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())
}
