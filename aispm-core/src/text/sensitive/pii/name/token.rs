//! Words, numbers and marks of a text, as the tagger sees them.

use unicode_normalization::char::is_combining_mark;

use super::lexicon::{BASIS, Lexicon, fold, step};

/// The longest word in bytes; a longer run of letters is no name.
const LONGEST: usize = 48;
/// Where a longer run is cut, so that what is read at a time is bounded.
const CUT: usize = 1024;
/// How far ahead the kind of a line is judged, and how far back capitals tell that lower case means something, in bytes.
const STRETCH: usize = 256;

/// What a line is: code, without a capital, without one in what stands before it either, in capitals, a heading.
pub(super) const CODE: u8 = 1;
pub(super) const LOW: u8 = 1 << 1;
pub(super) const UNCASED: u8 = 1 << 2;
pub(super) const SHOUT: u8 = 1 << 3;
pub(super) const TITLE: u8 = 1 << 4;

/// Of a byte one of each sort that is counted: a mark of code, a capital, a small letter; 16 bits each.
static SORTS: [u64; 256] = {
    let mut sorts = [0; 256];
    let mut rest = sorts.as_mut_slice();
    let mut byte = 0;
    while let Some((sort, next)) = rest.split_first_mut() {
        *sort = match byte {
            b'{' | b'}' | b'[' | b']' | b'=' | b'<' | b'>' | b';' | b'_' | b'|' | b'`' => 1,
            b'A'..=b'Z' => 1 << 16,
            b'a'..=b'z' => 1 << 32,
            _ => 0,
        };
        (rest, byte) = (next, if byte < 255 { byte + 1 } else { 255 });
    }
    sorts
};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Kind {
    #[default]
    Word,
    Number,
    Mark,
    Newline,
    /// Part of an identifier, a path, an address or markup.
    Code,
}

/// How a word is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Case {
    #[default]
    Lower,
    Capital,
    Upper,
    Initial,
    Mixed,
    /// Letters of a script without case.
    Uncased,
}

/// One token: its bytes, the hash of its folded form and what the lexicon says of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) key: u64,
    pub(super) kind: Kind,
    pub(super) case: Case,
    pub(super) class: u8,
    /// What its line is.
    pub(super) line: u8,
    /// Whether space stands before it.
    pub(super) gap: bool,
    /// Where the kind of its line was judged: tokens read from there on are the same.
    pub(super) judged: usize,
    /// Whether it can be part of a name by itself: the tagger's.
    pub(super) worthy: bool,
}

/// Cuts a text into tokens. Linear: each byte is read once by the cut and once by the judge of its stretch.
pub(super) struct Tokens<'t> {
    text: &'t str,
    lexicon: &'t Lexicon,
    at: usize,
    line: u8,
    /// From where, and up to where, the kind of the line is judged.
    judge: usize,
    judged: usize,
    /// The last word with a capital that was seen.
    capital: Option<usize>,
    /// Whether space stands before the first token.
    gap: bool,
}

impl<'t> Tokens<'t> {
    /// The tokens from `at` on, which is 0 or where the kind of a line was judged.
    pub(super) fn new(text: &'t str, lexicon: &'t Lexicon, at: usize) -> Self {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let gap = before.is_none_or(|c| c != '\n' && is_blank(c));
        Self { text, lexicon, at, line: 0, judge: at, judged: 0, capital: None, gap }
    }

