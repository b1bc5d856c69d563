//! The CEL interpreter over the same views: what evaluation is held against.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use cel::common::traits::{Container, Indexer, Sizer};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, DYN_TYPE, MAP_TYPE, Type,
};
use cel::common::value::{CowVal, Val as CelVal};
use cel::context::VariableResolver;
use cel::{Context, Env, ExecutionError, Value};

use super::expression::{Expression, Scope};
use super::mutation::mutants;
use super::selftest::{Test, Tests};
use super::value::Val;
use super::view::View;
use super::*;
use crate::asset::{Asset, Inventory, Relation, day, flag_of};
use crate::discover::declared::like;

/// A view as CEL sees it.
#[derive(Debug, Clone, Copy)]
struct Peer<'a>(View<'a>);

fn cel<'a>(value: Val<'a>) -> Box<dyn CelVal + 'a> {
    match value {
        Val::Null => Box::new(CelNull),
        Val::Bool(flag) => Box::new(CelBool::from(flag)),
        Val::Int(number) => Box::new(CelInt::from(number)),
        Val::Double(number) => Box::new(CelDouble::from(number)),
        // the one thing that is read otherwise
        Val::Text(text) => match flag_of(&text) {
            Some(flag) => Box::new(CelBool::from(flag)),
            None => Box::new(CelString::from(text.into_owned())),
        },
        Val::View(view) => Box::new(Peer(view)),
        Val::Json(_) | Val::List(_) | Val::Relations(..) => {
            let items = (0..value.length().unwrap()).map(|i| cel(value.item(i).unwrap()));
            Box::new(CelList::from(items.collect::<Vec<_>>()))
        }
        Val::Record(fields) => {
            let fields = fields.iter().map(|(name, value)| (CelMapKey::from(*name), cel(value.clone())));
            Box::new(CelMap::from(fields.collect::<HashMap<_, _>>()))
        }
    }
}

fn key(index: &dyn CelVal) -> Result<&str, ExecutionError> {
    index.downcast_ref::<CelString>().map(CelString::inner).ok_or_else(|| ExecutionError::UnexpectedType {
        got: index.get_type().name().to_owned(),
        want: "string".to_owned(),
    })
}

impl CelVal for Peer<'_> {
    fn get_type(&self) -> &Type {
        if matches!(self.0, View::Object(_)) { &MAP_TYPE } else { &DYN_TYPE }
    }

    fn cel_type() -> &'static Type {
        &DYN_TYPE
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_container(&self) -> Option<&dyn Container> {
        matches!(self.0, View::Object(_)).then_some(self as &dyn Container)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        matches!(self.0, View::Object(_)).then_some(self as &dyn Sizer)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn CelVal + 'v>
    where
        Self: 'v,
    {
        Box::new(*self)
    }
}

impl Indexer for Peer<'_> {
    fn get<'b, 'v>(&'b self, index: &dyn CelVal) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let name = key(index)?;
        self.0.get(name.into()).map(|value| CowVal::Owned(cel(value))).ok_or_else(|| ExecutionError::no_such_key(name))
    }

    fn steal<'v>(self: Box<Self>, index: &dyn CelVal) -> Result<Box<dyn CelVal + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let name = key(index)?;
        self.0.get(name.into()).map(cel).ok_or_else(|| ExecutionError::no_such_key(name))
    }
}

impl Container for Peer<'_> {
    fn contains(&self, value: &dyn CelVal) -> Result<bool, ExecutionError> {
        Ok(matches!(self.0, View::Object(map) if map.contains_key(key(value)?)))
    }
}

impl Sizer for Peer<'_> {
    fn size(&self) -> CelInt {
        let size = if let View::Object(map) = self.0 { map.len() } else { 0 };
        CelInt::from(i64::try_from(size).unwrap())
    }
}

fn words<'b, 'v>(args: &[CowVal<'b, 'v>]) -> Result<[Option<String>; 2], ExecutionError> {
    let [a, b] = args else { return Err(ExecutionError::missing_argument_or_target()) };
    let word = |value: &CowVal<'b, 'v>| match value.downcast_ref::<CelString>() {
        Some(text) => Ok(Some(text.inner().to_owned())),
        None if value.downcast_ref::<CelNull>().is_some() => Ok(None),
        None => Err(ExecutionError::UnexpectedType { got: value.get_type().name().into(), want: "string".into() }),
    };
    let absent = |value: &CowVal<'b, 'v>| value.downcast_ref::<CelNull>().is_some();
    if absent(a) || absent(b) { Ok([None, None]) } else { Ok([word(a)?, word(b)?]) }
}

