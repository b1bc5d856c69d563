//! Condition operators and the values they compare with, each value read once.

use std::cmp::Ordering;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::moment::Moment;
use super::network::Network;
use super::pattern::{Pattern, fits};
use super::request::Request;
use super::template::{Filled, Template};

/// A condition operator: what it tests, and whether the test must fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) test: Test,
    pub(super) negated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Test {
    Equals,
    EqualsIgnoreCase,
    Like,
    Number(Relation),
    Date(Relation),
    Bool,
    Binary,
    Address,
    Arn,
    Null,
}

/// How the request's value stands to the policy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A value of the policy.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Text(Template),
    Number(Number),
    Moment(Moment),
    Flag(bool),
    Bytes(Vec<u8>),
    Network(Network),
    /// Not of the operator's type: matches nothing.
    Bad,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Whole(i64),
    Broken(f64),
}

impl Operator {
    /// By the operator's name, without quantifier and `IfExists`; case does not count.
    pub(super) fn named(name: &str) -> Option<Self> {
        use Relation::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
        let (test, negated) = match name.to_ascii_lowercase().as_str() {
            "stringequals" => (Test::Equals, false),
            "stringnotequals" => (Test::Equals, true),
            "stringequalsignorecase" => (Test::EqualsIgnoreCase, false),
            "stringnotequalsignorecase" => (Test::EqualsIgnoreCase, true),
            "stringlike" => (Test::Like, false),
            "stringnotlike" => (Test::Like, true),
            "numericequals" => (Test::Number(Equal), false),
            "numericnotequals" => (Test::Number(Equal), true),
            "numericlessthan" => (Test::Number(Less), false),
            "numericlessthanequals" => (Test::Number(LessOrEqual), false),
            "numericgreaterthan" => (Test::Number(Greater), false),
            "numericgreaterthanequals" => (Test::Number(GreaterOrEqual), false),
            "dateequals" => (Test::Date(Equal), false),
            "datenotequals" => (Test::Date(Equal), true),
            "datelessthan" => (Test::Date(Less), false),
            "datelessthanequals" => (Test::Date(LessOrEqual), false),
            "dategreaterthan" => (Test::Date(Greater), false),
            "dategreaterthanequals" => (Test::Date(GreaterOrEqual), false),
            "bool" => (Test::Bool, false),
            "binaryequals" => (Test::Binary, false),
            "ipaddress" => (Test::Address, false),
            "notipaddress" => (Test::Address, true),
            "arnequals" | "arnlike" => (Test::Arn, false),
            "arnnotequals" | "arnnotlike" => (Test::Arn, true),
            "null" => (Test::Null, false),
            _ => return None,
        };
        Some(Self { test, negated })
    }
}

impl Test {
    /// Reads a value of the policy. `variables` says whether the document's version knows them.
    pub(super) fn operand(self, text: &str, variables: bool) -> Operand {
        let operand = match self {
            Self::Equals | Self::EqualsIgnoreCase | Self::Like | Self::Arn => {
                Some(Operand::Text(Template::new(text, variables)))
            }
            Self::Number(_) => Number::parse(text).map(Operand::Number),
            Self::Date(_) => Moment::parse(text).map(Operand::Moment),
            Self::Bool | Self::Null => flag(text).map(Operand::Flag),
            Self::Binary => STANDARD.decode(text.trim()).ok().map(Operand::Bytes),
            Self::Address => Network::parse(text).map(Operand::Network),
        };
        operand.unwrap_or(Operand::Bad)
    }

    /// Whether a value of the request matches one of the policy; `None` if that is not known.
    pub(super) fn matches(self, actual: &str, operand: &Operand, request: &Request<'_>) -> Option<bool> {
        match (self, operand) {
            (Self::Equals, Operand::Text(text)) => text.equals(actual, false, request),
            (Self::EqualsIgnoreCase, Operand::Text(text)) => text.equals(actual, true, request),
            (Self::Like, Operand::Text(text)) => text.matches(actual, request),
            (Self::Arn, Operand::Text(text)) => match text.fill(request) {
                Filled::Pattern(pattern) => Some(same_arn(&pattern, actual)),
                Filled::Absent => Some(false),
                Filled::Unknown => None,
            },
            (Self::Number(relation), Operand::Number(number)) => Some(
                Number::parse(actual).and_then(|actual| actual.compare(*number)).is_some_and(|o| relation.holds(o)),
            ),
            (Self::Date(relation), Operand::Moment(moment)) => {
                Some(Moment::parse(actual).is_some_and(|actual| relation.holds(actual.cmp(moment))))
            }
            (Self::Bool, Operand::Flag(flagged)) => Some(flag(actual) == Some(*flagged)),
            (Self::Binary, Operand::Bytes(bytes)) => {
                Some(STANDARD.decode(actual.trim()).is_ok_and(|actual| actual == *bytes))
            }
            (Self::Address, Operand::Network(network)) => {
                Some(Network::parse(actual).is_some_and(|actual| network.contains(&actual)))
            }
            _ => Some(false),
        }
    }

    /// Whether a moment after `past` matches; `None` if that depends on how long after.
    pub(super) fn matches_after(self, past: Moment, operand: &Operand) -> Option<bool> {
        let (Self::Date(relation), Operand::Moment(moment)) = (self, operand) else { return None };
        (*moment < past).then_some(matches!(relation, Relation::Greater | Relation::GreaterOrEqual))
    }
}

impl Relation {
    fn holds(self, actual: Ordering) -> bool {
        match self {
            Self::Equal => actual.is_eq(),
            Self::Less => actual.is_lt(),
            Self::LessOrEqual => actual.is_le(),
            Self::Greater => actual.is_gt(),
            Self::GreaterOrEqual => actual.is_ge(),
        }
    }
}

impl Number {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        text.parse().map(Self::Whole).or_else(|_| text.parse().map(Self::Broken)).ok().filter(|number| match number {
            Self::Broken(value) => value.is_finite(),
            Self::Whole(_) => true,
        })
    }

    fn compare(self, other: Self) -> Option<Ordering> {
        // beyond 2^53 a whole number is only compared exactly with another
        #[allow(clippy::cast_precision_loss, reason = "a number with a point is no exact number either")]
        let float = |number| match number {
            Self::Whole(value) => value as f64,
            Self::Broken(value) => value,
        };
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => Some(a.cmp(&b)),
            _ => float(self).partial_cmp(&float(other)),
        }
    }
}

fn flag(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Compares the six parts of an ARN each for itself; a wildcard does not reach over a colon, but the last part may hold
/// some.
fn same_arn(pattern: &Pattern, actual: &str) -> bool {
    if pattern.is_any() {
        return true;
    }
    let mut wanted = pattern.code().splitn(6, |b| *b == b':');
    let mut parts = actual.as_bytes().splitn(6, |b| *b == b':');
    let mut count = 0;
    loop {
        match (wanted.next(), parts.next()) {
            (Some(wanted), Some(part)) if fits(wanted, part) => count += 1,
            (None, None) => return count == 6,
            _ => return false,
        }
    }
}
