//! The assets that attack rules speak of, numbered and indexed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::Value;

use super::rules::{Given, Rule};
use crate::asset::{Asset, AssetId, AssetKind, Direction, Inventory, Node as Place, Relation, RelationKind, flag};
use crate::identity::aws::{Change, Estate, Principal, PrincipalKind, Shown, service_of};
use crate::identity::{self, Authority, Decision, Platform};

mod fits;
mod name;

pub(super) use fits::is_one_of;

use name::{
    TYPED, account_of_root, kind_of_arn, name_of_arn, platform_of, repository_of, resource_type, session_role,
    type_of_id,
};

/// Assets are numbered from 0.
pub(super) type Ix = u32;

#[derive(Debug)]
pub(super) struct World<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) estate: Estate,
    nodes: Vec<Node<'a>>,
    index: HashMap<AssetId, Ix, foldhash::fast::RandomState>,
    by_kind: BTreeMap<AssetKind, Vec<Ix>>,
    by_type: HashMap<String, Vec<Ix>>,
    /// By namespace, project, resource group.
    by_container: HashMap<String, Vec<Ix>>,
    /// Roles by the services they trust.
    trusting: HashMap<String, Vec<Ix>>,
    /// Roles by the principals they name.
    naming: HashMap<String, Vec<Ix>>,
    /// Roles that trust everyone, or everyone but some.
    open: Vec<Ix>,
    /// Roles by the accounts they delegate to: first those that decide alike for all principals of it.
    delegating: HashMap<String, Delegating>,
    policied: Vec<Ix>,
    /// What was asked for by a name that the estate only has with a generated suffix, by what has it.
    asked_as: HashMap<Ix, Ix>,
    /// Images by the repository that holds them, where a tag names them: whoever pushes decides what they are.
    pushed: HashMap<Ix, Vec<Ix>>,
    authorities: Arc<[Box<dyn Authority>]>,
}

#[derive(Debug, Default)]
struct Delegating {
    /// In the account itself, without conditions: its principals' own policies decide alone.
    plain: Vec<Ix>,
    /// In other accounts, or with conditions.
    special: Vec<Ix>,
}

#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) id: AssetId,
    pub(super) kind: AssetKind,
    pub(super) name: Cow<'a, str>,
    pub(super) account: Option<String>,
    /// What it lives in within its account: a namespace, a project, a resource group.
    container: Option<String>,
    /// Its type as rules name it.
    r#type: Option<String>,
    pub(super) platform: Option<Platform>,
    pub(super) asset: Option<&'a Asset>,
    /// Its place among the estate's principals.
    principal: Option<usize>,
    pub(super) admin: bool,
    /// Worth reaching, or on the way to something that is: sensitive, asked for, or feeding a model.
    pub(super) interesting: bool,
}

