//! Labels compared as they look.

use std::borrow::Cow;

use crate::text::fold::{fold, look_alike};

/// The label as it looks: accents off, look-alikes of other scripts and digits as Latin letters, `rn` as `m`.
pub(super) fn of(label: &str) -> Cow<'_, str> {
    let digit = |b: u8| matches!(b, b'0' | b'1' | b'3' | b'5' | b'9');
    if !label.bytes().any(|b| digit(b) || b >= 0x80) && !label.contains("rn") && !label.contains("vv") {
        return Cow::Borrowed(label);
    }
    let mut plain = String::with_capacity(label.len());
    for c in label.chars() {
        fold(c, |c| plain.push(latin(c)));
    }
    Cow::Owned(plain.replace("rn", "m").replace("vv", "w"))
}

fn latin(c: char) -> char {
    match c {
        '0' | 'ø' => 'o',
        '1' | 'ɩ' => 'i',
        '3' | 'ҽ' => 'e',
        '5' => 's',
        '9' => 'g',
        'ł' | 'ӏ' => 'l',
        'đ' => 'd',
        'ɓ' => 'b',
        'ɾ' => 'r',
        c => look_alike(c).unwrap_or(c),
    }
}

/// Whether `a` and `b` look the same: `i` and `l` count as equal.
pub(super) fn alike(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).all(|(a, b)| same(a, b))
}

const fn same(a: u8, b: u8) -> bool {
    a == b || (matches!(a, b'i' | b'l') && matches!(b, b'i' | b'l'))
}

/// Whether one omission, addition, change or exchange of neighbours turns `a` into `b`; `i` and `l` count as equal.
pub(super) fn near(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let head = a.iter().zip(b).take_while(|(x, y)| same(**x, **y)).count();
    let (a, b) = (a.get(head..).unwrap_or_default(), b.get(head..).unwrap_or_default());
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| same(**x, **y)).count();
    let (a, b) = (a.get(..a.len() - tail).unwrap_or_default(), b.get(..b.len() - tail).unwrap_or_default());
    match (a, b) {
        ([] | [_], [] | [_]) => true,
        ([p, q], [r, s]) => p == s && q == r,
        _ => false,
    }
}

/// Whether `label` is `name` with one letter doubled.
pub(super) fn is_doubled(label: &str, name: &str) -> bool {
    let (label, name) = (label.as_bytes(), name.as_bytes());
    let head = label.iter().zip(name).take_while(|(a, b)| a == b).count();
    label.len() == name.len() + 1
        && head > 0
        && label.get(head) == label.get(head - 1)
        && label.get(head + 1..) == name.get(head..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_as_they_look() {
        for (label, looks) in [
            ("plain", "plain"),
            ("раураӏ", "paypal"),
            ("arnazon", "amazon"),
            ("g00gle", "google"),
            ("bücher", "bucher"),
            ("vvhatsapp", "whatsapp"),
        ] {
            assert_eq!(of(label), looks);
        }
    }

    #[test]
    fn one_slip_apart() {
        for (a, b, yes) in [
            ("gogle", "google", true),
            ("googel", "google", true),
            ("gooogle", "google", true),
            ("goofle", "google", true),
            ("giggle", "google", false),
            ("goo", "google", false),
        ] {
            assert_eq!(near(a, b), yes, "{a}");
        }
        assert!(is_doubled("upps", "ups") && is_doubled("uups", "ups") && is_doubled("upss", "ups"));
        assert!(!is_doubled("upst", "ups") && !is_doubled("cups", "ups"));
    }
}
