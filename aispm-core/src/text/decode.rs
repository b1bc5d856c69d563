//! Encodings in which instructions travel: escapes resolved in place, and runs that decode to text.

use std::ops::Range;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Transform;
use super::canonical::Letter;

/// Shortest code looked at, in characters.
const SHORTEST: usize = 16;

/// A run of code and the text in it.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) transform: Transform,
    pub(super) span: Range<usize>,
    pub(super) decoded: String,
}

/// The characters of a text with HTML entities, percent codes and `\x`, `\u` escapes resolved. Linear: an escape is
/// looked for in a bounded number of bytes.
#[derive(Debug)]
pub(super) struct Unescape<'a> {
    text: &'a str,
    at: usize,
    /// The bytes of one percent run decode together and come out one character at a time.
    pending: std::vec::IntoIter<char>,
    run: Range<usize>,
}

impl<'a> Unescape<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, pending: Vec::new().into_iter(), run: 0..0 }
    }

    /// Takes a word of ASCII letters, two or more, if one stands here with white space or a common mark behind it.
    pub(super) fn plain_word(&mut self) -> Option<(&'a str, Range<usize>)> {
        if self.pending.len() > 0 {
            return None;
        }
        let rest = self.text.as_bytes().get(self.at..)?;
        let length = rest.iter().position(|b| !b.is_ascii_alphabetic()).unwrap_or(rest.len());
        let ends =
            matches!(rest.get(length), None | Some(b' ' | b'\n' | b',' | b'.' | b':' | b';' | b'?' | b')' | b'"'));
        if length < 2 || !ends {
            return None;
        }
        let source = self.at..self.at + length;
        let word = self.text.get(source.clone())?;
        self.at = source.end;
        Some((word, source))
    }

    /// The percent codes of `c`, the next character of the run.
    fn codes(&mut self, c: char) -> Range<usize> {
        let start = self.run.start;
        self.run.start += 3 * c.len_utf8();
        start..self.run.start
    }

    /// Takes a space, if one stands here.
    pub(super) fn space(&mut self) -> Option<Range<usize>> {
        let is_here = self.pending.len() == 0 && self.text.as_bytes().get(self.at) == Some(&b' ');
        is_here.then(|| {
            self.at += 1;
            self.at - 1..self.at
        })
    }
}

impl Iterator for Unescape<'_> {
    type Item = Letter;

    fn next(&mut self) -> Option<Letter> {
        if let Some(c) = self.pending.next() {
            return Some(Letter { c, source: self.codes(c), escape: Some(Transform::Percent) });
        }
        let rest = self.text.get(self.at..)?;
        let escape = match rest.as_bytes().first()? {
            b'&' => entity(rest).map(|(c, length)| (c, length, Transform::HtmlEntities)),
            b'\\' => backslash(rest).map(|(c, length)| (c, length, Transform::Escapes)),
            b'%' => percent(rest).and_then(|(decoded, length)| {
                self.pending = decoded.chars().collect::<Vec<_>>().into_iter();
                self.run = self.at..self.at + length;
                self.pending.next().map(|c| (c, length, Transform::Percent))
            }),
            _ => None,
        };
        let (c, length, escape) = match escape {
            Some((c, length, escape)) => (c, length, Some(escape)),
            None => {
                let c = rest.chars().next()?;
                (c, c.len_utf8(), None)
            }
        };
        let source = self.at..self.at + length;
        self.at = source.end;
        let source = if escape == Some(Transform::Percent) { self.codes(c) } else { source };
        Some(Letter { c, source, escape })
    }
}

/// `&name;`, `&#10;` or `&#xa;` at the start of `text`, with its length.
fn entity(text: &str) -> Option<(char, usize)> {
    let end = text.bytes().take(10).position(|b| b == b';')?;
    let name = text.get(1..end)?;
    let c = match name.strip_prefix('#') {
        Some(code) => {
            let code = match code.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => code.parse().ok()?,
            };
            char::from_u32(code)?
        }
        None => match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            "nbsp" => ' ',
            _ => return None,
        },
    };
    Some((c, end + 1))
}

/// `\x41`, `\u0041` or `\u{41}` at the start of `text`, with its length.
fn backslash(text: &str) -> Option<(char, usize)> {
    let (digits, length) = match text.as_bytes().get(1)? {
        b'x' => (text.get(2..4)?, 4),
        b'u' if text.as_bytes().get(2) == Some(&b'{') => {
            let end = text.bytes().take(10).position(|b| b == b'}')?;
            (text.get(3..end)?, end + 1)
        }
        b'u' => (text.get(2..6)?, 6),
        _ => return None,
    };
    let code = u32::from_str_radix(digits, 16).ok()?;
    Some((char::from_u32(code)?, length))
}

