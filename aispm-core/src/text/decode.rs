//! Escapes in which instructions travel, resolved in place.

use std::ops::Range;

use super::Transform;
use super::canonical::Letter;

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
        assert_eq!("Uryyb".chars().map(rot13).collect::<String>(), "Hello");
    }
}
