//! Zip archives, read as the most forgiving reader would: every central entry of every directory, every local header,
//! with each size and method that either of them gives. What one reader skips, another loads.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem;

use super::bytes::{Cursor, leaves_folder};
use super::rule::Rule;
use super::scan::{Scan, lossy};
use super::{content, packed, pickle};

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
/// More members than this are not read.
const MEMBER_LIMIT: usize = 20_000;

/// What one header says of a member.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    name: String,
    method: u16,
    flags: u16,
    packed: u64,
    size: u64,
    symlink: bool,
}

/// Scans every member, and what stands before, between and after them. Linear in the bytes and in what they unpack to.
pub(super) fn scan(scan: &mut Scan, bytes: &[u8]) {
    let central = central_entries(bytes);
    let mut offsets: BTreeSet<usize> = central.keys().copied().collect();
    offsets.extend(memmem::find_iter(bytes, LOCAL));
    if offsets.len() > MEMBER_LIMIT {
        scan.unread(format!("the archive has more than {MEMBER_LIMIT} members"));
    }
    let mut covered = 0;
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for offset in offsets.into_iter().take(MEMBER_LIMIT) {
        let said = central.get(&offset).map(Vec::as_slice).unwrap_or_default();
        // a local header inside a member that was read is that member's own content
        if said.is_empty() && offset < covered {
            continue;
        }
        let Some((local, start)) = local_entry(bytes, offset) else { continue };
        if offset > covered {
            gap(scan, bytes, covered, offset);
        }
        let end = member(scan, bytes, start, &local, said);
        covered = covered.max(end);
        if !said.is_empty() {
            *names.entry(local.name).or_default() += 1;
        }
    }
    if let Some((name, _)) = names.iter().find(|(_, count)| **count > 1) {
        scan.found(Rule::ArchiveAmbiguous, None, name, format!("{name} is in the archive more than once"));
    }
    if let Some(directory) = memmem::rfind(bytes, END) {
        gap(scan, bytes, directory.saturating_add(22).max(covered), bytes.len());
    }
}

/// Whether the bytes hold a zip's local header and directory anywhere.
pub(super) fn is_inside(bytes: &[u8]) -> bool {
    memmem::find(bytes, LOCAL).is_some() && memmem::find(bytes, CENTRAL).is_some()
}

/// The files of an archive as its directory lists them: name, compression method, packed bytes. Of an archive that says
/// different things in different places this is one reading; to judge one, [`scan`] it.
pub(crate) fn members(bytes: &[u8]) -> impl Iterator<Item = (String, u16, &[u8])> {
    memmem::find_iter(bytes, CENTRAL).filter_map(|offset| {
        let (entry, local) = central_entry(bytes, offset)?;
        let (_, start) = local_entry(bytes, usize::try_from(local).ok()?)?;
        let end = start.checked_add(usize::try_from(entry.packed).ok()?)?;
        let plain = !entry.name.ends_with('/') && entry.flags & 1 == 0;
        Some((entry.name, entry.method, bytes.get(start..end)?)).filter(|_| plain)
    })
}

/// Bytes that belong to no member: a pickle before the first member runs in readers that look at the front.
fn gap(scan: &mut Scan, bytes: &[u8], from: usize, to: usize) {
    let Some(between) = bytes.get(from..to).filter(|between| between.len() > 2) else { return };
    scan.inside(&format!("bytes {from} to {to}"), |scan| {
        if pickle::starts(between) {
            pickle::scan(scan, between);
        } else {
            pickle::hidden(scan, between, 0);
        }
    });
}

