//! Moments as conditions write them: ISO 8601, or seconds since 1970.

/// Seconds since 1970, and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(i64, u32);

impl Moment {
    /// `2024`, `2024-06`, `2024-06-01`, `2024-06-01T12:00Z`, `2024-06-01T12:00:00.5+02:00`, or seconds.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let is_number = !whole.is_empty() && whole.bytes().all(|b| b.is_ascii_digit());
        if is_number && whole.len() != 4 {
            return Some(Self(whole.parse().ok()?, nanoseconds(fraction)?));
        }
        let (date, time) = text.split_once(['T', 't', ' ']).map_or((text, None), |(date, time)| (date, Some(time)));
        let mut parts = date.split('-');
        let year = number(parts.next()?, 4)?;
        let month = parts.next().map_or(Some(1), |part| number(part, 2))?;
        let day = parts.next().map_or(Some(1), |part| number(part, 2))?;
        if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let (seconds, nanos) = time.map_or(Some((0, 0)), time_of_day)?;
        Some(Self(days(year, month, day) * 86_400 + seconds, nanos))
    }
}

/// Whole days from one moment to another, each written as conditions write them.
pub(crate) fn days_between(from: &str, to: &str) -> Option<i64> {
    let (Moment(from, _), Moment(to, _)) = (Moment::parse(from)?, Moment::parse(to)?);
    Some(to.saturating_sub(from).div_euclid(86_400))
}

/// Seconds since midnight in UTC.
fn time_of_day(text: &str) -> Option<(i64, u32)> {
    let zone = text.find(['Z', 'z', '+', '-']).unwrap_or(text.len());
    let (clock, zone) = text.split_at_checked(zone)?;
    let offset = match zone.as_bytes() {
        [] | [b'Z' | b'z'] => 0,
        [sign, ..] => {
            let (hours, minutes) = match zone.get(1..)? {
                short if short.len() == 2 => (short, "00"),
                long => long.split_once(':').or_else(|| long.split_at_checked(2))?,
            };
            let seconds = number(hours, 2)? * 3600 + number(minutes, 2)? * 60;
            if *sign == b'-' { -seconds } else { seconds }
        }
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = clock.split(':');
    let (hours, minutes) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let seconds = parts.next().map_or(Some(0), |part| number(part, 2))?;
    let fits = hours < 24 && minutes < 60 && seconds < 61 && parts.next().is_none();
    fits.then_some((hours * 3600 + minutes * 60 + seconds - offset, nanoseconds(fraction)?))
}

fn number(text: &str, digits: usize) -> Option<i64> {
    (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn nanoseconds(fraction: &str) -> Option<u32> {
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let all = fraction.bytes().all(|b| b.is_ascii_digit());
    all.then(|| digits.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
}

/// Days since 1970 in the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_seconds_are_one_line_of_time() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-03-01", 951_868_800),
            ("2024-02-29T12:00Z", 1_709_208_000),
            ("2024-02-29T14:00:00+02:00", 1_709_208_000),
            ("2024-02-29T10:30:00-0130", 1_709_208_000),
            ("1709208000", 1_709_208_000),
            ("2024", 1_704_067_200),
            ("2024-06", 1_717_200_000),
        ] {
            assert_eq!(Moment::parse(text), Some(Moment(seconds, 0)), "{text}");
        }
        assert!(Moment::parse("2024-01-01T00:00:00.250Z") > Moment::parse("2024-01-01T00:00:00.2Z"));
        for bad in ["", "soon", "2024-13-01", "2024-01-01T25:00Z", "2024-1-1", "12:00", "2024-01-01T"] {
            assert_eq!(Moment::parse(bad), None, "{bad}");
        }
    }
}
