//! Names of people, organisations, places and street addresses: a small tagger over running text, and rules for what
//! announces itself (a title, a label, a legal form, a house number).

mod lexicon;
mod rule;
mod tagger;
mod token;

use std::ops::Range;

pub use self::tagger::Candidate;
pub(in crate::text::sensitive) use self::tagger::Read;
use self::tagger::Tagger;
use super::super::hay::Hay;

pub(in crate::text::sensitive::pii) use self::rule::street;

const LEXICON: &[u8] = include_bytes!("../../../../../data/text/sensitive/lexicon.bin");
const MODEL: &[u8] = include_bytes!("../../../../../data/text/sensitive/names_model.bin");

/// The finder of names.
#[derive(Debug)]
pub(super) struct Names {
    rules: rule::Rules,
    tagger: Tagger,
}

impl Names {
    pub(super) fn parse(source: &'static str) -> Self {
        Self { rules: rule::Rules::parse(source), tagger: Tagger::new(LEXICON, MODEL) }
    }

    /// See [`rule::Rules::tag`].
    pub(super) fn tag(&self, hay: Hay<'_>, at: usize) -> Option<(&'static str, Range<usize>, f64)> {
        let found = self.rules.tag(hay, at)?;
        (found.0 != "PERSON" || !self.tagger.is_usual(hay.get(found.1.clone()))).then_some(found)
    }

    /// Calls `each` with type, span and score of every name that the tagger sees from where the text was `read` to; if
    /// there is `more` to come, of those that it cannot change.
    pub(super) fn each(
        &self,
        text: &str,
        read: &mut Read,
        more: bool,
        mut each: impl FnMut(&'static str, Range<usize>, f64),
    ) {
        self.tagger.spans(text, read, more, |span| {
            let score = 0.4 + 0.5 * span.lead / (span.lead.abs() + 4.0);
            each(span.entity(), span.range, score);
        });
    }

    /// For training: what the tagger sees of `text` when the lexicon does not know the names in `hide`.
    pub(super) fn candidates(&self, text: &str, hide: &[&str]) -> Vec<Candidate> {
        let hidden: Vec<u64> = hide.iter().map(|word| lexicon::fold(word)).collect();
        self.tagger.candidates(text, &|key| hidden.contains(&key))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names() -> Names {
        Names::parse(crate::text::sensitive::pii::GIVEN_NAMES)
    }

    fn tagged(names: &Names, text: &str) -> Vec<(&'static str, String)> {
        let mut all = Vec::new();
        names.each(text, &mut Read::default(), false, |kind, span, _| {
            all.push((kind, text.get(span).unwrap().to_owned()))
        });
        all
    }

    #[test]
    fn names_of_many_lands_in_both_cases() {
        let names = names();
        let person = |name: &str| ("PERSON", name.to_owned());
        let place = |name: &str| ("LOCATION", name.to_owned());
        assert_eq!(tagged(&names, "I met Željko Brkić in Tbilisi."), [person("Željko Brkić"), place("Tbilisi")]);
        assert_eq!(tagged(&names, "please call amina okafor tomorrow"), [person("amina okafor")]);
        assert_eq!(
            tagged(&names, "deliver it to 14 rue des Acacias, 69003 Lyon by noon"),
            [("STREET_ADDRESS", "14 rue des Acacias, 69003 Lyon".to_owned())]
        );
        for text in [
            "The parser reads Unicode text.",
            "let x = Foo::new(bar);",
            "Open the File menu and choose Save As.",
            "Rich Text Format is read too.",
            "SEE ALSO popen (3), wcsrtombs (3)",
            "To list them, run: gcloud dataplex lakes",
            "IMPLIED WARRANTIES OF MERCHANTABILITY AND NONINFRINGEMENT",
            "filter protocol all pref 49152 bpf, see Issue 14285",
        ] {
            assert_eq!(tagged(&names, text), [], "{text}");
        }
    }

    #[test]
    fn the_place_in_a_long_text_does_not_matter() {
        let names = names();
        let one = "Later Željko Brkić wrote to Amina Okafor in Tbilisi. ";
        let once = tagged(&names, one).len();
        assert!(once >= 3);
        let long = one.repeat(50);
        assert_eq!(tagged(&names, &long).len(), 50 * once);
    }

    /// Spans of a text that arrives in pieces of these lengths; what is far back is forgotten.
    fn pieces(names: &Names, text: &str, lengths: &[usize]) -> Vec<(&'static str, Range<usize>)> {
        let (mut read, mut all, mut end, mut start) = (Read::default(), Vec::new(), 0, 0);
        for length in lengths.iter().cycle() {
            end = text.ceil_char_boundary((end + length).min(text.len()));
            let part = text.get(start..end).unwrap();
            names.each(part, &mut read, end < text.len(), |kind, span, _| {
                all.push((kind, start + span.start..start + span.end))
            });
            if end == text.len() {
                return all;
            }
            let cut = part.floor_char_boundary(read.from.min(read.next()).saturating_sub(600));
            read.shift(cut);
            start += cut;
        }
        all
    }

    proptest! {
        #[test]
        fn any_split_gives_the_spans_of_the_whole(
            parts in proptest::collection::vec(prop_oneof![
                Just("Ana "), Just("ana "), Just("amina okafor "), Just("Smith, "), Just("12 "), Just("rue "), Just("\n"), Just("the "),
                Just("lower case without any name goes on and on for a while "), Just("Bank of Kenya "), Just("SHOUT "), Just("in Tbilisi"), Just(". "),
                Just("{}"), Just("josé "), Just("josè "), Just("and "),
            ], 0..120),
            lengths in proptest::collection::vec(1usize..90, 1..6),
        ) {
            let (names, text) = (names(), parts.concat());
            let mut whole = Vec::new();
            names.each(&text, &mut Read::default(), false, |kind, span, _| whole.push((kind, span)));
            prop_assert_eq!(pieces(&names, &text, &lengths), whole);
        }

        #[test]
        fn spans_are_in_order_and_on_characters(pieces in proptest::collection::vec(prop_oneof![
            Just("Ana"), Just("ana "), Just("de "), Just("García"), Just("Smith "), Just("e\u{301}"), Just("12 "), Just("rue "), Just("Ltd"),
            Just("-"), Just(", "), Just(". "), Just("\n"), Just("’"), Just("田中 "), Just("😀"), Just("\u{feff}"), Just("İ"), Just("Bank of "),
            Just("Paris"), Just("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), Just("_"), Just("\\"), Just("@"), Just("ß "),
        ], 0..300)) {
            let text = pieces.concat();
            let mut last = 0;
            names().each(&text, &mut Read::default(), false, |_, span, _| {
                assert!(last <= span.start && span.start < span.end && text.get(span.clone()).is_some());
                last = span.end;
            });
        }
    }
}
