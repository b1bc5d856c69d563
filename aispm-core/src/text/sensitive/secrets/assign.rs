//! Values assigned to names: `name = "value"`, `name: value`, `"name": "value"`, `<name>value<`, `--name value`, `name is value`.

use std::ops::Range;

use super::super::hay::{Hay, is_word};
use super::look;

/// How long the rest of a name, and a value, may be.
const NAME: usize = 48;
const VALUE: usize = 256;

/// A value and how it was written.
#[derive(Debug, Clone)]
pub(super) struct Assigned {
    /// The whole name around the anchor.
    pub(super) name: Range<usize>,
    pub(super) value: Range<usize>,
    pub(super) quoted: bool,
    /// Whether the operator makes an unquoted value believable.
    strong: bool,
}

/// What is assigned to the name that `anchor` is part of.
pub(super) fn assigned(hay: Hay<'_>, anchor: &Range<usize>) -> Option<Assigned> {
    let name_byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let start = hay.run_back(anchor.start, NAME, name_byte);
    let end = hay.run(anchor.end, NAME, name_byte);
    let name = start..end;
    let mut at = close(hay, end);
    at = attribute(hay, at);
    // A flag's value stands after a blank.
    let flag = hay.at(start) == b'-' && at > end;
    let (next, strong) = operator(hay, at).or_else(|| {
        (flag || hay.before(end) == b'y' && hay.get(anchor.clone()).ends_with(" by")).then_some((at, flag))
    })?;
    at = hay.run(next, 24, |b| matches!(b, b' ' | b'\t'));
    // A call or a list may stand between: `getenv("X", "value")` is no assignment, `b"value"` and `@"value"` are.
    let prefix = hay.run(at, 2, |b| matches!(b, b'b' | b'r' | b'u' | b'f' | b'@' | b'L' | b'('));
    let (open, quote) = quote(hay, prefix).or_else(|| quote(hay, at)).unwrap_or((at, Quote::None));
    let stop = value_end(hay, open, quote);
    let value = open..stop;
    let quoted = !matches!(quote, Quote::None);
    (stop > open).then_some(Assigned { name, value, quoted, strong })
}

/// Past what closes a name: quotes, a bracket, a type (`: str`), spaces.
fn close(hay: Hay<'_>, end: usize) -> usize {
    let at = hay.run(end, 4, |b| matches!(b, b'"' | b'\'' | b'`' | b']' | b')' | b'\\' | b'?' | b'*'));
    let at = hay.run(at, 40, |b| matches!(b, b' ' | b'\t'));
    let typed = ["str", "String", "string", "&str", "char"]
        .iter()
        .find(|t| hay.get(at..at + 8).strip_prefix(": ").is_some_and(|r| r.starts_with(**t)));
    match typed {
        Some(t) => hay.run(at + 2 + t.len(), 4, |b| b == b' '),
        None => at,
    }
}

/// Past the `value` of `<add key="name" value=`, if that follows.
fn attribute(hay: Hay<'_>, at: usize) -> usize {
    if hay.window(at, 6).eq_ignore_ascii_case("value=") { at + 5 } else { at }
}

/// Past the operator at `at`, and whether it makes an unquoted value believable.
fn operator(hay: Hay<'_>, at: usize) -> Option<(usize, bool)> {
    const SIGNS: &[(&str, bool)] = &[
        ("===", false),
        ("!==", false),
        ("==", false),
        ("!=", false),
        (":=", true),
        ("=>", false),
        ("||=", false),
        ("?=", true),
        ("=", true),
        (":", true),
        (">", true),
        (",", false),
    ];
    let word = |w: &str| hay.window(at, w.len()).eq_ignore_ascii_case(w).then_some((at + w.len(), false));
    SIGNS
        .iter()
        .find(|(sign, _)| hay.window(at, 3).starts_with(sign))
        .map(|(sign, strong)| (at + sign.len(), *strong))
        .or_else(|| word("is "))
        .or_else(|| word("set to "))
        .or_else(|| word("as "))
}

#[derive(Clone, Copy)]
enum Quote {
    None,
    Byte(u8),
    Escaped(u8),
    Entity,
}

fn quote(hay: Hay<'_>, at: usize) -> Option<(usize, Quote)> {
    match (hay.at(at), hay.at(at + 1)) {
        (b'"' | b'\'' | b'`', _) => {
            let sign = hay.at(at);
            let triple = hay.at(at + 1) == sign && hay.at(at + 2) == sign;
            Some((if triple { at + 3 } else { at + 1 }, Quote::Byte(sign)))
        }
        (b'\\', sign @ (b'"' | b'\'')) => Some((at + 2, Quote::Escaped(sign))),
        (b'&', _) if hay.window(at, 6) == "&quot;" => Some((at + 6, Quote::Entity)),
        _ => None,
    }
}

fn value_end(hay: Hay<'_>, open: usize, quote: Quote) -> usize {
    let text = hay.window(open, VALUE);
    let line = text.find(['\n', '\r']).unwrap_or(text.len());
    let text = text.get(..line).unwrap_or("");
    let length = match quote {
        Quote::Byte(sign) => {
            let mut escaped = false;
            text.bytes().position(|b| {
                let ends = b == sign && !escaped;
                escaped = b == b'\\' && !escaped;
                ends
            })
        }
        Quote::Escaped(sign) => text.find(if sign == b'"' { "\\\"" } else { "\\'" }),
        Quote::Entity => text.find("&quot;"),
        Quote::None => {
            let ends = |c: char| {
                c.is_whitespace()
                    || matches!(c, '"' | '\'' | '`' | ',' | ';' | '<' | ')' | '}' | ']' | '\\')
                    || c == '&'
            };
            Some(text.find(ends).unwrap_or(text.len()))
        }
    };
    open + length.unwrap_or(0)
}

