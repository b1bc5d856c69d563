//! IAM conditions (CEL) with three values: what the inventory decides is decided, the rest stays open.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};
use cel::parser::PrattParser;

use crate::asset::Nesting;

/// Longest expression read; Google allows 4096 characters.
const LENGTH: usize = 8192;
/// Deepest brackets, and the most selections and comparisons: what the parser builds of them fits any stack.
const BRACKETS: usize = 48;
const LINKS: usize = 400;

/// An expression, parsed once.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) text: String,
    /// Nothing if it cannot be read.
    ast: Option<IdedExpr>,
}

/// What a condition is asked about.
#[derive(Debug, Default)]
pub(super) struct Subject<'a> {
    /// Each name that the resource may have, by number or by id of its project.
    pub(super) names: Vec<Name>,
    pub(super) kind: Option<&'a str>,
    pub(super) service: Option<&'a str>,
    /// Tags by key and value, as far as known.
    pub(super) tags: Vec<(String, String)>,
    /// Whether these are all its tags.
    pub(super) all_tags: bool,
    /// Whether granting one of these roles gives the power that is asked for; nothing where no role is granted.
    pub(super) granting: Option<Granting<'a>>,
}

/// Whether granting a role gives the power that is asked for.
#[derive(Clone, Copy)]
pub(super) struct Granting<'a>(pub(super) &'a dyn Fn(&str) -> bool);

impl std::fmt::Debug for Granting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Granting")
    }
}

/// What is known of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Name {
    Is(String),
    /// It begins so, and goes on as the caller likes.
    Begins(String),
}

enum Value {
    Bool(bool),
    Text(Name),
    List(Vec<String>),
    /// The list that `api.getAttribute` gives for the roles of a change.
    Roles,
    Open,
}

impl Condition {
    pub(super) fn new(text: &str) -> Self {
        let ast = if fits(text) { PrattParser::new().parse(text).ok() } else { None };
        Self { text: text.split_whitespace().collect::<Vec<_>>().join(" "), ast }
    }

    /// Whether it holds; nothing if the inventory cannot tell.
    pub(super) fn holds(&self, subject: &Subject<'_>) -> Option<bool> {
        let ast = self.ast.as_ref()?;
        let answers = |name: Option<&Name>| truth(&evaluate(&ast.expr, subject, name));
        let mut names = subject.names.iter();
        let Some(first) = names.next() else { return answers(None) };
        let first = answers(Some(first));
        // two names of one resource must not decide differently
        names.all(|name| answers(Some(name)) == first).then_some(first).flatten()
    }
}

fn fits(text: &str) -> bool {
    let Nesting { brackets, links } = Nesting::of(text);
    // slashes and hyphens stand mostly in quoted names
    text.len() <= LENGTH && brackets <= BRACKETS && links <= LINKS
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(known) => Some(*known),
        _ => None,
    }
}

fn maybe(known: Option<bool>) -> Value {
    known.map_or(Value::Open, Value::Bool)
}

fn evaluate(expr: &Expr, subject: &Subject<'_>, name: Option<&Name>) -> Value {
    match expr {
        Expr::Literal(LiteralValue::Boolean(known)) => Value::Bool(*known.inner()),
        Expr::Literal(LiteralValue::String(text)) => Value::Text(Name::Is(text.inner().to_owned())),
        Expr::Select(select) if !select.test && matches!(&select.operand.expr, Expr::Ident(of) if of == "resource") => {
            let known = |text: Option<&str>| text.map_or(Value::Open, |text| Value::Text(Name::Is(text.to_owned())));
            match select.field.as_str() {
                "name" => name.map_or(Value::Open, |name| Value::Text(name.clone())),
                "type" => known(subject.kind),
                "service" => known(subject.service),
                _ => Value::Open,
            }
        }
        Expr::List(list) => {
            let texts = list.elements.iter().map(|item| match evaluate(&item.expr, subject, name) {
                Value::Text(Name::Is(text)) => Some(text),
                _ => None,
            });
            texts.collect::<Option<Vec<_>>>().map_or(Value::Open, Value::List)
        }
        Expr::Call(call) => apply(call, subject, name),
        _ => Value::Open,
    }
}

