//! Byte offsets as the units of other languages.

use serde_json::{Map, Value};

use crate::asset::Match;

/// What a language counts in its strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Unicode code points: Python, and JSON of the command line.
    CodePoints,
    /// UTF-16 code units: JavaScript.
    Utf16,
}

impl Unit {
    /// How many of it a text has.
    pub(crate) fn length(self, text: &str) -> usize {
        match self {
            Self::CodePoints => text.chars().count(),
            Self::Utf16 => text.chars().map(char::len_utf16).sum(),
        }
    }
}

/// Rewrites the byte offsets of matches in `text` in another unit. One pass over the text, O(m log m) in the matches.
pub fn convert_offsets(text: &str, matches: &mut [Match], unit: Unit) {
    let spans = matches.iter_mut().flat_map(|m| {
        let clues = m.clues.iter_mut().flat_map(|clue| [&mut clue.start, &mut clue.end]);
        [&mut m.start, &mut m.end].into_iter().chain(clues)
    });
    let mut offsets: Vec<&mut usize> = spans.collect();
    offsets.sort_unstable();
    let mut chars = text.chars();
    let (mut bytes, mut units) = (0, 0);
    for offset in offsets {
        while bytes < *offset {
            let Some(c) = chars.next() else { break };
            bytes += c.len_utf8();
            units += if unit == Unit::Utf16 { c.len_utf16() } else { 1 };
        }
        *offset = units;
    }
}

/// [`convert_offsets`] for matches in strings of a JSON document: `pointers` tells the string of each match, as in a
/// [`Decision`](crate::guard::Decision) about messages or a tool call, or the object whose names it is in. One pass over
/// a string for each run of matches in it.
pub fn convert_offsets_within(document: &Value, pointers: &[String], matches: &mut [Match], unit: Unit) {
    let mut rest = matches;
    for run in pointers.chunk_by(|a, b| a == b) {
        let Some((here, after)) = rest.split_at_mut_checked(run.len()) else { return };
        match run.first().and_then(|pointer| document.pointer(pointer)) {
            Some(Value::String(text)) => convert_offsets(text, here, unit),
            Some(Value::Object(fields)) => convert_offsets(&names(fields), here, unit),
            _ => convert_offsets("", here, unit),
        }
        rest = after;
    }
}

/// The names of fields as one text that offsets lead into: one a line, sorted by code points.
pub(crate) fn names(fields: &Map<String, Value>) -> String {
    fields.keys().map(String::as_str).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::{Clue, Severity};

    #[test]
    fn converts_overlapping_spans_in_any_order() {
        let text = "aé𝄞z";
        let span = |range| Match::new("pii", "X", "x", 1.0, Severity::Low, range);
        let found = |unit| {
            let mut matches = [span(3..8), span(0..3), span(1..7)];
            convert_offsets(text, &mut matches, unit);
            matches.map(|m| (m.start, m.end))
        };
        assert_eq!(found(Unit::CodePoints), [(2, 4), (0, 2), (1, 3)]);
        assert_eq!(found(Unit::Utf16), [(2, 5), (0, 2), (1, 4)]);
    }

    #[test]
    fn converts_clues() {
        let mut found = [Match::new("pii", "X", "x", 1.0, Severity::Low, 0..4)];
        found[0].clues = vec![Clue::new(1.0, 3..4)];
        convert_offsets("aéz", &mut found, Unit::CodePoints);
        assert_eq!((found[0].end, found[0].clues[0].start, found[0].clues[0].end), (3, 2, 3));
    }

    #[test]
    fn converts_spans_in_the_strings_of_a_document() {
        let document = serde_json::json!({"a": "é1", "b": ["𝄞22"], "ç": null});
        let span = |range| Match::new("pii", "X", "x", 1.0, Severity::Low, range);
        let mut matches = [span(2..3), span(0..2), span(4..6), span(2..6)];
        let pointers = ["/a", "/a", "/b/0", ""].map(String::from);
        convert_offsets_within(&document, &pointers, &mut matches, Unit::Utf16);
        assert_eq!(matches.map(|m| (m.start, m.end)), [(1, 2), (0, 1), (2, 4), (2, 5)]);
    }
}
