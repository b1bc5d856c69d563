//! What changed from one inventory or assessment to the next.

use std::collections::BTreeSet;
use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{count, escape, gain};
use crate::asset::{Asset, Error, ErrorKind, Finding, Inventory, InventoryDiff, Relation, Result};
use crate::path::AttackPath;

/// What a discovery or an assessment says, as far as it can be compared.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Assets and relations.
    pub inventory: Inventory,
    /// What was wrong; none in a discovery.
    pub findings: Vec<Finding>,
    /// How attackers would move; none in a discovery.
    pub paths: Vec<AttackPath>,
}

impl Snapshot {
    /// Reads the JSON of a discovery or an assessment.
    pub fn from_json(text: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Document {
            inventory: Option<Inventory>,
            assets: Option<Vec<Asset>>,
            #[serde(default)]
            relations: Vec<Relation>,
            #[serde(default)]
            findings: Vec<Finding>,
            #[serde(default)]
            paths: Vec<AttackPath>,
        }
        let Document { inventory, assets, relations, findings, paths } = serde_json::from_str(text)?;
        let inventory = match (inventory, assets) {
            (Some(inventory), _) => inventory,
            (None, Some(assets)) => {
                let mut inventory = Inventory::new();
                assets.into_iter().for_each(|asset| inventory.add(asset));
                relations.into_iter().for_each(|relation| inventory.relate(relation));
                inventory
            }
            (None, None) => {
                let message = "neither an inventory nor an assessment; \
                               write one with `aispm assess PATH --format json -o FILE`";
                return Err(Error::new(ErrorKind::Invalid, message));
            }
        };
        Ok(Self { inventory, findings, paths })
    }
}

/// What changed from an old snapshot to a new one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Diff {
    /// Assets and relations.
    pub inventory: InventoryDiff,
    /// Findings, told apart by fingerprint.
    pub findings: FindingChanges,
    /// Attack paths, told apart by id.
    pub paths: PathChanges,
}

/// Findings that came and went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct FindingChanges {
    /// Only in the new assessment.
    pub new: Vec<Finding>,
    /// Only in the old one.
    pub resolved: Vec<Finding>,
}

/// Attack paths that came and went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct PathChanges {
    /// Only in the new assessment.
    pub new: Vec<AttackPath>,
    /// Only in the old one.
    pub gone: Vec<AttackPath>,
}

impl Diff {
    /// Compares two snapshots; lists keep the order of the side they come from. O(n log n).
    #[must_use]
    pub fn between(old: &Snapshot, new: &Snapshot) -> Self {
        let finding = |finding: &Finding| finding.fingerprint.clone();
        let path = |path: &AttackPath| path.id.clone();
        Self {
            inventory: InventoryDiff::between(&old.inventory, &new.inventory),
            findings: FindingChanges {
                new: only_in(&new.findings, &old.findings, finding),
                resolved: only_in(&old.findings, &new.findings, finding),
            },
            paths: PathChanges {
                new: only_in(&new.paths, &old.paths, path),
                gone: only_in(&old.paths, &new.paths, path),
            },
        }
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// A line a change: `+` came, `-` went, `~` differs; then the counts.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { inventory, findings, paths } = self;
        let mut line = |sign: char, what: &str, text: &str| writeln!(out, "{sign} {what:<8} {}", escape::plain(text));
        for (sign, paths) in [('+', &paths.new), ('-', &paths.gone)] {
            for path in paths {
                let ends = format!("{} → {} ({})", path.source, path.target, gain(path.goal));
                let what = if path.title.is_empty() { ends } else { format!("{} ({ends})", path.title) };
                let text = format!("{}: {what}", path.severity);
                line(sign, "path", &text)?;
            }
        }
        for (sign, findings) in [('+', &findings.new), ('-', &findings.resolved)] {
            for finding in findings {
                let text = format!("{}: {} {}, {}", finding.severity, finding.rule, finding.title, finding.asset);
                line(sign, "finding", &text)?;
            }
        }
        for (sign, assets) in [('+', &inventory.added), ('-', &inventory.removed)] {
            for asset in assets {
                line(sign, "asset", &format!("{} {}, {}", asset.kind, asset.name, asset.id))?;
            }
        }
        for change in &inventory.changed {
            let fields = change.fields.iter().map(|f| format!("{} {} → {}", f.field, short(&f.old), short(&f.new)));
            line('~', "asset", &format!("{}: {}", change.id, fields.collect::<Vec<_>>().join("; ")))?;
        }
        for (sign, relations) in [('+', &inventory.relations_added), ('-', &inventory.relations_removed)] {
            for relation in relations {
                line(sign, "relation", &format!("{} {} {}", relation.from, relation.kind, relation.to))?;
            }
        }
        let came_and_went =
            |came: usize, went: usize, one: &str, gone: &str| format!("{}, {went} {gone}", count(came, one));
        if self.is_empty() {
            writeln!(out, "nothing changed")?;
        } else {
            let paths = came_and_went(paths.new.len(), paths.gone.len(), "new path", "gone");
            let findings = came_and_went(findings.new.len(), findings.resolved.len(), "new finding", "resolved");
            let assets = came_and_went(inventory.added.len(), inventory.removed.len(), "new asset", "removed");
            writeln!(out, "{paths}; {findings}; {assets}, {} changed", inventory.changed.len())?;
        }
        out.flush()
    }
}

/// A value in a few words.
fn short(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.chars().count() <= LONGEST { text } else { text.chars().take(LONGEST - 1).chain(['…']).collect() }
}

fn only_in<T: Clone>(here: &[T], there: &[T], key: impl Fn(&T) -> String) -> Vec<T> {
    let known: BTreeSet<String> = there.iter().map(&key).collect();
    here.iter().filter(|item| !known.contains(&key(item))).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::Severity;

    #[test]
    fn tells_new_from_resolved_by_fingerprint_and_path_id() {
        let finding = |key| Finding::new("R", Severity::High, "a".into(), key, "t", "m");
        let mut moved = finding("kept");
        moved.evidence.push(crate::asset::Evidence::file("f").line(3));
        let old = Snapshot { findings: vec![finding("kept"), finding("fixed")], ..Snapshot::default() };
        let new = Snapshot { findings: vec![finding("fresh"), moved], ..Snapshot::default() };
        let diff = Diff::between(&old, &new);
        assert_eq!(diff.findings.new, [finding("fresh")]);
        assert_eq!(diff.findings.resolved, [finding("fixed")]);
        assert!(Diff::between(&new, &new).is_empty());
    }

    #[test]
    fn reads_both_documents_and_refuses_others() {
        let discovery = r#"{"schema":"aispm/1","assets":[{"id":"m","kind":"model","name":"m"}],"relations":[]}"#;
        let assessment = format!(r#"{{"inventory":{discovery},"findings":[],"paths":[]}}"#);
        let snapshot = Snapshot::from_json(discovery).unwrap();
        assert_eq!(snapshot.inventory.len(), 1);
        assert_eq!(Snapshot::from_json(&assessment).unwrap(), snapshot);
        assert!(Snapshot::from_json("{}").unwrap_err().to_string().contains("neither"));
        assert_eq!(Snapshot::from_json("{").unwrap_err().line, Some(1));
    }
}
