//! Conditions, three-valued: decided by the request, open to the caller's choice, or not known.

use std::borrow::Cow;

use serde_json::Value;

use super::operator::{Operand, Operator, Test};
use super::request::{Known, Request};
use super::shown::is_about_resource;
use super::template::{Filled, Template};

/// One key of a `Condition` block: any of the values may hold.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    /// `None` where nobody can say what is meant.
    operator: Option<Operator>,
    quantifier: Option<Quantifier>,
    if_exists: bool,
    /// Lower case.
    key: String,
    values: Vec<Operand>,
    needs_resource: bool,
    /// As people read it.
    pub(super) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    All,
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    Yes,
    No,
    Unknown,
}

impl Condition {
    /// The conditions of a block, and what is wrong with it. `variables` says whether the document's version knows them.
    pub(super) fn parse_all(block: &Value, variables: bool, faults: &mut Vec<String>) -> Vec<Self> {
        let Some(operators) = block.as_object() else {
            faults.push("`Condition` is not an object".to_owned());
            return vec![Self::doubt("a condition that cannot be read")];
        };
        let mut conditions = Vec::with_capacity(operators.len());
        for (operator, keys) in operators {
            let Some(keys) = keys.as_object() else {
                faults.push(format!("condition `{operator}` is not an object"));
                conditions.push(Self::doubt(&format!("{operator} that cannot be read")));
                continue;
            };
            conditions.extend(keys.iter().map(|(key, values)| Self::parse(operator, key, values, variables, faults)));
        }
        conditions
    }

    /// A condition of which nobody can say whether it holds.
    pub(super) fn doubt(text: &str) -> Self {
        Self {
            operator: None,
            quantifier: None,
            if_exists: false,
            key: String::new(),
            values: Vec::new(),
            needs_resource: false,
            text: text.to_owned(),
        }
    }

    fn parse(written: &str, key: &str, values: &Value, variables: bool, faults: &mut Vec<String>) -> Self {
        let (prefix, rest) = written.split_once(':').map_or((None, written), |(prefix, rest)| (Some(prefix), rest));
        let quantifier = match prefix {
            Some(prefix) if prefix.eq_ignore_ascii_case("ForAllValues") => Ok(Some(Quantifier::All)),
            Some(prefix) if prefix.eq_ignore_ascii_case("ForAnyValue") => Ok(Some(Quantifier::Any)),
            Some(_) => Err(()),
            None => Ok(None),
        };
        let suffix = rest.len().checked_sub("IfExists".len()).and_then(|at| rest.split_at_checked(at));
        let (if_exists, base) = match suffix {
            Some((base, suffix)) if suffix.eq_ignore_ascii_case("IfExists") => (true, base),
            _ => (false, rest),
        };
        let found = Operator::named(base).filter(|operator| !(if_exists && operator.test == Test::Null));
        let operator = found.filter(|_| quantifier.is_ok());
        if operator.is_none() {
            faults.push(format!("condition operator `{written}` is unknown"));
        }
        let texts = texts(values);
        if texts.is_none() {
            faults.push(format!("the values of `{written}` `{key}` are neither text nor a list of texts"));
        }
        let operands: Vec<_> = texts
            .iter()
            .flatten()
            .filter_map(|text| {
                let operand = operator?.test.operand(text, variables);
                if matches!(operand, Operand::Bad) {
                    faults.push(format!("`{written}` `{key}` cannot compare with {text:?}"));
                }
                Some(operand)
            })
            .collect();
        let text = format!("{written} {key}: {}", texts.as_deref().unwrap_or_default().join(", "));
        let key = key.to_ascii_lowercase();
        let variable = |operand: &Operand| match operand {
            Operand::Text(template) => template.keys().any(is_about_resource),
            _ => false,
        };
        Self {
            operator: operator.filter(|_| texts.is_some()),
            quantifier: quantifier.unwrap_or_default(),
            if_exists,
            needs_resource: is_about_resource(&key) || operands.iter().any(variable),
            key,
            values: operands,
            text,
        }
    }

    /// Whether only the resource can decide it.
    pub(super) fn needs_resource(&self) -> bool {
        self.needs_resource
    }

