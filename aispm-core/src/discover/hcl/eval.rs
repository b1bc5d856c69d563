//! Expressions to values, as far as the files tell. What they do not tell stays as its source text.
//!
//! A reference to what only the provider knows (`aws_s3_bucket.b.arn`) stays as well, with the address of its module
//! before it, so that it means the same wherever its value is passed on. Work is bounded by a budget and by depth:
//! locals that double each other, or refer in circles, end as their source text.

use std::collections::HashMap;

use hcl_edit::expr::{BinaryOperator, Expression, ForExpr, ObjectKey, Traversal, TraversalOperator, UnaryOperator};
use hcl_edit::template::{Directive, Element, Strip, Template};
use serde_json::{Map, Number, Value};

use super::function;
use super::module::Modules;
use super::syntax::{Body, Place};
use crate::asset::flag;

/// Deepest chain of expressions and references followed.
const DEPTH_LIMIT: usize = 160;
/// Longest text put together.
const TEXT_LIMIT: usize = 256 << 10;
/// Blocks and values of a configuration in which other files take part may cost this much for each of its bytes.
pub(super) const WORK_PER_BYTE: usize = 64;
pub(super) const WORK_AT_LEAST: usize = 1 << 20;

/// A value, or the source of one that is not known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Val {
    Known(Value),
    Open(String),
}

impl Val {
    /// The value as it stands in a document: an open one as `${SOURCE}`.
    pub(super) fn closed(self) -> Value {
        match self {
            Self::Known(value) => value,
            Self::Open(source) => Value::String(format!("${{{source}}}")),
        }
    }

    pub(super) fn known(self) -> Option<Value> {
        match self {
            Self::Known(value) => Some(value),
            Self::Open(_) => None,
        }
    }

    /// What a value that was passed on as text stands for.
    fn reopened(value: Value) -> Self {
        let inner = value.as_str().and_then(|text| text.strip_prefix("${")?.strip_suffix('}'));
        match inner.filter(|inner| !inner.contains('}')) {
            Some(inner) => Self::Open(inner.to_owned()),
            None => Self::Known(value),
        }
    }
}

/// Where an expression stands: its module, and the names that surround it.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    pub(super) module: usize,
    pub(super) names: Option<&'s Name<'s>>,
}

/// A name that a `for` or a `dynamic` block gives to a value.
pub(super) struct Name<'s> {
    name: &'s str,
    value: Val,
    outer: Option<&'s Name<'s>>,
}

impl<'s> Scope<'s> {
    pub(super) fn of(module: usize) -> Self {
        Self { module, names: None }
    }

    fn name(&self, name: &str) -> Option<&'s Val> {
        let mut names = self.names;
        while let Some(known) = names {
            if known.name == name {
                return Some(&known.value);
            }
            names = known.outer;
        }
        None
    }
}

/// What is left to spend.
#[derive(Debug)]
pub(super) struct Budget {
    pub(super) work: usize,
    pub(super) depth: usize,
}

impl<'a> Modules<'a> {
    /// The value of an expression.
    pub(super) fn value(&mut self, scope: Scope<'_>, expression: &'a Expression) -> Val {
        if self.budget.work == 0 || self.budget.depth >= DEPTH_LIMIT {
            return open(expression);
        }
        self.budget.work -= 1;
        self.budget.depth += 1;
        let value = self.compute(scope, expression);
        self.budget.depth -= 1;
        if let Val::Known(known) = &value {
            match size(known, 0) {
                Some(size) => self.budget.work = self.budget.work.saturating_sub(size),
                None => return open(expression),
            }
        }
        value
    }

