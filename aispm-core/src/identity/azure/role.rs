//! Roles: those built in by the table, an organisation's own as the inventory has them, and Entra's.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use crate::asset::{Asset, Document};
use crate::identity::glob;

/// One entry of what a role holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Permission {
    actions: Vec<String>,
    not_actions: Vec<String>,
    data_actions: Vec<String>,
    not_data_actions: Vec<String>,
}

/// A role of the table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct BuiltIn {
    id: String,
    #[serde(default)]
    actions: Vec<String>,
    #[serde(default)]
    not_actions: Vec<String>,
    #[serde(default)]
    data_actions: Vec<String>,
    #[serde(default)]
    not_data_actions: Vec<String>,
}

/// A role of Entra.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntraRole {
    id: String,
    actions: Vec<String>,
    /// Whether it reaches users that have roles themselves.
    #[serde(default)]
    over_administrators: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    roles: HashMap<String, BuiltIn>,
    entra: HashMap<String, EntraRole>,
}

const TABLE: &str = include_str!("../../../data/identity/azure_roles.yaml");

struct Table {
    by_name: HashMap<String, Permission>,
    by_id: HashMap<String, Permission>,
    entra: Vec<(String, EntraRole)>,
}

fn table() -> &'static Table {
    static FILE: LazyLock<Table> = LazyLock::new(|| {
        // checked by a test; an empty table would only lose roles
        let file: File = Document::config("azure_roles.yaml", TABLE).unwrap_or_default();
        let mut table = Table { by_name: HashMap::new(), by_id: HashMap::new(), entra: Vec::new() };
        for (name, BuiltIn { id, actions, not_actions, data_actions, not_data_actions }) in file.roles {
            let permission = Permission { actions, not_actions, data_actions, not_data_actions };
            table.by_id.insert(id.to_lowercase(), permission.clone());
            table.by_name.insert(name.to_lowercase(), permission);
        }
        table.entra = file.entra.into_iter().collect();
        table
    });
    &FILE
}

impl Permission {
    pub(super) fn read(value: &Value) -> Self {
        let list = |keys: [&str; 2]| -> Vec<String> {
            let list = keys.iter().find_map(|key| value.get(*key)?.as_array());
            list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Self {
            actions: list(["actions", "Actions"]),
            not_actions: list(["notActions", "not_actions"]),
            data_actions: list(["dataActions", "data_actions"]),
            not_data_actions: list(["notDataActions", "not_data_actions"]),
        }
    }

    /// Whether it holds an action; one of data begins with `data:`.
    pub(super) fn holds(&self, action: &str) -> bool {
        let (action, yes, no) = match action.strip_prefix("data:") {
            Some(action) => (action, &self.data_actions, &self.not_data_actions),
            None => (action, &self.actions, &self.not_actions),
        };
        glob::any(yes, action) && !glob::any(no, action)
    }

    fn holds_everything(&self) -> bool {
        self.actions.iter().any(|action| action == "*")
    }
}

/// What a role holds: any of these.
#[derive(Debug, Clone, Default)]
pub(super) struct Role {
    pub(super) permissions: Vec<Permission>,
    /// Whether its definition was found.
    pub(super) known: bool,
    pub(super) over_administrators: bool,
    /// Whether it is one of the directory.
    pub(super) directory: bool,
}

impl Role {
    /// A built-in role by its GUID or name.
    pub(super) fn built_in(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let found = table().by_id.get(&name).or_else(|| table().by_name.get(&name))?;
        Some(Self { permissions: vec![found.clone()], known: true, ..Self::default() })
    }

    /// A role of Entra, by the id of its template or its name.
    pub(super) fn entra(id: &str, name: &str) -> Option<Self> {
        let fits =
            |(known, role): &&(String, EntraRole)| role.id.eq_ignore_ascii_case(id) || known.eq_ignore_ascii_case(name);
        let (_, found) = table().entra.iter().find(fits)?;
        let permission = Permission { actions: found.actions.clone(), ..Permission::default() };
        let over_administrators = found.over_administrators;
        Some(Self { permissions: vec![permission], known: true, over_administrators, directory: true })
    }

