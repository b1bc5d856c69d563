//! Tests of a secret that its form alone does not settle: checksums and decodable parts.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::super::hay::Hay;
use super::look;

/// How far the body of a private key is read, in bytes.
const KEY: usize = 8192;

/// A further test, named in the data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Check {
    /// A CRC-32 of the first thirty characters, in base 62, as the last six (GitHub's published format).
    Github,
    /// A user and a password on a command that is `curl` or the like.
    Curl,
    /// A JSON header that names an algorithm or a type.
    Jwt,
    /// A body of base64 after the header line.
    Pem,
    /// Base64 of printable text with a colon in it.
    Basic,
    /// Not an identifier or a word.
    Bearer,
}

impl Check {
    pub(super) fn passes(self, hay: Hay<'_>, span: &Range<usize>) -> bool {
        let text = hay.get(span.clone());
        match self {
            Self::Github => github(text),
            Self::Curl => {
                hay.follows(span.start, &["curl", "wget", "http"])
                    && !text.rsplit(':').next().is_some_and(look::is_placeholder)
            }
            Self::Jwt => jwt(text),
            Self::Pem => body(hay, span.end).is_some(),
            Self::Basic => text.get(6..).is_some_and(basic),
            Self::Bearer => text.get(7..).is_some_and(|t| {
                look::classes(t) >= 2 && t.bytes().any(|b| b.is_ascii_digit()) && !look::is_placeholder(t)
            }),
        }
    }

    /// The whole of the secret, where `span` is only its beginning.
    pub(super) fn widen(self, hay: Hay<'_>, span: Range<usize>) -> Range<usize> {
        match self {
            Self::Pem => span.start..body(hay, span.end).unwrap_or(span.end),
            _ => span,
        }
    }
}

fn github(token: &str) -> bool {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let Some((body, check)) = token.get(4..).and_then(|t| t.split_at_checked(30)) else { return false };
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
    let material = inside
        .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')))
        .filter(|run| run.len() >= 16);
    let total: usize = material.map(str::len).sum();
    (total >= 16).then(|| end + stop.map_or_else(|| inside.trim_end().len().min(2048), |(_, n)| n))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(github(&token));
        assert!(!github(&token.replace("Ab3", "Ab4")));
    }
}
