//! The inventory: assets and relations, joined on asset ids.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::BuildHasher;
use std::sync::OnceLock;

use foldhash::fast::RandomState;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Asset, AssetId, Relation, RelationKind};

/// All assets and relations of an estate, joined on asset ids. Iteration is in the order of ids, so that the same input
/// gives the same JSON.
///
/// Ids are numbered once and everything else speaks of numbers, so that adding and joining cost a hash of the id and
/// not comparisons of long ids; the order is found when it is first asked for, and forgotten when something new comes.
#[derive(Clone, Default)]
pub struct Inventory {
    /// The number of each id that an asset bears or a relation ends at.
    numbers: HashMap<AssetId, u32, RandomState>,
    nodes: Vec<Node>,
    relations: Vec<Relation>,
    /// The numbers of both ends of each relation, by its place.
    ends: Vec<(u32, u32)>,
    /// The place of each relation by its ends and kind.
    edges: HashMap<(u32, RelationKind, u32), u32, RandomState>,
    /// Numbers of all ids, by id.
    ids_in_order: OnceLock<Vec<u32>>,
    /// Places of relations, by `from`, kind and `to`.
    relations_in_order: OnceLock<Vec<u32>>,
    /// Names of properties that some asset has.
    properties: OnceLock<HashSet<Box<str>, RandomState>>,
    count: usize,
}

/// What bears an id. Walking from node to node looks no id up.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    id: AssetId,
    asset: Option<Box<Asset>>,
    outgoing: Ends,
    incoming: Ends,
}

impl Node {
    /// Whether an asset bears its id or a relation ends at it; an id that was renamed is not in use.
    fn is_used(&self) -> bool {
        self.asset.is_some() || !self.outgoing.places.is_empty() || !self.incoming.places.is_empty()
    }

    pub(crate) fn id(&self) -> &AssetId {
        &self.id
    }

    /// `None` if only relations name it.
    pub(crate) fn asset(&self) -> Option<&Asset> {
        self.asset.as_deref()
    }
}

/// Which way relations go, seen from a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Outgoing,
    Incoming,
}

/// Places of relations that meet at a node.
#[derive(Debug, Clone, Default)]
struct Ends {
    places: Vec<u32>,
    in_order: OnceLock<Vec<u32>>,
}

impl Ends {
    fn push(&mut self, place: u32) {
        self.places.push(place);
        self.in_order.take();
    }

    fn clear(&mut self) {
        self.places.clear();
        self.in_order.take();
    }

    /// The places by this key of their relations. O(n log n) once, until one is added.
    fn by<'r, K: Ord>(&self, relations: &'r [Relation], key: impl Fn(&'r Relation) -> K) -> &[u32] {
        if self.places.len() < 2 {
            return &self.places;
        }
        self.in_order.get_or_init(|| {
            let mut places = self.places.clone();
            places.sort_by_cached_key(|place| at(relations, *place).map(&key));
            places
        })
    }
}

fn at<T>(list: &[T], place: u32) -> Option<&T> {
    list.get(usize::try_from(place).ok()?)
}

fn at_mut<T>(list: &mut [T], place: u32) -> Option<&mut T> {
    list.get_mut(usize::try_from(place).ok()?)
}

