//! A gate in front of a merge or a deployment.

use super::Assessment;
use crate::asset::{Finding, Severity};

/// What an assessment must be like to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gate {
    /// A finding of this severity or a graver one fails; with a baseline only what is new counts.
    pub fail_on: Severity,
    /// Whether it passes although identity or AI-related input could not be read, or nothing was understood at all.
    pub allow_incomplete: bool,
}

/// What a gate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// Nothing at or above the bar.
    Passed,
    /// Findings at or above the bar.
    Failed,
    /// The assessment does not cover enough of its input to pass.
    Unreliable,
}

impl Gate {
    /// A gate that fails on this severity and does not pass on half the input.
    #[must_use]
    pub fn new(fail_on: Severity) -> Self {
        Self { fail_on, allow_incomplete: false }
    }

    /// Whether it passes although identity or AI-related input could not be read, or nothing was understood at all.
    #[must_use]
    pub fn allow_incomplete(mut self, allow: bool) -> Self {
        self.allow_incomplete = allow;
        self
    }

    /// What it says of an assessment.
    #[must_use]
    pub fn judge(&self, assessment: &Assessment) -> Outcome {
        let covered = assessment.blind_spots().next().is_none() && !assessment.files.is_empty();
        if !covered && !self.allow_incomplete {
            Outcome::Unreliable
        } else if self.failing(assessment).next().is_some() {
            Outcome::Failed
        } else {
            Outcome::Passed
        }
    }

    /// The findings at or above the bar.
    pub fn failing<'a>(&self, assessment: &'a Assessment) -> impl Iterator<Item = &'a Finding> + use<'a> {
        let bar = self.fail_on;
        assessment.findings.iter().filter(move |finding| finding.severity >= bar)
    }
}
