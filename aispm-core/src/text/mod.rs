//! Text: canonical form and detectors, with offsets into the text as given.
//!
//! [`Detectors`] looks at one text in its role in the conversation ([`TextRole`]) and returns a [`Detection`]: every
//! match, a score per scored detector, and the disguises that were undone on the way. What to do about it is decided
//! by [`guard`](crate::guard).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::sensitive::sink::Sink;
use self::sensitive::{HostLists, Sensitive};
use self::sensitivity::Least;
use crate::asset::{Match, TextRole, names};

pub(crate) mod arguments;
mod canonical;
mod decode;
mod demand;
mod fold;
mod gloss;
mod injection;
mod invisible;
pub mod known;
mod lexicon;
mod model;
mod novelty;
mod offsets;
#[cfg(feature = "onnx")]
pub mod onnx;
mod own_words;
mod passage;
mod relation;
mod runs;
mod scrambled;
pub mod sensitive;
mod sensitivity;
mod vocabulary;

pub use demand::Task;
pub(crate) use offsets::names;
pub use offsets::{Unit, convert_offsets, convert_offsets_within};
pub(crate) use own_words::{OwnWords, Watch};
pub use sensitivity::Sensitivity;

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
        /// What an interpreter behind the text would act on; looks only where [`DetectorsBuilder::sink`] names one.
        UnsafeOutput = "unsafe_output",
    }
}

impl Detector {
    /// Those that [`sensitive`] holds.
    const SENSITIVE: [Self; 4] = [Self::Pii, Self::Secrets, Self::Phishing, Self::Exfiltration];

    /// Least probability at which the detector reports matches where nothing is said.
    #[cfg(feature = "onnx")]
    fn threshold(self, role: TextRole) -> f64 {
        injection::Engine::builtin().map_or(0.5, |engine| engine.least(self, role, None))
    }
}

names! {
    /// A disguise that was undone before looking.
    Transform, "snake_case" {
        /// Characters that nobody sees: tag characters and variation selectors that spell text, others inside a match.
        Invisible = "invisible",
        /// Letters of one script standing for another's.
        Homoglyphs = "homoglyphs",
        /// Letters and digits in other forms (full width, mathematical, of other scripts) inside sensitive data.
        Compatibility = "compatibility",
        /// Three marks or more on one letter.
        StackedMarks = "stacked_marks",
        /// Words of instructions with their inner letters in another order.
        Typoglycemia = "typoglycemia",
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
    /// Disguises undone in the text: those of sensitive data that was found, and all that were met on the way to a form in
    /// which instructions are read.
    pub transforms: BTreeSet<Transform>,
    /// Why a model of the user's did not read the text, where one failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<String>,
}

/// What is known beside a text.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Surroundings<'s> {
    /// Added to the log-odds of prompt injection.
    pub(crate) odds: f64,
    /// What the user asked for.
    pub(crate) task: Option<&'s Task>,
    /// What the model must not repeat.
    pub(crate) own: Option<&'s OwnWords>,
}

