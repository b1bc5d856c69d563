//! From where things are reached, decided when all files are read.
//!
//! Readers say what one description says: a load balancer faces the internet, a Service has a public address, a group
//! lets in 0.0.0.0/0. Whether traffic arrives takes several of these together. This room's answer is three-valued, and
//! stands in three places that agree:
//!
//! - the relation `internet exposes X`, where the answer is yes or conditional, with every fact as its evidence;
//! - `X.exposure`: public, restricted (only from some addresses), internal;
//! - the property `reachability` of X:
//!   `{"internet": "yes|conditional|no", "conditions": […], "from": ["internet", "cluster", "network", "private endpoint",
//!   "machine"], "because": [{"says", "path", "line"|"pointer"}], "authentication", "rate_limit", "logging"}`.
//!
//! Attack paths read `internet` and `conditions`: what is not reached is on no path from outside, and what is reached
//! under a condition makes the path conditional.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use crate::asset::{Asset, AssetId, AssetKind, Evidence, Exposure, Inventory, Relation, RelationKind, flag};

mod aws;
mod azure;
mod bucket;
mod field;
mod firewall;
mod flow;
mod gcp;
mod kubernetes;
mod net;
mod policy;
mod protect;
mod table;
mod verdict;

#[cfg(test)]
mod tests;

pub(super) use kubernetes::selects;

use table::Roles;
use verdict::{Answer, Fact, Verdict};

/// The property that holds the answer.
const REACHABILITY: &str = "reachability";

/// Most facts that are kept of one answer.
const FACTS: usize = 16;

/// Decides from where everything is reached, and says so.
pub(super) fn join(inventory: &mut Inventory) {
    let mut verdicts = Verdicts::default();
    let roles = Roles::of(inventory);
    aws::judge(inventory, &roles, &mut verdicts);
    gcp::judge(inventory, &roles, &mut verdicts);
    azure::judge(inventory, &roles, &mut verdicts);
    policy::judge(&roles, &mut verdicts);
    kubernetes::judge(inventory, &mut verdicts);
    bucket::judge(inventory, &roles, &mut verdicts);
    settle(inventory, &verdicts);
    let ways = flow::carry(inventory, &verdicts);
    describe(inventory, ways);
    protect::describe(inventory);
}

/// What was decided.
#[derive(Default)]
struct Verdicts {
    /// What the internet reaches by itself.
    own: BTreeMap<AssetId, Verdict>,
    /// What stands between one that passes traffic on and the next.
    walls: HashMap<(AssetId, AssetId), Verdict>,
}

impl Verdicts {
    /// Says of an asset whether the internet reaches it; of two ways one is enough.
    fn say(&mut self, id: &AssetId, verdict: Verdict) {
        let verdict = match self.own.remove(id) {
            Some(known) => known.or(verdict),
            None => verdict,
        };
        self.own.insert(id.clone(), verdict);
    }

    /// Says that an asset is not reached, whatever else was found.
    fn forbid(&mut self, id: &AssetId, verdict: Verdict) {
        self.own.insert(id.clone(), verdict);
    }

    fn wall(&mut self, from: &AssetId, to: &AssetId, verdict: Verdict) {
        let key = (from.clone(), to.clone());
        let verdict = match self.walls.remove(&key) {
            Some(known) => known.or(verdict),
            None => verdict,
        };
        self.walls.insert(key, verdict);
    }
}

/// Makes relations and exposures what was decided.
fn settle(inventory: &mut Inventory, verdicts: &Verdicts) {
    let shut = |id: &AssetId| verdicts.own.get(id).is_some_and(|verdict| verdict.answer == Answer::No);
    if verdicts.own.values().any(|verdict| verdict.answer == Answer::No) {
        let is = |r: &Relation| r.kind == RelationKind::Exposes && r.from.as_str() == AssetId::INTERNET && shut(&r.to);
        if inventory.outgoing(AssetId::INTERNET).any(is) {
            inventory.retain_relations(|relation| !is(relation));
        }
    }
    for (id, verdict) in &verdicts.own {
        let Some(asset) = inventory.get_mut(id.as_str()) else { continue };
        if asset.kind == AssetKind::Bucket && verdict.answer == Answer::No {
            // what attack rules ask before they read a bucket's policy
            asset.properties.insert("restrict_public_buckets".into(), true.into());
        }
        asset.exposure = match (verdict.answer, verdict.restricted) {
            (Answer::No, _) => Some(Exposure::Internal),
            (Answer::Yes, _) => Some(Exposure::Public),
            (Answer::Conditional, true) => Some(Exposure::Restricted),
            // what is not known is not claimed
            (Answer::Conditional, false) => asset.exposure,
        };
        if verdict.answer > Answer::No {
            let relation = Relation::new(AssetId::INTERNET, RelationKind::Exposes, id.clone());
            inventory.relate(verdict.facts.iter().take(FACTS).filter_map(shown).fold(relation, Relation::seen));
        }
    }
}

