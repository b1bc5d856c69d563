//! Calendar days, as RFC 3339 writes them.

/// The number of a day since a fixed one, in the proleptic Gregorian calendar; a time of day may follow. `None` if the
/// text does not begin with a day that exists.
pub(crate) fn day(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let mut parts = date.split('-').map(|part| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok())?);
    let (year, month, day): (i64, i64, i64) = (parts.next()??, parts.next()??, parts.next()??);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let dashes = date.bytes().enumerate().all(|(i, b)| (b == b'-') == (i == 4 || i == 7));
    let ends = rest.is_empty() || rest.starts_with(['T', 't', ' ']);
    if !(1..=12).contains(&month) || !(1..=last).contains(&day) || !dashes || !ends {
        return None;
    }
    // March begins the year, so that the leap day is its last
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 + day - 1)
}

/// Whether a text is a day as `YYYY-MM-DD`, and nothing else.
pub(crate) fn is_day(text: &str) -> bool {
    text.len() == 10 && day(text).is_some()
}

/// Whether text is a time in UTC as RFC 3339 writes it, to the second or finer: `2026-01-31T12:00:00Z`.
pub(crate) fn is_utc(text: &str) -> bool {
    let shape = |pattern: &str, text: &str| {
        pattern.len() == text.len()
            && pattern.bytes().zip(text.bytes()).all(|(p, b)| if p == b'0' { b.is_ascii_digit() } else { p == b })
    };
    let below = |range: std::ops::Range<usize>, bound: u32| {
        text.get(range).and_then(|digits| digits.parse::<u32>().ok()).is_some_and(|number| number < bound)
    };
    let Some((seconds, rest)) = text.split_at_checked(19) else { return false };
    let fraction = |rest: &str| {
        let digits = rest.strip_prefix('.').and_then(|rest| rest.strip_suffix('Z')).unwrap_or_default();
        (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
    };
    shape("0000-00-00T00:00:00", seconds)
        && day(text).is_some()
        && below(11..13, 24)
        && below(14..16, 60)
        && below(17..19, 61)
        && (rest == "Z" || fraction(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_between_times() {
        let between = |a: &str, b: &str| day(b).zip(day(a)).map(|(b, a)| b - a);
        assert_eq!(between("2024-02-28T23:00:00Z", "2024-03-01T00:00:00Z"), Some(2));
        assert_eq!(between("2025-01-01", "2026-01-01"), Some(365));
        assert_eq!(between("1999-12-31", "2000-03-01"), Some(61));
        for no_day in ["2026-13-01", "2026-02-29", "soon", "2026-1", "2026-01-011", "20260-1-01", "2026-+1-01", ""] {
            assert_eq!(day(no_day), None, "{no_day}");
        }
        assert!(is_day("2024-02-29") && !is_day("2024-02-29T00:00:00Z"));
    }

    #[test]
    fn times_in_utc_are_told_from_others() {
        for time in ["2026-01-31T12:00:00Z", "2026-01-31T23:59:60Z", "2026-01-31T12:00:00.123456789Z"] {
            assert!(is_utc(time), "{time}");
        }
        for other in [
            "",
            "2026-01-31",
            "2026-01-31T12:00:00",
            "2026-01-31 12:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-13-31T12:00:00Z",
            "2026-01-31T12:00:00+01:00",
            "2026-01-31T12:00:00.Z",
            "2026-01-31T12:00:00Zé",
        ] {
            assert!(!is_utc(other), "{other}");
        }
    }
}
