//! `aispm detect` on data sets.

use std::io::{self, Write};
use std::path::PathBuf;

use super::{Exit, line, output, print_json, progress, warn, written};
use crate::asset::{Error, ErrorKind, Result};
use crate::discover::dataset::{Dataset, DatasetReport, DatasetScanner, TypeShare};
use crate::report::count;

/// What only data sets take.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Data sets")]
pub(super) struct Options {
    /// Read a text, Markdown, HTML or JSON file by rows and columns too
    #[arg(long)]
    dataset: bool,
    /// Rows of each data set to look at: all, or a number, past which ever fewer are looked at
    #[arg(long, value_name = "ROWS", default_value = "all", value_parser = sample)]
    sample: Sample,
    /// Chooses which rows are sampled
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Style::Text)]
    format: Style,
    /// Write the result to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write the classes of data that were found to this file, for `aispm assess --facts`
    #[arg(long, value_name = "FILE")]
    facts_out: Option<PathBuf>,
    /// With --facts-out: the id of the asset that all of this is the content of, e.g. s3://bucket
    #[arg(long, value_name = "ID", requires = "facts_out")]
    asset: Option<String>,
}

#[derive(Debug, Clone, Copy)]
struct Sample(Option<u64>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Style {
    Text,
    Json,
}

fn sample(text: &str) -> Result<Sample, String> {
    let rows = text.parse().ok().filter(|rows| *rows > 0);
    if text == "all" || rows.is_some() { Ok(Sample(rows)) } else { Err("write a number of rows, or all".to_owned()) }
}

impl Options {
    /// Whether a file is asked to be read as a data set, whatever it is.
    pub(super) fn forced(&self) -> bool {
        self.dataset || self.output.is_some() || self.facts_out.is_some()
    }

    pub(super) fn run(self, paths: &[PathBuf]) -> Result<Exit> {
        let mut scanner = DatasetScanner::new();
        if let Sample(Some(rows)) = self.sample {
            scanner = scanner.sample(rows, self.seed);
        }
        if let Some(tell) = progress() {
            scanner = scanner.on_progress(tell);
        }
        let report = scanner.run(paths);
        if let Some(file) = &self.facts_out {
            facts(&mut *output(Some(file))?, &report, self.asset.as_deref()).map_err(written)?;
        }
        let mut out = output(self.output.as_ref())?;
        match self.format {
            Style::Json => print_json(&mut *out, &report)?,
            Style::Text => text(&mut *out, &report).and_then(|()| out.flush()).map_err(written)?,
        }
        if report.datasets.is_empty() {
            warn("no data set could be read");
            return Ok(Exit::Unreliable);
        }
        Ok(if report.holds_findings() { Exit::Findings } else { Exit::Clean })
    }
}

/// Facts in YAML, an asset a line.
fn facts(out: &mut dyn Write, report: &DatasetReport, asset: Option<&str>) -> io::Result<()> {
    let facts = report.facts(asset);
    writeln!(out, "# classes of data that `aispm detect` found")?;
    writeln!(out, "assets:{}", if facts.assets.is_empty() { " []" } else { "" })?;
    for asset in &facts.assets {
        writeln!(out, "- {}", serde_json::to_string(asset)?)?;
    }
    out.flush()
}

/// A table for each data set that holds something, then what was not read, then the sum.
fn text(out: &mut dyn Write, report: &DatasetReport) -> io::Result<()> {
    let mut holding = 0;
    for set in &report.datasets {
        let width = |of: fn(&TypeShare) -> usize| set.columns.iter().flat_map(|c| &c.types).map(of).max().unwrap_or(0);
        let kinds = width(|t| t.kind.len());
        let names = set.columns.iter().filter(|c| !c.types.is_empty()).map(|c| c.name.chars().count()).max();
        let Some(names) = names else { continue };
        holding += 1;
        line(out, format_args!("{}  ({}, {}{})", set.path, set.format, rows(set), classes(set)))?;
        for column in &set.columns {
            for (n, t) in column.types.iter().enumerate() {
                let name = if n == 0 { column.name.as_str() } else { "" };
                let (share, examples) = (percent(t.share), t.examples.join(", "));
                line(out, format_args!("    {name:<names$}  {:<kinds$}  {share:>7}  {examples}", t.kind))?;
            }
        }
    }
    for unread in &report.incomplete {
        line(out, format_args!("not read: {}: {}", unread.path, unread.reason))?;
    }
    let sets = count(report.datasets.len(), "data set");
    let skipped = count(report.skipped.len(), "other file");
    line(
        out,
        format_args!("{sets}: something found in {holding}; {skipped} left out, {} not read", report.incomplete.len()),
    )
}

fn rows(set: &Dataset) -> String {
    let rows = usize::try_from(set.rows).unwrap_or(usize::MAX);
    match set.rows_read {
        read if read < set.rows => format!("{read} of {}", count(rows, "row")),
        _ => count(rows, "row"),
    }
}

fn classes(set: &Dataset) -> String {
    let classes: Vec<&str> = set.data_classes.iter().map(String::as_str).collect();
    if classes.is_empty() { String::new() } else { format!(": {}", classes.join(", ")) }
}

fn percent(share: f64) -> String {
    if share < 0.001 { "<0.1 %".to_owned() } else { format!("{:.1} %", share * 100.0) }
}

/// That options of texts were given with data sets.
pub(super) fn for_texts() -> Error {
    Error::new(
        ErrorKind::Usage,
        "--as, --config, --known and --jsonl are for one text, not for folders, several files, --output or --facts-out",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(files: &[(&str, &str)]) -> (tempfile::TempDir, DatasetReport) {
        let folder = tempfile::tempdir().unwrap();
        files.iter().for_each(|(name, text)| std::fs::write(folder.path().join(name), text).unwrap());
        let report = DatasetScanner::new().run([folder.path()]);
        (folder, report)
    }

    #[test]
    fn a_table_says_what_each_column_holds() {
        let files = [("a.csv", "mail,x\nann@mail.example.org,1\nbob,2\n"), ("b.jsonl", "{oops\n"), ("c.bin", "x")];
        let (_folder, report) = scan(&files);
        let mut out = Vec::new();
        text(&mut out, &report).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains("a.csv  (csv, 2 rows: personal)\n    mail  EMAIL_ADDRESS   50.0 %  a…g\n"), "{out}");
        assert!(out.contains("not read: ") && out.ends_with("1 other file left out, 1 not read\n"), "{out}");
    }

    #[test]
    fn the_facts_are_those_that_assess_reads() {
        let (_folder, report) = scan(&[("a.csv", "mail\nann@mail.example.org\n")]);
        for asset in [None, Some("s3://acme-train")] {
            let mut out = Vec::new();
            facts(&mut out, &report, asset).unwrap();
            let read = crate::discover::declared::Facts::from_yaml("f.yaml", &String::from_utf8(out).unwrap()).unwrap();
            assert_eq!(read.assets, report.facts(asset).assets);
        }
        let mut out = Vec::new();
        facts(&mut out, &DatasetReport::default(), None).unwrap();
        assert!(crate::discover::declared::Facts::from_yaml("f.yaml", &String::from_utf8(out).unwrap()).is_ok());
    }
}