    fn compute(&mut self, scope: Scope<'_>, expression: &'a Expression) -> Val {
        let computed = match expression {
            Expression::Null(_) => Some(Value::Null),
            Expression::Bool(flag) => Some(Value::Bool(**flag)),
            Expression::Number(number) => number_value(number),
            Expression::String(text) => Some(Value::String(text.as_str().to_owned())),
            Expression::Array(items) => Some(items.iter().map(|item| self.value(scope, item).closed()).collect()),
            Expression::Object(object) => {
                let mut map = Map::new();
                for (key, value) in object.iter() {
                    let key = match key {
                        ObjectKey::Ident(name) => name.as_str().to_owned(),
                        ObjectKey::Expression(key) => string(&self.value(scope, key).closed()).unwrap_or_default(),
                    };
                    map.insert(key, self.value(scope, value.expr()).closed());
                }
                Some(Value::Object(map))
            }
            Expression::StringTemplate(template) => return self.template(scope, template),
            Expression::HeredocTemplate(heredoc) => return self.template(scope, &heredoc.template),
            Expression::Parenthesis(inner) => return self.value(scope, inner.inner()),
            Expression::Variable(name) => {
                return scope.name(name.as_str()).cloned().unwrap_or_else(|| open(expression));
            }
            Expression::Conditional(conditional) => match set(&self.value(scope, &conditional.cond_expr)) {
                Some(true) => return self.value(scope, &conditional.true_expr),
                Some(false) => return self.value(scope, &conditional.false_expr),
                None => None,
            },
            Expression::FuncCall(call) => {
                let arguments: Vec<Val> = call.args.iter().map(|argument| self.value(scope, argument)).collect();
                let name = call.name.name.as_str();
                if call.name.namespace.is_empty() {
                    function::call(name, arguments, call.args.expand_final())
                } else {
                    None
                }
            }
            Expression::Traversal(traversal) => return self.traversal(scope, traversal),
            Expression::UnaryOp(op) => match (self.value(scope, &op.expr), *op.operator) {
                (value, UnaryOperator::Not) => set(&value).map(|set| Value::Bool(!set)),
                (Val::Known(Value::Number(n)), UnaryOperator::Neg) => n.as_f64().and_then(|n| real(-n)),
                _ => None,
            },
            Expression::BinaryOp(op) => {
                let (left, right) = (self.value(scope, &op.lhs_expr), self.value(scope, &op.rhs_expr));
                binary(*op.operator, &left, &right)
            }
            Expression::ForExpr(each) => self.each(scope, each),
        };
        computed.map_or_else(|| open(expression), Val::Known)
    }

    /// A string with its interpolations; what is open in it stays as `${SOURCE}`.
    fn template(&mut self, scope: Scope<'_>, template: &'a Template) -> Val {
        let mut text = String::new();
        let mut strip = false;
        // a template that is one interpolation is that value, whatever its type
        if let Some(Element::Interpolation(only)) = template.as_single_element() {
            return self.value(scope, &only.expr);
        }
        for element in template.iter() {
            match element {
                Element::Literal(literal) => {
                    let literal = if strip { literal.trim_start() } else { literal.as_str() };
                    text.push_str(literal);
                    strip = false;
                }
                Element::Interpolation(interpolation) => {
                    if matches!(interpolation.strip, Strip::Start | Strip::Both) {
                        text.truncate(text.trim_end().len());
                    }
                    let value = self.value(scope, &interpolation.expr).closed();
                    text.push_str(&string(&value).unwrap_or_else(|| value.to_string()));
                    strip = matches!(interpolation.strip, Strip::End | Strip::Both);
                }
                Element::Directive(directive) => text.push_str(&self.directive(scope, directive)),
            }
            if text.len() > TEXT_LIMIT {
                return Val::Open(template.to_string());
            }
        }
        Val::Known(Value::String(text))
    }

    fn directive(&mut self, scope: Scope<'_>, directive: &'a Directive) -> String {
        let text = |value: Val| string(&value.closed()).unwrap_or_default();
        match directive {
            Directive::If(branch) => match self.value(scope, &branch.if_expr.cond_expr) {
                Val::Known(Value::Bool(false)) => {
                    let other = branch.else_expr.as_ref().map(|other| self.template(scope, &other.template));
                    other.map(text).unwrap_or_default()
                }
                // a condition that is not known does not hide what it guards
                _ => text(self.template(scope, &branch.if_expr.template)),
            },
            Directive::For(each) => {
                let head = &each.for_expr;
                let Val::Known(collection) = self.value(scope, &head.collection_expr) else {
                    return text(self.template(scope, &head.template));
                };
                let mut all = String::new();
                for (key, value) in entries(collection) {
                    let key_name = head.key_var.as_ref().map(|name| name.as_str());
                    let one = self.named(scope, key_name, head.value_var.as_str(), key, value, |modules, scope| {
                        modules.template(scope, &head.template)
                    });
                    all.push_str(&text(one));
                    if self.budget.work == 0 {
                        break;
                    }
                }
                all
            }
        }
    }

