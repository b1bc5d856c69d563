//! Telephone numbers: international by calling code, North American by area and exchange, national by their grouping.

use std::ops::Range;

use super::super::hay::Hay;

/// Words that announce a number.
const CONTEXT: &[&str] = &[
    "phone",
    "telephone",
    "tel",
    "mobile",
    "cell",
    "call",
    "fax",
    "contact",
    "whatsapp",
    "sms",
    "text me",
    "dial",
    "reach",
    "ring",
    "hotline",
    "helpline",
    "handy",
    "telefon",
    "téléphone",
    "teléfono",
    "telefono",
    "móvil",
    "celular",
    "cep",
    "telepono",
    "ph",
    "mob",
    "電話",
    "电话",
    "手机",
    "手機",
    "联系方式",
    "携帯",
    "전화",
    "휴대폰",
    "연락처",
    "โทร",
    "เบอร์",
    "тел",
    "моб",
    "τηλ",
    "هاتف",
    "फ़ोन",
    "फोन",
    "मोबाइल",
];

/// The most digits of a number (E.164) and of groups in it.
const DIGITS: usize = 15;
const GROUPS: usize = 7;

/// Fewer digits are no number, unless one that begins like an international one.
const FEWEST: usize = 7;

/// Digits of a national number by calling code, its index.
#[derive(Debug)]
pub(super) struct Codes(Vec<Range<usize>>);

impl Codes {
    /// Parses `code fewest most`, one a line; `#` begins a comment.
    pub(super) fn parse(source: &str) -> Self {
        let entry = |line: &str| {
            let mut fields = line.split(' ').map(str::parse::<usize>);
            let (Some(Ok(code)), Some(Ok(least)), Some(Ok(most))) = (fields.next(), fields.next(), fields.next())
            else {
                return None;
            };
            Some((code, least..most + 1))
        };
        let mut lengths = vec![0..0; 1000];
        for (code, national) in source.lines().filter_map(entry) {
            if let Some(slot) = lengths.get_mut(code) {
                *slot = national;
            }
        }
        Self(lengths)
    }

    /// Whether `digits` are a calling code and a national number of a length that its plan has.
    fn admit(&self, digits: &[u8]) -> bool {
        (1..=3).any(|n| {
            let Some((code, national)) = digits.split_at_checked(n) else { return false };
            let code = code.iter().fold(0, |c, d| c * 10 + usize::from(d - b'0'));
            // A trunk zero is often written, `+44 (0)20`.
            let length = national.len() - usize::from(national.first() == Some(&b'0') && code != 39);
            self.0.get(code).is_some_and(|lengths| lengths.contains(&length))
        })
    }
}

/// The number that begins with the digit at `digit`, and how sure that is.
pub(super) fn phone(hay: Hay<'_>, digit: usize, codes: &Codes) -> Option<(Range<usize>, f64)> {
    let mut start = digit;
    if hay.before(start) == b'(' {
        start -= 1;
    }
    let plus = hay.before(start) == b'+';
    start -= usize::from(plus);
    let before = hay.before(start);
    if before.is_ascii_alphanumeric()
        || matches!(before, b'-' | b'/' | b'=' | b'.' | b'#' | b'$' | b'%' | b'&' | b'+' | b'*' | b'_' | b'\\')
    {
        return None;
    }
    // A group of a longer number or code is none by itself.
    let grouped = before == b' ' && hay.before(start - 1).is_ascii_digit();
    let number = Number::read(hay, start);
    let all = number.first(number.count).digits;
    if all.len() < FEWEST && !plus && !all.starts_with(b"00") {
        return None;
    }
    let lone = hay.lone(&(start..number.end));
    let near = || hay.near(&(start..number.end), CONTEXT);
    // Most runs of digits are numbers of nothing whatever stands near: only then look at what does.
    let possible = |groups| number.first(groups).score(plus, true, lone, codes).is_some();
    if grouped && !plus && !near() || !(1..=number.count).any(possible) {
        return None;
    }
    let context = near();
    // The longest reading that a plan admits; a shorter one only where a space parts it from what follows.
    for groups in (1..=number.count).rev() {
        let end = number.ends.get(groups - 1).copied()?;
        let whole = groups == number.count;
        if !whole && hay.at(end) != b' ' {
            continue;
        }
        let read = number.first(groups);
        if let Some(score) = read.score(plus, context, lone && whole, codes) {
            let open = hay.get(start..end).starts_with('(') && !hay.get(start..end).contains(')');
            let start = start + usize::from(open);
            let end = extension(hay, end);
            let next = hay.at(end);
            let joined = matches!(next, b'-' | b'.' | b'/' | b':' | b',') && hay.at(end + 1).is_ascii_digit();
            return (!hay.embedded(&(start..end)) && !joined && next != b'%').then_some((start..end, score));
        }
    }
    None
}

