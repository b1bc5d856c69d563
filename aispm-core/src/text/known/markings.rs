//! Confidentiality markings (`data/text/markings.yaml`), told from prose by where and how they are written.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use serde::Deserialize;

use crate::asset::{Document, Error, ErrorKind, Match, Result, Severity};
use crate::text::Detector;
use crate::text::fold::is_unspaced;

/// Most bytes around a marking that are looked at.
const AROUND: usize = 64;

/// Markings, compiled.
pub(super) struct Markings {
    automaton: AhoCorasick,
    /// By pattern: the markings of this phrase.
    phrases: Vec<Vec<usize>>,
    markings: Vec<Marking>,
    labels: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    labels: Vec<String>,
    markings: Vec<Marking>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Marking {
    id: String,
    severity: Severity,
    #[serde(rename = "where")]
    place: Place,
    phrases: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    Capitals,
    Apart,
    Label,
}

impl Markings {
    /// The built-in markings; the first call compiles them.
    pub(super) fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Markings> = OnceLock::new();
        #[allow(clippy::expect_used, reason = "the data is part of the program, and a test compiles it")]
        BUILTIN
            .get_or_init(|| Self::new(include_str!("../../../data/text/markings.yaml")).expect("the markings compile"))
    }

    fn new(yaml: &str) -> Result<Self> {
        let file: File = Document::config("markings.yaml", yaml)?;
        let mut phrases = BTreeMap::<String, Vec<usize>>::new();
        for (index, marking) in file.markings.iter().enumerate() {
            for phrase in marking.phrases.iter().flat_map(|phrase| spellings(phrase)) {
                phrases.entry(phrase).or_default().push(index);
            }
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::DFA))
            .build(phrases.keys())
            .map_err(|error| Error::new(ErrorKind::Invalid, error.to_string()))?;
        Ok(Self { automaton, phrases: phrases.into_values().collect(), markings: file.markings, labels: file.labels })
    }

    /// Appends every marking in `text`. Linear.
    pub(super) fn find(&self, text: &str, matches: &mut Vec<Match>) {
        for found in self.automaton.find_iter(text) {
            let Some(hit) = Hit::new(text, found.start(), found.end()) else { continue };
            let markings = self.phrases.get(found.pattern().as_usize()).into_iter().flatten();
            let mut markings = markings.filter_map(|index| self.markings.get(*index));
            if let Some(marking) = markings.find(|marking| self.holds(marking.place, &hit)) {
                let (kind, span) = ("CONFIDENTIAL_MARKING", found.range());
                let detector = Detector::KnownData.as_str();
                matches.push(Match::new(detector, kind, marking.id.clone(), 0.9, marking.severity, span));
            }
        }
    }

    fn holds(&self, place: Place, hit: &Hit) -> bool {
        match place {
            Place::Capitals => hit.capitals,
            Place::Label => self.is_labelled(hit.before),
            Place::Apart => {
                let loud = hit.capitals || hit.uncased;
                match (hit.opens(), hit.closes()) {
                    (Edge::Line, Edge::Line) => loud || hit.words > 1,
                    (Edge::None, _) | (_, Edge::None) => self.is_labelled(hit.before) && hit.closes() != Edge::None,
                    _ => loud,
                }
            }
        }
    }

    /// Whether a label and a colon come just before.
    fn is_labelled(&self, before: &str) -> bool {
        let Some(label) = before.trim_end_matches(is_decoration).strip_suffix([':', '：']) else { return false };
        let label = label.trim_end_matches(is_decoration).to_lowercase();
        self.labels.iter().any(|known| {
            label.strip_suffix(known.as_str()).is_some_and(|before| !before.ends_with(char::is_alphanumeric))
        })
    }
}

/// A phrase in a text.
struct Hit<'t> {
    /// What stands before and behind it on its line, cut short.
    before: &'t str,
    behind: &'t str,
    words: usize,
    /// All its letters are capitals; it has letters without case.
    capitals: bool,
    uncased: bool,
}

/// What a phrase borders on.
#[derive(PartialEq, Eq)]
enum Edge {
    /// The line's beginning or end, but for signs.
    Line,
    /// A dash, bar or bracket.
    Sign,
    None,
}

impl<'t> Hit<'t> {
    /// The phrase at these bytes, unless it is part of a word.
    fn new(text: &'t str, start: usize, end: usize) -> Option<Self> {
        let phrase = text.get(start..end)?;
        let (mut before, mut behind) = (text.get(..start)?, text.get(end..)?);
        let joins = |a: Option<char>, b: Option<char>| {
            let part = |c: Option<char>| c.is_some_and(|c| (c.is_alphanumeric() || c == '_') && !is_unspaced(c));
            part(a) && part(b)
        };
        if joins(before.chars().next_back(), phrase.chars().next())
            || joins(phrase.chars().next_back(), behind.chars().next())
        {
            return None;
        }
        before = before.get(before.len().saturating_sub(AROUND)..).unwrap_or_else(|| tail(before));
        behind = behind.get(..AROUND.min(behind.len())).unwrap_or_else(|| head(behind));
        before = before.rsplit(['\n', '\r']).next()?;
        behind = behind.split(['\n', '\r']).next()?;
        let letters = || phrase.chars().filter(|c| c.is_alphabetic());
        Some(Self {
            before,
            behind,
            words: phrase.split_whitespace().count(),
            capitals: letters().all(|c| !c.is_lowercase()) && letters().any(char::is_uppercase),
            uncased: letters().all(|c| !c.is_lowercase() && !c.is_uppercase()),
        })
    }

