//! Cards, IBANs and cryptocurrency addresses.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::super::hay::Hay;
use super::checksum::{luhn, named};

/// The fewest digits of a card's number, and the fewest characters of a cryptocurrency address.
pub(super) const CARD: usize = 13;
pub(super) const CRYPTO: usize = 17;

/// The card number at `start`: 13 to 19 digits, plain or in groups, of a known issuer, with Luhn's digit.
pub(super) fn card(hay: Hay<'_>, start: usize) -> Option<Range<usize>> {
    let mut digits = [0u8; 19];
    let (mut len, mut at, mut sign) = (0, start, None);
    loop {
        let b = hay.at(at);
        if b.is_ascii_digit() {
            *digits.get_mut(len)? = b;
            len += 1;
        } else if matches!(b, b' ' | b'-') && *sign.get_or_insert(b) == b && hay.at(at + 1).is_ascii_digit() && len < 19
        {
            // A group shorter than four in front is a date, a phone or a list.
            if len < 4 {
                return None;
            }
        } else {
            break;
        }
        at += 1;
    }
    let digits = digits.get(..len)?;
    // Mistyped or made up, a grouped number that is said to be a card's is still one.
    let stated = || {
        sign.is_some()
            && digits.len() >= 15
            && hay.near(
                &(start..at),
                &["card", "credit", "visa", "mastercard", "amex", "debit", "カード", "信用卡", "银行卡", "카드", "บัตร"],
            )
    };
    let varied = digits.iter().skip(1).any(|d| Some(d) != digits.get(1));
    (issued(digits)
        && (luhn(digits) || stated())
        && varied
        && !matches!(hay.before(start), b'.' | b'-' | b'=' | b'/' | b'+')
        && !hay.embedded(&(start..at)))
    .then_some(start..at)
}

/// Whether a network issues numbers of this prefix and length (ISO/IEC 7812 ranges in public use).
fn issued(digits: &[u8]) -> bool {
    let prefix = |n: usize| digits.iter().take(n).fold(0, |p, d| p * 10 + u32::from(d - b'0'));
    match digits.len() {
        13 => prefix(1) == 4,
        14 => matches!(prefix(3), 300..=305 | 309 | 360..=369 | 380..=399),
        15 => matches!(prefix(2), 34 | 37) || matches!(prefix(4), 1800 | 2131),
        16 => {
            matches!(prefix(1), 4)
                || matches!(prefix(2), 50..=58 | 62 | 65)
                || matches!(prefix(4), 2221..=2720 | 6011 | 3528..=3589 | 6304 | 6759 | 6761..=6763 | 2200..=2204)
                || matches!(prefix(3), 644..=649)
        }
        17..=19 => matches!(prefix(2), 62 | 65) || (digits.len() == 19 && prefix(1) == 4),
        _ => false,
    }
}

/// The IBAN at `start`: country, check digits and the country's length, plain or in fours.
pub(super) fn iban(hay: Hay<'_>, start: usize, lengths: &Lengths) -> Option<Range<usize>> {
    let country = hay.get(start..start + 2);
    let digits = hay.at(start + 2).is_ascii_digit() && hay.at(start + 3).is_ascii_digit();
    if !(digits && country.bytes().all(|b| b.is_ascii_alphabetic())) {
        return None;
    }
    let expected = lengths.of(country)?;
    let mut code = [0u8; 34];
    let (mut len, mut at) = (0, start);
    while len < expected {
        let b = hay.at(at);
        if b.is_ascii_alphanumeric() {
            *code.get_mut(len)? = b.to_ascii_uppercase();
            len += 1;
        } else if !(matches!(b, b' ' | b'-') && len % 4 == 0 && len > 0) {
            return None;
        }
        at += 1;
    }
    (named("iban")?(code.get(..len)?) && !hay.embedded(&(start..at))).then_some(start..at)
}

/// Length of the IBAN by country, from the data file.
#[derive(Debug)]
pub(super) struct Lengths(Vec<([u8; 2], usize)>);

