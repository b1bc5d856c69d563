//! Evaluation: a checked expression becomes a tree of nodes, in which names are resolved and patterns compiled, and is
//! walked over borrowed values. Results are those of the CEL interpreter, against which a test holds it, but that the text
//! `true` or `false` is also the flag that it spells; it puts nothing in boxes and looks nothing up by name that was known
//! before.

use std::borrow::Cow;
use std::rc::Rc;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators};
use regex::Regex;
use serde_json::Value;

use super::check::Fault as Flaw;
use super::expression::{Scope, Variable};
use super::field::{Field, Key};
use super::value::{Fault, Val, list, text};
use crate::asset::{day, flag_of, is_open};

/// A piece of an expression, ready to be walked.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Box<str>),
    /// A list that is written out.
    Constants(Box<[Value]>),
    Variable(Variable),
    /// What a macro goes through, counted from the outermost.
    Local(usize),
    /// Of a value the field of this name, and which it is where values have such a field.
    Field(Box<Node>, Box<str>, Option<Field>),
    Not(Box<Node>),
    And(Box<[Node; 2]>),
    Or(Box<[Node; 2]>),
    If(Box<[Node; 3]>),
    Equal(Box<[Node; 2]>, bool),
    Order(Box<[Node; 2]>, Order),
    In(Box<[Node; 2]>),
    Arithmetic(Box<[Node; 2]>, Arithmetic),
    Negate(Box<Node>),
    Item(Box<[Node; 2]>),
    List(Box<[Node]>),
    Call(Function, Box<[Node]>),
    Matches(Box<Node>, Box<Regex>),
    Fold(Box<Fold>),
}

/// `<`, `<=`, `>`, `>=`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// Functions besides operators and macros.
#[derive(Debug, Clone, Copy)]
pub(super) enum Function {
    Contains,
    StartsWith,
    EndsWith,
    Like,
    Size,
    Int,
    Double,
    Text,
    Days,
}

/// A macro over a list.
#[derive(Debug, Clone)]
pub(super) struct Fold {
    range: Node,
    kind: Kind,
    /// The predicate; for [`Kind::Map`] what each item becomes.
    body: Node,
    /// Of `map` and `filter`: which items.
    guard: Option<Node>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Exists,
    All,
    One,
    Map,
}

/// The function of a name, and how many values it takes, the one before the dot counted.
pub(super) fn function(name: &str) -> Option<(Function, usize)> {
    Some(match name {
        "contains" => (Function::Contains, 2),
        "startsWith" => (Function::StartsWith, 2),
        "endsWith" => (Function::EndsWith, 2),
        "like" => (Function::Like, 2),
        "size" => (Function::Size, 1),
        "int" => (Function::Int, 1),
        "double" => (Function::Double, 1),
        "string" => (Function::Text, 1),
        "days" => (Function::Days, 2),
        _ => return None,
    })
}

/// Makes nodes of a checked expression. O(nodes); nesting was bounded by the check.
pub(super) fn lower(expr: &IdedExpr) -> Result<Node, Flaw> {
    Lowering { locals: Vec::new() }.node(expr)
}

/// A literal as JSON, which is what lists of them are kept as.
fn constant(node: &Node) -> Option<Value> {
    let value = match node {
        Node::Null => Value::Null,
        Node::Bool(flag) => Value::from(*flag),
        Node::Int(number) => Value::from(*number),
        Node::Text(text) => Value::from(&**text),
        _ => return None,
    };
    // a list of JSON hides what a template leaves open
    (!is_open(&value)).then_some(value)
}

struct Lowering<'e> {
    locals: Vec<&'e str>,
}

fn unsupported(node: u64) -> Flaw {
    Flaw { node, message: "this is not supported in rules".to_owned() }
}

