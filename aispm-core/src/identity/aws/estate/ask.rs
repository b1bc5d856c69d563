//! Questions to an estate.

use std::collections::{BTreeSet, HashSet};

use super::{Answer, Estate};
use crate::asset::Evidence;
use crate::identity::Decision;
use crate::identity::aws::named::{Caller, Identity, Named, Principals};
use crate::identity::aws::order::{Layers, Side, Verdict};
use crate::identity::aws::organization::{Level, Limits, is_service_linked};
use crate::identity::aws::pattern::account_of;
use crate::identity::aws::principal::{Boundary, Held, Principal, PrincipalKind};
use crate::identity::aws::request::Request;
use crate::identity::aws::scope::{Clauses, Scope};
use crate::identity::aws::statement::Statement;

/// Who a trust or resource policy is asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trustee<'a> {
    /// A user or role.
    Principal(&'a Principal),
    /// A service, e.g. `lambda.amazonaws.com`.
    Service(&'a str),
    /// The subject of a web identity token, e.g. `system:serviceaccount:ns:name`.
    Subject(&'a str),
    /// A caller without credentials.
    Anonymous,
}

impl<'a> Trustee<'a> {
    pub(in crate::identity::aws) fn caller(self) -> Caller<'a> {
        match self {
            Self::Principal(principal) => Caller::Known(Identity::of(principal)),
            Self::Service(service) => Caller::Service(service),
            Self::Subject(_) => Caller::Federated(None),
            Self::Anonymous => Caller::Anonymous,
        }
    }

    /// A principal whose own policies are known.
    fn known(self) -> Option<&'a Principal> {
        match self {
            Self::Principal(principal) if principal.kind != PrincipalKind::External => Some(principal),
            _ => None,
        }
    }
}

const EVIDENCE_LIMIT: usize = 4;