/// Digits in groups.
#[derive(Default)]
struct Number {
    digits: [u8; DIGITS],
    /// Digits up to the end of each group, and where it ends.
    sums: [usize; GROUPS],
    ends: [usize; GROUPS],
    count: usize,
    end: usize,
    paren: bool,
    signs: [u8; GROUPS],
}

impl Number {
    fn read(hay: Hay<'_>, start: usize) -> Self {
        let mut number = Self { end: start, ..Self::default() };
        let (mut at, mut len) = (start, 0);
        loop {
            let gap = hay.run(at, 3, |b| matches!(b, b' ' | b'-' | b'.' | b'(' | b')' | b'/' | b'+'));
            if (number.count > 0 && gap == at) || !hay.at(gap).is_ascii_digit() || number.count == GROUPS {
                break;
            }
            let between = hay.get(at..gap);
            if number.count > 0
                && (between.contains('+') || matches!(between, ". " | "- " | "  " | " - " | "   " | ".."))
                && between != " - "
            {
                break;
            }
            number.paren |= between.contains('(') || between.contains(')');
            let end = hay.run(gap, DIGITS + 1, |b| b.is_ascii_digit());
            let Some(room) = number.digits.get_mut(len..len + (end - gap)) else { break };
            room.copy_from_slice(hay.bytes().get(gap..end).unwrap_or_default());
            len += end - gap;
            if let (Some(sum), Some(stop), Some(sign)) = (
                number.sums.get_mut(number.count),
                number.ends.get_mut(number.count),
                number.signs.get_mut(number.count),
            ) {
                (*sum, *stop, *sign) = (len, end, between.bytes().last().unwrap_or(0));
            }
            number.count += 1;
            (at, number.end) = (end, end);
        }
        number
    }

    fn first(&self, groups: usize) -> Reading<'_> {
        let sums = self.sums.get(..groups).unwrap_or_default();
        let digits = sums.last().and_then(|n| self.digits.get(..*n)).unwrap_or_default();
        Reading { digits, sums, paren: self.paren, signs: self.signs.get(1..groups).unwrap_or_default() }
    }
}

/// The first groups of a number.
struct Reading<'n> {
    digits: &'n [u8],
    sums: &'n [usize],
    paren: bool,
    signs: &'n [u8],
}