    /// With the variables replaced whose values are known, for a request that will know less.
    pub(super) fn filled(&self, request: &Request<'_>) -> Self {
        let mut filled = self.clone();
        for value in &mut filled.values {
            let Operand::Text(template) = value else { continue };
            match template.fill(request) {
                Filled::Pattern(Cow::Owned(pattern)) => {
                    filled.text.push_str(" = ");
                    filled.text.push_str(pattern.text());
                    *template = Template::from(pattern);
                }
                Filled::Absent => *value = Operand::Bad,
                Filled::Pattern(Cow::Borrowed(_)) | Filled::Unknown => {}
            }
        }
        filled
    }

    /// Decides as far as possible. `wanted` says whether the caller wants it to hold, for values he chooses.
    pub(super) fn holds(&self, request: &Request<'_>, wanted: bool) -> Truth {
        let Some(operator) = self.operator else { return Truth::Unknown };
        let known = request.value(&self.key);
        if operator.test == Test::Null {
            let absent = match known {
                Known::Absent => true,
                Known::Is(_) | Known::Many(_) | Known::After(_) => false,
                Known::Chosen => return truth(wanted),
                Known::Unknown => return Truth::Unknown,
            };
            return truth(self.values.iter().any(|value| matches!(value, Operand::Flag(flag) if *flag == absent)));
        }
        match known {
            Known::Absent => truth(
                self.if_exists
                    || match self.quantifier {
                        Some(Quantifier::All) => true,
                        Some(Quantifier::Any) => false,
                        None => operator.negated,
                    },
            ),
            Known::Chosen => truth(wanted),
            Known::Unknown => Truth::Unknown,
            Known::After(past) => {
                three(any(self.values.iter().map(|value| operator.test.matches_after(past, value))), operator.negated)
            }
            // a set without anything in it
            Known::Is(actual) if actual.is_empty() && self.quantifier == Some(Quantifier::All) => Truth::Yes,
            Known::Is(actual) => three(self.matches(operator.test, &actual, request), operator.negated),
            Known::Many(actual) => {
                let each = actual.iter().map(|actual| {
                    self.matches(operator.test, actual, request).map(|matched| matched != operator.negated)
                });
                match self.quantifier {
                    Some(Quantifier::Any) => three(any(each), false),
                    Some(Quantifier::All) => three(any(each.map(|fits| fits.map(|fits| !fits))), true),
                    // one value is compared; a list is none
                    None => truth(operator.negated),
                }
            }
        }
    }

    /// Whether any value of the policy matches one of the request.
    fn matches(&self, test: Test, actual: &str, request: &Request<'_>) -> Option<bool> {
        any(self.values.iter().map(|value| test.matches(actual, value, request)))
    }
}

/// Texts, numbers and truth values, alone or in a list; `None` for anything else.
fn texts(values: &Value) -> Option<Vec<String>> {
    let one = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match values {
        Value::Array(list) => list.iter().map(one).collect(),
        other => Some(vec![one(other)?]),
    }
}

/// Yes if any is yes, not known if any might be.
fn any(values: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut known = true;
    for value in values {
        match value {
            Some(true) => return Some(true),
            Some(false) => {}
            None => known = false,
        }
    }
    known.then_some(false)
}

fn three(matched: Option<bool>, negated: bool) -> Truth {
    matched.map_or(Truth::Unknown, |matched| truth(matched != negated))
}