impl<'a> World<'a> {
    /// `asked` are ids that the caller wants to know about, in the estate or well-formed ARNs.
    pub(super) fn new(inventory: &'a Inventory, asked: &[AssetId]) -> Self {
        let (estate, authorities) = rayon::join(|| Estate::new(inventory), || identity::authorities(inventory));
        let mut world = Self {
            inventory,
            nodes: Vec::new(),
            index: HashMap::default(),
            by_kind: BTreeMap::new(),
            by_type: HashMap::new(),
            by_container: HashMap::new(),
            trusting: HashMap::new(),
            naming: HashMap::new(),
            open: Vec::new(),
            delegating: HashMap::new(),
            policied: Vec::new(),
            asked_as: HashMap::new(),
            pushed: HashMap::new(),
            estate: Estate::default(),
            authorities: authorities.into(),
        };
        let typed = inventory.has_property(&TYPED);
        let assets = inventory.nodes().collect::<Vec<_>>();
        let nodes = assets.par_iter().map(|(asset, place)| Node {
            id: asset.id.clone(),
            kind: asset.kind,
            name: Cow::Borrowed(&asset.name),
            account: world.home(&estate, asset.id.as_str()),
            container: world.container_of(asset.id.as_str()),
            r#type: if typed { resource_type(asset) } else { type_of_id(asset.id.as_str()) }.map(str::to_owned),
            platform: platform_of(asset.id.as_str()),
            asset: Some(asset),
            principal: None,
            admin: false,
            interesting: asset.is_sensitive() || feeds(inventory, place) || is_token(asset),
        });
        world.nodes = nodes.collect();
        world.index_nodes();
        for principal in estate.principals().iter().filter(|p| p.kind == PrincipalKind::External) {
            world.add_named(&principal.id, AssetKind::User, &principal.name, Some(principal.account.clone()), None);
        }
        world.add_principals();
        world.add_named(&AssetId::from(AssetId::INTERNET), AssetKind::NetworkEntry, "internet", None, None);
        for id in asked.iter().filter(|id| service_of(id.as_str()).is_some()) {
            let meant = if world.index.contains_key(id) { None } else { world.with_suffix(id.as_str()) };
            let account = estate.home(id.as_str()).map(str::to_owned);
            world.add_named(id, kind_of_arn(id.as_str()), name_of_arn(id.as_str()), account, None);
            if let (Some(meant), Some(asked)) = (meant, world.ix(id.as_str())) {
                world.asked_as.insert(meant, asked);
                if let Some(node) = world.nodes.get_mut(at(meant)) {
                    node.interesting = true;
                }
            }
        }
        for id in asked {
            if let Some(node) = world.index.get(id).and_then(|ix| world.nodes.get_mut(at(*ix))) {
                node.interesting = true;
            }
        }
        world.index_trust(&estate);
        world.index_images();
        world.policied = estate.policied().filter_map(|id| world.ix(id.as_str())).collect();
        world.policied.sort_unstable();
        world.estate = estate;
        world
    }

    fn add(&mut self, node: Node<'a>) {
        self.nodes.push(node);
        self.index_nodes();
    }

