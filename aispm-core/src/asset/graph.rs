//! Lineage as a graph: from where data and models come, and where they go.
//!
//! Edges run with the data: source → dataset → training job → model → registry entry → deployment → endpoint →
//! application or agent → tool. They are the inventory's relations, turned where a relation is told from the other end
//! (`model trained_on dataset` is an edge from the data set to the model). Identity, ownership and placement are no
//! lineage.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use petgraph::algo::{tarjan_scc, toposort};
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use petgraph::visit::{EdgeRef, IntoEdgeReferences};
use petgraph::{Direction, Incoming, Outgoing};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AssetId, AssetKind, InheritedClass, Inventory, Relation, RelationKind};

/// Most classes of data that are followed along lineage.
const CLASS_LIMIT: usize = 256;

/// The lineage of an inventory, as a [`petgraph`] graph of asset ids.
///
/// ```
/// use aispm_core::asset::{Asset, AssetKind, Inventory, LineageQuery, Relation, RelationKind};
///
/// let mut inventory = Inventory::new();
/// let mut tickets = Asset::new("s3://acme/tickets", AssetKind::Dataset, "tickets");
/// tickets.data_classes.insert("customer".to_owned());
/// inventory.add(tickets);
/// inventory.add(Asset::new("m", AssetKind::Model, "m"));
/// inventory.add(Asset::new("e", AssetKind::Endpoint, "e"));
/// inventory.relate(Relation::new("m", RelationKind::TrainedOn, "s3://acme/tickets"));
/// inventory.relate(Relation::new("e", RelationKind::Serves, "m"));
///
/// let question = LineageQuery::of_class("customer").through(AssetKind::Model).kind(AssetKind::Endpoint);
/// let answers = inventory.graph().answer(&inventory, &question);
/// assert_eq!(answers[0].asset.as_str(), "e");
/// assert_eq!(answers[0].chain.len(), 3);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Lineage {
    graph: StableDiGraph<AssetId, RelationKind>,
    nodes: HashMap<AssetId, NodeIndex>,
}

/// A question to the lineage: what lies downstream (or upstream) of some assets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineageQuery {
    /// Start at these assets.
    pub from: BTreeSet<AssetId>,
    /// Start at the assets that themselves hold one of these classes of data.
    pub classes: BTreeSet<String>,
    /// Against the data: what it comes from.
    pub upstream: bool,
    /// Only along chains that pass an asset of this kind between their ends.
    pub through: Option<AssetKind>,
    /// Only assets of this kind.
    pub kind: Option<AssetKind>,
}

/// An asset that a question found, and a shortest chain that shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct LineageAnswer {
    /// The asset.
    pub asset: AssetId,
    /// From where the question started to the asset, both included.
    pub chain: Vec<AssetId>,
}

impl LineageQuery {
    /// What comes from this asset.
    pub fn of(id: impl Into<AssetId>) -> Self {
        Self { from: BTreeSet::from([id.into()]), ..Self::default() }
    }

    /// What comes from the assets that hold this class of data.
    pub fn of_class(class: impl Into<String>) -> Self {
        Self { classes: BTreeSet::from([class.into()]), ..Self::default() }
    }

    /// What it comes from, instead of what comes from it.
    #[must_use]
    pub fn upstream(mut self) -> Self {
        self.upstream = true;
        self
    }

    /// Only along chains that pass an asset of this kind between their ends.
    #[must_use]
    pub fn through(mut self, kind: AssetKind) -> Self {
        self.through = Some(kind);
        self
    }

    /// Only assets of this kind.
    #[must_use]
    pub fn kind(mut self, kind: AssetKind) -> Self {
        self.kind = Some(kind);
        self
    }
}

