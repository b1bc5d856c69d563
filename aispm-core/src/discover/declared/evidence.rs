//! Declared evidence: which types there are, which assets it reaches, and what of it has ended.

use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Apply, DeclaredEvidence, Facts, like};
use crate::asset::{Asset, AssetKind, Document, Evidence, Inventory, nearest};

/// The asset that stands for the organisation as a whole.
const ORGANISATION: &str = "organisation";
/// The property that lists what is declared of an asset.
const DECLARED: &str = "declared_evidence";

/// `data/discover/evidence.yaml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Types {
    asset: Vec<String>,
    organisation: Vec<String>,
}

const TYPES: &str = include_str!("../../../data/discover/evidence.yaml");

fn types() -> &'static Types {
    static TABLE: OnceLock<Types> = OnceLock::new();
    // a test checks that it loads; an empty one would only warn of every type
    TABLE.get_or_init(|| Document::config("evidence.yaml", TYPES).unwrap_or_default())
}

impl DeclaredEvidence {
    /// Whether it is about anything: what its type says of an asset must name one.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.asset.is_some() || !types().asset.contains(&self.kind)
    }
}

impl Apply<'_> {
    /// Writes each piece of evidence into the property `declared_evidence` of the assets it is about, with its place.
    pub(super) fn declared_evidence(&mut self) {
        let first = if self.facts.systems.is_empty() { None } else { Some("/systems/0".to_owned()) };
        let mut organisation = first.map(|pointer| self.organisation(&pointer));
        for (i, declared) in self.facts.evidence.iter().enumerate() {
            let pointer = format!("/evidence/{i}");
            let place = self.evidence(&pointer);
            self.check_type(declared, &place);
            let entry = entry(declared, &place);
            match &declared.asset {
                Some(pattern) => self.each(pattern, &pointer, |asset| list(asset, entry.clone())),
                None if !declared.counts() => {
                    let message = format!("{} names no asset, so it counts for none", declared.kind);
                    self.warn(&place, &message);
                }
                None => list(organisation.get_or_insert_with(|| self.organisation(&pointer)), entry),
            }
        }
        organisation.into_iter().for_each(|asset| self.inventory.add(asset));
    }

    fn organisation(&self, pointer: &str) -> Asset {
        Asset::new(ORGANISATION, AssetKind::Team, "The organisation").seen(self.evidence(pointer))
    }

    /// Warns of a type that nothing asks for.
    fn check_type(&mut self, declared: &DeclaredEvidence, place: &Evidence) {
        let known = || types().asset.iter().chain(&types().organisation).map(String::as_str);
        if known().any(|kind| kind == declared.kind) {
            return;
        }
        let meant = nearest(&declared.kind, known()).map(|kind| format!("; did you mean {kind:?}?"));
        let message = format!("{:?} is no known type of evidence{}", declared.kind, meant.unwrap_or_default());
        self.warn(place, &message);
    }
}

/// A piece of evidence as a rule sees it; also a place, as findings list them.
fn entry(declared: &DeclaredEvidence, place: &Evidence) -> Value {
    let (said, place) = (serde_json::to_value(declared), serde_json::to_value(place));
    let (Ok(Value::Object(mut said)), Ok(Value::Object(place))) = (said, place) else { return Value::Null };
    said.remove("asset");
    said.extend(place);
    Value::Object(said)
}

/// Adds to the list that an asset has of its evidence.
fn list(asset: &mut Asset, entry: Value) {
    if let Value::Array(list) = asset.properties.entry(DECLARED).or_insert_with(|| Value::Array(Vec::new())) {
        list.push(entry);
    }
}

impl Facts {
    /// Approvals and evidence whose last day is before `today` (RFC 3339 date), each as a sentence with its place.
    #[must_use]
    pub fn expired(&self, today: &str) -> Vec<String> {
        let sentence =
            |ended: Ended<'_>| format!("{}: {} ended on {}", ended.place.location(), ended.what, ended.until);
        self.ended(today).map(sentence).collect()
    }

    /// Writes into the property `expired` of each asset which of its approvals and evidence ended before `today`, unless
    /// other evidence of the same type or a later approval took its place. O(declarations · assets).
    pub(crate) fn mark_expired(&self, today: &str, inventory: &mut Inventory) {
        let today = today.get(..10).unwrap_or(today);
        for ended in self.ended(today) {
            let pattern = ended.asset.unwrap_or(ORGANISATION);
            let matching =
                inventory.assets().filter(|asset| like(pattern, asset.id.as_str()) && ended.counts(asset, today));
            let ids: Vec<_> = matching.map(|asset| asset.id.clone()).collect();
            for id in ids {
                let Some(asset) = inventory.get_mut(id.as_str()) else { continue };
                let told = asset.properties.entry("expired").or_insert_with(|| Value::Object(Map::new()));
                let what = format!("{} (ended on {})", ended.what, ended.until);
                let place = serde_json::to_value(&ended.place).unwrap_or_default();
                for (key, value) in [("what", what.into()), ("evidence", place)] {
                    let Some(map) = told.as_object_mut() else { continue };
                    let list = map.entry(key).or_insert_with(|| Value::Array(Vec::new()));
                    // a saved inventory may have been marked before
                    if let Some(list) = list.as_array_mut().filter(|list| !list.contains(&value)) {
                        list.push(value);
                    }
                }
            }
        }
    }

