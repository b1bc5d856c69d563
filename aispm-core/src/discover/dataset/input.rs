//! Files on their way to readers: counted for the progress, unpacked, in UTF-8, line by line within bounds.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::asset::{Error, ErrorKind, Result};
use crate::discover::decode::decode;
use crate::discover::progress::Meter;

/// Largest file that is read whole, bytes: formats whose parts lie anywhere, and texts in UTF-16.
pub(super) const WHOLE: u64 = 256 << 20;
const GZIP: &[u8] = &[0x1F, 0x8B];

/// Tells the meter of every byte.
struct Counted<'m, R> {
    inner: R,
    meter: &'m Meter,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.meter.read(0, read as u64);
        Ok(read)
    }
}

/// The file's text, unpacked and in UTF-8 as far as its byte order mark tells.
pub(super) fn text<'m>(path: &Path, meter: &'m Meter) -> Result<Box<dyn BufRead + 'm>> {
    let unreadable = |error| Error::unreadable(path, error);
    let file = Counted { inner: File::open(path).map_err(unreadable)?, meter };
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let packed = reader.fill_buf().map_err(unreadable)?.starts_with(GZIP);
    let mut reader: Box<dyn BufRead + 'm> = if packed {
        Box::new(BufReader::with_capacity(1 << 18, MultiGzDecoder::new(reader)))
    } else {
        Box::new(reader)
    };
    let head = reader.fill_buf().map_err(unreadable)?;
    if head.starts_with(&[0xEF, 0xBB, 0xBF]) {
        reader.consume(3);
    } else if head.starts_with(&[0xFF, 0xFE]) || head.starts_with(&[0xFE, 0xFF]) {
        let bytes = whole(&mut reader, path)?;
        let text = decode(&bytes).map(|decoded| decoded.text.into_owned()).unwrap_or_default();
        return Ok(Box::new(Cursor::new(text.into_bytes())));
    }
    Ok(reader)
}

/// The whole file, unpacked.
pub(super) fn bytes(path: &Path, meter: &Meter) -> Result<Vec<u8>> {
    whole(&mut text(path, meter)?, path)
}

fn whole(reader: &mut impl Read, path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(WHOLE + 1).read_to_end(&mut bytes).map_err(|error| Error::unreadable(path, error))?;
    if bytes.len() as u64 > WHOLE {
        let message = format!("larger than the limit of {WHOLE} bytes for a file of this kind");
        return Err(Error::new(ErrorKind::Budget, message).at(path));
    }
    Ok(bytes)
}

/// Lines, each without its end and at most so long; what is longer comes in pieces.
pub(super) struct Lines<'r> {
    reader: Box<dyn BufRead + 'r>,
    limit: u64,
    bytes: Vec<u8>,
    /// The line that was read last, from 1.
    pub(super) number: u64,
    open: bool,
}

impl<'r> Lines<'r> {
    pub(super) fn new(reader: Box<dyn BufRead + 'r>, limit: u64) -> Self {
        Self { reader, limit, bytes: Vec::new(), number: 0, open: false }
    }

    /// The next line, and whether it is whole or the last piece of one; `None` at the end. Fails where the stream does.
    pub(super) fn next(&mut self) -> std::io::Result<Option<(&[u8], bool)>> {
        self.bytes.clear();
        let read = self.reader.by_ref().take(self.limit).read_until(b'\n', &mut self.bytes)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += u64::from(!self.open);
        let ended = self.bytes.ends_with(b"\n");
        self.open = !ended && read as u64 == self.limit;
        let line = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        Ok(Some((line.strip_suffix(b"\r").unwrap_or(line), !self.open)))
    }
}
