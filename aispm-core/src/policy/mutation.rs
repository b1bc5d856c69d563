//! Whether the tests of rules would notice a wrong expression: each condition, and each list of what took part (`because`),
//! is spoilt in every way below, and a spoilt one on which all tests of its rule still end as they say has survived.
//!
//! A mutant is the condition negated, or an expression with one operand of `&&`, `||` and `+` left out, one of `&&` and
//! `||` negated, one `!` dropped, one comparison turned round or moved by its boundary, one constant changed, or all items
//! of a list kept that `filter` or `map` go through. What else macros expand to is left alone. A list that is not empty
//! but wrong is noticed by tests that say `because: [ID, …]`.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators};
use cel::common::types::{CelBool, CelDouble, CelInt, CelUInt};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PolicySet;
use super::expression::{Expression, Purpose};
use super::rule::{Expressions, Rule};
use super::selftest::Tests;

/// What came of spoiling expressions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct MutationReport {
    /// Spoilt expressions tried.
    pub mutants: usize,
    /// Those that no test noticed.
    pub survivors: Vec<Survivor>,
}

/// A spoilt expression that no test of its rule noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Survivor {
    /// The rule.
    pub rule: String,
    /// Line and column in the condition, and what was changed there: `1:10: …`. In what took part: `because 1:10: …`.
    pub mutation: String,
}

impl PolicySet {
    /// Spoils the expressions of every rule and runs its tests, in parallel. A rule whose tests do not pass to begin with,
    /// or cannot be read, survives whole. O(nodes² + nodes · tests) a rule.
    #[must_use]
    pub fn mutate(&self) -> MutationReport {
        let tried = self.rules.par_iter().map(|rule| self.spoil(rule)).collect::<Vec<_>>();
        let mut report = MutationReport::default();
        for (mutants, survivors) in tried {
            report.mutants += mutants;
            report.survivors.extend(survivors);
        }
        report
    }

    fn spoil(&self, rule: &Rule) -> (usize, Vec<Survivor>) {
        let survivor = |mutation: String| Survivor { rule: rule.info.id.clone(), mutation };
        let tests = Tests::of(rule).and_then(|tests| tests.prepare(self, rule));
        let prepared = tests.and_then(|tests| Ok((rule.expressions()?, tests)));
        let (whole, tests) = match prepared {
            Ok((whole, tests)) if tests.iter().all(|test| test.ends_as_it_says(rule, whole)) => (whole, tests),
            Ok(_) => return (0, vec![survivor("its tests fail as they are".to_owned())]),
            Err(error) => return (0, vec![survivor(error)]),
        };
        let mut survivors = Vec::new();
        let mut count = 0;
        for purpose in [Purpose::Condition, Purpose::Because] {
            for (mutant, change) in mutants(whole, purpose) {
                count += 1;
                let spoilt = whole.with(purpose, &mutant);
                if tests.iter().all(|test| test.ends_as_it_says(rule, spoilt)) {
                    survivors.push(survivor(rule.place_in(purpose, change.node, change.what)));
                }
            }
        }
        (count, survivors)
    }
}

/// What a mutant changed, and at which node.
pub(super) struct Change {
    node: u64,
    pub(super) what: String,
}

/// The mutants of a rule's expression of this purpose.
pub(super) fn mutants(whole: Expressions<'_>, purpose: Purpose) -> impl Iterator<Item = (Expression, Change)> {
    (0..).map_while(move |n| {
        let mut ast = whole.of(purpose)?.ast().clone();
        let mut mutator = Mutator { left: n };
        let change = match purpose {
            Purpose::Condition => mutator.root(&mut ast),
            Purpose::Because => mutator.visit(&mut ast),
        };
        Some((Expression::of(ast).ok()?, change?))
    })
}

/// Walks to the n-th place that can be changed, and changes it.
struct Mutator {
    left: usize,
}

impl Mutator {
    /// Whether this is the place.
    fn here(&mut self) -> bool {
        let here = self.left == 0;
        self.left = self.left.saturating_sub(1);
        here
    }

    fn root(&mut self, expr: &mut IdedExpr) -> Option<Change> {
        if self.here() {
            negate(expr);
            return Some(Change { node: expr.id, what: "negated as a whole".to_owned() });
        }
        self.visit(expr)
    }

