//! `aispm.detect`.

use aispm_core::asset::{self, TextRole};
use aispm_core::text::{self, Detectors, Unit, convert_offsets};
use pyo3::prelude::*;

use crate::convert::{raise, table, view};

view! {
    /// A span of text that a detector points at; offsets in code points of the text as given.
    part Match(asset::Match) repr(detector, rule, score, start, end)
    { detector, r#type = |m: &asset::Match| m.kind.clone(), rule, score, severity, start, end, clues, techniques }
}

view! {
    /// A word that speaks for a match; offsets in code points of the text as given.
    part Clue(asset::Clue) repr(weight, start, end)
    { weight, start, end }
}

view! {
    /// What was found in one text.
    document Detection(text::Detection) repr(matches, scores)
    { matches, scores, transforms }

    fn _repr_html_(&self) -> String {
        table("Detection", &self.inner)
    }
}

/// Looks for injections, personal data, secrets and bad links in a text.
#[pyfunction]
#[pyo3(signature = (text, role = "prompt"))]
pub(crate) fn detect(py: Python<'_>, text: &str, role: &str) -> PyResult<Detection> {
    let role = parse_role(py, role)?;
    let found = py.detach(|| {
        let mut found = Detectors::builtin().detect(text, role);
        convert_offsets(text, &mut found.matches, Unit::CodePoints);
        found
    });
    Ok(found.into())
}

/// A role by its JSON name.
pub(crate) fn parse_role(py: Python<'_>, role: &str) -> PyResult<TextRole> {
    role.parse().map_err(|error| raise(py, &error))
}
