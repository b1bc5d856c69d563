//! Secret rules from data: a literal anchor, an anchored pattern over a bounded window, entropy and a check.

use std::ops::Range;
use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;

use super::super::hay::{Hay, is_word};
use super::{check, look, words};
use crate::asset::Severity;

/// How far a secret may reach from its start, in bytes.
const WINDOW: usize = 2048;

/// Evidence, in bits, of random drawing that a value by name must show.
const DRAWN: f64 = 12.0;

/// Below what length a run of token characters is never a secret, unless the rule says otherwise.
fn shortest() -> usize {
    14
}

/// How far before its anchor an embedded secret may begin, in bytes.
pub(super) const RUN: usize = 160;

/// What a pattern took: a secret, or a stretch that goes on and is none.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) span: Range<usize>,
    pub(super) whole: bool,
}

/// What a rule's anchors are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum At {
    /// The beginning of the secret.
    Token,
    /// A part of the secret, which is the run of token characters around it.
    Embedded,
    /// A part of the name that the secret is assigned to.
    Value,
    /// None: the secret is the whole text but for a short frame.
    Alone,
}

/// A rule as the data file states it, and its pattern once it has been needed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) id: String,
    #[allow(dead_code, reason = "read by the rule listing and by the reader of the file")]
    pub(super) title: String,
    pub(super) at: At,
    #[serde(default)]
    pub(super) anchors: Vec<String>,
    pub(super) pattern: String,
    pub(super) severity: Severity,
    #[serde(default)]
    entropy: f64,
    #[serde(default = "shortest")]
    least: usize,
    check: Option<check::Check>,
    #[serde(skip)]
    compiled: OnceLock<Option<Regex>>,
}

impl Rule {
    /// What has the form of the secret that `anchor` announces. `run` is where the token characters around the anchor
    /// begin, `value` what is assigned to the name it is part of.
    pub(super) fn look(
        &self,
        hay: Hay<'_>,
        anchor: Range<usize>,
        run: usize,
        value: Option<&Range<usize>>,
    ) -> Option<Look> {
        let named = self.at == At::Value || self.at == At::Alone || self.pattern.contains("(?i");
        if !named && !self.anchors.iter().any(|a| a == hay.get(anchor.clone())) {
            return None;
        }
        match self.at {
            At::Token => self.token(hay, anchor),
            // The secret has begun when its anchor comes.
            At::Embedded if !matches!(hay.before(anchor.start), b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'+' | b'/' | b'*') => {
                None
            }
            At::Embedded => {
                let from = |start| self.token(hay, start..start).filter(|l| l.whole && l.span.end >= anchor.end);
                from(run).or_else(|| {
                    // The run may begin with what is not part of it: `=`, a path.
                    let inner = hay.run_back(anchor.start, RUN, |b| b.is_ascii_alphanumeric());
                    (inner > run).then(|| from(inner)).flatten()
                })
            }
            At::Value => {
                let value = value?.clone();
                let written = hay.get(value.clone());
                let drawn = look::is_uuid(written) || is_number(written) || words::surprise(written) >= DRAWN;
                let all = drawn && self.regex()?.find(written.as_bytes())?.end() == written.len();
                all.then_some(Look { span: value, whole: true })
            }
            At::Alone => {
                self.secret(hay, hay.window(0, WINDOW).as_bytes(), 0).map(|(_, span)| Look { span, whole: true })
            }
        }
    }

    /// The secret, if what was found is one.
    pub(super) fn verify(&self, hay: Hay<'_>, span: Range<usize>) -> Option<Range<usize>> {
        let text = hay.get(span.clone());
        // A checksum that holds is proof enough.
        let proven = match self.check {
            Some(check) if !check.passes(hay, &span) => return None,
            Some(check) => check.proves(),
            None => false,
        };
        let fits = proven || look::entropy(text) >= self.entropy && !look::is_sample(text);
        fits.then(|| self.check.map_or(span.clone(), |check| check.widen(hay, span)))
    }

    /// How only this issuer's secrets begin.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = &str> {
        let token = self.at == At::Token;
        self.anchors.iter().map(String::as_str).filter(move |a| token && a.len() >= 4 && a.ends_with(['_', '-', '.']))
    }

    /// The token that begins with `anchor`.
    fn token(&self, hay: Hay<'_>, anchor: Range<usize>) -> Option<Look> {
        let start = anchor.start;
        let before = hay.before(start);
        let inner = before == b'-' && is_word(hay.before(start - 1));
        if inner || (is_word(before) && !escaped(hay, start) && before != b'_') {
            return None;
        }
        // After a prefix that ends in a joint comes the body.
        let joint = anchor.end > start && matches!(hay.before(anchor.end), b'_' | b'-' | b'.' | b'$');
        if joint && matches!(hay.at(anchor.end), 0..=b' ' | b'$' | b'"' | b'\'' | b')' | b']' | b'}' | b'<' | b'>') {
            return None;
        }
        let compact = !self.pattern.contains([' ', '"']);
        if compact && hay.run(start, self.least, |b| b.is_ascii_graphic() && b != b'"') < start + self.least {
            return None;
        }
        let window = hay.window(start, WINDOW).as_bytes();
        let (whole, span) = self.secret(hay, window, start)?;
        // What fills the window is cut, and taken as it is.
        let ends = whole.len() >= window.len() || !is_word(hay.at(whole.end));
        Some(if ends { Look { span, whole: true } } else { Look { span: whole, whole: false } })
    }

    /// The match at the beginning of `window`, which begins at `start`, and its first group, which is the secret.
    fn secret(&self, hay: Hay<'_>, window: &[u8], start: usize) -> Option<(Range<usize>, Range<usize>)> {
        let regex = self.regex()?;
        let place = |span: Range<usize>| hay.snap(start + span.start..start + span.end);
        let whole = regex.find(window)?.range();
        if regex.captures_len() == 1 {
            return Some((place(whole.clone()), place(whole)));
        }
        let found = regex.captures(window.get(..whole.end)?)?;
        let secret = found.iter().skip(1).flatten().next().map_or(whole.clone(), |group| group.range());
        Some((place(whole), place(secret)))
    }

    pub(super) fn regex(&self) -> Option<&Regex> {
        let build = || {
            let anchored = format!("^(?:{})", self.pattern);
            RegexBuilder::new(&anchored).unicode(false).size_limit(1 << 21).dfa_size_limit(1 << 21).build().ok()
        };
        self.compiled.get_or_init(build).as_ref()
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// Characters that a token and its joints are made of.
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'~' | b'+' | b'/' | b':' | b'|')
}

/// Whether the letter before `start` belongs to an escape: `\n`, `\t`, `%3D`, a terminal's colour.
fn escaped(hay: Hay<'_>, start: usize) -> bool {
    let head = hay.window_before(start, 5);
    let escape = |s: &str| s.ends_with("\\n") || s.ends_with("\\r") || s.ends_with("\\t");
    let percent = head.len() >= 3
        && head
            .get(head.len() - 3..)
            .is_some_and(|p| p.starts_with('%') && p.bytes().skip(1).all(|b| b.is_ascii_hexdigit()));
    escape(head) || percent || (head.ends_with('m') && head.contains('['))
}
