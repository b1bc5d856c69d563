//! What network policies let in to the pods that they select.
//!
//! Policies only ever allow: a pod that none selects takes everything, one that some select takes what any of these
//! allows. From outside, traffic comes in one of two ways: a load balancer or node passes it on to the pod, or a pod of an
//! ingress controller or gateway does.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::field::strings;
use super::net::{ALL_PORTS, Addresses, Protocol, Reach, Space};
use super::table::words;
use super::verdict::Verdict;
use super::{Verdicts, evidence_of};
use crate::asset::{Asset, AssetId, Exposure, Inventory, RelationKind};

/// The label that every namespace bears with its own name.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Words in the names of what forwards traffic from outside, and of the namespaces that it runs in.
const FORWARDERS: &[&str] =
    &["ingress", "gateway", "istio-system", "traefik", "envoy", "contour", "haproxy", "kong", "nginx"];

/// Whether a selector (`matchLabels`, `matchExpressions`) selects what has these labels. One that cannot be understood
/// selects nothing.
pub(in crate::discover) fn selects(selector: &Value, labels: &Map<String, Value>) -> bool {
    let label = |key: &str| labels.get(key).and_then(Value::as_str);
    let equal = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
    let expressions = selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten();
    equal.into_iter().all(|(key, value)| labels.get(key) == Some(value))
        && expressions.into_iter().all(|expression| {
            let text = |key: &str| expression.get(key).and_then(Value::as_str);
            let (Some(key), Some(operator)) = (text("key"), text("operator")) else { return false };
            let values = expression.get("values").and_then(Value::as_array);
            let listed = || values.is_some_and(|values| label(key).is_some_and(|own| values.iter().any(|v| v == own)));
            match operator {
                "In" => listed(),
                "NotIn" => !listed(),
                "Exists" => labels.contains_key(key),
                "DoesNotExist" => !labels.contains_key(key),
                _ => false,
            }
        })
}

/// Says of Services and Ingresses from which addresses they are reached, where they list these, and that a port of the
/// nodes is reached only if a node is. Linear.
pub(super) fn judge(inventory: &Inventory, verdicts: &mut Verdicts) {
    for asset in inventory.assets().filter(|asset| asset.exposure > Some(Exposure::Internal)) {
        let Some(kind) = asset.text("kubernetes_kind") else { continue };
        let here = evidence_of(asset);
        let own = asset.properties.get("loadBalancerSourceRanges").map_or_else(Vec::new, |list| strings(list, &[]));
        let annotations = asset.properties.get("annotations").and_then(Value::as_object).into_iter().flatten();
        let named = annotations.filter(|(key, _)| words("source_annotations").any(|end| key.ends_with(end)));
        let listed = named.filter_map(|(_, value)| value.as_str()).flat_map(|text| text.split(','));
        let ranges: Vec<&str> = own.into_iter().chain(listed).map(str::trim).filter(|text| !text.is_empty()).collect();
        let from: Vec<Addresses> = ranges.iter().copied().filter_map(Addresses::parse).collect();
        if !from.is_empty() && from.len() == ranges.len() {
            let says = format!("{kind} {} lets in {}", asset.name, ranges.join(", "));
            let space = Space::internet().and(&Space::of(&from, &Protocol::ALL, ALL_PORTS));
            let verdict = match space.reach() {
                Reach::Anyone => Verdict::yes(says, here),
                Reach::Some(from) => Verdict::from_addresses(&from, says, here),
                Reach::Nobody => Verdict::no(says, here),
            };
            verdicts.say(&asset.id, verdict);
        } else if kind == "Service" && asset.text("service_type") == Some("NodePort") {
            let says = format!("Service {} opens a port of every node", asset.name);
            verdicts
                .say(&asset.id, Verdict::only_if("a node of the cluster has an address on the internet", says, here));
        }
    }
}

/// The policies that hold traffic back from each workload.
pub(super) struct Walls {
    policies: HashMap<AssetId, Vec<AssetId>>,
    /// Namespaces in which something forwards traffic, by cluster and name; empty where none is among the files.
    forwarding: HashSet<(String, String)>,
}