fn truth(yes: bool) -> Truth {
    if yes { Truth::Yes } else { Truth::No }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::aws::moment::Moment;
    use crate::identity::aws::principal::{Principal, PrincipalKind};
    use crate::identity::aws::request::Context;
    use serde_json::json;

    fn parse(block: &Value) -> Vec<Condition> {
        Condition::parse_all(block, true, &mut Vec::new())
    }

    #[test]
    fn decides_what_the_estate_knows() {
        let user = Principal::named("arn:aws:iam::123456789012:user/ann", PrincipalKind::User);
        let request = Request {
            principal: Some(&user),
            passed_to: Some("lambda.amazonaws.com"),
            as_of: Moment::parse("2024-06-01T00:00:00Z"),
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
            (json!({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01"}}), Truth::Yes),
            (json!({"DateLessThan": {"aws:CurrentTime": "2030-01-01"}}), Truth::Unknown),
            (json!({"DateGreaterThan": {"aws:TokenIssueTime": "2020-01-01T00:00:00Z"}}), Truth::No),
            (json!({"DateGreaterThanIfExists": {"aws:TokenIssueTime": "2020-01-01T00:00:00Z"}}), Truth::Yes),
            (json!({"Null": {"ec2:SourceInstanceARN": "true"}}), Truth::Yes),
            (json!({"StringEquals": {"aws:PrincipalTag/team": "a"}}), Truth::No),
            (json!({"StringAlmost": {"aws:username": "ann"}}), Truth::Unknown),
        ] {
            assert_eq!(parse(&block)[0].holds(&request, true), expected, "{block}");
        }
    }

    #[test]
    fn a_callers_choice_avoids_a_deny() {
        let condition = &parse(&json!({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}))[0];
        assert_eq!(condition.holds(&Request::default(), false), Truth::No);
    }

    /// Every operator against a known context; what is not there is absent.
    #[test]
    fn operators_compare_as_documented() {
        let mut context = Context::default();
        for (key, values) in [
            ("k:s", vec!["Cats"]),
            ("k:n", vec!["10"]),
            ("k:d", vec!["2024-06-01T00:00:00Z"]),
            ("k:e", vec!["1717200000"]),
            ("k:b", vec!["true"]),
            ("k:x", vec!["QmluYXJ5"]),
            ("k:ip", vec!["203.0.113.7"]),
            ("k:ip6", vec!["2001:db8::7"]),
            ("k:arn", vec!["arn:aws:sns:us-east-1:123456789012:a:b"]),
            ("k:many", vec!["a", "b"]),
            ("k:one", vec!["a"]),
            ("k:empty", vec![""]),
            ("aws:PrincipalTag/Team", vec!["Cats"]),
        ] {
            context.set(key, values.into_iter().map(str::to_owned).collect());
        }
        let request = Request { context: Some(&context), ..Request::default() };
        for (operator, key, values, expected) in [
            ("StringEquals", "K:S", json!("Cats"), true),
            ("StringEquals", "k:s", json!("cats"), false),
            ("StringEquals", "k:s", json!("C*"), false),
            ("StringEquals", "k:s", json!(["x", "Cats"]), true),
            ("StringNotEquals", "k:s", json!(["x", "Cats"]), false),
            ("StringNotEquals", "k:s", json!(["x", "y"]), true),
            ("StringEqualsIgnoreCase", "k:s", json!("cATS"), true),
            ("StringNotEqualsIgnoreCase", "k:s", json!("cATS"), false),
            ("StringLike", "k:s", json!("C?t*"), true),
            ("StringNotLike", "k:s", json!("C?t*"), false),
            ("StringLike", "k:s", json!("C${*}"), false),
            ("StringEquals", "k:s", json!("${aws:PrincipalTag/team}"), true),
            ("StringEquals", "k:s", json!("${k:none, 'Cats'}"), true),
            ("StringEquals", "k:s", json!("${k:none}"), false),
            ("StringNotEquals", "k:none", json!("x"), true),
            ("StringEquals", "k:none", json!("x"), false),
            ("StringEqualsIfExists", "k:none", json!("x"), true),
            ("StringEqualsIfExists", "k:s", json!("x"), false),
            ("NumericEquals", "k:n", json!(10), true),
            ("NumericEquals", "k:n", json!("10.0"), true),
            ("NumericNotEquals", "k:n", json!("10"), false),
            ("NumericLessThan", "k:n", json!("10"), false),
            ("NumericLessThanEquals", "k:n", json!("10"), true),
            ("NumericGreaterThan", "k:n", json!("9.5"), true),
            ("NumericGreaterThanEquals", "k:n", json!("11"), false),
            ("NumericEquals", "k:s", json!("10"), false),
            ("DateEquals", "k:d", json!("2024-06-01"), true),
            ("DateEquals", "k:e", json!("2024-06-01T02:00:00+02:00"), true),
            ("DateNotEquals", "k:d", json!("2024-06-01"), false),
            ("DateLessThan", "k:d", json!("1717200001"), true),
            ("DateLessThanEquals", "k:d", json!("2024-05-31"), false),
            ("DateGreaterThan", "k:d", json!("2024-05-31"), true),
            ("DateGreaterThanEquals", "k:e", json!("1717200000"), true),
            ("Bool", "k:b", json!(true), true),
            ("Bool", "k:b", json!("false"), false),
            ("Bool", "k:s", json!("false"), false),
            ("BinaryEquals", "k:x", json!("QmluYXJ5"), true),
            ("BinaryEquals", "k:x", json!("QmluYXJ6"), false),
            ("IpAddress", "k:ip", json!(["10.0.0.0/8", "203.0.113.0/24"]), true),
            ("NotIpAddress", "k:ip", json!(["10.0.0.0/8", "203.0.113.0/24"]), false),
            ("IpAddress", "k:ip6", json!("2001:db8::/32"), true),
            ("NotIpAddress", "k:none", json!("10.0.0.0/8"), true),
            ("ArnEquals", "k:arn", json!("arn:aws:sns:*:123456789012:a*"), true),
            ("ArnLike", "k:arn", json!("arn:aws:sns:*:a:b"), false),
            ("ArnLike", "k:arn", json!("arn:*:b"), false),
            ("ArnNotLike", "k:arn", json!("arn:aws:sns:*:*:*"), false),
            ("ArnNotEquals", "k:arn", json!("arn:aws:sqs:*:*:*"), true),
            ("ArnLike", "k:s", json!("arn:aws:sqs:*:*:*"), false),
            ("Null", "k:s", json!("false"), true),
            ("Null", "k:s", json!(true), false),
            ("Null", "k:none", json!("true"), true),
            ("ForAllValues:StringEquals", "k:many", json!(["a", "b", "c"]), true),
            ("ForAllValues:StringEquals", "k:many", json!(["a"]), false),
            ("ForAllValues:StringEquals", "k:none", json!(["a"]), true),
            ("ForAllValues:StringEquals", "k:empty", json!(["a"]), true),
            ("ForAllValues:StringNotEquals", "k:many", json!(["c"]), true),
            ("ForAllValues:StringNotEquals", "k:many", json!(["a"]), false),
            ("ForAnyValue:StringLike", "k:many", json!("b*"), true),
            ("ForAnyValue:StringEquals", "k:many", json!("c"), false),
            ("ForAnyValue:StringEquals", "k:none", json!("c"), false),
            ("ForAnyValue:StringNotEquals", "k:many", json!("a"), true),
            ("ForAnyValue:StringNotEquals", "k:none", json!("a"), false),
            ("ForAnyValue:StringEqualsIfExists", "k:none", json!("a"), true),
            ("ForAnyValue:StringEquals", "k:one", json!("a"), true),
            ("StringEquals", "k:one", json!("a"), true),
            ("StringEquals", "k:many", json!("a"), false),
            ("StringNotEquals", "k:many", json!("a"), true),
            ("stringequals", "k:s", json!("Cats"), true),
        ] {
            let block = json!({operator: {key: values}});
            assert_eq!(parse(&block)[0].holds(&request, true), truth(expected), "{block}");
        }
    }

    #[test]
    fn what_cannot_be_compared_is_told() {
        let faults = |block: Value| {
            let mut faults = Vec::new();
            Condition::parse_all(&block, true, &mut faults);
            faults.len()
        };
        assert_eq!(faults(json!({"StringEquals": {"k": "v"}, "Bool": {"k": true}})), 0);
        for block in [
            json!("x"),
            json!({"StringEquals": "x"}),
            json!({"StringIs": {"k": "v"}}),
            json!({"NullIfExists": {"k": "true"}}),
            json!({"ForSomeValues:StringEquals": {"k": "v"}}),
            json!({"NumericEquals": {"k": "many"}}),
            json!({"IpAddress": {"k": "10.0.0.0/64"}}),
            json!({"StringEquals": {"k": {"a": "b"}}}),
        ] {
            assert_eq!(faults(block.clone()), 1, "{block}");
        }
    }

    #[test]
    fn variables_are_plain_text_in_the_old_version() {
        let mut context = Context::default();
        context.set("aws:username", vec!["ann".to_owned()]);
        context.set("k", vec!["${aws:username}".to_owned()]);
        let request = Request { context: Some(&context), ..Request::default() };
        let block = json!({"StringEquals": {"k": "${aws:username}"}});
        let holds = |variables| Condition::parse_all(&block, variables, &mut Vec::new())[0].holds(&request, true);
        assert_eq!((holds(false), holds(true)), (Truth::Yes, Truth::No));
    }
}
