//! What is long and rare enough that meeting it again tells where it came from.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::words::RUN;
use crate::text::fold::is_unspaced;

/// Bits that a value, and the words of a quote together, must be worth; chosen so that a first name, a city, a year or
/// a version is not, a full name, a phone number or an address is.
const VALUE: u32 = 23;
const QUOTE: u32 = 40;
/// Different words among the ten of a quote.
const DIFFERENT: usize = 6;
/// Different digits of a number; fewer make a round or masked one.
const DIGITS: usize = 3;

/// What a value tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    /// Too little.
    Nothing,
    /// Words, such as a person's name: few others write them, but some do.
    Words,
    /// An address, a number, a code: hardly anybody else writes it.
    Identifier,
}

/// What a field tells. Words and slugs alone, dates, amounts and measurements tell nothing, nor does an address of a page
/// without a number in it. Linear.
pub(super) fn value(text: &str) -> Worth {
    let text = text.trim();
    let runs: Vec<Run> = runs(text).collect();
    let bits: u32 = runs.iter().map(Run::bits).sum::<u32>() / 10;
    if bits < VALUE {
        return Worth::Nothing;
    }
    let address = text.contains('@') && !text.contains("://");
    let (digits, letters) = (runs.iter().any(|run| run.digits), runs.iter().any(|run| !run.digits));
    let told = match (digits, letters) {
        _ if is_time(&runs) => false,
        (true, false) => !is_amount(text) && !is_plain(&runs) && !text.starts_with("255."),
        (true, true) => true,
        _ => {
            let phrase = text.contains(char::is_whitespace) && !text.contains("://") && !is_ordinary(&runs);
            return match (address, phrase || text.chars().any(is_unspaced)) {
                (true, _) => Worth::Identifier,
                (_, true) => Worth::Words,
                _ => Worth::Nothing,
            };
        }
    };
    if told { Worth::Identifier } else { Worth::Nothing }
}

/// Tenths of a bit that a word is worth; of numbers to three digits, nothing: they come in rows and tables everywhere.
pub(super) fn word(text: &str) -> u32 {
    if text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit()) { 0 } else { runs(text).map(|run| run.bits()).sum() }
}

/// Text that many a data set has and that tells nothing of where it comes from (`data/text/ordinary_text.txt`).
pub(super) fn ordinary_text() -> impl Iterator<Item = &'static str> {
    include_str!("../../../data/text/ordinary_text.txt").split("\n\n").filter(|text| !text.starts_with('#'))
}

/// Whether words of these worths and hashes, some ten of them, are worth finding again; hash 0 stands for none.
pub(super) fn quote(words: impl Iterator<Item = (u32, u64)>) -> bool {
    let mut bits = 0;
    // one more than there are words, so that the least is always 0
    let mut hashes = [0; RUN + 1];
    for (slot, (worth, hash)) in hashes.iter_mut().zip(words.take(RUN)) {
        bits += worth;
        *slot = hash;
    }
    hashes.sort_unstable();
    let different = hashes.iter().zip(hashes.iter().skip(1)).filter(|(a, b)| a != b).count();
    bits >= QUOTE * 10 && different >= DIFFERENT
}

/// Letters, or digits, in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run<'t> {
    digits: bool,
    text: &'t str,
}

impl Run<'_> {
    /// Tenths of a bit: 3.3 bits a digit, 3 a letter to the eighth, 5 a character of an unspaced script, 3 a common word.
    fn bits(&self) -> u32 {
        static COMMON: LazyLock<HashSet<&str>> =
            LazyLock::new(|| include_str!("../../../data/text/common_words.txt").split_whitespace().collect());
        if self.digits {
            return 33 * count(self.text.chars().take(20));
        }
        let unspaced = count(self.text.chars().filter(|c| is_unspaced(*c)).take(20));
        if unspaced > 0 {
            return 50 * unspaced;
        }
        let common = self.text.len() <= 16 && COMMON.contains(self.text.to_lowercase().as_str());
        if common { 30 } else { 30 * count(self.text.chars().take(8)) }
    }
}

fn count(chars: impl Iterator<Item = char>) -> u32 {
    u32::try_from(chars.count()).unwrap_or(u32::MAX)
}

fn runs(text: &str) -> impl Iterator<Item = Run<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
        let digits = rest.chars().next()?.is_ascii_digit();
        let same = |c: char| c.is_alphanumeric() && c.is_ascii_digit() == digits;
        let (run, behind) = rest.split_at_checked(rest.find(|c| !same(c)).unwrap_or(rest.len()))?;
        rest = behind;
        Some(Run { digits, text: run })
    })
}

/// What many a record holds: a country, a large city, a state of affairs (`data/text/ordinary_values.txt`).
fn is_ordinary(runs: &[Run]) -> bool {
    static ORDINARY: LazyLock<HashSet<&str>> = LazyLock::new(|| {
        let lines = include_str!("../../../data/text/ordinary_values.txt").lines();
        lines.filter(|line| !line.starts_with('#')).flat_map(|line| line.split(", ")).collect()
    });
    let words: Vec<String> = runs.iter().map(|run| run.text.to_lowercase()).collect();
    ORDINARY.contains(words.join(" ").as_str())
}

