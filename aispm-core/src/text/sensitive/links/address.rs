//! An address as a browser reads it (the URL standard of the WHATWG), which is not always as people do.

use std::borrow::Cow;

use super::host;

/// The parts of a web address. Borrowed from the text wherever it is written plainly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address<'t> {
    /// What stands before the last `@` of the authority.
    pub(super) user: &'t str,
    /// The host in lower case and Unicode, without a closing dot.
    pub(super) host: Cow<'t, str>,
    pub(super) port: &'t str,
    /// Path, query and fragment.
    pub(super) rest: &'t str,
    /// Where the authority ends.
    pub(super) end: usize,
    /// What of the spelling serves to deceive.
    pub(super) trick: Option<&'static str>,
}

impl<'t> Address<'t> {
    /// Reads `text`, which begins behind the scheme and its colon. Linear.
    pub(super) fn read(text: &'t str) -> Self {
        let after = text.trim_start_matches(['/', '\\']);
        let length = after.find(['/', '?', '#', '\\']).unwrap_or(after.len());
        let (authority, rest) = after.split_at_checked(length).unwrap_or((after, ""));
        let end = text.len() - rest.len();
        let (user, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (written, port) = match place.strip_prefix('[').and_then(|p| p.split_once(']')) {
            Some((v6, port)) => (v6, port.strip_prefix(':').unwrap_or("")),
            None => place.split_once(':').unwrap_or((place, "")),
        };
        let written = if written.contains('%') || place.starts_with('[') { written } else { host::cut(written) };
        let host = read_host(written);
        let trick = trick(user, written, &host, rest);
        Self { user, host, port, rest, end, trick }
    }

    /// The host as an IPv4 address, however it is written.
    pub(super) fn ipv4(&self) -> Option<std::net::Ipv4Addr> {
        ipv4(&self.host)
    }
}

/// Percent codes decoded, then mapped as the DNS wants it, and back to Unicode.
fn read_host(written: &str) -> Cow<'_, str> {
    if !written.contains('%') {
        return host::unicode(written);
    }
    let mut bytes = Vec::with_capacity(written.len());
    let mut rest = written.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail.first_chunk::<2>().filter(|_| first == b'%');
        let value = code.and_then(|c| u8::from_str_radix(std::str::from_utf8(c).ok()?, 16).ok());
        bytes.push(value.unwrap_or(first));
        rest = tail.get(if value.is_some() { 2 } else { 0 }..).unwrap_or_default();
    }
    let decoded = String::from_utf8_lossy(&bytes);
    // Other signs are none of a host: browsers refuse the address.
    let whole = host::cut(&decoded).len() == decoded.len();
    if whole { Cow::Owned(host::unicode(&decoded).into_owned()) } else { Cow::Borrowed(host::cut(written)) }
}

fn trick(user: &str, written: &str, host: &str, rest: &str) -> Option<&'static str> {
    let plain = |u: &str| u.bytes().all(|b| b.is_ascii_alphanumeric() || b >= 0x80 || matches!(b, b'.' | b'-'));
    let shown = user.split(':').next().unwrap_or("");
    if !shown.is_empty() && plain(shown) && shown.contains('.') && host::is_public(shown) && shown != host {
        return Some("host-in-user-info");
    }
    // Browsers end the host at a backslash, other readers at the `@` behind it.
    let behind = rest.strip_prefix('\\').and_then(|r| r.split(['/', '?', '#']).next());
    if behind.is_some_and(|b| b.strip_prefix('@').is_some_and(|b| b.contains('.'))) {
        return Some("backslash-before-host");
    }
    if written.contains('%') && !written.starts_with(host) && host::is_public(host) {
        return Some("encoded-host");
    }
    let dotted = || {
        written.split('.').count() == 4
            && written.split('.').all(|p| p.parse::<u8>().is_ok() && (p == "0" || !p.starts_with('0')))
    };
    (ipv4(host).is_some() && !dotted()).then_some("disguised-ip")
}

/// The address that a host whose last label is a number means: one to four numbers, decimal, octal or hexadecimal.
fn ipv4(host: &str) -> Option<std::net::Ipv4Addr> {
    if !host.as_bytes().first()?.is_ascii_digit() {
        return None;
    }
    let number = |part: &str| -> Option<u32> {
        let hex = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X"));
        match (hex, part) {
            (Some(""), _) => Some(0),
            (Some(digits), _) => u32::from_str_radix(digits, 16).ok(),
            (None, digits) if digits.len() > 1 && digits.starts_with('0') => u32::from_str_radix(digits, 8).ok(),
            (None, digits) => digits.parse().ok(),
        }
    };
    let mut value = 0_u32;
    let mut parts = host.splitn(5, '.');
    for shift in [24_u32, 16, 8, 0] {
        let part = number(parts.next()?)?;
        let left = parts.clone().next().is_some();
        let fits = if left { part <= 0xff } else { part.checked_shr(shift + 8).unwrap_or(0) == 0 };
        if !fits {
            return None;
        }
        value |= if left { part << shift } else { part };
        if !left {
            return Some(value.into());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_are_read_as_browsers_read_them() {
        for (text, host) in [
            ("//example.com/a", "example.com"),
            ("\\\\example.com\\a", "example.com"),
            ("example.com", "example.com"),
            ("///example.com", "example.com"),
            ("//good.example@bad.example/", "bad.example"),
            ("//good.example\\@bad.example/", "good.example"),
            ("//a:b@Example.COM:8080?x", "example.com"),
            ("//%65xample.com/", "example.com"),
            ("//ｅｘａｍｐｌｅ．com/", "example.com"),
            ("//example。com./", "example.com"),
            ("//xn--bcher-kva.example/", "bücher.example"),
            ("//[::1]:80/", "::1"),
            ("", ""),
            ("//%", ""),
            ("//example.com%2Fa", "example.com"),
        ] {
            assert_eq!(Address::read(text).host, host, "{text}");
        }
    }

    #[test]
    fn tricks_of_spelling() {
        for (text, trick) in [
            ("//www.example.com@bad.example/", Some("host-in-user-info")),
            ("//www.example.com:443@bad.example/", Some("host-in-user-info")),
            ("//ann:secret@host.example/", None),
            ("//john%40example.com:x@example.com/", None),
            ("//good.example\\@bad.example/", Some("backslash-before-host")),
            ("//%65xample.com/", Some("encoded-host")),
            ("//127.0.0.1/", None),
            ("//2130706433/", Some("disguised-ip")),
            ("//0x7f.1/", Some("disguised-ip")),
            ("//0177.0.0.01/", Some("disguised-ip")),
            ("//0x80.example/", None),
            ("//127.0.0.256/", None),
        ] {
            assert_eq!(Address::read(text).trick, trick, "{text}");
        }
        assert_eq!(Address::read("//017700000001/").ipv4(), Some(std::net::Ipv4Addr::LOCALHOST));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "[a-z0-9.:@/\\\\%\\[\\]x?#。\\PC]{0,60}") {
            let address = Address::read(&text);
            prop_assert!(address.end <= text.len());
        }
    }
}
