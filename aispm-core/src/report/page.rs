//! Lines of text for a person: wrapped, safe for a terminal, in colour where that is wanted.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::escape;
use crate::asset::{Evidence, Severity};

/// Places of one step, fix or finding that are listed.
const PLACES: usize = 3;

pub(super) const HEADING: Style = Style::new().bold();
pub(super) const FAINT: Style = Style::new().dimmed();
pub(super) const ALARM: Style = AnsiColor::Red.on_default().bold();
pub(super) const FINE: Style = AnsiColor::Green.on_default();

/// How a severity looks.
pub(super) fn style(severity: Severity) -> Style {
    match severity {
        Severity::Critical => ALARM,
        Severity::High => AnsiColor::Red.on_default(),
        Severity::Medium => AnsiColor::Yellow.on_default(),
        Severity::Low => AnsiColor::Cyan.on_default(),
        Severity::Info => FAINT,
    }
}

/// Where text goes, and how wide and how colourful it may be.
pub(super) struct Page<'a> {
    pub(super) out: &'a mut dyn Write,
    color: bool,
    width: usize,
}

impl<'a> Page<'a> {
    pub(super) fn new(out: &'a mut dyn Write, color: bool, width: usize) -> Self {
        Self { out, color, width }
    }

    /// The text made safe, and styled if wanted.
    pub(super) fn paint(&self, style: Style, text: &str) -> String {
        let text = escape::plain(text);
        if self.color && style != Style::new() { format!("{style}{text}{style:#}") } else { text.into_owned() }
    }

    pub(super) fn severity(&self, severity: Severity) -> String {
        self.paint(style(severity), severity.as_str())
    }

    pub(super) fn heading(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "\n{}", self.paint(HEADING, text))
    }

    /// A paragraph behind a short lead, later lines under its first word.
    pub(super) fn item(&mut self, indent: usize, lead: &str, text: &str) -> io::Result<()> {
        self.wrap(indent, indent + lead.len(), Style::new(), &format!("{lead}{text}"))
    }

    pub(super) fn fix(&mut self, indent: usize, fix: &str) -> io::Result<()> {
        if fix.is_empty() { Ok(()) } else { self.item(indent, "fix: ", fix) }
    }

    pub(super) fn places(&mut self, indent: usize, evidence: &[Evidence]) -> io::Result<()> {
        for evidence in evidence.iter().take(PLACES) {
            writeln!(self.out, "{:indent$}{}", "", self.paint(FAINT, &evidence.location()))?;
        }
        match evidence.len().checked_sub(PLACES) {
            Some(more @ 1..) => writeln!(self.out, "{:indent$}{}", "", self.paint(FAINT, &format!("… {more} more"))),
            _ => Ok(()),
        }
    }

    /// Breaks at spaces; a word longer than a line, such as a path or an id, stays whole so that it can be copied.
    pub(super) fn wrap(&mut self, first: usize, rest: usize, style: Style, text: &str) -> io::Result<()> {
        let text = escape::plain(text);
        let mut line = String::new();
        let (mut indent, mut used) = (first, first);
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let length = word.chars().count();
            if !line.is_empty() && used + 1 + length > self.width {
                writeln!(self.out, "{:indent$}{}", "", self.paint(style, &line))?;
                line.clear();
                (indent, used) = (rest, rest);
            }
            if !line.is_empty() {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += length;
        }
        if line.is_empty() { Ok(()) } else { writeln!(self.out, "{:indent$}{}", "", self.paint(style, &line)) }
    }
}
