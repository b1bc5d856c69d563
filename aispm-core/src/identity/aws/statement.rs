//! Statements of a policy: what they are about and when they hold.

use std::sync::Arc;

use serde_json::Value;

use super::condition::{Condition, Truth};
use super::named::Principals;
use super::pattern::Pattern;
use super::policy::{Purpose, strings};
use super::request::Request;
use super::template::{Filled, Template};

#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) allow: bool,
    /// Lower case.
    pub(super) actions: Choice,
    /// `None` in trust policies, which are about their role, and where a resource's policy means its resource.
    pub(super) resources: Option<Resources>,
    /// `None` in identity policies, which are about their holder.
    pub(super) principals: Option<Principals>,
    pub(super) conditions: Vec<Condition>,
    /// Its place among the document's statements.
    pub(super) index: usize,
    pub(super) sid: Option<String>,
    /// Below the document, e.g. `/Statement/0`.
    pub(super) pointer: String,
    /// In a few words, for evidence.
    pub(super) excerpt: String,
}

/// `Action`/`Resource`, or with `not` `NotAction`/`NotResource`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Choice {
    pub(super) not: bool,
    pub(super) patterns: Vec<Pattern>,
}

/// `Resource` or `NotResource`: shared where no variable stands in it, which is nearly always.
#[derive(Debug, Clone)]
pub(super) enum Resources {
    Plain(Arc<Choice>),
    Filled { not: bool, templates: Vec<Template> },
}

impl Choice {
    pub(super) fn matches(&self, text: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(text)) != self.not
    }
}

impl Resources {
    fn new(not: bool, templates: Vec<Template>) -> Self {
        let plain: Option<Vec<Pattern>> = templates.iter().map(|template| template.plain().cloned()).collect();
        match plain {
            Some(patterns) => Self::Plain(Arc::new(Choice { not, patterns })),
            None => Self::Filled { not, templates },
        }
    }

    /// Whether it is every resource, whatever the request.
    pub(super) fn is_everything(&self) -> bool {
        match self {
            Self::Plain(choice) => !choice.not && choice.patterns.iter().any(Pattern::is_any),
            Self::Filled { not, templates } => {
                !not && templates.iter().any(|template| template.plain().is_some_and(Pattern::is_any))
            }
        }
    }

    /// Whether a resource is meant. A variable that nobody knows widens or narrows, as `widen` says.
    pub(super) fn matches(&self, resource: &str, request: &Request<'_>, widen: bool) -> bool {
        match self {
            Self::Plain(choice) => choice.matches(resource),
            Self::Filled { not, templates } => {
                templates.iter().any(|t| t.matches(resource, request).unwrap_or(widen != *not)) != *not
            }
        }
    }

    /// With its variables replaced. One that nobody knows widens or narrows, as `widen` says.
    pub(super) fn fill(&self, request: &Request<'_>, widen: bool) -> Arc<Choice> {
        match self {
            Self::Plain(choice) => Arc::clone(choice),
            Self::Filled { not, templates } => {
                let patterns = templates.iter().filter_map(|template| match template.fill(request) {
                    Filled::Pattern(pattern) => Some(pattern.into_owned()),
                    Filled::Absent => None,
                    Filled::Unknown => (widen != *not).then(|| Pattern::new("*")),
                });
                Arc::new(Choice { not: *not, patterns: patterns.collect() })
            }
        }
    }
}

/// No policy in AWS is longer; a statement that is was made to wear readers out.
const LONGEST: usize = 64 << 10;