/// A chosen set of detectors. Cheap to hold: what they compile is shared by the whole process, built on first use.
#[derive(Debug, Clone)]
pub struct Detectors {
    on: BTreeSet<Detector>,
    /// Instead of the detector's own.
    thresholds: BTreeMap<Detector, Least>,
    /// Data sets to know.
    known: Vec<Arc<known::KnownData>>,
    sinks: BTreeSet<Sink>,
    hosts: Arc<HostLists>,
    /// Instead of the built-in ones.
    sensitive: Option<Arc<Sensitive>>,
    #[cfg(feature = "onnx")]
    models: onnx::Models,
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
                sinks: BTreeSet::new(),
                hosts: Arc::default(),
                sensitive: None,
                #[cfg(feature = "onnx")]
                models: onnx::Models::default(),
            },
        }
    }

    /// What looks for personal data, secrets and links.
    pub(crate) fn sensitive(&self) -> &Sensitive {
        match &self.sensitive {
            Some(own) => own,
            None => Sensitive::builtin(),
        }
    }

    /// The assets whose content is looked for.
    pub(crate) fn known_data(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(|known| known.asset())
    }

    /// Whether this detector is on.
    pub(crate) fn looks_for(&self, detector: Detector) -> bool {
        self.on.contains(&detector)
    }

    /// Those that are on and look at a text as a whole.
    pub(crate) fn whole(&self) -> impl Iterator<Item = Detector> {
        #[cfg(feature = "onnx")]
        let names = !self.models.names.is_empty();
        #[cfg(not(feature = "onnx"))]
        let names = false;
        let all = [
            (Detector::Pii, names),
            (Detector::PromptInjection, true),
            (Detector::ToolPoisoning, true),
            (Detector::KnownData, !self.known.is_empty()),
            (Detector::UnsafeOutput, !self.sinks.is_empty()),
        ];
        all.into_iter().filter(|(detector, asked)| *asked && self.looks_for(*detector)).map(|(detector, _)| detector)
    }

    /// Begins to look for personal data, secrets and links in a text that arrives in pieces.
    pub(crate) fn stream(&self, role: TextRole) -> sensitive::Stream<'static> {
        let hosts = Arc::clone(&self.hosts);
        match &self.sensitive {
            Some(own) => Arc::clone(own).stream_of(role, hosts),
            None => Sensitive::builtin().stream_with(role, hosts),
        }
    }

    /// Without the matches of detectors that are off.
    pub(crate) fn wanted(&self, mut matches: Vec<Match>) -> Vec<Match> {
        matches.retain(|m| m.detector.parse().is_ok_and(|detector| self.on.contains(&detector)));
        matches
    }

    /// What the detectors find that look at a text as a whole.
    pub(crate) fn weigh(&self, text: &str, role: TextRole, around: Surroundings<'_>) -> Detection {
        let mut found = Detection::default();
        self.look_whole(text, role, &invisible::hidden(text), around, &mut found);
        found
    }

    fn look_whole(
        &self,
        text: &str,
        role: TextRole,
        hidden: &[invisible::Hidden],
        around: Surroundings<'_>,
        found: &mut Detection,
    ) {
        if let Some(own) = around.own.filter(|_| role == TextRole::Output && self.on.contains(&Detector::KnownData)) {
            own.find(text, &mut found.matches);
        }
        if self.on.contains(&Detector::KnownData) && !self.known.is_empty() {
            known::find_markings(text, &mut found.matches);
            self.known.iter().for_each(|known| known.find(text, &mut found.matches));
        }
        if self.on.contains(&Detector::UnsafeOutput) {
            self.sinks.iter().for_each(|sink| sensitive::sink::find(text, *sink, &mut found.matches));
        }
        #[cfg(feature = "onnx")]
        if self.on.contains(&Detector::Pii) {
            self.models.find_names(text, found);
        }
        self.instructions(text, role, hidden, around, found);
    }

    /// Looks at one text. Linear in its length.
    #[must_use]
    pub fn detect(&self, text: &str, role: TextRole) -> Detection {
        self.detect_in(text, role, Surroundings::default())
    }

    /// The same with what is known beside the text.
    pub(crate) fn detect_in(&self, text: &str, role: TextRole, around: Surroundings<'_>) -> Detection {
        let mut found = Detection::default();
        if Detector::SENSITIVE.iter().any(|detector| self.on.contains(detector)) {
            self.sensitive().find_noting(text, role, &self.hosts, &mut found.matches, &mut found.transforms);
            found.matches = self.wanted(found.matches);
        }
        let hidden = invisible::hidden(text);
        if self.on.contains(&Detector::InvisibleText) {
            found.matches.extend(hidden.iter().map(invisible::Hidden::as_match));
        }
        self.look_whole(text, role, &hidden, around, &mut found);
        found.matches.sort_by(Match::order);
        found
    }

    /// Prompt injection, and in tool descriptions their poisoning.
    fn instructions(
        &self,
        text: &str,
        role: TextRole,
        hidden: &[invisible::Hidden],
        around: Surroundings<'_>,
        found: &mut Detection,
    ) {
        let wanted = |detector: &&Detector| {
            self.on.contains(detector) && (**detector == Detector::PromptInjection || role == TextRole::ToolDescription)
        };
        let detectors = [Detector::PromptInjection, Detector::ToolPoisoning];
        let detectors: Vec<&Detector> = detectors.iter().filter(wanted).collect();
        let Some(engine) = injection::Engine::builtin().filter(|_| !detectors.is_empty()) else { return };
        let reading = engine.read(text, hidden, role);
        for detector in detectors {
            let demanded = match (detector, around.task) {
                (Detector::PromptInjection, Some(task)) if role != TextRole::Prompt => engine.demanded(&reading, task),
                _ => Vec::new(),
            };
            let odds = engine.log_odds(&reading, *detector);
            let odds = if *detector == Detector::PromptInjection { odds + around.odds } else { odds };
            let built_in = injection::logistic(odds + injection::weight(&demanded));
            let threshold = engine.least(*detector, role, self.thresholds.get(detector).copied());
            if built_in >= threshold {
                engine.matches(&reading, *detector, built_in, &demanded, &mut found.matches);
            }
            #[cfg(feature = "onnx")]
            let by_model = match detector {
                Detector::PromptInjection => self.models.find_injection(text, role, threshold, found),
                _ => None,
            };
            #[cfg(not(feature = "onnx"))]
            let by_model = None;
            let score = by_model.map_or(built_in, |by_model: f64| by_model.max(built_in));
            found.scores.insert(detector.as_str().to_owned(), score);
        }
        found.transforms.extend(reading.canonical.transforms);
    }
}

