//! Safetensors: eight bytes of length, a JSON header, tensors. Rules after the format's own specification: offsets are
//! in order, do not overlap, leave no hole and end with the file; keys are unique.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::rule::Rule;
use super::scan::Scan;
use super::{config, pickle};
use crate::asset::Severity;

/// The reference reader's own limit.
const HEADER_LIMIT: u64 = 100_000_000;

/// Whether the bytes begin with a length and a JSON header.
pub(super) fn starts(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else { return false };
    let length = u64::from_le_bytes(*length);
    // text that has a brace in its ninth place
    let prose = bytes.iter().take(8).all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace());
    let opens = matches!(rest, [b'{', b'"' | b'}' | b' ' | b'\n' | b'\r' | b'\t', ..] | [b'[', b'[' | b'{', ..]);
    opens && length >= 2 && (!prose || memchr::memmem::find(rest, b"data_offsets").is_some())
}

/// Checks the header against `total`, the size of the whole file, of which `bytes` is the head or all.
pub(super) fn scan(scan: &mut Scan, bytes: &[u8], total: u64) {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else { return };
    let length = u64::from_le_bytes(*length);
    let bad = |scan: &mut Scan, at, detail: &str, message: &str| scan.found(Rule::MalformedModel, at, detail, message);
    let Some(data_len) = total.checked_sub(8).and_then(|n| n.checked_sub(length)) else {
        return bad(scan, Some(0), "header length", "the header is declared longer than the file");
    };
    if length > HEADER_LIMIT {
        scan.found(Rule::DenialOfService, Some(0), "header length", format!("a header of {length} bytes"));
    }
    let Some(header) = usize::try_from(length).ok().and_then(|length| rest.get(..length)) else {
        return scan.unread("the header is larger than what is read");
    };
    let entries = match serde_json::from_slice::<Entries>(header) {
        Ok(Entries(entries)) => entries,
        Err(error) => return bad(scan, Some(8), "header", &format!("the header is no JSON object: {error}")),
    };
    let mut spans: Vec<(u64, u64)> = Vec::new();
    let mut names = std::collections::HashSet::new();
    for (name, value) in &entries {
        if !names.insert(name) {
            bad(scan, Some(8), name, "a key stands in the header twice: readers differ in which they take");
        }
        if name == "__metadata__" {
            config::value(scan, value);
            continue;
        }
        match span(value) {
            Ok((begin, end)) if begin > end || end > data_len => {
                bad(scan, Some(8), name, "a tensor lies outside the file or ends before it begins");
            }
            Ok(span) => spans.push(span),
            Err(message) => bad(scan, Some(8), name, message),
        }
    }
    spans.sort_unstable();
    let mut covered = 0;
    for (begin, end) in spans {
        if begin < covered {
            bad(scan, Some(8), "overlap", "tensors overlap");
        } else if begin > covered {
            bad(scan, Some(8), "hole", "bytes between tensors belong to none");
        }
        covered = covered.max(end);
    }
    if covered < data_len {
        let start = 8_u64.saturating_add(length).saturating_add(covered);
        let start = usize::try_from(start).ok();
        scan.found_as(
            Rule::HiddenBytes,
            Severity::High,
            start,
            "",
            format!("{} bytes follow the last tensor", data_len - covered),
        );
        let trailing = start.and_then(|start| bytes.get(start..)).unwrap_or_default();
        if pickle::starts(trailing) {
            scan.inside("bytes after the last tensor", |scan| _ = pickle::scan(scan, trailing));
        }
    }
}

/// Offsets of a tensor, if its shape and type fit them.
fn span(tensor: &Value) -> Result<(u64, u64), &'static str> {
    let numbers = |key| -> Option<Vec<u64>> { tensor.get(key)?.as_array()?.iter().map(Value::as_u64).collect() };
    let (Some(shape), Some(offsets)) = (numbers("shape"), numbers("data_offsets")) else {
        return Err("a tensor has no valid shape or offsets");
    };
    let [begin, end] = *offsets else { return Err("a tensor has no two offsets") };
    let count = shape.iter().try_fold(1_u64, |n, side| n.checked_mul(*side)).ok_or("a shape overflows")?;
    let kind = tensor.get("dtype").and_then(Value::as_str).ok_or("a tensor has no type")?;
    let Some(bits) = bits(kind) else { return Ok((begin, end)) };
    let bytes = count.checked_mul(bits).ok_or("a shape overflows")?.div_ceil(8);
    if begin <= end && end - begin != bytes { Err("shape and offsets disagree") } else { Ok((begin, end)) }
}

/// Bits of an element; `None` for types newer than this list.
fn bits(kind: &str) -> Option<u64> {
    Some(match kind {
        "F64" | "I64" | "U64" | "C64" => 64,
        "F32" | "I32" | "U32" => 32,
        "F16" | "BF16" | "I16" | "U16" => 16,
        "BOOL" | "I8" | "U8" | "F8_E4M3" | "F8_E5M2" | "F8_E8M0" => 8,
        "F4" => 4,
        _ => return None,
    })
}

/// A JSON object as a list of pairs, repeated keys kept.
struct Entries(Vec<(String, Value)>);

impl<'de> serde::Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Entries;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Entries(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}
