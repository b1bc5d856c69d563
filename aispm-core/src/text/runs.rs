//! Runs of code, in one row or in several, and the text that they hold.

use std::ops::Range;
use std::rc::Rc;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Transform;
use super::fold::is_unspaced;

/// Shortest code looked at, in characters.
const SHORTEST: usize = 16;
/// Shortest text that counts where code holds other bytes too: by chance some hold a few letters.
const STRETCH: usize = 16;
/// Most bytes between two groups of one line.
const WIDEST_GAP: usize = 2;

/// Text in runs of base64, hex or bits. Every byte belongs to at most one run of each kind, in rows or in groups.
pub(super) fn encoded_runs(text: &str) -> impl Iterator<Item = Encoded> {
    let bytes = text.as_bytes();
    let dense = [Kind::Base64, Kind::Hex, Kind::Bits].into_iter().flat_map(|kind| dense(bytes, kind));
    dense.chain(grouped(bytes)).flat_map(|run| run.texts(bytes))
}

/// Where the code begins that a text ends in: where text is read in it, and before that what is too short to tell.
pub(super) fn open_run(text: &str) -> usize {
    /// So many bytes as groups hold [`STRETCH`], whatever character was cut before and behind.
    const SHORT: usize = 256;
    let bytes = text.as_bytes();
    let row = run_back(bytes, bytes.len(), is_base64);
    let groups = run_back(bytes, bytes.len(), |b| b.is_ascii_hexdigit() || is_between(b) || b == b'>');
    let short = row.min(groups).max(bytes.len().saturating_sub(SHORT));
    let goes_on = |run: &Encoded| run.run.end() >= short;
    encoded_runs(text).filter(goes_on).map(|run| run.span.start).fold(short, usize::min)
}

/// Where at `at` or before it a text may be cut, so that code behind it decodes by itself. A border is its own border.
pub(super) fn border(text: &str, at: usize) -> usize {
    /// Length from which on a row is cut, and longest word before it, in bytes and in characters.
    const LINE: usize = 1024;
    const WORD: usize = 64;
    /// What is cut from a row: whole units of code in code.
    const PART: usize = 32;
    let bytes = text.as_bytes();
    let row = run_back(bytes, at, is_base64);
    let is_code = bytes.get(row..row + SHORTEST).is_some_and(|code| code.iter().all(|b| is_base64(*b)));
    if !is_code || bytes.get(at).is_none_or(|b| !is_base64(*b)) {
        return at;
    }
    if at - row >= LINE {
        return at - (at - row) % PART;
    }
    let mut before = text.get(..row).unwrap_or_default().char_indices().rev().take(WORD + 1);
    match before.find(|(_, c)| c.is_whitespace() || is_unspaced(*c)) {
        Some((space, c)) => space + c.len_utf8(),
        None if row <= WORD => 0,
        None => row,
    }
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
    run: Rc<Run>,
    /// Characters of the run that are passed over, and bytes of what the others stand for that are before it.
    skipped: usize,
    before: usize,
}

impl Encoded {
    /// The characters that stand for these bytes of what was decoded.
    pub(super) fn source(&self, decoded: Range<usize>) -> Range<usize> {
        self.run.source(self.skipped, self.before + decoded.start..self.before + decoded.end)
    }
}

/// Code in rows: lines, or groups of digits.
#[derive(Debug)]
struct Run {
    kind: Kind,
    rows: Vec<Row>,
    /// How many places the first unit may begin at: what stands before code may look like code.
    starts: usize,
}

#[derive(Debug)]
struct Row {
    /// Characters of the run before it.
    before: usize,
    span: Range<usize>,
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

    /// The bytes that it stands for; what is cut off at its end does not count.
    fn decode(self, code: &[u8]) -> Vec<u8> {
        let radix = match self {
            Self::Base64 => return base64(code).unwrap_or_default(),
            Self::Hex => 16,
            Self::Bits => 2,
        };
        let digit = |b: &u8| char::from(*b).to_digit(radix);
        let byte = |digits: &[u8]| digits.iter().try_fold(0, |byte, b| Some(byte * radix + digit(b)?));
        code.chunks_exact(self.unit().0).map_while(|digits| u8::try_from(byte(digits)?).ok()).collect()
    }
}

