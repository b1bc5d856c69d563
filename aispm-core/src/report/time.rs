//! The moment that a report speaks of, for formats that demand one.

use crate::asset::day;

/// A second in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Time {
    /// `2026-01-31T12:00:00`.
    text: String,
    /// Seconds since 1970.
    seconds: i64,
}

impl Default for Time {
    /// What formats that demand a time are given where the caller has none.
    fn default() -> Self {
        Self { text: "1970-01-01T00:00:00".to_owned(), seconds: 0 }
    }
}

impl Time {
    /// Reads RFC 3339 in UTC, such as `2026-01-31T12:00:00Z`, from 1970 on; parts of a second are dropped.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (second, rest) = text.split_at_checked(19)?;
        let fraction = rest.strip_suffix('Z')?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !fraction.is_empty() && !fraction.strip_prefix('.').is_some_and(digits) {
            return None;
        }
        let (date, clock) = second.split_once('T')?;
        let days = day(date)?.checked_sub(day("1970-01-01")?).filter(|days| *days >= 0)?;
        let mut parts =
            clock.split(':').map(|part| part.parse::<i64>().ok().filter(|_| part.len() == 2 && digits(part)));
        let (hour, minute, second_of) = (parts.next()??, parts.next()??, parts.next()??);
        let exists = hour < 24 && minute < 60 && second_of < 60 && parts.next().is_none();
        let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second_of;
        exists.then(|| Self { text: second.to_owned(), seconds })
    }

    /// Milliseconds since 1970.
    pub(super) fn millis(&self) -> i64 {
        self.seconds * 1_000
    }

    /// `2026-01-31T12:00:00`, without a zone.
    pub(super) fn local(&self) -> &str {
        &self.text
    }

    /// `2026-01-31T12:00:00.000Z`.
    pub(super) fn rfc3339_millis(&self) -> String {
        format!("{}.000Z", self.text)
    }
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
        assert_eq!(Time::parse("1970-01-01T00:00:00Z"), Some(Time::default()));
        for text in [
            "",
            "2026-01-31",
            "2026-02-29T00:00:00Z",
            "2026-01-31T12:00:00",
            "2026-01-31T12:00:00+01:00",
            "2026-13-01T00:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T12:00:00.Z",
            "2026-01-31T+1:00:00Z",
            "1969-12-31T23:59:59Z",
            "２026-01-31T12:00:00Z",
        ] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }
}
