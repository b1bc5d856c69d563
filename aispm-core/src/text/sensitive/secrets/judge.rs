//! Whether an assigned value is the secret that its name speaks of: what the name leads to expect, the look of the value,
//! and how far it is from words.

use aho_corasick::{AhoCorasick, BuildError, MatchKind};
use serde::Deserialize;

use super::super::hay::Hay;
use super::assign::{Assigned, Bounds, Sign};
use super::{look, words};

/// What a name leads to expect of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Expect {
    /// Perhaps something drawn at random.
    Perhaps,
    /// Something drawn at random.
    Random,
    /// Anything that is typed in, short words too.
    Password,
}

/// Evidence, in bits, from which a value counts as drawn at random; and for each character.
const RANDOM: f64 = 12.0;
const RANDOM_EACH: f64 = 0.95;
/// The same where the name says little.
const RANDOM_UNNAMED: f64 = 40.0;

/// Longest password, in bytes.
const LONGEST_PASSWORD: usize = 128;

/// The words of the judge, as the data file lists them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lists {
    /// Parts of names: of passwords, of values drawn at random, of either or neither.
    pub(super) password: Vec<String>,
    pub(super) random: Vec<String>,
    pub(super) perhaps: Vec<String>,
    /// Ends of names that make the value something else, and parts that do.
    other_ends: Vec<String>,
    other_parts: Vec<String>,
    /// Words that stand-ins are made of, and words one of which makes a stand-in.
    stand_in: Vec<String>,
    marks: Vec<String>,
}

/// The judge of assigned values; each list is one automaton, so that judging is linear in the value.
#[derive(Debug)]
pub(super) struct Judge {
    other_ends: AhoCorasick,
    other_parts: AhoCorasick,
    stand_in: AhoCorasick,
    marks: AhoCorasick,
}

impl Judge {
    pub(super) fn new(lists: &Lists) -> Result<Self, BuildError> {
        let build =
            |words: &[String], kind| AhoCorasick::builder().ascii_case_insensitive(true).match_kind(kind).build(words);
        Ok(Self {
            other_ends: build(&lists.other_ends, MatchKind::Standard)?,
            other_parts: build(&lists.other_parts, MatchKind::Standard)?,
            stand_in: build(&lists.stand_in, MatchKind::LeftmostLongest)?,
            marks: build(&lists.marks, MatchKind::Standard)?,
        })
    }

    /// How sure it is that the value is a secret; `None`: it is not taken for one.
    pub(super) fn score(&self, hay: Hay<'_>, expect: Expect, assigned: &Assigned) -> Option<f64> {
        let value = hay.get(assigned.value.clone());
        let name = hay.get(assigned.name.clone());
        let quoted = assigned.bounds == Bounds::Quoted;
        if assigned.bounds == Bounds::Array {
            return (expect == Expect::Random && varied(value) && !self.is_other(name)).then_some(0.5);
        }
        // What ends so is a name itself.
        let name_like = value.ends_with(':') || (value.len() < 12 && value.ends_with('='));
        let plain = value.len() >= 4
            && !name_like
            && (expect != Expect::Password || value.len() <= LONGEST_PASSWORD)
            && (quoted || matches!(assigned.sign, Sign::Strong | Sign::Prose))
            && value.bytes().all(|b| b.is_ascii_graphic())
            && !value.contains("://")
            && !value.eq_ignore_ascii_case(name);
        if !plain || look::is_template(value) || look::is_shaped(value) {
            return None;
        }
        let score = match expect {
            Expect::Password => self.password(hay, assigned, value),
            Expect::Random => {
                random(assigned, value).or_else(|| compared(name, assigned, value)).filter(|_| !self.is_stand_in(value))
            }
            Expect::Perhaps => {
                perhaps(assigned, value).or_else(|| setting(name, assigned, value)).filter(|_| !self.is_stand_in(value))
            }
        }?;
        (!self.is_other(name)).then_some(score)
    }

