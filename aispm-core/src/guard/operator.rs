//! What is written in place of a match.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, MapDeserializer};
use serde::de::{self, Deserializer, Visitor};

use super::fake::fake;
use super::{Key, Vault};

/// What is written in place of a value. In a policy a name, `mask`, or a name with options,
/// `{type: mask, keep_last: 4}`; names and options are Presidio's where it has them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Operator {
    /// The value itself.
    Keep {},
    /// Nothing.
    Redact {},
    /// The type, `<EMAIL_ADDRESS>`, or a given text. What is written where a policy names no operator.
    Replace {
        /// The text.
        #[serde(default)]
        new_value: Option<String>,
    },
    /// A character for each character, or for some.
    Mask {
        /// The character.
        #[serde(default = "star")]
        masking_char: char,
        /// How many are masked, at least 1; all without it.
        #[serde(default)]
        chars_to_mask: Option<usize>,
        /// Whether they are counted from the end.
        #[serde(default)]
        from_end: bool,
        /// How many at the end are not masked, but never more than half of the value.
        #[serde(default)]
        keep_last: usize,
    },
    /// A keyed hash: HMAC-SHA256 of value and type in hex.
    Hash {
        /// How many hex digits, 8 to 64.
        #[serde(default = "hex_digits")]
        length: usize,
    },
    /// The type and a number, `<EMAIL_ADDRESS_1>`, the same for the same value; a [`Vault`] restores it.
    Placeholder {},
    /// A value of the same shape, the same for the same value and key.
    Fake {},
    /// The value under AES-256-GCM; [`Key::decrypt`] restores it.
    Encrypt {},
}

/// Names of operators.
const NAMES: [&str; 8] = ["keep", "redact", "replace", "mask", "hash", "placeholder", "fake", "encrypt"];

impl Default for Operator {
    fn default() -> Self {
        Self::Replace { new_value: None }
    }
}

impl Operator {
    /// What is written in place of a value of this type. Without the key or the room in the vault that the operator
    /// needs it is `<TYPE>`, never the value. O(value).
    pub fn apply<'v>(&self, kind: &str, value: &'v str, key: Option<&Key>, vault: &mut Vault) -> Cow<'v, str> {
        let written = match self {
            Self::Keep {} => return value.into(),
            Self::Redact {} => Some(String::new()),
            Self::Replace { new_value } => new_value.clone(),
            Self::Mask { masking_char, chars_to_mask, from_end, keep_last } => {
                let most = chars_to_mask.unwrap_or(usize::MAX).max(1);
                Some(mask(value, *masking_char, most, *from_end, *keep_last))
            }
            Self::Hash { length } => key.map(|key| key.hash(kind, value, *length)),
            Self::Placeholder {} => vault.hide(kind, value),
            Self::Fake {} => key.map(|key| fake(kind, value, key.numbers(kind, value))),
            Self::Encrypt {} => key.and_then(|key| key.encrypt(value).ok()),
        };
        written.unwrap_or_else(|| format!("<{kind}>")).into()
    }

    /// Its name in a policy.
    #[must_use]
    pub fn name(&self) -> &'static str {
        let [keep, redact, replace, mask, hash, placeholder, fake, encrypt] = NAMES;
        match self {
            Self::Keep {} => keep,
            Self::Redact {} => redact,
            Self::Replace { .. } => replace,
            Self::Mask { .. } => mask,
            Self::Hash { .. } => hash,
            Self::Placeholder {} => placeholder,
            Self::Fake {} => fake,
            Self::Encrypt {} => encrypt,
        }
    }

    /// Whether it needs a key.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        matches!(self, Self::Hash { .. } | Self::Fake {} | Self::Encrypt {})
    }

    /// For a stretch that holds more than the one match: nothing of it shows, no last digits and no country.
    pub(super) fn on_mixed<'k>(&self, kind: &'k str) -> (&'k str, Cow<'_, Self>) {
        match self {
            Self::Mask { masking_char, .. } => (
                kind,
                Cow::Owned(Self::Mask {
                    masking_char: *masking_char,
                    chars_to_mask: None,
                    from_end: false,
                    keep_last: 0,
                }),
            ),
            Self::Fake {} => ("VALUE", Cow::Borrowed(self)),
            _ => (kind, Cow::Borrowed(self)),
        }
    }

    /// What is wrong with the options.
    fn fault(&self) -> Option<String> {
        match self {
            Self::Hash { length } if !(8..=64).contains(length) => {
                Some(format!("`length` is {length}, not from 8 to 64"))
            }
            Self::Mask { chars_to_mask: Some(0), .. } => Some("`chars_to_mask` is 0".to_owned()),
            Self::Mask { chars_to_mask: Some(_), keep_last: 1.., .. } => {
                Some("`keep_last` and `chars_to_mask` exclude each other".to_owned())
            }
            _ => None,
        }
    }
}

