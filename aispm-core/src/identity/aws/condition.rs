//! Conditions, three-valued: decided by the estate, open to the caller's choice, or not known.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::OnceLock;

use serde_json::Value;

use super::pattern::{Pattern, account_of};
use super::policy::strings;
use super::principal::{Principal, PrincipalKind};
use super::shown::{Shown, is_about_resource};
use crate::asset::Document;

/// One key of a `Condition` block: any of the values may hold.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    operator: Operator,
    negated: bool,
    if_exists: bool,
    /// `ForAllValues`: holds for a key that is absent.
    for_all: bool,
    /// Lower case.
    key: String,
    values: Vec<String>,
    /// As people read it.
    pub(super) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equals,
    EqualsIgnoreCase,
    Like,
    Bool,
    Null,
    Date(Bound),
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bound {
    side: Ordering,
    inclusive: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    Yes,
    No,
    Unknown,
}

/// What is known of a request when conditions are read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Request<'a> {
    pub(super) principal: Option<&'a Principal>,
    /// What the call hands over: a role to this service, or this policy.
    pub(super) passed_to: Option<&'a str>,
    /// Set once the resource is known.
    pub(super) resource: Option<&'a str>,
    /// Where the resource lives, if its ARN does not say.
    pub(super) account: Option<&'a str>,
    /// More of the resource than its ARN.
    pub(super) shown: Option<Shown<'a>>,
    /// The token's subject, for federated trust.
    pub(super) subject: Option<&'a str>,
    /// A moment known to have passed: the newest date in the export, ISO 8601.
    pub(super) as_of: Option<&'a str>,
}

pub(super) enum Known<'a> {
    Is(Cow<'a, str>),
    Absent,
    /// The caller chooses it.
    Chosen,
    /// A moment after this one.
    After(&'a str),
    Unknown,
}

/// Keys whose value the caller sets in his request.
fn chosen_keys() -> &'static [Pattern] {
    static KEYS: OnceLock<Vec<Pattern>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let text = include_str!("../../../data/identity/aws_chosen_condition_keys.yaml");
        // the built-in list is checked by a test; an empty one only leaves more conditional
        let keys: Vec<String> = Document::config("aws_chosen_condition_keys.yaml", text).unwrap_or_default();
        keys.iter().map(|key| Pattern::lowercase(key)).collect()
    })
}

impl Condition {
    pub(super) fn parse_all(block: &Value) -> Vec<Self> {
        let operators = block.as_object().into_iter().flatten();
        let keys = operators.flat_map(|(operator, keys)| {
            keys.as_object().into_iter().flatten().map(move |(key, values)| Self::parse(operator, key, values))
        });
        keys.collect()
    }

    fn parse(written: &str, key: &str, values: &Value) -> Self {
        let (for_all, rest) = match written.split_once(':') {
            Some((quantifier, rest)) => (quantifier.eq_ignore_ascii_case("ForAllValues"), rest),
            None => (false, written),
        };
        let lower = rest.to_ascii_lowercase();
        let (if_exists, base) = match lower.strip_suffix("ifexists") {
            Some(base) => (true, base),
            None => (false, lower.as_str()),
        };
        let date = |side, inclusive| (Operator::Date(Bound { side, inclusive }), false);
        let (operator, negated) = match base {
            "stringequals" => (Operator::Equals, false),
            "stringnotequals" => (Operator::Equals, true),
            "stringequalsignorecase" => (Operator::EqualsIgnoreCase, false),
            "stringnotequalsignorecase" => (Operator::EqualsIgnoreCase, true),
            "stringlike" | "arnlike" | "arnequals" => (Operator::Like, false),
            "stringnotlike" | "arnnotlike" | "arnnotequals" => (Operator::Like, true),
            "bool" => (Operator::Bool, false),
            "null" => (Operator::Null, false),
            "dategreaterthan" => date(Ordering::Greater, false),
            "dategreaterthanequals" => date(Ordering::Greater, true),
            "datelessthan" => date(Ordering::Less, false),
            "datelessthanequals" => date(Ordering::Less, true),
            _ => (Operator::Other, false),
        };
        let values: Vec<String> = match values {
            Value::Bool(flag) => vec![flag.to_string()],
            Value::Number(number) => vec![number.to_string()],
            other => strings(other).map(str::to_owned).collect(),
        };
        let text = format!("{written} {key}: {}", values.join(", "));
        Self { operator, negated, if_exists, for_all, key: key.to_ascii_lowercase(), values, text }
    }