    /// Runs something with the names of an iteration.
    pub(super) fn named<R>(
        &mut self,
        scope: Scope<'_>,
        key_name: Option<&str>,
        value_name: &str,
        key: Value,
        value: Value,
        run: impl FnOnce(&mut Self, Scope<'_>) -> R,
    ) -> R {
        let outer = key_name.map(|name| Name { name, value: Val::Known(key), outer: scope.names });
        let names = outer.as_ref().or(scope.names);
        let inner = Name { name: value_name, value: Val::reopened(value), outer: names };
        run(self, Scope { module: scope.module, names: Some(&inner) })
    }

    fn each(&mut self, scope: Scope<'_>, each: &'a ForExpr) -> Option<Value> {
        let collection = self.value(scope, &each.intro.collection_expr).known()?;
        let (mut list, mut map) = (Vec::new(), Map::new());
        for (key, value) in entries(collection) {
            if self.budget.work == 0 {
                return None;
            }
            let key_name = each.intro.key_var.as_ref().map(|name| name.as_str());
            let done = self.named(scope, key_name, each.intro.value_var.as_str(), key, value, |modules, scope| {
                if let Some(condition) = &each.cond {
                    match modules.value(scope, &condition.expr) {
                        Val::Known(Value::Bool(true)) => {}
                        Val::Known(Value::Bool(false)) => return Some(()),
                        _ => return None,
                    }
                }
                let value = modules.value(scope, &each.value_expr).closed();
                match &each.key_expr {
                    None => list.push(value),
                    Some(key) => {
                        let key = string(&modules.value(scope, key).closed())?;
                        if each.grouping {
                            let group = map.entry(key).or_insert_with(|| Value::Array(Vec::new()));
                            group.as_array_mut()?.push(value);
                        } else {
                            map.insert(key, value);
                        }
                    }
                }
                Some(())
            });
            done?;
        }
        Some(if each.key_expr.is_some() { Value::Object(map) } else { Value::Array(list) })
    }

    /// `ROOT.a[0].b`: a name of the scope, something of the module, or a value and what lies in it.
    fn traversal(&mut self, scope: Scope<'_>, traversal: &'a Traversal) -> Val {
        let mut steps = Vec::with_capacity(traversal.operators.len());
        for operator in &traversal.operators {
            steps.push(match &**operator {
                TraversalOperator::GetAttr(name) => Step::Key(name.as_str().to_owned()),
                TraversalOperator::LegacyIndex(index) => Step::Index(index.to_string()),
                TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => Step::Splat,
                TraversalOperator::Index(index) => match self.value(scope, index) {
                    Val::Known(key) => string(&key).map_or(Step::Splat, Step::Index),
                    Val::Open(source) => Step::Open(source),
                },
            });
        }
        let root = match &traversal.expr {
            Expression::Variable(name) => match scope.name(name.as_str()) {
                Some(value) => value.clone(),
                None => return self.reference(scope, name.as_str(), &steps),
            },
            other => self.value(scope, other),
        };
        follow(root, &steps).unwrap_or_else(|| Val::Open(traversal_source(traversal)))
    }

    /// What stands between the brackets of a block, and where, by JSON pointer; blocks are lists of objects, as
    /// `terraform show` prints them.
    pub(super) fn body(
        &mut self,
        scope: Scope<'_>,
        body: &'a Body,
        pointer: &str,
        places: &mut HashMap<String, Place>,
    ) -> Map<String, Value> {
        let mut map = Map::new();
        for attribute in &body.attributes {
            places.insert(format!("{pointer}/{}", attribute.name), attribute.place.clone());
            map.insert(attribute.name.to_string(), self.value(scope, &attribute.value).closed());
        }
        for block in &body.blocks {
            let dynamic = (&*block.kind == "dynamic").then(|| block.label(0)).flatten();
            let name = dynamic.unwrap_or(&block.kind);
            let list = map.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            let Some(mut n) = list.as_array().map(Vec::len) else { continue };
            let mut made = Vec::new();
            let mut add = |modules: &mut Self, scope: Scope<'_>, body: &'a Body, made: &mut Vec<Value>| {
                let pointer = format!("{pointer}/{name}/{n}");
                places.insert(pointer.clone(), block.place.clone());
                made.push(Value::Object(modules.body(scope, body, &pointer, places)));
                n += 1;
            };
            match dynamic {
                None => add(self, scope, &block.body, &mut made),
                Some(name) => {
                    let Some(content) = block.body.blocks("content").next() else { continue };
                    let iterator = block.body.attribute("iterator").map(|a| a.value.to_string());
                    let iterator = iterator.as_deref().map_or(name, str::trim);
                    let all = block.body.attribute("for_each").map(|a| self.value(scope, &a.value));
                    match all.and_then(Val::known) {
                        None => add(self, scope, &content.body, &mut made),
                        Some(all) => {
                            for (key, value) in entries(all) {
                                if self.budget.work == 0 {
                                    break;
                                }
                                let item =
                                    Value::Object(Map::from_iter([("key".into(), key), ("value".into(), value)]));
                                self.named(scope, None, iterator, Value::Null, item, |modules, scope| {
                                    add(modules, scope, &content.body, &mut made);
                                });
                            }
                        }
                    }
                }
            }
            if let Some(list) = map.get_mut(name).and_then(Value::as_array_mut) {
                list.extend(made);
            }
        }
        map
    }
}

/// One step of a traversal.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Key(String),
    Index(String),
    Splat,
    /// An index that is not known.
    Open(String),
}

