//! String literals of each language: where they end.

use super::lexer::Language;

/// The length of a literal with its prefix and quotes, and where its content starts and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Literal {
    pub(super) whole: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// How a literal goes on and ends.
struct Style<'a> {
    /// Bytes before the quotes.
    prefix: usize,
    /// What ends it.
    close: &'a str,
    /// Bytes of what opens it, prefix aside.
    open: usize,
    /// Whether it may go over lines.
    lines: bool,
    /// Whether a backslash hides the next character.
    escapes: bool,
    /// What opens code inside it: `{` in Python, `${` in JavaScript.
    hole: Option<&'static str>,
}

/// The string literal at the start of a text. Linear: each byte is looked at once.
pub(super) fn literal(rest: &str, language: Language) -> Option<Literal> {
    let style = match language {
        Language::Python => python(rest),
        Language::JavaScript => javascript(rest),
        Language::Go => plain(rest, &['"', '\'', '`']),
        Language::Hcl => plain(rest, &['"']),
        Language::Java | Language::Kotlin => triple(rest, 0).or_else(|| plain(rest, &['"', '\''])),
        Language::CSharp => csharp(rest),
        Language::Rust => return rust(rest),
    }?;
    Some(scan(rest, &style))
}

fn plain<'a>(rest: &'a str, quotes: &[char]) -> Option<Style<'a>> {
    let quote = rest.chars().next().filter(|c| quotes.contains(c))?;
    let raw = quote == '`';
    Some(Style { prefix: 0, close: rest.get(..1)?, open: 1, lines: raw, escapes: !raw, hole: None })
}

/// `"""…"""` after a prefix.
fn triple(rest: &str, prefix: usize) -> Option<Style<'_>> {
    let close = rest.get(prefix..prefix + 3).filter(|quotes| *quotes == "\"\"\"")?;
    Some(Style { prefix, close, open: 3, lines: true, escapes: true, hole: None })
}

fn python(rest: &str) -> Option<Style<'_>> {
    let prefix = rest.bytes().take(2).take_while(|b| b"rRbBfFuUtT".contains(b)).count();
    let letters = rest.get(..prefix)?;
    let body = rest.get(prefix..)?;
    let long = body.get(..3).filter(|quotes| matches!(*quotes, "\"\"\"" | "'''"));
    let close = long.or_else(|| body.get(..1).filter(|quote| matches!(*quote, "\"" | "'")))?;
    let hole = letters.contains(['f', 'F', 't', 'T']).then_some("{");
    Some(Style { prefix, close, open: close.len(), lines: long.is_some(), escapes: true, hole })
}

fn javascript(rest: &str) -> Option<Style<'_>> {
    let mut style = plain(rest, &['"', '\'', '`'])?;
    if style.close == "`" {
        (style.escapes, style.hole) = (true, Some("${"));
    }
    Some(style)
}

fn csharp(rest: &str) -> Option<Style<'_>> {
    let prefix = rest.bytes().take(3).take_while(|b| b"$@".contains(b)).count();
    let body = rest.get(prefix..)?;
    if body.starts_with("\"\"\"") {
        return triple(rest, prefix);
    }
    let mut style = plain(body, if prefix == 0 { &['"', '\''] } else { &['"'] })?;
    style.prefix = prefix;
    if rest.get(..prefix)?.contains('@') {
        (style.lines, style.escapes) = (true, false);
    }
    Some(style)
}

