//! Rules as data (YAML + CEL) over assets and paths, and the controls they bear on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::asset::{Control, Finding, Inventory, Result, Severity};
use crate::path::Solution;

/// What a rule says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct RuleInfo {
    /// Id, e.g. `EXP-001`.
    pub id: String,
    /// What is wrong when it fires.
    pub title: String,
    /// How bad that is.
    pub severity: Severity,
    /// Why it matters.
    pub description: String,
    /// What to do.
    pub fix: String,
    /// Controls it bears on.
    pub controls: Vec<Control>,
}

/// A set of rules, compiled once.
#[derive(Debug)]
pub struct PolicySet {}

impl PolicySet {
    /// The built-in rules.
    pub fn builtin() -> Result<Self> {
        Ok(Self {})
    }

    /// What the rules say of themselves, by id.
    #[must_use]
    pub fn rules(&self) -> Vec<RuleInfo> {
        Vec::new()
    }

    /// Judges an inventory and its attack paths.
    #[must_use]
    pub fn evaluate(&self, _inventory: &Inventory, _solution: &Solution) -> Vec<Finding> {
        Vec::new()
    }
}