impl<'e> Lowering<'e> {
    fn node(&mut self, expr: &'e IdedExpr) -> Result<Node, Flaw> {
        Ok(match &expr.expr {
            Expr::Literal(literal) => match literal {
                LiteralValue::Null => Node::Null,
                LiteralValue::Boolean(flag) => Node::Bool(*flag.inner()),
                LiteralValue::Int(number) => Node::Int(*number.inner()),
                LiteralValue::UInt(number) => {
                    Node::Int(i64::try_from(*number.inner()).map_err(|_| unsupported(expr.id))?)
                }
                LiteralValue::Double(number) => Node::Double(*number.inner()),
                LiteralValue::String(text) => Node::Text(text.inner().into()),
                LiteralValue::Bytes(_) => return Err(unsupported(expr.id)),
            },
            Expr::Ident(name) => match self.locals.iter().rposition(|local| local == name) {
                Some(local) => Node::Local(local),
                None => Node::Variable(Variable::named(name).ok_or_else(|| unsupported(expr.id))?),
            },
            Expr::Select(select) => {
                let name = select.field.as_str();
                Node::Field(Box::new(self.node(&select.operand)?), name.into(), Field::named(name))
            }
            Expr::List(list) => {
                let items = list.elements.iter().map(|element| self.node(element)).collect::<Result<Vec<_>, _>>()?;
                match items.iter().map(constant).collect() {
                    Some(constants) => Node::Constants(constants),
                    None => Node::List(items.into()),
                }
            }
            Expr::Call(call) => self.call(expr.id, call)?,
            Expr::Comprehension(comprehension) => self.fold(expr.id, comprehension)?,
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => return Err(unsupported(expr.id)),
        })
    }

    fn call(&mut self, id: u64, call: &'e CallExpr) -> Result<Node, Flaw> {
        let operands = call.target.as_deref().into_iter().chain(&call.args);
        let operands = operands.map(|operand| self.node(operand)).collect::<Result<Vec<_>, _>>()?;
        let name = call.func_name.as_str();
        let two = |operands: Vec<Node>| <[Node; 2]>::try_from(operands).map(Box::new).map_err(|_| unsupported(id));
        let one = |operands: Vec<Node>| match <[Node; 1]>::try_from(operands) {
            Ok([operand]) => Ok(Box::new(operand)),
            Err(_) => Err(unsupported(id)),
        };
        Ok(match name {
            operators::LOGICAL_AND => Node::And(two(operands)?),
            operators::LOGICAL_OR => Node::Or(two(operands)?),
            operators::LOGICAL_NOT => Node::Not(one(operands)?),
            operators::CONDITIONAL => {
                Node::If(<[Node; 3]>::try_from(operands).map(Box::new).map_err(|_| unsupported(id))?)
            }
            operators::EQUALS => Node::Equal(two(operands)?, true),
            operators::NOT_EQUALS => Node::Equal(two(operands)?, false),
            operators::LESS => Node::Order(two(operands)?, Order::Less),
            operators::LESS_EQUALS => Node::Order(two(operands)?, Order::LessEqual),
            operators::GREATER => Node::Order(two(operands)?, Order::Greater),
            operators::GREATER_EQUALS => Node::Order(two(operands)?, Order::GreaterEqual),
            operators::IN => Node::In(two(operands)?),
            operators::ADD => Node::Arithmetic(two(operands)?, Arithmetic::Add),
            operators::SUBSTRACT => Node::Arithmetic(two(operands)?, Arithmetic::Subtract),
            operators::MULTIPLY => Node::Arithmetic(two(operands)?, Arithmetic::Multiply),
            operators::DIVIDE => Node::Arithmetic(two(operands)?, Arithmetic::Divide),
            operators::MODULO => Node::Arithmetic(two(operands)?, Arithmetic::Modulo),
            operators::NEGATE => Node::Negate(one(operands)?),
            operators::INDEX => Node::Item(two(operands)?),
            "matches" => {
                let [of, pattern] = *two(operands)?;
                let Node::Text(pattern) = pattern else {
                    return Err(Flaw { node: id, message: "`matches` needs a pattern that is written out".to_owned() });
                };
                let pattern = Regex::new(&pattern).map_err(|error| {
                    let error = error.to_string();
                    let last = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
                    Flaw { node: id, message: format!("`matches`: {last}") }
                })?;
                Node::Matches(Box::new(of), Box::new(pattern))
            }
            name => match function(name) {
                Some((function, takes)) if takes == operands.len() => Node::Call(function, operands.into()),
                Some((_, takes)) => {
                    let message = format!("`{name}` takes {}", crate::asset::count(takes, "value"));
                    return Err(Flaw { node: id, message });
                }
                None => return Err(unsupported(id)),
            },
        })
    }

    /// A macro by the shape that it was expanded to.
    fn fold(&mut self, id: u64, comprehension: &'e ComprehensionExpr) -> Result<Node, Flaw> {
        let range = self.node(&comprehension.iter_range)?;
        self.locals.push(&comprehension.iter_var);
        let fold = self.fold_over(id, comprehension, range);
        self.locals.pop();
        fold.map(|fold| Node::Fold(Box::new(fold)))
    }

