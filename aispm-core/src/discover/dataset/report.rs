//! What a look into data sets found.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::asset::AssetKind;
use crate::discover::Unread;
use crate::discover::declared::{AssetFacts, Facts};

/// What data sets hold, by column.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct DatasetReport {
    /// Files that were read, in path order.
    pub datasets: Vec<Dataset>,
    /// Files that are no data sets, with the reason.
    pub skipped: Vec<Unread>,
    /// What could not be read, wholly or in part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<Unread>,
}

/// One data set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Dataset {
    /// The argument as given joined with what lies below it.
    pub path: String,
    /// What it was read as, e.g. `parquet`.
    pub format: String,
    /// Rows that there are: records, paragraphs of a text, pages of a PDF.
    pub rows: u64,
    /// Rows whose values were looked at; fewer than there are if sampled.
    pub rows_read: u64,
    /// Columns in the order in which they appear, `table.column` where there are several tables and `a.b[].c` where
    /// values nest.
    pub columns: Vec<Column>,
    /// Classes of data it holds, as assets carry them: `personal`, `payment`, `financial`, `health`, `credentials`.
    pub data_classes: BTreeSet<String>,
}

/// What one column holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Rows that were read and have a value here.
    pub rows: u64,
    /// Types found in at least 1 % or 5 of these rows, most frequent first; credentials however few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<TypeShare>,
    /// Types found in fewer rows, with how many: chance, or worth a look.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rare: BTreeMap<String, u64>,
}

/// How much of a column is of one type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct TypeShare {
    /// Presidio entity type, `PHISHING_URL`, or the rule's id for secrets.
    #[serde(rename = "type")]
    pub kind: String,
    /// `pii`, `secrets`, `phishing` or `exfiltration`.
    pub detector: String,
    /// Rows that hold one or more.
    pub rows: u64,
    /// These among the rows with a value here, 0 to 1.
    pub share: f64,
    /// Up to three values, of each its first and last character.
    pub examples: Vec<String>,
    /// Class of data, as assets carry it, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_class: Option<String>,
}

impl DatasetReport {
    /// Whether anything was found that is a class of data or an attack; a date or a link alone is neither.
    #[must_use]
    pub fn holds_findings(&self) -> bool {
        let types = self.datasets.iter().flat_map(|set| &set.columns).flat_map(|column| &column.types);
        types.into_iter().any(|t| t.data_class.is_some() || matches!(t.detector.as_str(), "phishing" | "exfiltration"))
    }

    /// The data sets that hold something as facts, each an asset `file:PATH` with its classes. With an id, the classes of
    /// all are those of that one asset. [`Facts::apply`] adds them to an inventory.
    #[must_use]
    pub fn facts(&self, asset: Option<&str>) -> Facts {
        let fact = |id: String, name: &str, data_classes: BTreeSet<String>| AssetFacts {
            id,
            kind: Some(AssetKind::Dataset),
            name: Some(name.to_owned()),
            owner: None,
            purpose: None,
            environment: None,
            data_classes,
            risk_class: None,
        };
        let holding = self.datasets.iter().filter(|set| !set.data_classes.is_empty());
        let mut facts = Facts::default();
        facts.assets = match asset {
            Some(id) => {
                let classes = holding.flat_map(|set| &set.data_classes).cloned().collect();
                // an id that exports know keeps its kind: a bucket stays a bucket
                vec![AssetFacts { kind: None, name: None, ..fact(id.to_owned(), id, classes) }]
            }
            None => holding
                .map(|set| {
                    let name = set.path.rsplit('/').next().unwrap_or(&set.path);
                    fact(format!("file:{}", set.path), name, set.data_classes.clone())
                })
                .collect(),
        };
        facts
    }
}
