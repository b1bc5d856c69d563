//! The frameworks that rules cite: their controls by id, with short names, how frameworks follow from each other, and
//! how far an assessment covers them.
//!
//! ```
//! use aispm_core::policy::controls;
//!
//! let cited = controls::resolve("EU AI Act", "Article 15").unwrap();
//! assert_eq!((cited.framework.as_str(), cited.id.as_str()), ("eu_ai_act", "Art.15"));
//! ```

mod catalogue;
mod coverage;
mod crosswalk;
#[cfg(test)]
mod tests;

pub use catalogue::{Catalogues, Framework, frameworks, resolve};
pub use coverage::{ControlResult, ControlStatus, Coverage, Shown, coverage};