impl Step {
    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key),
            _ => None,
        }
    }

    fn write(&self, text: &mut String) {
        match self {
            Self::Key(key) => {
                text.push('.');
                text.push_str(key);
            }
            Self::Index(key) if key.bytes().all(|b| b.is_ascii_digit()) => text.push_str(&format!("[{key}]")),
            Self::Index(key) => text.push_str(&format!("[{}]", Value::from(key.as_str()))),
            Self::Splat => text.push_str("[*]"),
            Self::Open(source) => text.push_str(&format!("[{source}]")),
        }
    }
}

/// A path as it is written.
pub(super) fn written(root: &str, steps: &[Step]) -> String {
    let mut text = root.to_owned();
    steps.iter().for_each(|step| step.write(&mut text));
    text
}

/// What lies in a value; `None` where there is no such thing.
pub(super) fn follow(value: Val, steps: &[Step]) -> Option<Val> {
    let Some((step, rest)) = steps.split_first() else { return Some(value) };
    let value = match value {
        Val::Known(value) => Val::reopened(value),
        open @ Val::Open(_) => open,
    };
    let value = match value {
        Val::Open(source) => return Some(Val::Open(written(&source, steps))),
        Val::Known(value) => value,
    };
    let inner = match (step, value) {
        (Step::Key(key) | Step::Index(key), Value::Object(mut map)) => map.remove(key)?,
        (Step::Key(key) | Step::Index(key), Value::Array(items)) => {
            let n = key.parse::<usize>().ok()?;
            items.into_iter().nth(n)?
        }
        (Step::Splat, value) => {
            let items = match value {
                Value::Array(items) => items,
                Value::Null => Vec::new(),
                one => vec![one],
            };
            let all = items.into_iter().map(|item| Some(follow(Val::Known(item), rest)?.closed()));
            return all.collect::<Option<Value>>().map(Val::Known);
        }
        _ => return None,
    };
    follow(Val::Known(inner), rest)
}

