//! Replacing what was found.

use crate::asset::Match;
use crate::text::Detector;

/// The text with each match replaced by `<TYPE>`, invisible characters by nothing. Where matches overlap, the longest names the type (then the most
/// severe, then the surest), and the replacement covers them all, so that no piece of a match is left standing.
/// O(m log m) in the matches.
pub(super) fn redact(text: &str, matches: &[Match]) -> String {
    let mut matches: Vec<&Match> = matches.iter().filter(|m| m.start < m.end).collect();
    matches.sort_by_key(|m| (m.start, m.end));
    let mut clean = String::with_capacity(text.len());
    let mut at = 0;
    let mut rest = matches.into_iter().peekable();
    while let Some(first) = rest.next() {
        let (mut winner, mut end) = (first, first.end);
        while let Some(next) = rest.next_if(|next| next.start < end) {
            end = end.max(next.end);
            if rank(next).partial_cmp(&rank(winner)) == Some(std::cmp::Ordering::Greater) {
                winner = next;
            }
        }
        clean.push_str(text.get(at..first.start).unwrap_or_default());
        if winner.detector != Detector::InvisibleText.as_str() {
            clean.push('<');
            clean.push_str(&winner.kind);
            clean.push('>');
        }
        at = end;
    }
    clean.push_str(text.get(at..).unwrap_or_default());
    clean
}

fn rank(m: &Match) -> (usize, crate::asset::Severity, f64) {
    (m.end - m.start, m.severity, m.score)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::Severity;

    #[test]
    fn overlaps_become_one_placeholder_named_for_the_longest() {
        let of = |kind: &'static str, range| Match::new("pii", kind, "r", 1.0, Severity::Low, range);
        let matches = [of("URL", 9..20), of("EMAIL_ADDRESS", 3..14), of("PERSON", 20..22), of("NAME", 4..6)];
        assert_eq!(redact("to ann@example.test.org Al ok", &matches), "to <EMAIL_ADDRESS><PERSON>g Al ok");
        assert_eq!(redact("näher", &[of("X", 0..99)]), "<X>");
    }
}
