//! Run-time messages against the estate: which assets were attacked or leaked, and where that was recorded.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::asset::{Asset, AssetId, AssetKind, Event, Evidence, Inventory, RelationKind, TextRole};
use crate::discover::Discovery;
use crate::monitor::figures;
use crate::text::sensitive::data_class;
use crate::text::{Detector, Detectors};

/// Most places kept per asset and detector.
const EVIDENCE_LIMIT: usize = 20;

/// Least share of a system prompt that is worth a place among those of answers that repeat it.
const REPEATED: f64 = 0.1;

/// What one detector found in the messages of one asset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Hits {
    /// Messages with at least one match.
    pub(super) messages: usize,
    /// Types of match, with how many.
    pub(super) types: BTreeMap<String, usize>,
    /// Data sets that the messages repeat, by asset id.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) datasets: BTreeSet<String>,
    /// The messages' places, at most 20; excerpts name the type, never the text.
    pub(super) evidence: Vec<Evidence>,
}

/// Hits by asset, detector and role.
pub(super) type HitMap = BTreeMap<(AssetId, Detector, TextRole), Hits>;

/// Looks at every message, in parallel; the result does not depend on the order of work. What repeats a known data set is
/// a hit on that, too. Linear in the texts.
pub(super) fn hits(events: &[Event], inventory: &Inventory, detectors: &Detectors) -> HitMap {
    let found: Vec<_> = events.par_iter().map(|event| detectors.detect(&event.text, event.role)).collect();
    let mut hits = HitMap::new();
    let mut known = Known::default();
    for (event, detection) in events.iter().zip(found) {
        if detection.matches.is_empty() {
            continue;
        }
        let asset = known.resolve(&event.asset, inventory);
        let mut counted = Vec::new();
        for m in &detection.matches {
            let Ok(detector) = m.detector.parse::<Detector>() else { continue };
            if detector == Detector::Pii && !identifies(&m.kind) {
                continue;
            }
            let data_set = inventory.get(&m.rule).filter(|_| detector == Detector::KnownData).map(|asset| &asset.id);
            for asset in std::iter::once(&asset).chain(data_set) {
                let hits = hits.entry((asset.clone(), detector, event.role)).or_default();
                *hits.types.entry(m.kind.to_string()).or_default() += 1;
                if detectors.known_data().any(|known| known == m.rule) {
                    hits.datasets.insert(m.rule.to_string());
                }
                if counted.contains(&(detector, asset.clone())) {
                    continue;
                }
                counted.push((detector, asset.clone()));
                hits.messages += 1;
                if hits.evidence.len() < EVIDENCE_LIMIT {
                    hits.evidence.push(event.evidence.clone().excerpt(format!("{detector}: {}", m.kind)));
                }
            }
        }
    }
    hits
}

/// Whether a type of personal data says who somebody is or what they own; a date, a name of a city or a link in an
/// answer is no leak.
fn identifies(kind: &str) -> bool {
    match data_class(kind) {
        Some("personal") => !matches!(kind, "DATE_TIME" | "PERSON" | "NRP" | "AGE"),
        class => matches!(class, Some("government_id" | "payment" | "financial" | "health")),
    }
}

/// Assets that logs meant, by the names they gave.
#[derive(Default)]
struct Known(HashMap<AssetId, AssetId>);

impl Known {
    fn resolve(&mut self, named: &AssetId, inventory: &Inventory) -> AssetId {
        self.0.entry(named.clone()).or_insert_with(|| resolve(named, inventory)).clone()
    }
}

/// Gives messages and calls the ids of the assets that they mean; where there is none of that name, of the log that they
/// stand in. O(messages + names · assets).
pub(super) fn settle(discovery: &mut Discovery) {
    let Discovery { inventory, events, calls, .. } = discovery;
    let mut known = Known::default();
    let log = |id: AssetId, place: Option<&Evidence>| match place {
        Some(place) if inventory.get(id.as_str()).is_none() => AssetId::from(format!("file:{}", place.path)),
        _ => id,
    };
    for event in events {
        event.asset = log(known.resolve(&event.asset, inventory), Some(&event.evidence));
    }
    calls.rename(|id, calls| Some(log(resolve(id, inventory), calls.place.as_ref())));
}