    fn opens(&self) -> Edge {
        let before = self.before.trim_end_matches(is_decoration);
        match before.chars().next_back() {
            None if self.before.len() < AROUND => Edge::Line,
            Some('|' | '–' | '—' | '•' | '·' | '[' | '(' | '【' | '<' | '{' | '/') => Edge::Sign,
            _ if self.before.trim_end().ends_with(" -") => Edge::Sign,
            _ => Edge::None,
        }
    }

    fn closes(&self) -> Edge {
        let behind = self.behind.trim_start_matches(is_decoration);
        match behind.trim_start_matches(['.', '!']).chars().next() {
            None if self.behind.len() < AROUND => Edge::Line,
            Some('|' | '–' | '—' | '•' | '·' | ']' | ')' | '】' | '>' | '}' | '/') => Edge::Sign,
            _ if self.behind.trim_start().starts_with("- ") => Edge::Sign,
            _ => Edge::None,
        }
    }
}

/// White space, and signs that markings are decorated with.
fn is_decoration(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '*' | '_' | '#' | '=' | '~' | '-' | '>' | '"' | '\'' | '“' | '”' | '`' | '\u{feff}')
}

/// A phrase as given, with capital initials, with the first one a capital, and in capitals.
fn spellings(phrase: &str) -> Vec<String> {
    let capital = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|c| c.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default()
    };
    let initials = phrase.split(' ').map(capital).collect::<Vec<_>>().join(" ");
    let mut spellings = vec![phrase.to_owned(), phrase.to_uppercase(), capital(phrase), initials];
    spellings.sort();
    spellings.dedup();
    spellings
}

/// The last bytes of a text, about [`AROUND`].
fn tail(text: &str) -> &str {
    (text.len().saturating_sub(AROUND + 4)..text.len()).find_map(|at| text.get(at..)).unwrap_or_default()
}

/// The first bytes of a text, about [`AROUND`].
fn head(text: &str) -> &str {
    (AROUND..AROUND + 4).find_map(|end| text.get(..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut matches = Vec::new();
        Markings::builtin().find(text, &mut matches);
        matches.iter().map(|m| format!("{}: {}", m.rule, text.get(m.start..m.end).unwrap())).collect()
    }

    #[test]
    fn markings_are_found_where_documents_carry_them() {
        for (text, expected) in [
            ("CONFIDENTIAL\n\nBudget 2031", "confidential: CONFIDENTIAL"),
            ("# *** Strictly Confidential ***\n", "strictly-confidential: Strictly Confidential"),
            ("Plan B | CONFIDENTIAL | page 3", "confidential: CONFIDENTIAL"),
            ("Classification: Internal\n", "internal-use-only: Internal"),
            ("**Classification:** Secret", "secret: Secret"),
            ("Report 7 — TLP:AMBER", "tlp-amber: TLP:AMBER"),
            ("[TLP:RED] do not forward", "tlp-red: TLP:RED"),
            ("This memo is ATTORNEY-CLIENT PRIVILEGED and so on", "privileged: ATTORNEY-CLIENT PRIVILEGED"),
            ("Streng vertraulich\r\nAn die Leitung", "strictly-confidential: Streng vertraulich"),
            ("STRENG VERTRAULICH", "strictly-confidential: STRENG VERTRAULICH"),
            ("Einstufung: vertraulich", "confidential: vertraulich"),
            ("СТРОГО КОНФИДЕНЦИАЛЬНО", "strictly-confidential: СТРОГО КОНФИДЕНЦИАЛЬНО"),
            ("【机密】会议记录", "secret: 机密"),
            ("社外秘\n", "strictly-confidential: 社外秘"),
            ("For Internal Use Only", "internal-use-only: For Internal Use Only"),
            ("x\nCONFIDENTIAL - DO NOT DISTRIBUTE\ny", "strictly-confidential: CONFIDENTIAL - DO NOT DISTRIBUTE"),
        ] {
            assert_eq!(found(text), [expected], "{text}");
        }
    }

    #[test]
    fn prose_is_not_hit() {
        for text in [
            "Please keep this strictly confidential.",
            "PLEASE KEEP THIS CONFIDENTIAL OR ELSE",
            "The report (confidential) was — strictly confidential — lost.",
            "TLP:RED means that nobody else may read it, TLP:GREEN that the community may.",
            "Secret\n======\nThe garden",
            "INTERNAL\nUNKNOWN\nUNAVAILABLE",
            "A confidential source said so",
            "status: internal server error",
            "Das ist streng vertraulich zu behandeln.",
            "attorney-client privilege protects what a client says",
            "CONFIDENTIALITY",
            "API_SECRET: secret",
            "这是秘密",
        ] {
            assert!(found(text).is_empty(), "{text}: {:?}", found(text));
        }
    }

    #[test]
    fn any_piece_of_text_is_read_without_harm() {
        for pad in ["", "é", "規", "😀", " ", "\n"] {
            for n in [0, 1, 15, 16, 17, 21, 22, 40, 63, 64, 65] {
                found(&format!("{0}CONFIDENTIAL{0}", pad.repeat(n)));
            }
        }
    }
}
