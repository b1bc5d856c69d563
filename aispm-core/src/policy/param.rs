//! Parameters: the organisation's own values for what rules ask. A pack declares them with a default; later packs and
//! aispm.yaml set them, and a value of another type is an error where it stands.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::check::Shape;
use crate::asset::{Document, Result, pointer_key};

crate::asset::names! {
    /// What values a parameter takes.
    ParamType, "snake_case" {
        /// A text.
        Text = "text",
        /// A number.
        Number = "number",
        /// True or false.
        Flag = "flag",
        /// A list of texts.
        List = "list",
        /// Values by name.
        Map = "map",
        /// Anything.
        Any = "any",
    }
}

/// A parameter that rules ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Param {
    /// What values it takes.
    #[serde(rename = "type")]
    pub kind: ParamType,
    /// Its value; `null` as long as nobody has set it.
    pub value: Value,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// A parameter as a pack declares it in full. The short form is the value alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    #[serde(rename = "type")]
    kind: Option<ParamType>,
    #[serde(default)]
    default: Value,
    #[serde(default)]
    description: String,
}

/// The parameters of a set of packs, by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Params(pub(super) BTreeMap<String, Param>);

impl ParamType {
    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Any,
            Value::Bool(_) => Self::Flag,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::Text,
            Value::Array(items) if items.iter().all(Value::is_string) => Self::List,
            Value::Array(_) => Self::Any,
            Value::Object(_) => Self::Map,
        }
    }

    /// Whether a value fits; `null` unsets any parameter.
    fn takes(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Any, _) | (_, Value::Null) => true,
            (Self::List, Value::Array(items)) => items.iter().all(Value::is_string),
            _ => self == Self::of(value),
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Flag => "true or false",
            Self::List => "a list of texts",
            Self::Map => "values by name",
            Self::Any => "anything",
        }
    }
}

impl Params {
    /// Takes in the `params` of a pack: declares new ones, sets those that are known.
    pub(super) fn declare(&mut self, document: &Document, params: &Map<String, Value>) -> Result<()> {
        for (name, value) in params {
            let pointer = format!("/params/{}", pointer_key(name));
            let new = match value {
                Value::Object(_) => {
                    // the place of what is wrong is below the parameter
                    let declared: Declared = document.part(&pointer, value.clone()).read()?;
                    let kind = declared.kind.unwrap_or_else(|| ParamType::of(&declared.default));
                    Param { kind, value: declared.default, description: declared.description }
                }
                _ => Param { kind: ParamType::of(value), value: value.clone(), description: String::new() },
            };
            match self.0.get_mut(name) {
                Some(known) => {
                    let declared_kind = value.get("type").is_some();
                    if declared_kind && new.kind != known.kind && known.kind != ParamType::Any {
                        let message = format!("the parameter {name:?} takes {} already", known.kind.describe());
                        return Err(document.error(&pointer, message));
                    }
                    if known.kind == ParamType::Any && (declared_kind || !new.value.is_null()) {
                        known.kind = new.kind;
                    }
                    if !new.description.is_empty() {
                        known.description = new.description;
                    }
                }
                None => {
                    self.0.insert(name.clone(), Param { value: Value::Null, ..new });
                }
            }
            self.set(name, new.value).map_err(|message| document.error(&pointer, message))?;
        }
        Ok(())
    }

    /// Sets a parameter that is known, if the value fits.
    pub(super) fn set(&mut self, name: &str, value: Value) -> Result<(), String> {
        let Some(param) = self.0.get_mut(name) else {
            let known = self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(format!("`params` has {name:?}, which no rule asks for; known: {known}"));
        };
        if !param.kind.takes(&value) {
            return Err(format!("the parameter {name:?} takes {}, found {value}", param.kind.describe()));
        }
        param.value = value;
        Ok(())
    }

    /// The shape of a parameter in an expression; `None` if there is no such parameter.
    pub(super) fn shape(&self, name: &str) -> Option<Shape> {
        Some(match self.0.get(name)?.kind {
            ParamType::Text => Shape::Text,
            ParamType::Number => Shape::Number,
            ParamType::Flag => Shape::Bool,
            ParamType::List => Shape::List(Box::new(Shape::Text)),
            ParamType::Map | ParamType::Any => Shape::Any,
        })
    }

    /// The values alone.
    pub(super) fn values(&self) -> Map<String, Value> {
        self.0.iter().map(|(name, param)| (name.clone(), param.value.clone())).collect()
    }
}