impl Walls {
    pub(super) fn of(inventory: &Inventory) -> Self {
        let mut walls = Self { policies: HashMap::new(), forwarding: HashSet::new() };
        for relation in inventory.relations().filter(|r| r.kind == RelationKind::AppliesTo) {
            let policy = inventory.get(relation.from.as_str());
            if policy.is_some_and(|p| p.text("kubernetes_kind") == Some("NetworkPolicy") && is_inward(p)) {
                walls.policies.entry(relation.to.clone()).or_default().push(relation.from.clone());
            }
        }
        if !walls.policies.is_empty() {
            let forwards = |asset: &&Asset| asset.properties.contains_key("pod_labels") && is_forwarder(&asset.name);
            let places = inventory.assets().filter(forwards).filter_map(place);
            walls.forwarding = places.map(|(cluster, name)| (cluster.to_owned(), name.to_owned())).collect();
        }
        walls
    }

    /// What stands between a Service or route and a workload; `None` where no policy selects it. `direct` is traffic that
    /// comes from a load balancer or node, other comes from pods that forward it.
    pub(super) fn between(&self, inventory: &Inventory, from: &Asset, to: &Asset, direct: bool) -> Option<Verdict> {
        let policies = self.policies.get(&to.id)?;
        let mut verdict: Option<Verdict> = None;
        for policy in policies.iter().filter_map(|id| inventory.get(id.as_str())) {
            let found = self.policy(policy, from, to, direct);
            verdict = Some(match verdict {
                Some(known) => known.or(found),
                None => found,
            });
        }
        verdict
    }

    fn policy(&self, policy: &Asset, from: &Asset, to: &Asset, direct: bool) -> Verdict {
        let shut = || {
            Verdict::no(
                format!("NetworkPolicy {} keeps outside traffic from {}", policy.name, to.name),
                evidence_of(policy),
            )
        };
        let rules = policy.properties.get("ingress").and_then(Value::as_array);
        let ways = rules.into_iter().flatten().filter(|rule| reaches(rule, from)).map(|rule| {
            let peers = rule.get("from").and_then(Value::as_array).filter(|peers| !peers.is_empty());
            match peers {
                None => Verdict::yes(format!("NetworkPolicy {} lets everything in", policy.name), evidence_of(policy)),
                Some(peers) => {
                    let blocks = blocks(peers, policy, direct);
                    let pods = peers.iter().filter(|_| !direct).filter_map(|peer| self.pods(peer, policy));
                    pods.chain(blocks).reduce(Verdict::or).unwrap_or_else(shut)
                }
            }
        });
        ways.reduce(Verdict::or).unwrap_or_else(shut)
    }

    /// Whether pods that a peer selects forward traffic.
    fn pods(&self, peer: &Value, policy: &Asset) -> Option<Verdict> {
        let (cluster, own) = place(policy)?;
        let here = evidence_of(policy);
        let named = |name: &str| self.forwarding.contains(&(cluster.to_owned(), name.to_owned()));
        let Some(selector) = peer.get("namespaceSelector") else {
            // of its own namespace alone
            peer.get("podSelector")?;
            return named(own).then(|| {
                Verdict::yes(
                    format!(
                        "NetworkPolicy {} lets in pods of namespace {own}, where traffic is forwarded",
                        policy.name
                    ),
                    here,
                )
            });
        };
        let empty = Map::new();
        if selects(selector, &empty) && !has_terms(selector) {
            return Some(Verdict::yes(format!("NetworkPolicy {} lets in pods of every namespace", policy.name), here));
        }
        let labelled = |name: &str| {
            selects(
                selector,
                &Map::from_iter([(NAME_LABEL.to_owned(), Value::from(name)), ("name".to_owned(), name.into())]),
            )
        };
        let mut known =
            self.forwarding.iter().filter(|(of, _)| of == cluster).map(|(_, name)| name.as_str()).peekable();
        let terms = selector.to_string();
        let some = known.peek().is_some();
        if known.any(labelled) || !some && FORWARDERS.iter().any(|word| terms.contains(word)) {
            return Some(Verdict::yes(
                format!("NetworkPolicy {} lets in the namespace that forwards traffic", policy.name),
                here,
            ));
        }
        // the labels of a namespace are its owner's to choose; only its name is sure
        if some && terms.contains(NAME_LABEL) {
            return None;
        }
        let condition = format!(
            "what forwards traffic to namespace {} runs in a namespace that NetworkPolicy {} lets in",
            own, policy.name
        );
        Some(Verdict::only_if(
            condition,
            format!("NetworkPolicy {} lets in pods of some namespaces", policy.name),
            here,
        ))
    }
}

