//! Text: canonical form and detectors, with offsets into the text as given.

pub mod sensitive;
