//! One path asked for, as tests from exports do.

use crate::path::*;

/// The best path between two ends; each of its steps is told with evidence.
pub(super) fn ask(inventory: &Inventory, from: &str, to: &str) -> Option<AttackPath> {
    let target = if to == "admin" { Target::Admin } else { Target::Asset(to.into()) };
    let query = Query { from: vec![from.into()], to: vec![target], k: 1, ..Query::default() };
    let paths = solve(inventory, &query).paths;
    for step in paths.iter().flat_map(|path| &path.steps) {
        assert!(!step.evidence.is_empty() && !step.description.contains('{'), "{step:?}");
    }
    paths.into_iter().next()
}

/// The rules that a path applies.
pub(super) fn rules(path: Option<AttackPath>) -> Vec<String> {
    path.into_iter().flat_map(|path| path.steps).map(|step| step.rule).collect()
}