/// Writes into each asset what its messages and calls show, for rules to judge: how many there are by role (`messages`),
/// which data sets were looked for in them (`watched_data`), which tools were called (`tools_called`) and how (`dangerous_calls`), how much of its system prompt came back
/// (`prompt_leak`), and what [`monitor`](crate::monitor) says of its habits.
pub(super) fn describe(discovery: &mut Discovery, detectors: &Detectors) {
    let Discovery { inventory, events, calls, .. } = discovery;
    let mut messages = BTreeMap::<&AssetId, BTreeMap<TextRole, u64>>::new();
    let mut repeated = BTreeMap::<&AssetId, Vec<(f64, &Evidence)>>::new();
    for event in events.iter() {
        *messages.entry(&event.asset).or_default().entry(event.role).or_default() += 1;
        if let Some(share) = event.repeats_system_prompt {
            repeated.entry(&event.asset).or_default().push((share, &event.evidence));
        }
    }
    let mut told: Vec<(AssetId, &'static str, Value)> = Vec::new();
    let watched: Vec<&str> = detectors.known_data().collect();
    for (asset, by_role) in messages {
        if !watched.is_empty() && by_role.contains_key(&TextRole::Output) {
            told.push((asset.clone(), "watched_data", json!(watched)));
        }
        told.push((asset.clone(), "messages", serde_json::to_value(by_role).unwrap_or_default()));
    }
    for (asset, mut shares) in repeated {
        shares.sort_by(|a, b| b.0.total_cmp(&a.0));
        let most = shares.first().map_or(0.0, |(share, _)| (share * 100.0).round() / 100.0);
        let places = shares.iter().filter(|(share, _)| *share >= REPEATED).map(|(_, place)| place);
        let places: Vec<_> = places.take(EVIDENCE_LIMIT).collect();
        told.push((asset.clone(), "prompt_leak", json!({ "share": most, "evidence": places })));
    }
    for (asset, calls) in calls.assets.iter().filter(|(_, calls)| !calls.tools.is_empty()) {
        let tools: Vec<&String> = calls.tools.keys().collect();
        told.push((asset.clone(), "tools_called", json!(tools)));
        if calls.dangerous_calls > 0 {
            let figure = json!({ "calls": calls.dangerous_calls, "evidence": calls.dangerous });
            told.push((asset.clone(), "dangerous_calls", figure));
        }
    }
    for (asset, figures) in figures(calls, events) {
        told.extend(figures.into_iter().map(|(name, figure)| (asset.clone(), name, figure)));
    }
    for (asset, name, figure) in told {
        if let Some(asset) = inventory.get_mut(asset.as_str()) {
            asset.properties.insert(name.to_owned(), figure);
        }
    }
}

/// The asset a log means: its id, or the one system, application, agent or endpoint of that name.
pub(super) fn resolve(named: &AssetId, inventory: &Inventory) -> AssetId {
    let kinds = [AssetKind::System, AssetKind::Application, AssetKind::Agent, AssetKind::Endpoint];
    let name = named.as_str().rsplit([':', '/']).next().unwrap_or_default();
    let same = |kind: AssetKind| {
        inventory.assets().find(|a| a.kind == kind && (a.name == name || a.id.as_str() == name)).map(|a| a.id.clone())
    };
    kinds.into_iter().find_map(same).unwrap_or_else(|| named.clone())
}

/// Writes hits into the assets' `observed` property, where rules read them:
/// `{"output": {"pii": {"messages": 2, "types": {"EMAIL_ADDRESS": 3}, "evidence": [{"path": "log.jsonl", "line": 7}]}}}`.
/// Numbers add to those that are there.
pub(super) fn record(hits: HitMap, inventory: &mut Inventory) {
    for ((asset, detector, role), mut hits) in hits {
        let Some(asset) = inventory.get_mut(asset.as_str()) else { continue };
        let slot =
            ["observed", role.as_str(), detector.as_str()].into_iter().try_fold(&mut asset.properties, |map, key| {
                map.entry(key).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
            });
        let Some(slot) = slot else { continue };
        let before = serde_json::from_value::<Hits>(Value::Object(slot.clone())).unwrap_or_default();
        hits.messages += before.messages;
        before.types.into_iter().for_each(|(kind, count)| *hits.types.entry(kind).or_default() += count);
        hits.datasets.extend(before.datasets);
        hits.evidence.splice(..0, before.evidence);
        hits.evidence.truncate(EVIDENCE_LIMIT);
        if let Ok(Value::Object(hits)) = serde_json::to_value(&hits) {
            *slot = hits;
        }
    }
}

/// In how many messages of an asset something was found: by role, the most that one detector found.
pub(super) fn attacks(asset: &Asset) -> usize {
    let Some(roles) = asset.properties.get("observed").and_then(Value::as_object) else { return 0 };
    let messages = |hits: &Value| hits.get("messages").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let most = |role: &Value| role.as_object().and_then(|role| role.values().filter_map(messages).max());
    roles.values().filter_map(most).fold(0, usize::saturating_add)
}

/// The asset and everything a hit on it bears on: what contains it or it contains, serves, exposes, uses or runs as,
/// both ways, through at most `depth` relations; the internet is not passed. O(relations met · log n).
pub(super) fn neighbourhood(id: &AssetId, inventory: &Inventory, depth: usize) -> BTreeSet<AssetId> {
    use RelationKind::{Contains, Exposes, HasTool, Invokes, RunsAs, Serves, Uses};
    let close = |kind| matches!(kind, Contains | Exposes | HasTool | Invokes | RunsAs | Serves | Uses);
    let mut near = BTreeSet::from([id.clone()]);
    let mut ring = vec![id.clone()];
    for _ in 0..depth {
        let mut next = Vec::new();
        for id in &ring {
            let out = inventory.outgoing(id.as_str()).filter(|r| close(r.kind)).map(|r| &r.to);
            let into = inventory.incoming(id.as_str()).filter(|r| close(r.kind)).map(|r| &r.from);
            for other in out.chain(into).filter(|other| other.as_str() != AssetId::INTERNET) {
                if near.insert(other.clone()) {
                    next.push(other.clone());
                }
            }
        }
        ring = next;
    }
    near
}

#[cfg(test)]
mod tests;
