//! Text: canonical form and detectors, with offsets into the text as given.
//!
//! [`Detectors`] looks at one text in its role in the conversation ([`TextRole`]) and returns a [`Detection`]: every
//! match, a score per scored detector, and the disguises that were undone on the way. What to do about it is decided
//! by [`guard`](crate::guard).

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::asset::{Match, TextRole, names};

mod offsets;
pub mod sensitive;

pub use offsets::{Unit, convert_offsets};

names! {
    /// What looks at a text. JSON names are snake_case.
    Detector, "snake_case" {
        /// Attempts to override, extract or evade the model's instructions.
        PromptInjection = "prompt_injection",
        /// Tool descriptions that give orders to the model behind the user's back.
        ToolPoisoning = "tool_poisoning",
        /// Characters that hide text from people but not from models.
        InvisibleText = "invisible_text",
        /// Personal data.
        Pii = "pii",
        /// Credentials.
        Secrets = "secrets",
        /// Deceptive addresses.
        Phishing = "phishing",
        /// Channels that carry data out, such as image links with parameters.
        Exfiltration = "exfiltration",
    }
}

impl Detector {
    /// Those that [`sensitive`] holds.
    const SENSITIVE: [Self; 4] = [Self::Pii, Self::Secrets, Self::Phishing, Self::Exfiltration];
}

/// What was found in one text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Detection {
    /// Every match by start and end, overlaps unresolved; byte offsets into the text as given.
    pub matches: Vec<Match>,
    /// Probabilities by detector, 0 to 1; `prompt_injection` is there whenever that detector is on.
    pub scores: BTreeMap<String, f64>,
}

/// A chosen set of detectors. Cheap to hold: what they compile is shared by the whole process, built on first use.
#[derive(Debug, Clone)]
pub struct Detectors {
    on: BTreeSet<Detector>,
}

/// Chooses detectors.
#[derive(Debug, Clone)]
pub struct DetectorsBuilder {
    detectors: Detectors,
}

impl Detectors {
    /// Every built-in detector.
    #[must_use]
    pub fn builtin() -> &'static Self {
        static BUILTIN: std::sync::LazyLock<Detectors> = std::sync::LazyLock::new(|| Detectors::builder().build());
        &BUILTIN
    }

    /// Starts with every detector on.
    #[must_use]
    pub fn builder() -> DetectorsBuilder {
        DetectorsBuilder { detectors: Self { on: Detector::ALL.iter().copied().collect() } }
    }

    /// Looks at one text. Linear in its length.
    #[must_use]
    pub fn detect(&self, text: &str, role: TextRole) -> Detection {
        let mut found = Detection::default();
        if Detector::SENSITIVE.iter().any(|detector| self.on.contains(detector)) {
            sensitive::Sensitive::builtin().find(text, role, &mut found.matches);
            found.matches.retain(|m| m.detector.parse().is_ok_and(|detector| self.on.contains(&detector)));
        }
        if self.on.contains(&Detector::PromptInjection) {
            found.scores.insert(Detector::PromptInjection.as_str().to_owned(), 0.0);
        }
        found
            .matches
            .sort_by(|a, b| (a.start, a.end, &a.detector, &a.kind).cmp(&(b.start, b.end, &b.detector, &b.kind)));
        found
    }
}

impl DetectorsBuilder {
    /// Turns one detector on or off.
    #[must_use]
    pub fn set(mut self, detector: Detector, on: bool) -> Self {
        if on {
            self.detectors.on.insert(detector);
        } else {
            self.detectors.on.remove(&detector);
        }
        self
    }

    /// The chosen set.
    #[must_use]
    pub fn build(self) -> Detectors {
        self.detectors
    }
}