impl Reading<'_> {
    fn score(&self, plus: bool, context: bool, lone: bool, codes: &Codes) -> Option<f64> {
        let digits = self.digits;
        if digits.windows(2).all(|w| w.first() == w.last()) {
            return None;
        }
        let slashed = self.signs.contains(&b'/') && digits.first() != Some(&b'0');
        let sizes = self.sums.iter().scan(0, |from, to| Some(to - std::mem::replace(from, *to)));
        let sizes: [usize; GROUPS] = {
            let mut all = [0; GROUPS];
            all.iter_mut().zip(sizes).for_each(|(slot, n)| *slot = n);
            all
        };
        let sizes = sizes.get(..self.sums.len())?;
        // Years from and to; octets in pairs.
        let years = sizes == [4, 4] && digits.chunks(4).all(|y| matches!(y, [b'1', b'9', ..] | [b'2', b'0', ..]));
        let pairs = sizes == [2; 5] && digits.chunks(2).all(|p| p.first() == Some(&b'0'));
        // A date after a version, as change logs write it.
        let dated = !plus
            && matches!(sizes, [.., 4, 2, 2])
            && matches!(
                digits,
                [.., b'1', b'9', _, _, b'0' | b'1', _, b'0'..=b'3', _]
                    | [.., b'2', b'0', _, _, b'0' | b'1', _, b'0'..=b'3', _]
            );
        if slashed || years || pairs || dated {
            return None;
        }
        if plus {
            return codes.admit(digits).then_some(if context { 0.99 } else { 0.9 });
        }
        if let Some(rest) = digits.strip_prefix(b"00")
            && sizes.len() > 1
            && codes.admit(rest)
        {
            return Some(0.8);
        }
        if let Some(score) = self.north_american(sizes, context, lone) {
            return Some(score);
        }
        let grouped = sizes.len() >= 3 && sizes.iter().skip(1).all(|n| (2..=4).contains(n)) && self.one_sign();
        let trunk = digits.first() == Some(&b'0') && digits.get(1).is_some_and(|d| *d != b'0');
        let length = digits.len();
        match (context, lone) {
            (false, _) if matches!(sizes, [3, 2, 4]) => None,
            (true, _) if (9..=13).contains(&length) && sizes.iter().all(|n| *n != 1) => Some(0.8),
            (true, _) if (7..=13).contains(&length) && (sizes.len() > 1 || self.paren) => Some(0.7),
            (false, true) if trunk && (10..=11).contains(&length) && sizes.len() > 1 => Some(0.6),
            (false, true) if length == 11 && matches!(digits, [b'0', b'5' | b'7' | b'9', ..]) => Some(0.4),
            (false, true) if grouped && self.paren && (8..=12).contains(&length) => Some(0.5),
            (false, _) if trunk && (10..=11).contains(&length) && (grouped || self.trunk_paren(sizes)) => Some(0.6),
            (false, _) if trunk && length == 11 && digits.starts_with(b"07") && sizes.len() == 2 => Some(0.5),
            (false, _)
                if self.paren
                    && sizes.len() >= 3
                    && (9..=11).contains(&length)
                    && sizes.iter().skip(1).all(|n| *n == 4 || *n == 3) =>
            {
                Some(0.5)
            }
            _ => None,
        }
    }

    fn north_american(&self, sizes: &[usize], context: bool, lone: bool) -> Option<f64> {
        let (digits, sizes) = match (self.digits.split_first(), sizes) {
            (Some((b'1', rest)), [1, tail @ ..]) if rest.len() == 10 => (rest, tail),
            (Some((b'1', rest)), [11]) if context && rest.len() == 10 => (rest, [10].as_slice()),
            _ if self.digits.starts_with(b"001") && self.digits.len() == 13 => (self.digits.get(3..)?, sizes.get(1..)?),
            _ => (self.digits, sizes),
        };
        let high = |i: usize| digits.get(i).is_some_and(|d| *d >= b'2');
        if digits.len() != 10 || !high(0) || !high(3) {
            return None;
        }
        match sizes {
            [3, 3, 4] if context => Some(0.95),
            [3, 3, 4] if self.paren => Some(0.75),
            [3, 3, 4] if self.one_sign() && self.signs.first() != Some(&b' ') => Some(0.75),
            [3, 3, 4] if self.one_sign() => Some(0.6),
            [3, 7] if self.paren => Some(0.6),
            [6, 4] if context => Some(0.7),
            [10] if context => Some(0.8),
            [10] if lone && digits.starts_with(b"555") => Some(0.5),
            _ => None,
        }
    }

    fn one_sign(&self) -> bool {
        self.signs.windows(2).all(|w| w.first() == w.last()) && self.signs.iter().all(|s| *s != b'/')
    }

    /// `0 (532) 123 45 67`, `(020) 7946 0958`.
    fn trunk_paren(&self, sizes: &[usize]) -> bool {
        self.paren && sizes.len() >= 2 && sizes.last().is_some_and(|n| *n >= 2)
    }
}

/// The end of an extension (`x123`, `ext. 123`) after a number that ends at `end`.
fn extension(hay: Hay<'_>, end: usize) -> usize {
    let mark = hay.run(end, 2, |b| matches!(b, b' ' | b','));
    let word = hay.run(mark, 9, |b| b.is_ascii_alphabetic());
    let digits = hay.run(word, 2, |b| matches!(b, b' ' | b'.' | b':'));
    let stop = hay.run(digits, 6, |b| b.is_ascii_digit());
    let names = ["x", "ext", "extension"];
    if stop > digits && names.iter().any(|n| hay.get(mark..word).eq_ignore_ascii_case(n)) { stop } else { end }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<&str> {
        let codes = Codes::parse(super::super::CALLING_CODES);
        let digit = text.bytes().position(|b| b.is_ascii_digit())?;
        phone(Hay::new(text), digit, &codes).map(|(span, _)| text.get(span).unwrap())
    }

    #[test]
    fn plans_and_groupings_are_told_from_other_numbers() {
        for number in [
            "+1 (212) 555-0173",
            "+44 20 7946 0958",
            "(212) 555-0173",
            "212-555-0173 x12",
            "01 42 68 53 00",
            "+4930123456",
        ] {
            assert_eq!(found(number), Some(number));
        }
        assert_eq!(found("call me at 2125550173 today"), Some("2125550173"));
        for other in [
            "2125550173",
            "1.2.3.4",
            "2024-05-06",
            "12345-6789",
            "+1 23",
            "112-555-0173",
            "3.14159265358",
            "10 20 30 40 50",
            "0.7.0 (2023-02-26)",
            "0.0.0-2026-09-06",
        ] {
            assert_eq!(found(other), None, "{other}");
        }
    }
}