/// A date or time: a year, numbers below 60 and at most three words, in any order; or eight digits that are a date.
fn is_time(runs: &[Run]) -> bool {
    let number = |run: &Run| run.text.parse::<u32>().ok().filter(|_| run.digits);
    let is_year = |run: &Run| run.text.len() == 4 && number(run).is_some_and(|n| (1900..2100).contains(&n));
    let numbers: Vec<&Run> = runs.iter().filter(|run| run.digits).collect();
    let words = runs.len() - numbers.len();
    if words > 3 || runs.iter().any(|run| !run.digits && run.text.chars().count() > 10) {
        return false;
    }
    if let Some(first) = numbers.first().filter(|run| matches!(run.text.len(), 8 | 14)) {
        let (year, day) = first.text.split_at_checked(4).unwrap_or_default();
        let day: u32 = day.get(..4).and_then(|day| day.parse().ok()).unwrap_or_default();
        return is_year(&Run { digits: true, text: year })
            && (101..=1231).contains(&day)
            && (1..=31).contains(&(day % 100))
            && numbers.iter().skip(1).all(|run| run.text.len() <= 6);
    }
    let years = numbers.iter().filter(|run| is_year(run)).count();
    // behind year, month, day, hour, minute and second come their fraction and the zone
    let small = numbers.iter().enumerate().filter(|(i, run)| *i >= 5 || run.text.len() <= 2 && number(run) < Some(60));
    let small = small.filter(|(_, run)| !is_year(run)).count();
    years == 1 && small >= 1 && small + 1 == numbers.len()
}

/// A decimal, or a number in groups of three: `1,250,000`, `-3.14159`, `€ 1.250,00`.
fn is_amount(text: &str) -> bool {
    let number = text.trim_matches(|c: char| !c.is_ascii_digit());
    let parts: Vec<&str> = number.split(['.', ',', '\'', ' ']).collect();
    let (first, rest) = parts.split_first().map_or(("", &[][..]), |(first, rest)| (*first, rest));
    let grouped = |groups: &[&str]| !groups.is_empty() && groups.iter().all(|group| group.len() == 3);
    let (_, groups) = rest.split_last().map_or(("", &[][..]), |(last, groups)| (*last, groups));
    let decimal = number.contains(['.', ',']) && rest.len() == 1;
    let figures = number.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b',' | b'\'' | b' '));
    figures
        && (decimal
            || first.len() <= 3 && (grouped(rest) && number.contains(',') || grouped(groups) && number.contains(',')))
}

/// A number of few different digits, or of digits in order.
fn is_plain(runs: &[Run]) -> bool {
    let digits = || runs.iter().flat_map(|run| run.text.bytes());
    let different = (b'0'..=b'9').filter(|digit| digits().any(|other| other == *digit)).count();
    let steps = |step: u8| digits().zip(digits().skip(1)).all(|(a, b)| (a - b'0' + step) % 10 == b - b'0');
    different < DIGITS || steps(1) || steps(9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_and_rare_is_worth_finding() {
        for text in [
            "ann.lee@mail.example",
            "+44 20 7946 0958",
            "555-0142-33",
            "4012-8888-8888-1881",
            "GB82 WEST 1234 5698 7654 32",
            "MRN 00482-113",
            "4821 Maple Grove Ave",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "https://intra.example/ticket?id=48213",
        ] {
            assert_eq!(value(text), Worth::Identifier, "{text}");
        }
        for text in ["Marta Kowalczyk", "Иван Петров", "malignant neoplasm of colon", "株式会社山田太郎商店"]
        {
            assert_eq!(value(text), Worth::Words, "{text}");
        }
    }

    #[test]
    fn what_others_write_too_is_not() {
        for text in [
            "",
            "yes",
            "Ann Lee",
            "New York",
            "electronics",
            "in_progress_state",
            "com.example.project",
            "42",
            "3.11.2",
            "2024-01-31",
            "31.01.2024",
            "20240131",
            "2024-01-31T10:20:30.123456Z",
            "Wed, 31 Jan 2024 10:20:30 +0000",
            "12 October 1984",
            "1,250,000.00",
            "€ 1.250.000,00",
            "3.141592653589793",
            "-0.000123456",
            "10,485,760",
            "1000000000",
            "12345678",
            "98765432",
            "0000-0000-0000",
            "https://www.example.org/help/contact",
            "in and out of the way",
            "255.255.255.0",
            "Dominican Republic",
            "Los Angeles",
            "prefer not to say",
        ] {
            assert_eq!(value(text), Worth::Nothing, "{text}");
        }
    }

    #[test]
    fn a_quote_needs_different_words_that_are_not_all_common() {
        let quote = |text: &str| {
            let hash = |word: &str| siphasher::sip::SipHasher13::new_with_keys(1, 2).hash(word.as_bytes());
            super::quote(text.split(' ').map(|w| (word(w), hash(w))))
        };
        assert!(quote("the committee met again to review the first draft today"));
        assert!(!quote("as it was on the way to the end of"));
        assert!(!quote("total total total total total total total committee total total"));
        assert!(!quote("0 1 0 0 1 1 0 1"));
    }
}