/// Reads one member in every way its headers allow; returns where its data ends.
fn member(scan: &mut Scan, bytes: &[u8], start: usize, local: &Entry, central: &[Entry]) -> usize {
    let entries: Vec<&Entry> = central.iter().chain([local]).collect();
    for entry in &entries {
        if leaves_folder(&entry.name) {
            scan.found(Rule::ArchiveEscape, Some(start), &entry.name, format!("{} leaves the folder", entry.name));
        }
    }
    if let Some(other) = central.iter().find(|entry| entry.name != local.name) {
        let message = format!("the directory calls a member {} and its header {}", other.name, local.name);
        scan.found(Rule::ArchiveAmbiguous, Some(start), &other.name, message);
    }
    let ways: BTreeSet<(u16, u64)> = entries.iter().map(|entry| (entry.method, entry.packed)).collect();
    let encrypted = entries.iter().any(|entry| entry.flags & 1 != 0);
    let symlink = entries.iter().any(|entry| entry.symlink);
    let name = central.first().map_or(local.name.as_str(), |entry| entry.name.as_str());
    let mut end = start;
    let mut read: Vec<Cow<'_, [u8]>> = Vec::new();
    for (method, size) in ways {
        let room = bytes.get(start..).unwrap_or_default();
        let data = usize::try_from(size).ok().filter(|size| *size > 0).and_then(|size| room.get(..size));
        // no size, or one past the end: up to the next header
        let data = data.unwrap_or_else(|| {
            let next = [LOCAL, CENTRAL].iter().filter_map(|magic| memmem::find(room, magic)).min();
            room.get(..next.unwrap_or(room.len())).unwrap_or_default()
        });
        end = end.max(start + data.len());
        let unpacked = match method {
            0 => Some(Cow::Borrowed(data)),
            8 => packed::deflate(scan, data).map(Cow::Owned),
            12 => packed::bzip2(scan, data).map(Cow::Owned),
            14 => packed::zip_lzma(scan, data).map(Cow::Owned),
            93 => packed::zstd(scan, data).map(Cow::Owned),
            _ => {
                scan.unread(format!("{name}: compression method {method} is not read"));
                None
            }
        };
        if let Some(unpacked) = unpacked
            && !read.contains(&unpacked)
        {
            read.push(unpacked);
        }
    }
    if encrypted && read.iter().all(|data| content::sniff(data).is_none()) {
        scan.unread(format!("{name} is encrypted"));
    }
    for data in read {
        if symlink {
            let target = lossy(&data, 4096);
            if leaves_folder(&target) {
                scan.found(Rule::ArchiveEscape, Some(start), &target, format!("{name} links to {target}"));
            }
        }
        scan.inside(name, |scan| _ = content::scan(scan, name, &data));
    }
    end
}

fn local_entry(bytes: &[u8], offset: usize) -> Option<(Entry, usize)> {
    let mut at = Cursor::new(bytes, offset);
    if at.take(4)? != LOCAL {
        return None;
    }
    at.u16()?;
    let (flags, method) = (at.u16()?, at.u16()?);
    at.take(8)?;
    let (packed, size) = (at.u32()?, at.u32()?);
    let (name, extra) = (at.u16()?, at.u16()?);
    let name = lossy(at.take(usize::from(name))?, usize::MAX).into_owned();
    let (size, packed, _) = wide(at.take(usize::from(extra))?, size, packed, 0);
    Some((Entry { name, method, flags, packed, size, symlink: false }, at.at))
}

/// Central entries by the offset of their local header, with and without the bytes before the first member.
fn central_entries(bytes: &[u8]) -> BTreeMap<usize, Vec<Entry>> {
    // offsets count from the archive's own start, which junk in front moves
    let shift = memmem::find(bytes, LOCAL).unwrap_or(0);
    let mut entries: BTreeMap<usize, Vec<Entry>> = BTreeMap::new();
    for offset in memmem::find_iter(bytes, CENTRAL).take(MEMBER_LIMIT) {
        let Some((entry, local)) = central_entry(bytes, offset) else { continue };
        let Ok(local) = usize::try_from(local) else { continue };
        let places = [Some(local), local.checked_add(shift)];
        for place in places.into_iter().flatten().collect::<BTreeSet<_>>() {
            let known = entries.entry(place).or_default();
            if bytes.get(place..).is_some_and(|at| at.starts_with(LOCAL)) && !known.contains(&entry) {
                known.push(entry.clone());
            }
        }
    }
    entries.retain(|_, known| !known.is_empty());
    entries
}

fn central_entry(bytes: &[u8], offset: usize) -> Option<(Entry, u64)> {
    let mut at = Cursor::new(bytes, offset.checked_add(8)?);
    let (flags, method) = (at.u16()?, at.u16()?);
    at.take(8)?;
    let (packed, size) = (at.u32()?, at.u32()?);
    let (name, extra, _comment) = (at.u16()?, at.u16()?, at.u16()?);
    at.take(4)?;
    let mode = at.u32()? >> 16;
    let local = at.u32()?;
    let name = lossy(at.take(usize::from(name))?, usize::MAX).into_owned();
    let (size, packed, local) = wide(at.take(usize::from(extra))?, size, packed, local);
    Some((Entry { name, method, flags, packed, size, symlink: mode & 0o170_000 == 0o120_000 }, local))
}

/// Sizes and offset with the Zip64 extra field applied where a 32-bit field is full.
fn wide(extra: &[u8], size: u32, packed: u32, local: u32) -> (u64, u64, u64) {
    let mut fields = [size, packed, local].map(u64::from);
    let mut at = Cursor::new(extra, 0);
    while let (Some(id), Some(len)) = (at.u16(), at.u16()) {
        let Some(body) = at.take(usize::from(len)) else { break };
        if id == 1 {
            let mut body = Cursor::new(body, 0);
            for field in fields.iter_mut().filter(|field| **field == u64::from(u32::MAX)) {
                *field = body.u64().unwrap_or(*field);
            }
        }
    }
    fields.into()
}