/// Masks `most` characters from the start, or from the end, but not the `keep_last` last.
fn mask(value: &str, with: char, most: usize, from_end: bool, keep_last: usize) -> String {
    let count = value.chars().count();
    let masked = most.min(count - keep_last.min(count / 2));
    let range = if from_end { count - masked..count } else { 0..masked };
    value.chars().enumerate().map(|(i, c)| if range.contains(&i) { with } else { c }).collect()
}

fn star() -> char {
    '*'
}

/// 64 bits: by chance two of four billion values have one hash.
fn hex_digits() -> usize {
    16
}

/// The schema of what [`read`] takes.
pub(super) fn schema(generator: &mut SchemaGenerator) -> Schema {
    let options = generator.subschema_for::<Operator>();
    json_schema!({ "anyOf": [{ "type": "string", "enum": NAMES }, options] })
}

/// Reads an operator's name, or its name with options.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Operator>, D::Error> {
    struct Either;

    impl<'de> Visitor<'de> for Either {
        type Value = Operator;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the name of an operator, or a mapping with its `type`")
        }

        fn visit_str<E: de::Error>(self, name: &str) -> Result<Operator, E> {
            Operator::deserialize(MapDeserializer::new([("type", name)].into_iter()))
        }

        fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Operator, A::Error> {
            Operator::deserialize(MapAccessDeserializer::new(map))
        }
    }

    let operator = deserializer.deserialize_any(Either).map_err(|error| {
        // an error that names nothing is placed by what it is about
        let message = error.to_string();
        if message.starts_with("invalid") { de::Error::custom(format!("`operator`: {message}")) } else { error }
    })?;
    operator.fault().map_or(Ok(Some(operator)), |fault| Err(de::Error::custom(fault)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::Document;

    fn parsed(yaml: &str) -> Operator {
        #[derive(Deserialize)]
        struct Holder {
            #[serde(deserialize_with = "read")]
            operator: Option<Operator>,
        }
        Document::config::<Holder>("o", &format!("operator: {yaml}")).unwrap().operator.unwrap()
    }

    fn written(yaml: &str, kind: &str, value: &str) -> String {
        let key = Key::new([1; 32]).unwrap();
        parsed(yaml).apply(kind, value, Some(&key), &mut Vault::new()).into_owned()
    }

    #[test]
    fn operators_write_what_they_say() {
        for (yaml, expected) in [
            ("keep", "0123456789"),
            ("redact", ""),
            ("replace", "<X>"),
            ("{type: replace, new_value: someone}", "someone"),
            ("mask", "**********"),
            ("{type: mask, masking_char: '#', chars_to_mask: 4}", "####456789"),
            ("{type: mask, chars_to_mask: 4, from_end: true}", "012345****"),
            ("{type: mask, chars_to_mask: 99}", "**********"),
            ("{type: mask, keep_last: 4}", "******6789"),
            ("{type: mask, keep_last: 9}", "*****56789"),
            ("{type: placeholder}", "<X_1>"),
        ] {
            assert_eq!(written(yaml, "X", "0123456789"), expected, "{yaml}");
        }
        assert_eq!(written("{type: hash, length: 12}", "X", "0123456789").len(), 12);
        assert_eq!(written("mask", "X", "né🦀"), "***");
        let hidden = written("encrypt", "X", "0123456789");
        assert_eq!(Key::new([1; 32]).unwrap().decrypt(&hidden).unwrap(), "0123456789");
    }

    #[test]
    fn without_key_or_room_the_type_stands() {
        for yaml in ["hash", "fake", "encrypt", "placeholder"] {
            let operator = parsed(yaml);
            assert_eq!(operator.apply("X", "0123", None, &mut Vault::with_limit(0)), "<X>");
            assert_eq!(operator.is_keyed(), yaml != "placeholder");
        }
        assert!(NAMES.iter().all(|name| parsed(name).name() == *name));
    }
}
