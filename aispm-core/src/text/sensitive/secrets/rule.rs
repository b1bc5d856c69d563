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
    /// What has the form of the secret that `anchor` announces; `value` is what is assigned to the name it is part of.
    pub(super) fn look(
        &self,
        hay: Hay<'_>,
        anchor: Range<usize>,
        value: Option<&Range<usize>>,
    ) -> Option<Range<usize>> {
        let named = self.at == At::Value || self.at == At::Alone || self.pattern.contains("(?i");
        if !named && !self.anchors.iter().any(|a| a == hay.get(anchor.clone())) {
            return None;
        }
        Some(match self.at {
            At::Token => self.token(hay, anchor.start)?,
            At::Embedded => {
                let start = hay.run_back(anchor.start, 160, is_token);
                self.token(hay, start).filter(|s| s.end >= anchor.end).or_else(|| {
                    // The run may begin with what is not part of it: `=`, a path.
                    let inner = hay.run_back(anchor.start, 160, |b| b.is_ascii_alphanumeric());
                    (inner > start).then(|| self.token(hay, inner)).flatten()
                })?
            }
            At::Value => {
                let value = value?.clone();
                let text = hay.get(value.clone()).as_bytes();
                let written = hay.get(value.clone());
                let drawn = look::is_uuid(written) || is_number(written) || words::surprise(written) >= DRAWN;
                (drawn && self.regex()?.find(text)?.end() == text.len()).then_some(value)?
            }
            At::Alone => self.secret(hay, 0)?.1,
        })
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

    fn token(&self, hay: Hay<'_>, start: usize) -> Option<Range<usize>> {
        let before = hay.before(start);
        let inner = before == b'-' && is_word(hay.before(start - 1));
        if inner || (is_word(before) && !escaped(hay, start) && before != b'_') {
            return None;
        }
        let compact = !self.pattern.contains([' ', '"']);
        if compact && hay.run(start, self.least, |b| b.is_ascii_graphic() && b != b'"') < start + self.least {
            return None;
        }
        let (whole, secret) = self.secret(hay, start)?;
        (!is_word(hay.at(whole.end))).then_some(secret)
    }

    /// The match at `start`, and its first group, which is the secret, or all of it.
    fn secret(&self, hay: Hay<'_>, start: usize) -> Option<(Range<usize>, Range<usize>)> {
        let regex = self.regex()?;
        let window = hay.window(start, WINDOW).as_bytes();
        let place = |span: Range<usize>| start + span.start..start + span.end;
        if regex.captures_len() == 1 {
            let whole = place(regex.find(window)?.range());
            return Some((whole.clone(), whole));
        }
        let found = regex.captures(window)?;
        let whole = found.get(0)?.range();
        let secret = found.get(1).map_or(whole.clone(), |group| group.range());
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
fn is_token(byte: u8) -> bool {
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