    fn password(&self, hay: Hay<'_>, assigned: &Assigned, value: &str) -> Option<f64> {
        let quoted = assigned.bounds == Bounds::Quoted;
        let bits = words::surprise(value);
        let classes = look::classes(value);
        let digits = value.bytes().any(|b| b.is_ascii_digit());
        let expression = !quoted && look::is_expression(value);
        let mixed = value.len() >= 6 && digits && classes >= 2;
        if assigned.sign == Sign::Prose && !quoted {
            return (mixed && bits >= RANDOM && !self.is_stand_in(value)).then_some(0.55);
        }
        let named = ["pass", "pwd", "secret"].iter().any(|w| look::holds(value, w));
        let listed = assigned.sign == Sign::Listed;
        let drawn = mixed || classes >= 3 && value.len() >= 8 || value.len() >= 8 && bits >= RANDOM;
        if drawn && !expression && !(listed && (named || bits < RANDOM)) {
            return (!self.is_stand_in(value)).then_some(if bits >= 20.0 { 0.7 } else { 0.55 });
        }
        // A word: typed into a literal, or beside a user's name.
        let word = !value.contains(['.', '/', ':', '(', '<', '>', '[', '{', ',', '\\', '=', '`']) && value.len() <= 40;
        if !word || value.len() < 4 || listed {
            return None;
        }
        let typed = quoted && !named && !self.is_stand_in(value);
        let weak =
            quoted && value.bytes().any(|b| b.is_ascii_digit()) && !self.is_mark(value) && !look::is_filler(value);
        let paired = || {
            beside_user(hay, assigned)
                && value.len() >= 8
                && self.stand_in.find(value).is_none_or(|word| word.len() < value.len())
                && !self.is_mark(value)
        };
        (typed || weak || paired()).then_some(0.5)
    }

    /// Whether a password on a line of known form may be one that was typed in, not a word for it or a variable.
    pub(super) fn is_typed(&self, value: &str) -> bool {
        !look::is_template(value) && !value.contains(['{', '}']) && !self.is_stand_in(value)
    }

    /// Whether the name is of something else than a secret.
    fn is_other(&self, name: &str) -> bool {
        self.other_parts.is_match(name)
            || self.other_ends.find_overlapping_iter(name).any(|end| end.end() == name.len())
    }

    /// Whether the value stands in for a secret: filler, a word that says so, or little but words of documentation.
    pub(super) fn is_stand_in(&self, value: &str) -> bool {
        look::is_filler(value) || self.is_mark(value) || self.covered(value)
    }

    fn is_mark(&self, value: &str) -> bool {
        self.marks.is_match(value)
    }

    /// Whether words of stand-ins make up four fifths of the letters, and at most one digit is left: as it is written, or
    /// with digits and signs read as the letters that they stand for.
    fn covered(&self, value: &str) -> bool {
        let mostly = |value: &str| {
            let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
            let digits = value.bytes().filter(u8::is_ascii_digit).count();
            let covered: usize = self.stand_in.find_iter(value).map(|word| word.len()).sum();
            covered * 5 >= letters * 4 && digits <= 1
        };
        mostly(value) || value.contains(look::LEET) && mostly(&look::plain(value))
    }
}

/// Names of secrets: drawn at random, of ten characters or more, or eight of three kinds.
fn random(assigned: &Assigned, value: &str) -> Option<f64> {
    // An identifier of random digits may well be a key.
    let bits = if look::is_uuid(value) { value.len() as f64 } else { words::surprise(value) };
    let each = bits / value.len() as f64;
    let classes = look::classes(value);
    let quoted = assigned.bounds == Bounds::Quoted;
    if !quoted && look::is_expression(value) && bits < RANDOM_UNNAMED {
        return None;
    }
    let least = match assigned.sign {
        Sign::Prose if !quoted => 25.0,
        _ => RANDOM,
    };
    let long = value.len() >= 10 || (value.len() >= 8 && classes >= 3);
    let drawn = long && bits >= least && each >= RANDOM_EACH && classes >= 2 - usize::from(bits >= RANDOM_UNNAMED);
    // A secret that was typed in: signs between words.
    let typed = quoted
        && assigned.sign != Sign::Listed
        && value.len() >= 10
        && value.bytes().any(|b| matches!(b, b'#' | b'!' | b'@' | b'$' | b'%' | b'^' | b'&' | b'*' | b'+' | b'~'));
    (drawn || typed).then_some(if bits >= RANDOM_UNNAMED { 0.7 } else { 0.55 })
}

