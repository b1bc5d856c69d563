//! Encodings in which instructions travel: escapes resolved in place, and runs that decode to text.

use std::ops::Range;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Transform;
use super::canonical::Letter;
use super::fold::is_unspaced;

/// Shortest code looked at, in characters.
const SHORTEST: usize = 16;
/// Shortest text that counts where code holds other bytes too: by chance some hold a few letters.
const STRETCH: usize = 16;

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

/// Text in runs of base64, hex or bits. Every byte belongs to at most one run of each kind.
pub(super) fn encoded_runs(text: &str) -> impl Iterator<Item = Encoded> {
    dense(text.as_bytes()).chain(grouped(text.as_bytes())).flat_map(|run| run.texts(text))
}

/// Where the code begins that a text ends in, as far as that can be told before it is whole. A last word counts.
pub(super) fn open_run(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut start = run_back(bytes, bytes.len(), is_base64);
    loop {
        let end = run_back(bytes, start, is_between);
        let row = run_back(bytes, end, is_base64);
        let is_code = end - row >= SHORTEST || group(bytes, row).is_some_and(|width| row + width == end);
        if start - end > WIDEST_GAP || !is_code {
            return start;
        }
        start = row;
    }
}

/// Where at `at` or before it a text may be cut, so that code behind it decodes by itself.
pub(super) fn border(text: &str, at: usize) -> usize {
    /// Longest row that is not cut, and longest word before it, in bytes and in characters.
    const LINE: usize = 1024;
    const WORD: usize = 64;
    let bytes = text.as_bytes();
    let row = run_back(bytes, at, is_base64);
    let is_code = bytes.get(row..row + SHORTEST).is_some_and(|code| code.iter().all(|b| is_base64(*b)));
    if !is_code || bytes.get(at).is_none_or(|b| !is_base64(*b)) {
        return at;
    }
    if at - row > LINE {
        return at - (at - row) % 4;
    }
    let before = text.get(..row).unwrap_or_default().chars().rev().take(WORD);
    row - before.take_while(|c| !c.is_whitespace() && !is_unspaced(*c)).map(char::len_utf8).sum::<usize>()
}

/// Where a run of accepted bytes begins that ends at `end`.
fn run_back(bytes: &[u8], end: usize, accept: impl Fn(u8) -> bool) -> usize {
    bytes.get(..end).unwrap_or_default().iter().rposition(|b| !accept(*b)).map_or(0, |last| last + 1)
}

/// Printable UTF-8 in a run of code: all of it, or a long part.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) transform: Transform,
    /// The characters that stand for it.
    pub(super) span: Range<usize>,
    pub(super) decoded: String,
    run: Run,
    /// Bytes of the run before it.
    before: usize,
}

impl Encoded {
    /// The characters that stand for these bytes of what was decoded.
    pub(super) fn source(&self, decoded: Range<usize>) -> Range<usize> {
        self.run.source(self.before + decoded.start..self.before + decoded.end)
    }
}

/// Code in one row, or in several of one width: lines, or groups of digits.
#[derive(Debug, Clone)]
struct Run {
    kind: Kind,
    span: Range<usize>,
    width: usize,
    /// Bytes between two rows.
    gap: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Base64,
    Hex,
    Bits,
}

impl Kind {
    /// How many characters stand for how many bytes.
    const fn unit(self) -> (usize, usize) {
        match self {
            Self::Base64 => (4, 3),
            Self::Hex => (2, 1),
            Self::Bits => (8, 1),
        }
    }

    const fn accepts(self, b: u8) -> bool {
        match self {
            Self::Base64 => is_base64(b),
            Self::Hex => b.is_ascii_hexdigit(),
            Self::Bits => matches!(b, b'0' | b'1'),
        }
    }
}

impl Run {
    /// A first row, and those that follow it.
    fn new(kind: Kind, first: Range<usize>, next: impl Fn(&Self) -> Option<Range<usize>>) -> Self {
        let mut run = Self { kind, width: first.len(), span: first, gap: 0 };
        while let Some(row) = next(&run) {
            let gap = row.start - run.span.end;
            if run.gap > 0 && run.gap != gap {
                break;
            }
            (run.gap, run.span.end) = (gap, row.end);
            if row.len() < run.width {
                break;
            }
        }
        run
    }

