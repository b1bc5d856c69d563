//! In which order policies decide, for estates and simulations alike.
//!
//! An explicit deny anywhere decides first. Then every level of resource control policies must allow, then every level of
//! service control policies. A caller without an identity in any account is left to the resource's policy. Inside an
//! account, a resource policy that names the caller himself suffices; one that names his role leaves boundary and session
//! policies to bind; one that names his account adds nothing but where the resource asks for it (roles and keys). Else
//! identity policies, boundary and session policies must all allow, and across accounts the resource's policy as well.

use super::named::Named;
use crate::identity::Decision;

/// What the statements of one layer say of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Verdict {
    /// Some deny holds.
    pub(super) denied: bool,
    /// What must not hold lest some deny does.
    pub(super) unless: Vec<String>,
    /// What must hold for the easiest allow.
    pub(super) allow: Option<Vec<String>>,
}

/// What the policy on a resource says of a request, by how it names the caller.
#[derive(Debug, Clone, Default)]
pub(super) struct Side {
    pub(super) denied: bool,
    pub(super) unless: Vec<String>,
    pub(super) itself: Option<Vec<String>>,
    pub(super) role: Option<Vec<String>>,
    pub(super) account: Option<Vec<String>>,
}

/// Everything that has a say.
#[derive(Debug, Clone, Default)]
pub(super) struct Layers {
    /// A level each, from the root of the organisation down.
    pub(super) rcps: Vec<Verdict>,
    pub(super) scps: Vec<Verdict>,
    /// `None` for callers without an identity in any account.
    pub(super) identity: Option<Verdict>,
    pub(super) boundary: Option<Verdict>,
    pub(super) session: Option<Verdict>,
    pub(super) resource: Option<Side>,
    pub(super) same_account: bool,
    /// Whether the resource's policy must have a part in it even inside the account, as with roles and keys.
    pub(super) closed: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// If all of these hold.
    Allowed(Vec<String>),
    ExplicitDeny,
    ImplicitDeny(Lack),
}

/// Which layer does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lack {
    Rcp(usize),
    Scp(usize),
    Resource,
    Identity,
    Boundary,
    Session,
}

impl Verdict {
    /// Allows whatever is asked.
    pub(super) fn allows() -> Self {
        Self { allow: Some(Vec::new()), ..Self::default() }
    }

    /// Adds a statement that applies if the conditions hold.
    pub(super) fn add(&mut self, allow: bool, open: Vec<String>) {
        if allow {
            easier(&mut self.allow, open);
        } else {
            deny(&mut self.denied, &mut self.unless, &open);
        }
    }
}

impl Side {
    pub(super) fn add(&mut self, allow: bool, named: Named, open: Vec<String>) {
        match (allow, named) {
            (_, Named::No) => {}
            (false, _) => deny(&mut self.denied, &mut self.unless, &open),
            (true, Named::Itself) => easier(&mut self.itself, open),
            (true, Named::Role) => easier(&mut self.role, open),
            (true, Named::Account) => easier(&mut self.account, open),
        }
    }

    /// Whether the caller himself or his role is allowed something.
    pub(super) fn names_caller(&self) -> bool {
        self.itself.is_some() || self.role.is_some()
    }
}

fn deny(denied: &mut bool, unless: &mut Vec<String>, open: &[String]) {
    if open.is_empty() {
        *denied = true;
    } else {
        unless.push(format!("not ({})", open.join(" and ")));
    }
}

fn easier(slot: &mut Option<Vec<String>>, open: Vec<String>) {
    if slot.as_ref().is_none_or(|known| open.len() < known.len()) {
        *slot = Some(open);
    }
}

impl Layers {
    fn verdicts(&self) -> impl Iterator<Item = &Verdict> {
        self.rcps.iter().chain(&self.scps).chain(&self.identity).chain(&self.boundary).chain(&self.session)
    }

    pub(super) fn decide(&self) -> Outcome {
        let side = self.resource.as_ref();
        if self.verdicts().any(|verdict| verdict.denied) || side.is_some_and(|side| side.denied) {
            return Outcome::ExplicitDeny;
        }
        let unless =
            self.verdicts().flat_map(|verdict| &verdict.unless).chain(side.into_iter().flat_map(|s| &s.unless));
        let mut open: Vec<String> = unless.cloned().collect();
        let mut all = |levels: &[Verdict]| {
            let lacking = levels.iter().position(|level| level.allow.is_none());
            open.extend(levels.iter().filter_map(|level| level.allow.as_ref()).flatten().cloned());
            lacking
        };
        if let Some(level) = all(&self.rcps) {
            return Outcome::ImplicitDeny(Lack::Rcp(level));
        }
        if self.identity.is_some()
            && let Some(level) = all(&self.scps)
        {
            return Outcome::ImplicitDeny(Lack::Scp(level));
        }
        match self.granted() {
            Ok(conditions) => {
                open.extend(conditions);
                Outcome::Allowed(open)
            }
            Err(lack) => Outcome::ImplicitDeny(lack),
        }
    }

    /// What must hold for the easiest way to be allowed, limits of the organisation apart.
    fn granted(&self) -> Result<Vec<String>, Lack> {
        let none = Side::default();
        let side = self.resource.as_ref().unwrap_or(&none);
        let Some(identity) = &self.identity else { return side.itself.clone().ok_or(Lack::Resource) };
        let bounds = || {
            let mut open = Vec::new();
            for (layer, lack) in [(&self.boundary, Lack::Boundary), (&self.session, Lack::Session)] {
                if let Some(verdict) = layer {
                    open.extend(verdict.allow.clone().ok_or(lack)?);
                }
            }
            Ok(open)
        };
        let own = || {
            let mut open = identity.allow.clone().ok_or(Lack::Identity)?;
            open.extend(bounds()?);
            Ok(open)
        };
        let any = [&side.itself, &side.role, &side.account].into_iter().flatten().min_by_key(|open| open.len());
        let joined = |a: Result<Vec<String>, Lack>, b: Option<&Vec<String>>| {
            let mut open = b.ok_or(Lack::Resource)?.clone();
            open.extend(a?);
            Ok(open)
        };
        if !self.same_account {
            return joined(own(), any);
        }
        let mut ways = vec![if self.closed { joined(own(), any) } else { own() }];
        if let Some(role) = &side.role {
            ways.push(joined(bounds(), Some(role)));
        }
        ways.extend(side.itself.clone().map(Ok));
        let lack = ways.iter().rev().find_map(|way| way.as_ref().err().copied());
        let best = ways.into_iter().filter_map(Result::ok).min_by_key(Vec::len);
        best.ok_or(lack.unwrap_or(Lack::Identity))
    }
}

impl From<Outcome> for Decision {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Allowed(conditions) => Self::when(conditions),
            Outcome::ExplicitDeny | Outcome::ImplicitDeny(_) => Self::Denied,
        }
    }
}
