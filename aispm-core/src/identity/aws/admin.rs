//! Who holds `*` on `*`, and who would if his policies could be rewritten.

use std::sync::OnceLock;

use super::condition::Truth;
use super::estate::Estate;
use super::pattern::Pattern;
use super::policy::Policy;
use super::principal::{Boundary, Held, Principal, PrincipalKind};
use super::request::Request;
use super::scope::Scope;
use super::statement::{Resources, Statement};
use crate::asset::{AssetId, Document};
use crate::identity::Decision;

/// What an attacker can change of a principal before he uses it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// Give it any identity policy.
    pub(crate) granted: bool,
    /// Take its boundary away.
    pub(crate) unbounded: bool,
}

/// Services that an administrator commands, where his policies list services one by one.
fn core_services() -> &'static [Pattern] {
    static SERVICES: OnceLock<Vec<Pattern>> = OnceLock::new();
    SERVICES.get_or_init(|| {
        let text = include_str!("../../../data/identity/aws_core_services.yaml");
        // the built-in list is checked by a test
        let names: Vec<String> = Document::config("aws_core_services.yaml", text).unwrap_or_default();
        names.iter().map(|name| Pattern::lowercase(&format!("{name}:*"))).collect()
    })
}

/// Whether the allows of these policies that hold whatever is asked together cover every action on every resource: `*`, a
/// `NotAction` whose exceptions other statements allow, or every core service by name.
pub(super) fn covers_everything(policies: &[&Policy], request: &Request<'_>) -> bool {
    // a condition that the caller's choice could break restricts him
    let holds = |s: &Statement| {
        let always = |wanted| s.conditions.iter().all(|c| c.holds(request, wanted) == Truth::Yes);
        always(true) && always(false)
    };
    let everywhere = policies
        .iter()
        .flat_map(|p| &p.statements)
        .filter(|s| s.allow && s.resources.as_ref().is_none_or(Resources::is_everything) && holds(s));
    let (excepting, naming): (Vec<_>, Vec<_>) = everywhere.partition(|s| s.actions.not);
    let named = |wanted: &Pattern| naming.iter().flat_map(|s| &s.actions.patterns).any(|p| p.covers(wanted));
    let apart = |a: &Pattern, b: &Pattern| !a.covers(b) && !b.covers(a);
    let all = Pattern::new("*");
    named(&all)
        || named(&Pattern::new("*:*"))
        || excepting.iter().any(|s| {
            s.actions.patterns.iter().all(|exception| {
                let elsewhere = |o: &&Statement| o.actions.patterns.iter().all(|p| apart(p, exception));
                named(exception) || excepting.iter().copied().any(|o| elsewhere(&o))
            })
        })
        || (!core_services().is_empty() && core_services().iter().all(named))
}

/// Whether a policy allows everything of IAM, so that its holder can give himself the rest.
pub(super) fn covers_identity(policy: &Policy) -> bool {
    let iam = Pattern::new("iam:*");
    let plain =
        |s: &Statement| s.allow && s.conditions.is_empty() && s.resources.as_ref().is_none_or(Resources::is_everything);
    let named = |s: &Statement| !s.actions.not && s.actions.patterns.iter().any(|pattern| pattern.covers(&iam));
    policy.statements.iter().any(|s| plain(s) && named(s)) || covers_everything(&[policy], &Request::default())
}

/// Whether every condition of a deny is known to hold and it denies something.
fn denies_outright(statement: &Statement, request: &Request<'_>) -> bool {
    let something = statement.actions.not || !statement.actions.patterns.is_empty();
    something && statement.conditions.iter().all(|c| c.holds(request, false) == Truth::Yes)
}

impl Estate {
    /// Identities that effectively hold `*` on `*`: what they are allowed covers everything, within their boundary and
    /// every level of their organisation's policies, and nothing of it is denied outright.
    #[must_use]
    pub fn admins(&self) -> Vec<AssetId> {
        let identities = self.principals().iter().filter(|p| p.kind != PrincipalKind::Group);
        identities.filter(|p| self.is_admin(p, Change::default())).map(|p| p.id.clone()).collect()
    }

