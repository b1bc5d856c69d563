//! Personal data, secrets, links and exfiltration: what must not leave, and where it would go.

use crate::asset::{Match, TextRole};

/// The built-in detectors of sensitive data, compiled once. `find` is linear in the text.
#[derive(Debug)]
pub struct Sensitive {}

impl Sensitive {
    /// The built-in detectors; the first call compiles them.
    pub fn builtin() -> &'static Self {
        &Self {}
    }

    /// Appends every match in `text`, byte offsets into it, in no promised order, overlaps unresolved.
    pub fn find(&self, _text: &str, _role: TextRole, _matches: &mut Vec<Match>) {}
}
