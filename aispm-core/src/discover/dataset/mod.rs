//! Data sets by column: what personal data, credentials and bad links their rows hold.
//!
//! A reader for each format puts cells one after another into [`rows`]; nothing else differs between formats. Memory is
//! bounded whatever the size of a file, and a row that cannot be read costs the others nothing.
//!
//! ```
//! use aispm_core::discover::dataset::DatasetScanner;
//!
//! let folder = tempfile::tempdir().unwrap();
//! std::fs::write(folder.path().join("users.csv"), "id,mail\n1,ann@mail.example.org\n").unwrap();
//! let report = DatasetScanner::new().run([folder.path()]);
//! let column = &report.datasets[0].columns[1];
//! assert_eq!((column.types[0].kind.as_str(), column.types[0].share), ("EMAIL_ADDRESS", 1.0));
//! assert!(report.datasets[0].data_classes.contains("personal"));
//! ```

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use super::progress::{Listener, Meter};
use super::{Progress, Unread, walk};
use crate::asset::{Error, ErrorKind, Result};

#[cfg(feature = "dataset")]
mod arrow;
mod input;
mod json;
mod markup;
#[cfg(feature = "dataset")]
mod parquet;
#[cfg(feature = "dataset")]
mod pdf;
mod pickled;
mod plain;
mod postgres;
mod report;
mod rows;
#[cfg(feature = "store")]
mod sqlite;
mod table;
mod tally;

pub use report::{Column, Dataset, DatasetReport, TypeShare};

use self::rows::{Rows, Sample};

/// The column of a format without columns.
const TEXT: &str = "text";
/// Names of columns that say no more than that there is text.
const TEXT_COLUMNS: &[&str] =
    &[TEXT, "content", "value", "document", "page_content", "chroma:document", "(other columns)"];
/// Most rows of a group or batch; one that declares more is broken.
#[cfg(feature = "dataset")]
const ROW_LIMIT: u64 = 1 << 28;
/// First bytes that tell the format.
const HEAD: u64 = 512;

/// A file to be read.
struct Source<'p> {
    path: &'p Path,
}

/// One format: how a file of it is known, and what reads it.
struct Format {
    name: &'static str,
    /// Its magic number is enough, whatever the name.
    magic: fn(&[u8]) -> bool,
    /// Ends of names, without the dot.
    names: &'static [&'static str],
    /// Rows of records, not one text.
    tabular: bool,
    read: fn(&Source<'_>, &mut Rows<'_>) -> Result<()>,
}

const FORMATS: &[Format] = &[
    #[cfg(feature = "dataset")]
    Format {
        name: "parquet",
        magic: |head| head.starts_with(b"PAR1"),
        names: &["parquet"],
        tabular: true,
        read: parquet::read,
    },
    #[cfg(feature = "dataset")]
    Format { name: "arrow", magic: is_arrow, names: &["arrow", "feather", "ipc"], tabular: true, read: arrow::read },
    #[cfg(feature = "dataset")]
    Format { name: "pdf", magic: |head| head.starts_with(b"%PDF-"), names: &["pdf"], tabular: true, read: pdf::read },
    #[cfg(feature = "store")]
    Format { name: "sqlite", magic: is_sqlite, names: &["sqlite", "sqlite3", "db"], tabular: true, read: sqlite::read },
    Format {
        name: "office",
        magic: none,
        names: &["docx", "docm", "dotx", "pptx", "odt", "odp"],
        tabular: true,
        read: markup::read_office,
    },
    Format { name: "pickle", magic: is_pickle, names: &["pkl", "pickle"], tabular: true, read: pickled::read },
    Format { name: "csv", magic: none, names: &["csv", "tsv", "psv"], tabular: true, read: table::read },
    Format { name: "jsonl", magic: none, names: &["jsonl", "ndjson"], tabular: true, read: json::read_lines },
    Format { name: "json", magic: none, names: &["json"], tabular: false, read: json::read },
    Format { name: "sql", magic: none, names: &["sql"], tabular: false, read: postgres::read },
    Format { name: "html", magic: none, names: &["html", "htm", "xhtml"], tabular: false, read: markup::read_html },
    Format {
        name: "markdown",
        magic: none,
        names: &["md", "markdown", "mdx", "rst"],
        tabular: false,
        read: plain::read,
    },
    Format { name: "text", magic: none, names: &["txt", "text", "log"], tabular: false, read: plain::read },
    Format {
        name: "template",
        magic: none,
        names: &["jinja", "jinja2", "j2", "prompt", "prompty", "mustache", "hbs", "tmpl", "yaml", "yml"],
        tabular: false,
        read: plain::read,
    },
    Format {
        name: "unread",
        magic: |head| UNREAD.iter().any(|(magic, _)| head.starts_with(magic)),
        names: &["snapshot", "parquet", "arrow", "feather", "ipc", "pdf", "sqlite", "sqlite3", "xlsx"],
        tabular: true,
        read: unread_format,
    },
];

