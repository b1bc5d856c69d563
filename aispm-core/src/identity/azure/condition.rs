//! Conditions on role assignments, as far as they decide without a request: which actions they are about, and which
//! roles they let others be given.

use crate::identity::glob;

/// What a condition leaves of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// It is about other actions.
    All,
    /// It rules out what the action is worth.
    Nothing,
    /// Only a request can tell.
    Unknown,
}

/// Reads a condition for one action; `worth` says whether letting others be given this role (a GUID) is worth anything.
///
/// Conditions that Azure's own editor writes are `(!(ActionMatches{'A'}) …) OR (attributes …)`, joined by `AND`: an
/// action that none of them matches is not limited.
pub(super) fn left(condition: &str, action: &str, worth: impl Fn(&str) -> bool) -> Left {
    let flat: String = condition.chars().filter(|c| !c.is_whitespace()).collect();
    let named = quoted_after(&flat, "ActionMatches{");
    let others = !named.is_empty() && named.iter().all(|pattern| !glob::matches(pattern, action));
    let negated = flat.matches("ActionMatches{").count() == flat.matches("!(ActionMatches{").count();
    if others && negated {
        return Left::All;
    }
    let roles = flat.contains("RoleDefinitionId]");
    let only = flat.contains("GuidEquals{") && !flat.contains("GuidNotEquals{");
    if roles && only && action.eq_ignore_ascii_case(super::ASSIGN) {
        let listed: Vec<&str> = flat
            .split("GuidEquals{")
            .skip(1)
            .filter_map(|rest| rest.split('}').next())
            .flat_map(|list| list.split(','))
            .collect();
        if !listed.iter().any(|role| worth(role.trim_matches('\''))) {
            return Left::Nothing;
        }
    }
    Left::Unknown
}

/// The quoted words that follow each place of a mark.
fn quoted_after<'a>(text: &'a str, mark: &str) -> Vec<&'a str> {
    let rest = text.split(mark).skip(1);
    rest.filter_map(|rest| rest.strip_prefix('\'')?.split('\'').next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const READS: &str = "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'}
        AND NOT SubOperationMatches{'Blob.List'})) OR (@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name]
        StringEquals 'public'))";

    #[test]
    fn only_actions_that_it_names_are_limited() {
        let blob = |verb: &str| format!("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/{verb}");
        assert_eq!(left(READS, &blob("read"), |_| true), Left::Unknown);
        assert_eq!(left(READS, &blob("write"), |_| true), Left::All);
        assert_eq!(left("@Resource[x] StringEquals 'y'", &blob("write"), |_| true), Left::Unknown);
        assert_eq!(left("", "x", |_| true), Left::Unknown);
    }

    #[test]
    fn roles_that_may_be_given() {
        let condition = "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR
            (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {aaaa, bbbb}))";
        assert_eq!(left(condition, super::super::ASSIGN, |role| role == "bbbb"), Left::Unknown);
        assert_eq!(left(condition, super::super::ASSIGN, |_| false), Left::Nothing);
        let all_but = condition.replace("GuidEquals", "GuidNotEquals");
        assert_eq!(left(&all_but, super::super::ASSIGN, |_| false), Left::Unknown);
    }
}
