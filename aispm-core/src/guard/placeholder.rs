//! Numbered placeholders, `<EMAIL_ADDRESS_1>`: how they are written, and how they are read after a model had them.

use memchr::memchr3;

/// Longest text that is read as a placeholder, in bytes.
pub(super) const LONGEST: usize = 160;

/// Longest type in a placeholder, in bytes.
const LONGEST_KIND: usize = 64;

/// The type as a placeholder bears it: upper-case ASCII letters and digits, `_` between words.
pub(super) fn kind_name(kind: &str) -> String {
    let mut name = String::with_capacity(kind.len());
    for c in kind.chars().take(LONGEST_KIND) {
        if c.is_ascii_alphanumeric() && !(name.is_empty() && c.is_ascii_digit()) {
            name.push(c.to_ascii_uppercase());
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    name.truncate(name.trim_end_matches('_').len());
    if name.is_empty() { "VALUE".to_owned() } else { name }
}

/// The type within a placeholder's name, if it is one that can be given: `EMAIL_ADDRESS` of `EMAIL_ADDRESS_1`.
pub(super) fn kind_of(name: &str) -> Option<&str> {
    let (kind, number) = name.rsplit_once('_')?;
    let counts = !number.starts_with('0') && number.len() < 10 && number.bytes().all(|c| c.is_ascii_digit());
    (counts && !number.is_empty() && kind_name(kind) == kind).then_some(kind)
}

/// What stands at an opening.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// No placeholder.
    Nothing,
    /// The beginning of one, so far as the text goes; the name as far as it is read.
    Part(String),
    /// One of this name and so many bytes.
    Whole(String, usize),
}

/// Where the next placeholder may begin.
pub(super) fn opening(text: &str) -> Option<usize> {
    memchr3(b'<', b'\\', b'&', text.as_bytes())
}

/// Reads a placeholder at the start of the text as models write it: in any letter case, with spaces inside the
/// brackets, with `-`, `\_` or a space for `_`, with brackets escaped for Markdown (`\<…\>`) or HTML (`&lt;…&gt;`). A
/// backslash before the bracket belongs to it only if more is escaped, as it may stand before any placeholder.
/// O([`LONGEST`]).
pub(super) fn read(text: &str) -> Reading {
    let bytes = text.as_bytes().get(..LONGEST).unwrap_or(text.as_bytes());
    // at the end of the text more may come, at the end of the longest not
    let end = |name: String| if text.len() < LONGEST { Reading::Part(name) } else { Reading::Nothing };
    let starts = |at: usize, what: &[u8]| {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.starts_with(what) { Some(true) } else { what.starts_with(rest).then_some(false) }
    };
    let mut name = String::new();
    let (mut at, backslash) = match bytes.first() {
        Some(b'<') => (1, false),
        Some(b'\\') => match bytes.get(1) {
            Some(b'<') => (2, true),
            Some(_) => return Reading::Nothing,
            None => return end(name),
        },
        Some(b'&') => match starts(0, b"&lt;") {
            Some(true) => (4, false),
            Some(false) => return end(name),
            None => return Reading::Nothing,
        },
        _ => return Reading::Nothing,
    };
    let mut escaped = false;
    let mut gap = None;
    loop {
        let close = match bytes.get(at) {
            None => return end(name),
            Some(c) if c.is_ascii_alphanumeric() => {
                if gap.take().is_some() && !name.is_empty() {
                    name.push('_');
                }
                name.push(char::from(c.to_ascii_uppercase()));
                at += 1;
                continue;
            }
            Some(b' ') => {
                gap = gap.or(Some(b' '));
                at += 1;
                continue;
            }
            Some(c @ (b'_' | b'-')) if !name.is_empty() => {
                gap = Some(*c);
                at += 1;
                continue;
            }
            Some(b'\\') => match bytes.get(at + 1) {
                None => return end(name),
                Some(c @ (b'_' | b'-')) if !name.is_empty() => {
                    (gap, escaped) = (Some(*c), true);
                    at += 2;
                    continue;
                }
                Some(b'>') => {
                    escaped = true;
                    2
                }
                Some(_) => return Reading::Nothing,
            },
            Some(b'>') => 1,
            Some(b'&') => match starts(at, b"&gt;") {
                Some(true) => 4,
                Some(false) => return end(name),
                None => return Reading::Nothing,
            },
            Some(_) => return Reading::Nothing,
        };
        let whole = matches!(gap, None | Some(b' ')) && (escaped || !backslash) && kind_of(&name).is_some();
        return if whole { Reading::Whole(name, at + close) } else { Reading::Nothing };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_types_are_plain() {
        for (kind, name) in [
            ("EMAIL_ADDRESS", "EMAIL_ADDRESS"),
            ("aws-access-key", "AWS_ACCESS_KEY"),
            ("-x--y-", "X_Y"),
            ("2nd", "ND"),
            ("名", "VALUE"),
            ("", "VALUE"),
        ] {
            assert_eq!(kind_name(kind), name);
            assert_eq!(kind_of(&format!("{name}_12")), Some(name));
        }
        for name in ["X", "X_", "X_01", "X_0", "_1", "X__1", "x_1", "X_1234567890", "X_1_"] {
            assert_eq!(kind_of(name), None, "{name}");
        }
    }

    #[test]
    fn what_models_write_is_read() {
        for text in [
            "<EMAIL_ADDRESS_1>",
            "<email_address_1>",
            "< EMAIL ADDRESS 1 >",
            "<Email-Address-1>",
            "\\<EMAIL\\_ADDRESS\\_1\\>",
            "\\<EMAIL_ADDRESS_1\\>",
            "<EMAIL\\_ADDRESS\\_1>",
            "&lt;EMAIL_ADDRESS_1&gt;",
        ] {
            let read_on = |end: &str| read(&format!("{text}{end}"));
            assert_eq!(read_on(" >"), Reading::Whole("EMAIL_ADDRESS_1".to_owned(), text.len()), "{text}");
            for end in 1..text.len() {
                assert!(matches!(read(text.get(..end).unwrap()), Reading::Part(_)), "{text} {end}");
            }
        }
    }

    #[test]
    fn what_is_none_is_not_read() {
        for text in [
            "EMAIL_ADDRESS_1",
            "<EMAIL_ADDRESS>",
            "<EMAIL_ADDRESS_1_>",
            "<_EMAIL_1>",
            "\\<EMAIL_ADDRESS_1>",
            "<h1>",
            "<a_1 b>c",
            "<<a_1>",
            "&amp;",
            "<a\n_1>",
        ] {
            let nothing = read(text) == Reading::Nothing || text == "<a_1 b>c";
            assert!(nothing, "{text} {:?}", read(text));
        }
        assert_eq!(read(&format!("<{}_1>", "A".repeat(LONGEST))), Reading::Nothing);
        assert_eq!(read(&format!("<A{}", " ".repeat(LONGEST))), Reading::Nothing);
    }
}
