//! Host names: where one ends, whether it can be public, its registrable part.

use std::borrow::Cow;

use super::super::hay::Hay;
use super::suffix;

/// The longest name in the DNS; UTF-8 of an internationalised one may take more, so this is generous.
const LONGEST: usize = 253;

/// Where the host name that begins at `start` ends, without a closing dot or hyphen.
pub(in super::super) fn end(hay: Hay<'_>, start: usize) -> usize {
    let stop = hay.run(start, LONGEST, |b| b.is_ascii_alphanumeric() || b >= 0x80 || matches!(b, b'-' | b'.'));
    start + cut(hay.window(start, stop - start)).len()
}

/// The host name that `text` begins with. A non-ASCII sign that is no letter (a full-width comma, a dash) ends it;
/// combining marks, signs that are not seen and full stops of other scripts before a letter belong to it.
pub(super) fn cut(text: &str) -> &str {
    let ascii = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')).count();
    let mut stop = ascii;
    let rest = text.get(ascii..).unwrap_or("");
    if rest.as_bytes().first().is_some_and(|b| *b >= 0x80) {
        let mut signs = rest.char_indices().peekable();
        while let Some((i, c)) = signs.next() {
            let inside = c.is_ascii_alphanumeric()
                || matches!(c, '-' | '.' | '_' | '\u{300}'..='\u{36f}')
                || (!c.is_ascii() && c.is_alphanumeric())
                || (matches!(c, '。' | '．' | '｡' | '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
                    && signs
                        .peek()
                        .is_some_and(|(_, next)| next.is_ascii_alphanumeric() || ('ａ'..='ｚ').contains(next)));
            if !inside {
                break;
            }
            stop = ascii + i + c.len_utf8();
        }
    }
    let text = text.get(..stop).unwrap_or("");
    let twice = text.as_bytes().windows(2).position(|two| two == b"..");
    let text = twice.and_then(|cut| text.get(..cut)).unwrap_or(text);
    text.trim_end_matches(['.', '-', '_'])
}

/// Whether `host` has at least two well-formed labels and a suffix of the public list.
pub(in super::super) fn is_public(host: &str) -> bool {
    is_formed(host) && may_be_known(host) && is_known(&unicode(host))
}

/// Whether `host` can be known, as [`is_known`] tells of its lower case: what is in plain ASCII takes no memory for that,
/// and what is in lower case has no need to be asked twice.
pub(super) fn may_be_known(host: &str) -> bool {
    let mut lower = [0; LONGEST];
    let mixed = host.is_ascii() && host.bytes().any(|b| b.is_ascii_uppercase()) && !is_encoded(host);
    let Some(lower) = lower.get_mut(..host.len()).filter(|_| mixed) else { return true };
    lower.copy_from_slice(host.as_bytes());
    lower.make_ascii_lowercase();
    str::from_utf8(lower).is_ok_and(|lower| suffix::of(lower).is_some())
}

/// Whether a label is in Punycode.
fn is_encoded(host: &str) -> bool {
    host.as_bytes().windows(4).any(|mark| mark.eq_ignore_ascii_case(b"xn--"))
}

/// Whether `host`, in lower case and Unicode, has well-formed labels and a suffix of the public list.
pub(super) fn is_known(host: &str) -> bool {
    is_formed(host) && suffix::of(host).is_some_and(|suffix| suffix.len() < host.len())
}

fn is_formed(host: &str) -> bool {
    let formed = |l: &str| !l.is_empty() && l.len() <= 63 * 4 && !l.starts_with('-') && !l.ends_with('-');
    host.contains('.')
        && host.split('.').all(formed)
        && !host.rsplit('.').next().is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()))
}

/// The name in lower case and Unicode.
pub(in super::super) fn unicode(host: &str) -> Cow<'_, str> {
    let plain = host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_'));
    if !host.is_ascii() || is_encoded(host) {
        Cow::Owned(idna::domain_to_unicode(host).0)
    } else if plain {
        Cow::Borrowed(host)
    } else {
        Cow::Owned(host.to_ascii_lowercase())
    }
}

/// The registrable domain and its leading label: `mail.example.co.uk` gives `example.co.uk` and `example`. What ends in no
/// domain counts as if its last label were one.
pub(in super::super) fn registrable(host: &str) -> Option<(&str, &str)> {
    let suffix = suffix::of(host).or_else(|| host.rsplit('.').next())?;
    let label = host.strip_suffix(suffix)?.strip_suffix('.')?.rsplit('.').next().filter(|label| !label.is_empty())?;
    Some((host.get(host.len() - suffix.len() - 1 - label.len()..)?, label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_where_they_should_and_need_a_public_suffix() {
        let hay = Hay::new("mail.example.co.uk., and");
        assert_eq!(hay.get(0..end(hay, 0)), "mail.example.co.uk");
        for (text, host) in
            [("例え.jp，そして", "例え.jp"), ("a.example。そ", "a.example"), ("a。example。", "a。example"), ("", "")]
        {
            assert_eq!(cut(text), host);
        }
        for (host, public) in [
            ("example.com", true),
            ("xn--d1acufc.xn--p1ai", true),
            ("presidio", false),
            ("a.notatld", false),
            ("co.uk", false),
            ("1.2.3.4", false),
        ] {
            assert_eq!(is_public(host), public, "{host}");
        }
        for (host, domain) in [
            ("mail.example.co.uk", Some(("example.co.uk", "example"))),
            ("a.b.notatld", Some(("b.notatld", "b"))),
            ("co.uk", None),
            ("..uk", None),
        ] {
            assert_eq!(registrable(host), domain, "{host}");
        }
    }
}