/// The direction in which data goes along a relation: from the first to the second end.
fn flow<'r>(inventory: &Inventory, relation: &'r Relation) -> Option<(&'r AssetId, &'r AssetId)> {
    use RelationKind::{
        Contains, DeployedBy, DerivedFrom, Exposes, HasTool, Invokes, LogsTo, Prompts, Reads, RetrievesFrom, Serves,
        TrainedOn, Uses, Writes,
    };
    let Relation { kind, from, to, .. } = relation;
    let data = |id: &AssetId| {
        let kind = inventory.get(id.as_str()).map(|asset| asset.kind);
        kind.is_some_and(|kind| kind.is_data() || matches!(kind, AssetKind::ModelRegistry | AssetKind::Model))
    };
    let opens = |id: &AssetId| {
        let kind = inventory.get(id.as_str()).map(|asset| asset.kind);
        kind.is_some_and(|kind| kind.is_identity() || matches!(kind, AssetKind::Secret | AssetKind::Policy))
    };
    match kind {
        // a key opens data, it is not part of it
        Uses | Reads if opens(to) => None,
        TrainedOn | DerivedFrom | Serves | Reads | Invokes | RetrievesFrom | Uses | Prompts | DeployedBy => {
            Some((to, from))
        }
        Exposes if from.as_str() != AssetId::INTERNET => Some((to, from)),
        Writes | HasTool | LogsTo => Some((from, to)),
        // what a bucket or registry holds comes from it; what an account or a folder holds does not
        Contains if data(from) => Some((from, to)),
        _ => None,
    }
}

/// Whether classes of data go along this kind of relation.
fn carries(kind: RelationKind) -> bool {
    !matches!(kind, RelationKind::HasTool | RelationKind::DeployedBy | RelationKind::Prompts)
}

impl Lineage {
    /// The graph of an inventory. O(n log n).
    #[must_use]
    pub fn new(inventory: &Inventory) -> Self {
        let mut lineage = Self::default();
        for relation in inventory.relations() {
            if let Some((from, to)) = flow(inventory, relation) {
                let (from, to) = (lineage.node(from), lineage.node(to));
                lineage.graph.add_edge(from, to, relation.kind);
            }
        }
        lineage
    }

    fn node(&mut self, id: &AssetId) -> NodeIndex {
        match self.nodes.get(id) {
            Some(node) => *node,
            None => {
                let node = self.graph.add_node(id.clone());
                self.nodes.insert(id.clone(), node);
                node
            }
        }
    }

    /// The graph itself, for every algorithm of `petgraph`.
    #[must_use]
    pub fn as_petgraph(&self) -> &StableDiGraph<AssetId, RelationKind> {
        &self.graph
    }

    /// The node of an asset; `None` if it takes no part in lineage.
    #[must_use]
    pub fn index(&self, id: &str) -> Option<NodeIndex> {
        self.nodes.get(id).copied()
    }

    /// Everything that an asset comes from, nearest first. O(nodes + edges).
    #[must_use]
    pub fn ancestors(&self, id: &str) -> Vec<AssetId> {
        self.reached(id, Incoming)
    }

    /// Everything that comes from an asset, nearest first. O(nodes + edges).
    #[must_use]
    pub fn descendants(&self, id: &str) -> Vec<AssetId> {
        self.reached(id, Outgoing)
    }

    fn reached(&self, id: &str, direction: Direction) -> Vec<AssetId> {
        let Some(start) = self.index(id) else { return Vec::new() };
        let mut seen = BTreeSet::from([start]);
        let mut queue = VecDeque::from([start]);
        let mut reached = Vec::new();
        while let Some(node) = queue.pop_front() {
            for next in self.neighbours(node, direction) {
                if seen.insert(next) {
                    reached.extend(self.graph.node_weight(next).cloned());
                    queue.push_back(next);
                }
            }
        }
        reached
    }

    /// Neighbours by id, so that results do not depend on the order of edges.
    fn neighbours(&self, node: NodeIndex, direction: Direction) -> Vec<NodeIndex> {
        let mut near: Vec<NodeIndex> = self.graph.neighbors_directed(node, direction).collect();
        near.sort_by_key(|near| self.graph.node_weight(*near));
        near.dedup();
        near
    }

    /// Every asset after all that it comes from; an error names one asset on a cycle. O(nodes + edges).
    pub fn order(&self) -> Result<Vec<AssetId>, AssetId> {
        match toposort(&self.graph, None) {
            Ok(order) => Ok(order.into_iter().filter_map(|node| self.graph.node_weight(node).cloned()).collect()),
            Err(cycle) => Err(self.graph.node_weight(cycle.node_id()).cloned().unwrap_or_else(|| AssetId::from(""))),
        }
    }

