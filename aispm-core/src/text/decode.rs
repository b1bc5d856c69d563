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
    /// The bytes of one run of codes decode together and come out one character at a time.
    pending: std::vec::IntoIter<char>,
    run: Range<usize>,
    /// What one byte of the run is written as.
    code: ByteCode,
}

impl<'a> Unescape<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, pending: Vec::new().into_iter(), run: 0..0, code: ByteCode::Percent }
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

    /// Begins a run of codes, if one stands here that is UTF-8.
    fn begin(&mut self, code: ByteCode) -> Option<()> {
        let decoded = code.decode(self.text.get(self.at..)?)?;
        self.run = self.at..self.at + decoded.len() * code.length();
        self.at = self.run.end;
        self.pending = decoded.chars().collect::<Vec<_>>().into_iter();
        self.code = code;
        Some(())
    }

    /// The next character of the run.
    fn coded(&mut self) -> Option<Letter> {
        let c = self.pending.next()?;
        let source = self.run.start..self.run.start + c.len_utf8() * self.code.length();
        self.run.start = source.end;
        Some(Letter { c, source, escape: Some(self.code.transform()) })
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
        if let Some(letter) = self.coded() {
            return Some(letter);
        }
        let rest = self.text.get(self.at..)?;
        let code = match rest.as_bytes() {
            [b'%', ..] => Some(ByteCode::Percent),
            [b'\\', b'x', ..] => Some(ByteCode::Backslash),
            _ => None,
        };
        if let Some(()) = code.and_then(|code| self.begin(code)) {
            return self.coded();
        }
        let escape = match rest.as_bytes().first()? {
            b'&' => entity(rest).map(|(c, length)| (c, length, Transform::HtmlEntities)),
            b'\\' => backslash(rest).map(|(c, length)| (c, length, Transform::Escapes)),
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

/// `\xe9`, `\u0041` or `\u{41}` at the start of `text`, with its length.
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

/// How single bytes are written.
#[derive(Debug, Clone, Copy)]
enum ByteCode {
    /// `%41`
    Percent,
    /// `\x41`
    Backslash,
}

impl ByteCode {
    const fn mark(self) -> &'static [u8] {
        match self {
            Self::Percent => b"%",
            Self::Backslash => b"\\x",
        }
    }

    /// Characters for a byte.
    const fn length(self) -> usize {
        self.mark().len() + 2
    }

    const fn transform(self) -> Transform {
        match self {
            Self::Percent => Transform::Percent,
            Self::Backslash => Transform::Escapes,
        }
    }

    /// The UTF-8 that a run of codes begins with; long runs are taken in parts.
    fn decode(self, text: &str) -> Option<String> {
        const LONGEST: usize = 64;
        let codes = text.as_bytes().chunks_exact(self.length()).take(LONGEST);
        let bytes: Vec<u8> = codes.map_while(|code| code.strip_prefix(self.mark()).and_then(hex_byte)).collect();
        let valid = bytes.utf8_chunks().next()?.valid();
        (!valid.is_empty()).then(|| valid.to_owned())
    }
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
        let text = "&lt;%C3%A9\\x41\\u{42}\\xd0\\xbf\\xe9&bogus; 50% &#x110000;";
        let letters: Vec<Letter> = Unescape::new(text).collect();
        assert_eq!(letters.iter().map(|l| l.c).collect::<String>(), "<éABпé&bogus; 50% &#x110000;");
        assert_eq!((&letters[1].source, &letters[4].source, &letters[5].source), (&(4..10), &(20..28), &(28..32)));
        assert_eq!("Uryyb".chars().map(rot13).collect::<String>(), "Hello");
    }
}