fn cel_like<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let [text, pattern] = words(&args)?;
    let matches = text.zip(pattern).is_some_and(|(t, p)| like(&p.to_ascii_lowercase(), &t.to_ascii_lowercase()));
    Ok(CowVal::owned(CelBool::from(matches)))
}

fn cel_days<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let [Some(from), Some(to)] = words(&args)? else {
        return Err(ExecutionError::UnexpectedType { got: "null_type".into(), want: "string".into() });
    };
    let days = day(&to).zip(day(&from)).map(|(to, from)| to - from);
    let days = days.ok_or_else(|| ExecutionError::function_error("days", "no date"))?;
    Ok(CowVal::owned(CelInt::from(days)))
}

fn environment() -> Arc<Env> {
    static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
        let mut env = Env::stdlib();
        env.add_member_overload("like", "dyn_like", DYN_TYPE, vec![DYN_TYPE], cel_like).unwrap();
        env.add_overload("days", "dyn_days", vec![DYN_TYPE, DYN_TYPE], cel_days).unwrap();
        Arc::new(env)
    });
    Arc::clone(&ENVIRONMENT)
}

/// An asset and the world around it.
struct Resolver<'a>(&'a World<'a>, &'a str);

impl VariableResolver for Resolver<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        let Self(world, id) = self;
        let value = match name {
            "asset" => Val::View(world.asset(id)),
            "params" => Val::View(View::Object(world.params)),
            "facts" => Val::View(View::Object(world.facts)),
            "today" => value::optional(world.today),
            field => world.asset(id).get(field.into())?,
        };
        Some(CowVal::Owned(cel(value)))
    }
}

/// Whether an error only says that an optional field was not there.
fn is_absence(error: &ExecutionError) -> bool {
    const NULL: &str = "null_type";
    match error {
        ExecutionError::NoSuchOverload(overload) => overload.argument_types().iter().any(|name| name == NULL),
        ExecutionError::UnexpectedType { got, .. } => got == NULL,
        ExecutionError::NoSuchKey(_) | ExecutionError::IndexOutOfBounds(_) => true,
        _ => false,
    }
}

/// Whether a condition holds, by the CEL interpreter; `None` for arithmetic of which it does not say whether something
/// was absent or of a wrong type.
fn holds(expression: &Expression, world: &World<'_>, id: &str) -> Option<Result<bool, String>> {
    let resolver = Resolver(world, id);
    let mut context = Context::with_env(environment());
    context.set_variable_resolver(&resolver);
    Some(match Value::resolve_val(expression.ast(), &context) {
        Err(ExecutionError::UnsupportedBinaryOperator(..)) => return None,
        Ok(value) => match value.downcast_ref::<CelBool>() {
            Some(holds) => Ok(*holds.inner()),
            None if value.get_type().name() == "null_type" => Ok(false),
            None => Err(value.get_type().name().to_owned()),
        },
        Err(error) if is_absence(&error) => Ok(false),
        Err(error) => Err(error.to_string()),
    })
}

/// What is told differently, if anything.
fn differs(what: &str, expression: &Expression, world: &World<'_>, id: &str) -> Option<String> {
    let scope = Scope::new(world, id);
    let (ours, theirs) = (expression.holds(&scope), holds(expression, world, id)?);
    (ours.as_ref().ok() != theirs.as_ref().ok()).then(|| format!("{what}: {ours:?}, but CEL says {theirs:?}"))
}

#[test]
fn every_rule_and_mutant_ends_on_every_test_as_with_the_cel_interpreter() {
    let set = PolicySet::builtin().unwrap();
    let compared = set.rules.par_iter().map(|rule| {
        let whole = rule.expressions().unwrap();
        let tests: Vec<Test> = Tests::of(rule).unwrap().prepare(&set, rule).unwrap();
        let mutants = mutants(whole, expression::Purpose::Condition).map(|(mutant, change)| (mutant, change.what));
        let mutants = mutants.chain([(whole.when.clone(), "as it is".to_owned())]).collect::<Vec<_>>();
        let pairs = mutants.iter().flat_map(|mutant| tests.iter().map(move |test| (mutant, test)));
        let told = |((expression, what), test): (&(Expression, String), &Test)| {
            differs(&format!("{} {what}", rule.info.id), expression, &test.world(), test.id())
        };
        (mutants.len() * tests.len(), pairs.filter_map(told).collect::<Vec<_>>())
    });
    let (counts, differences): (Vec<_>, Vec<_>) = compared.unzip();
    assert_eq!(differences.concat(), [""; 0]);
    assert!(counts.iter().sum::<usize>() > 4000, "{counts:?}");
}

