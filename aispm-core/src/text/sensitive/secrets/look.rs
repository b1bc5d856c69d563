//! How a value looks: random, or a placeholder, a template, an expression, a name.

/// Shannon entropy in bits a byte.
pub(super) fn entropy(text: &str) -> f64 {
    let mut counts = [0u32; 256];
    for b in text.bytes() {
        if let Some(n) = counts.get_mut(usize::from(b)) {
            *n += 1;
        }
    }
    let total = text.len() as f64;
    let term = |n: &u32| {
        let p = f64::from(*n) / total;
        -p * p.log2()
    };
    counts.iter().filter(|n| **n > 0).map(term).sum()
}

/// How many of lower case, upper case, digits and signs occur.
pub(super) fn classes(text: &str) -> usize {
    let has = |f: fn(&u8) -> bool| usize::from(text.bytes().any(|b| f(&b)));
    has(u8::is_ascii_lowercase)
        + has(u8::is_ascii_uppercase)
        + has(u8::is_ascii_digit)
        + has(|b| !b.is_ascii_alphanumeric())
}

/// Whether a token is one of documentation: `EXAMPLE` inside, filler, or a straight run of characters.
pub(super) fn is_sample(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let told =
        ["example", "xxxxxxx", "placeholder", "your-", "your_", "1234567", "76543210", "abcdefgh", "000000000000"];
    let closing = ["abcdef", "012345", "fake", "dummy"];
    told.iter().any(|w| lower.contains(w)) || closing.iter().any(|w| lower.ends_with(w))
}

/// Whether an assigned value stands for a secret rather than being one.
pub(super) fn is_placeholder(text: &str) -> bool {
    const PARTS: &[&str] = &[
        "example",
        "sample",
        "changeme",
        "change_me",
        "change-me",
        "placeholder",
        "your",
        "dummy",
        "xxxx",
        "insert",
        "redacted",
        "fixme",
        "todo",
        "not_set",
        "notset",
        "replace",
        "enter_",
        "enter ",
        "abcdef",
        "foobar",
        "****",
        "....",
        "----",
        "____",
        "put_",
        "getenv",
        "environ",
        "process.env",
        "lorem",
        "fake",
        "test",
        "mock",
        "secret_key",
        "api_key",
        "apikey",
        "access_token",
        "password_",
        "_password",
        "-token",
        "token-",
        "_token",
        "token_",
        "undefined",
        "default",
        "required",
        "optional",
        "12345678",
        "null",
        "none",
        "disabled",
        "enabled",
        "invalid",
        "bearer",
        "string",
        "schema",
        "vault:",
        "ssm:",
        "arn:",
        "projects/",
        "file:",
        "http:",
        "https:",
    ];
    let lower = text.to_ascii_lowercase();
    let template = ["${", "{{", "}}", "<%", "%>", "%s", "%(", "$(", "#{", "%{", "{0}", "@{", "((", "[["]
        .iter()
        .any(|t| text.contains(t));
    let wrapped = matches!(
        (text.bytes().next(), text.bytes().last()),
        (Some(b'<'), Some(b'>')) | (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')) | (Some(b'%'), Some(b'%'))
    );
    let variable = text
        .strip_prefix('$')
        .is_some_and(|n| n.bytes().all(|b| b.is_ascii_uppercase() || b == b'_' || b.is_ascii_digit()));
    template || wrapped || variable || repeats(text) || PARTS.iter().any(|p| lower.contains(p))
}

/// Whether at most two different characters make up the text.
fn repeats(text: &str) -> bool {
    let mut seen = text.bytes();
    let (Some(a), b) = (seen.next(), text.bytes().find(|b| Some(*b) != text.bytes().next())) else { return true };
    text.bytes().all(|c| c == a || Some(c) == b)
}

/// Whether an unquoted value is code: a call, a member, an index, a constant's name.
pub(super) fn is_expression(text: &str) -> bool {
    let name = |b: u8| b.is_ascii_alphabetic() || b == b'_';
    let member = text.len() < 32
        && text
            .as_bytes()
            .windows(3)
            .any(|w| matches!(w, [a, b'.', c] if (name(*a) || a.is_ascii_digit()) && name(*c)));
    let words = text.bytes().all(|b| name(b) || b == b'.' || b == b'-');
    text.contains(['(', '[', '{', '*', '&', '|', '<', '>'])
        || text.contains("::")
        || text.contains("->")
        || member
        || words
        || text.starts_with(['$', '/', '.', '@', '%', '-'])
}

/// Whether a value is made of words: letters joined by signs, each part long enough to be read.
pub(super) fn is_wordy(text: &str) -> bool {
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let cased = text.bytes().any(|b| b.is_ascii_lowercase())
        && text.as_bytes().windows(2).any(|w| matches!(w, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()));
    digits == 0
        && letters + text.bytes().filter(|b| matches!(b, b' ' | b'-' | b'_' | b'.' | b'/' | b':' | b',')).count()
            == text.len()
        && !(cased && text.len() >= 24 && !text.contains([' ', '-', '_', '.', '/']))
}

/// Whether text is a UUID.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text
            .bytes()
            .enumerate()
            .all(|(i, b)| if matches!(i, 8 | 13 | 18 | 23) { b == b'-' } else { b.is_ascii_hexdigit() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_are_told_from_values() {
        for text in [
            "${DB_PASSWORD}",
            "<password>",
            "$TOKEN",
            "changeme",
            "xxxxxxxx",
            "{{ secret }}",
            "your-key-here",
            "aaaaaaaa",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        assert!(!is_placeholder("tR7#kq9!Lm"));
        assert!(
            is_expression("config.password")
                && is_expression("get_token()")
                && !is_expression("a8f5f167f44f4964e6c998de")
        );
        assert!(is_wordy("some-plain words") && !is_wordy("hunter2"));
    }
}
