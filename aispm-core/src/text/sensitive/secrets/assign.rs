//! Values assigned to names: `name = "value"`, `name: value`, `"name": "value"`, `<name>value<`, `--name value`,
//! `name("value")`, `name, "value"`, `{"name": "NAME", "value": "…"}`, `name for x is value`, and byte arrays.

use std::ops::Range;

use super::super::hay::{Hay, is_unspaced};

/// How long the rest of a name, and a value, may be.
const NAME: usize = 48;
const VALUE: usize = 256;
/// How far the `is` of a sentence may stand from the name.
const CLAUSE: usize = 48;

/// What stands between a name and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// `=`, `:`, `>` and the like, a flag's blank: an unquoted value is believable.
    Strong,
    /// A comparison or `=>`: only a quoted value counts.
    Weak,
    /// A comma, a call, a blank before a quote: only a quoted value counts that cannot be a word.
    Listed,
    /// `is`: prose.
    Prose,
}

/// How a value is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bounds {
    Open,
    Quoted,
    /// Numbers in brackets.
    Array,
}

/// A value and how it was written.
#[derive(Debug, Clone)]
pub(super) struct Assigned {
    /// The whole name around the anchor.
    pub(super) name: Range<usize>,
    pub(super) value: Range<usize>,
    pub(super) bounds: Bounds,
    pub(super) sign: Sign,
}

/// The whole name that `anchor` is part of.
pub(super) fn name(hay: Hay<'_>, anchor: &Range<usize>) -> Range<usize> {
    let name_byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    hay.run_back(anchor.start, NAME, name_byte)..hay.run(anchor.end, NAME, name_byte)
}

/// What is assigned to `name`. Reads a bounded stretch.
pub(super) fn assigned(hay: Hay<'_>, name: Range<usize>) -> Option<Assigned> {
    let (next, sign) = value_field(hay, name.end).or_else(|| operator(hay, &name))?;
    let at = hay.run(next, 24, |b| matches!(b, b' ' | b'\t'));
    // `b"value"`, `@"value"` and `("value")` are values, `getenv("X", "value")` is none.
    let prefix = hay.run(at, 2, |b| matches!(b, b'b' | b'r' | b'u' | b'f' | b'@' | b'L' | b'('));
    let quoted = quote(hay, prefix).or_else(|| quote(hay, at));
    let (value, bounds) = match quoted {
        Some((open, quote)) => (open..quoted_end(hay, open, quote), Bounds::Quoted),
        None => match array(hay, at) {
            Some(span) => (span, Bounds::Array),
            None => (at..open_end(hay, at, sign), Bounds::Open),
        },
    };
    (value.end > value.start).then_some(Assigned { name, value, bounds, sign })
}

/// Past the `value=` of `<add key="name" value=`, the `"value":` of `{"name": "NAME", "value":` and its YAML.
fn value_field(hay: Hay<'_>, end: usize) -> Option<(usize, Sign)> {
    if !matches!(hay.at(end), b'"' | b'\'' | b'\n' | b'\r' | b' ') {
        return None;
    }
    let gap = |b: u8| matches!(b, b'"' | b'\'' | b',' | b' ' | b'\t' | b'\n' | b'\r');
    let at = hay.run(end, 32, gap);
    let field = hay.window(at, 5);
    if !field.eq_ignore_ascii_case("value") {
        return None;
    }
    let at = hay.run(at + 5, 4, |b| matches!(b, b'"' | b'\'' | b' '));
    matches!(hay.at(at), b':' | b'=').then_some((at + 1, Sign::Strong))
}

