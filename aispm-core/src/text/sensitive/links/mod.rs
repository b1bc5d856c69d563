//! Addresses: where one begins and ends, whether its host deceives, and whether it carries data out.

mod address;
mod carry;
pub(super) mod host;
mod judge;
mod list;
pub(super) mod lure;
mod names;
mod skeleton;
mod suffix;

use std::ops::Range;

use serde::Deserialize;

use self::address::Address;
use self::carry::{Carry, Marked};
use self::judge::{Judge, Place, Verdict};
pub use self::list::{HostList, HostLists};
use super::anchors::Owner;
use super::hay::{Hay, is_word};
use crate::asset::{Match, Severity, TextRole};

const DATA: &str = include_str!("../../../../data/text/sensitive/links.toml");

/// The longest address that is read, in bytes.
const LONGEST: usize = 2048;

/// The literals that announce addresses.
pub(super) fn anchors() -> impl Iterator<Item = (String, Owner)> {
    let address = ["://", "www.", "http:", "https:"].map(|a| (a.to_owned(), Owner::Address));
    let scripts = ["](javascript:", "](vbscript:", "](data:text/html"].map(|a| (a.to_owned(), Owner::Script));
    let markup = carry::ANCHORS.iter().map(|a| ((*a).to_owned(), Owner::Markup));
    address.into_iter().chain(scripts).chain(markup)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    hosts: judge::Data,
    carry: Carry,
}

/// The detectors of deceptive addresses and of addresses that carry data out.
#[derive(Debug)]
pub(super) struct Links {
    judge: Judge,
    carry: Carry,
}

/// What was read at an address.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) span: Range<usize>,
    pub(super) authority: Range<usize>,
    /// It leads where the reader cannot see: deceptive, shortened, or on a host that anyone may have.
    pub(super) veiled: bool,
}

