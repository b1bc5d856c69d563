//! NumPy arrays: a Python literal as header; arrays of objects are pickles.

use memchr::memmem;

use super::bytes::Cursor;
use super::pickle;
use super::rule::Rule;
use super::scan::{Scan, lossy};
use crate::asset::Severity;

pub(super) const MAGIC: &[u8] = b"\x93NUMPY";
/// NumPy itself refuses longer headers unless told otherwise.
const HEADER_LIMIT: usize = 10_000;

/// Scans a header and, if it holds objects, the pickle behind it.
pub(super) fn scan(scan: &mut Scan, bytes: &[u8]) {
    if header(scan, bytes).is_none() {
        scan.found(Rule::MalformedModel, Some(8), "header length", "the header is declared longer than the file");
    }
}

fn header(scan: &mut Scan, bytes: &[u8]) -> Option<()> {
    let mut at = Cursor::new(bytes, MAGIC.len());
    let major = at.u8()?;
    at.u8()?;
    let len = if major == 1 { usize::from(at.u16()?) } else { usize::try_from(at.u32()?).ok()? };
    let header = at.take(len)?;
    if len > HEADER_LIMIT {
        let message = format!("a header of {len} bytes");
        scan.found_as(Rule::DenialOfService, Severity::Medium, Some(8), "header", message);
    }
    if header.iter().any(|b| !b.is_ascii()) || memmem::find(header, b"__").is_some() || calls(header) {
        let text = lossy(header, HEADER_LIMIT);
        scan.found_as(Rule::CodeInModel, Severity::Medium, Some(10), &text, "the header holds more than a literal");
    }
    let description = memmem::find(header, b"descr").and_then(|n| header.get(n..)).unwrap_or(header);
    let description = description.split(|b| *b == b'f').next().unwrap_or_default();
    // "|O", or O as a field of a structured type
    if [&b"|O"[..], b"'O", b"\"O"].iter().any(|o| memmem::find(header, o).is_some()) || description.contains(&b'O') {
        pickle::scan(scan, at.rest());
    } else {
        pickle::hidden(scan, bytes, at.at);
    }
    Some(())
}

/// A name right before a parenthesis; shapes have none.
fn calls(header: &[u8]) -> bool {
    header.windows(2).any(|pair| matches!(pair, [name, b'('] if name.is_ascii_alphanumeric()))
}
