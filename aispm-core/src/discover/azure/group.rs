//! Management groups: which lie in which, and which subscriptions lie in them.

use serde_json::Value;

use super::end::stub;
use super::id::{Level, ResourceId};
use super::resource::Resource;
use super::setting;
use crate::asset::{Asset, AssetKind, Evidence, RelationKind};
use crate::discover::Found;

/// Deepest level of children followed; Azure allows six.
const DEPTH: usize = 8;

/// Adds what lies above and below, as far as the resource says.
pub(super) fn read(resource: &Resource<'_>, found: &mut Found) {
    if !matches!(resource.arm.level(), Level::Subscription | Level::ManagementGroup) {
        return;
    }
    // from the nearest to the root of the tenant
    let mut below = resource.id.clone();
    for (name, place) in setting::texts(resource.value, "managementGroupAncestorsChain.name") {
        below = contain(&group(name), &below, resource, &resource.at(&place), found);
    }
    if let Some((id, place)) = setting::texts(resource.value, "details.parent.id").into_iter().next() {
        contain(id, &resource.id, resource, &resource.at(&place), found);
    }
    let body = resource.value.get("properties").unwrap_or(resource.value);
    children(body, &resource.id, resource, DEPTH, found);
}

fn children(body: &Value, above: &str, resource: &Resource<'_>, depth: usize, found: &mut Found) {
    let rows = body.get("children").and_then(Value::as_array).into_iter().flatten();
    for row in rows.filter(|_| depth > 0) {
        let Some(id) = row.get("id").and_then(Value::as_str).and_then(ResourceId::parse) else { continue };
        let child = stub(&id, resource.path());
        let evidence = resource.at("").excerpt(&child.name);
        let id = child.id.to_string();
        found.relate(above, RelationKind::Contains, &id, &evidence);
        found.inventory.add(child.seen(evidence));
        children(row, &id, resource, depth - 1, found);
    }
}

/// Puts one into the group above it; returns the group.
fn contain(above: &str, below: &str, resource: &Resource<'_>, evidence: &Evidence, found: &mut Found) -> String {
    let id =
        ResourceId::parse(above).map_or_else(|| above.to_lowercase(), |id| stub(&id, resource.path()).id.to_string());
    found.relate(&id, RelationKind::Contains, below, evidence);
    let name = id.rsplit('/').next().unwrap_or(&id).to_owned();
    found.inventory.add(Asset::new(&id, AssetKind::Account, name).seen(evidence.clone()));
    id
}

fn group(name: &str) -> String {
    format!("/providers/Microsoft.Management/managementGroups/{name}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{assert_all, read};

    #[test]
    fn groups_and_subscriptions() {
        let mg = |name: &str| format!("/providers/management/managementgroups/{name}");
        let found = read(&json!([
            {"id": "/subscriptions/s1", "type": "microsoft.resources/subscriptions", "name": "prod", "properties": {
                "managementGroupAncestorsChain": [{"name": "team", "displayName": "Team"}, {"name": "root", "displayName": "Root"}]}},
            {"id": "/providers/Microsoft.Management/managementGroups/team", "type": "Microsoft.Management/managementGroups", "name": "team",
             "properties": {"displayName": "Team", "details": {"parent": {"id": "/providers/Microsoft.Management/managementGroups/root"}},
                "children": [{"id": "/subscriptions/s2", "type": "/subscriptions", "name": "s2"}]}},
        ]));
        assert_all(
            &found,
            &[
                &format!("{} contains /subscriptions/s1", mg("team")),
                &format!("{} contains {}", mg("root"), mg("team")),
                &format!("{} contains /subscriptions/s2", mg("team")),
            ],
        );
    }
}
