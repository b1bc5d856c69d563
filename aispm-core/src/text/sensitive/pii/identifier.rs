//! Identifiers of fixed shape, from data: formats indexed by their leading run of letters or digits, check digits,
//! context words.

use std::ops::Range;

use serde::Deserialize;

use super::super::hay::Hay;
use super::checksum;

/// The longest identifier without separators, in characters.
const LONGEST: usize = 24;

/// What a candidate needs, beyond its shape and its check digits, to be reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Trust {
    /// Nothing: the check is selective.
    Strong,
    /// A context word, or a text that holds nothing else.
    Lone,
    /// A context word.
    Context,
}

/// One kind of identifier, as the data file states it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Identifier {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[allow(dead_code, reason = "read by the rule listing and by the reader of the file")]
    title: String,
    pub(super) class: String,
    trust: Trust,
    check: String,
    formats: Vec<String>,
    context: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct File {
    identifier: Vec<Identifier>,
}

/// A format that a candidate may have: which identifier, and its pattern.
#[derive(Debug)]
struct Format {
    owner: usize,
    pattern: Box<[u8]>,
}

/// All identifiers, ready to match at a position.
#[derive(Debug)]
pub(super) struct Identifiers {
    kinds: Vec<Identifier>,
    checks: Vec<fn(&[u8]) -> bool>,
    formats: Vec<Format>,
    /// Formats by leading run (letters in the first half, digits in the second, by length) and what follows it.
    index: Vec<[Vec<u16>; FOLLOWS]>,
}

/// A candidate that fits: which identifier, where, and whether a context word stands near.
#[derive(Debug, Clone)]
pub(super) struct Fit {
    pub(super) kind: usize,
    pub(super) span: Range<usize>,
    pub(super) score: f64,
}

impl Identifiers {
    /// Parses the data file; an identifier with an unknown check is left out (a test holds the file to none).
    pub(super) fn parse(source: &str) -> Result<Self, toml::de::Error> {
        let mut kinds = toml::from_str::<File>(source)?.identifier;
        kinds.retain(|k| checksum::named(&k.check).is_some());
        let checks = kinds.iter().filter_map(|k| checksum::named(&k.check)).collect();
        let mut formats = Vec::new();
        let mut index = vec![<[Vec<u16>; FOLLOWS]>::default(); 2 * (LONGEST + 1)];
        for (owner, kind) in kinds.iter().enumerate() {
            for pattern in &kind.formats {
                let id = u16::try_from(formats.len()).unwrap_or(u16::MAX);
                for (slot, rest) in slots(pattern.as_bytes()) {
                    let lists = index.get_mut(slot).into_iter().flatten().enumerate();
                    lists.filter(|(follow, _)| admits(rest, *follow)).for_each(|(_, list)| list.push(id));
                }
                formats.push(Format { owner, pattern: pattern.as_bytes().into() });
            }
        }
        Ok(Self { kinds, checks, formats, index })
    }

    pub(super) fn kinds(&self) -> &[Identifier] {
        &self.kinds
    }

    /// Appends what fits at `start`, which is the start of a run of letters and digits.
    pub(super) fn fit(&self, hay: Hay<'_>, start: usize, fits: &mut Vec<Fit>) {
        let letters = hay.at(start).is_ascii_alphabetic();
        let class = |b: u8| if letters { b.is_ascii_alphabetic() } else { b.is_ascii_digit() };
        let lead = hay.run(start, LONGEST + 1, class) - start;
        let lists = (lead <= LONGEST).then(|| self.index.get(slot(letters, lead))).flatten();
        let Some(candidates) = lists.and_then(|lists| lists.get(follow(hay, start + lead))) else { return };
        // Among numbers alone no word announces one, and none is all there is.
        let silent = !candidates.is_empty() && hay.is_wordless(&(start..start + LONGEST * 2));
        let heard =
            |format: &&Format| !silent || self.kinds.get(format.owner).is_some_and(|k| k.trust == Trust::Strong);
        for format in candidates.iter().filter_map(|i| self.formats.get(usize::from(*i))).filter(heard) {
            let Some(end) = matches(hay, start, &format.pattern) else { continue };
            let (Some(kind), Some(check)) = (self.kinds.get(format.owner), self.checks.get(format.owner)) else {
                continue;
            };
            let span = start..end;
            if continues(hay, &span) || !check(Code::read(hay.get(span.clone()), &format.pattern).as_slice()) {
                continue;
            }
            let context = hay.near(&span, &kind.context);
            let upper = !hay.get(span.clone()).bytes().any(|b| b.is_ascii_lowercase());
            let score = match kind.trust {
                _ if context => 0.95,
                Trust::Strong if upper => 0.8,
                Trust::Strong if hay.lone(&span) => 0.5,
                Trust::Lone if hay.lone(&span) => 0.5,
                Trust::Strong | Trust::Lone | Trust::Context => continue,
            };
            fits.push(Fit { kind: format.owner, span, score });
        }
    }
}

fn slot(letters: bool, lead: usize) -> usize {
    lead + if letters { 0 } else { LONGEST + 1 }
}

