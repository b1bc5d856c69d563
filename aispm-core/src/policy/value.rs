//! Values of expressions: borrowed from the inventory, the parameters and the rule wherever that can be.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::rc::Rc;

use serde_json::Value;

use super::field::Key;
use super::view::{View, World};
use crate::asset::{Direction, Inventory, Node, flag_of, is_open};

/// A value. A copy copies text only where it was put together.
#[derive(Debug, Clone)]
pub(super) enum Val<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Cow<'a, str>),
    /// An asset, relation, path or object.
    View(View<'a>),
    /// A list of the source's own.
    Json(&'a [Value]),
    /// Relations of an asset, one way.
    Relations(&'a World<'a>, &'a Node, Direction),
    List(Rc<[Val<'a>]>),
    /// A few fields, e.g. of a policy statement.
    Record(Rc<[(&'static str, Val<'a>)]>),
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// Something that it needs is not there.
    Absent,
    /// This stood where true or false is needed.
    NotBool(&'static str),
    /// Anything else.
    Wrong(String),
}

impl Fault {
    /// That a value stands where an operator or macro needs true or false.
    pub(super) fn not_bool(value: &Val<'_>) -> Self {
        match value {
            Val::Null => Self::Absent,
            other => Self::Wrong(Self::NotBool(other.kind()).to_string()),
        }
    }

    /// That an operator or function does not take these values; if one of them is not there, that is the reason.
    pub(super) fn no_overload(name: &str, values: &[&Val<'_>]) -> Self {
        if values.iter().any(|value| matches!(value, Val::Null)) {
            return Self::Absent;
        }
        let kinds = values.iter().map(|value| value.kind()).collect::<Vec<_>>().join(", ");
        Self::Wrong(format!("`{}` does not take {kinds}", name.trim_matches('_')))
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absent => f.write_str("something is not there"),
            Self::NotBool(kind) => write!(f, "expected true or false, found {kind}"),
            Self::Wrong(what) => f.write_str(what),
        }
    }
}

impl<'a> Val<'a> {
    /// A list without items.
    pub(super) const EMPTY: Self = Self::Json(&[]);

    /// What sort of value it is, for people.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Int(_) | Self::Double(_) => "a number",
            Self::Text(_) => "text",
            Self::Json(_) | Self::List(_) | Self::Relations(..) => "a list",
            Self::View(View::Object(_)) | Self::Record(_) => "an object",
            Self::View(_) => "a group of fields",
        }
    }

    /// True or false, also as text.
    pub(super) fn truth(&self) -> Result<bool, Fault> {
        match self {
            Self::Bool(flag) => Ok(*flag),
            Self::Null => Err(Fault::Absent),
            Self::Text(text) => flag_of(text).ok_or(Fault::NotBool(self.kind())),
            other => Err(Fault::NotBool(other.kind())),
        }
    }

    /// The field of this name; `null` where it is not there.
    pub(super) fn field<'k>(&self, name: impl Into<Key<'k>>) -> Result<Self, Fault> {
        let key = name.into();
        match self {
            Self::View(view) => view.look_up(key),
            Self::Record(fields) => {
                Ok(fields.iter().find(|(known, _)| *known == key.name).map_or(Self::Null, |(_, value)| value.clone()))
            }
            Self::Null => Err(Fault::Absent),
            other => Err(Fault::Wrong(format!("{} has no field `{}`", other.kind(), key.name))),
        }
    }

    /// How many items, fields or characters; `None` if it has no size.
    pub(super) fn size(&self) -> Option<usize> {
        match self {
            Self::Text(text) => Some(text.chars().count()),
            Self::Json(items) => Some(items.len()),
            Self::List(items) => Some(items.len()),
            Self::Relations(_, node, direction) => Some(Inventory::degree(node, *direction)),
            Self::View(View::Object(map)) => Some(map.len()),
            Self::Record(fields) => Some(fields.len()),
            _ => None,
        }
    }

    /// The i-th item of a list.
    pub(super) fn item(&self, i: usize) -> Option<Self> {
        match self {
            Self::Json(items) => items.get(i).map(|item| if is_open(item) { Self::Null } else { json(item) }),
            Self::List(items) => items.get(i).cloned(),
            Self::Relations(world, node, direction) => {
                let (relation, other) = world.inventory.relation_of(node, *direction, i)?;
                Some(Self::View(View::Relation(world, relation, other)))
            }
            _ => None,
        }
    }

    /// How many items a list has; `None` if it is none.
    pub(super) fn length(&self) -> Option<usize> {
        self.is_list().then(|| self.size().unwrap_or(0))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self, Self::Json(_) | Self::List(_) | Self::Relations(..))
    }

    /// Whether two values are the same; numbers by what they are worth, flags also as the text that sources write, groups
    /// of fields never.
    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Bool(flag), Self::Text(text)) | (Self::Text(text), Self::Bool(flag)) => flag_of(text) == Some(*flag),
            (Self::Int(_) | Self::Double(_), Self::Int(_) | Self::Double(_)) => {
                self.compare(other) == Some(Ordering::Equal)
            }
            (a, b) if a.is_list() && b.is_list() => {
                let length = self.length().unwrap_or(0);
                Some(length) == other.length()
                    && (0..length).all(|i| matches!((self.item(i), other.item(i)), (Some(a), Some(b)) if a.equals(&b)))
            }
            _ => false,
        }
    }

    /// The order of two values that have one.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::Int(a), Self::Double(b)) => (*a as f64).partial_cmp(b),
            (Self::Double(a), Self::Int(b)) => a.partial_cmp(&(*b as f64)),
            (Self::Double(a), Self::Double(b)) => a.partial_cmp(b),
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// For people; `None` if there is nothing.
    pub(super) fn show(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Bool(flag) => Some(flag.to_string()),
            Self::Int(number) => Some(number.to_string()),
            Self::Double(number) => Some(number.to_string()),
            Self::Text(text) => Some(text.to_string()),
            Self::Json(_) | Self::List(_) | Self::Relations(..) => {
                if self.length() == Some(0) {
                    return Some("none".to_owned());
                }
                let items = (0..self.length().unwrap_or(0)).filter_map(|i| self.item(i)?.show());
                Some(items.collect::<Vec<_>>().join(", "))
            }
            Self::View(_) | Self::Record(_) => Some(String::new()),
        }
    }
}

pub(super) fn text(text: &str) -> Val<'_> {
    Val::Text(Cow::Borrowed(text))
}

pub(super) fn optional(value: Option<&str>) -> Val<'_> {
    value.map_or(Val::Null, text)
}

pub(super) fn flag<'a>(value: Option<bool>) -> Val<'a> {
    value.map_or(Val::Null, Val::Bool)
}

pub(super) fn list<'a>(items: impl IntoIterator<Item = Val<'a>>) -> Val<'a> {
    let items = items.into_iter().collect::<Vec<_>>();
    if items.is_empty() { Val::EMPTY } else { Val::List(items.into()) }
}

/// JSON as expressions see it; integers that do not fit become doubles.
pub(super) fn json(value: &Value) -> Val<'_> {
    match value {
        Value::Null => Val::Null,
        Value::Bool(value) => Val::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => Val::Int(integer),
            None => Val::Double(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(string) => text(string),
        Value::Array(items) => Val::Json(items),
        Value::Object(map) => Val::View(View::Object(map)),
    }
}