    fn fold_over(&mut self, id: u64, comprehension: &'e ComprehensionExpr, range: Node) -> Result<Fold, Flaw> {
        let Expr::Call(step) = &comprehension.loop_step.expr else { return Err(unsupported(id)) };
        let appended = |expr: &'e IdedExpr| match &expr.expr {
            Expr::Call(add) if add.func_name == operators::ADD => match add.args.as_slice() {
                [_, IdedExpr { expr: Expr::List(list), .. }] => list.elements.first(),
                _ => None,
            },
            _ => None,
        };
        let (kind, guard, body) = match (step.func_name.as_str(), step.args.as_slice()) {
            (operators::LOGICAL_OR, [_, body]) => (Kind::Exists, None, body),
            (operators::LOGICAL_AND, [_, body]) => (Kind::All, None, body),
            (operators::CONDITIONAL, [guard, then, _]) => match appended(then) {
                Some(body) => (Kind::Map, Some(guard), body),
                None => (Kind::One, None, guard),
            },
            (operators::ADD, _) => {
                (Kind::Map, None, appended(&comprehension.loop_step).ok_or_else(|| unsupported(id))?)
            }
            _ => return Err(unsupported(id)),
        };
        let guard = guard.map(|guard| self.node(guard)).transpose()?;
        Ok(Fold { range, kind, body: self.node(body)?, guard })
    }
}

/// What macros go through, the innermost last.
type Locals<'a> = Vec<Val<'a>>;

impl Node {
    /// Its value. What most nodes of most rules are comes first; the rest stands apart, so that a step stays small.
    pub(super) fn value<'a>(&'a self, scope: &Scope<'a>, locals: &mut Locals<'a>) -> Result<Val<'a>, Fault> {
        Ok(match self {
            Self::Null => Val::Null,
            Self::Bool(flag) => Val::Bool(*flag),
            Self::Int(number) => Val::Int(*number),
            Self::Text(string) => text(string),
            Self::Constants(items) => Val::Json(items),
            Self::Variable(variable) => scope.variable(*variable)?,
            Self::Local(local) => locals.get(*local).cloned().unwrap_or(Val::Null),
            Self::Field(of, name, field) => {
                let key = Key { name, field: *field };
                match &**of {
                    Self::Variable(Variable::Asset) => scope.own(key)?,
                    Self::Local(local) => scope.field(locals.get(*local).unwrap_or(&Val::Null), key)?,
                    of => scope.field(&of.value(scope, locals)?, key)?,
                }
            }
            Self::Not(of) => {
                let of = of.value(scope, locals)?;
                Val::Bool(!of.truth().map_err(|_| Fault::no_overload("!", &[&of]))?)
            }
            Self::And(sides) => Val::Bool(!either(sides, false, scope, locals)?),
            Self::Or(sides) => Val::Bool(either(sides, true, scope, locals)?),
            Self::Equal(sides, wanted) => Val::Bool(equal(sides, scope, locals)? == *wanted),
            Self::In(sides) => Val::Bool(is_in(sides, scope, locals)?),
            Self::Fold(fold) => fold.value(scope, locals)?,
            seldom => seldom.seldom(scope, locals)?,
        })
    }

    #[inline(never)]
    fn seldom<'a>(&'a self, scope: &Scope<'a>, locals: &mut Locals<'a>) -> Result<Val<'a>, Fault> {
        Ok(match self {
            Self::Double(number) => Val::Double(*number),
            Self::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                let taken = if condition.truth(scope, locals)? { then } else { otherwise };
                taken.value(scope, locals)?
            }
            Self::Order(sides, order) => {
                let [left, right] = values(sides, scope, locals)?;
                let found = left.compare(&right).ok_or_else(|| Fault::no_overload("<", &[&left, &right]))?;
                Val::Bool(match order {
                    Order::Less => found.is_lt(),
                    Order::LessEqual => found.is_le(),
                    Order::Greater => found.is_gt(),
                    Order::GreaterEqual => found.is_ge(),
                })
            }
            Self::Arithmetic(sides, operator) => {
                let [left, right] = values(sides, scope, locals)?;
                operator.apply(left, right)?
            }
            Self::Negate(of) => match of.value(scope, locals)? {
                Val::Int(number) => Val::Int(number.checked_neg().ok_or_else(overflow)?),
                Val::Double(number) => Val::Double(-number),
                other => return Err(Fault::no_overload("-", &[&other])),
            },
            Self::Item(sides) => {
                let [of, index] = values(sides, scope, locals)?;
                match (&of, &index) {
                    (list, Val::Int(i)) if list.is_list() => {
                        usize::try_from(*i).ok().and_then(|i| of.item(i)).ok_or(Fault::Absent)?
                    }
                    // a whole number, however written
                    (list, Val::Double(i)) if list.is_list() && i.fract() == 0.0 && i.abs() < 9.0e15 => {
                        usize::try_from(*i as i64).ok().and_then(|i| of.item(i)).ok_or(Fault::Absent)?
                    }
                    (Val::View(_) | Val::Record(_), Val::Text(name)) => of.field(&**name)?,
                    _ => return Err(Fault::no_overload("[]", &[&of, &index])),
                }
            }
            Self::List(items) => {
                Val::List(items.iter().map(|item| item.value(scope, locals)).collect::<Result<Rc<[_]>, _>>()?)
            }
            Self::Call(function, arguments) => match &**arguments {
                [of] => function.of_one(&of.value(scope, locals)?)?,
                [a, b] if matches!(function, Function::Days) => {
                    let [a, b] = [a.value(scope, locals)?, b.value(scope, locals)?];
                    function.of_two(&a, &b)?
                }
                // CEL looks at what stands in brackets first
                [a, b] => {
                    let b = b.value(scope, locals)?;
                    function.of_two(&a.value(scope, locals)?, &b)?
                }
                _ => Val::Null,
            },
            Self::Matches(of, pattern) => match of.value(scope, locals)? {
                Val::Text(text) => Val::Bool(pattern.is_match(&text)),
                other => return Err(Fault::no_overload("matches", &[&other])),
            },
            // the others are never seldom
            _ => Val::Null,
        })
    }

    /// Its value as true or false.
    fn truth<'a>(&'a self, scope: &Scope<'a>, locals: &mut Locals<'a>) -> Result<bool, Fault> {
        match self {
            Self::And(sides) => Ok(!either(sides, false, scope, locals)?),
            Self::Or(sides) => either(sides, true, scope, locals),
            Self::Equal(sides, wanted) => Ok(equal(sides, scope, locals)? == *wanted),
            Self::In(sides) => is_in(sides, scope, locals),
            other => other.value(scope, locals)?.truth(),
        }
    }
}

