//! Lines of bounded length.

use std::io::{self, BufRead};

/// One line of a log.
pub(super) struct Line {
    /// Its number, from 1.
    pub(super) number: u64,
    /// Its bytes without the line feed; not all of them if it is too long.
    pub(super) bytes: Vec<u8>,
    /// Whether a line feed ends it.
    pub(super) ended: bool,
    /// Whether it is longer than an entry may be.
    pub(super) too_long: bool,
}

/// The lines of a reader, each kept up to a limit. Memory is that of one line.
pub(super) struct Lines<R> {
    reader: R,
    limit: usize,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R, limit: usize) -> Self {
        Self { reader, limit, number: 0 }
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        self.number = self.number.saturating_add(1);
        let mut line = Line { number: self.number, bytes: Vec::new(), ended: false, too_long: false };
        let mut empty = true;
        while !line.ended {
            let buffer = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                buffer => buffer?,
            };
            if buffer.is_empty() {
                return Ok((!empty).then_some(line));
            }
            empty = false;
            let end = memchr::memchr(b'\n', buffer);
            let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
            line.ended = end.is_some();
            line.too_long |= line.bytes.len() + part.len() >= self.limit;
            if !line.too_long {
                line.bytes.extend_from_slice(part);
            }
            let used = part.len() + usize::from(line.ended);
            self.reader.consume(used);
        }
        Ok(Some(line))
    }
}
