//! The plain questions and their answers, for a person.

use std::io::{self, Write};

use anstyle::Style;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::page::{ALARM, FAINT, FINE, HEADING, Page};
use crate::assess::Assessment;
use crate::discover::Unread;
use crate::policy::readiness::Answer;

/// Answers to the plain questions that a security lead starts from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct ReadinessReport {
    /// Every question with its answer.
    pub answers: Vec<Answer>,
    /// Input that should have been read but could not; the answers do not cover it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<Unread>,
}

impl ReadinessReport {
    /// Of an assessment.
    #[must_use]
    pub fn new(assessment: &Assessment) -> Self {
        Self { answers: assessment.readiness.clone(), incomplete: assessment.incomplete.clone() }
    }

    /// For a person at a terminal of so many columns, at least 40.
    pub fn text(&self, out: &mut dyn Write, color: bool, width: usize) -> io::Result<()> {
        let mut page = Page::new(out, color, width.max(40));
        for answer in &self.answers {
            let (look, news) = match answer.good {
                Some(true) => (FINE, "good"),
                Some(false) => (ALARM, "bad"),
                None => (HEADING, "open"),
            };
            let lead = page.paint(look, &format!("{:<7} {news:<4}", answer.answer.as_str().to_uppercase()));
            writeln!(page.out, "{lead}  {}", page.paint(HEADING, &answer.question))?;
            page.wrap(14, 14, Style::new(), &answer.reason)?;
            page.places(14, answer.evidence.get(..answer.evidence.len().min(3)).unwrap_or_default())?;
            if let Some(needs) = &answer.needs {
                page.wrap(14, 14, Style::new(), &format!("needs {needs}"))?;
                let commands = answer.collect.iter().map(|platform| format!("aispm collect {platform}"));
                page.wrap(14, 14, FAINT, &commands.collect::<Vec<_>>().join(", "))?;
            }
        }
        let of = |good| self.answers.iter().filter(|answer| answer.good == good).count();
        let counts = format!("{} good, {} bad, {} open", of(Some(true)), of(Some(false)), of(None));
        writeln!(page.out)?;
        page.wrap(0, 0, FAINT, &counts)?;
        for unread in &self.incomplete {
            page.wrap(0, 2, ALARM, &format!("not read: {}: {}", unread.path, unread.reason))?;
        }
        page.out.flush()
    }
}