impl Links {
    pub(super) fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let data: Data = toml::from_str(DATA)?;
        Ok(Self { judge: Judge::new(data.hosts)?, carry: data.carry })
    }

    /// Reads the address around `anchor` and pushes what it is and what is wrong with it; `in_lure` if it stands in what
    /// may become a lure.
    pub(super) fn address(
        &self,
        hay: Hay<'_>,
        anchor: Range<usize>,
        lists: &HostLists,
        in_lure: bool,
        matches: &mut Vec<Match>,
    ) -> Option<Found> {
        let (start, from) = match hay.at(anchor.start) {
            b':' => {
                let start = hay.run_back(anchor.start, 16, |b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-'));
                (start < anchor.start).then_some((start, anchor.end))?
            }
            b'h' | b'H' => {
                // Browsers take a backslash for a slash, and none for two; what is written plainly has its own anchor.
                let odd = !hay.window(anchor.end, 2).starts_with("//") && !is_word(hay.before(anchor.start));
                let next = hay.at(anchor.end);
                (odd && (next.is_ascii_alphanumeric() || matches!(next, b'/' | b'\\')))
                    .then_some((anchor.start, anchor.end))?
            }
            _ if is_word(hay.before(anchor.start)) || matches!(hay.before(anchor.start), b'/' | b'.' | b'@' | b'-') => {
                return None;
            }
            _ => (anchor.start, anchor.start),
        };
        let slashes = hay.run(from, 8, |b| matches!(b, b'/' | b'\\'));
        let span = start..end(hay, slashes);
        let address = Address::read(hay.get(slashes..span.end));
        let authority = slashes..slashes + address.end;
        let begins = |scheme: &str| hay.window(start, scheme.len()).eq_ignore_ascii_case(scheme);
        if !(from == anchor.start || begins("http") || begins("ftp")) {
            return Some(Found { span, authority, veiled: false });
        }
        if host::is_known(&address.host) {
            matches.push(Match::new("pii", "URL", "URL", 0.5, Severity::Info, span.clone()));
        }
        let verdict = self.judge.address(&address, lists);
        if let Some(verdict) = verdict {
            matches.push(phishing(verdict, span.clone()));
        }
        let veiled = verdict.is_some() || (in_lure && self.judge.is_veiled(&address));
        Some(Found { span, authority, veiled })
    }

    /// Reads host names that stand without a scheme, and those of e-mail addresses, from `read` on, until one cannot be
    /// settled; gives where the dot of that one stands.
    pub(super) fn bare(
        &self,
        hay: Hay<'_>,
        lists: &HostLists,
        read: &mut usize,
        matches: &mut Vec<Match>,
    ) -> Option<usize> {
        while let Some(next) = hay.bytes().get(*read..).and_then(|rest| memchr::memchr(b'.', rest)) {
            let dot = *read + next;
            let (end, found) = self.bare_name(hay, lists, dot, *read);
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
    fn bare_name(&self, hay: Hay<'_>, lists: &HostLists, dot: usize, floor: usize) -> (usize, Option<Match>) {
        let next = hay.at(dot + 1);
        if !is_word(hay.before(dot)) || !next.is_ascii_alphanumeric() && next < 0x80 {
            return (dot + 1, None);
        }
        let start = hay.run_back(dot, 64, |b| b.is_ascii_alphanumeric() || b == b'-' || b >= 0x80).max(floor);
        let start = hay.whole(start);
        let end = host::end(hay, start);
        let verdict = self.bare_verdict(hay, lists, &(start..end));
        (end.max(dot + 1), verdict.map(|verdict| phishing(verdict, start..end)))
    }

    fn bare_verdict(&self, hay: Hay<'_>, lists: &HostLists, span: &Range<usize>) -> Option<Verdict> {
        let name = hay.get(span.clone());
        // After `/` it is a path or an address that is read elsewhere; after `=` or `_`, before `(`, it is code.
        let sign = hay.before(span.start);
        if matches!(sign, b'/' | b'=' | b'_' | b'.' | b'\\' | b'$')
            || matches!(hay.at(span.end), b'(' | b'_' | b'=' | b'[' | b':')
            || !(4..=100).contains(&name.len())
        {
            return None;
        }
        let place = match sign {
            b'@' => Place::Mail,
            _ if hay.lone(span) => Place::Bare,
            _ => Place::Web,
        };
        // Of a name in prose only a brand in disguise tells, and that takes some letters.
        if place == Place::Web && lists.blocked.is_empty() && !name.split('.').any(|l| l.len() >= 4) {
            return None;
        }
        if !host::may_be_known(name) {
            return None;
        }
        let name = host::unicode(name);
        if !host::is_known(&name) || lists.allowed.contains(&name) {
            return None;
        }
        if lists.blocked.contains(&name) {
            return Some(Verdict { kind: "PHISHING_URL", rule: "block-list", score: 0.95 });
        }
        // Without a scheme many a dotted name is none of a host; weak signs need an address or a lone name.
        let sure = |v: &Verdict| place != Place::Web || (v.score >= 0.8 && v.rule != "lure-words");
        self.judge.host(&name, "", place).filter(sure)
    }

    /// Reads the address in a Markdown or HTML link or image whose markup begins at `anchor`.
    /// Gives where the next markup may begin.
    pub(super) fn markup(
        &self,
        hay: Hay<'_>,
        anchor: Range<usize>,
        role: TextRole,
        lists: &HostLists,
        matches: &mut Vec<Match>,
    ) -> usize {
        let Some(marked) = Marked::find(hay, &anchor) else { return anchor.start };
        let end = marked.span.end;
        let address = marked.address();
        if lists.allowed.contains(&address.host) {
            return end;
        }
        if let Some(v) = self.carry.judge(hay, &anchor, &marked, &address, role) {
            matches.push(Match::new("exfiltration", v.kind, v.rule, v.score, Severity::High, marked.span.clone()));
        }
        if marked.is_unusual()
            && let Some(verdict) = self.judge.address(&address, lists)
        {
            matches.push(phishing(verdict, marked.span));
        }
        end
    }

    /// A Markdown link that runs a script or opens a page of its own making.
    pub(super) fn script(hay: Hay<'_>, anchor: Range<usize>, matches: &mut Vec<Match>) {
        let start = anchor.start + "](".len();
        let end = hay.run(start, 256, |b| !matches!(b, b')' | b'\n' | b' '));
        let verdict = Verdict { kind: "PHISHING_URL", rule: "script-in-link", score: 0.8 };
        matches.push(phishing(verdict, start..start + hay.window(start, end - start).len()));
    }
}

fn phishing(verdict: Verdict, span: Range<usize>) -> Match {
    let severity = match verdict.kind {
        "DISPOSABLE_DOMAIN" => Severity::Low,
        _ if verdict.score >= 0.8 => Severity::High,
        _ => Severity::Medium,
    };
    Match::new("phishing", verdict.kind, verdict.rule, verdict.score, severity, span)
}

/// The end of the address that goes on at `from`: no blank, quote or bracket, and not the punctuation after it.
pub(super) fn end(hay: Hay<'_>, from: usize) -> usize {
    let keep = |b: u8| b > b' ' && b != 0x7f && !matches!(b, b'"' | b'<' | b'>' | b'`' | b'|' | b'\\' | b'^');
    let mut stop = hay.run(from, LONGEST, keep);
    if hay.at(stop) == b'\\' && hay.at(stop + 1) == b'@' {
        stop = hay.run(stop + 1, LONGEST, keep);
    }
    let text = hay.window(from, stop - from);
    let ends = |(i, c): (usize, char)| match c {
        // A full stop of another script may stand in a host.
        '。' => !text.as_bytes().get(i + c.len_utf8()).is_some_and(u8::is_ascii_alphanumeric),
        '，' | '」' | '）' | '“' | '”' | '»' => true,
        c => c.is_whitespace(),
    };
    let text = if text.is_ascii() {
        text
    } else {
        text.char_indices().find(|c| ends(*c)).and_then(|(i, _)| text.get(..i)).unwrap_or(text)
    };
    // What a closing bracket closes decides whether it belongs to the address or to the text around it: how many of
    // its kind are open is counted only where one ends the text.
    let mut open = [(b'(', b')', None), (b'[', b']', None), (b'{', b'}', None)];
    let mut len = text.len();
    while let Some(&last) = text.as_bytes().get(..len).and_then(<[u8]>::last) {
        let bracket = open.iter_mut().find(|(_, close, _)| *close == last);
        if let Some((open, close, left)) = bracket {
            let count = || text.bytes().fold(0_isize, |n, b| n + isize::from(b == *open) - isize::from(b == *close));
            let left = left.get_or_insert_with(count);
            if *left >= 0 {
                break;
            }
            *left += 1;
        } else if !matches!(last, b'.' | b',' | b';' | b':' | b'!' | b'?' | b'\'' | b'*' | b'_') {
            break;
        }
        len -= 1;
    }
    from + len
}
