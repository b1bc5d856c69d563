//! Addresses of the network: e-mail, IP, MAC. Each function takes the position that the scan saw and gives a span.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::super::hay::{Hay, is_unspaced};
use super::super::links::host;

/// The longest local part of an e-mail address (RFC 5321).
const LOCAL: usize = 64;

/// The e-mail address around the `@` at `at`.
pub(super) fn email(hay: Hay<'_>, at: usize) -> Option<Range<usize>> {
    let local = |b: u8| b.is_ascii_alphanumeric() || b >= 0x80 || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    let mut start = hay.whole(hay.run_back(at, LOCAL, local)).min(at);
    // What quotes, assigns or joins is legal in a local part but almost never part of one.
    if let Some(cut) = hay.bytes().get(start..at)?.iter().rposition(|b| b"'=/`{|}$&?*!#^".contains(b)) {
        start += cut + 1;
    }
    start += hay.bytes().get(start..at)?.iter().take_while(|b| matches!(b, b'.' | b'-' | b'%' | b'~')).count();
    let name = hay.get(start..at);
    // An arrow or a full-width sign is no letter: keep what follows the last character that is none. Before a name in
    // ASCII, letters of a script without spaces are another word.
    let ascii = name.ends_with(|c: char| c.is_ascii());
    let keep = name.rfind(|c: char| !c.is_ascii() && !c.is_alphanumeric() || ascii && is_unspaced(c));
    let start =
        keep.map_or(start, |i| start + i + name.get(i..).and_then(|s| s.chars().next()).map_or(0, char::len_utf8));
    if start >= at || hay.before(at) == b'.' || hay.before(start) == b'@' {
        return None;
    }
    let end = host::end(hay, at + 1);
    let host = hay.get(at + 1..end);
    if host::is_public(host) {
        return Some(start..end);
    }
    // Letters of a script without spaces may follow at once.
    let ascii = host.get(..host.find(|c: char| !c.is_ascii())?)?;
    host::is_public(ascii).then_some(start..at + 1 + ascii.len())
}

/// The IPv4 address at `start`, with its prefix length if one follows.
pub(super) fn ipv4(hay: Hay<'_>, start: usize) -> Option<Range<usize>> {
    let before = hay.before(start);
    if before == b'.' || (before == b'-' && hay.joined_before(start - 1)) {
        return None;
    }
    let mut end = hay.run(start, 16, |b| b.is_ascii_digit() || b == b'.');
    if hay.before(end) == b'.' {
        end -= 1;
    }
    if hay.embedded(&(start..end)) {
        return None;
    }
    hay.get(start..end).parse::<Ipv4Addr>().ok()?;
    // `version 1.2.3.4` is none.
    if hay.follows(
        start,
        &[
            "version", "versions", "ver", "release", "section", "sections", "sec", "chapter", "clause", "policy",
            "upgrade", "update", "v8",
        ],
    ) && !hay.follows(start, &["ip", "address", "addr", "host", "server", "from"])
    {
        return None;
    }
    let bits = hay.run(end + 1, 3, |b| b.is_ascii_digit());
    let prefixed =
        hay.at(end) == b'/' && hay.get(end + 1..bits).parse::<u8>().is_ok_and(|n| n <= 32) && !hay.joined_after(bits);
    Some(start..if prefixed { bits } else { end })
}

/// The IPv6 address through the colon at `colon`.
pub(super) fn ipv6(hay: Hay<'_>, colon: usize) -> Option<Range<usize>> {
    let start = hay.run_back(colon, 4, |b| b.is_ascii_hexdigit());
    if hay.joined_before(start) || matches!(hay.before(start), b':' | b'.') {
        return None;
    }
    let mut end = hay.run(colon, 45, |b| b.is_ascii_hexdigit() || b == b':' || b == b'.');
    while matches!(hay.before(end), b'.') || (hay.before(end) == b':' && hay.before(end - 1) != b':') {
        end -= 1;
    }
    if hay.joined_after(end) {
        return None;
    }
    let text = hay.get(start..end);
    let ip = text.parse::<Ipv6Addr>().ok()?;
    let span = start..end;
    let groups = text.split(':').filter(|g| !g.is_empty()).count();
    // `std::de`, `a::b` and `::` are code or nothing: a real address has digits and groups enough, or is spoken of.
    let plausible = (groups >= 3 || text.find(':') == Some(4)) && text.bytes().any(|b| b.is_ascii_digit());
    if !plausible
        && !hay.lone(&(start..end + 4))
        && !hay.near(&span, &["ip", "ipv6", "address", "listen", "route", "gateway", "loopback", "cidr"])
        || (ip.is_unspecified() && hay.at(end) != b'/')
    {
        return None;
    }
    let zone = if hay.at(end) == b'%' { hay.run(end + 1, 16, |b| b.is_ascii_alphanumeric()) } else { end };
    let bits = hay.run(end + 1, 3, |b| b.is_ascii_digit());
    let prefixed = hay.at(end) == b'/' && hay.get(end + 1..bits).parse::<u8>().is_ok_and(|n| n <= 128);
    Some(start..if prefixed { bits } else { zone })
}

/// The MAC address at `start`: six pairs joined by `:` or `-`, or three groups of four joined by dots.
pub(super) fn mac(hay: Hay<'_>, start: usize) -> Option<Range<usize>> {
    let pairs = |sign: u8| {
        (0..17)
            .all(|i| if i % 3 == 2 { hay.at(start + i) == sign } else { hay.at(start + i).is_ascii_hexdigit() })
            .then_some(17)
    };
    let dotted = || {
        (0..14)
            .all(|i| if i % 5 == 4 { hay.at(start + i) == b'.' } else { hay.at(start + i).is_ascii_hexdigit() })
            .then_some(14)
    };
    let end = start + pairs(b':').or_else(|| pairs(b'-')).or_else(dotted)?;
    let joint = |b: u8| matches!(b, b':' | b'-');
    let digits = || hay.get(start..end).bytes().filter(u8::is_ascii_hexdigit).map(|b| b.to_ascii_lowercase());
    let varied = !digits().all(|b| b == b'0') && !digits().all(|b| b == b'f');
    let goes_on = joint(hay.at(end)) && hay.at(end + 1).is_ascii_hexdigit();
    (!(joint(hay.before(start)) || hay.embedded(&(start..end)) || goes_on) && varied).then_some(start..end)
}
