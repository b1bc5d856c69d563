//! GGUF: header, key-value metadata, tensor table. Layout after the specification in the ggml repository.

use std::collections::HashSet;

use super::bytes::Cursor;
use super::rule::Rule;
use super::scan::{Scan, lossy};
use super::{template, words};
use crate::asset::Severity;

/// What ggml itself allows.
const DIMENSION_LIMIT: u32 = 4;
const ARRAY: u32 = 9;
const STRING: u32 = 8;
/// Arrays of arrays.
const DEPTH_LIMIT: u32 = 4;
/// Longest metadata text searched for instructions; vocabularies stand in arrays and are not.
const TEXT_LIMIT: usize = 1 << 20;

/// Checks the header against `total`, the size of the whole file, of which `bytes` is the head or all.
pub(super) fn scan(scan: &mut Scan, bytes: &[u8], total: u64) {
    let mut reader = Reader { at: Cursor::new(bytes, 4), version: 3 };
    if let Err(bad) = header(scan, &mut reader, total) {
        let at = reader.at.at;
        match bad {
            Bad::Short if total > bytes.len() as u64 => scan.unread("the header is larger than what is read"),
            Bad::Short => {
                scan.found(Rule::MalformedModel, Some(at), "truncated", "the header ends before it is complete")
            }
            Bad::Wrong(message) => scan.found(Rule::MalformedModel, Some(at), "", message),
        }
    }
}

enum Bad {
    Short,
    Wrong(String),
}

struct Reader<'a> {
    at: Cursor<'a>,
    version: u32,
}

impl<'a> Reader<'a> {
    fn u32(&mut self) -> Result<u32, Bad> {
        self.at.u32().ok_or(Bad::Short)
    }

    fn u64(&mut self) -> Result<u64, Bad> {
        self.at.u64().ok_or(Bad::Short)
    }

    /// Version 1 counted in 32 bits.
    fn count(&mut self) -> Result<u64, Bad> {
        if self.version == 1 { self.u32().map(u64::from) } else { self.u64() }
    }

    fn skip(&mut self, len: u64, total: u64) -> Result<&'a [u8], Bad> {
        if len > total {
            return Err(Bad::Wrong(format!("{len} bytes are declared in a file of {total}")));
        }
        usize::try_from(len).ok().and_then(|len| self.at.take(len)).ok_or(Bad::Short)
    }

    fn string(&mut self, total: u64) -> Result<&'a [u8], Bad> {
        let len = self.count()?;
        self.skip(len, total)
    }

    /// Skips a value; strings that stand alone are given back.
    fn value(&mut self, kind: u32, total: u64, depth: u32) -> Result<Option<&'a [u8]>, Bad> {
        if kind == STRING {
            return self.string(total).map(Some);
        }
        if kind != ARRAY {
            self.skip(width(kind)?, total)?;
            return Ok(None);
        }
        if depth >= DEPTH_LIMIT {
            return Err(Bad::Wrong(format!("arrays nest deeper than {DEPTH_LIMIT}")));
        }
        let (inner, count) = (self.u32()?, self.count()?);
        let least = if inner == STRING || inner == ARRAY { 8 } else { width(inner)? };
        if count.checked_mul(least).is_none_or(|least| least > total) {
            return Err(Bad::Wrong(format!("an array of {count} elements is declared in a file of {total} bytes")));
        }
        if inner == STRING || inner == ARRAY {
            for _ in 0..count {
                self.value(inner, total, depth + 1)?;
            }
        } else {
            self.skip(count * least, total)?;
        }
        Ok(None)
    }
}

fn width(kind: u32) -> Result<u64, Bad> {
    match kind {
        0 | 1 | 7 => Ok(1),
        2 | 3 => Ok(2),
        4..=6 => Ok(4),
        10..=12 => Ok(8),
        _ => Err(Bad::Wrong(format!("type {kind} does not exist"))),
    }
}

fn header(scan: &mut Scan, reader: &mut Reader<'_>, total: u64) -> Result<(), Bad> {
    reader.version = reader.u32()?;
    if !(1..=3).contains(&reader.version) {
        let message = format!("version {} of the format does not exist", reader.version);
        scan.found_as(Rule::MalformedModel, Severity::Medium, Some(4), "version", message);
    }
    let (tensors, pairs) = (reader.count()?, reader.count()?);
    // a pair takes at least 13 bytes, a tensor at least 24
    if pairs > total / 12 || tensors > total / 20 {
        return Err(Bad::Wrong(format!("{pairs} keys and {tensors} tensors are declared in a file of {total} bytes")));
    }
    let mut keys = HashSet::new();
    for _ in 0..pairs {
        let start = reader.at.at;
        let key = lossy(reader.string(total)?, 4096).into_owned();
        let kind = reader.u32()?;
        let aligned = reader.at.array::<4>().map(u32::from_le_bytes);
        reader.at.at -= if aligned.is_some() { 4 } else { 0 };
        if key == "general.alignment" && !aligned.is_some_and(u32::is_power_of_two) {
            scan.found(Rule::MalformedModel, Some(start), &key, "the alignment is no power of two");
        }
        if let Some(text) = reader.value(kind, total, 0)? {
            let text = lossy(text, TEXT_LIMIT);
            if key.contains("chat_template") {
                scan.inside(&key, |scan| template::scan(scan, &text));
            } else if let Some(order) = words::order(&text) {
                scan.found(Rule::PromptInjection, Some(start), order, format!("{key} gives orders to a model"));
            }
        }
        if !keys.insert(key.clone()) {
            let message = "a key stands in the header twice: readers differ in which they take";
            scan.found_as(Rule::MalformedModel, Severity::Medium, Some(start), &key, message);
        }
    }
    let mut names = HashSet::new();
    for _ in 0..tensors {
        let start = reader.at.at;
        let name = lossy(reader.string(total)?, 4096).into_owned();
        let sides = reader.u32()?;
        if sides > DIMENSION_LIMIT {
            return Err(Bad::Wrong(format!("{name} has {sides} dimensions")));
        }
        let mut elements = 1_u64;
        for _ in 0..sides {
            let side = reader.count()?;
            elements = elements
                .checked_mul(side)
                .filter(|n| *n < 1 << 62)
                .ok_or_else(|| Bad::Wrong(format!("the shape of {name} overflows")))?;
        }
        let (_kind, offset) = (reader.u32()?, reader.u64()?);
        if offset > total || (elements / 64) > total {
            scan.found(Rule::MalformedModel, Some(start), &name, format!("{name} lies outside the file"));
        }
        if !names.insert(name.clone()) {
            scan.found_as(Rule::MalformedModel, Severity::Medium, Some(start), &name, "two tensors have one name");
        }
    }
    Ok(())
}
