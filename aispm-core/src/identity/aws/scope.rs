//! What a principal's policies say of one action, with everything decided but the resource.

use std::fmt::Write;
use std::sync::Arc;

use super::condition::{Condition, Truth};
use super::estate::Choices;
use super::order::{Layers, Verdict};
use super::organization::{Level, Limits};
use super::pattern::{account_of, service_of};
use super::principal::{Boundary, Held, Principal};
use super::request::Request;
use super::shown::Shown;
use super::statement::{Choice, Statement};
use crate::identity::Decision;

/// Allows and denies of one action.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    own: Clauses,
    boundary: Option<Clauses>,
    /// Service control policies, level by level.
    scps: Vec<Clauses>,
    /// The principal's account and its resource control policies, level by level.
    rcps: Option<(String, Vec<Clauses>)>,
    /// Holds besides, whatever the resource: a boundary that the export lacks.
    open: Vec<String>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Clauses {
    allow: Vec<Clause>,
    deny: Vec<Clause>,
}

#[derive(Debug, Clone)]
struct Clause {
    /// `None` for every resource.
    resources: Option<Arc<Choice>>,
    /// Conditions that nothing here decides, as text.
    open: Vec<String>,
    /// Conditions that the resource decides.
    later: Vec<Condition>,
}

impl Scope {
    /// The scope of an action (lower case), or `None` if no statement allows it anywhere.
    pub(super) fn new(
        principal: &Principal,
        action: &str,
        request: &Request<'_>,
        limits: Option<&Limits>,
    ) -> Option<Self> {
        let own = Clauses::new(&principal.policies, action, request);
        if own.allow.is_empty() {
            return None;
        }
        let scope = Self::with(own, principal, action, request, limits);
        let layers = scope.boundary.iter().chain(&scope.scps);
        let rcps = scope.rcps.iter().flat_map(|(_, levels)| levels);
        layers.chain(rcps).all(|clauses| !clauses.allow.is_empty()).then_some(scope)
    }

    /// The same, also if nothing is allowed: a resource's policy may allow it, and denies and boundary still bind.
    pub(super) fn full(principal: &Principal, action: &str, request: &Request<'_>, limits: Option<&Limits>) -> Self {
        Self::with(Clauses::new(&principal.policies, action, request), principal, action, request, limits)
    }

    fn with(own: Clauses, principal: &Principal, action: &str, request: &Request<'_>, limits: Option<&Limits>) -> Self {
        let mut scope = Self { own, ..Self::default() };
        match &principal.boundary {
            Boundary::None => {}
            Boundary::Policy(held) => {
                scope.boundary = Some(Clauses::new(std::slice::from_ref(held), action, request));
            }
            Boundary::Missing(arn) => scope.open.push(format!("permissions boundary {arn} allows it")),
        }
        if let Some(limits) = limits {
            let clauses = |level| Clauses::of_level(level, action, request);
            scope.scps = limits.scps().iter().map(clauses).collect();
            let rcps: Vec<_> = limits.rcps(action).map(clauses).collect();
            scope.rcps = (!rcps.is_empty()).then(|| (principal.account.clone(), rcps));
        }
        scope
    }

    /// The same text for scopes that decide alike.
    pub(super) fn key(&self, choices: &mut Choices) -> String {
        let mut key = String::new();
        self.own.write(&mut key, choices);
        for clauses in self.boundary.iter().chain(&self.scps) {
            key.push('&');
            clauses.write(&mut key, choices);
        }
        if let Some((account, levels)) = &self.rcps {
            for clauses in levels {
                key.push('@');
                key.push_str(account);
                clauses.write(&mut key, choices);
            }
        }
        self.open.iter().for_each(|text| key.push_str(text));
        key
    }

    /// What each layer says of a resource; the resource's own policy is left to the caller, and so are the resource
    /// control policies of other accounts.
    pub(super) fn layers(&self, resource: &str, account: Option<&str>) -> Layers {
        self.layers_shown(resource, account, None)
    }

    /// The same for a resource of which more is known than its ARN.
    fn layers_shown(&self, resource: &str, account: Option<&str>, shown: Option<Shown<'_>>) -> Layers {
        let verdict = |clauses: &Clauses| clauses.on_shown(resource, account, shown);
        let mut boundary = self.boundary.as_ref().map(verdict);
        if !self.open.is_empty() {
            boundary = Some(Verdict { allow: Some(self.open.clone()), ..Verdict::default() });
        }
        let here = |home: &str| account_of(resource).or(account).is_none_or(|account| account == home);
        let rcps = self.rcps.iter().filter(|(home, _)| here(home)).flat_map(|(_, levels)| levels);
        Layers {
            rcps: rcps.map(verdict).collect(),
            scps: self.scps.iter().map(verdict).collect(),
            identity: Some(verdict(&self.own)),
            boundary,
            same_account: true,
            ..Layers::default()
        }
    }

    /// Decides for one resource.
    pub(crate) fn on(&self, resource: &str, account: Option<&str>) -> Decision {
        self.layers(resource, account).decide().into()
    }

    /// Decides for one resource of which more is known than its ARN.
    pub(crate) fn on_shown(&self, resource: &str, account: Option<&str>, shown: Option<Shown<'_>>) -> Decision {
        self.layers_shown(resource, account, shown).decide().into()
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
        let choices = self.own.allow.iter().filter_map(|clause| clause.resources.as_deref());
        let patterns = choices.filter(|choice| !choice.not).flat_map(|choice| &choice.patterns);
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
        let choices = self.own.allow.iter().filter_map(|clause| clause.resources.as_deref());
        let patterns = choices.filter(|choice| !choice.not).flat_map(|choice| &choice.patterns);
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

    /// A level of an organisation's policies, with the full access that stands beside policies that only deny.
    pub(super) fn of_level(level: &Level, action: &str, request: &Request<'_>) -> Self {
        let mut clauses = Self::new(level.policies(), action, request);
        if level.is_open() {
            clauses.allow.push(Clause { resources: None, open: Vec::new(), later: Vec::new() });
        }
        clauses
    }

    pub(super) fn on(&self, resource: &str, account: Option<&str>) -> Verdict {
        self.on_shown(resource, account, None)
    }

    fn on_shown(&self, resource: &str, account: Option<&str>, shown: Option<Shown<'_>>) -> Verdict {
        let request = Request { resource: Some(resource), account, shown, ..Request::default() };
        let mut verdict = Verdict::default();
        let lists = [(false, &self.deny), (true, &self.allow)];
        for (allow, clause) in lists.into_iter().flat_map(|(allow, list)| list.iter().map(move |c| (allow, c))) {
            if clause.resources.as_ref().is_none_or(|choice| choice.matches(resource))
                && let Some(open) = clause.opened(&request, allow)
            {
                verdict.add(allow, open);
            }
            if verdict.denied {
                break;
            }
        }
        verdict
    }

    fn write(&self, key: &mut String, choices: &mut Choices) {
        for (sign, clauses) in [('+', &self.allow), ('-', &self.deny)] {
            for clause in clauses {
                key.push(sign);
                if let Some(choice) = &clause.resources {
                    // writing to a String cannot fail
                    let _ = write!(key, "{}", choices.number(choice));
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
                later.push(condition.filled(request));
                continue;
            }
            match condition.holds(request, statement.allow) {
                Truth::Yes => {}
                Truth::No => return None,
                Truth::Unknown => open.push(condition.text.clone()),
            }
        }
        // an unknown variable must not widen what is allowed nor narrow what is denied
        let resources = statement.resources.as_ref().map(|r| r.fill(request, !statement.allow));
        Some(Self { resources, open, later })
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
