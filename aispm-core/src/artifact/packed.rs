//! Compressed streams, unpacked within the budget.

use std::io::Read;

use super::content;
use super::report::Format;
use super::rule::Rule;
use super::scan::Scan;

/// A stream that grows by this factor up to the budget is a bomb.
const BOMB_RATIO: u64 = 100;
/// One that grows by this factor to more than the floor is one too, whatever the budget.
const EXTREME_RATIO: u64 = 500;
const BOMB_FLOOR: u64 = 100 << 20;
/// Memory for an LZMA dictionary; KiB.
const LZMA_MEMORY: u32 = 128 << 10;

/// Scans what a compressed file unpacks to.
pub(super) fn scan(scan: &mut Scan, format: Format, name: &str, bytes: &[u8]) {
    let unpacked = match format {
        Format::Gzip => unpack(scan, bytes, flate2::read::MultiGzDecoder::new(bytes)),
        Format::Zlib => unpack(scan, bytes, flate2::read::ZlibDecoder::new(bytes)),
        Format::Bzip2 => bzip2(scan, bytes),
        Format::Xz => unpack(scan, bytes, lzma_rust2::XzReader::new_mem_limit(bytes, true, LZMA_MEMORY)),
        Format::Lzma => lzma(scan, bytes),
        Format::Zstd => zstd(scan, bytes),
        Format::Lz4 => unpack(scan, bytes, lz4_flex::frame::FrameDecoder::new(bytes)),
        _ => None,
    };
    match unpacked {
        Some(unpacked) => scan.inside(format.as_str(), |scan| _ = content::scan(scan, name, &unpacked)),
        None => scan.unread(format!("{format} data could not be unpacked")),
    }
}

pub(super) fn deflate(scan: &mut Scan, data: &[u8]) -> Option<Vec<u8>> {
    unpack(scan, data, flate2::read::DeflateDecoder::new(data))
}

pub(super) fn bzip2(scan: &mut Scan, data: &[u8]) -> Option<Vec<u8>> {
    unpack(scan, data, bzip2::read::MultiBzDecoder::new(data))
}

pub(super) fn zstd(scan: &mut Scan, data: &[u8]) -> Option<Vec<u8>> {
    let reader = ruzstd::decoding::StreamingDecoder::new(data).ok()?;
    unpack(scan, data, reader)
}

/// An LZMA-alone stream: properties, dictionary size and length stand in front.
fn lzma(scan: &mut Scan, data: &[u8]) -> Option<Vec<u8>> {
    let reader = lzma_rust2::LzmaReader::new_mem_limit(data, LZMA_MEMORY, None).ok()?;
    unpack(scan, data, reader)
}

/// Method 14 of zip: version, length of properties, five bytes of properties, then raw LZMA.
pub(super) fn zip_lzma(scan: &mut Scan, data: &[u8]) -> Option<Vec<u8>> {
    let (header, stream) = data.split_at_checked(9)?;
    let [_, _, 5, 0, props, dictionary @ ..] = header else { return None };
    let dictionary = u32::from_le_bytes(dictionary.try_into().ok()?);
    raw_lzma(scan, stream, *props, dictionary, u64::MAX)
}

/// Raw LZMA with its properties given apart; length `u64::MAX` if it ends by a marker.
pub(super) fn raw_lzma(scan: &mut Scan, stream: &[u8], props: u8, dictionary: u32, len: u64) -> Option<Vec<u8>> {
    if dictionary >> 10 > LZMA_MEMORY {
        return None;
    }
    let reader = lzma_rust2::LzmaReader::new_with_props(stream, len, props, dictionary, None).ok()?;
    unpack(scan, stream, reader)
}

/// Raw LZMA2.
pub(super) fn raw_lzma2(scan: &mut Scan, stream: &[u8], dictionary: u32) -> Option<Vec<u8>> {
    if dictionary >> 10 > LZMA_MEMORY {
        return None;
    }
    unpack(scan, stream, lzma_rust2::Lzma2Reader::new(stream, dictionary, None))
}

/// Reads to the end or to the budget. A stream that breaks still gives what stands before the break; `None` if nothing.
fn unpack(scan: &mut Scan, packed: &[u8], reader: impl Read) -> Option<Vec<u8>> {
    let limit = scan.budget.unpacked;
    let mut out = Vec::new();
    let read = reader.take(limit.saturating_add(1)).read_to_end(&mut out);
    let len = out.len() as u64;
    scan.budget.unpacked = limit.saturating_sub(len);
    let grows = |to: u64, from: u64| to / from.max(1);
    let bomb = if len > limit {
        grows(len, packed.len() as u64) >= BOMB_RATIO || grows(scan.unpacked_limit, scan.size) >= BOMB_RATIO
    } else {
        len >= BOMB_FLOOR && grows(len, packed.len() as u64) >= EXTREME_RATIO
    };
    if bomb {
        let message = format!("{} bytes unpack to {len} or more", packed.len());
        scan.found(Rule::DenialOfService, None, "decompression bomb", message);
    } else if len > limit {
        scan.unread(format!("unpacks to more than the {} bytes that are read", scan.unpacked_limit));
    }
    out.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    match read {
        Err(_) if out.is_empty() => None,
        Err(error) => {
            scan.unread(format!("compressed data breaks off: {error}"));
            Some(out)
        }
        Ok(_) => Some(out),
    }
}
