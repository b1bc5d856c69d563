//! CEL, compiled once and evaluated over borrowed assets.

use std::sync::{Arc, LazyLock};

use cel::common::types::{CelBool, CelNull, CelString, DYN_TYPE, STRING_TYPE};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::parser::PrattParser;
use cel::{Context, Env, ExecutionError, IdedExpr, Value};

use super::check::{Fault, Shape};
use super::param::Params;
use super::view::{View, World, text};
use crate::asset::Nesting;
use crate::discover::declared::like;

/// Deepest brackets and most operators and selections read: what the parsers build from them fits any thread's stack.
const BRACKET_LIMIT: usize = 48;
const LINK_LIMIT: usize = 400;

/// A compiled expression.
#[derive(Debug, Clone)]
pub(super) struct Expression {
    ast: IdedExpr,
}

/// What an expression is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Says whether a rule fires.
    Condition,
    /// Lists the relations, assets or paths that take part.
    Because,
}

/// What is wrong with an expression, and where in it, from 1.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) message: String,
}

/// Something that took part: its ends for a relation, a permission or a path, itself for an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Relation { from: String, kind: String, to: String },
    Right { from: String, power: String, to: String },
    Asset(String),
    Path { id: String, source: String, target: String },
}

fn environment() -> &'static Arc<Env> {
    static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
        let mut env = Env::stdlib();
        // a fresh environment has no overload of this name; were it refused, every rule's own tests would fail
        let _ = env.add_member_overload("like", "dyn_like", DYN_TYPE, vec![DYN_TYPE], cel_like);
        Arc::new(env)
    });
    &ENVIRONMENT
}

/// `text.like(pattern)`: whether a pattern with `*` matches the whole text, letter case aside; nothing is like absent text.
fn cel_like<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let [text, pattern] = args.as_slice() else { return Err(ExecutionError::missing_argument_or_target()) };
    let word = |value: &CowVal<'b, 'v>| match value.downcast_ref::<CelString>() {
        Some(text) => Ok(Some(text.inner().to_ascii_lowercase())),
        None if value.downcast_ref::<CelNull>().is_some() => Ok(None),
        None => Err(ExecutionError::UnexpectedType {
            got: value.get_type().name().to_owned(),
            want: STRING_TYPE.name().to_owned(),
        }),
    };
    let matches = word(text)?.zip(word(pattern)?).is_some_and(|(text, pattern)| like(&pattern, &text));
    Ok(CowVal::owned(CelBool::from(matches)))
}

impl Expression {
    pub(super) fn compile(source: &str, purpose: Purpose, params: &Params) -> Result<Self, Flaw> {
        if let Some(message) = too_complex(source) {
            return Err(Flaw { line: 1, column: 1, message });
        }
        // not the parser behind `cel::Env`: it is slower, and 48 brackets overflow the stack of a thread in debug builds
        let mut ast = PrattParser::new().parse(source).map_err(|errors| {
            let first = errors.errors.into_iter().next();
            let (line, column) = first.as_ref().map_or((1, 1), |error| error.pos);
            let message = first.map_or_else(|| "not an expression".to_owned(), |error| error.msg);
            Flaw { line: usize::try_from(line).unwrap_or(1), column: usize::try_from(column).unwrap_or(1), message }
        })?;
        match check(&mut ast, purpose, params) {
            Ok(()) => Ok(Self { ast }),
            Err(fault) => Err(at_node(source, fault.node, fault.message)),
        }
    }

    pub(super) fn ast_mut(&mut self) -> &mut IdedExpr {
        &mut self.ast
    }

