//! Lists of rows: an export that is an array, or an object around arrays, is read row by row.

use serde_json::Value;

use super::format::{Found, dispatch_row};
use crate::asset::{Document, pointer_key};

/// Most envelopes and recordings around a document.
const DEPTH: usize = 4;
/// Rows of a list that are tried before it is left alone.
const TRIED: usize = 16;

/// Reads the rows of an array, or of the arrays of an object, by the formats that match them; whether one did.
pub(super) fn open(mut document: Document, found: &mut Found) -> bool {
    if found.depth >= DEPTH {
        return false;
    }
    found.depth += 1;
    let known = match std::mem::take(&mut document.value) {
        Value::Array(list) => rows(&document, "", list, found),
        Value::Object(map) => {
            let mut known = false;
            for (key, value) in map {
                if let Value::Array(list) = value {
                    known |= rows(&document, &format!("/{}", pointer_key(&key)), list, found);
                }
            }
            known
        }
        _ => false,
    };
    found.depth -= 1;
    known
}

fn rows(document: &Document, pointer: &str, list: Vec<Value>, found: &mut Found) -> bool {
    let mut known = false;
    for (i, row) in list.into_iter().enumerate().filter(|(_, row)| row.is_object()) {
        if i >= TRIED && !known {
            break;
        }
        known |= dispatch_row(document.part(&format!("{pointer}/{i}"), row), found);
    }
    known
}
