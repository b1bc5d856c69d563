//! HDF5, as Keras writes it: configurations and links are sought in the bytes, wherever the file keeps them.

use std::sync::LazyLock;

use memchr::memmem;
use regex::bytes::Regex;
use serde_json::Value;

use super::bytes::{Cursor, leaves_folder};
use super::config;
use super::rule::Rule;
use super::scan::{Scan, lossy};
use crate::asset::Severity;

/// Failed attempts to read JSON before the search ends.
const ATTEMPT_LIMIT: usize = 500;
/// Longest configuration read.
const WINDOW: usize = 16 << 20;
/// Bytes of one failed attempt.
const FAILED_WINDOW: usize = 64 << 10;
/// A link of the external kind.
const EXTERNAL: u8 = 0x40;

/// Linear in the bytes but for a bounded number of attempts.
pub(super) fn scan(scan: &mut Scan, bytes: &[u8]) {
    configurations(scan, bytes);
    static LAMBDA: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"(?-u)"class_name"\s*:\s*"(?:[A-Za-z_.>]*[.>])?(Lambda|__lambda__)""#).ok());
    if let Some(hit) = LAMBDA.as_ref().and_then(|lambda| lambda.find(bytes)) {
        let message = "a Lambda layer holds Python code that runs when the model loads";
        scan.found(Rule::CodeInModel, Some(hit.start()), "Lambda", message);
    }
    for at in memchr::memchr_iter(EXTERNAL, bytes) {
        if let Some(file) = external_link(bytes, at) {
            let severity = if leaves_folder(&file) { Severity::High } else { Severity::Medium };
            let message = format!("a link leads to the file {file}");
            scan.found_as(Rule::ExternalAccess, severity, Some(at), &file, message);
        }
    }
}

/// Every JSON object that stands in the bytes and speaks of classes.
fn configurations(scan: &mut Scan, bytes: &[u8]) {
    let (mut from, mut failed) = (0, 0);
    while let Some(start) = bytes.get(from..).and_then(|rest| memmem::find(rest, b"{\"")).map(|n| from + n) {
        let rest = bytes.get(start..).unwrap_or_default();
        // an object worth reading names a class soon
        let soon = rest.get(..FAILED_WINDOW).unwrap_or(rest);
        from = start + 2;
        if memmem::find(soon, b"\"class_name\"").is_none() {
            continue;
        }
        let window = rest.get(..WINDOW).unwrap_or(rest);
        let mut values = serde_json::Deserializer::from_slice(window).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                config::value(scan, &value);
                from = start + values.byte_offset().max(2);
            }
            _ => {
                failed += 1;
                if failed > ATTEMPT_LIMIT {
                    return scan.unread("too many broken configurations");
                }
            }
        }
    }
}

/// A link message (version 1, type given) whose type byte stands at `at`: name, then file and path.
fn external_link(bytes: &[u8], at: usize) -> Option<String> {
    let [1, flags] = *bytes.get(at.checked_sub(2)?..at)? else { return None };
    if flags & !0x1f != 0 || flags & 0x08 == 0 {
        return None;
    }
    let mut cursor = Cursor::new(bytes, at + 1);
    cursor.take(if flags & 0x04 != 0 { 8 } else { 0 })?;
    cursor.take(if flags & 0x10 != 0 { 1 } else { 0 })?;
    let len = match flags & 3 {
        0 => usize::from(cursor.u8()?),
        1 => usize::from(cursor.u16()?),
        2 => usize::try_from(cursor.u32()?).ok()?,
        _ => usize::try_from(cursor.u64()?).ok()?,
    };
    cursor.take(len)?;
    let len = usize::from(cursor.u16()?);
    let target = cursor.take(len)?.strip_prefix(&[0])?;
    let file = target.split(|b| *b == 0).next()?;
    (!file.is_empty() && file.iter().all(|b| !b.is_ascii_control())).then(|| lossy(file, 4096).into_owned())
}