    /// Whether only the resource can decide it.
    pub(super) fn needs_resource(&self) -> bool {
        is_about_resource(&self.key)
    }

    /// Decides as far as possible. `wanted` says whether the caller wants it to hold, for values he chooses.
    pub(super) fn holds(&self, request: &Request<'_>, wanted: bool) -> Truth {
        let known = request.value(&self.key);
        if self.operator == Operator::Null {
            let absent = match known {
                Known::Absent => true,
                Known::Is(_) | Known::After(_) => false,
                Known::Chosen => return chosen(wanted),
                Known::Unknown => return Truth::Unknown,
            };
            return truth(self.values.iter().any(|v| v.eq_ignore_ascii_case("true")) == absent);
        }
        match known {
            Known::Absent => truth(self.if_exists || self.negated || self.for_all),
            Known::Chosen => chosen(wanted),
            Known::Unknown => Truth::Unknown,
            Known::After(moment) => self.after(moment),
            Known::Is(actual) => {
                let mut open = false;
                let matched = self.values.iter().any(|value| {
                    let Some(value) = request.substitute(value) else {
                        open = true;
                        return false;
                    };
                    match self.operator {
                        Operator::Equals => *actual == *value,
                        Operator::EqualsIgnoreCase | Operator::Bool => actual.eq_ignore_ascii_case(&value),
                        Operator::Like => Pattern::new(&value).matches(&actual),
                        Operator::Null | Operator::Date(_) | Operator::Other => {
                            open = true;
                            false
                        }
                    }
                });
                if open && !matched { Truth::Unknown } else { truth(matched != self.negated) }
            }
        }
    }

    /// A date that lies after `moment`, against the values.
    fn after(&self, moment: &str) -> Truth {
        let Operator::Date(bound) = self.operator else { return Truth::Unknown };
        let date = |text: &str| text.get(..4).is_some_and(|y| y.bytes().all(|b| b.is_ascii_digit()));
        let past = |value: &String| date(value) && date(moment) && value.as_str() < moment;
        match self.values.as_slice() {
            [value] if past(value) => truth(bound.side == Ordering::Greater),
            _ => Truth::Unknown,
        }
    }
}

fn truth(yes: bool) -> Truth {
    if yes { Truth::Yes } else { Truth::No }
}

fn chosen(wanted: bool) -> Truth {
    truth(wanted)
}

