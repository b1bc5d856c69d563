//! How a value looks: drawn at random, typed in, or standing for something: filler, a template, an expression.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

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

/// Whether `word` (lower case) stands in `text`, case aside.
pub(super) fn holds(text: &str, word: &str) -> bool {
    let word = word.as_bytes();
    text.as_bytes().windows(word.len().max(1)).any(|w| w.eq_ignore_ascii_case(word))
}

/// Whether characters follow each other by rule: a run up, down or on the spot, also with other characters between
/// (`a1B2c3D4`).
pub(super) fn is_filler(text: &str) -> bool {
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).map(|b| b.to_ascii_lowercase());
    run(text.bytes()) >= 7
        || run(letters) >= 8
        || run(text.bytes().filter(u8::is_ascii_digit)) >= 9
        || same(text) * 2 > text.len()
}

/// The longest run of steps of one up or one down, in characters.
fn run(bytes: impl Iterator<Item = u8>) -> usize {
    let (mut longest, mut up, mut down, mut before) = (0, 1, 1, 0u8);
    for now in bytes {
        // After the last comes the first: `yza`, `890`.
        let next = |a: u8, b: u8| a.checked_add(1) == Some(b) || matches!((a, b), (b'9', b'0') | (b'z', b'a'));
        up = if next(before, now) { up + 1 } else { 1 };
        down = if next(now, before) { down + 1 } else { 1 };
        longest = longest.max(up).max(down);
        before = now;
    }
    longest
}

/// The longest run of one character; `A` and `0`, of which encoded zeros are made, count half.
fn same(text: &str) -> usize {
    let (mut longest, mut length, mut before) = (0, 0, 0u8);
    for now in text.bytes() {
        length = if now == before { length + 1 } else { 1 };
        longest = longest.max(if matches!(now, b'A' | b'0') { length / 2 } else { length });
        before = now;
    }
    longest
}

/// Signs and digits that are written for letters.
pub(super) const LEET: [char; 8] = ['@', '$', '!', '0', '1', '3', '4', '5'];

/// The text with letters for the signs and digits that stand for them.
pub(super) fn plain(text: &str) -> String {
    let letter = |c| match c {
        '@' | '4' => 'a',
        '$' | '5' => 's',
        '!' | '1' => 'i',
        '0' => 'o',
        '3' => 'e',
        c => c,
    };
    text.chars().map(letter).collect()
}

/// Whether a token of known form is one of documentation: a word that says so, or filler.
pub(super) fn is_sample(text: &str) -> bool {
    let told = ["example", "placeholder", "your-", "your_", "xxxxxxx"];
    told.iter().any(|w| holds(text, w)) || is_filler(text) || text.ends_with("012345") || text.ends_with("abcdef")
}

/// What only templates and patterns hold; one automaton, for values are many.
static MARKS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    const MARKS: &[&str] = &[
        "${", "{{", "}}", "<%", "%>", "%s", "%d", "%(", "$(", "#{", "%{", "{0}", "@{", "((", "[[", "....", "****",
        "&lt;", "[^", "\\w", "\\d", "\\s", ".*", ".+", "(?",
    ];
    #[allow(clippy::expect_used, reason = "the list is part of the program, and every test of a value builds it")]
    AhoCorasick::new(MARKS).expect("the marks compile")
});

/// Whether a value stands in for another: a variable, a template, a pattern, something in brackets, at most two
/// characters.
pub(super) fn is_template(text: &str) -> bool {
    let wrapped = matches!(
        (text.bytes().next(), text.bytes().last()),
        (Some(b'<'), Some(b'>')) | (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')) | (Some(b'%'), Some(b'%'))
    );
    let variable = text
        .strip_prefix(['$', '@'])
        .is_some_and(|n| n.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b':' | b'.' | b'>' | b'-')));
    wrapped || variable || repeats(text) || MARKS.is_match(text)
}

/// Whether at most two different characters make up the text.
fn repeats(text: &str) -> bool {
    let Some(a) = text.bytes().next() else { return true };
    let b = text.bytes().find(|b| *b != a);
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
    // An escaped `&` stands in a value out of markup.
    let reference = text.split('&').skip(1).any(|rest| !rest.starts_with("amp;"));
    reference
        || text.contains(['(', '[', '{', '*', '|', '<', '>'])
        || text.contains("::")
        || text.contains("->")
        || member
        || text.bytes().all(|b| name(b) || b == b'.' || b == b'-')
        || text.starts_with(['$', '/', '.', '@', '%', '-'])
}

/// Whether text is a UUID.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text
            .bytes()
            .enumerate()
            .all(|(i, b)| if matches!(i, 8 | 13 | 18 | 23) { b == b'-' } else { b.is_ascii_hexdigit() })
}

/// Whether a value has a plain shape of another sort: a version, a date, a number, a path, a mail address, a digest.
pub(super) fn is_shaped(value: &str) -> bool {
    let number = value.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b':' | b'/' | b',' | b'+'));
    let path = value.matches('/').count() >= 2 && !value.contains(['+', '=']) && entropy(value) < 4.5
        || value.starts_with("./")
        || value.starts_with("~/");
    let mail = value.contains('@')
        && value.contains('.')
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b >= 0x80 || matches!(b, b'_' | b'@' | b'.' | b'-'));
    let digest = ["sha256:", "sha1:", "sha512-", "sha256-", "md5:"].iter().any(|p| value.starts_with(p));
    number || path || mail || digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_are_told_from_values() {
        for text in ["${DB_PASSWORD}", "<password>", "$TOKEN", "xxxxxxxx", "{{ secret }}", "aaaaaaaa", "$user->pass"] {
            assert!(is_template(text), "{text}");
        }
        for text in ["abcdefgh", "a1B2c3D4e5F6g7H8", "9876543210", "zz1234567zz", "xxxxxxxxxxxxq7"] {
            assert!(is_filler(text), "{text}");
        }
        for text in ["tR7#kq9!Lm", "a8f5f167f44f4964e6c998de", "AAAAB3Nz"] {
            assert!(!is_template(text) && !is_filler(text), "{text}");
        }
        assert!(is_expression("config.password") && is_expression("get_token()"));
        assert!(!is_expression("a8f5f167f44f4964e6c998de"));
    }
}
