//! The text of HTML and of office documents, which are XML in a zip.

use std::io::Read;

use flate2::read::DeflateDecoder;
use memchr::memmem;

use super::Source;
use super::input::{WHOLE, bytes};
use super::plain::Paragraph;
use super::rows::Rows;
use crate::artifact::members;
use crate::asset::{Error, ErrorKind, Result};

/// What a tag does to the text around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Break {
    Nothing,
    Line,
    Paragraph,
}

/// HTML: paragraphs, scripts and comments in the column `text`, addresses and values of tags in `attributes`. Linear;
/// memory is that of the file, at most 256 MiB.
pub(super) fn read_html(source: &Source<'_>, rows: &mut Rows<'_>) -> Result<()> {
    let bytes = bytes(source.path, rows.meter)?;
    text(&String::from_utf8_lossy(&bytes), html, rows);
    Ok(())
}

/// Word, PowerPoint and OpenDocument texts. Linear in what the file unpacks to, at most 256 MiB.
pub(super) fn read_office(source: &Source<'_>, rows: &mut Rows<'_>) -> Result<()> {
    let bytes = bytes(source.path, rows.meter)?;
    let (mut left, mut parts) = (WHOLE, 0);
    for (name, method, packed) in members(&bytes).filter(|(name, ..)| is_text(name)) {
        parts += 1;
        let mut xml = Vec::new();
        let read = match method {
            0 => packed.take(left + 1).read_to_end(&mut xml),
            8 => DeflateDecoder::new(packed).take(left + 1).read_to_end(&mut xml),
            _ => Err(std::io::Error::other(format!("compression method {method} is not read"))),
        };
        if let Err(error) = read {
            rows.bad(0, &format!("{name} cannot be unpacked: {error}"));
        }
        let Some(less) = left.checked_sub(xml.len() as u64) else {
            let message = format!("unpacks to more than the limit of {WHOLE} bytes");
            return Err(Error::new(ErrorKind::Budget, message).at(source.path));
        };
        left = less;
        text(&String::from_utf8_lossy(&xml), office, rows);
    }
    if parts == 0 {
        return Err(Error::new(ErrorKind::Malformed, "holds no text of an office document").at(source.path));
    }
    Ok(())
}

/// Whether a member of an office document holds text that people see.
fn is_text(name: &str) -> bool {
    let Some(name) = name.strip_suffix(".xml") else { return false };
    let word = name.strip_prefix("word/").is_some_and(|part| {
        ["document", "header", "footer", "footnotes", "endnotes", "comments"]
            .iter()
            .any(|start| part.starts_with(start))
    });
    word || name == "content"
        || ["ppt/slides/slide", "ppt/notesSlides/", "ppt/comments/"].iter().any(|p| name.starts_with(p))
}

fn html(tag: &str) -> Break {
    const INLINE: &[&str] = &[
        "a", "b", "i", "em", "strong", "span", "code", "font", "u", "s", "sup", "sub", "mark", "abbr", "label",
        "small", "big", "tt", "kbd", "samp", "var", "cite", "q", "ins", "del", "wbr", "bdi", "bdo", "img",
    ];
    match tag {
        "br" | "td" | "th" | "option" | "input" => Break::Line,
        tag if INLINE.contains(&tag) => Break::Nothing,
        _ => Break::Paragraph,
    }
}

fn office(tag: &str) -> Break {
    match tag.rsplit(':').next().unwrap_or(tag) {
        "p" | "h" => Break::Paragraph,
        "tab" | "br" | "cr" | "line-break" => Break::Line,
        _ => Break::Nothing,
    }
}

