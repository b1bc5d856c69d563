//! Protocol Buffers on the wire: fields one after another, without a schema.

use super::bytes::Cursor;

/// One field's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Fields of a message in order; ends with `Err` where the bytes are no message.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    at: Cursor<'a>,
    failed: bool,
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { at: Cursor::new(bytes, 0), failed: false }
    }

    fn field(&mut self) -> Option<(u64, Field<'a>)> {
        let tag = self.at.varint()?;
        let field = match tag & 7 {
            0 => Field::Number(self.at.varint()?),
            1 => Field::Number(self.at.u64()?),
            5 => Field::Number(u64::from(self.at.u32()?)),
            2 => {
                let len = self.at.varint()?;
                Field::Bytes(self.at.take(usize::try_from(len).ok()?)?)
            }
            _ => return None,
        };
        (tag >> 3 != 0).then_some((tag >> 3, field))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Field<'a>), usize>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.at.rest().is_empty() {
            return None;
        }
        let start = self.at.at;
        let field = self.field();
        self.failed = field.is_none();
        Some(field.ok_or(start))
    }
}
