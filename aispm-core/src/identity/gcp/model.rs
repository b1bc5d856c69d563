//! All policies of an inventory, by who holds what where.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::condition::Condition;
use super::hierarchy::{Hierarchy, is_gcp};
use super::member::{self, Denied, EVERYBODY};
use super::policy::{self, Binding, DenyRule};
use super::role::{Agent, Roles};
use crate::asset::{Asset, AssetId, AssetKind, Evidence, Inventory, RelationKind};

/// Groups in groups followed.
const GROUPS: usize = 256;

/// What is known of a resource besides its place.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) kind: Option<String>,
    pub(super) tags: Vec<(String, String)>,
    pub(super) all_tags: bool,
    /// Further names of its project, as names of resources in conditions may have the number.
    pub(super) identity: Option<AssetKind>,
    /// Places of [`Model::scopes`] on it and above it.
    pub(super) scopes: Vec<u32>,
}

/// When something holds: what a policy says, or what had to be assumed.
#[derive(Debug)]
pub(super) enum When {
    Says(Condition),
    Assumed(String),
}

/// Policies, roles and places. Built once.
#[derive(Debug, Default)]
pub(super) struct Model {
    hierarchy: Hierarchy,
    roles: Roles,
    /// Resources with a policy.
    scopes: Vec<String>,
    places: HashMap<String, u32>,
    pub(super) conditions: Vec<When>,
    pub(super) bindings: Vec<Binding>,
    /// Bindings by the principals that hold them, through groups and sets as well.
    held: BTreeMap<String, Vec<u32>>,
    /// Every key that a principal goes by.
    keys: HashMap<String, BTreeSet<String>>,
    pub(super) denials: Vec<DenyRule>,
    facts: HashMap<String, Facts>,
    /// Organisation policies that are on or off, by where they are set.
    constraints: HashMap<String, HashMap<String, bool>>,
    /// Names of each project: by id and by number.
    project_names: HashMap<String, Vec<String>>,
}

impl Model {
    /// O(assets · levels + principals · what they hold); empty, in one look at each asset, where nothing is of Google Cloud.
    pub(super) fn new(inventory: &Inventory) -> Self {
        let told = inventory.has_property(&["gcp_type", "iam_policy", "access"]);
        if !told && !inventory.ids().any(|id| is_gcp(id.as_str())) {
            return Self::default();
        }
        let mut this = Self { hierarchy: Hierarchy::new(inventory), roles: Roles::new(inventory), ..Self::default() };
        let mut members: HashMap<String, Vec<u32>> = HashMap::new();
        for asset in inventory.assets() {
            if policy::has_policy(asset) {
                this.place(asset.id.as_str());
            }
            if asset.text("gcp_type") == Some("iam.googleapis.com/Binding") {
                this.declare(inventory, asset, &mut members);
            }
            for written in policy::bindings(asset) {
                let when = written.condition.map(|text| this.condition(text));
                let binding = Binding {
                    scope: this.place(asset.id.as_str()),
                    role: written.role.to_owned(),
                    when,
                    evidence: written.evidence,
                };
                let at = next(&this.bindings);
                this.bindings.push(binding);
                members.entry(member::key(&written.member)).or_default().push(at);
            }
            if let Some(on) = policy::attached_to(asset) {
                let on = this.hierarchy.known(&on).to_owned();
                let scope = this.place(&on);
                let mut texts = Vec::new();
                let first = this.conditions.len();
                let rules = policy::denials(asset, scope, |text| {
                    texts.push(text.to_owned());
                    u32::try_from(first + texts.len() - 1).unwrap_or(u32::MAX)
                });
                this.conditions.extend(texts.iter().map(|text| When::Says(Condition::new(text))));
                this.denials.extend(rules);
            }
        }
        this.look(inventory);
        this.hold(inventory, members);
        this
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.facts.is_empty()
    }

    /// A binding that is an asset of its own, as configurations declare them.
    fn declare(&mut self, inventory: &Inventory, asset: &Asset, members: &mut HashMap<String, Vec<u32>>) {
        let (Some(role), Some(scope)) = (asset.text("role"), asset.text("scope")) else { return };
        let when = asset.text("condition").map(|text| self.condition(text));
        let scope = self.hierarchy.known(scope).to_owned();
        let scope = self.place(&scope);
        let evidence = asset.evidence.first().cloned().unwrap_or_default();
        let place = next(&self.bindings);
        self.bindings.push(Binding { scope, role: role.to_owned(), when, evidence });
        let holders = inventory.outgoing(asset.id.as_str()).filter(|r| r.kind == RelationKind::AppliesTo);
        let holders = holders.map(|relation| relation.to.to_string()).chain(asset.text("member").map(str::to_owned));
        for holder in holders {
            members.entry(member::key(&holder)).or_default().push(place);
        }
    }