/// Data that is known and not read, by its first bytes, with what to do.
const UNREAD: &[(&[u8], &str)] = &[
    (b"PGDMP", "a dump in PostgreSQL's own format; make one with --format=plain"),
    (b"FEA1", "Feather of version 1; write it as version 2"),
    (b"PARE", "Parquet with an encrypted footer; decrypt it first"),
    (b"\xD0\xCF\x11\xE0", "an office file of the old kind; save it as .docx"),
    (b"PAR1", "Parquet; this build lacks the feature `dataset`"),
    (b"ARROW1", "Arrow; this build lacks the feature `dataset`"),
    (b"%PDF-", "PDF; this build lacks the feature `dataset`"),
    (b"SQLite format 3\0", "SQLite; this build lacks the feature `store`"),
];

/// Says why a known format is not read.
fn unread_format(source: &Source<'_>, _: &mut Rows<'_>) -> Result<()> {
    let head = head(source.path)?;
    let known = UNREAD.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, reason)| *reason);
    let snapshot = source.path.extension().is_some_and(|end| end == "snapshot");
    let other =
        if snapshot { "a snapshot of a vector store; export its points as JSON" } else { "a format that is not read" };
    Err(Error::new(ErrorKind::Unreadable, known.unwrap_or(other)).at(source.path))
}

#[cfg(feature = "dataset")]
fn is_arrow(head: &[u8]) -> bool {
    head.starts_with(b"ARROW1\0\0") || head.starts_with(&[0xFF; 4]) && head.get(6..8) == Some(&[0, 0])
}

#[cfg(feature = "store")]
fn is_sqlite(head: &[u8]) -> bool {
    head.starts_with(b"SQLite format 3\0")
}

fn is_pickle(head: &[u8]) -> bool {
    matches!(head, [0x80, 2..=5, ..])
}

fn none(_: &[u8]) -> bool {
    false
}

/// Looks into data sets; reusable.
#[derive(Debug, Clone, Default)]
pub struct DatasetScanner {
    sample: Sample,
    listener: Listener,
}

impl DatasetScanner {
    /// Looks at every row.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the first `rows` rows of each data set, and of the rest at every k-th, k growing with the distance:
    /// `rows` · (1 + ln(n / `rows`)) of n rows in all. `seed` chooses which; the same seed chooses the same.
    #[must_use]
    pub fn sample(mut self, rows: u64, seed: u64) -> Self {
        self.sample = Sample { rows: Some(rows), seed };
        self
    }

    /// Tells how far a run has come, from any thread.
    #[must_use]
    pub fn on_progress(mut self, tell: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.listener = Listener(Some(Arc::new(tell)));
        self
    }

    /// Reads files and folders in parallel. What is no data set is `skipped`, what could not be read `incomplete`.
    /// Linear in the bytes.
    pub fn run<P: AsRef<Path>>(&self, paths: impl IntoIterator<Item = P>) -> DatasetReport {
        let walk = walk::walk(paths);
        let meter = Meter::new(self.listener.clone(), walk.files.len());
        let read: Vec<Outcome> = walk.files.par_iter().map(|path| self.file(path, &meter)).collect();
        let mut report = DatasetReport { skipped: walk.skipped, incomplete: walk.unread, ..DatasetReport::default() };
        for outcome in read {
            report.datasets.extend(outcome.dataset);
            report.skipped.extend(outcome.skipped);
            report.incomplete.extend(outcome.incomplete);
        }
        report
    }