fn apply(call: &CallExpr, subject: &Subject<'_>, name: Option<&Name>) -> Value {
    let argument = |i: usize| call.args.get(i).map_or(Value::Open, |arg| evaluate(&arg.expr, subject, name));
    let text = |i: usize| match argument(i) {
        Value::Text(Name::Is(text)) => Some(text),
        _ => None,
    };
    match call.func_name.as_str() {
        operators::LOGICAL_AND => match (truth(&argument(0)), truth(&argument(1))) {
            (Some(false), _) | (_, Some(false)) => Value::Bool(false),
            (Some(true), Some(true)) => Value::Bool(true),
            _ => Value::Open,
        },
        operators::LOGICAL_OR => match (truth(&argument(0)), truth(&argument(1))) {
            (Some(true), _) | (_, Some(true)) => Value::Bool(true),
            (Some(false), Some(false)) => Value::Bool(false),
            _ => Value::Open,
        },
        operators::LOGICAL_NOT => maybe(truth(&argument(0)).map(|known| !known)),
        operators::CONDITIONAL => match truth(&argument(0)) {
            Some(true) => argument(1),
            Some(false) => argument(2),
            None => Value::Open,
        },
        operators::EQUALS => maybe(equal(&argument(0), &argument(1))),
        operators::NOT_EQUALS => maybe(equal(&argument(0), &argument(1)).map(|known| !known)),
        operators::IN => match (argument(0), argument(1)) {
            (Value::Text(text), Value::List(list)) => {
                let each: Vec<_> = list.into_iter().map(|item| same(&text, &item)).collect();
                maybe(if each.contains(&Some(true)) { Some(true) } else { (!each.contains(&None)).then_some(false) })
            }
            _ => Value::Open,
        },
        "startsWith" | "endsWith" | "contains" | "matches" => {
            let target = call.target.as_ref().map(|target| evaluate(&target.expr, subject, name));
            match (target, text(0)) {
                (Some(Value::Text(have)), Some(want)) => maybe(test(&call.func_name, &have, &want)),
                _ => Value::Open,
            }
        }
        "matchTag" | "matchTagId" => match (text(0), text(1)) {
            (Some(key), Some(value)) => maybe(tagged(subject, &key, Some(&value))),
            _ => Value::Open,
        },
        "hasTagKey" | "hasTagKeyId" => text(0).map_or(Value::Open, |key| maybe(tagged(subject, &key, None))),
        "getAttribute" if text(0).as_deref() == Some("iam.googleapis.com/modifiedGrantsByRole") => Value::Roles,
        "hasOnly" => {
            let target = call.target.as_ref().map(|target| evaluate(&target.expr, subject, name));
            match (target, argument(0), subject.granting) {
                // what may be granted is limited: it depends on the best of these roles
                (Some(Value::Roles), Value::List(roles), Some(Granting(granting))) => {
                    Value::Bool(roles.iter().any(|role| granting(role)))
                }
                _ => Value::Open,
            }
        }
        _ => Value::Open,
    }
}

fn equal(a: &Value, b: &Value) -> Option<bool> {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Some(a == b),
        (Value::Text(text), Value::Text(Name::Is(other))) | (Value::Text(Name::Is(other)), Value::Text(text)) => {
            same(text, other)
        }
        _ => None,
    }
}

fn same(text: &Name, other: &str) -> Option<bool> {
    match text {
        Name::Is(text) => Some(text == other),
        Name::Begins(start) => (!other.starts_with(start.as_str())).then_some(false),
    }
}

fn test(function: &str, text: &Name, word: &str) -> Option<bool> {
    match (function, text) {
        ("startsWith", Name::Is(text)) => Some(text.starts_with(word)),
        ("startsWith", Name::Begins(start)) if start.starts_with(word) => Some(true),
        ("startsWith", Name::Begins(start)) => (!word.starts_with(start.as_str())).then_some(false),
        ("endsWith", Name::Is(text)) => Some(text.ends_with(word)),
        ("contains", Name::Is(text)) => Some(text.contains(word)),
        ("contains", Name::Begins(start)) => start.contains(word).then_some(true),
        ("matches", Name::Is(text)) => {
            let regex = regex::RegexBuilder::new(word).size_limit(1 << 18).build().ok()?;
            Some(regex.is_match(text))
        }
        _ => None,
    }
}