/// How a leading run may be followed: by neither digit nor letter, by a digit, by a letter; by a gap, of which there
/// are four, and one of these.
const FOLLOWS: usize = 5 * CLASSES;
const CLASSES: usize = 3;

/// What follows a run that ends at `at`.
fn follow(hay: Hay<'_>, at: usize) -> usize {
    let first = hay.at(at);
    gap(first) * CLASSES + class(if gap(first) > 0 { hay.at(at + 1) } else { first })
}

/// Whether a text that goes on like this can have what is left of a pattern after its leading run.
fn admits(rest: &[u8], follow: usize) -> bool {
    let (parted, then) = (follow / CLASSES, follow % CLASSES);
    let is = |next: u8| if next == b'X' { then > 0 } else { then == class(next) };
    match *rest {
        [] | [b'_'] => true,
        [b'_', next, ..] => is(next),
        [sign, ..] if gap(sign) > 0 && gap(sign) != parted => false,
        [sign] | [sign, b'_', ..] if gap(sign) > 0 => true,
        [sign, next, ..] if gap(sign) > 0 => is(next),
        [next, ..] => parted == 0 && is(next),
    }
}

/// Which of the signs between groups a byte is; 0 if none.
fn gap(byte: u8) -> usize {
    match byte {
        b' ' => 1,
        b'-' => 2,
        b'.' => 3,
        b'_' => 4,
        _ => 0,
    }
}

/// Whether a byte of a text is a digit (1), a letter (2) or neither; of a pattern, other than `X` and `_`, what it takes.
fn class(byte: u8) -> usize {
    match byte {
        b if b.is_ascii_digit() => 1,
        b if b.is_ascii_alphabetic() => 2,
        _ => 0,
    }
}

/// The index slots under which a format can begin, each class and length that its leading run may have in a text, with
/// what is left of the pattern then.
fn slots(pattern: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let runs = [true, false].into_iter().flat_map(|letters| (1..=LONGEST).map(move |lead| (letters, lead)));
    runs.filter_map(|(letters, lead)| Some((slot(letters, lead), after(pattern, letters, lead)?)))
}

/// What is left of a pattern after a run of `lead` letters or digits; `None` if it does not take them.
fn after(mut pattern: &[u8], letters: bool, mut lead: usize) -> Option<&[u8]> {
    while lead > 0 {
        let (first, rest) = pattern.split_first()?;
        lead -= match first {
            b'_' => 0,
            b'X' => 1,
            b'9' if !letters => 1,
            b if letters && b.is_ascii_alphabetic() => 1,
            _ => return None,
        };
        pattern = rest;
    }
    Some(pattern)
}

/// A candidate's characters, upper case, without separators.
#[derive(Default)]
struct Code {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Code {
    /// Reads what has this pattern.
    fn read(text: &str, pattern: &[u8]) -> Self {
        // A sign between groups counts where it tells something (a Finnish century).
        let century = pattern.ends_with(b"999X");
        let counts = |b: &u8| b.is_ascii_alphanumeric() || *b == b'+' || *b == b'-' && century;
        let mut code = Self::default();
        for (slot, byte) in code.bytes.iter_mut().zip(text.bytes().filter(counts)) {
            *slot = byte.to_ascii_uppercase();
            code.len += 1;
        }
        code
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Where `pattern` ends if it stands at `start`.
fn matches(hay: Hay<'_>, start: usize, pattern: &[u8]) -> Option<usize> {
    let mut at = start;
    for &p in pattern {
        let b = hay.at(at);
        let keep = match p {
            b'A' => b.is_ascii_alphabetic(),
            b'9' => b.is_ascii_digit(),
            b'X' => b.is_ascii_alphanumeric(),
            b'_' => {
                at += usize::from(gap(b) > 0);
                continue;
            }
            _ => b.eq_ignore_ascii_case(&p),
        };
        if !keep {
            return None;
        }
        at += 1;
    }
    Some(at)
}

/// Whether `span` is only part of a longer run: joined to letters or digits, or one group of a longer number.
fn continues(hay: Hay<'_>, span: &Range<usize>) -> bool {
    let joint = |b: u8| matches!(b, b'-' | b'.' | b'/' | b'+' | b'=' | b':');
    hay.embedded(span)
        || hay.before(span.start) == b'\\'
        || (joint(hay.at(span.end)) && hay.at(span.end + 1).is_ascii_alphanumeric())
        || (matches!(hay.before(span.start), b'-' | b'.' | b'/' | b'+')
            && hay.before(span.start.saturating_sub(1)).is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_file_is_sound() {
        let source = super::super::IDENTIFIERS;
        let stated = source.matches("[[identifier]]").count();
        let identifiers = Identifiers::parse(source).unwrap();
        assert_eq!(identifiers.kinds.len(), stated, "an unknown check");
        for kind in &identifiers.kinds {
            assert!(kind.context.iter().all(|c| *c == c.to_lowercase() && !c.is_empty()), "{}", kind.kind);
            assert!(kind.formats.iter().all(|f| f.bytes().filter(u8::is_ascii_alphanumeric).count() <= LONGEST));
        }
    }
}
