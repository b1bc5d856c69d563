//! 7-Zip archives: folders packed with Copy, LZMA or LZMA2. Branch filters before them are left undone: they change jump
//! addresses of machine code, not what makes a pickle. Layout after `7zFormat.txt` of the LZMA SDK.

use super::bytes::Cursor;
use super::scan::Scan;
use super::{content, packed, pickle};

const SIGNATURE_LEN: usize = 32;
const COUNT_LIMIT: u64 = 10_000;

/// One packed run of bytes.
struct Folder {
    method: Vec<u8>,
    properties: Vec<u8>,
    unpacked: u64,
    start: u64,
    packed: u64,
}

/// Scans what each folder unpacks to; a folder holds its files one after another. Linear in what is unpacked.
pub(super) fn scan(scan: &mut Scan, bytes: &[u8]) {
    let Some(folders) = folders(scan, bytes, 0) else {
        return scan.unread("the 7z header could not be read");
    };
    for (n, folder) in folders.iter().enumerate() {
        let Some(unpacked) = unpack(scan, bytes, folder) else {
            scan.unread("7z data is packed in a way that is not read");
            continue;
        };
        scan.inside(&format!("folder {n}"), |scan| {
            content::scan(scan, "", &unpacked);
            pickle::hidden(scan, &unpacked, 0);
        });
    }
}

fn folders(scan: &mut Scan, bytes: &[u8], depth: u8) -> Option<Vec<Folder>> {
    let mut at = Cursor::new(bytes, 12);
    let (offset, len) = (at.u64()?, at.u64()?);
    let start = usize::try_from(offset).ok()?.checked_add(SIGNATURE_LEN)?;
    let header = bytes.get(start..start.checked_add(usize::try_from(len).ok()?)?)?.to_vec();
    streams(scan, bytes, &header, depth)
}

fn streams(scan: &mut Scan, bytes: &[u8], header: &[u8], depth: u8) -> Option<Vec<Folder>> {
    let mut at = Cursor::new(header, 0);
    match at.u8()? {
        0x17 if depth < 4 => {
            // the header itself is packed
            let folder = streams_info(&mut at)?.into_iter().next()?;
            let inner = unpack(scan, bytes, &folder)?;
            streams(scan, bytes, &inner, depth + 1)
        }
        0x01 => {
            if at.rest().first() == Some(&0x02) {
                return None;
            }
            (at.u8()? == 0x04).then(|| streams_info(&mut at))?
        }
        _ => None,
    }
}

fn streams_info(at: &mut Cursor<'_>) -> Option<Vec<Folder>> {
    let (mut start, mut sizes) = (0, Vec::new());
    let mut id = at.u8()?;
    if id == 0x06 {
        start = number(at)?;
        let count = number(at).filter(|n| *n <= COUNT_LIMIT)?;
        id = at.u8()?;
        if id == 0x09 {
            sizes = (0..count).map(|_| number(at)).collect::<Option<_>>()?;
            id = at.u8()?;
        }
        if id == 0x0a {
            digests(at, count)?;
            id = at.u8()?;
        }
        (id == 0).then_some(())?;
        id = at.u8()?;
    }
    (id == 0x07 && at.u8()? == 0x0b).then_some(())?;
    let count = number(at).filter(|n| *n <= COUNT_LIMIT)?;
    (at.u8()? == 0).then_some(())?;
    let mut folders = Vec::new();
    for n in 0..count {
        let (method, properties, outputs) = coders(at)?;
        let packed = *sizes.get(usize::try_from(n).ok()?)?;
        folders.push((Folder { method, properties, unpacked: 0, start, packed }, outputs));
        start = start.checked_add(packed)?;
    }
    (at.u8()? == 0x0c).then_some(())?;
    for (folder, outputs) in &mut folders {
        // filters keep the size, so any output's will do
        for _ in 0..*outputs {
            folder.unpacked = number(at)?;
        }
    }
    Some(folders.into_iter().map(|(folder, _)| folder).collect())
}

/// The compressing coder of a folder, its properties, and how many coders there are.
fn coders(at: &mut Cursor<'_>) -> Option<(Vec<u8>, Vec<u8>, u64)> {
    let count = number(at).filter(|n| (1..=4).contains(n))?;
    let mut compressing = None;
    for _ in 0..count {
        let flags = at.u8()?;
        let method = at.take(usize::from(flags & 0x0f))?.to_vec();
        if flags & 0x10 != 0 {
            (number(at)? == 1 && number(at)? == 1).then_some(())?;
        }
        let properties = if flags & 0x20 == 0 { &[] } else { at.take_number()? };
        let is_filter = matches!(method.as_slice(), [3, 3, ..] | [3] | [4..=0x0b]);
        if !is_filter {
            (compressing.is_none()).then_some(())?;
            compressing = Some((method, properties.to_vec()));
        }
    }
    for _ in 1..count {
        number(at)?;
        number(at)?;
    }
    let (method, properties) = compressing?;
    Some((method, properties, count))
}

impl<'a> Cursor<'a> {
    /// Bytes led by their length.
    fn take_number(&mut self) -> Option<&'a [u8]> {
        let len = number(self)?;
        self.take(usize::try_from(len).ok()?)
    }
}

fn digests(at: &mut Cursor<'_>, count: u64) -> Option<()> {
    let defined = if at.u8()? != 0 {
        count
    } else {
        let bits = at.take(usize::try_from(count.div_ceil(8)).ok()?)?;
        bits.iter().map(|b| u64::from(b.count_ones())).sum()
    };
    at.take(usize::try_from(defined.checked_mul(4)?).ok()?).map(|_| ())
}

/// 7-Zip's number: leading ones of the first byte count the bytes that follow.
fn number(at: &mut Cursor<'_>) -> Option<u64> {
    let first = at.u8()?;
    let more = first.leading_ones();
    let mut value = 0_u64;
    for n in 0..more {
        value |= u64::from(at.u8()?) << (8 * n);
    }
    let high = u64::from(first) & 0x7f_u64.checked_shr(more).unwrap_or(0);
    Some(value | high.checked_shl(8 * more).unwrap_or(0))
}

fn unpack(scan: &mut Scan, bytes: &[u8], folder: &Folder) -> Option<Vec<u8>> {
    let start = usize::try_from(folder.start).ok()?.checked_add(SIGNATURE_LEN)?;
    let data = bytes.get(start..start.checked_add(usize::try_from(folder.packed).ok()?)?)?;
    match (folder.method.as_slice(), folder.properties.as_slice()) {
        ([0], _) => Some(data.to_vec()),
        ([3, 1, 1], [props, dictionary @ ..]) => {
            let dictionary = u32::from_le_bytes(dictionary.try_into().ok()?);
            packed::raw_lzma(scan, data, *props, dictionary, folder.unpacked)
        }
        ([0x21], [bits]) => {
            let size = (2_u64 | u64::from(bits & 1)).checked_shl(u32::from(bits / 2) + 11)?;
            packed::raw_lzma2(scan, data, u32::try_from(size).ok()?)
        }
        _ => None,
    }
}