/// A secret that is compared with a literal of several words: `if secret != "open-sesame"`.
fn compared(name: &str, assigned: &Assigned, value: &str) -> Option<f64> {
    let typed = name.get(name.len().saturating_sub(6)..).is_some_and(|end| end.eq_ignore_ascii_case("secret"))
        && assigned.sign == Sign::Weak
        && assigned.bounds == Bounds::Quoted
        && value.len() >= 8
        && value.contains(['-', '_', '!', '#']);
    typed.then_some(0.5)
}

/// Names that may hold anything: long, drawn at random beyond doubt, and no digest or identifier.
fn perhaps(assigned: &Assigned, value: &str) -> Option<f64> {
    let bits = words::surprise(value);
    let sure = value.len() >= 16
        && bits >= RANDOM_UNNAMED
        && bits / value.len() as f64 >= 1.5
        && (look::classes(value) >= 3 || bits >= 1.5 * RANDOM_UNNAMED)
        && !look::is_uuid(value)
        && assigned.bounds == Bounds::Quoted;
    sure.then_some(0.5)
}

/// The key of a service in a variable of the environment: `ACME_MAPS_KEY=0f3c…`.
fn setting(name: &str, assigned: &Assigned, value: &str) -> Option<f64> {
    let variable = name.ends_with("_KEY") && !name.bytes().any(|b| b.is_ascii_lowercase());
    let token = value.len() >= 20
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+' | b'/' | b'='))
        && value.bytes().any(|b| b.is_ascii_digit())
        && !look::is_uuid(value)
        && words::surprise(value) >= value.len() as f64 * RANDOM_EACH;
    (variable && token && assigned.sign == Sign::Strong).then_some(0.55)
}

/// Whether a user's name is assigned just before, and the value as in a file of settings: `=` without blanks, or `=>`.
fn beside_user(hay: Hay<'_>, assigned: &Assigned) -> bool {
    let tight = hay.at(assigned.name.end) == b'=' && assigned.value.start == assigned.name.end + 1;
    let arrow = assigned.bounds == Bounds::Quoted && hay.get(assigned.name.end..assigned.value.start).contains("=>");
    if !tight && !arrow {
        return false;
    }
    let before = hay.window_before(assigned.name.start, 96);
    let parts = before.rsplit(['\n', ';', '&', ',']).map(str::trim).filter(|part| !part.is_empty());
    let user = |part: &str| {
        let name = part.split_once('=').map_or("", |(name, _)| name);
        !part.contains(['(', '{']) && ["user", "login", "uid", "account"].iter().any(|w| look::holds(name, w))
    };
    parts.take(2).any(user)
}

/// Whether a list of numbers has at least six different ones, not in steps of one.
fn varied(list: &str) -> bool {
    let numbers = || list.split(',').map(str::trim).filter(|n| !n.is_empty());
    let first: std::collections::BTreeSet<&str> = numbers().take(64).collect();
    let value = |n: &str| match n.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => n.parse().ok(),
    };
    let steps = numbers().zip(numbers().skip(1)).filter(|(a, b)| match (value(a), value(b)) {
        (Some(a), Some(b)) => (b - a).abs() == 1,
        _ => false,
    });
    first.len() >= 6 && steps.count() * 2 < numbers().count()
}
