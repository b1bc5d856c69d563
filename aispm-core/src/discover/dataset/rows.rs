//! Where readers put cells: gathered in batches, looked at in parallel, and counted by column. Memory is that of a few
//! batches and of what was found.

use std::collections::HashMap;

use rayon::prelude::*;

use super::report::Dataset;
use super::tally::{Batch, Tally};
use crate::discover::progress::Meter;
use crate::discover::syntax::BadRows;

/// Text of a batch, bytes.
const BATCH: usize = 1 << 18;
/// Most columns told apart; the rest count as one.
const COLUMNS: usize = 1024;
/// Longest name of a column, bytes.
const NAME: usize = 256;
const OTHERS: &str = "(other columns)";

/// Which rows are looked at: the first `rows`, and from there on ever fewer, about as many for each e-fold of the data.
/// Without a number, all. The choice hangs on the row's place and the seed alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) rows: Option<u64>,
    pub(super) seed: u64,
}

impl Sample {
    /// Whether the row of this number, from 0, is looked at.
    fn takes(self, row: u64) -> bool {
        let Some(rows) = self.rows else { return true };
        row < rows || rows > 0 && spread(row ^ self.seed).is_multiple_of(row / rows + 1)
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): neighbours become unlike.
fn spread(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// A column, by its place.
pub(super) type ColumnId = u32;

/// Takes the cells of a data set instead of counting them.
pub(super) type Each<'m> = &'m mut dyn FnMut(&str);

/// The cells of one data set on their way to be counted.
pub(super) struct Rows<'m> {
    sample: Sample,
    each: Option<Each<'m>>,
    pub(super) meter: &'m Meter,
    names: Vec<String>,
    index: HashMap<String, ColumnId>,
    /// Rows begun so far, of them looked at, and the number of the current one.
    seen: u64,
    read: u64,
    row: u64,
    batch: Batch,
    full: Vec<Batch>,
    window: usize,
    tally: Tally,
    pub(super) bad: BadRows,
}

impl<'m> Rows<'m> {
    pub(super) fn new(sample: Sample, meter: &'m Meter) -> Self {
        Self {
            sample,
            each: None,
            meter,
            names: Vec::new(),
            index: HashMap::new(),
            seen: 0,
            read: 0,
            row: 0,
            batch: Batch::default(),
            full: Vec::new(),
            window: 2 * rayon::current_num_threads(),
            tally: Tally::default(),
            bad: BadRows::default(),
        }
    }

    /// Gives every cell to `each` instead of counting it.
    pub(super) fn given_to(meter: &'m Meter, each: Each<'m>) -> Self {
        Self { each: Some(each), ..Self::new(Sample::default(), meter) }
    }

    /// The column of this name, known or new.
    pub(super) fn column(&mut self, name: &str) -> ColumnId {
        if let Some(id) = self.index.get(name) {
            return *id;
        }
        let name = if self.names.len() < COLUMNS { name } else { OTHERS };
        let end = (0..=NAME.min(name.len())).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
        let name = name.get(..end).unwrap_or_default();
        if let Some(id) = self.index.get(name) {
            return *id;
        }
        let id = ColumnId::try_from(self.names.len()).unwrap_or_default();
        self.names.push(name.to_owned());
        self.index.insert(name.to_owned(), id);
        id
    }

    /// Begins the next row; whether it is to be looked at.
    pub(super) fn next(&mut self) -> bool {
        self.row = self.seen;
        self.seen += 1;
        let takes = self.sample.takes(self.row);
        self.read += u64::from(takes);
        takes
    }

    /// Begins this many rows, which come column by column, and gives the number of the first.
    pub(super) fn begin(&mut self, rows: u64) -> u64 {
        let first = self.seen;
        self.seen += rows;
        self.read += match self.sample.rows {
            None => rows,
            Some(_) => (first..self.seen).filter(|row| self.sample.takes(*row)).count() as u64,
        };
        first
    }

    /// Goes to a row that was begun; whether it is to be looked at.
    pub(super) fn go(&mut self, row: u64) -> bool {
        self.row = row;
        self.sample.takes(row)
    }

    /// One value of the current row. A row may have several of a column.
    pub(super) fn cell(&mut self, column: ColumnId, text: &str) {
        if text.trim_ascii().is_empty() || is_vector(text) {
            return;
        }
        if let Some(each) = &mut self.each {
            return each(text);
        }
        let name = self.names.get(column as usize).map(String::as_str).unwrap_or_default();
        self.batch.push(name, column, self.row, text);
        if self.batch.len() >= BATCH {
            self.full.push(std::mem::take(&mut self.batch));
            if self.full.len() >= self.window {
                self.flush();
            }
        }
    }

    /// A row or stretch that could not be read, and its line.
    pub(super) fn bad(&mut self, line: u64, message: &str) {
        self.bad.note(usize::try_from(line).ok().filter(|line| *line > 0), message);
    }

    fn flush(&mut self) {
        let tallies: Vec<Tally> = self.full.par_iter().map(Batch::tally).collect();
        self.full.clear();
        tallies.into_iter().for_each(|tally| self.tally.merge(tally));
    }

    /// What was counted, and what could not be read.
    pub(super) fn finish(mut self) -> (Dataset, BadRows) {
        self.full.push(std::mem::take(&mut self.batch));
        self.flush();
        let columns = self.tally.columns(self.names);
        let classes = columns.iter().flat_map(|column| &column.types).filter_map(|t| t.data_class.clone());
        let data_classes = classes.collect();
        (Dataset { rows: self.seen, rows_read: self.read, columns, data_classes, ..Dataset::default() }, self.bad)
    }
}

/// Whether a text is a vector of numbers, `[0.1,-2e-3]`, as databases export embeddings.
fn is_vector(text: &str) -> bool {
    let of_numbers = |b: &u8| b.is_ascii_digit() || b"[], .-+eE".contains(b);
    text.starts_with('[') && text.contains('.') && text.bytes().take(64).all(|b| of_numbers(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_the_front_and_ever_fewer_of_the_rest() {
        let sample = Sample { rows: Some(100), seed: 7 };
        let taken = |rows: std::ops::Range<u64>| rows.filter(|row| sample.takes(*row)).count();
        assert_eq!(taken(0..100), 100);
        assert!((300..600).contains(&taken(100..10_000)), "{}", taken(100..10_000));
        assert!((0..10_000).all(|row| Sample::default().takes(row)));
        assert!(!(0..100).any(|row| Sample { rows: Some(0), seed: 0 }.takes(row)));
    }

    #[test]
    fn columns_past_the_limit_count_as_one() {
        let meter = Meter::default();
        let mut rows = Rows::new(Sample::default(), &meter);
        for n in 0..3 * COLUMNS {
            rows.next();
            let column = rows.column(&format!("c{n}"));
            rows.cell(column, "x y");
        }
        let (set, _) = rows.finish();
        assert_eq!(set.columns.len(), COLUMNS + 1);
        assert_eq!(set.columns.last().map(|c| (c.name.as_str(), c.rows)), Some((OTHERS, 2 * COLUMNS as u64)));
    }
}