    fn ended<'a>(&'a self, today: &str) -> impl Iterator<Item = Ended<'a>> {
        let today = today.get(..10).unwrap_or(today).to_owned();
        let approvals = self.approvals.iter().enumerate().map(|(i, approval)| Ended {
            what: format!("the approval of {:?} by {}", approval.asset, approval.by),
            kind: None,
            asset: Some(&approval.asset),
            until: approval.until.as_deref().unwrap_or_default(),
            place: self.lines.0.evidence(&format!("/approvals/{i}")),
        });
        let evidence = self.evidence.iter().enumerate().map(|(i, evidence)| Ended {
            what: format!("the {} {:?}", evidence.kind, evidence.reference),
            kind: Some(&evidence.kind),
            asset: evidence.asset.as_deref(),
            until: evidence.expires.as_deref().unwrap_or_default(),
            place: self.lines.0.evidence(&format!("/evidence/{i}")),
        });
        approvals.chain(evidence).filter(move |ended| !ended.until.is_empty() && *ended.until < *today)
    }
}

/// A declaration whose last day has passed.
struct Ended<'a> {
    what: String,
    /// The type of evidence; `None` for an approval.
    kind: Option<&'a str>,
    asset: Option<&'a str>,
    until: &'a str,
    place: Evidence,
}

impl Ended<'_> {
    /// Whether an asset is the worse for it.
    fn counts(&self, asset: &Asset, today: &str) -> bool {
        let Some(kind) = self.kind else { return asset.text("approved_until") == Some(self.until) };
        let declared = asset.properties.get(DECLARED).and_then(Value::as_array).into_iter().flatten();
        let mut same = declared.filter(|entry| entry.get("type").and_then(Value::as_str) == Some(kind));
        same.clone().next().is_some()
            && !same.any(|entry| entry.get("expires").and_then(Value::as_str).is_none_or(|until| until >= today))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = r#"
systems:
  - { id: help, members: [m] }
approvals:
  - { asset: m, by: board, until: 2026-03-31 }
  - { asset: help, by: board, until: 2025-03-31 }
  - { asset: help, by: board, until: 2027-03-31 }
evidence:
  - { type: red-team, ref: R-1, asset: help, date: 2025-01-31, expires: 2026-01-31 }
  - { type: red-team, ref: R-2, asset: "m*", expires: 2026-01-31 }
  - { type: red-team, ref: R-3, asset: "m*", expires: 2027-01-31 }
  - { type: ai-literacy, ref: course, expires: 2026-01-31 }
  - { type: impact-asessment, ref: A-1, asset: help }
  - { type: model-card, ref: C-1 }
  - { type: house-rule, ref: H-1 }
"#;

    fn estate() -> (Facts, Inventory, Vec<String>) {
        let facts = Facts::from_yaml("f", YAML).unwrap();
        let mut inventory = Inventory::new();
        inventory.add(Asset::new("m", AssetKind::Model, "m"));
        let warnings = facts.apply(&mut inventory);
        (facts, inventory, warnings)
    }

    #[test]
    fn the_table_of_types_loads() {
        let types: Types = Document::config("evidence.yaml", TYPES).unwrap();
        assert!(types.asset.len() > 20 && types.organisation.len() > 5);
    }

    #[test]
    fn evidence_reaches_what_it_is_about() {
        let (_, inventory, warnings) = estate();
        assert_eq!(
            warnings,
            [
                "f:13: \"impact-asessment\" is no known type of evidence; did you mean \"impact-assessment\"?",
                "f:14: model-card names no asset, so it counts for none",
                "f:15: \"house-rule\" is no known type of evidence",
            ]
        );
        let types = |id: &str| {
            let list = inventory.get(id).unwrap().properties[DECLARED].as_array().unwrap().clone();
            list.iter().map(|entry| entry["ref"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(types("help"), ["R-1", "A-1"]);
        assert_eq!(types("m"), ["R-2", "R-3"]);
        assert_eq!(types(ORGANISATION), ["course", "H-1"]);
        let first = &inventory.get("help").unwrap().properties[DECLARED][0];
        let whole = serde_json::json!({"type": "red-team", "ref": "R-1", "date": "2025-01-31", "expires": "2026-01-31", "path": "f", "line": 9});
        assert_eq!(first["line"], 9);
        assert!(whole.as_object().unwrap().iter().all(|(key, value)| first.get(key) == Some(value)), "{first}");
    }

    #[test]
    fn what_has_ended_is_marked_unless_something_took_its_place() {
        let (facts, mut inventory, _) = estate();
        facts.mark_expired("2026-04-01T00:00:00Z", &mut inventory);
        let expired = |id: &str| inventory.get(id).unwrap().properties.get("expired").map(|e| e["what"].to_string());
        assert_eq!(expired("help").as_deref(), Some(r#"["the red-team \"R-1\" (ended on 2026-01-31)"]"#));
        assert_eq!(expired("m").as_deref(), Some(r#"["the approval of \"m\" by board (ended on 2026-03-31)"]"#));
        assert_eq!(inventory.get(ORGANISATION).unwrap().properties["expired"]["evidence"][0]["line"], 12);
        let (facts, mut inventory, _) = estate();
        facts.mark_expired("2026-01-31", &mut inventory);
        assert!(inventory.assets().all(|asset| !asset.properties.contains_key("expired")));
    }
}
