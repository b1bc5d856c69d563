//! The moment that a report speaks of, for formats that demand one.

/// A second in UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Time {
    /// Seconds since 1970.
    seconds: i64,
    date: (i64, i64, i64),
    clock: (i64, i64, i64),
}

impl Time {
    /// What formats that demand a time are given where the caller has none: 1970-01-01T00:00:00Z.
    pub(super) const NONE: Self = Self { seconds: 0, date: (1970, 1, 1), clock: (0, 0, 0) };

    /// Reads RFC 3339 in UTC, such as `2026-01-31T12:00:00Z`; parts of a second are dropped.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let signs = text.get(..19)?.bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
        let fraction = text.get(19..)?.strip_suffix(['Z', 'z'])?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !signs.eq(*b"0000-00-00T00:00:00")
            || !(fraction.is_empty() || fraction.strip_prefix('.').is_some_and(digits))
        {
            return None;
        }
        let number = |range: std::ops::Range<usize>, least: i64, most: i64| {
            let number = text.get(range)?.parse().ok()?;
            (least..=most).contains(&number).then_some(number)
        };
        let (year, month) = (number(0..4, 1970, 9999)?, number(5..7, 1, 12)?);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let day = number(8..10, 1, days)?;
        let clock = (number(11..13, 0, 23)?, number(14..16, 0, 59)?, number(17..19, 0, 59)?);
        let seconds = days_since_1970(year, month, day) * 86_400 + clock.0 * 3_600 + clock.1 * 60 + clock.2;
        Some(Self { seconds, date: (year, month, day), clock })
    }

    /// Milliseconds since 1970.
    pub(super) fn millis(self) -> i64 {
        self.seconds * 1_000
    }

    /// `2026-01-31T12:00:00.000Z`.
    pub(super) fn rfc3339_millis(self) -> String {
        let ((year, month, day), (hour, minute, second)) = (self.date, self.clock);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000Z")
    }
}

/// After Howard Hinnant's `days_from_civil`.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_become_numbers_and_others_are_refused() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T00:00:00Z", 951_782_400),
            ("2023-11-14T22:13:20.5Z", 1_700_000_000),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(Time::parse(text).unwrap().seconds, seconds, "{text}");
        }
        assert_eq!(Time::parse("2026-01-31T12:00:00Z").unwrap().rfc3339_millis(), "2026-01-31T12:00:00.000Z");
        assert_eq!(Time::parse("1970-01-01T00:00:00Z"), Some(Time::NONE));
        for text in [
            "",
            "2026-01-31",
            "2026-02-29T00:00:00Z",
            "2026-01-31T12:00:00",
            "2026-01-31T12:00:00+01:00",
            "2026-13-01T00:00:00Z",
            "2026-01-31T12:00:00.Z",
            "２026-01-31T12:00:00Z",
        ] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }
}
