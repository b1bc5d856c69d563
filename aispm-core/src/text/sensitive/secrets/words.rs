//! How far a string is from words: character pairs of general text and code against characters drawn at random.

/// Bits, in sixteenths, of each character class after each other; fitted by `training/word_likeness.py`.
const PAIRS: &[u8] = include_bytes!("../../../../data/text/sensitive/word_pairs.bin");
/// Lower-case and upper-case letters, digits, `_-./`, blanks and quotes, all else.
const CLASSES: usize = 59;
const BLANK: usize = 57;
const OTHER: usize = 58;

/// log2(10): a digit is one class in the pairs.
const DIGIT: f64 = 3.321_928_094_887_362;

/// The evidence, in bits, that `text` was drawn at random rather than written: the log-likelihood ratio of independent
/// characters over the alphabet that it uses to character pairs of text and code. Words and identifiers lie below 10
/// whatever their length, sixteen random characters above 25. Linear.
pub(super) fn surprise(text: &str) -> f64 {
    let (mut written, mut before) = (0.0, BLANK);
    for byte in text.bytes() {
        let now = class(byte);
        written += f64::from(PAIRS.get(before * CLASSES + now).copied().unwrap_or(0)) / 16.0;
        if byte.is_ascii_digit() {
            written += DIGIT;
        }
        before = now;
    }
    written - alphabet(text).log2() * text.len() as f64
}

/// How many characters the strings that `text` is one of are drawn from.
fn alphabet(text: &str) -> f64 {
    let has = |f: fn(&u8) -> bool| text.bytes().any(|b| f(&b));
    let hex = |upper: bool| {
        text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&(if upper { b | 0x20 } else { b })))
    };
    if hex(false) || (hex(true) && !has(u8::is_ascii_lowercase)) {
        return if has(u8::is_ascii_alphabetic) { 16.0 } else { 10.0 };
    }
    let letters =
        if has(u8::is_ascii_lowercase) { 26.0 } else { 0.0 } + if has(u8::is_ascii_uppercase) { 26.0 } else { 0.0 };
    let digits = if has(u8::is_ascii_digit) { 10.0 } else { 0.0 };
    let signs = text.bytes().filter(|b| !b.is_ascii_alphanumeric()).take(8).count();
    letters + digits + 4.0 * signs as f64
}

fn class(byte: u8) -> usize {
    match byte {
        b'a'..=b'z' => usize::from(byte - b'a'),
        b'A'..=b'Z' => usize::from(byte - b'A') + 26,
        b'0'..=b'9' => 52,
        b'_' => 53,
        b'-' => 54,
        b'.' => 55,
        b'/' => 56,
        b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'\'' | b'`' => BLANK,
        _ => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_identifiers_are_told_from_random_strings() {
        assert_eq!(PAIRS.len(), CLASSES * CLASSES);
        for text in
            ["open-sesame", "get_connection_string", "SecretKeyFactory01", "application/x-www-form-urlencoded", ""]
        {
            assert!(surprise(text) < 10.0, "{text}: {}", surprise(text));
        }
        for text in ["4xNb7vQw9zKp2Lr8", "9f86d081884c7d65", "qzvkwpxjrbnmtghc", "tR7#kq9!Lm"] {
            assert!(surprise(text) > 20.0, "{text}: {}", surprise(text));
        }
    }
}
