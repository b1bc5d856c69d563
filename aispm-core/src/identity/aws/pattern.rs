//! Patterns of policy documents: `*` any text, `?` any character.

use std::borrow::Cow;

use memchr::memmem;

/// `*` in a compiled pattern: a byte that UTF-8 never has, so that a literal asterisk is another thing.
pub(super) const STAR: u8 = 0xFF;
/// `?` in a compiled pattern.
pub(super) const ONE: u8 = 0xFE;

/// A pattern, its shape recognised once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Pattern {
    text: Box<str>,
    /// Literal bytes, [`STAR`] and [`ONE`].
    code: Box<[u8]>,
    shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Shape {
    Any,
    Exact,
    Prefix,
    Glob,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        Self::compiled(text, text.bytes().map(wild).collect())
    }

    /// For action names, which are compared without case.
    pub(super) fn lowercase(text: &str) -> Self {
        Self::new(&text.to_ascii_lowercase())
    }

    /// From code in which asterisks and question marks may also be literal.
    pub(super) fn compiled(text: &str, code: Vec<u8>) -> Self {
        let shape = match code.iter().position(|b| matches!(*b, STAR | ONE)) {
            None => Shape::Exact,
            Some(0) if code.iter().all(|b| *b == STAR) => Shape::Any,
            Some(at) if at + 1 == code.len() && code.ends_with(&[STAR]) => Shape::Prefix,
            Some(_) => Shape::Glob,
        };
        Self { text: text.into(), code: code.into(), shape }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Literal bytes, [`STAR`] and [`ONE`].
    pub(super) fn code(&self) -> &[u8] {
        &self.code
    }

    pub(super) fn is_any(&self) -> bool {
        self.shape == Shape::Any
    }

    /// Linear in pattern and text, but that a part between two `*` with a `?` in it costs its length for each place.
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.takes(text.as_bytes())
    }

    fn takes(&self, text: &[u8]) -> bool {
        match self.shape {
            Shape::Any => true,
            Shape::Exact => *self.code == *text,
            Shape::Prefix => self.code.strip_suffix(&[STAR]).is_some_and(|prefix| text.starts_with(prefix)),
            Shape::Glob => fits(&self.code, text),
        }
    }

    /// Whether every text that `other` matches is matched here too; never wrongly yes. A wildcard of `other` counts as a
    /// character that only a wildcard of ours can take.
    pub(super) fn covers(&self, other: &Self) -> bool {
        // a `?` of ours would take a `*` of theirs for one character
        self.code == other.code || (!self.code.contains(&ONE) && self.takes(&other.code))
    }

    /// Some text that matches.
    pub(super) fn example(&self) -> Cow<'_, str> {
        if self.shape == Shape::Exact {
            Cow::Borrowed(&self.text)
        } else {
            Cow::Owned(self.text.replace(['*', '?'], "x"))
        }
    }
}

/// A byte of a pattern's text in code.
pub(super) fn wild(byte: u8) -> u8 {
    match byte {
        b'*' => STAR,
        b'?' => ONE,
        other => other,
    }
}

/// Takes the parts between stars from left to right, each at its first place; the first and last are anchored.
pub(super) fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let mut parts = pattern.split(|b| *b == STAR);
    let first = parts.next().unwrap_or_default();
    let Some(mut from) = starts(text, first) else { return false };
    let Some(last) = parts.next_back() else { return from == text.len() };
    for part in parts {
        let rest = text.get(from..).unwrap_or_default();
        match find(rest, part) {
            Some(end) => from += end,
            None => return false,
        }
    }
    ends(text, last).is_some_and(|start| start >= from)
}

/// The longest part between stars that may hold a `?`; such a part costs its length for each place in the text, and
/// longer ones are longer than any name in AWS.
const LONGEST: usize = 2048;

/// Where the first place of a part ends.
fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    if !part.contains(&ONE) {
        return memmem::find(text, part).map(|at| at + part.len());
    }
    if part.len() > LONGEST {
        return None;
    }
    (0..text.len()).find_map(|at| Some(at + starts(text.get(at..)?, part)?))
}

/// How many bytes of the text's start a part takes.
fn starts(text: &[u8], part: &[u8]) -> Option<usize> {
    let mut at = 0;
    for byte in part {
        let found = *text.get(at)?;
        if *byte == ONE {
            at += 1;
            // the rest of a character
            while text.get(at).is_some_and(|b| is_inside(*b)) {
                at += 1;
            }
        } else if *byte == found {
            at += 1;
        } else {
            return None;
        }
    }
    Some(at)
}

/// Where the part begins that ends the text.
fn ends(text: &[u8], part: &[u8]) -> Option<usize> {
    let mut at = text.len();
    for byte in part.iter().rev() {
        at = at.checked_sub(1)?;
        if *byte == ONE {
            while text.get(at).is_some_and(|b| is_inside(*b)) {
                at = at.checked_sub(1)?;
            }
        } else if text.get(at) != Some(byte) {
            return None;
        }
    }
    Some(at)
}

/// Whether a byte continues a UTF-8 character.
fn is_inside(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

/// The account in an ARN, if it names one.
pub(crate) fn account_of(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:")?.split(':').nth(3).filter(|account| !account.is_empty() && *account != "aws")
}

/// The service in an ARN.
pub(crate) fn service_of(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:")?.split(':').nth(1).filter(|service| !service.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wildcards_match_as_in_policies() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("s3:get*", "s3:getobject", true),
            ("s3:get*", "s3:putobject", false),
            ("a?c", "abc", true),
            ("a?c", "aéc", true),
            ("a?c", "ac", false),
            ("*?", "", false),
            ("*?", "é", true),
            ("?*", "é", true),
            ("a*a", "a", false),
            ("arn:*:role/team-*-x", "arn:aws:iam::1:role/team-a-b-x", true),
            ("arn:*:role/team-*-x", "arn:aws:iam::1:role/team-a-b-y", false),
            ("a*b*c", "aXbYbZc", true),
            ("exact", "exac", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern} on {text}");
        }
    }

    /// The textbook recursion.
    fn slow(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['*', rest @ ..], _) => slow(rest, text) || (!text.is_empty() && slow(pattern, &text[1..])),
            (['?', p @ ..], [_, t @ ..]) => slow(p, t),
            ([a, p @ ..], [b, t @ ..]) => a == b && slow(p, t),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matches_like_the_textbook(pattern in "[aé*?]{0,8}", text in "[aéb]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(Pattern::new(&pattern).matches(&text), slow(&chars(&pattern), &chars(&text)));
        }
    }

    #[test]
    fn covering_is_never_wrongly_claimed() {
        let covers = |a: &str, b: &str| Pattern::new(a).covers(&Pattern::new(b));
        assert!(covers("*", "iam:*") && covers("iam:*", "iam:put*") && covers("iam:*", "iam:*"));
        assert!(!covers("iam:put*", "iam:*") && !covers("iam:putuserpolicy", "iam:*") && !covers("i?m:a", "i*m:a"));
    }

    #[test]
    fn arns_name_accounts_and_services() {
        assert_eq!(account_of("arn:aws:iam::1:role/r"), Some("1"));
        assert_eq!(account_of("arn:aws:s3:::b"), None);
        assert_eq!(service_of("arn:aws:s3:::b"), Some("s3"));
        assert_eq!(service_of("internet"), None);
    }
}
