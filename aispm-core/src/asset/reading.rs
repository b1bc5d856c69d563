//! Deserialising a value that knows, when it fails, at which value it did.
//!
//! `serde_path_to_error` does so around any deserializer, and costs as much code again for every type: 0.3 MB.

use std::cell::Cell;
use std::slice;

use serde::de::value::MapAccessDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Error as _, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::{Deserializer, forward_to_deserialize_any};
use serde_json::{Error, Value, map};

use super::pointer_key;

/// A value as a type, or what is wrong and the JSON pointer of where; of an unknown field that is the field. Keys are text:
/// a map by number cannot be read.
pub(super) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, (String, Error)> {
    let stop = Cell::new(None);
    T::deserialize(Node { value, stop: &stop }).map_err(|error| {
        let stop = stop.get().unwrap_or(value);
        let pointer = pointer_of(value, stop).unwrap_or_default();
        // enums with a tag are read from a copy, so that what is wrong in one is only known by its name
        let message = error.to_string();
        let named = message.strip_prefix("unknown ").and_then(|message| message.split('`').nth(1));
        let named = named.filter(|named| !pointer.ends_with(&format!("/{}", pointer_key(named))));
        let below = named.and_then(|named| find(stop, named, &pointer));
        (below.unwrap_or(pointer), error)
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

/// The pointer of the first field or text of this name, depth first; documents are at most 128 deep.
fn find(value: &Value, named: &str, at: &str) -> Option<String> {
    match value {
        Value::Object(map) => map.iter().find_map(|(key, child)| {
            let below = format!("{at}/{}", pointer_key(key));
            if key == named { Some(below) } else { find(child, named, &below) }
        }),
        Value::Array(items) => items.iter().enumerate().find_map(|(i, child)| find(child, named, &format!("{at}/{i}"))),
        Value::String(text) => (text == named).then(|| at.to_owned()),
        _ => None,
    }
}

/// A value, and where the first that failed is noted: as errors come up from below, that is the deepest.
#[derive(Clone, Copy)]
struct Node<'a> {
    value: &'a Value,
    stop: &'a Cell<Option<&'a Value>>,
}

/// What is left of a list.
struct Items<'a>(slice::Iter<'a, Value>, Node<'a>);

/// What is left of a map, and the value of the key that was read.
struct Fields<'a>(map::Iter<'a>, Node<'a>);

/// The name of a field.
struct Key<'a>(&'a str);

impl<'a> Node<'a> {
    fn below(self, value: &'a Value) -> Self {
        Self { value, ..self }
    }

    fn read<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, Error> {
        self.note(seed.deserialize(self))
    }

    fn note<T>(self, result: Result<T, Error>) -> Result<T, Error> {
        result.inspect_err(|_| self.stop.set(self.stop.get().or(Some(self.value))))
    }
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.next().map(|value| self.1.below(value).read(seed)).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.0.next() else { return Ok(None) };
        self.1 = self.1.below(value);
        self.1.note(seed.deserialize(Key(key))).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        self.1.read(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Number(number) => number.deserialize_any(visitor),
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(list) => {
                let mut items = Items(list.iter(), self);
                let read = visitor.visit_seq(&mut items)?;
                if items.0.len() == 0 { Ok(read) } else { Err(too_long(list.len(), "array")) }
            }
            Value::Object(map) => {
                let mut fields = Fields(map.iter(), self);
                let read = visitor.visit_map(&mut fields)?;
                if fields.0.len() == 0 { Ok(read) } else { Err(too_long(map.len(), "map")) }
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
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
        match self.value {
            Value::String(variant) => visitor.visit_enum(variant.as_str().into_deserializer()),
            Value::Object(map) if map.len() == 1 => {
                visitor.visit_enum(MapAccessDeserializer::new(Fields(map.iter(), self)))
            }
            other => Err(no_variant(other)),
        }
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
        visitor.visit_borrowed_str(self.0)
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
        visitor.visit_enum(self.0.into_deserializer())
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

fn too_long(length: usize, what: &str) -> Error {
    Error::invalid_length(length, &format!("fewer elements in {what}").as_str())
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
        #[serde(default)]
        tagged: Vec<Tagged>,
        #[serde(default, deserialize_with = "even")]
        even: u64,
    }

    /// Fails behind the reading of the value.
    fn even<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let number = u64::deserialize(deserializer)?;
        if number % 2 == 0 { Ok(number) } else { Err(D::Error::custom("odd")) }
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
    #[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
    enum Tagged {
        Mask { length: u8 },
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
            json!({"sizes": [[1, 2, 3]]}),
            json!({"nmae": "x"}),
            json!({"even": 3}),
            json!([]),
            json!([null, [], {}, [], null, 2, 1]),
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
            (json!({"name": "x", "even": 3}), "/even"),
            (json!({"tagged": [{"type": "mask", "length": 1}, {"type": "mask", "longth": 1}]}), "/tagged/1/longth"),
            (json!({"tagged": [{"type": "msak"}]}), "/tagged/0/type"),
            (json!({"tagged": [{"type": "mask"}]}), "/tagged/0"),
            (json!("text"), ""),
        ] {
            assert_eq!(read::<Whole>(&value).unwrap_err().0, place, "{value}");
        }
    }
}