/// What is hidden in a part of a text that follows on `before`.
pub(crate) fn invisible_after(before: Option<char>, text: &str) -> Vec<Match> {
    let hidden = |text: &str| invisible::hidden(text).iter().map(invisible::Hidden::as_match).collect::<Vec<_>>();
    let Some(before) = before.filter(|_| !text.is_ascii()) else { return hidden(text) };
    let mut matches = hidden(&format!("{before}{text}"));
    matches.iter_mut().for_each(|m| {
        (m.start, m.end) = (m.start.saturating_sub(before.len_utf8()), m.end.saturating_sub(before.len_utf8()));
    });
    matches
}

/// What the training of the injection model reads of a text; no part of the stable interface.
#[doc(hidden)]
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Features {
    /// Log-odds by the relations' own weights, less what a long text loses.
    pub prior: f64,
    /// Log-odds of a poisoned tool description.
    pub tool: f64,
    /// Named features.
    pub named: Vec<(String, f64)>,
    /// The words of the canonical form, in order.
    pub words: Vec<String>,
    /// Buckets of each word; `u32::MAX` where there is none.
    pub buckets: Vec<[u32; model::FEATURES]>,
    /// Where the passages of words begin and end that are judged in a prompt, and their kinds.
    pub prompt: Vec<(usize, usize, Option<usize>)>,
    /// The same in a document.
    pub document: Vec<(usize, usize, Option<usize>)>,
}

#[doc(hidden)]
#[must_use]
pub fn features(text: &str) -> Option<Features> {
    Some(injection::Engine::builtin()?.features(text))
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
        self.detectors.thresholds.insert(detector, Least::Probability(probability));
        self
    }

    /// How readily a detector of instructions (prompt injection, tool poisoning) reports matches; the last said of this
    /// and [`threshold`](Self::threshold) counts.
    #[must_use]
    pub fn sensitivity(mut self, detector: Detector, sensitivity: Sensitivity) -> Self {
        self.detectors.thresholds.insert(detector, Least::Named(sensitivity));
        self
    }

    /// A place where the text goes, whose interpreter it must not reach as more than text. There may be several.
    #[must_use]
    pub fn sink(mut self, sink: Sink) -> Self {
        self.detectors.sinks.insert(sink);
        self
    }

    /// Hosts that are never suspect, and hosts that always are.
    #[must_use]
    pub fn hosts(mut self, lists: HostLists) -> Self {
        self.detectors.hosts = Arc::new(lists);
        self
    }

    /// Looks for personal data, secrets and links with these detectors instead of the built-in ones.
    #[must_use]
    pub fn sensitive(mut self, sensitive: Arc<Sensitive>) -> Self {
        self.detectors.sensitive = Some(sensitive);
        self
    }

    /// Looks for names with this model, too; for several, call it several times. Its matches are of the detector `pii`,
    /// their rule is the model's name.
    #[cfg(feature = "onnx")]
    #[must_use]
    pub fn names_model(mut self, model: Arc<onnx::TokenClassifier>) -> Self {
        self.detectors.models.names.push(model);
        self
    }

    /// Looks for prompt injection with this model, too: the score is the higher one, see [`onnx`].
    #[cfg(feature = "onnx")]
    #[must_use]
    pub fn injection_model(mut self, model: Arc<onnx::InjectionModel>) -> Self {
        self.detectors.models.injection = Some(model);
        self
    }

    /// The chosen set.
    #[must_use]
    pub fn build(self) -> Detectors {
        self.detectors
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::sensitive::HostList;

    #[test]
    fn unsafe_output_is_looked_for_where_a_sink_is_named() {
        let text = "<img src=x onerror=alert(1)>";
        let kinds =
            |d: &Detectors| d.detect(text, TextRole::Output).matches.into_iter().map(|m| m.detector.to_string());
        assert!(!kinds(Detectors::builtin()).any(|d| d == "unsafe_output"));
        assert!(kinds(&Detectors::builder().sink(Sink::Html).build()).any(|d| d == "unsafe_output"));
        let off = Detectors::builder().sink(Sink::Html).set(Detector::UnsafeOutput, false).build();
        assert!(!kinds(&off).any(|d| d == "unsafe_output"));
    }

    #[test]
    fn a_users_lists_of_hosts_are_heeded() {
        let lists = HostLists::new(HostList::parse("netflix-billing.cc"), HostList::parse("harmless.example.com"));
        let detectors = Detectors::builder().hosts(lists).build();
        let text = "https://netflix-billing.cc/ and https://www.harmless.example.com/";
        let found = detectors.detect(text, TextRole::Output).matches;
        let rules: Vec<_> = found.iter().filter(|m| m.detector == "phishing").map(|m| m.rule.as_ref()).collect();
        assert_eq!(rules, ["block-list"]);
    }
}
