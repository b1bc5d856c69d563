//! Hours of times as text, for differences between them; the offset from UTC is left aside.

use super::day;

/// Hours of an RFC 3339 time since a fixed one; `None` for a day without an hour.
pub(crate) fn hour(time: &str) -> Option<i64> {
    let (mark, rest) = time.get(10..13)?.split_at_checked(1)?;
    let hour = rest.parse::<i64>().ok().filter(|hour| matches!(mark, "T" | "t" | " ") && (0..24).contains(hour))?;
    Some(day(time)? * 24 + hour)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_between_times() {
        let between = |a: &str, b: &str| hour(b).zip(hour(a)).map(|(b, a)| b - a);
        assert_eq!(between("2024-02-28T23:59:59Z", "2024-02-29 00:00:00"), Some(1));
        assert_eq!((hour("2024-02-28"), hour("2024-02-28T24:00:00Z"), hour("2024-02-28Tä")), (None, None, None));
    }
}
