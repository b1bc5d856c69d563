//! Values that look like the real ones: the same length, digits for digits, letters for letters of the same case and
//! script, separators kept.

use unicode_normalization::char::is_combining_mark;

/// A value of the same shape. Cards keep the two digits that name their network and have a good check digit, IBANs
/// their country and a good checksum; e-mail addresses go to a domain kept for examples (RFC 2606). `draw` gives the
/// numbers it is made of. It differs from the value wherever a digit or letter can. O(value).
pub(super) fn fake(kind: &str, value: &str, mut draw: impl FnMut() -> u32) -> String {
    match kind {
        "EMAIL_ADDRESS" => email(value, &mut draw),
        "CREDIT_CARD" => card(&shaped(value, 2, &mut draw)),
        "IBAN_CODE" if is_iban(value) => iban(&shaped(value, 4, &mut draw)),
        _ => shaped(value, 0, &mut draw),
    }
}

/// The shape of the value behind its first `kept` digits and letters.
fn shaped(value: &str, kept: usize, draw: &mut impl FnMut() -> u32) -> String {
    let mut seen = 0_usize;
    let mut changed = false;
    value
        .chars()
        .map(|c| {
            if !c.is_alphanumeric() {
                return c;
            }
            seen += 1;
            if seen <= kept {
                return c;
            }
            let other = swap(c, draw(), !changed);
            changed |= other != c;
            other
        })
        .collect()
}

/// Another character of the same class; surely another one if `forced`, where the class has one.
fn swap(c: char, drawn: u32, forced: bool) -> char {
    let class: Vec<char> = match c {
        '0'..='9' => ('0'..='9').collect(),
        'a'..='z' => ('a'..='z').collect(),
        'A'..='Z' => ('A'..='Z').collect(),
        _ if is_combining_mark(c) => return c,
        _ => {
            // scripts stand together: those around it, of its case, in a block that UTF-8 writes with as many bytes
            let block = u32::from(c) & !63;
            (block..block + 64).filter_map(char::from_u32).filter(|other| is_like(c, *other)).collect()
        }
    };
    let Some(at) = class.iter().position(|other| *other == c) else { return c };
    let (count, drawn) = (class.len(), drawn as usize);
    let step = if forced && count > 1 { 1 + drawn % (count - 1) } else { drawn % count };
    class.get((at + step) % count).copied().unwrap_or(c)
}

fn is_like(c: char, other: char) -> bool {
    let class = |c: char| (c.is_alphabetic(), c.is_numeric(), c.is_lowercase(), c.is_uppercase());
    class(c) == class(other) && !is_combining_mark(other)
}

/// With the last digit that Luhn's check (ISO/IEC 7812-1, annex B) asks for.
fn card(value: &str) -> String {
    let digits: Vec<u32> = value.chars().filter_map(|c| c.to_digit(10)).collect();
    let Some((_, body)) = digits.split_last() else { return value.to_owned() };
    let sum: u32 = body.iter().rev().zip([2, 1].into_iter().cycle()).map(|(d, w)| d * w / 10 + d * w % 10).sum();
    let check = char::from_digit((10 - sum % 10) % 10, 10);
    let last = value.rfind(|c: char| c.is_ascii_digit());
    value.char_indices().map(|(i, c)| check.filter(|_| Some(i) == last).unwrap_or(c)).collect()
}

/// Whether it begins as an IBAN does: a country, two check digits, an account.
fn is_iban(value: &str) -> bool {
    let mut code = value.chars().filter(|c| c.is_alphanumeric());
    let mut next = |test: fn(char) -> bool| code.next().is_some_and(test);
    let letter: fn(char) -> bool = |c| c.is_ascii_alphabetic();
    let digit: fn(char) -> bool = |c| c.is_ascii_digit();
    next(letter) && next(letter) && next(digit) && next(digit) && next(|_| true)
}

/// With the check digits that ISO 7064 mod 97-10 asks for, as ISO 13616 takes it.
fn iban(value: &str) -> String {
    let code = || value.chars().filter_map(|c| c.to_digit(36));
    let turned = code().skip(4).chain(code().take(2)).chain([0, 0]);
    let rest = turned.fold(0, |rest, v| (rest * if v > 9 { 100 } else { 10 } + v) % 97);
    let check = 98 - rest;
    let mut seen = 0_usize;
    value
        .chars()
        .map(|c| {
            seen += usize::from(c.is_alphanumeric());
            match seen {
                3 if c.is_alphanumeric() => char::from_digit(check / 10, 10).unwrap_or(c),
                4 if c.is_alphanumeric() => char::from_digit(check % 10, 10).unwrap_or(c),
                _ => c,
            }
        })
        .collect()
}

