//! Where pickles stand in bytes: at the front, one after another, behind raw data, in strings of other pickles.

use std::io::Read;

use base64::Engine;

use super::machine::{Machine, Outcome};
use crate::artifact::rule::Rule;
use crate::artifact::scan::{Budget, Scan};

/// The highest protocol there is.
const PROTOCOL_LIMIT: u8 = 5;
/// What a packed string inside a pickle may unpack to.
const NESTED_LIMIT: u64 = 16 << 20;
/// Operations that decide whether bytes are a pickle.
const PROBE_STEPS: u64 = 100_000;

/// Whether the bytes begin with a pickle. Runs at most a fixed number of operations.
pub(in crate::artifact) fn starts(bytes: &[u8]) -> bool {
    if has_header(bytes) {
        return true;
    }
    // protocols 0 and 1 have no magic number: follow it and see
    if !bytes.first().is_some_and(|b| b"(])}lcdINSVTUFGLJKMX.0".contains(b)) {
        return false;
    }
    let mut scan = Scan::new(Budget { steps: PROBE_STEPS, depth: 0, ..Budget::default() }, bytes.len() as u64);
    let outcome = Machine::new(&mut scan, bytes, 0, true).run();
    let exhausted = scan.budget.steps == 0;
    plausible(&outcome, exhausted) && !(outcome.globals == 0 && prose(bytes, &outcome))
}

fn plausible(outcome: &Outcome, exhausted: bool) -> bool {
    let ended = outcome.stopped || exhausted || (outcome.globals > 0 && outcome.calls > 0);
    ended && outcome.odd_globals == 0 && outcome.operations > 1
}

/// A short text such as `I1\n.` may be both; only what ends where the pickle ends is taken for one.
fn prose(bytes: &[u8], outcome: &Outcome) -> bool {
    outcome.operations < 8 && !bytes.get(outcome.end..).unwrap_or_default().trim_ascii().is_empty()
}

fn has_header(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, 0..=PROTOCOL_LIMIT, op, ..] if known_opcode(*op))
}

fn known_opcode(op: u8) -> bool {
    matches!(op, 0x80..=0x98) || b"(.012FNILJKMGSVTUXCB])}aeltdsughjpqrciobRPQ".contains(&op)
}

/// Scans bytes that begin with a pickle, and whatever follows it. Returns whether raw arrays stood between.
pub(in crate::artifact) fn scan(scan: &mut Scan, bytes: &[u8]) -> bool {
    let (mut at, mut arrays) = (0, 0);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        if at > 0 && !starts(rest) {
            break;
        }
        let outcome = Machine::new(scan, bytes, at, false).run();
        arrays += outcome.arrays;
        at = outcome.end.max(at + 1);
        if outcome.broken_at.is_some() && !outcome.stopped {
            if outcome.harms == 0 {
                scan.unread(format!("the pickle breaks off at byte {}", outcome.end));
            }
            break;
        }
        if scan.budget.steps == 0 {
            break;
        }
    }
    hidden(scan, bytes, at);
    arrays > 0
}

/// Looks for harmful pickles from `from` on, at whatever offset. Linear in the bytes as long as the work budget lasts.
pub(in crate::artifact) fn hidden(scan: &mut Scan, bytes: &[u8], from: usize) {
    let mut at = from;
    while let Some(rest) = bytes.get(at..) {
        let Some(next) = memchr::memchr2(0x80, b'c', rest).map(|n| at + n) else { break };
        at = next + 1;
        let Some(candidate) = bytes.get(next..) else { break };
        if !has_header(candidate) && !names_module(candidate) {
            continue;
        }
        if scan.budget.steps == 0 {
            scan.unread("the search for hidden pickles needs more work than the budget allows");
            return;
        }
        let mut end = at;
        scan.attempt(|scan| {
            let outcome = Machine::new(scan, bytes, next, true).run();
            // random bytes and prose form opcodes too, but not whole streams or calls of known names
            let whole = outcome.stopped && has_header(candidate) && outcome.globals > 0;
            let harmful = outcome.grave > 0 || (whole && outcome.harms > 0);
            if harmful {
                end = outcome.end.max(at);
                scan.found(Rule::PickleHidden, Some(next), "", "a pickle that does harm stands behind other data");
            }
            harmful
        });
        at = end;
    }
}

/// `cmodule\nname\n`: GLOBAL of protocol 0, with names that Python could import.
fn names_module(bytes: &[u8]) -> bool {
    let mut lines = bytes.get(..256).unwrap_or(bytes).split(|b| *b == b'\n');
    let word = |line: Option<&[u8]>, skip: usize| {
        line.and_then(|line| line.get(skip..)).is_some_and(|line| {
            !line.is_empty() && line.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'))
        })
    };
    word(lines.next(), 1) && word(lines.next(), 0) && lines.next().is_some()
}

/// A byte string of a pickle that is a pickle itself, plain or packed.
pub(super) fn nested_bytes(scan: &mut Scan, bytes: &[u8], at: usize) {
    if has_header(bytes) || (bytes.len() > 8 && bytes.ends_with(b".") && starts(bytes)) {
        return nested(scan, bytes, at);
    }
    let unpacked = match bytes {
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => unpack(flate2::read::ZlibDecoder::new(bytes)),
        [0x1f, 0x8b, 0x08, ..] => unpack(flate2::read::GzDecoder::new(bytes)),
        _ => return,
    };
    scan.budget.unpacked = scan.budget.unpacked.saturating_sub(unpacked.len() as u64);
    if scan.budget.unpacked > 0 && starts(&unpacked) {
        nested(scan, &unpacked, at);
    }
}

/// A text of a pickle that is a pickle in base64.
pub(super) fn nested_text(scan: &mut Scan, text: &str, at: usize) {
    let text = text.trim();
    // how 0x80 and a protocol, zlib and gzip begin in base64
    let pickled = text.starts_with("gA") && matches!(text.as_bytes().get(2), Some(b'A'..=b'X'));
    if text.len() < 16 || !(pickled || text.starts_with("eJ") || text.starts_with("H4sI")) {
        return;
    }
    if let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(text.as_bytes()) {
        nested_bytes(scan, &bytes, at);
    }
}

/// Bytes written as Latin-1 text.
pub(super) fn nested_latin(scan: &mut Scan, text: &str, at: usize) {
    if text.starts_with('\u{80}') {
        let bytes: Vec<u8> = text.chars().filter_map(|c| u8::try_from(u32::from(c)).ok()).collect();
        nested_bytes(scan, &bytes, at);
    }
}

fn nested(scan: &mut Scan, bytes: &[u8], at: usize) {
    let mut complete = false;
    scan.inside(&format!("string at byte {at}"), |scan| {
        complete = scan.attempt(|scan| {
            let outcome = Machine::new(scan, bytes, 0, false).run();
            outcome.stopped || outcome.harms > 0
        });
    });
    if complete {
        scan.found(Rule::PickleNested, Some(at), "", "a pickle stands in a string of the pickle");
    }
}

fn unpack(reader: impl Read) -> Vec<u8> {
    let mut out = Vec::new();
    // a stream cut short still gives what stands before the cut
    let _ = reader.take(NESTED_LIMIT).read_to_end(&mut out);
    out
}
