//! Named sensitivities of what looks for instructions: least probabilities by use, as training measured them.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Detector;
use crate::asset::{TextRole, names};

names! {
    /// How readily instructions are reported: how many harmless texts of the same use are, of sources that training had
    /// not seen.
    Sensitivity, "snake_case" {
        /// One in a thousand.
        Low = "low",
        /// Five in a thousand.
        Medium = "medium",
        /// One in a hundred, which is what counts where nothing is said.
        High = "high",
    }
}

/// How a text reaches a model: its user says it, or it is data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Prompt,
    Document,
}

impl Use {
    pub(super) fn of(role: TextRole) -> Self {
        if role == TextRole::Prompt { Self::Prompt } else { Self::Document }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Document => "document",
        }
    }
}

/// The least score that is reported.
#[derive(Debug, Clone, Copy)]
pub(super) enum Least {
    Probability(f64),
    Named(Sensitivity),
}

/// Least probabilities by use and sensitivity: the rows `threshold:USE:NAME` of the model.
#[derive(Debug, Default)]
pub(super) struct Thresholds(HashMap<(&'static str, Sensitivity), f64>);

impl Thresholds {
    /// Takes those among the rows `name TAB value`.
    pub(super) fn new(rows: &'static str) -> Self {
        let row = |row: &'static str| {
            let (name, value) = row.strip_prefix("threshold:")?.split_once('\t')?;
            let (usage, sensitivity) = name.split_once(':')?;
            Some(((usage, sensitivity.parse().ok()?), value.parse().ok()?))
        };
        Self(rows.lines().filter_map(row).collect())
    }

    /// The least probability that counts for texts of a role; an even chance for detectors without a measured one.
    pub(super) fn least(&self, detector: Detector, role: TextRole, sensitivity: Sensitivity) -> f64 {
        let usage = match (detector, role) {
            (Detector::PromptInjection, TextRole::ToolDescription) => "tool_description",
            (Detector::PromptInjection, _) => Use::of(role).as_str(),
            _ => detector.as_str(),
        };
        self.0.get(&(usage, sensitivity)).copied().unwrap_or(0.5)
    }
}

impl Detector {
    /// Those whose findings have a named sensitivity.
    pub(crate) const SENSITIVE_BY_NAME: [Self; 2] = [Self::PromptInjection, Self::ToolPoisoning];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_use_has_its_thresholds_stricter_ones_higher() {
        let thresholds = Thresholds::new(include_str!("../../data/text/injection_model.tsv"));
        let uses = [
            (Detector::PromptInjection, TextRole::Prompt),
            (Detector::PromptInjection, TextRole::ToolResult),
            (Detector::PromptInjection, TextRole::ToolDescription),
            (Detector::ToolPoisoning, TextRole::ToolDescription),
        ];
        assert_eq!(thresholds.0.len(), uses.len() * Sensitivity::ALL.len());
        for (detector, role) in uses {
            let least = |sensitivity| thresholds.least(detector, role, sensitivity);
            let [low, medium, high] = [Sensitivity::Low, Sensitivity::Medium, Sensitivity::High].map(least);
            assert!(1.0 > low && low >= medium && medium >= high && high >= 0.5, "{detector} {role}");
        }
    }
}
