//! CEL expressions: parsed, checked, and evaluated over borrowed assets.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;

use cel::IdedExpr;
use cel::parser::PrattParser;

use super::check::{Fault as Wrong, Shape, VARIABLES};
use super::eval::{self, Node};
use super::field::{Field, Key, WORKED_OUT};
use super::param::Params;
use super::value::{Fault, Val, text};
use super::view::{View, World};
use crate::asset::{Nesting, Node as Place};

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
        match scope.value(&self.root) {
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
        let list = match scope.value(&self.root) {
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

/// A variable of an expression; those that are no more than fields of the asset judged are that field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variable {
    Asset,
    Params,
    Facts,
    Today,
    Own(Field),
}

impl Variable {
    pub(super) fn named(name: &str) -> Option<Self> {
        VARIABLES.contains(&name).then_some(())?;
        Some(match name {
            "asset" => Self::Asset,
            "params" => Self::Params,
            "facts" => Self::Facts,
            "today" => Self::Today,
            field => Self::Own(Field::named(field)?),
        })
    }
}

/// Most items of lists about other assets that are kept for the next rule.
const KEPT: usize = 100_000;

/// The variables of one evaluation. What is worked out for one rule is there for the next.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    world: &'a World<'a>,
    asset: View<'a>,
    worked_out: [OnceCell<Val<'a>>; WORKED_OUT],
    /// What was worked out of other assets, and how many more items may be kept.
    others: RefCell<HashMap<(*const Place, Field), Val<'a>, foldhash::fast::RandomState>>,
    left: Cell<usize>,
    /// What macros go through; here only to keep its memory.
    locals: RefCell<Vec<Val<'a>>>,
}

impl<'a> Scope<'a> {
    /// To judge the asset of this id.
    pub(super) fn new(world: &'a World<'a>, id: &'a str) -> Self {
        Self::of(world, world.asset(id))
    }

    /// To judge this asset.
    pub(super) fn of(world: &'a World<'a>, asset: View<'a>) -> Self {
        Self {
            world,
            asset,
            worked_out: [const { OnceCell::new() }; WORKED_OUT],
            others: RefCell::default(),
            left: Cell::new(KEPT),
            locals: RefCell::default(),
        }
    }

    /// The value of an expression.
    fn value(&self, root: &'a Node) -> Result<Val<'a>, Fault> {
        let mut locals = self.locals.take();
        let value = root.value(self, &mut locals);
        locals.clear();
        self.locals.replace(locals);
        value
    }

    /// A field of the asset judged.
    pub(super) fn own(&self, key: Key<'_>) -> Result<Val<'a>, Fault> {
        let cell = key.field.and_then(Field::worked_out).and_then(|place| self.worked_out.get(place));
        let Some(cell) = cell else { return self.asset.look_up(key) };
        if let Some(value) = cell.get() {
            return Ok(value.clone());
        }
        let value = self.asset.look_up(key)?;
        Ok(cell.get_or_init(|| value).clone())
    }

    /// A field of a value. Lists that are long to work out are kept for what asks next, within a bound.
    pub(super) fn field(&self, of: &Val<'a>, key: Key<'_>) -> Result<Val<'a>, Fault> {
        let (Val::View(View::Asset(_, place)), Some(field)) = (of, key.field.filter(|field| field.is_shared())) else {
            return of.field(key);
        };
        let entry = (std::ptr::from_ref::<Place>(place), field);
        if let Some(value) = self.others.borrow().get(&entry) {
            return Ok(value.clone());
        }
        let value = of.field(key)?;
        if let Some(left) = self.left.get().checked_sub(value.size().unwrap_or(0) + 1) {
            self.left.set(left);
            self.others.borrow_mut().insert(entry, value.clone());
        }
        Ok(value)
    }

    /// A variable.
    pub(super) fn variable(&self, variable: Variable) -> Result<Val<'a>, Fault> {
        Ok(match variable {
            Variable::Asset => Val::View(self.asset),
            Variable::Params => Val::View(View::Object(self.world.params)),
            Variable::Facts => Val::View(View::Object(self.world.facts)),
            Variable::Today => self.world.today.map_or(Val::Null, text),
            Variable::Own(field) => self.own(field.into())?,
        })
    }

    /// What there is.
    pub(super) fn world(&self) -> &'a World<'a> {
        self.world
    }

    /// A value by its dotted path as text for people; `None` if there is nothing.
    pub(super) fn show(&self, path: &str) -> Option<String> {
        let mut names = path.split('.');
        let first = self.variable(Variable::named(names.next()?)?).ok()?;
        names.try_fold(first, |value, name| value.field(name).ok())?.show()
    }
}
