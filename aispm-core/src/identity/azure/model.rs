//! All assignments of an inventory, by who holds what where.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::role::{Permission, Role};
use crate::asset::{Asset, AssetId, AssetKind, Evidence, Inventory, RelationKind, flag};

/// Groups in groups, and management groups above one another, followed.
const NESTED: usize = 256;
/// Everything, above all management groups; also the directory.
pub(super) const ROOT: &str = "/";
/// How principals that mean everybody are written in deny assignments.
const EVERYONE: &str = "entra:00000000-0000-0000-0000-000000000000";

/// The type of a deny assignment.
const DENIES: &str = "microsoft.authorization/denyassignments";

/// A role on a scope.
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) scope: String,
    pub(super) role: u32,
    pub(super) condition: Option<String>,
    /// What had to be assumed.
    pub(super) assumed: Option<String>,
    pub(super) evidence: Evidence,
}

/// A deny assignment.
#[derive(Debug)]
pub(super) struct Denial {
    pub(super) scope: String,
    only_here: bool,
    permissions: Vec<Permission>,
    everyone: bool,
    who: BTreeSet<String>,
    but: BTreeSet<String>,
}

impl Denial {
    pub(super) fn covers(&self, action: &str, scopes: &[String], resource: &str) -> bool {
        let here = self.scope == resource;
        (here || !self.only_here && scopes.contains(&self.scope)) && self.speaks_of(action)
    }

    pub(super) fn speaks_of(&self, action: &str) -> bool {
        self.permissions.iter().any(|permission| permission.holds(action))
    }
}

/// What the settings of a resource say about who gets in.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Doors {
    /// Its keys do not work.
    pub(super) keys_off: bool,
    /// A vault that roles do not decide for, or do; nothing if not known.
    pub(super) roles_decide: Option<bool>,
    pub(super) vault: bool,
    /// An application, whose credentials somebody keeps; not a managed identity.
    pub(super) application: bool,
    pub(super) user: bool,
}

/// Assignments, roles and scopes. Built once.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) roles: Vec<Role>,
    /// Definitions that the inventory has, by their GUID.
    role_ids: HashMap<String, u32>,
    pub(super) assignments: Vec<Assignment>,
    /// Scopes that something is assigned on.
    assigned: BTreeSet<String>,
    /// Assignments by principal, through groups as well.
    held: BTreeMap<String, Vec<u32>>,
    /// A principal and the groups that it is in.
    keys: HashMap<String, BTreeSet<String>>,
    pub(super) denials: Vec<Denial>,
    /// Resources of Azure by other ids, and what holds those without a path of their own.
    names: HashMap<String, String>,
    above: HashMap<String, Vec<String>>,
    doors: HashMap<String, Doors>,
    principals: BTreeSet<String>,
}

/// Whether an id is of Azure by its form.
fn is_azure(id: &str) -> bool {
    id.starts_with("/subscriptions/")
        || id.starts_with("/providers/microsoft.")
        || id.starts_with("/providers/Microsoft.")
}

/// Whether an asset is an assignment of a role, or the chance of one.
fn assigns(asset: &Asset) -> bool {
    let kind = asset.text("resource_type").map(str::to_lowercase);
    kind.is_some_and(|kind| kind.contains("roleassignment") || kind.contains("roleeligibility"))
}

fn is_directory_role(id: &AssetId) -> bool {
    id.as_str().starts_with("entra-role:")
}

