//! The text of PDF pages; pictures of text are not read.

use lopdf::{Document, LoadOptions};

use super::input::bytes;
use super::rows::Rows;
use super::{Source, TEXT};
use crate::asset::{Error, ErrorKind, Result};

/// What one stream, and what the text of one page, may unpack to, bytes.
const STREAM: usize = 64 << 20;
/// More pages than this are read several at a time: finding one takes time in their number.
const PAGES: usize = 2000;

/// Each page is a row. Memory is that of the file, at most 256 MiB, and of one page.
pub(super) fn read(source: &Source<'_>, rows: &mut Rows<'_>) -> Result<()> {
    let bytes = bytes(source.path, rows.meter)?;
    let broken = |error: lopdf::Error| Error::new(ErrorKind::Malformed, error.to_string()).at(source.path);
    let options = LoadOptions::with_max_decompressed_size(STREAM);
    let document = Document::load_mem_with_options(&bytes, options).map_err(broken)?;
    if document.is_encrypted() {
        return Err(Error::new(ErrorKind::Unreadable, "encrypted with a password").at(source.path));
    }
    let pages: Vec<u32> = document.get_pages().into_keys().collect();
    for pages in pages.chunks(pages.len() / PAGES + 1) {
        if !rows.next() {
            continue;
        }
        let column = rows.column(TEXT);
        let mut text = String::new();
        for chunk in document.extract_text_chunks_with_limit(pages, STREAM) {
            match chunk {
                Ok(chunk) => text.push_str(&chunk),
                Err(error) => rows.bad(0, &format!("page {}: {error}", pages.first().unwrap_or(&0))),
            }
        }
        rows.cell(column, &text);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::discover::dataset::tests::{columns, one, report};

    /// A document of one page with a cross-reference table.
    fn pdf(text: &str) -> Vec<u8> {
        let content = format!("BT /F1 12 Tf 72 720 Td ({text}) Tj ET");
        let objects = [
            "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
                .to_owned(),
            format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
        ];
        let (mut out, mut offsets) = ("%PDF-1.4\n".to_owned(), Vec::new());
        for (n, object) in objects.iter().enumerate() {
            offsets.push(format!("{:010} 00000 n \n", out.len()));
            out.push_str(&format!("{} 0 obj\n{object}\nendobj\n", n + 1));
        }
        let start = out.len();
        out.push_str(&format!("xref\n0 6\n0000000000 65535 f \n{}", offsets.concat()));
        out.push_str(&format!("trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"));
        out.into_bytes()
    }

    #[test]
    fn each_page_is_a_row() {
        let set = one("a.bin", &pdf("Write to ann@mail.example.org today"));
        assert_eq!((set.format.as_str(), columns(&set)), ("pdf", vec!["text 1: EMAIL_ADDRESS 1".to_owned()]));
    }

    #[test]
    fn garbage_is_told_and_does_no_harm() {
        let whole = pdf("hello");
        assert_eq!(report(&[("a.pdf", b"%PDF-1.7\n\x00\xff garbage")]).incomplete.len(), 1);
        let deep = [b"%PDF-1.4\n1 0 obj\n".as_slice(), &[b'['; 100_000], b"\nendobj\n%%EOF"].concat();
        report(&[("a.pdf", &deep)]);
        for at in (0..whole.len()).step_by(5) {
            let mut broken = whole.clone();
            broken[at] ^= 0x1F;
            report(&[("a.pdf", &broken), ("b.pdf", &whole[..at])]);
        }
    }
}