    /// Groups of assets that come from one another, each in id order. O(nodes + edges).
    #[must_use]
    pub fn cycles(&self) -> Vec<Vec<AssetId>> {
        let groups = tarjan_scc(&self.graph).into_iter();
        let looped = |group: &Vec<NodeIndex>| {
            group.len() > 1 || group.first().is_some_and(|node| self.graph.contains_edge(*node, *node))
        };
        let mut cycles: Vec<Vec<AssetId>> = groups
            .filter(looped)
            .map(|group| {
                let mut ids: Vec<_> = group.into_iter().filter_map(|n| self.graph.node_weight(n).cloned()).collect();
                ids.sort();
                ids
            })
            .collect();
        cycles.sort();
        cycles
    }

    /// The lineage among these assets only. O(nodes + edges).
    #[must_use]
    pub fn subgraph<'i>(&self, ids: impl IntoIterator<Item = &'i AssetId>) -> Self {
        let kept: BTreeSet<NodeIndex> = ids.into_iter().filter_map(|id| self.index(id.as_str())).collect();
        let mut part = Self::default();
        for edge in (&self.graph).edge_references() {
            if kept.contains(&edge.source())
                && kept.contains(&edge.target())
                && let (Some(from), Some(to)) =
                    (self.graph.node_weight(edge.source()), self.graph.node_weight(edge.target()))
            {
                let (from, to) = (part.node(from), part.node(to));
                part.graph.add_edge(from, to, *edge.weight());
            }
        }
        for id in kept.into_iter().filter_map(|node| self.graph.node_weight(node)) {
            part.node(id);
        }
        part
    }

    /// Answers a question, nearest first and then by id, each with a shortest chain. O(nodes + edges), twice that with
    /// [`LineageQuery::through`].
    #[must_use]
    pub fn answer(&self, inventory: &Inventory, query: &LineageQuery) -> Vec<LineageAnswer> {
        type State = (NodeIndex, bool);
        let kind = |node: NodeIndex| Some(inventory.get(self.graph.node_weight(node)?.as_str())?.kind);
        let holders = inventory.assets().filter(|asset| !asset.data_classes.is_disjoint(&query.classes));
        let starts: BTreeSet<&AssetId> = query.from.iter().chain(holders.map(|asset| &asset.id)).collect();
        let starts: BTreeSet<NodeIndex> = starts.into_iter().filter_map(|id| self.index(id.as_str())).collect();
        let direction = if query.upstream { Incoming } else { Outgoing };
        let mut before: BTreeMap<State, Option<State>> = BTreeMap::new();
        let mut queue: VecDeque<State> = VecDeque::new();
        for start in &starts {
            let state = (*start, query.through.is_none());
            before.insert(state, None);
            queue.push_back(state);
        }
        let (mut answers, mut told) = (Vec::new(), starts.clone());
        while let Some(state) = queue.pop_front() {
            let (node, passed) = state;
            let fits = query.kind.is_none_or(|wanted| kind(node) == Some(wanted));
            if passed && fits && told.insert(node) {
                answers.extend(self.told(state, &before));
            }
            let inside = before.get(&state).is_some_and(Option::is_some);
            let passed = passed || (inside && query.through == kind(node));
            for next in self.neighbours(node, direction) {
                let next = (next, passed);
                if let Entry::Vacant(unseen) = before.entry(next) {
                    unseen.insert(Some(state));
                    queue.push_back(next);
                }
            }
        }
        answers
    }

    fn told(
        &self,
        end: (NodeIndex, bool),
        before: &BTreeMap<(NodeIndex, bool), Option<(NodeIndex, bool)>>,
    ) -> Option<LineageAnswer> {
        let mut chain = Vec::new();
        let mut state = Some(end);
        while let Some(current) = state {
            chain.extend(self.graph.node_weight(current.0).cloned());
            state = before.get(&current).copied().flatten();
        }
        chain.reverse();
        Some(LineageAnswer { asset: chain.last()?.clone(), chain })
    }

    /// Which classes of data come to which assets, each from the nearest asset that holds it itself. Also what is made
    /// from such data and called synthetic or anonymous carries its class: only a person can say that nothing of it is
    /// left. O(classes · (nodes + edges)), at most 256 classes.
    fn inherited(&self, inventory: &Inventory) -> BTreeMap<AssetId, BTreeSet<InheritedClass>> {
        let mut holders: BTreeMap<&str, Vec<&AssetId>> = BTreeMap::new();
        for asset in inventory.assets() {
            for class in asset.data_classes.iter().filter(|class| !matches!(class.as_str(), "public" | "synthetic")) {
                holders.entry(class).or_default().push(&asset.id);
            }
        }
        let mut inherited: BTreeMap<AssetId, BTreeSet<InheritedClass>> = BTreeMap::new();
        for (class, holders) in holders.into_iter().take(CLASS_LIMIT) {
            let mut seen: BTreeSet<NodeIndex> = holders.iter().filter_map(|id| self.index(id.as_str())).collect();
            let mut queue: VecDeque<(NodeIndex, &AssetId)> =
                holders.iter().filter_map(|id| Some((self.index(id.as_str())?, *id))).collect();
            while let Some((node, origin)) = queue.pop_front() {
                let edges = self.graph.edges_directed(node, Outgoing).filter(|edge| carries(*edge.weight()));
                let mut next: Vec<NodeIndex> = edges.map(|edge| edge.target()).collect();
                next.sort_by_key(|next| self.graph.node_weight(*next));
                for next in next {
                    if seen.insert(next) {
                        if let Some(id) = self.graph.node_weight(next) {
                            let entry = InheritedClass::new(class, origin.clone());
                            inherited.entry(id.clone()).or_default().insert(entry);
                        }
                        queue.push_back((next, origin));
                    }
                }
            }
        }
        inherited
    }
}