impl Run {
    fn new(kind: Kind, rows: impl IntoIterator<Item = Range<usize>>, starts: usize) -> Self {
        let mut length = 0;
        let row = |span: Range<usize>| {
            length += span.len();
            Row { before: length - span.len(), span }
        };
        Self { kind, rows: rows.into_iter().map(row).collect(), starts }
    }

    fn end(&self) -> usize {
        self.rows.last().map_or(0, |row| row.span.end)
    }

    /// All text in it. Where code begins is not known if other words touch it, so each beginning is tried.
    fn texts(self, bytes: &[u8]) -> Vec<Encoded> {
        let transform = if self.kind == Kind::Base64 { Transform::Base64 } else { Transform::Hex };
        let code = self.rows.iter().filter_map(|row| bytes.get(row.span.clone())).flatten().copied();
        let code: Vec<u8> = code.filter(|b| self.kind.accepts(*b)).collect();
        let (run, mut texts) = (Rc::new(self), Vec::new());
        if run.kind == Kind::Base64 && code.iter().all(u8::is_ascii_hexdigit) {
            return texts;
        }
        for skipped in 0..run.starts {
            let bytes = run.kind.decode(code.get(skipped..).unwrap_or_default());
            let shortest = if skipped == 0 { STRETCH.min(bytes.len()) } else { STRETCH };
            texts.extend(printable(&bytes, shortest).map(|(before, decoded)| Encoded {
                transform,
                span: run.source(skipped, before..before + decoded.len()),
                decoded: decoded.to_owned(),
                run: run.clone(),
                skipped,
                before,
            }));
            if texts.first().is_some_and(|text| text.decoded.len() == bytes.len()) {
                break;
            }
        }
        texts.sort_by_key(|text| text.span.start);
        texts
    }

    /// The characters that stand for these bytes, where so many are skipped. O(log rows).
    fn source(&self, skipped: usize, bytes: Range<usize>) -> Range<usize> {
        let (chars, width) = self.kind.unit();
        let place = |at: usize| {
            let row = self.rows.partition_point(|row| row.before <= at).checked_sub(1).and_then(|i| self.rows.get(i));
            row.map_or(0, |row| row.span.start + at - row.before)
        };
        let last = skipped + (bytes.end.div_ceil(width) * chars).saturating_sub(1);
        place(skipped + bytes.start / width * chars)..(place(last) + 1).min(self.end())
    }
}

/// Base64, hex and bits without spaces: a row that is long enough, and rows of any length around it that are lines.
fn dense(bytes: &[u8], kind: Kind) -> impl Iterator<Item = Run> {
    let accept = move |b| kind.accepts(b);
    let mut at = 0;
    std::iter::from_fn(move || {
        let first = next_run(bytes, at, accept)?;
        let floor = at;
        let before = |row: &Range<usize>| line_before(bytes, row.start, accept).filter(|row| row.start >= floor);
        let mut rows: Vec<_> = std::iter::successors(Some(first.clone()), before).collect();
        rows.reverse();
        rows.extend(std::iter::successors(Some(first), |row| line_behind(bytes, row.end, accept)).skip(1));
        if let Some(last) = rows.last_mut() {
            at = last.end;
            last.end += bytes.iter().skip(at).take(2).take_while(|b| **b == b'=').count();
        }
        Some(Run::new(kind, rows, kind.unit().0))
    })
}

/// The line of code whose end is before `end`, if nothing else is in it or between, not even padding.
fn line_before(bytes: &[u8], end: usize, accept: impl Fn(u8) -> bool) -> Option<Range<usize>> {
    let breaks = |gap: Range<usize>| bytes.get(gap).is_some_and(|gap| gap.contains(&b'\n'));
    let gap = run_back(bytes, end, is_margin);
    let row = run_back(bytes, gap, accept);
    let margin = run_back(bytes, row, is_margin);
    (row < gap && breaks(gap..end) && (margin == 0 || breaks(margin..row))).then_some(row..gap)
}

