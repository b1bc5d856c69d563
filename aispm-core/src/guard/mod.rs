//! Run-time decisions on messages and tool calls: allow, warn, redact, block.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::asset::{Match, TextRole, names};
use crate::text::Detectors;

mod redact;

names! {
    /// What to do with a text, mild to strict.
    Action, "snake_case" {
        /// Let it pass.
        Allow = "allow",
        /// Let it pass, and say so.
        Warn = "warn",
        /// Let it pass with what was found replaced.
        Redact = "redact",
        /// Stop it.
        Block = "block",
    }
}

/// What a guard says about one text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Decision {
    /// The strictest action of any finding.
    pub action: Action,
    /// Every match before overlaps are resolved, byte offsets into the text as given.
    pub findings: Vec<Match>,
    /// The text with everything replaced that is to be redacted.
    pub text: String,
    /// Why the action is not `allow`, one line each.
    pub reasons: Vec<String>,
    /// Probabilities by detector.
    pub scores: BTreeMap<String, f64>,
}

/// Decides about texts.
#[derive(Debug, Clone)]
pub struct Guard {}

impl Guard {
    /// The guard with the built-in policy.
    #[must_use]
    pub fn builtin() -> &'static Self {
        &Self {}
    }

    /// Decides about a text in its role. Linear in its length.
    #[must_use]
    pub fn check(&self, text: &str, role: TextRole) -> Decision {
        let found = Detectors::builtin().detect(text, role);
        let action = |m: &Match| if matches!(&*m.detector, "pii" | "secrets") { Action::Redact } else { Action::Block };
        let strictest = found.matches.iter().map(action).max().unwrap_or(Action::Allow);
        let redacted = redact::redact(text, found.matches.iter().filter(|m| action(m) == Action::Redact));
        let reasons = found.matches.iter().map(|m| format!("{}: {}", m.detector, m.kind)).collect();
        Decision { action: strictest, findings: found.matches, text: redacted, reasons, scores: found.scores }
    }
}