/// Puts the paragraphs of marked-up text into rows. A tag ends at the first `>`; what looks like one and does not end is
/// text. Linear.
fn text(markup: &str, breaks: fn(&str) -> Break, rows: &mut Rows<'_>) {
    let (mut body, mut attributes) = (Paragraph::default(), Paragraph::of("attributes"));
    let mut rest = markup;
    while let Some((before, after)) = rest.split_once('<') {
        body.add(&unescaped(before), rows);
        rest = after;
        if let Some(comment) = rest.strip_prefix("!--") {
            let (comment, after) = comment.split_once("-->").unwrap_or((comment, ""));
            body.end(rows);
            body.add(comment, rows);
            body.end(rows);
            rest = after;
            continue;
        }
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
            body.add("<", rows);
            continue;
        }
        let Some((tag, after)) = rest.split_once('>') else { break };
        rest = after;
        let name =
            tag.trim_start_matches('/').split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
        let name = name.to_ascii_lowercase();
        match breaks(&name) {
            Break::Nothing => {}
            Break::Line => body.add("\n", rows),
            Break::Paragraph => {
                body.end(rows);
                attributes.end(rows);
            }
        }
        if ["@", "://", "mailto:", "tel:", "content=", "value="].iter().any(|sign| tag.contains(sign)) {
            attributes.line(&unescaped(tag), rows);
        }
        // what runs or styles is no markup inside
        if matches!(name.as_str(), "script" | "style") && !tag.starts_with('/') {
            let end = memmem::find(rest.as_bytes(), b"</").unwrap_or(rest.len());
            let (script, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            body.add(script, rows);
            rest = after;
        }
    }
    body.add(&unescaped(rest), rows);
    body.end(rows);
    attributes.end(rows);
}

/// Text with the common character references resolved.
fn unescaped(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains('&') {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let name = after.bytes().take(10).position(|b| b == b';').and_then(|end| after.get(..end));
        match name.and_then(|name| Some((name, character(name)?))) {
            Some((name, c)) => {
                out.push(c);
                rest = after.get(name.len() + 1..).unwrap_or_default();
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out.into()
}

fn character(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "commat" => '@',
        "period" => '.',
        "colon" => ':',
        name => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    })
}

#[cfg(test)]
mod tests {
    use crate::discover::dataset::tests::{columns, one, report};
    use crate::discover::packed::tests::zip;

    #[test]
    fn words_that_markup_cuts_are_whole_again() {
        let html = "<!doctype html><h1>Team</h1><p>Write to <b>ann</b>@mail.example&period;org &amp; wait.<p>a < b\
                    <p><a href='mailto:bob@mail.example.org'>mail</a><!-- carl@mail.example.org --><script>if(a<b){}</script>";
        let set = one("a.html", html.as_bytes());
        assert_eq!(columns(&set), ["text 6: EMAIL_ADDRESS 2", "attributes 1: EMAIL_ADDRESS 1"]);
    }

    #[test]
    fn a_document_of_word() {
        let xml = "<w:document><w:p><w:r><w:t>ann@mail</w:t></w:r><w:r><w:t>.example.org</w:t></w:r></w:p>\
                   <w:p><w:t>Nothing</w:t></w:p></w:document>";
        let set = one("a.docx", &zip(&[("word/document.xml", xml.as_bytes()), ("word/styles.xml", b"<x>y</x>")]));
        assert_eq!((set.format.as_str(), columns(&set)), ("office", vec!["text 2: EMAIL_ADDRESS 1".to_owned()]));
        assert_eq!(report(&[("a.docx", &zip(&[("x.txt", b"x")]))]).incomplete.len(), 1);
    }

    #[test]
    fn a_bomb_is_told() {
        let bomb = zip(&[("word/document.xml", &vec![b' '; (256 << 20) + 1])]);
        let report = report(&[("a.docx", &bomb)]);
        assert!(report.incomplete[0].reason.contains("limit"), "{:?}", report.incomplete);
    }

    proptest::proptest! {
        #[test]
        fn any_pieces_are_read_without_harm(pieces in proptest::collection::vec(proptest::sample::select(
            &["<", ">", "<!--", "-->", "<p", "</", "script", "&", "#x41;", "&amp;", "é", " ", "a=\"", "\n"][..]), 0..60)) {
            one("a.html", pieces.concat().as_bytes());
        }
    }
}
