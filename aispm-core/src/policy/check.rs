//! What a rule's expression may say: names, fields, literals and functions are checked when the rule is compiled, so
//! that a misspelt field is an error with a place and not a rule that never fires.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, SelectExpr, operators};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::eval::{Function, function};
use super::field::Field;
use super::param::Params;
use crate::asset::{AssetKind, Authentication, Exposure, ModelType, RelationKind, RiskClass, Severity, TextRole};
use crate::path::{Consequence, Goal, PathStatus};
use crate::text::Detector;

/// What is known of a value before it is there.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// Any JSON: properties, parameters, facts.
    Any,
    Bool,
    Text,
    Number,
    Null,
    Asset,
    Relation,
    Path,
    Event,
    Right,
    Encryption,
    Provenance,
    /// The parameters, each with the type that its pack declares.
    Params,
    /// One of a set of names; the function says what is wrong with another.
    Name(fn(&str) -> Result<(), String>),
    List(Box<Shape>),
}

/// What is wrong, at the node of this id.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) node: u64,
    pub(super) message: String,
}

/// Deepest expression accepted; evaluation is as deep as this at most.
const DEPTH_LIMIT: usize = 128;

/// The variables of a rule. The asset judged comes first.
pub(super) const VARIABLES: &[&str] =
    &["asset", "outgoing", "incoming", "lineage", "used_by", "paths", "events", "params", "facts", "today"];

/// What a function returns.
fn returned(function: Function) -> Shape {
    match function {
        Function::Contains | Function::StartsWith | Function::EndsWith | Function::Like => Shape::Bool,
        Function::Size | Function::Int | Function::Double | Function::Days => Shape::Number,
        Function::Text => Shape::Text,
    }
}

fn known<T: std::str::FromStr<Err = crate::asset::Error>>(text: &str) -> Result<(), String> {
    text.parse::<T>().map(drop).map_err(|error| error.message)
}

fn known_to_serde<T: DeserializeOwned>(text: &str) -> Result<(), String> {
    serde_json::from_value::<T>(Value::from(text)).map(drop).map_err(|error| error.to_string())
}

fn list(of: Shape) -> Shape {
    Shape::List(Box::new(of))
}

impl Shape {
    /// The shape of a field; `None` if there is no such field.
    pub(super) fn field(&self, name: &str, params: &Params) -> Option<Self> {
        match self {
            Self::Any => return Some(Self::Any),
            Self::Params => return params.shape(name),
            _ => {}
        }
        Some(match (self, Field::named(name)?) {
            (Self::Asset, Field::Id | Field::Name | Field::Owner | Field::Purpose | Field::Environment) => Self::Text,
            (
                Self::Asset,
                Field::Ai | Field::Admin | Field::Sensitive | Field::Approved | Field::Registered | Field::RunsAi,
            ) => Self::Bool,
            (Self::Asset, Field::Kind) => Self::Name(known::<AssetKind>),
            (Self::Asset, Field::Exposure) => Self::Name(known::<Exposure>),
            (Self::Asset, Field::Authentication) => Self::Name(known::<Authentication>),
            (Self::Asset, Field::RiskClass) => Self::Name(known::<RiskClass>),
            (Self::Asset, Field::ModelType) => Self::Name(known::<ModelType>),
            (Self::Asset, Field::Encryption) => Self::Encryption,
            (Self::Asset, Field::Provenance) => Self::Provenance,
            (Self::Asset, Field::Properties) => Self::Any,
            (Self::Asset, Field::DataClasses) => list(Self::Text),
            (Self::Asset, Field::Statements | Field::Declared) => list(Self::Any),
            (Self::Asset, Field::Evidenced) => list(Self::Text),
            (Self::Asset, Field::Outgoing | Field::Incoming) => list(Self::Relation),
            (Self::Asset, Field::Lineage | Field::UsedBy) => list(Self::Asset),
            (Self::Asset, Field::Paths) => list(Self::Path),
            (Self::Asset, Field::Events) => list(Self::Event),
            (Self::Event, Field::Role) => Self::Name(known::<TextRole>),
            (Self::Event, Field::Detector) => Self::Name(known::<Detector>),
            (Self::Event, Field::Messages) => Self::Number,
            (Self::Event, Field::Types) => list(Self::Text),
            (Self::Asset, Field::Access | Field::AccessedBy | Field::Escalations | Field::ReadsBeyondSources) => {
                list(Self::Right)
            }
            (Self::Asset, Field::FullAccess | Field::Strangers) => list(Self::Text),
            (Self::Asset, Field::ActsAs) => list(Self::Asset),
            (Self::Asset, Field::AgeDays) => Self::Number,
            (Self::Path, Field::Entry) => Self::Text,
            (Self::Right, Field::From | Field::To | Field::Power | Field::Rule) => Self::Text,
            (Self::Right, Field::Conditional) => Self::Bool,
            (Self::Right, Field::Asset) => Self::Asset,
            (Self::Path, Field::Assets) => list(Self::Asset),
            (Self::Path, Field::Rules | Field::Techniques) => list(Self::Text),
            (Self::Relation, Field::Kind) => Self::Name(known::<RelationKind>),
            (Self::Relation, Field::From | Field::To) => Self::Text,
            (Self::Relation, Field::Asset) => Self::Asset,
            (Self::Path, Field::Id | Field::Title | Field::Source | Field::Target) => Self::Text,
            (Self::Path, Field::Consequence) => Self::Name(known_to_serde::<Consequence>),
            (Self::Path, Field::Goal) => Self::Name(known_to_serde::<Goal>),
            (Self::Path, Field::Status) => Self::Name(known_to_serde::<PathStatus>),
            (Self::Path, Field::Severity) => Self::Name(known::<Severity>),
            (Self::Path, Field::Risk) => Self::Number,
            (Self::Encryption, Field::AtRest | Field::InTransit | Field::CustomerKey) => Self::Bool,
            (Self::Provenance, Field::Pinned | Field::Signed) => Self::Bool,
            (
                Self::Provenance,
                Field::Publisher | Field::Source | Field::Version | Field::Revision | Field::Licence,
            ) => Self::Text,
            _ => return None,
        })
    }

