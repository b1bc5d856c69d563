//! Tests of a secret that its form alone does not settle: checksums and decodable parts.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::super::hay::Hay;
use super::{look, words};

/// How far the body of a private key is read, in bytes.
const KEY: usize = 8192;

/// How far from the end of the text a header, or from its beginning a footer, may stand, in bytes.
const CUT: usize = 24;

/// A further test, named in the data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Check {
    /// The last six characters are the CRC-32 of the thirty before them, in base 62 (GitHub, npm).
    Crc62,
    /// What follows the last `_` is the CRC-32 of what stands before it, in hexadecimal, low byte first (Grafana).
    Crc16,
    /// A macaroon after the prefix: base64 of version 2, a location field and the name of the index.
    Macaroon,
    /// A command that is `curl` or the like stands before.
    Curl,
    /// A JSON header that names an algorithm or a type.
    Jwt,
    /// A body of base64 after the header line.
    Pem,
    /// The text ends after the header, or begins before the footer.
    PemCut,
    /// Base64 of printable text with a colon in it.
    Basic,
    /// Drawn at random, not an identifier or a word.
    Random,
    /// A password that was typed in, not a word for it: the judge's to tell.
    Typed,
    /// No sample's hash: a salt and digest of different characters.
    Hash,
}

impl Check {
    pub(super) fn passes(self, hay: Hay<'_>, span: &Range<usize>) -> bool {
        let text = hay.get(span.clone());
        match self {
            Self::Crc62 => text.rfind('_').and_then(|i| text.get(i + 1..)).is_some_and(crc62),
            Self::Crc16 => text.rsplit_once('_').is_some_and(|(body, sum)| {
                u32::from_str_radix(sum, 16).is_ok_and(|sum| sum.swap_bytes() == crc32(body.as_bytes()))
            }),
            Self::Macaroon => text.split_once('-').is_some_and(|(_, body)| macaroon(body)),
            Self::Curl => hay.follows(span.start, &["curl", "wget", "http"]) && !look::is_template(text),
            Self::Jwt => jwt(text),
            Self::Pem => body(hay, span.end).is_some(),
            Self::PemCut => cut(hay, span),
            Self::Basic => basic(text),
            Self::Random => words::surprise(text) >= 20.0 && !look::is_template(text),
            Self::Typed => true,
            Self::Hash => look::classes(text) >= 3 && !look::is_filler(text),
        }
    }

    /// Whether the test leaves no doubt, whatever the token looks like.
    pub(super) fn proves(self) -> bool {
        matches!(self, Self::Crc62 | Self::Crc16 | Self::PemCut)
    }

    /// The whole of the secret, where `span` is only its beginning.
    pub(super) fn widen(self, hay: Hay<'_>, span: Range<usize>) -> Range<usize> {
        match self {
            Self::Pem => span.start..body(hay, span.end).unwrap_or(span.end),
            _ => span,
        }
    }
}

fn crc62(token: &str) -> bool {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let Some((body, check)) = token.len().checked_sub(6).and_then(|at| token.split_at_checked(at)) else {
        return false;
    };
    let sum = check.bytes().try_fold(0u64, |n, c| Some(n * 62 + ALPHABET.iter().position(|a| *a == c)? as u64));
    sum == Some(u64::from(crc32(body.as_bytes())))
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn jwt(token: &str) -> bool {
    let mut parts = token.split('.');
    let json = |part: Option<&str>| {
        let bytes = URL_SAFE_NO_PAD.decode(part?).ok()?;
        serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes).ok()
    };
    let header =
        json(parts.next()).is_some_and(|h| h.contains_key("alg") || h.contains_key("typ") || h.contains_key("enc"));
    // The published introductory example is no one's token.
    header && !token.contains("eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJ")
}

/// Whether base64 begins as a version 2 macaroon of the index does: version, location field, its length, its name.
fn macaroon(encoded: &str) -> bool {
    let head = encoded.get(..24).and_then(|h| URL_SAFE_NO_PAD.decode(h).ok());
    let named = |b: &[u8], name: &[u8]| {
        b.strip_prefix(&[2, 1, name.len() as u8][..]).is_some_and(|field| field.starts_with(name))
    };
    head.is_some_and(|b| named(&b, b"pypi.org") || named(&b, b"test.pypi.org"))
}

/// Whether the text ends soon after a header, or begins shortly before a footer: a part of a key.
fn cut(hay: Hay<'_>, span: &Range<usize>) -> bool {
    let footer = hay.get(span.clone()).contains("END");
    let near = if footer { hay.begins_within(span.start, CUT) } else { hay.window(span.end, CUT + 1).len() <= CUT };
    near && !hay.window_before(span.start, 64).contains(['(', '?', '/', '#', '^'])
}

fn basic(encoded: &str) -> bool {
    let decoded = STANDARD_NO_PAD.decode(encoded.trim_end_matches('='));
    decoded.is_ok_and(|d| d.contains(&b':') && d.iter().all(|b| b.is_ascii_graphic() || *b == b' '))
}

/// The end of the key material after a header that ends at `end`, if there is any.
fn body(hay: Hay<'_>, end: usize) -> Option<usize> {
    let rest = hay.window(end, KEY);
    let stop = rest.find("-----").map(|i| {
        let line = rest.get(i + 5..).filter(|r| r.starts_with("END")).and_then(|r| r.find("-----"));
        (i, line.map_or(i, |n| i + 5 + n + 5))
    });
    let inside = stop.map_or(rest, |(i, _)| rest.get(..i).unwrap_or(""));
    let mut material = inside
        .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')))
        .filter(|run| run.len() >= 16);
    let total = material.next().filter(|run| words::surprise(run) >= 12.0).map_or(0, str::len);
    (total >= 16).then(|| end + stop.map_or_else(|| inside.trim_end().len().min(2048), |(_, n)| n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grafana_and_index_tokens_carry_theirs() {
        let body = format!("glsa_{}", "Q7wE2rT9yU4iO1pA6sD3fG8hJ5kL0zXc");
        let sum = crc32(body.as_bytes()).swap_bytes();
        let fits = |text: &str| Check::Crc16.passes(Hay::new(text), &(0..text.len()));
        assert!(fits(&format!("{body}_{sum:08x}")) && !fits(&format!("{body}_{:08x}", sum ^ 1)));
        assert!(macaroon("AgEIcHlwaS5vcmcCJDAwMDAwMDAw") && !macaroon("AgEIcHlwaS5jb20CJDAwMDAwMDAw"));
    }

    #[test]
    fn a_github_token_carries_its_checksum() {
        let body = "Ab3dEf6hIj9lMn2pQr5tUv8xYz1Bc4";
        let mut sum = u64::from(crc32(body.as_bytes()));
        let mut tail = Vec::new();
        for _ in 0..6 {
            tail.push(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[(sum % 62) as usize]);
            sum /= 62;
        }
        tail.reverse();
        let token = format!("ghp_{body}{}", String::from_utf8(tail).unwrap());
        let fits = |text: &str| Check::Crc62.passes(Hay::new(text), &(0..text.len()));
        assert!(fits(&token));
        assert!(!fits(&token.replace("Ab3", "Ab4")));
    }
}
