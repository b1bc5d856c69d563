//! A rule's own tests: small inventories on which it must fire, and on which it must not.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::PolicySet;
use super::build::sections;
use super::expression::{Part, Scope};
use super::rule::{Expressions, Rule};
use super::view::World;
use crate::asset::{Asset, AssetId, AssetKind, Evidence, Inventory, Relation, RelationKind};
use crate::discover::declared::Facts;
use crate::path::{Access, AttackPath, Solution};

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
    /// The same by pack.
    pub packs: Vec<PackTests>,
}

/// What came of the tests of one pack.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct PackTests {
    /// The pack's path.
    pub path: String,
    /// Its rules, by id.
    pub rules: Vec<String>,
    /// Tests run.
    pub tests: usize,
    /// Tests that did not end as they say.
    pub failed: usize,
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
pub(super) struct Tests {
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
    /// Of a case on which the rule is to fire: all that took part, by the ids of assets besides the one judged, or of
    /// paths. Not looked at unless given.
    because: Option<BTreeSet<String>>,
}

impl PolicySet {
    /// Runs the tests that the rules carry.
    #[must_use]
    pub fn test(&self) -> TestReport {
        let mut report = TestReport { rules: self.rules.len(), ..TestReport::default() };
        let mut packs = BTreeMap::<&str, PackTests>::new();
        for rule in &self.rules {
            let pack = packs.entry(rule.pack()).or_default();
            pack.rules.push(rule.info.id.clone());
            let (tests, failures) = self.test_rule(rule, &mut report.thin);
            pack.tests += tests;
            pack.failed += failures.len();
            report.tests += tests;
            report.failures.extend(failures);
        }
        report.packs = packs.into_iter().map(|(path, pack)| PackTests { path: path.to_owned(), ..pack }).collect();
        report
    }

    /// Runs the tests of a rule: how many, and which did not end as they say.
    fn test_rule(&self, rule: &Rule, thin: &mut Vec<String>) -> (usize, Vec<TestFailure>) {
        let failure = |test: String, message: String| TestFailure { rule: rule.info.id.clone(), test, message };
        let tests = match Tests::of(rule) {
            Ok(tests) => tests,
            Err(error) => return (0, vec![failure("all".to_owned(), error)]),
        };
        if tests.fire.len() < 2 || tests.pass.len() < 2 {
            thin.push(rule.info.id.clone());
        }
        let mut count = 0;
        let mut failures = Vec::new();
        for (name, fires, case) in tests.cases() {
            count += 1;
            let test = Test::new(self, rule, fires, case);
            if let Err(wrong) = test.and_then(|test| test.run(rule, rule.expressions()?)) {
                failures.push(failure(name, wrong));
            }
        }
        (count, failures)
    }
}

impl Tests {
    pub(super) fn of(rule: &Rule) -> Result<Self, String> {
        let tests = if rule.tests.is_null() { Value::Object(Map::new()) } else { rule.tests.clone() };
        serde_json::from_value(tests).map_err(|error| error.to_string())
    }

    /// Each case with its name, e.g. `fire 2`, and whether the rule is to fire on it.
    fn cases(self) -> impl Iterator<Item = (String, bool, Case)> {
        let named = |(sort, fires, cases): (&'static str, bool, Vec<Case>)| {
            cases.into_iter().enumerate().map(move |(i, case)| (format!("{sort} {}", i + 1), fires, case))
        };
        [("fire", true, self.fire), ("pass", false, self.pass)].into_iter().flat_map(named)
    }

    /// The estates of all cases.
    pub(super) fn prepare(self, set: &PolicySet, rule: &Rule) -> Result<Vec<Test>, String> {
        self.cases().map(|(_, fires, case)| Test::new(set, rule, fires, case)).collect()
    }
}

/// A case with its estate laid out.
#[derive(Debug)]
pub(super) struct Test {
    fires: bool,
    of_kind: bool,
    id: AssetId,
    inventory: Inventory,
    solution: Solution,
    params: Map<String, Value>,
    facts: Map<String, Value>,
    today: Option<String>,
    because: Option<BTreeSet<String>>,
}

impl Test {
    fn new(set: &PolicySet, rule: &Rule, fires: bool, case: Case) -> Result<Self, String> {
        if case.because.is_some() && !(fires && rule.expressions()?.because.is_some()) {
            return Err("nothing takes part: `because` is for cases that fire, of rules that have one".to_owned());
        }
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
        let mut params = (*set.params).clone();
        let given = case.facts.params.clone().into_iter().chain(case.params);
        given.into_iter().try_for_each(|(name, value)| params.set(&name, value))?;
        let (params, facts) = (params.values(), sections(&case.facts));
        Ok(Self { fires, of_kind, id, inventory, solution, params, facts, today: case.today, because: case.because })
    }

    /// What takes part if a rule with these expressions fires here.
    fn judge(&self, rule: &Rule, by: Expressions<'_>) -> Result<Option<Vec<Part>>, String> {
        let access = rule.asks_access().then(|| Access::new(&self.inventory));
        let world = self.world().with_access(access.as_ref());
        let scope = Scope::new(&world, self.id());
        Ok(by.judge(&scope)?.filter(|_| self.of_kind))
    }

    /// Whether a rule with these expressions does here what the test says. An error tells what it does instead.
    fn run(&self, rule: &Rule, by: Expressions<'_>) -> Result<(), String> {
        let parts = match (self.judge(rule, by)?, self.fires) {
            (None, false) => return Ok(()),
            (None, true) => return Err("it does not fire".to_owned()),
            (Some(_), false) => return Err("it fires".to_owned()),
            (Some(parts), true) => parts,
        };
        let Some(wanted) = &self.because else { return Ok(()) };
        let found = parts.iter().flat_map(|part| part.ids(self.id())).collect::<BTreeSet<_>>();
        match wanted.iter().map(String::as_str).eq(found.iter().copied()) {
            true => Ok(()),
            false => Err(format!("it fires because of {found:?}, not {wanted:?}")),
        }
    }

    /// What rules see here.
    pub(super) fn world(&self) -> World<'_> {
        World::new(&self.inventory, &self.solution, &self.params, &self.facts, self.today.as_deref())
    }

    /// The asset that is judged.
    pub(super) fn id(&self) -> &str {
        self.id.as_str()
    }

    /// Whether a rule with these expressions does here what the test says.
    pub(super) fn ends_as_it_says(&self, rule: &Rule, by: Expressions<'_>) -> bool {
        self.run(rule, by).is_ok()
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