    fn variable(name: &str) -> Option<Self> {
        match name {
            "asset" => Some(Self::Asset),
            "params" => Some(Self::Params),
            "facts" => Some(Self::Any),
            "today" => Some(Self::Text),
            "outgoing" | "incoming" | "lineage" | "used_by" | "paths" | "events" => {
                Self::Asset.field(name, &Params::default())
            }
            _ => None,
        }
    }

    fn describe(&self) -> &'static str {
        match self {
            Self::Any => "any value",
            Self::Bool => "true or false",
            Self::Text | Self::Name(_) => "text",
            Self::Number => "a number",
            Self::Null => "null",
            Self::Asset => "an asset",
            Self::Relation => "a relation",
            Self::Path => "a path",
            Self::Event => "an event",
            Self::Right => "a permission",
            Self::Encryption | Self::Provenance => "a group of fields",
            Self::Params => "the organisation",
            Self::List(_) => "a list",
        }
    }

    /// Whether a value of this shape can equal one of that shape. Assets, relations and groups equal nothing: rules
    /// compare their fields.
    fn comparable(&self, other: &Self) -> bool {
        use Shape::{Any, Bool, List, Name, Null, Number, Text};
        match (self, other) {
            (Any | Null, Any | Null | Bool | Text | Name(_) | Number | List(_)) => true,
            (Bool | Text | Name(_) | Number | List(_), Any | Null) => true,
            (Text | Name(_), Text | Name(_)) | (Bool, Bool) | (Number, Number) => true,
            (List(a), List(b)) => a.comparable(b),
            _ => false,
        }
    }

    /// What `+` makes of two values: numbers, text or lists.
    fn sum(&self, other: &Self) -> Option<Self> {
        use Shape::{Any, List, Name, Null, Number, Text};
        match (self, other) {
            (List(_), List(_)) => Some(other.clone()),
            (Any | Null, Any | Null) | (Number, Any | Null | Number) => Some(self.clone()),
            (Text | Name(_), Any | Null | Text | Name(_)) | (Any | Null, Text | Name(_)) => Some(Text),
            (List(_), Any | Null) => Some(list(Any)),
            (Any | Null, Number | List(_)) => Some(other.clone()),
            _ => None,
        }
    }

    fn is(&self, wanted: &Self) -> bool {
        matches!(self, Self::Any) || std::mem::discriminant(self) == std::mem::discriminant(wanted)
    }
}

/// Checks an expression, rewrites `has(a.b)` to `a.b != null` (absent fields are `null`, not missing), and tells the
/// shape of its result. O(nodes); nesting is bounded.
pub(super) fn check(expr: &mut IdedExpr, params: &Params) -> Result<Shape, Fault> {
    Checker { params, locals: Vec::new(), depth: 0 }.shape(expr)
}

/// Checks a dotted path of a message, e.g. `asset.provenance.source`.
pub(super) fn check_path(path: &str, params: &Params) -> Result<(), String> {
    let mut names = path.split('.');
    let first = names.next().unwrap_or_default();
    let start = Shape::variable(first).ok_or_else(|| format!("unknown name `{first}`"))?;
    names.try_fold(start, |shape, name| shape.field(name, params).ok_or_else(|| format!("no field `{name}`"))).map(drop)
}