/// Whether two sides are the same. What is compared with is mostly written out.
fn equal<'a>(sides: &'a [Node; 2], scope: &Scope<'a>, locals: &mut Locals<'a>) -> Result<bool, Fault> {
    let [left, right] = sides;
    let left = left.value(scope, locals)?;
    match (&left, right) {
        (Val::Text(left), Node::Text(right)) => Ok(**left == **right),
        _ => Ok(left.equals(&right.value(scope, locals)?)),
    }
}

/// Whether one side is an item or field of the other.
fn is_in<'a>(sides: &'a [Node; 2], scope: &Scope<'a>, locals: &mut Locals<'a>) -> Result<bool, Fault> {
    let [item, of] = values(sides, scope, locals)?;
    contains(&of, &item).ok_or_else(|| Fault::no_overload("in", &[&item, &of]))
}

fn values<'a>(sides: &'a [Node; 2], scope: &Scope<'a>, locals: &mut Locals<'a>) -> Result<[Val<'a>; 2], Fault> {
    let [left, right] = sides;
    Ok([left.value(scope, locals)?, right.value(scope, locals)?])
}

/// Whether one of two sides is what decides: `true` of `||`; for `&&` both turned round. A side that decides does so
/// whatever is wrong with the other.
fn either<'a>(sides: &'a [Node; 2], decides: bool, scope: &Scope<'a>, locals: &mut Locals<'a>) -> Result<bool, Fault> {
    let [left, right] = sides;
    let left = left.truth(scope, locals);
    if left == Ok(decides) {
        return Ok(true);
    }
    let right = right.value(scope, locals)?;
    match (left, right.truth()) {
        (Ok(_), Ok(right)) => Ok(right == decides),
        (Err(_), Ok(right)) if right == decides => Ok(true),
        (Ok(_) | Err(Fault::NotBool(_)), Err(Fault::Absent)) => Err(Fault::Absent),
        (Ok(_), Err(_)) => Err(Fault::not_bool(&right)),
        (Err(Fault::NotBool(kind)), _) => Err(Fault::Wrong(Fault::NotBool(kind).to_string())),
        (Err(fault), _) => Err(fault),
    }
}

