//! Texts: each paragraph is a row of the one column `text`.

use super::input::{Lines, text};
use super::rows::Rows;
use super::{Source, TEXT};
use crate::asset::{Error, Result};

/// Longest paragraph, bytes; what is longer counts as several rows.
const PARAGRAPH: usize = 1 << 16;

/// Plain text, Markdown, templates of prompts. Linear; memory is that of a paragraph.
pub(super) fn read(source: &Source<'_>, rows: &mut Rows<'_>) -> Result<()> {
    let mut lines = Lines::new(text(source.path, rows.meter)?, PARAGRAPH as u64);
    let mut paragraph = Paragraph::default();
    while let Some((line, _)) = lines.next().map_err(|error| Error::unreadable(source.path, error))? {
        let line = String::from_utf8_lossy(line);
        if line.trim().is_empty() {
            paragraph.end(rows);
        } else {
            paragraph.line(&line, rows);
        }
    }
    paragraph.end(rows);
    Ok(())
}

/// A paragraph that is being gathered.
#[derive(Debug)]
pub(super) struct Paragraph {
    text: String,
    column: &'static str,
}

impl Default for Paragraph {
    fn default() -> Self {
        Self::of(TEXT)
    }
}

impl Paragraph {
    pub(super) fn of(column: &'static str) -> Self {
        Self { text: String::new(), column }
    }

    /// Adds a line.
    pub(super) fn line(&mut self, line: &str, rows: &mut Rows<'_>) {
        self.room(line.len(), rows);
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(line);
    }

    /// Adds text that goes on where the last ended.
    pub(super) fn add(&mut self, text: &str, rows: &mut Rows<'_>) {
        self.room(text.len(), rows);
        self.text.push_str(text);
    }

    fn room(&mut self, more: usize, rows: &mut Rows<'_>) {
        if self.text.len() + more > PARAGRAPH {
            self.end(rows);
        }
    }

    /// Ends the row, if there is anything in it.
    pub(super) fn end(&mut self, rows: &mut Rows<'_>) {
        if !self.text.trim().is_empty() && rows.next() {
            let column = rows.column(self.column);
            rows.cell(column, &self.text);
        }
        self.text.clear();
    }
}
