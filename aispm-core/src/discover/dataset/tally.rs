//! Cells looked at, and what they hold counted by column.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::report::{Column, TypeShare};
use super::rows::ColumnId;
use crate::asset::{Match, TextRole};
use crate::text::sensitive::{Sensitive, data_class};

/// A type is told if it is in this many rows of a column, or in this share of them.
const TOLD_ROWS: u64 = 5;
const TOLD_SHARE: f64 = 0.01;
/// Examples kept of a type.
const EXAMPLES: usize = 3;

/// Cells in one stretch of text, each behind its column's name: `ssn: 536228741` says more than digits alone.
#[derive(Debug, Default)]
pub(super) struct Batch {
    text: String,
    cells: Vec<Cell>,
}

#[derive(Debug)]
struct Cell {
    column: ColumnId,
    row: u64,
    /// The name with its colon, and the value behind it.
    span: Range<usize>,
    value: usize,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn push(&mut self, name: &str, column: ColumnId, row: u64, text: &str) {
        let start = self.text.len();
        if let Some(label) = label(name) {
            self.text.push_str(label);
            self.text.push_str(": ");
        }
        let value = self.text.len() - start;
        self.text.push_str(text);
        self.cells.push(Cell { column, row, span: start..self.text.len(), value });
    }

    /// Looks at every cell. Linear in the text.
    pub(super) fn tally(&self) -> Tally {
        let (mut tally, mut matches) = (Tally::default(), Vec::new());
        for cell in &self.cells {
            let Some(text) = self.text.get(cell.span.clone()) else { continue };
            matches.clear();
            Sensitive::builtin().find(text, TextRole::Document, &mut matches);
            let column = tally.0.entry(cell.column).or_default();
            column.rows.count(cell.row);
            matches.retain(|m| m.end > cell.value);
            resolve(&mut matches);
            for m in &matches {
                let found = column.types.entry(m.kind.clone()).or_insert_with(|| Found::new(m));
                found.rows.count(cell.row);
                if found.examples.len() < EXAMPLES
                    && let Some(value) = text.get(m.start.max(cell.value)..m.end)
                {
                    found.example(masked(value));
                }
            }
        }
        tally
    }
}

/// What a column's name adds to its values: its last part, unless it only says that there is text.
fn label(name: &str) -> Option<&str> {
    let last = name.trim_end_matches("[]").rsplit('.').next().unwrap_or(name);
    (!last.is_empty() && last.len() <= 64 && !super::TEXT_COLUMNS.contains(&last)).then_some(last)
}

/// Leaves the best of matches that overlap: the surest, then the longest. O(m log m).
fn resolve(matches: &mut Vec<Match>) {
    matches.sort_by_key(|m| m.start);
    let better = |a: &Match, b: &Match| (a.score, a.end - a.start) > (b.score, b.end - b.start);
    matches.dedup_by(|next, kept| {
        if next.start >= kept.end {
            return false;
        }
        if better(next, kept) {
            std::mem::swap(next, kept);
        }
        true
    });
}

/// The first and the last character of a value; nothing of a short one.
fn masked(value: &str) -> String {
    let mut chars = value.chars();
    match (chars.next(), chars.next_back()) {
        (Some(first), Some(last)) if chars.count() >= 4 => format!("{first}…{last}"),
        _ => "…".to_owned(),
    }
}

/// Rows of which each counts once; they come in order within a column.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    rows: u64,
    first: u64,
    last: u64,
}

impl Count {
    fn count(&mut self, row: u64) {
        if self.rows == 0 {
            self.first = row;
        }
        self.rows += u64::from(self.rows == 0 || self.last != row);
        self.last = row;
    }

    /// Adds rows that come later; a row may have begun before and end there.
    fn merge(&mut self, later: Self) {
        if self.rows == 0 {
            *self = later;
        } else if later.rows > 0 {
            self.rows += later.rows - u64::from(later.first == self.last);
            self.last = later.last;
        }
    }
}

/// What was counted, by column.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<ColumnId, Counted>);

#[derive(Debug, Default)]
struct Counted {
    rows: Count,
    types: HashMap<Cow<'static, str>, Found>,
}

#[derive(Debug)]
struct Found {
    detector: Cow<'static, str>,
    rows: Count,
    examples: Vec<String>,
}

impl Found {
    fn new(m: &Match) -> Self {
        Self { detector: m.detector.clone(), rows: Count::default(), examples: Vec::new() }
    }