impl Inventory {
    /// Its lineage: see [`Lineage`]. O(n log n).
    #[must_use]
    pub fn graph(&self) -> Lineage {
        Lineage::new(self)
    }

    /// Answers a question to its lineage: see [`Lineage::answer`]. To ask several, keep the [`graph`](Self::graph).
    #[must_use]
    pub fn lineage(&self, query: &LineageQuery) -> Vec<LineageAnswer> {
        self.graph().answer(self, query)
    }

    /// Lets classes of data flow along lineage into [`inherited_classes`](super::Asset::inherited_classes), anew each
    /// time. O(classes · (assets + relations)).
    pub fn inherit_classes(&mut self) {
        let classified = self.assets().any(|asset| !asset.data_classes.is_empty());
        let mut inherited = if classified { self.graph().inherited(self) } else { BTreeMap::new() };
        for asset in self.assets_mut() {
            asset.inherited_classes = inherited.remove(&asset.id).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::Asset;

    fn estate() -> Inventory {
        let mut inventory = Inventory::new();
        for (id, kind) in [
            ("bucket", AssetKind::Bucket),
            ("synthetic", AssetKind::Dataset),
            ("job", AssetKind::TrainingJob),
            ("model", AssetKind::Model),
            ("endpoint", AssetKind::Endpoint),
            ("search", AssetKind::Endpoint),
            ("app", AssetKind::Application),
        ] {
            let mut asset = Asset::new(id, kind, id);
            match id {
                "bucket" => asset.data_classes.insert("customer".to_owned()),
                "synthetic" => asset.data_classes.insert("synthetic".to_owned()),
                _ => false,
            };
            inventory.add(asset);
        }
        for (from, kind, to) in [
            ("synthetic", RelationKind::DerivedFrom, "bucket"),
            ("job", RelationKind::Reads, "synthetic"),
            ("job", RelationKind::Writes, "model"),
            ("endpoint", RelationKind::Serves, "model"),
            ("search", RelationKind::Reads, "bucket"),
            ("app", RelationKind::Invokes, "endpoint"),
            ("app", RelationKind::RunsAs, "role"),
            ("internet", RelationKind::Exposes, "endpoint"),
        ] {
            inventory.relate(Relation::new(from, kind, to));
        }
        inventory
    }

    fn names(ids: &[AssetId]) -> Vec<&str> {
        ids.iter().map(AssetId::as_str).collect()
    }

    #[test]
    fn ancestors_descendants_order_and_subgraph() {
        let lineage = estate().graph();
        assert_eq!(names(&lineage.ancestors("endpoint")), ["model", "job", "synthetic", "bucket"]);
        assert_eq!(names(&lineage.descendants("bucket")), ["search", "synthetic", "job", "model", "endpoint", "app"]);
        let order = lineage.order().unwrap();
        let place = |id: &str| order.iter().position(|known| known.as_str() == id).unwrap();
        assert!(place("bucket") < place("job") && place("job") < place("model") && place("model") < place("app"));
        assert!(lineage.index("role").is_none() && lineage.index("internet").is_none());
        let part = lineage.subgraph([&AssetId::from("model"), &AssetId::from("endpoint")]);
        assert_eq!((part.as_petgraph().node_count(), part.as_petgraph().edge_count()), (2, 1));
    }

    #[test]
    fn cycles_are_told() {
        let mut inventory = estate();
        assert!(inventory.graph().cycles().is_empty());
        inventory.relate(Relation::new("bucket", RelationKind::DerivedFrom, "model"));
        let lineage = inventory.graph();
        assert_eq!(
            lineage.cycles().iter().map(|cycle| names(cycle)).collect::<Vec<_>>(),
            [["bucket", "job", "model", "synthetic"]]
        );
        assert!(lineage.order().is_err());
    }

    #[test]
    fn questions_have_answers_with_their_chain() {
        let inventory = estate();
        let lineage = inventory.graph();
        let query = LineageQuery::of_class("customer").kind(AssetKind::Endpoint);
        let answers = lineage.answer(&inventory, &query);
        assert_eq!(answers.iter().map(|answer| answer.asset.as_str()).collect::<Vec<_>>(), ["search", "endpoint"]);
        let answers = lineage.answer(&inventory, &query.through(AssetKind::Model));
        assert_eq!(answers.len(), 1);
        assert_eq!(names(&answers[0].chain), ["bucket", "synthetic", "job", "model", "endpoint"]);
        let up = lineage.answer(&inventory, &LineageQuery::of("app").upstream().kind(AssetKind::Bucket));
        assert_eq!(names(&up[0].chain).len(), 6);
    }

    #[test]
    fn classes_flow_through_synthetic_data() {
        let mut inventory = estate();
        inventory.inherit_classes();
        let of = |id: &str| inventory.get(id).unwrap().inherited_classes.iter().cloned().collect::<Vec<_>>();
        assert_eq!(of("app"), [InheritedClass::new("customer", "bucket")]);
        assert_eq!(of("bucket"), []);
        let once = inventory.clone();
        inventory.inherit_classes();
        assert_eq!(inventory, once);
    }

    proptest::proptest! {
        #[test]
        fn any_relations_make_a_lineage(
            edges in proptest::collection::vec((0..12_usize, 0..RelationKind::ALL.len(), 0..12_usize), 0..60),
        ) {
            let mut inventory = Inventory::new();
            for i in 0..12 {
                let mut asset = Asset::new(i.to_string(), AssetKind::ALL[i % AssetKind::ALL.len()], "x");
                asset.data_classes.insert(format!("c{}", i % 3));
                inventory.add(asset);
            }
            for (from, kind, to) in edges {
                inventory.relate(Relation::new(from.to_string(), RelationKind::ALL[kind], to.to_string()));
            }
            let lineage = inventory.graph();
            // down and up are each other's mirror
            for node in 0..12_usize {
                for below in lineage.descendants(&node.to_string()) {
                    let up = lineage.ancestors(below.as_str());
                    proptest::prop_assert!(up.iter().any(|id| id.as_str() == node.to_string()) || below.as_str() == node.to_string());
                }
            }
            proptest::prop_assert_eq!(lineage.order().is_ok(), lineage.cycles().is_empty());
            for answer in lineage.answer(&inventory, &LineageQuery::of_class("c1")) {
                for pair in answer.chain.windows(2) {
                    let (a, b) = (lineage.index(pair[0].as_str()).unwrap(), lineage.index(pair[1].as_str()).unwrap());
                    proptest::prop_assert!(lineage.as_petgraph().contains_edge(a, b));
                }
            }
            inventory.inherit_classes();
        }
    }
}