fn tagged(subject: &Subject<'_>, key: &str, value: Option<&str>) -> Option<bool> {
    // `123/env` with its value `prod`, which exports write as `123/env/prod`
    let same_value = |have: &str, want: &str| have == want || have.rsplit('/').next() == Some(want);
    let found = subject.tags.iter().any(|(k, v)| k == key && value.is_none_or(|want| same_value(v, want)));
    if found { Some(true) } else { subject.all_tags.then_some(false) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str, subject: &Subject<'_>) -> Option<bool> {
        Condition::new(text).holds(subject)
    }

    #[test]
    fn what_the_estate_decides_is_decided() {
        let bucket = "projects/_/buckets/acme";
        let subject = Subject {
            names: vec![Name::Is(bucket.into())],
            kind: Some("storage.googleapis.com/Bucket"),
            service: Some("storage.googleapis.com"),
            tags: vec![("12/env".into(), "12/env/prod".into())],
            all_tags: true,
            ..Subject::default()
        };
        for (text, want) in [
            ("resource.name.startsWith('projects/_/buckets/acme')", Some(true)),
            ("resource.name.startsWith(\"projects/_/buckets/other\")", Some(false)),
            (
                "resource.name == 'projects/_/buckets/acme' && resource.type == 'storage.googleapis.com/Bucket'",
                Some(true),
            ),
            (
                "resource.type == 'storage.googleapis.com/Object' || resource.service != 'storage.googleapis.com'",
                Some(false),
            ),
            ("!resource.name.endsWith('acme')", Some(false)),
            ("resource.name.matches('buckets/[a-z]+$')", Some(true)),
            ("request.time < timestamp('2027-01-01T00:00:00Z')", None),
            ("request.time < timestamp('2027-01-01T00:00:00Z') && resource.name.contains('other')", Some(false)),
            ("request.time < timestamp('2027-01-01T00:00:00Z') || resource.name.contains('acme')", Some(true)),
            ("resource.matchTag('12/env', 'prod')", Some(true)),
            ("resource.matchTag('12/env', 'test')", Some(false)),
            ("resource.hasTagKey('12/team')", Some(false)),
            ("resource.type in ['storage.googleapis.com/Bucket', 'x']", Some(true)),
            ("resource.type in ['x']", Some(false)),
            ("true", Some(true)),
            ("nonsense((", None),
            ("", None),
        ] {
            assert_eq!(ask(text, &subject), want, "{text}");
        }
        let tags = Subject { all_tags: false, ..subject };
        assert_eq!(ask("resource.hasTagKey('12/team')", &tags), None);
    }

    #[test]
    fn names_that_go_on_and_names_by_number() {
        let objects = |start: &str| Subject { names: vec![Name::Begins(start.into())], ..Subject::default() };
        let below = objects("projects/_/buckets/acme/objects/");
        assert_eq!(ask("resource.name.startsWith('projects/_/buckets/acme/')", &below), Some(true));
        assert_eq!(ask("resource.name.startsWith('projects/_/buckets/acme/objects/public/')", &below), None);
        assert_eq!(ask("resource.name.startsWith('projects/_/buckets/b')", &below), Some(false));
        assert_eq!(ask("resource.name.endsWith('.csv')", &below), None);
        let names = ["projects/acme/secrets/k", "projects/12/secrets/k"].map(|name| Name::Is(name.into()));
        let both = Subject { names: names.into(), ..Subject::default() };
        assert_eq!(ask("resource.name.startsWith('projects/12/')", &both), None);
        assert_eq!(ask("resource.name.endsWith('/secrets/k')", &both), Some(true));
    }

    #[test]
    fn grants_that_are_limited_to_roles() {
        let granting = |role: &str| role == "roles/owner";
        let subject = Subject { granting: Some(Granting(&granting)), ..Subject::default() };
        let limited = |roles: &str| {
            ask(
                &format!("api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([{roles}])"),
                &subject,
            )
        };
        assert_eq!(limited("'roles/viewer', 'roles/owner'"), Some(true));
        assert_eq!(limited("'roles/viewer'"), Some(false));
    }

    #[test]
    fn nothing_nests_too_deep() {
        let deep = format!("{}true{}", "(".repeat(100_000), ")".repeat(100_000));
        assert_eq!(ask(&deep, &Subject::default()), None);
        assert_eq!(ask(&"!".repeat(9_000), &Subject::default()), None);
    }
}