/// Keys and values of a collection; a list's keys are its indices, a set's would be its values.
pub(super) fn entries(collection: Value) -> Vec<(Value, Value)> {
    match collection {
        Value::Array(items) => items.into_iter().enumerate().map(|(i, value)| (Value::from(i), value)).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (Value::String(key), value)).collect(),
        _ => Vec::new(),
    }
}

/// A value as a template or a key writes it; `None` for lists and objects.
pub(super) fn string(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null => Some(String::new()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether something in a value is not known.
pub(super) fn partial(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("${"),
        Value::Array(items) => items.iter().any(partial),
        Value::Object(map) => map.values().any(partial),
        _ => false,
    }
}

/// A value as a condition reads it, texts that spell a flag too.
fn set(value: &Val) -> Option<bool> {
    match value {
        Val::Known(value) => flag(value),
        Val::Open(_) => None,
    }
}

fn open(expression: &Expression) -> Val {
    Val::Open(expression.to_string().trim().to_owned())
}

fn traversal_source(traversal: &Traversal) -> String {
    Expression::Traversal(Box::new(traversal.clone())).to_string().trim().to_owned()
}

fn number_value(number: &hcl_edit::Number) -> Option<Value> {
    number.as_i64().map(Value::from).or_else(|| number.as_f64().and_then(real))
}

/// A number, whole where it is.
pub(super) fn real(number: f64) -> Option<Value> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        // exact: whole and below 2^53
        return format!("{number:.0}").parse::<i64>().ok().map(Value::from);
    }
    Number::from_f64(number).map(Value::Number)
}

fn binary(operator: BinaryOperator, left: &Val, right: &Val) -> Option<Value> {
    match (operator, left, right) {
        (BinaryOperator::And, Val::Known(Value::Bool(false)), _)
        | (BinaryOperator::And, _, Val::Known(Value::Bool(false))) => {
            return Some(Value::Bool(false));
        }
        (BinaryOperator::Or, Val::Known(Value::Bool(true)), _)
        | (BinaryOperator::Or, _, Val::Known(Value::Bool(true))) => {
            return Some(Value::Bool(true));
        }
        _ => {}
    }
    let (Val::Known(left), Val::Known(right)) = (left, right) else { return None };
    if partial(left) || partial(right) {
        return None;
    }
    let numbers = || Some((left.as_f64()?, right.as_f64()?));
    let flags = || Some((flag(left)?, flag(right)?));
    match operator {
        BinaryOperator::Eq => Some(Value::Bool(left == right)),
        BinaryOperator::NotEq => Some(Value::Bool(left != right)),
        BinaryOperator::And => flags().map(|(a, b)| Value::Bool(a && b)),
        BinaryOperator::Or => flags().map(|(a, b)| Value::Bool(a || b)),
        BinaryOperator::Less => numbers().map(|(a, b)| Value::Bool(a < b)),
        BinaryOperator::LessEq => numbers().map(|(a, b)| Value::Bool(a <= b)),
        BinaryOperator::Greater => numbers().map(|(a, b)| Value::Bool(a > b)),
        BinaryOperator::GreaterEq => numbers().map(|(a, b)| Value::Bool(a >= b)),
        BinaryOperator::Plus => numbers().and_then(|(a, b)| real(a + b)),
        BinaryOperator::Minus => numbers().and_then(|(a, b)| real(a - b)),
        BinaryOperator::Mul => numbers().and_then(|(a, b)| real(a * b)),
        BinaryOperator::Div => numbers().and_then(|(a, b)| real(a / b)),
        BinaryOperator::Mod => numbers().and_then(|(a, b)| real(a % b)),
    }
}

/// What it costs to copy a value; `None` for one that is too deep.
fn size(value: &Value, depth: usize) -> Option<usize> {
    if depth > DEPTH_LIMIT {
        return None;
    }
    Some(match value {
        Value::String(text) => 1 + text.len(),
        Value::Array(items) => items.iter().try_fold(1, |sum, item| Some(sum + size(item, depth + 1)?))?,
        Value::Object(map) => {
            map.iter().try_fold(1, |sum, (key, item)| Some(sum + key.len() + size(item, depth + 1)?))?
        }
        _ => 1,
    })
}
