//! Sensitive data in disguise: characters that nobody sees are dropped, letters and digits in other clothes (full width,
//! mathematical, the digits of other scripts) put into ASCII, with the way back to the text as given. Each character is
//! judged by itself, so a text in pieces is cleaned as the whole is.

use std::ops::Range;

use super::super::Transform;
use super::super::invisible::is_invisible;

/// The way from a cleaned text back to the one given. Offsets are bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Map {
    shifts: Vec<Shift>,
    given: usize,
    clean: usize,
}

/// From `clean` on the cleaned text is the given one from `given` on; or the one byte at `clean` stands for `width` bytes.
#[derive(Debug, Clone, Copy)]
struct Shift {
    clean: usize,
    given: usize,
    width: usize,
}

impl Map {
    /// Appends what `piece` looks like to `clean`, and notes the way back. Linear.
    pub(super) fn push(&mut self, piece: &str, clean: &mut String) {
        let mut rest = piece;
        while let Some(at) = next(rest) {
            let Some((same, tail)) = rest.split_at_checked(at) else { break };
            let Some(c) = tail.chars().next() else { break };
            clean.push_str(same);
            self.clean += same.len();
            self.given += same.len();
            if let Some(plain) = plain(c) {
                self.shifts.push(Shift { clean: self.clean, given: self.given, width: c.len_utf8() });
                clean.push(plain);
                self.clean += 1;
            }
            self.given += c.len_utf8();
            let shift = Shift { clean: self.clean, given: self.given, width: 0 };
            match self.shifts.last_mut().filter(|last| last.clean == shift.clean && last.width == 0) {
                Some(last) => *last = shift,
                None => self.shifts.push(shift),
            }
            rest = tail.get(c.len_utf8()..).unwrap_or_default();
        }
        clean.push_str(rest);
        self.clean += rest.len();
        self.given += rest.len();
    }

    /// The given bytes that a span of the cleaned text stands for. O(log characters changed).
    pub(super) fn given(&self, span: Range<usize>) -> Range<usize> {
        let start = self.at(span.start).0;
        start..span.end.checked_sub(1).filter(|last| *last >= span.start).map_or(start, |last| self.at(last).1)
    }

    /// Start and end of the given bytes that a byte of the cleaned text stands for.
    fn at(&self, clean: usize) -> (usize, usize) {
        let after = self.shifts.partition_point(|shift| shift.clean <= clean);
        match after.checked_sub(1).and_then(|i| self.shifts.get(i)) {
            None => (clean, clean + 1),
            Some(shift) => {
                let start = shift.given + (clean - shift.clean);
                (start, start + shift.width.max(1))
            }
        }
    }

    /// How many bytes were given.
    pub(super) fn end(&self) -> usize {
        self.given
    }

    /// Forgets the way back from before `clean`.
    pub(super) fn forget(&mut self, clean: usize) {
        let behind = self.shifts.partition_point(|shift| shift.clean <= clean).saturating_sub(1);
        self.shifts.drain(..behind);
    }
}

/// The cleaned text with the way back; `None` if it is the text as given, which is told without allocating.
pub(super) fn cleaned(text: &str) -> Option<(String, Map)> {
    next(text)?;
    let (mut clean, mut map) = (String::with_capacity(text.len()), Map::default());
    map.push(text, &mut clean);
    Some((clean, map))
}

/// The disguises that a part of a given text is in.
pub(super) fn undone(given: &str) -> impl Iterator<Item = Transform> {
    given.chars().filter(|c| !c.is_ascii()).filter_map(|c| match plain(c) {
        Some(_) => Some(Transform::Compatibility),
        None => is_invisible(c).then_some(Transform::Invisible),
    })
}

/// Where the next character stands that is dropped or put into ASCII.
fn next(text: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = text.as_bytes().get(at..)?;
        let ascii = rest.chunks(64).take_while(|chunk| chunk.is_ascii()).map(<[u8]>::len).sum::<usize>();
        at += ascii + rest.get(ascii..)?.iter().position(|b| !b.is_ascii())?;
        let c = text.get(at..)?.chars().next()?;
        if is_invisible(c) || plain(c).is_some() {
            return Some(at);
        }
        at += c.len_utf8();
    }
}

/// The ASCII letter, digit or sign of an address that a character is another form of.
fn plain(c: char) -> Option<char> {
    /// The zeros of decimal digits (Unicode's `Nd`) that are in wide use.
    const ZEROS: [u32; 19] = [
        0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xed0, 0xf20,
        0x1040, 0x17e0, 0x1810, 0xff10,
    ];
    let code = u32::from(c);
    if code < 0x660 {
        return None;
    }
    let digit = ZEROS.iter().find_map(|zero| code.checked_sub(*zero).filter(|digit| *digit < 10));
    let ascii = match c {
        _ if digit.is_some() => digit.and_then(|digit| char::from_digit(digit, 10)),
        'Ａ'..='Ｚ' | 'ａ'..='ｚ' | '＠' | '．' | '－' | '＿' | '＋' => char::from_u32(code - 0xfee0),
        '\u{1d400}'..='\u{1d6a3}' => letter((code - 0x1d400) % 52),
        '\u{1d7ce}'..='\u{1d7ff}' => char::from_digit((code - 0x1d7ce) % 10, 10),
        _ => None,
    };
    ascii.filter(char::is_ascii)
}

/// `A` to `Z`, then `a` to `z`.
fn letter(n: u32) -> Option<char> {
    char::from_u32(if n < 26 { u32::from('A') + n } else { u32::from('a') + n - 26 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_has_a_way_back() {
        assert!(cleaned("plain").is_none() && cleaned("Voilà, 请 😀").is_none());
        let given = "é 4\u{200b}0１２ 𝐚𝟗\u{feff}";
        let (clean, map) = cleaned(given).unwrap();
        assert_eq!(clean, "é 4012 a9");
        let back = |piece: &str| {
            let at = clean.find(piece).unwrap();
            given.get(map.given(at..at + piece.len())).unwrap()
        };
        assert_eq!(back("4012"), "4\u{200b}0１２");
        assert_eq!(back("é"), "é");
        assert_eq!(back("a9"), "𝐚𝟗");
        assert_eq!(back("2 a"), "２ 𝐚");
        assert_eq!(map.end(), given.len());
        assert_eq!(map.given(3..3), 3..3);
    }
}
