//! The class of a system under the EU AI Act, for a person.

use std::io::{self, Write};

use anstyle::Style;

use super::page::{ALARM, FAINT, FINE, HEADING, Page};
use crate::policy::classify::{AiActClass, Holds, SystemClass};

/// Writes the class, the steps to it, and the questions that are open, for a terminal of so many columns, at least 40.
pub fn classification(class: &SystemClass, out: &mut dyn Write, color: bool, width: usize) -> io::Result<()> {
    let mut page = Page::new(out, color, width.max(40));
    let (look, verdict) = match (class.class, class.at_least) {
        (Some(class), _) => (look(class), words(class).to_owned()),
        (None, Some(least)) => (look(least), format!("{} at least; a graver class is not ruled out", words(least))),
        (None, None) => (HEADING, "not decided; questions are open".to_owned()),
    };
    let verdict = page.paint(look, &verdict);
    writeln!(page.out, "{}: {verdict}", super::escape::plain(class.system.as_str()))?;
    if !class.controls.is_empty() {
        page.wrap(2, 2, Style::new(), &format!("by {}", class.controls.join(", ")))?;
    }
    page.places(2, class.evidence.get(..class.evidence.len().min(1)).unwrap_or_default())?;
    page.heading("Steps")?;
    for step in &class.steps {
        let (look, lead) = match step.holds {
            Holds::Yes => (HEADING, "[yes]"),
            Holds::No => (FAINT, "[no]"),
            Holds::Unknown => (Style::new(), "[open]"),
        };
        page.wrap(2, 4, look, &format!("{lead} {}: {}", step.controls.join(", "), step.text))?;
        page.wrap(4, 4, FAINT, &step.because)?;
    }
    if !class.missing.is_empty() {
        page.heading("Still to answer, under `classification` of the system in aispm.yaml")?;
    }
    for missing in &class.missing {
        writeln!(page.out)?;
        page.wrap(2, 2, HEADING, &format!("{}: {} ({})", missing.id, missing.question, missing.control))?;
        if !missing.options.is_empty() {
            page.wrap(4, 6, Style::new(), &format!("a list of: {}", missing.options.join(", ")))?;
        }
        page.wrap(4, 6, Style::new(), &format!("yes: {}", missing.if_yes))?;
        page.wrap(4, 6, Style::new(), &format!("no: {}", missing.if_no))?;
        for hint in &missing.hints {
            page.wrap(4, 6, FAINT, &format!("hint: {}", hint.text))?;
            page.places(6, hint.evidence.as_slice())?;
        }
    }
    if !class.conflicts.is_empty() {
        page.heading("Does not fit together")?;
    }
    for conflict in &class.conflicts {
        page.wrap(2, 4, ALARM, &conflict.text)?;
        page.places(4, conflict.evidence.as_slice())?;
    }
    page.out.flush()
}

fn look(class: AiActClass) -> Style {
    match class {
        AiActClass::Prohibited | AiActClass::High => ALARM,
        AiActClass::Minimal | AiActClass::OutOfScope => FINE,
        AiActClass::GeneralPurpose | AiActClass::Transparency => HEADING,
    }
}

/// A class in words.
pub(super) fn words(class: AiActClass) -> &'static str {
    match class {
        AiActClass::OutOfScope => "out of scope",
        AiActClass::Prohibited => "prohibited",
        AiActClass::High => "high-risk",
        AiActClass::GeneralPurpose => "general-purpose model",
        AiActClass::Transparency => "transparency duties",
        AiActClass::Minimal => "minimal risk",
    }
}
