//! Pickles such as LangChain's document store beside a FAISS index: their texts, without running them.

use super::Source;
use super::input::bytes;
use super::rows::Rows;
use crate::artifact::pickled_texts;
use crate::asset::{Error, ErrorKind, Result};

/// Each text is a row of the column that its key names, or of `text`. Memory is that of the file, at most 256 MiB, and of
/// what it keeps for reuse.
pub(super) fn read(source: &Source<'_>, rows: &mut Rows<'_>) -> Result<()> {
    let bytes = bytes(source.path, rows.meter)?;
    let end = pickled_texts(&bytes, |key, text| {
        if rows.next() {
            let column = rows.column(if key.is_empty() { super::TEXT } else { key });
            rows.cell(column, text);
        }
    });
    match end {
        Some(at) => Err(Error::new(ErrorKind::Malformed, "the pickle breaks off").at(source.path).at_byte(at)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::discover::dataset::tests::{columns, one, report};

    #[test]
    fn the_texts_of_a_document_store() {
        // {"page_content": "write to ann@mail.example.org", "metadata": {"source": "a"}}, and a call that is not made
        let text = b"write to ann@mail.example.org";
        let length = [u8::try_from(text.len()).unwrap()];
        let body = [
            &b"\x80\x04}\x94(\x8c\x0cpage_content\x94\x8c"[..],
            &length,
            text,
            b"\x94\x8c\x08metadata}\x8c\x06source\x8c\x01asu0cos\nsystem\nX\x01\x00\x00\x00x\x85R.",
        ];
        let set = one("index.pkl", &body.concat());
        assert_eq!((set.format.as_str(), columns(&set)[1].as_str()), ("pickle", "page_content 1: EMAIL_ADDRESS 1"));
        let report = report(&[("index.pkl", &body.concat()[..60])]);
        assert_eq!(report.incomplete.len(), 1);
    }
}
