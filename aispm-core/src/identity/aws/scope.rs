//! What a principal's policies say of one action, with everything decided but the resource.

use std::fmt::Write;

use super::condition::{Condition, Request, Truth};
use super::pattern::{Pattern, account_of, service_of};
use super::policy::{Choice, Statement};
use super::principal::{Boundary, Held, Principal};
use super::shown::Shown;
use crate::identity::Decision;

/// Allows and denies of one action.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    own: Clauses,
    boundary: Option<Clauses>,
    /// Holds besides, whatever the resource: a boundary that the export lacks.
    open: Vec<String>,
}

#[derive(Debug, Clone, Default)]
struct Clauses {
    allow: Vec<Clause>,
    deny: Vec<Clause>,
}

#[derive(Debug, Clone)]
struct Clause {
    resources: Choice,
    /// Conditions that nothing here decides, as text.
    open: Vec<String>,
    /// Conditions that the resource decides.
    later: Vec<Condition>,
}

impl Scope {
    /// The scope of an action (lower case), or `None` if no statement allows it anywhere.
    pub(super) fn new(principal: &Principal, action: &str, request: &Request<'_>) -> Option<Self> {
        let own = Clauses::new(&principal.policies, action, request);
        if own.allow.is_empty() {
            return None;
        }
        let mut scope = Self { own, ..Self::default() };
        match &principal.boundary {
            Boundary::None => {}
            Boundary::Policy(held) => {
                let clauses = Clauses::new(std::slice::from_ref(held), action, request);
                if clauses.allow.is_empty() {
                    return None;
                }
                scope.boundary = Some(clauses);
            }
            Boundary::Missing(arn) => scope.open.push(format!("permissions boundary {arn} allows it")),
        }
        Some(scope)
    }

    /// The same text for scopes that decide alike.
    pub(super) fn key(&self) -> String {
        let mut key = String::new();
        self.own.write(&mut key);
        if let Some(boundary) = &self.boundary {
            key.push('&');
            boundary.write(&mut key);
        }
        self.open.iter().for_each(|text| key.push_str(text));
        key
    }

    /// Decides for one resource.
    pub(crate) fn on(&self, resource: &str, account: Option<&str>) -> Decision {
        self.on_shown(resource, account, None)
    }

    /// Decides for one resource of which more is known than its ARN.
    pub(crate) fn on_shown(&self, resource: &str, account: Option<&str>, shown: Option<Shown<'_>>) -> Decision {
        let mut open = self.open.clone();
        for clauses in std::iter::once(&self.own).chain(&self.boundary) {
            match clauses.on(resource, account, shown) {
                Decision::Denied => return Decision::Denied,
                Decision::Conditional(conditions) => open.extend(conditions),
                Decision::Allowed => {}
            }
        }
        Decision::when(open)
    }

    /// Decides for some resource that begins with `prefix`: an object of a bucket. Also tells which one.
    pub(crate) fn within(&self, prefix: &str, account: Option<&str>) -> (Decision, String) {
        self.some(account, format!("{prefix}x"), |example| example.starts_with(prefix))
    }

    /// Decides for a resource of this service that the caller names himself, in this account. Also tells which one.
    pub(crate) fn anywhere(&self, service: &str, account: &str) -> (Decision, String) {
        let here = |arn: &str| account_of(arn).is_none_or(|a| a == account || a.contains('x'));
        let of_service = |arn: &str| service_of(arn).is_none_or(|s| s == service || s.contains('x'));
        let generic = format!("arn:aws:{service}:us-east-1:{account}:x");
        self.some(Some(account), generic, |example| here(example) && of_service(example))
    }

