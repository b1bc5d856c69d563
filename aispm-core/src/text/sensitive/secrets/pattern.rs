//! The pattern of a rule, and what is known of its matches before it runs: their bytes and their length.

use std::ops::Range;
use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Look};
use serde::Deserialize;

use super::super::hay::Hay;

/// How far a secret may reach from its start, in bytes.
pub(super) const WINDOW: usize = 2048;

/// A pattern of bytes, anchored where it is tried. It is read when it is first needed, and compiled when a text first
/// holds enough of the bytes that it takes.
#[derive(Debug, Deserialize)]
#[serde(from = "String")]
pub(super) struct Pattern {
    source: String,
    /// Whether letters of either case match somewhere.
    pub(super) ignores_case: bool,
    form: OnceLock<Option<Form>>,
    regex: OnceLock<Option<Regex>>,
}

/// What every match is like.
#[derive(Debug)]
struct Form {
    /// The bytes that may be in it.
    bytes: [bool; 256],
    /// Its length in bytes.
    least: usize,
    most: usize,
}

impl From<String> for Pattern {
    fn from(source: String) -> Self {
        Self { ignores_case: source.contains("(?i"), source, form: OnceLock::new(), regex: OnceLock::new() }
    }
}

impl Pattern {
    /// All that a match at `start` can depend on; `None` where there is too little for one. Reads no further.
    pub(super) fn window<'t>(&self, hay: Hay<'t>, start: usize) -> Option<&'t str> {
        let form = self.form()?;
        let end = hay.run(start, form.most, |b| form.holds(b));
        (end - start >= form.least).then(|| hay.get(hay.snap(start..end)))
    }

    /// The match at the beginning of `text`, and its first group, which is the secret; without groups it is the secret.
    pub(super) fn find(&self, text: &str) -> Option<(Range<usize>, Range<usize>)> {
        let regex = self.regex()?;
        let whole = regex.find(text.as_bytes())?.range();
        if regex.captures_len() == 1 {
            return Some((whole.clone(), whole));
        }
        let found = regex.captures(text.as_bytes().get(..whole.end)?)?;
        let secret = found.iter().skip(1).flatten().next().map_or(whole.clone(), |group| group.range());
        Some((whole, secret))
    }

    /// Whether the length and the bytes of `text` are those of a match.
    pub(super) fn may_be(&self, text: &str) -> bool {
        self.form()
            .is_some_and(|form| (form.least..=form.most).contains(&text.len()) && text.bytes().all(|b| form.holds(b)))
    }

    /// Whether `text` is one match from end to end.
    pub(super) fn is(&self, text: &str) -> bool {
        self.may_be(text) && self.find(text).is_some_and(|(whole, _)| whole.end == text.len())
    }

    #[cfg(test)]
    pub(super) fn compiles(&self) -> bool {
        self.form().is_some() && self.regex().is_some()
    }

    fn form(&self) -> Option<&Form> {
        self.form.get_or_init(|| Form::new(&self.source)).as_ref()
    }

    fn regex(&self) -> Option<&Regex> {
        let build = || {
            let anchored = format!("^(?:{})", self.source);
            RegexBuilder::new(&anchored).unicode(false).size_limit(1 << 21).dfa_size_limit(1 << 21).build().ok()
        };
        self.regex.get_or_init(build).as_ref()
    }
}

impl Form {
    fn new(source: &str) -> Option<Self> {
        let hir = ParserBuilder::new().unicode(false).utf8(false).build().parse(source).ok()?;
        let mut bytes = [false; 256];
        // a pattern that looks at what stands around it may need all there is
        let most = match note(&hir, &mut bytes) {
            Some(()) => hir.properties().maximum_len().map_or(WINDOW, |most| most.min(WINDOW)),
            None => {
                bytes = [true; 256];
                WINDOW
            }
        };
        Some(Self { bytes, least: hir.properties().minimum_len()?, most })
    }

    fn holds(&self, byte: u8) -> bool {
        self.bytes.get(usize::from(byte)).is_some_and(|holds| *holds)
    }
}

/// Notes the bytes that matches of `hir` are made of; `None` if it looks around.
fn note(hir: &Hir, bytes: &mut [bool; 256]) -> Option<()> {
    let mut add = |range: Range<usize>| bytes.get_mut(range).into_iter().flatten().for_each(|holds| *holds = true);
    match hir.kind() {
        HirKind::Empty | HirKind::Look(Look::Start) => {}
        HirKind::Look(_) | HirKind::Class(Class::Unicode(_)) => return None,
        HirKind::Literal(literal) => literal.0.iter().for_each(|b| add(usize::from(*b)..usize::from(*b) + 1)),
        HirKind::Class(Class::Bytes(class)) => {
            class.iter().for_each(|r| add(usize::from(r.start())..usize::from(r.end()) + 1));
        }
        HirKind::Repetition(part) => note(&part.sub, bytes)?,
        HirKind::Capture(part) => note(&part.sub, bytes)?,
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().try_for_each(|part| note(part, bytes))?,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(source: &str) -> Pattern {
        source.to_owned().into()
    }

    fn window<'t>(source: &str, text: &'t str) -> Option<&'t str> {
        pattern(source).window(Hay::new(text), 0)
    }

    #[test]
    fn no_more_is_read_than_a_match_can_take() {
        assert_eq!(window(r"ab[\w-]{2,}", "ab-cd e"), Some("ab-cd"));
        assert_eq!(window(r"ab[\w-]{2,3}", "ab-cdefg"), Some("ab-cd"));
        assert_eq!(window(r"ab[\w-]{2,}", "ab- cd"), None);
        assert_eq!(window(r"(?i:a)\S{3,}", "Aé, b"), Some("Aé,"));
        assert_eq!(window(r"a[^\n]{2,}", "ab cd\ne"), Some("ab cd"));
        assert_eq!(window(r"ab\b", "ab cd"), Some("ab cd"));
        assert_eq!(window(r"ab\s*$", "ab cd"), Some("ab cd"));
    }

    #[test]
    fn the_first_group_is_the_secret() {
        assert_eq!(pattern("a(?:x(b+)|y(c+))").find("aycc!"), Some((0..4, 2..4)));
        assert_eq!(pattern("ab+").find("abbc"), Some((0..3, 0..3)));
        assert!(pattern("ab+").is("abb") && !pattern("ab+").is("abbc"));
    }
}