struct Checker<'a> {
    params: &'a Params,
    locals: Vec<(String, Shape)>,
    depth: usize,
}

impl Checker<'_> {
    fn shape(&mut self, expr: &mut IdedExpr) -> Result<Shape, Fault> {
        if self.depth == DEPTH_LIMIT {
            return Err(Fault { node: expr.id, message: format!("nested deeper than {DEPTH_LIMIT} levels") });
        }
        self.depth += 1;
        let shape = self.shape_within(expr);
        self.depth -= 1;
        shape
    }

    fn shape_within(&mut self, expr: &mut IdedExpr) -> Result<Shape, Fault> {
        let node = expr.id;
        match &mut expr.expr {
            Expr::Literal(literal) => Ok(literal_shape(literal)),
            Expr::Ident(name) => self.ident(node, name),
            Expr::Select(select) if select.test => {
                self.select(node, select)?;
                let absent_is_null = |select: &mut SelectExpr| {
                    select.test = false;
                    let field = IdedExpr { id: node, expr: Expr::Select(std::mem::take(select)) };
                    let null = IdedExpr { id: node, expr: Expr::Literal(LiteralValue::Null) };
                    CallExpr { func_name: operators::NOT_EQUALS.to_owned(), target: None, args: vec![field, null] }
                };
                expr.expr = Expr::Call(absent_is_null(select));
                Ok(Shape::Bool)
            }
            Expr::Select(select) => self.select(node, select),
            Expr::Call(call) => self.call(node, call),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::List(items) => {
                let shapes = items.elements.iter_mut().map(|item| self.shape(item)).collect::<Result<Vec<_>, _>>()?;
                Ok(list(shapes.into_iter().next().unwrap_or(Shape::Any)))
            }
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => Err(unsupported(node)),
        }
    }

    fn ident(&self, node: u64, name: &str) -> Result<Shape, Fault> {
        let local = self.locals.iter().rev().find(|(local, _)| local == name).map(|(_, shape)| shape.clone());
        local
            .or_else(|| Shape::variable(name))
            .ok_or_else(|| Fault { node, message: format!("unknown name `{name}`; known: {}", VARIABLES.join(", ")) })
    }

    fn select(&mut self, node: u64, select: &mut SelectExpr) -> Result<Shape, Fault> {
        let operand = self.shape(&mut select.operand)?;
        operand
            .field(&select.field, self.params)
            .ok_or_else(|| Fault { node, message: format!("{} has no field `{}`", operand.describe(), select.field) })
    }

    fn call(&mut self, node: u64, call: &mut CallExpr) -> Result<Shape, Fault> {
        let target = call.target.as_deref_mut().map(|target| self.shape(target)).transpose()?;
        let mut shapes = call.args.iter_mut().map(|arg| self.shape(arg)).collect::<Result<Vec<_>, _>>()?;
        let fault = |message: String| Err(Fault { node, message });
        match (call.func_name.as_str(), shapes.as_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT, sides) => {
                match sides.iter().find(|side| !side.is(&Shape::Bool)) {
                    Some(side) => fault(format!("expected true or false, found {}", side.describe())),
                    None => Ok(Shape::Bool),
                }
            }
            (operators::EQUALS | operators::NOT_EQUALS, [left, right]) => {
                if !left.comparable(right) {
                    return fault(format!("{} cannot be compared to {}", left.describe(), right.describe()));
                }
                let [a, b] = call.args.as_slice() else { return Err(unsupported(node)) };
                check_name(left, b)?;
                check_name(right, a)?;
                Ok(Shape::Bool)
            }
            (operators::IN, [item, of]) => {
                match of {
                    Shape::List(element) if !item.comparable(element) => {
                        return fault(format!("{} cannot be in a list of {}", item.describe(), element.describe()));
                    }
                    Shape::List(_) | Shape::Any => {}
                    _ => return fault(format!("`in` needs a list, found {}", of.describe())),
                }
                if let Some(Expr::List(items)) = call.args.get(1).map(|list| &list.expr) {
                    items.elements.iter().try_for_each(|element| check_name(item, element))?;
                }
                Ok(Shape::Bool)
            }
            (operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS, [a, b]) => {
                let ordered = a.comparable(b) && !matches!(a, Shape::List(_));
                if ordered { Ok(Shape::Bool) } else { fault(format!("{} has no order", a.describe())) }
            }
            (operators::CONDITIONAL, [condition, Shape::Null, _]) if condition.is(&Shape::Bool) => {
                Ok(shapes.swap_remove(2))
            }
            (operators::CONDITIONAL, [condition, ..]) if condition.is(&Shape::Bool) => Ok(shapes.swap_remove(1)),
            (operators::ADD, [left, right]) => match left.sum(right) {
                Some(sum) => Ok(sum),
                None => fault(format!("{} and {} have no sum", left.describe(), right.describe())),
            },
            (
                name @ (operators::SUBSTRACT
                | operators::MULTIPLY
                | operators::DIVIDE
                | operators::MODULO
                | operators::NEGATE),
                sides,
            ) => match sides.iter().find(|side| !matches!(side, Shape::Any | Shape::Null | Shape::Number)) {
                Some(side) => fault(format!("`{}` needs numbers, found {}", name.trim_matches('_'), side.describe())),
                None => Ok(Shape::Number),
            },
            (operators::INDEX, [Shape::List(element), Shape::Any | Shape::Null | Shape::Number]) => {
                Ok((**element).clone())
            }
            (operators::INDEX, [Shape::List(_), index]) => {
                fault(format!("`[]` of a list needs a number, found {}", index.describe()))
            }
            (operators::INDEX, [Shape::Any, _]) => Ok(Shape::Any),
            (operators::NOT_STRICTLY_FALSE, [_]) => Ok(Shape::Bool),
            (name, arguments) => {
                let mut values = target.iter().chain(arguments);
                if name == "matches" {
                    return values
                        .try_for_each(|value| takes(Function::Like, name, value))
                        .map_or_else(fault, |()| Ok(Shape::Bool));
                }
                let Some((function, _)) = function(name) else { return fault(format!("unknown function `{name}`")) };
                values
                    .try_for_each(|value| takes(function, name, value))
                    .map_or_else(fault, |()| Ok(returned(function)))
            }
        }
    }

    fn comprehension(&mut self, comprehension: &mut ComprehensionExpr) -> Result<Shape, Fault> {
        let element = match self.shape(&mut comprehension.iter_range)? {
            Shape::List(element) => *element,
            Shape::Any => Shape::Any,
            other => {
                let message = format!("cannot go through {}", other.describe());
                return Err(Fault { node: comprehension.iter_range.id, message });
            }
        };
        let start = self.shape(&mut comprehension.accu_init)?;
        let collects = matches!(start, Shape::List(_));
        let outer = self.locals.len();
        self.locals.push((comprehension.iter_var.clone(), element));
        self.locals.push((comprehension.accu_var.clone(), start));
        self.shape(&mut comprehension.loop_cond)?;
        let step = self.shape(&mut comprehension.loop_step)?;
        let result = self.shape(&mut comprehension.result)?;
        self.locals.truncate(outer);
        Ok(if collects { step } else { result })
    }
}

