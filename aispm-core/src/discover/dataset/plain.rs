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
#[derive(Debug, Default)]
pub(super) struct Paragraph(String);

impl Paragraph {
    pub(super) fn line(&mut self, line: &str, rows: &mut Rows<'_>) {
        if self.0.len() + line.len() > PARAGRAPH {
            self.end(rows);
        }
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str(line);
    }

    pub(super) fn end(&mut self, rows: &mut Rows<'_>) {
        if !self.0.trim().is_empty() && rows.next() {
            let column = rows.column(TEXT);
            rows.cell(column, &self.0);
        }
        self.0.clear();
    }
}