    /// Whether a principal may do everything of a service to every resource of it in his account: an action that only a
    /// pattern can name, on a resource that only a pattern can name.
    pub(crate) fn commands(&self, principal: &Principal, service: &str) -> bool {
        let action = format!("{service}:anyaction");
        let resource = format!("arn:aws:{service}:any-region-1:{}:any/resource", principal.account);
        let scope = self.scope(principal, &action, None);
        scope.is_some_and(|scope| scope.on(&resource, Some(&principal.account)) == Decision::Allowed)
    }

    /// Whether a principal is administrator after a change. With his policies in the attacker's hand, denies and a
    /// boundary still bind until they are removed, and that must itself not be denied.
    pub(crate) fn is_admin(&self, principal: &Principal, change: Change) -> bool {
        if principal.kind == PrincipalKind::External || !self.organization_leaves_everything(principal) {
            return false;
        }
        let request = self.request(principal, None);
        let policies: Vec<&Policy> = principal.policies.iter().map(|held| &*held.policy).collect();
        let boundary = match &principal.boundary {
            Boundary::Policy(held) => Some(held),
            _ => None,
        };
        let bound_covers = match &principal.boundary {
            Boundary::None => true,
            Boundary::Missing(_) => false,
            Boundary::Policy(held) => {
                covers_everything(&[&held.policy], &request) && !self.denies_something(principal, [held])
            }
        };
        let denied = self.denies_something(principal, &principal.policies);
        let covered = change.granted || covers_everything(&policies, &request);
        if covered && !denied && (change.unbounded || bound_covers) {
            return true;
        }
        if !change.granted {
            return false;
        }
        let (put, delete, detach, unbind) = match principal.kind {
            PrincipalKind::User => (
                "iam:putuserpolicy",
                "iam:deleteuserpolicy",
                "iam:detachuserpolicy",
                "iam:deleteuserpermissionsboundary",
            ),
            _ => (
                "iam:putrolepolicy",
                "iam:deleterolepolicy",
                "iam:detachrolepolicy",
                "iam:deleterolepermissionsboundary",
            ),
        };
        let within = |action: &str| {
            let Some(held) = boundary.filter(|_| !change.unbounded) else { return true };
            let mut bounded = principal.clone();
            bounded.policies = vec![held.clone()];
            bounded.boundary = Boundary::None;
            let scope = Scope::new(&bounded, action, &self.request(principal, None), None);
            scope.is_some_and(|s| s.on(principal.id.as_str(), None) == Decision::Allowed)
        };
        let may = |action: &str| !self.denies(principal, action) && within(action);
        let bound_goes = change.unbounded || bound_covers || (boundary.is_some() && may(unbind));
        let denies_go = !denied || [put, delete, detach].into_iter().all(may);
        bound_goes && denies_go
    }

    /// Whether the policies of the organisation leave everything to a principal, but for leaving the organisation itself,
    /// which is for its management to decide.
    fn organization_leaves_everything(&self, principal: &Principal) -> bool {
        let Some(limits) = self.limits(principal) else { return true };
        let request = self.request(principal, None);
        let of_management = |s: &Statement| {
            let services = ["organizations:", "account:"];
            !s.actions.not && s.actions.patterns.iter().all(|p| services.iter().any(|name| p.text().starts_with(name)))
        };
        limits.all().all(|level| {
            let policies: Vec<&Policy> = level.policies().iter().map(|held| &*held.policy).collect();
            let mut statements = policies.iter().flat_map(|policy| &policy.statements);
            let denied = statements.any(|s| !s.allow && !of_management(s) && denies_outright(s, &request));
            !denied && (level.is_open() || covers_everything(&policies, &request))
        })
    }

    /// Whether any statement denies anything outright.
    fn denies_something<'a>(&self, principal: &Principal, policies: impl IntoIterator<Item = &'a Held>) -> bool {
        let request = self.request(principal, None);
        let mut statements = policies.into_iter().flat_map(|held| &held.policy.statements);
        statements.any(|s| !s.allow && denies_outright(s, &request))
    }

    /// Whether the principal's own policies deny an action on himself outright.
    fn denies(&self, principal: &Principal, action: &str) -> bool {
        let request = self.request(principal, None);
        let statements = principal.policies.iter().flat_map(|held| &held.policy.statements);
        statements.filter(|s| !s.allow && s.actions.matches(action)).any(|s| {
            s.resources.as_ref().is_none_or(|r| r.matches(principal.id.as_str(), &request, true))
                && s.conditions.iter().all(|c| c.holds(&request, false) != Truth::No)
        })
    }
}
