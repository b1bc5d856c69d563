//! Bytes as text: UTF-8, UTF-16 with or without a byte order mark, and what is left of text in another encoding.

use std::borrow::Cow;

use crate::asset::{Error, ErrorKind};

/// Share of the first bytes that may be control characters in text of an unknown encoding: one in this many.
const CONTROL_SHARE: usize = 64;

/// Text, and what of it could not be decoded.
#[derive(Debug)]
pub(super) struct Decoded<'a> {
    /// The text; undecodable bytes are U+FFFD.
    pub(super) text: Cow<'a, str>,
    /// The first undecodable place.
    pub(super) error: Option<Error>,
}

/// Decodes a file, or tells that it is not text. Linear.
pub(super) fn decode(bytes: &[u8]) -> Option<Decoded<'_>> {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest),
        [0xFF, 0xFE, rest @ ..] => Some(utf16(rest, u16::from_le_bytes)),
        [0xFE, 0xFF, rest @ ..] => Some(utf16(rest, u16::from_be_bytes)),
        // without a mark, four ASCII characters in a row tell
        [1..=127, 0, 1..=127, 0, 1..=127, 0, 1..=127, 0, ..] => Some(utf16(bytes, u16::from_le_bytes)),
        [0, 1..=127, 0, 1..=127, 0, 1..=127, 0, 1..=127, ..] => Some(utf16(bytes, u16::from_be_bytes)),
        _ => utf8(bytes),
    }
}

fn utf8(bytes: &[u8]) -> Option<Decoded<'_>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(Decoded { text: Cow::Borrowed(text), error: None }),
        Err(_) if !looks_like_text(bytes) => None,
        Err(error) => {
            let error = Error::new(ErrorKind::Malformed, "not UTF-8").at_byte(error.valid_up_to() as u64);
            Some(Decoded { text: String::from_utf8_lossy(bytes), error: Some(error) })
        }
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Decoded<'static> {
    let units = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok().map(unit));
    let (mut text, mut error) = (String::with_capacity(bytes.len() / 2), None);
    for (i, decoded) in char::decode_utf16(units).enumerate() {
        if decoded.is_err() && error.is_none() {
            error = Some(Error::new(ErrorKind::Malformed, "malformed UTF-16").at_byte(i as u64 * 2));
        }
        text.push(decoded.unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    Decoded { text: Cow::Owned(text), error }
}

/// Whether bytes that are not UTF-8 are text in another encoding, e.g. Latin-1, rather than binary data.
fn looks_like_text(bytes: &[u8]) -> bool {
    let head = bytes.get(..4096).unwrap_or(bytes);
    let controls = head.iter().filter(|b| b.is_ascii_control() && !b"\t\n\r\x0c\x1b".contains(b)).count();
    let foreign = head.iter().filter(|b| !b.is_ascii()).count();
    !head.contains(&0) && controls <= head.len() / CONTROL_SHARE && foreign <= head.len() / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings() {
        let utf16 = |order: fn(u16) -> [u8; 2]| "{\"ä\": 1}".encode_utf16().flat_map(order).collect::<Vec<u8>>();
        for bytes in
            [b"\xEF\xBB\xBF{\"\xC3\xA4\": 1}".to_vec(), [b"\xFF\xFE".to_vec(), utf16(u16::to_le_bytes)].concat()]
        {
            assert_eq!(decode(&bytes).unwrap().text, "{\"ä\": 1}");
        }
        let plain = "{\"a\": 1}".encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
        assert_eq!(decode(&plain).unwrap().text, "{\"a\": 1}");
    }

    #[test]
    fn latin_1_is_text_with_an_error_and_binary_is_not_text() {
        let latin = decode(b"name: Jos\xE9 the first of his kind\n").unwrap();
        assert_eq!(latin.error.unwrap().byte, Some(9));
        assert!(latin.text.contains("the first"));
        assert!(decode(b"\x80\x04\x95\x00\x00\xff\xfe").is_none());
    }
}
