//! Tar archives: old, ustar, GNU and pax names.

use super::bytes::leaves_folder;
use super::content;
use super::rule::Rule;
use super::scan::{Scan, lossy};

const BLOCK: usize = 512;
/// More members than this are not read.
const MEMBER_LIMIT: usize = 20_000;

/// Whether the first block is a tar header: its checksum holds.
pub(super) fn starts(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..BLOCK) else { return false };
    let sum: u64 =
        header.iter().enumerate().map(|(n, b)| if (148..156).contains(&n) { 32 } else { u64::from(*b) }).sum();
    header.first() != Some(&0) && number(header, 148, 8) == Some(sum)
}

/// Scans every member. Linear in the bytes.
pub(super) fn scan(scan: &mut Scan, bytes: &[u8]) {
    let (mut at, mut long_name, mut members) = (0_usize, None::<String>, 0);
    while let Some(header) = bytes.get(at..at.saturating_add(BLOCK)) {
        if header.iter().all(|b| *b == 0) {
            at += BLOCK;
            continue;
        }
        members += 1;
        let Some(size) = number(header, 124, 12).and_then(|n| usize::try_from(n).ok()) else { break };
        if members > MEMBER_LIMIT {
            scan.unread(format!("the archive has more than {MEMBER_LIMIT} members"));
            break;
        }
        let start = at + BLOCK;
        let rest = bytes.get(start..).unwrap_or_default();
        let kind = header.get(156).copied().unwrap_or(0);
        let link = matches!(kind, b'1' | b'2');
        let data = if link { &[] } else { rest.get(..size).unwrap_or(rest) };
        if data.len() < size && !link {
            scan.unread(format!("the archive breaks off in its member at byte {at}"));
        }
        match kind {
            b'L' => long_name = Some(lossy(data, 4096).trim_end_matches('\0').to_owned()),
            b'x' | b'g' => long_name = pax_path(&lossy(data, 1 << 16)).or(long_name),
            _ => {
                let name = long_name.take().unwrap_or_else(|| member_name(header));
                if leaves_folder(&name) {
                    scan.found(Rule::ArchiveEscape, Some(at), &name, format!("{name} leaves the folder"));
                }
                let target = field(header, 157, 100);
                if link && leaves_folder(&target) {
                    scan.found(Rule::ArchiveEscape, Some(at), &target, format!("{name} links to {target}"));
                }
                if matches!(kind, b'3' | b'4' | b'6') {
                    scan.found(Rule::ArchiveEscape, Some(at), &name, format!("{name} is a device"));
                }
                if !data.is_empty() {
                    scan.inside(&name, |scan| _ = content::scan(scan, &name, data));
                }
            }
        }
        let Some(next) = data.len().checked_next_multiple_of(BLOCK).and_then(|len| start.checked_add(len)) else {
            break;
        };
        at = next;
    }
}

fn member_name(header: &[u8]) -> String {
    let (name, prefix) = (field(header, 0, 100), field(header, 345, 155));
    let ustar = header.get(257..262) == Some(b"ustar");
    if ustar && !prefix.is_empty() { format!("{prefix}/{name}") } else { name }
}

fn field(header: &[u8], at: usize, len: usize) -> String {
    let bytes = header.get(at..at + len).unwrap_or_default();
    lossy(bytes.split(|b| *b == 0).next().unwrap_or_default(), len).into_owned()
}

/// An octal number, or a binary one where the first bit is set.
fn number(header: &[u8], at: usize, len: usize) -> Option<u64> {
    let bytes = header.get(at..at + len)?;
    if let Some((first, rest)) = bytes.split_first().filter(|(first, _)| **first & 0x80 != 0) {
        return rest.iter().try_fold(u64::from(first & 0x7f), |n, b| n.checked_mul(256)?.checked_add(u64::from(*b)));
    }
    let text = std::str::from_utf8(bytes).ok()?.trim_matches(['\0', ' ']);
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

/// `path=…` of a pax header.
fn pax_path(records: &str) -> Option<String> {
    records.lines().find_map(|record| record.split_once(' ')?.1.strip_prefix("path=")).map(str::to_owned)
}
