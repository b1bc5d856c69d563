//! Roles: Google's by the table, an organisation's own as the inventory has them.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use crate::asset::{Asset, AssetKind, Document, Inventory, flag};
use crate::identity::glob;

/// What a role holds.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Role {
    allow: Vec<String>,
    except: Vec<String>,
    /// What these roles hold as well.
    with: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    roles: HashMap<String, Role>,
    agents: Vec<Agent>,
}

/// An account that Google makes, and the role that it is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agent {
    /// Its address, with `{number}` or `{project}` for that of its project.
    address: String,
    pub(super) role: String,
}

const TABLE: &str = include_str!("../../../data/identity/gcp_roles.yaml");

fn table() -> &'static File {
    static FILE: LazyLock<File> = LazyLock::new(|| {
        // checked by a test; an empty table would only lose roles
        Document::config("gcp_roles.yaml", TABLE).unwrap_or_default()
    });
    &FILE
}

impl Agent {
    /// The one that an address is of.
    pub(super) fn of(email: &str) -> Option<&'static Self> {
        table().agents.iter().find(|agent| {
            let fits = |hole: &str| {
                let (start, end) = agent.address.split_once(hole)?;
                let own = email.strip_prefix(start)?.strip_suffix(end)?;
                Some(!own.is_empty() && !own.contains('@'))
            };
            fits("{number}").or_else(|| fits("{project}")) == Some(true)
        })
    }
}

/// Every role that bindings may name.
#[derive(Debug, Default)]
pub(super) struct Roles {
    own: HashMap<String, Role>,
}

impl Roles {
    pub(super) fn new(inventory: &Inventory) -> Self {
        let roles = inventory.assets().filter(|asset| asset.kind == AssetKind::Role);
        Self {
            own: roles.filter_map(|asset| Some((custom_name(asset.id.as_str())?.to_owned(), own(asset)?))).collect(),
        }
    }

    /// Whether a role holds a permission. What is not in the table holds nothing that matters here.
    pub(super) fn hold(&self, role: &str, permission: &str) -> bool {
        self.within(role, permission, 4)
    }

    pub(super) fn knows(&self, role: &str) -> bool {
        self.own.contains_key(role) || table().roles.contains_key(role)
    }

    fn within(&self, role: &str, permission: &str, depth: usize) -> bool {
        let Some(known) = self.own.get(role).or_else(|| table().roles.get(role)) else { return false };
        let more = || depth > 0 && known.with.iter().any(|role| self.within(role, permission, depth - 1));
        (glob::any(&known.allow, permission) && !glob::any(&known.except, permission)) || more()
    }
}

/// `projects/p/roles/r` of the id of a role.
pub(super) fn custom_name(id: &str) -> Option<&str> {
    id.strip_prefix("//iam.googleapis.com/").filter(|name| name.contains("/roles/"))
}

/// How bindings name the role that an asset is.
pub(super) fn name_in_bindings(id: &str) -> &str {
    custom_name(id).unwrap_or(id)
}

/// A role that a project or organisation made; one that is off holds nothing.
fn own(asset: &Asset) -> Option<Role> {
    let off = asset.text("stage") == Some("DISABLED") || asset.properties.get("deleted").and_then(flag) == Some(true);
    let listed = ["includedPermissions", "included_permissions", "permissions"];
    let listed = listed.iter().find_map(|key| asset.properties.get(*key)?.as_array());
    // a list of roles does not say what they hold
    if listed.is_none() && !off {
        return None;
    }
    let allow = listed.into_iter().flatten().filter_map(Value::as_str).filter(|_| !off);
    // no permission of a custom role is a pattern
    let allow = allow.filter(|permission| !permission.contains('*')).map(str::to_owned).collect();
    Some(Role { allow, ..Role::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_loads_and_names_roles_that_are_there() {
        let file: File = Document::config("gcp_roles.yaml", TABLE).unwrap();
        for (name, role) in &file.roles {
            assert!(name.starts_with("roles/"), "{name}");
            assert!(!role.allow.is_empty() || !role.with.is_empty(), "{name}");
            for with in &role.with {
                assert!(file.roles.contains_key(with), "{name}: {with}");
            }
            for pattern in role.allow.iter().chain(&role.except) {
                assert!(pattern.contains(['.', '*']) && !pattern.contains(' '), "{name}: {pattern}");
            }
        }
        for agent in &file.agents {
            assert!(agent.address.contains('@') && agent.address.contains('{'), "{}", agent.address);
            assert!(file.roles.contains_key(&agent.role), "{}", agent.role);
        }
    }

    #[test]
    fn basic_roles() {
        let roles = Roles::default();
        for (role, permission, want) in [
            ("roles/owner", "resourcemanager.projects.setIamPolicy", true),
            ("roles/owner", "iam.serviceAccounts.actAs", true),
            ("roles/owner", "iam.serviceAccounts.getAccessToken", false),
            ("roles/editor", "resourcemanager.projects.setIamPolicy", false),
            ("roles/editor", "run.services.setIamPolicy", false),
            ("roles/editor", "iam.serviceAccounts.actAs", true),
            ("roles/editor", "iam.serviceAccountKeys.create", true),
            ("roles/editor", "secretmanager.versions.access", false),
            ("roles/editor", "iam.roles.update", false),
            ("roles/viewer", "compute.instances.create", false),
            ("roles/viewer", "compute.instances.get", true),
            ("roles/iam.serviceAccountTokenCreator", "iam.serviceAccounts.getAccessToken", true),
            ("roles/iam.serviceAccountUser", "iam.serviceAccounts.actAs", true),
            ("roles/unheard.of", "compute.instances.get", false),
        ] {
            assert_eq!(roles.hold(role, permission), want, "{role} {permission}");
        }
    }

    #[test]
    fn a_role_that_is_off_holds_nothing() {
        let id = "//iam.googleapis.com/projects/p/roles/r";
        let role = |stage: &str| {
            let mut inventory = Inventory::new();
            let permissions = serde_json::json!(["run.services.create"]);
            inventory.add(
                Asset::new(id, AssetKind::Role, "r").with("includedPermissions", permissions).with("stage", stage),
            );
            Roles::new(&inventory).hold("projects/p/roles/r", "run.services.create")
        };
        assert!(role("GA"));
        let mut listed = Inventory::new();
        listed.add(Asset::new(id, AssetKind::Role, "r").with("stage", "GA"));
        assert!(!Roles::new(&listed).knows("projects/p/roles/r"), "a list does not say what it holds");
        assert!(!role("DISABLED"));
    }

    #[test]
    fn accounts_that_google_makes() {
        let role = |email: &str| Agent::of(email).map(|agent| agent.role.as_str());
        assert_eq!(role("12-compute@developer.gserviceaccount.com"), Some("roles/editor"));
        assert_eq!(role("acme@appspot.gserviceaccount.com"), Some("roles/editor"));
        assert_eq!(
            role("service-12@gcp-sa-aiplatform-cc.iam.gserviceaccount.com"),
            Some("roles/aiplatform.customCodeServiceAgent")
        );
        assert_eq!(role("a@acme.iam.gserviceaccount.com"), None);
    }
}
