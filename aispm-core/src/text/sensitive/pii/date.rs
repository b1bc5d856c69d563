//! Dates and times that carry at least a day and a year, or a month and a year where the form is unmistakable.

use std::ops::Range;

use super::super::hay::Hay;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The date at or around the digit run that begins at `start`.
pub(super) fn date(hay: Hay<'_>, start: usize) -> Option<Range<usize>> {
    if matches!(hay.before(start), b'-' | b'/' | b'.' | b'_' | b'=' | b'\\' | b'+')
        || hay.before(start).is_ascii_digit()
    {
        return None;
    }
    let span = numeric(hay, start).or_else(|| named_after(hay, start)).or_else(|| named_before(hay, start))?;
    let next = hay.at(span.end);
    let joined = matches!(next, b'-' | b'/' | b'.') && hay.joined_after(span.end + 1);
    (!hay.embedded(&span) && !joined).then_some(span)
}

/// `2024-05-06`, with a time; `6.5.2024`, `05/06/24`, `05/2024`.
fn numeric(hay: Hay<'_>, start: usize) -> Option<Range<usize>> {
    let (a, end) = number(hay, start, 4)?;
    let sign = hay.at(end);
    if !matches!(sign, b'-' | b'/' | b'.') {
        return None;
    }
    let Some((b, after)) = number(hay, end + 1, 4) else { return named_month(hay, start, end, sign) };
    if hay.at(after) != sign || !hay.at(after + 1).is_ascii_digit() {
        let month_year = sign == b'/' && end - start == 2 && (1..=12).contains(&a) && (1900..=2099).contains(&b);
        return month_year.then_some(start..after);
    }
    let (c, stop) = number(hay, after + 1, 4)?;
    let day_month = |x: u32, y: u32| (1..=31).contains(&x) && (1..=31).contains(&y) && (x <= 12 || y <= 12);
    let year = |y: u32| (1800..=2199).contains(&y);
    if end - start == 4 {
        return (year(a) && (1..=12).contains(&b) && (1..=31).contains(&c)).then(|| start..time(hay, stop));
    }
    let short = stop - after == 3;
    let plain = sign != b'.'
        || hay.lone(&(start..stop))
        || hay.near(&(start..stop), &["date", "born", "birth", "dob", "today", "on"]);
    (day_month(a, b) && (year(c) && stop - after == 5 || (short && plain))).then(|| start..time(hay, stop))
}

/// `20-May-2021`.
fn named_month(hay: Hay<'_>, start: usize, end: usize, sign: u8) -> Option<Range<usize>> {
    let word = hay.run(end + 1, 9, |b| b.is_ascii_alphabetic());
    let (year, stop) = number(hay, word + 1, 4)?;
    (month(hay.get(end + 1..word)) && hay.at(word) == sign && (year < 100 || (1800..=2199).contains(&year)))
        .then_some(start..stop)
}

/// `6 May 2024`, `6th of May, 2024`.
fn named_after(hay: Hay<'_>, start: usize) -> Option<Range<usize>> {
    let parted = |at: usize| hay.at(at) == b' ' || hay.at(at).is_ascii_alphabetic();
    let (day, end) = number(hay, start, 2).filter(|(_, end)| parted(*end))?;
    let mut at = end + if ["st", "nd", "rd", "th"].contains(&hay.get(end..end + 2)) { 2 } else { 0 };
    at += usize::from(hay.at(at) == b' ');
    at += if hay.get(at..at + 3) == "of " { 3 } else { 0 };
    let word = hay.run(at, 9, |b| b.is_ascii_alphabetic());
    if !month(hay.get(at..word)) || !(1..=31).contains(&day) {
        return None;
    }
    let gap = hay.run(word, 2, |b| matches!(b, b' ' | b',' | b'.'));
    let (year, stop) = number(hay, gap, 4)?;
    (gap > word && (1800..=2199).contains(&year)).then_some(start..stop)
}

/// `May 6, 2024`, `May 2024`, `May-2024`, from the digits back to the month.
fn named_before(hay: Hay<'_>, start: usize) -> Option<Range<usize>> {
    let gap = hay.run_back(start, 2, |b| matches!(b, b' ' | b'.' | b'-'));
    if gap == start || !hay.before(gap).is_ascii_alphabetic() {
        return None;
    }
    let word = hay.run_back(gap, 9, |b| b.is_ascii_alphabetic());
    if !month(hay.get(word..gap)) {
        return None;
    }
    let (n, end) = number(hay, start, 4)?;
    if end - start == 4 {
        return (1800..=2199).contains(&n).then_some(word..end);
    }
    let ordinal = end + if ["st", "nd", "rd", "th"].contains(&hay.get(end..end + 2)) { 2 } else { 0 };
    let comma = hay.run(ordinal, 2, |b| matches!(b, b' ' | b','));
    let (year, stop) = number(hay, comma, 4)?;
    ((1..=31).contains(&n) && comma > ordinal && (1800..=2199).contains(&year)).then_some(word..stop)
}

/// The end of a time of day, with seconds, fraction and zone, after a date that ends at `end`; `end` if there is none.
fn time(hay: Hay<'_>, end: usize) -> usize {
    let two = |at: usize| hay.run(at, 2, |b| b.is_ascii_digit()) == at + 2;
    let mark = end + 1;
    if !(matches!(hay.at(end), b'T' | b't' | b' ') && two(mark) && hay.at(mark + 2) == b':' && two(mark + 3)) {
        return end;
    }
    let mut at = mark + 5;
    if hay.at(at) == b':' && two(at + 1) {
        at += 3;
    }
    if matches!(hay.at(at), b'.' | b',') && hay.at(at + 1).is_ascii_digit() {
        at = hay.run(at + 1, 9, |b| b.is_ascii_digit());
    }
    match hay.at(at) {
        b'Z' | b'z' => at + 1,
        b'+' | b'-' if two(at + 1) => {
            let colon = usize::from(hay.at(at + 3) == b':');
            if two(at + 3 + colon) { at + 5 + colon } else { at + 3 }
        }
        _ => at,
    }
}

fn number(hay: Hay<'_>, start: usize, most: usize) -> Option<(u32, usize)> {
    let end = hay.run(start, most, |b| b.is_ascii_digit());
    let digits = hay.bytes().get(start..end).filter(|digits| !digits.is_empty())?;
    Some((digits.iter().fold(0, |n, digit| n * 10 + u32::from(digit - b'0')), end))
}

fn month(word: &str) -> bool {
    let lower = |m: &str| m.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    (word.len() == 3 || word.len() > 3) && MONTHS.iter().any(|m| lower(m) && (word.len() == 3 || word.len() == m.len()))
        || word.eq_ignore_ascii_case("sept")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_told_from_versions_and_numbers() {
        let found = |text: &'static str| {
            let digit = text.bytes().position(|b| b.is_ascii_digit())?;
            date(Hay::new(text), digit).map(|span| text.get(span).unwrap())
        };
        for text in [
            "2024-05-06T10:11:12.5Z",
            "6.5.2024",
            "05/06/2024",
            "6 May 2024",
            "May 6th, 2024",
            "20-May-2021",
            "05/2024",
        ] {
            assert_eq!(found(text), Some(text));
        }
        for text in ["v 3.11.15 of it", "10/20/30/40", "1/2", "May 6", "99-99-9999", "2024-13-01"] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
