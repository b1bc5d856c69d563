//! CEL expressions: parsed, checked, and evaluated over borrowed assets.

use std::cell::OnceCell;

use cel::IdedExpr;
use cel::parser::PrattParser;

use super::check::{Fault as Wrong, Shape, VARIABLES};
use super::eval::{self, Node};
use super::param::Params;
use super::value::{Fault, Val, text};
use super::view::{View, WORKED_OUT, World};
use crate::asset::Nesting;

/// Deepest brackets and most operators and selections read: what the parsers build from them fits any thread's stack.
const BRACKET_LIMIT: usize = 48;
const LINK_LIMIT: usize = 400;

/// A compiled expression.
#[derive(Debug, Clone)]
pub(super) struct Expression {
    ast: IdedExpr,
    root: Node,
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

impl Part {
    /// The ids that it brings in: of a path its own, of all else those of the assets besides the one judged.
    pub(super) fn ids<'p>(&'p self, judged: &'p str) -> impl Iterator<Item = &'p str> {
        let ends = match self {
            Self::Relation { from, to, .. } | Self::Right { from, to, .. } => [from, to],
            Self::Asset(id) | Self::Path { id, .. } => [id, id],
        };
        ends.into_iter().map(String::as_str).filter(move |id| *id != judged)
    }
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
            Ok(()) => Self::of(ast).map_err(|fault| at_node(source, fault.node, fault.message)),
            Err(fault) => Err(at_node(source, fault.node, fault.message)),
        }
    }

    /// An expression that was checked, perhaps changed since.
    pub(super) fn of(ast: IdedExpr) -> Result<Self, Wrong> {
        Ok(Self { root: eval::lower(&ast)?, ast })
    }

    pub(super) fn ast(&self) -> &IdedExpr {
        &self.ast
    }

    /// Whether the condition holds. A condition that fails on an absent field does not hold; any other failure is an
    /// error.
    pub(super) fn holds<'a>(&'a self, scope: &Scope<'a>) -> Result<bool, String> {
        match self.root.value(scope, &mut Vec::new()) {
            Ok(found) => match found.truth() {
                Ok(holds) => Ok(holds),
                Err(Fault::Absent) => Ok(false),
                Err(_) => Err(format!("the result is {}, not true or false", found.kind())),
            },
            Err(Fault::Absent) => Ok(false),
            Err(fault) => Err(fault.to_string()),
        }
    }

    /// What took part, in order.
    pub(super) fn parts<'a>(&'a self, scope: &Scope<'a>) -> Result<Vec<Part>, String> {
        let list = match self.root.value(scope, &mut Vec::new()) {
            Ok(list) => list,
            Err(Fault::Absent) => return Ok(Vec::new()),
            Err(fault) => return Err(fault.to_string()),
        };
        Ok((0..list.length().unwrap_or(0)).filter_map(|i| part(&list.item(i)?)).collect())
    }
}

/// Whether an expression could nest too deeply.
fn too_complex(source: &str) -> Option<String> {
    let Nesting { brackets, links } = Nesting::of(source);
    let over = brackets > BRACKET_LIMIT || links > LINK_LIMIT;
    over.then(|| format!("too complex: more than {BRACKET_LIMIT} nested brackets or {LINK_LIMIT} operators"))
}

/// Checks an expression and that its result is what it is for.
fn check(ast: &mut IdedExpr, purpose: Purpose, params: &Params) -> Result<(), Wrong> {
    let wanted = match (purpose, super::check::check(ast, params)?) {
        (Purpose::Condition, Shape::Bool | Shape::Any) | (Purpose::Because, Shape::List(_)) => return Ok(()),
        (Purpose::Condition, _) => "true or false",
        (Purpose::Because, _) => "a list of relations, assets or paths",
    };
    Err(Wrong { node: ast.id, message: format!("the result must be {wanted}") })
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

/// What a value stands for, by the fields that only its kind has.
fn part(item: &Val<'_>) -> Option<Part> {
    let field = |name: &'static str| match item.field(name) {
        Ok(Val::Text(text)) => Some(text.into_owned()),
        _ => None,
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

/// The variables of one evaluation. What is worked out for one rule is there for the next.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    world: &'a World<'a>,
    asset: View<'a>,
    worked_out: [OnceCell<Val<'a>>; WORKED_OUT.len()],
}

impl<'a> Scope<'a> {
    pub(super) fn new(world: &'a World<'a>, id: &'a str) -> Self {
        Self { world, asset: world.asset(id), worked_out: [const { OnceCell::new() }; WORKED_OUT.len()] }
    }

    /// A field of the asset judged.
    pub(super) fn own(&self, name: &str) -> Result<Val<'a>, Fault> {
        let known = WORKED_OUT.iter().zip(&self.worked_out).find(|(known, _)| **known == name);
        let Some((_, cell)) = known else { return self.asset.look_up(name) };
        if let Some(value) = cell.get() {
            return Ok(value.clone());
        }
        let value = self.asset.look_up(name)?;
        Ok(cell.get_or_init(|| value).clone())
    }

    /// A variable by its place in [`VARIABLES`]; most are fields of the asset judged.
    pub(super) fn variable(&self, variable: usize) -> Result<Val<'a>, Fault> {
        Ok(match VARIABLES.get(variable).copied().unwrap_or_default() {
            "asset" => Val::View(self.asset),
            "params" => Val::View(View::Object(self.world.params)),
            "facts" => Val::View(View::Object(self.world.facts)),
            "today" => self.world.today.map_or(Val::Null, text),
            field => self.own(field)?,
        })
    }

    /// What there is.
    pub(super) fn world(&self) -> &'a World<'a> {
        self.world
    }

    /// A value by its dotted path as text for people; `None` if there is nothing.
    pub(super) fn show(&self, path: &str) -> Option<String> {
        let mut names = path.split('.');
        let first = names.next()?;
        let first = VARIABLES.iter().position(|variable| *variable == first)?;
        let value = names.try_fold(self.variable(first).ok()?, |value, name| value.field(name).ok())?;
        value.show()
    }
}