/// What the name around an anchor says of the value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// Anything that is typed in, short words too.
    Password,
    /// Something drawn at random.
    Random,
    /// Perhaps something drawn at random.
    Perhaps,
}

/// Whether an assigned value looks like the secret that its name speaks of, and how sure that is.
pub(super) fn judge(hay: Hay<'_>, anchor: &Range<usize>, assigned: &Assigned) -> Option<f64> {
    if !assigned.quoted && !assigned.strong {
        return None;
    }
    let key = hay.get(anchor.clone()).to_ascii_lowercase();
    let name = hay.get(assigned.name.clone()).to_ascii_lowercase();
    let value = hay.get(assigned.value.clone());
    let expect = match key.as_str() {
        "password" | "passwd" | "passwort" | "passphrase" | "pass_phrase" | "pwd" | "passcode" | "userpwd"
        | "identified by" => Expect::Password,
        "pass" | "pw" => {
            let tail = assigned.name.end == anchor.end;
            let head = !hay.before(anchor.start).is_ascii_alphabetic();
            (tail && head).then_some(Expect::Password)?
        }
        "_key" | "-key" | "api" | "nonce" | "salt" | "webhook" | "authorization" => Expect::Perhaps,
        _ => Expect::Random,
    };
    if name_denies(&name, &key) || value == hay.get(assigned.name.clone()) || value.contains("://") {
        return None;
    }
    if !assigned.quoted && look::is_expression(value) {
        return None;
    }
    // In a URL's query and the like only what looks random counts.
    let bits = look::entropy(value);
    let classes = look::classes(value);
    let digits = value.bytes().any(|b| b.is_ascii_digit());
    let spaced = value.contains(char::is_whitespace);
    let length = value.len();
    let ascii = value.bytes().all(|b| b.is_ascii_graphic());
    let random = digits && classes >= 2 && ascii && !look::is_wordy(value);
    let score = match expect {
        Expect::Password => {
            let mixed = classes >= 3 || (classes == 2 && digits);
            let typed = (6..=128).contains(&length) && mixed && digits && bits >= 2.2;
            let marked =
                assigned.quoted && length >= 8 && mixed && classes >= 3 && !look::is_wordy(value) && bits >= 2.5;
            (!spaced && (typed || marked) && !shaped(value)).then_some(if bits >= 3.0 { 0.7 } else { 0.55 })
        }
        Expect::Random => {
            let least = if length >= 20 { 3.0 } else { 2.7 };
            let long = !spaced && length >= 24 && classes >= 2 && bits >= 3.8 && !look::is_wordy(value);
            let hex = value.bytes().all(|b| b.is_ascii_hexdigit()) && length >= 16 && digits && bits >= 2.7;
            let sound = random && length >= 10 && bits >= least;
            (!spaced && ascii && (sound || long || hex) && !shaped(value)).then_some(if length >= 20 {
                0.7
            } else {
                0.55
            })
        }
        Expect::Perhaps => (!spaced
            && random
            && length >= 16
            && classes >= 3
            && bits >= 3.3
            && !shaped(value)
            && !look::is_uuid(value)
            && assigned.quoted)
            .then_some(0.5),
    };
    score.filter(|_| !look::is_placeholder(value))
}

/// Names that hold words about a secret and not the secret.
fn name_denies(name: &str, key: &str) -> bool {
    const ENDS: &[&str] = &[
        "_id",
        "-id",
        ".id",
        "_name",
        "-name",
        "name",
        "_url",
        "url",
        "uri",
        "_path",
        "path",
        "_file",
        "file",
        "_type",
        "type",
        "_label",
        "_hash",
        "hash",
        "_field",
        "_length",
        "_len",
        "_count",
        "_regex",
        "_pattern",
        "_placeholder",
        "_policy",
        "_reset",
        "_expiry",
        "expires",
        "_expires",
        "_ttl",
        "_prefix",
        "_suffix",
        "_hint",
        "_error",
        "_message",
        "_help",
        "_class",
        "_size",
        "s",
        "_var",
        "_env",
        "_ref",
        "_index",
        "_at",
        "_arn",
        "version",
    ];
    const PARTS: &[&str] = &[
        "public",
        "pubkey",
        "foreign",
        "primary",
        "sort",
        "partition",
        "cache",
        "tokeniz",
        "tokenis",
        "keyboard",
        "monkey",
        "forgot",
        "csrf_exempt",
        "checksum",
        "integrity",
        "sha256",
        "sha1",
        "md5",
        "digest",
        "fingerprint",
    ];
    let rest = name.rsplit_once(key).map_or("", |(_, rest)| rest);
    ENDS.iter().any(|e| rest.ends_with(e)) || PARTS.iter().any(|p| name.contains(p))
}

/// Whether a value has a plain shape of another sort: a version, a date, a number, a path, an address.
fn shaped(value: &str) -> bool {
    let number = value.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b':' | b'/' | b',' | b'+'));
    let path = value.matches('/').count() >= 2 && !value.contains(['+', '=']) && look::entropy(value) < 4.5
        || value.starts_with("./")
        || value.starts_with("~/");
    let mail = value.contains('@')
        && value.contains('.')
        && value.bytes().all(|b| is_word(b) || matches!(b, b'@' | b'.' | b'-'));
    let digest = ["sha256:", "sha1:", "sha512-", "sha256-", "md5:"].iter().any(|p| value.starts_with(p));
    number || path || mail || digest
}
