//! Drafts of documents that the EU AI Act asks for, filled from an assessment, with what is missing marked.
//!
//! Each statement names where it was seen. What no input shows is a gap, `[GAP: …]`, with who could fill it. A draft is
//! where a document starts, not the document.

use std::collections::BTreeSet;
use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::escape::{document as md, markdown_code as code};
use crate::asset::{Asset, AssetId, Evidence, count};

mod annex_iv;
mod parts;
mod training_data;

pub use annex_iv::annex_iv;
pub use training_data::training_data;

/// Assets that one section lists; the rest is counted.
const LISTED: usize = 25;
/// Places of one statement that are shown.
const PLACES: usize = 3;

/// A draft of a document about a system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Draft {
    /// What it is a draft of.
    pub title: String,
    /// The system.
    pub system: AssetId,
    /// What it follows, e.g. `Annex IV`.
    pub basis: String,
    /// What a reader should know first.
    pub notes: Vec<String>,
    /// Its sections, in order.
    pub sections: Vec<DraftSection>,
    /// How many gaps there are in all.
    pub gaps: usize,
}

/// A section of a draft.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct DraftSection {
    /// Its number, e.g. `2(d)`.
    pub id: String,
    /// Its heading.
    pub title: String,
    /// What the input shows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<Statement>,
    /// What it does not show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// Something that the input shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Statement {
    /// What it is.
    pub text: String,
    /// Where it was seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// Something that the input does not show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Gap {
    /// What is missing.
    pub text: String,
    /// Who could say.
    pub who: String,
}

impl Draft {
    fn new(title: &str, basis: &str, system: &Asset) -> Self {
        Self {
            title: format!("{title}: {}", system.name),
            system: system.id.clone(),
            basis: basis.to_owned(),
            notes: Vec::new(),
            sections: Vec::new(),
            gaps: 0,
        }
    }

    /// Adds a section.
    fn section(&mut self, id: &str, title: &str, fill: impl FnOnce(&mut DraftSection)) {
        let mut section = DraftSection { id: id.to_owned(), title: title.to_owned(), ..DraftSection::default() };
        fill(&mut section);
        self.gaps += section.gaps.len();
        self.sections.push(section);
    }

    /// As Markdown; all text from the input is escaped. Linear in the draft.
    pub fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "# {}\n", md(&self.title))?;
        writeln!(out, "A draft after {}, filled from what exports and declarations show.", md(&self.basis))?;
        writeln!(out, "{} in it are marked `[GAP: …]`.\n", count(self.gaps, "gap"))?;
        for note in &self.notes {
            writeln!(out, "> {}\n", md(note))?;
        }
        for section in &self.sections {
            let level = if section.id.contains(['(', '.']) { "###" } else { "##" };
            writeln!(out, "{level} {} {}\n", md(&section.id), md(&section.title))?;
            for statement in &section.statements {
                let places = statement.evidence.iter().take(PLACES).map(|e| code(&e.location()));
                let places = places.collect::<Vec<_>>().join(", ");
                let places = if places.is_empty() { places } else { format!(" ({places})") };
                writeln!(out, "- {}{places}", md(&statement.text))?;
            }
            for gap in &section.gaps {
                writeln!(out, "- **[GAP: {} — {}]**", md(&gap.text), md(&gap.who))?;
            }
            if !(section.statements.is_empty() && section.gaps.is_empty()) {
                writeln!(out)?;
            }
        }
        out.flush()
    }
}

impl DraftSection {
    fn say(&mut self, text: impl Into<String>, evidence: &[Evidence]) {
        let mut seen = BTreeSet::new();
        let evidence = evidence.iter().filter(|place| seen.insert(place.location())).take(PLACES).cloned().collect();
        self.statements.push(Statement { text: text.into(), evidence });
    }

    fn gap(&mut self, text: impl Into<String>, who: &str) {
        self.gaps.push(Gap { text: text.into(), who: who.to_owned() });
    }

    /// A statement for each asset, up to a limit; a gap if there is none.
    fn list<'a>(
        &mut self,
        assets: impl IntoIterator<Item = &'a Asset>,
        say: impl Fn(&Asset) -> String,
        missing: &str,
        who: &str,
    ) {
        let assets = assets.into_iter().collect::<Vec<_>>();
        for asset in assets.iter().take(LISTED) {
            self.say(say(asset), &asset.evidence);
        }
        match assets.len() {
            0 => self.gap(missing, who),
            n if n > LISTED => self.say(format!("and {} more in the inventory", n - LISTED), &[]),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