/// Whether a function takes a value; what may be absent or anything is told when the rule is evaluated.
fn takes(function: Function, name: &str, value: &Shape) -> Result<(), String> {
    use Shape::{Any, Bool, List, Name, Null, Number, Params, Text};
    let (fits, wanted) = match function {
        Function::Contains | Function::StartsWith | Function::EndsWith | Function::Like | Function::Days => {
            (matches!(value, Any | Null | Text | Name(_)), "text")
        }
        Function::Size => (matches!(value, Any | Null | Text | Name(_) | List(_) | Params), "text or a list"),
        Function::Int | Function::Double => (matches!(value, Any | Null | Number | Text), "a number or text"),
        Function::Text => {
            (matches!(value, Any | Null | Bool | Number | Text | Name(_)), "text, a number, or true or false")
        }
    };
    if fits { Ok(()) } else { Err(format!("`{name}` needs {wanted}, found {}", value.describe())) }
}

fn literal_shape(literal: &LiteralValue) -> Shape {
    match literal {
        LiteralValue::Boolean(_) => Shape::Bool,
        LiteralValue::String(_) => Shape::Text,
        LiteralValue::Int(_) | LiteralValue::UInt(_) | LiteralValue::Double(_) => Shape::Number,
        LiteralValue::Null => Shape::Null,
        LiteralValue::Bytes(_) => Shape::Any,
    }
}

/// Whether text compared to a field of fixed names is one of them.
fn check_name(field: &Shape, other: &IdedExpr) -> Result<(), Fault> {
    let (Shape::Name(known), Expr::Literal(LiteralValue::String(text))) = (field, &other.expr) else { return Ok(()) };
    known(text.inner()).map_err(|message| Fault { node: other.id, message })
}

fn unsupported(node: u64) -> Fault {
    Fault { node, message: "this is not supported in rules".to_owned() }
}