    fn file(&self, path: &Path, meter: &Meter) -> Outcome {
        let outcome = match format(path) {
            Ok(Some(format)) => self.read(path, format, meter),
            Ok(None) => Outcome::skipped(path, "not a data set of a known format"),
            Err(error) => Outcome { incomplete: Some(unread(path, &error)), ..Outcome::default() },
        };
        meter.read(1, 0);
        outcome
    }

    fn read(&self, path: &Path, format: &Format, meter: &Meter) -> Outcome {
        let mut rows = Rows::new(self.sample, meter);
        let read = format.read(path, &mut rows);
        let (mut dataset, bad) = rows.finish();
        dataset.path = path.display().to_string();
        dataset.format = format.name.to_owned();
        let error = read.err().or_else(|| bad.into_error());
        let unread = error.as_ref().map(|error| unread(path, error));
        let nothing = unread.is_some() && dataset.rows == 0;
        Outcome { dataset: (!nothing).then_some(dataset), incomplete: unread, skipped: None }
    }
}

impl Format {
    fn read(&self, path: &Path, rows: &mut Rows<'_>) -> Result<()> {
        // readers of other makers may trip over hostile files; what they gave before is sound
        catch_unwind(AssertUnwindSafe(|| (self.read)(&Source { path }, rows)))
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Malformed, "too broken to be read further")))
    }

    /// Whether its cells are parts of running text, not values.
    fn is_prose(&self) -> bool {
        matches!(self.name, "pdf" | "office" | "html" | "markdown" | "text" | "template")
    }
}

/// How the cells of a file are to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cells {
    /// As values of records.
    Values,
    /// As parts of one running text.
    Prose,
}

impl Cells {
    /// What a file of this name or content has; `None` if it is of no known format.
    pub fn of(path: &Path) -> Result<Option<Self>> {
        Ok(format(path)?.map(|format| if format.is_prose() { Self::Prose } else { Self::Values }))
    }
}

/// Gives each cell of a file to `each`, by row or by column as its format has them; empty cells and vectors are passed
/// over. Gives the numbers of rows read and of those that could not be. Linear; memory is bounded as in [`DatasetScanner`].
pub fn each_cell(path: &Path, each: &mut dyn FnMut(&str)) -> Result<(u64, usize)> {
    let format = format(path)?;
    let format = format.ok_or_else(|| Error::new(ErrorKind::Unreadable, "not a data set of a known format"))?;
    let meter = Meter::default();
    let mut rows = Rows::given_to(&meter, each);
    format.read(path, &mut rows)?;
    let (dataset, bad) = rows.finish();
    let bad = bad.count();
    Ok((dataset.rows.saturating_sub(bad as u64), bad))
}

/// What became of a file.
#[derive(Debug, Default)]
struct Outcome {
    dataset: Option<Dataset>,
    skipped: Option<Unread>,
    incomplete: Option<Unread>,
}

impl Outcome {
    fn skipped(path: &Path, reason: &str) -> Self {
        let unread = Unread { path: path.display().to_string(), reason: reason.to_owned(), critical: false };
        Self { skipped: Some(unread), ..Self::default() }
    }
}

fn unread(path: &Path, error: &Error) -> Unread {
    Unread { path: path.display().to_string(), reason: error.reason(), critical: false }
}

/// Whether a single file is one of records, or not text at all, so that [`DatasetScanner`] is what reads it.
#[must_use]
pub fn is_table(path: &Path) -> bool {
    format(path).is_ok_and(|format| format.is_some_and(|format| format.tabular))
}

/// The format of a file: by its first bytes, else by its name.
fn format(path: &Path) -> Result<Option<&'static Format>> {
    let head = head(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    let by_name = || FORMATS.iter().find(|format| format.names.contains(&end));
    Ok(FORMATS.iter().find(|format| (format.magic)(&head)).or_else(by_name))
}

fn head(path: &Path) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    let file = File::open(path).map_err(|error| Error::unreadable(path, error))?;
    file.take(HEAD).read_to_end(&mut head).map_err(|error| Error::unreadable(path, error))?;
    Ok(head)
}

#[cfg(test)]
mod tests;