/// A run of `%41` codes that is UTF-8, with its length; long runs are taken in parts.
fn percent(text: &str) -> Option<(String, usize)> {
    const LONGEST: usize = 64;
    let codes = text.as_bytes().chunks_exact(3).take(LONGEST);
    let bytes: Vec<u8> = codes.map_while(|code| code.strip_prefix(b"%").and_then(hex_byte)).collect();
    let valid = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(error) => bytes.get(..error.valid_up_to()).and_then(|bytes| std::str::from_utf8(bytes).ok())?,
    };
    (!valid.is_empty()).then(|| (valid.to_owned(), valid.len() * 3))
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else { return None };
    let digit = |b: &u8| char::from(*b).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// Runs of base64, hex or bits that decode to printable UTF-8. Every byte belongs to at most one run of each kind.
pub(super) fn encoded_runs(text: &str) -> impl Iterator<Item = Encoded> {
    runs(text, is_base64)
        .filter_map(|span| {
            let code = text.get(span.clone())?;
            let padding = text.as_bytes().iter().skip(span.end).take(2).take_while(|b| **b == b'=').count();
            let span = span.start..span.end + padding;
            let (transform, bytes) = match hex(code) {
                Some(bytes) => (Transform::Hex, bytes),
                None => (Transform::Base64, base64(code)?),
            };
            printable(bytes).map(|decoded| Encoded { transform, span, decoded })
        })
        .chain(grouped(text))
}

/// Maximal runs of accepted bytes that are long enough.
fn runs(text: &str, accept: impl Fn(u8) -> bool) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        // looked at from behind, so that most bytes of short runs are passed over
        while let Some(last) = bytes.get(at..at + SHORTEST)?.iter().rposition(|b| !accept(*b)) {
            at += last + 1;
        }
        let start = at;
        at += bytes.get(start..)?.iter().take_while(|b| accept(**b)).count();
        Some(start..at)
    })
}

/// Hex or bits written as groups with single spaces between: `69 67 6e`, `01101001 01100111`.
fn grouped(text: &str) -> impl Iterator<Item = Encoded> {
    runs(text, |b| b.is_ascii_hexdigit() || b == b' ').filter_map(|span| {
        let code = text.get(span.clone())?;
        let lead = code.len() - code.trim_start().len();
        let code = code.trim();
        let width = code.find(' ')?;
        let radix = match width {
            2 => 16,
            8 => 2,
            _ => return None,
        };
        let groups: Option<Vec<u8>> = code
            .split(' ')
            .map(|group| (group.len() == width).then(|| u8::from_str_radix(group, radix).ok()).flatten())
            .collect();
        let start = span.start + lead;
        printable(groups?).map(|decoded| Encoded {
            transform: Transform::Hex,
            span: start..start + code.len(),
            decoded,
        })
    })
}

fn is_base64(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_')
}

fn hex(code: &str) -> Option<Vec<u8>> {
    let pairs = code.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(hex_byte).collect()
}

fn base64(code: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);
    STANDARD.decode(code).or_else(|_| URL_SAFE.decode(code)).ok()
}

fn printable(bytes: Vec<u8>) -> Option<String> {
    let text = String::from_utf8(bytes).ok()?;
    text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')).then_some(text)
}

/// A letter rotated by 13.
pub(super) fn rot13(c: char) -> char {
    let rotate = |base: u8| char::from(base + (c as u8 - base + 13) % 26);
    match c {
        'a'..='z' => rotate(b'a'),
        'A'..='Z' => rotate(b'A'),
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_resolve_in_place() {
        let text = "&lt;%C3%A9\\x41\\u{42}&bogus; 50% &#x110000;";
        let letters: Vec<Letter> = Unescape::new(text).collect();
        assert_eq!(letters.iter().map(|l| l.c).collect::<String>(), "<éAB&bogus; 50% &#x110000;");
        assert_eq!(letters[1].source, 4..10);
    }

    #[test]
    fn codes_decode_when_they_hold_text() {
        let decoded = |text: &str| encoded_runs(text).map(|run| run.decoded).collect::<Vec<_>>();
        assert_eq!(decoded("q=aGVsbG8gd29ybGQgaA== y"), ["hello world h"]);
        assert_eq!(decoded("68 65 6c 6c 6f 20 77 6f"), ["hello wo"]);
        assert_eq!(decoded("01101000 01101001 01101000"), ["hih"]);
        assert_eq!(decoded("d41d8cd98f00b204e9800998ecf8427e"), [""; 0]);
        assert_eq!("Uryyb".chars().map(rot13).collect::<String>(), "Hello");
    }
}