/// An address at `example.org`, below it, or in `.test` where that is too long. As long as the value, but at least
/// eight characters.
fn email(value: &str, draw: &mut impl FnMut() -> u32) -> String {
    let Some((local, domain)) = value.rsplit_once('@') else { return shaped(value, 0, draw) };
    let (before, behind) = (local.chars().count(), domain.chars().count());
    let length = (before + 1 + behind).max(8);
    let (label, tail) = match behind {
        13.. => (behind - 12, ".example.org"),
        _ if length >= 13 => (0, "example.org"),
        _ => (1, ".test"),
    };
    let room = length - 1 - label - tail.len();
    let mut out: String = shaped(local, 0, draw).chars().take(room).collect();
    if room < before && out.pop().is_some() {
        // what was cut must not end in a separator
        out.push(letter(draw));
    }
    (before..room).for_each(|_| out.push(letter(draw)));
    out.push('@');
    (0..label).for_each(|_| out.push(letter(draw)));
    out + tail
}

fn letter(draw: &mut impl FnMut() -> u32) -> char {
    swap('a', draw(), false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Key;
    use super::*;

    fn faked(kind: &str, value: &str) -> String {
        fake(kind, value, Key::new([3; 32]).unwrap().numbers(kind, value))
    }

    fn luhn(value: &str) -> bool {
        let digits = value.chars().rev().filter_map(|c| c.to_digit(10));
        let sum: u32 = digits.zip([1, 2].into_iter().cycle()).map(|(d, w)| d * w / 10 + d * w % 10).sum();
        sum.is_multiple_of(10)
    }

    fn mod97(value: &str) -> u32 {
        let code: Vec<u32> = value.chars().filter_map(|c| c.to_digit(36)).collect();
        let turned = code[4..].iter().chain(&code[..4]);
        turned.fold(0, |rest, v| (rest * if *v > 9 { 100 } else { 10 } + v) % 97)
    }

    #[test]
    fn the_same_value_has_the_same_fake_in_each_spelling() {
        let (a, b) = (faked("CREDIT_CARD", "4111 1111 1111 1111"), faked("CREDIT_CARD", "4111-1111-1111-1111"));
        assert_eq!(a.replace(' ', "-"), b);
        assert!(a.starts_with("41") && luhn(&a) && !a.starts_with("4111 1111 1111"));
        let (a, b) = (faked("EMAIL_ADDRESS", "Ann.Lee@corp.test"), faked("EMAIL_ADDRESS", "ann.lee@corp.test"));
        assert_eq!(a.to_lowercase(), b);
    }

    #[test]
    fn e_mail_goes_to_reserved_domains() {
        for value in
            ["ann.lee@a-long-company-name.co.uk", "ann@x.io", "a@b.c", "maximilian@b.io", "a@elevenchars", "ann"]
        {
            let out = faked("EMAIL_ADDRESS", value);
            assert_eq!(
                out.chars().count(),
                if value.len() < 8 && value != "ann" { 8 } else { value.len() },
                "{value} {out}"
            );
            assert!(out.ends_with("example.org") || out.ends_with(".test") || value == "ann", "{value} {out}");
            assert_ne!(out, value);
        }
    }

    #[test]
    fn ibans_keep_country_and_checksum() {
        for value in ["DE02 1203 0000 0000 2020 51", "gb33bukb20201555555555"] {
            let out = faked("IBAN_CODE", value);
            assert_eq!(mod97(&out), 1, "{out}");
            assert_eq!((out.get(..2), out.len()), (value.get(..2), value.len()));
        }
        assert_eq!(faked("IBAN_CODE", "D").len(), 1);
    }

    proptest! {
        #[test]
        fn shape_is_kept(kind in "PERSON|CREDIT_CARD|IBAN_CODE", value in "\\PC{1,40}|[0-9 -]{1,24}|[A-Z]{2}[0-9]{2}[A-Z0-9 ]{0,20}") {
            let out = faked(&kind, &value);
            prop_assert_eq!(out.len(), value.len());
            for (a, b) in value.chars().zip(out.chars()) {
                prop_assert!(a == b || is_like(a, b), "{a} {b}");
            }
            let digits = value.chars().filter(char::is_ascii_digit).count();
            prop_assert!(kind != "CREDIT_CARD" || digits == 0 || luhn(&out));
            let simple = value.chars().any(|c| c.is_ascii_alphanumeric());
            prop_assert!(!simple || kind != "PERSON" || out != value);
        }
    }
}
