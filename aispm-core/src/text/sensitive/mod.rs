//! Personal data, secrets, links and exfiltration: what must not leave, and where it would go.

mod hay;
mod links;
mod pii;

use std::sync::OnceLock;

use self::hay::Hay;
use self::pii::Pii;
use crate::asset::{Match, TextRole};

/// The built-in detectors of sensitive data, compiled once. `find` is linear in the text.
#[derive(Debug)]
pub struct Sensitive {
    pii: Option<Pii>,
}

impl Sensitive {
    /// The built-in detectors; the first call compiles them.
    pub fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Sensitive> = OnceLock::new();
        BUILTIN.get_or_init(|| Self { pii: Pii::new().ok() })
    }

    /// Appends every match in `text`, byte offsets into it, in no promised order, overlaps unresolved.
    pub fn find(&self, text: &str, _role: TextRole, matches: &mut Vec<Match>) {
        let hay = Hay::new(text);
        if let Some(pii) = &self.pii {
            pii.find(hay, matches);
        }
    }
}