    fn visit(&mut self, expr: &mut IdedExpr) -> Option<Change> {
        let node = expr.id;
        let told = |what: String| Some(Change { node, what });
        match &mut expr.expr {
            Expr::Literal(literal) => {
                for i in 0.. {
                    let Some(other) = other_literal(literal, i) else { break };
                    if self.here() {
                        *literal = other;
                        return told("the constant changed".to_owned());
                    }
                }
                None
            }
            Expr::Call(call) => {
                if let Some(with) = self.operand(call) {
                    let (what, with) = with;
                    if let Some(with) = with {
                        *expr = with;
                    }
                    return told(what);
                }
                let inner = call.target.as_deref_mut().into_iter().chain(&mut call.args);
                inner.into_iter().find_map(|inner| self.visit(inner))
            }
            Expr::Comprehension(comprehension) => self.comprehension(node, comprehension),
            Expr::List(list) => list.elements.iter_mut().find_map(|element| self.visit(element)),
            Expr::Select(select) => self.visit(&mut select.operand),
            Expr::Ident(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => None,
        }
    }

    /// What becomes of an operator: told, with what replaces the whole call if it goes.
    fn operand(&mut self, call: &mut CallExpr) -> Option<(String, Option<IdedExpr>)> {
        let name = call.func_name.as_str();
        match name {
            operators::LOGICAL_AND | operators::LOGICAL_OR | operators::ADD => {
                let sign = name.trim_matches('_').to_owned();
                let logical = name != operators::ADD;
                let sides = call.args.len();
                for i in 0..sides {
                    if sides == 2 && self.here() {
                        let kept = call.args.swap_remove(1 - i);
                        return Some((format!("operand {} of `{sign}` left out", i + 1), Some(kept)));
                    }
                    let Some(operand) = call.args.get_mut(i) else { continue };
                    if logical && !is_operator(operand) && self.here() {
                        negate(operand);
                        return Some((format!("operand {} of `{sign}` negated", i + 1), None));
                    }
                }
                None
            }
            operators::LOGICAL_NOT => {
                let kept = call.args.first().filter(|_| self.here())?.clone();
                Some(("`!` dropped".to_owned(), Some(kept)))
            }
            operators::IN => self.here().then(|| {
                let inner = IdedExpr { id: 0, expr: Expr::Call(call.clone()) };
                ("`in` negated".to_owned(), Some(negated(inner)))
            }),
            _ => {
                let others = turned(name)?;
                for other in others {
                    if self.here() {
                        let what = format!("`{}` became `{}`", name.trim_matches('_'), other.trim_matches('_'));
                        (*other).clone_into(&mut call.func_name);
                        return Some((what, None));
                    }
                }
                None
            }
        }
    }

    /// What the author wrote of a macro: the range, and the predicate or result.
    fn comprehension(&mut self, node: u64, comprehension: &mut ComprehensionExpr) -> Option<Change> {
        if let Some(change) = self.visit(&mut comprehension.iter_range) {
            return Some(change);
        }
        let accumulator = Expr::Ident(comprehension.accu_var.clone());
        let Expr::Call(step) = &mut comprehension.loop_step.expr else { return None };
        match (step.func_name.as_str(), step.args.as_mut_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR, [first, second]) => {
                if first.expr == accumulator {
                    self.predicate(second)
                } else {
                    self.predicate(first)
                }
            }
            (operators::CONDITIONAL, [predicate, then, _]) => {
                let makes_list = appended(then).is_some();
                if makes_list && self.here() {
                    comprehension.loop_step = std::mem::take(then);
                    return Some(Change { node, what: "all items kept".to_owned() });
                }
                self.predicate(predicate).or_else(|| self.visit(appended(then)?))
            }
            (operators::ADD, _) => self.visit(appended(&mut comprehension.loop_step)?),
            _ => None,
        }
    }

    /// A predicate, which can also be negated where no operator does so.
    fn predicate(&mut self, expr: &mut IdedExpr) -> Option<Change> {
        if !is_operator(expr) && self.here() {
            negate(expr);
            return Some(Change { node: expr.id, what: "negated".to_owned() });
        }
        self.visit(expr)
    }
}

/// What a macro that makes a list appends to it.
fn appended(expr: &mut IdedExpr) -> Option<&mut IdedExpr> {
    let Expr::Call(add) = &mut expr.expr else { return None };
    match (add.func_name.as_str(), add.args.as_mut_slice()) {
        (operators::ADD, [_, IdedExpr { expr: Expr::List(list), .. }]) => list.elements.first_mut(),
        _ => None,
    }
}