    fn condition(&mut self, text: &str) -> u32 {
        self.conditions.push(When::Says(Condition::new(text)));
        next(&self.conditions) - 1
    }

    fn place(&mut self, id: &str) -> u32 {
        if let Some(at) = self.places.get(id) {
            return *at;
        }
        let at = next(&self.scopes);
        self.scopes.push(id.to_owned());
        self.places.insert(id.to_owned(), at);
        at
    }

    /// What conditions may ask about each resource.
    fn look(&mut self, inventory: &Inventory) {
        for asset in inventory.assets().filter(|asset| is_gcp(asset.id.as_str()) || asset.text("gcp_type").is_some()) {
            let (tags, all_tags) = tags(asset);
            let kind = asset.text("gcp_type").map(str::to_owned);
            let identity = asset.kind.is_identity().then_some(asset.kind);
            let scopes = self.scopes_of(asset.id.as_str());
            self.facts.insert(asset.id.to_string(), Facts { kind, tags, all_tags, identity, scopes });
            for (on, constraint, enforced) in policy::constraints(asset) {
                let on = self.hierarchy.known(&on).to_owned();
                self.constraints.entry(on).or_default().insert(constraint, enforced);
            }
            if asset.kind == AssetKind::Account {
                let names = [&asset.id].into_iter().chain(&asset.aliases).map(AssetId::as_str);
                let names = names.filter_map(|name| name.strip_prefix("//cloudresourcemanager.googleapis.com/"));
                self.project_names.insert(asset.id.to_string(), names.map(str::to_owned).collect());
            }
        }
    }

    /// Whether an organisation policy is on for a resource: the nearest that says so decides.
    pub(super) fn enforces(&self, id: &str, constraint: &str) -> bool {
        if self.constraints.is_empty() {
            return false;
        }
        let chain = self.hierarchy.chain(id);
        chain.iter().find_map(|above| self.constraints.get(above)?.get(constraint).copied()).unwrap_or(false)
    }

    /// Who holds which bindings.
    fn hold(&mut self, inventory: &Inventory, members: HashMap<String, Vec<u32>>) {
        let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for asset in inventory.assets() {
            let ids = [&asset.id].into_iter().chain(&asset.aliases).map(AssetId::as_str);
            let keys: BTreeSet<String> = ids.filter(|id| member::is_member(id)).map(member::key).collect();
            if !keys.is_empty() {
                names.insert(asset.id.to_string(), keys);
            }
        }
        // one that only a configuration knows goes by its own id
        let declared = |key: &&String| inventory.get(key).is_some_and(|asset| asset.kind.is_identity());
        let acts = |key: &&String| member::is_member(key) || declared(key);
        for key in members.keys().filter(|key| acts(key) && !key.starts_with("principalSet:")) {
            let known = self.hierarchy.known(key);
            if known == key && !names.values().any(|keys| keys.contains(key)) {
                names.insert(key.clone(), BTreeSet::from([key.clone()]));
            }
        }
        for (id, keys) in &names {
            let mut all = keys.clone();
            let mut groups = vec![id.clone()];
            let mut next = 0;
            while let Some(at) = groups.get(next).cloned().filter(|_| groups.len() < GROUPS) {
                next += 1;
                for relation in inventory.outgoing(&at).filter(|r| r.kind == RelationKind::MemberOf) {
                    let group = relation.to.to_string();
                    if !groups.contains(&group) {
                        all.extend(names.get(&group).into_iter().flatten().cloned());
                        all.insert(member::key(&group));
                        groups.push(group);
                    }
                }
            }
            let sets: Vec<String> = keys.iter().flat_map(|key| member::sets(key)).collect();
            all.extend(sets);
            all.extend(EVERYBODY.map(str::to_owned));
            self.keys.insert(id.clone(), all);
        }
        // whoever is on the internet is everybody
        self.keys.insert(AssetId::INTERNET.to_owned(), EVERYBODY.map(str::to_owned).into());
        for (id, keys) in &self.keys {
            let mut own: Vec<u32> = keys.iter().filter_map(|key| members.get(key)).flatten().copied().collect();
            own.sort_unstable();
            own.dedup();
            if !own.is_empty() {
                self.held.insert(id.clone(), own);
            }
        }
        self.convenience(&members);
        self.defaults(inventory, names.keys());
    }