/// Whether a list has an item or an object a field; `None` if it is neither.
fn contains(of: &Val<'_>, item: &Val<'_>) -> Option<bool> {
    match (of, item) {
        (Val::Json(items), Val::Text(text)) => {
            let same = items.iter().any(|known| known.as_str() == Some(text));
            let flag = || flag_of(text).is_some_and(|flag| items.iter().any(|known| known.as_bool() == Some(flag)));
            Some(same || flag())
        }
        (Val::Json(items), _) => Some(items.iter().any(|known| super::value::json(known).equals(item))),
        (Val::List(items), _) => Some(items.iter().any(|known| known.equals(item))),
        (Val::Relations(..), _) => Some(false),
        (Val::View(super::view::View::Object(map)), Val::Text(name)) => Some(map.contains_key(&**name)),
        (Val::Record(fields), Val::Text(name)) => Some(fields.iter().any(|(known, _)| known == name)),
        _ => None,
    }
}

/// Whether a pattern, in which `*` stands for any text, matches the whole of a text, ASCII letter case aside.
/// O(pattern · text) at worst. Pieces of UTF-8 are found only where characters begin.
fn like(pattern: &[u8], text: &[u8]) -> bool {
    let mut pieces = pattern.split(|byte| *byte == b'*');
    let first = pieces.next().unwrap_or_default();
    let Some(last) = pieces.next_back() else { return pattern.eq_ignore_ascii_case(text) };
    let Some((start, mut text)) = text.split_at_checked(first.len()) else { return false };
    if !start.eq_ignore_ascii_case(first) {
        return false;
    }
    for piece in pieces.filter(|piece| !piece.is_empty()) {
        let found = text.windows(piece.len()).position(|window| window.eq_ignore_ascii_case(piece));
        let Some((_, rest)) = found.and_then(|at| text.split_at_checked(at + piece.len())) else { return false };
        text = rest;
    }
    let end = text.len().checked_sub(last.len()).and_then(|at| text.get(at..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(last))
}

fn overflow() -> Fault {
    Fault::Wrong("a number grows too large".to_owned())
}

impl Arithmetic {
    fn apply<'a>(self, left: Val<'a>, right: Val<'a>) -> Result<Val<'a>, Fault> {
        let number = match (&left, &right) {
            (Val::Int(a), Val::Int(b)) => {
                let found = match self {
                    Self::Add => a.checked_add(*b),
                    Self::Subtract => a.checked_sub(*b),
                    Self::Multiply => a.checked_mul(*b),
                    Self::Divide => a.checked_div(*b),
                    Self::Modulo => a.checked_rem(*b),
                };
                return found.map(Val::Int).ok_or_else(overflow);
            }
            (Val::Double(a), Val::Double(b)) => match self {
                Self::Add => Some(a + b),
                Self::Subtract => Some(a - b),
                Self::Multiply => Some(a * b),
                Self::Divide => Some(a / b),
                Self::Modulo => None,
            },
            (Val::Text(a), Val::Text(b)) if matches!(self, Self::Add) => {
                return Ok(Val::Text(Cow::Owned(format!("{a}{b}"))));
            }
            (a, b) if matches!(self, Self::Add) && a.is_list() && b.is_list() => {
                // mostly there is nothing on one side
                if b.length() == Some(0) {
                    return Ok(left);
                }
                if a.length() == Some(0) {
                    return Ok(right);
                }
                let items = |list: &Val<'a>| (0..list.length().unwrap_or(0)).map(|i| list.item(i)).collect::<Vec<_>>();
                return Ok(Val::List(items(&left).into_iter().chain(items(&right)).flatten().collect()));
            }
            _ => None,
        };
        number.map(Val::Double).ok_or_else(|| Fault::no_overload("+ - * / %", &[&left, &right]))
    }
}

impl Function {
    fn of_one<'a>(self, of: &Val<'a>) -> Result<Val<'a>, Fault> {
        let found = match (self, of) {
            (Self::Size, of) => of.size().and_then(|size| i64::try_from(size).ok()).map(Val::Int),
            (Self::Int | Self::Double | Self::Text, Val::Null) => None,
            (Self::Int, Val::Int(_)) | (Self::Double, Val::Double(_)) | (Self::Text, Val::Text(_)) => Some(of.clone()),
            (Self::Int, Val::Double(number)) => {
                // what does not fit is refused, not cut
                (number.abs() < 9.0e18).then_some(Val::Int(*number as i64))
            }
            (Self::Int, Val::Text(text)) => text.parse().ok().map(Val::Int),
            (Self::Double, Val::Int(number)) => Some(Val::Double(*number as f64)),
            (Self::Double, Val::Text(text)) => text.parse().ok().map(Val::Double),
            (Self::Text, Val::Bool(_) | Val::Int(_) | Val::Double(_)) => {
                of.show().map(|text| Val::Text(Cow::Owned(text)))
            }
            _ => None,
        };
        found.ok_or_else(|| Fault::no_overload(self.name(), &[of]))
    }

    fn of_two<'a>(self, a: &Val<'a>, b: &Val<'a>) -> Result<Val<'a>, Fault> {
        let found = match (self, a, b) {
            (Self::Contains, Val::Text(text), Val::Text(part)) => Some(text.contains(&**part)),
            (Self::StartsWith, Val::Text(text), Val::Text(part)) => Some(text.starts_with(&**part)),
            (Self::EndsWith, Val::Text(text), Val::Text(part)) => Some(text.ends_with(&**part)),
            // nothing is like what is not there
            (Self::Like, Val::Null, Val::Text(_) | Val::Null) | (Self::Like, Val::Text(_), Val::Null) => Some(false),
            (Self::Like, Val::Text(text), Val::Text(pattern)) => Some(like(pattern.as_bytes(), text.as_bytes())),
            (Self::Days, Val::Text(from), Val::Text(to)) => {
                let wrong = |text: &str| Fault::Wrong(format!("`days`: {text:?} is no date"));
                let from = day(from).ok_or_else(|| wrong(from))?;
                return Ok(Val::Int(day(to).ok_or_else(|| wrong(to))? - from));
            }
            _ => None,
        };
        found.map(Val::Bool).ok_or_else(|| Fault::no_overload(self.name(), &[a, b]))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Contains => "contains",
            Self::StartsWith => "startsWith",
            Self::EndsWith => "endsWith",
            Self::Like => "like",
            Self::Size => "size",
            Self::Int => "int",
            Self::Double => "double",
            Self::Text => "string",
            Self::Days => "days",
        }
    }
}

