//! Scopes of many principals, each kind kept once.

use std::collections::HashMap;

use super::Estate;
use crate::identity::aws::principal::Principal;
use crate::identity::aws::scope::Scope;

/// A scope in a [`Scopes`] table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ScopeId(u32);

/// Scopes shared by what they decide.
#[derive(Debug, Default)]
pub(crate) struct Scopes {
    list: Vec<Scope>,
    ids: HashMap<String, ScopeId>,
}

impl Scopes {
    /// The scope of this principal and action, or `None` if nothing allows it.
    pub(crate) fn of(
        &mut self,
        estate: &Estate,
        principal: &Principal,
        action: &str,
        passed_to: Option<&str>,
    ) -> Option<ScopeId> {
        let scope = estate.scope(principal, &action.to_ascii_lowercase(), passed_to)?;
        let next = ScopeId(u32::try_from(self.list.len()).ok()?);
        let id = *self.ids.entry(scope.key()).or_insert(next);
        if id == next {
            self.list.push(scope);
        }
        Some(id)
    }

    pub(crate) fn get(&self, id: ScopeId) -> Option<&Scope> {
        self.list.get(usize::try_from(id.0).ok()?)
    }
}