    /// `projectOwner:P` and the like are whoever has that basic role on the project, there or from above.
    fn convenience(&mut self, members: &HashMap<String, Vec<u32>>) {
        let mut more: Vec<(String, Vec<u32>)> = Vec::new();
        for (key, bindings) in members {
            let Some((kind, project)) = key.split_once(':') else { continue };
            let role = match kind {
                "projectOwner" => "roles/owner",
                "projectEditor" => "roles/editor",
                "projectViewer" => "roles/viewer",
                _ => continue,
            };
            let project = format!("//cloudresourcemanager.googleapis.com/projects/{project}");
            let scopes = self.scopes_of(&project);
            let has = |held: &u32| {
                let binding = at(&self.bindings, *held);
                binding.is_some_and(|b| b.role == role && b.when.is_none() && scopes.contains(&b.scope))
            };
            let holders = self.held.iter().filter(|(_, held)| held.iter().any(has));
            more.extend(holders.map(|(id, _)| (id.clone(), bindings.clone())));
        }
        for (id, bindings) in more {
            let held = self.held.entry(id).or_default();
            held.extend(bindings);
            held.sort_unstable();
            held.dedup();
        }
    }

    /// What Google gives its own accounts at first, where no policy of the project shows whether they still have it.
    fn defaults<'n>(&mut self, inventory: &Inventory, names: impl Iterator<Item = &'n String>) {
        for id in names {
            let Some(email) = id.strip_prefix("serviceAccount:") else { continue };
            let (Some(agent), Some(project)) = (Agent::of(email), self.hierarchy.project(id)) else { continue };
            let shown = self.places.get(&project).is_some_and(|at| self.bindings.iter().any(|b| b.scope == *at));
            if shown {
                continue;
            }
            let text = format!("{email} still has {}, which Google gives it at first", agent.role);
            self.conditions.push(When::Assumed(text));
            let when = Some(next(&self.conditions) - 1);
            let seen = self.place(&project);
            let evidence = inventory.get(id).and_then(|asset| asset.evidence.first().cloned()).unwrap_or_default();
            // it stands nowhere, so nothing there ends it
            let evidence = Evidence::file(evidence.path).excerpt(format!("{} to {email}, by default", agent.role));
            self.bindings.push(Binding { scope: seen, role: agent.role.clone(), when, evidence });
            let binding = next(&self.bindings) - 1;
            self.held.entry(id.clone()).or_default().push(binding);
        }
        // places may be new
        let ids: Vec<String> = self.facts.keys().cloned().collect();
        for id in ids {
            let scopes = self.scopes_of(&id);
            if let Some(facts) = self.facts.get_mut(&id) {
                facts.scopes = scopes;
            }
        }
    }

    /// The places on a resource and above it that have a policy.
    pub(super) fn scopes_of(&self, id: &str) -> Vec<u32> {
        let mut scopes: Vec<u32> =
            self.hierarchy.chain(id).iter().filter_map(|above| self.places.get(above)).copied().collect();
        scopes.sort_unstable();
        scopes
    }

    /// The same, looked up.
    pub(super) fn scopes_on(&self, id: &str) -> Vec<u32> {
        self.facts.get(id).map_or_else(|| self.scopes_of(id), |facts| facts.scopes.clone())
    }

    pub(super) fn facts(&self, id: &str) -> Option<&Facts> {
        self.facts.get(self.hierarchy.known(id))
    }

    pub(super) fn known<'a>(&'a self, id: &'a str) -> &'a str {
        self.hierarchy.known(id)
    }

    pub(super) fn names_of_project(&self, project: &str) -> &[String] {
        self.project_names.get(project).map_or(&[], Vec::as_slice)
    }

    pub(super) fn project(&self, id: &str) -> Option<String> {
        if is_gcp(id) || self.facts.contains_key(id) { self.hierarchy.project(id) } else { None }
    }

    /// How far down the hierarchy something lies.
    pub(super) fn depth(&self, id: &str) -> usize {
        self.hierarchy.chain(id).len()
    }

    pub(super) fn holds_anything(&self, principal: &str) -> bool {
        self.held.contains_key(principal)
    }

    /// Whoever can be somebody: no sets, and the internet only where everybody holds something.
    pub(super) fn principals(&self) -> impl Iterator<Item = &str> {
        let acting =
            |id: &&str| member::is_member(id) && !id.starts_with("domain:") && !id.starts_with("principalSet:");
        let known = move |id: &&str| acting(id) || !member::is_member(id);
        self.held.keys().map(String::as_str).filter(|id| *id != AssetId::INTERNET).filter(known)
    }

    /// Principals with the places that they own without a condition.
    pub(super) fn owners(&self) -> impl Iterator<Item = (String, String)> {
        self.held.iter().flat_map(|(id, held)| {
            let owned = held.iter().filter_map(|at_| at(&self.bindings, *at_));
            let owned = owned.filter(|b| b.role == "roles/owner" && b.when.is_none());
            owned.filter_map(|b| Some((id.clone(), at(&self.scopes, b.scope)?.clone())))
        })
    }

    /// A principal's bindings whose role holds a permission.
    pub(super) fn allowing(&self, principal: &str, permission: &str) -> Vec<u32> {
        let held = self.held.get(principal).into_iter().flatten().copied();
        held.filter(|place| at(&self.bindings, *place).is_some_and(|b| self.roles.hold(&b.role, permission))).collect()
    }

    /// Whether policies of a resource, or above it, are known, and all roles that they give a principal.
    pub(super) fn decides(&self, principal: &str, resource: &str) -> bool {
        let scopes = self.scopes_on(resource);
        let held = self.held.get(principal).into_iter().flatten().filter_map(|place| at(&self.bindings, *place));
        let mut roles = held.filter(|binding| scopes.contains(&binding.scope)).map(|binding| &binding.role);
        !scopes.is_empty() && roles.all(|role| self.roles.knows(role))
    }

    /// Whether a principal has this role somewhere, on this condition at most.
    pub(super) fn with_role(&self, principal: &str, role: &str) -> Vec<u32> {
        let held = self.held.get(principal).into_iter().flatten().copied();
        held.filter(|place| at(&self.bindings, *place).is_some_and(|b| b.role == role)).collect()
    }

    pub(super) fn role_holds(&self, role: &str, permission: &str) -> bool {
        self.roles.hold(role, permission)
    }

    /// Whether a principal is one of these; `Err` names a set whose members are not known.
    pub(super) fn is_among(&self, principal: &str, who: &[Denied]) -> Result<bool, String> {
        let keys = self.keys.get(principal);
        let mut unknown = None;
        for one in who {
            let found = match one {
                Denied::Everyone => true,
                Denied::Member(key) => keys.is_some_and(|keys| keys.contains(key)),
                Denied::AccountsOf(holder) => {
                    let holder = self.hierarchy.known(holder).to_owned();
                    principal.starts_with("serviceAccount:") && self.hierarchy.chain(principal).contains(&holder)
                }
                Denied::Unknown(set) => {
                    unknown = Some(set.clone());
                    false
                }
            };
            if found {
                return Ok(true);
            }
        }
        unknown.map_or(Ok(false), Err)
    }
}

