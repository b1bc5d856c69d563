//! OSV records of flaws in packages, one a file, a list or a line: they say nothing of what is there, only of what is
//! wrong with it where it is.

use super::format::Structured;
use crate::supply::is_record;

pub(super) const FORMATS: &[Structured] = &[Structured {
    name: "osv",
    critical: false,
    in_parts: true,
    markers: &["\"affected\"", "\"modified\"", "\"package\""],
    matches: is_record,
    read: |document, found| _ = found.advisories.add(&document.value),
}];
