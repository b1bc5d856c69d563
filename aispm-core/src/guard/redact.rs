//! Replacing what was found.

use std::borrow::Cow;

use super::config::DirectionPolicy;
use super::{Key, Operator, Vault};
use crate::asset::{Match, Severity};
use crate::text::Detector;

/// How matches are replaced.
pub(super) struct Redaction<'a> {
    /// Whose operators are used.
    pub(super) policy: &'a DirectionPolicy,
    pub(super) key: Option<&'a Key>,
    /// Where placeholders are kept; without it they count for this text alone.
    pub(super) vault: Option<&'a mut Vault>,
    /// Whether the vault is a session's, which later restores what it holds.
    pub(super) session: bool,
    /// Whether the model wrote the text, so that placeholders in it are ours.
    pub(super) by_model: bool,
}

impl Redaction<'_> {
    /// The text with each match replaced by what its operator writes. Where matches overlap, the operator of the
    /// longest is used (then the most severe, then the surest) on the stretch of them all, so that no piece of a match
    /// is left standing; matches that are kept do not count. O(m log m) in the matches.
    pub(super) fn redact(self, text: &str, matches: &[Match]) -> String {
        let with_operators = matches.iter().filter(|m| m.start < m.end).map(|m| (m, operator(self.policy, m)));
        let mut matches: Vec<_> = with_operators.filter(|(_, op)| !matches!(**op, Operator::Keep {})).collect();
        matches.sort_by(|(a, _), (b, _)| a.order(b));
        let kept = self.session;
        let mut own = Vault::default();
        let vault = self.vault.unwrap_or(&mut own);
        let mut clean = String::with_capacity(text.len());
        // where the text behind the last placeholder of ours begins
        let mut loose = 0;
        let mut at = 0;
        let mut rest = matches.into_iter().peekable();
        while let Some((first, operator)) = rest.next() {
            let (mut winner, mut end, mut mixed) = ((first, operator), first.end, false);
            while let Some(next) = rest.next_if(|(next, _)| next.start < end) {
                end = end.max(next.0.end);
                mixed |= next.1 != winner.1;
                if rank(next.0).partial_cmp(&rank(winner.0)) == Some(std::cmp::Ordering::Greater) {
                    winner = next;
                }
            }
            let (winner, operator) = winner;
            clean.push_str(text.get(at..first.start).unwrap_or_default());
            let value = text.get(first.start..end).unwrap_or_else(|| text.get(first.start..).unwrap_or_default());
            mixed |= (winner.start, winner.end) != (first.start, end);
            at = end;
            let hides = matches!(*operator, Operator::Placeholder {});
            if let Some(placeholder) = hides.then(|| vault.hide(&winner.kind, value)).flatten() {
                if kept {
                    shield_from(&mut clean, loose, vault, self.by_model);
                }
                clean.push_str(&placeholder);
                loose = clean.len();
                continue;
            }
            let (kind, operator) = if mixed { operator.on_mixed(&winner.kind) } else { (&*winner.kind, operator) };
            clean.push_str(&operator.apply(kind, value, self.key, vault));
        }
        clean.push_str(text.get(at..).unwrap_or_default());
        if kept {
            shield_from(&mut clean, loose, vault, self.by_model);
        }
        clean
    }
}

fn operator<'p>(policy: &'p DirectionPolicy, found: &Match) -> Cow<'p, Operator> {
    match policy.operator(found) {
        Some(operator) => Cow::Borrowed(operator),
        None if found.detector == Detector::InvisibleText.as_str() => Cow::Owned(Operator::Redact {}),
        None => Cow::Owned(Operator::default()),
    }
}

/// Shields what stands behind `from`. It cannot reach into a placeholder of ours, which begins with `<` and ends
/// with `>`.
fn shield_from(clean: &mut String, from: usize, vault: &mut Vault, by_model: bool) {
    let shielded = match vault.shield(clean.get(from..).unwrap_or_default(), by_model) {
        Cow::Owned(text) => text,
        Cow::Borrowed(_) => return,
    };
    clean.truncate(from);
    clean.push_str(&shielded);
}

fn rank(m: &Match) -> (usize, Severity, f64) {
    (m.end - m.start, m.severity, m.score)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::guard::Policy;

    fn policy(yaml: &str) -> DirectionPolicy {
        Policy::from_yaml(&format!("input: {{detectors: {{pii: {{action: redact, {yaml}}}}}}}")).unwrap().input
    }

    fn of(kind: &'static str, range: std::ops::Range<usize>) -> Match {
        Match::new("pii", kind, "r", 1.0, Severity::Low, range)
    }

    fn redacted(policy: &DirectionPolicy, text: &str, matches: &[Match]) -> String {
        let key = Key::new([5; 32]).unwrap();
        Redaction { policy, key: Some(&key), vault: None, session: false, by_model: false }.redact(text, matches)
    }

    #[test]
    fn overlaps_become_one_placeholder_named_for_the_longest() {
        let matches = [of("URL", 9..20), of("EMAIL_ADDRESS", 3..14), of("PERSON", 20..22), of("NAME", 4..6)];
        let plain = policy("types: {}");
        assert_eq!(redacted(&plain, "to ann@example.test.org Al ok", &matches), "to <EMAIL_ADDRESS><PERSON>g Al ok");
        assert_eq!(redacted(&plain, "näher", &[of("X", 0..99)]), "<X>");
        let mut alike = [of("A", 0..2), of("B", 0..2)];
        assert_eq!(redacted(&plain, "Al", &alike), "<A>");
        alike.reverse();
        assert_eq!(redacted(&plain, "Al", &alike), "<A>");
        let numbered = policy("operator: placeholder");
        assert_eq!(
            redacted(&numbered, "Al and Bo and Al", &[of("A", 0..2), of("A", 7..9), of("A", 14..16)]),
            "<A_1> and <A_2> and <A_1>"
        );
    }

    #[test]
    fn no_piece_of_an_overlap_shows() {
        let masked = policy("operator: {type: mask, keep_last: 4}, types: {PIN: {action: redact, operator: redact}}");
        let text = "card 4111111111111111 end";
        assert_eq!(redacted(&masked, text, &[of("CARD", 5..21)]), "card ************1111 end");
        for other in [17..21, 19..25, 0..6] {
            let out = redacted(&masked, text, &[of("CARD", 5..21), of("PIN", other)]);
            assert!(!out.contains('1') && out.contains('*'), "{out}");
        }
        let kept = policy("operator: {type: replace}, types: {URL: {action: redact, operator: keep}}");
        assert_eq!(
            redacted(&kept, "at x.example/ann", &[of("URL", 3..16), of("PERSON", 13..16)]),
            "at x.example/<PERSON>"
        );
        let fake = policy("operator: fake");
        let out = redacted(&fake, "DE0212030000000020205100", &[of("IBAN_CODE", 0..22), of("X", 21..24)]);
        assert!(out.len() == 24 && out != "DE0212030000000020205100");
    }

    proptest! {
        #[test]
        fn no_operator_shows_the_value(name in "redact|replace|mask|hash|placeholder|encrypt", value in "[a-z0-9@. -]{6,20}[0-9]{3}", before in "[A-Z]{0,3}", kind in "[A-Z]{3,9}|EMAIL_ADDRESS|CREDIT_CARD") {
            let text = format!("{before}{value}");
            let found = Match::new("pii", kind, "r", 1.0, Severity::Low, before.len()..text.len());
            let out = redacted(&policy(&format!("operator: {name}")), &text, &[found]);
            prop_assert!(out.starts_with(&before) && !out.contains(&value), "{}", out);
        }
    }
}