/// `"…"`, `b"…"`, `r#"…"#`, `'c'`; a quote that starts a lifetime is none.
fn rust(rest: &str) -> Option<Literal> {
    let letters = rest.bytes().take(2).take_while(|b| b"bcr".contains(b)).count();
    let body = rest.get(letters..)?;
    let hashes = body.bytes().take(256).take_while(|b| *b == b'#').count();
    let raw = rest.get(..letters)?.contains('r') && body.get(hashes..)?.starts_with('"');
    if raw {
        let start = letters + hashes + 1;
        let close = format!("\"{}", "#".repeat(hashes));
        let length = rest.get(start..)?.find(&close);
        let end = length.map_or(rest.len(), |length| start + length);
        return Some(Literal { whole: (end + close.len()).min(rest.len()), start, end });
    }
    if body.starts_with('"') {
        let close = body.get(..1)?;
        let style = Style { prefix: letters, close, open: 1, lines: true, escapes: true, hole: None };
        return Some(scan(rest, &style));
    }
    let mut chars = rest.char_indices();
    let (Some((_, '\'')), Some((_, first)), Some((second_at, second))) = (chars.next(), chars.next(), chars.next())
    else {
        return None;
    };
    match (first, second) {
        (_, '\'') if first != '\\' => Some(Literal { whole: second_at + 1, start: 1, end: second_at }),
        ('\\', _) => Some(scan(
            rest,
            &Style { prefix: 0, close: rest.get(..1)?, open: 1, lines: false, escapes: true, hole: None },
        )),
        _ => None,
    }
}

fn scan(rest: &str, style: &Style<'_>) -> Literal {
    let start = style.prefix + style.open;
    let (bytes, close) = (rest.as_bytes(), style.close.as_bytes());
    // open braces of the code inside
    let mut holes = 0_usize;
    let mut at = start;
    while let Some(&byte) = bytes.get(at) {
        let here = bytes.get(at..).unwrap_or_default();
        if byte == b'\\' && style.escapes {
            at += 2;
        } else if byte == b'\n' && !style.lines {
            break;
        } else if holes == 0 && here.starts_with(close) {
            return Literal { whole: at + close.len(), start, end: at };
        } else if style.hole == Some("{") && here.starts_with(b"{{") && holes == 0 {
            at += 2;
        } else if style.hole.is_some_and(|hole| here.starts_with(hole.as_bytes())) {
            holes += 1;
            at += style.hole.map_or(1, str::len);
        } else if holes == 0 {
            at += 1;
        } else {
            match byte {
                b'{' => holes += 1,
                b'}' => holes -= 1,
                // a string in the code inside
                b'"' | b'\'' => at += quoted(here, byte),
                _ => {}
            }
            at += 1;
        }
    }
    // it is not ended: at the end of its line, or of the text
    let end = at.min(bytes.len());
    Literal { whole: end, start, end }
}

/// How far the closing quote of a short string is; 0 where its line has none.
fn quoted(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    loop {
        match bytes.get(at) {
            None | Some(b'\n') => return 0,
            Some(b'\\') => at += 2,
            Some(&byte) if byte == quote => return at,
            Some(_) => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(text: &str, language: Language) -> Option<&str> {
        literal(text, language).and_then(|found| text.get(found.start..found.end))
    }

    #[test]
    fn each_language_ends_its_strings() {
        for (language, text, wanted) in [
            (Language::Python, "f\"a {x[\"b\"]} c\" d", "a {x[\"b\"]} c"),
            (Language::Python, "f\"a {{ b\" \"}\"", "a {{ b"),
            (Language::JavaScript, "`a ${b ? \"{\" : c}` d", "a ${b ? \"{\" : c}"),
            (Language::Python, "'''a'b''' c", "a'b"),
            (Language::Python, "\"a\nb\"", "a"),
            (Language::JavaScript, "`a ${f(`b`)} c` d", "a ${f(`b`)} c"),
            (Language::JavaScript, "`a { b` }", "a { b"),
            (Language::Go, "`a\\` b`", "a\\"),
            (Language::Java, "\"\"\"\n a\"b \"\"\" c", "\n a\"b "),
            (Language::CSharp, "@\"a\\\" b\"", "a\\"),
            (Language::Rust, "r#\"a\"b\"# c", "a\"b"),
            (Language::Rust, "'\\'' x", "\\'"),
            (Language::Rust, "b\"a\\\"b\" c", "a\\\"b"),
        ] {
            assert_eq!(content(text, language), Some(wanted), "{text}");
        }
        assert_eq!(content("'a, 'b", Language::Rust), None);
        assert_eq!(content("'é'", Language::Rust), Some("é"));
    }
}