fn place(asset: &Asset) -> Option<(&str, &str)> {
    Some((asset.text("cluster")?, asset.text("namespace")?))
}

fn is_forwarder(name: &str) -> bool {
    FORWARDERS.iter().any(|word| name.contains(word))
}

fn has_terms(selector: &Value) -> bool {
    let full = |key: &str| match selector.get(key) {
        Some(Value::Object(map)) => !map.is_empty(),
        Some(Value::Array(list)) => !list.is_empty(),
        _ => false,
    };
    full("matchLabels") || full("matchExpressions")
}

/// Whether a policy is about incoming traffic: always, unless it says otherwise.
fn is_inward(policy: &Asset) -> bool {
    let types = policy.properties.get("policyTypes").and_then(Value::as_array).filter(|types| !types.is_empty());
    types.is_none_or(|types| types.iter().any(|kind| kind == "Ingress"))
}

/// Whether a rule is about the ports that a Service leads to. A port that is called by a name may be any.
fn reaches(rule: &Value, from: &Asset) -> bool {
    let Some(allowed) = rule.get("ports").and_then(Value::as_array).filter(|ports| !ports.is_empty()) else {
        return true;
    };
    let Some(served) = from.properties.get("ports").and_then(Value::as_array).filter(|ports| !ports.is_empty()) else {
        return true;
    };
    let protocol = |port: &Value| port.get("protocol").and_then(Value::as_str).unwrap_or("TCP").to_owned();
    served.iter().any(|service| {
        let target = service.get("targetPort").or_else(|| service.get("port"));
        allowed.iter().any(|rule| {
            if protocol(service) != protocol(rule) {
                return false;
            }
            match (target.and_then(Value::as_u64), rule.get("port")) {
                (_, None) => true,
                (Some(target), Some(low)) => low.as_u64().is_none_or(|low| {
                    let high = rule.get("endPort").and_then(Value::as_u64).unwrap_or(low);
                    (low..=high).contains(&target)
                }),
                (None, Some(_)) => true,
            }
        })
    })
}

/// What blocks of addresses let in.
fn blocks(peers: &[Value], policy: &Asset, direct: bool) -> Option<Verdict> {
    let all = peers.iter().filter_map(|peer| peer.get("ipBlock"));
    let mut space = Space::default();
    let mut texts = Vec::new();
    for block in all {
        let Some(text) = block.get("cidr").and_then(Value::as_str) else { continue };
        let Some(cidr) = Addresses::parse(text) else { continue };
        let except = block.get("except").and_then(Value::as_array).into_iter().flatten();
        let except: Vec<Addresses> = except.filter_map(|text| Addresses::parse(text.as_str()?)).collect();
        let of = |addresses: &[Addresses]| Space::of(addresses, &Protocol::ALL, ALL_PORTS);
        space.extend(&of(&[cidr]).without(&of(&except)));
        texts.push(text);
    }
    let here = evidence_of(policy);
    let list = texts.join(", ");
    let says = format!("NetworkPolicy {} lets in {list}", policy.name);
    match (Space::internet().and(&space).reach(), space.is_empty()) {
        (_, true) => None,
        (Reach::Anyone, _) => Some(Verdict::yes(says, here)),
        (Reach::Some(from), _) if direct => Some(Verdict::from_addresses(&from, says, here)),
        // the pod sees the address of what passed the traffic on
        _ => {
            let verdict = Verdict::only_if(format!("what passes traffic on to the pods sends from {list}"), says, here);
            Some(Verdict { restricted: true, ..verdict })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors() {
        let labels = json!({"app": "llm", "tier": "gpu"});
        let labels = labels.as_object().unwrap();
        for (selector, is) in [
            (json!({}), true),
            (json!({"matchLabels": {"app": "llm"}}), true),
            (json!({"matchLabels": {"app": "web"}}), false),
            (json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["llm", "web"]}]}), true),
            (json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["llm"]}]}), false),
            (json!({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["a"]}]}), true),
            (json!({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}), true),
            (json!({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}), false),
            (json!({"matchExpressions": [{"key": "tier", "operator": "Near"}]}), false),
        ] {
            assert_eq!(selects(&selector, labels), is, "{selector}");
        }
    }
}