/// The next place of a list.
fn next<T>(list: &[T]) -> u32 {
    // four thousand million assets do not fit into memory
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

impl Inventory {
    /// An empty inventory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn number(&mut self, id: &AssetId) -> u32 {
        match self.numbers.get(id) {
            Some(number) => *number,
            None => {
                let number = next(&self.nodes);
                self.numbers.insert(id.clone(), number);
                let (outgoing, incoming) = (Ends::default(), Ends::default());
                self.nodes.push(Node { id: id.clone(), asset: None, outgoing, incoming });
                self.ids_in_order.take();
                number
            }
        }
    }

    /// Adds an asset, or merges it into the one that has its id. O(1).
    pub fn add(&mut self, asset: Asset) {
        let number = self.number(&asset.id);
        self.put(number, Box::new(asset));
    }

    fn put(&mut self, number: u32, asset: Box<Asset>) {
        self.properties.take();
        let Some(node) = at_mut(&mut self.nodes, number) else { return };
        match &mut node.asset {
            Some(known) => known.merge(*asset),
            None => {
                node.asset = Some(asset);
                self.count += 1;
            }
        }
    }

    /// Adds a relation, or its evidence to the same one known already. Its ends need not be known. O(1).
    pub fn relate(&mut self, relation: Relation) {
        let (from, to) = (self.number(&relation.from), self.number(&relation.to));
        self.join(from, to, relation);
    }

    fn join(&mut self, from: u32, to: u32, relation: Relation) {
        let place = next(&self.relations);
        let known = *self.edges.entry((from, relation.kind, to)).or_insert(place);
        if let Some(known) = at_mut(&mut self.relations, known) {
            known.merge(relation);
            return;
        }
        self.relations.push(relation);
        self.ends.push((from, to));
        self.relations_in_order.take();
        if let Some(node) = at_mut(&mut self.nodes, from) {
            node.outgoing.push(place);
        }
        if let Some(node) = at_mut(&mut self.nodes, to) {
            node.incoming.push(place);
        }
    }

    /// Adds everything of another inventory. O(assets and relations of the other).
    pub fn extend(&mut self, other: Self) {
        if self.nodes.is_empty() {
            *self = other;
            return;
        }
        let Self { nodes, relations, ends, .. } = other;
        let mut renumbered = Vec::with_capacity(nodes.len());
        for node in nodes {
            // nothing speaks of an id that is not in use
            let number = if node.is_used() { self.number(&node.id) } else { 0 };
            renumbered.push(number);
            if let Some(asset) = node.asset {
                self.put(number, asset);
            }
        }
        for (relation, (from, to)) in relations.into_iter().zip(ends) {
            if let (Some(from), Some(to)) = (at(&renumbered, from), at(&renumbered, to)) {
                self.join(*from, *to, relation);
            }
        }
    }

    /// Takes away the relations that are not kept. O(n) in all that there is.
    pub(crate) fn retain_relations(&mut self, keep: impl Fn(&Relation) -> bool) {
        for node in &mut self.nodes {
            node.outgoing.clear();
            node.incoming.clear();
        }
        self.edges.clear();
        self.relations_in_order.take();
        let ends = std::mem::take(&mut self.ends);
        for (relation, (from, to)) in std::mem::take(&mut self.relations).into_iter().zip(ends) {
            if keep(&relation) {
                self.join(from, to, relation);
            }
        }
        self.ids_in_order.take();
    }

    /// Gives assets and the ends of relations the ids that these have become, none of which is renamed itself. Assets
    /// that become one are merged, those of the least rank first, and know their old ids as aliases. O(n log n) in what
    /// is renamed, O(n) in the rest.
    pub(crate) fn rename<S: BuildHasher>(
        &mut self,
        renamed: &HashMap<AssetId, AssetId, S>,
        rank: impl Fn(&AssetId) -> usize,
    ) {
        let mut became: HashMap<u32, u32, RandomState> = HashMap::default();
        let mut touched: Vec<Box<Asset>> = Vec::new();
        for (old, new) in renamed {
            if let Some(number) = self.numbers.remove(old) {
                let new = self.number(new);
                became.insert(number, new);
                let assets = [number, new].map(|number| at_mut(&mut self.nodes, number)?.asset.take());
                touched.extend(assets.into_iter().flatten());
            }
        }
        self.count -= touched.len();
        touched.sort_by_cached_key(|asset| (rank(&asset.id), asset.id.clone()));
        for mut asset in touched {
            if let Some(new) = renamed.get(&asset.id) {
                let old = std::mem::replace(&mut asset.id, new.clone());
                asset.aliases.insert(old);
            }
            let number = self.number(&asset.id);
            self.put(number, asset);
        }
        self.drop_borne_aliases();
        if !self.ends.iter().any(|(from, to)| became.contains_key(from) || became.contains_key(to)) {
            return;
        }
        for node in &mut self.nodes {
            node.outgoing.clear();
            node.incoming.clear();
        }
        self.edges.clear();
        let ends = std::mem::take(&mut self.ends);
        for (mut relation, (from, to)) in std::mem::take(&mut self.relations).into_iter().zip(ends) {
            let [new_from, new_to] = [from, to].map(|end| became.get(&end).copied().unwrap_or(end));
            // two ids of one thing related to each other say nothing
            if new_from == new_to && from != to {
                continue;
            }
            for (end, number) in [(&mut relation.from, new_from), (&mut relation.to, new_to)] {
                if let Some(node) = at(&self.nodes, number) {
                    *end = node.id.clone();
                }
            }
            self.join(new_from, new_to, relation);
        }
    }

    /// What bears an id of its own is another thing, so that id is no alias.
    fn drop_borne_aliases(&mut self) {
        let borne: Vec<bool> = self.nodes.iter().map(|node| node.asset.is_some()).collect();
        for asset in self.nodes.iter_mut().filter_map(|node| node.asset.as_deref_mut()) {
            let is_borne = |id: &AssetId| self.numbers.get(id).and_then(|number| at(&borne, *number)) == Some(&true);
            asset.aliases.retain(|alias| !is_borne(alias));
        }
    }

    /// What bears this id. O(1).
    pub(crate) fn node(&self, id: &str) -> Option<&Node> {
        at(&self.nodes, *self.numbers.get(id)?)
    }

    /// The asset of this id. O(1).
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Asset> {
        self.node(id)?.asset.as_deref()
    }

    /// The asset of this id, to change; its id must stay. O(1).
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Asset> {
        self.properties.take();
        at_mut(&mut self.nodes, *self.numbers.get(id)?)?.asset.as_deref_mut()
    }

    /// Whether an asset bears this id or a relation ends at it. O(1).
    pub(crate) fn mentions(&self, id: &str) -> bool {
        self.numbers.contains_key(id)
    }

    /// Every id that an asset bears or a relation ends at, in no order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &AssetId> {
        self.nodes.iter().filter(|node| node.is_used()).map(|node| &node.id)
    }

    /// Numbers of all ids, by id.
    fn in_order(&self) -> &[u32] {
        self.ids_in_order.get_or_init(|| {
            let mut order: Vec<(&AssetId, u32)> = self.nodes.iter().map(|node| &node.id).zip(0..).collect();
            order.sort_unstable();
            order.into_iter().map(|(_, number)| number).collect()
        })
    }

    /// Every asset, by id. O(n log n) when ids have come since it was last asked, else O(n).
    pub fn assets(&self) -> impl ExactSizeIterator<Item = &Asset> {
        let assets = self.in_order().iter().filter_map(|number| at(&self.nodes, *number)?.asset.as_deref());
        Exactly(assets, self.count)
    }

    /// Every asset, in no order, to change; ids must stay.
    pub(crate) fn assets_mut(&mut self) -> impl Iterator<Item = &mut Asset> {
        self.properties.take();
        self.nodes.iter_mut().filter_map(|node| node.asset.as_deref_mut())
    }

    /// Every relation, in no order, to change; ends and kinds must stay.
    pub(crate) fn relations_mut(&mut self) -> impl Iterator<Item = &mut Relation> {
        self.relations.iter_mut()
    }

    /// Every relation, by `from`, kind and `to`. O(n log n) when relations have come since it was last asked, else O(n).
    pub fn relations(&self) -> impl ExactSizeIterator<Item = &Relation> {
        let order = self.relations_in_order.get_or_init(|| {
            let mut ranks = vec![0; self.nodes.len()];
            for (rank, number) in (0_u32..).zip(self.in_order()) {
                if let Some(place) = at_mut(&mut ranks, *number) {
                    *place = rank;
                }
            }
            let rank = |number: u32| at(&ranks, number).copied();
            let key = |((from, kind, to), place): (&(u32, RelationKind, u32), &u32)| {
                ((rank(*from), *kind, rank(*to)), *place)
            };
            let mut order: Vec<_> = self.edges.iter().map(key).collect();
            order.sort_unstable();
            order.into_iter().map(|(_, place)| place).collect()
        });
        Exactly(order.iter().filter_map(|place| at(&self.relations, *place)), self.relations.len())
    }

    /// Relations that start at this asset, by kind and `to`. O(found log found) the first time, then O(found).
    pub fn outgoing<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a Relation> + use<'a> {
        let places = self.node(id).map(|node| self.places(node, Direction::Outgoing));
        places.into_iter().flatten().filter_map(|place| at(&self.relations, *place))
    }

    /// Relations that end at this asset, by `from` and kind. O(found log found) the first time, then O(found).
    pub fn incoming<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a Relation> + use<'a> {
        let places = self.node(id).map(|node| self.places(node, Direction::Incoming));
        places.into_iter().flatten().filter_map(|place| at(&self.relations, *place))
    }

    /// The places of a node's relations, in order. O(n log n) the first time, then O(1).
    fn places<'a>(&'a self, node: &'a Node, direction: Direction) -> &'a [u32] {
        match direction {
            Direction::Outgoing => node.outgoing.by(&self.relations, |relation| (relation.kind, &relation.to)),
            Direction::Incoming => node.incoming.by(&self.relations, |relation| (&relation.from, relation.kind)),
        }
    }

    /// How many relations a node has.
    pub(crate) fn degree(node: &Node, direction: Direction) -> usize {
        match direction {
            Direction::Outgoing => node.outgoing.places.len(),
            Direction::Incoming => node.incoming.places.len(),
        }
    }

    /// The i-th of a node's relations, in the order of [`outgoing`](Self::outgoing) or [`incoming`](Self::incoming), and
    /// its other end. O(1), but for the order as there.
    pub(crate) fn relation_of<'a>(
        &'a self,
        node: &'a Node,
        direction: Direction,
        i: usize,
    ) -> Option<(&'a Relation, &'a Node)> {
        self.joined(*self.places(node, direction).get(i)?, direction)
    }

    fn joined(&self, place: u32, direction: Direction) -> Option<(&Relation, &Node)> {
        let (from, to) = *at(&self.ends, place)?;
        let other = if direction == Direction::Outgoing { to } else { from };
        Some((at(&self.relations, place)?, at(&self.nodes, other)?))
    }

    /// A node's relations and their other ends, in the same order.
    pub(crate) fn relations_of<'a>(
        &'a self,
        node: &'a Node,
        direction: Direction,
    ) -> impl Iterator<Item = (&'a Relation, &'a Node)> {
        self.places(node, direction).iter().filter_map(move |place| self.joined(*place, direction))
    }

    /// Every asset with its node, by id.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&Asset, &Node)> {
        let nodes = self.in_order().iter().filter_map(|number| at(&self.nodes, *number));
        nodes.filter_map(|node| Some((node.asset()?, node)))
    }

    /// Whether some asset has a property of one of these names: where none has, no asset needs to be asked for it. O(1);
    /// the first time, and when assets may have changed since, O(properties of all assets), in parallel.
    pub(crate) fn has_property(&self, names: &[&str]) -> bool {
        let known = self.properties.get_or_init(|| {
            let assets = self.nodes.par_iter().filter_map(Node::asset);
            let names = assets.fold(HashSet::<&str, RandomState>::default, |mut names, asset| {
                names.extend(asset.properties.keys().map(String::as_str));
                names
            });
            let all = names.reduce(HashSet::default, |mut all, names| {
                all.extend(names);
                all
            });
            all.into_iter().map(Box::from).collect()
        });
        names.iter().any(|name| known.contains(*name))
    }

    /// Number of assets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no asset.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// An iterator of which it is known how much it gives.