/// Tags on a resource and whether they are all: searches list the effective ones.
fn tags(asset: &Asset) -> (Vec<(String, String)>, bool) {
    let rows = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let get = |key: &str| asset.properties.get(key);
    let effective = get("effectiveTags").or_else(|| get("effective_tags"));
    let listed = effective.map(rows).unwrap_or_default();
    let inner = listed
        .iter()
        .flat_map(|row| row.get("effectiveTags").or_else(|| row.get("effective_tags")).map(rows).unwrap_or_default());
    let own = get("tags").map(rows).unwrap_or_default();
    let mut tags = Vec::new();
    for row in inner.chain(own) {
        let text = |keys: [&str; 2]| keys.iter().find_map(|key| row.get(*key)?.as_str().map(str::to_owned));
        for keys in [["tagKey", "tag_key"], ["tagKeyId", "tag_key_id"]] {
            let value =
                if keys.contains(&"tagKey") { ["tagValue", "tag_value"] } else { ["tagValueId", "tag_value_id"] };
            if let (Some(key), Some(value)) = (text(keys), text(value)) {
                tags.push((key, value));
            }
        }
    }
    (tags, effective.is_some())
}

pub(super) fn at<T>(list: &[T], place: u32) -> Option<&T> {
    list.get(usize::try_from(place).ok()?)
}

fn next<T>(list: &[T]) -> u32 {
    // four thousand million bindings do not fit into memory
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}