    /// A definition that the inventory has.
    pub(super) fn defined(asset: &Asset) -> Option<Self> {
        let list = asset.properties.get("permissions")?.as_array()?;
        Some(Self { permissions: list.iter().map(Permission::read).collect(), known: true, ..Self::default() })
    }

    pub(super) fn holds(&self, action: &str) -> bool {
        // raising oneself is for administrators of the directory, whatever other roles list
        let raises = action.eq_ignore_ascii_case("Microsoft.Authorization/elevateAccess/action");
        (self.directory || !raises) && self.permissions.iter().any(|permission| permission.holds(action))
    }

    /// Whether it is an owner: everything, and giving it to others.
    pub(super) fn owns(&self) -> bool {
        self.permissions.iter().any(|permission| permission.holds_everything() && permission.holds(super::ASSIGN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_loads() {
        let file: File = Document::config("azure_roles.yaml", TABLE).unwrap();
        let mut ids = std::collections::BTreeSet::new();
        for (name, role) in &file.roles {
            assert!(role.id.len() == 36 && ids.insert(role.id.clone()), "{name}");
            assert!(!role.actions.is_empty() || !role.data_actions.is_empty(), "{name}");
            for pattern in role.actions.iter().chain(&role.data_actions) {
                assert!(pattern.contains(['/', '*']) && !pattern.contains(' '), "{name}: {pattern}");
            }
        }
        assert!(file.entra.values().all(|role| role.id.len() == 36 && !role.actions.is_empty()));
    }

    #[test]
    fn built_in_roles() {
        let blob = "data:Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read";
        for (role, action, want) in [
            ("Owner", super::super::ASSIGN, true),
            ("Owner", blob, false),
            ("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", super::super::ASSIGN, true),
            ("Contributor", super::super::ASSIGN, false),
            ("Contributor", "Microsoft.Compute/virtualMachines/runCommand/action", true),
            ("Contributor", "Microsoft.Authorization/elevateAccess/Action", false),
            ("Reader", "Microsoft.Storage/storageAccounts/listKeys/action", false),
            ("Reader", "Microsoft.Storage/storageAccounts/read", true),
            ("User Access Administrator", super::super::ASSIGN, true),
            ("Storage Blob Data Reader", blob, true),
            ("Key Vault Secrets User", "data:Microsoft.KeyVault/vaults/secrets/getSecret/action", true),
            ("Key Vault Contributor", "data:Microsoft.KeyVault/vaults/secrets/getSecret/action", false),
        ] {
            assert_eq!(Role::built_in(role).unwrap().holds(action), want, "{role} {action}");
        }
        assert!(Role::built_in("Owner").unwrap().owns() && !Role::built_in("Contributor").unwrap().owns());
        assert!(Role::built_in("nobody knows").is_none());
        assert!(
            Role::entra("62e90394-69f5-4237-9190-012177145e10", "")
                .unwrap()
                .holds("Microsoft.Authorization/elevateAccess/action")
        );
    }

    #[test]
    fn what_is_taken_out_is_taken_out_of_its_entry_only() {
        let role = Asset::new("r", crate::asset::AssetKind::Policy, "r").with(
            "permissions",
            serde_json::json!([
                {"actions": ["Microsoft.Compute/*"], "notActions": ["Microsoft.Compute/virtualMachines/*"]},
                {"actions": ["Microsoft.Compute/virtualMachines/read"], "dataActions": ["*"], "notDataActions": ["Microsoft.KeyVault/*"]}
            ]),
        );
        let role = Role::defined(&role).unwrap();
        assert!(role.holds("Microsoft.Compute/virtualMachines/read"));
        assert!(!role.holds("Microsoft.Compute/virtualMachines/write"));
        assert!(role.holds("data:Microsoft.Storage/x/read") && !role.holds("data:Microsoft.KeyVault/vaults/x"));
    }
}
