//! Scopes of many principals, each kind kept once.

use std::collections::HashMap;
use std::sync::Arc;

use super::Estate;
use crate::identity::aws::principal::Principal;
use crate::identity::aws::scope::Scope;
use crate::identity::aws::statement::Choice;

/// A scope in a [`Scopes`] table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ScopeId(u32);

/// Scopes shared by what they decide.
#[derive(Debug, Default)]
pub(crate) struct Scopes {
    list: Vec<Scope>,
    ids: HashMap<String, ScopeId>,
    choices: Choices,
}

/// Numbers for lists of resources: the same for lists that say the same. A list is only read the first time it is met, so
/// that a long one is not written into the key of every action.
#[derive(Debug, Default)]
pub(in crate::identity::aws) struct Choices {
    by_content: HashMap<Arc<Choice>, usize>,
    /// By address; kept alive, so that no address comes to mean another list.
    by_place: HashMap<usize, (usize, Arc<Choice>)>,
}

impl Choices {
    pub(in crate::identity::aws) fn number(&mut self, choice: &Arc<Choice>) -> usize {
        let place = Arc::as_ptr(choice).addr();
        if let Some((number, _)) = self.by_place.get(&place) {
            return *number;
        }
        // a list that only this scope holds was made for it and is not met again
        let shared = Arc::strong_count(choice) > 1;
        let next = self.by_content.len();
        let number = *self.by_content.entry(Arc::clone(choice)).or_insert(next);
        if shared {
            self.by_place.insert(place, (number, Arc::clone(choice)));
        }
        number
    }
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
        let id = *self.ids.entry(scope.key(&mut self.choices)).or_insert(next);
        if id == next {
            self.list.push(scope);
        }
        Some(id)
    }

    pub(crate) fn get(&self, id: ScopeId) -> Option<&Scope> {
        self.list.get(usize::try_from(id.0).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::{Asset, AssetKind, Inventory};
    use serde_json::json;

    #[test]
    fn a_long_list_is_read_once_however_many_actions_it_serves() {
        let arn = |n: usize| format!("arn:aws:iam::111111111111:user/u{n}");
        let list: Vec<String> = (0..100).map(|n| format!("arn:aws:s3:::b{n}/*")).collect();
        let statement = json!({"Effect": "Allow", "Action": "*", "Resource": list});
        let mut inventory = Inventory::new();
        for n in 0..3 {
            let policies = json!([{"PolicyDocument": {"Statement": statement}}]);
            inventory.add(Asset::new(arn(n), AssetKind::User, "u").with("UserPolicyList", policies));
        }
        let (estate, mut scopes) = (Estate::new(&inventory), Scopes::default());
        let ids: Vec<_> = (0..3)
            .flat_map(|n| (0..50).map(move |action| (n, format!("s3:A{action}"))))
            .map(|(n, action)| scopes.of(&estate, estate.principal_of(&arn(n)).unwrap(), &action, None).unwrap())
            .collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "one scope for all that decide alike");
        assert_eq!((scopes.choices.by_content.len(), scopes.choices.by_place.len()), (1, 3));
        assert!(scopes.ids.keys().all(|key| key.len() < 10));
    }
}
