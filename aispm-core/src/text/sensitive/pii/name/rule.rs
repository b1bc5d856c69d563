//! Names of people, organisations and street addresses by their capitals, beside a title, a label, a known given name,
//! a legal form or a street word. A first tagger: precise rather than complete.

use std::collections::HashSet;
use std::ops::Range;

use foldhash::fast::FixedState;

use super::super::super::hay::{Hay, is_word};

const TITLES: &[&str] =
    &["Mr", "Mrs", "Ms", "Miss", "Dr", "Prof", "Professor", "Mme", "Sr", "Sra", "Herr", "Frau", "Rev", "Sir"];
const LABELS: &[&str] = &[
    "patient",
    "name",
    "author",
    "customer",
    "employee",
    "applicant",
    "physician",
    "maintainer",
    "contact",
    "owner",
    "signature",
    "attending",
    "client",
    "member",
    "user",
    "re",
];
const PARTICLES: &[&str] =
    &["van", "von", "de", "der", "den", "da", "di", "del", "la", "le", "bin", "al", "el", "dos", "ter"];
const FORMS: &[&str] = &["Inc", "Corp", "Corporation", "LLC", "Ltd", "Limited", "GmbH", "AG", "PLC"];
/// Words of firms that are usual words too.
const KINDS: &[&str] = &[
    "Industries",
    "Solutions",
    "Systems",
    "Enterprises",
    "Holdings",
    "Partners",
    "Associates",
    "Technologies",
    "Laboratories",
    "University",
    "Hospital",
    "Bank",
];
const STREETS: &[&str] = &[
    "Street",
    "St",
    "Avenue",
    "Ave",
    "Road",
    "Rd",
    "Boulevard",
    "Blvd",
    "Lane",
    "Ln",
    "Drive",
    "Dr",
    "Court",
    "Ct",
    "Place",
    "Pl",
    "Way",
    "Terrace",
    "Square",
    "Circle",
    "Parkway",
    "Highway",
];
/// Capitalised words that begin sentences, headings or fields, and no surname.
const NEVER: &[&str] = &[
    "The",
    "A",
    "An",
    "In",
    "On",
    "At",
    "And",
    "Or",
    "But",
    "For",
    "From",
    "To",
    "With",
    "By",
    "Of",
    "Is",
    "Was",
    "Are",
    "He",
    "She",
    "It",
    "They",
    "We",
    "You",
    "I",
    "This",
    "That",
    "Note",
    "Date",
    "Phone",
    "Email",
    "Address",
    "Please",
    "Department",
    "Patient",
    "Provider",
    "Medication",
    "Diagnosis",
    "Street",
    "Avenue",
    "Road",
    "Company",
    "University",
    "Hospital",
    "Inc",
    "Ltd",
    "Id",
    "Name",
    "License",
    "Copyright",
];

/// The most words of a name.
const WORDS: usize = 4;