/// Whether an expression has an operator on top that mutants turn round anyway.
fn is_operator(expr: &IdedExpr) -> bool {
    let Expr::Call(call) = &expr.expr else { return false };
    let name = call.func_name.as_str();
    let logical = [operators::LOGICAL_AND, operators::LOGICAL_OR, operators::LOGICAL_NOT, operators::IN];
    logical.contains(&name) || turned(name).is_some()
}

/// What a comparison can be mistaken for.
fn turned(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        operators::EQUALS => &[operators::NOT_EQUALS],
        operators::NOT_EQUALS => &[operators::EQUALS],
        operators::LESS => &[operators::LESS_EQUALS, operators::GREATER_EQUALS],
        operators::LESS_EQUALS => &[operators::LESS, operators::GREATER],
        operators::GREATER => &[operators::GREATER_EQUALS, operators::LESS_EQUALS],
        operators::GREATER_EQUALS => &[operators::GREATER, operators::LESS],
        _ => return None,
    })
}

/// The i-th constant that a constant is changed to. Text becomes one that no input holds.
fn other_literal(literal: &LiteralValue, i: usize) -> Option<LiteralValue> {
    let step = [1_i8, -1].get(i).copied();
    match literal {
        LiteralValue::Boolean(flag) if i == 0 => Some(LiteralValue::Boolean(CelBool::from(!*flag.inner()))),
        LiteralValue::String(_) if i == 0 => Some(LiteralValue::String("\u{1}".into())),
        LiteralValue::Int(n) => Some(LiteralValue::Int(CelInt::from(n.inner().checked_add(step?.into())?))),
        LiteralValue::UInt(n) => Some(LiteralValue::UInt(CelUInt::from(n.inner().checked_add_signed(step?.into())?))),
        LiteralValue::Double(n) => {
            let n = *n.inner();
            let by = (n.abs() / 8.0).max(0.125) * f64::from(step?);
            Some(LiteralValue::Double(CelDouble::from(n + by)))
        }
        _ => None,
    }
}

fn negated(expr: IdedExpr) -> IdedExpr {
    let id = expr.id;
    let call = CallExpr { func_name: operators::LOGICAL_NOT.to_owned(), target: None, args: vec![expr] };
    IdedExpr { id, expr: Expr::Call(call) }
}