/// A fact as evidence.
fn shown(fact: &Fact) -> Option<Evidence> {
    Some(fact.evidence.clone()?.excerpt(&fact.says))
}

/// Writes the answers down.
fn describe(inventory: &mut Inventory, ways: BTreeMap<AssetId, Verdict>) {
    let places: HashMap<AssetId, Vec<&'static str>> =
        ways.keys().filter_map(|id| Some((id.clone(), places(inventory, inventory.get(id.as_str())?)))).collect();
    for (id, verdict) in ways {
        let Some(asset) = inventory.get_mut(id.as_str()).filter(|asset| is_reached(asset)) else { continue };
        let because: Vec<Value> = verdict.facts.iter().take(FACTS).map(fact).collect();
        let mut said = Map::from_iter([("internet".to_owned(), Value::from(verdict.answer.as_str()))]);
        let from = places.get(&id).into_iter().flatten();
        let internet = (verdict.answer > Answer::No).then_some("internet");
        said.insert("from".into(), internet.into_iter().chain(from.copied()).collect::<Vec<_>>().into());
        if verdict.answer == Answer::Conditional {
            said.insert("conditions".into(), verdict.conditions.into());
        }
        if !because.is_empty() {
            said.insert("because".into(), because.into());
        }
        asset.properties.insert(REACHABILITY.into(), said.into());
    }
}

/// From where besides the internet something is reached, as far as that shows.
fn places(inventory: &Inventory, asset: &Asset) -> Vec<&'static str> {
    use table::Role::{AzureMachine, Balancer, Database, GcpMachine, Machine};
    let role = table::role(asset);
    let private = || {
        let mut into = inventory.incoming(asset.id.as_str()).filter(|r| r.kind == RelationKind::Exposes);
        into.any(|r| inventory.get(r.from.as_str()).and_then(table::role) == Some(table::Role::PrivateEndpoint))
    };
    let set = |key: &str| asset.properties.get(key).and_then(flag) == Some(true);
    let known = [
        (asset.exposure == Some(Exposure::Local), "machine"),
        (asset.id.as_str().starts_with("k8s://") && asset.exposure != Some(Exposure::Local), "cluster"),
        (matches!(role, Some(Machine | Balancer | Database | GcpMachine | AzureMachine)), "network"),
        (set("private_endpoint") || private(), "private endpoint"),
    ];
    known.into_iter().filter(|(is, _)| *is).map(|(_, place)| place).collect()
}

fn fact(fact: &Fact) -> Value {
    let mut value = json!({ "says": fact.says });
    if let (Some(evidence), Some(map)) = (&fact.evidence, value.as_object_mut()) {
        map.insert("path".into(), evidence.path.as_ref().into());
        match (evidence.line, &evidence.pointer) {
            (Some(line), _) => map.insert("line".into(), line.into()),
            (None, Some(pointer)) => map.insert("pointer".into(), pointer.as_str().into()),
            (None, None) => None,
        };
    }
    value
}

/// Whether it makes sense to ask from where an asset is reached.
fn is_reached(asset: &Asset) -> bool {
    use AssetKind::{
        Agent, Application, Bucket, Cluster, Database, Dataset, Endpoint, FeatureStore, Function, McpServer,
        ModelRegistry, Node, Notebook, VectorStore, Workload,
    };
    let kind = asset.kind;
    asset.ai && kind == AssetKind::Resource
        || matches!(
            kind,
            Agent
                | Application
                | Bucket
                | Cluster
                | Database
                | Dataset
                | Endpoint
                | FeatureStore
                | Function
                | McpServer
                | ModelRegistry
                | Node
                | Notebook
                | VectorStore
                | Workload
        )
}

fn evidence_of(asset: &Asset) -> Option<Evidence> {
    asset.evidence.first().cloned()
}

/// What people call it.
fn name_of(asset: &Asset) -> &str {
    &asset.name
}
