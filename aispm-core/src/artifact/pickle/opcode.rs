//! Pickle opcodes, protocols 0 to 5, read from bytes. Shapes after CPython's `pickletools`.

use std::borrow::Cow;

/// A line of text in protocol 0 longer than this is no pickle.
const LINE_LIMIT: usize = 1 << 26;

/// One operation with its argument.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Op<'a> {
    Proto(u8),
    Frame(u64),
    Stop,
    Mark,
    Pop,
    PopMark,
    Dup,
    /// A value that cannot matter: numbers, None, booleans.
    Plain,
    Int(i64),
    /// A decimal or binary integer of this many digits or bytes.
    LongDecimal(usize),
    LongBinary(u64),
    Text(Cow<'a, str>),
    Bytes(&'a [u8]),
    EmptyList,
    EmptyTuple,
    EmptyDict,
    EmptySet,
    Append,
    Appends,
    List,
    Tuple,
    TupleOf(usize),
    Dict,
    FrozenSet,
    SetItem,
    SetItems,
    AddItems,
    Get(u64),
    Put(u64),
    Memoize,
    Global(Cow<'a, str>, Cow<'a, str>),
    StackGlobal,
    Inst(Cow<'a, str>, Cow<'a, str>),
    Object,
    NewObject,
    NewObjectEx,
    Reduce,
    Build,
    Extension(u64),
    PersistentText,
    Persistent,
    NextBuffer,
    ReadonlyBuffer,
}

/// Why no operation could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// The bytes end inside an operation.
    Short,
    /// A length was declared that the bytes do not hold.
    Declared(u64),
    /// Not an opcode.
    Unknown,
    /// An argument that Python rejects.
    Argument,
}