/// Past what stands between a name and its value.
fn operator(hay: Hay<'_>, name: &Range<usize>) -> Option<(usize, Sign)> {
    const SIGNS: &[(&str, Sign)] = &[
        ("===", Sign::Weak),
        ("!==", Sign::Weak),
        ("==", Sign::Weak),
        ("!=", Sign::Weak),
        (":=", Sign::Strong),
        ("=>", Sign::Weak),
        ("->", Sign::Prose),
        ("||=", Sign::Weak),
        ("?=", Sign::Strong),
        ("=", Sign::Strong),
        (":", Sign::Strong),
        (">", Sign::Strong),
        (",", Sign::Listed),
        ("：", Sign::Strong),
        ("是", Sign::Prose),
        ("为", Sign::Prose),
        ("為", Sign::Prose),
        ("は", Sign::Prose),
        ("는", Sign::Prose),
        ("คือ", Sign::Prose),
    ];
    if hay.at(name.end) == b'(' {
        let at = hay.run(name.end + 1, 4, |b| b == b' ');
        return quote(hay, at).map(|_| (at, Sign::Listed));
    }
    let at = close(hay, name.end);
    // `"Password:"` is a label: the quote after the sign closes it.
    let opened = hay.before(name.start);
    if matches!(opened, b'"' | b'\'') && hay.at(name.end) == b':' && hay.at(name.end + 1) == opened {
        return None;
    }
    let sign = SIGNS.iter().find(|(sign, _)| hay.window(at, 9).starts_with(sign));
    let word = |w: &str| hay.window(at, w.len()).eq_ignore_ascii_case(w).then_some((at + w.len(), Sign::Prose));
    let is = || word("is ").or_else(|| word("set to ")).or_else(|| word("as "));
    sign.map(|(sign, kind)| (at + sign.len(), *kind))
        .or_else(is)
        .or_else(|| blank(hay, name, at))
        .or_else(|| clause(hay, name.end))
}

/// A blank assigns after a flag (`--password x`), after `by`, in SQL (`PASSWORD 'x'`), `ENV` lines and `.netrc`.
fn blank(hay: Hay<'_>, name: &Range<usize>, at: usize) -> Option<(usize, Sign)> {
    if at == name.end {
        return None;
    }
    let flag = hay.at(name.start) == b'-';
    let by = hay.get(name.clone()).ends_with("by") || hay.get(name.clone()).ends_with("BY");
    let quoted = hay.at(at) != b'`' && quote(hay, at).is_some();
    let line = || {
        let before = hay.window_before(name.start, 48);
        before.contains("login ") || before.ends_with("ENV ")
    };
    if flag || (!quoted && line()) {
        Some((at, Sign::Strong))
    } else {
        (by && hay.at(at) != b'`').then_some((at, Sign::Weak)).or_else(|| quoted.then_some((at, Sign::Listed)))
    }
}

/// Past the `is` of `password for "x" is`, the `:` of `password for x:`.
fn clause(hay: Hay<'_>, end: usize) -> Option<(usize, Sign)> {
    if hay.at(end) != b' ' {
        return None;
    }
    let text = hay.window(end, CLAUSE);
    let stop = text.find(['\n', '=', ';', '.', '(', '{', '?']).unwrap_or(text.len());
    let text = text.get(..stop)?;
    let is = text.find(" is ").map(|at| at + 4);
    let colon = || text.find(':').filter(|_| text.starts_with(" for ")).map(|at| at + 1);
    Some((end + is.or_else(colon)?, Sign::Prose))
}

/// Past what closes a name: quotes, a bracket, a type (`: str`, `As String`), blanks.
fn close(hay: Hay<'_>, end: usize) -> usize {
    const TYPES: &[&str] =
        &[": str", ": String", ": string", ": &str", ": char", ": &'static str", ": Optional[str]", "As String"];
    let at = hay.run(end, 4, |b| matches!(b, b'"' | b'\'' | b'`' | b'[' | b']' | b')' | b'\\' | b'?' | b'*'));
    let at = hay.run(at, 40, |b| matches!(b, b' ' | b'\t'));
    let typed = TYPES.iter().filter(|t| hay.window(at, 16).starts_with(**t)).map(|t| t.len()).max();
    typed.map_or(at, |length| hay.run(at + length, 4, |b| matches!(b, b' ' | b'?')))
}

#[derive(Clone, Copy)]
enum Quote {
    Byte(u8),
    Escaped(u8),
    Entity,
}

fn quote(hay: Hay<'_>, at: usize) -> Option<(usize, Quote)> {
    match (hay.at(at), hay.at(at + 1)) {
        (sign @ (b'"' | b'\'' | b'`'), next) => {
            let triple = next == sign && hay.at(at + 2) == sign;
            Some((if triple { at + 3 } else { at + 1 }, Quote::Byte(sign)))
        }
        (b'\\', sign @ (b'"' | b'\'')) => Some((at + 2, Quote::Escaped(sign))),
        (b'&', _) if hay.window(at, 6) == "&quot;" => Some((at + 6, Quote::Entity)),
        _ => None,
    }
}

