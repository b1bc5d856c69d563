//! Times as logs write them.

use std::borrow::Cow;

/// A time in RFC 3339: seconds, milli-, micro- and nanoseconds since 1970 are converted, anything else stays as written.
pub(in crate::discover) fn rfc3339(text: &str) -> Cow<'_, str> {
    let digits = text.split('.').next().unwrap_or(text);
    let number = digits.parse::<i64>().ok().filter(|_| (9..=19).contains(&digits.len()) && text.len() <= 26);
    match number {
        Some(number) => Cow::Owned(seconds(number / 10_i64.pow(scale(digits.len())))),
        None => Cow::Borrowed(text),
    }
}

/// A time given as a JSON value.
pub(in crate::discover) fn of(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(rfc3339(text).into_owned()),
        serde_json::Value::Number(number) => Some(rfc3339(&number.to_string()).into_owned()),
        _ => None,
    }
}

/// How many digits stand for parts of a second.
fn scale(digits: usize) -> u32 {
    match digits {
        ..=11 => 0,
        12..=14 => 3,
        15..=17 => 6,
        _ => 9,
    }
}

/// Seconds since 1970 in RFC 3339. Days to a date after Howard Hinnant's `civil_from_days`.
fn seconds(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_times() {
        for (text, time) in [
            ("1700000000", "2023-11-14T22:13:20Z"),
            ("1700000000.123", "2023-11-14T22:13:20Z"),
            ("1700000000123", "2023-11-14T22:13:20Z"),
            ("1700000000123456789", "2023-11-14T22:13:20Z"),
            ("951782400", "2000-02-29T00:00:00Z"),
            ("2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
            ("20250101", "20250101"),
        ] {
            assert_eq!(rfc3339(text), time);
        }
    }
}