/// Reads from the front of bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, len: u64) -> Result<&'a [u8], Broken> {
        let start = self.at;
        let end = usize::try_from(len).ok().and_then(|len| start.checked_add(len)).ok_or(Broken::Declared(len))?;
        let taken = self.bytes.get(start..end).ok_or(Broken::Declared(len))?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let array = rest.first_chunk::<N>().ok_or(Broken::Short)?;
        self.at += N;
        Ok(*array)
    }

    fn u8(&mut self) -> Result<u64, Broken> {
        self.array::<1>().map(|[byte]| u64::from(byte))
    }

    fn u16(&mut self) -> Result<u64, Broken> {
        self.array().map(|a| u64::from(u16::from_le_bytes(a)))
    }

    fn u32(&mut self) -> Result<u64, Broken> {
        self.array().map(|a| u64::from(u32::from_le_bytes(a)))
    }

    fn u64(&mut self) -> Result<u64, Broken> {
        self.array().map(u64::from_le_bytes)
    }

    fn line(&mut self) -> Result<&'a [u8], Broken> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let window = rest.get(..LINE_LIMIT).unwrap_or(rest);
        let end = memchr::memchr(b'\n', window).ok_or(Broken::Short)?;
        self.at += end + 1;
        Ok(rest.get(..end).unwrap_or_default())
    }

    fn name(&mut self) -> Result<Cow<'a, str>, Broken> {
        self.line().map(String::from_utf8_lossy)
    }

    fn text(&mut self, len: u64) -> Result<Op<'a>, Broken> {
        self.take(len).map(|bytes| Op::Text(String::from_utf8_lossy(bytes)))
    }

    /// The next operation. Linear in its length.
    pub(super) fn next(&mut self) -> Result<Op<'a>, Broken> {
        let code = *self.bytes.get(self.at).ok_or(Broken::Short)?;
        self.at += 1;
        Ok(match code {
            0x80 => Op::Proto(self.array::<1>()?[0]),
            0x95 => Op::Frame(self.u64()?),
            b'.' => Op::Stop,
            b'(' => Op::Mark,
            b'0' => Op::Pop,
            b'1' => Op::PopMark,
            b'2' => Op::Dup,
            b'N' | 0x88 | 0x89 => Op::Plain,
            b'I' => integer(self.line()?)?,
            b'L' => long(self.line()?)?,
            b'F' => float(self.line()?)?,
            b'J' => Op::Int(i64::from(i32::from_le_bytes(self.array()?))),
            b'K' => Op::Int(i64::try_from(self.u8()?).unwrap_or_default()),
            b'M' => Op::Int(i64::try_from(self.u16()?).unwrap_or_default()),
            b'G' => self.array::<8>().map(|_| Op::Plain)?,
            0x8a => {
                let len = self.u8()?;
                small(self.take(len)?)
            }
            0x8b => {
                let len = self.u32()?;
                self.take(len)?;
                Op::LongBinary(len)
            }
            b'S' => quoted(self.line()?)?,
            b'V' => Op::Text(raw_unicode_escape(self.line()?)),
            b'T' => {
                let len = self.u32()?;
                self.text(len)?
            }
            b'U' | 0x8c => {
                let len = self.u8()?;
                self.text(len)?
            }
            b'X' => {
                let len = self.u32()?;
                self.text(len)?
            }
            0x8d => {
                let len = self.u64()?;
                self.text(len)?
            }
            b'C' => {
                let len = self.u8()?;
                Op::Bytes(self.take(len)?)
            }
            b'B' => {
                let len = self.u32()?;
                Op::Bytes(self.take(len)?)
            }
            0x8e | 0x96 => {
                let len = self.u64()?;
                Op::Bytes(self.take(len)?)
            }
            b']' => Op::EmptyList,
            b')' => Op::EmptyTuple,
            b'}' => Op::EmptyDict,
            0x8f => Op::EmptySet,
            b'a' => Op::Append,
            b'e' => Op::Appends,
            b'l' => Op::List,
            b't' => Op::Tuple,
            0x85 => Op::TupleOf(1),
            0x86 => Op::TupleOf(2),
            0x87 => Op::TupleOf(3),
            b'd' => Op::Dict,
            0x91 => Op::FrozenSet,
            b's' => Op::SetItem,
            b'u' => Op::SetItems,
            0x90 => Op::AddItems,
            b'g' => Op::Get(index(self.line()?)?),
            b'h' => Op::Get(self.u8()?),
            b'j' => Op::Get(self.u32()?),
            b'p' => Op::Put(index(self.line()?)?),
            b'q' => Op::Put(self.u8()?),
            b'r' => Op::Put(self.u32()?),
            0x94 => Op::Memoize,
            b'c' => Op::Global(self.name()?, self.name()?),
            b'i' => Op::Inst(self.name()?, self.name()?),
            0x93 => Op::StackGlobal,
            b'o' => Op::Object,
            0x81 => Op::NewObject,
            0x92 => Op::NewObjectEx,
            b'R' => Op::Reduce,
            b'b' => Op::Build,
            0x82 => Op::Extension(self.u8()?),
            0x83 => Op::Extension(self.u16()?),
            0x84 => Op::Extension(self.u32()?),
            b'P' => self.line().map(|_| Op::PersistentText)?,
            b'Q' => Op::Persistent,
            0x97 => Op::NextBuffer,
            0x98 => Op::ReadonlyBuffer,
            _ => return Err(Broken::Unknown),
        })
    }
}

fn ascii(line: &[u8]) -> Result<&str, Broken> {
    std::str::from_utf8(line).map(str::trim).map_err(|_| Broken::Argument)
}

/// A decimal integer; one too long for 64 bits keeps only its length.
fn integer(line: &[u8]) -> Result<Op<'static>, Broken> {
    let text = ascii(line)?;
    let digits = text.trim_start_matches(['-', '+']);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
        return Err(Broken::Argument);
    }
    Ok(text.parse().map_or(Op::LongDecimal(digits.len()), Op::Int))
}

fn long(line: &[u8]) -> Result<Op<'static>, Broken> {
    integer(line.strip_suffix(b"L").unwrap_or(line))
}