    /// Resources of this service, in this account, that the caller could name: one by each allowed pattern.
    pub(crate) fn names<'s>(&'s self, service: &'s str, account: &'s str) -> impl Iterator<Item = String> + use<'s> {
        let patterns = self.own.allow.iter().filter(|c| !c.resources.not).flat_map(|c| &c.resources.patterns);
        let named = patterns.filter(|pattern| !pattern.is_any()).filter_map(move |pattern| {
            // any region and account is this one
            let mut parts: Vec<&str> = pattern.text().splitn(6, ':').collect();
            match parts.as_mut_slice() {
                [_, _, own, region, home, _] => {
                    *own = if *own == "*" { service } else { own };
                    *region = if *region == "*" { "us-east-1" } else { region };
                    *home = if *home == "*" { account } else { home };
                }
                _ => return None,
            }
            let name = parts.join(":").replace(['*', '?'], "x");
            (service_of(&name) == Some(service) && account_of(&name).is_none_or(|a| a == account)).then_some(name)
        });
        std::iter::once(format!("arn:aws:{service}:us-east-1:{account}:x")).chain(named)
    }

    /// The best decision over the generic resource and one example of each allowed pattern.
    fn some(&self, account: Option<&str>, generic: String, fits: impl Fn(&str) -> bool) -> (Decision, String) {
        let mut best = (self.on(&generic, account), generic);
        let patterns = self.own.allow.iter().filter(|c| !c.resources.not).flat_map(|c| &c.resources.patterns);
        for pattern in patterns.filter(|pattern| !pattern.is_any()) {
            if best.0 == Decision::Allowed {
                break;
            }
            let example = pattern.example();
            if fits(&example) {
                let decision = self.on(&example, account);
                if decision.rank() < best.0.rank() {
                    best = (decision, example.into_owned());
                }
            }
        }
        best
    }
}

impl Clauses {
    fn new(policies: &[Held], action: &str, request: &Request<'_>) -> Self {
        let mut clauses = Self::default();
        for statement in policies.iter().flat_map(|held| &held.policy.statements) {
            if statement.actions.matches(action)
                && let Some(clause) = Clause::new(statement, request)
            {
                if statement.allow { &mut clauses.allow } else { &mut clauses.deny }.push(clause);
            }
        }
        clauses
    }

    fn on(&self, resource: &str, account: Option<&str>, shown: Option<Shown<'_>>) -> Decision {
        let request = Request { resource: Some(resource), account, shown, ..Request::default() };
        let mut open = Vec::new();
        for clause in self.deny.iter().filter(|clause| clause.resources.matches(resource)) {
            match clause.opened(&request, false) {
                Some(conditions) if conditions.is_empty() => return Decision::Denied,
                Some(conditions) => open.push(format!("not ({})", conditions.join(" and "))),
                None => {}
            }
        }
        let allows = self.allow.iter().filter(|clause| clause.resources.matches(resource));
        match allows.filter_map(|clause| clause.opened(&request, true)).min_by_key(Vec::len) {
            Some(conditions) => Decision::when(conditions.into_iter().chain(open).collect()),
            None => Decision::Denied,
        }
    }

    fn write(&self, key: &mut String) {
        for (sign, clauses) in [('+', &self.allow), ('-', &self.deny)] {
            for clause in clauses {
                // writing to a String cannot fail
                let _ = write!(key, "{sign}{}", if clause.resources.not { "!" } else { "" });
                for pattern in &clause.resources.patterns {
                    let _ = write!(key, "{},", pattern.text());
                }
                let later = clause.later.iter().map(|condition| &condition.text);
                for text in clause.open.iter().chain(later) {
                    let _ = write!(key, "?{text}");
                }
            }
        }
    }
}

impl Clause {
    /// `None` if a condition is known not to hold.
    fn new(statement: &Statement, request: &Request<'_>) -> Option<Self> {
        let mut open = Vec::new();
        let mut later = Vec::new();
        for condition in &statement.conditions {
            if condition.needs_resource() {
                later.push(condition.clone());
                continue;
            }
            match condition.holds(request, statement.allow) {
                Truth::Yes => {}
                Truth::No => return None,
                Truth::Unknown => open.push(condition.text.clone()),
            }
        }
        let all = Choice { not: true, patterns: Vec::new() };
        let written = statement.resources.as_ref().unwrap_or(&all);
        let mut patterns = Vec::with_capacity(written.patterns.len());
        // an unknown variable must not widen what is allowed nor narrow what is denied
        let widen = statement.allow == written.not;
        for pattern in &written.patterns {
            match request.substitute(pattern.text()) {
                Some(std::borrow::Cow::Borrowed(_)) => patterns.push(pattern.clone()),
                Some(std::borrow::Cow::Owned(text)) => patterns.push(Pattern::new(&text)),
                None if widen => patterns.push(Pattern::new("*")),
                None => {}
            }
        }
        Some(Self { resources: Choice { not: written.not, patterns }, open, later })
    }

    /// The conditions that stay open once the resource is known; `None` if one does not hold.
    fn opened(&self, request: &Request<'_>, wanted: bool) -> Option<Vec<String>> {
        let mut open = self.open.clone();
        for condition in &self.later {
            match condition.holds(request, wanted) {
                Truth::Yes => {}
                Truth::No => return None,
                Truth::Unknown => open.push(condition.text.clone()),
            }
        }
        Some(open)
    }
}
