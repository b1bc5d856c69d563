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
}