/// The line of code that is next behind `at`, if nothing else is in it or between.
fn line_behind(bytes: &[u8], at: usize, accept: impl Fn(u8) -> bool) -> Option<Range<usize>> {
    let behind = bytes.get(at..)?;
    let gap = behind.iter().take_while(|b| is_margin(**b)).count();
    let length = behind.iter().skip(gap).take_while(|b| accept(**b)).count();
    let end = behind.iter().skip(gap + length).find(|b| !matches!(b, b' ' | b'\t'));
    let is_line = length > 0 && behind.get(..gap)?.contains(&b'\n') && matches!(end, None | Some(b'\n' | b'\r' | b'='));
    is_line.then(|| at + gap..at + gap + length)
}

/// Whether a byte may stand before or behind a line: white space, and what marks it as quoted.
const fn is_margin(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | b'\r' | b'>')
}

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
            let start = at;
            let behind = |row: &Range<usize>| group_behind(bytes, row.end, width);
            let run = Run::new(kind, std::iter::successors(Some(at..at + width), behind), 1);
            at = run.end();
            if at - start >= SHORTEST {
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

/// The group of this length that is next behind `at`, in the same line or another.
fn group_behind(bytes: &[u8], at: usize, width: usize) -> Option<Range<usize>> {
    let behind = bytes.get(at..)?;
    let gap = behind.iter().take_while(|b| is_between(**b) || **b == b'>').count();
    let is_near = (1..=WIDEST_GAP).contains(&gap) || behind.get(..gap)?.contains(&b'\n');
    let start = at + gap;
    (is_near && group(bytes, start) == Some(width)).then_some(start..start + width)
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

/// Decodes both alphabets as one.
fn base64(code: &[u8]) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
    // one character of four says nothing
    let code = code.get(..code.len() - usize::from(code.len() % 4 == 1))?;
    let standard = |b: &u8| match b {
        b'-' => b'+',
        b'_' => b'/',
        b => *b,
    };
    STANDARD.decode(code.iter().map(standard).collect::<Vec<_>>()).ok()
}

/// Printable UTF-8, and where it begins: all of the bytes, or parts that are long enough.
fn printable(bytes: &[u8], shortest: usize) -> impl Iterator<Item = (usize, &str)> {
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
        .filter(move |(_, part)| part.len() >= shortest)
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD as STANDARD;

    use super::*;

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
            ("so 48 65 6c 6", " 48 65 6c 6"),
            ("so: 01101000, 01101001, ", ": 01101000, 01101001, "),
            (&format!("so\n{lines}aGV"), &*format!("{lines}aGV")),
            ("so it is", "is"),
            ("so 48 65 6c.", ""),
        ] {
            assert_eq!(text.get(open_run(text)..).unwrap(), open);
        }
        assert_eq!(border(&lines, 20), 17);
        assert_eq!((border("a word", 4), border(&"ab".repeat(1000), 1999)), (4, 1984));
        assert_eq!(border("so né1vnvr-ymn6h-5efzc-k5rrw", 20), 3);
    }

    #[test]
    fn a_border_is_in_no_row_that_could_be_kept_and_its_own_border() {
        let row = |length: usize| "aGVsbG8gd29ybGQg".repeat(length / 16);
        let rows = [row(32), row(48), row(1008), row(1040), row(3200), row(32)];
        for mark in [".", "é.", " ", "\n> ", "则"] {
            let text = rows.join(mark);
            for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
                let cut = border(&text, at);
                assert!(cut <= at && at - cut < 1200 && border(&text, cut) == cut, "{mark}: {at} to {cut}");
                let row = run_back(text.as_bytes(), cut, is_base64);
                assert!(row == cut || text.as_bytes().get(cut).is_none_or(|b| !is_base64(*b)) || cut - row >= 1024);
            }
        }
    }
}