    /// Whether the condition holds. A condition that fails on an absent field does not hold; any other failure is an
    /// error.
    pub(super) fn holds(&self, scope: &Scope<'_>) -> Result<bool, String> {
        let context = scope.context();
        match Value::resolve_val(&self.ast, &context) {
            Ok(value) => match value.downcast_ref::<CelBool>() {
                Some(holds) => Ok(*holds.inner()),
                None if value.get_type().name() == "null_type" => Ok(false),
                None => Err(format!("the result is {}, not true or false", value.get_type().name())),
            },
            Err(error) if is_absence(&error) => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What took part, in order.
    pub(super) fn parts(&self, scope: &Scope<'_>) -> Result<Vec<Part>, String> {
        let context = scope.context();
        let value = match Value::resolve_val(&self.ast, &context) {
            Ok(value) => value,
            Err(error) if is_absence(&error) => return Ok(Vec::new()),
            Err(error) => return Err(error.to_string()),
        };
        let Some(items) = value.as_iterable() else { return Ok(Vec::new()) };
        let mut items = items.iter();
        let mut parts = Vec::new();
        while let Some(item) = items.next() {
            parts.extend(part(item));
        }
        Ok(parts)
    }
}

/// Whether an expression could nest too deeply.
fn too_complex(source: &str) -> Option<String> {
    let Nesting { brackets, links } = Nesting::of(source);
    let over = brackets > BRACKET_LIMIT || links > LINK_LIMIT;
    over.then(|| format!("too complex: more than {BRACKET_LIMIT} nested brackets or {LINK_LIMIT} operators"))
}

/// Checks an expression and that its result is what it is for.
fn check(ast: &mut IdedExpr, purpose: Purpose, params: &Params) -> Result<(), Fault> {
    let wanted = match (purpose, super::check::check(ast, params)?) {
        (Purpose::Condition, Shape::Bool | Shape::Any) | (Purpose::Because, Shape::List(_)) => return Ok(()),
        (Purpose::Condition, _) => "true or false",
        (Purpose::Because, _) => "a list of relations, assets or paths",
    };
    Err(Fault { node: ast.id, message: format!("the result must be {wanted}") })
}

/// Where a node begins, in bytes. The parser tells places only together with an error, so this makes it find one at the
/// end.
fn offset(source: &str, node: u64) -> Option<usize> {
    let errors = PrattParser::new().parse(&format!("{source}\n)")).err()?.errors;
    let places = errors.into_iter().find_map(|error| error.source_info)?;
    places.offset_for(node).map(|(start, _)| start as usize)
}

/// What is to be said of a node, at its place.
pub(super) fn at_node(source: &str, node: u64, message: String) -> Flaw {
    flaw_at(source, offset(source, node).unwrap_or(0), message)
}

/// A flaw at a byte of an expression.
fn flaw_at(source: &str, offset: usize, message: String) -> Flaw {
    let before = source.split_at_checked(offset).map_or("", |(before, _)| before);
    let on_line = before.rsplit_once('\n').map_or(before, |(_, on_line)| on_line);
    Flaw { line: before.matches('\n').count() + 1, column: on_line.chars().count() + 1, message }
}

/// Reads a view back from a CEL value, by the fields that only its kind has.
fn part(item: &dyn Val) -> Option<Part> {
    let indexer = item.as_indexer()?;
    let field = |name: &'static str| {
        let value = indexer.get(&CelString::from(name)).ok()?;
        value.downcast_ref::<CelString>().map(|text| text.inner().to_owned())
    };
    if let (Some(from), Some(kind), Some(to)) = (field("from"), field("kind"), field("to")) {
        return Some(Part::Relation { from, kind, to });
    }
    if let (Some(from), Some(power), Some(to)) = (field("from"), field("power"), field("to")) {
        return Some(Part::Right { from, power, to });
    }
    if let (Some(id), Some(source), Some(target)) = (field("id"), field("source"), field("target")) {
        return Some(Part::Path { id, source, target });
    }
    field("id").map(Part::Asset)
}

/// Whether an error only says that an optional field was not there.
fn is_absence(error: &ExecutionError) -> bool {
    const NULL: &str = "null_type";
    match error {
        ExecutionError::NoSuchOverload(overload) => overload.argument_types().iter().any(|name| name == NULL),
        ExecutionError::UnexpectedType { got, .. } => got == NULL,
        ExecutionError::UnsupportedBinaryOperator(_, a, b) => matches!((a, b), (Value::Null, _) | (_, Value::Null)),
        ExecutionError::NoSuchKey(_) | ExecutionError::IndexOutOfBounds(_) => true,
        _ => false,
    }
}

/// The variables of one evaluation.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    world: &'a World<'a>,
    asset: View<'a>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(world: &'a World<'a>, id: &'a str) -> Self {
        Self { world, asset: world.asset(id) }
    }

    /// What there is.
    pub(super) fn world(&self) -> &'a World<'a> {
        self.world
    }

    fn context<'s>(&'s self) -> Context<'s, 's> {
        let mut context = Context::with_env(Arc::clone(environment()));
        context.set_variable_resolver(self);
        context
    }

    /// A value by its dotted path as text for people; `None` if there is nothing.
    pub(super) fn show(&self, path: &str) -> Option<String> {
        let mut names = path.split('.');
        let mut value = self.variable(names.next()?)?;
        for name in names {
            let next = value.as_indexer()?.get(&CelString::from(name)).ok()?.into_owned();
            value = next;
        }
        let value = Value::try_from(&*value).ok()?;
        match value {
            Value::Null => None,
            Value::String(text) => Some(text.to_string()),
            Value::List(items) if items.is_empty() => Some("none".to_owned()),
            Value::List(items) => Some(
                items
                    .iter()
                    .map(|item| if let Value::String(s) = item { s.to_string() } else { plain(item) })
                    .collect::<Vec<_>>()
                    .join(", "),
            ),
            other => Some(plain(&other)),
        }
    }

    fn variable(&self, name: &str) -> Option<Box<dyn Val + 'a>> {
        match name {
            "asset" => Some(Box::new(self.asset)),
            "params" => Some(Box::new(View::Object(self.world.params))),
            "facts" => Some(Box::new(View::Object(self.world.facts))),
            "today" => Some(self.world.today.map_or_else(|| -> Box<dyn Val> { Box::new(CelNull) }, text)),
            "outgoing" | "incoming" | "lineage" | "used_by" | "paths" => self.asset.field(name),
            _ => None,
        }
    }
}

/// A number or flag as text.
fn plain(value: &Value) -> String {
    match value {
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => String::new(),
    }
}

impl VariableResolver for Scope<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        self.variable(name).map(CowVal::Owned)
    }
}
