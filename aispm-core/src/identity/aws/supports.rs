//! Every statement that a permission or a trust could rest on: what would have to go for it to end.
//!
//! Never too few: a statement that is left out here allows nothing that was asked. It may be one too many where the
//! resource is not fixed (something new, some object of a bucket), where patterns are compared by their beginnings.

use super::condition::Truth;
use super::estate::{Estate, Trustee};
use super::named::Named;
use super::principal::{Held, Principal};
use super::request::Request;
use super::statement::{Resources, Statement};
use crate::asset::Evidence;

/// What a permission is asked for.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// This ARN.
    Exactly(String),
    /// Something whose ARN begins so.
    Below(String),
    /// Something of this service.
    Service(String),
}

/// Where a trust policy or a resource's policy lets someone in.
#[derive(Debug, Clone, Default)]
pub(crate) struct LetIn {
    pub(crate) statements: Vec<Evidence>,
    /// He is named himself, so that inside an account his own policies do not matter.
    pub(crate) directly: bool,
}

impl Estate {
    /// The allowing statements of a principal's own policies, groups among them.
    pub(crate) fn supports(
        &self,
        principal: &Principal,
        action: &str,
        wanted: &[Wanted],
        passed_to: Option<&str>,
    ) -> Vec<Evidence> {
        let action = action.to_ascii_lowercase();
        let request = self.request(principal, passed_to);
        let mut found = Vec::new();
        for held in &principal.policies {
            let own = held.policy.statements.iter().filter(|s| s.allow && s.actions.matches(&action));
            for statement in own.filter(|s| may_hold(s, &request)) {
                let fits = |resources: &Resources| wanted.iter().any(|wanted| fits(resources, wanted, &request));
                if statement.resources.as_ref().is_none_or(fits) {
                    found.push(place(held, statement));
                }
            }
        }
        found
    }

    /// The statements of a role's trust policy that let someone in.
    pub(crate) fn trust_supports(&self, role: &Principal, who: Trustee<'_>) -> LetIn {
        let action = match who {
            Trustee::Subject(_) => "sts:assumerolewithwebidentity",
            _ => "sts:assumerole",
        };
        role.trust.as_ref().map(|held| self.let_in(held, action, None, who)).unwrap_or_default()
    }

    /// The statements of a resource's own policy that let someone in.
    pub(crate) fn resource_supports(&self, resource: &str, action: &str, who: Trustee<'_>) -> LetIn {
        let held = self.policy_on(resource);
        held.map(|held| self.let_in(held, &action.to_ascii_lowercase(), Some(resource), who)).unwrap_or_default()
    }

    fn let_in(&self, held: &Held, action: &str, resource: Option<&str>, who: Trustee<'_>) -> LetIn {
        let (mut found, caller, request) = (LetIn::default(), who.caller(), self.asks(who, None));
        for statement in held.policy.statements.iter().filter(|s| s.allow && s.actions.matches(action)) {
            let named = statement.principals.as_ref().map_or(Named::No, |p| p.names(&caller, true));
            let elsewhere = resource.is_some_and(|resource| {
                let wanted = Wanted::Below(resource.to_owned());
                statement.resources.as_ref().is_some_and(|resources| !fits(resources, &wanted, &request))
            });
            if named != Named::No && !elsewhere && may_hold(statement, &request) {
                found.directly |= named >= Named::Role;
                found.statements.push(place(held, statement));
            }
        }
        found
    }
}

/// Where a statement stands; of a policy that is not in the input, where it is attached.
fn place(held: &Held, statement: &Statement) -> Evidence {
    let mut evidence = held.statement(&statement.pointer, &statement.excerpt);
    let pointer = evidence.pointer.as_deref().unwrap_or_default();
    if let Some((before, after)) = pointer.split_once("/AttachedManagedPolicies/") {
        let entry = after.split('/').next().unwrap_or_default();
        evidence.pointer = Some(format!("{before}/AttachedManagedPolicies/{entry}"));
    }
    evidence
}

/// Whether no condition is known to fail before the resource is known.
fn may_hold(statement: &Statement, request: &Request<'_>) -> bool {
    let mut known = statement.conditions.iter().filter(|condition| !condition.needs_resource());
    known.all(|condition| condition.holds(request, true) != Truth::No)
}

fn fits(resources: &Resources, wanted: &Wanted, request: &Request<'_>) -> bool {
    // an unknown variable may be anything
    let choice = resources.fill(request, true);
    match wanted {
        Wanted::Exactly(arn) => choice.matches(arn),
        _ if choice.not => true,
        Wanted::Below(prefix) => choice.patterns.iter().any(|p| meets(literal(p.text()), prefix)),
        Wanted::Service(service) => choice.patterns.iter().any(|p| of_service(literal(p.text()), service)),
    }
}

/// A pattern up to its first wildcard.
fn literal(pattern: &str) -> &str {
    pattern.split(['*', '?']).next().unwrap_or_default()
}

/// Whether something can begin with both.
fn meets(a: &str, b: &str) -> bool {
    a.starts_with(b) || b.starts_with(a)
}

/// Whether an ARN that begins so can be of this service.
fn of_service(start: &str, service: &str) -> bool {
    let mut parts = start.splitn(4, ':').skip(2);
    match (parts.next(), parts.next()) {
        (Some(known), Some(_)) => known == service,
        (Some(begun), None) => service.starts_with(begun),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_compared_by_their_beginnings() {
        assert!(of_service("", "lambda") && of_service("arn:aws:lambda:", "lambda"));
        assert!(of_service("arn:aws:lamb", "lambda") && !of_service("arn:aws:s3:::", "lambda"));
        assert!(meets("arn:aws:s3:::b/", "arn:aws:s3:::b/x") && !meets("arn:aws:s3:::b/y", "arn:aws:s3:::b/x"));
    }
}