    fn example(&mut self, example: String) {
        if self.examples.len() < EXAMPLES && !self.examples.contains(&example) {
            self.examples.push(example);
        }
    }
}

impl Tally {
    /// Adds what was counted in cells that come later.
    pub(super) fn merge(&mut self, later: Self) {
        for (id, counted) in later.0 {
            let column = self.0.entry(id).or_default();
            column.rows.merge(counted.rows);
            for (kind, later) in counted.types {
                let found = column.types.entry(kind).or_insert_with(|| Found {
                    detector: later.detector,
                    rows: Count::default(),
                    examples: Vec::new(),
                });
                found.rows.merge(later.rows);
                later.examples.into_iter().for_each(|example| found.example(example));
            }
        }
    }

    /// The columns of these names, in their order.
    pub(super) fn columns(mut self, names: Vec<String>) -> Vec<Column> {
        let ids = (0..).zip(names);
        ids.map(|(id, name)| self.0.remove(&id).unwrap_or_default().column(name)).collect()
    }
}

impl Counted {
    fn column(self, name: String) -> Column {
        let mut column = Column { name, rows: self.rows.rows, ..Column::default() };
        for (kind, found) in self.types {
            let rows = found.rows.rows;
            #[allow(clippy::cast_precision_loss, reason = "a share of rows needs no 53 bits")]
            let share = rows as f64 / column.rows.max(1) as f64;
            let class = class(&kind);
            if rows >= TOLD_ROWS || share >= TOLD_SHARE || class == Some("credentials") {
                column.types.push(TypeShare {
                    kind: kind.into_owned(),
                    detector: found.detector.into_owned(),
                    rows,
                    share,
                    examples: found.examples,
                    data_class: class.map(str::to_owned),
                });
            } else {
                column.rare.insert(kind.into_owned(), rows);
            }
        }
        column.types.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.kind.cmp(&b.kind)));
        column
    }
}

/// The class that assets carry for data of a type; a date, an age, a place or a link alone says nothing of anybody.
fn class(kind: &str) -> Option<&'static str> {
    match data_class(kind)? {
        "personal" if matches!(kind, "DATE_TIME" | "AGE" | "NRP") => None,
        "personal" | "government_id" | "network" => Some("personal"),
        class @ ("payment" | "financial" | "health" | "credentials") => Some(class),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(cells: &[(&str, ColumnId, u64, &str)]) -> Batch {
        let mut batch = Batch::default();
        cells.iter().for_each(|(name, column, row, text)| batch.push(name, *column, *row, text));
        batch
    }

    #[test]
    fn a_row_counts_once_also_across_batches() {
        let mail = "ann@mail.example.org";
        let first = batch(&[("a", 0, 0, mail), ("a", 0, 1, mail), ("a", 0, 1, mail)]);
        let mut tally = first.tally();
        tally.merge(batch(&[("a", 0, 1, mail), ("a", 0, 2, "nothing here")]).tally());
        let columns = tally.columns(vec!["a".to_owned()]);
        assert_eq!(columns[0].rows, 3);
        let found = &columns[0].types[0];
        assert_eq!(
            (found.kind.as_str(), found.rows, found.data_class.as_deref()),
            ("EMAIL_ADDRESS", 2, Some("personal"))
        );
        assert_eq!(found.examples, ["a…g"]);
    }

    #[test]
    fn the_name_of_a_column_says_what_its_digits_are() {
        for (name, value, kind) in [("customer.ssn", "536-22-8741", "US_SSN"), ("ssn", "536228741", "US_SSN")] {
            let columns = batch(&[(name, 0, 0, value)]).tally().columns(vec![name.to_owned()]);
            assert_eq!(columns[0].types.first().map(|t| t.kind.as_str()), Some(kind), "{name}");
        }
    }

    #[test]
    fn what_is_rare_is_no_class() {
        let mut cells = vec![("note", 0, 0, "ann@mail.example.org")];
        cells.extend((1..1000).map(|row| ("note", 0, row, "nothing to see")));
        let columns = batch(&cells).tally().columns(vec!["note".to_owned()]);
        assert!(columns[0].types.is_empty());
        assert_eq!(columns[0].rare["EMAIL_ADDRESS"], 1);
    }

    #[test]
    fn little_is_shown_of_a_value() {
        assert_eq!((masked("ann@x.org"), masked("ab1cd"), masked("é")), ("a…g".into(), "…".into(), "…".to_owned()));
    }
}