impl Lengths {
    /// Parses `CC length` pairs, one a line.
    pub(super) fn parse(source: &str) -> Self {
        let pair = |line: &str| {
            let (country, length) = line.split_once(' ')?;
            Some((country.as_bytes().try_into().ok()?, length.trim().parse().ok()?))
        };
        Self(source.lines().filter_map(pair).collect())
    }

    fn of(&self, country: &str) -> Option<usize> {
        self.0.iter().find(|(c, _)| c.eq_ignore_ascii_case(country.as_bytes())).map(|(_, n)| *n)
    }
}

/// The Bitcoin, Litecoin or Ethereum address at `start`.
pub(super) fn crypto(hay: Hay<'_>, start: usize) -> Option<Range<usize>> {
    let end = hay.run(start, 100, |b| b.is_ascii_alphanumeric());
    let text = hay.get(start..end);
    let fits = match text.bytes().next()? {
        b'1' | b'3' | b'L' | b'M' => (26..=35).contains(&text.len()) && base58check(text),
        b'b' | b'B' | b'l' => {
            let lower = text.to_ascii_lowercase();
            (lower.starts_with("bc1") || lower.starts_with("ltc1")) && bech32(&lower)
        }
        b'0' => {
            text.len() == 42
                && text.starts_with("0x")
                && text.bytes().skip(2).all(|b| b.is_ascii_hexdigit())
                && hay.near(&(start..end), &["ethereum", "eth", "wallet", "erc20", "erc-20", "crypto", "address"])
        }
        _ => false,
    };
    (fits && !hay.embedded(&(start..end))).then_some(start..end)
}

/// Base 58 with a version byte, twenty bytes and four of a double SHA-256.
fn base58check(text: &str) -> bool {
    const ALPHABET: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut bytes = [0u8; 25];
    for c in text.bytes() {
        let Some(digit) = ALPHABET.iter().position(|a| *a == c) else { return false };
        let mut carry = digit as u32;
        for b in bytes.iter_mut().rev() {
            carry += u32::from(*b) * 58;
            *b = (carry & 0xff) as u8;
            carry >>= 8;
        }
        if carry > 0 {
            return false;
        }
    }
    let Some((body, check)) = bytes.split_at_checked(21) else { return false };
    matches!(body.first(), Some(0 | 5 | 48 | 50)) && Sha256::digest(Sha256::digest(body)).starts_with(check)
}

/// BIP 173 and BIP 350: bech32 and bech32m.
fn bech32(lower: &str) -> bool {
    const ALPHABET: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let Some((hrp, data)) = lower.rsplit_once('1') else { return false };
    if !(14..=74).contains(&data.len()) {
        return false;
    }
    let mut sum = 1u32;
    let mut feed = |value: u32| {
        let top = sum >> 25;
        sum = ((sum & 0x01ff_ffff) << 5) ^ value;
        for (i, g) in GENERATOR.iter().enumerate() {
            if (top >> i) & 1 == 1 {
                sum ^= g;
            }
        }
    };
    hrp.bytes().for_each(|b| feed(u32::from(b) >> 5));
    feed(0);
    hrp.bytes().for_each(|b| feed(u32::from(b) & 31));
    for b in data.bytes() {
        let Some(value) = ALPHABET.iter().position(|a| *a == b) else { return false };
        feed(value as u32);
    }
    sum == 1 || sum == 0x2bc8_30a3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_need_their_checksum() {
        assert!(base58check("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"));
        assert!(!base58check("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3"));
        assert!(bech32("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"));
        assert!(!bech32("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"));
    }

    #[test]
    fn cards_need_an_issuer_and_a_check_digit() {
        let at = |text: &str| card(Hay::new(text), 0).map(|s| s.len());
        assert_eq!(at("4012-8888-8888-1881"), Some(19));
        assert_eq!(at("378282246310005"), Some(15));
        assert_eq!(at("4012-8888-8888-1882"), None);
        assert_eq!(at("1748503543012"), None);
    }
}