    fn texts(self, text: &str) -> Vec<Encoded> {
        let transform = if self.kind == Kind::Base64 { Transform::Base64 } else { Transform::Hex };
        let bytes = text.as_bytes().get(self.span.clone()).and_then(|code| self.decode(code)).unwrap_or_default();
        let encoded = |(before, decoded): (usize, &str)| Encoded {
            transform,
            span: self.source(before..before + decoded.len()),
            decoded: decoded.to_owned(),
            run: self.clone(),
            before,
        };
        printable(&bytes).map(encoded).collect()
    }

    /// The bytes that it stands for; what is cut off at its end does not count.
    fn decode(&self, code: &[u8]) -> Option<Vec<u8>> {
        let mut code = code.iter().copied().filter(|b| self.kind.accepts(*b));
        if self.kind == Kind::Base64 {
            return base64(&code.collect::<Vec<_>>());
        }
        let (width, _) = self.kind.unit();
        let radix = if self.kind == Kind::Bits { 2 } else { 16 };
        let mut byte = || (0..width).try_fold(0, |byte, _| Some(byte * radix + char::from(code.next()?).to_digit(16)?));
        std::iter::from_fn(|| byte().map(|byte| u8::try_from(byte).ok())).collect()
    }

    /// The characters that stand for these bytes.
    fn source(&self, bytes: Range<usize>) -> Range<usize> {
        let (chars, width) = self.kind.unit();
        let place = |at: usize| self.span.start + at + at / self.width * self.gap;
        let last = (bytes.end.div_ceil(width) * chars).saturating_sub(1);
        place(bytes.start / width * chars)..(place(last) + 1).min(self.span.end)
    }
}

/// Base64 and hex without spaces, where it is long enough: lines of one width, or a last one that is shorter.
fn dense(bytes: &[u8]) -> impl Iterator<Item = Run> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let first = next_run(bytes, at, is_base64)?;
        let is_hex = bytes.get(first.clone())?.iter().all(u8::is_ascii_hexdigit);
        let kind = if is_hex { Kind::Hex } else { Kind::Base64 };
        let mut run = Run::new(kind, first, |run| {
            let behind = bytes.get(run.span.end..).filter(|_| run.width % kind.unit().0 == 0)?;
            let gap = [&b"\n"[..], b"\r\n"].into_iter().find(|end| behind.starts_with(end))?.len();
            let length = behind.iter().skip(gap).take_while(|b| kind.accepts(**b)).count();
            let is_line = matches!(behind.get(gap + length), None | Some(b'\n' | b'\r' | b'='));
            let start = run.span.end + gap;
            (is_line && (1..=run.width).contains(&length)).then_some(start..start + length)
        });
        at = run.span.end;
        run.span.end += bytes.iter().skip(at).take(2).take_while(|b| **b == b'=').count();
        Some(run)
    })
}

/// Most bytes between two groups.
const WIDEST_GAP: usize = 2;

/// Hex or bits in groups: `69 67 6e`, `69, 67, 6e`, `01101001 01100111`.
fn grouped(bytes: &[u8]) -> impl Iterator<Item = Run> {
    let (mut at, mut end) = (0, 0);
    std::iter::from_fn(move || {
        loop {
            if at >= end {
                Range { start: at, end } = next_run(bytes, at, |b| b.is_ascii_hexdigit() || is_between(b))?;
            }
            let Some(width) = group(bytes, at) else {
                let is_inside = |b: &&u8| b.is_ascii_hexdigit();
                let rest = bytes.get(at..end)?;
                let word = rest.iter().take_while(is_inside).count();
                at += word + rest.iter().skip(word).take_while(|b| !is_inside(b)).count();
                continue;
            };
            let kind = if width == 2 { Kind::Hex } else { Kind::Bits };
            let run = Run::new(kind, at..at + width, |run| {
                let gap = bytes.iter().skip(run.span.end).take_while(|b| is_between(**b)).count();
                let start = run.span.end + gap;
                ((1..=WIDEST_GAP).contains(&gap) && group(bytes, start) == Some(width)).then_some(start..start + width)
            });
            at = run.span.end;
            if run.span.len() >= SHORTEST {
                return Some(run);
            }
        }
    })
}

/// The length of the group of digits that begins here: 2 of hex, or 8 bits.
fn group(bytes: &[u8], at: usize) -> Option<usize> {
    let is_inside = at.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(u8::is_ascii_alphanumeric);
    let length = bytes.iter().skip(at).take(9).take_while(|b| b.is_ascii_alphanumeric()).count();
    let digits = bytes.get(at..at + length).filter(|_| !is_inside)?;
    let is_group = match length {
        2 => digits.iter().all(|b| Kind::Hex.accepts(*b)),
        8 => digits.iter().all(|b| Kind::Bits.accepts(*b)),
        _ => false,
    };
    is_group.then_some(length)
}

