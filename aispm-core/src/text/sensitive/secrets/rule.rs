//! Secret rules from data: a literal anchor, an anchored pattern over a bounded window, entropy and a check.

use std::ops::Range;

use serde::Deserialize;

use super::super::hay::Hay;
use super::pattern::{Pattern, WINDOW};
use super::{check, look, words};
use crate::asset::Severity;

/// Evidence, in bits, of random drawing that a value by name must show.
const DRAWN: f64 = 12.0;

/// The length from which on a run of base64 characters is a line of it.
const LINE: usize = 60;

/// How far before its anchor an embedded secret may begin, in bytes.
pub(super) const RUN: usize = 160;

/// What a pattern was tried on, and the secret that it found there.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) read: Range<usize>,
    pub(super) secret: Option<Range<usize>>,
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

/// A rule as the data file states it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) id: String,
    #[allow(dead_code, reason = "read by the rule listing and by the reader of the file")]
    pub(super) title: String,
    pub(super) at: At,
    #[serde(default)]
    pub(super) anchors: Vec<String>,
    pub(super) pattern: Pattern,
    pub(super) severity: Severity,
    #[serde(default)]
    entropy: f64,
    check: Option<check::Check>,
}

impl Rule {
    /// What has the form of the secret that `anchor` announces; `None` if nothing was tried. `run` is where the token
    /// characters around the anchor begin, `value` what is assigned to the name it is part of.
    pub(super) fn look(
        &self,
        hay: Hay<'_>,
        anchor: Range<usize>,
        run: usize,
        value: Option<&Range<usize>>,
    ) -> Option<Look> {
        let named = self.at == At::Value || self.at == At::Alone || self.pattern.ignores_case;
        if !named && !self.anchors.iter().any(|a| a == hay.get(anchor.clone())) {
            return None;
        }
        match self.at {
            At::Token => self.token(hay, anchor),
            At::Embedded => self.embedded(hay, anchor, run),
            At::Value => {
                let value = value?.clone();
                let written = hay.get(value.clone());
                let drawn = || look::is_uuid(written) || is_number(written) || words::surprise(written) >= DRAWN;
                let is = self.pattern.may_be(written) && drawn() && self.pattern.is(written);
                is.then(|| Look { read: value.clone(), secret: Some(value) })
            }
            At::Alone => {
                let (_, secret) = self.pattern.find(hay.text())?;
                Some(Look { read: 0..hay.len(), secret: Some(hay.snap(secret)) })
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

    /// Whether the secret is a password that somebody typed in.
    pub(super) fn is_typed(&self) -> bool {
        self.check == Some(check::Check::Typed)
    }

    /// How only this issuer's secrets begin.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = &str> {
        let token = self.at == At::Token;
        self.anchors.iter().map(String::as_str).filter(move |a| token && a.len() >= 4 && a.ends_with(['_', '-', '.']))
    }

    /// The token that begins with `anchor`.
    fn token(&self, hay: Hay<'_>, anchor: Range<usize>) -> Option<Look> {
        let start = anchor.start;
        // After a prefix that ends in a joint comes the body.
        let joint = anchor.end > start && matches!(hay.before(anchor.end), b'_' | b'-' | b'.' | b'$');
        if joint && matches!(hay.at(anchor.end), 0..=b' ' | b'$' | b'"' | b'\'' | b')' | b']' | b'}' | b'<' | b'>') {
            return None;
        }
        let window = self.pattern.window(hay, start)?;
        let place = |span: Range<usize>| hay.snap(start + span.start..start + span.end);
        let found = self.pattern.find(window).map(|(whole, secret)| (place(whole), place(secret)));
        // A match that goes on is none, but for one too long to be read whole.
        let ends =
            |whole: &Range<usize>| whole.len() >= WINDOW || !hay.joined_after(whole.end) && !in_base64(hay, whole);
        let secret = found.filter(|(whole, _)| ends(whole)).map(|(_, secret)| secret);
        Some(Look { read: start..start + window.len(), secret })
    }

    /// The token that `anchor` is part of.
    fn embedded(&self, hay: Hay<'_>, anchor: Range<usize>, run: usize) -> Option<Look> {
        // The secret has begun when its anchor comes.
        if !matches!(hay.before(anchor.start), b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'+' | b'/' | b'*') {
            return None;
        }
        let from = |start| {
            let Look { read, secret } = begins(hay, start).then(|| self.token(hay, start..start)).flatten()?;
            Some(Look { read, secret: secret.filter(|s| s.end >= anchor.end) })
        };
        let first = from(run);
        if first.as_ref().is_some_and(|look| look.secret.is_some()) {
            return first;
        }
        // The run may begin with what is not part of it: `=`, a path.
        let inner = hay.run_back(anchor.start, RUN, |b| b.is_ascii_alphanumeric());
        (inner > run).then(|| from(inner)).flatten().or(first)
    }
}

/// Whether a token may begin at `start`: in no word, nor after its hyphen.
pub(super) fn begins(hay: Hay<'_>, start: usize) -> bool {
    match hay.before(start) {
        b'-' => !hay.joined_before(start - 1),
        b'_' => true,
        _ => !hay.joined_before(start) || escaped(hay, start),
    }
}

/// Whether a token is the beginning of a line of base64 that goes on.
fn in_base64(hay: Hay<'_>, token: &Range<usize>) -> bool {
    let base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    matches!(hay.at(token.end), b'+' | b'/') && hay.run(token.start, LINE, base64) == token.start + LINE
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
    let back = |n| start.checked_sub(n).map_or(0, |at| hay.at(at));
    match back(1) {
        b'n' | b'r' | b't' => back(2) == b'\\',
        b'm' => (2..=5).any(|n| back(n) == b'['),
        b => b.is_ascii_hexdigit() && back(2).is_ascii_hexdigit() && back(3) == b'%',
    }
}
