//! One action of one principal, asked on resources.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use super::condition::{Left, left};
use super::model::{Assignment, Model, at};
use super::role::Role;
use crate::asset::Evidence;
use crate::identity::{Decision, Grant};

/// Whether a role is held at all: asked as `held` on its definition.
const HELD: &str = "held";
/// What evidence is asked on for something new.
pub(super) const ANYWHERE: &str = "*";

#[derive(Debug)]
pub(super) struct ScopedGrant {
    model: Arc<Model>,
    action: String,
    /// Who asks, where that matters beyond what he holds.
    principal: Option<String>,
    allows: Vec<u32>,
    denies: Vec<u32>,
}

impl ScopedGrant {
    pub(super) fn of(model: &Arc<Model>, principal: &str, action: &str) -> Option<Self> {
        let principal = model.known(principal);
        let held = action == HELD;
        let allows = model.allowing(principal, action);
        if allows.is_empty() && !(held && model.is_principal(principal)) {
            return None;
        }
        Some(Self {
            model: Arc::clone(model),
            action: action.to_owned(),
            principal: held.then(|| principal.to_owned()),
            allows,
            denies: model.denying(principal, action),
        })
    }

    /// Whether it is allowed there without any condition.
    pub(super) fn reaches(&self, resource: &str) -> bool {
        self.on(resource) == Decision::Allowed
    }

    /// The assignments that give it there, at most so many.
    pub(super) fn evidence(&self, resource: &str, most: usize) -> Vec<Evidence> {
        let scopes = self.model.scopes(resource);
        let shown: Vec<u32> = match &self.principal {
            Some(principal) => self.model.with_role(principal, self.model.known(resource)),
            None => self.allows.clone(),
        };
        let on = |a: &&Assignment| resource == ANYWHERE || self.principal.is_some() || scopes.contains(&a.scope);
        let mut found: Vec<Evidence> = Vec::new();
        for assignment in shown.iter().filter_map(|place| at(&self.model.assignments, *place)).filter(on) {
            if !found.contains(&assignment.evidence) && found.len() < most {
                found.push(assignment.evidence.clone());
            }
        }
        found
    }

    /// What must hold besides for an assignment to give this.
    fn when(&self, assignment: &Assignment) -> Decision {
        let mut open: Vec<String> = assignment.assumed.clone().into_iter().collect();
        if let Some(condition) = &assignment.condition {
            let worth = |role: &str| Role::built_in(role).is_some_and(|role| role.holds(super::ASSIGN) || role.owns());
            match left(condition, self.action.trim_start_matches("data:"), worth) {
                Left::All => {}
                Left::Nothing => return Decision::Denied,
                Left::Unknown => {
                    let text = condition.split_whitespace().collect::<Vec<_>>().join(" ");
                    open.push(format!("the condition of the role assignment holds: {text}"));
                }
            }
        }
        Decision::when(open)
    }

    fn best<'m>(&self, assignments: impl Iterator<Item = &'m Assignment>) -> Decision {
        assignments.fold(Decision::Denied, |best, assignment| best.or(self.when(assignment)))
    }

    fn is_denied(&self, scopes: &[String], resource: &str) -> bool {
        let mut denials = self.denies.iter().filter_map(|place| at(&self.model.denials, *place));
        denials.any(|denial| denial.covers(&self.action, scopes, resource))
    }

    /// What the resource itself says: keys that are off, vaults with policies of their own, what has no password.
    fn open(&self, resource: &str) -> Decision {
        let doors = self.model.doors(resource);
        let action = self.action.to_lowercase();
        let keys = action.ends_with("/listkeys/action") || action.ends_with("keys/action") && action.contains("list");
        if keys && doors.keys_off {
            return Decision::Denied;
        }
        if action.starts_with("data:microsoft.keyvault/") {
            return match doors.roles_decide {
                Some(true) => Decision::Allowed,
                Some(false) => Decision::Denied,
                None => Decision::Conditional(vec!["roles decide for the vault, not access policies".to_owned()]),
            };
        }
        if action.starts_with("microsoft.keyvault/vaults/accesspolicies/") && doors.roles_decide == Some(true) {
            return Decision::Denied;
        }
        if action.ends_with("/credentials/update") && !doors.application {
            return Decision::Denied;
        }
        if action.starts_with("microsoft.directory/users/") {
            let over =
                self.allows.iter().filter_map(|place| at(&self.model.assignments, *place)).any(|assignment| {
                    at(&self.model.roles, assignment.role).is_some_and(|role| role.over_administrators)
                });
            return match doors.user && (over || !self.model.has_directory_role(resource)) {
                true => Decision::Allowed,
                false => Decision::Denied,
            };
        }
        Decision::Allowed
    }
}

impl Grant for ScopedGrant {
    fn key(&self) -> String {
        let mut key = format!("{} {:?}", self.action, self.principal);
        let said: BTreeSet<_> = self
            .allows
            .iter()
            .filter_map(|place| at(&self.model.assignments, *place))
            .map(|a| {
                let over = at(&self.model.roles, a.role).is_some_and(|role| role.over_administrators);
                (&a.scope, &a.condition, &a.assumed, over)
            })
            .collect();
        // a `String` takes everything
        let _ = write!(key, " {said:?} {:?}", self.denies);
        key
    }

    fn on(&self, resource: &str) -> Decision {
        let assignments = || self.allows.iter().filter_map(|place| at(&self.model.assignments, *place));
        let resource = self.model.known(resource);
        if let Some(principal) = &self.principal {
            let held = self.model.with_role(principal, resource);
            return self.best(held.iter().filter_map(|place| at(&self.model.assignments, *place)));
        }
        let scopes = self.model.scopes(resource);
        if self.is_denied(&scopes, resource) {
            return Decision::Denied;
        }
        let allowed = self.best(assignments().filter(|assignment| scopes.contains(&assignment.scope)));
        if allowed == Decision::Denied { allowed } else { allowed.and(self.open(resource)) }
    }

    fn anywhere(&self) -> Decision {
        let assignments = self.allows.iter().filter_map(|place| at(&self.model.assignments, *place));
        self.best(assignments.filter(|a| !self.is_denied(&self.model.scopes(&a.scope), &a.scope)))
    }
}