struct Exactly<I>(I, usize);

impl<I: Iterator> Iterator for Exactly<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.1 = self.1.saturating_sub(1);
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.1, Some(self.1))
    }
}

impl<I: Iterator> ExactSizeIterator for Exactly<I> {}

impl PartialEq for Inventory {
    fn eq(&self, other: &Self) -> bool {
        self.assets().eq(other.assets()) && self.relations().eq(other.relations())
    }
}

impl fmt::Debug for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (assets, relations) = (self.assets().collect::<Vec<_>>(), self.relations().collect::<Vec<_>>());
        f.debug_struct("Inventory").field("assets", &assets).field("relations", &relations).finish()
    }
}

/// How an inventory stands in JSON.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Inventory")]
struct Document {
    assets: Vec<Asset>,
    relations: Vec<Relation>,
}

impl Serialize for Inventory {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut document = serializer.serialize_struct("Inventory", 2)?;
        document.serialize_field("assets", &Listed(|| self.assets()))?;
        document.serialize_field("relations", &Listed(|| self.relations()))?;
        document.end()
    }
}

/// Serialises what an iterator gives as a list.
struct Listed<F>(F);

impl<T: Serialize, I: Iterator<Item = T>, F: Fn() -> I> Serialize for Listed<F> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0())
    }
}

