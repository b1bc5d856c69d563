//! Addresses: where one begins and ends, whether its host deceives, and whether it carries data out.

mod carry;
pub(super) mod host;
mod judge;

use std::ops::Range;

use self::judge::Judge;
use super::anchors::Owner;
use super::hay::{Hay, is_word};
use crate::asset::{Match, Severity, TextRole};

const DATA: &str = include_str!("../../../../data/text/sensitive/links.toml");

/// The longest address that is read, in bytes.
const LONGEST: usize = 2048;

/// The literals that announce addresses.
pub(super) fn anchors() -> impl Iterator<Item = (String, Owner)> {
    let address = ["://", "www."].map(|a| (a.to_owned(), Owner::Address));
    let markup = ["](", "]: http", "src=", "href=", "url("].map(|a| (a.to_owned(), Owner::Markup));
    address.into_iter().chain(markup)
}

/// The detectors of deceptive addresses and of addresses that carry data out.
#[derive(Debug)]
pub(super) struct Links {
    judge: Judge,
}

impl Links {
    pub(super) fn new() -> Result<Self, toml::de::Error> {
        Ok(Self { judge: Judge::parse(DATA)? })
    }

    /// Reads the address around `anchor`, pushes what it is and what is wrong with it, and gives both it and its authority.
    pub(super) fn address(
        &self,
        hay: Hay<'_>,
        anchor: Range<usize>,
        matches: &mut Vec<Match>,
    ) -> Option<(Range<usize>, Range<usize>)> {
        let scheme = hay.at(anchor.start) == b':';
        let start = if scheme {
            hay.run_back(anchor.start, 16, |b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-'))
        } else if is_word(hay.before(anchor.start)) || matches!(hay.before(anchor.start), b'/' | b'.' | b'@' | b'-') {
            return None;
        } else {
            anchor.start
        };
        let from = if scheme { anchor.end } else { anchor.start };
        if start == anchor.start && scheme {
            return None;
        }
        let span = start..end(hay, from);
        let authority = from..hay
            .run(from, LONGEST, |b| {
                !matches!(b, b'/' | b'?' | b'#') && (b > b' ') && !matches!(b, b'"' | b'<' | b'>' | b'\'' | b'`')
            })
            .min(span.end.max(from));
        let user = hay.get(authority.clone()).rfind('@');
        let named = user.map_or(authority.start, |i| authority.start + i + 1);
        let host = named..host::end(hay, named).min(authority.end);
        let (name, path) = (hay.get(host.clone()), hay.get(host.end..span.end));
        let web = !scheme
            || hay.window(start, 4).eq_ignore_ascii_case("http")
            || hay.window(start, 3).eq_ignore_ascii_case("ftp");
        if !web {
            return Some((span, authority));
        }
        if host::is_public(name) {
            matches.push(Match::new("pii", "URL", "URL", 0.5, Severity::Info, span.clone()));
        }
        let verdict = disguised(hay, user, authority.start, name)
            .or_else(|| self.judge.host(name, path).map(|v| (v.kind, v.rule, v.score)));
        if let Some((kind, rule, score)) = verdict {
            matches.push(phishing(kind, rule, score, span.clone()));
        }
        Some((span, authority))
    }

    /// Reads host names that stand without a scheme, and those of e-mail addresses, from `read` on, until one cannot be
    /// settled; gives where the dot of that one stands.
    pub(super) fn bare(&self, hay: Hay<'_>, read: &mut usize, matches: &mut Vec<Match>) -> Option<usize> {
        while let Some(next) = hay.bytes().get(*read..).and_then(|rest| memchr::memchr(b'.', rest)) {
            let dot = *read + next;
            let (end, found) = self.bare_name(hay, dot, *read);
            if hay.looked_past() {
                *read = dot;
                return Some(dot);
            }
            matches.extend(found);
            *read = end;
        }
        *read = hay.len();
        None
    }

    /// Where to go on after the host name around `dot`, and what is wrong with it. It does not reach before `floor`.
    fn bare_name(&self, hay: Hay<'_>, dot: usize, floor: usize) -> (usize, Option<Match>) {
        let next = hay.at(dot + 1);
        if !is_word(hay.before(dot)) || !next.is_ascii_alphanumeric() && next < 0x80 {
            return (dot + 1, None);
        }
        let start = hay.run_back(dot, 64, |b| b.is_ascii_alphanumeric() || b == b'-' || b >= 0x80).max(floor);
        let end = host::end(hay, start);
        let name = hay.get(start..end);
        // After `/` it is a path or an address that is read elsewhere; after `=` or `_`, before `(`, it is code.
        let sign = hay.before(start);
        let code = matches!(sign, b'/' | b'=' | b'_' | b'.' | b'\\' | b'$')
            || matches!(hay.at(end), b'(' | b'_' | b'=' | b'[' | b':');
        let verdict = (!code && (4..=100).contains(&name.len()) && host::is_public(name))
            .then(|| self.judge.host(name, ""))
            .flatten()
            // Without a scheme many a dotted name is none of a host; weak signs need an address or a lone name.
            .filter(|v| (v.score >= 0.8 && v.rule != "lure-words") || sign == b'@' || hay.lone(&(start..end)));
        let found = verdict.map(|v| phishing(v.kind, v.rule, v.score, start..end));
        (end.max(dot + 1), found)
    }

    /// Reads the address in a Markdown or HTML link or image whose markup begins at `anchor`.
    /// Gives where the next markup may begin.
    pub(super) fn markup(&self, hay: Hay<'_>, anchor: Range<usize>, role: TextRole, matches: &mut Vec<Match>) -> usize {
        let Some(span) = carry::address(hay, &anchor) else { return anchor.start };
        let end = span.end;
        if let Some((kind, rule, score)) = carry::carries(hay, &anchor, &span, role) {
            matches.push(Match::new("exfiltration", kind, rule, score, Severity::High, span));
        }
        end
    }
}

/// A host hidden behind user information, or an IP address in disguise.
fn disguised(hay: Hay<'_>, user: Option<usize>, start: usize, host: &str) -> Option<(&'static str, &'static str, f64)> {
    let user = user.map_or("", |i| hay.get(start..start + i));
    if host::is_public(user.split(':').next().unwrap_or("")) {
        return Some(("PHISHING_URL", "host-in-user-info", 0.9));
    }
    let number = !host.is_empty() && host.bytes().all(|b| b.is_ascii_digit()) && host.len() >= 8;
    let hex = host.starts_with("0x") && host.len() >= 6;
    (number || hex).then_some(("PHISHING_URL", "disguised-ip", 0.9))
}

fn phishing(kind: &'static str, rule: &'static str, score: f64, span: Range<usize>) -> Match {
    let severity = match kind {
        "DISPOSABLE_DOMAIN" => Severity::Low,
        _ if score >= 0.8 => Severity::High,
        _ => Severity::Medium,
    };
    Match::new("phishing", kind, rule, score, severity, span)
}

/// The end of the address that goes on at `from`: no blank, quote or bracket, and not the punctuation after it.
pub(super) fn end(hay: Hay<'_>, from: usize) -> usize {
    let stop = hay
        .run(from, LONGEST, |b| b > b' ' && b != 0x7f && !matches!(b, b'"' | b'<' | b'>' | b'`' | b'|' | b'\\' | b'^'));
    let text = hay.window(from, stop - from);
    let text = text
        .split(|c: char| c.is_whitespace() || matches!(c, '，' | '。' | '」' | '）' | '“' | '”' | '»'))
        .next()
        .unwrap_or("");
    let unclosed =
        |open: u8, close: u8| text.bytes().fold(0isize, |n, b| n + isize::from(b == open) - isize::from(b == close));
    // What a closing bracket closes decides whether it belongs to the address or to the text around it.
    let mut open = [(b')', unclosed(b'(', b')')), (b']', unclosed(b'[', b']')), (b'}', unclosed(b'{', b'}'))];
    let mut len = text.len();
    while let Some(&last) = text.as_bytes().get(..len).and_then(<[u8]>::last) {
        let bracket = open.iter_mut().find(|(close, n)| *close == last && *n < 0);
        if let Some((_, n)) = bracket {
            *n += 1;
        } else if !matches!(last, b'.' | b',' | b';' | b':' | b'!' | b'?' | b'\'' | b'*' | b'_') {
            break;
        }
        len -= 1;
    }
    from + len
}