impl Statement {
    /// Reads a statement and notes what AWS would refuse. `None` if it counts for nothing.
    pub(super) fn parse(
        value: &Value,
        index: usize,
        pointer: &str,
        purpose: Purpose,
        variables: bool,
        faults: &mut Vec<String>,
    ) -> Option<Self> {
        let effect = value.get("Effect").and_then(Value::as_str);
        let allow = match effect {
            Some("Allow") => Some(true),
            Some(text) if text.eq_ignore_ascii_case("deny") => Some(false),
            _ => None,
        };
        let Some(allow) = allow else {
            faults.push("no `Effect` that is `Allow` or `Deny`; the statement counts for nothing".to_owned());
            return None;
        };
        let mut doubts = Vec::new();
        if !allow && effect != Some("Deny") {
            doubts.push("`Effect` is not written `Deny`".to_owned());
        }
        if size(value) > LONGEST {
            faults.push("longer than any policy that AWS takes".to_owned());
        }
        let actions = match one_of(value, "Action", "NotAction") {
            Ok(Some((not, list))) => Choice { not, patterns: actions(&list, allow != not, faults) },
            Ok(None) => everything("neither `Action` nor `NotAction`", &mut doubts),
            Err(reason) => everything(&reason, &mut doubts),
        };
        let resources = match one_of(value, "Resource", "NotResource") {
            Ok(Some((not, list))) => {
                list.iter().filter(|text| !is_resource(text)).for_each(|text| {
                    faults.push(format!("{text:?} is neither an ARN nor `*`"));
                });
                Some(Resources::new(not, list.iter().map(|text| Template::new(&whole(text), variables)).collect()))
            }
            Ok(None) if purpose == Purpose::Identity => {
                doubts.push("neither `Resource` nor `NotResource`".to_owned());
                None
            }
            Ok(None) => None,
            Err(reason) => {
                doubts.push(reason);
                None
            }
        };
        let principals = match (value.get("Principal"), value.get("NotPrincipal")) {
            (Some(_), Some(_)) => {
                doubts.push("both `Principal` and `NotPrincipal`".to_owned());
                Some(Principals::everyone())
            }
            (Some(named), None) => Some(Principals::parse(named, false, faults)),
            (None, Some(named)) => Some(Principals::parse(named, true, faults)),
            (None, None) if purpose == Purpose::Identity => None,
            (None, None) => {
                doubts.push("neither `Principal` nor `NotPrincipal`".to_owned());
                Some(Principals::everyone())
            }
        };
        if purpose == Purpose::Identity && principals.is_some() {
            faults.push("a policy of a principal names principals".to_owned());
        }
        let mut conditions = Vec::new();
        if let Some(block) = value.get("Condition") {
            let mut wrong = Vec::new();
            conditions = Condition::parse_all(block, variables, &mut wrong);
            let then = if allow { "it is not taken to hold for sure" } else { "it may or may not deny" };
            faults.extend(wrong.into_iter().map(|reason| format!("{reason}; {then}")));
        }
        if !doubts.is_empty() {
            let reason = doubts.join(", ");
            if allow {
                faults.push(format!("{reason}; the statement counts for nothing"));
                return None;
            }
            conditions.push(Condition::doubt(&format!("a deny that cannot be read ({reason}) applies")));
            faults.push(format!("{reason}; what it denies is in doubt"));
        }
        Some(Self {
            allow,
            actions,
            resources,
            principals: principals.filter(|_| purpose != Purpose::Identity),
            conditions,
            index,
            sid: value.get("Sid").and_then(Value::as_str).filter(|sid| !sid.is_empty()).map(str::to_owned),
            excerpt: excerpt(value),
            pointer: pointer.to_owned(),
        })
    }

    /// Makes it hold only perhaps.
    pub(super) fn doubt(&mut self, reason: &str) {
        self.conditions.push(Condition::doubt(reason));
    }

    /// Whether the statement speaks of an action (lower case) on a resource; the conditions are another matter.
    pub(super) fn is_about(&self, action: &str, resource: Option<&str>, request: &Request<'_>) -> bool {
        // what nobody knows must not widen what is allowed nor narrow what is denied
        self.actions.matches(action)
            && resource.is_none_or(|r| self.resources.as_ref().is_none_or(|c| c.matches(r, request, !self.allow)))
    }