/// The tagger, with the given names it knows.
#[derive(Debug)]
pub(super) struct Rules(HashSet<&'static str, FixedState>);

impl Rules {
    pub(super) fn parse(source: &'static str) -> Self {
        Self(source.split_ascii_whitespace().collect())
    }

    /// The entity that begins with, or is announced by, the capital at `at`: type, span, score.
    pub(super) fn tag(&self, hay: Hay<'_>, at: usize) -> Option<(&'static str, Range<usize>, f64)> {
        if is_word(hay.before(at)) || matches!(hay.before(at), b'.' | b'-' | b'/' | b'\\' | b'@' | b'\'') {
            return None;
        }
        let first = word(hay, at)?;
        let text = hay.get(first.clone());
        if TITLES.contains(&text) {
            let gap = first.end + usize::from(hay.at(first.end) == b'.');
            let name = (hay.at(gap) == b' ').then(|| name(hay, gap + 1, 1)).flatten()?;
            return Some(("PERSON", name, 0.85));
        }
        if let Some(span) = organisation(hay, first.clone()) {
            return Some(("ORGANIZATION", span, 0.6));
        }
        if self.knows(text) {
            return name(hay, at, 2).map(|span| ("PERSON", span, 0.75));
        }
        labelled(hay, at).then(|| name(hay, at, 2)).flatten().map(|span| ("PERSON", span, 0.6))
    }

    fn knows(&self, word: &str) -> bool {
        let mut lower = [0u8; 16];
        let Some(room) = lower.get_mut(..word.len()) else { return false };
        room.copy_from_slice(word.as_bytes());
        room.make_ascii_lowercase();
        std::str::from_utf8(room).is_ok_and(|w| self.0.contains(w))
    }
}

/// The street address that begins with the house number at `at`, with town, state and postcode after commas.
pub(in crate::text::sensitive::pii) fn street(hay: Hay<'_>, at: usize) -> Option<Range<usize>> {
    let number = hay.run(at, 6, |b| b.is_ascii_digit());
    if is_word(hay.before(at)) || hay.at(number) != b' ' || !hay.at(number + 1).is_ascii_uppercase() {
        return None;
    }
    let mut end = number;
    let mut words = 0;
    loop {
        let next = (hay.at(end) == b' ').then(|| word(hay, end + 1)).flatten()?;
        end = next.end;
        words += 1;
        if words > 1 && STREETS.contains(&hay.get(next)) {
            break;
        }
        if words == WORDS {
            return None;
        }
    }
    // `, Springfield, IL 62704`
    let tail = hay.window(end, 60);
    let line = tail.split('\n').next().unwrap_or("");
    let code = line.strip_prefix(", ").and_then(|rest| {
        let digits = rest.find(|c: char| c.is_ascii_digit())?;
        let stop =
            rest.get(digits..)?.find(|c: char| !c.is_ascii_digit() && c != '-').map_or(rest.len(), |n| digits + n);
        let plain = rest.get(..digits)?.chars().all(|c| c.is_alphabetic() || matches!(c, ' ' | ','));
        (plain && stop - digits >= 5).then_some(end + 2 + stop)
    });
    Some(at..code.unwrap_or(end))
}

/// A capitalised word at `at`: letters, hyphens and apostrophes inside, or an initial with its dot.
fn word(hay: Hay<'_>, at: usize) -> Option<Range<usize>> {
    let text = hay.window(at, 40);
    let first = text.chars().next().filter(|c| c.is_uppercase())?;
    let plain = |b: &u8| b.is_ascii_alphabetic() || matches!(b, b'-' | b'\'');
    let mut end = text.bytes().take_while(plain).count();
    if text.as_bytes().get(end).is_some_and(|b| !b.is_ascii()) {
        let inside = |c: char| c.is_alphabetic() || matches!(c, '-' | '\'' | '’');
        end = text.char_indices().find(|(_, c)| !inside(*c)).map_or(text.len(), |(i, _)| i);
    }
    let text = without_joints(text.get(..end)?);
    let initial = text.len() == first.len_utf8() && hay.at(at + text.len()) == b'.';
    (text.len() > first.len_utf8() || initial).then(|| at..at + text.len() + usize::from(initial))
}

/// Without hyphens and apostrophes at the end, and then without each `'s`.
fn without_joints(text: &str) -> &str {
    let mut text = text.trim_end_matches(['-', '\'', '’']);
    for owner in ["'s", "’s"] {
        while let Some(stem) = text.strip_suffix(owner) {
            text = stem;
        }
    }
    text
}

/// The run of capitalised words at `at`, particles inside, of `least` words or more.
fn name(hay: Hay<'_>, at: usize, least: usize) -> Option<Range<usize>> {
    let (mut end, mut count, mut next) = (at, 0, at);
    while count < WORDS {
        let Some(part) = word(hay, next) else {
            let stop = hay.run(next, 5, |b| b.is_ascii_lowercase());
            if count > 0 && PARTICLES.contains(&hay.get(next..stop)) && hay.at(stop) == b' ' {
                next = stop + 1;
                continue;
            }
            break;
        };
        let text = hay.get(part.clone());
        let shouted = text.chars().count() > 3 && text.chars().all(char::is_uppercase);
        if NEVER.contains(&text) || shouted || hay.at(part.end) == b':' && count > 0 && hay.before(next) == b'\n' {
            break;
        }
        (end, count) = (part.end, count + 1);
        if hay.at(end) != b' ' {
            break;
        }
        next = end + 1;
    }
    (count >= least && !is_word(hay.at(end))).then_some(at..end)
}

/// Whether `Label: ` stands before `at`.
fn labelled(hay: Hay<'_>, at: usize) -> bool {
    let colon = hay.run_back(at, 3, |b| b == b' ');
    let start = hay.run_back(colon.saturating_sub(1), 12, |b| b.is_ascii_alphabetic());
    hay.before(colon) == b':' && LABELS.iter().any(|l| hay.get(start..colon - 1).eq_ignore_ascii_case(l))
}

/// Capitalised words, the `first` of which is known, that end in a legal form, or in a word of firms that no other capital follows ("Systems Manager").
fn organisation(hay: Hay<'_>, first: Range<usize>) -> Option<Range<usize>> {
    let (at, mut part) = (first.start, first);
    for _ in 1..=WORDS {
        let gap = part.end + usize::from(hay.at(part.end) == b',');
        part = (hay.at(gap) == b' ').then(|| word(hay, gap + 1)).flatten()?;
        let text = hay.get(part.clone());
        let goes_on = || hay.at(part.end) == b' ' && hay.at(part.end + 1).is_ascii_uppercase();
        if FORMS.contains(&text) || KINDS.contains(&text) && !goes_on() {
            return Some(at..part.end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capitals_alone_do_not_make_a_name() {
        let names = Rules::parse(crate::text::sensitive::pii::GIVEN_NAMES);
        let tag = |text: &'static str, at: usize| {
            names.tag(Hay::new(text), at).map(|(kind, span, _)| (kind, text.get(span).unwrap()))
        };
        assert_eq!(tag("Dr. Ana de Souza called", 0), Some(("PERSON", "Ana de Souza")));
        assert_eq!(tag("Linda Q. Garner wrote", 0), Some(("PERSON", "Linda Q. Garner")));
        assert_eq!(tag("Patient: Zoltar Quibble", 9), Some(("PERSON", "Zoltar Quibble")));
        assert_eq!(tag("Northern Widget Corp", 0), Some(("ORGANIZATION", "Northern Widget Corp")));
        assert_eq!(tag("Open Systems Manager", 0), None);
        assert_eq!(tag("Read The Docs", 0), None);
        assert_eq!(tag("Mark the place", 0), None);
        let text = "at 12 Elm Tree Road, Millville, NJ 08332 now";
        assert_eq!(
            street(Hay::new(text), 3).map(|s| text.get(s).unwrap()),
            Some("12 Elm Tree Road, Millville, NJ 08332")
        );
    }
}