impl Estate {
    pub(in crate::identity::aws) fn request<'a>(
        &'a self,
        principal: &'a Principal,
        passed_to: Option<&'a str>,
    ) -> Request<'a> {
        Request { principal: Some(principal), passed_to, as_of: self.as_of, ..Request::default() }
    }

    /// The scope of an action (lower case), or `None` if nothing allows it.
    pub(in crate::identity::aws) fn scope(
        &self,
        principal: &Principal,
        action: &str,
        passed_to: Option<&str>,
    ) -> Option<Scope> {
        Scope::new(principal, action, &self.request(principal, passed_to), self.limits(principal))
    }

    /// Whether a principal may do this to a resource (an ARN); `passed_to` is the service of `iam:PassRole`.
    /// O(statements of the principal · patterns).
    #[must_use]
    pub fn allows(&self, principal: &Principal, action: &str, resource: &str, passed_to: Option<&str>) -> Answer {
        let action = action.to_ascii_lowercase();
        let scope = self.scope(principal, &action, passed_to);
        let decision = self.decide(principal, scope.as_ref(), &action, resource);
        let statements = match decision {
            Decision::Denied => self.denials(principal, &action, resource, passed_to),
            _ => self.evidence(principal, &action, resource, passed_to),
        };
        Answer { decision, statements }
    }

    /// Identity side and resource side together.
    pub(crate) fn decide(
        &self,
        principal: &Principal,
        scope: Option<&Scope>,
        action: &str,
        resource: &str,
    ) -> Decision {
        let home = self.home(resource);
        let Some(held) = self.policy_on(resource) else {
            let here = principal.kind != PrincipalKind::External && home.is_none_or(|home| home == principal.account);
            return scope.filter(|_| here).map_or(Decision::Denied, |scope| scope.on(resource, home));
        };
        let action = action.to_ascii_lowercase();
        let side = self.side(held, &action, Some(resource), Trustee::Principal(principal));
        // a key whose policy is not known is taken to leave it to the account, as keys do by default
        let closed = is_key(resource);
        self.judge(Trustee::Principal(principal), scope, &action, (resource, home), side, closed)
    }

    /// Puts what a resource's policy says beside what a caller's own policies and his organisation's say.
    fn judge(
        &self,
        who: Trustee<'_>,
        scope: Option<&Scope>,
        action: &str,
        (resource, home): (&str, Option<&str>),
        side: Side,
        closed: bool,
    ) -> Decision {
        let mut layers = match who.known() {
            Some(principal) => {
                let here = home.is_none_or(|home| home == principal.account);
                let full;
                let scope = match scope {
                    Some(scope) => scope,
                    None if here && side.names_caller() => {
                        full = Scope::full(principal, action, &self.request(principal, None), self.limits(principal));
                        &full
                    }
                    None => return Decision::Denied,
                };
                Layers { same_account: here, ..scope.layers(resource, home) }
            }
            None => {
                Layers { identity: matches!(who, Trustee::Principal(_)).then(Verdict::allows), ..Layers::default() }
            }
        };
        if who.known().is_none_or(|_| !layers.same_account) {
            layers.rcps = self.resource_limits(who, action, resource, home);
        }
        layers.resource = Some(side);
        layers.closed = closed;
        layers.decide().into()
    }

    /// What the resource control policies of a resource's account say of someone from elsewhere.
    fn resource_limits(&self, who: Trustee<'_>, action: &str, resource: &str, home: Option<&str>) -> Vec<Verdict> {
        let Some(limits) = home.and_then(|home| self.organization.limits(home)) else { return Vec::new() };
        let request = self.asks(who, None);
        let exempt = matches!(who, Trustee::Principal(principal) if is_service_linked(principal.id.as_str()));
        let levels = limits.rcps(action).filter(|_| !exempt);
        levels.map(|level| Clauses::of_level(level, action, &request).on(resource, home)).collect()
    }

    pub(in crate::identity::aws) fn asks<'a>(&'a self, who: Trustee<'a>, resource: Option<&'a str>) -> Request<'a> {
        let mut request = Request { resource, as_of: self.as_of, ..Request::default() };
        match who {
            Trustee::Principal(principal) => request.principal = Some(principal),
            Trustee::Subject(subject) => request.subject = Some(subject),
            Trustee::Service(_) | Trustee::Anonymous => {}
        }
        request
    }

    /// The policy on a resource; an object's is its bucket's.
    pub(in crate::identity::aws) fn policy_on(&self, resource: &str) -> Option<&Held> {
        self.resource_policies.get(resource).or_else(|| {
            let (bucket, _) = resource.strip_prefix("arn:aws:s3:::")?.split_once('/')?;
            self.resource_policies.get(format!("arn:aws:s3:::{bucket}").as_str())
        })
    }

    /// Whether a resource's own policy denies anything.
    pub(crate) fn restricts(&self, resource: &str) -> bool {
        self.policy_on(resource).is_some_and(|held| held.policy.statements.iter().any(|s| !s.allow))
    }

    /// Whether a resource's own policy allows something to this principal beyond what his own policies do: to himself,
    /// or from another account to his account.
    pub(crate) fn names(&self, principal: &Principal, resource: &str, elsewhere: bool) -> bool {
        let caller = Trustee::Principal(principal).caller();
        let named = |p: &Principals| match p.names(&caller, true) {
            Named::Itself | Named::Role => true,
            Named::Account => elsewhere,
            Named::No => false,
        };
        let mut statements = self.policy_on(resource).into_iter().flat_map(|held| &held.policy.statements);
        statements.any(|s| s.allow && s.principals.as_ref().is_some_and(named))
    }

    /// Whether a resource's own policy leaves it to the policies of this account who uses it.
    pub(crate) fn delegates(&self, resource: &str, account: &str) -> bool {
        let root = format!("arn:aws:iam::{account}:root");
        let plain = |s: &Statement| {
            let names = |p: &Principals| !p.not && p.aws.iter().any(|name| name.arn == root);
            s.allow && s.conditions.is_empty() && s.principals.as_ref().is_some_and(names)
        };
        self.policy_on(resource).is_some_and(|held| held.policy.statements.iter().any(plain))
    }

    /// Whom of other accounts a resource's own policy lets in without a condition; `*` is anyone.
    pub(crate) fn strangers(&self, resource: &str) -> BTreeSet<&str> {
        let Some(held) = self.policy_on(resource) else { return BTreeSet::new() };
        let home = self.home(resource);
        let open = held
            .policy
            .statements
            .iter()
            .filter(|s| s.allow && s.conditions.is_empty())
            .filter_map(|s| s.principals.as_ref());
        let named = open.flat_map(|principals| {
            let elsewhere = |arn: &&str| account_of(arn).is_some_and(|account| home != Some(account));
            let anyone = (principals.anyone || principals.not).then_some("*");
            let names = principals.aws.iter().filter(|_| !principals.not).map(|name| name.arn.as_str());
            anyone.into_iter().chain(names.filter(elsewhere))
        });
        named.collect()
    }

    /// Whether anyone on the internet may do this, by the resource's own policy.
    pub(crate) fn public(&self, action: &str, resource: &str) -> Answer {
        let Some(held) = self.policy_on(resource) else { return Answer::denied() };
        let action = action.to_ascii_lowercase();
        let who = Trustee::Anonymous;
        let side = self.side(held, &action, Some(resource), who);
        let decision = self.judge(who, None, &action, (resource, self.home(resource)), side, false);
        Answer { decision, statements: self.side_evidence(held, &action, Some(resource), who) }
    }

    /// Whether a role's trust policy lets someone assume it, for principals together with their own policies.
    pub(crate) fn trusts(&self, role: &Principal, who: Trustee<'_>, scope: Option<&Scope>) -> Answer {
        let Some(held) = &role.trust else { return Answer::denied() };
        let action = match who {
            Trustee::Subject(_) => "sts:assumerolewithwebidentity",
            _ => "sts:assumerole",
        };
        let side = self.side(held, action, None, who);
        let place = (role.id.as_str(), Some(role.account.as_str()));
        let decision = self.judge(who, scope, action, place, side, true);
        Answer { decision, statements: self.side_evidence(held, action, None, who) }
    }

    /// Whether a principal may assume a role, by both sides.
    pub(crate) fn assumes(&self, principal: &Principal, role: &Principal) -> Decision {
        let scope = self.scope(principal, "sts:assumerole", None);
        self.trusts(role, Trustee::Principal(principal), scope.as_ref()).decision
    }

    /// Whether a trust policy treats all principals of an account alike: no conditions, denies or exceptions.
    pub(crate) fn trusts_plainly(&self, role: &Principal) -> bool {
        let mut statements = role.trust.iter().flat_map(|held| &held.policy.statements);
        statements.all(|s| s.allow && s.conditions.is_empty() && s.principals.as_ref().is_none_or(|p| !p.not))
    }

    /// ARNs that a role's trust policy names, and whether it names everyone.
    pub(crate) fn named_by(&self, role: &Principal) -> (HashSet<String>, bool) {
        let statements = role.trust.iter().flat_map(|held| &held.policy.statements).filter(|s| s.allow);
        let (mut names, mut anyone) = (HashSet::new(), false);
        for principals in statements.filter_map(|s| s.principals.as_ref()) {
            anyone |= principals.anyone || principals.not;
            names.extend(principals.aws.iter().map(|name| name.arn.clone()));
        }
        (names, anyone)
    }

    /// Services that a role's trust policy names.
    pub(crate) fn services_of<'a>(&self, role: &'a Principal) -> impl Iterator<Item = &'a str> + use<'a> {
        let statements = role.trust.iter().flat_map(|held| &held.policy.statements).filter(|s| s.allow);
        statements.filter_map(|s| s.principals.as_ref()).flat_map(|p| p.services.iter().map(String::as_str))
    }

    fn side(&self, held: &Held, action: &str, resource: Option<&str>, who: Trustee<'_>) -> Side {
        let (request, caller) = (self.asks(who, resource), who.caller());
        let mut side = Side::default();
        for statement in &held.policy.statements {
            // without the element it is a policy of another kind, which names nobody
            let named = statement.principals.as_ref().map_or(Named::No, |p| p.names(&caller, statement.allow));
            if named != Named::No
                && let Some(open) = statement.applies(action, resource, &request)
            {
                side.add(statement.allow, named, open);
            }
        }
        side
    }

    /// The statements of a resource's policy that allow this, at most four.
    fn side_evidence(&self, held: &Held, action: &str, resource: Option<&str>, who: Trustee<'_>) -> Vec<Evidence> {
        let (request, caller) = (self.asks(who, resource), who.caller());
        let allows = held.policy.statements.iter().filter(|statement| {
            let names = |p: &Principals| p.names(&caller, true) != Named::No;
            statement.allow
                && statement.principals.as_ref().is_some_and(names)
                && statement.applies(action, resource, &request).is_some()
        });
        allows.take(EVIDENCE_LIMIT).map(|s| held.statement(&s.pointer, &s.excerpt)).collect()
    }

    /// The statements that allow this, at most four.
    pub(crate) fn evidence(
        &self,
        principal: &Principal,
        action: &str,
        resource: &str,
        passed_to: Option<&str>,
    ) -> Vec<Evidence> {
        let action = action.to_ascii_lowercase();
        let request = Request { resource: Some(resource), ..self.request(principal, passed_to) };
        let own = principal.policies.iter().flat_map(|held| held.policy.statements.iter().map(move |s| (held, s)));
        let allows = own.filter(|(_, s)| s.allow && s.applies(&action, Some(resource), &request).is_some());
        let found: Vec<_> =
            allows.take(EVIDENCE_LIMIT).map(|(held, s)| held.statement(&s.pointer, &s.excerpt)).collect();
        match self.policy_on(resource).filter(|_| found.is_empty()) {
            Some(held) => self.side_evidence(held, &action, Some(resource), Trustee::Principal(principal)),
            None => found,
        }
    }

    /// The statements that deny this outright, at most four: the principal's own, his boundary's, his organisation's, the
    /// resource's.
    fn denials(&self, principal: &Principal, action: &str, resource: &str, passed_to: Option<&str>) -> Vec<Evidence> {
        let request = Request { resource: Some(resource), ..self.request(principal, passed_to) };
        let caller = Trustee::Principal(principal).caller();
        let boundary = match &principal.boundary {
            Boundary::Policy(held) => Some(held),
            _ => None,
        };
        let levels = self.limits(principal).into_iter().flat_map(Limits::all).flat_map(Level::policies);
        let policies = principal.policies.iter().chain(boundary).chain(levels).chain(self.policy_on(resource));
        let all = policies.flat_map(|held| held.policy.statements.iter().map(move |s| (held, s)));
        let denies = all.filter(|(_, s)| {
            let names = s.principals.as_ref().is_none_or(|p| p.names(&caller, false) != Named::No);
            !s.allow && names && s.applies(action, Some(resource), &request).is_some_and(|open| open.is_empty())
        });
        denies.take(EVIDENCE_LIMIT).map(|(held, s)| held.statement(&s.pointer, &s.excerpt)).collect()
    }

    /// A resource of this service that the principal may do this to.
    pub(crate) fn example(&self, principal: &Principal, action: &str, service: &str) -> Option<String> {
        let scope = self.scope(principal, &action.to_ascii_lowercase(), None)?;
        let (decision, example) = scope.anywhere(service, &principal.account);
        (decision != Decision::Denied).then_some(example)
    }

    /// An object of a bucket that the principal may do this to, or any.
    pub(crate) fn object(&self, principal: &Principal, action: &str, bucket: &str) -> String {
        let prefix = format!("{bucket}/");
        let scope = self.scope(principal, &action.to_ascii_lowercase(), None);
        scope.map_or_else(|| format!("{prefix}x"), |scope| scope.within(&prefix, self.home(bucket)).1)
    }

    /// Where a role says whom it trusts.
    pub(crate) fn trust_evidence(&self, role: &Principal, who: Trustee<'_>) -> Vec<Evidence> {
        self.trusts(role, who, None).statements
    }
}

impl Answer {
    fn denied() -> Self {
        Self { decision: Decision::Denied, statements: Vec::new() }
    }
}

/// Whether a resource is a key, to which identity policies only give access that its own policy leaves to them.
pub(in crate::identity::aws) fn is_key(resource: &str) -> bool {
    let mut parts = resource.splitn(6, ':');
    parts.nth(2) == Some("kms") && parts.nth(2).is_some_and(|rest| rest.starts_with("key/"))
}
