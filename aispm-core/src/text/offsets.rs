//! Byte offsets as the units of other languages.

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

/// Rewrites the byte offsets of matches in `text` in another unit. One pass over the text, O(m log m) in the matches.
pub fn convert_offsets(text: &str, matches: &mut [Match], unit: Unit) {
    let mut offsets: Vec<&mut usize> = matches.iter_mut().flat_map(|m| [&mut m.start, &mut m.end]).collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::Severity;

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
}
