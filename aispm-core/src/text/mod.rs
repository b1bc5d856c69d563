//! Text: canonical form and detectors, with offsets into the text as given.
//!
//! [`Detectors`] looks at one text in its role in the conversation ([`TextRole`]) and returns a [`Detection`]: every
//! match, a score per scored detector, and the disguises that were undone on the way. What to do about it is decided
//! by [`guard`](crate::guard).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::asset::{Match, TextRole, names};

pub(crate) mod arguments;
mod canonical;
mod decode;
mod fold;
mod injection;
mod invisible;
pub mod known;
mod lexicon;
mod model;
mod offsets;
mod relation;
pub mod sensitive;
mod vocabulary;

pub use offsets::{Unit, convert_offsets, convert_offsets_within};

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
        /// What data sets hold, where an index of them is given, and confidentiality markings.
        KnownData = "known_data",
    }
}

impl Detector {
    /// Those that [`sensitive`] holds.
    const SENSITIVE: [Self; 4] = [Self::Pii, Self::Secrets, Self::Phishing, Self::Exfiltration];

    /// Least probability at which the detector reports matches: for injections, that which one in a hundred harmless
    /// texts of the role reached, of sources that training had not seen.
    const fn threshold(self, role: TextRole) -> f64 {
        match (self, role) {
            (Self::PromptInjection, TextRole::Prompt) => 0.69,
            (Self::PromptInjection, TextRole::ToolDescription) => 0.92,
            (Self::PromptInjection, _) => 0.87,
            _ => 0.5,
        }
    }
}

names! {
    /// A disguise that was undone before looking.
    Transform, "snake_case" {
        /// Tag characters and variation selectors that spell text.
        Invisible = "invisible",
        /// Letters of one script standing for another's.
        Homoglyphs = "homoglyphs",
        /// Digits and signs for letters.
        Leet = "leet",
        /// Words written as single letters with something between.
        SpelledOut = "spelled_out",
        /// HTML entities.
        HtmlEntities = "html_entities",
        /// Percent codes.
        Percent = "percent",
        /// Backslash escapes.
        Escapes = "escapes",
        /// Base64.
        Base64 = "base64",
        /// Hexadecimal, or bits.
        Hex = "hex",
        /// Letters rotated by 13.
        Rot13 = "rot13",
        /// Words written backwards.
        Reversed = "reversed",
    }
}

/// What was found in one text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Detection {
    /// Every match by start and end, overlaps unresolved; byte offsets into the text as given.
    pub matches: Vec<Match>,
    /// Probabilities by detector, 0 to 1; `prompt_injection` is there whenever that detector is on.
    pub scores: BTreeMap<String, f64>,
    /// Disguises undone in the text.
    pub transforms: BTreeSet<Transform>,
}

/// A chosen set of detectors. Cheap to hold: what they compile is shared by the whole process, built on first use.
#[derive(Debug, Clone)]
pub struct Detectors {
    on: BTreeSet<Detector>,
    /// Instead of the detector's own.
    thresholds: BTreeMap<Detector, f64>,
    /// Data sets to know.
    known: Vec<Arc<known::KnownData>>,
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
        DetectorsBuilder {
            detectors: Self {
                on: Detector::ALL.iter().copied().collect(),
                thresholds: BTreeMap::new(),
                known: Vec::new(),
            },
        }
    }

    /// Looks at one text. Linear in its length.
    #[must_use]
    pub fn detect(&self, text: &str, role: TextRole) -> Detection {
        let mut found = Detection::default();
        if Detector::SENSITIVE.iter().any(|detector| self.on.contains(detector)) {
            sensitive::Sensitive::builtin().find(text, role, &mut found.matches);
            found.matches.retain(|m| m.detector.parse().is_ok_and(|detector| self.on.contains(&detector)));
        }
        if self.on.contains(&Detector::KnownData) && !self.known.is_empty() {
            known::find_markings(text, &mut found.matches);
            self.known.iter().for_each(|known| known.find(text, &mut found.matches));
        }
        let hidden = invisible::hidden(text);
        if self.on.contains(&Detector::InvisibleText) {
            found.matches.extend(hidden.iter().map(invisible::Hidden::as_match));
        }
        self.instructions(text, role, &hidden, &mut found);
        found.matches.sort_by(|a, b| {
            (a.start, a.end, &a.detector, &a.kind, &a.rule).cmp(&(b.start, b.end, &b.detector, &b.kind, &b.rule))
        });
        found
    }

    /// Prompt injection, and in tool descriptions their poisoning.
    fn instructions(&self, text: &str, role: TextRole, hidden: &[invisible::Hidden], found: &mut Detection) {
        let wanted = |detector: &&Detector| {
            self.on.contains(detector) && (**detector == Detector::PromptInjection || role == TextRole::ToolDescription)
        };
        let detectors = [Detector::PromptInjection, Detector::ToolPoisoning];
        let detectors: Vec<&Detector> = detectors.iter().filter(wanted).collect();
        let Some(engine) = injection::Engine::builtin().filter(|_| !detectors.is_empty()) else { return };
        let reading = engine.read(text, hidden);
        for detector in detectors {
            let score = injection::logistic(engine.log_odds(&reading, *detector, role));
            let threshold = self.thresholds.get(detector).copied().unwrap_or_else(|| detector.threshold(role));
            if score >= threshold {
                engine.matches(&reading, *detector, score, &mut found.matches);
            }
            found.scores.insert(detector.as_str().to_owned(), score);
        }
        found.transforms = reading.canonical.transforms;
    }
}

/// What the training of the injection model reads of a text; no part of the stable interface.
#[doc(hidden)]
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Features {
    /// Log-odds by the relations' own weights.
    pub prior: f64,
    /// Named features.
    pub named: Vec<(String, f64)>,
    /// Buckets of each word; `u32::MAX` where there is none.
    pub buckets: Vec<[u32; model::FEATURES]>,
}

#[doc(hidden)]
#[must_use]
pub fn features(text: &str, role: TextRole) -> Option<Features> {
    Some(injection::Engine::builtin()?.features(text, role))
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

    /// Looks for what this data set holds, too, and for confidentiality markings; for several, call it several times.
    #[must_use]
    pub fn known_data(mut self, known: Arc<known::KnownData>) -> Self {
        self.detectors.known.push(known);
        self
    }

    /// Least probability at which a scored detector reports matches, instead of its own for each role.
    #[must_use]
    pub fn threshold(mut self, detector: Detector, probability: f64) -> Self {
        self.detectors.thresholds.insert(detector, probability);
        self
    }

    /// The chosen set.
    #[must_use]
    pub fn build(self) -> Detectors {
        self.detectors
    }
}