impl Model {
    /// O(assets · levels + principals · what they hold); empty, in one look at each asset, where nobody is assigned anything.
    pub(super) fn new(inventory: &Inventory) -> Self {
        let mut this = Self::default();
        let assigned = inventory.has_property(&["resource_type"]) && inventory.assets().any(assigns);
        if !assigned && !inventory.ids().any(is_directory_role) {
            return this;
        }
        let mut direct: HashMap<String, Vec<u32>> = HashMap::new();
        for asset in inventory.assets() {
            let own = is_azure(asset.id.as_str());
            let fits = |id: &str| own || is_azure(id) || id.starts_with("entra:");
            let aliases = asset.aliases.iter().filter(|id| fits(id.as_str()));
            this.names.extend(aliases.map(|alias| (alias.to_string(), asset.id.to_string())));
            this.doors.insert(asset.id.to_string(), doors(asset));
            let azure = is_azure(asset.id.as_str()) || asset.aliases.iter().any(|id| is_azure(id.as_str()));
            if asset.id.as_str().starts_with("entra:")
                || asset.kind.is_identity()
                    && (azure || asset.aliases.iter().any(|id| id.as_str().starts_with("entra:")))
            {
                this.principals.insert(asset.id.to_string());
            }
            if let Some(role) = Role::defined(asset).filter(|_| is_definition(asset)) {
                let at = next(&this.roles);
                this.roles.push(role);
                this.role_ids.insert(guid(asset.id.as_str()).to_owned(), at);
            }
        }
        for relation in inventory.relations().filter(|relation| relation.kind == RelationKind::Contains) {
            this.above.entry(relation.to.to_string()).or_default().push(relation.from.to_string());
        }
        for asset in inventory.assets() {
            if assigns(asset) {
                this.assign(inventory, asset, &mut direct);
            } else if asset.text("resource_type").is_some_and(|kind| kind.eq_ignore_ascii_case(DENIES)) {
                this.deny(asset);
            }
        }
        for asset in inventory.assets().filter(|asset| is_directory_role(&asset.id)) {
            this.directory_role(inventory, asset, &mut direct);
        }
        this.hold(inventory, &direct);
        this.assigned = this.assignments.iter().map(|assignment| assignment.scope.clone()).collect();
        this
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    fn assign(&mut self, inventory: &Inventory, asset: &Asset, direct: &mut HashMap<String, Vec<u32>>) {
        let holders = inventory.outgoing(asset.id.as_str()).filter(|r| r.kind == RelationKind::AppliesTo);
        let holders: Vec<&str> = holders.map(|relation| relation.to.as_str()).collect();
        let defined = inventory
            .outgoing(asset.id.as_str())
            .filter(|r| r.kind == RelationKind::Uses)
            .find_map(|relation| self.role_ids.get(guid(relation.to.as_str())).copied());
        let named = ["role_definition_id", "role_definition"].iter().filter_map(|key| asset.text(key));
        let mut built_in = named.filter_map(|name| Role::built_in(guid(name)));
        let role = defined.unwrap_or_else(|| {
            self.roles.push(built_in.next().unwrap_or_default());
            next(&self.roles) - 1
        });
        let scope = match asset.text("scope").map(lower) {
            Some(scope) if scope == ROOT => ROOT.to_owned(),
            Some(scope) => self.known(scope.trim_end_matches('/')).to_owned(),
            // one at the root has nothing before its provider
            None if asset.id.as_str().starts_with("/providers/microsoft.authorization/") => ROOT.to_owned(),
            None => return,
        };
        let eligible = asset.properties.get("active").and_then(flag) == Some(false);
        let condition = asset.text("condition").filter(|text| !text.trim().is_empty()).map(str::to_owned);
        let evidence = asset.evidence.first().cloned().unwrap_or_default();
        for holder in holders {
            let assumed = eligible.then(|| format!("{} is activated by its eligible holder", asset.name));
            let place = next(&self.assignments);
            self.assignments.push(Assignment {
                scope: scope.clone(),
                role,
                condition: condition.clone(),
                assumed,
                evidence: evidence.clone(),
            });
            direct.entry(holder.to_owned()).or_default().push(place);
        }
    }

    /// Members of a role of the directory.
    fn directory_role(&mut self, inventory: &Inventory, asset: &Asset, direct: &mut HashMap<String, Vec<u32>>) {
        let id = asset.id.as_str().trim_start_matches("entra-role:");
        let Some(role) = Role::entra(id, &asset.name) else { return };
        let at = next(&self.roles);
        self.roles.push(role);
        for relation in inventory.incoming(asset.id.as_str()).filter(|r| r.kind == RelationKind::MemberOf) {
            let place = next(&self.assignments);
            let evidence = relation.evidence.first().or(asset.evidence.first()).cloned().unwrap_or_default();
            self.assignments.push(Assignment {
                scope: ROOT.to_owned(),
                role: at,
                condition: None,
                assumed: None,
                evidence: evidence.excerpt(&asset.name),
            });
            direct.entry(relation.from.to_string()).or_default().push(place);
        }
    }

    fn deny(&mut self, asset: &Asset) {
        let list = |key: &str| asset.properties.get(key).and_then(Value::as_array).into_iter().flatten();
        let scope = asset.text("scope").map(lower);
        let Some(scope) = scope.map(|scope| self.known(scope.trim_end_matches('/')).to_owned()) else { return };
        let who = |key: &str| -> BTreeSet<String> {
            let ids = list(key).filter_map(|row| row.get("id")?.as_str());
            ids.map(|id| self.known(&format!("entra:{}", id.to_lowercase())).to_owned()).collect()
        };
        let who_all = who("principals");
        let denial = Denial {
            only_here: asset.properties.get("doNotApplyToChildScopes").and_then(flag) == Some(true),
            permissions: list("permissions").map(Permission::read).collect(),
            everyone: who_all.contains(EVERYONE),
            who: who_all,
            but: who("excludePrincipals"),
            scope: if scope.is_empty() { ROOT.to_owned() } else { scope },
        };
        self.denials.push(denial);
    }

    fn hold(&mut self, inventory: &Inventory, direct: &HashMap<String, Vec<u32>>) {
        self.principals.extend(direct.keys().cloned());
        for id in &self.principals {
            let mut keys = vec![id.clone()];
            let mut next = 0;
            while let Some(at) = keys.get(next).cloned().filter(|_| keys.len() < NESTED) {
                next += 1;
                for relation in inventory.outgoing(&at).filter(|r| r.kind == RelationKind::MemberOf) {
                    let group = relation.to.to_string();
                    if !keys.contains(&group) && !group.starts_with("entra-role:") {
                        keys.push(group);
                    }
                }
            }
            let mut own: Vec<u32> = keys.iter().filter_map(|key| direct.get(key)).flatten().copied().collect();
            own.sort_unstable();
            own.dedup();
            if !own.is_empty() {
                self.held.insert(id.clone(), own);
            }
            self.keys.insert(id.clone(), keys.into_iter().collect());
        }
    }

    /// The id that a name stands for.
    pub(super) fn known<'a>(&'a self, id: &'a str) -> &'a str {
        self.names.get(id).map_or(id, String::as_str)
    }

    /// The path of a resource: its own id, or that of what holds it.
    fn path(&self, id: &str) -> Option<String> {
        let mut id = self.known(id).to_owned();
        for _ in 0..NESTED {
            if is_azure(&id) {
                return Some(id);
            }
            let above = self.above.get(&id)?;
            id = above.iter().find(|above| is_azure(above)).or(above.first())?.clone();
        }
        None
    }

    /// A resource and every scope above it, nearest first.
    pub(super) fn scopes(&self, id: &str) -> Vec<String> {
        let known = self.known(id);
        let mut scopes = vec![known.to_owned()];
        // what only a configuration names lies in what holds it
        let mut next = 0;
        while let Some(at) = scopes.get(next).cloned().filter(|at| !is_azure(at) && scopes.len() < NESTED) {
            next += 1;
            let above = self.above.get(&at).into_iter().flatten().filter(|above| !scopes.contains(above));
            scopes.extend(above.cloned().collect::<Vec<_>>());
        }
        if let Some(path) = self.path(known) {
            let mut rest = path.as_str();
            loop {
                if !scopes.iter().any(|scope| scope == rest) {
                    scopes.push(rest.to_owned());
                }
                match rest.rsplit_once('/') {
                    Some((above, _)) if !above.is_empty() => rest = above,
                    _ => break,
                }
            }
        }
        let mut at = 0;
        while let Some(scope) = scopes.get(at).cloned().filter(|_| scopes.len() < NESTED) {
            at += 1;
            let level = scope.starts_with("/subscriptions/") && scope.matches('/').count() == 2
                || scope.contains("microsoft.management/managementgroups/");
            if level {
                let above = self.above.get(&scope).into_iter().flatten().filter(|above| !scopes.contains(above));
                let above: Vec<String> = above.cloned().collect();
                scopes.extend(above);
            }
        }
        if is_azure(known) || known.starts_with("entra:") || scopes.len() > 1 {
            scopes.push(ROOT.to_owned());
        }
        scopes
    }

    pub(super) fn subscription(&self, id: &str) -> Option<String> {
        let path = self.path(id)?;
        let rest = path.strip_prefix("/subscriptions/")?;
        Some(format!("/subscriptions/{}", rest.split('/').next()?))
    }

    /// The resource group; for a subscription or management group, itself.
    pub(super) fn group(&self, id: &str) -> Option<String> {
        let path = self.path(id)?;
        let mut parts = path.match_indices('/').map(|(at, _)| at);
        match parts.nth(4) {
            Some(end) if path.contains("/resourcegroups/") => path.get(..end).map(str::to_owned),
            _ => Some(path),
        }
    }

    pub(super) fn depth(&self, scope: &str) -> usize {
        if scope == ROOT { 0 } else { self.scopes(scope).len() }
    }

    pub(super) fn is_principal(&self, id: &str) -> bool {
        self.principals.contains(id)
    }

    /// Whoever holds something.
    pub(super) fn principals(&self) -> impl Iterator<Item = &str> {
        self.held.keys().map(String::as_str)
    }

    /// Principals with the subscriptions and management groups that they own without a condition.
    pub(super) fn owners(&self) -> impl Iterator<Item = (String, String)> {
        self.held.iter().flat_map(|(id, held)| {
            let owned = held.iter().filter_map(|place| at(&self.assignments, *place)).filter(|assignment| {
                let owns = at(&self.roles, assignment.role).is_some_and(Role::owns);
                let high = assignment.scope == ROOT
                    || assignment.scope.contains("microsoft.management/managementgroups/")
                    || assignment.scope.starts_with("/subscriptions/") && assignment.scope.matches('/').count() == 2;
                owns && high && assignment.condition.is_none() && assignment.assumed.is_none()
            });
            owned.map(|assignment| (id.clone(), assignment.scope.clone()))
        })
    }

    /// A principal's assignments whose role holds an action.
    pub(super) fn allowing(&self, principal: &str, action: &str) -> Vec<u32> {
        let held = self.held.get(principal).into_iter().flatten().copied();
        let holds = |place: &u32| {
            let role = at(&self.assignments, *place).and_then(|assignment| at(&self.roles, assignment.role));
            role.is_some_and(|role| role.holds(action))
        };
        held.filter(holds).collect()
    }

    /// A principal's assignments of the role that an asset defines.
    pub(super) fn with_role(&self, principal: &str, definition: &str) -> Vec<u32> {
        let Some(role) = self.role_ids.get(guid(definition)) else { return Vec::new() };
        let held = self.held.get(principal).into_iter().flatten().copied();
        held.filter(|place| at(&self.assignments, *place).is_some_and(|a| a.role == *role)).collect()
    }

    /// Deny assignments for a principal that speak of an action, by place.
    pub(super) fn denying(&self, principal: &str, action: &str) -> Vec<u32> {
        let none = BTreeSet::new();
        let keys = self.keys.get(principal).unwrap_or(&none);
        let for_him = |denial: &Denial| {
            (denial.everyone || denial.who.iter().any(|id| keys.contains(id)))
                && !denial.but.iter().any(|id| keys.contains(id))
                && denial.speaks_of(action)
        };
        (0..).zip(&self.denials).filter(|(_, denial)| for_him(denial)).map(|(place, _)| place).collect()
    }

    /// Whether assignments decide for a resource, and all roles that they give a principal are known.
    pub(super) fn decides(&self, principal: &str, resource: &str) -> bool {
        let scopes = self.scopes(resource);
        let held = self.held.get(principal).into_iter().flatten().filter_map(|place| at(&self.assignments, *place));
        let mut roles = held.filter(|a| scopes.contains(&a.scope)).map(|a| at(&self.roles, a.role));
        let doors = self.doors(resource);
        let others = doors.vault && doors.roles_decide != Some(true);
        let placed = scopes.len() > 1 || scopes.iter().any(|scope| self.assigned.contains(scope));
        placed && !others && roles.all(|role| role.is_some_and(|role| role.known))
    }

    pub(super) fn doors(&self, id: &str) -> Doors {
        let known = self.known(id);
        let mut found = self.doors.get(known).copied().unwrap_or_default();
        // a secret is as open as its vault, a container as its account
        for above in self.above.get(known).into_iter().flatten() {
            if let Some(doors) = self.doors.get(above) {
                found.vault |= doors.vault;
                found.keys_off |= doors.keys_off;
                found.roles_decide = found.roles_decide.or(doors.roles_decide);
            }
        }
        found
    }

    /// Whether a user has a role in the directory.
    pub(super) fn has_directory_role(&self, id: &str) -> bool {
        let held =
            self.held.get(self.known(id)).into_iter().flatten().filter_map(|place| at(&self.assignments, *place));
        held.filter_map(|assignment| at(&self.roles, assignment.role)).any(|role| role.directory)
    }
}

/// Paths of resources are compared without case; names of files are not.
fn lower(scope: &str) -> String {
    if scope.starts_with('/') { scope.to_lowercase() } else { scope.to_owned() }
}

/// The last word of a definition's id, which is the same in every subscription.
fn guid(id: &str) -> &str {
    id.trim_end_matches('/').rsplit('/').next().unwrap_or(id)
}

fn is_definition(asset: &Asset) -> bool {
    asset.text("terraform_type") == Some("azurerm_role_definition")
        || asset.text("resource_type").is_some_and(|kind| kind.to_lowercase().ends_with("/roledefinitions"))
        || asset.id.as_str().contains("/roledefinitions/")
}

fn doors(asset: &Asset) -> Doors {
    let set = |keys: &[&str]| keys.iter().find_map(|key| flag(asset.properties.get(*key)?));
    let policies = ["accessPolicies", "access_policy"]
        .iter()
        .any(|key| asset.properties.get(*key).and_then(Value::as_array).is_some_and(|list| !list.is_empty()));
    let keys_on =
        ["allowSharedKeyAccess", "shared_access_key_enabled", "local_auth_enabled", "local_authentication_enabled"];
    let keys_off = ["disableLocalAuth", "local_authentication_disabled"];
    let by_roles = ["enableRbacAuthorization", "enable_rbac_authorization", "rbac_authorization_enabled"];
    Doors {
        keys_off: set(&keys_off) == Some(true) || set(&keys_on) == Some(false),
        roles_decide: set(&by_roles).or(policies.then_some(false)),
        vault: asset.kind == AssetKind::Secret,
        application: asset.properties.contains_key("appId")
            && asset.text("servicePrincipalType") != Some("ManagedIdentity"),
        user: asset.kind == AssetKind::User,
    }
}

pub(super) fn at<T>(list: &[T], place: u32) -> Option<&T> {
    list.get(usize::try_from(place).ok()?)
}

fn next<T>(list: &[T]) -> u32 {
    // four thousand million assignments do not fit into memory
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}
