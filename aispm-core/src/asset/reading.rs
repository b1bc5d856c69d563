//! Deserialising a value that knows, when it fails, at which value it did.
//!
//! `serde_path_to_error` does so around any deserializer, and costs as much code again for every type: 0.3 MB.

use std::cell::Cell;

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Error as _, IgnoredAny, IntoDeserializer, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};
use serde_json::{Error, Map, Value};

use super::pointer_key;

/// A value as a type, or what is wrong and the JSON pointer of where; of an unknown field that is the field. Keys are text:
/// a map by number cannot be read.
pub(super) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, (String, Error)> {
    let stop = Cell::new(None);
    T::deserialize(Node { value, stop: &stop }).map_err(|error| {
        let pointer = stop.get().and_then(|stop| pointer_of(value, stop)).unwrap_or_default();
        (pointer, error)
    })
}

/// The pointer of a value that is part of `whole`; documents are at most 128 deep.
fn pointer_of(whole: &Value, part: &Value) -> Option<String> {
    if std::ptr::eq(whole, part) {
        return Some(String::new());
    }
    match whole {
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(i, item)| Some(format!("/{i}{}", pointer_of(item, part)?)))
        }
        Value::Object(map) => {
            map.iter().find_map(|(key, item)| Some(format!("/{}{}", pointer_key(key), pointer_of(item, part)?)))
        }
        _ => None,
    }
}

/// A value, and where the first that failed is noted: as errors come up from below, that is the deepest.
#[derive(Clone, Copy)]
struct Node<'a> {
    value: &'a Value,
    stop: &'a Cell<Option<&'a Value>>,
}

/// The name of a field, and its value.
#[derive(Clone, Copy)]
struct Key<'a>(&'a str, Node<'a>);

impl<'a> Node<'a> {
    fn note<T>(self, result: Result<T, Error>) -> Result<T, Error> {
        result.inspect_err(|_| self.stop.set(self.stop.get().or(Some(self.value))))
    }

    fn fields(self, map: &'a Map<String, Value>) -> MapDeserializer<'a, impl Iterator<Item = (Key<'a>, Self)>, Error> {
        let below = move |value| Self { value, ..self };
        MapDeserializer::new(map.iter().map(move |(key, value)| (Key(key, below(value)), below(value))))
    }
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.note(match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Number(number) => number.deserialize_any(visitor),
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => {
                SeqDeserializer::new(items.iter().map(|value| Self { value, ..self })).deserialize_any(visitor)
            }
            Value::Object(map) => self.fields(map).deserialize_any(visitor),
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.note(if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.note(visitor.visit_newtype_struct(self))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.note(match self.value {
            Value::String(variant) => visitor.visit_enum(variant.as_str().into_deserializer()),
            Value::Object(map) if map.len() == 1 => visitor.visit_enum(MapAccessDeserializer::new(self.fields(map))),
            other => Err(no_variant(other)),
        })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier
    }
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.1.note(visitor.visit_borrowed_str(self.0))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.1.note(visitor.visit_enum(self.0.into_deserializer()))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Error> for Node<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> IntoDeserializer<'de, Error> for Key<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// What serde_json says of a value that is no variant of any enum.
fn no_variant(value: &Value) -> Error {
    let read = value.deserialize_enum("", &[], IgnoredAny);
    read.err().unwrap_or_else(|| Error::custom("expected string or map"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "lowercase")]
    struct Whole {
        name: Option<String>,
        #[serde(default)]
        sizes: Vec<(u8, f64)>,
        #[serde(default)]
        kinds: BTreeMap<Kind, Wrapped>,
        #[serde(default)]
        shapes: Vec<Shape>,
        #[serde(default)]
        loose: Option<Loose>,
    }

    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Old,
        New,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Wrapped(bool);

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase", deny_unknown_fields)]
    enum Shape {
        Point,
        Circle(u32),
        Line(u8, u8),
        Box { width: u8 },
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Loose {
        Count(u64),
        Named(BTreeMap<String, u64>),
    }

    #[test]
    fn what_serde_json_reads_is_read_alike() {
        for value in [
            json!({"name": "a", "sizes": [[1, 2], [3, 0.5]], "kinds": {"new": true, "old": false}}),
            json!({"shapes": ["point", {"circle": 7}, {"line": [1, 2]}, {"box": {"width": 3}}, {"point": null}]}),
            json!({"name": null, "loose": 3}),
            json!({"loose": {"a": 1}}),
            json!({"name": ["x"]}),
            json!({"shapes": ["circle"]}),
            json!({"shapes": [{"circle": 1, "point": null}]}),
            json!({"shapes": [true]}),
            json!({"nmae": "x"}),
            json!([]),
        ] {
            let theirs = Whole::deserialize(&value).map_err(|error| error.to_string());
            assert_eq!(read::<Whole>(&value).map_err(|(_, error)| error.to_string()), theirs, "{value}");
        }
    }

    #[test]
    fn errors_name_the_deepest_place() {
        for (value, place) in [
            (json!({"name": 1}), "/name"),
            (json!({"name": "x", "a/b": 2}), "/a~1b"),
            (json!({"sizes": [[1, 2], [300, 1]]}), "/sizes/1/0"),
            (json!({"sizes": [[1, 2], [3]]}), "/sizes/1"),
            (json!({"sizes": [[1, 2, 3]]}), "/sizes/0"),
            (json!({"kinds": {"new": true, "older": true}}), "/kinds/older"),
            (json!({"kinds": {"new": 1}}), "/kinds/new"),
            (json!({"shapes": ["point", "cone"]}), "/shapes/1"),
            (json!({"shapes": [{"cone": 1}]}), "/shapes/0/cone"),
            (json!({"shapes": [{"circle": "1"}]}), "/shapes/0/circle"),
            (json!({"shapes": [{"line": [1, "2"]}]}), "/shapes/0/line/1"),
            (json!({"shapes": [{"box": {"height": 1}}]}), "/shapes/0/box/height"),
            (json!({"shapes": [{"box": {}}]}), "/shapes/0/box"),
            (json!({"loose": {"a": "b"}}), "/loose"),
            (json!("text"), ""),
        ] {
            assert_eq!(read::<Whole>(&value).unwrap_err().0, place, "{value}");
        }
    }
}
