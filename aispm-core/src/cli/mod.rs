//! The command line. One file a command; each converts arguments, calls one room and prints.
//!
//! Exit codes: 0 nothing at or above the bar, 1 findings, 2 usage, policy or configuration error, or input that could
//! not be read where it matters.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Parser, Subcommand};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::assess::Assessor;
use crate::asset::{Error, ErrorKind, Result};
use crate::discover::{Discoverer, Progress};
use crate::report::Format;

mod assess;
mod classify;
mod collect;
mod completions;
mod coverage;
mod data;
mod detect;
mod diff;
mod discover;
mod draft;
mod estate;
mod evidence;
mod explain;
mod fingerprint;
mod history;
mod init;
mod lineage;
mod paths;
mod readiness;
mod rows;
mod rules;
mod scan;
mod schema;
mod simulate;

/// AI security posture management: discover, judge, trace and guard, offline.
#[derive(Debug, Parser)]
#[command(name = "aispm", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Assess(assess::Args),
    Discover(discover::Args),
    Lineage(lineage::Args),
    Paths(paths::Args),
    Explain(explain::Args),
    Simulate(simulate::Args),
    Detect(detect::Args),
    Fingerprint(fingerprint::Args),
    Scan(scan::Args),
    Rules(rules::Args),
    Coverage(coverage::Args),
    Readiness(readiness::Args),
    Classify(classify::Args),
    Draft(draft::Args),
    Diff(diff::Args),
    Evidence(evidence::Args),
    History(history::Args),
    Init(init::Args),
    Collect(collect::Args),
    Data(data::Args),
    Schema(schema::Args),
    Completions(completions::Args),
}

/// How a command that did its work ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Nothing at or above the bar.
    Clean = 0,
    /// Findings at or above the bar.
    Findings = 1,
    /// The result must not be relied on, and standard error says why.
    Unreliable = 2,
}

/// Runs the command line on these arguments, the program's name first, and returns its exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // a failed print to a closed stream has nowhere to go
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(2);
        }
    };
    let result = match cli.command {
        Command::Assess(args) => args.run(),
        Command::Discover(args) => args.run(),
        Command::Lineage(args) => args.run(),
        Command::Paths(args) => args.run(),
        Command::Explain(args) => args.run(),
        Command::Simulate(args) => args.run(),
        Command::Detect(args) => args.run(),
        Command::Fingerprint(args) => args.run(),
        Command::Scan(args) => args.run(),
        Command::Rules(args) => args.run(),
        Command::Coverage(args) => args.run(),
        Command::Readiness(args) => args.run(),
        Command::Classify(args) => args.run(),
        Command::Draft(args) => args.run(),
        Command::Diff(args) => args.run(),
        Command::Evidence(args) => args.run(),
        Command::History(args) => args.run(),
        Command::Init(args) => args.run(),
        Command::Collect(args) => args.run(),
        Command::Data(args) => args.run(),
        Command::Schema(args) => args.run(),
        Command::Completions(args) => args.run(),
    };
    match result {
        Ok(exit) => exit as u8,
        // the reader went away (`aispm … | head`): nothing is wrong
        Err(error) if error.source.as_ref().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => 0,
        Err(error) => {
            warn(&format!("error: {error}"));
            Exit::Unreliable as u8
        }
    }
}

/// An assessor that knows these catalogues, and shows its progress where standard error is a terminal.
fn assessor(catalogs: &[PathBuf]) -> Result<Assessor> {
    let mut discoverer = Discoverer::new();
    for path in catalogs {
        discoverer = discoverer.catalog(path.display().to_string(), input(path)?)?;
    }
    if !io::stderr().is_terminal() {
        return Ok(Assessor::new().discoverer(discoverer));
    }
    let style = "{bar:24} {pos}/{len} files  {msg}";
    let bar =
        ProgressBar::new(0).with_style(ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()));
    let tell = move |progress: Progress| {
        bar.set_length(progress.of as u64);
        bar.set_position(progress.files as u64);
        bar.set_message(HumanBytes(progress.bytes).to_string());
        if progress.files == progress.of {
            bar.finish_and_clear();
        }
    };
    Ok(Assessor::new().discoverer(discoverer.on_progress(tell)))
}

/// The system's day.
fn today() -> String {
    crate::monitor::now().chars().take(10).collect()
}

/// A day as an argument.
fn day(text: &str) -> Result<String, String> {
    let known = text.len() == 10 && crate::asset::day(text).is_some();
    if known { Ok(text.to_owned()) } else { Err("write YYYY-MM-DD".to_owned()) }
}

/// A line on standard error. Messages quote file names and input, so they are made safe for a terminal.
fn warn(message: &str) {
    let message = crate::report::plain(message);
    // a closed standard error has nowhere to report to
    let _ = writeln!(anstream::stderr(), "aispm: {message}");
}

/// A line of a text result, made safe for a terminal like the lines of [`warn`].
fn line(out: &mut dyn Write, text: std::fmt::Arguments<'_>) -> io::Result<()> {
    writeln!(out, "{}", crate::report::plain(&text.to_string()))
}

/// The formats of reports, for `--format`.
fn format() -> impl clap::builder::TypedValueParser<Value = Format> {
    let names = PossibleValuesParser::new(Format::ALL.iter().map(|format| format.as_str()));
    names.map(|name| name.parse().unwrap_or(Format::Text))
}

/// Where a command's result goes: a file, or standard output.
fn output(file: Option<&PathBuf>) -> Result<Box<dyn Write>> {
    Ok(match file {
        Some(path) => {
            let file = std::fs::File::create(path).map_err(|error| Error::unreadable(path, error))?;
            Box::new(io::BufWriter::new(file))
        }
        None => Box::new(io::BufWriter::new(anstream::stdout())),
    })
}

/// Input named on the command line, `-` for standard input, as text; bytes that are not UTF-8 are an error.
fn input(path: &std::path::Path) -> Result<String> {
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        io::stdin().read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.map_err(|error| Error::unreadable(path, error))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to() as u64;
        Error::new(ErrorKind::Malformed, "not UTF-8").at_byte(valid).at(path)
    })
}

/// Whether standard output takes colours: a terminal, and neither `NO_COLOR` nor the like against it.
fn colored() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

/// How many columns text may fill: those of the terminal, at most 100.
fn columns() -> usize {
    terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0).min(100))
}

/// Prints a document as pretty JSON with `"schema": "aispm/1"` first.
fn print_json(out: &mut dyn Write, document: &impl serde::Serialize) -> Result<()> {
    crate::report::write_json(out, document).map_err(written)
}

/// A failed write as our error.
fn written(error: io::Error) -> Error {
    let mut wrapped = Error::new(ErrorKind::Unreadable, format!("cannot write the result: {error}"));
    wrapped.source = Some(error);
    wrapped
}