impl<'a> Request<'a> {
    fn value(&self, key: &str) -> Known<'a> {
        let is = |text: &'a str| Known::Is(Cow::Borrowed(text));
        if let Some(name) = key.strip_prefix("aws:principaltag/") {
            return match self.principal.map(|p| p.tag(name)) {
                Some(Some(value)) => is(value),
                Some(None) => Known::Absent,
                None => Known::Unknown,
            };
        }
        if let Some(claim) = key.rsplit_once(':').map(|(_, claim)| claim)
            && let Some(subject) = self.subject
        {
            return match claim {
                "sub" => is(subject),
                "aud" => is("sts.amazonaws.com"),
                _ => Known::Unknown,
            };
        }
        if let Some(known) = self.shown.and_then(|shown| shown.value(key)) {
            return known;
        }
        match (key, self.principal) {
            ("aws:principalarn", Some(p)) => is(p.id.as_str()),
            ("aws:principalaccount", Some(p)) => is(&p.account),
            ("aws:principaltype", Some(p)) => is(if p.kind == PrincipalKind::Role { "AssumedRole" } else { "User" }),
            ("aws:username", Some(p)) if p.kind == PrincipalKind::User => is(&p.name),
            ("aws:username", Some(p)) if p.kind == PrincipalKind::Role => Known::Absent,
            ("aws:principalisawsservice" | "aws:viaawsservice", Some(_)) => is("false"),
            // only temporary credentials carry it
            ("aws:tokenissuetime", Some(p)) => match (p.kind, self.as_of) {
                (PrincipalKind::User, _) => Known::Absent,
                (PrincipalKind::Role, Some(moment)) => Known::After(moment),
                _ => Known::Unknown,
            },
            ("aws:currenttime", _) => self.as_of.map_or(Known::Unknown, Known::After),
            ("aws:securetransport", _) => is("true"),
            ("iam:passedtoservice" | "iam:policyarn", _) => self.passed_to.map_or(Known::Unknown, is),
            ("aws:resourceaccount" | "s3:resourceaccount", _) => {
                let account = self.resource.and_then(account_of).or(self.account);
                account.map_or(Known::Unknown, is)
            }
            // in trust policies of services: the account that the service acts for
            ("aws:sourceaccount", None) => self.account.map_or(Known::Unknown, is),
            _ if chosen_keys().iter().any(|pattern| pattern.matches(key)) => Known::Chosen,
            _ => Known::Unknown,
        }
    }

    /// Replaces policy variables; `None` if one is not known or absent.
    pub(super) fn substitute<'t>(&self, text: &'t str) -> Option<Cow<'t, str>> {
        if !text.contains("${") {
            return Some(Cow::Borrowed(text));
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, tail) = after.split_once('}')?;
            out.push_str(before);
            let (key, default) = match name.split_once(',') {
                Some((key, default)) => (key.trim(), Some(default.trim().trim_matches('\''))),
                None => (name, None),
            };
            match self.value(&key.to_ascii_lowercase()) {
                Known::Is(value) => out.push_str(&value),
                Known::Absent => out.push_str(default?),
                _ if matches!(key, "*" | "?" | "$") => out.push_str(key),
                _ => return None,
            }
            rest = tail;
        }
        out.push_str(rest);
        Some(Cow::Owned(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn holds(block: Value, request: &Request<'_>) -> Truth {
        Condition::parse_all(&block)[0].holds(request, true)
    }

    #[test]
    fn decides_what_the_estate_knows() {
        let user = Principal::named("arn:aws:iam::123456789012:user/ann", PrincipalKind::User);
        let request = Request {
            principal: Some(&user),
            passed_to: Some("lambda.amazonaws.com"),
            as_of: Some("2024-06-01T00:00:00Z"),
            ..Request::default()
        };
        for (block, expected) in [
            (json!({"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}), Truth::Yes),
            (json!({"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com"]}}), Truth::No),
            (json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/a*"}}), Truth::Yes),
            (json!({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/a*"}}), Truth::No),
            (json!({"StringLike": {"aws:PrincipalArn": "*/${aws:username}"}}), Truth::Yes),
            (json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}}), Truth::Unknown),
            (json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}), Truth::Unknown),
            (json!({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}), Truth::Yes),
            (json!({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}), Truth::No),
            (json!({"DateGreaterThan": {"aws:TokenIssueTime": "2020-01-01T00:00:00Z"}}), Truth::No),
            (json!({"DateGreaterThanIfExists": {"aws:TokenIssueTime": "2020-01-01T00:00:00Z"}}), Truth::Yes),
            (json!({"StringEquals": {"aws:PrincipalTag/team": "a"}}), Truth::No),
        ] {
            assert_eq!(holds(block.clone(), &request), expected, "{block}");
        }
    }

    #[test]
    fn a_callers_choice_avoids_a_deny() {
        let condition = &Condition::parse_all(&json!({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}))[0];
        assert_eq!(condition.holds(&Request::default(), false), Truth::No);
    }
}