    /// Takes the nodes that came since into the indexes.
    fn index_nodes(&mut self) {
        let known = self.index.len();
        let new = self.nodes.get(known..).unwrap_or_default();
        self.index.reserve(new.len());
        for (ix, node) in (Ix::try_from(known).unwrap_or(Ix::MAX)..).zip(new) {
            self.index.insert(node.id.clone(), ix);
            self.by_kind.entry(node.kind).or_default().push(ix);
            if let Some(kind) = &node.r#type {
                self.by_type.entry(kind.clone()).or_default().push(ix);
            }
            if let Some(container) = &node.container {
                self.by_container.entry(container.clone()).or_default().push(ix);
            }
        }
    }

    /// The only asset whose id is this one and a suffix as tools generate them: `-1a2b3c`, `-20240131235959`.
    fn with_suffix(&self, id: &str) -> Option<Ix> {
        let kind = kind_of_arn(id);
        let generated = |rest: &str| {
            let suffix = rest.strip_prefix(['-', '_', '.']).unwrap_or_default();
            suffix.len() >= 4
                && suffix.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
                && suffix.bytes().any(|b| b.is_ascii_digit())
        };
        let same_kind = self.by_kind.get(&kind).into_iter().flatten();
        let mut fits = same_kind.filter(|ix| {
            let rest = self.node(**ix).and_then(|node| node.id.as_str().strip_prefix(id));
            rest.is_some_and(generated)
        });
        fits.next().copied().filter(|_| fits.next().is_none())
    }

    /// The asset that was asked for when this one is what there is.
    pub(super) fn asked_as(&self, ix: Ix) -> Option<Ix> {
        self.asked_as.get(&ix).copied()
    }

    /// What was taken for what: the id asked for, and the asset.
    pub(super) fn taken_for(&self) -> impl Iterator<Item = (&AssetId, &AssetId)> {
        self.asked_as.iter().filter_map(|(ix, asked)| self.id(*asked).zip(self.id(*ix)))
    }

    fn add_named(&mut self, id: &AssetId, kind: AssetKind, name: &str, account: Option<String>, r#type: Option<&str>) {
        if !self.index.contains_key(id) {
            self.add(Node {
                id: id.clone(),
                kind,
                name: Cow::Owned(name.to_owned()),
                account,
                container: self.container_of(id.as_str()),
                r#type: r#type.map(str::to_owned),
                platform: platform_of(id.as_str()),
                asset: None,
                principal: None,
                admin: false,
                interesting: false,
            });
        }
    }

    /// The account, cluster, project or subscription of a resource.
    fn home(&self, estate: &Estate, id: &str) -> Option<String> {
        let elsewhere = || self.authorities.iter().find_map(|authority| authority.home(id));
        match platform_of(id) {
            None | Some(Platform::Aws) => estate.home(id).map(str::to_owned).or_else(elsewhere),
            Some(_) => elsewhere(),
        }
    }

    /// Principals that only the policies of a platform name, and who is administrator there.
    fn add_principals(&mut self) {
        let authorities = Arc::clone(&self.authorities);
        for authority in authorities.iter() {
            for new in authority.named() {
                self.add_named(&new.id, new.kind, &new.name, authority.home(new.id.as_str()), Some(new.r#type));
            }
            for id in authority.principals() {
                let name = id.as_str().rsplit(['/', ':']).next().unwrap_or(id.as_str());
                self.add_named(&id, AssetKind::User, name, authority.home(id.as_str()), None);
                let admin = authority.is_admin(id.as_str());
                if let Some(node) = self.index.get(&id).and_then(|ix| self.nodes.get_mut(at(*ix))) {
                    node.admin |= admin;
                }
            }
        }
    }

    /// The platforms besides AWS on which an asset may hold permissions.
    pub(super) fn authorities_of(&self, ix: Ix) -> impl Iterator<Item = &dyn Authority> {
        let id = self.id(ix).map(AssetId::as_str);
        self.authorities
            .iter()
            .map(Box::as_ref)
            .filter(move |authority| id.is_some_and(|id| authority.is_principal(id)))
    }

    pub(super) fn authorities(&self) -> impl Iterator<Item = &dyn Authority> {
        self.authorities.iter().map(Box::as_ref)
    }

    /// Where something new is made beside an asset.
    pub(super) fn container(&self, ix: Ix) -> Option<&str> {
        self.node(ix)?.container.as_deref()
    }

    fn container_of(&self, id: &str) -> Option<String> {
        self.authorities.iter().find_map(|authority| authority.container(id))
    }

    /// What lives in the same container.
    pub(super) fn beside(&self, ix: Ix) -> &[Ix] {
        self.container(ix).map_or(&[], |container| self.inside(container))
    }

    /// What lives in a container.
    pub(super) fn inside(&self, container: &str) -> &[Ix] {
        self.by_container.get(container).map_or(&[], Vec::as_slice)
    }

    fn index_trust(&mut self, estate: &Estate) {
        for (n, principal) in estate.principals().iter().enumerate() {
            let Some(ix) = self.ix(principal.id.as_str()) else { continue };
            if let Some(node) = self.nodes.get_mut(at(ix)) {
                node.principal = Some(n);
                node.admin |= estate.is_admin(principal, Change::default());
            }
            let services: BTreeSet<&str> = estate.services_of(principal).collect();
            for service in services {
                self.trusting.entry(service.to_owned()).or_default().push(ix);
            }
            let (names, anyone) = estate.named_by(principal);
            if anyone {
                self.open.push(ix);
            }
            for name in names {
                let role = session_role(&name);
                match name.strip_suffix(":root").and_then(account_of_root) {
                    Some(account) => {
                        let plain = principal.account == account && estate.trusts_plainly(principal);
                        let entry = self.delegating.entry(account.to_owned()).or_default();
                        if plain { &mut entry.plain } else { &mut entry.special }.push(ix);
                    }
                    None => self.naming.entry(role.unwrap_or(name)).or_default().push(ix),
                }
            }
        }
    }

    fn index_images(&mut self) {
        for image in self.by_kind.get(&AssetKind::ContainerImage).into_iter().flatten() {
            let asset = self.node(*image).and_then(|node| node.asset);
            let tagged = asset.filter(|asset| asset.provenance.pinned != Some(true));
            let Some(repository) = tagged.and_then(|asset| repository_of(&asset.name)) else { continue };
            if let Some(repository) = self.ix(&repository) {
                self.pushed.entry(repository).or_default().push(*image);
            }
        }
    }

    pub(super) fn node(&self, ix: Ix) -> Option<&Node<'a>> {
        self.nodes.get(at(ix))
    }

    pub(super) fn ix(&self, id: &str) -> Option<Ix> {
        self.index.get(id).copied()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (Ix, &Node<'a>)> {
        (0..).zip(&self.nodes)
    }

    pub(super) fn id(&self, ix: Ix) -> Option<&AssetId> {
        self.node(ix).map(|node| &node.id)
    }

    pub(super) fn principal(&self, ix: Ix) -> Option<&Principal> {
        self.estate.principals().get(self.node(ix)?.principal?)
    }

    pub(super) fn is_admin(&self, ix: Ix) -> bool {
        self.node(ix).is_some_and(|node| node.admin)
    }

    /// The names policies may use for an asset: its id, and what it is called in ARNs if the id is not one of AWS's.
    pub(super) fn arns(&self, ix: Ix) -> impl Iterator<Item = &str> {
        let node = self.node(ix);
        let alias = node.and_then(|node| node.asset).and_then(|asset| asset.text("aws_arn"));
        node.map(|node| node.id.as_str()).into_iter().chain(alias)
    }

    /// Roles whose trust policy may let this principal in, but for those that decide alike for his whole account.
    pub(super) fn letting_in(&self, principal: &Principal) -> Vec<Ix> {
        let named = self.naming.get(principal.id.as_str()).into_iter().flatten();
        let delegating = self.delegating.get(&principal.account);
        let special = delegating.map_or(&[][..], |d| &d.special);
        let mut roles: Vec<Ix> = named.chain(special).chain(&self.open).copied().collect();
        roles.sort_unstable();
        roles.dedup();
        roles
    }

    /// Roles of an account that leave it to the account's own policies who assumes them.
    pub(super) fn delegating(&self, account: &str) -> &[Ix] {
        self.delegating.get(account).map_or(&[], |d| &d.plain)
    }

    pub(super) fn open(&self) -> &[Ix] {
        &self.open
    }

    /// Candidates for a join whose other end is not bound: what the test's narrowest index holds.
    pub(super) fn candidates(&self, given: &Given, beside: Option<Ix>) -> Vec<Ix> {
        if let Some(beside) = beside {
            return self.beside(beside).to_vec();
        }
        if !given.trusts.is_empty() {
            let roles: BTreeSet<Ix> =
                given.trusts.iter().filter_map(|s| self.trusting.get(s)).flatten().copied().collect();
            return roles.into_iter().collect();
        }
        let is = &given.is;
        if is.r#type.is_empty() {
            is.kind.iter().filter_map(|kind| self.by_kind.get(kind)).flatten().copied().collect()
        } else {
            is.r#type.iter().filter_map(|kind| self.by_type.get(kind.as_str())).flatten().copied().collect()
        }
    }

    /// Whether a role's trust policy names one of these services.
    pub(super) fn trusts(&self, role: Ix, services: &[String]) -> bool {
        services.iter().any(|service| self.trusting.get(service).is_some_and(|roles| roles.contains(&role)))
    }

    /// The other ends of an asset's relations of this kind.
    pub(super) fn related(&self, ix: Ix, kind: RelationKind, back: bool) -> Vec<Ix> {
        let Some(id) = self.id(ix) else { return Vec::new() };
        let end = |relation: &Relation| self.ix(if back { relation.from.as_str() } else { relation.to.as_str() });
        if back {
            return self.inventory.incoming(id.as_str()).filter(|r| r.kind == kind).filter_map(end).collect();
        }
        let outgoing = |id: &AssetId| self.inventory.outgoing(id.as_str()).filter(|r| r.kind == kind).filter_map(end);
        let ends = outgoing(id);
        if kind == RelationKind::Contains {
            return ends.chain(self.pushed.get(&ix).into_iter().flatten().copied()).collect();
        }
        if kind != RelationKind::RunsAs {
            return ends.collect();
        }
        // an instance acts through its profile as the profile's role
        let through = |ix: Ix| match self.node(ix) {
            Some(node) if node.kind == AssetKind::Resource => outgoing(&node.id).collect(),
            _ => vec![ix],
        };
        ends.flat_map(through).collect()
    }

    /// Whether a relation from a principal only repeats a policy that one of his platforms decides itself. What was seen
    /// to happen is more than that.
    pub(super) fn repeats(&self, from: Ix, kind: RelationKind, to: Ix) -> bool {
        if !matches!(kind, RelationKind::Reads | RelationKind::Writes) {
            return false;
        }
        let (Some(from_id), Some(to_id)) = (self.id(from), self.id(to)) else { return false };
        let mut decided = self.authorities_of(from);
        decided.any(|authority| authority.decides(from_id.as_str(), to_id.as_str()))
            && self
                .inventory
                .outgoing(from_id.as_str())
                .any(|relation| relation.kind == kind && relation.to == *to_id && relation.activity.is_none())
    }

    /// What conditions may ask of an asset besides its ARN.
    pub(super) fn shown(&self, ix: Ix) -> Option<Shown<'_>> {
        let principal = self.principal(ix).map(Shown::Principal);
        principal.or_else(|| self.node(ix).and_then(|node| node.asset).map(Shown::Asset))
    }

    /// Resources that carry a policy of their own.
    pub(super) fn policied(&self) -> &[Ix] {
        &self.policied
    }

    /// Under which conditions traffic from outside arrives where a rule sends it; `None` where it does not. Discovery
    /// says so of whatever it judged, the rest takes what its relations say.
    pub(super) fn arrival(&self, rule: &Rule, binding: &[Ix]) -> Option<Vec<String>> {
        let mut conditions = Vec::new();
        let said = |ix: Ix| self.node(ix)?.asset?.properties.get("reachability");
        let shut = |said: &Value| said.get("internet").and_then(Value::as_str) == Some("no");
        // who reaches what the internet does not is inside already
        if binding.first().and_then(|p| said(*p)).is_some_and(shut) {
            return Some(conditions);
        }
        for given in rule.given.iter().filter(|given| given.by == Some(RelationKind::Exposes) && !given.back) {
            let asset = rule.slot(&given.var).and_then(|slot| binding.get(slot));
            let Some(said) = asset.and_then(|ix| said(*ix)) else { continue };
            if shut(said) {
                return None;
            }
            let more = said.get("conditions").and_then(serde_json::Value::as_array).into_iter().flatten();
            conditions.extend(more.filter_map(|condition| condition.as_str()).map(str::to_owned));
        }
        Some(conditions)
    }

    pub(super) fn is_policied(&self, ix: Ix) -> bool {
        self.policied.binary_search(&ix).is_ok()
    }

    /// Whether a resource's own policy denies anything, so that not all with the same rights are treated alike.
    pub(super) fn restricts(&self, ix: Ix) -> bool {
        self.is_policied(ix) && self.id(ix).is_some_and(|id| self.estate.restricts(id.as_str()))
    }

    /// The customer's key that an asset is encrypted with: `None` if with none, `Some(None)` if with one not shown.
    pub(super) fn key_of(&self, ix: Ix) -> Option<Option<Ix>> {
        let asset = self.node(ix)?.asset?;
        let is_key = |ix: &Ix| {
            let key = self.node(*ix);
            key.is_some_and(|key| key.id.as_str().contains(":kms:") || key.asset.and_then(resource_type) == Some(KEY))
        };
        let key = self.related(ix, RelationKind::Uses, false).into_iter().find(is_key);
        (key.is_some() || asset.encryption.customer_key == Some(true)).then_some(key)
    }

    /// Whether a key's own policy is known to leave it to identity policies who uses it.
    pub(super) fn delegates(&self, key: Ix) -> bool {
        let account = self.node(key).and_then(|node| node.account.as_deref());
        self.id(key).zip(account).is_some_and(|(id, account)| self.estate.delegates(id.as_str(), account))
    }

    /// Whether something is gained by it: AI, what models are made from, sensitive data, whom one can become.
    pub(super) fn is_of_value(&self, ix: Ix) -> bool {
        let ai = |node: &Node<'_>| node.asset.is_some_and(|asset| asset.ai);
        self.node(ix).is_some_and(|node| node.interesting || node.kind.is_identity() || ai(node))
    }

    /// Whether a setting beside a resource's policy keeps the public out.
    pub(super) fn blocks_public(&self, ix: Ix) -> bool {
        let asset = self.node(ix).and_then(|node| node.asset);
        let set = |key| asset.and_then(|a| a.properties.get(key)).and_then(flag) == Some(true);
        set("restrict_public_buckets") || set("block_public_policy")
    }

    /// Whether this role may assume that one, by both sides.
    pub(super) fn assumes(&self, from: Ix, to: Ix) -> Option<Vec<String>> {
        let (from, to) = (self.principal(from)?, self.principal(to)?);
        self.estate.assumes(from, to).conditions()
    }

    /// Whether a permission of this platform can be about an asset.
    pub(super) fn is_on(&self, ix: Ix, platform: Platform) -> bool {
        self.node(ix).is_some_and(|node| node.platform.is_none_or(|own| own == platform))
    }

    /// Whether two assets are in the same account, as far as known.
    pub(super) fn shares_account(&self, ix: Ix, account: &str) -> bool {
        self.node(ix).and_then(|node| node.account.as_deref()).is_none_or(|own| own == account)
    }

    /// Whether an asset is known to be in this account.
    pub(super) fn is_at_home(&self, ix: Ix, account: Option<&str>) -> bool {
        account.is_some() && self.node(ix).and_then(|node| node.account.as_deref()) == account
    }

    /// An asset of the input that shows that something exists: itself, what lives in it, what shares its account.
    pub(super) fn witness(&self, ix: Ix) -> Option<&Asset> {
        let asset = |ix: &Ix| self.node(*ix)?.asset;
        let account = self.node(ix)?.account.as_deref();
        let near = || self.beside(ix).iter().find_map(asset);
        let far =
            || self.nodes.iter().filter(|n| account.is_some() && n.account.as_deref() == account).find_map(|n| n.asset);
        asset(&ix).or_else(near).or_else(far)
    }

    /// The best decision over an asset's names.
    pub(super) fn best(&self, ix: Ix, decide: impl Fn(&str) -> Decision) -> Option<Vec<String>> {
        self.arns(ix).filter_map(|arn| decide(arn).conditions()).min_by_key(Vec::len)
    }
}