fn negate(expr: &mut IdedExpr) {
    *expr = negated(std::mem::take(expr));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(expressions: &str, fire: &str, pass: &str) -> PolicySet {
        let pack = format!(
            "rules:\n  - id: T-1\n    title: t\n    description: d\n    severity: low\n    kinds: [endpoint]\n    \
             {expressions}\n    message: m\n    fix: f\n    tests: {{ fire: [{fire}], pass: [{pass}] }}\n"
        );
        PolicySet::builder().builtin(false).pack("p", pack).build().unwrap()
    }

    fn report(when: &str, fire: &str, pass: &str) -> MutationReport {
        set(&format!("when: >-\n      {when}"), fire, pass).mutate()
    }

    fn survivors(when: &str, fire: &str, pass: &str) -> Vec<String> {
        report(when, fire, pass).survivors.into_iter().map(|survivor| survivor.mutation).collect()
    }

    const PUBLIC: &str = "{ asset: { kind: endpoint, ai: true, exposure: public } }";
    const INTERNAL: &str = "{ asset: { kind: endpoint, ai: true, exposure: internal } }";
    const PLAIN: &str = "{ asset: { kind: endpoint, exposure: public } }";

    #[test]
    fn tests_on_both_sides_of_each_operand_leave_no_survivor() {
        let both = format!("{INTERNAL}, {PLAIN}");
        let report = report("asset.ai && asset.exposure == 'public'", PUBLIC, &both);
        assert_eq!((report.mutants, report.survivors), (6, vec![]));
    }

    #[test]
    fn an_operand_without_a_test_survives() {
        assert_eq!(
            survivors("asset.ai && asset.exposure == 'public'", PUBLIC, PLAIN),
            ["1:10: operand 2 of `&&` left out"]
        );
        assert_eq!(
            survivors("asset.ai || asset.exposure == 'public'", PUBLIC, "{ asset: { kind: endpoint } }"),
            ["1:10: operand 1 of `||` left out", "1:10: operand 2 of `||` left out", "1:31: the constant changed"]
        );
    }

    #[test]
    fn boundaries_and_predicates_are_tried() {
        let calls = |n: u32| format!("{{ asset: {{ kind: endpoint, properties: {{ calls: {n} }} }} }}");
        let loose = survivors("asset.properties.calls > 3", &calls(9), &calls(1));
        assert_eq!(loose.len(), 3, "{loose:?}");
        assert_eq!(survivors("asset.properties.calls > 3", &calls(4), &calls(3)), [""; 0]);
        let listed = |words: &str| format!("{{ asset: {{ kind: endpoint, properties: {{ words: {words} }} }} }}");
        let when = "asset.properties.words.exists(w, w.contains('x'))";
        assert_eq!(survivors(when, &listed("[x]"), &listed("[y]")), [""; 0]);
        assert_eq!(survivors(when, &listed("[x, y]"), &listed("[]")).len(), 1);
    }

    #[test]
    fn a_rule_whose_tests_fail_survives_whole() {
        assert_eq!(survivors("asset.ai", PLAIN, PUBLIC), ["its tests fail as they are"]);
    }

    /// What survives in `because` where the condition is that of [`PUBLIC`].
    fn lists(because: &str, fire: &str, pass: &str) -> Vec<String> {
        let expressions = format!("when: asset.exposure == 'public'\n    because: >-\n      {because}");
        set(&expressions, fire, pass).mutate().survivors.into_iter().map(|survivor| survivor.mutation).collect()
    }

    /// A public endpoint with a relation of each of these kinds to an asset of that name, and what else the case says.
    fn related(kinds: &[&str], more: &str) -> String {
        let relations = kinds.iter().map(|kind| format!("it {kind} {kind}")).collect::<Vec<_>>().join(", ");
        format!("{{ asset: {{ kind: endpoint, exposure: public }}, relations: [{relations}]{more} }}")
    }

    #[test]
    fn a_list_is_noticed_by_what_it_holds() {
        let because = "outgoing.filter(r, r.kind == 'serves') + outgoing.filter(r, r.kind == 'uses')";
        let (fire, pass) =
            (related(&["serves", "uses", "reads"], ""), format!("{INTERNAL}, {}", related(&["reads"], "")));
        let survivors = lists(because, &fire, &pass);
        assert_eq!(survivors[0], "because 1:40: operand 1 of `+` left out");
        assert_eq!(survivors.len(), 4, "{survivors:?}");
        let fire = related(&["serves", "uses", "reads"], ", because: [serves, uses]");
        assert_eq!(lists(because, &fire, &pass), [""; 0]);
    }

    #[test]
    fn items_left_out_of_a_list_are_tried_back() {
        let because = "outgoing.filter(r, r.kind == 'serves')";
        let survivors = lists(because, &related(&["serves"], ", because: [serves]"), INTERNAL);
        assert_eq!(survivors, ["because 1:16: all items kept"]);
        let fire = related(&["serves", "uses"], ", because: [serves]");
        assert_eq!(lists(because, &fire, INTERNAL), [""; 0]);
        let mapped = "outgoing.map(r, r.kind == 'serves', outgoing[0])";
        let survivors = lists(mapped, &related(&["serves", "uses"], ""), INTERNAL);
        let changes = ["all items kept", "`==` became `!=`", "the constant changed"];
        assert!(survivors.iter().zip(changes).all(|(survivor, what)| survivor.ends_with(what)), "{survivors:?}");
        assert_eq!(survivors.len(), 3, "{survivors:?}");
    }

    #[test]
    fn what_took_part_is_part_of_a_test() {
        let failures = |fire: &str, pass: &str| {
            let expressions = "when: asset.exposure == 'public'\n    because: outgoing";
            let failures = set(expressions, fire, pass).test().failures;
            failures.into_iter().map(|failure| format!("{}: {}", failure.test, failure.message)).collect::<Vec<_>>()
        };
        let fire = related(&["serves", "uses"], ", because: [uses, serves]");
        assert_eq!(failures(&fire, INTERNAL), [""; 0]);
        let wrong = related(&["serves"], ", because: [uses]");
        assert_eq!(failures(&wrong, INTERNAL), [r#"fire 1: it fires because of {"serves"}, not {"uses"}"#]);
        let nothing = "nothing takes part: `because` is for cases that fire, of rules that have one";
        assert_eq!(failures(&fire, &wrong), [format!("pass 1: {nothing}")]);
        let without = set("when: asset.ai", "{ asset: { kind: endpoint }, because: [it] }", PLAIN).test();
        assert_eq!(without.failures[0].message, nothing);
    }
}