    /// Whether more text could change the token that was read last.
    pub(super) fn is_open(&self) -> bool {
        self.judged == self.text.len() || self.at + 4 > self.text.len()
    }

    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(0)
    }

    fn before(&self, at: usize, back: usize) -> u8 {
        at.checked_sub(back).map_or(0, |i| self.byte(i))
    }

    fn char(&self, at: usize) -> Option<char> {
        match self.byte(at) {
            b if b.is_ascii() => (at < self.text.len()).then_some(char::from(b)),
            _ => self.text.get(at..)?.chars().next(),
        }
    }

    /// Judges the stretch of line at `at`.
    fn judge(&mut self, at: usize) {
        let bytes = self.text.as_bytes();
        let rest = bytes.get(at..bytes.len().min(at + STRETCH)).unwrap_or_default();
        let line = memchr::memchr(b'\n', rest).and_then(|end| rest.get(..end)).unwrap_or(rest);
        let end = at + line.len();
        let capital = |from: usize, to: usize| {
            let pairs = bytes.get(from..bytes.len().min(to + 1)).unwrap_or_default().windows(2);
            let last = pairs
                .rev()
                .position(|pair| matches!(pair, [a, b] if a.is_ascii_uppercase() && b.is_ascii_alphabetic()));
            last.map(|back| bytes.len().min(to + 1).saturating_sub(2 + back))
        };
        let earlier = at.saturating_sub(STRETCH);
        self.capital = capital(earlier.max(self.judged.min(at)), at).or(self.capital);
        let around = self.capital.is_some_and(|place| place >= earlier);
        let inside = capital(at, end);
        self.capital = inside.or(self.capital);
        let (mut sorts, mut starts, mut before) = (0u64, 0u64, 0);
        for byte in line {
            let sort = SORTS.get(usize::from(*byte)).copied().unwrap_or_default();
            sorts = sorts.wrapping_add(sort);
            starts = starts.wrapping_add(if before == b' ' { sort } else { 0 });
            before = *byte;
        }
        let [code, upper, lower] = [0, 16, 32].map(|field| sorts >> field & 0xffff);
        self.line = match () {
            () if inside.is_none() && around => LOW,
            () if inside.is_none() => LOW | UNCASED,
            () if upper > lower => SHOUT,
            () if starts >> 16 & 0xffff > starts >> 32 & 0xffff => TITLE,
            () => 0,
        };
        self.line |= if code > 1 + line.len() as u64 / 32 { CODE } else { 0 };
        (self.judge, self.judged) = (at, end);
    }

    /// A word in ASCII letters alone: its end, its hash, how it is written. Most words are; this is the fast way.
    fn plain(&self, start: usize) -> Option<(usize, u64, Case)> {
        let rest = self.text.as_bytes().get(start..)?;
        let (mut length, mut upper, mut hash) = (0usize, 0usize, BASIS);
        for byte in rest.iter().take(LONGEST + 1) {
            let small = byte | 0x20;
            if small.wrapping_sub(b'a') > b'z' - b'a' {
                break;
            }
            hash = step(hash, small);
            upper = upper.wrapping_add(usize::from(small != *byte));
            length = length.wrapping_add(1);
        }
        let next = rest.get(length).copied().unwrap_or(b' ');
        if length == 0 || length > LONGEST || next >= 0x80 || next == b'_' || next.is_ascii_digit() {
            return None;
        }
        let case = match () {
            () if upper == 0 => Case::Lower,
            () if length == 1 => Case::Initial,
            () if upper == length => Case::Upper,
            () if upper == 1 && rest.first().is_some_and(u8::is_ascii_uppercase) => Case::Capital,
            () => Case::Mixed,
        };
        Some((start + length, hash, case))
    }

    fn word(&self, start: usize) -> (usize, Kind, Case) {
        let (mut end, mut letters, mut upper, mut first, mut cased) = (start, 0, 0, false, false);
        let (mut digits, mut line) = (false, false);
        while let Some(c) = self.char(end).filter(|_| end - start < CUT) {
            if c.is_ascii_lowercase() {
                cased = true;
            } else if c.is_alphabetic() {
                let big = c.is_uppercase();
                first |= big && letters == 0;
                upper += usize::from(big);
                cased |= big || c.is_lowercase();
            } else if c.is_ascii_digit() {
                digits = true;
            } else if c == '_' {
                line = true;
            } else if c.is_ascii() || !is_combining_mark(c) {
                break;
            }
            letters += 1;
            end += c.len_utf8();
        }
        let number = self.byte(start).is_ascii_digit();
        let kind = match () {
            () if line || digits && !number || end - start > LONGEST => Kind::Code,
            () if number => Kind::Number,
            () if self.attached(start, end) => Kind::Code,
            () => Kind::Word,
        };
        let case = match () {
            () if !cased => Case::Uncased,
            () if upper == 0 => Case::Lower,
            () if letters == 1 => Case::Initial,
            () if upper == letters => Case::Upper,
            () if upper == 1 && first => Case::Capital,
            () => Case::Mixed,
        };
        (end, kind, case)
    }

    /// Whether the word is joined to what makes it code rather than prose.
    fn attached(&self, start: usize, end: usize) -> bool {
        let (before, after) = (self.before(start, 1), self.byte(end));
        if before == b' ' && matches!(after, b' ' | b',') {
            return false;
        }
        let earlier = self.before(start, 2);
        matches!(before, b'@' | b'/' | b'\\' | b'#' | b'$' | b'%' | b'&' | b'=' | b'~' | b'+' | b'<' | b'`')
            || matches!(after, b'@' | b'/' | b'=' | b'(' | b'[' | b'`')
            || after == b'\\' && !matches!(self.byte(end + 1), b'\'' | b'"')
            || before == b'.'
                && (earlier.is_ascii_lowercase() || earlier.is_ascii_digit() || matches!(earlier, b')' | b'.' | b'/'))
            || after == b'.' && end - start > 1 && self.byte(end + 1).is_ascii_alphanumeric()
            || before == b'-' && matches!(earlier, b'-' | b' ' | 0)
            || before == b':' && earlier == b':'
            || after == b':' && self.byte(end + 1) == b':'
    }
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}'
}

impl Tokens<'_> {
    /// Reads the next token into its place, where it need not be copied to; false at the end of the text.
    pub(super) fn read(&mut self, token: &mut Token) -> bool {
        let mut gap = std::mem::take(&mut self.gap);
        let c = loop {
            let Some(c) = self.char(self.at) else { return false };
            if c == '\n' || !is_blank(c) {
                break c;
            }
            gap = true;
            self.at += c.len_utf8();
        };
        let start = self.at;
        if start >= self.judged {
            self.judge(start);
        }
        *token = Token {
            start,
            end: start + c.len_utf8(),
            key: u64::from(c),
            line: self.line,
            gap,
            judged: self.judge,
            kind: Kind::Mark,
            ..Token::default()
        };
        if c == '\n' {
            token.kind = Kind::Newline;
        } else if let Some((end, key, case)) = self.plain(start) {
            (token.end, token.case) = (end, case);
            if self.attached(start, end) {
                (token.kind, token.key) = (Kind::Code, 0x80);
            } else {
                (token.kind, token.key, token.class) = (Kind::Word, key, self.lexicon.class(key));
            }
        } else if c.is_alphabetic() || c.is_ascii_digit() || c == '_' {
            (token.end, token.kind, token.case) = self.word(start);
            match token.kind {
                Kind::Word => {
                    token.key = fold(self.text.get(start..token.end).unwrap_or_default());
                    token.class = self.lexicon.class(token.key);
                }
                // Numbers are told apart by their length alone.
                Kind::Number => token.key = 0x100 + (token.end - start).min(8) as u64,
                _ => token.key = 0x80,
            }
        }
        self.at = token.end;
        true
    }
}