impl<'de> Deserialize<'de> for Inventory {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Document { assets, relations } = Document::deserialize(deserializer)?;
        let mut inventory = Self::new();
        assets.into_iter().for_each(|asset| inventory.add(asset));
        relations.into_iter().for_each(|relation| inventory.relate(relation));
        Ok(inventory)
    }
}

impl JsonSchema for Inventory {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Inventory".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Document::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::{
        AssetKind, Authentication, Evidence, Exposure, ExternalFinding, OwnerClaim, OwnerSource, Severity,
    };

    fn sample() -> Inventory {
        let mut inventory = Inventory::new();
        inventory.add(Asset::new("arn:aws:s3:::records", AssetKind::Bucket, "records"));
        inventory.add(Asset::new("m", AssetKind::Model, "m").seen(Evidence::file("a.json").pointer("/m")));
        inventory.relate(Relation::new("m", RelationKind::TrainedOn, "arn:aws:s3:::records"));
        inventory.relate(Relation::new("m", RelationKind::Uses, "zz"));
        inventory.relate(Relation::new("n", RelationKind::Uses, "m"));
        inventory
    }

    #[test]
    fn names_of_properties_follow_the_assets() {
        let mut inventory = sample();
        assert!(!inventory.has_property(&["policy"]));
        inventory.get_mut("m").unwrap().properties.insert("policy".to_owned(), "p".into());
        assert!(inventory.has_property(&["other", "policy"]));
        inventory.add(Asset::new("n", AssetKind::Model, "n").with("region", "eu"));
        assert!(inventory.has_property(&["region"]));
        inventory.assets_mut().for_each(|asset| asset.properties.clear());
        assert!(!inventory.has_property(&["policy", "region"]));
    }

    #[test]
    fn relations_lead_to_their_other_ends() {
        let mut inventory = sample();
        let ends = |inventory: &Inventory, id: &str, direction| {
            let node = inventory.node(id).unwrap();
            let ends = inventory.relations_of(node, direction).enumerate();
            let ends = ends.map(|(i, (relation, other))| {
                let (same, _) = inventory.relation_of(node, direction, i).unwrap();
                assert_eq!(same, relation);
                (relation.kind, other.id().as_str().to_owned())
            });
            ends.collect::<Vec<_>>()
        };
        let uses = (RelationKind::Uses, "zz".to_owned());
        let trained = (RelationKind::TrainedOn, "arn:aws:s3:::records".to_owned());
        let mut outgoing = vec![uses, trained.clone()];
        outgoing.sort();
        assert_eq!(ends(&inventory, "m", Direction::Outgoing), outgoing);
        assert_eq!(ends(&inventory, "m", Direction::Incoming), [(RelationKind::Uses, "n".to_owned())]);
        assert!(inventory.node("zz").unwrap().asset().is_none());
        inventory.retain_relations(|relation| relation.kind == RelationKind::TrainedOn);
        assert_eq!(ends(&inventory, "m", Direction::Outgoing), [trained]);
        assert_eq!(Inventory::degree(inventory.node("m").unwrap(), Direction::Incoming), 0);
        let mut other = Inventory::new();
        other.relate(Relation::new("a", RelationKind::Uses, "m"));
        other.extend(inventory);
        assert_eq!(ends(&other, "m", Direction::Incoming), [(RelationKind::Uses, "a".to_owned())]);
    }

    #[test]
    fn json_round_trips() {
        let inventory = sample();
        let text = serde_json::to_string(&inventory).unwrap();
        assert_eq!(serde_json::from_str::<Inventory>(&text).unwrap(), inventory);
    }

    #[test]
    fn relations_are_found_from_both_ends() {
        let inventory = sample();
        let to = |id: &str| inventory.outgoing(id).map(|r| r.to.to_string()).collect::<Vec<_>>();
        assert_eq!(to("m"), ["zz", "arn:aws:s3:::records"]);
        assert_eq!(to("n"), ["m"]);
        assert!(to("none").is_empty());
        assert_eq!(inventory.incoming("m").map(|r| r.from.as_str()).collect::<Vec<_>>(), ["n"]);
    }

    #[test]
    fn claims_and_findings_are_kept_side_by_side() {
        let mut inventory = Inventory::new();
        let place = |line| Evidence::file("f").line(line);
        for (source, owner, line) in
            [(OwnerSource::Tag, "b", 1), (OwnerSource::Declared, "a", 2), (OwnerSource::Tag, "b", 3)]
        {
            let mut asset = Asset::new("x", AssetKind::Bucket, "x");
            asset.claim(OwnerClaim::new(source, owner, place(line)));
            asset.report(ExternalFinding::new("Prowler", "r", Severity::High, "t", place(line)));
            inventory.add(asset);
        }
        let asset = inventory.get("x").unwrap();
        assert_eq!((asset.owner.as_deref(), asset.owner_claims.len()), (Some("a"), 2));
        assert_eq!((asset.external_findings.len(), asset.external_findings[0].evidence.len()), (1, 3));
    }

    #[test]
    fn evidence_is_bounded_and_activity_adds_up() {
        let mut inventory = Inventory::new();
        for file in 0..100 {
            for line in 0..100 {
                let evidence = Evidence::file(format!("{file}")).line(line);
                inventory.add(Asset::new("x", AssetKind::Bucket, "x").seen(evidence.clone()));
                let relation =
                    Relation::new("a", RelationKind::Invokes, "x").happened(Some("2026-01-01")).seen(evidence);
                inventory.relate(relation);
            }
        }
        let relation = inventory.relations().next().unwrap();
        assert_eq!((inventory.get("x").unwrap().evidence.len(), relation.evidence.len()), (64, 64));
        assert_eq!(relation.activity.as_ref().unwrap().count, 10_000);
    }

    #[test]
    fn merging_keeps_the_wider_exposure_and_the_weaker_authentication() {
        let mut inventory = Inventory::new();
        let mut narrow = Asset::new("e", AssetKind::Endpoint, "e");
        narrow.exposure = Some(Exposure::Internal);
        narrow.authentication = Some(Authentication::Identity);
        let mut wide = narrow.clone();
        wide.exposure = Some(Exposure::Public);
        wide.authentication = Some(Authentication::None);
        inventory.add(wide);
        inventory.add(narrow);
        let merged = inventory.get("e").unwrap();
        assert_eq!((merged.exposure, merged.authentication), (Some(Exposure::Public), Some(Authentication::None)));
    }

    proptest::proptest! {
        #[test]
        fn parts_in_any_order_make_the_same_inventory(
            entries in proptest::collection::vec((0..6_usize, 0..3_usize, 0..6_usize), 0..40),
            cut in 0..40_usize,
        ) {
            let kinds = [RelationKind::Uses, RelationKind::Reads, RelationKind::Serves];
            let make = |entries: &[(usize, usize, usize)]| {
                let mut inventory = Inventory::new();
                for (from, kind, to) in entries {
                    if from != to {
                        inventory.add(Asset::new(from.to_string(), AssetKind::Model, "m"));
                    }
                    inventory.relate(Relation::new(from.to_string(), kinds[*kind], to.to_string()));
                }
                inventory
            };
            let whole = make(&entries);
            let (one, other) = entries.split_at(cut.min(entries.len()));
            let mut parts = make(other);
            parts.extend(make(one));
            proptest::prop_assert_eq!(&parts, &whole);
            let ids: Vec<&AssetId> = whole.assets().map(|asset| &asset.id).collect();
            proptest::prop_assert!(ids.is_sorted() && ids.len() == whole.len());
            let key = |r: &Relation| (r.from.clone(), r.kind, r.to.clone());
            let all: Vec<_> = whole.relations().map(key).collect();
            proptest::prop_assert!(all.is_sorted());
            for end in 0..6_usize {
                let id = end.to_string();
                let out: Vec<_> = whole.outgoing(&id).map(key).collect();
                proptest::prop_assert_eq!(out, all.iter().filter(|r| r.0.as_str() == id).cloned().collect::<Vec<_>>());
                let into: Vec<_> = whole.incoming(&id).map(key).collect();
                proptest::prop_assert_eq!(into, all.iter().filter(|r| r.2.as_str() == id).cloned().collect::<Vec<_>>());
            }
        }
    }
}