impl Fold {
    fn value<'a>(&'a self, scope: &Scope<'a>, locals: &mut Locals<'a>) -> Result<Val<'a>, Fault> {
        let range = self.range.value(scope, locals)?;
        let length = range.length().ok_or_else(|| Fault::no_overload("a macro", &[&range]))?;
        // of `exists` and `all`, an item that decides does so whatever is wrong with the others
        let mut fault = None;
        let mut one = 0_usize;
        let mut items = Vec::new();
        for i in 0..length {
            locals.push(range.item(i).unwrap_or(Val::Null));
            let found = match self.guard.as_ref().map(|guard| guard.truth(scope, locals)) {
                Some(Ok(false)) => Ok(None),
                Some(Err(fault)) => Err(fault),
                None | Some(Ok(true)) => self.body.value(scope, locals).map(Some),
            };
            locals.pop();
            match (self.kind, found) {
                (_, Ok(None)) => {}
                (Kind::Exists | Kind::All, Ok(Some(found))) => match found.truth() {
                    Ok(decided) if decided == (self.kind == Kind::Exists) => return Ok(Val::Bool(decided)),
                    Ok(_) => {}
                    Err(_) => fault = Some(Fault::not_bool(&found)),
                },
                (Kind::Exists | Kind::All, Err(found)) => fault = Some(found),
                (Kind::One, Ok(Some(found))) => one += usize::from(found.truth()?),
                (Kind::Map, Ok(Some(found))) => items.push(found),
                (Kind::One | Kind::Map, Err(found)) => return Err(found),
            }
        }
        match (self.kind, fault) {
            (_, Some(fault)) => Err(fault),
            (Kind::Exists, None) => Ok(Val::Bool(false)),
            (Kind::All, None) => Ok(Val::Bool(true)),
            (Kind::One, None) => Ok(Val::Bool(one == 1)),
            (Kind::Map, None) => Ok(list(items)),
        }
    }
}