fn float(line: &[u8]) -> Result<Op<'static>, Broken> {
    ascii(line)?.parse::<f64>().map(|_| Op::Plain).map_err(|_| Broken::Argument)
}

fn index(line: &[u8]) -> Result<u64, Broken> {
    ascii(line)?.parse().map_err(|_| Broken::Argument)
}

/// LONG1: little-endian two's complement of up to 255 bytes.
fn small(bytes: &[u8]) -> Op<'static> {
    if bytes.len() > 8 {
        return Op::LongBinary(bytes.len() as u64);
    }
    let fill = if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
    let mut wide = [fill; 8];
    wide.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    Op::Int(i64::from_le_bytes(wide))
}

/// STRING: a quoted string with backslash escapes.
fn quoted(line: &[u8]) -> Result<Op<'_>, Broken> {
    let line = line.trim_ascii();
    let inner =
        [b'\'', b'"'].into_iter().find_map(|q| line.strip_prefix(&[q])?.strip_suffix(&[q])).ok_or(Broken::Argument)?;
    if !inner.contains(&b'\\') {
        return Ok(Op::Text(String::from_utf8_lossy(inner)));
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner.iter();
    while let Some(&byte) = rest.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let hex = |d: Option<&u8>| d.and_then(|d| char::from(*d).to_digit(16));
        match rest.next().copied() {
            Some(b'n') => out.push(b'\n'),
            Some(b'r') => out.push(b'\r'),
            Some(b't') => out.push(b'\t'),
            Some(b'x') => {
                let ahead = rest.as_slice();
                if let (Some(high), Some(low)) = (hex(ahead.first()), hex(ahead.get(1))) {
                    out.push(u8::try_from(high * 16 + low).unwrap_or_default());
                    rest.nth(1);
                }
            }
            Some(digit @ b'0'..=b'7') => {
                let mut value = u32::from(digit - b'0');
                while let Some(next @ b'0'..=b'7') = rest.as_slice().first().copied()
                    && value < 0o40
                {
                    value = value * 8 + u32::from(next - b'0');
                    rest.next();
                }
                out.push(u8::try_from(value).unwrap_or_default());
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    Ok(Op::Text(String::from_utf8_lossy(&out).into_owned().into()))
}

/// UNICODE: Latin-1 with `\uXXXX` and `\UXXXXXXXX`.
fn raw_unicode_escape(line: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(line)
        && !text.contains('\\')
    {
        return text.into();
    }
    let latin: String = line.iter().map(|b| char::from(*b)).collect();
    let mut out = String::with_capacity(latin.len());
    let mut rest = latin.as_str();
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let width = match after.bytes().next() {
            Some(b'u') => 4,
            Some(b'U') => 8,
            _ => 0,
        };
        let code = after.get(1..=width).and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
        match code {
            Some(c) if width > 0 => {
                out.push(c);
                rest = after.get(width + 1..).unwrap_or_default();
            }
            _ => {
                out.push('\\');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(bytes: &[u8]) -> Result<Op<'_>, Broken> {
        Reader { bytes, at: 0 }.next()
    }

    #[test]
    fn arguments_are_read_as_python_does() {
        assert_eq!(first(b"V\\u006fs\n"), Ok(Op::Text("os".into())));
        assert_eq!(first(b"S'\\x6f\\163'\n"), Ok(Op::Text("os".into())));
        assert_eq!(first(b"\x8a\x01\xff"), Ok(Op::Int(-1)));
        assert_eq!(first(b"cos\nsystem\n"), Ok(Op::Global("os".into(), "system".into())));
        assert_eq!(first(b"I01\n"), Ok(Op::Int(1)));
    }

    #[test]
    fn what_the_bytes_do_not_hold_is_broken() {
        assert_eq!(first(b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff"), Err(Broken::Declared(u64::MAX)));
        assert_eq!(first(b"F1.x\n"), Err(Broken::Argument));
        assert_eq!(first(b"cos\nsystem"), Err(Broken::Short));
        assert_eq!(first(b"\xff"), Err(Broken::Unknown));
    }
}
