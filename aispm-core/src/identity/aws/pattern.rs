//! Patterns of policy documents: `*` any text, `?` any character.

use std::borrow::Cow;

/// A pattern, its shape recognised once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Pattern {
    text: Box<str>,
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
        let wild = text.find(['*', '?']);
        let shape = match wild {
            None => Shape::Exact,
            Some(0) if text.bytes().all(|b| b == b'*') => Shape::Any,
            Some(at) if at + 1 == text.len() && text.ends_with('*') => Shape::Prefix,
            Some(_) => Shape::Glob,
        };
        Self { text: text.into(), shape }
    }

    /// For action names, which are compared without case.
    pub(super) fn lowercase(text: &str) -> Self {
        Self::new(&text.to_ascii_lowercase())
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn is_any(&self) -> bool {
        self.shape == Shape::Any
    }

    /// Linear in the text for all shapes but `Glob`, which is O(pattern · text).
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self.shape {
            Shape::Any => true,
            Shape::Exact => *self.text == *text,
            Shape::Prefix => self.text.strip_suffix('*').is_some_and(|prefix| text.starts_with(prefix)),
            Shape::Glob => glob(self.text.as_bytes(), text.as_bytes()),
        }
    }

    /// Whether every text that `other` matches is matched here too; never wrongly yes. A wildcard of `other` counts as a
    /// character that only a wildcard of ours can take.
    pub(super) fn covers(&self, other: &Self) -> bool {
        // a `?` of ours would take a `*` of theirs for one character
        self.text == other.text || (!self.text.contains('?') && self.matches(&other.text))
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

/// Greedy match that returns to the last `*` on failure.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                last_star = Some((p, t));
                p += 1;
            }
            Some(c) if c == byte || *c == b'?' => {
                p += 1;
                t += 1;
            }
            _ => match last_star {
                Some((star, from)) => {
                    last_star = Some((star, from + 1));
                    p = star + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|b| *b == b'*'))
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

    #[test]
    fn wildcards_match_as_in_policies() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("s3:get*", "s3:getobject", true),
            ("s3:get*", "s3:putobject", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("arn:*:role/team-*-x", "arn:aws:iam::1:role/team-a-b-x", true),
            ("arn:*:role/team-*-x", "arn:aws:iam::1:role/team-a-b-y", false),
            ("a*b*c", "aXbYbZc", true),
            ("exact", "exac", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern} on {text}");
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