fn at(ix: Ix) -> usize {
    usize::try_from(ix).unwrap_or(usize::MAX)
}

/// Whether a model, store or data set is made from it, or from what lies in it.
fn feeds<'a>(inventory: &'a Inventory, node: &'a Place) -> bool {
    use RelationKind::{Contains, DerivedFrom, Reads, RetrievesFrom, TrainedOn};
    let kind = |node: &Place| node.asset().map(|asset| asset.kind);
    let made_from = |node: &'a Place| {
        inventory.relations_of(node, Direction::Incoming).any(|(relation, from)| match relation.kind {
            DerivedFrom | TrainedOn | RetrievesFrom => true,
            Reads => kind(from) == Some(AssetKind::TrainingJob),
            _ => false,
        })
    };
    let holds = |(relation, to): (&Relation, &'a Place)| {
        let model = || matches!(kind(to), Some(AssetKind::Model | AssetKind::ModelFile));
        relation.kind == Contains && (model() || kind(to) == Some(AssetKind::Dataset) && made_from(to))
    };
    made_from(node) || inventory.relations_of(node, Direction::Outgoing).any(holds)
}

/// Whether a secret holds a credential that attack rules lead on from.
fn is_token(asset: &Asset) -> bool {
    asset.text("secret_type") == Some("kubernetes.io/service-account-token")
}

/// What rules call an encryption key.
const KEY: &str = "aws_kms_key";