    /// The conditions that stay open, as text; `None` if one is known not to hold.
    pub(super) fn opened(&self, request: &Request<'_>) -> Option<Vec<String>> {
        let mut open = Vec::new();
        for condition in &self.conditions {
            match condition.holds(request, self.allow) {
                Truth::Yes => {}
                Truth::No => return None,
                Truth::Unknown => open.push(condition.text.clone()),
            }
        }
        Some(open)
    }

    /// Both: what stays open if it speaks of this and may hold.
    pub(super) fn applies(&self, action: &str, resource: Option<&str>, request: &Request<'_>) -> Option<Vec<String>> {
        if self.is_about(action, resource, request) { self.opened(request) } else { None }
    }
}

/// The list of one of two elements that exclude each other, and whether it is the second.
fn one_of<'v>(value: &'v Value, yes: &str, no: &str) -> Result<Option<(bool, Vec<&'v str>)>, String> {
    match (value.get(yes), value.get(no)) {
        (Some(_), Some(_)) => Err(format!("both `{yes}` and `{no}`")),
        (Some(list), None) => Ok(Some((false, strings(list).collect()))),
        (None, Some(list)) => Ok(Some((true, strings(list).collect()))),
        (None, None) => Ok(None),
    }
}

/// The widest reading of what cannot be read.
fn everything(reason: &str, doubts: &mut Vec<String>) -> Choice {
    doubts.push(reason.to_owned());
    Choice { not: true, patterns: Vec::new() }
}

/// The patterns of actions. Misspelt ones stand only where dropping them would allow more.
fn actions(list: &[&str], drop: bool, faults: &mut Vec<String>) -> Vec<Pattern> {
    let mut patterns = Vec::with_capacity(list.len());
    for text in list {
        let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'*' | b'?' | b'-' | b'_');
        let written = text.split_once(':').map_or(*text == "*", |(service, name)| {
            !service.is_empty() && !name.is_empty() && service.bytes().all(fine) && name.bytes().all(fine)
        });
        if !written {
            faults.push(format!("{text:?} is no action"));
            if drop {
                continue;
            }
        }
        patterns.push(Pattern::lowercase(&text.split_whitespace().collect::<String>()));
    }
    patterns
}

/// Whether a text has the shape of a resource. References that a template has not resolved are not looked into.
fn is_resource(text: &str) -> bool {
    let unresolved = text.contains("${");
    let short = text.starts_with("execute-api:/");
    text == "*"
        || unresolved
        || short
        || (text.starts_with("arn:") && (text.matches(':').count() >= 5 || text.contains('*')))
}

/// A resource as the policy of an API may abbreviate it.
fn whole(text: &str) -> std::borrow::Cow<'_, str> {
    match text.strip_prefix("execute-api:/") {
        Some(path) => format!("arn:*:execute-api:*:*:*/{path}").into(),
        None => text.into(),
    }
}

/// About how long a value is as JSON.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(list) => list.iter().map(|value| size(value) + 1).sum(),
        Value::Object(map) => map.iter().map(|(key, value)| key.len() + size(value) + 4).sum(),
        _ => 4,
    }
}

fn excerpt(value: &Value) -> String {
    let list = |keys: [&str; 2]| {
        let found = keys.iter().find_map(|key| value.get(key).map(|v| (key, v)));
        found.map(|(key, v)| {
            let mut names = strings(v);
            let first: Vec<_> = names.by_ref().take(3).collect();
            let more = if names.next().is_some() { ", …" } else { "" };
            format!("{key} {}{more}", first.join(", "))
        })
    };
    let effect = value.get("Effect").and_then(Value::as_str).unwrap_or_default();
    let parts = [list(["Action", "NotAction"]), list(["Resource", "NotResource"])];
    std::iter::once(effect.to_owned()).chain(parts.into_iter().flatten()).collect::<Vec<_>>().join(" ")
}