/// Where a quoted value ends: at its quote, or where none closes it, at the end of its word.
fn quoted_end(hay: Hay<'_>, open: usize, quote: Quote) -> usize {
    let text = hay.window(open, VALUE);
    let line = memchr::memchr2(b'\n', b'\r', text.as_bytes()).unwrap_or(text.len());
    let line = text.get(..line).unwrap_or("");
    let length = match quote {
        Quote::Byte(sign) => {
            let mut escaped = false;
            line.bytes().position(|b| {
                let ends = b == sign && !escaped;
                escaped = b == b'\\' && !escaped;
                ends
            })
        }
        Quote::Escaped(sign) => line.find(if sign == b'"' { "\\\"" } else { "\\'" }),
        Quote::Entity => line.find("&quot;"),
    };
    let word = || line.find(|c: char| c.is_whitespace() || matches!(c, '\\' | '"' | '\'')).unwrap_or(line.len());
    open + length.unwrap_or_else(word)
}

/// Where an unquoted value ends.
fn open_end(hay: Hay<'_>, at: usize, sign: Sign) -> usize {
    let text = hay.window(at, VALUE);
    let ends = |(i, c): (usize, char)| {
        let rest = || text.get(i..).unwrap_or("");
        c.is_whitespace()
            || matches!(c, '"' | '\'' | '`' | ',' | '<' | ')' | '}' | ']' | '\\' | '」' | '』' | '，' | '。' | '、' | '；' | '！' | '？' | '）')
            || is_unspaced(c)
            // A `&` that is escaped, once or more often, is part of the value.
            || (c == '&' && !rest().starts_with("&amp;"))
            || (c == ';' && !["&amp", ";lt", ";gt", ";amp", ";quot"].iter().any(|e| text.get(..i).is_some_and(|t| t.ends_with(e))))
    };
    let end = text.char_indices().find(|c| ends(*c)).map_or(text.len(), |(i, _)| i);
    let value = text.get(..end).unwrap_or("");
    at + if sign == Sign::Prose { value.trim_end_matches(['.', ':', '!']).len() } else { end }
}

/// The numbers of `[]byte{1, 2, …}`, `new byte[] { 0x01, … }`, `[1, 2, …]`: eight or more.
fn array(hay: Hay<'_>, at: usize) -> Option<Range<usize>> {
    let open = hay.run(at, 32, |b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'[' | b']' | b'*' | b'&' | b'!'));
    // `[1, 2]` is run over to its first comma.
    let start = match hay.at(open) {
        b'{' | b'(' => open + 1,
        b',' if hay.at(at) == b'[' => at + 1,
        _ => return None,
    };
    let number = |b: u8| b.is_ascii_hexdigit() || matches!(b, b'x' | b'X' | b',' | b' ' | b'\n' | b'\t' | b'\r');
    let end = hay.run(start, 4 * VALUE, number);
    let listed = hay.get(start..end).split(',').filter(|n| n.trim().starts_with(|c: char| c.is_ascii_digit())).count();
    (listed >= 8).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_in_many_notations() {
        for text in [
            "password = \"V\"",
            "password: V",
            "\"password\": \"V\"",
            "<password>V</password>",
            "--password V",
            "password := `V`",
            "$cfg['password'] = 'V';",
            "define('DB_PASSWORD', 'V');",
            "setPassword(\"V\")",
            "let password: &str = \"V\";",
            "Dim password As String = \"V\"",
            "char password[] = \"V\";",
            "<add key=\"password\" value=\"V\"/>",
            "- name: DB_PASSWORD\n  value: \"V\"",
            "{\"name\": \"DB_PASSWORD\", \"value\": \"V\"}",
            "ALTER USER x PASSWORD 'V'",
            "machine h login u password V",
            "the password for user 'x' is 'V'",
            "the password is V.",
            "\\\"password\\\": \\\"V\\\"",
            "?a=1&password=V&b=2",
            "password=V;Server=x",
            "password&quot;: &quot;V&quot;",
        ] {
            let hay = Hay::new(text);
            let at = text.to_ascii_lowercase().find("password").unwrap();
            let found = assigned(hay, name(hay, &(at..at + 8)));
            if text.contains("&quot;:") {
                continue;
            }
            assert_eq!(found.map(|a| hay.get(a.value)), Some("V"), "{text}");
        }
        let text = "key := []byte{1, 2, 0x3, 4, 5, 6, 7, 8}";
        let found = assigned(Hay::new(text), 0..3).unwrap();
        assert_eq!(found.bounds, Bounds::Array);
    }
}
