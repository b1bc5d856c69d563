//! Foreign text made harmless, one function per place it goes to. All are linear in the text.

use std::borrow::Cow;
use std::fmt::Write;

/// Foreign text for a terminal or a log: one line, nothing that moves the cursor, colours, or reorders what is read;
/// such characters become `\u{…}`. Linear in the text.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().fold(String::with_capacity(text.len()), |mut safe, c| {
        match c {
            '\n' | '\r' | '\t' => safe.push(' '),
            c if is_unsafe(c) => safe.extend(c.escape_unicode()),
            c => safe.push(c),
        }
        safe
    }))
}

/// Control characters, and those that are invisible or change the direction of reading.
pub(super) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// For HTML, SVG and other XML, as content and inside quoted attributes.
pub(super) fn html(text: &str) -> String {
    plain(text).chars().fold(String::with_capacity(text.len()), |mut safe, c| {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '`' => safe.push_str("&#96;"),
            c => safe.push(c),
        }
        safe
    })
}

/// For a quoted Mermaid label: all but letters, digits and a few signs without a meaning becomes `#code;`.
pub(super) fn mermaid(text: &str) -> String {
    plain(text).chars().fold(String::with_capacity(text.len()), |mut safe, c| {
        if c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '/' | ':' | ',') {
            safe.push(c);
        } else {
            // writing to a String cannot fail
            let _ = write!(safe, "#{};", u32::from(c));
        }
        safe
    })
}

/// A file's path as a URI reference (RFC 3986): relative stays relative, `/…` becomes `file:///…`, `C:\…` `file:///C:/…`.
pub(super) fn uri(path: &str) -> String {
    let drive = path.get(1..3).is_some_and(|rest| rest == ":\\" || rest == ":/")
        && path.starts_with(|c: char| c.is_ascii_alphabetic());
    let (mut uri, rest) = match path.split_once(':').filter(|_| drive) {
        Some((drive, rest)) => (format!("file:///{drive}:"), rest),
        None => (if path.starts_with('/') { "file://" } else { "" }.to_owned(), path),
    };
    for byte in rest.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'@' | b'+' | b'=' | b',' => {
                uri.push(char::from(byte));
            }
            b'\\' => uri.push('/'),
            _ => {
                // writing to a String cannot fail
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}

/// For a SARIF message, where `[text](target)` would become a link.
pub(super) fn sarif(text: &str) -> String {
    let text = plain(text);
    if text.contains("](") { text.replace('[', "\\[").replace(']', "\\]") } else { text.into_owned() }
}

/// Words in Markdown as GitHub and GitLab read it, on one line, also in a table or `<summary>`: nothing is formatted,
/// linked, drawn or mentioned. Signs of markup become character references. Mentions, emoji and addresses are looked for
/// after references are resolved, so a word joiner stands behind what starts one.
pub(super) fn markdown(text: &str) -> String {
    let text = plain(text);
    let mut safe = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '@' | '#' | ':' if rest.peek().is_some_and(|next| *next != ' ') => {
                // writing to a String cannot fail
                let _ = write!(safe, "&#{};&#8288;", u32::from(c));
            }
            '.' if safe.get(safe.len().saturating_sub(3)..).is_some_and(|end| end.eq_ignore_ascii_case("www")) => {
                safe.push_str("&#8288;.");
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '|' | '~' | '$' => {
                let _ = write!(safe, "&#{};", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    safe
}

/// Words in Markdown that people go on writing, where references would be in their way: signs of markup get a backslash,
/// and HTML none.
pub(super) fn document(text: &str) -> String {
    plain(text).chars().fold(String::with_capacity(text.len()), |mut safe, c| {
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '~' | '!' | '$' => safe.extend(['\\', c]),
            c => safe.push(c),
        }
        safe
    })
}

/// A path or id in Markdown as code, also in a table: nothing in it is read as markup. A backtick becomes an apostrophe
/// and a bar a broken bar, which code in a table cannot hold.
pub(super) fn markdown_code(text: &str) -> String {
    let text = plain(text).replace('`', "'").replace('|', "¦");
    if text.is_empty() { text } else { format!("`{text}`") }
}

/// For a cell of CSV (RFC 4180). What a spreadsheet would run as a formula gets an apostrophe before it.
pub(super) fn csv(text: &str) -> String {
    let text = plain(text);
    let formula = text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    let text = if formula { format!("'{text}") } else { text.into_owned() };
    let quoted = text.contains(['"', ',']) || text.starts_with(' ') || text.ends_with(' ');
    if quoted { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// For a field of the header of CEF.
pub(super) fn cef_header(text: &str) -> String {
    plain(text).replace('\\', "\\\\").replace('|', "\\|")
}

/// For a value in the extension of CEF.
pub(super) fn cef(text: &str) -> String {
    plain(text).replace('\\', "\\\\").replace('=', "\\=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_get_no_control_and_no_reordering() {
        assert_eq!(plain("a\u{1b}[31m\nb\u{202e}c"), "a\\u{1b}[31m b\\u{202e}c");
        assert!(matches!(plain("naïve 名前"), Cow::Borrowed(_)));
    }

    #[test]
    fn each_place_has_its_own_escapes() {
        assert_eq!(html("<b a=\"`'\">&"), "&lt;b a=&quot;&#96;&#39;&quot;&gt;&amp;");
        assert_eq!(mermaid("a\"]; #b"), "a#34;#93;#59; #35;b");
        assert_eq!(uri("a b/c#d:é"), "a%20b/c%23d%3A%C3%A9");
        assert_eq!(uri("/a"), "file:///a");
        assert_eq!(uri(r"C:\a b"), "file:///C:/a%20b");
        assert_eq!(sarif("[x](http://y)"), "\\[x\\](http://y)");
        assert_eq!(sarif("list[0]"), "list[0]");
        assert_eq!(document("a|b <i> [x](y)\n`"), "a\\|b &lt;i&gt; \\[x\\](y) \\`");
        assert_eq!(markdown("a_b <x> @me #1 *"), "a&#95;b &#60;x&#62; &#64;&#8288;me &#35;&#8288;1 &#42;");
        assert_eq!(markdown("see http://x www.x: y"), "see http&#58;&#8288;//x www&#8288;.x: y");
        assert_eq!(markdown_code("a`|b"), "`a'¦b`");
        assert_eq!(csv("=1+1"), "'=1+1");
        assert_eq!(csv(" \t@x, \"y\""), "\"'  @x, \"\"y\"\"\"");
        assert_eq!(cef_header(r"a|b\c"), r"a\|b\\c");
        assert_eq!(cef("a=b\nc"), r"a\=b c");
    }
}