#[test]
fn expressions_end_as_with_the_cel_interpreter_on_all_sorts_of_values() {
    let values = [
        "null",
        "true",
        "false",
        "0",
        "1",
        "-3",
        "1.0",
        "1.5",
        "''",
        "'a'",
        "'A*'",
        "[]",
        "[1]",
        "['a', 'b']",
        "asset",
        "asset.name",
        "asset.ai",
        "asset.exposure",
        "asset.owner",
        "asset.properties",
        "asset.properties.none",
        "asset.properties.n",
        "asset.properties.f",
        "asset.properties.t",
        "asset.properties.list",
        "asset.properties.map",
        "asset.properties.map.a",
        "asset.properties.map.a.b",
        "asset.properties.nothing.at.all",
        "asset.properties.list[0]",
        "asset.properties.list[9]",
        "asset.properties['t']",
        "outgoing",
        "outgoing[0].kind",
        "lineage.map(x, x.name)",
        "asset.data_classes",
        "asset.properties.list.filter(x, x == 'a')",
        "today",
        "facts.x",
        "outgoing.exists(r, r.asset.name == 'b')",
        "asset.properties.list.all(x, x)",
        "outgoing.exists_one(r, true)",
        "asset.properties.mixed.exists(x, x > 1)",
        "asset.properties.mixed.all(x, x < 9)",
        "size(outgoing)",
        "asset.properties.mixed.map(x, x + 1)",
        "asset.properties.mixed.exists(x, x)",
    ];
    let unary = [
        "!({a})",
        "-({a}) == 1",
        "size({a}) == 1",
        "{a} ? true : false",
        "{a} == null",
        "({a}).exists(x, x == 'a')",
        "has(asset.properties.map)",
        "int({a}) == 1",
        "string({a}) == '1'",
        "double({a}) == 1.0",
        "{a}",
        "({a}).matches('a.*')",
        "({a}).all(x, x == 1)",
    ];
    let binary = [
        "{a} && {b}",
        "{a} || {b}",
        "{a} == {b}",
        "{a} != {b}",
        "{a} < {b}",
        "{a} >= {b}",
        "{a} in {b}",
        "{a} + {b} == 2",
        "{a} - {b} == 0",
        "{a} * {b} == 1",
        "{a} / {b} == 1",
        "{a} % {b} == 0",
        "({a}).contains({b})",
        "({a}).startsWith({b})",
        "({a}).like({b})",
        "days({a}, {b}) > 1",
        "({a}).exists(x, x == {b})",
        "({a})[{b}] == 1",
        "true ? {a} : {b}",
    ];
    let mut inventory = Inventory::new();
    let properties = serde_json::json!({"n": 1, "f": 1.5, "t": "2026-01-01", "list": ["a", "B"], "none": null,
        "map": {"a": {"b": 1}}, "mixed": [1, "a", null, 2.5]});
    let mut asset = Asset::new("a", AssetKind::Endpoint, "a").ai();
    asset.properties = properties.as_object().unwrap().clone();
    inventory.add(asset);
    inventory.add(Asset::new("b", AssetKind::Model, "b"));
    inventory.relate(Relation::new("a", RelationKind::Serves, "b"));
    let (solution, none) = (crate::path::Solution::default(), Map::new());
    let world = view::World::new(&inventory, &solution, &none, &none, Some("2026-02-01"));
    let (mut compared, mut differences) = (0, Vec::new());
    let mut compare = |source: &str| {
        let Ok(expression) = Expression::compile(source, expression::Purpose::Condition, &Params::default()) else {
            return;
        };
        differences.extend(differs(source, &expression, &world, "a"));
        compared += 1;
    };
    for a in values {
        unary.iter().for_each(|form| compare(&form.replace("{a}", a)));
        for b in values {
            binary.iter().for_each(|form| compare(&form.replace("{a}", a).replace("{b}", b)));
        }
    }
    assert_eq!(differences, [""; 0]);
    assert!(compared > 10_000, "{compared}");
}