/// Whether a byte may stand between groups.
const fn is_between(b: u8) -> bool {
    matches!(b, b' ' | b'\n' | b'\r' | b'\t' | b',' | b':' | b'-')
}

/// The next run of accepted bytes that is long enough, from `at` on, where none goes on. Most bytes are not looked at.
fn next_run(bytes: &[u8], mut at: usize, accept: impl Fn(u8) -> bool) -> Option<Range<usize>> {
    // from behind, so that most bytes of short runs are passed over
    while let Some(last) = bytes.get(at..at + SHORTEST)?.iter().rposition(|b| !accept(*b)) {
        at += last + 1;
    }
    let length = bytes.get(at..)?.iter().take_while(|b| accept(**b)).count();
    Some(at..at + length)
}

const fn is_base64(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_')
}

fn base64(code: &[u8]) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);
    // one character of four says nothing
    let code = code.get(..code.len() - usize::from(code.len() % 4 == 1))?;
    STANDARD.decode(code).or_else(|_| URL_SAFE.decode(code)).ok()
}

/// Printable UTF-8, and where it begins: all of the bytes, or long parts.
fn printable(bytes: &[u8]) -> impl Iterator<Item = (usize, &str)> {
    let is_printable = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    let mut behind = 0;
    bytes
        .utf8_chunks()
        .flat_map(move |chunk| {
            let mut at = behind;
            behind += chunk.valid().len() + chunk.invalid().len();
            chunk.valid().split_inclusive(move |c| !is_printable(c)).map(move |part| {
                let start = at;
                at += part.len();
                (start, part.trim_end_matches(|c| !is_printable(c)))
            })
        })
        .filter(|(_, part)| part.len() >= STRETCH.min(bytes.len()))
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
    use base64::prelude::BASE64_STANDARD as STANDARD;

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
        assert_eq!(decoded("the 68, 65, 6C, 6C, 6F, 21 add 1"), ["hello!"]);
        assert_eq!(decoded("aGVsbG8gd29ybGQg\r\nYWdhaW4h\r\n"), ["hello world again!"]);
        assert_eq!(decoded("d41d8cd98f00b204e9800998ecf8427e"), [""; 0]);
        assert_eq!(decoded("internationalisation\n12:30:45:50:55 of 2024-10-10-12"), [""; 0]);
        assert_eq!("Uryyb".chars().map(rot13).collect::<String>(), "Hello");
    }

    #[test]
    fn text_is_found_among_other_bytes_and_where_code_was_cut() {
        let text = "Ключ лежит под третьей ступенью";
        let bytes = [b"\x00\x01\xff", text.as_bytes(), b"\xd0"].concat();
        let groups = |gap: &str, bits: bool| {
            let groups = bytes.iter().map(|b| if bits { format!("{b:08b}") } else { format!("{b:02x}") });
            groups.collect::<Vec<_>>().join(gap)
        };
        for code in
            [groups("", false), groups(" ", false), groups(", ", false), groups("\n", true), STANDARD.encode(&bytes)]
        {
            let found: Vec<Encoded> = encoded_runs(&code).collect();
            assert_eq!(found.iter().map(|run| &*run.decoded).collect::<Vec<_>>(), [text], "{code}");
            // a word leads to its own code
            let word = text.find("третьей").unwrap()..text.find(" ступенью").unwrap();
            let place = found[0].source(word);
            let again = encoded_runs(code.get(place).unwrap()).next().unwrap();
            assert!(again.decoded.contains("ретье"), "{code}: {}", again.decoded);
        }
    }

    #[test]
    fn code_that_goes_on_is_open_from_its_first_row() {
        let lines = "aGVsbG8gd29ybGQg\n".repeat(3);
        for (text, open) in [
            ("so 48 65 6c 6", "48 65 6c 6"),
            ("so: 01101000, 01101001, ", "01101000, 01101001, "),
            (&format!("so\n{lines}aGV"), &*format!("{lines}aGV")),
            ("so it is", "is"),
            ("so 48 65 6c.", ""),
        ] {
            assert_eq!(text.get(open_run(text)..).unwrap(), open);
        }
        assert_eq!(border(&lines, 20), 17);
        assert_eq!((border("a word", 4), border(&"ab".repeat(1000), 1999)), (4, 1996));
        assert_eq!(border("so né1vnvr-ymn6h-5efzc-k5rrw", 20), 3);
    }
}
